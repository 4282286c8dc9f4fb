"""What a check found, in words for a person."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from brandloom import i18n
from brandloom.i18n import _

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


def located(item: Finding, text: str) -> Finding:
    """The finding with its place in the text and with advice, where its check gave none: where the excerpt stands, else all of the text."""
    span = item.span
    if span is None:
        words = item.excerpt.removesuffix("...") if len(item.excerpt) > 77 else item.excerpt
        start = text.lower().find(words.lower()) if words else -1
        span = (start, start + len(words)) if start >= 0 and start + len(words) <= len(text) else (0, len(text))
    given = item.suggestion or item.suggestions
    return replace(item, span=span, suggestion=item.suggestion if given else _ADVICE.get(item.rule, _OTHERWISE))


_OTHERWISE = _("Leave it out, or say it another way.")
_ADVICE = {
    "length": _("Shorten it, or say more, until it fits."),
    "endless": _("Write it anew, as short as the channel asks."),
    "schema": _("Give every part of the channel its text, and no other part."),
    "repeat": _("Say it once."),
    "alike": _("Take another angle: begin with another fact or another scene."),
    "language": _("Write it in the language of the brief; names may stay as they are."),
    "placeholder": _("Fill it in, or leave it out."),
    "link": _("Leave it out; the layout holds the link."),
    "email": _("Leave it out; the layout holds the shop's own contact."),
    "phone": _("Leave it out; the layout holds the shop's own contact."),
    "boilerplate": _("Leave it out, and begin with the product."),
    "markup": _("Write plain text without signs of markup."),
    "opt-out": _("Leave it out; the layout says how to unsubscribe."),
    "invisible": _("Type it again as plain text, on one line."),
    "slot": _("Write the words themselves, or a slot exactly as the facts show it."),
    "code": _("Leave the code out, or give it in the brief."),
    "brand-word": _("Use another word, or leave it out."),
    "must-say": _("Add it word for word."),
    "copied": _("Leave it out, and use the facts of the brief."),
    "goods": _("Leave it out, or name what the message shows."),
    "voice": _("Write it the way the brand speaks."),
    "judge": _("Say only what the facts state, or leave it out."),
}
"""Rule of form or brand -> what to do. Facts and law give advice of their own."""
