"""Canaries: values that stand nowhere else in the world, and a search that knows them in every form a leak could take."""

from __future__ import annotations

import base64
import binascii
import gzip
import re
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Iterator
from random import Random
from urllib.parse import quote, unquote_to_bytes

RARE = "龘靐龗麤灪爨癵籱麣纞虋讟钃鸜麷鞻韽韾顟顲飝饙驫骉鱻鬻黂黕黪鼂鼊齉齾龖"
"""Characters for the given names of invented people; no text of a shop holds two of them side by side."""
_LETTERS = "bcdfghjkmnpqrtvwxyz"
_CORE = re.compile(r"zq[bcdfghjkmnpqrtvwxyz]{8}qz")
_DIGITS = re.compile(r"[0-9]{11,}")
_PAIR = re.compile(f"(?=([{RARE}]{{2}}))")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{10,}")
_HEX = re.compile(rb"(?:[0-9A-Fa-f]{2}){6,}")
_ESCAPE = re.compile(rb"\\u([0-9a-fA-F]{4})")
_ENTITY = re.compile(rb"&#(x[0-9a-fA-F]{1,6}|[0-9]{1,7});")


class Canaries:
    """Makes values nobody else has and finds them again.

    Words are twelve letters between 'zq' and 'qz', phones and id numbers eleven digits and more, Chinese names two rare characters.
    """

    def __init__(self, seed: int) -> None:
        self._rng = Random(seed)
        self.known: set[str] = set()
        self.elsewhere: set[str] = set()
        """Those that also stand where nothing can know them for what they are: names of others in somebody's text."""

    def word(self) -> str:
        """Letters for names, addresses, mail addresses, ids."""
        return self._new(lambda: "zq" + "".join(self._rng.choices(_LETTERS, k=8)) + "qz")

    def mobile(self) -> str:
        """A Chinese mobile number."""
        return self._new(lambda: f"1{self._rng.choice('3578')}{self._rng.randrange(10**9):09}")

    def id_number(self) -> str:
        """A Chinese identity number with its check digit."""
        def made() -> str:
            head = f"{self._rng.choice(('110101', '310104', '440305'))}19{self._rng.randrange(50, 99)}0{self._rng.randrange(1, 10)}" \
                   f"{self._rng.randrange(10, 29)}{self._rng.randrange(1000):03}"
            return head + "10X98765432"[sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(head)) % 11]
        return self._new(made, key=lambda text: text[:17])

    def chinese_name(self) -> str:
        """A surname and two characters that no other person has together."""
        return "王" + self._new(lambda: "".join(self._rng.sample(RARE, 2)))

    def _new(self, made: Callable[[], str], key: Callable[[str], str] = lambda text: text) -> str:
        while {key(text := made()), key(text)[::-1]} & self.known:  # the search reads backwards too
            pass
        self.known.add(key(text))
        return text

    def found_in(self, data: bytes) -> set[str]:
        """Every canary that can be read out of these bytes."""
        hits: set[str] = set()
        for text in _readings(data):
            hits |= self._in_text(text)
        return hits

    def _in_text(self, text: str) -> set[str]:
        plain = unicodedata.normalize("NFKC", text).casefold()
        bare = re.sub(r"[\W_]+", "", plain)
        hits = {core for form in (bare, bare[::-1]) for core in _CORE.findall(form)}
        hits |= {pair for form in (bare, bare[::-1]) for pair in _PAIR.findall(form)}
        digits = re.sub(r"[^0-9x\n]+", "", re.sub(r"(?<=[0-9])[\s().+_/\u200b-]+(?=[0-9])", "", plain))
        for form in (plain, digits, re.sub(r"[^0-9]", "", plain)[:100_000], plain[::-1]):
            for run in _DIGITS.findall(form):
                hits |= {run[at:at + size] for size in (11, 17) for at in range(len(run) - size + 1)}
        return hits & self.known


