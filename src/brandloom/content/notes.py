"""Notifications as a browser shows them: a title, a text and the page that a tap opens."""

from __future__ import annotations

import html
from collections.abc import Sequence

from brandloom.content.brief import Brief
from brandloom.content.checks.finding import Finding, finding
from brandloom.content.facts import Product, plain_text
from brandloom.content.phone import ever_shorter
from brandloom.content.render import Rendered, product_page, safe_url
from brandloom.content.templates import filled, slot_values
from brandloom.content.writer import Variant
from brandloom.errors import DataError
from brandloom.govern import ai_label, visible_label
from brandloom.i18n import _
from brandloom.workspace import ShopConfig

MOST = {"en": 200, "zh": 90}
"""Characters of a text; systems cut what is much longer."""
_TITLE = {"en": 50, "zh": 24}


class NotePress:
    """Prints the notifications of one brief for one shop.

    Args:
        label_key: `workspace.derive_key("label")`.
    """

    def __init__(self, brief: Brief, shop: ShopConfig, *, label_key: bytes = b"") -> None:
        self._brief, self._shop, self._label_key = brief, shop, label_key

    def page(self, products: Sequence[Product]) -> str:
        """Where a tap leads a person with these products."""
        website = self._shop.sender.website
        return product_page(products[0], website) if products else safe_url(website)

    def message(self, variant: Variant, products: Sequence[Product], *, produce_id: str, preview: bool = False) -> Rendered:
        """One person's notification: its title as `subject`; a product's long name is shortened, then left out.

        Raises:
            DataError: even so it is too long.
        """
        language, labelled = variant.language, variant.source != "template"
        mark = f" {visible_label(language, producer='').mark}" if labelled else ""
        known = slot_values(self._brief.offer, self._shop, language)
        for text, name in ever_shorter(variant.slots["text"], products[0].display if products else "", language):
            body = filled(text, known | {"product.name": name}) + mark
            if len(body) <= MOST[language]:
                break
        else:
            raise DataError(_("The notification of {variant} is longer than {most} characters; it was left out."), variant=variant.key,
                            most=MOST[language])
        title = filled(variant.slots["title"], known)
        label = ai_label("\n".join(variant.slots.values()), producer=plain_text(self._shop.name), produce_id=produce_id,
                         key=self._label_key) if labelled else None
        return Rendered(title, "", note_page(title, body, plain_text(self._shop.name), language) if preview else "", body, label)


def verify_note(message: Rendered, *, language: str) -> list[Finding]:
    """The last look at a finished notification; nothing for a good one."""
    found = [finding("slot", "ban", place, mark, _("'{excerpt}' was never filled."))
             for place, text in (("title", message.subject), ("text", message.text)) for mark in ("{{", "{%") if mark in text]
    found += [finding("invisible", "ban", place, text, _("The {place} has more than one line."))
              for place, text in (("title", message.subject), ("text", message.text)) if "\n" in text]
    for place, text, most in (("title", message.subject, _TITLE[language]), ("text", message.text, MOST[language])):
        if not 0 < len(text) <= most:
            found.append(finding("length", "ban", place, text, _("The {place} has {length} characters; {low} to {high} fit."), length=len(text),
                                 low=1, high=most))
    if message.label is not None and visible_label(language, producer="").mark not in message.text:
        found.append(finding("label", "ban", "text", message.label.produce_id, _("The AI label is missing.")))
    return found


def note_page(title: str, text: str, sender: str, language: str) -> str:
    """The notification as a phone shows it, as a page of its own."""
    return (f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><style>'
            "body{margin:0;background:#dfe3e8;font:15px/1.4 system-ui,sans-serif;color:#111}main{max-width:22rem;margin:1rem auto;padding:.8rem 1rem;"
            "background:#fff;border-radius:1rem;overflow-wrap:anywhere}h1{font-size:1rem;margin:.2rem 0}p{margin:0}small{color:#555}"
            "@media(prefers-color-scheme:dark){body{background:#111;color:#eee}main{background:#26262a}small{color:#aaa}}</style></head>"
            f"<body><main><small>{html.escape(sender)}</small><h1>{html.escape(title)}</h1><p>{html.escape(text)}</p></main></body></html>")
