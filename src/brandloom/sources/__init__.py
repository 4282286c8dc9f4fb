"""A shop's own files in: read, judged row by row, freed of personal data, and added to the canonical tables."""

from brandloom.sources.loader import Kind, load
from brandloom.sources.reasons import REASONS, note_text, reason_text
from brandloom.sources.reports import FileReport, LoadReport

__all__ = ["REASONS", "FileReport", "Kind", "LoadReport", "load", "note_text", "reason_text"]
