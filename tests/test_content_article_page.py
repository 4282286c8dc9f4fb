"""The page of an article: nothing in it acts, links stay in the shop, its data and its AI label are true."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from article_world import CUP, KETTLES, TODAY, brief, chinese, order, plain, teller
from brandloom.content import articles
from brandloom.content.articles import plan_article, write_article
from brandloom.content.articles.links import own_url, place_links
from brandloom.content.articles.metadata import slug
from brandloom.content.articles.page import _mark
from brandloom.content.articles.schema import missing_fields, product_node, script
from brandloom.content.articles.widths import cut_to, pixels
from brandloom.content.studio import Maker
from brandloom.errors import BrandloomError
from brandloom.govern import Audit, is_genuine, label_in_html
from brandloom.ledger import Ledger
from conftest import SHARED_DATA, require


class Live(HTMLParser):
    """What acts in a page or is markup that the page does not have of itself."""

    KNOWN = frozenset(["html", "head", "meta", "title", "link", "script", "style", "body", "nav", "ol", "ul", "li", "a", "main", "article", "section", "h1", "h2", "h3", "p", "span", "time", "img", "blockquote", "div", "table", "caption", "thead", "tbody", "tr", "th", "td", "footer", "code", "em", "strong", "hr", "br"])

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.data: list[str] = []
        self._script = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._script = tag == "script"
        if tag not in self.KNOWN or (tag == "script" and given != {"type": "application/ld+json"}):
            self.found.append(tag)
        self.found += [name for name in given if name.startswith("on") or name in ("style", "srcdoc", "formaction")]
        self.found += [f"{name}={given[name]}" for name in ("href", "src") if name in given
                       and not re.match(r"https?://(?:shop|muqiao)\.example(?:[/?#]|$)|/(?![/\\])|#", given[name] or "")]

    def handle_endtag(self, tag: str) -> None:
        self._script = False

    def handle_data(self, data: str) -> None:
        if self._script:
            self.data.append(data)

    def handle_comment(self, data: str) -> None:
        self.found.append(f"<!--{data}")


def payloads(every: int = 1) -> list[str]:
    folder = SHARED_DATA / "attacks"
    require(folder.is_dir(), "attack strings are not here; put them at ../shared/data/attacks")
    lines = [line for name in ("xss_intruders.txt", "xss_payloadbox.txt") for line in
             (folder / name).read_text("utf-8", errors="replace").splitlines() if line.strip()]
    return lines[::every]


def as_page(markdown: str) -> str:
    return str(MarkdownIt("commonmark", {"html": True}).enable("table").render(re.sub(r"\A---\n.*?\n---\n", "", markdown, flags=re.DOTALL)))


@pytest.mark.slow
def test_every_payload_stays_dead_in_every_field_even_past_the_gate() -> None:
    base = write_article(teller(), plan_article(order(brief())), today=TODAY)
    for payload in payloads():
        section = replace(base.passages[0].section, heading=payload, keyword=payload)
        passage = replace(base.passages[0], section=section, text=payload)
        asked = replace(passage, section=replace(section, kind="question"))
        graph = {"@context": "https://schema.org", "@graph": [{"@type": "Article", "headline": payload, payload: payload}]}
        attacked = base.order.model_copy(update={"author": payload, "place": payload, "format": "news",
                                                 "shop": base.order.shop.model_copy(update={"name": payload, "contact": payload})})
        assert base.mark is not None
        made = replace(base, order=attacked, outline=replace(base.outline, headline=payload, keyword=payload), passages=(passage, asked),
                       links=((), ()), title=payload, description=payload, table=((payload, payload), (payload, payload)), schema=graph,
                       sentence=payload, mark=replace(base.mark, visible=payload, label=replace(base.mark.label, content_producer=payload)),
                       related=(articles.order.PageOfShop(url="/x", title=payload[:200]),), slug=payload)
        page = Live(made.html)
        assert page.found == [], payload
        assert json.loads("".join(page.data)) == graph
        assert Live(as_page(made.markdown)).found == [], payload


def test_payloads_in_every_field_of_the_brief_are_refused_or_dead() -> None:
    for payload in payloads(every=701):
        soft = brief(format="blog", topic="kettle", author=payload, place=payload, persona=payload, image={"url": "https://shop.example/k.jpg", "alt": payload},
                     products=[{"name": f"Kettle {payload}", "material": payload, payload[:40]: "steel", "capacity": "1.2 l", "price": payload}, KETTLES[0]],
                     facts=[payload, "You can return any kettle within 30 days."], must_not_say=[payload[:100]], voice={"tone": payload[:200]},
                     questions=[payload[:150]], texts=[{"kind": kind, "texts": [payload] * 4} for kind in ("searches", "reviews", "titles")],
                     pages=[{"url": "/a", "title": payload[:150], "keywords": [payload[:90]]}])
        strict = [{"keyword": payload[:80]}, {"headline": payload[:110]}, {"must_say": [payload]}, {"topic": payload[:150]},
                  {"shop": {"name": payload[:150], "url": "https://shop.example", "about": payload, "contact": payload[:200]}, "format": "news"},
                  {"quotes": [{"text": payload[:500], "speaker": payload[:100]}], "format": "news"},
                  {"questions": [{"question": payload[:150], "answer": payload}]}, {"url": payload}, {"pages": [{"url": payload, "title": "X"}]},
                  {"shop": {"url": payload[:400]}}, {"image": {"url": payload, "alt": "x"}}]
        for content in [soft, *(brief(**changes) for changes in strict[len(payload) % 2::2])]:
            try:
                made = plain(content)
            except BrandloomError:
                continue
            assert Live(made.html).found == [], payload
            assert Live(as_page(made.markdown)).found == [], payload


def test_no_link_leaves_the_shop() -> None:
    folder = SHARED_DATA / "attacks"
    require(folder.is_dir(), "attack strings are not here; put them at ../shared/data/attacks")
    lines = [line.strip() for name in ("open_redirect_1.txt", "open_redirect_2.txt", "open_redirect_3.txt")
             for line in (folder / name).read_text("utf-8", errors="replace").splitlines()]
    for line in [*lines, "//evil.example", "/\\evil.example", "https://shop.example@evil.example/", "https://shop.example.evil.example/", "data:text/html,x",
                 "https://shop.example\\@evil.example", "\thttps://evil.example", "https:evil.example", "http://[::1"]:
        kept = own_url(line, "https://shop.example")
        assert kept is None or re.match(r"/(?![/\\])|https?://shop\.example(?:[/?#]|$)", kept), line
    assert own_url("https://shop.example/a?b=c", "https://shop.example") and own_url("/保温杯/", "")
    assert own_url("https://shop.example:8443/a", "https://shop.example") is None


words = st.sampled_from(["glass", "glass kettle", "kettle", "steel", "travel kettle", "lid", "保温杯", "不锈钢"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(words, max_size=12).map(" ".join), max_size=6), st.lists(st.tuples(st.sampled_from(["/a", "/b", "/c", "/d"]), words), max_size=8))
def test_links_change_no_word_and_no_page_stands_twice(texts: list[str], pages: list[tuple[str, str]]) -> None:
    made = place_links(texts, [(url, [word]) for url, word in pages], "en", own="/d")
    urls = [link.url for row in made for link in row]
    assert len(urls) == len(set(urls)) and "/d" not in urls
    for text, row in zip(texts, made, strict=True):
        assert len(row) <= 2
        assert all(one.end <= other.start for one, other in pairwise(row))
        assert all((link.url, text[link.start:link.end].casefold().rstrip("s")) in [(url, word.rstrip("s")) for url, word in pages] for link in row)


def test_links_stand_on_natural_words_longest_first() -> None:
    made = plain(brief())
    assert [(item["text"], item["url"]) for item in made.to_dict()["links"]] == [("glass", "/kettles/glass")]
    assert '<a href="https://shop.example/returns">Returns</a>' in made.html  # listed below, since no sentence names it
    (row,) = place_links(["A glass kettle beside a kettle."], [("/k", ["kettle"]), ("/g", ["glass kettle"])], "en")
    assert [(link.start, link.url) for link in row] == [(2, "/g"), (24, "/k")]


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_shown_by_markdown_as_it_stands(text: str) -> None:
    line = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]", " ", text).split())
    shown = MarkdownIt("commonmark", {"html": True}).enable("table").render(_mark(line)).strip()
    assert shown == ("" if not line else "<p>" + line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;") + "</p>")


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80), st.sampled_from(["en", "zh"]), st.integers(40, 900))
def test_slugs_are_addresses_and_cut_texts_fit(text: str, language: str, most: int) -> None:
    assert re.fullmatch(r"[a-z0-9\u4e00-\u9fff]+(?:-[a-z0-9\u4e00-\u9fff]+)*", slug(text, language)) and len(slug(text, language)) <= 60
    assert own_url("/" + slug(text, language), "")
    assert pixels(cut_to(text, most, 20), 20) <= most


def test_widths_are_those_of_the_font() -> None:
    """Measured by Chromium in Liberation Sans at 20 px, which has Arial's measures."""
    assert pixels("Electric kettle: how to choose", 20) == pytest.approx(259.0, abs=1)
    assert pixels("Wooden Train Sets & Accessories | Toys, 2026 (WIDE)", 20) == pytest.approx(486.5, rel=0.01)
    assert pixels("Café — what's new?", 20) == pytest.approx(182.8, abs=1)
    assert pixels("保温杯怎么选", 20) == 120 and pixels("Café", 20) == pixels("Cafe", 20)


