"""A plan's texts on the desk, where people change what the plan says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, update

from brandloom import llm
from brandloom.campaigns.messages import MessageWriter, items_of
from brandloom.campaigns.planning import text_scores
from brandloom.campaigns.plans import Plan, plan_digest, plan_document, read_plan
from brandloom.content import Finding
from brandloom.content.brand import BrandKit, brand_names, open_brand
from brandloom.content.checks.finding import finding
from brandloom.content.desk import CampaignText, Desk
from brandloom.content.render import MOST_PRODUCTS
from brandloom.content.studio.gate import Copy
from brandloom.deliver import Item
from brandloom.errors import BrandloomError, StateError
from brandloom.govern import Audit, Person
from brandloom.i18n import _, say
from brandloom.ledger import schema

if TYPE_CHECKING:
    from brandloom.campaigns.shop import Shop


def open_desk(shop: Shop) -> Desk:
    """The desk of a shop, which knows its brands, its models and its plans."""
    names = {one.name for one in llm.list_models(shop.settings.cache)} | ({shop.settings.model_name} if shop.settings.model_name else set())

    def brands(name: str) -> BrandKit | None:
        # A brand whose kit was taken away leaves its texts as they are.
        return open_brand(shop.workspace, name) if name in brand_names(shop.workspace) else None
    return Desk(shop.ledger, shop.audit, approval=shop.workspace.config.approval, machines=names, brands=brands, plans=PlanTexts(shop))


class PlanTexts:
    """Lets the desk change what a plan says."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def revise(self, text: CampaignText, parts: Copy) -> Revised:
        """See `content.desk.campaign.Plans`."""
        shop, plan = self._shop, read_plan(self._shop.ledger, text.plan)
        if plan.status not in ("draft", "approved"):
            raise StateError(_("Plan {plan} is {status}, so its texts stay as they are. Make a new plan."), plan=plan.id, status=say(plan.status))
        slots = {name: str(value) for name, value in parts.items()}
        variants = tuple(replace(one, slots=slots) if one.key == text.key else one for one in plan.variants)
        # What the scorer said of the words before is not true of these.
        scores = text_scores(variants, shop.scorer) if "scores" in plan.extra else {}
        counted = {name: value for name, value in plan.extra.items() if name != "channels"}  # of the words before
        extra = {**counted, "edited": sorted({*plan.extra.get("edited", ()), text.key}), **({"scores": scores} if scores else {})}
        if not scores:
            extra.pop("scores", None)
        revised = replace(plan, variants=variants, status="draft", extra=extra)
        revised = replace(revised, digest=plan_digest(shop.engine, revised))
        return Revised(revised, plan.digest, shop.audit, tuple(_objections(shop, revised, text)))


@dataclass(frozen=True)
class Revised:
    """A plan with other words in one text, not kept yet."""

    plan: Plan
    before: str
    """Digest of the plan that was changed."""
    audit: Audit = field(repr=False)
    findings: Sequence[Finding]

    def keep(self, connection: Connection, *, by: str, now: datetime) -> None:
        """See `content.desk.campaign.Revision`."""
        table = schema.plans
        changed = connection.execute(update(table).where(table.c.id == self.plan.id, table.c.digest == self.before,
                                                         table.c.status.in_(("draft", "approved"))).values(
            document=json.dumps(plan_document(self.plan), ensure_ascii=False), digest=self.plan.digest, status="draft"))
        if changed.rowcount != 1:
            raise StateError(_("Somebody changed plan {plan} meanwhile, so nothing was kept. Run the same command again."), plan=self.plan.id)
        self.audit.append("plan.revised", self.plan.id, by, {"before": self.before, "digest": self.plan.digest}, now, connection=connection)


def _objections(shop: Shop, plan: Plan, text: CampaignText) -> list[Finding]:
    """What is wrong with messages made of a text: one of every shape, with and without a name, for each number of products shown.

    Nothing else of a text depends on the person, so that these stand for all; before one is sent it is looked at by itself again.
    """
    writer = MessageWriter(shop.engine, shop.workspace, plan)
    shapes: dict[int, Item] = {}
    for item in items_of(shop, plan):
        if item.variant == text.cell:
            shapes.setdefault(min(len(item.products), MOST_PRODUCTS), replace(item, variant=text.key))
    for item in shapes.values():
        for name in (None, "Ana"):
            try:
                writer.render(item, Person(item.customer, first_name=name), preview=True)
            except BrandloomError as error:
                return [finding("message", "ban", "body", "", _("A message made of it cannot be sent: {reason}"), reason=error.text())]
    return []
