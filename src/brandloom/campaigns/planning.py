"""Planning: from a brief to who gets what, which texts that takes, what it may cost and what to expect. Sends nothing."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from brandloom import customers
from brandloom.campaigns.catalogue import read_products
from brandloom.campaigns.channels import planned
from brandloom.campaigns.eligibility import eligibility
from brandloom.campaigns.keep import keep_plan
from brandloom.campaigns.learning import learned_as_of
from brandloom.campaigns.plans import Group, PersonaLabel, Plan, plan_digest
from brandloom.campaigns.posts import Post, post_asks, write_posts
from brandloom.campaigns.segments import audience_of
from brandloom.content import Brief, Product, ProductGroup, Request, Variant, check_brief, variant_asks, write_variants
from brandloom.content.brand import BrandKit, brand_seal, speaking_brand
from brandloom.content.desk import taught_kit
from brandloom.content.response import ResponseModel
from brandloom.content.studio.contradictions import contradictions
from brandloom.decide import REASONS, Audience, DecisionSummary, Economics, Products, Terms, decide, texts_worth_writing
from brandloom.engine import Engine
from brandloom.errors import ConfigError, DataError, NotFittedError
from brandloom.i18n import _, say
from brandloom.llm import Estimate, most_cost, spent_by
from brandloom.recommend import GENERAL, GENERAL_LABEL
from brandloom.workspace import ShopConfig

if TYPE_CHECKING:
    from brandloom.campaigns.shop import Shop

Progress = Callable[[str, float], None]
SHOWN_TO_MODEL = 3
"""Products of a group that stand for it in a prompt."""


def make_plan(shop: Shop, brief: Brief, *, as_of: datetime | None = None, by: str = "", progress: Progress | None = None) -> Plan:
    """Plan a campaign and keep it as a draft, its texts on the desk.

    Learns first when nothing is learned yet, or not as of `as_of`.

    Args:
        by: who plans; a large plan is approved by somebody else.
    Raises:
        ConfigError: the brief cannot be used (an offer that is over, unknown personas), or no language model is set up.
        DataError: nobody can be written to; says how many were left out and why.
    """
    tell = progress or (lambda stage, done: None)
    engine, now = shop.engine, shop.clock()
    moment, horizon = _learned(shop, as_of, progress)
    _require_usable(shop.engine, brief, shop.workspace.config, now)
    plan_id = _plan_id(brief, moment, now)
    choosing = _("Choosing people")
    tell(choosing, 0.0)
    decision = _decide(shop, plan_id, brief, moment, now)
    tell(choosing, 1.0)
    kit = speaking_brand(shop.workspace, brief.brand)
    voice = taught_kit(shop.ledger, kit, brief, brand=shop.workspace.config.name if kit is None else kit.name)
    requests = _requests(engine, plan_id, brief, most=shop.workspace.config.max_variants)
    written = _write(shop, plan_id, brief, requests, voice, tell)
    scores = text_scores(written.variants, shop.scorer if brief.learn and brief.learn.metric == "clicks" else None)
    extra = {"model_cost": written.cost, "brand_seal": brand_seal(kit, shop.workspace), "planner": by, **({"scores": scores} if scores else {}),
             **({"posts": [asdict(one) for one in written.posts]} if written.posts else {})}
    draft = Plan(id=plan_id, name=brief.name, status="draft", as_of=moment, created_at=now, horizon_days=horizon, brief=brief,
                 variants=written.variants, groups=_groups(engine, requests), personas=_personas(engine), decision=asdict(decision),
                 model=shop.model.name, content_seconds=written.seconds, extra=extra)
    if draft.channels != ("email",):
        draft = replace(draft, extra={**draft.extra, "channels": [asdict(one) for one in planned(shop, draft)]})
    plan = replace(draft, digest=plan_digest(engine, draft))
    keep_plan(shop, plan, requests, voice=voice)
    shop.audit.append("plan.made", plan.id, actor="brandloom", detail={"digest": plan.digest, "as_of": moment.isoformat()}, now=now)
    return plan


def _learned(shop: Shop, as_of: datetime | None, progress: Progress | None) -> tuple[datetime, int]:
    """As of when the shop has learned, and for how many days ahead; learns where it has not, or not as of `as_of`."""
    state = learned_as_of(shop.engine)
    if state is None or (as_of is not None and state[0] != as_of):
        shop.learn(as_of, progress=progress)
        state = learned_as_of(shop.engine)
    if state is None:
        raise NotFittedError(_("Nothing is learned yet. Run `brandloom learn` first."))
    return state


def _require_usable(engine: Engine, brief: Brief, config: ShopConfig, now: datetime) -> None:
    today = now.astimezone(config.zone).date()
    brief.require_current(today)
    for objection in check_brief(brief, jurisdictions=config.jurisdictions):
        if objection.blocks:
            raise ConfigError(_("The brief's {place} cannot be used: {reason} Change it, or give the fact a proof."), place=objection.place,
                              reason=objection.text())
    for fact in brief.facts:
        wrong = next(contradictions([fact.text], _named_in(engine, fact.text), today), None)
        if wrong is not None:
            raise ConfigError(_("The brief cannot be used: {what}"), what=wrong)


def _named_in(engine: Engine, text: str) -> list[dict[str, Any]]:
    """The products of the shop's catalogue whose names stand in a text."""
    rows = engine.query("SELECT name, price, stock FROM products WHERE origin = 'catalogue' AND length(name) > 2 "
                        "AND lower($text) LIKE '%' || lower(name) || '%' ORDER BY product", text=text)
    return [{name: str(value) for name, value in row.items() if value is not None} for row in rows.to_pylist()]


