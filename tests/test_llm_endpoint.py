"""EndpointModel against a real HTTP server on loopback that speaks the protocol, well and badly."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brandloom.errors import BrandloomError, ConfigError, ProviderError
from brandloom.llm import EndpointModel, Message
from brandloom.llm.reply import extract_json

KEY = "sk-Secret4711secret"
HELLO = [Message("system", "Be short."), Message("user", "Hello PROMPTWORD")]
SCHEMA = {"type": "object", "properties": {"subject": {"type": "string"}}, "required": ["subject"], "additionalProperties": False}

Answer = tuple[int, dict[str, str], bytes] | None
"""Status, headers, body; None answers nothing until the test ends."""


@dataclass
class Endpoint:
    """A server whose answers a test scripts; the last one repeats."""

    url: str = ""
    script: list[Answer | Callable[[dict[str, Any]], Answer]] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def answer(self, body: dict[str, Any]) -> Answer:
        self.asked.append(body)
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return step(body) if callable(step) else step

    def model(self, **options: Any) -> EndpointModel:
        return EndpointModel(self.url, **{"key": KEY, "model": "m1", "timeout_s": 5, **options})


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    state = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            state.headers.append({name.lower(): value for name, value in self.headers.items()})
            self._send(state.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"])))))

        def do_GET(self) -> None:
            self._send(state.answer({}))

        def _send(self, answer: Answer) -> None:
            if answer is None:
                state.over.wait()
                self.close_connection = True
                return
            status, headers, body = answer
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    yield state
    state.over.set()
    server.shutdown()
    server.server_close()
    thread.join()


def said(content: object, *, finish: str | None = "stop", message: dict[str, Any] | None = None) -> Answer:
    body = {"model": "m1-2026", "choices": [{"index": 0, "finish_reason": finish,
                                             "message": {"role": "assistant", "content": content, **(message or {})}}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
    return 200, {}, json.dumps(body).encode()


def failed(status: int, message: str, **headers: str) -> Answer:
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps({"error": {"message": message}}).encode()


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
