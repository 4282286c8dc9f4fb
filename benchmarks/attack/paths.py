"""What the ways to HTML have in common: a shop's hosts, and a place to note pages, uses and refusals."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from benchmarks.attack.browser import Harmless, Page

HOSTS = ("shop.example.com",)
UNSUBSCRIBE = "https://shop.example.com/unsubscribe?t=abc"


@dataclass
class Paths:
    """Pages made of payloads, and what was refused on the way."""

    pages: list[Page] = field(default_factory=list)
    kinds: dict[str, Harmless] = field(default_factory=dict)
    uses: Counter[str] = field(default_factory=Counter)
    """Payloads put into a place."""
    refused: Counter[str] = field(default_factory=Counter)
    forged: list[str] = field(default_factory=list)
    """Mails whose headers or parts say other things than they should."""
