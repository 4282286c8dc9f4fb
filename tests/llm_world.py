"""A real HTTP server on loopback that speaks the protocol of model endpoints, well and badly, as a test scripts it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from brandloom.llm import EndpointModel, Message

KEY = "sk-Secret4711secret"
HELLO = [Message("system", "Be short."), Message("user", "Hello PROMPTWORD")]

Answer = tuple[int, dict[str, str], "bytes | Iterable[bytes]"] | None
"""Status, headers, body, in pieces where it is a stream; None answers nothing until the test ends."""
Step = Answer | Callable[[dict[str, Any]], Answer]


@dataclass
class Endpoint:
    """A server whose answers a test scripts; the last one repeats."""

    url: str = ""
    script: list[Step] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def answer(self, body: dict[str, Any]) -> Answer:
        self.asked.append(body)
        self.arrived.set()
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return step(body) if callable(step) else step

    def model(self, **options: Any) -> EndpointModel:
        return EndpointModel(self.url, **{"key": KEY, "model": "m1", "timeout_s": 5, **options})


@contextmanager
def serving() -> Iterator[Endpoint]:
    """Serve until the block ends."""
    state = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            state.headers.append({name.lower(): value for name, value in self.headers.items()})
            self._send(state.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"])))))

        def do_GET(self) -> None:
            self._send(state.answer({}))

        def _send(self, answer: Answer) -> None:
            if answer is None:
                state.over.wait()
                self.close_connection = True
                return
            status, headers, body = answer
            length = {"Content-Length": str(len(body))} if isinstance(body, bytes) else {}
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **length, **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(BrokenPipeError, ConnectionResetError):
                for piece in [body] if isinstance(body, bytes) else body:
                    self.wfile.write(piece)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield state
    finally:
        state.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def said(content: object, *, finish: str | None = "stop", message: dict[str, Any] | None = None, model: str = "m1-2026") -> Answer:
    """A whole answer that used 7 and 3 tokens."""
    body = {"model": model, "choices": [{"index": 0, "finish_reason": finish,
                                         "message": {"role": "assistant", "content": content, **(message or {})}}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
    return 200, {}, json.dumps(body).encode()


def failed(status: int, message: str, **headers: str) -> Answer:
    """A refusal."""
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps({"error": {"message": message}}).encode()


def streamed(pieces: Iterable[str], *, end: Iterable[str] = ("finish", "usage", "[DONE]")) -> Answer:
    """An answer as a stream of events that used 7 and 3 tokens; `end` are the events after its text."""
    closing = {"finish": {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
               "usage": {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}},
               "error": {"error": {"message": "overloaded"}}}

    def events() -> Iterator[bytes]:
        yield b": a comment that keeps the line open\n\n"
        for piece in pieces:
            yield _event({"model": "m1-2026", "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
        for name in end:
            yield _event(closing[name]) if name in closing else f"data: {name}\n\n".encode()

    return 200, {"Content-Type": "text/event-stream; charset=utf-8"}, events()


def _event(body: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n".encode()
