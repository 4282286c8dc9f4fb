"""The desk: drafts become approved texts. Every version passes the studio's gate or is kept as refused; every step is in the audit chain."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from brandloom.content.brand import BrandKit
from brandloom.content.checks import Finding
from brandloom.content.checks.normalise import fold
from brandloom.content.desk import book
from brandloom.content.desk.book import Piece, State, Version
from brandloom.content.desk.campaign import CampaignText, Plans
from brandloom.content.desk.kept import Kept, Wording, require_parts
from brandloom.content.desk.people import require_person, require_remark, same_person
from brandloom.content.studio import Asked, Gate
from brandloom.content.studio.asked import Brands
from brandloom.content.studio.gate import Copy
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


@dataclass(frozen=True)
class _Entry:
    """A text about to lie on the desk."""

    name: str
    brand: str
    asked: Asked
    brief: str
    """What it is judged by, as JSON."""
    request: str
    wording: Wording
    findings: Sequence[Finding]
    parent: str | None = None
    campaign: CampaignText | None = None


class Desk:
    """Texts of one workspace on their way from draft to approved and retired.

    Args:
        approval: the size from which another person than the last editor approves; a text of unknown size counts as above.
        machines: names of models, which may neither edit nor approve; those that wrote a text here are known anyway.
        brands: the workspace's brand kits, so that a text is held against its brand's voice as it is now.
        plans: the plans whose texts lie here; without them such a text can be read and not edited.
    """

    def __init__(self, ledger: Ledger, audit: Audit, *, approval: ApprovalConfig | None = None, machines: Collection[str] = (),
                 brands: Brands | None = None, plans: Plans | None = None) -> None:
        self._ledger, self._audit, self._brands, self.plans = ledger, audit, brands, plans
        self._approval, self.machines = approval or ApprovalConfig(), frozenset(machines)

    def keep(self, kept: Kept, *, brand: str, by: str, now: datetime) -> list[Piece]:
        """Put the variants of one brief on the desk; one that is there already stays as it is.

        Every variant is checked again, for the rules may be newer than the file; one with a blocking finding is kept as refused.
        """
        gate = self._gate(kept.asked)
        entries = [_entry(kept, one, gate.check(one.parts), brand) for one in kept.wordings]
        with self._ledger.begin() as connection:
            person = self._person(connection, by)
            return [self._put(connection, entry, by=person, now=now) for entry in entries]

    def put_texts(self, connection: Connection, texts: Sequence[tuple[CampaignText, Wording]], *, brand: str, by: str, now: datetime) -> list[Piece]:
        """Put a plan's texts on the desk, in the transaction that keeps the plan.

        Args:
            by: who planned; `brandloom` where nobody said so.
        """
        return [self._put(connection, _Entry(text.key, brand, text.asked, text.to_json(), book.seal(f"{text.plan}\n{text.cell}", {}), wording,
                                             text.check(wording.parts, self._kit(text.asked)), campaign=text), by=by, now=now)
                for text, wording in texts]

    def edit(self, piece: str, parts: Mapping[str, Any], *, base: int, by: str, now: datetime) -> Version:
        """Make a version of a text with other words in some parts or all; every check runs again.

        Args:
            parts: those that change; the others stay as they are in `base`.
            base: the version that was edited, which may be a refused one made from that in force.
        Returns:
            The version; `refused` when a check objects. A refused one is kept but the version before stays in force.
        Raises:
            StateError: another version is in force by now, or the text is approved or retired; nothing is kept. A plan's text may be edited
                although it is approved: the approval goes, and so does that of the plan, until the plan is sent.
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
        findings, revision = self._check(before, whole), None
        if before.campaign is not None and not any(item.blocks for item in findings):
            revision = self._require_plans(before).revise(before.campaign, whole)
            findings = [*findings, *revision.findings]
        with self._ledger.begin() as connection:
            locked = book.find_piece(connection, before.id, lock=True)
            _require_step(locked, "edited")
            _require_base(locked, root, base)
            wording = Wording(whole, "edit", locked.angle)
            made = self._add(connection, locked, wording, findings, base=base, by=self._person(connection, by), now=now)
            if revision is not None and not made.refused:
                revision.keep(connection, by=made.by, now=now)
            return made

    def comment(self, piece: str, text: str, *, by: str, now: datetime, version: int | None = None, part: str | None = None) -> None:
        """Keep a remark on a version, that in force when none is named."""
        remark = require_remark(text)
        with self._ledger.begin() as connection:
            found, person = book.find_piece(connection, piece), self._person(connection, by)
            meant = book.pick(book.read_versions(connection, found), found, version)
            number, names = meant.number, [one.name for one in found.asked.form.parts] if found.campaign is None else list(meant.parts)
            if part is not None and part not in names:
                raise ConfigError(_("Text {piece} has no part '{part}'; its parts are {known}."), piece=found.id, part=part, known=", ".join(names))
            connection.execute(insert(schema.piece_comments).values(piece=found.id, version=number, part=part, by=person, text=remark, at=now))
            self._log(connection, "commented", found, person, now, version=number, comment=book.seal("", {"text": remark}))

    def submit(self, piece: str, *, by: str, now: datetime, people: int | None = None, budget: float | None = None) -> Piece:
        """Ask for approval of the version in force, and say how many persons it will reach and what is spent on it.

        A plan's text reaches those whom the plan writes to, which nobody can say otherwise.
        """
        if (people or 0) < 0 or not 0 <= (budget or 0) < float("inf"):
            raise ConfigError(_("Persons reached and budget are 0 or more."))
        def submit(connection: Connection, found: Piece, person: str) -> None:
            if found.campaign is not None:
                if people is not None or budget is not None:
                    raise ConfigError(_("Text {piece} reaches whom plan {plan} writes to. Leave --people and --budget out."), piece=found.id,
                                      plan=found.campaign.plan)
                return
            connection.execute(update(schema.pieces).where(schema.pieces.c.id == found.id).values(people=people, budget=budget))
        return self._step(piece, "submitted", by=by, now=now, check=submit)

    def approve(self, piece: str, *, by: str, now: datetime, version: int | None = None) -> Piece:
        """Approve the version in force exactly as it stands; its checks run once more.

        Args:
            version: the one that was read; refused if another is in force by now.
        Raises:
            StateError: not in review, another version, a check that objects now, or a text of this size was last edited, or planned,
                by the same person.
        """
        def approve(connection: Connection, found: Piece, person: str) -> list[Finding]:
            versions = book.read_versions(connection, found)
            current = book.pick(versions, found, None)
            if version is not None:
                _require_base(found, version, version)
            large = self.needs_another(found.people, found.budget)
            if large and found.campaign is not None and same_person(person, versions[0].by):
                raise StateError(_("{name} planned what text {piece} is part of; for {people} persons or a budget of {budget}, another person "
                                   "approves."), name=person, piece=found.id, people=_known(found.people), budget=_known(found.budget))
            if large and same_person(person, current.by):
                raise StateError(_("{name} edited version {number} of {piece} last; for {people} persons or a budget of {budget}, another "
                                   "person approves."), name=person, number=current.number, piece=found.id, people=_known(found.people),
                                 budget=_known(found.budget))
            return self._require_passing(found, current)
        return self._step(piece, "approved", by=by, now=now, check=approve)

    def cautions(self, piece: str) -> list[Finding]:
        """What the checks advise against in the version in force, without blocking it: whoever approves it takes that upon themselves."""
        with self._ledger.read() as connection:
            found = book.find_piece(connection, piece)
            current = book.pick(book.read_versions(connection, found), found, None)
        return [item for item in self._check(found, current.parts) if not item.blocks]

    def sign(self, connection: Connection, plan: str, *, by: str, now: datetime, people: int, budget: float) -> None:
        """Approve every text of a plan exactly as it stands, in the transaction that approves the plan.

        Args:
            people: persons the plan writes to; `budget` is what that costs.
        Raises:
            StateError: a text is sent back, retired or fails its checks now, or a plan of this size was planned, or a text of it edited, by
                the same person.
        """
        person = self._person(connection, by)
        pieces = [book.find_piece(connection, one.id, lock=True) for one in book.read_pieces(connection, plan=plan)]
        told: dict[str, list[Finding]] = {}
        for piece in pieces:
            versions = book.read_versions(connection, piece)
            current, told[piece.id] = self._require_usable(connection, piece, versions)
            if self.needs_another(people, budget) and any(same_person(person, one.by) for one in (versions[0], current)):
                raise StateError(_("{name} planned or edited what plan {plan} sends; for {people} persons or a budget of {budget}, another person "
                                   "approves."), name=person, plan=plan, people=_known(people), budget=_known(budget))
        for piece in pieces:
            if piece.state != "approved":
                self._decide(connection, piece, "approved", by=person, now=now, cautions=told[piece.id])

    def require_ready(self, plan: str, texts: Mapping[str, Copy]) -> None:
        """Refuse to send a plan a text of which somebody sent back, edited without a new approval, or a check objects to.

        Args:
            texts: the plan's own, by key; each has to be what is in force here.
        """
        with self._ledger.read() as connection:
            pieces = {one.name: one for one in book.read_pieces(connection, plan=plan)}
            for key, parts in texts.items():
                versions = book.read_versions(connection, pieces[key]) if key in pieces else []
                if not versions or book.seal("", book.pick(versions, pieces[key], None).parts) != book.seal("", parts):
                    raise StateError(_("Text '{key}' of plan {plan} does not lie on the desk as the plan has it. Plan again."), key=key, plan=plan)
                current, _cautions = self._require_usable(connection, pieces[key], versions)
                if current.origin == "edit" and pieces[key].state != "approved":
                    raise StateError(_("{name} edited text {piece} of plan {plan}, and nobody has approved it since. Run "
                                       "`brandloom approve DIR {plan} --by NAME`."), name=current.by, piece=pieces[key].id, plan=plan)

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

    def judge_word(self, word: str, *, brand: str, language: str, avoid: bool, by: str, now: datetime) -> None:
        """Keep a person's word on whether the brand avoids a word from now on; see `struck_words`.

        Raises:
            ConfigError: no word, or one too long.
            StateError: a model's name.
        """
        plain = " ".join(fold(word).casefold().split())
        if not 0 < len(plain) <= 64 or not plain.isprintable():
            raise ConfigError(_("A word to avoid has 1 to 64 characters."))
        table = schema.desk_words
        with self._ledger.begin() as connection:
            person = self._person(connection, by)
            connection.execute(table.delete().where(table.c.brand == brand, table.c.language == language, table.c.word == plain))
            connection.execute(insert(table).values(brand=brand, language=language, word=plain, avoid=avoid, by=person, at=now))
            self._audit.append("copy.word", brand, person, {"avoid": avoid, "language": language, "letters": len(plain)}, now, connection=connection)

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

    def needs_another(self, people: int | None, budget: float | None) -> bool:
        """Whether, for a text of this size, another person than the last editor has to approve; an unknown size counts as large."""
        if people is None and budget is None:
            return True
        return (people or 0) >= self._approval.people or (budget or 0) >= self._approval.budget

    def translated(self, source: Piece, kept: Kept, *, by: str, now: datetime) -> Piece:
        """Put a translation of a text on the desk as a draft of its own."""
        (wording,) = kept.wordings
        findings = [*wording.told, *self._gate(kept.asked).check(wording.parts)]
        with self._ledger.begin() as connection:
            entry = _entry(kept, wording, findings, source.brand, parent=source.id)
            return self._put(connection, entry, by=self._person(connection, by), now=now)

    def _kit(self, asked: Asked) -> BrandKit | None:
        return None if self._brands is None else self._brands(asked.brand)

    def _gate(self, asked: Asked) -> Gate:
        kit = self._kit(asked)
        return Gate(asked if kit is None else asked.with_kit(kit))

    def _check(self, piece: Piece, parts: Copy) -> list[Finding]:
        return self._gate(piece.asked).check(parts) if piece.campaign is None else piece.campaign.check(parts, self._kit(piece.asked))

    def _require_plans(self, piece: Piece) -> Plans:
        if self.plans is None:
            raise StateError(_("Text {piece} belongs to a plan, and no plan can be changed from here. Use `brandloom copy edit`."), piece=piece.id)
        return self.plans

    def _require_passing(self, piece: Piece, version: Version) -> list[Finding]:
        """What is only advised against; a check that objects is an error."""
        found = self._check(piece, version.parts)
        wrong = next((item for item in found if item.blocks), None)
        if wrong is not None:
            raise StateError(_("Version {number} of {piece} passes the checks no longer, at {place}: {reason} Send it back and edit it."),
                             number=version.number, piece=piece.id, place=wrong.place, reason=wrong.text())
        return found

    def _require_usable(self, connection: Connection, piece: Piece, versions: Sequence[Version]) -> tuple[Version, list[Finding]]:
        """The version of a plan's text that is in force, unless somebody or a check objects to it."""
        current = book.pick(versions, piece, None)
        back = book.sent_back(book.read_decisions(connection, piece), current.number)
        if piece.state == "retired":
            raise StateError(_("Text {piece} ({key}) is retired, and its plan needs it. Plan again."), piece=piece.id, key=piece.name)
        if back is not None:
            raise StateError(_("{name} sent text {piece} ({key}) back: {reason} Edit it with `brandloom copy edit`, or have it approved after all "
                               "with `brandloom copy submit` and `copy approve`."), name=back.by, piece=piece.id, key=piece.name,
                             reason=back.reason or "")
        return current, self._require_passing(piece, current)

    def _put(self, connection: Connection, entry: _Entry, *, by: str, now: datetime) -> Piece:
        # With a letter before it, no id can be taken for a phone number.
        name = "t" + book.seal(f"{entry.brand}\n{entry.parent}\n{entry.brief}", entry.wording.parts)[:11]
        campaign = entry.campaign
        row = {"id": name, "name": entry.name, "brand": entry.brand, "language": entry.asked.lang,
               "format": entry.asked.form.name if campaign is None else campaign.channel, "request": entry.request, "brief": entry.brief,
               "angle": entry.wording.angle, "state": "draft", "version": 0, "parent": entry.parent, "plan": campaign and campaign.plan,
               "people": campaign and campaign.people, "budget": campaign and campaign.budget, "created_at": now}
        insert_new(connection, schema.pieces, [row])
        found = book.find_piece(connection, name, lock=True)
        if not book.read_versions(connection, found):
            self._add(connection, found, entry.wording, entry.findings, base=0, by=by, now=now)
        return book.find_piece(connection, name)

    def _add(self, connection: Connection, piece: Piece, wording: Wording, findings: Sequence[Finding], *, base: int, by: str,
             now: datetime) -> Version:
        table, refused = schema.piece_versions, any(item.blocks for item in findings)
        number = 1 + (connection.scalar(select(func.max(table.c.number)).where(table.c.piece == piece.id)) or 0)
        digest = book.seal(piece.brief, wording.parts)
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
              check: Callable[[Connection, Piece, str], list[Finding] | None] | None = None) -> Piece:
        with self._ledger.begin() as connection:
            found, person = book.find_piece(connection, piece, lock=True), self._person(connection, by)
            _require_step(found, decision)
            if found.version == 0 and decision != "retired":
                raise StateError(_("No version of text {piece} has passed the checks yet. Edit it first."), piece=found.id)
            told = check(connection, found, person) if check is not None else None
            return self._decide(connection, found, decision, by=person, now=now, reason=reason, cautions=told or ())

    def _decide(self, connection: Connection, piece: Piece, decision: str, *, by: str, now: datetime, reason: str | None = None,
                cautions: Sequence[Finding] = ()) -> Piece:
        digest = book.pick(book.read_versions(connection, piece), piece, None).digest
        connection.execute(insert(schema.piece_decisions).values(
            piece=piece.id, version=piece.version, decision=decision, by=by, reason=reason, digest=digest, at=now))
        connection.execute(update(schema.pieces).where(schema.pieces.c.id == piece.id).values(state=_TO[decision]))
        after = book.find_piece(connection, piece.id)
        self._log(connection, decision, piece, by, now, version=piece.version, digest=digest, people=after.people, budget=after.budget,
                  reason=None if reason is None else book.seal("", {"text": reason}),
                  **({"cautions": sorted({item.rule for item in cautions})} if cautions else {}))
        return after

    def _person(self, connection: Connection, name: str) -> str:
        table = schema.piece_versions
        wrote = set(connection.scalars(select(table.c.model).where(table.c.model.is_not(None)).distinct()))
        return require_person(name, self.machines | {str(one) for one in wrote})

    def _log(self, connection: Connection, action: str, piece: Piece, by: str, now: datetime, **detail: object) -> None:
        """No word of a text goes into the chain, only digests and figures."""
        self._audit.append(f"copy.{action}", piece.id, by, detail, now, connection=connection)


