"""Command that shows one customer."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from brandloom.i18n import _, language, say
from brandloom.terminal import command, day, out


def register(group: typer.Typer) -> None:
    """Add `show` to the `customers` group."""
    command(group, "show", _("Show all that is known about one customer: purchases, habits, segments, what is expected, and what is not known."),
            "brandloom customers show my-shop 17850")(show)


def show(directory: Annotated[Path, typer.Argument(metavar="DIR", help=say("The workspace's folder."), show_default=False)],
         customer: Annotated[str, typer.Argument(metavar="ID", show_default=False, help=say("A customer's id in the shop, or the pseudonym."))],
         as_of: Annotated[str | None, typer.Option("--as-of", metavar="DATE", show_default=False, help=say(
             "Use nothing later than this day (2011-11-09); the day after the last event when absent."))] = None,
         as_json: Annotated[bool, typer.Option("--json", help=say("Print JSON for programs."))] = False) -> None:
    from brandloom.campaigns import open_shop
    from brandloom.campaigns.person import lines_of, show_customer
    with open_shop(directory) as shop:
        shown, currency = show_customer(shop, customer, day(as_of)), shop.workspace.config.currency
    if as_json:
        sys.stdout.write(json.dumps(shown.to_dict(), ensure_ascii=False, indent=2, default=str) + "\n")
        return
    for title, rows in lines_of(shown, currency, language()):
        table = Table(title=title, title_justify="left", show_header=False)
        table.add_column(style="bold", overflow="fold")
        table.add_column(overflow="fold")
        for row in rows:
            table.add_row(*row)
        out.print(table)
