"""Texts for people that are written in one place and read in another, in either language."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from brandloom.i18n import translate, using


@dataclass(frozen=True)
class Text:
    """A catalogue template with its values; `text(_("{n} rows"), n=3)` makes one."""

    template: str
    values: dict[str, str | int | float] = field(default_factory=dict)


@dataclass(frozen=True)
class Both:
    """A text that was rendered in each language where it was made."""

    en: str
    zh: str


Words = str | Text | Both


@dataclass(frozen=True)
class Count:
    """How many of something."""

    label: Words
    count: int


def both(make: Callable[[], str]) -> Both:
    """Render what another room says, in both languages."""
    made = {}
    for code in ("en", "zh"):
        with using(code):
            made[code] = make()
    return Both(**made)


def text(template: str, /, **values: str | int | float) -> Text:
    """A text shown in the reader's language; mark the template with `_` where it is written."""
    return Text(template, values)


def words(item: Words, language: str) -> str:
    """Render words in one language; a plain string is looked up as it is, text values too."""
    if isinstance(item, str):
        return translate(item, language)
    if isinstance(item, Both):
        return item.zh if language == "zh" else item.en
    values = {name: translate(value, language) if isinstance(value, str) else value for name, value in item.values.items()}
    template = translate(item.template, language)
    return template.format(**values) if values else template
