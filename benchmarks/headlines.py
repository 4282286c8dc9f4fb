"""Which headline wins, and how fast a campaign finds out: the response scorer and the bandit beside what people use today.

    python -m benchmarks.headlines [--data packages_half_a.parquet] [--cache FOLDER] [--save FOLDER]

Data: Upworthy Research Archive, exploratory set, half a (CC BY 4.0). Pairs are of one test and one picture with |z| > 1.96; every score is
out of fold, folds are dealt over groups of tests that share a headline. `development` and `judging` are halves of these groups: settings of
the product (kinds of evidence, encoder layers, landmarks, the bandit's defaults) were chosen on the first alone. The half b of the archive's
exploratory set is not here and was never used. `--save` keeps the scorer fitted on all tests: one command makes it.

The simulation replays tests of 2 to 6 headlines with the observed click rate as truth. The bandit's two settings are chosen on one half of the
groups and judged on the other, and the reverse. `--cache` holds the fetched encoder and the hidden layers.

`ours_shipped_recipe` is how the scorer in the package is made, teacher and student anew in each fold; the package's own file is judged nowhere,
since all tests went into it. `command`: what `brandloom copy-tests learn` prints when it is given this file, out of fold, with `--alone`.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score

from brandloom.content.response import Arms, MiniLM, OutOfFold, fit_response, out_of_fold, pull_encoder, read_arms
from brandloom.content.response.features import text_statistics
from brandloom.content.response.fit import linked, pairs_of, z_scores
from brandloom.content.response.process import within
from brandloom.content.response.words import make_table
from brandloom.decide.bandit import Belief, believe, deal

Floats = np.ndarray[Any, np.dtype[np.float64]]
DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "upworthy_headlines" / "packages_half_a.parquet"
SEED, FOLDS, DRAWS, REPEATS, WAVES, MOST_ARMS = 0, 5, 1000, 20, 50, 6
HORIZONS = (500, 2000, 5000)
EXPLORATIONS, WIDENINGS = (0.8, 1.2, 1.6), (1.3, 1.6, 2.0)


class Cached:
    """An encoder that remembers its vectors in a file."""

    def __init__(self, encoder: MiniLM, file: Path) -> None:
        self.name, self.encoder, self.file, self.known = encoder.name, encoder, file, {}
        if file.is_file():
            with np.load(file, allow_pickle=False) as kept:
                self.known = dict(zip(kept["texts"].tolist(), kept["vectors"], strict=True))

    def encode(self, texts: Sequence[str]) -> Floats:
        missing = sorted(set(texts) - set(self.known))
        if missing:
            self.known.update(zip(missing, self.encoder.encode(missing), strict=True))
            np.savez(self.file, texts=np.array(list(self.known)), vectors=np.array(list(self.known.values())))
        return np.array([self.known[text] for text in texts])


def read_tests(raw: pa.Table) -> pa.Table:
    """The archive as tests for `fit_response`; rows without a picture are left out."""
    raw = raw.filter(pc.field("eyecatcher_id").is_valid())
    return pa.table({"test": raw["clickability_test_id"], "picture": raw["eyecatcher_id"], "text": raw["headline"], "lede": raw["lede"],
                     "impressions": raw["impressions"], "clicks": raw["clicks"], "period": raw["test_week"]})


def folds_of(arms: Arms) -> Floats:
    """The fold of each arm, as `out_of_fold` deals them."""
    return np.random.default_rng(SEED).permutation(int(arms.group.max()) + 1)[arms.group] % FOLDS


def halves_of(arms: Arms, raw: pa.Table) -> Floats:
    """0 development, 1 judging, for each arm; dealt over groups of all tests of the file, those without a picture among them."""
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        while parent.setdefault(node, node) != node:
            node = parent[node]
        return node

    tests = raw["clickability_test_id"].to_pylist()
    for test, text in zip(tests, raw["headline"].to_pylist(), strict=True):
        parent[root("T" + test)] = root("H" + text.strip().lower())
    names = sorted({root("T" + test) for test in tests})
    half = dict(zip(names, (np.random.default_rng(SEED).permutation(len(names)) % 2).tolist(), strict=True))
    return np.array([half[root("T" + test)] for test in arms.table["test"].to_pylist()])


# ---- scorers ------------------------------------------------------------------------------------------------------------------


def peers(arms: Arms, last_layer: Floats) -> dict[str, Floats]:
    """Out-of-fold scores of the usual scorers, each per headline."""
    trials = arms.trials
    weight = 1 / (trials.noise + 0.05)
    target = within(trials.log_odds[:, None], weight, arms.test)[:, 0]
    statistics = np.array([text_statistics(text) for text in arms.text])
    centred = within(statistics, np.ones(len(arms.text)), arms.test)  # even weights: those of the outcome would tell the winner
    first, second = pairs_of(arms.test)
    clear = np.abs(z_scores(arms, first, second)) > 1.96
    first, second = first[clear], second[clear]
    won = z_scores(arms, first, second) > 0
    found = {name: np.zeros(len(arms.text)) for name in ("lightgbm_statistics", "tfidf_logistic", "embedding_logistic", "embedding_ridge")}
    fold = folds_of(arms)
    for number in range(FOLDS):
        rows, own, pairs = fold != number, fold == number, fold[first] != number
        trees = lgb.LGBMRegressor(n_estimators=200, learning_rate=0.03, num_leaves=15, min_child_samples=30, subsample=0.8, subsample_freq=1,
                                  colsample_bytree=0.5, random_state=SEED, n_jobs=1, verbosity=-1)
        trees.fit(centred[rows], target[rows], sample_weight=weight[rows])
        found["lightgbm_statistics"][own] = np.asarray(trees.predict(centred[own]))
        words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True).fit([arms.text[row] for row in np.flatnonzero(rows)])
        found["tfidf_logistic"][own] = _on_pairs(words.transform(arms.text), first[pairs], second[pairs], won[pairs], 1.0)[own]
        found["embedding_logistic"][own] = _on_pairs(last_layer, first[pairs], second[pairs], won[pairs], 1.0)[own]
        ridge = Ridge(alpha=300.0).fit(within(last_layer, weight, arms.test)[rows], target[rows], sample_weight=weight[rows])
        found["embedding_ridge"][own] = last_layer[own] @ ridge.coef_
    contrasts = [within(scores[:, None], np.ones(len(scores)), arms.test)[:, 0] for scores in found.values()]
    found["blend"] = np.mean([scores / scores.std() for scores in contrasts], axis=0)
    return {"longer_headline": np.array([float(len(text)) for text in arms.text]), **found}


def _on_pairs(x: Any, first: Any, second: Any, won: Any, c: float) -> Floats:
    model = LogisticRegression(C=c, fit_intercept=False, max_iter=300)
    model.fit(x[first] - x[second], won)
    return np.asarray(x @ model.coef_[0]).ravel()


def judge_scores(arms: Arms, scores: dict[str, Floats], halves: Floats) -> dict[str, Any]:
    """Accuracy and AUC on significant pairs: all, and each half; ours against the blend, paired."""
    first, second = pairs_of(arms.test)
    z = z_scores(arms, first, second)
    clear = np.abs(z) > 1.96
    first, second, won = first[clear], second[clear], z[clear] > 0
    right = {}
    judged: dict[str, Any] = {"pairs": len(first), "tests": len({arms.table["test"][row].as_py() for row in first.tolist()}), "methods": {}}
    half, group = halves[first], arms.group[first]
    for name, values in scores.items():
        gap = values[first] - values[second]
        right[name] = np.where(gap == 0, 0.5, (gap > 0) == won)
        parts = {"all": slice(None), "development": half == 0, "judging": half == 1}
        judged["methods"][name] = {part: {"accuracy": over_groups(right[name][rows], np.ones(len(won))[rows], group[rows]),
                                          "auc": round(float(roc_auc_score(np.r_[won[rows], ~won[rows]], np.r_[gap[rows], -gap[rows]])), 4)}
                                   for part, rows in parts.items()}
    for mine, name in (("ours", "blend"), ("ours", "ours_without_encoder"), ("ours_shipped_recipe", "blend")):  # paired
        if mine in right and name in right:
            judged[f"{mine}_minus_{name}"] = over_groups(right[mine] - right[name], np.ones(len(won)), group)
    return judged


def over_groups(top: Floats, bottom: Floats, group: Any) -> dict[str, float]:
    """sum(top) / sum(bottom) with its 95 % bootstrap interval over groups."""
    at = np.unique(group, return_inverse=True)[1]
    a, b = np.bincount(at, top), np.bincount(at, bottom)
    drawn = np.random.default_rng(SEED).integers(0, len(a), (DRAWS, len(a)))
    low, high = np.quantile(a[drawn].sum(axis=1) / b[drawn].sum(axis=1), [0.025, 0.975])
    return {"value": round(float(a.sum() / b.sum()), 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def calibration(found: OutOfFold) -> list[dict[str, float]]:
    """Probability of the likelier winner against how often it had the higher observed rate; all pairs, noise included."""
    sure = np.maximum(found.probability, 1 - found.probability)
    right = (found.probability > 0.5) == (found.z > 0)
    bins = [(low, (sure >= low) & (sure < low + 0.1)) for low in (0.5, 0.6, 0.7, 0.8, 0.9)]
    return [{"from": low, "pairs": int(rows.sum()), "predicted": round(float(sure[rows].mean()), 3),
             "observed": round(float(right[rows].mean()), 3)} for low, rows in bins if rows.any()]


# ---- bandit -------------------------------------------------------------------------------------------------------------------


class World:
    """Tests of 2 to 6 arms as arrays (tests, 6); arms that do not exist have rate 0 and score -inf."""

    def __init__(self, arms: Arms, scores: Floats, deviation: Floats, halves: Floats) -> None:
        sizes = np.bincount(arms.test)
        self.tests = np.flatnonzero(sizes <= MOST_ARMS)
        starts = np.concatenate([[0], np.cumsum(sizes)])
        rows = starts[self.tests][:, None] + np.arange(MOST_ARMS)
        self.real = np.arange(MOST_ARMS) < sizes[self.tests][:, None]
        rows = np.where(self.real, rows, 0)
        self.rate = np.where(self.real, (arms.clicks / arms.impressions)[rows], 0.0)
        self.count = self.real.sum(axis=1)
        mean = np.log(np.where(self.real, np.exp(scores)[rows], 0.0).sum(axis=1) / self.count)[:, None]
        self.score = np.where(self.real, scores[rows] - mean, -np.inf)
        self.deviation = deviation[rows]
        self.group, self.half = arms.group[rows[:, 0]], halves[rows[:, 0]]
        self.even, self.best = self.rate.sum(axis=1) / self.count, self.rate.max(axis=1)
        # the usual rate is known from the other half of the tests
        self.level = np.array([self.even[self.half != half].mean() for half in (0, 1)])[self.half][:, None]


Policy = Callable[[World, Any, Floats, Floats, int, int, np.random.Generator], Floats]
"""World, rows of it, impressions, clicks, wave, impressions left, rng -> shares of the wave."""


def simulate(world: World, policy: Policy, horizon: int, *, repeats: int = REPEATS, waves: int = WAVES) -> Floats:
    """(tests,) mean expected clicks of a campaign of `horizon` impressions sent in equal waves."""
    rng = np.random.default_rng(SEED)
    rows = np.repeat(np.arange(len(world.tests)), repeats)
    shown, clicks = np.zeros((len(rows), MOST_ARMS)), np.zeros((len(rows), MOST_ARMS))
    wave = horizon // waves
    for sent in range(0, horizon, wave):
        share = policy(world, rows, shown, clicks, wave, horizon - sent, rng)
        dealt = np.floor(np.cumsum(share, axis=1) * wave + 1e-6 + rng.random((len(rows), 1)) * (1 - 2e-6))
        dealt = np.diff(np.minimum(dealt, wave), axis=1, prepend=0)
        dealt[:, 0] += wave - dealt.sum(axis=1)
        clicks += rng.binomial(dealt.astype(np.int64), world.rate[rows])
        shown += dealt
    return (shown * world.rate[rows]).sum(axis=1).reshape(-1, repeats).mean(axis=1)


def one(best: Any) -> Floats:
    return (best[:, None] == np.arange(MOST_ARMS)).astype(float)


def thompson(prior: float, *, narrowed: float = 1.0, warm: bool = False, flat: bool = False) -> Policy:
    """Thompson sampling, ten draws a wave; a prior of `prior` impressions at the average rate, or at the predicted one."""
    def choose(world: World, rows: Any, shown: Floats, clicks: Floats, wave: int, left: int, rng: np.random.Generator) -> Floats:
        expected = world.level[rows] * (np.exp(np.where(world.real, world.score, 0.0))[rows] if warm else 1.0)
        a, b = (1.0, 1.0) if flat else (prior * expected, prior * (1 - expected))
        share = np.zeros(shown.shape)
        for _draw in range(10):
            drawn = rng.beta(narrowed * (a + clicks), narrowed * (b + shown - clicks))
            share += one(np.where(world.real[rows], drawn, -1.0).argmax(axis=1)) / 10
        return share
    return choose


def ucb1(world: World, rows: Any, shown: Floats, clicks: Floats, wave: int, left: int, rng: np.random.Generator) -> Floats:
    """Auer, Cesa-Bianchi and Fischer 2002; an arm not yet shown first."""
    n = np.maximum(shown, 1e-9)
    bound = clicks / n + np.sqrt(2 * np.log(1 + shown.sum(axis=1, keepdims=True)) / n)
    return one(np.where(world.real[rows], np.where(shown == 0, 1e9, bound), -1.0).argmax(axis=1))


def trial_then(horizon: int, *, commit: bool) -> Policy:
    """A quarter of the campaign is split evenly; then the leader gets all, for good (`commit`) or as long as it leads."""
    kept: list[Floats] = []

    def choose(world: World, rows: Any, shown: Floats, clicks: Floats, wave: int, left: int, rng: np.random.Generator) -> Floats:
        if horizon - left < 0.25 * horizon:
            return world.real[rows] / world.count[rows][:, None]
        if commit and kept:
            return kept[0]
        rate = clicks / np.maximum(shown, 1)
        kept.append(one(np.where(world.real[rows], rate + 1e-9 * rng.random(rate.shape), -1.0).argmax(axis=1)))
        return kept[-1]
    return choose


def predicted_best(world: World, rows: Any, *_rest: Any) -> Floats:
    return one(world.score[rows].argmax(axis=1))


def ours(exploration: Any = None, widening: Any = None, *, floor: float = 0.0, cold: bool = False) -> Policy:
    """The product's rule on many campaigns at once; settings None: its defaults, a pair: one for each half."""
    def choose(world: World, rows: Any, shown: Floats, clicks: Floats, wave: int, left: int, rng: np.random.Generator) -> Floats:
        share = np.zeros(shown.shape)
        half = world.half[rows]
        for number in (0, 1):
            own = half == number
            score = np.where(world.real, 0.0, -np.inf) if cold else world.score
            options = [{} if given is None else {name: given[number]} for name, given in (("widening", widening), ("exploration", exploration))]
            level = float(world.level[world.half == number][0, 0])
            belief: Belief = believe(clicks[own], shown[own], score[rows[own]], world.deviation[rows[own]], level=level, **options[0])
            share[own] = deal(belief, wave=wave, remaining=left, **options[1])
        return (1 - floor) * share + floor * world.real[rows] / world.count[rows][:, None]
    return choose


