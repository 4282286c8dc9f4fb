"""Transactional state: plans, approvals, the outbox, consents, the vault and the audit chain."""

from brandloom.ledger import schema
from brandloom.ledger.database import Ledger, open_ledger

__all__ = ["Ledger", "open_ledger", "schema"]
