"""The purchase model: on simulated shops whose truth is known, and on shops with almost nothing in them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brandloom import predict
from brandloom.engine import DuckEngine, Engine, ensure_tables, read_sql, tables
from brandloom.engine.spark import translate
from brandloom.errors import ConfigError, DataError, NotFittedError
from brandloom.predict.features import FEATURES, examples, reader
from brandloom.predict.learners import fit_trees, tree_raws
from brandloom.predict.metrics import Judged, auc, average_precision, captured, expected_calibration_error, judge
from brandloom.predict.patterns import forests
from brandloom.predict.reasons import SAID, THEMES, UNSAID, themes
from brandloom.predict.scorers import Scores
from brandloom.predict.season import shift_to_mean, sigmoid
from brandloom.predict.training import fit_spend_power

AS_OF = datetime(2024, 7, 1)
PEOPLE = 500


def put(engine: Engine, rows: list[tuple[str, float, float]]) -> None:
    """Purchases as (customer, days before AS_OF, amount)."""
    events = [{"event": n, "customer": who, "occurred_at": AS_OF - timedelta(days=ago), "kind": "purchase", "product": "tea",
               "quantity": 1.0, "amount": Decimal(f"{amount:.2f}"), "order_id": f"o{n}"} for n, (who, ago, amount) in enumerate(rows)]
    engine.put("events", pa.Table.from_pylist(events, schema=tables.EVENTS))


def simulated(people: int = PEOPLE, *, seed: int = 5, surge: float = 1.0) -> list[tuple[str, float, float]]:
    """Customers who buy at their own steady rate from the start, 300 days before AS_OF to 30 days after it.

    `surge` multiplies all rates in the 30 days from AS_OF, and in the same days a year earlier where the span reaches.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for n in range(people):
        rate, size = rng.gamma(0.8, 0.02) + 0.002, float(np.exp(rng.normal(3, 0.6)))
        days = [-300.0 + rng.uniform(0, 20), *(rng.uniform(-300, 0, rng.poisson(300 * rate))),
                *(rng.uniform(0, 30, rng.poisson(30 * rate * surge)))]
        rows += [(f"c{n:04}", float(-day), size * float(np.exp(rng.normal(0, 0.3)))) for day in days]
    return rows


@pytest.fixture(scope="module")
def shop() -> Any:
    """The simulated shop and a model fitted to it, shared by the tests that only read."""
    engine = DuckEngine(threads=1)
    ensure_tables(engine)
    put(engine, simulated())
    model = predict.fit(engine, AS_OF)
    yield engine, model
    engine.close()


def scored(engine: Engine) -> list[dict[str, Any]]:
    return engine.query("SELECT * FROM predictions ORDER BY customer").to_pylist()


def test_it_finds_the_frequent_buyers_and_knows_the_level(shop: Any) -> None:
    engine, model = shop
    assert model.card.kind == "blend"
    assert len(model.card.cutoffs) == 3
    metrics = predict.evaluate(engine, model, AS_OF).metrics
    assert metrics["auc"].value > 0.68
    assert abs(metrics["mean_p"].value - metrics["base_rate"].value) < 0.05
    assert metrics["ece"].value < 0.08
    assert metrics["interval_coverage"].value >= 0.7
    assert abs(metrics["spend_bias"].value) < 0.25
    assert metrics["auc"].low < metrics["auc"].value < metrics["auc"].high


def test_predictions_are_a_full_table(shop: Any) -> None:
    engine, model = shop
    assert predict.predict(engine, model, AS_OF) == PEOPLE
    table = engine.query("SELECT * FROM predictions")
    assert table.schema.names == tables.PREDICTIONS.names
    for row in scored(engine):
        assert 0 < row["p_low"] < row["p_purchase"] < row["p_high"] < 1
        assert 0 < row["spend_low"] < row["expected_spend"] < row["spend_high"]
        assert (row["as_of"], row["horizon_days"]) == (AS_OF, 30)
        reasons = json.loads(row["reasons"])
        assert len(reasons) == 3
        sizes = [abs(reason["contribution"]) for reason in reasons]
        assert sizes == sorted(sizes, reverse=True)
        assert len(predict.reason_text(row["reasons"], "zh")) == 3


def test_contributions_sum_to_the_log_odds(shop: Any) -> None:
    engine, model = shop
    x = examples(engine, [AS_OF], 30).x
    for scorer in (model.scorer, little(engine)):
        p = scorer.score(x).p
        parts, base = scorer.contributions(x)
        np.testing.assert_allclose(parts.sum(axis=1) + base, np.log(p / (1 - p)), atol=1e-6)
        np.testing.assert_allclose(themes(parts).sum(axis=1), parts.sum(axis=1), atol=1e-9)


