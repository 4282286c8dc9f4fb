"""One report as one HTML file: both languages inside, no script, no request to anywhere, readable on paper and on a phone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.resources import files

from brandloom.i18n import LANGUAGES, _
from brandloom.measure import chapters, outcome
from brandloom.measure import waves as wave_chapter
from brandloom.measure.markup import Html, el
from brandloom.measure.reader import Reader
from brandloom.measure.report import Report

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'"
_NAMES = {"en": "English", "zh": "中文"}
_CHAPTERS: tuple[tuple[str, str, Callable[[Reader, Report], Html | None]], ...] = (
    ("data", _("The data"), chapters.data),
    ("customers", _("The customers"), chapters.customers),
    ("likely", _("Who is likely to buy"), chapters.likely),
    ("audience", _("Who gets a message"), chapters.audience),
    ("products", _("What is offered"), chapters.products),
    ("content", _("What is said"), chapters.content),
    ("messages", _("As it arrives"), outcome.messages),
    ("delivery", _("Delivery"), outcome.delivery),
    ("waves", _("Which text is better"), wave_chapter.waves),
    ("replay", _("What they bought afterwards"), outcome.replay),
    ("experiment", _("What sending changed"), outcome.experiment),
    ("cost", _("Time and memory"), outcome.cost),
    ("provenance", _("Where this comes from"), outcome.provenance),
)


def render_report(report: Report, language: str = "en", *, languages: Sequence[str] = LANGUAGES) -> str:
    """Draw the report as one self-contained HTML page.

    Everything that comes from data (product names, copy, file names) is escaped; messages stand in frames without any rights.
    The page's own policy forbids every request, also those a message would make.

    Args:
        language: shown first, 'en' or 'zh'.
        languages: which ones are inside; more than one gives a switch.
    """
    shown = [code for code in LANGUAGES if code in languages] or [language]
    first = language if language in shown else shown[0]
    title = Reader(first, report.shop.currency).say(_("Campaign report: {shop}"), shop=report.shop.name)
    switch = [el("input", type="radio", name="language", id=f"language-{code}", checked=code == first, class_="switch",
                 aria_label=_NAMES[code]) for code in shown] if len(shown) > 1 else []
    pages = [_page(Reader(code, report.shop.currency), report, shown) for code in shown]
    style = Html(files("brandloom.measure").joinpath("report.css").read_text(encoding="utf-8"))
    head = el("head", el("meta", charset="utf-8"), el("meta", http_equiv="Content-Security-Policy", content=_POLICY),
              el("meta", name="viewport", content="width=device-width, initial-scale=1"),
              el("meta", name="referrer", content="no-referrer"),
              el("meta", name="color-scheme", content="light dark"), el("title", title), el("style", style))
    return "<!DOCTYPE html>\n" + el("html", head, el("body", *switch, *pages), lang=_tag(first)) + "\n"


def _page(reader: Reader, report: Report, shown: Sequence[str]) -> Html:
    drawn = [(key, title, body) for key, title, draw in _CHAPTERS if (body := draw(reader, report)) is not None]
    contents = el("nav", el("ol", *(el("li", el("a", reader.say(title), href=f"#{reader.language}-{key}"))
                                    for key, title, _body in drawn)), aria_label=reader.say(_("Contents")))
    sections = [el("section", el("h2", reader.say(title)), body, id=f"{reader.language}-{key}") for key, title, body in drawn]
    return el("div", _masthead(reader, report, shown), el("div", contents, el("main", *sections), class_="columns"),
              lang=_tag(reader.language), class_=f"page {reader.language}" if len(shown) > 1 else "page only")


def _masthead(reader: Reader, report: Report, shown: Sequence[str]) -> Html:
    switch = el("p", *(el("label", _NAMES[code], for_=f"language-{code}", lang=_tag(code),
                          class_="here" if code == reader.language else None) for code in shown), class_="languages")
    shop = report.shop
    demo = el("p", reader.say(_("Demonstration on public data; what is invented is listed at the end.")), class_="tag demo")
    return el("header", switch if len(shown) > 1 else None, el("p", shop.name, class_="shop"),
              el("h1", reader.words(shop.goal) or reader.say(_("Campaign report"))),
              el("p", reader.say(_("As of {as_of}, looking {days} days ahead"), as_of=reader.date(shop.as_of),
                                 days=shop.horizon_days), class_="when"),
              demo if shop.demo else None, _tiles(reader, report),
              el("p", reader.say(_("Square brackets hold 95% intervals unless another level is named.")), class_="note"))


def _tiles(reader: Reader, report: Report) -> Html:
    """The figures a reader wants before anything else."""
    found: list[tuple[object, str]] = []
    if report.customers:
        found.append((reader.number(report.customers.known), reader.say(_("customers known"))))
    if report.likely:
        found.append((reader.quantity(report.likely.expected_buyers), reader.say(_("expected to buy"))))
    if report.audience:
        found.append((reader.number(report.audience.sent), reader.say(_("get a message"))))
        found.append((reader.number(report.audience.holdout), reader.say(_("held out to measure"))))
    if report.delivery:
        found.append((reader.number(report.delivery.sent), reader.say(_("messages delivered"))))
    if report.replay:
        found.append((reader.share(report.replay.capture.model.buyers), reader.say(
            _("of later buyers were chosen; chance: {share}"),
            share=reader.percent(report.replay.capture.random.buyers.value))))
    if report.experiment:
        simulated = _("change by sending (simulated)") if report.experiment.readout.simulated else _("change by sending")
        found.append((reader.share_gap(report.experiment.readout.effect), reader.say(simulated)))
    return el("div", *(el("div", el("b", figure), el("span", label), class_="tile") for figure, label in found), class_="tiles")


def _tag(language: str) -> str:
    return "zh-Hans" if language == "zh" else language

