"""Language models: one protocol, an endpoint by URL or an embedded model served on loopback, and the weights they need."""

from brandloom.llm.base import Completion, Message, Schema, ScriptedCall, ScriptedTextModel, TextModel

__all__ = ["Completion", "Message", "Schema", "ScriptedCall", "ScriptedTextModel", "TextModel"]
