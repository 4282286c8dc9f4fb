"""Merges: two ids said to be one person, recorded with who said it and why, and taken back one by one.

A merge is never changed but for being undone. Who is one person follows from the merges in force alone, so that undoing one
restores every former id, whatever was merged before or after it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, delete, insert, or_, select, text, update

from brandloom.errors import DataError, StateError
from brandloom.govern.audit import Audit
from brandloom.govern.persons import components, ids_of
from brandloom.govern.rows import chunks
from brandloom.i18n import _
from brandloom.ledger import Ledger
from brandloom.ledger.schema import merges, persons

_LOCK = 0x5EA2  # number of PostgreSQL's advisory lock that lets one process merge people at a time
_AT_ONCE = 400  # ids of one look-up: each counts twice, and an old SQLite takes 999


@dataclass(frozen=True)
class Match:
    """Two ids that are one person, and by what."""

    customer: str
    other: str
    rule: str
    """email, phone, id_number, account (several joined by +), probable or manual."""
    probability: float | None = None
    """That they are one person, where a model said so."""


@dataclass(frozen=True)
class Merge(Match):
    """A match that was put in force, and perhaps taken back."""

    id: int = 0
    by: str = ""
    at: datetime | None = None
    undone_by: str | None = None
    undone_at: datetime | None = None


@dataclass(frozen=True)
class Undone:
    """What undoing a merge left."""

    merge: Merge
    still_joined: tuple[int, ...]
    """Other merges in force of the person that still holds both ids; empty when they are two people again."""


def record(ledger: Ledger, audit: Audit, matches: Sequence[Match], *, by: str, now: datetime) -> list[Merge]:
    """Put matches in force, all or none, with one record in the audit chain.

    Args:
        by: who says so: a person's name, or the program's part.
    Raises:
        DataError: an id matched with itself.
        StateError: two ids that a merge in force joins already.
    """
    for one in matches:
        if one.customer == one.other:
            raise DataError(_("{customer} cannot be merged with itself. Give two different ids."), customer=one.customer)
    if not matches:
        return []
    with ledger.begin() as connection:
        _lock(connection)
        _refuse_known(connection, matches)
        ids = [_insert(connection, one, by, now) for one in matches]
        _renew(connection, {customer for one in matches for customer in (one.customer, one.other)})
        detail = {"merges": len(ids), "first": ids[0], "last": ids[-1], "digest": _digest(matches),
                  "rules": sorted({one.rule for one in matches})}
        audit.append("customers.merged", matches[0].customer if len(ids) == 1 else f"{len(ids)} merges", by, detail, now, connection=connection)
    return [Merge(**asdict(one), id=number, by=by, at=now) for one, number in zip(matches, ids, strict=True)]


def undo(ledger: Ledger, audit: Audit, merge: int, *, by: str, now: datetime) -> Undone:
    """Take a merge back: both are again who they were without it. `find_matches` will not propose them again.

    Raises:
        DataError: no such merge.
        StateError: it is undone already; says by whom.
    """
    with ledger.begin() as connection:
        _lock(connection)
        row = connection.execute(select(merges).where(merges.c.id == merge)).one_or_none()
        if row is None:
            raise DataError(_("There is no merge {merge}. `brandloom customers merges` lists all."), merge=merge)
        if row.undone_at is not None:
            raise StateError(_("Merge {merge} was undone by {by} already."), merge=merge, by=row.undone_by)
        connection.execute(update(merges).where(merges.c.id == merge).values(undone_by=by, undone_at=now))
        _renew(connection, {row.customer, row.other})
        audit.append("customers.unmerged", row.customer, by, {"merge": merge, "other": row.other}, now, connection=connection)
        together = ids_of(connection, [row.customer]).get(row.customer, ())
        joined = tuple(one.id for one in _in_force(connection, together)) if row.other in together else ()
        changed = connection.execute(select(merges).where(merges.c.id == merge)).one()
    return Undone(_as_merge(changed), joined)


def list_merges(ledger: Ledger, *, undone: bool = True) -> list[Merge]:
    """All merges by number; without the undone ones where asked."""
    query = select(merges).order_by(merges.c.id)
    with ledger.read() as connection:
        return [_as_merge(row) for row in connection.execute(query if undone else query.where(merges.c.undone_at.is_(None)))]


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})


def _refuse_known(connection: Connection, matches: Sequence[Match]) -> None:
    asked = {frozenset((one.customer, one.other)) for one in matches}
    for row in _in_force(connection, {customer for pair in asked for customer in pair}):
        if frozenset((row.customer, row.other)) in asked:
            raise StateError(_("{customer} and {other} are one person already, by merge {merge}."), customer=row.customer, other=row.other,
                             merge=row.id)


def _insert(connection: Connection, one: Match, by: str, now: datetime) -> int:
    row = {"customer": one.customer, "other": one.other, "rule": one.rule, "evidence": one.probability, "by": by, "at": now}
    return int(connection.execute(insert(merges).returning(merges.c.id), row).scalar_one())


def _renew(connection: Connection, touched: set[str]) -> None:
    """Find out anew who is one person among everybody that the touched ids are, or were, joined with."""
    concerned = touched.union(*ids_of(connection, touched).values())
    joined = components((row.customer, row.other) for row in _in_force(connection, concerned))
    for chunk in chunks(concerned):
        connection.execute(delete(persons).where(persons.c.customer.in_(chunk)))
    rows = [{"customer": customer, "person": person} for customer, person in sorted(joined.items())]
    if rows:
        connection.execute(insert(persons), rows)


def _in_force(connection: Connection, customers: Iterable[str]) -> list[Row[tuple[object, ...]]]:
    found: dict[int, Row[tuple[object, ...]]] = {}
    for chunk in chunks(customers, _AT_ONCE):
        touching = or_(merges.c.customer.in_(chunk), merges.c.other.in_(chunk))
        for row in connection.execute(select(merges).where(merges.c.undone_at.is_(None), touching)):
            found[row.id] = row
    return [found[number] for number in sorted(found)]


def _digest(matches: Sequence[Match]) -> str:
    """Seals in the audit chain what stands in `merges`."""
    return hashlib.sha256(json.dumps([[one.customer, one.other, one.rule, one.probability] for one in matches]).encode()).hexdigest()


def _as_merge(row: Row[tuple[object, ...]]) -> Merge:
    return Merge(row.customer, row.other, row.rule, row.evidence, row.id, row.by, row.at, row.undone_by, row.undone_at)
