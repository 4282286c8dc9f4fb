"""One marketing mail as bytes (RFC 5322): every header the law and the large mailbox providers ask for, none that can be forged.

The message is written here line by line, not by `email.message`: its folding breaks long unsubscribe links, and one builder
that encodes every value is easier to prove free of header injection. Tests read the result back with `email` and `dkimpy`.
"""

from __future__ import annotations

import base64
import hashlib
import quopri
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.header import Header
from email.utils import format_datetime
from functools import cached_property
from pathlib import Path

import dkim

from brandloom.deliver.channels import Message
from brandloom.errors import ConfigError, DataError
from brandloom.govern import AiLabel
from brandloom.i18n import _
from brandloom.workspace import ShopConfig

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")  # line ends, and marks that turn text round
_ADDRESS = re.compile(r"[^\s@<>()\[\]\\,;:\"\x00-\x20\x7f]+@[^\s@<>()\[\]\\,;:\"\x00-\x20\x7f]+\.[^\s@<>()\[\]\\,;:\".\x7f]+")
_SIGNED = ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "List-Id", "List-Unsubscribe",
           "List-Unsubscribe-Post")


@dataclass(frozen=True)
class Picture:
    """A picture that travels with a mail; its HTML shows it as `cid:content_id`."""

    content_id: str
    kind: str
    """png or jpeg"""
    data: bytes

    @cached_property
    def part(self) -> bytes:
        """As a part of a mail."""
        head = (f"Content-Type: image/{self.kind}\r\nContent-Transfer-Encoding: base64\r\nContent-ID: <{self.content_id}>\r\n"
                f"Content-Disposition: inline\r\n\r\n")
        return head.encode() + base64.encodebytes(self.data).replace(b"\n", b"\r\n")


@dataclass(frozen=True)
class Parts:
    """What a renderer hands over for one person."""

    subject: str
    text: str
    html: str
    pictures: tuple[Picture, ...] = ()
    """Those that the HTML shows."""


@dataclass(frozen=True)
class Envelope:
    """Whom a mail goes to, and what its headers say of it. It holds personal data: its repr shows none."""

    message_id: str
    recipient: str = field(repr=False)
    language: str
    plan: str
    unsubscribe_url: str = field(repr=False)
    """This person's https link, as `Links.url` makes it (http only on loopback)."""
    ai_label: AiLabel | None = None
    """The machine-readable mark of AI-generated content, kept in its header as JSON."""
    reply_to: str | None = None
    """Where answers go, when not to the sender."""


@dataclass(frozen=True)
class Dkim:
    """Key to sign with: DNS holds its public half at `selector`._domainkey.`domain`."""

    selector: str
    domain: str
    key: bytes

    def __repr__(self) -> str:
        return f"Dkim({self.selector}._domainkey.{self.domain})"

    @classmethod
    def read(cls, path: Path, *, selector: str, domain: str) -> Dkim:
        """Read a PEM private key (RSA, 2048 bits advised).

        Raises:
            ConfigError: no file, or no private key in it.
        """
        if not path.is_file() or b"PRIVATE KEY" not in (key := path.read_bytes()):
            raise ConfigError(_("{path} holds no private key in PEM form. Make one, or leave DKIM out."), path=path)
        return cls(selector, domain, key)


