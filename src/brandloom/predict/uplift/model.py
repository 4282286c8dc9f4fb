"""Whom a treatment changes, and by how much: learners chosen by cross-validated doubly robust scores, with an honest verdict.

For each treatment the learners predict, out of fold, what it adds to each person; the score of a ranking is the area between its gain
curve and the diagonal, on doubly robust pseudo-outcomes (the area under the 'targeting operator characteristic' of Yadlowsky et al.
2021, up to its weighting). The mean of all learners is used unless another is better by more than a standard error of the paired
difference. What they say is pulled towards the average effect by the slope of pseudo-outcomes on predictions (Chernozhukov et al. 2018),
and where ranking people is not shown to bring anything, everybody gets the average effect and the card says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from brandloom.errors import DataError
from brandloom.i18n import _
from brandloom.predict.features import Floats
from brandloom.predict.uplift.learners import LEARNERS, Effect, grow, outcome, predict_trees, pseudo_outcomes

FOLDS = 5
LEAST_ROWS = 100
"""Rows per arm below which nothing is learned about single persons."""
LEAST_GAIN = 0.02
"""Area of a ranking, in parts of the average effect, that targeting must surely bring to count as clear."""
TOP = 0.3
CURVE = (0.1, 0.2, TOP, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_CLIP = 0.02
"""Chances of treatment are kept this far from 0 and 1."""
Verdict = Literal["clear", "unclear", "too_little"]


class Between(NamedTuple):
    """An estimate and its interval of 95 %."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Targeting:
    """What treating the best share first brings, judged out of fold.

    `gain` is the sum of effects per person of the whole when only that share is treated; `effect` is the mean effect among the share.
    """

    share: float
    effect: Between
    gain: float


@dataclass(frozen=True)
class UpliftCard:
    """What was learned about one treatment against no treatment, all of it out of fold."""

    arm: str
    rows: int
    treated: int
    average: Between
    verdict: Verdict
    """'clear' where ranking people by effect is shown to bring something, 'unclear' where it is not, 'too_little' data to ask."""
    learner: str
    area: Between
    """Between the gain curve and that of a random order, in units of the outcome per person: Qini over the number of persons."""
    slope: Between
    """Of real effects on predicted ones: 1 where differences between people are as large as predicted, 0 where there are none."""
    top: Targeting
    scores: dict[str, float]
    """Area by learner."""
    balance: Between
    """AUC at which the features tell treated from untreated: around .5 where treatment was given at random."""
    curve: tuple[Targeting, ...]


@dataclass(frozen=True)
class Fifth:
    """One fifth of the judged rows by predicted effect, the highest first."""

    rows: int
    predicted: float
    found: Between


@dataclass(frozen=True)
class Judged:
    """What a ranking is worth on rows that it was not learned from."""

    rows: int
    treated: int
    average: Between
    area: Between
    slope: Between
    top: Targeting
    curve: tuple[Targeting, ...]
    fifths: tuple[Fifth, ...]


@dataclass(frozen=True)
class UpliftModel:
    """Effects of one or several treatments on an outcome. Build one with `fit_uplift`."""

    features: tuple[str, ...]
    effects: dict[str, tuple[Effect, ...]]
    """Arm -> learners whose mean is the effect; none where everybody gets the average, since ranking seems to bring nothing."""
    cards: dict[str, UpliftCard]
    centres: dict[str, float]
    """Arm -> mean of what its learners say over the training rows."""

    def predict(self, x: Floats) -> dict[str, Floats]:
        """Arm -> (n,) effect in units of the outcome, pulled towards the average; mind the verdict on the card."""
        return {arm: self._pulled(arm, _mean([one.predict(x) for one in parts])) if parts else np.full(len(x), self.cards[arm].average.value)
                for arm, parts in self.effects.items()}

    def contributions(self, x: Floats) -> dict[str, tuple[Floats, float]]:
        """Arm -> (n, features) parts and a base that add up to `predict`."""
        made = {}
        for arm, learners in self.effects.items():
            card = self.cards[arm]
            if not learners:
                made[arm] = np.zeros((len(x), len(self.features))), card.average.value
                continue
            parts = [one.contributions(x) for one in learners]
            slope = _slope(card)
            base = card.average.value + slope * (float(np.mean([base for _part, base in parts])) - self.centres[arm])
            made[arm] = slope * _mean([part for part, _base in parts]), base
        return made

    def best(self, x: Floats, value: float = 1.0, costs: dict[str, float] | None = None) -> tuple[npt.NDArray[np.str_], Floats]:
        """For each row the arm with the largest value times effect less cost, '' where none is worth its cost, and that sum."""
        found = self.predict(x)
        arms = list(found)
        worth = np.column_stack([value * found[arm] - (costs or {}).get(arm, 0.0) for arm in arms])
        chosen = worth.argmax(axis=1)
        top = worth[np.arange(len(x)), chosen]
        return np.where(top > 0, np.array(arms)[chosen], ""), np.maximum(top, 0.0)

    def _pulled(self, arm: str, raw: Floats) -> Floats:
        return self.cards[arm].average.value + _slope(self.cards[arm]) * (raw - self.centres[arm])


