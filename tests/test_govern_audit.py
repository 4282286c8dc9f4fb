"""The audit chain: every edit, swap, cut and forgery is found, whoever writes at the same time."""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, delete, func, insert, select, update

from brandloom.errors import DataError, StateError
from brandloom.govern import Audit
from brandloom.ledger import Ledger
from brandloom.ledger.schema import audit as records

NOW = datetime(2024, 5, 1, 12, 30, tzinfo=UTC)
KEY = b"k" * 32


@pytest.fixture
def audit(ledger: Ledger) -> Audit:
    return Audit(ledger, KEY)


def fill(audit: Audit, count: int = 12) -> None:
    for number in range(count):
        audit.append("plan.approved", f"p{number}", "Marketer", {"messages": number}, NOW + timedelta(minutes=number))


def test_records_are_numbered_and_the_chain_is_whole(audit: Audit) -> None:
    assert audit.verify() is None
    assert audit.head() is None
    assert audit.append("plan.approved", "p1", "Marketer", {"messages": 3, "文字": "好", "list": [1.5, None, True]}, NOW) == 1
    assert audit.append("plan.launched", "p1", "Marketer", {}, NOW) == 2
    assert audit.verify() is None
    head = audit.head()
    assert head is not None
    assert head.seq == 2


def test_another_key_does_not_verify(audit: Audit, ledger: Ledger) -> None:
    fill(audit, 2)
    assert Audit(ledger, b"x" * 32).verify() == 0
    assert "k" * 8 not in repr(audit)


Tamper = tuple[str, Any]


def _edit(connection: Connection, rng: random.Random, count: int) -> int:
    seq = rng.randint(1, count)
    column, value = rng.choice([("actor", "Nobody"), ("action", "plan.refused"), ("subject", "p999"), ("detail", '{"messages":99}'),
                                ("at", NOW - timedelta(days=1)), ("previous", "f" * 64), ("digest", "e" * 64)])
    connection.execute(update(records).where(records.c.seq == seq).values({column: value}))
    return seq


def _delete(connection: Connection, rng: random.Random, count: int) -> int:
    seq = rng.randint(1, count - 1)
    connection.execute(delete(records).where(records.c.seq == seq))
    return seq


def _delete_and_close_the_gap(connection: Connection, rng: random.Random, count: int) -> int:
    seq = rng.randint(1, count - 1)
    connection.execute(delete(records).where(records.c.seq == seq))
    for later in range(seq + 1, count + 1):
        connection.execute(update(records).where(records.c.seq == later).values(seq=later - 1))
    return seq


def _cut_the_end(connection: Connection, rng: random.Random, count: int) -> int:
    seq = rng.randint(1, count)
    connection.execute(delete(records).where(records.c.seq >= seq))
    return seq


def _swap(connection: Connection, rng: random.Random, count: int) -> int:
    one, two = sorted(rng.sample(range(1, count + 1), 2))
    for old, new in ((one, -1), (two, one), (-1, two)):
        connection.execute(update(records).where(records.c.seq == old).values(seq=new))
    return one


def _head(connection: Connection, rng: random.Random, count: int) -> int:
    if rng.random() < 0.5:
        connection.execute(delete(records).where(records.c.seq == 0))
    else:
        connection.execute(update(records).where(records.c.seq == 0).values(subject=str(rng.randint(0, count - 1))))
    return 0


def _cut_and_point_the_head_there(connection: Connection, rng: random.Random, count: int) -> int:
    seq = rng.randint(2, count)
    last = connection.execute(select(records).where(records.c.seq == seq - 1)).one()
    connection.execute(delete(records).where(records.c.seq >= seq))
    connection.execute(update(records).where(records.c.seq == 0).values(subject=str(seq - 1), previous=last.digest))
    return 0


TAMPERINGS = [_edit, _delete, _delete_and_close_the_gap, _cut_the_end, _swap, _head, _cut_and_point_the_head_there]


