"""Opening a plan's waves: whose turn it is, what the waves before have brought, and which text each person gets.

A wave is opened once, in one transaction of the ledger with its shares and its messages; whoever launches again after a crash finds it open
and goes on sending. Nobody is added on the way: waves are parts of the people the plan decided to write to, so audience, budget and
holdout stay as approved, and caps are looked up message by message as ever.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
from sqlalchemy import func, select

from brandloom import deliver
from brandloom.campaigns.messages import items_of
from brandloom.campaigns.plans import Plan
from brandloom.campaigns.records import copy_to_warehouse
from brandloom.decide import Arm, draw_texts, share_out, wave_numbers
from brandloom.deliver import Item, TextShare, Wave
from brandloom.engine import Engine, read_sql, scalar
from brandloom.ledger import Ledger, schema

if TYPE_CHECKING:
    from brandloom.campaigns.shop import Shop

USUAL_CLICK_RATE = 0.015
"""Assumed before the plan has clicks of its own."""
_UNKNOWN = 0.3  # deviation, in log-odds, of a text that no scorer knows


@dataclass(frozen=True)
class Tally:
    """What is known of one text when a wave is opened."""

    known: int = 0
    successes: int = 0
    pending: int = 0


@dataclass(frozen=True)
class Progress:
    """Where a plan's waves are."""

    opened: int
    waves: int
    waiting: int
    """People of waves that are not open yet."""
    next_at: datetime | None
    """When the next one may open; None while the last is still going out, or when all are open."""


def open_next(shop: Shop, plan: Plan, *, domain: str) -> int:
    """Open the next wave if its time has come.

    Returns:
        People of it who get no message of their own because somebody with the same address gets it.
    """
    deliver.close_waves(shop.ledger, plan.id)
    opened = deliver.waves_of(shop.ledger, plan.id)
    now = shop.clock()
    if len(opened) == plan.waves or (opened and ((at := _due(plan, opened)) is None or at > now)):
        return 0
    if opened:
        copy_to_warehouse(shop, plan)
    number, waves = len(opened) + 1, _waves_of_people(shop.engine, plan)
    waiting = [item for item in items_of(shop, plan) if waves[item.customer] >= number]
    people = [item for item in waiting if waves[item.customer] == number]
    left = Counter(item.variant for item in waiting)
    texts, items = _share_out(plan, number, people, left, _tallies(shop, plan, now), usual_rate(shop.engine, plan))
    done = deliver.open_wave(shop.ledger, plan.id, number, texts, items, now, domain=domain)
    return 0 if done is None else len(done.shared_address)


def progress_of(shop: Shop, plan: Plan) -> Progress:
    """Which waves are out, and when the next may go."""
    opened = deliver.waves_of(shop.ledger, plan.id)
    if len(opened) == plan.waves:
        return Progress(len(opened), plan.waves, 0, None)
    numbers = _waves_of_people(shop.engine, plan).values()
    return Progress(len(opened), plan.waves, sum(number > len(opened) for number in numbers), _due(plan, opened) if opened else shop.clock())


def _due(plan: Plan, opened: Sequence[Wave]) -> datetime | None:
    last = opened[-1]
    pause = plan.brief.learn.pause if plan.brief.learn else timedelta(0)
    return None if last.out_at is None else last.out_at + pause


def _waves_of_people(engine: Engine, plan: Plan) -> dict[str, int]:
    """The wave of everyone the plan writes to; people of a cell with one text have nothing to wait for."""
    rows = engine.query("SELECT customer, variant FROM decisions WHERE plan = $plan AND action = 'send' ORDER BY customer", plan=plan.id)
    customers, cells = rows.column("customer").to_pylist(), rows.column("variant").to_pylist()
    numbers = wave_numbers(plan.id, 0, customers, cells, plan.waves).tolist()
    several = {cell for cell, texts in plan.cells.items() if len(texts) > 1}
    return {customer: number if cell in several else 1 for customer, cell, number in zip(customers, cells, numbers, strict=True)}


