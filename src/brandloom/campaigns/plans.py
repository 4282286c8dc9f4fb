"""A plan as it is kept: its brief, its texts, its figures, and the digest that an approval is for."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, insert, select, update

from brandloom.content import Brief, Finding, Variant
from brandloom.content.desk import Desk
from brandloom.decide import FLOOR, REASONS, WAVE_POLICY
from brandloom.engine import Engine
from brandloom.errors import ConfigError, StateError
from brandloom.govern import Audit
from brandloom.i18n import _, say
from brandloom.ledger import Ledger, schema


@dataclass(frozen=True)
class Group:
    """A product group as the plan's texts name it."""

    key: str
    label_en: str
    label_zh: str
    products: tuple[str, ...]


@dataclass(frozen=True)
class PersonaLabel:
    key: str
    label_en: str
    label_zh: str
    size: int


@dataclass(frozen=True)
class Plan:
    """One campaign, from draft to finished. Frozen when made; only `status` moves."""

    id: str
    name: str
    status: str
    """draft, approved, sending, finished"""
    as_of: datetime
    """Naive UTC: nothing from here on was used."""
    created_at: datetime
    horizon_days: int
    brief: Brief
    variants: tuple[Variant, ...]
    groups: tuple[Group, ...]
    personas: tuple[PersonaLabel, ...]
    decision: dict[str, Any]
    """Counts, cost and expected result, as `decide.DecisionSummary` gives them."""
    model: str
    digest: str = ""
    content_seconds: float = 0.0
    extra: dict[str, Any] = field(default_factory=dict)

    def variant(self, key: str) -> Variant:
        return next(one for one in self.variants if one.key == key)

    @property
    def cells(self) -> dict[str, tuple[str, ...]]:
        """Keys of the texts by cell (persona/group/channel/language); the first has the cell's own key, see `Request.key`."""
        found: dict[str, tuple[str, ...]] = {}
        for one in self.variants:
            cell = "/".join((one.persona, one.product_group, one.channel, one.language))
            found[cell] = (*found.get(cell, ()), one.key)
        return found

    @property
    def channels(self) -> tuple[str, ...]:
        """On which somebody gets a message."""
        return tuple(sorted({one.channel for one in self.variants}))

    @property
    def waves(self) -> int:
        """In how many waves it goes out; one where no cell has several texts to learn about."""
        return self.brief.learn.waves if self.brief.learn and any(len(texts) > 1 for texts in self.cells.values()) else 1

    @property
    def planner(self) -> str:
        """Who planned it; '' where nobody said so."""
        return str(self.extra.get("planner", ""))

    @property
    def origins(self) -> dict[str, int]:
        """How many texts the model wrote at once, wrote after a repair, or left to the template."""
        return {origin: sum(one.source == origin for one in self.variants) for origin in ("model", "repaired", "template")}

    def to_dict(self) -> dict[str, Any]:
        """For `--json`: ids, figures and texts."""
        return {"plan": self.id, "status": self.status, **plan_document(self), "brief": self.brief.model_dump(mode="json"),
                "digest": self.digest}

    def lines(self) -> list[tuple[str, str]]:
        """Name and value of each figure, in the current language."""
        counts, reasons = self.decision["actions"], self.decision["reasons"]
        out = {key: n for key, n in reasons.items() if key not in ("worth_it", "holdout")}
        rows = [(say(_("Name")), self.name), (say(_("Status")), say(self.status)),
                (say(_("As of")), f"{self.as_of:%Y-%m-%d}"),
                (say(_("To be written to")), f"{counts.get('send', 0):,}"),
                (say(_("Held out at random")), f"{counts.get('holdout', 0):,}"),
                (say(_("Left out")), "\n".join(f"{n:,}  {say(REASONS[key])}" for key, n in sorted(out.items(), key=lambda one: -one[1]))),
                (say(_("Cost")), f"{self.decision['cost']:,.2f}"), *self._carried(),
                (say(_("Expected gain at the assumed lift")), f"{self.decision['expected_value']:,.2f}")]
        if self.brief.learn and self.waves > 1:
            rows.append((say(_("Waves")), say(_("{waves}, one every {every}; later ones go to the texts with more {metric}"), waves=self.waves,
                                             every=self.brief.learn.every, metric=say(METRICS[self.brief.learn.metric]))))
        origin = self.origins
        rows.append((say(_("Texts")), say(_("{count}: {model} as the model wrote them, {repaired} repaired, {template} from the template"),
                                         count=len(self.variants), **origin)))
        if edited := self.extra.get("edited"):
            rows.append((say(_("Edited since")), "\n".join(edited)))
        spent = (self.extra.get("model_cost") or {}).get("spent")
        if spent:
            money = say(_("no price set")) if spent["money"] is None else f"{Decimal(spent['money']):.4f} {spent['currency']}"
            rows.append((say(_("Model")), say(_("{name}: {calls} calls, {tokens} tokens, {money}"), name=self.model, calls=spent["calls"],
                                             tokens=f"{spent['prompt_tokens'] + spent['completion_tokens']:,}", money=money)))
        rows += [(one.key, one.title) for one in self.variants]
        rows += [(say(_("Post for {network}"), network=one["network"]), one["text"] or one["reason"]) for one in self.extra.get("posts", [])]
        return rows


    def _carried(self) -> list[tuple[str, str]]:
        """What each channel carries, where there is more to say than one number of messages."""
        rows = self.extra.get("channels", [])
        return [(say(CHANNELS[row["channel"]]), say(_("{messages} messages, {segments} segments, {cost}") if row["segments"] else
                                                   _("{messages} messages, {cost}"), messages=f"{row['messages']:,}",
                                                   segments=f"{row['segments'] or 0:,}", cost=f"{row['cost']:,.2f}")) for row in rows]


