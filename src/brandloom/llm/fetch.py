"""Fetch a model file from any address; interrupted, it goes on where it stopped if the file there is still the same."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import urllib.error
import urllib.request
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import urlsplit

from brandloom.errors import ConfigError, ProviderError
from brandloom.i18n import _
from brandloom.llm.addresses import is_public
from brandloom.llm.weights import CHUNK, Progress, check_gguf, only_one, sha256_of, weights_folder

_SILENCE_S = 60.0
_PLAIN_HOST = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?")
"""Host and port as they stand; urllib turns what is escaped in them back before it connects."""


def fetch(url: str, cache: Path, *, sha256: str | None = None, progress: Progress | None = None) -> Path:
    """Fetch one GGUF file over http or https into the cache folder, or find it there.

    Args:
        sha256: hash the file must have; without it the address is trusted.
        progress: told bytes done and in all, 0 in all when the server does not say.
    Raises:
        ConfigError: the address is not http or https, nothing is there, or what is there is not a GGUF file.
        ProviderError: the connection failed, or the hash is wrong; run again, what is good is kept.
    """
    target = weights_folder(cache) / _file_name(url)
    with only_one(target.with_suffix(".lock")):
        if target.is_file() and (sha256 is None or sha256_of(target) == sha256):
            return target
        partial = target.with_suffix(".partial")
        _download(url, partial, progress)
        if sha256 is not None and sha256_of(partial) != sha256:
            _forget(partial)
            raise ProviderError(_("The file from {url} has another hash than the one given, so it was not kept. Check both."),
                                url=_shown(url))
        try:
            check_gguf(partial)
        except ConfigError:
            _forget(partial)
            raise ConfigError(_("What {url} sent is not a GGUF file, so it was not kept. Give the address of a .gguf file."),
                              url=_shown(url)) from None
        partial.replace(target)
        _forget(partial)
    return target


def _download(url: str, partial: Path, progress: Progress | None) -> None:
    """Write the body to `partial`, after what is there already. Beside it lies the mark of the version it came from."""
    mark = partial.with_suffix(".mark")
    request = urllib.request.Request(url)  # noqa: S310 - the scheme has been checked
    if partial.is_file() and mark.is_file() and partial.stat().st_size:
        # With If-Range a server sends the whole file again when it is another one by now.
        request.add_header("Range", f"bytes={partial.stat().st_size}-")
        request.add_header("If-Range", mark.read_text(encoding="utf-8"))
    try:
        with urllib.request.build_opener(_Outward).open(request, timeout=_SILENCE_S) as answer:
            _keep_mark(mark, answer.headers.get("ETag") or answer.headers.get("Last-Modified"))
            _write(answer, partial, progress)
    except urllib.error.HTTPError as error:
        if error.code == 416:
            _forget(partial)
        if 400 <= error.code < 500 and error.code not in (408, 416, 429):
            raise ConfigError(_("{url} answered with status {status}. Check the address of the model file."),
                              url=_shown(url), status=error.code) from None
        raise _interrupted(url, f"status {error.code}") from None
    except (OSError, http.client.HTTPException, UnicodeError) as error:  # the last for a host that no header can name
        raise _interrupted(url, str(getattr(error, "reason", error))) from None


class _Outward(urllib.request.HTTPRedirectHandler):
    """Follows a server to other public addresses only: it must not choose what this machine asks of its own network.

    The address a person gave may lie anywhere. A name that changes its address between look and connection is not held up.
    """

    def redirect_request(self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage,
                         newurl: str) -> urllib.request.Request | None:
        here, there = urlsplit(req.full_url), urlsplit(newurl)
        same = (here.scheme, here.netloc) == (there.scheme, there.netloc)
        inward = not same and not (_PLAIN_HOST.fullmatch(there.netloc) and is_public(there.hostname or "", there.port or 443))
        if there.scheme not in ("http", "https") or (here.scheme == "https" and there.scheme == "http") or inward:
            raise ConfigError(_("{url} leads on to {target}, which is not asked: a server may lead to public addresses only, and not from https "
                                "to http. Give the address of the file itself."), url=_shown(req.full_url), target=_shown(newurl))
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _write(answer: http.client.HTTPResponse, partial: Path, progress: Progress | None) -> None:
    resumed = answer.status == 206
    done = partial.stat().st_size if resumed else 0
    length = int(answer.headers.get("Content-Length") or 0)
    total = done + length if length else 0
    with partial.open("ab" if resumed else "wb") as file:
        while block := answer.read(CHUNK):
            file.write(block)
            done += len(block)
            if progress:
                progress(done, total)
        file.flush()
        os.fsync(file.fileno())
    if total and done != total:
        raise http.client.IncompleteRead(b"", total - done)


def _keep_mark(mark: Path, value: str | None) -> None:
    # A weak ETag promises no equal bytes, and a file without any mark cannot be continued.
    if value and not value.startswith("W/"):
        mark.write_text(value, encoding="utf-8")
    else:
        mark.unlink(missing_ok=True)


def _forget(partial: Path) -> None:
    partial.unlink(missing_ok=True)
    partial.with_suffix(".mark").unlink(missing_ok=True)


def _interrupted(url: str, reason: str) -> ProviderError:
    return ProviderError(_("Fetching {url} stopped: {reason}. Run the command again, it goes on from here."),
                         retryable=True, url=_shown(url), reason=reason[:200])


def _file_name(url: str) -> str:
    """The address's last part with a short hash of the whole, so that two addresses never share a file.

    Raises:
        ConfigError: it is not an http or https address.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(_("The address of a model file begins with http:// or https://. Correct it, or give a path."))
    stem = re.sub(r"[^A-Za-z0-9._-]", "-", PurePosixPath(parts.path).name.removesuffix(".gguf"))[:80] or "model"
    return f"{stem}-{hashlib.sha256(url.encode()).hexdigest()[:8]}.gguf"


def _shown(url: str) -> str:
    """The address without user, password and query: those may hold a token."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"
