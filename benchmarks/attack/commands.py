"""Commands run as processes of their own, a mail server that asks for a password, and what both leave behind."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


@dataclass
class Trace:
    """Everything a run of commands left behind."""

    output: dict[str, bytes] = field(default_factory=dict)
    """What each command printed."""
    processes: set[bytes] = field(default_factory=set)
    """Command lines seen in the list of processes meanwhile."""
    mails: list[bytes] = field(default_factory=list)
    seconds: float = 0.0


class Sink:
    """A mail server that asks for a password; an answer to a wrong one repeats it, as careless servers do."""

    def __init__(self, password: str, mails: list[bytes]) -> None:
        self.password, self.mails = password, mails

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, login: Any) -> AuthResult:
        return AuthResult(success=login.password.decode() == self.password, handled=False)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.mails.append(envelope.content)
        return "250 2.0.0 Kept"


@contextlib.contextmanager
def mail_server(password: str, mails: list[bytes]) -> Iterator[str]:
    """A mail server on loopback; gives host:port."""
    sink = Sink(password, mails)
    controller = Controller(sink, hostname="127.0.0.1", port=0, authenticator=sink.authenticate, auth_required=True, auth_require_tls=False)
    with contextlib.suppress(OSError):  # it looks for itself on port 0
        controller.start()
    server = controller.server
    assert server is not None
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        controller.stop()


class Commands:
    """Runs commands as processes of their own and keeps all they say; looks at the list of processes while they run."""

    def __init__(self, environment: Mapping[str, str], trace: Trace) -> None:
        self.environment, self.trace = {**os.environ, **environment}, trace

    def __call__(self, *words: object, fails: bool = False, given: bytes | None = None) -> bytes:
        command = [sys.executable, "-m", "brandloom.cli", *map(str, words)]
        process = subprocess.Popen(command, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        over = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(over,))
        watcher.start()
        out, problems = process.communicate(given)
        over.set()
        watcher.join()
        self.trace.output[f"{len(self.trace.output):02} {' '.join(map(str, words[:1]))}"] = out + b"\n" + problems
        if (process.returncode != 0) != fails:
            raise SystemExit(f"{' '.join(map(str, words))}: exit {process.returncode}\n{(out + problems).decode()[-3000:]}")
        return out

    def _watch(self, over: threading.Event) -> None:
        while not over.wait(0.05):
            for place in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    line = place.read_bytes()
                    if b"brandloom" in line:
                        self.trace.processes.add(line)