def _known(size: float | None) -> str:
    return "?" if size is None else f"{size:,.0f}"


def _entry(kept: Kept, wording: Wording, findings: Sequence[Finding], brand: str, *, parent: str | None = None) -> _Entry:
    brief = kept.asked.model_dump_json()
    return _Entry(kept.name, brand, kept.asked, brief, book.seal(brief, {}), wording, findings, parent)


def _states(step: str, piece: Piece) -> tuple[State, ...]:
    """States from which a step is possible. Nobody reads a plan's text before the plan is sent, so an approved one may still be edited."""
    return (*_FROM[step], "approved") if step == "edited" and piece.campaign is not None else _FROM[step]


def _require_step(piece: Piece, step: str) -> None:
    if piece.state not in _states(step, piece):
        allowed = ", ".join(_VERBS[one] for one in _FROM if piece.state in _states(one, piece)) or "-"
        raise StateError(_("Text {piece} is in the state '{state}', so {step} is not possible. Possible: {allowed}."), piece=piece.id,
                         state=say(book.STATES[piece.state]), step=_VERBS[step], allowed=allowed)


def _require_base(piece: Piece, root: int, base: int) -> None:
    if piece.version != root:
        raise StateError(_("Text {piece} is at version {version} now; yours began at version {base}. Nothing was kept: compare the two, then "
                           "edit again from version {version}."), piece=piece.id, version=piece.version, base=base)
