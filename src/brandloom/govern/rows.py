"""Inserting many rows where some may be there: the same statement on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

from brandloom.ledger import Ledger

Item = TypeVar("Item")
CHUNK = 5_000  # rows or ids of one statement: below the databases' limits on parameters, and the lock is held briefly


def insert_or_update(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; where the primary key is there, put the other columns in its place."""
    if rows:
        statement = _insert(connection, table)
        keys = [column.name for column in table.primary_key]
        values = {name: statement.excluded[name] for name in rows[0] if name not in keys}
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=values), list(rows))


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; those whose primary key is there stay as they are."""
    if rows:
        connection.execute(_insert(connection, table).on_conflict_do_nothing(), list(rows))


def chunks(items: Iterable[Item], size: int = CHUNK) -> Iterator[list[Item]]:
    """The items in lists of at most `size`."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


@contextmanager
def writing(where: Ledger | Connection) -> Iterator[Connection]:
    """A connection to write on: the caller's own transaction, or a new one."""
    if isinstance(where, Ledger):
        with where.begin() as connection:
            yield connection
    else:
        yield where


@contextmanager
def reading(where: Ledger | Connection) -> Iterator[Connection]:
    """A connection to read on: the caller's own transaction, or a new consistent view."""
    if isinstance(where, Ledger):
        with where.read() as connection:
            yield connection
    else:
        yield where


def _insert(connection: Connection, table: Table) -> Any:
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
