"""What a check found, in words for a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from brandloom import i18n

Severity = Literal["ban", "evidence", "caution"]


@dataclass(frozen=True)
class Finding:
    """One objection to a text.

    `ban` and `evidence` keep a text from being used (the second until a fact proves it); `caution` asks a person to look.
    """

    rule: str
    severity: Severity
    place: str
    """Slot in which it stands: subject, preheader, headline, body, cta, or text."""
    excerpt: str
    template: str
    values: tuple[tuple[str, str], ...] = ()
    article: str | None = None
    """What the rule rests on, where it is law."""
    span: tuple[int, int] | None = None
    """Characters of the text as given, where the check knows them."""
    suggestion: str | None = None
    """What would be right, or what proof is needed."""
    reasons: tuple[tuple[str, str], ...] = ()
    """Language and reason, where the reason comes from a rule pack and not from the catalogue."""
    suggestions: tuple[tuple[str, str], ...] = ()
    """Language and suggestion, where it comes from a rule pack."""
    sources: tuple[tuple[str, str], ...] = ()
    """Language and what the rule rests on, where it comes from a rule pack."""

    @property
    def blocks(self) -> bool:
        """True when the text must not be used as it is."""
        return self.severity != "caution"

    def text(self, language: str | None = None) -> str:
        """The reason as one line in `language` or the current one."""
        reason = dict(self.reasons).get(language or i18n.language())
        if reason is not None:
            return reason
        return self._said(self.template, language)

    def advice(self, language: str | None = None) -> str | None:
        """What would be right, as one line in `language` or the current one."""
        given = dict(self.suggestions).get(language or i18n.language())
        return given or (self.suggestion and self._said(self.suggestion, language))

    def _said(self, template: str, language: str | None) -> str:
        return i18n.translate(template, language or i18n.language()).format(**dict(self.values), excerpt=self.excerpt, place=self.place)


def finding(rule: str, severity: Severity, place: str, excerpt: str, template: str, *, article: str | None = None,
            span: tuple[int, int] | None = None, **values: object) -> Finding:
    """A finding whose excerpt is short enough for a table."""
    short = " ".join(excerpt.split())
    return Finding(rule, severity, place, short if len(short) <= 80 else short[:77] + "...", template,
                   tuple((name, str(value)) for name, value in values.items()), article, span)
