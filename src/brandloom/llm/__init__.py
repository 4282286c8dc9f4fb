"""Language models: one protocol, an endpoint by URL or an embedded model served on loopback, and the weights they need."""

from brandloom.llm.base import Completion, Message, Schema, ScriptedCall, ScriptedTextModel, TextModel
from brandloom.llm.choose import ModelInfo, ModelTest, list_models, open_model, test_model, use
from brandloom.llm.embedded import EmbeddedModel
from brandloom.llm.endpoint import EndpointModel
from brandloom.llm.fetch import fetch
from brandloom.llm.pull import pull
from brandloom.llm.weights import Progress, Weights, default_name, registry

__all__ = [
    "Completion", "EmbeddedModel", "EndpointModel", "Message", "ModelInfo", "ModelTest", "Progress", "Schema", "ScriptedCall",
    "ScriptedTextModel", "TextModel", "Weights", "default_name", "fetch", "list_models", "open_model", "pull", "registry",
    "test_model", "use",
]
