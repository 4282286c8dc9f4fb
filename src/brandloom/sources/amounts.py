"""Amounts and quantities as shops write them. Plain numbers are read in SQL; this reads what is left, by distinct value."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal, InvalidOperation

_MONEY_WORDS = re.compile(r"(?:rmb|cny|usd|eur|gbp|jpy|hkd|us|元|圆|件|个|pcs|块|人民币|[¥￥$€£₩₹])", re.IGNORECASE)
_DIGITS = re.compile(r"^[+-]?\d[\d.,'’ ]*$|^[+-]?[.,]\d+$")
_THREE_AFTER = re.compile(r"^\d{1,3}[.,]\d{3}$")


class DecimalMark:
    """Gathers, over all values of a column, whether its decimal mark is a point or a comma."""

    def __init__(self, *, point_seen: bool = False) -> None:
        self.point = 1 if point_seen else 0
        self.comma = 0

    def see(self, text: str) -> None:
        """Look at one value; 1.299 and 1,299 prove nothing, 1,5 and 1.299,00 do."""
        mark = proved_mark(text)
        if mark == ".":
            self.point += 1
        elif mark == ",":
            self.comma += 1

    @property
    def settled(self) -> str:
        """',' when more values prove it, else '.'."""
        return "," if self.comma > self.point else "."


def proved_mark(text: str) -> str | None:
    """The decimal mark that this one value proves, if any."""
    body = _body(text).lstrip("+-")
    points, commas = body.count("."), body.count(",")
    if points and commas:
        return "." if body.rfind(".") > body.rfind(",") else ","
    if points + commas != 1:
        return None if points + commas == 0 else ("," if points else ".")  # 1.299.000 groups by points, so commas are decimal
    mark = "." if points else ","
    if _THREE_AFTER.match(body) and not body.startswith("0"):
        return None
    return mark


def amount_reader(mark: str) -> Callable[[str], Decimal | None]:
    """A function that reads one value as a number, or None when it is none; `mark` is the column's decimal mark."""
    def read(text: str) -> Decimal | None:
        body = _body(text)
        if not _DIGITS.match(body):
            return None
        decimal = proved_mark(text) or mark
        if body.count(decimal) > 1:
            return None
        group = "," if decimal == "." else "."
        try:
            return Decimal(re.sub(r"['’ ]", "", body.replace(group, "")).replace(decimal, "."))
        except InvalidOperation:
            return None
    return read


def _body(text: str) -> str:
    """The number without currency, with one minus sign in front where it is negative: (12.00), 12.00- and -￥12 are -12.00."""
    text = unicodedata.normalize("NFKC", text).replace("−", "-").replace("–", "-").strip()
    if "." in text and re.fullmatch(r"[+-]?\d+(?:\.\d+)?[eE][+-]?\d+", text):
        text = format(Decimal(text), "f")
    bare = " ".join(_MONEY_WORDS.sub("", text).split())
    negative = bare.startswith("-") or bare.endswith("-") or (bare.startswith("(") and bare.endswith(")"))
    return ("-" if negative else "") + bare.strip("()-+ ")
