"""What people took next teaches two things: how loud each voice of the sieve is, and the trees that put its candidates in order."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from brandloom.recommend.history import Floats, Ints
from brandloom.recommend.logs.candidates import SOURCES, Candidates, find, names_of
from brandloom.recommend.logs.evidence import Evidence, gather
from brandloom.recommend.logs.log import Log
from brandloom.recommend.logs.sieve import MOST_SIFTED, Choice, Sieve, learn_weights, look_around, make_sieve

Progress = Callable[[float], None]  # share done, 0 to 1
MOST_TAUGHT = 20_000  # people whose next purchase teaches the order; more bring nothing and cost memory
FEWEST_TAUGHT = 200  # with fewer people a learned order is luck: the sieve decides
JUDGED = 0.15  # share of them that only says when to stop and whether the trees are better
FEW, FOLDS = 3_000, 5  # with fewer people each fifth is that share once, and the five orders are averaged
MOST_CUTS = 4  # earlier dates that teach where one date has too few people
# Chosen on the second-last product of each person in amazon_toys_and_games_sequences, never on the last.
PARAMS = {"objective": "lambdarank", "lambdarank_truncation_level": 20, "metric": "ndcg", "eval_at": [10], "learning_rate": 0.05, "num_leaves": 15,
          "min_data_in_leaf": 200, "feature_fraction": 0.5, "bagging_fraction": 0.7, "bagging_freq": 1, "verbosity": -1, "deterministic": True,
          "force_row_wise": True, "num_threads": 1, "seed": 0}
TREES, PATIENCE = 500, 60
BLOCK = 1_000  # people at once


class Moment(NamedTuple):
    """What a log said before some date, what the people who teach had by then, and what they took after it."""

    evidence: Evidence
    before: Log
    after: Log


@dataclass(frozen=True)
class Lesson:
    """Candidates of some people at an earlier moment, and which of them they took next."""

    names: tuple[str, ...]
    found: Candidates
    taken: npt.NDArray[np.bool_]
    wanted: Ints  # (n_people,) products each of them took next


@dataclass(frozen=True)
class Learned:
    """`ndcg`: at 10, of the trees, the sieve and every source alone, on `judged` people who taught the trees nothing."""

    weights: dict[str, float]
    boosters: tuple[str, ...]
    ndcg: dict[str, float]
    taught: int
    judged: int


def learn(log: Log, told: Any, evidence: Evidence, *, horizon: float | None, report: Progress) -> Learned:
    """Learn from what people took after earlier dates, with the evidence of then.

    Args:
        evidence: of the whole log; its words decide what counts as loud where nobody has taken anything after anything.
        horizon: as in `fit_log`.
    """
    moments = _earlier(log, told, horizon, again=evidence.again)
    report(0.3)
    choices: list[Choice] = []
    for moment in moments:
        some = np.arange(min(len(moment.before.people), MOST_SIFTED))
        choices += [_look(moment, some[low:low + BLOCK]) for low in range(0, len(some), BLOCK)]
    if not choices:
        some = np.arange(min(len(log.people), BLOCK))
        choices = [_look(Moment(evidence, log, log.where(np.zeros(len(log.codes), dtype=bool))), some)]
    weights = learn_weights(evidence, choices)
    report(0.45)
    lessons = [_lesson(moment.evidence, make_sieve(moment.evidence, weights), moment.before, moment.after) for moment in moments]
    report(0.6)
    return Learned(weights, *_order(lessons))


def _look(moment: Moment, people: Ints) -> Choice:
    return look_around(moment.evidence, moment.before.of(people), moment.after.of(people))


def _earlier(log: Log, told: Any, horizon: float | None, *, again: bool) -> list[Moment]:
    moments: list[Moment] = []
    people = 0
    for cut in range(MOST_CUTS):
        if horizon is None:
            before = log.where(log.steps > 0)
            after = log.where(log.steps == 0)
        else:
            end = log.moment.max() - cut * horizon
            before, after = log.where(log.moment < end - horizon), log.where((log.moment >= end - horizon) & (log.moment < end + (cut == 0)))
        both = np.flatnonzero((np.diff(before.starts) > 0) & (np.diff(after.starts) > 0))
        if not len(both):
            break
        chosen = both[np.random.default_rng(cut).permutation(len(both))[:MOST_TAUGHT - people]]
        moments.append(Moment(gather(before, told, again=again), before.of(chosen), after.of(chosen)))
        people += len(chosen)
        if horizon is None or people >= MOST_TAUGHT / 4:
            break
    return moments


def _lesson(evidence: Evidence, sieve: Sieve, before: Log, after: Log) -> Lesson:
    n = len(before.products)
    wanted = np.unique(after.person * n + after.codes)
    if not evidence.again:
        wanted = wanted[~np.isin(wanted, before.person * n + before.codes)]
    parts = []
    for start in range(0, len(before.people), BLOCK):
        found = find(evidence, sieve, before.of(np.arange(start, min(start + BLOCK, len(before.people)))))
        parts.append(found._replace(person=found.person + start))
    found = Candidates(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    return Lesson(names_of(evidence), found, np.isin(found.person * n + found.code, wanted), np.bincount(wanted // n, minlength=len(before.people)))


def _order(lessons: list[Lesson]) -> tuple[tuple[str, ...], dict[str, float], int, int]:
    """The trees' texts if they are better than the sieve by a standard error, NDCG at 10 of every order, people who taught and who judged."""
    if not lessons:
        return (), {}, 0, 0
    names = lessons[0].names
    offsets = np.cumsum([0, *(len(lesson.wanted) for lesson in lessons)])
    person = np.concatenate([lesson.found.person + start for lesson, start in zip(lessons, offsets, strict=False)])
    code = np.concatenate([lesson.found.code for lesson in lessons])
    x = np.concatenate([lesson.found.x for lesson in lessons])
    sifted = np.concatenate([lesson.found.sifted for lesson in lessons])
    y = np.concatenate([lesson.taken for lesson in lessons])
    wanted = np.concatenate([lesson.wanted for lesson in lessons])
    part = np.random.default_rng(1).random(len(wanted))
    folds = [(part >= one / FOLDS) & (part < (one + 1) / FOLDS) for one in range(FOLDS)] if (wanted > 0).sum() < FEW else [part < JUDGED]
    judge = np.any(folds, axis=0)
    shown, usable = judge[person], judge & (wanted > 0)

    def score(values: Any) -> Floats:
        found: Floats = _ndcg(person[shown], code[shown], values, y[shown], wanted)[usable]
        return found

    first = score(sifted[shown])
    alone = {source.name: score(x[shown][:, names.index(source.name)]) for source in SOURCES if source.name in names}
    alone |= {name: score(x[shown][:, names.index(name)]) for name in names if re.fullmatch(r"popular(_window|_\d+d)?", name)}
    ndcg = {name: round(float(values.mean()), 4) for name, values in ({"sieve": first} | alone).items() if values.size}
    taught, judged = int(((wanted > 0) & ~(judge if len(folds) == 1 else False)).sum()), int(usable.sum())
    hits = np.bincount(person, weights=y, minlength=len(wanted)) > 0
    if hits.sum() < FEWEST_TAUGHT or min((hits & fold).sum() for fold in folds) < FEWEST_TAUGHT // 10:
        return (), ndcg, taught, judged
    raw, texts = np.zeros(len(y)), []
    for fold in folds:
        booster = _fit(x, y, person, hits & ~fold, hits & fold, names)
        raw[fold[person]] = booster.predict(x[fold[person]])
        texts.append(booster.model_to_string(num_iteration=booster.best_iteration))
    ranked = score(raw[shown])
    difference = ranked - first
    better = difference.mean() > difference.std() / np.sqrt(len(difference))
    return tuple(texts) if better else (), {"trees": round(float(ranked.mean()), 4)} | ndcg, taught, judged


