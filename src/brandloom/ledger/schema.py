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
    Float,
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
merges = Table(  # two ids said to be one person; whoever is joined by those in force is one (see `persons`)
    "merges", metadata,
    Column("id", BigId, primary_key=True),
    Column("customer", String(40), nullable=False),
    Column("other", String(40), nullable=False),
    Column("rule", String(64), nullable=False),  # email, phone, id_number, account (several joined by +), probable, manual
    Column("evidence", Float),  # probability that they are one, where a model said so
    Column("by", Text, nullable=False),
    Column("at", Utc, nullable=False),
    Column("undone_by", Text),
    Column("undone_at", Utc),
    Index(None, "customer"),
    Index(None, "other"),
)
persons = Table(  # derived from the merges in force: every id of a person with several, itself included
    "persons", metadata,
    Column("customer", String(40), primary_key=True),
    Column("person", String(40), nullable=False),  # the id that stands for all
    Index(None, "person"),
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
    Column("variant", Text, nullable=False),  # key of the text
    Column("wave", Integer, nullable=False, server_default="1"),
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
pieces = Table(  # texts on the desk, from draft to retired
    "pieces", metadata,
    Column("id", String(32), primary_key=True),
    Column("name", Text, nullable=False),
    Column("brand", Text, nullable=False),
    Column("language", String(8), nullable=False),
    Column("format", String(64), nullable=False),
    Column("request", String(64), nullable=False),  # SHA-256 of the brief: texts of one request are siblings
    Column("brief", Text, nullable=False),  # JSON
    Column("angle", String(64), nullable=False),
    Column("state", String(16), nullable=False),  # draft, review, approved, retired
    Column("version", Integer, nullable=False),  # number of the version in force; 0 while none has passed the checks
    Column("people", BigInteger),  # persons it will reach, as said when it was submitted
    Column("budget", Float),
    Column("parent", String(32)),  # the piece it was translated from
    Column("plan", String(32), index=True),  # the plan whose text it is
    Column("created_at", Utc, nullable=False),
    Index(None, "brand", "language", "format"),
)
piece_versions = Table(  # append-only
    "piece_versions", metadata,
    Column("id", BigId, primary_key=True),
    Column("piece", ForeignKey("pieces.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("base", Integer, nullable=False),  # the version it was made from; 0 for the first
    Column("parts", Text, nullable=False),  # JSON
    Column("findings", Text, nullable=False),  # JSON
    Column("refused", Boolean, nullable=False),
    Column("by", Text, nullable=False),  # the person who made it or had it made
    Column("origin", String(16), nullable=False),  # model, repaired, plain, edit, translation
    Column("model", Text),
    Column("digest", String(64), nullable=False),  # SHA-256 over brief and parts: what an approval is for
    Column("at", Utc, nullable=False),
    UniqueConstraint("piece", "number"),
)
piece_comments = Table(
    "piece_comments", metadata,
    Column("id", BigId, primary_key=True),
    Column("piece", ForeignKey("pieces.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("part", String(64)),
    Column("by", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("at", Utc, nullable=False),
    Index(None, "piece", "id"),
)
piece_decisions = Table(
    "piece_decisions", metadata,
    Column("id", BigId, primary_key=True),
    Column("piece", ForeignKey("pieces.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("decision", String(16), nullable=False),  # submitted, approved, rejected, retired
    Column("by", Text, nullable=False),
    Column("reason", Text),
    Column("digest", String(64), nullable=False),
    Column("at", Utc, nullable=False),
    Index(None, "piece", "id"),
)
piece_results = Table(
    "piece_results", metadata,
    Column("piece", ForeignKey("pieces.id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("source", String(64), primary_key=True),  # the test or campaign that counted
    Column("shown", BigInteger, nullable=False),
    Column("clicks", BigInteger, nullable=False),
    Column("conversions", BigInteger, nullable=False),
    Column("at", Utc, nullable=False),
)
desk_words = Table(  # words struck out again and again, as a person judged them
    "desk_words", metadata,
    Column("brand", String(128), primary_key=True),
    Column("language", String(8), primary_key=True),
    Column("word", String(64), primary_key=True),
    Column("avoid", Boolean, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Utc, nullable=False),
)
waves = Table(  # parts of a plan's audience; the next is shared out by what the earlier ones brought
    "waves", metadata,
    Column("plan", ForeignKey("plans.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # from 1
    Column("opened_at", Utc, nullable=False),
    Column("out_at", Utc),  # when the last of its messages that nothing holds back had gone
)
wave_texts = Table(  # how a wave was shared out among the texts of a cell, and what was known then
    "wave_texts", metadata,
    Column("plan", ForeignKey("plans.id"), primary_key=True),
    Column("wave", Integer, primary_key=True, autoincrement=False),
    Column("text", String(255), primary_key=True),
    Column("cell", String(255), nullable=False),  # persona/group/channel/language
    Column("people", BigInteger, nullable=False),  # of the cell in this wave
    Column("share", Float, nullable=False),  # probability of this text for each of them
    Column("known", BigInteger, nullable=False),  # messages of earlier waves whose outcome was known
    Column("successes", BigInteger, nullable=False),
    Column("pending", BigInteger, nullable=False),  # messages whose outcome was not known yet
    Column("expected", Float, nullable=False),  # success rate believed in
    Column("deviation", Float, nullable=False),
)
links = Table(  # where the links of a plan's messages lead; a click names one by number, never by address
    "links", metadata,
    Column("id", BigId, primary_key=True),
    Column("plan", ForeignKey("plans.id"), nullable=False),
    Column("target", Text, nullable=False),
    UniqueConstraint("plan", "target"),
)
clicks = Table(  # who clicked is told by the message alone; only `machine` is ever set later
    "clicks", metadata,
    Column("id", BigId, primary_key=True),
    Column("message", ForeignKey("outbox.id"), nullable=False),
    Column("link", ForeignKey("links.id"), nullable=False),
    Column("at", Utc, nullable=False),
    Column("machine", String(16)),  # why it was no person: prefetch, scanner, instant, burst; null: a person as far as one can tell
    Index(None, "message", "at"),
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
