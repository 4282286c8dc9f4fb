"""A small shop whose people can be written to, and the processes of the kill tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

from sqlalchemy import insert, select, update

from brandloom.deliver import (
    Caps,
    Channel,
    Claimed,
    Envelope,
    Item,
    Links,
    LoopbackChannel,
    LoopbackSmtp,
    Mailer,
    Message,
    OutboxChannel,
    Parts,
    Receipt,
    SendJob,
    SendReport,
    SendRules,
    SmtpChannel,
    Subscription,
    enqueue,
    send,
)
from brandloom.govern import Audit, Consent, Person, Vault, record
from brandloom.ledger import Ledger
from brandloom.ledger.database import open_ledger_at
from brandloom.ledger.schema import outbox, plans
from brandloom.workspace import SenderConfig, ShopConfig, Workspace, create_workspace, open_workspace

NOON = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
FREE = Caps(per_day=10_000, per_week=10_000)
SHOP = ShopConfig(name="Lantern Hall", sender=SenderConfig(
    name="Lantern Hall", email="news@lantern.example", postal_address="1 Harbour Street, Bristol",
    unsubscribe_url="https://lantern.example/unsubscribe"))


@dataclass
class World:
    """One shop with `customers[i]` at p<i>@example.com, all of whom agreed."""

    workspace: Workspace
    ledger: Ledger

    def __post_init__(self) -> None:
        self.vault = Vault(self.ledger, self.workspace)
        self.audit = Audit(self.ledger, self.workspace.derive_key("audit"))
        self.links = Links(self.workspace.derive_key("links"), self.workspace.config.sender.unsubscribe_url)
        self.mailer = Mailer(self.workspace.config)
        self.customers: list[str] = []

    def people(self, count: int, *, consent: bool = True) -> list[str]:
        new = range(len(self.customers), len(self.customers) + count)
        made = self.vault.pseudonyms([f"shop-{number}" for number in new])
        self.vault.seal((Person(customer, email=address(number)) for customer, number in zip(made, new, strict=True)), now=NOON)
        if consent:
            record(self.ledger, [Consent(c, "email", "marketing", True, "Yes, write to me", "shop export", NOON) for c in made],
                   now=NOON)
        self.customers += made
        return made

    def plan(self, name: str) -> str:
        with self.ledger.begin() as connection:
            connection.execute(insert(plans).values(id=name, name=name, status="approved", as_of=NOON, brief="{}", document="{}",
                                                    digest="0" * 64, created_at=NOON))
        return name

    def items(self, customers: Iterable[str]) -> list[Item]:
        number = {customer: place for place, customer in enumerate(self.customers)}
        return [Item(c, self.vault.digest("email", address(number[c])), "a/b/email/en", "en", ("P1",)) for c in customers]

    def queue(self, name: str, customers: Iterable[str], *, now: datetime = NOON) -> str:
        enqueue(self.ledger, self.plan(name), self.items(customers), now, domain="lantern.example")
        return name

    def render(self, item: Claimed, person: Person) -> Message:
        unsubscribe_url = self.links.url(Subscription(item.customer, "spring", item.channel))
        return self.mailer.message(Envelope(item.message_id, str(person.email), item.language, "spring", unsubscribe_url),
                                   Parts("New lanterns", "Hello\n1 Harbour Street, Bristol", "<p>Hello</p>"), now=NOON)

    def send(self, channel: Channel, plan: str, *, now: datetime = NOON, rules: SendRules | None = None, stop: threading.Event | None = None,
             progress: Callable[[int], None] | None = None) -> SendReport:
        return send(self.ledger, self.vault, SendJob(plan, channel, self.render), rules or SendRules(FREE, UTC), clock=lambda: now,
                    stop=stop, progress=progress)

    def states(self, plan: str) -> dict[str, str]:
        """State by Message-ID."""
        with self.ledger.read() as connection:
            rows = connection.execute(select(outbox.c.message_id, outbox.c.state).where(outbox.c.plan == plan))
            return {row.message_id: row.state for row in rows}

    def set_rows(self, plan: str, **values: object) -> None:
        with self.ledger.begin() as connection:
            connection.execute(update(outbox).where(outbox.c.plan == plan).values(**values))


class Answering:
    """A carrier that answers from a list, then accepts; shipped OutboxChannel keeps what was accepted."""

    name, accepts_idempotency_key = "email", False

    def __init__(self, *answers: Receipt | BaseException) -> None:
        self.answers, self.kept, self.open_, self.tried = list(answers), OutboxChannel(), 0, 0

    def open(self) -> None:
        self.open_ += 1

    def send(self, message: Message) -> Receipt:
        self.tried += 1
        answer = self.answers.pop(0) if self.answers else Receipt("accepted")
        if isinstance(answer, BaseException):
            raise answer
        return self.kept.send(message) if answer.outcome == "accepted" else answer

    def lookup(self, message_id: str) -> bool | None:
        return None

    def close(self) -> None:
        self.open_ -= 1


def address(number: int) -> str:
    return f"p{number}@example.com"


def make_world(folder: Path, ledger: Ledger) -> World:
    return World(create_workspace(folder / "shop", SHOP), ledger)


# --- processes of the kill tests: started fresh, so they are named by module and take plain arguments ---

def run_sender(folder: str, ledger_url: str, sink_url: str, plan: str, askable: bool) -> None:
    ledger = open_ledger_at(ledger_url)
    world = World(open_workspace(Path(folder)), ledger)
    world.send(LoopbackChannel(sink_url) if askable else SmtpChannel(sink_url), plan)
    ledger.close()


class Ticking(LoopbackSmtp):
    """Tells another process when a message with a certain number is being received, before it is answered."""

    def __init__(self, spool: Path, pipe: Connection, ticks: list[int]) -> None:
        super().__init__(spool)
        self._pipe, self._ticks = pipe, set(ticks)

    def _keep(self, recipient: str, data: bytes) -> None:
        super()._keep(recipient, data)
        if len(self) in self._ticks:
            self._pipe.send(len(self))


def run_sink(pipe: Connection, spool: str, ticks: list[int]) -> None:
    with Ticking(Path(spool), pipe, ticks) as sink:
        pipe.send(sink.url)
        pipe.recv()
        pipe.send(dict(sink.arrivals))
