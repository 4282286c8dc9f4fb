"""Law by jurisdiction: breaches are stopped, lawful uses pass, disguises do not help, and places are those of the text as given."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brandloom.content import check_copy, check_words, review
from brandloom.content.checks import JURISDICTIONS, sectors
from brandloom.content.checks.ground import ground
from brandloom.content.checks.normalise import read
from brandloom.content.checks.packs import RESPECT, open_pack, sector_of
from brandloom.content.checks.scan import Places, Scanner, Sweep
from brandloom.content.copycheck import BATCH
from brandloom.errors import DataError
from plain_search import find_everywhere, find_written
from test_cli import refused, run

SENTENCES = Path(__file__).parents[1] / "benchmarks" / "data"


def rows(name: str) -> list[dict[str, str]]:
    with (SENTENCES / f"compliance_{name}.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def verdict(row: dict[str, str]) -> str:
    facts = json.loads(row["facts"]) if row.get("facts") else None
    return review(row["text"], sector=row["sector"], jurisdiction=row.get("jurisdiction") or "cn", facts=facts).verdict


@pytest.mark.parametrize("name", ["dev_cn", "dev_en"])
def test_the_sentences_the_rules_were_written_on(name: str) -> None:
    wrong = [row["text"] for row in rows(name)
             if verdict(row) not in {"ban": {"block"}, "proof": {"needs_proof", "block"}, "lawful": {"pass"}}[row["label"]]]
    assert wrong == []


def test_disguised_spellings_are_found() -> None:
    missed = [row["text"] for row in rows("dev_disguised")
              if review(row["text"], sector="health_food" if row["sector"] == "health" else row["sector"],
                        jurisdiction=row["jurisdiction"]).verdict == "pass"]
    assert missed == []


@pytest.mark.parametrize(("text", "sector", "excerpt", "article"), [
    ("本店的茶是 国 家 级 品质", None, "国 家 级", "9(3)"),
    ("喝它能根\u200b治糖尿病", "食品", "根\u200b治", "17"),
    ("ＮＯ．１的选择", None, "ＮＯ．１", "9(3)"),
    ("稳zhuan不赔的项目", "金融", "稳zhuan不赔", "25(1)"),
    ("5分钟到高铁站的好房子", "房地产", "5分钟到", "26(2)"),
])
def test_a_finding_names_article_and_place(text: str, sector: str | None, excerpt: str, article: str) -> None:
    found = review(text, sector=sector, reasons_in="en")
    assert found.verdict == "block"
    first = next(item for item in found.findings if article in item.source)
    assert excerpt in text[first.span[0]:first.span[1]]
    assert text[first.span[0]:first.span[1]] == first.excerpt
    assert first.reason
    assert first.suggestion


def test_a_sentence_about_oneself_is_lawful_and_about_the_market_is_not() -> None:
    assert review("这是本系列中容量最大的一款").verdict == "pass"
    assert review("这是全国容量最大的一款").verdict != "pass"
    assert review("我们力争做最好的书店").verdict == "pass"
    assert review("我们是最好的书店").verdict == "block"


@pytest.mark.parametrize("record", [{"proof": "2023年本市第一家通过验收的门店"}, [{"品名": "第一家"}], {"price": 1}])
def test_records_that_were_read_before_weigh_the_same(record: object) -> None:
    text = "2023年本市第一家通过验收的门店"
    assert review(text, facts=ground(record)) == review(text, facts=record)


def test_a_record_proves_a_rank_but_no_praise() -> None:
    text = "2023年本市第一家通过验收的门店"
    assert review(text).verdict == "needs_proof"
    assert review(text, facts={"proof": "2023年本市第一家通过验收的门店"}).verdict == "pass"
    assert review("本市最好的门店", facts={"note": "本市最好的门店"}).verdict == "block"


@pytest.mark.parametrize(("text", "where", "record", "proven"), [
    ("Was £20, now £15", "eu", {"price": "£15", "was_price": "£20"}, True), ("Was £30, now £15", "eu", {"price": "£15", "was_price": "£20"}, False),
    ("Was £20, now £15", "eu", {"price": "£15"}, False), ("RRP £40, now £25", "uk", {"price": 25, "rrp": 40, "currency": "GBP"}, True),
    ("25% off the usual price", "us", {"price": "$15", "original_price": "$20"}, True),
    ("60% off the usual price", "us", {"price": "$15", "original_price": "$20"}, False), ("It was £5 well spent", "eu", {}, True),
    ("It was £50, now £25", "eu", {}, False)])
def test_an_earlier_price_is_proven_by_the_record_that_states_it(text: str, where: str, record: dict[str, object], proven: bool) -> None:
    found = review(text, jurisdiction=where, facts=record)
    assert found.verdict == ("pass" if proven else "needs_proof")
    assert all(item.severity == "caution" and "record" in item.reason for item in found.findings) is proven


@pytest.mark.parametrize(("text", "sector", "passes"), [
    ("最好用温水冲泡", "food", True), ("全国最好用的锅", "general", False), ("这口锅最好用了", "general", False), ("大家最好看看天气再出门", "general", True),
    ("并非遗漏", "general", True), ("非遗传承人手作", "general", False), ("非遗失物品", "general", True), ("治愈系甜点", "food", True),
    ("能治愈胃病的甜点", "food", False)])
def test_words_that_only_look_like_a_claim(text: str, sector: str, passes: bool) -> None:
    assert (review(text, sector=sector).verdict == "pass") is passes


def test_the_same_words_in_another_sector_and_jurisdiction() -> None:
    assert review("距地铁站步行5分钟到店", sector="food").verdict == "pass"
    assert review("距地铁站步行5分钟", sector="realestate").verdict == "block"
    assert review("Our trainers are carbon neutral", jurisdiction="eu").verdict == "block"
    assert review("Our trainers are carbon neutral", jurisdiction="us").verdict == "needs_proof"


@pytest.mark.parametrize("jurisdiction", JURISDICTIONS)
def test_every_pack_names_its_sources_and_was_reviewed(jurisdiction: str) -> None:
    pack = open_pack(jurisdiction)
    assert pack.reviewed >= date(2026, 11, 22)
    assert pack.version
    for rule in pack.rules:
        for words in (rule.source, rule.reason, rule.suggestion):
            assert set(words) == {"en", "zh"}, rule.id
            assert all(words.values()), rule.id
        assert "{" not in rule.reason["en"].replace("{excerpt}", "")
        assert rule.sectors | rule.not_sectors <= set(sectors()), rule.id


def test_sectors_have_names_in_both_languages() -> None:
    assert sector_of("房地产") == sector_of("Real Estate") == "realestate"
    assert sector_of(None) == "general"
    assert len(sectors()) >= 12
    with pytest.raises(DataError) as caught:
        sector_of("spaceships")
    assert "Unknown sector 'spaceships'. Sectors: agriculture, alcohol" in caught.value.text("en")


def test_exemptions_are_named() -> None:
    [item] = review("建议水温85度，此时口感最佳", sector="food", reasons_in="en").findings
    assert item.severity == "caution"
    assert "6-2" in item.reason


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80) | st.text(alphabet="最好佳第一国家级治疗糖尿病，。 .·🔥\u200b①１ＮＯzuijia", max_size=40), st.sampled_from(JURISDICTIONS))
def test_every_place_lies_in_the_text(text: str, jurisdiction: str) -> None:
    found = review(text, jurisdiction=jurisdiction)
    for item in found.findings:
        low, high = item.span
        assert 0 <= low < high <= len(text)
        assert item.excerpt == text[low:high]
    spans = sorted(item.span for item in found.findings)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60))
def test_reading_keeps_places(text: str) -> None:
    reading = read(text)
    for place in range(len(reading.text)):
        low, high = reading.source_span(place, place + 1)
        assert 0 <= low < high <= len(text)


def test_sentences_do_not_change_one_another() -> None:
    alone = review("全国最好的茶")
    among = review("今天天气不错。全国最好的茶。明天见")
    assert [item.excerpt for item in alone.findings] == [item.excerpt for item in among.findings]
    assert among.findings[0].span[0] == len("今天天气不错。")


@pytest.mark.parametrize("jurisdiction", JURISDICTIONS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_patterns_are_tried_wherever_they_match(jurisdiction: str, data: st.DataObject) -> None:
    # Sentences of the development set in pieces, so that patterns match, nearly match and stand at the ends.
    texts = [row["text"] for row in rows("dev_cn" if jurisdiction == "cn" else "dev_en")]
    parts = data.draw(st.lists(st.sampled_from(texts).flatmap(lambda text: st.integers(0, len(text)).map(lambda cut: text[cut:])), max_size=3))
    text = read("".join(parts)).text
    pack = open_pack(jurisdiction)
    found = _found(_scanner(jurisdiction, {}, pack.patterns).plain_places(read(text)))
    plain = {(name, match.start(), match.end()) for name, bodies in pack.patterns.items() for body in bodies
             for match in re.finditer(body, text, re.IGNORECASE) if match.group()}
    assert found == plain


_SWAPPED = {"最": "zui", "一": "①", "好": "hao", "治": "冶", "病": " 病", "家": "傢", "第": "第.", "无": "旡", "保": "保·", "赚": "zhuan", "a": "4", "e": "é"}


@pytest.mark.parametrize("jurisdiction", [*JURISDICTIONS, RESPECT])
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_scan_finds_what_a_plain_search_finds(jurisdiction: str, data: st.DataObject) -> None:
    pack = open_pack(jurisdiction)
    texts = [row["text"] for name in ("dev_cn", "dev_disguised", "dev_en") for row in rows(name)]
    word = st.sampled_from(sorted(pack.words)).flatmap(lambda name: st.sampled_from(sorted(pack.words[name]) or [""]))
    part = word | st.sampled_from(texts) | st.text(alphabet="最好佳第一级治病，。 .·🔥\u200b①１ＮＯzuijia4é%…\n-", max_size=12)
    text = "".join(data.draw(st.lists(part, max_size=5)))
    for disguise in data.draw(st.sets(st.sampled_from(sorted(_SWAPPED)), max_size=3)):
        text = text.replace(disguise, _SWAPPED[disguise])
    reading = read(text)
    for names in (pack.words.keys(), list(pack.words)[::3]):
        given_ = [{name: group[name] for name in group if name in names} for group in (pack.words, pack.patterns)]
        scanner = _scanner(jurisdiction, *given_)
        assert _found(scanner.places(reading)) == find_everywhere(*given_, reading)
        assert _found(scanner.plain_places(reading)) == {hit[:3] for hit in find_written(*given_, reading.text)}


_KEPT: dict[tuple[str, int], Scanner] = {}


def _scanner(jurisdiction: str, words: Mapping[str, Sequence[str]], patterns: Mapping[str, Sequence[str]]) -> Scanner:
    key = jurisdiction, len(words)
    if key not in _KEPT:
        _KEPT[key] = Scanner(words, patterns)
    return _KEPT[key]


def _found(places: Places) -> set[tuple[str, int, int]]:
    return {(name, *place) for name, stretches in places.items() for place in stretches}


def test_no_finding_is_without_its_place_and_a_suggestion_in_the_readers_language() -> None:
    seen: set[str] = set()
    for row in [*rows("dev_cn"), *rows("dev_en"), *rows("dev_disguised")]:
        sector = "health_food" if row["sector"] == "health" else row["sector"]
        for language in ("en", "zh"):
            for item in review(row["text"], sector=sector, jurisdiction=row.get("jurisdiction") or "cn", reasons_in=language).findings:
                seen.add(item.rule)
                assert row["text"][slice(*item.span)] == item.excerpt != ""
                for said in (item.reason.replace(item.excerpt, ""), item.suggestion, item.source):
                    assert said.strip() and "{" not in said, item
                assert bool(re.search("[\u4e00-\u9fff]{2}", item.suggestion)) is (language == "zh") or "本品不能代替药物" in item.suggestion, item
                assert len(item.suggestion) >= (2 if language == "zh" else 10), item
    every = {rule.id for name in JURISDICTIONS for rule in open_pack(name).rules}
    assert len(seen & every) > 0.6 * len(every), sorted(every - seen)


@pytest.mark.parametrize("pack", [*JURISDICTIONS, RESPECT])
def test_every_rule_of_every_pack_has_a_suggestion_in_both_languages(pack: str) -> None:
    for rule in [*open_pack(pack).rules, *(notice.rule for notice in open_pack(pack).notices)]:
        assert len(rule.suggestion["en"]) >= 10 and re.search("[\u4e00-\u9fff]{2}", rule.suggestion["zh"]), rule.id
        assert rule.suggestion["en"] not in rule.reason["en"] and rule.suggestion["zh"] not in rule.reason["zh"], rule.id


def test_every_breach_of_a_text_is_listed() -> None:
    found = review("治好敏感肌，三天见效，全国销量第一", sector="cosmetics").findings
    assert [item.excerpt for item in found][:2] == ["治好敏感肌", "三天见效"]
    assert "第一" in found[-1].excerpt


@pytest.mark.parametrize(("sector", "notice", "article"), [
    ("health_food", "本品不能代替药物", "18"), ("medical", "请按药品说明书或者在药师指导下购买和使用", "16"), ("finance", "投资有风险", "25")])
def test_a_missing_notice_is_named(sector: str, notice: str, article: str) -> None:
    long = "我们在城南新开了一家门店，周一到周六上午九点到下午六点都有人接待，欢迎带着家人一起来店里坐坐"
    [item] = review(long, sector=sector, reasons_in="en").findings
    assert (item.severity, article in item.source) == ("caution", True)
    assert review(f"{long}。{notice}", sector=sector).findings == ()
    assert review(long[:30], sector=sector).findings == ()
    assert review(long, sector="general").findings == ()


def test_words_of_the_brand() -> None:
    found = check_words("这款便 宜的杯子，cheap and nice", avoid=["便宜", "cheap"], must_say=["海港礼品", "杯子"])
    assert [(item.excerpt, item.span) for item in found] == [("便 宜", (2, 5)), ("cheap", (9, 14)), ("海港礼品", None)]
    assert check_words("cheaper", avoid=["cheap"]) == []
    assert [item.excerpt for item in check_words("cheaper", avoid=["cheap*"])] == ["cheap"]
    assert [item.rule for item in check_words("A T-shirt", avoid=["t-shirt", "\u200b"], must_say=["T-shirt", "Linen", "*"])] == ["brand-word", "must-say"]


def test_a_long_file_is_shared_out_and_read_up_to_its_first_bad_line() -> None:
    lines = [json.dumps({"id": place, "text": "最佳茶叶" if place % 100 else "好茶"}, ensure_ascii=False) for place in range(2 * BATCH + 60)]
    assert list(check_copy(lines, workers=2)) == list(check_copy(lines, workers=1))
    done = []

    def collect() -> None:
        for row in check_copy([*lines[:2 * BATCH + 40], "", "{broken", *lines], workers=2):
            done.append(row["id"])
    with pytest.raises(DataError) as caught:
        collect()
    assert done == list(range(2 * BATCH + 40))
    assert f"Line {2 * BATCH + 42} is not JSON" in caught.value.text("en")


def test_lines_are_checked_in_order_and_a_bad_one_is_named() -> None:
    lines = [json.dumps({"id": 1, "text": "最佳茶叶"}, ensure_ascii=False), "", json.dumps({"id": 2, "text": "好茶", "sector": "茶"}), "{broken"]
    done = []

    def collect() -> None:
        for row in check_copy(lines):
            done.append((row["id"], row["verdict"]))
    with pytest.raises(DataError) as caught:
        collect()
    assert caught.value.text("en") == 'Line 4 is not JSON. Write one object per line, such as {"id": "1", "text": "..."}.'
    assert done == [(1, "block"), (2, "pass")]


@pytest.mark.parametrize(("line", "message"), [
    ('{"id": 1}', "Line 1 needs an 'id' and a 'text', such as"),
    ('["a"]', "Line 1 needs an 'id' and a 'text', such as"),
    ('{"id": 1, "text": "x", "lang": "fr"}', "Line 1: 'lang' is 'fr'. Allowed: zh, en."),
    ('{"id": 1, "text": "x", "sector": "magic"}', "Line 1: 'sector' is 'magic'. Allowed: agriculture,"),
    ('{"id": 1, "text": "x", "jurisdiction": "mars"}', "Line 1: 'jurisdiction' is 'mars'. Allowed: cn, eu, uk, us."),
])
def test_a_bad_line_says_what_is_allowed(line: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        list(check_copy([line]))
    assert message in caught.value.text("en")


def test_a_long_file_is_shared_among_processes_with_the_same_result() -> None:
    texts = [row["text"] for row in rows("dev_cn")]
    lines = [json.dumps({"id": place, "text": texts[place % len(texts)]}) for place in range(620)]
    assert list(check_copy(lines, workers=2)) == list(check_copy(lines, workers=1))


def test_lines_read_side_by_side_get_what_each_gets_alone() -> None:
    lines = [json.dumps({"id": place, "text": row["text"] * (1 + place % 3), "sector": row["sector"] if place % 2 else None, "jurisdiction": row.get("jurisdiction"),
                         "facts": [{"name": row["text"][:4], "price": "199元"}] if place % 5 == 0 else None})
             for place, row in enumerate([*rows("dev_cn")[::4], *rows("dev_en")[::4], *rows("dev_cn")[:9], *rows("dev_disguised")[::4]])]
    assert list(check_copy(lines, workers=1)) == [row for line in lines for row in check_copy([line])]


@settings(max_examples=40, deadline=None)
@given(texts=st.lists(st.text(alphabet="最好佳第一级治病，。 .·🔥\u200b①１ＮＯzuijia4é%…\n-\uffff3元", max_size=14), min_size=1, max_size=6))
def test_a_scan_of_several_texts_finds_in_each_what_it_finds_alone(texts: list[str]) -> None:
    readings = [read(text) for text in texts]
    for scanner in open_pack("cn").lexicons(("general",)):
        assert list(map(_found, scanner.all_places(Sweep(readings)))) == [_found(scanner.places(reading)) for reading in readings]
        assert (list(map(_found, scanner.all_plain_places(Sweep(readings), {0})))
                == [_found(scanner.plain_places(readings[0])), *[set() for _reading in readings[1:]]])


def test_dates_told_from_today_count_from_the_day_of_the_line_or_of_the_command() -> None:
    line = {"id": 1, "text": "去年三月上市。", "facts": {"上市": "2025-03-10"}, "lang": "zh"}
    verdicts = [row["verdict"] for row in check_copy(
        [json.dumps(line), json.dumps(line | {"today": "2027-01-05"}), json.dumps(line | {"today": "2026-11-22"})], today=date(2026, 5, 1))]
    assert verdicts == ["pass", "block", "pass"]
    with pytest.raises(DataError) as caught:
        list(check_copy([json.dumps(line | {"today": "soon"})]))
    assert caught.value.text("en") == "Line 1: 'today' is 'soon'. Allowed: 2026-11-22."


def test_facts_of_a_line_are_checked_too() -> None:
    [row] = check_copy(['{"id": "a", "text": "Now only £5, free of pens", "facts": {"price": "£7"}, "lang": "en"}'])
    assert row["verdict"] == "block"
    claim = next(item for item in row["findings"] if item["rule"].startswith("facts."))
    assert claim["source"] == "the records given"
    assert "£5" in claim["excerpt"]


def test_the_command(tmp_path: Path) -> None:
    file, out = tmp_path / "copy.jsonl", tmp_path / "checked.jsonl"
    file.write_text('{"id": 1, "text": "这款茶降血压", "sector": "食品"}\n{"id": 2, "text": "建议水温85度"}\n', encoding="utf-8")
    done = run("check-copy", file, "--out", out, "--language", "en")
    assert done.returncode == 0, done.stderr
    assert "1 passed, 0 need proof, 1 blocked." in done.stderr
    first, second = (json.loads(line) for line in out.read_text(encoding="utf-8").splitlines())
    assert (first["id"], first["verdict"], second["verdict"]) == (1, "block", "pass")
    assert "art. 17" in first["findings"][0]["source"]
    assert "is not there" in refused("check-copy", tmp_path / "none.jsonl")
    assert "Unknown jurisdiction 'mars'. Jurisdictions: cn, eu, uk, us." in refused("check-copy", file, "--jurisdiction", "mars")
    assert "Unknown language 'fr'. Languages: zh, en." in refused("check-copy", file, "--language", "fr")
    (tmp_path / "latin.jsonl").write_bytes(b'{"id": 1, "text": "caf\xe9"}')
    assert "cannot be read as UTF-8 text" in refused("check-copy", tmp_path / "latin.jsonl")


def test_half_a_pair_of_utf16_is_read_as_it_stands() -> None:
    # JSON may hold one, and no converter takes it.
    text = "\ud800全国最好的茶…\udfff"
    found = review(text).findings
    assert [text[slice(*item.span)] for item in found] == [item.excerpt for item in review("全国最好的茶").findings]
    assert read(text).text == "\ud800全国最好的茶...\udfff"
