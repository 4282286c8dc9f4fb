"""Answers kept, so that the same question is paid once."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from brandloom.llm.base import Completion, Message, Schema, TextModel
from brandloom.llm.database import Database

FILE = "answers.sqlite"
_TABLES = """
CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL, size INTEGER NOT NULL, used INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS answers_used ON answers (used);
"""
_ROW = 120
"""Bytes of a row and its index besides the answer."""


class AnswerStore:
    """Answers by the digest of their question, in one file that all processes of this machine share.

    Only the digest is kept of a question. When the answers outgrow `max_bytes`, those unused for longest go.

    Raises:
        ConfigError: the file cannot be used.
    """

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        self._database, self._max_bytes = Database(path, _TABLES), max_bytes

    def find(self, key: str) -> str | None:
        """The answer kept under a key, which counts as used now; None when there is none."""
        with self._database.writing() as connection:
            row = connection.execute("UPDATE answers SET used = (SELECT max(used) + 1 FROM answers) WHERE key = ? RETURNING answer",
                                     (key,)).fetchone()
        return None if row is None else str(row[0])

    def keep(self, key: str, answer: str) -> None:
        """Keep an answer, and let the ones unused for longest go where there is no room."""
        size = len(answer.encode()) + _ROW
        if size > self._max_bytes:
            return
        with self._database.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO answers SELECT ?, ?, ?, coalesce(max(used), 0) + 1 FROM answers",
                               (key, answer, size))
            total, = connection.execute("SELECT sum(size) FROM answers").fetchone()
            if total > self._max_bytes:
                connection.execute("DELETE FROM answers WHERE key IN (SELECT key FROM (SELECT key, sum(size) OVER (ORDER BY used DESC) "
                                   "AS newest FROM answers) WHERE newest > ?)", (self._max_bytes,))

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()


class CachedModel(TextModel):
    """Answers a greedy request (temperature 0) that was asked before from the store, at no cost.

    The same request is one with the same messages, schema, `max_tokens`, seed, `top` and model. Only whole answers are kept, and
    those whose first tokens were asked for and told. Threads that ask the same at once wait for the first.

    Args:
        model: the one that answers what is new; it is closed with this one.
        store: it may serve many models and stays open.
        identity: what tells this model from others of the same name, such as its address.
        on_kept: called for each answer that came from the store.
    """

    def __init__(self, model: TextModel, store: AnswerStore, *, identity: str = "", on_kept: Callable[[], None] | None = None) -> None:
        self.name = model.name
        self._model, self._store, self._identity, self._on_kept = model, store, identity, on_kept
        self._asking: dict[str, tuple[threading.Lock, int]] = {}
        self._lock = threading.Lock()

    def complete(self, messages: Sequence[Message], *, schema: Schema | None = None, max_tokens: int,
                 temperature: float = 0.0, seed: int = 0, top: int = 0) -> Completion:
        """Answer a conversation; see `TextModel`. What comes from the store is `cached` and has cost no tokens and no time."""
        if temperature != 0.0:
            return self._model.complete(messages, schema=schema, max_tokens=max_tokens, temperature=temperature, seed=seed, top=top)
        question = [self.name, self._identity, [asdict(message) for message in messages],
                    None if schema is None else dict(schema), max_tokens, seed, *([top] if top else [])]
        key = hashlib.sha256(json.dumps(question, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()
        with self._alone(key):
            kept = self._store.find(key)
            if kept is not None:
                known = json.loads(kept)
                if self._on_kept is not None:
                    self._on_kept()
                return Completion(text=known["text"], model=known["model"], prompt_tokens=0, completion_tokens=0, seconds=0.0,
                                  first=known.get("first"), cached=True)
            done = self._model.complete(messages, schema=schema, max_tokens=max_tokens, temperature=0.0, seed=seed, top=top)
            if done.first is not None or (done.finish_reason == "stop" and not top):
                self._store.keep(key, json.dumps({"text": done.text, "model": done.model} | ({"first": dict(done.first)} if done.first else {})))
            return done

    def close(self) -> None:
        self._model.close()

    @contextmanager
    def _alone(self, key: str) -> Iterator[None]:
        """Let one thread ask a question at a time."""
        with self._lock:
            lock, waiting = self._asking.get(key, (threading.Lock(), 0))
            self._asking[key] = lock, waiting + 1
        try:
            with lock:
                yield
        finally:
            with self._lock:
                lock, waiting = self._asking[key]
                if waiting == 1:
                    del self._asking[key]
                else:
                    self._asking[key] = lock, waiting - 1
