"""Click links: they lead only where the message led, count people, and give nothing away."""

from __future__ import annotations

import base64
import http.client
import json
import random
import socket
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import func, select

from brandloom.deliver import Click, ClickLinks, Followed, Links, LinkServer, OutboxChannel, Subscription, Visit, follow, keep_link
from brandloom.deliver.clicks import LIFETIME, MOST_KEPT
from brandloom.errors import ConfigError
from brandloom.ledger import Ledger
from brandloom.ledger.schema import clicks
from deliver_world import NOON, World, make_world

PERSON = Visit("GET", {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) MicroMessenger/8.0.49"})
SHOP, HOSTS = "https://lantern.example/p?id=1&x=2", {"lantern.example"}
LATER = NOON + timedelta(minutes=5)


@pytest.fixture
def world(ledger: Ledger, tmp_path: Path) -> World:
    made = make_world(tmp_path, ledger)
    made.send(OutboxChannel(), made.queue("spring", made.people(4)))
    return made


@pytest.fixture
def links(world: World) -> ClickLinks:
    return ClickLinks(world.workspace.derive_key("clicks"), "https://lantern.example/c")


def token_for(world: World, links: ClickLinks, person: int = 0, target: str = SHOP) -> str:
    number = keep_link(world.ledger, "spring", target, hosts=HOSTS)
    url = links.url(Click(world.customers[person], "spring", "email", 1, number, (NOON + LIFETIME).date()))
    return parse_qs(urlsplit(url).query)["t"][0]


def counted(world: World, *, machine: bool | None = False) -> int:
    with world.ledger.read() as connection:
        rows = select(func.count()).select_from(clicks)
        return int(connection.scalar(rows if machine is None else rows.where(clicks.c.machine.is_not(None) if machine else clicks.c.machine.is_(None))) or 0)


def test_a_click_leads_to_the_kept_address_and_counts(world: World, links: ClickLinks) -> None:
    token = token_for(world, links)
    assert follow(world.ledger, links, token, PERSON, now=LATER) == Followed(SHOP, True)
    assert counted(world) == 1
    assert keep_link(world.ledger, "spring", SHOP, hosts=HOSTS) == keep_link(world.ledger, "spring", SHOP, hosts=HOSTS)


def test_the_address_says_nothing_about_the_person(world: World, links: ClickLinks) -> None:
    token = token_for(world, links)
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    for secret in (world.customers[0], "spring", "example", "p0@"):
        assert secret not in token and secret.encode() not in raw


def test_ten_thousand_altered_links_count_nothing_and_lead_nowhere(world: World, links: ClickLinks) -> None:
    token, rng = token_for(world, links), random.Random(3)
    other = Links(world.workspace.derive_key("links"), "https://lantern.example/u").token(Subscription(world.customers[0], "spring", "email"))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for number in range(10_000):
        at = rng.randrange(len(token))
        wrong = rng.choice([token[:at] + rng.choice(alphabet.replace(token[at], "")) + token[at + 1:], token[:at], token + rng.choice(alphabet), other, ""])
        assert follow(world.ledger, links, wrong, PERSON, now=LATER) == Followed(None), number
    assert counted(world, machine=None) == 0


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "https://lantern.example@evil.example/",
                                    "https://lantern.example.evil.example/", "ftp://lantern.example/", "/p", "https://evil.example/?lantern.example"])
def test_only_the_shop_s_own_pages_can_be_led_to(world: World, target: str) -> None:
    with pytest.raises(ConfigError, match="not the shop's") as caught:
        keep_link(world.ledger, "spring", target, hosts=HOSTS)
    assert "不属于本店" in caught.value.text("zh")


@pytest.mark.parametrize(("visit", "after", "reason"), [
    (Visit("HEAD", PERSON.headers), 300, "head"), (Visit("GET", {}), 300, "scanner"),
    (Visit("GET", {"user-agent": "python-requests/2.32"}), 300, "scanner"), (Visit("GET", {"User-Agent": "Slackbot-LinkExpanding 1.0"}), 300, "scanner"),
    (Visit("GET", {"User-Agent": "Mozilla/5.0 (compatible; bingbot/2.0)"}), 300, "scanner"),
    (Visit("GET", {**PERSON.headers, "Sec-Purpose": "prefetch;prerender"}), 300, "prefetch"),
    (Visit("GET", {**PERSON.headers, "X-Moz": "prefetch"}), 300, "prefetch"), (PERSON, 1, "instant"),
    (Visit("GET", {"User-Agent": "Mozilla/5.0 (Linux; Android 9; CUBOT POWER) Chrome/90"}), 300, None), (PERSON, 300, None)])
