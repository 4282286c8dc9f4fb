"""Why a product is recommended: the parts its score is the sum of, and which of the things a person took speaks loudest for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from brandloom.i18n import _
from brandloom.recommend.history import Floats
from brandloom.recommend.logs.candidates import SOURCES
from brandloom.recommend.logs.evidence import LATEST, Evidence
from brandloom.recommend.logs.log import Log
from brandloom.recommend.logs.sieve import KEEPS, SHAPES

REASONS = {  # English templates, shown with `say`
    "again": _("Taken before, and due again."),
    "follows": _("Often taken after something this person took."),
    "alike": _("Taken by the same people as something this person took."),
    "told": _("By its description like something this person took."),
    "popular": _("Taken by many people."),
}
_LINKS = {"alike": "alike", "weighed": "alike", "told": "told"}  # every other kind of link: follows
_KIND = {source.name: _LINKS.get(source.links, "follows") for source in SOURCES}
_HABIT = ("times", "share_of_visits", "age", "skipped", "interval", "interval_left", "repeats")


@dataclass(frozen=True)
class Reason:
    """`kind`: key of REASONS. `because`: the product the person took that speaks loudest for it, where the kind has one.

    `parts`: what each kind adds to the score; with `base`, which belongs to none, they add up to it.
    """

    kind: str
    because: str | None
    parts: dict[str, float]
    base: float
    score: float


def kind_of(name: str) -> str | None:
    """The kind of reason a feature or voice belongs to; None: it only sets the scene (how much the person took)."""
    name = name.removeprefix("sieve ")
    if name.removesuffix("_share") in _KIND:
        return _KIND[name.removesuffix("_share")]
    heard = re.fullmatch(rf"(\w+?)_({'|'.join(KEEPS)})({'|'.join(SHAPES)})", name)
    if heard:
        return "again" if heard[1] == "own" else _LINKS.get(heard[1], "follows")
    if name in _HABIT:
        return "again"
    return "popular" if name == "trend" or (name.startswith("popular") and name != "popular_last") else None


def reason(evidence: Evidence, log: Log, code: int, added: dict[str, float], score: float) -> Reason:
    """The reason for a product, from what each feature or voice adds to its score for the one person of `log`."""
    parts: dict[str, float] = {}
    base = 0.0
    for name, value in added.items():
        kind = kind_of(name)
        if kind is None:
            base += value
        else:
            parts[kind] = parts.get(kind, 0.0) + value
    because = {kind: _loudest(evidence, log, code, kind) for kind in parts if kind in ("follows", "alike", "told")}
    told = [kind for kind in parts if kind not in because or because[kind] is not None]
    if "again" in told and code not in log.codes:
        told.remove("again")
    kind = max(told, key=lambda one: parts[one]) if told else "popular"
    product = log.products[code].as_py() if kind == "again" else because.get(kind)
    return Reason(kind, product, parts, base, score)


def _loudest(evidence: Evidence, log: Log, code: int, kind: str) -> str | None:
    taken, steps = log.codes[-LATEST:], log.steps[-LATEST:]
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
