"""Cells of a CSV file that no spreadsheet takes for a formula, and the way back to the value.

Source: OWASP ASVS 5.0, 1.2.10; besides, Excel trims blanks and reads full-width signs, and old ones run what follows '|' or '%'.
"""

from __future__ import annotations

import re

_BLANK = r"\s\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3000\ufe00-\ufe0f\ufeff\""
_SIGN = r"=+\-@|%\uff1d\uff0b\uff0d\uff20\ufe62\ufe63\ufe66\ufe6b\u2212"
_FORMULA = re.compile(rf"'*(?:[{_BLANK}]*[{_SIGN}]|[\t\r\n\x00])")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)*")


def safe_cell(value: str) -> str:
    """The value with a quote before it where a spreadsheet might run it; `plain_cell` takes the quote away again."""
    return f"'{value}" if _FORMULA.match(value) else value


def plain_cell(cell: str) -> str:
    """The value of a cell that `safe_cell` made."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def is_number(text: str) -> bool:
    """Whether a text is nothing but a number, which may begin with its sign."""
    return _NUMBER.fullmatch(text) is not None
