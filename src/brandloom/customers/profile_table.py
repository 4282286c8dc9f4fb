"""Table `profiles`, built from all events or brought up to date from the last run.

Days pass for everybody alike: for most customers a day later only what counts days has moved on. `update_profiles` finds the others,
computes them with the SELECT of the full build over their events alone, and moves the rest on. What the last run was made of is
kept beside the table; where that is no longer what lies before us, everything is built again.

    profile_runs      the last run: its moment, the highest number of an event, what all events add up to, a digest of the rest
    profile_people    customer, first_seen, as they were then
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import pyarrow as pa

from brandloom.customers.profiles import profile_query
from brandloom.engine import Engine, Value, read_sql, scalar, tables

WINDOWS = {"kind = 'purchase'": (14, 30, 60, 90, 180, 335, 365), "kind = 'return'": (90,),
           "kind NOT IN ('purchase', 'return', 'adjustment')": (7, 30)}
"""Days after which an event of a kind leaves (or enters) what profile_features.sql counts."""
MOVED = {
    "as_of": "$as_of",
    **{name: f"p.{name} + $days" for name in ("known_days", "days_since_last", "T_days", "days_since_third_last", "days_since_visit")},
    "overdue_ratio": "CASE WHEN p.recency_days > 0 THEN (p.days_since_last + $days) * p.frequency / p.recency_days END",
    "purchase_days_per_month": "p.purchase_days * 30 / (coalesce(p.T_days + $days, 0) + 30)",
    "country": "c.country", "language": "c.language",
}
"""Columns of a profile that change while nothing happens, from the row `p` as it was, its customer `c` and the `$days` passed."""
_RUNS = pa.schema([("as_of", tables.TIME), ("seen", pa.int64()), ("sums", pa.string()), ("rest", pa.string())])
_EVENT = "customer, kind, product, occurred_at, quantity, amount, order_id"


@dataclass(frozen=True)
class ProfilesUpdated:
    """What one run did."""

    as_of: datetime
    customers: int
    computed: int
    """Customers whose events were read."""
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
    """Write table `profiles`, one row per customer known before `as_of`, and return the number of rows.

    Args:
        as_of: naive UTC; nothing that happened at or after it is looked at.
    """
    _before, run = _look(engine, as_of, -1)
    return _build(engine, run)


def update_profiles(engine: Engine, as_of: datetime, *, anew: bool = False) -> ProfilesUpdated:
    """Bring table `profiles` up to `as_of`: the rows are those that `build_profiles` would write.

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
        return ProfilesUpdated(as_of, people, people, full=True)
    with engine.transaction():
        touched = _find_touched(engine, last, as_of)
        people = _move(engine, last, as_of)
        _keep(engine, run)
        for table in ("_profile_touched", "_profile_events", "_profile_customers"):
            engine.drop(table)
    return ProfilesUpdated(as_of, people, touched, full=False)


def _build(engine: Engine, run: _Run) -> int:
    select, values = profile_query(run.as_of)
    with engine.transaction():
        people = engine.replace("profiles", select, **values)
        _keep(engine, run)
    return people


def _find_touched(engine: Engine, last: _Run, as_of: datetime) -> int:
    """Put the customers to compute into `_profile_touched`; returns how many."""
    crossing, bounds = _crossing(last.as_of, as_of)
    return engine.replace("_profile_touched", read_sql("customers", "profile_touched").format(crossing=crossing),
                          as_of=as_of, last=last.as_of, seen=last.seen, **bounds)


def _crossing(last: datetime, as_of: datetime) -> tuple[str, dict[str, Value]]:
    """SQL over `events` for those that were inside a window as of the one day and are outside as of the other."""
    if last.date() == as_of.date():
        return "FALSE", {}
    then, today = (datetime(one.year, one.month, one.day) for one in (last, as_of))
    bounds: dict[str, Value] = {}
    for days in sorted({days for windows in WINDOWS.values() for days in windows}):
        bounds |= {f"from_{days}": then - timedelta(days=days), f"to_{days}": today - timedelta(days=days)}
    either = (f"({kind} AND ({' OR '.join(f'(occurred_at >= $from_{days} AND occurred_at < $to_{days})' for days in windows)}))"
              for kind, windows in WINDOWS.items())
    return f"({' OR '.join(either)})", bounds


def _move(engine: Engine, last: _Run, as_of: datetime) -> int:
    """Write `profiles` anew: the rows of `_profile_touched` computed, all others moved on by the days passed."""
    touched = "customer IN (SELECT customer FROM _profile_touched)"
    engine.replace("_profile_events", f"SELECT {_EVENT} FROM events WHERE occurred_at < $as_of AND {touched}", as_of=as_of)
    engine.replace("_profile_customers", f"SELECT customer, first_seen FROM customers WHERE {touched}")
    select, values = profile_query(as_of, events="_profile_events", customers="_profile_customers")
    names = engine.query("SELECT * FROM profiles WHERE 1 = 0").column_names
    moved = ", ".join(f"{MOVED.get(name, f'p.{name}')} AS {name}" for name in names)
    return engine.replace("profiles", f"SELECT {moved} FROM profiles p LEFT JOIN customers c ON c.customer = p.customer "
                          f"LEFT JOIN _profile_touched t ON t.customer = p.customer WHERE t.customer IS NULL "
                          f"UNION ALL SELECT {', '.join(names)} FROM ({select}) computed",
                          days=float((as_of.date() - last.as_of.date()).days), **values)


def _look(engine: Engine, as_of: datetime, seen: int) -> tuple[_Sums, _Run]:
    """What the events numbered up to `seen` add up to now, and the run that all that is there makes."""
    none = _Sums(0, 0, 0, Decimal(0))
    rows = engine.query(read_sql("customers", "profile_sums"), seen=seen).to_pylist()
    parts = {int(row["fresh"]): _Sums(int(row["lines"]), int(row["named"]), int(row["days"]), Decimal(row["amount"])) for row in rows}
    before, fresh = (parts.get(part, none) for part in (0, 1))
    return before, _Run(as_of, max([0, *(int(row["seen"]) for row in rows)]), (before + fresh).text(),
                        _rest(engine, profile_query(as_of)[0]))


def _rest(engine: Engine, select: str) -> str:
    """Digest of what else profiles are made of: their SELECT, how rows are moved on, the products' categories, who is one person."""
    digest = hashlib.sha256(json.dumps([select, MOVED, WINDOWS]).encode())
    others = ["SELECT product, category FROM products WHERE category IS NOT NULL ORDER BY product, category"]
    if engine.exists("same_person"):
        others.append("SELECT customer, person FROM same_person ORDER BY customer")
    for other in others:
        digest.update(json.dumps(engine.query(other).to_pydict()).encode())
    return digest.hexdigest()


def _keep(engine: Engine, run: _Run) -> None:
    engine.replace("profile_people", "SELECT customer, first_seen FROM customers")
    engine.put("profile_runs", pa.Table.from_pylist([asdict(run)], schema=_RUNS))


def _last(engine: Engine) -> _Run | None:
    """The run that `profiles` is of; None where there is none, or another hand has written the table since."""
    if not (engine.exists("profiles") and engine.exists("profile_runs")):
        return None
    run = _Run(**engine.query("SELECT * FROM profile_runs").to_pylist()[0])
    return run if scalar(engine, "SELECT max(as_of) AS as_of FROM profiles") == run.as_of else None
