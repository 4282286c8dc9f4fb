"""One spelling for what means the same, so that a disguised word is found; every character remembers where it stood."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

import numpy as np
import numpy.typing as npt
from opencc import OpenCC

from brandloom.content.checks.tables import read_table

_INVISIBLE = re.compile("[\u00ad\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff\U000e0000-\U000e007f]")
_KEYCAP = "\u20e3"
_RINGED = re.compile("[\u2776-\u2793\u24eb-\u24ff]")
HAN = r"\u3400-\u4dbf\u4e00-\u9fff"
_FILLERS = re.compile(r"[\s.·•・‧∙⋅_*~|/\\^+=#&\-—–'\"“”‘’`()\[\]{}<>【】「」『』《》"
                      r"\u2190-\u21ff\u25a0-\u27bf\u2b00-\u2bff♥❤\U0001f000-\U0001faff]+")
_BEFORE, _AFTER, _LETTER = re.compile(f"[{HAN}]"), re.compile(f"[{HAN}a-z0-9○]"), re.compile("[a-z0-9]")
_PICKETS = re.compile(rf"(?:[{HAN}][。，、,;:!.]){{2,}}[{HAN}]")
_SPELLED = re.compile(r"[a-z0-9@$!](?<![a-z0-9].)(?:[\s.\-_*]{1,3}[a-z0-9@$!](?![a-z0-9])){1,}")
_FENCED = re.compile(rf"[。，、,;:!.][{HAN}][。，、,;:!.][{HAN}]")
_LEET = re.compile(r"[a-z0-9@$!|]*(?:[a-z][0-9@$!|]|[0-9@$!|][a-z])[a-z0-9@$!|]*")
_MIXED = re.compile(r"[a-z0-9@$!|](?:(?<=[a-z])[0-9@$!|]|(?<![a-z])[a-z])")
"""Without these two a text has no characters parted by commas, and no figures among letters."""
_FIGURES = str.maketrans("0134578@$!|", "oieastbasii")
_FOREIGN = "аеорсухкмтнвіјѕԁɡοανρτικυεαϲ"
_LOOKALIKES, _LOOKALIKE = str.maketrans(_FOREIGN, "aeopcyxkmthbijsdgoavptikueac"), re.compile(f"[{_FOREIGN}]")

_LETTERS, _BLOCK, _FEW = 3, 32, 16
_REACH = 24
"""Characters looked at on each side of a disguise: as long as listed words and patterns are."""


@dataclass(frozen=True)
class Folded:
    """A text in one spelling; `origin[i]` is the place of character i in the text it was made from."""

    text: str
    origin: Sequence[int]

    def source_span(self, start: int, end: int) -> tuple[int, int]:
        return self.origin[start], self.origin[end - 1] + 1


@dataclass(frozen=True)
class Reading:
    """A text as it is read: `text` folded and in lower case, `bare` besides without the usual disguises."""

    source: str
    text: str

    @cached_property
    def bare(self) -> Folded:
        """Without fillers inside words, look-alikes and letters written as figures; places are those of `text`."""
        return unmask(self.text)

    @cached_property
    def changed(self) -> list[tuple[int, int]]:
        """Stretches of the bare text around the places where it differs from `text`."""
        bare, text = self.bare, self.text
        stretches: list[tuple[int, int]] = []
        if bare.text == text:
            return stretches
        for place in self._differing():
            low, high = max(0, place - _REACH), min(len(bare.text), place + _REACH)
            joined = bool(stretches) and low <= stretches[-1][1]
            stretches[-1 if joined else len(stretches):] = [(stretches[-1][0] if joined else low, high)]
        return stretches

    def _differing(self) -> Iterator[int]:
        """Places of the bare text that are not what stands there, or that follow on something left out."""
        origin, bare, text = self.bare.origin, self.bare.text, self.text
        last = -1
        for low in range(0, len(bare), _BLOCK):
            high = min(low + _BLOCK, len(bare))
            # Most of a text is no disguise: a stretch that is the same is passed over as one.
            if origin[low] == last + 1 and text[last + 1:last + 1 + high - low] == bare[low:high] and origin[high - 1] == last + high - low:
                last = origin[high - 1]
                continue
            for place in range(low, high):
                if origin[place] != last + 1 or text[origin[place]] != bare[place]:
                    yield place
                last = origin[place]

    @cached_property
    def _origin(self) -> Sequence[int]:
        return _places(self.source, self.text, _LOWER)

    @property
    def is_level(self) -> bool:
        """Whether every character stands where it stands in the source."""
        return isinstance(self._origin, range)

    def source_span(self, start: int, end: int) -> tuple[int, int]:
        """Place in the source of a stretch of `text`."""
        return self._origin[start], self._origin[end - 1] + 1


class _Spelling(dict[int, str]):
    """What each character becomes, its case kept; filled as characters are met."""

    def __init__(self) -> None:
        super().__init__()
        self.odd: set[str] = set()
        """Characters met that do not become one character."""
        self._plain_codes = np.zeros(0x110000, dtype=np.uint32)
        """Code of a character -> code of what it becomes; 0 where it was not met yet or does not become one character."""

    def __missing__(self, code: int) -> str:
        # Half a pair of UTF-16 stands for nothing, and no converter takes it.
        self[code] = plain = chr(code) if 0xD800 <= code < 0xE000 else self._plain(code)
        if len(plain) != 1:
            self.odd.add(chr(code))
        else:
            self._plain_codes[code] = ord(plain)
        return plain

    def spell(self, text: str) -> str:
        """Every character of a text as it becomes."""
        codes = points(text)
        plain = self._plain_codes[codes]
        # A text of which every character was met and becomes one is looked up as a whole, which takes a fifth of the time.
        spelled = plain.tobytes().decode("utf-32-le", "surrogatepass")
        odd = [] if plain.all() else (plain == 0).nonzero()[0].tolist()
        if len(odd) > _FEW:
            return text.translate(self)
        for place in reversed(odd):
            spelled = f"{spelled[:place]}{self[ord(text[place])]}{spelled[place + 1:]}"
        return spelled

    def _plain(self, code: int) -> str:
        return fold(chr(code))


class _LowerSpelling(_Spelling):
    """What each character becomes in lower case, accents and rings taken off; filled as characters are met."""

    def _plain(self, code: int) -> str:
        character = chr(code)
        hidden = character == _KEYCAP or _INVISIBLE.match(character)
        plain = "" if hidden else _simplify(unicodedata.normalize("NFKC", character)).lower()
        if _RINGED.match(character):
            plain = str(int(unicodedata.numeric(character)))
        base = unicodedata.normalize("NFD", plain)[:1]
        # A letter with a tone mark is pinyin, or an accent that no listed word has.
        return base if len(plain) == 1 and base.isascii() else plain


_CASED, _LOWER = _Spelling(), _LowerSpelling()


@lru_cache(maxsize=256)
def read(text: str) -> Reading:
    """Half width, simplified, lower case, without what nobody sees; character by character, so that places are kept."""
    return Reading(text, _LOWER.spell(text))


def fold_places(text: str) -> Folded:
    """The same with case and accents kept, as claims need them."""
    folded = text if text.isascii() else _CASED.spell(text)
    return Folded(folded, _places(text, folded, _CASED))


def _places(source: str, text: str, spelling: _Spelling) -> Sequence[int]:
    """Where each character of a text spelled character by character comes from."""
    if len(source) == len(text) and (not spelling.odd or spelling.odd.isdisjoint(source)):
        return range(len(text))
    return [place for place, character in enumerate(source) for _copy in spelling[ord(character)]]


@lru_cache(maxsize=64)
def points(text: str) -> npt.NDArray[np.uint32]:
    """The code of every character."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def strip_invisible(text: str) -> str:
    """Without zero-width and other characters that nobody sees."""
    return _INVISIBLE.sub("", text)


