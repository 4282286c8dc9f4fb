"""Attacks on the whole system: personal data that wants out, instructions that want in, markup that wants to live, keys that leak.

    python -m benchmarks.attacks [--attacks DIR] [--naughty blns.json] [--only PART ...] [--keep FOLDER] [--quick]

Canaries: a shop whose every personal field is a value that stands nowhere else goes through all commands, and the writers ask a
recording endpoint 10,000 times; every byte that left and every file is searched for each value in 19 forms. Injection: 500 texts in six
places, with a model that obeys them all. Markup: 6,792 XSS payloads and the naughty strings through every path to HTML, judged by
Chromium and by a parser. Secrets: keys and passwords, looked for in all that is said and written. Pairs: customers who differ in personal
data alone lead to the same prompts. Leading: open redirects and header injection. Templates: texts stay texts, layouts end. Edges: addresses
that servers lead to, cells of tables, hidden characters, budget and cache. Nothing here was tuned on the lists.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.attack import canaries, edges, injection, leading, markup, pairs, templates
from benchmarks.attack.browser import payloads
from benchmarks.attack.report_sample import sample_report
from benchmarks.attack.texts import attacks

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "attacks.json"
LISTS = ROOT.parent / "shared" / "data" / "attacks"
PARTS = ("canaries", "injection", "pairs", "leading", "templates", "edges", "markup")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--attacks", type=Path, default=LISTS, help="folder of the payload lists")
    parser.add_argument("--naughty", type=Path, help="blns.json of the Big List of Naughty Strings")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--every", type=int, default=1, help="make a mail of every so many payloads only; each then goes through fewer places")
    parser.add_argument("--keep", type=Path, help="folder for the verdicts on pages; an interrupted run with the same folder goes on from there")
    parser.add_argument("--quick", action="store_true", help="a fiftieth of everything, results printed and not kept")
    options = parser.parse_args()
    share = 50 if options.quick else 1
    lines, texts = payloads(options.attacks, options.naughty), attacks(options.attacks)
    runs: dict[str, Callable[[Path], dict[str, Any]]] = {
        "canaries": lambda folder: canaries.run(folder, people=160, requests=10_000 // share, leaks=500),
        "injection": lambda _folder: injection.run(texts[::share]),
        "pairs": lambda folder: pairs.run(folder, pairs=1000 // share, groups=5 if share == 1 else 2),
        "leading": lambda folder: {
            "redirects": leading.redirects(leading.redirect_lists(options.attacks)[::share], folder),
            "headers": leading.mail_headers(leading.breaks(options.attacks)[::max(1, share // 10)])},
        "templates": lambda folder: templates.run(folder, options.attacks),
        "edges": lambda folder: edges.run(folder, strings=10_000 // share, repeats=10_000 // share),
        "markup": lambda folder: markup.run(lines[::share], sample_report(), folder, every=options.every, rotations=3, controls=600 // share,
                                            keep=_verdicts(options.keep)) | {
            "naughty": 0 if options.naughty is None else len(json.loads(options.naughty.read_text(encoding="utf-8")))}}
    for part in options.only:
        with tempfile.TemporaryDirectory() as folder:
            made = runs[part](Path(folder))
        result: dict[str, Any] = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.is_file() else {}  # another part may run beside this one
        result[part] = made | {"commit": _commit(), "at": datetime.now(UTC).isoformat(timespec="seconds")}
        if part == "canaries":
            result["secrets"] = result[part].pop("secrets")
        print(part, json.dumps(result[part], ensure_ascii=False, default=str)[:2000], flush=True)
        result |= {"at": result[part]["at"], "commit": _commit(), "data": "own shop of canaries; payload lists, MIT",
                   "machine": {"cores": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()}}
        if not options.quick:
            RESULT.write_text(json.dumps(result, ensure_ascii=False, indent=1, default=str) + "\n", encoding="utf-8")


def _verdicts(folder: Path | None) -> Path | None:
    if folder is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "verdicts.jsonl"


def _commit() -> str:
    found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return found.stdout.strip()


if __name__ == "__main__":
    main()
