"""Links between products, found in a log: which follows which, and which are taken by the same people."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from scipy import sparse
from sparse_dot_topn import sp_matmul_topn

from brandloom.recommend.history import Floats
from brandloom.recommend.logs.log import MOST_LINES, Log

STRONGEST = 200  # links kept per product
NEAR, FAR = 10, 50  # visits after which a product still counts as following
EXACT, RIDGE, LEAST = 6_000, 5.0, 1e-4  # products up to which EASE is exact, its penalty in mean buyers of a product, its least weight
HEEDED = 100  # lines that all those of a person with too many (`MOST_LINES`) count as
_PAIRS = 60_000_000  # of lines that are looked at; beyond it the window shrinks
_BLOCK = 20_000_000  # pairs of a line and a later visit at once


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
    steps = _Steps(log, visits)
    follows = steps.links(1 / np.arange(1, near + 1))
    sizes = np.diff(log.starts)
    people = log.matrix(1 / np.log1p(1.0 + sizes)[log.person])
    buyers = np.bincount(np.unique(log.person * len(log.products) + log.codes) % len(log.products), minlength=len(log.products))
    heard = np.asarray(follows.sum(axis=1)).ravel()
    length = np.sqrt(np.asarray(people.multiply(people).sum(axis=0)).ravel())
    shares = (people @ sparse.diags((1 / np.where(length > 0, length, 1)).astype(np.float32))).tocsr()
    exact = {"weighed": _autoencoder(log)} if len(log.products) <= EXACT else {}
    return {"follows": follows,
            "next": steps.links(np.ones(1)),
            "later": steps.links(np.ones(far)),
            "surely": (sparse.diags((1 / np.where(heard > 0, heard, 1)).astype(np.float32)) @ follows).tocsr(),
            "rarely": (follows @ sparse.diags((1 / np.sqrt(np.maximum(buyers, 1))).astype(np.float32))).tocsr(),
            "before": follows.T.tocsr(),
            "alike": strongest_links(shares.T.tocsr(), shares)} | exact


def strongest_links(left: Any, right: Any, *, least: float = 0.0, first: int = 0) -> Any:
    """`left` @ `right` without the diagonal, cut to each row's strongest `STRONGEST` above `least`; memory stays that of the result.

    Args:
        first: product of the first row, where `left` is a part of the rows.
    """
    found = sp_matmul_topn(left, right, top_n=min(STRONGEST + 1, right.shape[1]), threshold=least, sort=True, n_threads=cores())
    row = np.repeat(np.arange(found.shape[0], dtype=np.int32), np.diff(found.indptr))
    linked = (found.indices != row + first) & (found.data > least)
    place = np.cumsum(linked, dtype=np.int32) - 1
    place -= np.concatenate([[0], np.cumsum(np.bincount(row[linked], minlength=found.shape[0]))])[:-1].astype(np.int32)[row]
    kept = linked & (place < STRONGEST)
    ends = np.cumsum(np.bincount(row[kept], minlength=found.shape[0]))
    cut = sparse.csr_matrix((found.data[kept], found.indices[kept], np.concatenate([[0], ends])), shape=found.shape)
    cut.sort_indices()
    return cut


class _Steps:
    """The lines of a log by product, each with the visits of the same person that came after it."""

    def __init__(self, log: Log, visits: Any) -> None:
        self.visits, self.products = visits, len(log.products)
        order = np.argsort(log.codes.astype(np.int32), kind="stable")
        self.starts = np.concatenate([[0], np.cumsum(np.bincount(log.codes, minlength=self.products))])
        self.visit = log.visit[order].astype(np.int32)
        person = log.person[order]
        self.left = (np.searchsorted(log.visitor, np.arange(len(log.people)), side="right") - 1)[person] - self.visit
        sizes = np.diff(log.starts)
        heed = np.where(sizes < MOST_LINES, 1.0, HEEDED / np.maximum(sizes, 1))
        self.worth = (heed[person] / np.sqrt(np.bincount(log.visit, minlength=visits.shape[0]))[self.visit]).astype(np.float32)

    def links(self, weight: Floats) -> Any:
        """From each product to what was taken at the next visits; each gap has its weight, times what the line is worth."""
        after = np.minimum(self.left, len(weight))
        pairs = np.concatenate([[0], np.cumsum(after)])[self.starts]  # before each product
        parts, low = [], 0
        while low < self.products:
            high = max(low + 1, int(np.searchsorted(pairs, pairs[low] + _BLOCK, side="right")) - 1)
            lines = slice(self.starts[low], self.starts[high])
            many = after[lines]
            gap = np.arange(int(many.sum())) - np.repeat(np.cumsum(many) - many, many)
            value = weight.astype(np.float32)[gap] * np.repeat(self.worth[lines], many)
            later = (np.repeat(self.visit[lines] + 1, many) + gap).astype(np.int32)
            left = sparse.csr_matrix((value, later, pairs[low:high + 1] - pairs[low]), shape=(high - low, self.visits.shape[0]))
            parts.append(strongest_links(left, self.visits, first=low))
            low = high
        return sparse.vstack(parts, format="csr")


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _autoencoder(log: Log) -> Any:
    """EASE: of all weights from products to products, none to itself, those that rebuild what people took best, small ones preferred."""
    taken = log.taken().astype(np.float64)
    together = (taken.T @ taken).toarray()
    together[np.diag_indices_from(together)] += RIDGE * max(together.diagonal().mean(), 1.0)
    inverse = np.linalg.inv(together)
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    k = min(STRONGEST, len(weights))
    best = np.argpartition(-weights, k - 1, axis=1)[:, :k]
    value = np.take_along_axis(weights, best, axis=1)
    row, kept = np.arange(len(weights))[:, None] + 0 * best, value > LEAST
    links = sparse.csr_matrix((value[kept].astype(np.float32), (row[kept], best[kept])), shape=weights.shape)
    links.sort_indices()
    return links
