"""From a checked variant to the message one person reads.

Liquid runs once per variant and shape of message, with marks in place of what differs per person; filling the marks is joining
strings. So a personal value is never parsed as a template, and thousands of messages a second need no template engine at all.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, urlsplit

from brandloom.content.brief import Brief, Offer
from brandloom.content.checks import SLOT
from brandloom.content.facts import Product, format_day, format_price, offer_value, plain_text
from brandloom.content.layout import Layout, Mould, bundled_layout, hole, mould, render_html, render_text, without_holes
from brandloom.content.writer import Variant
from brandloom.errors import ConfigError
from brandloom.govern import AiLabel, ai_label, visible_label, without_hidden
from brandloom.i18n import _, translate
from brandloom.workspace import SenderConfig, ShopConfig

MOST_PRODUCTS = 4
"""Product cards in one message; more are left out."""
_NO_NAME = re.compile(r"[/\\@:{}<>\[\]|=;%&#$^*~`\"]|\d{2,}|\.\w{2,}")
_USUAL_URL = re.compile(r"https?://[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*(?::[0-9]{1,5})?(?:[/?#][!#-&(-;=?-~]*)?")
_AD_MARK = "（广告）"
"""Head of the subject that China's rules for commercial e-mail ask for."""


@dataclass(frozen=True)
class Rendered:
    """A message as it arrives; `label` goes into the mail's header too, None when no model wrote any of it."""

    subject: str
    preheader: str
    html: str
    text: str
    label: AiLabel | None


@dataclass(frozen=True)
class _Shape:
    """All that messages of one mould share."""

    slots: tuple[tuple[str, str], ...]
    language: str
    labelled: bool
    named: bool
    products: int
    offer: Offer
    shop: str
    currency: str
    sender: SenderConfig
    advert: bool
    preview: bool


@dataclass(frozen=True)
class _Form:
    """What is the same in all messages of one kind."""

    subject: Mould
    preheader: Mould
    html: Mould
    text: Mould
    label: AiLabel | None
    meta: str


# Numbers of the values that differ per person; products follow, four values each.
_NAME, _UNSUBSCRIBE, _META, _CTA_URL, _FIRST_PRODUCT = range(5)


class Press:
    """Prints the messages of one brief for one shop.

    Args:
        label_key: `workspace.derive_key("label")`, which seals the AI label.
        layout: another layout than the bundled one.
        looks: language -> values for the layout's `brand`, as `brand.look` makes them; none gives the plain look.
        preview: mark messages as not sent, and let them be made without a postal address.
    Raises:
        ConfigError: no postal address.
    """

    def __init__(self, brief: Brief, shop: ShopConfig, *, label_key: bytes = b"", layout: Layout | None = None,
                 looks: Mapping[str, Mapping[str, object]] | None = None, preview: bool = False) -> None:
        if not preview and not shop.sender.postal_address.strip():
            raise ConfigError(_("The shop has no postal address, which every marketing mail must show. Set sender.postal_address "
                                "in brandloom.toml."))
        self._brief, self._shop, self._sender = brief, shop, _sender(brief, shop)
        self._layout, self._label_key, self._preview = layout or bundled_layout(), label_key, preview
        self._looks = looks or {}
        self._website = safe_url(shop.sender.website)
        self._forms: dict[tuple[str, str, bool, int], _Form] = {}

    def message(self, variant: Variant, person_slots: Mapping[str, str | None], products: Sequence[Product], *, unsubscribe_url: str,
                produce_id: str) -> Rendered:
        """Make one person's message.

        Args:
            person_slots: 'first_name' or nothing; a missing or doubtful name gives a greeting without one.
            products: the person's own, best first; the first fills `{{ product.name }}` and `{{ product.price }}`.
            unsubscribe_url: the person's own link, http(s).
            produce_id: id of this text in the audit chain, for the AI label; a variant keeps it.
        Raises:
            ConfigError: no product for a text that names one, a link that is not http(s), or a layout that cannot be used.
        """
        name = usable_name(person_slots.get("first_name"))
        shown = products[:MOST_PRODUCTS]
        kind = (variant.key, produce_id, bool(name), len(shown))
        form = self._forms.get(kind)
        if form is None:
            form = self._forms[kind] = self._form(variant, produce_id, named=bool(name), products=len(shown))
        url = safe_url(unsubscribe_url)
        plain, escaped = [name, url, form.meta, self._website], [html.escape(name), html.escape(url), form.meta, html.escape(self._website)]
        for product in shown:
            card = _card(product, self._shop.currency, variant.language, self._website)
            plain += card.plain
            escaped += card.escaped
        return Rendered(form.subject.fill(plain), form.preheader.fill(plain), form.html.fill(escaped), form.text.fill(plain), form.label)

    def _form(self, variant: Variant, produce_id: str, *, named: bool, products: int) -> _Form:
        """Run Liquid once for all messages of a variant with as many products, with a name or without."""
        shop = self._shop
        shape = _Shape(tuple(variant.slots.items()), variant.language, variant.source != "template", named, products,
                       self._brief.offer, _plain(shop.name), shop.currency, self._sender,
                       "cn" in shop.jurisdictions and variant.language == "zh", self._preview)
        parts = {place: _with_marks(text, shape) for place, text in shape.slots}
        subject = plain_text((_AD_MARK if shape.advert else "") + parts["subject"])
        values = _values(shape, parts, subject) | ({"brand": self._looks[shape.language]} if shape.language in self._looks else {})
        page = render_html(self._layout, shape.language, values)
        page = page.replace("</head>", hole(_META) + "</head>", 1)
        label = label_of(variant, shape.shop, produce_id, self._label_key)
        return _Form(mould(subject), mould(plain_text(parts["preheader"])), mould(page), mould(render_text(self._layout, shape.language, values)),
                     label, label.meta_tag() if label else "")


