"""Whom the shop's own messages make buy: learned from launched plans with a holdout, whose windows have passed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from brandloom.customers import feature_query
from brandloom.engine import read_sql
from brandloom.errors import DataError
from brandloom.i18n import _
from brandloom.predict.features import FEATURES, Floats, feature_matrix
from brandloom.predict.uplift import LEAST_ROWS, UpliftModel, fit_uplift

if TYPE_CHECKING:
    from brandloom.campaigns.shop import Shop

SENT, HOLDOUT = "sent", "holdout"


@dataclass(frozen=True)
class ResponseEffects:
    """What a message adds to the chance to buy within the window."""

    model: UpliftModel
    plans: tuple[str, ...]
    window_days: int
    customers: pa.Table
    """customer, effect: everybody known at `as_of`, largest effect first."""


def learn_effects_of_messages(shop: Shop, as_of: datetime, *, window_days: int, seed: int = 0) -> ResponseEffects:
    """Learn from every plan that left a holdout out; plans are pooled, each person with the chance the policy drew them by.

    Args:
        as_of: naive UTC; nothing later is looked at, and only plans whose window has passed by then count.
        window_days: days after the decision in which purchases count.
    Raises:
        DataError: no such plan, or too few people with and without a message; says how many there are.
    """
    x, arm, bought, chance, plans = experiments(shop, as_of, window_days)
    least = min(arm.count(SENT), arm.count(HOLDOUT))
    if least < LEAST_ROWS:
        raise DataError(_("Whom messages make buy is learned from launched plans with a holdout: {least} people or more with a message and as many "
                          "without, {days} days after the decision. So far there are {sent} and {held}. Launch plans with a holdout, or give a "
                          "shorter --horizon."), least=LEAST_ROWS, days=window_days, sent=arm.count(SENT), held=arm.count(HOLDOUT))
    model = fit_uplift(x, arm, bought, control=HOLDOUT, features=FEATURES, chance={SENT: chance}, seed=seed)
    select, values = feature_query(as_of)
    now = shop.engine.query(f"SELECT * FROM ({select}) features ORDER BY customer", **values)
    effect = model.predict(feature_matrix(now))[SENT]
    rows = pa.table({"customer": now["customer"], "effect": effect}).sort_by([("effect", "descending"), ("customer", "ascending")])
    return ResponseEffects(model, plans, window_days, rows)


def experiments(shop: Shop, as_of: datetime, window_days: int) -> tuple[Floats, list[str], Floats, Floats, tuple[str, ...]]:
    """Features at the moment of each plan, what each person got, whether they bought, and the chance of a message."""
    engine = shop.engine
    found = engine.query("SELECT plan, min(decided_at) AS decided_at FROM decisions WHERE action IN ('send', 'holdout') AND decided_at < $as_of "
                         "AND plan IN (SELECT plan FROM messages WHERE state = 'sent') "
                         "GROUP BY plan HAVING count(DISTINCT action) = 2 ORDER BY plan", as_of=as_of).to_pylist()
    parts, arm, bought, chance, plans = list[Floats](), list[str](), list[float](), list[float](), list[str]()
    for row in found:
        # Of a person with several ids the first id's arm counts, and so does the chance that id was drawn by.
        outcomes = engine.query(f"SELECT o.customer, o.arm, o.purchased, d.propensity FROM ({read_sql('measure', 'observe')}) o JOIN ("
                                "SELECT person, propensity FROM (SELECT coalesce(s.person, d.customer) AS person, d.propensity AS propensity, "
                                "row_number() OVER (PARTITION BY coalesce(s.person, d.customer) ORDER BY d.customer) AS place FROM decisions d "
                                "LEFT JOIN same_person s ON s.customer = d.customer WHERE d.plan = $plan AND d.action IN ('send', 'holdout')) ranked "
                                "WHERE place = 1) d ON d.person = o.customer ORDER BY o.customer",
                                plan=row["plan"], window_days=window_days, now=as_of)
        if not outcomes.num_rows:
            continue
        select, values = feature_query(row["decided_at"])
        features = engine.query(f"SELECT * FROM ({select}) features ORDER BY customer", **values)
        place = {customer: at for at, customer in enumerate(features["customer"].to_pylist())}
        known = [one for one in outcomes.to_pylist() if one["customer"] in place]
        parts.append(feature_matrix(features)[[place[one["customer"]] for one in known]])
        arm += [one["arm"] for one in known]
        bought += [float(one["purchased"]) for one in known]
        chance += [float(one["propensity"]) if one["arm"] == SENT else 1 - float(one["propensity"]) for one in known]
        plans.append(row["plan"])
    x = np.concatenate(parts) if parts else np.empty((0, len(FEATURES)))
    return x, arm, np.array(bought), np.array(chance), tuple(plans)
