"""The small HTTP endpoint on loopback with click links beside unsubscribe links; the shop's web server passes both on to it."""

from __future__ import annotations

import html
from collections.abc import Callable
from datetime import datetime
from urllib.parse import parse_qs, quote, urlsplit

from brandloom.deliver.clicks import ClickLinks, Visit, follow
from brandloom.deliver.send import utc_now
from brandloom.deliver.unsubscribe_server import Handler, Server, UnsubscribeServer
from brandloom.i18n import _, translate
from brandloom.ledger import Ledger
from brandloom.workspace import Workspace

CLICK_PATH = "/c"
_NOT_FOUND = _("This link is not complete. Open it from the mail again.")


class LinkServer(UnsubscribeServer):
    """Serves click and unsubscribe links of one workspace on 127.0.0.1 while the `with` block runs.

    Attributes:
        click_url: base address for `ClickLinks`, such as 'http://127.0.0.1:40123/c'.
    """

    def __init__(self, ledger: Ledger, workspace: Workspace, *, clock: Callable[[], datetime] = utc_now, port: int = 0) -> None:
        super().__init__(ledger, workspace, clock=clock, port=port)
        self.click_url = self.url.removesuffix("/unsubscribe") + CLICK_PATH
        self._clicks.clicks = ClickLinks(workspace.derive_key("clicks"), self.click_url)

    def _server(self, port: int) -> Server:
        self._clicks = _ClickServer(("127.0.0.1", port), _ClickHandler)
        return self._clicks


class _ClickServer(Server):
    clicks: ClickLinks


class _ClickHandler(Handler):
    server: _ClickServer

    def answered(self) -> bool:
        if not urlsplit(self.path).path.rstrip("/").endswith(CLICK_PATH):
            return False
        token = (parse_qs(urlsplit(self.path).query).get("t") or [""])[0]
        found = follow(self.server.ledger, self.server.clicks, token, Visit(self.command, dict(self.headers)), now=self.server.clock())
        if found.target is None:
            self.answer(404, _plain(translate(_NOT_FOUND, self.language())))
        else:  # whatever stands in the address kept for this link: nothing that could end a header line
            self.answer(302, b"", Location=quote(found.target, safe=":/?#[]@!$&'()*+,;=%-._~"))
        return True


def _plain(text: str) -> bytes:
    return f'<!doctype html><meta charset="utf-8"><meta name="robots" content="noindex"><p>{html.escape(text)}</p>'.encode()
