"""The desk: drafts become versions that people edit, compare, discuss, approve and retire; what they change teaches the next request."""

from brandloom.content.desk.adapt import Base, Preferences, Writing, adapt, compare_writing, read_examples, read_preferences
from brandloom.content.desk.book import (
    STATES,
    Comment,
    Decision,
    Piece,
    Result,
    Version,
    find_piece,
    pick,
    read_comments,
    read_decisions,
    read_pieces,
    read_results,
    read_versions,
)
from brandloom.content.desk.campaign import Campaign, CampaignText, campaign_text
from brandloom.content.desk.compare import Comparison, Stretch, compare
from brandloom.content.desk.desk import Desk
from brandloom.content.desk.kept import Kept, Wording, from_written, read_edit, read_kept, to_written
from brandloom.content.desk.languages import checked_languages
from brandloom.content.desk.learn import StruckWord, avoided_words, examples, struck_words, taught, taught_kit
from brandloom.content.desk.pairs import SOURCES, Pair, read_pairs
from brandloom.content.desk.translate import Sentence, Translation, translate

__all__ = [
    "SOURCES", "STATES", "Base", "Campaign", "CampaignText", "Comment", "Comparison", "Decision", "Desk", "Kept", "Pair", "Piece",
    "Preferences", "Result", "Sentence", "Stretch", "StruckWord", "Translation", "Version", "Wording", "Writing", "adapt", "avoided_words",
    "campaign_text", "checked_languages", "compare", "compare_writing", "examples", "find_piece", "from_written", "pick", "read_comments",
    "read_decisions", "read_edit", "read_examples", "read_kept", "read_pairs", "read_pieces", "read_preferences", "read_results",
    "read_versions", "struck_words", "taught", "taught_kit", "to_written", "translate",
]
