"""A small random shop, random rules, and a slow oracle that reads lists of events and knows no SQL."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from brandloom.customers.rules import Condition, rule_from_json
from brandloom.engine import Engine, tables

AS_OF = datetime(2024, 7, 1, 10, 30)
KINDS = ("purchase", "purchase", "purchase", "return", "view", "cart", "stamp")
PRODUCTS = {"tea": "Drinks", "茶": "饮品", "cup": "Kitchen", "pot": "Kitchen", "loose": None}
BORDERS = (0, 1, 2, 7, 29, 30, 31, 59, 60, 61, 90, 365)
Row = dict[str, Any]


def random_shop(rng: random.Random, people: int = 60) -> tuple[list[Row], list[Row]]:
    """Customers and events; some of either come only after `AS_OF`, some stand exactly on a border of a window."""
    customers = [{"customer": f"c{n:03d}", "first_seen": rng.choice([None, moment(rng)]), "country": rng.choice([None, "FR", "DE", "中国"]),
                  "language": rng.choice([None, "en", "zh-CN"]), "attributes": attributes(rng)} for n in range(people) if rng.random() < 0.9]
    events = []
    for n in range(people):
        events += [event(rng, f"c{n:03d}") for _ in range(rng.choice([0, 0, 1, 2, 5, 12]))]
    return customers, [{**one, "event": number + 1} for number, one in enumerate(events)]


def attributes(rng: random.Random) -> str | None:
    given = {"tier": rng.choice(["gold", "silver", "", None]), "points": rng.choice([0, 10, 12.5, "many", None]), "club": rng.choice([True, False]),
             "born": rng.choice(["1990-05-01", "2024-06-01", "soon", None])}
    return rng.choice([None, json.dumps({key: value for key, value in given.items() if value is not None})])


def moment(rng: random.Random) -> datetime:
    """Often exactly at midnight, at `AS_OF` or on the border of a window; now and then in the future."""
    day = datetime(AS_OF.year, AS_OF.month, AS_OF.day) - timedelta(days=rng.choice([*BORDERS, rng.randrange(400), -1, -3]))
    return rng.choice([day, day + timedelta(hours=23, minutes=59, seconds=59, microseconds=999_999), day + timedelta(hours=rng.randrange(24)), AS_OF])


def event(rng: random.Random, customer: str) -> Row:
    kind = rng.choice(KINDS)
    sign = -1 if kind == "return" else 1
    amount = rng.choice([Decimal("10"), Decimal("12.5"), Decimal("0.1"), Decimal("99.9999"), None])
    return {"customer": customer, "occurred_at": moment(rng), "kind": kind, "product": rng.choice([*PRODUCTS, None]),
            "quantity": rng.choice([sign * 1.0, sign * 2.0, sign * 0.5, None]), "amount": None if amount is None else sign * amount,
            "order_id": rng.choice([None, "o1", "o2", "o3"])}


def put(engine: Engine, customers: Sequence[Row], events: Sequence[Row]) -> None:
    engine.put("customers", pa.Table.from_pylist(list(customers), schema=tables.CUSTOMERS))
    engine.put("events", pa.Table.from_pylist(list(events), schema=tables.EVENTS))
    engine.put("products", pa.Table.from_pylist([{"product": product, "category": category} for product, category in PRODUCTS.items()],
                                                schema=tables.PRODUCTS))


def random_rule(rng: random.Random, depth: int = 3) -> Condition:
    return rule_from_json(_rule(rng, depth))


def _rule(rng: random.Random, depth: int) -> Row:
    if depth and rng.random() < 0.5:
        if rng.random() < 0.3:
            return {"not": _rule(rng, depth - 1)}
        return {rng.choice(["all", "any"]): [_rule(rng, depth - 1) for _ in range(rng.randint(2, 3))]}
    return _happened(rng) if rng.random() < 0.65 else _compares(rng)


def _happened(rng: random.Random) -> Row:
    kind = rng.choice(["purchase", "purchase", "return", "view", "cart", "stamp", ":order"])
    measure = rng.choice(["times", "times", "items", "spend", "net_spend"]) if kind == "purchase" else "times"
    value = rng.choice([0, 1, 2, 3]) if measure == "times" else rng.choice([0, 0.1, 10, 12.5, 20, 22.5, 100, -3, 99.9999])
    rule: Row = {"event": kind, "measure": measure, "op": rng.choice(["at_least", "more_than", "at_most", "less_than", "exactly"]), "value": value}
    if kind != ":order" and rng.random() < 0.4:
        rule |= rng.choice([{"product": rng.choice([*PRODUCTS, "none such"])}, {"category": rng.choice(["Drinks", "饮品", "Kitchen"])}])
    since, until = (date(2024, 7, 1) - timedelta(days=rng.choice(BORDERS)) for _ in range(2))
    window = rng.choice([None, {"last_days": rng.choice(BORDERS[1:])}, {"last_days": rng.choice(BORDERS[1:])}, {"since": since.isoformat()},
                         {"until": until.isoformat()}, {"since": min(since, until).isoformat(), "until": max(since, until).isoformat()}])
    return rule | ({"window": window} if window else {})


def _compares(rng: random.Random) -> Row:
    days = (date(2024, 7, 1) - timedelta(days=rng.choice([*BORDERS, -1]))).isoformat()
    return rng.choice([
        {"field": "country", **rng.choice([{"op": "is", "value": "FR"}, {"op": "is_not", "value": "FR"}, {"op": "one_of", "value": ["DE", "中国"]},
                                           {"op": "contains", "value": "国"}, {"op": "missing"}, {"op": "known"}])},
        {"field": "language", "op": "starts_with", "value": rng.choice(["zh", "e", "%"])},
        {"field": "first_seen", **rng.choice([{"op": rng.choice(["is", "before", "after"]), "value": days}, {"op": "missing"},
                                              {"op": rng.choice(["in_last_days", "more_than_days_ago"]), "value": rng.choice(BORDERS[1:])},
                                              {"op": "between", "value": ["2024-05-01", "2024-07-02"]}])},
        {"field": "attribute.tier", **rng.choice([{"op": "is", "value": "gold"}, {"op": "is_not", "value": "gold"}, {"op": "missing"}])},
        {"field": "attribute.points", **rng.choice([{"op": rng.choice(["<", "<=", ">", ">=", "is"]), "value": rng.choice([0, 10, 12.5])},
                                                    {"op": "between", "value": [0, 10]}])},
        {"field": "attribute.club", "op": rng.choice(["is", "is_not"]), "value": rng.choice([True, False])},
        {"field": "attribute.born", **rng.choice([{"op": "before", "value": "2000-01-01"}, {"op": "in_last_days", "value": 30}])},
    ])


def oracle(rule: Condition, customers: Sequence[Row], events: Sequence[Row], as_of: datetime) -> set[str]:
    """Who is in the segment, found customer by customer."""
    given = {one["customer"]: one for one in customers}
    found = set()
    for customer in {*given, *(one["customer"] for one in events)}:
        row = given.get(customer)
        mine = [one for one in events if one["customer"] == customer and one["occurred_at"] < as_of]
        known = bool(mine) or (row is not None and (row["first_seen"] is None or row["first_seen"] < as_of))
        if known and holds(rule.model_dump(mode="json", by_alias=True, exclude_none=True), row or {}, mine, as_of):
            found.add(customer)
    return found


def holds(rule: Mapping[str, Any], row: Row, events: Sequence[Row], as_of: datetime) -> bool:
    if "all" in rule:
        return all(holds(one, row, events, as_of) for one in rule["all"])
    if "any" in rule:
        return any(holds(one, row, events, as_of) for one in rule["any"])
    if "not" in rule:
        return not holds(rule["not"], row, events, as_of)
    return _happens(rule, events, as_of) if "event" in rule else _is(rule, row, as_of)


def _happens(rule: Mapping[str, Any], events: Sequence[Row], as_of: datetime) -> bool:
    if rule["event"] == ":order":
        first: dict[str, datetime] = {}
        for one in events:
            if one["kind"] == "purchase":
                order = one["order_id"] or one["occurred_at"].date().isoformat()
                first[order] = min(first.get(order, one["occurred_at"]), one["occurred_at"])
        total = Decimal(sum(_within(at, rule.get("window"), as_of) for at in first.values()))
    else:
        kinds = {"purchase", "return"} if rule["measure"] == "net_spend" else {rule["event"]}
        counted = [one for one in events if one["kind"] in kinds and _within(one["occurred_at"], rule.get("window"), as_of)
                   and rule.get("product") in (None, one["product"])
                   and ("category" not in rule or PRODUCTS.get(one["product"]) == rule["category"])]
        weigh = {"times": lambda one: Decimal(1), "items": lambda one: Decimal(str(one["quantity"] or 0))}.get(
            rule["measure"], lambda one: one["amount"] or Decimal(0))
        total = sum(map(weigh, counted), Decimal(0))
    value = Decimal(str(rule["value"]))
    return bool({"at_least": total >= value, "more_than": total > value, "at_most": total <= value, "less_than": total < value,
                 "exactly": total == value}[rule["op"]])


def _within(at: datetime, window: Mapping[str, Any] | None, as_of: datetime) -> bool:
    if window is None:
        return True
    if "last_days" in window:
        return (as_of.date() - at.date()).days <= int(window["last_days"])
    return date.fromisoformat(window.get("since", "0001-01-01")) <= at.date() <= date.fromisoformat(window.get("until", "9999-12-31"))


def _is(rule: Mapping[str, Any], row: Row, as_of: datetime) -> bool:
    name, op, wanted = rule["field"], rule["op"], rule.get("value")
    value = json.loads(row.get("attributes") or "{}").get(name.removeprefix("attribute.")) if name.startswith("attribute.") else row.get(name)
    if op in ("missing", "known"):
        return (value is None) == (op == "missing")
    if value is None:
        return False
    if name in ("first_seen", "attribute.born"):
        return _is_date(value, op, wanted, as_of)
    if op in ("<", "<=", ">", ">=", "between") or (name == "attribute.points"):
        if not isinstance(value, int | float):
            return False
        low, high = wanted if isinstance(wanted, list) else (wanted, wanted)
        return bool({"<": value < high, "<=": value <= high, ">": value > low, ">=": value >= low, "between": low <= value <= high,
                     "is": value == low}[op])
    tests = {"is": lambda: value == wanted, "is_not": lambda: value != wanted, "one_of": lambda: value in wanted,
             "contains": lambda: wanted in value, "starts_with": lambda: value.startswith(wanted)}
    return bool(tests[op]())


def _is_date(value: Any, op: str, wanted: Any, as_of: datetime) -> bool:
    try:
        day = value.date() if isinstance(value, datetime) else date.fromisoformat(value)
    except ValueError:
        return False
    age = (as_of.date() - day).days
    if op in ("in_last_days", "more_than_days_ago"):
        return 0 <= age <= wanted if op == "in_last_days" else age > wanted
    low, high = (date.fromisoformat(one) for one in (wanted if isinstance(wanted, list) else (wanted, wanted)))
    return bool({"is": day == low, "before": day < low, "after": day > low, "between": low <= day <= high}[op])
