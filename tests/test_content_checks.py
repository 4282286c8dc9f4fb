"""Nothing untrue, unlawful or malformed gets past the checks, and honest copy does."""

from __future__ import annotations

from datetime import date
from itertools import product
from pathlib import Path

import pytest
from benchmarks.compliance import labelled
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brandloom.content import (
    Brief,
    Persona,
    Product,
    ProductGroup,
    Request,
    build_facts,
    check,
    check_brief,
    check_text,
    review,
    write_variants,
)
from brandloom.content.checks import claims, figures
from brandloom.content.templates import framed
from brandloom.workspace import ShopConfig
from conftest import require

SHARED = Path(__file__).parents[1] / ".." / "shared" / "data" / "ad-law"
SHOP = ShopConfig(name="Harbour Gifts", currency="GBP")
PERSONA = Persona("regulars", "Regular customers", "常客", 100)
GROUP = ProductGroup("g1", "Hanging hearts", (Product("1", "WHITE HANGING HEART T-LIGHT HOLDER"), Product("2", "SET OF 3 CAKE TINS")))
BRIEF = Brief(name="x", offer={"kind": "percent_off", "value": 10, "code": "XMAS10", "until": date(2011, 12, 1)})
GOOD = {
    "en": {"subject": "Something small for the hallway", "preheader": "With {{ offer.value }} off until {{ offer.until }}",
           "headline": "Hang it where you like", "cta": "Have a look",
           "body": "We put a few hearts aside for you, starting with {{ product.name }}. Use code {{ offer.code }} for "
                   "{{ offer.value }} off until {{ offer.until }}."},
    "zh": {"subject": "给家里添一点心意", "preheader": "现在可享{{ offer.value }}优惠", "headline": "挂在你喜欢的地方", "cta": "去看看",
           "body": "我们为你留了几样，先看看 {{ product.name }} 吧。输入优惠码 {{ offer.code }}，可享{{ offer.value }}优惠。"},
}
OPENING = {"en": "What would you hang by the window? We have put a few aside for you.", "zh": "门边窗边，你想挂点什么？我们为你留了几样。"}
FALSE_CLAIMS = {
    "transaction": ("Your order is ready.", "您的包裹已发货。"),  # a small model wrote it as a subject
    "price": ("Now only £4.99, was £12.", "现价只要39元，原价99元。"),
    "percent": ("Save 30% on everything.", "全场七折，别等了。"),
    "date": ("The offer ends on 24 December.", "活动到12月24日为止。"),
    "free shipping": ("Free delivery on your order.", "现在下单全国包邮。"),
    "gift": ("There is a free gift for you.", "下单就有精美赠品。"),
    "stock": ("Only a few left, they are selling fast.", "库存告急，仅剩几件。"),
    "award": ("Our award-winning range is here.", "我们的获奖系列来了。"),
    "health": ("They relieve stress and help you sleep better.", "有助眠养生的功效。"),
    "eco": ("Made from sustainable, recycled cotton.", "采用环保可降解的材料。"),
    "guarantee": ("Satisfaction guaranteed or your money back.", "品质保证，不满意退款。"),
    "superlative": ("It is the best choice there is.", "这是最好的选择。"),
    "popularity": ("A bestseller that thousands of customers love.", "万人好评的爆款。"),
    "delivery": ("Delivered within two days.", "三天内送达。"),
    "urgency": ("Hurry, today only.", "最后一天，赶快行动。"),
}


def facts(language: str, brief: Brief = BRIEF):
    return build_facts(brief, Request(PERSONA, GROUP, "email", language), SHOP)


def blocking(slots: object, language: str, brief: Brief = BRIEF) -> list[str]:
    return [item.rule for item in check(slots, facts(language, brief), language=language) if item.blocks]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_honest_copy_passes(language: str) -> None:
    assert check(GOOD[language], facts(language), language=language) == []


@pytest.mark.parametrize(("kind", "language"), list(product(FALSE_CLAIMS, ("en", "zh"))))
def test_every_kind_of_false_claim_is_caught_in_every_long_part(kind: str, language: str) -> None:
    lie = FALSE_CLAIMS[kind][language == "zh"]
    for place in ("subject", "preheader", "headline", "body"):
        slots = {**GOOD[language], place: GOOD[language][place] + " " + lie}
        rules = {item.rule for item in check(slots, facts(language), language=language) if item.place == place}
        assert rules & {"claim", "figure", "ad-law"}, (place, lie)


@pytest.mark.parametrize(("language", "sentence"), [("en", "Take 10% off."), ("zh", "现在可享九折优惠。"), ("zh", "12月1日前都可以使用。"),
                                                    ("zh", "可享9折优惠。"), ("en", "Ask for the Set of 3 Cake Tins.")])
def test_figures_that_the_brief_gives_may_be_written_out(language: str, sentence: str) -> None:
    slots = {**GOOD[language], "body": GOOD[language]["body"] + " " + sentence}
    assert blocking(slots, language) == []


