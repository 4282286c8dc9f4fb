"""Profiles, segments and personas, on shops small enough to reckon by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brandloom.customers import build_profiles, build_segments, feature_query, personas, profile_features, segment_summary
from brandloom.customers.profiles import profile_query
from brandloom.customers.segments import MIN_PERSONA_SIZE, SEGMENTS, assign_personas
from brandloom.engine import DuckEngine, Engine, ensure_tables, read_sql, tables
from brandloom.engine.spark import translate
from brandloom.errors import NotFittedError
from brandloom.i18n import LANGUAGES

AS_OF = datetime(2024, 7, 1)


def bought(customer: str | None, days_ago: float, amount: float, product: str = "tea", kind: str = "purchase",
           order: str | None = None, quantity: float = 1) -> dict[str, Any]:
    return {"customer": customer, "occurred_at": AS_OF - timedelta(days=days_ago) + timedelta(hours=9), "kind": kind,
            "product": product, "quantity": quantity, "amount": Decimal(str(amount)), "order_id": order}


def put(engine: Engine, events: list[dict[str, Any]], customers: list[dict[str, Any]] = []) -> None:  # noqa: B006 - read only
    engine.put("events", pa.Table.from_pylist(events, schema=tables.EVENTS))
    engine.put("customers", pa.Table.from_pylist(customers, schema=tables.CUSTOMERS))


def rows(engine: Engine, table: str = "profiles") -> list[dict[str, Any]]:
    return engine.query(f"SELECT * FROM {table} ORDER BY customer").to_pylist()


ANNA = [
    bought("anna", 100, 30, "tea", order="o1"), bought("anna", 100, 20, "cup", order="o1", quantity=2),
    bought("anna", 60, 50, "tea", order="o2"), bought("anna", 60, 10, "pot", order="o3"),
    bought("anna", 10, 40, "tea", order="o4"), bought("anna", 8, -15, "tea", kind="return", order="r1", quantity=-1),
    bought("anna", 8, 5, "POST", kind="adjustment", order="r1"), bought("anna", 2, 0, "cup", kind="view"),
]


def test_a_profile_reckoned_by_hand(engine: Engine) -> None:
    put(engine, ANNA, [{"customer": "anna", "first_seen": AS_OF - timedelta(days=120), "country": "FR"}])
    assert build_profiles(engine, AS_OF) == 1
    anna = rows(engine)[0]
    expected = {
        "as_of": AS_OF, "first_purchase_at": ANNA[0]["occurred_at"], "last_purchase_at": ANNA[4]["occurred_at"],
        "known_days": 120, "days_since_last": 10, "recency_days": 90, "T_days": 100, "frequency": 2, "purchase_days": 3,
        "orders": 4, "items": 6, "n_products": 3, "net_revenue": 135, "monetary_value": 50, "avg_basket": 37.5,
        "last_basket": 40, "max_basket": 60, "products_per_order": 1.25, "returns_share": 0.1, "returns_90d": 1,
        "mean_gap_days": 45, "last_gap_days": 50, "max_gap_days": 50, "overdue_ratio": pytest.approx(10 / 45),
        "days_since_third_last": 100, "active_months": 3, "purchase_days_14d": 1, "purchase_days_60d": 2,
        "orders_30d": 1, "orders_90d": 3, "orders_180d": 4, "orders_365d": 4,
        "spend_30d": 40, "spend_90d": 100, "spend_180d": 150, "spend_365d": 150,
        "visits_7d": 1, "visits_30d": 1, "carts_30d": 0, "days_since_visit": 2,
        "country": "FR", "favourite_product": "tea", "favourite_category": None, "favourite_hour": 9,
    }
    assert {name: anna[name] for name in expected} == expected
    assert anna["favourite_weekday"] == ANNA[2]["occurred_at"].weekday()


def test_active_months_are_calendar_months_and_stay_what_they_are(engine: Engine) -> None:
    put(engine, [bought("anna", ago, 5) for ago in (10, 29, 30, 31, 380)])  # 21, 2 and 1 June, 31 May, 17 June of last year
    for later in range(0, 62, 7):
        build_profiles(engine, AS_OF + timedelta(days=later))
        assert rows(engine)[0]["active_months"] == 3


def test_somebody_who_never_bought_has_zeros_and_nulls(engine: Engine) -> None:
    put(engine, [bought("ben", 5, 0, kind="view")], [{"customer": "cleo", "first_seen": None}])
    assert build_profiles(engine, AS_OF) == 2
    for person in rows(engine):
        assert person["orders"] == person["net_revenue"] == person["spend_365d"] == person["frequency"] == 0
        assert person["days_since_last"] is person["monetary_value"] is person["T_days"] is person["returns_share"] is None
    assert [person["known_days"] for person in rows(engine)] == [5, None]


def test_lines_without_a_customer_and_people_seen_later_have_no_profile(engine: Engine) -> None:
    put(engine, [bought(None, 5, 9), bought("late", -1, 9)], [{"customer": "later", "first_seen": AS_OF}])
    assert build_profiles(engine, AS_OF) == 0


def test_an_event_at_the_cutoff_is_not_seen(engine: Engine) -> None:
    at = {**bought("anna", 1, 7), "occurred_at": AS_OF}
    put(engine, [*ANNA, at])
    build_profiles(engine, AS_OF)
    assert rows(engine)[0]["orders"] == 4


EVENTS = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(-40, 400), st.integers(1, 50_000),
                            st.sampled_from(["purchase", "purchase", "return", "view"])), max_size=40)


@settings(max_examples=8, deadline=None)
@given(EVENTS, st.randoms(use_true_random=False))
def test_neither_row_order_nor_later_events_change_a_profile(drawn: list[tuple[str, int, int, str]], random: Any) -> None:
    events = [bought(who, ago, cents / 100 * (-1 if kind == "return" else 1), f"p{cents % 5}", kind, f"o{n // 2}")
              for n, (who, ago, cents, kind) in enumerate(drawn)]
    before = [event for event in events if event["occurred_at"] < AS_OF]
    shuffled = events[:]
    random.shuffle(shuffled)
    results = []
    duck = DuckEngine(threads=1)
    ensure_tables(duck)
    for given_events in (before, shuffled):
        put(duck, given_events)
        build_profiles(duck, AS_OF)
        build_segments(duck, AS_OF)
        results.append((rows(duck), rows(duck, "segments")))
    duck.close()
    assert results[0] == results[1]


def test_a_share_keeps_the_same_people_at_every_cutoff(engine: Engine) -> None:
    put(engine, [bought(f"c{n}", ago, 5, order=f"{n}-{ago}") for n in range(400) for ago in (10, 50)])
    kept = []
    for cutoff in (AS_OF, AS_OF - timedelta(days=30)):
        profile_features(engine, cutoff, "sampled", share=0.25, seed=3)
        kept.append({row["customer"] for row in rows(engine, "sampled")})
    assert kept[0] == kept[1]
    assert 70 <= len(kept[0]) <= 130
    assert profile_features(engine, AS_OF, "sampled", share=0.25, seed=4) != 0
    assert {row["customer"] for row in rows(engine, "sampled")} != kept[0]


def shop_of_all_kinds(engine: Engine) -> None:
    """Repeat gaps of 20 days mostly: active up to about 20 days, lapsed after about 40."""
    events = []
    for n in range(30):
        events += [bought(f"loyal{n:02}", ago, 20, order=f"l{n}-{ago}") for ago in range(5, 200, 20)]
        events += [bought(f"rich{n:02}", ago, 900, order=f"r{n}-{ago}") for ago in range(5, 200, 20)]
        events += [bought(f"active{n:02}", ago, 10, order=f"a{n}-{ago}") for ago in (3, 23)]
        events += [bought(f"risk{n:02}", ago, 10, order=f"k{n}-{ago}") for ago in (30, 50)]
        events += [bought(f"gone{n:02}", ago, 10, order=f"g{n}-{ago}") for ago in (300, 320)]
        events += [bought(f"new{n:02}", 4, 10, order=f"n{n}"), bought(f"once{n:02}", 250, 10, order=f"o{n}")]
    put(engine, events, [{"customer": f"lead{n:02}", "first_seen": AS_OF - timedelta(days=9)} for n in range(30)])


def test_segments_follow_the_shops_own_rhythm(engine: Engine) -> None:
    shop_of_all_kinds(engine)
    assert build_segments(engine, AS_OF) == 240
    found = {(row["customer"][:-2], row["segment"]) for row in rows(engine, "segments")}
    assert found == {("loyal", "loyal"), ("rich", "big_spender"), ("active", "active"), ("risk", "at_risk"), ("gone", "lapsed"),
                     ("new", "new"), ("once", "one_time"), ("lead", "prospect")}
    scores = {row["customer"]: (row["r_score"], row["f_score"], row["m_score"]) for row in rows(engine, "segments")}
    assert scores["rich00"][2] == 5
    assert scores["gone00"][0] == 1
    assert scores["lead00"] == (None, None, None)


def test_the_summary_adds_up(engine: Engine) -> None:
    shop_of_all_kinds(engine)
    build_segments(engine, AS_OF)
    summary = segment_summary(engine)
    assert sum(s.size for s in summary) == 240
    assert sum(s.share for s in summary) == pytest.approx(1)
    assert sum(s.revenue_share for s in summary) == pytest.approx(1)
    by_name = {s.segment: s for s in summary}
    assert by_name["big_spender"].revenue_share > 0.9
    assert by_name["lapsed"].median_days_since_last == 300
    assert by_name["loyal"].median_orders == 10
    assert by_name["prospect"].median_days_since_last is None


def test_personas_are_few_large_and_described_in_both_languages_without_numbers(engine: Engine) -> None:
    shop_of_all_kinds(engine)
    build_segments(engine, AS_OF)
    found = personas(engine)
    assert 3 <= len(found) <= 6
    assert sum(p.size for p in found) == 240
    for persona in found:
        assert persona.size >= MIN_PERSONA_SIZE
        for language in LANGUAGES:
            texts = (persona.label(language), *persona.facts(language))
            assert not any(character.isdigit() for text in texts for character in text)
        assert all("一" <= fact[0] <= "鿿" for fact in (persona.label_zh, *persona.facts_zh))


@given(st.dictionaries(st.sampled_from(SEGMENTS), st.integers(0, 60)))
def test_small_personas_are_merged(sizes: dict[str, int]) -> None:
    totals: dict[str, int] = {}
    for segment, persona in assign_personas(sizes).items():
        totals[persona] = totals.get(persona, 0) + sizes.get(segment, 0)
    used = {key: total for key, total in totals.items() if total}
    assert len(used) <= 6
    assert set(used) == {"everyone"} or all(total >= MIN_PERSONA_SIZE for total in used.values()) or not used


def test_a_shop_of_one_customer_and_an_empty_one(engine: Engine) -> None:
    put(engine, [bought("anna", 3, 5)])
    assert build_segments(engine, AS_OF) == 1
    assert [(p.key, p.size) for p in personas(engine)] == [("everyone", 1)]
    put(engine, [])
    build_profiles(engine, AS_OF)
    assert build_segments(engine, AS_OF) == 0
    assert personas(engine) == segment_summary(engine) == []


def test_asking_before_building_says_what_to_run(engine: Engine) -> None:
    with pytest.raises(NotFittedError) as caught:
        personas(engine)
    assert str(caught.value) == "Segments have not been built. Run `brandloom learn` first."
    assert "brandloom learn" in caught.value.text("zh")
    assert caught.value.text("zh") != str(caught.value)


def test_every_statement_translates_to_spark() -> None:
    select, values = feature_query(AS_OF)
    assert "QUALIFY" not in translate(select, values)
    translate(*profile_query(AS_OF))
    translate(read_sql("customers", "segments"), {"active_days": 30, "lapsed_days": 90})


def test_profiles_of_the_same_data_on_more_threads_are_equal() -> None:
    results = []
    rng = np.random.default_rng(1)
    drawn = rng.integers(1, 300, (3000, 3))
    for threads in (1, 3):
        duck = DuckEngine(threads=threads)
        ensure_tables(duck)
        put(duck, [bought(f"c{a}", int(b), c / 8, f"p{c % 9}", order=f"o{n // 3}") for n, (a, b, c) in enumerate(drawn.tolist())])
        build_profiles(duck, AS_OF)
        results.append(rows(duck))
        duck.close()
    assert results[0] == results[1]
