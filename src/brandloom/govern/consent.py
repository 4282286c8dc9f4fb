"""Who agreed to what, kept as a growing list, and the addresses nobody may write to again.

Every function takes the ledger, or the open connection of a larger transaction: the sender asks `refusals` in the transaction
that claims a message. The last row of a (customer, channel, purpose) is in force; without one there is no consent.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import Connection, func, insert, select

from brandloom.errors import DataError
from brandloom.govern.patterns import holds_personal
from brandloom.govern.persons import ids_of
from brandloom.govern.rows import chunks, insert_new, reading, writing
from brandloom.i18n import _
from brandloom.ledger import Ledger
from brandloom.ledger.schema import consents, lookups, suppressions

SuppressionReason = Literal["unsubscribed", "bounced", "complained", "erased", "manual"]
Refusal = Literal["suppressed", "no_consent"]
Where = Ledger | Connection
_DIGEST = re.compile("[0-9a-f]{64}")
_KEY = ("customer", "channel", "purpose")


@dataclass(frozen=True)
class Consent:
    """One statement: this customer agreed, or no longer agrees, to this use of this channel."""

    customer: str
    channel: str
    purpose: str
    granted: bool
    wording: str
    """The words that were agreed to, or the shop's own name for the tick box."""
    source: str
    """Where it was said, such as 'shop export, accepts_marketing' or 'unsubscribe link'; the same name at every load."""
    at: datetime | None = None
    """When it was said; the moment of recording when unknown."""


def record(where: Where, rows: Iterable[Consent], *, now: datetime) -> int:
    """Append statements and return how many were new.

    Two kinds change nothing and are left out, so that loading an export again never undoes a withdrawal: what its source said
    in just these words before (its last statement), and what is older than the statement in force.

    Raises:
        DataError: a statement from the future, or personal data in a source; nothing is recorded.
    """
    added = 0
    with writing(where) as connection:
        for chunk in chunks(rows):
            _check(chunk, now)
            added += _append(connection, chunk, now)
    return added


def withdraw(where: Where, customer: str, channel: str, purpose: str, *, source: str, now: datetime) -> None:
    """Record that a customer no longer agrees; in force at once."""
    with writing(where) as connection:
        _check([row := Consent(customer, channel, purpose, False, "", source, now)], now)
        connection.execute(insert(consents), [_as_row(row, now)])


def granted(where: Where, customers: Iterable[str], channel: str, purpose: str) -> set[str]:
    """Those of the customers whose last statement for this channel and purpose is a yes.

    Of a person with several ids each id's last statement counts, and the strictest wins: one no is a no for all.
    """
    agreed: set[str] = set()
    with reading(where) as connection:
        for chunk in chunks(customers):
            joined = ids_of(connection, chunk)
            said = _last_words(connection, {*chunk, *(one for ids in joined.values() for one in ids)}, channel, purpose)
            for customer in chunk:
                words = {said[one] for one in joined.get(customer, (customer,)) if one in said}
                if words == {True}:
                    agreed.add(customer)
    return agreed


def _last_words(connection: Connection, customers: Iterable[str], channel: str, purpose: str) -> dict[str, bool]:
    said: dict[str, bool] = {}
    for chunk in chunks(customers):
        last = (select(func.max(consents.c.id))
                .where(consents.c.customer.in_(chunk), consents.c.channel == channel, consents.c.purpose == purpose)
                .group_by(consents.c.customer))
        query = select(consents.c.customer, consents.c.granted).where(consents.c.id.in_(last))
        said.update((row.customer, row.granted) for row in connection.execute(query))
    return said


def suppress(where: Where, channel: str, digests: str | Iterable[str], *, reason: SuppressionReason, now: datetime) -> None:
    """Never write to these addresses again; the first reason stays.

    Args:
        digests: one `Vault.digest` or many; never the address itself.
    Raises:
        DataError: not a digest, or an unknown reason.
    """
    wanted = [digests] if isinstance(digests, str) else list(digests)
    if not all(_DIGEST.fullmatch(digest) for digest in wanted):
        raise DataError(_("Only digests can be suppressed, 64 hex digits as Vault.digest makes them."))
    if reason not in get_args(SuppressionReason):
        raise DataError(_("Unknown reason '{reason}'. Known: {known}."), reason=reason, known=", ".join(get_args(SuppressionReason)))
    with writing(where) as connection:
        for chunk in chunks(wanted):
            insert_new(connection, suppressions,
                       [{"channel": channel, "digest": digest, "reason": reason, "at": now} for digest in chunk])


