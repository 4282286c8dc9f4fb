"""Commands for adapters: train one from what the desk's people preferred, and list those of this machine."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table

from brandloom.i18n import _, say
from brandloom.terminal import bars, command, out

if TYPE_CHECKING:
    from brandloom.content.desk import Base
    from brandloom.llm.adapters import Card

Dir = Annotated[Path, typer.Argument(metavar="DIR", help=say("The workspace's folder."), show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help=say("Print JSON for programs."))]


def register(models_app: typer.Typer) -> None:
    """Add the commands to those of the models."""
    command(models_app, "adapt", _("Train an adapter on the desk's earlier preferences, and judge it on the later ones. An interrupted run goes on "
                                   "where it stopped."), "brandloom models adapt my-shop --minutes 30")(adapt)
    command(models_app, "adapters", _("List the adapters of this machine, with what each brings over its model."),
            "brandloom models adapters")(list_)


def adapt(directory: Dir,
          model: Annotated[str | None, typer.Option(metavar="NAME", show_default=False, help=say(
              "Model to train on, a name of `brandloom models list` or a path; the default one when absent."))] = None,
          name: Annotated[str | None, typer.Option(metavar="NAME", show_default=False, help=say(
              "How the adapter's name begins; the workspace folder's when absent."))] = None,
          brand: Annotated[str | None, typer.Option("--brand", metavar="NAME", show_default=False, help=say("This brand alone."))] = None,
          minutes: Annotated[float, typer.Option(min=0.1, max=10_000, help=say("Longest time to train."))] = 60.0,
          drafts: Annotated[int, typer.Option(min=0, max=1000, help=say("Later requests that both write anew; 0 leaves that out."))] = 12,
          as_json: AsJson = False) -> None:
    from brandloom.content import desk
    from brandloom.ledger import open_ledger
    from brandloom.llm import adapters
    from brandloom.settings import read_settings
    from brandloom.workspace import open_workspace
    adapters.require_training()
    workspace, settings = open_workspace(directory), read_settings()
    ledger, base = open_ledger(workspace, settings), _base(model, settings.cache)
    how = adapters.Training(limit_s=60 * minutes)
    try:
        with bars() as progress:
            preferences = desk.read_preferences(ledger, brand=brand, requests=drafts)
            card = desk.adapt(preferences, base, name or directory.resolve().name.lower(), settings.cache, how=how, now=datetime.now(UTC),
                              progress=progress)
    finally:
        ledger.close()
    if as_json:
        out.print_json(data=asdict(card))
        return
    out.print(_table([card]))
    out.print(say(_("{name} is better than {base} on later preferences. Use it: brandloom models use {name}"), name=card.name, base=card.base)
              if card.better else
              say(_("{name} is not better than {base} on later preferences, so it is not used."), name=card.name, base=card.base), soft_wrap=True)


def list_(as_json: AsJson = False) -> None:
    from brandloom.llm.adapters import list_cards
    from brandloom.settings import read_settings
    cards = list_cards(read_settings().cache)
    if as_json:
        out.print_json(data=[asdict(card) for card in cards])
        return
    out.print(_table(cards) if cards else say(_("No adapter has been trained on this machine. See `brandloom models adapt --help`.")))


def _base(model: str | None, cache: Path) -> Base:
    from brandloom import llm
    from brandloom.content.desk import Base
    name = model or llm.default_name()
    path = llm.find_model(name, cache)
    return Base(name if name in llm.registry() else str(path), path)


def _table(cards: list[Card]) -> Table:
    table = Table(say(_("Adapter")), say(_("Model")), *(Column(name, justify="right") for name in (
        say(_("Learned from")), say(_("Pairs")), say(_("Moved to the preferred, 95 %")), say(_("Passes the gate")), say(_("Values named")))),
        say(_("Better")))
    for card in cards:
        pairs, writing = card.figures["pairs"], card.figures["writing"]
        moved = pairs["moved"]
        wrote = ["–", "–"] if writing is None else [
            f"{writing[f'base_{name}']:.0%} → {writing[f'adapted_{name}']:.0%}" for name in ("passed", "carried")]
        table.add_row(card.name, card.base, f"{card.learned:,}", f"{pairs['pairs']:,}", f"{moved['low']:.0%} … {moved['high']:.0%}", *wrote,
                      "✓" if card.better else "")
    return table
