"""What the desk teaches: preference pairs, the voice of its people, words they strike out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from brandloom import cli
from brandloom.content import desk, studio
from brandloom.content.desk.pairs import better
from brandloom.errors import ConfigError, DataError, StateError
from brandloom.govern import Audit
from brandloom.ledger import Ledger
from desk_world import CUP, KEY, NOW, OTHER_ZH, SAID, WORDS, ZH, asked, kept, opened, versions, written
from llm_world import said, serving


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


def test_tests_with_other_readers_are_weighed_not_added_up() -> None:
    """The worse text was shown more where everybody clicks: added up it would win (Simpson's paradox)."""
    keen, cold = (60, 600, 9, 60), (1, 60, 1, 600)
    worse = [(30, 300, 4, 30), (0, 30, 6, 300)]
    assert better([keen]) < 0.2 and better([keen, cold]) < 0.5
    assert sum(one[0] for one in worse) / 330 > sum(one[2] for one in worse) / 330 and better(worse) < 0.5


@settings(max_examples=200)
@given(st.integers(0, 50), st.integers(1, 50), st.integers(0, 50), st.integers(1, 50))
def test_the_probability_of_a_better_rate_is_one(hits: int, miss: int, other: int, other_miss: int) -> None:
    own, others = (hits, hits + miss), (other, other + other_miss)
    sure = better([(*own, *others)])
    assert 0 <= sure <= 1 and sure + better([(*others, *own)]) == pytest.approx(1)
    assert abs(better([(*own, *others)] * 2) - 0.5) >= abs(sure - 0.5)
    assert better([(*own, *others), (*others, *own)]) == pytest.approx(0.5)
    assert better([]) == 0.5
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
    at.judge_word("轻松", brand="Spruce", language="zh", avoid=True, by="Ana", now=NOW)
    taught = desk.taught(ledger, asked(), brand="Spruce")
    assert taught.voice.avoid == ("轻松",)
    assert "brand-word" in {item.rule for item in studio.Gate(taught).check({"text": ZH + "轻松一点。"})}
    assert desk.taught(ledger, asked(facts=["轻松杯盖"]), brand="Spruce").voice.avoid == ()
    with pytest.raises(StateError, match="is the name of a model"):
        at.judge_word("慢慢", brand="Spruce", language="zh", avoid=True, by="qwen2.5", now=NOW)
    at.judge_word("轻松", brand="Spruce", language="zh", avoid=False, by="Ana", now=NOW)
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
    run("copy", "export", shop, piece["piece"], "--by", "Ana", "--out", tmp_path / "text.html")
    assert run("check-label", tmp_path / "text.html", "--workspace", shop, "--json")[0]["seal"] == "genuine"
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
