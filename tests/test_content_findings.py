"""What a finding tells: where it stands in the text as given, why, and what to write instead, in both languages; and replies without end."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brandloom.content.checks import Finding, check_against
from brandloom.content.checks.batch import Batch
from brandloom.content.checks.normalise import read
from brandloom.content.checks.scan import Scanner
from brandloom.content.checks.sentences import STRETCH, stretches
from brandloom.content.desk.book import finding_dict
from brandloom.content.studio import Gate, read_asked
from brandloom.content.studio.mend import mend
from brandloom.content.studio.plain import PlainCopy
from plain_search import find_written

MUG = {"name": "Harbour mug", "material": "stoneware", "price": "£14.00", "delivery_days": 3, "colour": "blue", "rating": 4.5}
CUP = {"名称": "云杉保温杯", "材质": "316不锈钢", "容量": "500毫升", "颜色": "墨绿色", "价格": "129元"}


def gate(language: str = "en", form: str = "product_description", **more: Any) -> Gate:
    product = MUG if language == "en" else CUP
    return Gate(read_asked(json.dumps({"lang": language, "format": form, "products": [product], **more}), source="brief"))


DRAFTS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("en", {}, {"text": "The Harbour mug costs £12.00, comes in red cotton with a prize from Paris, and Tom says: \"I love it\". Now 20% off until Friday, "
                "in stock, delivered tomorrow, good for your heart, cheaper than Ikea, with a free spoon and a ten year guarantee."}),
    ("en", {}, {"text": "Hi [NAME], see https://x.example or www.y.com, write to a@b.example or call +44 20 7946 0958. **Bold** {{ product.name }} "
                "As an AI language model. Unsubscribe here. Use code SAVE20."}),
    ("en", {"must_say": ["open daily"], "must_not_say": ["cheap"]}, {"text": "A cheap Harbour mug. A cheap Harbour mug. It is blue \u200b stoneware. 杯子"}),
    ("en", {"voice": {"tone": "calm", "emoji": False}}, {"text": "The Harbour mug is blue 😀.", "extra": "x"}),
    ("en", {}, {"text": "short"}), ("en", {}, {}), ("en", {}, {"text": "word " * 900}),
    ("zh", {}, {"text": "云杉保温杯，全网最好，只要99元，纯棉材质，治疗失眠，明天就到，买一送一，一万人都说好，比别家强。限量100只。"}),
    ("zh", {}, {"text": "云杉保溫杯，316不锈钢。联系我们微信 abc12345，抱歉，以下是文案：【填写名称】回复T退订。"}),
]


@pytest.mark.parametrize(("language", "more", "draft"), DRAFTS)
def test_every_finding_has_a_place_and_advice_in_both_languages(language: str, more: dict[str, Any], draft: dict[str, Any]) -> None:
    found = gate(language, **more).check(draft)
    assert any(item.blocks for item in found)
    for item in found:
        text = str(draft.get(item.place, ""))
        assert item.span is not None, item
        assert 0 <= item.span[0] <= item.span[1] <= len(text), item
        advice = {code: item.advice(code) or "" for code in ("en", "zh")}
        assert re.search("[a-z]{3}", advice["en"]), item
        assert re.search("[\u4e00-\u9fff]{2}", advice["zh"]), item
        assert finding_dict(item, language)["span"] == item.span
        assert finding_dict(item, language)["suggestion"] == item.advice(language)


def test_the_drafts_above_meet_the_rules_of_form_facts_and_brand() -> None:
    met = {item.rule for language, more, draft in DRAFTS for item in gate(language, **more).check(draft)}
    assert met >= {"price", "material", "colour", "testimonial", "discount", "delivery", "health", "comparison", "placeholder", "link", "email",
                   "phone", "markup", "slot", "boilerplate", "opt-out", "code", "brand-word", "must-say", "repeat", "invisible", "language", "brand",
                   "schema", "length", "endless"}


@pytest.mark.parametrize(("text", "wanted"), [("Yours for £12.00.", "£14.00"), ("Made of cotton.", "stoneware"), ("A red mug.", "colour: blue"),
                                              ("At your door in 5 days.", "delivery_days: 3"), ("Rated 4.9 stars.", "rating: 4.5")])
def test_advice_on_a_false_claim_tells_what_the_records_say(text: str, wanted: str) -> None:
    found = check_against(text, MUG)
    assert found
    for item in found:
        assert item.span is not None
        assert text[slice(*item.span)] == item.excerpt
    assert any(wanted in (item.advice("en") or "") for item in found), [item.advice("en") for item in found]
    assert any(wanted.split(": ")[-1] in (item.advice("zh") or "") for item in found)


@given(st.text(alphabet="ab .!。\n1", max_size=6000))
@settings(max_examples=60, deadline=None)
def test_stretches_cover_a_text_without_reading_it_twice(text: str) -> None:
    places = list(stretches(text, 0, len(text)))
    assert places[0][0] == 0
    assert places[-1][1] == len(text)
    assert all(high - low <= STRETCH for low, high in places)
    assert all(low < following[0] <= high for (low, high), following in itertools.pairwise(places))
    assert sum(high - low for low, high in places) <= 1.2 * len(text) + STRETCH


@given(st.integers(0, 4000), st.sampled_from(["", ". ", " and then "]))
@settings(max_examples=12, deadline=None)
def test_a_lie_is_found_wherever_it_stands_in_a_long_text(at: int, join: str) -> None:
    filler = ("it is blue and made of stoneware" + join) * 140
    cut = filler.rfind(" ", 0, at + 1) + 1
    text = f"{filler[:cut]}only £12.00 {filler[cut:]}"
    found = [item for item in check_against(text, MUG) if item.rule == "price"]
    assert [text[slice(*(item.span or (0, 0)))] for item in found] == ["£12.00"]


def test_patterns_of_a_vocabulary_read_a_bounded_stretch_from_each_start() -> None:
    scanner = Scanner({}, {"run": ["ab[^z]*c"]})
    assert scanner.plain_places(read("ab" + "x" * 100 + "c")) == {"run": [(0, 103)]}
    assert scanner.plain_places(read("ab" + "x" * 1000 + "c")) == {}


@pytest.mark.parametrize(("words", "patterns", "text"), [
    ([], [r"\d{2}年"], "12023年"), ([], ["[一二三十]+天|第[一二]"], "第二十三天"), (["十天", "0 kg", "一流的"], [], "二十天10 kg一流的"),
    ([], [r"\b\d+ kg", "(?:ab?)?cd"], "a一20 kg abcd acd xcd"), (["best"], [r"\bbest"], "一best bestial 10best"), ([], ["[^a]b|最(?=好)"], "abb最好")])
def test_numbers_and_edges_of_words_hide_nothing(words: list[str], patterns: list[str], text: str) -> None:
    given_ = {"it": words}, {"it": patterns}
    found = Scanner(*given_).plain_places(read(text))
    wanted = {hit[:3] for hit in find_written(*given_, text)}
    assert wanted
    assert {(name, *place) for name, places in found.items() for place in places} == wanted


class CountingGate(Gate):
    """A gate that counts the characters it is made to read."""

    def check_part(self, place: str, text: str, *, among: Batch | None = None) -> list[Finding]:
        self.read = getattr(self, "read", 0) + min(len(text), self.longest(self.form.part(place)) + 1)
        return super().check_part(place, text, among=among)


@pytest.mark.parametrize("reply", ["It is a blue mug of stoneware. ", "一二三四五", "a", "£14.00 "])
def test_a_reply_without_end_is_refused_and_mended_without_reading_it(reply: str) -> None:
    made = CountingGate(gate().asked)
    text = (reply * 15_000)[:15_000]
    found = made.check({"text": text})
    assert [item.rule for item in found if item.place == "text"] == ["endless"]
    assert made.read <= made.longest(made.form.part("text")) + 1
    mend(made, {"text": text}, PlainCopy(made))
    assert made.read < 4 * 15_000
