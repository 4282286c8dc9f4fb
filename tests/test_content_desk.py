"""The desk: a text goes from draft to approved with every check, sign-off and race in order, and teaches the next one."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update
from typer.testing import CliRunner

from brandloom import cli
from brandloom.content import desk, studio
from brandloom.content.desk import Desk, Piece, compare
from brandloom.content.desk.carry import mask, same_figures, swapped, unmask
from brandloom.content.desk.compare import changed, stretches
from brandloom.content.desk.pairs import better
from brandloom.errors import BrandloomError, ConfigError, DataError, StateError
from brandloom.govern import Audit
from brandloom.ledger import Ledger, schema
from brandloom.llm import Message, ScriptedTextModel
from brandloom.workspace import ApprovalConfig
from llm_world import said, serving

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
KEY = b"k" * 32
CUP = {"名称": "云杉保温杯", "材质": "316不锈钢", "容量": "500毫升", "颜色": "墨绿色", "价格": "129元"}
KETTLE = {"name": "Aurora Kettle", "capacity": "1.2 l", "material": "steel", "colour": "matte black", "price": "49 GBP"}
ZH = "出门前灌满一杯热水，放进包里。云杉保温杯用316不锈钢做成，容量500毫升，墨绿色，129元。"
OTHER_ZH = "下雨的早上，车站的长椅上，打开杯盖喝一口。墨绿色的云杉保温杯，500毫升，316不锈钢，129元。"
EN = "Fill it, put it on, and sit down for a minute. The Aurora Kettle in matte black holds 1.2 l. It is made of steel. 49 GBP."


def asked(**changes: Any) -> studio.Asked:
    brief = {"lang": "zh", "format": "product_description", "products": [CUP]} | changes
    return studio.read_asked(json.dumps(brief, ensure_ascii=False), source="brief.json")


def written(*texts: str, **changes: Any) -> desk.Kept:
    replies = [json.dumps({"text": text}, ensure_ascii=False) for text in texts]
    return desk.from_written(studio.write_copy(ScriptedTextModel(replies), asked(**changes), variants=len(texts)))


def opened(ledger: Ledger, **limits: Any) -> Desk:
    return Desk(ledger, Audit(ledger, KEY), approval=ApprovalConfig(**limits), machines=["qwen2.5"])


def kept(at: Desk, *texts: str, brand: str = "Spruce", **changes: Any) -> Piece:
    return at.keep(written(*(texts or (ZH,)), **changes), brand=brand, by="Ana", now=NOW)[0]


def versions(ledger: Ledger, piece: str) -> list[desk.Version]:
    with ledger.read() as connection:
        return desk.read_versions(connection, desk.find_piece(connection, piece))


def found(ledger: Ledger, piece: str) -> Piece:
    with ledger.read() as connection:
        return desk.find_piece(connection, piece)


def test_from_draft_to_retired(ledger: Ledger) -> None:
    at = opened(ledger)
    piece = kept(at)
    assert (piece.state, piece.version, piece.name) == ("draft", 1, "云杉保温杯")
    edited = at.edit(piece.id, {"text": ZH.replace("放进包里", "带着走")}, base=1, by="Ana", now=NOW)
    assert not edited.refused and edited.number == 2 and edited.origin == "edit"
    assert at.submit(piece.id, by="Ana", people=20_000, now=NOW).state == "review"
    assert at.approve(piece.id, by="Li Lei", version=2, now=NOW).state == "approved"
    assert at.approved(piece.id).parts == {"text": ZH.replace("放进包里", "带着走")}
    assert at.retire(piece.id, by="Ana", now=NOW).state == "retired"
    with pytest.raises(StateError, match=r"Text t\w+ is retired, not approved"):
        at.approved(piece.id)
    assert Audit(ledger, KEY).verify() is None
    with ledger.read() as connection:
        rows = connection.execute(select(schema.audit.c.action, schema.audit.c.detail).where(schema.audit.c.seq > 0).order_by(schema.audit.c.seq)).all()
    assert [row.action for row in rows] == ["copy.kept", "copy.edited", "copy.submitted", "copy.approved", "copy.retired"]
    assert not any("云杉" in row.detail or "保温" in row.detail for row in rows)
    assert all(len(json.loads(row.detail)["digest"]) == 64 for row in rows)


def test_an_edit_that_a_check_objects_to_is_kept_but_not_in_force(ledger: Ledger) -> None:
    at = opened(ledger)
    piece = kept(at)
    refused = at.edit(piece.id, {"text": ZH.replace("129元", "99元")}, base=1, by="Ana", now=NOW)
    assert refused.refused and refused.number == 2
    (finding,) = refused.blocking
    assert (finding.rule, finding.place, finding.excerpt) == ("price", "text", "99元") and "129元" in finding.text("en")
    assert found(ledger, piece.id).version == 1
    assert "99元" in str(versions(ledger, piece.id)[1].parts["text"]) and versions(ledger, piece.id)[1].findings == refused.findings
    mended = at.edit(piece.id, {"text": ZH.replace("放进包里", "带着走")}, base=2, by="Ana", now=NOW)
    assert not mended.refused and (mended.number, mended.base) == (3, 2) and found(ledger, piece.id).version == 3


@pytest.mark.parametrize(("text", "rule"), [("全网最好的云杉保温杯，316不锈钢做成，容量500毫升，墨绿色，129元，出门带上它，路上喝一口热水。", "ad-law"), ("短", "length"),
                                            (ZH + "{{ offer.code }}", "slot"), (ZH + "来信 a@b.com", "email"), (ZH + "三天见效。", "yield")])
def test_every_kind_of_check_runs_after_an_edit(ledger: Ledger, text: str, rule: str) -> None:
    at = opened(ledger)
    refused = at.edit(kept(at).id, {"text": text}, base=1, by="Ana", now=NOW)
    assert refused.refused and rule in {item.rule for item in refused.blocking}


def test_a_draft_that_fails_the_gate_now_is_kept_as_refused(ledger: Ledger) -> None:
    at = opened(ledger)
    file = json.dumps({"brief": asked().model_dump(mode="json"), "model": "m", "variants": [
        {"angle": "use", "parts": {"text": ZH.replace("129元", "1元")}, "source": "model"}]}, ensure_ascii=False)
    (piece,) = at.keep(desk.read_kept(file, source="f.json"), brand="Spruce", by="Ana", now=NOW)
    assert piece.version == 0 and versions(ledger, piece.id)[0].refused
    with pytest.raises(StateError, match=r"has passed the checks yet. Edit it first"):
        at.submit(piece.id, by="Ana", now=NOW)
    assert at.edit(piece.id, {"text": ZH}, base=1, by="Ana", now=NOW).number == 2
    assert found(ledger, piece.id).version == 2


def test_keeping_twice_changes_nothing(ledger: Ledger) -> None:
    at = opened(ledger)
    first = at.keep(written(ZH, OTHER_ZH), brand="Spruce", by="Ana", now=NOW)
    assert at.keep(written(ZH, OTHER_ZH), brand="Spruce", by="Ben", now=NOW + timedelta(hours=1)) == first
    assert len(first) == 2 and first[0].request == first[1].request
    assert kept(at, brand="Other").id not in {piece.id for piece in first}


def test_the_file_of_write_is_what_the_desk_keeps() -> None:
    made = studio.write_copy(ScriptedTextModel([json.dumps({"text": ZH}, ensure_ascii=False)]), asked(), variants=1)
    read = desk.read_kept(json.dumps(made.to_dict(), ensure_ascii=False), source="f.json")
    assert read == desk.from_written(made) and read.asked == made.asked


@pytest.mark.parametrize(("people", "budget", "another"), [
    (None, None, True), (999, None, False), (1000, None, True), (10, 499.0, False), (10, 500.0, True), (None, 3.0, False), (0, 0.0, False)])
def test_above_a_size_another_person_approves(ledger: Ledger, people: int | None, budget: float | None, another: bool) -> None:
    at = opened(ledger, people=1000, budget=500)
    piece = kept(at)
    at.submit(piece.id, by="Ana", people=people, budget=budget, now=NOW)
    if another:
        for name in ("Ana", " ana ", "ＡＮＡ", "A\u200bna"):
            with pytest.raises(BrandloomError, match=r"another person approves|needs the name of a person"):
                at.approve(piece.id, by=name, now=NOW)
        assert found(ledger, piece.id).state == "review"
    assert at.approve(piece.id, by="Li Lei" if another else "Ana", now=NOW).state == "approved"


def test_who_edited_last_counts_not_who_began(ledger: Ledger) -> None:
    at = opened(ledger)
    piece = kept(at)
    at.edit(piece.id, {"text": OTHER_ZH}, base=1, by="Li Lei", now=NOW)
    at.edit(piece.id, {"text": "短"}, base=2, by="Ana", now=NOW)  # refused, so not in force
    at.submit(piece.id, by="Ana", people=5000, now=NOW)
    with pytest.raises(StateError, match="Li Lei edited version 2 of t"):
        at.approve(piece.id, by="Li Lei", now=NOW)
    assert at.approve(piece.id, by="Ana", now=NOW).state == "approved"


@pytest.mark.parametrize("name", ["scripted", "Scripted", "qwen2.5", "AI", "模型", "brandloom"])
def test_a_model_signs_nothing(ledger: Ledger, name: str) -> None:
    at = opened(ledger)
    piece = kept(at)
    at.submit(piece.id, by="Ana", people=1, now=NOW)
    for act in (lambda: at.approve(piece.id, by=name, now=NOW), lambda: at.edit(piece.id, {"text": OTHER_ZH}, base=1, by=name, now=NOW),
                lambda: at.keep(written(ZH), brand="x", by=name, now=NOW), lambda: at.comment(piece.id, "ok", by=name, now=NOW)):
        with pytest.raises(StateError, match=r"is the name of a model. Only a person"):
            act()


def test_wrong_steps_are_one_clear_line(ledger: Ledger) -> None:
    at = opened(ledger)
    piece = kept(at)
    with pytest.raises(StateError) as error:
        at.approve(piece.id, by="Li Lei", now=NOW)
    assert error.value.text("en") == f"Text {piece.id} is in the state 'draft', so approve is not possible. Possible: edit, submit, retire."
    at.submit(piece.id, by="Ana", people=5, now=NOW)
    with pytest.raises(StateError, match="is in the state 'in review', so submit is not possible"):
        at.submit(piece.id, by="Ana", now=NOW)
    at.approve(piece.id, by="Li Lei", now=NOW)
    with pytest.raises(StateError, match=r"is in the state 'approved', so edit is not possible. Possible: reject, retire\."):
        at.edit(piece.id, {"text": OTHER_ZH}, base=1, by="Ana", now=NOW)
    assert at.reject(piece.id, "Too long for this season.", by="Li Lei", now=NOW).state == "draft"
    at.edit(piece.id, {"text": OTHER_ZH}, base=1, by="Ana", now=NOW)
    at.retire(piece.id, by="Ana", now=NOW)
    for act in (lambda: at.submit(piece.id, by="Ana", now=NOW), lambda: at.retire(piece.id, by="Ana", now=NOW)):
        with pytest.raises(StateError, match=r"is in the state 'retired', so \w+ is not possible. Possible: -\."):
            act()


def test_an_edit_takes_a_text_out_of_review(ledger: Ledger) -> None:
    """Else somebody would approve other words than those that were read."""
    at = opened(ledger)
    piece = kept(at)
    at.submit(piece.id, by="Ana", people=5000, now=NOW)
    at.edit(piece.id, {"text": "短"}, base=1, by="Ana", now=NOW)
    assert found(ledger, piece.id).state == "review"
    at.edit(piece.id, {"text": OTHER_ZH}, base=1, by="Ana", now=NOW)
    assert found(ledger, piece.id).state == "draft"
    at.submit(piece.id, by="Ana", people=5000, now=NOW)
    with pytest.raises(StateError, match="is at version 3 now; yours began at version 1"):
        at.approve(piece.id, by="Li Lei", version=1, now=NOW)


def test_a_version_changed_in_the_database_is_found(ledger: Ledger) -> None:
    at = opened(ledger)
    piece = kept(at)
    at.submit(piece.id, by="Ana", people=5, now=NOW)
    at.approve(piece.id, by="Ben", now=NOW)
    with ledger.begin() as connection:
        connection.execute(update(schema.piece_versions).values(parts=json.dumps({"text": OTHER_ZH})))
    with pytest.raises(StateError, match="is not what it was when it was kept"):
        at.approved(piece.id)
    with ledger.begin() as connection:
        connection.execute(update(schema.piece_versions).values(parts=json.dumps({"text": ZH})))
        connection.execute(update(schema.pieces).values(brief=asked(products=[CUP | {"价格": "9元"}]).model_dump_json()))
    with pytest.raises(StateError, match="is not what it was when it was kept"):
        at.approved(piece.id)


RACER = """
import sys
from datetime import UTC, datetime
from brandloom.content.desk import Desk
from brandloom.errors import StateError
from brandloom.govern import Audit
from brandloom.ledger.database import open_ledger_at
url, piece, name, text = sys.argv[1:]
ledger = open_ledger_at(url)
desk = Desk(ledger, Audit(ledger, b"k" * 32))
print("ready", flush=True)
sys.stdin.readline()
try:
    print(desk.edit(piece, {"text": text}, base=1, by=name, now=datetime.now(UTC)).number)
