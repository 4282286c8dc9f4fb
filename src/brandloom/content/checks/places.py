"""A text in one spelling, case kept, in which every character remembers where it stood."""

from __future__ import annotations

from brandloom.content.checks.normalise import Folded, fold


class _Spelling(dict[int, str]):
    """What each character becomes; filled as characters are met."""

    def __missing__(self, code: int) -> str:
        self[code] = plain = fold(chr(code))
        return plain


_SPELLING = _Spelling()


def fold_places(text: str) -> Folded:
    """Half width, simplified, without what nobody sees, character by character, so that a place leads back to the source."""
    if text.isascii():
        return Folded(text, range(len(text)))
    plain = [(_SPELLING[ord(character)], place) for place, character in enumerate(text)]
    return Folded("".join(part for part, _place in plain), tuple(place for part, place in plain for _copy in part))
