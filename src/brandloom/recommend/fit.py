"""Fitting: what goes together, what is popular, how to weigh the three pieces of evidence, and how to order what they find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product as combinations
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from brandloom.engine import Engine, read_sql
from brandloom.errors import NotFittedError
from brandloom.i18n import _
from brandloom.recommend.history import (
    MAX_ITEMS,
    SELLABLE_DAYS,
    Floats,
    Histories,
    Ints,
    history_select,
    put_codes,
    read_items,
    sample_bar,
    unpack,
)
from brandloom.recommend.measures import bought_after, gains
from brandloom.recommend.model import (
    POPULAR_HALF_LIFE_DAYS,
    STEADY_HALF_LIFE_DAYS,
    Recommender,
    Weights,
    histories_matrix,
    recent_weight,
    top,
)
from brandloom.recommend.ranking import Ranking, fit_ranking

Progress = Callable[[float], None]  # share done, 0 to 1
NEIGHBOURS = 100  # kept per product
TUNE_DAYS = 30  # the weights are chosen on what people bought in the days before `as_of`
_FIT_CUSTOMERS = 20_000  # a sample by hashed id: beyond it, which products go together changes no more
_TUNE_CUSTOMERS = 1_500
_FEWEST_JUDGED = 30  # with fewer people the best blend is the luckiest one
_GRID = {"together": (0.0, 0.3, 0.6, 1.0), "popular": (0.05, 0.2, 0.4, 0.8)}


def fit(engine: Engine, as_of: datetime, *, progress: Progress | None = None) -> Recommender:
    """Learn from purchases before `as_of`.

    The weights are chosen on an earlier date: the model is fitted as of `TUNE_DAYS` before `as_of`, judged by NDCG at 10 on
    what was bought between the two, then fitted again with everything. So nothing at or after `as_of` is ever read. The same people
    teach the order of candidates, which is kept where it is better on people it was not taught by.

    Raises:
        NotFittedError: no product was bought before `as_of`.
    """
    report = progress or (lambda share: None)
    earlier = as_of - timedelta(days=TUNE_DAYS)
    weights, ranking = _tune(engine, earlier, as_of)
    report(0.6)
    model = fit_with(engine, as_of, weights or Weights())
    report(1.0)
    return replace(model, tuned_on=earlier if weights else None, ranking=ranking)


def fit_with(engine: Engine, as_of: datetime, weights: Weights) -> Recommender:
    """Fit with given weights; `fit` chooses them itself."""
    items = read_items(engine, as_of)
    if not items.num_rows:
        raise NotFittedError(_("No product was bought before {as_of}. Load orders first: "
                               "`brandloom load DIR orders.csv --as orders`."), as_of=as_of.date())
    products = tuple(items["product"].to_pylist())
    with coded(engine, items["product"]):
        rows = engine.query(history_select(), as_of=as_of, bar=sample_bar(engine, as_of, _FIT_CUSTOMERS))
    histories = unpack(rows.sort_by("customer")["items"]).latest(MAX_ITEMS)
    sold = items["sold"].to_numpy()
    popular, steady = popularity(engine, items["product"], as_of)
    return Recommender(as_of=as_of, products=products, sold=sold, popular=popular, steady=steady, repeats=_repeats(histories, len(products)),
                       neighbours=_neighbours(histories, sold), weights=weights, tuned_on=None)


@contextmanager
def coded(engine: Engine, products: pa.ChunkedArray) -> Iterator[None]:
    """Products numbered in `recommend_items` inside the block."""
    put_codes(engine, products)
    try:
        yield
    finally:
        engine.drop("recommend_items")


def popularity(engine: Engine, products: pa.ChunkedArray, as_of: datetime) -> tuple[Floats, Floats]:
    """Customers who bought each product lately, faded by age with a short and a long memory, each scaled to 0..1 by its most popular one."""
    rows = engine.query(read_sql("recommend", "popular"), as_of=as_of, since=as_of - timedelta(days=SELLABLE_DAYS))
    code = pc.index_in(rows["product"], value_set=products.combine_chunks()).fill_null(-1).to_numpy()
    known = code >= 0
    short, long = (_scaled_counts(code[known], rows["buyers"].to_numpy()[known] * 0.5 ** (rows["age"].to_numpy()[known] / half_life), len(products))
                   for half_life in (POPULAR_HALF_LIFE_DAYS, STEADY_HALF_LIFE_DAYS))
    return short, long


def _scaled_counts(code: Ints, weight: Floats, n: int) -> Floats:
    counts = np.bincount(code, weights=weight, minlength=n)
    scaled: Floats = counts / max(counts.max(initial=0.0), 1e-12)
    return scaled


def _repeats(histories: Histories, n: int) -> Floats:
    """Share of each product's buyers who bought it on another day again, drawn to a quarter where few bought it."""
    buyers = np.bincount(histories.codes, minlength=n)
    again = np.bincount(histories.codes, weights=histories.times > 1, minlength=n)
    share: Floats = (again + 0.5) / (buyers + 2.0)
    return share


