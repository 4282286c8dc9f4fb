"""Judging recommendations by what people bought afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from brandloom.engine import Engine
from brandloom.recommend.history import Floats, Histories, Ints, history_select, put_codes, sample_bar, unpack

if TYPE_CHECKING:
    from brandloom.recommend.model import Recommender

Top = tuple[Ints, Ints, Ints, Floats]  # person, rank, product, score


@dataclass(frozen=True)
class Judged:
    """People known before a date who bought after it, and what they bought."""

    customers: pa.ChunkedArray
    histories: Histories  # what they bought before it, all of it
    relevant: Any  # sparse (n_people, n_products) of 0/1: known products bought in the window
    bought: Ints  # (n_people,) products bought, those unknown before the date included

    @cached_property
    def wanted(self) -> Ints:
        """The cells of `relevant` as one number each, in order: person x products + product."""
        cells = self.relevant.tocoo()
        keys: Ints = np.sort(cells.row.astype(np.int64) * self.relevant.shape[1] + cells.col)
        return keys

    @cached_property
    def owned(self) -> Ints:
        """What each person had bought before, as numbers of the same kind."""
        keys: Ints = np.sort(self.histories.rows * self.relevant.shape[1] + self.histories.codes)
        return keys


@dataclass(frozen=True)
class Gains:
    """Per person: products of the list that were bought, `recall` of all that was bought, `ndcg`, each at k."""

    hits: Ints
    hits_new: Ints  # not bought before
    bought_new: Ints
    recall: Floats
    ndcg: Floats


def bought_after(engine: Engine, model: Recommender, start: datetime, end: datetime, *, most: int | None = None) -> Judged:
    """Customers who bought before `start` and again in [start, end); at most about `most` of them, by hashed id."""
    bar = sample_bar(engine, start, most * 4) if most else "~"
    products = pa.array(model.products, pa.string())
    put_codes(engine, products)
    known = engine.query(history_select(), as_of=start, bar=bar).sort_by("customer")
    engine.drop("recommend_items")
    after = engine.query(
        "SELECT customer, product FROM events WHERE kind = 'purchase' AND product IS NOT NULL AND customer IS NOT NULL"
        " AND occurred_at >= $start AND occurred_at < $end AND substr(md5(customer), 1, 8) < $bar"
        " GROUP BY customer, product ORDER BY customer, product", start=start, end=end, bar=bar)
    known = known.filter(pc.is_in(known["customer"], value_set=pc.unique(after["customer"])))
    known = known.slice(0, most) if most else known
    return _judged(known, after, products)


def _judged(known: pa.Table, after: pa.Table, products: pa.Array) -> Judged:
    from scipy import sparse
    person = pc.index_in(after["customer"], value_set=known["customer"].combine_chunks()).fill_null(-1).to_numpy()
    code = pc.index_in(after["product"], value_set=products).fill_null(-1).to_numpy()
    bought = np.bincount(person[person >= 0], minlength=known.num_rows)
    both = (person >= 0) & (code >= 0)
    relevant = sparse.csr_matrix((np.ones(both.sum()), (person[both], code[both])), shape=(known.num_rows, len(products)))
    return Judged(known["customer"], unpack(known["items"]), relevant, bought)


def gains(judged: Judged, best: Top, k: int) -> Gains:
    """Compare each person's list with what was bought."""
    person, rank, code, _ = best
    n = len(judged.bought)
    n_products = judged.relevant.shape[1]
    hit = _among(person * n_products + code, judged.wanted)
    owned = _among(person * n_products + code, judged.owned)
    hits = np.bincount(person, weights=hit, minlength=n)
    hits_new = np.bincount(person, weights=hit & ~owned, minlength=n)
    gain = np.bincount(person, weights=hit / np.log2(rank + 1.0), minlength=n)
    ideal = np.cumsum(1 / np.log2(np.arange(2, k + 2)))[np.minimum(judged.bought, k) - 1]
    return Gains(hits.astype(np.int64), hits_new.astype(np.int64), judged.bought - _old(judged), hits / judged.bought,
                 gain / ideal)


def _old(judged: Judged) -> Ints:
    """Products bought in the window that the person had bought before."""
    again = _among(judged.wanted, judged.owned)
    person = judged.wanted // judged.relevant.shape[1]
    return np.bincount(person, weights=again, minlength=len(judged.bought)).astype(np.int64)


def _among(keys: Ints, known: Ints) -> npt.NDArray[np.bool_]:
    """Whether each key is among the known ones, which are in order."""
    if not len(known):
        return np.zeros(len(keys), dtype=bool)
    found: npt.NDArray[np.bool_] = known[np.minimum(np.searchsorted(known, keys), len(known) - 1)] == keys
    return found
