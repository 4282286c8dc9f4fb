"""Intervals, replays and experiments: golden numbers, coverage, small shops with a known answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from brandloom.engine import DuckEngine, Engine, ensure_tables, tables
from brandloom.errors import DataError, NotFittedError, StateError
from brandloom.measure import (
    Estimate,
    Meter,
    anytime_difference,
    bootstrap_ratio,
    capture,
    fixed_difference,
    hit_rate,
    holdout_readout,
    newcombe,
    observe_outcomes,
    power,
    simulate_response,
    wilson,
)
from brandloom.measure.experiment import response_probability
from brandloom.measure.intervals import anytime_factor, share_ratio

AS_OF = datetime(2011, 11, 9)


def _limits(found: Estimate | None) -> tuple[float, float]:
    assert found is not None
    return (-np.inf if found.low is None else found.low), (np.inf if found.high is None else found.high)


# --- intervals


@pytest.mark.parametrize(("hits", "trials", "low", "high"), [
    (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)])
def test_wilson_equals_the_published_table(hits: int, trials: int, low: float, high: float) -> None:
    """Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3."""
    found = wilson(hits, trials)
    assert _limits(found) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("one", "base", "low", "high"), [
    ((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090), ((10, 10), (0, 10), 0.6075, 1.0)])
def test_newcombe_equals_the_published_table(one: tuple[int, int], base: tuple[int, int], low: float, high: float) -> None:
    """Newcombe 1998, "Interval estimation for the difference", table II, method 10."""
    found = newcombe(*one, *base)
    assert _limits(found) == pytest.approx((low, high), abs=5e-5)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 400), st.integers(2, 400), st.data())
def test_difference_and_ratio_exclude_no_effect_together(trials: int, base_trials: int, data: st.DataObject) -> None:
    hits, base_hits = data.draw(st.integers(0, trials)), data.draw(st.integers(1, base_trials))
    gap = newcombe(hits, trials, base_hits, base_trials)
    low, high = _limits(gap)
    ratio_low, ratio_high = _limits(share_ratio(hits, trials, base_hits, base_trials))
    assert low <= gap.value <= high
    if abs(low) > 1e-6:
        assert (low > 0) == (ratio_low > 0)
    if abs(high) > 1e-6:
        assert (high < 0) == (ratio_high < 0)


def test_share_ratio_says_nothing_without_a_success_to_compare_with() -> None:
    assert share_ratio(3, 10, 0, 10) is None


def test_bootstrap_equals_scipy_within_its_own_noise() -> None:
    rng = np.random.default_rng(5)
    top, bottom = rng.lognormal(0, 1, 400), rng.lognormal(1, 0.5, 400)
    ours = bootstrap_ratio(top, bottom, seed=1, draws=4000, method="bca")
    theirs = stats.bootstrap((top, bottom), lambda x, y, axis: x.mean(axis) / y.mean(axis), paired=True, n_resamples=4000,
                             vectorized=True, method="BCa", rng=np.random.default_rng(2)).confidence_interval
    assert _limits(ours) == pytest.approx((theirs.low, theirs.high), rel=0.02)
    assert ours == bootstrap_ratio(top, bottom, seed=1, draws=4000, method="bca")


def test_bootstrap_of_many_rows_is_bundled_without_changing_its_width() -> None:
    rng = np.random.default_rng(7)
    top, bottom = rng.exponential(1, 60_000), np.ones(60_000)
    found = bootstrap_ratio(top, bottom, seed=1, draws=500)
    expected = 1.96 * top.std() / np.sqrt(60_000)
    assert found.value == pytest.approx(top.mean())
    low, high = _limits(found)
    assert (high - low) / 2 == pytest.approx(expected, rel=0.12)


def test_bootstrap_ratio_covers() -> None:
    rng = np.random.default_rng(11)
    inside = 0
    for number in range(300):
        bought = (rng.random(250) < 0.3).astype(float)
        found = bootstrap_ratio(bought * rng.exponential(1, 250), bought, seed=number, draws=300)
        low, high = _limits(found)
        inside += low <= 1.0 <= high
    assert 0.91 <= inside / 300 <= 0.98


def test_looking_daily_breaks_the_fixed_interval_but_not_the_anytime_one() -> None:
    """2,000 experiments without any effect, each looked at 40 times: how many ever show one?"""
    rng, people, looks = np.random.default_rng(3), 4000, np.arange(100, 4001, 100)
    sent = rng.random((2000, people)) < 0.9
    bought = rng.random((2000, people)) < 0.25
    counts = [np.cumsum(arm, axis=1)[:, looks - 1] for arm in (sent, sent & bought, ~sent & bought)]
    n_sent, n_held = counts[0], looks - counts[0]
    share, base = counts[1] / n_sent, counts[2] / np.maximum(1, n_held)
    spread = np.sqrt(share * (1 - share) / n_sent + base * (1 - base) / np.maximum(1, n_held))
    enough = np.minimum(counts[2], n_held - counts[2]) >= 8
    factor = np.array([anytime_factor(int(n), tightest_at=people) * np.sqrt(n) for n in looks])
    ever_fixed = ((np.abs(share - base) > 1.96 * spread) & enough).any(axis=1).mean()
    ever_anytime = ((np.abs(share - base) > factor * spread) & enough).any(axis=1).mean()
    assert ever_fixed > 0.2
    assert ever_anytime <= 0.05


def test_anytime_interval_is_wider_than_one_look_but_not_twice() -> None:
    rng = np.random.default_rng(0)
    one, base = rng.random(900), rng.random(100)
    fixed, anytime = np.ptp(_limits(fixed_difference(one, base))), np.ptp(_limits(anytime_difference(one, base)))
    assert 1.3 < anytime / fixed < 1.8


# --- replay


@pytest.fixture
def engine() -> Engine:
    made = DuckEngine(threads=1)
    ensure_tables(made)
    return made


def _event(customer: str, days: float, product: str = "p1", amount: float = 10.0, kind: str = "purchase") -> dict[str, object]:
    return {"customer": customer, "kind": kind, "product": product, "amount": amount,
            "occurred_at": AS_OF + timedelta(days=days)}


def _put(engine: Engine, name: str, schema: pa.Schema, rows: Sequence[Mapping[str, object]]) -> None:
    filled = [{field: row.get(field) for field in schema.names} for row in rows]
    columns = {field.name: [row[field.name] for row in filled] for field in schema}
    arrays = [pa.array([None if v is None else str(v) for v in values]).cast(field.type)
              if pa.types.is_decimal(field.type) else pa.array(values, field.type)
              for field, values in zip(schema, columns.values(), strict=True)]
    engine.put(name, pa.Table.from_arrays(arrays, schema=schema))


def _shop(engine: Engine, *, people: int = 100) -> None:
    """Even customers buy later for 30, odd ones for nothing; the model knows it, recency points the other way."""
    events, predictions = [], []
    for number in range(people):
        name = f"c{number:04}"
        events.append(_event(name, -100.0 + number % 2))
        if number % 2 == 0:
            events.append(_event(name, 5, amount=40.0))
            events.append(_event(name, 6, amount=-10.0, kind="return"))
        predictions.append({"customer": name, "as_of": AS_OF, "horizon_days": 30, "p_purchase": 0.9 - 0.8 * (number % 2),
                            "expected_spend": 30.0})
    _put(engine, "events", tables.EVENTS, events)
    _put(engine, "predictions", tables.PREDICTIONS, predictions)


def test_capture_of_a_model_that_knows(engine: Engine) -> None:
    _shop(engine)
    found = capture(engine, as_of=AS_OF, horizon_days=30, size=20, draws=400)
    assert (found.pool, found.chosen, found.buyers, found.chosen_buyers) == (100, 20, 50, 20)
    assert found.revenue == pytest.approx(1500.0)
    assert found.model.buyers.value == pytest.approx(0.4)
    assert found.model.revenue.value == pytest.approx(0.4)
    assert found.random.buyers.value == pytest.approx(0.2)
    assert found.recent.buyers.value == 0.0
    assert found.model_minus_recent.buyers.value == pytest.approx(0.4)
    assert _limits(found.model_minus_random.buyers)[0] > 0.1
    assert [round(point.model_buyers, 2) for point in found.curve[::25]] == [0.0, 1.0, 1.0]
    assert found.calibration[0].observed.value == 1.0
    assert sum(row.customers for row in found.calibration) == 100


def test_random_interval_holds_95_percent_of_draws(engine: Engine) -> None:
    _shop(engine)
    found = capture(engine, as_of=AS_OF, horizon_days=30, size=20, draws=50).random
    draws = stats.hypergeom.rvs(100, 50, 20, size=20_000, random_state=1) / 50
    low, high = _limits(found.buyers)
    assert ((draws >= low) & (draws <= high)).mean() >= 0.95
    assert np.ptp(_limits(found.revenue)) / 2 == pytest.approx(1.96 * draws.std(), rel=0.03)  # 30 per buyer


def test_each_way_picks_from_those_the_plan_could_have_chosen(engine: Engine) -> None:
    _shop(engine)
    decisions = [{"plan": "a", "customer": f"c{n:04}", "action": "send" if n < 10 else "holdout" if n < 12 else "skip",
                  "reason": "worth_it" if n < 12 else "over_budget" if n < 50 else "no_consent", "decided_at": AS_OF}
                 for n in range(100)]
    _put(engine, "decisions", tables.DECISIONS, decisions)
    found = capture(engine, as_of=AS_OF, horizon_days=30, plan="a", draws=50)
    assert (found.pool, found.chosen, found.buyers, found.chosen_buyers) == (50, 12, 25, 6)


@pytest.mark.parametrize(("values", "message"), [
    ({"plan": "none"}, "no plan 'none'"), ({"size": 5, "as_of": datetime(2011, 1, 1)}, "no predictions as of 2011-01-01")])
def test_replay_of_nothing_says_what_to_run(engine: Engine, values: dict[str, object], message: str) -> None:
    _shop(engine)
    with pytest.raises(NotFittedError, match=message):
        capture(engine, **{"as_of": AS_OF, "horizon_days": 30, **values})  # type: ignore[arg-type]


def test_replay_needs_buyers_and_an_audience(engine: Engine) -> None:
    _shop(engine)
    with pytest.raises(DataError, match="nobody was chosen"):
        capture(engine, as_of=AS_OF, horizon_days=30)
    with pytest.raises(DataError, match="no customer bought in the 2 days after 2011-11-09"):
        capture(engine, as_of=AS_OF, horizon_days=2, size=5)


def _recommend(engine: Engine, lists: dict[str, list[str]]) -> None:
    _put(engine, "recommendations", tables.RECOMMENDATIONS, [
        {"customer": customer, "rank": rank, "product": product, "score": 1.0 / rank}
        for customer, products in lists.items() for rank, product in enumerate(products, start=1)])


def test_hits_new_and_repeat_apart(engine: Engine) -> None:
    """One person buys again p1 (rank 2 of ours, popular first) and, new, p9 (nobody's list but ours, rank 1)."""
    _put(engine, "events", tables.EVENTS, [
        _event("a", -5, "p1"), _event("b", -5, "p1"), _event("b", -6, "p2"), _event("a", 3, "p1"), _event("a", 4, "p9")])
    _recommend(engine, {"a": ["p9", "p1"], "b": ["p2", "p1"]})
    rows = {(row.kind, row.measure): row for row in hit_rate(engine, as_of=AS_OF, horizon_days=30, k=2, draws=50).rows}
    assert {row.customers for row in rows.values()} == {1}
    assert rows["all", "recall"].model.value == 1.0
    assert rows["all", "recall"].popular.value == 0.5
    assert rows["all", "ndcg"].model.value == pytest.approx(1.0)
    assert rows["new", "hit"].popular.value == 0.0
    assert rows["repeat", "ndcg"].model.value == pytest.approx(1 / np.log2(3))
    assert rows["repeat", "ndcg"].popular.value == 1.0
    assert rows["new", "hit"].difference.value == 1.0


def test_hits_before_learning_and_without_buyers(engine: Engine) -> None:
    with pytest.raises(NotFittedError, match="brandloom learn"):
        hit_rate(engine, as_of=AS_OF, horizon_days=30)
    _recommend(engine, {"a": ["p1"]})
    with pytest.raises(DataError, match="No customer with recommendations bought"):
        hit_rate(engine, as_of=AS_OF, horizon_days=30)


# --- experiment


def _plan(engine: Engine, *, people: int = 1000, every: int = 10) -> None:
    rng = np.random.default_rng(1)
    p = rng.beta(2, 5, people)
    _put(engine, "predictions", tables.PREDICTIONS, [
        {"customer": f"c{n:05}", "as_of": AS_OF, "p_purchase": float(p[n]), "expected_spend": float(20 * p[n])} for n in range(people)])
    _put(engine, "events", tables.EVENTS, [_event(f"c{n:05}", -1.0 - n % 300) for n in range(people)])
    _put(engine, "decisions", tables.DECISIONS, [
        {"plan": "a", "customer": f"c{n:05}", "action": "holdout" if n % every == 0 else "send", "reason": "worth_it",
         "p_purchase": float(p[n]), "decided_at": AS_OF} for n in range(people)])


def test_the_simulator_writes_marked_rows_with_the_lift_asked_for(engine: Engine) -> None:
    _plan(engine)
    truth = simulate_response(engine, "a", true_lift=0.2, horizon_days=30, seed=4)
    assert truth.lift == pytest.approx(0.2, rel=0.02)
    again = engine.query("SELECT * FROM outcomes ORDER BY customer")
    assert set(again.column("simulated").to_pylist()) == {True}
    assert again.num_rows == 1000
    simulate_response(engine, "a", true_lift=0.2, horizon_days=30, seed=4)
    assert engine.query("SELECT * FROM outcomes ORDER BY customer").equals(again)
    with pytest.raises(StateError, match="nothing to compare"):
        holdout_readout(engine, "a")
    found = holdout_readout(engine, "a", simulated=True)
    assert (found.sent.people, found.holdout.people, found.window_days) == (900, 100, 30)
    assert found.srm_p_value == 1.0
    assert found.sent.spend.value == pytest.approx(20 * found.sent.share.value, rel=0.2)


def test_everyone_moved_is_seen_and_an_uneven_split_is_refused(engine: Engine) -> None:
    _plan(engine)
    simulate_response(engine, "a", true_lift=1.5, horizon_days=30, seed=1)
    assert holdout_readout(engine, "a", simulated=True).verdict == "works"
    simulate_response(engine, "a", true_lift=-1.0, horizon_days=30, seed=1)
    assert holdout_readout(engine, "a", simulated=True).verdict == "harms"
    simulate_response(engine, "a", true_lift=0.0, horizon_days=30, seed=1)
    still = holdout_readout(engine, "a", simulated=True)
    assert still.verdict == "open"
    assert still.detectable.lift is not None
    assert f"{still.detectable.lift:.0%}" in still.summary.template.format(**still.summary.values)
    assert holdout_readout(engine, "a", simulated=True, designed_holdout=0.5).verdict == "broken"


def test_real_outcomes_count_only_windows_that_have_passed(engine: Engine) -> None:
    _shop(engine)
    _put(engine, "decisions", tables.DECISIONS, [
        {"plan": "a", "customer": f"c{n:04}", "action": "send" if n < 60 else "holdout", "reason": "worth_it",
         "decided_at": AS_OF + timedelta(days=n % 4)} for n in range(100)])
    assert observe_outcomes(engine, "a", window_days=30, now=AS_OF + timedelta(days=30)) == 25
    assert observe_outcomes(engine, "a", window_days=30, now=AS_OF + timedelta(days=40)) == 100
    found = holdout_readout(engine, "a", designed_holdout=0.4)
    assert (found.sent.buyers, found.holdout.buyers, found.simulated) == (30, 20, False)
    assert found.sent.spend.value == pytest.approx(15.0)


def test_the_simulator_refuses_what_it_cannot_simulate(engine: Engine) -> None:
    with pytest.raises(DataError, match="true_lift is -2"):
        simulate_response(engine, "a", true_lift=-2, horizon_days=30, seed=1)
    with pytest.raises(NotFittedError, match="No predictions yet"):
        simulate_response(engine, "a", true_lift=0.1, horizon_days=30, seed=1)
    _put(engine, "predictions", tables.PREDICTIONS, [])
    with pytest.raises(StateError, match="nobody to send to"):
        simulate_response(engine, "a", true_lift=0.1, horizon_days=30, seed=1)


def test_intervals_cover_the_simulators_truth() -> None:
    """2,000 shops: arms drawn anew, response simulated as documented, truth known exactly."""
    rng, people = np.random.default_rng(9), 800
    p, recency = rng.beta(3, 6, people), rng.integers(0, 300, people).astype(float)
    treated = response_probability(p, recency, true_lift=0.2)
    truth = float((treated - p).mean())
    inside = np.zeros(3)
    for _number in range(2000):
        held = rng.random(people) < 0.1
        bought = rng.random(people) < np.where(held, p, treated)
        numbers = int(bought[~held].sum()), int((~held).sum()), int(bought[held].sum()), int(held.sum())
        arms = bought[~held].astype(float), bought[held].astype(float)
        for place, found in enumerate((newcombe(*numbers), fixed_difference(*arms), anytime_difference(*arms))):
            low, high = _limits(found)
            inside[place] += low <= truth <= high
    shares = inside / 2000
    assert 0.93 <= shares[0] <= 0.97
    assert 0.93 <= shares[1] <= 0.97
    assert shares[2] >= 0.985


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.0, 0.6), min_size=2, max_size=60), st.floats(-0.9, 0.5))
def test_response_probabilities_stay_probabilities(p: list[float], lift: float) -> None:
    chances = np.array(p)
    treated = response_probability(chances, np.arange(len(p), dtype=float), true_lift=lift)
    assert ((treated >= 0) & (treated <= 1)).all()
    if (chances * (1 + abs(lift) * 3) < 1).all() and lift > -1 / 3:  # people are moved up to three times as much as the mean
        assert (treated - chances).sum() == pytest.approx(lift * chances.sum(), abs=1e-9)


