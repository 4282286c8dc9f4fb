"""Conduct: nobody is insulted or named, nothing is copied, links lead to the shop, and a hard text is told so with its measure."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brandloom.content import check_copy
from brandloom.content.checks.conduct import Conduct, check_conduct
from brandloom.content.checks.finding import Finding
from brandloom.content.checks.form import check_forbidden
from brandloom.content.checks.ground import ground
from brandloom.content.checks.links import check_links
from brandloom.content.checks.normalise import fold_places
from brandloom.content.checks.personal import _SERVICE, check_personal
from brandloom.content.checks.readability import ease_of, syllables
from brandloom.content.checks.tongue import check_tongue
from brandloom.content.studio import Gate, read_asked
from brandloom.errors import DataError
from brandloom.govern.patterns import _RECOGNISERS, find_personal

DEVELOPED_ON = Path(__file__).parents[1] / "benchmarks" / "data" / "conduct_dev.tsv"
CATALOGUES = Path(__file__).parents[2] / "shared" / "data"
RIVAL = "Slow mornings deserve a good cup. Our beans are roasted in small batches every Tuesday and shipped the next day."


def rows() -> list[dict[str, str]]:
    with DEVELOPED_ON.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def found(row: dict[str, str]) -> list[Finding]:
    given_ = json.loads(row["given"] or "{}")
    conduct = Conduct(tuple(given_.get("competitors", ())), tuple(given_["links"]) if "links" in given_ else None, given_.get("readability"),
                      ground(given_.get("facts", {})).text)
    return [item for item in check_conduct(row["text"], row["language"], conduct) if item.rule == row["check"]]


@pytest.mark.parametrize("check", ["respect", "link", "personal", "readability", "similar"])
def test_the_sentences_the_checks_were_written_on(check: str) -> None:
    wanted = {"stop": (True, True), "look": (True, False), "pass": (False, False)}
    wrong = [row["text"] for row in rows() if row["check"] == check
             and (bool(found(row)), any(item.blocks for item in found(row))) != wanted[row["label"]]]
    assert wrong == []


def test_every_finding_gives_its_place_reason_and_advice_in_both_languages() -> None:
    seen = set()
    for row in rows():
        for item in found(row):
            seen.add(item.rule)
            assert item.span is not None and row["text"][slice(*item.span)].startswith(item.excerpt.removesuffix("...")[:20])
            for said in (item.text, item.advice):
                english, chinese = said("en"), said("zh")
                assert english and chinese and english != chinese
                assert "{" not in english + chinese
    assert seen == {"respect", "link", "personal", "readability", "similar"}


@pytest.mark.parametrize(("spelling", "rule"), [("智 障", "respect"), ("傻·逼", "respect"), ("白\u200b痴", "respect"), ("bai痴", "respect"),
                                                ("f*ck", "respect"), ("sh1t", "respect"), ("ｉｄｉｏｔ", "respect")])
def test_disguises_do_not_help(spelling: str, rule: str) -> None:
    assert rule in {item.rule for item in check_conduct(f"看这里 {spelling} ", "zh", Conduct())}


@pytest.mark.parametrize("text", [
    "去死皮磨砂膏", "送给妈妈的礼物", "给他妈妈的围巾", "生日你最大", "周围神经病变护理袜", "废物利用收纳盒", "滚蛋汤料包", "侏儒兔饲料", "太平公主传", "小丑女装扮",
    "傻子瓜子一斤装", "杀死99%的细菌", "蝗虫养殖手册", "女生没有它不行", "她不会错过的香水", "广东人最爱的土鸡", "不配送偏远地区",
    "A garden hoe", "Salad tosser", "Oilseed rape honey", "Fatty acids", "Shut the door", "A hobo bag", "Midget gems", "We will get you a refund",
    "The screw you need", "Never too old to play", "Ladies can't get enough of it", "Muffin top tin", "Peasant blouse", "Prick the potato first"])
def test_lawful_words_that_hold_a_bad_one(text: str) -> None:
    language = "en" if text.isascii() else "zh"
    assert [item.excerpt for item in check_conduct(text, language, Conduct()) if item.rule == "respect"] == []


@pytest.mark.parametrize(("link", "allowed", "passes"), [
    ("https://shop.example", ["shop.example"], True), ("www.shop.example/a?b=1#c", ["shop.example"], True), ("http://SHOP.example/", ["shop.example"], True),
    ("https://a.shop.example", ["shop.example"], False), ("https://a.shop.example", ["*.shop.example"], True), ("https://shop.example", ["*.shop.example"], False),
    ("https://shop.example/sale/1", ["https://shop.example/sale"], True), ("https://shop.example/sales", ["https://shop.example/sale"], False),
    ("https://shop.example.evil.com", ["shop.example"], False), ("https://shop.example@evil.com", ["shop.example"], False),
    ("https://evil.com/shop.example", ["shop.example"], False), ("//evil.com", ["shop.example"], False), ("https://shop.example:8443/", ["shop.example"], False),
    ("javascript:alert(1)", ["shop.example"], False), ("https://shоp.example", ["shop.example"], False), ("https://[::1", ["shop.example"], False)])
def test_a_link_passes_only_when_its_host_is_the_shops(link: str, allowed: list[str], passes: bool) -> None:
    assert (check_links(f"See {link} now", allowed) == []) is passes


def test_reading_ease_is_that_of_the_published_formula() -> None:
    counts = {"cat": 1, "table": 2, "beautiful": 3, "education": 4, "little": 2, "smiled": 1, "boxes": 2, "created": 3, "idea": 3, "kettle": 2, "the": 1,
              "house": 1, "water": 2, "family": 3, "easy": 2, "wanted": 2, "shipped": 1}
    assert {word: syllables(word) for word in counts} == counts
    text = "The cat sat on the mat. The dog ran to the door. We had a cup of tea and a bun."
    ease = ease_of(text, "en")
    assert ease is not None and ease.value == pytest.approx(206.835 - 1.015 * 21 / 3 - 84.6 * 21 / 21)
    assert ease_of("Short.", "en") is None
    chinese = ease_of("早上起来，烧一壶水，水流慢。泡茶正好，也不烫手，很好。", "zh")
    assert chinese is not None and chinese.value == 10.5 and chinese.rare == 0


def test_a_hard_text_is_a_caution_and_blocks_only_beyond_a_limit() -> None:
    hard = next(row for row in rows() if (row["check"], row["label"]) == ("readability", "look"))
    kinds = [[(item.severity, item.rule) for item in check_conduct(hard["text"], "en", Conduct(readability=limit))] for limit in (None, 5.0)]
    assert kinds == [[("caution", "readability")], [("ban", "readability")]]


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=120) | st.lists(st.sampled_from(["https://", "evil.com", "shop.example", "@", "。", "[.]", "胖子", "13800138000", "x@y.z", " ", "."]),
                                        max_size=12).map("".join), st.sampled_from(["en", "zh"]))
def test_no_text_makes_the_checks_fail_and_places_lie_in_it(text: str, language: str) -> None:
    for item in check_conduct(text, language, Conduct((RIVAL,), ("shop.example",), 60.0)):
        assert item.span is not None and 0 <= item.span[0] < item.span[1] <= len(text)
        assert item.text("en") and item.text("zh") and item.advice("en") and item.advice("zh")


@pytest.mark.parametrize("number", range(len(_RECOGNISERS)))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(data=st.data())
def test_every_pattern_of_personal_data_gets_its_look(number: int, data: st.DataObject) -> None:
    value = data.draw(st.from_regex(_RECOGNISERS[number][1]))
    text = data.draw(st.sampled_from(["", "新品上市。", "订单 ", "电话：", "Nice! "])) + value + data.draw(st.sampled_from(["", "。明天见", "!", " and"]))
    folded = fold_places(text)
    wanted = [folded.source_span(item.start, item.end) for item in find_personal(folded.text)]
    found = [item.span for item in check_personal(text)]
    assert set(found) == {span for span in wanted if not _SERVICE.fullmatch(text[slice(*span)])} or not text.isascii()
    assert bool(found) == any(not _SERVICE.fullmatch(text[slice(*span)]) for span in wanted)


def test_lines_bring_competitors_links_and_a_limit() -> None:
    line: dict[str, Any] = {"id": 1, "text": f"{RIVAL} See evil.com, you idiot.", "lang": "en", "competitors": RIVAL, "links": ["shop.example"]}
    [row] = check_copy([json.dumps(line)], reasons_in="zh")
    by_rule = {item["rule"]: item for item in row["findings"]}
    assert row["verdict"] == "block" and {"conduct.similar", "conduct.link", "conduct.respect"} <= by_rule.keys()
    assert by_rule["conduct.link"]["excerpt"] == "evil.com" and "shop.example" in by_rule["conduct.link"]["suggestion"]
    assert "国际商会" in by_rule["conduct.respect"]["source"] and "竞品" in by_rule["conduct.similar"]["reason"]
    hotline = {"id": 2, "text": "Write to hello@shop.example", "facts": {"contact": "hello@shop.example"}, "lang": "en"}
    rules = [[item["rule"] for item in row["findings"] if item["rule"].startswith("conduct.")]
             for row in check_copy([json.dumps(hotline), json.dumps(hotline | {"facts": {}})])]
    assert rules == [[], ["conduct.personal"]]


@pytest.mark.parametrize(("field", "value", "allowed"), [("competitors", 3, '["..."]'), ("links", [1], '["shop.example"]'), ("readability", -1, "0 < 60 <= 200"),
                                                        ("readability", "easy", "0 < 60 <= 200")])
def test_a_line_with_a_wrong_field_says_what_is_allowed(field: str, value: object, allowed: str) -> None:
    with pytest.raises(DataError) as caught:
        list(check_copy([json.dumps({"id": 1, "text": "x", field: value})]))
    assert caught.value.text("en") == f"Line 1: '{field}' is '{value}'. Allowed: {allowed}."


@pytest.mark.parametrize(("text", "facts", "passes"), [
    ("客服电话：021-5888 1234", {"电话": "021-58881234"}, True), ("拨打 +86 138 1234 5678", {"电话": "13812345678"}, True),
    ("拨打 13812345679", {"电话": "13812345678"}, False), ("Call (020) 7946 0123", {"phone": "+44 20 7946 0123"}, True),
    ("Call 020 7946 0124", {"phone": "+44 20 7946 0123"}, False), ("Write to hello@shop.example", {"mail": "Hello@Shop.example"}, True),
    ("门店：上海市南京西路128号3楼", {"地址": "上海市静安区南京西路128号3楼"}, True), ("门店：上海市南京西路129号3楼", {"地址": "上海市静安区南京西路128号3楼"}, False),
    ("加微信 shopgood88", {"微信号": "shopgood88"}, True), ("加微信 shopgood89", {"微信号": "shopgood88"}, False),
    ("See https://shop.example/sale", {"url": "https://shop.example/sale"}, True), ("See https://shop.example/other", {"url": "https://shop.example/sale"}, False),
    ("See evil.com", {"text": "we like evil.com"}, False), ("See www.shop.example", {"url": "https://shop.example"}, True)])
def test_what_the_records_state_of_the_shop_may_stand(text: str, facts: dict[str, str], passes: bool) -> None:
    [row] = check_copy([json.dumps({"id": 1, "text": text, "facts": facts, "links": []})])
    assert [item["rule"] for item in row["findings"] if item["rule"].startswith("conduct.")] == [] if passes else row["verdict"] == "block"


def test_a_number_that_is_a_value_of_the_records_is_no_forbidden_one() -> None:
    def barred(text: str, *stated: str) -> list[str]:
        return [item.excerpt for item in check_forbidden(text, "body", stated)]
    assert barred("热线 0215888 1234") == ["0215888 1234"]
    assert barred("热线 0215888 1234", "021-58881234") == []
    assert barred("热线 0215888 1234，手机 13812345678", "021-58881234") == ["13812345678"]
    assert barred("Call 13812345678", "Call 13812345678 now") == ["13812345678"]
    assert barred("Write to a@b.example", "a@b.example") == []


def test_the_studios_gate_asks_the_same() -> None:
    kettle = {"name": "Aurora Kettle", "capacity": "1.2 l", "material": "steel", "colour": "matte black", "price": "49 GBP"}
    brief = {"lang": "en", "format": "product_description", "products": [kettle], "competitors": [RIVAL], "links": ["shop.example"], "readability": 30}
    gate = Gate(read_asked(json.dumps(brief), source="b"))
    lead = "Aurora Kettle holds 1.2 l, is made of steel and comes in matte black for 49 GBP."
    found_ = {text: {item.rule for item in gate.check({"text": f"{lead} {text}"}) if item.blocks}
              for text in ("Have a look at shop.example today.", "Have a look at evil.com today.", "Slow mornings deserve a good cup. Our beans are roasted in small "
                           "batches.", "Even an idiot can fill it.")}
    assert "link" not in found_["Have a look at shop.example today."]
    assert "link" in found_["Have a look at evil.com today."]
    assert "similar" in next(rules for text, rules in found_.items() if text.startswith("Slow"))
    assert "respect" in found_["Even an idiot can fill it."]


UNREAD = ("Die beste Garantie der Welt, heilt Krebs.", "La meilleure bouilloire du monde, garantie à vie.", "La mejor tetera del mundo, con garantía para siempre.",
          "Il miglior bollitore del mondo, garantito a vita.", "A melhor chaleira do mundo, cura o câncer.", "Najlepszy czajnik na świecie, leczy raka.",
          "De beste waterkoker ter wereld, met levenslange garantie.", "Ấm trà tốt nhất thế giới, chữa được ung thư.", "Teh terbaik di dunia, menyembuhkan kanker.",
          "Лучший чай в мире, лечит рак.", "がんを治すお茶です。", "세계 최고의 차, 암을 치료합니다.")


@pytest.mark.parametrize("sentence", UNREAD)
def test_a_language_that_no_rule_reads_does_not_pass(sentence: str) -> None:
    [alone] = check_copy([json.dumps({"id": 1, "text": sentence})])
    assert alone["verdict"] != "pass"
    mixed = f"A kettle for small kitchens. {sentence}"
    [found] = [item for item in check_tongue(mixed) if item.blocks]
    assert found.span is not None
    assert mixed[slice(*found.span)].strip() == sentence


@pytest.mark.parametrize("sentence", ["Crème brûlée like in our café, as you know it.", "Café au lait", "优の良品，春の味", "A tea à la carte, for two.", "Güde knives: made in Solingen.",
                                      "这款 Eau de Parfum 来自巴黎。", "α-Linolenic acid is in it."])
def test_names_and_loan_words_are_no_foreign_language(sentence: str) -> None:
    assert not check_tongue(sentence)


def test_the_records_own_name_is_no_foreign_language() -> None:
    line = {"id": 1, "text": "L'Huile de la Mer du Nord.", "facts": {"name": "L'Huile de la Mer du Nord"}}
    assert next(iter(check_copy([json.dumps(line)])))["verdict"] == "pass"
    assert next(iter(check_copy([json.dumps({**line, "facts": {"name": "Oil"}})])))["verdict"] == "needs_proof"


def test_real_copy_is_hardly_ever_taken_for_a_foreign_language() -> None:
    if not CATALOGUES.exists():
        pytest.skip("the shared data sets are not here")
    toys = pq.read_table(CATALOGUES / "amazon_toys_catalog" / "amazon_toys.parquet")["product_name"].to_pylist()
    titles = pq.read_table(CATALOGUES / "taobao_titles_ner" / "train.parquet")["text"].to_pylist()
    assert sum(bool(check_tongue(name)) for name in toys) <= len(toys) / 300  # some are German
    assert not any(check_tongue(title) for title in titles)