def _share_out(plan: Plan, number: int, people: Sequence[Item], left: Mapping[str, int], tallies: Mapping[str, Tally],
               level: float) -> tuple[list[TextShare], list[Item]]:
    """Shares of every cell's texts in this wave, and everybody's message with the text drawn."""
    shares: list[TextShare] = []
    items: list[Item] = []
    for cell, texts in plan.cells.items():
        own = [item for item in people if item.variant == cell]
        if not own:
            continue
        arms = [_arm(plan, text, tallies.get(text, Tally())) for text in texts]
        split = share_out(arms, wave=len(own), remaining=left[cell], level=level)
        shares += [TextShare(cell, arm.key, len(own), split.share[arm.key], arm.impressions, arm.clicks, arm.pending,
                             split.expected_rate[arm.key], split.deviation[arm.key]) for arm in arms]
        drawn = draw_texts(split, [item.customer for item in own], plan=plan.id, wave=number, cell=cell)
        items += [replace(item, variant=text, wave=number) for item, text in zip(own, drawn, strict=True)]
    place = {item.customer: at for at, item in enumerate(people)}  # the most valuable first, as the plan has it
    return shares, sorted(items, key=lambda item: place[item.customer])


def _arm(plan: Plan, text: str, tally: Tally) -> Arm:
    """A scorer learned from clicks says nothing about orders."""
    scores = plan.extra.get("scores", {}) if plan.brief.learn is None or plan.brief.learn.metric == "clicks" else {}
    score, deviation = scores.get(text, (0.0, _UNKNOWN))
    return Arm(text, tally.known, tally.successes, tally.pending, score, deviation)


def _tallies(shop: Shop, plan: Plan, now: datetime) -> dict[str, Tally]:
    """What every text has brought so far.

    Every message is given the same time, the pause between waves, so that texts shown early have no more of it than texts shown late. What
    comes later counts for the report. Orders are only known as far as they are loaded.
    """
    learn = plan.brief.learn
    if learn is None:
        return {}
    until = now.astimezone(UTC).replace(tzinfo=None)
    if learn.metric == "orders":
        loaded = scalar(shop.engine, "SELECT MAX(occurred_at) FROM events WHERE kind = 'purchase'")
        until = min(until, loaded) if isinstance(loaded, datetime) else datetime(1970, 1, 1)
    rows = responses(shop.engine, plan, window=learn.pause, until=until).group_by("text").aggregate([("brought", "count"), ("brought", "sum")])
    found = {row["text"]: Tally(row["brought_count"], row["brought_sum"]) for row in rows.to_pylist()}
    for text, count in _under_way(shop.ledger, plan.id).items():
        had = found.get(text, Tally())
        found[text] = replace(had, pending=count - had.known)
    return found


def responses(engine: Engine, plan: Plan, *, window: timedelta, until: datetime, metric: Literal["clicks", "orders"] | None = None) -> pa.Table:
    """Messages sent at least `window` before `until` (naive UTC): customer, cell, text, wave, propensity, and 1 where one `brought` a click or
    an order within the window.

    Args:
        metric: what counts; what the plan learns from when None.
    """
    metric = metric or (plan.brief.learn.metric if plan.brief.learn else "clicks")
    return engine.query(read_sql("campaigns", "responses"), plan=plan.id, metric=metric, until=until, window_s=int(window.total_seconds()))


def _under_way(ledger: Ledger, plan: str) -> dict[str, int]:
    """Messages per text that are queued or may have arrived."""
    outbox = schema.outbox.c
    with ledger.read() as connection:
        rows = connection.execute(select(outbox.variant, func.count()).where(
            outbox.plan == plan, outbox.state.in_(("queued", "sending", "sent", "uncertain"))).group_by(outbox.variant)).all()
    return {row[0]: row[1] for row in rows}


def usual_rate(engine: Engine, plan: Plan) -> float:
    """Success rate to be expected before a text has any of its own: the usual click rate, or the share of these people who buy anyway."""
    if plan.brief.learn is None or plan.brief.learn.metric == "clicks":
        return USUAL_CLICK_RATE
    p = scalar(engine, "SELECT AVG(p_purchase) FROM decisions WHERE plan = $plan AND action = 'send'", plan=plan.id)
    share = plan.brief.learn.pause / timedelta(days=plan.horizon_days)
    return float(np.clip((p if isinstance(p, float) else 0.0) * share, 1e-4, 0.9))
