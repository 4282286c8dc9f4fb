"""How much two texts say the same, by the pairs and triples of characters they share."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from math import sqrt


def similarity(one: Mapping[str, str | Sequence[str]], other: Mapping[str, str | Sequence[str]], *, ignore: Sequence[str] = ()) -> float:
    """Cosine of the two texts' n-gram counts, from 0 to 1.

    Args:
        ignore: names that every variant must hold; they are taken out first.
    """
    first, second = (_grams(_joined(copy), ignore) for copy in (one, other))
    shared = sum(count * second[gram] for gram, count in first.items())
    norm = sqrt(sum(count * count for count in first.values()) * sum(count * count for count in second.values()))
    return shared / norm if norm else 0.0


def mean_similarity(copies: Sequence[Mapping[str, str | Sequence[str]]], *, ignore: Sequence[str] = ()) -> float | None:
    """Mean over all pairs; None with fewer than two texts."""
    pairs = [similarity(one, other, ignore=ignore) for one, other in combinations(copies, 2)]
    return sum(pairs) / len(pairs) if pairs else None


def _joined(copy: Mapping[str, str | Sequence[str]]) -> str:
    return " ".join(value if isinstance(value, str) else " ".join(value) for value in copy.values())


def _grams(text: str, ignore: Sequence[str]) -> Counter[str]:
    for name in ignore:
        text = text.replace(name, " ")
    text = " ".join(re.sub(r"[^\w]+", " ", text.casefold()).split())
    chinese = len(re.findall("[\u4e00-\u9fff]", text)) > len(text) / 4
    size = 2 if chinese else 4
    text = text.replace(" ", "") if chinese else text
    return Counter(text[at:at + size] for at in range(max(1, len(text) - size + 1)))
