"""Uplift: effects on simulated experiments whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from brandloom.errors import DataError
from brandloom.predict.uplift import UpliftModel, fit_uplift

NAMES = ("age", "spend", "noise", "missing")


def experiment(rows: int, seed: int, *, differs: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Features, arms, outcomes and the true effect of 'mail'; 'call' adds .1 for everybody."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(40, 10, rows), rng.exponential(50, rows), rng.normal(size=rows), np.where(rng.random(rows) < 0.3, np.nan, 1.0)])
    arm = rng.choice(["none", "mail", "call"], rows)
    effect = np.where(x[:, 0] > 45, 0.25, 0.0) if differs else np.full(rows, 0.06)
    p = 0.2 + 0.1 * (x[:, 1] > 50) + np.where(arm == "mail", effect, 0) + np.where(arm == "call", 0.1, 0)
    return x, arm, (rng.random(rows) < p).astype(float), effect


def one_arm(rows: int, seed: int, *, differs: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The same with mail alone."""
    x, arm, y, effect = experiment(rows * 3 // 2, seed, differs=differs)
    kept = arm != "call"
    return x[kept], arm[kept], y[kept], effect[kept]


@pytest.fixture(scope="module")
def model() -> UpliftModel:
    x, arm, y, _effect = experiment(9_000, 1)
    return fit_uplift(x, arm, y, control="none", features=NAMES, seed=3)


def test_effects_that_differ_are_found_and_those_that_do_not_are_not_made_up(model: UpliftModel) -> None:
    x, _arm, _y, effect = experiment(4_000, 2)
    found = model.predict(x)
    assert model.cards["mail"].verdict == "clear"
    assert np.mean(np.abs(found["mail"] - effect)) < 0.6 * np.mean(np.abs(effect.mean() - effect))
    assert model.cards["call"].verdict == "unclear"
    assert np.std(found["call"]) < 0.3 * np.std(found["mail"])
    low, high = model.cards["call"].average.low, model.cards["call"].average.high
    assert low < 0.1 < high


def test_intervals_of_the_average_and_of_the_top_share_hold_the_truth() -> None:
    held = {"average": 0, "area": 0}
    for seed in range(6):
        x, arm, y, effect = one_arm(2_000, 100 + seed)
        card = fit_uplift(x, arm, y, control="none", features=NAMES, seed=seed).cards["mail"]
        held["average"] += card.average.low <= effect.mean() <= card.average.high
        held["area"] += card.area.low <= 0.25 * 0.309 * (1 - 0.309) / 2 * 1.02
    assert held["average"] >= 5
    assert held["area"] >= 5


def test_no_difference_is_called_unclear_nearly_always() -> None:
    verdicts = []
    for seed in range(6):
        x, arm, y, _effect = one_arm(2_000, 200 + seed, differs=False)
        verdicts.append(fit_uplift(x, arm, y, control="none", features=NAMES, seed=seed).cards["mail"].verdict)
    assert verdicts.count("clear") <= 1


def test_contributions_add_up_to_the_effect(model: UpliftModel) -> None:
    x, *_rest = experiment(300, 4)
    for arm, (parts, base) in model.contributions(x).items():
        assert parts.shape == (300, len(NAMES))
        assert np.allclose(parts.sum(axis=1) + base, model.predict(x)[arm], atol=1e-6)
    parts, _base = model.contributions(x)["mail"]
    assert np.abs(parts).mean(axis=0).argmax() == NAMES.index("age")


def test_the_best_arm_is_worth_its_cost(model: UpliftModel) -> None:
    x, _arm, _y, effect = experiment(2_000, 5)
    free, _worth = model.best(x, value=10.0)
    assert set(free) <= {"mail", "call"}
    assert np.mean(free[effect > 0] == "mail") > 0.9
    dear, worth = model.best(x, value=10.0, costs={"mail": 5.0, "call": 5.0})
    assert set(dear) == {""}
    assert not worth.any()


def test_same_seed_same_numbers_and_a_bent_experiment_is_seen() -> None:
    x, arm, y, _effect = one_arm(1_500, 6)
    first, second = (fit_uplift(x, arm, y, control="none", features=NAMES, seed=1).predict(x) for _again in range(2))
    assert np.array_equal(first["mail"], second["mail"])
    bent = np.where((x[:, 0] > 45) & (arm == "none"), "mail", arm)
    card = fit_uplift(x, bent, y, control="none", features=NAMES, seed=1).cards["mail"]
    assert card.balance.low > 0.55
    assert fit_uplift(x, arm, y, control="none", features=NAMES, seed=1).cards["mail"].balance.low < 0.53


def test_few_rows_give_the_average_and_say_why() -> None:
    x, arm, y, _effect = experiment(90, 7)
    model = fit_uplift(x, arm, y, control="none", features=NAMES)
    assert model.cards["mail"].verdict == "too_little"
    assert np.ptp(model.predict(x)["mail"]) == 0


def test_what_cannot_be_learned_from_is_said_in_one_line() -> None:
    x, arm, y, _effect = experiment(60, 8)
    with pytest.raises(DataError, match="needs rows with 'nobody'"):
        fit_uplift(x, arm, y, control="nobody", features=NAMES)
    with pytest.raises(DataError, match="60, 59 and 60 rows"):
        fit_uplift(x, arm[1:], y, control="none", features=NAMES)


def test_the_parts_of_a_row_do_not_depend_on_its_company(model: UpliftModel) -> None:
    x, _arm, _y, _effect = experiment(50, 9)
    for arm, (parts, base) in model.contributions(x).items():
        for row in (0, 20):
            alone, own = model.contributions(x[row:row + 1])[arm]
            assert own == pytest.approx(base, abs=1e-12) and alone[0] == pytest.approx(parts[row], abs=1e-12)
