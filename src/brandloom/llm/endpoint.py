"""Any OpenAI-compatible endpoint as a `TextModel`: what it cannot do is found out once and remembered."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2
import openai

from brandloom.errors import BrandloomError, ConfigError, ProviderError
from brandloom.i18n import _
from brandloom.llm.base import Completion, Message, Schema, SpentError, TextModel
from brandloom.llm.body import Body, BrokenOffError, Limits, NotJsonError
from brandloom.llm.prices import count_tokens
from brandloom.llm.reply import extract_json, read_reply, read_usage

_FORMATS = ("strict", "json_schema", "json_object", "text")
_ORDER = "Answer with one JSON value only, without any other text. It must obey this JSON schema: "
_CONTEXT = re.compile(r"context[ _](length|window|size)|maximum context|too many tokens|prompt is too long", re.IGNORECASE)
_DROPPABLE = ("seed", "temperature", "stream_options", "stream")
_UNPAID = frozenset({409, 425, 429, 500, 503, 529})
"""Statuses that say the request was not worked on, or its work thrown away by the provider itself. Others that trying again can
mend (a gateway that lost patience) come while the model may be writing on."""
_LONGEST_PAUSE_S = 60.0
_NO_MODEL = re.compile(r"model[ _'\"`].*(not[ _]found|not exist|unknown|unsupported)|(unknown|invalid) model", re.IGNORECASE)


@dataclass(frozen=True)
class _Dialect:
    """What an endpoint understands, as far as it has told us."""

    format: str = _FORMATS[0]
    limit: str = "max_tokens"
    dropped: frozenset[str] = frozenset()
    grammar: Callable[[Schema], str] | None = None

    def body(self, schema: Schema | None, max_tokens: int, temperature: float, seed: int, *, stream: bool,
             top: int = 0) -> dict[str, Any]:
        body: dict[str, Any] = {self.limit: max_tokens, "temperature": temperature, "seed": seed}
        if top and "logprobs" not in self.dropped:
            body |= {"logprobs": True, "top_logprobs": top}
        if stream and "stream" not in self.dropped:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        if schema is not None and self.grammar is not None:
            return body | {"grammar": self.grammar(schema)}
        if schema is not None and self.format in ("strict", "json_schema"):
            wanted = {"name": "answer", "schema": dict(schema)} | ({"strict": True} if self.format == "strict" else {})
            body["response_format"] = {"type": "json_schema", "json_schema": wanted}
        if schema is not None and self.format == "json_object":
            body["response_format"] = {"type": "json_object"}
        return {key: value for key, value in body.items() if key not in self.dropped}

    def without(self, reason: str, schema: Schema | None) -> _Dialect | None:
        """The next thing to try after a refusal that gave this reason; None when nothing is left."""
        if self.limit == "max_tokens" and "max_completion_tokens" in reason:
            return replace(self, limit="max_completion_tokens")
        if "logprobs" in reason and "logprobs" not in self.dropped:
            return replace(self, dropped=self.dropped | {"logprobs", "top_logprobs"})
        for name in _DROPPABLE:
            if name not in self.dropped and re.search(rf"\b{name}\b", reason):
                return replace(self, dropped=self.dropped | {name})
        if schema is not None and self.format != _FORMATS[-1]:
            return replace(self, format=_FORMATS[_FORMATS.index(self.format) + 1])
        return None


class EndpointModel(TextModel):
    """A model behind an OpenAI-compatible address.

    What surely costs nothing is tried again here, up to `retries` times, with growing pauses or after the pause the endpoint asks
    for: busy answers (429), server errors, no connection. A request that may have to be paid (`SpentError`: no answer in time, one
    that broke off) is not, so that whoever tries again knows that it may cost twice. An endpoint that refuses JSON schemas is asked
    for a JSON object, then in words.

    Args:
        url: base address, usually ending in /v1.
        key: API key; None for endpoints without one. It is never shown, logged or put into a message.
        model: model to ask for; None takes the only one the endpoint offers.
        timeout_s: longest silence of the endpoint, per try, in seconds.
        longest_s: longest wait for one whole answer, in seconds; an endpoint that never ends one is left then.
        retries: tries after the first.
        grammar: makes a llama.cpp grammar of a schema, for a server that takes one beside the OpenAI fields. None keeps to those.
        on_text: asks for answers as a stream and is told each piece as it comes, to show that something happens. Streams differ
            in nothing else; where the endpoint knows none, the answer comes as a whole.
    Raises:
        ConfigError: the address is not http or https, or `model` is None and the endpoint offers several.
    """

    def __init__(self, url: str, *, key: str | None = None, model: str | None = None, timeout_s: float = 120.0,
                 longest_s: float = 600.0, retries: int = 2, grammar: Callable[[Schema], str] | None = None,
                 on_text: Callable[[str], None] | None = None) -> None:
        self._shown = shown_address(url)
        self._key = key
        self._timeout_s, self._longest_s, self._retries, self._on_text = timeout_s, longest_s, retries, on_text
        # Proxies are for other machines: a request to this one must not leave it.
        local = urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
        self._client = openai.OpenAI(base_url=url, api_key=key or "none", timeout=timeout_s, max_retries=0,
                                     http_client=openai.DefaultHttpxClient(trust_env=not local, follow_redirects=False))
        # The client fills these from variables meant for another provider.
        self._client.organization = self._client.project = None
        self._dialect = _Dialect(grammar=grammar)
        self._lock = threading.Lock()
        self.name = model or self._only_model()

    def complete(self, messages: Sequence[Message], *, schema: Schema | None = None, max_tokens: int,
                 temperature: float = 0.0, seed: int = 0, top: int = 0) -> Completion:
        """Answer a conversation; see `TextModel`. Token counts are 0 where the endpoint does not tell them; with `top` nothing is streamed."""
        began = time.perf_counter()
        dialect, refusal = self._dialect, None
        while True:
            body = dialect.body(schema, max_tokens, temperature, seed, stream=self._on_text is not None and not top, top=top)
            asked = messages if schema is None or _binds(body) else _with_order(messages, schema)
            try:
                answer = self._post(asked, body, max_tokens)
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                reason = self._reason(error)
                refusal = refusal or self._refused(reason)
                following = None if isinstance(refusal, ConfigError) else dialect.without(reason, schema)
                if following is None:
                    raise refusal from None
                dialect = following
                continue
            with self._lock:
                self._dialect = dialect
            return self._completion(answer, schema, time.perf_counter() - began)

    def close(self) -> None:
        self._client.close()

    def _post(self, messages: Sequence[Message], body: Mapping[str, Any], max_tokens: int) -> object:
        for tried in range(self._retries + 1):
            try:
                return self._send(messages, body, max_tokens)
            except (openai.BadRequestError, openai.UnprocessableEntityError):
                raise
            except openai.OpenAIError as error:
                pause = _pause(error, tried)
                if pause is None or tried == self._retries:
                    raise self._translated(error) from None
            time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _send(self, messages: Sequence[Message], body: Mapping[str, Any], max_tokens: int) -> object:
        turns = cast(Any, [{"role": message.role, "content": message.content} for message in messages])
        reader = Body(Limits.of(max_tokens, self._longest_s), self._on_text)
        # The client's own reading knows no end of a body that never ends.
        with self._client.chat.completions.with_streaming_response.create(model=self.name, messages=turns, extra_body=dict(body)) as response:
            try:
                events = "text/event-stream" in response.headers.get("content-type", "")
                return reader.read_events(response.iter_bytes()) if events else reader.read_json(response.iter_bytes())
            except NotJsonError:
                raise self._not_json() from None
            except BrokenOffError as error:
                written = None if error.written is None else count_tokens(error.written)
                raise SpentError(_("{url} broke off in the middle of its answer: {reason}. Try again; what it wrote counts as spent."),
                                 completion_tokens=written, url=self._shown, reason=self._hidden(error.reason)) from None

    def _completion(self, answer: object, schema: Schema | None, seconds: float) -> Completion:
        reply = read_reply(answer)
        if reply is None:
            prompt_tokens, completion_tokens = read_usage(answer)
            raise SpentError(_("{url} answered without any text. Try again, or choose another model than '{model}'."),
                             prompt_tokens=prompt_tokens, completion_tokens=completion_tokens, url=self._shown, model=self.name)
        return Completion(text=reply.text if schema is None else extract_json(reply.text), model=reply.model or self.name,
                          prompt_tokens=reply.prompt_tokens, completion_tokens=reply.completion_tokens, seconds=seconds,
                          finish_reason=reply.finish_reason, first=reply.first)

    def _only_model(self) -> str:
        try:
            offered = [model.id for model in self._client.models.list()]
        except openai.OpenAIError as error:
            raise self._translated(error) from None
        if len(offered) != 1:
            raise ConfigError(_("{url} offers {count} models: {names}. Say which one with BRANDLOOM_MODEL_NAME."),
                              url=self._shown, count=len(offered), names=", ".join(offered[:8]) or "-")
        return offered[0]

    def _refused(self, reason: str) -> BrandloomError:
        if _CONTEXT.search(reason):
            return ConfigError(_("The request is too long for model '{model}' at {url}: {reason}. Shorten the brief, or use "
                                 "a model with a bigger context."), model=self.name, url=self._shown, reason=reason)
        if _NO_MODEL.search(reason):
            return self._unknown_model(reason)
        return ProviderError(_("{url} refused the request: {reason}. Check the model '{model}' and the address."),
                             url=self._shown, reason=reason, model=self.name)

    def _unknown_model(self, reason: str) -> ConfigError:
        return ConfigError(_("{url} does not serve model '{model}': {reason}. Correct BRANDLOOM_MODEL_NAME or "
                             "BRANDLOOM_MODEL_URL (most addresses end in /v1)."), url=self._shown, model=self.name, reason=reason)

    def _translated(self, error: openai.OpenAIError) -> BrandloomError:
        """The one line a person reads for a failure that stayed after all retries."""
        failure = ProviderError if _unpaid(error) else SpentError
        if isinstance(error, openai.APITimeoutError):
            return failure(_("{url} gave no answer within {seconds:g} s. Try again, or use a smaller model."),
                           retryable=True, url=self._shown, seconds=self._timeout_s)
        if isinstance(error, openai.APIConnectionError):
            return failure(_("{url} cannot be reached: {reason}. Start the model server, or correct BRANDLOOM_MODEL_URL."),
                           retryable=True, url=self._shown, reason=self._hidden(str(error.__cause__ or error)))
        if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
            return ConfigError(_("{url} refused the API key (status {status}). Set BRANDLOOM_MODEL_KEY to a valid one."),
                               url=self._shown, status=error.status_code)
        if isinstance(error, openai.NotFoundError):
            return self._unknown_model(self._reason(error))
        if isinstance(error, openai.APIStatusError) and 300 <= error.status_code < 400:
            return ConfigError(_("{url} leads on to another address (status {status}), where prompts are not sent. Set BRANDLOOM_MODEL_URL to the "
                                 "model's own address."), url=self._shown, status=error.status_code)
        if isinstance(error, openai.APIStatusError):
            return failure(_("{url} failed with status {status}: {reason}. Try again later, or use another model."),
                           retryable=_busy(error), retry_after_s=_retry_after(error), url=self._shown, status=error.status_code,
                           reason=self._reason(error))
        return self._not_json()

    def _not_json(self) -> ProviderError:
        return ProviderError(_("{url} answered with something that is not JSON. Check that it is an OpenAI-compatible "
                               "address; most end in /v1."), retryable=True, url=self._shown)

    def _reason(self, error: openai.APIStatusError) -> str:
        """The endpoint's own words, in one short line and without the key."""
        body = error.body
        if isinstance(body, dict):
            body = body.get("message") or body.get("detail") or body.get("error") or body
        return self._hidden(body if isinstance(body, str) else json.dumps(body, default=str))

    def _hidden(self, text: str) -> str:
        line = " ".join(text.split())
        if self._key:
            line = line.replace(self._key, "***")
        # Some providers quote the key's first and last letters.
        return re.sub(r"\b(sk|key)-[\w*.-]{4,}", "***", line)[:200].rstrip(".") or "-"


