"""The report's chapters up to sending: data, customers, likely buyers, audience, offers, copy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from brandloom.i18n import _
from brandloom.measure import charts
from brandloom.measure.markup import Html, el, fold, join, table
from brandloom.measure.reader import Reader
from brandloom.measure.report import (
    Audience,
    Content,
    Customers,
    FindingRow,
    Likely,
    Load,
    LoadedFile,
    Metric,
    ModelCard,
    Period,
    ProductRow,
    Prospect,
    Report,
    VariantCard,
)
from brandloom.measure.words import Count

KINDS = (_("orders"), _("events"), _("products"), _("customers"), _("documents"))
"""Kinds of file as the load names them; shown by looking the plain word up."""


def data(reader: Reader, report: Report) -> Html | None:
    """What was loaded, what was refused and why, and sales over time."""
    if report.load is None and not report.demand:
        return None
    return join([_loaded(reader, report.load) if report.load else None,
                 charts.demand(reader, report.demand) if report.demand else None, _demand_note(reader, report.demand)])


def customers(reader: Reader, report: Report) -> Html | None:
    """Who the customers are."""
    return _customers(reader, report.customers) if report.customers else None


def likely(reader: Reader, report: Report) -> Html | None:
    """Who will probably buy, how sure that is, and the model behind it."""
    if report.likely is None and report.model is None:
        return None
    return join([_likely(reader, report.likely, report.shop.horizon_days) if report.likely else None,
                 _model(reader, report.model) if report.model else None])


def audience(reader: Reader, report: Report) -> Html | None:
    """Who was chosen, who was left out and why, what it costs and may bring."""
    return _audience(reader, report.audience, report.shop.horizon_days) if report.audience else None


def products(reader: Reader, report: Report) -> Html | None:
    """What the messages show."""
    return _products(reader, report.products) if report.products else None


def content(reader: Reader, report: Report) -> Html | None:
    """The texts, who wrote them, and their checks."""
    return _content(reader, report.content) if report.content else None


def kinds(reader: Reader, counts: Sequence[Count]) -> str:
    """Counts in one line: 'a 3, b 2'."""
    return reader.say(_("; ")).join(f"{reader.words(item.label)} {reader.number(item.count)}" for item in counts)


def _loaded(reader: Reader, load: Load) -> Html:
    rows = [[file.name, reader.say(file.kind), reader.number(file.rows), reader.number(file.new), reader.number(file.known),
             reader.number(file.refused)] for file in load.files]
    span = None
    if load.first_event and load.last_event:
        span = el("p", reader.say(_("The sales run from {first} to {last}."), first=reader.date(load.first_event),
                                  last=reader.date(load.last_event)))
    return join([span, table(
        [reader.say(_("File")), reader.say(_("Read as")), reader.say(_("Rows")), reader.say(_("New rows")),
         reader.say(_("Already known")), reader.say(_("Refused"))], rows, caption=reader.say(_("Files loaded")),
        numbers=(2, 3, 4, 5)), *(_file_notes(reader, file) for file in load.files)])


def _file_notes(reader: Reader, file: LoadedFile) -> Html:
    reasons = table([reader.say(_("Why rows were refused")), reader.say(_("Rows"))],
                    [[reader.words(item.label), reader.number(item.count)] for item in file.reasons],
                    caption=reader.say(_("Refused rows of {name}"), name=file.name), numbers=(1,)) if file.reasons else None
    notes = el("ul", *(el("li", reader.words(note)) for note in file.notes)) if file.notes else None
    return join([reasons, notes])


def _demand_note(reader: Reader, periods: Sequence[Period]) -> Html | None:
    if not any(period.after for period in periods):
        return None
    return el("p", reader.say(_("Grey months were not known when the campaign was planned; the last one may be incomplete.")),
              class_="note")


def _customers(reader: Reader, facts: Customers) -> Html:
    lead = el("p", reader.say(_("{n} customers have bought {revenue} in all, returns taken off."), n=reader.number(facts.known),
                              revenue=reader.money(facts.revenue)))
    if not facts.segments:
        return lead
    rows = [[_labelled(reader.words(s.label), reader.words(s.description)), reader.number(s.customers),
             reader.percent(s.customers / facts.known if facts.known else 0), reader.money(s.revenue),
             reader.number(s.recency_days), reader.percent(s.p_purchase)] for s in facts.segments]
    numbers = table([reader.say(_("Segment")), reader.say(_("Customers")), reader.say(_("Share")), reader.say(_("Net revenue")),
                     reader.say(_("Days since last purchase, median")), reader.say(_("Likely to buy, mean"))], rows,
                    caption=reader.say(_("Segments")), numbers=(1, 2, 3, 4, 5))
    countries = el("p", reader.say(_("Countries: {list}"), list=kinds(reader, facts.countries)), class_="note")
    return join([lead, charts.segments(reader, facts.segments), numbers, countries if facts.countries else None])


def _labelled(label: str, description: str) -> Html:
    return join([label, el("small", description) if description else None])


def _likely(reader: Reader, facts: Likely, days: int) -> Html:
    known = None if facts.observed_buyers is None else el(
        "p", reader.say(_("In the data that followed, {n} of them bought."), n=reader.number(facts.observed_buyers)))
    lead = el("p", reader.say(_("Customers expected to buy in the next {days} days: "), days=days),
              el("strong", reader.quantity(facts.expected_buyers)))
    people = fold(reader.say(_("The most likely people, and why")), _prospects(reader, facts.prospects))
    return join([lead, known, charts.deciles(reader, facts.deciles) if facts.deciles else None,
                 people if facts.prospects else None])


def _prospects(reader: Reader, people: Sequence[Prospect]) -> Html:
    rows = [[el("code", person.customer), reader.share(person.p_purchase), reader.money(person.expected_spend),
             el("ul", *(el("li", reader.words(reason)) for reason in person.reasons))] for person in people]
    return table([reader.say(_("Customer (pseudonym)")), reader.say(_("Likely to buy")), reader.say(_("Expected spend")),
                  reader.say(_("Strongest reasons"))], rows, caption=reader.say(_("Most likely people")), numbers=(1, 2))


def _model(reader: Reader, model: ModelCard) -> Html:
    lead = el("p", reader.say(_("{name}, learned from {n} examples (customers at past cut-off dates)."),
                              name=reader.words(model.name), n=reader.number(model.trained_on)))
    cutoffs = el("p", reader.say(_("Cut-off dates: {list}"), list=reader.say(_("; ")).join(map(reader.date, model.cutoffs))),
                 class_="note") if model.cutoffs else None
    metrics = _metrics(reader, model.metrics) if model.metrics else None
    features = table([reader.say(_("What it looks at")), reader.say(_("Weight"))],
                     [[reader.words(f.name), reader.percent(f.importance, 0)] for f in model.features],
                     caption=reader.say(_("Strongest features")), numbers=(1,)) if model.features else None
    limits = [el("p", reader.say(_("What it cannot know"))), el("ul", *(el("li", reader.words(x)) for x in model.limits))]
    return el("section", el("h3", reader.say(_("The model"))), lead, cutoffs, metrics,
              fold(reader.say(_("Features and limits")), features, limits if model.limits else None)
              if model.features or model.limits else None)


def _metrics(reader: Reader, metrics: Sequence[Metric]) -> Html:
    compared = any(metric.baseline for metric in metrics)

    def row(metric: Metric) -> list[object]:
        base = reader.quantity(metric.baseline, 3) if metric.baseline else "–"
        better = reader.say(_("Higher is better.")) if metric.higher_is_better else reader.say(_("Lower is better."))
        return [_labelled(reader.words(metric.name), f"{reader.words(metric.meaning)} {better}".strip()),
                reader.quantity(metric.model, 3), *([join([base, el("small", reader.words(metric.baseline_name))])] if compared else [])]

    return table([reader.say(_("Measure")), reader.say(_("Model")), *([reader.say(_("Compared with"))] if compared else [])],
                 [row(metric) for metric in metrics], caption=reader.say(_("Quality on a later time it had not seen")),
                 numbers=(1, 2) if compared else (1,))


def _audience(reader: Reader, facts: Audience, days: int) -> Html:
    lead = el("p", reader.say(_("{chosen} people were chosen. {sent} of them get a message; {holdout}, drawn at random, get "
                                "none, so that the effect of sending can be measured."), chosen=reader.number(facts.chosen),
                              sent=reader.number(facts.sent), holdout=reader.number(facts.holdout)))
    left_out = table([reader.say(_("Left out because")), reader.say(_("Customers"))],
                     [[reader.words(item.label), reader.number(item.count)] for item in facts.left_out],
                     caption=reader.say(_("Who was left out, and why")), numbers=(1,)) if facts.left_out else None
    return join([lead, el("div", charts.funnel(reader, facts.funnel), left_out, class_="pair"), _economics(reader, facts, days)])


def _economics(reader: Reader, facts: Audience, days: int) -> Html:
    rows: list[tuple[object, object]] = [(reader.say(_("Cost of all messages")), reader.money(facts.cost))]
    if facts.budget is not None:
        rows.append((reader.say(_("Budget")), reader.money(facts.budget)))
    if facts.expected_revenue is not None:
        rows.append((reader.say(_("Their expected spend in {days} days, message or not"), days=days),
                     reader.amount(facts.expected_revenue)))
    if facts.assumed_lift is not None:
        origin = reader.say(_("measured")) if facts.lift_measured else reader.say(_("assumed, not measured"))
        rows.append((reader.say(_("Rise in purchases by a message")), join([reader.change(facts.assumed_lift), " ",
                                                                           el("small", origin)])))
    if facts.expected_gain is not None:
        rows.append((reader.say(_("Margin this would bring, before cost")), reader.amount(facts.expected_gain)))
    if facts.detectable_lift is not None:
        rows.append((reader.say(_("Smallest rise this holdout would find four times in five")),
                     reader.change(facts.detectable_lift)))
    return table([reader.say(_("What")), reader.say(_("Value"))], rows, caption=reader.say(_("Cost and expected result")),
                 numbers=(1,))


def _products(reader: Reader, rows: Sequence[ProductRow]) -> Html:
    lead = el("p", reader.say(_("The {n} products shown most often; each person's own come first in their message."),
                              n=len(rows)))
    return join([lead, table(
        [reader.say(_("Product")), reader.say(_("Group")), reader.say(_("Price")), reader.say(_("Messages that show it")),
         reader.say(_("Why"))],
        [[_labelled(row.name, row.product), reader.words(row.group), reader.money(row.price), reader.number(row.shown_to),
          kinds(reader, row.reasons)] for row in rows], caption=reader.say(_("Products recommended")), numbers=(2, 3))])


def _content(reader: Reader, facts: Content) -> Html:
    total = facts.as_written + facts.repaired + facts.templates
    lead = el("p", reader.say(_("{model} wrote {n} texts in {seconds} with {calls} calls. No text that failed a check is used: "
                                "it is repaired once, or replaced by the shop's own plain template."), model=facts.model,
                              n=reader.number(total), seconds=reader.seconds(facts.seconds), calls=reader.number(facts.calls)))
    counts = el("div", *(_tile(reader.number(n), label) for n, label in (
        (facts.as_written, reader.say(_("passed as written"))), (facts.repaired, reader.say(_("passed after one repair"))),
        (facts.templates, reader.say(_("replaced by the plain template"))))), class_="tiles")
    checks = fold(reader.say(_("What every text is checked for")), el("ul", *(el("li", reader.words(c)) for c in facts.checks)))
    label = el("p", reader.say(_("AI label: ")), el("q", reader.say(_(" · ")).join(reader.words(x) for x in facts.ai_label)))
    refused = _refusals(reader, facts.variants)
    cards = el("div", *(_variant(reader, variant) for variant in facts.variants), class_="cards")
    return join([lead, counts, _trade(reader, facts), label if facts.ai_label else None, checks if facts.checks else None, refused, cards])


def _trade(reader: Reader, facts: Content) -> Html | None:
    """How much is lost against a text of its own for every reader."""
    if len(facts.text_shares) < 2:
        return None
    written = len(facts.variants)
    kept = max(share for texts, share in facts.text_shares if texts <= max(written, facts.text_shares[0][0]))
    note = el("p", reader.say(_("{n} texts keep {share} of the expected value that a text for every single reader would have. A text on the first "
                                "product shown counts in full, one on a later product or a general one by its place (DCG discount)."),
                              n=reader.number(written), share=reader.percent(kept)))
    return join([note, charts.trade(reader, facts.text_shares, written)])


def _refusals(reader: Reader, variants: Sequence[VariantCard]) -> Html | None:
    found = Counter(item.check for variant in variants for item in variant.rejected)
    if not found:
        return None
    return fold(reader.say(_("Why drafts were refused")), table(
        [reader.say(_("Check")), reader.say(_("Times"))],
        [[reader.say(check), reader.number(n)] for check, n in found.most_common()],
        caption=reader.say(_("Why drafts were refused")), numbers=(1,)))


def _variant(reader: Reader, variant: VariantCard) -> Html:
    origin = {"model": reader.say(_("passed as written")), "repaired": reader.say(_("passed after one repair")),
              "template": reader.say(_("plain template"))}.get(variant.origin, variant.origin)
    meta = el("p", reader.words(variant.persona), " · ", reader.words(variant.group), " · ", variant.channel, " · ",
              variant.language, class_="note")
    people = el("span", reader.say(_("{n} people"), n=reader.number(variant.people)), class_="tag")
    tag = f"tag {variant.origin}" if variant.origin in _ORIGINS else "tag"
    return el("article", el("p", el("span", origin, class_=tag), people),
              meta, el("h4", variant.subject, lang=variant.language), el("p", variant.body, lang=variant.language, class_="copy"),
              el("p", el("span", variant.button, class_="button", lang=variant.language)) if variant.button else None,
              _findings(reader, _("Remarks on this text"), variant.findings),
              _findings(reader, _("Why earlier drafts were refused"), variant.rejected))


_ORIGINS = ("model", "repaired", "template")


def _findings(reader: Reader, title: str, findings: Sequence[FindingRow]) -> Html | None:
    if not findings:
        return None
    return fold(reader.say(title), el("ul", *(el("li", el("b", reader.say(item.check)), ": ", reader.words(item.message))
                                             for item in findings)))


def _tile(figure: object, label: object) -> Html:
    return el("div", el("b", figure), el("span", label), class_="tile")
