"""Deciding: one row per known customer, what is done with this person in this plan and why."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from brandloom.decide.economics import Economics, Floats, incremental_value
from brandloom.decide.policy import (
    HOLDOUT,
    SEND,
    SKIP,
    Bools,
    Permission,
    Strings,
    best_channel,
    holdout_draw,
    permission,
    within_limits,
)
from brandloom.decide.variants import Reader, Variant, choose_variants
from brandloom.engine import Engine, read_sql, tables
from brandloom.errors import ConfigError, NotFittedError
from brandloom.i18n import _

POLICY = "incremental-value 3"  # name and version; raise the version when a choice could come out differently
MAX_VARIANTS = 16
REASONS = {  # for people; those of eligibility come from `govern` and `deliver`
    "worth_it": _("Written to: the expected gain is above the cost."),
    "holdout": _("Held out at random, so that the effect can be measured."),
    "not_in_audience": _("Outside the audience of the brief."),
    "no_consent": _("No consent for this channel."),
    "no_address": _("No address for this channel."),
    "suppressed": _("Unsubscribed, bounced or complained before."),
    "frequency_cap": _("Was written to too often lately."),
    "minor": _("Is or may be a minor."),
    "personalisation_off": _("Has switched personalisation off."),
    "no_products": _("No product to recommend."),
    "not_worth_it": _("The expected gain is not above the cost."),
    "over_budget": _("Beyond the budget: others promise more per cost."),
    "audience_full": _("Beyond the size of the audience: others promise more per cost."),
}
_SHOWN = ("1", "2", "3", "4")
_Z80 = 1.2815515655446004


@dataclass(frozen=True)
class Audience:
    """Who may be chosen. Empty means everyone."""

    countries: Sequence[str] = ()
    personas: Sequence[str] = ()
    customers: Set[str] | None = None
    """None leaves nobody out."""
    min_p: float = 0.0
    """Smallest likelihood to buy."""
    max_size: int | None = None
    """Most people chosen, the holdout among them."""


@dataclass(frozen=True)
class Products:
    """Products that may be shown (all when `include` is empty) and that must not."""

    include: Sequence[str] = ()
    exclude: Sequence[str] = ()


@dataclass(frozen=True)
class Terms:
    """What a campaign asks for: whom, about what, where, and within which limits."""

    channels: Sequence[str]
    """In order of preference among equally dear ones; each needs a cost in the economics."""
    languages: Sequence[str]
    default_language: str
    """For people whose own is not among them."""
    audience: Audience = field(default_factory=Audience)
    products: Products = field(default_factory=Products)
    discount: float = 0.0
    """Share of the price that the offer gives away, 0 to 1."""
    budget: Decimal | float | None = None
    """Most that the messages may cost, in the shop's currency."""
    holdout_share: float = 0.1
    """0 up to, not including, 1."""
    max_variants: int = MAX_VARIANTS
    """Most distinct texts; those that keep most of the expected value are chosen, see `choose_variants`."""


@dataclass(frozen=True)
class DecisionSummary:
    """What was decided. Money in the shop's currency; people in `sent` and `holdout` together are the target group."""

    plan: str
    policy: str
    customers: int
    actions: Mapping[str, int]
    reasons: Mapping[str, int]
    variants: Mapping[str, int]  # messages per variant key, largest first; each has to be written
    remapped: int  # people whose text is not that of their persona and first product's group
    text_shares: Sequence[Sequence[float]]  # pairs of number of texts and share kept of the value of one-to-one writing, see `variants`
    holdout_share: float  # of the target group, as drawn
    expected_value: float  # incremental margin of the messages sent, before cost
    cost: float
    expected_buyers: float  # of those written to, were nothing sent: the lift is an assumption and left out
    buyers_low: float
    buyers_high: float  # 80 % interval; assumes that the model errs for all in the same direction, so on the wide side


@dataclass(frozen=True)
class _Option:
    """Writing on one channel: to whom that is allowed, what it costs, and what it is worth for each person."""

    channel: str
    permission: Permission
    cost: float
    value: Floats


