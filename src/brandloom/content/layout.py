"""Layouts: MJML with Liquid, compiled once per language and rendered into moulds. A marketer's layout is untrusted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from html.parser import HTMLParser
from importlib.resources import files

import mjml
from liquid.exceptions import LiquidError

from brandloom.content.bounded import MOST_SOURCE, MOST_TAGS, BoundedLiquid, liquid, run
from brandloom.errors import ConfigError
from brandloom.i18n import _, translate

_OPEN, _CLOSE = "\ue000", "\ue001"
_HOLE = re.compile(f"{_OPEN}(.){_CLOSE}")
_FIRST_HOLE = 0xE100
_TEXTS = {
    "unsubscribe": _("Unsubscribe with one click"),
    "preview": _("Preview: this message has not been sent"),
}
PLAIN_BRAND: Mapping[str, object] = {
    "logo": {"src": "", "alt": "", "width": 0, "height": 0}, "legal": (),
    "colours": {"primary": "#0c5c50", "on_primary": "#ffffff", "page": "#f3efe8", "soft": "#55625f", "tint": "#eaf3f0", "accent": "#0c5c50",
                "tile": "#e3efeb", "on_tile": "#0c5c50", "night_tint": "#21352f", "night_accent": "#8fd6c3", "night_tile": "#21443c",
                "on_night_tile": "#9fdccb"}}
"""The look of a shop without a brand kit; `content.brand.look` makes one from a kit, to be passed as the value `brand`."""


@dataclass(frozen=True)
class Layout:
    """The two forms of a message, each with Liquid; `[[word]]` stands for a text of the catalogue."""

    name: str
    mjml: str
    text: str


@cache
def bundled_layout(name: str = "card") -> Layout:
    """A layout that comes with the package."""
    folder = files("brandloom.content").joinpath("layouts")
    return Layout(name, folder.joinpath(f"{name}.mjml").read_text("utf-8"),
                  folder.joinpath(f"{name}.txt.liquid").read_text("utf-8"))


@dataclass(frozen=True)
class Mould:
    """Text with holes for what differs per person: pieces and, between them, the number of the value that goes there."""

    pieces: tuple[str, ...]
    holes: tuple[int, ...]

    def fill(self, values: list[str]) -> str:
        """Put values in, as they are: the caller has escaped them."""
        out = [""] * (2 * len(self.holes) + 1)
        out[::2] = self.pieces
        out[1::2] = [values[hole] for hole in self.holes]
        return "".join(out)


def hole(number: int) -> str:
    """A mark that Liquid and escaping leave alone, later replaced by value `number`."""
    return f"{_OPEN}{chr(_FIRST_HOLE + number)}{_CLOSE}"


def without_holes(text: str) -> str:
    """Text that cannot be taken for a mark."""
    return text.replace(_OPEN, "").replace(_CLOSE, "")


def mould(text: str) -> Mould:
    """Split a rendered text at its holes."""
    parts = _HOLE.split(text)
    return Mould(tuple(parts[::2]), tuple(ord(mark) - _FIRST_HOLE for mark in parts[1::2]))


def render_html(layout: Layout, language: str, values: Mapping[str, object]) -> str:
    """Render the HTML form; every value is escaped.

    Raises:
        ConfigError: the layout does not compile, names an unknown value, grows past its limits, changes a personal value
            with a filter, or holds anything active (scripts, handlers, frames, forms, links of another scheme).
    """
    page = _render(liquid(escape=True), compile_mjml(layout, language), layout, values)
    _refuse_active(page, layout)
    return page


def render_text(layout: Layout, language: str, values: Mapping[str, object]) -> str:
    """Render the text form; same errors."""
    page = _render(liquid(escape=False), _with_texts(layout.text, language), layout, values)
    return re.sub(r"\n{3,}", "\n\n", page).strip() + "\n"


@lru_cache(maxsize=64)
def compile_mjml(layout: Layout, language: str) -> str:
    """HTML of a layout with its Liquid still in it."""
    source = _with_texts(layout.mjml, language)
    if len(source) > MOST_SOURCE or source.count("<") > 2 * MOST_TAGS:
        raise ConfigError(_("Layout '{name}' is too large: at most {characters} characters and {tags} elements can be compiled."), name=layout.name,
                          characters=MOST_SOURCE, tags=MOST_TAGS)
    if re.search(r"<mj-(?:include|html-attributes)\b", source):
        raise ConfigError(_("Layout '{name}' uses mj-include or mj-html-attributes, which are not allowed."), name=layout.name)
    try:
        return str(mjml.mjml2html(source, disable_comments=False, fonts={}))
    except (ValueError, OSError) as error:
        raise ConfigError(_("Layout '{name}' is not valid MJML: {reason}."), name=layout.name,
                          reason=" ".join(str(error).split())[:160]) from error


def _render(environment: BoundedLiquid, source: str, layout: Layout, values: Mapping[str, object]) -> str:
    try:
        page = run(environment, source, {"brand": PLAIN_BRAND, **values})
    except LiquidError as error:
        raise ConfigError(_("Layout '{name}' cannot be rendered: {reason}. Values are {known}."), name=layout.name,
                          reason=" ".join(str(error).split())[:160], known=", ".join(dict.fromkeys((*values, "brand")))) from error
    if len(_HOLE.findall(page)) != page.count(_OPEN) or page.count(_OPEN) != page.count(_CLOSE):
        raise ConfigError(_("Layout '{name}' changes a personal value with a filter; such values can only be printed."),
                          name=layout.name)
    return page


def _with_texts(source: str, language: str) -> str:
    for word, template in _TEXTS.items():
        source = source.replace(f"[[{word}]]", translate(template, language))
    return source.replace("[[lang]]", {"zh": "zh-CN"}.get(language, language))


class _Active(HTMLParser):
    """Finds what acts in a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "iframe", "object", "embed", "form", "input", "base", "svg", "math", "link", "video", "audio"):
            self.found = self.found or f"<{tag}>"
        for name, value in attrs:
            scheme = re.match(r"\s*([a-z][a-z0-9+.-]*):", re.sub(r"[\x00-\x20]", "", value or "").lower())
            if name.startswith("on") or (name in ("href", "src", "action", "formaction", "xlink:href", "background", "poster")
                                         and scheme and scheme[1] not in ("http", "https", "mailto", "tel", "cid")):
                self.found = self.found or f"{name}="
            if name == "http-equiv" and (value or "").lower() == "refresh":
                self.found = self.found or "refresh"

    handle_startendtag = handle_starttag


def _refuse_active(page: str, layout: Layout) -> None:
    finder = _Active()
    finder.feed(page)
    finder.close()
    left = re.search(r"\{\{|\{%", page[page.find("<body"):])
    if left:
        raise ConfigError(_("Layout '{name}' leaves {found} unfilled."), name=layout.name, found=left.group())
    if finder.found:
        raise ConfigError(_("Layout '{name}' holds {found}, which a message must not have."), name=layout.name,
                          found=finder.found)
