"""Language models: one protocol; endpoints by URL and embedded models served on loopback; routes, budget and cache around them; weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brandloom.llm.base import Completion, Message, Schema, ScriptedCall, ScriptedTextModel, SpentError, TextModel
from brandloom.llm.cached import AnswerStore, CachedModel
from brandloom.llm.choose import ModelInfo, ModelTest, find_model, list_models, needs_weights, open_model, open_models, spent_since, test_model, use
from brandloom.llm.embedded import EmbeddedModel
from brandloom.llm.fallback import FallbackModel
from brandloom.llm.fetch import fetch
from brandloom.llm.metered import MeteredModel
from brandloom.llm.opened import Ask, Models, OpenedModel, most_cost, spent_by
from brandloom.llm.prices import Estimate, Price, estimate
from brandloom.llm.pull import pull
from brandloom.llm.routes import TASKS, Routes, Task, read_routes
from brandloom.llm.spend import Budget, BudgetError, SpendBook, SpendLine, Spent
from brandloom.llm.weights import Progress, Weights, default_name, registry

if TYPE_CHECKING:
    from brandloom.llm.endpoint import EndpointModel

__all__ = [
    "TASKS", "AnswerStore", "Ask", "Budget", "BudgetError", "CachedModel", "Completion", "EmbeddedModel", "EndpointModel", "Estimate",
    "FallbackModel", "Message", "MeteredModel", "ModelInfo", "ModelTest", "Models", "OpenedModel", "Price", "Progress", "Routes", "Schema",
    "ScriptedCall", "ScriptedTextModel", "SpendBook", "SpendLine", "Spent", "SpentError", "Task", "TextModel", "Weights", "default_name", "estimate",
    "fetch", "find_model", "list_models", "most_cost", "needs_weights", "open_model", "open_models", "pull", "read_routes", "registry", "spent_by",
    "spent_since", "test_model", "use",
]


def __getattr__(name: str) -> object:
    """The client library behind `EndpointModel` takes a second to load, which most commands do not need."""
    if name == "EndpointModel":
        from brandloom.llm.endpoint import EndpointModel
        return EndpointModel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
