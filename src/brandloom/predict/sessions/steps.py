"""Visits cut from the stream of events, and what is known of each step from those before it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from brandloom.engine import Engine, read_sql
from brandloom.predict.features import Floats

Ints = npt.NDArray[np.int64]
KINDS = ("view", "search", "favourite", "cart", "click", "purchase", "other")
GAP_MINUTES = 30
"""Minutes without a step after which a visit is over, as web analytics count (Google Analytics, Adobe)."""
MOST_STEPS = 60
"""Steps of a visit that are read; later ones tell little and cost much."""
_DAYS_FOR_HOURS = 3
PURCHASE = KINDS.index("purchase")


@dataclass(frozen=True)
class Steps:
    """Steps of visits, sorted by visit and time; (n,) each.

    `visit` numbers the visits from 0, `place` the steps within one; `since` and `gap` are seconds since the visit's first step and
    since the step before; `seen` counts earlier steps of the visit with this product; `bought_before` the visitor's earlier purchases
    in the window, before this visit; `follows` is 1 where a purchase follows in the same visit.
    """

    visit: Ints
    place: Ints
    kind: Ints
    at: Floats
    """Seconds since 1970, UTC."""
    since: Floats
    gap: Floats
    seen: Floats
    products: Floats
    """Different products of the visit so far."""
    same_category: Floats
    price: Floats
    """Logarithm of the product's price above the shop's mean, in standard deviations; 0 where it is not known."""
    hour: Floats
    """Hour of the day in UTC; 0 where all steps lie within three days, which cannot tell it from a trend."""
    bought_before: Floats
    follows: Floats
    customer: npt.NDArray[np.object_]
    """(visits,) id, or None for a visitor without one."""

    def __len__(self) -> int:
        return len(self.kind)

    def __repr__(self) -> str:
        return f"Steps({len(self)} of {len(self.customer)} visits)"

    @property
    def starts(self) -> Floats:
        """(visits,) seconds since 1970."""
        return np.asarray(self.at[self.place == 0])

    def of_visits(self, kept: npt.NDArray[np.bool_]) -> Steps:
        """Those of some visits, numbered anew; `kept` is (visits,)."""
        rows = kept[self.visit]
        number = np.cumsum(kept) - 1
        taken = {one.name: getattr(self, one.name)[rows] for one in fields(self) if one.name not in ("visit", "customer")}
        return Steps(visit=number[self.visit[rows]], customer=self.customer[kept], **taken)

    def finished(self, as_of: datetime) -> npt.NDArray[np.bool_]:
        """(visits,) whether so long has passed since the last step that the visit is over."""
        moment = (as_of - datetime(1970, 1, 1)).total_seconds()
        return np.asarray(self.at[self.ends()] < moment - 60 * GAP_MINUTES)

    def ends(self) -> Ints:
        """(visits,) place of each visit's last step."""
        return np.flatnonzero(np.r_[np.diff(self.visit) > 0, True]) if len(self) else np.empty(0, dtype=np.int64)


def read_sessions(engine: Engine, as_of: datetime, *, window_days: int = 90) -> Steps:
    """Visits in the `window_days` before `as_of`, in naive UTC; nothing at or after it is looked at.

    A visit is what shares the shop's own session id where it has one, else one customer's steps, cut where 30 minutes pass without one.
    """
    return cut_sessions(engine.query(read_sql("predict.sessions", "steps"), start=as_of - timedelta(days=window_days), as_of=as_of))