@dataclass
class _Choice:
    """Columns of the decision table while they are made, all of one length."""

    people: pa.Table
    customers: Strings
    options: Sequence[_Option]
    value: Floats
    cost: Floats
    channel: Strings
    reason: Strings
    targeted: Bools
    held: Bools
    language: Strings
    variants: list[Variant | None] = field(default_factory=list)
    products: list[list[str]] = field(default_factory=list)


def decide(engine: Engine, plan: str, terms: Terms, *, economics: Economics, eligibility: pa.Table, now: datetime,
           seed: int = 0) -> DecisionSummary:
    """Decide for every known customer and write `decisions`; deciding a plan again replaces its rows.

    Someone is chosen who is in the audience, may be written to, has products to show, and for whom the expected incremental
    value of a message (see `incremental_value`) is above its cost; of these, highest value per cost first, as many as people
    and budget allow. Among exactly these a share is held out at random, so both groups differ by chance alone; the logged
    propensity is 1 for a skip and `holdout_share` or its complement for the rest, without any approximation.

    Args:
        eligibility: customer, channel, eligible, reason; whoever is not listed counts as without consent.
        now: when this is decided, naive UTC.
    Raises:
        NotFittedError: `brandloom learn` has not run.
        ConfigError: a share, language, channel or limit that cannot be used.
    """
    _check(engine, terms, economics)
    people = _read_people(engine, terms.products, now)
    choice = _choose(people, _options(people, terms, economics, eligibility), terms)
    choice.held = choice.targeted & (holdout_draw(plan, seed, choice.customers.tolist()) < terms.holdout_share)
    choice.reason[choice.held] = HOLDOUT
    choice.language = _languages(people, terms)
    remapped, shares = _write_for(choice, terms.max_variants)
    _store(engine, plan, _rows(choice, plan, terms.holdout_share, now))
    return _summary(choice, plan, remapped, shares)


def _check(engine: Engine, terms: Terms, economics: Economics) -> None:
    for table in ("segments", "predictions", "recommendations", "product_groups"):
        if not engine.exists(table):
            raise NotFittedError(_("Nothing has been learned yet ({table} is missing). Run `brandloom learn` first."),
                                 table=table)
    if terms.default_language not in terms.languages:
        raise ConfigError(_("The default language '{language}' is not among the brief's languages: {languages}."),
                          language=terms.default_language, languages=", ".join(terms.languages))
    for channel in terms.channels:
        if channel not in economics.cost_per_message:
            raise ConfigError(_("Channel '{channel}' has no cost per message. Channels with one: {known}."),
                              channel=channel, known=", ".join(sorted(economics.cost_per_message)))
    if not terms.channels:
        raise ConfigError(_("The brief names no channel. Give at least one, such as 'email'."))
    if not 0 <= terms.holdout_share < 1:
        raise ConfigError(_("The holdout share is {share}; it must be 0 or more and below 1 (0.1 is 10 %)."), share=terms.holdout_share)
    if terms.max_variants < 1:
        raise ConfigError(_("max_variants is {most}; it must be at least 1."), most=terms.max_variants)


def _read_people(engine: Engine, products: Products, now: datetime) -> pa.Table:
    """One row per customer; where nothing on offer was recommended, the brief's own products are shown."""
    known = engine.query("SELECT product, product_group FROM product_groups ORDER BY product")
    group_of = dict(zip(known["product"].to_pylist(), known["product_group"].to_pylist(), strict=True))
    included = set(products.include)
    barred = set(products.exclude) | ({p for p in group_of if p not in included} if included else set())
    engine.put("decide_barred", pa.table({"product": pa.array(sorted(barred), pa.string())}))
    people = engine.query(read_sql("decide", "people"), now=now)
    engine.drop("decide_barred")
    offered = [p for p in products.include if p in group_of and p not in products.exclude][:len(_SHOWN)]
    if not offered:
        return people
    empty = pc.is_null(people["product_1"])
    for place, product in zip(_SHOWN, offered, strict=False):
        for column, text in ((f"product_{place}", product), (f"group_{place}", group_of[product])):
            filled = pc.if_else(empty, text, people[column])
            people = people.set_column(people.column_names.index(column), column, filled)
    return people


