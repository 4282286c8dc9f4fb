"""Loading a shop's files: everything of every file, or nothing."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from uuid import uuid4

from sqlalchemy import Connection, insert

from brandloom.engine import Engine
from brandloom.errors import DataError
from brandloom.govern import Vault
from brandloom.i18n import _
from brandloom.ledger import Ledger
from brandloom.ledger.schema import loads
from brandloom.sources.columns import KINDS
from brandloom.sources.dates import ORDERS
from brandloom.sources.encodings import examine
from brandloom.sources.formats import open_source
from brandloom.sources.happenings import load_happenings
from brandloom.sources.lists import load_list
from brandloom.sources.reports import FileReport, LoadReport
from brandloom.sources.transfer import staging_engine
from brandloom.sources.work import Job, Misread, Outcome
from brandloom.workspace import Workspace

Kind = Literal["orders", "events", "products", "customers", "documents"]
Progress = Callable[[str, float], None]


class _DryRun(Exception):
    """Takes everything back at the end of a dry run."""


@dataclass
class _Done:
    report: FileReport
    outcome: Outcome
    rejects: Path | None
    id: str
    fingerprint: str
    """SHA-256 of the file as it was handed over."""


def load(engine: Engine, ledger: Ledger, vault: Vault, workspace: Workspace, files: Iterable[Path | str], *, kind: Kind,
         mapping: Mapping[str, str] | None = None, date_order: str | None = None, dry_run: bool = False, now: datetime,
         progress: Progress | None = None) -> LoadReport:
    """Load files of one kind into the canonical tables.

    Personal columns go to the vault, refused rows to a reject file, and what was loaded before stays as it is. All files come
    in or none: the warehouse commits first, then the ledger, and a load repeated after a crash between the two mends it.

    Args:
        kind: what the rows are.
        mapping: canonical column -> heading, where recognition needs help.
        date_order: 'dmy', 'mdy' or 'ymd', where the dates of a file leave it open.
        dry_run: count and judge as usual, then take everything back; no reject file is left.
        now: the present, with its zone; later dates are refused.
        progress: told the stage and its share done, from 0 to 1.
    Returns:
        A report per file; in each `rows_read == rows_new + rows_known + rows_refused`.
    Raises:
        DataError: a file that cannot be read as this kind; names the file, the column and what to do.
    """
    started = time.monotonic()
    paths = [Path(file) for file in files]
    if kind not in KINDS:
        raise DataError(_("Unknown kind '{kind}'. Known: {known}."), kind=kind, known=", ".join(KINDS))
    if date_order not in {None, *ORDERS}:
        raise DataError(_("Unknown date order '{order}'. Known: {known}."), order=date_order, known=", ".join(ORDERS))
    if not paths:
        raise DataError(_("No file was named. Known kinds of file: .csv, .tsv, .jsonl, .parquet, .xlsx."))
    scratch = _scratch(workspace)
    done: list[_Done] = []
    try:
        with ExitStack() as after, engine.as_loaded(), staging_engine(engine) as staging, engine.transaction():
            for number, path in enumerate(paths):
                tell = _part(progress, number, len(paths))
                with ThreadPoolExecutor(2) as beside:
                    job = Job(engine, staging, vault, workspace.config.zone, kind, dict(mapping or {}), date_order,
                              now.astimezone(UTC).replace(tzinfo=None), uuid4().hex, number, tell, beside, beside.submit(examine, path))
                    done.append(_load_one(job, path, scratch))
            ledger_rows = after.enter_context(ledger.begin())  # opened last, committed after the warehouse
            for one in done:
                _write_ledger(ledger_rows, vault, one, kind, now)
            if dry_run:
                raise _DryRun
    except _DryRun:
        done = [_with_rejects(one, None) for one in done]
    else:
        done = [_with_rejects(one, _publish(one, workspace)) for one in done]
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return LoadReport(kind, tuple(one.report for one in done), time.monotonic() - started, dry_run)


def _load_one(job: Job, path: Path, scratch: Path) -> _Done:
    job.tell("read", 0.0)
    plain_name = re.sub(r"[^\w.-]+", "_", path.name)
    rejects = scratch / f"{job.load_id[:8]}-{plain_name}.rejects.csv"
    bring_in = load_happenings if job.kind in {"orders", "events"} else load_list
    source = open_source(job.staging.connection, path, scratch, guess=True)
    try:
        outcome = bring_in(job, source, rejects)
    except (DataError, Misread):
        if not source.guessed or job.content.result().utf8:
            raise
        outcome = bring_in(job, open_source(job.staging.connection, path, scratch), rejects)
    job.tell("done", 1.0)
    written = rejects if outcome.report.rows_refused else None
    return _Done(outcome.report, outcome, written, job.load_id, job.content.result().sha256)


def _write_ledger(connection: Connection, vault: Vault, one: _Done, kind: str, now: datetime) -> None:
    report = one.report
    one.outcome.write_ledger(connection, vault, now)
    detail = {"reasons": report.reasons, "notes": report.notes, "mapping": report.mapping, "personal": report.personal}
    connection.execute(insert(loads), [{
        "id": one.id, "kind": kind, "source": report.source, "fingerprint": one.fingerprint, "rows_read": report.rows_read,
        "rows_new": report.rows_new, "rows_known": report.rows_known, "rows_refused": report.rows_refused,
        "rejects": one.rejects.name if one.rejects else None, "detail": json.dumps(detail, ensure_ascii=False), "at": now}])


def _publish(one: _Done, workspace: Workspace) -> Path | None:
    return Path(shutil.move(one.rejects, workspace.rejects / one.rejects.name)) if one.rejects else None


def _with_rejects(one: _Done, path: Path | None) -> _Done:
    """The same with the reject file's final place in its report."""
    return replace(one, report=replace(one.report, rejects=path))


def _scratch(workspace: Workspace) -> Path:
    """A folder of this load alone; what an interrupted load left behind goes first."""
    home = workspace.folder("tmp")
    for old in home.glob("load-*"):
        shutil.rmtree(old, ignore_errors=True)
    place = home / f"load-{uuid4().hex}"
    place.mkdir(mode=0o700)
    return place


def _part(progress: Progress | None, number: int, total: int) -> Progress:
    def tell(stage: str, done: float) -> None:
        if progress is not None:
            progress(stage, (number + done) / total)
    return tell


__all__ = ["Kind", "Progress", "load"]
