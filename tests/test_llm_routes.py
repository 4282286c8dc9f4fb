"""Several models: who answers when one fails, which model does which task, and what the settings open."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from brandloom import llm
from brandloom.content import studio
from brandloom.errors import ConfigError, ProviderError
from brandloom.llm import Budget, BudgetError, FallbackModel, MeteredModel, SpendBook, SpentError, TextModel, read_routes
from brandloom.settings import Settings
from llm_world import HELLO, Endpoint, failed, said, serving

BUSY = failed(503, "busy", retry_after="0")
DAWN = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture
def first() -> Iterator[Endpoint]:
    with serving() as state:
        yield state


@pytest.fixture
def second() -> Iterator[Endpoint]:
    with serving() as state:
        yield state


def ask(model: TextModel) -> str:
    return model.complete(HELLO, max_tokens=9).model


# --- fallback ---

def test_the_next_answers_when_one_fails_and_nobody_is_asked_twice(first: Endpoint, second: Endpoint) -> None:
    first.script, second.script = [said("Hi.", model="one"), BUSY, said("Hi.", model="one")], [said("Hi.", model="two")]
    with FallbackModel([first.model(retries=0), second.model(retries=0, model="m2")]) as model:
        assert [ask(model) for _ in range(3)] == ["one", "two", "one"]
        assert model.name == "m1"
    assert (len(first.asked), len(second.asked)) == (3, 1)


def test_a_single_model_is_asked_once_more(first: Endpoint) -> None:
    first.script = [BUSY, said("Hi.")]
    with FallbackModel([first.model(retries=0)]) as model:
        assert ask(model) == "m1-2026"
    assert len(first.asked) == 2


def test_a_call_that_may_have_to_be_paid_is_not_made_twice(first: Endpoint, second: Endpoint) -> None:
    first.script = [failed(504, "upstream lost patience"), said("Hi.")]
    with FallbackModel([first.model()]) as model, pytest.raises(SpentError, match="lost patience"):
        ask(model)
    first.script, second.script = [failed(504, "upstream lost patience")], [BUSY, said("Hi.", model="two")]
    with FallbackModel([first.model(), second.model(retries=0)]) as model:
        assert ask(model) == "two"
    assert (len(first.asked), len(second.asked)) == (2, 2)


def test_all_failed_says_the_last_ones_words(first: Endpoint, second: Endpoint) -> None:
    first.script, second.script = [failed(503, "one is busy", retry_after="0")], [failed(503, "two is busy", retry_after="0")]
    with FallbackModel([first.model(retries=0), second.model(retries=0)]) as model, pytest.raises(ProviderError, match=r"two is busy"):
        ask(model)
    assert (len(first.asked), len(second.asked)) == (2, 2)


@pytest.mark.parametrize(("answer", "kind"), [(failed(401, "wrong key"), ConfigError), (failed(418, "teapot"), ProviderError)])
def test_what_trying_again_cannot_mend_is_told(answer: object, kind: type[Exception], first: Endpoint, second: Endpoint) -> None:
    first.script, second.script = [answer], [said("Hi.")]  # type: ignore[list-item]
    with FallbackModel([first.model(), second.model()]) as model, pytest.raises(kind):
        ask(model)
    assert not second.asked


def test_a_model_that_keeps_failing_rests_and_comes_back(first: Endpoint, second: Endpoint) -> None:
    now = [0.0]
    first.script, second.script = [BUSY], [said("Hi.", model="two")]
    with FallbackModel([first.model(retries=0), second.model(retries=0)], failures=2, rest_s=60, clock=lambda: now[0]) as model:
        assert [ask(model) for _ in range(5)] == ["two"] * 5
        assert len(first.asked) == 2, "then it was left alone"
        now[0] = 61
        assert ask(model) == "two"
        ask(model)
        assert len(first.asked) == 3, "one failure after its rest sends it to rest again"
        now[0] = 122
        first.script = [said("Hi.", model="one")]
        assert [ask(model), ask(model)] == ["one", "one"]


def test_a_resting_model_is_asked_when_all_others_fail(first: Endpoint, second: Endpoint) -> None:
    first.script, second.script = [BUSY, said("Hi.", model="one")], [said("Hi.", model="two"), BUSY]
    with FallbackModel([first.model(retries=0), second.model(retries=0)], failures=1, clock=lambda: 0.0) as model:
        assert [ask(model), ask(model)] == ["two", "one"]


def test_every_try_that_may_have_to_be_paid_is_paid_from_the_budget(first: Endpoint, second: Endpoint, tmp_path: Path) -> None:
    book = SpendBook(tmp_path / "spend.sqlite")
    first.script, second.script = [failed(504, "upstream lost patience")], [said("Hi.")]
    with FallbackModel([MeteredModel(first.model(), book, name="one"), MeteredModel(second.model(), book, name="two")]) as model:
        ask(model)
    most = llm.estimate(HELLO, 9)
    assert [(line.model, line.prompt_tokens, line.completion_tokens) for line in book.lines(DAWN)] == [
        ("one", most.prompt_tokens, 9), ("two", 7, 3)]
    book.close()


# --- the file of models ---

def models_file(folder: Path, first: Endpoint, second: Endpoint, tasks: str = "") -> Path:
    file = folder / "models.toml"
    file.write_text(f"""
