"""Clicks on links of a message: a signed, expiring redirect that leads only where the message led, and who is taken for a machine.

The address in a mail holds a token and nothing else. The token names message and link by number; where the link leads stands in the
ledger, written when the message was made, so there is no address to tamper with and no open redirect. What is kept of a click is its
moment: no network address, no browser.

Mail scanners and previews follow links too. A click is set aside as a machine's when it comes by HEAD, says that it is a prefetch, has the
name of a known program or none, comes within two seconds of sending, or when two different links of a message are followed within two seconds.
A scanner that waits and calls itself a browser is counted as a person: comparisons between texts bear that, since it meets all texts
alike; the level of a click rate does not.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, func, insert, select, update

from brandloom.deliver.tokens import Tokens, with_token
from brandloom.errors import ConfigError
from brandloom.i18n import _
from brandloom.ledger import Ledger
from brandloom.ledger.schema import clicks, links, outbox

LIFETIME = timedelta(days=90)
"""After this a link still leads to its page, but is no longer counted."""
TOO_FAST_S = 2
MOST_KEPT = 20
"""Clicks kept of one message; what follows more often is no reader."""
_OUT = ("sending", "sent", "uncertain")
_PURPOSE = b"brandloom click 1"
_AHEAD = re.compile(r"prefetch|prerender|preview", re.I)
_PROGRAM = re.compile(
    r"(?<!cu)bot\b|crawl|spider|scan|preview|prefetch|headless|phantom|python|curl|wget|libwww|okhttp|http-?client|java/|go-http|perl|ruby|"
    r"externalhit|imageproxy|safelinks|existence discovery|barracuda|mimecast|proofpoint|symantec|trendmicro|bitdefender|kaspersky", re.I)
MACHINES = {
    "head": _("Asked for the headers only"), "prefetch": _("Fetched ahead by a mail program or browser"),
    "scanner": _("A program by its own name, or without one"), "instant": _("Within two seconds of sending"),
    "burst": _("Several links of one message within two seconds"),
}


@dataclass(frozen=True)
class Click:
    """What a click link stands for: a message, one of its links, and the last day on which it is counted."""

    customer: str
    plan: str
    channel: str
    step: int
    link: int
    until: date


class ClickLinks:
    """Makes and reads the click links of one workspace.

    Args:
        key: `workspace.derive_key("clicks")`.
        base_url: address of the redirect, such as 'https://shop.example/c'.
        older: keys of before a change, whose links must still work.
    """

    def __init__(self, key: bytes, base_url: str, *, older: tuple[bytes, ...] = ()) -> None:
        self._tokens = Tokens((key, *older), _PURPOSE)
        self._base_url = base_url

    def __repr__(self) -> str:
        return f"ClickLinks({self._base_url!r})"

    def url(self, click: Click) -> str:
        """The address to put in a message in place of the link's own."""
        return with_token(self._base_url, self._tokens.make(click.customer, click.plan, click.channel, str(click.step), str(click.link),
                                                            str(click.until.toordinal())))

    def read(self, token: str) -> Click | None:
        """What a token stands for; None for anything that was not made here."""
        fields = self._tokens.read(token)
        if fields is None or len(fields) != 6:
            return None
        customer, plan, channel, step, link, until = fields
        return Click(customer, plan, channel, int(step), int(link), date.fromordinal(int(until)))


