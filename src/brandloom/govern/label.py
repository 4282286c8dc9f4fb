"""Saying that a machine wrote it: words a person sees, and the seven-field mark of GB 45438-2025 that a program reads.

Source: GB 45438-2025 and the measures for labelling AI-generated content, in force since 2025-09-01; EU AI Act, article 50.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import json
from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from email.message import Message
from html.parser import HTMLParser

from brandloom.errors import DataError
from brandloom.i18n import _, translate

HEADER = "X-AIGC"
META_NAME = "AIGC"
GENERATED = "1"
"""Value of Label for content that a machine made (2: may have, 3: is suspected to have)."""
DIGITAL_SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""The code of the press's own vocabulary (IPTC) for what a trained model made: the mark that programs outside China look for."""
MARK = _("AI-generated")
_SEALED, _DIGEST = "h1:", "d1:"
SENTENCE = _("AI-generated: parts of this message were written by artificial intelligence and checked by {producer}.")


@dataclass(frozen=True)
class VisibleLabel:
    """What a reader sees, in the language of the copy."""

    mark: str
    """Short, for a subject, a post or a text message."""
    sentence: str
    """For the foot of a mail or page."""


@dataclass(frozen=True)
class AiLabel:
    """The machine-readable mark; field names in snake case of the standard's seven, all text."""

    label: str
    content_producer: str
    produce_id: str
    reserved_code1: str = ""
    """The producer's seal over the other fields and the content."""
    content_propagator: str = ""
    propagate_id: str = ""
    reserved_code2: str = ""

    def to_dict(self) -> dict[str, str]:
        """The seven fields under the standard's names, in its order."""
        return {_NAMES[one.name]: getattr(self, one.name) for one in fields(self)}

    def to_json(self) -> str:
        """Compact JSON of the seven fields, in the standard's order."""
        return json.dumps(self.to_dict(), ensure_ascii=False, separators=(",", ":"))

    def meta_tag(self) -> str:
        """For the head of an HTML page or mail."""
        return f'<meta name="{META_NAME}" content="{html.escape(self.to_json())}">'

    def mail_header(self) -> tuple[str, str]:
        """Name and value of the mail header: ASCII, with spaces after commas where a long line may be folded."""
        return HEADER, json.dumps(self.to_dict(), ensure_ascii=True, separators=(", ", ":"))


_NAMES = {"label": "Label", "content_producer": "ContentProducer", "produce_id": "ProduceID",
          "reserved_code1": "ReservedCode1", "content_propagator": "ContentPropagator", "propagate_id": "PropagateID",
          "reserved_code2": "ReservedCode2"}


def visible_label(language: str, *, producer: str, jurisdictions: Collection[str] = ()) -> VisibleLabel:
    """The words for a reader; `language` is that of the copy, `producer` the shop.

    Where China is among the jurisdictions the mark holds the Chinese words too, which GB 45438-2025 asks for.
    """
    mark, chinese = translate(MARK, language), translate(MARK, "zh")
    if "cn" in jurisdictions and mark != chinese:
        mark = f"{mark} {chinese}"
    return VisibleLabel(mark, translate(SENTENCE, language).format(producer=producer))


def ai_label(content: str, *, producer: str, produce_id: str, key: bytes | None, propagator: str = "",
             propagate_id: str = "") -> AiLabel:
    """Mark a generated text and seal mark and text together.

    Args:
        content: the text as the model wrote it and the checks passed it, before slots are filled.
        producer: the shop's name or code.
        produce_id: id of this text; the same stands in the audit chain.
        key: `workspace.derive_key("label")`; None where there is no workspace: the seal is then a digest, which shows a change but not
            who made the mark.
        propagator, propagate_id: who spreads it and their id of it, where that is somebody else.
    """
    bare = AiLabel(GENERATED, producer, produce_id, "", propagator, propagate_id, "")
    return replace(bare, reserved_code1=_seal(bare, content, key))


def is_genuine(label: AiLabel, content: str, *, key: bytes | None) -> bool:
    """Whether this workspace made the mark for exactly this text; without a key, whether mark and text are unchanged."""
    return hmac.compare_digest(label.reserved_code1.encode(), _seal(label, content, key).encode())


def is_sealed(label: AiLabel) -> bool:
    """Whether a workspace's key is needed to verify the mark."""
    return label.reserved_code1.startswith(_SEALED)


def parse_label(text: str) -> AiLabel:
    """Read the JSON of a mark.

    Raises:
        DataError: not JSON, or not exactly the seven fields as text.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    return read_label(content)


def read_label(content: object) -> AiLabel:
    """A mark from its seven fields under the standard's names.

    Raises:
        DataError: not exactly these, or not all text.
    """
    if not isinstance(content, dict) or set(content) != set(_NAMES.values()) \
            or not all(isinstance(value, str) for value in content.values()):
        raise DataError(_("Not an AI label: it needs exactly these seven fields, all text: {fields}."),
                        fields=", ".join(_NAMES.values()))
    return AiLabel(**{name: content[written] for name, written in _NAMES.items()})


def label_in_html(page: str) -> AiLabel | None:
    """The mark in a page's meta tag, the first where it has several; None without one."""
    return next(iter(labels_in_html(page)), None)


def labels_in_html(page: str) -> list[AiLabel]:
    """The marks in a page's meta tags, one for each text that a machine made."""
    finder = _MetaFinder()
    finder.feed(page)
    return [parse_label(content) for content in finder.contents]


def label_in_mail(message: Message) -> AiLabel | None:
    """The mark in a mail's header; None without one."""
    value = message.get(HEADER)
    return None if value is None else parse_label(str(value).replace("\r", "").replace("\n", ""))


def _seal(label: AiLabel, content: str, key: bytes | None) -> str:
    bare = replace(label, reserved_code1="").to_json()
    sealed = json.dumps([bare, content]).encode()
    if key is None:
        return _DIGEST + hashlib.sha256(sealed).hexdigest()[:40]
    return _SEALED + hmac.digest(key, sealed, hashlib.sha256).hex()[:40]


class _MetaFinder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.contents: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "meta" and given.get("name") == META_NAME:
            self.contents.append(given.get("content") or "")
