"""Read the body of an answer as it comes, whole or as a stream of events, bounded in time and size."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import httpx2

_BYTES = 1 << 20
_BYTES_PER_TOKEN = 2000
"""An event for one token takes some hundred bytes; thoughts and probabilities may come along."""
_LETTERS_PER_TOKEN = 8
"""Twice what texts have: no honest answer is cut, and one without end is."""


class NotJsonError(Exception):
    """The body is something else altogether."""


class BrokenOffError(Exception):
    """The body ended, or was left, before the answer was whole."""

    def __init__(self, reason: str, written: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.written = written
        """What had come of the answer, thoughts included; None where only the endpoint knows."""


@dataclass(frozen=True)
class Limits:
    """How far an answer may go."""

    until: float
    """On the clock of `time.monotonic`."""
    seconds: float
    bytes: int
    letters: int

    @classmethod
    def of(cls, max_tokens: int, seconds: float) -> Self:
        return cls(time.monotonic() + seconds, seconds, _BYTES + _BYTES_PER_TOKEN * max_tokens, 100 + _LETTERS_PER_TOKEN * max_tokens)


@dataclass
class Body:
    """One answer on its way."""

    limits: Limits
    on_text: Callable[[str], None] | None = None
    _text: list[str] = field(default_factory=list)
    _thoughts: list[str] = field(default_factory=list)
    _letters: int = 0
    _rest: dict[str, Any] = field(default_factory=dict)
    """Model, usage and finish reason, as far as events have told them."""

    def read_json(self, blocks: Iterable[bytes]) -> object:
        """The body as one JSON value.

        Raises:
            NotJsonError: it is none.
            BrokenOffError: it began as JSON and did not end, or did not end in time.
        """
        whole = b"".join(self._within(blocks))
        try:
            return json.loads(whole)
        except (ValueError, RecursionError):
            if whole.lstrip().startswith(b"{"):
                raise BrokenOffError("JSON ends too early") from None
            raise NotJsonError from None

    def read_events(self, blocks: Iterable[bytes]) -> object:
        """The events of a stream, put together to what the body would be without one.

        A stream that goes on long after `max_tokens` is left there; its answer counts as cut at its length.

        Raises:
            BrokenOffError: the stream stopped before the answer was whole.
        """
        try:
            for event in _events(self._within(blocks)):
                if event == b"[DONE]":
                    return self._answer("stop")
                self._add(event)
                if self._letters > self.limits.letters:
                    return self._answer("length")
        except BrokenOffError as error:
            raise BrokenOffError(error.reason, self._written()) from None
        if "finish_reason" not in self._rest:
            raise BrokenOffError("the stream ended too early", self._written())
        return self._answer("stop")

    def _within(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        size = 0
        try:
            for block in blocks:
                size += len(block)
                if size > self.limits.bytes:
                    raise BrokenOffError(f"more than {self.limits.bytes} bytes")
                if time.monotonic() > self.limits.until:
                    raise BrokenOffError(f"not whole after {self.limits.seconds:g} s")
                yield block
        except httpx2.HTTPError as error:
            raise BrokenOffError(str(error) or type(error).__name__) from None

    def _add(self, event: bytes) -> None:
        try:
            body = json.loads(event)
        except (ValueError, RecursionError):
            raise BrokenOffError("an event is not JSON") from None
        if not isinstance(body, dict):
            return
        if error := body.get("error"):
            raise BrokenOffError(str(error.get("message") or error) if isinstance(error, dict) else str(error))
        self._rest |= {name: body[name] for name in ("model", "usage") if body.get(name)}
        choices = body.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        if choice.get("finish_reason"):
            self._rest["finish_reason"] = choice["finish_reason"]
        delta = choice.get("delta")
        if isinstance(delta, dict):
            self._take(delta)

    def _take(self, delta: dict[str, Any]) -> None:
        piece, thought = delta.get("content"), delta.get("reasoning_content")
        for kept, part in ((self._text, piece), (self._thoughts, thought)):
            if isinstance(part, str):
                kept.append(part)
                self._letters += len(part)
        if self.on_text is not None and isinstance(piece, str) and piece:
            self.on_text(piece)

    def _written(self) -> str:
        return "".join((*self._thoughts, *self._text))

    def _answer(self, finish_reason: str) -> dict[str, Any]:
        choice = {"message": {"content": "".join(self._text)}, "finish_reason": self._rest.get("finish_reason", finish_reason)}
        return {"model": self._rest.get("model"), "choices": [choice], "usage": self._rest.get("usage")}


def _events(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The data of server-sent events, one line each."""
    rest = b""
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        yield from (line[5:].strip() for line in lines if line.startswith(b"data:"))
    if rest.startswith(b"data:"):
        yield rest[5:].strip()
