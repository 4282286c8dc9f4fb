"""Run the benchmarks and write their page.

    python -m benchmarks.run [--only NAME] [--render]

Every benchmark is a process of its own that writes `benchmarks/results/NAME.json`; `benchmarks/RESULTS.md` is made from those
files alone, so no figure in it is ever typed. `--render` only makes the page again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.page import NAMES, page

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "benchmarks" / "RESULTS.md"
DATA = ROOT / "src" / "brandloom" / "campaigns" / "data" / "online_retail.parquet"
TAKES_DATA = ("load", "loop", "purchase", "recommend_shop", "assemble")


def command(name: str) -> list[str]:
    """How one benchmark is started."""
    return [sys.executable, "-m", f"benchmarks.{name}", *(["--data", str(DATA)] if name in TAKES_DATA else [])]


def render() -> None:
    """Write the page from the results that are there."""
    PAGE.write_text(page(RESULTS), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=NAMES, help="run this one alone")
    parser.add_argument("--render", action="store_true", help="run nothing, write the page again")
    options = parser.parse_args()
    failed = []
    for name in () if options.render else (options.only,) if options.only else NAMES:
        started = time.monotonic()
        print(f"{name} ...", flush=True)
        if subprocess.run(command(name), cwd=ROOT, check=False).returncode != 0:
            failed.append(name)
        print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)
        render()
    render()
    if failed:
        sys.exit(f"failed: {', '.join(failed)}; their earlier results, if any, still stand in {PAGE.name}")


if __name__ == "__main__":
    main()
