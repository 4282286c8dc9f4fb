"""The second opinion on facts: what it stops, what gives way to it, and what never does."""

from __future__ import annotations

import json

import numpy as np
import pytest
from benchmarks.facts import hand_cases
from benchmarks.make_facts_classifier import JUDGE
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from brandloom.content import copycheck
from brandloom.content.checks import check_against
from brandloom.content.checks.borne import second_opinion, sentences
from brandloom.content.checks.entailment import lacking, open_entailment, read_sentence, slots
from brandloom.content.checks.ground import ground
from brandloom.content.checks.normalise import fold

BEANS = {"name": "Hill roast", "weight_g": 250, "price_usd": 15.5, "free_freight_over_usd": 60, "roast": "medium", "origin": "Guatemala",
         "delivery": "posted every other Tuesday"}
TEA = {"名称": "云顶乌龙", "净含量": "250克", "价格": "128元", "包邮": "满200元，新疆西藏除外", "退换": "未开封7天内可退", "产地": "福建安溪"}


@pytest.mark.parametrize(("record", "sentence"), [
    (BEANS, "Fresh beans land on your doorstep every single week."), (BEANS, "Every customer gets round-the-clock phone support."),
    (TEA, "不管买多少，全国任何地方统统寄到家。"), (TEA, "喝着不顺口随便退，拆了封也一律全额退。")])
def test_a_sentence_beyond_the_record_that_no_rule_reads_is_stopped_with_what_the_record_lacks(record: dict[str, object], sentence: str) -> None:
    assert check_against(sentence, record) == []
    [found] = check_against(sentence, record, opinion=True)
    assert (found.rule, found.severity, found.span) == ("unborne", "evidence", (0, len(sentence)))
    unknown = lacking(fold(sentence).lower(), ground(record))[0]
    assert unknown in found.text("en")
    assert unknown in found.text("zh")
    assert found.advice("zh")


@pytest.mark.parametrize(("record", "sentence"), [
    (BEANS, "A medium roast from Guatemala, 250 g for $15.50."), (TEA, "产自福建安溪的云顶乌龙，250克一盒，128元。")])
def test_a_sentence_the_record_holds_passes(record: dict[str, object], sentence: str) -> None:
    assert check_against(sentence, record, opinion=True) == []


def test_what_the_rules_doubt_gives_way_in_a_sentence_that_follows() -> None:
    record = {"sku": "HX-2", "top": "oak veneer on MDF", "size_cm": "140 x 70", "frame": "steel, black or white", "price_usd": 329}
    sentence = "Oak veneer on MDF, 140 by 70 cm, with a black or white steel frame."
    assert check_against(sentence, record)
    assert check_against(sentence, record, opinion=True) == []


def test_a_figure_that_stands_nowhere_never_gives_way() -> None:
    for price in (12, 14.2, 15, 29):
        sentence = f"A medium roast from Guatemala, 250 g for ${price}."
        assert [one.rule for one in check_against(sentence, BEANS, opinion=True)] == [one.rule for one in check_against(sentence, BEANS)] != []


def test_nothing_gives_way_where_records_are_of_several_products() -> None:
    records = [{"name": "Alpine jacket", "pockets": 6, "colour": "moss"}, {"name": "Day pack", "volume": "20 litres", "colour": "slate"}]
    sentence = "The Alpine jacket in moss comes with six pockets and holds 20 litres."
    assert check_against(sentence, records, opinion=True) == check_against(sentence, records) != []


def test_the_same_sentence_is_likelier_unborne_beside_another_products_record() -> None:
    model, kept = open_entailment(), []
    rows = [row for row in hand_cases(JUDGE) if row[1] == "true"]
    for language, _verdict, _kind, record, sentence in rows:
        other = next(row[3] for row in rows if row[0] == language and row[3] is not record)
        kept.append(model.log_odds(read_sentence(fold(sentence), ground(other))) > model.log_odds(read_sentence(fold(sentence), ground(record))))
    assert np.mean(kept) > 0.85


def test_it_tells_false_from_true_sentences_of_a_hand_it_never_met() -> None:
    model, rows = open_entailment(), list(hand_cases(JUDGE))
    odds = [model.log_odds(read_sentence(fold(sentence), ground(record))) for *_rest, record, sentence in rows]
    truth = np.array([verdict == "false" for _language, verdict, *_rest in rows])
    for language in ("zh", "en"):
        own = np.array([row[0] == language for row in rows])
        assert roc_auc_score(truth[own], np.array(odds)[own]) > 0.75


def test_each_sentence_of_a_text_is_weighed_by_itself_and_short_ones_are_left_to_the_rules() -> None:
    text = "A medium roast from Guatemala. Fresh beans land on your doorstep every single week. Enjoy!"
    [found] = check_against(text, BEANS, opinion=True)
    assert text[slice(*found.span or (0, 0))] == "Fresh beans land on your doorstep every single week."


def test_check_copy_hears_it() -> None:
    line = json.dumps({"id": "a", "text": "Fresh beans land on your doorstep every single week.", "lang": "en", "facts": BEANS})
    [row] = copycheck.check_copy([line], workers=1)
    assert row["verdict"] == "needs_proof"
    assert "facts.unborne" in [one["rule"] for one in row["findings"]]


@given(st.text(max_size=80), st.dictionaries(st.text(max_size=8), st.one_of(st.text(max_size=20), st.integers(), st.booleans()), max_size=5))
def test_any_text_and_record_can_be_read(text: str, record: dict[str, object]) -> None:
    known = ground(record)
    chance = open_entailment().probability(read_sentence(fold(text), known), ["price", "shop"])
    assert 0 <= chance <= 1
    assert all(text[start:end].strip() for start, end in sentences(text))
    assert all(0 <= one.span[0] <= one.span[1] <= len(text) for one in second_opinion(text, known, []) if one.span)


def test_no_rest_has_no_slots() -> None:
    assert len(slots("")) == 0
