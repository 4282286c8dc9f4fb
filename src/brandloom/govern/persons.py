"""Ids that are one person. `merges` in the ledger says which two are one and why; all that merges in force join is a person.

A person is known by its first id in alphabetical order: which id that is depends on the ids alone, never on the order of
merging, so that undoing a merge leaves exactly what the remaining ones would have made. Nothing is rewritten by a merge: the
warehouse keeps every row under the id it came with, and queries read them through `lay_persons`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow as pa
from sqlalchemy import Connection, func, select

from brandloom.engine import Engine, read_sql, scalar
from brandloom.engine.tables import SAME_PERSON
from brandloom.govern.rows import chunks, reading
from brandloom.ledger import Ledger
from brandloom.ledger.schema import merges, persons

Where = Ledger | Connection
_VERSION = "same_person_version"


def ids_of(where: Where, customers: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Every id of the person behind each of these ids, sorted, itself included; who has one id only is left out."""
    found: dict[str, tuple[str, ...]] = {}
    mine, theirs = persons.alias(), persons.alias()
    with reading(where) as connection:
        for chunk in chunks(customers):
            ids: dict[str, list[str]] = {}
            for row in connection.execute(select(mine.c.customer, theirs.c.customer.label("other"))
                                          .join_from(mine, theirs, mine.c.person == theirs.c.person).where(mine.c.customer.in_(chunk))):
                ids.setdefault(row.customer, []).append(row.other)
            found.update((customer, tuple(sorted(others))) for customer, others in ids.items())
    return found


def persons_of(where: Where) -> dict[str, str]:
    """Id -> the id that stands for its person, for everybody with several."""
    with reading(where) as connection:
        return {row.customer: row.person for row in connection.execute(select(persons.c.customer, persons.c.person))}


def components(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Id -> the first id of all that these pairs join it with."""
    parent: dict[str, str] = {}

    def root(customer: str) -> str:
        above = parent.setdefault(customer, customer)
        while above != parent[above]:
            parent[customer] = customer = parent[above]
            above = parent[customer]
        return above

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return {customer: root(customer) for customer in list(parent)}


def lay_persons(engine: Engine, ledger: Ledger) -> bool:
    """Let queries of the warehouse see each person once: `events` and `customers` under the id that stands for all of theirs.

    Call it when the warehouse is opened and after a merge; it costs one small query where nothing has changed. Two rows of a
    person in `customers` become one: the earliest `first_seen`, what the standing id's own row says, else what another says.

    Returns:
        Whether who is who has changed since this warehouse last knew.
    """
    with ledger.read() as connection:
        version = connection.execute(select(func.count() + func.count(merges.c.undone_at)).select_from(merges)).scalar_one()
        known = int(str(scalar(engine, f"SELECT version FROM {_VERSION}"))) if engine.exists(_VERSION) else 0
        rows = persons_of(connection) if version else {}
    if version != known:
        with engine.transaction():
            engine.put("same_person", pa.table({"customer": list(rows), "person": list(rows.values())}, schema=SAME_PERSON))
            engine.put(_VERSION, pa.table({"version": pa.array([version], pa.int64())}))
    engine.overlay(_views() if rows else {})
    return bool(version != known)


def _views() -> Mapping[str, str]:
    return {"events": read_sql("govern", "events_of_persons"), "customers": read_sql("govern", "customers_as_persons")}
