"""Articles: an outline tied to facts, sections behind the gate, and the command that writes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from article_world import KETTLES, TODAY, brief, chinese, order, plain, teller
from brandloom.content.articles import plan_article, write_article
from brandloom.content.articles.schema import missing_fields
from brandloom.errors import ConfigError, DataError, ProviderError
from brandloom.llm import Message, ScriptedTextModel


@pytest.mark.parametrize("kind", ["blog", "seo", "guide", "faq", "news"])
@pytest.mark.parametrize("content", [brief(), chinese()], ids=["en", "zh"])
def test_no_section_is_planned_without_facts(kind: str, content: dict[str, Any]) -> None:
    planned = plan_article(order(content | {"format": kind})).outline
    assert len(planned.sections) > 2
    assert all(section.items or section.words for section in planned.sections)
    told = {item.text(content["lang"]) for section in planned.sections for item in section.items}
    if kind != "faq":
        assert all(any(fact in text for text in told) for fact in content["facts"])


def test_what_customers_ask_and_no_fact_answers_is_reported() -> None:
    searches = ["quiet kettle"] * 3 + ["how heavy is the kettle?"] * 2 + ["how big is the glass kettle?"] * 2
    planned = plan_article(order(brief(texts=[{"kind": "searches", "texts": searches}], format="faq"))).outline
    assert "quiet kettle" not in [section.keyword for section in planned.sections]
    assert planned.unanswered == ("How heavy is the kettle?",)
    (size,) = [section for section in planned.sections if section.heading == "How big is the glass kettle?"]
    assert [(item.key, item.value) for item in size.items] == [("capacity", "1.7 l")]  # of the glass one only


def test_the_main_keyword_is_the_best_one_that_the_product_bears_out() -> None:
    reviews = ["my glass kettle broke", "the glass kettle is fine", "a glass kettle", "a quiet kettle", "quiet kettle", "quiet kettle"]
    planned = plan_article(order(brief(topic="", products=KETTLES[1:], texts=[{"kind": "reviews", "texts": reviews}]))).outline
    assert planned.keyword == "glass kettle" and planned.headline.startswith("Glass kettle")


def test_a_fact_stands_under_what_it_is_about() -> None:
    facts = ["Every kettle set can be returned within 30 days.", "Orders over 40 GBP are delivered free of charge."]
    planned = plan_article(order(brief(facts=facts))).outline
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
    planned = plan_article(order(chinese(topic="", texts=[{"kind": "searches", "texts": ["顶级保温杯"] * 4 + reviews}]))).outline
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


@pytest.mark.parametrize("kind", ["blog", "seo", "guide", "faq", "news"])
@pytest.mark.parametrize("content", [brief(), chinese()], ids=["en", "zh"])
def test_every_kind_is_written_by_a_model_and_without_one(kind: str, content: dict[str, Any]) -> None:
    for model in (None, teller()):
        made = write_article(model, plan_article(order(content | {"format": kind})), today=TODAY)
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
        made = write_article(teller(lie=lie), plan_article(order(content)), today=TODAY)
        assert lie.strip() not in made.markdown and lie.strip() not in made.html
        assert {passage.source for passage in made.passages} <= {"repaired", "plain"}
        assert any(passage.rejected for passage in made.passages)


@pytest.mark.parametrize("reply", ["", "{", "[]", '{"text": 3}', '{"text": ""}', "null", "Sorry, I cannot help with that.", '{"text": "' + "very " * 400 + '"}'])
def test_replies_that_are_none_give_the_plain_facts(reply: str) -> None:
    made = write_article(ScriptedTextModel(lambda _messages, _schema: reply), plan_article(order(brief())), today=TODAY)
    assert {passage.source for passage in made.passages} == {"plain"} and made.mark is None
    assert "49 GBP" in made.markdown


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    whole, keep = teller(), tmp_path / "progress.json"
    expected = write_article(whole, plan_article(order(brief())), today=TODAY)
    done = iter(range(3))

    def dies(messages: Sequence[Message], schema: object) -> str:
        if next(done, None) is None:
            raise ProviderError("The line is down.")
        return teller().complete(messages, schema=None, max_tokens=1).text
    with pytest.raises(ProviderError, match="The line is down"):
        write_article(ScriptedTextModel(dies), plan_article(order(brief())), today=TODAY, keep=keep)
    kept = json.loads(keep.read_text(encoding="utf-8"))["sections"]
    assert 1 <= len(kept) <= 3
    again = teller()
    made = write_article(again, plan_article(order(brief())), today=TODAY, keep=keep)
    assert [passage.text for passage in made.passages] == [passage.text for passage in expected.passages]
    assert len(again.calls) < len(whole.calls)


def test_kept_sections_are_checked_again_and_never_used_for_another_brief(tmp_path: Path) -> None:
    keep = tmp_path / "progress.json"
    write_article(teller(), plan_article(order(brief())), today=TODAY, keep=keep)
    content = json.loads(keep.read_text(encoding="utf-8"))
    name = next(iter(content["sections"]))
    keep.write_text(json.dumps(content | {"sections": {name: "The best kettle, now only 3 GBP for everybody in town."}}), encoding="utf-8")
    assert "3 GBP" not in write_article(teller(), plan_article(order(brief())), today=TODAY, keep=keep).markdown
    other = ScriptedTextModel(lambda _messages, _schema: "no")
    write_article(other, plan_article(order(brief(persona="students"))), today=TODAY, keep=keep)
    assert other.calls
    keep.write_text("{ broken", encoding="utf-8")
    write_article(teller(), plan_article(order(brief())), today=TODAY, keep=keep)
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