def _fit(x: npt.NDArray[np.float32], y: npt.NDArray[np.bool_], person: Ints, teach: npt.NDArray[np.bool_], judge: npt.NDArray[np.bool_],
         names: tuple[str, ...]) -> Any:
    import lightgbm as lgb
    sets: list[Any] = []
    for people in (teach, judge):
        rows = people[person]
        sizes = np.unique(person[rows], return_counts=True)[1]
        sets.append(lgb.Dataset(x[rows], y[rows].astype(np.int8), group=sizes, feature_name=list(names), reference=sets[0] if sets else None,
                                params={"verbosity": -1}))
    return lgb.train(PARAMS, sets[0], TREES, valid_sets=[sets[1]], callbacks=[lgb.early_stopping(PATIENCE, verbose=False)])


def _ndcg(person: Ints, code: Ints, score: Floats, y: npt.NDArray[np.bool_], wanted: Ints, k: int = 10) -> Floats:
    """(n_people,) NDCG at `k`; products are numbered by id, so equal scores are first shuffled by a hash of both."""
    order = np.lexsort(((code * 2_654_435_761 + person * 40_503) % 2**32, -score, person))
    place = np.arange(len(order)) - np.searchsorted(person[order], person[order])
    top = place < k
    gained = np.bincount(person[order][top], weights=y[order][top] / np.log2(place[top] + 2.0), minlength=len(wanted))
    ideal = np.cumsum(1 / np.log2(np.arange(2, k + 2)))[np.clip(wanted, 1, k) - 1]
    found: Floats = gained / ideal
    return found