@dataclass(frozen=True)
class _Written:
    """A plan's texts, and what it took to write them."""

    variants: tuple[Variant, ...]
    posts: tuple[Post, ...]
    cost: dict[str, Any]
    seconds: float


def _write(shop: Shop, plan_id: str, brief: Brief, requests: Sequence[Request], voice: BrandKit | None, tell: Progress) -> _Written:
    """Let the model write; where it fails, nothing of the plan stays."""
    asks = [*variant_asks(brief, requests, kit=voice), *post_asks(shop, plan_id, brief, kit=voice)]
    most, before = most_cost(shop.model, asks), spent_by(shop.model)
    writing = _stage(most)
    tell(writing, 0.0)
    started = time.perf_counter()
    try:
        variants = write_variants(shop.model, brief, requests, shop=shop.workspace.config, kit=voice,
                                  progress=lambda done, of: tell(writing, done / of))
        posts = write_posts(shop, plan_id, brief, kit=voice) if brief.posts else ()
    except BaseException:
        shop.engine.replace("decisions", "SELECT * FROM decisions WHERE plan <> $plan", plan=plan_id)
        raise
    spent = spent_by(shop.model)
    cost = {"most": most.to_dict() if most else None, "spent": spent.since(before).to_dict() if spent else None}
    return _Written(_kept(variants), tuple(posts), cost, time.perf_counter() - started)


def _stage(most: Estimate | None) -> str:
    """What is going on, with the most it may cost where that is money."""
    if most is None or not most.money:
        return _("Writing and checking")
    return say(_("Writing and checking, at most {money} {currency}"), money=f"{most.money:.4f}", currency=most.currency)


def _kept(variants: Sequence[Variant]) -> tuple[Variant, ...]:
    """The plan's texts. Of several for the same people, those that the model did not write are the same plain text: one is enough."""
    return tuple(one for one in variants if one.source != "template" or "#" not in one.key)


def text_scores(variants: Sequence[Variant], scorer: ResponseModel | None) -> dict[str, tuple[float, float]]:
    """Score and deviation, in log-odds of a click, of every text that the scorer knows.

    A cell is scored as a whole or not at all, by its texts' subjects, and around its own mean.
    """
    found: dict[str, tuple[float, float]] = {}
    cells: dict[tuple[str, ...], list[Variant]] = {}
    for one in variants:
        cells.setdefault((one.persona, one.product_group, one.channel, one.language), []).append(one)
    for texts in cells.values():
        if scorer is None or len(texts) < 2 or not all(one.slots.get("subject") for one in texts):
            continue
        scores = scorer.score([one.slots["subject"] for one in texts], language=texts[0].language)
        if not any(scores.reason):
            middle = float(np.log(np.exp(scores.mean).mean()))
            found |= {one.key: (float(mean) - middle, float(deviation))
                      for one, mean, deviation in zip(texts, scores.mean, scores.deviation, strict=True)}
    return found


