"""What another way of choosing would have brought, from the log of the way that was used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brandloom.decide import Arm, share_out
from brandloom.errors import DataError
from brandloom.measure import always, policy_value, wilson
from brandloom.measure.intervals import wilson_weighted
from conftest import require

FEW = settings(max_examples=15, deadline=None)
LOGS = st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.floats(0.05, 1)), min_size=2, max_size=60)


@FEW
@given(LOGS)
def test_a_policy_judged_on_its_own_log_earns_what_it_earned(log: list[tuple[int, bool, float]]) -> None:
    reward, propensity = (np.array([row[place] for row in log], dtype=np.float64) for place in (1, 2))
    found = policy_value(reward, propensity, propensity, np.zeros(len(log)), np.zeros(len(log)))
    for estimate in (found.ips, found.snips, found.dr):
        assert estimate.value == pytest.approx(reward.mean())
    assert found.effective == pytest.approx(len(log))


@FEW
@given(LOGS, st.integers(0, 9))
def test_the_order_of_the_log_changes_no_estimate(log: list[tuple[int, bool, float]], seed: int) -> None:
    texts, reward, propensity = (np.array([row[place] for row in log], dtype=kind) for place, kind in ((0, object), (1, float), (2, float)))
    order = np.random.default_rng(seed).permutation(len(log))
    one, two = (always("0", texts[rows].astype(str).astype(object), reward[rows], propensity[rows]) for rows in (np.arange(len(log)), order))
    assert (one.ips.value, one.snips.value) == (pytest.approx(two.ips.value), pytest.approx(two.snips.value))
    assert one.steady is not None and two.steady is not None
    assert one.steady.value == pytest.approx(two.steady.value)


def test_even_shares_give_the_plain_share() -> None:
    texts = np.array(["a", "b"] * 50, dtype=object)
    reward = np.array([1.0, 0.0] * 10 + [0.0] * 80)
    found = always("a", texts, reward, np.full(100, 0.5))
    plain = wilson(10, 50)
    for one in (found.steady, found.snips):
        assert one is not None
        assert (one.value, one.low, one.high) == pytest.approx((plain.value, plain.low, plain.high))
    assert (found.ips.value, found.matched, found.effective) == (pytest.approx(0.2), 50, pytest.approx(50))


def test_a_model_that_is_right_and_a_log_that_is_wrong_still_give_the_truth() -> None:
    """Doubly robust: either is enough."""
    rng = np.random.default_rng(2)
    rates, n = np.array([0.1, 0.3]), 4_000
    arm = (rng.random(n) < 0.2).astype(int)
    reward, propensity = (rng.random(n) < rates[arm]).astype(float), np.where(arm == 1, 0.2, 0.8)
    target = (arm == 1).astype(float)
    right_model = policy_value(reward, np.full(n, 0.5), target, rates[arm], np.full(n, 0.3))
    right_log = policy_value(reward, propensity, target, np.full(n, 0.7), np.full(n, 0.7))
    assert right_model.dr.value == pytest.approx(0.3, abs=0.02)
    assert right_log.dr.value == pytest.approx(0.3, abs=0.06)
    assert policy_value(reward, np.full(n, 0.5), target, rates[arm], np.full(n, 0.3)).ips.value != pytest.approx(0.3, abs=0.05)


def test_intervals_keep_the_truth_where_shares_moved_with_the_outcomes() -> None:
    rng, held, people = np.random.default_rng(4), [], 1500
    for _round in range(120):
        rates = 0.03 * np.exp(rng.normal(0, 0.4, 3))
        shown, clicks, log = np.zeros(3, dtype=int), np.zeros(3, dtype=int), []
        for wave in range(3):
            split = share_out([Arm(str(k), int(shown[k]), int(clicks[k])) for k in range(3)], wave=500, remaining=people - 500 * wave, level=0.03)
            texts, propensity = split.draw(500, rng)
            at = np.array(texts, dtype=int)
            reward = (rng.random(500) < rates[at]).astype(float)
            shown, clicks = shown + np.bincount(at, minlength=3), clicks + np.bincount(at, weights=reward, minlength=3).astype(int)
            log.append((np.array(texts, dtype=object), reward, propensity))
        joined = [np.concatenate(part) for part in zip(*log, strict=True)]
        for k in range(3):
            found = wilson_weighted((joined[0] == str(k)) / np.sqrt(joined[2]), joined[1])
            assert found.low is not None and found.high is not None
            held.append(found.low <= rates[k] <= found.high)
    assert 0.91 < np.mean(held) < 0.99


@pytest.mark.parametrize("propensity", [0.0, -0.1, 1.5, float("nan")])
def test_a_log_without_true_propensities_is_refused(propensity: float) -> None:
    ones = np.ones(2)
    with pytest.raises(DataError, match="Row 1 of the log has propensity") as caught:
        policy_value(ones, np.array([0.5, propensity]), ones, ones, ones)
    assert "倾向" in caught.value.text("zh")
    with pytest.raises(DataError, match="log is empty"):
        policy_value(ones[:0], ones[:0], ones[:0], ones[:0], ones[:0])


def test_on_open_bandit_the_value_of_the_other_policy_is_within_the_interval(shared_data: Path) -> None:
    """Uniform random logs judge the Bernoulli Thompson policy; its own log tells the truth (FIGURES: SNIPS .25 off, 2,639 effective)."""
    files = [shared_data / "open_bandit" / f"{name}_all_log.parquet" for name in ("random", "bts")]
    require(all(file.is_file() for file in files), "open_bandit is not there")
    random, bts = (pq.read_table(file, columns=["item_id", "position", "click", "propensity_score"]) for file in files)
    item, place, click, propensity = (random[name].to_numpy() for name in random.column_names)
    share = np.zeros((80, 4))
    np.add.at(share, (bts["item_id"].to_numpy(), bts["position"].to_numpy()), 1)
    share /= np.maximum(share.sum(axis=0), 1)
    rate = np.full(len(item), click.mean())
    found = policy_value(click.astype(float), propensity, share[item, place], rate, rate)
    truth = bts["click"].to_numpy().mean()
    for estimate in (found.ips, found.snips, found.dr):
        assert estimate.low is not None and estimate.high is not None
        assert estimate.low < truth < estimate.high
    assert found.effective == pytest.approx(2639, abs=1)
    assert found.snips.value / truth - 1 == pytest.approx(0.25, abs=0.01)
