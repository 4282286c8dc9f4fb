"""Finds OpenMP's library on a machine that has none.

LightGBM and the embedded language model link to the system's libgomp.so.1, which a bare machine may lack; scikit-learn ships a
copy. A library path counts only from the start of a process, so the program starts itself again, once.

`python -m brandloom.openmp MODULE [ARGUMENT ...]` runs a module that way.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import runpy
import sys
from pathlib import Path

_DONE = "BRANDLOOM_OPENMP"


def find() -> None:
    """Return where libgomp can be loaded, or no copy of it is there; else start the same program again so that it can."""
    if sys.platform != "linux" or os.environ.get(_DONE) or _loads("libgomp.so.1"):
        return
    spec = importlib.util.find_spec("sklearn")
    copies = sorted(Path(spec.origin).parents[1].glob("scikit_learn.libs/libgomp*.so*")) if spec and spec.origin else []
    if not copies:
        return
    folder = Path(os.environ.get("BRANDLOOM_CACHE") or Path.home() / ".cache" / "brandloom") / "lib"
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "libgomp.so.1"
    link.unlink(missing_ok=True)
    link.symlink_to(copies[0])
    paths = [str(folder), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
    os.environ.update({"LD_LIBRARY_PATH": ":".join(paths), _DONE: "scikit-learn"})
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - the same program with the same words


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    find()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
