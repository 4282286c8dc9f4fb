"""Who may be written to at all, per channel, and if not, why: address, consent, suppression, age, frequency."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from sqlalchemy import func, select

from brandloom.deliver import ADDRESS_KIND
from brandloom.engine import Engine
from brandloom.govern import addresses, granted, persons_of, suppressed, unwanted
from brandloom.ledger import Ledger, schema
from brandloom.workspace import CapConfig

SCHEMA = pa.schema([("customer", pa.string()), ("channel", pa.string()), ("eligible", pa.bool_()), ("reason", pa.string())])


def eligibility(engine: Engine, ledger: Ledger, *, channels: Sequence[str], caps: CapConfig, now: datetime) -> pa.Table:
    """One row per known customer and channel; `reason` is the first that forbids writing, null when none does.

    The sender checks consent, suppression and caps again at the moment of sending; this is what planning counts on.
    """
    customers = engine.query("SELECT customer, attributes FROM customers ORDER BY customer")
    known: list[str] = customers.column("customer").to_pylist()
    minors = {who for who, attributes in zip(known, customers.column("attributes").to_pylist(), strict=True)
              if attributes and '"minor"' in attributes and json.loads(attributes).get("minor") is True}
    busy = _at_cap(engine, ledger, caps, now)
    parts = [_channel_rows(ledger, known, channel, minors, busy) for channel in channels]
    return pa.concat_tables(parts) if parts else SCHEMA.empty_table()


def _channel_rows(ledger: Ledger, known: list[str], channel: str, minors: set[str], busy: set[str]) -> pa.Table:
    with ledger.read() as connection:
        digests = addresses(connection, known, ADDRESS_KIND[channel])
        blocked = suppressed(connection, channel, sorted(set(digests.values())))
        refused = unwanted(connection, known, channel)
        consenting = granted(connection, known, channel, "marketing")
    reasons: list[str | None] = []
    for customer in known:
        address = digests.get(customer)
        reasons.append("minor" if customer in minors else
                       "no_address" if address is None else
                       "suppressed" if address in blocked or customer in refused else
                       "no_consent" if customer not in consenting else
                       "frequency_cap" if customer in busy else None)
    return pa.table({"customer": known, "channel": [channel] * len(known),
                     "eligible": [reason is None for reason in reasons], "reason": reasons}, schema=SCHEMA)


def _at_cap(engine: Engine, ledger: Ledger, caps: CapConfig, now: datetime) -> set[str]:
    """People who have had their day's or week's messages, from our own outbox and from other tools' logs of 'sent' events."""
    naive = now.astimezone(UTC).replace(tzinfo=None)
    week, day = Counter[str](), Counter[str]()
    for counts, since in ((week, timedelta(days=7)), (day, timedelta(days=1))):
        seen = engine.query("SELECT customer, COUNT(*) AS n FROM events WHERE kind = 'sent' AND customer IS NOT NULL "
                            "AND occurred_at >= $since AND occurred_at < $now GROUP BY customer", since=naive - since, now=naive)
        counts.update(dict(zip(seen.column("customer").to_pylist(), seen.column("n").to_pylist(), strict=True)))
        outbox = schema.outbox.c
        with ledger.read() as connection:
            who = persons_of(connection)
            for customer, sent in connection.execute(
                    select(outbox.customer, func.count()).where(outbox.state.in_(("sent", "sending", "uncertain")),
                                                                outbox.state_at >= now - since).group_by(outbox.customer)):
                counts[who.get(customer, customer)] += sent
    return {who for who, n in week.items() if n >= caps.per_week} | {who for who, n in day.items() if n >= caps.per_day}