def _options(people: pa.Table, terms: Terms, economics: Economics, eligibility: pa.Table) -> list[_Option]:
    p, spend, customers = _floats(people, "p_purchase"), _floats(people, "expected_spend"), people["customer"].combine_chunks()
    return [_Option(channel, permission(eligibility, customers, channel), economics.cost_per_message[channel],
                    incremental_value(p, spend, economics=economics.on(channel), discount=terms.discount)) for channel in terms.channels]


def _choose(people: pa.Table, options: Sequence[_Option], terms: Terms) -> _Choice:
    customers = _strings(people, "customer")
    inside = _inside(people, terms.audience)
    permissions = [replace(one.permission, allowed=one.permission.allowed & inside) for one in options]
    best = best_channel(permissions, [one.value for one in options], [one.cost for one in options], budget=terms.budget)
    reachable = best >= 0
    cost = np.where(reachable, np.array([one.cost for one in options])[best], 0.0)
    value = np.stack([one.value for one in options])[best, np.arange(len(customers))]
    channel = np.array([*(one.channel for one in options), None], dtype=object)[best]  # -1: none
    reason = np.full(len(customers), "worth_it", dtype=object)
    reason[~inside] = "not_in_audience"
    reason[inside & ~reachable] = permissions[0].reason[inside & ~reachable]
    open_ = inside & reachable
    has_products = _strings(people, "product_1") != None  # noqa: E711 - elementwise
    reason[open_ & ~has_products] = "no_products"
    worth = open_ & has_products & (value > cost)
    reason[open_ & has_products & ~worth] = "not_worth_it"
    within, beyond = within_limits(worth, value, cost, customers, budget=terms.budget, max_size=terms.audience.max_size)
    reason[beyond] = "over_budget"
    reason[worth & ~within & ~beyond] = "audience_full"
    return _Choice(people, customers, options, value, cost, channel, reason, within, np.zeros_like(within), channel)


def _inside(people: pa.Table, audience: Audience) -> Bools:
    inside: Bools = _floats(people, "p_purchase") >= audience.min_p
    for column, allowed in (("country", audience.countries), ("persona", audience.personas)):
        if allowed:
            inside &= np.isin(_strings(people, column).astype(str), list(allowed))
    if audience.customers is not None:
        inside &= np.isin(_strings(people, "customer").astype(str), sorted(audience.customers))
    return inside


def _languages(people: pa.Table, terms: Terms) -> Strings:
    by_head = {language.lower()[:2]: language for language in reversed(terms.languages)}
    return np.array([by_head.get(code, terms.default_language) for code in people["language"].to_pylist()], dtype=object)


def _write_for(choice: _Choice, max_variants: int) -> tuple[int, Sequence[tuple[int, float]]]:
    """Give every chosen person the text that fits best of those to be written, and put products of its group first.

    Returns:
        How many get another text than their own, and what more or fewer texts would keep of the value.
    """
    targets = np.flatnonzero(choice.targeted).tolist()
    products = [choice.people[f"product_{place}"].to_pylist() for place in _SHOWN]
    groups = [choice.people[f"group_{place}"].to_pylist() for place in _SHOWN]
    persona = choice.people["persona"].to_pylist()
    readers = {i: Reader(persona[i] or "everyone", tuple(column[i] for column in groups if column[i] is not None),
                         choice.channel[i], choice.language[i]) for i in targets}
    worth: dict[Reader, float] = {}
    for i, reader in readers.items():
        worth[reader] = worth.get(reader, 0.0) + float(choice.value[i])
    selection = choose_variants(worth, max_variants)
    best = {reader: selection.best_for(reader) for reader in worth}
    choice.variants = [None] * len(choice.customers)
    choice.products = [[] for _ in choice.customers]
    for i, reader in readers.items():
        choice.variants[i] = best[reader]
        pairs = [(column[i], group[i]) for column, group in zip(products, groups, strict=True) if column[i] is not None]
        choice.products[i] = [product for product, _group in sorted(pairs, key=lambda pair: pair[1] != best[reader].group)]
    moved = sum(best[reader][:2] != (reader.persona, reader.groups[0]) for reader in readers.values())
    return moved, selection.shares