def fit_uplift(x: Floats, arm: Sequence[str], y: Floats, *, control: str, features: Sequence[str], chance: dict[str, Floats] | None = None,
               seed: int = 0, progress: Callable[[float], None] = lambda done: None) -> UpliftModel:
    """Learn what each treatment adds to an outcome beside `control`.

    Args:
        x: (n, features) numbers from before the treatment, missing ones as NaN.
        arm: (n,) name of what each row got.
        y: (n,) outcome: 0/1, counts or money.
        chance: arm -> (n,) known chance of that arm against control; without it the shares of the arms where the features do not
            tell who was treated (a random experiment), else what a model of treatment says.
    Raises:
        DataError: an arm without rows, an outcome that never varies, shapes that do not fit.
    """
    given = np.asarray(arm)
    if not len(x) == len(given) == len(y):
        raise DataError(_("Features, treatments and outcomes have {x}, {arm} and {y} rows; they must be the same rows."),
                        x=len(x), arm=len(given), y=len(y))
    arms = [str(name) for name in sorted(set(given.tolist()) - {control})]
    if control not in given or not arms:
        raise DataError(_("An effect needs rows with '{control}' and rows with another treatment; there are {found}."),
                        control=control, found=", ".join(sorted(set(given.tolist()))))
    effects, cards, centres = {}, {}, {}
    for number, name in enumerate(arms):
        rows = (given == name) | (given == control)
        one = _Arm(x[rows], (given[rows] == name).astype(float), y[rows], seed)
        known = None if chance is None else chance[name][rows]
        effects[name], cards[name], centres[name] = one.fit(name, known)
        progress((number + 1) / len(arms))
    return UpliftModel(tuple(features), effects, cards, centres)


def judge_effects(x: Floats, arm: Sequence[str], y: Floats, effects: dict[str, Floats], *, control: str, seed: int = 0) -> dict[str, Judged]:
    """Judge predicted effects on rows that nothing was learned from: arm -> what its ranking brings there.

    Args:
        x: (n, features) of those rows, which take the noise out of their outcomes.
        effects: arm -> (n,) predicted; arms with fewer than `LEAST_ROWS` rows on a side are not judged.
    """
    given, found = np.asarray(arm), {}
    for name, predicted in effects.items():
        rows = (given == name) | (given == control)
        one = _Arm(x[rows], (given[rows] == name).astype(float), y[rows], seed)
        if min(one.treated.sum(), (1 - one.treated).sum()) >= LEAST_ROWS and np.ptp(one.y) > 0:
            found[name] = one.judge(predicted[rows])
    return found


