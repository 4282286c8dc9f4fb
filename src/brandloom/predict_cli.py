"""Command that predicts customers of a shop: purchases, who is still active, value, next purchase, return after a first order."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Column, Table

from brandloom.errors import ConfigError
from brandloom.i18n import _, say
from brandloom.terminal import bars, command, day, days, out

if TYPE_CHECKING:
    import pyarrow as pa

    from brandloom.campaigns import Shop
    from brandloom.predict import lifetime

_COLUMNS = {
    "purchase": ("customer", "p_purchase", "p_low", "p_high", "expected_spend", "spend_low", "spend_high"),
    "churn": ("customer", "days_since_last", "frequency", "p_active", "p_active_low", "p_active_high"),
    "value": ("customer", "p_active", "p_active_low", "p_active_high", "purchases", "purchases_low", "purchases_high", "value", "value_low",
              "value_high"),
    "next": ("customer", "days_since_last", "next_days", "next_low", "next_high"),
    "repeat": ("customer", "days_since_last", "p_repeat"),
    "uplift": ("customer", "effect"),
    "session": ("customer", "started_at", "steps", "p_buys"),
}
_FIRST = {"purchase": "p_purchase descending", "churn": "p_active ascending", "value": "value descending", "next": "next_days ascending",
          "repeat": "p_repeat descending", "uplift": "effect descending", "session": "p_buys descending"}
"""What the list begins with."""
_HEADS = {
    "customer": _("Customer"), "p_purchase": _("Chance to buy"), "expected_spend": _("Expected spend"),
    "days_since_last": _("Days since last purchase"), "frequency": _("Repeat purchase days"), "p_active": _("Chance still active"),
    "purchases": _("Purchase days expected"), "value": _("Value expected"), "next_days": _("Days to next purchase"),
    "p_repeat": _("Chance of a second order"), "effect": _("A message adds to the chance to buy"),
    "started_at": _("Visit began"), "steps": _("Steps so far"), "p_buys": _("Chance to buy in this visit"),
}
_INTERVALS = {"p_purchase": ("p_low", "p_high"), "expected_spend": ("spend_low", "spend_high"), "p_active": ("p_active_low", "p_active_high"),
              "purchases": ("purchases_low", "purchases_high"), "value": ("value_low", "value_high"), "next_days": ("next_low", "next_high")}
"""Where the ends of a column's 80 % interval stand."""


@dataclass(frozen=True)
class _Predicted:
    """What one run found: every customer's row, and what is said above the list."""

    rows: pa.Table
    summary: dict[str, Any]
    lines: tuple[tuple[str, str], ...]


def register(app: typer.Typer) -> None:
    """Add `predict` to the program."""
    command(app, "predict", _("Predict each customer, with 80 % intervals: purchase, churn, value, next purchase, return after a first order, "
                              "whom messages make buy, or which open visits end in a purchase."),
            "brandloom predict my-shop --what value --horizon 180d --out value.csv")(predict)


