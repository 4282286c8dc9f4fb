"""The report's chapters from sending on: messages, delivery, what followed, what sending changed, time, origins."""

from __future__ import annotations

from collections.abc import Sequence

from brandloom.i18n import _
from brandloom.measure import charts
from brandloom.measure.experiment import SRM_LIMIT, Readout, Truth
from brandloom.measure.intervals import Estimate
from brandloom.measure.markup import Html, el, fold, join, link, table
from brandloom.measure.reader import Reader
from brandloom.measure.replay import Capture, Choice, HitRates
from brandloom.measure.report import Delivery, Experiment, Provenance, Replay, Report, SampleMessage, Source


def messages(reader: Reader, report: Report) -> Html | None:
    """Messages as they would reach a person, walled off from the report."""
    if not report.messages:
        return None
    return join([el("p", reader.say(_("Rendered exactly as sent, with this person's own products. Pictures and links that would "
                                      "leave this file are switched off here."))),
                 el("div", *(_message(reader, message) for message in report.messages), class_="cards wide"), _posts(reader, report)])


def _posts(reader: Reader, report: Report) -> Html | None:
    """Posts stand in the plan and in files; who publishes them, and what they bring, is not known here."""
    if not report.posts:
        return None
    written = sum(bool(post.text) for post in report.posts)
    lead = el("p", reader.say(_("{written} of {asked} posts written, handed out as files at launch. What they bring is not counted here."),
                              written=reader.number(written), asked=reader.number(len(report.posts))))
    cards = (el("article", el("p", el("span", reader.words(post.network), class_="tag"), el("span", post.language, class_="tag")),
                el("p", post.text or post.reason, lang=post.language, class_="copy")) for post in report.posts)
    return el("section", el("h3", reader.say(_("Posts"))), lead, el("div", *cards, class_="cards"))


def delivery(reader: Reader, report: Report) -> Html | None:
    """What became of each message."""
    return _delivery(reader, report.delivery) if report.delivery else None


def replay(reader: Reader, report: Report) -> Html | None:
    """What the chosen people really bought, and what that cannot tell."""
    return _replay(reader, report.replay) if report.replay else None


def experiment(reader: Reader, report: Report) -> Html | None:
    """What sending changed, against the holdout."""
    return _experiment(reader, report.experiment) if report.experiment else None


def cost(reader: Reader, report: Report) -> Html | None:
    """Time and memory per stage."""
    if not report.stages:
        return None
    total = sum(stage.seconds for stage in report.stages)
    peak = max(stage.peak_mb for stage in report.stages)
    return join([el("p", reader.say(_("All stages together took {seconds} and needed at most {memory} of memory."),
                                    seconds=reader.seconds(total), memory=reader.memory(peak))),
                 charts.stages(reader, report.stages)])


def provenance(reader: Reader, report: Report) -> Html | None:
    """Where the figures come from."""
    facts = report.provenance
    invented = [el("h3", reader.say(_("Invented for this demonstration"))),
                el("ul", *(el("li", reader.words(item)) for item in facts.invented))]
    sources = [el("h3", reader.say(_("Data"))), el("ul", *(_source(item) for item in facts.sources))]
    made = _made_with(reader, facts, report)
    return join([invented if facts.invented else None, sources if facts.sources else None, made])


def _message(reader: Reader, message: SampleMessage) -> Html:
    head = el("dl", *(join([el("dt", name), el("dd", value)]) for name, value in (
        (reader.say(_("From")), message.sender), (reader.say(_("To")), message.recipient),
        (reader.say(_("Subject")), message.subject)) if value))
    frame = el("iframe", srcdoc=message.html, sandbox="", loading="lazy", referrerpolicy="no-referrer",
               title=reader.say(_("Message in {language}: {subject}"), language=message.language, subject=message.subject))
    why = fold(reader.say(_("Why this person, why this offer")), el("ul", *(el("li", reader.words(w)) for w in message.why)),
               opened=True) if message.why else None
    headers = table([reader.say(_("Header")), reader.say(_("Value"))], [[name, value] for name, value in message.headers],
                    caption=reader.say(_("Headers"))) if message.headers else None
    return el("article", el("p", el("span", message.channel, class_="tag"), el("span", message.language, class_="tag"),
                            el("code", message.customer)), head, frame if message.html else None, why,
              fold(reader.say(_("As plain text, and headers")), el("pre", message.text, lang=message.language), headers))


