"""Small SQLite files in the cache folder that several processes write at the same time."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from brandloom.errors import ConfigError
from brandloom.i18n import _
from brandloom.llm.weights import only_one

_WAIT_S = 30.0


class Database:
    """One file, one connection, safe for threads and processes.

    Args:
        path: the file; made when missing, its folder too, readable by its owner only.
        tables: statements that make what is not there yet.
    Raises:
        ConfigError: the file cannot be written, or is not such a file; it is left as it is.
    """

    def __init__(self, path: Path, tables: str) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Two processes that switch a new file to write-ahead logging at once would trip over each other.
            with only_one(path.with_suffix(".lock")):
                path.touch(mode=0o600)
                self._connection = _connected(path, tables)
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is alone from its first read on: what it decides on still holds when it writes."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection
                except BaseException:
                    self._connection.execute("ROLLBACK")
                    raise
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise self._unusable(error) from error

    def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """All rows of a query."""
        with self._lock:
            try:
                return self._connection.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise self._unusable(error) from error

    def close(self) -> None:
        """Let go of the file; a second call does nothing."""
        with self._lock:
            self._connection.close()

    def _unusable(self, error: Exception) -> ConfigError:
        return ConfigError(_("{path} cannot be used: {reason}. Move it away or mend its folder, or set BRANDLOOM_CACHE to another one."),
                           path=self.path, reason=error)


def _connected(path: Path, tables: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(tables)
    except BaseException:
        connection.close()
        raise
    return connection
