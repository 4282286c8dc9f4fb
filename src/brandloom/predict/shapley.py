"""Exact Shapley values of small trees, read from tables.

A tree of eight leaves has seven splits, so a row is one of 128 patterns of left and right. The values of every pattern are worked
out once, from the definition; a row then only looks its pattern up. TreeSHAP would walk every tree for every row, which took most
of the time of scoring a shop.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import factorial
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """One question of a tree: left where `feature` <= `threshold`; `missing_left` where there is no value."""

    feature: int
    threshold: float
    missing_left: bool


@dataclass(frozen=True)
class PatternTable:
    """One tree: `parts[pattern, k]` is the Shapley value of `features[k]` where bit j of `pattern` says that split j goes left."""

    splits: tuple[Split, ...]
    features: tuple[int, ...]
    parts: Floats
    base: float

    def patterns(self, columns: Floats, missing: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
        """(n,) from (features, n) values and where they are missing."""
        found = np.zeros(columns.shape[1], dtype=np.uint8)
        for split in reversed(self.splits):
            left = columns[split.feature] <= split.threshold  # never true where missing
            if split.missing_left:
                left |= missing[split.feature]
            found += found
            found |= left.view(np.uint8)
        return found


def pattern_table(tree: dict[str, Any]) -> PatternTable:
    """The table of one tree of LightGBM's `dump_model`; memory grows as 2^splits.

    What a tree says without knowing a feature is the mean of both sides, weighted by the training rows that went there.
    Source: Lundberg et al. 2018, path-dependent expectations.
    """
    root = tree["tree_structure"]
    splits = splits_of(root)
    features = tuple(sorted({split.feature for split in splits}))
    known = np.arange(2 ** len(features))[None, :]
    value = np.broadcast_to(_expected(root, np.arange(2 ** len(splits))[:, None], known, features), (2 ** len(splits), known.size))
    parts = np.zeros((len(value), len(features)))
    for k in range(len(features)):
        without = np.flatnonzero((known[0] >> k) & 1 == 0)
        size = np.array([int(subset).bit_count() for subset in without])
        share = np.array([factorial(s) * factorial(len(features) - s - 1) / factorial(len(features)) for s in size])
        parts[:, k] = ((value[:, without + (1 << k)] - value[:, without]) * share).sum(axis=1)
    return PatternTable(splits, features, np.asfortranarray(parts), float(value[0, 0]))


def splits_of(root: dict[str, Any]) -> tuple[Split, ...]:
    """The questions of a tree of `dump_model`, by LightGBM's own number of each."""
    nodes = sorted(_inner(root), key=lambda node: int(node["split_index"]))
    return tuple(Split(int(n["split_feature"]), float(n["threshold"]), _missing_left(n)) for n in nodes)


def shapley_values(tables: tuple[PatternTable, ...], x: Floats) -> tuple[Floats, float]:
    """(n, features) parts, summed over the trees, and the base: base + the sum of a row's parts is what the trees say of it."""
    columns = np.ascontiguousarray(x.T)
    missing = np.isnan(columns)
    parts, said = np.zeros_like(columns), np.empty(len(x))
    for table in tables:
        pattern = table.patterns(columns, missing)
        for k, feature in enumerate(table.features):
            np.take(table.parts[:, k], pattern, out=said, mode="clip")  # never outside; checking it takes four times as long
            parts[feature] += said
    return np.ascontiguousarray(parts.T), float(sum(table.base for table in tables))


def _expected(node: dict[str, Any], pattern: Ints, known: Ints, features: tuple[int, ...]) -> Any:
    """(patterns, subsets of known features) what the tree says below this node."""
    if "leaf_value" in node:
        return float(node["leaf_value"])
    left, right = (_expected(node[side], pattern, known, features) for side in ("left_child", "right_child"))
    rows = [_rows(node[side]) for side in ("left_child", "right_child")]
    goes_left = (pattern >> int(node["split_index"])) & 1 == 1
    is_known = (known >> features.index(int(node["split_feature"]))) & 1 == 1
    return np.where(is_known, np.where(goes_left, left, right), (rows[0] * left + rows[1] * right) / sum(rows))


def _rows(node: dict[str, Any]) -> int:
    return int(node["leaf_count"] if "leaf_value" in node else node["internal_count"])


def _missing_left(node: dict[str, Any]) -> bool:
    # a split that saw no missing value in training takes one for 0
    return bool(node["default_left"]) if node["missing_type"] == "NaN" else float(node["threshold"]) >= 0.0


def _inner(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "leaf_value" not in node:
        yield node
        yield from _inner(node["left_child"])
        yield from _inner(node["right_child"])