def fold(text: str) -> str:
    """NFKC, no invisible characters, simplified Chinese. Length may change: use it where places do not matter."""
    return _simplify(unicodedata.normalize("NFKC", strip_invisible(text)))


def unmask(text: str) -> Folded:
    """A folded text without the fillers put inside words and with look-alikes spelled out."""
    letters, origin = _replace(text, range(len(text)), _SPELLED, lambda match: [
        place for place in range(match.start(), match.end()) if not text[place].isspace() and text[place] not in ".-_*"])
    if _FENCED.search(letters):
        letters, origin = _replace(letters, origin, _PICKETS, lambda match: range(match.start(), match.end(), 2))
    letters, origin = _replace(letters, origin, _FILLERS, _unless_filling)
    words, pinyin, plain = _variants()
    letters, origin = _respell(letters, origin, words, plain)
    # A pattern that looks around is slow to search for: most texts have none of its syllables.
    if any(syllable in letters for syllable in pinyin):
        letters, origin = _respell(letters, origin, _pinyin(), plain)
    if _LOOKALIKE.search(letters):
        letters = letters.translate(_LOOKALIKES)
    # Figures stand for letters one for one, so places stay.
    return Folded(_LEET.sub(_letters, letters) if _MIXED.search(letters) else letters, origin)


