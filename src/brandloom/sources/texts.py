"""Text from outside, made harmless: hidden characters out, personal data in free text masked."""

from __future__ import annotations

import re

import pyarrow as pa

from brandloom.govern import scrub

_HIDDEN = re.compile("[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069"
                     "\ufe00-\ufe0e\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]")
_JOINERS = re.compile("(?<![\u2190-\u2bff\ufe0f\U0001f000-\U0001faff])\u200d|\u200d(?![\u2190-\u2bff\U0001f000-\U0001faff])"
                      "|(?<![#*0-9\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff])\ufe0f")


def clean(text: str) -> str:
    """Without control, zero-width, direction and tag characters and outer blanks; joiners stay inside emoji."""
    if text.isascii() and text.isprintable():
        return text.strip()
    return _JOINERS.sub("", _HIDDEN.sub("", text)).strip()


def clean_names(names: pa.ChunkedArray) -> pa.Array:
    """Cleaned, one-line names; an empty one is null. Personal data in them is masked."""
    return pa.array([_name(text) for text in names.to_pylist()], pa.string())


def _name(text: str | None) -> str | None:
    return (scrub(" ".join(clean(text).split())) or None) if text else None
