"""What people take next, from any table of who took what: ours beside popularity, neighbours, Markov chains, factors and their tuned blend.

    python -m benchmarks.recommend --data FILE.parquet --user COL --item COL [--order COL] --protocol leave-last-out|time-split
        [--items FILE --text COL ...] [--json OUT]

leave-last-out  the last product of each person is to be found among all products the person does not have; tuned on the second-last one,
                then fitted again with it. Without --order a product drawn by lot is the last one. Three cuts besides everybody: people without
                a near twin, people whose last pair nobody else has in that order, products taken four times or less.
time-split      the last 20 % of all lines are to be found by those who have an earlier one; new and repeated products apart.

With --items, products are also described (text, number and list columns), the ablation shows what that adds, and products held out of the log
altogether (a tenth) are to be found by their description alone.

Without --data, the sets of `KNOWN` under --shared that are there are run, one process each.

Ties are broken by lot. Intervals are 95 % bootstrap over people, differences paired. Peers are fitted and tuned in the same run: `implicit` is
used where it is installed. Without --json the result joins the others in `benchmarks/results/recommend.json`.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product as grid
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv
import pyarrow.parquet as pq
from scipy import sparse

from brandloom.recommend.logs import Log, LogRecommender, describe, fit_log, read_log
from brandloom.recommend.logs.candidates import SOURCES
from brandloom.recommend.logs.evidence import popular_names
from brandloom.recommend.logs.links import find_links

K, DRAWS, SEED, BLOCK = 10, 1000, 0, 500
TUNED = 3000  # people by whom the peers are tuned, at most
TEST = 0.2  # share of the lines that a time split keeps back
RECENT_DAYS = 14
COLD = 0.1  # share of the products held out to be found by description
RESULTS = Path(__file__).parent / "results" / "recommend.json"
KNOWN = {  # under --shared: what they are called with
    "amazon_toys_and_games_sequences/sequences.parquet": "--user user --item item --order position --protocol leave-last-out "
                                                         "--items {folder}/item_attributes.parquet --text attribute_ids",
    "ml_100k/inter.parquet": "--user user_id:token --item item_id:token --order timestamp:float --protocol time-split "
                             "--items {folder}/item.parquet --text movie_title:token_seq class:token_seq release_year:token",
    "online_retail/online_retail.parquet": "--user CustomerID --item StockCode --order InvoiceDate --protocol time-split",
    "steam_games/game_purchase.parquet": "--user User_ID --item Game_ID --protocol leave-last-out "
                                         "--items {folder}/item_info.parquet --text Game\\ Name"}
Scorer = Callable[[Log], np.ndarray]  # a log of some people -> (people, products)


# ---- reading -------------------------------------------------------------------------------------------------------------------------------

def read_table(path: Path) -> pa.Table:
    return pq.read_table(path) if path.suffix == ".parquet" else pv.read_csv(path)


def as_times(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Seconds or milliseconds since 1970 and texts of times as times; anything else as it is."""
    if pa.types.is_temporal(column.type):
        return column
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return pc.cast(column, pa.timestamp("us"))
    middle = pc.quantile(column, 0.5)[0].as_py()
    unit = "s" if 1e8 < middle < 1e11 else "ms" if 1e11 < middle < 1e14 else None
    return pc.cast(pc.cast(column, pa.int64()), pa.timestamp(unit)) if unit else column


def by_day(table: pa.Table, order: str) -> pa.Table:
    """Times as days, so that the lines of one shopping trip are one visit."""
    if not pa.types.is_temporal(table[order].type):
        return table
    return table.set_column(table.column_names.index(order), order, pc.cast(pc.floor_temporal(table[order], unit="day"), pa.timestamp("us")))


# ---- peers ---------------------------------------------------------------------------------------------------------------------------------

def dense(values: Any) -> np.ndarray:
    return np.asarray(values.todense(), dtype=np.float64) if sparse.issparse(values) else np.asarray(values, dtype=np.float64)


def popularity(log: Log, days: float | None = None) -> Scorer:
    late = log.where(log.moment >= log.moment.max() - days) if days else log
    counts = np.asarray(late.taken().sum(axis=0)).ravel()
    return lambda some: np.tile(counts, (len(some.people), 1))


