"""What a treatment did to a column of a company's own table, row by row: learned, judged on rows held back, explained and kept."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter, ValidationError

from brandloom.errors import ConfigError, DataError, NotFittedError
from brandloom.i18n import _, translate
from brandloom.predict.tables.checks import TELLS_ALL, Finding, check_columns, check_price, check_rows, single_score
from brandloom.predict.tables.encode import Encoder, fit_encoder
from brandloom.predict.tables.explain import EMPTY, IS, TOP, Part
from brandloom.predict.tables.folds import held_back
from brandloom.predict.tables.frame import Floats, Frame, Ints, Kind, read_frame, row_hashes
from brandloom.predict.tables.learn import HELD_SHARE, row_times
from brandloom.predict.tables.target import Target, read_target
from brandloom.predict.uplift import LEAST_ROWS, Judged, UpliftModel, fit_uplift, judge_effects

SCHEMA, FILE = 1, "effects.json"
DECIDED = 0.95
"""AUC from which the columns decide who is treated, so that nobody without the treatment is like those with it."""
RANDOM = 0.52
"""AUC up to which the columns tell next to nothing of who was treated; experiments of many rows are a little off .5 by chance."""
MOST_ARMS = 10
_CONTROL = re.compile(r"control|none|no|nothing|0|false|holdout|untreated|no .*|对照组?|无|否|没有|未.*|不.*", re.IGNORECASE)
LIMITS = {
    "random": _("The effect of a treatment can be told because who got it does not depend on the columns: it looks like an experiment."),
    "observed": _("Who got the treatment depends on the columns. Effects are corrected for the columns of this table, and for nothing that it "
                  "does not hold: run an experiment before you rely on them."),
    "content": _("Rows were split by what they hold, not by time: where the world moves, it will do worse than said here."),
    "price": _("Do not use effects to charge a person more: a list price is never a personal decision."),
}
VERDICTS = {
    "clear": _("{arm}: choosing pays. The {share} who react most gain {top} each [{top_low}, {top_high}], {average} on average."),
    "unclear": _("{arm}: there is next to nothing to choose by. Everybody gains about {average} [{low}, {high}] as far as these rows tell."),
    "too_little": _("{arm}: too few rows to tell people apart; at least {needed} with it and {needed} without are needed. On average it brings "
                    "{average} [{low}, {high}]."),
}
_EFFECT = _("{arm} is expected to add {effect} to '{target}' for this row; {average} on average.")
_MORE, _LESS = _("More than average because of {facts}."), _("Less than average because of {facts}.")
_AND, _POINTS = _(" and "), _("{value} points")


@dataclass(frozen=True)
class Asked:
    """Which column is what."""

    target: str
    treatment: str
    control: str | None = None
    positive: str | None = None
    time: str | None = None
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True)
class EffectCard:
    """What was learned from, and what the effects are worth on rows held back."""

    file: str
    target: str
    positive: str | None
    treatment: str
    control: str
    made_at: str
    seed: int
    rows: int
    learned_rows: int
    held_rows: int
    split: str
    """'time' or 'content'."""
    columns: tuple[str, ...]
    findings: tuple[Finding, ...]
    judged: dict[str, Judged]
    """Arm -> on rows held back; arms with too few of them are absent."""
    importances: dict[str, dict[str, float]]
    """Arm -> mean size of each column's part of the effect over held-back rows, as a share of all; empty where all get the average."""
    limits: tuple[str, ...]


