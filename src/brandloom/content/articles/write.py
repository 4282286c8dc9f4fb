"""Writing: every section goes through the studio's gate, is mended or told by plain facts; finished ones are kept on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import yaml

from brandloom.content.articles.facts import FactItem, name_of
from brandloom.content.articles.order import Order
from brandloom.content.articles.outline import Outline, Section, capital, phrases, sound
from brandloom.content.articles.state import Kept
from brandloom.content.articles.terms import contains
from brandloom.content.checks import Finding
from brandloom.content.facts import plain_text
from brandloom.content.studio.attempt import Attempt
from brandloom.content.studio.gate import Copy, Gate
from brandloom.content.studio.plain import PlainCopy
from brandloom.errors import DataError
from brandloom.i18n import _
from brandloom.llm import Completion, Message, TextModel

TRIES = 2
"""Times a model may try one section."""
Source = Literal["model", "repaired", "plain", "given"]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Passage:
    """A section as it will stand on the page."""

    section: Section
    text: str
    source: Source
    """'model' at the first try, 'repaired' later or with sentences at fault taken out, 'plain' the bare facts, 'given' the shop's own words."""
    cautions: tuple[Finding, ...] = ()
    rejected: tuple[Finding, ...] = ()
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def by_model(self) -> bool:
        """Whether a model wrote it."""
        return self.source in ("model", "repaired")

    def to_dict(self, language: str) -> dict[str, Any]:
        checks = [{"rule": item.rule, "severity": item.severity, "excerpt": item.excerpt, "source": item.article, "reason": item.text(language),
                   "draft": "used" if item in self.cautions else "rejected"} for item in (*self.cautions, *self.rejected)]
        return {"id": self.section.id, "kind": self.section.kind, "heading": self.section.heading, "keyword": self.section.keyword, "text": self.text,
                "source": self.source, "facts": [item.text(language) for item in self.section.items], "checks": checks, "calls": self.calls,
                "prompt_tokens": self.prompt_tokens, "completion_tokens": self.completion_tokens}


def write_passages(model: TextModel | None, order: Order, outline: Outline, *, keep: Path | None = None,
                   progress: Progress | None = None) -> list[Passage]:
    """Write every section; all that is returned has passed the gate.

    Args:
        model: any text model; None tells the facts without one.
        keep: file in which finished sections are kept while writing. If it holds sections of the same order and outline, these are
            checked again and not written again. It is left in place; the caller removes it once the article is saved.
        progress: called with (done, all) after each section.
    Raises:
        ProviderError, ConfigError: the model failed; finished sections are in `keep`.
        DataError: a text that the shop gave word for word may not be printed.
    """
    kept = Kept(keep, _digest(order, outline, model))
    done: list[Passage] = []
    for number, section in enumerate(outline.sections, start=1):
        writer = _Writer(None if section.words else model, order, outline, section, [{"text": item.text} for item in done])
        passage = writer.again(kept.get(section.id)) or writer.write()
        if passage is not None:
            done.append(passage)
            if passage.by_model:
                kept.put(section.id, passage.text)
        if progress is not None:
            progress(number, len(outline.sections))
    return _with_must_say(order, done)


def plain_passage(order: Order, section: Section, outline: Outline, gate: Gate) -> str:
    """The facts of a section in sentences; '' where none of them may be said."""
    words, stop, space = phrases(order.lang), *(("。", "") if order.lang == "zh" else (".", " "))
    sentences = []
    if section.kind == "intro":
        names = ("、" if order.lang == "zh" else ", ").join(dict.fromkeys(name for product in order.products[:6] if (name := name_of(product))))
        lead = _lead(order, outline)
        sentences = [lead, *([words["also"].format(names=names)] if names and not contains(lead, names, order.lang) else [])]
    else:
        for number in dict.fromkeys(item.product for item in section.items):
            own = [item for item in section.items if item.product == number and sound(gate, _told(item, order)) is None]
            sentences += _sentence(own, order) if number is not None else [item.value.rstrip("。.") + stop for item in own]
    return space.join(text for text in sentences if sound(gate, text) is None)


