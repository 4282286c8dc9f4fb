"""Which model this machine uses, and how well it does there.

The choice made with `use` is one line in `chosen-model.txt` of the cache folder, beside the weights: it belongs to the
machine, not to a shop, so every workspace on the machine follows it. An address or name in the settings goes before it, and so
does a file of models.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from brandloom.errors import ConfigError
from brandloom.i18n import _
from brandloom.llm.adapters.shelf import FILE, Card, adapters_folder, find_card, list_cards, require_adapter
from brandloom.llm.base import Completion, Message, TextModel
from brandloom.llm.cached import FILE as ANSWERS_FILE
from brandloom.llm.cached import AnswerStore
from brandloom.llm.embedded import EmbeddedModel
from brandloom.llm.fetch import fetch
from brandloom.llm.opened import Models, OpenedModel, Source
from brandloom.llm.prices import Price
from brandloom.llm.routes import FILE as ROUTES_FILE
from brandloom.llm.routes import TASKS, ModelEntry, Task, read_routes
from brandloom.llm.spend import FILE as SPEND_FILE
from brandloom.llm.spend import Budget, SpendBook, SpendLine
from brandloom.llm.weights import Progress, check_gguf, find_weights, registry
from brandloom.settings import Settings, read_secret

OnText = Callable[[str], None] | None

_CHOICE = "chosen-model.txt"
_SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"],
           "additionalProperties": False}
_TASKS = {
    "en": ("Write one short sentence about the product in English. Use only the facts. Answer as JSON.",
           "Facts: glass lantern, 20 cm high, for tea lights", '{"text": "A glass lantern for tea lights, 20 cm high."}',
           "Facts: wooden tray, 30 cm wide, made of beech"),
    "zh": ("用中文写一句简短的产品介绍，只使用给出的事实，以 JSON 回答。",
           "事实：玻璃灯笼，高20厘米，可放茶蜡",
           '{"text": "这款玻璃灯笼高20厘米，可放茶蜡。"}', "事实：木托盘，宽30厘米，榉木制"),
}


@dataclass(frozen=True)
class ModelInfo:
    """One model this machine could use. `note` is an English template; show it with `say`."""

    name: str
    licence: str
    bytes: int
    present: bool
    chosen: bool
    note: str
    path: Path | None


@dataclass(frozen=True)
class ModelTest:
    """What a model wrote when tried, and how fast."""

    __test__ = False  # pytest: not a test

    model: str
    texts: dict[str, str]
    """The sentence written per language, 'en' and 'zh'; empty where the answer did not obey the schema."""
    seconds: float
    tokens_per_second: float
    """Tokens written per second of waiting, reading the prompt included."""


def open_model(settings: Settings, task: Task = "draft", *, on_text: OnText = None) -> OpenedModel:
    """Open the model for a task, with the budget and the cache of the settings; see `open_models`."""
    models = open_models(settings, on_text=on_text)
    try:
        return OpenedModel(models, task)
    except BaseException:
        models.close()
        raise


def open_models(settings: Settings, *, on_text: OnText = None) -> Models:
    """Open what the settings name, for all tasks. No weights are loaded before the first request.

    In order: the entry of the file of models that `model_name` names; the endpoint in the settings; the name or path in the
    settings; all of the file of models, task by task; what `use` chose; the first pinned model that has been pulled.

    Args:
        on_text: told each piece of an answer as it comes; see `EndpointModel`.
    Raises:
        ConfigError: none of these is there, or the one asked for is not; names the command or variable that mends it.
    """
    sources, routes = _sources(settings, on_text)
    book = SpendBook(settings.cache / SPEND_FILE)
    store = AnswerStore(settings.cache / ANSWERS_FILE, max_bytes=settings.model_cache_mb * 1_000_000) if settings.model_cache_mb else None
    budget = Budget(settings.model_budget_tokens, settings.model_budget_money, settings.model_currency)
    return Models(sources, routes, book, store=store, budget=budget)


def needs_weights(settings: Settings) -> bool:
    """Whether nothing is set up to write with, so that the default model's weights would have to be fetched first."""
    named = settings.model_url or settings.model_name or settings.models or _routes_file(settings).is_file()
    return not named and not any(model.present for model in list_models(settings.cache))


def spent_since(cache: Path, day: datetime) -> list[SpendLine]:
    """What the models of this machine have cost from a day (aware, UTC) on, the latest day first."""
    book = SpendBook(cache / SPEND_FILE)
    try:
        return book.lines(day)
    finally:
        book.close()


