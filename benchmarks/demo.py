"""The demo as a user runs it, in a new folder and a process of its own: seconds, memory and main figures.

    python -m benchmarks.demo [--out FILE]

The language model has to be on this machine already (`brandloom models pull`), so that no download is timed. Seconds are those of
the whole process; the stages, their peak memory (children included) and the figures come from the demo's own `report.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def run_demo(folder: Path) -> tuple[float, dict[str, Any]]:
    """Wall seconds of `brandloom demo`, and the report it wrote."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "from brandloom.cli import main; main()", "demo", str(folder), "--json"], check=True,
                   stdout=subprocess.DEVNULL, env={**os.environ, "BRANDLOOM_MODEL_CACHE_MB": "0"})
    return time.perf_counter() - started, json.loads((folder / "report.json").read_text(encoding="utf-8"))


def figures(report: dict[str, Any]) -> dict[str, Any]:
    """What the report says of the texts, the sending, the replay and the experiment."""
    content, delivery, replay, experiment = (report.get(name) or {} for name in ("content", "delivery", "replay", "experiment"))
    capture = replay.get("capture") or {}
    return {"texts": {name: content.get(name) for name in ("model", "as_written", "repaired", "templates", "calls", "seconds")},
            "messages": {name: delivery.get(name) for name in ("queued", "sent", "failed", "suppressed", "uncertain", "read_back")},
            "later_buyers": {name: (capture.get(name) or {}).get("buyers") for name in ("model", "random", "recent")},
            "effect": (experiment.get("readout") or {}).get("effect_anytime"),
            "true_effect": (experiment.get("truth") or {}).get("effect")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "demo.json")
    options = parser.parse_args()
    load_average = round(os.getloadavg()[0], 1)
    with tempfile.TemporaryDirectory(prefix="brandloom-demo-") as place:
        seconds, report = run_demo(Path(place) / "demo")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    stages = [{"stage": one["name"], "seconds": round(one["seconds"], 2), "peak_mb": round(one["peak_mb"])} for one in report["stages"]]
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(json.dumps({
        "at": datetime.now(UTC).isoformat(timespec="seconds"), "commit": commit, "data": "online_retail.parquet",
        "machine": {"cores": os.cpu_count(), "load_average": load_average, "platform": platform.platform(),
                    "python": platform.python_version()},
        "seconds": round(seconds, 1), "peak_mb": max((one["peak_mb"] for one in stages), default=None), "stages": stages,
        **figures(report)}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
