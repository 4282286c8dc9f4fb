"""The mark on every text that a model wrote: seen by a reader, read by a program, found again in the audit chain."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, Self

from sqlalchemy import select

from brandloom.content.studio.asked import Asked
from brandloom.content.studio.write import Draft, Written, published
from brandloom.errors import DataError
from brandloom.govern import DIGITAL_SOURCE, AiLabel, Audit, ai_label, is_genuine, is_sealed, read_label, visible_label
from brandloom.govern.rows import reading
from brandloom.i18n import _
from brandloom.ledger import Ledger
from brandloom.ledger.schema import audit as audit_table
from brandloom.workspace import Workspace

ACTION = "copy.generated"
"""Name of the audit records of generated texts."""


@dataclass(frozen=True)
class Maker:
    """Who answers for generated copy."""

    name: str = "brandloom"
    """Stands in the mark as the producer: the shop's name where there is a workspace."""
    key: bytes | None = None
    """`workspace.derive_key("label")`; without it the mark is not sealed by anybody."""
    jurisdictions: tuple[str, ...] = ()
    """Those of the workspace, for a brief that names none."""

    @classmethod
    def of(cls, workspace: Workspace) -> Self:
        """The maker of what is written for a workspace."""
        return cls(workspace.config.name, workspace.derive_key("label"), workspace.config.jurisdictions)

    def where(self, asked: Asked) -> tuple[str, ...]:
        """Jurisdictions whose words a mark has."""
        return (asked.jurisdiction,) if asked.jurisdiction else self.jurisdictions


NOBODY = Maker()
"""Where there is no workspace."""


@dataclass(frozen=True)
class AiMark:
    """That a model wrote a text, for people and for programs; made for China and the EU, and shown everywhere."""

    visible: str
    """The words a reader sees."""
    label: AiLabel
    """The seven fields of GB 45438-2025."""
    digital_source: str = DIGITAL_SOURCE
    """The code of the IPTC, machine-readable as article 50 of the EU AI Act asks for."""

    def to_dict(self) -> dict[str, Any]:
        return {"visible": self.visible, "digital_source_type": self.digital_source, "AIGC": self.label.to_dict()}

    @classmethod
    def read(cls, content: object) -> Self:
        """Read what `to_dict` wrote.

        Raises:
            DataError: something is missing or of the wrong kind.
        """
        if not isinstance(content, Mapping) or not all(isinstance(content.get(name), str) for name in ("visible", "digital_source_type")):
            raise DataError(_("Not an AI mark: it needs visible, digital_source_type and AIGC."))
        return cls(content["visible"], read_label(content.get("AIGC")), content["digital_source_type"])


@dataclass(frozen=True)
class Piece:
    """Copy as it is handed on; `mark` is None where no model wrote it."""

    text: str
    mark: AiMark | None


def pieces(written: Written, maker: Maker) -> list[Piece]:
    """The variants as they are handed on, each that a model wrote with its mark."""
    return [_piece(draft, written, maker) for draft in written.drafts]


def keep_record(written: Written, audit: Audit, *, maker: Maker, actor: str, now: datetime) -> int:
    """Add an entry to the audit chain for each text that a model wrote, without the text itself.

    Args:
        actor: who had it written.
    Returns:
        How many entries were added. The subject of each is the ProduceID of the text's mark.
    """
    made = [(draft, piece) for draft, piece in zip(written.drafts, pieces(written, maker), strict=True) if piece.mark is not None]
    for draft, piece in made:
        assert piece.mark is not None
        audit.append(ACTION, piece.mark.label.produce_id, actor, {
            "digest": _digest(piece.text), "model": draft.model or "", "brief": brief_digest(written.asked), "format": written.form.name,
            "language": written.asked.lang, "source": draft.source}, now)
    return len(made)


Seal = Literal["genuine", "unchanged", "changed", "unknown", "none"]
"""What a mark's seal proves: that this workspace made mark and text; that they are unchanged, by whomever made; that they were changed;
nothing, since another workspace's key sealed them; and that there is no mark."""


def check_seal(piece: Piece, key: bytes | None) -> Seal:
    """What the seal of a text's mark proves to one who has this workspace's key, or none."""
    if piece.mark is None:
        return "none"
    if not is_sealed(piece.mark.label):
        return "unchanged" if is_genuine(piece.mark.label, piece.text, key=None) else "changed"
    if key is None:
        return "unknown"
    return "genuine" if is_genuine(piece.mark.label, piece.text, key=key) else "changed"


def has_record(piece: Piece, ledger: Ledger) -> bool:
    """Whether the audit chain holds the record of exactly this text; whether the chain is whole, `Audit.verify` tells."""
    if piece.mark is None:
        return False
    query = select(audit_table.c.detail).where(audit_table.c.action == ACTION, audit_table.c.subject == piece.mark.label.produce_id)
    with reading(ledger) as connection:
        return any(json.loads(detail)["digest"] == _digest(piece.text) for detail in connection.scalars(query))


def has_id(produce_id: str, ledger: Ledger) -> bool:
    """Whether the audit chain holds a record of a text with this ProduceID, whatever the text says now."""
    query = select(audit_table.c.seq).where(audit_table.c.action == ACTION, audit_table.c.subject == produce_id).limit(1)
    with reading(ledger) as connection:
        return connection.scalar(query) is not None


def brief_digest(asked: Asked) -> str:
    """SHA-256 of a brief, the same however its JSON was laid out."""
    return _digest(json.dumps(asked.model_dump(mode="json"), ensure_ascii=False, sort_keys=True))


def _piece(draft: Draft, written: Written, maker: Maker) -> Piece:
    asked, generated = written.asked, draft.source != "plain"
    # In a text message Chinese words would halve what a segment holds; its mark follows the brief alone.
    counted = any(part.unit == "sms" for part in written.form.parts)
    where = (maker if not counted else replace(maker, jurisdictions=())).where(asked)
    text = published(draft.copy, written.form, asked.lang, labelled=generated, jurisdictions=where)
    if not generated:
        return Piece(text, None)
    visible = visible_label(asked.lang, producer=maker.name, jurisdictions=where).mark
    produce_id = f"{brief_digest(asked)[:16]}-{_digest(text)[:16]}"
    return Piece(text, AiMark(visible, ai_label(text, producer=maker.name, produce_id=produce_id, key=maker.key)))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
