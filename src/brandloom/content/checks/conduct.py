"""What copy must not do besides breaking law and truth: hurt people, name them, copy others, lead elsewhere, be hard to read, or stay unread."""

from __future__ import annotations

from dataclasses import dataclass

from brandloom.content.checks.batch import Batch
from brandloom.content.checks.finding import Finding
from brandloom.content.checks.likeness import check_alike
from brandloom.content.checks.links import check_links
from brandloom.content.checks.packs import RESPECT
from brandloom.content.checks.personal import check_personal
from brandloom.content.checks.readability import check_readability
from brandloom.content.checks.review import check_law
from brandloom.content.checks.tongue import check_tongue


@dataclass(frozen=True)
class Conduct:
    """What a text is measured against."""

    competitors: tuple[str, ...] = ()
    """Texts of others that it must differ from."""
    links: tuple[str, ...] | None = None
    """The shop's own links; None where links are not looked at."""
    readability: float | None = None
    """Least Flesch reading ease (English), most characters per sentence (Chinese); without one a hard text is a caution."""
    known: str = ""
    """Every value of the records in lower case: the shop's own contact and names."""


def check_conduct(text: str, language: str, conduct: Conduct, *, place: str = "text", among: Batch | None = None) -> list[Finding]:
    """Insults and stereotypes, personal data, foreign links, likeness to a competitor, readability, sentences in a language that no rule
    reads; in this order, with their places.

    Args:
        among: texts read side by side, this one among them.
    """
    found = check_law(text, place, jurisdiction=RESPECT, rule="respect", among=among)
    found += check_personal(text, own=conduct.known, place=place)
    found += [] if conduct.links is None else check_links(text, conduct.links, place=place)
    found += check_alike(text, conduct.competitors, language, known=conduct.known, place=place)
    found += check_readability(text, language, limit=conduct.readability, place=place)
    return [*found, *check_tongue(text, own=conduct.known, place=place)]
