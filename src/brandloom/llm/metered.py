"""A text model whose every request is paid from the day's budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from brandloom.errors import BrandloomError
from brandloom.llm.base import Completion, Message, Schema, SpentError, TextModel
from brandloom.llm.prices import Price, count_tokens, estimate
from brandloom.llm.routes import Task
from brandloom.llm.spend import Budget, SpendBook

NO_BUDGET = Budget()


def utc_now() -> datetime:
    return datetime.now(UTC)


class MeteredModel(TextModel):
    """Counts what a model's requests cost, and makes none that the budget has no room for.

    Args:
        model: the one that answers; it is closed with this one.
        book: where the costs are written; it may serve many models and stays open.
        price: None counts tokens only.
        name: what it is called in the book and in results; the model's own name when None.
        task: what its requests are for, as the book says it.
        now: aware time, for the day that pays.
    """

    def __init__(self, model: TextModel, book: SpendBook, *, price: Price | None = None, budget: Budget = NO_BUDGET,
                 name: str | None = None, task: Task = "draft", now: Callable[[], datetime] = utc_now) -> None:
        self.name = name or model.name
        self._model, self._book, self._price, self._budget, self._task, self._now = model, book, price, budget, task, now

    def complete(self, messages: Sequence[Message], *, schema: Schema | None = None, max_tokens: int,
                 temperature: float = 0.0, seed: int = 0, top: int = 0) -> Completion:
        """Answer a conversation; see `TextModel`.

        A request that broke off counts with what was written until then, or with the most it may cost where nobody knows; one
        that the model refused costs nothing. Where the model does not tell its tokens, they are estimated.

        Raises:
            BudgetError: the day's budget has no room for this request, which was not made.
        """
        most = estimate(messages, max_tokens, self._price, schema=schema)
        reservation = self._book.reserve(self.name, most, self._price, self._budget, self._now(), task=self._task)
        try:
            done = self._model.complete(messages, schema=schema, max_tokens=max_tokens, temperature=temperature, seed=seed, top=top)
        except SpentError as error:
            written = most.completion_tokens if error.completion_tokens is None else error.completion_tokens
            self._book.settle(reservation, error.prompt_tokens or most.prompt_tokens, written)
            raise
        except BrandloomError:
            self._book.release(reservation)
            raise
        except BaseException:  # Ctrl-C: the model may be writing on
            self._book.settle(reservation, most.prompt_tokens, most.completion_tokens)
            raise
        self._book.settle(reservation, done.prompt_tokens or most.prompt_tokens, done.completion_tokens or count_tokens(done.text))
        return done

    def note_cached(self) -> None:
        """Count a request that was answered from the cache, without this model."""
        self._book.note_cached(self.name, self._price, self._now(), task=self._task)

    def close(self) -> None:
        self._model.close()
