"""Profiles brought up to date: the same rows as building everything, whatever has happened to the shop in between."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brandloom.customers import build_profiles, update_profiles
from brandloom.customers.profile_table import WINDOWS, _crossing
from brandloom.customers.profiles import prices_query, profile_query
from brandloom.engine import DuckEngine, Engine, ensure_tables, read_sql, tables
from brandloom.engine.spark import translate
from conftest import require

START = datetime(2024, 7, 1)
PEOPLE, PRODUCTS = "abcdef", ("tea", "cup", "pot", None)
EDGES = sorted({days + step for windows in WINDOWS.values() for days in (0, *windows) for step in (-2, -1, 0, 1)} | {-40, 400, 800})


class Shop:
    """A shop whose events come in loads, numbered as `sources` numbers them, and whose clock goes on."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.now, self.loads = engine, START, 0

    def events(self, *lines: tuple[str | None, int, int, str, str | None, str | None, int]) -> None:
        """Load lines: customer, days ago, hour, kind, product, order, cents."""
        self.loads += 1
        day = datetime(self.now.year, self.now.month, self.now.day)
        rows = [{"event": self.loads * 10**12 + at, "customer": who, "occurred_at": day - timedelta(days=ago) + timedelta(hours=hour), "kind": kind,
                 "product": product, "order_id": order, "quantity": -1.0 if kind == "return" else 1.5,
                 "amount": Decimal(-cents if kind == "return" else cents) / 100}
                for at, (who, ago, hour, kind, product, order, cents) in enumerate(lines)]
        self.engine.add("events", pa.Table.from_pylist(rows, schema=tables.EVENTS))

    def wait(self, days: int, hours: int) -> None:
        self.now += timedelta(days=days, hours=hours)

    def customer(self, who: str, ago: int | None, country: str | None) -> None:
        """Add a customer, or say of one known since when and from where."""
        first_seen = None if ago is None else self.now - timedelta(days=ago)
        self.forget(who)
        self.engine.add("customers", pa.Table.from_pylist([{"customer": who, "first_seen": first_seen, "country": country}], schema=tables.CUSTOMERS))

    def relocate(self, who: str, country: str, language: str) -> None:
        """Another country and language, known since the same day: a load of orders fills them in without a new event."""
        self._rewrite("customers", "SELECT customer, first_seen, CASE WHEN customer = $who THEN $country ELSE country END AS country, "
                      "CASE WHEN customer = $who THEN $language ELSE language END AS language, attributes FROM customers",
                      who=who, country=country, language=language)

    def forget(self, who: str) -> None:
        self._rewrite("customers", "SELECT * FROM customers WHERE customer <> $who", who=who)

    def erase(self, who: str) -> None:
        self._rewrite("events", "SELECT * FROM events WHERE customer IS DISTINCT FROM $who", who=who)

    def category(self, product: str, category: str | None) -> None:
        self._rewrite("products", "SELECT * FROM products WHERE product <> $product", product=product)
        self.engine.add("products", pa.Table.from_pylist([{"product": product, "category": category}], schema=tables.PRODUCTS))

    def correct(self, cents: int) -> None:
        """Another amount for the first line of all."""
        columns = ", ".join(name for name in tables.EVENTS.names if name != "amount")
        self._rewrite("events", f"SELECT {columns}, CASE WHEN event = (SELECT min(event) FROM events) THEN CAST($money AS DECIMAL(18, 4)) "
                      "ELSE amount END AS amount FROM events", money=Decimal(cents) / 100)

    def merge(self, *pairs: tuple[str, str]) -> None:
        """Who is one person from now on; without pairs, everybody is someone else again."""
        self.engine.put("same_person", pa.Table.from_pylist([{"customer": who, "person": person} for who, person in pairs], schema=tables.SAME_PERSON))
        views = {"events": "events_of_persons", "customers": "customers_as_persons"}
        self.engine.overlay({table: read_sql("govern", name) for table, name in views.items()} if pairs else {})

    def _rewrite(self, table: str, select: str, **values: Any) -> None:
        with self.engine.as_loaded():
            self.engine.replace(table, select, **values)


