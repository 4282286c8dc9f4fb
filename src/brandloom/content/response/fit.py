"""Fitting the scorer on a shop's own tests, and judging it on tests it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from brandloom.content.response.belief import believe
from brandloom.content.response.encoder import Encoder
from brandloom.content.response.features import Floats, Raw, Space, fit_space, read_texts, script_of, transform
from brandloom.content.response.model import Accuracy, ResponseCard, ResponseModel, Scores
from brandloom.content.response.process import KINDS, Posterior, Trials, Variances, fit_posterior, fit_variances
from brandloom.errors import DataError
from brandloom.i18n import _

Ints = npt.NDArray[np.intp]

LEAST_TESTS = 30  # below it an interval of the accuracy says nothing
_LEAST_OF_SCRIPT = 20  # texts
_SIGNIFICANT_Z, _DRAWS, _FOLDS = 1.96, 1000, 5
_OF_ITS_OWN = 0.03
"""Share of the variance left open by an earlier scorer that a shop's own wording is expected to have. At 0.1 and 1 a hundred tests took a ninth
of the winners away that the scorer had known, at 0.03 none, and tests that contradicted it were followed sooner (development half)."""


@dataclass(frozen=True)
class Arms:
    """Tested texts, one row per test, picture and text, in tests with at least two different texts under one picture."""

    text: tuple[str, ...]
    impressions: Floats
    clicks: Floats
    test: Ints  # number of the test and picture, 0..n_tests-1
    group: Ints  # tests that share a text, directly or through others, are one group and stay in one fold
    table: pa.Table  # the same rows with `test`, `picture`, `text`

    @property
    def trials(self) -> Trials:
        """Outcomes as empirical log-odds (Haldane 1956, Anscombe 1956) with their sampling variance."""
        yes, no = self.clicks + 0.5, self.impressions - self.clicks + 0.5
        return Trials(np.log(yes / no), 1 / yes + 1 / no, self.test)


@dataclass(frozen=True)
class OutOfFold:
    """Every arm scored by a model that saw no test of its group; pairs are all pairs of one test."""

    scores: Scores
    first: Ints
    second: Ints
    probability: Floats  # that the first wins
    z: Floats  # of the observed difference; two-sided, pooled


def fit_response(tests: pa.Table, *, encoder: Encoder | None = None, before: ResponseModel | None = None, seed: int = 0) -> ResponseModel:
    """Learn from a shop's own tests which copy gets clicks.

    Args:
        tests: one row per arm with `test`, `text`, `impressions`, `clicks`, and optionally `picture` (only texts under one picture
            are compared), `language` and `period` (any sortable text; the card shows the first and last).
        encoder: hidden layers of a text encoder as one more kind of evidence; English only with `MiniLM` and `WordTable`.
        before: a scorer of other tests to begin from. Its beliefs are updated, as far as the texts are of its kind, so that a few tests
            are enough to rank.
        seed: of the draws of landmarks, folds and bootstrap.
    Returns:
        A model that says so itself when it knows nothing: fewer than `LEAST_TESTS` tests and nothing known before, or no better than
        chance out of fold.
    Raises:
        DataError: a column is missing, or a count is empty, negative or more clicks than impressions; names the row.
    """
    arms = read_arms(tests)
    count = int(arms.test.max(initial=-1)) + 1
    raw, at = _distinct(arms, encoder, before)
    known = raw.before.doubt.size > 0
    before = before if known else None
    if count < LEAST_TESTS and not known:
        return ResponseModel(_card(tests, arms, None, None, None, seed, "too_few_tests"), None, None, encoder)
    accuracy = picked(arms, judge(arms, raw, at, seed=seed, before=before), seed) if count >= LEAST_TESTS else None
    space, posterior = _fit(raw, at, arms.trials, np.arange(len(at)), encoder.name if encoder else None, np.random.default_rng(seed), before)
    signal = accuracy is None or accuracy.low > 0.5 or (known and accuracy.value > 0.5)
    card = _card(tests, arms, posterior, encoder, accuracy, seed, None if signal else "no_signal")
    return ResponseModel(replace(card, before=before.card.name if before else None), space, posterior, encoder, None, before)


def out_of_fold(arms: Arms, *, encoder: Encoder | None = None, before: ResponseModel | None = None, seed: int = 0,
                folds: int = _FOLDS) -> OutOfFold:
    """Score every arm by models fitted on other groups of tests; the groups are dealt into folds at random."""
    return judge(arms, *_distinct(arms, encoder, before), seed=seed, folds=folds, before=before)


def judge(arms: Arms, raw: Raw, at: Ints, *, seed: int, folds: int = _FOLDS, before: ResponseModel | None = None) -> OutOfFold:
    """`out_of_fold` from raw features of distinct texts and each arm's place among them."""
    fold = np.random.default_rng(seed).permutation(int(arms.group.max()) + 1)[arms.group] % folds
    mean, deviation = np.zeros(len(at)), np.zeros(len(at))
    first, second = pairs_of(arms.test)
    probability = np.zeros(len(first))
    reasons: list[str | None] = [None] * len(at)
    for number in range(folds):
        rows, own = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        if len(own) == 0 or len(rows) == 0:
            continue
        space, posterior = _fit(raw, at, arms.trials, rows, None, np.random.default_rng((seed, number)), before)
        belief = believe(posterior, transform(raw.take(at[own]), space), weight=np.ones(len(own)), carries=(1.0, 0.0))
        mean[own], deviation[own] = np.where(belief.told, belief.mean, 0.0), belief.deviation
        for row in own[~belief.told]:
            reasons[row] = "far_from_tests"
        mine = np.flatnonzero(fold[first] == number)
        if len(mine):
            probability[mine] = belief.wins(np.searchsorted(own, first[mine]), np.searchsorted(own, second[mine]))
    return OutOfFold(Scores(mean, deviation, tuple(reasons)), first, second, probability, z_scores(arms, first, second))