@pytest.mark.parametrize(("body", "caught"), [
    ("We've been thinking of you, {{ product.name }}. Have a look.", True), ("Welcome back, {{ product.name }}!", True),
    ("We have put a few aside for you, starting with {{ product.name }}.", False), ("Come and see {{ product.name }}.", False)])
def test_a_product_is_never_spoken_to_as_the_reader(body: str, caught: bool) -> None:
    found = check({**GOOD["en"], "body": body}, facts("en"), language="en")
    assert any("speaks to the product" in item.text("en") for item in found) is caught


def test_a_fact_of_the_brief_allows_its_claim_in_both_languages() -> None:
    brief = BRIEF.model_copy(update={"facts": Brief(name="x", facts=["All boxes are made of recycled paper"]).facts})
    slots = {**GOOD["zh"], "body": GOOD["zh"]["body"] + "包装盒采用环保纸张。"}
    assert "claim" in blocking(slots, "zh")
    assert blocking(slots, "zh", brief) == []


@pytest.mark.parametrize(("place", "text", "rule"), [
    ("body", "Hello {{ customer.email }}, have a look at {{ product.name }} when you like.", "slot"),
    ("body", "{% for p in products %}{{ product.name }}{% endfor %} is waiting for you here.", "slot"),
    ("body", "Have a look at {{ product.name and tell us what you think about it all.", "slot"),
    ("body", "Have a look at {{ product.name }} for just £{{ product.price }} when you like.", "slot"),
    ("body", "Use code {{ offer.code }} and enjoy {{ offer.value }}% off whatever you choose.", "slot"),
    ("subject", "Hi", "length"),
    ("subject", "A very long subject " * 6, "length"),
    ("headline", "Hang it [Your Company Name]", "placeholder"),
    ("body", "Read more at https://evil.example.com about {{ product.name }} when you like.", "link"),
    ("body", "Write to anna@example.com about {{ product.name }} whenever you would like to.", "email"),
    ("body", "Ring us on +44 20 7946 0958 about {{ product.name }} whenever you would like.", "phone"),
    ("body", "As an AI language model I think you would like {{ product.name }} in the hall.", "boilerplate"),
    ("body", "<b>{{ product.name }}</b> is waiting for you, whenever you would like to look.", "markup"),
    ("body", "看看 {{ product.name }} 吧，我们为你留了几样东西，可享{{ offer.value }}优惠。", "language"),
    ("body", "To unsubscribe reply STOP, or else have a look at {{ product.name }} right here.", "opt-out"),
    ("body", "Have a look at {{ product.name }}\u200b and tell us what you think of it today.", "invisible"),
])
def test_form_faults_are_named(place: str, text: str, rule: str) -> None:
    assert rule in blocking({**GOOD["en"], place: text}, "en")


@pytest.mark.parametrize("reply", ["", "plain text", [], None, {"subject": 3}, {"subject": "x", "extra": "y"}, {**GOOD["en"], "to": "a"}])
def test_a_reply_of_another_shape_is_a_finding(reply: object) -> None:
    assert "schema" in blocking(reply, "en")


@pytest.mark.parametrize("parts", [{"preheader": GOOD["zh"]["subject"]}, {"body": "我们有 {{ product.name }}，价格 {{ offer.value }}，欢迎你来逛逛看看。"}])
def test_repeated_parts_and_an_offer_called_a_price_are_findings(parts: dict[str, str]) -> None:
    assert {"repeat", "slot"} & set(blocking({**GOOD["zh"], **parts}, "zh"))


def test_a_slot_without_a_value_is_a_finding() -> None:
    assert "slot" in blocking(GOOD["en"], "en", Brief(name="x"))


def test_the_labelled_sentences_are_judged_right_by_the_review() -> None:
    require(SHARED.exists(), "shared data absent: put ../shared/data/ad-law beside the repository")
    found = labelled(SHARED)
    assert (found["of"], found["wrong"]) == (33, [])


@pytest.mark.parametrize("spelling", [
    "最 佳", "最·佳", "最\u200b佳", "最.佳", "最-佳", "最🔥佳", "蕞佳", "朂佳", "zui佳", "ZUI佳", "最jia", "最优佳", "第壹", "第①", "弟一", "苐一",
    "第1", "顶 级", "顶.级", "ding级", "頂級", "國家級", "国.家.级", "囯家级", "独1无2", "唯①", "惟一", "史上蕞低", "全網最低", "极pin",
    "稳赚不陪", "治yu", "ＮＯ．１", "销量第①", "包治百bing",
])
def test_disguised_spellings_are_found(spelling: str) -> None:
    assert review(f"我们的茶是{spelling}").verdict != "pass"


@pytest.mark.parametrize("sentence", ["第一次来就喜欢上了", "先看第1步，再看第2步", "最近天气凉了", "最后一步是盖上盖子", "我最想说的是谢谢", "好 最 近 见", "最好用温水冲泡",
                                      "您最好看一下说明书", "并非遗漏", "睡前喝一杯牛奶"])
def test_lawful_sentences_are_left_alone(sentence: str) -> None:
    assert review(sentence, sector="food").findings == ()


