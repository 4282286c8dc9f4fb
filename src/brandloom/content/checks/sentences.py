"""Turns of phrase that claim something whatever their words are: comparisons, praise by others, materials, properties, names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from brandloom.content.checks.ground import Ground, stem
from brandloom.content.checks.tables import read_table

_NOT_THAN = r"(?:rath|oth|wheth|eith|neith|nev|ev|numb|ov|und|aft|pap|wat|pow|flow|show|summ|wint|lett|matt|part|off|ord)er"


@dataclass(frozen=True)
class Phrase:
    """A claim by its turn of phrase: its class, its place in the folded text, and the words that records must bear out, if any."""

    kind: str
    start: int
    end: int


STRETCH = 1000
"""Most characters that are read at once. Patterns look back and ahead from each place, so their cost grows with the square of it."""
_OVERLAP = 100
_ENDS = re.compile(r"[。！？!?\n]|\.(?=\s)")


def stretches(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """A part of a text in stretches that end with a sentence; one without any end is cut, and the next begins a little before the cut."""
    while end - start > STRETCH:
        cut = max((match.end() for match in _ENDS.finditer(text, start + STRETCH // 2, start + STRETCH)), default=0)
        yield start, cut or start + STRETCH
        start = cut or start + STRETCH - _OVERLAP
    yield start, end


def phrases(text: str, known: Ground, hidden: list[tuple[int, int]]) -> Iterator[Phrase]:
    """Claims of a folded text that the records do not bear out; nothing that begins inside a `hidden` place."""
    bare = list(text)
    for start, end in hidden:
        bare[start:end] = " " * (end - start)
    rest = "".join(bare)
    for kind, grounded, pattern in _patterns():
        for match in pattern.finditer(text):
            end = _said_until(match) if grounded else match.end()
            if grounded and not re.search(r"\w", rest[match.start("x"):end]):
                continue
            if _inside(match.start(), hidden) and kind != "price" and not grounded:
                continue
            if not (says_words(rest[match.start("x"):end], known) if grounded else _excused(kind, match, known)):
                yield Phrase(kind, *_span(match))
    yield from _names(text, known, hidden)
    yield from _quotes(text, known)


_GOES_ON = re.compile(r"\s(?:so|that|which|because|when|while|until|if|but|where)\b", re.IGNORECASE)


def _said_until(match: re.Match[str]) -> int:
    """Where the words of group x end: before a clause of their own, as in 'lined with cotton so that nothing scratches'."""
    on = _GOES_ON.search(match["x"] or "")
    return match.start("x") + on.start() if on else match.end("x")


def says_words(words: str, known: Ground) -> bool:
    """True when the records use every telling word of a phrase."""
    latin = [word for word in re.findall(r"[A-Za-z][A-Za-z'’]+", words) if word.lower() not in _plain("english")]
    if not all(stem(word) in known.words for word in latin):
        return False
    runs = re.findall("[\u4e00-\u9fff]+", _plain_chinese().sub(" ", words))
    return sum(_covered(run, known) for run in runs) >= 0.6 * sum(map(len, runs))


def _covered(run: str, known: Ground) -> int:
    """How many characters of a run of Chinese the records have, each beside a neighbour of the run."""
    if len(run) == 1:
        return int(run in known.text or run in known.translated)
    pairs = [run[at:at + 2] in known.text or run[at:at + 2] in known.translated for at in range(len(run) - 1)]
    return sum(1 for at in range(len(run)) if (at and pairs[at - 1]) or (at < len(pairs) and pairs[at]))


def _inside(place: int, spans: list[tuple[int, int]]) -> bool:
    return any(start <= place < end for start, end in spans)


def _span(match: re.Match[str]) -> tuple[int, int]:
    raw = match.group()
    return match.start(), match.start() + len(raw.rstrip())


_BORNE_BY = {"discount": ("discount",), "stock": ("few left",), "delivery": ("next day", "same day")}
"""Concepts that bear out a turn of phrase of a class; the figures in it are judged by themselves."""


_ROUND = re.compile(r"每[天周日]|天天|清晨|一早|\bevery (?:day|morning|week)", re.IGNORECASE)
"""A delivery that comes again and again, which the speed of one does not bear out."""


_THAN_BEFORE = re.compile(r"than (?:before|usual|(?:it|they) (?:was|were|used)|(?:the )?(?:rrp|msrp|list|recommended|original|old|full|normal)\b)|"
                          r"原价|之前|平时|以前|市场价", re.IGNORECASE)


_ENTIRELY = re.compile(r"nothing|\bfor (?:only |just )?one\b|分文|一分钱?|一半|大半", re.IGNORECASE)
"""Reductions of all or half, which some reduction does not bear out."""
_GROUP_OF_BUYERS = re.compile(r"\b(?:student|member|nurse|teacher|senior|pensioner|veteran|newcomer)s?\b", re.IGNORECASE)


def _excused(kind: str, match: re.Match[str], known: Ground) -> bool:
    words = match.group()
    if kind == "discount" and _ENTIRELY.search(words):
        return False
    group = _GROUP_OF_BUYERS.search(words) if kind == "discount" else None
    if group and stem(group.group().lower()) not in known.words:
        return False
    if any(name in known.affirmed for name in _BORNE_BY.get(kind, ())) and not (kind == "delivery" and _ROUND.search(words)):
        return True
    if kind == "comparison" and _THAN_BEFORE.search(words):
        return "discount" in known.affirmed
    if kind == "comparison" and re.match(_NOT_THAN, words, re.IGNORECASE):
        return True
    if kind == "price":
        return False
    if kind == "superlative" and match["x"].lower() in _plain("not superlative"):
        return True
    return _telling(words) and says_words(words, known)


def _telling(words: str) -> bool:
    """True when a phrase has words of its own, which records can bear out."""
    latin = re.findall("[A-Za-z]{2,}", words)
    return any(word.lower() not in _plain("english") for word in latin) or len(re.findall("[\u4e00-\u9fff]", _plain_chinese().sub("", words))) > 2


def _names(text: str, known: Ground, hidden: list[tuple[int, int]]) -> Iterator[Phrase]:
    """Words with a capital inside an English sentence, and Latin words in a Chinese one, that no record uses."""
    if re.search("[\u4e00-\u9fff]", text):
        squeezed = known.text.replace(" ", "")
        for match in re.finditer(r"(?<![A-Za-z0-9])[A-Za-z][A-Za-z0-9]+(?:[-+][A-Za-z0-9]+)*", text):
            word = match.group()
            if len(word) > 1 and not _inside(match.start(), hidden) and word.lower() not in _plain("english") and not any(
                    word.lower() in said for said in (known.text, squeezed)):
                yield Phrase("brand", *match.span())
        return
    for sentence in re.finditer(r"[^.!?\n]+(?:\.(?=\w)[^.!?\n]*)*", text):
        words = re.findall(r"[A-Za-z][\w'’-]{3,}", sentence.group())
        # A headline in capitals says nothing about which words are names.
        if len(words) > 3 and all(word[0].isupper() for word in words):
            continue
        for match in _NAME.finditer(sentence.group()):
            start = sentence.start() + match.start()
            whole = any(low <= start and start + len(match.group()) <= high for low, high in hidden)
            if not whole and not says_words(match.group(), known) and not set(match.group().split()) <= _plain("capital"):
                yield Phrase("brand", start, start + len(match.group()))


_NAME = re.compile(r"(?:(?<=[a-z,;&'’] )|"
                   + "|".join(rf"(?<=\b{word} )" for word in ("A", "An", "The", "Our", "From", "By", "In", "As", "With", "Like", "For"))
                   + r")[A-Z][a-z][\w'’-]*(?: (?:[A-Z][\w'’-]*|of (?=[A-Z])))*")
_SPOKEN = re.compile(r"\b(?:I|my|me|love|best|great|amazing|recommend|favou?rite|ever|always)\b|我|太|真的?|喜欢|好用|推荐|买|值得|爱|棒")
_SPEAKER = re.compile(r"—|--|–|\bsa(?:ys|id)\b|wrote|from|说|写道|来自|评价|反馈|留言")


def _quotes(text: str, known: Ground) -> Iterator[Phrase]:
    """Words in quotation marks that somebody is made to say."""
    for match in re.finditer(r"[\"“”「『](?P<x>[^\"“”」』\n]{4,})[\"”“」』]", text):
        said = match["x"].strip(" .,!?。，！？…").lower()
        about = text[max(0, match.start() - 30):match.start()] + text[match.end():match.end() + 30]
        if said not in known.text and (_SPOKEN.search(match["x"]) or _SPEAKER.search(about)):
            yield Phrase("testimonial", *match.span())


@cache
def _patterns() -> tuple[tuple[str, bool, re.Pattern[str]], ...]:
    """Class, whether the words of group x must be borne out, and pattern; <NAME> stands for a part given at the end of the file."""
    rows = read_table("phrases.tsv")
    parts = {row["class"]: row["regex"] for row in rows if row["ground"] == "part"}
    found = []
    for row in rows:
        pattern = row["regex"]
        for name, part in parts.items():
            pattern = pattern.replace(name, part)
        if row["ground"] != "part":
            found.append((row["class"], row["ground"] == "yes", re.compile(pattern, re.IGNORECASE)))
    return tuple(found)


@cache
def _plain(group: str) -> frozenset[str]:
    """Words that claim nothing by themselves."""
    return next(frozenset(row["words"].split(";")) for row in read_table("plain_words.tsv") if row["group"] == group)


@cache
def _plain_chinese() -> re.Pattern[str]:
    return re.compile("|".join(sorted(_plain("chinese"), key=len, reverse=True)))