def _letters(match: re.Match[str]) -> str:
    """A word with figures for letters spelled out; a measure such as 30cm is none."""
    word = match.group()
    return word.translate(_FIGURES) if word[0].isalpha() or sum(map(str.isalpha, word)) >= _LETTERS else word


def _unless_filling(match: re.Match[str]) -> Sequence[int]:
    """The places of what stands between words; none of what fills a word with a Chinese character beside it."""
    text, start, end = match.string, match.start(), match.end()
    before, after = text[start - 1:start], text[end:end + 1]
    fills = bool(_BEFORE.match(before) and _AFTER.match(after)) or bool(_LETTER.match(before) and _BEFORE.match(after))
    return () if fills else range(start, end)


def _replace(letters: str, origin: Sequence[int], pattern: re.Pattern[str],
             kept: Callable[[re.Match[str]], Sequence[int]]) -> tuple[str, Sequence[int]]:
    """The letters without what a pattern matches, apart from the places that are kept."""
    pieces: list[str] = []
    places: list[int] = []
    last = 0
    for match in pattern.finditer(letters):
        stay = kept(match)
        if len(stay) == match.end() - match.start():
            continue
        pieces.append(letters[last:match.start()])
        places += origin[last:match.start()]
        pieces.append("".join(letters[place] for place in stay))
        places += [origin[place] for place in stay]
        last = match.end()
    if not last:
        return letters, origin
    return "".join([*pieces, letters[last:]]), [*places, *origin[last:]]


def _respell(letters: str, origin: Sequence[int], pattern: re.Pattern[str], plain: dict[str, str]) -> tuple[str, Sequence[int]]:
    out: list[str] = []
    places: list[int] = []
    last = 0
    for match in pattern.finditer(letters):
        start, end = match.span()
        word = plain[match.group()]
        out.append(letters[last:start] + word)
        # The first letter keeps the first place and the others the last, so that a span covers all that was replaced.
        places += [*origin[last:start], origin[start], *[origin[end - 1]] * (len(word) - 1)]
        last = end
    if not last:
        return letters, origin
    return "".join([*out, letters[last:]]), [*places, *origin[last:]]


@cache
def _variants() -> tuple[re.Pattern[str], Sequence[str], dict[str, str]]:
    """Disguises, longest first; apart from them those in pinyin; and what each stands for."""
    plain = {row["disguise"]: row["plain"] for row in read_table("ad_variants.zh.tsv")}
    words = sorted(plain, key=lambda word: -len(word))
    pinyin = [word for word in words if word.isascii() and word.isalpha()]
    return re.compile("|".join(re.escape(word) for word in words if word not in pinyin)), pinyin, plain


@cache
def _pinyin() -> re.Pattern[str]:
    """Disguises in pinyin: a syllable counts only as a whole and beside a Chinese character."""
    return re.compile("|".join(rf"(?<![a-z0-9]){word}(?=[{HAN}])|(?<=[{HAN}]){word}(?![a-z0-9])" for word in _variants()[1]))


@cache
def _converter() -> OpenCC:
    return OpenCC("t2s")


def _simplify(text: str) -> str:
    return text if text.isascii() else _converter().convert(text)