@contextmanager
def shop(engine: Engine | None = None) -> Iterator[Shop]:
    opened = engine or DuckEngine(threads=1)
    ensure_tables(opened)
    try:
        yield Shop(opened)
    finally:
        opened.close()


def built(engine: Engine, as_of: datetime) -> pa.Table:
    select, values = profile_query(as_of)
    return engine.query(f"SELECT * FROM ({select}) everybody ORDER BY customer", **values)


def assert_as_built(one: Shop, *, full: bool | None = None) -> int:
    """Update and compare with the full build, row by row and to the last digit; returns how many rows the update wrote."""
    done = update_profiles(one.engine, one.now)
    updated = one.engine.query("SELECT * FROM profiles ORDER BY customer")
    expected = built(one.engine, one.now)
    assert [(field.name, field.type) for field in updated.schema] == [(field.name, field.type) for field in expected.schema]
    assert updated.to_pylist() == expected.to_pylist()
    assert done.customers == expected.num_rows
    assert done.full is full or full is None
    return done.computed + done.moved


LINE = st.tuples(st.sampled_from([*PEOPLE, None]), st.sampled_from(EDGES), st.integers(0, 23),
                 st.sampled_from(["purchase", "purchase", "purchase", "return", "view", "cart", "search", "adjustment"]),
                 st.sampled_from(PRODUCTS), st.sampled_from(["o1", "o2", "o3", None, None]), st.integers(0, 9999))
STEP = st.one_of(
    st.tuples(st.just("events"), st.lists(LINE, max_size=8)),
    st.tuples(st.just("wait"), st.sampled_from([0, 1, 1, 1, 2, 6, 30, 61, 366]), st.sampled_from([0, 0, 0, 7, 23])),
    st.tuples(st.just("customer"), st.sampled_from(PEOPLE), st.sampled_from([None, *EDGES]), st.sampled_from(["FR", "DE", None])),
    st.tuples(st.just("relocate"), st.sampled_from(PEOPLE), st.sampled_from(["CN", "GB"]), st.sampled_from(["zh", "en"])),
    st.tuples(st.sampled_from(["forget", "erase"]), st.sampled_from(PEOPLE)),
    st.tuples(st.just("category"), st.sampled_from(PRODUCTS[:3]), st.sampled_from(["kitchen", "drinks", None])),
    st.tuples(st.just("correct"), st.integers(0, 9999)),
    st.tuples(st.just("merge"), st.sampled_from([[], [("b", "a"), ("a", "a")], [("c", "a"), ("a", "a"), ("e", "d"), ("d", "d")]])),
)


def take(one: Shop, step: tuple[Any, ...]) -> None:
    name, *given_values = step
    getattr(one, name)(*given_values[0] if name in ("events", "merge") else given_values)


@settings(max_examples=12, deadline=None)
@given(st.lists(LINE, max_size=25), st.lists(st.lists(STEP, min_size=1, max_size=3), min_size=1, max_size=5))
def test_an_update_writes_what_a_full_build_would(first: list[Any], days: list[list[tuple[Any, ...]]]) -> None:
    with shop() as one:
        one.events(*first)
        assert_as_built(one, full=True)
        for steps in days:
            for step in steps:
                take(one, step)
            assert_as_built(one)


@settings(max_examples=8, deadline=None)
@given(st.lists(LINE, min_size=10, max_size=40),
       st.lists(st.tuples(st.lists(LINE, max_size=4), st.sampled_from([1, 1, 1, 2, 31]), st.sampled_from([0, 0, 9, 20])), min_size=1, max_size=6))
def test_days_passing_and_loads_of_events_never_build_everything(first: list[Any], days: list[tuple[list[Any], int, int]]) -> None:
    with shop() as one:
        one.events(*first, ("f", 1, 0, "purchase", "tea", None, 100))
        build_profiles(one.engine, one.now)
        for lines, passed, hours in days:
            one.wait(passed, hours)
            one.events(*lines)
            assert_as_built(one, full=False)


def everyone_bought(one: Shop, ago: int) -> None:
    one.events(*((f"c{n}", ago, 9, "purchase", "tea", f"o{n}", 500) for n in range(30)))
    build_profiles(one.engine, one.now)


