"""Personal data in running text: e-mails, phones, id numbers, cards, accounts, plates, public IP addresses, street addresses.

Patterns with their check digits, read with the words before them. Names in free text are not found by any pattern: replace
the known values of the person first. Order numbers, EAN codes, prices and dates are left alone.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

Check = Callable[[str], bool]

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_HIDDEN = re.compile(r"(?<=[\w@.+-])[\u200b-\u200d\u2060\ufeff\u00ad]+(?=[\w@.+-])")
_WORTH_A_LOOK = re.compile(r"[0-9@号]|[\[(]at[\])]|微信|wechat|qq|vx", re.IGNORECASE)
_NOT_A_PHONE = re.compile(
    r"(?:(?<![a-z])(?:orders?|invoice|item|sku|product|goods|ref(?:erence)?|tracking|parcel|barcode|ean|upc|gtin|isbn|asin|serial|model|batch|"
    r"transaction|receipt|no|nr|id)|订单|单号|运单|快递|货号|编号|条码|条形码|流水|商品|发票|型号|批次|编码)"
    r"(?: ?(?:no|nr|number|id|code))?[\s.:#：=(\[号码为是-]{0,4}$|[#$€£¥￥/=]\s?$", re.IGNORECASE)
_PHONE_WORD = (r"(?:(?<![a-z])(?:phone|tel|telephone|mobile|cell|call|text|sms|whatsapp|fax)|电话|手机|联系方式|联系我|致电|拨打|座机|来电)")


@dataclass(frozen=True)
class Found:
    """Personal data from `start` to `end` of a text."""

    kind: str  # email, phone, id_number, card, account, ip, plate, address
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


def _word(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """A pattern that stands alone among ASCII letters and digits; Chinese characters may touch it."""
    return re.compile(rf"(?<![A-Za-z0-9_])(?<![A-Za-z0-9]-)(?<![0-9]\.)(?P<value>{pattern})(?![A-Za-z0-9_])(?![.-][0-9])", flags)


_DATE = re.compile(r"(?:19|20)[0-9]{2}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[/.-][0-9]{1,2}[/.-](?:19|20)[0-9]{2}")
_SERVICE = re.compile(r"(?:\+?86[ -]?)?[48]00[ -]?[0-9]|95[0-9]{3}$")
_STREET = (r"street|st|road|rd|avenue|ave|lane|ln|drive|dr|boulevard|blvd|court|ct|place|pl|square|sq|terrace|close|crescent|"
           r"highway|hwy|parkway|pkwy|way|mews")
_HAN = r"[\u4e00-\u9fff]"
_RECOGNISERS: list[tuple[str, re.Pattern[str], Callable[[re.Match[str]], bool]]] = [
    ("email", re.compile(r"(?<![A-Za-z0-9_%+-])(?P<value>[A-Za-z0-9][A-Za-z0-9._%+'-]*@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24})(?![A-Za-z0-9])"),
     _always),
    ("email", re.compile(r"(?<![\w.])(?P<value>[\w.+-]+ ?[\[(](?:at|@)[\])] ?[\w-]+(?: ?(?:[\[(](?:dot|\.)[\])]|\.) ?[a-z]{2,10})+)",
                         re.IGNORECASE | re.ASCII), _always),
    ("email", re.compile(r"(?P<value>[a-z0-9._+\u00c0-\u024f-]{1,64}@(?:[a-z0-9\u00c0-\u024f\u4e00-\u9fff-]+\.)+(?:[a-z]{2,24}|中国|公司|网络))(?![a-z0-9])", re.IGNORECASE), _always),
    ("id_number", _word(r"[1-9][0-9]{5}[ -]?(?:18|19|20)[0-9]{2}[ -]?[0-9]{4}[ -]?[0-9]{3}[0-9Xx]"),
     lambda match: is_chinese_id(re.sub(r"[ -]", "", match["value"]))),
    ("id_number", re.compile(r"(?:身份证|证件|护照)(?:号码?)?[\s:：是为]{0,3}(?P<value>[A-Za-z0-9]{8,18})"), _always),
    ("id_number", re.compile(r"(?<![a-z])(?:passport|national id|ni number|identity card)(?: (?:no|number))?[\s.:#is]{0,5}"
                             r"(?P<value>[A-Z]{0,2} ?[0-9][0-9A-Z -]{5,12}[0-9A-Z])", re.IGNORECASE), _always),
    ("id_number", _word(r"(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}"), _always),
    ("account", _word(r"[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?"), _by_value(is_iban)),
    ("card", _word(r"[2-6][0-9]{3}(?:[ -]?[0-9]{4}){3}(?:[ -]?[0-9]{1,3})?|3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5}|62[0-9]{14,17}"),
     _by_value(is_card)),
    ("phone", re.compile(_PHONE_WORD + r"(?:(?: (?:no|number|me|us|is|at|on|him|her))|号码?|[\s.:：为是(\-])*(?P<value>[+(]?[0-9][0-9 ()./-]{5,17}[0-9])(?![0-9A-Za-z])",
                         re.IGNORECASE), lambda match: 7 <= len(_digits(match["value"])) <= 15 and not _DATE.match(match["value"])
     and not _SERVICE.match(match["value"])),
    ("phone", _word(r"(?:(?:\+|00)?86[ -]?|\(\+?86\) ?)?1[3-9][0-9](?:[ -]?[0-9]{4}){2}|1[3-9][0-9][ -][0-9]{3}[ -][0-9]{5}"), _no_order_number),
    ("phone", re.compile(r"(?<![A-Za-z0-9+*/=)])(?P<value>\+[1-9][0-9]{0,2}(?:[ .-]?\(0?[0-9]{1,4}\))?(?:[ ./-]?[0-9]){6,13})(?![0-9A-Za-z%])"),
     _international),
    ("phone", _word(r"0[1-9][0-9]{1,2}-[2-8][0-9]{6,7}(?:-[0-9]{1,6})?|\(0[1-9][0-9]{1,2}\) ?[2-8][0-9]{6,7}"), _no_order_number),
    ("phone", re.compile(r"(?<![A-Za-z0-9_+-])(?<![0-9] )(?P<value>(?:1[ .-])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-][0-9]{4})(?![A-Za-z0-9_])(?![ .-][0-9])"),
     _american),
    ("phone", _word(r"07[0-9]{3} ?[0-9]{6}|07[0-9]{3} [0-9]{3} [0-9]{3}|0[12][0-9]{1,3}\)? [0-9]{3,4} [0-9]{4}|01[0-9]{3} [0-9]{6}|"
                    r"0[1-9](?:[ .][0-9]{2}){4}|0[1-9][0-9]{1,3}[ /][0-9]{6,8}"), _no_order_number),
    ("account", re.compile(r"(?:微信号?|wechat(?: id)?|weixin|(?<![a-z])(?:vx|qq)|QQ号?)\s?(?:[:：是为]|is)\s?(?P<value>[A-Za-z0-9][A-Za-z0-9_-]{4,19})",
                           re.IGNORECASE), _always),
    ("plate", _word(r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-HJ-NP-Z][·. ]?[A-HJ-NP-Z0-9]{4,5}[A-HJ-NP-Z0-9挂学警港澳]"),
     _is_plate),
    ("ip", _word(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}|(?:[0-9a-fA-F]{1,4}:){3,7}(?::?[0-9a-fA-F]{1,4})+"), _is_person_ip),
    ("address", re.compile(rf"(?P<value>(?:{_HAN}{{2,12}}(?:省|市|区|县|镇|乡|州|旗))*{_HAN}{{1,12}}(?:路|街|大道|巷|弄|胡同|村|小区|花园|苑|大厦|广场)"
                           rf"[0-9一二三四五六七八九十]{{1,5}}(?:号院?|弄|栋|幢|座)(?:[0-9A-Za-z一二三四五六七八九十-]{{1,6}}(?:号楼?|栋|幢|座|单元|室|楼|层|户|房))*(?:[0-9]{{2,5}})?)"),
     _always),
    ("address", re.compile(rf"(?<![A-Za-z0-9.£$€-])(?P<value>(?:(?:flat|apt|apartment|unit|suite) [0-9]+[A-Za-z]?,? )?[0-9]{{1,5}}[A-Za-z]?(?:-[0-9]{{1,4}})?,? "
                           rf"(?:(?:North|South|East|West|[NSEW]|Old|New|Upper|Lower|St)\.? )?(?:(?!(?:The|On|In|To|Of|For|A) )[A-Z][a-z'’]+ ){{1,3}}(?i:{_STREET})\b\.?)(?=\s*(?:$|[,.;:)，。；]|\n|(?:in|near|apt|flat|unit|suite|floor|and|is|to)\b|{_HAN}))"), _always),
    ("address", re.compile(r"(?<![A-Za-z0-9])(?P<value>[A-ZÄÖÜ][\wäöüß.-]{2,24}(?:straße|strasse|str\.|weg|allee|gasse|platz|straat|laan) [0-9]{1,4}[a-z]?)(?![0-9A-Za-z])"), _always),
    ("address", re.compile(r"(?<![A-Za-z0-9])(?P<value>[0-9]{1,4}(?: bis| ter)?,? (?:rue|avenue|boulevard|chemin|impasse|allée|place) (?:de |du |des |de la |d')?[A-ZÉÈ][\w'’ -]{2,30})"), _always),
    ("address", re.compile(r"(?<![A-Za-z])(?P<value>P\.? ?O\.? ?Box [0-9]{1,6})(?![0-9])", re.IGNORECASE), _always),
]
