"""Checks of a text before anybody sees it: form, figures, claims, advertising law.

`check` takes the parts of one variant with the facts they may use, `check_text` any pasted copy without facts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from brandloom.content.brief import Brief, Offer
from brandloom.content.checks.adlaw import ALWAYS_ON
from brandloom.content.checks.batch import Batch
from brandloom.content.checks.claims import claims
from brandloom.content.checks.figures import Figure, figures
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
from brandloom.content.checks.ground import Ground, ground
from brandloom.content.checks.packs import JURISDICTIONS, sectors
from brandloom.content.checks.records import check_against, unborne
from brandloom.content.checks.review import Objection, Review, check_law, review, verdict_of
from brandloom.content.checks.words import check_words
from brandloom.content.facts import SLOTS, Facts

__all__ = ["ALWAYS_ON", "JURISDICTIONS", "LENGTHS", "PARTS", "SLOT", "Figure", "Finding", "Objection", "Review", "Severity", "check",
           "check_against", "check_brief", "check_text", "check_words", "claims", "figures", "review", "sectors",
           "verdict_of"]


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
    found += check_repeats(texts)
    for place, text in texts.items():
        found += check_slots(text, place, facts.slots)
        found += check_length(text, place, channel, language)
        found += check_language(text, place, language, [*facts.names, *facts.evidence])
        found += check_forbidden(text, place)
        found += _check_facts(text, place, facts)
        found += _check_law(text, place, language, facts.names, packs)
    return found


def check_text(text: str, language: str, *, evidence: Sequence[str] = (), packs: Sequence[str] = ALWAYS_ON) -> list[Finding]:
    """Check pasted copy of any length: slots, forbidden content, figures and claims beyond `evidence`, advertising law."""
    facts = Facts(evidence=tuple(evidence), names=(), slots=frozenset(SLOTS))
    return [*check_slots(text, "text", facts.slots), *check_forbidden(text, "text"), *_check_facts(text, "text", facts),
            *_check_law(text, "text", language, (), packs)]


def check_brief(brief: Brief, *, jurisdictions: Sequence[str] = ("cn",)) -> list[Finding]:
    """Check the words of the brief that reach readers or the model: they may claim what they prove, but break no law.

    Args:
        jurisdictions: laws of the places where the shop's customers are, of cn, eu, uk and us.
    """
    texts = [("offer.text", brief.offer.text, None), *(("facts", fact.text, fact.proof) for fact in brief.facts)]
    found = []
    for place, text, proof in texts:
        # Elsewhere what needs proof is judged by the facts already, as in drafts.
        lawful = [item for where in jurisdictions for item in check_law(text or "", place, jurisdiction=where)
                  if where == "cn" or item.severity == "ban"]
        for item in [*check_forbidden(text or "", place), *check_slots(text or "", place, ()),
                      *{item.span: item for item in reversed(lawful)}.values()]:
            if item.severity == "ban" or proof is None:
                found.append(item)
    return found


def _check_facts(text: str, place: str, facts: Facts) -> list[Finding]:
    """Figures and claims that the facts do not bear out; what stands inside a name the facts give is no claim."""
    known = _ground_of((*facts.evidence, *facts.names), facts.offer, facts.currency)
    return [finding("figure" if claim.is_figure else "claim", claim.severity, place, claim.excerpt, claim.template, said=claim.said)
            for claim in unborne(mask(text, facts.names), known)]


@lru_cache(maxsize=64)
def _ground_of(evidence: tuple[str, ...], offer: Offer, currency: str) -> Ground:
    """What one brief bears out: its facts, and the offer as a record."""
    saving = {"percent_off": "discount percent", "amount_off": "discount"}.get(offer.kind)
    terms: dict[str, object] = {"min order": offer.min_order, "offer until": offer.until}
    if saving and offer.value is not None:
        terms[saving] = f"{offer.value:f}%" if offer.kind == "percent_off" else f"{currency} {offer.value:f}"
    return ground([{"facts": list(evidence)}, {name: value for name, value in terms.items() if value is not None}], currency=currency)


def _check_law(text: str, place: str, language: str, names: Sequence[str], packs: Sequence[str]) -> list[Finding]:
    """The rules of every shop, and those of the sectors that packs name; slots keep their width so that places hold."""
    kinds = ("general", *(name for name in packs if name in sectors()))
    bare = SLOT.sub(lambda match: " " * len(match.group()), text)
    if language == "zh":
        return check_law(bare, place, names=names, sectors=kinds)
    # What needs proof is judged by the facts already; the law adds what no fact can excuse.
    among = Batch([bare])  # read once for all of them
    banned = [item for where in JURISDICTIONS[1:] for item in check_law(bare, place, names=names, sectors=kinds, jurisdiction=where, among=among)
              if item.severity == "ban"]
    return list({item.span: item for item in reversed(banned)}.values())