def test_200_random_tamperings_are_all_found_at_their_place(audit: Audit, ledger: Ledger) -> None:
    count = 12
    fill(audit, count)
    for seed in range(200):
        rng = random.Random(seed)
        with ledger.database.connect() as connection:
            transaction = connection.begin()
            if ledger.dialect == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            place = TAMPERINGS[seed % len(TAMPERINGS)](connection, rng, count)
            assert audit.verify(connection=connection) == place, (seed, TAMPERINGS[seed % len(TAMPERINGS)].__name__)
            transaction.rollback()
    assert audit.verify() is None


def test_a_chain_put_back_to_an_older_copy_is_found_with_a_head_kept_elsewhere(audit: Audit, ledger: Ledger) -> None:
    fill(audit, 5)
    with ledger.read() as connection:
        copy = [row._asdict() for row in connection.execute(select(records))]
    fill(audit, 3)
    kept = audit.head()
    assert kept is not None
    assert audit.verify(since=kept) is None
    with ledger.begin() as connection:
        connection.execute(delete(records))
        connection.execute(insert(records), copy)
    assert audit.verify() is None  # whole in itself
    assert audit.verify(since=kept) == 6
    fill(audit, 2)
    audit.append("plan.approved", "another", "Marketer", {}, NOW)
    assert audit.verify(since=kept) == 8
    with ledger.begin() as connection:
        connection.execute(delete(records))
    assert audit.verify(since=kept) == 1


def test_a_missing_head_stops_appending(audit: Audit, ledger: Ledger) -> None:
    fill(audit, 2)
    with ledger.begin() as connection:
        connection.execute(delete(records).where(records.c.seq == 0))
    with pytest.raises(StateError) as error:
        fill(audit, 1)
    assert "head of the audit chain is missing" in error.value.text("en")
    assert "链头缺失" in error.value.text("zh")


@pytest.mark.parametrize("detail", [
    {"to": "anna@mail.example"}, {"a": {"b": ["x", "call 13812345678"]}}, {"13812345678": 1}, {"phone": 13812345678},
    {"id": "11010519491231002X"}, {"card": "4111 1111 1111 1111"},
])
def test_personal_data_never_enters_the_chain(audit: Audit, detail: dict[str, Any]) -> None:
    with pytest.raises(DataError) as error:
        audit.append("message.sent", "c_0123456789abcdef01234567", "sender", detail, NOW)
    assert "'message.sent' holds personal data" in str(error.value)
    assert audit.verify() is None
    assert audit.head() is None


def test_neither_does_it_as_subject_nor_anything_that_is_not_json(audit: Audit) -> None:
    with pytest.raises(DataError, match="holds personal data"):
        audit.append("consent.withdrawn", "anna@mail.example", "sender", {}, NOW)
    with pytest.raises(DataError, match="not JSON"):
        audit.append("x", "p", "a", {"value": float("nan")}, NOW)
    with pytest.raises(DataError, match="not JSON"):
        audit.append("x", "p", "a", {"value": object()}, NOW)


def test_a_record_goes_with_the_transaction_it_is_part_of(audit: Audit, ledger: Ledger) -> None:
    fill(audit, 2)
    with pytest.raises(KeyError), ledger.begin() as connection:  # noqa: PT012
        assert audit.append("plan.launched", "p", "Marketer", {}, NOW, connection=connection) == 3
        raise KeyError
    assert audit.verify() is None
    assert audit.append("plan.launched", "p", "Marketer", {}, NOW) == 3


def test_four_writers_at_once_make_one_chain(audit: Audit, ledger: Ledger) -> None:
    """From an empty ledger, so that they also race for the first record."""
    threads = [threading.Thread(target=fill, args=(audit, 10)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert audit.verify() is None
    with ledger.read() as connection:
        assert connection.execute(select(func.max(records.c.seq))).scalar() == 40
