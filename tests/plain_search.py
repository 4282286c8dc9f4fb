"""The slow and obvious way to find a vocabulary in a text, which the scanner has to agree with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from brandloom.content.checks.homophones import hear, sound
from brandloom.content.checks.normalise import Reading
from brandloom.content.checks.scan import REACH, spaced

Hit = tuple[str, int, int, str]
"""Concept, start, end, wording."""


def find_everywhere(words: Mapping[str, Sequence[str]], patterns: Mapping[str, Sequence[str]], reading: Reading) -> set[tuple[str, int, int]]:
    """Every word and pattern in every spelling; places are those of `reading.text`."""
    text, bare = reading.text, reading.bare
    found = {hit[:3] for hit in find_written(words, patterns, text)}
    for low, high in reading.changed:
        for name, start, end, said in find_written(words, patterns, bare.text[low:high]):
            place = bare.source_span(low + start, low + end)
            if text[slice(*place)] != said:
                found.add((name, *place))
    heard = hear(bare.text)
    for name, word in ((name, word.removesuffix("*")) for name, group in words.items() for word in group):
        if len(word) > 1 and not word.isascii() and not text.isascii():
            # A word of two characters is heard where one of them is written in pinyin.
            found |= {(name, *bare.source_span(*heard.source_span(start, start + len(word)))) for start in _starts(heard.sounds, sound(word))
                      if heard.means(word, start) and (len(word) > 2 or any(start <= place < start + 2 for place in heard.pinyin()))}
    return found


def find_written(words: Mapping[str, Sequence[str]], patterns: Mapping[str, Sequence[str]], text: str) -> Iterator[Hit]:
    """Every word and pattern as it is written."""
    flat = spaced(text)
    for name, word in ((name, word) for name, group in words.items() for word in group):
        plain = word.removesuffix("*")
        for start in _starts(flat, plain):
            if _stands_alone(flat, start, plain, is_open=word.endswith("*")):
                yield name, start, start + len(plain), plain
    for name, pattern in ((name, _compiled(body)) for name, bodies in patterns.items() for body in bodies):
        place = 0
        while place < len(text):
            found = pattern.match(text, place, place + REACH)
            if found and found.group():
                yield name, *found.span(), found.group()
            place = found.end() if found and found.group() else place + 1


@cache
def _compiled(body: str) -> re.Pattern[str]:
    return re.compile(body, re.IGNORECASE)


def _starts(text: str, word: str) -> Iterator[int]:
    start = text.find(word)
    while start >= 0:
        yield start
        start = text.find(word, start + 1)


def _stands_alone(text: str, start: int, word: str, *, is_open: bool) -> bool:
    """A word that begins or ends with a letter or figure begins or ends there; `won` is not in `won't`."""
    before, after = text[:start], text[start + len(word):]
    begins = not (re.match("[a-z0-9]", word, re.IGNORECASE) and re.search("[a-z0-9]$", before, re.IGNORECASE))
    return begins and (is_open or not (re.search("[a-z0-9]$", word, re.IGNORECASE) and re.match("[a-z0-9]|'t", after, re.IGNORECASE)))
