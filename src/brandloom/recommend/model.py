"""The recommender: three plain pieces of evidence about a product, blended with weights chosen out of time.

again     this person bought it before: grows with how often, fades with how long ago
together  people who bought what this person recently bought also bought it
popular   many people bought it lately

Each piece is scaled to 0..1 per person, so weights mean the same for a newcomer and a wholesaler. On shops with repeat
purchases such a blend is far above popularity and above any of its pieces (`benchmarks/recommend.py`). Where a learned order of its best
products (`ranking.py`) was better out of time, that is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import sparse

from brandloom.i18n import _
from brandloom.recommend.history import MAX_ITEMS, Floats, Histories, Ints, unpack
from brandloom.recommend.measures import Top
from brandloom.recommend.ranking import Ranking, candidates, features, strongest

REASONS = {
    "again": _("Bought before and likely to be bought again."),
    "together": _("Often bought together with something this person bought lately."),
    "popular": _("Bought by many people lately."),
}
AGAIN_HALF_LIFE_DAYS = 120.0
RECENT_HALF_LIFE_DAYS = 60.0
POPULAR_HALF_LIFE_DAYS = 14.0
STEADY_HALF_LIFE_DAYS = 60.0
_CELLS = 2_000_000  # people x products scored at once; bounds memory whatever the shop's size
_GROUPS = 64  # of columns, when looking for a bound of the best scores


@dataclass(frozen=True)
class Weights:
    """How much each piece of evidence counts, 0 or more; only their proportions matter.

    The defaults were best on online_retail at dates before those of the benchmark (NDCG at 10 in May, June and July 2011).
    """

    again: float = 1.0
    together: float = 0.3
    popular: float = 0.4


@dataclass(frozen=True, repr=False)
class Recommender:
    """A fitted recommender. Plain arrays, so that it can be pickled to workers; `products` are in order of their ids."""

    as_of: datetime
    products: tuple[str, ...]
    sold: npt.NDArray[np.bool_]  # (n_products,) can be recommended
    popular: Floats  # (n_products,) in 0..1
    steady: Floats  # (n_products,) the same with a longer memory
    repeats: Floats  # (n_products,) in 0..1: share of its buyers who bought it again
    neighbours: Any  # sparse (n_products, n_products): weight of column given that row was bought
    weights: Weights
    tuned_on: datetime | None  # the earlier date the weights were chosen at; None: too little history, defaults
    ranking: Ranking | None = None  # None: the blend decides

    def __repr__(self) -> str:
        return (f"Recommender(as_of={self.as_of:%Y-%m-%d}, products={len(self.products)}, sold={int(self.sold.sum())}, "
                f"weights={self.weights}, tuned_on={self.tuned_on}, ranked={self.ranking is not None})")

    def evidence(self, histories: Histories) -> tuple[Any, Floats]:
        """Scaled 'again' (sparse) and 'together' (dense) of every person for every product sold, each (n_people, n_products)."""
        again = histories_matrix(histories, again_weight(histories), len(self.products))
        together: Floats = (histories_matrix(histories, recent_weight(histories), len(self.products)) @ self.neighbours).toarray()
        together *= self.sold
        highest = together.max(axis=1, initial=0.0)
        together /= np.where(highest > 0, highest, 1.0)[:, None]
        return _scale(again, self.sold), together

    def blend(self, again: Any, together: Floats, weights: Weights | None = None) -> Floats:
        """One score per person and product, dense; 0 where there is no evidence or the product is not sold."""
        w = weights or self.weights
        scores: Floats = w.together * together
        person = np.repeat(np.arange(again.shape[0]), np.diff(again.indptr))
        scores[person, again.indices] += w.again * again.data  # a person's products are all different
        scores += w.popular * self.popular * self.sold
        return scores


    def blends(self, again: Any, together: Floats) -> tuple[Floats, Floats]:
        """The blend, and the same without what the person bought before."""
        w = self.weights
        return self.blend(again, together), self.blend(again, together, Weights(0.0, w.together or Weights.together, w.popular))

    def best(self, histories: Histories, k: int) -> tuple[Top, Any, Floats]:
        """The best `k` products of each person, and the evidence they rest on (see `evidence`)."""
        again, together = self.evidence(histories)
        if self.ranking is None:
            return top(self.blend(again, together), k), again, together
        person, code = candidates(*self.blends(again, together), k)
        return self.ranking.order(features(self, histories, together, person, code), person, code, k), again, together


def score_batch(rows: pa.Table, *, model: Recommender, k: int) -> pa.Table:
    """Best `k` products of each customer of a batch (`customer`, packed `items`), as codes; the form `map_batches` wants."""
    size = max(1, _CELLS // max(len(model.products), 1))
    parts = [_score(rows.slice(start, size), model, k) for start in range(0, rows.num_rows, size)]
    return pa.concat_tables(parts) if parts else SCORES.empty_table()


SCORES = pa.schema([("customer", pa.string()), ("rank", pa.int32()), ("code", pa.int64()), ("score", pa.float64()),
                    ("reason", pa.string()), ("because", pa.int64())])


def _score(rows: pa.Table, model: Recommender, k: int) -> pa.Table:
    histories = unpack(rows["items"]).latest(MAX_ITEMS)
    (person, rank, code, score), again, together = model.best(histories, k)
    w = model.weights
    pieces = np.stack([w.again * _at(again, person, code), w.together * together[person, code],
                       w.popular * model.popular[code]])
    reason = pieces.argmax(axis=0)
    because = np.where(reason == 0, code, -1)
    because[reason == 1] = _strongest(histories, model.neighbours, person[reason == 1], code[reason == 1])
    return pa.Table.from_arrays([
        rows["customer"].combine_chunks().take(pa.array(person)), pa.array(rank.astype(np.int32)), pa.array(code),
        pa.array(score), pa.array(list(REASONS)).take(pa.array(reason)),
        pa.array(because, mask=because < 0)], schema=SCORES)


def top(scores: Floats, k: int) -> Top:
    """The best `k` products of every person from dense scores, as `strongest` gives them."""
    floor = np.maximum(_kth_at_least(scores, k) - 1e-6, 0.4e-6)[:, None]
    person, code = np.divmod(np.flatnonzero(scores >= floor), scores.shape[1])  # a dozen or two, the best k among them
    return strongest(person, code, scores[person, code], k)


def _kth_at_least(scores: Floats, k: int) -> Floats:
    """A lower bound of each row's `k`-th largest score: the `k`-th largest of the maxima of separate groups of columns."""
    rows, n = scores.shape
    groups = max(_GROUPS, 4 * k)
    deep = n // groups
    maxima = scores[:, :deep * groups].reshape(rows, deep, groups).max(axis=1) if deep > 1 else scores
    if maxima.shape[1] < k:
        return np.zeros(rows)
    bound: Floats = np.partition(maxima, maxima.shape[1] - k, axis=1)[:, maxima.shape[1] - k]
    return bound