def _delivery(reader: Reader, facts: Delivery) -> Html:
    states = [(reader.say(_("Queued")), facts.queued, ""),
              (reader.say(_("Sent")), facts.sent, reader.say(_("accepted by the carrier"))),
              (reader.say(_("Failed")), facts.failed, reader.say(_("refused by the carrier, not sent again"))),
              (reader.say(_("Suppressed")), facts.suppressed, reader.say(_("unsubscribed or blocked before sending"))),
              (reader.say(_("Uncertain")), facts.uncertain, reader.say(_("interrupted while sending; never repeated by itself")))]
    if facts.read_back is not None:
        states.append((reader.say(_("Read back")), facts.read_back, reader.say(_("found in the receiving mailbox"))))
    carrier = el("p", reader.say(_("Carrier: {name}"), name=reader.words(facts.carrier))) if facts.carrier else None
    notes = el("ul", *(el("li", reader.words(note)) for note in facts.notes)) if facts.notes else None
    return join([carrier, table([reader.say(_("State")), reader.say(_("Messages")), reader.say(_("Meaning"))],
                                [[name, reader.number(n), meaning] for name, n, meaning in states],
                                caption=reader.say(_("Messages by state")), numbers=(1,)), _channels(reader, facts), notes])


def _channels(reader: Reader, facts: Delivery) -> Html | None:
    rows = [[reader.words(one.channel), reader.number(one.messages), reader.number(one.sent), reader.number(one.segments), reader.number(one.clicked),
             reader.money(one.cost)] for one in facts.channels]
    return table([reader.say(_("Channel")), reader.say(_("Messages")), reader.say(_("Sent")), reader.say(_("Segments paid for")),
                  reader.say(_("People who clicked")), reader.say(_("Cost"))], rows, caption=reader.say(_("Messages by channel")),
                 numbers=(1, 2, 3, 4, 5)) if rows else None


def _replay(reader: Reader, facts: Replay) -> Html:
    cap = facts.capture
    lead = el("p", reader.say(_("The campaign was planned with nothing from {as_of} or later. In the {days} days that followed, "
                                "{buyers} of the {pool} people who could have been chosen bought."), as_of=reader.date(cap.as_of),
                              days=cap.horizon_days, buyers=reader.number(cap.buyers), pool=reader.number(cap.pool)))
    held = el("p", reader.say(_("The {chosen} chosen people hold {share} of these buyers and {money} of the revenue."),
                              chosen=reader.number(cap.chosen), share=reader.percent(cap.model.buyers.value),
                              money=reader.percent(cap.model.revenue.value)), class_="lead")
    return join([lead, held, _capture_table(reader, cap),
                 el("div", charts.gain(reader, cap), charts.calibration(reader, cap), class_="pair"),
                 _hits(reader, facts.hits) if facts.hits else None, _cannot_tell(reader)])


def _capture_table(reader: Reader, cap: Capture) -> Html:
    def row(label: str, choice: Choice, write: str) -> list[object]:
        shown = reader.share_gap if write == "gap" else reader.share
        return [label, shown(choice.buyers), shown(choice.revenue)]

    return table(
        [reader.say(_("{n} people chosen by"), n=reader.number(cap.chosen)), reader.say(_("Share of buyers held")),
         reader.say(_("Share of revenue held"))],
        [row(reader.say(_("the model")), cap.model, "share"),
         row(reader.say(_("chance (where 95% of draws land)")), cap.random, "share"),
         row(reader.say(_("most recent purchase")), cap.recent, "share"),
         row(reader.say(_("model minus chance, paired")), cap.model_minus_random, "gap"),
         row(reader.say(_("model minus most recent, paired")), cap.model_minus_recent, "gap")],
        caption=reader.say(_("Same number of people, chosen three ways")), numbers=(1, 2))


def _hits(reader: Reader, rates: HitRates) -> Html:
    kinds = {"all": reader.say(_("any product")), "new": reader.say(_("new to them")), "repeat": reader.say(_("bought before"))}
    names = {"hit": reader.say(_("bought at least one of the {k}"), k=rates.k),
             "recall": reader.say(_("share of their purchases in the {k}"), k=rates.k),
             "ndcg": reader.say(_("ranking quality (NDCG@{k})"), k=rates.k)}
    rows = [[kinds[row.kind], names[row.measure], reader.number(row.customers), reader.share(row.model),
             reader.share(row.popular), reader.share_gap(row.difference)] for row in rates.rows]
    lead = el("p", reader.say(_("{k} products per person, against the {k} products that most customers bought in the {days} days "
                                "before."), k=rates.k, days=rates.popular_days))
    return el("section", el("h3", reader.say(_("Recommendations"))), lead, charts.hits(reader, rates), fold(
        reader.say(_("The numbers as a table")), table(
            [reader.say(_("Purchases")), reader.say(_("Measure")), reader.say(_("Buyers")), reader.say(_("Recommended")),
             reader.say(_("Popular")), reader.say(_("Difference, paired"))], rows,
            caption=reader.say(_("Recommendation hits")), numbers=(2, 3, 4, 5))))


