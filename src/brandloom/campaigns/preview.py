"""Looking at messages before they go out, and why each person gets theirs."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from brandloom import predict
from brandloom.campaigns.catalogue import read_products
from brandloom.campaigns.messages import MessageWriter, items_of
from brandloom.campaigns.plans import Plan
from brandloom.content import humanise
from brandloom.content.studio.formats import is_gsm, length, segments
from brandloom.decide import REASONS
from brandloom.deliver import ADDRESS_KIND, Item, subject_line
from brandloom.errors import DataError
from brandloom.govern import Person
from brandloom.i18n import _, language, say
from brandloom.measure import Both, text, words
from brandloom.measure import report as r
from brandloom.measure.words import Words

if TYPE_CHECKING:
    from brandloom.campaigns.shop import Shop

SAMPLES_PER_LANGUAGE = 2


@dataclass(frozen=True)
class Preview:
    """One message as it would arrive, and why."""

    customer: str
    subject: str
    text: str
    html: str
    sender: str
    variant: str
    why: tuple[Words, ...]
    channel: str = "email"

    @property
    def segments(self) -> int | None:
        """How many segments a text message takes; None for other messages."""
        return segments(self.text) if self.channel == "sms" else None

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "why": [words(one, language()) for one in self.why], "segments": self.segments}

    def text_view(self) -> str:
        """For a terminal."""
        head = [f"{say(_('From'))}: {self.sender}", *([f"{say(_('Subject'))}: {self.subject}"] if self.subject else []), ""]
        shown = bubble(self.text) if self.channel == "sms" else [self.text.strip()]
        counted = [] if self.segments is None else [say(_("{segments} segments, {characters} characters ({alphabet})"), segments=self.segments,
                                                        characters=len(self.text), alphabet="GSM-7" if is_gsm(self.text) else "UCS-2")]
        reasons = [f"- {words(one, language())}" for one in self.why]
        return "\n".join([*head, *shown, *counted, "", f"{say(_('Why'))}:", *reasons])


def bubble(text: str, columns: int = 40) -> list[str]:
    """A text as a phone shows it: lines in a frame, Chinese characters two columns wide."""
    lines, line = list[str](), ""
    for word in re.findall(r"[ -~]+?(?: |(?=[^ -~])|$)|[^ -~]", text):
        for piece in [word] if length(word, "wide") <= columns else re.findall(f".{{1,{columns}}}", word):
            if line and length(line + piece.rstrip(), "wide") > columns:
                lines, line = [*lines, line.rstrip()], ""
            line += piece
    lines.append(line.rstrip())
    return [f"╭{'─' * (columns + 2)}╮", *(f"│ {one}{' ' * (columns - length(one, 'wide'))} │" for one in lines), f"╰{'─' * (columns + 2)}╯"]


def preview(shop: Shop, plan: Plan, *, customer: str | None = None) -> Preview:
    """The message of one person (by the shop's own id or by pseudonym), of the most valuable one when nobody is named.

    Raises:
        DataError: the plan sends nothing to this person; says why.
    """
    wanted = None if customer is None else (customer if customer.startswith("c_") else shop.vault.pseudonym(customer))
    items = items_of(shop, plan, None if wanted is None else [wanted])
    if not items:
        raise DataError(_("Plan {plan} sends this person nothing: {reason}."), plan=plan.id, reason=_reason(shop, plan, wanted))
    item = items[0]
    person = shop.vault.reveal([item.customer]).get(item.customer, Person(item.customer))
    return _preview(shop, plan, MessageWriter(shop.engine, shop.workspace, plan), item, person)


def samples(shop: Shop, plan: Plan, *, reveal: bool) -> tuple[r.SampleMessage, ...]:
    """A few messages per channel and language for the report; without `reveal`, nobody's name or address is in them."""
    writer, taken = MessageWriter(shop.engine, shop.workspace, plan), dict[tuple[str, str], list[Item]]()
    for item in items_of(shop, plan):
        mine = taken.setdefault((item.channel, item.language), [])
        if len(mine) < SAMPLES_PER_LANGUAGE and item.variant not in {one.variant for one in mine}:
            mine.append(item)
    chosen = [item for code in sorted(taken) for item in taken[code]]
    people = shop.vault.reveal([item.customer for item in chosen]) if reveal else {}
    made = []
    for item in chosen:
        person = people.get(item.customer, Person(item.customer))
        seen = _preview(shop, plan, writer, item, person)
        to = "" if item.channel == "push" else getattr(person, ADDRESS_KIND[item.channel]) or ""  # a subscription says nothing to a reader
        made.append(r.SampleMessage(item.customer, item.language, item.channel, seen.subject, seen.html, seen.text, seen.sender, to,
                                    why=seen.why, variant=item.variant))
    return tuple(made)


def _preview(shop: Shop, plan: Plan, writer: MessageWriter, item: Item, person: Person) -> Preview:
    made = writer.render(item, person, preview=True)
    sender = writer.config.sender
    if item.channel == "sms":
        return Preview(item.customer, "", made.text, made.html, writer.signature, item.variant, why(shop, plan, item), item.channel)
    if item.channel == "push":
        return Preview(item.customer, made.subject, made.text, made.html, sender.name, item.variant, why(shop, plan, item), item.channel)
    subject = subject_line(made.subject, language=item.language, jurisdictions=writer.config.jurisdictions)
    return Preview(item.customer, subject, made.text, made.html, f"{sender.name} <{sender.email}>", item.variant, why(shop, plan, item))


def why(shop: Shop, plan: Plan, item: Item) -> tuple[Words, ...]:
    """Why this person, these products, now, each as one sentence."""
    engine = shop.engine
    row = engine.query("SELECT p.p_purchase, p.p_low, p.p_high, p.reasons FROM predictions p WHERE p.customer = $customer",
                       customer=item.customer).to_pylist()
    said: list[Words] = []
    if row:
        said.append(text(_("{p} likely to buy in the next {days} days ({low} to {high})"), days=plan.horizon_days,
                         p=f"{row[0]['p_purchase']:.0%}", low=f"{row[0]['p_low']:.0%}", high=f"{row[0]['p_high']:.0%}"))
        said += reason_words(row[0]["reasons"])
    shown = engine.query("SELECT product, reason, because FROM recommendations WHERE customer = $customer ORDER BY rank",
                         customer=item.customer).to_pylist()
    ids = sorted({one for r_ in shown for one in (r_["product"], r_["because"]) if one})
    names = {key: humanise(product.name) for key, product in read_products(engine, ids).items()}
    templates = {"again": _("{product}: bought before and due again"), "together": _("{product}: goes with {because}, bought before"),
                 "popular": _("{product}: popular now")}
    for one in shown:
        if one["product"] in item.products:
            said.append(text(templates[one["reason"]], product=names.get(one["product"], one["product"]),
                             because=names.get(one["because"] or "", "")))
    return tuple(said)


def reason_words(reasons: str) -> tuple[Both, ...]:
    """The stored reasons of a prediction as sentences in both languages."""
    return tuple(Both(en, zh) for en, zh in zip(*(predict.reason_text(reasons, code) for code in ("en", "zh")), strict=True))


def _reason(shop: Shop, plan: Plan, customer: str | None) -> str:
    if customer is None:
        return say(_("nobody was chosen"))
    rows = shop.engine.query("SELECT reason FROM decisions WHERE plan = $plan AND customer = $customer", plan=plan.id,
                             customer=customer).to_pylist()
    return say(REASONS[rows[0]["reason"]]) if rows else say(_("the customer is not known"))
