"""Finding ids that are one person: by exact keys, and by probability when asked. Proposes; `record` puts in force."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select

from brandloom.govern.identity.exact import SetAside, same_keys, strength
from brandloom.govern.identity.merges import Match, list_merges
from brandloom.govern.identity.probable import MERGE, REVIEW, score_pairs
from brandloom.govern.identity.traits import Traits, known_alike, names_differ, traits
from brandloom.govern.persons import components
from brandloom.govern.rows import chunks
from brandloom.govern.vault import Vault
from brandloom.ledger import Ledger
from brandloom.ledger.schema import people

MOST_OF_A_PERSON = 20
"""Ids that matching gives one person; a longer chain has a weak link that a person should find."""
Why = Literal["names_differ", "undone", "chain", "unsure"]


@dataclass(frozen=True)
class Doubt(Match):
    """Two ids that may be one person, for a person to decide."""

    why: Why = "unsure"
    """names_differ: a key joins them, their names do not; undone: merging them was taken back before; chain: too many ids would become
    one; unsure: the probability is neither high nor low, or nothing tells the two from relatives under one roof."""


@dataclass(frozen=True)
class Found:
    """What matching proposes."""

    ids: int
    """Ids with a record in the vault."""
    matches: tuple[Match, ...]
    """To be put in force; none of them joins two that are joined already."""
    review: tuple[Doubt, ...]
    set_aside: tuple[SetAside, ...]
    expected_false: float
    """How many of the probable matches are expected to be wrong, the sum of 1 - probability."""


def find_matches(ledger: Ledger, vault: Vault, *, probable: bool = False, calling_code: str = "", seed: int = 0) -> Found:
    """Look for ids in the vault that are one person.

    Args:
        probable: also by probability, from everything known of them.
        calling_code: of the shop's country ('44'), for phones that are written without one.
        seed: of the sample of pairs by which chance agreement is estimated.
    """
    with ledger.read() as connection:
        ids = sorted(connection.execute(select(people.c.customer)).scalars())
    known = {person.customer: traits(person, calling_code=calling_code) for chunk in chunks(ids) for person in vault.records(chunk).values()}
    merged = list_merges(ledger)
    joining = _Joining(known, [(one.customer, one.other) for one in merged if one.undone_at is None],
                       [(one.customer, one.other) for one in merged if one.undone_at is not None])
    pairs, aside = same_keys(list(known.values()))
    for (one, other), rule in sorted(pairs.items(), key=lambda item: (strength(item[1]), item[0])):
        joining.offer(Match(one, other, rule))
    if probable:
        scored = score_pairs(list(known.values()), seed=seed)
        for one, other, probability in sorted(scored, key=lambda row: (-row[2], row[:2])):
            joining.offer(Match(one, other, "probable", probability))
    expected = sum(1 - one.probability for one in joining.matches if one.probability is not None)
    return Found(len(known), tuple(joining.matches), tuple(joining.review()), tuple(aside), expected)


class _Joining:
    """Takes matches, the strongest first, as long as nothing speaks against the person they would make."""

    def __init__(self, known: dict[str, Traits], merged: Iterable[tuple[str, str]], undone: Sequence[tuple[str, str]]) -> None:
        self._known = known
        self._person = components(merged)
        self._ids: dict[str, set[str]] = {}
        for customer, person in self._person.items():
            self._ids.setdefault(person, set()).add(customer)
        self._undone: dict[str, set[str]] = {}
        for one, other in undone:
            self._undone.setdefault(one, set()).add(other)
            self._undone.setdefault(other, set()).add(one)
        self.matches: list[Match] = []
        self._doubts: list[Doubt] = []

    def offer(self, match: Match) -> None:
        mine, theirs = self._all(match.customer), self._all(match.other)
        if mine is theirs:
            return
        if why := self._objection(match, mine, theirs):
            self._doubts.append(Doubt(match.customer, match.other, match.rule, match.probability, why))
            return
        self.matches.append(match)
        mine |= theirs
        for customer in theirs:
            self._person[customer] = self._person[match.customer]
        self._ids[self._person[match.customer]] = mine

    def review(self) -> list[Doubt]:
        """Doubts about ids that are not one person after all was taken, each pair of ids once."""
        seen: dict[tuple[str, str], Doubt] = {}
        for one in self._doubts:
            if self._person[one.customer] != self._person[one.other]:
                seen.setdefault((one.customer, one.other), one)
        return list(seen.values())

    def _all(self, customer: str) -> set[str]:
        return self._ids.setdefault(self._person.setdefault(customer, customer), {customer})

    def _objection(self, match: Match, mine: set[str], theirs: set[str]) -> Why | None:
        if any(self._undone.get(customer, set()) & theirs for customer in mine):
            return "undone"
        if match.probability is not None and (match.probability < MERGE or not known_alike(self._known[match.customer], self._known[match.other])):
            return "unsure"
        if any(names_differ(self._known[one], self._known[other]) for one in mine for other in theirs
               if one in self._known and other in self._known):
            return "names_differ"
        return "chain" if len(mine) + len(theirs) > MOST_OF_A_PERSON else None


__all__ = ["MERGE", "REVIEW", "Doubt", "Found", "find_matches"]