class _Arm:
    """One treatment against none."""

    def __init__(self, x: Floats, treated: Floats, y: Floats, seed: int) -> None:
        self.x, self.treated, self.y, self.seed = x, treated, y, seed
        # Folds hold the same shares of treated and of outcomes, so that small tables do not lose an arm in one of them.
        order = np.lexsort((np.random.default_rng([seed, 5]).random(len(y)), y, treated))
        self.fold = np.empty(len(y), dtype=np.int64)
        self.fold[order] = np.arange(len(y)) % FOLDS

    def fit(self, name: str, known: Floats | None) -> tuple[tuple[Effect, ...], UpliftCard, float]:
        balance, chance = self._chance(known)
        small = min(self.treated.sum(), (1 - self.treated).sum()) < LEAST_ROWS or np.ptp(self.y) == 0
        if small:
            average = _difference(self.y, self.treated)
            empty = Targeting(TOP, average, TOP * average.value)
            return (), UpliftCard(name, len(self.y), int(self.treated.sum()), average, "too_little", "average", Between(0, 0, 0),
                                  Between(0, 0, 0), empty, {}, balance, ()), 0.0
        pseudo = pseudo_outcomes(self.x, self.treated, self.y, chance, self.seed)
        out = self._out_of_fold(chance)
        areas = {learner: self._area(pseudo, ranked) for learner, ranked in out.items()}
        chosen = _chosen(areas)
        average, area = _between(pseudo), _between(areas[chosen])
        slope = self._slope(pseudo, out[chosen])
        verdict: Verdict = "clear" if area.low > LEAST_GAIN * abs(average.value) and slope.low > 0 else "unclear"
        names = list(LEARNERS) if chosen == "mean" else [chosen]
        ones = np.ones(len(self.y))
        helps = area.value > 0 and slope.value > 0
        whole = tuple(LEARNERS[one](self.x, self.treated, self.y, pseudo, ones, self.seed) for one in names) if helps else ()
        centre = float(np.mean(_mean([one.predict(self.x) for one in whole]))) if whole else 0.0
        curve = tuple(self._targeting(pseudo, out[chosen], share) for share in CURVE)
        card = UpliftCard(name, len(self.y), int(self.treated.sum()), average, verdict, chosen, area, slope, curve[CURVE.index(TOP)],
                          {learner: float(one.mean()) for learner, one in areas.items()}, balance, curve)
        return whole, card, centre

    def judge(self, effect: Floats) -> Judged:
        """Judge a prediction that none of these rows taught."""
        pseudo = pseudo_outcomes(self.x, self.treated, self.y, self._chance(None)[1], self.seed)
        self.fold = np.zeros(len(self.y), dtype=np.int64)
        curve = tuple(self._targeting(pseudo, effect, share) for share in CURVE)
        fifths = tuple(Fifth(len(rows), float(effect[rows].mean()), _between(pseudo[rows]))
                       for rows in np.array_split(np.argsort(-effect, kind="stable"), 5))
        return Judged(len(self.y), int(self.treated.sum()), _between(pseudo), _between(self._area(pseudo, effect)), self._slope(pseudo, effect),
                      curve[CURVE.index(TOP)], curve, fifths)

    def _chance(self, known: Floats | None) -> tuple[Between, Floats]:
        """How well the features tell who was treated, and the chance of treatment of each row."""
        guess = np.zeros(len(self.y))
        for k in range(FOLDS):
            inside = self.fold == k
            guess[inside] = outcome(self.x[~inside], self.treated[~inside], self.seed)(self.x[inside])
        balance = _auc(guess, self.treated)
        if known is not None:
            return balance, np.clip(known, _CLIP, 1 - _CLIP)
        if balance.low <= 0.5:
            return balance, np.full(len(self.y), self.treated.mean())
        text = [grow(self.x[self.fold != k], self.treated[self.fold != k], np.ones(int((self.fold != k).sum())), self.seed,
                     {"num_leaves": 8, "min_data_in_leaf": 100, "learning_rate": 0.05}, 100, "binary") for k in range(FOLDS)]
        chance = np.zeros(len(self.y))
        for k in range(FOLDS):
            chance[self.fold == k] = predict_trees(text[k], self.x[self.fold == k])
        return balance, np.clip(chance, _CLIP, 1 - _CLIP)

    def _out_of_fold(self, chance: Floats) -> dict[str, Floats]:
        """Effects of every learner, and of their mean, from rows of other folds."""
        out = {name: np.zeros(len(self.y)) for name in LEARNERS}
        for k in range(FOLDS):
            rest, inside = self.fold != k, self.fold == k
            pseudo = pseudo_outcomes(self.x[rest], self.treated[rest], self.y[rest], chance[rest], self.seed)
            ones = np.ones(int(rest.sum()))
            for name, learn in LEARNERS.items():
                out[name][inside] = learn(self.x[rest], self.treated[rest], self.y[rest], pseudo, ones, self.seed).predict(self.x[inside])
        return {**out, "mean": _mean(list(out.values()))}

    def _area(self, pseudo: Floats, effect: Floats) -> Floats:
        """(n,) terms whose mean is the area between the gain curve and the diagonal; ranks are those within a fold."""
        return pseudo * (0.5 - self._rank(effect))

    def _rank(self, effect: Floats) -> Floats:
        """(n,) share of the fold that is ranked higher; ties share their place."""
        rank = np.empty(len(effect))
        for k in np.unique(self.fold):
            inside = np.flatnonzero(self.fold == k)
            _values, place, count = np.unique(-effect[inside], return_inverse=True, return_counts=True)
            ends = np.cumsum(count)
            rank[inside] = ((ends - count / 2) / len(inside))[place]
        return rank

    def _slope(self, pseudo: Floats, effect: Floats) -> Between:
        """Of pseudo-outcomes on predicted effects, each measured from the mean of its fold."""
        means = np.array([effect[self.fold == k].mean() for k in range(int(self.fold.max()) + 1)])[self.fold]
        centred = effect - means
        square = float(np.mean(centred**2))
        if square <= 0:
            return Between(0.0, 0.0, 0.0)
        slope = float(np.mean(centred * pseudo)) / square
        left = centred * (pseudo - pseudo.mean() - slope * centred)
        error = float(np.sqrt(np.mean(left**2) / len(left))) / square
        return Between(slope, slope - 1.96 * error, slope + 1.96 * error)

    def _targeting(self, pseudo: Floats, effect: Floats, share: float) -> Targeting:
        rank = self._rank(effect)
        # Where more rows than that share the highest effect, all of them stand for it.
        found = _between(pseudo[rank <= max(share, float(rank.min()))])
        return Targeting(share, found, share * found.value)