def picked(arms: Arms, found: OutOfFold, seed: int) -> Accuracy:
    """Share of significant pairs whose winner was picked; the interval draws groups of tests."""
    clear = np.flatnonzero(np.abs(found.z) > _SIGNIFICANT_Z)
    gap = found.scores.mean[found.first] - found.scores.mean[found.second]
    right = np.where(gap == 0, 0.5, (gap > 0) == (found.z > 0))[clear]
    if len(clear) == 0:
        return Accuracy(0.5, 0.0, 1.0, 0)
    group = np.unique(arms.group[found.first[clear]], return_inverse=True)[1]
    hits, sizes = np.bincount(group, right), np.bincount(group)
    draws = np.random.default_rng(seed).integers(0, len(sizes), (_DRAWS, len(sizes)))
    low, high = np.quantile(hits[draws].sum(axis=1) / sizes[draws].sum(axis=1), [0.025, 0.975])
    return Accuracy(float(right.mean()), float(low), float(high), len(clear))


def read_arms(tests: pa.Table) -> Arms:
    """Check the table, join rows of one test, picture and text, and keep what can be compared.

    Raises:
        DataError: see `fit_response`.
    """
    _check(tests)
    pictures = tests["picture"].cast(pa.string()) if "picture" in tests.column_names else pa.nulls(tests.num_rows, pa.string())
    table = pa.table({"test": tests["test"].cast(pa.string()), "picture": pc.fill_null(pictures, ""),
                      "text": tests["text"].cast(pa.string()), "impressions": tests["impressions"].cast(pa.int64()),
                      "clicks": tests["clicks"].cast(pa.int64())})
    table = table.filter(pc.greater(table["impressions"], 0))
    keys = ["test", "picture"]
    joined = table.group_by([*keys, "text"]).aggregate([("impressions", "sum"), ("clicks", "sum")])
    rivals = joined.group_by(keys).aggregate([("text", "count")])
    joined = joined.join(rivals, keys).filter(pc.field("text_count") >= 2).sort_by([(key, "ascending") for key in (*keys, "text")])
    texts, cells = joined["text"].to_pylist(), list(zip(*(joined[key].to_pylist() for key in keys), strict=True))
    numbers = np.cumsum([0, *(a != b for a, b in pairwise(cells))], dtype=np.intp)[:len(cells)]
    return Arms(tuple(texts), _floats(joined, "impressions_sum"), _floats(joined, "clicks_sum"), numbers,
                linked(joined["test"].to_pylist(), texts), joined.select([*keys, "text"]))


def linked(tests: Sequence[str], texts: Sequence[str]) -> Ints:
    """(n,) number of the connected group of each row; rows of one test or with one text are connected."""
    parent: dict[tuple[str, str], tuple[str, str]] = {}

    def root(node: tuple[str, str]) -> tuple[str, str]:
        while parent.setdefault(node, node) != node:
            parent[node] = node = parent[parent[node]]
        return node

    for test, text in zip(tests, texts, strict=True):
        parent[root(("test", test))] = root(("text", text.strip().lower()))
    numbers: dict[tuple[str, str], int] = {}
    return np.array([numbers.setdefault(root(("test", test)), len(numbers)) for test in tests], dtype=np.intp)


