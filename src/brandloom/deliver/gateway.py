"""A gateway for text messages on loopback that keeps what it gets: previews and tests send to it, and tests make it misbehave."""

from __future__ import annotations

import base64
import json
import logging
import secrets
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Literal
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

from brandloom.deliver.loopback import Loopback

Fault = Literal["ok", "401", "429", "500", "500_stored", "503", "302", "stopped", "no_number", "hang_up", "hang_up_stored", "silence",
                "silence_stored"]
_ERRORS = {"401": (401, 20003), "429": (429, 20429), "500": (500, 20500), "500_stored": (500, 20500), "503": (503, 20503),
           "stopped": (400, 21610), "no_number": (400, 21211)}
_CODES = {"stopped": "130", "no_number": "107", "401": "102"}
"""The same as Chuanglan says them."""
_MOST_BYTES = 100_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Texted:
    """A text message as it arrived."""

    recipient: str = field(repr=False)
    text: str = field(repr=False)
    key: str
    """Idempotency key or id that came with it."""
    at: datetime


class LoopbackGateway(Loopback["_Server"]):
    """A gateway on 127.0.0.1 in a thread of its own while the `with` block runs. It speaks Twilio's Messages resource and Chuanglan's
    JSON interface.

    Args:
        faults: per recipient, how to treat the first, second ... message to them; after these (and for everybody else) 'ok'. '..._stored'
            keeps the message first; 'silence' keeps the connection and never answers.
        idempotent: drop a message whose Idempotency-Key was seen before.
        on_message: called with each recipient before the answer; lets a test act in the middle of a send.
    """

    account, token = "AC" + "0" * 32, "loopback-token"

    def __init__(self, *, faults: Mapping[str, Iterable[Fault]] | None = None, idempotent: bool = False,
                 on_message: Callable[[str], None] | None = None) -> None:
        self.received: list[Texted] = []
        self.asked: Counter[str] = Counter()
        """Requests by method, those refused among them."""
        self._faults = {recipient: deque(plan) for recipient, plan in (faults or {}).items()}
        self._idempotent, self._on_message = idempotent, on_message
        self._lock, self.over = threading.Lock(), threading.Event()
        super().__init__(_Server(("127.0.0.1", 0), _Handler), "loopback-gateway")
        self._http.gateway = self

    @property
    def url(self) -> str:
        """For `TwilioSms`."""
        also = "&idempotent=yes" if self._idempotent else ""
        return f"twilio://{self.account}:{quote(self.token)}@127.0.0.1:{self._http.server_port}?from=%2B441632960000{also}"

    @property
    def chuanglan_url(self) -> str:
        """For `ChuanglanSms`."""
        return f"chuanglan://{self.account}:{quote(self.token)}@127.0.0.1:{self._http.server_port}"

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.over.set()
        super().__exit__(kind, error, trace)

    def __len__(self) -> int:
        return len(self.received)

    def take(self, recipient: str, text: str, key: str) -> Fault:
        """Keep a message or not, as its fault says."""
        if self._on_message is not None:
            self._on_message(recipient)
        with self._lock:
            queue = self._faults.get(recipient)
            fault: Fault = queue.popleft() if queue else "ok"
            seen = self._idempotent and any(one.key == key for one in self.received)
            if (fault == "ok" or fault.endswith("_stored")) and not seen:
                self.received.append(Texted(recipient, text, key, datetime.now(UTC)))
        return fault

    def listed(self, recipient: str | None, most: int) -> list[Texted]:
        """What was kept, newest first."""
        with self._lock:
            return [one for one in reversed(self.received) if recipient in (None, one.recipient)][:most]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    gateway: LoopbackGateway


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "Brandloom", ""

    def do_GET(self) -> None:
        self.server.gateway.asked["GET"] += 1
        if not self._known():
            return
        asked = parse_qs(urlsplit(self.path).query)
        found = self.server.gateway.listed(next(iter(asked.get("To", [])), None), int(asked.get("PageSize", ["50"])[0]))
        self._answer(200, {"messages": [{"to": one.recipient, "body": one.text, "date_created": format_datetime(one.at)} for one in found]})

    def do_POST(self) -> None:
        gateway = self.server.gateway
        gateway.asked["POST"] += 1
        length = self.headers.get("Content-Length", "")
        body = self.rfile.read(int(length)) if length.isdecimal() and int(length) <= _MOST_BYTES else b""
        if self.path == "/msg/v1/send/json":
            self._chuanglan(json.loads(body or b"{}"))
        elif self._known():
            form = dict(parse_qsl(body.decode()))
            fault = gateway.take(form.get("To", ""), form.get("Body", ""), self.headers.get("Idempotency-Key", ""))
            if self._stays_here(fault):
                status, code = _ERRORS.get(fault, (201, 0))
                self._answer(status, {"code": code, "status": status} if code else {"sid": "SM" + secrets.token_hex(16), "status": "queued"})

    def _chuanglan(self, asked: dict[str, Any]) -> None:
        gateway = self.server.gateway
        if (asked.get("account"), asked.get("password")) != (gateway.account, gateway.token):
            self._answer(200, {"code": "102", "errorMsg": "密码错误"})
            return
        fault = gateway.take(str(asked.get("phone", "")), str(asked.get("msg", "")), str(asked.get("uid", "")))
        if self._stays_here(fault):
            status = _ERRORS[fault][0] if fault in ("429", "500", "500_stored", "503") else 200
            self._answer(status, {"code": _CODES.get(fault, "0"), "msgId": secrets.token_hex(8)} if status == 200 else {})

    def _stays_here(self, fault: Fault) -> bool:
        """Whether there is to be an answer; else the connection ends in the way of the fault."""
        if fault == "302":
            self._answer(302, {}, Location="https://elsewhere.example/")
            return False
        if fault.startswith(("hang_up", "silence")):
            if fault.startswith("silence"):
                self.server.gateway.over.wait()
            self.close_connection = True
            return False
        return True

    def _known(self) -> bool:
        gateway = self.server.gateway
        wanted = "Basic " + base64.b64encode(f"{gateway.account}:{gateway.token}".encode()).decode()
        if self.headers.get("Authorization") == wanted and f"/Accounts/{gateway.account}/" in self.path:
            return True
        self._answer(401, {"code": 20003, "status": 401})
        return False

    def _answer(self, status: int, content: dict[str, Any], **headers: str) -> None:
        body = json.dumps(content, ensure_ascii=False).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        _log.debug("loopback gateway answered %s", self.command)  # the address line may hold a number: not logged
