"""Command that reads the AI marks of a file of copy and says what they prove."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from brandloom.errors import DataError
from brandloom.i18n import _, say
from brandloom.terminal import command, opened, out

if TYPE_CHECKING:
    from brandloom.content import studio

_PROOF = {
    "genuine": _("made by this workspace, unchanged"),
    "unchanged": _("unchanged; no workspace stands behind it"),
    "unknown": _("sealed by a workspace; give it with --workspace"),
    "changed": _("changed, or sealed by another workspace"),
    "none": _("no AI mark"),
}


def register(app: typer.Typer) -> None:
    """Add `check-label` to the program."""
    command(app, "check-label", _("Read the AI marks of a file that `brandloom write` made, and say whether texts and marks are unchanged."),
            "brandloom check-label copy.html --workspace my-shop")(check_label)


def check_label(file: Annotated[Path, typer.Argument(metavar="FILE", help=say("A JSON, Markdown, HTML, CSV or text file of copy."))],
                workspace: Annotated[Path | None, typer.Option(metavar="DIR", show_default=False, help=say(
                    "The workspace that it was written for: proves who made it, and finds its record in the audit chain."))] = None,
                as_json: Annotated[bool, typer.Option("--json", help=say("Print JSON for programs."))] = False) -> None:
    from brandloom.content import studio
    kind = studio.kind_of(file)
    with opened(file) as lines:
        pieces = studio.read_export(lines.read(), kind)
    rows = [_row(piece, studio.check_seal(piece, None), None) for piece in pieces] if workspace is None else _proven(pieces, workspace)
    if as_json:
        sys.stdout.write(json.dumps(rows, ensure_ascii=False, indent=2) + "\n")
    else:
        table = Table(say(_("Text")), say(_("Mark")), say(_("Producer")), "ProduceID", say(_("Proof")), say(_("In the audit chain")))
        for row in rows:
            table.add_row(row["text"], row["visible"], row["producer"], row["produce_id"], say(_PROOF[row["seal"]]),
                          {True: "✓", False: "–", None: ""}[row["recorded"]])
        out.print(table)
    if any(row["seal"] == "changed" for row in rows):
        raise DataError(_("{file}: a text or its mark was changed, or another workspace made it."), file=file.name)


def _proven(pieces: list[studio.Piece], directory: Path) -> list[dict[str, Any]]:
    """What the workspace's key and its audit chain prove."""
    from brandloom.content import studio
    from brandloom.govern import Audit
    from brandloom.ledger import open_ledger
    from brandloom.settings import read_settings
    from brandloom.workspace import open_workspace
    shop = open_workspace(directory)
    ledger = open_ledger(shop, read_settings())
    try:
        if (broken := Audit(ledger, shop.derive_key("audit")).verify()) is not None:
            raise DataError(_("The audit chain of {path} is broken at record {number}: it proves nothing."), path=shop.path, number=broken)
        return [_row(piece, studio.check_seal(piece, shop.derive_key("label")), studio.has_record(piece, ledger)) for piece in pieces]
    finally:
        ledger.close()


def _row(piece: studio.Piece, seal: studio.Seal, recorded: bool | None) -> dict[str, Any]:
    first = " ".join(piece.text.split())
    label = None if piece.mark is None else piece.mark.label
    return {"text": first if len(first) <= 40 else f"{first[:39]}…", "visible": piece.mark.visible if piece.mark else "",
            "producer": label.content_producer if label else "", "produce_id": label.produce_id if label else "", "seal": seal,
            "recorded": recorded if label else None}
