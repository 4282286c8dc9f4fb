"""What is wrong with a table before anything is learned from it: columns that know the answer, names of rows, clocks, twins.

Nothing is left out in silence: every finding says which column and what was done, and `keep` overrules it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from brandloom.i18n import _, translate
from brandloom.predict.metrics import auc, spearman
from brandloom.predict.tables.frame import Bools, Column, Floats, Frame, Hashes, Ints
from brandloom.predict.tables.target import Target

TELLS_ALL = 0.985
"""AUC (or rank correlation) of one column alone above which it is taken for the answer itself."""
TELLS_MUCH = 0.85
TELLS_SOME = 0.65
STANDS_OUT, TIMES_NEXT = 0.75, 1.6
"""A column of at least this score whose distance from chance is so many times that of the next best."""
MOST_SCORED = 50_000
"""Rows that single columns are scored on."""
ONE_OF_A_KIND = 0.95
LONG_TEXT = 40
BINS = 40
LATE_SHARE = 0.005
CLOCK = 0.995
FEWEST_UNUSUAL = 15
BY_CHANCE = 1e-9
"""A chance under which it is taken for no chance that all unusual rows are of one kind."""
_ID = re.compile(r"(^|[_\s\-.])(id|ids|no|nr|number|uuid|guid|key|index|row)$|ID$|^id|编号|号码|单号|序号|流水", re.IGNORECASE)
_HINDSIGHT = re.compile(r"duration|outcome|result|refund|cancel|closed|complet|final|resolv|churn|时长|结果|退款|取消|完成|流失|成交", re.IGNORECASE)
_PRICE = re.compile(r"(^|[_\s\-.])(price|discount|rebate|markup|premium|tariff|interest_rate|apr|quote|quoted)s?($|[_\s\-.])|价格|单价|售价|报价"
                    r"|折扣|优惠幅度|利率|保费", re.IGNORECASE)

TEXTS = {
    "empty": _("'{column}' is empty: left out."),
    "constant": _("'{column}' has the same value in every row: left out."),
    "id": _("'{column}' names the row (almost every value is different): left out."),
    "free_text": _("'{column}' is free text, which is not read: left out."),
    "tells_all": _("'{column}' alone tells the target almost perfectly ({score:.3f}), so it is probably the answer itself or known only "
                   "afterwards: left out. If it is known beforehand, use --keep."),
    "missing_tells": _("'{column}' is filled in for {yes:.0%} of the rows with the target and {no:.0%} of the others, so it is probably written "
                       "afterwards: left out. If it is known beforehand, use --keep."),
    "after_time": _("'{column}' is later than '{time}' in {count} rows, so it was not known then: left out. Use --keep to use it."),
    "implies": _("In {count} rows '{column}' is not what it usually is, and all of them are of the rarer kind, so it is probably written "
                 "afterwards: left out. If it is known beforehand, use --keep."),
    "clock": _("'{column}' rises with '{time}', so later rows lie outside all that was learned from: left out. Use --keep to use it."),
    "tells_much": _("'{column}' alone tells the target well ({score:.3f}). Make sure that it is known when the prediction is made; if not, "
                    "use --drop."),
    "stands_out": _("'{column}' alone tells far more of the target than any other column ({score:.3f}; the next {next:.3f}). Make sure that it is "
                    "known when the prediction is made; if not, use --drop."),
    "hindsight_name": _("'{column}' sounds like something known only afterwards, and it tells the target ({score:.3f}). If so, use --drop."),
    "unread": _("'{column}': {count} cells are not of the column's kind and count as missing."),
    "future": _("'{column}' holds {count} dates after today."),
    "kept": _("'{column}' is used because --keep says so ({reason})."),
    "dropped": _("'{column}' is left out because --drop says so."),
    "group": _("'{column}' is the group to judge fairness by; the model does not use it."),
    "treatment": _("'{column}' is the treatment; effects are learned of it, not from it."),
    "tells_treatment": _("'{column}' alone tells who was treated ({score:.3f}), so it probably came with the treatment or after it: left out. If "
                         "it is known beforehand, use --keep."),
    "price_target": _("'{column}' looks like a price or a discount. Do not let a model set it for each person: the same offer at another price by "
                      "who asks is discrimination in many places, and a list price is never a personal decision."),
    "time": _("'{column}' only says when; the model does not use it."),
    "target_missing": _("{count} rows have no '{column}': they are scored, not learned from."),
    "refused": _("{count} lines of the file are no rows (too many or too few cells) and were not read."),
    "twins": _("{count} rows are equal to an earlier one in every column; {straddling} held-back rows have a twin among the rows learned from."),
    "split_time": _("The table has dates ('{column}'), but rows were split by what they hold. If they happened one after another, use --time."),
}
LEAVES_OUT = frozenset({"empty", "constant", "id", "free_text", "tells_all", "missing_tells", "implies", "after_time", "clock"})


@dataclass(frozen=True)
class Finding:
    """One thing seen in the table, and what was done."""

    kind: str
    column: str | None
    left_out: bool
    values: dict[str, str | float | int] = field(default_factory=dict)

    def text(self, language: str) -> str:
        """One sentence in 'en' or 'zh'."""
        template = translate(TEXTS[self.kind], language)
        reason = {"reason": REASONS.get(str(self.values.get("reason")), "")} if self.kind == "kept" else {}
        return template.format(**{**self.values, **{k: translate(v, language) for k, v in reason.items()}}, column=self.column)


REASONS = {
    "empty": _("it is empty"), "constant": _("it has one value"), "id": _("it names rows"), "free_text": _("it is free text"),
    "tells_all": _("it tells the target almost perfectly"), "missing_tells": _("it is filled in with the target"),
    "implies": _("it is unusual only with the target"),
    "after_time": _("it is later than the row"), "clock": _("it rises with time"),
}


def check_columns(frame: Frame, target: Target, *, time: str | None, group: str | None, keep: Sequence[str], drop: Sequence[str],
                  now: datetime) -> tuple[tuple[str, ...], list[Finding]]:
    """Columns to learn from, and what was found, in the file's order. Looks at rows whose target is known."""
    rows = np.flatnonzero(target.known)
    y, known = target.y[rows], frame.take(rows)
    today = (now - datetime(1970, 1, 1)).total_seconds() / 86_400
    used, findings = [], []
    for name in frame.columns:
        if name == target.column:
            continue
        seen = list(_look(known, name, y, target.task == "class", time, today))
        left = next((one for one in seen if one.kind in LEAVES_OUT), None)
        if name in (time, group) or name in drop:
            findings.append(Finding("time" if name == time else "group" if name == group else "dropped", name, True))
            continue
        if left is not None and (name not in keep or left.kind in ("empty", "constant")):
            findings.append(left)
            continue
        if left is not None:
            findings.append(Finding("kept", name, False, {"reason": left.kind}))
        findings += [one for one in seen if one.kind not in LEAVES_OUT]
        used.append(name)
    pointed = {one.column for one in findings if one.kind in ("tells_much", "hindsight_name")}
    return tuple(used), findings + [one for one in _outstanding(known, used, y, target.task == "class") if one.column not in pointed]


