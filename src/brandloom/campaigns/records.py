"""What the ledger knows of a plan, put beside the events where it is measured: messages, clicks, and the text each person was given."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
from sqlalchemy import and_, select

from brandloom.campaigns.plans import Plan
from brandloom.engine import Engine, tables
from brandloom.ledger import schema

if TYPE_CHECKING:
    from brandloom.campaigns.shop import Shop

_GIVEN = pa.schema([("customer", pa.string()), ("wave", pa.int32()), ("text", pa.string()), ("text_propensity", pa.float64())])


def copy_to_warehouse(shop: Shop, plan: Plan) -> None:
    """Copy what became of a plan's messages so far; done again it replaces the plan's rows."""
    outbox, clicks, shares = schema.outbox.c, schema.clicks.c, schema.wave_texts.c
    with shop.ledger.read() as connection:
        rows = connection.execute(
            select(outbox.customer, outbox.channel, outbox.variant, outbox.state, outbox.state_at, outbox.wave, shares.share)
            .join_from(schema.outbox, schema.wave_texts, and_(shares.plan == outbox.plan, shares.wave == outbox.wave,
                                                              shares.text == outbox.variant), isouter=True)
            .where(outbox.plan == plan.id).order_by(outbox.id)).all()
        clicked = connection.execute(select(outbox.customer, outbox.channel, clicks.at, clicks.machine).join_from(
            schema.clicks, schema.outbox, clicks.message == outbox.id).where(outbox.plan == plan.id).order_by(clicks.id)).all()
    if not rows:
        return
    messages = [{"plan": plan.id, "customer": row.customer, "channel": row.channel, "variant": row.variant, "state": row.state,
                 "state_at": _naive(row.state_at), "wave": row.wave} for row in rows if row.state in ("sent", "failed", "suppressed", "uncertain")]
    follows = [{"plan": plan.id, "customer": row.customer, "channel": row.channel, "clicked_at": _naive(row.at), "machine": row.machine}
               for row in clicked]
    given = [{"customer": row.customer, "wave": row.wave, "text": row.variant, "text_propensity": 1.0 if row.share is None else row.share}
             for row in rows]
    with shop.engine.transaction():
        _replace(shop.engine, plan.id, "messages", pa.Table.from_pylist(messages, schema=tables.MESSAGES))
        _replace(shop.engine, plan.id, "clicks", pa.Table.from_pylist(follows, schema=tables.CLICKS))
        _write_texts(shop.engine, plan.id, pa.Table.from_pylist(given, schema=_GIVEN))


def _replace(engine: Engine, plan: str, table: str, rows: pa.Table) -> None:
    engine.replace(table, f"SELECT * FROM {table} WHERE plan <> $plan", plan=plan)
    engine.add(table, rows)


def _write_texts(engine: Engine, plan: str, given: pa.Table) -> None:
    """Log in `decisions` which text each person was given, and with what probability."""
    engine.put("texts_given", given)
    drawn = _GIVEN.names[1:]
    columns = ", ".join(f"CASE WHEN d.plan = $plan THEN g.{name} ELSE d.{name} END AS {name}" if name in drawn else f"d.{name} AS {name}"
                        for name in tables.DECISIONS.names)
    engine.replace("decisions", f"SELECT {columns} FROM decisions d LEFT JOIN texts_given g ON g.customer = d.customer", plan=plan)
    engine.drop("texts_given")


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