except StateError as error:
    print(error.text("en"))
"""


def test_of_two_editors_at_once_one_wins_and_the_other_is_told(ledger: Ledger) -> None:
    piece = kept(opened(ledger))
    url = ledger.database.url.render_as_string(hide_password=False)
    racers = [subprocess.Popen([sys.executable, "-c", RACER, url, piece.id, name, text], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
              for name, text in (("Ana", OTHER_ZH), ("Ben", ZH.replace("放进包里", "带着走")))]
    for racer in racers:
        assert racer.stdout is not None and racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("\n")
        racer.stdin.flush()
    said = sorted(racer.communicate()[0].strip() for racer in racers)
    assert said == ["2", f"Text {piece.id} is at version 2 now; yours began at version 1. Nothing was kept: compare the two, then edit again "
                         "from version 2."]
    assert [one.number for one in versions(ledger, piece.id)] == [1, 2]
    assert Audit(ledger, KEY).verify() is None


def test_comments_stay_with_their_version(ledger: Ledger) -> None:
    at = opened(ledger)
    piece = kept(at)
    at.comment(piece.id, "能不能短一点？", by="Li Lei", part="text", now=NOW)
    at.edit(piece.id, {"text": OTHER_ZH}, base=1, by="Ana", now=NOW)
    at.comment(piece.id, "Better.", by="Li Lei", now=NOW)
    with ledger.read() as connection:
        notes = desk.read_comments(connection, found(ledger, piece.id))
        logged = connection.scalars(select(schema.audit.c.detail)).all()
    assert [(note.version, note.part, note.text) for note in notes] == [(1, "text", "能不能短一点？"), (2, None, "Better.")]
    assert not any("短一点" in detail for detail in logged)
    with pytest.raises(ConfigError, match="has no part 'subject'; its parts are text"):
        at.comment(piece.id, "x", by="Ana", part="subject", now=NOW)
    with pytest.raises(DataError, match="holds personal data"):
        at.comment(piece.id, "Ask 13812345678", by="Ana", now=NOW)
    with pytest.raises(DataError, match="1 to 4000 characters; this one has 0"):
        at.comment(piece.id, "  ", by="Ana", now=NOW)
    with pytest.raises(DataError, match="control characters"):
        at.comment(piece.id, "a\0b", by="Ana", now=NOW)


def test_a_comparison_names_words_figures_and_checks(ledger: Ledger) -> None:
    at = opened(ledger)
    piece = kept(at, EN, lang="en", products=[KETTLE])
    at.edit(piece.id, {"text": EN.replace("put it on", "switch it on").replace("49 GBP", "39 GBP")}, base=1, by="Ana", now=NOW)
    before, after = versions(ledger, piece.id)
    seen = compare(before, after)
    moves = [(one.before, one.after) for _part, row in seen.parts for one in row if one.kind != "same"]
    assert moves == [("put", "switch"), ("49", "39")]
    assert (seen.figures_gone, seen.figures_new) == (("49 GBP",), ("39 GBP",))
    assert [item.rule for item in seen.findings_new] == ["price"] and not seen.findings_gone
    assert 0 < seen.changed < 0.1
    assert json.loads(json.dumps(seen.to_dict("zh")))["checks"]["new"][0]["excerpt"] == "39 GBP"
    assert [(one.before, one.after) for one in stretches("墨绿色的杯子", "墨黑色的杯子") if one.kind != "same"] == [("绿", "黑")]


@settings(max_examples=200)
@given(st.text(), st.text())
def test_a_comparison_loses_nothing(one: str, other: str) -> None:
    seen = stretches(one, other)
    assert "".join(item.before for item in seen) == one and "".join(item.after for item in seen) == other
    assert all((item.before == item.after) == (item.kind == "same") for item in seen)
    assert 0.0 <= changed({"text": one}, {"text": other}) <= 1.0 and changed({"text": one}, {"text": one}) == 0.0


@pytest.mark.parametrize(("file", "says"), [
    ("{", "is not JSON"), ("[]", "holds no variants with their brief"), ('{"variants": [], "brief": {}}', "holds no variants with their brief"),
    ('{"variants": [{"parts": {"text": "x"}}]}', "holds no variants with their brief"),
    ('{"variants": [{"parts": {"text": 5}}], "brief": {"lang": "zh", "facts": ["x"]}}', "variant 1: no parts with texts"),
    ('{"variants": [{"parts": {"text": "\\ud800"}}], "brief": {"lang": "zh", "facts": ["x"]}}', "variant 1: no parts with texts"),
    ('{"variants": [{"parts": {"text": "x"}}], "brief": {"lang": "fr", "facts": ["x"]}}', "lang must be one of"),
    ('{"variants": [7], "brief": {"lang": "zh", "facts": ["x"]}}', "variant 1: no parts with texts"),
])
def test_a_file_that_is_no_copy_is_one_clear_line(file: str, says: str) -> None:
    with pytest.raises(DataError, match=says) as error:
        desk.read_kept(file, source="f.json")
    assert "\n" not in error.value.text("en") and error.value.text("zh") != error.value.text("en")


@pytest.mark.parametrize("file", ["{", "[]", "{}", '{"parts": 5}', '{"text": {"a": 1}}', '{"text": "\\ud800"}'])
def test_an_edit_that_is_no_text_is_one_clear_line(file: str) -> None:
    with pytest.raises(DataError, match=r"is not JSON|holds no parts of a text"):
        desk.read_edit(file, source="e.json")


def test_edits_that_are_none_and_pieces_that_are_not_there(ledger: Ledger) -> None:
    at = opened(ledger)
    piece = kept(at)
    with pytest.raises(DataError, match="changes nothing"):
        at.edit(piece.id, {"text": ZH}, base=1, by="Ana", now=NOW)
    with pytest.raises(ConfigError, match="has no version 7; it has 1 to 1"):
        at.edit(piece.id, {"text": OTHER_ZH}, base=7, by="Ana", now=NOW)
    with pytest.raises(ConfigError, match=f"no text 'zzz' on the desk. Latest: {piece.id}"):
        at.edit("zzz", {"text": OTHER_ZH}, base=1, by="Ana", now=NOW)
    assert at.edit(piece.id, {"title": "x"}, base=1, by="Ana", now=NOW).refused
    assert at.edit(piece.id, {"text": "\0" + ZH}, base=1, by="Ana", now=NOW).refused


WORDS = {"云杉保温杯": "Spruce Flask", "316不锈钢": "316 stainless steel", "墨绿色": "dark green"}
SAID = {"出门前灌满一杯热水，放进包里。": "Before you go out, fill it with hot water and put it in your bag.",
        "[1]用[2]做成，容量[3]，[4]，[5]。": "The [1] is made of [2], holds [3], comes in [4] and costs [5]."}


def translator(said: dict[str, str], **back: str) -> ScriptedTextModel:
    """A model that knows these sentences in both directions; a value of `back` replaces what it says on the way back."""
    known = said | {value: key for key, value in said.items()} | {said[key]: value for key, value in back.items() if key in said}

    def reply(messages: Sequence[Message], _schema: object) -> str:
        text = messages[-1].content.partition(": ")[2].partition("\n")[0]
        return json.dumps({"text": known.get(text, "")}, ensure_ascii=False)
    return ScriptedTextModel(reply)


def test_a_text_is_carried_into_english_with_its_facts(ledger: Ledger) -> None:
    at = opened(ledger)
    piece = kept(at)
    done = desk.translate(translator(SAID), piece.asked, {"text": ZH}, "en", glossary=WORDS)
    english = ("Before you go out, fill it with hot water and put it in your bag. The Spruce Flask is made of 316 stainless steel, holds 500 ml, "
               "comes in dark green and costs 129 yuan.")
    assert done.parts == {"text": english} and not done.left_out and done.calls == 4 and done.kept is not None
    made = at.translated(piece, done.kept, by="Ana", now=NOW)
    assert (made.parent, made.state, made.version, made.asked.lang, made.brand) == (piece.id, "draft", 1, "en", "Spruce")
    assert versions(ledger, made.id)[0].origin == "translation" and versions(ledger, made.id)[0].by == "Ana"
    with pytest.raises(StateError, match="is the name of a model"):
        at.edit(made.id, {"text": english + " Enjoy."}, base=1, by="scripted", now=NOW)


def test_what_a_model_is_shown_holds_no_fact() -> None:
    model = translator(SAID)
    desk.translate(model, asked(), {"text": ZH}, "en", glossary=WORDS)
    shown = "".join(call.messages[-1].content for call in model.calls)
    assert not any(fact in shown for fact in ("云杉", "Spruce", "316", "500", "129"))


@pytest.mark.parametrize(("target", "why"), [
    ("The [1] is made of [2], holds [3], comes in [4] and costs.", "a name or figure was lost, doubled or added"),
    ("The [1] is made of [2], holds [3], comes in [4] and costs [5], yes, [5].", "a name or figure was lost, doubled or added"),
    ("The [1] is made of [2], holds [3], comes in [4] and costs [6].", "a name or figure was lost, doubled or added"),
    ("The [1] is made of [2], holds [3] for 12 hours, comes in [4] and costs [5].", "its figures are not those of the source"),
    ("The award-winning [1] is made of [2], holds [3], comes in [4] and costs [5].", "says more than the source"),
    ("The waterproof [1] is made of [2], holds [3], comes in [4] and costs [5].", "says more than the source"),
    ("The [1] by Contoso is made of [2], holds [3], comes in [4] and costs [5].", "is a name that no fact gives"),
    ("", "a name or figure was lost"),
])
def test_a_sentence_that_fails_is_left_out_and_told(ledger: Ledger, target: str, why: str) -> None:
    source = "[1]用[2]做成，容量[3]，[4]，[5]。"
    done = desk.translate(translator(SAID | {source: target}), asked(products=[CUP | {"防水": "是"}]), {"text": ZH}, "en", glossary=WORDS)
    assert done.parts == {"text": "Before you go out, fill it with hot water and put it in your bag."}
    (gone,) = done.left_out
    assert gone.source.startswith("云杉保温杯") and gone.reason is not None and why in gone.reason.text("en")
    assert done.kept is not None
    at = opened(ledger)
    made = at.translated(kept(at), done.kept, by="Ana", now=NOW)
    (version,) = versions(ledger, made.id)
    assert "translation" in {item.rule for item in version.findings}


def test_the_opposite_of_the_source_is_left_out() -> None:
    said = {"杯身防水，放进包里也放心。": "It is not waterproof, so keep it out of your bag."}
    done = desk.translate(translator(said), asked(products=[CUP | {"防水": "是"}]), {"text": "杯身防水，放进包里也放心。"}, "en")
    (gone,) = done.left_out
    assert gone.reason is not None and "or the opposite" in gone.reason.text("en")


def test_the_second_look_reads_it_back() -> None:
    """The sentence passes the gate; what it says, read back, is something else."""
    first = next(iter(SAID))
    done = desk.translate(translator(SAID, **{first: "天气不好的时候在家里看书。"}), asked(), {"text": ZH}, "en", glossary=WORDS)
    (gone,) = done.left_out
    assert gone.source == first and gone.reason is not None and "translated back it reads" in gone.reason.text("en")


def test_law_of_the_target_is_what_counts() -> None:
    """A sentence without a false word may still be unlawful where it is read."""
    said = {"Ask for [1] at the counter.": "柜台有售[1]，国家级的选择。"}
    english = asked(lang="en", products=[KETTLE])
    done = desk.translate(translator(said), english, {"text": "Ask for Aurora Kettle at the counter."}, "zh")
    (gone,) = done.left_out
    assert gone.reason is not None and "国家级" in gone.reason.text("en")


def test_a_whole_text_that_is_lost_is_a_refused_draft(ledger: Ledger) -> None:
    at = opened(ledger)
    done = desk.translate(translator({}), asked(), {"text": ZH}, "en", glossary=WORDS)
    assert done.kept is not None and len(done.left_out) == 2 and not done.parts
    made = at.translated(kept(at), done.kept, by="Ana", now=NOW)
    assert made.version == 0 and versions(ledger, made.id)[0].refused


def test_a_language_the_gate_does_not_check_is_shown_and_not_kept() -> None:
    model = translator({"[1]用[2]不锈钢做成，容量[3]。": "[1] est en acier inoxydable [2], pour [3]."})
    done = desk.translate(model, asked(), {"text": "云杉保温杯用316不锈钢做成，容量500毫升。"}, "fr", glossary={"云杉保温杯": "Spruce"})
    assert done.parts == {"text": "Spruce est en acier inoxydable 316, pour 500 ml."} and done.kept is None
    with pytest.raises(ConfigError, match=r"Nothing is known of the language 'xx'\. Known: en, zh, fr"):
        desk.translate(model, asked(), {"text": ZH}, "xx")
    with pytest.raises(ConfigError, match="is in 'zh' already"):
        desk.translate(model, asked(), {"text": ZH}, "zh")
    with pytest.raises(ConfigError, match=r"must_say '墨绿色' has no translation. Add it to the glossary"):
        desk.translate(model, asked(must_say=["墨绿色"]), {"text": ZH}, "en")


def test_names_and_figures_that_changed_places_are_left_out() -> None:
    """Each mark stands once, so only the words around them tell."""
    source, wrong = "[1]用[2]做成，容量[3]，[4]，[5]。", "The [1] is made of [2], holds [5], comes in [4] and costs [3]."
    model = translator(SAID | {source: wrong}, **{source: "[1]用[2]做成，容量[5]，[4]，[3]。"})
    (gone,) = desk.translate(model, asked(), {"text": ZH}, "en", glossary=WORDS).left_out
    assert gone.reason is not None and "two names or figures changed places" in gone.reason.text("en")
    assert not swapped("[1]用[2]做成，[3]。", "[3]，[1]是用[2]做成的。")


def test_a_sentence_without_facts_that_comes_back_empty_is_told() -> None:
    done = desk.translate(translator({}), asked(), {"text": "放进包里。"}, "en")
    assert [one.source for one in done.left_out] == ["放进包里。"] and not done.parts


CARRIED = [
    ("满200减20，打85折优惠，2026年12月1日截止", "en", ("200", "20", "15% off", "1 December 2026")),
    ("3-5个工作日送达，两晚，12个月，三天", "en", ("3–5 working days", "2 nights", "12 months", "3 days")),
    ("30×40cm，1.5米，2斤，5000毫安，1天", "en", ("30 × 40 cm", "1.5 m", "1000 g", "5000 mAh", "1 day")),
    ("用码SPRING10，{{ offer.value }}，半价", "en", ("SPRING10", "{{ offer.value }}", "half price")),
    ("Only £49.99 until 3 May, 15% off, 2 to 3 days", "zh", ("49.99英镑", "5月3日", "8.5折", "2–3天")),
    ("1.2 l, 55mm, a dozen, 2026-05-03, half price", "zh", ("1.2升", "55毫米", "12", "2026年5月3日", "半价")),
    ("1.2 l, 3 hours, 2026-05-03, 20 GBP", "fr", ("1.2 l", "3 heures", "2026-05-03", "20 GBP")),
]


@pytest.mark.parametrize(("text", "to", "values"), CARRIED, ids=[text[:12] for text, _to, _values in CARRIED])
def test_code_writes_facts_in_the_targets_way(text: str, to: str, values: tuple[str, ...]) -> None:
    masked = mask(text, names=(), glossary={}, language=to)
    assert masked.values == values
    put = unmask(masked.text, masked, to)
    assert put is not None and (to == "fr" or same_figures(text, put))


@settings(max_examples=300)
@given(st.text(alphabet="[]123 用做a的 ", max_size=30))
def test_marks_are_put_back_exactly_once_or_not_at_all(reply: str) -> None:
    masked = mask("云杉用129元做，500毫升", names=["云杉"], glossary={}, language="en")
    assert masked.text == "[1]用[2]做，[3]"
    put, marks = unmask(reply, masked, "en"), re.findall(r"\[ *(\d+) *\]", reply)
    assert (put is None) == (sorted(map(int, marks)) != [1, 2, 3])
    if put is not None:
        assert all(put.count(value) >= 1 for value in ("云杉", "129 yuan", "500 ml"))


def test_pairs_tell_the_better_text(ledger: Ledger) -> None:
    at = opened(ledger)
    first, second = at.keep(written(ZH, OTHER_ZH), brand="Spruce", by="Ana", now=NOW)
    at.edit(first.id, {"text": ZH.replace("129元", "9元")}, base=1, by="Ana", now=NOW)
    at.edit(first.id, {"text": ZH.replace("放进包里", "带着走")}, base=1, by="Ana", now=NOW)
    at.submit(first.id, by="Ana", people=5, now=NOW)
    at.reject(first.id, "换个说法", by="Ben", now=NOW)
    at.edit(first.id, {"text": ZH.replace("放进包里", "路上喝")}, base=3, by="Ana", now=NOW)
    at.submit(first.id, by="Ana", people=5, now=NOW)
    at.approve(first.id, by="Ben", now=NOW)
    found = desk.read_pairs(ledger, brand="Spruce")
    assert [(pair.source, pair.strength) for pair in found if pair.source != "edit"] == [("check", 1.0), ("rejection", 1.0), ("choice", 0.8)]
    (edit,) = [pair for pair in found if pair.source == "edit"]
    assert "带着走" in edit.chosen["text"] and "放进包里" in edit.rejected["text"] and 0.5 < edit.strength < 0.6
    rejected = next(pair for pair in found if pair.source == "rejection")
    assert "路上喝" in rejected.chosen["text"] and "带着走" in rejected.rejected["text"]
    chosen = next(pair for pair in found if pair.source == "choice")
    assert chosen.rejected == {"text": OTHER_ZH} and second.id != chosen.piece
    line = json.loads(json.dumps(found[0].to_dict(), ensure_ascii=False))
    roles = [turn["role"] for turn in line["prompt"]]
    assert roles == ["system", *["user", "assistant"] * (len(roles) // 2 - 1), "user"] and "316不锈钢" in line["prompt"][-1]["content"]
    assert json.loads(line["chosen"][0]["content"]) == found[0].chosen and line["chosen"][0]["role"] == "assistant"
    assert desk.read_pairs(ledger, brand="Other") == []


def test_clicks_count_where_they_are_sure_and_in_one_test(ledger: Ledger) -> None:
    at = opened(ledger)
    first, second = at.keep(written(ZH, OTHER_ZH), brand="Spruce", by="Ana", now=NOW)
    at.record_result(first.id, source="may", shown=1000, clicks=40, conversions=3, now=NOW)
    at.record_result(second.id, source="june", shown=1000, clicks=90, conversions=3, now=NOW)
    assert desk.read_pairs(ledger) == []
    at.record_result(second.id, source="may", shown=1000, clicks=10, conversions=3, now=NOW)
    at.record_result(second.id, source="may", shown=1000, clicks=80, conversions=3, now=NOW)  # a later count of the same test
    (pair,) = desk.read_pairs(ledger)
    assert pair.source == "clicks" and pair.chosen == {"text": OTHER_ZH} and 0.99 < pair.strength < 1
    with pytest.raises(DataError, match="between 0 and the times shown"):
        at.record_result(first.id, source="may", shown=10, clicks=11, conversions=0, now=NOW)


@settings(max_examples=200)
@given(st.integers(0, 50), st.integers(1, 50), st.integers(0, 50), st.integers(1, 50))
def test_the_probability_of_a_better_rate_is_one(hits: int, miss: int, other: int, other_miss: int) -> None:
    sure = better(hits, hits + miss, other, other + other_miss)
    assert 0 <= sure <= 1 and sure + better(other, other + other_miss, hits, hits + miss) == pytest.approx(1)
    if hits * other_miss > other * miss and hits + miss == other + other_miss:
        assert sure > 0.5


def test_texts_people_settled_on_show_the_voice(ledger: Ledger) -> None:
    at = opened(ledger)
    untouched = kept(at, ZH)
    assert desk.examples(ledger, brand="Spruce", language="zh", form="product_description") == ()
    at.edit(untouched.id, {"text": "慢慢来，不着急。" + ZH}, base=1, by="Ana", now=NOW)
    ours = ("慢慢来，不着急。出门前灌满一杯热水，放进包里。",)
    assert desk.examples(ledger, brand="Spruce", language="zh", form="product_description") == ours
    assert desk.examples(ledger, brand="Other", language="zh", form="product_description") == ()
    assert desk.examples(ledger, brand="Spruce", language="en", form="product_description") == ()
    approved = kept(at, OTHER_ZH)
    at.submit(approved.id, by="Ana", people=1, now=NOW)
    at.approve(approved.id, by="Ana", now=NOW)
    both = desk.examples(ledger, brand="Spruce", language="zh", form="product_description")
    assert both == ("下雨的早上，车站的长椅上，打开杯盖喝一口。", *ours)
    voice = desk.taught(ledger, asked(voice={"examples": ["旧例子。"]}), brand="Spruce").voice
    assert voice.examples == (*both, "旧例子。")
    at.retire(approved.id, by="Ana", now=NOW)
    assert desk.examples(ledger, brand="Spruce", language="zh", form="product_description") == ours


def test_words_struck_again_and_again_are_proposed_and_a_person_decides(ledger: Ledger) -> None:
    at = opened(ledger)
    for number, moment in enumerate(("早上", "下午", "晚上")):
        piece = kept(at, f"{moment}轻松灌满一杯热水，放进包里。云杉保温杯用316不锈钢做成，容量500毫升，墨绿色，129元。")
        assert piece.version == 1, versions(ledger, piece.id)
        at.edit(piece.id, {"text": f"{moment}灌满一杯热水，放进包里。云杉保温杯用316不锈钢做成，容量500毫升，墨绿色，129元。"}, base=1, by="Ana", now=NOW)
        proposed = desk.struck_words(ledger, brand="Spruce", language="zh")
        assert [(one.word, one.struck, one.kept) for one in proposed] == ([("轻松", 3, 0)] if number == 2 else [])
    assert desk.taught(ledger, asked(), brand="Spruce").voice.avoid == ()
    audit = Audit(ledger, KEY)
    desk.judge_word(ledger, audit, "轻松", brand="Spruce", language="zh", avoid=True, by="Ana", now=NOW)
    taught = desk.taught(ledger, asked(), brand="Spruce")
    assert taught.voice.avoid == ("轻松",)
    assert "brand-word" in {item.rule for item in studio.Gate(taught).check({"text": ZH + "轻松一点。"})}
    assert desk.taught(ledger, asked(facts=["轻松杯盖"]), brand="Spruce").voice.avoid == ()
    with pytest.raises(StateError, match="is the name of a model"):
        desk.judge_word(ledger, audit, "慢慢", brand="Spruce", language="zh", avoid=True, by="qwen2.5", now=NOW, machines=["qwen2.5"])
    desk.judge_word(ledger, audit, "轻松", brand="Spruce", language="zh", avoid=False, by="Ana", now=NOW)
    assert desk.avoided_words(ledger, brand="Spruce", language="zh") == ()
    assert audit.verify() is None


def test_the_commands_lead_from_a_draft_to_a_lesson(tmp_path: Path) -> None:
    """The whole way in one workspace, with a model endpoint that speaks the protocol."""
    shop, draft, change = tmp_path / "shop", tmp_path / "draft.json", tmp_path / "edited.json"

    def run(*words: object, url: str = "") -> Any:
        environment = {"BRANDLOOM_CACHE": str(tmp_path / "cache"), "BRANDLOOM_MODEL_CACHE_MB": "0", "BRANDLOOM_MODEL_URL": url or None,
                       "BRANDLOOM_MODEL_NAME": "m1" if url else None}
        done = CliRunner().invoke(cli.app, [str(word) for word in words], env=environment, standalone_mode=False)
        if done.exception is not None:
            raise done.exception
        return json.loads(done.stdout) if "--json" in words else done.stdout

    run("init", shop, "--name", "Spruce")
    draft.write_text(json.dumps({"brief": asked().model_dump(mode="json"), "model": "m1", "variants": [
        {"angle": "use", "parts": {"text": ZH}, "source": "model"}]}, ensure_ascii=False), encoding="utf-8")
    (piece,) = run("copy", "keep", shop, draft, "--by", "Ana", "--json")
    shown = run("copy", "show", shop, piece["piece"], "--json")
    assert shown["version"] == shown["in_force"] == 1 and shown["checks"] == []
    change.write_text(json.dumps(shown | {"parts": {"text": ZH.replace("129元", "9元")}}, ensure_ascii=False), encoding="utf-8")
    with pytest.raises(StateError, match=r"Version 2 of .* is refused at text: '9元' is a figure that no fact gives"):
        run("copy", "edit", shop, piece["piece"], change, "--by", "Ana")
    change.write_text(json.dumps({"text": "慢慢来，不着急。" + ZH}, ensure_ascii=False), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"does not say which version was edited. Add --base NUMBER"):
        run("copy", "edit", shop, piece["piece"], change, "--by", "Ana")
    assert run("copy", "edit", shop, piece["piece"], change, "--by", "Ana", "--base", 1, "--json")["version"] == 3
    assert "{+慢慢来，不着急。+}" in run("copy", "compare", shop, piece["piece"]).replace("\n", "")
    run("copy", "comment", shop, piece["piece"], "好", "--by", "Li Lei", "--part", "text")
    run("copy", "submit", shop, piece["piece"], "--by", "Ana", "--people", 5000)
    with pytest.raises(StateError, match="another person approves"):
        run("copy", "approve", shop, piece["piece"], "--by", "Ana")
    assert run("copy", "approve", shop, piece["piece"], "--by", "Li Lei", "--version", 3, "--json")["state"] == "approved"
    run("copy", "result", shop, piece["piece"], "--source", "may", "--shown", 100, "--clicks", 4)
    assert [json.loads(line)["source"] for line in run("copy", "pairs", shop).splitlines() if line.startswith("{")] == ["check", "edit"]
    assert run("copy", "words", shop, "--avoid", "轻松", "--by", "Ana", "--json") == {"proposed": [], "avoided": ["轻松"]}
    with serving() as endpoint:
        known = SAID | {"慢慢来，不着急。": "Take your time."}
        both = known | {value: key for key, value in known.items()}
        endpoint.script = [lambda body: said(json.dumps({"text": both[body["messages"][-1]["content"].partition(": ")[2]]}, ensure_ascii=False))]
        (tmp_path / "words.json").write_text(json.dumps(WORDS), encoding="utf-8")
        made = run("copy", "translate", shop, piece["piece"], "--to", "en", "--by", "Ana", "--glossary", tmp_path / "words.json", "--json",
                   url=endpoint.url)
        assert made["left_out"] == [] and made["parts"]["text"].startswith("Take your time. Before you go out")
        endpoint.script, endpoint.asked = [lambda _body: said(json.dumps({"text": OTHER_ZH}, ensure_ascii=False))], []
        draft.write_text(json.dumps({"lang": "zh", "products": [CUP]}, ensure_ascii=False), encoding="utf-8")
        run("write", draft, "-n", 1, "--workspace", shop, url=endpoint.url)
        (request,) = endpoint.asked
        assert "我们平时这样说话：慢慢来，不着急。出门前灌满一杯热水，放进包里。" in request["messages"][-1]["content"]
        assert "不要写：轻松" in request["messages"][-1]["content"]
    states = {one["piece"]: one["state"] for one in run("copy", "list", shop, "--json")}
    assert states == {piece["piece"]: "approved", made["piece"]: "draft"}
    assert run("copy", "retire", shop, made["piece"], "--by", "Ana").endswith("retired.\n")
    with pytest.raises(ConfigError, match=r"'gone' is no state. States: draft, review, approved, retired"):
        run("copy", "list", shop, "--state", "gone")
