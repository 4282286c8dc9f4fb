"""Personas: the three to six groups that copy is written for, described in words and never by one person's numbers."""

from __future__ import annotations

from dataclasses import dataclass

from brandloom.customers.segments import medians, require_segments
from brandloom.engine import Engine
from brandloom.i18n import _, translate

LABELS = {
    "newcomers": _("New customers"),
    "regulars": _("Regular customers"),
    "big_spenders": _("Best customers"),
    "drifting": _("Returning customers who have been away"),
    "lapsed": _("Customers we have not seen for a long time"),
    "one_time": _("Customers who bought once"),
    "prospects": _("People who have not bought yet"),
    "everyone": _("All customers"),
}
CHARACTER = {
    "newcomers": _("They are new to the shop."),
    "regulars": _("Most of them come back again and again."),
    "big_spenders": _("They come back often and spend more than most customers."),
    "drifting": _("They came back before, but have now stayed away longer than usual."),
    "lapsed": _("They bought before, but have not returned for a long time."),
    "one_time": _("They bought once and have not come back so far."),
    "prospects": _("They know the shop but have not ordered yet."),
    "everyone": _("They know the shop."),
}
RECENCY = ((14, _("Most of them bought within the last two weeks.")), (45, _("Most of them bought within the last month or so.")),
           (120, _("Most of them last bought a few months ago.")), (365, _("Most of them last bought many months ago.")))
LONG_AGO = _("Most of them last bought over a year ago.")
RHYTHM = ((10, _("They typically buy about once a week.")), (21, _("They typically buy every two or three weeks.")),
          (45, _("They typically buy about once a month.")), (120, _("They typically buy every few months.")))
SELDOM = _("They typically buy a few times a year at most.")


@dataclass(frozen=True)
class Persona:
    """A group that shares one text. Facts are whole sentences about the group, safe to hand to a copywriter or a model."""

    key: str
    label_en: str
    label_zh: str
    size: int
    facts_en: tuple[str, ...]
    facts_zh: tuple[str, ...]

    def label(self, language: str) -> str:
        return self.label_zh if language == "zh" else self.label_en

    def facts(self, language: str) -> tuple[str, ...]:
        return self.facts_zh if language == "zh" else self.facts_en


def personas(engine: Engine) -> list[Persona]:
    """The personas in use, largest first.

    Raises:
        NotFittedError: `segments` has not been built.
    """
    require_segments(engine)
    sizes = engine.query("SELECT persona, count(*) AS n FROM segments GROUP BY persona ORDER BY n DESC, persona").to_pylist()
    recency, gaps = medians(engine, "persona", "days_since_last"), medians(engine, "persona", "mean_gap_days")
    return [_persona(row["persona"], row["n"], recency.get(row["persona"]), gaps.get(row["persona"])) for row in sizes]


def _persona(key: str, size: int, recency: float | None, gap: float | None) -> Persona:
    facts = [CHARACTER[key]]
    if recency is not None:
        facts.append(_first_at_least(recency, RECENCY, LONG_AGO))
    if gap is not None and key not in ("newcomers", "one_time", "prospects"):
        facts.append(_first_at_least(gap, RHYTHM, SELDOM))
    return Persona(key, LABELS[key], translate(LABELS[key], "zh"), size, tuple(facts),
                   tuple(translate(fact, "zh") for fact in facts))


def _first_at_least(value: float, steps: tuple[tuple[int, str], ...], beyond: str) -> str:
    return next((text for limit, text in steps if value <= limit), beyond)
