"""Who may decide where a link leads and what stands in a header: open redirects and header injection."""

from __future__ import annotations

import email
import email.policy
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from benchmarks.attack.pages import asked
from brandloom.content.articles.links import absolute, own_url
from brandloom.content.checks.links import check_links
from brandloom.deliver import Click, ClickLinks, Envelope, LinkServer, Mailer, Parts, keep_link
from brandloom.errors import BrandloomError
from brandloom.govern import ai_label
from brandloom.ledger import Ledger, open_ledger
from brandloom.ledger.schema import plans
from brandloom.settings import Settings
from brandloom.workspace import SenderConfig, ShopConfig, Workspace, create_workspace

HOST = "shop.example.com"
NOON = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
_OURS = re.compile(rf"https?://{re.escape(HOST)}(?::[0-9]{{1,5}})?(?:[/?#][\x21-\x7e]*)?")
"""An address that every browser takes to the shop: nothing but a port, a path, a query or a fragment may follow the host."""
_ANSWER = {"server", "date", "content-type", "content-length", "content-security-policy", "x-content-type-options", "referrer-policy",
           "cache-control", "location", "connection"}
OWN_REDIRECTS = (
    "//evil.example", "///evil.example", "////evil.example", "/\\evil.example", "\\\\evil.example", "https:evil.example", "https:/evil.example",
    "https:\\\\evil.example", "https://evil.example\\@shop.example.com/", "https://shop.example.com@evil.example/", "https://evil.example#@shop.example.com",
    "https://shop.example.com.evil.example/", "https://shop.example.com\\.evil.example", "https://shop.example.com%2eevil.example",
    "https://shop.example.com%00.evil.example", "https://shop.example.com\t.evil.example", "https://shop.example.com\n.evil.example",
    "https://evil.example/https://shop.example.com", "javascript:alert(1)", "java\nscript:alert(1)", "data:text/html,<script>1</script>",
    "https://shop。example。com。evil.example", "https://ｓhop.example.com.evil.example", "https://[::1]/", "https://2130706433/",
    "https://shop.example.com:80@evil.example", "https://shop.example.com:443\\@evil.example", "https:///shop.example.com@evil.example",
    "http://evil.example?shop.example.com",
    "https://user@shop.example.com@evil.example", " https://evil.example", "\u00a0//evil.example",
    "https://shop.example.com\u2028.evil.example", "ftp://shop.example.com/", "https://SHOP.example.com.evil.example",
    "//shop.example.com@evil.example",
    "/%09/evil.example", "/%5cevil.example", "/%2f%2fevil.example", "/.evil.example", "..//evil.example", "?next=//evil.example", "#//evil.example")
BREAKS = ("\r\nX-Evil: 1", "\nX-Evil: 1", "\rX-Evil: 1", "\r\n\r\n<script>1</script>", "\r\nBcc: all@evil.example", "\nBcc: all@evil.example",
          "\x00\r\nX-Evil: 1", "x\x00", "%0d%0aX-Evil: 1", "%0aX-Evil: 1", "%E5%98%8A%E5%98%8DX-Evil: 1", "嘊嘍X-Evil: 1", "\u2028X-Evil: 1",
          "\u2029X-Evil: 1", "\x85X-Evil: 1", "\x0bX-Evil: 1", "\x0cX-Evil: 1", "\x1cX-Evil: 1", "\r\n\tX-Evil: 1", "\r\n X-Evil: 1", "\n\nX",
          "=?utf-8?Q?=0D=0ABcc:_all@evil.example?=", "=?utf-8?B?DQpCY2M6IGFsbEBldmlsLmV4YW1wbGU=?=", "a@b.example\r\nBcc: all@evil.example",
          "<all@evil.example>", "x>, <all@evil.example", '", all@evil.example, "', "\\\r\nX-Evil: 1", "\r\n.\r\nMAIL FROM:<x@evil.example>",
          "--b\r\nContent-Type: text/html\r\n\r\n<script>1</script>", "x" * 2000, "\U0001f600" * 80, "; charset=x\r\nX-Evil: 1",
          "\r\nSubject: other",
          "\r\nContent-Transfer-Encoding: base64")


