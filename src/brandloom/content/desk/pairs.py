"""Preference pairs: what people changed, sent back and approved, and what readers clicked, as examples for training.

The form is the field's: `prompt` as messages, `chosen` and `rejected` as the model's turn, one JSON object a line. Source: Rafailov et al.
2023 (direct preference optimisation).
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Any

from brandloom.content.desk.book import Piece, Result, Version, pick, plain_parts, read_decisions, read_pieces, read_results, read_versions
from brandloom.content.desk.compare import changed
from brandloom.content.studio import Gate
from brandloom.content.studio.gate import Copy
from brandloom.content.studio.prompts import angles, conversation
from brandloom.i18n import _
from brandloom.ledger import Ledger

SURE = 0.9
"""Probability from which results count as a preference."""
SOURCES = {"check": _("a check refused it and the next version passed"), "edit": _("a person changed it"),
           "rejection": _("a person sent it back and later approved another version"),
           "choice": _("of two texts of one brief, one was approved and the other was not"), "clicks": _("readers clicked it more often"),
           "conversions": _("readers bought more often after it")}


@dataclass(frozen=True)
class Pair:
    """Two texts for one request, the better one first."""

    piece: str
    brand: str
    language: str
    format: str
    prompt: tuple[dict[str, str], ...]
    chosen: Copy
    rejected: Copy
    source: str
    """A key of `SOURCES`."""
    strength: float
    """How sure it is that `chosen` is better, above 0 to 1. For results the probability; a check and a rejection are 1; a choice between
    whole texts 0.8; an edit 0.5 and half the share of the words it changed, for a slip of the pen says less than a rewriting."""
    request: str
    """SHA-256 of the brief; pairs of one request say the same thing more than once."""
    at: datetime
    """When the later of the two texts was written, in UTC."""

    def to_dict(self) -> dict[str, Any]:
        return {"prompt": list(self.prompt), "chosen": _turn(self.chosen), "rejected": _turn(self.rejected), "source": self.source,
                "strength": round(self.strength, 4), "brand": self.brand, "lang": self.language, "format": self.format, "piece": self.piece,
                "request": self.request, "at": self.at.isoformat()}


def read_pairs(ledger: Ledger, *, brand: str | None = None) -> list[Pair]:
    """All preferences of a workspace or one of its brands, in order of request and version; the same ledger gives the same pairs."""
    with ledger.read() as connection:
        pieces = sorted(read_pieces(connection, brand=brand), key=lambda one: (one.created_at, one.id))
        versions = {one.id: read_versions(connection, one) for one in pieces}
        sent_back = {one.id: {item.version for item in read_decisions(connection, one) if item.decision == "rejected"} for one in pieces}
        results = {one.id: read_results(connection, one) for one in pieces}
    found = [pair for one in pieces for pair in _within(one, versions[one.id], sent_back[one.id])]
    siblings: dict[tuple[str, str], list[Piece]] = defaultdict(list)
    for one in pieces:
        siblings[one.brand, one.request].append(one)
    for group in siblings.values():
        # All texts of a plan go out, so that the approval of one is no choice.
        found += [] if group[0].campaign else _choices(group, versions)
        counted = [(one, version, own) for one in group for version in versions[one.id]
                   if (own := {item.source: item for item in results[one.id] if item.version == version.number})]
        for metric in ("clicks", "conversions"):
            found += _measured(counted, metric)
    # An edit of the shop's own sentences alone says nothing of the model's, nor does a part in which nothing else stands.
    return [one for one in found if one.chosen != one.rejected and all((*one.chosen.values(), *one.rejected.values()))]


def better(tests: Iterable[tuple[int, int, int, int]]) -> float:
    """Probability that the first rate is the higher one, by tests that showed both texts to readers drawn alike.

    Logits of rates, half a hit and half a miss added, are taken as normal with a flat prior; the differences of the tests are weighed by
    their precision. Rates of different tests are never compared with each other, for their readers differ.

    Args:
        tests: per test hits and times shown of the first text, then of the second.
    """
    total = precision = 0.0
    for hits, shown, other_hits, other_shown in tests:
        counts = [(hits + 0.5, shown - hits + 0.5), (other_hits + 0.5, other_shown - other_hits + 0.5)]
        own, other = (math.log(one / miss) for one, miss in counts)
        weight = 1 / sum(1 / one + 1 / miss for one, miss in counts)
        total, precision = total + weight * (own - other), precision + weight
    return 0.5 * (1 + math.erf(total / math.sqrt(precision) / math.sqrt(2))) if precision else 0.5


def _within(piece: Piece, versions: Sequence[Version], sent_back: set[int]) -> Iterator[Pair]:
    """Pairs of one piece: a refused version and the next that passed, an edit and what it was made from, a rejected one and the approved."""
    for one in versions:
        after = next((item for item in versions if item.number > one.number and not item.refused), None)
        if one.refused and after is not None:
            yield _pair(piece, after, one, "check", 1.0)
        base = next((item for item in versions if item.number == one.base), None)
        if one.origin == "edit" and not one.refused and base is not None and not base.refused and one.base not in sent_back:
            yield _pair(piece, one, base, "edit", 0.5 + 0.5 * changed(base.parts, one.parts))
    if piece.state == "approved":
        for number in sorted(sent_back - {piece.version}):
            yield _pair(piece, _numbered(versions, piece.version), _numbered(versions, number), "rejection", 1.0)


def _choices(group: Sequence[Piece], versions: dict[str, list[Version]]) -> Iterator[Pair]:
    """An approved text of a request against those that were not: never submitted, sent back or retired unapproved."""
    approved = [one for one in group if one.state == "approved"]
    left = [one for one in group if one.state in ("draft", "retired") and one.version]
    for one in approved:
        for other in left:
            yield _pair(one, pick(versions[one.id], one, None), pick(versions[other.id], other, None), "choice", 0.8)


def _measured(counted: Sequence[tuple[Piece, Version, dict[str, Result]]], metric: str) -> Iterator[Pair]:
    """Texts of one request by the tests that showed both."""
    for first, second in combinations(counted, 2):
        shared = sorted(first[2].keys() & second[2].keys())
        if not shared or first[1].digest == second[1].digest:
            continue
        own, other = ([(getattr(one[2][test], metric), one[2][test].shown) for test in shared] for one in (first, second))
        sure = better((*mine, *theirs) for mine, theirs in zip(own, other, strict=True))
        winner, loser = (first, second) if sure >= 0.5 else (second, first)
        if max(sure, 1 - sure) >= SURE:
            yield _pair(winner[0], winner[1], loser[1], metric, max(sure, 1 - sure))


def _turn(parts: Copy) -> list[dict[str, str]]:
    """The parts as the model would have answered."""
    return [{"role": "assistant", "content": json.dumps(plain_parts(parts), ensure_ascii=False)}]


def _numbered(versions: Iterable[Version], number: int) -> Version:
    return next(one for one in versions if one.number == number)


def prompt_of(piece: Piece) -> tuple[dict[str, str], ...]:
    """The messages with which the studio, or a plan, asks a model for this text."""
    if piece.campaign is not None:
        return piece.campaign.prompt
    asked, gate = piece.asked, Gate(piece.asked)
    angle = piece.angle if piece.angle in angles(asked.lang) else next(iter(angles(asked.lang)))
    messages = conversation(asked, gate.form, angle, {part.name: gate.room(part) for part in gate.form.parts})
    return tuple({"role": message.role, "content": message.content} for message in messages)


def _pair(piece: Piece, chosen: Version, rejected: Version, source: str, strength: float) -> Pair:
    own, other = ((one.parts if piece.campaign is None else piece.campaign.opening_of(one.parts)) for one in (chosen, rejected))
    return Pair(piece.id, piece.brand, piece.asked.lang, piece.asked.form.name, prompt_of(piece), own, other, source, strength, piece.request,
                max(chosen.at, rejected.at))
