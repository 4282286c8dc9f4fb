"""Fills the report of a plan from the tables, the ledger and the plan; each section is one function."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import func, select

from brandloom import customers, deliver, predict
from brandloom.campaigns.channels import delivered
from brandloom.campaigns.feedback import keep_results
from brandloom.campaigns.plans import CHANNELS, Plan
from brandloom.campaigns.posts import NETWORKS, posts_of
from brandloom.campaigns.preview import reason_words, samples
from brandloom.campaigns.records import copy_to_warehouse
from brandloom.campaigns.wave_report import wave_chapter
from brandloom.content import Finding, Variant, humanise
from brandloom.decide import REASONS
from brandloom.engine import Engine, read_sql, scalar
from brandloom.errors import BrandloomError
from brandloom.govern import visible_label
from brandloom.i18n import _
from brandloom.ledger import Ledger, schema
from brandloom.measure import Count, Estimate, both, capture, hit_rate, holdout_readout, observe_outcomes, power, text
from brandloom.measure import report as r
from brandloom.sources import note_text, reason_text
from brandloom.workspace import Workspace

if TYPE_CHECKING:
    from brandloom.campaigns.shop import Shop

CHECKS = (
    _("Every figure, name and claim traces to a fact that was handed to the model"),
    _("No absolute or sector term that Chinese advertising law bans, disguised spellings included"),
    _("Slots are known and well-formed; lengths, language and links fit"),
    _("No words of the worked example, no placeholders, no personal data"),
)
TOP_PRODUCTS, TOP_PROSPECTS = 12, 8


def make_report(shop: Shop, plan: Plan, *, reveal: bool = False) -> r.Report:
    """The report of one plan as things stand now.

    Args:
        reveal: show names and addresses in the sample messages (the demo's are invented); a real shop's report shows none.
    """
    engine, config = shop.engine, shop.workspace.config
    copy_to_warehouse(shop, plan)  # clicks come in at any time
    keep_results(shop, plan)
    return r.Report(
        shop=r.ShopFacts(config.name, config.currency, plan.as_of.date().isoformat(), datetime.now(UTC).isoformat(timespec="seconds"),
                         plan.horizon_days, plan.id, plan.brief.name),
        load=_load(engine, shop.ledger), demand=_demand(engine, plan), customers=_customers(engine), model=_model(shop.workspace),
        likely=_likely(engine, plan), audience=_audience(engine, plan, config.economics.assumed_lift), products=_products(engine, plan),
        content=_content(engine, plan, config.name), messages=samples(shop, plan, reveal=reveal),
        posts=tuple(r.PostCard(NETWORKS[one.network], one.language, one.source, one.text, one.reason) for one in posts_of(plan)),
        waves=wave_chapter(shop, plan), delivery=_delivery(shop, plan), replay=_replay(engine, plan), experiment=_experiment(shop, plan),
        provenance=r.Provenance(versions=_versions(), machine=_machine()))


def _load(engine: Engine, ledger: Ledger) -> r.Load:
    with ledger.read() as connection:
        rows = connection.execute(select(schema.loads).order_by(schema.loads.c.at, schema.loads.c.id)).all()
    files = []
    for row in rows:
        detail = json.loads(row.detail)
        files.append(r.LoadedFile(
            row.source, row.kind, row.rows_read, row.rows_new, row.rows_known, row.rows_refused,
            tuple(Count(both(partial(reason_text, code)), count) for code, count in detail.get("reasons", {}).items()),
            tuple(both(partial(_counted, note_text, code, count))
                  for code, count in detail.get("notes", {}).items() if count)))
    span = engine.query("SELECT MIN(occurred_at) AS first, MAX(occurred_at) AS last FROM events").to_pylist()[0]
    return r.Load(tuple(files), *(None if at is None else at.date().isoformat() for at in (span["first"], span["last"])))


def _counted(name: Callable[[str], str], code: str, count: int) -> str:
    return f"{name(code)}: {count:,}"


def _demand(engine: Engine, plan: Plan) -> tuple[r.Period, ...]:
    rows = engine.query(
        "SELECT CAST(date_trunc('month', occurred_at) AS DATE) AS month, COUNT(DISTINCT order_id) AS orders, COUNT(DISTINCT customer) AS people, "
        "CAST(SUM(amount) AS DOUBLE) AS revenue FROM events WHERE kind IN ('purchase', 'return') "
        "GROUP BY CAST(date_trunc('month', occurred_at) AS DATE) ORDER BY month").to_pylist()
    start = plan.as_of.date().replace(day=1)
    return tuple(r.Period(row["month"].isoformat(), row["orders"], row["people"], row["revenue"], row["month"] >= start) for row in rows)


def _customers(engine: Engine) -> r.Customers:
    chance = {row["segment"]: row["p"] for row in engine.query(
        "SELECT s.segment, AVG(p.p_purchase) AS p FROM segments s JOIN predictions p ON p.customer = s.customer GROUP BY s.segment").to_pylist()}
    total = engine.query("SELECT COALESCE(CAST(SUM(CAST(net_revenue AS DECIMAL(18, 4))) AS DOUBLE), 0.0) AS total FROM profiles")
    revenue = float(total["total"][0].as_py())
    rows = tuple(r.SegmentRow(one.segment, customers.SEGMENT_LABELS[one.segment], one.size, one.revenue_share * revenue,
                              one.median_days_since_last or 0.0, chance.get(one.segment)) for one in customers.segment_summary(engine))
    countries = tuple(Count(row["country"], row["n"]) for row in engine.query(
        "SELECT country, COUNT(*) AS n FROM customers WHERE country IS NOT NULL GROUP BY country ORDER BY n DESC, country LIMIT 8").to_pylist())
    return r.Customers(sum(row.customers for row in rows), revenue, rows, countries)


def _model(workspace: Workspace) -> r.ModelCard:
    card = predict.PurchaseModel.load(workspace.models / "purchase").card
    metrics = tuple(r.Metric(name, _estimate(found), higher_is_better=higher, meaning=meaning)
                    for key, name, higher, meaning in METRICS if (found := card.metrics.get(key)) is not None)
    return r.ModelCard(text(MODEL_KINDS[card.kind], features=len(card.features)),
                       card.training_rows, tuple(day.date().isoformat() for day in card.cutoffs), metrics, (), card.limits)


MODEL_KINDS = {
    "blend": _("Gradient-boosted trees and a logistic model, blended and calibrated on a later month, from {features} figures of each history"),
    "cells": _("Rates by recency and frequency, shrunk towards the shop's average, because there is little data")}
METRICS = (("auc", _("AUC"), True, _("Chance that a buyer is ranked above a non-buyer.")),
           ("ap", _("Average precision"), True, _("How pure the top of the list is.")),
           ("brier", _("Brier score"), False, _("Mean squared error of the probability.")),
           ("ece", _("Calibration error"), False, _("Mean gap between predicted and observed share of buyers.")),
           ("lift", _("Lift of the top tenth"), True, _("How many times more buyers than in a random tenth.")))


def _estimate(found: Any) -> Estimate:
    return Estimate(found.value, found.low, found.high)


def _likely(engine: Engine, plan: Plan) -> r.Likely:
    rows = engine.query("SELECT customer, p_purchase, p_low, p_high, expected_spend, reasons FROM predictions "
                        "ORDER BY p_purchase DESC, customer")
    p, low, high = (rows.column(name).to_numpy() for name in ("p_purchase", "p_low", "p_high"))
    observed = _bought_later(engine, plan, set(rows.column("customer").to_pylist()))
    people = rows.column("customer").to_pylist()
    deciles = []
    for number, part in enumerate(np.array_split(np.arange(len(p)), 10), start=1):
        if len(part):
            deciles.append(r.Decile(number, len(part), float(p[part].mean()), float(p[part].min()), float(p[part].max()),
                                    float(p[part].sum()), None if observed is None else sum(people[i] in observed for i in part)))
    top = [r.Prospect(row["customer"], Estimate(row["p_purchase"], row["p_low"], row["p_high"], 80), row["expected_spend"],
                      reason_words(row["reasons"])) for row in rows.slice(0, TOP_PROSPECTS).to_pylist()]
    return r.Likely(Estimate(float(p.sum()), float(low.sum()), float(high.sum()), 80), tuple(deciles),
                    None if observed is None else len(observed), tuple(top))


def _bought_later(engine: Engine, plan: Plan, known: set[str]) -> set[str] | None:
    """Known customers who bought in the horizon; None while the data do not cover it."""
    until = plan.as_of + timedelta(days=plan.horizon_days)
    last = scalar(engine, "SELECT MAX(occurred_at) FROM events WHERE kind = 'purchase'")
    if not isinstance(last, datetime) or last < until - timedelta(days=1):
        return None
    rows = predict.actual_purchases(engine, plan.as_of, until)
    return known & set(rows.column("customer").to_pylist())


def _audience(engine: Engine, plan: Plan, assumed_lift: float) -> r.Audience:
    done = plan.decision
    reasons, known = done["reasons"], done["customers"]
    left = {key: n for key, n in reasons.items() if key not in ("worth_it", "holdout")}
    funnel = [r.Step(_("Known customers"), known)]
    for label, keys in FUNNEL:
        known -= sum(left.get(key, 0) for key in keys)
        funnel.append(r.Step(label, known))
    sent, held = done["actions"].get("send", 0), done["actions"].get("holdout", 0)
    funnel.append(r.Step(_("Get a message"), sent))
    spend = engine.query(read_sql("campaigns", "expected"), plan=plan.id).to_pylist()[0]
    detectable = power(sent, held, float(spend["rate"] or 0.0)) if held else None
    return r.Audience(tuple(funnel), tuple(Count(REASONS[key], n) for key, n in sorted(left.items(), key=lambda one: -one[1])),
                      sent + held, sent, held, done["cost"], None if plan.brief.budget is None else float(plan.brief.budget),
                      Estimate(spend["mid"] or 0.0, spend["low"] or 0.0, spend["high"] or 0.0, 80),
                      Estimate(spend["gain"] or 0.0, spend["gain_low"] or 0.0, spend["gain_high"] or 0.0, 80), assumed_lift, False,
                      detectable.lift if detectable else None)


FUNNEL = ((_("In the audience of the brief"), ("not_in_audience",)), (_("Address known"), ("no_address",)),
          (_("Of age"), ("minor",)), (_("Not unsubscribed or bounced"), ("suppressed",)), (_("Consent to this channel"), ("no_consent",)),
          (_("Under the frequency cap"), ("frequency_cap",)), (_("With something to recommend"), ("no_products", "no_prediction")),
          (_("Worth the cost"), ("not_worth_it",)), (_("Within budget and size"), ("over_budget", "audience_full")))


def _products(engine: Engine, plan: Plan) -> tuple[r.ProductRow, ...]:
    shown = engine.query("SELECT customer, products FROM decisions WHERE plan = $plan AND action = 'send'", plan=plan.id)
    why = engine.query("SELECT x.product, x.reason, COUNT(*) AS n FROM recommendations x JOIN decisions d ON d.customer = x.customer "
                       "WHERE d.plan = $plan AND d.action = 'send' GROUP BY x.product, x.reason", plan=plan.id).to_pylist()
    counts: dict[str, int] = {}
    for products in shown.column("products").to_pylist():
        for product in products:
            counts[product] = counts.get(product, 0) + 1
    top = sorted(counts, key=lambda one: (-counts[one], one))[:TOP_PRODUCTS]
    facts = {row["product"]: row for row in engine.query(
        "SELECT p.product, p.name, p.price, g.label_en FROM products p LEFT JOIN product_groups g ON g.product = p.product").to_pylist()
             if row["product"] in set(top)}
    rows = []
    for product in top:
        fact = facts.get(product, {})
        reasons = tuple(Count(RECOMMENDED[row["reason"]], row["n"]) for row in sorted(why, key=lambda one: -one["n"]) if row["product"] == product)
        rows.append(r.ProductRow(product, humanise(fact.get("name") or product), fact.get("label_en") or "", counts[product],
                                 None if fact.get("price") is None else float(fact["price"]), reasons))
    return tuple(rows)


RECOMMENDED = {"again": _("bought before, due again"), "together": _("goes with what they bought"), "popular": _("popular now")}


def _content(engine: Engine, plan: Plan, shop: str) -> r.Content:
    people = dict(zip(*(column.to_pylist() for column in engine.query(
        "SELECT coalesce(text, variant) AS variant, COUNT(*) AS n FROM decisions WHERE plan = $plan AND action = 'send' "
        "GROUP BY coalesce(text, variant)", plan=plan.id).columns), strict=True))
    personas = {one.key: one.label_en for one in plan.personas}
    groups = {one.key: one for one in plan.groups}
    cards = tuple(_card(one, personas.get(one.persona, one.persona), groups[one.product_group].label_en, people.get(one.key, 0))
                  for one in plan.variants)
    origin = plan.origins
    labels = tuple(dict.fromkeys(visible_label(one.language, producer=shop).sentence for one in plan.variants))
    return r.Content(plan.model, cards, origin["model"], origin["repaired"], origin["template"],
                     calls=sum(1 if one.source == "model" else 2 for one in plan.variants if one.model), seconds=plan.content_seconds,
                     prompt_tokens=sum(one.prompt_tokens for one in plan.variants),
                     completion_tokens=sum(one.completion_tokens for one in plan.variants), ai_label=labels, checks=CHECKS,
                     text_shares=tuple((int(texts), float(share)) for texts, share in plan.decision.get("text_shares", ())))


def _card(variant: Variant, persona: str, group: str, people: int) -> r.VariantCard:
    slots = variant.slots
    body = "\n".join(slots[name] for name in ("headline", "body", "text") if slots.get(name))
    title = slots.get("subject") or slots.get("title", "")
    return r.VariantCard(variant.key, persona, group, variant.channel, variant.language, variant.source, title, body,
                         slots.get("cta", ""), people, tuple(_finding(one) for one in variant.findings if not one.blocks),
                         tuple(_finding(one) for one in variant.caught))


def _finding(found: Finding) -> r.FindingRow:
    values = {**dict(found.values), "excerpt": found.excerpt, "place": found.place}
    return r.FindingRow(found.rule, text(found.template, **values), found.blocks)


def _delivery(shop: Shop, plan: Plan) -> r.Delivery | None:
    now = deliver.status(shop.ledger, plan.id)
    if now.audience == 0:
        return None
    notes = tuple(both(partial(_counted, deliver.reason_text, code, count)) for code, count in now.reasons.items())
    return r.Delivery(now.audience, now.sent, now.failed, now.suppressed, now.uncertain, notes=notes, channels=_channels(shop, plan))


def _channels(shop: Shop, plan: Plan) -> tuple[r.ChannelRow, ...]:
    """What each channel brought to people, where the plan has several or pays by the segment."""
    if plan.channels == ("email",):
        return ()
    outbox = schema.outbox.c
    with shop.ledger.read() as connection:
        states = {(row.channel, row.state): row.n for row in connection.execute(select(outbox.channel, outbox.state, func.count().label("n")).where(
            outbox.plan == plan.id).group_by(outbox.channel, outbox.state))}
    people = shop.engine.query("SELECT channel, COUNT(DISTINCT customer) AS n FROM clicks WHERE plan = $plan AND machine IS NULL GROUP BY channel",
                               plan=plan.id)
    clicked = dict(zip(people.column("channel").to_pylist(), people.column("n").to_pylist(), strict=True))
    paid = {one.channel: one for one in delivered(shop, plan)}
    return tuple(r.ChannelRow(CHANNELS[one], sum(n for (channel, _state), n in states.items() if channel == one), states.get((one, "sent"), 0),
                              paid[one].segments if one in paid else None, clicked.get(one, 0), paid[one].cost if one in paid else 0.0)
                 for one in plan.channels)


def _replay(engine: Engine, plan: Plan) -> r.Replay | None:
    """What people bought after `as_of`; None while the data do not cover the horizon."""
    if _bought_later(engine, plan, set()) is None:
        return None
    held = capture(engine, as_of=plan.as_of, horizon_days=plan.horizon_days, plan=plan.id)
    return r.Replay(held, hit_rate(engine, as_of=plan.as_of, horizon_days=plan.horizon_days, k=5, popular_days=30))


def _experiment(shop: Shop, plan: Plan) -> r.Experiment | None:
    """The holdout read-out on real outcomes, once the window after sending has passed; None before, or without a holdout."""
    if plan.status != "finished" or plan.brief.holdout == 0 or plan.extra.get("replay"):
        return None
    now = shop.clock().astimezone(UTC).replace(tzinfo=None)
    observe_outcomes(shop.engine, plan.id, window_days=plan.horizon_days, now=now)
    try:
        return r.Experiment(holdout_readout(shop.engine, plan.id, designed_holdout=plan.brief.holdout))
    except BrandloomError:  # too early, or nobody in an arm: the report says so by leaving the chapter out
        return None


def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("brandloom", "duckdb", "lightgbm", "scikit-learn", "sqlalchemy", "xllamacpp")
            if _installed(name)}


def _installed(name: str) -> bool:
    from importlib.metadata import PackageNotFoundError
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def _machine() -> str:
    import os
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"


__all__ = ["make_report"]
