"""A recommender learned from a log: sources find what a person may take next, trees put it in order.

Which source to believe depends on the person and the product: what follows what is right where many went the same way before, likeness by
description where hardly anybody did. A weighted sum has one answer for all; trees that learned from what people took next have one for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from brandloom.errors import DataError, NotFittedError
from brandloom.i18n import _
from brandloom.recommend.history import Floats
from brandloom.recommend.logs.candidates import CANDIDATES, Candidates, find, names_of
from brandloom.recommend.logs.evidence import Evidence, gather
from brandloom.recommend.logs.learn import BLOCK, Progress, learn
from brandloom.recommend.logs.likeness import find_likeness
from brandloom.recommend.logs.log import Log
from brandloom.recommend.logs.reasons import Reason, reason
from brandloom.recommend.logs.sieve import Sieve, listen, make_sieve
from brandloom.recommend.measures import Top
from brandloom.recommend.ranking import strongest

_SAME = 0.5  # likeness of descriptions above which one product stands in for another and does not complement it
AGAIN = 0.02  # share of lines that take a product again, from which on what a person has may be recommended
_SIFTED = 5_000  # people whose first look is taken at once


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
    ndcg: dict[str, float]  # of the trees, the sieve and every source alone
    ranked: bool  # the trees decide; else the sieve


@dataclass(frozen=True, repr=False)
class LogRecommender:
    """A fitted recommender over the products of a log."""

    products: pa.Array
    evidence: Evidence
    sieve: Sieve
    boosters: tuple[str, ...]  # LightGBM's texts, averaged; none: the sieve decides
    card: Card

    def best(self, log: Log, k: int, *, allowed: npt.NDArray[np.bool_] | None = None, quick: bool = False) -> Top:
        """Person (of `log`), rank from 1, product and score of each person's best `k`.

        Args:
            log: what the people asked about took, over the same products; `log_of` makes one from plain lists.
            allowed: (n_products,) what may be recommended (in stock, not excluded); None: everything.
            quick: leave it at the order of the sieve, some twenty times faster; the card says what that costs.
        """
        whole: list[Top] = [(np.empty(0, dtype=np.int64),) * 3 + (np.empty(0),)]
        step = _SIFTED if quick or not self.boosters else BLOCK
        for start in range(0, len(log.people), step):
            some = log.of(np.arange(start, min(start + step, len(log.people))))
            if step == _SIFTED:
                person, code, raw = self.sieve.sift(some, max(k, CANDIDATES), allowed=allowed)
            else:
                found = find(self.evidence, self.sieve, some, max(k, CANDIDATES), allowed=allowed)
                person, code, raw = found.person, found.code, self.score(found)
            person, rank, code, score = strongest(person, code, np.maximum(1 / (1 + np.exp(-raw)), 1e-6), k)
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
        found = find(self.evidence, self.sieve, some)
        at = np.flatnonzero(found.code == code)
        if not len(at):
            return None
        one = Candidates(found.person[at], found.code[at], found.x[at], found.sifted[at])
        score = float(self.score(one)[0])
        heard = listen(self.evidence, some, one.code)[0].astype(float) * np.array(list(self.sieve.weights.values()))
        added = dict(zip(self.sieve.weights, heard.tolist(), strict=True))
        if not self.boosters:
            return reason(self.evidence, some, code, {**added, "base": score - float(heard.sum())}, score)
        parts = np.mean([tree.predict(one.x, pred_contrib=True)[0] for tree in self._trees], axis=0)
        by_tree = dict(zip((*names_of(self.evidence), "base"), parts.tolist(), strict=True))
        lifted = by_tree.pop("sifted") + by_tree.pop("behind")  # what the trees make of the sieve's score belongs to the voices that speak for it
        speaking = {name: value for name, value in added.items() if value > 0}
        said = sum(speaking.values())
        by_voice = {f"sieve {name}": lifted * value / said for name, value in speaking.items()} if said else {"sieve": lifted}
        return reason(self.evidence, some, code, {**by_tree, **by_voice}, score)

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
        found = find(self.evidence, self.sieve, log.of(np.array([person])))
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
        for start in range(0, len(log.people), BLOCK):
            part = log.of(np.arange(start, min(start + BLOCK, len(log.people))))
            found = find(self.evidence, self.sieve, part)
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

    def score(self, found: Candidates) -> Floats:
        """One number per candidate; only their order within a person means anything."""
        if not self.boosters or not len(found.x):
            return found.sifted
        scores: Floats = np.mean([tree.predict(found.x) for tree in self._trees], axis=0)
        nothing = found.x[:, names_of(self.evidence).index("products")] == 0  # nobody without anything has taught the trees
        return np.where(nothing, found.sifted, scores)

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
    evidence = gather(log, told, again=again)
    report(0.2)
    learned = learn(log, told, evidence, horizon=horizon, report=report)
    sieve = make_sieve(evidence, learned.weights)
    report(1.0)
    card = Card(len(log.people), len(log.products), len(log.codes), log.crowded, again, learned.taught, learned.judged, learned.ndcg,
                bool(learned.boosters))
    return LogRecommender(log.products, evidence, sieve, learned.boosters, card)