def _readings(data: bytes, depth: int = 2) -> Iterator[str]:
    """The bytes as text, and as what they are an encoding of."""
    yield data.decode("utf-8", "replace")
    if depth == 0:
        return
    wide = data.count(0) > len(data) // 8
    for codec in ("utf-16-le", "utf-16-be") if wide else ():
        yield data.decode(codec, "replace")
        yield data[1:].decode(codec, "replace")
    if not data.isascii() and not wide:
        yield data.decode("gb18030", "replace")
    inner: list[bytes] = []
    if b"%" in data:
        inner.append(unquote_to_bytes(data))
    if b"\\u" in data:
        inner.append(_ESCAPE.sub(lambda found: chr(int(found[1], 16)).encode("utf-8", "replace"), data))
    if b"&#" in data:
        inner.append(_ENTITY.sub(_character, data))
    if b"=" in data and (soft := re.sub(rb"=\r?\n", b"", data)) != data:
        inner.append(binascii.a2b_qp(soft))
    for run in _HEX.findall(data):
        inner.append(bytes.fromhex(run.decode()))
    for run in _BASE64.findall(re.sub(rb"(?<=[A-Za-z0-9+/]{76})\r?\n", b"", data)):
        plain = run.translate(bytes.maketrans(b"-_", b"+/"))
        inner += [base64.b64decode(part + b"=" * (-len(part) % 4)) for start in range(4) if len(part := plain[start:]) % 4 != 1]
    for start in _starts(data):
        inner += _inflated(data[start:])
    for found in inner:
        if len(found) > 5:
            yield from _readings(found, depth - 1)


def _starts(data: bytes) -> list[int]:
    return [match.start() for match in re.finditer(rb"\x1f\x8b\x08|\x78[\x01\x9c\xda]", data)][:50]


def _inflated(data: bytes) -> list[bytes]:
    try:
        return [zlib.decompressobj(47).decompress(data, 10_000_000)]
    except zlib.error:
        return []


def _character(found: re.Match[bytes]) -> bytes:
    number = int(found[1][1:], 16) if found[1].startswith(b"x") else int(found[1])
    return chr(min(number, 0x10FFFF)).encode("utf-8", "replace")


FORMS: dict[str, Callable[[str], bytes]] = {
    "plain": lambda text: text.encode(),
    "upper case": lambda text: text.upper().encode(),
    "full width": lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text).encode(),
    "spaced": lambda text: " ".join(text).encode(),
    "zero width": lambda text: "\u200b".join(text).encode(),
    "hyphens": lambda text: "-".join(text[at:at + 3] for at in range(0, len(text), 3)).encode(),
    "URL": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()).encode(),
    "URL, as browsers write it": lambda text: quote(f"name={text}&x", safe="").encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64 in the middle": lambda text: base64.b64encode(f"?{text}".encode()),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(f"ab{text}cd".encode()).rstrip(b"="),
    "hex": lambda text: text.encode().hex().encode(),
    "JSON escapes": lambda text: "".join(f"\\u{ord(c):04x}" for c in text).encode(),
    "HTML entities": lambda text: "".join(f"&#{ord(c)};" for c in text).encode(),
    "UTF-16": lambda text: f"name {text} end".encode("utf-16-le"),
    "GB18030": lambda text: f"姓名{text}".encode("gb18030"),
    "reversed": lambda text: text[::-1].encode(),
    "gzip": lambda text: gzip.compress(f"a line with {text} in it".encode()),
    "base64 of URL": lambda text: base64.b64encode(quote(text, safe="").encode()),
}
"""Ways in which a leak could hide; the search has to find a planted value in each."""


def planted(canaries: Canaries, values: Iterable[str], count: int, rng: Random) -> tuple[int, int, list[str]]:
    """Hide values in noise and look for them: leaks planted, found, and the forms that were missed."""
    known, missed = list(values), list[str]()
    names = list(FORMS)
    for number in range(count):
        value, form = rng.choice(known), names[number % len(names)]
        value = f"王{value}" if len(value) == 2 else value  # a name is never written without its first character
        noise = "".join(rng.choices("abcdefghij 0123456789{}\":,\n", k=200)).encode()
        data = noise.encode("utf-16-le") if form == "UTF-16" and isinstance(noise, str) else b"" if form == "UTF-16" else noise + b" "
        if not canaries.found_in(data + FORMS[form](value) + (b"" if form in ("UTF-16", "gzip") else b" " + noise)):
            missed.append(form)
    return count, count - len(missed), missed
