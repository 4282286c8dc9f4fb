"""Products that are alike by what is written about them: the only evidence for what nobody has bought yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from brandloom.errors import DataError
from brandloom.i18n import _
from brandloom.recommend.logs.links import strongest_links
from brandloom.recommend.names import terms

LEAST = 0.15  # cosine below which two products are not alike: a shared common word


def describe(table: pa.Table, *, product: str, columns: Sequence[str], products: pa.Array) -> Any:
    """Sparse (n_products, n_terms) of unit length: words of texts in English and Chinese, and members of lists, rare ones counting more.

    Args:
        table: one row per product, with text, number or list columns; products it does not hold have no terms.
        products: the ids that the rows of the result stand for.

    Raises:
        DataError: a column is absent.
    """
    for name in (product, *columns):
        if name not in table.column_names:
            raise DataError(_("No column {name}. Columns: {columns}."), name=repr(name), columns=", ".join(table.column_names))
    code = pc.index_in(table[product].combine_chunks().cast(pa.string()), value_set=products).fill_null(-1).to_pylist()
    numbers: dict[tuple[str, str], int] = {}
    rows, found = [], []
    for name in columns:
        for at, value in zip(code, table[name].to_pylist(), strict=True):
            for term in set(_terms(value)) if at >= 0 else ():
                rows.append(at)
                found.append(numbers.setdefault((name, term), len(numbers)))
    held = sparse.csr_matrix((np.ones(len(rows)), (rows, found)), shape=(len(products), max(len(numbers), 1)))
    held.data[:] = 1
    share = np.log(max(len(products), 1) / np.maximum(np.asarray(held.sum(axis=0)).ravel(), 1))
    weighed = held @ sparse.diags(share)
    length = np.sqrt(np.asarray(weighed.multiply(weighed).sum(axis=1)).ravel())
    unit = (sparse.diags(1 / np.where(length > 0, length, 1)) @ weighed).tocsr().astype(np.float32)
    unit.eliminate_zeros()
    return unit


def find_likeness(described: Any) -> Any:
    """Sparse (n_products, n_products) of the cosine of descriptions, each row's strongest above `LEAST`."""
    return strongest_links(described, described.T.tocsr(), least=LEAST)


def _terms(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, list):
        return [str(one) for one in value if one is not None]
    return list(Counter(terms(str(value)))) or [str(value).strip().lower()]
