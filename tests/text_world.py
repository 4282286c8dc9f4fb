"""The processes of the kill tests for text messages: started fresh, so they are named by module and take plain arguments."""

from __future__ import annotations

from collections import Counter
from datetime import UTC
from multiprocessing.connection import Connection
from pathlib import Path

from brandloom.deliver import Claimed, Item, LoopbackGateway, Message, SendJob, SendRules, TwilioSms, enqueue, send
from brandloom.govern import Consent, Person, record
from brandloom.ledger.database import open_ledger_at
from brandloom.workspace import open_workspace
from deliver_world import FREE, NOON, World


def numbers(world: World, count: int) -> dict[str, str]:
    """Customer -> number, all of whom agreed to text messages."""
    made = world.vault.pseudonyms([f"p{n}" for n in range(count)])
    known = {customer: f"+44770{n:07}" for n, customer in enumerate(made)}
    world.vault.seal((Person(customer, phone=phone) for customer, phone in known.items()), now=NOON)
    record(world.ledger, [Consent(c, "sms", "marketing", True, "Yes, text me", "shop export", NOON) for c in made], now=NOON)
    return known


def queued(world: World, plan: str, people: dict[str, str]) -> str:
    items = [Item(who, world.vault.digest("phone", phone), "a/b/sms/en", "en", ("P1",), "sms") for who, phone in people.items()]
    enqueue(world.ledger, world.plan(plan), items, NOON, domain="lantern.example")
    return plan


def text_of(item: Claimed, person: Person) -> Message:
    return Message(item.message_id, "", str(person.phone), f"Lantern Hall: hello {item.id}".encode())


def run_text_sender(folder: str, ledger_url: str, gateway_url: str, plan: str) -> None:
    ledger = open_ledger_at(ledger_url)
    world = World(open_workspace(Path(folder)), ledger)
    send(ledger, world.vault, SendJob(plan, TwilioSms(gateway_url), text_of), SendRules(FREE, UTC), clock=lambda: NOON)
    ledger.close()


def run_gateway(pipe: Connection, ticks: list[int], idempotent: bool) -> None:
    """Says when so many messages were asked for, before the last of them is answered; in the end, who got how many."""
    asked = Counter[str]()

    def on_message(recipient: str) -> None:
        asked[""] += 1
        if asked[""] in ticks:
            pipe.send(asked[""])

    with LoopbackGateway(idempotent=idempotent, on_message=on_message) as gateway:
        pipe.send(gateway.url)
        pipe.recv()
        pipe.send(dict(Counter(one.key for one in gateway.received)))
