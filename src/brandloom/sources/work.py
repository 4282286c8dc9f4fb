"""One file on its way: stage, parse, judge, append; the same steps for every kind, with what differs in its own module."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from brandloom.engine import DuckEngine, Engine
from brandloom.govern import Consent, Person, Vault, record
from brandloom.sources import orders
from brandloom.sources.columns import KINDS, match_columns
from brandloom.sources.formats import Source, literal
from brandloom.sources.merge import merge_customers, merge_products
from brandloom.sources.people import keep_people, mask_free_text, people, personal_columns
from brandloom.sources.rejects import write_rejects
from brandloom.sources.reports import FileReport
from brandloom.sources.staging import Staged, parse, stage
from brandloom.sources.transfer import append, known_ids


@dataclass(frozen=True)
class Job:
    """What loading one file needs."""

    engine: Engine
    staging: DuckEngine
    vault: Vault
    zone: ZoneInfo
    kind: str
    mapping: dict[str, str]
    date_order: str | None
    now: datetime
    """Naive UTC."""
    load_id: str
    number: int
    tell: Callable[[str, float], None]

    def sql(self, text: str, **values: Any) -> None:
        self.staging.connection.execute(text, values or None)

    def rows(self, text: str) -> list[tuple[Any, ...]]:
        return self.staging.connection.execute(text).fetchall()

    def count(self, text: str) -> int:
        return int(self.rows(text)[0][0])


@dataclass(frozen=True)
class Layout:
    """Which column of a file is what."""

    source: Source
    positions: dict[str, int]
    personal: dict[int, str]
    others: tuple[int, ...]
    keyed_by: str
    """'id', or 'email' or 'phone' where that is what the customer column holds."""

    def report(self, staged: Staged, **counts: Any) -> FileReport:
        columns = self.source.columns
        return FileReport(
            self.source.name, self.source.format, self.source.encoding,
            rows_read=staged.records + len(staged.broken),
            mapping={name: columns[at] for name, at in self.positions.items()},
            personal={columns[at]: kind for at, kind in self.personal.items()},
            kept=tuple(columns[at] for at in self.others), **counts)


@dataclass(frozen=True)
class Outcome:
    """What loading one file brought, and what the ledger is still to get."""

    report: FileReport
    persons: Callable[[], Iterable[Person]] = field(default=lambda: ())
    consents: Callable[[], Iterable[Consent]] = field(default=lambda: ())

    def write_ledger(self, connection: Connection, vault: Vault, now: datetime) -> None:
        """Seal the people and record the consents inside the caller's transaction."""
        vault.seal(self.persons(), now=now, connection=connection)
        record(connection, self.consents(), now=now)


def load_file(job: Job, source: Source, rejects: Path) -> Outcome:
    """Load one opened file inside the caller's transaction."""
    return _load_orders(job, source, rejects)


def lay_out(job: Job, source: Source) -> Layout:
    """Recognise the columns of a file; personal ones are never anything else, except as the key of a customer."""
    personal = {source.columns.index(heading): kind for heading, kind in personal_columns(job.staging, source).items()}
    contact = next((at for kind in ("email", "phone") for at, found in personal.items() if found == kind), None)
    barred = {at for at, kind in personal.items() if kind not in {"email", "phone"}}
    stand_in = {"customer": source.columns[contact]} if contact is not None and "customer" in KINDS[job.kind] else {}
    positions = match_columns(job.kind, source.columns, job.mapping, file=source.name, stand_in=stand_in, not_customer=barred)
    used = set(positions.values())
    key = positions.get("customer")
    hidden = {at: kind for at, kind in personal.items() if at not in used or at == key}
    if key is not None and hidden.get(key) not in {"email", "phone"}:
        hidden.pop(key, None)
    others = tuple(at for at in range(len(source.columns)) if at not in used and at not in hidden)
    return Layout(source, positions, hidden, others, hidden.get(key, "id") if key is not None else "id")


def _load_orders(job: Job, source: Source, rejects: Path) -> Outcome:
    layout = lay_out(job, source)
    staged = stage(job.staging, source, layout.positions, KINDS[job.kind], [*layout.others, *layout.personal], job.zone)
    texts = [name for name in ("country", "channel", "campaign") if name in layout.positions]
    free = [f"c{at}" for at in layout.others if source.types[at] == "text"]
    mask_free_text(job.staging, texts + free)
    job.tell("parse", 0.4)
    parse(job.staging, staged, job.date_order, job.zone)
    orders.prepare_lines(job.staging, staged, properties=properties_of(layout))
    orders.judge_orders(job.staging, job.now)
    orders.make_pseudonyms(job.staging, job.vault, layout.keyed_by, "SELECT DISTINCT customer AS source_customer FROM parsed")
    job.tell("write", 0.6)
    orders.accept_orders(job.staging)
    new, known = append_fresh(job)
    reasons = orders.count_reasons(job.staging, staged)
    report = layout.report(staged, rows_new=new, rows_known=known, rows_refused=sum(reasons.values()), reasons=reasons,
                           notes=orders.count_notes(job.staging))
    merge_products(job.engine, job.staging, "fresh")
    merge_customers(job.engine, job.staging, "SELECT customer, min(occurred_at) AS first_seen, arg_max(country, (occurred_at, line)) "
                    "FILTER (country IS NOT NULL) AS country FROM accepted WHERE customer IS NOT NULL GROUP BY customer")
    job.tell("write", 0.9)
    if report.rows_refused:
        write_rejects(job.staging, staged, rejects)
    return Outcome(report, persons=seal_later(job, layout))


def append_fresh(job: Job) -> tuple[int, int]:
    """Append the accepted rows that the warehouse does not have; returns how many are new and how many it knew."""
    known = known_ids(job.engine, job.staging, "events", "event")
    beyond = f"WHERE NOT EXISTS (SELECT 1 FROM {known} k WHERE k.event = a.event)" if known else ""
    job.sql(f"CREATE OR REPLACE TEMP TABLE fresh AS SELECT * FROM accepted a {beyond}")
    new = job.count("SELECT count(*) FROM fresh")
    append(job.engine, job.staging, "events", f"""SELECT event, customer, occurred_at, kind, product, quantity, amount, order_id,
        session, channel, campaign, properties, {literal(job.load_id)} AS load FROM fresh""")
    return new, job.count("SELECT count(*) FROM accepted") - new


def properties_of(layout: Layout) -> str:
    """SQL over `parsed` for a JSON object of the columns no canonical one stands for; NULL when all are empty."""
    if not layout.others:
        return "CAST(NULL AS VARCHAR)"
    cells = ", ".join(f"{literal(layout.source.columns[at])}, p.c{at}" for at in layout.others)
    anything = ", ".join(f"p.c{at}" for at in layout.others)
    return f"CASE WHEN coalesce({anything}) IS NOT NULL THEN CAST(json_object({cells}) AS VARCHAR) END"


def seal_later(job: Job, layout: Layout) -> Callable[[], Iterable[Person]]:
    """Keep the personal columns of this file until the ledger is written."""
    if not layout.personal:
        return lambda: ()
    table = f"people_{job.number}"
    keep_people(job.staging, table, layout.personal)
    return lambda: people(job.staging, table, layout.source, layout.personal)
