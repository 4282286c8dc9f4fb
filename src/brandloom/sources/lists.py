"""Loading what there is: products, customers and documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from brandloom.govern import Consent
from brandloom.sources import orders, records
from brandloom.sources.consents import consent_channel, consent_given
from brandloom.sources.formats import Source
from brandloom.sources.rejects import write_rejects
from brandloom.sources.staging import BATCH
from brandloom.sources.work import Job, Layout, Outcome, lay_out, properties_of, read_rows, seal_later

MARKETING = "marketing"


def load_list(job: Job, source: Source, rejects: Path) -> Outcome:
    """Load one file of kind products, customers or documents inside the caller's transaction."""
    layout = lay_out(job, source)
    agreed = _consent_columns(layout) if job.kind == "customers" else {}
    layout = replace(layout, others=tuple(at for at in layout.others if at not in agreed))
    staged = read_rows(job, layout, also=agreed)
    have = set(layout.positions)
    if job.kind == "customers":
        orders.keep_pseudonyms(job.staging, orders.make_pseudonyms(job, layout.keyed_by).result())
    _judge(job, have, layout, agreed)
    job.tell("write", 0.6)
    new, known = records.upsert(job.engine, job.staging, job.kind, job.kind.removesuffix("s"), _select(job, layout, have))
    reasons = orders.count_reasons(job.staging, staged)
    report = layout.report(staged, rows_new=new, rows_known=known, rows_refused=sum(reasons.values()), reasons=reasons, notes={})
    if report.rows_refused:
        write_rejects(job.staging, staged, rejects)
    return Outcome(report, persons=seal_later(job, layout), consents=_consents_later(job, layout, agreed))


def _judge(job: Job, have: set[str], layout: Layout, agreed: dict[int, str]) -> None:
    identity = {"products": "p.product", "documents": records.document_id(have),
                "customers": "(SELECT k.customer FROM pseudonyms k WHERE k.source_customer = p.customer)"}[job.kind]
    missing = {"products": "CASE WHEN p.product IS NULL THEN 'no_id' WHEN p.name IS NULL THEN 'no_name' END",
               "documents": "CASE WHEN p.text IS NULL THEN 'no_text' END",
               "customers": "CASE WHEN p.customer IS NULL THEN 'no_customer' END"}[job.kind]
    if "price" in have:
        missing = (f"coalesce({missing}, CASE WHEN p.price IS NULL AND p.price_raw IS NOT NULL THEN 'bad_price' "
                   "WHEN p.price < 0 THEN 'negative_price' WHEN p.price >= 1e13 THEN 'too_large' END)")
    cells = [f"p.{name}" for name in have] + [f"p.c{at}" for at in (*layout.others, *layout.personal, *agreed)]
    records.judge_records(job.staging, identity, missing, ", ".join(dict.fromkeys(cells)))


def _select(job: Job, layout: Layout, have: set[str]) -> str:
    if job.kind == "products":
        return records.product_rows(have, properties_of(layout))
    if job.kind == "documents":
        return records.document_rows(have, properties_of(layout))
    return records.customer_rows(have, properties_of(layout, records.age_cells(have, job.now)))


def _consent_columns(layout: Layout) -> dict[int, str]:
    """Position -> channel of the columns that say who agreed to what."""
    found = {at: consent_channel(layout.source.columns[at]) for at in layout.others}
    return {at: channel for at, channel in found.items() if channel}


def _consents_later(job: Job, layout: Layout, agreed: dict[int, str]) -> Callable[[], Iterable[Consent]]:
    """Keep the consent columns of the accepted lines until the ledger is written."""
    if not agreed:
        return lambda: ()
    table = f"consents_{job.number}"
    cells = ", ".join(f"p.c{at}" for at in agreed)
    job.sql(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT k.customer, {cells} FROM parsed p "
            "JOIN pseudonyms k ON k.source_customer = p.customer WHERE p.line NOT IN (SELECT line FROM refused)")

    def statements() -> Iterable[Consent]:
        rows = job.staging.connection.sql(f"SELECT * FROM {table} ORDER BY customer").to_arrow_table()
        for batch in rows.to_batches(max_chunksize=BATCH):
            for row in batch.to_pylist():
                for at, channel in agreed.items():
                    heading = layout.source.columns[at]
                    granted = consent_given(heading, row[f"c{at}"])
                    if granted is not None:
                        yield Consent(row["customer"], channel, MARKETING, granted, heading, f"shop export, {heading}")
    return statements

