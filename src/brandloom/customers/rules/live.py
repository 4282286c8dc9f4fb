"""Membership kept up to date: an event concerns its customer, midnight concerns those whose date has come, and nobody else is looked at.

`refresh` evaluates everybody and lays the tables of the state, sorted by customer, so that one person's rows lie in one block that
an engine finds by its bounds. `update` appends: the new events, the new state of those concerned, and who entered or left.

    segment_people, segment_lines    what rules read, by customer
    segment_state                    customer, run, a Boolean per rule, due; the row of the last run counts
    segment_due                      due, customer, sorted by due: whom time alone may move, and when
    segment_changes                  segment, customer, entered (false: left), changed_at
    segment_runs                     what the state was made of, one row a run
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from brandloom.customers.rules.compile import compile_rules, fields_used, lines_select, orders_select, people_select, raw_lines
from brandloom.customers.rules.evaluate import check_learned
from brandloom.customers.rules.expression import Condition, rule_to_json
from brandloom.engine import Engine, scalar, tables
from brandloom.errors import DataError, StateError
from brandloom.i18n import _

PART = 250_000
"""Customers evaluated at a time: bounds the memory of the sums, whatever the number of customers and rules."""
CHANGES = pa.schema([("segment", pa.string()), ("customer", pa.string()), ("entered", pa.bool_()), ("changed_at", tables.TIME)])
_RUNS = pa.schema([("run", pa.int64()), ("as_of", tables.TIME), ("digest", pa.string()), ("learned", pa.string()), ("seen", pa.int64())])
_EVERYBODY = "SELECT customer FROM customers UNION SELECT customer FROM events WHERE customer IS NOT NULL"
_LINES = "customer, occurred_at, kind, product, category, quantity, amount, order_id"


@dataclass(frozen=True)
class Updated:
    """What one evaluation did."""

    as_of: datetime
    evaluated: int
    """Customers looked at."""
    entered: int
    left: int
    full: bool


@dataclass(frozen=True)
class _Run:
    run: int
    as_of: datetime
    digest: str
    learned: str
    seen: int


def refresh(engine: Engine, rules: Mapping[str, Condition], as_of: datetime) -> Updated:
    """Evaluate all rules for everybody and lay the state anew; entries and leavings since the state before are recorded.

    The first evaluation of a rule records no entries: nobody knows when its members entered.

    Args:
        rules: by name, their segments resolved.
    """
    last = _last(engine)
    before = _names(last) if last else []
    used = fields_used(rules)
    learned = json.dumps(check_learned(engine, used, as_of))
    seen = int(str(scalar(engine, "SELECT max(event) AS event FROM events") or 0))
    with engine.transaction():
        engine.replace("segment_people", f"{people_select(used, _EVERYBODY)} ORDER BY customer")
        engine.replace("segment_lines", f"SELECT {_LINES} FROM ({lines_select()}) every ORDER BY customer")
        people = _evaluate_parts(engine, rules, as_of)
        changed = _record(engine, list(rules), before, as_of) if last else (0, 0)
        engine.replace("segment_state", "SELECT * FROM _segment_fresh ORDER BY customer")
        engine.drop("_segment_fresh")
        engine.replace("segment_due", "SELECT due, customer FROM segment_state WHERE due IS NOT NULL ORDER BY due")
        _ensure_changes(engine)
        _keep_run(engine, _Run(1, as_of, _digest(rules), learned, seen), anew=True)
    return Updated(as_of, people, *changed, full=True)


def update(engine: Engine, rules: Mapping[str, Condition], now: datetime, *, customers: Sequence[str] = ()) -> Updated:
    """Bring the membership up to `now` (naive UTC): new events since the last run, customers whose due moment came, and `customers`.

    Evaluates everybody where no state fits: the first time, after a rule changed, and after `learn` wrote a field that a rule uses.

    Args:
        customers: further ones whose own fields changed.
    Raises:
        StateError: `now` is before the last run; a state knows no way back.
    """
    last = _last(engine)
    used = fields_used(rules)
    if last is None or last.digest != _digest(rules) or last.learned != json.dumps(check_learned(engine, used, now)):
        return refresh(engine, rules, now)
    if now < last.as_of:
        raise StateError(_("Segments stand at {last}, later than {now}. Update them as of a later moment, or use `brandloom segments eval --as-of`."),
                         last=last.as_of, now=now)
    seen = int(str(scalar(engine, "SELECT max(event) AS event FROM events WHERE event > $seen", seen=last.seen) or last.seen))
    with engine.transaction():
        if seen > last.seen:
            engine.put("_segment_new", engine.query("SELECT * FROM events WHERE event > $seen AND customer IS NOT NULL", seen=last.seen))
            engine.append("segment_lines", raw_lines("_segment_new"))
        found = _concerned(engine, last, seen > last.seen, now, customers)
        if not found:
            _keep_run(engine, _Run(last.run + 1, now, last.digest, last.learned, seen))
            return Updated(now, 0, 0, 0, full=False)
        entered, left = _move(engine, rules, used, now, last.run + 1)
        _keep_run(engine, _Run(last.run + 1, now, last.digest, last.learned, seen))
    return Updated(now, found, entered, left, full=False)


def members(engine: Engine, name: str) -> list[str]:
    """Customers in a segment as of the last run, sorted.

    Raises:
        StateError: the segment has not been evaluated.
    """
    at = _place(engine, name)
    return list(engine.query(f"SELECT customer FROM ({_latest(f'm{at}')}) latest WHERE m{at} ORDER BY customer")["customer"].to_pylist())


def segments_of(engine: Engine, customer: str) -> list[str]:
    """Names of the segments that a customer is in as of the last run."""
    last = _last(engine)
    names = _names(last) if last else []
    if not names:
        return []
    flags = [f"m{at}" for at in range(len(names))]
    rows = engine.query(_latest(*flags, where="customer = $customer"), customer=customer).to_pylist()
    return [name for name, flag in zip(names, flags, strict=True) if rows and rows[0][flag]]


def sizes(engine: Engine) -> dict[str, int]:
    """Members of every segment as of the last run."""
    last = _last(engine)
    if last is None or not _names(last):
        return {}
    names = _names(last)
    flags = [f"m{at}" for at in range(len(names))]
    sums = ", ".join(f"sum(CASE WHEN {flag} THEN 1 ELSE 0 END) AS {flag}" for flag in flags)
    row = engine.query(f"SELECT {sums} FROM ({_latest(*flags)}) latest").to_pylist()[0]
    return {name: int(row[flag] or 0) for name, flag in zip(names, flags, strict=True)}


def stands_at(engine: Engine) -> datetime | None:
    """Moment of the last run; None before the first."""
    last = _last(engine)
    return None if last is None else last.as_of


def changes(engine: Engine, *, since: datetime) -> list[dict[str, object]]:
    """Entries and leavings from `since` on, oldest first: segment, customer, entered, changed_at."""
    _ensure_changes(engine)
    return list(engine.query("SELECT segment, customer, entered, changed_at FROM segment_changes WHERE changed_at >= $since "
                             "ORDER BY changed_at, segment, customer", since=since).to_pylist())


def _evaluate_parts(engine: Engine, rules: Mapping[str, Condition], as_of: datetime) -> int:
    """State of everybody into `_segment_fresh`, one range of customers after the other; returns the number of customers."""
    bounds = engine.query("SELECT customer FROM (SELECT customer, row_number() OVER (ORDER BY customer) AS place FROM segment_people) placed "
                          "WHERE place % $part = 1 ORDER BY customer", part=PART)["customer"].to_pylist()
    if not bounds:
        raise DataError(_("No customer is known before {as_of}. Load orders or customers first: `brandloom load`."), as_of=as_of)
    for number, low in enumerate(bounds):
        high = bounds[number + 1] if number + 1 < len(bounds) else None
        where = "customer >= $low" + (" AND customer < $high" if high else "")
        made = compile_rules(rules, as_of, people="segment_people", lines="segment_lines", where=where)
        values = made.values | {"low": low} | ({"high": high} if high else {})
        write = engine.append if number else engine.replace
        write("_segment_fresh", _state(rules, made.select, 1), **values)
    return int(str(scalar(engine, "SELECT count(*) AS n FROM segment_people")))


def _state(rules: Mapping[str, Condition], select: str, run: int) -> str:
    flags = "".join(f", m{at}" for at in range(len(rules)))
    return f"SELECT customer, CAST({run} AS BIGINT) AS run{flags}, due FROM ({select}) evaluated"


def _concerned(engine: Engine, last: _Run, arrived: bool, now: datetime, customers: Sequence[str]) -> int:
    """Put the customers to look at into `_segment_keys`; returns how many. What was due before the last run was looked at then."""
    engine.put("_segment_given", pa.table({"customer": pa.array(list(customers), pa.string())}))
    new = "UNION SELECT customer FROM _segment_new" if arrived else ""
    return engine.replace("_segment_keys", f"SELECT customer FROM segment_due WHERE due BETWEEN $last AND $now {new} "
                          "UNION SELECT customer FROM _segment_given", last=last.as_of, now=now)


def _move(engine: Engine, rules: Mapping[str, Condition], used: list[str], now: datetime, run: int) -> tuple[int, int]:
    """Evaluate `_segment_keys`, record who entered and left, and append their state and due moments."""
    low, high = (scalar(engine, f"SELECT {end}(customer) AS customer FROM _segment_keys") for end in ("min", "max"))
    bounds: dict[str, str] = {"low": str(low), "high": str(high)}
    near = "customer BETWEEN $low AND $high AND customer IN (SELECT customer FROM _segment_keys)"
    engine.replace("_segment_part", f"SELECT {_LINES} FROM segment_lines WHERE kind <> ':order' AND {near}", **bounds)
    engine.replace("_segment_part", f"SELECT {_LINES} FROM _segment_part UNION ALL {orders_select('_segment_part')}")
    engine.replace("_segment_asked", people_select(used, f"SELECT customer FROM customers WHERE {near} UNION SELECT customer FROM _segment_keys"),
                   **bounds)
    made = compile_rules(rules, now, people="_segment_asked", lines="_segment_part")
    engine.replace("_segment_fresh", _state(rules, made.select, run), **made.values)
    names = list(rules)
    moved = _record(engine, names, names, now, where=near, bounds=bounds)
    engine.append("segment_state", "SELECT * FROM _segment_fresh")
    engine.append("segment_due", "SELECT due, customer FROM _segment_fresh WHERE due IS NOT NULL")
    return moved


def _record(engine: Engine, names: list[str], before: list[str], at: datetime, *, where: str = "", bounds: Mapping[str, str] | None = None,
            ) -> tuple[int, int]:
    """Append to `segment_changes` what differs between `_segment_fresh` and the state; returns how many entered and left."""
    same = [name for name in names if name in before]
    if not same:
        return 0, 0
    _ensure_changes(engine)
    flags = ", ".join(f"coalesce(old.m{before.index(name)}, false) AS o{names.index(name)}, new.m{names.index(name)} AS n{names.index(name)}"
                      for name in same)
    differs = " OR ".join(f"coalesce(old.m{before.index(name)}, false) <> new.m{names.index(name)}" for name in same)
    kept = ", ".join(f"m{before.index(name)}" for name in same)
    engine.replace("_segment_moved", f"SELECT new.customer AS customer, {flags} FROM _segment_fresh new LEFT JOIN "
                   f"(SELECT customer, {kept} FROM ({_latest(*kept.split(', '), where=where)}) latest) old "
                   f"ON old.customer = new.customer WHERE {differs}", **(bounds or {}))
    moved = " UNION ALL ".join(f"SELECT $s{place} AS segment, customer, n{place} AS entered, $at AS changed_at FROM _segment_moved "
                               f"WHERE n{place} <> o{place}" for place in map(names.index, same))
    engine.replace("_segment_log", moved, at=at, **{f"s{names.index(name)}": name for name in same})
    counted = engine.query("SELECT count(*) AS n, sum(CASE WHEN entered THEN 1 ELSE 0 END) AS entered FROM _segment_log").to_pylist()[0]
    engine.append("segment_changes", "SELECT segment, customer, entered, changed_at FROM _segment_log")
    return int(counted["entered"] or 0), int(counted["n"]) - int(counted["entered"] or 0)


def _latest(*columns: str, where: str = "") -> str:
    """The state's row of the last run of each customer."""
    kept = f" WHERE {where}" if where else ""
    return (f"SELECT customer, {', '.join(columns)} FROM (SELECT *, row_number() OVER (PARTITION BY customer ORDER BY run DESC) AS back "
            f"FROM segment_state{kept}) ranked WHERE back = 1")


