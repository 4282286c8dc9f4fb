"""Rules as one SELECT over people and their event lines, shared by all rules: each distinct sum is taken once.

The same SELECT serves everybody, a sample, or the few people an event concerns; only the two tables it reads differ. It gives
one row per customer: a Boolean per rule, and `due`, the next moment at which a Boolean can change by time alone (null: never).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from brandloom.customers.rules.expression import All, AnyOf, Compares, Condition, Happened, InSegment, Not, Window, parts
from brandloom.customers.rules.fields import ATTRIBUTE, FIELDS, LEARNED, field_of
from brandloom.engine import Value
from brandloom.errors import DataError
from brandloom.i18n import _

_SIGN = {"at_least": ">=", "more_than": ">", "at_most": "<=", "less_than": "<", "exactly": "="}
_COMPARE = {"is": "=", "is_not": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_AMOUNT = {"times": "1", "items": "CAST(quantity AS DECIMAL(18, 4))", "spend": "amount", "net_spend": "amount"}


def resolve(rule: Condition, saved: Mapping[str, Condition], path: tuple[str, ...] = ()) -> Condition:
    """The rule with every segment it names replaced by that segment's own rule.

    Raises:
        DataError: a segment that is not saved, or one that contains itself.
    """
    if isinstance(rule, All):
        return All(all=tuple(resolve(one, saved, path) for one in rule.all))
    if isinstance(rule, AnyOf):
        return AnyOf(any=tuple(resolve(one, saved, path) for one in rule.any))
    if isinstance(rule, Not):
        return Not.model_validate({"not": resolve(rule.negated, saved, path)})
    if not isinstance(rule, InSegment):
        return rule
    if rule.segment in path:
        raise DataError(_("Segment '{name}' contains itself: {path}. Take one of them out."), name=rule.segment,
                        path=" > ".join([*path, rule.segment]))
    if rule.segment not in saved:
        raise DataError(_("There is no segment '{name}'. Saved: {known}. Save it with `brandloom segments save`."), name=rule.segment,
                        known=", ".join(sorted(saved)) or "-")
    return resolve(saved[rule.segment], saved, (*path, rule.segment))


def fields_used(rules: Mapping[str, Condition]) -> list[str]:
    """Fields that the rules ask about, sorted."""
    return sorted({one.field for rule in rules.values() for one in parts(rule) if isinstance(one, Compares)})


def column_of(name: str) -> str:
    """Where a field's value is among the columns of people."""
    return "attributes" if name.startswith(ATTRIBUTE) else f"f_{name}"


def lines_select(events: str = "events", where: str = "customer IS NOT NULL") -> str:
    """The lines that rules count: every event with its product's category, and one line of kind ':order' per order at its first line."""
    return f"{raw_lines(events, where)} UNION ALL {orders_select(f'(SELECT * FROM {events} WHERE {where}) bought')}"


def raw_lines(events: str = "events", where: str = "customer IS NOT NULL") -> str:
    """The events alone, in the columns of lines."""
    return (f"SELECT e.customer AS customer, e.occurred_at AS occurred_at, e.kind AS kind, e.product AS product, p.category AS category, "
            f"e.quantity AS quantity, e.amount AS amount, coalesce(e.order_id, CAST(CAST(e.occurred_at AS DATE) AS VARCHAR)) AS order_id "
            f"FROM (SELECT * FROM {events} WHERE {where}) e LEFT JOIN products p ON p.product = e.product")


def orders_select(lines: str) -> str:
    """One line per order of these lines; order lines without a number count as one order a day, as in the profiles."""
    key = "coalesce(order_id, CAST(CAST(occurred_at AS DATE) AS VARCHAR))"
    return (f"SELECT customer, min(occurred_at) AS occurred_at, ':order' AS kind, CAST(NULL AS VARCHAR) AS product, "
            f"CAST(NULL AS VARCHAR) AS category, CAST(NULL AS DOUBLE) AS quantity, CAST(NULL AS DECIMAL(18, 4)) AS amount, {key} AS order_id "
            f"FROM {lines} WHERE kind = 'purchase' GROUP BY customer, {key}")


def people_select(used: list[str], keys: str) -> str:
    """The customers of `keys` (a SELECT of `customer`) with the columns that the fields need."""
    shown = ["k.customer AS customer", "c.customer IS NOT NULL AS listed", "c.first_seen AS first_seen"]
    shown += ["c.attributes AS attributes"] * any(name.startswith(ATTRIBUTE) for name in used)
    shown += [f"{field_of(name).table}.{name} AS f_{name}" if FIELDS[name].table != "customers" else f"c.{name} AS f_{name}"
              for name in used if name in FIELDS]
    tables = [one for one in LEARNED if any(name in FIELDS and FIELDS[name].table == one for name in used)]
    joins = " ".join(f"LEFT JOIN {table} ON {table}.customer = k.customer" for table in tables)
    return f"SELECT {', '.join(shown)} FROM ({keys}) k LEFT JOIN customers c ON c.customer = k.customer {joins}"


