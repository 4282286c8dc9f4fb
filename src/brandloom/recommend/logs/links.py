"""Links between products, found in a log: which follows which, and which are taken by the same people."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from brandloom.recommend.history import Floats, Ints
from brandloom.recommend.logs.log import MOST_LINES, Log

STRONGEST = 200  # links kept per product
NEAR, FAR = 10, 50  # visits after which a product still counts as following
EXACT, RIDGE, LEAST = 6_000, 5.0, 1e-4  # products up to which EASE is exact, its penalty in mean buyers of a product, its least weight
HEEDED = 100  # lines that all those of a person with too many (`MOST_LINES`) count as
_PAIRS = 60_000_000  # of lines that are looked at; beyond it the window shrinks
_CELLS = 30_000_000  # of a block of products x products, at most


def find_links(log: Log) -> dict[str, Any]:
    """Sparse (n_products, n_products) by name, each row's strongest `STRONGEST`; row: taken, column: what it speaks for.

    follows  taken within the next `NEAR` visits, 1 / visits between
    next     taken at the very next visit
    later    taken any time within the next `FAR` visits
    surely   `follows` as a share of all that followed
    rarely   `follows` by the square root of how many take what follows
    before   `follows`, turned round
    alike    taken by the same people (cosine), a person counting less the more they took
    weighed  weights of a linear auto-encoder (EASE, Steck 2019): what a product adds to what the others say; for up to `EXACT` products
    """
    visits = sparse.csr_matrix((np.ones(len(log.codes), dtype=np.float32), (log.visit, log.codes)), shape=(len(log.visitor), len(log.products)))
    size = np.asarray(visits.sum(axis=1)).ravel()
    visits = (sparse.diags((1 / np.sqrt(np.maximum(size, 1))).astype(np.float32)) @ visits).tocsr()
    lines = max(len(log.codes), 1)
    near, far = (max(1, min(most, int(_PAIRS * scale / lines))) for most, scale in ((NEAR, 2), (FAR, 4)))
    sizes = np.diff(log.starts)
    heed = np.where(sizes < MOST_LINES, 1.0, HEEDED / np.maximum(sizes, 1))[log.visitor]  # of each visit
    turned = visits.T.tocsr()
    follows = strongest_links(turned, _after(log.visitor, 1 / np.arange(1, near + 1), heed) @ visits)
    people = log.matrix(1 / np.log1p(1.0 + np.diff(log.starts))[log.person])
    buyers = np.bincount(np.unique(log.person * len(log.products) + log.codes) % len(log.products), minlength=len(log.products))
    heard = np.asarray(follows.sum(axis=1)).ravel()
    length = np.sqrt(np.asarray(people.multiply(people).sum(axis=0)).ravel())
    shares = (people @ sparse.diags((1 / np.where(length > 0, length, 1)).astype(np.float32))).tocsr()
    exact = {"weighed": _autoencoder(log)} if len(log.products) <= EXACT else {}
    return {"follows": follows,
            "next": strongest_links(turned, _after(log.visitor, np.ones(1), heed) @ visits),
            "later": strongest_links(turned, _after(log.visitor, np.ones(far), heed) @ visits),
            "surely": (sparse.diags((1 / np.where(heard > 0, heard, 1)).astype(np.float32)) @ follows).tocsr(),
            "rarely": (follows @ sparse.diags((1 / np.sqrt(np.maximum(buyers, 1))).astype(np.float32))).tocsr(),
            "before": follows.T.tocsr(),
            "alike": strongest_links(shares.T.tocsr(), shares)} | exact


def strongest_links(left: Any, right: Any, *, least: float = 0.0) -> Any:
    """`left` @ `right` without the diagonal, cut to each row's strongest `STRONGEST` above `least`; block by block, so that memory stays flat."""
    n = left.shape[0]
    step = max(1, _CELLS // max(right.shape[1], 1))
    return sparse.vstack([_cut((left[start:start + step] @ right).tocsr(), start, least) for start in range(0, n, step)], format="csr")


def _autoencoder(log: Log) -> Any:
    """EASE: of all weights from products to products, none to itself, those that rebuild what people took best, small ones preferred."""
    taken = log.taken().astype(np.float64)
    together = (taken.T @ taken).toarray()
    together[np.diag_indices_from(together)] += RIDGE * max(together.diagonal().mean(), 1.0)
    inverse = np.linalg.inv(together)
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return _cut(sparse.csr_matrix(np.where(weights > LEAST, weights, 0).astype(np.float32)), 0, LEAST)


def _after(visitor: Ints, weight: Any, heed: Floats) -> Any:
    """Sparse (n_visits, n_visits): weight of each of the same person's next visits, times what the visit is worth."""
    n = len(visitor)
    rows, columns, values = [], [], []
    for gap, value in enumerate(weight, 1):
        same = np.flatnonzero(visitor[gap:] == visitor[:-gap]) if gap < n else np.empty(0, dtype=np.int64)
        rows.append(same)
        columns.append(same + gap)
        values.append((value * heed[same]).astype(np.float32))
    return sparse.csr_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=(n, n))


def _cut(block: Any, start: int, least: float) -> Any:
    """One block of rows, cut; equal links go to the product first in order."""
    block.sort_indices()
    columns, values, ends = [], [], [0]
    for row, (low, high) in enumerate(zip(block.indptr, block.indptr[1:], strict=False)):
        column, value = block.indices[low:high], block.data[low:high]
        linked = (column != row + start) & (value > least)
        column, value = column[linked], value[linked]
        if len(value) > STRONGEST:
            bar = np.partition(value, -STRONGEST)[-STRONGEST]
            kept = value > bar
            kept[np.flatnonzero(value == bar)[:STRONGEST - int(kept.sum())]] = True
            column, value = column[kept], value[kept]
        columns.append(column)
        values.append(value)
        ends.append(ends[-1] + len(column))
    return sparse.csr_matrix((np.concatenate(values), np.concatenate(columns), np.array(ends)), shape=block.shape)
