"""A model endpoint on loopback that records every byte it gets and answers as it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = Callable[[dict[str, Any]], str]


@dataclass
class Recorder:
    """What came in, byte for byte, and what is answered: the text a model would write, made from the request's body."""

    reply: Reply
    url: str = ""
    heads: set[bytes] = field(default_factory=set)
    """Request lines and headers, each once."""
    bodies: list[bytes] = field(default_factory=list)
    bytes: int = 0
    refuse: int | None = None
    """A status to answer with instead, its body repeating the request's headers as careless servers do."""

    def pieces(self) -> Iterator[bytes]:
        """Everything recorded, equal parts of requests once."""
        seen: set[str] = set()
        yield from self.heads
        for body in self.bodies:
            asked = json.loads(body)
            for part in (*(str(turn["content"]) for turn in asked.pop("messages", [])), json.dumps(asked, ensure_ascii=False)):
                if part not in seen:
                    seen.add(part)
                    yield part.encode()


@contextmanager
def recording(reply: Reply) -> Iterator[Recorder]:
    """Serve until the block ends."""
    state = Recorder(reply)
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            head = self.raw_requestline + bytes(self.headers)
            with lock:
                state.heads.add(head)
                state.bodies.append(body)
                state.bytes += len(head) + len(body)
            if state.refuse:
                self._send(state.refuse, {"error": {"message": f"refused: {dict(self.headers)}"}})
                return
            text = state.reply(json.loads(body))
            self._send(200, {"model": "obedient", "usage": {"prompt_tokens": 9, "completion_tokens": 9}, "choices": [
                {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}]})

        def do_GET(self) -> None:
            with lock:
                state.heads.add(self.raw_requestline + bytes(self.headers))
            self._send(200, {"object": "list", "data": [{"id": "obedient", "object": "model"}]})

        def _send(self, status: int, content: object) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            self.wfile.flush()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


GOOD = {
    "en": {"body": "We have put a few things aside for you, starting with {{ product.name }}. Come and see whether it suits your home.",
           "headline": "For the evenings at home", "subject": "A thought for your evenings", "preheader": "Chosen with you in mind",
           "cta": "Have a look"},
    "zh": {"body": "我们为你挑了几样东西，先看看 {{ product.name }} 吧。有空来逛逛，慢慢挑选。", "headline": "晚上在家的时光",
           "subject": "想起你家的夜晚", "preheader": "照着你的心意挑的", "cta": "去看看"},
}
"""Copy that passes every check."""


def language_of(body: dict[str, Any]) -> str:
    """The language a request is in, by its system text."""
    return "zh" if any("\u4e00" <= letter <= "\u9fff" for letter in body["messages"][0]["content"]) else "en"


def well_behaved(body: dict[str, Any]) -> str:
    """A model that writes lawful copy whatever it is asked."""
    return json.dumps(GOOD[language_of(body)], ensure_ascii=False)
