"""The report's chapter on waves: per cell, what each text brought, how its share moved, and what one text for all would have brought."""

from __future__ import annotations

from brandloom.i18n import _
from brandloom.measure import charts
from brandloom.measure.markup import Html, el, fold, join, table
from brandloom.measure.reader import Reader
from brandloom.measure.report import Report
from brandloom.measure.wave_rows import CellWaves, Waves

METRICS = {"clicks": _("Clicks"), "orders": _("Orders")}


def waves(reader: Reader, report: Report) -> Html | None:
    """Nothing where every cell had one text."""
    facts = report.waves
    if facts is None or not facts.cells:
        return None
    lead = el("p", reader.say(_("{opened} of {waves} waves are out, one every {every}. In the first the texts are dealt by what the scorer predicts, "
                                "or evenly without one; each later wave goes to the texts that brought more, and {floor} of it is always dealt "
                                "evenly, so that every text keeps a chance and the log can judge other rules."),
                              opened=facts.opened, waves=facts.waves, every=facts.every, floor=reader.percent(facts.floor, 0)))
    return join([lead, _machines(reader, facts), *(_cell(reader, facts, cell) for cell in facts.cells)])


def _machines(reader: Reader, facts: Waves) -> Html | None:
    if facts.metric != "clicks":
        return None
    left = reader.say(_(", ")).join(f"{reader.words(one.label)} {reader.number(one.count)}" for one in facts.machines)
    return el("p", reader.say(_("A person counts once, however often they click. Clicks set aside as made by machines: {left}. Machines that pass "
                                "for people are still in: they meet all texts alike, so compare texts and do not trust the level."),
                              left=left or reader.say(_("none"))), class_="note")


def _cell(reader: Reader, facts: Waves, cell: CellWaves) -> Html:
    names = {one.text: one.name for one in cell.texts}
    head = [reader.say(_("Text")), reader.say(_("Sent")), reader.say(METRICS[facts.metric]), reader.say(_("Share [95% interval]")),
            reader.say(_("Sent to everybody it would have brought")), reader.say(_("Effective messages"))]
    rows = [[f"{one.name}: {one.subject}", reader.number(one.sent), reader.number(one.successes), reader.share(one.rate),
             "–" if one.always is None else reader.share(one.always), "–" if one.effective is None else reader.number(one.effective)]
            for one in cell.texts]
    waves_head = [reader.say(_("Wave")), reader.say(_("Text")), reader.say(_("Share of the wave")), reader.say(_("Sent")),
                  reader.say(METRICS[facts.metric]), reader.say(_("Share [95% interval]"))]
    waves_rows = [[reader.number(row.wave), names.get(row.text, row.text), reader.percent(row.share), reader.number(row.sent),
                   reader.number(row.successes), reader.share(row.rate)] for row in cell.rows]
    title = reader.say(_("{persona}, {group}, {channel}, {language}"), persona=reader.words(cell.persona), group=reader.words(cell.group),
                       channel=cell.channel, language=cell.language)
    return el("section", el("h3", title), charts.waves(reader, cell),
              table(head, rows, caption=reader.say(_("What each text brought")), numbers=(1, 2, 3, 4, 5)),
              el("ul", *(el("li", reader.words(why)) for why in cell.moved)) if cell.moved else None,
              fold(reader.say(_("Wave by wave")), table(waves_head, waves_rows, caption=reader.say(_("Wave by wave")), numbers=(2, 3, 4, 5))))
