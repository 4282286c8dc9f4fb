"""Text messages as a channel of a campaign: from the brief to phones that refuse."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

import pytest

from brandloom.campaigns import Shop, create, open_shop
from brandloom.campaigns.sending import launch
from brandloom.content.studio.formats import segments
from brandloom.deliver import Channel, LinkServer, LoopbackGateway, OutboxChannel, ReplyDesk, TwilioSms, status
from brandloom.engine import scalar
from brandloom.errors import ConfigError
from brandloom.measure import words
from channel_world import LINES, channel_model, write_phone_shop
from shop_world import AS_OF, PEOPLE

NOW = datetime(2024, 6, 1, 10, tzinfo=UTC)
SENDER = {"name": "Candle Shop", "email": "hi@candle.example", "postal_address": "1 Wick Lane", "website": "https://candle.example"}


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that has loaded and learned, to be copied."""
    files, path = write_phone_shop(tmp_path_factory.mktemp("files")), tmp_path_factory.mktemp("learned") / "shop"
    with create(path, name="Candle Shop", model=channel_model(), sender=SENDER,
                economics={"cost_per_message": {"email": 0.002, "sms": 0.02}, "lift_by_channel": {"sms": 0.2}}) as opened:
        opened.load(files / "orders.csv", kind="orders")
        opened.load(files / "customers.csv", kind="customers")
        opened.clock = lambda: NOW
        opened.learn(AS_OF)
    shutil.copy(files / "brief.yaml", path / "brief.yaml")
    return path


@pytest.fixture
def shop(learned: Path, tmp_path: Path) -> Iterator[Shop]:
    with open_shop(Path(shutil.copytree(learned, tmp_path / "shop")), model=channel_model()) as opened:
        opened.clock = lambda: NOW
        yield opened


def test_each_person_gets_one_message_on_a_channel_they_agreed_to(shop: Shop) -> None:
    plan = shop.plan(shop.workspace.path / "brief.yaml")
    shop.approve(plan, by="Ana")
    mail = OutboxChannel()
    with LoopbackGateway() as gateway:
        sent = shop.launch(plan.id, channel=[mail, TwilioSms(gateway.url)])
    rows = {row["customer"]: row["channel"] for row in shop.engine.query(
        "SELECT customer, channel FROM decisions WHERE plan = $plan AND action = 'send'", plan=plan.id).to_pylist()}
    assert sent.sent == sent.audience == len(rows) == len(mail) + len(gateway)
    agreed = {who: n % 3 for n, who in enumerate(shop.vault.pseudonyms([f"K{n}" for n in range(PEOPLE)]))}
    assert {agreed[who] for who, channel in rows.items() if channel == "email"} <= {0, 2}
    assert {agreed[who] for who, channel in rows.items() if channel == "sms"} <= {1, 2}
    assert len(mail) > 5 and len(gateway) > 5
    people = shop.vault.reveal([who for who, channel in rows.items() if channel == "sms"])
    assert sorted(one.recipient for one in gateway.received) == sorted(str(person.phone) for person in people.values())
    for one in gateway.received:
        chinese = one.text.startswith("【Candle Shop】")
        assert one.text.startswith(("【Candle Shop】", "Candle Shop: "))
        assert one.text.endswith("拒收请回复R" if chinese else "Reply STOP to opt out")
        assert LINES["zh" if chinese else "en"] in one.text and "EVENING5" in one.text and "{{" not in one.text
        assert segments(one.text) <= 3
    assert scalar(shop.engine, "SELECT COUNT(*) FROM messages WHERE plan = $plan AND channel = 'sms' AND state = 'sent'", plan=plan.id) == len(gateway)


def test_launching_again_texts_nobody_twice(shop: Shop) -> None:
    plan = shop.plan(shop.workspace.path / "brief.yaml")
    shop.approve(plan, by="Ana")
    with LoopbackGateway() as gateway:
        carriers: list[Channel] = [OutboxChannel(), TwilioSms(gateway.url)]
        first = shop.launch(plan, channel=carriers)
        again = shop.launch(plan.id, channel=carriers)
    assert (first.sent, again.sent) == (first.audience, first.audience)
    assert len({one.recipient for one in gateway.received}) == len(gateway)


def test_a_plan_with_text_messages_needs_their_carrier(shop: Shop) -> None:
    plan = shop.plan(shop.workspace.path / "brief.yaml")
    shop.approve(plan, by="Ana")
    with pytest.raises(ConfigError, match="No carrier for text messages is set"):
        shop.launch(plan, channel=OutboxChannel())
    assert status(shop.ledger, plan.id).audience == 0


