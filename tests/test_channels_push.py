"""Web push: sealed as the standards say, to browsers that agreed, and forgotten by those that are gone."""

from __future__ import annotations

import base64
import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from brandloom.campaigns import create
from brandloom.campaigns.eligibility import eligibility
from brandloom.content import Brief
from brandloom.deliver import MOST_BYTES, LoopbackPush, Message, PushSubscription, WebPush, application_server_key, seal, unseal
from brandloom.errors import DataError
from brandloom.workspace import CapConfig
from channel_world import channel_model
from shop_world import AS_OF, PEOPLE, write_shop

NOW = datetime(2024, 6, 1, 10, tzinfo=UTC)
SENDER = {"name": "Candle Shop", "email": "hi@candle.example", "website": "https://candle.example"}
KEY = b"p" * 32


def b64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def private(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(b64(text)), ec.SECP256R1())


def test_the_example_of_rfc_8291_comes_out_byte_by_byte() -> None:
    """Section 5 and appendix A of the standard."""
    to = PushSubscription("https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV",
                          b64("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"), b64("BTBZMqHH6r4Tts7J_aSIgg"))
    sealed = seal(b"When I grow up, I want to be a watermelon", to, sender=private("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"),
                  salt=b64("DGv6ra1nlYgDCS1FRnbzlw"))
    assert sealed == b64("DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6"
                         "cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN")
    assert unseal(sealed, receiver=private("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"), auth=to.auth) == b"When I grow up, I want to be a watermelon"


def test_a_browser_opens_what_was_sent_and_nobody_else_can() -> None:
    with LoopbackPush() as service:
        one, other = service.subscribe(), service.subscribe()
        channel = WebPush(KEY, contact="hi@candle.example", near=True)
        content = b'{"title": "' + b"x" * (MOST_BYTES - 13) + b'"}'
        assert channel.send(Message("<1@x>", "", one.subscription, content)).outcome == "accepted"
        channel.close()
        assert len(one.shown[0]["title"]) == MOST_BYTES - 13 and not other.shown
        assert one.headers[0]["TTL"] == "86400" and len(one.headers[0]["Topic"]) == 32
        with pytest.raises(DataError):
            unseal(seal(b"{}", PushSubscription.read(one.subscription)), receiver=other.key, auth=other.auth)


@pytest.mark.parametrize(("fault", "outcome", "suppress"), [(410, "refused", "bounced"), (404, "refused", "bounced"), (429, "later", None), (503, "later", None),
                                                            (500, "unknown", None), (0, "unknown", None), (413, "refused", None), (307, "refused", None)])
def test_what_a_push_service_says_is_told_apart(fault: int, outcome: str, suppress: str | None) -> None:
    with LoopbackPush() as service:
        browser = service.subscribe(faults=[fault])
        channel = WebPush(KEY, contact="hi@candle.example", near=True)
        receipt = channel.send(Message("<1@x>", "", browser.subscription, b"{}"))
        channel.close()
        assert (receipt.outcome, receipt.suppress) == (outcome, suppress)
        assert not browser.shown


@pytest.mark.parametrize("endpoint", ["http://push.example/1", "https://10.0.0.1/1", "https://169.254.169.254/latest", "https://[::ffff:10.0.0.1]/", "file:///etc/passwd", ""])
def test_a_subscription_that_leads_inside_is_not_followed(endpoint: str) -> None:
    with LoopbackPush() as service:
        browser = service.subscribe()
        text = browser.subscription.replace(service.address + "/push/0", endpoint) if endpoint else browser.subscription
        channel = WebPush(KEY, contact="hi@candle.example")
        assert channel.send(Message("<1@x>", "", text, b"{}")).reason == "bad_subscription"
        channel.close()
        assert not browser.shown


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"endpoint": "https://x", "keys": {"p256dh": "AA", "auth": "AA"}}', "[" * 100_000,
                                  json.dumps({"endpoint": "https://push.example:x/", "keys": {"p256dh": application_server_key(KEY), "auth": "A" * 22}}),
                                  json.dumps({"endpoint": "data:x", "keys": {"p256dh": application_server_key(KEY), "auth": "A" * 22}})])
def test_what_is_no_subscription_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        PushSubscription.read(text)


def test_the_shops_public_key_stays_the_same_and_is_a_point() -> None:
    assert application_server_key(KEY) == application_server_key(KEY) != application_server_key(b"q" * 32)
    ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b64(application_server_key(KEY)))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shop(tmp_path_factory.mktemp("files"))


def test_a_campaign_reaches_browsers_and_forgets_those_that_are_gone(files: Path, tmp_path: Path) -> None:
    with LoopbackPush() as service, create(tmp_path / "shop", name="Candle Shop", model=channel_model(), sender=SENDER) as shop:
        browsers = [service.subscribe(faults=[410] if n % 10 == 2 else []) for n in range(PEOPLE)]
        with (tmp_path / "customers.csv").open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["Customer ID", "First Name", "Language", "Push Subscription", "Push opt-in"])
            rows.writerows([f"K{n}", "Zebedee", "zh" if n % 4 == 0 else "en", browsers[n].subscription, "yes" if n % 2 == 0 else "no"]
                           for n in range(PEOPLE))
        shop.clock = lambda: NOW
        shop.load(files / "orders.csv", kind="orders")
        shop.load(tmp_path / "customers.csv", kind="customers")
        assert not any(b"p256dh" in path.read_bytes() or b"/push/" in path.read_bytes() for path in shop.workspace.path.rglob("*") if path.is_file())
        plan = shop.plan(Brief(name="Evening lights", channels=("push",), holdout=0.2), as_of=AS_OF)
        seen = shop.preview(plan)
        shop.approve(plan, by="Ana")
        done = shop.launch(plan, channel=WebPush(shop.workspace.derive_key("push"), contact="hi@candle.example", near=True))
        chosen = set(shop.engine.query("SELECT customer FROM decisions WHERE plan = $plan AND action = 'send'", plan=plan.id)["customer"].to_pylist())
        number = {who: n for n, who in enumerate(shop.vault.pseudonyms([f"K{n}" for n in range(PEOPLE)]))}
        reached = {n for n, browser in enumerate(browsers) if browser.shown}
        gone = {number[who] for who in chosen if number[who] % 10 == 2}
        assert reached == {number[who] for who in chosen} - gone and all(n % 2 == 0 for n in reached) and gone
        assert (done.sent, done.failed) == (len(reached), len(gone)) and all(len(browser.shown) <= 1 for browser in browsers)
        shown = browsers[number[seen.customer]].shown
        assert not shown or (shown[0]["title"], shown[0]["body"]) == (seen.subject, seen.text)
        one = browsers[min(reached)].shown[0]
        assert one["url"].startswith("https://candle.example/?product=") and "{{" not in one["body"]
        assert json.loads(one["aigc"])["Label"] == "1" and one["body"].endswith(("AI-generated", "AI生成"))
        again = eligibility(shop.engine, shop.ledger, channels=["push"], caps=CapConfig(per_day=9, per_week=9), now=NOW).to_pylist()
        assert {number[row["customer"]] for row in again if row["reason"] == "suppressed"} == gone
        assert shop.report(plan.id).delivery is not None
