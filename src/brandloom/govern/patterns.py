"""Personal data in running text: e-mails, phones, id numbers, cards, accounts, plates, public IP addresses, street addresses.

Patterns with their check digits, read with the words before them. Names in free text are not found by any pattern: replace
the known values of the person first. Order numbers, EAN codes, prices and dates are left alone.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from urllib.parse import unquote_to_bytes

Check = Callable[[str], bool]

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_HIDDEN = re.compile(r"(?<=[\w@.+-])[\u200b-\u200d\u2060\ufeff\u00ad]+(?=[\w@.+-])")
_WORTH_A_LOOK = re.compile(r"[0-9@号]|[A-Za-z0-9+/_-]{16,}|[\[(]at[\])]|微信|wechat|qq|vx", re.IGNORECASE)
_NOT_A_PHONE = re.compile(
    r"(?:(?<![a-z])(?:orders?|invoice|item|sku|product|goods|ref(?:erence)?|tracking|parcel|barcode|ean|upc|gtin|isbn|asin|serial|"
    r"model|batch|"
    r"transaction|receipt|no|nr|id)|订单|单号|运单|快递|货号|编号|条码|条形码|流水|商品|发票|型号|批次|编码)"
    r"(?: ?(?:no|nr|number|id|code))?[\s.:#：=(\[号码为是-]{0,4}$|[#$€£¥￥/=]\s?$", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    """Personal data from `start` to `end` of a text."""

    kind: str  # email, phone, id_number, card, account, ip, plate, address, encoded (any of these in base64, hex or percent signs)
    start: int
    end: int


def find_personal(text: str) -> list[Found]:
    """Every piece of personal data in a text, left to right, without overlaps."""
    plain = text if text.isascii() else text.translate(_FULL_WIDTH)
    if not _WORTH_A_LOOK.search(plain):
        return []
    found: list[Found] = []
    for kind, pattern, check in _RECOGNISERS:
        for match in pattern.finditer(plain):
            start, end = match.span("value")
            if not any(start < other.end and other.start < end for other in found) and check(match):
                found.append(Found(kind, start, end))
    return sorted(found, key=lambda one: one.start)


def scrub(text: str) -> str:
    """The text with each piece of personal data replaced by its kind: [email], [phone], [id], [card], [account], ...

    >>> scrub("写信到 li.lei@example.com 或打 13812345678")
    '写信到 [email] 或打 [phone]'
    """
    text = _HIDDEN.sub("", text)
    parts, at = [], 0
    for one in find_personal(text):
        parts += [text[at:one.start], f"[{one.kind.removesuffix('_number')}]"]
        at = one.end
    return "".join([*parts, text[at:]])


def holds_personal(text: str) -> bool:
    """Whether `scrub` would find anything."""
    return bool(find_personal(_HIDDEN.sub("", text)))


def is_chinese_id(text: str) -> bool:
    """18 characters with a province, a possible birthday and the right check character (GB 11643)."""
    if not re.fullmatch(r"[1-9][0-9]{16}[0-9Xx]", text) or text[:2] not in _PROVINCES:
        return False
    try:
        born = date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return False
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(text[:17]))
    return 1890 <= born.year <= 2100 and "10X98765432"[total % 11] == text[17].upper()


def passes_luhn(digits: str) -> bool:
    """Whether the last digit is the Luhn check digit of the others."""
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def is_card(text: str) -> bool:
    """15 to 19 digits that begin as a card does and pass Luhn."""
    digits = _digits(text)
    return bool(_CARD_START.match(digits)) and len(set(digits)) > 1 and passes_luhn(digits)


def is_iban(text: str) -> bool:
    """Letters and digits whose remainder by 97 is 1 (ISO 13616)."""
    plain = re.sub(r"\s", "", text).upper()
    if not 15 <= len(plain) <= 34:
        return False
    return int("".join(str(int(letter, 36)) for letter in plain[4:] + plain[:4])) % 97 == 1


_PROVINCES = {str(code) for code in (*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55),
                                     *range(61, 66), 71, 81, 82, 83, 91)}
_CARD_START = re.compile(r"4[0-9]{15}(?:[0-9]{3})?$|5[1-5][0-9]{14}$|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)[0-9]{12,14}$|"
                         r"3[47][0-9]{13}$|6(?:011|5[0-9]{2})[0-9]{12}$|62[0-9]{14,17}$|35[0-9]{14}$")


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter in "0123456789")


def _always(match: re.Match[str]) -> bool:
    return True


def _by_value(check: Check) -> Callable[[re.Match[str]], bool]:
    return lambda match: check(match["value"])


def _no_order_number(match: re.Match[str]) -> bool:
    before = match.string[max(0, match.start("value") - 24):match.start("value")]
    return not _NOT_A_PHONE.search(before)


def _international(match: re.Match[str]) -> bool:
    value = match["value"]
    return 8 <= len(_digits(value)) <= 15 and not re.fullmatch(r"\+[0-9]+\.[0-9]+", value)


def _american(match: re.Match[str]) -> bool:
    return _digits(match["value"])[-10:-7] not in {"800", "833", "844", "855", "866", "877", "888", "400", "900"} \
        and _no_order_number(match)


def _is_person_ip(match: re.Match[str]) -> bool:
    try:
        address = ipaddress.ip_address(match["value"])
    except ValueError:
        return False
    before = match.string[max(0, match.start() - 10):match.start()].lower()
    return address.is_global and not re.search(r"(?:v|ver|version|版本|版)[\s.:：号]*$", before)


def _is_plate(match: re.Match[str]) -> bool:
    return len(_digits(match["value"])) >= 3


def _is_handle(match: re.Match[str]) -> bool:
    """A name of an account rather than a word: it holds a digit or '_', or letters no word begins with."""
    return bool(re.search(r"[0-9_]", match["value"]))


def _hides_personal(match: re.Match[str]) -> bool:
    """Base64, hex or percent-encoding of text that holds personal data."""
    return any(_WORTH_A_LOOK.search(text) and holds_personal(text) for text in _decoded(match["value"]))


def _decoded(value: str) -> list[str]:
    found = []
    if "%" in value:
        found.append(unquote_to_bytes(value))
    plain = value.rstrip("=").replace("-", "+").replace("_", "/")
    if re.fullmatch(r"[A-Za-z0-9+/]+", plain) and len(plain) % 4 != 1:
        found.append(base64.b64decode(plain + "=" * (-len(plain) % 4)))
    if re.fullmatch(r"(?:[0-9A-Fa-f]{2})+", value):
        found.append(bytes.fromhex(value))
    texts = [raw.decode("utf-8", "ignore") for raw in found]
    return [text for text in texts if text != value and text.isprintable()]


def _chinese_id(match: re.Match[str]) -> bool:
    return is_chinese_id(re.sub(r"[ -]", "", match["value"]))


def _called(match: re.Match[str]) -> bool:
    """A number after 'phone' or '电话' that is neither a date nor a service line."""
    value = match["value"]
    return 7 <= len(_digits(value)) <= 15 and not _DATE.match(value) and not _SERVICE.match(value)


_DATE = re.compile(r"(?:19|20)[0-9]{2}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[/.-][0-9]{1,2}[/.-](?:19|20)[0-9]{2}")
_SERVICE = re.compile(r"(?:\+?86[ -]?)?[48]00[ -]?[0-9]|95[0-9]{3}$")
_CHECKS: dict[str, Callable[[re.Match[str]], bool]] = {
    "always": _always, "chinese_id": _chinese_id, "iban": _by_value(is_iban), "card": _by_value(is_card), "called": _called,
    "no_order_number": _no_order_number, "international": _international, "american": _american, "plate": _is_plate,
    "ip": _is_person_ip, "handle": _is_handle, "hides_personal": _hides_personal,
}


def _read_recognisers() -> list[tuple[str, re.Pattern[str], Callable[[re.Match[str]], bool]]]:
    """The lines of `patterns.tsv`; Chinese characters may touch a value that stands alone among ASCII letters and digits."""
    lines = files("brandloom.govern").joinpath("patterns.tsv").read_text(encoding="utf-8").splitlines()
    recognisers = []
    for kind, where, check, pattern in (line.split("\t") for line in lines if not line.startswith("#")):
        if where == "alone":
            pattern = rf"(?<![A-Za-z0-9_])(?<![A-Za-z0-9]-)(?<![0-9]\.)(?P<value>{pattern})(?![A-Za-z0-9_])(?![.-][0-9])"
        recognisers.append((kind, re.compile(pattern), _CHECKS[check]))
    return recognisers


_RECOGNISERS = _read_recognisers()
