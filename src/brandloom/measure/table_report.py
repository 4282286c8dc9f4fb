"""The report on a company's own table as one HTML file: both languages inside, no script, no request to anywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files

import altair as alt

from brandloom.i18n import LANGUAGES, _
from brandloom.measure import charts
from brandloom.measure.html import _NAMES, _POLICY, _tag
from brandloom.measure.markup import Html, el, table
from brandloom.measure.reader import Reader
from brandloom.predict.metrics import Estimate
from brandloom.predict.tables import TableCard
from brandloom.predict.tables.checks import Finding
from brandloom.predict.tables.outputs import METRICS, VERDICTS, card_lines

_MOST_COLUMNS = 20


def render_table_report(card: TableCard, language: str = "en") -> str:
    """Draw a model's card: how good it is, whether its numbers are right, what moves them, what was found, who is treated how.

    Args:
        language: shown first, 'en' or 'zh'.
    """
    def chapters(reader: Reader) -> Chapters:
        return [("good", _("How good it is"), _good(reader, card)), ("right", _("Were the numbers right?"), _calibration(reader, card)),
                ("moves", _("What the columns say"), _importances(reader, card.importances)),
                ("found", _("What was found in the table"), found_in(reader, card.findings)),
                ("groups", _("Groups"), _groups(reader, card) if card.groups else None), ("limits", _("Limits"), limits_of(reader, card.limits))]
    return document(_("Prediction report: {target}"), card.target, card.file, chapters, language)


Chapters = list[tuple[str, str, Html | None]]
"""Id, title as a template, and content of each chapter; those without content are left out."""


def document(title: str, target: str, file: str, chapters: Callable[[Reader], Chapters], language: str) -> str:
    """A whole page in both languages.

    Args:
        title: template with a field for the target.
        language: shown first, 'en' or 'zh'.
    """
    switch = [el("input", type="radio", name="language", id=f"language-{code}", checked=code == language, class_="switch",
                 aria_label=_NAMES[code]) for code in LANGUAGES]
    style = Html(files("brandloom.measure").joinpath("report.css").read_text(encoding="utf-8"))
    head = el("head", el("meta", charset="utf-8"), el("meta", http_equiv="Content-Security-Policy", content=_POLICY),
              el("meta", name="viewport", content="width=device-width, initial-scale=1"), el("meta", name="referrer", content="no-referrer"),
              el("meta", name="color-scheme", content="light dark"), el("title", Reader(language, "").say(title, target=target)), el("style", style))
    pages = [_page(Reader(code, ""), title, target, file, chapters(Reader(code, ""))) for code in LANGUAGES]
    return "<!DOCTYPE html>\n" + el("html", head, el("body", *switch, *pages), lang=_tag(language)) + "\n"


def _page(reader: Reader, title: str, target: str, file: str, chapters: Chapters) -> Html:
    shown = [(key, reader.say(name), body) for key, name, body in chapters if body is not None]
    contents = el("nav", el("ol", *(el("li", el("a", name, href=f"#{reader.language}-{key}")) for key, name, _body in shown)),
                  aria_label=reader.say(_("Contents")))
    sections = [el("section", el("h2", name), body, id=f"{reader.language}-{key}") for key, name, body in shown]
    languages = el("p", *(el("label", _NAMES[code], for_=f"language-{code}", lang=_tag(code), class_="here" if code == reader.language else None)
                          for code in LANGUAGES), class_="languages")
    masthead = el("header", languages, el("p", file, class_="shop"), el("h1", reader.say(title, target=target)),
                  el("p", reader.say(_("Square brackets hold 95% intervals unless another level is named.")), class_="note"))
    return el("div", masthead, el("div", contents, el("main", *sections), class_="columns"), lang=_tag(reader.language),
              class_=f"page {reader.language}")


def _good(reader: Reader, card: TableCard) -> Html:
    facts = table([reader.say(_("What")), reader.say(_("Value"))], card_lines(card, reader.language))
    rows = [[reader.say(METRICS[name]), _interval(one)] for name, one in card.metrics.items()]
    return el("div", facts, table([reader.say(_("On rows held back")), reader.say(_("Value"))], rows))


def _calibration(reader: Reader, card: TableCard) -> Html:
    is_class = card.task == "class"
    data: charts.Rows = [{"x": one.predicted, "y": one.observed, "low": one.low, "high": one.high} for one in card.calibration]
    ends = [value for row in data for value in (row["x"], row["low"], row["high"])]
    low, most = (0.0 if is_class else min(ends)), max(ends)
    scale = alt.Scale(domain=[low, most + 0.05 * ((most - low) or 1.0)], nice=False)
    form = {"format": "%"} if is_class else {}
    x = alt.X("x:Q", scale=scale, axis=charts._axis(title=reader.say(_("Predicted")), **form))
    y = alt.Y("y:Q", scale=scale, axis=charts._axis(title=reader.say(_("Observed")), **form))
    line = charts._chart([{"x": low, "y": low}, {"x": most, "y": most}]).mark_line(color=charts._MUTED, strokeDash=[2, 3]).encode(x=x, y=y)
    rule = charts._chart(data).mark_rule(strokeWidth=2, color=charts._FIRST).encode(x="x:Q", y="low:Q", y2="high:Q")
    point = charts._chart(data).mark_point(filled=True, size=60, color=charts._FIRST, opacity=1).encode(x="x:Q", y="y:Q")
    title = reader.say(_("Predicted against observed, by tenth of the rows"))
    legend = [(charts._FIRST, reader.say(_("one tenth of the rows held back, 95% interval"))), (charts._MUTED, reader.say(_("exactly right")))]
    rows = [[k + 1, reader.number(one.rows), _number(one.predicted), f"{_number(one.observed)} [{_number(one.low)}, {_number(one.high)}]"]
            for k, one in enumerate(card.calibration)]
    numbers = table([reader.say(_("Tenth")), reader.say(_("Rows")), reader.say(_("Predicted")), reader.say(_("Observed"))], rows, caption=title,
                    numbers=(1, 2, 3))
    return charts._figure(reader, title, alt.layer(line, rule, point), 300, legend, numbers)


def _importances(reader: Reader, importances: Mapping[str, float]) -> Html:
    note = el("p", reader.say(_("Mean size of each column's exact part of the score, before calibration, over rows held back.")), class_="note")
    return el("div", note, shares_of(reader, importances, _("Share of all differences between rows that a column makes")))


def shares_of(reader: Reader, importances: Mapping[str, float], title: str) -> Html:
    """Bars of what each column contributes."""
    shown = list(importances.items())[:_MOST_COLUMNS]
    data: charts.Rows = [{"label": name, "n": share, "text": reader.percent(share)} for name, share in shown]
    most = max([0.01, *(row["n"] for row in data)])
    names = [name for name, _share in shown]
    bars = charts._chart(data).mark_bar(cornerRadiusEnd=2, color=charts._FIRST).encode(
        y=charts._names(names), x=alt.X("n:Q", axis=None, scale=alt.Scale(domain=[0, most * 1.2])))
    labels = charts._chart(data).mark_text(align="left", dx=5, color=charts._INK, fontSize=12).encode(
        y=charts._names(names), x=alt.X("n:Q"), text="text:N")
    return charts._figure(reader, reader.say(title), alt.layer(bars, labels), 26 * len(shown) + 10, [], None)


def found_in(reader: Reader, findings: Sequence[Finding]) -> Html:
    """What the checks say."""
    if not findings:
        return el("p", reader.say(_("Nothing that stands in the way.")))
    return el("ul", *(el("li", one.text(reader.language)) for one in findings))


def _groups(reader: Reader, card: TableCard) -> Html:
    head = [_("Group compared"), _("Rows"), _("Observed"), _("Predicted"), _("Share chosen"), _("Found among those with the target"),
            _("Chosen in vain among the others"), _("Calibration error"), _("Chosen, as a share of the highest"), _("Four-fifths rule"),
            _("Largest difference in being found or chosen in vain")]
    rows = [[one.group, reader.number(one.rows), _number(one.observed), _number(one.predicted), _interval(one.selected), _interval(one.true_positive),
             _interval(one.false_positive), _number(one.ece), _interval(one.ratio), reader.say(VERDICTS[one.verdict]), _interval(one.odds)]
            for one in card.groups]
    note = reader.say(_("A row counts as chosen from a score of {threshold} on, which chooses as many rows as have the target."),
                      threshold=_number(card.threshold)) if card.threshold is not None else None
    return el("div", el("p", note, class_="note") if note else None,
              _chosen(reader, card), table([reader.say(name) for name in head], rows, numbers=(*range(1, 9), 10)))


def _chosen(reader: Reader, card: TableCard) -> Html | None:
    """How often each group is chosen, with four fifths of the highest as a line."""
    data: charts.Rows = [{"label": one.group, "n": one.selected.value, "low": one.selected.low, "high": one.selected.high}
                         for one in card.groups if one.selected is not None][:_MOST_COLUMNS]
    if len(data) < 2:
        return None
    names = [row["label"] for row in data]
    most = max(row["high"] for row in data)
    bound = 0.8 * max(row["n"] for row in data)
    x = alt.X("n:Q", scale=alt.Scale(domain=[0, most * 1.05], nice=False), axis=charts._axis(title=reader.say(_("Share chosen")), format="%"))
    line = charts._chart([{"n": bound}]).mark_rule(color=charts._MUTED, strokeDash=[2, 3]).encode(x=x)
    rule = charts._chart(data).mark_rule(strokeWidth=2, color=charts._FIRST).encode(y=charts._names(names), x="low:Q", x2="high:Q")
    point = charts._chart(data).mark_point(filled=True, size=60, color=charts._FIRST, opacity=1).encode(y=charts._names(names), x=x)
    legend = [(charts._FIRST, reader.say(_("share of the group that is chosen, 95% interval"))),
              (charts._MUTED, reader.say(_("four fifths of the highest share")))]
    return charts._figure(reader, reader.say(_("How often each group is chosen")), alt.layer(line, rule, point), 30 * len(data) + 40, legend, None)


def limits_of(reader: Reader, limits: Sequence[str]) -> Html:
    """What the numbers do not say."""
    return el("ul", *(el("li", reader.say(limit)) for limit in limits))


def _interval(one: Estimate | None) -> str:
    return "–" if one is None else f"{_number(one.value)} [{_number(one.low)}, {_number(one.high)}]"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}" if abs(value) < 10 else f"{value:,.4g}"
