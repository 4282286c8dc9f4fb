"""The audit chain: who did what, when. Each record seals the one before it, so that no edit, swap or cut stays hidden.

Record 0 is the head: it names the last record and its digest under the workspace's key, and is renewed in the transaction of
each append (which also makes appenders wait for each other). So a cut at the end shows as well. Whoever can write to the
database but lacks the key can at most put back an older copy of the whole chain; keep `head()` somewhere else and give it to
`verify` to find that too.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from brandloom.errors import DataError, StateError
from brandloom.govern.patterns import holds_personal
from brandloom.govern.rows import insert_new, reading, writing
from brandloom.i18n import _
from brandloom.ledger import Ledger
from brandloom.ledger.schema import audit

_START = "0" * 64
_HEAD = 0


@dataclass(frozen=True)
class Head:
    """The end of the chain at some moment: keep it outside the machine to find a chain put back to an older copy."""

    seq: int
    digest: str


class Audit:
    """Appends to and verifies the chain of one ledger. `key` is `workspace.derive_key("audit")`."""

    def __init__(self, ledger: Ledger, key: bytes) -> None:
        self._ledger = ledger
        self._key = key

    def __repr__(self) -> str:
        return f"Audit({self._ledger.dialect})"

    def append(self, action: str, subject: str, actor: str, detail: Mapping[str, Any], now: datetime, *,
               connection: Connection | None = None) -> int:
        """Add a record and return its number, counted from 1; with `connection` as part of a larger transaction.

        Args:
            action: what was done, such as 'plan.approved'; at most 64 letters.
            subject: what it was done to: an id, never a person's data.
            actor: who did it: the operator's name or the part of the program.
            detail: what else has to be proven later, as JSON values.
        Raises:
            DataError: personal data in subject or detail, or a value that is not JSON.
            StateError: the head is missing though there are records; `verify` tells where the chain is broken.
        """
        written = _canonical(detail)
        if holds_personal(subject) or any(holds_personal(text) for text in _texts(detail)):
            raise DataError(_("The audit record '{action}' holds personal data. Name the customer by pseudonym instead."),
                            action=action)
        with writing(connection or self._ledger) as open_connection:
            seq, previous = self._lock_head(open_connection, now)
            record = {"seq": seq + 1, "at": now.astimezone(UTC), "actor": actor, "action": action, "subject": subject,
                      "detail": written, "previous": previous}
            record["digest"] = self._seal(record)
            open_connection.execute(insert(audit), [record])
            open_connection.execute(update(audit).where(audit.c.seq == _HEAD).values(self._head_row(record, now)))
        return seq + 1

    def head(self) -> Head | None:
        """The end of the chain now; None before the first record."""
        with reading(self._ledger) as connection:
            row = connection.execute(select(audit).where(audit.c.seq == _HEAD)).one_or_none()
        return None if row is None else Head(int(row.subject), row.previous)

    def verify(self, *, since: Head | None = None, connection: Connection | None = None) -> int | None:
        """Check every record and the head, in one pass.

        Args:
            since: a head kept earlier elsewhere; the chain must still contain it.
        Returns:
            None when the chain is whole, else the number of the first record that was changed or is missing; 0 when the
            head itself is forged or missing.
        """
        query = select(audit).order_by(audit.c.seq).execution_options(yield_per=5_000)
        with reading(connection or self._ledger) as open_connection, open_connection.execute(query) as result:
            rows = iter(result)
            head = next(rows, None)
            if head is None:
                return None if since is None else 1
            if head.seq != _HEAD or not hmac.compare_digest(head.digest, self._seal(head._asdict())):
                return _HEAD
            return self._first_broken(rows, {int(head.subject): head.previous, **({since.seq: since.digest} if since else {})})

    def _first_broken(self, rows: Iterator[Row[Any]], expected: Mapping[int, str]) -> int | None:
        previous, seq = _START, 0
        for seq, row in enumerate(rows, start=1):
            whole = row.seq == seq and row.previous == previous and hmac.compare_digest(row.digest, self._seal(row._asdict()))
            if not whole or expected.get(seq, row.digest) != row.digest:
                return seq
            previous = row.digest
        end = max(expected)
        return None if seq == end else min(seq, end) + 1

    def _lock_head(self, connection: Connection, now: datetime) -> tuple[int, str]:
        query = select(audit).where(audit.c.seq == _HEAD).with_for_update()
        head = connection.execute(query).one_or_none()
        if head is None:
            # Whoever comes second waits here for the first one's commit, then sees the head that it left.
            insert_new(connection, audit, [{"seq": _HEAD, **self._head_row({"seq": 0, "digest": _START}, now)}])
            head = connection.execute(query).one()
            if head.subject == "0" and connection.execute(select(audit.c.seq).where(audit.c.seq > _HEAD).limit(1)).first():
                raise StateError(_("The head of the audit chain is missing. Nothing was added; verify the chain first."))
        return int(head.subject), head.previous

    def _head_row(self, last: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        row = {"at": now.astimezone(UTC), "actor": "", "action": "head", "subject": str(last["seq"]), "detail": "{}",
               "previous": last["digest"]}
        return {**row, "digest": self._seal({"seq": _HEAD, **row})}

    def _seal(self, record: Mapping[str, Any]) -> str:
        content = [record["seq"], record["at"].isoformat(), record["actor"], record["action"], record["subject"],
                   record["detail"], record["previous"]]
        return hmac.digest(self._key, _canonical(content).encode("utf-8", "surrogatepass"), hashlib.sha256).hex()


def _canonical(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(_("An audit detail is not JSON: {reason}."), reason=error) from error


def _texts(value: object) -> Iterable[str]:
    """Every key and value in a JSON value, as text; a phone hidden as a number is one too."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, (str, int)) and not isinstance(value, bool):
        yield str(value)
