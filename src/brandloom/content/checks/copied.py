"""Words of the worked example that a small model repeats as if they were facts."""

from __future__ import annotations

import re
from collections.abc import Sequence

from brandloom.content.checks.finding import Finding, finding
from brandloom.content.checks.form import SLOT
from brandloom.content.checks.normalise import fold
from brandloom.content.prompts import example_answer, example_facts
from brandloom.i18n import LANGUAGES, _

_RUN = {"en": 8, "zh": 10}
"""Words, or characters in Chinese, that may stand together as in the example's answer."""


def check_copied(text: str, place: str, language: str, evidence: Sequence[str]) -> list[Finding]:
    """The example's own facts anywhere, and long runs of its wording in the body."""
    own = " ".join(fold(item).lower() for item in evidence)
    # Both examples are of one trade; a shop that is in it too may use its words, in whichever language its facts are.
    same_trade = any(re.search(_whole(word), own) for other in LANGUAGES for word in example_facts(other))
    for word in () if same_trade else example_facts(language):
        if re.search(_whole(word), fold(text).lower()):
            return [finding("copied", "ban", place, word, _("'{excerpt}' comes from the worked example, not from the facts."))]
    if place != "body":
        return []
    ours, theirs = _units(text, language), _units(example_answer(language)["body"], language)
    size = _RUN[language]
    runs = {run for at in range(len(theirs) - size + 1) if "\0" not in (run := tuple(theirs[at:at + size]))}
    for at in range(len(ours) - size + 1):
        if tuple(ours[at:at + size]) in runs:
            copied = (" " if language == "en" else "").join(ours[at:at + size])
            return [finding("copied", "ban", place, copied, _("'{excerpt}' repeats the worked example word for word."))]
    return []


def _whole(word: str) -> str:
    return rf"(?<![a-z]){re.escape(word)}(?![a-z])" if word.isascii() else re.escape(word)


def _units(text: str, language: str) -> list[str]:
    # A slot breaks a run: the offer's sentence is alike in all copy because its slots are.
    pieces = SLOT.sub("\0", fold(text)).lower()
    return re.findall(r"[a-z']+|\0", pieces) if language == "en" else re.findall("[\u4e00-\u9fff]|\0", pieces)
