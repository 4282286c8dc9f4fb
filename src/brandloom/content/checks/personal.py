"""Personal data in copy: what identifies a person stays out of it; the shop's own contact may stand."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace

from brandloom.content.checks.finding import Finding, finding
from brandloom.content.checks.normalise import fold_places, read
from brandloom.govern.patterns import find_personal
from brandloom.i18n import _

_TEMPLATES = {
    "email": _("'{excerpt}' is an e-mail address, which is personal data."),
    "phone": _("'{excerpt}' is a telephone number, which is personal data."),
    "id_number": _("'{excerpt}' is the number of an identity paper."),
    "card": _("'{excerpt}' is a card number."),
    "account": _("'{excerpt}' is an account, which is personal data."),
    "ip": _("'{excerpt}' is an IP address, which is personal data."),
    "plate": _("'{excerpt}' is a number plate, which is personal data."),
    "address": _("'{excerpt}' is an address, which is personal data."),
    "encoded": _("'{excerpt}' hides personal data in another coding."),
}
_WORDS = ("@", "%40", "(at", "[at", "身份证", "证件", "护照", "passport", "national id", "ni number", "identity card", "微信", "v信", "wechat",
          "weixin", "vx", "qq")
_SHAPES = [re.compile(shape) for shape in (
    r"[0-9](?:[ ()./-]*[0-9]){5}",  # six figures with no more than the signs of a telephone number between them
    r"[0-9a-f](?:(?<=[0-9])\.[0-9]{1,3}\.|[0-9a-f]{0,3}:[0-9a-f]{1,4}:)",  # an IP address
    r"[a-z0-9+/_.%-](?:[a-z0-9+/_.%-]{13}|(?<=[a-z])[a-z][0-9]{2} ?[a-z0-9]{4})",  # a long code, an IBAN
    r"[路街道巷弄同村区园苑厦场][0-9一二三四五六七八九十]{1,5}[号弄栋幢座]",
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][a-z][·. ]?[a-z0-9]{4}")]
_HOUSE = re.compile(r"[0-9a-zß.](?:(?<=[0-9])[a-z]?,? [a-z]|(?<![0-9]) [0-9])")
_LATIN = re.compile("[a-z]+")
_STREETS = frozenset(("street", "st", "road", "rd", "avenue", "ave", "lane", "ln", "drive", "dr", "boulevard", "blvd", "court", "ct", "place", "pl",
                      "square", "sq", "terrace", "close", "crescent", "highway", "hwy", "parkway", "pkwy", "way", "mews", "rue", "chemin",
                      "impasse", "allee"))
_NUMBERED = re.compile("(?:straße|strasse|str\\.|weg|allee|gasse|platz|straat|laan|box) [0-9]")
"""Every pattern of `find_personal` needs one of these words or shapes, a street one of its words and a number beside a word; they are far
quicker to look for than all its patterns."""
_PIECES = re.compile("[^。!?]*[。!?]?")
"""No pattern reaches beyond one of these signs."""
_DISTRICT, _NUMBER = re.compile("(?<=[省市区县])"), re.compile(r"[+(]?[0-9][0-9 ()./-]{5,}")
_FEWEST, _COUNTRY = 7, 3
"""Figures of the shortest telephone number, and of the longest code of a country."""
_LETTER = re.compile("[0-9A-Za-z@]|[路街道巷弄同村区园苑厦场][一二三四五六七八九十]")
_SERVICE = re.compile(r"(?:400|800)[ -]?\d{3}[ -]?\d{4}|0800\D?\d{3}\D?\d{3,4}|95\d{3,4}")


def check_personal(text: str, *, own: str = "", place: str = "text") -> list[Finding]:
    """Findings for personal data, apart from what the records state, such as the shop's own address or hotline.

    Args:
        own: every value of the records in lower case.
    """
    reading = read(text)
    if not _may_hold(reading.text):
        return []
    folded, found, spots = fold_places(text), list[Finding](), sorted(_spots(reading.text))
    is_level = reading.is_level and isinstance(folded.origin, range)
    for piece in _PIECES.finditer(folded.text):
        if is_level and bisect_left(spots, piece.start()) == bisect_left(spots, piece.end()):
            continue
        words = piece.group()
        may_hold = _LETTER.search(words) and _may_hold(reading.text[piece.start():piece.end()] if is_level else read(words).text)
        for item in find_personal(words) if may_hold else ():
            start, end = piece.start() + item.start, piece.start() + item.end
            value = folded.text[start:end]
            if _SERVICE.fullmatch(value) or is_stated(value, own):
                continue
            span = folded.source_span(start, end)
            found.append(replace(finding("personal", "ban", place, text[slice(*span)], _TEMPLATES[item.kind]), span=span,
                                 suggestion=_("Leave it out; the shop's own contact may stand where the records give it.")))
    return found


def is_stated(value: str, own: str) -> bool:
    """Whether the records give a contact, a telephone number in whatever form and an address with or without its district.

    Args:
        own: every value of the records in lower case.
    """
    pieces = [piece for piece in _DISTRICT.split(value.lower()) if piece]
    if _plain(value) in _plain(own) or (len(pieces) > 1 and all(piece in own for piece in pieces)):
        return True
    number = _national(value)
    return len(number) >= _FEWEST and any(_same_number(number, _national(other)) for other in _NUMBER.findall(own))


def is_contact(said: str, value: str) -> bool:
    """Whether a value of a record is, as a whole, the number or mailbox that is said."""
    number = _national(value)
    whole = len(number) >= _FEWEST and _NUMBER.fullmatch(value.strip()) is not None
    return _plain(said) == _plain(value) or (whole and _same_number(number, _national(said)))


def _same_number(one: str, other: str) -> bool:
    """Whether two numbers differ by no more than the code of a country before one of them."""
    short, long = sorted((one, other), key=len)
    return len(short) >= _FEWEST and long.endswith(short) and len(long) - len(short) <= _COUNTRY


def _national(value: str) -> str:
    return re.sub(r"\D", "", value).lstrip("0")


def _may_hold(folded: str) -> bool:
    """Whether any pattern may match; the text is in lower case."""
    return (any(word in folded for word in _WORDS) or any(shape.search(folded) for shape in _SHAPES)
            or (_HOUSE.search(folded) is not None
                and (not _STREETS.isdisjoint(_LATIN.findall(folded)) or _NUMBERED.search(folded) is not None)))


def _spots(folded: str) -> Iterator[int]:
    """Where the words and shapes stand; none reaches beyond a piece."""
    for word in _WORDS:
        place = folded.find(word)
        while place >= 0:
            yield place
            place = folded.find(word, place + 1)
    for shape in (*_SHAPES, _HOUSE):
        for match in shape.finditer(folded):
            yield match.start()


def _plain(text: str) -> str:
    return re.sub(r"[\s().-]", "", text).lower()
