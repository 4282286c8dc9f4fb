"""Candidates of each person and what is known of them: the sources side by side, never mixed before the trees see them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sparse_dot_topn import sp_matmul

from brandloom.recommend.history import Floats, Ints
from brandloom.recommend.logs.evidence import Evidence, hear, popular_names, threads
from brandloom.recommend.logs.log import Log
from brandloom.recommend.logs.sieve import Sieve, cells

CANDIDATES = 100  # of each person, by the sieve


class Source(NamedTuple):
    """One piece of evidence: what a person took, each visit counting `keep` times the one after it, through `links`."""

    name: str
    links: str
    keep: float


SOURCES = (Source("follows_soon", "follows", 0.5), Source("follows", "follows", 0.8), Source("surely", "surely", 0.7),
           Source("rarely", "rarely", 0.7), Source("before", "before", 0.7), Source("later", "later", 0.8),
           Source("next", "next", 1e-6), Source("alike_soon", "alike", 0.5), Source("alike", "alike", 0.9),
           Source("weighed", "weighed", 0.9), Source("told_soon", "told", 0.5), Source("told", "told", 0.9))


class Candidates(NamedTuple):
    """Rows of person (of the log asked about), product and features, persons together and products in order."""

    person: Ints
    code: Ints
    x: npt.NDArray[np.float32]
    sifted: Floats  # score of the sieve


def names_of(evidence: Evidence) -> tuple[str, ...]:
    """Names of the features, in their order."""
    sources = [source.name for source in SOURCES if source.links in evidence.links]
    names = [part for name in sources for part in (name, f"{name}_share")]
    names += ["sifted", "behind", *popular_names(evidence), *(["trend"] if evidence.clock else [])]
    names += ["products", "popular_last"]
    if evidence.again:
        names += ["times", "share_of_visits", "age", "skipped", "interval", "interval_left", "repeats"]
    return tuple(names)


def find(evidence: Evidence, sieve: Sieve, log: Log, most: int = CANDIDATES, *,
         allowed: npt.NDArray[np.bool_] | None = None) -> Candidates:
    """The candidates of each person of `log`, with their features.

    Args:
        most: how many of each person.
        allowed: (n_products,) what may be recommended; None: everything.
    """
    n = len(log.products)
    sifted, offered, score = sieve.sift(log, most, allowed=allowed)
    keys = sifted * n + offered
    order = np.argsort(keys)
    keys, score = keys[order], score[order]
    person, code = np.divmod(keys, n)
    columns: list[Any] = []
    spoken, loud = hear(log, {source.keep for source in SOURCES})
    links = {name: held[spoken] for name, held in evidence.links.items()}
    for source in SOURCES:
        if source.links in links:
            raw = cells(sp_matmul(loud[source.keep], links[source.links], n_threads=threads(len(log.people))), keys)
            columns += [raw, raw / _highest(raw, person, len(log.people))]
    highest = np.full(len(log.people), -np.inf)
    np.maximum.at(highest, person, score)
    columns += [score, score - highest[person]]
    columns += [np.log1p(counts)[code] for counts in evidence.popular]
    if evidence.clock:
        columns.append((evidence.popular[2] / (evidence.popular[-1] + 1))[code])
    columns += _about_people(evidence, log, person)
    if evidence.again:
        columns += _about_habit(evidence, log, keys, person, code)
    x = np.stack(columns, axis=1).astype(np.float32) if len(keys) else np.zeros((0, len(names_of(evidence))), dtype=np.float32)
    return Candidates(person, code, x, score)


def _highest(raw: npt.NDArray[np.float32], person: Ints, people: int) -> npt.NDArray[np.float32]:
    """For each cell the highest value of its person, 1 where there is none."""
    highest = np.zeros(people, dtype=np.float32)
    np.maximum.at(highest, person, raw)
    found: npt.NDArray[np.float32] = np.where(highest > 0, highest, np.float32(1))[person]
    return found


def _about_people(evidence: Evidence, log: Log, person: Ints) -> list[Floats]:
    products = np.diff(log.starts).astype(float)
    last = np.full(len(log.people), np.nan)
    some = np.flatnonzero(np.diff(log.starts))
    last[some] = np.log1p(evidence.popular[0])[log.codes[log.starts[1:][some] - 1]]
    return [products[person], last[person]]


def _about_habit(evidence: Evidence, log: Log, keys: Ints, person: Ints, code: Ints) -> list[Floats]:
    """How regularly the person takes the product; ages in days where there is a clock, else in visits."""
    n = len(log.products)
    age = evidence.now - log.moment if log.clock else log.steps.astype(float)
    own, times = np.unique(log.person * n + log.codes, return_counts=True)
    order = np.argsort(log.person * n + log.codes, kind="stable")
    ends = np.cumsum(times)
    latest, oldest = age[order[ends - 1]], age[order[ends - times]]
    at = np.minimum(np.searchsorted(own, keys), max(len(own) - 1, 0))
    has = own[at] == keys if len(own) else np.zeros(len(keys), dtype=bool)

    def pick(values: Floats) -> Floats:
        return np.where(has, values[at], np.nan) if len(own) else np.full(len(keys), np.nan)

    count, young, old = pick(times.astype(float)), pick(latest), pick(oldest)
    since = np.full(len(log.people), np.nan)
    some = np.flatnonzero(np.diff(log.starts))
    since[some] = age[log.starts[1:][some] - 1]
    visits = np.maximum(np.bincount(log.visitor, minlength=len(log.people)), 1)[person].astype(float)
    interval = np.where(count > 1, (old - young) / np.maximum(count - 1, 1), np.nan)
    return [np.nan_to_num(count), np.nan_to_num(count) / visits, young, young - since[person], interval, young / np.maximum(interval, 1.0),
            evidence.repeats[code]]
