"""Web push: notifications to browsers that agreed, sealed so that the push service cannot read them (RFC 8030, 8188, 8291, 8292)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from brandloom.deliver.channels import Message, Receipt
from brandloom.deliver.send import utc_now
from brandloom.deliver.smtp import is_loopback
from brandloom.deliver.wire import NoAnswerError, NotSentError, Wire
from brandloom.errors import DataError
from brandloom.i18n import _
from brandloom.llm.addresses import is_public

MOST_BYTES = 3993
"""Longest notification: what a push service has to take (4,096) less what sealing adds."""
_CURVE = ec.SECP256R1()
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_RECORD = 4096
_TTL = timedelta(days=1)


@dataclass(frozen=True)
class PushSubscription:
    """A browser as `PushManager.subscribe` describes it in JSON. Whoever has it can push there, so its repr shows nothing."""

    endpoint: str = field(repr=False)
    public: bytes = field(repr=False)
    auth: bytes = field(repr=False)

    @classmethod
    def read(cls, text: str) -> PushSubscription:
        """Read a subscription.

        Raises:
            DataError: it is none.
        """
        try:
            found = json.loads(text)
            made = cls(str(found["endpoint"]), _unbase64(found["keys"]["p256dh"]), _unbase64(found["keys"]["auth"]))
            ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, made.public)
            parts = urlsplit(made.endpoint)
            good = parts.scheme in ("http", "https") and parts.port != 0 and len(made.auth) == 16
        except (ValueError, KeyError, TypeError, binascii.Error, RecursionError):
            raise DataError(_("A push subscription cannot be read; the message was left out.")) from None
        if not good:
            raise DataError(_("A push subscription cannot be read; the message was left out."))
        return made


def vapid_key(key: bytes) -> ec.EllipticCurvePrivateKey:
    """The key that a shop shows itself with to push services, from `workspace.derive_key("push")`."""
    return ec.derive_private_key(int.from_bytes(hashlib.sha512(key).digest()) % (_ORDER - 1) + 1, _CURVE)


def application_server_key(key: bytes) -> str:
    """The public half, which the shop's page passes to `PushManager.subscribe`."""
    return _base64(_point(vapid_key(key).public_key()))


def seal(content: bytes, to: PushSubscription, *, sender: ec.EllipticCurvePrivateKey | None = None, salt: bytes | None = None) -> bytes:
    """Encrypt a notification for one browser (aes128gcm). Key and salt are new each time but for a known answer."""
    own, salt = sender or ec.generate_private_key(_CURVE), salt or os.urandom(16)
    shared = own.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, to.public))
    mine = _point(own.public_key())
    key, nonce = _keys(shared, to.auth, to.public, mine, salt)
    return salt + _RECORD.to_bytes(4) + bytes([len(mine)]) + mine + AESGCM(key).encrypt(nonce, content + b"\x02", None)


def unseal(sealed: bytes, *, receiver: ec.EllipticCurvePrivateKey, auth: bytes) -> bytes:
    """What a browser reads.

    Raises:
        DataError: it was not sealed for this one, or changed since.
    """
    salt, size = sealed[:16], sealed[20]
    theirs, mine = sealed[21:21 + size], _point(receiver.public_key())
    shared = receiver.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, theirs))
    key, nonce = _keys(shared, auth, mine, theirs, salt)
    try:
        content = AESGCM(key).decrypt(nonce, sealed[21 + size:], None)
    except InvalidTag:
        raise DataError(_("A push message cannot be opened with this key.")) from None
    return content.rstrip(b"\0")[:-1]


