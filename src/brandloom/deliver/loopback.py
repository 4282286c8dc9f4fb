"""An HTTP server on loopback that runs while a `with` block does."""

from __future__ import annotations

import threading
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Generic, Self, TypeVar

Server = TypeVar("Server", bound=ThreadingHTTPServer)


class Loopback(Generic[Server]):
    """Serves in a thread of its own from the block's start to its end."""

    def __init__(self, http: Server, name: str) -> None:
        self._http = http
        self._thread = threading.Thread(target=http.serve_forever, args=(0.05,), name=name, daemon=True)

    @property
    def address(self) -> str:
        """Such as 'http://127.0.0.1:40123'."""
        return f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


__all__ = ["Loopback"]
