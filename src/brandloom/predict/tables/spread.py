"""How far off a predicted number may be: intervals of quantile trees, widened until they cover unseen rows as often as they say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brandloom.predict.tables.encode import Encoder
from brandloom.predict.tables.fitting import Encoded, Rows, out_of_fold_trees, usual_shapes
from brandloom.predict.tables.frame import Floats
from brandloom.predict.tables.members import Trees, fit_trees, tree_settings

LEVEL = 0.8


@dataclass(frozen=True)
class Spread:
    """An 80 % interval per row.

    Source: Romano, Patterson and Candès 2019, conformalised quantile regression; here on out-of-fold quantiles.
    """

    below: Trees
    above: Trees
    margin: float
    """Added on both sides; negative where the quantiles alone are too wide."""

    def interval(self, x: Floats, expected: Floats) -> tuple[Floats, Floats]:
        """(n,) low and high; the expected value always lies inside."""
        low, high = self.below.raw(x) - self.margin, self.above.raw(x) + self.margin
        return np.minimum(low, expected), np.maximum(high, expected)


def fit_spread(rows: Rows, encoded: list[Encoded], encoder: Encoder, x: Floats, *, seed: int) -> Spread:
    """Fit quantile trees on all rows; the margin comes from rows that theirs had not seen."""
    ends, unseen = [], []
    for alpha in ((1 - LEVEL) / 2, (1 + LEVEL) / 2):
        settings = {**tree_settings(usual_shapes(len(rows.y))["trees_flat"], len(rows.y), "number", seed), "objective": "quantile",
                    "alpha": alpha, "metric": "quantile"}
        raw, rounds = out_of_fold_trees(rows, encoded, settings)
        unseen.append(raw)
        ends.append(fit_trees(settings, encoder, x, rows.y, rounds, 1))
    low, high = unseen
    judged = ~np.isnan(low)
    outside = np.maximum(low - rows.y, rows.y - high)[judged]
    rank = min(1.0, np.ceil((judged.sum() + 1) * LEVEL) / judged.sum())
    return Spread(ends[0], ends[1], float(np.quantile(outside, rank, method="higher")))