def _sources(settings: Settings, on_text: OnText) -> tuple[Mapping[str, Source], Mapping[Task, Sequence[str]]]:
    """What can be opened, and the order for each task."""
    file = _routes_file(settings)
    routes = read_routes(file) if settings.models or file.is_file() else None
    name = settings.model_name
    if routes is not None and name is not None and name in routes.models:
        return {name: _entry_source(settings, routes.models[name], file, on_text)}, dict.fromkeys(TASKS, (name,))
    if routes is not None and not settings.model_url and not name:
        return ({each: _entry_source(settings, entry, file, on_text) for each, entry in routes.models.items()},
                {task: routes.route(task, settings.model_currency) for task in TASKS})
    if settings.model_url:
        model, source = _endpoint_source(settings, settings.model_url, on_text)
    else:
        model, source = _embedded_source(settings, name or _default(settings.cache), on_text)
    return {model.name: source}, dict.fromkeys(TASKS, (model.name,))


def _routes_file(settings: Settings) -> Path:
    return settings.models.expanduser() if settings.models else settings.cache / ROUTES_FILE


def _entry_source(settings: Settings, entry: ModelEntry, file: Path, on_text: OnText) -> Source:
    def opened() -> TextModel:
        if entry.url is None:
            return _embedded(settings, entry.model, on_text)
        key = read_secret(entry.key_variable) if entry.key_variable else None
        if entry.key_variable and key is None:
            raise ConfigError(_("{variable} is not set; {path} names it as the key of model '{model}'. Set it, or take `key_variable` out."),
                              variable=entry.key_variable, path=file, model=entry.model)
        from brandloom.llm.endpoint import EndpointModel
        return EndpointModel(entry.url, key=key.get_secret_value() if key else None, model=entry.model, on_text=on_text)
    return Source(opened, entry.price(settings.model_currency), _identity(entry.model, f"{entry.url or ''} {entry.model}", settings.cache))


def _endpoint_source(settings: Settings, url: str, on_text: OnText) -> tuple[TextModel, Source]:
    key = settings.model_key.get_secret_value() if settings.model_key else None
    from brandloom.llm.endpoint import EndpointModel
    if (settings.model_price_in is None) != (settings.model_price_out is None):
        raise ConfigError(_("BRANDLOOM_MODEL_PRICE_IN and BRANDLOOM_MODEL_PRICE_OUT go together. Set both, or unset both."))
    price = None
    if settings.model_price_in is not None and settings.model_price_out is not None:
        price = Price(settings.model_price_in, settings.model_price_out, settings.model_currency)
    model = EndpointModel(url, key=key, model=settings.model_name, on_text=on_text)
    return model, Source(lambda: model, price, f"{url} {model.name}")


def _embedded_source(settings: Settings, name: str, on_text: OnText) -> tuple[TextModel, Source]:
    """A model on this machine; its answers are counted and cost nothing."""
    model = _embedded(settings, name, on_text)
    return model, Source(lambda: model, Price(Decimal(0), Decimal(0), settings.model_currency), _identity(name, str(model.path), settings.cache))


def _identity(name: str, otherwise: str, cache: Path) -> str:
    """Answers of an adapter are its own, and those of one trained anew under the same name are others."""
    card = find_card(name, cache)
    return otherwise if card is None else f"{otherwise} {card.sha256}"


def _embedded(settings: Settings, name: str, on_text: OnText) -> EmbeddedModel:
    card = None if name in registry() else find_card(name, settings.cache)
    if card is not None:
        weights, adapter = _with_adapter(card, settings.cache)
        return EmbeddedModel(weights, adapter=adapter, threads=settings.threads, name=name, on_text=on_text)
    return EmbeddedModel(find_model(name, settings.cache), threads=settings.threads, name=name if name in registry() else None,
                         on_text=on_text)


def _with_adapter(card: Card, cache: Path) -> tuple[Path, Path]:
    """The weights an adapter was trained on, and its own file. The hash of pinned weights is checked when they are pulled."""
    weights = find_model(card.base, cache)
    return weights, require_adapter(card, cache, weights, registry()[card.base].sha256 if card.base in registry() else None)


def _default(cache: Path) -> str:
    """What `use` chose, or the first pinned model that is there."""
    names = [chosen] if (chosen := _chosen(cache)) else [name for name in registry() if find_weights(name, cache)]
    if not names:
        raise ConfigError(_("No language model is installed. Fetch one with `brandloom models pull` (1.1 GB), or set "
                            "BRANDLOOM_MODEL_URL to an OpenAI-compatible endpoint."))
    return names[0]