def _chosen(areas: dict[str, Floats]) -> str:
    """The mean of all, unless another is better by more than a standard error of the paired difference."""
    best = max(areas, key=lambda name: float(areas[name].mean()))
    gain = areas[best] - areas["mean"]
    return best if gain.mean() > gain.std() / np.sqrt(len(gain)) else "mean"


def _slope(card: UpliftCard) -> float:
    return float(np.clip(card.slope.value, 0.0, 1.0))


def _mean(values: Sequence[Floats]) -> Floats:
    return np.asarray(sum(values[1:], start=values[0]) / len(values))


def _between(terms: Floats) -> Between:
    value, error = float(terms.mean()), float(terms.std(ddof=1) / np.sqrt(len(terms))) if len(terms) > 1 else 0.0
    return Between(value, value - 1.96 * error, value + 1.96 * error)


def _difference(y: Floats, treated: Floats) -> Between:
    on, off = y[treated == 1], y[treated == 0]
    value = float(on.mean() - off.mean())
    error = float(np.sqrt(on.var() / max(1, len(on)) + off.var() / max(1, len(off))))
    return Between(value, value - 1.96 * error, value + 1.96 * error)


def _auc(score: Floats, truth: Floats) -> Between:
    """Area under the ROC curve with the interval of Hanley and McNeil (1982)."""
    from scipy.stats import rankdata
    positive, negative = float(truth.sum()), float((1 - truth).sum())
    value = (float(rankdata(score)[truth == 1].sum()) - positive * (positive + 1) / 2) / max(1.0, positive * negative)
    first, second = value / (2 - value), 2 * value**2 / (1 + value)
    spread = value * (1 - value) + (positive - 1) * (first - value**2) + (negative - 1) * (second - value**2)
    error = float(np.sqrt(max(0.0, spread) / max(1.0, positive * negative))) * float(norm.ppf(0.975))
    return Between(value, value - error, value + error)
