"""The canonical tables of the warehouse: names, columns and types, written down once.

All times are UTC without a zone; all money is in the workspace's currency, exact to four decimals. Nobody's name, address,
phone or e-mail is ever here: `customer` is a pseudonymous id (see `govern`).
"""

from __future__ import annotations

import pyarrow as pa

TIME = pa.timestamp("us")
MONEY = pa.decimal128(18, 4)
RARE = b"rare"
"""Mark of a column that many shops never fill: an engine may hold back its storage until the first value comes."""


def _rare(name: str) -> pa.Field:
    return pa.field(name, pa.string(), metadata={RARE: b""})


CUSTOMERS = pa.schema([
    ("customer", pa.string()),
    ("first_seen", TIME),
    ("country", pa.string()),
    ("language", pa.string()),
    ("attributes", pa.string()),  # JSON object of what else the shop knows, personal data removed
])
PRODUCTS = pa.schema([
    ("product", pa.string()),
    ("name", pa.string()),
    ("category", pa.string()),
    ("price", MONEY),
    ("description", pa.string()),
    ("stock", pa.float64()),
    ("image", pa.string()),
    ("attributes", pa.string()),  # JSON object
    ("origin", pa.string()),  # 'catalogue' (the shop's own list) or 'orders' (derived from order lines)
])
EVENTS = pa.schema([
    ("event", pa.int64()),  # number of the load x 10^12 + number of the row in its file: the same for the same files in the same order
    ("customer", pa.string()),  # null: counts for product statistics only
    ("occurred_at", TIME),
    ("kind", pa.string()),  # purchase, return, adjustment (postage, fees, discounts), view, cart, favourite, search, click, ...
    ("product", pa.string()),
    ("quantity", pa.float64()),  # negative on a return
    ("amount", MONEY),  # line total, negative on a return
    ("order_id", pa.string()),
    _rare("session"),
    _rare("channel"),
    _rare("campaign"),
    _rare("properties"),  # JSON object
    _rare("row_id"),  # the shop's own id of the row, where it has one
])
DOCUMENTS = pa.schema([
    ("document", pa.string()),
    ("kind", pa.string()),  # faq, policy, review, post
    ("title", pa.string()),
    ("text", pa.string()),
    ("language", pa.string()),
    ("product", pa.string()),
    ("rating", pa.float64()),
    ("written_at", TIME),
    ("properties", pa.string()),
])
DECISIONS = pa.schema([
    ("plan", pa.string()),
    ("customer", pa.string()),
    ("action", pa.string()),  # send, holdout, skip
    ("reason", pa.string()),  # a key of decide.REASONS
    ("channel", pa.string()),
    ("language", pa.string()),
    ("persona", pa.string()),
    ("product_group", pa.string()),
    ("products", pa.list_(pa.string())),  # what the message shows, best first
    ("variant", pa.string()),  # the cell: persona/group/channel/language, which is also the key of its first text
    ("p_purchase", pa.float64()),
    ("expected_value", pa.float64()),  # money, before cost
    ("cost", pa.float64()),
    ("candidates", pa.string()),  # JSON: the actions that were possible and their values
    ("propensity", pa.float64()),  # probability with which this policy took this action
    ("policy", pa.string()),
    ("decided_at", TIME),
    ("wave", pa.int32()),  # null until the person's wave is opened
    ("text", pa.string()),  # key of the text drawn then
    ("text_propensity", pa.float64()),  # probability of that text among those of the cell; times `propensity`: of exactly this message
])
MESSAGES = pa.schema([
    ("plan", pa.string()),
    ("customer", pa.string()),
    ("channel", pa.string()),
    ("variant", pa.string()),  # key of the text
    ("state", pa.string()),  # sent, failed, suppressed, uncertain
    ("state_at", TIME),
    ("wave", pa.int32()),
])
CLICKS = pa.schema([
    ("plan", pa.string()),
    ("customer", pa.string()),
    ("channel", pa.string()),
    ("clicked_at", TIME),
    ("machine", pa.string()),  # why it was no person, a key of deliver.MACHINES; null: a person as far as one can tell
])
SAME_PERSON = pa.schema([  # every id of a person with several, itself included; derived from the ledger's merges
    ("customer", pa.string()),
    ("person", pa.string()),  # the id that stands for all
])
OUTCOMES = pa.schema([
    ("plan", pa.string()),
    ("customer", pa.string()),
    ("arm", pa.string()),  # sent, holdout
    ("simulated", pa.bool_()),  # true: made by the documented simulator, never to be read as a fact
    ("purchased", pa.bool_()),
    ("spend", pa.float64()),
    ("window_days", pa.int32()),
])

# Written by `learn`, replaced as a whole each time.
PREDICTIONS = pa.schema([
    ("customer", pa.string()),
    ("as_of", TIME),
    ("horizon_days", pa.int32()),
    ("p_purchase", pa.float64()),
    ("p_low", pa.float64()),
    ("p_high", pa.float64()),  # 80 % interval of the probability
    ("expected_spend", pa.float64()),  # in the horizon, unconditional: p_purchase x spend if they buy
    ("spend_low", pa.float64()),
    ("spend_high", pa.float64()),
    ("reasons", pa.string()),  # JSON list of {"feature", "value", "contribution"}, strongest first
])
RECOMMENDATIONS = pa.schema([
    ("customer", pa.string()),
    ("rank", pa.int32()),  # from 1
    ("product", pa.string()),
    ("score", pa.float64()),
    ("reason", pa.string()),  # again (due again), together (bought with because), popular
    ("because", pa.string()),  # the product it follows from, null for popular
])

CANONICAL = {
    "customers": CUSTOMERS, "products": PRODUCTS, "events": EVENTS, "documents": DOCUMENTS,
    "decisions": DECISIONS, "messages": MESSAGES, "clicks": CLICKS, "outcomes": OUTCOMES, "same_person": SAME_PERSON,
}
