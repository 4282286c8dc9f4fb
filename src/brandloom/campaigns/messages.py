"""From a decision to the message one person gets: the same code for a preview, a dry run and the real thing."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from brandloom.campaigns.catalogue import read_products
from brandloom.campaigns.plans import Plan
from brandloom.content import Finding, Press, Product, Rendered, verify
from brandloom.content.brand import LOGO_CID, Look, brand_seal, brand_sender, look, speaking_brand, with_picture
from brandloom.content.notes import NotePress, verify_note
from brandloom.content.phone import PhonePress, verify_text
from brandloom.content.studio.formats import segments
from brandloom.deliver import (
    ADDRESS_KIND,
    MOST_BYTES,
    Claimed,
    Click,
    ClickLinks,
    Envelope,
    Item,
    Links,
    Mailer,
    Message,
    Parts,
    Picture,
    ShortLinks,
    Subscription,
    ascii_domain,
    dialable,
    keep_link,
)
from brandloom.deliver.clicks import LIFETIME
from brandloom.engine import Engine
from brandloom.errors import ConfigError, DataError, StateError
from brandloom.govern import Person
from brandloom.i18n import _
from brandloom.ledger import Ledger
from brandloom.workspace import ShopConfig, Workspace

if TYPE_CHECKING:
    from brandloom.campaigns.shop import Shop

MARKETING = "marketing"
_LINK = re.compile(r'href="(https?://[^"]+)"')
_ADDRESS = re.compile(r"https?://[^\s<>\"]+")


class Tracking:
    """Puts counted links in place of a message's own: every link to the shop but the one that unsubscribes.

    Args:
        click_url: address of the redirect, see `ClickLinks`.
    """

    def __init__(self, ledger: Ledger, workspace: Workspace, plan: Plan, *, click_url: str) -> None:
        self._ledger, self._plan = ledger, plan.id
        self._links = ClickLinks(workspace.derive_key("clicks"), click_url)
        self._short = ShortLinks(workspace.derive_key("clicks"), click_url)
        self._hosts = frozenset((urlsplit(workspace.config.sender.website).hostname or "",))
        self._numbers: dict[str, int] = {}

    def counted(self, made: Rendered, item: Item, now: datetime, *, unsubscribe_url: str) -> Rendered:
        """The message with its links counted for this person until `LIFETIME` from now."""
        swapped: dict[str, str] = {}
        until = (now + LIFETIME).date()

        def swap(target: str) -> str:
            if target == unsubscribe_url or (urlsplit(target).hostname or "") not in self._hosts:
                return target
            if target not in swapped:
                swapped[target] = self._links.url(Click(item.customer, self._plan, item.channel, item.step, self._number(target), until))
            return swapped[target]

        page = _LINK.sub(lambda found: f'href="{html.escape(swap(html.unescape(found[1])))}"', made.html)
        plain = _ADDRESS.sub(lambda found: swapped.get(found[0], found[0]), made.text)
        return replace(made, html=page, text=plain)

    def short(self, target: str, item: Claimed) -> str:
        """The counted link of a text message."""
        return self._short.url(item.id, self._number(target))

    def _number(self, target: str) -> int:
        if target not in self._numbers:
            self._numbers[target] = keep_link(self._ledger, self._plan, target, hosts=self._hosts)
        return self._numbers[target]


class MessageWriter:
    """Writes the messages of one plan. Personal data comes in per person and is kept nowhere.

    Args:
        tracking: counts clicks on the links of messages; previews always show the links themselves.
    """

    def __init__(self, engine: Engine, workspace: Workspace, plan: Plan, *, unsubscribe_url: str | None = None,
                 tracking: Tracking | None = None) -> None:
        config = workspace.config
        kit = speaking_brand(workspace, plan.brief.brand)
        if brand_seal(kit, workspace) != plan.extra.get("brand_seal", ""):
            raise StateError(_("Plan {plan} was made with another brand kit than the one that is there now. Plan again."), plan=plan.id)
        languages = () if kit is None else plan.brief.languages
        self._looks: dict[str, Look] = {one: look(kit, workspace.brands, language=one) for one in languages if kit is not None}
        self._pictures: dict[str, tuple[Picture, ...]] = {
            one: (Picture(LOGO_CID, seen.picture.kind, seen.picture.data),) for one, seen in self._looks.items() if seen.picture is not None}
        own = config.sender if kit is None else brand_sender(kit, config.sender)
        sender = own.model_copy(update={name: value for name, value in
                                                  (("name", plan.brief.sender.name),) if value})
        self.config: ShopConfig = config.model_copy(update={"sender": sender})
        self.plan = plan
        self._variants = {one.key: one for one in plan.variants}
        self._products = _shown_products(engine, plan.id)
        self._tracking = tracking
        self._label_key = workspace.derive_key("label")
        self._presses: dict[bool, Press] = {}
        address = unsubscribe_url or sender.unsubscribe_url
        self._links = Links(workspace.derive_key("links"), address)
        self._hosts = frozenset(urlsplit(url).hostname or "" for url in (address, sender.website))

    @property
    def domain(self) -> str:
        """The sender's, for Message-IDs."""
        return ascii_domain(self.config.sender.email.rpartition("@")[2])

    @cached_property
    def mailer(self) -> Mailer:
        """What builds the plan's mails.

        Raises:
            ConfigError: the shop's address or postal address is missing.
        """
        return Mailer(self.config)

    def render(self, item: Item, person: Person, *, preview: bool = False) -> Rendered:
        """The message's content for one person.

        Raises:
            ConfigError: the shop has no postal address; or the finished message fails the last look and must not be sent.
            DataError: a text message that cannot be made short enough.
        """
        if item.channel == "sms":
            return self._text(item, preview=preview)
        return self._note(item, preview=preview) if item.channel == "push" else self._mail(item, person, preview=preview)

    def message(self, item: Claimed, person: Person, now: datetime) -> Message:
        """The whole message for one person, ready for the carrier of its channel.

        Raises:
            DataError: there can be no message to this person.
        """
        if item.channel == "sms":
            return self._text_message(item, person)
        return self._push_message(item, person) if item.channel == "push" else self._mail_message(item, person, now)

    def _text(self, item: Item, *, preview: bool) -> Rendered:
        variant, products = self._variants[item.variant], self._shown(item)
        page = self._phone.page(products)
        url = self._tracking.short(page, item) if self._tracking is not None and isinstance(item, Claimed) else page
        made = self._phone.message(variant, products, url=url, produce_id=f"{self.plan.id}:{item.variant}", preview=preview)
        self._require_good(verify_text(made, wording=self._phone.wording, language=variant.language, url=url), item)
        return made

    def _note(self, item: Item, *, preview: bool) -> Rendered:
        variant = self._variants[item.variant]
        made = self._notes.message(variant, self._shown(item), produce_id=f"{self.plan.id}:{item.variant}", preview=preview)
        self._require_good(verify_note(made, language=variant.language), item)
        return made

    def _push_message(self, item: Claimed, person: Person) -> Message:
        """What the shop's service worker shows: see the page on channels."""
        made, page = self._note(item, preview=False), self._notes.page(self._shown(item))
        url = self._tracking.short(page, item) if self._tracking is not None else page
        content = {"title": made.subject, "body": made.text, "url": url, "lang": item.language, "tag": item.message_id.strip("<>").partition("@")[0]}
        if made.label is not None:
            content["aigc"] = made.label.to_json()
        data = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        if len(data) > MOST_BYTES:
            raise DataError(_("The notification of {variant} is longer than {most} characters; it was left out."), variant=item.variant,
                            most=MOST_BYTES)
        return Message(item.message_id, "", person.push or "", data)

    @cached_property
    def _notes(self) -> NotePress:
        return NotePress(self.plan.brief, self.config, label_key=self._label_key)

    def segments(self, item: Item) -> int:
        """How many segments a person's text message takes, with a counted link where the shop counts clicks."""
        click_url = self.config.sender.click_url
        url = ShortLinks(b"", click_url).url(0, 0) if click_url else self._phone.page(self._shown(item))
        made = self._phone.message(self._variants[item.variant], self._shown(item), url=url, produce_id="")
        return segments(made.text)

    def _text_message(self, item: Claimed, person: Person) -> Message:
        number = dialable(person.phone or "", self.config.sms.country_code)
        if number is None:
            raise DataError(_("A recipient's number names no country; the message was left out. Set sms.country_code in brandloom.toml."))
        return Message(item.message_id, "", number, self._text(item, preview=False).text.encode())

    @property
    def signature(self) -> str:
        """Who signs the plan's text messages."""
        return self._phone.wording.signature

    @cached_property
    def _phone(self) -> PhonePress:
        return PhonePress(self.plan.brief, self.config, label_key=self._label_key)

    def _mail(self, item: Item, person: Person, *, preview: bool) -> Rendered:
        if preview not in self._presses:
            self._presses[preview] = Press(self.plan.brief, self.config, label_key=self._label_key, preview=preview,
                                           looks={language: seen.values for language, seen in self._looks.items()})
        variant, products = self._variants[item.variant], self._shown(item)
        made = self._presses[preview].message(variant, {"first_name": person.first_name}, products, unsubscribe_url=self.unsubscribe_url(item),
                                              produce_id=f"{self.plan.id}:{item.variant}")
        if preview and variant.language in self._looks:
            made = replace(made, html=with_picture(made.html, self._looks[variant.language]))
        self._require_good(verify(made, products=products, currency=self.config.currency, language=variant.language, hosts=self._hosts), item)
        return made

    def _shown(self, item: Item) -> list[Product]:
        return [self._products[one] for one in item.products if one in self._products]

    def _require_good(self, found: Sequence[Finding], item: Item) -> None:
        if found:
            raise ConfigError(_("The message of variant {variant} fails the last look and was not sent: {reason}"), variant=item.variant,
                              reason=found[0].text())

    def _mail_message(self, item: Claimed, person: Person, now: datetime) -> Message:
        made = self._mail(item, person, preview=False)
        if self._tracking is not None:
            made = self._tracking.counted(made, item, now, unsubscribe_url=self.unsubscribe_url(item))
        parts = Parts(made.subject, made.text, made.html, self._pictures.get(item.language, ()))
        envelope = Envelope(item.message_id, person.email or "", item.language, self.plan.id, self.unsubscribe_url(item), made.label,
                            self.plan.brief.sender.reply_to)
        return self.mailer.message(envelope, parts, now=now)

    def unsubscribe_url(self, item: Item) -> str:
        return self._links.url(Subscription(item.customer, self.plan.id, item.channel))


