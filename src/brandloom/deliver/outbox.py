"""The send queue in the ledger: what is to go out, what went, and what nobody can know.

    queued ──► sending ──► sent | failed | uncertain
       │  ▲        │
       ▼  └────────┘ the carrier asked to try later, or certainly got nothing
    suppressed

`sending` is committed before a byte reaches the carrier. A row that is still `sending` when its sender has died is therefore
the only one in doubt: at most one per sender and death. It is never sent again without knowledge or a person's word.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Literal

from sqlalchemy import Connection, and_, bindparam, func, insert, select, text, union, update

from brandloom.errors import StateError
from brandloom.govern import Audit
from brandloom.i18n import _
from brandloom.ledger import Ledger
from brandloom.ledger.schema import outbox

_CHUNK = 200  # rows per look-up: stays below the 999 parameters of an old SQLite
SETTLED = ("sent", "failed", "suppressed", "uncertain")
COUNTED = ("sent", "sending", "uncertain")  # what a frequency cap counts: everything that may have arrived


@dataclass(frozen=True)
class Item:
    """One message to one person, before it is written. `address` is the keyed digest of the address, never the address."""

    customer: str
    address: str
    variant: str
    language: str
    products: tuple[str, ...] = ()
    channel: str = "email"
    step: int = 1
    wave: int = 1


@dataclass(frozen=True)
class Claimed(Item):
    """A queued item that this sender alone may send."""

    id: int = 0
    message_id: str = ""
    attempts: int = 0


@dataclass(frozen=True)
class Enqueued:
    """What `enqueue` did."""

    queued: int
    """Rows added."""
    known: int
    """Rows that were there already: nothing happened to them."""
    shared_address: tuple[str, ...]
    """Customers left out because another one of the plan has the same address; each address gets one message."""


@dataclass(frozen=True)
class Status:
    """Where a plan's messages are."""

    audience: int
    queued: int = 0
    sending: int = 0
    sent: int = 0
    failed: int = 0
    suppressed: int = 0
    uncertain: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    """How often each reason stands on a row that was not simply sent; `reason_text` says them in words."""
    next_at: datetime | None = None
    """When the earliest queued message may go out."""

    @property
    def finished(self) -> bool:
        """True only when every message of the audience has come to an end that can be named."""
        return self.audience > 0 and self.sent + self.failed + self.suppressed + self.uncertain == self.audience


def enqueue(ledger: Ledger, plan: str, items: Iterable[Item], now: datetime, *, domain: str) -> Enqueued:
    """Queue a plan's messages, all or none; doing it again adds nothing.

    Args:
        domain: the sender's domain, for Message-IDs.
    """
    with ledger.begin() as connection:
        return add(connection, plan, items, now, domain=domain)


def add(connection: Connection, plan: str, items: Iterable[Item], now: datetime, *, domain: str) -> Enqueued:
    """`enqueue` inside a transaction of the caller."""
    queued = known = 0
    shared: list[str] = []
    rows = iter(items)
    while chunk := list(islice(rows, _CHUNK)):
        fresh, old, twice = _sort_out(connection, plan, chunk)
        known += old
        shared += twice
        queued += len(fresh)
        if fresh:
            connection.execute(insert(outbox), [_row(plan, item, now, domain) for item in fresh])
    return Enqueued(queued, known, tuple(shared))


def _sort_out(connection: Connection, plan: str, chunk: Sequence[Item]) -> tuple[list[Item], int, list[str]]:
    same = select(outbox.c.customer, outbox.c.address, outbox.c.channel, outbox.c.step).where(outbox.c.plan == plan)
    there = connection.execute(union(  # each half has its index; with OR, SQLite reads the whole plan for every chunk
        same.where(outbox.c.customer.in_([item.customer for item in chunk])),
        same.where(outbox.c.address.in_([item.address for item in chunk]))))
    people: set[tuple[str, str, int]] = set()
    addresses: set[tuple[str, str, int]] = set()
    for row in there:
        people.add((row.customer, row.channel, row.step))
        addresses.add((row.address, row.channel, row.step))
    fresh, known, shared = [], 0, []
    for item in chunk:
        person, address = (item.customer, item.channel, item.step), (item.address, item.channel, item.step)
        if person in people:
            known += 1
        elif address in addresses:
            shared.append(item.customer)
        else:
            fresh.append(item)
            people.add(person)
            addresses.add(address)
    return fresh, known, shared


def _row(plan: str, item: Item, now: datetime, domain: str) -> dict[str, Any]:
    return {"plan": plan, "customer": item.customer, "channel": item.channel, "step": item.step, "address": item.address,
            "variant": item.variant, "wave": item.wave, "language": item.language, "products": json.dumps(list(item.products)),
            "message_id": f"<{secrets.token_hex(16)}@{domain}>", "state": "queued", "attempts": 0, "not_before": now,
            "state_at": now}


