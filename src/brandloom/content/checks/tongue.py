"""Sentences in a language that no rule reads: they must not pass in silence.

Scripts tell most languages apart; those in Latin letters are known by the small words that no sentence does without.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

from brandloom.content.checks.borne import sentences
from brandloom.content.checks.finding import Finding, finding
from brandloom.content.checks.tables import read_table
from brandloom.i18n import _

_TEMPLATE = _("No rule reads this language, so neither law nor facts were checked here.")
_ADVICE = _("Have somebody who knows the language and its law look at it, or write it in Chinese or English.")
_OTHER_SCRIPT = re.compile("[\u0370-\u058f\u0590-\u07ff\u0900-\u109f\u10a0-\u11ff\u3041-\u306d\u306f-\u30fa\uac00-\ud7af]")
"""Greek, Cyrillic, Armenian, Hebrew, Arabic, the scripts of India and its neighbours, Thai, Georgian, kana but の, Hangul."""
_HAN = re.compile("[\u3400-\u9fff]")
_LATIN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_NO_HAN = re.compile(r"[^\W\d_\u3400-\u9fff]+")
_ELIDED = re.compile(r"^(?:[cdjlmnst]|qu|un|dell|all|nell|sull)['’]", re.IGNORECASE)
_FEWEST_LETTERS, _LEAST_SHARE = 6, 0.3
_FEWEST_WORDS, _FEWEST_KNOWN = 4, 2


def check_tongue(text: str, *, own: str = "", place: str = "text") -> list[Finding]:
    """Sentences in neither Chinese nor English, each with its place; those that the records themselves hold (`own`, lower case) are names."""
    found: list[Finding] = []
    # Most texts in Chinese hold nothing that could be a sentence in another language.
    if len(_OTHER_SCRIPT.findall(text)) < _FEWEST_LETTERS and len(_NO_HAN.findall(text)) < _FEWEST_WORDS:
        return found
    for start, end in sentences(text):
        said = text[start:end].strip()
        if _is_foreign(said) and said.lower().rstrip(".!?") not in own:
            found.append(replace(finding("language", "evidence", place, said, _TEMPLATE, span=(start, end)), suggestion=_ADVICE))
    return found


def _is_foreign(sentence: str) -> bool:
    other = len(_OTHER_SCRIPT.findall(sentence))
    if other >= _FEWEST_LETTERS and other >= _LEAST_SHARE * _letters(sentence):
        return True
    if _HAN.search(sentence):
        return False  # Latin words in a Chinese sentence are names; what the rules know of English they look for there too
    words = {_ELIDED.sub("", word).lower() for word in _LATIN.findall(sentence)}
    if len(words) < _FEWEST_WORDS:
        return False
    english, *others = _small_words()
    return any(_speaks(words, small, english) for small in others)


def _letters(sentence: str) -> int:
    """Chinese characters and Latin letters."""
    return len(_HAN.findall(sentence)) + sum(map(len, _LATIN.findall(_HAN.sub(" ", sentence))))


def _speaks(words: set[str], small: frozenset[str], english: frozenset[str]) -> bool:
    """Whether small words of this language, with accents beside them, outnumber what only English has. Single letters say nothing."""
    known = sum(word in small and word not in english and (len(word) > 1 or not word.isascii()) for word in words)
    foreign = known + sum(not word.isascii() and word not in small for word in words)
    return known > 0 and foreign >= _FEWEST_KNOWN and foreign > len((words & english) - small) and foreign >= len(words) / 5


@cache
def _small_words() -> list[frozenset[str]]:
    """Of each language, English first."""
    return [frozenset(row["words"].split()) for row in read_table("small_words.tsv")]
