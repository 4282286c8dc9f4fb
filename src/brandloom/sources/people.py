"""Personal data on its way to the vault: which columns hold it, whose it is, and free text with it masked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa

from brandloom.engine import DuckEngine
from brandloom.errors import DataError
from brandloom.govern import PERSONAL_FIELDS, Person, find_personal_columns, scrub
from brandloom.i18n import _
from brandloom.sources.formats import Source
from brandloom.sources.staging import BATCH, insert_rows
from brandloom.sources.texts import clean

SAMPLE_ROWS = 2_000
FEW = 20  # cells from which a column can be said to tell people apart
SPREAD = 0.5  # share of different values, among as many cells as there are customers, from which it does
WORTH_A_LOOK = (r"[@＠]|[\[(](?i:at)[\])]|%40|[0-9０-９]|[A-Za-z0-9+/_-]{16,}|微信|(?i:wechat|weixin|vx|qq)|号"  # all `scrub` could mask is among these
                r"|[\x{0}-\x{1F}\x{7F}-\x{9F}\x{AD}\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}-\x{2069}\x{FE00}-\x{FE0F}\x{FEFF}\x{FFF9}-\x{FFFB}"
                r"\x{E0000}-\x{E0FFF}]")  # and what `clean` takes out
_MEASURE = re.compile(r"[-+]?[0-9]{1,6}(?:[.,][0-9]+)?|[0-9]{1,4}[-/.年][0-9]{1,2}[-/.月][0-9]{1,4}日?(?:[ T][0-9:.]+)?")
"""A count, an amount or a date, not the number of an account."""


def sample_values(duck: DuckEngine, source: Source) -> list[list[str]]:
    """Per column the values of the first rows as text, empty ones left out."""
    cells = ", ".join(f"CAST(c{i} AS VARCHAR) AS c{i}" for i in range(len(source.columns)))
    try:
        sample = duck.connection.sql(f"SELECT {cells} FROM {source.head} LIMIT {SAMPLE_ROWS}").to_arrow_table()
    except (duckdb.InvalidInputException, duckdb.IOException) as error:
        raise DataError(_("{file} cannot be read: {reason}."), file=source.name, reason=str(error).splitlines()[0]) from error
    return [[value for value in column.to_pylist() if value] for column in sample.columns]


def personal_columns(source: Source, sample: list[list[str]]) -> dict[str, str]:
    """Heading -> kind of personal data, judged by the heading and by a sample of values."""
    return dict(find_personal_columns(dict(zip(source.columns, sample, strict=True))))


def tell_people_apart(columns: dict[int, list[str]], customers: list[str] | None) -> set[int]:
    """Columns that say something else of nearly everybody: notes, links, nested records, ids of other systems.

    They can point at a person whatever they hold, and say nothing about groups; numbers that are counted or measured stay.

    Args:
        columns: position -> cells of columns no canonical one stands for.
        customers: cells of the customer column of the same rows; None where rows belong to no customer.
    """
    return {at for at, cells in columns.items() if len(cells) >= FEW and not all(map(_is_measure, cells))
            and len(set(cells)) > SPREAD * min(len(cells), len(set(customers or cells)))}


def _is_measure(cell: str) -> bool:
    return bool(_MEASURE.fullmatch(cell.strip()))


def mask_own_names(duck: DuckEngine, table: str, texts: list[str], names: list[str]) -> None:
    """Replace the names a row holds by [name] where its own free text repeats them, whole or in part, as in a signature."""
    for name in names:
        words = (f"list_transform(list_filter([trim({name})] || string_split_regex(trim({name}), '\\s+'), "
                 "lambda w: length(w) > 2 OR regexp_matches(w, '^[\\x{4E00}-\\x{9FFF}]{2}$')), "
                 "lambda w: CASE WHEN regexp_matches(w, '^[\\x00-\\x7F]+$') THEN '\\b' || regexp_escape(w) || '\\b' ELSE regexp_escape(w) END)")
        for text in texts:
            duck.connection.execute(f"UPDATE {table} SET {text} = regexp_replace({text}, array_to_string({words}, '|'), '[name]', 'gi') "
                                    f"WHERE {text} IS NOT NULL AND length(array_to_string({words}, '|')) > 0")


def mask_free_text(duck: DuckEngine, table: str, columns: list[str]) -> None:
    """Mask what looks personal in these text columns of a temporary table and take hidden characters out, each distinct value once."""
    for column in columns:
        found = duck.connection.execute(
            f"WITH texts AS MATERIALIZED (SELECT DISTINCT {column} FROM {table}) "
            f"SELECT {column} FROM texts WHERE regexp_matches({column}, $pattern)", {"pattern": WORTH_A_LOOK})
        masked: list[tuple[str, str]] = []
        while rows := found.fetchmany(BATCH):
            masked += [(text, safe) for (text,) in rows if (safe := scrub(clean(text))) != text]
        if masked:
            duck.connection.execute("CREATE OR REPLACE TEMP TABLE masked (raw VARCHAR, value VARCHAR)")
            insert_rows(duck.connection, "masked", pa.table({"raw": [raw for raw, _ in masked], "value": [value for _, value in masked]}))
            duck.connection.execute(f"UPDATE {table} SET {column} = masked.value FROM masked WHERE {table}.{column} = masked.raw")


def keep_people(duck: DuckEngine, table: str, personal: dict[int, str]) -> None:
    """Make the temporary `table`: per customer of `parsed` the last value of each personal column, under its pseudonym."""
    cells = ", ".join(f"arg_max(p.c{at}, p.line) FILTER (p.c{at} IS NOT NULL) AS c{at}" for at in personal)
    duck.connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT k.customer, {cells} FROM parsed p "
                            "JOIN pseudonyms k ON k.source_customer = p.customer GROUP BY k.customer")


def people(duck: DuckEngine, table: str, source: Source, personal: dict[int, str]) -> Iterator[Person]:
    """The people of a table made by `keep_people`."""
    rows = duck.connection.sql(f"SELECT * FROM {table} ORDER BY customer").to_arrow_table()
    for batch in rows.to_batches(max_chunksize=BATCH):
        for row in batch.to_pylist():
            yield _person(row, source, personal)


def _person(row: dict[str, Any], source: Source, personal: dict[int, str]) -> Person:
    fields: dict[str, str] = {}
    other: dict[str, str] = {}
    for at, kind in personal.items():
        value = row[f"c{at}"]
        if not value:
            continue
        if kind not in PERSONAL_FIELDS or kind == "other":
            other[source.columns[at]] = value
        elif kind == "address" and kind in fields:
            fields[kind] += f", {value}"
        elif kind in fields:
            other[source.columns[at]] = value
        else:
            fields[kind] = value
    return Person(row["customer"], other=other, **fields)