def test_an_absolute_term_in_a_products_name_is_a_caution_with_the_exemption() -> None:
    group = ProductGroup("g", "茶", (Product("1", "第一茶庄铁观音"), Product("2", "顶级龙井")))
    given_facts = build_facts(BRIEF, Request(PERSONA, group, "email", "zh"), SHOP)
    slots = {**GOOD["zh"], "body": "我们为你留了顶级龙井，先看看 {{ product.name }} 吧，什么时候来都可以。"}
    found = [item for item in check(slots, given_facts, language="zh") if item.rule == "ad-law"]
    assert [item.severity for item in found] == ["caution"]
    assert "6-4" in found[0].text("en")
    assert "广告法" in (found[0].article or "")


def test_findings_read_in_both_languages() -> None:
    found = check_text("The best price, only £3, guaranteed! 全网最低", "zh")
    assert {"claim", "figure", "ad-law"} <= {item.rule for item in found}
    for item in found:
        assert item.text("en") != item.text("zh")
        assert "{" not in item.text("en").replace("{{", "")
        assert "{" not in item.text("zh").replace("{{", "")


def test_the_words_of_the_brief_itself_are_checked() -> None:
    brief = Brief(name="x", facts=["全网最低", {"text": "获得金奖", "proof": "2024 certificate"}])
    assert [item.place for item in check_brief(brief)] == ["facts"]
    green = Brief(name="x", facts=["Our delivery is carbon neutral"])
    assert check_brief(green) == []
    assert [item.place for item in check_brief(green, jurisdictions=("cn", "eu"))] == ["facts"]


@pytest.mark.parametrize(("text", "expected"), [
    ("八五折", {("percent", "15")}), ("8.5折", {("percent", "15")}), ("百分之二十", {("percent", "20")}), ("半价", {("percent", "50")}),
    ("五百元", {("money", "CNY 500")}), ("£1,299.50", {("money", "GBP 1299.5")}), ("twenty percent", {("percent", "20")}),
    ("on 1st December 2011", {("date", "2011-12-01")}), ("十二月一日", {("date", "12-01")}), ("24-hour", {("duration", "24 h")}),
    ("三天", {("duration", "72 h")}), ("four hundred customers", {("count", "400")}), ("两款", {("count", "2")}),
    ("一年一度，十分喜欢，一起，折叠", set()), ("one of us may help", set()),
])
def test_figures_are_read_in_both_languages(text: str, expected: set[tuple[str, str]]) -> None:
    assert {(item.kind, item.value) for item in figures(text)} == expected


def test_claims_are_found_by_concept() -> None:
    assert [kind for kind, _concept, _words in claims("Free shipping, handmade in Italy")] == ["delivery", "process", "origin"]


GOALS = ("sell", "win_back", "cross_sell", "welcome", "announce")
KINDS = ("percent_off", "amount_off", "free_shipping", "gift", "none")


@pytest.mark.parametrize(("goal", "kind"), list(product(GOALS, KINDS)))
def test_every_bundled_template_passes_every_check(goal: str, kind: str) -> None:
    packs = ("absolute", "authority", "cosmetics", "education", "food", "guarantee", "invest", "medical", "realestate", "superstition")
    for code, until, language in product((None, "X10"), (None, date(2011, 12, 1)), ("en", "zh")):
        offer = {"kind": kind, "code": code, "until": until, "value": 10 if "off" in kind else None, "text": "a candle" if kind == "gift" else None}
        brief = Brief(name="x", goal=goal, offer=offer)
        [variant] = write_variants(None, brief, [Request(PERSONA, GROUP, "email", language)], shop=SHOP, packs=packs)
        assert variant.source == "template"
        assert variant.findings == ()


@pytest.mark.parametrize(("kind", "language"), list(product(KINDS, ("en", "zh"))))
def test_every_sentence_around_an_opening_passes_every_check(kind: str, language: str) -> None:
    opening = {**GOOD[language], "body": OPENING[language], "preheader": "Something to look at" if language == "en" else "留了几样给你"}
    offer = {"kind": kind, "code": "X10", "until": date(2011, 12, 1), "value": 10 if "off" in kind else None, "text": "a candle" if kind == "gift" else None}
    brief = Brief(name="x", offer=offer)
    for preheader, key in product((opening["preheader"], opening["preheader"].rstrip(".。") + "?？"[language == "zh"]), map(str, range(12))):
        slots = framed({**opening, "preheader": preheader}, brief, "email", language, key=key)
        assert "{{ product.name }}" in slots["body"]
        assert ("{{ offer.code }}" in slots["body"]) is (kind != "none")
        assert check(slots, facts(language, brief), language=language) == []


words = st.text(max_size=60) | st.sampled_from(["{{ product.name }}", "{{{{", "}}", "{%", "100%", "九九折", "零月零日", "万亿", "2011-99-99", "半折", "点折"])


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(["subject", "preheader", "headline", "body", "cta", "x"]), words | st.integers() | st.none()),
       st.sampled_from(["en", "zh"]))
def test_no_reply_of_a_model_can_make_the_checks_fail(slots: dict[str, object], language: str) -> None:
    for item in check(slots, facts(language), language=language):
        assert item.text("en")
        assert item.text("zh")