def test_title_and_description_fit_a_result() -> None:
    for content in (brief(), chinese(), brief(shop={"name": "A shop with a very long name that goes on and on and never seems to end", "url": "https://shop.example"})):
        made = plain(content).to_dict()
        assert made["title_px"] <= 580 and made["description_px"] <= 920 and made["description_px"] > 300


def test_offers_stand_only_where_the_record_states_price_and_currency() -> None:
    read = order(brief())
    (first, second) = [product_node(product, read) for product in read.products]
    assert first == {"@type": "Product", "name": "Aurora Kettle", "offers": {
        "@type": "Offer", "price": "49", "priceCurrency": "GBP", "availability": "https://schema.org/InStock"}}
    assert second is not None and second["offers"]["availability"] == "https://schema.org/OutOfStock"
    assert product_node({"name": "Lamp", "price": 20}, read) is None  # no currency known
    assert product_node({"name": "Lamp", "material": "steel"}, read) is None
    assert product_node({"name": "Lamp", "price": "20 to 40 GBP"}, read) is None
    assert product_node({"name": "Lamp", "price": 0, "stock": 2}, read.model_copy(update={"currency": "EUR"})) is None
    bare = product_node({"name": "Lamp", "price": 20.5}, read.model_copy(update={"currency": "EUR"}))
    assert bare is not None and bare["offers"] == {"@type": "Offer", "price": "20.5", "priceCurrency": "EUR"}
    zh = product_node(CUP, order(chinese()))
    assert zh is not None and (zh["offers"]["price"], zh["offers"]["priceCurrency"]) == ("129", "CNY")


