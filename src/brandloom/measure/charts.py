"""The report's plots as inline SVG: no script, no font file, colours from the page's style sheet (dark mode, print).

Each function takes plain rows and a `Reader` and returns one `<figure>` with a legend in HTML, an accessible name and, folded
below it, the table of its numbers. Legends are ours because a renderer without Chinese fonts cannot measure Chinese text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import altair as alt
import vl_convert

from brandloom.i18n import _
from brandloom.measure.experiment import Readout, Truth
from brandloom.measure.markup import Html, el, fold, table, writable
from brandloom.measure.meter import Stage
from brandloom.measure.reader import Reader
from brandloom.measure.replay import Capture, HitRates
from brandloom.measure.report import Decile, Period, SegmentRow, Step
from brandloom.measure.wave_rows import CellWaves

_WIDTH, _LINE = 480, 30
_VERSION = "6.4"
# Stand-ins that the style sheet's variables replace: the palette of Okabe and Ito, told apart by colour-blind readers.
_INK, _MUTED, _GRID = "#010101", "#020202", "#030303"
_FIRST, _SECOND, _THIRD, _FAINT = "#040404", "#050505", "#060606", "#070707"
_VARIABLES = {_INK: "ink", _MUTED: "muted", _GRID: "grid", _FIRST: "first", _SECOND: "second", _THIRD: "third",
              _FAINT: "faint"}
_NAMES = {_FIRST: "first", _SECOND: "second", _THIRD: "third", _FAINT: "faint", _MUTED: "muted", _INK: "ink"}

_LINES = (_FIRST, _SECOND, _THIRD, _MUTED, _INK, _FAINT)

Rows = list[dict[str, Any]]
_Drawing = alt.Chart | alt.LayerChart | alt.FacetChart


def demand(reader: Reader, periods: Sequence[Period]) -> Html:
    """Revenue per month; what the plan could not see is set apart."""
    rows: Rows = [{"x": reader.month(p.start), "y": p.revenue, "after": p.after} for p in periods]
    bars = _chart(rows).mark_bar(cornerRadiusEnd=2).encode(
        x=alt.X("x:O", sort=None, axis=_axis(labelAngle=-60, grid=False)),
        y=alt.Y("y:Q", axis=_axis(format="~s", title=reader.say(_("Net revenue, {currency}"), currency=reader.currency))),
        color=alt.Color("after:N", legend=None, scale=alt.Scale(domain=[False, True], range=[_FIRST, _FAINT])))
    title = reader.say(_("Sales per month"))
    legend = [(_FIRST, reader.say(_("known when planning"))), (_FAINT, reader.say(_("month of the plan and later")))]
    return _figure(reader, title, bars, 220, legend, table(
        [reader.say(_("Month")), reader.say(_("Orders")), reader.say(_("Customers")), reader.say(_("Net revenue"))],
        [[reader.month(p.start), reader.number(p.orders), reader.number(p.customers), reader.money(p.revenue)] for p in periods],
        caption=title, numbers=(1, 2, 3)))


def segments(reader: Reader, rows: Sequence[SegmentRow]) -> Html:
    """Share of customers beside share of revenue, per segment; one that returned more than it bought has none."""
    people, revenue = sum(r.customers for r in rows) or 1, sum(r.revenue for r in rows) or 1
    data: Rows = [{"label": reader.words(r.label), "kind": kind, "share": share} for r in rows
                  for kind, share in (("people", r.customers / people), ("revenue", max(0.0, r.revenue / revenue)))]
    names = [reader.words(r.label) for r in rows]
    bars = _chart(data).mark_bar(cornerRadiusEnd=2).encode(
        y=_names(names), yOffset=alt.YOffset("kind:N", sort=["people", "revenue"]),
        x=alt.X("share:Q", axis=_axis(format="%", title=reader.say(_("Share of all")))),
        color=_colours({"people": _FIRST, "revenue": _SECOND}))
    title = reader.say(_("Segments: people and money"))
    legend = [(_FIRST, reader.say(_("of customers"))), (_SECOND, reader.say(_("of net revenue so far")))]
    return _figure(reader, title, bars, _LINE * len(rows) + 40, legend, None)


def deciles(reader: Reader, rows: Sequence[Decile]) -> Html:
    """Expected buyers per tenth of the customers, and what was observed where that is known."""
    data: Rows = [{"x": r.decile, "expected": r.expected_buyers, "observed": r.observed_buyers} for r in rows]
    bars = _chart(data).mark_bar(cornerRadiusEnd=2, color=_FIRST).encode(
        x=alt.X("x:O", axis=_axis(labelAngle=0, grid=False, title=reader.say(_("Tenth of customers, 1 = most likely to buy")))),
        y=alt.Y("expected:Q", axis=_axis(title=reader.say(_("Buyers")))))
    layers: list[alt.Chart] = [bars]
    legend = [(_FIRST, reader.say(_("expected")))]
    if any(r.observed_buyers is not None for r in rows):
        layers.append(_chart(data).mark_point(filled=True, size=70, color=_SECOND, opacity=1).encode(x="x:O", y="observed:Q"))
        legend.append((_SECOND, reader.say(_("observed afterwards"))))
    title = reader.say(_("Expected buyers by tenth of customers"))
    return _figure(reader, title, alt.layer(*layers), 220, legend, table(
        [reader.say(_("Tenth")), reader.say(_("Customers")), reader.say(_("Mean probability")), reader.say(_("Lowest")),
         reader.say(_("Highest")), reader.say(_("Expected buyers")), reader.say(_("Observed"))],
        [[r.decile, reader.number(r.customers), reader.percent(r.p_mean), reader.percent(r.p_low), reader.percent(r.p_high),
          reader.number(r.expected_buyers), reader.number(r.observed_buyers)] for r in rows],
        caption=title, numbers=(1, 2, 3, 4, 5, 6)))


def funnel(reader: Reader, steps: Sequence[Step]) -> Html:
    """How many remain after each step."""
    names = [reader.words(step.label) for step in steps]
    data: Rows = [{"label": name, "n": step.customers, "text": reader.number(step.customers)}
                  for name, step in zip(names, steps, strict=True)]
    most = max((step.customers for step in steps), default=1)
    bars = _chart(data).mark_bar(cornerRadiusEnd=2, color=_FIRST).encode(
        y=_names(names), x=alt.X("n:Q", axis=None, scale=alt.Scale(domain=[0, most * 1.18])))
    labels = _chart(data).mark_text(align="left", dx=5, color=_INK, fontSize=12).encode(
        y=_names(names), x=alt.X("n:Q"), text="text:N")
    title = reader.say(_("From all customers to the audience"))
    return _figure(reader, title, alt.layer(bars, labels), _LINE * len(steps) + 10, [], table(
        [reader.say(_("Step")), reader.say(_("Customers"))], [[d["label"], d["text"]] for d in data],
        caption=title, numbers=(1,)))


def trade(reader: Reader, shares: Sequence[tuple[int, float]], written: int) -> Html:
    """What more texts would keep of the value that one text per reader would have; the point is what was written."""
    lines: Rows = [{"x": texts, "y": share} for texts, share in shares]
    here = [line for line in lines if line["x"] == min(written, shares[-1][0])]
    x = alt.X("x:Q", axis=_axis(format="d", tickMinStep=1, title=reader.say(_("Texts written"))))
    y = alt.Y("y:Q", scale=alt.Scale(domain=[0, 1]), axis=_axis(format="%", title=reader.say(_("Expected value kept"))))
    curve = _chart(lines).mark_line(strokeWidth=2, color=_FIRST).encode(x=x, y=y)
    point = _chart(here).mark_point(filled=True, size=80, color=_INK, opacity=1).encode(x="x:Q", y="y:Q")
    title = reader.say(_("What more texts would be worth"))
    return _figure(reader, title, alt.layer(curve, point), 200, [], table(
        [reader.say(_("Texts written")), reader.say(_("Expected value kept"))],
        [[reader.number(texts), reader.percent(share)] for texts, share in shares], caption=title, numbers=(0, 1)))


def gain(reader: Reader, capture: Capture) -> Html:
    """Share of later buyers held by the best x percent of the pool."""
    lines: Rows = [{"x": p.contacted, "y": y, "way": way} for p in capture.curve
                   for way, y in (("model", p.model_buyers), ("recent", p.recent_buyers), ("random", p.contacted))]
    at = capture.chosen / capture.pool
    mark: Rows = [{"x": at, "y": capture.model.buyers.value, "low": capture.model.buyers.low, "high": capture.model.buyers.high}]
    x = alt.X("x:Q", scale=alt.Scale(domain=[0, 1]),
              axis=_axis(format="%", title=reader.say(_("Share of the pool that is contacted"))))
    y = alt.Y("y:Q", scale=alt.Scale(domain=[0, 1]),
              axis=_axis(format="%", title=reader.say(_("Share of later buyers held"))))
    curves = _chart(lines).mark_line(strokeWidth=2).encode(
        x=x, y=y, color=_colours({"model": _FIRST, "recent": _SECOND, "random": _MUTED}, "way"),
        strokeDash=alt.StrokeDash("way:N", legend=None, scale=alt.Scale(
            domain=["model", "recent", "random"], range=[[1, 0], [6, 3], [2, 3]])))
    rule = _chart(mark).mark_rule(strokeWidth=3, color=_INK).encode(x="x:Q", y="low:Q", y2="high:Q")
    point = _chart(mark).mark_point(filled=True, size=80, color=_INK, opacity=1).encode(x="x:Q", y="y:Q")
    title = reader.say(_("Buyers held, by how many are contacted"))
    legend = [(_FIRST, reader.say(_("model"))), (_SECOND, reader.say(_("most recent buyers"))),
              (_MUTED, reader.say(_("random")))]
    rows = [[reader.percent(p.contacted, 0), reader.percent(p.model_buyers), reader.percent(p.recent_buyers),
             reader.percent(p.model_revenue), reader.percent(p.recent_revenue)] for p in capture.curve[::5]]
    return _figure(reader, title, alt.layer(curves, rule, point), 300, legend, table(
        [reader.say(_("Contacted")), reader.say(_("Buyers, model")), reader.say(_("Buyers, most recent")),
         reader.say(_("Revenue, model")), reader.say(_("Revenue, most recent"))], rows, caption=title, numbers=(1, 2, 3, 4)))


def calibration(reader: Reader, capture: Capture) -> Html:
    """Predicted against observed share of buyers per tenth."""
    data: Rows = [{"x": r.predicted, "y": r.observed.value, "low": r.observed.low, "high": r.observed.high}
                  for r in capture.calibration]
    most = max([0.1, *(max(d["x"], d["high"]) for d in data)]) * 1.05
    scale = alt.Scale(domain=[0, most], nice=False)
    x = alt.X("x:Q", scale=scale, axis=_axis(format="%", title=reader.say(_("Predicted share of buyers"))))
    y = alt.Y("y:Q", scale=scale, axis=_axis(format="%", title=reader.say(_("Observed share of buyers"))))
    line = _chart([{"x": 0, "y": 0}, {"x": most, "y": most}]).mark_line(color=_MUTED, strokeDash=[2, 3]).encode(x=x, y=y)
    rule = _chart(data).mark_rule(strokeWidth=2, color=_FIRST).encode(x="x:Q", y="low:Q", y2="high:Q")
    point = _chart(data).mark_point(filled=True, size=60, color=_FIRST, opacity=1).encode(x="x:Q", y="y:Q")
    title = reader.say(_("Were the probabilities right?"))
    legend = [(_FIRST, reader.say(_("one tenth of the pool, 95% interval"))), (_MUTED, reader.say(_("exactly right")))]
    return _figure(reader, title, alt.layer(line, rule, point), 300, legend, table(
        [reader.say(_("Tenth")), reader.say(_("Customers")), reader.say(_("Predicted")), reader.say(_("Observed"))],
        [[r.decile, reader.number(r.customers), reader.percent(r.predicted), reader.share(r.observed)]
         for r in capture.calibration], caption=title, numbers=(1, 2, 3)))


def hits(reader: Reader, rates: HitRates) -> Html:
    """Share of buyers who bought at least one of the k products, ours against the popular ones."""
    kinds = {"all": reader.say(_("any product")), "new": reader.say(_("new to them")), "repeat": reader.say(_("bought before"))}
    rows = [row for row in rates.rows if row.measure == "hit"]
    data: Rows = [{"label": kinds[r.kind], "way": way, "y": e.value, "low": e.low, "high": e.high}
                  for r in rows for way, e in (("model", r.model), ("popular", r.popular))]
    names = [kinds[r.kind] for r in rows]
    offset = alt.YOffset("way:N", sort=["model", "popular"])
    bars = _chart(data).mark_bar(cornerRadiusEnd=2).encode(
        y=_names(names), yOffset=offset, x=alt.X("y:Q", axis=_axis(format="%", title=reader.say(
            _("Buyers who bought one of the {k} products"), k=rates.k))),
        color=_colours({"model": _FIRST, "popular": _FAINT}, "way"))
    rule = _chart(data).mark_rule(strokeWidth=2, color=_INK).encode(
        y=_names(names), yOffset=offset, x=alt.X("low:Q"), x2="high:Q")
    title = reader.say(_("Did they buy what was recommended?"))
    legend = [(_FIRST, reader.say(_("recommended to them"))), (_FAINT, reader.say(_("most popular products")))]
    return _figure(reader, title, alt.layer(bars, rule), 56 * len(rows) + 50, legend, None)


def readout(reader: Reader, result: Readout, truth: Truth | None) -> Html:
    """The effect's two intervals, no effect, and the truth where it is known."""
    fixed, anytime = reader.say(_("one look at the end")), reader.say(_("safe to look daily"))
    data: Rows = [{"label": label, "x": 100 * e.value, "low": 100 * (e.low or 0), "high": 100 * (e.high or 0)}
                  for label, e in ((fixed, result.effect), (anytime, result.effect_anytime))]
    axis = _axis(labelExpr="datum.value == 0 ? '0' : format(datum.value, '+~g')",
                 title=reader.say(_("Change in the share of buyers, percentage points")))
    rule = _chart(data).mark_rule(strokeWidth=3, color=_FIRST).encode(
        y=_names([fixed, anytime]), x=alt.X("low:Q", axis=axis), x2="high:Q")
    point = _chart(data).mark_point(filled=True, size=90, color=_FIRST, opacity=1).encode(
        y=_names([fixed, anytime]), x=alt.X("x:Q"))
    zero = _chart([{"x": 0}]).mark_rule(color=_MUTED, strokeDash=[3, 3]).encode(x="x:Q")
    layers = [zero, rule, point]
    legend = [(_FIRST, reader.say(_("measured, 95% interval"))), (_MUTED, reader.say(_("no effect")))]
    if truth is not None:
        layers.append(_chart([{"x": 100 * truth.effect}]).mark_rule(color=_THIRD, strokeWidth=2).encode(x="x:Q"))
        legend.append((_THIRD, reader.say(_("true effect of the simulation"))))
    return _figure(reader, reader.say(_("Effect of sending, with its intervals")), alt.layer(*layers), 150, legend, None)