@pytest.mark.parametrize("objective", ["binary", "gamma"])
def test_shapley_values_are_those_of_lightgbm(objective: str) -> None:
    rng = np.random.default_rng(3)
    x = np.round(np.exp(rng.normal(size=(900, len(FEATURES)))), 1)
    x[rng.random(x.shape) < 0.1] = np.nan
    x[:, :4] = np.nan_to_num(x[:, :4]) - 1.0  # never missing in training
    y = np.exp(rng.normal(np.log1p(np.nan_to_num(x[:, 9])) * (x[:, 0] > 0.5), 0.3))
    trees = fit_trees(x, (y > 1.5) * 1.0 if objective == "binary" else y, np.ones(len(x)), objective=objective, seed=1)
    x[::3, 2] = np.nan  # but when scoring
    wanted = lgb.Booster(model_str=trees.text).predict(x, pred_contrib=True)
    parts, base = trees.contributions(x)
    np.testing.assert_allclose(np.column_stack([parts, np.full(len(x), base)]), wanted, atol=1e-12)
    assert np.array_equal(trees.contributions(x[5:6])[0], parts[5:6])
    assert trees.contributions(x[:0])[0].shape == (0, len(FEATURES))


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_many_rows_are_scored_to_the_last_digit_as_lightgbm_does(missing: float) -> None:
    rng = np.random.default_rng(3)
    x = rng.integers(-5, 40, (12_000, len(FEATURES))) / 3.0  # ties with thresholds are common
    x[:, :20][rng.random((len(x), 20)) < missing] = np.nan
    models = [fit_trees(x[:2000], np.exp(np.nan_to_num(x[:2000, k])) / 9, np.ones(2000), objective="gamma", seed=k, trees=40) for k in (0, 30)]
    models.append(fit_trees(x[:30], np.ones(30), np.ones(30), objective="gamma", seed=0, trees=2))  # never splits
    x[::7, 25] = np.nan  # never missing in training
    patterns = forests([lgb.Booster(model_str=model.text).dump_model() for model in models])
    assert patterns is not None
    expected = np.stack([model.raw(x) for model in models])
    assert np.array_equal(patterns.raw(x), expected) and np.array_equal(patterns.raw(x, threads=2), expected)
    assert np.array_equal(tree_raws(models, x), expected) and len(np.unique(expected[0])) > 1000


def test_trees_with_more_questions_than_a_pattern_holds_are_left_to_lightgbm() -> None:
    x = np.random.default_rng(0).random((500, 3))
    grown = lgb.train({"num_leaves": 31, "verbosity": -1, "min_data_in_leaf": 5}, lgb.Dataset(x, x.sum(axis=1)), 1)
    assert forests([grown.dump_model()]) is None


def test_a_tree_that_never_splits_is_all_base() -> None:
    trees = fit_trees(np.ones((50, len(FEATURES))), np.ones(50), np.ones(50), objective="gamma", seed=0)
    parts, base = trees.contributions(np.ones((2, len(FEATURES))))
    assert not parts.any()
    assert base == pytest.approx(float(trees.raw(np.ones((1, len(FEATURES))))[0]))


def test_a_cutoff_is_read_once(shop: Any) -> None:
    engine, _model = shop
    early, late = AS_OF - timedelta(days=60), AS_OF - timedelta(days=30)
    with reader(engine, AS_OF, 30, share=0.5, seed=1) as read:
        both = read([late, early])
        engine.execute("UPDATE predict_events SET occurred_at = occurred_at - INTERVAL 9 DAY")
        assert np.array_equal(read([early]).x, both.x[both.cutoff == 1], equal_nan=True)
    assert np.array_equal(both.x, examples(engine, [late, early], 30, share=0.5, seed=1).x, equal_nan=True)
    assert not engine.exists("predict_events")


def little(engine: Engine) -> Any:
    from brandloom.predict.cells import cells_from
    return cells_from(examples(engine, [AS_OF - timedelta(days=30)], 30), window_days=30, horizon_days=30)


def test_every_feature_has_one_theme_and_every_theme_its_words() -> None:
    members = [name for group in THEMES.values() for name in group]
    assert sorted(members) == sorted(FEATURES)
    assert set(THEMES) == set(SAID) == set(UNSAID)


def test_a_batch_scores_like_its_parts(shop: Any) -> None:
    engine, model = shop
    x = examples(engine, [AS_OF], 30).x
    whole = model.scorer.score(x)
    for part, rows in ((model.scorer.score(x[:7]), slice(0, 7)), (model.scorer.score(x[100:101]), slice(100, 101))):
        assert np.array_equal(part.p, whole.p[rows])
        assert np.array_equal(part.p_low, whole.p_low[rows])
        assert np.array_equal(part.spend_high, whole.spend_high[rows])
    assert len(model.scorer.score(x[:0]).p) == 0


