"""Two shops whose customers differ in nothing but personal data are planned: the model must be asked the same, byte for byte."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.attack import shop as files
from benchmarks.attack.canaries import FILES
from benchmarks.attack.detector import Canaries
from benchmarks.attack.server import Recorder, recording, well_behaved
from brandloom.campaigns import create, open_shop
from brandloom.content import Brief
from brandloom.llm import EndpointModel

_NOW = datetime(2024, 6, 1, 12, 0, tzinfo=UTC)
_BRIEF = {"name": "Evening lights", "audience": {"max_size": 400}, "holdout": 0.2}


def run(folder: Path, *, pairs: int, groups: int) -> dict[str, Any]:
    """Plan a shop once as it is, and once per group with the personal data of that group's customers exchanged for other people's.

    Ids stay: they tell which customer is which. A difference in any group names the group.
    """
    started = time.monotonic()
    create(folder / "empty", name="Lantern Hall", sender={"postal_address": "1 Quay", "website": "https://shop.example.com"}).close()
    ones, others = Canaries(11), Canaries(12)
    people = files.customers(ones, pairs)
    strangers = [replace(other, id=own.id) for own, other in zip(people, files.customers(others, pairs), strict=True)]
    with recording(well_behaved) as recorder:
        base = _planned(folder, "base", people, recorder)
        size, different, unequal = -(-pairs // groups), list[int](), 0
        for group in range(groups):
            mixed = [strangers[at] if at // size == group else person for at, person in enumerate(people)]
            found = _planned(folder, f"group{group}", mixed, recorder)
            different += [group] if found["prompts"] != base["prompts"] else []
            unequal += found["decisions"] != base["decisions"]
            if found["files"] == base["files"]:
                raise AssertionError("the files do not differ: nothing was tried")
    text = b"\n".join(base["prompts"])
    return {"pairs": pairs, "groups": groups, "prompts": len(base["prompts"]), "bytes": len(text), "different": len(different),
            "decisions_different": unequal,
            "canaries_in_prompts": len((ones.found_in(text) | others.found_in(text)) - ones.elsewhere - others.elsewhere),
            "seconds": time.monotonic() - started}


def _planned(folder: Path, name: str, people: Sequence[files.Known], recorder: Recorder) -> dict[str, Any]:
    """What the model was asked while this shop was loaded, learned and planned; the digest of its files and decisions."""
    place = folder / f"{name} files"
    place.mkdir()
    files.write_tables(place, people, Canaries(13), Random(5))
    shutil.copytree(folder / "empty", folder / name)
    recorder.bodies, recorder.reply = [], well_behaved
    with EndpointModel(recorder.url, key="k", model="obedient") as model, open_shop(folder / name, model=model) as shop:
        shop.clock = lambda: _NOW
        for file, kind in FILES:
            shop.load(place / file, kind=kind)
        plan = shop.plan(Brief.model_validate(_BRIEF), as_of=datetime.fromisoformat(files.AS_OF))
        rows = shop.engine.query("SELECT customer, action, variant, products FROM decisions WHERE plan = $plan ORDER BY customer",
            plan=plan.id).to_pylist()
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(place.iterdir()))).hexdigest()
    shutil.rmtree(folder / name)
    return {"prompts": list(recorder.bodies), "decisions": repr(rows), "files": digest}
