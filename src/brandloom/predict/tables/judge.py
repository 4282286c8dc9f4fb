"""How good a model is on rows held back, with bootstrap intervals, in the words of the field."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from brandloom.predict.metrics import MAX_ROWS, Estimate, auc, average_precision, expected_calibration_error, spearman
from brandloom.predict.tables.calibrate import log_loss_rows
from brandloom.predict.tables.frame import Floats

DRAWS = 300
TENTHS = 10
FEWEST_OF_A_GROUP = 30
FOUR_FIFTHS = 0.8


@dataclass(frozen=True)
class Told:
    """Rows to judge, (n,) each: what was said and what happened."""

    y: Floats
    p: Floats
    """Probability, or the number expected."""
    base: Floats
    """What would be said without knowing anything of the row."""
    low: Floats
    high: Floats
    """Ends of the 80 % interval of a number; of a yes-or-no target not used."""

    def take(self, rows: np.ndarray) -> Told:
        return Told(self.y[rows], self.p[rows], self.base[rows], self.low[rows], self.high[rows])


@dataclass(frozen=True)
class Bin:
    """One tenth of the rows by what was predicted."""

    rows: int
    predicted: float
    observed: float
    low: float
    high: float
    """95 % interval of what was observed (Wilson, or normal for a number)."""


@dataclass(frozen=True)
class GroupRow:
    """One group among the held-back rows; rates are None where the group is too small, or nobody is of that kind."""

    group: str
    rows: int
    observed: float
    predicted: float
    ece: float | None = None
    selected: Estimate | None = None
    """Share of the group that is chosen at the threshold."""
    true_positive: Estimate | None = None
    false_positive: Estimate | None = None
    ratio: Estimate | None = None
    """Selection rate as a share of the highest group's."""
    verdict: str = "too_few"
    """Four-fifths rule: 'passes', 'fails', or 'open' where the interval holds four fifths; 'highest' of the group compared with."""
    odds: Estimate | None = None
    """Equalised odds: the larger difference of true and of false positive rate from the group chosen most often."""


Metric = Callable[[Told], float]
CLASS_METRICS: dict[str, Metric] = {
    "auc": lambda t: auc(t.y, t.p),
    "average_precision": lambda t: average_precision(t.y, t.p),
    "log_loss": lambda t: float(log_loss_rows(t.y, t.p).mean()),
    "log_loss_of_base_rate": lambda t: float(log_loss_rows(t.y, t.base).mean()),
    "log_loss_saved": lambda t: float(np.mean(log_loss_rows(t.y, t.base) - log_loss_rows(t.y, t.p))),
    "brier": lambda t: float(np.mean((t.p - t.y) ** 2)),
    "ece": lambda t: expected_calibration_error(t.y, t.p),
}
NUMBER_METRICS: dict[str, Metric] = {
    "mae": lambda t: float(np.mean(np.abs(t.p - t.y))),
    "mae_of_mean": lambda t: float(np.mean(np.abs(t.base - t.y))),
    "rmse": lambda t: float(np.sqrt(np.mean((t.p - t.y) ** 2))),
    "rmse_of_mean": lambda t: float(np.sqrt(np.mean((t.base - t.y) ** 2))),
    "error_saved": lambda t: float(np.mean((t.base - t.y) ** 2 - (t.p - t.y) ** 2) / max(float(np.mean((t.base - t.y) ** 2)), 1e-300)),
    "spearman": lambda t: spearman(t.y, t.p),
    "bias": lambda t: float(np.mean(t.p - t.y)),
    "coverage_80": lambda t: float(np.mean((t.low <= t.y) & (t.y <= t.high))),
}


def judge(told: Told, *, is_class: bool, seed: int) -> dict[str, Estimate]:
    """Every metric with its 95 % interval; one without a meaning here (one class only) is left out."""
    rng = np.random.default_rng(seed)
    if len(told.y) > MAX_ROWS:
        told = told.take(np.sort(rng.choice(len(told.y), MAX_ROWS, replace=False)))
    draws = [told.take(rng.integers(0, len(told.y), len(told.y))) for _draw in range(DRAWS)]
    found = {name: _estimate(metric(told), [metric(draw) for draw in draws]) for name, metric in
             (CLASS_METRICS if is_class else NUMBER_METRICS).items()}
    return {name: one for name, one in found.items() if one is not None}