def waves(reader: Reader, cell: CellWaves) -> Html:
    """How each wave was shared out among the texts of a cell."""
    names = {one.text: one.name for one in cell.texts}
    data: Rows = [{"wave": row.wave, "text": names.get(row.text, row.text), "share": row.share} for row in cell.rows]
    order = [one.name for one in cell.texts]
    lines = _chart(data).mark_line(strokeWidth=2, point=alt.OverlayMarkDef(filled=True, size=50)).encode(
        x=alt.X("wave:O", axis=_axis(labelAngle=0, grid=False, title=reader.say(_("Wave")))),
        y=alt.Y("share:Q", scale=alt.Scale(domain=[0, 1]), axis=_axis(format="%", title=reader.say(_("Share of the wave")))),
        color=alt.Color("text:N", legend=None, scale=alt.Scale(domain=order, range=[_LINES[n % len(_LINES)] for n in range(len(order))])))
    legend = [(_LINES[n % len(_LINES)], f"{one.name}: {one.subject}") for n, one in enumerate(cell.texts)]
    return _figure(reader, reader.say(_("How the waves were shared out")), lines, 200, legend, None)


def stages(reader: Reader, rows: Sequence[Stage]) -> Html:
    """Seconds per stage."""
    names = [reader.say(row.name) for row in rows]
    data: Rows = [{"label": name, "n": row.seconds, "text": reader.seconds(row.seconds)}
                  for name, row in zip(names, rows, strict=True)]
    most = max([0.1, *(row.seconds for row in rows)])
    bars = _chart(data).mark_bar(cornerRadiusEnd=2, color=_FIRST).encode(
        y=_names(names), x=alt.X("n:Q", axis=None, scale=alt.Scale(domain=[0, most * 1.2])))
    labels = _chart(data).mark_text(align="left", dx=5, color=_INK, fontSize=12).encode(
        y=_names(names), x=alt.X("n:Q"), text="text:N")
    title = reader.say(_("Time per stage"))
    return _figure(reader, title, alt.layer(bars, labels), 26 * len(rows) + 10, [], table(
        [reader.say(_("Stage")), reader.say(_("Time")), reader.say(_("Peak memory"))],
        [[name, reader.seconds(row.seconds), reader.memory(row.peak_mb)] for name, row in zip(names, rows, strict=True)],
        caption=title, numbers=(1, 2)))