def test_only_the_rows_of_those_are_written_whom_the_day_concerns() -> None:
    with shop() as one:
        everyone_bought(one, 200)
        one.events(("c1", 59, 9, "purchase", "cup", "x1", 700), ("c2", 6, 9, "view", "cup", None, 0), ("c3", -3, 9, "purchase", "cup", "x3", 1))
        one.customer("d1", None, "FR")
        assert assert_as_built(one, full=False) == 3  # c1, c2, d1; what c3 will do lies ahead
        assert assert_as_built(one, full=False) == 0
        one.wait(1, 0)
        assert assert_as_built(one, full=False) == 0
        one.wait(1, 0)
        assert assert_as_built(one, full=False) == 2  # 61 days since c1 bought, 8 since c2 looked
        one.wait(2, 0)
        one.events(("c4", 100, 9, "return", "tea", "o4", 500), (None, 1, 9, "purchase", "tea", None, 1))
        assert assert_as_built(one, full=False) == 2  # c3, whose day has come, and c4, of whom we heard late
        one.customer("c5", 900, "DE")
        one.forget("d1")
        assert assert_as_built(one, full=False) == 2
        one.relocate("c5", "CN", "zh")
        assert assert_as_built(one, full=False) == 1
        one.wait(161, 0)
        assert assert_as_built(one, full=False) == 29 + 1  # all of whom the first day crosses 335 days


def test_who_will_be_known_only_later_gets_a_profile_then() -> None:
    with shop() as one:
        everyone_bought(one, 200)
        one.customer("ahead", -1, "FR")
        for days, hours, found in ((0, 0, 0), (1, 0, 0), (0, 1, 1)):  # a day before; the moment itself; an hour later
            one.wait(days, hours)
            assert assert_as_built(one, full=False) == found


def test_windows_end_at_midnight_whatever_the_hour_of_the_runs() -> None:
    with shop() as one:
        one.events(("early", 14, 1, "purchase", "tea", "o1", 1), ("late", 14, 23, "purchase", "tea", "o2", 1), ("next", 13, 1, "purchase", "tea", "o3", 1))
        one.wait(0, 15)
        assert_as_built(one, full=True)
        one.wait(0, 8)
        assert assert_as_built(one, full=False) == 0
        one.wait(0, 9)
        assert assert_as_built(one, full=False) == 2


@pytest.mark.parametrize("change", [("erase", "c7"), ("correct", 1), ("category", "tea", "drinks"), ("merge", ("c2", "c1"), ("c1", "c1")), ("wait", -1, 0)])
def test_everything_is_built_where_more_has_changed_than_was_added(change: tuple[Any, ...]) -> None:
    with shop() as one:
        everyone_bought(one, 10)
        assert_as_built(one, full=False)
        getattr(one, change[0])(*change[1:])
        assert_as_built(one, full=True)
        assert_as_built(one, full=False)


def test_histories_are_read_only_of_those_who_bought() -> None:
    """A visit and what leaves a window move a row; an order of several days has no day that one of its lines could tell."""
    with shop() as one:
        one.events(*((f"c{n}", 29, 9, "purchase", "tea", f"o{n}", 500) for n in range(4)), ("c1", 27, 9, "purchase", "cup", "o1", 700))
        build_profiles(one.engine, one.now)
        one.wait(2, 0)
        one.events(("c2", 1, 9, "cart", "tea", None, 0), ("c3", 1, 9, "purchase", "tea", "n3", 1), ("new", 1, 9, "view", "tea", None, 0))
        done = update_profiles(one.engine, one.now)
        assert (done.computed, done.moved, done.customers) == (3, 2, 5)  # c1, c3, new; c0, c2
        assert one.engine.query("SELECT * FROM profiles ORDER BY customer").to_pylist() == built(one.engine, one.now).to_pylist()


