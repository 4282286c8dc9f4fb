"""A mail server as a channel: one connection, TLS unless on loopback, and an honest answer to 'did it arrive?'."""

from __future__ import annotations

import ipaddress
import re
import smtplib
import socket
import ssl
from contextlib import suppress
from urllib.parse import unquote, urlsplit

from brandloom.deliver.channels import Message, Receipt
from brandloom.errors import ConfigError, ProviderError
from brandloom.i18n import _

_LOST = (smtplib.SMTPServerDisconnected, OSError)  # OSError covers time-outs, resets and TLS failures
_ENHANCED = re.compile(rb"^([245]\.\d{1,3}\.\d{1,3})\b")


class SmtpChannel:
    """E-mail over SMTP, by URL.

    `smtp://user:password@host:587` asks for STARTTLS and refuses to go on without it, except to a loopback address;
    `smtps://host:465` speaks TLS from the start; `smtp+insecure://host:25` sends in the clear because somebody said so.

    SMTP has no way to ask for a message later: when the connection breaks between the last byte and the answer, the receipt
    is 'unknown'.

    Raises:
        ConfigError: the URL is not one of these.
    """

    name = "email"
    accepts_idempotency_key = False

    def __init__(self, url: str, *, timeout_s: float = 60.0, context: ssl.SSLContext | None = None) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in ("smtp", "smtps", "smtp+insecure") or not parts.hostname:
            raise ConfigError(_("BRANDLOOM_SMTP_URL cannot be used. Write smtp://user:password@host:587 or smtps://host:465."))
        self._scheme, self._host = parts.scheme, parts.hostname
        self._port = port or {"smtp": 587, "smtps": 465}.get(self._scheme, 25)
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._timeout_s = timeout_s
        self._context = context
        self._wire: smtplib.SMTP | None = None

    def __repr__(self) -> str:
        return f"SmtpChannel({self._scheme}://{self._host}:{self._port})"

    def open(self) -> None:
        """Connect, secure and log in. Raises ProviderError in one line, without the carrier's own words."""
        try:
            self._wire = self._connect()
        except smtplib.SMTPAuthenticationError as error:
            raise ProviderError(_("The mail server {host}:{port} does not accept this user and password (answer {code}). "
                                  "Correct BRANDLOOM_SMTP_URL; nothing was sent."),
                                host=self._host, port=self._port, code=error.smtp_code) from error
        except (smtplib.SMTPException, *_LOST) as error:
            code = error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else type(error).__name__
            raise ProviderError(_("The mail server {host}:{port} cannot be used now ({reason}). What was not sent is still "
                                  "queued; start the send again later."),
                                retryable=True, host=self._host, port=self._port, reason=code) from error

    def send(self, message: Message) -> Receipt:
        if self._wire is None:
            self.open()
        wire = self._wire
        assert wire is not None
        try:
            answer = _envelope(wire, message)
        except smtplib.SMTPNotSupportedError:
            return Receipt("refused", "no_smtputf8")
        except _LOST:
            self.close()
            return Receipt("later", "connection_lost")  # before the text went out: the server certainly has no message
        if answer is None:
            try:
                wire.send(_dotted(message.data))
                answer = wire.getreply()
            except _LOST:
                self.close()
                return Receipt("unknown", "no_final_answer")
        elif answer[0] != 421:
            with suppress(*_LOST):
                wire.rset()
        if answer[0] == 421:
            self.close()
        return _receipt(*answer)

    def lookup(self, message_id: str) -> bool | None:
        """SMTP cannot be asked."""
        return None

    def close(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            with suppress(smtplib.SMTPException, OSError):
                wire.close()

    def _connect(self) -> smtplib.SMTP:
        wire: smtplib.SMTP
        if self._scheme == "smtps":
            wire = smtplib.SMTP_SSL(self._host, self._port, timeout=self._timeout_s, context=self._tls())
        else:
            wire = smtplib.SMTP(self._host, self._port, timeout=self._timeout_s)
        try:
            wire.ehlo_or_helo_if_needed()
            if self._scheme == "smtp" and not is_loopback(self._host):
                wire.starttls(context=self._tls())
                wire.ehlo()
            if self._user:
                wire.login(self._user, self._password)
        except BaseException:
            wire.close()
            raise
        return wire

    def _tls(self) -> ssl.SSLContext:
        return self._context or ssl.create_default_context()


def _envelope(wire: smtplib.SMTP, message: Message) -> tuple[int, bytes] | None:
    """MAIL, RCPT and DATA; None when the server waits for the text, else its refusal."""
    options = [f"SIZE={len(message.data)}"] if wire.has_extn("size") else []
    if not (message.recipient.isascii() and message.sender.isascii()):
        options += ["SMTPUTF8", "BODY=8BITMIME"]
    answer = wire.mail(message.sender, options)
    if answer[0] == 250:
        answer = wire.rcpt(message.recipient)
    if answer[0] in (250, 251):
        answer = wire.docmd("DATA")
    return None if answer[0] == 354 else answer


def _dotted(data: bytes) -> bytes:
    """The text as it goes over the wire: CRLF line ends are expected, leading dots doubled, a lone dot at the end."""
    body = re.sub(rb"(?m)^\.", b"..", data)
    return body + (b"" if body.endswith(b"\r\n") else b"\r\n") + b".\r\n"


def _receipt(code: int, reply: bytes) -> Receipt:
    enhanced = _ENHANCED.match(reply)
    reason = f"smtp {code}" + (f" {enhanced[1].decode()}" if enhanced else "")
    if code in (250, 251):
        return Receipt("accepted")
    return Receipt("refused" if 500 <= code < 600 else "later", reason)


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    if host == "localhost":
        with suppress(socket.gaierror):
            return all(ipaddress.ip_address(info[4][0]).is_loopback for info in socket.getaddrinfo(host, None))
    return False
