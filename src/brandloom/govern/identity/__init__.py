"""Identity: the same person under several ids, found by exact keys or by probability, merged on record and unmerged exactly."""

from brandloom.govern.identity.exact import SetAside
from brandloom.govern.identity.matching import Doubt, Found, find_matches
from brandloom.govern.identity.merges import Match, Merge, Undone, list_merges, record, undo

__all__ = ["Doubt", "Found", "Match", "Merge", "SetAside", "Undone", "find_matches", "list_merges", "record", "undo"]
