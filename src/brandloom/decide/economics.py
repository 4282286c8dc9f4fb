"""What a message is worth: the difference it makes, not what the person would have spent anyway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from brandloom.errors import ConfigError
from brandloom.i18n import _

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Economics:
    """What the shop earns and pays. Lift is an assumption until a holdout has measured it."""

    margin: float
    """Share of revenue left after the cost of goods, above 0 and at most 1."""
    assumed_lift: float
    """Relative rise of the likelihood to buy because of a message, 0.1 is 10 %."""
    cost_per_message: Mapping[str, float]
    """Money per message, by channel."""
    redemption: float = 1.0
    """Share of the buyers who use the offer: 1 when it is taken off by itself, less when a code has to be typed."""
    lift_by_channel: Mapping[str, float] = field(default_factory=dict)
    """Lift of a channel where it differs from `assumed_lift`."""

    def __post_init__(self) -> None:
        _require_share("margin", self.margin, lowest_allowed=False)
        _require_share("redemption", self.redemption)
        for lift in (self.assumed_lift, *self.lift_by_channel.values()):
            if not lift >= 0:
                raise ConfigError(_("assumed_lift is {value}; it must be 0 or more (0.1 is 10 %)."), value=lift)
        for channel, cost in self.cost_per_message.items():
            if not 0 <= cost < np.inf:
                raise ConfigError(_("cost_per_message of '{channel}' is {value}; it must be 0 or more."),
                                  channel=channel, value=cost)

    def on(self, channel: str) -> Economics:
        """The same with the lift of one channel."""
        return replace(self, assumed_lift=self.lift_by_channel.get(channel, self.assumed_lift))


def incremental_value(p_purchase: Floats, expected_spend: Floats, *, economics: Economics, discount: float) -> Floats:
    """Margin that a message adds, before its cost; negative where the discount gives away more than the lift brings.

    With p the likelihood to buy without the message, s = expected spend / p the spend if they buy, m the margin,
    l the assumed lift, and d the discount times its redemption:

        with the message      min(1, p (1 + l)) * s * (m - d)
        without it            p * s * m
        value                 the difference = s * ((p' - p) (m - d) - p d)

    The last term is what those who would have bought anyway are given for nothing. Below p = 1 / (1 + l) the value is above
    0 only while d < m l / (1 + l): at a margin of 40 % and a lift of 10 % no discount above 3.6 % pays for itself.

    Args:
        p_purchase: (n,) in 0..1.
        expected_spend: (n,) money, unconditional: p_purchase x spend if they buy.
        discount: share of the price, 0..1.
    Returns:
        (n,) money per person.
    """
    _require_share("discount", discount)
    given = discount * economics.redemption
    spend = np.divide(expected_spend, p_purchase, out=np.zeros_like(expected_spend), where=p_purchase > 0)
    raised = np.minimum(1.0, p_purchase * (1.0 + economics.assumed_lift)) - p_purchase
    value: Floats = spend * (raised * (economics.margin - given) - p_purchase * given)
    return value


def _require_share(name: str, value: float, *, lowest_allowed: bool = True) -> None:
    if not (0 <= value <= 1 if lowest_allowed else 0 < value <= 1):
        raise ConfigError(_("{name} is {value}; it must be a share between 0 and 1 (0.4 is 40 %)."), name=name, value=value)