def suppressed(where: Where, channel: str, digests: Iterable[str]) -> set[str]:
    """Those of the digests that nobody may write to on this channel."""
    blocked: set[str] = set()
    with reading(where) as connection:
        for chunk in chunks(digests):
            blocked.update(connection.execute(select(suppressions.c.digest).where(
                suppressions.c.channel == channel, suppressions.c.digest.in_(chunk))).scalars())
    return blocked


def unwanted(where: Where, customers: Iterable[str], channel: str) -> set[str]:
    """Those of the customers who refused this channel under another of their ids: unsubscribed, complained, erased or blocked by hand.

    A bounce concerns its one address only.
    """
    with reading(where) as connection:
        joined = ids_of(connection, customers)
        refused: set[str] = set()
        for chunk in chunks({one for ids in joined.values() for one in ids}):
            refused.update(connection.execute(
                select(lookups.c.customer).join(suppressions, suppressions.c.digest == lookups.c.digest)
                .where(lookups.c.customer.in_(chunk), suppressions.c.channel == channel, suppressions.c.reason != "bounced")).scalars())
    return {customer for customer, ids in joined.items() if refused.intersection(ids)}


def refusals(where: Where, addresses: Mapping[str, str], channel: str, purpose: str) -> dict[str, Refusal]:
    """Why these customers must not be written to at this moment; a customer who may be is left out.

    Args:
        addresses: digest of the address by customer.
    """
    with reading(where) as connection:
        blocked = suppressed(connection, channel, addresses.values())
        refused = unwanted(connection, addresses, channel)
        agreed = granted(connection, addresses, channel, purpose)
    return {customer: "suppressed" if digest in blocked or customer in refused else "no_consent"
            for customer, digest in addresses.items() if digest in blocked or customer in refused or customer not in agreed}


def _check(rows: Iterable[Consent], now: datetime) -> None:
    for row in rows:
        if row.at is not None and row.at > now:
            raise DataError(_("A consent of {customer} is dated {at}, in the future. Correct its date or leave it out."),
                            customer=row.customer, at=row.at.isoformat())
    if any(holds_personal(source) for source in {row.source for row in rows}):
        raise DataError(_("The source of a consent holds personal data. Name the form or file it came from instead."))


def _append(connection: Connection, rows: list[Consent], now: datetime) -> int:
    history = _history(connection, {row.customer for row in rows})
    new: list[dict[str, Any]] = []
    for row in (_as_row(one, now) for one in rows):
        key = tuple(row[name] for name in _KEY)
        said = (row["granted"], row["wording_hash"])
        in_force, by_source = history.setdefault(key, (None, {}))
        if by_source.get(row["source"]) == said or (in_force is not None and row["at"] < in_force):
            continue
        history[key] = (row["at"], {**by_source, row["source"]: said})
        new.append(row)
    if new:
        connection.execute(insert(consents), new)
    return len(new)


History = dict[tuple[str, ...], tuple[datetime | None, dict[str, tuple[bool, str]]]]


def _history(connection: Connection, customers: set[str]) -> History:
    """Per (customer, channel, purpose): when the statement in force was made, and what each source said last."""
    found: History = {}
    for row in connection.execute(select(consents).where(consents.c.customer.in_(customers)).order_by(consents.c.id)):
        key = (row.customer, row.channel, row.purpose)
        by_source = found[key][1] if key in found else {}
        by_source[row.source] = (row.granted, row.wording_hash)
        found[key] = (row.at, by_source)
    return found


def _as_row(row: Consent, now: datetime) -> dict[str, Any]:
    return {"customer": row.customer, "channel": row.channel, "purpose": row.purpose, "granted": row.granted,
            "wording": row.wording, "wording_hash": hashlib.sha256(row.wording.encode()).hexdigest(),
            "source": row.source, "at": row.at or now}
