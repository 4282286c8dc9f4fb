"""The report of a campaign: one frozen structure that `campaigns` fills, `report.json` stores and `html` draws.

`to_json(report)` writes it, `from_json(text)` reads and checks it (unknown keys refused). Version: `schema` is 1; a field
may be added with a default, nothing is renamed without a new number.

    Report
    ├── shop         ShopFacts        whose shop, as of when, which plan
    ├── load         Load             rows read, new, known, refused with reasons, per file
    ├── demand       Period...        revenue and orders per month
    ├── customers    Customers        how many are known, and the segments
    ├── model        ModelCard        what the prediction model is and how good it was on a later month
    ├── likely       Likely           who will probably buy, how many, how sure
    ├── audience     Audience         the funnel from known to chosen, who was left out and why, cost and expectation
    ├── products     ProductRow...    what is recommended, and to how many
    ├── content      Content          variants with texts and checks, what the language model did, the AI label
    ├── messages     SampleMessage... as they would reach the person
    ├── waves        Waves            what each text brought wave by wave, what moved and why (`wave_rows`)
    ├── delivery     Delivery         queued, sent, failed, suppressed, uncertain, read back
    ├── replay       Replay           what the people bought afterwards: capture, calibration, recommendation hits
    ├── experiment   Experiment       holdout read-out; with the known truth when simulated
    ├── stages       Stage...         seconds and peak memory
    └── provenance   Provenance       sources, licences, what was invented, versions, commit, machine

Every section but `shop` may be None or empty: a report before sending simply has fewer chapters.

`Words` is a text for people: a plain string (looked up in the catalogue as it is, so a marked template is shown in both
languages and a product name stays itself), or `Text(template, values)` for a template with `{named}` fields. Times are ISO
8601 in UTC, money is in `shop.currency`, shares are 0 to 1, memory is in MB (10^6 bytes).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from brandloom.errors import DataError
from brandloom.i18n import _
from brandloom.measure.experiment import Readout, Truth
from brandloom.measure.intervals import Estimate
from brandloom.measure.meter import Stage
from brandloom.measure.replay import Capture, HitRates
from brandloom.measure.wave_rows import Waves
from brandloom.measure.words import Count, Words

SCHEMA = 1
_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class ShopFacts:
    name: str
    currency: str
    """ISO 4217 code."""
    as_of: str
    """The day the campaign was planned, ISO date; nothing later was used to plan it."""
    made_at: str
    horizon_days: int
    plan: str | None = None
    goal: Words = ""
    """The brief's goal, in one sentence."""
    demo: bool = False


@dataclass(frozen=True)
class LoadedFile:
    name: str
    kind: str
    """orders, events, products, customers, documents"""
    rows: int
    new: int
    known: int
    """Already in the warehouse from an earlier load."""
    refused: int
    reasons: tuple[Count, ...] = ()
    """Why rows were refused, most frequent first."""
    notes: tuple[Words, ...] = ()
    """What else happened: returns recognised, rows without a customer, encoding, columns sealed as personal data."""


@dataclass(frozen=True)
class Load:
    files: tuple[LoadedFile, ...]
    first_event: str | None = None
    last_event: str | None = None


@dataclass(frozen=True)
class Period:
    """One month of sales before and after `as_of`."""

    start: str
    orders: int
    customers: int
    revenue: float
    after: bool = False
    """True from the month of `as_of` on: the plan did not see all of it."""


@dataclass(frozen=True)
class SegmentRow:
    key: str
    label: Words
    customers: int
    revenue: float
    """Net revenue so far."""
    recency_days: float
    """Median days since the last purchase."""
    p_purchase: float | None = None
    """Mean probability to buy in the horizon."""
    description: Words = ""


@dataclass(frozen=True)
class Customers:
    known: int
    revenue: float
    segments: tuple[SegmentRow, ...] = ()
    countries: tuple[Count, ...] = ()


@dataclass(frozen=True)
class Metric:
    """One quality figure of the model on customers and a time it did not learn from."""

    name: Words
    model: Estimate
    baseline: Estimate | None = None
    baseline_name: Words = ""
    higher_is_better: bool = True
    meaning: Words = ""
    """One plain sentence."""


@dataclass(frozen=True)
class Feature:
    name: Words
    importance: float
    """Share of the model's explained differences, 0 to 1."""


@dataclass(frozen=True)
class ModelCard:
    name: Words
    trained_on: int
    """Customers x cut-off dates learned from."""
    cutoffs: tuple[str, ...] = ()
    metrics: tuple[Metric, ...] = ()
    features: tuple[Feature, ...] = ()
    limits: tuple[Words, ...] = ()
    """What it should not be used for, what it cannot know."""


@dataclass(frozen=True)
class Decile:
    """One tenth of all customers, 1 the most likely to buy."""

    decile: int
    customers: int
    p_mean: float
    p_low: float
    """Lowest and highest probability in this tenth."""
    p_high: float
    expected_buyers: float
    observed_buyers: int | None = None
    """Known only in a replay."""


@dataclass(frozen=True)
class Prospect:
    """One person (by pseudonym) the model expects, and why."""

    customer: str
    p_purchase: Estimate
    expected_spend: float
    reasons: tuple[Words, ...] = ()


@dataclass(frozen=True)
class Likely:
    expected_buyers: Estimate
    deciles: tuple[Decile, ...]
    observed_buyers: int | None = None
    prospects: tuple[Prospect, ...] = ()


@dataclass(frozen=True)
class Step:
    """One step of the funnel; counts fall from step to step."""

    label: Words
    customers: int


