"""An adapter trained on half of a set of copy that people wrote, judged on the other half.

advertisegen gives attributes of a garment and the copy a person wrote from them. Lines are split in two by a hash of their attributes: from one
half an adapter learns, with the prompts the studio uses; on the other the base model writes without worked examples, with the studio's worked
examples, and with those and the adapter, greedily and once per product, so that what passes the gate does so at the first try. Counted are
replies that pass the gate and the share of the given attributes a reply names, beside the share that the person's own copy names. Apart from
writing, both models say how likely they find the person's copy and the base model's own draft for the same product: it counts in how many pairs
the adapter raises the person's by more than the draft, per token. Nothing is chosen on the judging half. The stages keep what they made in the
work folder and go on from there. Usage:

    python -m benchmarks.adapter [--work FOLDER] [--data FOLDER] [--model qwen2.5-coder-0.5b] [--limit 1080] [--products 32] [--stage NAME]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.content import attributes
from brandloom.content.studio import Asked, Gate, coverage, read_asked
from brandloom.content.studio.prompts import angles, conversation
from brandloom.content.studio.reply import read_reply
from brandloom.llm import EmbeddedModel, Message, Schema, registry
from brandloom.llm.adapters import Example, Training, judge, train, write_adapter
from brandloom.llm.weights import find_weights, sha256_of
from brandloom.settings import read_settings

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "adapter.json"
MOST_TOKENS = 400
HOWS = ("zero", "few", "adapter")
_SCHEMA: Schema = {"type": "object", "properties": {"text": {"type": "string", "pattern": "^[^{}<>]+$"}}, "required": ["text"],
                   "additionalProperties": False}
_NOW = datetime(2026, 1, 1)
Line = dict[str, str]


def halves(folder: Path) -> tuple[list[Line], list[Line]]:
    """Lines to learn from and lines to be judged by, each in the order of their hash; the same attributes never in both."""
    text = (folder / "advertisegen" / "advertisegen_half_a.jsonl").read_text("utf-8")
    lines: list[Line] = [line for line in map(json.loads, text.splitlines()) if "<UNK>" not in line["summary"]]
    marked = sorted((hashlib.sha256(line["content"].encode()).hexdigest(), line["summary"], line) for line in lines)
    return [line for mark, _s, line in marked if int(mark[-1], 16) % 2 == 0], [line for mark, _s, line in marked if int(mark[-1], 16) % 2]


def asked_of(line: Line) -> Asked:
    brief = {"lang": "zh", "format": "product_description", "products": [attributes(line["content"])]}
    return read_asked(json.dumps(brief, ensure_ascii=False), source="advertisegen")


def prompt(asked: Asked, *, examples: bool = True) -> list[Message]:
    """What the studio asks first; without its worked examples where told so."""
    form = asked.form
    messages = conversation(asked, form, next(iter(angles(asked.lang))), {part.name: Gate(asked).room(part) for part in form.parts})
    return messages if examples else [messages[0], messages[-1]]


def answer(text: str) -> str:
    return json.dumps({"text": text}, ensure_ascii=False)


def learn(work: Path, weights: Path, lines: Sequence[Line], limit_s: float) -> None:
    """Train and export."""
    examples = [Example(tuple(prompt(asked_of(line))), answer(line["summary"]), None, line["content"], _NOW) for line in lines]
    how = Training(epochs=2, limit_s=limit_s)
    done = train(weights, examples, work, how, progress=_printed("train"))
    write_adapter(done.tuned, work / "adapter.gguf")
    _keep(work / "train.json", {"lines": len(lines), "steps": done.steps, "steps_planned": done.steps_planned, "seconds": done.seconds,
                                "batch": how.batch, "rank": how.rank, "rate": how.rate, "left_out": done.left_out,
                                "loss_first": float(np.mean(done.losses[:5])), "loss_last": float(np.mean(done.losses[-5:]))})


def write(work: Path, weights: Path, lines: Sequence[Line], how: str) -> None:
    """One greedy reply per product; those that are there are not written again."""
    file = work / f"write_{how}.jsonl"
    there = {row["content"] for row in _rows(file)}
    with EmbeddedModel(weights, adapter=work / "adapter.gguf" if how == "adapter" else None, context=2048) as model, \
            file.open("a", encoding="utf-8") as sink:
        for line in lines:
            if line["content"] not in there:
                reply = model.complete(prompt(asked_of(line), examples=how != "zero"), schema=_SCHEMA, max_tokens=MOST_TOKENS)
                sink.write(json.dumps({"content": line["content"], "text": reply.text, "tokens": reply.completion_tokens, "seconds": reply.seconds},
                                      ensure_ascii=False) + "\n")
                sink.flush()


def compare(work: Path, weights: Path, lines: Sequence[Line], lines_learned: Sequence[Line], limit_s: float) -> None:
    """How likely base and adapter find the person's copy and the base model's draft. The checkpoint gives the trained model."""
    drafts = {row["content"]: row["text"] for row in _rows(work / "write_few.jsonl")}
    examples = [Example(tuple(prompt(asked_of(line))), answer(line["summary"]), drafts[line["content"]], line["content"], _NOW)
                for line in lines if line["content"] in drafts]
    learned = [Example(tuple(prompt(asked_of(line))), answer(line["summary"]), None, line["content"], _NOW) for line in lines_learned]
    trained = train(weights, learned, work, Training(epochs=2, limit_s=limit_s))
    _keep(work / "pairs.json", judge(trained.tuned, examples, progress=_printed("pairs")).to_dict())


def summary(work: Path, lines: Sequence[Line]) -> dict[str, Any]:
    """What came of it, on the products that all three ways wrote."""
    replies = {how: {row["content"]: row for row in _rows(work / f"write_{how}.jsonl")} for how in HOWS}
    common = [line for line in lines if all(line["content"] in replies[how] for how in HOWS)]
    found: dict[str, Any] = {"products": len(common), "ways": []}
    carried: dict[str, list[float]] = {}
    passed: dict[str, list[float]] = {}
    for how in (*HOWS, "reference"):
        carried[how], passed[how], seconds = [], [], []
        for line in common:
            asked = asked_of(line)
            copy = {"text": line["summary"]} if how == "reference" else read_reply(replies[how][line["content"]]["text"], "zh")
            carried[how].append((coverage(copy, asked) or 0.0) if isinstance(copy, dict) and isinstance(copy.get("text"), str) else 0.0)
            passed[how].append(float(not any(item.blocks for item in Gate(asked).check(copy))))
            seconds.append(0.0 if how == "reference" else replies[how][line["content"]]["seconds"])
        found["ways"].append({"way": how, "carried": _interval(carried[how]), "passed": _interval(passed[how]), "seconds": float(np.median(seconds))})
    found["gain"] = {"carried": _interval(np.subtract(carried["adapter"], carried["few"])),
                     "passed": _interval(np.subtract(passed["adapter"], passed["few"]))}
    found["cut"] = {how: sum(row["tokens"] >= MOST_TOKENS for row in replies[how].values()) for how in HOWS}
    return found


def _interval(values: Sequence[float] | Any) -> dict[str, float]:
    """Mean over products, and the middle 95 % of the means of 4,000 draws of as many products."""
    numbers = np.asarray(values, float)
    means = numbers[np.random.default_rng(0).integers(0, len(numbers), (4000, len(numbers)))].mean(axis=1)
    return {"value": float(numbers.mean()), "low": float(np.quantile(means, 0.025)), "high": float(np.quantile(means, 0.975))}


def _rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []


def _keep(file: Path, value: Any) -> None:
    file.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _printed(stage: str) -> Callable[[float], None]:
    began = time.monotonic()
    return lambda share: print(f"{stage} {share:.3f} {time.monotonic() - began:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--work", type=Path, default=read_settings().cache / "benchmark-adapter", help="keeps checkpoint, adapter and replies")
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--limit", type=float, default=1080.0, help="seconds of training")
    parser.add_argument("--products", type=int, default=28, help="judged")
    parser.add_argument("--stage", choices=("learn", *HOWS, "compare", "result"), help="this one alone")
    options = parser.parse_args()
    weights = find_weights(options.model, read_settings().cache)
    if weights is None:
        raise SystemExit(f"{options.model} is not here: brandloom models pull {options.model}")
    options.work.mkdir(parents=True, exist_ok=True)
    learned, judged = halves(options.data)
    judged = judged[:options.products]
    stages: dict[str, Callable[[], None]] = {
        "learn": lambda: learn(options.work, weights, learned, options.limit),
        **{how: (lambda how=how: write(options.work, weights, judged, how)) for how in HOWS},
        "compare": lambda: compare(options.work, weights, judged, learned, options.limit)}
    for name, stage in stages.items():
        if options.stage in (None, name):
            stage()
    if options.stage not in (None, "result"):
        return
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    found, pairs = summary(options.work, judged), json.loads((options.work / "pairs.json").read_text("utf-8"))
    used = pairs["moved"]["low"] > 0.5 and all(gain["high"] >= 0 for gain in found["gain"].values())
    _keep(RESULT, {
        "at": datetime.now(UTC).isoformat(timespec="seconds"), "commit": commit, "data": "advertisegen (half_a, split by hash)",
        "model": options.model, "model_sha256": registry()[options.model].sha256, "adapter_sha256": sha256_of(options.work / "adapter.gguf"),
        "machine": {"cores": os.cpu_count(), "load_average": round(os.getloadavg()[0], 1), "platform": platform.platform(),
                    "python": platform.python_version()},
        "training": json.loads((options.work / "train.json").read_text("utf-8")),
        "pairs": pairs, "used": used, **found})


if __name__ == "__main__":
    main()
