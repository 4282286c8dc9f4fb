"""The file that names several models, what they cost, and which of them does which task."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from brandloom.errors import ConfigError
from brandloom.i18n import _
from brandloom.llm.prices import Price

FILE = "models.toml"
Task = Literal["draft", "translate"]
TASKS: tuple[Task, ...] = ("draft", "translate")
_Cost = Annotated[Decimal, Field(ge=0)]


class ModelEntry(BaseModel):
    """One model: at an endpoint where it has a `url`, else embedded and free."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    """Its name at the endpoint; or an embedded model's name, or the path of a GGUF file."""
    url: str | None = None
    key_variable: str | None = None
    """Environment variable that holds the key; no key stands in the file itself."""
    price_in: _Cost | None = None
    """Money per million prompt tokens."""
    price_out: _Cost | None = None
    """Money per million tokens written."""
    currency: str | None = Field(default=None, pattern=r"^[A-Z]{3}$")
    """Of the prices; the settings' when absent."""

    @model_validator(mode="after")
    def _whole_price(self) -> Self:
        if (self.price_in is None) != (self.price_out is None):
            raise ValueError("price_in and price_out go together")
        return self

    def price(self, currency: str) -> Price | None:
        """None where it is not known."""
        free = Decimal(0) if self.url is None else None
        given = (free if self.price_in is None else self.price_in), (free if self.price_out is None else self.price_out)
        return None if given[0] is None or given[1] is None else Price(given[0], given[1], self.currency or currency)


class Routes(BaseModel):
    """The models by name, and for each task the names in the order they are asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    models: Mapping[str, ModelEntry] = Field(min_length=1)
    tasks: Mapping[Task, tuple[str, ...]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _known_names(self) -> Self:
        for task, names in self.tasks.items():
            unknown = [name for name in names if name not in self.models]
            if unknown or not names:
                raise ValueError(f"tasks.{task} names {', '.join(unknown) or 'nothing'}; there are {', '.join(self.models)}")
        return self

    def route(self, task: Task, currency: str) -> tuple[str, ...]:
        """Names of the models for a task in order: as the file says, else the cheapest first and those without a price last."""
        return self.tasks.get(task) or tuple(sorted(self.models, key=lambda name: _cost(self.models[name].price(currency))))


def read_routes(path: Path) -> Routes:
    """Read a file of models.

    Raises:
        ConfigError: it is not there, not TOML, or a key cannot be used.
    """
    try:
        return Routes.model_validate(tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(_("The file of models {path} cannot be read: {reason}. Correct BRANDLOOM_MODELS, or unset it."),
                          path=path, reason=error) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_("{path} is not valid TOML: {reason}. Mend that line; the file was left as it is."),
                          path=path, reason=error) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "-"
        raise ConfigError(_("{path}: '{where}' cannot be used: {reason}. A model has {known}; tasks are {tasks}."), path=path, where=where,
                          reason=first["msg"], known=", ".join(ModelEntry.model_fields), tasks=", ".join(TASKS)) from error


def _cost(price: Price | None) -> tuple[bool, Decimal]:
    """Prompts are some times longer than the answers to them, which cost some times more per token: both count alike."""
    return (True, Decimal(0)) if price is None else (False, price.input + price.output)