class WebPush:
    """Notifications through the push service that each browser names. The sender shows itself by a signed token (VAPID).

    A service that knows a browser no more (404, 410) has its subscription suppressed. A lost answer leaves the message 'unknown':
    services cannot be asked, though a browser shows notifications of one tag once.

    Args:
        key: `workspace.derive_key("push")`.
        contact: mail address of the shop, for the services' operators.
        near: let subscriptions lead to this machine, as those of `LoopbackPush` do. Else they are somebody's way to its other services.
    """

    name = "push"
    accepts_idempotency_key = False

    def __init__(self, key: bytes, *, contact: str, near: bool = False, timeout_s: float = 30.0, clock: Callable[[], datetime] = utc_now) -> None:
        self._key, self._contact, self._near, self._clock = vapid_key(key), contact, near, clock
        self._wire = Wire(timeout_s=timeout_s)
        self._shown: dict[str, tuple[datetime, str]] = {}

    def __repr__(self) -> str:
        return "WebPush()"

    def open(self) -> None:
        """Each browser names a service of its own, so there is nothing to connect to yet."""

    def send(self, message: Message) -> Receipt:
        try:
            to = PushSubscription.read(message.recipient)
        except DataError:
            return Receipt("refused", "bad_subscription")
        parts = urlsplit(to.endpoint)
        if not self._may_ask(parts.scheme, parts.hostname or "", parts.port or 443):
            return Receipt("refused", "bad_subscription", suppress="bounced")
        topic = _base64(hashlib.sha256(message.message_id.encode()).digest()[:24])
        headers = {"Content-Encoding": "aes128gcm", "Content-Type": "application/octet-stream", "TTL": str(int(_TTL.total_seconds())),
                   "Urgency": "normal", "Topic": topic, "Authorization": self._authorization(f"{parts.scheme}://{parts.netloc}")}
        try:
            answer = self._wire.ask("POST", to.endpoint, headers=headers, content=seal(message.data, to))
        except NotSentError:
            return Receipt("later", "connection_lost")
        except NoAnswerError:
            return Receipt("unknown", "no_final_answer")
        if answer.status in (200, 201, 202):
            return Receipt("accepted")
        reason = f"http {answer.status}"
        if answer.status in (404, 410):
            return Receipt("refused", reason, suppress="bounced")
        if answer.status in (429, 503):
            return Receipt("later", reason)
        return Receipt("unknown" if answer.status >= 500 else "refused", reason)

    def lookup(self, message_id: str) -> bool | None:
        """Push services cannot be asked."""
        return None

    def close(self) -> None:
        self._wire.close()

    def _may_ask(self, scheme: str, host: str, port: int) -> bool:
        return (self._near and is_loopback(host)) or (scheme == "https" and is_public(host, port))

    def _authorization(self, origin: str) -> str:
        """A token for one service, good for half a day and used again until it nears its end."""
        now = self._clock()
        made, text = self._shown.get(origin, (now - timedelta(days=1), ""))
        if now - made > timedelta(hours=10):
            claims = {"aud": origin, "exp": int((now + timedelta(hours=12)).timestamp()), "sub": f"mailto:{self._contact}"}
            signed = ".".join(_base64(json.dumps(part, separators=(",", ":")).encode()) for part in ({"typ": "JWT", "alg": "ES256"}, claims))
            r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(SHA256())))
            text = f"vapid t={signed}.{_base64(r.to_bytes(32) + s.to_bytes(32))}, k={_base64(_point(self._key.public_key()))}"
            self._shown[origin] = (now, text)
        return text


def _keys(shared: bytes, auth: bytes, receiver: bytes, sender: bytes, salt: bytes) -> tuple[bytes, bytes]:
    """Content key and nonce: RFC 8291 section 3.4, RFC 8188 section 2."""
    mixed = _expand(hmac.digest(auth, shared, "sha256"), b"WebPush: info\0" + receiver + sender, 32)
    secret = hmac.digest(salt, mixed, "sha256")
    return _expand(secret, b"Content-Encoding: aes128gcm\0", 16), _expand(secret, b"Content-Encoding: nonce\0", 12)


def _expand(secret: bytes, info: bytes, size: int) -> bytes:
    return hmac.digest(secret, info + b"\1", "sha256")[:size]


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unbase64(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
