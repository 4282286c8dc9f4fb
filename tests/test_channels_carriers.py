"""Carriers of text messages against a gateway that misbehaves, links short enough for them, and replies that refuse."""

from __future__ import annotations

import base64
import hashlib
import hmac
import multiprocessing
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener, urlopen

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from brandloom.deliver import (
    ChuanglanSms,
    LoopbackGateway,
    Message,
    ReplyDesk,
    SendJob,
    SendRules,
    ShortLinks,
    TwilioSms,
    Visit,
    dialable,
    follow_short,
    keep_link,
    open_sms,
    refuses,
    send,
    signed_by_gateway,
    status,
)
from brandloom.deliver.clicks import LIFETIME
from brandloom.deliver.link_server import LinkServer
from brandloom.errors import ConfigError, ProviderError
from brandloom.govern import Consent, Person, granted, record, suppressed
from brandloom.ledger import Ledger
from brandloom.ledger.database import open_ledger_at
from brandloom.ledger.schema import clicks, outbox
from deliver_world import FREE, NOON, World, make_world
from text_world import numbers, queued, run_gateway, run_text_sender, text_of

TO = "+447700900001"
AnySms = TypeVar("AnySms", TwilioSms, ChuanglanSms, TwilioSms | ChuanglanSms)
READER = Visit("GET", {"User-Agent": "Mozilla/5.0 (iPhone)"})


def message(to: str = TO, *, key: str = "<1@lantern.example>", text: str = "Lantern Hall: hello") -> Message:
    return Message(key, "", to, text.encode())


@pytest.fixture
def world(tmp_path: Path, ledger: Ledger) -> World:
    return make_world(tmp_path / "shop", ledger)


@contextmanager
def opened(channel: AnySms) -> Iterator[AnySms]:
    try:
        channel.open()
        yield channel
    finally:
        channel.close()


def sent(world: World, plan: str, channel: TwilioSms | ChuanglanSms, *, now: datetime = NOON) -> None:
    send(world.ledger, world.vault, SendJob(plan, channel, text_of), SendRules(FREE, UTC), clock=lambda: now)


@pytest.mark.parametrize(("fault", "outcome", "kept"), [
    ("ok", "accepted", 1), ("429", "later", 0), ("503", "later", 0), ("no_number", "refused", 0), ("stopped", "refused", 0),
    ("500", "unknown", 0), ("500_stored", "accepted", 1), ("hang_up", "unknown", 0), ("hang_up_stored", "accepted", 1),
])
def test_what_a_gateway_says_is_told_apart(fault: str, outcome: str, kept: int) -> None:
    with LoopbackGateway(faults={TO: [fault]}) as gateway:  # type: ignore[list-item]
        with opened(TwilioSms(gateway.url)) as channel:
            assert channel.send(message()).outcome == outcome
        assert len(gateway) == kept


@pytest.mark.parametrize(("fault", "outcome"), [("silence", "unknown"), ("silence_stored", "accepted")])
def test_a_gateway_that_never_answers_is_asked_for_the_message(fault: str, outcome: str) -> None:
    with LoopbackGateway(faults={TO: [fault]}) as gateway, opened(TwilioSms(gateway.url, timeout_s=0.3)) as channel:  # type: ignore[list-item]
        assert channel.send(message()).outcome == outcome


def test_an_earlier_message_of_the_same_words_is_not_taken_for_one_whose_answer_was_lost() -> None:
    with LoopbackGateway(faults={TO: ["ok", "hang_up"]}) as gateway, opened(TwilioSms(gateway.url)) as channel:
        channel.send(message())
        gateway.received[0] = replace(gateway.received[0], at=gateway.received[0].at - timedelta(minutes=1))
        assert channel.send(message(key="<2@lantern.example>")).outcome == "unknown"


@pytest.mark.parametrize(("fault", "outcome", "reason"), [
    ("ok", "accepted", ""), ("429", "later", "http 429"), ("500", "unknown", "http 500"), ("no_number", "refused", "chuanglan 107"),
    ("hang_up_stored", "unknown", "no_final_answer")])
