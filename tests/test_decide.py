"""Deciding: value, limits, holdout, variants, and what may never happen."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brandloom import i18n
from brandloom.decide import Audience, DecisionSummary, Economics, Products, Terms, Variant, decide, incremental_value
from brandloom.decide.policy import Permission, best_channel
from brandloom.decide.variants import Reader, choose_variants, fit
from brandloom.engine import DuckEngine, Engine, ensure_tables
from brandloom.errors import ConfigError, NotFittedError

NOW = datetime(2024, 5, 1)
GROUPS = {"tea": "kitchen", "cup": "kitchen", "pot": "kitchen", "bag": "bags", "lamp": "lights", "hat": "wear"}
MONEY = Economics(margin=0.5, assumed_lift=0.2, cost_per_message={"email": 0.1, "sms": 0.5})
TERMS = {one.name for one in fields(Terms)}
SETTINGS = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def person(number: int, **changes: object) -> dict[str, object]:
    """A customer worth writing to: half likely to buy for 100."""
    return {"customer": f"c{number:04d}", "country": "UK", "language": "en", "persona": "regulars", "p": 0.5, "spend": 50.0,
            "products": ["tea", "bag", "lamp"], "email": "", "sms": "no_consent"} | changes


def world(people: list[dict[str, object]]) -> Engine:
    """A warehouse after `learn`."""
    engine = DuckEngine(threads=1)
    ensure_tables(engine)
    ids = pa.array([str(x["customer"]) for x in people], pa.string())
    column = lambda name, kind=None: pa.array([x[name] for x in people], kind or pa.string())  # noqa: E731
    p = np.array([float(str(x["p"])) for x in people])
    engine.add("customers", pa.table({"customer": ids, "country": column("country"), "language": column("language")}))
    engine.put("segments", pa.table({"customer": ids, "persona": column("persona")}))
    engine.put("predictions", pa.table({"customer": ids, "p_purchase": p, "p_low": p * 0.8, "p_high": np.minimum(p * 1.2, 1.0),
                                        "expected_spend": column("spend", pa.float64())}))
    shown = [(x["customer"], rank, product) for x in people for rank, product in enumerate(x["products"], 1)]  # type: ignore[arg-type]
    engine.put("recommendations", pa.table({
        "customer": pa.array([s[0] for s in shown], pa.string()), "rank": pa.array([s[1] for s in shown], pa.int32()),
        "product": pa.array([s[2] for s in shown], pa.string())}))
    engine.put("product_groups", pa.table({"product": list(GROUPS), "product_group": list(GROUPS.values())}))
    return engine


def may(people: list[dict[str, object]]) -> pa.Table:
    """Eligibility: the empty text under a channel allows it, any other is the reason why not."""
    rows = [(x["customer"], channel, x[channel]) for x in people for channel in ("email", "sms")]
    return pa.table({"customer": pa.array([r[0] for r in rows], pa.string()), "channel": pa.array([r[1] for r in rows], pa.string()),
                     "eligible": pa.array([r[2] == "" for r in rows], pa.bool_()),
                     "reason": pa.array([r[2] or None for r in rows], pa.string())})


def run(people: list[dict[str, object]], engine: Engine | None = None, plan: str = "spring",
        **changes: object) -> tuple[DecisionSummary, list[dict[str, object]]]:
    terms = Terms(**{"channels": ["email"], "languages": ["en", "zh"], "default_language": "en", "holdout_share": 0.0,  # type: ignore[arg-type]
                     **{name: value for name, value in changes.items() if name in TERMS}})
    others = {"economics": MONEY, "eligibility": may(people), "now": NOW, **{name: value for name, value in changes.items() if name not in TERMS}}
    engine = engine or world(people)
    summary = decide(engine, plan, terms, **others)  # type: ignore[arg-type]
    rows = engine.query("SELECT * FROM decisions WHERE plan = $plan ORDER BY customer", plan=plan).to_pylist()
    return summary, rows


def test_value_is_the_difference_a_message_makes() -> None:
    p, spend = np.array([0.5, 0.0, 1.0]), np.array([50.0, 0.0, 80.0])
    # lifted by 20 %: 0.1 more buyers of 100 each at half margin; nobody buys; nobody can buy more than surely
    assert incremental_value(p, spend, economics=MONEY, discount=0.0).tolist() == pytest.approx([5.0, 0.0, 0.0])


def test_a_deep_discount_costs_more_than_it_brings() -> None:
    p, spend = np.array([0.5]), np.array([50.0])
    break_even = 0.5 * 0.2 / 1.2
    assert incremental_value(p, spend, economics=MONEY, discount=break_even)[0] == pytest.approx(0.0)
    assert incremental_value(p, spend, economics=MONEY, discount=0.2)[0] == pytest.approx(100 * (0.1 * 0.3 - 0.5 * 0.2))
    summary, rows = run([person(1)], discount=0.2)
    assert (summary.actions["send"], rows[0]["reason"]) == (0, "not_worth_it")
    rarely_used = replace(MONEY, redemption=0.1)
    assert run([person(1)], discount=0.2, economics=rarely_used)[0].actions["send"] == 1


def test_every_known_customer_gets_one_row_with_its_reason() -> None:
    people = [person(1), person(2, country="FR"), person(3, persona="lapsed"), person(4, p=0.01, spend=1.0), person(5, email="minor"),
              person(6, email="suppressed"), person(7, products=[]), person(8, p=0.05, spend=0.5)]
    summary, rows = run(people, audience=Audience(countries=["UK"], personas=["regulars"], min_p=0.02))
    assert [r["reason"] for r in rows] == ["worth_it", "not_in_audience", "not_in_audience", "not_in_audience", "minor", "suppressed",
                                           "no_products", "not_worth_it"]
    assert summary.customers == len(people) == sum(summary.actions.values()) == sum(summary.reasons.values())
    assert rows[0]["variant"] == "regulars/kitchen/email/en"
    assert rows[0]["products"] == ["tea", "bag", "lamp"]
    assert (rows[0]["cost"], rows[0]["propensity"], rows[0]["policy"]) == (0.1, 1.0, summary.policy)
    assert all(r["variant"] is None and r["cost"] == 0 for r in rows[1:])


def test_whoever_is_not_listed_has_not_consented() -> None:
    _, rows = run([person(1)], eligibility=may([]))
    assert rows[0]["reason"] == "no_consent"


def test_one_bar_outweighs_a_permission() -> None:
    both = pa.concat_tables([may([person(1)]), may([person(1, email="suppressed")]), may([person(1)])])
    assert run([person(1)], eligibility=both)[1][0]["reason"] == "suppressed"


def test_cheapest_permitted_channel_wins_and_ties_go_by_order() -> None:
    people = [person(1, sms=""), person(2, email="no_address", sms=""), person(3, email="no_address")]
    assert [r["channel"] for r in run(people, channels=["sms", "email"])[1]] == ["email", "sms", None]
    even = replace(MONEY, cost_per_message={"email": 0.1, "sms": 0.1})
    assert run(people, channels=["sms", "email"], economics=even)[1][0]["channel"] == "sms"


def test_budget_goes_to_the_highest_value_per_cost() -> None:
    people = [person(n, spend=50.0 + n) for n in range(10)]
    summary, rows = run(people, budget=0.3)
    assert [r["customer"] for r in rows if r["action"] == "send"] == ["c0007", "c0008", "c0009"]
    assert summary.cost == pytest.approx(0.3)
    assert summary.reasons == {"over_budget": 7, "worth_it": 3}


def test_audience_size_is_a_limit_of_its_own() -> None:
    summary, _ = run([person(n) for n in range(10)], audience=Audience(max_size=4))
    assert summary.reasons == {"audience_full": 6, "worth_it": 4}


def test_language_is_the_customers_own_where_the_brief_has_it() -> None:
    people = [person(1, language="zh-CN"), person(2, language="fr"), person(3, language=None), person(4, language="EN")]
    assert [r["language"] for r in run(people, default_language="zh")[1]] == ["zh", "zh", "zh", "en"]


def test_shown_products_are_of_more_than_one_group() -> None:
    (row,) = run([person(1, products=["tea", "cup", "pot", "bag", "lamp"])])[1]
    assert row["products"] == ["tea", "cup", "bag", "lamp"]
    (row,) = run([person(1, products=["tea", "cup", "pot"])])[1]
    assert row["products"] == ["tea", "cup", "pot"]


def test_the_briefs_products_are_kept_to() -> None:
    people = [person(1), person(2, products=["bag"])]
    assert [r["products"] for r in run(people, products=Products(exclude=["bag"]))[1]] == [["tea", "lamp"], []]
    assert [r["products"] for r in run(people, products=Products(include=["lamp", "tea"]))[1]] == [["tea", "lamp"], ["lamp", "tea"]]


def test_deciding_a_plan_again_replaces_its_rows_only() -> None:
    people = [person(n) for n in range(3)]
    engine = world(people)
    run(people, engine, plan="other")
    run(people, engine)
    summary, rows = run(people, engine, audience=Audience(max_size=1))
    assert len(rows) == 3
    assert summary.actions["send"] == 1
    assert engine.query("SELECT count(*) AS n FROM decisions")["n"].to_pylist() == [6]


def test_holdout_is_comparable_and_its_share_is_as_asked() -> None:
    people = [person(n, spend=20.0 + n % 100, email="no_consent" if n % 3 == 0 else "") for n in range(6000)]
    _, rows = run(people, holdout_share=0.1, budget=300)
    spend = {x["customer"]: float(str(x["spend"])) for x in people}
    held = [spend[r["customer"]] for r in rows if r["action"] == "holdout"]
    sent = [spend[r["customer"]] for r in rows if r["action"] == "send"]
    assert len(held) + len(sent) == 3000
    assert abs(len(held) - 300) < 4 * np.sqrt(3000 * 0.1 * 0.9)
    assert abs(np.mean(held) - np.mean(sent)) < 4 * np.std(sent) / np.sqrt(len(held))
    assert {(r["action"], r["propensity"]) for r in rows} == {("holdout", 0.1), ("send", 0.9), ("skip", 1.0)}
    assert all(r["variant"] and r["cost"] == 0 for r in rows if r["action"] == "holdout")


def test_another_plan_or_seed_draws_another_holdout() -> None:
    people = [person(n) for n in range(200)]
    draws = [tuple(r["action"] for r in run(people, holdout_share=0.5, **o)[1]) for o in ({}, {}, {"plan": "next"}, {"seed": 1})]
    assert draws[0] == draws[1]
    assert len(set(draws)) == 3


def test_rare_combinations_join_the_persons_next_best_group_or_the_general_text() -> None:
    people = [person(n) for n in range(5)] + [person(n, products=["bag"]) for n in range(10, 13)]
    people += [person(20, products=["hat", "bag"]), person(21, products=["hat"]), person(22, products=["lamp"])]
    summary, rows = run(people, max_variants=3)
    assert summary.variants == {"regulars/kitchen/email/en": 5, "regulars/bags/email/en": 4, "regulars/general/email/en": 2}
    assert summary.remapped == 3
    assert (rows[-3]["variant"], rows[-3]["products"]) == ("regulars/bags/email/en", ["bag", "hat"])
    assert (rows[-1]["variant"], rows[-1]["product_group"]) == ("regulars/general/email/en", "general")


def test_the_texts_that_keep_most_value_are_written() -> None:
    rich, many = Reader("a", ("x", "y"), "email", "en"), Reader("b", ("y", "x"), "email", "en")
    lone = Reader("c", ("z",), "email", "zh")
    selection = choose_variants({rich: 90.0, many: 9.0, lone: 1.0}, 3)
    assert selection.kept == (Variant("a", "x", "email", "en"), Variant("b", "y", "email", "en"), Variant("c", "z", "email", "zh"))
    tight = choose_variants({rich: 90.0, many: 9.0, lone: 1.0}, 2)
    assert set(tight.kept) == {Variant("a", "general", "email", "en"), Variant("c", "general", "email", "zh")}
    assert tight.best_for(many) == Variant("a", "general", "email", "en")
    four = {rich: 90.0, many: 9.0, lone: 1.0, rich._replace(groups=("q", "w")): 5.0, many._replace(groups=("v",)): 2.0}
    assert choose_variants(four, 3).kept[2:] == (Variant("a", "x", "email", "en"),)  # the text on what the most valuable are shown
    counts, shares = zip(*choose_variants(four, 3).shares, strict=True)
    assert counts[0] == 2 and list(shares) == sorted(shares) and 0 < shares[0] < shares[-1] <= 1.0 + 1e-9


def test_expected_buyers_have_an_interval_around_them() -> None:
    summary, _ = run([person(n) for n in range(100)])
    assert summary.expected_buyers == pytest.approx(50)
    assert 25 < summary.buyers_low < 40
    assert 60 < summary.buyers_high < 75
    assert summary.expected_value == pytest.approx(500)


def test_nobody_known_decides_nothing() -> None:
    summary, rows = run([])
    assert (summary.customers, rows, summary.variants) == (0, [], {})


ERRORS = [
    ({"holdout_share": 1.0}, "holdout share is 1.0", "对照组比例"), ({"max_variants": 0}, "max_variants is 0", "max_variants"),
    ({"channels": ["post"]}, "'post' has no cost per message. Channels with one: email, sms", "没有单条发送成本"),
    ({"channels": []}, "names no channel", "没有指定渠道"), ({"default_language": "fr"}, "'fr' is not among", "默认语言"),
    ({"discount": 20}, "discount is 20; it must be a share between 0 and 1", "介于 0 和 1"),
]


@pytest.mark.parametrize(("options", "english", "chinese"), ERRORS, ids=[next(iter(e[0])) for e in ERRORS])
def test_wrong_options_are_one_clear_line(options: dict[str, object], english: str, chinese: str) -> None:
    with pytest.raises(ConfigError) as caught:
        run([person(1)], **options)
    assert english in caught.value.text("en")
    assert chinese in caught.value.text("zh")


def test_wrong_economics_are_one_clear_line() -> None:
    with pytest.raises(ConfigError, match="margin is 0; it must be a share"):
        Economics(margin=0, assumed_lift=0.1, cost_per_message={})
    with pytest.raises(ConfigError, match=r"assumed_lift is -0\.1"):
        Economics(margin=0.4, assumed_lift=-0.1, cost_per_message={})
    with pytest.raises(ConfigError, match="cost_per_message of 'email' is -1"):
        Economics(margin=0.4, assumed_lift=0.1, cost_per_message={"email": -1})


def test_too_few_variants_for_the_languages_says_so() -> None:
    with pytest.raises(ConfigError, match="max_variants is 1, but the plan has 2 combinations") as caught:
        run([person(1), person(2, language="zh")], max_variants=1)
    assert "渠道与语言组合" in caught.value.text("zh")


def test_before_learning_there_is_nothing_to_decide_on() -> None:
    engine = DuckEngine()
    ensure_tables(engine)
    with pytest.raises(NotFittedError, match="brandloom learn") as caught:
        run([], engine)
    assert "brandloom learn" in caught.value.text("zh")


def test_every_reason_has_a_sentence_in_both_languages() -> None:
    from brandloom.decide import REASONS
    for template in REASONS.values():
        assert i18n.translate(template, "zh") != template


PEOPLE = st.lists(st.builds(
    lambda p, basket, language, persona, products, email, sms: {
        "p": p, "spend": p * basket, "language": language, "persona": persona, "products": products, "email": email, "sms": sms},
    st.floats(0, 1), st.floats(0, 500), st.sampled_from(["en", "zh", "fr", None]), st.sampled_from(["regulars", "lapsed", "new", None]),
    st.lists(st.sampled_from(list(GROUPS)), unique=True, max_size=5), st.sampled_from(["", "", "no_consent", "frequency_cap"]),
    st.sampled_from(["", "no_address"])), max_size=40).map(lambda rows: [person(n, **row) for n, row in enumerate(rows)])


@SETTINGS
@given(people=PEOPLE, budget=st.floats(0, 4), share=st.floats(0, 0.9), discount=st.floats(0, 0.3), most=st.integers(4, 12),
       size=st.integers(1, 40), random=st.randoms(use_true_random=False))
def test_no_limit_is_ever_broken_and_order_changes_nothing(people: list[dict[str, object]], budget: float, share: float, discount: float,
                                                           most: int, size: int, random: object) -> None:
    options = {"budget": budget, "holdout_share": share, "discount": discount, "max_variants": most, "channels": ["sms", "email"],
               "audience": Audience(max_size=size)}
    summary, rows = run(people, **options)
    allowed = {(x["customer"], channel) for x in people for channel in ("email", "sms") if x[channel] == ""}
    targets = [r for r in rows if r["action"] != "skip"]
    assert sum(MONEY.cost_per_message[str(r["channel"])] for r in targets) <= budget + 1e-9
    assert len(targets) <= size
    assert len({r["variant"] for r in targets}) <= most
    for row in rows:
        assert 0 < float(str(row["propensity"])) <= 1
        options_of = json.loads(str(row["candidates"]))
        assert sum(o["probability"] for o in options_of) == pytest.approx(1)
        assert next(o["probability"] for o in options_of if o["action"] == row["action"]
                    and o.get("channel", row["channel"]) == row["channel"]) == row["propensity"]
        if row["action"] == "send":
            assert (row["customer"], row["channel"]) in allowed
            assert row["variant"] in summary.variants
            assert row["products"]
            assert float(str(row["expected_value"])) > float(str(row["cost"]))
    shuffled = list(people)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert run(shuffled, **options) == (summary, rows)


READERS = st.builds(Reader, st.sampled_from("abcd"), st.lists(st.sampled_from(["x", "y", "z", "general"]), min_size=1, max_size=4, unique=True)
                    .map(tuple), st.just("email"), st.sampled_from(["en", "zh"]))


@given(st.dictionaries(READERS, st.floats(0, 100), min_size=1), st.integers(2, 10))
def test_texts_stay_within_the_limit_and_serve_everyone(readers: dict[Reader, float], most: int) -> None:
    selection = choose_variants(readers, most)
    assert 1 <= len(selection.kept) <= most and len(set(selection.kept)) == len(selection.kept)
    for reader in readers:
        best = selection.best_for(reader)
        assert fit(reader, best) == max(fit(reader, variant) for variant in selection.kept) > 0
    if len({(reader.persona, reader.groups[0], reader[2:]) for reader in readers}) <= most:
        assert all(fit(reader, selection.best_for(reader)) == 1 for reader in readers)
    counts = [count for count, _share in selection.shares]
    assert counts == list(range(counts[0], counts[0] + len(counts))) and selection.shares[-1][1] <= 1 + 1e-6


def test_each_person_is_written_to_on_the_channel_that_brings_most() -> None:
    dear = replace(MONEY, cost_per_message={"email": 0.01, "sms": 1.0}, lift_by_channel={"sms": 0.5})
    people = [person(1, spend=50.0, sms=""), person(2, spend=2.0, sms=""), person(3, spend=50.0, email="no_address", sms=""), person(4)]
    summary, rows = run(people, channels=["email", "sms"], economics=dear)
    assert [row["channel"] for row in rows] == ["sms", "email", "sms", "email"]
    options = json.loads(str(rows[0]["candidates"]))
    assert [(one["action"], one.get("channel"), one["probability"]) for one in options] == [
        ("send", "email", 0), ("send", "sms", 1), ("holdout", None, 0), ("skip", None, 0)]
    assert summary.cost == pytest.approx(2.02)


def test_where_money_is_short_the_dear_channel_is_for_those_it_adds_most_to() -> None:
    dear = replace(MONEY, cost_per_message={"email": 0.1, "sms": 1.0}, lift_by_channel={"sms": 0.6})
    people = [person(n, spend=20.0 + 10 * n, sms="") for n in range(10)]
    summary, rows = run(people, channels=["email", "sms"], economics=dear, budget=4.0)
    chosen = [row["channel"] for row in rows if row["action"] == "send"]
    assert len(chosen) == 10 and chosen == sorted(chosen) and 0 < chosen.count("sms") < 10
    assert summary.cost <= 4.0
    cheap, _ = run(people, channels=["email"], economics=dear, budget=4.0)
    assert summary.expected_value - summary.cost > cheap.expected_value - cheap.cost


@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 9), st.booleans(), st.booleans()), min_size=1, max_size=5), st.floats(0, 12))
def test_choosing_channels_breaks_no_permission_and_is_best_without_a_budget(rows: list[tuple[float, float, bool, bool]], budget: float) -> None:
    mail, text, may_mail, may_text = (np.array(column) for column in zip(*rows, strict=True))
    allowed = [Permission(may_mail, np.array([])), Permission(may_text, np.array([]))]
    free = best_channel(allowed, [mail, text], [0.5, 2.0], budget=None)
    tight = best_channel(allowed, [mail, text], [0.5, 2.0], budget=budget)
    for n, (value_mail, value_text, mails, texts) in enumerate(rows):
        gains = {0: value_mail - 0.5 if mails else -np.inf, 1: value_text - 2.0 if texts else -np.inf}
        assert free[n] == (-1 if not (mails or texts) else max(gains, key=lambda one: gains[one]))
        assert tight[n] == -1 or (mails, texts)[tight[n]]
        assert (tight[n] == -1) == (free[n] == -1) and tight[n] <= free[n]  # shortage only ever moves people to the cheaper channel