def gained(world: World, clicks: Floats, horizon: int) -> dict[str, float]:
    """Share of what an oracle gains over an even split."""
    return over_groups(clicks - horizon * world.even, horizon * (world.best - world.even), world.group)


def choose_settings(world: World) -> dict[str, Any]:
    """Exploration and widening for each half, the best on the other by the mean share over the horizons."""
    found: dict[tuple[float, float], Floats] = {}
    for exploration in EXPLORATIONS:
        for widening in WIDENINGS:
            policy = ours((exploration,) * 2, (widening,) * 2)
            runs = [simulate(world, policy, horizon, repeats=5) for horizon in HORIZONS]
            gain = [[(run - h * world.even)[world.half == half].sum() / (h * (world.best - world.even))[world.half == half].sum()
                     for run, h in zip(runs, HORIZONS, strict=True)] for half in (0, 1)]
            found[exploration, widening] = np.mean(gain, axis=1)
    best = [max(found, key=lambda key: found[key][1 - half]) for half in (0, 1)]
    return {"exploration": [b[0] for b in best], "widening": [b[1] for b in best]}


def judge_bandits(world: World, blended: World) -> dict[str, Any]:
    """All rules at all horizons; `blended` has the peers' scores."""
    chosen = choose_settings(world)
    mine = ours(chosen["exploration"], chosen["widening"])
    judged: dict[str, Any] = {"tests": len(world.tests), "settings_by_half": chosen, "horizons": []}
    for horizon in HORIZONS:
        warm = thompson(300, narrowed=20, warm=True)
        runs = {
            "ucb1": (world, ucb1), "thompson_flat": (world, thompson(0, flat=True)), "thompson_average": (world, thompson(100)),
            "test_25_then_commit": (world, trial_then(horizon, commit=True)), "test_25_then_leader": (world, trial_then(horizon, commit=False)),
            "warm_300_narrowed_20": (blended, warm),
            "warm_300_narrowed_20_our_scorer": (world, warm), "predicted_best": (world, predicted_best), "ours": (world, mine),
            "ours_defaults": (world, ours()), "ours_no_scorer": (world, ours(cold=True)), "ours_floor_10": (world, ours(floor=0.1))}
        clicks = {name: simulate(where, policy, horizon) for name, (where, policy) in runs.items()}
        row: dict[str, Any] = {"impressions": horizon, "even_clicks": round(float(horizon * world.even.mean()), 2),
                               "oracle_clicks": round(float(horizon * world.best.mean()), 2)}
        row["share"] = {name: gained(world, found, horizon) for name, found in clicks.items()}
        row["ours_minus"] = {name: over_groups(clicks["ours"] - clicks[name], horizon * (world.best - world.even), world.group)
                             for name in runs if name != "ours"}
        row["waves"] = {str(waves): gained(world, simulate(world, ours(), horizon, repeats=5, waves=waves), horizon) for waves in (4, 10)}
        judged["horizons"].append(row)
        print(horizon, {name: found["value"] for name, found in row["share"].items()}, flush=True)
    return judged