def test_machines_are_led_on_but_set_aside(world: World, links: ClickLinks, visit: Visit, after: int, reason: str | None) -> None:
    found = follow(world.ledger, links, token_for(world, links), visit, now=NOON + timedelta(seconds=after))
    assert found == Followed(SHOP, reason is None, reason)
    assert (counted(world), counted(world, machine=True)) == ((1, 0) if reason is None else (0, 1))


def test_a_scanner_that_follows_all_links_takes_its_first_click_back(world: World, links: ClickLinks) -> None:
    one, two = token_for(world, links), token_for(world, links, target="https://lantern.example/other")
    assert follow(world.ledger, links, one, PERSON, now=LATER).counted
    assert follow(world.ledger, links, two, PERSON, now=LATER + timedelta(seconds=1)).machine == "burst"
    assert (counted(world), counted(world, machine=True)) == (0, 2)
    assert follow(world.ledger, links, two, PERSON, now=LATER + timedelta(minutes=2)).counted
    assert follow(world.ledger, links, token_for(world, links, 1), PERSON, now=LATER + timedelta(seconds=1)).counted  # another reader


def test_an_old_link_still_leads_on_but_is_not_counted(world: World, links: ClickLinks) -> None:
    token = token_for(world, links)
    assert follow(world.ledger, links, token, PERSON, now=NOON + LIFETIME).counted
    assert follow(world.ledger, links, token, PERSON, now=NOON + LIFETIME + timedelta(days=1)) == Followed(SHOP)
    assert counted(world) == 1


def test_a_message_that_was_never_sent_counts_no_click(world: World, links: ClickLinks) -> None:
    world.queue("later", world.people(1))
    number = keep_link(world.ledger, "later", SHOP, hosts=HOSTS)
    click = Click(world.customers[-1], "later", "email", 1, number, (NOON + LIFETIME).date())
    token = parse_qs(urlsplit(links.url(click)).query)["t"][0]
    assert follow(world.ledger, links, token, PERSON, now=LATER) == Followed(SHOP)
    other = parse_qs(urlsplit(links.url(replace(click, link=number + 99))).query)["t"][0]
    assert follow(world.ledger, links, other, PERSON, now=LATER) == Followed(None)
    assert counted(world, machine=None) == 0


def test_following_for_ever_fills_nothing(world: World, links: ClickLinks) -> None:
    token = token_for(world, links)
    for minute in range(MOST_KEPT + 10):
        assert follow(world.ledger, links, token, PERSON, now=LATER + timedelta(minutes=minute)).target == SHOP
    assert counted(world, machine=None) == MOST_KEPT


def test_the_server_redirects_and_leaves_unsubscribing_alone(world: World) -> None:
    with LinkServer(world.ledger, world.workspace, clock=lambda: LATER) as server:
        links = ClickLinks(world.workspace.derive_key("clicks"), server.click_url)
        token = token_for(world, links)
        place = urlsplit(server.click_url)

        def ask(path: str, method: str = "GET") -> http.client.HTTPResponse:
            connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=10)
            connection.request(method, path, headers=dict(PERSON.headers))
            answer = connection.getresponse()
            answer.read()
            connection.close()
            return answer

        found = ask(f"/c?t={token}")
        assert (found.status, found.getheader("Location")) == (302, SHOP)
        assert (found.getheader("Cache-Control"), found.getheader("Referrer-Policy")) == ("no-store", "no-referrer")
        for path in ("/c", "/c?t=x", f"/c?t={token[:-1]}", "/c?t=https://evil.example", "/c?t=//evil.example&url=https://evil.example",
                     f"/c?t={token}x&next=https://evil.example"):
            wrong = ask(path)
            assert (wrong.status, wrong.getheader("Location")) == (404, None), path
        assert ask(f"/c?t={token}", "HEAD").status == 302
        page = ask(f"/unsubscribe?t={server.links.token(Subscription(world.customers[0], 'spring', 'email'))}")
        assert page.status == 200
    assert (counted(world), counted(world, machine=True)) == (1, 1)


def test_the_command_says_where_it_listens_and_refuses_a_port_that_is_taken(world: World) -> None:
    command = [sys.executable, "-m", "brandloom.cli", "links", str(world.workspace.path)]
    done = subprocess.run([*command, "--port", "0", "--seconds", "0", "--json"], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert urlsplit(told["click_url"]).path == "/c" and urlsplit(told["unsubscribe_url"]).path == "/unsubscribe"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        failed = subprocess.run([*command, "--port", str(taken.getsockname()[1])], capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert "cannot be used" in failed.stderr and "--port" in failed.stderr
