"""The text model protocol, the choice of a model, and the embedded model itself where its weights are pulled."""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from brandloom import llm
from brandloom.errors import ConfigError, ProviderError
from brandloom.llm import Message, ScriptedTextModel, registry
from brandloom.llm.weights import find_weights, read_registry
from brandloom.settings import Settings, read_settings
from conftest import require

CACHE = read_settings().cache
HELLO = [Message("user", "Hello")]


def settings(cache: Path, **values: object) -> Settings:
    return Settings(cache=cache, **{"model_url": None, "model_key": None, "model_name": None, **values})  # type: ignore[arg-type]


def put_weights(name: str, cache: Path) -> Path:
    """A file of the right length and beginning, without the content."""
    file = cache / "weights" / registry()[name].file
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as stream:
        stream.write(b"GGUF")
        stream.truncate(registry()[name].bytes)
    return file


# --- scripted ---

def test_scripted_replies_come_in_order_and_calls_are_recorded() -> None:
    with ScriptedTextModel(["one", "two"]) as model:
        assert [model.complete(HELLO, max_tokens=5, seed=seed).text for seed in (1, 2)] == ["one", "two"]
    assert [call.seed for call in model.calls] == [1, 2]
    assert model.calls[0].messages == (Message("user", "Hello"),)


def test_scripted_model_says_when_it_has_run_out() -> None:
    model = ScriptedTextModel(["only"])
    model.complete(HELLO, max_tokens=5)
    with pytest.raises(ProviderError, match=r"no reply left for request 2. Script one more reply"):
        model.complete(HELLO, max_tokens=5)


def test_scripted_function_sees_messages_and_schema() -> None:
    model = ScriptedTextModel(lambda messages, schema: f"{messages[-1].content}/{schema}")
    assert model.complete(HELLO, schema={"type": "object"}, max_tokens=5).text == "Hello/{'type': 'object'}"


# --- registry and choice ---

def test_pinned_models_are_complete() -> None:
    assert list(registry()) == ["qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b"]
    for entry in registry().values():
        assert len({part.sha256 for part in entry.parts}) == len(entry.parts)
        assert [part.package.rsplit("part", 1)[1] for part in entry.parts] == [str(n + 1) for n in range(len(entry.parts))]
        assert entry.note


def test_parts_are_joined_by_number_not_by_name() -> None:
    parts = "\n".join(f'"w-part{n}==1 --hash=sha256:{n:064x}",' for n in (10, 2, 1))
    entry = read_registry(f'[m]\nfile="m.gguf"\nbytes=1\nsha256="0"\nlicence="X"\nparts=[{parts}]')["m"]
    assert [part.package for part in entry.parts] == ["w-part1", "w-part2", "w-part10"]


def test_without_any_model_the_error_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"brandloom models pull"):
        llm.open_model(settings(tmp_path))


def test_order_of_choice(tmp_path: Path) -> None:
    big, small = registry()
    put_weights(small, tmp_path)
    assert llm.open_model(settings(tmp_path)).name == small, "what is there, when nothing was chosen"
    put_weights(big, tmp_path)
    assert llm.open_model(settings(tmp_path)).name == big, "the default goes first"
    llm.use(small, tmp_path)
    assert llm.open_model(settings(tmp_path)).name == small, "a choice goes before the default"
    own = tmp_path / "own.gguf"
    own.write_bytes(b"GGUF....")
    assert llm.open_model(settings(tmp_path, model_name=str(own))).name == "own", "the settings go before the choice"
    remote = llm.open_model(settings(tmp_path, model_name="m", model_url="http://127.0.0.1:9/v1", model_key="k"))
    assert remote.name == "m", "an endpoint goes before all"


def test_list_shows_what_is_there_and_chosen(tmp_path: Path) -> None:
    big, small = registry()
    put_weights(big, tmp_path)
    assert [(m.name, m.present, m.chosen) for m in llm.list_models(tmp_path)] == [(big, True, True), (small, False, False)]
    own = tmp_path / "own.gguf"
    own.write_bytes(b"GGUF....")
    assert llm.use(str(own), tmp_path) == own
    assert [(m.name, m.present, m.chosen) for m in llm.list_models(tmp_path)][2] == ("own", True, True)
    assert not llm.list_models(tmp_path)[0].chosen
    own.unlink()
    with pytest.raises(ConfigError, match=r"There is no model file .*own.gguf"):
        llm.open_model(settings(tmp_path))


