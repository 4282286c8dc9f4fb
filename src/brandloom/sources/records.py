"""Lists that describe things rather than happenings: products, customers, documents. A later file updates an earlier one."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa

from brandloom.engine import DuckEngine, Engine, read_sql
from brandloom.engine.tables import CANONICAL


def judge_records(duck: DuckEngine, identity: str, missing: str, everything: str) -> None:
    """Make the table `refused` of a list; `missing` is SQL over `parsed` for the code of a row that lacks something, or NULL."""
    duck.connection.execute(f"CREATE OR REPLACE TEMP VIEW records AS SELECT p.line, p.malformed, {identity} AS id, {missing} AS missing, "
                            f"hash({everything}) AS everything FROM parsed p")
    duck.connection.execute(read_sql("sources", "refused_records"))


def upsert(engine: Engine, staging: DuckEngine, table: str, key: str, select: str) -> tuple[int, int]:
    """Put the rows of a staging select over those of a table; returns how many are new or changed, and how many it knew just so.

    A value that the new row lacks stays as it was; `first_seen` keeps the earlier moment.
    """
    schema = CANONICAL[table]
    columns = ", ".join(schema.names)
    merged = ", ".join(f"least(i.{name}, e.{name}) AS {name}" if name == "first_seen" else
                       f"i.{name}" if name == key else f"coalesce(i.{name}, e.{name}) AS {name}" for name in schema.names)
    existing = _existing(engine, staging, table)
    staging.connection.execute(f"CREATE OR REPLACE TEMP TABLE arriving AS SELECT {merged} FROM ({select}) i "
                               f"LEFT JOIN {existing} e ON e.{key} = i.{key}")
    same = " AND ".join(f"e.{name} IS NOT DISTINCT FROM a.{name}" for name in schema.names)
    total, known = staging.connection.execute(
        f"SELECT count(*), count(e.{key}) FROM arriving a LEFT JOIN {existing} e ON {same}").fetchall()[0]
    engine.put("incoming_rows", staging.connection.sql(f"SELECT {columns} FROM arriving").to_arrow_table().cast(schema))
    kept = ", ".join(f"t.{name}" for name in schema.names)
    engine.replace(table, f"SELECT {columns} FROM incoming_rows UNION ALL SELECT {kept} FROM {table} t "
                          f"LEFT JOIN incoming_rows i ON i.{key} = t.{key} WHERE i.{key} IS NULL")
    engine.drop("incoming_rows")
    return int(total) - int(known), int(known)


def product_rows(have: set[str], properties: str) -> str:
    """Select of canonical product rows over accepted lines."""
    return f"""SELECT p.product, p.name, {_or_null("category", have)}, {_or_null("price", have, "DECIMAL(18, 4)")},
        {_or_null("description", have)}, {_or_null("stock", have, "DOUBLE")}, {_or_null("image", have)},
        {properties} AS attributes, 'catalogue' AS origin FROM parsed p WHERE p.line NOT IN (SELECT line FROM refused)"""


def customer_rows(have: set[str], attributes: str) -> str:
    """Select of canonical customer rows over accepted lines."""
    language = ("CASE WHEN lower(p.language[:2]) IN ('zh', '中文', '汉语') OR p.language LIKE '%中%' THEN 'zh' "
                "WHEN lower(p.language[:2]) = 'en' OR p.language LIKE '英%' THEN 'en' ELSE lower(p.language) END AS language"
                if "language" in have else "CAST(NULL AS VARCHAR) AS language")
    return f"""SELECT k.customer, {_or_null("first_seen", have, "TIMESTAMP")}, {_or_null("country", have)}, {language},
        {attributes} AS attributes FROM parsed p JOIN pseudonyms k ON k.source_customer = p.customer
        WHERE p.line NOT IN (SELECT line FROM refused)"""


def document_rows(have: set[str], properties: str) -> str:
    """Select of canonical document rows over accepted lines; without a kind, rated texts are reviews and titled ones FAQ entries."""
    kind = "lower(p.kind)" if "kind" in have else "'review'" if "rating" in have else "'faq'" if "title" in have else "'policy'"
    language = "p.language" if "language" in have else "CAST(NULL AS VARCHAR)"
    return f"""SELECT {document_id(have)} AS document, {kind} AS kind, {_or_null("title", have)}, p.text,
        coalesce({language}, CASE WHEN regexp_matches(p.text, '[\\x{{4e00}}-\\x{{9fff}}]') THEN 'zh' ELSE 'en' END) AS language,
        {_or_null("product", have)}, {_or_null("rating", have, "DOUBLE")}, {_or_null("written_at", have, "TIMESTAMP")},
        {properties} AS properties FROM parsed p WHERE p.line NOT IN (SELECT line FROM refused)"""


def document_id(have: set[str]) -> str:
    """The shop's own id, else a hash of what is written about what."""
    made = f"md5(concat(coalesce({'p.product' if 'product' in have else 'NULL'}, ''), '|', coalesce({'p.title' if 'title' in have else 'NULL'}, ''), '|', p.text))"
    return f"coalesce(p.document, {made})" if "document" in have else made


def age_cells(have: set[str], now: datetime) -> list[str]:
    """JSON members with what is kept of an age: a band of years, and whether the person is under 18."""
    today = f"TIMESTAMP '{now:%Y-%m-%d}'"
    years = [f"CASE WHEN p.birth_date <= {today} THEN date_sub('year', p.birth_date, {today}) END"] if "birth_date" in have else []
    years += ["TRY_CAST(p.age AS DOUBLE)"] if "age" in have else []
    if not years:
        return []
    age = f"coalesce({', '.join(years)})"
    band = (f"CASE WHEN {age} < 18 THEN '0-17' WHEN {age} < 25 THEN '18-24' WHEN {age} < 35 THEN '25-34' WHEN {age} < 45 THEN '35-44' "
            f"WHEN {age} < 55 THEN '45-54' WHEN {age} < 65 THEN '55-64' WHEN {age} < 130 THEN '65+' END")
    if "age" in have:
        band = f"coalesce({band}, CASE WHEN TRY_CAST(p.age AS DOUBLE) IS NULL THEN p.age END)"
    return [f"'age_band', {band}", f"'minor', {age} < 18"]


def _or_null(name: str, have: set[str], kind: str = "VARCHAR") -> str:
    return f"CAST({f'p.{name}' if name in have else 'NULL'} AS {kind}) AS {name}"


def _existing(engine: Engine, staging: DuckEngine, table: str) -> str:
    if engine is staging:
        return table
    rows: pa.Table = engine.query(f"SELECT * FROM {table}")
    staging.put(f"existing_{table}", rows)
    return f"existing_{table}"
