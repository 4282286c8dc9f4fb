"""Articles: keywords from the shop's own language, sections behind the gate, a page that is safe and checked for search."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from brandloom.content import articles
from brandloom.content.articles import Texts, check_page, find_keywords, find_questions, plan_article, read_order, reading_ease, write_article
from brandloom.content.articles.links import own_url, place_links
from brandloom.content.articles.metadata import slug
from brandloom.content.articles.page import _mark
from brandloom.content.articles.schema import missing_fields, product_node, script
from brandloom.content.articles.terms import find_terms
from brandloom.content.articles.widths import cut_to, pixels
from brandloom.content.studio import Maker
from brandloom.engine import Engine
from brandloom.errors import BrandloomError, ConfigError, DataError, ProviderError
from brandloom.govern import Audit, is_genuine, label_in_html
from brandloom.ledger import Ledger
from brandloom.llm import Message, ScriptedTextModel
from conftest import SHARED_DATA, require

TODAY = date(2026, 11, 22)
KETTLES = [
    {"name": "Aurora Kettle", "material": "steel", "capacity": "1.2 l", "colour": "matte black", "power": "2200 W", "price": "49 GBP", "stock": 12},
    {"name": "Borealis Kettle", "material": "glass", "capacity": "1.7 l", "colour": "clear", "power": "2400 W", "price": "59 GBP", "stock": 0},
]
CUP = {"名称": "云杉保温杯", "材质": "316不锈钢", "容量": "500毫升", "颜色": ["墨绿色", "米白色"], "重量": "320克", "价格": "129元", "库存": 30}
PAGES = [{"url": "/kettles/glass", "title": "Glass kettles", "keywords": ["glass"]}, {"url": "https://shop.example/returns", "title": "Returns"}]


def brief(**changes: Any) -> dict[str, Any]:
    return {"lang": "en", "format": "guide", "topic": "kettle", "products": KETTLES, "facts": ["You can return any kettle within 30 days."],
            "shop": {"name": "Harbour Shop", "url": "https://shop.example"}, "pages": PAGES} | changes


def chinese(**changes: Any) -> dict[str, Any]:
    return {"lang": "zh", "format": "seo", "topic": "保温杯", "products": [CUP], "facts": ["下单后48小时内发货。"],
            "shop": {"name": "木桥生活", "url": "https://muqiao.example"}} | changes


def order(content: dict[str, Any]) -> articles.Order:
    return read_order(json.dumps(content, ensure_ascii=False), source="brief.json")


def plain(content: dict[str, Any]) -> articles.Article:
    return write_article(None, order(content), today=TODAY)


def teller(*, lie: str = "") -> ScriptedTextModel:
    """A model that tells the facts of each section in a sentence of its own, followed by a lie where one is given."""
    openings = {"en": ("Here is what we know", "Have a look at this", "A few facts to begin with", "In short", "Take your time and compare"),
                "zh": ("先看看这些", "出门前可以了解一下", "简单说说", "对照着看一看", "放进购物车之前")}

    def reply(messages: Sequence[Message], _schema: object) -> str:
        request = messages[-1].content
        language = "zh" if "事实\n" in request else "en"
        facts = re.split("事实\n|Facts\n", request)[1].splitlines()[0].rstrip("。.")
        opening = openings[language][sum(map(ord, facts)) % 5]
        text = f"{opening}：{facts}。看看是否适合你。" if language == "zh" else f"{opening}: {facts}. Think of the cup of tea you would make."
        return json.dumps({"text": text + lie}, ensure_ascii=False)
    return ScriptedTextModel(reply)


# --- keywords -------------------------------------------------------------------------------------------------------------

def test_chinese_words_are_found_without_a_word_list() -> None:
    filler = "今天天气晴朗我们出门散步看花喝茶写字听歌做饭洗碗扫地买菜回家睡觉读书跑步游泳画画种树钓鱼下棋打球爬山骑车开会上课加班休息聊天等车排队过桥"
    texts = [f"{a}保温杯{b}" for a in ("买了", "这只", "送妈妈", "喜欢", "新到", "大号") for b in ("很轻", "好看", "值得", "送人", "耐用", "不漏")]
    texts += [filler[at:at + 9] for at in range(len(filler) - 9)]
    found = find_terms(texts, "zh")
    assert "保温杯" in found
    assert not {"保温", "温杯", "的保温", "杯很"} & found  # halves of a word and pieces across words


def test_keywords_set_texts_apart_from_the_rest() -> None:
    near = Texts("reviews", tuple(f"the glass kettle is {word} and nice" for word in ("quiet", "big", "light", "loud", "small")))
    rest = Texts("rest", tuple(f"the {word} is nice and quick" for word in ("toaster", "blender", "pan", "oven", "fridge")))
    words = [item.text for item in find_keywords([near, rest], "en")]
    assert words[0] == "glass kettle"
    assert "nice" not in words and "kettle" not in words  # an opinion, and a word that stands only inside the longer one


def test_a_keyword_stands_in_three_texts_and_has_no_made_up_volume() -> None:
    corpus = [Texts("searches", ("glass kettle", "steel pot"), (40, 2)), Texts("reviews", ("my glass kettle broke", "a glass kettle", "old pot"))]
    (found,) = (item for item in find_keywords(corpus, "en") if item.text == "glass kettle")
    assert found.texts == 42 and dict(found.sources) == {"searches": 40, "reviews": 2} and found.volume is None
    assert next(item for item in find_keywords(corpus, "en", volumes={"glass kettle": 900}) if item.text == "glass kettle").volume == 900
    assert not any("pot" in item.text for item in find_keywords(corpus, "en"))
    assert "unknown" in plain(brief()).to_dict()["volumes"]
    assert plain(brief(volumes={"kettle": 900})).to_dict()["volumes"] == "given"


def test_related_terms_stand_together() -> None:
    texts = tuple(["blue mug and saucer"] * 4 + ["red pan and lid"] * 4 + ["blue mug and saucer with spoon"] * 3)
    found = {item.text: item.related for item in find_keywords([Texts("reviews", texts)], "en")}
    assert any("saucer" in item for item in found["blue mug"]) and not any("lid" in item for item in found["blue mug"])


def test_questions_come_from_searches_and_name_nobody() -> None:
    corpus = [Texts("searches", ("保温杯怎么清洗", "保温杯怎么清洗", "保温杯", "13800138000怎么联系", "<b>怎么</b>用它")), Texts("reviews", ("这是人干的事吗？",))]
    found = find_questions(corpus, "zh")
    assert [(item.text, item.asked) for item in found] == [("保温杯怎么清洗", 2), ("怎么用它", 1)]


def test_texts_come_from_files_and_missing_columns_are_named(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("query,times,shop\nglass kettle,7,a\nglass kettle spare lid,2,a\nglass kettle,5,b\n", encoding="utf-8")
    wanted = {"kind": "searches", "file": "log.csv", "column": "query", "count": "times", "where": {"shop": "a"}}
    (read, _names) = order(brief(texts=[wanted])).corpus(tmp_path)
    assert read == Texts("searches", ("glass kettle", "glass kettle spare lid"), (7, 2))
    with pytest.raises(DataError, match=r"log\.csv has no column 'qery'\. It has: query"):
        order(brief(texts=[wanted | {"column": "qery"}])).corpus(tmp_path)
    with pytest.raises(DataError, match=r"absent\.csv is not there"):
        order(brief(texts=[wanted | {"file": "absent.csv"}])).corpus(tmp_path)


def test_the_warehouse_gives_reviews_and_names(engine: Engine) -> None:
    rows = [{"document": str(number), "kind": kind, "text": text, "language": language}
            for number, (kind, text, language) in enumerate([("review", "nice kettle", "en"), ("policy", "30 days", "en"), ("review", "好", "zh")])]
    engine.put("documents", pa.Table.from_pylist([{**dict.fromkeys(("title", "product", "rating", "written_at", "properties")), **row} for row in rows],
                                                 schema=pa.schema([*engine.query("SELECT * FROM documents").schema])))
    assert articles.shop_texts(engine, "en") == [Texts("reviews", ("nice kettle",))]


# --- outline --------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["blog", "seo", "guide", "faq", "news"])
@pytest.mark.parametrize("content", [brief(), chinese()], ids=["en", "zh"])
def test_no_section_is_planned_without_facts(kind: str, content: dict[str, Any]) -> None:
    planned, _keywords, _questions = plan_article(order(content | {"format": kind}))
    assert len(planned.sections) > 2
    assert all(section.items or section.words for section in planned.sections)
    told = {item.text(content["lang"]) for section in planned.sections for item in section.items}
    if kind != "faq":
        assert all(any(fact in text for text in told) for fact in content["facts"])


def test_what_customers_ask_and_no_fact_answers_is_reported() -> None:
    searches = ["quiet kettle"] * 3 + ["how heavy is the kettle?"] * 2 + ["how big is the glass kettle?"] * 2
    planned, _keywords, _questions = plan_article(order(brief(texts=[{"kind": "searches", "texts": searches}], format="faq")))
    assert "quiet kettle" not in [section.keyword for section in planned.sections]
    assert planned.unanswered == ("How heavy is the kettle?",)
    (size,) = [section for section in planned.sections if section.heading == "How big is the glass kettle?"]
    assert [(item.key, item.value) for item in size.items] == [("capacity", "1.7 l")]  # of the glass one only


def test_the_main_keyword_is_the_best_one_that_the_product_bears_out() -> None:
    reviews = ["my glass kettle broke", "the glass kettle is fine", "a glass kettle", "a quiet kettle", "quiet kettle", "quiet kettle"]
    planned, _keywords, _questions = plan_article(order(brief(topic="", products=KETTLES[1:], texts=[{"kind": "reviews", "texts": reviews}])))
    assert planned.keyword == "glass kettle" and planned.headline.startswith("Glass kettle")


def test_a_fact_stands_under_what_it_is_about() -> None:
    facts = ["Every kettle set can be returned within 30 days.", "Orders over 40 GBP are delivered free of charge."]
    planned, _keywords, _questions = plan_article(order(brief(facts=facts)))
    found = {item.value: section.heading for section in planned.sections if section.kind == "facts" for item in section.items}
    assert [found[fact] for fact in facts] == ["Returns", "Price, delivery"]


def test_more_sections_than_asked_for_lose_no_fact() -> None:
    made = plain(brief(most_sections=3))
    assert sum(passage.section.kind == "facts" for passage in made.passages) == 3
    assert "59 GBP" in made.markdown and "within 30 days" in made.markdown


def test_a_keyword_that_may_not_be_said_is_refused_or_reported() -> None:
    with pytest.raises(ConfigError, match="The keyword '全网第一保温杯' may not be said"):
        plain(chinese(keyword="全网第一保温杯"))
    reviews = ["最好的保温杯", "买了最好的", "最好的杯子", "真是最好的"]
    planned, _keywords, _questions = plan_article(order(chinese(topic="", texts=[{"kind": "searches", "texts": ["顶级保温杯"] * 4 + reviews}])))
    assert planned.keyword != "顶级保温杯" and "顶级保温杯" in [text for text, _reason in planned.unusable]


@pytest.mark.parametrize(("changes", "message"), [
    ({"products": [], "facts": []}, "nothing to write about"),
    ({"products": [{"name": "Aurora Kettle"}], "facts": []}, "the products have names only"),
    ({"pages": [{"url": "https://evil.example/x", "title": "X"}]}, r"pages\.0\.url 'https://evil\.example/x' is no page of the shop"),
    ({"pages": [{"url": "javascript:alert(1)", "title": "X"}]}, "is no page of the shop"),
    ({"shop": {"url": "javascript:alert(1)"}, "pages": []}, "is not an address a page can hold"),
    ({"fromat": "blog"}, r"unknown key 'fromat'\. Known: format"),
    ({"format": "poem"}, "'format' cannot be used"),
    ({"headline": "The best kettles in the world"}, "The headline 'The best kettles in the world' may not be said"),
    ({"format": "news", "shop": {"name": "H", "about": "We are the best shop."}, "pages": []}, "cannot be printed as it stands"),
    ({"must_say": ["Now only 5 GBP."]}, "cannot be printed as it stands"),
])
def test_a_brief_that_cannot_be_met_gets_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises((ConfigError, DataError), match=message) as caught:
        plain(brief(**changes))
    assert "\n" not in str(caught.value) and caught.value.text("zh") != str(caught.value)


# --- writing --------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["blog", "seo", "guide", "faq", "news"])
@pytest.mark.parametrize("content", [brief(), chinese()], ids=["en", "zh"])
def test_every_kind_is_written_by_a_model_and_without_one(kind: str, content: dict[str, Any]) -> None:
    for model in (None, teller()):
        made = write_article(model, order(content | {"format": kind}), today=TODAY)
        assert made.outline.keyword.casefold() in made.title.casefold()
        assert not [item for item in made.notices if item.level == "error"]
        assert missing_fields(made.schema) == []
        assert made.html.count("<h1>") == 1
        assert (made.mark is not None) == any(item.source == "model" for item in made.passages) == (model is not None)


@pytest.mark.parametrize(("content", "lies"), [
    (brief(), (" It costs only 9 GBP.", " It is the best kettle in the world.", " Winner of the Red Dot award.", " Delivered within 24 hours.",
               " See https://evil.example now.", " <script>alert(1)</script>", " Borealis Kettle costs 49 GBP.")),
    (chinese(), ("只要9元。", "全网销量第一。", "荣获红点奖。", "24小时内送达。", "可以治疗失眠。", "详见www.evil.example。")),
], ids=["en", "zh"])
def test_lies_do_not_get_out(content: dict[str, Any], lies: Sequence[str]) -> None:
    for lie in lies:
        made = write_article(teller(lie=lie), order(content), today=TODAY)
        assert lie.strip() not in made.markdown and lie.strip() not in made.html
        assert {passage.source for passage in made.passages} <= {"repaired", "plain"}
        assert any(passage.rejected for passage in made.passages)


@pytest.mark.parametrize("reply", ["", "{", "[]", '{"text": 3}', '{"text": ""}', "null", "Sorry, I cannot help with that.", '{"text": "' + "very " * 400 + '"}'])
def test_replies_that_are_none_give_the_plain_facts(reply: str) -> None:
    made = write_article(ScriptedTextModel(lambda _messages, _schema: reply), order(brief()), today=TODAY)
    assert {passage.source for passage in made.passages} == {"plain"} and made.mark is None
    assert "49 GBP" in made.markdown


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    whole, keep = teller(), tmp_path / "progress.json"
    expected = write_article(whole, order(brief()), today=TODAY)
    done = iter(range(3))

    def dies(messages: Sequence[Message], schema: object) -> str:
        if next(done, None) is None:
            raise ProviderError("The line is down.")
        return teller().complete(messages, schema=None, max_tokens=1).text
    with pytest.raises(ProviderError, match="The line is down"):
        write_article(ScriptedTextModel(dies), order(brief()), today=TODAY, keep=keep)
    kept = json.loads(keep.read_text(encoding="utf-8"))["sections"]
    assert 1 <= len(kept) <= 3
    again = teller()
    made = write_article(again, order(brief()), today=TODAY, keep=keep)
    assert [passage.text for passage in made.passages] == [passage.text for passage in expected.passages]
    assert len(again.calls) < len(whole.calls)


def test_kept_sections_are_checked_again_and_never_used_for_another_brief(tmp_path: Path) -> None:
    keep = tmp_path / "progress.json"
    write_article(teller(), order(brief()), today=TODAY, keep=keep)
    content = json.loads(keep.read_text(encoding="utf-8"))
    name = next(iter(content["sections"]))
    keep.write_text(json.dumps(content | {"sections": {name: "The best kettle, now only 3 GBP for everybody in town."}}), encoding="utf-8")
    assert "3 GBP" not in write_article(teller(), order(brief()), today=TODAY, keep=keep).markdown
    other = ScriptedTextModel(lambda _messages, _schema: "no")
    write_article(other, order(brief(persona="students")), today=TODAY, keep=keep)
    assert other.calls
    keep.write_text("{ broken", encoding="utf-8")
    write_article(teller(), order(brief()), today=TODAY, keep=keep)
    assert keep.with_name("progress.json.old").read_text(encoding="utf-8") == "{ broken"


def test_must_say_stands_once_and_given_answers_stay_word_for_word() -> None:
    answer = "You can return any kettle within 30 days, unused."
    made = plain(brief(must_say=["Aurora Kettle holds 1.2 l."], questions=[{"question": "Can I send it back?", "answer": answer}]))
    assert made.markdown.count("Aurora Kettle holds 1.2 l.") == 1
    (passage,) = [item for item in made.passages if item.section.heading == "Can I send it back?"]
    assert passage.text == answer and passage.source == "given"


def test_a_release_carries_quotes_place_company_and_contact() -> None:
    made = plain(brief(format="news", place="Leeds", headline="Harbour Shop opens its kettle shelf", quotes=[
        {"text": "We wanted a kettle that fits on a small desk.", "speaker": "Ann Lee"}],
        shop={"name": "Harbour Shop", "url": "https://shop.example", "about": "Harbour Shop sells kettles.", "contact": "12 Quay Street"}))
    assert "<blockquote><p>Ann Lee: “We wanted a kettle that fits on a small desk.”</p></blockquote>" in made.html
    assert "<h1>Harbour Shop opens its kettle shelf</h1>" in made.html and "Leeds" in made.html
    assert "Harbour Shop sells kettles." in made.html and "Contact: 12 Quay Street" in made.html
    assert made.schema["@graph"][0]["@type"] == "NewsArticle"


# --- the page -------------------------------------------------------------------------------------------------------------

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
    base = write_article(teller(), order(brief()), today=TODAY)
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
        made = write_article(teller(), order(content), today=TODAY, maker=Maker("Harbour", b"k" * 32))
        label = label_in_html(made.html)
        assert label is not None and is_genuine(label, "\n".join(passage.text for passage in made.passages), key=b"k" * 32)
        assert f'<span class="ai">{seen}</span>' in made.html and made.sentence in made.html
        assert made.schema["@graph"][0]["digitalSourceType"].endswith("TrainedAlgorithmicMediaDigitalSource")
        assert "aigc:" in made.markdown and seen in made.markdown and made.to_dict()["label"]["AIGC"]["Label"] == "1"
    assert label_in_html(plain(brief()).html) is None and "digitalSourceType" not in plain(brief()).schema["@graph"][0]


def test_the_audit_chain_holds_what_a_model_wrote(ledger: Ledger) -> None:
    audit, now = Audit(ledger, b"k" * 32), datetime(2026, 11, 22, tzinfo=UTC)
    made = write_article(teller(), order(brief()), today=TODAY)
    assert articles.keep_record(made, audit, actor="anna", now=now) == 1
    assert articles.keep_record(plain(brief()), audit, actor="anna", now=now) == 0
    assert made.mark is not None and audit.verify() is None and audit.head().seq == 1


# --- the check ------------------------------------------------------------------------------------------------------------

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


# --- the command ----------------------------------------------------------------------------------------------------------

def test_the_command_writes_checks_and_keeps_progress(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from brandloom.cli import app
    (tmp_path / "brief.json").write_text(json.dumps(brief()), encoding="utf-8")
    runner = CliRunner()
    run = runner.invoke(app, ["article", str(tmp_path / "brief.json"), "--model", "none", "--out", str(tmp_path / "a.html"), "--out", str(tmp_path / "a.md"),
                              "--out", str(tmp_path / "a.json")], catch_exceptions=False)
    assert run.exit_code == 0, run.output
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["slug"] == "kettle"
    assert not (tmp_path / "brief.progress.json").exists()
    for name in ("a.html", "a.md"):
        run = runner.invoke(app, ["article", "--check", str(tmp_path / name), "--json"], catch_exceptions=False)
        assert not [item for item in json.loads(run.stdout) if item["level"] == "error"]
    run = runner.invoke(app, ["article", str(tmp_path / "brief.json"), "--outline"], catch_exceptions=False)
    assert json.loads(run.stdout)["outline"]["keyword"] == "kettle"
    with pytest.raises(ConfigError, match=r"a\.pdf: an article is written as \.html, \.md, \.json"):
        runner.invoke(app, ["article", str(tmp_path / "brief.json"), "--out", "a.pdf"], catch_exceptions=False)