@dataclass(frozen=True)
class Audience:
    funnel: tuple[Step, ...]
    """From all known customers to those who get a message."""
    left_out: tuple[Count, ...]
    """Customers per reason; each is counted once, under the first reason that applied."""
    chosen: int
    sent: int
    holdout: int
    cost: float
    """Of all messages."""
    budget: float | None = None
    expected_revenue: Estimate | None = None
    """Of the people who get a message, in the horizon, with or without it."""
    expected_gain: Estimate | None = None
    """Margin the messages are expected to bring, before their cost, at the assumed lift."""
    assumed_lift: float | None = None
    lift_measured: bool = False
    """False: the lift is an assumption of the configuration until an experiment has measured it."""
    detectable_lift: float | None = None
    """Smallest lift this holdout could show (`measure.power`)."""


@dataclass(frozen=True)
class ProductRow:
    product: str
    name: str
    group: Words
    shown_to: int
    """Messages that show it."""
    price: float | None = None
    reasons: tuple[Count, ...] = ()
    """Bought again, bought together, popular."""


@dataclass(frozen=True)
class FindingRow:
    """One remark of a check on a text."""

    check: str
    message: Words
    blocking: bool = True


@dataclass(frozen=True)
class VariantCard:
    key: str
    persona: Words
    group: Words
    channel: str
    language: str
    origin: str
    """model (passed as written), repaired (passed after one repair), template (the shop's own plain text)"""
    subject: str
    body: str
    """With its slots still open."""
    button: str = ""
    people: int = 0
    findings: tuple[FindingRow, ...] = ()
    """Of the text that is used."""
    rejected: tuple[FindingRow, ...] = ()
    """Of the drafts that were refused on the way."""


@dataclass(frozen=True)
class Content:
    model: str
    variants: tuple[VariantCard, ...]
    as_written: int
    repaired: int
    templates: int
    calls: int = 0
    seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    ai_label: tuple[Words, ...] = ()
    """The visible label in each language, and how the machine-readable one is carried."""
    checks: tuple[Words, ...] = ()
    """What every text was checked for."""
    text_shares: tuple[tuple[int, float], ...] = ()
    """Number of texts -> share kept of the value that a text per reader would have (`decide.choose_variants`)."""


@dataclass(frozen=True)
class SampleMessage:
    """One message as it would reach one person."""

    customer: str
    language: str
    channel: str
    subject: str
    html: str
    text: str
    sender: str = ""
    recipient: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    why: tuple[Words, ...] = ()
    """Why this person, this offer, now."""
    variant: str = ""


@dataclass(frozen=True)
class PostCard:
    """A post that was written for everybody and handed out as a file."""

    network: Words
    language: str
    origin: str
    """model, repaired, plain, or none where there could be no post."""
    text: str
    reason: str = ""


@dataclass(frozen=True)
class ChannelRow:
    """What became of the messages of one channel."""

    channel: Words
    messages: int
    sent: int
    segments: int | None
    """That are paid for, of text messages."""
    clicked: int
    """People who followed a link."""
    cost: float
    """Of what was sent, in the shop's currency."""


@dataclass(frozen=True)
class Delivery:
    queued: int
    sent: int
    failed: int
    suppressed: int
    uncertain: int
    read_back: int | None = None
    """Messages found in the receiving mailbox afterwards."""
    carrier: Words = ""
    notes: tuple[Words, ...] = ()
    channels: tuple[ChannelRow, ...] = ()
    """Empty where there is mail alone."""


@dataclass(frozen=True)
class Replay:
    capture: Capture
    hits: HitRates | None = None


@dataclass(frozen=True)
class Experiment:
    readout: Readout
    truth: Truth | None = None


@dataclass(frozen=True)
class Source:
    name: str
    licence: str
    attribution: str
    url: str = ""


@dataclass(frozen=True)
class Provenance:
    sources: tuple[Source, ...] = ()
    invented: tuple[Words, ...] = ()
    """What is made up for a demo: addresses, consents, languages."""
    versions: dict[str, str] = field(default_factory=dict)
    commit: str = ""
    machine: str = ""
    seed: int | None = None


@dataclass(frozen=True)
class Report:
    """See the module's own text for the map."""

    __pydantic_config__ = _STRICT

    shop: ShopFacts
    load: Load | None = None
    demand: tuple[Period, ...] = ()
    customers: Customers | None = None
    model: ModelCard | None = None
    likely: Likely | None = None
    audience: Audience | None = None
    products: tuple[ProductRow, ...] = ()
    content: Content | None = None
    messages: tuple[SampleMessage, ...] = ()
    posts: tuple[PostCard, ...] = ()
    waves: Waves | None = None
    delivery: Delivery | None = None
    replay: Replay | None = None
    experiment: Experiment | None = None
    stages: tuple[Stage, ...] = ()
    provenance: Provenance = field(default_factory=Provenance)
    schema: int = SCHEMA


_ADAPTER: TypeAdapter[Report] = TypeAdapter(Report)


def to_json(report: Report) -> str:
    """The report as `report.json`: readable, stable order, not-a-number written as null."""
    return json.dumps(_finite(asdict(report)), ensure_ascii=False, indent=2) + "\n"


def from_json(content: str) -> Report:
    """Read `report.json` back.

    Raises:
        DataError: not a report of this schema; names the first field that does not fit.
    """
    try:
        report = _ADAPTER.validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        raise DataError(_("report.json: '{where}' cannot be read: {reason}. Make the report again with `brandloom report`."),
                        where=".".join(str(part) for part in first["loc"]), reason=first["msg"]) from error
    if report.schema != SCHEMA:
        raise DataError(_("report.json has schema {found}; this version reads {known}. Make it again with `brandloom report`."),
                        found=report.schema, known=SCHEMA)
    return report


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and value != value else value
