"""What is asked for: an article as one JSON object, read strictly, with the texts its keywords come from."""

from __future__ import annotations

import difflib
import tempfile
from datetime import date
from pathlib import Path
from typing import Literal

import duckdb
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from brandloom.content.articles.keywords import Kind, Texts
from brandloom.content.articles.links import own_url
from brandloom.content.facts import plain_text
from brandloom.content.strict import read_object
from brandloom.content.studio.asked import Asked, Record
from brandloom.content.studio.formats import Form, Part
from brandloom.errors import ConfigError, DataError
from brandloom.i18n import _
from brandloom.sources.formats import open_source, quoted

ArticleKind = Literal["blog", "seo", "guide", "faq", "news"]
ALIASES = {"article": "blog", "blog_article": "blog", "blog_post": "blog", "seo_article": "seo", "buying_guide": "guide", "faq_page": "faq",
           "news_release": "news", "press_release": "news"}
MOST_BYTES = 8_000_000
MOST_TEXTS = 50_000
"""Texts read of one file; of a longer one every so many-th."""
_USUAL = ("text", "query", "review", "title", "name", "product_name", "search", "搜索词", "评论", "标题")
SECTION = {"en": (60, 900), "zh": (18, 400)}
"""Fewest and most characters of a section."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class TextsFrom(_Strict):
    """Texts of one kind, written out or in a file."""

    kind: Kind
    texts: tuple[str, ...] = Field(default=(), max_length=MOST_TEXTS)
    file: Path | None = None
    column: str | None = None
    """Column of the file that holds the text."""
    count: str | None = None
    """Column that says how often: of a search log."""
    where: dict[str, str] = Field(default_factory=dict)
    """Only rows whose columns have these values."""


class QuestionAsked(_Strict):
    """A question for the page; an answer given is a fact."""

    question: str = Field(min_length=2, max_length=200)
    answer: str = Field(default="", max_length=1500)


class PageOfShop(_Strict):
    """A page of the shop that the article may link to."""

    url: str = Field(max_length=2000)
    title: str = Field(min_length=1, max_length=200)
    keywords: tuple[str, ...] = Field(default=(), max_length=20)
    """Words in the text that may become the link; the title when none are given."""


class ShopOfArticle(_Strict):
    """Who publishes."""

    name: str = Field(default="", max_length=200)
    url: str = Field(default="", max_length=500)
    logo: str = Field(default="", max_length=2000)
    about: str = Field(default="", max_length=1000)
    """The paragraph on the shop that ends a news release."""
    contact: str = Field(default="", max_length=300)


class Quote(_Strict):
    """Somebody's own words, with their leave."""

    text: str = Field(min_length=2, max_length=600)
    speaker: str = Field(min_length=1, max_length=200)


class Picture(_Strict):
    url: str = Field(max_length=2000)
    alt: str = Field(min_length=1, max_length=200)


class Order(Asked):
    """One article. Products, facts, voice and law are those of every brief of the studio."""

    format: ArticleKind = "blog"
    topic: str = Field(default="", max_length=200)
    keyword: str = Field(default="", max_length=80)
    """The main keyword, where the shop has chosen it."""
    headline: str = Field(default="", max_length=110)
    """In the shop's own words; made of keyword and topics when absent. A news release should have one."""
    texts: tuple[TextsFrom, ...] = Field(default=(), max_length=20)
    volumes: dict[str, int] = Field(default_factory=dict)
    """Searches a month by keyword; without them volumes are unknown."""
    questions: tuple[QuestionAsked, ...] = Field(default=(), max_length=50)
    quotes: tuple[Quote, ...] = Field(default=(), max_length=5)
    pages: tuple[PageOfShop, ...] = Field(default=(), max_length=500)
    shop: ShopOfArticle = ShopOfArticle()
    author: str = Field(default="", max_length=100)
    published: date | None = None
    place: str = Field(default="", max_length=100)
    """Where a news release is dated from."""
    url: str = Field(default="", max_length=2000)
    """Address the article will have; made of the shop's and the slug when absent."""
    image: Picture | None = None
    currency: str = Field(default="", pattern=r"^([A-Z]{3})?$")
    """Of prices that do not say."""
    most_sections: int = Field(default=10, ge=2, le=30)

    @field_validator("format", mode="before")
    @classmethod
    def _known_as(cls, value: object) -> object:
        name = str(value).strip().lower().replace("-", "_").replace(" ", "_")
        return ALIASES.get(name, name)

    @field_validator("questions", mode="before")
    @classmethod
    def _bare_questions(cls, value: object) -> object:
        return [{"question": item} if isinstance(item, str) else item for item in value] if isinstance(value, list) else value

    @property
    def form(self) -> Form:
        """A section of the article: one text. Its label stands at the foot of the page, not in the text."""
        low, high = SECTION[self.lang]
        return Form("article_section", "description", "none", (Part("text", low, high, "chars", False),))

    @property
    def records(self) -> list[Record]:
        """Everything a claim may rest on: the answers given, quotes and the shop's own paragraph too."""
        shop = {"shop": self.shop.name, "about": self.shop.about, "contact": self.shop.contact}
        said = [*(item.answer for item in self.questions if item.answer), *(f"{item.speaker}: {item.text}" for item in self.quotes)]
        return [*super().records, *({"fact": text} for text in said), *([shop] if any(shop.values()) else [])]

    @property
    def names(self) -> tuple[str, ...]:
        """What the products, brands and the shop are called."""
        return (*super().names, *([plain_text(self.shop.name)] if self.shop.name else []))

    @property
    def site(self) -> str:
        """Address of the shop that links must stay on."""
        return self.shop.url or self.url

    def corpus(self, folder: Path) -> list[Texts]:
        """The texts that keywords come from, files read relative to `folder`; the products' own names are among the titles.

        Raises:
            DataError: a file or a column that is not there.
        """
        read = [_texts(item, folder) for item in self.texts]
        return [*read, *([Texts("titles", self.names)] if self.names else [])]


