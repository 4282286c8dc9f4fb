"""Checks of a text before anybody sees it: form, figures, claims, advertising law.

`check` takes the parts of one variant with the facts they may use, `check_text` any pasted copy without facts.
"""

from __future__ import annotations

from collections.abc import Sequence

from brandloom.content.brief import Brief
from brandloom.content.checks.adlaw import ALWAYS_ON, Hit, exemptions, find_terms
from brandloom.content.checks.claims import check_claims, claims
from brandloom.content.checks.copied import check_copied
from brandloom.content.checks.figures import Figure, figures, known_figures
from brandloom.content.checks.finding import Finding, Severity, finding
from brandloom.content.checks.form import (
    LENGTHS,
    PARTS,
    SLOT,
    check_forbidden,
    check_language,
    check_length,
    check_parts,
    check_repeats,
    check_slots,
    mask,
)
from brandloom.content.checks.packs import JURISDICTIONS, sectors
from brandloom.content.checks.review import Objection, Review, check_law, review
from brandloom.content.facts import SLOTS, Facts
from brandloom.i18n import _

__all__ = ["ALWAYS_ON", "JURISDICTIONS", "LENGTHS", "PARTS", "SLOT", "Figure", "Finding", "Hit", "Objection", "Review", "Severity", "check",
           "check_brief", "check_text", "claims", "exemptions", "figures", "find_terms", "review", "sectors"]


def check(slots: object, facts: Facts, *, language: str, channel: str = "email",
          packs: Sequence[str] = ALWAYS_ON) -> list[Finding]:
    """Check the parts of one text against the facts it may use.

    Args:
        slots: what the model gave: a mapping from part to text; anything else is a finding, never an exception.
        facts: what may be said; figures and claims must trace to `evidence`, quoted names to `names`.
        packs: packs of Chinese advertising law applied to a Chinese text.
    Returns:
        Findings in order of place, none when the text may be used.
    """
    texts, found = check_parts(slots, channel)
    evidence = [*facts.evidence, *facts.lines]
    found += check_repeats(texts)
    for place, text in texts.items():
        found += check_slots(text, place, facts.slots)
        found += check_length(text, place, channel, language)
        found += check_language(text, place, language, [*facts.names, *facts.evidence])
        found += check_forbidden(text, place)
        found += _check_figures(text, place, facts)
        found += check_claims(mask(text, facts.names), place, evidence=evidence)
        found += check_copied(text, place, language, evidence)
        found += _check_law(text, place, language, facts.names, packs)
    return found


def check_text(text: str, language: str, *, evidence: Sequence[str] = (), packs: Sequence[str] = ALWAYS_ON) -> list[Finding]:
    """Check pasted copy of any length: slots, forbidden content, figures and claims beyond `evidence`, advertising law."""
    facts = Facts(lines=(), evidence=tuple(evidence), names=(), slots=frozenset(SLOTS))
    return [*check_slots(text, "text", facts.slots), *check_forbidden(text, "text"), *_check_figures(text, "text", facts),
            *check_claims(mask(text, ()), "text", evidence=evidence), *_check_law(text, "text", language, (), packs)]


def check_brief(brief: Brief) -> list[Finding]:
    """Check the words of the brief that reach readers or the model: they may claim what they prove, but break no law."""
    texts = [("offer.text", brief.offer.text, None), *(("facts", fact.text, fact.proof) for fact in brief.facts)]
    found = []
    for place, text, proof in texts:
        for item in [*check_forbidden(text or "", place), *check_law(text or "", place)]:
            if item.severity == "ban" or proof is None:
                found.append(item)
    return found


def _check_figures(text: str, place: str, facts: Facts) -> list[Finding]:
    known = known_figures((*facts.evidence, *facts.names), facts.offer, facts.currency)
    plain = mask(text, facts.names)
    return [finding("figure", "ban", place, item.text, _("'{excerpt}' is a figure that no fact gives."))
            for item in figures(plain) if (item.kind, item.value) not in known]


def _check_law(text: str, place: str, language: str, names: Sequence[str], packs: Sequence[str]) -> list[Finding]:
    """The rules of every shop, and those of the sectors that packs name; slots keep their width so that places hold."""
    kinds = ("general", *(name for name in packs if name in sectors()))
    bare = SLOT.sub(lambda match: " " * len(match.group()), text)
    return check_law(bare, place, names=names, sectors=kinds, language=language if language == "en" else "zh")
