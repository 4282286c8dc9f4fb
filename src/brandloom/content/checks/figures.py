"""Every figure of a text, in English and Chinese, as a kind and a value that can be compared with the facts."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from brandloom.content.brief import Offer
from brandloom.content.checks.normalise import fold

_DIGITS = {"零": 0, "〇": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
_UNITS = {"十": 10, "百": 100, "千": 1000, "万": 10_000, "亿": 100_000_000}
_SMALL = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen",
          "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty")
_WORDS = {word: number for number, word in enumerate(_SMALL, start=2)} | {
    "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90, "hundred": 100,
    "thousand": 1000, "million": 1_000_000, "dozen": 12, "hundreds": 100, "thousands": 1000, "millions": 1_000_000,
    "dozens": 12}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONEY_SIGNS = {"£": "GBP", "$": "USD", "€": "EUR", "¥": "CNY",
                "pound": "GBP", "pounds": "GBP", "quid": "GBP", "pence": "GBP",
                "gbp": "GBP", "英镑": "GBP", "镑": "GBP",
                "dollar": "USD", "dollars": "USD", "usd": "USD", "美元": "USD",
                "euro": "EUR", "euros": "EUR", "eur": "EUR", "欧元": "EUR",
                "元": "CNY", "块": "CNY", "块钱": "CNY", "yuan": "CNY", "rmb": "CNY",
                "cny": "CNY", "人民币": "CNY"}
_DURATIONS = {"second": "s", "sec": "s", "秒": "s", "minute": "min", "min": "min", "分钟": "min",
              "hour": "h", "hr": "h", "h": "h",
              "小时": "h", "钟头": "h", "day": "d", "天": "d", "日": "d",
              "week": "w", "周": "w", "星期": "w", "礼拜": "w", "month": "m",
              "个月": "m", "year": "y", "yr": "y", "年": "y"}

_NUMBER = r"\d[\d,]*(?:\.\d+)?"
_WORD = "(?:" + "|".join(_WORDS) + ")"
_HAN = "[零〇一二两三四五六七八九十百千万亿]"
_ANY = rf"(?:{_NUMBER}|{_WORD}(?:[- ]{_WORD})*|{_HAN}+)"
_MONTH = (r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|"
          r"aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)")
_SIGN = "[£$€¥]"
_LATIN_MONEY = "(?:pounds?|quid|pence|gbp|dollars?|usd|euros?|eur|yuan|rmb|cny)"
_HAN_MONEY = "(?:英镑|镑|美元|欧元|块钱|块|元|人民币)"
_EN_SPAN = "(?:seconds?|secs?|minutes?|mins?|hours?|hrs?|h|days?|weeks?|months?|years?|yrs?)"
_ZH_SPAN = "(?:秒|分钟|个?小时|钟头|天|日|周|个?星期|个?礼拜|个月|年)"
_MEASURE = ("(?:个|件|款|种|份|次|名|位|人|盒|套|倍|斤|公斤|克|千克|"
            "毫升|升|米|厘米|毫米|层|支|只|瓶|袋|包|张|片|代|项|道|大|多|余|成|店|家门店|%)")


@dataclass(frozen=True)
class Figure:
    """A figure as written and what it means: kind 'percent', 'money', 'date', 'duration' or 'count'."""

    kind: str
    value: str
    text: str


def figures(text: str) -> list[Figure]:
    """All figures of a text; the idiomatic 'one' and 一 are none, nor are numbers inside words."""
    rest = fold(text)
    found: list[Figure] = []
    for pattern, read in _READERS:
        def keep(match: re.Match[str], read: Callable[[re.Match[str]], tuple[str, str] | None] = read) -> str:
            meaning = read(match)
            if meaning is None:
                return match.group()
            found.append(Figure(*meaning, match.group().strip()))
            return " " * len(match.group())
        rest = pattern.sub(keep, rest)
    return found


@lru_cache(maxsize=256)
def known_figures(evidence: tuple[str, ...], offer: Offer, currency: str) -> frozenset[tuple[str, str]]:
    """The figures a text may repeat: those of the facts and of the offer."""
    known = {(item.kind, item.value) for line in evidence for item in figures(line)}
    if offer.kind == "percent_off" and offer.value is not None:
        known.add(("percent", _plain(offer.value)))
    if offer.kind == "amount_off" and offer.value is not None:
        known.add(("money", f"{currency} {_plain(offer.value)}"))
    if offer.min_order is not None:
        known.add(("money", f"{currency} {_plain(offer.min_order)}"))
    if offer.until is not None:
        known |= {("date", f"{offer.until:%m-%d}"), ("date", f"{offer.until:%m}"), ("date", f"{offer.until:%Y-%m-%d}")}
    return frozenset(known)


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


def _value(text: str) -> Decimal | None:
    """A number in digits, English words or Chinese numerals."""
    text = text.strip().lower().replace(",", "")
    try:
        return Decimal(text)
    except InvalidOperation:
        pass
    words = re.split(r"[- ]+", text)
    if all(word in _WORDS for word in words):
        total = Decimal(0)
        for word in words:
            total = total * _WORDS[word] if _WORDS[word] >= 100 and total else total + _WORDS[word]
        return total
    return _chinese(text)


def _chinese(text: str) -> Decimal | None:
    if not text or any(c not in _DIGITS and c not in _UNITS for c in text):
        return None
    if all(c in _DIGITS for c in text):
        return Decimal("".join(str(_DIGITS[c]) for c in text))
    total = section = digit = 0
    for c in text:
        if c in _DIGITS:
            digit = _DIGITS[c]
        elif _UNITS[c] >= 10_000:
            total, section, digit = total + (section + digit or 1) * _UNITS[c], 0, 0
        else:
            section, digit = section + (digit or 1) * _UNITS[c], 0
    return Decimal(total + section + digit)


def _percent(match: re.Match[str]) -> tuple[str, str] | None:
    value = _value(match["n"])
    return None if value is None else ("percent", _plain(value))


def _zhe(match: re.Match[str]) -> tuple[str, str] | None:
    """9折 is 10 % off, 85折 and 八五折 are 15 % off."""
    digits = "5" if match["n"] == "半" else match["n"].replace("点", ".")
    value = _value(digits) if "." not in digits or digits[0].isdigit() else _value(
        ".".join(str(_DIGITS.get(c, c)) for c in digits.split(".")))
    if value is None or value <= 0:
        return None
    return "percent", _plain(100 - (value if value >= 10 else value * 10))


def _money(match: re.Match[str]) -> tuple[str, str] | None:
    value, sign = _value(match["n"]), match["sign"].lower()
    return None if value is None else ("money", f"{_MONEY_SIGNS[sign]} {_plain(value)}")


def _day(match: re.Match[str]) -> tuple[str, str] | None:
    groups = match.groupdict()
    month = groups["m"].lower()
    number = Decimal(_MONTHS.index(month[:3]) + 1) if month[:3] in _MONTHS else _value(month)
    day = _value(groups["d"]) if groups.get("d") else None
    if number is None or not 1 <= number <= 12 or (day is not None and not 1 <= day <= 31):
        return None
    year = f"{int(_value(groups['y']) or 0):04d}-" if groups.get("y") else ""
    return "date", f"{year}{int(number):02d}" + (f"-{int(day):02d}" if day is not None else "")


def _duration(match: re.Match[str]) -> tuple[str, str] | None:
    value, unit = _value(match["n"]), match["unit"].lower()
    if value is None or match["n"] == "一":
        return None
    key = unit if unit in _DURATIONS else unit.removeprefix("个") if unit.removeprefix("个") in _DURATIONS else unit.rstrip("s")
    return "duration", f"{_plain(value)} {_DURATIONS[key]}"


def _count(match: re.Match[str]) -> tuple[str, str] | None:
    value = _value(match["n"])
    return None if value is None or match["n"] == "一" else ("count", _plain(value))


def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_READERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], tuple[str, str] | None]], ...] = (
    (_compile(r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})"), _day),
    (_compile(rf"(?:(?P<y>\d{{4}}|[〇零一二三四五六七八九]{{4}})年)?"
              rf"(?P<m>\d{{1,2}}|{_HAN}{{1,2}})月(?:(?P<d>\d{{1,2}}|{_HAN}{{1,3}})[日号]?|[份底初末中])"), _day),
    (_compile(rf"(?<![A-Za-z])(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<m>{_MONTH})\b(?:,?\s+(?P<y>\d{{4}}))?"), _day),
    (_compile(rf"\b(?P<m>{_MONTH})\.?\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?!\d)(?:,?\s+(?P<y>\d{{4}}))?"), _day),
    (re.compile(r"\b(?P<m>January|February|March(?!ing)|April|June|July|August|September|October|November|December"
                r"|(?<=\b[Ii]n )May)\b"), _day),
    (_compile(rf"(?P<n>{_NUMBER}|{_WORD}(?:[- ]{_WORD})*)\s*(?:%|percent\b|per cent\b|pct\b)"), _percent),
    (_compile(rf"百分之(?P<n>{_NUMBER}|{_HAN}+)"), _percent),
    (_compile(r"(?P<n>半|\d{1,2}(?:\.\d+)?|[一二三四五六七八九](?:点?[一二三四五六七八九])?)\s*折(?![叠扣射返痕腰磨])"), _zhe),
    (_compile(r"\bhalf[- ](?:price|off)\b|半价"), lambda _match: ("percent", "50")),
    (_compile(rf"(?P<sign>{_SIGN})\s*(?P<n>{_NUMBER})"), _money),
    (_compile(rf"(?P<n>{_NUMBER}|{_WORD}(?:[- ]{_WORD})*)\s*(?P<sign>{_LATIN_MONEY})\b"), _money),
    (_compile(rf"(?P<n>{_NUMBER}|{_HAN}+)\s*(?P<sign>{_HAN_MONEY})"), _money),
    (_compile(rf"\b(?P<n>{_NUMBER}|{_WORD}(?:[- ]{_WORD})*)[- ]?(?P<unit>{_EN_SPAN})\b"), _duration),
    (_compile(rf"(?P<n>{_NUMBER}|{_HAN}+)\s*(?P<unit>{_ZH_SPAN})"), _duration),
    (_compile(rf"(?P<n>{_NUMBER})"), _count),
    (_compile(rf"\b(?P<n>{_WORD}(?:[- ]{_WORD})*)\b"), _count),
    (_compile(rf"(?P<n>{_HAN}+)(?={_MEASURE})"), _count),
)