def test_saved_and_loaded_it_is_the_same_model(shop: Any, tmp_path: Path) -> None:
    _engine, model = shop
    model.save(tmp_path / "purchase")
    assert predict.PurchaseModel.load(tmp_path / "purchase") == model
    assert not [file for file in (tmp_path / "purchase").iterdir() if file.suffix not in (".json", ".txt")]
    text = "".join(file.read_text(encoding="utf-8") for file in (tmp_path / "purchase").iterdir())
    assert "c0001" not in text  # no customer id in a model file


def test_same_seed_same_model_whatever_the_row_order_threads_and_later_events(shop: Any) -> None:
    _engine, model = shop
    rows = simulated()
    np.random.default_rng(0).shuffle(rows)
    other = DuckEngine(threads=2)
    ensure_tables(other)
    put(other, [row for row in rows if row[1] > 0] + [("c0003", -2.0, 999.0), ("stranger", -1.0, 50.0)])
    again = predict.fit(other, AS_OF, threads=3)
    assert again == model
    assert predict.fit(other, AS_OF, seed=1) != model
    other.close()


def test_a_model_that_saw_the_answers_is_not_judged(shop: Any) -> None:
    engine, model = shop
    with pytest.raises(DataError, match="has seen data up to 2024-07-01"):
        predict.evaluate(engine, model, AS_OF - timedelta(days=30))
    with pytest.raises(DataError, match="needs data up to 2024-08-10"):
        predict.evaluate(engine, model, AS_OF + timedelta(days=10))


def test_a_known_season_lifts_the_level(engine: Engine) -> None:
    """Two years; everybody buys three times as often in the 30 days from AS_OF, as a year (364 days) before."""
    rng = np.random.default_rng(7)
    rows = []
    for n in range(400):
        rate = rng.gamma(2.0, 0.004)
        for start, end, times in ((-720, -364, 1), (-364, -334, 3), (-334, 0, 1), (0, 30, 3)):
            rows += [(f"c{n:03}", -float(day), 10.0) for day in rng.uniform(start, end, rng.poisson((end - start) * rate * times))]
        rows.append((f"c{n:03}", 725.0, 10.0))
    put(engine, rows)
    model = predict.fit(engine, AS_OF)
    assert model.card.level_source == "year_ago"
    metrics = predict.evaluate(engine, model, AS_OF).metrics
    carried = float(np.mean(sigmoid(np.log(metrics["mean_p"].value / (1 - metrics["mean_p"].value)) - model.card.level_shift)))
    assert model.card.level_shift > 0.3
    assert abs(metrics["mean_p"].value - metrics["base_rate"].value) < 0.65 * abs(carried - metrics["base_rate"].value)


def test_actual_purchases_reckoned_by_hand(engine: Engine) -> None:
    put(engine, [("a", 3, 10), ("a", 2, 5.5), ("b", 3.0001, 7), ("b", 0, 9), ("c", 9, 1)])
    start = AS_OF - timedelta(days=3)
    assert predict.actual_purchases(engine, start, AS_OF).to_pylist() == [{"customer": "a", "orders": 2, "spend": 15.5}]


def test_nothing_at_all_is_one_clear_line(engine: Engine) -> None:
    with pytest.raises(NotFittedError) as caught:
        predict.fit(engine, AS_OF)
    assert str(caught.value) == ("Learning needs purchases before 2024-07-01; there are none. "
                                 "Load orders with `brandloom load`, or choose a later date.")
    put(engine, [("a", 0.5, 10)])
    with pytest.raises(NotFittedError, match="at least 2 days of purchases before 2024-07-01; there are 0"):
        predict.fit(engine, AS_OF)
    with pytest.raises(ConfigError, match="Choose 1 to 365"):
        predict.fit(engine, AS_OF, horizon_days=0)


@pytest.mark.parametrize("rows", [
    [("a", 40, 10)],
    [("a", 3, 10)],
    [("a", 3, 0)],
    [(f"c{n}", 50, 20) for n in range(300)],
    [(f"c{n}", 3, 20) for n in range(300)],
    [(f"c{n}", ago, 20) for n in range(300) for ago in range(1, 300, 10)],
], ids=["one customer", "one, three days ago", "free", "all on one day", "all on one late day", "everybody always buys"])
def test_little_or_odd_data_gives_wide_intervals_and_never_crashes(engine: Engine, rows: list[tuple[str, float, float]]) -> None:
    put(engine, rows)
    engine.put("customers", pa.Table.from_pylist([{"customer": "lead", "first_seen": None}], schema=tables.CUSTOMERS))
    model = predict.fit(engine, AS_OF)
    assert model.card.kind == "cells"
    assert model.card.metrics == {}
    assert predict.predict(engine, model, AS_OF) == len({row[0] for row in rows}) + 1
    for row in scored(engine):
        assert 0 < row["p_low"] <= row["p_purchase"] <= row["p_high"] < 1
        assert row["expected_spend"] >= 0
    lead = next(row for row in scored(engine) if row["customer"] == "lead")
    assert lead["p_high"] - lead["p_low"] > 0.02