def own_most(log: Log) -> Scorer:
    """What a person took most often, then what is popular."""
    counts = popularity(log)(log.of(np.array([0])))[0]
    return lambda some: dense(some.matrix()) + counts / (counts.max() * 2)


def faded(some: Log, keep: float) -> Any:
    """What people took, each visit counting `keep` times the one after it."""
    return some.matrix(np.power(keep, some.steps, dtype=np.float64))


def neighbours(log: Log, keep: float) -> Scorer:
    """Item-kNN: cosine of who took it, each product of a person counting `keep` times the one after it."""
    taken = log.taken()
    length = np.sqrt(np.asarray(taken.sum(axis=0)).ravel())
    unit = taken @ sparse.diags(1 / np.where(length > 0, length, 1))
    links = (unit.T @ unit).tolil()
    links.setdiag(0)
    links = links.tocsr()
    return lambda some: dense((faded(some, keep) if keep < 1 else some.taken()) @ links)


def markov(log: Log, keep: float) -> Scorer:
    """What was taken within ten steps after, by 1 / steps."""
    links = find_links(log)["follows"]
    return lambda some: dense(faded(some, keep) @ links)


def factors(log: Log) -> Scorer | None:
    """`implicit` ALS; people who are asked about are folded in."""
    try:
        from implicit.als import AlternatingLeastSquares
    except ImportError:
        return None
    model = AlternatingLeastSquares(factors=256, regularization=1.0, alpha=10.0, iterations=12, num_threads=2, random_state=SEED)
    model.fit(log.taken().tocsr(), show_progress=False)

    def score(some: Log) -> np.ndarray:
        people = model.recalculate_user(np.arange(len(some.people)), some.taken().tocsr())
        return np.asarray(people @ model.item_factors.T, dtype=np.float64)
    return score


def scaled(part: Scorer, some: Log, seen: bool) -> np.ndarray:
    """Scores as shares of each person's highest among what may be recommended."""
    values = part(some)
    free = values if seen else np.where(dense(some.matrix()) > 0, -np.inf, values)
    return (values / np.maximum(free.max(axis=1), 1e-12)[:, None]).astype(np.float32)


def mix(parts: list[tuple[float, Scorer]], seen: bool) -> Scorer:
    return lambda some: sum(weight * scaled(part, some, seen) for weight, part in parts)


def tuned_peers(train: Log, earlier: Log, target: Wanted, seen: bool) -> tuple[dict[str, Scorer], dict[str, Any]]:
    """The peers, each with the setting that was best one step earlier, and their blend with weights chosen there, on at most `TUNED` people."""
    target = target.some(TUNED)
    some = earlier.of(target.people)

    def judge(scorer: Scorer) -> float:
        return float(score_lists(lists(scorer, some, seen), target)["ndcg"].mean())

    keep_knn = max((0.5, 0.7, 0.9, 1.0), key=lambda keep: judge(neighbours(earlier, keep)))
    keep_markov = max((0.3, 0.5, 0.7, 0.8), key=lambda keep: judge(markov(earlier, keep)))
    made = lambda log: {"item-kNN": neighbours(log, keep_knn), "Markov": markov(log, keep_markov), "ALS (implicit)": factors(log)}  # noqa: E731
    then = {name: scorer for name, scorer in made(earlier).items() if scorer is not None}
    parts = {name: np.concatenate([scaled(scorer, part, seen) for _start, part in blocks(some)]) for name, scorer in then.items()}

    def blended(weights: tuple[float, ...]) -> float:
        at = iter(range(0, len(some.people), BLOCK))

        def score(part: Log) -> np.ndarray:
            start = next(at)
            return sum(w * values[start:start + len(part.people)] for w, values in zip(weights, parts.values(), strict=True))
        return judge(score)

    best = max((w for w in grid((0.0, 0.25, 0.5, 1.0), repeat=len(parts)) if max(w) == 1.0), key=blended)
    now = {name: scorer for name, scorer in made(train).items() if scorer is not None}
    blend = mix([(weight, now[name]) for weight, name in zip(best, now, strict=True) if weight], seen)
    settings = {"item-kNN keeps": keep_knn, "Markov keeps": keep_markov, "blend": dict(zip(now, best, strict=True))}
    return {**now, "tuned blend of peers": blend}, settings


# ---- judging -------------------------------------------------------------------------------------------------------------------------------