[models.dear]
url = "{first.url}"
model = "big"
key_variable = "BIG_KEY"
price_in = 2.5
price_out = 10

[models.cheap]
url = "{second.url}"
model = "small"
price_in = 0.15
price_out = 0.60
{tasks}""", encoding="utf-8")
    return file


def settings(cache: Path, **values: object) -> Settings:
    return Settings(cache=cache, **{"model_url": None, "model_key": None, "model_name": None, "models": None, "model_cache_mb": 10, **values})  # type: ignore[arg-type]


def test_tasks_go_where_the_file_sends_them_else_to_the_cheapest(first: Endpoint, second: Endpoint, tmp_path: Path,
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIG_KEY", "sk-big")
    models_file(tmp_path, first, second, '[tasks]\ndraft = ["dear", "cheap"]\n')
    first.script, second.script = [said("Hi.", model="big")], [said("Hi.", model="small")]
    with llm.open_models(settings(tmp_path)) as models:
        answered = {task: ask(models.model(task)) for task in llm.TASKS}
        assert answered == {"draft": "big", "translate": "small"}
        assert [ask(models.model(task)) for task in llm.TASKS] == ["big", "small"]
        assert models.estimate(HELLO, 1000, calls=1000).money == Decimal("10.06"), "24 tokens in and 1000 out, at 2.5 and 10"
        assert models.estimate(HELLO, 1000, task="translate").currency == "USD"
        lines = {line.task: line for line in models.spent()}
        assert {task: (line.model, line.calls, line.cached) for task, line in lines.items()} == {
            "draft": ("dear", 1, 1), "translate": ("cheap", 1, 1)}, "the same question again is answered from the cache"
        assert (lines["draft"].money, lines["translate"].money) == (Decimal("0.000048"), Decimal("0.000003"))
    assert first.headers[0]["authorization"] == "Bearer sk-big"


def test_the_named_entry_alone_is_asked(first: Endpoint, second: Endpoint, tmp_path: Path) -> None:
    file = models_file(tmp_path, first, second)
    second.script = [said("Hi.", model="small")]
    with llm.open_model(settings(tmp_path / "cache", models=file, model_name="cheap"), "translate") as model:
        assert (model.name, ask(model)) == ("cheap", "small")


def test_an_embedded_model_is_free(tmp_path: Path) -> None:
    (tmp_path / "own.gguf").write_bytes(b"GGUF....")
    (tmp_path / "models.toml").write_text(f'[models.here]\nmodel = "{tmp_path / "own.gguf"}"\n', encoding="utf-8")
    with llm.open_models(settings(tmp_path, model_budget_money=Decimal(0))) as models:
        assert models.estimate(HELLO, 100).money == 0
        assert models.model("translate").name == "here"


def test_a_key_that_is_not_set_is_said(first: Endpoint, second: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BIG_KEY", raising=False)
    file = models_file(tmp_path, first, second)
    with pytest.raises(ConfigError, match=r"BIG_KEY is not set; .*models.toml names it as the key of model 'big'. Set it, or take"):
        llm.open_model(settings(tmp_path, models=file, model_name="dear"))


@pytest.mark.parametrize(("text", "message"), [
    ("[models.a]\nurl = 3", r"models.toml: 'models.a.model' cannot be used: Field required. A model has model, url, key_variable"),
    ('[models.a]\nmodel = "m"\nkey = "sk"', r"'models.a.key' cannot be used: Extra inputs"),
    ('[models.a]\nmodel = "m"\nprice_in = 1', r"'models.a' cannot be used: .*price_in and price_out go together"),
    ('[models.a]\nmodel = "m"\nprice_in = -1\nprice_out = 1', r"'models.a.price_in' cannot be used: .*greater than or equal to 0"),
    ('[models.a]\nmodel = "m"\n[tasks]\ndraft = ["b"]', r"tasks.draft names b; there are a. A model has"),
    ('[models.a]\nmodel = "m"\n[tasks]\ndraft = []', r"tasks.draft names nothing; there are a"),
    ('[models.a]\nmodel = "m"\n[tasks]\nsing = ["a"]', r"'tasks.sing.\[key\]' cannot be used: .*tasks are draft, translate"),
    ("", r"'models' cannot be used"), ("[models]", r"'models' cannot be used"), ("[[", r"is not valid TOML"),
])
def test_a_file_that_cannot_be_used_is_one_line(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message) as caught:
        read_routes(file)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no.toml cannot be read: .* Correct BRANDLOOM_MODELS"):
        llm.open_model(settings(tmp_path, models=tmp_path / "no.toml"))


# --- what the settings open ---

def test_weights_are_wanted_only_where_nothing_else_can_write(first: Endpoint, second: Endpoint, tmp_path: Path) -> None:
    assert llm.needs_weights(settings(tmp_path / "empty"))
    assert not llm.needs_weights(settings(tmp_path / "empty", model_url=first.url))
    assert not llm.needs_weights(settings(tmp_path / "empty", model_name="own.gguf"))
    file = models_file(tmp_path, first, second)
    assert not llm.needs_weights(settings(tmp_path)), "a file of models in the cache folder"
    assert not llm.needs_weights(settings(tmp_path / "empty", models=file))


def test_cache_budget_and_price_come_from_the_settings(first: Endpoint, tmp_path: Path) -> None:
    first.script = [said("Hi.")]
    limit = 10 + llm.estimate(HELLO, 9).tokens
    given = settings(tmp_path, model_url=first.url, model_name="m1", model_key="k", model_price_in=Decimal(1), model_price_out=Decimal(2),
                     model_currency="CNY", model_budget_tokens=limit)
    with llm.open_model(given) as model:
        assert [model.complete(HELLO, max_tokens=9, seed=seed).cached for seed in (0, 0, 1)] == [False, True, False]
        assert model.estimate(HELLO, 9).currency == "CNY"
        line, = model.spent()
        assert (line.calls, line.cached, line.money, line.currency) == (2, 1, Decimal("0.000026"), "CNY")
        assert llm.spent_by(model) == llm.Spent(2, 1, 14, 6, Decimal("0.000026"), "CNY")
        most = llm.most_cost(model, [llm.Ask(HELLO, 9, calls=2), llm.Ask(HELLO, 9)])
        assert most is not None
        assert (most.completion_tokens, most.money, most.currency) == (27, Decimal("0.000126"), "CNY"), "3 times 24 in and 9 out, at 1 and 2"
        with pytest.raises(BudgetError):
            model.complete(HELLO, max_tokens=9, seed=2)
        assert model.complete(HELLO, max_tokens=9).cached, "what costs nothing goes on"
    assert len(first.asked) == 2


def test_without_room_there_is_no_cache(first: Endpoint, tmp_path: Path) -> None:
    first.script = [said("Hi.")]
    with llm.open_model(settings(tmp_path, model_url=first.url, model_name="m1", model_cache_mb=0)) as model:
        assert [model.complete(HELLO, max_tokens=9).cached for _ in range(2)] == [False, False]
    assert not (tmp_path / "answers.sqlite").exists()


def test_a_trial_is_never_answered_from_the_cache(first: Endpoint, tmp_path: Path) -> None:
    first.script = [said('{"text": "A tray."}')]
    for _time in range(2):
        with llm.open_model(settings(tmp_path, model_url=first.url, model_name="m1")) as model:
            assert llm.test_model(model).tokens_per_second > 0
    assert len(first.asked) == 4


def test_half_a_price_is_refused(first: Endpoint, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"BRANDLOOM_MODEL_PRICE_IN and BRANDLOOM_MODEL_PRICE_OUT go together"):
        llm.open_model(settings(tmp_path, model_url=first.url, model_name="m1", model_price_in=Decimal(1)))


def test_a_budget_spent_in_the_middle_keeps_what_was_written(first: Endpoint, tmp_path: Path) -> None:
    asked = studio.read_asked(json.dumps({"lang": "zh", "format": "product_description", "products": [
        {"名称": "云杉保温杯", "材质": "316不锈钢", "容量": "500毫升", "颜色": "墨绿色", "价格": "129元"}]}), source="brief.json")
    good = "出门前灌满一杯热水，放进包里。云杉保温杯用316不锈钢做成，容量500毫升，墨绿色，129元。"
    message = {"content": json.dumps({"text": good}, ensure_ascii=False)}
    first.script = [(200, {}, json.dumps({"choices": [{"message": message}], "usage": {"prompt_tokens": 4900, "completion_tokens": 50}}).encode())]
    book = SpendBook(tmp_path / "spend.sqlite")
    with MeteredModel(first.model(), book, budget=Budget(tokens=5000), now=lambda: DAWN) as model:
        written = studio.write_copy(model, asked, variants=3)
    book.close()
    assert [draft.source for draft in written.drafts] == ["model", "plain"]
    assert written.stopped is not None and "Today's budget for models has no room for this request" in written.stopped
