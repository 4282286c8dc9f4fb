"""Pseudonyms for everybody, and the one place where personal data is kept: encrypted, per person, in the ledger."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, bindparam, delete, select, text

from brandloom.errors import DataError
from brandloom.govern import normal
from brandloom.govern.persons import ids_of
from brandloom.govern.rows import chunks, insert_new, insert_or_update, reading, writing
from brandloom.i18n import _
from brandloom.ledger import Ledger
from brandloom.ledger.schema import lookups, people
from brandloom.workspace import Workspace

KEY_ID = 1
_NONCE_BYTES = 12
_SEAL_LOCK = 0x5EA1  # number of PostgreSQL's advisory lock that lets one process merge people at a time
_LOOKED_UP: tuple[normal.Kind, ...] = ("email", "phone", "id_number", "push")


@dataclass(frozen=True, repr=False)
class Person:
    """What is known of one customer. Its repr names the filled fields and never shows a value."""

    customer: str
    first_name: str | None = None
    last_name: str | None = None
    full_name: str | None = None
    email: str | None = None
    phone: str | None = None
    address: str | None = None
    id_number: str | None = None
    push: str | None = None
    """A browser's push subscription, as JSON."""
    other: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Personal data of any other kind, by column name of the source."""

    def __repr__(self) -> str:
        filled = [name for name in PERSONAL_FIELDS if getattr(self, name)]
        return f"Person({self.customer}, holds: {', '.join(filled) or 'nothing'})"

    def merged(self, newer: Person) -> Person:
        """This person with every non-empty field of `newer` put over it."""
        changes = {name: value for name in PERSONAL_FIELDS if name != "other" and (value := getattr(newer, name))}
        return replace(self, **changes, other={**self.other, **{key: value for key, value in newer.other.items() if value}})


PERSONAL_FIELDS = tuple(one.name for one in fields(Person) if one.name != "customer")


class Vault:
    """Names, addresses and the like under pseudonymous ids; keys come from the workspace and never leave this object."""

    def __init__(self, ledger: Ledger, workspace: Workspace) -> None:
        self._ledger = ledger
        self._cipher = AESGCM(workspace.derive_key("vault"))
        self._pseudonym = _Mac(workspace.derive_key("pseudonym"))
        self._lookup = _Mac(workspace.derive_key("lookup"))

    def __repr__(self) -> str:
        return f"Vault({self._ledger.dialect})"

    def pseudonym(self, source_id: str) -> str:
        """The id under which a customer is known everywhere else: 'c_' and 24 hex digits of a keyed hash.

        The same in every file and load of this workspace, different in any other. '17850.0', ' 17850' and '１７８５０' are 17850.

        Raises:
            DataError: the id is empty.
        """
        return self.pseudonyms([source_id])[0]

    def pseudonyms(self, source_ids: Sequence[str]) -> list[str]:
        """`pseudonym` of many ids, in their order; the error names the first empty one, counted from 1."""
        made: list[str] = []
        for position, source_id in enumerate(source_ids, start=1):
            plain = normal.source_id(source_id)
            if not plain:
                raise DataError(_("Customer id number {position} is empty. Leave out rows without one, or fill it in."),
                                position=position)
            made.append("c_" + self._pseudonym.hex(plain)[:24])
        return made

    def seal(self, persons: Iterable[Person], *, now: datetime, connection: Connection | None = None) -> int:
        """Encrypt people into the vault, joining what is new with what is there: a new value wins, an empty one changes nothing.

        Works in chunks of 5,000, each its own transaction; pass the `connection` of an open `ledger.begin()` to make it part
        of a larger one. A person may come several times.

        Returns:
            Number of records written.
        Raises:
            DataError: a record that is already there cannot be opened.
        """
        written = 0
        for chunk in chunks(persons):
            with writing(connection or self._ledger) as open_connection:
                written += self._seal_chunk(open_connection, chunk, now)
        return written

    def reveal(self, customers: Sequence[str], *, connection: Connection | None = None) -> dict[str, Person]:
        """The people behind these ids; an id without a record is left out.

        What the record of an id does not say is taken from the person's other ids, the first in order that says it.

        Raises:
            DataError: a record was changed, belongs to somebody else, or was sealed with another key.
        """
        found: dict[str, Person] = {}
        with reading(connection or self._ledger) as open_connection:
            for chunk in chunks(customers):
                joined = ids_of(open_connection, chunk)
                records = self._open_chunk(open_connection, {*chunk, *(one for ids in joined.values() for one in ids)})
                for customer in chunk:
                    person = Person(customer)
                    for one in (*reversed(joined.get(customer, ())), customer):
                        person = person.merged(records[one]) if one in records else person
                    if person != Person(customer):
                        found[customer] = person
        return found

    def records(self, customers: Sequence[str]) -> dict[str, Person]:
        """What was recorded under each of these very ids, whoever else is the same person."""
        found: dict[str, Person] = {}
        with self._ledger.read() as connection:
            for chunk in chunks(customers):
                found.update(self._open_chunk(connection, chunk))
        return found

    def digest(self, kind: normal.Kind, value: str) -> str:
        """Keyed digest of an e-mail, phone, id number or outside id, in 64 hex digits: finds and blocks without showing.

        Raises:
            DataError: the value cannot be one of this kind (an e-mail without '@', a phone of fewer than 5 digits, nothing).
        """
        plain = normal.normal(kind, value)
        if not plain:
            raise DataError(_("The value given is not usable as {kind}. Check the column it comes from."), kind=kind)
        return self._lookup.hex(f"{kind}:{plain}")

    def find(self, kind: normal.Kind, value: str) -> list[str]:
        """Customers who have this e-mail, phone or id number now, sorted."""
        query = select(lookups.c.customer).where(lookups.c.kind == kind, lookups.c.digest == self.digest(kind, value))
        with self._ledger.read() as connection:
            return sorted(connection.execute(query).scalars())

    def addresses(self, customers: Sequence[str], kind: normal.Kind) -> dict[str, str]:
        """Digest of each customer's e-mail or phone, by customer; who has none is left out. Nothing is decrypted.

        Who has none under this id has that of another of the person's ids, the same one that `reveal` shows.
        """
        return addresses(self._ledger, customers, kind)

    def _seal_chunk(self, connection: Connection, chunk: Sequence[Person], now: datetime) -> int:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _SEAL_LOCK})
        known = self._open_chunk(connection, {person.customer for person in chunk})
        joined: dict[str, Person] = {}
        for person in chunk:
            before = joined.get(person.customer) or known.get(person.customer) or Person(person.customer)
            joined[person.customer] = before.merged(person)
        rows = [{"customer": customer, "key_id": KEY_ID, "sealed": self._encrypt(person), "updated_at": now}
                for customer, person in joined.items() if person != known.get(customer)]
        insert_or_update(connection, people, rows)
        self._renew_lookups(connection, known, joined)
        return len(rows)

    def _renew_lookups(self, connection: Connection, known: Mapping[str, Person], joined: Mapping[str, Person]) -> None:
        """Digests point to who has the address now: those of a replaced address go."""
        before = {entry for person in known.values() for entry in self._entries(person)}
        after = {entry for person in joined.values() for entry in self._entries(person)}
        gone = [dict(zip(("b_kind", "b_digest", "b_customer"), entry, strict=True)) for entry in before - after]
        if gone:
            connection.execute(delete(lookups).where(
                lookups.c.kind == bindparam("b_kind"), lookups.c.digest == bindparam("b_digest"),
                lookups.c.customer == bindparam("b_customer")), gone)
        insert_new(connection, lookups, [dict(zip(("kind", "digest", "customer"), entry, strict=True))
                                         for entry in sorted(after - before)])

    def _entries(self, person: Person) -> Iterator[tuple[str, str, str]]:
        for kind in _LOOKED_UP:
            plain = normal.normal(kind, getattr(person, kind) or "")
            if plain:
                yield kind, self._lookup.hex(f"{kind}:{plain}"), person.customer

    def _open_chunk(self, connection: Connection, customers: Iterable[str]) -> dict[str, Person]:
        query = select(people.c.customer, people.c.key_id, people.c.sealed).where(people.c.customer.in_(list(customers)))
        return {row.customer: self._decrypt(row.customer, row.key_id, row.sealed) for row in connection.execute(query)}

    def _encrypt(self, person: Person) -> bytes:
        payload = {name: value for name in PERSONAL_FIELDS if (value := getattr(person, name))}
        nonce = os.urandom(_NONCE_BYTES)
        content = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        return nonce + self._cipher.encrypt(nonce, content, _bound_to(person.customer, KEY_ID))

    def _decrypt(self, customer: str, key_id: int, sealed: bytes) -> Person:
        try:
            content = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound_to(customer, key_id))
        except (InvalidTag, ValueError):
            raise DataError(_("The vault record of {customer} cannot be opened: it was changed, moved or sealed with another "
                              "key. Restore the ledger and workspace.key from the same backup."), customer=customer) from None
        payload: dict[str, Any] = json.loads(content.decode("utf-8", "surrogatepass"))
        return Person(customer, **payload)


def addresses(where: Ledger | Connection, customers: Iterable[str], kind: normal.Kind) -> dict[str, str]:
    """`Vault.addresses` for whoever holds no vault: it needs no key."""
    found: dict[str, str] = {}
    with reading(where) as connection:
        for chunk in chunks(customers):
            joined = ids_of(connection, chunk)
            own: dict[str, str] = {}
            for part in chunks({*chunk, *(one for ids in joined.values() for one in ids)}):
                query = select(lookups.c.customer, lookups.c.digest).where(lookups.c.customer.in_(part), lookups.c.kind == kind)
                own.update((row.customer, row.digest) for row in connection.execute(query.order_by(lookups.c.digest)))
            for customer in chunk:
                digest = next((own[one] for one in (customer, *joined.get(customer, ())) if one in own), None)
                if digest is not None:
                    found[customer] = digest
    return found


class _Mac:
    """HMAC-SHA256 with the key's two blocks hashed once: several times faster than `hmac.new` over a million ids."""

    def __init__(self, key: bytes) -> None:
        block = key.ljust(64, b"\0")  # our keys have 32 bytes, always below SHA-256's block
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def __repr__(self) -> str:
        return "_Mac()"

    def hex(self, message: str) -> str:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message.encode("utf-8", "surrogatepass"))
        outer.update(inner.digest())
        return outer.hexdigest()


def _bound_to(customer: str, key_id: int) -> bytes:
    return f"{key_id}:{customer}".encode()