def _chart(rows: Rows) -> alt.Chart:
    return alt.Chart({"values": rows})


def _axis(**options: Any) -> alt.Axis:
    plain = {"title": None, "labelColor": _MUTED, "titleColor": _MUTED, "gridColor": _GRID, "domainColor": _GRID,
             "tickColor": _GRID, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "tickCount": 6}
    return alt.Axis(**{**plain, **options})


def _names(names: Sequence[str]) -> alt.Y:
    """Row labels with the room they need: the renderer cannot measure glyphs it has no font for."""
    room = min(190.0, max((_text_width(name) for name in names), default=0.0) + 12)
    return alt.Y("label:N", sort=list(names), axis=_axis(minExtent=room, maxExtent=room, labelLimit=190, ticks=False,
                                                        domain=False, labelColor=_INK, labelOverlap=False, grid=False))


def _text_width(text: str) -> float:
    return sum(12.5 if unicodedata.east_asian_width(sign) in "WF" else 6.6 for sign in text)


def _colours(colours: dict[str, str], column: str = "kind") -> alt.Color:
    return alt.Color(f"{column}:N", legend=None, scale=alt.Scale(domain=list(colours), range=list(colours.values())))


def _figure(reader: Reader, title: str, chart: _Drawing, height: int, legend: Sequence[tuple[str, str]],
            numbers: Html | None) -> Html:
    keys = el("ul", *(el("li", el("i", class_=f"key {_NAMES[colour]}"), label) for colour, label in legend), class_="legend")
    return el("figure", el("figcaption", title), keys if legend else None, _svg(chart, height, title),
              fold(reader.say(_("The numbers as a table")), numbers) if numbers is not None else None)


def _writable(spec: Any) -> Any:
    """A drawing whose labels the renderer can take: on others it fails, or ends the whole process."""
    if isinstance(spec, dict):
        return {key: _writable(value) for key, value in spec.items()}
    if isinstance(spec, list):
        return [_writable(value) for value in spec]
    return writable(spec) if isinstance(spec, str) else spec


def _svg(chart: _Drawing, height: int, name: str) -> Html:
    drawn = chart.properties(width=_WIDTH, height=height, background="transparent", padding=4,
                             autosize=alt.AutoSizeParams(type="fit-x", contains="padding")).configure_view(stroke=None)
    raw = vl_convert.vegalite_to_svg(_writable(drawn.to_dict()), vl_version=_VERSION)
    for colour, variable in _VARIABLES.items():
        raw = raw.replace(f'"{colour}"', f'"var(--{variable})"')
    raw = re.sub(r' (?:aria-(?:label|roledescription)|role|font-family)="[^"]*"', "", raw)
    head = el("svg", role="img", aria_label=name)[:-len("></svg>")]
    return Html(raw.replace("<svg", head, 1))