def cut_sessions(rows: pa.Table) -> Steps:
    """Visits of rows (visitor, customer, occurred_at, kind, product, category, price) sorted by visitor and time."""
    visitor, product, category = (_codes(rows[name]) for name in ("visitor", "product", "category"))
    at = pc.cast(rows["occurred_at"].cast(pa.timestamp("us")), pa.int64()).to_numpy().astype(np.float64) / 1e6
    kind = pc.fill_null(pc.index_in(rows["kind"], pa.array(KINDS[:-1])), len(KINDS) - 1).to_numpy().astype(np.int64)
    n = len(at)
    fresh = np.r_[True, (np.diff(visitor) != 0) | (np.diff(at) > 60 * GAP_MINUTES)] if n else np.empty(0, dtype=bool)
    visit, first = np.cumsum(fresh) - 1, np.flatnonzero(fresh)
    place = np.arange(n) - first[visit] if n else np.empty(0, dtype=np.int64)
    bought = (kind == PURCHASE).astype(np.float64)
    follows = _after(bought, visit, first)
    before = _before_visit(bought, visitor, first, visit)
    seen, different = _seen(visit, product)
    same = np.r_[0.0, (np.diff(category) == 0) & (category[1:] >= 0) & (place[1:] > 0)] if n else np.empty(0)
    whole = Steps(visit, place, kind, at, at - at[first][visit] if n else at, np.where(place > 0, np.r_[0.0, np.diff(at)][:n], 0.0), seen, different,
                  same, _price(rows["price"]), _hour(at), before, follows, np.array(rows["customer"].to_pylist(), dtype=object)[first])
    read = place < MOST_STEPS
    taken = {one.name: getattr(whole, one.name)[read] for one in fields(Steps) if one.name != "customer"}
    return Steps(customer=whole.customer, **taken)


def _codes(column: pa.ChunkedArray) -> Ints:
    """(n,) number of each value, -1 for none."""
    coded = column.combine_chunks().dictionary_encode()
    return np.asarray(pc.fill_null(coded.indices, -1).to_numpy(), dtype=np.int64)


def _after(bought: Floats, visit: Ints, first: Ints) -> Floats:
    """(n,) 1 where a later step of the visit is a purchase."""
    total = np.add.reduceat(bought, first) if len(bought) else bought
    so_far = np.cumsum(bought) - (np.cumsum(bought)[first] - bought[first])[visit] if len(bought) else bought
    return np.asarray((total[visit] - so_far > 0) if len(bought) else bought, dtype=np.float64)


def _before_visit(bought: Floats, visitor: Ints, first: Ints, visit: Ints) -> Floats:
    """(n,) purchases of the visitor before this visit."""
    if not len(bought):
        return bought
    so_far = np.cumsum(bought) - bought
    own = np.flatnonzero(np.r_[True, np.diff(visitor) != 0])
    start = own[np.searchsorted(own, np.arange(len(bought)), side="right") - 1]
    return np.asarray(so_far[first][visit] - so_far[start])


def _seen(visit: Ints, product: Ints) -> tuple[Floats, Floats]:
    """(n,) earlier steps of the visit with this product, and (n,) different products up to and with this step."""
    n = len(visit)
    order = np.lexsort((np.arange(n), product, visit))
    run = np.r_[True, (np.diff(visit[order]) != 0) | (np.diff(product[order]) != 0)] if n else np.empty(0, dtype=bool)
    begin = np.maximum.accumulate(np.where(run, np.arange(n), 0))
    seen = np.empty(n)
    seen[order] = np.arange(n) - begin
    seen[product < 0] = 0.0
    new = ((seen == 0) & (product >= 0)).astype(np.float64)
    first = np.flatnonzero(np.r_[True, np.diff(visit) != 0]) if n else np.empty(0, dtype=np.int64)
    counted = np.cumsum(new)
    return seen, counted - (counted[first] - new[first])[visit] if n else counted


def _hour(at: Floats) -> Floats:
    return np.asarray((at / 3600) % 24 if len(at) and np.ptp(at) >= 86400 * _DAYS_FOR_HOURS else np.zeros(len(at)))


def _price(column: pa.ChunkedArray) -> Floats:
    price = column.cast(pa.float64()).to_numpy()
    known = np.isfinite(price) & (price > 0)
    out = np.zeros(len(price))
    if known.sum() > 1:
        logs = np.log(price[known])
        out[known] = np.clip((logs - logs.mean()) / (logs.std() + 1e-9), -4, 4)
    return out
