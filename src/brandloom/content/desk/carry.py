"""Facts carried over by code: names, figures, dates, money, units, codes and slots are masked before a model translates, and put back after."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from brandloom.content.checks.figures import Figure, read_figures
from brandloom.content.checks.form import SLOT
from brandloom.content.checks.normalise import fold, fold_places
from brandloom.content.desk.languages import written
from brandloom.content.studio import similarity

_CODE = re.compile(r"(?<![A-Za-z0-9])(?=[A-Z-]*\d)(?=[\d-]*[A-Z])[A-Z0-9][A-Z0-9-]{2,}[A-Z0-9](?![A-Za-z0-9])")
_MARK = re.compile(r"\[\s*(\d+)\s*\]")
CLEARLY = 0.1
"""By how much the surroundings of two marks must be more alike crosswise before they count as swapped."""
_OFF = re.compile(r"\s*off\b", re.IGNORECASE)


@dataclass(frozen=True)
class Masked:
    """A text whose facts stand as [1], [2] ...; `values[0]` is what [1] stands for in the other language."""

    text: str
    values: tuple[str, ...]


def mask(text: str, *, names: Iterable[str], glossary: Mapping[str, str], language: str) -> Masked:
    """Take what code carries out of a text.

    Args:
        names: kept as they are unless the glossary has them.
        glossary: words of the source and what they are called in the target.
        language: the target.
    """
    values, places = list[str](), list[tuple[int, int]]()
    found = sorted(_found(text, names, glossary, language), key=lambda item: item[0])
    for start, end, value in found:
        places.append((start, end))
        values.append(value)
    pieces, at = list[str](), 0
    for number, (start, end) in enumerate(places, start=1):
        pieces += [text[at:start], f"[{number}]"]
        at = end
    return Masked("".join([*pieces, text[at:]]), tuple(values))


def unmask(text: str, masked: Masked, language: str) -> str | None:
    """The translated text with its facts put back; None unless each mark stands in it exactly once and no other."""
    marks = [int(mark) for mark in _MARK.findall(text)]
    if sorted(marks) != list(range(1, len(masked.values) + 1)):
        return None
    spaced = language not in ("zh", "ja")
    pieces, at = list[str](), 0
    for match in _MARK.finditer(text):
        before, value = text[at:match.start()], masked.values[int(match[1]) - 1]
        pieces += [_apart("".join(pieces) + before, value, before) if spaced else before, value]
        at = match.end()
    rest = text[at:]
    whole = "".join(pieces) + (" " if spaced and pieces and rest[:1].isalnum() and pieces[-1][-1:].isalnum() else "") + rest
    return " ".join(whole.split())


def same_figures(source: str, target: str) -> bool:
    """Whether two texts state the same figures, by value and not by spelling."""
    one, other = (Counter(item.value for item in read_figures(fold(text)) if not item.casual) for text in (source, target))
    return one == other


def swapped(source: str, back: str) -> bool:
    """Whether two marks have changed places: each stands among the words that stood around the other."""
    around, now = _surroundings(source), _surroundings(back)
    alike = {(one, other): similarity({"text": around[one]}, {"text": now[other]}) for one in around for other in now}
    return any(alike[one, other] + alike[other, one] > alike[one, one] + alike[other, other] + CLEARLY
               for one, other in combinations(sorted(around.keys() & now.keys()), 2))


def _surroundings(text: str) -> dict[str, str]:
    """The words close to each mark, other marks left out."""
    reach = 6 if re.search("[\u4e00-\u9fff]", text) else 16
    found = {}
    for match in _MARK.finditer(text):
        before, after = _MARK.sub(" ", text[:match.start()]), _MARK.sub(" ", text[match.end():])
        found[match[1]] = f"{before[-reach:]} {after[:reach]}"
    return found


def _apart(written_so_far: str, value: str, before: str) -> str:
    return before + " " if written_so_far[-1:].isalnum() and value[:1].isalnum() else before


def _found(text: str, names: Iterable[str], glossary: Mapping[str, str], language: str) -> list[tuple[int, int, str]]:
    """Places that do not overlap, with what stands there in the target."""
    found = [(*match.span(), match.group()) for match in SLOT.finditer(text)]
    known = {name: name for name in names if len(name) > 1} | dict(glossary)
    for name in sorted(known, key=len, reverse=True):
        whole = rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])" if name.isascii() else re.escape(name)
        _add(found, ((*match.span(), known[name]) for match in re.finditer(whole, text, re.IGNORECASE)))
    _add(found, ((*match.span(), match.group()) for match in _CODE.finditer(text)))
    _add(found, _figures(text, language))
    return found


def _add(found: list[tuple[int, int, str]], more: Iterable[tuple[int, int, str]]) -> None:
    for start, end, value in more:
        if end > start and all(end <= low or high <= start for low, high, _value in found):
            found.append((start, end, value))


def _figures(text: str, language: str) -> list[tuple[int, int, str]]:
    folded = fold_places(text)
    found = []
    for group, start, end in _groups([item for item in read_figures(folded.text) if not item.casual], folded.text):
        said = folded.text[start:end]
        if group[0].kind == "percent" and (off := _OFF.match(folded.text, end)):
            end, said = off.end(), said + " off"
        if "折" in said:
            start -= folded.text[:start].endswith("打")
            end += 2 * folded.text.startswith("优惠", end)
        value = written(group, said, language)
        if value is not None:
            found.append((*folded.source_span(start, end), value))
    return found


def _groups(found: Sequence[Figure], text: str) -> list[tuple[list[Figure], int, int]]:
    """Figures that one stretch of the text states together, such as 2-3 days, with its place."""
    groups = list[tuple[list[Figure], int, int]]()
    for item in found:
        if groups and groups[-1][1] <= item.start < groups[-1][2] and groups[-1][0][0].text == item.text:
            groups[-1][0].append(item)
            continue
        at = text.rfind(item.text, 0, item.end) if text[item.start:item.end] == item.text else text.rfind(item.text, 0, item.start + len(item.text))
        start = at if 0 <= at <= item.start and at + len(item.text) >= item.end else item.start
        groups.append(([item], start, max(item.end, start + len(item.text) if start == at else item.end)))
    return groups
