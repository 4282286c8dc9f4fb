"""The second opinion on the law as findings: sentences that no rule speaks about and that read like those a lawyer would strike."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from brandloom import i18n
from brandloom.content.checks.classifier import Weighed, open_classifier
from brandloom.content.checks.rules import Rule
from brandloom.i18n import _

LANGUAGE_OF = {"cn": "zh", "eu": "en", "uk": "en", "us": "en"}
"""Jurisdictions that sentences were labelled for, and the language they were written in."""
_LETTERS = {"zh": re.compile("[\u3400-\u4dbf\u4e00-\u9fff]"), "en": re.compile("[a-z]")}
_SPELT_OUT = re.compile("[\u4e00-\u9fff][a-z]{2,}|[a-z]{2,}[\u4e00-\u9fff]")
"""Latin letters beside Chinese ones may hide a word in its pinyin."""
_FEWEST = {"zh": 8, "en": 24}
"""Letters of a language below which a stretch says too little."""
_SURELY_LAWFUL = -2.2
"""Log-odds of a breach (one in ten) below which a rule on turns of phrase gives way. Chosen on the corpus: where a hand is left out it gives
away 0 to 13 of 1,000 breaches and takes a tenth to a half of the false alarms."""
_REASON = _("This reads like advertising that the law forbids, though no listed rule names it (likelihood {percent} %; what weighs most: {runs}).")
_ADVICE = _("Let a person who knows the law decide; keep a cleared sentence with the records as its proof, or say a plain fact.")
_SOURCE = _("likeness to labelled sentences, no article")


def suspects(text: str, weighed: Sequence[Weighed], jurisdiction: str, sectors: Sequence[str],
             taken: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, Rule]]:
    """Stretches of a folded text of which a rule has said nothing, each with a rule made for it.

    Args:
        weighed: the evidence of its stretches.
        jurisdiction: one with labelled sentences.
        taken: places that rules have found, lawful ones too: there the rules know more.
    """
    language = LANGUAGE_OF[jurisdiction]
    for start, end, probability, weighing in open_classifier(language).suspects(text, weighed, _sector(sectors), jurisdiction):
        if len(_LETTERS[language].findall(text, start, end)) < _FEWEST[language] or any(low < end and start < high for low, high in taken):
            continue
        values = {"percent": f"{100 * probability:.0f}", "runs": " · ".join(weighing)}
        reason = {spoken: i18n.translate(_REASON, spoken).format(**values) for spoken in ("en", "zh")}
        yield start + len(text[start:end]) - len(text[start:end].lstrip()), start + len(text[start:end].rstrip()), Rule(
            f"{jurisdiction}.reads-unlawful", "evidence", "", _both(_SOURCE), reason, _both(_ADVICE), (), (), (), frozenset(), frozenset())


def reads_lawful(text: str, weighed: Sequence[Weighed], place: int, jurisdiction: str, sectors: Sequence[str]) -> bool:
    """Whether the sentence at a place of a folded text reads like lawful copy, whatever a rule found in it.

    Args:
        weighed: the evidence of its stretches.
    """
    language = LANGUAGE_OF.get(jurisdiction)
    if language is None:
        return False
    known = open_classifier(language)
    start, end, found = next((one for one in weighed if one[0] <= place < one[1]), (0, len(text), None))
    spelt_out = language == "zh" and _SPELT_OUT.search(text, start, end)
    if spelt_out or len(_LETTERS[language].findall(text, start, end)) < _FEWEST[language]:
        return False
    # In English a sentence weighs otherwise alone: a space stands before and behind it.
    odds = (known.log_odds(text[start:end], _sector(sectors), jurisdiction) if found is None or language == "en"
            else known.odds(found, _sector(sectors), jurisdiction))
    return odds < _SURELY_LAWFUL


def _sector(sectors: Sequence[str]) -> str:
    return next((name for name in sectors if name != "general"), "general")


def _both(template: str) -> dict[str, str]:
    return {spoken: i18n.translate(template, spoken) for spoken in ("en", "zh")}
