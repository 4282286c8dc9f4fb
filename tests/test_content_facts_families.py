"""Families of wording that the fact gate compares by what they mean: offers, bounds, fractions, days told, free extras, places, care."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brandloom.content.checks import check_against
from brandloom.content.checks.figures import read_figures
from brandloom.content.checks.offers import offers, stated_offers

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(("text", "get", "pay"), [
    ("Buy one and the second is on us.", "2", "1"), ("3 for 2 until Sunday", "3", "2"), ("Take four and you pay for three.", "4", "3"),
    ("Every third one is free.", "3", "2"), ("买二送一", "3", "2"), ("买三免一", "3", "2"), ("第2件半价", "2", "1.5"), ("第二件不要钱", "2", "1"),
    ("buy one get one half price", "2", "1.5")])
def test_an_offer_of_several_for_fewer_is_read_as_its_terms(text: str, get: str, pay: str) -> None:
    assert [item.same for item in offers(text)] == [(Decimal(get), Decimal(pay))]


def test_offers_stand_in_words_and_in_fields() -> None:
    assert stated_offers([("offer buy", "3"), ("offer pay for", "2"), ("活动", "买一送一")]) == {(3, 2), (2, 1)}
    assert offers("A table for two, ready in three days.") == []


@settings(deadline=None)
@given(st.integers(2, 9), st.integers(1, 8))
def test_three_for_two_bears_out_no_other_offer(get: int, pay: int) -> None:
    record = {"name": "mug", "price": "£9", "offer": f"buy {get} get 1 free"}
    assert (check_against(f"Buy {pay} get 1 free.", record) == []) is (pay == get)


@pytest.mark.parametrize(("text", "kind", "number"), [
    ("Forty-eight pounds", "money", "48"), ("a hundred and twenty pounds", "money", "120"), ("yours for fifteen ninety-nine", "money", "15.99"),
    ("ninety-one cards", "count", "91"), ("一盒两打", "count", "24"), ("半打", "count", "6"), ("a trio of bowls", "count", "3"),
    ("a foot and a half", "length", "457.2"), ("一米三", "length", "1300"), ("three quarters of an hour", "duration", "0.75"),
    ("nearly a third of the price", "percent", "33.3"), ("少了一半", "percent", "50"), ("98 in a hundred", "percent", "98")])
def test_a_spoken_quantity_is_one_figure(text: str, kind: str, number: str) -> None:
    assert [(item.kind, item.number) for item in read_figures(text)] == [(kind, Decimal(number))]


RECORDS: dict[str, dict[str, Any]] = {
    "shade": {"name": "Ombra table lamp", "price_gbp": 22.40, "was_price": 29.90, "made_in": "Milan", "height_cm": 42, "max_load_lb": 250, "stock": 3,
              "bulb": "E27, not included", "glue_included": False, "reviews": 320, "rating": 4.6, "engraving": "free, up to 12 letters",
              "pockets": 2, "sizes": ["S", "M", "L", "XL"], "care": "hand wash cold", "released": "2007-10-10", "offer_until": "2027-02-14",
              "delivery_days": "2-3", "free_over": 50, "shipping": "free over £50", "returns": "30 days", "gift_wrap": "£4"},
    "茶": {"名称": "青花茶壶", "产地": "景德镇", "价格": 27.9, "原价": 39.8, "重量": "单只310克", "已售": 23000, "运费": "满49元包邮，不满收6元", "裙长厘米": 105,
          "羊毛含量": "70%", "会员折扣": "9折", "安装": "伸缩杆另购", "口袋": 2, "评价数": 215, "评分": 4.7, "活动截止": "2026-11-25", "洗涤": "干洗"}}


@pytest.mark.parametrize(("record", "true", "false"), [
    ("shade", "Change from thirty pounds.", "Change from twenty pounds."),
    ("shade", "A little more than twenty-two pounds.", "For little more than a tenner."),
    ("shade", "A quarter off.", "Half of the price has gone."),
    ("shade", "Made in Italy.", "Made in Spain."),
    ("shade", "It holds 113 kg.", "It holds 150 kg."),
    ("shade", "Bring your own bulb.", "The bulb comes fitted."),
    ("shade", "You need your own glue.", "A tube of glue comes with it."),
    ("shade", "Over three hundred buyers gave it 4.6 stars.", "Over three hundred buyers love it."),
    ("shade", "Engraved at no extra charge.", "Gift wrap is on us."),
    ("shade", "Two pockets.", "Four pockets."),
    ("shade", "Wash it cold, by hand.", "Toss it in the tumble dryer."),
    ("shade", "Nearly twenty years old.", "Nearly forty years old."),
    ("shade", "Until Valentine's Day.", "Until Christmas Eve."),
    ("shade", "Delivered in two to three days.", "Delivered in two days."),
    ("shade", "Thirty days to return it.", "Return it within 60 days."),
    ("茶", "江西的茶壶。", "广西的茶壶。"),
    ("茶", "卖了两万多。", "卖了三万多。"),
    ("茶", "两只加起来六百多克。", "两只加起来七百多克。"),
    ("茶", "原价39.8，现在27.9。", "原价39.8，现在24.9。"),
    ("茶", "凑到49元就不收运费。", "买一本也不收运费。"),
    ("茶", "裙长一米零五。", "裙长一米三。"),
    ("茶", "会员九折。", "会员打六折。"),
    ("茶", "伸缩杆要另外买。", "送一根伸缩杆。"),
    ("茶", "两百多位买家打出4.7分。", "两百多位买家都说好用。"),
    ("茶", "三天后活动就结束了。", "五天后活动就结束了。"),
    ("茶", "含七成羊毛。", "纯羊毛。"),
    ("茶", "别放进洗衣机，请干洗。", "洗衣机随便洗。")])
def test_a_true_wording_passes_where_its_false_twin_is_stopped(record: str, true: str, false: str) -> None:
    assert check_against(true, RECORDS[record], today=TODAY) == []
    assert check_against(false, RECORDS[record], today=TODAY)