def read_order(text: str, *, source: str) -> Order:
    """Read an article's brief.

    Raises:
        DataError: no JSON object, an unknown key, a wrong value.
        ConfigError: nothing to write about, or a link that leaves the shop.
    """
    found = read_object(text, source=source, most=MOST_BYTES)
    try:
        order = Order.model_validate(found)
    except ValidationError as error:
        raise _refusal(error, source) from error
    if not order.products and not order.facts and not any(item.answer for item in order.questions):
        raise ConfigError(_("{file}: nothing to write about. Give products, facts or both."), file=source)
    _refuse_foreign_links(order, source)
    return order


def _refusal(error: ValidationError, source: str) -> DataError:
    first = next((item for item in error.errors() if item["type"] == "extra_forbidden"), error.errors()[0])
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = sorted(Order.model_fields)
        close = difflib.get_close_matches(place, known, n=1) or known
        return DataError(_("{file}: unknown key '{key}'. Known: {known}."), file=source, key=place, known=", ".join(close))
    return DataError(_("{file}: '{key}' cannot be used: {reason}."), file=source, key=place, reason=first["msg"].removeprefix("Value error, "))


def _refuse_foreign_links(order: Order, source: str) -> None:
    given = [(f"pages.{number}.url", page.url) for number, page in enumerate(order.pages)] + [("url", order.url)]
    for place, url in given:
        if url and own_url(url, order.site) is None:
            raise ConfigError(_("{file}: {place} '{url}' is no page of the shop. Links stay on {site}; set shop.url if that is wrong."), file=source,
                              place=place, url=plain_text(url)[:80], site=plain_text(order.site)[:80] or "shop.url")
    for place, url in (("shop.url", order.shop.url), ("shop.logo", order.shop.logo), ("image.url", order.image.url if order.image else "")):
        if url and own_url(url, url) is None:
            raise ConfigError(_("{file}: {place} '{url}' is not an address a page can hold; it must start with https:// or http://."), file=source,
                              place=place, url=plain_text(url)[:80])


def _texts(item: TextsFrom, folder: Path) -> Texts:
    if item.file is None:
        return Texts(item.kind, tuple(text for text in item.texts if text.strip()))
    path = item.file if item.file.is_absolute() else folder / item.file
    with duckdb.connect() as connection, tempfile.TemporaryDirectory() as scratch:
        connection.execute("SET threads = 1")
        source = open_source(connection, path, Path(scratch))
        column = item.column or _only_text_column(source.columns, path)
        wanted = {name: _place(name, source.columns, path) for name in (column, *item.where, *([item.count] if item.count else []))}
        keep = " AND ".join(f"CAST({wanted[name]} AS VARCHAR) = ?" for name in item.where) or "TRUE"
        many = f"try_cast({wanted[item.count]} AS BIGINT)" if item.count else "1"
        rows = connection.execute(f"SELECT CAST({wanted[column]} AS VARCHAR), coalesce({many}, 1) FROM {source.relation} WHERE {keep}",
                                  list(item.where.values())).fetchall()
    kept = [(text, count) for text, count in rows if text and text.strip() and count > 0]
    kept = kept[::max(1, -(-len(kept) // MOST_TEXTS))]
    if not kept:
        raise DataError(_("{file}: no text in column '{column}'. Check texts in the brief."), file=path.name, column=column)
    return Texts(item.kind, tuple(text for text, _count in kept), tuple(count for _text, count in kept) if item.count else ())


def _place(name: str, columns: tuple[str, ...], path: Path) -> str:
    if name not in columns:
        close = difflib.get_close_matches(name, columns, n=3) or columns[:10]
        raise DataError(_("{file} has no column '{column}'. It has: {known}."), file=path.name, column=name, known=", ".join(close))
    return quoted(f"c{columns.index(name)}")


def _only_text_column(columns: tuple[str, ...], path: Path) -> str:
    usual = [name for name in columns if name.lower() in _USUAL]
    if len(columns) == 1 or usual:
        return (usual or list(columns))[0]
    raise DataError(_("{file}: which column holds the text? Name it under texts: column. It has: {known}."), file=path.name,
                    known=", ".join(columns[:10]))


__all__ = ["Order", "read_order"]
