"""The allocation of impressions: what it believes, when it stops testing, what it logs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brandloom.decide.bandit import Arm, allocate, believe, deal
from brandloom.errors import ConfigError

arms_of = st.lists(st.tuples(st.integers(0, 3000), st.floats(0, 1), st.integers(0, 500), st.floats(-2, 2), st.floats(0.01, 1.5)), min_size=1,
                   max_size=8).map(lambda rows: [Arm(str(number), n, int(n * share * 0.2), pending, score, deviation)
                                                 for number, (n, share, pending, score, deviation) in enumerate(rows)])


@given(arms=arms_of, wave=st.integers(1, 1000), later=st.integers(0, 20000), floor=st.floats(0, 1))
def test_shares_are_probabilities_and_never_below_the_floor(arms, wave, later, floor):
    share = allocate(arms, wave=wave, remaining=wave + later, floor=floor).share
    assert sum(share.values()) == pytest.approx(1)
    assert min(share.values()) >= floor / len(arms) - 1e-12
    assert list(share) == [arm.key for arm in arms]


@given(arms=arms_of, seed=st.integers(0, 99))
def test_the_order_of_arms_changes_no_belief(arms, seed):
    other = [arms[at] for at in np.random.default_rng(seed).permutation(len(arms))]
    one, two = (allocate(given_, wave=1, remaining=1000).expected_rate for given_ in (arms, other))
    assert {key: pytest.approx(value) for key, value in one.items()} == two


def test_before_any_click_the_scorer_leads_and_a_sure_scorer_gets_all():
    arms = [Arm("a", score=0.5, deviation=0.05), Arm("b", score=-0.5, deviation=0.05)]
    assert allocate(arms, wave=100, remaining=2000).share["a"] == 1.0


def test_clicks_overrule_the_scorer():
    arms = [Arm("a", 5000, 20, score=0.3), Arm("b", 5000, 150, score=-0.3)]
    found = allocate(arms, wave=100, remaining=1000)
    assert found.share["b"] == 1.0
    assert found.expected_rate["b"] == pytest.approx(0.03, rel=0.1) and found.deviation["b"] < 0.004


def test_an_arm_that_is_behind_and_little_known_is_tried_early_and_left_at_the_end():
    arms = [Arm("known", 2000, 32), Arm("new", 20, 0, score=-0.1)]
    early = allocate(arms, wave=50, remaining=20000).share
    late = allocate(arms, wave=50, remaining=50).share
    assert early["new"] > 0.5 and late["new"] == 0.0


def test_a_large_wave_is_spread_and_a_small_one_is_not():
    arms = [Arm("a"), Arm("b"), Arm("c")]
    assert max(allocate(arms, wave=5000, remaining=10000).share.values()) < 0.5
    assert max(allocate(arms, wave=1, remaining=10000).share.values()) == 1.0


def test_what_is_under_way_counts_as_tried_but_not_as_failed():
    waiting, idle = [Arm("a", pending=3000), Arm("b")], [Arm("a"), Arm("b")]
    assert allocate(waiting, wave=100, remaining=10000).share["b"] == 1.0
    assert allocate(waiting, wave=100, remaining=10000).expected_rate == allocate(idle, wave=100, remaining=10000).expected_rate


def test_draws_carry_the_probability_with_which_they_were_made():
    found = allocate([Arm("a", 1000, 30), Arm("b", 1000, 5)], wave=100, remaining=100, floor=0.2)
    keys, propensity = found.draw(20000, np.random.default_rng(1))
    share = np.mean([key == "b" for key in keys])
    assert share == pytest.approx(0.1, abs=0.01)
    assert dict(zip(keys, propensity, strict=True)) == pytest.approx(found.share)


def test_an_arm_that_does_not_exist_is_never_dealt():
    score = np.array([[0.1, -0.1, -np.inf]])
    belief = believe(np.array([[3.0, 1.0, 0.0]]), np.array([[100.0, 100.0, 0.0]]), score, np.full((1, 3), 0.3), level=0.02)
    share = deal(belief, wave=1000, remaining=5000)
    assert share[0, 2] == 0 and share.sum() == pytest.approx(1)


def test_on_known_rates_it_beats_an_even_split_and_a_fixed_test():
    rng, horizon, waves = np.random.default_rng(5), 4000, 40
    rates = 0.02 * np.exp(rng.normal(0, 0.35, (60, 4)))
    got = even = tested = 0.0
    for rate in rates:
        shown, clicks = np.zeros(4), np.zeros(4)
        for sent in range(0, horizon, horizon // waves):
            arms = [Arm(str(k), int(shown[k]), int(clicks[k])) for k in range(4)]
            share = np.array(list(allocate(arms, wave=100, remaining=horizon - sent, level=0.02).share.values()))
            dealt = rng.multinomial(100, share)
            shown, clicks = shown + dealt, clicks + rng.binomial(dealt, rate)
        pilot = rng.binomial(horizon // 16, rate)
        got, even = got + shown @ rate, even + horizon * rate.mean()
        tested += horizon / 4 * rate.mean() + 0.75 * horizon * rate[pilot.argmax()]
    best = horizon * rates.max(axis=1).sum()
    assert (got - even) / (best - even) > (tested - even) / (best - even) + 0.05 > 0.2


@pytest.mark.parametrize(("arms", "wave", "remaining"), [([], 1, 1), ([Arm("a")], 0, 10), ([Arm("a")], 11, 10)])
def test_a_wave_that_cannot_be_split_says_so(arms, wave, remaining):
    with pytest.raises(ConfigError, match="cannot be split"):
        allocate(arms, wave=wave, remaining=remaining)


def test_shares_and_levels_outside_their_range_say_so():
    for wrong in ({"floor": 1.5}, {"level": 0.0}):
        with pytest.raises(ConfigError, match="floor lies in"):
            allocate([Arm("a")], wave=1, remaining=1, **wrong)
    with pytest.raises(ConfigError, match="deviations are above 0"):
        allocate([Arm("a", deviation=0)], wave=1, remaining=1)
