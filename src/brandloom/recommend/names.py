"""Words in product names, English and Chinese, and the themes they belong to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_CJK = "\u3400-\u9fff"
_RUN = re.compile(f"[{_CJK}]+")
_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
STOP_WORDS = frozenset({
    "a", "an", "and", "antique", "are", "as", "assorted", "at", "big", "black", "blue", "brown", "by", "cm", "color",
    "colour", "cream", "design", "double", "for", "from", "gold", "gray", "green", "grey", "in", "inch", "is", "it", "its",
    "ivory", "jumbo", "large", "medium", "mini", "mm", "new", "of", "on", "or", "orange", "pack", "pair", "piece", "pieces",
    "pink", "purple", "red", "retro", "set", "silver", "single", "size", "small", "style", "the", "to", "vintage", "white",
    "with", "yellow",
})


@dataclass(frozen=True)
class Theme:
    """A kind of product with a readable name in both languages."""

    key: str
    label_en: str
    label_zh: str
    words: tuple[str, ...]
    first: bool  # wins over other themes wherever its word stands


@cache
def themes() -> tuple[Theme, ...]:
    """The themes of `themes.tsv`, in its order."""
    lines = files("brandloom").joinpath("recommend", "themes.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return tuple(Theme(key.rstrip("!"), english, chinese, tuple(words.split()), key.endswith("!"))
                 for key, english, chinese, words in rows)


@cache
def _by_word() -> dict[str, Theme]:
    return {word: theme for theme in reversed(themes()) for word in theme.words}


def has_chinese(text: str) -> bool:
    """Whether there is a Chinese character in it."""
    return _RUN.search(text) is not None


def theme_of(name: str) -> Theme | None:
    """The theme a product name speaks of: a marked theme anywhere in it, else the last word that names one.

    The last, because both languages put the thing itself at the end: "heart T-light holder", "不锈钢保温杯".
    """
    found = [theme for _word, theme in goods_in(name)]
    marked = [theme for theme in found if theme.first]
    return marked[0] if marked else found[-1] if found else None


def goods_in(text: str) -> list[tuple[str, Theme]]:
    """Words in a text that name a kind of product, in their order, each with its theme."""
    known = _by_word()
    lower = text.lower()
    found = [(match.end(), match.group()) for match in _WORD.finditer(lower) if match.group() in known]
    for run in _RUN.finditer(lower):
        found += _chinese_words(run.group(), run.start(), known)
    return [(word, known[word]) for _end, word in sorted(found, key=lambda item: item[0])]


def _chinese_words(run: str, start: int, known: dict[str, Theme]) -> list[tuple[int, str]]:
    """Longest words first at each place: 双肩包 is one word, not 包 after something."""
    found: list[tuple[int, str]] = []
    at = 0
    while at < len(run):
        size = next((n for n in (4, 3, 2, 1) if run[at:at + n] in known and at + n <= len(run)), 0)
        if size:
            found.append((start + at + size, run[at:at + size]))
        at += size or 1
    return found


def terms(name: str) -> list[str]:
    """What a name is compared by: its words of two letters and more, and all runs of 2 to 4 Chinese characters."""
    text = name.lower()
    words = [w for w in _WORD.findall(_RUN.sub(" ", text)) if len(w) > 1 and w not in STOP_WORDS]
    for run in _RUN.findall(text):
        words += [run[i:i + n] for n in (2, 3, 4) for i in range(len(run) - n + 1)]
    return words


def slug(label: str) -> str:
    """A short key from a label: letters and digits of any script, the rest becomes '_'; never holds '/'."""
    return re.sub(r"[\W_]+", "_", label.lower()).strip("_") or "group"
