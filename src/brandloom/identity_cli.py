"""Commands for customers who are one person: find them, list and undo merges, merge two by hand."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from brandloom.i18n import _, say
from brandloom.terminal import command, out, user

Dir = Annotated[Path, typer.Argument(metavar="DIR", help=say("The workspace's folder."), show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help=say("Print JSON for programs."))]
By = Annotated[str | None, typer.Option("--by", metavar="NAME", show_default=False, help=say("Who decides; this machine's user when absent."))]
Id = Annotated[str, typer.Argument(metavar="ID", show_default=False, help=say("A customer's id in the shop, or the pseudonym."))]

WHY = {"names_differ": _("names differ"), "undone": _("unmerged before"), "chain": _("too many ids in a chain"), "unsure": _("not sure"),
       "many": _("on too many ids"), "role": _("mailbox of a post"), "placeholder": _("placeholder")}


def register(group: typer.Typer) -> None:
    """Add these commands to the `customers` group."""
    commands: tuple[tuple[str, str, str, Callable[..., None]], ...] = (
        ("match", _("Find ids that are one person and merge them, by exact keys and, when asked, by probability."),
         "brandloom customers match my-shop --probable --dry-run", match),
        ("merges", _("List the merges, who made them and by what."), "brandloom customers merges my-shop", merges),
        ("unmerge", _("Undo a merge; both ids are again what they were without it."),
         "brandloom customers unmerge my-shop 12 --by 'Ana Lopez'", unmerge),
        ("merge", _("Merge two ids by hand."), "brandloom customers merge my-shop 17850 18014 --by 'Ana Lopez'", merge))
    for name, what, example, function in commands:
        command(group, name, what, example)(function)


def match(directory: Dir,
          probable: Annotated[bool, typer.Option("--probable", help=say(
              "Also by probability, from names, addresses, birthdays (needs splink)."))] = False,
          dry_run: Annotated[bool, typer.Option("--dry-run", help=say("Show what would be merged, but change nothing."))] = False,
          by: By = None, as_json: AsJson = False) -> None:
    from brandloom.govern import lay_persons
    from brandloom.govern.identity import find_matches, record
    with _shop(directory) as shop:
        code = shop.workspace.config.sms.country_code.removeprefix("+")
        found = find_matches(shop.ledger, shop.vault, probable=probable, calling_code=code)
        if not dry_run:
            record(shop.ledger, shop.audit, found.matches, by=by or user(), now=shop.clock())
            lay_persons(shop.engine, shop.ledger)
    rules = Counter(one.rule for one in found.matches)
    rows = [(say(_("Ids with personal data")), f"{found.ids:,}"),
            (say(_("Would be merged")) if dry_run else say(_("Merged")), f"{len(found.matches):,}"),
            *((f"  {rule}", f"{count:,}") for rule, count in rules.most_common())]
    if probable:
        rows.append((say(_("Expected to be wrong")), f"{found.expected_false:.1f}"))
    rows += [(say(_("To be decided by a person")), f"{len(found.review):,}"),
             *((f"  {say(WHY[why])}", f"{count:,}") for why, count in Counter(one.why for one in found.review).most_common()),
             (say(_("Keys set aside")), f"{len(found.set_aside):,}"),
             *((f"  {kind}, {say(WHY[why])}", f"{count:,}")
               for (kind, why), count in Counter((one.kind, one.why) for one in found.set_aside).most_common())]
    _print({"dry_run": dry_run, **asdict(found)}, as_json, rows)


def merges(directory: Dir, as_json: AsJson = False) -> None:
    from brandloom.govern.identity import list_merges
    with _shop(directory) as shop:
        found = list_merges(shop.ledger)
    table = Table(Column(say(_("Merge")), justify="right"), say(_("Customer")), say(_("Other id")), say(_("By what")),
                  Column(say(_("Probability")), justify="right"), say(_("Who")), say(_("When (UTC)")), say(_("Undone by")))
    for one in found:
        probability = "" if one.probability is None else f"{one.probability:.3f}"
        table.add_row(str(one.id), one.customer, one.other, one.rule, probability, one.by, f"{one.at:%Y-%m-%d %H:%M}", one.undone_by or "")
    _print([asdict(one) for one in found], as_json, table if found else [
        (say(_("Merges")), say(_("None. Find some with `brandloom customers match`.")))])


def unmerge(directory: Dir, number: Annotated[int, typer.Argument(metavar="MERGE", show_default=False, help=say("The merge's number."))],
            by: By = None, as_json: AsJson = False) -> None:
    from brandloom.govern import lay_persons
    from brandloom.govern.identity import undo
    with _shop(directory) as shop:
        done = undo(shop.ledger, shop.audit, number, by=by or user(), now=shop.clock())
        lay_persons(shop.engine, shop.ledger)
    rows = [(say(_("Undone")), str(number)), (say(_("Customer")), done.merge.customer), (say(_("Other id")), done.merge.other)]
    if done.still_joined:
        rows.append((say(_("Still one person by")), ", ".join(map(str, done.still_joined))))
    _print(asdict(done), as_json, rows)


def merge(directory: Dir, one: Id, other: Id, by: By = None, as_json: AsJson = False) -> None:
    from brandloom.campaigns.person import find_customer
    from brandloom.govern import lay_persons
    from brandloom.govern.identity import Match, record
    with _shop(directory) as shop:
        match = Match(find_customer(shop, one), find_customer(shop, other), "manual")
        made = record(shop.ledger, shop.audit, [match], by=by or user(), now=shop.clock())[0]
        lay_persons(shop.engine, shop.ledger)
    _print(asdict(made), as_json, [(say(_("Merge")), str(made.id)), (say(_("Customer")), made.customer), (say(_("Other id")), made.other)])


def _shop(directory: Path) -> Any:
    from brandloom.campaigns import open_shop
    return open_shop(directory)


def _print(data: object, as_json: bool, view: Table | list[tuple[str, str]]) -> None:
    if as_json:
        sys.stdout.write(json.dumps(data, ensure_ascii=False, indent=2, default=str) + "\n")
        return
    if isinstance(view, list):
        rows, view = view, Table(show_header=False)
        view.add_column(style="bold", overflow="fold")
        view.add_column(overflow="fold")
        for row in rows:
            view.add_row(*row)
    out.print(view)
