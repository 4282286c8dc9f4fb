"""A small HTTP endpoint on loopback that makes unsubscribe links work without the console (RFC 8058 and a page for people).

GET and HEAD never change anything, because mail scanners follow links; only a POST that says `List-Unsubscribe=One-Click` does.
"""

from __future__ import annotations

import html
import logging
from collections.abc import Callable
from datetime import datetime
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from brandloom.deliver.loopback import Loopback
from brandloom.deliver.send import utc_now
from brandloom.deliver.unsubscribe import Links, unsubscribe
from brandloom.govern import Audit
from brandloom.i18n import _, nearest_language, translate
from brandloom.ledger import Ledger
from brandloom.workspace import Workspace

_MOST_BYTES = 10_000
_log = logging.getLogger(__name__)

_TITLE = _("Unsubscribe")
_QUESTION = _("Do you want to receive no more marketing messages of this kind from us?")
_BUTTON = _("Yes, unsubscribe me")
_DONE = _("Done. You will receive no more marketing messages of this kind from us.")
_UNKNOWN = _("This link is not complete. Open it from the mail again, or answer the mail and ask to be taken off the list.")


class UnsubscribeServer(Loopback["Server"]):
    """Serves the links of one workspace on 127.0.0.1 while the `with` block runs.

    Attributes:
        url: base address for `Links`, such as 'http://127.0.0.1:40123/unsubscribe'.
    """

    def __init__(self, ledger: Ledger, workspace: Workspace, *, clock: Callable[[], datetime] = utc_now, port: int = 0) -> None:
        super().__init__(self._server(port), "unsubscribe")
        self._http.ledger, self._http.clock = ledger, clock
        self._http.audit = Audit(ledger, workspace.derive_key("audit"))
        self.url = f"{self.address}/unsubscribe"
        self.links = self._http.links = Links(workspace.derive_key("links"), self.url)

    def _server(self, port: int) -> Server:
        return Server(("127.0.0.1", port), Handler)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    ledger: Ledger
    links: Links
    audit: Audit
    clock: Callable[[], datetime]


class Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = 10.0  # a client that says nothing does not hold a thread for ever
    server_version = "Brandloom"
    sys_version = ""

    def do_GET(self) -> None:
        if not self.answered():
            self.answer(200, _page(self.language(), _QUESTION, form=True))

    def do_HEAD(self) -> None:
        if not self.answered():
            self.answer(200, b"")

    def answered(self) -> bool:
        """Answer a request that is for another kind of link; False when it is for this kind."""
        return False

    def do_POST(self) -> None:
        body = self.body()
        if body is None:
            self.answer(413, _page(self.language(), _UNKNOWN))
            return
        token = (parse_qs(urlsplit(self.path).query).get("t") or [""])[0]
        confirmed = _says_one_click(self.headers.get("Content-Type", ""), body)
        ended = None
        if confirmed:
            ended = unsubscribe(self.server.ledger, self.server.links, token, audit=self.server.audit, now=self.server.clock())
        self.answer(200 if ended else 400, _page(self.language(), _DONE if ended else _UNKNOWN))

    def body(self) -> bytes | None:
        """The request's body; None when it is too long or its length is not said."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _MOST_BYTES:
            return None
        return self.rfile.read(int(length))

    def language(self) -> str:
        return nearest_language(self.headers.get("Accept-Language", "en").split(",")[0].strip())

    def answer(self, code: int, page: bytes, *, kind: str = "text/html", **more: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Content-Security-Policy", "default-src 'none'; form-action 'self'; frame-ancestors 'none'")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        for name, value in more.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:
        _log.debug("link endpoint answered %s", self.command)  # the address line holds the token: not logged


def _says_one_click(content_type: str, body: bytes) -> bool:
    if content_type.lower().startswith("multipart/form-data"):
        head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
        form = BytesParser(policy=HTTP).parsebytes(head + body)
        return any(part.get_param("name", header="content-disposition") == "List-Unsubscribe"
                   and str(part.get_payload()).strip() == "One-Click" for part in form.walk() if not part.is_multipart())
    return parse_qs(body.decode("latin-1")).get("List-Unsubscribe") == ["One-Click"]


def _page(language: str, text: str, *, form: bool = False) -> bytes:
    """A page that is the same for every link, good or bad: whoever tries links learns nothing."""
    shown = {name: html.escape(translate(template, language)) for name, template in
             {"title": _TITLE, "text": text, "button": _BUTTON}.items()}
    button = ('<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click">'
              f"<button>{shown['button']}</button></form>") if form else ""
    return (f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">'
            f"<title>{shown['title']}</title></head><body><main><h1>{shown['title']}</h1><p>{shown['text']}</p>"
            f"{button}</main></body></html>").encode()
