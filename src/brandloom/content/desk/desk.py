"""The desk: drafts become approved texts. Every version passes the studio's gate or is kept as refused; every step is in the audit chain."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from brandloom.content.checks import Finding
from brandloom.content.desk import book
from brandloom.content.desk.book import Piece, State, Version
from brandloom.content.desk.kept import Kept, Wording, require_parts
from brandloom.content.desk.people import require_person, require_remark, same_person
from brandloom.content.studio import Asked, Gate
from brandloom.content.studio.asked import Brands
from brandloom.errors import ConfigError, DataError, StateError
from brandloom.govern import Audit
from brandloom.govern.rows import insert_new
from brandloom.i18n import _, say
from brandloom.ledger import Ledger, schema
from brandloom.workspace import ApprovalConfig

_FROM: Mapping[str, tuple[State, ...]] = {"edited": ("draft", "review"), "submitted": ("draft",), "approved": ("review",),
                                          "rejected": ("review", "approved"), "retired": ("draft", "review", "approved")}
_TO: Mapping[str, State] = {"edited": "draft", "submitted": "review", "approved": "approved", "rejected": "draft", "retired": "retired"}
_VERBS = {"edited": "edit", "submitted": "submit", "approved": "approve", "rejected": "reject", "retired": "retire"}


class Desk:
    """Texts of one workspace on their way from draft to approved and retired.

    Args:
        approval: the size from which another person than the last editor approves; a text of unknown size counts as above.
        machines: names of models, which may neither edit nor approve; those that wrote a text here are known anyway.
        brands: the workspace's brand kits, so that a text is held against its brand's voice as it is now.
    """

    def __init__(self, ledger: Ledger, audit: Audit, *, approval: ApprovalConfig | None = None, machines: Collection[str] = (),
                 brands: Brands | None = None) -> None:
        self._ledger, self._audit, self._brands = ledger, audit, brands
        self._approval, self._machines = approval or ApprovalConfig(), frozenset(machines)

    def keep(self, kept: Kept, *, brand: str, by: str, now: datetime) -> list[Piece]:
        """Put the variants of one brief on the desk; one that is there already stays as it is.

        Every variant is checked again, for the rules may be newer than the file; one with a blocking finding is kept as refused.
        """
        gate = self._gate(kept.asked)
        found = [gate.check(one.parts) for one in kept.wordings]
        with self._ledger.begin() as connection:
            person = self._person(connection, by)
            return [self._put(connection, kept, one, findings, brand=brand, by=person, now=now)
                    for one, findings in zip(kept.wordings, found, strict=True)]

    def edit(self, piece: str, parts: Mapping[str, Any], *, base: int, by: str, now: datetime) -> Version:
        """Make a version of a text with other words in some parts or all; every check runs again.

        Args:
            parts: those that change; the others stay as they are in `base`.
            base: the version that was edited, which may be a refused one made from that in force.
        Returns:
            The version; `refused` when a check objects. A refused one is kept but the version before stays in force.
        Raises:
            StateError: another version is in force by now, or the text is approved or retired; nothing is kept.
            DataError: nothing changes, or a part holds no text.
        """
        with self._ledger.read() as connection:
            before = book.find_piece(connection, piece)
            versions = book.read_versions(connection, before)
        old, root = book.pick(versions, before, base), book.root(versions, base)
        _require_step(before, "edited")
        _require_base(before, root, base)
        whole = {**book.plain_parts(old.parts), **require_parts(parts, before.id)}
        if book.seal("", whole) == book.seal("", old.parts):
            raise DataError(_("The edit of {piece} changes nothing: its words are those of version {number}."), piece=before.id, number=old.number)
        findings = self._gate(before.asked).check(whole)
        with self._ledger.begin() as connection:
            locked = book.find_piece(connection, before.id, lock=True)
            _require_step(locked, "edited")
            _require_base(locked, root, base)
            wording = Wording(whole, "edit", locked.angle)
            return self._add(connection, locked, wording, findings, base=base, by=self._person(connection, by), now=now)

    def comment(self, piece: str, text: str, *, by: str, now: datetime, version: int | None = None, part: str | None = None) -> None:
        """Keep a remark on a version, that in force when none is named."""
        remark = require_remark(text)
        with self._ledger.begin() as connection:
            found, person = book.find_piece(connection, piece), self._person(connection, by)
            number = book.pick(book.read_versions(connection, found), found, version).number
            names = [one.name for one in found.asked.form.parts]
            if part is not None and part not in names:
                raise ConfigError(_("Text {piece} has no part '{part}'; its parts are {known}."), piece=found.id, part=part, known=", ".join(names))
            connection.execute(insert(schema.piece_comments).values(piece=found.id, version=number, part=part, by=person, text=remark, at=now))
            self._log(connection, "commented", found, person, now, version=number, comment=book.seal("", {"text": remark}))

    def submit(self, piece: str, *, by: str, now: datetime, people: int | None = None, budget: float | None = None) -> Piece:
        """Ask for approval of the version in force, and say how many persons it will reach and what is spent on it."""
        if (people or 0) < 0 or not 0 <= (budget or 0) < float("inf"):
            raise ConfigError(_("Persons reached and budget are 0 or more."))
        def submit(connection: Connection, found: Piece, person: str) -> None:
            connection.execute(update(schema.pieces).where(schema.pieces.c.id == found.id).values(people=people, budget=budget))
        return self._step(piece, "submitted", by=by, now=now, check=submit)

    def approve(self, piece: str, *, by: str, now: datetime, version: int | None = None) -> Piece:
        """Approve the version in force exactly as it stands; its checks run once more.

        Args:
            version: the one that was read; refused if another is in force by now.
        Raises:
            StateError: not in review, another version, a check that objects now, or a text of this size was last edited by the
                same person.
        """
        def approve(connection: Connection, found: Piece, person: str) -> None:
            current = book.pick(book.read_versions(connection, found), found, None)
            if version is not None:
                _require_base(found, version, version)
            if self.needs_another(found) and same_person(person, current.by):
                raise StateError(_("{name} edited version {number} of {piece} last; for {people} persons or a budget of {budget}, another "
                                   "person approves."), name=person, number=current.number, piece=found.id, people=_known(found.people),
                                 budget=_known(found.budget))
            wrong = next((item for item in self._gate(found.asked).check(current.parts) if item.blocks), None)
            if wrong is not None:
                raise StateError(_("Version {number} of {piece} passes the checks no longer, at {place}: {reason} Send it back and edit it."),
                                 number=current.number, piece=found.id, place=wrong.place, reason=wrong.text())
        return self._step(piece, "approved", by=by, now=now, check=approve)

    def reject(self, piece: str, reason: str, *, by: str, now: datetime) -> Piece:
        """Send a text back to its editors, out of review or although it was approved."""
        return self._step(piece, "rejected", by=by, now=now, reason=require_remark(reason))

    def retire(self, piece: str, *, by: str, now: datetime, reason: str | None = None) -> Piece:
        """Take a text out of use for good."""
        return self._step(piece, "retired", by=by, now=now, reason=None if reason is None else require_remark(reason))

    def record_result(self, piece: str, *, source: str, shown: int, clicks: int, conversions: int, now: datetime,
                      version: int | None = None) -> None:
        """Keep what a test or campaign counted for a version; the same source again replaces its counts."""
        name = source.strip()
        if not 0 <= conversions <= shown or not 0 <= clicks <= shown or shown < 1 or not 0 < len(name) <= 64 or not name.isprintable():
            raise DataError(_("Counts of a text need a source of 1 to 64 characters, and clicks and conversions between 0 and the times shown."))
        with self._ledger.begin() as connection:
            found = book.find_piece(connection, piece, lock=True)
            number = book.pick(book.read_versions(connection, found), found, version).number
            table = schema.piece_results
            connection.execute(table.delete().where(table.c.piece == found.id, table.c.version == number, table.c.source == name))
            counts = {"shown": shown, "clicks": clicks, "conversions": conversions}
            connection.execute(insert(table).values(piece=found.id, version=number, source=name, at=now, **counts))
            self._log(connection, "measured", found, "brandloom", now, version=number, **counts)

    def approved(self, piece: str) -> Version:
        """The version that may be used.

        Raises:
            StateError: the text is not approved, or not as it stands now.
        """
        with self._ledger.read() as connection:
            found = book.find_piece(connection, piece)
            current = book.pick(book.read_versions(connection, found), found, None)
            signed = {item.digest for item in book.read_decisions(connection, found) if item.decision == "approved"}
        if found.state != "approved" or current.digest not in signed:
            raise StateError(_("Text {piece} is {state}, not approved. Submit it, then let somebody approve it."), piece=found.id,
                             state=say(book.STATES[found.state]))
        return current

    def needs_another(self, piece: Piece) -> bool:
        """Whether another person than the last editor has to approve."""
        if piece.people is None and piece.budget is None:
            return True
        return (piece.people or 0) >= self._approval.people or (piece.budget or 0) >= self._approval.budget

    def translated(self, source: Piece, kept: Kept, *, by: str, now: datetime) -> Piece:
        """Put a translation of a text on the desk as a draft of its own."""
        (wording,) = kept.wordings
        findings = [*wording.told, *self._gate(kept.asked).check(wording.parts)]
        with self._ledger.begin() as connection:
            return self._put(connection, kept, wording, findings, brand=source.brand, by=self._person(connection, by), now=now, parent=source.id)

    def _gate(self, asked: Asked) -> Gate:
        kit = None if self._brands is None else self._brands(asked.brand)
        return Gate(asked if kit is None else asked.with_kit(kit))

    def _put(self, connection: Connection, kept: Kept, wording: Wording, findings: list[Finding], *, brand: str, by: str, now: datetime,
             parent: str | None = None) -> Piece:
        brief = kept.asked.model_dump_json()
        # With a letter before it, no id can be taken for a phone number.
        name = "t" + book.seal(f"{brand}\n{parent}\n{brief}", wording.parts)[:11]
        row = {"id": name, "name": kept.name, "brand": brand, "language": kept.asked.lang, "format": kept.asked.form.name,
               "request": book.seal(brief, {}), "brief": brief, "angle": wording.angle, "state": "draft", "version": 0, "parent": parent,
               "created_at": now}
        insert_new(connection, schema.pieces, [row])
        found = book.find_piece(connection, name, lock=True)
        if not book.read_versions(connection, found):
            self._add(connection, found, wording, findings, base=0, by=by, now=now)
        return book.find_piece(connection, name)

    def _add(self, connection: Connection, piece: Piece, wording: Wording, findings: list[Finding], *, base: int, by: str, now: datetime) -> Version:
        table, refused = schema.piece_versions, any(item.blocks for item in findings)
        number = 1 + (connection.scalar(select(func.max(table.c.number)).where(table.c.piece == piece.id)) or 0)
        digest = book.seal(piece.asked.model_dump_json(), wording.parts)
        made = Version(piece.id, number, base, book.plain_parts(wording.parts), tuple(findings), refused, by, wording.origin, wording.model,
                       digest, now)
        connection.execute(insert(table).values(
            piece=piece.id, number=number, base=base, parts=json.dumps(made.parts, ensure_ascii=False), findings=book.findings_json(findings),
            refused=refused, by=by, origin=wording.origin, model=wording.model, digest=digest, at=now))
        if not refused:
            # An edit takes the text out of review: what was submitted is no longer what would be approved.
            connection.execute(update(schema.pieces).where(schema.pieces.c.id == piece.id).values(version=number, state="draft"))
        self._log(connection, "refused" if refused else "edited" if base else "kept", piece, by, now, version=number, digest=digest,
                  origin=wording.origin, rules=sorted({item.rule for item in findings if item.blocks}))
        return made

    def _step(self, piece: str, decision: str, *, by: str, now: datetime, reason: str | None = None,
              check: Callable[[Connection, Piece, str], None] | None = None) -> Piece:
        with self._ledger.begin() as connection:
            found, person = book.find_piece(connection, piece, lock=True), self._person(connection, by)
            _require_step(found, decision)
            if found.version == 0 and decision != "retired":
                raise StateError(_("No version of text {piece} has passed the checks yet. Edit it first."), piece=found.id)
            if check is not None:
                check(connection, found, person)
            digest = book.pick(book.read_versions(connection, found), found, None).digest
            connection.execute(insert(schema.piece_decisions).values(
                piece=found.id, version=found.version, decision=decision, by=person, reason=reason, digest=digest, at=now))
            connection.execute(update(schema.pieces).where(schema.pieces.c.id == found.id).values(state=_TO[decision]))
            after = book.find_piece(connection, found.id)
            self._log(connection, decision, found, person, now, version=found.version, digest=digest, people=after.people,
                      budget=after.budget, reason=None if reason is None else book.seal("", {"text": reason}))
        return after

    def _person(self, connection: Connection, name: str) -> str:
        table = schema.piece_versions
        wrote = set(connection.scalars(select(table.c.model).where(table.c.model.is_not(None)).distinct()))
        return require_person(name, self._machines | {str(one) for one in wrote})

    def _log(self, connection: Connection, action: str, piece: Piece, by: str, now: datetime, **detail: object) -> None:
        """No word of a text goes into the chain, only digests and figures."""
        self._audit.append(f"copy.{action}", piece.id, by, detail, now, connection=connection)


def _known(size: float | None) -> str:
    return "?" if size is None else f"{size:,.0f}"


def _require_step(piece: Piece, step: str) -> None:
    if piece.state not in _FROM[step]:
        allowed = ", ".join(_VERBS[one] for one, states in _FROM.items() if piece.state in states) or "-"
        raise StateError(_("Text {piece} is in the state '{state}', so {step} is not possible. Possible: {allowed}."), piece=piece.id,
                         state=say(book.STATES[piece.state]), step=_VERBS[step], allowed=allowed)


def _require_base(piece: Piece, root: int, base: int) -> None:
    if piece.version != root:
        raise StateError(_("Text {piece} is at version {version} now; yours began at version {base}. Nothing was kept: compare the two, then "
                           "edit again from version {version}."), piece=piece.id, version=piece.version, base=base)
