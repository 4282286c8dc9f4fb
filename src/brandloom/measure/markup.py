"""Building HTML that cannot be broken into: whatever is not `Html` is escaped, whoever wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from urllib.parse import urlsplit

_VOID = {"br", "hr", "img", "input", "meta"}
_UNWRITABLE = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


class Html(str):
    """Markup that may stand as it is; only this module and the chart renderer make it."""

    __slots__ = ()


def el(tag: str, /, *children: object, **attributes: object) -> Html:
    """One element. Children that are not `Html` are escaped, so are attribute values; None and False are left out.

    `class_` and `for_` stand for the reserved words, other underscores for hyphens.
    """
    written = "".join(_attribute(name, value) for name, value in attributes.items())
    if tag in _VOID:
        return Html(f"<{tag}{written}>")
    return Html(f"<{tag}{written}>{join(children)}</{tag}>")


def join(children: Iterable[object]) -> Html:
    """Pieces after each other; lists and tuples are opened."""
    return Html("".join(_piece(child) for child in children))


def writable(text: str) -> str:
    """Text that a page and a drawing can hold: halves of characters, as half a `\\u` escape of JSON gives, and control characters replaced."""
    return _UNWRITABLE.sub("\ufffd", text)


def link(label: object, url: str) -> Html:
    """A link to a web page, or the bare label when the address is anything but http or https."""
    try:
        safe = urlsplit(url.strip()).scheme in ("http", "https")
    except ValueError:
        safe = False
    return el("a", label, href=url.strip(), rel="noopener noreferrer") if safe else el("span", label)


def table(head: Sequence[object], rows: Iterable[Sequence[object]], *, caption: object = None,
          numbers: Sequence[int] = ()) -> Html:
    """A table whose first column names the row; `numbers` are the columns set in figures, counted from 0."""
    def cell(tag: str, column: int, content: object, **attributes: object) -> Html:
        return el(tag, content, class_="n" if column in numbers else None, **attributes)

    body = [el("tr", *(cell("td", i, item) if i else cell("th", i, item, scope="row") for i, item in enumerate(row)))
            for row in rows]
    return el("div", el("table", el("caption", caption) if caption else None,
                        el("thead", el("tr", *(cell("th", i, item, scope="col") for i, item in enumerate(head)))),
                        el("tbody", *body)),
              class_="scroll few" if len(head) < 3 else "scroll", tabindex="0", role="region", aria_label=caption or head[0])


def fold(summary: object, *content: object, opened: bool = False) -> Html:
    """Content behind a line that opens it."""
    return el("details", el("summary", summary), *content, open=opened or None)


def _piece(child: object) -> str:
    if child is None or child is False:
        return ""
    if isinstance(child, Html):
        return child
    if isinstance(child, (list, tuple)):
        return join(child)
    return escape(writable(str(child)))


def _attribute(name: str, value: object) -> str:
    if value is None or value is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(writable(str(value)))}"'
