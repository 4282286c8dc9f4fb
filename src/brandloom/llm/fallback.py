"""Several text models in order: when one fails, the next answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from brandloom.errors import ProviderError
from brandloom.llm.base import Completion, Message, Schema, SpentError, TextModel


@dataclass
class _Health:
    """How a model has fared lately."""

    failures: int = 0
    """In a row."""
    rests_until: float = 0.0


class FallbackModel(TextModel):
    """Asks the first model; on a failure that trying again can mend, the next, and after the last one the first once more.

    A model whose failure may have to be paid (`SpentError`) is not asked the same again: only the others are.
    A model that failed `failures` times in a row rests: while it does, it is asked only after all others failed. One failure
    after its rest sends it to rest again. What the operator has to mend (a wrong key, a spent budget) is not papered over.

    Args:
        models: at least one, in order of preference; they are closed with this one.
        rounds: how often the whole list is gone through at most.
        failures: failures in a row after which a model rests.
        rest_s: how long, in seconds of `clock`.
    """

    def __init__(self, models: Sequence[TextModel], *, rounds: int = 2, failures: int = 3, rest_s: float = 60.0,
                 clock: Callable[[], float] = time.monotonic) -> None:
        if not models or rounds < 1:
            raise ValueError("at least one model and one round are needed")
        self.name = models[0].name
        self._models, self._rounds, self._failures, self._rest_s, self._clock = tuple(models), rounds, failures, rest_s, clock
        self._health = [_Health() for _model in models]
        self._lock = threading.Lock()

    def complete(self, messages: Sequence[Message], *, schema: Schema | None = None, max_tokens: int,
                 temperature: float = 0.0, seed: int = 0, top: int = 0) -> Completion:
        """Answer a conversation; see `TextModel`. `Completion.model` says who answered.

        Raises:
            ProviderError: all failed; the last one's words.
        """
        failed: ProviderError | None = None
        spent: set[int] = set()
        for _round in range(self._rounds):
            for number in self._order():
                if number in spent:
                    continue
                try:
                    done = self._models[number].complete(messages, schema=schema, max_tokens=max_tokens, temperature=temperature, seed=seed,
                                                         top=top)
                except ProviderError as error:
                    if not error.retryable:
                        raise
                    self._note(number, failed=True)
                    failed = error
                    if isinstance(error, SpentError):
                        spent.add(number)
                else:
                    self._note(number, failed=False)
                    return done
        assert failed is not None
        raise failed

    def close(self) -> None:
        for model in self._models:
            model.close()

    def _order(self) -> list[int]:
        """Models that do not rest first, each group in order of preference."""
        now = self._clock()
        with self._lock:
            return sorted(range(len(self._models)), key=lambda number: self._health[number].rests_until > now)

    def _note(self, number: int, *, failed: bool) -> None:
        with self._lock:
            health = self._health[number]
            health.failures = health.failures + 1 if failed else 0
            health.rests_until = self._clock() + self._rest_s if health.failures >= self._failures else 0.0
