"""Variants of copy: one request to the model per persona, product group, channel and language, checked, mended or replaced.

The model sees catalogue facts, the persona's label and the brief, and writes slots, never values. A text that fails the
checks goes back once with the reasons; one that fails again is replaced by the shop's plain template.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
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
from brandloom.llm import Completion, Message, TextModel
from brandloom.workspace import ShopConfig

MAX_TOKENS = 220
"""A whole answer takes about 100; one cut here fails the schema."""

_WORDING = ("claim", "figure", "copied", "ad-law", "link", "email", "phone", "boilerplate", "opt-out")
"""Rules whose objection is mended by not writing the excerpt."""

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
        ProviderError: the model failed in a way that trying again will not mend.
        ConfigError: the model cannot be used as it is set up.
    """
    order = sorted(range(len(requests)), key=lambda at: (requests[at].language, requests[at].key))
    written: dict[int, Variant] = {}
    for done, at in enumerate(order, start=1):
        written[at] = _write(model, brief, requests[at], shop, packs)
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


def schema(channel: str) -> dict[str, Any]:
    """The JSON schema of one reply."""
    parts = PARTS[channel]
    return {"type": "object", "properties": {name: {"type": "string"} for name in parts}, "required": list(parts),
            "additionalProperties": False}


def _write(model: TextModel | None, brief: Brief, request: Request, shop: ShopConfig, packs: Sequence[str]) -> Variant:
    facts = build_facts(brief, request, shop)
    blank = Variant(request.key, request.persona.key, request.group.key, request.channel, request.language, {}, "template")
    if model is None:
        return _from_template(blank, brief, facts, packs)
    messages = build_messages(brief, request, facts)
    blank = replace(blank, model=model.name, prompt_digest=_digest(messages))
    for source in ("model", "repaired"):
        try:
            reply = model.complete(messages, schema=schema(request.channel), max_tokens=MAX_TOKENS, temperature=0.0, seed=0)
        except ProviderError as error:
            if not error.retryable:
                raise
            late = finding("provider", "ban", "text", "", _("The model did not answer in time."))
            return _from_template(replace(blank, findings=(*blank.findings, late)), brief, facts, packs)
        blank = _add_cost(blank, reply)
        slots = read_reply(reply.text, request.language)
        found = check(slots, facts, language=request.language, channel=request.channel, packs=packs)
        blank = replace(blank, findings=(*blank.findings, *found))
        if isinstance(slots, dict) and not any(item.blocks for item in found):
            return replace(blank, slots=MappingProxyType(slots), source=source)
        mended = _mend(slots, found, brief, blank, last=source == "repaired")
        if mended and not any(item.blocks for item in check(mended, facts, language=request.language, channel=request.channel,
                                                            packs=packs)):
            return replace(blank, slots=MappingProxyType(mended), source="repaired")
        messages = _ask_again(messages, found, request.language)
    return _from_template(blank, brief, facts, packs)


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


def _mend(slots: object, found: Sequence[Finding], brief: Brief, blank: Variant, *, last: bool) -> dict[str, str] | None:
    """A draft with its failing short parts taken from the template; None where the body fails.

    Parts that only repeat each other are mended at once; for any other fault the model gets its second try first.
    """
    faults = [item for item in found if item.blocks]
    if not isinstance(slots, dict) or any(item.place in ("body", "text") for item in faults):
        return None
    if not last and any(item.rule != "repeat" for item in faults):
        return None
    plain = template_slots(brief, blank.channel, blank.language)
    return slots | {item.place: plain[item.place] for item in faults}


def _ask_again(messages: Sequence[Message], found: Sequence[Finding], language: str) -> list[Message]:
    """The same request with what to leave out.

    The rejected draft is not shown again: a small model repeats what it sees, and the shared prefix stays in the cache.
    """
    words = prompt(language)
    banned = dict.fromkeys(f'"{item.excerpt}"' for item in found if item.blocks and item.rule in _WORDING and item.excerpt)
    others = dict.fromkeys(f"{item.place}: {item.text(language)}" for item in found if item.blocks and item.rule not in _WORDING)
    lines = [words["avoid"].replace("{words}", ", ".join(list(banned)[:8]))] if banned else []
    last = "\n".join([messages[-1].content, *lines, *list(others)[:4]])
    return [*messages[:-1], Message("user", last)]


def _add_cost(variant: Variant, reply: Completion) -> Variant:
    return replace(variant, seconds=variant.seconds + reply.seconds, prompt_tokens=variant.prompt_tokens + reply.prompt_tokens,
                   completion_tokens=variant.completion_tokens + reply.completion_tokens)


def _digest(messages: Sequence[Message]) -> str:
    text = json.dumps([[message.role, message.content] for message in messages], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