def list_models(cache: Path) -> list[ModelInfo]:
    """All pinned models, the adapters that were better than theirs, and the file chosen with `use` when it is another one."""
    chosen = _chosen(cache)
    models = []
    for name, entry in registry().items():
        path = find_weights(name, cache)
        models.append(ModelInfo(name=name, licence=entry.licence, bytes=entry.bytes, present=path is not None,
                                chosen=name == chosen, note=entry.note, path=path))
    if not chosen and (first := next((index for index, model in enumerate(models) if model.present), None)) is not None:
        models[first] = replace(models[first], chosen=True)
    models += [_adapter_info(card, cache, chosen) for card in list_cards(cache) if card.better]
    if chosen and not any(model.chosen for model in models):
        file = Path(chosen)
        present = file.is_file()
        models.append(ModelInfo(name=file.stem, licence="", bytes=file.stat().st_size if present else 0, present=present,
                                chosen=True, note=_("Your own file; its licence is yours to check."), path=file))
    return models


def _adapter_info(card: Card, cache: Path, chosen: str | None) -> ModelInfo:
    file = adapters_folder(cache) / card.name / FILE
    weights = find_weights(card.base, cache) if card.base in registry() else Path(card.base)
    present = file.is_file() and weights is not None and weights.is_file()
    return ModelInfo(name=card.name, licence=registry()[card.base].licence if card.base in registry() else "",
                     bytes=file.stat().st_size if file.is_file() else 0, present=present, chosen=card.name == chosen,
                     note=_("An adapter trained on this machine; see `brandloom models adapters`."), path=file if present else None)


def use(model: str, cache: Path, *, sha256: str | None = None, progress: Progress | None = None) -> Path:
    """Choose the model for this machine: a pinned name that has been pulled, an adapter, a GGUF file, or the address of one.

    Args:
        sha256, progress: for an address; see `fetch`.
    Returns:
        The file that will be used; an adapter's own.
    Raises:
        ConfigError: the name is unknown or not pulled, the file is not GGUF, or the adapter may not be used; the old choice stays.
        ProviderError: the address failed.
    """
    fetched = fetch(model, cache, sha256=sha256, progress=progress) if "://" in model else None
    card = None if model in registry() else find_card(model, cache)
    path = fetched or (find_model(model, cache) if card is None else _with_adapter(card, cache)[1])
    cache.mkdir(parents=True, exist_ok=True)
    choice = cache / _CHOICE
    fresh = choice.with_suffix(".new")
    fresh.write_text((model if card is not None or model in registry() else str(path)) + "\n", encoding="utf-8")
    fresh.replace(choice)
    return path


def test_model(model: TextModel) -> ModelTest:
    """Let a model write one short sentence in English and one in Chinese from facts, under a JSON schema; never from the cache.

    Raises:
        ProviderError, ConfigError: as `TextModel.complete` does.
    """
    answers = {language: _try(model, language) for language in _TASKS}
    seconds = sum(answer.seconds for answer in answers.values())
    written = sum(answer.completion_tokens for answer in answers.values())
    return ModelTest(model=model.name, texts={language: _text(answer) for language, answer in answers.items()},
                     seconds=seconds, tokens_per_second=written / seconds if seconds else 0.0)


def _try(model: TextModel, language: str) -> Completion:
    order, example, answer, facts = _TASKS[language]
    messages = [Message("system", order), Message("user", example), Message("assistant", answer), Message("user", facts)]
    return model.complete(messages, schema=_SCHEMA, max_tokens=80, seed=secrets.randbelow(1 << 31))


def _text(answer: Completion) -> str:
    try:
        value = json.loads(answer.text)
    except ValueError:
        return ""
    text = value.get("text") if isinstance(value, dict) else None
    return text if isinstance(text, str) else ""


def _chosen(cache: Path) -> str | None:
    try:
        return (cache / _CHOICE).read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None


def find_model(model: str, cache: Path) -> Path:
    """The weights of a pinned name or a path.

    Raises:
        ConfigError: the name is unknown or not pulled, or the file is not GGUF.
    """
    if model in registry():
        path = find_weights(model, cache)
        if path is None:
            raise ConfigError(_("Model '{name}' has not been fetched. Run `brandloom models pull {name}`."), name=model)
        return check_gguf(path)
    if "/" not in model and not model.endswith(".gguf"):
        raise ConfigError(_("Unknown model '{name}'. Known models: {known}. See `brandloom models list`."),
                          name=model, known=", ".join(registry()))
    return check_gguf(Path(model))
