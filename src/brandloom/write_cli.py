"""Command that writes copy from a brief: what it may cost, the drafts as they come, and files that carry the AI marks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column

from brandloom.errors import ConfigError
from brandloom.i18n import _, say
from brandloom.terminal import bars, command, copy_kind, err, opened, put, user

if TYPE_CHECKING:
    from brandloom.content import studio
    from brandloom.llm import Estimate, Spent
    from brandloom.settings import Settings
    from brandloom.workspace import Workspace

_SHOWN = 40
"""Letters of the draft that are shown while it comes."""
_SYNTAX = re.compile(r'\\[nrtu"]?|[{}\[\]"]|\s+')


def register(app: typer.Typer) -> None:
    """Add `write` to the program."""
    command(app, "write", _("Write copy in any format: several variants, each from another angle, each checked. Reads and writes JSON."),
            "brandloom write brief.json -n 3")(write)


@dataclass(frozen=True)
class _Job:
    """Where what is written goes, and on whose account."""

    kind: studio.Kind
    target: Path | None
    workspace: Workspace | None
    actor: str


def write(file: Annotated[Path, typer.Argument(metavar="BRIEF", allow_dash=True, help=say(
              "JSON with lang, format, products, and persona, voice, limits, must_say, must_not_say where wanted; - reads standard input."))],
          model: Annotated[str | None, typer.Option(metavar="NAME", show_default=False, help=say(
              "Model to write with, see `brandloom models list`; none puts the facts in order without one."))] = None,
          variants: Annotated[int, typer.Option("-n", min=1, max=20, help=say("How many variants."))] = 3,
          most_calls: Annotated[int | None, typer.Option("--max-calls", min=0, show_default=False, help=say(
              "Call the model at most so often; plain copy stands in for the rest."))] = None,
          scorer: Annotated[Path | None, typer.Option(metavar="FOLDER", show_default=False, help=say(
              "Rank the variants by the clicks expected, as `brandloom copy-tests learn` has learned them; the workspace's scorer, or the one that "
              "comes with Brandloom, when absent."))] = None,
          judge: Annotated[bool | None, typer.Option("--judge/--no-judge", show_default=False, help=say(
              "Let the model also judge each sentence by its first token, beside --max-calls; when absent, only where that was seen to "
              "help."))] = None,
          workspace: Annotated[Path | None, typer.Option(metavar="DIR", show_default=False, help=say(
              "Workspace whose brand kits and desk fill in the brief's voice, and whose audit chain records each generated text."))] = None,
          by: Annotated[str | None, typer.Option(metavar="NAME", show_default=False, help=say(
              "Who has it written, for the audit chain; this machine's user when absent."))] = None,
          kind: Annotated[str | None, typer.Option("--format", metavar="KIND", show_default=False, help=say(
              "json, md, html, csv or txt; by the ending of --out when absent, else json."))] = None,
          target: Annotated[Path | None, typer.Option("--out", metavar="FILE", show_default=False, help=say(
              "Write the result to this file instead of standard output."))] = None) -> None:
    from brandloom import llm
    from brandloom.content import studio
    from brandloom.content.checks.judge import chosen_judge
    from brandloom.content.response import open_scorer
    from brandloom.settings import read_settings
    from brandloom.workspace import open_workspace
    settings, shop = read_settings(), None if workspace is None else open_workspace(workspace)
    with opened(file) as lines:
        asked = studio.read_asked(lines.read(), source=say(_("standard input")) if str(file) == "-" else file.name, brands=_brands(shop),
                                   today=datetime.now(UTC).date())
    if shop is not None:
        asked = _taught(shop, settings, asked)
    job = _Job(copy_kind(kind, target), target, shop, by or user())
    ranker = open_scorer(scorer or _own_scorer(shop), settings.cache)
    with _shown(variants) as (progress, on_text):
        chosen = None if model == "none" else llm.open_model(
            settings.model_copy(update={"model_name": model}) if model else settings, on_text=on_text)
        with chosen or nullcontext():
            judging = chosen_judge(chosen, asked.records, asked.lang, wanted=judge)
            asks = studio.most_asked(asked, variants=variants, most_calls=most_calls, judge=judging)
            most = llm.most_cost(chosen, asks)
            _say_most(most, sum(ask.calls for ask in asks))
            written = studio.write_copy(chosen, asked, variants=variants, most_calls=most_calls, scorer=ranker, judge=judging, progress=progress)
            spent = llm.spent_by(chosen)
    _hand_on(written, job, settings, most, spent)


def _own_scorer(shop: Workspace | None) -> Path | None:
    """Where the workspace keeps what its own tests taught, if anything."""
    folder = None if shop is None else shop.models / "copy-tests"
    return folder if folder is not None and folder.is_dir() else None


def _hand_on(written: studio.Written, job: _Job, settings: Settings, most: Estimate | None, spent: Spent | None) -> None:
    """Record what was generated, then write it; what the model cost is told, whatever ended the writing."""
    from brandloom.content import studio
    from brandloom.content.response import OWN, REASONS
    maker = studio.NOBODY
    if job.workspace is not None:
        maker = studio.Maker.of(job.workspace)
        _record(written, job, maker, settings)
    cost = {"most": None if most is None else most.to_dict(), "spent": None if spent is None else spent.to_dict()}
    put(studio.export(written, job.kind, maker=maker, also={"cost": cost}), job.target)
    if spent is not None:
        _say_spent(spent)
    if written.unscored and written.scorer == OWN:
        err.print(say(_("The scorer knows nothing of these texts, so it did not rank them: {reason}"), reason=say(REASONS[written.unscored])),
                  highlight=False, soft_wrap=True)
    if written.judge is not None and (written.judge.silent or written.judge.calibration is None):
        err.print(say(_("Model '{model}' tells no probabilities of its words, so it judged nothing.") if written.judge.silent else
                      _("Nobody has measured what judgements of model '{model}' are worth, so they only rank the variants."),
                      model=written.judge.model), highlight=False, soft_wrap=True)
    if written.interrupted:
        raise KeyboardInterrupt
    if written.stopped:
        raise ConfigError(_("The model stopped early; what was written until then is kept. {reason}"), reason=written.stopped)


def _record(written: studio.Written, job: _Job, maker: studio.Maker, settings: Settings) -> None:
    from brandloom.content import studio
    from brandloom.govern import Audit
    from brandloom.ledger import open_ledger
    assert job.workspace is not None
    ledger = open_ledger(job.workspace, settings)
    try:
        studio.keep_record(written, Audit(ledger, job.workspace.derive_key("audit")), maker=maker, actor=job.actor, now=datetime.now(UTC))
    finally:
        ledger.close()


def _brands(workspace: Workspace | None) -> studio.Brands | None:
    """The brand kits of a workspace by name; '' is the default one, which need not be there."""
    if workspace is None:
        return None
    from brandloom.content import brand
    return lambda name: brand.open_brand(workspace, name) if name or brand.default_brand(workspace) else None


def _taught(workspace: Workspace, settings: Settings, asked: studio.Asked) -> studio.Asked:
    """The brief with what people's edits on the workspace's desk have taught."""
    from brandloom.content import desk
    from brandloom.ledger import open_ledger
    ledger = open_ledger(workspace, settings)
    try:
        return desk.taught(ledger, asked, brand=asked.brand or workspace.config.name)
    finally:
        ledger.close()


# --- what a person sees while it is written ---

@contextmanager
def _shown(variants: int) -> Iterator[tuple[Callable[[int, int], None], Callable[[str], None] | None]]:
    """Progress per variant and, for a person at a terminal, the draft as it comes.

    What is shown there has passed no check yet: it is one dim line that goes away.
    """
    if not err.is_terminal:
        with bars() as progress:
            yield lambda done, total: progress(_("Writing"), done / total), None
        return
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), TextColumn("{task.completed:.0f}/{task.total:.0f}"), TimeElapsedColumn(),
               TextColumn("{task.fields[draft]}", style="dim", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")))
    with Progress(*columns, console=err, transient=True) as shown:
        task, tail = shown.add_task(say(_("Writing")), total=variants, draft=""), [""]

        def on_text(piece: str) -> None:
            tail[0] = (tail[0] + piece)[-400:]
            shown.update(task, draft=readable(tail[0])[-_SHOWN:])

        def on_variant(done: int, _total: int) -> None:
            tail[0] = ""
            shown.update(task, completed=done, draft="")
        yield on_variant, on_text


def readable(raw: str) -> str:
    """The end of a JSON reply without its signs, and without anything that a terminal would obey."""
    return "".join(letter for letter in _SYNTAX.sub(" ", raw) if letter.isprintable())


def _say_most(most: Estimate | None, calls: int) -> None:
    if most is None or not err.is_terminal:
        return
    values = {"calls": calls, "tokens": f"{most.tokens:,}"}
    _note(say(_("At most {calls} requests and {tokens} tokens."), **values) if most.money is None else
          say(_("At most {calls} requests and {tokens} tokens: {money} {currency}."), **values, money=f"{most.money:.4f}", currency=most.currency))


def _say_spent(spent: Spent) -> None:
    if not err.is_terminal:
        return
    values = {"calls": spent.calls, "cached": spent.cached, "tokens": f"{spent.tokens:,}"}
    _note(say(_("{calls} requests made, {cached} answered from the cache: {tokens} tokens."), **values) if spent.money is None else
          say(_("{calls} requests made, {cached} answered from the cache: {tokens} tokens, {money} {currency}."), **values,
              money=f"{spent.money:.4f}", currency=spent.currency))


def _note(line: str) -> None:
    err.print(line, style="dim", markup=False, highlight=False, soft_wrap=True)
