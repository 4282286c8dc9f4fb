"""Opening the ledger: connection rules per database and migrations up to date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, OperationalError

from brandloom.errors import ConfigError
from brandloom.i18n import _
from brandloom.settings import Settings
from brandloom.workspace import Workspace


class Ledger:
    """An open ledger. Every block of `begin()` is one transaction."""

    def __init__(self, database: Engine) -> None:
        self.database = database

    @property
    def dialect(self) -> str:
        """'sqlite' or 'postgresql'."""
        return self.database.dialect.name

    @contextmanager
    def begin(self, *, durable: bool = True) -> Iterator[Connection]:
        """One transaction that writes: committed when the block ends, rolled back when it raises.

        On SQLite it takes the write lock at once, so two writers wait for each other instead of failing half-way. A commit
        that is not `durable` survives the death of the process but, on SQLite, perhaps not a loss of power (it saves the wait
        for the disk); the next durable one makes it so.
        """
        with self.database.connect() as connection, connection.begin():
            if self.dialect == "sqlite":
                connection.exec_driver_sql(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view, for reading only."""
        with self.database.connect() as connection, connection.begin():
            if self.dialect == "sqlite":
                connection.exec_driver_sql("BEGIN")
            yield connection

    def close(self) -> None:
        self.database.dispose()


def open_ledger(workspace: Workspace, settings: Settings) -> Ledger:
    """Open the workspace's ledger, or the one at `BRANDLOOM_LEDGER_URL`, and bring its tables up to date."""
    url = settings.ledger_url.get_secret_value() if settings.ledger_url else workspace.ledger_url
    return open_ledger_at(url)


def open_ledger_at(url: str) -> Ledger:
    """Open a ledger by SQLAlchemy URL (sqlite or postgresql+psycopg) and migrate it.

    Raises:
        ConfigError: an unusable URL or a server that does not answer; the URL's password is not shown.
    """
    try:
        where = make_url(url)
        if where.get_backend_name() not in {"sqlite", "postgresql"}:
            raise ConfigError(_("The ledger runs on sqlite or postgresql, not on {backend}. Correct BRANDLOOM_LEDGER_URL."),
                              backend=where.get_backend_name())
        database = create_engine(where)
    except ArgumentError as error:
        raise ConfigError(_("BRANDLOOM_LEDGER_URL is not a database URL. Example: postgresql+psycopg://user@host/name.")) from error
    if database.dialect.name == "sqlite":
        event.listen(database, "connect", _prepare_sqlite)
    try:
        _migrate(database)
    except OperationalError as error:
        reason = str(error.orig).splitlines()[0]
        raise ConfigError(_("The ledger at {place} does not answer: {reason}."),
                          place=where.render_as_string(hide_password=True), reason=reason) from error
    return Ledger(database)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by us, see Ledger.begin
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")  # a committed 'sending' must survive a power loss, not only a crash
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA busy_timeout = 10000")
    cursor.close()


def _migrate(database: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(files("brandloom").joinpath("ledger", "migrations")))
    with database.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
