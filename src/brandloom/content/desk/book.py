"""What the desk keeps, read from the ledger: pieces, their versions, comments, decisions and results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy import Connection, Row, select

from brandloom.content.checks import Finding
from brandloom.content.desk.campaign import CampaignText, read_campaign_text
from brandloom.content.studio import Asked
from brandloom.content.studio.gate import Copy
from brandloom.errors import ConfigError, StateError
from brandloom.i18n import _
from brandloom.ledger import schema

State = Literal["draft", "review", "approved", "retired"]
STATES: Mapping[State, str] = {"draft": _("draft"), "review": _("in review"), "approved": _("approved"), "retired": _("retired")}


@dataclass(frozen=True)
class Piece:
    """One text on the desk, whatever version of it is in force."""

    id: str
    name: str
    brand: str
    state: State
    version: int
    """Number of the version in force; 0 while none has passed the checks."""
    brief: str = field(repr=False)
    """What it is judged by, as the ledger keeps it."""
    asked: Asked
    angle: str
    request: str
    """SHA-256 of the brief; texts of one request compete with each other."""
    people: int | None
    budget: float | None
    parent: str | None
    created_at: datetime
    campaign: CampaignText | None = None
    """Where it is a plan's text."""

    @property
    def format(self) -> str:
        """The studio's form of copy, or the channel of a plan's text."""
        return self.asked.form.name if self.campaign is None else self.campaign.channel

    def to_dict(self) -> dict[str, Any]:
        return {"piece": self.id, "plan": None if self.campaign is None else self.campaign.plan, "name": self.name, "brand": self.brand,
                "lang": self.asked.lang, "format": self.format, "state": self.state, "version": self.version, "people": self.people,
                "budget": self.budget, "translated_from": self.parent, "created_at": self.created_at.isoformat()}


@dataclass(frozen=True)
class Version:
    """One wording of a piece. It never changes; a refused one is kept and never in force."""

    piece: str
    number: int
    base: int
    """The version it was made from; 0 for the first."""
    parts: Copy
    findings: tuple[Finding, ...]
    refused: bool
    by: str
    origin: str
    """model, repaired, plain, edit or translation"""
    model: str | None
    digest: str
    at: datetime

    @property
    def blocking(self) -> tuple[Finding, ...]:
        return tuple(item for item in self.findings if item.blocks)

    def to_dict(self, language: str) -> dict[str, Any]:
        return {"piece": self.piece, "version": self.number, "base": self.base, "parts": plain_parts(self.parts), "refused": self.refused,
                "checks": [finding_dict(item, language) for item in self.findings], "by": self.by, "origin": self.origin, "model": self.model,
                "digest": self.digest, "at": self.at.isoformat()}


@dataclass(frozen=True)
class Comment:
    """A remark of one person on one version."""

    version: int
    part: str | None
    by: str
    text: str
    at: datetime


@dataclass(frozen=True)
class Decision:
    """A step from one state to another, and who took it."""

    version: int
    decision: str
    """submitted, approved, rejected or retired"""
    by: str
    reason: str | None
    digest: str
    at: datetime


@dataclass(frozen=True)
class Result:
    """How often one version was shown, clicked and bought from in one test or campaign."""

    version: int
    source: str
    shown: int
    clicks: int
    conversions: int


def finding_dict(item: Finding, language: str) -> dict[str, Any]:
    """A finding for programs."""
    return {"rule": item.rule, "severity": item.severity, "place": item.place, "excerpt": item.excerpt, "source": item.article,
            "span": item.span, "reason": item.text(language), "suggestion": item.advice(language)}


def plain_parts(parts: Copy) -> dict[str, str | list[str]]:
    """Parts as JSON has them."""
    return {name: value if isinstance(value, str) else list(value) for name, value in parts.items()}


