"""The language of segment rules: both text forms and JSON say the same, and SQL agrees with an oracle that knows none."""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from brandloom.customers import build_profiles
from brandloom.customers.rules import (
    Condition,
    delete_rule,
    draw_sample,
    estimate_size,
    evaluate,
    parse,
    print_rule,
    read_rule,
    resolve,
    rule_from_json,
    rule_to_json,
    save_rule,
    saved_rules,
)
from brandloom.customers.rules.compile import compile_rules, lines_select, people_select
from brandloom.engine import Engine
from brandloom.errors import ConfigError, DataError, NotFittedError
from rule_world import AS_OF, event, oracle, put, random_rule, random_shop

KEYS = "SELECT customer FROM customers UNION SELECT customer FROM events"


def together(engine: Engine, rules: list[Condition], as_of: datetime) -> list[set[str]]:
    """Members of each rule, all evaluated by one SELECT."""
    named = {f"r{number}": rule for number, rule in enumerate(rules)}
    used = ["attribute.tier", "country", "first_seen", "language"]
    made = compile_rules(named, as_of, people=f"({people_select(used, KEYS)})", lines=f"({lines_select()})")
    rows = engine.query(made.select, **made.values).to_pylist()
    return [{row["customer"] for row in rows if row[f"m{at}"]} for at in range(len(rules))]


@pytest.mark.parametrize("seed", range(20))
def test_two_thousand_random_rules_agree_with_the_oracle(engine: Engine, seed: int) -> None:
    rng = random.Random(seed)
    customers, events = random_shop(rng)
    put(engine, customers, events)
    rules = [random_rule(rng) for _ in range(100)]
    for rule, found in zip(rules, together(engine, rules, AS_OF), strict=True):
        assert found == oracle(rule, customers, events, AS_OF), print_rule(rule)


@pytest.mark.parametrize("seed", range(5))
def test_a_random_rule_survives_json_english_and_chinese(seed: int) -> None:
    rng = random.Random(1000 + seed)
    for _ in range(400):
        rule = random_rule(rng)
        assert rule_from_json(json.dumps(rule_to_json(rule))) == rule
        for language in ("en", "zh"):
            assert parse(print_rule(rule, language)) == rule, print_rule(rule, language)


@pytest.mark.parametrize("seed", range(3))
def test_later_events_and_people_never_change_an_earlier_evaluation(engine: Engine, seed: int) -> None:
    rng = random.Random(2000 + seed)
    customers, events = random_shop(rng)
    rules = [random_rule(rng) for _ in range(60)]
    put(engine, customers, events)
    before = together(engine, rules, AS_OF)
    later = [{**event(rng, f"c{rng.randrange(60):03d}"), "occurred_at": AS_OF + timedelta(seconds=rng.randrange(10**6)), "event": 10**6 + number}
             for number in range(200)]
    put(engine, [*customers, {"customer": "later", "first_seen": AS_OF}], [*events, *later])
    assert together(engine, rules, AS_OF) == before


def test_no_order_in_sixty_days_on_the_border(engine: Engine) -> None:
    """The last sixty days begin at midnight sixty days before the day of the evaluation; who never ordered has no order either."""
    edge = datetime(2024, 5, 2)
    put(engine, [{"customer": "never", "first_seen": None}],
        [{"event": 1, "customer": "in", "occurred_at": edge, "kind": "purchase"},
         {"event": 2, "customer": "out", "occurred_at": edge - timedelta(microseconds=1), "kind": "purchase"},
         {"event": 3, "customer": "now", "occurred_at": AS_OF, "kind": "purchase"}])
    assert evaluate(engine, parse("never ordered in the last 60 days"), AS_OF).customers == ("never", "out")
    assert evaluate(engine, parse("最近 60 天内 从未 下单"), AS_OF).customers == ("never", "out")


