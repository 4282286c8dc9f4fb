"""Requests to a gateway over HTTP that tell apart what certainly did not arrive from what nobody can know."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from brandloom.deliver.smtp import is_loopback

_MOST_BYTES = 1_000_000
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol, httpx2.ProxyError)


class NotSentError(Exception):
    """No connection: the gateway certainly got nothing."""


class NoAnswerError(Exception):
    """The request may have been read and worked on, but no whole answer came."""


@dataclass(frozen=True)
class Answer:
    """What a gateway said."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def json(self) -> dict[str, Any]:
        """The answer's JSON object; empty where it is none."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


class Wire:
    """A client that speaks TLS to every host but this machine, follows no redirect and reads no more than an answer can be long.

    Args:
        timeout_s: longest silence of the other side.
    """

    def __init__(self, *, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._clients: dict[bool, httpx2.Client] = {}

    def ask(self, method: str, url: str, *, headers: Mapping[str, str] | None = None, auth: tuple[str, str] | None = None,
            params: Mapping[str, str] | None = None, content: bytes = b"") -> Answer:
        """One request and its answer, whatever its status.

        Raises:
            NotSentError, NoAnswerError: see there. Neither holds the address, which may be a secret.
        """
        parsed = httpx2.URL(url)
        near = is_loopback(parsed.host)
        if parsed.scheme != "https" and not near:
            raise NotSentError("no TLS")
        try:
            with self._client(near).stream(method, parsed, params=params, content=content, headers=headers, auth=auth) as answer:
                body = b""
                for piece in answer.iter_bytes():
                    body += piece
                    if len(body) > _MOST_BYTES:
                        raise NoAnswerError("endless")
                return Answer(answer.status_code, dict(answer.headers), body)
        except _NOT_SENT as error:
            raise NotSentError(type(error).__name__) from None
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            raise NoAnswerError(type(error).__name__) from None

    def close(self) -> None:
        """Disconnect; never raises. A later request connects anew."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            client.close()

    def _client(self, near: bool) -> httpx2.Client:
        """Proxies are for other machines: a request to this one must not leave it."""
        if near not in self._clients:
            self._clients[near] = httpx2.Client(timeout=self._timeout_s, follow_redirects=False, trust_env=not near)
        return self._clients[near]


def base_url(host: str, port: int | None) -> str:
    """Where a gateway is: TLS, but for this machine."""
    return f"{'http' if is_loopback(host) else 'https'}://{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}"