def _plan_id(brief: Brief, as_of: datetime, now: datetime) -> str:
    """Twelve hex digits; the same brief planned at the same moment is the same plan."""
    text = json.dumps([brief.model_dump(mode="json"), as_of.isoformat(), now.isoformat()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _decide(shop: Shop, plan_id: str, brief: Brief, as_of: datetime, now: datetime) -> DecisionSummary:
    config, engine = shop.workspace.config, shop.engine
    able = eligibility(engine, shop.ledger, channels=brief.channels, caps=config.caps, now=now)
    terms, economics = _terms(brief, config, audience_of(shop, brief.audience.segments, as_of)), _economics(config)
    summary = decide(engine, plan_id, terms, economics=economics, eligibility=able, now=now.astimezone(UTC).replace(tzinfo=None))
    if not summary.actions.get("send"):
        raise _nobody(summary, economics, terms.discount)
    return summary


def _terms(brief: Brief, config: ShopConfig, members: frozenset[str] | None) -> Terms:
    return Terms(brief.channels, brief.languages, config.language if config.language in brief.languages else brief.languages[0],
                 audience=Audience(**brief.audience.model_dump(exclude={"segments"}), customers=members),
                 products=Products(**brief.products.model_dump()), discount=discount_share(brief),
                 budget=brief.budget, holdout_share=brief.holdout, max_variants=config.max_variants)


def _economics(config: ShopConfig) -> Economics:
    """A text message is counted as long as it may get: how long it is turns out when it is written."""
    known = Economics(**config.economics.model_dump())
    costs = dict(known.cost_per_message)
    return replace(known, cost_per_message=costs | {"sms": costs["sms"] * config.sms.most_segments} if "sms" in costs else costs)


def _nobody(summary: DecisionSummary, economics: Economics, discount: float) -> DataError:
    """Why nobody is left, and what would change it; a discount dearer than the lift it brings is the usual cause."""
    reasons = say(_(", ")).join(f"{say(REASONS[key])} {count:,}" for key, count in sorted(summary.reasons.items(), key=lambda one: -one[1]))
    pays = economics.margin * economics.assumed_lift / (1 + economics.assumed_lift) / max(economics.redemption, 1e-9)
    if summary.reasons.get("not_worth_it") and discount >= pays:
        return DataError(_("Nobody is worth writing to: a discount of {discount} costs more than a lift of {lift} brings at a margin of "
                           "{margin} when {redemption} of the buyers use it; up to {pays} would pay. Lower the offer, or correct "
                           "[economics] in brandloom.toml. Left out: {reasons}."),
                         discount=f"{discount:.0%}", lift=f"{economics.assumed_lift:.0%}", margin=f"{economics.margin:.0%}",
                         redemption=f"{economics.redemption:.0%}", pays=f"{pays:.1%}", reasons=reasons)
    return DataError(_("Nobody can be written to: {reasons}. Check consents, the brief's audience and budget."), reasons=reasons)


def discount_share(brief: Brief) -> float:
    """The offer as a share of a purchase, for the money side of a decision; an amount off counts against the minimum order."""
    offer = brief.offer
    if offer.value is None:
        return 0.0
    if offer.kind == "percent_off":
        return float(offer.value) / 100
    return min(1.0, float(offer.value) / float(offer.min_order)) if offer.min_order else 0.0


def _requests(engine: Engine, plan_id: str, brief: Brief, *, most: int) -> list[Request]:
    """One request per variant that somebody will get; the products most often shown in it stand for its group.

    A campaign that learns gets further texts for the same people, where they are enough to tell texts apart, the largest cells first.
    """
    people = {one.key: one for one in customers.personas(engine)}
    labels = _group_labels(engine)
    # A person may get the text of another persona, or one about another group than that of their first product.
    rows = engine.query("SELECT variant, COUNT(*) AS n FROM decisions WHERE plan = $plan AND action = 'send' GROUP BY variant "
                        "ORDER BY n DESC, variant", plan=plan_id).to_pylist()
    leading = _leading_products(engine, plan_id)
    requests = []
    for row in rows:
        persona, key, channel, language = row["variant"].split("/")
        label = labels[key][language == "zh"]
        requests.append(Request(people[persona], ProductGroup(key, label, tuple(leading[row["variant"]][:SHOWN_TO_MODEL])), channel, language))
    if brief.learn is None:
        return requests
    worth = {one.key: texts_worth_writing(row["n"], brief.learn.texts) for one, row in zip(requests, rows, strict=True)}
    further = [replace(one, number=number) for number in range(2, brief.learn.texts + 1) for one in requests if worth[one.key] >= number]
    return [*requests, *further[:max(0, most - len(requests))]]


def _leading_products(engine: Engine, plan_id: str) -> dict[str, list[Product]]:
    """Per variant its products by how many messages show them first."""
    shown = engine.query("SELECT variant, products FROM decisions WHERE plan = $plan AND action = 'send'", plan=plan_id)
    counts: dict[str, dict[str, int]] = {}
    for variant, products in zip(shown.column("variant").to_pylist(), shown.column("products").to_pylist(), strict=True):
        mine = counts.setdefault(variant, {})
        for product in products[:1]:
            mine[product] = mine.get(product, 0) + 1
    catalogue = read_products(engine, sorted({product for mine in counts.values() for product in mine}))
    return {variant: [catalogue[product] for product, _n in sorted(mine.items(), key=lambda one: (-one[1], one[0]))
                      if product in catalogue] for variant, mine in counts.items()}


def _group_labels(engine: Engine) -> dict[str, tuple[str, str]]:
    """What each product group is called in English and in Chinese."""
    rows = engine.query("SELECT product_group, MIN(label_en) AS label_en, MIN(label_zh) AS label_zh FROM product_groups "
                        "GROUP BY product_group").to_pylist()
    # The text for everyone has no products of its own.
    return {GENERAL: GENERAL_LABEL} | {row["product_group"]: (row["label_en"], row["label_zh"]) for row in rows}


def _groups(engine: Engine, requests: Sequence[Request]) -> tuple[Group, ...]:
    """The groups that texts are about, each once, with the products of its first text."""
    labels, found = _group_labels(engine), dict[str, Group]()
    for one in requests:
        found.setdefault(one.group.key, Group(one.group.key, *labels[one.group.key], tuple(product.id for product in one.group.products)))
    return tuple(found.values())


def _personas(engine: Engine) -> tuple[PersonaLabel, ...]:
    return tuple(PersonaLabel(one.key, one.label_en, one.label_zh, one.size) for one in customers.personas(engine))
