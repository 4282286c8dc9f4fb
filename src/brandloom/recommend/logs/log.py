"""A log of who took which product when, from any table: what this package learns from and answers about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from brandloom.errors import DataError
from brandloom.i18n import _
from brandloom.recommend.history import Floats, Ints

MOST_LINES = 1_000  # latest lines of one person that are read: more come from machines, and would outvote everybody else


@dataclass(frozen=True)
class Log:
    """Lines of who took what, each person's together and in order of time; one line per person, moment and product.

    `clock`: whether `moment` (days) is comparable between people; otherwise it only orders the lines of one person.
    """

    people: pa.Array  # (n_people,) ids
    products: pa.Array  # (n_products,) ids, in order
    starts: Ints  # (n_people + 1,) where each person's lines begin
    codes: Ints  # (n_lines,) position in `products`
    moment: Floats  # (n_lines,)
    clock: bool
    crowded: tuple[str, ...] = ()  # people with more than `MOST_LINES`, of whom only the latest are here

    def __post_init__(self) -> None:
        if len(self.starts) != len(self.people) + 1:
            raise ValueError("starts needs one entry per person and one more")

    @cached_property
    def person(self) -> Ints:
        """(n_lines,) position in `people`."""
        return np.repeat(np.arange(len(self.people)), np.diff(self.starts))

    @cached_property
    def visit(self) -> Ints:
        """(n_lines,) number of the visit among all visits: lines of one person at one moment are one visit."""
        new = np.ones(len(self.codes), dtype=bool)
        new[1:] = (self.person[1:] != self.person[:-1]) | (self.moment[1:] != self.moment[:-1])
        return np.cumsum(new) - 1

    @cached_property
    def visitor(self) -> Ints:
        """(n_visits,) whose visit it is."""
        first = np.flatnonzero(np.diff(self.visit, prepend=-1))
        return self.person[first]

    @cached_property
    def steps(self) -> Ints:
        """(n_lines,) visits of the same person that came after it; 0 is the last one."""
        last = np.searchsorted(self.visitor, np.arange(len(self.people)), side="right") - 1
        return last[self.person] - self.visit

    def matrix(self, weight: npt.NDArray[Any] | None = None) -> Any:
        """Sparse (n_people, n_products) of the sum of `weight` per line; 1 where taken at all if there is none."""
        weight = np.ones(len(self.codes), dtype=np.float32) if weight is None else weight.astype(np.float32)
        found = sparse.csr_matrix((weight, self.codes, self.starts), shape=(len(self.people), len(self.products)))
        found.sum_duplicates()
        return found

    def taken(self) -> Any:
        """`matrix` of 0 and 1."""
        found = self.matrix()
        found.data[:] = 1
        return found

    def where(self, keep: npt.NDArray[np.bool_]) -> Log:
        """The lines that are kept, of the same people and products."""
        counts = np.bincount(self.person[keep], minlength=len(self.people))
        return replace(self, starts=np.concatenate([[0], np.cumsum(counts)]), codes=self.codes[keep], moment=self.moment[keep])

    def of(self, people: Ints) -> Log:
        """The lines of some people, in the order given."""
        sizes = np.diff(self.starts)[people]
        lines = np.repeat(self.starts[:-1][people] - np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes) + np.arange(sizes.sum())
        return replace(self, people=self.people.take(pa.array(people)), starts=np.concatenate([[0], np.cumsum(sizes)]),
                       codes=self.codes[lines], moment=self.moment[lines])


def read_log(table: pa.Table, *, person: str, product: str, order: str | None = None, clock: bool | None = None,
             products: pa.Array | None = None, only: pa.Array | None = None) -> Log:
    """Read a log from a table with one row per line; rows without a person, product or moment are left out.

    Args:
        order: column of numbers, dates or times; absent: the order of the rows.
        clock: whether its moments can be compared between people; by default they can where they are dates or times.
        products: known product ids besides those in the log (the catalogue).
        only: the products of a model that is to answer about the log: lines of others are left out.

    Raises:
        DataError: a column is absent, moments are text, or no row is complete.
    """
    for name in (person, product, *([order] if order else [])):
        if name not in table.column_names:
            raise DataError(_("No column {name}. Columns: {columns}."), name=repr(name), columns=", ".join(table.column_names))
    moment, is_time = _moments(table[order], order) if order else (np.arange(table.num_rows, dtype=float), False)
    people, items = (table[name].combine_chunks().cast(pa.string()) for name in (person, product))
    known = pc.and_(people.is_valid(), items.is_valid()).to_numpy(zero_copy_only=False) & np.isfinite(moment)
    if not known.any():
        raise DataError(_("No row has all of {columns}."), columns=", ".join([person, product, *([order] if order else [])]))
    people, items, moment = people.filter(pa.array(known)), items.filter(pa.array(known)), moment[known]
    ids = pc.unique(pa.concat_arrays([items, products.cast(pa.string())]) if products is not None else items)
    ids, names = (values.take(pc.array_sort_indices(values)) for values in (ids, pc.unique(people)))
    ids = ids if only is None else only
    who = pc.index_in(people, value_set=names).to_numpy().astype(np.int64)
    what = pc.index_in(items, value_set=ids).fill_null(-1).to_numpy().astype(np.int64)
    who, what, moment = who[what >= 0], what[what >= 0], moment[what >= 0]
    sorting = np.lexsort((what, moment, who))
    who, what, moment = who[sorting], what[sorting], moment[sorting]
    fresh = np.ones(len(who), dtype=bool)
    fresh[1:] = (who[1:] != who[:-1]) | (what[1:] != what[:-1]) | (moment[1:] != moment[:-1])
    who, what, moment = who[fresh], what[fresh], moment[fresh]
    counts = np.bincount(who, minlength=len(names))
    place = np.cumsum(counts)[who] - np.arange(len(who))  # 1 is a person's latest line
    late = place <= MOST_LINES
    crowded = tuple(names.take(pa.array(np.flatnonzero(counts > MOST_LINES))).to_pylist())
    starts = np.concatenate([[0], np.cumsum(np.minimum(counts, MOST_LINES))])
    return Log(names, ids, starts, what[late], moment[late], is_time if clock is None else clock, crowded)


def log_of(products: pa.Array, histories: Sequence[Sequence[str]], *, clock: bool = False) -> tuple[Log, tuple[str, ...]]:
    """What some unnamed people took lately, oldest first (the clicks of a session), and the ids that nobody knows.

    Each product is a visit of its own; a repeated one counts at its latest place.
    """
    flat = [item for history in histories for item in history]
    found = pc.index_in(pa.array(flat, pa.string()), value_set=products).fill_null(-1).to_numpy().astype(np.int64)
    lengths = np.array([len(history) for history in histories], dtype=np.int64)
    person = np.repeat(np.arange(len(histories)), lengths)
    moment = np.arange(len(flat)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    known = found >= 0
    kept = Log(pa.array([str(n) for n in range(len(histories))], pa.string()), products,
               np.concatenate([[0], np.cumsum(np.bincount(person[known], minlength=len(histories)))]), found[known],
               moment[known].astype(float), clock)
    return kept, tuple(dict.fromkeys(one for one, ok in zip(flat, known, strict=True) if not ok))


def _moments(column: pa.ChunkedArray, name: str) -> tuple[Floats, bool]:
    """Moments as numbers (days where they are dates or times; NaN where absent), and whether they are."""
    values = column.combine_chunks()
    if pa.types.is_temporal(values.type):
        micro = values.cast(pa.timestamp("us")).cast(pa.int64())
        days: Floats = micro.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False) / 86_400e6
        return days, True
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        numbers: Floats = values.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False)
        return numbers, False
    raise DataError(_("Column {name} is text: the order needs numbers, dates or times."), name=repr(name))
