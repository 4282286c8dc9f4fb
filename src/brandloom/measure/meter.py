"""A stage timer: seconds and peak memory of this process and its children (the language model server)."""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_EVERY_S = 0.1
_PROC = Path("/proc")


@dataclass(frozen=True)
class Stage:
    """One finished stage."""

    name: str
    seconds: float
    peak_mb: float
    """Most memory in use at once, this process and its children together, in MB (10^6 bytes); a safe upper reading."""


class Meter:
    """Collects stages one after the other: `with meter.stage("load"): ...`, then `meter.stages`."""

    def __init__(self) -> None:
        self.stages: list[Stage] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure the block; a block that fails is recorded too, and its error goes on."""
        watch = _Watch()
        start = time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - start
            self.stages.append(Stage(name, seconds, watch.stop() / 1e6))

    @property
    def seconds(self) -> float:
        return sum(stage.seconds for stage in self.stages)

    @property
    def peak_mb(self) -> float:
        return max((stage.peak_mb for stage in self.stages), default=0.0)


class _Watch:
    """Peak bytes since it was made. The kernel keeps our own peak exactly; children are sampled ten times a second."""

    def __init__(self) -> None:
        self._exact = _reset_peak()
        self._children = 0
        self._sampled = 0
        self._done = threading.Event()
        self._sample()
        self._thread = threading.Thread(target=self._run, daemon=True, name="memory")
        self._thread.start()

    def stop(self) -> int:
        self._done.set()
        self._thread.join()
        self._sample()
        if not _PROC.joinpath("self/statm").exists():
            return _rusage_peak()
        own = _own_peak() if self._exact else 0
        return max(self._sampled, own + self._children)

    def _run(self) -> None:
        while not self._done.wait(_EVERY_S):
            self._sample()

    def _sample(self) -> None:
        children = sum(_resident(pid) for pid in _descendants(os.getpid()))
        self._children = max(self._children, children)
        self._sampled = max(self._sampled, children + _resident(os.getpid()))


def _resident(pid: int) -> int:
    """Resident bytes of a process; 0 when it has ended or the system has no /proc."""
    try:
        return int(_PROC.joinpath(str(pid), "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    try:
        tasks = list(_PROC.joinpath(str(pid), "task").iterdir())
        for task in tasks:
            found += [int(child) for child in task.joinpath("children").read_text().split()]
    except OSError:
        return found
    return found + [deeper for child in found for deeper in _descendants(child)]


def _reset_peak() -> bool:
    """Start the kernel's own high-water mark anew; False where that is not allowed."""
    try:
        _PROC.joinpath("self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _own_peak() -> int:
    for line in _PROC.joinpath("self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _rusage_peak() -> int:
    """Peak of the whole life so far: all that a system without /proc tells (bytes on macOS, else kilobytes)."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