def _cannot_tell(reader: Reader) -> Html:
    return el("aside", el("h3", reader.say(_("What this cannot tell"))), el("p", reader.say(_(
        "Nobody in this data got a message from us. A replay shows whether the people and products were well chosen. It does not "
        "show what sending would have changed: likely buyers often buy anyway. Only people held out at random can show that, "
        "which is why every campaign keeps a holdout."))))


def _experiment(reader: Reader, facts: Experiment) -> Html:
    result, truth = facts.readout, facts.truth
    return join([_simulated(reader, truth) if result.simulated else None,
                 el("p", reader.words(result.summary), class_="lead"),
                 el("div", charts.readout(reader, result, truth), _effects(reader, result, truth), class_="pair"),
                 _arms(reader, result), _split_check(reader, result)])


def _simulated(reader: Reader, truth: Truth | None) -> Html:
    lift = reader.change(truth.true_lift) if truth else "–"
    return el("aside", el("h3", reader.say(_("Simulated response"))), el("p", reader.say(_(
        "The figures of this chapter are made up by a documented simulator, because nobody in the data really got a message. "
        "Each person held out buys with the predicted probability; a message changes it by {lift} on average, more for people "
        "who have not bought for long. The simulator knows the true effect, so the read-out can be checked against it."),
        lift=lift)))


def _arms(reader: Reader, result: Readout) -> Html:
    rows = [[label, reader.number(arm.people), reader.number(arm.buyers), reader.share(arm.share), reader.amount(arm.spend)]
            for label, arm in ((reader.say(_("got a message")), result.sent), (reader.say(_("held out")), result.holdout))]
    return table([reader.say(_("Arm")), reader.say(_("People")), reader.say(_("Buyers")), reader.say(_("Share that bought")),
                  reader.say(_("Spend per person"))], rows,
                 caption=reader.say(_("{days} days after the decision"), days=result.window_days), numbers=(1, 2, 3, 4))


def _effects(reader: Reader, result: Readout, truth: Truth | None) -> Html:
    rows: list[list[object]] = [
        [reader.say(_("Share of buyers, one look at the end")), reader.share_gap(result.effect)],
        [reader.say(_("Share of buyers, safe to look daily")), reader.share_gap(result.effect_anytime)],
        [reader.say(_("Relative to the holdout")), reader.relative(result.lift) if result.lift else "–"],
        [reader.say(_("Spend per person")), reader.amount(result.spend_effect)],
        [reader.say(_("Smallest rise found four times in five")), reader.points(result.detectable.effect)]]
    if truth is not None:
        inside = _holds(result.effect, truth.effect)
        verdict = _("inside the interval") if inside else _("outside the interval, as happens once in twenty")
        rows.append([reader.say(_("True effect of the simulation")),
                     join([reader.points(truth.effect), " ", el("small", reader.say(verdict))])])
    return table([reader.say(_("What")), reader.say(_("Estimate [95% interval]"))], rows,
                 caption=reader.say(_("Effect of sending")), numbers=(1,))


def _holds(estimate: Estimate, value: float) -> bool:
    return (estimate.low is None or estimate.low <= value) and (estimate.high is None or value <= estimate.high)


def _split_check(reader: Reader, result: Readout) -> Html:
    share = result.holdout.people / (result.holdout.people + result.sent.people)
    good = result.srm_p_value >= SRM_LIMIT
    text = _("Split check passed: {held} held out where {designed} were designed (chi-square p = {p}).") if good else _(
        "Split check failed: {held} held out where {designed} were designed (chi-square p = {p}). Do not trust this read-out.")
    return el("p", reader.say(text, held=reader.percent(share), designed=reader.percent(result.designed_holdout),
                              p=f"{result.srm_p_value:.3g}"), class_="note" if good else "warning")


def _source(source: Source) -> Html:
    return el("li", link(source.name, source.url), " · ", source.licence, " · ", source.attribution)


def _made_with(reader: Reader, facts: Provenance, report: Report) -> Html:
    rows: Sequence[tuple[str, object]] = [
        (reader.say(_("Made at")), reader.moment(report.shop.made_at)),
        (reader.say(_("Commit")), el("code", facts.commit or "–")),
        (reader.say(_("Machine")), facts.machine or "–"), (reader.say(_("Seed")), "–" if facts.seed is None else facts.seed),
        *((name, version) for name, version in facts.versions.items())]
    return fold(reader.say(_("Made with")), table([reader.say(_("What")), reader.say(_("Value"))], rows,
                                                 caption=reader.say(_("Made with"))))
