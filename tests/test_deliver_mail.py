"""Mails as they arrive, a mail server that misbehaves, and the way out for those who want no more."""

from __future__ import annotations

import email
import http.client
import random
import re
import socket
from email.policy import default
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from brandloom.deliver import (
    Dkim,
    Envelope,
    Links,
    LoopbackSmtp,
    Mailer,
    Message,
    Parts,
    SmtpChannel,
    Subscription,
    UnsubscribeServer,
    status,
    subject_line,
    unsubscribe,
)
from brandloom.deliver.smtp import is_loopback
from brandloom.errors import ConfigError, DataError, ProviderError
from brandloom.govern import ai_label, granted, label_in_mail, suppressed
from brandloom.ledger import Ledger
from brandloom.workspace import ShopConfig
from deliver_world import NOON, SHOP, World, make_world

URL = "https://lantern.example/unsubscribe?t=abc"
LABEL = ai_label("Hello", producer="灯笼堂, Inc.", produce_id="v1", key=b"k" * 32)


@pytest.fixture
def world(ledger: Ledger, tmp_path: Path) -> World:
    return make_world(tmp_path, ledger)


def write(mailer: Mailer, subject: str = "New lanterns", text: str = "Hello", html: str = "<p>Hello</p>", *,
          recipient: str = "p@example.com", language: str = "en") -> Message:
    envelope = Envelope("<1@lantern.example>", recipient, language, "spring", URL, LABEL)
    return mailer.message(envelope, Parts(subject, text, html), now=NOON)


def lint(data: bytes) -> email.message.EmailMessage:
    """The header rules of docs and law, on the bytes: each once, nothing else, no bare line end, no long line."""
    head, _, _body = data.partition(b"\r\n\r\n")
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", data)
    assert max(map(len, data.split(b"\r\n"))) <= 998
    assert head.isascii()
    names = [line.split(b":")[0].decode() for line in head.split(b"\r\n") if line[:1] not in b" \t"]
    wanted = ["From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "List-Id", "List-Unsubscribe",
              "List-Unsubscribe-Post", "Feedback-ID", "X-AIGC", "Content-Type"]
    assert [name for name in names if name != "DKIM-Signature"] == wanted
    message = email.message_from_bytes(data, policy=default)
    assert not message.defects
    assert message["List-Unsubscribe"] == f"<{URL}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["From"].addresses[0].addr_spec == "news@lantern.example"
    assert len(message["To"].addresses) == 1
    assert label_in_mail(message) == LABEL
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    return message  # type: ignore[return-value]


ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=200)


@settings(max_examples=150, deadline=None)
@given(ANY_TEXT | st.sampled_from(["x\r\nBcc: all@example.com", "=?utf-8?q?a?=", "灯笼" * 60, "a" * 150, "\u202egpj"]),
       ANY_TEXT, ANY_TEXT)
def test_any_text_makes_a_lawful_mail(subject: str, text: str, html: str) -> None:
    message = lint(write(Mailer(SHOP), subject, text, html).data)
    shown = re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+", " ", subject)
    assert str(message["Subject"]).split() == shown.split()
    got = message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert got.split() == text.split()


def test_a_shop_name_cannot_forge_headers() -> None:
    shop = SHOP.model_copy(update={"sender": SHOP.sender.model_copy(update={"name": 'A" <evil@x.example>\r\nBcc: b@x.example'})})
    assert len(lint(write(Mailer(shop)).data)["From"].addresses) == 1


@pytest.mark.parametrize("recipient", ["a@b.example\r\nBcc: c@d.example", "a@b.example, c@d.example", "a b@c.example", "<a@b.example>",
                                       "a@b", "@b.example", "a@b.example>", "", "a" * 250 + "@b.example"])
def test_an_address_that_is_none_is_refused_and_not_shown(recipient: str) -> None:
    with pytest.raises(DataError, match="recipient's address cannot be used") as caught:
        write(Mailer(SHOP), recipient=recipient)
    assert not recipient or recipient not in str(caught.value)


def test_dkim_covers_both_list_headers() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    record = b"v=DKIM1; k=rsa; p=" + b"".join(public.split(b"\n")[1:-2])
    mailer = Mailer(SHOP, dkim_key=Dkim("s1", "lantern.example", pem))
    for subject in ("New lanterns", "新到灯笼"):
        data = write(mailer, subject).data
        lint(data)
        assert dkim.verify(data, dnsfunc=lambda name, timeout=5: record)
        signed = re.search(rb"h=([^;]+);", data.replace(b"\r\n ", b""))
        assert signed is not None
        assert {b"list-unsubscribe", b"list-unsubscribe-post"} <= {n.strip().lower() for n in signed[1].split(b":")}
        assert not dkim.verify(data.replace(b"t=abc", b"t=abd"), dnsfunc=lambda name, timeout=5: record)


