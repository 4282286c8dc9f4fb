"""Variants of copy: one request to the model per persona, product group, channel and language, checked, mended or replaced.

The model sees catalogue facts, the persona's label and the brief, and writes slots, never values. A text that fails the
checks goes back once with the reasons; one that fails again is replaced by the shop's plain template.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

from brandloom.content.brief import Brief
from brandloom.content.checks import ALWAYS_ON, PARTS, Finding, check
from brandloom.content.checks.finding import finding
from brandloom.content.facts import Facts, Request, build_facts, plain_text
from brandloom.content.prompts import angle, goal, prefix, prompt
from brandloom.content.templates import template_slots
from brandloom.errors import ConfigError, ProviderError
from brandloom.i18n import _
from brandloom.llm import BudgetError, Completion, Message, TextModel
from brandloom.workspace import ShopConfig

MAX_TOKENS = 220
"""A whole answer takes about 100; one cut here fails the schema."""

_WORDING = ("claim", "figure", "copied", "ad-law", "link", "email", "phone", "boilerplate", "opt-out")
"""Rules whose objection is mended by not writing the excerpt."""

_MODEL_SLOTS = frozenset({"product.name", "offer.code", "offer.until", "offer.value", "shop.name"})
"""Slots a model may write; a greeting and prices are the layout's."""

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
    """'model' at the first try; 'repaired' at the second, or with short parts taken from the template; or the 'template'."""
    findings: tuple[Finding, ...] = ()
    """What was caught in rejected drafts, and cautions on the text that is used."""
    model: str | None = None
    prompt_digest: str = ""
    """First 16 hex digits of the SHA-256 of the request, to find it again in a log."""
    seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def caught(self) -> tuple[Finding, ...]:
        """Findings that kept a draft from being used."""
        return tuple(item for item in self.findings if item.blocks)


def write_variants(model: TextModel | None, brief: Brief, requests: Sequence[Request], *, shop: ShopConfig,
                   packs: Sequence[str] = ALWAYS_ON, progress: Progress | None = None) -> list[Variant]:
    """Write one variant per request; every one returned has passed the checks.

    Args:
        model: any text model, or None to use the shop's templates only.
        requests: what to write; worked off language by language, so that a server keeps the shared prompt in its cache.
        packs: packs of Chinese advertising law to apply.
        progress: called with (done, all) after each.
    Returns:
        Variants in the order of `requests`.
    Raises:
        ProviderError: the model cannot be reached, or failed in a way that trying again will not mend.
        ConfigError: the model cannot be used as it is set up.
    """
    order = sorted(range(len(requests)), key=lambda at: (requests[at].language, requests[at].key))
    written: dict[int, Variant] = {}
    for done, at in enumerate(order, start=1):
        alive = any(variant.source != "template" or variant.caught for variant in written.values())
        written[at] = _write(model, brief, requests[at], shop, packs, alive=alive)
        if progress is not None:
            progress(done, len(order))
    return [written[at] for at in range(len(requests))]


def build_messages(brief: Brief, request: Request, facts: Facts) -> list[Message]:
    """The conversation for one request; all but the last message is the same for every request of its language."""
    system, question, answer = prefix(request.language)
    words = prompt(request.language)
    label = request.persona.label_zh if request.language == "zh" else request.persona.label_en
    last = (words["request"].strip().replace("{facts}", "\n".join(facts.lines))
            .replace("{reader}", angle(request.language, request.persona.key) or plain_text(label))
            .replace("{goal}", goal(request.language, brief.goal)).replace("{tone}", ", ".join(brief.tone)))
    return [Message("system", system), Message("user", question), Message("assistant", answer), Message("user", last)]


def schema(parts: Collection[str], slots: Collection[str]) -> dict[str, Any]:
    """The JSON schema of one reply with these parts. Its pattern lets no brace in but those of a slot that has a value, so a
    model whose server keeps to the schema cannot invent one; the product's name belongs in the body alone."""
    return {"type": "object", "properties": {part: _text_with(slots, product=part == "body") for part in parts},
            "required": list(parts), "additionalProperties": False}


