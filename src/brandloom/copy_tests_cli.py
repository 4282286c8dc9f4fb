"""Command for a shop's own tests of copy: learn from them which texts get clicks."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from brandloom.errors import ConfigError
from brandloom.i18n import _, say
from brandloom.terminal import bars, command, out

if TYPE_CHECKING:
    from brandloom.content.response import ResponseCard


def register(app: typer.Typer) -> None:
    """Add `copy-tests learn` to the program."""
    group = typer.Typer(help=say("The shop's own tests of copy: what they teach about the next text."), no_args_is_help=True)
    app.add_typer(group, name="copy-tests")

    @group.callback()
    def _group() -> None:
        """A group even while it has one command."""
    command(group, "learn", _("Learn from tests which copy gets clicks, and judge it on tests it has not seen."),
            "brandloom copy-tests learn tests.csv --out scorer")(learn)


def learn(file: Annotated[Path, typer.Argument(metavar="FILE", help=say(
              "CSV, TSV, JSONL, Parquet or XLSX with one row per text of a test: test, text, impressions, clicks."))],
          target: Annotated[Path, typer.Option("--out", metavar="FOLDER", help=say("Folder for what is learned, for `brandloom write --scorer`."))],
          mapping: Annotated[list[str] | None, typer.Option("--map", metavar="NAME=COLUMN", show_default=False, help=say(
              "Which of the file's columns holds what, where the names do not tell."))] = None,
          encoder: Annotated[bool, typer.Option("--encoder", help=say(
              "Read English texts with a text encoder too (84 MB, fetched once): picks more winners."))] = False,
          alone: Annotated[bool, typer.Option("--alone", help=say(
              "Learn from this file alone, not beginning from the scorer that comes with Brandloom."))] = False,
          as_json: Annotated[bool, typer.Option("--json", help=say("Print JSON for programs."))] = False) -> None:
    from brandloom.content.response import learn_from, read_tests
    from brandloom.settings import read_settings
    tests = read_tests(file, _pairs(mapping or []))
    with bars() as progress:
        stage = _("Learning")
        progress(stage, 0.0)
        model = learn_from(tests, read_settings().cache, encoder=encoder, alone=alone)
        progress(stage, 1.0)
    try:
        model.save(target)
    except OSError as error:
        raise ConfigError(_("{path} cannot be written: {reason}. Choose another place."), path=target, reason=error.strerror or error) from error
    if as_json:
        sys.stdout.write(json.dumps({"folder": str(target), **asdict(model.card)}, ensure_ascii=False, indent=2) + "\n")
        return
    table = Table(title=say(_("Learned")), show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in _lines(model.card):
        table.add_row(name, value)
    out.print(table)
    out.print(say(_("Wrote {path}."), path=target), markup=False, highlight=False, soft_wrap=True)


def _lines(card: ResponseCard) -> list[tuple[str, str]]:
    from brandloom.content.response import REASONS
    lines = [(say(_("Tests")), f"{card.tests:,}"), (say(_("Texts")), f"{card.texts:,}"), (say(_("Impressions")), f"{card.impressions:,}"),
             (say(_("Clicks")), f"{card.clicks:,}")]
    if card.before is not None:
        lines.append((say(_("Began from")), say(_("the scorer that comes with Brandloom ({name})"), name=card.before)))
    if card.accuracy is not None:
        lines.append((say(_("Winners picked in tests not learned from")), say(
            _("{value:.1%} of {pairs:,} pairs (95 % interval {low:.1%} to {high:.1%}; a coin picks 50 %)"), value=card.accuracy.value,
            pairs=card.accuracy.pairs, low=card.accuracy.low, high=card.accuracy.high)))
    if card.reason is not None:
        lines.append((say(_("It knows nothing")), say(_("{reason} `brandloom write --scorer` will say so and rank without it."),
                                                      reason=say(REASONS[card.reason]))))
    return lines


def _pairs(items: list[str]) -> dict[str, str]:
    wrong = next((item for item in items if not all(part.strip() for part in item.split("=", 1)) or "=" not in item), None)
    if wrong is not None:
        raise ConfigError(_("--map {given} is not NAME=COLUMN. Example: --map customer=CustomerID"), given=wrong)
    return {name.strip(): column.strip() for name, column in (item.split("=", 1) for item in items)}
