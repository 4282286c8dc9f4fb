"""The content studio: one brief becomes several variants of copy in any form, each checked before anybody sees it."""

from brandloom.content.studio.asked import Asked, Brands, Voice, read_asked
from brandloom.content.studio.export import KINDS, Kind, export, kind_of, read_export
from brandloom.content.studio.formats import Form, Part, form, form_names, length, segments
from brandloom.content.studio.gate import Gate
from brandloom.content.studio.marks import NOBODY, AiMark, Maker, Piece, Seal, brief_digest, check_seal, has_id, has_record, keep_record, pieces
from brandloom.content.studio.variety import mean_similarity, similarity
from brandloom.content.studio.write import Draft, Written, coverage, most_asked, published, write_copy

__all__ = ["KINDS", "NOBODY", "AiMark", "Asked", "Brands", "Draft", "Form", "Gate", "Kind", "Maker", "Part", "Piece", "Seal", "Voice",
           "Written", "brief_digest", "check_seal", "coverage", "export", "form", "form_names", "has_id", "has_record", "keep_record", "kind_of",
           "length", "mean_similarity", "most_asked", "pieces", "published", "read_asked", "read_export", "segments",
           "similarity", "write_copy"]
