"""Money per purchase day: log-normal around each customer's own level, the levels normal among customers.

A customer's few amounts are shrunk towards the shop's level as far as the shop's own spread says. Against the Gamma-Gamma model
this keeps heavy right tails (a wholesaler among households) from pulling everybody's mean. A factor makes the mean over all known
purchase days what it was, because amounts are only roughly log-normal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from brandloom.predict.features import Floats
from brandloom.predict.lifetime.summary import Histories

PRIOR_DAYS = 4.0  # purchase days' worth of belief in the prior spreads
PRIOR_WITHIN, PRIOR_BETWEEN = 0.6, 0.6  # sd of log amounts of one customer, and among customers' levels


@dataclass(frozen=True)
class Money:
    """`level` is the mean of customers' log levels, `between` their sd, `within` the sd of one customer's log amounts.

    `factor` corrects the mean, `level_sd` is the sampling error of `level`. With no paid day at all, `factor` is 0.
    """

    level: float
    between: float
    within: float
    factor: float
    level_sd: float

    def posterior(self, histories: Histories) -> tuple[Floats, Floats]:
        """(n,) mean and sd of each customer's own log level."""
        precision = histories.paid_days / self.within**2 + 1.0 / self.between**2
        mean = (histories.log_sum / self.within**2 + self.level / self.between**2) / precision
        return np.asarray(mean), np.asarray(1.0 / np.sqrt(precision))

    def expected(self, histories: Histories) -> Floats:
        """(n,) expected amount of a purchase day to come."""
        mean, sd = self.posterior(histories)
        return np.asarray(self.factor * np.exp(mean + 0.5 * sd**2 + 0.5 * self.within**2))


def fit_money(histories: Histories) -> Money:
    """Spreads by moments, held by a weak prior; unbiased for unequal numbers of days."""
    paid = histories.paid_days > 0
    days, sums, squares = histories.paid_days[paid], histories.log_sum[paid], histories.log_squares[paid]
    if len(days) == 0:
        return Money(0.0, PRIOR_BETWEEN, PRIOR_WITHIN, 0.0, 0.0)
    means = sums / days
    inside = float(np.sum(np.maximum(squares - days * means**2, 0.0)))
    within2 = (inside + PRIOR_DAYS * PRIOR_WITHIN**2) / (float(np.sum(days - 1.0)) + PRIOR_DAYS)
    spread = float(np.sum((means - means.mean()) ** 2 - (1.0 - 1.0 / len(means)) * within2 / days))
    between2 = max(spread + PRIOR_DAYS * PRIOR_BETWEEN**2, 0.01 * PRIOR_DAYS) / (len(means) - 1.0 + PRIOR_DAYS)
    weights = 1.0 / (between2 + within2 / days)
    level = float(np.sum(weights * means) / np.sum(weights))
    plain = Money(level, float(np.sqrt(between2)), float(np.sqrt(within2)), 1.0, float(1.0 / np.sqrt(np.sum(weights))))
    fitted = float(np.sum(histories.paid_days * plain.expected(histories)))
    # days without a paid amount bring nothing, and are purchases all the same
    share_paid = float(np.sum(days) / np.sum(histories.frequency + 1.0))
    return Money(plain.level, plain.between, plain.within, share_paid * float(np.sum(histories.money)) / fitted, plain.level_sd)
