"""What translation knows of each language: whether the gate checks it, and how money, dates and measures are written in it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, cast

import yaml

from brandloom.content.checks.figures import Figure, plain
from brandloom.content.checks.units import UNITS
from brandloom.errors import ConfigError
from brandloom.i18n import _


def checked_languages() -> list[str]:
    """Languages in which the gate checks claims, law and wording; only these are kept."""
    return [code for code, known in _table()["languages"].items() if known["gate"]]


def require_language(code: str) -> str:
    """A language of the table.

    Raises:
        ConfigError: nothing is known of it.
    """
    if code not in _table()["languages"]:
        raise ConfigError(_("Nothing is known of the language '{code}'. Known: {known}."), code=code, known=", ".join(_table()["languages"]))
    return code


def language_name(code: str, language: str) -> str:
    """What a language is called in English or Chinese."""
    return cast(str, _table()["languages"][code][language])


def prompts() -> Mapping[str, Any]:
    """What the model is told, see `languages.yaml`."""
    return cast("Mapping[str, Any]", _table()["prompts"])


def written(figures: list[Figure], text: str, language: str) -> str | None:
    """A figure, or several that share a unit, as the language writes it; None where that is not known.

    Args:
        figures: of one kind and unit, in order, as read from `text`.
        text: how the source writes them, unit included.
    """
    first = figures[0]
    if first.kind == "money":
        return _money(figures, language)
    if first.kind == "percent":
        return _percent(figures, text, language)
    if first.kind == "date":
        return _date(first.day, language) if len(figures) == 1 else None
    if first.kind == "clock":
        return f"{int(first.number) // 60:02}:{int(first.number) % 60:02}" if len(figures) == 1 else None
    if first.kind == "count":
        return _joined(figures, text, Decimal(1))
    return _measure(figures, text, language)


def _joined(figures: list[Figure], text: str, size: Decimal) -> str:
    sign = " × " if any(mark in text for mark in "x×*乘") or " by " in text else "–"
    numbers = [Decimal(plain(round(item.number / size, 6))) for item in figures]
    # A year has four figures and no comma.
    return sign.join(f"{number:,f}" if number >= 10_000 else f"{number:f}" for number in numbers)


def _money(figures: list[Figure], language: str) -> str | None:
    currency = figures[0].unit
    if not currency:
        return None
    form = _table()["money"].get(language, {}).get(currency, "{n} " + currency)
    amounts = [f"{item.number:,.2f}".removesuffix(".00") for item in figures]
    return str(form).replace("{n}", "–".join(amounts))


def _percent(figures: list[Figure], text: str, language: str) -> str | None:
    low = text.lower()
    if "half" in low or "半价" in low:
        return {"en": "half price", "zh": "半价"}.get(language)
    off = "折" in low or low.endswith("off")
    if off and len(figures) == 1 and language == "zh":
        return f"{plain((100 - figures[0].number) / 10)}折"
    share = f"{_joined(figures, text, Decimal(1))}%"
    return share if not off else f"{share} off" if language == "en" else None


def _date(day: str, language: str) -> str | None:
    numbers = [int(part) for part in day.split("-")]
    year = numbers.pop(0) if len(day.split("-")[0]) == 4 else None
    if language not in ("en", "zh"):
        return day if year and len(numbers) == 2 else str(year) if year and not numbers else None
    if year and not numbers:
        return str(year) if language == "en" else f"{year}年"
    if len(numbers) != 2:
        return None
    month, number = numbers
    if language == "zh":
        return f"{f'{year}年' if year else ''}{month}月{number}日"
    return f"{number} {_table()['months']['en'][month - 1]}{f' {year}' if year else ''}"


def _measure(figures: list[Figure], text: str, language: str) -> str:
    kind, base, size = _unit_of(text, figures[0])
    name = _unit_name(kind, base, size, text, language)
    if name is None:
        size, name = Decimal(1), base
    one, _slash, many = name.partition("/")
    amount = _joined(figures, text, size)
    name = one if not many or amount == "1" else many
    return f"{amount}{name}" if language in ("zh", "ja", "ko") and not name.isascii() else f"{amount} {name}"


def _unit_of(text: str, figure: Figure) -> tuple[str, str, Decimal]:
    """Kind, base unit and size of the unit that the text ends in; the base unit itself where it ends otherwise."""
    low = text.lower().replace("-", " ")
    ends = [name for name, (kind, base, _size) in UNITS.items() if (kind, base) == (figure.kind, figure.unit) and low.endswith(name)]
    return UNITS[max(ends, key=len)] if ends else (figure.kind, figure.unit, Decimal(1))


def _unit_name(kind: str, base: str, size: Decimal, text: str, language: str) -> str | None:
    for row in _table()["units"]:
        parts = str(row["size"]).split("/")
        same = row["kind"] == kind and row.get("unit", base) == base and Decimal(parts[0]) / Decimal(parts[-1] if parts[1:] else 1) == size
        if same and ("like" not in row or any(word in text.lower() for word in row["like"])):
            # The signs of measures are the same in every language of Latin letters; words of time are not.
            return cast("str | None", row.get(language) or (row["en"] if kind != "duration" and "/" not in row["en"] else None))
    return None


@cache
def _table() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(files("brandloom.content.desk").joinpath("languages.yaml").read_text("utf-8"))
    return content
