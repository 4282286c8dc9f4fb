"""Moments as shops write them. ISO is read in SQL; this module reads what is left, value by distinct value."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

ORDERS = ("dmy", "mdy", "ymd")
EXCEL_EPOCH = datetime(1899, 12, 30)  # day 0 of Excel's 1900 calendar, its false 29 February 1900 counted in
_MONTHS = {name: number for number, names in enumerate(
    ("jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july", "aug august", "sep sept september",
     "oct october", "nov november", "dec december"), start=1) for name in names.split()}
_CLOCK = (r"(?:[T\s,]*(?:(?P<half>上午|下午|中午|晚上|凌晨)\s*)?(?P<hour>\d{1,2})[:时点](?P<minute>\d{1,2})?(?:[:分](?P<second>\d{1,2})?"
          r"(?:[.,](?P<fraction>\d{1,9}))?秒?)?\s*(?P<ampm>[AaPp]\.?[Mm]\.?)?)?")
_ZONE = r"\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}:?(?:\d{2})?)?$"
_WEEKDAY = r"^(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+)?"
_NAMED_DAY_FIRST = re.compile(_WEEKDAY + r"(?P<day>\d{1,2})(?:st|nd|rd|th)?[\s./-]*(?P<name>[a-z]{3,9})\.?,?[\s./-]*(?P<year>\d{4}|\d{2})" + _CLOCK + _ZONE, re.I)
_NAMED_MONTH_FIRST = re.compile(_WEEKDAY + r"(?P<name>[a-z]{3,9})\.?[\s./-]*(?P<day>\d{1,2})(?:st|nd|rd|th)?,?[\s./-]+(?P<year>\d{4})" + _CLOCK + _ZONE, re.I)
_CHINESE = re.compile(r"^(?P<year>\d{4}|\d{2})\s*年\s*(?P<month>\d{1,2})\s*月\s*(?P<day>\d{1,2})\s*[日号]?" + _CLOCK + _ZONE)
_YEAR_FIRST = re.compile(r"^(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})" + _CLOCK + _ZONE)
_THREE_NUMBERS = re.compile(r"^(?P<a>\d{1,2})[-/.](?P<b>\d{1,2})[-/.](?P<c>\d{4}|\d{2})" + _CLOCK + _ZONE)
_COMPACT = re.compile(r"^(?P<year>(?:19|20)\d{2})(?P<month>\d{2})(?P<day>\d{2})(?:[T\s]?(?P<hour>\d{2}):?(?P<minute>\d{2}):?(?P<second>\d{2})?)?" + _ZONE)
_NUMBER = re.compile(r"^\d+(?:\.\d+)?$")


class DayMonthOrder:
    """Gathers, over all values of a column, what order its days and months come in."""

    def __init__(self) -> None:
        self.ambiguous = 0
        self.proofs: dict[str, int] = {}
        self.example_shape = ""

    def see(self, text: str) -> None:
        """Look at one value; only three plain numbers can be in doubt."""
        match = _THREE_NUMBERS.match(tidy(text))
        if not match:
            return
        possible = _possible_orders(match)
        if len(possible) == 1:
            self.proofs[possible[0]] = self.proofs.get(possible[0], 0) + 1
        elif len(possible) > 1:
            self.ambiguous += 1

    @property
    def settled(self) -> str | None:
        """The order most values prove; None when nothing proves one."""
        return max(sorted(self.proofs), key=lambda order: self.proofs[order]) if self.proofs else None


def date_reader(order: str | None, zone: ZoneInfo) -> Callable[[str], datetime | None]:
    """A function that reads one value as a naive UTC datetime, or None when it is no moment.

    Args:
        order: 'dmy', 'mdy' or 'ymd' for three plain numbers; None leaves them unread.
        zone: zone of values that name none.
    """
    def read(text: str) -> datetime | None:
        text = tidy(text)
        try:
            return _number(text, zone) if _NUMBER.match(text) and not _COMPACT.match(text) else _written(text, order, zone)
        except (ValueError, OverflowError):
            return None
    return read


def tidy(text: str) -> str:
    """Plain digits and single spaces."""
    return " ".join((text if text.isascii() else unicodedata.normalize("NFKC", text)).split())


def _written(text: str, order: str | None, zone: ZoneInfo) -> datetime | None:
    for pattern in (_YEAR_FIRST, _COMPACT, _CHINESE, _NAMED_DAY_FIRST, _NAMED_MONTH_FIRST):
        match = pattern.match(text)
        if match:
            return _moment(match.groupdict(), zone)
    match = _THREE_NUMBERS.match(text)
    if match and order:
        parts = match.groupdict()
        parts.update(zip(({"d": "day", "m": "month", "y": "year"}[letter] for letter in order), match.group("a", "b", "c"), strict=True))
        if len(parts["c"]) == 4 and order == "ymd":
            return None
        return _moment(parts, zone)
    return None


def _possible_orders(match: re.Match[str]) -> list[str]:
    a, b, c = int(match["a"]), int(match["b"]), int(match["c"])
    orders = []
    if 1 <= a <= 31 and 1 <= b <= 12:
        orders.append("dmy")
    if 1 <= a <= 12 and 1 <= b <= 31:
        orders.append("mdy")
    if len(match["c"]) == 2 and 1 <= b <= 12 and 1 <= c <= 31 and (a > 31 or not orders):
        orders.append("ymd")
    return orders


def _moment(parts: dict[str, str | None], zone: ZoneInfo) -> datetime | None:
    name = parts.get("name")
    month = _MONTHS.get(name.lower()) if name else int(parts["month"] or 0)
    if not month:
        return None
    year = int(parts["year"] or 0)
    if year < 100:
        year += 2000 if year < 70 else 1900  # as POSIX reads two-digit years
    hour = _hour(int(parts.get("hour") or 0), parts.get("ampm"), parts.get("half"))
    fraction = (parts.get("fraction") or "").ljust(6, "0")[:6]
    moment = datetime(year, month, int(parts["day"] or 0), hour, int(parts.get("minute") or 0), int(parts.get("second") or 0), int(fraction))
    offset = parts.get("zone")
    if offset is None:
        return _utc(moment.replace(tzinfo=zone))
    return _utc(moment.replace(tzinfo=UTC if offset in {"Z", "UTC", "GMT"} else _offset(offset)))


def _hour(hour: int, ampm: str | None, half: str | None) -> int:
    afternoon = (ampm or "").lower().startswith("p") or half in {"下午", "晚上"} or (half == "中午" and hour < 11)
    if afternoon and hour < 12:
        return hour + 12
    if hour == 12 and ((ampm or "").lower().startswith("a") or half in {"凌晨", "上午"}):
        return 0
    return hour


def _offset(text: str) -> timezone:
    digits = text[1:].replace(":", "").ljust(4, "0")
    shift = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-shift if text[0] == "-" else shift)


def _number(text: str, zone: ZoneInfo) -> datetime | None:
    """Epoch seconds, milliseconds or microseconds by their size, or an Excel serial day (1970 to 2119)."""
    value = float(text)
    for unit, low in ((1_000_000, 1e14), (1_000, 1e11), (1, 1e8)):
        if value >= low:
            return datetime(1970, 1, 1) + timedelta(seconds=value / unit) if value < low * 1000 else None
    if 25_569 <= value < 80_000:
        return _utc((EXCEL_EPOCH + timedelta(seconds=round(value * 86_400))).replace(tzinfo=zone))
    return None


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
