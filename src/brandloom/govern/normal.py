"""One spelling per identifier, so that the same person gets the same pseudonym and digest however a file writes them."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Literal

Kind = Literal["email", "phone", "id_number", "push", "external"]
KINDS: tuple[Kind, ...] = ("email", "phone", "id_number", "push", "external")

_INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff]")
_WHOLE_FLOAT = re.compile(r"-?[0-9]+\.0+", re.ASCII)
_EXTENSION = re.compile(r"(?:ext\.?|extension|x|转|分机)\s*[0-9]+\s*$", re.IGNORECASE)
_CN_MOBILE = re.compile(r"(?:86)?(1[3-9][0-9]{9})")


def clean(text: str) -> str:
    """NFKC without invisible characters and outer white space (full-width digits become plain ones)."""
    if text.isascii():
        return text.strip()
    return unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).strip()


def source_id(text: str) -> str:
    """A shop's own id; spreadsheets turn 17850 into 17850.0, so both are one id. Empty when nothing is left."""
    text = clean(text)
    if text.endswith("0") and _WHOLE_FLOAT.fullmatch(text):
        return text[:text.index(".")]
    return text


def email(text: str) -> str:
    """Lower case, without spaces; empty when it has no name, '@' and domain."""
    text = clean(text).lower()
    name, at, domain = text.partition("@")
    return text if name and at and domain and " " not in text else ""


def phone(text: str) -> str:
    """Digits, with '+' and the country where it is known: written with '+' or '00', or a Chinese mobile number.

    Empty with fewer than 5 digits. A national number without a country stays national: guessing one would join strangers.
    """
    text = _EXTENSION.sub("", source_id(text)).replace("(0)", "")
    digits = "".join(letter for letter in text if letter in "0123456789")
    if len(digits) < 5:
        return ""
    chinese = _CN_MOBILE.fullmatch(digits.removeprefix("00"))
    if chinese:
        return "+86" + chinese[1]
    if digits.startswith("00"):
        return "+" + digits[2:]
    return "+" + digits if text.startswith("+") else digits


def id_number(text: str) -> str:
    """Letters and digits in upper case (the check character x of a Chinese id is X)."""
    return "".join(letter for letter in source_id(text).upper() if letter.isalnum())


def push(text: str) -> str:
    """The address of a push subscription, which is all that tells browsers apart; empty where it is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    endpoint = found.get("endpoint") if isinstance(found, dict) else None
    return endpoint.strip() if isinstance(endpoint, str) and "keys" in found else ""


def normal(kind: Kind, value: str) -> str:
    """The one spelling of a value of this kind; empty when it is not usable as one."""
    return {"email": email, "phone": phone, "id_number": id_number, "push": push, "external": source_id}[kind](value)
