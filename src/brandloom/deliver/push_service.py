"""A push service and its browsers on loopback: it verifies who pushes and opens what it gets, as a browser would."""

from __future__ import annotations

import base64
import json
import logging
import os
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from brandloom.deliver.loopback import Loopback
from brandloom.deliver.webpush import unseal

_log = logging.getLogger(__name__)


@dataclass
class Browser:
    """One browser that subscribed; `shown` are the notifications it got, opened."""

    subscription: str = field(repr=False)
    key: ec.EllipticCurvePrivateKey = field(repr=False)
    auth: bytes = field(repr=False)
    faults: deque[int] = field(default_factory=deque)
    """Answers to the next messages, such as 410; after these 201. 0 closes the connection without an answer."""
    shown: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


class LoopbackPush(Loopback["_Server"]):
    """A push service on 127.0.0.1 in a thread of its own while the `with` block runs."""

    def __init__(self) -> None:
        super().__init__(_Server(("127.0.0.1", 0), _Handler), "loopback-push")
        self.browsers: dict[str, Browser] = {}
        self._http.service = self

    def subscribe(self, *, faults: Iterable[int] = ()) -> Browser:
        """A new browser."""
        key, auth, path = ec.generate_private_key(ec.SECP256R1()), os.urandom(16), f"/push/{len(self.browsers)}"
        public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        text = json.dumps({"endpoint": self.address + path, "expirationTime": None, "keys": {"p256dh": _base64(public), "auth": _base64(auth)}})
        self.browsers[path] = Browser(text, key, auth, deque(faults))
        return self.browsers[path]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    service: LoopbackPush


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "Brandloom", ""

    def do_POST(self) -> None:
        sealed = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        browser = self.server.service.browsers.get(self.path)
        status = 404 if browser is None else self._refused() or (browser.faults.popleft() if browser.faults else 201)
        if status == 0:
            self.close_connection = True
            return
        if browser is not None and status == 201:
            browser.shown.append(json.loads(unseal(sealed, receiver=browser.key, auth=browser.auth)))
            browser.headers.append(dict(self.headers))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _refused(self) -> int:
        """What is wrong with the sender's token (RFC 8292); 0 for a good one."""
        try:
            scheme, _space, fields = self.headers.get("Authorization", "").partition(" ")
            given = dict(part.strip().split("=", 1) for part in fields.split(","))
            head, claims, signature = given["t"].split(".")
            raw, key = _unbase64(signature), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _unbase64(given["k"]))
            key.verify(encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:])), f"{head}.{claims}".encode(), ec.ECDSA(SHA256()))
            told = json.loads(_unbase64(claims))
        except (ValueError, KeyError, InvalidSignature):
            return 401
        good = scheme == "vapid" and told["aud"] == self.server.service.address and str(told["sub"]).startswith("mailto:")
        return 0 if good and self.headers.get("Content-Encoding") == "aes128gcm" and self.headers.get("TTL", "").isdecimal() else 403

    def log_message(self, format: str, *args: object) -> None:
        _log.debug("loopback push service answered %s", self.command)


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
