"""Sending a plan's queue through one channel: checked at the last moment, safe to kill at any moment."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import MAXYEAR, UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, func, or_, select, update

from brandloom.deliver import outbox as queue
from brandloom.deliver.channels import ADDRESS_KIND, Channel, Message, Receipt
from brandloom.deliver.outbox import Claimed
from brandloom.deliver.owners import BOOT, boot_of, is_gone, owning
from brandloom.deliver.rules import SendRules, cap_end, quiet_end
from brandloom.errors import DataError, ProviderError
from brandloom.govern import Person, SuppressionReason, Vault, ids_of, refusals, suppress
from brandloom.i18n import _
from brandloom.ledger import Ledger
from brandloom.ledger.schema import consents, outbox, persons, suppressions

BATCH = 20
LEASE = timedelta(minutes=10)  # longer than any single message can take; see SmtpChannel's time-outs
MOST_ATTEMPTS = 5
_MOST_TROUBLE = 10  # answers in a row that are about the carrier, not the message, before a send gives up for now


@dataclass
class SendReport:
    """What one call of `send` did. Messages held or queued again go out in a later call, see `next_at`."""

    sent: int = 0
    failed: int = 0
    suppressed: int = 0
    uncertain: int = 0
    held: int = 0
    """Kept in the queue by quiet hours or a frequency cap."""
    again: int = 0
    """Kept in the queue because the carrier asked to try later."""
    recovered: int = 0
    """Left in doubt by a sender that died, and settled at the start of this one."""
    reasons: dict[str, int] = field(default_factory=dict)
    stopped: bool = False
    """Whether somebody asked to stop before the queue was through."""
    seconds: float = 0.0
    next_at: datetime | None = None

    @property
    def handled(self) -> int:
        return self.sent + self.failed + self.suppressed + self.uncertain + self.held + self.again


@dataclass(frozen=True)
class _Verdict:
    """What is to become of an item: go, or a state (with `later` when it stays queued)."""

    state: str
    reason: str | None = None
    later: datetime | None = None
    suppress: SuppressionReason | None = None
    """Why the address may not be written to again, if so."""


_GO = _Verdict("go")
_LOST = _Verdict("lost")


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class SendJob:
    """One plan through one channel."""

    plan: str
    channel: Channel
    render: Callable[[Claimed, Person], Message]
    """Writes the message for one item and one person. Personal data is revealed for a batch and kept in memory only."""


def send(ledger: Ledger, vault: Vault, job: SendJob, rules: SendRules, *, clock: Callable[[], datetime] = utc_now,
         stop: threading.Event | None = None, progress: Callable[[int], None] | None = None) -> SendReport:
    """Send what is due of a plan. May be called again at any time, and by two senders at once: nobody gets anything twice.

    Consent, suppression, quiet hours and caps are looked up in the transaction that commits `sending`, one message at a
    time. SIGTERM and Ctrl-C stop after the message in hand; a second Ctrl-C interrupts it and leaves it uncertain.

    Args:
        clock: the present moment (with a zone).
        stop: set it to stop after the message in hand.
        progress: called with the number of messages handled since the last call.
    Raises:
        ProviderError: the carrier cannot be reached or keeps refusing service. Everything unsent is still queued.
    """
    begun = time.monotonic()
    report = SendReport()
    with _stopping(stop or threading.Event()) as stopping, owning() as me:
        _Sender(ledger, vault, job, rules, clock, stopping, progress, me, report).run()
        report.stopped = stopping.is_set()
    report.seconds = time.monotonic() - begun
    report.next_at = queue.status(ledger, job.plan).next_at
    return report


@dataclass
class _Sender:
    ledger: Ledger
    vault: Vault
    job: SendJob
    rules: SendRules
    clock: Callable[[], datetime]
    stopping: threading.Event
    progress: Callable[[int], None] | None
    me: str
    report: SendReport
    done: tuple[Claimed, _Verdict] | None = None
    """The message last handed over, whose end the next transaction writes: one commit per message instead of two."""
    trouble: int = 0
    free_at: float = 0.0

    def run(self) -> None:
        channel = self.job.channel
        channel.open()
        try:
            self.report.recovered = recover(self.ledger, self.job, self.clock())
            while not self.stopping.is_set() and (batch := self._claim()):
                self._send_batch(batch)
        finally:
            self._leave()
            channel.close()

    def _claim(self) -> list[Claimed]:
        now = self.clock()
        with self._transaction(durable=True) as connection:
            return queue.claim(connection, self.job.plan, self.job.channel.name, self.me, now, now + LEASE, BATCH)

    def _send_batch(self, batch: list[Claimed]) -> None:
        people = self.vault.reveal([item.customer for item in batch])
        for item in batch:
            if self.stopping.is_set():
                return
            self._pace()
            if self.stopping.is_set():
                return
            self._handle(item, people.get(item.customer))

    def _handle(self, item: Claimed, person: Person | None) -> None:
        message, unfit = self._write(item, person)
        with self._transaction() as connection:
            verdict = unfit or self._admit(connection, item)
            if verdict is not _GO and verdict is not _LOST:
                self._record(connection, item, verdict)
        if verdict is not _GO:
            self._count(verdict)
            return
        assert message is not None
        self.done = (item, _Verdict("uncertain", "interrupted"))  # holds until the carrier has answered
        try:
            receipt = self.job.channel.send(message)
        except ProviderError:
            self.done = (item, _Verdict("queued", "carrier_unreachable", self.clock()))
            raise
        self.done = (item, self._judge(item, receipt))
        self._count(self.done[1])
        self._watch(receipt)

    def _write(self, item: Claimed, person: Person | None) -> tuple[Message | None, _Verdict | None]:
        """The message, or why there cannot be one. Quiet hours come first: a night's audience is not written in vain."""
        if verdict := self._quiet(item):
            return None, verdict
        kind = ADDRESS_KIND[item.channel]
        address = person and getattr(person, kind)
        if person is None or not address:
            return None, _Verdict("suppressed", "no_address")
        try:
            if self.vault.digest(kind, address) != item.address:
                return None, _Verdict("suppressed", "address_changed")  # the new one may be suppressed, or has a copy already
            return self.job.render(item, person), None
        except DataError:
            return None, _Verdict("failed", "not_rendered")

    def _admit(self, connection: Connection, item: Claimed) -> _Verdict:
        now = self.clock()
        queue.lock_person(connection, item.customer)
        row = connection.execute(_REFUSAL, {"channel": item.channel, "address": item.address, "customer": item.customer}).one()
        others = ids_of(connection, [item.customer])[item.customer] if row.person else ()
        if reason := _refusal(connection, self.job.plan, item, row, others):
            return _Verdict("suppressed", reason)
        if verdict := self._expired(now) or self._quiet(item) or self._capped(connection, item, others, now):
            return verdict
        return _GO if queue.start(connection, item, self.me, now, now + LEASE) else _LOST

    def _expired(self, moment: datetime) -> _Verdict | None:
        return _Verdict("suppressed", "expired") if self.rules.expired(moment) else None

    def _quiet(self, item: Claimed) -> _Verdict | None:
        end = quiet_end(self.clock(), self.rules.zone_for(item.customer), self.rules.caps)
        return None if end is None else self._expired(end) or _Verdict("queued", "quiet_hours", end)

    def _capped(self, connection: Connection, item: Claimed, others: Sequence[str], now: datetime) -> _Verdict | None:
        since = now - timedelta(days=8)
        rows = {row.id: row.state_at for customer in others or (item.customer,)
                for row in connection.execute(_RECENT, {"customer": customer, "address": item.address, "since": since})}
        recent = list(rows.values())
        zone, caps = self.rules.zone_for(item.customer), self.rules.caps
        end = cap_end(recent, now, zone, caps)
        if end is None:
            return None
        if end.year == MAXYEAR:
            return _Verdict("suppressed", "cap")
        return self._expired(end) or _Verdict("queued", "cap", quiet_end(end, zone, caps) or end)

    def _judge(self, item: Claimed, receipt: Receipt) -> _Verdict:
        if receipt.outcome == "accepted":
            return _Verdict("sent")
        if receipt.outcome == "unknown":
            return _Verdict("uncertain", receipt.reason)
        if receipt.outcome == "refused" or item.attempts + 1 >= MOST_ATTEMPTS:
            return _Verdict("failed", receipt.reason, suppress=receipt.suppress)
        wait = timedelta(minutes=min(2 ** item.attempts, 60))
        return _Verdict("queued", receipt.reason, self.clock() + wait)

    def _watch(self, receipt: Receipt) -> None:
        self.trouble = self.trouble + 1 if receipt.outcome in ("later", "unknown") else 0
        if self.trouble >= _MOST_TROUBLE:
            raise ProviderError(_("The carrier turned away {count} messages in a row, last with '{reason}'. What was not sent is "
                                  "still queued; start the send again later."),
                                retryable=True, count=self.trouble, reason=receipt.reason)

    def _record(self, connection: Connection, item: Claimed, verdict: _Verdict) -> None:
        now = self.clock()
        if verdict.state == "queued":
            queue.requeue(connection, item, self.me, verdict.reason, verdict.later or now, now,
                          untried=verdict.reason == "carrier_unreachable")
        else:
            queue.settle(connection, item, self.me, verdict.state, verdict.reason, now)
        if verdict.suppress is not None:
            suppress(connection, item.channel, item.address, reason=verdict.suppress, now=now)

    @contextmanager
    def _transaction(self, *, durable: bool = BOOT == "") -> Iterator[Connection]:
        """Writes the end of the last message, and whatever the block adds.

        Only claims wait for the disk: after a loss of power all that was claimed is in doubt and is found by the boot in its
        owner's name; after the death of the process nothing committed is missing, so the one message in hand is.
        """
        with self.ledger.begin(durable=durable) as connection:
            if self.done is not None:
                self._record(connection, *self.done)
            yield connection
        self.done = None

    def _leave(self) -> None:
        """Write the last message's end and free what was claimed and not tried."""
        with self._transaction(durable=True) as connection:
            queue.release(connection, self.job.plan, [self.me])

    def _count(self, verdict: _Verdict) -> None:
        if verdict is _LOST:
            return
        name = verdict.state
        if name == "queued":
            name = "held" if verdict.reason in ("quiet_hours", "cap") else "again"
        setattr(self.report, name, getattr(self.report, name) + 1)
        if verdict.reason:
            self.report.reasons[verdict.reason] = self.report.reasons.get(verdict.reason, 0) + 1
        if self.progress:
            self.progress(1)

    def _pace(self) -> None:
        if self.rules.limit_per_s is None:
            return
        wait = self.free_at - time.monotonic()
        if wait > 0:
            if self.done is not None:
                with self._transaction():
                    pass  # what was sent is on record before the pause
            self.stopping.wait(wait)
        self.free_at = max(self.free_at, time.monotonic()) + 1 / self.rules.limit_per_s


