"""The AI mark of an article's file, and the text that its seal is over, read back from the page."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html.parser import HTMLParser

import yaml

from brandloom.content.studio.marks import AiMark, Piece
from brandloom.govern import label_in_html, parse_label


def sealed_text(texts: Iterable[str]) -> str:
    """What the seal of an article is over: its paragraphs, a line each."""
    return "\n".join(line.strip() for text in texts for line in text.split("\n") if line.strip())


def read_article(text: str, kind: str) -> tuple[Piece, bool] | None:
    """An article's file as one piece, and whether it holds the text that the seal is over, word for word; None for anything else.

    Markdown is written for CommonMark, so that it holds the mark and not the letters as they were sealed.
    """
    reader = {"html": _page, "md": _markdown, "json": _json}.get(kind)
    try:
        return None if reader is None else reader(text)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, yaml.YAMLError):
        return None


def _page(text: str) -> tuple[Piece, bool] | None:
    finder = _Paragraphs()
    finder.feed(text)
    label = label_in_html(text)
    if not finder.articles or not finder.paragraphs:
        return None
    mark = None if label is None else AiMark(finder.visible, label)
    return Piece(sealed_text(finder.paragraphs), mark), True


def _markdown(text: str) -> tuple[Piece, bool] | None:
    _before, head, body = text.split("---\n", 2)
    front = yaml.safe_load(head)
    if not {"title", "slug", "date"} <= set(front):
        return None
    mark = AiMark("", parse_label(front["aigc"])) if "aigc" in front else None
    return Piece(body.strip(), mark), False


def _json(text: str) -> tuple[Piece, bool] | None:
    content = json.loads(text)
    if "passages" not in content:
        return None
    mark = None if content["label"] is None else AiMark.read(content["label"])
    return Piece(sealed_text(item["text"] for item in content["passages"]), mark), True


class _Paragraphs(HTMLParser):
    """The paragraphs of a page's one article, without its byline, and the mark that readers see there."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.articles = 0
        self.paragraphs: list[str] = []
        self.visible = ""
        self._article = self._paragraph = self._mark = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        kind = dict(attrs).get("class")
        if tag == "article":
            self._article, self.articles = True, self.articles + ("id" not in dict(attrs))
        elif tag == "p" and self._article and kind is None:
            self._paragraph = True
            self.paragraphs.append("")
        self._mark = self._article and tag == "span" and kind == "ai"

    def handle_endtag(self, tag: str) -> None:
        self._article = self._article and tag != "article"
        self._paragraph = self._paragraph and tag != "p"
        self._mark = False

    def handle_data(self, data: str) -> None:
        if self._paragraph:
            self.paragraphs[-1] += data
        if self._mark:
            self.visible += data