def _ensure_changes(engine: Engine) -> None:
    if not engine.exists("segment_changes"):
        engine.put("segment_changes", CHANGES.empty_table())


def _keep_run(engine: Engine, run: _Run, *, anew: bool = False) -> None:
    row = pa.Table.from_pylist([run.__dict__], schema=_RUNS)
    if anew:
        engine.put("segment_runs", row)
    else:
        engine.add("segment_runs", row)


def _last(engine: Engine) -> _Run | None:
    if not engine.exists("segment_runs"):
        return None
    rows = engine.query("SELECT * FROM segment_runs ORDER BY run DESC LIMIT 1").to_pylist()
    return _Run(**rows[0]) if rows else None


def _digest(rules: Mapping[str, Condition]) -> str:
    """Names in order and a hash of each rule: what the Booleans of the state mean."""
    return json.dumps([[name, hashlib.sha256(json.dumps(rule_to_json(rule), sort_keys=True).encode()).hexdigest()] for name, rule in rules.items()],
                      ensure_ascii=False)


def _names(last: _Run) -> list[str]:
    return [name for name, _hash in json.loads(last.digest)]


def _place(engine: Engine, name: str) -> int:
    last = _last(engine)
    if last is None or name not in _names(last):
        raise StateError(_("Segment '{name}' has not been evaluated. Run `brandloom segments update` first."), name=name)
    return _names(last).index(name)
