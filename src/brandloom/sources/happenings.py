"""Loading what happened: order lines and other events."""

from __future__ import annotations

from pathlib import Path

from brandloom.engine import read_sql, scalar
from brandloom.sources import orders
from brandloom.sources.formats import Source, literal
from brandloom.sources.merge import merge_customers, merge_products
from brandloom.sources.rejects import write_rejects
from brandloom.sources.transfer import append, known_rows
from brandloom.sources.work import Job, Outcome, lay_out, properties_of, read_rows, seal_later

SAME = ("occurred_at", "order_id", "customer", "product", "kind", "quantity", "amount", "session", "row_id")
"""Columns of `events` that together say whether a row is there already."""

LOAD_SIZE = 10**12
"""More than the rows of any file, so that the numbers of two loads' events never meet."""


def load_happenings(job: Job, source: Source, rejects: Path) -> Outcome:
    """Load one file of kind orders or events inside the caller's transaction."""
    layout = lay_out(job, source)
    staged = read_rows(job, layout)
    orders.prepare_lines(job.staging, staged, properties=properties_of(layout))
    (orders.judge_orders if job.kind == "orders" else orders.judge_events)(job.staging, job.now)
    orders.make_pseudonyms(job.staging, job.vault, layout.keyed_by, "SELECT DISTINCT customer AS source_customer FROM parsed")
    orders.accept(job.staging, job.kind)
    job.tell("write", 0.6)
    new, known = _append_fresh(job)
    reasons = orders.count_reasons(job.staging, staged)
    report = layout.report(staged, rows_new=new, rows_known=known, rows_refused=sum(reasons.values()), reasons=reasons,
                           notes=orders.count_notes(job.staging))
    if job.kind == "orders":
        merge_products(job.engine, job.staging, "fresh")
    merge_customers(job.engine, job.staging, read_sql("sources", "buyers"))
    if report.rows_refused:
        write_rejects(job.staging, staged, rejects)
    return Outcome(report, persons=seal_later(job, layout))


def _append_fresh(job: Job) -> tuple[int, int]:
    """Append the accepted rows that the warehouse does not have; returns how many are new and how many it knew."""
    accepted = job.count("SELECT coalesce(sum(rows), 0) FROM places")
    loads = int(str(scalar(job.engine, "SELECT count(DISTINCT load) AS n FROM events")))
    job.sql("CREATE OR REPLACE TEMP VIEW fresh AS SELECT * FROM judged")
    select, new = "accepted", accepted
    if loads and accepted:
        select = f"fresh_{job.number}"
        first, last = job.rows("SELECT min(first_at), max(last_at) FROM places")[0]
        known = known_rows(job.engine, job.staging, "events", SAME, first, last)
        same = " AND ".join(f"k.{name} IS NOT DISTINCT FROM a.{name}" for name in SAME)
        job.sql(f"CREATE OR REPLACE TEMP TABLE {select} AS SELECT a.* FROM accepted a ANTI JOIN {known} k ON {same}")
        job.sql(f"CREATE OR REPLACE TEMP VIEW fresh AS SELECT * FROM {select}")
        new = job.count("SELECT count(*) FROM fresh")
    append(job.engine, job.staging, "events", f"""SELECT {(loads + 1) * LOAD_SIZE} + line AS event, customer, occurred_at, kind, product,
        quantity, amount, order_id, session, channel, campaign, properties, row_id, {literal(job.load_id)} AS load FROM {select}""")
    return new, accepted - new
