"""Text from outside, made harmless: hidden characters out, personal data in free text masked."""

from __future__ import annotations

import re

import pyarrow as pa

from brandloom.govern import scrub, without_hidden

_CONTROL = re.compile("[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]")


def clean(text: str) -> str:
    """Without control, zero-width, direction and tag characters and outer blanks; joiners stay inside emoji."""
    if text.isascii() and text.isprintable():
        return text.strip()
    return without_hidden(_CONTROL.sub("", text)).strip()


def clean_names(names: pa.ChunkedArray) -> pa.Array:
    """Cleaned, one-line names; an empty one is null. Personal data in them is masked."""
    return pa.array([_name(text) for text in names.to_pylist()], pa.string())


def _name(text: str | None) -> str | None:
    return (scrub(" ".join(clean(text).split())) or None) if text else None
