"""The small HTTP endpoint on loopback with click links and replies beside unsubscribe links; the shop's web server passes all on to it."""

from __future__ import annotations

import html
from collections.abc import Callable
from datetime import datetime
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

from brandloom.deliver.clicks import ClickLinks, ShortLinks, Visit, follow, follow_short
from brandloom.deliver.replies import ReplyDesk, signed_by_gateway
from brandloom.deliver.send import utc_now
from brandloom.deliver.unsubscribe_server import Handler, Server, UnsubscribeServer
from brandloom.i18n import _, translate
from brandloom.ledger import Ledger
from brandloom.workspace import Workspace

CLICK_PATH = "/c"
REPLY_PATH = "/replies"
_NOT_FOUND = _("This link is not complete. Open it from the mail again.")


class LinkServer(UnsubscribeServer):
    """Serves click and unsubscribe links of one workspace on 127.0.0.1 while the `with` block runs.

    Attributes:
        click_url: base address for `ClickLinks` and `ShortLinks`, such as 'http://127.0.0.1:40123/c'.
        reply_url: where a gateway delivers replies to text messages, once `take_replies` was called.
    """

    def __init__(self, ledger: Ledger, workspace: Workspace, *, clock: Callable[[], datetime] = utc_now, port: int = 0) -> None:
        super().__init__(ledger, workspace, clock=clock, port=port)
        self.click_url = self.url.removesuffix("/unsubscribe") + CLICK_PATH
        self._clicks.clicks = ClickLinks(workspace.derive_key("clicks"), self.click_url)
        self._clicks.short = ShortLinks(workspace.derive_key("clicks"), self.click_url)
        self._clicks.replies, self._clicks.reply_key = None, ""
        self.reply_url = self.url.removesuffix("/unsubscribe") + REPLY_PATH

    def take_replies(self, desk: ReplyDesk, *, key: str, public_url: str) -> None:
        """Answer the gateway's calls with replies to text messages too.

        Args:
            key: what it signs them with, see `reply_key`.
            public_url: the address that it calls, which the signature covers.
        """
        self._clicks.replies, self._clicks.reply_key, self._clicks.public_url = desk, key, public_url or self.reply_url

    def _server(self, port: int) -> Server:
        self._clicks = _ClickServer(("127.0.0.1", port), _ClickHandler)
        return self._clicks


class _ClickServer(Server):
    clicks: ClickLinks
    short: ShortLinks
    replies: ReplyDesk | None
    reply_key: str
    public_url: str


class _ClickHandler(Handler):
    server: _ClickServer

    def answered(self) -> bool:
        if not urlsplit(self.path).path.rstrip("/").endswith(CLICK_PATH):
            return False
        asked = parse_qs(urlsplit(self.path).query)
        visit, now = Visit(self.command, dict(self.headers)), self.server.clock()
        if "s" in asked:
            found = follow_short(self.server.ledger, self.server.short, asked["s"][0], visit, now=now)
        else:
            found = follow(self.server.ledger, self.server.clicks, (asked.get("t") or [""])[0], visit, now=now)
        if found.target is None:
            self.answer(404, _plain(translate(_NOT_FOUND, self.language())))
        else:  # whatever stands in the address kept for this link: nothing that could end a header line
            self.answer(302, b"", Location=quote(found.target, safe=":/?#[]@!$&'()*+,;=%-._~"))
        return True

    def do_POST(self) -> None:  # noqa: N802 - http.server's name
        if not urlsplit(self.path).path.rstrip("/").endswith(REPLY_PATH):
            super().do_POST()
            return
        body = self.body()
        form = dict(parse_qsl((body or b"").decode("utf-8", "replace"), keep_blank_values=True))
        signature = self.headers.get("X-Twilio-Signature", "")
        if self.server.replies is None or not signed_by_gateway(self.server.reply_key, self.server.public_url, form, signature):
            self.answer(403, b"")
            return
        self.server.replies.take(form.get("From", ""), form.get("Body", ""), now=self.server.clock())
        self.answer(200, b"<?xml version='1.0'?><Response/>", kind="text/xml")


def _plain(text: str) -> bytes:
    return f'<!doctype html><meta charset="utf-8"><meta name="robots" content="noindex"><p>{html.escape(text)}</p>'.encode()
