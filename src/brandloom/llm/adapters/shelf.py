"""Where trained adapters lie on this machine, each with a card that says what it came from and what it brings.

An adapter is `adapters/NAME/adapter.gguf` and `card.json` in the cache folder. Its name is used like a model's.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from brandloom.errors import ConfigError
from brandloom.i18n import _
from brandloom.llm.weights import sha256_of

FILE, CARD = "adapter.gguf", "card.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")


@dataclass(frozen=True)
class Card:
    """One adapter."""

    name: str
    base: str
    """The model it was trained on: a pinned name, or the path of a GGUF file."""
    base_sha256: str
    sha256: str
    """Of the adapter's own file."""
    data_sha256: str
    """Of the examples it learned from and was judged by."""
    learned: int
    """Examples it learned from."""
    made_at: str
    better: bool
    """Whether it was better than its base on later examples; one that was not cannot be used."""
    training: dict[str, Any]
    figures: dict[str, Any]


def adapters_folder(cache: Path) -> Path:
    """Where adapters lie, one folder each."""
    return cache / "adapters"


def put_card(card: Card, cache: Path) -> Path:
    """Keep the card of an adapter whose file lies in its folder."""
    file = _folder(card.name, cache) / CARD
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(card), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return fresh.replace(file)


def list_cards(cache: Path) -> list[Card]:
    """All adapters of this machine, the latest first."""
    found = [_read(file) for file in adapters_folder(cache).glob(f"*/{CARD}")]
    return sorted(found, key=lambda card: (card.made_at, card.name), reverse=True)


def find_card(name: str, cache: Path) -> Card | None:
    """The card of an adapter by its name; None where there is no such adapter."""
    file = adapters_folder(cache) / name / CARD
    return _read(file) if _NAME.fullmatch(name) and file.is_file() else None


def require_adapter(card: Card, cache: Path, base: Path, base_sha256: str | None) -> Path:
    """The file of an adapter that may be used with these weights.

    Args:
        base: the weights' file.
        base_sha256: its hash where it is known; None reads the file.
    Raises:
        ConfigError: it was not better than its base, its file was changed, or the weights are not those it was trained on.
    """
    file = _folder(card.name, cache) / FILE
    if not card.better:
        raise ConfigError(_("Adapter '{name}' was not better than '{base}' on later texts, so it is not used. See `brandloom models adapters`."),
                          name=card.name, base=card.base)
    if not file.is_file() or sha256_of(file) != card.sha256:
        raise ConfigError(_("The file of adapter '{name}' is not the one that was trained: {path}. Train it again with `brandloom models adapt`."),
                          name=card.name, path=file)
    if (base_sha256 or sha256_of(base)) != card.base_sha256:
        raise ConfigError(_("Adapter '{name}' was trained on other weights than {path} holds now. Train it again with `brandloom models adapt`."),
                          name=card.name, path=base)
    return file


def require_name(name: str) -> str:
    """A name an adapter may have: small letters, digits and hyphens."""
    if not _NAME.fullmatch(name):
        raise ConfigError(_("'{name}' is no name for an adapter. Use small letters, digits and hyphens, 80 at most."), name=name)
    return name


def _folder(name: str, cache: Path) -> Path:
    return adapters_folder(cache) / require_name(name)


def _read(file: Path) -> Card:
    try:
        return Card(**json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ConfigError(_("{path} is no card of an adapter: {reason}. Take its folder away, and train the adapter again."), path=file,
                          reason=str(error)) from error