_RECENT = select(outbox.c.id, outbox.c.state_at).where(
    or_(outbox.c.customer == bindparam("customer"), outbox.c.address == bindparam("address")),
    outbox.c.state.in_(queue.COUNTED), outbox.c.state_at > bindparam("since"))


# `govern.refusals` for one person as one prepared statement: it runs for every message, inside the transaction (a test compares)
_REFUSAL = select(
    select(suppressions.c.reason).where(suppressions.c.channel == bindparam("channel"),
                                        suppressions.c.digest == bindparam("address")).scalar_subquery().label("suppressed"),
    select(consents.c.granted).where(consents.c.customer == bindparam("customer"), consents.c.channel == bindparam("channel"),
                                     consents.c.purpose == "marketing")
    .order_by(consents.c.id.desc()).limit(1).scalar_subquery().label("granted"),
    select(persons.c.person).where(persons.c.customer == bindparam("customer")).scalar_subquery().label("person"))
_TWIN = select(outbox.c.id).where(
    outbox.c.plan == bindparam("plan"), outbox.c.channel == bindparam("channel"), outbox.c.step == bindparam("step"),
    outbox.c.state.in_(queue.COUNTED), outbox.c.customer.in_(bindparam("others", expanding=True))).limit(1)


def _refusal(connection: Connection, plan: str, item: Claimed, row: Row[Any, Any, Any], others: Sequence[str]) -> str | None:
    """Why this person must not be written to, or None. `others`: all their ids, where they have several."""
    if row.suppressed is not None:
        return str(row.suppressed)
    if not others:
        return None if row.granted else "no_consent"
    if refusal := refusals(connection, {item.customer: item.address}, item.channel, "marketing").get(item.customer):
        return refusal
    asked = {"plan": plan, "channel": item.channel, "step": item.step, "others": [one for one in others if one != item.customer]}
    return "same_person" if connection.execute(_TWIN, asked).first() else None


