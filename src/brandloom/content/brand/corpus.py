"""A company's own texts out of its files, without people's data."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default as mail_policy
from html.parser import HTMLParser
from pathlib import Path

from brandloom.content.brand.reading import LANGUAGES, language_of, size
from brandloom.errors import DataError
from brandloom.govern import scrub
from brandloom.i18n import _
from brandloom.sources.encodings import find_encoding
from brandloom.sources.texts import clean

KINDS = (".txt", ".md", ".html", ".htm", ".eml", ".json", ".jsonl", ".csv", ".tsv")
LARGEST_FILE = 20_000_000
"""Most bytes of one file."""
MOST_TEXTS = 20_000
SHORTEST = 3
"""Words, or characters in Chinese, from which a piece counts as a text."""
_FIELDS = frozenset(("text", "body", "content", "copy", "title", "headline", "subject", "description", "summary", "answer", "post", "caption",
                     "message", "正文", "内容", "文案", "标题", "描述", "介绍", "摘要", "回答", "邮件"))


@dataclass(frozen=True)
class Corpus:
    """Texts by language, each once, in the order of the files."""

    texts: dict[str, list[str]]
    files: int
    skipped: tuple[str, ...]
    """Files of a kind that is not read."""


def read_corpus(paths: Sequence[Path]) -> Corpus:
    """Read files and folders; personal data is masked before anything else sees a text.

    A mail or page is one text. In .txt and .md a line of three dashes parts texts, or, where there is none, a blank line, or, where
    there is none either, the end of a line. In JSON, JSON lines and CSV the fields named text, body, title, answer, 正文 and the like
    are texts, in a list every string is.

    Raises:
        DataError: a file that is not there, too large or not text; no text in any of them.
    """
    found: dict[str, dict[str, None]] = {language: {} for language in LANGUAGES}
    files, skipped = 0, []
    for path in _files(paths):
        if path.suffix.lower() not in KINDS:
            skipped.append(path.name)
            continue
        files += 1
        for text in _texts(path):
            plain = scrub(clean(text))
            language = language_of(plain)
            if size(plain, language) >= SHORTEST and len(found[language]) < MOST_TEXTS:
                found[language].setdefault(plain)
    texts = {language: list(group) for language, group in found.items() if group}
    if not texts:
        raise DataError(_("No text to learn from in {files}. Files of these kinds are read: {kinds}."),
                        files=", ".join(path.name for path in paths) or ".", kinds=", ".join(KINDS))
    return Corpus(texts, files, tuple(skipped))


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.is_file() and not any(part.startswith(".") for part in
                                                                                           file.relative_to(path).parts))
        elif path.is_file():
            yield path
        else:
            raise DataError(_("{file} is not there. Check the name and the folder."), file=path)


def _texts(path: Path) -> list[str]:
    raw = path.read_bytes()
    if len(raw) > LARGEST_FILE:
        raise DataError(_("{file} is larger than {limit} MB; a file of texts has at most that."), file=path.name, limit=LARGEST_FILE // 1_000_000)
    kind = path.suffix.lower()
    if kind == ".eml":
        return _mail(raw)
    text = raw.decode(find_encoding(io.BytesIO(raw), path.name))
    if kind in (".html", ".htm"):
        return [_page(text)]
    if kind == ".json":
        return list(_leaves(_json(text, path.name, 1)))
    if kind == ".jsonl":
        return [leaf for number, line in enumerate(text.splitlines(), 1) if line.strip() for leaf in _leaves(_json(line, path.name, number))]
    if kind in (".csv", ".tsv"):
        return _table(text, path.name, "\t" if kind == ".tsv" else ",")
    return _parted(text)


def _parted(text: str) -> list[str]:
    for parting in (r"\n\s*-{3,}\s*\n", r"\n\s*\n"):
        parts = re.split(parting, f"\n{text.strip()}\n")
        if len(parts) > 1:
            return parts
    return text.splitlines()


def _json(text: str, file: str, line: int) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(_("{file}, line {line}, is not JSON: {reason}."), file=file, line=line, reason=str(error)[:120]) from error


def _leaves(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(item, str) or str(key).lower() in _FIELDS:
                yield from _leaves(item)


def _table(text: str, file: str, comma: str) -> list[str]:
    rows = csv.DictReader(io.StringIO(text), delimiter=comma)
    columns = [name for name in rows.fieldnames or () if name and name.strip().lower() in _FIELDS]
    if not columns:
        raise DataError(_("{file} has no column of texts. Name one of: {known}."), file=file, known=", ".join(sorted(_FIELDS)))
    return [row[name] for row in rows for name in columns if row.get(name)]


def _mail(raw: bytes) -> list[str]:
    body = message_from_bytes(raw, policy=mail_policy).get_body(("plain", "html"))
    if body is None:
        return []
    text = str(body.get_content())
    return [_page(text) if body.get_content_subtype() == "html" else text]


class _Words(HTMLParser):
    """What a reader sees of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("script", "style", "head", "template")
        if tag in ("p", "div", "br", "li", "td", "tr", "h1", "h2", "h3", "h4", "section", "article"):
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = max(0, self._hidden - (tag in ("script", "style", "head", "template")))

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def _page(text: str) -> str:
    reader = _Words()
    reader.feed(text)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.parts).splitlines())
    return "\n".join(line for line in lines if line)
