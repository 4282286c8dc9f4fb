"""The desk: a text goes from draft to approved with every check, sign-off and race in order."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from brandloom.content import desk, studio
from brandloom.content.desk import Desk, compare
from brandloom.content.desk.compare import changed, stretches
from brandloom.errors import BrandloomError, ConfigError, DataError, StateError
from brandloom.govern import Audit
from brandloom.ledger import Ledger, schema
from brandloom.llm import ScriptedTextModel
from desk_world import CUP, EN, KETTLE, KEY, NOW, OTHER_ZH, ZH, asked, found, kept, opened, versions, written


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


def test_cautions_are_on_record_with_who_approved_in_spite_of_them(ledger: Ledger) -> None:
    at = opened(ledger)
    hard = "出门前灌满一杯热水，放进包里，氤氲熹微时踯躅徘徊，啜饮一口。云杉保温杯用316不锈钢做成，129元。"
    piece = kept(at)
    assert at.cautions(piece.id) == []
    at.edit(piece.id, {"text": hard}, base=1, by="Ana", now=NOW)
    (caution,) = at.cautions(piece.id)
    at.submit(piece.id, by="Ana", people=10, now=NOW)
    at.approve(piece.id, by="Li Lei", now=NOW)
    with ledger.read() as connection:
        rows = connection.execute(select(schema.audit.c.actor, schema.audit.c.detail).where(schema.audit.c.action == "copy.approved")).all()
    assert [(row.actor, json.loads(row.detail)["cautions"]) for row in rows] == [("Li Lei", [caution.rule])]
    assert "踯躅" not in rows[0].detail


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


def exported(at: Desk, ledger: Ledger, piece: str) -> list[studio.Piece]:
    written = desk.to_written(found(ledger, piece), versions(ledger, piece))
    maker = studio.Maker("Spruce", KEY, ("cn",))
    studio.keep_record(written, Audit(ledger, KEY), maker=maker, actor="Ana", now=NOW)
    kinds: dict[studio.Kind, list[studio.Piece]] = {kind: studio.read_export(studio.export(written, kind, maker=maker), kind) for kind in studio.KINDS}
    assert all(pieces == kinds["json"] for pieces in kinds.values())
    return kinds["json"]


def test_only_an_approved_text_leaves_the_desk_and_it_carries_its_marks(ledger: Ledger) -> None:
    at = opened(ledger)
    piece = kept(at)
    with pytest.raises(StateError, match="is in the state 'draft', and only approved texts leave the desk"):
        desk.to_written(piece, versions(ledger, piece.id))
    at.edit(piece.id, {"text": OTHER_ZH}, base=1, by="Li Lei", now=NOW)  # a person's words over a model's draft: the mark stays
    at.submit(piece.id, by="Ana", people=5, now=NOW)
    at.approve(piece.id, by="Li Lei", now=NOW)
    [one] = exported(at, ledger, piece.id)
    assert one.mark is not None
    assert one.text.startswith(OTHER_ZH)
    assert one.mark.visible in one.text
    assert (studio.check_seal(one, KEY), studio.has_record(one, ledger)) == ("genuine", True)
    at.retire(piece.id, by="Ana", now=NOW)
    with pytest.raises(StateError, match="only approved texts"):
        exported(at, ledger, piece.id)


def test_what_no_model_had_a_part_in_carries_no_mark(ledger: Ledger) -> None:
    at = opened(ledger)
    plain = desk.from_written(studio.write_copy(None, asked(), variants=1))
    [piece] = at.keep(plain, brand="Spruce", by="Ana", now=NOW)
    at.edit(piece.id, {"text": ZH}, base=1, by="Ana", now=NOW)
    at.submit(piece.id, by="Ana", people=5, now=NOW)
    at.approve(piece.id, by="Li Lei", now=NOW)
    assert exported(at, ledger, piece.id) == [studio.Piece(ZH, None)]