def test_chuanglan_is_spoken_as_it_answers(fault: str, outcome: str, reason: str) -> None:
    with LoopbackGateway(faults={"13800138000": [fault]}) as gateway:  # type: ignore[list-item]
        with opened(open_sms(gateway.chuanglan_url)) as channel:
            receipt = channel.send(message("+8613800138000", text="【灯笼堂】来看看"))
        assert (receipt.outcome, receipt.reason) == (outcome, reason)
        assert [(one.recipient, one.text) for one in gateway.received] == [("13800138000", "【灯笼堂】来看看")] * (fault in ("ok", "hang_up_stored"))


@pytest.mark.parametrize("change", ["token", "redirect", "gone"])
def test_a_gateway_that_takes_nothing_is_an_error_without_its_secrets(change: str) -> None:
    with LoopbackGateway(faults={TO: ["302"]}) as gateway:
        channel = TwilioSms(gateway.url.replace("loopback-token", "wrong-token") if change == "token" else gateway.url)
        if change != "gone":
            with pytest.raises(ProviderError, match=r"does not accept|Redirects are not followed") as found, opened(channel):
                channel.send(message())
    if change == "gone":
        with pytest.raises(ProviderError, match="cannot be used now") as found, opened(channel):
            pass
    said = str(found.value) + repr(channel)
    assert not any(secret in said for secret in ("loopback-token", "wrong-token", TO, "elsewhere"))


@pytest.mark.parametrize("url", ["https://x", "twilio://a:b@host", "twilio://host?from=1", "twilio://a:b@host?from=1&x=2", "chuanglan://host",
                                 "twilio://a:b@[?from=1", ""])
def test_addresses_of_no_gateway_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="BRANDLOOM_SMS_URL"):
        open_sms(url)


def test_only_this_machine_is_spoken_to_in_the_clear() -> None:
    assert TwilioSms("twilio://a:b@api.example?from=1")._messages.startswith("https://api.example/")
    assert TwilioSms("twilio://a:b@127.0.0.1:9?from=1")._messages.startswith("http://127.0.0.1:9/")


def test_a_send_through_a_faulty_gateway_loses_nobody_and_repeats_nothing(world: World) -> None:
    people = numbers(world, 40)
    faults = dict(zip(people.values(), [["429", "ok"], ["503", "ok"], ["hang_up_stored"], ["hang_up"], ["no_number"], ["stopped"]], strict=False))
    with LoopbackGateway(faults=faults) as gateway:  # type: ignore[arg-type]
        plan = queued(world, "p1", people)
        sent(world, plan, TwilioSms(gateway.url))
        sent(world, plan, TwilioSms(gateway.url), now=NOON + timedelta(minutes=5))
        now = status(world.ledger, plan)
        assert (now.sent, now.failed, now.uncertain, now.queued) == (37, 2, 1, 0)
        arrived = Counter(one.recipient for one in gateway.received)
    assert max(arrived.values()) == 1 and len(arrived) == 37
    phones = list(people.values())
    digests = {world.vault.digest("phone", phone): phone for phone in phones}
    assert {digests[one] for one in suppressed(world.ledger, "sms", digests)} == {phones[4], phones[5]}


def test_a_gateway_that_honours_keys_is_asked_again_after_a_lost_answer(world: World) -> None:
    people = numbers(world, 3)
    with LoopbackGateway(faults={phone: ["silence"] for phone in people.values()}, idempotent=True) as gateway:
        plan = queued(world, "p1", people)
        channel = TwilioSms(gateway.url, timeout_s=0.2)
        sent(world, plan, channel)
        assert status(world.ledger, plan).uncertain == 3
        sent(world, plan, channel)
        assert status(world.ledger, plan).sent == 3
        assert sorted(one.recipient for one in gateway.received) == sorted(people.values())


@given(st.integers(0, 2**40 - 1), st.integers(0, 2**32 - 1), st.binary(min_size=0, max_size=20))
def test_short_links_open_as_what_they_were_made_of_and_nothing_else_opens(message_id: int, link: int, noise: bytes) -> None:
    made = ShortLinks(b"k" * 32, "https://lantern.example/c")
    url = made.url(message_id, link)
    token = parse_qs(urlsplit(url).query)["s"][0]
    assert len(token) == ShortLinks.CHARACTERS and len(url) == made.longest()
    assert made.read(token) == (message_id, link)
    assert ShortLinks(b"j" * 32, "https://lantern.example/c").read(token) is None
    other = base64.urlsafe_b64encode(noise).rstrip(b"=").decode()
    assert other == token or made.read(other) is None
    assert made.read(token[:-1] + ("A" if token[-1] != "A" else "B")) is None


