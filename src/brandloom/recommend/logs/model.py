"""A recommender learned from a log: sources find what a person may take next, trees put it in order.

Which source to believe depends on the person and the product: what follows what is right where many went the same way before, likeness by
description where hardly anybody did. A weighted sum has one answer for all; trees that learned from what people took next have one for each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from brandloom.errors import DataError, NotFittedError
from brandloom.i18n import _
from brandloom.recommend.history import Floats, Ints
from brandloom.recommend.logs.candidates import SOURCES, Candidates, Evidence, find, gather, names_of
from brandloom.recommend.logs.likeness import find_likeness
from brandloom.recommend.logs.log import Log
from brandloom.recommend.logs.reasons import Reason, reason
from brandloom.recommend.measures import Top
from brandloom.recommend.ranking import strongest

Progress = Callable[[float], None]  # share done, 0 to 1
MOST_TAUGHT = 20_000  # people whose next purchase teaches the order; more bring nothing and cost memory
_SAME = 0.5  # likeness of descriptions above which one product stands in for another and does not complement it
FEWEST_TAUGHT = 200  # with fewer people a learned order is luck: the plain blend decides
JUDGED = 0.15  # share of them that only says when to stop and whether the trees are better
FEW, FOLDS = 3_000, 5  # with fewer people each fifth is that share once, and the five orders are averaged
MOST_CUTS = 4  # earlier dates that teach where one date has too few people
AGAIN = 0.02  # share of lines that take a product again, from which on what a person has may be recommended
# Chosen on the second-last product of each person in amazon_toys_and_games_sequences, never on the last.
PARAMS = {"objective": "lambdarank", "lambdarank_truncation_level": 20, "metric": "ndcg", "eval_at": [10], "learning_rate": 0.05, "num_leaves": 15,
          "min_data_in_leaf": 200, "feature_fraction": 0.5, "bagging_fraction": 0.7, "bagging_freq": 1, "verbosity": -1, "deterministic": True,
          "force_row_wise": True, "num_threads": 1, "seed": 0}
TREES, PATIENCE = 500, 60
PLAIN = {"follows_share": 1.0, "alike_share": 0.6, "told_share": 0.4, "popular": 0.02, "popular_7d": 0.05, "share_of_visits": 1.0}
_BLOCK = 1_000  # people at once


@dataclass(frozen=True)
class Card:
    """What the model was learned from and how its order was chosen. NDCG at 10 on `judged` people who taught it nothing."""

    people: int
    products: int
    lines: int
    crowded: tuple[str, ...]
    again: bool
    taught: int
    judged: int
    ndcg: dict[str, float]  # of the trees, the plain blend and every source alone
    ranked: bool  # the trees decide; else the plain blend


@dataclass(frozen=True, repr=False)
class LogRecommender:
    """A fitted recommender over the products of a log."""

    products: pa.Array
    evidence: Evidence
    boosters: tuple[str, ...]  # LightGBM's texts, averaged; none: the plain blend decides
    card: Card

    def best(self, log: Log, k: int, *, allowed: npt.NDArray[np.bool_] | None = None) -> Top:
        """Person (of `log`), rank from 1, product and score of each person's best `k`.

        Args:
            log: what the people asked about took, over the same products; `log_of` makes one from plain lists.
            allowed: (n_products,) what may be recommended (in stock, not excluded); None: everything.
        """
        whole: list[Top] = [(np.empty(0, dtype=np.int64),) * 3 + (np.empty(0),)]
        for start in range(0, len(log.people), _BLOCK):
            some = np.arange(start, min(start + _BLOCK, len(log.people)))
            person, rank, code, score = self._order(find(self.evidence, log.of(some), allowed=allowed), k)
            whole.append((person + start, rank, code, score))
        people, ranks, codes, scores = (np.concatenate(column) for column in zip(*whole, strict=True))
        return people, ranks, codes, scores

    def explain(self, log: Log, product: str, *, person: int = 0) -> Reason | None:
        """Why `product` is where it is for one person of `log`; None where it is no candidate of theirs.

        Raises:
            DataError: nobody knows the product.
        """
        code = self.code_of(product)
        some = log.of(np.array([person]))
        found = find(self.evidence, some)
        at = np.flatnonzero(found.code == code)
        if not len(at):
            return None
        one = Candidates(found.person[at], found.code[at], found.x[at])
        score = float(self.score(one)[0])
        if self.boosters:
            added = np.mean([tree.predict(one.x, pred_contrib=True)[0] for tree in self._trees], axis=0)
        else:
            names = names_of(self.evidence)
            added = np.append([PLAIN.get(name, 0.0) * float(value) for name, value in zip(names, one.x[0], strict=True)], 0.0)
        return reason(self.evidence, some, one, 0, added, score)

    def similar(self, product: str, k: int = 10) -> list[tuple[str, float]]:
        """What could stand in its place: described alike where products are described, else taken by the same people; nearest first."""
        return self._linked(product, "told" if "told" in self.evidence.links else "alike", k)

    def complements(self, product: str, k: int = 10) -> list[tuple[str, float]]:
        """What goes with it: taken next by those who took it and not much the same thing by its description; strongest first."""
        code = self.code_of(product)
        told = self.evidence.links.get("told")
        same = set() if told is None else set(told[code].indices[told[code].data > _SAME].tolist())
        barred = {self.products[int(other)].as_py() for other in same}
        found = self._linked(product, "follows", k + len(barred)) or self._linked(product, "alike", k + len(barred))
        return [(other, strength) for other, strength in found if other not in barred][:k]

    def arrange(self, log: Log, products: Sequence[str], *, person: int = 0) -> list[str]:
        """A given list in this person's order: candidates as `best` orders them, the others behind by popularity.

        Raises:
            DataError: nobody knows one of the products.
        """
        codes = [self.code_of(product) for product in products]
        found = find(self.evidence, log.of(np.array([person])))
        score = dict(zip(found.code.tolist(), self.score(found).tolist(), strict=True))
        popular = self.evidence.popular[0]
        order = sorted(range(len(codes)), key=lambda at: (codes[at] not in score, -score.get(codes[at], 0.0), -popular[codes[at]], at))
        return [products[at] for at in order]

    def who_wants(self, log: Log, product: str, k: int) -> list[tuple[str, float]]:
        """The `k` people of `log` for whom the product would stand highest, by its place among their candidates and then its score.

        Raises:
            DataError: nobody knows the product.
        """
        code = self.code_of(product)
        wanting: list[tuple[int, float, str]] = []
        for start in range(0, len(log.people), _BLOCK):
            part = log.of(np.arange(start, min(start + _BLOCK, len(log.people))))
            found = find(self.evidence, part)
            score = self.score(found)
            for at in np.flatnonzero(found.code == code):
                rivals = score[found.person == found.person[at]]
                wanting.append((int((rivals > score[at]).sum()), -float(score[at]), part.people[int(found.person[at])].as_py()))
        return [(person, 1 / (1 + place)) for place, _score, person in sorted(wanting)[:k]]

    def code_of(self, product: str) -> int:
        """Position of a product.

        Raises:
            DataError: nobody knows it.
        """
        code = pc.index(self.products, product).as_py()
        if code < 0:
            raise DataError(_("No product {product} in the log."), product=repr(product))
        return int(code)

    def _linked(self, product: str, links: str, k: int) -> list[tuple[str, float]]:
        row = self.evidence.links[links][self.code_of(product)]
        order = np.lexsort((row.indices, -row.data))[:k]
        return [(self.products[int(row.indices[at])].as_py(), float(row.data[at])) for at in order]

    def _order(self, found: Candidates, k: int) -> Top:
        raw = self.score(found)
        return strongest(found.person, found.code, np.maximum(1 / (1 + np.exp(-raw)), 1e-6), k)

    def score(self, found: Candidates) -> Floats:
        """One number per candidate; only their order within a person means anything."""
        if not self.boosters or not len(found.x):
            return plain(found.x, names_of(self.evidence))
        scores: Floats = np.mean([tree.predict(found.x) for tree in self._trees], axis=0)
        return scores

    @cached_property
    def _trees(self) -> list[Any]:
        import lightgbm as lgb
        return [lgb.Booster(model_str=text) for text in self.boosters]


def fit_log(log: Log, *, described: Any = None, horizon: float | None = None, again: bool | None = None,
            progress: Progress | None = None) -> LogRecommender:
    """Learn what people take next.

    Args:
        described: terms of the products (see `describe`), by which also what nobody took yet is found.
        horizon: with a clock, what is to be recommended is everything taken in the days after; None: the next visit.
        again: whether what a person has may be recommended; None: if people do take things again.

    Raises:
        NotFittedError: nobody took more than one product.
    """
    if len(log.codes) < 2:
        raise NotFittedError(_("The log holds fewer than two lines: nothing can be learned from it."))
    told = None if described is None else find_likeness(described)
    repeated = 1 - len(np.unique(log.person * len(log.products) + log.codes)) / len(log.codes)
    again = repeated > AGAIN if again is None else again
    report = progress or (lambda share: None)
    lessons = _lessons(log, told, horizon, again, report)
    boosters, ndcg, taught, judged = _learn(lessons)
    report(0.8)
    evidence = gather(log, told, again=again)
    report(1.0)
    card = Card(len(log.people), len(log.products), len(log.codes), log.crowded, again, taught, judged, ndcg, bool(boosters))
    return LogRecommender(log.products, evidence, boosters, card)


@dataclass(frozen=True)
class Lesson:
    """Candidates of some people at an earlier moment, and which of them they took next."""

    names: tuple[str, ...]
    found: Candidates
    taken: npt.NDArray[np.bool_]
    wanted: Ints  # (n_people,) products each of them took next


def _lessons(log: Log, told: Any, horizon: float | None, again: bool, report: Progress) -> list[Lesson]:
    lessons: list[Lesson] = []
    people = 0
    for cut in range(MOST_CUTS):
        if horizon is None:
            before = log.where(log.steps > 0)
            after = log.where(log.steps == 0)
        else:
            end = log.moment.max() - cut * horizon
            before, after = log.where(log.moment < end - horizon), log.where((log.moment >= end - horizon) & (log.moment < end + (cut == 0)))
        both = np.flatnonzero((np.diff(before.starts) > 0) & (np.diff(after.starts) > 0))
        if not len(both):
            break
        evidence = gather(before, told, again=again)
        chosen = both[np.random.default_rng(0).permutation(len(both))[:MOST_TAUGHT - people]]
        chosen.sort()
        lessons.append(_lesson(evidence, before.of(chosen), after.of(chosen)))
        people += len(chosen)
        report(0.3 * (cut + 1) / MOST_CUTS)
        if horizon is None or people >= MOST_TAUGHT / 4:
            break
    return lessons


def _lesson(evidence: Evidence, before: Log, after: Log) -> Lesson:
    n = len(before.products)
    wanted = np.unique(after.person * n + after.codes)
    if not evidence.again:
        wanted = wanted[~np.isin(wanted, before.person * n + before.codes)]
    parts = []
    for start in range(0, len(before.people), _BLOCK):
        some = np.arange(start, min(start + _BLOCK, len(before.people)))
        found = find(evidence, before.of(some))
        parts.append(Candidates(found.person + start, found.code, found.x))
    found = Candidates(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    return Lesson(names_of(evidence), found, np.isin(found.person * n + found.code, wanted), np.bincount(wanted // n, minlength=len(before.people)))


def _learn(lessons: list[Lesson]) -> tuple[tuple[str, ...], dict[str, float], int, int]:
    """The trees' texts if they are better than the plain blend by a standard error, NDCG at 10 of every order, people who taught and who judged."""
    if not lessons:
        return (), {}, 0, 0
    names = lessons[0].names
    offsets = np.cumsum([0, *(len(lesson.wanted) for lesson in lessons)])
    person = np.concatenate([lesson.found.person + start for lesson, start in zip(lessons, offsets, strict=False)])
    code = np.concatenate([lesson.found.code for lesson in lessons])
    x = np.concatenate([lesson.found.x for lesson in lessons])
    y = np.concatenate([lesson.taken for lesson in lessons])
    wanted = np.concatenate([lesson.wanted for lesson in lessons])
    part = np.random.default_rng(1).random(len(wanted))
    folds = [(part >= one / FOLDS) & (part < (one + 1) / FOLDS) for one in range(FOLDS)] if (wanted > 0).sum() < FEW else [part < JUDGED]
    judge = np.any(folds, axis=0)
    shown, usable = judge[person], judge & (wanted > 0)

    def score(values: Any) -> Floats:
        found: Floats = _ndcg(person[shown], code[shown], values, y[shown], wanted)[usable]
        return found

    blended = score(plain(x[shown], names))
    alone = {source.name: score(x[shown][:, names.index(source.name)]) for source in SOURCES if source.name in names}
    alone |= {name: score(x[shown][:, names.index(name)]) for name in names if re.fullmatch(r"popular(_window|_\d+d)?", name)}
    ndcg = {name: round(float(values.mean()), 4) for name, values in ({"plain": blended} | alone).items() if values.size}
    taught, judged = int(((wanted > 0) & ~(judge if len(folds) == 1 else False)).sum()), int(usable.sum())
    hits = np.bincount(person, weights=y, minlength=len(wanted)) > 0
    if hits.sum() < FEWEST_TAUGHT or min((hits & fold).sum() for fold in folds) < FEWEST_TAUGHT // 10:
        return (), ndcg, taught, judged
    raw, texts = np.zeros(len(y)), []
    for fold in folds:
        booster = _fit(x, y, person, hits & ~fold, hits & fold, names)
        raw[fold[person]] = booster.predict(x[fold[person]])
        texts.append(booster.model_to_string(num_iteration=booster.best_iteration))
    ranked = score(raw[shown])
    difference = ranked - blended
    better = difference.mean() > difference.std() / np.sqrt(len(difference))
    return tuple(texts) if better else (), {"trees": round(float(ranked.mean()), 4)} | ndcg, taught, judged


