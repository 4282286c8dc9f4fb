"""Why a row is refused: a stable code and its sentence."""

from __future__ import annotations

from brandloom.i18n import _, say

REASONS = {
    "malformed": _("the line does not have the fields of the heading"),
    "duplicate": _("exact copy of an earlier line"),
    "same_line": _("same order, product, time, quantity and amount as an earlier line"),
    "same_id": _("an earlier line has the same id"),
    "no_date": _("no date"),
    "bad_date": _("the date cannot be read"),
    "future_date": _("the date is in the future"),
    "no_product": _("no product"),
    "no_id": _("no id"),
    "no_customer": _("no customer"),
    "no_kind": _("no kind of event"),
    "no_quantity": _("no quantity"),
    "bad_quantity": _("the quantity cannot be read"),
    "zero_quantity": _("the quantity is zero"),
    "stock_adjustment": _("negative quantity without a price and without a cancelled order: a stock correction, not a return"),
    "no_price": _("no price"),
    "bad_price": _("the price cannot be read"),
    "zero_price": _("the price is zero"),
    "negative_price": _("negative price on a sale"),
    "too_large": _("the amount or quantity is too large to be real"),
    "no_name": _("no name"),
    "no_text": _("no text"),
}


def reason_text(code: str) -> str:
    """The sentence of a reason code, in the current language."""
    return say(REASONS[code])


NOTES = {
    "purchases": _("purchases"), "returns": _("cancelled or returned"), "adjustments": _("postage, fees and discounts"),
    "rows_without_customer": _("without a customer, kept for product statistics"), "views": _("page views"), "carts": _("put in the cart"),
    "favourites": _("favourites"), "searchs": _("searches"), "clicks": _("clicks"), "sents": _("messages sent with other tools"),
}


def note_text(code: str) -> str:
    """What a note counts, in the current language; a kind of event that only this shop knows keeps its own name."""
    return say(NOTES[code]) if code in NOTES else code