def main() -> None:
    from benchmarks.make_scorer import out_of_fold as recipe_out_of_fold  # it takes the data from here
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "brandloom", help="folder for the encoder and its vectors")
    parser.add_argument("--save", type=Path, help="keep the scorer fitted on all tests in this folder")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "headlines.json")
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    encoder = MiniLM.load(pull_encoder(options.cache))
    hidden = Cached(encoder, options.cache / "headlines.hidden.npz")
    last = Cached(replace(encoder, layers=(6,)), options.cache / "headlines.last.npz")
    raw = pq.read_table(options.data)
    tests = read_tests(raw)
    arms = read_arms(tests)
    halves = halves_of(arms, raw)
    hidden.encode(sorted(set(arms.text)))
    started = time.process_time()
    found = out_of_fold(arms, encoder=hidden, seed=SEED, folds=FOLDS)
    seconds = time.process_time() - started
    plain = out_of_fold(arms, seed=SEED, folds=FOLDS)
    usual = peers(arms, last.encode(arms.text))
    words = make_table(encoder, sorted(set(arms.text)), "words", seed=SEED)
    student = recipe_out_of_fold(arms, words, hidden)
    scores = judge_scores(arms, {**usual, "ours_without_encoder": plain.scores.mean,
                                 "ours_word_vectors": out_of_fold(arms, encoder=words, seed=SEED, folds=FOLDS).scores.mean,
                                 "ours_shipped_recipe": student.scores.mean, "ours": found.scores.mean}, halves)
    scores["command"] = learned_by_command(tests)
    print(scores["command"], flush=True)
    print({name: (value["all"]["accuracy"]["value"], value["all"]["auc"]) for name, value in scores["methods"].items()}, flush=True)
    apart = replace(arms, group=stories(arms, tests))
    strict = out_of_fold(apart, encoder=hidden, seed=SEED, folds=FOLDS)
    scores["stories_apart"] = judge_scores(apart, {"ours": strict.scores.mean, "ours_without_encoder": plain.scores.mean,
                                                   "blend": usual["blend"]}, halves)["methods"]["ours"]["all"]
    scores |= {"calibration": calibration(found), "five_fits_cpu_seconds": round(seconds, 1)}
    deviation = found.scores.deviation
    bandits = judge_bandits(World(arms, found.scores.mean, deviation, halves), World(arms, scaled(arms, usual["blend"], halves), deviation, halves))
    if options.save:
        fit_response(tests, encoder=hidden, seed=SEED).save(options.save)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    report = {"commit": commit, "at": datetime.now(UTC).isoformat(timespec="seconds"), "data": options.data.name, "seed": SEED,
              "machine": platform.machine(), "python": platform.python_version(), "bootstrap_draws": DRAWS, "folds": FOLDS,
              "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "scores": scores, "bandits": bandits}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def learned_by_command(tests: pa.Table) -> dict[str, Any]:
    """What `brandloom copy-tests learn` says of itself when it is given the file."""
    with tempfile.TemporaryDirectory() as folder:
        pq.write_table(tests.select(["test", "picture", "text", "impressions", "clicks", "period"]), Path(folder) / "tests.parquet")
        words = ["copy-tests", "learn", "tests.parquet", "--out", "scorer", "--alone", "--json"]
        done = subprocess.run([Path(sys.executable).with_name("brandloom"), *words], cwd=folder, capture_output=True, text=True, check=True)
    card = json.loads(done.stdout)
    held = {name: round(card["accuracy"][name], 4) for name in ("value", "low", "high", "pairs")}
    return {"tests": card["tests"], "encoder": card["encoder"], **held}


def stories(arms: Arms, tests: pa.Table) -> Any:
    """Stricter groups: tests whose articles begin alike are one group too."""
    shared = pa.concat_tables([arms.table.select(["test", "text"]),
                               tests.select(["test", "lede"]).rename_columns(["test", "text"]).filter(pc.is_valid(tests["lede"]))
                               .cast(pa.schema([("test", pa.string()), ("text", pa.string())]))])
    return linked(shared["test"].to_pylist(), shared["text"].to_pylist())[:len(arms.text)]


def scaled(arms: Arms, scores: Floats, half: Floats) -> Floats:
    """Scores in log-odds: each half by the slope found on the other."""
    weight = 1 / (arms.trials.noise + 0.05)
    target, x = within(arms.trials.log_odds[:, None], weight, arms.test)[:, 0], within(scores[:, None], weight, arms.test)[:, 0]
    slope = [float((weight * x * target)[half != number].sum() / (weight * x * x)[half != number].sum()) for number in (0, 1)]
    return x * np.array(slope)[half]


if __name__ == "__main__":
    main()
