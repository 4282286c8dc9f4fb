"""The outline: sections tied to keywords and to facts. A section without facts is not planned; a keyword without facts is reported."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from itertools import zip_longest
from typing import Any, Literal

import yaml

from brandloom.content.articles.facts import FactItem, facts_of, name_of, tokens, value_text
from brandloom.content.articles.keywords import Intent, Keyword, Question, intent_of
from brandloom.content.articles.order import Order, QuestionAsked
from brandloom.content.articles.terms import contains
from brandloom.content.articles.topics import OTHER, answers, topics
from brandloom.content.facts import plain_text
from brandloom.content.studio.gate import Gate
from brandloom.errors import ConfigError
from brandloom.i18n import _

SectionKind = Literal["intro", "facts", "product", "question", "quote", "company"]
FULL = 3
"""Facts from which a section stands alone; smaller topics share one."""
MOST_FACTS = 12
MOST_QUESTIONS = 3
"""Questions at the end of an article that is no FAQ page."""
_INTENT: dict[str, Intent] = {"guide": "commercial"}


@dataclass(frozen=True)
class Section:
    """One part of the article; `words` is text the shop gave word for word, which nobody rewrites."""

    id: str
    kind: SectionKind
    heading: str
    items: tuple[FactItem, ...]
    keyword: str = ""
    words: str = ""

    def to_dict(self, language: str) -> dict[str, Any]:
        return {"id": self.id, "kind": self.kind, "heading": self.heading, "keyword": self.keyword,
                "facts": [item.text(language) for item in self.items]}


@dataclass(frozen=True)
class Outline:
    """What will be written."""

    keyword: str
    """The main keyword: in title, heading and first paragraph."""
    intent: Intent
    headline: str
    sections: tuple[Section, ...]
    unserved: tuple[str, ...]
    """What customers speak of and no fact answers: worth a fact."""
    unanswered: tuple[str, ...]
    """Questions that were asked and that no fact answers."""
    unusable: tuple[tuple[str, str], ...]
    """Keywords that may not be said, and why."""

    def to_dict(self, language: str) -> dict[str, Any]:
        return {"keyword": self.keyword, "intent": self.intent, "headline": self.headline,
                "sections": [section.to_dict(language) for section in self.sections], "unserved": list(self.unserved),
                "unanswered": list(self.unanswered),
                "unusable": [{"keyword": text, "reason": reason} for text, reason in self.unusable]}


def phrases(language: str) -> dict[str, Any]:
    """Fixed phrases of a page, by language."""
    return _phrases()[language]


def make_outline(order: Order, keywords: Sequence[Keyword], asked: Sequence[Question]) -> Outline:
    """Plan an article.

    Args:
        keywords: best first, from `find_keywords`.
        asked: questions of customers, from `find_questions`.
    Raises:
        ConfigError: the keyword of the brief may not be said, or no fact is left to write about.
    """
    gate, items = Gate(order), facts_of(order)
    if not items and not any(item.answer for item in order.questions):
        raise ConfigError(_("There is no fact to write about: the products have names only. Add fields or facts."))
    usable, unusable = _usable(keywords, gate)
    main = _main(order, usable, items, gate)
    sections = _sections(order, gate, items, asked)
    taken: set[str] = {main}
    tied = []
    for section in sections:
        keyword = next((text for text in usable if text not in taken and _serves(section, text, order)), "")
        taken.add(keyword)
        tied.append(replace(section, keyword=keyword, heading=_with_keyword(section, keyword, main, gate, order)))
    intro = Section("intro", "intro", "", tuple(items[:4]), main)
    kept = tuple(replace(section, id=f"s{number}") for number, section in enumerate([*tied, *_endings(order, gate)], start=1))
    unserved = [item.text for item in keywords if not _inside(item.text, main, order) and not any(
        _serves(section, item.text, order) for section in [intro, *sections])]
    intent = intent_of(main) or _INTENT.get(order.format, "informational")
    open_ones = [text for text in dict.fromkeys(as_question(item.question, order.lang) for item in _questions(order, asked))
                 if text not in {section.heading for section in _answered(order, items, _questions(order, asked), gate)}]
    return Outline(main, intent, headline(order, gate, main, [intro, *kept]), (intro, *kept), tuple(unserved[:15]), tuple(open_ones), tuple(unusable))


def sound(gate: Gate, text: str) -> str | None:
    """Why a short text may not stand on the page; None where nobody objects. Length is judged elsewhere."""
    found = next((item for item in gate.check_part("text", text) if item.blocks and item.rule != "length"), None)
    return None if found is None else found.text(gate.asked.lang)


def sound_question(gate: Gate, text: str) -> bool:
    """Whether a customer's question may be printed: that somebody says 'I' in it praises nothing."""
    found = [item for item in gate.check_part("text", text) if item.blocks and item.rule != "length"]
    return all(item.rule == "testimonial" and item.excerpt.casefold() in ("i", "my", "me", "we", "our") for item in found)


