"""Adapters: small additions to an embedded model, trained on preferred answers and judged on later ones. Training needs the `train` extra."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from brandloom.errors import ConfigError
from brandloom.i18n import _
from brandloom.llm.adapters.examples import Example, digest, split
from brandloom.llm.adapters.ranges import Range, mean_range
from brandloom.llm.adapters.shelf import FILE, Card, adapters_folder, find_card, list_cards, put_card, require_adapter, require_name

if TYPE_CHECKING:
    from brandloom.llm.adapters.export import write_adapter
    from brandloom.llm.adapters.judging import Judged, judge
    from brandloom.llm.adapters.training import Trained, Training, train

__all__ = [
    "FILE", "Card", "Example", "Judged", "Range", "Trained", "Training", "adapters_folder", "digest", "find_card", "judge", "list_cards",
    "mean_range", "put_card", "require_adapter", "require_name", "require_training", "split", "train", "write_adapter",
]

_LIBRARIES = ("torch", "transformers", "gguf")
_MODULES = {"Judged": "judging", "judge": "judging", "Trained": "training", "Training": "training", "train": "training",
            "write_adapter": "export"}


def __getattr__(name: str) -> object:
    """What needs torch is imported when it is used, for most installations are without it."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def require_training() -> None:
    """Refuse where the libraries of the `train` extra are not there.

    Raises:
        ConfigError: names the command that installs them.
    """
    missing = [name for name in _LIBRARIES if find_spec(name) is None]
    if missing:
        raise ConfigError(_("Training an adapter needs {missing}. Run `pip install 'brandloom[train]'`."), missing=", ".join(missing))
