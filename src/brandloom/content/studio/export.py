"""Copy as a file: JSON, Markdown, HTML, CSV or plain text, each with the AI marks where a reader and a program look for them."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from brandloom.content.studio.marks import NOBODY, AiMark, Maker, Piece, pieces
from brandloom.content.studio.write import Written
from brandloom.errors import ConfigError, DataError
from brandloom.govern import parse_label
from brandloom.i18n import _
from brandloom.sources.cells import plain_cell, safe_cell

Kind = Literal["json", "md", "html", "csv", "txt"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_FIELDS = ("Label", "ContentProducer", "ProduceID", "ReservedCode1", "ContentPropagator", "PropagateID", "ReservedCode2")
_FOOT = re.compile(r"(?P<visible>.+?) AIGC (?P<label>\{.*\}) (?P<source>\S+)")
_NAMESPACE = "http://www.tc260.org.cn/ns/AIGC/1.0/"


def kind_of(path: Path) -> Kind:
    """The kind of file that a name asks for.

    Raises:
        ConfigError: its ending is none of them.
    """
    found = path.suffix.lower().removeprefix(".")
    if found not in KINDS:
        raise ConfigError(_("{file}: copy is written and read as {known}. Choose one of these endings."), file=path.name,
                          known=", ".join(f".{kind}" for kind in KINDS))
    return found


def export(written: Written, kind: Kind, *, maker: Maker = NOBODY, also: Mapping[str, Any] | None = None) -> str:
    """The variants as the text of a file; `also` is added to the JSON, where programs look for more than the copy."""
    made = pieces(written, maker)
    return _json(written, made, also or {}) if kind == "json" else _WRITERS[kind](written, made)


def read_export(text: str, kind: Kind) -> list[Piece]:
    """The texts of a file that `export` wrote, with their marks.

    Raises:
        DataError: it is not such a file.
    """
    try:
        return _READERS[kind](text.removeprefix("\ufeff"))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, yaml.YAMLError, csv.Error) as error:
        raise DataError(_("This is no file of copy as `brandloom write` makes it ({kind}): {reason}."), kind=kind,
                        reason=" ".join(str(error).split())[:200] or type(error).__name__) from error


def _json(written: Written, made: Sequence[Piece], also: Mapping[str, Any]) -> str:
    content = written.to_dict()
    for variant, piece in zip(content["variants"], made, strict=True):
        variant |= {"text": piece.text, "ai": None if piece.mark is None else piece.mark.to_dict()}
    return json.dumps(content | dict(also), ensure_ascii=False, indent=2) + "\n"


def _read_json(text: str) -> list[Piece]:
    return [_piece(variant["text"], variant["ai"]) for variant in json.loads(text)["variants"]]


def _markdown(written: Written, made: Sequence[Piece]) -> str:
    """Front matter holds the marks; each text stands in a fence, so that nothing in it is markup."""
    head = {"lang": written.asked.lang, "format": written.form.name, "variants": [
        {"angle": draft.angle, "source": draft.source, "model": draft.model, "ai": None if piece.mark is None else piece.mark.to_dict()}
        for draft, piece in zip(written.drafts, made, strict=True)]}
    fence = "`" * max(3, 1 + max((len(run) for piece in made for run in re.findall("`+", piece.text)), default=0))
    parts = [f"---\n{yaml.safe_dump(head, allow_unicode=True, sort_keys=False, width=10_000)}---\n"]
    for number, piece in enumerate(made, start=1):
        seen = [] if piece.mark is None or piece.text.endswith(piece.mark.visible) else [f"{piece.mark.visible}\n"]
        parts += [f"## {number}\n", f"{fence}text\n{piece.text}\n{fence}\n", *seen]
    return "\n".join(parts)


def _read_markdown(text: str) -> list[Piece]:
    _before, head, body = text.split("---\n", 2)
    texts = [found[2] for found in re.finditer(r"^(`{3,})text\n(.*?)\n\1$", body, re.S | re.M)]
    return [_piece(one, variant["ai"]) for one, variant in zip(texts, yaml.safe_load(head)["variants"], strict=True)]


def _html(written: Written, made: Sequence[Piece]) -> str:
    """One page: a meta tag per generated text, all texts as linked data, and as articles to read."""
    works = [_work(piece, written.asked.lang) for piece in made]
    data = json.dumps({"@context": ["https://schema.org", {"aigc": _NAMESPACE}], "@graph": works}, ensure_ascii=False)
    metas = "".join(f"{piece.mark.label.meta_tag()}\n" for piece in made if piece.mark)
    articles = "".join(_article(number, piece) for number, piece in enumerate(made, start=1))
    return (f'<!doctype html>\n<html lang="{written.asked.lang}">\n<head>\n<meta charset="utf-8">\n<title>{html.escape(written.form.name)}</title>\n'
            f'{metas}<script type="application/ld+json">{_for_script(data)}</script>\n</head>\n<body>\n{articles}</body>\n</html>\n')


def _work(piece: Piece, language: str) -> dict[str, Any]:
    work: dict[str, Any] = {"@type": "CreativeWork", "inLanguage": language, "text": piece.text}
    if piece.mark is None:
        return work
    label = piece.mark.label
    return work | {"identifier": label.produce_id, "creator": {"@type": "Organization", "name": label.content_producer},
                   "creditText": piece.mark.visible, "digitalSourceType": piece.mark.digital_source, "aigc:AIGC": label.to_json()}


def _article(number: int, piece: Piece) -> str:
    seen = "" if piece.mark is None or piece.text.endswith(piece.mark.visible) else f'<p class="ai">{html.escape(piece.mark.visible)}</p>\n'
    return f'<article id="variant-{number}">\n<p style="white-space:pre-wrap">{html.escape(piece.text)}</p>\n{seen}</article>\n'


def _for_script(data: str) -> str:
    """JSON that cannot end the script it stands in."""
    return data.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _read_html(text: str) -> list[Piece]:
    finder = _DataFinder()
    finder.feed(text)
    return [_read_work(work) for work in json.loads("".join(finder.data))["@graph"]]


def _read_work(work: Mapping[str, Any]) -> Piece:
    if "aigc:AIGC" not in work:
        return Piece(_text(work["text"]), None)
    return Piece(_text(work["text"]), AiMark(_text(work["creditText"]), parse_label(work["aigc:AIGC"]), _text(work["digitalSourceType"])))


class _DataFinder(HTMLParser):
    """The content of a page's linked data."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.data: list[str] = []
        self._within = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._within = tag == "script" and dict(attrs).get("type") == "application/ld+json"

    def handle_endtag(self, tag: str) -> None:
        self._within = False

    def handle_data(self, data: str) -> None:
        if self._within:
            self.data.append(data)