def shown_address(url: str) -> str:
    """The address without user, password and query, fit for a message.

    Raises:
        ConfigError: it is not an http or https address.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(_("The model's address is not an http or https URL. Set BRANDLOOM_MODEL_URL, for example "
                            "http://127.0.0.1:8080/v1."))
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path}"


def _binds(body: Mapping[str, Any]) -> bool:
    """Whether the request itself carries the schema."""
    return "grammar" in body or "json_schema" in body.get("response_format", {})


def _with_order(messages: Sequence[Message], schema: Schema) -> list[Message]:
    """Ask in words for what the endpoint cannot be held to."""
    order = _ORDER + json.dumps(schema, ensure_ascii=False)
    if messages and messages[0].role == "system":
        return [replace(messages[0], content=f"{messages[0].content}\n\n{order}"), *messages[1:]]
    return [Message("system", order), *messages]


def _busy(error: openai.APIStatusError) -> bool:
    """Whether trying again can help."""
    return error.status_code in (408, 409, 425, 429) or error.status_code >= 500


def _unpaid(error: openai.OpenAIError) -> bool:
    """Whether the request surely costs nothing: it did not reach the model, or the endpoint says that it was not worked on."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code in _UNPAID or not _busy(error)
    return not isinstance(error, openai.APIConnectionError) or isinstance(
        error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout | httpx2.UnsupportedProtocol)


def _pause(error: openai.OpenAIError, tried: int) -> float | None:
    """Seconds until it is worth trying again; None where it is not, or where that could be paid twice."""
    retryable = _busy(error) if isinstance(error, openai.APIStatusError) else isinstance(error, openai.APIConnectionError)
    if not retryable or not _unpaid(error):
        return None
    asked = _retry_after(error) if isinstance(error, openai.APIStatusError) else None
    if asked is not None and asked > _LONGEST_PAUSE_S:
        return None
    return 0.5 * 2.0 ** tried if asked is None else max(0.0, asked)


def _retry_after(error: openai.APIStatusError) -> float | None:
    """The pause the endpoint asks for, in seconds."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return float(error.response.headers.get(name, "")) * unit
        except ValueError:
            continue
    return None
