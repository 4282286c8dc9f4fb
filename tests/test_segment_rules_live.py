"""Membership kept piece by piece is what evaluating everybody would give, after any events and at any moment."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pyarrow as pa
import pytest

from brandloom.customers import build_profiles
from brandloom.customers.rules import changes, members, parse, refresh, sizes, update
from brandloom.engine import Engine, tables
from brandloom.errors import DataError, StateError
from rule_world import AS_OF, Row, event, oracle, put, random_rule, random_shop


def arrive(engine: Engine, events: list[Row]) -> None:
    engine.add("events", pa.Table.from_pylist(events, schema=tables.EVENTS))


@pytest.mark.parametrize("seed", range(8))
def test_piece_by_piece_agrees_with_the_oracle_at_every_moment(engine: Engine, seed: int) -> None:
    """Events arrive late, on time and before their time, for people known and unknown; between them time passes, midnights too.

    The record of entries and leavings, replayed from the first membership, gives every later one.
    """
    rng = random.Random(seed)
    customers, events = random_shop(rng, people=25)
    put(engine, customers, events)
    rules = {f"规则 {number}": random_rule(rng, 2) for number in range(12)}
    now = AS_OF
    assert update(engine, rules, now).full
    replayed = {name: set(members(engine, name)) for name in rules}
    read = 0
    for step in range(14):
        now += rng.choice([timedelta(0), timedelta(microseconds=1), timedelta(hours=5), timedelta(days=1), timedelta(days=29)])
        new = [{**event(rng, f"c{rng.randrange(30):03d}"), "event": 1000 * (step + 1) + number,
                "occurred_at": rng.choice([now, now - timedelta(days=rng.choice([0, 30, 31])), now + timedelta(hours=3)])}
               for number in range(rng.choice([0, 1, 3]))]
        if new:
            arrive(engine, new)
            events += new
        done = update(engine, rules, now)
        moves = changes(engine, since=AS_OF)
        assert not done.full and len(moves) == read + done.entered + done.left
        for one in moves:
            if one["changed_at"] == now:
                (replayed[str(one["segment"])].add if one["entered"] else replayed[str(one["segment"])].discard)(str(one["customer"]))
        read = len(moves)
        for name, rule in rules.items():
            assert set(members(engine, name)) == oracle(rule, customers, events, now) == replayed[name], (rule, now)
    assert sizes(engine) == {name: len(found) for name, found in replayed.items()}


def test_an_event_concerns_its_customer_and_midnight_those_whose_date_has_come(engine: Engine) -> None:
    rules = {"quiet": parse("never ordered in the last 60 days")}
    put(engine, [{"customer": f"c{n}"} for n in range(50)],
        [{"event": n + 1, "customer": f"c{n}", "occurred_at": datetime(2024, 6, 1) + timedelta(days=n), "kind": "purchase"} for n in range(20)])
    assert update(engine, rules, datetime(2024, 6, 30)).evaluated == 50
    arrive(engine, [{"event": 100, "customer": "c40", "occurred_at": datetime(2024, 6, 30), "kind": "purchase"}])
    done = update(engine, rules, datetime(2024, 6, 30, 0, 0, 1))
    assert (done.evaluated, done.entered, done.left, done.full) == (1, 0, 1, False)
    assert update(engine, rules, datetime(2024, 7, 31, 23, 59)).evaluated == 0  # the first of June is sixty days back
    done = update(engine, rules, datetime(2024, 8, 1))
    assert (done.evaluated, done.entered, done.left) == (1, 1, 0)
    assert changes(engine, since=datetime(2024, 8, 1)) == [
        {"segment": "quiet", "customer": "c0", "entered": True, "changed_at": datetime(2024, 8, 1)}]


def test_a_changed_rule_and_new_learning_evaluate_everybody(engine: Engine) -> None:
    customers, events = random_shop(random.Random(4))
    put(engine, customers, events)
    build_profiles(engine, AS_OF)
    rules = {"a": parse("orders >= 2"), "b": parse("viewed")}
    assert update(engine, rules, AS_OF).full and not update(engine, rules, AS_OF).full
    build_profiles(engine, AS_OF + timedelta(days=3))
    done = update(engine, rules, AS_OF + timedelta(days=3))
    assert done.full and len(members(engine, "a")) == sizes(engine)["a"]
    before = sizes(engine)["b"]
    done = update(engine, {"b": rules["b"], "c": parse("bought")}, AS_OF + timedelta(days=3))
    assert (done.full, done.entered, done.left, sizes(engine)["b"]) == (True, 0, 0, before)
    with pytest.raises(StateError, match="Segment 'a' has not been evaluated"):
        members(engine, "a")


def test_a_customer_whose_own_fields_changed_is_looked_at_when_named(engine: Engine) -> None:
    put(engine, [{"customer": "a", "country": "FR"}, {"customer": "b", "country": "FR"}], [])
    rules = {"french": parse('country is "FR"')}
    update(engine, rules, AS_OF)
    put(engine, [{"customer": "a", "country": "FR"}, {"customer": "b", "country": "DE"}], [])
    done = update(engine, rules, AS_OF, customers=["b"])
    assert (done.evaluated, done.left, members(engine, "french")) == (1, 1, ["a"])


def test_no_way_back_and_an_empty_shop(engine: Engine) -> None:
    rules = {"a": parse("bought")}
    with pytest.raises(DataError, match="No customer is known"):
        update(engine, rules, AS_OF)
    put(engine, [{"customer": "a"}], [])
    refresh(engine, rules, AS_OF)
    with pytest.raises(StateError, match="Segments stand at 2024-07-01 10:30:00, later than"):
        update(engine, rules, AS_OF - timedelta(days=1))
    assert changes(engine, since=datetime(2000, 1, 1)) == []
