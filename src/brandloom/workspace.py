"""A workspace is a folder: the shop's configuration, its keys, and the places where everything else lives."""

from __future__ import annotations

import os
import secrets
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from brandloom.errors import ConfigError
from brandloom.i18n import _

CONFIG_NAME = "brandloom.toml"
KEY_NAME = "workspace.key"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SenderConfig(_Strict):
    """Who the messages come from; the law asks for each of these in every marketing mail."""

    name: str = "Your shop"
    email: str = "hello@example.com"
    postal_address: str = ""
    website: str = "https://shop.example.com"
    unsubscribe_url: str = "https://shop.example.com/unsubscribe"
    click_url: str = ""
    """Address of the click redirect; links are not counted while it is empty."""


class CapConfig(_Strict):
    """Most marketing messages one person may get, over all channels, and the hours when none goes out."""

    per_day: int = Field(default=1, ge=0)
    per_week: int = Field(default=3, ge=0)
    quiet_from: str = Field(default="21:00", pattern=r"^\d\d:\d\d$")
    quiet_until: str = Field(default="08:00", pattern=r"^\d\d:\d\d$")


class EconomicsConfig(_Strict):
    """What a decision needs to know about money."""

    margin: float = Field(default=0.35, gt=0, le=1)
    """Gross margin of a sale, a share of its amount."""
    assumed_lift: float = Field(default=0.10, ge=0, le=1)
    """Relative rise in purchases a message is assumed to bring until an experiment has measured it."""
    redemption: float = Field(default=0.25, ge=0, le=1)
    """Share of the buyers who use an offer: 1 when it is taken off by itself, less when a code has to be typed."""
    lift_by_channel: dict[str, float] = Field(default_factory=dict)
    """Lift of a channel where it differs from `assumed_lift`."""
    cost_per_message: dict[str, float] = Field(default_factory=lambda: {"email": 0.002, "sms": 0.05, "push": 0.0})
    """Cost of one message per channel, in the workspace's currency; for `sms` of one segment."""


class SmsConfig(_Strict):
    """How text messages are signed and counted."""

    signature: str = Field(default="", max_length=24)
    """Who they come from, as carriers have it registered: stands in 【】 before a Chinese text, before a colon else; the sender's name when empty."""
    country_code: str = Field(default="", pattern=r"^(\+[1-9][0-9]{0,2})?$")
    """Country of numbers that name none, such as +44; without it such people get no text message."""
    most_segments: int = Field(default=3, ge=1, le=6)
    """Longest message, in the segments that are paid for; deciding counts each message as that long."""
    reply_url: str = ""
    """Address at which the gateway delivers replies, as it calls it: its signature is over it."""


class ApprovalConfig(_Strict):
    """From which size on a text needs the approval of another person than its last editor; one of the two is enough."""

    people: int = Field(default=1_000, ge=0)
    """Persons reached."""
    budget: float = Field(default=500.0, ge=0)
    """Money spent on it, in the workspace's currency."""


class ShopConfig(_Strict):
    """The contents of `brandloom.toml`."""

    name: str = "My shop"
    currency: str = Field(default="EUR", pattern=r"^[A-Z]{3}$")
    timezone: str = "UTC"
    """Zone in which the shop writes times without a zone, and of recipients whose own is unknown."""
    language: Literal["en", "zh"] = "en"
    """Language of the shop's copy for a customer whose own is unknown."""
    jurisdictions: tuple[Literal["cn", "eu", "us", "uk"], ...] = ("cn", "eu")
    """Whose advertising and labelling rules the checks apply."""
    max_variants: int = Field(default=12, ge=1, le=200)
    """Most distinct texts of one campaign; people with a rarer mix of persona and products get the text of a larger one."""
    engine: Literal["duckdb", "spark"] = "duckdb"
    brand: str = Field(default="", max_length=40)
    """Brand of campaigns and briefs that name none; the only one there is when empty."""
    sender: SenderConfig = SenderConfig()
    caps: CapConfig = CapConfig()
    economics: EconomicsConfig = EconomicsConfig()
    sms: SmsConfig = SmsConfig()
    approval: ApprovalConfig = ApprovalConfig()

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("use an IANA name such as Europe/London or Asia/Shanghai")
        return value

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


