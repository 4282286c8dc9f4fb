"""A real mail server on loopback that keeps what it gets: the demo sends to it, and the tests make it misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import re
import tempfile
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal

from aiosmtpd.smtp import SMTP, Envelope, Session

from brandloom.deliver.smtp import SmtpChannel

Fault = Literal["ok", "421", "451", "554", "hang_up", "hang_up_stored", "silence"]
_MESSAGE_ID = re.compile(rb"(?im)^message-id:[ \t]*(?:\r\n[ \t]+)?(\S+)")
_ANSWERS = {"421": "421 4.3.2 Try again later", "451": "451 4.7.1 Greylisted", "554": "554 5.7.1 Refused"}


@dataclass(frozen=True)
class Received:
    """A message as it arrived."""

    message_id: str
    recipient: str = field(repr=False)
    data: bytes = field(repr=False)


class LoopbackSmtp:
    """An SMTP server on 127.0.0.1 in a thread of its own, while the `with` block runs.

    Messages go to a spool file, so that 100,000 of them need no memory beyond their ids.

    Args:
        spool: file to keep messages in, continued if it exists; a temporary one when left out.
        faults: per recipient, how to treat the first, second ... message to them; after these (and for everybody else) 'ok'.
            Numbers are answers to the text; 'hang_up' closes the connection instead of the last answer, 'hang_up_stored' after
            the message was kept; 'silence' keeps the connection and never answers.
        on_data: called with each recipient before the answer; lets a test act in the middle of a send.
    """

    def __init__(self, spool: Path | None = None, *, faults: Mapping[str, Iterable[Fault]] | None = None, port: int = 0,
                 on_data: Callable[[str], None] | None = None) -> None:
        self._file: BinaryIO = tempfile.TemporaryFile() if spool is None else spool.open("a+b")  # noqa: SIM115 - closed in close()
        self._lock = threading.Lock()
        self._faults = {recipient: deque(list(plan)) for recipient, plan in (faults or {}).items()}
        self._on_data = on_data
        self._sessions: dict[SMTP, asyncio.Event] = {}
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._port = port
        self._end: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="loopback-smtp", daemon=True)
        self.arrivals: Counter[str] = Counter(message.message_id for message in self.read_back())

    @property
    def url(self) -> str:
        """URL for `SmtpChannel` and `LoopbackChannel`."""
        return f"smtp://127.0.0.1:{self._port}"

    def __enter__(self) -> LoopbackSmtp:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop the server and drop its spool if it was temporary."""
        if self._end is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join()
        self._file.close()

    def __len__(self) -> int:
        return self.arrivals.total()

    def read_back(self) -> Iterator[Received]:
        """Every message kept, in the order of arrival, read from the spool one at a time."""
        place = 0
        while True:
            with self._lock:
                self._file.seek(place)
                head = self._file.readline()
                if not head.endswith(b"\n"):
                    return
                recipient, size = head.decode().rsplit(" ", 1)
                data = self._file.read(int(size))
                place = self._file.tell()
            yield Received(_message_id(data), recipient, data)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._end = asyncio.Event()
        server = await self._loop.create_server(lambda: _Protocol(self, self._loop), "127.0.0.1", self._port)
        self._port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._end.wait()
        server.close()
        for protocol in list(self._sessions):
            if protocol.transport is not None:
                protocol.transport.close()
        await asyncio.sleep(0)
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- called by aiosmtpd, on the server's loop ---

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        recipient = envelope.rcpt_tos[0]
        if self._on_data is not None:
            await self._loop.run_in_executor(None, self._on_data, recipient)
        queue = self._faults.get(recipient)
        fault = queue.popleft() if queue else "ok"
        if fault in ("ok", "hang_up_stored") and server in self._sessions:  # kept while the sender is there, or not at all
            self._keep(recipient, envelope.original_content or b"")
        if fault in ("hang_up", "hang_up_stored") and server.transport is not None:
            server.transport.close()
        if fault == "silence":
            await self._end_of(server)
        return _ANSWERS.get(fault, "250 2.0.0 Kept")

    async def handle_VRFY(self, server: SMTP, session: Session, envelope: Envelope, address: str) -> str:  # noqa: N802
        """Whether a Message-ID arrived. Says 'no' only when no connection is open that might still bring it."""
        name = f"<{address.strip('<> ')}>"
        others = [event.wait() for protocol, event in self._sessions.items() if protocol is not server]
        if not self.arrivals[name] and others:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.gather(*others), 2.0)
                others = []
        if self.arrivals[name]:
            return "250 2.1.5 Arrived"
        return "252 2.1.5 Cannot tell yet" if others else "550 5.1.1 Never arrived"

    async def _end_of(self, server: SMTP) -> None:
        await self._sessions[server].wait()

    def _keep(self, recipient: str, data: bytes) -> None:
        with self._lock:
            self._file.seek(0, 2)
            self._file.write(f"{recipient} {len(data)}\n".encode() + data)
            self._file.flush()
        self.arrivals[_message_id(data)] += 1


class _Protocol(SMTP):
    """One connection; tells the server when it is over."""

    def __init__(self, sink: LoopbackSmtp, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(sink, loop=loop, enable_SMTPUTF8=True, hostname="localhost", ident="Brandloom sink",
                         command_call_limit=10_000_000)
        self._sink = sink

    def connection_made(self, transport: Any) -> None:
        self._sink._sessions[self] = asyncio.Event()
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._sink._sessions.pop(self).set()
        super().connection_lost(error)


class LoopbackChannel(SmtpChannel):
    """SMTP to a `LoopbackSmtp`, which can be asked whether a message arrived: after a crash nothing stays uncertain."""

    def lookup(self, message_id: str) -> bool | None:
        if self._wire is None:
            self.open()
        assert self._wire is not None
        code, _reply = self._wire.docmd("VRFY", message_id)
        return {250: True, 550: False}.get(code)


def _message_id(data: bytes) -> str:
    found = _MESSAGE_ID.search(data)
    return found[1].decode("ascii", "replace") if found else ""