def recover(ledger: Ledger, job: SendJob, now: datetime) -> int:
    """Settle what dead senders left behind, and what is `uncertain` if the carrier can tell now; returns how many were settled.

    A sender is dead when its process is gone from this machine; one of another machine is only presumed dead when its lease
    is over, and then its message is never queued again on a bare 'did not arrive': it might still be on its way.
    """
    plan, channel, settled = job.plan, job.channel, 0
    with ledger.begin() as connection:
        leases = {row.owner: row.until for row in connection.execute(_OWNERS, {"plan": plan})}
        gone = [owner for owner in leases if is_gone(owner)]
        over = [owner for owner, until in leases.items() if owner in gone or until < now]
        # their claims were certainly not tried, if every commit of theirs is on record: see `_transaction`
        untried = [owner for owner in over if ledger.dialect == "postgresql" or boot_of(owner) == BOOT]
        queue.release(connection, plan, untried)
        doubtful = list(connection.execute(_DOUBTFUL, {"plan": plan, "channel": channel.name, "over": over}))
    for row in doubtful:
        state = _conclude(channel, row.message_id, row.state, certain=row.state == "uncertain" or row.owner in gone)
        if state == row.state == "uncertain":
            continue
        values: dict[str, object] = {"state": state, "reason": None if state == "sent" else "sender_died", "state_at": now}
        if state != "uncertain":  # its owner, should it live after all, may still say how it ended
            values |= {"owner": None, "lease_until": None, "not_before": now}
        with ledger.begin() as connection:
            settled += connection.execute(
                update(outbox).where(outbox.c.id == row.id, outbox.c.state == row.state, outbox.c.owner.is_not_distinct_from(
                    row.owner)).values(values)).rowcount
    return settled