class Wanted:
    """What some people of a log took afterwards, as person (number among them) x products + product."""

    def __init__(self, before: Log, after: Log, seen: bool) -> None:
        n = len(before.products)
        keys = np.unique(after.person * n + after.codes)
        had = np.unique(before.person * n + before.codes)
        self.repeated = np.isin(keys, had)
        keys = keys if seen else keys[~self.repeated]
        self.repeated = self.repeated if seen else np.zeros(len(keys), dtype=bool)
        known = np.diff(before.starts) > 0
        self.people = np.intersect1d(np.flatnonzero(known), keys // n)
        place = np.full(len(known), -1)
        place[self.people] = np.arange(len(self.people))
        kept = place[keys // n] >= 0
        self.repeated = self.repeated[kept]
        self.keys = place[keys[kept] // n] * n + keys[kept] % n
        self.products = n
        self.count = np.bincount(self.keys // n, minlength=len(self.people))

    def some(self, most: int) -> Wanted:
        """At most so many of the people, drawn by lot."""
        if len(self.people) <= most:
            return self
        chosen = np.zeros(len(self.people), dtype=bool)
        chosen[np.random.default_rng(SEED).permutation(len(self.people))[:most]] = True
        return self._kept(chosen[self.keys // self.products])

    def part(self, new: bool) -> Wanted:
        """Only what is new to the people, or only what they had before."""
        return self._kept(self.repeated != new)

    def _kept(self, kept: np.ndarray) -> Wanted:
        other, keys = copy(self), self.keys[kept]
        places = np.unique(keys // self.products)
        other.people, other.repeated = self.people[places], self.repeated[kept]
        other.keys = np.searchsorted(places, keys // self.products) * self.products + keys % self.products
        other.count = np.bincount(other.keys // self.products, minlength=len(places))
        return other


def blocks(some: Log) -> Iterator[tuple[int, Log]]:
    for start in range(0, len(some.people), BLOCK):
        yield start, some.of(np.arange(start, min(start + BLOCK, len(some.people))))


def lists(scorer: Scorer, some: Log, seen: bool, k: int = 20, *, only_seen: bool = False) -> np.ndarray:
    """(people, k) products, ties by lot; `only_seen`: -1 behind what the person has."""
    rng = np.random.default_rng(SEED)
    found = []
    for _start, part in blocks(some):
        values = scorer(part).astype(np.float64)
        if not seen:
            rows = part.taken().tocoo()
            values[rows.row, rows.col] = -np.inf
        if only_seen:
            values = np.where(dense(part.taken()) > 0, values, -np.inf)
        highest = np.maximum(np.where(np.isfinite(values), values, 0).max(axis=1), 1e-12)
        values = values / highest[:, None] + rng.random(values.shape) * 1e-9
        best = np.argpartition(-values, k, axis=1)[:, :k]
        best = np.take_along_axis(best, np.argsort(-np.take_along_axis(values, best, 1), axis=1), 1)
        found.append(np.where(np.isfinite(np.take_along_axis(values, best, 1)), best, -1))
    return np.concatenate(found)


def our_lists(model: LogRecommender, some: Log, k: int = 20, *, new: bool | None = None) -> dict[str, np.ndarray]:
    """The same of ours and of its first look, among what is new to the person or not; -1 where it found fewer."""
    if new:
        model = replace(model, sieve=replace(model.sieve, again=False))
    found = {name: np.full((len(some.people), k), -1) for name in ("ours", "ours, first look only")}
    for start, part in blocks(some):
        for name, lines in found.items():
            person, _rank, code, score = model.best(part, k if new is None else 5 * k, quick=name != "ours")
            if new is not None:
                n = len(some.products)
                had = np.isin(person * n + code, part.person * n + part.codes)
                person, code, score = (values[had != new] for values in (person, code, score))
            place = np.arange(len(person)) - np.searchsorted(person, person)
            top = place < k
            lines[start + person[top], place[top]] = code[top]
    return found


def sources_alone(model: LogRecommender, some: Log) -> dict[str, np.ndarray]:
    """What each source of evidence would show by itself."""
    seen = model.card.again
    scorers: dict[str, Scorer] = {
        source.name: lambda part, source=source: dense(faded(part, source.keep) @ model.evidence.links[source.links])
        for source in SOURCES if source.links in model.evidence.links}
    scorers |= {name: lambda part, counts=counts: np.tile(counts, (len(part.people), 1))
                for name, counts in zip(popular_names(model.evidence), model.evidence.popular, strict=True)}
    return {name: lists(scorer, some, seen) for name, scorer in scorers.items()}


def score_lists(best: np.ndarray, wanted: Wanted, k: int = K) -> dict[str, np.ndarray]:
    """Recall and NDCG at `k` per person."""
    keys = np.arange(len(best))[:, None] * wanted.products + best[:, :k]
    hit = np.isin(keys, wanted.keys) & (best[:, :k] >= 0)
    ideal = np.cumsum(1 / np.log2(np.arange(2, k + 2)))[np.clip(wanted.count, 1, k) - 1]
    return {"recall": hit.sum(axis=1) / np.maximum(wanted.count, 1), "ndcg": (hit / np.log2(np.arange(2, k + 2))).sum(axis=1) / ideal,
            "again": np.isin(keys, wanted.keys[wanted.repeated]).sum(axis=1) / np.maximum(wanted.count, 1)}


def interval(values: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    means = rng.multinomial(len(values), np.full(len(values), 1 / len(values)), size=DRAWS) @ values / len(values)
    low, high = np.quantile(means, [0.025, 0.975])
    return {"mean": round(float(values.mean()), 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def spread(best: np.ndarray, counts: np.ndarray, described: Any, k: int = K) -> dict[str, float]:
    """Beyond accuracy: how much of the catalogue is shown, how evenly, how popular it is, how unlike the products of one list are."""
    shown = np.bincount(best[:, :k][best[:, :k] >= 0], minlength=len(counts)).astype(float)
    ordered = np.sort(shown)
    gini = 1 - 2 * float(np.sum(np.cumsum(ordered)) / (ordered.sum() * len(ordered))) + 1 / len(ordered)
    place = np.argsort(np.argsort(counts)) / max(len(counts) - 1, 1)
    found = {"coverage": round(float((shown > 0).mean()), 4), "gini": round(gini, 4),
             "popularity_place": round(float((shown * place).sum() / shown.sum()), 4)}
    if described is not None:
        some = best[np.random.default_rng(SEED).permutation(len(best))[:2000], :k]
        alike = []
        for row in some:
            part = described[row[row >= 0]]
            n = part.shape[0]
            if n > 1:
                alike.append((float((part @ part.T).sum()) - n) / (n * (n - 1)))
        found["likeness_within_a_list"] = round(float(np.mean(alike)), 4)
    return found


def compare(found: dict[str, np.ndarray], wanted: Wanted, groups: dict[str, np.ndarray], train: Log, described: Any) -> dict[str, Any]:
    """Every model's figures for every group of people, and ours minus the best peer."""
    counts = np.asarray(train.taken().sum(axis=0)).ravel()
    scores = {name: score_lists(best, wanted) for name, best in found.items()}
    peers = [name for name in found if not name.startswith("ours")]
    result: dict[str, Any] = {"people": {group: int(mask.sum()) for group, mask in groups.items()}, "models": {}}
    for name, values in scores.items():
        rng = np.random.default_rng(SEED)
        result["models"][name] = {group: {what: interval(value[mask], rng) for what, value in values.items()}
                                  for group, mask in groups.items() if mask.any()}
        result["models"][name]["beyond"] = spread(found[name], counts, described)
    best = {group: max(peers, key=lambda name: scores[name]["ndcg"][mask].mean()) for group, mask in groups.items() if mask.any()}
    result["best_peer"] = best
    result["ours_minus_best_peer"] = {
        group: {what: interval((scores["ours"][what] - scores[peer][what])[groups[group]], np.random.default_rng(SEED))
                for what in ("recall", "ndcg")}
        for group, peer in best.items()}
    return result


def ablation(parts: dict[str, np.ndarray], wanted: Wanted) -> dict[str, Any]:
    """Ours, its first look and every source alone; and whether ours loses to any of them."""
    scores = {name: score_lists(best, wanted)["ndcg"] for name, best in parts.items()}
    best = max((name for name in scores if name != "ours"), key=lambda name: scores[name].mean())
    return {"ndcg": {name: round(float(values.mean()), 4) for name, values in scores.items()}, "best_part": best,
            "ours_minus_best_part": interval(scores["ours"] - scores[best], np.random.default_rng(SEED))}


# ---- protocols -----------------------------------------------------------------------------------------------------------------------------

def leave_last_out(log: Log, described: Any, started: float) -> dict[str, Any]:
    train, after = log.where(log.steps > 0), log.where(log.steps == 0)
    earlier, second = train.where(train.steps > 0), train.where(train.steps == 0)
    say(started, "tuning peers")
    wanted = Wanted(train, after, seen=False)
    peers, settings = tuned_peers(train, earlier, Wanted(earlier, second, seen=False), seen=False)
    some = train.of(wanted.people)
    found = {"popularity": lists(popularity(train), some, seen=False)}
    for name, scorer in peers.items():
        say(started, name)
        found[name] = lists(scorer, some, seen=False)
    say(started, "ours")
    fitted = time.perf_counter()
    model = fit_log(train, described=described, again=False)
    seconds = time.perf_counter() - fitted
    parts = our_lists(model, some) | sources_alone(model, some)
    found["ours"] = parts["ours"]
    if described is not None:
        found["ours, without descriptions"] = our_lists(fit_log(train, again=False), some)["ours"]
    say(started, "judging")
    return {**compare(found, wanted, cuts(train, after, wanted), train, described), "settings": settings, "ablation": ablation(parts, wanted),
            "fit_seconds": round(seconds, 1), "card": vars(model.card)}


def cuts(train: Log, after: Log, wanted: Wanted) -> dict[str, np.ndarray]:
    """The groups of people that tell a copy of a twin's history from a recommendation."""
    taken = train.taken()
    size = np.asarray(taken.sum(axis=1)).ravel()
    twin = np.zeros(len(size))
    for start in range(0, len(size), 1000):
        shared = (taken[start:start + 1000] @ taken.T).tolil()
        shared.setdiag(0, k=start)
        twin[start:start + 1000] = np.asarray(shared.tocsr().max(axis=1).todense()).ravel() / np.maximum(size[start:start + 1000], 1)
    some = train.of(wanted.people)
    last = some.codes[some.starts[1:] - 1]
    target = wanted.keys[np.searchsorted(wanted.keys // wanted.products, np.arange(len(wanted.people)))] % wanted.products
    n = len(train.products)
    same = train.person[1:] == train.person[:-1]
    known = np.unique(train.codes[:-1][same] * n + train.codes[1:][same])
    counts = np.bincount(train.codes, minlength=n)
    return {"everybody": np.ones(len(target), dtype=bool), "no near twin": twin[wanted.people] < 0.6,
            "last pair of nobody else": ~np.isin(last * n + target, known), "product taken 4 times or less": counts[target] <= 4}


def time_split(log: Log, described: Any, started: float) -> dict[str, Any]:
    order = np.sort(log.moment)
    cut = order[int(len(order) * (1 - TEST))]
    train, after = log.where(log.moment < cut), log.where(log.moment >= cut)
    within = np.sort(train.moment)
    middle = within[int(len(within) * (1 - TEST))]
    earlier, between = train.where(train.moment < middle), train.where(train.moment >= middle)
    fitted = time.perf_counter()
    model = fit_log(train, described=described, horizon=float(cut - middle))
    seconds = time.perf_counter() - fitted
    seen = model.card.again
    wanted = Wanted(train, after, seen)
    some = train.of(wanted.people)
    say(started, "tuning peers")
    peers, settings = tuned_peers(train, earlier, Wanted(earlier, between, seen), seen)
    peers |= {"popularity": popularity(train), f"popularity of {RECENT_DAYS} days": popularity(train, RECENT_DAYS)}
    if seen:
        peers["own most often"] = own_most(train)
    found = {name: lists(scorer, some, seen) for name, scorer in peers.items()}
    parts = our_lists(model, some) | sources_alone(model, some)
    found["ours"] = parts["ours"]
    groups = {"everybody": np.ones(len(wanted.people), dtype=bool)}
    apart = {}
    if seen:
        for name, new in (("new to the person", True), ("taken before", False)):
            part = wanted.part(new)
            here = train.of(part.people)
            found_here = {peer: lists(scorer, here, not new, only_seen=not new) for peer, scorer in peers.items()}
            found_here["ours"] = our_lists(model, here, new=new)["ours"]
            apart[name] = compare(found_here, part, {"everybody": np.ones(len(part.people), dtype=bool)}, train, None)
    return {"apart": apart, **compare(found, wanted, groups, train, described), "settings": settings, "again": seen,
            "ablation": ablation(parts, wanted), "fit_seconds": round(seconds, 1), "card": vars(model.card)}


def cold(log: Log, described: Any) -> dict[str, Any]:
    """Products nobody in the log took, ranked among themselves for people who took one of them, by description alone."""
    from brandloom.recommend.logs.likeness import find_likeness
    rng = np.random.default_rng(SEED)
    hidden = np.zeros(len(log.products), dtype=bool)
    hidden[rng.permutation(len(log.products))[:int(len(log.products) * COLD)]] = True
    before, after = log.where(~hidden[log.codes]), log.where(hidden[log.codes])
    wanted = Wanted(before, after, seen=False)
    some = before.of(wanted.people)
    links = find_likeness(described)
    counts = np.asarray(log.taken().sum(axis=0)).ravel()
    mask = np.where(hidden, 0.0, -np.inf)
    scorers: dict[str, Scorer] = {
        "by description": lambda part: dense(part.matrix() @ links) + mask,
        "by lot": lambda part: np.zeros((len(part.people), len(mask))) + mask,
        "popularity, if it were known": lambda part: np.tile(counts, (len(part.people), 1)) + mask}
    result = {}
    for name, scorer in scorers.items():
        result[name] = {"recall_at_20": interval(score_lists(lists(scorer, some, seen=False), wanted, 20)["recall"], np.random.default_rng(SEED))}
    return {"people": len(wanted.people), "products": int(hidden.sum()), "methods": result}


def say(started: float, what: str) -> None:
    print(f"{time.perf_counter() - started:6.0f} s  {what}", flush=True)


def run_known(shared: Path) -> None:
    for path, how in KNOWN.items():
        file = shared / path
        if not file.is_file():
            print(f"{file} is not there: left out", flush=True)
            continue
        arguments = [part.format(folder=file.parent) for part in shlex.split(how)]
        subprocess.run([sys.executable, "-m", "benchmarks.recommend", "--data", str(file), *arguments], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--shared", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--user")
    parser.add_argument("--item")
    parser.add_argument("--order")
    parser.add_argument("--protocol", choices=("leave-last-out", "time-split"))
    parser.add_argument("--items", type=Path, help="a table of the products; its column of ids is named as --item, or --items-id")
    parser.add_argument("--items-id")
    parser.add_argument("--text", nargs="+", default=[], help="its columns that describe a product")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.data is None:
        run_known(options.shared)
        return
    if not (options.user and options.item and options.protocol):
        parser.error("--data needs --user, --item and --protocol")
    if options.protocol == "time-split" and not options.order:
        parser.error("--protocol time-split needs --order")
    started = time.perf_counter()
    table = read_table(options.data)
    if options.order is None:
        table = table.append_column("drawn_by_lot", pa.array(np.random.default_rng(SEED).permutation(table.num_rows)))
        options.order = "drawn_by_lot"
    elif options.protocol == "time-split":
        table = table.set_column(table.column_names.index(options.order), options.order, as_times(table[options.order]))
    log = read_log(by_day(table, options.order), person=options.user, product=options.item, order=options.order)
    described = None
    if options.items:
        described = describe(read_table(options.items), product=options.items_id or options.item, columns=options.text, products=log.products)
    say(started, f"{len(log.people)} people, {len(log.products)} products, {len(log.codes)} lines")
    result = leave_last_out(log, described, started) if options.protocol == "leave-last-out" else time_split(log, described, started)
    if described is not None:
        result["cold"] = cold(log, described)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    name = options.data.parent.name
    report = {"commit": commit, "at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": platform.machine(),
              "python": platform.python_version(), "data": name, "protocol": options.protocol, "k": K, "bootstrap_draws": DRAWS, "seed": SEED,
              "lines": len(log.codes), **result, "seconds": round(time.perf_counter() - started),
              "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    else:
        kept = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
        RESULTS.write_text(json.dumps({**kept, name: report}, indent=1) + "\n", encoding="utf-8")
    for model, groups in report["models"].items():
        print(f"{model:32s}", {group: (part["recall"]["mean"], part["ndcg"]["mean"]) for group, part in groups.items() if group != "beyond"})
    print(report["ours_minus_best_peer"], report["ablation"], report.get("cold"))


if __name__ == "__main__":
    main()
