"""The command for articles: write one from a brief, or check any page for search."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from brandloom.errors import BrandloomError, ConfigError
from brandloom.i18n import _, say
from brandloom.terminal import bars, command, err, opened, out

if TYPE_CHECKING:
    from brandloom.content.articles import Article, Notice, Order, Texts
    from brandloom.workspace import Workspace

_LEVELS = {"error": _("error"), "warning": _("warning"), "note": _("note")}
_FORMS = (".html", ".md", ".json")


def register(app: typer.Typer) -> None:
    """Add `article` to the program."""
    command(app, "article", _("Write an article (blog, SEO article, buying guide, FAQ page, news release) from a JSON brief, or check any page "
                              "for search with --check."), "brandloom article brief.json --out page.html --out page.md")(article)


def article(file: Annotated[Path, typer.Argument(metavar="FILE", allow_dash=True, help=say(
                "A JSON brief; with --check a page in HTML or Markdown; - reads standard input."))],
            check: Annotated[bool, typer.Option("--check", help=say("Check the page FILE for search instead of writing."))] = False,
            keyword: Annotated[str, typer.Option(metavar="WORDS", show_default=False, help=say(
                "With --check: the phrase the page is meant for."))] = "",
            model: Annotated[str | None, typer.Option(metavar="NAME", show_default=False, help=say(
                "Model to write with, see `brandloom models list`; none puts the facts in order without one."))] = None,
            outline: Annotated[bool, typer.Option("--outline", help=say("Show keywords and outline only; nothing is written."))] = False,
            workspace: Annotated[Path | None, typer.Option(metavar="DIR", show_default=False, help=say(
                "Workspace whose reviews, product names, brand kit and key are used."))] = None,
            targets: Annotated[list[Path] | None, typer.Option("--out", metavar="FILE", show_default=False, help=say(
                "Write to this file: .html, .md or .json; may be given several times. Markdown goes to standard output when absent."))] = None,
            as_json: Annotated[bool, typer.Option("--json", help=say("Print JSON for programs."))] = False) -> None:
    with opened(file) as lines:
        text = lines.read()
    if check:
        _check(text, file, keyword, as_json=as_json)
    else:
        _write(text, file, targets or [], model=model, outline_only=outline, workspace=workspace, as_json=as_json)


def _check(text: str, file: Path, keyword: str, *, as_json: bool) -> None:
    from brandloom.content.articles import check_page
    markdown = file.suffix.lower() in (".md", ".markdown") or (str(file) == "-" and not text.lstrip().startswith("<"))
    found = check_page(text, kind="markdown" if markdown else "html", keyword=keyword)
    if as_json:
        sys.stdout.write(json.dumps([item.to_dict() for item in found], ensure_ascii=False, indent=2) + "\n")
        return
    if found:
        out.print(_table(found))
    counts = {level: sum(item.level == level for item in found) for level in _LEVELS}
    err.print(say(_("{errors} errors, {warnings} warnings, {notes} notes. The check promises no ranking."), errors=counts["error"],
                  warnings=counts["warning"], notes=counts["note"]), highlight=False)


def _table(found: list[Notice]) -> Table:
    table = Table(say(_("line")), say(_("level")), say(_("place")), say(_("what")), say(_("what to do")))
    for item in found:
        table.add_row(str(item.line), say(_LEVELS[item.level]), item.place, item.reason(), item.advice())
    return table


def _write(text: str, file: Path, targets: list[Path], *, model: str | None, outline_only: bool, workspace: Path | None, as_json: bool) -> None:
    from brandloom import llm
    from brandloom.content import articles
    from brandloom.settings import read_settings
    unknown = next((path for path in targets if path.suffix.lower() not in _FORMS), None)
    if unknown is not None:
        raise ConfigError(_("{file}: an article is written as {known}. Name the file so."), file=unknown.name, known=", ".join(_FORMS))
    named = str(file) != "-"
    order = articles.read_order(text, source=file.name if named else say(_("standard input")))
    folder, keep = file.parent if named else Path(), file.with_suffix(".progress.json") if named else None
    settings = read_settings()
    with ExitStack() as stack:
        shop = None if workspace is None else _Shop(workspace, stack)
        order = order if shop is None else shop.fill(order)
        more: list[Texts] = [] if shop is None else shop.texts(order.lang)
        planned = articles.plan_article(order, folder=folder, more=more)
        if outline_only:
            sys.stdout.write(json.dumps({"outline": planned.outline.to_dict(order.lang), "keywords": [item.to_dict() for item in planned.keywords],
                                         "questions": [item.text for item in planned.questions]}, ensure_ascii=False, indent=2) + "\n")
            return
        chosen = None if model == "none" else stack.enter_context(
            llm.open_model(settings.model_copy(update={"model_name": model}) if model else settings))
        now = datetime.now(UTC)
        try:
            with bars() as progress:
                made = articles.write_article(chosen, planned, today=now.astimezone().date(), keep=keep,
                                              progress=lambda done, total: progress(_("Writing"), done / total),
                                              **({} if shop is None else {"maker": shop.maker}))
        except (BrandloomError, KeyboardInterrupt):
            if keep is not None and keep.is_file():
                err.print(say(_("Finished sections are kept in {file}; the same command goes on from there."), file=keep), highlight=False)
            raise
        _save(made, targets, as_json=as_json)
        if shop is not None:
            shop.record(made, now)
    if keep is not None:
        keep.unlink(missing_ok=True)


def _save(made: Article, targets: list[Path], *, as_json: bool) -> None:
    content = json.dumps(made.to_dict(), ensure_ascii=False, indent=2) + "\n"
    for path in targets:
        path.write_text({".html": made.html, ".md": made.markdown, ".json": content}[path.suffix.lower()], encoding="utf-8")
    if as_json or not targets:
        sys.stdout.write(content if as_json else made.markdown)
    written = sum(item.by_model for item in made.passages)
    err.print(say(_("{count} sections, {model} written by a model, the others from the facts; {errors} errors and {warnings} warnings of the "
                    "SEO check."), count=len(made.passages), model=written, errors=sum(item.level == "error" for item in made.notices),
                  warnings=sum(item.level == "warning" for item in made.notices)), highlight=False)


class _Shop:
    """What an article takes from a workspace."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        from brandloom.campaigns import open_shop
        from brandloom.content.studio import Maker
        self._shop = stack.enter_context(open_shop(directory))
        self._workspace: Workspace = self._shop.workspace
        self.maker = Maker.of(self._workspace)

    def fill(self, order: Order) -> Order:
        """The brief with the shop's name and website, and the brand's voice, where it names none."""
        from brandloom.content import articles, brand
        config = self._workspace.config
        named = order.shop.model_copy(update={"name": order.shop.name or config.name, "url": order.shop.url or config.sender.website})
        filled = order.model_copy(update={"shop": named})
        if order.brand or brand.default_brand(self._workspace):
            kitted = filled.with_kit(brand.open_brand(self._workspace, order.brand or None))
            assert isinstance(kitted, articles.Order)
            return kitted
        return filled

    def texts(self, language: str) -> list[Texts]:
        from brandloom.content.articles import shop_texts
        return shop_texts(self._shop.engine, language)

    def record(self, made: Article, now: datetime) -> None:
        """The entry in the audit chain."""
        from brandloom.content.articles import keep_record
        keep_record(made, self._shop.audit, actor="brandloom", now=now)
