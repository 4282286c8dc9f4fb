"""From a brief to an article: keywords, outline, sections, metadata, links, structured data, label."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from brandloom.content.articles.facts import facts_of, name_of
from brandloom.content.articles.keywords import Keyword, Question, Texts, find_keywords, find_questions, split_by_topic
from brandloom.content.articles.links import Link, absolute, place_links
from brandloom.content.articles.marked import sealed_text
from brandloom.content.articles.metadata import page_description, page_title, slug
from brandloom.content.articles.order import Order, PageOfShop
from brandloom.content.articles.outline import Outline, make_outline, phrases, sound
from brandloom.content.articles.page import open_graph, to_html, to_markdown
from brandloom.content.articles.schema import structured_data
from brandloom.content.articles.seo import Notice, check_page
from brandloom.content.articles.widths import DESCRIPTION_SIZE, TITLE_SIZE, pixels
from brandloom.content.articles.write import Passage, Progress, write_passages
from brandloom.content.facts import plain_text
from brandloom.content.studio.gate import Gate
from brandloom.content.studio.marks import ACTION, NOBODY, AiMark, Maker, brief_digest
from brandloom.govern import Audit, ai_label, visible_label
from brandloom.i18n import _, translate
from brandloom.llm import TextModel

MOST_RELATED = 5
MOST_COLUMNS = 6
VOLUMES_UNKNOWN = _("Search volumes are unknown: nobody gave any. The order rests on the shop's own texts.")


@dataclass(frozen=True)
class ArticlePlan:
    """What an article is going to say, before anything is written."""

    order: Order
    outline: Outline
    keywords: tuple[Keyword, ...]
    questions: tuple[Question, ...]
    """What customers ask."""


@dataclass(frozen=True)
class Article:
    """A finished article; all of its text has passed the gate."""

    order: Order
    keywords: tuple[Keyword, ...]
    questions: tuple[Question, ...]
    outline: Outline
    passages: tuple[Passage, ...]
    links: tuple[tuple[Link, ...], ...]
    """Per passage."""
    related: tuple[PageOfShop, ...]
    """Pages of the shop that no text links to, listed at the end."""
    table: tuple[tuple[str, ...], ...]
    """Products side by side, the heading first; empty without."""
    title: str
    description: str
    slug: str
    url: str
    published: date
    schema: dict[str, Any]
    mark: AiMark | None
    """That a model wrote, for people and programs; None where none wrote any of it."""
    sentence: str
    """Visible mark at the foot."""
    model: str | None

    @property
    def byline(self) -> tuple[str, ...]:
        """Author, place and day, and the visible AI mark where a model wrote."""
        order, words = self.order, phrases(self.order.lang)
        said = [words["by"].format(author=plain_text(order.author)) if order.author else plain_text(order.shop.name), plain_text(order.place),
                self.published.isoformat(), self.mark.visible if self.mark is not None else ""]
        return tuple(text for text in said if text)

    @cached_property
    def html(self) -> str:
        return to_html(self)

    @cached_property
    def markdown(self) -> str:
        return to_markdown(self)

    @cached_property
    def notices(self) -> list[Notice]:
        """What the SEO check says of the page."""
        return check_page(self.html, kind="html", language=self.order.lang, keyword=self.outline.keyword)

    def to_dict(self) -> dict[str, Any]:
        """Everything for programs."""
        language = self.order.lang
        used = [{"passage": item.section.id, "text": item.text[link.start:link.end], "url": link.url}
                for item, links in zip(self.passages, self.links, strict=True) for link in links]
        return {"lang": language, "format": self.order.format, "title": self.title, "title_px": round(pixels(self.title, TITLE_SIZE)),
                "description": self.description, "description_px": round(pixels(self.description, DESCRIPTION_SIZE)), "slug": self.slug,
                "url": self.url, "headline": self.outline.headline, "outline": self.outline.to_dict(language),
                "passages": [item.to_dict(language) for item in self.passages], "table": [list(row) for row in self.table], "links": used,
                "related": [{"url": page.url, "title": plain_text(page.title)} for page in self.related],
                "keywords": [item.to_dict() for item in self.keywords],
                "volumes": "given" if self.order.volumes else translate(VOLUMES_UNKNOWN, language),
                "questions": [{"question": item.text, "asked": item.asked} for item in self.questions], "schema": self.schema,
                "open_graph": open_graph(self), "label": None if self.mark is None else self.mark.to_dict(),
                "seo": [item.to_dict() for item in self.notices], "model": self.model, "calls": sum(item.calls for item in self.passages),
                "prompt_tokens": sum(item.prompt_tokens for item in self.passages),
                "completion_tokens": sum(item.completion_tokens for item in self.passages)}


def plan_article(order: Order, *, folder: Path = Path(), more: Sequence[Texts] = ()) -> ArticlePlan:
    """Keywords, questions and outline without writing anything.

    Args:
        folder: where the brief's files of texts are.
        more: texts beside the brief's, such as those of `shop_texts`.
    """
    topic, corpus = order.topic or order.keyword, [*order.corpus(folder), *more]
    corpus = split_by_topic(corpus, topic, order.lang) if topic else corpus
    keywords = find_keywords(corpus, order.lang, volumes=order.volumes)
    questions = find_questions([item for item in corpus if item.kind != "rest"], order.lang)
    return ArticlePlan(order, make_outline(order, keywords, questions), tuple(keywords), tuple(questions))


def write_article(model: TextModel | None, plan: ArticlePlan, *, today: date, keep: Path | None = None, maker: Maker = NOBODY,
                  progress: Progress | None = None) -> Article:
    """Write an article; everything on the page has passed the studio's gate.

    Args:
        model: any text model; None puts the facts in order without one.
        today: the day it is dated, unless the brief gives one.
        keep: file for finished sections; an interrupted run goes on from it.
        maker: who answers for it; its key seals the AI mark.
        progress: called with (done, all) after each section.
    Raises:
        ProviderError, ConfigError: the model failed; with `keep` the finished sections are on disk.
        DataError, ConfigError: nothing may be said, or the shop's own words may not be printed.
    """
    order, outline, published = plan.order, plan.outline, plan.order.published or today
    passages = write_passages(model, order, outline, keep=keep, progress=progress)
    place = slug(outline.keyword if len(outline.keyword) > 1 else outline.headline, order.lang)
    url = absolute(order.url or f"/{place}", order.site)
    links = place_links([item.text if item.section.kind != "quote" else "" for item in passages],
                        [(page.url, page.keywords or (page.title,)) for page in order.pages], order.lang, own=order.url or url)
    title, description = page_title(order, outline), page_description(order, passages)
    mark, sentence = _marked(order, passages, maker) if any(item.by_model for item in passages) else (None, "")
    schema = structured_data(order, outline, passages, title=title, description=description, url=url, published=published)
    return Article(order, plan.keywords, plan.questions, outline, tuple(passages), tuple(map(tuple, links)), _related(order, links, url),
                   _table(order) if order.format == "guide" else (), title, description, place, url, published, schema, mark,
                   sentence, model.name if model else None)


def keep_record(article: Article, audit: Audit, *, actor: str, now: datetime) -> int:
    """Add an entry to the audit chain where a model wrote, without the text; its subject is the ProduceID of the mark."""
    if article.mark is None:
        return 0
    label = article.mark.label
    audit.append(ACTION, label.produce_id, actor, {"digest": _digest(_content(article.passages)), "model": article.model or "",
                                                   "brief": brief_digest(article.order), "format": article.order.format,
                                                   "language": article.order.lang, "source": "article"}, now)
    return 1


def _marked(order: Order, passages: Sequence[Passage], maker: Maker) -> tuple[AiMark, str]:
    """The mark, and the sentence at the foot of the page."""
    content, where = _content(passages), maker.where(order)
    producer = plain_text(order.shop.name) or maker.name
    shown = visible_label(order.lang, producer=producer, jurisdictions=where)
    label = ai_label(content, producer=producer, produce_id=f"{brief_digest(order)[:16]}-{_digest(content)[:16]}", key=maker.key)
    return AiMark(shown.mark, label), shown.sentence


def _content(passages: Sequence[Passage]) -> str:
    """What the seal is over: the paragraphs, as they can be read from the page again."""
    return sealed_text(item.text for item in passages)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _related(order: Order, links: Sequence[Sequence[Link]], url: str) -> tuple[PageOfShop, ...]:
    used, gate, kept = {link.url for row in links for link in row} | {url, order.url}, Gate(order), list[PageOfShop]()
    for page in order.pages:
        title = plain_text(page.title)
        if page.url not in used and title and not any(plain_text(other.title) == title for other in kept) and sound(gate, title) is None:
            used.add(page.url)
            kept.append(page)
    return tuple(kept[:MOST_RELATED])


def _table(order: Order) -> tuple[tuple[str, ...], ...]:
    """Products side by side: the fields that at least two of them have, as far as they may be printed."""
    gate, items = Gate(order), facts_of(order)
    names = [name_of(product) for product in order.products]
    shown = [number for number, name in enumerate(names) if name and sound(gate, name) is None]
    keys = dict.fromkeys(item.key for item in items if item.product is not None and sound(gate, item.key) is None)
    values = {(item.product, item.key): item.value for item in items if item.product is not None
              and sound(Gate(order.model_copy(update={"products": (order.products[item.product],), "must_say": ()})), item.text(order.lang)) is None}
    shared = [key for key in keys if sum((number, key) in values for number in shown) > 1][:MOST_COLUMNS]
    if len(shown) < 2 or not shared:
        return ()
    head = (phrases(order.lang)["product"], *(key[:1].upper() + key[1:] for key in shared))
    return (head, *((names[number], *(values.get((number, key), "–") for key in shared)) for number in shown))
