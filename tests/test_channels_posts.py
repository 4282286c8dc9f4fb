"""Posts of a campaign: written once, gated, approved with the plan, handed out as files with their marks."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from brandloom.campaigns import Shop, create, open_shop
from brandloom.campaigns.plans import plan_digest
from brandloom.campaigns.posts import post_asks, posts_of
from brandloom.content import Brief
from brandloom.content.studio import AiMark, Piece, check_seal
from brandloom.content.studio.attempt import TRIES
from brandloom.deliver import OutboxChannel
from brandloom.errors import ProviderError
from brandloom.llm import Message, ScriptedTextModel
from shop_world import AS_OF, EN, ZH, write_shop

NOW = datetime(2024, 6, 1, 10, tzinfo=UTC)
POSTS = {"en": {"text": "A quiet evening, a table, a little light. Come in and have a look around our shelves.", "hashtags": ["candles", "evenings"]},
         "zh": {"title": "晚上在家的时光", "text": "今晚的桌上，你想放点什么？店里留了几样，有空就来慢慢看看吧。", "hashtags": ["家居", "夜晚"]}}
BRIEF = Brief(name="Evening lights", posts=("xiaohongshu", "x"))


def writer(posts: Mapping[str, Mapping[str, Any]] = POSTS) -> ScriptedTextModel:
    def reply(messages: Sequence[Message], schema: Mapping[str, Any] | None) -> str:
        assert schema is not None
        language = "zh" if any("\u4e00" <= letter <= "\u9fff" for letter in messages[0].content) else "en"
        known = (ZH if language == "zh" else EN) | posts[language]
        return json.dumps({part: known[part] for part in schema["properties"]}, ensure_ascii=False)
    return ScriptedTextModel(reply)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files, path = write_shop(tmp_path_factory.mktemp("files")), tmp_path_factory.mktemp("learned") / "shop"
    with create(path, name="Candle Shop", model=writer(), sender={"name": "Candle Shop", "email": "hi@candle.example", "postal_address": "1 Wick Lane"}) as opened:
        opened.load(files / "orders.csv", kind="orders")
        opened.load(files / "customers.csv", kind="customers")
        opened.clock = lambda: NOW
        opened.learn(AS_OF)
    return path


@pytest.fixture
def shop(learned: Path, tmp_path: Path) -> Iterator[Shop]:
    with open_shop(Path(shutil.copytree(learned, tmp_path / "shop")), model=writer()) as opened:
        opened.clock = lambda: NOW
        yield opened


def test_posts_are_approved_with_the_plan_and_handed_out_with_their_marks(shop: Shop, tmp_path: Path) -> None:
    plan = shop.plan(BRIEF)
    posts = posts_of(plan)
    assert [(one.network, one.language, one.source) for one in posts] == [("xiaohongshu", "zh", "model"), ("x", "en", "model")]
    assert POSTS["zh"]["text"] in posts[0].text and "AI生成" in posts[0].text and "AI-generated" in posts[1].text
    assert any(POSTS["en"]["text"] in text for _name, text in plan.lines())
    assert not (shop.workspace.path / "posts").exists()
    shop.approve(plan, by="Ana")
    done = shop.launch(plan, channel=OutboxChannel())
    folder = Path(str(done.posts))
    assert {file.name for file in folder.iterdir()} == {"xiaohongshu.zh.txt", "x.en.txt", "posts.json", "calendar.csv"}
    kept = json.loads((folder / "posts.json").read_text(encoding="utf-8"))["posts"]
    for post, exported in zip(posts, kept, strict=True):
        assert (folder / f"{post.network}.{post.language}.txt").read_text(encoding="utf-8") == exported["text"] + "\n"
        piece = Piece(exported["text"], AiMark.read(exported["mark"]))
        assert check_seal(piece, shop.workspace.derive_key("label")) == "genuine"
        assert check_seal(replace(piece, text=piece.text + "!"), shop.workspace.derive_key("label")) == "changed"
    rows = list(csv.DictReader((folder / "calendar.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert [(row["day"], row["network"]) for row in rows] == [("2024-06-01", "xiaohongshu"), ("2024-06-01", "x")]
    report = shop.report(plan.id, html=tmp_path / "report.html")
    assert [one.origin for one in report.posts] == ["model", "model"]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert POSTS["zh"]["text"] in page and "社交帖子" in page


def test_a_changed_post_needs_a_new_approval(shop: Shop) -> None:
    plan = shop.plan(BRIEF)
    changed = replace(plan, extra={**plan.extra, "posts": [{**plan.extra["posts"][0], "text": "other"}, plan.extra["posts"][1]]})
    assert plan_digest(shop.engine, changed) != plan.digest == plan_digest(shop.engine, plan)


def test_a_post_that_claims_too_much_gives_way_to_the_facts(shop: Shop) -> None:
    shop._model = writer({"en": {"text": "The best candle in the world, now 70 % off for everybody who loves light.", "hashtags": ["candles", "light"]},
                          "zh": {"title": "全国第一的蜡烛", "text": "全国第一的蜡烛，最低价，三天治好失眠，有空就来看看吧，真的很好。", "hashtags": ["家居", "夜晚"]}})
    for post in posts_of(shop.plan(BRIEF)):
        assert post.source in ("plain", "none") and not any(word in post.text for word in ("best", "70", "第一", "失眠"))
        assert post.text or post.reason


def test_a_model_that_dies_after_the_mails_leaves_the_plain_facts(shop: Shop) -> None:
    good = writer()

    def reply(messages: Sequence[Message], schema: Mapping[str, Any] | None) -> str:
        assert schema is not None
        if "body" not in schema["properties"]:
            raise ProviderError("gone", retryable=True)
        return good.complete(messages, schema=schema, max_tokens=200).text
    shop._model = ScriptedTextModel(reply)
    posts = posts_of(shop.plan(BRIEF))
    assert {one.source for one in posts} <= {"plain", "none"} and all(one.mark is None for one in posts)


def test_a_plan_without_posts_hands_out_none(shop: Shop) -> None:
    plan = shop.plan(Brief(name="Evening lights"))
    shop.approve(plan, by="Ana")
    assert shop.launch(plan, channel=OutboxChannel()).posts is None
    assert "posts" not in plan.extra


def test_what_posts_may_cost_is_counted_before_they_are_written(shop: Shop) -> None:
    """Every request of a post is among those that were foreseen, and there are no more of them."""
    plan = shop.plan(BRIEF)
    asks = post_asks(shop, plan.id, BRIEF, kit=None)
    assert sum(one.calls for one in asks) == TRIES * len(BRIEF.posts)
    foreseen = {message.content for one in asks for message in one.messages}
    written = {call.messages[0].content for call in shop.model.calls if "hashtags" in dict(call.schema or {}).get("properties", {})}  # type: ignore[union-attr]
    assert written and written <= foreseen
    assert post_asks(shop, plan.id, BRIEF.model_copy(update={"posts": ()}), kit=None) == []