def predict(directory: Annotated[Path, typer.Argument(metavar="DIR", help=say("The workspace's folder."), show_default=False)],
            what: Annotated[str, typer.Option(metavar="WHAT", help=say("purchase, churn, value, next, repeat, uplift or session."))] = "value",
            horizon: Annotated[str, typer.Option(help=say("How far ahead to predict, in days (180d)."))] = "180d",
            as_of: Annotated[str | None, typer.Option("--as-of", metavar="DATE", show_default=False, help=say(
                "Use nothing later than this day (2011-11-09); the day after the last event when absent."))] = None,
            limit: Annotated[int, typer.Option(min=0, help=say("How many customers to show; 0 shows all."))] = 20,
            file: Annotated[Path | None, typer.Option("--out", metavar="FILE", show_default=False, help=say(
                "Write all customers to this file, .csv or .parquet."))] = None,
            as_json: Annotated[bool, typer.Option("--json", help=say("Print JSON for programs."))] = False) -> None:
    from brandloom.campaigns import open_shop
    if what not in _COLUMNS:
        raise ConfigError(_("'{given}' cannot be predicted. Choose purchase, churn, value, next, repeat, uplift or session."), given=what)
    if file is not None and file.suffix not in (".csv", ".parquet"):
        raise ConfigError(_("{file} is neither .csv nor .parquet. Give --out one of these names."), file=file)
    with open_shop(directory) as shop, bars() as progress:
        progress(_("Predicting"), 0.0)
        found = _predicted(shop, what, days(horizon), day(as_of))
        progress(_("Predicting"), 1.0)
    if file is not None:
        _write(found.rows, file)
    shown = found.rows if limit == 0 else found.rows.slice(0, limit)
    if as_json:
        sys.stdout.write(json.dumps({"what": what, **found.summary, "rows": shown.to_pylist()}, ensure_ascii=False, indent=2, default=str) + "\n")
        return
    out.print(_lines_table(found.lines))
    out.print(_rows_table(shown))
    if file is not None:
        out.print(say(_("Wrote {path}."), path=file), soft_wrap=True)


def _predicted(shop: Shop, what: str, horizon_days: int, as_of: datetime | None) -> _Predicted:
    from brandloom.campaigns.learning import day_after_last_event
    if what == "session":
        return _session(shop, as_of)
    moment = as_of or day_after_last_event(shop.engine)
    if what == "uplift":
        return _uplift(shop, horizon_days, moment)
    return _purchase(shop, horizon_days, moment) if what == "purchase" else _lifetime(shop, what, horizon_days, moment)


def _uplift(shop: Shop, horizon_days: int, as_of: datetime) -> _Predicted:
    from brandloom.campaigns.effects import SENT, learn_effects_of_messages
    made = learn_effects_of_messages(shop, as_of, window_days=horizon_days)
    card = made.model.cards[SENT]
    verdict = {"clear": _("It pays to choose whom to write to."),
               "unclear": _("There is next to nothing to choose by: everybody gets about the average."),
               "too_little": _("Too few people to tell them apart: everybody gets the average.")}[card.verdict]
    lines = [(say(_("As of")), f"{as_of:%Y-%m-%d}"), (say(_("Window after the decision")), say(_("{days} days"), days=horizon_days)),
             (say(_("Learned from")), say(_("{rows} people of {plans} plans, {sent} with a message"), rows=f"{card.rows:,}", plans=len(made.plans),
                                          sent=f"{card.treated:,}")),
             (say(_("Average effect")), _share(card.average.value, card.average.low, card.average.high)),
             (say(_("Effect among the best 30 %")), _share(card.top.effect.value, card.top.effect.low, card.top.effect.high)),
             (say(_("Verdict")), say(verdict))]
    summary = {"as_of": as_of, "horizon_days": horizon_days, "customers": made.customers.num_rows, "plans": list(made.plans), "card": asdict(card)}
    return _Predicted(_sorted(made.customers, "uplift"), summary, tuple(lines))