def calibration_table(y: Floats, p: Floats, *, is_class: bool) -> tuple[Bin, ...]:
    """Predicted against observed, in tenths of the rows by prediction."""
    found = []
    for rows in np.array_split(np.argsort(p, kind="stable"), min(TENTHS, max(1, len(y) // 10))):
        mean, count = float(y[rows].mean()), len(rows)
        if is_class:
            middle, half = _wilson(mean, count)
        else:
            middle, half = mean, 1.96 * float(y[rows].std()) / np.sqrt(count)
        found.append(Bin(count, float(p[rows].mean()), mean, middle - half, middle + half))
    return tuple(found)


def judge_groups(groups: Sequence[str | None], told: Told, threshold: float | None, *, missing: str) -> tuple[GroupRow, ...]:
    """Rates and errors per group, biggest group first.

    Args:
        threshold: probability from which a row counts as selected; None of a number, where only the errors are compared.
        missing: what rows without a group are called.
    """
    names = np.array([missing if group is None else group for group in groups], dtype=object)
    known, counts = np.unique(names, return_counts=True)
    order = sorted(zip(known.tolist(), counts.tolist(), strict=True), key=lambda pair: (-pair[1], pair[0]))
    rows = {name: np.flatnonzero(names == name) for name, _count in order}
    plain = [GroupRow(name, count, float(told.y[rows[name]].mean()), float(told.p[rows[name]].mean())) for name, count in order]
    if threshold is None:
        return tuple(plain)
    counted = {row.group: _counts(told.take(rows[row.group]), threshold) for row in plain if row.rows >= FEWEST_OF_A_GROUP}
    if not counted:
        return tuple(plain)
    highest = max(counted, key=lambda name: counted[name][0][0] / counted[name][0][1])
    return tuple(_group(row, counted[row.group], None if row.group == highest else counted[highest], told.take(rows[row.group]))
                 if row.group in counted else row for row in plain)


_Counts = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""Chosen of all, of those with the target, and of those without."""


def _group(row: GroupRow, own: _Counts, best: _Counts | None, told: Told) -> GroupRow:
    """One group beside the one chosen most often; that one has nothing to be compared with."""
    selected, true_positive, false_positive = (_rate(*one) for one in own)
    ece = expected_calibration_error(told.y, told.p, bins=5)
    if best is None:
        return GroupRow(row.group, row.rows, row.observed, row.predicted, ece, selected, true_positive, false_positive, Estimate(1.0, 1.0, 1.0),
                        "highest")
    ratio = _ratio(own[0], best[0])
    verdict = "open" if ratio is None else "passes" if ratio.low >= FOUR_FIFTHS else "fails" if ratio.high < FOUR_FIFTHS else "open"
    gaps = [gap for gap in (_gap(own[1], best[1]), _gap(own[2], best[2])) if gap is not None]
    odds = max(gaps, key=lambda gap: abs(gap.value)) if gaps else None
    return GroupRow(row.group, row.rows, row.observed, row.predicted, ece, selected, true_positive, false_positive, ratio, verdict, odds)


def _counts(told: Told, threshold: float) -> _Counts:
    chosen, yes = told.p >= threshold, told.y == 1
    return ((int(chosen.sum()), len(chosen)), (int(chosen[yes].sum()), int(yes.sum())), (int(chosen[~yes].sum()), int((~yes).sum())))


def _rate(hits: int, of: int) -> Estimate | None:
    """A share with its 95 % interval after Wilson; None of nobody."""
    if not of:
        return None
    middle, half = _wilson(hits / of, of)
    return Estimate(hits / of, max(0.0, middle - half), min(1.0, middle + half))


def _ratio(own: tuple[int, int], best: tuple[int, int]) -> Estimate | None:
    """Ratio of two shares with its 95 % interval after Katz et al. (1978), half a case added to each so that none and all have one too."""
    if not best[0]:
        return None
    (a, m), (b, n) = ((hits + 0.5, of + 1.0) for hits, of in (own, best))
    middle, half = np.log(a / m) - np.log(b / n), 1.96 * float(np.sqrt(1 / a - 1 / m + 1 / b - 1 / n))
    value = own[0] * best[1] / (own[1] * best[0])
    return Estimate(value, min(value, float(np.exp(middle - half))), max(value, float(np.exp(middle + half))))


def _gap(own: tuple[int, int], best: tuple[int, int]) -> Estimate | None:
    """Difference of two shares with its 95 % interval after Newcombe (1998), from the intervals of the two."""
    one, other = _rate(*own), _rate(*best)
    if one is None or other is None:
        return None
    value = one.value - other.value
    return Estimate(value, value - float(np.hypot(one.value - one.low, other.high - other.value)),
                    value + float(np.hypot(one.high - one.value, other.value - other.low)))


def _estimate(value: float, drawn: list[float]) -> Estimate | None:
    spread = np.array(drawn)
    spread = spread[np.isfinite(spread)]
    if not np.isfinite(value) or not len(spread):
        return None
    low, high = np.quantile(spread, [0.025, 0.975])
    return Estimate(value, float(low), float(high))


def _wilson(share: float, count: int) -> tuple[float, float]:
    z = 1.96
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return middle, float(half)