@pytest.mark.parametrize(("wanted", "message"), [
    ("qwen9", r"Unknown model 'qwen9'. Known models: qwen2.5-coder-1.5b, qwen2.5-coder-0.5b"),
    ("qwen2.5-coder-0.5b", r"has not been fetched. Run `brandloom models pull qwen2.5-coder-0.5b`"),
    ("./no.gguf", r"There is no model file .*no.gguf. Give the path"),
    (__file__, r"test_llm.py is not a GGUF file"),
])
def test_use_refuses_what_cannot_be_used_and_keeps_the_old_choice(wanted: str, message: str, tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(b"GGUF....")
    llm.use(str(own), tmp_path)
    with pytest.raises(ConfigError, match=message):
        llm.use(wanted, tmp_path)
    assert llm.open_model(settings(tmp_path)).name == "own"


def test_model_test_reports_both_languages() -> None:
    model = ScriptedTextModel([json.dumps({"text": "A tray."}), "not JSON"])
    tried = llm.test_model(model)
    assert tried.texts == {"en": "A tray.", "zh": ""}
    assert model.calls[0].schema is not None


# --- embedded ---

def test_weights_that_cannot_be_read_are_one_clear_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\0" * 64)
    with (llm.EmbeddedModel(broken, threads=1) as model,
          pytest.raises(ConfigError, match=r"Model 'broken' could not be loaded \(status 1\): .* Check that .*broken.gguf is whole")):
        model.start()
    assert model.peak_memory_bytes() is None


def test_without_the_runtime_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)  # as on a platform that has no wheel of it
    with pytest.raises(ConfigError, match=r"no runtime for embedded models. Run `pip install xllamacpp`"):
        llm.open_model(settings(tmp_path, model_name=str(put_weights("qwen2.5-coder-0.5b", tmp_path))))


@pytest.fixture(scope="module")
def weights() -> Path:
    file = find_weights(llm.default_name(), CACHE)
    require(file, "the model's weights are missing; fetch them with: brandloom models pull")
    assert file is not None
    return file


@pytest.fixture(scope="module")
def embedded(weights: Path) -> Iterator[llm.EmbeddedModel]:
    with llm.EmbeddedModel(weights, name="qwen") as model:
        yield model


@pytest.mark.model
def test_embedded_model_writes_both_languages_under_a_schema(embedded: llm.EmbeddedModel) -> None:
    tried = llm.test_model(embedded)
    assert "tray" in tried.texts["en"].lower()
    assert any("\u4e00" <= letter <= "\u9fff" for letter in tried.texts["zh"])
    assert (embedded.peak_memory_bytes() or 0) < 2 << 30


@pytest.mark.model
def test_embedded_model_obeys_an_enum_is_deterministic_and_serves_threads(embedded: llm.EmbeddedModel) -> None:
    schema = {"type": "object", "properties": {"mood": {"enum": ["glad", "sad"]}}, "required": ["mood"], "additionalProperties": False}

    def ask(_number: int) -> str:
        return embedded.complete([Message("user", "I love it! Which mood?")], schema=schema, max_tokens=30).text
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(ask, range(3)))
    assert len(set(answers)) == 1
    assert json.loads(answers[0])["mood"] in ("glad", "sad")


@pytest.mark.model
def test_embedded_model_keeps_to_patterns_and_returns_what_was_cut_off(embedded: llm.EmbeddedModel) -> None:
    pattern = r"^([^{}]|\{\{ (shop\.name|offer\.code) \}\})+$"
    schema = {"type": "object", "properties": {"x": {"type": "string", "pattern": pattern}}, "required": ["x"], "additionalProperties": False}
    asked = [Message("user", 'Reply with JSON {"y": "hello {{ shop.name }} {{ foo }}", "z": 3}')]
    cut = embedded.complete(asked, schema=schema, max_tokens=12)
    assert cut.finish_reason == "length"
    assert cut.text
    for seed in range(3):
        reply = embedded.complete(asked, schema=schema, max_tokens=400, temperature=0.7, seed=seed)
        assert reply.finish_reason == "length" or re.fullmatch(pattern[1:-1], json.loads(reply.text)["x"])
        assert not re.search(r"\{\{ (?!shop\.name|offer\.code|$)", reply.text)


@pytest.mark.model
def test_embedded_model_says_when_the_request_is_too_long(embedded: llm.EmbeddedModel) -> None:
    with pytest.raises(ConfigError, match=r"request is too long for model 'qwen'"):
        embedded.complete([Message("user", "word " * 9000)], max_tokens=10)


PARENT = """
import sys, threading
from pathlib import Path
from brandloom.llm import EmbeddedModel

def tell(seconds):
    print(Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text(), flush=True)

model = EmbeddedModel(Path(sys.argv[1]), threads=1)
if sys.argv[2] == "loading":
    model.start(tell)
starter = threading.Thread(target=model.start)
starter.start()
starter.join()
print(model._child.pid, flush=True)
threading.Event().wait()
"""


@pytest.mark.model
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("moment", ["loading", "ready"])
def test_child_dies_with_a_killed_parent(moment: str, weights: Path) -> None:
    """While it loads, and when it serves (then it must also have outlived the thread that started it)."""
    with subprocess.Popen([sys.executable, "-c", PARENT, str(weights), moment], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert "server.py" in Path(f"/proc/{child}/cmdline").read_text(encoding="utf-8")
        watch = os.pidfd_open(child)
        parent.kill()
    ended, _, _ = select.select([watch], [], [], 20)
    os.close(watch)
    assert ended, "the child still runs"
