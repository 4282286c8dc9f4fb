"""Strict reading: what YAML and JSON would take in silence is refused with file, place and reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brandloom.content.brand import read_kit
from brandloom.content.brief import read_brief
from brandloom.content.strict import read_json, read_object
from brandloom.errors import ConfigError, DataError


@pytest.mark.parametrize(("text", "reason"), [
    ('{"lang": "zh", "lang": "en"}', "'lang' is given twice"), ('{"products": [{"price": 1, "price": 2}]}', "'price' is given twice"),
    ('{"price": NaN}', "NaN is no number"), ('{"price": -Infinity}', "-Infinity is no number"), ("{", "is not JSON"), ("[" * 100_000, "is not JSON")])
def test_json_that_says_two_things_or_none_is_refused(text: str, reason: str) -> None:
    with pytest.raises(DataError) as caught:
        read_json(text, source="brief.json")
    assert "brief.json" in caught.value.text("en") and reason in caught.value.text("en")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_every_other_json_is_read_as_it_is(value: object) -> None:
    assert read_json(json.dumps(value), source="x") == value


def test_an_object_has_a_size_and_is_an_object() -> None:
    with pytest.raises(DataError, match=r"b\.json is larger than 1 MB"):
        read_object(json.dumps({"facts": "x" * 1_000_000}), source="b.json", most=1_000_000)
    with pytest.raises(DataError, match=r"b\.json holds no JSON object"):
        read_object("[]", source="b.json", most=1_000_000)


@pytest.mark.parametrize("read", [read_brief, read_kit])
def test_briefs_and_kits_refuse_the_same_things(tmp_path: Path, read: object) -> None:
    assert callable(read)
    for content, reason in ((b"name: a\nname: b\n", "'name' is given twice"), (b"\xff\xfe\xff", "is not UTF-8 text"), (b"- a\n", "no list of"),
                            (b"name: a\nnmae: b\n", "did you mean 'name'"), (b"x" * 300_000, "Is it the right file")):
        (tmp_path / "a.yaml").write_bytes(content)
        with pytest.raises(ConfigError) as caught:
            read(tmp_path / "a.yaml")
        assert reason in caught.value.text("en") and "a.yaml" in caught.value.text("zh")