def test_a_message_moves_those_most_who_bought_longest_ago() -> None:
    treated = response_probability(np.full(3, 0.2), np.array([5.0, 300.0, 40.0]), true_lift=0.1)
    assert treated / 0.2 - 1 == pytest.approx([0.05, 0.15, 0.10])


def test_power_equals_the_textbook() -> None:
    """Fleiss, Levin and Paik: 10 % against 15 % with 80 % power needs 686 in each arm."""
    assert power(686, 686, 0.10).effect == pytest.approx(0.05, abs=1e-4)
    assert power(5, 1, 0.5).effect is None
    assert power(0, 100, 0.1).lift is None


def test_power_is_kept_in_simulation() -> None:
    rng = np.random.default_rng(2)
    found = power(900, 100, 0.3)
    assert found.effect is not None
    sent, held = rng.binomial(900, 0.3 + found.effect, 4000), rng.binomial(100, 0.3, 4000)
    pooled = (sent + held) / 1000
    z = (sent / 900 - held / 100) / np.sqrt(pooled * (1 - pooled) * (1 / 900 + 1 / 100))
    assert (z > 1.96).mean() == pytest.approx(0.8, abs=0.03)


# --- meter


def test_meter_sees_memory_that_was_given_back() -> None:
    meter = Meter()
    with meter.stage("small"):
        pass
    with meter.stage("large"):
        block = np.ones(30_000_000)
        del block
    assert [stage.name for stage in meter.stages] == ["small", "large"]
    assert meter.stages[1].peak_mb > meter.stages[0].peak_mb + 200
    assert meter.peak_mb == meter.stages[1].peak_mb
    assert meter.seconds >= meter.stages[1].seconds > 0


def test_meter_keeps_the_stage_that_failed() -> None:
    meter = Meter()
    with pytest.raises(KeyError), meter.stage("bad"):
        raise KeyError
    assert meter.stages[0].name == "bad"
