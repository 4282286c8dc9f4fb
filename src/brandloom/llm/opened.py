"""The models that the settings name: opened when a task needs them, paid from one budget, their answers kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import add

from brandloom.llm.base import Completion, Message, Schema, TextModel
from brandloom.llm.cached import AnswerStore, CachedModel
from brandloom.llm.fallback import FallbackModel
from brandloom.llm.metered import MeteredModel, utc_now
from brandloom.llm.prices import Estimate, Price, estimate
from brandloom.llm.routes import Task
from brandloom.llm.spend import Budget, SpendBook, SpendLine, Spent


@dataclass(frozen=True)
class Source:
    """One model that can be opened."""

    open: Callable[[], TextModel]
    price: Price | None
    identity: str
    """Address and name, or path: what tells its answers from another model's."""


class Models:
    """Several models behind one budget and one cache. A context manager; closing it closes the models it gave.

    Args:
        sources: by the name they have in the book; each is opened once, when first needed.
        routes: for each task, names in the order they are asked.
        store: where answers are kept; None asks anew every time.
    """

    def __init__(self, sources: Mapping[str, Source], routes: Mapping[Task, Sequence[str]], book: SpendBook, *,
                 store: AnswerStore | None = None, budget: Budget | None = None, now: Callable[[], datetime] = utc_now) -> None:
        self._sources, self._routes, self._book, self._store = sources, routes, book, store
        self._budget, self._now = budget or Budget(), now
        self._open: dict[str, TextModel] = {}
        self._paid: dict[tuple[str, Task], TextModel] = {}
        self._lock = threading.Lock()

    def model(self, task: Task = "draft") -> TextModel:
        """The model for a task: the first of its route, and the others where that fails.

        Raises:
            ConfigError: one of them cannot be opened as it is set up.
        """
        return FallbackModel([self._opened(name, task) for name in self._routes[task]])

    def estimate(self, messages: Sequence[Message], max_tokens: int, *, task: Task = "draft", schema: Schema | None = None,
                 calls: int = 1) -> Estimate:
        """The most that so many requests like this one may cost at the first model of the task's route."""
        return estimate(messages, max_tokens, self._sources[self._routes[task][0]].price, schema=schema, calls=calls)

    def spent(self) -> list[SpendLine]:
        """What was spent since this was opened, without other processes."""
        return self._book.run()

    def close(self) -> None:
        """Close all models and the files; a second call does nothing."""
        for model in self._open.values():
            model.close()
        self._open.clear()
        self._paid.clear()
        self._book.close()
        if self._store is not None:
            self._store.close()

    def __enter__(self) -> Models:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _opened(self, name: str, task: Task) -> TextModel:
        """A model is opened once, and paid and kept for each task by itself."""
        with self._lock:
            if (name, task) not in self._paid:
                source = self._sources[name]
                if name not in self._open:
                    self._open[name] = source.open()
                model = MeteredModel(self._open[name], self._book, price=source.price, budget=self._budget, name=name, task=task, now=self._now)
                self._paid[name, task] = model if self._store is None else CachedModel(
                    model, self._store, identity=source.identity, on_kept=model.note_cached)
            return self._paid[name, task]


class OpenedModel(TextModel):
    """The model of one task that closes everything it was opened with, and tells what it costs."""

    def __init__(self, models: Models, task: Task = "draft") -> None:
        self.models, self._task, self._model = models, task, models.model(task)
        self.name = self._model.name

    def complete(self, messages: Sequence[Message], *, schema: Schema | None = None, max_tokens: int,
                 temperature: float = 0.0, seed: int = 0, top: int = 0) -> Completion:
        return self._model.complete(messages, schema=schema, max_tokens=max_tokens, temperature=temperature, seed=seed, top=top)

    def estimate(self, messages: Sequence[Message], max_tokens: int, *, schema: Schema | None = None, calls: int = 1) -> Estimate:
        """The most that so many requests like this one may cost."""
        return self.models.estimate(messages, max_tokens, task=self._task, schema=schema, calls=calls)

    def spent(self) -> list[SpendLine]:
        """What this model has cost since it was opened; nothing for answers from the cache."""
        return self.models.spent()

    def close(self) -> None:
        self.models.close()


@dataclass(frozen=True)
class Ask:
    """A request that may be made, so often at most."""

    messages: Sequence[Message]
    max_tokens: int
    schema: Schema | None = None
    calls: int = 1


def most_cost(model: TextModel | None, asks: Iterable[Ask]) -> Estimate | None:
    """The most that all these requests may cost; None where there are none, or the model is not one that `open_model` gave."""
    if not isinstance(model, OpenedModel):
        return None
    estimates = [model.estimate(ask.messages, ask.max_tokens, schema=ask.schema, calls=ask.calls) for ask in asks]
    return reduce(add, estimates) if estimates else None


def spent_by(model: TextModel | None) -> Spent | None:
    """What a model has cost since it was opened; None where it is not one that `open_model` gave."""
    return Spent.of(model.spent()) if isinstance(model, OpenedModel) else None
