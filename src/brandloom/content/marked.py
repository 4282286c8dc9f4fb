"""Any file that the program hands on, read for its AI marks: copy, articles, mails and what the desk exports."""

from __future__ import annotations

import json
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Literal

from brandloom.content.articles.marked import read_article
from brandloom.content.desk.book import read_pieces, read_versions
from brandloom.content.desk.campaign import without_slots
from brandloom.content.strict import read_json
from brandloom.content.studio.export import kind_of, read_export
from brandloom.content.studio.marks import AiMark, Piece
from brandloom.errors import DataError
from brandloom.govern import AiLabel, is_genuine, label_in_mail, visible_label
from brandloom.i18n import LANGUAGES, _
from brandloom.ledger import Ledger

What = Literal["copy", "article", "mail", "desk"]
WHATS = {"copy": _("copy of `brandloom write`"), "article": _("an article"), "mail": _("a mail"), "desk": _("an export of the desk")}


@dataclass(frozen=True)
class Marked:
    """What a file is, and the texts in it with their marks."""

    what: What
    pieces: tuple[Piece, ...]
    whole: bool = True
    """Whether the file holds the text that the seals are over; a mail does not, for its text was filled for one person."""


def read_marked(text: str, file: Path) -> Marked:
    """Read a file of any kind.

    Raises:
        ConfigError: its ending is none that the program writes.
        DataError: it is no such file.
    """
    ending = file.suffix.lower()
    if ending == ".eml":
        return Marked("mail", (_mail(text),), whole=False)
    if ending == ".jsonl":
        return Marked("desk", tuple(_pair(line, file) for line in text.splitlines() if line.strip()))
    kind = kind_of(file)
    article = read_article(text, kind)
    if article is not None:
        return Marked("article", (article[0],), article[1])
    if kind == "json" and (parts := _desk_parts(text)) is not None:
        return Marked("desk", (Piece(parts, None),))
    return Marked("copy", tuple(read_export(text, kind)))


def proves(piece: Piece, ledger: Ledger, key: bytes) -> bool | None:
    """Whether a mail says what a plan's text says that this workspace sealed; None where the ledger does not know the text."""
    label = piece.mark.label if piece.mark is not None else None
    plan, _colon, name = label.produce_id.partition(":") if label is not None else ("", "", "")
    with ledger.read() as connection:
        found = [one for one in read_pieces(connection, plan=plan) if one.name == name] if name else []
        wordings = [version.parts for one in found for version in read_versions(connection, one)]
    if label is None or not wordings:
        return None
    return any(_sealed(label, list(map(str, parts.values())), key) and _says(piece.text, list(map(str, parts.values()))) for parts in wordings)


def _sealed(label: AiLabel, texts: list[str], key: bytes) -> bool:
    return is_genuine(label, "\n".join(texts), key=key)


def _says(mail: str, texts: list[str]) -> bool:
    """Whether every sentence without slots stands in the mail, whatever its lines."""
    said = "".join(mail.split())
    return all("".join(without_slots(text).split()) in said for text in texts)


def _mail(text: str) -> Piece:
    message = message_from_bytes(text.encode("utf-8", "surrogateescape"), policy=policy.default)
    assert isinstance(message, EmailMessage)
    if message["From"] is None or message["Message-ID"] is None:
        raise DataError(_("This is no mail: it has no From and no Message-ID."))
    body = message.get_body(("plain",))
    page = message.get_body(("html",))
    read = "\n".join([str(message["Subject"]), *(str(one.get_content()) for one in (body, page) if one is not None)])
    label = label_in_mail(message)
    marks = (visible_label(code, producer="").mark for code in LANGUAGES)
    return Piece(read, None if label is None else AiMark(next((mark for mark in marks if mark in read), ""), label))


def _pair(line: str, file: Path) -> Piece:
    found = read_json(line, source=file.name)
    try:
        return Piece(found["chosen"][0]["content"], None)
    except (KeyError, TypeError, IndexError) as error:
        raise DataError(_("{file} holds no preference pairs as `brandloom copy pairs` writes them."), file=file.name) from error


def _desk_parts(text: str) -> str | None:
    """The text of a version as `brandloom copy show --json` writes it."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    parts = found.get("parts") if isinstance(found, dict) and "digest" in found else None
    return None if not isinstance(parts, dict) else "\n".join(value if isinstance(value, str) else "\n".join(value) for value in parts.values())
