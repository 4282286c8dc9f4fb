"""A brief is read whole or refused in one line that says what to do."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from brandloom.content import Brief, humanise, read_brief
from brandloom.errors import ConfigError

ROOT = Path(__file__).parents[1]


def write(folder: Path, text: str) -> Path:
    file = folder / "brief.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_example_is_a_brief() -> None:
    brief = read_brief(ROOT / "examples" / "brief.yaml")
    assert brief.offer.value == Decimal(10)
    assert brief.offer.until == date(2011, 12, 1)
    assert brief.languages == ("en", "zh")
    assert brief.holdout == 0.10
    brief.require_current(date(2011, 11, 9))


def test_a_name_is_enough(tmp_path: Path) -> None:
    assert read_brief(write(tmp_path, "name: Tea")) == Brief(name="Tea")


@pytest.mark.parametrize(("text", "parts"), [
    ("name: x\noffr: {}", ["unknown key 'offr'", "did you mean 'offer'", "holdout"]),
    ("name: x\noffer: {kind: percent_off, valeu: 10}", ["'offer.valeu'", "'value'", "min_order"]),
    ("name: x\noffer: {kind: percent_off, value: 110}", ["'offer'", "110 percent is more than 100"]),
    ("name: x\noffer: {kind: percent_off}", ["needs one"]),
    ("name: x\noffer: {kind: free_shipping, value: 3}", ["has none"]),
    ("name: x\noffer: {kind: gift}", ["what the gift is"]),
    ("name: x\noffer: {kind: discount}", ["offer.kind", "percent_off"]),
    ("name: x\noffer: {kind: none, until: 2011-13-01}", ["brief.yaml"]),
    ("name: x\noffer: {kind: none, until: soon}", ["offer.until", "soon"]),
    ("name: x\nholdout: 1.5", ["holdout", "1.5"]),
    ("name: x\nlanguages: [fr]", ["languages.0", "fr"]),
    ("name: x\naudience: {max_size: many}", ["audience.max_size", "many"]),
    ("name: x\nfacts: [{txt: y}]", ["facts.0.txt", "'text'", "proof"]),
    ("goal: sell", ["'name' is missing"]),
    ("name: x\nname: y", ["line 2", "given twice"]),
    ("name: [", ["not valid YAML"]),
    ("- a\n- b", ["no list of `key: value` lines", "name"]),
    ("", ["no list of `key: value` lines"]),
    ("name: !!python/object/apply:os.system ['true']", ["not valid YAML"]),
])
def test_a_brief_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path, text: str, parts: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        read_brief(write(tmp_path, text))
    for language in ("en", "zh"):
        line = caught.value.text(language)
        assert "\n" not in line
        assert "brief.yaml" in line
    for part in parts:
        assert part in caught.value.text("en")


def test_a_missing_a_huge_and_a_foreign_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_brief(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="at most 64000"):
        read_brief(write(tmp_path, "#" * 70_000))
    (tmp_path / "gb.yaml").write_bytes("name: 秋茶".encode("gb18030"))
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_brief(tmp_path / "gb.yaml")


def test_an_offer_that_is_over_is_refused() -> None:
    brief = Brief(name="x", offer={"kind": "percent_off", "value": 10, "until": date(2011, 12, 1)})
    brief.require_current(date(2011, 12, 1))
    with pytest.raises(ConfigError, match="ended on 2011-12-01"):
        brief.require_current(date(2011, 12, 2))


@pytest.mark.parametrize(("name", "shown"), [
    ("WHITE HANGING HEART T-LIGHT HOLDER", "White Hanging Heart T-Light Holder"),
    ("SET OF 3 CAKE TINS PANTRY DESIGN ", "Set of 3 Cake Tins Pantry Design"),
    ("iPhone case", "iPhone case"),
    ("安溪铁观音", "安溪铁观音"),
    ("<b>BAG</b>,RED", "Bag, Red"),
    ("4711", "4711"),
])
def test_catalogue_names_are_shown_as_a_reader_would_write_them(name: str, shown: str) -> None:
    assert humanise(name) == shown
