"""Settings of this machine, from `BRANDLOOM_...` variables: where things are and the secrets of other services.

What belongs to a shop (its name, sender, caps) is in its workspace's `brandloom.toml`; see `workspace.ShopConfig`.
"""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from brandloom.errors import ConfigError
from brandloom.i18n import _


class Settings(BaseSettings):
    """Environment of the process; every field is optional."""

    model_config = SettingsConfigDict(env_prefix="BRANDLOOM_", extra="ignore")

    language: str | None = None
    """Language of messages, 'en' or 'zh'; the system's locale when unset."""
    cache: Path = Field(default_factory=lambda: Path.home() / ".cache" / "brandloom")
    """Folder for model weights, kept answers and the book of costs, shared by all workspaces."""
    ledger_url: SecretStr | None = None
    """SQLAlchemy URL of the ledger; a SQLite file in the workspace when unset."""
    model_url: str | None = None
    """Base URL of an OpenAI-compatible endpoint; the embedded model when unset."""
    model_key: SecretStr | None = None
    """API key of that endpoint."""
    model_name: str | None = None
    """Model asked for at that endpoint, or the embedded model's name, or a path to a GGUF file."""
    model_price_in: Decimal | None = Field(default=None, ge=0)
    """Price of a million prompt tokens at that endpoint; unknown when unset."""
    model_price_out: Decimal | None = Field(default=None, ge=0)
    """Price of a million tokens written there."""
    model_currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    """ISO code of the money that models and their budget are counted in."""
    model_budget_tokens: int | None = Field(default=None, ge=0)
    """Most tokens that all models together may use in a day (UTC), prompts included; no limit when unset."""
    model_budget_money: Decimal | None = Field(default=None, ge=0)
    """Most money that all models together may cost in a day (UTC); no limit when unset."""
    model_cache_mb: int = Field(default=100, ge=0)
    """Room for answers that are kept to be given again at no cost, in megabytes; 0 asks anew every time."""
    models: Path | None = None
    """File that names several models, their prices and tasks; `models.toml` in the cache folder, if there, when unset."""
    smtp_url: SecretStr | None = None
    """Carrier for e-mail, smtp://user:password@host:port or smtps://; nothing is sent when unset."""
    sms_url: SecretStr | None = None
    """Carrier for text messages, twilio://account:token@host?from=+441234567890; nothing is sent when unset."""
    memory_limit_gb: float = Field(default_factory=lambda: _memory_share(), gt=0)
    """Most memory the warehouse may use before it spills to disk, in gigabytes; half of the machine's, at most 4, when unset."""
    threads: int | None = Field(default=None, ge=1)
    """Threads for queries and models; all cores when unset."""


def _memory_share() -> float:
    """Half of the machine's memory, at most 4 GB: ten million order rows load without spilling."""
    return min(4.0, round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2e9, 1))


def read_settings() -> Settings:
    """Read the environment.

    Raises:
        ConfigError: a variable has a value of the wrong kind; names the variable.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "BRANDLOOM_" + "_".join(str(part) for part in first["loc"]).upper()
        raise ConfigError(_("{name} in the environment cannot be used: {reason}. Correct or unset it."),
                          name=name, reason=first["msg"]) from error


def read_secret(variable: str) -> SecretStr | None:
    """A secret from a variable that another file names; None when it is not set or empty."""
    value = os.environ.get(variable)
    return SecretStr(value) if value else None