def _text_with(slots: Collection[str], *, product: bool) -> dict[str, str]:
    known = sorted(slot.replace(".", "\\.") for slot in _MODEL_SLOTS & set(slots) if product or slot != "product.name")
    return {"type": "string", "pattern": f"^([^{{}}]|\\{{\\{{ ({'|'.join(known)}) \\}}\\}})+$"}


@dataclass(frozen=True)
class _Job:
    """Everything one text is written and judged by."""

    model: TextModel
    brief: Brief
    request: Request
    facts: Facts
    packs: Sequence[str]

    def ask(self, messages: Sequence[Message], parts: Collection[str], *, again: bool) -> Completion:
        """A second try is warmer: greedy writing would make the same mistake."""
        return self.model.complete(messages, schema=schema(parts, self.facts.slots), max_tokens=MAX_TOKENS,
                                   temperature=0.7 if again else 0.0, seed=int(again))

    def check(self, slots: object) -> list[Finding]:
        return check(slots, self.facts, language=self.request.language, channel=self.request.channel, packs=self.packs)


def _write(model: TextModel | None, brief: Brief, request: Request, shop: ShopConfig, packs: Sequence[str], *, alive: bool) -> Variant:
    """Write one text. A model that has answered before (`alive`) may miss one; one that never did is an error to be told.

    One that fails on a reply is asked once more, warmer: what it stumbled over may well be that one reply.
    """
    facts = build_facts(brief, request, shop)
    blank = Variant(request.key, request.persona.key, request.group.key, request.channel, request.language, {}, "template")
    if model is None:
        return _from_template(blank, brief, facts, packs)
    job, messages = _Job(model, brief, request, facts, packs), build_messages(brief, request, facts)
    blank = replace(blank, model=model.name, prompt_digest=_digest(messages))
    try:
        reply = _first(job, messages)
        alive = True
        slots = read_reply(reply.text, request.language)
        found = job.check(slots)
        blank = replace(_add_cost(blank, reply), findings=(*blank.findings, *found))
        if isinstance(slots, dict) and not _blocking(found):
            return replace(blank, slots=MappingProxyType(slots), source="model")
        return _repair(job, blank, messages, reply.text, slots, found)
    except (ProviderError, BudgetError) as error:
        if not alive or not (isinstance(error, BudgetError) or error.retryable):
            raise
        missing = finding("provider", "ban", "text", "", _("The model wrote nothing: {reason}"), reason=str(error))
        return _from_template(replace(blank, findings=(*blank.findings, missing)), brief, facts, packs)


def _first(job: _Job, messages: Sequence[Message]) -> Completion:
    try:
        return job.ask(messages, PARTS[job.request.channel], again=False)
    except ProviderError as error:
        if not error.retryable:
            raise
        return job.ask(messages, PARTS[job.request.channel], again=True)


def _repair(job: _Job, blank: Variant, messages: Sequence[Message], draft: str, slots: object, found: Sequence[Finding]) -> Variant:
    """Let the model write the faulty parts once more, told why; then put template parts where short ones still fail.

    Only the faulty parts are asked for: what passed stays as it is, and a second try costs a fraction of the first.
    """
    faulty = _faulty_parts(slots, found, PARTS[job.request.channel])
    reply = job.ask(_ask_again(messages, draft, found, faulty, job.request.language), faulty, again=True)
    fresh = read_reply(reply.text, job.request.language)
    blank = _add_cost(blank, reply)
    merged: object = slots
    if isinstance(fresh, dict):
        merged = {**(slots if isinstance(slots, dict) else {}), **{part: fresh[part] for part in faulty if part in fresh}}
    found = job.check(merged)
    blank = replace(blank, findings=(*blank.findings, *found))
    if isinstance(merged, dict) and _blocking(found):
        merged = _mend(merged, found, job.brief, blank)
    if isinstance(merged, dict) and not _blocking(job.check(merged)):
        return replace(blank, slots=MappingProxyType(merged), source="repaired")
    return _from_template(blank, job.brief, job.facts, job.packs)


