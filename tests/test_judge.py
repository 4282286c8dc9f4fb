"""A model's first token as a judge: told by every kind of model, calibrated, and silent where it may not speak."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from brandloom.content.checks.borne import sentences
from brandloom.content.checks.judge import Calibration, Judge, fact_lines, log_odds
from brandloom.content.studio import Gate, read_asked, write_copy
from brandloom.content.studio.attempt import Attempt
from brandloom.content.studio.plain import PlainCopy
from brandloom.llm import AnswerStore, CachedModel, FallbackModel, Message, MeteredModel, ScriptedTextModel, SpendBook
from llm_world import failed, serving

ASK = [Message("user", "Is it so?")]
MUG = {"name": "Harbour mug", "material": "stoneware", "price": "£14", "dishwasher": True, "colours": ["blue", "grey"]}
SURE = Calibration("scripted", "", 1.0, {"en": 0.0, "zh": 0.0}, 0.3, 0, True)
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def told(rows: object) -> tuple[int, dict[str, str], bytes]:
    body = {"model": "m1", "usage": {"prompt_tokens": 7, "completion_tokens": 1}, "choices": [
        {"finish_reason": "length", "message": {"content": "Yes"}, "logprobs": {"content": [{"token": "Yes", "top_logprobs": rows}]}}]}
    return 200, {}, json.dumps(body).encode()


def model_of(chances: dict[str, float], replies: Sequence[str] = ()) -> ScriptedTextModel:
    """One that answers by the words of the text it is asked about: Yes with the chance given, else surely."""
    def first(messages: Sequence[Message]) -> dict[str, float]:
        text = messages[-1].content.split("Text: ")[1].split("\n")[0]
        yes = next((chance for words, chance in chances.items() if words in text), 0.99)
        return {"Yes": yes, "No": 1 - yes}
    return ScriptedTextModel(replies, first=first)


def test_endpoint_tells_first_tokens_and_streams_none_of_them() -> None:
    heard = list[str]()
    with serving() as endpoint, endpoint.model(on_text=heard.append) as model:
        endpoint.script = [told([{"token": "Yes", "logprob": -0.5}, {"token": " yes", "logprob": -2.0}, {"token": "No", "logprob": "x"}])]
        done = model.complete(ASK, max_tokens=1, top=5)
    assert done.first == pytest.approx({"Yes": 0.6065, " yes": 0.1353}, abs=1e-3)
    assert endpoint.asked[0]["logprobs"] is True
    assert endpoint.asked[0]["top_logprobs"] == 5
    assert "stream" not in endpoint.asked[0]
    assert heard == []


@pytest.mark.parametrize("reason", ["logprobs is not supported by this model", "Unknown field: top_logprobs"])
def test_an_endpoint_without_first_tokens_is_asked_for_them_once(reason: str) -> None:
    with serving() as endpoint, endpoint.model() as model:
        endpoint.script = [failed(400, reason), told(None), told(None)]
        assert model.complete(ASK, max_tokens=1, top=5).first is None
        assert model.complete(ASK, max_tokens=1, top=5).first is None
    assert ["logprobs" in body for body in endpoint.asked] == [True, False, False]


@pytest.mark.parametrize("rows", [None, [], "x", [3], [{"token": 3, "logprob": -1}], [{"token": "Yes", "logprob": 2}]])
def test_odd_answers_tell_no_first_tokens(rows: object) -> None:
    with serving() as endpoint, endpoint.model() as model:
        endpoint.script = [told(rows)]
        assert model.complete(ASK, max_tokens=1, top=5).first is None


def test_first_tokens_pass_through_cache_meter_and_fallback_and_are_paid_once(tmp_path: Path) -> None:
    inner, book, store = model_of({}), SpendBook(tmp_path / "s.sqlite"), AnswerStore(tmp_path / "a.sqlite", max_bytes=10_000)
    model = FallbackModel([CachedModel(MeteredModel(inner, book, now=lambda: NOW), store)])
    ask = [Message("user", "Text: it\n")]
    first = model.complete(ask, max_tokens=1, top=5)
    again = model.complete(ask, max_tokens=1, top=5)
    assert first.first == again.first == {"Yes": 0.99, "No": pytest.approx(0.01)}
    assert again.cached
    assert not first.cached
    assert len(inner.calls) == 1
    assert book.run()[0].calls == 1
    with pytest.raises(Exception, match="no reply left"):
        model.complete(ask, max_tokens=1)  # the same words without `top` are another question
    store.close()
    book.close()


def test_log_odds_need_an_answer_to_the_question() -> None:
    assert log_odds({"Yes": 0.6, " yes": 0.1, "No": 0.1, "Well": 0.2}) == pytest.approx(1.9459, abs=1e-3)
    assert log_odds({"是": 0.2, "否": 0.7}) == pytest.approx(-1.2528, abs=1e-3)
    assert log_odds({"Well": 0.9, "Yes": 0.05}) is None
    assert log_odds(None) is None


def test_sentences_and_facts_as_the_judge_reads_them() -> None:
    text = " One for £1.50. Two! \n三个。好吗？ … "
    assert [text[start:end] for start, end in sentences(text)] == ["One for £1.50.", "Two!", "三个。", "好吗？"]
    assert list(fact_lines([MUG | {"box": {"width_cm": 12}}, {"fact": "open daily"}])) == [
        "name: Harbour mug", "material: stoneware", "price: £14", "dishwasher: yes", "colours: blue, grey", "box width_cm: 12", "fact: open daily"]


def test_a_doubted_sentence_is_a_finding_with_place_reason_and_advice() -> None:
    judge = Judge(model_of({"Paris": 0.1}), MUG, "en", calibration=SURE)
    found = judge.check("A stoneware mug. Fired in Paris. Yours for £14.", "text")
    assert [(item.rule, item.severity, item.blocks) for item in found] == [("judge", "evidence", True)]
    assert "A stoneware mug. Fired in Paris. Yours for £14."[slice(*found[0].span or (0, 0))] == "Fired in Paris."
    assert "10 %" in found[0].text("en")
    assert "10" in found[0].text("zh")
    assert found[0].advice("en")
    assert found[0].advice("zh") != found[0].advice("en")


def test_a_sentence_is_asked_about_once_and_an_unknown_model_stops_nothing() -> None:
    model = model_of({"Paris": 0.001})
    judge = Judge(model, MUG, "en")
    assert judge.calibration is None
    assert judge.check("Fired in Paris. Fired in Paris.") == []
    assert [one.probability for one in judge.opinions("Fired in Paris.")] == [None]
    assert len(model.calls) == 1
    assert model.calls[0].max_tokens == 1


def test_a_model_that_tells_nothing_is_asked_once_and_is_silent() -> None:
    model = ScriptedTextModel(lambda _messages, _schema: "Yes")
    judge = Judge(model, MUG, "en", calibration=SURE)
    assert judge.check("One. Two. Three.") == []
    assert judge.silent
    assert len(model.calls) == 1


def test_what_the_judge_doubts_is_left_out_of_the_draft_and_barred_from_later_ones() -> None:
    asked = read_asked(json.dumps({"lang": "en", "format": "product_description", "products": [MUG]}), source="brief")
    text = "The Harbour mug is stoneware, in blue or grey. It sits well in quiet hands on slow mornings. Put it in the dishwasher. Yours for £14."
    reply = json.dumps({"text": text})
    judge = Judge(model_of({"quiet hands": 0.05}), asked.records, "en", calibration=SURE)
    writer = ScriptedTextModel([reply] * 3)
    gate = Gate(asked)
    assert not [item for item in gate.check({"text": text}) if item.blocks]
    attempt = Attempt(gate, lambda number, _forbidden: writer.complete(ASK, max_tokens=9, seed=number), lambda: PlainCopy(gate), judge=judge)
    passed = attempt.write()
    assert passed is not None
    assert passed.source == "repaired"
    assert "quiet hands" not in str(passed.copy)
    assert "dishwasher" in str(passed.copy)
    assert {item.rule for item in attempt.rejected} == {"judge"}
    assert attempt.prompt_tokens > sum(reply.prompt_tokens for reply in judge.asked) > 0
    assert any(item.rule == "judge" and item.blocks for item in gate.check({"text": text}))


def test_writing_without_a_judge_asks_no_more_than_before() -> None:
    asked = read_asked(json.dumps({"lang": "en", "format": "product_description", "products": [MUG]}), source="brief")
    model = model_of({}, [json.dumps({"text": "The Harbour mug is stoneware, in blue or grey, for slow mornings. Yours for £14."})])
    written = write_copy(model, asked, variants=1)
    assert [call.top for call in model.calls] == [0]
    assert written.to_dict()["judge"] is None