def _session(shop: Shop, moment: datetime | None) -> _Predicted:
    """Visits of which the last step is less than half an hour old; the horizon is the visit itself. Without a moment, just after the last event."""
    import pyarrow as pa

    from brandloom.engine import scalar
    from brandloom.predict import sessions
    last = scalar(shop.engine, "SELECT max(occurred_at) AS last FROM events")
    as_of = moment or (last if isinstance(last, datetime) else datetime(1970, 1, 1)) + timedelta(seconds=1)
    steps = sessions.read_sessions(shop.engine, as_of)
    model = sessions.fit_sessions(steps, as_of, threads=shop.settings.threads or 1)
    model.save(shop.workspace.models / "sessions")
    now = steps.of_visits(~steps.finished(as_of))
    ends = now.ends()
    rows = pa.table({"customer": pa.array(now.customer.tolist(), pa.string()), "started_at": pa.array(
        [datetime.fromtimestamp(start, UTC).replace(tzinfo=None) for start in now.starts], pa.timestamp("s")),
        "steps": pa.array(now.place[ends] + 1, pa.int64()), "p_buys": pa.array(model.probability(now)[ends], pa.float64())})
    card = model.card
    named = {"kind": _("the share after each kind of step"), "trees": _("boosted trees"), "gru": _("a sequence model"),
             "mean": _("boosted trees and a sequence model together")}
    lines = [(say(_("As of")), f"{as_of:%Y-%m-%d %H:%M}"), (say(_("Open visits")), f"{len(ends):,}"),
             (say(_("Learned from")), say(_("{visits} visits with {steps} steps, {start} to {end}"), visits=f"{card.visits:,}",
                                          steps=f"{card.steps:,}", start=card.data_from, end=card.data_to)),
             (say(_("A purchase follows")), say(_("{share} of all steps"), share=f"{card.followed:.2%}")),
             (say(_("Chosen on later visits")), say(named[card.chosen]))]
    if card.scores:
        own = card.scores["kind" if card.chosen == "kind" else "chosen"]
        lines.append((say(_("On the latest visits")), say(
            _("log loss {loss} (share after each kind {plain}), ranks right {auc} of the time, probabilities off by {ece}"),
            loss=f"{own.log_loss:.4f}", plain=f"{card.scores['kind'].log_loss:.4f}", auc=f"{own.auc:.0%}", ece=f"{own.ece:.2%}")))
    summary = {"as_of": as_of, "visits": len(ends), "card": asdict(card)}
    return _Predicted(_sorted(rows, "session"), summary, (*lines, *_limits(card.limits)))


def _share(value: float, low: float, high: float) -> str:
    """An effect on a chance with its interval of 95 %, in points."""
    return say(_("{value} points (95 %: {low} to {high})"), value=f"{100 * value:+.2f}", low=f"{100 * low:+.2f}", high=f"{100 * high:+.2f}")


def _purchase(shop: Shop, horizon_days: int, as_of: datetime) -> _Predicted:
    from brandloom import predict as models
    model = models.fit(shop.engine, as_of, horizon_days=horizon_days, threads=shop.settings.threads or 1)
    card, rows = model.card, models.scores(shop.engine, model, as_of)
    lines = [(say(_("As of")), f"{as_of:%Y-%m-%d}"), (say(_("Horizon")), say(_("{days} days"), days=horizon_days)),
             (say(_("Customers")), f"{rows.num_rows:,}"), *_limits(card.limits)]
    summary = {"as_of": as_of, "horizon_days": horizon_days, "customers": rows.num_rows, "card": asdict(card)}
    return _Predicted(_sorted(rows, "purchase"), summary, tuple(lines))


def _lifetime(shop: Shop, what: str, horizon_days: int, as_of: datetime) -> _Predicted:
    import pyarrow.compute as pc

    from brandloom.predict import lifetime
    model = lifetime.fit(shop.engine, as_of, horizon_days=horizon_days)
    model.save(shop.workspace.models / "lifetime")
    histories = lifetime.summarise(shop.engine, as_of)
    made = lifetime.forecast(model, histories, horizon_days)
    again = lifetime.returning(model, histories) if what == "repeat" else ()
    table = made.customers
    rows = table.append_column("days_since_last", pc.subtract(table["t_days"], table["recency_days"]))
    if what == "repeat":
        rows = rows.filter(pc.equal(rows["frequency"], 0.0))
    summary = {"as_of": as_of, "horizon_days": horizon_days, "customers": len(histories), "active": asdict(made.active),
               "purchases": asdict(made.purchases), "value": asdict(made.value), "returning": [asdict(one) for one in again],
               "card": asdict(model.card)}
    return _Predicted(_sorted(rows, what), summary, tuple(_lifetime_lines(model, made, again)))