def items_of(shop: Shop, plan: Plan, customers: Sequence[str] | None = None, *, action: str = "send") -> list[Item]:
    """What the plan decided to send, as items of the queue; people whose address has gone since are left out.

    Where a person's text has been drawn already it is that one, else the first of their cell.
    """
    rows = shop.engine.query("SELECT customer, channel, coalesce(text, variant) AS variant, language, products FROM decisions "
                             "WHERE plan = $plan AND action = $action ORDER BY expected_value DESC, customer", plan=plan.id, action=action)
    wanted = rows.to_pylist() if customers is None else [row for row in rows.to_pylist() if row["customer"] in set(customers)]
    addresses = {channel: shop.vault.addresses([row["customer"] for row in wanted if row["channel"] == channel], ADDRESS_KIND[channel])
                 for channel in {row["channel"] for row in wanted}}
    return [Item(row["customer"], addresses[row["channel"]][row["customer"]], row["variant"], row["language"], tuple(row["products"]), row["channel"])
            for row in wanted if row["customer"] in addresses[row["channel"]]]


def _shown_products(engine: Engine, plan: str) -> dict[str, Product]:
    lists = engine.query("SELECT products FROM decisions WHERE plan = $plan AND action IN ('send', 'holdout')", plan=plan)
    return read_products(engine, sorted({one for products in lists.column("products").to_pylist() for one in products or ()}))