def redirect_lists(folder: Path) -> list[str]:
    """The shared lists, and our own spellings."""
    shared = [line for number in (1, 2, 3) for line in (folder / f"open_redirect_{number}.txt").read_text("utf-8", "replace").splitlines() if line]
    return [*(line.replace("www.whitelisteddomain.tld", HOST).replace("whitelisteddomain.tld", HOST) for line in shared), *OWN_REDIRECTS]


def breaks(folder: Path | None) -> list[str]:
    """Texts that want to end a header."""
    shared = [] if folder is None else (folder / "crlf.txt").read_text("utf-8", "replace").splitlines()
    return [*(line for line in shared if line), *BREAKS]


def targets(payload: str) -> Iterator[str]:
    """An address made of a payload in each way that a shop's data might hold it."""
    yield payload
    for front in ("https:", "https://", f"https://{HOST}", f"https://{HOST}/", f"https://{HOST}/?next="):
        yield front + payload


def redirects(payloads: Sequence[str], folder: Path) -> dict[str, Any]:
    """Every payload as target of a link and in each part of a request; what leads elsewhere."""
    workspace = create_workspace(folder / "redirects")
    ledger = open_ledger(workspace, Settings(cache=folder))
    with ledger.begin() as connection:
        connection.execute(plans.insert().values(id="p1", name="p", status="sending", as_of=NOON, brief="{}", document="{}", digest="0",
                                                 created_at=NOON))
    seen: Counter[str] = Counter()
    away: list[str] = []
    with LinkServer(ledger, workspace) as server:
        port = urlsplit(server.url).port or 80
        for payload in payloads:
            for target in targets(payload):
                seen["targets"] += 1
                token = _kept(ledger, workspace, server, target)
                if token is None:
                    seen["targets refused"] += 1
                else:
                    _look(port, f"GET /c?t={token} HTTP/1.0\r\n\r\n".encode(), f"target {target!r}", seen, away)
                away += _beside(target)
            good = _kept(ledger, workspace, server, f"https://{HOST}/red") or ""
            for request in _requests(payload, good):
                _look(port, request, f"request {request[:80]!r}", seen, away)
    ledger.close()
    return {"payloads": len(payloads), **seen, "away": len(away), "examples": away[:6]}


def _kept(ledger: Ledger, workspace: Workspace, server: LinkServer, target: str) -> str | None:
    """A real token for a link to the target, or None where it is refused."""
    try:
        number = keep_link(ledger, "p1", target, hosts=(HOST,))
    except BrandloomError:
        return None
    links = ClickLinks(workspace.derive_key("clicks"), server.click_url)
    return links.url(Click("c_1", "p1", "email", 1, number, date(2024, 8, 1))).partition("t=")[2]


def _beside(target: str) -> list[str]:
    """The other places that decide which links are the shop's: links in an article, links in copy."""
    found = []
    if own_url(target, f"https://{HOST}") and not _OURS.fullmatch(quote(absolute(target, f"https://{HOST}"), safe=":/?#[]@!$&'()*+,;=%-._~")):
        found.append(f"article {target!r}")
    plain = re.match(r"https?://([a-z0-9.-]+)(?=[/?#]|$)", target)
    if plain is not None and plain[1] != HOST and not check_links(f"See {target} now", (HOST,)):
        found.append(f"copy {target!r}")
    return found


def _requests(payload: str, token: str) -> Iterator[bytes]:
    raw = re.sub(rb"[\r\n]", b"", payload.encode("utf-8", "replace"))
    bare = raw.replace(b" ", b"%20")
    coded, good = quote(payload, safe="").encode(), token.encode()
    for path in (bare, b"/" + bare, b"/c" + bare, b"/c/" + bare + b"/c?t=" + good, b"/c?t=" + bare, b"/c?s=" + bare, b"/c?t=" + coded,
                 b"/c?t=" + good + b"&url=" + coded + b"&next=" + bare, b"/unsubscribe?t=" + coded + b"&next=" + coded, b"/unsubscribe/" + bare):
        for method in (b"GET", b"HEAD"):
            yield method + b" " + path + b" HTTP/1.0\r\nHost: " + bare + b"\r\nX-Forwarded-Host: " + bare + b"\r\n\r\n"
    body = b"List-Unsubscribe=One-Click&next=" + coded
    yield b"POST /unsubscribe?next=" + coded + b" HTTP/1.0\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: " + str(
        len(body)).encode() + b"\r\n\r\n" + body


