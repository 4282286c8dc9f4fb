"""The check of a page for search."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brandloom.content.articles import check_page, reading_ease
from brandloom.errors import DataError

GOOD = """<!doctype html><html lang="en"><head><title>Glass kettle: size, price and care | Harbour Shop</title><meta name="viewport" content="x">
<meta name="description" content="A glass kettle of 1.7 l, what it costs, how it is cleaned, and what others asked before they bought one.">
<link rel="canonical" href="https://shop.example/a"><meta property="og:title" content="x"><meta property="og:description" content="x">
<script type="application/ld+json">{"@type": "Article", "headline": "x", "author": {"@type": "Person", "name": "x"}, "datePublished": "2026-11-22"}</script>
</head><body><h1>Glass kettle: what to know</h1><p>A glass kettle shows the water as it boils.</p><h2>Size</h2>
BODY</body></html>"""
SENTENCES = [f"<p>Pour cup {number} of tea, sit down and read a page of your book in the sun with a friend from the {number}th house.</p>" for number in range(16)]


def page(*, body: str = "", swap: tuple[str, str] = ("", "")) -> str:
    return GOOD.replace("BODY", "\n".join(SENTENCES) + body).replace(*swap)


def rules(text: str, **options: Any) -> set[str]:
    return {item.rule for item in check_page(text, **options)}


def test_a_good_page_passes() -> None:
    assert check_page(page(), keyword="glass kettle") == []


@pytest.mark.parametrize(("rule", "text"), [
    ("title-missing", page(swap=("<title>Glass kettle: size, price and care | Harbour Shop</title>", ""))),
    ("title-twice", page(swap=("<title>", "<title>One</title><title>"))),
    ("title-long", page(swap=("Harbour Shop</title>", "Harbour Shop of kettles, pots and pans in Leeds</title>"))),
    ("title-short", page(swap=("Glass kettle: size, price and care | Harbour Shop", "Glass kettle"))),
    ("description-missing", page(swap=('name="description"', 'name="x"'))),
    ("description-long", page(swap=("A glass kettle of", "A glass kettle of " * 8))),
    ("h1-missing", page(swap=("h1>", "h2>"))),
    ("h1-twice", page(body="<h1>Again</h1>")),
    ("heading-skips", page(body="<h4>Deep</h4>")),
    ("heading-empty", page(body="<h2></h2>")),
    ("keyword-title", page(swap=("<title>Glass kettle", "<title>Kettle"))),
    ("keyword-h1", page(swap=("<h1>Glass kettle", "<h1>Kettle"))),
    ("keyword-p", page(swap=("A glass kettle shows", "A kettle shows"))),
    ("keyword-stuffed", page(body="<p>" + "Glass kettle. " * 12 + "</p>")),
    ("alt-missing", page(body='<img src="/a.jpg">')),
    ("alt-empty", page(body='<a href="/a"><img src="/a.jpg" alt=""></a>')),
    ("link-scheme", page(body='<a href="javascript:go()">Go there</a>')),
    ("link-empty", page(body='<a href="#">Go there</a>')),
    ("link-broken", page(body='<a href="#nowhere">Go there</a>')),
    ("link-insecure", page(body='<a href="http://shop.example">Our shop</a>')),
    ("anchor-empty", page(body='<a href="/x"></a>')),
    ("anchor-vague", page(body='<a href="/x">click here</a>')),
    ("anchor-ambiguous", page(body='<a href="/x">Kettles</a><a href="/y">Kettles</a>')),
    ("paragraph-twice", page(body=SENTENCES[3])),
    ("sentence-long", page(body="<p>" + "and so on " * 12 + ".</p>")),
    ("thin", GOOD.replace("BODY", "")),
    ("hard", page(body="<p>" + "Institutional responsibilities necessitate interdisciplinary considerations. " * 20 + "</p>")),
    ("data-broken", page(swap=('{"@type": "Article"', '{"@type": '))),
    ("data-missing", page(swap=("application/ld+json", "text/x"))),
    ("data-incomplete", page(swap=('"headline": "x", ', ""))),
    ("lang-missing", page(swap=(' lang="en"', ""))),
    ("canonical-missing", page(swap=("canonical", "next"))),
    ("noindex", page(swap=("<h1>", '<meta name="robots" content="NOINDEX"><h1>'))),
    ("viewport-missing", page(swap=("viewport", "x"))),
    ("og-missing", page(swap=("og:title", "x"))),
])
def test_each_fault_is_found_with_place_reason_and_advice(rule: str, text: str) -> None:
    found = [item for item in check_page(text, keyword="glass kettle") if item.rule == rule]
    assert found
    for item in found:
        assert 1 <= item.line <= text.count("\n") + 1 and item.place
        for said in (item.reason, item.advice):
            assert said("en") and re.search("[\u4e00-\u9fff]", said("zh")) and "{" not in said("en") + said("zh")


def test_lines_point_at_the_fault_in_html_and_markdown() -> None:
    text = page(body='\n<p>Fine, and long enough.</p>\n<img src="/late.jpg">')
    (found,) = [item for item in check_page(text) if item.rule == "alt-missing"]
    assert "/late.jpg" in text.splitlines()[found.line - 1]
    markdown = "---\ntitle: Kettles\n---\n\n# Kettles\n\nSome words.\n\n#### Deep\n\n[here](/x)\n"
    found_at = {item.rule: item.line for item in check_page(markdown, kind="markdown")}
    assert (found_at["heading-skips"], found_at["anchor-vague"]) == (9, 11)
    assert "title-missing" not in found_at and "viewport-missing" not in found_at


def test_chinese_pages_are_checked_in_characters() -> None:
    body = "".join(f"<p>第{number}天早上，把热水倒进杯子里，带着它出门上班，路上慢慢喝。</p>" for number in range(20))
    text = GOOD.replace("Glass kettle", "保温杯").replace("A glass kettle shows the water as it boils.", "保温杯装热水，出门也能喝。").replace("BODY", body)
    assert {"thin", "hard", "keyword-p"}.isdisjoint(rules(text, keyword="保温杯"))
    assert "title-long" in rules(text.replace("<title>", "<title>保温杯怎么选看完这一篇就够了保温杯怎么选"))


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="<>/ha1p2 =\"'#-!&;[](){}`\n\\imgsrctyle保温杯", max_size=120), st.sampled_from(["html", "markdown"]))
def test_any_text_can_be_checked(text: str, kind: str) -> None:
    for item in check_page(text, kind=kind, keyword="a"):
        json.dumps(item.to_dict())


def test_reading_ease_orders_easy_before_hard() -> None:
    assert reading_ease("The cat sat on the mat. It was warm.") > 100 > 40 > reading_ease(
        "Notwithstanding organisational considerations, implementation responsibilities necessitate interdepartmental communication.")


def test_a_page_of_another_kind_is_refused() -> None:
    with pytest.raises(DataError, match="A page is html or markdown, not 'pdf'"):
        check_page("x", kind="pdf")
    with pytest.raises(DataError, match="at most 5 are read"):
        check_page("x" * 5_000_001)
