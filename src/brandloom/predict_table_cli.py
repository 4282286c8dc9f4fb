"""Command for a table that a company brings: learn one of its columns, or score rows with what was learned."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from brandloom import treatment_cli
from brandloom.errors import ConfigError
from brandloom.i18n import _, language, say
from brandloom.terminal import bars, command, out

if TYPE_CHECKING:
    from brandloom.predict.tables import Frame, Learned, TableModel

_SHOWN, EFFECTS = 8, "effects.json"


def register(app: typer.Typer) -> None:
    """Add `predict-table` to the program."""
    command(app, "predict-table", _("Predict a column of your own table: checked for leaks, calibrated, judged on rows held back, explained."),
            "brandloom predict-table leads.csv --target converted --time created_at --out leads-model")(predict_table)


def predict_table(
        file: Annotated[Path, typer.Argument(metavar="FILE", help=say("CSV, TSV, XLSX, JSONL or Parquet, one row per case."))],
        target: Annotated[str | None, typer.Option(metavar="COL", show_default=False, help=say(
            "The column to predict: two classes or a number. Rows where it is empty are scored."))] = None,
        model: Annotated[Path | None, typer.Option(metavar="FOLDER", show_default=False, help=say(
            "Learn nothing: score FILE with the model that an earlier run wrote with --out."))] = None,
        positive: Annotated[str | None, typer.Option(metavar="VALUE", show_default=False, help=say(
            "The class whose probability is predicted; needed where there are more than two."))] = None,
        time: Annotated[str | None, typer.Option(metavar="COL", show_default=False, help=say(
            "When each row happened: learn from earlier rows, judge on later ones."))] = None,
        treatment: Annotated[str | None, typer.Option(metavar="COL", show_default=False, help=say(
            "What each row got: predict what each treatment adds to the target, and whether it pays to choose whom to treat."))] = None,
        control: Annotated[str | None, typer.Option(metavar="VALUE", show_default=False, help=say(
            "With --treatment: the value that is no treatment."))] = None,
        group: Annotated[str | None, typer.Option(metavar="COL", show_default=False, help=say(
            "Compare rates and errors between the groups of this column, which the model does not use."))] = None,
        keep: Annotated[list[str] | None, typer.Option(metavar="COL", show_default=False, help=say(
            "Use this column although a check would leave it out. May be given several times."))] = None,
        drop: Annotated[list[str] | None, typer.Option(metavar="COL", show_default=False, help=say(
            "Do not use this column. May be given several times."))] = None,
        trials: Annotated[int, typer.Option(min=0, max=1000, help=say(
            "Search settings of the trees so often with optuna; with --out a search that was stopped goes on."))] = 0,
        minutes: Annotated[float, typer.Option(min=0.0, help=say("Begin no further trial after so many minutes."))] = 10.0,
        row: Annotated[int | None, typer.Option(metavar="N", show_default=False, help=say("Explain this row; the first is 1."))] = None,
        what_if: Annotated[list[str] | None, typer.Option("--set", metavar="COL=VALUE", show_default=False, help=say(
            "With --row: what its score would be with another value. May be given several times."))] = None,
        folder: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", show_default=False, help=say(
            "Write model, model card, report.html and scores.csv to this folder."))] = None,
        scores: Annotated[Path | None, typer.Option(metavar="FILE", show_default=False, help=say(
            "Write the scores of all rows to this file, .csv or .parquet."))] = None,
        seed: Annotated[int, typer.Option(help=say("Another number splits and learns anew."))] = 0,
        as_json: Annotated[bool, typer.Option("--json", help=say("Print JSON for programs."))] = False) -> None:
    from brandloom.predict import tables
    changes = _changes(what_if or [], row)
    _check_treatment(treatment, {"--control": control}, {"--group": group, "--trials": trials, "--set": what_if})
    _check(target, model, {"--positive": positive, "--time": time, "--treatment": treatment, "--group": group, "--keep": keep,
                           "--drop": drop, "--trials": trials, "--out": folder}, scores)
    if model is not None and (model.name == EFFECTS or (model / EFFECTS).exists()):
        if changes:
            raise ConfigError(_("{option} does not go with --treatment. Leave it out."), option="--set")
        treatment_cli.use(tables.load_effects(model), file, scores, row, as_json)
        return
    if model is not None:
        known = tables.load_model(model)
        frame = known.read(file)
        _use(known, frame, scores, row, changes, as_json)
        return
    assert target is not None
    if treatment is not None:
        if folder is not None:
            _make(folder)
        asked = tables.Asked(target, treatment, control, positive, time, tuple(keep or ()), tuple(drop or ()), seed)
        treatment_cli.learn(file, asked, folder, scores, row, as_json)
        return
    frame = tables.read_frame(file)
    wanted = tables.Wanted(target, positive, time, group, tuple(keep or ()), tuple(drop or ()), trials, minutes, seed)
    if folder is not None:
        _make(folder)
    with bars() as progress:
        learned = tables.learn_table(frame, wanted, now=datetime.now(UTC).replace(tzinfo=None), progress=progress,
                                     store=None if folder is None else folder / "search.journal")
    written = _write(learned, folder, scores)
    why = _explained(learned.model, frame, row, changes)
    if as_json:
        from brandloom.predict.tables.outputs import card_json
        _json({"card": json.loads(card_json(learned.model.card)), "written": [str(path) for path in written], **why})
        return
    _show_card(learned, why)
    for path in written:
        _line(say(_("Wrote {path}."), path=path))


def _use(model: TableModel, frame: Frame, target: Path | None, row: int | None, changes: dict[str, str], as_json: bool) -> None:
    """Score the rows of a file with a model that is there."""
    from brandloom.predict.tables.outputs import scores_table, write_scores
    found = model.score(frame)
    why = _explained(model, frame, row, changes)
    if target is not None:
        write_scores(scores_table(found, is_class=model.card.task == "class"), target)
    mean = float(found.value.mean())
    if as_json:
        _json({"rows": frame.rows, "mean_score": mean, "unseen_categories": found.unseen, "written": [] if target is None else [str(target)], **why})
        return
    for name, count in found.unseen.items():
        _line(say(_("'{column}': {count} rows have a category that the model has never seen; it takes them as missing."), column=name, count=count))
    _line(say(_("{rows} rows scored, {score} on average."), rows=f"{frame.rows:,}", score=f"{mean:.4g}"))
    _show_why(why)
    if target is not None:
        _line(say(_("Wrote {path}."), path=target))


def _explained(model: TableModel, frame: Frame, row: int | None, changes: dict[str, str]) -> dict[str, Any]:
    from brandloom.predict import tables
    if row is None:
        return {}
    why = tables.explain(model, frame, row)
    found: dict[str, Any] = {"row": row, "explanation": asdict(why), "sentences": why.sentences(model, language())}
    if changes:
        other = tables.explain(model, tables.changed(model, frame, row, changes), 1)
        found["what_if"] = {"changes": changes, "score": other.score, "difference": other.score - why.score}
    return found


def _write(learned: Learned, folder: Path | None, scores: Path | None) -> list[Path]:
    from brandloom.measure.table_report import render_table_report
    from brandloom.predict.tables.outputs import card_json, card_markdown, scores_table, write_scores
    card = learned.model.card
    table = scores_table(learned.scores, is_class=card.task == "class", part=learned.part)
    written = []
    if folder is not None:
        learned.model.save(folder)
        texts = {"card.json": card_json(card), "card.md": card_markdown(card, language()), "report.html": render_table_report(card, language())}
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        written = [folder / name for name in ("model.json", *texts)]
    for target in ([] if folder is None or scores is not None else [folder / "scores.csv"]) + ([] if scores is None else [scores]):
        write_scores(table, target)
        written.append(target)
    return written


def _show_card(learned: Learned, why: dict[str, Any]) -> None:
    from brandloom.predict.tables.outputs import METRICS, card_lines
    card = learned.model.card
    table = Table(title=say(_("Learned")), show_header=False, title_justify="left")
    table.add_column(style="bold", overflow="fold")
    table.add_column(overflow="fold")
    for name, value in card_lines(card, language()):
        table.add_row(name, value)
    for name, one in card.metrics.items():
        table.add_row(say(METRICS[name]), str(one))
    top = list(card.importances.items())[:_SHOWN]
    table.add_row(say(_("What the columns say")), ", ".join(f"{name} {share:.0%}" for name, share in top))
    out.print(table)
    for finding in card.findings:
        _line("- " + finding.text(language()))
    for limit in card.limits:
        _line("- " + say(limit))
    _show_why(why)


def _show_why(why: dict[str, Any]) -> None:
    for sentence in why.get("sentences", ()):
        _line(sentence)
    if "what_if" in why:
        _line(say(_("With {changes} the score would be {score} ({difference})."), changes=", ".join(
            f"{name} = {value}" for name, value in why["what_if"]["changes"].items()), score=f"{why['what_if']['score']:.4g}",
            difference=f"{why['what_if']['difference']:+.4g}"))


def _check(target: str | None, model: Path | None, learning: dict[str, object], scores: Path | None) -> None:
    if (target is None) == (model is None):
        raise ConfigError(_("Name the column to predict with --target, or the model to score with with --model; one of the two."))
    extra = next((name for name, value in learning.items() if value), None)
    if model is not None and extra is not None:
        raise ConfigError(_("{option} is for learning; with --model nothing is learned. Leave it out."), option=extra)
    if scores is not None and scores.suffix.lower() not in (".csv", ".parquet"):
        raise ConfigError(_("Scores are written as .csv or .parquet, not as {file}."), file=scores.name)
    if scores is not None and not scores.parent.is_dir():
        raise ConfigError(_("There is no folder {path} for --scores. Make it, or choose another."), path=scores.parent)


def _check_treatment(treatment: str | None, needs_it: dict[str, object], not_with_it: dict[str, object]) -> None:
    wrong = next((name for name, value in needs_it.items() if value and treatment is None), None)
    if wrong is not None:
        raise ConfigError(_("{option} belongs to --treatment. Name the column that says what each row got."), option=wrong)
    wrong = next((name for name, value in not_with_it.items() if value and treatment is not None), None)
    if wrong is not None:
        raise ConfigError(_("{option} does not go with --treatment. Leave it out."), option=wrong)


def _changes(items: Sequence[str], row: int | None) -> dict[str, str]:
    wrong = next((item for item in items if not item.partition("=")[1] or not item.partition("=")[0].strip()), None)
    if wrong is not None:
        raise ConfigError(_("--set {given} is not COL=VALUE. Example: --set visits=3"), given=wrong)
    if items and row is None:
        raise ConfigError(_("--set changes one row: say which with --row."))
    return {name.strip(): value.strip() for name, _mark, value in (item.partition("=") for item in items)}


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(_("{path} cannot be written: {reason}. Choose another place."), path=folder, reason=error.strerror or error) from error


def _json(data: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(data, ensure_ascii=False, indent=2) + "\n")


def _line(text: str) -> None:
    out.print(text, markup=False, highlight=False, soft_wrap=True)
