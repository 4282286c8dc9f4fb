"""The last look at a finished message, one by one and fast: nothing unfilled, only the shop's links, prices as in the catalogue."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Literal
from urllib.parse import urlsplit

from brandloom.content.checks.finding import Finding, finding
from brandloom.content.facts import Product, format_price
from brandloom.content.render import MOST_PRODUCTS, Rendered
from brandloom.i18n import _

_UNFILLED = ("{{", "{%", "\ue000")


def verify(message: Rendered, *, products: Sequence[Product], currency: str, language: str, hosts: Collection[str]) -> list[Finding]:
    """What keeps a finished message from being sent; nothing for a good one.

    Args:
        products: those the message was made with; each must be there with its price as the catalogue has it.
        hosts: host names a link may lead to.
    """
    # The text form holds every value that the HTML form holds; what the layout adds to that was searched when it was compiled.
    found = unfilled({"subject": message.subject, "text": message.text}) + broken({"subject": message.subject})
    for piece in message.html.split('href="')[1:]:
        link = piece[:piece.find('"')]
        if not _allowed(_host(link), hosts):
            found.append(finding("link", "ban", "html", link, _("'{excerpt}' does not lead to a page of the shop.")))
    for product in products[:MOST_PRODUCTS]:
        price = _price(product, currency, language)
        if price and price not in message.text:
            found.append(finding("figure", "ban", "text", price, _("The price {excerpt} of a product shown is not in the message.")))
    return found + unlabelled(message, "html", message.label.produce_id if message.label else "")


def unfilled(texts: Mapping[str, str]) -> list[Finding]:
    """Slots that still stand in the texts, place -> text, of a finished message."""
    return [finding("slot", "ban", place, mark, _("'{excerpt}' was never filled."))
            for place, text in texts.items() for mark in _UNFILLED if mark in text]


def broken(texts: Mapping[str, str]) -> list[Finding]:
    """Texts, place -> text, that should be one line and are not."""
    return [finding("invisible", "ban", place, text, _("The {place} has more than one line."))
            for place, text in texts.items() if "\n" in text or "\r" in text]


def unlabelled(message: Rendered, place: Literal["html", "text"], mark: str) -> list[Finding]:
    """A message that a model wrote without its mark in a place."""
    if message.label is None or mark in getattr(message, place):
        return []
    return [finding("label", "ban", place, message.label.produce_id, _("The AI label is missing."))]


def _host(link: str) -> str:
    """Scheme and host as they stand at the head of a link: 'https://shop.example', and the whole of any other link."""
    at = link.find("/", 8)
    return link if not link.startswith(("https://", "http://")) else link[:at] if at > 0 else link.partition("?")[0]


@lru_cache(maxsize=4096)
def _allowed_host(head: str, hosts: frozenset[str]) -> bool:
    parts = urlsplit(head)
    return parts.scheme in ("http", "https") and parts.username is None and (parts.hostname or "") in hosts


def _allowed(head: str, hosts: Collection[str]) -> bool:
    return _allowed_host(head, hosts if isinstance(hosts, frozenset) else frozenset(hosts))


@lru_cache(maxsize=20_000)
def _price(product: Product, currency: str, language: str) -> str:
    return "" if product.price is None else format_price(product.price, currency, language)
