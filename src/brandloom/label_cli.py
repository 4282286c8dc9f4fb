"""Command that reads the AI marks of a file and says what they prove."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from brandloom.errors import DataError
from brandloom.i18n import _, say
from brandloom.terminal import command, opened, out

if TYPE_CHECKING:
    from brandloom.content import studio
    from brandloom.content.marked import Marked

_PROOF = {
    "genuine": _("made by this workspace, unchanged"),
    "unchanged": _("unchanged; no workspace stands behind it"),
    "unknown": _("sealed by a workspace; give it with --workspace"),
    "unproven": _("a mark; the file does not show whether its text is unchanged"),
    "changed": _("changed, or sealed by another workspace"),
    "none": _("no AI mark"),
}


def register(app: typer.Typer) -> None:
    """Add `check-label` to the program."""
    command(app, "check-label", _("Read the AI marks of a file of copy, an article, a mail or an export of the desk, and say whether texts and marks "
                                  "are unchanged."), "brandloom check-label copy.html --workspace my-shop")(check_label)


def check_label(file: Annotated[Path, typer.Argument(metavar="FILE", help=say(
                    "A JSON, Markdown, HTML, CSV or text file of copy, an article, a mail (.eml) or preference pairs (.jsonl)."))],
                workspace: Annotated[Path | None, typer.Option(metavar="DIR", show_default=False, help=say(
                    "The workspace that it was written for: proves who made it, and finds its record in the audit chain."))] = None,
                as_json: Annotated[bool, typer.Option("--json", help=say("Print JSON for programs."))] = False) -> None:
    from brandloom.content.marked import WHATS, read_marked
    with opened(file) as lines:
        found = read_marked(lines.read(), file)
    rows = [_row(found, piece, _seal(found, piece, None), None) for piece in found.pieces] if workspace is None else _proven(found, workspace)
    if as_json:
        sys.stdout.write(json.dumps(rows, ensure_ascii=False, indent=2) + "\n")
    else:
        table = Table(say(_("Text")), say(_("Mark")), say(_("Producer")), "ProduceID", say(_("Proof")), say(_("In the audit chain")),
                      title=Text(f"{file.name}: {say(WHATS[found.what])}"))
        for row in rows:
            table.add_row(row["text"], row["visible"], row["producer"], row["produce_id"], say(_PROOF[row["seal"]]),
                          {True: "✓", False: "–", None: ""}[row["recorded"]])
        out.print(table)
    if any(row["seal"] == "changed" for row in rows):
        raise DataError(_("{file}: a text or its mark was changed, or another workspace made it."), file=file.name)


def _proven(found: Marked, directory: Path) -> list[dict[str, Any]]:
    """What the workspace's key and its audit chain prove."""
    from brandloom.content import studio
    from brandloom.content.marked import proves
    from brandloom.govern import Audit
    from brandloom.ledger import open_ledger
    from brandloom.settings import read_settings
    from brandloom.workspace import open_workspace
    shop = open_workspace(directory)
    ledger, key, rows = open_ledger(shop, read_settings()), shop.derive_key("label"), []
    try:
        if (broken := Audit(ledger, shop.derive_key("audit")).verify()) is not None:
            raise DataError(_("The audit chain of {path} is broken at record {number}: it proves nothing."), path=shop.path, number=broken)
        for piece in found.pieces:
            proof, recorded = (proves(piece, ledger, key), None) if found.what == "mail" else (None, studio.has_record(piece, ledger))
            if found.what == "article" and not found.whole and piece.mark is not None:
                recorded = studio.has_id(piece.mark.label.produce_id, ledger)
            rows.append(_row(found, piece, _seal(found, piece, key) if proof is None else "genuine" if proof else "changed", recorded))
        return rows
    finally:
        ledger.close()


def _seal(found: Marked, piece: studio.Piece, key: bytes | None) -> str:
    from brandloom.content import studio
    return "unproven" if piece.mark is not None and not found.whole else studio.check_seal(piece, key)


def _row(found: Marked, piece: studio.Piece, seal: str, recorded: bool | None) -> dict[str, Any]:
    first = " ".join(piece.text.split())
    label = None if piece.mark is None else piece.mark.label
    return {"what": found.what, "text": first if len(first) <= 40 else f"{first[:39]}…", "visible": piece.mark.visible if piece.mark else "",
            "producer": label.content_producer if label else "", "produce_id": label.produce_id if label else "", "seal": seal,
            "recorded": recorded if label else None}