def check_price(column: str) -> list[Finding]:
    """What must be minded where a model is to say a price, or what a price does to single persons."""
    return [Finding("price_target", column, False)] if _PRICE.search(column) else []


def check_rows(frame: Frame, target: Target, train: Ints, held: Ints, hashes: Hashes, *, time: str | None) -> list[Finding]:
    """Twins, rows without a target, lines that are no rows, dates that were not used to split."""
    found = []
    if frame.refused:
        found.append(Finding("refused", None, False, {"count": frame.refused}))
    unknown = int(np.sum(~target.known))
    if unknown:
        found.append(Finding("target_missing", target.column, False, {"count": unknown}))
    both = np.concatenate([train, held])
    twins = len(both) - len(np.unique(hashes[both]))
    if twins:
        found.append(Finding("twins", None, False, {"count": twins, "straddling": int(np.sum(np.isin(hashes[held], hashes[train])))}))
    dated = next((name for name, column in frame.columns.items() if column.kind == "date"), None)
    if time is None and dated is not None:
        found.append(Finding("split_time", dated, False))
    return found


def single_score(column: Column, y: Floats, is_class: bool) -> float:
    """How well one column alone tells the target of rows not looked at: AUC of at least .5, or the size of the rank correlation.

    Means of the target per level, or per fortieth of a number, learned from every second row and applied to the others.
    """
    if len(y) > MOST_SCORED:
        some = np.arange(0, len(y), -(-len(y) // MOST_SCORED))
        column, y = column.take(some), y[some]
    code = _binned(column)
    half = np.arange(len(y)) % 2 == 0
    told = np.empty(len(y))
    for own in (half, ~half):
        rest, level = ~own, float(y[~own].mean())
        total = np.bincount(code[rest], weights=y[rest], minlength=code.max() + 1)
        count = np.bincount(code[rest], minlength=code.max() + 1)
        told[own] = ((total + level) / (count + 1.0))[code[own]]
    if np.ptp(told) == 0:
        return 0.5 if is_class else 0.0
    return max(auc(y, told), 0.5) if is_class else abs(spearman(y, told))


def _outstanding(frame: Frame, used: Sequence[str], y: Floats, is_class: bool) -> list[Finding]:
    """The one column that tells far more than the others."""
    scored = sorted(((single_score(frame.columns[name], y, is_class), name) for name in used), reverse=True)
    chance = 0.5 if is_class else 0.0
    if len(scored) < 3 or scored[0][0] < STANDS_OUT or scored[0][0] - chance < TIMES_NEXT * (scored[1][0] - chance):
        return []
    return [Finding("stands_out", scored[0][1], False, {"score": scored[0][0], "next": scored[1][0]})]


def _look(frame: Frame, name: str, y: Floats, is_class: bool, time: str | None, today: float) -> Iterator[Finding]:
    column = frame.columns[name]
    there = ~column.missing
    if not np.any(there):
        yield Finding("empty", name, True)
        return
    if column.unread:
        yield Finding("unread", name, False, {"count": column.unread})
    distinct = len(np.unique(column.codes[there] if column.kind == "category" else column.numbers[there]))
    if distinct == 1 and np.all(there):
        yield Finding("constant", name, True)
        return
    named = _names_rows(column, there, distinct)
    if named:
        yield Finding(named, name, True)
        return
    yield from _clocks(frame, column, there, time, today)
    yield from _tells(column, there, y, is_class)


def _names_rows(column: Column, there: Bools, distinct: int) -> str | None:
    count = int(there.sum())
    if count < 20 or distinct < ONE_OF_A_KIND * count or column.kind == "date":
        return None
    if column.kind == "category":
        return "free_text" if np.mean([len(level) for level in column.levels[:500]]) > LONG_TEXT else "id"
    values = column.numbers[there]
    whole = bool(np.all(values == np.floor(values)))
    return "id" if whole and (np.ptp(values) < 1.5 * count or _ID.search(column.name)) else None


def _clocks(frame: Frame, column: Column, there: Bools, time: str | None, today: float) -> Iterator[Finding]:
    if column.kind == "date":
        ahead = int(np.sum(column.numbers[there] > today + 1))
        if ahead:
            yield Finding("future", column.name, False, {"count": ahead})
    if time is None or column.name == time or column.kind == "category":
        return
    moment = frame.column(time).numbers
    if column.kind == "date":
        late = int(np.sum(column.numbers[there] > np.floor(moment[there]) + 1))
        if late > LATE_SHARE * len(moment):
            yield Finding("after_time", column.name, True, {"count": late, "time": time})
    elif there.all() and abs(spearman(column.numbers, moment)) > CLOCK:
        yield Finding("clock", column.name, True, {"time": time})


def _tells(column: Column, there: Bools, y: Floats, is_class: bool) -> Iterator[Finding]:
    if is_class and not np.all(there):
        yes, no = float(there[y == 1].mean()), float(there[y == 0].mean())
        if abs(yes - no) > TELLS_ALL - (1 - TELLS_ALL):
            yield Finding("missing_tells", column.name, True, {"yes": yes, "no": no})
            return
    unusual = _unusual(column) if is_class else np.zeros(len(y), dtype=bool)
    rarer = float(y.mean() <= 0.5)
    if unusual.sum() >= FEWEST_UNUSUAL and np.all(y[unusual] == rarer) and float(np.mean(y == rarer)) ** int(unusual.sum()) < BY_CHANCE:
        yield Finding("implies", column.name, True, {"count": int(unusual.sum())})
        return
    score = single_score(column, y, is_class)
    if score >= TELLS_ALL:
        yield Finding("tells_all", column.name, True, {"score": score})
    elif score >= TELLS_MUCH:
        yield Finding("tells_much", column.name, False, {"score": score})
    elif score >= TELLS_SOME and _HINDSIGHT.search(column.name):
        yield Finding("hindsight_name", column.name, False, {"score": score})


def _unusual(column: Column) -> Bools:
    """(n,) where the column does not hold what it holds most often; being empty counts as a value."""
    values = column.codes if column.kind == "category" else np.nan_to_num(column.numbers, nan=np.inf)
    there, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray(place != np.argmax(counts)) if len(there) > 1 else np.zeros(len(values), dtype=bool)


def _binned(column: Column) -> Ints:
    """(n,) small codes, 0 where missing."""
    if column.kind == "category":
        return column.codes + 1
    there = ~np.isnan(column.numbers)
    values = column.numbers[there]
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1])) if len(values) else np.empty(0)
    code = np.zeros(len(there), dtype=np.int64)
    code[there] = np.searchsorted(edges, values, side="right") + 1
    return code
