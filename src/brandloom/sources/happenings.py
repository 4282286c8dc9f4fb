"""Loading what happened: order lines and other events."""

from __future__ import annotations

from pathlib import Path

from brandloom.engine import read_sql, scalar
from brandloom.sources import orders
from brandloom.sources.formats import Source
from brandloom.sources.merge import count_names, merge_customers, merge_products
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
    pseudonyms = orders.make_pseudonyms(job, layout.keyed_by)
    orders.prepare_lines(job, staged, properties=properties_of(layout))
    orders.judge(job)
    orders.keep_pseudonyms(job.staging, pseudonyms.result())
    people = seal_later(job, layout)
    reasons = orders.count_reasons(job.staging, staged)
    if reasons:
        write_rejects(job.staging, staged, rejects, among="(SELECT * FROM parsed WHERE NOT plain_sale)")
    orders.drop_refused(job.staging, staged)
    orders.find_places(job.staging, job.kind)
    orders.accept(job.staging)
    notes = orders.count_notes(job.staging, job.kind)
    job.tell("write", 0.6)
    loads = _loads(job)
    fresh, new, known = _fresh(job, loads)
    names = count_names(job) if job.kind == "orders" else None
    append(job.engine, job.staging, "events", _events(loads + 1, layout, fresh))
    if names:
        merge_products(job.engine, names.result())
    merge_customers(job.engine, job.staging, read_sql("sources", "buyers"))
    report = layout.report(staged, rows_new=new, rows_known=known, rows_refused=sum(reasons.values()), reasons=reasons, notes=notes)
    job.sql("DROP TABLE staged")  # else the transaction's end would copy it, for it has lost rows
    return Outcome(report, persons=people)


def _fresh(job: Job, loads: int) -> tuple[str, int, int]:
    """The relation of accepted rows that the warehouse does not have, how many they are, and how many it knew."""
    accepted = job.count("SELECT coalesce(sum(rows), 0) FROM places")
    if not accepted or not loads:
        return "accepted", accepted, 0
    fresh = f"fresh_{job.number}"
    first, last = job.rows("SELECT min(first_at), max(last_at) FROM places")[0]
    known = known_rows(job.engine, job.staging, "events", SAME, first, last)
    same = " AND ".join(f"k.{name} IS NOT DISTINCT FROM a.{name}" for name in SAME)
    job.sql(f"CREATE OR REPLACE TEMP TABLE {fresh} AS SELECT a.* FROM accepted a ANTI JOIN {known} k ON {same}")
    orders.take_off(job.staging, f"plain_lines ANTI JOIN {fresh} USING (line)")
    new = job.count(f"SELECT count(*) FROM {fresh}")
    return fresh, new, accepted - new


def _events(load: int, layout: Layout, rows: str) -> str:
    """Select of these accepted rows as `events`, numbered as those of this load."""
    columns = ["customer", "occurred_at", "kind", "product", "quantity", "amount"]
    columns += [name for name in ("order_id", "session", "channel", "campaign", "row_id") if name in layout.positions]
    columns += ["properties"] if layout.others else []
    return f"SELECT {load * LOAD_SIZE} + line AS event, {', '.join(columns)} FROM {rows}"


def _loads(job: Job) -> int:
    """Number of the last load that brought events; 0 before the first."""
    latest = scalar(job.engine, "SELECT max(event) AS latest FROM events")
    return int(str(latest)) // LOAD_SIZE if latest is not None else 0