@pytest.mark.parametrize(("english", "chinese"), [
    ('bought product "tea" at least 2 times in the last 30 days and country is "FR"', '最近30天内购买商品“tea”至少2次且国家为“FR”'),
    ('spent at least 100 on category "Cups" since 2024-01-01', '自 2024-01-01 消费至少 100 于品类「Cups」'),
    ('country is one of "FR", "DE" or not (viewed and never ordered)', '国家属于“FR”、“DE”或非（浏览且从未下单）'),
    ("p_purchase >= 0.4 and first_seen more than 30 days ago", "购买概率≥0.4 且 首次出现 超过 30 天前"),
    ('in segment "vip" and attribute.tier is missing', '属于分群“vip” 且 属性"tier" 缺失'),
])
def test_both_languages_say_the_same(english: str, chinese: str) -> None:
    assert parse(english) == parse(chinese)
    assert parse(print_rule(parse(english), "zh")) == parse(english)


@pytest.mark.parametrize(("text", "told"), [
    ("", "character 1, '…'. Expected here: a field"),
    ("colour is \"red\"", "Unknown field 'colour'"),
    ('country > 3', "Field 'country' holds a text and cannot be asked '>'"),
    ('p_purchase is "high"', "holds a number; 'high' is none"),
    ("first_seen before 2024-13-01", "holds a date; '2024-13-01' is none"),
    ("bought in the last 0 days", "Before character 22: A window of 0 days cannot be used. Use 1 to 3650"),
    ("bought since 2024-05-01 until 2024-01-01", "ends on 2024-01-01, before it begins on 2024-05-01"),
    ("returned at least 2 items", "'items' is measured on purchases, not on 'return'"),
    ('ordered product "tea"', "Orders as a whole have no product"),
    ("bought at least 1.5 times", "1.5 times cannot be counted"),
    ("spent at least 0.00001", "more than four decimals"),
    ("bought 3 times", "character 8, '3'. Expected here: and, or"),
    ('country is "FR', "begins at character 12 has no end"),
    ("(bought", "Expected here: ) and, or"),
    ("bought; ordered", "cannot be read at character 7, '; ordered'"),
    ("spent", "Expected here: at least"),
    ("orders between 5 and 3", "between 5.0 and 3.0 holds nothing"),
    ("not " * 30 + "bought", "nested more than 20 levels"),
    (" and ".join(["bought"] * 250), "at most 200 conditions are joined"),
    ("bought since 2024-02-30", "'2024-02-30': dates are days of the calendar"),
    ("from 20240101 bought", "Expected here: 2024-11-09"),
])
def test_what_cannot_be_read_is_told_in_one_line(text: str, told: str) -> None:
    with pytest.raises(DataError) as caught:
        parse(text)
    assert told in caught.value.text() and "\n" not in caught.value.text() and "\n" not in caught.value.text("zh")


@pytest.mark.parametrize(("given", "told"), [
    ('{"all": []}', "The rule at all"),
    ('{"colour": 1}', "has one of the keys all, any, not, event, field, segment"),
    ('{"field": "国家", "op": "is", "value": "FR"}', "is called 'country' in JSON"),
    ('{"field": "orders", "op": "is", "value": true}', "holds a number"),
    ('{"event": "purchase", "op": "at_least", "value": 1, "window": {}}', "A window is empty"),
    ('{"event": "purchase", "op": "at_least", "value": 1, "window": {"last_days": 3, "since": "2024-01-01"}}', "has last_days and dates"),
    ('{"event": "purchase", "op": "at_least", "value": 1, "colour": 2}', "Extra inputs"),
    ('{"event": "purchase", "op": "at_least", "value": "many"}', "The rule at event/value"),
    ('{"event": "purchase", "op": "at_least", "value": NaN}', "The rule at event/value"),
    ('{"field": "country", "op": "one_of", "value": []}', "0 values given, 1 to 100 needed"),
    ('{"field": "attribute.a\'b", "op": "missing"}', "is not an attribute"),
    ("{", "is no JSON"),
    ('{"not": ' * 60 + "1" + "}" * 60, "nested more than 20 levels"),
])
def test_json_that_is_no_rule_is_told_in_one_line(given: str, told: str) -> None:
    with pytest.raises(DataError) as caught:
        read_rule(given)
    assert told in caught.value.text() and "\n" not in caught.value.text()


