"""Links of a text: only those that the shop gave, in whatever spelling they are hidden."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from urllib.parse import urlsplit

from brandloom.content.checks.finding import Finding, finding
from brandloom.content.checks.normalise import fold_places
from brandloom.i18n import _

_TOP = (r"com|net|org|cn|io|shop|store|top|xyz|co|uk|de|fr|eu|us|jp|hk|tw|info|biz|site|online|vip|club|app|dev|me|tv|cc|ly|gl|link|live|ltd|tech|"
        r"example|test|中国|公司|网络|网店|商城")
_DOT = r"(?:\.|\[\.\]|\(\.\)|。)"
_LINK = re.compile(
    rf"(?:\b(?:h(?:tt|xx)ps?|ftp)\s?:\s?/{{1,3}}|(?<![\w:/])//)[^\s<>\"'，。！？；、）】》]*(?:。[a-z]{{2,}}[^\s<>\"'，。！？]*)?"
    rf"|\b(?:javascript|data|vbscript|mailto|tel)\s?:\S+"
    rf"|(?:(?<=[\u4e00-\u9fff])|(?<![\w@.]))(?:[a-z0-9\u00c0-\u024f\u0370-\u03ff\u0400-\u04ff-]+{_DOT})+(?:{_TOP})(?![A-Za-z0-9_-])"
    rf"(?:[:/?#][^\s<>\"'，。！？；、）】》]*)?"
    rf"|[\u4e00-\u9fff]{{2,12}}\.(?:中国|公司|网络|网店|商城)",
    re.IGNORECASE)
_END = ".,;:!?)]}'\"…"


def check_links(text: str, allowed: Sequence[str], *, place: str = "text") -> list[Finding]:
    """Findings for links that are not on the shop's list.

    Args:
        allowed: hosts, 'shop.example' or '*.shop.example' with all below it, or addresses up to a path, 'https://shop.example/sale'.
            `www.` makes no difference, and a host stands for every page of it.
    """
    folded, found = fold_places(text), list[Finding]()
    for match in _LINK.finditer(folded.text):
        link = match.group().rstrip(_END)
        if link and not any(_covers(rule, link) for rule in _rules(tuple(allowed))):
            start, end = folded.source_span(match.start(), match.start() + len(link))
            found.append(replace(finding("link", "ban", place, text[start:end],
                                         _("'{excerpt}' leads to a place that is not on the shop's list of links."),
                                         allowed=", ".join(allowed[:3]) or "-"),
                                 span=(start, end), suggestion=_("Use a link of the list ({allowed}), or add this one to it.")))
    return found


def stated_links(values: Iterable[str]) -> tuple[str, ...]:
    """Those of the values that are a link and nothing else: what a record gives as an address, not what some text of it mentions."""
    return tuple(value.strip() for value in values if _LINK.fullmatch(value.strip()))


@lru_cache(maxsize=64)
def _rules(allowed: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple(place for entry in allowed if (place := _place_of(entry.strip())) is not None)


def _covers(rule: tuple[str, str], link: str) -> bool:
    place = _place_of(link)
    if place is None:
        return False
    (host, path), (given, below) = rule, place
    same = given.endswith(host[1:]) if host.startswith("*.") else given == host
    return same and (not path or below == path or below.startswith((path + "/", path + "?", path + "#")))


def _place_of(link: str) -> tuple[str, str] | None:
    """Host and path; None for a script, for what hides its host, and for a host that is not written in plain letters."""
    link = unicodedata.normalize("NFKC", link)
    scheme, separator, _rest = link.partition("://")
    if separator and scheme.lower() not in ("http", "https"):
        return None
    if not separator and re.match(r"[a-z]+\s?:(?!\d)", link, re.IGNORECASE):
        return None
    try:
        parts = urlsplit(link if separator else f"https://{link.lstrip('/')}")
        host, port = (parts.hostname or "").lower().removeprefix("www."), parts.port
    except ValueError:
        return None
    if "@" in parts.netloc or not host or not re.fullmatch(r"[*a-z0-9.-]+", host) or port not in (None, 80, 443):
        return None
    tail = f"?{parts.query}" if parts.query else f"#{parts.fragment}" if parts.fragment else ""
    return host, parts.path.rstrip("/") + tail
