"""Identity: the same person under several ids, found by exact keys or by probability, merged on record and unmerged exactly."""

from brandloom.govern.identity.merges import Match, Merge, Undone, list_merges, record, undo

__all__ = ["Match", "Merge", "Undone", "list_merges", "record", "undo"]