def _lead(order: Order, outline: Outline) -> str:
    """The sentence that holds the main keyword."""
    text: str = phrases(order.lang)["intro"][order.format]
    return text.format(keyword=capital(outline.keyword), shop=plain_text(order.shop.name) or capital(outline.keyword))


def _told(item: FactItem, order: Order) -> str:
    return item.value if item.product is None else "".join(_sentence([item], order))


def _sentence(items: Sequence[FactItem], order: Order) -> list[str]:
    """'Aurora Kettle: material steel; capacity 1.2 l.', without the name where there is one product only."""
    if not items or items[0].product is None:
        return []
    name = name_of(order.products[items[0].product]) if len(order.products) > 1 else ""
    if order.lang == "zh":
        return [(f"{name}，" if name else "") + "；".join(f"{item.key}：{item.value}".rstrip("。；") for item in items) + "。"]
    told = "; ".join(f"{item.key.lower()} {item.value}" if name else f"{item.key.lower()}: {item.value}" for item in items).rstrip(".;")
    return [f"{name}: {told}." if name else f"{told[:1].upper()}{told[1:]}."]


@dataclass
class _Writer:
    """One section on its way."""

    model: TextModel | None
    order: Order
    outline: Outline
    section: Section
    earlier: list[Copy]

    def __post_init__(self) -> None:
        products = sorted({item.product for item in self.section.items if item.product is not None})
        if self.section.kind == "intro":
            products = list(range(len(self.order.products)))
        # A section may rest on its own products and on every fact; the figure of another product is none of its own.
        own = self.order.model_copy(update={"products": tuple(self.order.products[number] for number in products), "must_say": ()})
        self.gate = Gate(own)
        self.cost = Passage(self.section, "", "plain")

    def again(self, text: str | None) -> Passage | None:
        """A kept text, if it still passes."""
        found = self.gate.check({"text": text}, earlier=self.earlier) if text and self.model is not None else []
        passes = text and self.model is not None and not any(item.blocks for item in found)
        return replace(self.cost, text=str(text), source="repaired", cautions=tuple(found)) if passes else None

    def write(self) -> Passage | None:
        """The section by the model, mended, or by plain facts; None where nothing may be said."""
        if self.section.words:
            return self._given()
        if self.model is not None:
            attempt = Attempt(self.gate, self._ask, lambda: PlainCopy(self.gate), self.earlier, tries=TRIES)
            passed = attempt.write()
            self.cost = replace(self.cost, rejected=tuple(attempt.rejected), calls=attempt.calls, prompt_tokens=attempt.prompt_tokens,
                                completion_tokens=attempt.completion_tokens)
            if passed is not None:
                return replace(self.cost, text=self._with_keyword(str(passed.copy["text"]).strip()), source=passed.source, cautions=passed.cautions)
        text = plain_passage(self.order, self.section, self.outline, self.gate)
        found = self.gate.check({"text": text}) if text else []
        whole = text and {"text": text} not in self.earlier and not any(item.blocks and item.rule != "length" for item in found)
        return replace(self.cost, text=text, source="plain", cautions=tuple(item for item in found if not item.blocks)) if whole else None

    def _given(self) -> Passage:
        reason = sound(self.gate, self.section.words)
        if reason is not None:
            raise DataError(_("'{text}' cannot be printed as it stands: {reason} Change it in the brief."), text=self.section.words[:60],
                            reason=reason)
        return replace(self.cost, text=self.section.words, source="given")

    def _with_keyword(self, text: str) -> str:
        """An opening without the main keyword gets the plain sentence that holds it in front."""
        if self.section.kind != "intro" or contains(text, self.outline.keyword, self.order.lang):
            return text
        lead = _lead(self.order, self.outline)
        led = f"{lead}{'' if self.order.lang == 'zh' else ' '}{text}"
        return led if sound(self.gate, led) is None else text

    def _ask(self, number: int, forbidden: Sequence[str]) -> Completion:
        assert self.model is not None
        part = self.gate.form.part("text")
        return self.model.complete(conversation(self.order, self.outline, self.section, forbidden), schema=SCHEMA, seed=number,
                                   max_tokens=60 + (part.high if self.order.lang == "zh" else part.high // 3), temperature=0.7 if number else 0.0)


SCHEMA = {"type": "object", "properties": {"text": {"type": "string", "pattern": "^[^{}<>]+$"}}, "required": ["text"], "additionalProperties": False}


def conversation(order: Order, outline: Outline, section: Section, forbidden: Sequence[str]) -> list[Message]:
    """System text, worked example and the request for one section."""
    words, length = _prompts()[order.lang], _length(order.lang, len(section.items))
    example = words["example"]
    shown = _request(words, example["headline"], example["heading"], example["facts"], "", length)
    heading = words["intro"] if section.kind == "intro" else section.heading
    extras = {"keyword": outline.keyword if section.kind == "intro" else section.keyword, "persona": order.persona, "tone": order.voice.tone,
              "question": section.heading if section.kind == "question" else "",
              "avoid": ("、" if order.lang == "zh" else ", ").join([*forbidden[-8:], *order.must_not_say, *order.voice.avoid][:16])}
    lines = "".join(words["extras"][name].replace("{value}", " ".join(value.split())) + "\n" for name, value in extras.items() if value)
    request = _request(words, outline.headline, heading, "\n".join(_fact_lines(order, section)), lines, length)
    return [Message("system", words["system"].strip()), Message("user", shown),
            Message("assistant", json.dumps({"text": example["answer"]}, ensure_ascii=False)), Message("user", request)]


def _fact_lines(order: Order, section: Section) -> list[str]:
    """One line per product of the section, and the loose facts."""
    semicolon = "；" if order.lang == "zh" else "; "
    lines = []
    for number in dict.fromkeys(item.product for item in section.items):
        own = [item.text(order.lang) for item in section.items if item.product == number]
        lines += own if number is None else [semicolon.join([text for text in [name_of(order.products[number])] if text] + own)]
    return lines


def _request(words: Mapping[str, Any], headline: str, heading: str, facts: str, extras: str, length: tuple[int, int]) -> str:
    text: str = words["request"].strip()
    for name, value in (("headline", headline), ("heading", heading), ("extras", extras), ("low", str(length[0])), ("high", str(length[1])),
                        ("facts", facts)):
        text = text.replace("{" + name + "}", value)
    return text


def _length(language: str, facts: int) -> tuple[int, int]:
    """More facts, more room."""
    low, high = (60, 160) if language == "en" else (20, 60)
    return low, min(high + (80 if language == "en" else 30) * facts, 600 if language == "en" else 240)


def _with_must_say(order: Order, passages: Sequence[Passage]) -> list[Passage]:
    """What must be said and nobody said yet, at the end of the last section that is not the shop's own words."""
    whole = " ".join(item.text for item in passages)
    missing = [text for text in order.must_say if text not in whole]
    at = next((number for number in reversed(range(len(passages))) if passages[number].source != "given"), None)
    if not missing or at is None:
        return list(passages)
    stop, space = ("。", "") if order.lang == "zh" else (".", " ")
    ending = space.join(text if text[-1:] in ".!?。！？" else text + stop for text in missing)
    reason = sound(Gate(order), ending)
    if reason is not None:
        raise DataError(_("'{text}' cannot be printed as it stands: {reason} Change it in the brief."), text=ending[:60], reason=reason)
    return [replace(item, text=item.text + space + ending) if number == at else item for number, item in enumerate(passages)]


def _digest(order: Order, outline: Outline, model: TextModel | None) -> str:
    said = [order.model_dump(mode="json"), outline.to_dict(order.lang), model.name if model else None]
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@cache
def _prompts() -> dict[str, dict[str, Any]]:
    content: dict[str, dict[str, Any]] = yaml.safe_load(files("brandloom.content.articles").joinpath("prompts.yaml").read_text("utf-8"))
    return content
