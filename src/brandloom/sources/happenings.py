"""Loading what happened: order lines and other events."""

from __future__ import annotations

from pathlib import Path

from brandloom.engine import read_sql, scalar
from brandloom.sources import orders
from brandloom.sources.formats import Source
from brandloom.sources.merge import merge_customers, merge_products
from brandloom.sources.rejects import write_rejects
from brandloom.sources.transfer import append, known_rows
from brandloom.sources.work import Job, Layout, Outcome, lay_out, properties_of, read_rows, seal_later

SAME = ("occurred_at", "order_id", "customer", "product", "kind", "quantity", "amount", "session", "row_id")
"""Columns of `events` that together say whether a row is there already."""

LOAD_SIZE = 10**12
"""More than the rows of any file, so that the numbers of two loads' events never meet."""


def load_happenings(job: Job, source: Source, rejects: Path) -> Outcome:
    """Load one file of kind orders or events inside the caller's transaction."""
    layout = lay_out(job, source)
    staged = read_rows(job, layout, made={"plain_sale": orders.plain_sale(job, layout)})
    orders.prepare_lines(job, staged, properties=properties_of(layout))
    orders.judge(job)
    if layout.personal:
        orders.make_pseudonyms(job.staging, job.vault, layout.keyed_by, "SELECT DISTINCT customer AS source_customer FROM parsed")
    people = seal_later(job, layout)
    reasons = orders.count_reasons(job.staging, staged)
    if reasons:
        write_rejects(job.staging, staged, rejects)
    orders.drop_refused(job.staging, staged)
    orders.find_places(job.staging, job.kind)
    if not layout.personal:
        orders.make_pseudonyms(job.staging, job.vault, layout.keyed_by, "SELECT DISTINCT source_customer FROM places")
    orders.accept(job.staging)
    notes = orders.count_notes(job.staging, job.kind)
    job.tell("write", 0.6)
    new, known = _append_fresh(job, layout)
    report = layout.report(staged, rows_new=new, rows_known=known, rows_refused=sum(reasons.values()), reasons=reasons, notes=notes)
    if job.kind == "orders":
        merge_products(job.engine, job.staging)
    merge_customers(job.engine, job.staging, read_sql("sources", "buyers"))
    job.sql("DROP TABLE staged")  # else the transaction's end would copy it, for it has lost rows
    return Outcome(report, persons=people)


def _append_fresh(job: Job, layout: Layout) -> tuple[int, int]:
    """Append the accepted rows that the warehouse does not have; returns how many are new and how many it knew."""
    accepted = job.count("SELECT coalesce(sum(rows), 0) FROM places")
    latest = scalar(job.engine, "SELECT max(event) AS latest FROM events")
    loads = int(str(latest)) // LOAD_SIZE if latest is not None else 0
    select, new = "accepted", accepted
    if loads and accepted:
        select = f"fresh_{job.number}"
        first, last = job.rows("SELECT min(first_at), max(last_at) FROM places")[0]
        known = known_rows(job.engine, job.staging, "events", SAME, first, last)
        same = " AND ".join(f"k.{name} IS NOT DISTINCT FROM a.{name}" for name in SAME)
        job.sql(f"CREATE OR REPLACE TEMP TABLE {select} AS SELECT a.* FROM accepted a ANTI JOIN {known} k ON {same}")
        orders.take_off(job.staging, f"plain_lines ANTI JOIN {select} USING (line)")
        new = job.count(f"SELECT count(*) FROM {select}")
    columns = ["customer", "occurred_at", "kind", "product", "quantity", "amount"]
    columns += [name for name in ("order_id", "session", "channel", "campaign", "row_id") if name in layout.positions]
    columns += ["properties"] if layout.others else []
    append(job.engine, job.staging, "events", f"SELECT {(loads + 1) * LOAD_SIZE} + line AS event, {', '.join(columns)} FROM {select}")
    return new, accepted - new
