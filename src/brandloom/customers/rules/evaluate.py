"""Rules evaluated for everybody from the warehouse's tables, once, without keeping anything; and their sizes estimated from a sample."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import sqrt

from brandloom.customers.profiles import sample_values
from brandloom.customers.rules.compile import compile_rules, fields_used, lines_select, people_select
from brandloom.customers.rules.expression import Condition
from brandloom.customers.rules.fields import FIELDS, LEARNED
from brandloom.engine import Engine, scalar
from brandloom.errors import DataError, NotFittedError
from brandloom.i18n import _

Z95 = 1.959963984540054
SAMPLE = 10_000
_EVERYBODY = "SELECT customer FROM customers UNION SELECT customer FROM events WHERE customer IS NOT NULL"


@dataclass(frozen=True)
class Members:
    """Who is in a segment at a moment, sorted, and how many customers were known then."""

    as_of: datetime
    customers: tuple[str, ...]
    known: int


@dataclass(frozen=True)
class Size:
    """An estimate of a segment's size from `n` of `known` customers, with a 95 % interval; equal ends: everybody was counted."""

    size: int
    low: int
    high: int
    n: int
    known: int
    seed: int
    as_of: datetime


def evaluate(engine: Engine, rule: Condition, as_of: datetime) -> Members:
    """The customers of whom a rule is true at `as_of` (naive UTC), its segments resolved.

    Raises:
        DataError: no customer is known then, a window lies after `as_of`, or a field was learned later than `as_of`.
        NotFittedError: a field that `learn` has yet to write.
    """
    used = fields_used({"rule": rule})
    check_learned(engine, used, as_of)
    made = compile_rules({"rule": rule}, as_of, people=f"({people_select(used, _EVERYBODY)})", lines=f"({lines_select()})")
    engine.replace("_rule_members", made.select, **made.values)
    known = scalar(engine, "SELECT count(*) AS n FROM _rule_members WHERE known")
    found = engine.query("SELECT customer FROM _rule_members WHERE m0 ORDER BY customer")["customer"].to_pylist()
    engine.drop("_rule_members")
    if not known:
        raise DataError(_("No customer is known before {as_of}. Load orders or customers first: `brandloom load`."), as_of=as_of)
    return Members(as_of, tuple(found), int(str(known)))


def check_learned(engine: Engine, used: list[str], as_of: datetime) -> dict[str, str]:
    """Moments of the learned tables that these fields come from; refuses one later than `as_of`, which would be peeking."""
    moments = {}
    for table in LEARNED:
        name = next((one for one in used if one in FIELDS and FIELDS[one].table == table), None)
        if name is None:
            continue
        if not engine.exists(table):
            raise NotFittedError(_("Field '{field}' is not there yet. Run `brandloom learn` first."), field=name)
        learned = scalar(engine, f"SELECT max(as_of) AS as_of FROM {table}")
        if isinstance(learned, datetime) and learned > as_of:
            raise DataError(_("Field '{field}' was learned as of {learned}, later than {as_of}. Evaluate as of that day or later, or run "
                              "`brandloom learn --as-of`."), field=name, learned=learned, as_of=as_of)
        moments[table] = str(learned)
    return moments


def draw_sample(engine: Engine, *, n: int = SAMPLE, seed: int = 0) -> int:
    """Put about `n` customers and their events aside in `_sample_*`, the same ones for the same seed; returns how many there are in all.

    Drawn once, it answers many estimates, each without a look at anybody else.
    """
    people = int(str(scalar(engine, f"SELECT count(*) AS n FROM ({_EVERYBODY}) everybody")))
    values = sample_values(min(1.0, n / max(people, 1)), seed)
    kept = "md5(concat(customer, $salt)) < $below"
    engine.replace("_sample_events", f"SELECT * FROM events WHERE customer IS NOT NULL AND {kept}", **values)
    engine.replace("_sample_lines", lines_select("_sample_events"))
    engine.replace("_sample_keys", f"SELECT customer FROM ({_EVERYBODY}) everybody WHERE {kept}", **values)
    return people


def estimate_size(engine: Engine, rule: Condition, as_of: datetime, people: int, *, seed: int = 0) -> Size:
    """A segment's size from the sample that `draw_sample` put aside, with Wilson's interval, narrowed where the sample is a large part.

    Args:
        people: what `draw_sample` returned.
        seed: the sample's, to be said with the estimate.
    Source:
        Wilson 1927; Cochran 1977 for the finite population.
    """
    used = fields_used({"rule": rule})
    check_learned(engine, used, as_of)
    made = compile_rules({"rule": rule}, as_of, people=f"({people_select(used, 'SELECT customer FROM _sample_keys')})", lines="_sample_lines")
    counted = engine.query(f"SELECT count(*) AS n, sum(CASE WHEN m0 THEN 1 ELSE 0 END) AS hits FROM ({made.select}) sampled", **made.values)
    n, hits = counted["n"][0].as_py(), int(counted["hits"][0].as_py() or 0)
    if n == 0:
        raise DataError(_("No customer is known before {as_of}. Load orders or customers first: `brandloom load`."), as_of=as_of)
    low, high = wilson(hits, n, people)
    return Size(round(hits / n * people), max(hits, int(low * people)), min(people - (n - hits), -int(-high * people // 1)), n, people, seed, as_of)


def wilson(hits: int, n: int, people: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, `n` drawn without putting back out of `people`."""
    z = Z95 * sqrt((people - n) / max(people - 1, 1))
    share = hits / n
    middle, spread = share + z * z / (2 * n), z * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (middle - spread) / (1 + z * z / n), (middle + spread) / (1 + z * z / n)