class Mailer:
    """Builds the mails of one shop.

    Raises:
        ConfigError: the shop's address as sender, its postal address or its unsubscribe link is missing or unusable.
    """

    def __init__(self, shop: ShopConfig, *, dkim_key: Dkim | None = None) -> None:
        sender = shop.sender
        if not _ADDRESS.fullmatch(sender.email):
            raise ConfigError(_("brandloom.toml: sender.email is not a mail address. Write one such as hello@shop.com."))
        if not sender.postal_address.strip():
            raise ConfigError(_("brandloom.toml: sender.postal_address is empty. The law asks for it in every marketing mail."))
        self._sender = sender
        self._jurisdictions = shop.jurisdictions
        self._shop = shop.name
        self._dkim = dkim_key
        self.domain = ascii_domain(sender.email.rpartition("@")[2])

    def message(self, envelope: Envelope, parts: Parts, *, now: datetime) -> Message:
        """Write one mail.

        Raises:
            DataError: the recipient's address or the link cannot be used in a mail; neither is shown.
        """
        if not _ADDRESS.fullmatch(envelope.recipient) or len(envelope.recipient) > 254:
            raise DataError(_("A recipient's address cannot be used for mail; the message was left out."))
        if envelope.reply_to and not _ADDRESS.fullmatch(envelope.reply_to):
            raise ConfigError(_("The brief's sender.reply_to is not a mail address. Write one such as hello@shop.com."))
        if not re.fullmatch(r"https?://[\x21-\x3b\x3d\x3f-\x7e]{1,900}", envelope.unsubscribe_url):
            raise DataError(_("An unsubscribe link cannot be used in a mail header; the message was left out."))
        local, _at, domain = envelope.recipient.rpartition("@")
        recipient = f"{local}@{ascii_domain(domain)}"
        headers = self._headers(replace(envelope, recipient=recipient), parts.subject, now)
        data = _assemble(headers, parts, boundary="b" + hashlib.sha256(envelope.message_id.encode()).hexdigest()[:30])
        return Message(envelope.message_id, self._sender.email, recipient, self._signed(data))

    def _headers(self, envelope: Envelope, subject: str, now: datetime) -> list[tuple[str, str]]:
        return [
            ("From", f"{_name(self._sender.name)} <{self._sender.email}>"),
            ("To", f"<{envelope.recipient}>"),
            *([("Reply-To", f"<{envelope.reply_to}>")] if envelope.reply_to else []),
            ("Subject", _text("Subject", subject_line(subject, language=envelope.language, jurisdictions=self._jurisdictions))),
            ("Date", format_datetime(now)),
            ("Message-ID", envelope.message_id),
            ("MIME-Version", "1.0"),
            ("List-Id", f"{_name(self._shop)} <marketing.{self.domain}>"),
            ("List-Unsubscribe", f"<{envelope.unsubscribe_url}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
            ("Feedback-ID", f"{_token(envelope.plan)}:{_token(envelope.language)}:marketing:{self.domain}"),
            *([_folded(envelope.ai_label)] if envelope.ai_label else []),
        ]

    def _signed(self, data: bytes) -> bytes:
        if self._dkim is None:
            return data
        names = [name.encode() for name in _SIGNED]
        signature: bytes = dkim.sign(data, self._dkim.selector.encode(), self._dkim.domain.encode(), self._dkim.key,
                                     canonicalize=(b"relaxed", b"relaxed"), include_headers=names)
        return signature + data


def subject_line(subject: str, *, language: str, jurisdictions: Collection[str]) -> str:
    """The subject as the law of the shop's markets wants it to begin.

    China's rules for e-mail services (互联网电子邮件服务管理办法, art. 13) ask for '广告' or 'AD' at the front of a commercial
    mail's subject. With 'cn' among the jurisdictions, Chinese mail gets '广告'; mail in another language gets 'AD' where China is
    the only jurisdiction, since a reader elsewhere would not know what it means.
    """
    subject = _CONTROL.sub(" ", subject).strip()
    if "cn" not in jurisdictions or subject.startswith(("广告", "（广告）", "AD ", "AD:")):
        return subject
    if language.lower().startswith("zh"):
        return f"广告｜{subject}"
    return f"AD: {subject}" if set(jurisdictions) == {"cn"} else subject


def _assemble(headers: list[tuple[str, str]], parts: Parts, *, boundary: str) -> bytes:
    lines = [f"{name}: {value}" for name, value in headers]
    lines.append(f'Content-Type: multipart/alternative; boundary="{boundary}"')
    head = "\r\n".join(lines).encode()
    page = _part("html", parts.html)
    if parts.pictures:
        inner = f"{boundary}r"
        page = (f'Content-Type: multipart/related; type="text/html"; boundary="{inner}"\r\n\r\n').encode() + _joined(
            [page, *(picture.part for picture in parts.pictures)], inner)
    return head + b"\r\n\r\n" + _joined([_part("plain", parts.text), page], boundary)


def _joined(pieces: Sequence[bytes], boundary: str) -> bytes:
    return b"".join(f"--{boundary}\r\n".encode() + piece for piece in pieces) + f"--{boundary}--\r\n".encode()


def _part(kind: str, content: str) -> bytes:
    raw = "\r\n".join(content.splitlines()).encode() + b"\r\n"
    if sum(byte > 126 for byte in raw) * 6 > len(raw):  # mostly not Latin: base64 is shorter
        encoding, coded = "base64", base64.encodebytes(raw).replace(b"\n", b"\r\n")
    else:
        coded = quopri.encodestring(raw.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
        encoding = "quoted-printable"
    head = f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + coded


def _text(name: str, value: str) -> str:
    """A header value of free text: no control characters, encoded where it is not plain ASCII, folded."""
    plain = _CONTROL.sub(" ", value)
    charset = "us-ascii" if plain.isascii() and "=?" not in plain else "utf-8"
    return Header(plain, charset, header_name=name, maxlinelen=76).encode(linesep="\r\n")


def _name(value: str) -> str:
    """A display name; quoted or encoded, so that nothing in it can be read as an address."""
    plain = _CONTROL.sub(" ", value).strip()
    if plain.isascii() and "=?" not in plain:
        return '"' + plain.replace("\\", "").replace('"', "") + '"'
    return Header(plain, "utf-8", maxlinelen=60).encode(linesep="\r\n")


def _folded(label: AiLabel) -> tuple[str, str]:
    name, value = label.mail_header()
    return name, value.replace(", ", ",\r\n ")


def _token(value: str) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "", value)


def ascii_domain(domain: str) -> str:
    """A domain as the domain name system spells it.

    Raises:
        DataError: there can be no such domain.
    """
    try:
        return domain if domain.isascii() else domain.encode("idna").decode()
    except UnicodeError:
        raise DataError(_("A mail address has a domain that does not exist in the domain name system.")) from None
