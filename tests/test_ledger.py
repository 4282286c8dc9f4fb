"""The ledger: one schema on both databases, one writer at a time, clear errors."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select

from brandloom.errors import ConfigError
from brandloom.ledger import Ledger, schema
from brandloom.ledger.database import open_ledger_at

NOW = datetime(2024, 5, 1, 12, 30, tzinfo=UTC)


def test_migrations_build_exactly_the_declared_schema(ledger: Ledger) -> None:
    with ledger.database.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.sqlite'}"
    first = open_ledger_at(url)
    with first.begin() as connection:
        connection.execute(insert(schema.suppressions).values(channel="email", digest="d", reason="manual", at=NOW))
    first.close()
    second = open_ledger_at(url)
    with second.read() as connection:
        assert connection.execute(select(schema.suppressions.c.at)).scalar() == NOW
    second.close()


def test_a_block_that_raises_leaves_nothing(ledger: Ledger) -> None:
    def write_and_fail() -> None:
        with ledger.begin() as connection:
            connection.execute(insert(schema.suppressions).values(channel="email", digest="d", reason="manual", at=NOW))
            raise KeyError

    with pytest.raises(KeyError):
        write_and_fail()
    with ledger.read() as connection:
        assert connection.execute(select(schema.suppressions)).all() == []


def test_writers_wait_for_each_other(ledger: Ledger) -> None:
    """Twenty read-then-write blocks from four threads: none is lost, none fails."""
    with ledger.begin() as connection:
        connection.execute(insert(schema.plans).values(
            id="p", name="0", status="draft", as_of=NOW, brief="{}", document="{}", digest="", created_at=NOW))

    def add_five() -> None:
        for _ in range(5):
            with ledger.begin() as connection:
                row = connection.execute(select(schema.plans.c.name).with_for_update()).scalar_one()
                connection.execute(schema.plans.update().values(name=str(int(row) + 1)))

    threads = [threading.Thread(target=add_five) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with ledger.read() as connection:
        assert connection.execute(select(schema.plans.c.name)).scalar() == "20"


def test_a_moment_without_a_zone_is_refused(ledger: Ledger) -> None:
    with pytest.raises(Exception, match="without a zone"), ledger.begin() as connection:
        connection.execute(insert(schema.suppressions).values(
            channel="email", digest="d", reason="manual", at=datetime(2024, 1, 1)))


@pytest.mark.parametrize(("url", "says"), [
    ("mysql://u@h/d", "sqlite or postgresql, not on mysql"),
    ("no url at all", "is not a database URL"),
    ("postgresql+psycopg://u:secret@127.0.0.1:1/d", "does not answer"),
])
def test_an_unusable_url_is_one_clear_line(url: str, says: str) -> None:
    with pytest.raises(ConfigError) as error:
        open_ledger_at(url)
    assert says in error.value.text("en")
    assert "secret" not in error.value.text("en")
    assert error.value.text("zh") != error.value.text("en")