def status(ledger: Ledger, plan: str) -> Status:
    """Count a plan's messages by state and reason."""
    with ledger.read() as connection:
        states = {row.state: row.n for row in connection.execute(
            select(outbox.c.state, func.count().label("n")).where(outbox.c.plan == plan).group_by(outbox.c.state))}
        reasons = {row.reason: row.n for row in connection.execute(
            select(outbox.c.reason, func.count().label("n")).where(outbox.c.plan == plan, outbox.c.reason.is_not(None))
            .group_by(outbox.c.reason).order_by(outbox.c.reason))}
        next_at = connection.scalar(
            select(func.min(outbox.c.not_before)).where(outbox.c.plan == plan, outbox.c.state == "queued"))
    return Status(sum(states.values()), **states, reasons=reasons, next_at=next_at)


def resolve_uncertain(ledger: Ledger, plan: str, how: Literal["sent", "resend"], *, by: str, audit: Audit,
                      now: datetime) -> int:
    """Settle every uncertain message of a plan by a person's word: it arrived, or send it again (and risk a second copy).

    Returns:
        How many were settled. The decision and its author stand in the audit chain.
    Raises:
        StateError: there is nothing uncertain.
    """
    state = "sent" if how == "sent" else "queued"
    with ledger.begin() as connection:
        done = connection.execute(
            update(outbox).where(outbox.c.plan == plan, outbox.c.state == "uncertain")
            .values(state=state, reason=f"resolved_{how}", owner=None, lease_until=None, state_at=now, not_before=now)).rowcount
        if not done:
            raise StateError(_("Plan {plan} has no message of uncertain delivery."), plan=plan)
        audit.append(f"outbox.{how}", plan, by, {"messages": done}, now, connection=connection)
    return done


# --- transitions; each runs inside a transaction of the caller -------------------------------------------------------------

_mine = and_(outbox.c.id == bindparam("row"), outbox.c.owner == bindparam("me"))
_START = update(outbox).where(_mine, outbox.c.state == "queued").values(
    state="sending", reason=None, attempts=outbox.c.attempts + 1, lease_until=bindparam("until"), state_at=bindparam("at"))
_SETTLE = update(outbox).where(_mine, outbox.c.state.in_(["queued", "sending", "uncertain"])).values(
    state=bindparam("to"), reason=bindparam("why"), owner=None, lease_until=None, state_at=bindparam("at"))
_REQUEUE = update(outbox).where(_mine, outbox.c.state.in_(["queued", "sending"])).values(
    state="queued", reason=bindparam("why"), attempts=outbox.c.attempts - bindparam("untried"), owner=None, lease_until=None,
    not_before=bindparam("later"), state_at=bindparam("at"))
_DUE = select(outbox.c.id).where(
    outbox.c.plan == bindparam("plan"), outbox.c.state == "queued", outbox.c.channel == bindparam("channel"),
    outbox.c.not_before <= bindparam("at"), outbox.c.owner.is_(None),
).order_by(outbox.c.not_before, outbox.c.id).limit(bindparam("most"))


def claim(connection: Connection, plan: str, channel: str, me: str, now: datetime, until: datetime, most: int) -> list[Claimed]:
    """Take up to `most` due rows for one sender; a second sender asking at the same time gets others.

    The rows stay `queued`: until `start` nothing has been tried, so when the sender dies they are free again (`recover`).
    """
    due = _DUE if connection.dialect.name == "sqlite" else _DUE.with_for_update(skip_locked=True)
    ids = list(connection.scalars(due, {"plan": plan, "channel": channel, "at": now, "most": most}))
    if not ids:
        return []
    connection.execute(update(outbox).where(outbox.c.id.in_(ids)).values(owner=me, lease_until=until))
    rows = connection.execute(select(outbox).where(outbox.c.id.in_(ids)).order_by(outbox.c.not_before, outbox.c.id))
    return [Claimed(row.customer, row.address, row.variant, row.language, tuple(json.loads(row.products)), row.channel, row.step,
                    row.wave, row.id, row.message_id, row.attempts) for row in rows]


def start(connection: Connection, item: Claimed, me: str, now: datetime, until: datetime) -> bool:
    """queued -> sending, if the row is still this sender's; False means that another has it or it was settled."""
    return connection.execute(_START, {"row": item.id, "me": me, "at": now, "until": until}).rowcount == 1


def settle(connection: Connection, item: Claimed, me: str, state: str, reason: str | None, now: datetime) -> None:
    """Write how a message ended. Also replaces `uncertain` that somebody else concluded while this sender was held up."""
    connection.execute(_SETTLE, {"row": item.id, "me": me, "to": state, "why": reason, "at": now})


def requeue(connection: Connection, item: Claimed, me: str, reason: str | None, later: datetime, now: datetime, *,
            untried: bool = False) -> None:
    """Back to the queue, not before `later`; `untried` takes the attempt back that was never made."""
    connection.execute(_REQUEUE, {"row": item.id, "me": me, "why": reason, "later": later, "at": now, "untried": int(untried)})


def release(connection: Connection, plan: str, owners: Sequence[str]) -> None:
    """Free the untried claims of senders that are gone."""
    connection.execute(update(outbox).where(outbox.c.plan == plan, outbox.c.state == "queued", outbox.c.owner.in_(owners))
                       .values(owner=None, lease_until=None))


def lock_person(connection: Connection, customer: str) -> None:
    """Serialise whatever decides about one person. SQLite needs nothing: its writers stand in line anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(coalesce("
                                "(SELECT person FROM persons WHERE customer = :customer), :customer), 0))"), {"customer": customer})
