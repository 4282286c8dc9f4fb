"""A new plan and its texts, kept in one transaction: the plan in the ledger, the texts on the desk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from brandloom.campaigns.plans import Plan, insert_plan
from brandloom.content import Request, Variant
from brandloom.content.brand import BrandKit, speaking_brand
from brandloom.content.desk import Campaign, CampaignText, Wording, campaign_text

if TYPE_CHECKING:
    from brandloom.campaigns.shop import Shop


def keep_plan(shop: Shop, plan: Plan, requests: Sequence[Request], *, voice: BrandKit | None) -> None:
    """Keep a new plan, and put its texts on the desk.

    Args:
        requests: what was asked for, one for each of the plan's texts or more.
        voice: the kit it was written with.
    """
    sizes = {row["variant"]: (row["people"], row["cost"]) for row in shop.engine.query(
        "SELECT variant, COUNT(*) AS people, SUM(cost) AS cost FROM decisions WHERE plan = $plan AND action = 'send' GROUP BY variant",
        plan=plan.id).to_pylist()}
    campaign, asked = Campaign(plan.id, plan.brief, shop.workspace.config, voice), {one.key: one for one in requests}
    texts = list[tuple[CampaignText, Wording]]()
    for one in plan.variants:
        people, cost = sizes[asked[one.key].cell]
        texts.append((campaign_text(campaign, asked[one.key], people=people, budget=cost), _wording(one)))
    kit = speaking_brand(shop.workspace, plan.brief.brand)
    brand = shop.workspace.config.name if kit is None else kit.name
    with shop.ledger.begin() as connection:
        insert_plan(connection, plan)
        shop.desk.put_texts(connection, texts, brand=brand, by=plan.planner or "brandloom", now=plan.created_at)


def _wording(variant: Variant) -> Wording:
    written = variant.source != "template"
    return Wording(dict(variant.slots), variant.source if written else "plain", variant.angle, variant.model if written else None)
