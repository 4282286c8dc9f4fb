"""`predict-table --treatment`: learn what a treatment adds, or score rows with what was learned."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from brandloom.i18n import _, language, say
from brandloom.terminal import bars, out

if TYPE_CHECKING:
    from brandloom.predict.tables import Asked, EffectModel, Frame


def learn(file: Path, asked: Asked, folder: Path | None, scores: Path | None, row: int | None, as_json: bool) -> None:
    """Learn effects from a file, and write what is asked for."""
    from brandloom.measure.effect_report import render_effect_report
    from brandloom.predict import tables
    from brandloom.predict.tables.outputs import write_scores
    frame = tables.read_frame(file)
    with bars() as progress:
        learned = tables.learn_effects(frame, asked, now=datetime.now(UTC).replace(tzinfo=None), progress=progress)
    model, written = learned.model, list[Path]()
    if folder is not None:
        model.save(folder)
        texts = {"card.json": json.dumps(_told(model), ensure_ascii=False, indent=2) + "\n", "report.html": render_effect_report(model, language())}
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        written = [folder / name for name in ("effects.json", *texts)]
    for target in ([] if folder is None or scores is not None else [folder / "scores.csv"]) + ([] if scores is None else [scores]):
        write_scores(_scores(model, frame, learned.part), target)
        written.append(target)
    _finish(model, frame, written, row, as_json)


def use(model: EffectModel, file: Path, scores: Path | None, row: int | None, as_json: bool) -> None:
    """Score the rows of a file with a model that is there."""
    from brandloom.predict.tables.outputs import write_scores
    frame = model.read(file)
    if scores is not None:
        write_scores(_scores(model, frame), scores)
    _finish(model, frame, [] if scores is None else [scores], row, as_json, scored=True)


def _finish(model: EffectModel, frame: Frame, written: list[Path], row: int | None, as_json: bool, *, scored: bool = False) -> None:
    from brandloom.predict.tables import explain_effects
    from brandloom.predict.tables.effects import effect_sentences
    why = {} if row is None else explain_effects(model, frame, row)
    if as_json:
        rows = {arm: {"effect": effect, "base": base, "parts": [asdict(part) for part in parts]} for arm, (effect, base, parts) in why.items()}
        told = {"rows": frame.rows, "mean_effect": {arm: float(one.mean()) for arm, one in model.effects(frame).items()}} if scored else {
            "card": _told(model)}
        sys.stdout.write(json.dumps({**told, "written": [str(path) for path in written], **({"row": row, "explanation": rows} if rows else {})},
                                    ensure_ascii=False, indent=2) + "\n")
        return
    if scored:
        for arm, one in model.effects(frame).items():
            _line(say(_("{rows} rows scored; {arm} adds {effect} on average."), rows=f"{frame.rows:,}", arm=arm, effect=f"{one.mean():+.4g}"))
    else:
        for sentence in model.sentences(language()):
            _line(sentence)
        for finding in model.card.findings:
            _line("- " + finding.text(language()))
        for limit in model.card.limits:
            _line("- " + say(limit))
    for sentence in effect_sentences(model, why, language()):
        _line(sentence)
    for path in written:
        _line(say(_("Wrote {path}."), path=path))


def _told(model: EffectModel) -> dict[str, Any]:
    """The card for programs, with the verdicts and, of each treatment, what the learning rows said."""
    card = asdict(model.card) | {"findings": [asdict(one) | {"text": one.text("en")} for one in model.card.findings]}
    return card | {"verdicts": {arm: one.verdict for arm, one in model.uplift.cards.items()}, "sentences": model.sentences("en"),
                   "learned": {arm: asdict(one) for arm, one in model.uplift.cards.items()}}


def _scores(model: EffectModel, frame: Frame, part: tuple[str, ...] | None = None) -> pa.Table:
    """row (from 1, as in the file), the effect of each treatment, the best one ('' where none adds anything), and the row's part in learning."""
    columns: dict[str, Any] = {"row": np.arange(1, frame.rows + 1)}
    columns |= {f"effect_{arm}": effect for arm, effect in model.effects(frame).items()}
    columns["best"] = model.best(frame)
    return pa.table(columns | ({} if part is None else {"part": part}))


def _line(text: str) -> None:
    out.print(text, markup=False, highlight=False, soft_wrap=True)
