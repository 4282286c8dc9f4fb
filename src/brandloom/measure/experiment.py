"""What sending really changed: the holdout read-out, its power, and a documented simulated response to show it on.

People the plan wanted were split at random into those who got a message and a holdout. Arms are compared as they were drawn,
whether or not each message arrived: dropping failed sends from one arm only would undo the random draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import chdtrc, ndtri

from brandloom.engine import Engine, read_sql, tables
from brandloom.errors import DataError, StateError
from brandloom.i18n import _
from brandloom.measure.intervals import (
    Estimate,
    Floats,
    anytime_difference,
    bootstrap,
    fixed_difference,
    newcombe,
    share_ratio,
    wilson,
)
from brandloom.measure.replay import require_predictions
from brandloom.measure.words import Text, text

Verdict = Literal["works", "harms", "open", "broken"]
SRM_LIMIT = 0.001
"""Below this chance the split is not the one that was drawn: usual practice for sample-ratio checks, Fabijan et al. 2019."""
_SPEND_SPREAD = 0.8  # log-scale standard deviation of a simulated basket


@dataclass(frozen=True)
class Arm:
    """One arm of the experiment."""

    people: int
    buyers: int
    share: Estimate
    """Share that bought, Wilson."""
    spend: Estimate
    """Mean spend per person, in the workspace's currency, bootstrap."""


@dataclass(frozen=True)
class Power:
    """Smallest rise that a holdout of this size would find, if it is there, with the chance `power`."""

    effect: float | None
    """Absolute, in shares (0.01 is one percentage point); None when even everybody buying would not show."""
    lift: float | None
    """Relative to the holdout's share (0.05 is 5 %)."""
    power: float
    level: int


@dataclass(frozen=True)
class Readout:
    """The difference between people who got a message and those held out at random."""

    plan: str
    simulated: bool
    window_days: int
    sent: Arm
    holdout: Arm
    effect: Estimate
    """Absolute, fixed size: valid for one look at the end."""
    effect_anytime: Estimate
    """Absolute, valid however often one looks."""
    lift: Estimate | None
    """Relative to the holdout, fixed size; excludes 0 exactly when `effect` does. None when nobody held out bought."""
    spend_effect: Estimate
    """Money per person, fixed size."""
    designed_holdout: float
    srm_p_value: float
    """Chance of a split at least this uneven if the assignment worked."""
    detectable: Power
    verdict: Verdict
    """works and harms: the anytime-valid interval excludes 0; broken: the split is not the designed one."""
    summary: Text
    """The verdict in one or two plain sentences."""


@dataclass(frozen=True)
class Truth:
    """What the simulator knows and a real shop never does."""

    effect: float
    """Exact average absolute effect over everyone in the experiment."""
    lift: float
    """The same relative to the average probability without a message."""
    true_lift: float
    """The lift that was asked for."""
    seed: int


def holdout_readout(engine: Engine, plan: str, *, simulated: bool = False, designed_holdout: float = 0.1,
                    seed: int = 0) -> Readout:
    """Compare those who were sent a message with the holdout, from the table `outcomes`.

    Args:
        simulated: read the simulator's rows instead of the real ones; the two are never mixed.
        designed_holdout: share of the wanted people that was to be held out, in (0, 1).
        seed: of the bootstrap of spend.
    Raises:
        StateError: no outcomes of this plan, or fewer than two people in an arm.
    """
    rows = engine.query(
        "SELECT arm, purchased, spend, window_days FROM outcomes WHERE plan = $plan AND simulated = $simulated "
        "ORDER BY customer", plan=plan, simulated=simulated)
    arm = np.asarray(rows.column("arm").to_pylist(), dtype=object)
    bought, spend = (np.asarray(rows.column(name).to_numpy(zero_copy_only=False), dtype=np.float64)
                     for name in ("purchased", "spend"))
    is_sent, is_held = arm == "sent", arm == "holdout"
    if min(is_sent.sum(), is_held.sum()) < 2:
        raise StateError(_("Plan '{plan}' has nothing to compare: {sent} people with outcomes were sent a message and {held} "
                           "were held out. Wait until the window after sending has passed, or plan with a holdout."),
                         plan=plan, sent=int(is_sent.sum()), held=int(is_held.sum()))
    return _compare(plan, simulated, int(rows.column("window_days")[0].as_py()), (bought[is_sent], spend[is_sent]),
                    (bought[is_held], spend[is_held]), designed_holdout, seed)