def _look(port: int, request: bytes, what: str, seen: Counter[str], away: list[str]) -> None:
    head, _body = asked(port, request)
    seen["answers"] += 1
    names = Counter(line.partition(b":")[0].strip().lower().decode("latin-1") for line in re.split(rb"\r\n|\r|\n", head)[1:])
    if set(names) - _ANSWER or max(names.values(), default=1) > 1:
        away.append(f"header {what}: {sorted(set(names) - _ANSWER)}")
    found = re.search(rb"(?im)^location:[ \t]*(.*?)\r?$", head)
    if found is not None:
        seen["redirects"] += 1
        if not _OURS.fullmatch(found[1].decode("latin-1")):
            away.append(f"{what}: {found[1][:80]!r}")


def mail_headers(payloads: Sequence[str]) -> dict[str, Any]:
    """Every payload in every field of a mail that a file, a person or a brief fills; which mails say more than they should."""
    seen: Counter[str] = Counter()
    forged: list[str] = []
    fields = ("subject", "text", "html", "recipient", "language", "plan", "unsubscribe_url", "reply_to", "sender name", "sender email",
              "postal address", "shop name", "producer", "produce id")
    usual = _mail({})
    right, parts = Counter(name.lower() for name in usual), [part.get_content_type() for part in usual.walk()]
    for payload in payloads:
        for field in fields:
            for value in (payload, f"Zoe{payload}", f"zoe{payload}@reader.example", f"https://{HOST}/u?t={payload}"):
                seen["mails"] += 1
                try:
                    read = _mail({field: value})
                except (BrandloomError, ValueError):
                    seen["refused"] += 1
                    continue
                names = Counter(name.lower() for name in read)
                if field == "reply_to":
                    names.pop("reply-to", None)
                same = names == right and [part.get_content_type() for part in read.walk()] == parts
                people = [one.addr_spec for name in ("to", "from") for one in read[name].addresses]
                if not same or read.defects or len(people) != 2 or (field not in ("recipient", "sender email") and people != _PEOPLE):
                    forged.append(f"{field}: {value[:60]!r}")
    return {"payloads": len(payloads), "fields": len(fields), **seen, "forged": len(forged), "examples": forged[:6]}


_PEOPLE = ["zoe@reader.example", f"news@{HOST}"]


def _mail(changed: dict[str, str]) -> email.message.EmailMessage:
    """A mail with these values, as a reader's program takes it apart; its lines are looked at on the way."""
    given = {"subject": "A thought", "text": "Hello", "html": "<p>Hello</p>", "recipient": _PEOPLE[0], "language": "en", "plan": "p1",
             "unsubscribe_url": f"https://{HOST}/u?t=a", "reply_to": "", "sender name": "Lantern Hall", "sender email": _PEOPLE[1],
             "postal address": "1 Quay", "shop name": "Lantern Hall", "producer": "Lantern Hall", "produce id": "p1:a", **changed}
    sender = SenderConfig(name=given["sender name"], email=given["sender email"], postal_address=given["postal address"], website=f"https://{HOST}")
    label = ai_label("x", producer=given["producer"], produce_id=given["produce id"], key=b"k")
    envelope = Envelope(f"<a@{HOST}>", given["recipient"], given["language"], given["plan"], given["unsubscribe_url"], label,
                        given["reply_to"] or None)
    made = Mailer(ShopConfig(name=given["shop name"], sender=sender)).message(
        envelope, Parts(given["subject"], given["text"], given["html"]), now=NOON)
    head = made.data.partition(b"\r\n\r\n")[0]
    if re.search(rb"\x00|\r(?!\n)|(?<!\r)\n", made.data) or re.search(rb"(?m)^(?![A-Za-z][A-Za-z0-9-]*: |[ \t])", head):
        raise AssertionError(f"a bare line end, a NUL or a line that is no header: {changed}")
    if re.search(r"[\r\n\0]", made.recipient + made.sender):
        raise AssertionError(f"an envelope of two lines: {changed}")
    read = email.message_from_bytes(made.data, policy=email.policy.SMTP)
    assert isinstance(read, email.message.EmailMessage)
    return read
