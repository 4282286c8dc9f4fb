"""The first look at all products: one linear score per person and product, of which the best are looked at closely.

What a person took speaks through every kind of link, quickly fading or slowly, in proportion or by its root; how much each voice counts is learned
from what people took next (a conditional logit: which of their candidates). All links are then laid into one, so that the scores of a thousand
people are a single product of matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sparse_dot_topn import sp_matmul, sp_matmul_topn

from brandloom.recommend.history import Floats, Ints
from brandloom.recommend.logs.evidence import Evidence, hear, popular_names, threads
from brandloom.recommend.logs.links import STRONGEST, cores
from brandloom.recommend.logs.log import Log

KEEPS = {"soon": 0.5, "lasting": 1.0}  # a visit counts so many times the one after it
SHAPES = ("", "_root", "_rare", "_few")  # of a link: as it is, its root, and that by the root of how many take what it leads to or comes from
MOST_SIFTED = 4_000  # people whose next purchase teaches the weights
# What is believed where hardly anybody has shown what they took next, in standard deviations; learning moves away from it, `PULL` holding back.
BELIEVED = {"follows_lasting_root": 0.5, "alike_lasting_root": 0.5, "told_soon_root": 0.3, "weighed_lasting": 0.5, "own_lasting": 0.5}
BELIEVED_POPULAR, LEAST_POPULAR, PULL = 0.3, 0.01, 5.0
LEADING = 500  # products that everybody's scores are worked out for, by what popularity gives them
_PER_LINK, _POPULAR = 50, 30  # candidates of each kind of link and popularity, to learn from
_BARRED = np.float32(-1e9)
_LEAST = np.float32(1e-3)
_ROWS = 2_000  # products whose links are laid together at once
_DENSE = 4_000_000  # cells of people x products laid out at once


class Choice(NamedTuple):
    """What some people could have taken, which of it they took, and what every voice said: rows of a person together."""

    person: Ints
    x: npt.NDArray[np.float32]
    taken: npt.NDArray[np.bool_]


@dataclass(frozen=True, repr=False)
class Sieve:
    """Weights per voice (see `voices`), and the links and popularity they make."""

    weights: dict[str, float]
    links: Any  # sparse (2 n_products, n_products): what a product speaks for, soon and lasting, the strongest of each row
    standing: Floats  # (n_products,) what popularity gives
    again: bool

    def sift(self, log: Log, most: int, *, allowed: npt.NDArray[np.bool_] | None = None) -> tuple[Ints, Ints, Floats]:
        """Person (of `log`), product and score of each person's best `most`, best first; what may not be recommended is not among them.

        Args:
            allowed: (n_products,) what may be recommended; None: everything. What a person has is left out unless people take things again.
        """
        n, people = len(self.standing), len(log.people)
        spoken, loud = hear(log, KEEPS.values())
        voices = [loud[keep] for keep in KEEPS.values()]
        lead = np.ones((people, 1), dtype=np.float32)
        seen = log.taken() if not self.again else None
        rows = [spoken, spoken + n, np.array([2 * n])]
        if seen is not None:
            had = np.unique(log.codes)
            seen = sparse.csr_matrix((seen.data, np.searchsorted(had, seen.indices).astype(np.int32), seen.indptr), shape=(people, len(had)))
            rows.append(had + 2 * n + 1)
        left = sparse.hstack([*voices, sparse.csr_matrix(lead), *([] if seen is None else [seen])], format="csr")
        right = self._table[np.concatenate(rows)]
        if allowed is not None:
            barred = sparse.csr_matrix(np.where(allowed, np.float32(0), _BARRED)[None, :])
            left, right = sparse.hstack([left, sparse.csr_matrix(lead)], format="csr"), sparse.vstack([right, barred], format="csr")
        best = sp_matmul_topn(left, right, top_n=most, threshold=0.0, n_threads=threads(people))
        person, code = np.repeat(np.arange(people, dtype=np.int64), np.diff(best.indptr)), best.indices.astype(np.int64)
        score = best.data.astype(float) + self._behind[code]
        order = np.lexsort((code, -score, person))
        return person, code[order], score[order]

    @cached_property
    def _ahead(self) -> Floats:
        """What popularity gives beyond the first product that does not lead."""
        ordered = np.sort(self.standing)[::-1]
        ahead: Floats = self.standing - ordered[min(LEADING, len(ordered) - 1)]
        return ahead

    @cached_property
    def _behind(self) -> Floats:
        return np.minimum(self._ahead, 0.0)

    @cached_property
    def _table(self) -> Any:
        """(3 n + 1, n): links, what leads, and what bars a product."""
        n = len(self.standing)
        leading = np.argsort(-self.standing, kind="stable")[:LEADING]
        lead = sparse.csr_matrix(((np.maximum(self._ahead, 0) + _LEAST)[leading].astype(np.float32), (np.zeros(len(leading), dtype=int), leading)),
                                 shape=(1, n))
        return sparse.vstack([self.links, lead, sparse.eye(n, dtype=np.float32, format="csr") * _BARRED], format="csr")


def voices(evidence: Evidence) -> tuple[str, ...]:
    """Names of what the score is a weighted sum of."""
    linked = [f"{links}_{when}{shape}" for when in KEEPS for links in evidence.links for shape in SHAPES]
    return (*linked, *(f"own_{when}" for when in KEEPS if evidence.again), *popular_names(evidence))


def listen(evidence: Evidence, log: Log, keys: Ints) -> npt.NDArray[np.float32]:
    """(n_cells, n_voices) what every voice says; `keys`: person x n_products + product, in order."""
    n = len(log.products)
    spoken, loud = hear(log, KEEPS.values())
    columns: list[npt.NDArray[np.float32]] = []
    for keep in KEEPS.values():
        voice = loud[keep]
        for links in evidence.links.values():
            rows = links[spoken]
            for data in _shaped(rows, evidence.popular[0], spoken):
                shaped = sparse.csr_matrix((data, rows.indices, rows.indptr), shape=rows.shape)
                columns.append(cells(sp_matmul(voice, shaped, n_threads=threads(len(log.people))), keys))
    for keep in KEEPS.values() if evidence.again else ():
        voice = loud[keep]
        columns.append(cells(sparse.csr_matrix((voice.data, spoken[voice.indices], voice.indptr), shape=(len(log.people), n)), keys))
    columns += [np.log1p(counts)[keys % n].astype(np.float32) for counts in evidence.popular]
    return np.stack(columns, axis=1)


def look_around(evidence: Evidence, before: Log, after: Log) -> Choice:
    """What people could have taken, by every kind of link and popularity by itself, and what they took."""
    n = len(before.products)
    spoken, loud = hear(before, KEEPS.values())
    leading = np.unique(np.argsort(-evidence.popular, axis=1, kind="stable")[:, :_POPULAR])
    seen = np.unique(before.person * n + before.codes)
    found = [(np.arange(len(before.people))[:, None] * n + leading).ravel(), seen]
    for keep in KEEPS.values():
        for links in evidence.links.values():
            best = sp_matmul_topn(loud[keep], links[spoken], top_n=_PER_LINK, threshold=0.0, n_threads=threads(len(before.people)))
            found.append(np.repeat(np.arange(best.shape[0], dtype=np.int64) * n, np.diff(best.indptr)) + best.indices)
    keys = np.unique(np.concatenate(found))
    if not evidence.again:
        keys = keys[~np.isin(keys, seen, assume_unique=True)]
    return Choice(keys // n, listen(evidence, before, keys), np.isin(keys, after.person * n + after.codes))


def learn_weights(evidence: Evidence, choices: Sequence[Choice]) -> dict[str, float]:
    """Weights per voice under which what people took is likeliest among what they could have taken; popularity never counts against a product."""
    from scipy.optimize import minimize
    names = voices(evidence)
    x = np.concatenate([choice.x for choice in choices])
    width = x.std(axis=0, dtype=np.float64).astype(np.float32) if len(x) else np.ones(len(names), dtype=np.float32)
    width[width < 1e-9] = 1.0
    offsets = np.cumsum([0, *(int(choice.person[-1]) + 1 if len(choice.person) else 0 for choice in choices)])
    person = np.concatenate([choice.person + start for choice, start in zip(choices, offsets, strict=False)])
    taken = np.concatenate([choice.taken for choice in choices])
    teaches = (np.bincount(person, weights=taken) > 0)[person]
    x, person, taken = x[teaches] / width, person[teaches], taken[teaches]
    popular = popular_names(evidence)
    believed = np.array([BELIEVED_POPULAR / len(popular) if name in popular else BELIEVED.get(name, 0.0) for name in names])
    weights = believed
    if len(person):
        starts = np.flatnonzero(np.diff(person, prepend=-1))
        sizes = np.diff(np.append(starts, len(person)))
        share = taken / np.repeat(np.add.reduceat(taken.astype(float), starts), sizes)

        def loss(weight: Floats) -> tuple[float, Floats]:
            score = (x @ weight.astype(np.float32)).astype(float)
            odds = np.exp(score - np.repeat(np.maximum.reduceat(score, starts), sizes))
            chance = odds / np.repeat(np.add.reduceat(odds, starts), sizes)
            away = weight - believed
            slope = ((chance - share).astype(np.float32) @ x).astype(float)
            return float(-(share * np.log(chance + 1e-12)).sum() + PULL * away @ away), slope + 2 * PULL * away

        bounds = [(LEAST_POPULAR if name in popular else None, None) for name in names]
        weights = minimize(loss, believed, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 200}).x
    return {name: float(f"{weight / one:.6g}") for name, weight, one in zip(names, weights, width, strict=True)}


def make_sieve(evidence: Evidence, weights: dict[str, float]) -> Sieve:
    """Lay all links into one by their weights."""
    n = len(evidence.repeats)
    laid = []
    for when in KEEPS:
        for low in range(0, n, _ROWS):
            rows = slice(low, min(low + _ROWS, n))
            total = sparse.csr_matrix((rows.stop - low, n), dtype=np.float32)
            for name, links in evidence.links.items():
                part = links[rows]
                shaped = _shaped(part, evidence.popular[0], np.arange(rows.start, rows.stop))
                data = sum(np.float32(weights[f"{name}_{when}{shape}"]) * data for shape, data in zip(SHAPES, shaped, strict=True))
                total = total + sparse.csr_matrix((data, part.indices, part.indptr), shape=part.shape)
            if evidence.again:
                total = total + sparse.eye(rows.stop - low, n, k=low, dtype=np.float32, format="csr") * np.float32(weights[f"own_{when}"])
            laid.append(sp_matmul_topn(sparse.eye(rows.stop - low, dtype=np.float32, format="csr"), total.astype(np.float32), top_n=min(STRONGEST, n),
                                       threshold=0.0, n_threads=cores()))
    standing = sum(weights[name] * np.log1p(counts) for name, counts in zip(popular_names(evidence), evidence.popular, strict=True))
    return Sieve(weights, sparse.vstack(laid, format="csr"), np.asarray(standing, dtype=float), evidence.again)


def cells(values: Any, keys: Ints) -> npt.NDArray[np.float32]:
    """Values at cells given in order as row x columns + column, 0 where there is none. `values` need not be sorted."""
    rows, n = values.shape
    found = np.zeros(len(keys), dtype=np.float32)
    step = max(1, _DENSE // n)
    flat = np.zeros(min(step, rows) * n, dtype=np.float32)
    for low in range(0, rows, step):
        high = min(low + step, rows)
        held = slice(values.indptr[low], values.indptr[high])
        at = np.repeat(np.arange(high - low, dtype=np.int64) * n, np.diff(values.indptr[low:high + 1])) + values.indices[held]
        flat[at] = values.data[held]
        wanted = slice(*np.searchsorted(keys, [low * n, high * n]))
        found[wanted] = flat[keys[wanted] - low * n]
        flat[at] = 0
    return found


def _shaped(links: Any, popular: Floats, rows: Ints) -> list[npt.NDArray[np.float32]]:
    """The strength of every link in each of `SHAPES`; `rows`: products of the rows."""
    rare = (1 / np.sqrt(1 + popular)).astype(np.float32)
    root = np.sqrt(links.data)
    return [links.data, root, root * rare[links.indices], root * np.repeat(rare[rows], np.diff(links.indptr))]