def power(n_sent: int, n_holdout: int, base_rate: float, *, power: float = 0.8, level: int = 95) -> Power:
    """Smallest rise over `base_rate` that arms of these sizes find with chance `power`.

    Source:
        Fleiss, Levin and Paik 2003, section 4.2, unequal samples, without continuity correction.
    Example:
        >>> round(power(686, 686, 0.10).effect, 3)
        0.05
    """
    if min(n_sent, n_holdout) < 1 or not 0 < base_rate < 1:
        return Power(None, None, power, level)
    z_alpha, z_beta = float(ndtri((1 + level / 100) / 2)), float(ndtri(power))
    pooled_weight = n_sent / (n_sent + n_holdout)

    def shortfall(effect: float) -> float:
        rate = base_rate + effect
        pooled = base_rate + pooled_weight * effect
        under_null = z_alpha * np.sqrt(pooled * (1 - pooled) * (1 / n_sent + 1 / n_holdout))
        return float(effect - under_null - z_beta * np.sqrt(rate * (1 - rate) / n_sent + base_rate * (1 - base_rate) / n_holdout))

    most = 1 - base_rate
    if shortfall(most) < 0:
        return Power(None, None, power, level)
    effect = float(brentq(shortfall, 0.0, most))
    return Power(effect, effect / base_rate, power, level)


def observe_outcomes(engine: Engine, plan: str, *, window_days: int, now: datetime) -> int:
    """Write what everyone in the experiment bought in the `window_days` after the decision; returns the people counted.

    Only people whose window has passed by `now` (naive UTC) are counted; running it again replaces the plan's rows.
    """
    _forget(engine, plan, simulated=False)
    return engine.append("outcomes", read_sql("measure", "observe"), plan=plan, window_days=window_days, now=now)


def simulate_response(engine: Engine, plan: str, *, true_lift: float, horizon_days: int, seed: int) -> Truth:
    """Write made-up outcomes of a plan (`simulated` is true on each row) and return the effect they were made with.

    The response model, to be shown with every figure that comes from it:

    - held out: buys with the predicted probability p;
    - sent: buys with p x (1 + true_lift x w), at most 1. The weight w rises evenly from 0.5 for the person who bought last
      to 1.5 for the one whose purchase lies furthest back, then is scaled so that the average effect is `true_lift` x mean p;
    - whoever buys spends a log-normal amount around the predicted spend of a buyer.

    Args:
        true_lift: relative rise in purchases caused by a message, -1 or more (0.2 is 20 %).
        seed: the same seed writes the same rows.
    Raises:
        NotFittedError: nothing was learned yet.
        StateError: the plan has nobody in the experiment.
    """
    if true_lift < -1:
        raise DataError(_("true_lift is {value}; a purchase probability cannot fall below 0. Use -1 or more."), value=true_lift)
    require_predictions(engine)
    rows = engine.query(read_sql("measure", "response"), plan=plan)
    if rows.num_rows == 0:
        raise StateError(_("Plan '{plan}' has nobody to send to or to hold out. Plan first."), plan=plan)
    p, recency, basket = (np.asarray(rows.column(name).to_numpy(zero_copy_only=False), dtype=np.float64)
                          for name in ("p_purchase", "recency_days", "basket"))
    treated = response_probability(p, recency, true_lift=true_lift)
    is_sent = np.asarray(rows.column("arm").to_pylist(), dtype=object) == "sent"
    rng = np.random.default_rng(seed)
    bought = rng.random(len(p)) < np.where(is_sent, treated, p)
    noise = np.exp(rng.normal(-_SPEND_SPREAD**2 / 2, _SPEND_SPREAD, len(p)))
    _write(engine, plan, rows, bought, np.where(bought, np.round(basket * noise, 2), 0.0), horizon_days)
    effect = float((treated - p).mean())
    return Truth(effect, effect / float(p.mean()) if p.mean() > 0 else 0.0, true_lift, seed)


def response_probability(p: Floats, recency_days: Floats, *, true_lift: float) -> Floats:
    """Purchase probability of the simulator's people when they get a message; see `simulate_response`."""
    people = len(p)
    order = np.argsort(np.argsort(recency_days, kind="stable"), kind="stable")
    weight = 0.5 + order / max(1, people - 1) if people > 1 else np.ones(people)
    total = float((p * weight).sum())
    weight = weight * float(p.sum()) / total if total > 0 else weight
    return np.clip(p * (1 + true_lift * weight), 0.0, 1.0)


