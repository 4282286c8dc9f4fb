"""Why a product is recommended: the parts its score is the sum of, and which of the things a person took speaks loudest for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from brandloom.i18n import _
from brandloom.recommend.history import Floats
from brandloom.recommend.logs.candidates import LATEST, SOURCES, Candidates, Evidence, names_of
from brandloom.recommend.logs.log import Log

REASONS = {  # English templates, shown with `say`
    "again": _("Taken before, and due again."),
    "follows": _("Often taken after something this person took."),
    "alike": _("Taken by the same people as something this person took."),
    "told": _("By its description like something this person took."),
    "popular": _("Taken by many people."),
}
_KIND = {source.name: {"alike": "alike", "weighed": "alike", "told": "told"}.get(source.links, "follows") for source in SOURCES}
_HABIT = ("times", "share_of_visits", "age", "skipped", "interval", "interval_left", "repeats")


@dataclass(frozen=True)
class Reason:
    """`kind`: key of REASONS. `because`: the product the person took that speaks loudest for it, where the kind has one.

    `parts`: what each kind adds to the score; with `base`, the same for everybody, they add up to it.
    """

    kind: str
    because: str | None
    parts: dict[str, float]
    base: float
    score: float


def kind_of(name: str) -> str | None:
    """The kind of reason a feature belongs to; None: it only sets the scene (how much the person took)."""
    if name.removesuffix("_share") in _KIND:
        return _KIND[name.removesuffix("_share")]
    if name in _HABIT:
        return "again"
    return "popular" if name == "trend" or (name.startswith("popular") and name != "popular_last") else None


def reason(evidence: Evidence, log: Log, found: Candidates, at: int, contributions: Floats, score: float) -> Reason:
    """The reason for candidate `at`, from what each feature adds to its score (the last number is the base)."""
    names = names_of(evidence)
    parts: dict[str, float] = {}
    base = float(contributions[-1])
    for name, added in zip(names, contributions[:-1], strict=True):
        kind = kind_of(name)
        if kind is None:
            base += float(added)
        else:
            parts[kind] = parts.get(kind, 0.0) + float(added)
    person, code = int(found.person[at]), int(found.code[at])
    because = {kind: _loudest(evidence, log, person, code, kind) for kind in parts if kind in ("follows", "alike", "told")}
    told = [kind for kind in parts if kind not in because or because[kind] is not None]
    if "again" in told and code not in log.codes[log.starts[person]:log.starts[person + 1]]:
        told.remove("again")
    kind = max(told, key=lambda one: parts[one]) if told else "popular"
    product = log.products[code].as_py() if kind == "again" else because.get(kind)
    return Reason(kind, product, parts, base, score)


def _loudest(evidence: Evidence, log: Log, person: int, code: int, kind: str) -> str | None:
    lines = slice(max(int(log.starts[person]), int(log.starts[person + 1]) - LATEST), int(log.starts[person + 1]))
    taken, steps = log.codes[lines], log.steps[lines]
    best: tuple[float, int] | None = None
    for source in SOURCES:
        if _KIND[source.name] != kind or source.links not in evidence.links or not len(taken):
            continue
        column = _column(evidence.links[source.links], taken, code) * np.power(source.keep, steps, dtype=float)
        total = column.sum()
        if total > 0:
            at = int(np.argmax(column / total))
            share = float(column[at] / total)
            if best is None or share > best[0]:
                best = (share, int(taken[at]))
    return None if best is None else log.products[best[1]].as_py()


def _column(links: Any, rows: Any, code: int) -> Floats:
    found: Floats = np.asarray(links[rows, np.full(len(rows), code)], dtype=float).ravel()
    return found