@dataclass
class Compiled:
    """A SELECT of customer, known, m0, m1, ... (in the order of the rules) and due, and its values."""

    select: str
    values: dict[str, Value]


def compile_rules(rules: Mapping[str, Condition], as_of: datetime, *, people: str, lines: str, where: str = "") -> Compiled:
    """One SELECT that says for each customer which rules hold at `as_of`.

    Args:
        rules: by name, their segments resolved.
        people: table or subselect as `people_select` gives.
        lines: table or subselect as `lines_select` gives.
        where: condition on `customer` that keeps a part of both.
    Raises:
        DataError: a window that lies after `as_of`.
    """
    maker = _Maker(as_of)
    tests = [maker.test(rule) for rule in rules.values()]
    due = maker.due()  # adds the sums it needs
    filters = "".join(f", {sql} AS {name}" for sql, name in maker.filters.items())
    sums = "".join(f", {sql} AS {name}" for sql, name in maker.sums.items())
    known = "((p.listed AND p.first_seen IS NULL) OR coalesce(p.first_seen < $as_of, false) OR coalesce(a.first_line < $as_of, false))"
    flags = "".join(f", ({known} AND {test}) AS m{at}" for at, test in enumerate(tests))
    kept = f" WHERE {where}" if where else ""
    select = (f"SELECT p.customer AS customer, {known} AS known{flags}, {due} AS due FROM (SELECT * FROM {people} AS everybody{kept}) p "
              f"LEFT JOIN (SELECT customer, min(occurred_at) AS first_line{sums} FROM "
              f"(SELECT customer, occurred_at, quantity, amount{filters} FROM {lines} AS every{kept}) marked GROUP BY customer) a "
              f"ON a.customer = p.customer")
    return Compiled(select, maker.values)