def _plain(text: str) -> str:
    """Plain text of the shop's own that cannot be taken for a mark."""
    return without_holes(plain_text(text))


def _sender(brief: Brief, shop: ShopConfig) -> SenderConfig:
    return shop.sender.model_copy(update={"name": brief.sender.name}) if brief.sender.name else shop.sender


@lru_cache(maxsize=20_000)
def usable_name(name: str | None) -> str:
    """A first name fit for a greeting, or '' : no links, markup, digits in number or overlong text posing as a name."""
    name = plain_text(name or "")
    if len(name) > 40 or _NO_NAME.search(name) or not any(c.isalpha() for c in name):
        return ""
    return name.title() if name.isascii() and (name.isupper() or name.islower()) else name


def safe_url(url: str) -> str:
    """An absolute http(s) link with nothing that could end an attribute or a line.

    Raises:
        ConfigError: it is no such link.
    """
    if _USUAL_URL.fullmatch(url):
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.netloc or re.search(r"[\s<>\"'\x00-\x1f]", url):
        raise ConfigError(_("'{url}' is not a link that a message can hold; it must start with https:// or http://."),
                          url=plain_text(url)[:80])
    return url


def without_name(text: str, language: str) -> str:
    """Text with `{{ first_name }}` taken out so that it still reads well."""
    slot = r"\{\{ ?first_name ?\}\}"
    if language == "zh":
        slot = f"(?:亲爱的)?{slot}"
        return re.sub(rf"^\s*{slot}[，,：:！!、]?\s*|[，,、]?\s*{slot}(?=[，。！？!?,：:]|$)|{slot}", "", text)
    text = re.sub(rf"\b(Hi|Hello|Hey|Dear|Hi there),? {slot}", "Hello", text)
    text = re.sub(rf"{slot}['’]s\b", "your", text)
    text = re.sub(rf"\b([Ff]or|[Tt]o|[Ww]ith) {slot}", r"\1 you", text)
    text = re.sub(rf",? {slot}(?=[,.!?:;]|$)", "", text)
    text = re.sub(rf"^\s*{slot}[,:!]?\s*|{slot}\s*", "", text)
    return text[:1].upper() + text[1:]


