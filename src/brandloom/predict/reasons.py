"""Why a customer is likely to buy or not: exact parts of the log-odds, grouped into what a marketer would say.

Forty features overlap (orders in 90 days, in 180 days, in all), so their parts are added up by theme; the sum over themes plus
the base is still exactly logit(p). A theme is shown by one feature and its value.
"""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from brandloom.i18n import _, translate
from brandloom.predict.features import FEATURES, Floats

THEMES: dict[str, tuple[str, ...]] = {
    "days_since_last": ("days_since_last", "days_since_third_last", "purchase_days_14d", "orders_30d", "spend_30d"),
    "mean_gap_days": ("mean_gap_days", "gap_spread_days", "last_gap_days", "max_gap_days", "overdue_ratio"),
    "orders": ("orders", "frequency", "orders_90d", "orders_180d", "orders_365d", "active_months", "purchase_days_60d",
               "purchase_days_per_month"),
    "avg_basket": ("avg_basket", "monetary_value", "last_basket", "max_basket", "net_revenue", "spend_90d", "spend_180d",
                   "spend_365d"),
    "n_products": ("n_products", "items", "products_per_order"),
    "T_days": ("T_days", "recency_days", "known_days"),
    "returns_share": ("returns_share", "returns_90d"),
    "purchase_days_year_ago": ("purchase_days_year_ago",),
    "visits_30d": ("visits_30d", "visits_7d", "carts_30d", "days_since_visit"),
}
SAID = {
    "days_since_last": _("last purchase {value:.0f} days ago"),
    "mean_gap_days": _("usually buys every {value:.0f} days"),
    "orders": _("{value:.0f} orders so far"),
    "avg_basket": _("average order of {value:,.2f}"),
    "n_products": _("{value:.0f} different products bought"),
    "T_days": _("customer for {value:.0f} days"),
    "returns_share": _("{value:.0%} of the amount returned"),
    "purchase_days_year_ago": _("{value:.0f} purchase days at this time last year"),
    "visits_30d": _("{value:.0f} visits in the last 30 days"),
}
UNSAID = {
    "days_since_last": _("no purchase yet"),
    "mean_gap_days": _("has not bought twice yet, so no rhythm is known"),
    "orders": _("no order yet"),
    "avg_basket": _("no order value known yet"),
    "n_products": _("no product bought yet"),
    "T_days": _("no first purchase yet"),
    "returns_share": _("no returns known"),
    "purchase_days_year_ago": _("nothing bought at this time last year"),
    "visits_30d": _("no visits known"),
}
RAISES, LOWERS = _("More likely to buy: {fact}."), _("Less likely to buy: {fact}.")
TOP = 3


def themes(parts: Floats) -> Floats:
    """(n, themes) parts of the log-odds, summed from (n, features)."""
    return np.column_stack([parts[:, [FEATURES.index(name) for name in members]].sum(axis=1) for members in THEMES.values()])


def reasons_json(x: Floats, parts: Floats) -> pa.Array:
    """(n,) JSON lists of the three themes that move each customer's log-odds most, strongest first."""
    by_theme = themes(parts)
    order = np.argsort(-np.abs(by_theme), axis=1, kind="stable")[:, :TOP]
    shown = x[:, [FEATURES.index(name) for name in THEMES]]
    names = pa.array(list(THEMES))
    entries = [_entries(names.take(pa.array(order[:, k])), _pick(shown, order[:, k]), _pick(by_theme, order[:, k]))
               for k in range(order.shape[1])]
    return pc.binary_join_element_wise("[", pc.binary_join_element_wise(*entries, ", "), "]", "")


def reason_text(reasons: str, language: str) -> list[str]:
    """The stored JSON as short sentences in 'en' or 'zh', strongest first.

    Example:
        >>> reason_text('[{"feature": "orders", "value": 12.0, "contribution": 0.8}]', "en")
        ['More likely to buy: 12 orders so far.']
    """
    sentences = []
    for reason in json.loads(reasons):
        value = reason["value"]
        template = UNSAID[reason["feature"]] if value is None else SAID[reason["feature"]]
        fact = translate(template, language).format(value=value)
        sentences.append(translate(RAISES if reason["contribution"] > 0 else LOWERS, language).format(fact=fact))
    return sentences


def _entries(names: pa.Array, values: Floats, parts: Floats) -> pa.Array:
    return pc.binary_join_element_wise('{"feature": "', names, '", "value": ', _number(values, 4), ', "contribution": ',
                                       _number(parts, 6), "}", "")


def _number(values: Floats, digits: int) -> pa.Array:
    """JSON numbers; missing values become null."""
    rounded = pa.array(np.round(values, digits) + 0.0, from_pandas=True)  # + 0.0: no negative zero
    return pc.fill_null(pc.cast(rounded, pa.string()), "null")


def _pick(table: Floats, column: np.ndarray) -> Floats:
    picked: Floats = table[np.arange(len(table)), column]
    return picked
