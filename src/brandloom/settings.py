"""Settings of this machine, from `BRANDLOOM_...` variables: where things are and the secrets of other services.

What belongs to a shop (its name, sender, caps) is in its workspace's `brandloom.toml`; see `workspace.ShopConfig`.
"""

from __future__ import annotations

import os
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
    """Folder for fetched model weights, shared by all workspaces."""
    ledger_url: SecretStr | None = None
    """SQLAlchemy URL of the ledger; a SQLite file in the workspace when unset."""
    model_url: str | None = None
    """Base URL of an OpenAI-compatible endpoint; the embedded model when unset."""
    model_key: SecretStr | None = None
    """API key of that endpoint."""
    model_name: str | None = None
    """Model asked for at that endpoint, or the embedded model's name, or a path to a GGUF file."""
    smtp_url: SecretStr | None = None
    """Carrier for e-mail, smtp://user:password@host:port or smtps://; nothing is sent when unset."""
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
