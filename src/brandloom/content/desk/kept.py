"""Copy on its way to the desk: what `brandloom write` gave, read strictly."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from brandloom.content.checks import Finding
from brandloom.content.desk.book import STATES, Piece, Version
from brandloom.content.strict import read_json
from brandloom.content.studio import Asked, Draft, Written, read_asked
from brandloom.content.studio.gate import Copy
from brandloom.errors import DataError, StateError
from brandloom.i18n import _, say

MOST_BYTES = 5_000_000
MOST_VARIANTS = 100
ORIGINS = ("model", "repaired", "plain")


@dataclass(frozen=True)
class Wording:
    """One wording, and where it comes from."""

    parts: Copy
    origin: str
    angle: str
    model: str | None = None
    told: tuple[Finding, ...] = ()
    """What is known to be wrong with it besides what the gate finds."""


@dataclass(frozen=True)
class Kept:
    """Wordings of one brief."""

    asked: Asked
    name: str
    """What a person calls them by: the product, or the format."""
    wordings: tuple[Wording, ...]


def from_written(written: Written) -> Kept:
    """What the studio has just written."""
    wordings = tuple(Wording(draft.copy, draft.source, draft.angle, None if draft.source == "plain" else written.model)
                     for draft in written.drafts)
    return Kept(written.asked, title(written.asked), wordings)


def to_written(piece: Piece, versions: Sequence[Version]) -> Written:
    """An approved text as the studio hands copy on: what a model had a part in counts as the model's, whoever edited it since.

    Raises:
        StateError: it is not approved, or is a plan's text, which `launch` sends with its marks.
    """
    if piece.campaign is not None:
        raise StateError(_("Text {piece} belongs to plan {plan}, which sends it with its marks. Export texts of `brandloom write` alone."),
                         piece=piece.id, plan=piece.campaign.plan)
    if piece.state != "approved":
        raise StateError(_("Text {piece} is in the state '{state}', and only approved texts leave the desk. See `brandloom copy approve`."),
                         piece=piece.id, state=say(STATES[piece.state]))
    by_number = {one.number: one for one in versions}
    line = [by_number[piece.version]]
    while line[-1].base in by_number:
        line.append(by_number[line[-1].base])
    generated = next((one for one in line if one.origin not in {"plain", "edit"}), None)
    draft = Draft(piece.angle, line[0].parts, "plain" if generated is None else "repaired" if len(line) > 1 else "model",
                  cautions=tuple(item for item in line[0].findings if not item.blocks), rejected=(), coverage=None,
                  model=None if generated is None else generated.model)
    return Written(piece.asked, piece.asked.form, (draft,), draft.model)


def read_kept(text: str, *, source: str) -> Kept:
    """Read what `brandloom write` gave.

    Args:
        text: its JSON.
        source: its name for messages.
    Raises:
        DataError: no such JSON, or none with a brief and variants in it.
        ConfigError: the brief contradicts itself or the catalogue.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise DataError(_("{file} is larger than {limit} MB; keep the variants of one brief at a time."), file=source,
                        limit=MOST_BYTES // 1_000_000)
    found = read_json(text, source=source)
    variants = found.get("variants") if isinstance(found, dict) else None
    if not isinstance(variants, list) or not variants or not isinstance(found.get("brief"), dict):
        raise DataError(_("{file} holds no variants with their brief. Make it with `brandloom write brief.json --out {file}`."), file=source)
    if len(variants) > MOST_VARIANTS:
        raise DataError(_("{file} holds {count} variants; at most {most} are kept at a time."), file=source, count=len(variants),
                        most=MOST_VARIANTS)
    # The brief was filled from the brand's kit when the text was written.
    asked = read_asked(json.dumps(found["brief"], ensure_ascii=False), source=source, brands=lambda _name: None)
    model = found["model"] if isinstance(found.get("model"), str) else None
    return Kept(asked, title(asked), tuple(_wording(number, item, model, source) for number, item in enumerate(variants, start=1)))


def title(asked: Asked) -> str:
    """What a person calls the text by."""
    return "".join(letter for letter in next(iter(asked.names), "") if letter.isprintable())[:200] or asked.form.name


def read_edit(text: str, *, source: str) -> tuple[dict[str, Any], int | None]:
    """An edited text: its parts alone, or with the version they were made from, as `brandloom copy show --json` writes them.

    Raises:
        DataError: no such JSON.
    """
    found = read_json(text, source=source)
    parts = found.get("parts", found) if isinstance(found, dict) else None
    base = found.get("version") if isinstance(found, dict) and "parts" in found else None
    return require_parts(parts, source), base if isinstance(base, int) else None


def require_parts(parts: object, source: str) -> dict[str, Any]:
    """Parts with texts, or lists of texts, that can be written to a file.

    Raises:
        DataError: they are something else.
    """
    if not isinstance(parts, Mapping) or not parts or not all(isinstance(name, str) and _is_text(value) for name, value in parts.items()):
        raise DataError(_("{file} holds no parts of a text. Edit what `brandloom copy show DIR ID --json` writes."), file=source)
    return dict(parts)


def _wording(number: int, item: object, model: str | None, source: str) -> Wording:
    parts = item.get("parts") if isinstance(item, Mapping) else None
    if not isinstance(item, Mapping) or not isinstance(parts, Mapping) or not parts or not all(map(_is_text, parts.values())):
        raise DataError(_("{file}, variant {number}: no parts with texts. Keep the file as `brandloom write` made it."), file=source, number=number)
    origin = item.get("source") if item.get("source") in ORIGINS else "model"
    angle = item.get("angle")
    return Wording(dict(parts), str(origin), angle[:64] if isinstance(angle, str) else "", None if origin == "plain" else model)


def _is_text(value: object) -> bool:
    texts = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return all(isinstance(one, str) and not re.search("[\ud800-\udfff]", one) for one in texts)
