"""The second opinion on facts: what rules stop alone and what `check-copy` stops, which hears both.

    python -m benchmarks.facts_opinion [--shared ../shared/data] [--set round13]

The hand of `--set` was met by neither the rules nor the model; the judging half of the sentence families says that nothing is lost there.
What was measured with one hand after another left out is `make_facts_classifier`'s, and is copied into the result.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.facts import LANGUAGES, ROOT, ROUNDS, WRITTEN, cases, hand_cases
from benchmarks.make_facts_classifier import JUDGE, RESULT, share
from brandloom.content.checks import check_against

Case = tuple[str, str, str, dict[str, Any], str]


def judged(rows: Iterable[Case]) -> dict[str, Any]:
    """Share of false and of true sentences stopped, by language, by the rules alone and with the opinion, and its cost."""
    stopped: dict[str, list[bool]] = {}
    seconds = {"rules": 0.0, "both": 0.0}
    for language, verdict, _kind, record, sentence in rows:
        for name, opinion in (("rules", False), ("both", True)):
            started = time.process_time()
            found = check_against(sentence, record, language=language, today=WRITTEN, opinion=opinion)
            seconds[name] += time.process_time() - started
            for part in (language, "all"):
                stopped.setdefault(f"{part} {verdict} {name}", []).append(bool(found))
    count = len(stopped["all true rules"]) + len(stopped["all false rules"])
    return {part: {f"{name} {what}": share(stopped[f"{part} {verdict} {name}"]) for name in ("rules", "both")
                   for verdict, what in (("false", "found"), ("true", "false alarms"))} for part in (*LANGUAGES, "all")
            } | {"ms": {name: round(1000 * spent / count, 2) for name, spent in seconds.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--set", choices=ROUNDS, default=JUDGE)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "facts_opinion.json")
    options = parser.parse_args()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    taught = json.loads(RESULT.read_text("utf-8"))
    result = {"commit": commit, "at": datetime.now(UTC).isoformat(timespec="seconds"),
              "data": "our sentences in benchmarks/facts_cases; families beside products of amazon_toys_catalog, taobao_titles_ner, advertisegen",
              "machine": {"cores": os.cpu_count(), "platform": platform.platform(), "python": platform.python_version()},
              "set": options.set, "unseen": judged(hand_cases(options.set)), "families": judged(cases(options.shared, "judging")),
              "sentences": taught["sentences"], "by_hand": taught["by_hand"]}
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({"unseen": result["unseen"]["all"], "families": result["families"]["all"], "ms": result["families"]["ms"]}, indent=1))


if __name__ == "__main__":
    main()
