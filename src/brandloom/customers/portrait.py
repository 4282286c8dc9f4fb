"""One customer as a person reads about them: the profile, what they buy, look at and through which channel, and what happened last."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from brandloom.customers.profiles import profile_query
from brandloom.engine import Engine, read_sql

MOST = 5
"""Values shown of each fact."""
LATEST = 10
"""Events shown."""
_SEARCHED = ("searchterm", "searchterms", "searchquery", "searchstring", "query", "keyword", "keywords", "search", "term", "q",
             "搜索词", "搜索关键词", "搜索内容", "关键词", "检索词")
"""Headings, spelt as by `_plain`, of the column that says what was searched for."""
_ALIKE = ("product IN (SELECT product FROM portrait_events WHERE product IS NOT NULL UNION SELECT b.product FROM products b JOIN products a "
          "ON a.category = b.category JOIN portrait_events e ON e.product = a.product)")


@dataclass(frozen=True)
class Fact:
    """One thing a customer does, and how often; `last_at` in UTC."""

    value: str
    times: int
    last_at: datetime
    share: float | None = None
    """Of the purchase lines of products with a category; told of bought categories only."""


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
    """Categories looked at, put aside or named in a search, without buying."""
    searches: tuple[Fact, ...]
    """What was searched for, in lower case."""
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
        select, values = profile_query(as_of, events="portrait_events", among=_ALIKE)
        rows = engine.query(f"SELECT * FROM ({select}) profiles WHERE customer = $customer", **values, customer=customer).to_pylist()
        facts = engine.query(f"SELECT * FROM ({read_sql('customers', 'portrait')}) facts ORDER BY fact, n DESC, last_at DESC, value").to_pylist()
        asked = engine.query("SELECT properties, occurred_at FROM portrait_events WHERE kind = 'search' AND properties IS NOT NULL").to_pylist()
        known = engine.query("SELECT DISTINCT category FROM products WHERE category IS NOT NULL ORDER BY category")["category"].to_pylist()
        latest = engine.query("SELECT occurred_at, kind, product, quantity, CAST(amount AS DOUBLE) AS amount, order_id, channel FROM portrait_events "
                              f"ORDER BY occurred_at DESC, event DESC LIMIT {LATEST}").to_pylist()
    finally:
        engine.drop("portrait_events")

    def of(kind: str, most: int = MOST) -> tuple[Fact, ...]:
        return tuple(Fact(row["value"], int(row["n"]), row["last_at"]) for row in facts if row["fact"] == kind)[:most]
    paid = next((row for row in facts if row["fact"] == "price" and row["n"]), None)
    bought, searches = of("bought category", len(facts)), _searches(asked)
    lines = sum(one.times for one in bought)
    had = {one.value for one in bought}
    interests = [one for one in _together([*of("looked at category", len(facts)), *_named(searches, known)]) if one.value not in had]
    return Portrait(customer, as_of, rows[0] if rows else {}, of("event", len(facts)), of("channel"),
                    tuple(replace(one, share=one.times / lines) for one in bought[:MOST]), tuple(interests[:MOST]), tuple(searches[:MOST]),
                    of("bought product"), None if paid is None else (float(paid["low"]), float(paid["high"])), tuple(latest))


def _searches(asked: Sequence[Mapping[str, Any]]) -> list[Fact]:
    """What search events say was searched for, by the columns that a shop's file may have for it."""
    found = []
    for row in asked:
        said = {_plain(name): value for name, value in json.loads(row["properties"]).items()}
        words = next((" ".join(str(said[name]).casefold().split()) for name in _SEARCHED if said.get(name)), "")
        found += [Fact(words, 1, row["occurred_at"])] if words else []
    return _together(found)


def _named(searches: Sequence[Fact], categories: Sequence[str]) -> list[Fact]:
    """Categories whose name is in what was searched for."""
    return [replace(one, value=category) for one in searches for category in categories if " ".join(category.casefold().split()) in one.value]


def _together(facts: Sequence[Fact]) -> list[Fact]:
    """One fact per value, most often first, then the latest."""
    found: dict[str, Fact] = {}
    for one in facts:
        so_far = found.get(one.value, replace(one, times=0))
        found[one.value] = replace(one, times=so_far.times + one.times, last_at=max(so_far.last_at, one.last_at))
    return sorted(sorted(found.values(), key=lambda one: one.value), key=lambda one: (one.times, one.last_at), reverse=True)


def _plain(heading: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKC", heading).casefold() if c.isalnum())
