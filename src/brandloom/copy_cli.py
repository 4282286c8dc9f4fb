"""Command that checks a file of copy, without a workspace."""

from __future__ import annotations

import json
import sys
from collections import Counter
from contextlib import nullcontext
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from brandloom.i18n import _, say
from brandloom.terminal import command, err, opened


def register(app: typer.Typer) -> None:
    """Add `check-copy` to the program."""
    command(app, "check-copy", _("Check copy against advertising law, and against the facts a line brings. Reads and writes JSON lines."),
            "brandloom check-copy copy.jsonl --lang zh --sector food --out checked.jsonl")(check_copy)


def check_copy(file: Annotated[Path, typer.Argument(metavar="FILE", allow_dash=True, help=say(
                   "JSON lines with id and text, and facts, sector and lang where they are known; - reads standard input."))],
               lang: Annotated[str | None, typer.Option(metavar="LANG", show_default=False, help=say(
                   "Language of the texts, zh or en; seen from each text when absent."))] = None,
               sector: Annotated[str | None, typer.Option(metavar="NAME", show_default=False, help=say(
                   "What is advertised: food, medical, education, finance, realestate and others."))] = None,
               jurisdiction: Annotated[str | None, typer.Option(metavar="NAME", show_default=False, help=say(
                   "Law to check against: cn, eu, uk or us; by language when absent."))] = None,
               reasons: Annotated[str | None, typer.Option("--language", metavar="LANG", show_default=False, help=say(
                   "Language of the reasons, zh or en; that of each text when absent."))] = None,
               target: Annotated[Path | None, typer.Option("--out", metavar="FILE", show_default=False, help=say(
                   "Write the results to this file instead of standard output."))] = None) -> None:
    from brandloom import content
    counts: Counter[str] = Counter()
    with opened(file) as lines, (target.open("w", encoding="utf-8") if target else nullcontext(sys.stdout)) as sink:
        for row in content.check_copy(lines, language=lang, sector=sector, jurisdiction=jurisdiction, reasons_in=reasons,
                                      today=date.today()):  # noqa: DTZ011 - a shop's day is that of its clock
            sink.write(json.dumps(row, ensure_ascii=False) + "\n")
            counts[row["verdict"]] += 1
    err.print(say(_("{passed} passed, {proof} need proof, {blocked} blocked."), passed=counts["pass"], proof=counts["needs_proof"],
                  blocked=counts["block"]), highlight=False)
