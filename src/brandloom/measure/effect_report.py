"""The report on what a treatment did in a company's own table, as one HTML file in both languages."""

from __future__ import annotations

import altair as alt

from brandloom.i18n import _
from brandloom.measure import charts
from brandloom.measure.markup import Html, el, table
from brandloom.measure.reader import Reader
from brandloom.measure.table_report import Chapters, document, found_in, limits_of, shares_of
from brandloom.predict.tables import EffectModel
from brandloom.predict.uplift import Between, Judged


def render_effect_report(model: EffectModel, language: str = "en") -> str:
    """Draw whom each treatment changes: the verdict, what treating the best first brings, predicted against found, what tells them apart.

    Args:
        language: shown first, 'en' or 'zh'.
    """
    def chapters(reader: Reader) -> Chapters:
        card = model.card
        return [("verdict", _("Does it pay to choose?"), _verdicts(reader, model)),
                ("first", _("Treating those first who react most"), _curves(reader, model)),
                ("right", _("Were the effects right?"), _fifths(reader, model)),
                ("moves", _("What the columns say"), _importances(reader, model)),
                ("found", _("What was found in the table"), found_in(reader, card.findings)),
                ("limits", _("Limits"), limits_of(reader, card.limits))]
    return document(_("Effect report: {target}"), model.card.target, model.card.file, chapters, language)


def _verdicts(reader: Reader, model: EffectModel) -> Html:
    card = model.card
    head = [_("Treatment"), _("Rows"), _("With the treatment"), _("Average effect"), _("Effect among the best 30 %"), _("Area over any order"),
            _("Real differences per predicted one")]
    rows = [[arm, reader.number(one.rows), reader.number(one.treated), _shown(one.average), _shown(one.top.effect), _shown(one.area),
             _shown(one.slope)] for arm, one in card.judged.items()]
    said = el("ul", *(el("li", sentence) for sentence in model.sentences(reader.language)))
    split = reader.say(_("Learned from {learned} rows, judged on {held} others; without treatment: {control}."),
                       learned=reader.number(card.learned_rows), held=reader.number(card.held_rows), control=card.control)
    return el("div", said, el("p", split, class_="note"), table([reader.say(name) for name in head], rows, numbers=tuple(range(1, 7))))


def _curves(reader: Reader, model: EffectModel) -> Html | None:
    drawn = [_curve(reader, arm, one) for arm, one in model.card.judged.items()]
    return el("div", *drawn) if drawn else None


def _curve(reader: Reader, arm: str, judged: Judged) -> Html:
    data: charts.Rows = [{"x": 0.0, "y": 0.0}, *({"x": one.share, "y": one.gain} for one in judged.curve)]
    whole = judged.curve[-1].gain
    bounds: charts.Rows = [{"x": one.share, "low": one.share * one.effect.low, "high": one.share * one.effect.high} for one in judged.curve]
    x = alt.X("x:Q", scale=alt.Scale(domain=[0, 1], nice=False), axis=charts._axis(title=reader.say(_("Share treated")), format="%"))
    y = alt.Y("y:Q", axis=charts._axis(title=reader.say(_("Gain per person of all"))))
    random = charts._chart([{"x": 0.0, "y": 0.0}, {"x": 1.0, "y": whole}]).mark_line(color=charts._MUTED, strokeDash=[2, 3]).encode(x=x, y=y)
    rule = charts._chart(bounds).mark_rule(strokeWidth=2, color=charts._FIRST, opacity=0.5).encode(x="x:Q", y="low:Q", y2="high:Q")
    line = charts._chart(data).mark_line(color=charts._FIRST, point=True).encode(x=x, y=y)
    title = reader.say(_("{arm}: gain by the share that is treated, those first who react most"), arm=arm)
    legend = [(charts._FIRST, reader.say(_("by predicted effect, 95% interval"))), (charts._MUTED, reader.say(_("in any order")))]
    rows = [[reader.percent(one.share), _shown(one.effect), _number(one.gain)] for one in judged.curve]
    numbers = table([reader.say(_("Share treated")), reader.say(_("Effect on each")), reader.say(_("Gain per person of all"))], rows, caption=title,
                    numbers=(1, 2))
    return charts._figure(reader, title, alt.layer(random, rule, line), 300, legend, numbers)


def _fifths(reader: Reader, model: EffectModel) -> Html | None:
    head = [_("Fifth by predicted effect"), _("Rows"), _("Predicted"), _("Found")]
    made = [table([reader.say(name) for name in head], [[place + 1, reader.number(one.rows), _number(one.predicted), _shown(one.found)]
                                                        for place, one in enumerate(judged.fifths)], caption=arm, numbers=(1, 2, 3))
            for arm, judged in model.card.judged.items()]
    return el("div", *made) if made else None


def _importances(reader: Reader, model: EffectModel) -> Html:
    drawn = [el("div", el("h3", arm), shares_of(reader, shares, _("Share of all differences in effect that a column makes")))
             for arm, shares in model.card.importances.items() if shares]
    return el("div", *drawn) if drawn else el("p", reader.say(_("Everybody gets the average effect; no column tells people apart.")))


def _shown(one: Between) -> str:
    return f"{_number(one.value)} [{_number(one.low)}, {_number(one.high)}]"


def _number(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 10 else f"{value:,.4g}"
