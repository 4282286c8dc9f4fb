"""A text as its words and sentences, in English and Chinese, and how often each word is used in the language at large."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

LANGUAGES = ("en", "zh")
HAN = "\u3400-\u4dbf\u4e00-\u9fff"
_PICTURE = "[\u2600-\u27bf\u2b50\u2b55\U0001f1e6-\U0001f1ff\U0001f300-\U0001faff]\ufe0f?"
EMOJI = re.compile(rf"{_PICTURE}(?:\u200d{_PICTURE})*")
_HAN_RUN = re.compile(f"[{HAN}]+")
_LATIN = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)*")
_TOKEN = re.compile(rf"[{HAN}]+|[A-Za-z]+(?:['’][A-Za-z]+)*|\d+(?:[.,:]\d+)*")
_SENTENCE = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+|(?<=[。！？…!?])[”’」）]*\s*|\n+")
LONGEST_WORD = 4
"""Characters of the longest Chinese word in the list."""
_UNKNOWN = math.log(0.2 / 1e9)
"""Log frequency of a single Chinese character that the list does not hold."""


def language_of(text: str) -> str:
    """'zh' where at least as many Chinese characters stand in a text as Latin words, else 'en'."""
    han = sum(len(run) for run in _HAN_RUN.findall(text))
    return "zh" if han and han >= len(_LATIN.findall(text)) else "en"


def words(text: str, language: str) -> list[str]:
    """Words in order, Latin ones in lower case, figures left out; Chinese is divided where the words are most frequent."""
    found: list[str] = []
    for match in _TOKEN.finditer(text):
        token = match.group()
        if _HAN_RUN.match(token):
            found += _divide(token) if language == "zh" else list(token)
        elif not token[0].isdigit():
            found.append(token.lower().replace("’", "'"))
    return found


def sentences(text: str) -> list[str]:
    """Sentences and lines that hold a letter or a character."""
    return [piece for piece in (part.strip() for part in _SENTENCE.split(text)) if re.search(r"[^\W\d_]", piece)]


def size(text: str, language: str) -> int:
    """Length in the unit people count in: words in English, characters in Chinese (a Latin word or a figure counts as one)."""
    return sum(len(token) if _HAN_RUN.match(token) and language == "zh" else 1 for token in _TOKEN.findall(text))


@cache
def frequencies(language: str) -> Mapping[str, float]:
    """Word -> its share of all words of the language at large, most frequent first. Sources in `content/data/README.md`."""
    lines = files("brandloom.content").joinpath("data", f"frequency.{language}.tsv").read_text("utf-8").splitlines()[1:]
    return {word: int(count) / 1e9 for word, _tab, count in (line.partition("\t") for line in lines)}


@cache
def _logs() -> Mapping[str, float]:
    return {word: math.log(share) for word, share in frequencies("zh").items()}


def _divide(run: str) -> list[str]:
    """The division of a run of Chinese characters with the largest product of word frequencies."""
    logs = _logs()
    best: list[tuple[float, int]] = [(0.0, 0)]
    for end in range(1, len(run) + 1):
        best.append(max((best[start][0] + logs.get(run[start:end], _UNKNOWN if end - start == 1 else -math.inf), start)
                        for start in range(max(0, end - LONGEST_WORD), end)))
    found, end = [], len(run)
    while end:
        start = best[end][1]
        found.append(run[start:end])
        end = start
    return found[::-1]