def seal(brief: str, parts: Copy) -> str:
    """SHA-256 over a brief and the parts written for it."""
    return hashlib.sha256(json.dumps([brief, plain_parts(parts)], ensure_ascii=False, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()


def find_piece(connection: Connection, piece: str, *, lock: bool = False) -> Piece:
    """A piece by its id or the id's unambiguous beginning; with `lock` nobody else changes it until the transaction ends.

    Raises:
        ConfigError: no such piece; names some that there are.
    """
    table = schema.pieces
    ids = list(connection.scalars(select(table.c.id).where(table.c.id.startswith(piece, autoescape=True)).limit(2))) if piece else []
    found = [piece] if piece in ids else ids
    if len(found) != 1:
        known = list(connection.scalars(select(table.c.id).order_by(table.c.created_at.desc(), table.c.id).limit(10)))
        raise ConfigError(_("There is no text '{piece}' on the desk. Latest: {known}. See `brandloom copy list DIR`."), piece=piece,
                          known=", ".join(known) or "-")
    query = select(table).where(table.c.id == found[0])
    return _piece(connection.execute(query.with_for_update() if lock else query).one())


def read_pieces(connection: Connection, *, brand: str | None = None, state: str | None = None, plan: str | None = None) -> list[Piece]:
    """Pieces, the latest first; those of one plan by name."""
    table = schema.pieces
    query = select(table).order_by(table.c.created_at.desc(), table.c.name if plan else table.c.id, table.c.id)
    for column, wanted in ((table.c.brand, brand), (table.c.state, state), (table.c.plan, plan)):
        query = query if wanted is None else query.where(column == wanted)
    return [_piece(row) for row in connection.execute(query)]


def read_versions(connection: Connection, piece: Piece) -> list[Version]:
    """All versions of a piece in order, refused ones too.

    Raises:
        StateError: one of them, or the brief, is not what it was when it was kept.
    """
    table = schema.piece_versions
    rows = connection.execute(select(table).where(table.c.piece == piece.id).order_by(table.c.number)).all()
    brief = connection.scalar(select(schema.pieces.c.brief).where(schema.pieces.c.id == piece.id)) or ""
    return [_version(row, brief) for row in rows]


def read_comments(connection: Connection, piece: Piece) -> list[Comment]:
    table = schema.piece_comments
    rows = connection.execute(select(table).where(table.c.piece == piece.id).order_by(table.c.id))
    return [Comment(row.version, row.part, row.by, row.text, row.at) for row in rows]


def read_decisions(connection: Connection, piece: Piece) -> list[Decision]:
    table = schema.piece_decisions
    rows = connection.execute(select(table).where(table.c.piece == piece.id).order_by(table.c.id))
    return [Decision(row.version, row.decision, row.by, row.reason, row.digest, row.at) for row in rows]


def sent_back(decisions: Sequence[Decision], version: int) -> Decision | None:
    """Who sent a version back, unless somebody approved it since."""
    last = next((one for one in reversed(decisions) if one.version == version and one.decision in ("rejected", "approved")), None)
    return last if last is not None and last.decision == "rejected" else None


def read_results(connection: Connection, piece: Piece) -> list[Result]:
    table = schema.piece_results
    rows = connection.execute(select(table).where(table.c.piece == piece.id).order_by(table.c.version, table.c.source))
    return [Result(row.version, row.source, row.shown, row.clicks, row.conversions) for row in rows]


def root(versions: Sequence[Version], number: int) -> int:
    """The version that passed the checks from which this one was made; itself where it passed, 0 where none did."""
    by_number = {one.number: one for one in versions}
    while number in by_number and by_number[number].refused:
        number = by_number[number].base
    return number


def pick(versions: Sequence[Version], piece: Piece, number: int | None) -> Version:
    """One version by number; without one that in force, or the last refused one where none is.

    Raises:
        ConfigError: no such version.
    """
    wanted = number if number is not None else piece.version or versions[-1].number
    found = next((one for one in versions if one.number == wanted), None)
    if found is None:
        raise ConfigError(_("Text {piece} has no version {number}; it has 1 to {last}."), piece=piece.id, number=wanted, last=len(versions))
    return found


def _piece(row: Row[Any]) -> Piece:
    campaign = None if row.plan is None else read_campaign_text(json.loads(row.brief))
    asked = Asked.model_validate_json(row.brief) if campaign is None else campaign.asked
    return Piece(row.id, row.name, row.brand, cast(State, row.state), row.version, row.brief, asked, row.angle, row.request, row.people,
                 row.budget, row.parent, row.created_at, campaign)


def _version(row: Row[Any], brief: str) -> Version:
    parts = json.loads(row.parts)
    if seal(brief, parts) != row.digest:
        raise StateError(_("Version {number} of text {piece} is not what it was when it was kept: somebody changed the ledger. Restore it "
                           "from a backup."), number=row.number, piece=row.piece)
    return Version(row.piece, row.number, row.base, parts, tuple(_finding(item) for item in json.loads(row.findings)), row.refused, row.by,
                   row.origin, row.model, row.digest, row.at)


def findings_json(found: Sequence[Finding]) -> str:
    """Findings as they are kept."""
    return json.dumps([asdict(item) for item in found], ensure_ascii=False)


def _finding(item: dict[str, Any]) -> Finding:
    return Finding(**{name: _frozen(value) for name, value in item.items()})


def _frozen(value: object) -> Any:
    """Lists of JSON as the tuples that a finding has."""
    return tuple(_frozen(one) for one in value) if isinstance(value, list) else value