def as_question(text: str, language: str) -> str:
    """With a capital and a question mark."""
    plain = capital(re.sub(r"\bi\b", "I", plain_text(text))).rstrip("?？ ")
    return plain + ("？" if language == "zh" else "?")


def headline(order: Order, gate: Gate, main: str, sections: Sequence[Section]) -> str:
    """The shop's own, or the first of its kind that may be said.

    Raises:
        ConfigError: the shop's own may not be said.
    """
    if order.headline:
        reason = sound(gate, order.headline)
        if reason is not None:
            raise ConfigError(_("The headline '{headline}' may not be said: {reason} Change it, or add the fact."), headline=order.headline,
                              reason=reason)
        return plain_text(order.headline)
    held = {name for part in sections for item in part.items for name in item.topics}
    told = [topic.headings[order.lang] for name, topic in topics().items() if name in held and name != OTHER][:2]
    listed = "、".join(told) if order.lang == "zh" else ", ".join(map(_lower, told))
    values = {"keyword": capital(main), "topics": listed, "shop": plain_text(order.shop.name)}
    for template in phrases(order.lang)[order.format]:
        if all(values[name] for name in re.findall(r"{(\w+)}", template)):
            text = template.format(**values)
            if sound(gate, text) is None:
                return str(text)
    return capital(main)


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _usable(keywords: Sequence[Keyword], gate: Gate) -> tuple[list[str], list[tuple[str, str]]]:
    good, bad = list[str](), list[tuple[str, str]]()
    for item in keywords:
        reason = sound(gate, item.text)
        if reason is None:
            good.append(item.text)
        else:
            bad.append((item.text, reason))
    return good, bad


def _main(order: Order, usable: Sequence[str], items: Sequence[FactItem], gate: Gate) -> str:
    """The brief's keyword; else the best one that names what the facts are about; else the topic or the first product."""
    if order.keyword:
        reason = sound(gate, order.keyword)
        if reason is not None:
            raise ConfigError(_("The keyword '{keyword}' may not be said: {reason} Choose another one, or add the fact."), keyword=order.keyword,
                              reason=reason)
        return plain_text(order.keyword)
    topic = plain_text(order.topic)
    about = [topic] if topic else [*(name_of(product) for product in order.products), *(item.value for item in items if item.product is None)]
    names = [text for text in usable if any(contains(said, text, order.lang) for said in about)
             or (not topic and any(_describes(text, product, order) for product in order.products))]
    # 'glass kettle' rather than 'kettle', where customers say it and the product bears it out: it says what the page is about.
    names = [*(text for text in names if text != names[0] and contains(text, names[0], order.lang)), *names]
    first = name_of(order.products[0]) if order.products else next((item.value for item in items), "")
    candidates = [*([topic] if topic else []), *([] if topic else names), first, *names]
    chosen = next((text for text in candidates if text and len(text) <= 60 and sound(gate, text) is None), "")
    if not chosen:
        raise ConfigError(_("No keyword can be said of these facts. Give one as keyword or topic."))
    return chosen


def _describes(keyword: str, product: Mapping[str, Any], order: Order) -> bool:
    """Whether a keyword such as 'glass kettle' is made of the product's name and of what its fields say."""
    words, said = tokens(keyword), " ".join(value_text(value, order.lang) for value in product.values())
    return bool(words & tokens(name_of(product))) and words <= tokens(said)


def _sections(order: Order, gate: Gate, items: Sequence[FactItem], asked: Sequence[Question]) -> list[Section]:
    answered = _answered(order, items, _questions(order, asked), gate)
    if order.format == "faq":
        return _first_distinct([*answered, *_made_questions(order, gate, items)], order.most_sections)
    apart = len(order.products) > 1 and order.format != "guide"
    made = (_by_product if apart else _by_topic)(order, gate, items)
    ended = _first_distinct(answered, min(MOST_QUESTIONS, order.most_sections - 1)) if order.format != "news" else []
    room = order.most_sections - len(ended)
    if len(made) > room:
        # What finds no section of its own is told together; no fact is dropped without a word.
        rest = tuple(item for section in made[room - 1:] for item in section.items)
        made = [*made[:room - 1], Section("", "facts", _fit_heading(topics()[OTHER].headings[order.lang], order, gate), rest)]
    return [*made, *ended]


def _by_topic(order: Order, gate: Gate, items: Sequence[FactItem]) -> list[Section]:
    groups: list[tuple[list[str], list[FactItem]]] = []
    for name in topics():
        own = [item for item in items if name in item.topics and not any(item in held for _names, held in groups)]
        if own and groups and len(groups[-1][1]) < FULL and len(groups[-1][0]) < 2:
            groups[-1][0].append(name)
            groups[-1][1].extend(own)
        elif own:
            groups.append(([name], own))
    made = []
    for names, own in groups:
        told = [topics()[name].headings[order.lang] for name in names]
        heading = "、".join(told) if order.lang == "zh" else ", ".join([told[0], *(_lower(text) for text in told[1:])])
        made.append(Section("", "facts", _fit_heading(heading, order, gate), tuple(own[:MOST_FACTS])))
    return made


