"""The child process that holds the weights: llama.cpp's own server, on loopback, behind a key.

It is started by `EmbeddedModel` as a file, not as a module, so that it imports nothing of Brandloom: it holds the weights
and little else. First line of standard input: the key. First line of standard output: the address, once it is ready.
It ends when standard input closes or its parent is another one, that is when its parent ends it or dies in any way.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import select
import signal
import sys
import threading
from typing import Any, TextIO

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve until standard input closes."""
    options = _options()
    _die_with_parent(options.parent)
    key = sys.stdin.readline().strip()
    if not key:
        sys.exit("no key on standard input")
    ready = _own_stdout()
    server = _load(options, key)
    threading.Thread(target=_end_with_parent, args=(options.parent,), daemon=True).start()
    # From here on the thread watches. The signal would also come when only the parent's starting thread ends.
    _set_death_signal(0)
    print(server.listening_address, file=ready, flush=True)
    threading.Event().wait()


def _load(options: argparse.Namespace, key: str) -> Any:
    """Load the weights and open the port. The server runs in threads of its own for as long as it is referred to."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = options.weights
    if options.adapter is not None:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(options.adapter, 1.0)]
    params.model_alias = {options.name}
    params.api_keys = [key]
    params.n_ctx = options.context * options.slots
    params.n_parallel = options.slots
    params.n_threads_http = options.slots + 2
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options.threads
    # A repacked second copy of the weights, and a store of old prompts, would each cost up to gigabytes.
    params.no_extra_bufts = True
    params.cache_ram_mib = 0
    params.cache_prompt = True
    # Its search for thoughts and tool calls answers 500, and throws the text away, where a reply is cut off or half a pattern.
    # Without it no schema is kept to either, so requests bring theirs as a grammar.
    params.force_pure_content_parser = True
    params.verbosity = 0
    # Pages and lists that could show prompts to someone else on this machine.
    params.ui = params.endpoint_slots = params.endpoint_props = params.endpoint_metrics = False
    return xllamacpp.Server(params)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for name in ("--weights", "--name"):
        parser.add_argument(name, required=True)
    for name in ("--parent", "--threads", "--context", "--slots"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--adapter")
    return parser.parse_args()


def _own_stdout() -> TextIO:
    """Keep standard output for the address; what native code prints goes to standard error."""
    ready = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return ready


def _die_with_parent(parent: int) -> None:
    """While the weights load no Python thread can run, so the kernel has to watch (Linux only)."""
    _set_death_signal(signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _set_death_signal(number: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)


def _end_with_parent(parent: int) -> None:
    """Wait for the end of standard input. A copy of the pipe in some other fork would keep it open: look at the parent too."""
    while os.getppid() == parent:
        readable, _, _ = select.select([0], [], [], 1.0)
        if readable and not os.read(0, 1024):
            break
    os._exit(0)


if __name__ == "__main__":
    main()
