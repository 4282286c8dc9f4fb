"""Notifications as a browser shows them: a title, a text and the page that a tap opens."""

from __future__ import annotations

import html
from collections.abc import Sequence

from brandloom.content.checks.finding import Finding, finding
from brandloom.content.facts import Product, plain_text
from brandloom.content.phone import ShortPress, ever_shorter
from brandloom.content.render import Rendered
from brandloom.content.templates import filled, slot_values
from brandloom.content.verify import broken, unfilled, unlabelled
from brandloom.content.writer import Variant
from brandloom.errors import DataError
from brandloom.govern import visible_label
from brandloom.i18n import _

MOST = {"en": 200, "zh": 90}
"""Characters of a text; systems cut what is much longer."""
_TITLE = {"en": 50, "zh": 24}


class NotePress(ShortPress):
    """Prints notifications."""

    def message(self, variant: Variant, products: Sequence[Product], *, produce_id: str, preview: bool = False) -> Rendered:
        """One person's notification: its title as `subject`; a product's long name is shortened, then left out.

        Raises:
            DataError: even so it is too long.
        """
        language, label = variant.language, self._label(variant, produce_id)
        mark = f" {visible_label(language, producer='').mark}" if label else ""
        known = slot_values(self._brief.offer, self._shop, language)
        for text, name in ever_shorter(variant.slots["text"], products[0].display if products else "", language):
            body = filled(text, known | {"product.name": name}) + mark
            if len(body) <= MOST[language]:
                break
        else:
            raise DataError(_("The notification of {variant} is longer than {most} characters; it was left out."), variant=variant.key,
                            most=MOST[language])
        title = filled(variant.slots["title"], known)
        return Rendered(title, "", note_page(title, body, plain_text(self._shop.name), language) if preview else "", body, label)


def verify_note(message: Rendered, *, language: str) -> list[Finding]:
    """The last look at a finished notification; nothing for a good one."""
    texts = {"title": message.subject, "text": message.text}
    found = unfilled(texts) + broken(texts) + unlabelled(message, "text", visible_label(language, producer="").mark)
    for place, text, most in (("title", message.subject, _TITLE[language]), ("text", message.text, MOST[language])):
        if not 0 < len(text) <= most:
            found.append(finding("length", "ban", place, text, _("The {place} has {length} characters; {low} to {high} fit."), length=len(text),
                                 low=1, high=most))
    return found


def note_page(title: str, text: str, sender: str, language: str) -> str:
    """The notification as a phone shows it, as a page of its own."""
    return (f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><style>'
            "body{margin:0;background:#dfe3e8;font:15px/1.4 system-ui,sans-serif;color:#111}main{max-width:22rem;margin:1rem auto;padding:.8rem 1rem;"
            "background:#fff;border-radius:1rem;overflow-wrap:anywhere}h1{font-size:1rem;margin:.2rem 0}p{margin:0}small{color:#555}"
            "@media(prefers-color-scheme:dark){body{background:#111;color:#eee}main{background:#26262a}small{color:#aaa}}</style></head>"
            f"<body><main><small>{html.escape(sender)}</small><h1>{html.escape(title)}</h1><p>{html.escape(text)}</p></main></body></html>")
