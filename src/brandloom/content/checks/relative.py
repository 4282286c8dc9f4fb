"""Dates told from today: 'last year', 'next Monday', 去年三月, 下周一."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from brandloom.content.checks.figures import value_of

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WAY = {"last": -1, "this": 0, "next": 1, "coming": 1, "上": -1, "这": 0, "本": 0, "下": 1, "前": -2, "去": -1, "今": 0, "明": 1, "后": 2}
_NEAR = {"yesterday": -1, "today": 0, "tonight": 0, "tomorrow": 1, "前天": -2, "昨天": -1, "昨日": -1, "今天": 0, "今日": 0, "今晚": 0, "明天": 1,
         "明日": 1, "明早": 1, "明晚": 1, "后天": 2}
_PATTERN = re.compile(
    r"\b(?P<near>yesterday|today|tonight|tomorrow)\b|(?P<near_zh>[前昨今明后]天|[昨今明]日|[今明]晚|明早)"
    r"|(?:\b(?:in |of )?(?P<m2>(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*)\s+(?:of )?)?\b(?P<way>last|this|next)\s+"
    r"(?:(?P<unit>year|month|weekend|week)\b|(?P<weekday>(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b"
    r"|(?P<month>january|february|march|april|may|june|july|august|september|october|november|december)\b)"
    r"|(?P<year_zh>[前去今明后])年的?(?:(?P<m>\d{1,2}|[一二三四五六七八九十]{1,2})月(?:(?P<d>\d{1,2}|[一二三四五六七八九十]{1,3})[日号])?[份底初中末]?)?"
    r"|(?P<way_zh>[上这本下])个?(?:(?P<month_zh>月)|(?:周|星期|礼拜)(?P<day_zh>[一二三四五六日天末])?)", re.IGNORECASE)


@dataclass(frozen=True)
class Told:
    """Words that tell a date from today, and the periods that they may mean, each from its first day to its last."""

    start: int
    end: int
    periods: tuple[tuple[date, date], ...]
    names_month: bool
    """True where a month follows a year, as in 去年三月: the two must be right together."""

    def fits(self, day: str) -> bool:
        """True when a stated date, '2026-05-03' or '2026-05' or '2026', lies in one of the periods."""
        span = _span_of(day)
        return span is not None and any(low <= span[0] and span[1] <= high for low, high in self.periods)


def told_dates(text: str, today: date) -> Iterator[Told]:
    """All dates that a folded text tells from today."""
    for match in _PATTERN.finditer(text):
        groups = {name: value for name, value in match.groupdict().items() if value}
        periods = tuple(_periods({name: value.lower() for name, value in groups.items()}, today))
        if periods:
            yield Told(*match.span(), periods, bool(groups.keys() & {"m", "m2", "month"}))


def _periods(said: dict[str, str], today: date) -> Iterator[tuple[date, date]]:
    near = said.get("near") or said.get("near_zh")
    if near:
        day = today + timedelta(days=_NEAR[near])
        yield day, day
    elif "year_zh" in said:
        yield from _of_year(today.year + _WAY[said["year_zh"]], said.get("m"), said.get("d"))
    elif said.get("unit") == "year":
        month = str(_MONTHS.index(said["m2"][:3]) + 1) if "m2" in said else None
        yield from _of_year(today.year + _WAY[said["way"]], month, None)
    elif "month" in said:
        month_at, way = _MONTHS.index(said["month"][:3]) + 1, _WAY[said["way"]]
        passed = month_at < today.month if way < 0 else month_at <= today.month
        year = today.year - (0 if passed else 1) if way < 0 else today.year + (1 if way > 0 and passed else 0)
        yield from _of_year(year, str(month_at), None)
    elif said.get("unit") == "month" or "month_zh" in said:
        at = today.year * 12 + today.month - 1 + _WAY[said.get("way") or said["way_zh"]]
        yield from _of_year(at // 12, str(at % 12 + 1), None)
    else:
        yield from _of_week(said, today)


def _of_year(year: int, month: str | None, day: str | None) -> Iterator[tuple[date, date]]:
    if month is None:
        yield date(year, 1, 1), date(year, 12, 31)
        return
    number, at = int(value_of(month) or 0), int(value_of(day) or 0) if day else 0
    if 1 <= number <= 12 and 0 <= at <= calendar.monthrange(year, number)[1]:
        yield date(year, number, at or 1), date(year, number, at or calendar.monthrange(year, number)[1])


def _of_week(said: dict[str, str], today: date) -> Iterator[tuple[date, date]]:
    way = _WAY[said.get("way") or said["way_zh"]]
    monday = today - timedelta(days=today.weekday()) + timedelta(weeks=way)
    weekday = _DAYS.index(said["weekday"][:3]) if "weekday" in said else "一二三四五六日".find(said.get("day_zh", "").replace("天", "日") or "?")
    if said.get("unit") == "weekend" or said.get("day_zh") == "末":
        yield monday + timedelta(days=5), monday + timedelta(days=6)
    elif weekday >= 0:
        day = monday + timedelta(days=weekday)
        yield day, day
        if "weekday" in said and way:
            # 'Next Friday' may be the coming one as well, and 'last Monday' the one just gone.
            other = day - timedelta(weeks=way)
            if (other > today) == (way > 0) and other != today:
                yield other, other
    else:
        yield monday, monday + timedelta(days=6)


def _span_of(day: str) -> tuple[date, date] | None:
    parts = [int(part) for part in day.split("-")] if re.fullmatch(r"\d{4}(-\d\d){0,2}", day) else []
    try:
        if len(parts) == 3:
            return date(*parts), date(*parts)
        if len(parts) == 2:
            return date(parts[0], parts[1], 1), date(parts[0], parts[1], calendar.monthrange(parts[0], parts[1])[1])
        return (date(parts[0], 1, 1), date(parts[0], 12, 31)) if parts else None
    except (ValueError, calendar.IllegalMonthError):
        return None
