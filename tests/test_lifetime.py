"""Customers over their lifetime: on simulated shops whose truth is known, and on shops with almost nothing in them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import hyp2f1, loggamma

from brandloom.engine import DuckEngine, Engine, ensure_tables, tables
from brandloom.engine.spark import SparkEngine
from brandloom.errors import ConfigError, DataError, NotFittedError
from brandloom.predict import lifetime
from brandloom.predict.lifetime.dropout import SHAPES
from brandloom.predict.lifetime.forecast import quantile_ranks
from brandloom.predict.lifetime.money import fit_money
from brandloom.predict.lifetime.process import expected_purchases, p_active, p_repeat, parts
from brandloom.predict.lifetime.returning import seen_share
from brandloom.predict.lifetime.summary import Histories, actual
from conftest import require

AS_OF = datetime(2024, 7, 1)
Row = tuple[str, float, float]


def shop_of(rows: list[Row]) -> Engine:
    """Purchases as (customer, days before AS_OF, amount)."""
    engine = DuckEngine(threads=1)
    ensure_tables(engine)
    events = [{"event": n, "customer": who, "occurred_at": AS_OF - timedelta(days=ago), "kind": "purchase", "product": "tea",
               "quantity": 1.0, "amount": Decimal(f"{amount:.2f}"), "order_id": f"o{n}"} for n, (who, ago, amount) in enumerate(rows)]
    engine.put("events", pa.Table.from_pylist(events, schema=tables.EVENTS))
    return engine


def simulated(people: int = 600, *, seed: int = 3, stay: float = 250.0) -> list[Row]:
    """Customers with gamma rates who leave after an exponential time of mean `stay`, 300 days before AS_OF to 120 after it."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    for n in range(people):
        rate, first, size = rng.gamma(0.7, 0.03), rng.uniform(-300, -60), float(np.exp(rng.normal(3, 0.6)))
        gone = first + rng.exponential(stay)
        times = np.sort(rng.uniform(first, 120, rng.poisson(rate * (120 - first))))
        rows += [(f"c{n:04}", float(-day), size * float(np.exp(rng.normal(0, 0.4)))) for day in (first, *times[times < gone])]
    return rows


@pytest.fixture(scope="module")
def world() -> tuple[Engine, lifetime.LifetimeModel, Histories]:
    engine = shop_of(simulated())
    return engine, lifetime.fit(engine, AS_OF, horizon_days=120), lifetime.summarise(engine, AS_OF)


def test_summary_counts_purchase_days_and_sees_nothing_later() -> None:
    before = [("a", 30.2, 10.0), ("a", 30.1, 5.0), ("a", 10.0, 20.0), ("b", 5.0, 0.0)]
    found = lifetime.summarise(shop_of(before), AS_OF)
    assert found.customer.tolist() == ["a", "b"]
    assert found.frequency.tolist() == [1, 0] and found.recency_days.tolist() == [21, 0] and found.t_days.tolist() == [31, 5]
    assert found.second_days[0] == 21 and np.isnan(found.second_days[1])
    assert found.money.tolist() == [35, 0] and found.paid_days.tolist() == [2, 0]
    assert found.log_sum[0] == pytest.approx(np.log(15) + np.log(20), abs=1e-8)
    later = lifetime.summarise(shop_of([*before, ("a", -1.0, 99.0), ("c", 0.0, 1.0)]), AS_OF)
    assert all(np.array_equal(getattr(found, name), getattr(later, name), equal_nan=name != "customer") for name in ("customer", "t_days", "second_days"))


