"""Who is sending: a name that another sender can test for life, on the same machine and across a restart of it."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_live: set[str] = set()


def _read_boot() -> str:
    """This boot of the machine; empty where the system does not tell."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:8]
    return ""


def _machine() -> str:
    """Host and process namespace: two containers may share a host name and number their processes alike."""
    space = ""
    with suppress(OSError):
        space = os.readlink("/proc/self/ns/pid")[5:-1]
    return f"{socket.gethostname()[:60]}/{space}".replace(":", "-")


BOOT = _read_boot()


@contextmanager
def owning() -> Iterator[str]:
    """A name for one call of `send`: machine, boot, process, call."""
    name = f"{_machine()}:{BOOT}:{os.getpid()}:{secrets.token_hex(4)}"
    _live.add(name)
    try:
        yield name
    finally:
        _live.discard(name)


def boot_of(owner: str) -> str:
    return owner.split(":")[1]


def is_gone(owner: str) -> bool:
    """Whether that sender certainly runs no more. False for one on another machine: nobody can see it from here."""
    machine, boot, pid, _call = owner.split(":")
    if machine != _machine():
        return False
    if boot != BOOT:
        return True
    if int(pid) == os.getpid():
        return owner not in _live
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
