"""Phone numbers as carriers dial them and as files write them."""

from __future__ import annotations

import re

_DIALABLE = re.compile(r"\+[1-9][0-9]{6,14}")


def dialable(number: str, country_code: str = "") -> str | None:
    """A number with its country (E.164), such as +447911123456; None where nobody can know how to dial it.

    Args:
        number: as `Vault` keeps it or as a file had it.
        country_code: country of numbers that name none, such as +44; '' takes none for granted.
    """
    digits = re.sub(r"[^0-9]", "", number)
    if number.strip().startswith("+"):
        plain = f"+{digits}"
    elif digits.startswith("00"):
        plain = f"+{digits[2:]}"
    elif re.fullmatch(r"(86)?1[3-9][0-9]{9}", digits) and country_code in ("", "+86"):
        plain = f"+86{digits[-11:]}"
    else:
        plain = f"{country_code}{digits.removeprefix('0')}" if country_code else ""
    return plain if _DIALABLE.fullmatch(plain) else None


def spellings(number: str, country_code: str = "") -> list[str]:
    """A dialled number as customer lists may hold it: with its country, and as it is written inside that country."""
    found = dialable(number)
    if found is None or not country_code or not found.startswith(country_code):
        return [number if found is None else found]
    inside = found.removeprefix(country_code)
    return [found, inside, f"0{inside}"]
