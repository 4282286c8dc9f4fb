"""What the send queue needs of a carrier, and the carrier that keeps everything for itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from brandloom.govern import SuppressionReason

Outcome = Literal["accepted", "later", "refused", "unknown"]
ADDRESS_KIND: dict[str, Literal["email", "phone", "push"]] = {"email": "email", "sms": "phone", "push": "push"}
"""Which address of a person each channel writes to, as the vault looks it up."""


@dataclass(frozen=True)
class Message:
    """One message ready for a carrier. It holds personal data: it lives in memory only and its repr shows none."""

    message_id: str
    sender: str = field(repr=False)
    recipient: str = field(repr=False)
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Receipt:
    """What the carrier said.

    accepted: it has the message. later: it has not, and asked to try again. refused: it never will have it.
    unknown: the answer was lost after the message was handed over, so nobody can say.
    """

    outcome: Outcome
    reason: str = ""
    """Short and stable, such as '550 5.1.1'; never the carrier's own text, which tends to quote the address."""
    suppress: SuppressionReason | None = None
    """Why nothing may go to this address again, where the carrier said so: it is gone, or the person has refused there."""


class Channel(Protocol):
    """A way to people. The queue opens it, sends one message at a time, and closes it."""

    name: str
    """Name of the channel in consents, suppressions and the outbox: 'email', 'sms' ..."""
    accepts_idempotency_key: bool
    """Whether a second message with the same Message-ID is dropped by the carrier."""

    def open(self) -> None:
        """Connect. Raises ProviderError when the carrier cannot be reached."""

    def send(self, message: Message) -> Receipt:
        """Hand over one message. Raises ProviderError only when the carrier certainly got nothing and nobody can be sent to."""

    def lookup(self, message_id: str) -> bool | None:
        """Ask whether a message arrived: True, False (it did not and never will), or None where the carrier cannot tell."""

    def close(self) -> None:
        """Disconnect; never raises."""


class OutboxChannel:
    """Keeps what it was given, in memory or as one .eml file each: a dry run, and the channel of tests.

    It can be asked by Message-ID, and a message given twice is kept once.
    """

    accepts_idempotency_key = True

    def __init__(self, folder: Path | None = None, *, name: str = "email") -> None:
        self.name = name
        self._folder = folder
        self._kept: dict[str, Message] = {}

    def open(self) -> None:
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)

    def send(self, message: Message) -> Receipt:
        if self._folder is None:
            self._kept.setdefault(message.message_id, message)
        else:
            half = self._file(message.message_id).with_suffix(".part")
            half.write_bytes(message.data)
            half.replace(self._file(message.message_id))  # a reader sees a whole message or none
        return Receipt("accepted")

    def lookup(self, message_id: str) -> bool | None:
        return message_id in self._kept if self._folder is None else self._file(message_id).exists()

    def close(self) -> None:
        return None

    def __len__(self) -> int:
        return len(self._kept) if self._folder is None else sum(1 for _ in self._folder.glob("*.eml"))

    def __iter__(self) -> Iterator[bytes]:
        if self._folder is None:
            yield from (message.data for message in self._kept.values())
        else:
            yield from (file.read_bytes() for file in sorted(self._folder.glob("*.eml")))

    def _file(self, message_id: str) -> Path:
        safe = "".join(c if c.isalnum() or c in "-_.@" else "_" for c in message_id.strip("<>"))
        return (self._folder or Path()) / f"{safe}.eml"