def test_clicks_of_text_messages_are_counted_until_their_last_day(world: World) -> None:
    people = numbers(world, 1)
    with LoopbackGateway() as gateway:
        plan = queued(world, "p1", people)
        sent(world, plan, TwilioSms(gateway.url))
    link = keep_link(world.ledger, plan, "https://lantern.example/lamp", hosts=["lantern.example"])
    with world.ledger.read() as connection:
        number = connection.scalar(select(outbox.c.id))
    assert number is not None
    made = ShortLinks(b"k" * 32, "https://lantern.example/c")
    token = made.url(number, link).partition("s=")[2]
    later = NOON + timedelta(minutes=1)
    assert follow_short(world.ledger, made, token, READER, now=later).counted
    assert follow_short(world.ledger, made, token, READER, now=NOON + LIFETIME + timedelta(days=1)).target == "https://lantern.example/lamp"
    assert follow_short(world.ledger, made, made.url(number + 1, link).partition("s=")[2], READER, now=later).target is None
    other = keep_link(world.ledger, world.plan("p2"), "https://lantern.example/x", hosts=["lantern.example"])
    assert follow_short(world.ledger, made, made.url(number, other).partition("s=")[2], READER, now=later).target is None
    with world.ledger.read() as connection:
        assert len(connection.execute(select(clicks)).all()) == 1


@pytest.mark.parametrize("text", ["STOP", "stop ", "Stop!", "Stop sending me this", "UNSUBSCRIBE", "R", "r", "TD", "退订", "退订，谢谢", "拒收请回复R", "ＳＴＯＰ", "T。"])
def test_replies_that_refuse(text: str) -> None:
    assert refuses(text)


@pytest.mark.parametrize("text", ["", "Thanks!", "Can you stop by tomorrow?", "Are you open on Sunday", "R u open?", "好的", "什么时候可以退货", "The end of it", "ends when?"])
def test_replies_that_do_not(text: str) -> None:
    assert not refuses(text)


@pytest.mark.parametrize(("number", "country", "wanted"), [
    ("+447911123456", "", "+447911123456"), ("07911 123456", "+44", "+447911123456"), ("07911 123456", "", None), ("0044 7911 123456", "", "+447911123456"),
    ("13800138000", "", "+8613800138000"), ("138 0013 8000", "+86", "+8613800138000"), ("12345", "", None), ("+0123456789", "", None), ("", "+44", None)])
def test_numbers_are_dialled_only_with_a_country(number: str, country: str, wanted: str | None) -> None:
    assert dialable(number, country) == wanted


def test_a_reply_is_in_force_at_once_however_the_list_wrote_the_number(world: World) -> None:
    [first, second, other] = world.vault.pseudonyms(["a", "b", "c"])
    world.vault.seal([Person(first, phone="07911 123456"), Person(second, phone="+44 7911 123456"), Person(other, phone="+44 7911 999999")], now=NOON)
    record(world.ledger, [Consent(c, "sms", "marketing", True, "Yes", "shop export", NOON) for c in (first, second, other)], now=NOON)
    plan = queued(world, "p1", {first: "07911 123456", other: "+44 7911 999999"})
    desk = ReplyDesk(world.ledger, world.vault, world.audit, "+44")
    assert not desk.take("+447911123456", "lovely", now=NOON)
    assert desk.take("+447911123456", "STOP", now=NOON) and desk.take("+447911123456", "STOP", now=NOON)
    assert granted(world.ledger, [first, second, other], "sms", "marketing") == {other}
    now = status(world.ledger, plan)
    assert (now.suppressed, now.queued) == (1, 1)
    with world.ledger.read() as connection:
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM audit WHERE action = 'unsubscribed'").scalar() == 2
    assert desk.take("not a number", "STOP", now=NOON)
    assert world.audit.verify() is None


@pytest.fixture
def served(world: World) -> Iterator[tuple[World, LinkServer]]:
    with LinkServer(world.ledger, world.workspace, clock=lambda: NOON) as server:
        yield world, server


