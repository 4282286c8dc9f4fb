"""Texts of a campaign: an opening by the model for each persona, product group, channel and language, framed by the shop's own sentences.

The model sees the theme, the persona's label and the brief; it writes no slot, no product and no offer. Those stand in sentences of
the shop (`templates`), so that what differs per person and what costs money is never a model's wording.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any, Literal

from brandloom.content.brand import BrandKit
from brandloom.content.brief import Brief
from brandloom.content.checks import ALWAYS_ON, Finding, check
from brandloom.content.checks.finding import finding
from brandloom.content.checks.judge import chosen_judge
from brandloom.content.facts import Request, build_facts
from brandloom.content.openings import Opening, marks, opening
from brandloom.content.segments import check_segments
from brandloom.content.studio.attempt import TRIES, Attempt, Passed
from brandloom.content.studio.gate import Copy, Gate
from brandloom.content.templates import Spare, framed, template_slots
from brandloom.errors import ConfigError, ProviderError
from brandloom.i18n import _
from brandloom.llm import Ask, BudgetError, Completion, Message, TextModel
from brandloom.workspace import ShopConfig

MAX_TOKENS = 200
"""A whole answer takes about 100; one cut here fails the schema."""

Source = Literal["model", "repaired", "template"]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Variant:
    """A text that passed every check, and how it came about."""

    key: str
    """persona/product_group/channel/language"""
    persona: str
    product_group: str
    channel: str
    language: str
    slots: Mapping[str, str]
    source: Source
    """'model' as it wrote it; 'repaired' at a later try, or with what was at fault taken out; or the plain 'template'."""
    findings: tuple[Finding, ...] = ()
    """What was caught in rejected drafts, and cautions on the text that is used."""
    model: str | None = None
    """The model that answered."""
    prompt_digest: str = ""
    """First 16 hex digits of the SHA-256 of the request, to find it again in a log."""
    angle: str = ""
    """What the opening begins with."""
    seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def title(self) -> str:
        """What stands for the text in a list: its subject or title, or a text message itself."""
        return self.slots.get("subject") or self.slots.get("title") or self.slots.get("text", "")

    @property
    def caught(self) -> tuple[Finding, ...]:
        """Findings that kept a draft from being used."""
        return tuple(item for item in self.findings if item.blocks)


def write_variants(model: TextModel | None, brief: Brief, requests: Sequence[Request], *, shop: ShopConfig, packs: Sequence[str] = ALWAYS_ON,
                   kit: BrandKit | None = None, progress: Progress | None = None) -> list[Variant]:
    """Write one variant per request; every one returned has passed the checks.

    A model that fails in the middle, or whose budget ends, costs the texts it did not write: the plain template stands in for them.

    Args:
        model: any text model, or None to use the shop's templates only.
        requests: what to write; those that share a prompt follow each other, so that a server keeps it in its cache.
        packs: packs of Chinese advertising law to apply.
        kit: of the brand that speaks.
        progress: called with (done, all) after each.
    Returns:
        Variants in the order of `requests`.
    Raises:
        ProviderError, BudgetError: the model failed before it wrote anything, or in a way that trying again will not mend.
        ConfigError: the model cannot be used as it is set up.
    """
    jobs = [_Job(model, brief, request, shop, tuple(packs), opening(brief, request, kit=kit)) for request in requests]
    order = sorted(range(len(jobs)), key=lambda at: (requests[at].language, requests[at].channel, requests[at].group.key, requests[at].key))
    written: dict[int, Variant] = {}
    openings: dict[str, list[Copy]] = {}
    alive = False
    for done, at in enumerate(order, start=1):
        written[at], answered = jobs[at].write(openings.setdefault(requests[at].cell, []), alive=alive)
        alive = alive or answered
        if progress is not None:
            progress(done, len(order))
    return [written[at] for at in range(len(requests))]


def variant_asks(brief: Brief, requests: Sequence[Request], *, kit: BrandKit | None = None) -> list[Ask]:
    """The requests that `write_variants` makes at most, for `llm.most_cost`; fewer where a text passes at once."""
    asks = []
    for request in requests:
        told = opening(brief, request, kit=kit)
        parts = [part.name for part in told.asked.form.parts]
        asks.append(Ask(told.conversation(parts, ()), MAX_TOKENS, schema(parts), calls=TRIES))
    return asks


@dataclass(frozen=True)
class _Job:
    """One text on its way."""

    model: TextModel | None
    brief: Brief
    request: Request
    shop: ShopConfig
    packs: tuple[str, ...]
    told: Opening

    def write(self, earlier: list[Copy], *, alive: bool) -> tuple[Variant, bool]:
        """The text, and whether the model answered. One that answered before (`alive`) may miss a text; else its error is told.

        Args:
            earlier: openings for the same people, from which this one must differ; it is added to them.
        """
        request = self.request
        blank = Variant(request.key, request.persona.key, request.group.key, request.channel, request.language, {}, "template")
        if self.model is None:
            return self._plain(blank), False
        gate = Gate(self.told.asked, marks=marks(request.language), shown=self.told.shown)
        attempt = Attempt(gate, partial(self._ask, gate), partial(Spare, request.channel, request.language), tuple(earlier),
                          judge=chosen_judge(self.model, self.told.asked.records, request.language))
        try:
            passed = attempt.write()
        except (ProviderError, BudgetError) as error:
            if not (alive or attempt.calls) or not (isinstance(error, BudgetError) or error.retryable):
                raise
            passed = None
            attempt.rejected.append(finding("provider", "ban", "text", "", _("The model wrote nothing: {reason}"), reason=str(error)))
        blank = replace(blank, model=attempt.model or self.model.name, angle=self.told.angle, findings=tuple(attempt.rejected),
                        prompt_digest=_digest(self.told.conversation([part.name for part in gate.form.parts], ())),
                        seconds=attempt.seconds, prompt_tokens=attempt.prompt_tokens, completion_tokens=attempt.completion_tokens)
        if passed is not None:
            earlier.append(passed.copy)
        return (self._plain(blank) if passed is None else self._framed(blank, passed)), bool(attempt.calls)

    def _ask(self, gate: Gate, number: int, forbidden: Sequence[str]) -> Completion:
        """Greedy at first: the safest text of a small model. Later tries are warmer, or it would make the same mistake."""
        assert self.model is not None, "no try is made without one"
        parts = [part.name for part in gate.form.parts]
        return self.model.complete(self.told.conversation(parts, forbidden), schema=schema(parts), max_tokens=MAX_TOKENS,
                                   temperature=0.7 if number else 0.0, seed=number)

    def _framed(self, blank: Variant, passed: Passed) -> Variant:
        """The opening with the sentences that hold slots, looked at once more as a whole."""
        slots = framed(passed.copy, self.brief, self.request.channel, self.request.language, key=self.request.key)
        found = self._check(slots, labelled=True)
        if any(item.blocks for item in found):
            return self._plain(replace(blank, findings=(*blank.findings, *found)))
        cautions = dict.fromkeys((*passed.cautions, *found))
        return replace(blank, slots=MappingProxyType(slots), source=passed.source, findings=(*blank.findings, *cautions))

    def _plain(self, blank: Variant) -> Variant:
        slots = template_slots(self.brief, blank.channel, blank.language)
        found = self._check(slots, labelled=False)
        blocking = next((item for item in found if item.blocks), None)
        if blocking is not None:
            raise ConfigError(_("The plain template for {key} fails the checks: {reason}"), key=blank.key, reason=blocking.text())
        return replace(blank, slots=MappingProxyType(slots), source="template", findings=(*blank.findings, *found))

    def _check(self, slots: Mapping[str, str], *, labelled: bool) -> list[Finding]:
        facts = build_facts(self.brief, self.request, self.shop)
        facts = replace(facts, evidence=(*facts.evidence, self.told.asked.persona))
        found = check(slots, facts, language=self.request.language, channel=self.request.channel, packs=self.packs)
        if self.request.channel == "sms" and not any(item.blocks for item in found):
            found += check_segments(slots, self.brief, self.shop, self.request.language, labelled=labelled)
        return found


def schema(parts: Sequence[str]) -> dict[str, Any]:
    """The JSON schema of one reply. No brace gets in, so a model whose server keeps to the schema cannot write a slot."""
    text = {"type": "string", "pattern": "^[^{}<>]+$"}
    return {"type": "object", "properties": dict.fromkeys(parts, text), "required": list(parts), "additionalProperties": False}


def _digest(messages: Sequence[Message]) -> str:
    text = json.dumps([[message.role, message.content] for message in messages], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
