"""The brands of a workspace: which there are, which one is meant, and learning one from files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

from brandloom.content.brand.corpus import Corpus, read_corpus
from brandloom.content.brand.kit import NAME, BrandKit, read_kit, write_kit
from brandloom.content.brand.learn import Learned, learn_kit
from brandloom.content.brand.look import look
from brandloom.errors import ConfigError
from brandloom.i18n import _
from brandloom.workspace import SenderConfig, Workspace


def brand_names(workspace: Workspace) -> list[str]:
    """Names of the brands, in order."""
    return sorted(path.stem for path in workspace.brands.glob("*.yaml"))


def brand_path(workspace: Workspace, name: str) -> Path:
    """Where the kit of a brand lies, whether it is there or not.

    Raises:
        ConfigError: the name is none that a file can have.
    """
    if not NAME.fullmatch(name):
        raise ConfigError(_("'{name}' cannot be a brand's name. Use letters, digits, - and _, at most 40."), name=name)
    return workspace.brands / f"{name}.yaml"


def default_brand(workspace: Workspace) -> str | None:
    """The brand that is meant where none is named: that of `brandloom.toml`, or the only one; None without one.

    Raises:
        ConfigError: several brands and no default, or a default that is not there.
    """
    names = brand_names(workspace)
    if workspace.config.brand:
        if workspace.config.brand not in names:
            raise ConfigError(_("brandloom.toml: there is no brand '{name}'. Brands here: {names}."), name=workspace.config.brand,
                              names=", ".join(names) or "-")
        return workspace.config.brand
    if len(names) > 1:
        raise ConfigError(_("There are several brands here: {names}. Name one, or set `brand` in brandloom.toml."), names=", ".join(names))
    return names[0] if names else None


def open_brand(workspace: Workspace, name: str | None = None) -> BrandKit:
    """Read the kit of a brand, or of the default one.

    Raises:
        ConfigError: no such brand, several and no default, or a kit that cannot be used.
    """
    name = name or default_brand(workspace)
    if name is None:
        raise ConfigError(_("No brand here yet. Make one with `brandloom brand learn {path} FILE...`."), path=workspace.path)
    path = brand_path(workspace, name)
    if not path.is_file():
        raise ConfigError(_("There is no brand '{name}' here. Brands: {names}."), name=name, names=", ".join(brand_names(workspace)) or "-")
    return read_kit(path)


def speaking_brand(workspace: Workspace, name: str = "") -> BrandKit | None:
    """The kit of the brand that speaks in a campaign; None in a workspace without one."""
    named = name or default_brand(workspace)
    return open_brand(workspace, named) if named else None


def brand_seal(kit: BrandKit | None, workspace: Workspace) -> str:
    """Changes with anything in the kit that a reader sees; '' without one."""
    if kit is None:
        return ""
    picture = look(kit, workspace.brands, language="en").picture
    return blake2b(kit.model_dump_json().encode() + (picture.data if picture else b""), digest_size=16).hexdigest()


def learn_brand(workspace: Workspace, files: Sequence[Path], name: str | None = None) -> tuple[Learned, Corpus]:
    """Learn a brand's voice from files and folders, and write its kit.

    Raises:
        ConfigError: several brands and none named; a kit that cannot be used.
        DataError: no text in the files.
    """
    chosen = name or workspace.config.brand or default_brand(workspace) or _slug(workspace.config.name)
    path = brand_path(workspace, chosen)
    before = read_kit(path) if path.is_file() else BrandKit(name=chosen)
    corpus = read_corpus(files)
    learned = learn_kit(before, corpus.texts)
    write_kit(learned.kit, path)
    return learned, corpus


def brand_sender(kit: BrandKit, shop: SenderConfig) -> SenderConfig:
    """The shop's sender with what the brand says of its own."""
    own = {"name": kit.sender.name, "email": kit.sender.email, "website": kit.sender.website, "postal_address": kit.postal_address}
    return shop.model_copy(update={key: value for key, value in own.items() if value})


def _slug(name: str) -> str:
    plain = re.sub(r"\W+", "-", name.lower()).strip("-_")[:40].strip("-_")
    return plain if NAME.fullmatch(plain) else "brand"