class ShortLinks:
    """Click links short enough for a text message: 22 characters that hold the numbers of message and link.

    They are one block of AES with seven bytes of zeros: nothing can be read out of a link, and one in 2**56 tries opens as another
    (encode, then encipher: Bellare and Rogaway 2000). Its last day follows from when the message was sent.

    Args:
        key: `workspace.derive_key("clicks")`.
        base_url: address of the redirect, as for `ClickLinks`.
    """

    CHARACTERS = 22

    def __init__(self, key: bytes, base_url: str) -> None:
        block = HKDF(algorithm=hashes.SHA256(), length=16, salt=None, info=_PURPOSE + b" short").derive(key)
        self._cipher = Cipher(algorithms.AES(block), modes.ECB())  # noqa: S305 - one block, no two of which are alike
        self._base_url = base_url

    def __repr__(self) -> str:
        return f"ShortLinks({self._base_url!r})"

    def url(self, message: int, link: int) -> str:
        """The address to put in a text message."""
        sealed = self._cipher.encryptor().update(message.to_bytes(5) + link.to_bytes(4) + bytes(7))
        return f"{self._base_url}{'&' if '?' in self._base_url else '?'}s={base64.urlsafe_b64encode(sealed).rstrip(b'=').decode()}"

    def longest(self) -> int:
        """Characters of every address made here."""
        return len(self.url(0, 0))

    def read(self, token: str) -> tuple[int, int] | None:
        """Numbers of message and link; None for anything that was not made here."""
        try:
            sealed = base64.b64decode(token + "==", altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        if len(sealed) != 16 or base64.urlsafe_b64encode(sealed).rstrip(b"=").decode() != token:
            return None
        opened = self._cipher.decryptor().update(sealed)
        return (int.from_bytes(opened[:5]), int.from_bytes(opened[5:9])) if opened[9:] == bytes(7) else None


@dataclass(frozen=True)
class Visit:
    """A request for a link, as an HTTP server hands it over. Header names in any case."""

    method: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Followed:
    """Where to send the visitor (None: unknown link, say so without a hint), and whether the click counts as a person's."""

    target: str | None
    counted: bool = False
    machine: str | None = None
    """Why it does not: a key of `MACHINES`."""


def keep_link(ledger: Ledger, plan: str, target: str, *, hosts: Collection[str]) -> int:
    """Number of a link of a plan's messages, kept in the ledger when it is new.

    Raises:
        ConfigError: it does not lead to one of `hosts` by http or https.
    """
    parts = urlsplit(target)
    if parts.scheme not in ("http", "https") or parts.username is not None or not parts.hostname or parts.hostname not in hosts:
        raise ConfigError(_("A link of the message leads to '{target}', which is not the shop's. Correct sender.website in brandloom.toml."),
                          target=target[:80])
    with ledger.begin() as connection:
        known = connection.scalar(select(links.c.id).where(links.c.plan == plan, links.c.target == target))
        if known is not None:
            return int(known)
        return int(connection.execute(insert(links).values(plan=plan, target=target).returning(links.c.id)).scalar_one())


def follow(ledger: Ledger, made: ClickLinks, token: str, visit: Visit, *, now: datetime) -> Followed:
    """Where a click leads, having counted it. For any server: call it and answer with a redirect to `target`, or 'not found'.

    A link counts once its message is on its way or sent, and until its last day; at most `MOST_KEPT` clicks of a message are kept.
    """
    click = made.read(token)
    if click is None:
        return Followed(None)
    with ledger.begin() as connection:
        target = connection.scalar(select(links.c.target).where(links.c.id == click.link, links.c.plan == click.plan))
        message = connection.execute(select(outbox.c.id, outbox.c.state_at).where(
            outbox.c.plan == click.plan, outbox.c.customer == click.customer, outbox.c.channel == click.channel,
            outbox.c.step == click.step, outbox.c.state.in_(_OUT))).one_or_none()
        if target is None or message is None or now.date() > click.until:
            return Followed(target)
        return _counted(connection, message.id, now - message.state_at, click.link, target, visit, now)


def follow_short(ledger: Ledger, made: ShortLinks, token: str, visit: Visit, *, now: datetime) -> Followed:
    """`follow` for the link of a text message."""
    numbers = made.read(token)
    if numbers is None:
        return Followed(None)
    with ledger.begin() as connection:
        found = connection.execute(select(outbox.c.id, outbox.c.state, outbox.c.state_at, links.c.target).join_from(
            outbox, links, links.c.plan == outbox.c.plan).where(outbox.c.id == numbers[0], links.c.id == numbers[1])).one_or_none()
        if found is None:
            return Followed(None)
        if found.state not in _OUT or now > found.state_at + LIFETIME:
            return Followed(found.target)
        return _counted(connection, found.id, now - found.state_at, numbers[1], found.target, visit, now)


def _counted(connection: Connection, message: int, after: timedelta, link: int, target: str, visit: Visit, now: datetime) -> Followed:
    machine = _machine(visit, after)
    if (connection.scalar(select(func.count()).where(clicks.c.message == message)) or 0) >= MOST_KEPT:
        return Followed(target, machine=machine)
    machine = machine or _burst(connection, message, link, now)
    connection.execute(insert(clicks).values(message=message, link=link, at=now, machine=machine))
    return Followed(target, machine is None, machine)


def _machine(visit: Visit, after: timedelta) -> str | None:
    headers = {name.lower(): value for name, value in visit.headers.items()}
    if visit.method != "GET":
        return "head"
    if any(_AHEAD.search(headers.get(name, "")) for name in ("purpose", "sec-purpose", "x-purpose", "x-moz")):
        return "prefetch"
    agent = headers.get("user-agent", "").strip()
    if not agent or _PROGRAM.search(agent):
        return "scanner"
    return "instant" if after < timedelta(seconds=TOO_FAST_S) else None


def _burst(connection: Connection, message: int, link: int, now: datetime) -> str | None:
    """Whether another link of the message was followed a moment ago; that click is then a machine's too."""
    lately = (clicks.c.message == message, clicks.c.at > now - timedelta(seconds=TOO_FAST_S))
    if connection.scalar(select(func.count()).where(*lately, clicks.c.link != link)) == 0:
        return None
    connection.execute(update(clicks).where(*lately, clicks.c.machine.is_(None)).values(machine="burst"))
    return "burst"
