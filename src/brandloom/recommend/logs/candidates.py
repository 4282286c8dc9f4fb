"""Candidates of each person and what is known of them: the sources side by side, never mixed before the trees see them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sparse_dot_topn import sp_matmul, sp_matmul_topn

from brandloom.recommend.history import Floats, Ints
from brandloom.recommend.logs.links import cores, find_links
from brandloom.recommend.logs.log import Log

PER_SOURCE = 50  # candidates that each source brings
POPULAR = 30  # and each kind of popularity
HALF_LIVES = (7.0, 30.0, 120.0)  # days
WINDOW = 14.0  # days that count in full, those before not at all
LATEST = 100  # lines of a person that speak for other products; older ones say little and cost time
FAINT = 0.01  # share of its first weight below which a visit is not heard any more
_DENSE = 4_000_000  # cells of people x products laid out at once
_SHARED = 32  # people from which on starting threads pays


class Source(NamedTuple):
    """One piece of evidence: what a person took, each visit counting `keep` times the one after it, through `links`."""

    name: str
    links: str
    keep: float
    finds: bool  # brings candidates; otherwise it only speaks about those of others


SOURCES = (Source("follows_soon", "follows", 0.5, True), Source("follows", "follows", 0.8, True), Source("surely", "surely", 0.7, True),
           Source("rarely", "rarely", 0.7, True), Source("before", "before", 0.7, True), Source("later", "later", 0.8, False),
           Source("next", "next", 1e-6, False), Source("alike_soon", "alike", 0.5, True), Source("alike", "alike", 0.9, True),
           Source("weighed", "weighed", 0.9, True), Source("told_soon", "told", 0.5, True), Source("told", "told", 0.9, True))


@dataclass(frozen=True, repr=False)
class Evidence:
    """What a log says about products, fitted: links by name, popularity, and how often products are taken again."""

    links: dict[str, Any]
    popular: Floats  # (1 or 2 + len(HALF_LIVES), n_products) who took it: ever and, where there is a clock, lately: by `WINDOW` and `HALF_LIVES`
    repeats: Floats  # (n_products,) share of its people who took it on another visit
    again: bool  # whether what a person has may be recommended again
    clock: bool
    now: float  # the log's last moment, where there is a clock

    @cached_property
    def leading(self) -> Ints:
        """Products among the first `POPULAR` of any popularity, in order."""
        return np.unique(np.argsort(-self.popular, axis=1, kind="stable")[:, :POPULAR])


class Candidates(NamedTuple):
    """Rows of person (of the log asked about), product and features, persons together and products in order."""

    person: Ints
    code: Ints
    x: npt.NDArray[np.float32]


def gather(log: Log, described: Any, *, again: bool) -> Evidence:
    """Read the evidence out of a log; `described`: links by description (see `likeness`), or None."""
    n = len(log.products)
    links = find_links(log) | ({} if described is None else {"told": described})
    pairs, times = np.unique(log.person * n + log.codes, return_counts=True)
    buyers = np.bincount(pairs % n, minlength=n)
    several = np.bincount(pairs % n, weights=times > 1, minlength=n)
    now = float(log.moment.max()) if len(log.moment) else 0.0
    popular = [buyers.astype(float)]
    if log.clock:
        age = now - log.moment
        popular += [np.bincount(log.codes, weights=weight, minlength=n) for weight in (age <= WINDOW, *(0.5 ** (age / days) for days in HALF_LIVES))]
    return Evidence(links, np.stack(popular), (several + 0.5) / (buyers + 2.0), again, log.clock, now)


def names_of(evidence: Evidence) -> tuple[str, ...]:
    """Names of the features, in their order."""
    sources = [source.name for source in SOURCES if source.links in evidence.links]
    names = [part for name in sources for part in (name, f"{name}_share")]
    names += ["popular", *(["popular_window", *(f"popular_{int(days)}d" for days in HALF_LIVES), "trend"] if evidence.clock else [])]
    names += ["products", "popular_last"]
    if evidence.again:
        names += ["times", "share_of_visits", "age", "skipped", "interval", "interval_left", "repeats"]
    return tuple(names)


def _heard(evidence: Evidence, log: Log) -> dict[str, tuple[Any, Any]]:
    """For each source how loud what each person of `log` took speaks, (n_people, some products), and the links of those products."""
    recent = log.where(np.repeat(np.cumsum(np.diff(log.starts)), np.diff(log.starts)) - np.arange(len(log.codes)) <= LATEST)
    sources = [source for source in SOURCES if source.links in evidence.links]
    spoken = np.unique(recent.codes)  # products x products is read again for every product of matrices: only the rows that are needed
    place = np.searchsorted(spoken, recent.codes)
    links = {name: evidence.links[name][spoken] for name in {source.links for source in sources}}
    loud: dict[float, Any] = {}
    for keep in {source.keep for source in sources}:
        weight = np.power(keep, recent.steps, dtype=np.float32)
        clear = weight >= FAINT
        ends = np.concatenate([[0], np.cumsum(clear)])[recent.starts]
        loud[keep] = sparse.csr_matrix((weight[clear], place[clear].astype(np.int32), ends), shape=(len(log.people), len(spoken)))
        loud[keep].sum_duplicates()
    return {source.name: (loud[source.keep], links[source.links]) for source in sources}


def find(evidence: Evidence, log: Log, *, allowed: npt.NDArray[np.bool_] | None = None) -> Candidates:
    """The candidates of each person of `log`, with their features.

    Args:
        allowed: (n_products,) what may be recommended; None: everything.
    """
    n = len(log.products)
    voices = _heard(evidence, log)
    seen = np.unique(log.person * n + log.codes)
    found = [_best(*voices[source.name]) for source in SOURCES if source.finds and source.name in voices]
    found.append((np.arange(len(log.people))[:, None] * n + evidence.leading).ravel())
    if evidence.again:
        found.append(seen)
    keys = np.unique(np.concatenate(found))
    if not evidence.again:
        keys = keys[~_among(keys, seen)]
    if allowed is not None:
        keys = keys[allowed[keys % n]]
    person, code = np.divmod(keys, n)
    columns: list[Any] = []
    for voice, links in voices.values():
        raw = _cells(sp_matmul(voice, links, n_threads=_threads(voice)), keys)
        highest = np.zeros(len(log.people), dtype=np.float32)
        np.maximum.at(highest, person, raw)
        columns += [raw, raw / np.where(highest > 0, highest, 1)[person]]
    columns += [np.log1p(counts)[code] for counts in evidence.popular]
    if evidence.clock:
        columns.append((evidence.popular[2] / (evidence.popular[-1] + 1))[code])
    columns += _about_people(evidence, log, person)
    if evidence.again:
        columns += _about_habit(evidence, log, keys, person, code)
    x = np.stack(columns, axis=1).astype(np.float32) if len(keys) else np.zeros((0, len(names_of(evidence))), dtype=np.float32)
    return Candidates(person, code, x)


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


def _best(voice: Any, links: Any) -> Ints:
    """Cells of each row's `PER_SOURCE` highest values of `voice` @ `links`, as row x columns + column."""
    best = sp_matmul_topn(voice, links, top_n=PER_SOURCE, threshold=0.0, n_threads=_threads(voice))
    cells: Ints = np.repeat(np.arange(best.shape[0], dtype=np.int64) * best.shape[1], np.diff(best.indptr)) + best.indices
    return cells


def _threads(voice: Any) -> int:
    return cores() if voice.shape[0] >= _SHARED else 1


def _cells(values: Any, keys: Ints) -> npt.NDArray[np.float32]:
    """Values at cells given in order as row x columns + column, 0 where there is none. `values` need not be sorted."""
    rows, n = values.shape
    found = np.zeros(len(keys), dtype=np.float32)
    step = max(1, _DENSE // n)
    flat = np.zeros(min(step, rows) * n, dtype=np.float32)
    for low in range(0, rows, step):
        high = min(low + step, rows)
        cells = slice(values.indptr[low], values.indptr[high])
        at = np.repeat(np.arange(high - low, dtype=np.int64) * n, np.diff(values.indptr[low:high + 1])) + values.indices[cells]
        flat[at] = values.data[cells]
        wanted = slice(*np.searchsorted(keys, [low * n, high * n]))
        found[wanted] = flat[keys[wanted] - low * n]
        flat[at] = 0
    return found


def _among(keys: Ints, known: Ints) -> npt.NDArray[np.bool_]:
    if not len(known):
        return np.zeros(len(keys), dtype=bool)
    found: npt.NDArray[np.bool_] = known[np.minimum(np.searchsorted(known, keys), len(known) - 1)] == keys
    return found

