"""Command for a log that a company brings: what each person is likely to take next, and how well that was found on people held back."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from brandloom.errors import ConfigError
from brandloom.i18n import _, say
from brandloom.terminal import bars, command, out

if TYPE_CHECKING:
    from brandloom.recommend.logs import Log, LogRecommender


def register(app: typer.Typer) -> None:
    """Add `recommend-table` to the program."""
    command(app, "recommend-table", _("Recommend from your own log of who took what: learned, judged on people held back, with reasons."),
            "brandloom recommend-table sales.csv --user customer --item product --order date --out next-products")(recommend_table)


def recommend_table(
        file: Annotated[Path, typer.Argument(metavar="FILE", help=say("CSV, TSV, XLSX, JSONL or Parquet, one row per person and product taken."))],
        user: Annotated[str, typer.Option(metavar="COL", help=say("The column that says who."))],
        item: Annotated[str, typer.Option(metavar="COL", help=say("The column that says what."))],
        order: Annotated[str | None, typer.Option(metavar="COL", show_default=False, help=say(
            "The column that says when: dates, times or numbers; absent: the order of the rows."))] = None,
        days: Annotated[float | None, typer.Option(metavar="N", min=0.0, show_default=False, help=say(
            "With dates in --order: recommend for the next N days instead of for the next visit."))] = None,
        items: Annotated[Path | None, typer.Option(metavar="FILE", show_default=False, help=say(
            "A catalogue: finds products nobody took yet by --describe, and recommends only what is in it."))] = None,
        describe: Annotated[list[str] | None, typer.Option(metavar="COL", show_default=False, help=say(
            "A column of the catalogue that describes products, such as name or category. May be given several times."))] = None,
        exclude: Annotated[list[str] | None, typer.Option(metavar="PRODUCT", show_default=False, help=say(
            "Never recommend this product. May be given several times."))] = None,
        again: Annotated[bool | None, typer.Option("--again/--new", show_default=False, help=say(
            "Whether what a person has may be recommended; by default if people take things again."))] = None,
        k: Annotated[int, typer.Option("-k", min=1, max=100, help=say("Products per person."))] = 10,
        session: Annotated[str | None, typer.Option(metavar="A,B,...", show_default=False, help=say(
            "Answer for somebody unknown who took these products, oldest first."))] = None,
        person: Annotated[str | None, typer.Option(metavar="ID", show_default=False, help=say("Answer for this person, with reasons."))] = None,
        model: Annotated[Path | None, typer.Option(metavar="FOLDER", show_default=False, help=say(
            "Learn nothing: answer with the recommender that an earlier run wrote with --out."))] = None,
        folder: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", show_default=False, help=say(
            "Write the recommender and recommendations.csv to this folder."))] = None,
        as_json: Annotated[bool, typer.Option("--json", help=say("Print JSON for programs."))] = False) -> None:
    import numpy as np
    import pyarrow.compute as pc

    from brandloom.recommend import logs
    _check(order, days, items, describe, model, folder, again, session, person)
    table = logs.read_file(file, [user, item], order=order)
    catalogue = None if items is None else logs.read_file(items, [item, *(describe or ())])
    known = None if catalogue is None else catalogue[item].combine_chunks()
    if model is not None:
        recommender = logs.load(model)
        log = logs.read_log(table, person=user, product=item, order=order, only=recommender.products)
    else:
        log = logs.read_log(table, person=user, product=item, order=order, products=known)
        if days is not None and not log.clock:
            raise ConfigError(_("--days needs dates or times in --order."))
        described = None
        if catalogue is not None and describe:
            described = logs.describe(catalogue, product=item, columns=describe, products=log.products)
        with bars() as progress:
            recommender = logs.fit_log(log, described=described, horizon=days, again=again, progress=lambda done: progress(_("Learning"), done))
    allowed = np.ones(len(recommender.products), dtype=bool)
    if known is not None:
        allowed &= pc.is_in(recommender.products, value_set=known.cast(recommender.products.type)).to_numpy(zero_copy_only=False)
    for product in exclude or ():
        allowed[recommender.code_of(product)] = False
    answer = _answer(recommender, log, session, person, k, allowed)
    written = [] if folder is None else _write(recommender, log, folder, k, allowed)
    if as_json:
        found = {"card": asdict(recommender.card), **answer, "written": [str(path) for path in written]}
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
        return
    _show(recommender, answer)
    for path in written:
        out.print(say(_("Wrote {path}."), path=path), highlight=False)


def _answer(model: LogRecommender, log: Log, session: str | None, person: str | None, k: int, allowed: Any) -> dict[str, Any]:
    """The products for one session or person, with reasons."""
    from brandloom.recommend.logs import REASONS, log_of
    if session is None and person is None:
        return {}
    import numpy as np
    import pyarrow.compute as pc
    unknown: tuple[str, ...] = ()
    if session is not None:
        some, unknown = log_of(model.products, [[one.strip() for one in session.split(",") if one.strip()]], clock=log.clock)
    else:
        at = pc.index(log.people, person).as_py()
        if at < 0:
            raise ConfigError(_("{person} is not in the column of people. Use --session for somebody new."), person=repr(person))
        some = log.of(np.array([at]))
    _people, rank, code, score = model.best(some, k, allowed=allowed)
    rows = []
    for place, what, value in zip(rank.tolist(), code.tolist(), score.tolist(), strict=True):
        product = model.products[what].as_py()
        why = model.explain(some, product)
        rows.append({"rank": place, "product": product, "score": round(value, 6), "reason": why.kind if why else "popular",
                     "because": why.because if why else None, "text": say(REASONS[why.kind if why else "popular"])})
    return {"recommended": rows, "unknown": list(unknown)}


def _write(model: LogRecommender, log: Log, folder: Path, k: int, allowed: Any) -> list[Path]:
    from brandloom.recommend.logs import save
    save(model, folder)
    people, ranks, codes, scores = model.best(log, k, allowed=allowed)
    target = folder / "recommendations.csv"
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["person", "rank", "product", "score"])
        names, products = log.people.to_pylist(), model.products.to_pylist()
        writer.writerows((names[who], place, products[what], f"{value:.6f}")
                         for who, place, what, value in zip(people.tolist(), ranks.tolist(), codes.tolist(), scores.tolist(), strict=True))
    return [folder / "recommender.json", target]


def _show(model: LogRecommender, answer: dict[str, Any]) -> None:
    card = model.card
    table = Table(title=say(_("Learned")), show_header=False, title_justify="left")
    table.add_column(style="bold", overflow="fold")
    table.add_column(overflow="fold")
    table.add_row(say(_("Log")), say(_("{people} people, {products} products, {lines} lines"), people=f"{card.people:,}",
                                     products=f"{card.products:,}", lines=f"{card.lines:,}"))
    table.add_row(say(_("Taken again")), say(_("may be recommended")) if card.again else say(_("is left out")))
    if card.crowded:
        table.add_row(say(_("Too many lines for a person")), ", ".join(card.crowded[:5]) + (" ..." if len(card.crowded) > 5 else ""))
    table.add_row(say(_("Order")), say(_("by trees, learned from {people} people"), people=f"{card.taught:,}") if card.ranked
                  else say(_("by weights alone: an order learned by trees was not better, or too few people to tell")))
    parts = {name: value for name, value in card.ndcg.items() if name not in ("trees", "sieve")}
    if card.ndcg:
        ours = card.ndcg["trees" if card.ranked else "sieve"]
        best = max(parts, key=lambda name: parts[name]) if parts else None
        table.add_row(say(_("NDCG at 10 on {people} people held back"), people=f"{card.judged:,}"),
                      f"{ours:.3f}" + (f" ({best}: {parts[best]:.3f})" if best else ""))
    out.print(table)
    for product in answer.get("unknown", ()):
        out.print(say(_("Nobody in the log took {product}."), product=product), highlight=False)
    for row in answer.get("recommended", ()):
        because = f" ({row['because']})" if row["because"] and row["reason"] != "again" else ""
        out.print(f"{row['rank']:>3}  {row['product']}  {row['text']}{because}", highlight=False, markup=False)


def _check(order: str | None, days: float | None, items: Path | None, describe: list[str] | None, model: Path | None, folder: Path | None,
           again: bool | None, session: str | None, person: str | None) -> None:
    if days is not None and order is None:
        raise ConfigError(_("--days needs dates or times in --order."))
    if describe and items is None:
        raise ConfigError(_("--describe names columns of a catalogue. Name its file with --items."))
    if session is not None and person is not None:
        raise ConfigError(_("Choose --session or --person, not both."))
    for name, value in {"--days": days, "--describe": describe, "--out": folder, "--again": again}.items():
        if model is not None and value is not None and value != []:
            raise ConfigError(_("{option} is for learning; with --model nothing is learned. Leave it out."), option=name)
    if folder is not None and folder.exists() and not folder.is_dir():
        raise ConfigError(_("{path} is a file. Name a folder for --out."), path=folder)