def test_subjects_begin_as_the_law_wants() -> None:
    assert subject_line("新品", language="zh", jurisdictions=("cn", "eu")) == "广告｜新品"
    assert subject_line("广告：新品", language="zh-CN", jurisdictions=("cn",)) == "广告：新品"
    assert subject_line("New", language="en", jurisdictions=("cn", "eu")) == "New"
    assert subject_line("New", language="en", jurisdictions=("cn",)) == "AD: New"
    assert subject_line("新品", language="zh", jurisdictions=("eu",)) == "新品"


def test_a_shop_without_a_postal_address_cannot_send() -> None:
    with pytest.raises(ConfigError, match="postal_address is empty"):
        Mailer(ShopConfig())


# --- a mail server that misbehaves -----------------------------------------------------------------------------------------

def test_what_was_sent_can_be_read_back_as_it_was(world: World, tmp_path: Path) -> None:
    plan = world.queue("spring", world.people(25))
    with LoopbackSmtp(tmp_path / "spool") as sink:
        assert world.send(SmtpChannel(sink.url), plan).sent == len(sink) == 25
        assert [message.message_id for message in sink.read_back()] == list(world.states(plan))
        assert all(b"\r\nSubject: New lanterns\r\n" in message.data for message in sink.read_back())
    with LoopbackSmtp(tmp_path / "spool") as again:
        assert len(again) == 25


def test_one_refusal_does_not_touch_the_others(world: World) -> None:
    plan = world.queue("spring", world.people(9))
    faults = {f"p{n}@example.com": [fault] for n, fault in enumerate(
        ["421", "451", "554", "hang_up", "hang_up_stored", "silence"], start=1)}
    with LoopbackSmtp(faults=faults) as sink:  # type: ignore[arg-type]
        report = world.send(SmtpChannel(sink.url, timeout_s=0.5), plan)
        assert report.reasons == {"smtp 421 4.3.2": 1, "smtp 451 4.7.1": 1, "smtp 554 5.7.1": 1, "no_final_answer": 3}
        assert (report.sent, report.again, report.failed, report.uncertain) == (3, 2, 1, 3)
        assert report.next_at is not None
        assert world.send(SmtpChannel(sink.url), plan, now=report.next_at).sent == 2
        assert set(sink.arrivals.values()) == {1}
        assert len(sink) == 6  # three, two after a while, and one that is uncertain and did arrive
    assert status(world.ledger, plan).finished


def test_nobody_home_leaves_everything_queued_and_says_so_in_one_line(world: World) -> None:
    plan = world.queue("spring", world.people(3))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers here
        port = taken.getsockname()[1]
        with pytest.raises(ProviderError, match=rf"127.0.0.1:{port} cannot be used now \(ConnectionRefusedError\)") as caught:
            world.send(SmtpChannel(f"smtp://user:secret@127.0.0.1:{port}"), plan)
    assert caught.value.retryable
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert status(world.ledger, plan).queued == 3


def test_dots_and_other_scripts_arrive_unchanged() -> None:
    text = ".\n..\n.hidden\n你好 𝄞 é"
    with LoopbackSmtp() as sink:
        channel = SmtpChannel(sink.url)
        for recipient in ("p@example.com", "用户@例子.example"):
            assert channel.send(write(Mailer(SHOP), text=text, recipient=recipient)).outcome == "accepted"
        channel.close()
        arrived = list(sink.read_back())
    assert arrived[0].data == write(Mailer(SHOP), text=text).data
    assert arrived[1].recipient == "用户@xn--fsqu00a.example"


def test_the_clear_is_refused_beyond_loopback() -> None:
    """A server that offers no STARTTLS gets no message; '127.1' stands for a host that is not known to be this machine."""
    assert is_loopback("127.0.0.9")
    assert is_loopback("::1")
    assert not is_loopback("127.1")
    with LoopbackSmtp() as sink:
        port = sink.url.rsplit(":", 1)[1]
        with pytest.raises(ProviderError, match="SMTPNotSupportedError"):
            SmtpChannel(f"smtp://127.1:{port}").open()
        channel = SmtpChannel(f"smtp+insecure://127.1:{port}")
        channel.open()
        channel.close()


