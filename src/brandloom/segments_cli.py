"""Commands for segments that a marketer writes as rules: try one, save it, and keep who is in it up to date."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Column, Table

from brandloom.errors import ConfigError
from brandloom.i18n import _, language, say
from brandloom.terminal import command, out

if TYPE_CHECKING:
    from brandloom.campaigns import Shop
    from brandloom.customers.rules import Condition

Dir = Annotated[Path, typer.Argument(metavar="DIR", help=say("The workspace's folder."), show_default=False)]
RuleText = Annotated[str, typer.Argument(metavar="RULE", show_default=False, help=say(
    "A file that holds the rule as JSON or in words, the words themselves, or - for standard input."))]
Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False, help=say("The segment's name."))]
AsJson = Annotated[bool, typer.Option("--json", help=say("Print JSON for programs."))]
AsOf = Annotated[str | None, typer.Option("--as-of", metavar="DATE", show_default=False, help=say(
    "Use nothing that happened at or after this moment (2011-11-09, UTC); now when absent."))]


def register(app: typer.Typer) -> None:
    """Add the `segments` commands to the program."""
    group = typer.Typer(help=say("Segments written as rules, such as 'never ordered in the last 60 days'."), no_args_is_help=True)
    app.add_typer(group, name="segments")
    commands: tuple[tuple[str, str, str, Callable[..., None]], ...] = (
        ("eval", _("Evaluate a rule for everybody, without saving anything."),
         "brandloom segments eval my-shop 'never ordered in the last 60 days'", evaluate),
        ("size", _("Estimate a rule's size from a sample of customers, with a 95 % interval."),
         "brandloom segments size my-shop 'spent at least 100 in the last 90 days' --seed 7", size),
        ("save", _("Save a rule under a name; one of that name is replaced. Briefs and other rules may name it."),
         "brandloom segments save my-shop quiet 'never ordered in the last 60 days'", save),
        ("list", _("List the saved segments with their sizes when last updated."), "brandloom segments list my-shop", list_),
        ("delete", _("Delete a saved segment."), "brandloom segments delete my-shop quiet", delete),
        ("update", _("Bring the membership of all saved segments up to date: new events, and whom time alone moves."),
         "brandloom segments update my-shop", update),
        ("changes", _("List who entered and left the saved segments."), "brandloom segments changes my-shop --since 2011-11-09", changes))
    for name, what, example, function in commands:
        command(group, name, what, example)(function)


def evaluate(directory: Dir, rule: RuleText, as_of: AsOf = None, as_json: AsJson = False) -> None:
    from brandloom.customers import rules
    with _shop(directory) as shop:
        asked = _read(rule)
        found = rules.evaluate(shop.engine, rules.resolve(asked, _saved(shop)), _moment(shop, as_of))
    text = rules.print_rule(asked, language())
    data = {"rule": rules.rule_to_json(asked), "text": text, "as_of": found.as_of.isoformat(),
            "size": len(found.customers), "known": found.known, "customers": list(found.customers)}
    _print(data, as_json, [(say(_("Rule")), text), (say(_("As of")), f"{found.as_of} UTC"),
                           (say(_("Customers")), say(_("{size} of {known} ({share})"), size=f"{len(found.customers):,}", known=f"{found.known:,}",
                                                     share=f"{len(found.customers) / found.known:.1%}"))])


def size(directory: Dir, rule: RuleText, as_of: AsOf = None,
         n: Annotated[int, typer.Option("-n", min=100, max=1_000_000, help=say("Customers in the sample."))] = 10_000,
         seed: Annotated[int, typer.Option(help=say("Which sample is drawn; the same seed draws the same people."))] = 0,
         as_json: AsJson = False) -> None:
    from brandloom.customers import rules
    with _shop(directory) as shop:
        asked = rules.resolve(_read(rule), _saved(shop))
        found = rules.estimate_size(shop.engine, asked, _moment(shop, as_of), rules.draw_sample(shop.engine, n=n, seed=seed), seed=seed)
    _print({**asdict(found), "as_of": found.as_of.isoformat()}, as_json, [
        (say(_("About")), say(_("{size} customers"), size=f"{found.size:,}")),
        (say(_("95 % interval")), say(_("{low} to {high}"), low=f"{found.low:,}", high=f"{found.high:,}")),
        (say(_("Sample")), say(_("{n} of {known} customers, seed {seed}"), n=f"{found.n:,}", known=f"{found.known:,}", seed=seed))])


def save(directory: Dir, name: Name, rule: RuleText, as_json: AsJson = False) -> None:
    from brandloom.customers import rules
    with _shop(directory) as shop:
        asked = _read(rule)
        rules.save_rule(_folder(shop), name, asked)
    text = rules.print_rule(asked, language())
    _print({"name": name, "rule": rules.rule_to_json(asked), "text": text}, as_json, [(say(_("Saved")), name), (say(_("Rule")), text)])


def list_(directory: Dir, as_json: AsJson = False) -> None:
    from brandloom.customers import rules
    with _shop(directory) as shop:
        saved, sizes = _saved(shop), rules.sizes(shop.engine)
    rows = [{"name": name, "text": rules.print_rule(rule, language()), "size": sizes.get(name), "rule": rules.rule_to_json(rule)}
            for name, rule in saved.items()]
    table = Table(say(_("Name")), Column(say(_("Customers")), justify="right"), Column(say(_("Rule")), overflow="fold"))
    for row in rows:
        table.add_row(str(row["name"]), "–" if row["size"] is None else f"{row['size']:,}", str(row["text"]))
    _print(rows, as_json, table if rows else [(say(_("Segments")), say(_("None saved. Save one with `brandloom segments save`.")))])


def delete(directory: Dir, name: Name, as_json: AsJson = False) -> None:
    from brandloom.customers import rules
    with _shop(directory) as shop:
        rules.delete_rule(_folder(shop), name)
    _print({"deleted": name}, as_json, [(say(_("Deleted")), name)])


def update(directory: Dir, as_of: AsOf = None,
           everybody: Annotated[bool, typer.Option("--all", help=say("Evaluate everybody anew."))] = False, as_json: AsJson = False) -> None:
    from brandloom.campaigns.segments import update_segments
    with _shop(directory) as shop:
        done, sizes = update_segments(shop, _moment(shop, as_of), everybody=everybody)
    rows = [(say(_("As of")), f"{done.as_of} UTC"), (say(_("Evaluated")), f"{done.evaluated:,}"), (say(_("Entered")), f"{done.entered:,}"),
            (say(_("Left")), f"{done.left:,}"), *((name, f"{count:,}") for name, count in sizes.items())]
    _print({**asdict(done), "as_of": done.as_of.isoformat(), "sizes": sizes}, as_json, rows)


def changes(directory: Dir, since: Annotated[str, typer.Option(metavar="DATE", help=say("From this moment on (2011-11-09, UTC)."))],
            as_json: AsJson = False) -> None:
    from brandloom.customers import rules
    with _shop(directory) as shop:
        moves = rules.changes(shop.engine, since=_date(since))
    table = Table(say(_("When (UTC)")), say(_("Segment")), say(_("Customer")), say(_("What")))
    for one in moves:
        table.add_row(str(one["changed_at"]), str(one["segment"]), str(one["customer"]), say(_("entered")) if one["entered"] else say(_("left")))
    _print(moves, as_json, table)


def _shop(directory: Path) -> Any:
    from brandloom.campaigns import open_shop
    return open_shop(directory)


def _folder(shop: Shop) -> Path:
    return shop.workspace.path / "segments"


def _saved(shop: Shop) -> dict[str, Condition]:
    from brandloom.customers.rules import saved_rules
    return saved_rules(_folder(shop))


def _read(given: str) -> Condition:
    """A file, standard input, or the rule itself in words."""
    from brandloom.customers.rules import read_rule
    if given == "-":
        return read_rule(sys.stdin.read())
    if given.endswith((".json", ".txt")):
        try:
            return read_rule(Path(given).read_text(encoding="utf-8-sig"))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(_("{file} cannot be read: {reason}. Give a file with a rule, or the rule in words."), file=given,
                              reason=getattr(error, "strerror", None) or error) from error
    return read_rule(given)


def _moment(shop: Shop, given: str | None) -> datetime:
    from brandloom.campaigns.learning import learned_as_of
    now = shop.clock().astimezone(UTC).replace(tzinfo=None)
    if given is None:
        learned = learned_as_of(shop.engine)  # learning ends with the day of the last event, which may be today
        return max(now, learned[0]) if learned else now
    moment = _date(given)
    if moment > now:
        raise ConfigError(_("--as-of {given} is in the future. Use a moment up to now."), given=given)
    return moment


def _date(given: str) -> datetime:
    try:
        return datetime.fromisoformat(given).replace(tzinfo=None)
    except ValueError as error:
        raise ConfigError(_("'{given}' is not a date. Write it like 2011-11-09."), given=given) from error


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
