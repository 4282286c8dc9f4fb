"""A page as the SEO check sees it: head, headings, paragraphs, links, pictures, each with its line. HTML or Markdown, however broken."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import yaml
from markdown_it import MarkdownIt

MOST_BYTES = 5_000_000
_BLOCKS = frozenset(("p", "li", "blockquote", "dd", "td"))
_SILENT = frozenset(("script", "style", "template", "noscript", "svg", "head"))
_VOID = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"))


@dataclass(frozen=True)
class Piece:
    """A text with the line it begins on; `level` of a heading."""

    text: str
    line: int
    level: int = 0


@dataclass(frozen=True)
class Anchor:
    href: str
    text: str
    line: int
    has_picture: bool = False


@dataclass(frozen=True)
class Image:
    src: str
    alt: str | None
    line: int
    in_link: bool = False


@dataclass
class Page:
    """What was found, in order of place."""

    titles: list[Piece] = field(default_factory=list)
    metas: list[tuple[str, str, int]] = field(default_factory=list)
    """Name or property in lower case, content, line."""
    canonicals: list[str] = field(default_factory=list)
    lang: str = ""
    headings: list[Piece] = field(default_factory=list)
    paragraphs: list[Piece] = field(default_factory=list)
    anchors: list[Anchor] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    data: list[Any] = field(default_factory=list)
    """Parsed JSON-LD."""
    broken_data: list[int] = field(default_factory=list)
    """Lines of JSON-LD that does not parse."""
    ids: set[str] = field(default_factory=set)
    text: str = ""
    """All text that a reader sees."""

    def meta(self, name: str) -> str:
        """Content of the first meta element of that name; '' without one."""
        return next((content for key, content, _line in self.metas if key == name), "")


def read_page(text: str, kind: str) -> Page:
    """Read 'html' or 'markdown'."""
    if kind == "html":
        return _read_html(text)
    front, body, offset = _front_matter(text)
    # Every block keeps its line as an attribute, so that one reader serves both.
    markdown = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = markdown.parse(body)
    for token in tokens:
        if token.map and token.nesting >= 0 and token.type != "inline":
            token.attrSet("data-line", str(token.map[0] + 1 + offset))
    page = _read_html(str(markdown.renderer.render(tokens, markdown.options, {})))
    if front.get("title"):
        page.titles.insert(0, Piece(str(front["title"]), 1))
    if front.get("description"):
        page.metas.insert(0, ("description", str(front["description"]), 1))
    page.lang = page.lang or str(front.get("lang") or "")
    return page


def _front_matter(text: str) -> tuple[dict[str, Any], str, int]:
    found = re.match(r"\ufeff?---\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", text, re.DOTALL)
    if not found:
        return {}, text, 0
    try:
        front = yaml.safe_load(found[1])
    except (yaml.YAMLError, ValueError, RecursionError):
        front = None
    return front if isinstance(front, dict) else {}, text[found.end():], found[0].count("\n")


def _read_html(text: str) -> Page:
    reader = _Reader()
    reader.feed(text)
    reader.close()
    reader.finish()
    return reader.page


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self._open: list[str] = []
        self._line = 0
        self._block: list[str] | None = None
        self._block_at = 0
        self._heading: tuple[int, int, list[str]] | None = None
        self._title: list[str] | None = None
        self._anchor: tuple[str, int, list[str], list[bool]] | None = None
        self._script: list[str] | None = None
        self._seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in reversed(attrs)}
        self._line = int(given["data-line"]) if given.get("data-line", "").isdigit() else max(self._line, 0 if self._marked else self.getpos()[0])
        if tag not in _VOID:
            self._open.append(tag)
        if "id" in given or (tag == "a" and "name" in given):
            self.page.ids.add(given.get("id") or given.get("name", ""))
        if tag == "html":
            self.page.lang = given.get("lang", "")
        elif tag == "meta":
            name = (given.get("name") or given.get("property") or "").lower()
            self.page.metas.append((name, given.get("content", ""), self._line))
        elif tag == "link" and "canonical" in given.get("rel", "").lower().split():
            self.page.canonicals.append(given.get("href", ""))
        elif tag == "title" and "svg" not in self._open:
            self._title = []
        elif tag == "script":
            self._script = [] if given.get("type", "").lower() == "application/ld+json" else None
        self._start_content(tag, given, {name for name, _value in attrs})

    @property
    def _marked(self) -> bool:
        """Whether lines come from the Markdown source."""
        return 'data-line="' in self.rawdata[:5000]

    def _start_content(self, tag: str, given: dict[str, str], names: set[str]) -> None:
        if re.fullmatch("h[1-6]", tag):
            self._end_block()
            self._heading = (int(tag[1]), self._line, [])
        elif tag in _BLOCKS:
            self._end_block()
            self._block, self._block_at = [], self._line
        elif tag == "br" and self._block is not None:
            self._block.append("\n")
        elif tag == "a" and "href" in names:
            self._end_anchor()
            self._anchor = (given["href"], self._line, [], [])
        elif tag == "img":
            self.page.images.append(Image(given.get("src", ""), given.get("alt") if "alt" in names else None, self._line, self._anchor is not None))
            if self._anchor is not None:
                self._anchor[3].append(True)
                self._anchor[2].append(given.get("alt", ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass
        if re.fullmatch("h[1-6]", tag):
            self._end_heading()
        elif tag in _BLOCKS:
            self._end_block()
        elif tag == "a":
            self._end_anchor()
        elif tag == "title" and self._title is not None:
            self.page.titles.append(Piece(_one_line(self._title), self._line))
            self._title = None
        elif tag == "script" and self._script is not None:
            self._end_script()

    def handle_data(self, data: str) -> None:
        if self._title is not None:
            self._title.append(data)
        elif self._script is not None:
            self._script.append(data)
        elif not _SILENT.intersection(self._open):
            for kept in (self._block, self._heading and self._heading[2], self._anchor and self._anchor[2]):
                if kept is not None:
                    kept.append(data)
            self._seen.append(data)

    def finish(self) -> None:
        """Close what the page left open."""
        self._end_heading()
        self._end_block()
        self._end_anchor()
        if self._title is not None:
            self.page.titles.append(Piece(_one_line(self._title), self._line))
        self.page.text = " ".join("".join(self._seen).split())

    def _end_heading(self) -> None:
        if self._heading is not None:
            self.page.headings.append(Piece(_one_line(self._heading[2]), self._heading[1], self._heading[0]))
        self._heading = None

    def _end_block(self) -> None:
        if self._block is not None and _one_line(self._block):
            self.page.paragraphs.append(Piece(_one_line(self._block), self._block_at))
        self._block = None

    def _end_anchor(self) -> None:
        if self._anchor is not None:
            href, line, text, pictures = self._anchor
            self.page.anchors.append(Anchor(href.strip(), _one_line(text), line, bool(pictures)))
        self._anchor = None

    def _end_script(self) -> None:
        try:
            self.page.data.append(json.loads("".join(self._script or [])))
        except (ValueError, RecursionError):
            self.page.broken_data.append(self._line)
        self._script = None


def _one_line(parts: list[str]) -> str:
    return " ".join("".join(parts).split())
