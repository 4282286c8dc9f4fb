"""Adapters: small additions to an embedded model, trained on preferred answers and judged on later ones. Training needs the `train` extra."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brandloom.llm.adapters.examples import Example, digest, split

if TYPE_CHECKING:
    from brandloom.llm.adapters.export import write_adapter
    from brandloom.llm.adapters.judging import Judged, Range, judge
    from brandloom.llm.adapters.training import Trained, Training, train

__all__ = ["Example", "Judged", "Range", "Trained", "Training", "digest", "judge", "split", "train", "write_adapter"]

_MODULES = {"Judged": "judging", "Range": "judging", "judge": "judging", "Trained": "training", "Training": "training", "train": "training",
            "write_adapter": "export"}


def __getattr__(name: str) -> object:
    """What needs torch is imported when it is used, for most installations are without it."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
