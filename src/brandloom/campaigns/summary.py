"""A report in a dozen lines, for a terminal."""

from __future__ import annotations

from brandloom.campaigns.backtest import percent
from brandloom.i18n import _, language, say
from brandloom.measure import Report, words


def lines(report: Report) -> list[tuple[str, str]]:
    """Name and value of each main figure that the report has, in the current language."""
    rows: list[tuple[str, str]] = []
    if report.load:
        read, refused = (sum(getattr(file, name) for file in report.load.files) for name in ("rows", "refused"))
        rows.append((say(_("Rows")), say(_("{read} read, {refused} refused with a reason"), read=f"{read:,}", refused=f"{refused:,}")))
    if report.customers:
        segments = say(_(", ")).join(f"{words(one.label, language())} {one.customers:,}" for one in report.customers.segments)
        rows += [(say(_("Customers")), f"{report.customers.known:,}"), (say(_("Segments")), segments)]
    if report.likely:
        rows.append((say(_("Likely buyers")), _expected(report)))
    if report.audience:
        rows += _audience(report)
    if report.content:
        made = report.content
        rows.append((say(_("Texts")), say(_("{count}: {model} as the model wrote them, {repaired} repaired, {template} from the template"),
                                         count=len(made.variants), model=made.as_written, repaired=made.repaired, template=made.templates)))
    if report.delivery:
        done = report.delivery
        rows.append((say(_("Messages")), say(_("{sent} sent, {failed} failed, {suppressed} suppressed, {uncertain} uncertain"),
                                            sent=f"{done.sent:,}", failed=done.failed, suppressed=done.suppressed, uncertain=done.uncertain)))
        if done.read_back is not None:
            rows.append((say(_("Read back from the mail server")), f"{done.read_back:,}"))
    return rows + _outcome(report)


def _expected(report: Report) -> str:
    assert report.likely is not None
    found = report.likely.expected_buyers
    said = say(_("{count} expected [{low}, {high}]"), count=f"{found.value:,.0f}", low=f"{found.low:,.0f}", high=f"{found.high:,.0f}")
    if report.likely.observed_buyers is None:
        return said
    return said + say(_("; {count} really bought"), count=f"{report.likely.observed_buyers:,}")


def _audience(report: Report) -> list[tuple[str, str]]:
    assert report.audience is not None
    left = "\n".join(f"{one.count:,}  {words(one.label, language())}" for one in report.audience.left_out)
    return [(say(_("Audience")), say(_("{sent} to be written to, {holdout} held out at random"), sent=f"{report.audience.sent:,}",
                                    holdout=f"{report.audience.holdout:,}")),
            (say(_("Left out")), left), (say(_("Cost")), f"{report.audience.cost:,.2f} {report.shop.currency}")]


def _outcome(report: Report) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for cell in report.waves.cells if report.waves else ():
        told = say(_("; ")).join(f"{one.name} {percent(one.rate)}" for one in cell.texts)
        rows.append((say(_("Texts of {cell}"), cell=cell.cell), told))
    if report.replay:
        held = report.replay.capture
        rows.append((say(_("Later buyers among the chosen")), say(
            _("{model}; a random choice {random}; the most recent buyers {recent}"), model=percent(held.model.buyers),
            random=percent(held.random.buyers), recent=percent(held.recent.buyers))))
        for row in report.replay.hits.rows if report.replay.hits else ():
            if row.measure == "hit" and row.kind == "all":
                rows.append((say(_("Bought one of the {k} recommended"), k=report.replay.hits.k if report.replay.hits else 0),
                             say(_("{ours}; most popular {popular}"), ours=percent(row.model), popular=percent(row.popular))))
    if report.experiment:
        found, truth = report.experiment.readout, report.experiment.truth
        name = _("Effect of sending, simulated") if truth else _("Effect of sending")
        value = percent(found.effect_anytime)
        known = say(_("{found}; the truth is {truth}"), found=value, truth=f"{100 * truth.effect:.1f} %") if truth else value
        rows.append((say(name), known))
    return rows
