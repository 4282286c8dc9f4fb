"""One-click unsubscribe: links nobody can forge or read, and an effect that is committed before the answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from brandloom.deliver.outbox import lock_person
from brandloom.deliver.tokens import Tokens, with_token
from brandloom.govern import Audit, granted, suppress, suppressed, withdraw
from brandloom.ledger import Ledger
from brandloom.ledger.schema import outbox

_PURPOSE = b"brandloom unsubscribe 1"


@dataclass(frozen=True)
class Subscription:
    """What a link stands for."""

    customer: str
    plan: str
    channel: str


class Links:
    """Makes and opens the links of one workspace.

    A token (see `Tokens`) is valid for as long as its key is known: there is no date after which a person can no longer refuse.

    Args:
        key: `workspace.derive_key("links")`.
        older: keys of before a change, whose links must still work.
    """

    def __init__(self, key: bytes, base_url: str, *, older: tuple[bytes, ...] = ()) -> None:
        self._tokens = Tokens((key, *older), _PURPOSE)
        self._base_url = base_url

    def __repr__(self) -> str:
        return f"Links({self._base_url!r})"

    def url(self, subscription: Subscription) -> str:
        """The address to put in `List-Unsubscribe` and in the mail's footer."""
        return with_token(self._base_url, self.token(subscription))

    def token(self, subscription: Subscription) -> str:
        return self._tokens.make(subscription.customer, subscription.plan, subscription.channel)

    def read(self, token: str) -> Subscription | None:
        """What a token stands for; None for anything that was not made here, whatever is wrong with it."""
        fields = self._tokens.read(token)
        return Subscription(*fields) if fields is not None and len(fields) == 3 else None


def unsubscribe(ledger: Ledger, links: Links, token: str, *, audit: Audit, now: datetime) -> Subscription | None:
    """Take a person at their word: consent withdrawn, address suppressed, queued messages dropped, all in one transaction.

    It is in force when this returns. A second time changes nothing.

    Returns:
        What was ended, or None for a token that is not ours (then nothing was changed).
    """
    ended = links.read(token)
    if ended is None:
        return None
    with ledger.begin() as connection:
        lock_person(connection, ended.customer)
        addresses = list(connection.scalars(select(outbox.c.address).where(
            outbox.c.customer == ended.customer, outbox.c.channel == ended.channel).distinct()))
        agreed = bool(granted(connection, [ended.customer], ended.channel, "marketing"))
        if agreed or suppressed(connection, ended.channel, addresses) != set(addresses):
            withdraw(connection, ended.customer, ended.channel, "marketing", source="unsubscribe link", now=now)
            suppress(connection, ended.channel, addresses, reason="unsubscribed", now=now)
            audit.append("unsubscribed", ended.customer, "recipient", {"plan": ended.plan, "channel": ended.channel}, now,
                         connection=connection)
        connection.execute(update(outbox).where(
            outbox.c.channel == ended.channel, outbox.c.state == "queued", outbox.c.address.in_(addresses))
            .values(state="suppressed", reason="unsubscribed", state_at=now))
    return ended
