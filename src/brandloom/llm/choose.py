"""Which model this machine uses, and how well it does there.

The choice made with `use` is one line in `chosen-model.txt` of the cache folder, beside the weights: it belongs to the
machine, not to a shop, so every workspace on the machine follows it. An address or name in the settings goes before it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from brandloom.errors import ConfigError
from brandloom.i18n import _
from brandloom.llm.base import Completion, Message, TextModel
from brandloom.llm.embedded import EmbeddedModel
from brandloom.llm.fetch import fetch
from brandloom.llm.weights import Progress, check_gguf, find_weights, registry
from brandloom.settings import Settings

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


def open_model(settings: Settings) -> TextModel:
    """Open the model to write with. Nothing is loaded before its first request.

    In order: the endpoint in the settings; the name or path in the settings; what `use` chose; the first pinned model
    that has been pulled.

    Raises:
        ConfigError: none of these is there, or the one asked for is not; names the command that mends it.
    """
    if settings.model_url:
        key = settings.model_key.get_secret_value() if settings.model_key else None
        from brandloom.llm.endpoint import EndpointModel
        return EndpointModel(settings.model_url, key=key, model=settings.model_name)
    wanted = settings.model_name or _chosen(settings.cache)
    names = [wanted] if wanted else [name for name in registry() if find_weights(name, settings.cache)]
    if not names:
        raise ConfigError(_("No language model is installed. Fetch one with `brandloom models pull` (1.1 GB), or set "
                            "BRANDLOOM_MODEL_URL to an OpenAI-compatible endpoint."))
    return EmbeddedModel(_resolve(names[0], settings.cache), threads=settings.threads,
                         name=names[0] if names[0] in registry() else None)


def list_models(cache: Path) -> list[ModelInfo]:
    """All pinned models, and the file chosen with `use` when it is another one."""
    chosen = _chosen(cache)
    models = []
    for name, entry in registry().items():
        path = find_weights(name, cache)
        models.append(ModelInfo(name=name, licence=entry.licence, bytes=entry.bytes, present=path is not None,
                                chosen=name == chosen, note=entry.note, path=path))
    if not chosen and (first := next((index for index, model in enumerate(models) if model.present), None)) is not None:
        models[first] = replace(models[first], chosen=True)
    if chosen and chosen not in registry():
        file = Path(chosen)
        present = file.is_file()
        models.append(ModelInfo(name=file.stem, licence="", bytes=file.stat().st_size if present else 0, present=present,
                                chosen=True, note=_("Your own file; its licence is yours to check."), path=file))
    return models


def use(model: str, cache: Path, *, sha256: str | None = None, progress: Progress | None = None) -> Path:
    """Choose the model for this machine: a pinned name that has been pulled, a GGUF file, or the address of one.

    Args:
        sha256, progress: for an address; see `fetch`.
    Returns:
        The file that will be used.
    Raises:
        ConfigError: the name is unknown or not pulled, or the file is not GGUF; the old choice stays.
        ProviderError: the address failed.
    """
    fetched = fetch(model, cache, sha256=sha256, progress=progress) if "://" in model else None
    path = fetched or _resolve(model, cache)
    cache.mkdir(parents=True, exist_ok=True)
    choice = cache / _CHOICE
    fresh = choice.with_suffix(".new")
    fresh.write_text((model if model in registry() else str(path)) + "\n", encoding="utf-8")
    fresh.replace(choice)
    return path


def test_model(model: TextModel) -> ModelTest:
    """Let a model write one short sentence in English and one in Chinese from facts, under a JSON schema.

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
    return model.complete(messages, schema=_SCHEMA, max_tokens=80)


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


def _resolve(model: str, cache: Path) -> Path:
    """The weights of a pinned name or a path."""
    if model in registry():
        path = find_weights(model, cache)
        if path is None:
            raise ConfigError(_("Model '{name}' has not been fetched. Run `brandloom models pull {name}`."), name=model)
        return check_gguf(path)
    if "/" not in model and not model.endswith(".gguf"):
        raise ConfigError(_("Unknown model '{name}'. Known models: {known}. See `brandloom models list`."),
                          name=model, known=", ".join(registry()))
    return check_gguf(Path(model))