def test_few_customers_are_told_apart_by_recency(engine: Engine, tmp_path: Path) -> None:
    put(engine, [(f"warm{n}", ago, 20) for n in range(40) for ago in range(2, 100, 7)] + [(f"cold{n}", 290, 20) for n in range(40)])
    model = predict.fit(engine, AS_OF)
    predict.predict(engine, model, AS_OF)
    p = {row["customer"]: row["p_purchase"] for row in scored(engine)}
    assert p["warm0"] > 0.8 > 0.2 > p["cold0"]
    model.save(tmp_path)
    assert predict.PurchaseModel.load(tmp_path) == model


def test_missing_or_damaged_models_say_what_to_run(shop: Any, tmp_path: Path) -> None:
    with pytest.raises(NotFittedError, match="Run `brandloom learn` first"):
        predict.PurchaseModel.load(tmp_path)
    shop[1].save(tmp_path)
    (tmp_path / "trees_0.txt").unlink()
    with pytest.raises(DataError, match="is damaged"):
        predict.PurchaseModel.load(tmp_path)
    (tmp_path / "purchase.json").write_text('{"format": 0}', encoding="utf-8")
    with pytest.raises(DataError, match="another version"):
        predict.PurchaseModel.load(tmp_path)


def test_reasons_read_well_in_both_languages() -> None:
    stored = json.dumps([{"feature": "orders", "value": 12, "contribution": 0.8},
                         {"feature": "mean_gap_days", "value": None, "contribution": -0.1}])
    assert predict.reason_text(stored, "en") == [
        "More likely to buy: 12 orders so far.", "Less likely to buy: has not bought twice yet, so no rhythm is known."]
    assert predict.reason_text(stored, "zh") == ["更可能购买：累计 12 笔订单。", "较不可能购买：尚未复购，购买周期未知。"]


Y, P = np.array([1.0, 0, 1, 0, 0]), np.array([0.9, 0.8, 0.7, 0.2, 0.2])


def test_metrics_reckoned_by_hand() -> None:
    assert auc(Y, P) == pytest.approx(5 / 6)
    assert average_precision(Y, P) == pytest.approx((1 + 2 / 3) / 2)
    assert captured(Y, P, 0.4) == 0.5
    assert expected_calibration_error(Y, P, bins=1) == pytest.approx(abs(2 / 5 - 2.8 / 5))
    assert np.isnan(auc(np.zeros(3), P[:3]))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=40))
def test_auc_and_precision_do_not_depend_on_row_order(rows: list[tuple[bool, int]]) -> None:
    y, p = np.array([float(a) for a, _ in rows]), np.array([b / 7 for _, b in rows])
    np.testing.assert_allclose(auc(y, p), auc(y[::-1], p[::-1]))
    np.testing.assert_allclose(average_precision(y, p), average_precision(y[::-1], p[::-1]))


def test_judging_needs_no_buyers() -> None:
    some = np.full(5, 0.2)
    metrics = judge(Judged.of(Scores(some, some, some, some, some, some), np.zeros(5), np.zeros(5)), draws=10)
    assert "auc" not in metrics
    assert metrics["base_rate"].value == 0


@given(st.floats(-2, 2), st.integers(0, 1000))
def test_a_shift_restores_the_mean(shift: float, seed: int) -> None:
    raw = np.random.default_rng(seed).normal(0, 1, 4000)
    assert shift_to_mean(raw, float(np.mean(sigmoid(raw + shift)))) == pytest.approx(shift, abs=0.01)


def test_spend_power_is_found_and_bounded() -> None:
    rng = np.random.default_rng(2)
    predicted = np.exp(rng.normal(3, 1, 20_000))
    assert fit_spend_power(predicted, predicted**1.15 * rng.gamma(1, 1, 20_000)) == pytest.approx(1.15, abs=0.05)
    assert fit_spend_power(predicted, predicted**2) == 1.3
    assert fit_spend_power(predicted, np.zeros(20_000)) == 1.0


def test_the_truth_query_translates_to_spark() -> None:
    sql = translate(read_sql("predict", "actual_purchases"), {"start": AS_OF, "end": AS_OF})
    assert sql.count(f"CAST('{AS_OF}' AS TIMESTAMP_NTZ)") == 2
