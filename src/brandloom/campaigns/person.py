"""Everything a shop knows about one customer, in the reader's language: what is missing is said to be missing, never shown as 0."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from brandloom.campaigns.catalogue import read_products
from brandloom.customers import SEGMENT_LABELS, Fact, Portrait, portray, rules
from brandloom.engine import scalar
from brandloom.errors import DataError
from brandloom.govern import granted, ids_of
from brandloom.i18n import _, say
from brandloom.predict import reason_text
from brandloom.recommend import REASONS

if TYPE_CHECKING:
    from brandloom.campaigns.shop import Shop

CHANNELS = ("email", "sms", "push")
WEEKDAYS = (_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"), _("Sunday"))
KINDS = {"purchase": _("purchase"), "return": _("return"), "adjustment": _("postage, fee or discount"), "view": _("view"),
         "cart": _("put in the cart"), "favourite": _("marked as favourite"), "search": _("search"), "click": _("click")}
PERSONAL = {"first_name": _("first name"), "last_name": _("last name"), "full_name": _("full name"), "email": _("e-mail address"),
            "phone": _("phone number"), "address": _("postal address"), "id_number": _("identity number"), "push": _("push subscription"),
            "other": _("other")}
UNKNOWN = _("not known")
MOST_PRODUCTS = 5


@dataclass(frozen=True)
class Prediction:
    """What the last `learn` expects of the customer, with 80 % intervals."""

    as_of: datetime
    horizon_days: int
    p_purchase: float
    p_low: float
    p_high: float
    expected_spend: float
    spend_low: float
    spend_high: float
    reasons: str


@dataclass(frozen=True)
class Shown:
    """One customer as `customers show` tells it."""

    portrait: Portrait
    ids: tuple[str, ...]
    """All ids of the person."""
    consents: tuple[str, ...]
    """Channels on which marketing is agreed to."""
    personal: tuple[str, ...]
    """Kinds of personal data kept sealed in the vault; no value is shown."""
    segment: str | None
    """Lifecycle segment of the last `learn`; None before."""
    persona: str | None
    saved: tuple[str, ...]
    """Segments written as rules that the customer is in, as of their last update."""
    prediction: Prediction | None
    products: tuple[dict[str, Any], ...]
    """Recommended: product, name, reason."""
    names: dict[str, str]
    """Product -> its name, of those bought most and in the last events."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def find_customer(shop: Shop, given: str) -> str:
    """The pseudonym of an id that the shop's data know.

    Raises:
        DataError: nobody with this id is loaded.
    """
    # A shop's own id may look like a pseudonym: what is known decides.
    for customer in [*([given] if given.startswith("c_") else []), shop.vault.pseudonym(given)]:
        with shop.engine.as_loaded():
            seen = shop.engine.query("SELECT customer FROM customers WHERE customer = $customer UNION "
                                     "SELECT customer FROM events WHERE customer = $customer", customer=customer)
        if seen.num_rows or shop.vault.records([customer]):
            return customer
    raise DataError(_("No customer '{id}' is loaded. Give an id of the shop's files, or a pseudonym such as c_1a2b...."), id=given)


def show_customer(shop: Shop, given: str, as_of: datetime | None = None) -> Shown:
    """Gather what is known of one customer.

    Args:
        given: an id of the shop's files, or the pseudonym; any id of a person with several.
        as_of: naive UTC; the moment after the last event when None. Segments, predictions and products are those of the last `learn`, and
            none where that looked at something later.
    Raises:
        DataError: nobody with this id is loaded.
    """
    asked = find_customer(shop, given)
    ids = ids_of(shop.ledger, [asked]).get(asked, (asked,))
    customer = ids[0]
    last = scalar(shop.engine, "SELECT max(occurred_at) AS last_at FROM events")
    moment = as_of or ((last if isinstance(last, datetime) else datetime(1970, 1, 1)) + timedelta(seconds=1))
    segment = _one(shop, "segments", "segment, persona, as_of", customer)
    updated = rules.stands_at(shop.engine)
    predicted = _one(shop, "predictions", "as_of, horizon_days, p_purchase, p_low, p_high, expected_spend, spend_low, spend_high, reasons", customer)
    segment = {} if segment and segment["as_of"] > moment else segment
    predicted = {} if predicted and predicted["as_of"] > moment else predicted
    portrait = portray(shop.engine, customer, moment)
    shown = {one.value for one in portrait.products} | {row["product"] for row in portrait.latest if row["product"]}
    return Shown(
        portrait, ids,
        tuple(channel for channel in CHANNELS if customer in granted(shop.ledger, [customer], channel, "marketing")),
        tuple(kind for kind in PERSONAL if any(getattr(one, kind) for one in shop.vault.records(list(ids)).values())),
        segment.get("segment"), segment.get("persona"),
        tuple(rules.segments_of(shop.engine, customer)) if updated is not None and updated <= moment else (),
        Prediction(**predicted) if predicted else None, _products(shop, customer) if predicted else (),
        {product: one.display for product, one in read_products(shop.engine, sorted(shown)).items() if one.display})


def _one(shop: Shop, table: str, columns: str, customer: str) -> dict[str, Any]:
    if not shop.engine.exists(table):
        return {}
    rows = shop.engine.query(f"SELECT {columns} FROM {table} WHERE customer = $customer", customer=customer).to_pylist()
    return rows[0] if rows else {}


def _products(shop: Shop, customer: str) -> tuple[dict[str, Any], ...]:
    if not shop.engine.exists("recommendations"):
        return ()
    rows = shop.engine.query("SELECT product, reason FROM recommendations WHERE customer = $customer ORDER BY rank", customer=customer).to_pylist()
    known = read_products(shop.engine, [row["product"] for row in rows[:MOST_PRODUCTS]])
    return tuple({"product": row["product"], "name": known[row["product"]].display if row["product"] in known else None, "reason": row["reason"]}
                 for row in rows[:MOST_PRODUCTS])