def _fit(x: npt.NDArray[np.float32], y: npt.NDArray[np.bool_], person: Ints, teach: npt.NDArray[np.bool_], judge: npt.NDArray[np.bool_],
         names: tuple[str, ...]) -> Any:
    import lightgbm as lgb
    sets: list[Any] = []
    for people in (teach, judge):
        rows = people[person]
        sizes = np.unique(person[rows], return_counts=True)[1]
        sets.append(lgb.Dataset(x[rows], y[rows].astype(np.int8), group=sizes, feature_name=list(names), reference=sets[0] if sets else None,
                                params={"verbosity": -1}))
    return lgb.train(PARAMS, sets[0], TREES, valid_sets=[sets[1]], callbacks=[lgb.early_stopping(PATIENCE, verbose=False)])


def _ndcg(person: Ints, code: Ints, score: Floats, y: npt.NDArray[np.bool_], wanted: Ints, k: int = 10) -> Floats:
    """(n_people,) NDCG at `k`; products are numbered by id, so equal scores are first shuffled by a hash of both."""
    order = np.lexsort(((code * 2_654_435_761 + person * 40_503) % 2**32, -score, person))
    place = np.arange(len(order)) - np.searchsorted(person[order], person[order])
    top = place < k
    gained = np.bincount(person[order][top], weights=y[order][top] / np.log2(place[top] + 2.0), minlength=len(wanted))
    ideal = np.cumsum(1 / np.log2(np.arange(2, k + 2)))[np.clip(wanted, 1, k) - 1]
    found: Floats = gained / ideal
    return found


def plain(x: npt.NDArray[np.float32], names: tuple[str, ...]) -> Floats:
    """A fixed blend of the sources, for logs too small to learn an order from."""
    total = np.zeros(len(x))
    for name, weight in PLAIN.items():
        if name in names:
            total += weight * x[:, names.index(name)]
    return total