def test_an_empty_shop_a_window_in_the_future_and_a_field_not_learned(engine: Engine) -> None:
    with pytest.raises(DataError, match="No customer is known before"):
        evaluate(engine, parse("bought"), AS_OF)
    with pytest.raises(DataError, match="No customer is known before"):
        estimate_size(engine, parse("bought"), AS_OF, draw_sample(engine))
    with pytest.raises(DataError, match="begins on 2024-07-02"):
        evaluate(engine, parse("bought since 2024-07-02"), AS_OF)
    with pytest.raises(NotFittedError, match="Field 'orders' is not there yet"):
        evaluate(engine, parse("orders >= 2"), AS_OF)


def test_learned_fields_are_read_and_never_from_later(engine: Engine) -> None:
    customers, events = random_shop(random.Random(7))
    put(engine, customers, events)
    build_profiles(engine, AS_OF)
    expected = engine.query("SELECT customer FROM profiles WHERE orders >= 2 AND favourite_product = 'tea' ORDER BY customer")
    assert list(evaluate(engine, parse('orders >= 2 and favourite_product is "tea"'), AS_OF).customers) == expected["customer"].to_pylist()
    cheap = engine.query("SELECT customer FROM profiles WHERE discount_share > 0 AND favourite_category_share < 1 ORDER BY customer")["customer"].to_pylist()
    for text in ("discount_share > 0 and favourite_category_share < 1", "低价购买占比 > 0 且 偏好品类占比 < 1"):
        assert cheap and list(evaluate(engine, parse(text), AS_OF).customers) == cheap
    with pytest.raises(DataError, match="was learned as of 2024-07-01 10:30:00, later than"):
        evaluate(engine, parse("orders >= 2"), AS_OF - timedelta(days=1))


def test_a_segment_in_a_segment(engine: Engine, tmp_path: Path) -> None:
    folder = tmp_path / "segments"
    save_rule(folder, "buyers", parse("bought"))
    save_rule(folder, "法国 买家", parse('in segment "buyers" and country is "FR"'))
    rules = saved_rules(folder)
    assert resolve(rules["法国 买家"], rules) == parse('bought and country is "FR"')
    with pytest.raises(DataError, match=r"There is no segment 'vip'\. Saved: buyers"):
        save_rule(folder, "x", parse('in segment "vip"'))
    with pytest.raises(DataError, match="contains itself: buyers > 法国 买家 > buyers"):
        save_rule(folder, "buyers", parse('in segment "法国 买家"'))
    with pytest.raises(DataError, match="'buyers' is used by 法国 买家"):
        delete_rule(folder, "buyers")
    delete_rule(folder, "法国 买家")
    delete_rule(folder, "buyers")
    assert saved_rules(folder) == {}
    with pytest.raises(ConfigError, match="cannot name a segment"):
        save_rule(folder, "../x", parse("bought"))


def test_an_estimate_covers_the_truth_and_is_exact_when_all_are_asked(engine: Engine) -> None:
    rng = random.Random(3)
    customers, events = random_shop(rng, people=3000)
    put(engine, customers, events)
    now = AS_OF + timedelta(days=5)  # everybody of this shop is known by then
    rules = [random_rule(rng, 1) for _ in range(40)]
    truth = [len(found) for found in together(engine, rules, now)]
    people = draw_sample(engine, n=400, seed=5)
    sizes = [estimate_size(engine, rule, now, people, seed=5) for rule in rules]
    assert sum(one.low <= true <= one.high for one, true in zip(sizes, truth, strict=True)) >= 36
    assert {one.n for one in sizes} < set(range(320, 480))
    assert sizes == [estimate_size(engine, rule, now, draw_sample(engine, n=400, seed=5), seed=5) for rule in rules]
    everybody = draw_sample(engine, n=10_000)
    exact: list[Any] = [estimate_size(engine, rule, now, everybody) for rule in rules]
    assert [(one.low, one.size, one.high) for one in exact] == [(true, true, true) for true in truth]
