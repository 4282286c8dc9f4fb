"""Structured data after schema.org: what the article is, its questions, its products with offers, and the way to the page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from brandloom.content.articles.facts import name_of
from brandloom.content.articles.links import absolute, own_url
from brandloom.content.articles.order import Order
from brandloom.content.articles.outline import Outline, phrases
from brandloom.content.articles.write import Passage
from brandloom.content.checks.figures import read_figures
from brandloom.content.checks.normalise import fold
from brandloom.content.checks.roles import roles_of_key
from brandloom.content.facts import plain_text

REQUIRED: dict[str, tuple[str, ...]] = {
    "Article": ("headline", "author", "datePublished"), "BlogPosting": ("headline", "author", "datePublished"),
    "NewsArticle": ("headline", "author", "datePublished"), "FAQPage": ("mainEntity",), "Question": ("name", "acceptedAnswer"),
    "Answer": ("text",), "Product": ("name", "offers"), "Offer": ("price", "priceCurrency"), "BreadcrumbList": ("itemListElement",),
    "ListItem": ("position", "name"), "Organization": ("name",), "Person": ("name",)}
"""Fields without which search engines do not use an entry; a Product here always comes with its offer."""
TYPES = {"blog": "BlogPosting", "seo": "Article", "guide": "Article", "faq": "FAQPage", "news": "NewsArticle"}
BY_MODEL = "https://schema.org/TrainedAlgorithmicMediaDigitalSource"
_STOCK = re.compile(r"stock|availab|inventory|库存|有货|现货", re.IGNORECASE)
_GONE = re.compile(r"out of stock|sold out|unavailable|缺货|售罄|无货|^\s*(?:no|false|否|无)\s*$", re.IGNORECASE)
_THERE = re.compile(r"in stock|available|有货|现货|充足|^\s*(?:yes|true|是)\s*$", re.IGNORECASE)


def structured_data(order: Order, outline: Outline, passages: Sequence[Passage], *, title: str, description: str, url: str,
                    published: date) -> dict[str, Any]:
    """The page as one graph. Where a model wrote any of it, that is said as `digitalSourceType`.

    Args:
        url: the article's address, a path where the shop's is unknown.
    """
    generated = any(item.by_model for item in passages)
    graph = [_article(order, outline, description=description, url=url, published=published, generated=generated)]
    questions = [{"@type": "Question", "name": item.section.heading, "acceptedAnswer": {"@type": "Answer", "text": item.text}}
                 for item in passages if item.section.kind == "question"]
    if questions and order.format == "faq":
        graph[0]["mainEntity"] = questions
    elif questions:
        graph.append({"@type": "FAQPage", "mainEntity": questions})
    graph += [node for product in order.products if (node := product_node(product, order)) is not None]
    if order.site and url.startswith("http"):
        home = {"@type": "ListItem", "position": 1, "name": phrases(order.lang)["home"], "item": absolute("/", order.site)}
        graph.append({"@type": "BreadcrumbList", "itemListElement": [home, {"@type": "ListItem", "position": 2, "name": title, "item": url}]})
    return {"@context": "https://schema.org", "@graph": graph}


def script(data: Mapping[str, Any]) -> str:
    """The script element; nothing in the values can end it or be read as markup."""
    text = json.dumps(data, ensure_ascii=False)
    for mark in "<>&\u2028\u2029":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return f'<script type="application/ld+json">{text}</script>'


def missing_fields(data: object) -> list[tuple[str, str]]:
    """Types and the required fields they lack or have empty."""
    found = []
    for node in _nodes(data):
        kind = node.get("@type")
        for name in (one for item in (kind if isinstance(kind, list) else [kind]) for one in REQUIRED.get(str(item), ())):
            if node.get(name) in (None, "", [], {}) and not (name == "offers" and (node.get("review") or node.get("aggregateRating"))):
                found.append((str(kind), name))
    return found


def product_node(product: Mapping[str, Any], order: Order) -> dict[str, Any] | None:
    """A product with its offer; None where the record states no single price in a known currency."""
    name, price = name_of(product), _price(product, order.currency)
    if not name or price is None:
        return None
    offer: dict[str, Any] = {"@type": "Offer", "price": price[0], "priceCurrency": price[1]}
    availability = _availability(product)
    if availability:
        offer["availability"] = f"https://schema.org/{availability}"
    link = next((str(value) for key, value in product.items() if str(key).lower() in ("url", "link", "链接") and value), "")
    if own_url(link, order.site):
        offer["url"] = absolute(link, order.site)
    brand = next((plain_text(str(value)) for key, value in product.items() if str(key).lower() in ("brand", "品牌") and value), "")
    return {"@type": "Product", "name": name, **({"brand": {"@type": "Brand", "name": brand}} if brand else {}), "offers": offer}


def _article(order: Order, outline: Outline, *, description: str, url: str, published: date, generated: bool) -> dict[str, Any]:
    shop = plain_text(order.shop.name) or (urlsplit(order.site).hostname or "")
    publisher = {"@type": "Organization", "name": shop, **({"url": order.shop.url} if order.shop.url else {}),
                 **({"logo": {"@type": "ImageObject", "url": order.shop.logo}} if order.shop.logo else {})} if shop else None
    author: dict[str, Any] | None = {"@type": "Person", "name": plain_text(order.author)} if order.author else publisher
    headline = outline.headline[:110]
    node: dict[str, Any] = {"@type": TYPES[order.format], "headline": headline, "name": headline, "description": description,
                            "inLanguage": "zh-CN" if order.lang == "zh" else "en", "datePublished": published.isoformat(),
                            "author": author, "publisher": publisher, "keywords": outline.keyword,
                            "mainEntityOfPage": url if url.startswith("http") else None, "image": order.image.url if order.image else None,
                            "digitalSourceType": BY_MODEL if generated else None}
    return {name: value for name, value in node.items() if value}


def _price(product: Mapping[str, Any], currency: str) -> tuple[str, str] | None:
    for key, value in product.items():
        if isinstance(value, bool) or "price" not in roles_of_key(str(key).replace("_", " "), "money"):
            continue
        found = [item for item in read_figures(fold(str(value))) if item.kind in ("money", "count")]
        unit = found[0].unit if found and found[0].kind == "money" else ""
        unit = unit or currency or next((mark.upper() for mark in re.findall(r"[A-Z]{3}", str(key) + str(value))), "")
        if len(found) == 1 and found[0].number > 0 and unit:
            return f"{found[0].number:f}", unit
    return None


def _availability(product: Mapping[str, Any]) -> str:
    said = next((value for key, value in product.items() if _STOCK.search(str(key)) and value is not None), None)
    if said is None:
        return ""
    number = re.search(r"\d+", str(said))
    if _GONE.search(str(said)) or (number and int(number.group()) == 0):
        return "OutOfStock"
    return "InStock" if number or _THERE.search(str(said)) else ""


def _nodes(data: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(data, Mapping):
        if "@type" in data:
            yield data
        for value in data.values():
            yield from _nodes(value)
    elif isinstance(data, list):
        for value in data:
            yield from _nodes(value)