def _neighbours(histories: Histories, sold: Any) -> Any:
    """Products bought by the same people, recent ones counting more, each row cut to its strongest `NEIGHBOURS`.

    Co-purchase counts are divided by count^0.7 of the product bought and count^0.3 of the product recommended: leaning to
    popular neighbours, which a plain cosine punishes too much. A person's products count less the more of them there are.
    """
    n = len(sold)
    lengths = np.diff(histories.starts)
    shares = histories_matrix(histories, recent_weight(histories) / np.log1p(1.0 + lengths)[histories.rows], n)
    size = np.asarray(shares.multiply(shares).sum(axis=0)).ravel()
    size[size == 0] = 1.0
    left, right = sparse.diags(size ** -0.7), sparse.diags(size ** -0.3 * sold)
    step = max(1, 20_000_000 // max(n, 1))
    turned = (left @ shares.T).tocsr()
    blocks = [_strongest((turned[start:start + step] @ shares) @ right, start) for start in range(0, n, step)]
    return sparse.vstack(blocks, format="csr")


def _strongest(block: Any, start: int) -> Any:
    """Drop each product's link to itself and all but its strongest links; ties go to the lower product id."""
    block.sort_indices()
    columns, values, ends = [], [], [0]
    for row, (low, high) in enumerate(zip(block.indptr, block.indptr[1:], strict=False)):
        column, value = block.indices[low:high], np.round(block.data[low:high], 12)
        linked = (column != row + start) & (value > 0)
        column, value = column[linked], value[linked]
        if len(value) > NEIGHBOURS:
            last = np.partition(value, -NEIGHBOURS)[-NEIGHBOURS]
            kept = value > last
            kept[np.flatnonzero(value == last)[:NEIGHBOURS - int(kept.sum())]] = True
            column, value = column[kept], value[kept]
        columns.append(column)
        values.append(value)
        ends.append(ends[-1] + len(column))
    return sparse.csr_matrix((np.concatenate(values), np.concatenate(columns), np.array(ends)), shape=block.shape)


def _tune(engine: Engine, earlier: datetime, as_of: datetime) -> tuple[Weights | None, Ranking | None]:
    """The blend for purchases from `earlier` up to `as_of` by NDCG at 10, and the order learned on top of it; None where too few can be judged.

    Another blend than the default is taken only if it is better by two standard errors of the paired difference: one month is
    a single season, and following its best blend blindly was worse in the next month than staying.
    """
    try:
        model = fit_with(engine, earlier, Weights())
    except NotFittedError:
        return None, None
    judged = bought_after(engine, model, earlier, as_of, most=_TUNE_CUSTOMERS)
    if len(judged.bought) < _FEWEST_JUDGED or judged.relevant.sum() == 0:
        return None, None
    histories = judged.histories.latest(MAX_ITEMS)
    again, together = model.evidence(histories)
    choices = [Weights(), Weights(0.0, 0.0, 1.0), Weights(0.0, 1.0, 0.2)]
    choices += [Weights(1.0, t, p) for t, p in combinations(_GRID["together"], _GRID["popular"])]
    found = [gains(judged, top(model.blend(again, together, w), 10), 10) for w in choices]
    best = int(np.argmax([round(float(values.ndcg.mean()), 9) for values in found]))
    difference = found[best].ndcg - found[0].ndcg
    chosen = best if difference.mean() > 2 * difference.std() / np.sqrt(len(difference)) else 0
    weights = choices[chosen]
    return weights, fit_ranking(replace(model, weights=weights), judged, found[chosen], histories)
