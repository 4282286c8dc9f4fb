"""Mending a draft without the model: sentences and items at fault come out, plain facts fill what is left too short."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol

from brandloom.content.studio.formats import Part, length
from brandloom.content.studio.gate import Copy, Gate, said_twice

_SENTENCE = re.compile(r"(?<=[。！？!?])|(?<=\.)(?=\s)|(?<=\n)")
_LEANS = re.compile(r"\s*(?:(?:it|its|they|their|these|this|that|those|which|and|but|so|also)\b|它|这|而且|并且|同时|此外|所以)", re.IGNORECASE)
"""How a sentence begins that makes no sense without the one before."""
_FORM = ("length", "form")
_LINE = 120
"""Parts of so few characters are one line, which is cut where a longer text loses whole sentences."""
_LOOSE = re.compile(r"(?:[\s,，、;:&-]+|\s(?:a|an|the|and|or|of|for|with|in|on|to|by|at|from|is|as|your|our|this|just|only|[\d.,]+))+$",
                    re.IGNORECASE)
"""What may not end a text that was cut: half a phrase."""


class StandIn(Protocol):
    """What fills parts that had to be taken out, none of them the same as another."""

    def text(self, part: Part) -> str: ...
    def items(self, part: Part, count: int) -> list[str]: ...
    def mark(self, text: str) -> None: ...
    def says(self, text: str) -> bool: ...
    def with_must_say(self, copy: dict[str, str | list[str]]) -> dict[str, str | list[str]]: ...


def mend(gate: Gate, draft: object, plain: StandIn) -> Copy | None:
    """The draft without what the gate objects to; None where too little of it would be the model's own.

    Args:
        plain: fills parts that are at fault or say what another part says already.
    """
    if not isinstance(draft, Mapping):
        return None
    made = dict[str, str | list[str]]()
    longest = max(gate.form.parts, key=lambda part: part.high * part.most)
    for part in gate.form.parts:
        value = draft.get(part.name)
        if part.many:
            items = [_shortened(gate, part, item) for item in value if isinstance(item, str)] if isinstance(value, (list, tuple)) else []
            own = [item for item in dict.fromkeys(items) if item and _sound(gate, part, item) and not plain.says(item)][:part.most]
            for item in own:
                plain.mark(item)
            filled = own + (plain.items(part, part.least - len(own)) if len(own) < part.least else [])
            if (part == longest and not own) or len(filled) < part.least:
                return None
            made[part.name] = filled
        else:
            text = _kept(gate, part, value) if isinstance(value, str) else ""
            if part == longest and not text:
                return None
            made[part.name] = plain.text(part) if not text or plain.says(text) else text
            plain.mark(str(made[part.name]))
    return plain.with_must_say(made)


def _kept(gate: Gate, part: Part, text: str) -> str:
    """The sentences nobody objects to, as long as they stand by themselves; '' where too little is left."""
    text = _shortened(gate, part, text) if part.high <= _LINE else text
    if not text or _sound(gate, part, text):
        return text
    sentences = [sentence for sentence in _SENTENCE.split(text) if sentence.strip()]
    kept, gone = list[str](), False
    read = 0
    for sentence in sentences:
        read += len(sentence)
        if read > gate.longest(part):
            break
        if said_twice(" ".join([*kept, sentence])):
            continue
        leans = gone and bool(_LEANS.match(sentence))
        if leans or not _sound(gate, part, sentence.strip(), alone=True):
            gone = True
            continue
        gone = False
        if length("".join([*kept, sentence]).strip(), "chars") <= gate.room(part):
            kept.append(sentence)
    joined = "".join(kept).strip()
    return joined if len(sentences) > 1 and len(joined) >= min(part.low, 20) and _sound(gate, part, joined) else ""


def _shortened(gate: Gate, part: Part, text: str) -> str:
    """A line without the words at its end that the channel has no room for; '' where too little would be left."""
    room, text = gate.room(part), text[:gate.longest(part)]
    if length(text, part.unit) <= room:
        return text
    pieces = re.split(r"(?<=[，、。；：！？])|(?=\s)", text.rstrip("!！.。"))
    while pieces and length("".join(pieces).strip(), part.unit) > room:
        pieces.pop()
    kept = _LOOSE.sub("", "".join(pieces).strip().rstrip("，、。；："))
    return kept if length(kept, part.unit) >= max(part.low, room // 3) else ""


def _sound(gate: Gate, part: Part, text: str, *, alone: bool = False) -> bool:
    return not any(item.blocks and not (alone and item.rule in _FORM) for item in gate.check_part(part.name, text))
