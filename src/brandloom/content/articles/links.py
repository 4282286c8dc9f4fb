"""Links to the shop's own pages: which addresses are its own, and where in the text a link stands naturally."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from brandloom.content.articles.terms import places

_PATH = re.compile(r"/(?![/\\])[A-Za-z0-9\-._~!$&()*+,;=:@%/?#\u4e00-\u9fff]*|/")
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d{1,5})?(?:[/?#][A-Za-z0-9\-._~!$&()*+,;=:@%/?#\[\]\u4e00-\u9fff]*)?")
MOST_PER_SECTION = 2


@dataclass(frozen=True)
class Link:
    """A link inside a text: characters `start` to `end` of it lead to `url`."""

    start: int
    end: int
    url: str


def own_url(url: str, site: str) -> str | None:
    """The address as a page can hold it where it belongs to the site: a path, or http(s) on the same host; else None."""
    if _PATH.fullmatch(url):
        return url
    if not _ADDRESS.fullmatch(url):
        return None
    try:
        parts, home = urlsplit(url), urlsplit(site)
        same = (parts.hostname, parts.port) == (home.hostname, home.port)
    except ValueError:
        return None
    return url if same and parts.hostname and "." in parts.hostname + "." and parts.username is None else None


def absolute(url: str, site: str) -> str:
    """An own address with scheme and host; a path stays one where the site is unknown."""
    home = urlsplit(site)
    return f"{home.scheme}://{home.netloc}{url}" if url.startswith("/") and home.netloc else url


def place_links(texts: Sequence[str], pages: Sequence[tuple[str, Sequence[str]]], language: str, *, own: str = "") -> list[list[Link]]:
    """Per text the links that its words carry.

    Args:
        pages: address and the words that may become its link.
        own: the article's address, to which it does not link.
    Returns:
        No page twice, no links that overlap, at most two a text; longer words first, so that 'wooden train set' goes before 'train'.
    """
    made: list[list[Link]] = [[] for _text in texts]
    wanted = sorted(((word, url) for url, words in pages for word in words if url != own and len(word) > 1), key=lambda item: (-len(item[0]), item))
    used: set[str] = set()
    for word, url in wanted:
        if url in used:
            continue
        for at, text in enumerate(texts):
            found = next(((start, end) for start, end in places(text, word, language) if not _cuts(text, start, end) and not any(
                          start < link.end and link.start < end for link in made[at])), None)
            if found and len(made[at]) < MOST_PER_SECTION:
                made[at].append(Link(*found, url))
                used.add(url)
                break
    return [sorted(links, key=lambda link: link.start) for links in made]


def _cuts(text: str, start: int, end: int) -> bool:
    """Whether a link there would begin or end inside a word such as '316不锈钢'."""
    return bool(re.match("[A-Za-z0-9]", text[start - 1:start]) or re.match("[A-Za-z0-9]", text[end:end + 1]))
