"""Commands for copy without a workspace: check a file of it, write it from a brief."""

from __future__ import annotations

import json
import sys
from collections import Counter
from contextlib import nullcontext
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from brandloom.errors import ConfigError
from brandloom.i18n import _, say
from brandloom.terminal import bars, command, err, opened

if TYPE_CHECKING:
    from brandloom.content import studio
    from brandloom.settings import Settings


def register(app: typer.Typer) -> None:
    """Add `check-copy` and `write` to the program."""
    command(app, "check-copy", _("Check copy against advertising law, and against the facts a line brings. Reads and writes JSON lines."),
            "brandloom check-copy copy.jsonl --lang zh --sector food --out checked.jsonl")(check_copy)
    command(app, "write", _("Write copy in any format: several variants, each from another angle, each checked. Reads and writes JSON."),
            "brandloom write brief.json -n 3")(write)


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


def write(file: Annotated[Path, typer.Argument(metavar="BRIEF", allow_dash=True, help=say(
              "JSON with lang, format, products, and persona, voice, limits, must_say, must_not_say where wanted; - reads standard input."))],
          model: Annotated[str | None, typer.Option(metavar="NAME", show_default=False, help=say(
              "Model to write with, see `brandloom models list`; none puts the facts in order without one."))] = None,
          variants: Annotated[int, typer.Option("-n", min=1, max=20, help=say("How many variants."))] = 3,
          most_calls: Annotated[int | None, typer.Option("--max-calls", min=0, show_default=False, help=say(
              "Call the model at most so often; plain copy stands in for the rest."))] = None,
          workspace: Annotated[Path | None, typer.Option(metavar="DIR", show_default=False, help=say(
              "Workspace whose brand kits and desk fill in the voice that the brief leaves open."))] = None,
          target: Annotated[Path | None, typer.Option("--out", metavar="FILE", show_default=False, help=say(
              "Write the result to this file instead of standard output."))] = None) -> None:
    from brandloom import llm
    from brandloom.content import studio
    from brandloom.settings import read_settings
    with opened(file) as lines:
        asked = studio.read_asked(lines.read(), source=say(_("standard input")) if str(file) == "-" else file.name, brands=_brands(workspace))
    settings = read_settings()
    if workspace is not None:
        asked = _taught(workspace, settings, asked)
    chosen = None if model == "none" else llm.open_model(settings.model_copy(update={"model_name": model}) if model else settings)
    with chosen or nullcontext(), bars() as progress:
        written = studio.write_copy(chosen, asked, variants=variants, most_calls=most_calls,
                                    progress=lambda done, total: progress(_("Writing"), done / total))
    text = json.dumps(written.to_dict(), ensure_ascii=False, indent=2) + "\n"
    if target is None:
        sys.stdout.write(text)
    else:
        target.write_text(text, encoding="utf-8")
    if written.stopped:
        raise ConfigError(_("The model stopped early; what was written until then is kept. {reason}"), reason=written.stopped)


def _taught(workspace: Path, settings: Settings, asked: studio.Asked) -> studio.Asked:
    """The brief with what people's edits on the workspace's desk have taught."""
    from brandloom.content import desk
    from brandloom.ledger import open_ledger
    from brandloom.workspace import open_workspace
    opened_at = open_workspace(workspace)
    ledger = open_ledger(opened_at, settings)
    try:
        return desk.taught(ledger, asked, brand=asked.brand or opened_at.config.name)
    finally:
        ledger.close()


def _brands(workspace: Path | None) -> studio.Brands | None:
    """The brand kits of a workspace by name; '' is the default one, which need not be there."""
    if workspace is None:
        return None
    from brandloom.content import brand
    from brandloom.workspace import open_workspace
    opened_at = open_workspace(workspace)
    return lambda name: brand.open_brand(opened_at, name) if name or brand.default_brand(opened_at) else None
