"""Order lines and other events: what is refused, what is a return or an adjustment, and what becomes a row of `events`."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import Future

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from brandloom.engine import DuckEngine, read_sql
from brandloom.govern import Vault, normal
from brandloom.sources.adjustments import is_adjustment
from brandloom.sources.formats import literal
from brandloom.sources.people import mask_free_text
from brandloom.sources.staging import BATCH, Staged, insert_rows
from brandloom.sources.work import Job, Layout

UNDONE = ("cancelled", "canceled", "refunded", "voided", "void", "returned", "return", "refund", "已取消", "已退款", "退款成功", "交易关闭",
          "已关闭", "已退货", "取消", "退款", "退货", "退款完成", "订单关闭")
SORTED_AT_ONCE = 40_000_000
"""Hashes of lines sorted in one go: 160 MB."""
PSEUDONYMS = pa.schema([("source_customer", pa.string()), ("customer", pa.string())])
_IDENTITY = "order_id, source_customer, product, occurred_at, occurred_at_raw, quantity, quantity_raw, money, money_raw, row_id, undone, kind, session"
_TEXTS = ("order_id", "row_id", "name", "country", "channel", "session", "campaign")
KIND_WORDS = {"pv": "view", "pageview": "view", "page_view": "view", "view_item": "view", "浏览": "view", "点击": "click",
              "fav": "favourite", "favorite": "favourite", "wishlist": "favourite", "收藏": "favourite", "add_to_cart": "cart",
              "addtocart": "cart", "加购": "cart", "加入购物车": "cart", "buy": "purchase", "order": "purchase", "transaction": "purchase",
              "购买": "purchase", "下单": "purchase", "搜索": "search", "refund": "return", "退货": "return"}


def plain_sale(job: Job, layout: Layout) -> str:
    """SQL over the columns of `staged` for order lines that are certainly a sale without a fault; nearly all are."""
    have = layout.positions
    if job.kind != "orders" or "product" not in have:
        return "FALSE"
    money = "amount" if "amount" in have else "unit_price * quantity" if "quantity" in have else "unit_price"
    sure = ["product IS NOT NULL", f"occurred_at <= TIMESTAMP '{job.now}'", f"{money} >= 0.0001", f"{money} < 1e13"]
    sure += ["quantity > 0", "quantity < 1e12"] if "quantity" in have else []
    sure += [f"NOT {_undone('status')}"] if "status" in have else []
    sure += ["NOT malformed"] if layout.source.malformed != "FALSE" else []
    return f"coalesce({' AND '.join(sure)}, FALSE)"


def _undone(status: str) -> str:
    return f"coalesce(lower({status}) IN ({', '.join(literal(word) for word in UNDONE)}), FALSE)"


def prepare_lines(job: Job, staged: Staged, *, properties: str) -> None:
    """Make the view `lines`: one shape for every file, whatever columns it has, with what is wrong with a line by itself.

    Args:
        properties: SQL over `parsed` that gives a JSON object or NULL.
    """
    have, duck = staged.positions, job.staging
    texts = ", ".join(f"p.{name}" if name in have else f"CAST(NULL AS VARCHAR) AS {name}" for name in _TEXTS)
    # CASE, because coalesce would trim every name before it looks whether one is needed.
    either = "CASE WHEN p.product IS NULL THEN nullif(trim(p.name), '') ELSE p.product END"
    product = either if {"product", "name"} <= have.keys() else \
        "p.product" if "product" in have else "p.name" if "name" in have else "CAST(NULL AS VARCHAR)"
    quantity, quantity_raw = ("p.quantity", "p.quantity_raw") if "quantity" in have else ("CAST(1 AS DOUBLE)", "CAST(NULL AS VARCHAR)")
    price = "p.unit_price" if "unit_price" in have else "CAST(NULL AS DOUBLE)"
    money = ", ".join([*(["p.amount"] if "amount" in have else []), f"{price} * {quantity}"])
    raws = ", ".join([*(f"p.{name}_raw" for name in ("amount", "unit_price") if name in have), "CAST(NULL AS VARCHAR)"])
    status = _undone("p.status") if "status" in have else "FALSE"
    invoice = f"CASE WHEN {quantity} < 0 THEN coalesce(p.order_id[1] IN ('C', 'c'), FALSE) ELSE FALSE END" if "order_id" in have else "FALSE"
    words = " ".join(f"WHEN {literal(theirs)} THEN {literal(ours)}" for theirs, ours in KIND_WORDS.items())
    kind = f"CASE lower(p.kind) {words} ELSE lower(p.kind) END" if "kind" in have else "CAST(NULL AS VARCHAR)"
    duck.connection.execute(f"""
        CREATE OR REPLACE TEMP VIEW plain_lines AS
        SELECT p.line, p.malformed, p.customer AS source_customer, {product} AS product, {texts}, {kind} AS kind, p.occurred_at, p.occurred_at_raw,
               {quantity} AS quantity, {quantity_raw} AS quantity_raw, {price} AS unit_price, coalesce({money}) AS money,
               coalesce({raws}) AS money_raw, {status} AS undone, {status} OR {invoice} AS cancelled, {properties} AS properties, p.same, p.plain_sale
        FROM parsed p""")
    amount = "TRY_CAST(money AS DECIMAL(18, 4))"
    fault = read_sql("sources", f"fault_{job.kind}").format(now=f"TIMESTAMP '{job.now}'", amount=amount)
    duck.connection.execute(f"""
        CREATE OR REPLACE TEMP VIEW lines AS
        SELECT *, {amount} AS amount, {fault} AS fault FROM plain_lines""")


def judge(job: Job) -> None:
    """Make the tables `adjustments` (products that are no goods; of order lines), `refused` and, of orders, `named`."""
    duck = job.staging
    duck.connection.execute("CREATE OR REPLACE TEMP TABLE adjustments (product VARCHAR)")
    duck.connection.execute("CREATE OR REPLACE TEMP TABLE twice (same UINTEGER)")
    parts = 1 + job.count("SELECT count(*) FROM staged") // SORTED_AT_ONCE
    first = job.beside.submit(_said_twice, _hashes(duck, 0, parts))
    if job.kind == "orders":
        duck.connection.execute(read_sql("sources", "named"))
        names = duck.connection.sql("SELECT product, arg_max(name, (lines, name)) AS name FROM named GROUP BY product").to_arrow_table().to_pylist()
        found = [row["product"] for row in names if is_adjustment(row["product"], row["name"])]
        insert_rows(duck.connection, "adjustments", pa.table({"product": pa.array(found, pa.string())}))
    insert_rows(duck.connection, "twice", first.result())
    for part in range(1, parts):
        insert_rows(duck.connection, "twice", _said_twice(_hashes(duck, part, parts)))
    everything = f"{_IDENTITY}, name, country, channel, campaign, unit_price, properties"
    duck.connection.execute(read_sql("sources", "repeated").format(identity=_IDENTITY, everything=everything))
    duck.connection.execute(read_sql("sources", "refused"))


def _hashes(duck: DuckEngine, part: int, parts: int) -> NDArray[np.uint32]:
    found = duck.connection.sql(f"SELECT same FROM staged WHERE same % {parts} = {part}").to_arrow_table()
    return np.asarray(found.column(0), np.uint32)


def _said_twice(hashes: NDArray[np.uint32]) -> pa.Table:
    """Hashes that several lines have. Sorting numbers takes a third of the time of grouping them."""
    ordered = np.sort(hashes)
    return pa.table({"same": np.unique(ordered[1:][ordered[1:] == ordered[:-1]])})


def make_pseudonyms(job: Job, keyed_by: str) -> Future[pa.Table]:
    """Begin to make the pseudonyms of all customers of `staged`, beside what follows."""
    found: pa.Table = job.staging.connection.sql("SELECT DISTINCT customer FROM staged").to_arrow_table()
    return job.beside.submit(_pseudonyms, found, job.vault, keyed_by)


def _pseudonyms(found: pa.Table, vault: Vault, keyed_by: str) -> pa.Table:
    parts = []
    for batch in found.to_batches(max_chunksize=BATCH):
        keys = {text: key for text in batch.column(0).to_pylist() if text and (key := key_of(text, keyed_by))}
        parts.append(pa.record_batch([pa.array(keys, pa.string()), pa.array(vault.pseudonyms(list(keys.values())), pa.string())], PSEUDONYMS))
    return pa.Table.from_batches(parts, PSEUDONYMS)


def keep_pseudonyms(duck: DuckEngine, made: pa.Table) -> None:
    """Make the table `pseudonyms`."""
    duck.connection.execute("CREATE OR REPLACE TEMP TABLE pseudonyms (source_customer VARCHAR, customer VARCHAR)")
    insert_rows(duck.connection, "pseudonyms", made)


def key_of(text: str, keyed_by: str) -> str:
    """The id a pseudonym is made of: one spelling for an address or a phone number; '' when nothing is left."""
    if keyed_by == "email":
        return normal.email(text) or normal.source_id(text)
    if keyed_by == "phone":
        return normal.phone(text) or normal.source_id(text)
    return normal.source_id(text)


def drop_refused(duck: DuckEngine, staged: Staged) -> None:
    """Take the refused lines out of `staged`, so that nothing after this looks at them; what they call products is kept in `gone`."""
    duck.connection.execute("CREATE OR REPLACE TEMP TABLE gone (product VARCHAR, name VARCHAR, lines BIGINT)")
    take_off(duck, "refused")
    duck.connection.execute(f"DELETE FROM staged WHERE rowid IN (SELECT line + {staged.first_row} FROM refused)")


def take_off(duck: DuckEngine, lines: str) -> None:
    """Add to `gone` what these lines, a FROM item, call products: they do not count in `named`."""
    duck.connection.execute(f"INSERT INTO gone SELECT product, name, count(*) FROM {lines} GROUP BY product, name")


def find_places(duck: DuckEngine, kind: str) -> None:
    """Make the view `judged`, accepted rows with the customer's own id, and the table `places`: who bought from where and when."""
    duck.connection.execute(read_sql("sources", f"accepted_{kind}"))
    duck.connection.execute("CREATE OR REPLACE TEMP TABLE places AS SELECT * REPLACE (nullif(trim(country), '') AS country) FROM ("
                            "SELECT source_customer, country, count(*) AS rows, min(occurred_at) AS first_at, max(occurred_at) AS last_at "
                            "FROM plain_lines GROUP BY source_customer, country)")
    mask_free_text(duck, "places", ["country"])


def accept(duck: DuckEngine) -> None:
    """Make the view `accepted`: rows as `events` wants them."""
    duck.connection.execute("CREATE OR REPLACE TEMP VIEW accepted AS SELECT c.customer, j.* FROM judged j "
                            "LEFT JOIN pseudonyms c ON c.source_customer = j.source_customer")


def count_notes(duck: DuckEngine, kind: str) -> dict[str, int]:
    """Accepted rows worth knowing about: per kind, and those without a customer."""
    counted = duck.connection.execute(read_sql("sources", f"kinds_{kind}")).fetchall()
    nobodys = duck.connection.execute("SELECT coalesce(sum(rows), 0) FROM places WHERE source_customer IS NULL").fetchall()[0][0]
    return {f"{kind}s": int(rows) for kind, rows in counted} | {"rows_without_customer": int(nobodys)}


def count_reasons(duck: DuckEngine, staged: Staged) -> dict[str, int]:
    """Refused rows by code, most frequent first, lines that could not be split included."""
    rows = duck.connection.execute("SELECT code, count(*) FROM refused GROUP BY code").fetchall()
    total = Counter({str(code): int(count) for code, count in rows})
    if staged.broken:
        total["malformed"] += len(staged.broken)
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))