def lines_of(shown: Shown, currency: str, language: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Chapters of names and values for people, in their language."""
    of = shown.portrait.profile

    def number(name: str, form: str = ",.0f", unit: str = "") -> str:
        value = of.get(name)
        return say(UNKNOWN) if value is None else f"{value:{form}}{unit}"

    def money(value: float | None) -> str:
        return say(UNKNOWN) if value is None else f"{value:,.2f} {currency}"
    days, ago = say(_(" days")), say(_(" days ago"))
    return [
        (say(_("Who")), _who(shown)),
        (say(_("Buying")), [
            (say(_("Orders")), number("orders")), (say(_("Days with a purchase")), number("purchase_days")),
            (say(_("Last purchase")), number("days_since_last", unit=ago)), (say(_("First purchase")), number("T_days", unit=ago)),
            (say(_("Usual time between purchases")), number("mean_gap_days", unit=days)), (say(_("Average order")), money(of.get("avg_basket"))),
            (say(_("Products per order")), number("products_per_order", ".1f")), (say(_("Net revenue")), money(of.get("net_revenue"))),
            (say(_("Spent in 90 days")), money(of.get("spend_90d"))), (say(_("Share of the amount returned")), number("returns_share", ".1%")),
            (say(_("Prices paid for one piece")), say(UNKNOWN) if shown.portrait.prices is None else
             f"{shown.portrait.prices[0]:,.2f} – {shown.portrait.prices[1]:,.2f} {currency}"),
            (say(_("Bought below the usual price")), number("discount_share", ".0%", say(_(" of order lines")))),
            (say(_("Place in the price range of the category")), number("price_level", ".0%", say(_(" (0% cheapest, 100% dearest)"))))]),
        (say(_("Habits (UTC)")), [
            (say(_("Day of the week")), _named(of.get("favourite_weekday"), lambda day: say(WEEKDAYS[int(day)]))),
            (say(_("Hour of the day")), _named(of.get("favourite_hour"), lambda hour: f"{int(hour):02d}:00")),
            (say(_("Categories bought")), _list(shown.portrait.categories)), (say(_("Interested in, not bought")), _list(shown.portrait.interests)),
            (say(_("Searched for")), _list(shown.portrait.searches)),
            (say(_("Products bought most")), _list(shown.portrait.products, lambda product: shown.names.get(product, product))),
            (say(_("Channels")), _list(shown.portrait.channels)),
            (say(_("From looking to buying")), _list(shown.portrait.events, lambda kind: say(KINDS[kind]) if kind in KINDS else kind))]),
        (say(_("Expected")), _expected(shown, currency, language)),
        (say(_("Last events")), [(f"{row['occurred_at']:%Y-%m-%d %H:%M}", _event(row, shown.names, currency)) for row in shown.portrait.latest]
         or [(say(_("Events")), say(UNKNOWN))])]


def _who(shown: Shown) -> list[tuple[str, str]]:
    of, segment = shown.portrait.profile, shown.segment
    return [
        (say(_("Customer")), ", ".join(shown.ids)), (say(_("As of (UTC)")), f"{shown.portrait.as_of:%Y-%m-%d %H:%M:%S}"),
        (say(_("Lifecycle")), say(UNKNOWN) if segment is None else say(SEGMENT_LABELS[segment])),
        (say(_("Segments by rule")), ", ".join(shown.saved) or say(_("none"))),
        (say(_("Country")), of.get("country") or say(UNKNOWN)), (say(_("Language")), of.get("language") or say(UNKNOWN)),
        (say(_("Agreed to marketing by")), ", ".join(shown.consents) or say(_("no channel"))),
        (say(_("Personal data, sealed")), ", ".join(say(PERSONAL[kind]) for kind in shown.personal) or say(_("none")))]


def _expected(shown: Shown, currency: str, language: str) -> list[tuple[str, str]]:
    one = shown.prediction
    if one is None:
        return [(say(_("Predictions")), say(_("none up to then; run `brandloom learn`")))]
    rows = [(say(_("Buys within {days} days"), days=one.horizon_days), f"{one.p_purchase:.0%} [{one.p_low:.0%}, {one.p_high:.0%}]"),
            (say(_("Spends within {days} days"), days=one.horizon_days),
             f"{one.expected_spend:,.2f} [{one.spend_low:,.2f}, {one.spend_high:,.2f}] {currency}"),
            (say(_("Predicted on")), f"{one.as_of:%Y-%m-%d}"), *((say(_("Why")), sentence) for sentence in reason_text(one.reasons, language))]
    return rows + [(say(_("Might want")), f"{row['name'] or row['product']}: {say(REASONS[row['reason']])}") for row in shown.products]


def _event(row: Mapping[str, Any], names: Mapping[str, str], currency: str) -> str:
    kind = say(KINDS[row["kind"]]) if row["kind"] in KINDS else row["kind"]
    amount = "" if row["amount"] is None else f", {row['amount']:,.2f} {currency}"
    count = "" if row["quantity"] is None else f" × {row['quantity']:g}"
    return f"{kind}: {names.get(row['product'], row['product'])}{count}{amount}" if row["product"] else f"{kind}{amount}"


def _list(facts: Sequence[Fact], name: Callable[[str], str] = str) -> str:
    return ", ".join(f"{name(one.value)} ({one.times}{'' if one.share is None else f', {one.share:.0%}'})" for one in facts) or say(UNKNOWN)


def _named(value: Any, name: Callable[[Any], str]) -> str:
    return say(UNKNOWN) if value is None else name(value)