def _values(shape: _Shape, parts: Mapping[str, str], subject: str) -> dict[str, object]:
    """What a layout can print. Values that differ per person are marks."""
    terms = _offer_terms(shape)
    address = shape.sender.postal_address or translate(_("(postal address not set yet)"), shape.language)
    return {
        "subject": subject, "preheader": parts["preheader"], "headline": parts["headline"], "body": parts["body"],
        "cta": parts["cta"], "cta_url": hole(_CTA_URL), "greeting": _greeting(shape),
        "products": [{"name": hole(at), "price": hole(at + 1), "url": hole(at + 2), "initial": hole(at + 3)}
                     for at in range(_FIRST_PRODUCT, _FIRST_PRODUCT + 4 * shape.products, 4)],
        "offer": {"text": _offer_text(shape), "terms": terms},
        "shop": {"name": shape.shop}, "sender": {"name": _plain(shape.sender.name), "address": _plain(address)},
        "reason": translate(_("You receive this e-mail because you agreed to news from {shop}."), shape.language).format(
            shop=shape.shop),
        "unsubscribe_url": hole(_UNSUBSCRIBE), "preview": shape.preview,
        "ai_sentence": visible_label(shape.language, producer=shape.shop).sentence if shape.labelled else "",
    }


def _with_marks(text: str, shape: _Shape) -> str:
    """Put marks for personal slots and values for the others into a checked text."""
    if not shape.named:
        text = without_name(text, shape.language)
    known = {"first_name": hole(_NAME), "shop.name": shape.shop, "offer.code": shape.offer.code or "",
             "offer.until": format_day(shape.offer, shape.language),
             "offer.value": offer_value(shape.offer, shape.language, shape.currency)}
    if shape.products:
        known |= {"product.name": hole(_FIRST_PRODUCT), "product.price": hole(_FIRST_PRODUCT + 1)}

    def fill(match: re.Match[str]) -> str:
        if match[1] not in known:
            raise ConfigError(_("The text needs {slot}, which this message does not have. Give the person at least one "
                                "product, and the brief the offer it names."), slot=match[1])
        return known[match[1]]
    return SLOT.sub(fill, without_hidden(without_holes(text)))


def _greeting(shape: _Shape) -> str:
    if any("first_name" in text for place, text in shape.slots if place in ("headline", "body")):
        return ""
    if not shape.named:
        return translate(_("Hello,"), shape.language)
    return translate(_("Hello {name},"), shape.language).format(name=hole(_NAME))


def _offer_text(shape: _Shape) -> str:
    heads = {"percent_off": _("{value} off your order"), "amount_off": _("{value} off your order (amount)"),
             "free_shipping": _("Free shipping on your order"), "gift": _("A gift with your order: {text}"), "none": ""}
    template = heads[shape.offer.kind]
    if not template:
        return ""
    text = translate(template, shape.language).replace(" (amount)", "")
    return text.format(value=offer_value(shape.offer, shape.language, shape.currency), text=_plain(shape.offer.text or ""))


def _offer_terms(shape: _Shape) -> str:
    """Code, last day and smallest order in one line; they stand in the offer's box at full contrast."""
    offer, language = shape.offer, shape.language
    parts = []
    if offer.code:
        parts.append(translate(_("Code {code}"), language).format(code=offer.code))
    if offer.until:
        parts.append(translate(_("until {day}"), language).format(day=format_day(offer, language)))
    if offer.min_order is not None:
        parts.append(translate(_("orders from {amount}"), language).format(
            amount=format_price(offer.min_order, shape.currency, language)))
    if offer.text and offer.kind != "gift":
        parts.append(_plain(offer.text))
    return " · ".join(parts) if offer.kind != "none" else ""


def product_page(product: Product, website: str) -> str:
    """Link to a product's page; one without a page of its own is looked for in the shop."""
    home = website if urlsplit(website).path else website + "/"
    return safe_url(product.url or f"{home}{'&' if '?' in home else '?'}product={quote(product.id, safe='')}")


@dataclass(frozen=True)
class _Card:
    """Name, price, link and initial of a product as a text message and as HTML show them."""

    plain: tuple[str, ...]
    escaped: tuple[str, ...]


@lru_cache(maxsize=20_000)
def _card(product: Product, currency: str, language: str, website: str) -> _Card:
    """A product as shown."""
    price = "" if product.price is None else format_price(product.price, currency, language)
    name = without_holes(product.display)
    initial = next((c.upper() for c in name if c.isalpha()), "·")
    plain = (name, price, product_page(product, website), initial)
    return _Card(plain, tuple(html.escape(value) for value in plain))


def label_of(variant: Variant, shop: str, produce_id: str, key: bytes) -> AiLabel | None:
    """The mark of a text that a model wrote; None for the shop's own."""
    return None if variant.source == "template" else ai_label("\n".join(variant.slots.values()), producer=shop, produce_id=produce_id, key=key)
