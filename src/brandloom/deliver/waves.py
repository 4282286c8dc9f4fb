"""Waves of a plan in the ledger: opened once, with how they are shared out and their messages in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import and_, func, insert, or_, select, update

from brandloom.deliver.outbox import Enqueued, Item, add
from brandloom.ledger import Ledger
from brandloom.ledger.schema import outbox, plans, wave_texts, waves


@dataclass(frozen=True)
class TextShare:
    """One text of a cell in one wave, and what was known when the wave was opened."""

    cell: str
    text: str
    people: int
    """Of the cell in this wave."""
    share: float
    """Probability of this text for each of them: the logged propensity."""
    known: int = 0
    """Messages of earlier waves whose outcome was known,"""
    successes: int = 0
    """those that brought what the plan learns from,"""
    pending: int = 0
    """and those whose outcome was still to come."""
    expected: float = 0.0
    """Success rate believed in, with its deviation."""
    deviation: float = 0.0


@dataclass(frozen=True)
class Wave:
    """A wave that has been opened."""

    number: int
    opened_at: datetime
    out_at: datetime | None
    """When the last of its messages that no frequency cap holds back had come to an end; None before."""
    texts: tuple[TextShare, ...]


def waves_of(ledger: Ledger, plan: str) -> list[Wave]:
    """The waves of a plan that were opened, first to last."""
    with ledger.read() as connection:
        rows = connection.execute(select(waves).where(waves.c.plan == plan).order_by(waves.c.number)).all()
        texts = connection.execute(select(wave_texts).where(wave_texts.c.plan == plan).order_by(wave_texts.c.cell, wave_texts.c.text)).all()
    shares = [(row.wave, TextShare(row.cell, row.text, row.people, row.share, row.known, row.successes, row.pending, row.expected,
                                   row.deviation)) for row in texts]
    return [Wave(row.number, row.opened_at, row.out_at, tuple(one for wave, one in shares if wave == row.number)) for row in rows]


def open_wave(ledger: Ledger, plan: str, number: int, texts: Sequence[TextShare], items: Iterable[Item], now: datetime, *,
              domain: str) -> Enqueued | None:
    """Open a wave: its shares and its messages are kept together or not at all.

    Returns:
        What was queued, or None where the wave is open already; then nothing was changed, whatever shares are given now.
    """
    with ledger.begin() as connection:
        connection.execute(select(plans.c.id).where(plans.c.id == plan).with_for_update())  # two launches wait for each other
        if connection.scalar(select(waves.c.number).where(waves.c.plan == plan, waves.c.number == number)) is not None:
            return None
        connection.execute(insert(waves).values(plan=plan, number=number, opened_at=now))
        if texts:
            connection.execute(insert(wave_texts), [{"plan": plan, "wave": number, **asdict(one)} for one in texts])
        return add(connection, plan, items, now, domain=domain)


def close_waves(ledger: Ledger, plan: str) -> None:
    """Write down which waves are out: from then on the pause before the next one counts.

    Messages that a frequency cap holds back are not waited for; they may be held for days.
    """
    held = and_(outbox.c.state == "queued", outbox.c.reason == "cap")
    under_way = and_(outbox.c.state.in_(("queued", "sending")), or_(outbox.c.reason.is_(None), ~held))
    with ledger.begin() as connection:
        for row in connection.execute(select(waves).where(waves.c.plan == plan, waves.c.out_at.is_(None))).all():
            own = and_(outbox.c.plan == plan, outbox.c.wave == row.number)
            if connection.scalar(select(func.count()).where(own, under_way)):
                continue
            last = connection.scalar(select(func.max(outbox.c.state_at)).where(own, ~held))
            connection.execute(update(waves).where(waves.c.plan == plan, waves.c.number == row.number).values(out_at=last or row.opened_at))