@dataclass
class _Maker:
    """Collects what the rules share: filters of lines, sums over them, values, and what makes time matter."""

    as_of: datetime
    values: dict[str, Value] = field(default_factory=dict)
    filters: dict[str, str] = field(default_factory=dict)
    sums: dict[str, str] = field(default_factory=dict)
    rolling: dict[int, set[str]] = field(default_factory=dict)
    """Filters by the length in days of the windows that move over them."""
    dates: dict[tuple[str, int], None] = field(default_factory=dict)
    """Date expressions that are asked for their age, with the days."""
    _bound: dict[tuple[type, Value], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.values["as_of"] = self.as_of
        self.today = datetime(self.as_of.year, self.as_of.month, self.as_of.day)

    def bind(self, value: Value) -> str:
        key = (type(value), value)
        if key not in self._bound:
            self._bound[key] = f"v{len(self._bound)}"
            self.values[self._bound[key]] = value
        return f"${self._bound[key]}"

    def test(self, rule: Condition) -> str:
        if isinstance(rule, All):
            return f"({' AND '.join(self.test(one) for one in rule.all)})"
        if isinstance(rule, AnyOf):
            return f"({' OR '.join(self.test(one) for one in rule.any)})"
        if isinstance(rule, Not):
            return f"(NOT {self.test(rule.negated)})"
        if isinstance(rule, Happened):
            return f"(coalesce({self.total(rule)}, 0) {_SIGN[rule.op]} {self.bind(_number(rule))})"
        assert isinstance(rule, Compares), "segments are resolved"
        return _Comparison(self, rule).sql()

    def total(self, rule: Happened) -> str:
        """The name of the sum that the condition asks for."""
        kinds = ("purchase", "return") if rule.measure == "net_spend" else (rule.event,)
        where = [f"kind IN ({', '.join(self.bind(kind) for kind in kinds)})" if len(kinds) > 1 else f"kind = {self.bind(kinds[0])}"]
        where += [f"{name} = {self.bind(value)}" for name, value in (("product", rule.product), ("category", rule.category)) if value]
        line = _named(self.filters, f"coalesce({' AND '.join(where)} AND occurred_at < $as_of, false)", "w")
        inside = [line, *self.window(rule.window, line)]
        total = f"sum(CASE WHEN {' AND '.join(inside)} THEN {_AMOUNT[rule.measure]} ELSE 0 END)"
        return f"a.{_named(self.sums, total, 's')}"

    def window(self, window: Window | None, line: str) -> list[str]:
        if window is None:
            return []
        if window.last_days:
            self.rolling.setdefault(window.last_days, set()).add(line)
            return [f"occurred_at >= {self.bind(self.today - timedelta(days=window.last_days))}"]
        if window.since and _midnight(window.since) >= self.as_of:
            raise DataError(_("A window begins on {since}, and the rule is evaluated as of {as_of}: nothing can have happened in it. "
                              "Use an earlier day."), since=window.since, as_of=self.as_of)
        inside = [f"occurred_at >= {self.bind(_midnight(window.since))}"] if window.since else []
        return inside + ([f"occurred_at < {self.bind(_midnight(window.until) + timedelta(days=1))}"] if window.until else [])

    def due(self) -> str:
        """The earliest of: a line leaves a window, a line or a person from the future arrives, a date passes an age."""
        later = _named(self.sums, "min(CASE WHEN occurred_at >= $as_of THEN occurred_at END)", "s")
        moments = [f"a.{later}", "CASE WHEN p.first_seen >= $as_of THEN p.first_seen END"]
        for days, lines in sorted(self.rolling.items()):
            inside = f"({' OR '.join(sorted(lines))}) AND occurred_at >= {self.bind(self.today - timedelta(days=days))}"
            oldest = _named(self.sums, f"min(CASE WHEN {inside} THEN occurred_at END)", "s")
            moments.append(_day_after(f"a.{oldest}", days + 1))
        for value, days in self.dates:
            start = self.bind(self.today - timedelta(days=days))
            moments.append(f"CASE WHEN {value} > {self.bind(self.today)} THEN CAST({value} AS TIMESTAMP) "
                           f"WHEN {value} >= {start} THEN {_day_after(value, days + 1)} END")
        return f"least({', '.join(moments)})"


@dataclass
class _Comparison:
    """One comparison with a field as SQL; false where the value is missing."""

    maker: _Maker
    rule: Compares

    def sql(self) -> str:
        value, rule = self.value(), self.rule
        if rule.op in ("missing", "known"):
            return f"({value} IS {'NOT ' if rule.op == 'known' else ''}NULL)"
        return f"coalesce({self.test(value)}, false)"

    def value(self) -> str:
        """The field as text, number, or midnight of a date."""
        raw = f"p.{column_of(self.rule.field)}"
        if self.rule.field.startswith(ATTRIBUTE):
            raw = f"json_extract_string({raw}, '$.{self.rule.field.removeprefix(ATTRIBUTE)}')"
            if self.rule.kind == "number":
                return f"TRY_CAST({raw} AS DOUBLE)"
            return f"CAST(TRY_CAST(substr({raw}, 1, 10) AS DATE) AS TIMESTAMP)" if self.rule.kind == "date" else raw
        return f"CAST(CAST({raw} AS DATE) AS TIMESTAMP)" if self.rule.kind == "date" else raw

    def test(self, value: str) -> str:
        rule, bind = self.rule, self.maker.bind
        if rule.op in ("in_last_days", "more_than_days_ago"):
            return self.aged(value, int(rule.value))  # type: ignore[arg-type]  # checked when the rule was made
        given = [bind(self.typed(one)) for one in (rule.value if isinstance(rule.value, tuple) else (rule.value,))]
        tests: dict[str, Callable[[], str]] = {
            "between": lambda: f"{value} BETWEEN {given[0]} AND {given[1]}", "one_of": lambda: f"{value} IN ({', '.join(given)})",
            "before": lambda: f"{value} < {given[0]}", "after": lambda: f"{value} > {given[0]}",
            "contains": lambda: f"strpos({value}, {given[0]}) > 0",
            "starts_with": lambda: f"substr({value}, 1, {len(str(rule.value))}) = {given[0]}"}
        return tests[rule.op]() if rule.op in tests else f"{value} {_COMPARE[rule.op]} {given[0]}"

    def aged(self, value: str, days: int) -> str:
        self.maker.dates[value, days] = None
        start = self.maker.bind(self.maker.today - timedelta(days=days))
        if self.rule.op == "more_than_days_ago":
            return f"{value} < {start}"
        return f"{value} BETWEEN {start} AND {self.maker.bind(self.maker.today)}"

    def typed(self, value: object) -> Value:
        if self.rule.kind == "date":
            return _midnight(date.fromisoformat(str(value)))
        if isinstance(value, bool):
            return "true" if value else "false"  # as JSON text has it
        return value  # type: ignore[return-value]


def _named(known: dict[str, str], sql: str, letter: str) -> str:
    return known.setdefault(sql, f"{letter}{len(known)}")


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)


def _day_after(moment: str, days: int) -> str:
    """Midnight of the day so many days later; the number is ours, never text of a rule."""
    return f"(CAST(CAST({moment} AS DATE) AS TIMESTAMP) + INTERVAL {days} DAY)"


def _number(rule: Happened) -> Value:
    """Money and items are exact decimals, so that a sum on the border is on it."""
    return int(rule.value) if rule.measure == "times" else Decimal(repr(rule.value)).quantize(Decimal("0.0001"))