def _csv(written: Written, made: Sequence[Piece]) -> str:
    """One row per variant; the mark of the order of bytes makes spreadsheets read UTF-8."""
    parts = [part.name for part in written.form.parts]
    sink = io.StringIO(newline="")
    rows = csv.writer(sink)
    rows.writerow(["angle", "source", "model", *(f"part.{name}" for name in parts), "text", "ai_visible", "digital_source_type",
                   *(f"AIGC.{name}" for name in _FIELDS)])
    for draft, piece in zip(written.drafts, made, strict=True):
        values = [value if isinstance(value, str) else "\n".join(value) for value in (draft.copy[name] for name in parts)]
        mark = [""] * (2 + len(_FIELDS)) if piece.mark is None else [
            piece.mark.visible, piece.mark.digital_source, *piece.mark.label.to_dict().values()]
        rows.writerow([safe_cell(value) for value in (draft.angle, draft.source, draft.model or "", *values, piece.text, *mark)])
    return "\ufeff" + sink.getvalue()


def _read_csv(text: str) -> list[Piece]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    if "text" not in (reader.fieldnames or ()):
        raise ValueError("it has no column 'text'")
    rows = [{name: plain_cell(value) for name, value in row.items()} for row in reader]
    return [_piece(row["text"], {"visible": row["ai_visible"], "digital_source_type": row["digital_source_type"],
                                 "AIGC": {name: row[f"AIGC.{name}"] for name in _FIELDS}} if row["AIGC.Label"] else None) for row in rows]


def _plain(_written: Written, made: Sequence[Piece]) -> str:
    """Texts between rules longer than any in them; a generated one ends in a line for readers and programs."""
    rule = "-" * max(10, 1 + max((len(line) for piece in made for line in re.findall("-+", piece.text)), default=0))
    blocks = [piece.text if piece.mark is None else f"{piece.text}\n{_foot(piece.mark)}" for piece in made]
    return "".join(f"{rule}\n{block}\n" for block in blocks)


def _foot(mark: AiMark) -> str:
    return f"{mark.visible} AIGC {mark.label.to_json()} {mark.digital_source}"


def _read_plain(text: str) -> list[Piece]:
    rule, _newline, body = text.partition("\n")
    if set(rule) != {"-"} or not body.endswith("\n"):
        raise ValueError("the first line is no rule of dashes")
    found = []
    for block in body[:-1].split(f"\n{rule}\n"):
        content, _newline, last = block.rpartition("\n")
        foot = _FOOT.fullmatch(last)
        found.append(Piece(block, None) if foot is None else Piece(content, AiMark(foot["visible"], parse_label(foot["label"]), foot["source"])))
    return found


def _piece(text: object, mark: object) -> Piece:
    return Piece(_text(text), None if mark is None else AiMark.read(mark))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} where a text is expected")
    return value


_WRITERS: Mapping[str, Callable[[Written, Sequence[Piece]], str]] = {"md": _markdown, "html": _html, "csv": _csv, "txt": _plain}
_READERS: Mapping[str, Callable[[str], list[Piece]]] = {"json": _read_json, "md": _read_markdown, "html": _read_html, "csv": _read_csv,
                                                        "txt": _read_plain}