def call(url: str, form: dict[str, str], signature: str) -> int:
    request = Request(url, data=urlencode(form).encode(), headers={"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"})
    try:
        with urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


def test_only_signed_replies_are_acted_on(served: tuple[World, LinkServer]) -> None:
    world, server = served
    people = numbers(world, 1)
    [(who, phone)] = people.items()
    form = {"From": phone, "Body": "STOP", "MessageSid": "SM1"}
    public = "https://lantern.example/replies"
    signature = base64.b64encode(hmac.digest(b"secret", (public + "".join(k + form[k] for k in sorted(form))).encode(), hashlib.sha1)).decode()
    assert call(server.reply_url, form, signature) == 403  # nobody said yet who signs
    server.take_replies(ReplyDesk(world.ledger, world.vault, world.audit), key="secret", public_url=public)
    for wrong, fields in (("", form), (signature[:-2] + "A=", form), (signature, form | {"From": "+447700900099"})):
        assert call(server.reply_url, fields, wrong) == 403
    assert granted(world.ledger, [who], "sms", "marketing") == {who}
    assert call(server.reply_url, form, signature) == 200
    assert granted(world.ledger, [who], "sms", "marketing") == set()


def test_the_published_example_of_twilios_signature_holds() -> None:
    """https://www.twilio.com/docs/usage/security, where it is worked out by hand."""
    form = {"CallSid": "CA1234567890ABCDE", "Caller": "+12349013030", "Digits": "1234", "From": "+12349013030", "To": "+18005551212"}
    assert signed_by_gateway("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", form, "0/KCTR6DLpKmkAf8muzZqo1nDgQ=")
    assert not signed_by_gateway("", "https://mycompany.com/myapp.php?foo=1&bar=2", form, "0/KCTR6DLpKmkAf8muzZqo1nDgQ=")


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *args: object) -> None:
        return None


def test_the_link_server_leads_on_from_a_text_message(served: tuple[World, LinkServer]) -> None:
    world, server = served
    plan = queued(world, "p1", numbers(world, 1))
    with LoopbackGateway() as gateway:
        sent(world, plan, TwilioSms(gateway.url))
    link = keep_link(world.ledger, plan, "https://lantern.example/lamp", hosts=["lantern.example"])
    with world.ledger.read() as connection:
        number = connection.scalar(select(outbox.c.id))
    assert number is not None
    url = ShortLinks(world.workspace.derive_key("clicks"), server.click_url).url(number, link)
    with pytest.raises(HTTPError) as answer:
        build_opener(_Stay).open(url, timeout=10)
    assert (answer.value.code, answer.value.headers["Location"]) == (302, "https://lantern.example/lamp")
    answer.value.close()


CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["brandloom.deliver", "brandloom.ledger.database", "pytest"])


@pytest.mark.parametrize("idempotent", [False, True])
def test_senders_killed_in_the_middle_text_nobody_twice_and_lose_nobody(tmp_path: Path, idempotent: bool) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    ledger = open_ledger_at(url)
    world = make_world(tmp_path, ledger)
    plan, rng = queued(world, "p1", numbers(world, 300)), random.Random(11)
    ticks = sorted(rng.sample(range(1, 280), 6))
    pipe, far = CONTEXT.Pipe()
    gateway = CONTEXT.Process(target=run_gateway, args=(far, ticks, idempotent))
    gateway.start()
    arguments = (str(world.workspace.path), url, pipe.recv(), plan)
    for tick in [*ticks, None]:
        sender = CONTEXT.Process(target=run_text_sender, args=arguments)
        sender.start()
        if tick is not None:
            pipe.recv()
            pipe.poll(rng.choice([0, 0.0005, 0.002]))
            sender.kill()
        sender.join()
        assert (sender.exitcode == 0) == (tick is None)
        sender.close()
    pipe.send("stop")
    arrivals: dict[str, int] = pipe.recv()
    gateway.join()
    states = world.states(plan)
    assert set(arrivals) <= set(states) and max(arrivals.values()) == 1
    assert not [name for name, state in states.items() if state != "uncertain" and name not in arrivals]
    uncertain = sum(state == "uncertain" for state in states.values())
    assert uncertain == 0 if idempotent else uncertain <= len(ticks)
    assert status(ledger, plan).finished
    ledger.close()