CHANNELS = {"email": _("E-mail"), "sms": _("Text messages"), "push": _("Web push")}
METRICS = {"clicks": _("clicks"), "orders": _("orders")}
STATUSES = (_("draft"), _("approved"), _("sending"), _("finished"))


@dataclass(frozen=True)
class Approval:
    """Somebody's word for one plan exactly as it stood."""

    id: str
    by: str
    digest: str
    at: datetime

    def to_dict(self) -> dict[str, Any]:
        return {"plan": self.id, "approved_by": self.by, "digest": self.digest, "at": self.at.isoformat()}


def plan_digest(engine: Engine, plan: Plan) -> str:
    """SHA-256 over brief, texts, every decision to send and the rules of its waves: if any changes, an approval no longer holds.

    Which text a person gets is not in it where a cell has several: that is drawn by these rules when the person's wave is opened.
    """
    rules = [WAVE_POLICY, FLOOR] if plan.waves > 1 else []
    seal = hashlib.sha256(json.dumps([plan.brief.model_dump(mode="json"), plan_document(plan), *rules], sort_keys=True,
                                     ensure_ascii=False).encode())
    rows = engine.query("SELECT customer, action, channel, variant, products FROM decisions WHERE plan = $plan "
                        "AND action IN ('send', 'holdout') ORDER BY customer", plan=plan.id)
    for batch in rows.to_batches(max_chunksize=10_000):
        for row in batch.to_pylist():  # row by row: how an engine cuts its answer into batches must not count
            seal.update(json.dumps(list(row.values())).encode())
    return seal.hexdigest()


def insert_plan(connection: Connection, plan: Plan) -> None:
    """Write a new plan to the ledger."""
    connection.execute(insert(schema.plans).values(
        id=plan.id, name=plan.name, status=plan.status, as_of=plan.as_of.replace(tzinfo=UTC),
        brief=json.dumps(plan.brief.model_dump(mode="json"), ensure_ascii=False),
        document=json.dumps(plan_document(plan), ensure_ascii=False), digest=plan.digest, created_at=plan.created_at))


def read_plan(ledger: Ledger, plan: str) -> Plan:
    """Read a plan by its id or the id's unambiguous beginning.

    Raises:
        ConfigError: no such plan; names the known ones.
    """
    with ledger.read() as connection:
        rows = connection.execute(select(schema.plans).order_by(schema.plans.c.created_at.desc())).all()
    found = [row for row in rows if row.id == plan] or [row for row in rows if plan and row.id.startswith(plan)]
    if len(found) != 1:
        known = ", ".join(row.id for row in rows[:10]) or "-"
        raise ConfigError(_("There is no plan '{plan}'. Plans here: {known}. Make one with `brandloom plan`."), plan=plan, known=known)
    row = found[0]
    document = json.loads(row.document)
    return Plan(id=row.id, name=row.name, status=row.status, as_of=row.as_of.replace(tzinfo=None), created_at=row.created_at,
                horizon_days=document["horizon_days"], brief=Brief.model_validate(json.loads(row.brief)),
                variants=tuple(_variant(item) for item in document["variants"]),
                groups=tuple(Group(**{**item, "products": tuple(item["products"])}) for item in document["groups"]),
                personas=tuple(PersonaLabel(**item) for item in document["personas"]),
                decision=document["decision"], model=document["model"], digest=row.digest,
                content_seconds=document["content_seconds"], extra=document["extra"])


