"""The command that serves the links of messages: clicks and unsubscribing."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from brandloom.i18n import _, say
from brandloom.terminal import command, out


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    command(app, "links", _("Serve the links of messages on 127.0.0.1: clicks, counted and led on to the shop, unsubscribing, and replies to text "
                            "messages. Point your web server's addresses sender.click_url, sender.unsubscribe_url and sms.reply_url here."),
            "brandloom links my-shop --port 8765")(links)


def links(directory: Annotated[Path, typer.Argument(metavar="DIR", help=say("The workspace's folder."), show_default=False)],
          port: Annotated[int, typer.Option(min=0, max=65535, help=say("Port to listen on; 0 takes a free one."))] = 8765,
          seconds: Annotated[float | None, typer.Option(min=0, show_default=False, help=say(
              "Stop after so many seconds; never when absent."))] = None,
          as_json: Annotated[bool, typer.Option("--json", help=say("Print JSON for programs."))] = False) -> None:
    import json
    import sys

    from brandloom.deliver import LinkServer, ReplyDesk, application_server_key, reply_key
    from brandloom.errors import ConfigError
    from brandloom.govern import Audit, Vault
    from brandloom.ledger import open_ledger
    from brandloom.settings import read_settings
    from brandloom.workspace import open_workspace
    workspace, settings = open_workspace(directory), read_settings()
    ledger = open_ledger(workspace, settings)  # the ledger alone: the warehouse stays free for the other commands
    try:
        server = LinkServer(ledger, workspace, port=port)
    except OSError as error:
        raise ConfigError(_("Port {port} cannot be used: {reason}. Choose another with --port."), port=port, reason=error.strerror) from error
    if settings.sms_url is not None and (key := reply_key(settings.sms_url.get_secret_value())):
        desk = ReplyDesk(ledger, Vault(ledger, workspace), Audit(ledger, workspace.derive_key("audit")), workspace.config.sms.country_code)
        server.take_replies(desk, key=key, public_url=workspace.config.sms.reply_url)
    push_key = application_server_key(workspace.derive_key("push"))
    with server, suppress(KeyboardInterrupt):
        if as_json:
            told = {"click_url": server.click_url, "unsubscribe_url": server.url, "reply_url": server.reply_url, "push_key": push_key}
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()
        else:
            out.print(say(_("Public key of the shop for web push (applicationServerKey): {key}"), key=push_key), soft_wrap=True)
            out.print(say(_("Clicks at {click_url}, unsubscribing at {url}, replies at {reply_url}. Ctrl-C ends it."), click_url=server.click_url,
                          url=server.url, reply_url=server.reply_url), soft_wrap=True)
        threading.Event().wait(seconds)
    ledger.close()
