"""Text messages through a gateway: Twilio's Messages resource and the like, and the JSON interface of Chuanglan (253.com).

Chinese gateways with templates, such as Alibaba Cloud's SendSms, are left out: they take no link as a variable, so no message could
lead a person to their own product or count a click.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from brandloom.deliver.channels import Message, Receipt
from brandloom.deliver.wire import Answer, NoAnswerError, NotSentError, Wire, base_url
from brandloom.errors import ConfigError, ProviderError
from brandloom.i18n import _

_REFUSED_THERE = 21610
"""Twilio's code for a person who has answered STOP."""
_NO_SUCH_NUMBER = frozenset({21211, 21214, 21217, 21614})
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_JSON = {"Content-Type": "application/json"}


class TwilioSms:
    """Text messages over Twilio's Messages resource, or any gateway that speaks it (SignalWire and others), by URL:
    `twilio://account:token@host?from=+441234567890`, or `from=MG...` for a messaging service.

    The resource takes no idempotency key. When an answer is lost, the account's list of messages is asked for this very text to this
    number; what is not found there stays 'unknown'. A gateway that honours the header `Idempotency-Key` says so by `&idempotent=yes`.

    Raises:
        ConfigError: the URL is not one of these.
    """

    name = "sms"

    def __init__(self, url: str, *, timeout_s: float = 30.0) -> None:
        parts = _read_url(url, "twilio")
        options = dict(parse_qsl((parts.query or "").replace("+", "%2B")))
        self._account, self._token = unquote(parts.username or ""), unquote(parts.password or "")
        self._from = options.get("from", "")
        if not (self._account and self._token and self._from) or set(options) - {"from", "idempotent"}:
            raise _bad_url()
        self.accepts_idempotency_key = options.get("idempotent") == "yes"
        self._host = parts.hostname or ""
        self._messages = f"{base_url(self._host, parts.port)}/2010-04-01/Accounts/{self._account}/Messages.json"
        self._wire = Wire(timeout_s=timeout_s)
        self._ahead = timedelta(0)
        """How far the gateway's clock is ahead of this machine's."""

    def __repr__(self) -> str:
        return f"TwilioSms({self._host})"

    def open(self) -> None:
        """Log in: read the newest message. Raises ProviderError in one line, without the gateway's own words."""
        try:
            answer = self._ask("GET", params={"PageSize": "1"})
        except (NotSentError, NoAnswerError) as error:
            raise _unreachable(self._host, str(error)) from error
        self._require_service(answer)
        told = _moment(answer.headers.get("date", ""))
        self._ahead = timedelta(0) if told is None else told - datetime.now(UTC)

    def send(self, message: Message) -> Receipt:
        body = message.data.decode()
        sender = {"MessagingServiceSid" if self._from.startswith("MG") else "From": self._from}
        begun = datetime.now(UTC) + self._ahead - timedelta(seconds=2)  # its clock shows whole seconds
        try:
            answer = self._ask("POST", headers=_FORM | {"Idempotency-Key": message.message_id},
                               content=urlencode({"To": message.recipient, **sender, "Body": body}).encode())
        except NotSentError:
            return Receipt("later", "connection_lost")
        except NoAnswerError:
            return self._asked_for(message.recipient, body, begun, "no_final_answer")
        if answer.status in (200, 201):
            return Receipt("accepted")
        if answer.status in (429, 503):
            return Receipt("later", f"http {answer.status}")
        if answer.status >= 500:
            return self._asked_for(message.recipient, body, begun, f"http {answer.status}")
        self._require_service(answer)
        return _refusal(answer)

    def lookup(self, message_id: str) -> bool | None:
        """The resource keeps no id of ours."""
        return None

    def close(self) -> None:
        self._wire.close()

    def _asked_for(self, recipient: str, body: str, begun: datetime, reason: str) -> Receipt:
        """Look whether a message arrived whose answer did not."""
        try:
            answer = self._ask("GET", params={"To": recipient, "DateSent>": f"{begun - timedelta(days=1):%Y-%m-%d}", "PageSize": "50"})
        except (NotSentError, NoAnswerError):
            return Receipt("unknown", reason)
        listed = answer.json().get("messages") if answer.status == 200 else None
        for one in listed if isinstance(listed, list) else []:
            made = _moment(str(one.get("date_created", ""))) if isinstance(one, dict) else None
            if made is not None and made >= begun and str(one.get("body", "")).endswith(body) and one.get("to") == recipient:
                return Receipt("accepted")
        return Receipt("unknown", reason)  # it may still be on its way into the list

    def _ask(self, method: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None,
             content: bytes = b"") -> Answer:
        return self._wire.ask(method, self._messages, auth=(self._account, self._token), params=params, headers=headers, content=content)

    def _require_service(self, answer: Answer) -> None:
        if answer.status in (401, 403):
            raise _not_accepted(self._host, str(answer.status))
        if 300 <= answer.status < 400 or answer.status in (404, 405):
            raise _not_a_gateway(self._host, answer.status)