@dataclass(frozen=True)
class Workspace:
    """An opened folder. Opening reads the configuration and the key; it opens no database."""

    path: Path
    config: ShopConfig
    _key: bytes

    def __repr__(self) -> str:
        return f"Workspace({str(self.path)!r})"

    @property
    def warehouse(self) -> Path:
        """The analytical tables (DuckDB file, or folder of Parquet on Spark)."""
        return self.path / ("warehouse.duckdb" if self.config.engine == "duckdb" else "warehouse")

    @property
    def ledger_url(self) -> str:
        return f"sqlite:///{self.path / 'ledger.sqlite'}"

    @property
    def models(self) -> Path:
        return self.folder("models")

    @property
    def rejects(self) -> Path:
        return self.folder("rejects")

    @property
    def brands(self) -> Path:
        """The brand kits, one YAML file each, with their logos."""
        return self.folder("brands")

    def folder(self, name: str) -> Path:
        """A sub-folder, made when first asked for."""
        place = self.path / name
        place.mkdir(exist_ok=True)
        return place

    def derive_key(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose ('pseudonym', 'vault', 'audit', 'links', 'clicks', 'push'), from the workspace's master key."""
        return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=f"brandloom:{purpose}".encode()).derive(self._key)


def create_workspace(path: Path, config: ShopConfig | None = None) -> Workspace:
    """Make a workspace: its folder, a commented `brandloom.toml` and a new key that only its owner can read.

    Raises:
        ConfigError: the folder holds a workspace already, or files that are not one.
    """
    path = path.resolve()
    if (path / CONFIG_NAME).exists():
        raise ConfigError(_("{path} is a workspace already. Use it as it is, or choose another folder."), path=path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ConfigError(_("{path} is not an empty folder. Choose a new or an empty one."), path=path)
    path.mkdir(parents=True, exist_ok=True)
    handle = os.open(path / KEY_NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_bytes(32))
    (path / CONFIG_NAME).write_text(_as_toml(config or ShopConfig()), encoding="utf-8")
    return open_workspace(path)


def open_workspace(path: Path) -> Workspace:
    """Open an existing workspace.

    Raises:
        ConfigError: no workspace there, a configuration that does not parse (left as it is), or a missing key.
    """
    path = path.resolve()
    file = path / CONFIG_NAME
    if not file.is_file():
        raise ConfigError(_("{path} is not a workspace: it has no brandloom.toml. Make one with `brandloom init {path}`."),
                          path=path)
    key = path / KEY_NAME
    if not key.is_file() or len(key.read_bytes()) != 32:
        raise ConfigError(_("{path} has no valid workspace.key: nothing can be read without it. Restore it from a backup."),
                          path=path)
    return Workspace(path, _read_config(file), key.read_bytes())


def _read_config(file: Path) -> ShopConfig:
    try:
        return ShopConfig.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_("{path} is not valid TOML: {reason}. Mend that line; the file was left as it is."),
                          path=file, reason=error) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        allowed = ", ".join(ShopConfig.model_fields)
        raise ConfigError(_("{path}: '{where}' cannot be used: {reason}. Known top-level keys: {allowed}."),
                          path=file, where=where, reason=first["msg"], allowed=allowed) from error


def _as_toml(config: ShopConfig) -> str:
    """Write a configuration as TOML: plain values first, then a section per group."""
    lines, sections = [], []
    for name, value in config.model_dump(mode="json").items():
        if isinstance(value, dict):
            sections.append(f"\n[{name}]\n" + "\n".join(f"{key} = {_toml_value(item)}" for key, item in value.items()))
        else:
            lines.append(f"{name} = {_toml_value(value)}")
    return "\n".join(lines + sections) + "\n"


def _toml_value(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    if isinstance(value, str):
        escaped = "".join(f"\\u{ord(c):04x}" if ord(c) < 32 or c in '"\\' else c for c in value)
        return f'"{escaped}"'
    return str(value).lower() if isinstance(value, bool) else str(value)
