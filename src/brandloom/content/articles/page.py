"""The article as a page: semantic HTML in one file, everything escaped, and the same as Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml

from brandloom.content.articles.links import Link
from brandloom.content.articles.outline import phrases
from brandloom.content.articles.schema import script
from brandloom.content.facts import plain_text

if TYPE_CHECKING:
    from brandloom.content.articles.article import Article


@cache
def _style() -> str:
    return files("brandloom.content.articles").joinpath("article.css").read_text("utf-8").strip()


def to_html(article: Article) -> str:
    """A whole page that opens offline. Every value is escaped; links were checked when the brief was read."""
    order, words = article.order, phrases(article.order.lang)
    body = [f"<h1>{_text(article.outline.headline)}</h1>", _byline(article)]
    if order.image:
        body.append(f'<img src="{_text(order.image.url)}" alt="{_text(plain_text(order.image.alt))}">')
    asked = False
    for number, item in enumerate(article.passages):
        if item.section.kind == "question" and not asked and order.format != "faq":
            asked = True
            body.append(f'<h2 id="questions">{_text(words["questions"])}</h2>')
        body.append(_section(article, number, level=3 if asked else 2))
        if item.section.kind == "intro" and article.table:
            body.append(_table(article.table, words["table"]))
    if article.related:
        listed = "".join(f'<li><a href="{_text(page.url)}">{_text(plain_text(page.title))}</a></li>' for page in article.related)
        body.append(f'<section aria-labelledby="related"><h2 id="related">{_text(words["related"])}</h2><ul>{listed}</ul></section>')
    return "\n".join(["<!doctype html>", f'<html lang="{"zh-CN" if order.lang == "zh" else "en"}">', _head(article), "<body>", _crumbs(article),
                      '<main><article>', *(part for part in body if part), "</article></main>", _footer(article), "</body>", "</html>", ""])


def to_markdown(article: Article) -> str:
    """The article as CommonMark with its metadata in front; no value is read as markup."""
    order, words = article.order, phrases(article.order.lang)
    front = {"title": article.title, "description": article.description, "slug": article.slug, "url": article.url, "lang": order.lang,
             "date": article.published.isoformat(), "keywords": article.outline.keyword}
    if article.mark is not None:
        front |= {"aigc": article.mark.label.to_json()}
    parts = ["---\n" + yaml.safe_dump(front, allow_unicode=True, sort_keys=False, width=1000) + "---", f"# {_mark(article.outline.headline)}",
             " · ".join(_mark(text) for text in article.byline)]
    if order.image:
        parts.append(f"![{_mark(plain_text(order.image.alt))}](<{order.image.url}>)")
    asked = False
    for number, item in enumerate(article.passages):
        if item.section.kind == "question" and not asked and order.format != "faq":
            asked = True
            parts.append(f"## {_mark(words['questions'])}")
        if item.section.heading:
            parts.append(f"{'###' if asked else '##'} {_mark(item.section.heading)}")
        text = _with_links(item.text, article.links[number], _mark, lambda link, said: f"[{said}](<{link.url}>)")
        parts.append(("> " if item.section.kind == "quote" else "") + text.replace("\n", "\n\n"))
        if item.section.kind == "intro" and article.table:
            head, *rows = article.table
            parts.append("\n".join("| " + " | ".join(_mark(cell) for cell in row) + " |" for row in [head])
                         + "\n|" + " --- |" * len(head) + "\n" + "\n".join("| " + " | ".join(_mark(cell) for cell in row) + " |" for row in rows))
    if article.related:
        listed = "\n".join(f"- [{_mark(plain_text(page.title))}](<{page.url}>)" for page in article.related)
        parts.append(f"## {_mark(words['related'])}\n\n{listed}")
    if order.format == "news" and order.shop.contact:
        parts.append(_mark(f"{words['contact']}{'：' if order.lang == 'zh' else ': '}{plain_text(order.shop.contact)}"))
    if article.sentence:
        parts.append(_mark(article.sentence))
    return "\n\n".join(part for part in parts if part) + "\n"


def open_graph(article: Article) -> dict[str, str]:
    """Properties that social networks read."""
    order = article.order
    found = {"og:type": "article", "og:title": article.title, "og:description": article.description,
             "og:url": article.url if article.url.startswith("http") else "", "og:site_name": plain_text(order.shop.name),
             "og:locale": "zh_CN" if order.lang == "zh" else "en_GB", "og:image": order.image.url if order.image else "",
             "og:image:alt": plain_text(order.image.alt) if order.image else "", "article:published_time": article.published.isoformat()}
    return {name: value for name, value in found.items() if value}


def _head(article: Article) -> str:
    social = [f'<meta property="{name}" content="{_text(value)}">' for name, value in open_graph(article).items()]
    canonical = [f'<link rel="canonical" href="{_text(article.url)}">'] if article.url.startswith("http") else []
    label = [article.mark.label.meta_tag()] if article.mark is not None else []
    return "\n".join(["<head>", '<meta charset="utf-8">', '<meta name="viewport" content="width=device-width, initial-scale=1">',
                      f"<title>{_text(article.title)}</title>", f'<meta name="description" content="{_text(article.description)}">', *canonical,
                      *social, '<meta name="twitter:card" content="summary">', *label, script(article.schema), f"<style>{_style()}</style>",
                      "</head>"])


def _byline(article: Article) -> str:
    *said, mark = article.byline if article.mark is not None else (*article.byline, "")
    day = article.published.isoformat()
    parts = [f'<time datetime="{day}">{day}</time>' if text == day else _text(text) for text in said]
    parts += [f'<span class="ai">{_text(mark)}</span>'] if mark else []
    return f'<p class="byline">{" · ".join(parts)}</p>'


def _section(article: Article, number: int, *, level: int) -> str:
    item = article.passages[number]
    text = _with_links(item.text, article.links[number], _text, lambda link, said: f'<a href="{_text(link.url)}">{said}</a>')
    paragraphs = "".join(f"<p>{part.strip()}</p>" for part in text.split("\n") if part.strip())
    if item.section.kind == "quote":
        return f"<blockquote>{paragraphs}</blockquote>"
    if not item.section.heading:
        return paragraphs
    name = item.section.id
    return f'<section aria-labelledby="{name}"><h{level} id="{name}">{_text(item.section.heading)}</h{level}>{paragraphs}</section>'


def _table(rows: Sequence[Sequence[str]], caption: str) -> str:
    head, *body = rows
    columns = "".join(f'<th scope="col">{_text(cell)}</th>' for cell in head)
    lines = "".join(f'<tr><th scope="row">{_text(row[0])}</th>' + "".join(f"<td>{_text(cell)}</td>" for cell in row[1:]) + "</tr>" for row in body)
    return f'<div class="scroll"><table><caption>{_text(caption)}</caption><thead><tr>{columns}</tr></thead><tbody>{lines}</tbody></table></div>'


def _crumbs(article: Article) -> str:
    trail: list[Mapping[str, Any]] = next((node["itemListElement"] for node in article.schema["@graph"] if node["@type"] == "BreadcrumbList"), [])
    if not trail:
        return ""
    home = f'<li><a href="{_text(trail[0]["item"])}">{_text(trail[0]["name"])}</a></li>'
    return f'<nav aria-label="breadcrumb"><ol>{home}<li aria-current="page">{_text(article.outline.keyword)}</li></ol></nav>'


def _footer(article: Article) -> str:
    order, words = article.order, phrases(article.order.lang)
    contact = plain_text(order.shop.contact) if order.format == "news" else ""
    lines = [f"{words['contact']}{'：' if order.lang == 'zh' else ': '}{contact}" if contact else "", article.sentence]
    said = "".join(f"<p>{_text(line)}</p>" for line in lines if line)
    return f"<footer>{said}</footer>" if said else ""


def _with_links(text: str, links: Sequence[Link], escape: Any, made: Any) -> str:
    out, at = list[str](), 0
    for link in links:
        out += [escape(text[at:link.start]), made(link, escape(text[link.start:link.end]))]
        at = link.end
    return "".join([*out, escape(text[at:])])


def _text(text: str) -> str:
    return html.escape(text)


def _mark(text: str) -> str:
    """Plain text that CommonMark shows as it stands."""
    plain = re.sub(r"([\\`*_\[\]|~$])", r"\\\1", text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))
    return re.sub(r"(?m)^(\s*)([#+=-]|\d+(?=[.)]))", lambda found: found[1] + (found[2] if found[2].isdigit() else "\\" + found[2]), plain)
