"""EndpointModel against a real HTTP server on loopback that speaks the protocol, well and badly."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brandloom.errors import BrandloomError, ConfigError, ProviderError
from brandloom.llm import EndpointModel, SpentError
from brandloom.llm.reply import extract_json
from llm_world import HELLO, KEY, Answer, Endpoint, failed, said, serving, streamed

SCHEMA = {"type": "object", "properties": {"subject": {"type": "string"}}, "required": ["subject"], "additionalProperties": False}

@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving() as state:
        yield state


def test_a_good_answer(endpoint: Endpoint) -> None:
    endpoint.script = [said(" Hi. ")]
    with endpoint.model() as model:
        done = model.complete(HELLO, max_tokens=9, temperature=0.5, seed=3)
    assert (done.text, done.model, done.prompt_tokens, done.completion_tokens, done.finish_reason) == ("Hi.", "m1-2026", 7, 3, "stop")
    assert done.seconds > 0
    assert endpoint.asked[0] == {"model": "m1", "max_tokens": 9, "temperature": 0.5, "seed": 3, "messages": [
        {"role": "system", "content": "Be short."}, {"role": "user", "content": "Hello PROMPTWORD"}]}
    assert endpoint.headers[0]["authorization"] == f"Bearer {KEY}"


def test_variables_of_other_tools_change_nothing(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-other")
    monkeypatch.setenv("OPENAI_API_KEY", "other-key")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    endpoint.script = [said("Hi.")]
    with endpoint.model(key=None) as model:
        model.complete(HELLO, max_tokens=9)
    sent = str(endpoint.headers[0])
    assert "org-other" not in sent
    assert "other-key" not in sent


def test_schema_is_sent_and_the_answer_cut_out_of_prose(endpoint: Endpoint) -> None:
    endpoint.script = [said('Sure! ```json\n{"subject": "Hi {{ first_name }}"}\n``` Enjoy.')]
    with endpoint.model() as model:
        assert model.complete(HELLO, schema=SCHEMA, max_tokens=9).text == '{"subject": "Hi {{ first_name }}"}'
    wanted = endpoint.asked[0]["response_format"]
    assert (wanted["type"], wanted["json_schema"]["schema"], wanted["json_schema"]["strict"]) == ("json_schema", SCHEMA, True)


def test_refused_schema_falls_back_step_by_step_and_is_remembered(endpoint: Endpoint) -> None:
    def picky(body: dict[str, Any]) -> Answer:
        if "response_format" in body:
            return failed(400, "'response_format' is not supported here")
        return said('{"subject": "Hi"}')

    endpoint.script = [picky]
    with endpoint.model() as model:
        assert model.complete(HELLO, schema=SCHEMA, max_tokens=9).text == '{"subject": "Hi"}'
        model.complete(HELLO, schema=SCHEMA, max_tokens=9)
        model.complete(HELLO, max_tokens=9)
    kinds = [asked.get("response_format", {}).get("type", "text") for asked in endpoint.asked]
    assert kinds == ["json_schema", "json_schema", "json_object", "text", "text", "text"]
    assert '"required": ["subject"]' in endpoint.asked[3]["messages"][0]["content"], "asked for in words"
    assert endpoint.asked[5]["messages"][0]["content"] == "Be short.", "nothing added without a schema"


@pytest.mark.parametrize(("refusal", "gone", "instead"), [
    ("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", "max_tokens", "max_completion_tokens"),
    ("temperature does not support 0.0 with this model", "temperature", None),
    ("Unrecognized request argument supplied: seed", "seed", None),
])
def test_refused_parameters_are_left_out_and_remembered(refusal: str, gone: str, instead: str | None, endpoint: Endpoint) -> None:
    endpoint.script = [lambda body: failed(400, refusal) if gone in body else said("Hi.")]
    with endpoint.model() as model:
        assert [model.complete(HELLO, max_tokens=9).text for _ in range(2)] == ["Hi.", "Hi."]
    assert [gone in asked for asked in endpoint.asked] == [True, False, False]
    assert instead is None or endpoint.asked[-1][instead] == 9


@pytest.mark.parametrize("first", [failed(429, "slow down", retry_after_ms="1"), failed(500, "oops", retry_after_ms="1"),
                                   failed(503, "busy", retry_after_ms="1")])
def test_busy_then_well(first: Answer, endpoint: Endpoint) -> None:
    endpoint.script = [first, said("Hi.")]
    with endpoint.model() as model:
        assert model.complete(HELLO, max_tokens=9).text == "Hi."
    assert len(endpoint.asked) == 2


def error_of(endpoint: Endpoint, *script: Answer, **options: Any) -> BrandloomError:
    endpoint.script = list(script)
    with endpoint.model(**options) as model, pytest.raises(BrandloomError) as caught:
        model.complete(HELLO, schema=SCHEMA, max_tokens=9)
    line = str(caught.value)
    assert KEY not in line
    assert "\n" not in line
    assert KEY not in caught.value.text("zh")
    return caught.value


def test_busy_for_good_is_retryable_and_bounded(endpoint: Endpoint) -> None:
    error = error_of(endpoint, failed(429, "quota", retry_after="0"), retries=1)
    assert isinstance(error, ProviderError)
    assert (error.retryable, error.retry_after_s, len(endpoint.asked)) == (True, 0.0, 2)
    assert str(error) == f"{endpoint.url} failed with status 429: quota. Try again later, or use another model."


def test_a_hanging_endpoint_ends_in_time(endpoint: Endpoint) -> None:
    error = error_of(endpoint, None, retries=0, timeout_s=0.2)
    assert isinstance(error, ProviderError)
    assert error.retryable
    assert "gave no answer within 0.2 s. Try again" in str(error)


def test_nobody_listens() -> None:
    with EndpointModel("http://127.0.0.1:9/v1", key=KEY, model="m1", retries=0) as model, pytest.raises(ProviderError) as caught:
        model.complete(HELLO, max_tokens=9)
    assert caught.value.retryable
    assert str(caught.value).startswith("http://127.0.0.1:9/v1 cannot be reached: ")
    assert str(caught.value).endswith("Start the model server, or correct BRANDLOOM_MODEL_URL.")


def test_wrong_key(endpoint: Endpoint) -> None:
    error = error_of(endpoint, failed(401, f"Incorrect API key provided: {KEY}"))
    assert isinstance(error, ConfigError)
    assert "refused the API key (status 401). Set BRANDLOOM_MODEL_KEY" in str(error)
    assert len(endpoint.asked) == 1, "not tried again"


def test_unknown_model_or_path(endpoint: Endpoint) -> None:
    error = error_of(endpoint, failed(404, "The model 'm1' does not exist"))
    assert isinstance(error, ConfigError)
    assert "does not serve model 'm1': The model 'm1' does not exist. Correct BRANDLOOM_MODEL_NAME" in str(error)


def test_too_long_a_request_is_the_operators_to_mend(endpoint: Endpoint) -> None:
    error = error_of(endpoint, failed(400, "request (5000 tokens) exceeds the available context size (4096 tokens)"))
    assert isinstance(error, ConfigError)
    assert "too long for model 'm1'" in str(error)
    assert len(endpoint.asked) == 1


def test_a_refusal_that_nothing_mends_gives_the_first_reason_without_the_key(endpoint: Endpoint) -> None:
    error = error_of(endpoint, failed(400, f"bad thing with {KEY}"), failed(400, "other"))
    assert isinstance(error, ProviderError)
    assert not error.retryable
    assert "refused the request: bad thing with ***. Check the model 'm1'" in str(error)


@pytest.mark.parametrize("answer", [(200, {}, b"<html>welcome"), (200, {"Content-Type": "text/html"}, b"<html>welcome"), (200, {}, b"")])
def test_not_json(answer: Answer, endpoint: Endpoint) -> None:
    assert "answered with something that is not JSON" in str(error_of(endpoint, answer))


@pytest.mark.parametrize("answer", [(200, {}, b"[]"), (200, {}, b'{"choices": []}'), (200, {}, b'{"choices": [{"message": null}]}'),
                                    said(None), said(""), said([]), said("<think>hmm</think>")])
def test_no_text(answer: Answer, endpoint: Endpoint) -> None:
    error = error_of(endpoint, answer)
    assert isinstance(error, ProviderError)
    assert error.retryable
    assert "answered without any text" in str(error)


@pytest.mark.parametrize(("answer", "text", "reason"), [
    (said([{"type": "text", "text": "Hi"}, {"type": "image"}, {"type": "text", "text": "!"}]), "Hi!", "stop"),
    (said("<think>Let me\nsee</think>\n\nHi!"), "Hi!", "stop"),
    (said("Hi!", message={"reasoning_content": "Let me see"}), "Hi!", "stop"),
    (said("Hi", finish="length"), "Hi", "length"),
    (said(None, finish="length", message={"reasoning_content": "Let me"}), "", "length"),
    (said("Hi!", finish=None), "Hi!", "stop"),
    ((200, {}, b'{"choices": [{"message": {"content": "Hi!"}}], "usage": null}'), "Hi!", "stop"),
])
def test_ways_to_answer(answer: Answer, text: str, reason: str, endpoint: Endpoint) -> None:
    endpoint.script = [answer]
    with endpoint.model() as model:
        done = model.complete(HELLO, max_tokens=9)
    assert (done.text, done.finish_reason, done.cut) == (text, reason, reason == "length")


@pytest.mark.parametrize("answer", [None, failed(504, "upstream lost patience"), (200, {"Content-Length": "999"}, b'{"choices": ['),
                                    (200, {}, b'{"choices": ['), (200, {}, b'{"a": ' + b"[" * 100_000), (200, {}, b'{"choices": [], "usage": {"prompt_tokens": 7}}')])
def test_what_may_have_to_be_paid_is_not_tried_again_here(answer: Answer, endpoint: Endpoint) -> None:
    error = error_of(endpoint, answer, retries=2, timeout_s=0.2)
    assert isinstance(error, SpentError)
    assert error.retryable
    assert len(endpoint.asked) == 1


def test_what_costs_nothing_is_no_spent_error(endpoint: Endpoint) -> None:
    errors = [error_of(endpoint, failed(status, "no", retry_after="0"), retries=1) for status in (429, 500, 503, 418)]
    assert not any(isinstance(error, SpentError) for error in errors)
    assert len(endpoint.asked) == 2 + 2 + 2 + 1


def test_a_pause_too_long_is_left_to_the_caller(endpoint: Endpoint) -> None:
    error = error_of(endpoint, failed(429, "come back tomorrow", retry_after="86400"))
    assert isinstance(error, ProviderError)
    assert (error.retry_after_s, len(endpoint.asked)) == (86400, 1)


def drip(endpoint: Endpoint, piece: bytes) -> Iterator[bytes]:
    while not endpoint.over.wait(0.005):
        yield piece


def test_a_body_without_end_is_left_in_time(endpoint: Endpoint) -> None:
    error = error_of(endpoint, (200, {}, drip(endpoint, b" ")), longest_s=0.2)
    assert isinstance(error, SpentError)
    assert "broke off in the middle of its answer: not whole after 0.2 s. Try again" in str(error)


def test_a_body_without_end_is_left_at_its_size(endpoint: Endpoint) -> None:
    assert "more than 1066576 bytes" in str(error_of(endpoint, (200, {}, drip(endpoint, b" " * (1 << 20)))))


# --- streams ---

def test_a_stream_tells_its_pieces_and_ends_as_a_whole_answer(endpoint: Endpoint) -> None:
    endpoint.script = [streamed(["Hel", "lo", " 你好"])]
    pieces: list[str] = []
    with endpoint.model(on_text=pieces.append) as model:
        done = model.complete(HELLO, max_tokens=9)
    assert pieces == ["Hel", "lo", " 你好"]
    assert (done.text, done.model, done.prompt_tokens, done.completion_tokens, done.finish_reason) == ("Hello 你好", "m1-2026", 7, 3, "stop")
    assert (endpoint.asked[0]["stream"], endpoint.asked[0]["stream_options"]) == (True, {"include_usage": True})


def test_an_endpoint_without_streams_answers_as_a_whole(endpoint: Endpoint) -> None:
    refusal = failed(400, "Unknown field: stream_options")
    endpoint.script = [refusal, failed(400, "'stream' is not supported"), said("Hi."), said("Hi.")]
    with endpoint.model(on_text=lambda _piece: None) as model:
        assert [model.complete(HELLO, max_tokens=9).text for _ in range(2)] == ["Hi.", "Hi."]
    assert [("stream" in body, "stream_options" in body) for body in endpoint.asked] == [(True, True), (True, False), (False, False), (False, False)]


@pytest.mark.parametrize(("end", "reason"), [((), "the stream ended too early"), (("error",), "overloaded"), (("{half",), "an event is not JSON")])
def test_a_stream_that_dies_in_the_middle(end: tuple[str, ...], reason: str, endpoint: Endpoint) -> None:
    error = error_of(endpoint, streamed(["Hello ", "wor"], end=end), on_text=lambda _piece: None)
    assert isinstance(error, SpentError)
    assert (error.retryable, error.prompt_tokens, error.completion_tokens) == (True, None, 3)
    assert f"broke off in the middle of its answer: {reason}. Try again; what it wrote counts as spent." in str(error)


@pytest.mark.parametrize("end", [("finish",), ("[DONE]",)])
def test_ways_to_end_a_stream(end: tuple[str, ...], endpoint: Endpoint) -> None:
    endpoint.script = [streamed(["Hi."], end=end)]
    with endpoint.model(on_text=lambda _piece: None) as model:
        assert model.complete(HELLO, max_tokens=9).text == "Hi."


def test_a_stream_without_end_is_cut_at_its_length(endpoint: Endpoint) -> None:
    def forever() -> Iterator[str]:
        while not endpoint.over.is_set():
            yield "again and "

    endpoint.script = [streamed(forever())]
    with endpoint.model(on_text=lambda _piece: None) as model:
        done = model.complete(HELLO, max_tokens=9)
    assert done.cut
    assert len(done.text) < 200


def test_model_left_open_is_the_only_one_offered(endpoint: Endpoint) -> None:
    def listing(*names: str) -> Answer:
        return 200, {}, json.dumps({"object": "list", "data": [{"id": name, "object": "model"} for name in names]}).encode()

    endpoint.script = [listing("one")]
    with endpoint.model(model=None) as model:
        assert model.name == "one"
    endpoint.script = [listing("one", "two")]
    with pytest.raises(ConfigError, match=r"offers 2 models: one, two. Say which one with BRANDLOOM_MODEL_NAME"):
        endpoint.model(model=None)


@pytest.mark.parametrize("url", ["", "ftp://x", "localhost:8080", "http://"])
def test_not_an_address(url: str) -> None:
    with pytest.raises(ConfigError, match=r"not an http or https URL. Set BRANDLOOM_MODEL_URL"):
        EndpointModel(url, model="m1")


def test_password_in_the_address_is_not_shown() -> None:
    with (EndpointModel("http://me:hidden@127.0.0.1:9/v1", model="m1", retries=0) as model,
          pytest.raises(ProviderError) as caught):
        model.complete(HELLO, max_tokens=9)
    assert "hidden" not in str(caught.value)


def test_neither_prompt_nor_key_is_logged(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    endpoint.script = [failed(500, "oops", retry_after_ms="1"), said("ANSWERWORD")]
    with endpoint.model() as model:
        model.complete(HELLO, max_tokens=9)
    assert "PROMPTWORD" not in caplog.text
    assert "ANSWERWORD" not in caplog.text
    assert KEY not in caplog.text


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)),
       st.text(alphabet=st.characters(exclude_characters="{}[]")), st.text())
def test_json_comes_out_as_it_went_in(value: object, before: str, after: str) -> None:
    written = json.dumps({"value": value}, ensure_ascii=False)
    assert json.loads(extract_json(f"{before}{written}{after}")) == {"value": value}