@dataclass(frozen=True)
class EffectModel:
    """Effects of treatments on a column of a table. Make one with `learn_effects`."""

    schema: int
    kinds: dict[str, Kind]
    encoder: Encoder
    uplift: UpliftModel
    card: EffectCard

    def effects(self, frame: Frame) -> dict[str, Floats]:
        """Arm -> (n,) what it adds to the target of each row.

        Raises:
            DataError: a column that the model reads is absent.
        """
        self._check(frame)
        return self.uplift.predict(_widened(self.encoder, frame))

    def best(self, frame: Frame) -> list[str]:
        """(n,) the arm with the largest effect, '' where none adds anything."""
        self._check(frame)
        return [str(arm) for arm in self.uplift.best(_widened(self.encoder, frame))[0]]

    def parts(self, frame: Frame) -> dict[str, tuple[Floats, float]]:
        """Arm -> (n, columns) exact parts and a base that add up to the effect."""
        self._check(frame)
        owner = _owners(self.encoder)
        found = {}
        for arm, (wide, base) in self.uplift.contributions(_widened(self.encoder, frame)).items():
            summed = np.zeros((frame.rows, len(self.encoder.codings)))
            np.add.at(summed.T, owner, wide.T)
            found[arm] = summed, base
        return found

    def read(self, path: Path) -> Frame:
        """Read a file as this model reads it."""
        return read_frame(path, self.kinds)

    def sentences(self, language: str) -> list[str]:
        """The verdict on each treatment in 'en' or 'zh'."""
        return [_verdict(self, arm, language) for arm in self.uplift.cards]

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        half = folder / f".{FILE}.{os.getpid()}"
        half.write_bytes(TypeAdapter(EffectModel).dump_json(self))
        half.replace(folder / FILE)

    def _check(self, frame: Frame) -> None:
        absent = next((name for name in self.kinds if name not in frame.columns), None)
        if absent is not None:
            raise DataError(_("{file} has no column '{column}', which the model reads. The model reads: {columns}."), file=frame.name,
                            column=absent, columns=", ".join(list(self.kinds)[:30]))


@dataclass(frozen=True)
class LearnedEffects:
    """A model, and what it says of the table it came from."""

    model: EffectModel
    part: tuple[str, ...]
    """(n,) 'learned', 'held_back', or 'left_out' for rows without a target or a treatment."""


def learn_effects(frame: Frame, asked: Asked, *, now: datetime, progress: Callable[[str, float], None] = lambda stage, done: None) -> LearnedEffects:
    """Learn what each treatment adds to the target, and judge it on a fifth of the rows, the latest where there is a time.

    Args:
        now: naive UTC; a row of a later time is an error.
    Raises:
        DataError: the table cannot be learned from; says why.
        ConfigError: options that contradict each other.
    """
    for name in (asked.time, *asked.keep, *asked.drop):
        if name is not None:
            frame.column(name)
    if asked.treatment == asked.target:
        raise ConfigError(_("'{column}' is named as the target and as the treatment. Name two columns."), column=asked.target)
    arm, control = _arms(frame, asked)
    target = read_target(frame, asked.target, asked.positive)
    there = np.flatnonzero(target.known & (arm != ""))
    time = row_times(frame, asked.time, target.known, now)
    names, findings = _columns(frame, target, arm, asked, control, now)
    # Rows alike in what is learned from stay on one side whatever they got: else what is left of them would tell the treatment.
    hashes = row_hashes(frame, seed=asked.seed, without=tuple(name for name in frame.columns if name not in names))
    # Not so many of each outcome: a kind of row that is cut in two by its outcome would make effects up.
    late = held_back(np.zeros(len(there)), hashes[there], share=HELD_SHARE, is_class=True, time=None if time is None else time[there])
    train, held = there[~late], there[late]
    _enough(frame, asked, arm[train], control)
    whole = row_hashes(frame, seed=asked.seed, without=(asked.target,))
    findings += check_price(asked.treatment) + check_rows(frame, target, train, held, whole, time=asked.time)
    encoder, encoded = fit_encoder(frame.take(train), names, target.y[train], hashes[train], time=asked.time)
    x = _wide(encoder, encoded)
    uplift = fit_uplift(x, arm[train].tolist(), target.y[train], control=control, features=_names(encoder), seed=asked.seed,
                        progress=lambda done: progress(_("Learning"), done))
    for other, told in uplift.cards.items():
        if told.balance.low > DECIDED:
            raise DataError(_("{file}: the columns decide who got '{arm}' (AUC {auc}), so nobody without it is like those with it. Bring an "
                              "experiment, or leave out with --drop what came with the treatment."), file=frame.name, arm=other,
                            auc=f"{told.balance.value:.3f}")
    progress(_("Judging"), 0.0)
    rest = frame.take(held)
    seen = _widened(encoder, rest)
    judged = judge_effects(seen, arm[held].tolist(), target.y[held], uplift.predict(seen), control=control, seed=asked.seed)
    card = EffectCard(frame.name, target.column, target.positive, asked.treatment, control, now.isoformat(timespec="seconds"), asked.seed, frame.rows,
                      len(train), len(held), "content" if time is None else "time", names, tuple(findings), judged, {}, _limits(uplift, time))
    model = EffectModel(SCHEMA, {name: frame.columns[name].kind for name in names}, encoder, uplift, card)
    model = EffectModel(SCHEMA, model.kinds, encoder, uplift, _with_importances(model, rest))
    progress(_("Judging"), 1.0)
    part = np.full(frame.rows, "left_out", dtype=object)
    part[train], part[held] = "learned", "held_back"
    return LearnedEffects(model, tuple(part.tolist()))