def again_weight(histories: Histories) -> Floats:
    """Evidence that a product will be bought again by one who bought it, before scaling."""
    faded: Floats = np.log1p(histories.times) * 0.5 ** (histories.age / AGAIN_HALF_LIFE_DAYS)
    return faded


def recent_weight(histories: Histories) -> Floats:
    """How much a bought product says about what is wanted now, in 0..1."""
    faded: Floats = 0.5 ** (histories.age / RECENT_HALF_LIFE_DAYS)
    return faded


def histories_matrix(histories: Histories, weight: Floats, n_products: int) -> Any:
    """Sparse (n_people, n_products) of the given weight per row of the histories."""
    shape = (len(histories.starts) - 1, n_products)
    return sparse.csr_matrix((weight, (histories.rows, histories.codes)), shape=shape)


def _scale(scores: Any, sold: npt.NDArray[np.bool_]) -> Any:
    """The same with products that are not sold at 0 and every row's highest at 1."""
    rows = np.repeat(np.arange(scores.shape[0]), np.diff(scores.indptr))
    data = scores.data * sold[scores.indices]
    highest = np.zeros(scores.shape[0])
    filled = np.flatnonzero(np.diff(scores.indptr))
    if len(filled):
        highest[filled] = np.maximum.reduceat(data, scores.indptr[filled])
    divisor = np.where(highest > 0, highest, 1.0)[rows]
    return sparse.csr_matrix((data / divisor, scores.indices, scores.indptr), shape=scores.shape)


def _at(matrix: Any, row: Ints, column: Ints) -> Floats:
    """Single cells of a sparse matrix."""
    cells: Floats = np.asarray(matrix[row, column], dtype=np.float64).ravel() if len(row) else np.zeros(0)
    return cells


def _strongest(histories: Histories, neighbours: Any, person: Ints, code: Ints) -> Ints:
    """The bought product that adds most to 'together' for each (person, product)."""
    n = neighbours.shape[0]
    keys = np.repeat(np.arange(n, dtype=np.int64), np.diff(neighbours.indptr)) * n + neighbours.indices
    lengths = np.diff(histories.starts)[person]
    pair = np.repeat(np.arange(len(person)), lengths)
    row = np.arange(len(pair)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + np.repeat(histories.starts[person], lengths)
    wanted = histories.codes[row] * n + code[pair]
    at = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
    added = np.where(keys[at] == wanted, neighbours.data[at], 0.0) * recent_weight(histories)[row]
    order = np.lexsort((histories.codes[row], -np.rint(added * 1e9), pair))
    first = np.searchsorted(pair[order], np.arange(len(person)))
    strongest: Ints = histories.codes[row][order][first]
    return strongest
