"""What people bought, as compact arrays: the only thing that fitting and scoring read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from brandloom.engine import Engine, read_sql, scalar

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SELLABLE_DAYS = 90  # a product nobody bought for this long is taken as no longer sold, unless the catalogue lists it
MAX_ITEMS = 100  # most recent products of a person that are used; a wholesaler may have bought thousands
_DAYS = 65_536  # of a packed purchase; what is older counts as so old


@dataclass(frozen=True)
class Histories:
    """Products bought, one row per (customer, product), customers together, most recent product first."""

    starts: Ints  # (n_customers + 1,) where each customer's rows begin
    codes: Ints  # position of the product in the item list
    age: Ints  # days since it was last bought
    times: Ints  # days on which it was bought
    first: Ints  # days since it was first bought
    visits: Ints  # (n_customers,) days on which anything known was bought

    @property
    def rows(self) -> Ints:
        """Number of the customer that each row belongs to."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    def latest(self, most: int) -> Histories:
        """The same with at most `most` products per customer, the most recent ones."""
        keep = np.arange(len(self.codes)) - np.repeat(self.starts[:-1], np.diff(self.starts)) < most
        starts = np.concatenate([[0], np.cumsum(np.minimum(np.diff(self.starts), most))])
        return Histories(starts, self.codes[keep], self.age[keep], self.times[keep], self.first[keep], self.visits)


def unpack(items: pa.ChunkedArray | pa.Array) -> Histories:
    """Read the lists of `history.sql`: product and days ago of each purchase in one whole number; -1 is an unknown product."""
    lists = items.combine_chunks() if isinstance(items, pa.ChunkedArray) else items
    packed = lists.flatten().to_numpy(zero_copy_only=False).astype(np.int64)
    rows = np.repeat(np.arange(len(lists)), lists.value_lengths().to_numpy(zero_copy_only=False))
    known = packed >= 0
    width = (int(packed.max(initial=0)) // _DAYS + 1) * _DAYS  # one number per customer, product and day
    keys = np.sort(rows[known] * width + packed[known])
    keys = keys[np.diff(keys, prepend=-1) != 0]  # several lines of one day count once
    first = np.flatnonzero(np.diff(keys // _DAYS, prepend=-1))  # the latest day of each customer and product
    times = np.diff(first, append=len(keys))
    oldest = keys[np.append(first[1:], len(keys)) - 1] % _DAYS if len(first) else first
    days = np.unique(keys // width * _DAYS + keys % _DAYS)
    visits = np.bincount(days // _DAYS, minlength=len(lists))
    rows, packed = np.divmod(keys[first], width)
    age = packed % _DAYS
    most = int(times.max(initial=1))
    order = np.argsort((rows * _DAYS + age) * (most + 1) + most - times, kind="stable")  # latest, then most often, then by code
    starts = np.searchsorted(rows, np.arange(len(lists) + 1))
    return Histories(starts, packed[order] // _DAYS, age[order], times[order], oldest[order], visits)


def history_select() -> str:
    """The SELECT that gives one row per customer; needs `$as_of`, `$bar` and the table `recommend_items`."""
    return read_sql("recommend", "history")


def read_items(engine: Engine, as_of: datetime) -> pa.Table:
    """Every product known at `as_of`, in order of its id, with whether it can still be recommended."""
    return engine.query(read_sql("recommend", "items"), as_of=as_of, since=as_of - timedelta(days=SELLABLE_DAYS))


def put_codes(engine: Engine, products: pa.Array) -> None:
    """Number the products for `history.sql`: table `recommend_items`, dropped when the work is done."""
    engine.put("recommend_items", pa.table({"product": products, "code": pa.array(np.arange(len(products), dtype=np.int64))}))


def sample_bar(engine: Engine, as_of: datetime, most: int) -> str:
    """Eight hexadecimal digits below which about `most` customers' hashed ids fall; '~' keeps everyone."""
    known = scalar(engine, "SELECT count(DISTINCT customer) AS n FROM events WHERE kind = 'purchase' AND occurred_at < $as_of",
                   as_of=as_of)
    share = most / max(int(str(known)), 1)
    return "~" if share >= 1 else format(int(share * 16**8), "08x")