def load_effects(folder: Path) -> EffectModel:
    """Raises NotFittedError where there is no such model, or one that cannot be read."""
    path = folder / FILE if folder.is_dir() else folder
    try:
        model = TypeAdapter(EffectModel).validate_json(path.read_bytes())
    except OSError as error:
        raise NotFittedError(_("No model in {path}. Make one with `brandloom predict-table FILE --target COL --out {path}`."), path=folder) from error
    except ValidationError as error:
        raise NotFittedError(_("{path} is damaged or from another version. Learn it again."), path=path) from error
    if model.schema != SCHEMA:
        raise NotFittedError(_("{path} is damaged or from another version. Learn it again."), path=path)
    return model


def explain_effects(model: EffectModel, frame: Frame, row: int) -> dict[str, tuple[float, float, tuple[Part, ...]]]:
    """Arm -> effect on one row (the first is 1), the base, and each column's exact part, biggest first; base and parts add up to the effect.

    Raises:
        DataError: no such row.
    """
    if not 1 <= row <= frame.rows:
        raise DataError(_("{file} has no row {row}. Its rows are 1 to {rows}."), file=frame.name, row=row, rows=frame.rows)
    one = frame.take(np.array([row - 1]))
    found = {}
    for arm, (parts, base) in model.parts(one).items():
        named = [Part(coding.name, one.columns[coding.name].text(0), float(part))
                 for coding, part in zip(model.encoder.codings, parts[0], strict=True)]
        found[arm] = base + float(parts[0].sum()), base, tuple(sorted(named, key=lambda part: (-abs(part.part), part.column)))
    return found


def effect_sentences(model: EffectModel, why: dict[str, tuple[float, float, tuple[Part, ...]]], language: str) -> list[str]:
    """One row's effects and their main reasons in 'en' or 'zh'."""
    said = []
    for arm, (effect, _base, parts) in why.items():
        said.append(translate(_EFFECT, language).format(arm=arm, effect=f"{effect:+.4g}", target=model.card.target,
                                                        average=f"{model.uplift.cards[arm].average.value:+.4g}"))
        for template, sign in ((_MORE, 1), (_LESS, -1)):
            top = [part for part in parts if sign * part.part > 1e-9][:TOP]
            if top:
                facts = [translate(EMPTY if part.value is None else IS, language).format(column=part.column, value=part.value) for part in top]
                said.append(translate(template, language).format(facts=translate(_AND, language).join(facts)))
    return said


def _arms(frame: Frame, asked: Asked) -> tuple[np.ndarray, str]:
    """(n,) what each row got, '' where the file does not tell, and the name of no treatment."""
    column = frame.column(asked.treatment)
    if column.kind == "date":
        raise DataError(_("{file}: the treatment '{column}' holds dates. Name the column that says what each row got."), file=frame.name,
                        column=column.name)
    if column.kind == "category":
        given = np.array([*column.levels, ""], dtype=object)[column.codes]
    else:
        given = np.array(["" if np.isnan(value) else f"{value:.12g}" for value in column.numbers], dtype=object)
    known = sorted(set(given.tolist()) - {""})
    if not 2 <= len(known) <= MOST_ARMS:
        raise DataError(_("{file}: the treatment '{column}' has {count} kinds; 2 to {most} can be compared. Name the column that says what each "
                          "row got."), file=frame.name, column=column.name, count=len(known), most=MOST_ARMS)
    if asked.control is not None:
        if asked.control not in known:
            raise DataError(_("{file}: '{column}' never is '{value}'. It is: {known}."), file=frame.name, column=column.name, value=asked.control,
                            known=", ".join(known))
        return given, asked.control
    likely = [name for name in known if _CONTROL.fullmatch(name.strip())]
    if len(likely) != 1:
        raise DataError(_("{file}: which of {known} in '{column}' is no treatment? Say so with --control."), file=frame.name,
                        column=column.name, known=", ".join(known))
    return given, likely[0]


