"""A model in a child process on this machine. Once it runs, it is an endpoint like any other."""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import selectors
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from brandloom.errors import BrandloomError, ConfigError, ProviderError
from brandloom.i18n import _
from brandloom.llm.base import Completion, Message, Schema, TextModel
from brandloom.llm.weights import check_gguf

if TYPE_CHECKING:
    from brandloom.llm.endpoint import EndpointModel

_SERVER = Path(__file__).with_name("server.py")
_LOAD_TIMEOUT_S = 180.0
_ANSWER_TIMEOUT_S = 600.0  # generous, since cores may be shared


class EmbeddedModel(TextModel):
    """A GGUF file served by a child process on 127.0.0.1, with a random port and key.

    The child starts with the first request (or `start`) and ends with `close`, or when this process dies in any way.

    Args:
        path: the weights, a .gguf file.
        adapter: a LoRA in a .gguf file, trained on these weights; every request is answered with it.
        threads: threads that compute; None takes one per core, at most 8.
        context: most tokens of one request, prompt and answer together.
        slots: requests computed at the same time; more wait in a queue. Each slot also remembers the beginning it read last,
            so two keep an English and a Chinese example at hand even when requests come one by one.
        name: what the model is called in results; the file's name when None.
        on_text: told each piece of an answer as it comes.
    Raises:
        ConfigError: there is no such file, it is not GGUF, or the runtime is not installed.
    """

    def __init__(self, path: Path, *, adapter: Path | None = None, threads: int | None = None, context: int = 4096, slots: int = 2,
                 name: str | None = None, on_text: Callable[[str], None] | None = None) -> None:
        if importlib.util.find_spec("xllamacpp") is None:
            raise ConfigError(_("This machine has no runtime for embedded models. Run `pip install xllamacpp` (Linux and macOS), "
                                "or set BRANDLOOM_MODEL_URL to an OpenAI-compatible endpoint."))
        self.path = check_gguf(path)
        self.name = name or self.path.stem
        self.slots = slots
        self._arguments = ["--weights", str(self.path), "--name", self.name, "--threads", str(threads or _cores()),
                           "--context", str(context), "--slots", str(slots)]
        if adapter is not None:
            self._arguments += ["--adapter", str(check_gguf(adapter))]
        self._on_text = on_text
        self._child: subprocess.Popen[bytes] | None = None
        self._endpoint: EndpointModel | None = None
        self._peak_bytes: int | None = None
        self._lock = threading.Lock()

    def start(self, progress: Callable[[float], None] | None = None) -> None:
        """Load the weights now rather than with the first request.

        Args:
            progress: told the seconds waited so far, about twice a second.
        Raises:
            ConfigError: the child ended while loading: not enough memory, or weights it cannot read.
            ProviderError: it was not ready within three minutes.
        """
        self._ready(progress)

    def complete(self, messages: Sequence[Message], *, schema: Schema | None = None, max_tokens: int,
                 temperature: float = 0.0, seed: int = 0, top: int = 0) -> Completion:
        """Answer a conversation; see `TextModel`. Starts the child when it is not running."""
        endpoint = self._ready(None)
        try:
            return endpoint.complete(messages, schema=schema, max_tokens=max_tokens, temperature=temperature, seed=seed, top=top)
        except ProviderError:
            if self._child is not None and self._child.poll() is not None:
                self.close()  # the next request starts a new child
            raise

    def peak_memory_bytes(self) -> int | None:
        """Most memory the child has held so far, in bytes; None before it runs and where the system does not tell."""
        if self._child is not None:
            self._peak_bytes = _peak_memory(self._child.pid) or self._peak_bytes
        return self._peak_bytes

    def close(self) -> None:
        """End the child and wait for it."""
        with self._lock:
            self.peak_memory_bytes()
            if self._endpoint is not None:
                self._endpoint.close()
            if self._child is not None:
                _end(self._child)
            self._endpoint = self._child = None

    def _ready(self, progress: Callable[[float], None] | None) -> EndpointModel:
        with self._lock:
            if self._endpoint is None:
                self._child, url, key = self._launch(progress)
                from brandloom.llm.endpoint import EndpointModel
                self._endpoint = EndpointModel(url, key=key, model=self.name, timeout_s=_ANSWER_TIMEOUT_S,
                                               longest_s=_ANSWER_TIMEOUT_S, retries=1, grammar=_grammar, on_text=self._on_text)
            return self._endpoint

    def _launch(self, progress: Callable[[float], None] | None) -> tuple[subprocess.Popen[bytes], str, str]:
        key = secrets.token_urlsafe(32)
        # -P keeps the child's import path free of this folder.
        command = [sys.executable, "-P", str(_SERVER), "--parent", str(os.getpid()), *self._arguments]
        # Threads that wait by spinning starve each other when other programs want the cores: answers then take 4 times as long.
        # Threads that sleep at once lose a fifth on a quiet machine. A short spin, then sleep, is right in both.
        environment = {**os.environ, "GOMP_SPINCOUNT": "20000"}
        with tempfile.TemporaryFile() as log:
            child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,  # noqa: S603 - our own file
                                     stderr=log, env=environment)
            try:
                return child, f"{self._handshake(child, key, log, progress)}/v1", key
            except BaseException:
                _end(child)
                raise

    def _handshake(self, child: subprocess.Popen[bytes], key: str, log: IO[bytes],
                   progress: Callable[[float], None] | None) -> str:
        """Hand over the key and wait for the address."""
        assert child.stdin is not None
        assert child.stdout is not None
        began = time.monotonic()
        try:
            child.stdin.write(f"{key}\n".encode())
            child.stdin.flush()
        except BrokenPipeError:
            raise self._failed(child, log) from None
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            while not selector.select(timeout=0.5):
                waited = time.monotonic() - began
                if waited > _LOAD_TIMEOUT_S:
                    raise ProviderError(_("Model '{model}' was not ready after {seconds:.0f} s. Close other programs and try "
                                          "again, or use a smaller model."), retryable=True, model=self.name, seconds=waited)
                if progress:
                    progress(waited)
        address = child.stdout.readline().decode().strip()
        if not address:
            raise self._failed(child, log)
        return address

    def _failed(self, child: subprocess.Popen[bytes], log: IO[bytes]) -> BrandloomError:
        status = child.wait()
        log.seek(0)
        lines = log.read().decode(errors="replace").strip().splitlines()
        reason = lines[-1][:200] if lines else "-"
        if "libgomp" in reason:
            return ConfigError(_("The runtime for embedded models needs the system library libgomp. Install it, for example with "
                                 "`apt-get install libgomp1`, or set BRANDLOOM_MODEL_URL to an OpenAI-compatible endpoint."))
        return ConfigError(_("Model '{model}' could not be loaded (status {status}): {reason}. Check that {path} is whole and "
                             "that enough memory is free."), model=self.name, status=status, reason=reason, path=self.path)


def _grammar(schema: Schema) -> str:
    import xllamacpp
    return str(xllamacpp.json_schema_to_grammar(json.dumps(schema)))


def _end(child: subprocess.Popen[bytes]) -> None:
    """Close the child's input, which ends it; kill it when it is too busy to notice."""
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()
    try:
        child.wait(timeout=2)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _cores() -> int:
    """Cores this process may use; past eight, memory is what limits."""
    usable = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return min(usable, 8)


def _peak_memory(pid: int) -> int | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = [line.split() for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(found[0][1]) * 1024 if found else None