def _by_product(order: Order, gate: Gate, items: Sequence[FactItem]) -> list[Section]:
    made = []
    for number, product in enumerate(order.products):
        own = tuple(item for item in items if item.product == number)[:MOST_FACTS]
        if own:
            made.append(Section("", "product", _fit_heading(name_of(product), order, gate), own))
    loose = [item for item in items if item.product is None]
    return [*made, *(_by_topic(order, gate, loose) if loose else [])]


def _questions(order: Order, asked: Sequence[Question]) -> list[QuestionAsked]:
    """The shop's own first, then those of its customers."""
    return [*order.questions, *(QuestionAsked(question=item.text) for item in asked if 2 <= len(item.text) <= 200)]


def _answered(order: Order, items: Sequence[FactItem], questions: Sequence[QuestionAsked], gate: Gate) -> list[Section]:
    """Questions that the facts or the shop itself answer and that may be printed."""
    made = []
    for item in questions:
        question = as_question(item.question, order.lang)
        if not sound_question(gate, question):
            continue
        if item.answer:
            made.append(Section("", "question", question, (), words=plain_text(item.answer)))
            continue
        named = _named(order, question)
        own = tuple(one for one in items if (answers(question, one.key, one.value) or (one.key and contains(question, one.key, order.lang)))
                    and (not named or one.product in named or one.product is None))
        if own:
            made.append(Section("", "question", question, own[:6]))
    return made


def _named(order: Order, question: str) -> set[int]:
    """The products whose name or fields hold a word of the question that no other product's hold; empty where all are meant."""
    asked = tokens(question)
    rows = [tokens(" ".join(value_text(value, order.lang) for value in product.values())) for product in order.products]
    return {number for number, row in enumerate(rows) for word in asked & row if len(rows) > 1 and sum(word in other for other in rows) == 1}


def _made_questions(order: Order, gate: Gate, items: Sequence[FactItem]) -> list[Section]:
    """One question per topic and product, the products in turn."""
    rows = []
    for number, product in enumerate(order.products):
        row = []
        for name, topic in topics().items():
            own = tuple(item for item in items if item.product == number and name in item.topics)
            question = topic.questions[order.lang].format(name=name_of(product))
            if own and sound_question(gate, question):
                row.append(Section("", "question", question, own[:6]))
        rows.append(row)
    return [section for column in zip_longest(*rows) for section in column if section is not None]


def _first_distinct(sections: Sequence[Section], most: int) -> list[Section]:
    """No question twice, and no answer from the same facts twice."""
    kept: list[Section] = []
    for section in sections:
        same = any(other.heading.casefold() == section.heading.casefold() or (section.items and other.items == section.items) for other in kept)
        if not same and len(kept) < most:
            kept.append(section)
    return kept


def _endings(order: Order, gate: Gate) -> list[Section]:
    """A news release's quotes and the paragraph on the shop, word for word."""
    if order.format != "news":
        return []
    words, made = phrases(order.lang), []
    for quote in order.quotes:
        text = words["said"].format(speaker=plain_text(quote.speaker), text=plain_text(quote.text).strip("“”\""))
        made.append(Section("", "quote", "", (), words=text))
    about = plain_text(order.shop.about)
    if about:
        made.append(Section("", "company", _fit_heading(words["company"].format(shop=plain_text(order.shop.name)), order, gate), (), words=about))
    return made


def _serves(section: Section, keyword: str, order: Order) -> bool:
    """Whether the section has facts that speak to a keyword: its topic, or the word itself."""
    if any(answers(keyword, item.key, item.value) for item in section.items):
        return True
    names = [name_of(order.products[item.product]) for item in section.items if item.product is not None]
    names += order.names if section.kind == "intro" else ()
    said = [section.heading, section.words, *names, *(f"{item.key} {item.value}" for item in section.items)]
    together = tokens(" ".join(said)) >= tokens(keyword) and bool(tokens(keyword))
    return together or any(contains(text, keyword, order.lang) for text in said)


def _inside(keyword: str, main: str, order: Order) -> bool:
    return contains(main, keyword, order.lang) or contains(keyword, main, order.lang)


def _with_keyword(section: Section, keyword: str, main: str, gate: Gate, order: Order) -> str:
    """The heading, led by a keyword that is a closer form of the main one; a question stays as it was asked."""
    closer = contains(keyword, main, order.lang) and keyword != main
    if not keyword or section.kind != "facts" or not closer or contains(section.heading, keyword, order.lang):
        return section.heading
    led = f"{keyword}：{section.heading}" if order.lang == "zh" else f"{capital(keyword)}: {_lower(section.heading)}"
    return led if sound(gate, led) is None else section.heading


def _fit_heading(text: str, order: Order, gate: Gate) -> str:
    """A heading that may be said: itself, or 'More details'."""
    return text if text and sound(gate, text) is None else topics()[OTHER].headings[order.lang]


@cache
def _phrases() -> dict[str, dict[str, Any]]:
    content: dict[str, dict[str, Any]] = yaml.safe_load(files("brandloom.content.articles").joinpath("headlines.yaml").read_text("utf-8"))
    return content
