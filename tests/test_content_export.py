"""Every file of copy carries the AI marks: for readers, for programs, and as records of the audit chain."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from brandloom.content import studio
from brandloom.content.studio import KINDS, Draft, Kind, Maker, Written, export, form_names, kind_of, pieces, read_asked, read_export, write_copy
from brandloom.errors import ConfigError, DataError
from brandloom.govern import DIGITAL_SOURCE, Audit, holds_personal, is_genuine, labels_in_html
from brandloom.govern.rows import reading
from brandloom.ledger import Ledger
from brandloom.ledger.schema import audit as table
from brandloom.llm import ScriptedTextModel

CUP = {"名称": "云杉保温杯", "材质": "316不锈钢", "容量": "500毫升", "颜色": "墨绿色", "价格": "129元"}
GOOD = "出门前灌满一杯热水，放进包里。云杉保温杯用316不锈钢做成，容量500毫升，墨绿色，129元。"
MAKER = Maker("小店 & Söhne", b"k" * 32)
SEVEN = ["Label", "ContentProducer", "ProduceID", "ReservedCode1", "ContentPropagator", "PropagateID", "ReservedCode2"]


def asked(**changes: Any) -> studio.Asked:
    return read_asked(json.dumps({"lang": "zh", "format": "product_description", "products": [CUP]} | changes, ensure_ascii=False), source="b")


@pytest.fixture(scope="module")
def written() -> Written:
    """One variant by a model, and the facts that stand in for the other."""
    replies = iter([GOOD])
    return write_copy(ScriptedTextModel(lambda _m, _s: json.dumps({"text": next(replies, "最好")}, ensure_ascii=False), name="m1"), asked(), variants=2)


def texts(written: Written, *contents: str) -> Written:
    """The same with these texts, every one as if a model had written it."""
    draft = written.drafts[0]
    return replace(written, drafts=tuple(replace(draft, copy={"text": content}) for content in contents))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_reads_back_the_same_marks(kind: Kind, written: Written) -> None:
    made = pieces(written, MAKER)
    assert [piece.mark is None for piece in made] == [False, True], "what no model wrote carries no mark"
    back = read_export(export(written, kind, maker=MAKER), kind)
    assert back == made
    mark = back[0].mark
    assert mark is not None
    assert (mark.visible, mark.digital_source, mark.label.label, mark.label.content_producer) == ("AI生成", DIGITAL_SOURCE, "1", MAKER.name)
    assert is_genuine(mark.label, back[0].text, key=MAKER.key)
    assert not is_genuine(mark.label, back[0].text.replace("AI生成", ""), key=MAKER.key), "the mark cannot be taken off unseen"


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_without_a_model_says_nothing_of_one(kind: Kind) -> None:
    made = export(write_copy(None, asked(), variants=1), kind, maker=MAKER)
    assert "AI生成" not in made and "AI-generated" not in made
    assert DIGITAL_SOURCE not in made and '"Label"' not in made
    assert [piece.mark for piece in read_export(made, kind)] == [None]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", form_names())
def test_every_form_shows_its_mark_in_every_file(name: str, language: str) -> None:
    """Also the forms whose own text carries none: there it stands beside the text."""
    facts = {"name": "Aurora Kettle", "capacity": "1.2 l", "material": "steel", "colour": "matte black", "price": "49 GBP"}
    plain = write_copy(None, asked(lang=language, format=name, products=[CUP if language == "zh" else facts]), variants=1)
    written = replace(plain, drafts=tuple(replace(draft, source="model", model="m1") for draft in plain.drafts))
    seen = "AI生成" if language == "zh" else "AI-generated"
    for kind in KINDS:
        file = export(written, kind)
        assert read_export(file, kind) == pieces(written, Maker())
        readable = {"json": lambda text: text, "csv": lambda text: text, "txt": lambda text: text,
                    "md": lambda text: text.split("---\n", 2)[2], "html": lambda text: text.partition("<body>")[2]}[kind](file)
        assert seen in readable


def test_in_china_an_english_text_says_it_in_chinese_too() -> None:
    shop = {"lang": "en", "jurisdiction": "cn", "products": [{"name": "Aurora Kettle", "material": "steel", "capacity": "1.2 l"}]}
    text = "Aurora Kettle. Material: steel. Capacity: 1.2 l. Have a look and see whether it suits you."
    made = write_copy(ScriptedTextModel([json.dumps({"text": text})]), asked(**shop), variants=1)
    (piece,) = pieces(made, Maker())
    assert piece.mark is not None and piece.text.endswith("\nAI-generated AI生成") and piece.mark.visible == "AI-generated AI生成"


def test_what_programs_find_in_each_file(written: Written) -> None:
    label = pieces(written, MAKER)[0].mark
    assert label is not None
    fields = label.label.to_dict()
    assert list(fields) == SEVEN
    data = json.loads(export(written, "json", maker=MAKER, also={"cost": 1}))
    assert [variant["ai"] and variant["ai"]["AIGC"] for variant in data["variants"]] == [fields, None] and data["cost"] == 1
    head = yaml.safe_load(export(written, "md", maker=MAKER).split("---\n")[1])
    assert head["variants"][0]["ai"]["AIGC"] == fields and head["variants"][0]["model"] == "m1"
    page = export(written, "html", maker=MAKER)
    assert labels_in_html(page) == [label.label]
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', page, re.S)
    assert found is not None
    graph = json.loads(found[1])["@graph"]
    assert graph[0]["digitalSourceType"] == DIGITAL_SOURCE and graph[0]["identifier"] == fields["ProduceID"]
    assert "digitalSourceType" not in graph[1]
    rows = list(csv.DictReader(io.StringIO(export(written, "csv", maker=MAKER).removeprefix("\ufeff"), newline="")))
    assert {name: rows[0][f"AIGC.{name}"] for name in SEVEN} == fields and rows[1]["AIGC.Label"] == ""


NASTY = st.text(alphabet=st.one_of(st.sampled_from("`-\n\r'\"=+@\t<>&/\\{} |,;:#*A生\u2028\u0000---"), st.characters(codec="utf-8")), min_size=1, max_size=60)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(contents=st.lists(NASTY, min_size=1, max_size=3))
def test_no_text_breaks_a_file_or_leaves_its_place(kind: Kind, contents: list[str], written: Written) -> None:
    made = texts(written, *contents)
    file = export(made, kind, maker=MAKER)
    assert read_export(file, kind) == pieces(made, MAKER)
    if kind == "html":
        assert len(labels_in_html(file)) == len(contents)


@pytest.mark.parametrize("attack", ["</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "--><svg onload=alert(1)>", "&lt;b&gt;"])
def test_no_markup_comes_alive_in_a_page(attack: str, written: Written) -> None:
    page = export(texts(written, attack), "html", maker=Maker(attack))
    assert not re.search(r"<(?!/?(?:!doctype|html|head|meta|title|script|body|article|p)\b)", page)
    assert page.count("<script") == page.count("</script") == 1


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "'=", "''+"])
def test_no_cell_is_a_formula(start: str, written: Written) -> None:
    file = export(texts(written, f'{start}HYPERLINK("http://x")'), "csv", maker=MAKER)
    cells = [cell for row in csv.reader(io.StringIO(file.removeprefix("\ufeff"), newline="")) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t"))]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spoil", [lambda text: "", lambda text: "hello", lambda text: text[:len(text) // 2],
                                   lambda text: text.replace("ReservedCode2", "Reserved")])
def test_another_file_is_refused_in_one_line(kind: Kind, spoil: Callable[[str], str], written: Written) -> None:
    with pytest.raises(DataError) as caught:
        assert read_export(spoil(export(written, kind, maker=MAKER)), kind) and False, "a half file read as a whole one"
    assert "\n" not in str(caught.value)


def test_the_ending_of_a_name_says_the_kind() -> None:
    assert [kind_of(Path(f"a.b/copy.{kind.upper()}")) for kind in KINDS] == list(KINDS)
    with pytest.raises(ConfigError, match=r"copy.docx: copy is written and read as .json, .md, .html, .csv, .txt"):
        kind_of(Path("x/copy.docx"))


# --- the audit chain ---

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_every_generated_text_has_its_record_without_the_text(ledger: Ledger, written: Written) -> None:
    audit = Audit(ledger, b"a" * 32)
    several = texts(written, GOOD, f"{GOOD}！")
    assert studio.keep_record(several, audit, maker=MAKER, actor="Ana", now=NOW) == 2
    assert studio.keep_record(write_copy(None, asked(), variants=1), audit, maker=MAKER, actor="Ana", now=NOW) == 0
    assert audit.verify() is None
    with reading(ledger) as connection:
        rows = connection.execute(select(table).where(table.c.seq > 0).order_by(table.c.seq)).all()
    assert [row.subject for row in rows] == [piece.mark.label.produce_id for piece in pieces(several, MAKER) if piece.mark]
    assert {(row.action, row.actor) for row in rows} == {("copy.generated", "Ana")}
    detail = json.loads(rows[0].detail)
    assert set(detail) == {"digest", "model", "brief", "format", "language", "source"} and detail["model"] == "m1"
    assert not any("云杉" in row.detail or "129" in row.detail.replace(detail["digest"], "").replace(detail["brief"], "") for row in rows)


@given(st.text())
def test_no_digest_is_taken_for_personal_data(text: str) -> None:
    """Else a text would be refused by the chain for the digits of its digest."""
    made = studio.Piece(text, None)
    brief = asked(facts=[made.text or "x"])
    assert not holds_personal(studio.brief_digest(brief))
    draft = Draft("facts", {"text": text}, "model", (), (), None, model="m1")
    (piece,) = pieces(Written(brief, brief.form, (draft,), "m1"), MAKER)
    assert piece.mark is not None and not holds_personal(piece.mark.label.produce_id)