def _blocking(found: Sequence[Finding]) -> list[Finding]:
    return [item for item in found if item.blocks]


def _faulty_parts(slots: object, found: Sequence[Finding], parts: Sequence[str]) -> list[str]:
    """The parts that have to be written again; all of them where the reply as a whole was at fault."""
    places = {item.place for item in _blocking(found)}
    return list(parts) if not isinstance(slots, dict) or not places <= set(parts) else [part for part in parts if part in places]


def read_reply(text: str, language: str) -> object:
    """The parts out of a reply: a JSON object, alone or in a fence, its typography tidied; else the text itself."""
    body = re.sub(r"^\s*```(?:json)?|```\s*$", "", text)
    try:
        parts = json.loads(body[body.find("{"):body.rfind("}") + 1] if "{" in body else body)
    except (ValueError, RecursionError):
        return text
    if not isinstance(parts, dict):
        return text
    return {name: tidy(value, language) if isinstance(value, str) else value for name, value in parts.items()}


def tidy(text: str, language: str) -> str:
    """One line with even spacing; in Chinese, full-width marks after Chinese characters and slots without spaces around."""
    text = " ".join(text.split())
    text = re.sub(r"\{\{\s*([a-z_.]+)\s*\}\}", r"{{ \1 }}", text)
    if language != "zh":
        return text
    for mark, wide in ((",", "，"), ("!", "！"), ("?", "？"), (":", "："), (";", "；")):
        text = re.sub(rf"(?<=[\u4e00-\u9fff}}]){re.escape(mark)}\s*", wide, text)
    return re.sub(r"(?<=[\u4e00-\u9fff}])\.(?=\s|$)\s*", "。", text)


def _from_template(blank: Variant, brief: Brief, facts: Facts, packs: Sequence[str]) -> Variant:
    slots = template_slots(brief, blank.channel, blank.language)
    found = check(slots, facts, language=blank.language, channel=blank.channel, packs=packs)
    if any(item.blocks for item in found):
        raise ConfigError(_("The plain template for {key} fails the checks: {reason}"), key=blank.key,
                          reason=next(item.text() for item in found if item.blocks))
    return replace(blank, slots=MappingProxyType(slots), source="template", findings=(*blank.findings, *found))


def _mend(slots: dict[str, str], found: Sequence[Finding], brief: Brief, blank: Variant) -> dict[str, str] | None:
    """A draft with its failing short parts taken from the template; None where the body fails."""
    faults = _blocking(found)
    if any(item.place not in PARTS[blank.channel] or item.place == "body" for item in faults):
        return None
    plain = template_slots(brief, blank.channel, blank.language)
    return slots | {item.place: plain[item.place] for item in faults}


def _ask_again(messages: Sequence[Message], draft: str, found: Sequence[Finding], parts: Sequence[str], language: str) -> list[Message]:
    """The conversation so far, then what was wrong and which parts to write again."""
    words = prompt(language)
    banned = dict.fromkeys(f'"{item.excerpt}"' for item in _blocking(found) if item.rule in _WORDING and item.excerpt)
    others = dict.fromkeys(f"{item.place}: {item.text(language)}" for item in _blocking(found) if item.rule not in _WORDING)
    lines = [*([words["avoid"].replace("{words}", ", ".join(list(banned)[:8]))] if banned else []), *list(others)[:4],
             words["again"].replace("{parts}", ", ".join(parts))]
    return [*messages, Message("assistant", draft), Message("user", "\n".join(lines))]


def _add_cost(variant: Variant, reply: Completion) -> Variant:
    return replace(variant, seconds=variant.seconds + reply.seconds, prompt_tokens=variant.prompt_tokens + reply.prompt_tokens,
                   completion_tokens=variant.completion_tokens + reply.completion_tokens)


def _digest(messages: Sequence[Message]) -> str:
    text = json.dumps([[message.role, message.content] for message in messages], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