@pytest.mark.spark
@pytest.mark.slow
def test_summary_is_the_same_on_spark(tmp_path: Path) -> None:
    require(shutil.which("java") or os.environ.get("JAVA_HOME"), "Spark needs Java: sudo apt-get install openjdk-17-jre-headless")
    rows = [*simulated(60), ("free", 9.0, 0.0), ("twice", 8.2, 3.0), ("twice", 8.1, 4.0)]
    duck, spark = shop_of(rows), SparkEngine(tmp_path / "warehouse", master="local[1]")
    try:
        spark.put("events", duck.query("SELECT * FROM events"))
        for share in (1.0, 0.5):
            here, there = (lifetime.summarise(engine, AS_OF, share=share) for engine in (duck, spark))
            assert 0 < len(here) <= 62 and (len(here) < 62) == (share < 1)
            for name in ("customer", "frequency", "recency_days", "t_days", "second_days", "paid_days", "money"):
                np.testing.assert_array_equal(getattr(here, name), getattr(there, name))
            assert here.log_sum == pytest.approx(there.log_sum, abs=1e-8) and here.log_squares == pytest.approx(there.log_squares, abs=1e-7)
            truth = [actual(engine, here, AS_OF, 60) for engine in (duck, spark)]
            np.testing.assert_array_equal(truth[0].purchases, truth[1].purchases)
            assert truth[0].spend == pytest.approx(truth[1].spend)
    finally:
        spark.close()