def _compare(plan: str, simulated: bool, window_days: int, sent: tuple[Floats, Floats], held: tuple[Floats, Floats],
             designed_holdout: float, seed: int) -> Readout:
    n_sent, n_held, hits, base_hits = len(sent[0]), len(held[0]), int(sent[0].sum()), int(held[0].sum())
    anytime = anytime_difference(sent[0], held[0])
    detectable = power(n_sent, n_held, base_hits / n_held)
    p_value = _split_p_value(n_sent, n_held, designed_holdout)
    verdict = _verdict(anytime, p_value)
    return Readout(
        plan=plan, simulated=simulated, window_days=window_days, sent=_arm(*sent, seed), holdout=_arm(*held, seed + 1),
        effect=newcombe(hits, n_sent, base_hits, n_held), effect_anytime=anytime,
        lift=share_ratio(hits, n_sent, base_hits, n_held), spend_effect=fixed_difference(sent[1], held[1]),
        designed_holdout=designed_holdout, srm_p_value=p_value, detectable=detectable, verdict=verdict,
        summary=_summary(verdict, anytime, detectable, n_held / (n_sent + n_held), designed_holdout))


def _arm(bought: Floats, spend: Floats, seed: int) -> Arm:
    return Arm(len(bought), int(bought.sum()), wilson(int(bought.sum()), len(bought)),
               bootstrap(spend[:, None], lambda means: means[:, 0], seed=seed, method="bca"))


def _split_p_value(n_sent: int, n_held: int, designed: float) -> float:
    """Chi-square with one degree of freedom for the designed split."""
    people = n_sent + n_held
    expected = people * designed
    return float(chdtrc(1, (n_held - expected) ** 2 / expected + (n_held - expected) ** 2 / (people - expected)))


def _verdict(anytime: Estimate, srm_p_value: float) -> Verdict:
    if srm_p_value < SRM_LIMIT:
        return "broken"
    if anytime.low is not None and anytime.low > 0:
        return "works"
    return "harms" if anytime.high is not None and anytime.high < 0 else "open"


def _summary(verdict: Verdict, anytime: Estimate, detectable: Power, held: float, designed: float) -> Text:
    low, high = 100 * (anytime.low or 0.0), 100 * (anytime.high or 0.0)
    if verdict == "broken":
        return text(_("Do not read this experiment: {held:.1%} were held out where {designed:.1%} were designed, which chance "
                      "does not explain. Find out who was lost from which arm first."), held=held, designed=designed)
    if verdict == "works":
        return text(_("The messages raised the share of buyers by between {low:.1f} and {high:.1f} percentage points, and this "
                      "holds however often one looked."), low=low, high=high)
    if verdict == "harms":
        return text(_("The messages lowered the share of buyers by between {low:.1f} and {high:.1f} percentage points. Stop "
                      "sending this."), low=-high, high=-low)
    if detectable.lift is None:
        return text(_("No effect can be told from chance: the holdout is too small to show any effect. Hold out more people or "
                      "read several campaigns together."))
    return text(_("No effect can be told from chance yet. A holdout of this size finds a rise of {lift:.0%} or more four times "
                  "in five; a smaller one needs more people or several campaigns read together."), lift=detectable.lift)


def _forget(engine: Engine, plan: str, *, simulated: bool) -> None:
    engine.replace("outcomes", "SELECT * FROM outcomes WHERE NOT (plan = $plan AND simulated = $simulated)",
                   plan=plan, simulated=simulated)


def _write(engine: Engine, plan: str, rows: pa.Table, bought: NDArray[np.bool_], spend: Floats, window_days: int) -> None:
    people = rows.num_rows
    outcomes = pa.table({
        "plan": pa.array([plan] * people), "customer": rows.column("customer"), "arm": rows.column("arm"),
        "simulated": pa.array([True] * people), "purchased": pa.array(bought), "spend": pa.array(spend),
        "window_days": pa.array(np.full(people, window_days, dtype=np.int32)),
    }, schema=tables.OUTCOMES)
    with engine.transaction():
        _forget(engine, plan, simulated=True)
        engine.add("outcomes", outcomes)
