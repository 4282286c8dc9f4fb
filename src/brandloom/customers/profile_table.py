"""Profiles, built from all events or brought up to date from the last run.

Days pass for everybody alike, so what grows older is not stored: `profile_rows` keeps dates, sums and counts, and `profiles` is a view
that reads ages off them as of the last run. `update_profiles` computes the rows of customers who bought or changed, with the
SELECT of the full build over their events alone, moves the counted windows and the last visit of others, and leaves all other rows as
they lie. Where the last run's events are no longer what lies before us, everything is built again.

    profile_rows      what the profiles are made of, one row per customer
    profile_prices    what each product was sold for in each month
    profile_runs      the last run: its moment, the highest number of an event, what all events add up to, a digest of the rest
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import pyarrow as pa

from brandloom.customers.profiles import prices_query, references, rows_query, seen_from
from brandloom.engine import Engine, Value, read_sql, scalar, tables

WINDOWS = {"kind = 'purchase'": (14, 30, 60, 90, 180, 335, 365), "kind = 'return'": (90,),
           "kind NOT IN ('purchase', 'return', 'adjustment')": (7, 30)}
"""Days after which an event of a kind leaves (or enters) what profile_features.sql counts."""
_RUNS = pa.schema([("as_of", tables.TIME), ("seen", pa.int64()), ("sums", pa.string()), ("rest", pa.string())])
_EVENT = "customer, kind, product, occurred_at, quantity, amount, order_id"


@dataclass(frozen=True)
class ProfilesUpdated:
    """What one run did."""

    as_of: datetime
    customers: int
    computed: int
    """Customers all of whose events were read."""
    moved: int
    """Customers of whom only windows or the last visit moved."""
    full: bool


@dataclass(frozen=True)
class _Sums:
    """Lines, lines with a customer, days since 2001 and money of some events: all of it exact, so that it can be added."""

    lines: int
    named: int
    days: int
    amount: Decimal

    def __add__(self, other: _Sums) -> _Sums:
        return _Sums(self.lines + other.lines, self.named + other.named, self.days + other.days, self.amount + other.amount)

    def text(self) -> str:
        return json.dumps([self.lines, self.named, self.days, f"{self.amount:.4f}"])


@dataclass(frozen=True)
class _Run:
    as_of: datetime
    seen: int
    sums: str
    rest: str


def build_profiles(engine: Engine, as_of: datetime) -> int:
    """Make `profiles`, one row per customer known before `as_of`, and return the number of rows.

    Args:
        as_of: naive UTC; nothing that happened at or after it is looked at.
    """
    _before, run = _look(engine, as_of, -1)
    return _build(engine, run)


def update_profiles(engine: Engine, as_of: datetime, *, anew: bool = False) -> ProfilesUpdated:
    """Bring `profiles` up to `as_of`: the rows are those that `build_profiles` would write.

    Builds everything the first time, for a moment before the last one, and where more has changed than that events were added and
    customers came, left or changed: where the events of then no longer add up to what they did (lines taken away, moneys or dates
    corrected), after a change of products' categories or of who is one person, and with another version of this room.

    Args:
        as_of: naive UTC; nothing that happened at or after it is looked at.
        anew: build everything in any case; after corrections of events that leave their number, dates and money alone.
    """
    last = None if anew else _last(engine)
    before, run = _look(engine, as_of, last.seen if last else -1)
    if last is None or as_of < last.as_of or before.text() != last.sums or run.rest != last.rest:
        people = _build(engine, run)
        return ProfilesUpdated(as_of, people, people, 0, full=True)
    with engine.transaction():
        computed, moved = _find(engine, last, as_of)
        people = _renew(engine, as_of)
        _keep(engine, run)
        for table in ("passing", "touched", "moved", "events", "customers", "references", "repriced"):
            engine.drop(f"_profile_{table}")
    return ProfilesUpdated(as_of, people, computed, moved, full=False)


def _build(engine: Engine, run: _Run) -> int:
    select, values = rows_query(run.as_of)
    prices, since = prices_query(run.as_of)
    with engine.transaction():
        engine.replace("profile_prices", prices, **since)
        people = engine.replace("profile_rows", select, **values)
        _keep(engine, run)
    return people


def _find(engine: Engine, last: _Run, as_of: datetime) -> tuple[int, int]:
    """Put the customers to compute into `_profile_touched`, and what moves in the rows of others into `_profile_moved`; how many of each."""
    crossing, bounds = _crossing(last.as_of, as_of)
    engine.replace("_profile_passing", read_sql("customers", "profile_passing").format(crossing=crossing),
                   as_of=as_of, last=last.as_of, seen=last.seen, **bounds)
    repriced = _reprice(engine, as_of)
    return (engine.replace("_profile_touched", read_sql("customers", "profile_touched"), as_of=as_of, last=last.as_of, repriced=repriced),
            engine.replace("_profile_moved", read_sql("customers", "profile_moved")))


def _reprice(engine: Engine, as_of: datetime) -> datetime:
    """Bring `profile_prices` up to date from the first month with a new sale, which is returned.

    Table `_profile_repriced` gets the months of products whose sales are measured by something else than before.
    """
    first = scalar(engine, "SELECT min(occurred_at) AS first_at FROM _profile_passing WHERE ago IS NULL AND kind = 'purchase'")
    since = datetime(first.year, first.month, 1) if isinstance(first, datetime) else as_of
    engine.replace("_profile_references", references("profile_prices"))
    if since < as_of:
        select, values = prices_query(as_of, since)
        engine.replace("profile_prices", f"SELECT product, month, median, place FROM profile_prices WHERE month < $month UNION ALL "
                       f"SELECT product, month, median, place FROM ({select}) fresh", month=since.year * 12 + since.month, **values)
    engine.replace("_profile_repriced", f"SELECT old.product AS product, old.month AS month FROM _profile_references old JOIN "
                   f"({references('profile_prices')}) new ON new.product = old.product AND new.month = old.month "
                   "WHERE new.usual IS DISTINCT FROM old.usual OR new.place IS DISTINCT FROM old.place")
    return since


def _crossing(last: datetime, as_of: datetime) -> tuple[str, dict[str, Value]]:
    """SQL over `events` for those that were inside a window as of the one day and are outside as of the other, and its values."""
    if last.date() == as_of.date():
        return "FALSE", {}
    then, today = (datetime(one.year, one.month, one.day) for one in (last, as_of))
    bounds: dict[str, Value] = {}
    for days in sorted({days for windows in WINDOWS.values() for days in windows}):
        bounds |= {f"from_{days}": then - timedelta(days=days), f"to_{days}": today - timedelta(days=days)}
    either = (f"({kind} AND ({' OR '.join(f'(occurred_at >= $from_{days} AND occurred_at < $to_{days})' for days in windows)}))"
              for kind, windows in WINDOWS.items())
    any_day = " OR ".join(f"(occurred_at >= $from_{name[5:]} AND occurred_at < $to_{name[5:]})" for name in bounds if name.startswith("from_"))
    return f"(({any_day}) AND ({' OR '.join(either)}))", bounds  # days alone first: times compare faster than kinds


def _renew(engine: Engine, as_of: datetime) -> int:
    """Move the rows of `_profile_moved`, and compute those of `_profile_touched`; returns how many rows there are."""
    engine.change("profile_rows", "customer", "SELECT * FROM _profile_moved")
    touched = "customer IN (SELECT customer FROM _profile_touched)"
    engine.replace("_profile_events", f"SELECT {_EVENT} FROM events WHERE occurred_at < $as_of AND {touched}", as_of=as_of)
    engine.replace("_profile_customers", f"SELECT customer, first_seen FROM customers WHERE {touched}")
    select, values = rows_query(as_of, events="_profile_events", customers="_profile_customers")
    engine.remove("profile_rows", "customer", "_profile_touched")
    engine.append("profile_rows", select, **values)
    people = scalar(engine, "SELECT count(*) AS n FROM profile_rows")
    assert isinstance(people, int)
    return people


def _look(engine: Engine, as_of: datetime, seen: int) -> tuple[_Sums, _Run]:
    """What the events numbered up to `seen` add up to now, and the run that all that is there makes."""
    none = _Sums(0, 0, 0, Decimal(0))
    rows = engine.query(read_sql("customers", "profile_sums"), seen=seen).to_pylist()
    parts = {int(row["fresh"]): _Sums(int(row["lines"]), int(row["named"]), int(row["days"]), Decimal(row["amount"])) for row in rows}
    before, fresh = (parts.get(part, none) for part in (0, 1))
    return before, _Run(as_of, max([0, *(int(row["seen"]) for row in rows)]), (before + fresh).text(),
                        _rest(engine, rows_query(as_of)[0]))


def _rest(engine: Engine, select: str) -> str:
    """Digest of what else profiles are made of: their SELECT, the windows, the products' categories, who is one person."""
    digest = hashlib.sha256(json.dumps([select, read_sql("customers", "profile_prices"), read_sql("customers", "profile_moved"), WINDOWS]).encode())
    others = ["SELECT product, category FROM products WHERE category IS NOT NULL ORDER BY product, category"]
    if engine.exists("same_person"):
        others.append("SELECT customer, person FROM same_person ORDER BY customer")
    for other in others:
        digest.update(json.dumps(engine.query(other).to_pydict()).encode())
    return digest.hexdigest()


def _keep(engine: Engine, run: _Run) -> None:
    engine.put("profile_runs", pa.Table.from_pylist([asdict(run)], schema=_RUNS))
    engine.view("profiles", seen_from("SELECT as_of FROM profile_runs", "profile_rows"))


def _last(engine: Engine) -> _Run | None:
    """The run that `profile_rows` is of; None where there is none."""
    if not (engine.exists("profile_rows") and engine.exists("profile_runs")):
        return None
    return _Run(**engine.query("SELECT * FROM profile_runs").to_pylist()[0])