def _conclude(channel: Channel, message_id: str, state: str, *, certain: bool) -> str:
    arrived = channel.lookup(message_id)
    if arrived:
        return "sent"
    if channel.accepts_idempotency_key or (arrived is False and certain):
        return "queued"
    return "uncertain"


_OWNERS = select(outbox.c.owner, func.max(outbox.c.lease_until).label("until")).where(
    outbox.c.plan == bindparam("plan"), outbox.c.owner.is_not(None), outbox.c.state.in_(["queued", "sending"])
).group_by(outbox.c.owner)
_DOUBTFUL = select(outbox.c.id, outbox.c.message_id, outbox.c.state, outbox.c.owner).where(
    outbox.c.plan == bindparam("plan"), outbox.c.channel == bindparam("channel"), or_(
        outbox.c.state == "uncertain",
        and_(outbox.c.state.in_(["queued", "sending"]), outbox.c.owner.in_(bindparam("over", expanding=True))))
).order_by(outbox.c.id)


@contextmanager
def _stopping(stop: threading.Event) -> Iterator[threading.Event]:
    """SIGTERM and Ctrl-C set the event; after the first, the old handlers are back, so a second Ctrl-C interrupts."""
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    old = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def ask(_number: int, _frame: object) -> None:
        stop.set()
        for number, handler in old.items():
            signal.signal(number, handler)

    for number in old:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