def test_structured_data_names_breadcrumbs_and_questions() -> None:
    made = plain(brief(format="faq"))
    kinds = [node["@type"] for node in made.schema["@graph"]]
    assert kinds[0] == "FAQPage" and kinds[-1] == "BreadcrumbList" and kinds.count("Product") == 2
    shown = {passage.section.heading: passage.text for passage in made.passages if passage.section.kind == "question"}
    assert {item["name"]: item["acceptedAnswer"]["text"] for item in made.schema["@graph"][0]["mainEntity"]} == shown
    assert missing_fields({"@type": "Product", "name": "Lamp"}) == [("Product", "offers")]
    assert not re.search("[<>&\u2028]", script({"a": "</script><!--\u2028&"})[35:-9])
    assert json.loads(script({"a": "</script><!--\u2028&"}).removeprefix('<script type="application/ld+json">').removesuffix("</script>")) == {
        "a": "</script><!--\u2028&"}


def test_generated_pages_are_labelled_for_people_and_programs() -> None:
    for content, seen in ((brief(), "AI-generated"), (brief(jurisdiction="cn"), "AI-generated AI生成"), (chinese(), "AI生成")):
        made = write_article(teller(), plan_article(order(content)), today=TODAY, maker=Maker("Harbour", b"k" * 32))
        label = label_in_html(made.html)
        assert label is not None and is_genuine(label, "\n".join(passage.text for passage in made.passages), key=b"k" * 32)
        assert f'<span class="ai">{seen}</span>' in made.html and made.sentence in made.html
        assert made.schema["@graph"][0]["digitalSourceType"].endswith("TrainedAlgorithmicMediaDigitalSource")
        assert "aigc:" in made.markdown and seen in made.markdown and made.to_dict()["label"]["AIGC"]["Label"] == "1"
    assert label_in_html(plain(brief()).html) is None and "digitalSourceType" not in plain(brief()).schema["@graph"][0]


def test_the_audit_chain_holds_what_a_model_wrote(ledger: Ledger) -> None:
    audit, now = Audit(ledger, b"k" * 32), datetime(2026, 11, 22, tzinfo=UTC)
    made = write_article(teller(), plan_article(order(brief())), today=TODAY)
    assert articles.keep_record(made, audit, actor="anna", now=now) == 1
    assert articles.keep_record(plain(brief()), audit, actor="anna", now=now) == 0
    assert made.mark is not None and audit.verify() is None and audit.head().seq == 1