def set_status(ledger: Ledger, plan: str, status: str) -> None:
    """Move a plan on."""
    with ledger.begin() as connection:
        connection.execute(update(schema.plans).where(schema.plans.c.id == plan).values(status=status))


def approve(engine: Engine, ledger: Ledger, audit: Audit, plan: Plan, *, desk: Desk, by: str, now: datetime) -> Approval:
    """Record an approval of the plan and of each of its texts exactly as they stand.

    Raises:
        ConfigError: no name given.
        StateError: the plan is being sent or finished, or what it would send differs from what was planned; a text cannot be approved, or a
            plan of this size was planned or edited by the same person.
    """
    if not by.strip():
        raise ConfigError(_("An approval needs a name: --by 'Ana Lopez'."))
    if plan.status not in ("draft", "approved"):
        raise StateError(_("Plan {plan} is {status}; only a draft can be approved. Make a new plan."), plan=plan.id,
                         status=plan.status)
    require_unchanged(engine, plan)
    with ledger.begin() as connection:
        desk.sign(connection, plan.id, by=by, now=now, people=plan.decision["actions"].get("send", 0), budget=plan.decision["cost"])
        table = schema.plans
        connection.execute(insert(schema.approvals).values(plan=plan.id, approved_by=by.strip(), digest=plan.digest, at=now))
        same = connection.execute(update(table).where(table.c.id == plan.id, table.c.digest == plan.digest).values(status="approved"))
        if same.rowcount != 1:
            raise StateError(_("Somebody changed plan {plan} meanwhile, so nothing was kept. Run the same command again."), plan=plan.id)
    audit.append("plan.approved", plan.id, actor=by.strip(), detail={"digest": plan.digest}, now=now)
    return Approval(plan.id, by.strip(), plan.digest, now)


def require_approval(engine: Engine, ledger: Ledger, plan: Plan, *, desk: Desk) -> None:
    """Refuse to send a plan that nobody approved as it stands now, or a text of which a person or a check objects to."""
    desk.require_ready(plan.id, {one.key: one.slots for one in plan.variants})
    with ledger.read() as connection:
        digests = set(connection.scalars(select(schema.approvals.c.digest).where(schema.approvals.c.plan == plan.id)))
    if plan.digest not in digests:
        raise StateError(_("Plan {plan} is not approved. Look at it with `brandloom preview`, then run "
                           "`brandloom approve DIR {plan} --by NAME`."), plan=plan.id)
    require_unchanged(engine, plan)


def require_unchanged(engine: Engine, plan: Plan) -> None:
    """Refuse a plan whose texts or decisions are not those it was made with."""
    if plan_digest(engine, plan) != plan.digest:
        raise StateError(_("Plan {plan} is not what it was when it was made: its decisions or texts have changed. Plan again."),
                         plan=plan.id)


def plan_document(plan: Plan) -> dict[str, Any]:
    """What the ledger keeps of a plan besides its brief and its status."""
    return {"horizon_days": plan.horizon_days, "variants": [_variant_dict(one) for one in plan.variants],
            "groups": [asdict(one) for one in plan.groups], "personas": [asdict(one) for one in plan.personas],
            "decision": plan.decision, "model": plan.model, "content_seconds": plan.content_seconds, "extra": plan.extra}


def _variant_dict(variant: Variant) -> dict[str, Any]:
    plain = {name: value for name, value in vars(variant).items() if name not in ("slots", "findings")}
    return {**plain, "slots": dict(variant.slots), "findings": [asdict(one) for one in variant.findings]}


def _variant(item: dict[str, Any]) -> Variant:
    return Variant(**{**item, "findings": tuple(Finding(**{name: _tuples(value) for name, value in one.items()}) for one in item["findings"])})


def _tuples(value: Any) -> Any:
    """JSON's lists as the tuples they were."""
    return tuple(_tuples(one) for one in value) if isinstance(value, list) else value
