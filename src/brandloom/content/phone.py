"""Text messages as one phone shows them. Only the product's name and the link differ per person."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from brandloom.content.brief import Brief
from brandloom.content.checks.finding import Finding, finding
from brandloom.content.facts import Product, plain_text
from brandloom.content.render import Rendered, label_of, product_page, safe_url
from brandloom.content.segments import NAME_ROOM, OPT_OUT, Wording, text_message, too_long
from brandloom.content.studio.formats import segments
from brandloom.content.templates import filled, slot_values
from brandloom.content.verify import broken, unfilled, unlabelled
from brandloom.content.writer import Variant
from brandloom.errors import DataError
from brandloom.govern import AiLabel, visible_label
from brandloom.i18n import _, translate
from brandloom.workspace import ShopConfig

_LEAST_NAME = {"en": 10, "zh": 4}
_SENTENCE = re.compile(r"(?<=[。！？!?])|(?<=\.)(?=\s)")
_LINK = re.compile(r"https?://\S+")


class ShortPress:
    """Prints the short messages of one brief for one shop.

    Args:
        label_key: `workspace.derive_key("label")`.
    """

    def __init__(self, brief: Brief, shop: ShopConfig, *, label_key: bytes = b"") -> None:
        self._brief, self._shop, self._label_key = brief, shop, label_key

    def page(self, products: Sequence[Product]) -> str:
        """Where the message of a person with these products leads."""
        website = self._shop.sender.website
        return product_page(products[0], website) if products else safe_url(website)

    def _label(self, variant: Variant, produce_id: str) -> AiLabel | None:
        return label_of(variant, plain_text(self._shop.name), produce_id, self._label_key)


class PhonePress(ShortPress):
    """Prints text messages."""

    def __init__(self, brief: Brief, shop: ShopConfig, *, label_key: bytes = b"") -> None:
        super().__init__(brief, shop, label_key=label_key)
        self.wording = Wording.of(shop, sender=brief.sender.name or "")

    def message(self, variant: Variant, products: Sequence[Product], *, url: str, produce_id: str, preview: bool = False) -> Rendered:
        """One person's message: the whole of it in `text`, no subject.

        A message that is too long with the product's name gets a shorter form of it, then goes without the sentence that names it:
        the link leads there all the same.

        Args:
            url: its link, http(s).
            preview: draw it on a phone as `html` too.
        Raises:
            DataError: even so it is longer than the shop allows.
        """
        language, label = variant.language, self._label(variant, produce_id)
        known = slot_values(self._brief.offer, self._shop, language)
        for text, name in ever_shorter(variant.slots["text"], products[0].display if products else "", language):
            made = text_message(filled(text, known | {"product.name": name}), language, self.wording, url=safe_url(url), labelled=label is not None)
            if segments(made) <= self.wording.most_segments:
                break
        else:
            raise DataError(_("The text message of {variant} takes more than {most} segments; it was left out."), variant=variant.key,
                            most=self.wording.most_segments)
        return Rendered("", "", phone_page(made, self.wording.signature, language) if preview else "", made, label)


def verify_text(message: Rendered, *, wording: Wording, language: str, url: str) -> list[Finding]:
    """The last look at a finished text message; nothing for a good one.

    Args:
        url: the one link that it may hold.
    """
    text = message.text
    found = unfilled({"text": text}) + broken({"text": text}) + unlabelled(message, "text", visible_label(language, producer="").mark)
    found += [finding("link", "ban", "text", link, _("'{excerpt}' does not lead to a page of the shop."))
              for link in _LINK.findall(text) if link != url]
    if not text.startswith(wording.head(language)) or text.count("【") > (language == "zh"):
        found.append(finding("signature", "ban", "text", wording.head(language), _("The message is not signed with {excerpt} alone.")))
    if not text.endswith(translate(OPT_OUT, language)):
        found.append(finding("opt-out", "ban", "text", "", _("The message does not say how to refuse more of them.")))
    return found + too_long(text, wording)


def phone_page(text: str, sender: str, language: str) -> str:
    """The message as a phone shows it, as a page of its own; its link is text."""
    counted = translate(_("{segments} segments, {characters} characters"), language).format(segments=segments(text), characters=len(text))
    return (f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><style>'
            "body{margin:0;background:#f2f2f7;font:16px/1.4 system-ui,sans-serif;color:#111}main{max-width:22rem;margin:0 auto;padding:1rem}"
            "h1{font-size:.8rem;font-weight:600;text-align:center;color:#555}p{background:#e5e5ea;border-radius:1.1rem;padding:.6rem .9rem;"
            "margin:0 2.5rem 0 0;overflow-wrap:anywhere}small{display:block;color:#555;margin:.5rem .9rem}"
            "@media(prefers-color-scheme:dark){body{background:#000;color:#eee}p{background:#26262a}h1,small{color:#aaa}}</style></head>"
            f"<body><main><h1>{html.escape(sender)}</h1><p>{html.escape(text)}</p><small>{counted}</small></main></body></html>")


def ever_shorter(template: str, name: str, language: str) -> list[tuple[str, str]]:
    """A text with the product's whole name, with shorter forms of it, and without the sentence that holds it."""
    name = re.sub(r"[【】]", "", name)
    rooms = sorted({40, 30, NAME_ROOM[language], _LEAST_NAME[language]}, reverse=True)
    found = [(template, name), *((template, _short(name, room, language)) for room in rooms if len(name) > room)]
    without = "".join(part for part in _SENTENCE.split(template) if "product." not in part).strip()
    return [*found, *([(without, "")] if without else [])]


def _short(name: str, room: int, language: str) -> str:
    """The beginning of a name, whole words only where it has words."""
    head = name[:room + 1]
    cut = head.rsplit(" ", 1)[0] if " " in head else name[:room]
    return cut.rstrip(" ,，、-;；&+") + ("…" if language == "zh" else "...")


__all__ = ["PhonePress", "ShortPress", "ever_shorter", "phone_page", "verify_text"]
