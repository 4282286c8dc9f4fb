"""Replies to text messages that refuse more of them: in force before the gateway gets its answer."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update

from brandloom.deliver.numbers import spellings
from brandloom.deliver.outbox import lock_person
from brandloom.errors import DataError
from brandloom.govern import Audit, Vault, granted, suppress, suppressed, withdraw
from brandloom.ledger import Ledger
from brandloom.ledger.schema import outbox

CHANNEL = "sms"
_STOP = frozenset({"stop", "stopall", "stop all", "unsubscribe", "cancel", "end", "quit", "optout", "opt out", "revoke", "remove", "r", "t", "td",
                   "n", "退订", "拒收", "取消", "不要", "不要再发", "别发了", "停止", "回复r", "回复t", "拒收请回复r"})

_AT_THE_HEAD = frozenset({"stop", "stopall", "unsubscribe", "optout"})


@dataclass(frozen=True)
class ReplyDesk:
    """What acts on replies.

    Args:
        country_code: see `numbers.spellings`.
    """

    ledger: Ledger
    vault: Vault
    audit: Audit
    country_code: str = ""

    def take(self, number: str, text: str, *, now: datetime) -> bool:
        """Act on one reply: where it refuses, the number is suppressed, consent withdrawn and what is queued dropped, all in one transaction.

        Returns:
            Whether it refuses. A second time changes nothing.
        """
        if not refuses(text):
            return False
        digests = self._digests(number)
        people = sorted({one for spelt in spellings(number, self.country_code) for one in self._found(spelt)})
        with self.ledger.begin() as connection:
            for customer in people:
                lock_person(connection, customer)
            if suppressed(connection, CHANNEL, digests) == set(digests) and not granted(connection, people, CHANNEL, "marketing"):
                return True
            for customer in people:
                withdraw(connection, customer, CHANNEL, "marketing", source="reply to a text message", now=now)
                self.audit.append("unsubscribed", customer, "recipient", {"channel": CHANNEL}, now, connection=connection)
            suppress(connection, CHANNEL, digests, reason="unsubscribed", now=now)
            connection.execute(update(outbox).where(outbox.c.channel == CHANNEL, outbox.c.state == "queued", outbox.c.address.in_(digests))
                               .values(state="suppressed", reason="unsubscribed", state_at=now))
        return True

    def _digests(self, number: str) -> list[str]:
        found = []
        for spelt in spellings(number, self.country_code):
            try:
                found.append(self.vault.digest("phone", spelt))
            except DataError:
                continue  # a sender that is no number, such as a short code, is nobody's
        return found

    def _found(self, number: str) -> list[str]:
        try:
            return self.vault.find("phone", number)
        except DataError:
            return []


def refuses(text: str) -> bool:
    """Whether a reply asks for no more messages: one of the usual words, alone or as its first word."""
    plain = " ".join(re.sub(r"[^\w\s]", " ", unicodedata.normalize("NFKC", text)).casefold().split())
    return plain in _STOP or plain.split(" ", 1)[0] in _AT_THE_HEAD or plain.startswith(("退订", "拒收"))


def signed_by_gateway(key: str, url: str, form: Mapping[str, str], signature: str) -> bool:
    """Whether Twilio made a request: HMAC-SHA1 over its address and its sorted fields, in base64 (X-Twilio-Signature).

    Args:
        key: the account's token; without one nothing is believed.
        url: the address exactly as the gateway calls it.
    """
    content = url + "".join(f"{name}{form[name]}" for name in sorted(form))
    wanted = base64.b64encode(hmac.digest(key.encode(), content.encode(), hashlib.sha1)).decode()
    return bool(key) and hmac.compare_digest(wanted.encode(), signature.encode("utf-8", "surrogatepass"))