class ChuanglanSms:
    """Text messages over Chuanglan's JSON interface (msg/v1/send/json), by URL: `chuanglan://account:password@smssh1.253.com`.

    It takes no idempotency key and cannot be asked: a lost answer leaves the message 'unknown'.

    Raises:
        ConfigError: the URL is not such a one.
    """

    name = "sms"
    accepts_idempotency_key = False

    def __init__(self, url: str, *, timeout_s: float = 30.0) -> None:
        parts = _read_url(url, "chuanglan")
        self._account, self._password, self._host = unquote(parts.username or ""), unquote(parts.password or ""), parts.hostname or ""
        if not (self._account and self._password):
            raise _bad_url()
        self._send_url = f"{base_url(self._host, parts.port)}{parts.path.rstrip('/') or '/msg/v1/send/json'}"
        self._wire = Wire(timeout_s=timeout_s)

    def __repr__(self) -> str:
        return f"ChuanglanSms({self._host})"

    def open(self) -> None:
        """Nothing is asked before the first message: the interface has no other request that costs nothing."""

    def send(self, message: Message) -> Receipt:
        number = message.recipient.removeprefix("+86").removeprefix("+")
        asked = {"account": self._account, "password": self._password, "msg": message.data.decode(), "phone": number, "report": "false",
                 "uid": message.message_id.strip("<>").partition("@")[0]}
        try:
            answer = self._wire.ask("POST", self._send_url, headers=_JSON, content=json.dumps(asked, ensure_ascii=False).encode())
        except NotSentError:
            return Receipt("later", "connection_lost")
        except NoAnswerError:
            return Receipt("unknown", "no_final_answer")
        if 300 <= answer.status < 500 and answer.status != 429:
            raise _not_a_gateway(self._host, answer.status)
        if answer.status in (429, 503):
            return Receipt("later", f"http {answer.status}")
        code = str(answer.json().get("code", ""))
        if answer.status != 200 or not code:
            return Receipt("unknown", f"http {answer.status}")
        return self._receipt(code)

    def lookup(self, message_id: str) -> bool | None:
        """The interface cannot be asked."""
        return None

    def close(self) -> None:
        self._wire.close()

    def _receipt(self, code: str) -> Receipt:
        """0 accepted; 101, 102 account or password; 109 and 110 no credit; 103, 104 too fast or busy; 107 no such number."""
        if code == "0":
            return Receipt("accepted")
        if code in ("101", "102", "109", "110", "117"):
            raise _not_accepted(self._host, code)
        if code in ("103", "104"):
            return Receipt("later", f"chuanglan {code}")
        return Receipt("refused", f"chuanglan {code}", suppress="bounced" if code == "107" else None)


def open_sms(url: str) -> TwilioSms | ChuanglanSms:
    """The gateway that an address names.

    Raises:
        ConfigError: none of the known ones.
    """
    kind = url.partition("://")[0]
    if kind not in ("twilio", "chuanglan"):
        raise _bad_url()
    return TwilioSms(url) if kind == "twilio" else ChuanglanSms(url)


def reply_key(url: str) -> str:
    """What a gateway signs the replies with that it delivers; '' where it signs none."""
    return unquote(urlsplit(url).password or "") if url.startswith("twilio://") else ""


def _read_url(url: str, scheme: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _port = parts.port
    except ValueError:
        raise _bad_url() from None
    if parts.scheme != scheme or not parts.hostname:
        raise _bad_url()
    return parts


def _refusal(answer: Answer) -> Receipt:
    found = answer.json().get("code")
    code = found if isinstance(found, int) else 0
    reason = f"http {answer.status}" + (f" {code}" if code else "")
    return Receipt("refused", reason, suppress="unsubscribed" if code == _REFUSED_THERE else "bounced" if code in _NO_SUCH_NUMBER else None)


def _moment(text: str) -> datetime | None:
    """A moment as mail and Twilio write it; None for anything else."""
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _bad_url() -> ConfigError:
    return ConfigError(_("BRANDLOOM_SMS_URL cannot be used. Write twilio://account:token@api.twilio.com?from=+441234567890 or "
                         "chuanglan://account:password@smssh1.253.com."))


def _unreachable(host: str, reason: str) -> ProviderError:
    return ProviderError(_("The gateway {host} cannot be used now ({reason}). What was not sent is still queued; start the send again later."),
                         retryable=True, host=host, reason=reason)


def _not_accepted(host: str, code: str) -> ProviderError:
    return ProviderError(_("The gateway {host} does not accept this account (answer {code}). Correct BRANDLOOM_SMS_URL or the account's "
                           "credit; this message was not sent."), host=host, code=code)


def _not_a_gateway(host: str, status: int) -> ProviderError:
    return ProviderError(_("The gateway {host} answered {status} where messages are handed over. Redirects are not followed; correct "
                           "BRANDLOOM_SMS_URL."), host=host, status=status)