def test_prices_of_earlier_months_alone_say_what_is_cheap() -> None:
    """July is measured by June; what is sold later, or in July, changes nothing; a late sale of June does, for who bought in July."""
    with shop() as one:  # as of July 1
        one.category("tea", "drinks")
        one.category("cup", "drinks")
        one.events(("a", 20, 9, "purchase", "tea", "a1", 1500), ("a", 20, 9, "purchase", "cup", "a1", 3000), (None, 19, 9, "purchase", "tea", "a2", 1500))
        build_profiles(one.engine, one.now)
        then = built(one.engine, START).to_pylist()
        one.wait(9, 0)
        one.events(("b", 1, 9, "purchase", "tea", "b1", 1200), ("b", 1, 9, "purchase", "cup", "b1", 2900), ("c", 1, 9, "purchase", "tea", "c1", 1500))
        assert assert_as_built(one, full=False) == 2
        assert taste(one) == {"a": (None, None), "b": (0.5, 0.5), "c": (0.0, 0.0)}  # b: the tea a fifth cheaper, the cup by a thirtieth
        assert built(one.engine, START).to_pylist() == then
        one.events((None, 20, 9, "purchase", "tea", "n1", 900), (None, 20, 9, "purchase", "tea", "n2", 900), (None, 20, 9, "purchase", "tea", "n3", 900))
        assert assert_as_built(one, full=False) == 2
        assert taste(one) == {"a": (None, None), "b": (0.0, 0.5), "c": (0.0, 0.0)}


def taste(one: Shop) -> dict[str, tuple[float | None, float | None]]:
    rows = one.engine.query("SELECT customer, discount_share, price_level FROM profiles").to_pylist()
    return {row["customer"]: (row["discount_share"], row["price_level"]) for row in rows}


def test_everything_is_built_when_asked_and_a_table_in_the_place_of_the_view_gives_way() -> None:
    with shop() as one:
        everyone_bought(one, 10)
        assert update_profiles(one.engine, one.now, anew=True).full
        one.engine.replace("kept", "SELECT * FROM profiles")
        one.engine.drop("profiles")
        one.engine.replace("profiles", "SELECT * FROM kept")  # as an earlier version left it
        one.wait(1, 0)
        assert_as_built(one, full=False)
        one.engine.drop("profile_rows")
        assert_as_built(one, full=True)


def test_every_window_of_the_profile_is_watched() -> None:
    """Cheaper than the properties above, and says which number is missing."""
    watched = {days for windows in WINDOWS.values() for days in windows}
    assert watched == set(map(int, re.findall(r"days_ago (?:<=|>) (\d+)", read_sql("customers", "profile_features"))))
    assert watched == set(map(int, re.findall(r"ago (?:<=|>) (\d+)", read_sql("customers", "profile_moved"))))


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_update_on_spark_writes_what_a_full_build_on_either_engine_would(tmp_path: Path) -> None:
    require(shutil.which("java") or os.environ.get("JAVA_HOME"), "Spark needs Java: sudo apt-get install openjdk-17-jre-headless")
    from brandloom.engine.spark import SparkEngine
    os.environ["PYSPARK_PYTHON"] = sys.executable
    rng = Random(4)
    kinds = ("purchase", "purchase", "purchase", "return", "view", "cart")
    draw = lambda n: [(rng.choice(PEOPLE), rng.choice(EDGES), rng.randrange(24), rng.choice(kinds), rng.choice(PRODUCTS),  # noqa: E731
                       rng.choice(("o1", "o2", None)), rng.randrange(9999)) for _ in range(n)]
    with shop(SparkEngine(tmp_path / "warehouse", master="local[1]", memory_gb=1)) as one, shop() as other:
        for passed, lines in ((0, 40), (1, 0), (1, 3), (30, 2)):
            batch = draw(lines)
            for each in (one, other):
                each.wait(passed, 5)
                each.events(*batch)
                if passed == 30:
                    each.customer("z", 900, "FR")
            assert_as_built(one, full=passed == 0)
            assert one.engine.query("SELECT * FROM profiles ORDER BY customer").to_pylist() == built(other.engine, other.now).to_pylist()


def test_every_statement_of_an_update_translates_to_spark() -> None:
    crossing, bounds = _crossing(START, START + timedelta(days=2))
    translate(read_sql("customers", "profile_passing").format(crossing=crossing), {"as_of": START, "last": START, "seen": 1, **bounds})
    translate(read_sql("customers", "profile_touched"), {"as_of": START, "last": START, "repriced": START})
    translate(read_sql("customers", "profile_moved"), {})
    translate(*prices_query(START))
    translate(read_sql("customers", "profile_sums"), {"seen": 1})
