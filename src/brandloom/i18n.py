"""Every text a person sees, in English and Chinese, from one gettext catalogue per room.

English is written in the code; `locale/<language>/<room>.po` holds the other languages. A template is marked with `_` where
it is only named (an error, a table heading) and rendered with `say` where it is shown.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.resources import files

from babel.messages.pofile import read_po

LANGUAGES = ("en", "zh")
_current: ContextVar[str] = ContextVar("brandloom_language", default="en")


def _(template: str) -> str:
    """Mark a template for the catalogue without rendering it."""
    return template


def say(template: str, /, **values: object) -> str:
    """Render a template in the current language; `{name}` fields are filled from `values`."""
    text = translate(template, _current.get())
    return text.format(**values) if values else text


def translate(template: str, language: str) -> str:
    """Look a template up in one language; English and unknown templates come back unchanged."""
    return _catalogue(language).get(template, template)


def language() -> str:
    """The language texts are rendered in now, 'en' or 'zh'."""
    return _current.get()


@contextmanager
def using(code: str) -> Iterator[None]:
    """Render in another language inside the block."""
    token = _current.set(nearest_language(code))
    try:
        yield
    finally:
        _current.reset(token)


def set_language(code: str) -> None:
    """Render in this language from here on (a face calls it once)."""
    _current.set(nearest_language(code))


def nearest_language(code: str) -> str:
    """Map a locale such as 'zh_CN.UTF-8' or 'en-GB' to a language we have; anything else reads English."""
    head = code.replace("-", "_").split("_")[0].split(".")[0].lower()
    return head if head in LANGUAGES else "en"


@cache
def _catalogue(code: str) -> dict[str, str]:
    folder = files("brandloom").joinpath("locale", code)
    if code == "en" or not folder.is_dir():
        return {}
    texts: dict[str, str] = {}
    for file in sorted(folder.iterdir(), key=lambda item: item.name):
        if file.name.endswith(".po"):
            for message in read_po(io.BytesIO(file.read_bytes()), locale=code):
                if message.id and message.string and isinstance(message.id, str):
                    texts[message.id] = str(message.string)
    return texts