@pytest.mark.parametrize("url", ["http://mail.example", "smtp://", "smtp://host:port", "mail.example:25"])
def test_an_unusable_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="BRANDLOOM_SMTP_URL cannot be used"):
        SmtpChannel(url)


# --- the way out -----------------------------------------------------------------------------------------------------------

def test_tokens_are_opaque_short_and_survive_a_change_of_key() -> None:
    who = Subscription("c_0123456789abcdef01234567", "spring", "email")
    old = Links(b"o" * 32, URL)
    token = old.token(who)
    assert old.token(who) == token
    assert "c_0123" not in token
    assert Links(b"n" * 32, URL, older=(b"o" * 32,)).read(token) == who
    assert Links(b"n" * 32, URL).read(token) is None
    assert old.url(who) == f"{URL}&t={token}"


def test_forged_and_altered_links_change_nothing_and_look_alike(world: World) -> None:
    plan = world.queue("spring", world.people(1))
    rng = random.Random(3)
    token = world.links.token(Subscription(world.customers[0], plan, "email"))
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=%.\n"
    for _ in range(1_000):
        place = rng.randrange(len(token))
        forged = rng.choice([token[:place] + rng.choice(letters) + token[place + 1:], token[:place], token + rng.choice(letters),
                             "".join(rng.choices(letters, k=rng.randrange(80)))])
        if forged != token:
            assert unsubscribe(world.ledger, world.links, forged, audit=world.audit, now=NOON) is None
    assert status(world.ledger, plan).queued == 1
    with UnsubscribeServer(world.ledger, world.workspace, clock=lambda: NOON) as server:
        answers = {ask(server, "POST", forged, one_click()) for forged in ("", "x", token[:-1], token[:-1] + "~", "A" * 70)}
    assert len(answers) == 1
    assert next(iter(answers))[0] == 400
    assert granted(world.ledger, world.customers, "email", "marketing") == set(world.customers)


def one_click() -> tuple[str, bytes]:
    return "application/x-www-form-urlencoded", b"List-Unsubscribe=One-Click"


def ask(server: UnsubscribeServer, method: str, token: str, form: tuple[str, bytes] = ("", b""),
        language: str = "en") -> tuple[int, str, str | None]:
    wire = http.client.HTTPConnection("127.0.0.1", int(server.url.split(":")[2].split("/")[0]), timeout=10)
    wire.request(method, f"/unsubscribe?t={token}", body=form[1], headers={"Content-Type": form[0], "Accept-Language": language})
    answer = wire.getresponse()
    page = answer.read().decode()
    wire.close()
    return answer.status, page, answer.headers.get("Location")


@pytest.mark.parametrize("form", [one_click(), (
    "multipart/form-data; boundary=xx",
    b'--xx\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--xx--\r\n')], ids=["urlencoded", "multipart"])
def test_one_click_is_in_force_before_the_answer_and_looking_changes_nothing(world: World, form: tuple[str, bytes]) -> None:
    plan = world.queue("spring", world.people(2))
    customer = world.customers[0]
    token = world.links.token(Subscription(customer, plan, "email"))
    digest = world.items([customer])[0].address
    with UnsubscribeServer(world.ledger, world.workspace, clock=lambda: NOON) as server:
        for _ in range(50):
            assert ask(server, "GET", token)[0] == 200
            assert ask(server, "HEAD", token)[:2] == (200, "")
        assert "您确定不再接收" in ask(server, "GET", token, language="zh-CN")[1]
        assert ask(server, "POST", token, ("application/x-www-form-urlencoded", b"x=1"))[0] == 400
        assert ask(server, "POST", token, ("text/plain", b"x" * 20_000))[0] == 413
        assert granted(world.ledger, [customer], "email", "marketing") == {customer}
        code, page, location = ask(server, "POST", token, form)
        assert (code, location) == (200, None)
        assert "no more marketing messages" in page
        assert granted(world.ledger, [customer], "email", "marketing") == set()
        assert suppressed(world.ledger, "email", [digest]) == {digest}
        assert status(world.ledger, plan).reasons == {"unsubscribed": 1}
        assert ask(server, "POST", token, form)[0] == 200
    head = world.audit.head()
    assert head is not None
    assert head.seq == 1  # the second click changed nothing
    assert world.audit.verify() is None