def pairs_of(test: Ints) -> tuple[Ints, Ints]:
    """All pairs of rows of one test; rows of a test stand together."""
    starts = np.flatnonzero(np.diff(test, prepend=-1))
    sides = [np.triu_indices(end - start, 1) for start, end in pairwise([*starts.tolist(), len(test)])]
    shifted = [(np.asarray(a) + start, np.asarray(b) + start) for start, (a, b) in zip(starts, sides, strict=True)]
    empty = np.zeros(0, dtype=np.intp)
    return (np.concatenate([empty, *(a for a, _b in shifted)]), np.concatenate([empty, *(b for _a, b in shifted)]))


def z_scores(arms: Arms, first: Ints, second: Ints) -> Floats:
    """(n,) standardised difference of two click rates with the pooled variance; 0 when nobody clicked."""
    n, k = arms.impressions, arms.clicks
    share = (k[first] + k[second]) / (n[first] + n[second])
    spread = np.sqrt(share * (1 - share) * (1 / n[first] + 1 / n[second]))
    return np.divide(k[first] / n[first] - k[second] / n[second], spread, out=np.zeros(len(first)), where=spread > 0)


def _fit(raw: Raw, at: Ints, trials: Trials, rows: Ints, encoder: str | None, rng: np.random.Generator,
         before: ResponseModel | None) -> tuple[Space, Posterior]:
    space = fit_space(raw.take(np.unique(at[rows])), encoder, like=before.space if before else None)
    features, own = transform(raw.take(at[rows]), space), trials.take(rows)
    variances = fit_variances(features, own, rng, near=_left_open(before) if before else None)
    return space, fit_posterior(features, own, variances, rng)


def _left_open(before: ResponseModel) -> Variances:
    """The part of the prior variance that an earlier scorer does not claim for texts of another shop."""
    assert before.posterior is not None, "it knows something"
    share = _OF_ITS_OWN * (1 - before.card.carries[0]**2)
    wording, statistics, style = before.posterior.variances.kinds
    return Variances((share * wording, share * statistics, share * style), before.posterior.variances.residue)


def _distinct(arms: Arms, encoder: Encoder | None, before: ResponseModel | None) -> tuple[Raw, Ints]:
    texts = sorted(set(arms.text))
    place = {text: number for number, text in enumerate(texts)}
    told = before.told_before(texts) if before and texts else None
    return (read_texts(texts, encoder, told if told is not None and told.doubt.any() else None),
            np.array([place[text] for text in arms.text], dtype=np.intp))


def _card(tests: pa.Table, arms: Arms, posterior: Posterior | None, encoder: Encoder | None, accuracy: Accuracy | None, seed: int,
          reason: str | None) -> ResponseCard:
    period = pc.min_max(tests["period"].cast(pa.string())).as_py() if "period" in tests.column_names else {"min": None, "max": None}
    languages = sorted(set(tests["language"].drop_null().to_pylist())) if "language" in tests.column_names else []
    scripts = [script_of(text) for text in arms.text]
    least = min(_LEAST_OF_SCRIPT, max(1, len(scripts) // 2))
    kinds = posterior.variances.kinds if posterior else (0.0, 0.0, 0.0)
    return ResponseCard(
        tests=int(arms.test.max(initial=-1)) + 1, texts=len(set(arms.text)), impressions=int(arms.impressions.sum()),
        clicks=int(arms.clicks.sum()), data_from=period["min"], data_to=period["max"], languages=tuple(languages),
        scripts=tuple(sorted(script for script in set(scripts) if scripts.count(script) >= least)),
        encoder=encoder.name if encoder else None,
        evidence={name: value / max(sum(kinds), 1e-12) for name, value in zip(KINDS, kinds, strict=True)},
        residue=posterior.variances.residue if posterior else 0.0, accuracy=accuracy, seed=seed, reason=reason)


def _check(tests: pa.Table) -> None:
    for name in ("test", "text", "impressions", "clicks"):
        if name not in tests.column_names:
            raise DataError(_("The tests lack the column '{column}'. Needed: test, text, impressions, clicks."), column=name)
    n, k = tests["impressions"], tests["clicks"]
    empty = [pc.is_null(tests[name]) for name in ("test", "text", "impressions", "clicks")]
    wrong = pc.or_(pc.or_(pc.less(n, 0), pc.less(k, 0)), pc.greater(k, n))
    bad = np.asarray(pc.fill_null(wrong, True).to_numpy()) | np.any([column.to_numpy() for column in empty], axis=0)
    if bad.any():
        raise DataError(_("Row {row} of the tests cannot be used: impressions and clicks are 0 or more, clicks at most impressions, and "
                          "nothing is empty ({count} such rows). Correct or leave them out."), row=int(np.argmax(bad)) + 1,
                        count=int(bad.sum()))


def _floats(table: pa.Table, name: str) -> Floats:
    return np.asarray(table[name].to_numpy(), dtype=np.float64)
