"""Product groups: readable in both languages, from categories, from themes in names, or from clusters of names."""

from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa
import pytest

from brandloom.engine import DuckEngine, Engine, ensure_tables, tables
from brandloom.errors import NotFittedError
from brandloom.recommend import GENERAL, ProductGroup, group_products
from brandloom.recommend.names import slug, terms, theme_of, themes

NOW = datetime(2024, 5, 1)


def catalogue(names: list[str | None], categories: list[str | None] | None = None, sold: dict[str, int] | None = None) -> Engine:
    """Products p000, p001, ... and so many order lines of some of them."""
    engine = DuckEngine(threads=1)
    ensure_tables(engine)
    engine.add("products", pa.table({
        "product": [f"p{i:03d}" for i in range(len(names))], "name": pa.array(names, pa.string()),
        "category": pa.array(categories or [None] * len(names), pa.string())}))
    lines = [product for product, n in (sold or {}).items() for _ in range(n)]
    engine.add("events", pa.table({
        "event": pa.array(range(len(lines)), pa.int64()), "product": pa.array(lines, pa.string()),
        "kind": pa.array(["purchase"] * len(lines), pa.string()),
        "occurred_at": pa.array([NOW - timedelta(days=1)] * len(lines), tables.TIME)}))
    return engine


def by_key(groups: list[ProductGroup]) -> dict[str, ProductGroup]:
    return {group.key: group for group in groups}


@pytest.mark.parametrize(("name", "theme"), [
    ("WHITE HANGING HEART T-LIGHT HOLDER", "lights"), ("CHRISTMAS MUG", "christmas"), ("JUMBO BAG RED RETROSPOT", "bags"),
    ("tea towel", "textiles"), ("Paper lantern", "lights"), ("不锈钢保温杯", "kitchen"), ("新款双肩包", "bags"), ("圣诞马克杯", "christmas"),
    ("纯棉T恤女", None), ("hobnob", None), ("", None), ("上衣 包邮", "clothing"),
])
def test_theme_is_that_of_the_thing_itself(name: str, theme: str | None) -> None:
    found = theme_of(name)
    assert (found.key if found else None) == theme


def test_themes_have_two_labels_and_unique_keys() -> None:
    keys = [theme.key for theme in themes()]
    assert len(set(keys)) == len(keys)
    assert all(theme.label_en.isascii() and not theme.label_zh.isascii() and theme.words for theme in themes())


def test_names_without_categories_fall_into_themes() -> None:
    engine = catalogue(["RED BAG", "BLUE BAG", "TEA CUP", "CANDLE", "WHATNOT"], sold={"p001": 5, "p002": 3, "p004": 2})
    groups = group_products(engine, NOW)
    assert [g.key for g in groups] == ["bags", "kitchen", "lights", GENERAL]
    assert (groups[0].label_en, groups[0].label_zh, groups[0].products, groups[0].size) == ("Bags", "包袋", ("p001", "p000"), 2)
    assert groups[-1].products[:2] == ("p001", "p002")  # the general text shows the whole shop's best sellers
    table = engine.query("SELECT product, product_group, label_en AS label FROM product_groups ORDER BY product").to_pylist()
    assert [(r["product_group"], r["label"]) for r in table] == [
        ("bags", "Bags"), ("bags", "Bags"), ("kitchen", "Kitchen and tea"), ("lights", "Lights and candles"), (GENERAL, "Picked for you")]


def test_the_shops_own_categories_come_first() -> None:
    groups = by_key(group_products(catalogue(["x", "y", "z", "w"], ["Garden", "Garden", "Widgets & Co", None]), NOW))
    assert set(groups) == {"garden", "widgets_co", GENERAL}
    assert (groups["garden"].label_en, groups["garden"].label_zh) == ("Garden", "园艺与户外")
    assert groups["widgets_co"].label_zh == "Widgets & Co"
    assert groups[GENERAL].size == 1


def test_of_a_category_path_the_level_that_tells_products_apart_is_taken() -> None:
    paths: list[str | None] = [f"All > {kind} > deep" for kind in ("Dogs", "Cats", "Fish") for _ in range(3)]
    assert {"dogs", "cats", "fish"} < set(by_key(group_products(catalogue(["x"] * 9, paths), NOW)))


def test_chinese_categories_keep_their_words_and_get_an_english_label_where_known() -> None:
    groups = by_key(group_products(catalogue(["a", "b", "c"], ["女包", "玄学", "女包"]), NOW))
    assert (groups["女包"].label_en, groups["女包"].label_zh) == ("Bags", "女包")
    assert (groups["玄学"].label_en, groups["玄学"].label_zh) == ("玄学", "玄学")


def test_names_that_speak_of_no_theme_are_clustered_by_their_words() -> None:
    names: list[str | None] = [f"{kind} {i}" for kind in ("zorbulator", "quibbler", "frobnicator") for i in range(20)]
    groups = group_products(catalogue(names), NOW, n_groups=4)
    assert {g.label_en.split()[0] for g in groups[:-1]} == {"Zorbulator", "Quibbler", "Frobnicator"}
    assert [g.size for g in groups[:-1]] == [20, 20, 20]
    assert groups == group_products(catalogue(names), NOW, n_groups=4)


def test_chinese_names_that_speak_of_no_theme_are_clustered_too() -> None:
    names: list[str | None] = [f"{kind}{tail}" for kind in ("磁铁强力", "琥珀蜜蜡", "轴承钢珠") for tail in "甲乙丙丁戊己庚辛"]
    groups = group_products(catalogue(names), NOW, n_groups=4)
    assert sorted(g.label_zh for g in groups[:-1]) == sorted(["磁铁强力", "琥珀蜜蜡", "轴承钢珠"])


@pytest.mark.parametrize("names", [[None], ["a"], ["...", "!!!"], ["solo thing"], [None, "", "x y"]])
def test_names_that_say_nothing_are_the_general_group(names: list[str | None]) -> None:
    groups = group_products(catalogue(names), NOW)
    assert groups[-1].key == GENERAL
    assert sum(g.size for g in groups) == len(names)


def test_no_more_groups_than_asked_for_and_every_product_in_one() -> None:
    names: list[str | None] = ["bag", "cup", "lamp", "card", "ring", "sofa", "doll", "shirt", "boot"]
    groups = group_products(catalogue(names), NOW, n_groups=4)
    assert len(groups) == 4
    assert sum(g.size for g in groups) == len(names)


def test_keys_can_stand_in_a_variant_key() -> None:
    assert [slug(label) for label in ("Toys / Games", "女 包", "***")] == ["toys_games", "女_包", "group"]


def test_terms_are_words_and_runs_of_chinese() -> None:
    assert terms("SET OF 3 Tea-Cups 保温杯") == ["tea-cups", "保温", "温杯", "保温杯"]


def test_no_products_say_what_to_do() -> None:
    with pytest.raises(NotFittedError, match="There are no products") as caught:
        group_products(catalogue([]), NOW)
    assert "请先导入订单或商品目录" in caught.value.text("zh")
