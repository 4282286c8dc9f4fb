"""What another way of choosing texts would have brought, from the log of the way that was used.

Every decision of a wave is logged with the probability with which it was taken. A message whose text the other way likes more than the
log did counts for more, one that it would not have sent counts for nothing (Horvitz and Thompson 1952; for decision logs Strehl et al. 2010).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from brandloom.errors import DataError
from brandloom.i18n import _
from brandloom.measure.intervals import Estimate, Floats, bootstrap, wilson_weighted

Strings = npt.NDArray[np.object_]


@dataclass(frozen=True)
class PolicyValue:
    """Success rate that a policy would have had. The estimates agree when the log holds enough; read `steady` first where it is there."""

    ips: Estimate
    """Unbiased, and unsteady where the log gave small probabilities: in the log of learning waves with few successes its interval, and that of
    `dr`, holds the truth far too seldom (`benchmarks/waves.py`)."""
    snips: Estimate
    """The same over the sum of weights: a little biased, steadier, never outside the rewards seen."""
    dr: Estimate
    """Doubly robust: a model's guess, corrected by the log where the model was wrong."""
    effective: float
    """As many messages drawn by the policy itself would say as much (Kish 1965)."""
    matched: int
    """Messages the policy would have sent too, with some probability."""
    rounds: int
    successes: int
    steady: Estimate | None = None
    """For one text always: each message weighted by one over the root of its propensity. In a log whose shares moved with its outcomes the
    full weights swing so widely that their intervals miss the truth; these keep it (Hadad, Hirshberg, Zhan, Wager and Athey 2021)."""


def policy_value(reward: Floats, propensity: Floats, target_prob: Floats, predicted: Floats, predicted_target: Floats, *,
                 seed: int = 0, level: int = 95) -> PolicyValue:
    """Estimate the value of a target policy three ways from one log.

    Args:
        reward: (n,) 0/1 or money per message.
        propensity: (n,) in (0, 1], logged probability of the text that was sent.
        target_prob: (n,) in [0, 1], the target policy's probability of the same text.
        predicted: (n,) a model's expected reward of the text that was sent, made without this row.
        predicted_target: (n,) its expected reward under the target policy.
    Returns:
        Values in the unit of `reward`; intervals by the bias-corrected bootstrap over rows, for SNIPS of 0/1 rewards by Wilson's on the
        effective number of rows.
    Raises:
        DataError: a propensity outside (0, 1], or nothing logged.
    Source:
        IPS and SNIPS: Swaminathan and Joachims 2015; DR: Dudík, Langford and Li 2011.
    Example:
        >>> log = dict(reward=np.array([1.0, 0.0]), propensity=np.array([0.5, 0.5]), predicted=np.zeros(2), predicted_target=np.zeros(2))
        >>> policy_value(**log, target_prob=np.array([1.0, 0.0])).ips.value
        1.0
    """
    weight = weights(propensity, target_prob)
    columns = np.column_stack([weight * reward, weight, predicted_target + weight * (reward - predicted), np.ones(len(reward))])
    value = {name: bootstrap(columns[:, list(pair)], _ratio, seed=seed, level=level, method="bca")
             for name, pair in (("ips", (0, 3)), ("snips", (0, 1)), ("dr", (2, 3)))}
    if np.isin(reward, (0.0, 1.0)).all():
        value["snips"] = wilson_weighted(weight, reward, level=level)
    total = float(weight.sum())
    effective = total * total / float((weight * weight).sum()) if total > 0 else 0.0
    return PolicyValue(value["ips"], value["snips"], value["dr"], effective, int((weight > 0).sum()), len(reward), int((reward > 0).sum()))


def _ratio(means: Floats) -> Floats:
    """First over second; not a number where a draw holds no message that the policy would have sent."""
    found: Floats = np.divide(means[:, 0], means[:, 1], out=np.full(len(means), np.nan), where=means[:, 1] > 0)
    return found


def weights(propensity: Floats, target_prob: Floats) -> Floats:
    """How much more the target policy likes each logged choice than the log did.

    Raises:
        DataError: nothing logged, or a propensity outside (0, 1]; names the first such row.
    """
    if not len(propensity):
        raise DataError(_("The log is empty: nothing was sent whose outcome is known."))
    wrong = np.flatnonzero(~((propensity > 0) & (propensity <= 1)))
    if len(wrong):
        raise DataError(_("Row {row} of the log has propensity {value}; it must be above 0 and at most 1. Without the true one, nothing can "
                          "be said of other policies."), row=int(wrong[0]), value=float(propensity[wrong[0]]))
    found: Floats = target_prob / propensity
    return found


def always(text: str, texts: Strings, reward: Floats, propensity: Floats, *, seed: int = 0) -> PolicyValue:
    """What sending `text` to everybody of the cell would have brought.

    The model of the doubly robust estimate is the text's own rate, weighted like SNIPS, in the other half of the log (halves by turns).
    """
    target = (texts == text).astype(np.float64)
    weight = weights(propensity, target)
    half = np.arange(len(texts)) % 2
    rate = np.array([_rate(weight[half != number], reward[half != number]) for number in (0, 1)])[half]
    value = policy_value(reward, propensity, target, rate, rate, seed=seed)
    return replace(value, steady=wilson_weighted(target / np.sqrt(propensity), reward))


def _rate(weight: Floats, reward: Floats) -> float:
    total = float(weight.sum())
    return float(weight @ reward) / total if total > 0 else 0.0


def text_values(cells: Strings, texts: Strings, reward: Floats, propensity: Floats) -> dict[str, dict[str, PolicyValue]]:
    """By cell with several texts, and by text of it: what sending this text to everybody of the cell would have brought.

    Args:
        cells, texts, reward, propensity: (n,) one entry per message whose outcome is known.
    """
    found: dict[str, dict[str, PolicyValue]] = {}
    for cell in sorted(set(cells.tolist())):
        own = cells == cell
        names = sorted(set(texts[own].tolist()))
        if len(names) > 1:
            found[cell] = {text: always(text, texts[own], reward[own], propensity[own]) for text in names}
    return found
