"""Visits cut from events and the chance that they end in a purchase: against a slow oracle, on worlds whose truth is known, on almost nothing."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import fields, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brandloom.campaigns import create
from brandloom.cli import run
from brandloom.engine import DuckEngine, Engine, ensure_tables, tables
from brandloom.engine.spark import SparkEngine
from brandloom.errors import DataError, NotFittedError
from brandloom.predict.sessions import KINDS, Gru, SessionModel, Steps, cut_sessions, fit_sessions, read_sessions, train_gru
from brandloom.predict.sessions.gru import _begin, _forward, _loss, _padded, gradient
from brandloom.predict.sessions.model import COLUMNS, sequence_columns, tree_columns
from conftest import require

START = datetime(2024, 6, 1)
Row = tuple[str, float, str, str]


def shop_of(rows: list[Row], *, sessions: bool = False) -> Engine:
    """Events as (customer, minutes after START, kind, product)."""
    engine = DuckEngine(threads=1)
    ensure_tables(engine)
    engine.put("events", pa.Table.from_pylist([
        {"event": n, "customer": who, "occurred_at": START + timedelta(minutes=minutes), "kind": kind, "product": product or None, "quantity": 1.0,
         "amount": Decimal("5.00") if kind == "purchase" else None, "order_id": f"o{n}", "session": "s1" if sessions else None}
        for n, (who, minutes, kind, product) in enumerate(rows)], schema=tables.EVENTS))
    engine.put("products", pa.Table.from_pylist([{"product": name, "category": f"c{ord(name) % 2}", "price": Decimal(f"{ord(name) - 90}.00")}
                                                 for name in "abcd"], schema=tables.PRODUCTS))
    return engine


def world(visits: int = 3000, seed: int = 1) -> list[Row]:
    """A cart right after a search is often followed by a purchase, any other never: counts of steps alone tell little of it."""
    rng, rows = np.random.default_rng(seed), list[Row]()
    for number in range(visits):
        at, kinds = number * 20.0, list(rng.choice(["search", "cart", "view"], rng.integers(3, 10)))
        for place, kind in enumerate(kinds):
            rows.append((f"v{number}", at + place, str(kind), "abcd"[rng.integers(4)]))
            if kind == "cart" and place and kinds[place - 1] == "search" and rng.random() < 0.8:
                rows.append((f"v{number}", at + place + 0.5, "purchase", "a"))
                break
    return rows


@pytest.fixture(scope="module")
def learned() -> tuple[Steps, SessionModel]:
    as_of = START + timedelta(days=60)
    steps = read_sessions(shop_of(world()), as_of)
    return steps, fit_sessions(steps, as_of, seed=1)


def test_what_the_order_of_steps_tells_is_learned(learned: tuple[Steps, SessionModel]) -> None:
    _steps, model = learned
    scores = model.card.scores
    assert model.card.chosen in ("gru", "mean")
    assert scores["gru"].log_loss < scores["trees"].log_loss < scores["kind"].log_loss
    assert scores["chosen"].log_loss < 0.9 * scores["kind"].log_loss
    assert scores["chosen"].ece < 0.06


def test_the_same_seed_gives_the_same_numbers_and_what_is_saved_comes_back(learned: tuple[Steps, SessionModel], tmp_path: Path) -> None:
    steps, model = learned
    model.save(tmp_path)
    back = SessionModel.load(tmp_path)
    assert back.card == model.card
    np.testing.assert_allclose(back.probability(steps), model.probability(steps), rtol=1e-9)
    few = steps.of_visits(np.arange(len(steps.customer)) < 1200)
    as_of = START + timedelta(days=60)
    np.testing.assert_array_equal(*(fit_sessions(few, as_of, seed=4).probability(few) for _turn in range(2)))
    with pytest.raises(NotFittedError, match="--what session"):
        SessionModel.load(tmp_path / "elsewhere")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["ann", "bob"]), st.integers(0, 400), st.sampled_from(["view", "cart", "purchase", "wave"]),
                          st.sampled_from(["a", "b", "c", ""])), min_size=1, max_size=25))
def test_steps_equal_a_slow_oracle(given_rows: list[Row]) -> None:
    steps = read_sessions(shop_of(given_rows), START + timedelta(days=2))
    told = list(zip(steps.customer[steps.visit], steps.place, steps.kind, steps.since, steps.gap, steps.seen, steps.products, steps.bought_before,
                    steps.follows, strict=True))
    assert told == list(oracle(given_rows))


def oracle(rows: list[Row]) -> list[tuple[object, ...]]:
    """Visit by visit, in plain Python."""
    made: list[tuple[object, ...]] = []
    for who in ("ann", "bob"):
        seen_rows: dict[tuple[float, str, str], int] = {}
        for n, (name, minutes, kind, product) in enumerate(rows):
            if name == who:
                key = (minutes, kind, "" if kind == "purchase" else product)
                seen_rows.setdefault(key, n)
        products = {key: min((rows[n][3] for n in range(len(rows)) if rows[n][0] == who and (rows[n][1], rows[n][2]) == key[:2] and rows[n][3]),
                             default="") if key[1] == "purchase" else key[2] for key in seen_rows}
        line = sorted(seen_rows, key=lambda key: (key[0], seen_rows[key]))
        visits: list[list[tuple[float, str, str]]] = []
        for key in line:
            if not visits or key[0] - visits[-1][-1][0] > 30:
                visits.append([])
            visits[-1].append(key)
        bought = 0
        for visit in visits:
            for place, key in enumerate(visit):
                before = visit[:place]
                product, past = products[key], [products[one] for one in before]
                made.append((who, place, KINDS.index(key[1]) if key[1] in KINDS else len(KINDS) - 1, 60.0 * (key[0] - visit[0][0]),
                             60.0 * (key[0] - before[-1][0]) if before else 0.0, float(past.count(product)) if product else 0.0,
                             float(len({one for one in [*past, product] if one})), float(bought),
                             float(any(one[1] == "purchase" for one in visit[place + 1:]))))
            bought += sum(one[1] == "purchase" for one in visit)
    return made


def test_what_happens_later_changes_no_step(learned: tuple[Steps, SessionModel]) -> None:
    rows, as_of = world(200), START + timedelta(minutes=2000)
    before = read_sessions(shop_of(rows), as_of)
    after = read_sessions(shop_of([*rows, ("v3", 2000.0, "purchase", "a"), ("v99", 2001.0, "purchase", "b"), ("new", 3000.0, "view", "a")]), as_of)
    for one in fields(Steps):
        np.testing.assert_array_equal(getattr(before, one.name), getattr(after, one.name))
    assert not before.finished(as_of).all()
    assert before.finished(as_of + timedelta(minutes=31)).all()


def test_the_shops_own_session_keeps_two_customers_apart_and_joins_nobody() -> None:
    rows = [("ann", 0.0, "view", "a"), ("ann", 5.0, "purchase", "a"), ("ann", 50.0, "view", "b")]
    assert len(read_sessions(shop_of(rows), START + timedelta(days=1)).customer) == 2
    assert len(read_sessions(shop_of(rows, sessions=True), START + timedelta(days=1)).customer) == 2


def test_few_purchases_give_shares_and_no_views_one_line() -> None:
    as_of = START + timedelta(days=30)
    rows = [(f"v{n}", n * 60.0, "view", "a") for n in range(50)] + [("v3", 185.0, "purchase", "a")]
    model = fit_sessions(read_sessions(shop_of(rows), as_of), as_of)
    assert model.card.chosen == "kind"
    assert model.card.limits
    assert 0 < model.probability(read_sessions(shop_of(rows), as_of)).max() < 0.1
    for nothing in ([], [("v", 1.0, "purchase", "a")]):
        with pytest.raises(DataError, match="no page views"):
            fit_sessions(read_sessions(shop_of(nothing), as_of), as_of)


def test_slopes_are_those_of_the_loss() -> None:
    rng = np.random.default_rng(0)
    x, ends = rng.normal(size=(23, 4)), np.array([0, 6, 9, 15, 22])
    y, rows = (rng.random(23) < 0.4).astype(np.float64), np.array([1, 2, 4])
    one = _begin(4, 5, 0.3, rng)
    padded, real, places = _padded(x, ends, rows)
    slopes = gradient(one, padded, real, places, y)

    def loss(weights: Gru) -> float:
        return float(_loss(_forward(weights, padded)[0][real], y[places[real]]).mean())

    for field in fields(Gru):
        weights = getattr(one, field.name)
        for place in np.ndindex(weights.shape):
            step = np.zeros_like(weights)
            step[place] = 1e-6
            found = (loss(replace(one, **{field.name: weights + step})) - loss(replace(one, **{field.name: weights - step}))) / 2e-6
            assert found == pytest.approx(slopes[field.name][place], abs=1e-7)


def test_a_visit_is_told_alike_alone_and_in_company() -> None:
    rng = np.random.default_rng(2)
    lengths = rng.integers(1, 12, 300)
    ends = np.cumsum(lengths) - 1
    x = rng.normal(size=(int(lengths.sum()), 3))
    one, training = train_gru(x, (x[:, 0] > 1).astype(np.float64), ends, np.arange(300) % 4 == 0, passes=3)
    whole = one.log_odds(x, ends)
    for visit in (0, 7, 299):
        own = slice(ends[visit] - lengths[visit] + 1, ends[visit] + 1)
        np.testing.assert_allclose(whole[own], one.log_odds(x[own], np.array([lengths[visit] - 1])), atol=1e-12)
    assert 1 <= training.passes <= 3
    assert len(training.losses) == 3


def test_columns_have_their_names(learned: tuple[Steps, SessionModel]) -> None:
    steps, _model = learned
    assert tree_columns(steps).shape == (len(steps), len(COLUMNS))
    assert np.isfinite(sequence_columns(steps)).all()


def test_an_empty_table_has_no_visits() -> None:
    steps = read_sessions(shop_of([]), START)
    assert (len(steps), len(steps.customer)) == (0, 0)
    assert len(cut_sessions(shop_of([]).query("SELECT customer AS visitor, customer, occurred_at, kind, product, product AS category, "
                                              "quantity AS price FROM events"))) == 0


@pytest.mark.spark
@pytest.mark.slow
def test_steps_are_the_same_on_spark(tmp_path: Path) -> None:
    require(shutil.which("java") or os.environ.get("JAVA_HOME"), "Spark needs Java: sudo apt-get install openjdk-17-jre-headless")
    duck, spark = shop_of(world(60)), SparkEngine(tmp_path / "warehouse", master="local[1]")
    try:
        for name in ("events", "products"):
            spark.put(name, duck.query(f"SELECT * FROM {name}"))
        here, there = (read_sessions(engine, START + timedelta(days=9)) for engine in (duck, spark))
        for one in fields(Steps):
            np.testing.assert_array_equal(getattr(here, one.name), getattr(there, one.name))
    finally:
        spark.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("files") / "events.csv"
    lines = [f"{who},{START + timedelta(minutes=minutes):%Y-%m-%d %H:%M:%S},{kind},{product}" for who, minutes, kind, product in world(900)]
    lines.append(f"late,{START + timedelta(minutes=899 * 20.0 + 12):%Y-%m-%d %H:%M:%S},search,a")
    file.write_text("customer,occurred_at,kind,product\n" + "\n".join(lines) + "\n", encoding="utf-8")
    path = tmp_path_factory.mktemp("made") / "shop"
    with create(path) as made:
        made.load(file, kind="events")
    return path


def test_open_visits_are_listed_with_the_card(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", str(folder), "--what", "session", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["visits"] == len(told["rows"]) >= 1
    assert all(0 < row["p_buys"] < 1 and row["steps"] >= 1 for row in told["rows"])
    assert told["card"]["visits"] + told["visits"] == 901
    assert (folder / "models" / "sessions" / "sessions.json").is_file()
    assert run(["predict", str(folder), "--what", "session"]) == 0
    shown = capsys.readouterr().out
    assert all(words in shown for words in ("Open visits", "Visit began", "Chosen on later visits"))


def test_a_shop_with_orders_only_is_told_what_to_load(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "events.csv"
    file.write_text("customer,occurred_at,kind,product,quantity,amount\nann,2024-06-01 10:00:00,purchase,tea,1,5\n", encoding="utf-8")
    with create(tmp_path / "shop") as made:
        made.load(file, kind="events")
    assert run(["predict", str(tmp_path / "shop"), "--what", "session"]) == 1
    assert "Load events with kind view" in capsys.readouterr().err