def _lifetime_lines(model: lifetime.LifetimeModel, made: lifetime.Forecast, again: tuple[lifetime.Returning, ...]) -> list[tuple[str, str]]:
    card = model.card
    lines = [(say(_("As of")), f"{card.as_of:%Y-%m-%d}"), (say(_("Horizon")), say(_("{days} days"), days=card.horizon_days)),
             (say(_("Learned from")), say(_("{customers} customers, {repeaters} with more than one purchase day, {start} to {end}"),
                                          customers=f"{card.customers:,}", repeaters=f"{card.repeaters:,}", start=f"{card.data_from:%Y-%m-%d}",
                                          end=f"{card.data_to:%Y-%m-%d}")),
             (say(_("Still active")), _between(made.active)), (say(_("Purchase days expected")), _between(made.purchases)),
             (say(_("Value expected")), _between(made.value))]
    lines += [(say(_("Back within {days} days"), days=one.days), say(_("{expected} expected of new customers ({low} to {high}), {seen} seen so far"),
               expected=f"{one.expected:.1%}", low=f"{one.low:.1%}", high=f"{one.high:.1%}",
               seen="–" if one.seen is None else f"{one.seen:.1%}")) for one in again]
    if card.check is not None:
        check = card.check
        lines.append((say(_("Looking back")), say(
            _("{forecast} purchase days expected in the {days} days from {cutoff} ({low} to {high}); {actual} happened"),
            forecast=f"{check.forecast:,.0f}", days=check.days, cutoff=f"{check.cutoff:%Y-%m-%d}", low=f"{check.low:,.0f}",
            high=f"{check.high:,.0f}", actual=f"{check.actual:,.0f}")))
    return [*lines, *_limits(card.limits)]


def _limits(limits: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(say(_("Mind")), say(limit)) for limit in limits]


def _between(total: lifetime.Total) -> str:
    return say(_("{value} ({low} to {high})"), value=f"{total.value:,.0f}", low=f"{total.low:,.0f}", high=f"{total.high:,.0f}")


def _sorted(rows: pa.Table, what: str) -> pa.Table:
    key, order = _FIRST[what].split()
    return rows.select(_COLUMNS[what]).sort_by([(key, order), ("customer", "ascending")])


def _rows_table(rows: pa.Table) -> Table:
    """One column per number, its interval in brackets behind it."""
    names = [name for name in rows.column_names if name in _HEADS]
    table = Table(*(Column(say(_HEADS[name]), no_wrap=name == "customer") for name in names))
    for row in rows.to_pylist():
        table.add_row(*(_cell(name, row) for name in names))
    return table


def _cell(name: str, row: dict[str, Any]) -> str:
    value = _number(name, row[name])
    ends = _INTERVALS.get(name)
    if ends is None or row[name] is None:
        return value
    return say(_("{value} ({low} to {high})"), value=value, low=_number(name, row[ends[0]]), high=_number(name, row[ends[1]]))


def _number(name: str, value: str | float | datetime | None) -> str:
    if value is None:
        return "–" if name == "customer" else say(_("not expected"))
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, str):
        return value
    if name == "effect":
        return say(_("{value} points"), value=f"{100 * value:+.2f}")
    if name.startswith("p_"):
        return f"{value:.1%}"
    return f"{value:,.0f}" if name.startswith(("next", "days", "frequency", "steps")) else f"{value:,.2f}"


def _lines_table(lines: tuple[tuple[str, str], ...]) -> Table:
    table = Table(show_header=False)
    table.add_column(style="bold", overflow="fold")
    table.add_column(overflow="fold")
    for name, value in lines:
        table.add_row(name, value)
    return table


def _write(rows: pa.Table, file: Path) -> None:
    import pyarrow.csv
    import pyarrow.parquet
    try:
        if file.suffix == ".csv":
            pyarrow.csv.write_csv(rows, file)
        else:
            pyarrow.parquet.write_table(rows, file)
    except OSError as error:
        raise ConfigError(_("{file} cannot be written: {reason}."), file=file, reason=error.strerror or error) from error
