"""How good scores were once the truth is known, each with a bootstrap interval over customers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from brandloom.predict.features import Floats
from brandloom.predict.scorers import Scores

MAX_ROWS = 20_000  # judged at most; beyond it intervals are narrower than anything decided by them
Metric = Callable[["Judged"], float]


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval, by bootstrap where nothing else is said."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Judged:
    """Rows to judge, (n,) each: scores, and what happened (`bought` 0/1, `spent` money)."""

    p: Floats
    p_low: Floats
    p_high: Floats
    spend: Floats
    bought: Floats
    spent: Floats

    @classmethod
    def of(cls, scores: Scores, bought: Floats, spent: Floats) -> Judged:
        return cls(scores.p, scores.p_low, scores.p_high, scores.spend, bought, spent)

    def take(self, rows: np.ndarray) -> Judged:
        return Judged(self.p[rows], self.p_low[rows], self.p_high[rows], self.spend[rows], self.bought[rows], self.spent[rows])


def auc(y: Floats, score: Floats) -> float:
    """Chance that a buyer is ranked above a non-buyer, ties half; NaN when only one kind is present."""
    n1, n0 = float(np.sum(y)), float(np.sum(1 - y))
    if not n1 or not n0:
        return float("nan")
    from scipy.stats import rankdata  # loading it takes a second, which only judging needs
    return float((np.sum(rankdata(score)[y > 0]) - n1 * (n1 + 1) / 2) / (n1 * n0))


def average_precision(y: Floats, score: Floats) -> float:
    """Mean precision at each buyer, going down the list; equal scores are one step. NaN without buyers."""
    if not np.sum(y):
        return float("nan")
    order = np.argsort(-score, kind="stable")
    ends = np.r_[np.flatnonzero(np.diff(score[order])), len(y) - 1]  # last row of each group of equal scores
    hits = np.cumsum(y[order])[ends]
    return float(np.sum(np.diff(np.r_[0.0, hits]) * hits / (ends + 1)) / hits[-1])


def expected_calibration_error(y: Floats, p: Floats, bins: int = 10) -> float:
    """Mean distance between predicted and observed share over equally filled bins of the prediction."""
    groups = _bins(p, bins)
    return float(sum(len(g) * abs(float(y[g].mean() - p[g].mean())) for g in groups) / len(y))


def interval_coverage(rows: Judged, bins: int = 10) -> float:
    """Share of bins of predicted probability whose observed share lies inside the bin's mean interval."""
    groups = _bins(rows.p, bins)
    return float(np.mean([rows.p_low[g].mean() <= rows.bought[g].mean() <= rows.p_high[g].mean() for g in groups]))


def captured(value: Floats, score: Floats, share: float = 0.1) -> float:
    """Part of all `value` (buyers or money) that the top `share` of customers by score brought; NaN when there is none."""
    top = np.argsort(-score, kind="stable")[: max(1, round(share * len(score)))]
    total = float(np.sum(value))
    return float(np.sum(value[top])) / total if total else float("nan")


def spearman(a: Floats, b: Floats) -> float:
    """Rank correlation; NaN when one side is constant."""
    from scipy.stats import rankdata
    x, y = rankdata(a), rankdata(b)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


METRICS: dict[str, Metric] = {
    "auc": lambda r: auc(r.bought, r.p),
    "average_precision": lambda r: average_precision(r.bought, r.p),
    "brier": lambda r: float(np.mean((r.p - r.bought) ** 2)),
    "ece": lambda r: expected_calibration_error(r.bought, r.p),
    "mean_p": lambda r: float(np.mean(r.p)),
    "base_rate": lambda r: float(np.mean(r.bought)),
    "interval_coverage": interval_coverage,
    "buyers_in_top_tenth": lambda r: captured(r.bought, r.p),
    "spend_in_top_tenth": lambda r: captured(r.spent, r.spend),
    "spend_spearman": lambda r: spearman(r.spent, r.spend),
    "spend_mae": lambda r: float(np.mean(np.abs(r.spend - r.spent))),
    "spend_bias": lambda r: float(np.sum(r.spend) / np.sum(r.spent) - 1.0) if np.sum(r.spent) else float("nan"),
}


def judge(rows: Judged, *, seed: int = 0, draws: int = 200) -> dict[str, Estimate]:
    """Every metric with its interval; a metric that has no meaning here (no buyers) is left out."""
    rng = np.random.default_rng(seed)
    if len(rows.p) > MAX_ROWS:
        rows = rows.take(np.sort(rng.choice(len(rows.p), MAX_ROWS, replace=False)))
    drawn: dict[str, list[float]] = {name: [] for name in METRICS}
    for _draw in range(draws):
        sample = rows.take(rng.integers(0, len(rows.p), len(rows.p)))
        for name, metric in METRICS.items():
            drawn[name].append(metric(sample))
    estimates = {}
    for name, metric in METRICS.items():
        value = metric(rows)
        spread = np.array(drawn[name])
        spread = spread[np.isfinite(spread)]
        if np.isfinite(value) and len(spread):
            low, high = np.quantile(spread, [0.025, 0.975])
            estimates[name] = Estimate(value, float(low), float(high))
    return estimates


def _bins(p: Floats, bins: int) -> list[np.ndarray]:
    order = np.argsort(p, kind="stable")
    return [group for group in np.array_split(order, bins) if len(group)]