def _rows(choice: _Choice, plan: str, holdout_share: float, now: datetime) -> pa.Table:
    n = len(choice.customers)
    action = np.where(choice.held, HOLDOUT, np.where(choice.targeted, SEND, SKIP)).astype(object)
    propensity = np.where(choice.held, holdout_share, np.where(choice.targeted, 1 - holdout_share, 1.0))
    columns = {
        "plan": [plan] * n, "customer": choice.customers, "action": action, "reason": choice.reason, "channel": choice.channel,
        "language": choice.language, "persona": choice.people["persona"].combine_chunks(),
        "product_group": [v.group if v else None for v in choice.variants], "products": choice.products,
        "variant": [v.key if v else None for v in choice.variants], "p_purchase": _floats(choice.people, "p_purchase"),
        "expected_value": choice.value, "cost": np.where(action == SEND, choice.cost, 0.0),
        "candidates": _candidates(choice, holdout_share), "propensity": propensity, "policy": [POLICY] * n,
        "decided_at": [now] * n,
        "wave": [None] * n, "text": [None] * n, "text_propensity": [None] * n,  # drawn when the person's wave is opened
    }
    return pa.table({f.name: pa.array(columns[f.name], f.type) for f in tables.DECISIONS}, schema=tables.DECISIONS)


def _candidates(choice: _Choice, holdout_share: float) -> list[str]:
    """The actions that were possible for each person, with value, cost and the probability this policy gives them."""
    texts = []
    skip_only = json.dumps([{"action": SKIP, "value": 0, "cost": 0, "probability": 1}])
    values = [one.value.tolist() for one in choice.options]
    allowed = [one.permission.allowed.tolist() for one in choice.options]
    for at, (channel, targeted) in enumerate(zip(choice.channel, choice.targeted.tolist(), strict=True)):
        if channel is None:
            texts.append(skip_only)
            continue
        send, hold = (1 - holdout_share, holdout_share) if targeted else (0, 0)
        sends = "".join(f'{{"action": "{SEND}", "channel": {json.dumps(one.channel)}, "value": {value[at]:.6f}, "cost": {one.cost:.6f}, '
                        f'"probability": {send if one.channel == channel else 0!r}}}, '
                        for one, value, may in zip(choice.options, values, allowed, strict=True) if may[at])
        texts.append(f'[{sends}{{"action": "{HOLDOUT}", "value": 0, "cost": 0, "probability": {hold!r}}}, '
                     f'{{"action": "{SKIP}", "value": 0, "cost": 0, "probability": {int(not targeted)}}}]')
    return texts


def _store(engine: Engine, plan: str, rows: pa.Table) -> None:
    with engine.transaction():
        engine.replace("decisions", "SELECT * FROM decisions WHERE plan <> $plan", plan=plan)
        engine.add("decisions", rows)


def _summary(choice: _Choice, plan: str, remapped: int, shares: Sequence[tuple[int, float]]) -> DecisionSummary:
    sent = choice.targeted & ~choice.held
    written = Counter(v.key for v, is_sent in zip(choice.variants, sent.tolist(), strict=True) if v and is_sent)
    p, low, high = (_floats(choice.people, name)[sent] for name in ("p_purchase", "p_low", "p_high"))
    actions = {SEND: int(sent.sum()), HOLDOUT: int(choice.held.sum()), SKIP: int((~choice.targeted).sum())}
    return DecisionSummary(
        plan=plan, policy=POLICY, customers=len(choice.customers), actions=actions,
        reasons=dict(sorted(Counter(choice.reason.tolist()).items())),
        variants=dict(sorted(written.items(), key=lambda item: (-item[1], item[0]))), remapped=remapped,
        text_shares=[[texts, share] for texts, share in shares],
        holdout_share=actions[HOLDOUT] / max(int(choice.targeted.sum()), 1), expected_value=float(choice.value[sent].sum()),
        cost=float(choice.cost[sent].sum()), expected_buyers=float(p.sum()),
        buyers_low=max(0.0, float(low.sum() - _Z80 * np.sqrt((low * (1 - low)).sum()))),
        buyers_high=min(float(len(p)), float(high.sum() + _Z80 * np.sqrt((high * (1 - high)).sum()))))


def _floats(table: pa.Table, column: str) -> Floats:
    values: Floats = table[column].to_numpy().astype(np.float64)
    return values


def _strings(table: pa.Table, column: str) -> Strings:
    return np.array(table[column].to_pylist(), dtype=object)
