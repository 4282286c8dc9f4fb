"""What the commands share: the two consoles, help with an example, progress bars, files, days and horizons to read."""

from __future__ import annotations

import getpass
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from brandloom.errors import ConfigError
from brandloom.i18n import _, say, set_language

if TYPE_CHECKING:
    from brandloom.content import studio

# Help texts are rendered when this module is read, so the language has to be known first.
set_language(os.environ.get("BRANDLOOM_LANGUAGE") or os.environ.get("LC_ALL") or os.environ.get("LANG") or "en")

out = Console()
err = Console(stderr=True)


def command(app: typer.Typer, name: str, what: str, example: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command whose help names what it does and one example that runs."""
    return app.command(name, help=f"{say(what)}\n\n{say(_('Example: {command}'), command=example)}")


def user() -> str:
    """Who uses this machine, where a command is not told a name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container whose user has no name
        return f"user {os.getuid()}"


@contextmanager
def bars() -> Iterator[Callable[[str, float], None]]:
    """Progress bars on standard error, one per stage; the room calls `progress(stage, share done)`."""
    if not err.is_terminal:
        yield _line_per_stage()
        return
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=30), TextColumn("{task.percentage:>3.0f} %"), TimeElapsedColumn())
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=err, transient=False) as bars:
        def progress(stage: str, done: float) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(say(stage), total=1.0)
            bars.update(tasks[stage], completed=min(done, 1.0))
        yield progress


def _line_per_stage() -> Callable[[str, float], None]:
    """For a log file: one line when a stage is done, with its seconds."""
    begun: dict[str, float] = {}

    def progress(stage: str, done: float) -> None:
        begun.setdefault(stage, time.monotonic())
        if done >= 1.0 and begun[stage] > 0:
            err.print(say(_("{stage}: done in {seconds} s"), stage=say(stage), seconds=f"{time.monotonic() - begun[stage]:.1f}"), highlight=False)
            begun[stage] = -1.0
    return progress


@contextmanager
def opened(file: Path) -> Iterator[TextIO]:
    """The lines of a file; - is standard input."""
    if str(file) == "-":
        yield sys.stdin
        return
    if not file.is_file():
        raise ConfigError(_("{file} is not there. Check the name and the folder."), file=file)
    with file.open(encoding="utf-8-sig") as lines:
        try:
            yield lines
        except UnicodeDecodeError as error:
            raise ConfigError(_("{file} cannot be read as UTF-8 text: {reason}."), file=file, reason=error.reason) from error


def put(text: str, target: Path | None) -> None:
    """Write a result; where the file cannot be written, paid work goes to standard output instead of being lost."""
    if target is None:
        sys.stdout.write(text)
        return
    try:
        target.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        sys.stdout.write(text)
        raise ConfigError(_("{file} cannot be written: {reason}. The result is on standard output instead."), file=target,
                          reason=error.strerror or error) from error


def copy_kind(given: str | None, target: Path | None) -> studio.Kind:
    """The kind of file of copy, before anything is paid; and whether there is a place for it."""
    from brandloom.content import studio
    if target is not None and not target.parent.is_dir():
        raise ConfigError(_("There is no folder {path} for --out. Make it, or choose another."), path=target.parent)
    if target is not None and target.is_dir():
        raise ConfigError(_("{path} is a folder. Name a file for --out."), path=target)
    if given is not None:
        return studio.kind_of(Path(f"--format .{given}"))
    return studio.kind_of(target) if target is not None and target.suffix and str(target) != os.devnull else "json"


def day(text: str | None) -> datetime | None:
    """The day a person wrote, or None."""
    return None if text is None else required_day(text)


def required_day(text: str) -> datetime:
    """The day a person wrote, such as 2011-11-09."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError as error:
        raise ConfigError(_("'{given}' is not a date. Write it like 2011-11-09."), given=text) from error


def days(text: str) -> int:
    """The number of days a person wrote, such as 30d."""
    number = text.removesuffix("d")
    if not number.isdigit() or not 1 <= int(number) <= 730:
        raise ConfigError(_("'{given}' is not a horizon. Write days from 1d to 730d, such as 30d."), given=text)
    return int(number)
