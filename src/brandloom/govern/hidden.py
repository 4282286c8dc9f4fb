"""Characters that nobody sees: they carry orders to a model, break words apart for a filter, or turn a line round."""

from __future__ import annotations

import re

_HIDDEN = re.compile("[\u00ad\u180e\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0e\ufeff\ufff9-\ufffb"
                     "\U000e0000-\U000e0fff]")
_PICTURE = "\u2190-\u2bff\U0001f000-\U0001faff"
_JOINED = f"{_PICTURE}\ufe0f"
_STYLED = f"#*0-9\u00a9\u00ae\u203c\u2049\u2122\u2139\u3030\u303d\u3297\u3299{_PICTURE}"
_JOINERS = re.compile(f"(?<![{_JOINED}])\u200d|\u200d(?![{_PICTURE}])|(?<![{_STYLED}])\ufe0f")


def without_hidden(text: str) -> str:
    """Text without zero-width, direction, tag and variation characters; joiners and the picture sign stay inside emoji.

    Source: OWASP LLM01, control 5; Unicode Technical Standard 51 for what emoji are made of.
    """
    return text if text.isascii() else _JOINERS.sub("", _HIDDEN.sub("", text))
