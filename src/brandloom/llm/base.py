"""What a text model is to the rest of the house: messages in, one completion out."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Protocol, Self

from brandloom.errors import ProviderError
from brandloom.i18n import _

Schema = Mapping[str, Any]
"""A JSON schema, as `pydantic.BaseModel.model_json_schema()` writes it."""


@dataclass(frozen=True)
class Message:
    """One turn of the conversation handed to a model."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Completion:
    """What a model answered, and what it cost."""

    text: str
    """The answer; with a schema it is a JSON text wherever the model wrote one."""
    model: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    """Wall time from the request to the whole answer, retries included."""
    finish_reason: str = "stop"
    """'stop', 'length' (cut at `max_tokens`), 'content_filter', or what the endpoint says."""
    first: Mapping[str, float] | None = None
    """Token -> probability of it standing first, for the likeliest ones; None where nobody asked (`top`) or the endpoint does not tell."""
    cached: bool = False
    """True when the answer was kept from an earlier request; it then cost no tokens."""

    @property
    def cut(self) -> bool:
        """True when the answer ended because `max_tokens` was reached."""
        return self.finish_reason == "length"


class SpentError(ProviderError):
    """The request reached the model and then failed, so it may have to be paid. Whoever tries it again may pay twice."""

    def __init__(self, template: str, /, *, prompt_tokens: int | None = None, completion_tokens: int | None = None,
                 retryable: bool = True, retry_after_s: float | None = None, **values: object) -> None:
        """Tokens are those used until it failed; None where nobody knows."""
        super().__init__(template, retryable=retryable, retry_after_s=retry_after_s, **values)
        self.prompt_tokens = prompt_tokens
        self.completion_tokens = completion_tokens


class TextModel(Protocol):
    """A language model. Safe to call from several threads; a context manager that closes it."""

    name: str

    def complete(self, messages: Sequence[Message], *, schema: Schema | None = None, max_tokens: int,
                 temperature: float = 0.0, seed: int = 0, top: int = 0) -> Completion:
        """Answer a conversation.

        Args:
            messages: at least one; most endpoints want a `system` message first, then turns that alternate.
            schema: JSON schema the answer must obey; models that cannot be held to it are asked for it in words, so a
                caller still validates what comes back.
            max_tokens: most tokens to write; an answer cut there has `finish_reason` 'length'.
            temperature: 0 is greedy.
            seed: same messages, settings and seed give the same text where the endpoint supports it.
            top: tell the probabilities of so many of the likeliest first tokens, at most 20; 0 tells none.
        Raises:
            ProviderError: the endpoint failed or did not answer in time; `retryable` says whether trying again can help.
            ConfigError: the operator has to mend something: address, key, model name, size of the context.
        """
        ...

    def close(self) -> None:
        """Free what the model holds; a second call does nothing."""
        ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


@dataclass(frozen=True)
class ScriptedCall:
    """One request a `ScriptedTextModel` has seen."""

    messages: tuple[Message, ...]
    schema: Schema | None
    max_tokens: int
    temperature: float
    seed: int
    top: int = 0


Reply = Callable[[Sequence[Message], Schema | None], str]


class ScriptedTextModel(TextModel):
    """A model that says what it was told to say: for tests, rehearsals and examples without a model.

    Args:
        replies: the answers in order, or a function of messages and schema that writes them.
        first: probabilities of first tokens by messages, for requests with `top`, which then use up no reply; None tells none.

    Example:
        >>> model = ScriptedTextModel(["Hello."])
        >>> model.complete([Message("user", "Greet me.")], max_tokens=10).text
        'Hello.'
        >>> model.calls[0].messages[0].content
        'Greet me.'
    """

    def __init__(self, replies: Iterable[str] | Reply, *, name: str = "scripted",
                 first: Callable[[Sequence[Message]], Mapping[str, float]] | None = None) -> None:
        self.name, self._first = name, first
        self.calls: list[ScriptedCall] = []
        self._function = replies if callable(replies) else None
        self._queue: deque[str] = deque() if callable(replies) else deque(replies)
        self._lock = threading.Lock()

    def complete(self, messages: Sequence[Message], *, schema: Schema | None = None, max_tokens: int,
                 temperature: float = 0.0, seed: int = 0, top: int = 0) -> Completion:
        """Give the next scripted answer. Tokens are counted as words, never cut.

        Raises:
            ProviderError: every scripted reply has been used.
        """
        began = time.perf_counter()
        with self._lock:
            self.calls.append(ScriptedCall(tuple(messages), schema, max_tokens, temperature, seed, top))
            told = dict(self._first(messages)) if top and self._first else None
            text = max(told, key=lambda token: told[token]) if told else self._function(messages, schema) if self._function else self._next()
        return Completion(text=text, model=self.name, prompt_tokens=sum(len(m.content.split()) for m in messages),
                          completion_tokens=len(text.split()), seconds=time.perf_counter() - began, first=told)

    def close(self) -> None:
        """Nothing to free."""

    def _next(self) -> str:
        if not self._queue:
            raise ProviderError(_("The scripted model has no reply left for request {number}. Script one more reply."),
                                number=len(self.calls))
        return self._queue.popleft()
