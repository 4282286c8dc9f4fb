"""How one reader sees numbers and texts: language, currency, units, intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from babel.core import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_compact_decimal, format_currency, format_decimal, format_percent

from brandloom.i18n import _, translate
from brandloom.measure.intervals import Estimate
from brandloom.measure.markup import Html, el, join
from brandloom.measure.words import Words, words

_Writer = Callable[[float | None], str]


@dataclass(frozen=True)
class Reader:
    """Formats for one language and currency. Nothing here knows what a number means."""

    language: str
    currency: str

    @property
    def locale(self) -> Locale:
        return Locale.parse("zh_Hans_CN" if self.language == "zh" else "en")

    def say(self, template: str, /, **values: object) -> str:
        text = translate(template, self.language)
        return text.format(**values) if values else text

    def words(self, item: Words) -> str:
        return words(item, self.language)

    def number(self, value: float | None, digits: int = 0) -> str:
        if value is None:
            return "–"
        return format_decimal(round(value, digits), format="#,##0" + ("." + "0" * digits if digits else ""), locale=self.locale)

    def percent(self, value: float | None, digits: int = 1) -> str:
        if value is None:
            return "–"
        return format_percent(value, format="#,##0." + "0" * digits + "%" if digits else "#,##0%", locale=self.locale)

    def points(self, value: float | None) -> str:
        """A difference of shares, in percentage points, with its sign."""
        return "–" if value is None else self.say(_("{value} pt"), value=f"{100 * value:+.1f}".replace("-", "−"))

    def change(self, value: float | None) -> str:
        """A relative change with its sign."""
        if value is None:
            return "–"
        return f"{100 * value:+.{0 if abs(value) >= 0.1 else 1}f}%".replace("-", "−")

    def money(self, value: float | None) -> str:
        if value is None:
            return "–"
        whole = abs(value) >= 1000
        return format_currency(round(value) if whole else value, self.currency, locale=self.locale,
                               format="¤#,##0;-¤#,##0" if whole else None, currency_digits=not whole).replace("-", "−")

    def short_money(self, value: float) -> str:
        """For a chart's labels: £1.2M."""
        symbol = format_currency(0, self.currency, locale=self.locale, format="¤")
        return symbol.strip("0 ") + format_compact_decimal(value, locale=self.locale, fraction_digits=1)

    def date(self, iso: str) -> str:
        try:
            return format_date(date.fromisoformat(iso[:10]), format="long", locale=self.locale)
        except ValueError:
            return iso

    def month(self, iso: str) -> str:
        return format_date(date.fromisoformat(iso[:10]), format="yyyy-MM", locale=self.locale)

    def moment(self, iso: str) -> str:
        try:
            return format_datetime(datetime.fromisoformat(iso), format="medium", locale=self.locale) + " UTC"
        except ValueError:
            return iso

    def seconds(self, value: float) -> str:
        return self.say(_("{n} s"), n=self.number(value, 1 if value < 10 else 0))

    def memory(self, megabytes: float) -> str:
        return self.say(_("{n} MB"), n=self.number(megabytes))

    def share(self, estimate: Estimate) -> Html:
        """A share with its interval: 38.2% [35.7%, 40.9%]."""
        return self._with_interval(estimate, self.percent)

    def share_gap(self, estimate: Estimate) -> Html:
        """A difference of shares with its interval, the unit written once: +6.8 [+4.3, +9.2] pt."""
        def plain(value: float | None) -> str:
            return "" if value is None else f"{100 * value:+.1f}".replace("-", "−")

        return Html(self.say(_("{value} pt"), value=self._with_interval(estimate, plain)))

    def relative(self, estimate: Estimate) -> Html:
        return self._with_interval(estimate, self.change)

    def amount(self, estimate: Estimate) -> Html:
        return self._with_interval(estimate, self.money)

    def quantity(self, estimate: Estimate, digits: int = 0) -> Html:
        return self._with_interval(estimate, lambda value: self.number(value, digits))

    def _with_interval(self, estimate: Estimate, write: _Writer) -> Html:
        if estimate.low is None and estimate.high is None:
            return join([write(estimate.value)])
        low = write(estimate.low) if estimate.low is not None else "−∞"
        high = write(estimate.high) if estimate.high is not None else "∞"
        level = "" if estimate.level == 95 else self.say(_(" ({level}% interval)"), level=estimate.level)
        return join([el("span", write(estimate.value), class_="v"), " ", el("span", f"[{low}, {high}]{level}", class_="ci")])
