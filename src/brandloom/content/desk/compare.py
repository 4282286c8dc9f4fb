"""What changed between two versions: words or Chinese characters, figures, length, and what the checks say."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

from brandloom.content.checks import Finding
from brandloom.content.checks.figures import figures
from brandloom.content.desk.book import Version, finding_dict
from brandloom.content.studio.gate import Copy

_TOKEN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]|[^\\W\u3400-\u4dbf\u4e00-\u9fff]+(?:['’.,-][^\\W\u3400-\u4dbf\u4e00-\u9fff]+)*|\\s+|.", re.DOTALL)


@dataclass(frozen=True)
class Stretch:
    """Neighbouring words that stayed, came, went or were replaced."""

    kind: Literal["same", "added", "removed", "replaced"]
    before: str
    after: str


@dataclass(frozen=True)
class Comparison:
    """Two versions of one text side by side."""

    before: int
    after: int
    parts: tuple[tuple[str, tuple[Stretch, ...]], ...]
    """Part and its stretches in order; lists are compared line by line as one text."""
    changed: float
    """Share of the words, or Chinese characters, of both that are not in the other, 0 to 1."""
    figures_gone: tuple[str, ...]
    figures_new: tuple[str, ...]
    findings_gone: tuple[Finding, ...]
    findings_new: tuple[Finding, ...]

    def to_dict(self, language: str) -> dict[str, Any]:
        return {"before": self.before, "after": self.after, "changed": round(self.changed, 4),
                "parts": {name: [{"kind": one.kind, "before": one.before, "after": one.after} for one in stretches]
                          for name, stretches in self.parts},
                "figures": {"gone": list(self.figures_gone), "new": list(self.figures_new)},
                "checks": {"gone": [finding_dict(item, language) for item in self.findings_gone],
                           "new": [finding_dict(item, language) for item in self.findings_new]}}


def compare(before: Version, after: Version) -> Comparison:
    """Compare two versions of one text."""
    names = list(dict.fromkeys([*before.parts, *after.parts]))
    parts = tuple((name, tuple(stretches(_text(before.parts, name), _text(after.parts, name)))) for name in names)
    old, new = (Counter(item.text for item in figures(whole(version.parts))) for version in (before, after))
    return Comparison(before.number, after.number, parts, changed(before.parts, after.parts),
                      tuple((old - new).elements()), tuple((new - old).elements()),
                      _without(before.findings, after.findings), _without(after.findings, before.findings))


def stretches(before: str, after: str) -> list[Stretch]:
    """The two texts cut into what stayed and what did not; joined again, the stretches are the texts."""
    old, new = tokens(before), tokens(after)
    kinds: dict[str, Literal["same", "added", "removed", "replaced"]] = {
        "equal": "same", "insert": "added", "delete": "removed", "replace": "replaced"}
    return [Stretch(kinds[kind], "".join(old[low:high]), "".join(new[start:end]))
            for kind, low, high, start, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes()]


def changed(before: Copy, after: Copy) -> float:
    """Share of the words, or Chinese characters, of both texts that are not in the other, spaces aside."""
    old, new = ([token for token in tokens(whole(parts)) if not token.isspace()] for parts in (before, after))
    return 1.0 - SequenceMatcher(None, old, new, autojunk=False).ratio() if old or new else 0.0


def tokens(text: str) -> list[str]:
    """Words, single Chinese characters, spaces and marks; joined again they are the text."""
    return _TOKEN.findall(text)


def whole(parts: Copy) -> str:
    """All parts as one text, a line each."""
    return "\n".join(_text(parts, name) for name in parts)


def _text(parts: Copy, name: str) -> str:
    value = parts.get(name, "")
    return value if isinstance(value, str) else "\n".join(value)


def _without(found: Sequence[Finding], others: Sequence[Finding]) -> tuple[Finding, ...]:
    """Findings whose rule, place and words the others do not have; where they stand in the text does not count."""
    known = {(item.rule, item.place, item.excerpt) for item in others}
    return tuple(item for item in found if (item.rule, item.place, item.excerpt) not in known)
