"""What each channel of a plan carries and costs: text messages are paid for by the segment, and how many that are follows from the texts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from brandloom.campaigns.messages import MessageWriter
from brandloom.campaigns.plans import Plan
from brandloom.deliver import Item
from brandloom.ledger import schema

if TYPE_CHECKING:
    from brandloom.campaigns.shop import Shop


@dataclass(frozen=True)
class Carried:
    """Messages of one channel, and what they cost in the shop's currency."""

    channel: str
    messages: int
    segments: int | None
    """Of text messages, all together."""
    cost: float


def planned(shop: Shop, plan: Plan) -> tuple[Carried, ...]:
    """What the plan decided to send, each text with the products it is about to be sent with."""
    rows = shop.engine.query("SELECT customer, channel, variant, language, products FROM decisions WHERE plan = $plan AND action = 'send' "
                             "ORDER BY customer", plan=plan.id).to_pylist()
    return _carried(shop, plan, ((Item(row["customer"], "", row["variant"], row["language"], tuple(row["products"]), row["channel"]), 1)
                                 for row in rows))


def delivered(shop: Shop, plan: Plan) -> tuple[Carried, ...]:
    """What carriers have accepted, or may have: what is paid for."""
    outbox = schema.outbox.c
    with shop.ledger.read() as connection:
        rows = connection.execute(select(outbox.channel, outbox.variant, outbox.language, outbox.products, func.count().label("n")).where(
            outbox.plan == plan.id, outbox.state.in_(("sent", "uncertain"))).group_by(
            outbox.channel, outbox.variant, outbox.language, outbox.products)).all()
    return _carried(shop, plan, ((Item("", "", row.variant, row.language, tuple(json.loads(row.products)), row.channel), row.n) for row in rows))


def _carried(shop: Shop, plan: Plan, items: Iterable[tuple[Item, int]]) -> tuple[Carried, ...]:
    writer = MessageWriter(shop.engine, shop.workspace, plan)
    prices = shop.workspace.config.economics.cost_per_message
    lengths: dict[tuple[str, str | None], int] = {}
    messages: dict[str, int] = {}
    segments: dict[str, int] = {}
    for item, count in items:
        messages[item.channel] = messages.get(item.channel, 0) + count
        if item.channel == "sms":
            kind = (item.variant, item.products[0] if item.products else None)
            if kind not in lengths:
                lengths[kind] = writer.segments(item)
            segments[item.channel] = segments.get(item.channel, 0) + count * lengths[kind]
    return tuple(Carried(one, messages[one], segments.get(one), segments.get(one, messages[one]) * prices.get(one, 0.0)) for one in sorted(messages))
