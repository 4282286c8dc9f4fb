"""What an adapter learns from and is judged by: requests with the answer that was preferred and, where there is one, the other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from brandloom.llm.base import Message


@dataclass(frozen=True)
class Example:
    """One preferred answer to one request."""

    prompt: tuple[Message, ...]
    chosen: str
    """The answer as the model should have written it."""
    rejected: str | None
    """An answer that was not preferred; None where there was no other."""
    group: str
    """Examples of one group belong together: they never stand on both sides of a split."""
    at: datetime
    """Since when the preference is known."""
    weight: float = 1.0
    """How sure the preference is, above 0 to 1."""


def split(examples: Iterable[Example], *, judged: float) -> tuple[list[Example], list[Example]]:
    """Earlier groups to learn from, later ones to be judged by; a group counts from its latest example.

    Args:
        judged: share of the pairs, between 0 and 1, that is at least put aside.
    """
    groups: dict[str, list[Example]] = {}
    for one in examples:
        groups.setdefault(one.group, []).append(one)
    order = sorted(groups.values(), key=lambda group: (max(one.at for one in group), group[0].group))
    wanted = judged * sum(one.rejected is not None for group in order for one in group)
    later: list[list[Example]] = []
    while order and sum(one.rejected is not None for group in later for one in group) < wanted:
        later.insert(0, order.pop())
    return [one for group in order for one in group], [one for group in later for one in group]


def digest(examples: Sequence[Example]) -> str:
    """SHA-256 over all examples in their order."""
    state = hashlib.sha256()
    for one in examples:
        turns = [[message.role, message.content] for message in one.prompt]
        state.update(json.dumps([turns, one.chosen, one.rejected, one.group, one.at.isoformat(), one.weight]).encode())
    return state.hexdigest()
