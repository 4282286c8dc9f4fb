"""Tables of the ledger: everything that must be true at every moment, on SQLite or PostgreSQL.

A change here needs a migration in `migrations/versions`; a test compares both.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

metadata = MetaData(naming_convention={
    "ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s", "pk": "pk_%(table_name)s",
})
BigId = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only in an INTEGER key


class Utc(TypeDecorator[datetime]):
    """A moment; kept in UTC without a zone, given back with one. Refuses a moment whose zone is unknown."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


loads = Table(
    "loads", metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("source", Text, nullable=False),  # the file's name, without its folder
    Column("fingerprint", String(64), nullable=False),  # SHA-256 of the file
    Column("rows_read", BigInteger, nullable=False),
    Column("rows_new", BigInteger, nullable=False),
    Column("rows_known", BigInteger, nullable=False),
    Column("rows_refused", BigInteger, nullable=False),
    Column("rejects", Text),  # name of the reject file in the workspace
    Column("detail", Text, nullable=False, server_default="{}"),  # JSON: reasons, notes, mapping, personal columns by kind
    Column("at", Utc, nullable=False),
)

people = Table(  # the vault: personal data, sealed with AES-256-GCM
    "people", metadata,
    Column("customer", String(40), primary_key=True),
    Column("key_id", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("updated_at", Utc, nullable=False),
)
lookups = Table(  # finds a person by a keyed digest of an address, phone or outside id
    "lookups", metadata,
    Column("kind", String(16), primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("customer", String(40), primary_key=True),
    Index(None, "customer"),
)
consents = Table(  # append-only; the last row of a (customer, channel, purpose) is in force
    "consents", metadata,
    Column("id", BigId, primary_key=True),
    Column("customer", String(40), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("purpose", String(32), nullable=False),
    Column("granted", Boolean, nullable=False),
    Column("wording", Text, nullable=False),
    Column("wording_hash", String(64), nullable=False),
    Column("source", Text, nullable=False),
    Column("at", Utc, nullable=False),
    Index(None, "customer", "channel", "purpose", "id"),
)
suppressions = Table(  # addresses nobody may write to again
    "suppressions", metadata,
    Column("channel", String(16), primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("reason", String(32), nullable=False),  # unsubscribed, bounced, complained, erased, manual
    Column("at", Utc, nullable=False),
)
plans = Table(
    "plans", metadata,
    Column("id", String(32), primary_key=True),
    Column("name", Text, nullable=False),
    Column("status", String(16), nullable=False),  # draft, approved, sending, finished
    Column("as_of", Utc, nullable=False),
    Column("brief", Text, nullable=False),  # JSON
    Column("document", Text, nullable=False),  # JSON: variants with checks, counts, costs, expected result
    Column("digest", String(64), nullable=False),  # SHA-256 over brief, document and decisions: what an approval is for
    Column("created_at", Utc, nullable=False),
)
approvals = Table(
    "approvals", metadata,
    Column("id", BigId, primary_key=True),
    Column("plan", ForeignKey("plans.id"), nullable=False),
    Column("approved_by", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("at", Utc, nullable=False),
)
outbox = Table(
    "outbox", metadata,
    Column("id", BigId, primary_key=True),
    Column("plan", ForeignKey("plans.id"), nullable=False),
    Column("customer", String(40), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("step", Integer, nullable=False),
    Column("address", String(64), nullable=False),  # keyed digest, never the address
    Column("variant", Text, nullable=False),
    Column("language", String(8), nullable=False),
    Column("products", Text, nullable=False),  # JSON list of product ids
    Column("message_id", String(128), nullable=False, unique=True),
    Column("state", String(16), nullable=False),  # queued, sending, sent, failed, suppressed, uncertain
    Column("reason", Text),  # why failed, suppressed or uncertain; no personal data
    Column("attempts", Integer, nullable=False),
    Column("not_before", Utc, nullable=False),
    Column("owner", String(128)),  # the running sender that claimed the row
    Column("lease_until", Utc),  # after this moment the owner no longer holds it
    Column("state_at", Utc, nullable=False),
    UniqueConstraint("plan", "customer", "channel", "step"),
    UniqueConstraint("plan", "address", "channel", "step"),
    Index(None, "plan", "state", "not_before", "id"),
    Index(None, "customer", "state", "state_at"),
    Index(None, "address", "state", "state_at"),
)
audit = Table(  # hash chain: each record seals the one before it
    "audit", metadata,
    Column("seq", BigId, primary_key=True, autoincrement=False),
    Column("at", Utc, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),  # JSON, no personal data
    Column("previous", String(64), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
)
