"""The content studio: one brief becomes several variants of copy in any form, each checked before anybody sees it."""

from brandloom.content.studio.asked import Asked, Brands, Voice, read_asked, read_asked_file
from brandloom.content.studio.formats import Form, Part, form, form_names, length, segments
from brandloom.content.studio.gate import Gate
from brandloom.content.studio.variety import mean_similarity, similarity
from brandloom.content.studio.write import Draft, Written, coverage, published, write_copy

__all__ = ["Asked", "Brands", "Draft", "Form", "Gate", "Part", "Voice", "Written", "coverage", "form", "form_names", "length",
           "mean_similarity", "published", "read_asked", "read_asked_file", "segments", "similarity", "write_copy"]
