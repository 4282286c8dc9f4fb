"""Language models: one protocol, an endpoint by URL or an embedded model served on loopback, and the weights they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brandloom.llm.base import Completion, Message, Schema, ScriptedCall, ScriptedTextModel, TextModel
from brandloom.llm.choose import ModelInfo, ModelTest, list_models, open_model, test_model, use
from brandloom.llm.embedded import EmbeddedModel
from brandloom.llm.fetch import fetch
from brandloom.llm.pull import pull
from brandloom.llm.weights import Progress, Weights, default_name, registry

if TYPE_CHECKING:
    from brandloom.llm.endpoint import EndpointModel

__all__ = [
    "Completion", "EmbeddedModel", "EndpointModel", "Message", "ModelInfo", "ModelTest", "Progress", "Schema", "ScriptedCall",
    "ScriptedTextModel", "TextModel", "Weights", "default_name", "fetch", "list_models", "open_model", "pull", "registry",
    "test_model", "use",
]


def __getattr__(name: str) -> object:
    """The client library behind `EndpointModel` takes a second to load, which most commands do not need."""
    if name == "EndpointModel":
        from brandloom.llm.endpoint import EndpointModel
        return EndpointModel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