def test_a_preview_is_the_text_message_that_is_sent(shop: Shop) -> None:
    plan = shop.plan(shop.workspace.path / "brief.yaml")
    who = shop.engine.query("SELECT customer FROM decisions WHERE plan = $plan AND action = 'send' AND channel = 'sms' ORDER BY customer LIMIT 1",
                            plan=plan.id)["customer"][0].as_py()
    seen = shop.preview(plan, customer=who)
    assert seen.channel == "sms" and seen.segments == segments(seen.text) and seen.subject == ""
    assert "segments" in seen.text_view() and "╭" in seen.text_view()
    shop.approve(plan, by="Ana")
    with LoopbackGateway() as gateway:
        shop.launch(plan, channel=[OutboxChannel(), TwilioSms(gateway.url)])
    assert [one.text for one in gateway.received if one.recipient == shop.vault.reveal([who])[who].phone] == [seen.text]


def test_plan_and_report_count_the_segments_that_are_paid_for(shop: Shop, tmp_path: Path) -> None:
    plan = shop.plan(shop.workspace.path / "brief.yaml")
    shop.approve(plan, by="Ana")
    with LoopbackGateway() as gateway:
        shop.launch(plan, channel=[OutboxChannel(), TwilioSms(gateway.url)])
    paid = sum(segments(one.text) for one in gateway.received)
    planned = {row["channel"]: row for row in plan.extra["channels"]}
    assert (planned["sms"]["messages"], planned["sms"]["segments"]) == (len(gateway), paid)
    assert plan.decision["cost"] >= sum(row["cost"] for row in planned.values())
    report = shop.report(plan.id, html=tmp_path / "report.html")
    assert report.delivery is not None
    rows = {words(row.channel, "en"): row for row in report.delivery.channels}
    assert rows["Text messages"].segments == paid and rows["Text messages"].cost == pytest.approx(0.02 * paid)
    assert rows["Text messages"].sent == len(gateway) and rows["E-mail"].segments is None
    assert {one.channel for one in report.messages} == {"email", "sms"}
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Messages by channel" in page and "各渠道消息" in page


def test_a_dry_run_writes_text_messages_and_sends_none(shop: Shop) -> None:
    plan = shop.plan(shop.workspace.path / "brief.yaml")
    tried = shop.launch(plan, dry_run=True)
    texts = [file.read_text(encoding="utf-8") for file in Path(str(tried.folder)).glob("*.txt")]
    assert texts and all("STOP" in text or "拒收" in text for text in texts)
    assert status(shop.ledger, plan.id).audience == 0


def test_clicks_on_text_messages_are_counted_beside_those_on_mail(shop: Shop) -> None:
    plan = shop.plan(shop.workspace.path / "brief.yaml")
    shop.approve(plan, by="Ana")
    with LinkServer(shop.ledger, shop.workspace, clock=lambda: NOW + timedelta(hours=1)) as links, LoopbackGateway() as gateway:
        launch(shop, plan, channel=[OutboxChannel(), TwilioSms(gateway.url)], click_url=links.click_url)
        [link] = re.findall(r"http\S+", gateway.received[0].text)
        assert link.startswith(links.click_url)
        with pytest.raises(HTTPError) as answer:
            build_opener(_Stay).open(Request(link, headers={"User-Agent": "Mozilla/5.0 (iPhone)"}), timeout=10)
        assert answer.value.headers["Location"].startswith("https://candle.example/?product=")
        answer.value.close()
    report = shop.report(plan.id)
    assert report.delivery is not None
    assert {words(row.channel, "en"): row.clicked for row in report.delivery.channels} == {"E-mail": 0, "Text messages": 1}


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *args: object) -> None:
        return None


def test_nobody_is_texted_who_refused_by_reply_after_the_plan_was_made(shop: Shop) -> None:
    plan = shop.plan(shop.workspace.path / "brief.yaml")
    shop.approve(plan, by="Ana")
    [who, other] = shop.engine.query("SELECT customer FROM decisions WHERE plan = $plan AND action = 'send' AND channel = 'sms' ORDER BY customer "
                                     "LIMIT 2", plan=plan.id)["customer"].to_pylist()
    phones = {one: str(person.phone) for one, person in shop.vault.reveal([who, other]).items()}
    ReplyDesk(shop.ledger, shop.vault, shop.audit).take(phones[who], "STOP", now=NOW)
    with LoopbackGateway() as gateway:
        done = shop.launch(plan, channel=[OutboxChannel(), TwilioSms(gateway.url)])
    reached = {one.recipient for one in gateway.received}
    assert phones[who] not in reached and phones[other] in reached and done.suppressed == 1