def _columns(frame: Frame, target: Target, arm: np.ndarray, asked: Asked, control: str, now: datetime) -> tuple[tuple[str, ...], list[Finding]]:
    """Columns to learn from: none that tells the answer, and none that tells the treatment, for it comes after it."""
    names, findings = check_columns(frame, target, time=asked.time, group=None, keep=asked.keep, drop=(*asked.drop, asked.treatment), now=now)
    findings = [Finding("treatment", one.column, True) if one.column == asked.treatment else one for one in findings]
    telling = dict.fromkeys(names, 0.0)
    for other in sorted(set(arm.tolist()) - {control, ""}):
        rows = np.flatnonzero((arm == other) | (arm == control))
        treated = (arm[rows] == other).astype(np.float64)
        for name in names:
            if name not in asked.keep:
                telling[name] = max(telling[name], single_score(frame.columns[name].take(rows), treated, True))
    findings += [Finding("tells_treatment", name, True, {"score": score}) for name, score in telling.items() if score >= TELLS_ALL]
    used = tuple(name for name in names if telling[name] < TELLS_ALL)
    if not used:
        raise DataError(_("{file}: no column is left to learn from; all were found empty, constant, names of rows, or the answer itself. "
                          "Use --keep for those that are known beforehand."), file=frame.name)
    return used, findings


def _enough(frame: Frame, asked: Asked, arm: np.ndarray, control: str) -> None:
    without = int((arm == control).sum())
    most = max((int((arm == name).sum()) for name in set(arm.tolist()) - {control, ""}), default=0)
    if min(without, most) < LEAST_ROWS:
        raise DataError(_("{file}: an effect needs at least {needed} rows to learn from with a treatment and {needed} without; '{column}' has "
                          "{most} and {without}. Bring more rows."), file=frame.name, needed=LEAST_ROWS, column=asked.treatment, most=most,
                        without=without)


def _limits(uplift: UpliftModel, time: Floats | None) -> tuple[str, ...]:
    random = all(card.balance.low <= RANDOM for card in uplift.cards.values())
    return tuple(LIMITS[name] for name in ("random" if random else "observed", *(["content"] if time is None else []), "price"))


def _with_importances(model: EffectModel, frame: Frame) -> EffectCard:
    shares = {}
    for arm, (parts, _base) in model.parts(frame).items():
        size = np.abs(parts - parts.mean(axis=0)).mean(axis=0)
        total = float(size.sum())
        rows = zip((coding.name for coding in model.encoder.codings), size, strict=True)
        shares[arm] = dict(sorted(((name, float(value) / total) for name, value in rows), key=lambda pair: (-pair[1], pair[0]))) if total > 0 else {}
    return replace(model.card, importances=shares)


def _verdict(model: EffectModel, arm: str, language: str) -> str:
    card, judged = model.uplift.cards[arm], model.card.judged.get(arm)
    average = judged.average if judged else card.average
    top = judged.top if judged else card.top
    percent = model.card.positive is not None

    def shown(value: float) -> str:
        return translate(_POINTS, language).format(value=f"{100 * value:+.2f}") if percent else f"{value:+,.4g}"
    return translate(VERDICTS[card.verdict], language).format(
        arm=arm, share=f"{top.share:.0%}", top=shown(top.effect.value), top_low=shown(top.effect.low), top_high=shown(top.effect.high),
        average=shown(average.value), low=shown(average.low), high=shown(average.high), needed=LEAST_ROWS)


def _widened(encoder: Encoder, frame: Frame) -> Floats:
    return _wide(encoder, encoder.encode(frame))


def _wide(encoder: Encoder, x: Floats) -> Floats:
    """Features with a column of 0 and 1 for each level of a category, since linear learners read codes as sizes."""
    parts, place = [], 0
    for coding in encoder.codings:
        own = x[:, place:place + coding.width]
        parts.append((own == np.arange(len(coding.levels))).astype(np.float64) if coding.kind == "category" and not coding.many else own)
        place += coding.width
    return np.column_stack(parts)


def _widths(encoder: Encoder) -> list[int]:
    return [len(coding.levels) if coding.kind == "category" and not coding.many else coding.width for coding in encoder.codings]


def _owners(encoder: Encoder) -> Ints:
    """(features,) which column each wide feature comes from."""
    return np.repeat(np.arange(len(encoder.codings)), _widths(encoder))


def _names(encoder: Encoder) -> list[str]:
    return [coding.name for coding, width in zip(encoder.codings, _widths(encoder), strict=True) for _feature in range(width)]
