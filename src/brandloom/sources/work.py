"""One file on its way: stage, parse, judge, append; the same steps for every kind, with what differs in its own module."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from brandloom.engine import DuckEngine, Engine
from brandloom.govern import Consent, Person, Vault, record
from brandloom.sources.columns import KINDS, PRODUCT_NAME, Column, match_columns
from brandloom.sources.encodings import Content
from brandloom.sources.formats import Source, literal
from brandloom.sources.people import keep_people, mask_free_text, mask_own_names, people, personal_columns, sample_values, tell_people_apart
from brandloom.sources.reports import FileReport
from brandloom.sources.staging import Staged, parse, plain_columns, stage, written_with_commas

NAMES = ("first_name", "last_name", "full_name")
FREE_TEXT = ("country", "channel", "campaign", "language", "category", "name", "description", "title", "text")


class Misread(Exception):
    """The file is not in the encoding that its first piece let one expect; nothing of it is in the warehouse yet."""


@dataclass(frozen=True)
class Job:
    """What loading one file needs."""

    engine: Engine
    staging: DuckEngine
    vault: Vault
    zone: ZoneInfo
    kind: str
    mapping: dict[str, str]
    date_order: str | None
    now: datetime
    """Naive UTC."""
    load_id: str
    number: int
    tell: Callable[[str, float], None]
    beside: Executor
    """For Python's work while DuckDB is busy, and the other way round: a query holds no lock of Python's."""
    content: Future[Content]
    """Of the whole file, examined beside the scan."""

    def sql(self, text: str, **values: Any) -> None:
        self.staging.connection.execute(text, values or None)

    def rows(self, text: str) -> list[tuple[Any, ...]]:
        return self.staging.connection.execute(text).fetchall()

    def count(self, text: str) -> int:
        return int(self.rows(text)[0][0])


@dataclass(frozen=True)
class Layout:
    """Which column of a file is what."""

    source: Source
    positions: dict[str, int]
    personal: dict[int, str]
    others: tuple[int, ...]
    plain: frozenset[str]
    """Canonical columns that DuckDB's CSV reader can most likely convert by itself."""
    keyed_by: str
    """'id', or 'email' or 'phone' where that is what the customer column holds."""
    doubtful: tuple[str, ...] = ()
    """Canonical id columns whose values look personal, e.g. order numbers made of addresses: masked like free text."""

    def report(self, staged: Staged, **counts: Any) -> FileReport:
        columns = self.source.columns
        return FileReport(
            self.source.name, self.source.format, self.source.encoding,
            rows_read=staged.records + len(staged.broken),
            mapping={name: columns[at] for name, at in self.positions.items()},
            personal={columns[at]: kind for at, kind in self.personal.items()},
            kept=tuple(columns[at] for at in self.others), **counts)


@dataclass(frozen=True)
class Outcome:
    """What loading one file brought, and what the ledger is still to get."""

    report: FileReport
    persons: Callable[[], Iterable[Person]] = field(default=lambda: ())
    consents: Callable[[], Iterable[Consent]] = field(default=lambda: ())

    def write_ledger(self, connection: Connection, vault: Vault, now: datetime) -> None:
        """Seal the people and record the consents inside the caller's transaction."""
        vault.seal(self.persons(), now=now, connection=connection)
        record(connection, self.consents(), now=now)


def lay_out(job: Job, source: Source) -> Layout:
    """Recognise the columns of a file; personal ones are never anything else, except as the key of a customer."""
    sample = sample_values(job.staging, source)
    personal = {source.columns.index(heading): kind for heading, kind in personal_columns(source, sample).items()}
    contact = next((at for kind in ("email", "phone") for at, found in personal.items() if found == kind), None)
    barred = {at for at, kind in personal.items() if kind in {"first_name", "last_name", "full_name"}}
    stand_in = {"customer": source.columns[contact]} if contact is not None and "customer" in KINDS[job.kind] else {}
    positions = match_columns(job.kind, source.columns, job.mapping, file=source.name, stand_in=stand_in, not_customer=barred)
    used = set(positions.values())
    key = positions.get("customer")
    born = positions.get("birth_date")
    hidden = {at: kind for at, kind in personal.items() if at not in used or at in {key, born}}
    if born is not None:
        hidden[born] = "other"
    others = tuple(at for at in range(len(source.columns)) if at not in used and at not in hidden)
    if job.kind != "products":
        about_one = tell_people_apart({at: sample[at] for at in others}, sample[key] if key is not None else None)
        hidden |= dict.fromkeys(about_one, "other")
        others = tuple(at for at in others if at not in about_one)
    keyed_by = hidden.get(key, "id") if key is not None else "id"
    doubtful = tuple(name for name, at in positions.items() if at in personal and at not in hidden and KINDS[job.kind][name].reads == "id")
    plain = plain_columns(source, positions, KINDS[job.kind], sample)
    return Layout(source, positions, hidden, others, plain, keyed_by if keyed_by in {"email", "phone"} else "id", doubtful)


def read_rows(job: Job, layout: Layout, also: Iterable[int] = (), made: Mapping[str, str] | None = None) -> Staged:
    """Stage and parse a file; afterwards the view `parsed` is there and its free text is masked.

    Args:
        also: positions of further columns.
        made: further columns as SQL over the canonical ones.
    Raises:
        Misread: before anything but temporary tables was made.
    """
    source = layout.source
    wanted = [*layout.others, *layout.personal, *also]
    columns = _columns(job, layout)
    staged = stage(job.staging, source, layout.positions, columns, wanted, job.zone, plain=layout.plain, also=made)
    if source.guessed and not job.content.result().utf8:
        raise Misread
    commas = written_with_commas(job.staging, staged)
    if commas:
        staged = stage(job.staging, source, layout.positions, columns, wanted, job.zone, careful=commas, also=made)
    texts = [name for name in (*FREE_TEXT, *layout.doubtful) if name in layout.positions and columns[name].reads != "label"]
    texts += [f"c{at}" for at in layout.others if source.types[at] == "text"]
    mask_own_names(job.staging, "staged", texts, [f"c{at}" for at, kind in layout.personal.items() if kind in NAMES])
    mask_free_text(job.staging, "staged", texts)
    job.tell("parse", 0.4)
    parse(job.staging, staged, job.date_order, job.zone)
    return staged


def _columns(job: Job, layout: Layout) -> Mapping[str, Column]:
    """What to read how: where orders have names of products only, the name is the product's id too."""
    columns = KINDS[job.kind]
    return columns | {"name": PRODUCT_NAME} if job.kind == "orders" and "product" not in layout.positions else columns


def properties_of(layout: Layout, extra: Iterable[str] = ()) -> str:
    """SQL over `parsed` for a JSON object of the columns no canonical one stands for, empty cells left out; NULL when all are.

    Args:
        extra: further members as SQL, "'name', value".
    """
    members = [f"{literal(layout.source.columns[at])}, p.c{at}" for at in layout.others] + list(extra)
    if not members:
        return "CAST(NULL AS VARCHAR)"
    return f"nullif(CAST(json_merge_patch('{{}}', json_object({', '.join(members)})) AS VARCHAR), '{{}}')"


def seal_later(job: Job, layout: Layout) -> Callable[[], Iterable[Person]]:
    """Keep the personal columns of this file until the ledger is written; those of rows that belong to no customer are kept nowhere."""
    if not layout.personal or "customer" not in layout.positions:
        return lambda: ()
    table = f"people_{job.number}"
    job.tell("vault", 0.8)
    keep_people(job.staging, table, layout.personal)
    return lambda: people(job.staging, table, layout.source, layout.personal)
