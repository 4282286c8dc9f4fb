"""Exact keys: ids with the same e-mail, phone, id number or account are one person, unless something speaks against it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from brandloom.govern.identity.traits import Traits, is_placeholder, is_role

MOST_IDS = 5
"""Ids that one key may join; more are a household, an office or a placeholder, and nobody's own."""
_ORDER = ("id_number", "account", "email", "phone")


@dataclass(frozen=True)
class SetAside:
    """A key that joins nobody, because it is no one person's."""

    kind: str
    ids: int
    why: str
    """many (more than `MOST_IDS` ids), role (info@) or placeholder (123456789)."""


def keys_of(one: Traits) -> Iterator[tuple[str, str]]:
    """Kind and value of each exact key."""
    for kind in ("id_number", "email", "phone"):
        if value := getattr(one, kind):
            yield kind, value
    for account in one.accounts:
        yield "account", account


def same_keys(people: Sequence[Traits]) -> tuple[dict[tuple[str, str], str], list[SetAside]]:
    """Pairs of ids that share a key, with the kinds of key joined by +, and the keys that were set aside, largest first."""
    groups: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in people:
        for key in keys_of(one):
            groups[key].add(one.customer)
    kinds: dict[tuple[str, str], set[str]] = defaultdict(set)
    aside: list[SetAside] = []
    for (kind, value), ids in groups.items():
        if len(ids) < 2:
            continue
        if why := _unfit(kind, value, len(ids)):
            aside.append(SetAside(kind, len(ids), why))
            continue
        for one_id, other in combinations(sorted(ids), 2):
            kinds[one_id, other].add(kind)
    pairs = {pair: "+".join(sorted(found, key=_ORDER.index)) for pair, found in kinds.items()}
    return pairs, sorted(aside, key=lambda one: (-one.ids, one.kind, one.why))


def strength(rule: str) -> tuple[int, int]:
    """Sorts rules, the strongest first: more kinds of key, then the kind that is hardest to share."""
    kinds = rule.split("+")
    return -len(kinds), _ORDER.index(kinds[0]) if kinds[0] in _ORDER else len(_ORDER)


def _unfit(kind: str, value: str, ids: int) -> str:
    if kind == "email" and is_role(value):
        return "role"
    if kind == "phone" and is_placeholder(value):
        return "placeholder"
    return "many" if ids > MOST_IDS else ""
