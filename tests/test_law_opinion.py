"""The second opinion on the law: what it adds to the rules, what it leaves alone, and that its weights are what the maker makes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from benchmarks.make_law_classifier import SHIPPED, examples, learn

from brandloom.content import review
from brandloom.content.checks.classifier import RUNS, evidence, open_classifier, runs, stretches
from brandloom.content.checks.normalise import read
from brandloom.content.checks.review import check_law

OBLIQUE = {"zh": [("medical", "街坊的老寒腿，都是在我们这儿扎了三回就站起来的"), ("health_food", "老伴喝了半个月，血糖仪就收进抽屉里了"),
                  ("finance", "钱放进来就不用管了，月月准时往回走")],
           "en": [("medical", "Our clinic sorts out diabetes without those tedious tablets"),
                  ("gambling", "Behind on the rent? A few spins tonight should sort it")]}
PLAIN = {"zh": [("general", "棉麻衬衫，洗过几次更柔软，夏天穿着不闷"), ("food", "每天早上六点开门，豆浆现磨，油条现炸"),
                ("medical", "本院周一到周五八点开诊，挂号请带身份证")],
         "en": [("general", "A linen shirt that gets softer with every wash"), ("food", "Bread is baked at six and sold until it is gone"),
                ("finance", "Capital at risk. Past performance is no guide to future returns.")]}


@pytest.mark.parametrize("language", sorted(RUNS))
def test_it_finds_what_no_rule_lists_and_leaves_plain_copy_alone(language: str) -> None:
    where = "cn" if language == "zh" else "uk"
    found = [review(text, language=language, sector=sector, jurisdiction=where) for sector, text in OBLIQUE[language]]
    assert all(one.verdict != "pass" for one in found)
    assert any(item.rule.endswith("reads-unlawful") for one in found for item in one.findings)
    assert [review(text, language=language, sector=sector, jurisdiction=where).verdict for sector, text in PLAIN[language]] == ["pass"] * 3


def test_a_finding_names_its_place_what_weighs_and_that_a_person_decides() -> None:
    text = "棉麻衬衫，洗过几次更柔软，夏天穿着不闷。老伴喝了半个月，血糖仪就收进抽屉里了。"
    item = next(one for one in review(text, language="zh", sector="health_food").findings if one.rule == "cn.reads-unlawful")
    assert text[slice(*item.span)] == item.excerpt == "老伴喝了半个月，血糖仪就收进抽屉里了。"
    assert item.severity == "evidence"
    assert "person" in review(text, language="zh", sector="health_food", reasons_in="en").findings[0].suggestion
    assert any(run in item.excerpt for run in item.reason.split("：")[-1].rstrip("）。").split(" · "))


def test_a_sentence_that_a_person_cleared_passes() -> None:
    text = "老伴喝了半个月，血糖仪就收进抽屉里了"
    assert review(text, language="zh", sector="health_food").verdict == "needs_proof"
    assert review(text, language="zh", sector="health_food", facts={"cleared by Li Na, 2026-11-23": text}).verdict == "pass"


def test_where_a_rule_speaks_and_in_other_packs_it_is_silent() -> None:
    assert [item.rule for item in check_law("国家级品质，顶级享受", "text") if item.rule == "ad-law" and "可能性" in item.text("zh")] == []
    assert check_law("老伴喝了半个月，血糖仪就收进抽屉里了", "text", jurisdiction="respect") == []


def test_stretches_cover_a_text_and_places_count_in_it() -> None:
    text = "好！快来看。这件外套用的是羊毛混纺面料，三个颜色可选。Made in 2026. 下周上架"
    spans = list(stretches(text, "zh"))
    assert spans[0][0] == 0
    assert spans[-1][1] == len(text)
    assert all(end == start for (_low, end), (start, _high) in pairwise(spans))
    assert list(stretches("", "zh")) == []


@pytest.mark.parametrize("language", sorted(RUNS))
def test_shipped_weights_are_those_of_the_labelled_sentences(language: str) -> None:
    weights = learn(examples(language), language)
    shipped = open_classifier(language)
    assert SHIPPED.joinpath(f"classifier.{language}.npz").stat().st_size < 200_000
    assert np.abs(weights - shipped.weights).max() < 0.01
    assert shipped.slope > 0


def test_evidence_of_a_stretch_is_that_of_its_text_alone() -> None:
    shipped = open_classifier("zh")
    one, other = read("老伴喝了半个月，血糖仪就收进抽屉里了。").text, read("每天早上六点开门，豆浆现磨。").text
    both = evidence(shipped.weights, one + other, "zh", [(0, len(one)), (len(one), len(one + other))])
    alone = [evidence(shipped.weights, text, "zh", [(0, len(text))])[0] for text in (one, other)]
    assert both == pytest.approx(alone)
    assert alone[0] > alone[1]
    assert evidence(shipped.weights, "", "zh", []).shape == (0,)


def test_figures_count_as_one_figure() -> None:
    assert all(np.array_equal(some, others) for (_size, some), (_same, others) in zip(runs("满300减50", "zh"), runs("满200减10", "zh"), strict=True))
