"""One customer as a person reads about them: the profile, what they buy, look at and through which channel, and what happened last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from brandloom.customers.profiles import profile_query
from brandloom.engine import Engine, read_sql

MOST = 5
"""Values shown of each fact."""
LATEST = 10
"""Events shown."""


@dataclass(frozen=True)
class Fact:
    """One thing a customer does, and how often; `last_at` in UTC."""

    value: str
    times: int
    last_at: datetime


@dataclass(frozen=True)
class Portrait:
    """All that the events before `as_of` say about one customer; None is not known, never 0."""

    customer: str
    as_of: datetime
    profile: Mapping[str, Any]
    """A row of `profiles`."""
    events: tuple[Fact, ...]
    """By kind, from looking to buying to returning."""
    channels: tuple[Fact, ...]
    categories: tuple[Fact, ...]
    interests: tuple[Fact, ...]
    """Categories looked at, put aside or searched in without buying."""
    products: tuple[Fact, ...]
    prices: tuple[float, float] | None
    """Lowest and highest price paid for one piece."""
    latest: tuple[Mapping[str, Any], ...]
    """The last events, latest first."""


def portray(engine: Engine, customer: str, as_of: datetime) -> Portrait:
    """Read one customer's events and nobody else's.

    Args:
        as_of: naive UTC; nothing that happened at or after it is looked at.
    """
    engine.replace("portrait_events", "SELECT * FROM events WHERE customer = $customer AND occurred_at < $as_of", customer=customer, as_of=as_of)
    try:
        select, values = profile_query(as_of, events="portrait_events")
        rows = engine.query(f"SELECT * FROM ({select}) profiles WHERE customer = $customer", **values, customer=customer).to_pylist()
        facts = engine.query(f"SELECT * FROM ({read_sql('customers', 'portrait')}) facts ORDER BY fact, n DESC, last_at DESC, value").to_pylist()
        latest = engine.query("SELECT occurred_at, kind, product, quantity, CAST(amount AS DOUBLE) AS amount, order_id, channel FROM portrait_events "
                              f"ORDER BY occurred_at DESC, event DESC LIMIT {LATEST}").to_pylist()
    finally:
        engine.drop("portrait_events")

    def of(kind: str, most: int = MOST) -> tuple[Fact, ...]:
        return tuple(Fact(row["value"], int(row["n"]), row["last_at"]) for row in facts if row["fact"] == kind)[:most]
    paid = next((row for row in facts if row["fact"] == "price" and row["n"]), None)
    bought = {one.value for one in of("bought category", len(facts))}
    return Portrait(customer, as_of, rows[0] if rows else {}, of("event", len(facts)), of("channel"), of("bought category"),
                    tuple(one for one in of("looked at category", len(facts)) if one.value not in bought)[:MOST], of("bought product"),
                    None if paid is None else (float(paid["low"]), float(paid["high"])), tuple(latest))