def test_likelihood_equals_the_closed_form_of_pareto_nbd() -> None:
    r, alpha, s, beta = 0.55, 10.58, 0.61, 11.67  # CDNOW in weeks, Fader, Hardie and Lee 2005
    q = np.array([np.log(r), np.log(r / alpha), np.log(s), np.log(beta / s)])
    for x, recent, total in ((2.0, 30.43, 38.86), (0.0, 0.0, 30.0), (7.0, 5.0, 39.0)):
        stays, left = parts(SHAPES["pareto"], q, np.array([[x], [recent], [total]]))
        a = (hyp2f1(r + s + x, s + 1, r + s + x + 1, (alpha - beta) / (alpha + recent)) / (alpha + recent) ** (r + s + x)
             - hyp2f1(r + s + x, s + 1, r + s + x + 1, (alpha - beta) / (alpha + total)) / (alpha + total) ** (r + s + x)) \
            if alpha >= beta else \
            (hyp2f1(r + s + x, r + x, r + s + x + 1, (beta - alpha) / (beta + recent)) / (beta + recent) ** (r + s + x)
             - hyp2f1(r + s + x, r + x, r + s + x + 1, (beta - alpha) / (beta + total)) / (beta + total) ** (r + s + x))
        front = float(loggamma(r + x) - loggamma(r)) + r * np.log(alpha) + s * np.log(beta)
        known = front + np.log((alpha + total) ** -(r + x) * (beta + total) ** -s + s / (r + s + x) * a)
        assert float(np.logaddexp(stays, left)[0]) == pytest.approx(known, abs=1e-6)


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_of_leaving_agrees_with_itself(name: str) -> None:
    shape = SHAPES[name]
    q = np.array([mean for mean, _sd in shape.prior])
    mass = quad(lambda t: float(np.exp(shape.log_density(q, np.array(t)))), 20.0, 200.0)[0]
    assert mass == pytest.approx(float(np.exp(shape.log_survival(q, np.array(20.0))) - np.exp(shape.log_survival(q, np.array(200.0)))), rel=1e-6)
    u = np.array([0.95, 0.8, 0.6])
    left = shape.remaining(q, np.array(50.0), u)
    some = np.isfinite(left)
    again = np.exp(shape.log_survival(q, 50.0 + left[some]) - shape.log_survival(q, np.array(50.0)))
    assert some[0] and again == pytest.approx(u[some], rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(x=st.integers(0, 400), total=st.floats(0, 4000), share=st.floats(0, 1), name=st.sampled_from(list(SHAPES)), tilt=st.lists(st.floats(-3, 3), min_size=4, max_size=4))
def test_every_past_and_parameter_gives_a_probability(x: int, total: float, share: float, name: str, tilt: list[float]) -> None:
    shape = SHAPES[name]
    q = np.array([-0.4, -4.5, *(mean for mean, _sd in shape.prior)]) + np.array(tilt)
    past = np.array([[float(x)], [total * share if x else 0.0], [total]])
    active, soon, late = p_active(shape, q, past)[0], p_repeat(shape, q, past, 30)[0], p_repeat(shape, q, past, 300)[0]
    assert 0 <= soon <= late <= active + 1e-9 <= 1 + 2e-9
    assert expected_purchases(shape, q, past, 300)[0] >= late * (1 - 1e-3)


def test_forecast_finds_the_truth_of_a_simulated_shop(world: tuple[Engine, lifetime.LifetimeModel, Histories]) -> None:
    engine, model, histories = world
    made, truth = lifetime.forecast(model, histories, 120), actual(engine, histories, AS_OF, 120)
    assert made.purchases.low < truth.purchases.sum() < made.purchases.high
    assert made.value.low < truth.spend.sum() < made.value.high
    assert made.purchases.value == pytest.approx(truth.purchases.sum(), rel=0.15)
    again = made.customers["p_repeat"].to_numpy()
    assert again.mean() == pytest.approx(np.mean(truth.purchases > 0), abs=0.05)
    assert np.corrcoef(made.customers["purchases"].to_numpy(), truth.purchases)[0, 1] > 0.6
    below, equal = quantile_ranks(model, histories, 120, truth.purchases)
    rank = below + equal * np.random.default_rng(1).random(len(histories))
    assert 0.72 < np.mean((rank >= 0.1) & (rank <= 0.9)) < 0.88
    rows = made.customers.to_pydict()
    assert all(low <= high for low, high in zip(rows["value_low"], rows["value_high"], strict=True))


def test_silence_lowers_the_chance_of_being_active(world: tuple[Engine, lifetime.LifetimeModel, Histories]) -> None:
    _engine, model, histories = world
    one = histories.take(np.flatnonzero(histories.frequency >= 5)[:1])
    quiet = Histories(one.customer, one.frequency, one.recency_days, one.recency_days + 250.0, *(
        getattr(one, name) for name in ("second_days", "paid_days", "money", "log_sum", "log_squares")))
    fresh = Histories(one.customer, one.frequency, one.recency_days, one.recency_days + 1.0, *(
        getattr(one, name) for name in ("second_days", "paid_days", "money", "log_sum", "log_squares")))
    was, is_now = (lifetime.forecast(model, h, 90).customers.to_pylist()[0] for h in (fresh, quiet))
    assert was["p_active"] > 0.95 and is_now["p_active"] < 0.4
    assert was["next_days"] < 60 and is_now["next_days"] is None


def test_nobody_else_changes_a_forecast(world: tuple[Engine, lifetime.LifetimeModel, Histories]) -> None:
    _engine, model, histories = world
    order = np.random.default_rng(0).permutation(len(histories))
    whole = {row["customer"]: row for row in lifetime.forecast(model, histories, 90).customers.to_pylist()}
    for part in (histories.take(order), histories.take(order[:7])):
        for row in lifetime.forecast(model, part, 90).customers.to_pylist():
            other = whole[row.pop("customer")]
            assert {name: row[name] is None for name in row} == {name: other[name] is None for name in row}
            assert [v for v in row.values() if v is not None] == pytest.approx([other[name] for name in row if row[name] is not None], rel=1e-9)


def test_same_seed_same_numbers_and_saving_changes_nothing(world: tuple[Engine, lifetime.LifetimeModel, Histories], tmp_path: Path) -> None:
    engine, model, histories = world
    assert lifetime.fit(engine, AS_OF, horizon_days=120) == model
    model.save(tmp_path)
    kept = lifetime.LifetimeModel.load(tmp_path)
    assert kept == model
    assert lifetime.forecast(kept, histories, 30).customers.equals(lifetime.forecast(model, histories, 30).customers)


def test_new_customers_come_back_as_they_did(world: tuple[Engine, lifetime.LifetimeModel, Histories]) -> None:
    _engine, model, histories = world
    curve = lifetime.returning(model, histories)
    assert [one.days for one in curve] == [30, 60, 90, 180, 365]
    assert all(a.expected < b.expected for a, b in pairwise(curve)) and curve[-1].seen is None
    for one in curve[:4]:
        assert one.low < one.expected < one.high
        assert one.seen == pytest.approx(one.expected, abs=0.08)


def test_seen_share_counts_the_short_watched_only_while_they_were_watched() -> None:
    zero = np.zeros(4)
    people = Histories(np.array(list("abcd"), dtype=object), zero, zero, np.array([100.0, 100.0, 10.0, 100.0]),
                       np.array([50.0, np.nan, np.nan, np.nan]), zero, zero, zero, zero)
    assert seen_share(people, 90) == pytest.approx(1 / 3) and seen_share(people, 40) == 0.0 and seen_share(people, 101) is None


def test_money_shrinks_few_amounts_and_keeps_the_sum(world: tuple[Engine, lifetime.LifetimeModel, Histories]) -> None:
    histories = world[2]
    money = fit_money(histories)
    expected = money.expected(histories)
    assert float(np.sum(histories.paid_days * expected)) == pytest.approx(float(histories.money.sum()), rel=1e-9)
    one = histories.frequency == 0
    own = np.log(histories.money[one])
    assert np.std(np.log(expected[one])) < np.std(own) and np.corrcoef(np.log(expected[one]), own)[0, 1] > 0.99
    assert money.within == pytest.approx(0.4, abs=0.05) and money.between == pytest.approx(0.6, abs=0.06)


@pytest.mark.parametrize("rows", [
    [(f"c{n}", 10.0 + 7 * n, 20.0) for n in range(5)],
    [(f"c{n}", 10.0 + n, 20.0) for n in range(200)],
    [("a", 9.0, 5.0), ("a", 3.0, 5.0), ("b", 9.0, 0.0)],
    [("a", float(day), 5.0) for day in range(1, 60)] + [("b", 59.0, 1e6)],
], ids=["five", "all one-time", "free", "daily and dear"])
def test_small_and_odd_shops_get_wide_sane_numbers(rows: list[Row]) -> None:
    engine = shop_of(rows)
    model = lifetime.fit(engine, AS_OF, horizon_days=90)
    made = lifetime.forecast(model, lifetime.summarise(engine, AS_OF), 90)
    for row in made.customers.to_pylist():
        assert 0 <= row["p_active_low"] <= row["p_active"] <= 1 and 0 <= row["p_repeat"] <= 1
        assert 0 <= row["purchases"] <= 90 and row["purchases_low"] <= row["purchases_high"] and np.isfinite(row["value"])
    assert made.purchases.high > 1.2 * made.purchases.low
    assert any("wide for it" in limit for limit in model.card.limits)


def error_of(action: Callable[[], object]) -> str:
    with pytest.raises((ConfigError, DataError, NotFittedError)) as caught:
        action()
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_what_cannot_be_learned_is_said_in_one_line(tmp_path: Path, world: tuple[Engine, lifetime.LifetimeModel, Histories]) -> None:
    engine, model, histories = world
    assert "there are none" in error_of(lambda: lifetime.fit(shop_of([]), AS_OF))
    assert "there is one" in error_of(lambda: lifetime.fit(shop_of([("a", 30.0, 5.0), ("a", 3.0, 5.0)]), AS_OF))
    assert "at least 2 days" in error_of(lambda: lifetime.fit(shop_of([("a", 0.5, 5.0), ("b", 0.5, 5.0)]), AS_OF))
    for days in (0, 731):
        assert "Choose 1 to 730" in error_of(lambda days=days: lifetime.fit(engine, AS_OF, horizon_days=days))  # type: ignore[misc]
        assert "Choose 1 to 730" in error_of(lambda days=days: lifetime.forecast(model, histories, days))  # type: ignore[misc]
    assert "No lifetime model" in error_of(lambda: lifetime.LifetimeModel.load(tmp_path))
    (tmp_path / "lifetime.json").write_text('{"format": 0}', encoding="utf-8")
    assert "another version" in error_of(lambda: lifetime.LifetimeModel.load(tmp_path))
    (tmp_path / "lifetime.json").write_text("{", encoding="utf-8")
    assert "damaged" in error_of(lambda: lifetime.LifetimeModel.load(tmp_path))
