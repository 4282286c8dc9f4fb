"""Adapters: trained in torch on a tiny model, written to GGUF, loaded by the embedded runtime, and used only where they are better."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from brandloom import cli, llm
from brandloom.content import desk, studio
from brandloom.content.desk import Desk
from brandloom.errors import ConfigError, DataError
from brandloom.govern import Audit
from brandloom.ledger import Ledger, open_ledger
from brandloom.llm import EmbeddedModel, Message, ScriptedTextModel, adapters
from brandloom.llm.adapters import Card, Example, mean_range, split
from brandloom.llm.weights import sha256_of
from brandloom.settings import Settings, read_settings
from brandloom.workspace import open_workspace
from conftest import require

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
HELLO = (Message("system", "Be kind."), Message("user", "Hello, 你好"))


@pytest.fixture
def training() -> None:
    """The libraries of the `train` extra."""
    require(all(find_spec(name) for name in ("torch", "transformers", "gguf")), "the `train` extra is not installed")


@pytest.fixture
def tiny(training: None, tmp_path: Path) -> Path:
    from tiny_model import write_tiny_model
    return write_tiny_model(tmp_path / "tiny.gguf")


def pairs(count: int, chosen: str = "yes", rejected: str | None = "no", *, flip: int | None = None) -> list[Example]:
    """Requests with one word of their own; with `flip` which answer is preferred is drawn by chance."""
    draws = random.Random(flip)
    found = []
    for number in range(count):
        prompt = (HELLO[0], Message("user", f"Is {number * 7919 % 1000} good?"))
        one = (chosen, rejected) if flip is None or rejected is None or draws.random() < 0.5 else (rejected, chosen)
        found.append(Example(prompt, one[0], one[1], f"g{number}", NOW + timedelta(hours=number)))
    return found


def quick(**changes: Any) -> adapters.Training:
    return adapters.Training(**{"rank": 4, "alpha": 8.0, "rate": 5e-3, "epochs": 2, **changes})


def first_tokens(tuned: Any, messages: Sequence[Message]) -> dict[str, float]:
    import torch
    turn = tuned.turn(messages, "")
    with torch.no_grad():
        logits = tuned.model(torch.tensor([[*turn.shared, *turn.request]])).logits[0, -1].float()
    return {tuned.tokenizer.decode([at]): float(value) for at, value in enumerate(torch.softmax(logits, -1))}


def served(weights: Path, adapter: Path | None = None) -> dict[str, float]:
    with EmbeddedModel(weights, adapter=adapter, context=512, slots=1, threads=1) as model:
        told = model.complete(HELLO, max_tokens=1, top=5).first
    assert told
    return dict(told)


# --- what needs no torch ---

@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 500), st.booleans()), max_size=40), st.floats(0.05, 0.95))
def test_a_split_keeps_groups_whole_and_judges_by_the_latest(rows: list[tuple[int, int, bool]], judged: float) -> None:
    given = [Example(HELLO, "a", "b" if pair else None, str(group), NOW + timedelta(hours=hour)) for group, hour, pair in rows]
    learned, later = split(given, judged=judged)
    assert sorted(map(id, learned + later)) == sorted(map(id, given))
    assert not {one.group for one in learned} & {one.group for one in later}
    assert sum(one.rejected is not None for one in later) >= judged * sum(one.rejected is not None for one in given)
    latest = {group: max(one.at for one in given if one.group == group) for group in {one.group for one in given}}
    if learned and later:
        assert max(latest[one.group] for one in learned) <= min(latest[one.group] for one in later)


def test_a_range_counts_groups_not_rows() -> None:
    alone = mean_range([1.0, 0.0] * 50, [str(number) for number in range(100)])
    alike = mean_range([1.0] * 50 + [0.0] * 50, [str(number // 10) for number in range(100)])
    assert alone.value == alike.value == 0.5 and alike.high - alike.low > 2 * (alone.high - alone.low) > 0.3
    assert mean_range([1.0, 1.0], ["a", "b"]) == adapters.Range(1.0, 1.0, 1.0)


def card(cache: Path, base: Path, name: str = "shop-1a2b", **changes: Any) -> Card:
    folder = adapters.adapters_folder(cache) / name
    folder.mkdir(parents=True)
    (folder / adapters.FILE).write_bytes(b"GGUF adapter")
    one = Card(name, str(base), sha256_of(base), sha256_of(folder / adapters.FILE), "d" * 64, 50, NOW.isoformat(), True, {}, {})
    one = replace(one, **changes)
    adapters.put_card(one, cache)
    return one


def test_an_adapter_is_listed_and_chosen_like_a_model(tmp_path: Path) -> None:
    base = tmp_path / "base.gguf"
    base.write_bytes(b"GGUF weights")
    card(tmp_path / "cache", base)
    card(tmp_path / "cache", base, "worse-3c4d", better=False)
    llm.use("shop-1a2b", tmp_path / "cache")
    assert [(one.name, one.chosen, one.present) for one in llm.list_models(tmp_path / "cache") if one.present] == [("shop-1a2b", True, True)]
    with llm.open_model(Settings(cache=tmp_path / "cache", model_url=None, model_name=None)) as model:  # type: ignore[call-arg]
        assert model.name == "shop-1a2b"


def test_an_adapter_that_may_not_be_used_is_refused_with_the_reason(tmp_path: Path) -> None:
    base, cache = tmp_path / "base.gguf", tmp_path / "cache"
    base.write_bytes(b"GGUF weights")
    card(cache, base, "worse-3c4d", better=False)
    with pytest.raises(ConfigError, match=r"'worse-3c4d' was not better than .* so it is not used"):
        llm.use("worse-3c4d", cache)
    other = card(cache, base)
    (adapters.adapters_folder(cache) / other.name / adapters.FILE).write_bytes(b"GGUF changed")
    with pytest.raises(ConfigError, match=r"is not the one that was trained.*brandloom models adapt"):
        llm.use("shop-1a2b", cache)
    card(cache, base, "third-5e6f")
    base.write_bytes(b"GGUF other weights")
    with pytest.raises(ConfigError, match="was trained on other weights than"):
        llm.use("third-5e6f", cache)
    (adapters.adapters_folder(cache) / "third-5e6f" / "card.json").write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"card.json is no card of an adapter: "):
        llm.use("third-5e6f", cache)
    with pytest.raises(ConfigError, match=r"'\.\./x' is no name for an adapter"):
        adapters.require_name("../x")
    with pytest.raises(ConfigError, match="Unknown model 'nobody'"):
        llm.use("nobody", cache)


# --- training ---

def test_the_runtime_answers_as_torch_does_with_and_without_the_adapter(tiny: Path, tmp_path: Path) -> None:
    done = adapters.train(tiny, pairs(16), tmp_path / "run", quick(rate=2e-2))
    file = adapters.write_adapter(done.tuned, tmp_path / "adapter.gguf")
    done.tuned.model.float()  # as the runtime computes it
    with done.tuned.lora.off():
        base = first_tokens(done.tuned, HELLO)
    adapted = first_tokens(done.tuned, HELLO)
    plain, on = served(tiny), served(tiny, adapter=file)
    assert max(abs(on.get(token, 0.0) - chance) for token, chance in plain.items()) > 0.05
    for told, wanted in ((plain, base), (on, adapted)):
        shown = {token: chance for token, chance in told.items() if token in wanted and "\ufffd" not in token}
        assert len(shown) >= 2 and shown == pytest.approx({token: wanted[token] for token in shown}, abs=0.002)


def test_reading_the_shared_beginning_once_changes_no_likelihood(tiny: Path) -> None:
    import torch

    from brandloom.llm.adapters.tuned import Tuned
    tuned = Tuned(tiny, rank=2, alpha=4.0, seed=0)
    prompts = [(HELLO[0], Message("user", "One"), Message("assistant", "1"), Message("user", word)) for word in ("Two", "Three hundred")]
    turns = [tuned.turn(prompt, answer) for prompt, answer in zip(prompts, ("2", "three hundred and one"), strict=True)]
    assert turns[0].shared == turns[1].shared and len(turns[0].shared) > 10
    together = tuned.log_likelihood(turns).tolist()
    for turn, likely in zip(turns, together, strict=True):
        tokens = torch.tensor([[*turn.shared, *turn.request, *turn.answer]])
        with torch.no_grad():
            logs = torch.log_softmax(tuned.model(tokens).logits[0].float(), -1)
        start = len(turn.shared) + len(turn.request)
        alone = np.mean([float(logs[start + at - 1, token]) for at, token in enumerate(turn.answer)])
        assert likely == pytest.approx(alone, abs=0.03)
    whole = tuned.tokenizer.apply_chat_template([{"role": one.role, "content": one.content} for one in prompts[0]], add_generation_prompt=True,
                                                return_dict=False)
    assert [*turns[0].shared, *turns[0].request] == list(whole)


def test_an_interrupted_run_ends_as_one_that_was_not(tiny: Path, tmp_path: Path) -> None:
    import torch
    steps: list[float] = []

    def interrupt(share: float) -> None:
        steps.append(share)
        if len(steps) == 3:
            raise KeyboardInterrupt
    whole = adapters.train(tiny, pairs(16), tmp_path / "whole", quick())
    with pytest.raises(KeyboardInterrupt):
        adapters.train(tiny, pairs(16), tmp_path / "parts", quick(), progress=interrupt)
    rest: list[float] = []
    again = adapters.train(tiny, pairs(16), tmp_path / "parts", quick(), progress=rest.append)
    assert (len(rest), again.steps, whole.steps) == (5, 8, 8)
    for name, both in whole.tuned.lora.tensors.items():
        assert all(torch.equal(one, other) for one, other in zip(both, again.tuned.lora.tensors[name], strict=True))
    other = adapters.train(tiny, pairs(15), tmp_path / "parts", quick(epochs=1))
    assert other.steps == 4 and len(other.losses) == 4, "other examples begin anew"


def test_a_run_ends_at_its_limit_and_goes_on_when_given_more(tiny: Path, tmp_path: Path) -> None:
    ticks: Iterator[int] = iter(range(10_000))
    done = adapters.train(tiny, pairs(16), tmp_path / "run", quick(limit_s=4.0), clock=lambda: float(next(ticks)))
    assert 0 < done.steps < done.steps_planned == 8
    more = adapters.train(tiny, pairs(16), tmp_path / "run", quick(limit_s=1000.0), clock=lambda: float(next(ticks)))
    assert more.steps == 8 and more.losses[:done.steps] == done.losses and more.seconds > done.seconds


def test_an_adapter_is_better_where_there_is_something_to_learn_and_only_there(tiny: Path, tmp_path: Path) -> None:
    learned, later = split(pairs(60, "quite so", "not at all", flip=1), judged=0.5)
    chance = adapters.judge(adapters.train(tiny, learned, tmp_path / "chance", quick()).tuned, later)
    assert not chance.better and chance.pairs == 30
    learned, later = split(pairs(60, "yes", "no") if adapters.judge(adapters.train(tiny, pairs(4), tmp_path / "none", quick(
        limit_s=1e-9)).tuned, pairs(30)).base.value < 0.5 else pairs(60, "no", "yes"), judged=0.5)
    rule = adapters.judge(adapters.train(tiny, learned, tmp_path / "rule", quick()).tuned, later)
    assert rule.better and rule.gain.low > 0.5 and rule.moved.low > 0.8 and rule.adapted_chosen > rule.base_chosen
    with pytest.raises(DataError, match="no later example has a rejected answer"):
        adapters.judge(adapters.train(tiny, learned, tmp_path / "rule", quick()).tuned, pairs(3, rejected=None))


def test_the_rejected_answer_teaches_what_the_preferred_one_alone_does_not(tiny: Path, tmp_path: Path) -> None:
    """Answers that differ in one word: likelihood raises both alike."""
    import torch

    def margin(preference: float) -> float:
        given = pairs(48, "A cup of tea in the garden, warm and slow.", "A cup of tea in the garden, best and slow.")
        tuned = adapters.train(tiny, given[:32], tmp_path / str(preference), quick(rate=2e-3, preference=preference)).tuned
        with torch.no_grad():
            return float(np.mean([np.subtract(*tuned.log_likelihood([tuned.turn(one.prompt, one.chosen), tuned.turn(one.prompt, str(one.rejected))]).tolist())
                                  for one in given[32:]]))
    assert margin(1.0) > margin(0.0) + 0.005


def test_what_cannot_be_trained_is_one_line(training: None, tmp_path: Path) -> None:
    from tiny_model import write_tiny_model
    with pytest.raises(ConfigError, match=r"Adapters are trained on models of the families qwen2"):
        adapters.train(write_tiny_model(tmp_path / "llama.gguf", family="llama"), pairs(4), tmp_path / "run")
    with pytest.raises(DataError, match="None of 4 examples is short enough to learn from: 5 tokens at most"):
        adapters.train(write_tiny_model(tmp_path / "tiny.gguf"), pairs(4), tmp_path / "run", quick(longest=5))


# --- from the desk ---

EN = "Fill it, put it on, and sit down for a minute. The Aurora Kettle {n} in matte black holds 1.2 l. It is made of steel. 49 GBP."


def fill_desk(ledger: Ledger, count: int) -> None:
    """Requests whose texts a person edits in the same way, and one more text that is approved as it was."""
    at = Desk(ledger, Audit(ledger, b"k" * 32))
    for number in range(count + 1):
        kettle = {"name": f"Aurora Kettle {number}", "capacity": "1.2 l", "material": "steel", "colour": "matte black", "price": "49 GBP"}
        asked = studio.read_asked(json.dumps({"lang": "en", "format": "product_description", "products": [kettle]}), source="brief.json")
        model = ScriptedTextModel([json.dumps({"text": EN.format(n=number)})])
        [piece] = at.keep(desk.from_written(studio.write_copy(model, asked, variants=1)), brand="Aurora", by="Ana", now=NOW)
        assert piece.version == 1
        if number < count:
            text = EN.format(n=number).replace("sit down for a minute", "come and sit with us")
            assert not at.edit(piece.id, {"text": text}, base=1, by="Ana", now=NOW + timedelta(hours=number)).refused
        else:
            at.submit(piece.id, by="Ana", people=5, now=NOW)
            at.approve(piece.id, by="Ben", now=NOW)


def test_the_desk_gives_pairs_and_approved_texts_in_time(ledger: Ledger) -> None:
    fill_desk(ledger, 3)
    found = desk.read_examples(ledger)
    assert sorted(one.at - NOW for one in found if one.rejected) == [timedelta(hours=number) for number in range(3)]
    [alone] = [one for one in found if one.rejected is None]
    assert json.loads(alone.chosen) == {"text": EN.format(n=3)} and alone.weight == 1.0
    first = min((one for one in found if one.rejected), key=lambda one: one.at)
    assert "come and sit" in first.chosen and "come and sit" not in str(first.rejected) and len({one.group for one in found}) == 4
    assert first.prompt[-1].role == "user" and "Aurora Kettle 0" in first.prompt[-1].content


def test_a_desk_with_few_preferences_says_how_many_it_needs(ledger: Ledger) -> None:
    fill_desk(ledger, 3)
    with pytest.raises(DataError, match=r"The desk gives 3 examples to learn from and 1 later pairs to judge by; an adapter needs 40 and 20"):
        desk.read_preferences(ledger)


@pytest.mark.slow
def test_a_workspace_trains_an_adapter_and_uses_it(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRANDLOOM_CACHE", str(tmp_path / "cache"))
    run = CliRunner()
    shop = tmp_path / "shop"
    assert run.invoke(cli.app, ["init", str(shop)]).exit_code == 0
    ledger = open_ledger(open_workspace(shop), read_settings())
    fill_desk(ledger, 70)
    ledger.close()
    words = ["models", "adapt", str(shop), "--model", str(tiny), "--drafts", "1"]
    result = run.invoke(cli.app, [*words, "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    judged = told["figures"]["pairs"]
    assert told["learned"] == 50 and judged["pairs"] == 21 and told["figures"]["writing"]["requests"] == 1
    assert told["better"] and judged["moved"]["low"] > 0.5 and judged["adapted_chosen"] > judged["base_chosen"]
    assert told["base_sha256"] == sha256_of(tiny) and told["name"].startswith("shop-")
    listed = run.invoke(cli.app, ["models", "adapters", "--json"])
    assert [one["name"] for one in json.loads(listed.stdout)] == [told["name"]]
    again = run.invoke(cli.app, [*words])
    assert again.exit_code == 0 and f"models use {told['name']}" in again.stdout.replace("\n", " ") and told["sha256"] == sha256_of(
        tmp_path / "cache" / "adapters" / told["name"] / "adapter.gguf"), "trained again from the checkpoint, it is the same"
    llm.use(told["name"], tmp_path / "cache")
    with llm.open_model(read_settings()) as model:
        assert model.complete(HELLO, max_tokens=3).model == told["name"]
