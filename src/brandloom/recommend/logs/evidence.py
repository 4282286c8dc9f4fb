"""What a log says about its products: which speak for which, how popular they are, how often they are taken again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from brandloom.recommend.history import Floats, Ints
from brandloom.recommend.logs.links import cores, find_links
from brandloom.recommend.logs.log import Log

HALF_LIVES = (7.0, 30.0, 120.0)  # days
WINDOW = 14.0  # days that count in full, those before not at all
LATEST = 100  # lines of a person that speak for other products; older ones say little and cost time
_FAINT = 0.01  # share of its first weight below which a visit is not heard any more
_SHARED = 32  # people from which on starting threads pays


@dataclass(frozen=True, repr=False)
class Evidence:
    """What a log says about products, fitted: links by name, popularity, and how often products are taken again."""

    links: dict[str, Any]
    popular: Floats  # (1 or 2 + len(HALF_LIVES), n_products) who took it: ever and, where there is a clock, lately: by `WINDOW` and `HALF_LIVES`
    repeats: Floats  # (n_products,) share of its people who took it on another visit
    again: bool  # whether what a person has may be recommended again
    clock: bool
    now: float  # the log's last moment, where there is a clock


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


def popular_names(evidence: Evidence) -> tuple[str, ...]:
    """Names of the rows of `popular`."""
    return ("popular", *(["popular_window", *(f"popular_{int(days)}d" for days in HALF_LIVES)] if evidence.clock else []))


def hear(log: Log, keeps: Iterable[float]) -> tuple[Ints, dict[float, Any]]:
    """The products that people's latest lines speak of, and per `keep` how loud each person does: every visit `keep` times the one after it.

    Returns:
        (n_spoken,) codes in order, and sparse (n_people, n_spoken). Products x products is read whole for every product of matrices,
        so whoever asks about few people takes only the rows that are spoken of.
    """
    recent = log.where(np.repeat(np.cumsum(np.diff(log.starts)), np.diff(log.starts)) - np.arange(len(log.codes)) <= LATEST)
    spoken = np.unique(recent.codes)
    place = np.searchsorted(spoken, recent.codes)
    loud: dict[float, Any] = {}
    for keep in set(keeps):
        weight = np.power(keep, recent.steps, dtype=np.float32)
        clear = weight >= _FAINT
        ends = np.concatenate([[0], np.cumsum(clear)])[recent.starts]
        loud[keep] = sparse.csr_matrix((weight[clear], place[clear].astype(np.int32), ends), shape=(len(log.people), len(spoken)))
        loud[keep].sum_duplicates()
    return spoken, loud


def threads(people: int) -> int:
    """Threads that pay for an answer about so many people."""
    return cores() if people >= _SHARED else 1
