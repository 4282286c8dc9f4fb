"""Derived rows kept up to date after a load: products known from order lines only, customers known from orders only."""

from __future__ import annotations

from concurrent.futures import Future

import pyarrow as pa

from brandloom.engine import DuckEngine, Engine, read_sql
from brandloom.engine.tables import MONEY, TIME
from brandloom.sources.texts import clean_names
from brandloom.sources.transfer import hand_over
from brandloom.sources.work import Job

PRODUCT_NAMES = pa.schema([  # how often an order line called a product so, and the latest sale under that name
    ("product", pa.string()), ("name", pa.string()), ("lines", pa.int64()), ("last_at", TIME), ("last_price", MONEY)])
_CUSTOMERS = pa.schema([("customer", pa.string()), ("first_seen", TIME), ("country", pa.string())])


def count_names(job: Job) -> Future[pa.Table]:
    """Names and prices of the order lines that are new, as `PRODUCT_NAMES`; cleaned beside what follows."""
    counted: pa.Table = job.staging.connection.sql(read_sql("sources", "fresh_names")).to_arrow_table()
    return job.beside.submit(_cleaned, counted)


def _cleaned(counted: pa.Table) -> pa.Table:
    names = clean_names(counted.column("name"))
    return counted.set_column(counted.column_names.index("name"), "name", names).select(PRODUCT_NAMES.names).cast(PRODUCT_NAMES)


def merge_products(engine: Engine, counted: pa.Table) -> None:
    """Add what `count_names` found and derive the products that no catalogue lists.

    A product's name is the one on most of its lines (ties: the last in the alphabet), its price that of its latest sale
    (ties: the highest).
    """
    if not engine.exists("product_names"):
        engine.put("product_names", PRODUCT_NAMES.empty_table())
    engine.put("incoming_names", counted)
    engine.replace("product_names", read_sql("sources", "product_names"))
    engine.drop("incoming_names")
    derive_products(engine)


def derive_products(engine: Engine) -> None:
    """Write `products` anew: the catalogue's rows as they are, and one row for every other product of the order lines."""
    if engine.exists("product_names"):
        engine.replace("products", read_sql("sources", "products_from_orders"))


def merge_customers(engine: Engine, staging: DuckEngine, select: str) -> None:
    """Add customers; of one that is known only what was unknown is filled in, and the earlier `first_seen` stays."""
    hand_over(engine, staging, "incoming_customers", select, _CUSTOMERS)
    engine.replace("customers", read_sql("sources", "customers_from_orders"))
    engine.drop("incoming_customers")


__all__ = ["PRODUCT_NAMES", "count_names", "derive_products", "merge_customers", "merge_products"]
