"""The desk: drafts become versions that people edit, compare, discuss, approve and retire; what they change teaches the next request."""

from brandloom.content.desk.book import (
    STATES,
    Comment,
    Decision,
    Piece,
    Result,
    Version,
    find_piece,
    read_comments,
    read_decisions,
    read_pieces,
    read_results,
    read_versions,
)
from brandloom.content.desk.compare import Comparison, Stretch, compare
from brandloom.content.desk.desk import Desk
from brandloom.content.desk.kept import Kept, Wording, from_written, read_edit, read_kept

__all__ = ["STATES", "Comment", "Comparison", "Decision", "Desk", "Kept", "Piece", "Result", "Stretch", "Version", "Wording", "compare",
           "find_piece", "from_written", "read_comments", "read_decisions", "read_edit", "read_kept", "read_pieces", "read_results",
           "read_versions"]
