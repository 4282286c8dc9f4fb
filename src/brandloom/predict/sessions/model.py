"""Trees, a GRU and their mean, the best of them out of time; with the share after each kind of step as what they have to beat."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from brandloom.errors import DataError, NotFittedError
from brandloom.i18n import _
from brandloom.predict.features import Floats
from brandloom.predict.metrics import auc, average_precision, expected_calibration_error
from brandloom.predict.sessions.gru import Gru, Training, train_gru
from brandloom.predict.sessions.steps import GAP_MINUTES, KINDS, PURCHASE, Steps
from brandloom.predict.tables.calibrate import Calibration, choose_calibration, log_loss_rows

PARTS = ("kind", "trees", "gru", "mean")
"""Ways to tell: the share after each kind of step, boosted trees, the sequence model, and the mean of the last two in log-odds."""
COLUMNS = ("step", *(f"{kind}s so far" for kind in KINDS), *(f"last is {kind}" for kind in KINDS), "steps since last cart", "minutes so far",
           "seconds since last step", "mean seconds between steps", "different products", "product seen before", "same category as last",
           "most steps on one product", "bought before", "hour", "price")
_LEAST = 60
"""Steps followed by a purchase below which only the shares after each kind are told."""
_SHRUNK = 50.0
"""Steps that the overall share counts for in the share after a kind."""
_LEARN, _CHOOSE = 0.6, 0.8
"""Visits up to these shares of time are learned from and chosen on; the rest judges."""
_TREES = {"objective": "binary", "learning_rate": 0.05, "num_leaves": 15, "min_data_in_leaf": 40, "feature_fraction": 0.8, "bagging_fraction": 0.8,
          "bagging_freq": 1, "lambda_l2": 5.0, "verbosity": -1, "deterministic": True, "force_row_wise": True}
_MOST_TREES, _PATIENCE = 400, 30
_KEPT_AS = "sessions"


@dataclass(frozen=True)
class Score:
    """How one way told the steps of the visits it had not seen."""

    log_loss: float
    average_precision: float
    auc: float
    ece: float


@dataclass(frozen=True)
class SessionCard:
    """What the model is made of and how good it was on the latest visits, before it learned from all of them."""

    as_of: str
    data_from: str
    data_to: str
    visits: int
    steps: int
    followed: float
    """Share of steps that a purchase follows in the same visit."""
    chosen: str
    judged_steps: int
    scores: dict[str, Score]
    limits: tuple[str, ...]
    gap_minutes: int = GAP_MINUTES


@dataclass(frozen=True)
class SessionModel:
    """Chances that a purchase follows in the same visit, after each of its steps."""

    shares: Floats
    """(KINDS,) after each kind of step."""
    trees: lgb.Booster | None
    gru: Gru | None
    calibration: Calibration
    card: SessionCard

    def probability(self, steps: Steps) -> Floats:
        """(n,) after each step."""
        return self.calibration.probability(_told(self.card.chosen, steps, self.shares, self.trees, self.gru))

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if self.trees is not None:
            (folder / "trees.txt").write_text(self.trees.model_to_string(), encoding="utf-8")
        if self.gru is not None:
            np.savez(folder / "gru.npz", **{one.name: getattr(self.gru, one.name) for one in fields(Gru)})
        kept = {"shares": self.shares.tolist(), "calibration": asdict(self.calibration), "card": asdict(self.card)}
        (folder / f"{_KEPT_AS}.json").write_text(json.dumps(kept, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> SessionModel:
        """Raises: NotFittedError: nothing was saved there."""
        path = folder / f"{_KEPT_AS}.json"
        if not path.is_file():
            raise NotFittedError(_("No model of visits in {folder} yet. Run brandloom predict DIR --what session first."), folder=folder)
        kept = json.loads(path.read_text(encoding="utf-8"))
        card = dict(kept["card"], limits=tuple(kept["card"]["limits"]))
        card["scores"] = {name: Score(**score) for name, score in card["scores"].items()}
        curve = dict(kept["calibration"], knots=tuple(tuple(knot) for knot in kept["calibration"]["knots"]))
        chosen = card["chosen"]
        trees = lgb.Booster(model_file=str(folder / "trees.txt")) if chosen in ("trees", "mean") else None
        gru = None
        if chosen in ("gru", "mean"):
            with np.load(folder / "gru.npz", allow_pickle=False) as arrays:
                gru = Gru(**{one.name: arrays[one.name] for one in fields(Gru)})
        return cls(np.array(kept["shares"]), trees, gru, Calibration(**curve), SessionCard(**card))


def fit_sessions(steps: Steps, as_of: datetime, *, ways: Sequence[str] = PARTS, seed: int = 0, threads: int = 1,
                 progress: Callable[[float], None] = lambda _done: None) -> SessionModel:
    """Learn from visits that are over, choose out of time, judge on the latest, then learn from all.

    Args:
        steps: as `read_sessions(engine, as_of)` gives them.
        ways: those of `PARTS` that may be chosen.
    Raises:
        DataError: there are no visits with more than purchases in them.
    """
    steps = steps.of_visits(steps.finished(as_of))
    if not len(steps) or not (steps.kind != PURCHASE).any():
        raise DataError(_("There are no page views before {day}. Load events with kind view, cart, favourite or search and try again."),
                        day=f"{as_of:%Y-%m-%d}")
    starts = steps.starts
    first, second = np.quantile(starts, [_LEARN, _CHOOSE])
    learned, choosing = starts <= first, (starts > first) & (starts <= second)
    parts = [steps.of_visits(one) for one in (learned, choosing, ~(learned | choosing))]
    limits = _limits(steps, parts)
    if limits:
        told = {"kind": _told("kind", parts[2], _shares(_joined(*parts[:2])), None, None)}
        return SessionModel(_shares(steps), None, None, Calibration(), _card(steps, as_of, "kind", len(parts[2]), _judged(told, parts[2]), limits))
    return _learned(steps, parts, as_of, ways, seed, threads, progress)


def _learned(steps: Steps, parts: list[Steps], as_of: datetime, ways: Sequence[str], seed: int, threads: int,
             progress: Callable[[float], None]) -> SessionModel:
    learn, choose, judged = parts
    rounds, passes = _lengths(learn, choose, seed, threads)
    progress(0.3)
    told = _all(learn, choose, rounds, passes, seed, threads)
    chosen = _choose(told, choose, ways)
    curve = choose_calibration(told[chosen], choose.follows, choose.visit % 5)
    both = _joined(learn, choose)
    last = _all(both, judged, rounds, passes, seed, threads)
    progress(0.8)
    scores = _judged({**last, "chosen": np.asarray(curve.log_odds(last[chosen]))}, judged)
    trees = _trees(steps, rounds, seed, threads) if chosen in ("trees", "mean") else None
    gru = _gru(steps, None, passes, seed)[0] if chosen in ("gru", "mean") else None
    progress(1.0)
    return SessionModel(_shares(steps), trees, gru, curve, _card(steps, as_of, chosen, len(judged), scores, ()))


def _choose(told: dict[str, Floats], steps: Steps, ways: Sequence[str]) -> str:
    """The way with the smallest log loss; the share after each kind where none is better than it by a standard error (visits count as one)."""
    losses = {name: log_loss_rows(steps.follows, Calibration().probability(told[name])) for name in ways}
    best = min(ways, key=lambda name: losses[name].mean())
    if "kind" not in ways:
        return best
    gain = np.bincount(steps.visit, losses["kind"] - losses[best])
    return best if gain.mean() > gain.std() / np.sqrt(len(gain)) else "kind"


def _lengths(learn: Steps, choose: Steps, seed: int, threads: int) -> tuple[int, int]:
    """How many trees and passes tell the later visits best."""
    data = lgb.Dataset(tree_columns(learn), learn.follows)
    found = lgb.train({**_TREES, "num_threads": threads, "seed": seed}, data, _MOST_TREES, valid_sets=[lgb.Dataset(
        tree_columns(choose), choose.follows, reference=data)], callbacks=[lgb.early_stopping(_PATIENCE, verbose=False)])
    visits = len(learn.customer)
    whole = _joined(learn, choose)
    _one, training = _gru(whole, np.r_[np.zeros(visits, dtype=bool), np.ones(len(choose.customer), dtype=bool)], 30, seed)
    return max(1, found.best_iteration), training.passes


def _all(learn: Steps, other: Steps, rounds: int, passes: int, seed: int, threads: int) -> dict[str, Floats]:
    """Log-odds of each way that learned from some visits, of the steps of others."""
    shares, trees, gru = _shares(learn), _trees(learn, rounds, seed, threads), _gru(learn, None, passes, seed)[0]
    return {name: _told(name, other, shares, trees, gru) for name in PARTS}


def _told(name: str, steps: Steps, shares: Floats, trees: lgb.Booster | None, gru: Gru | None) -> Floats:
    """(n,) log-odds of one way."""
    if name == "kind":
        p = shares[steps.kind]
        return np.asarray(np.log(p / (1 - p)))
    if not len(steps):
        return np.empty(0)
    if name == "trees" and trees is not None:
        return np.asarray(trees.predict(tree_columns(steps), raw_score=True))
    if name == "gru" and gru is not None:
        return gru.log_odds(sequence_columns(steps), steps.ends())
    return (_told("trees", steps, shares, trees, gru) + _told("gru", steps, shares, trees, gru)) / 2


def _shares(steps: Steps) -> Floats:
    overall = (steps.follows.sum() + 0.5) / (len(steps) + 1.0)
    hits, seen = np.bincount(steps.kind, steps.follows, len(KINDS)), np.bincount(steps.kind, minlength=len(KINDS))
    return np.asarray((hits + _SHRUNK * overall) / (seen + _SHRUNK))


def _trees(steps: Steps, rounds: int, seed: int, threads: int) -> lgb.Booster:
    return lgb.train({**_TREES, "num_threads": threads, "seed": seed}, lgb.Dataset(tree_columns(steps), steps.follows), rounds)


def _gru(steps: Steps, aside: npt.NDArray[np.bool_] | None, passes: int, seed: int) -> tuple[Gru, Training]:
    return train_gru(sequence_columns(steps), steps.follows, steps.ends(), aside, passes=passes, seed=seed)


def tree_columns(steps: Steps) -> Floats:
    """(n, COLUMNS) what a visit has come to after each step."""
    place, n = steps.place.astype(np.float64), len(steps)
    one_hot = np.eye(len(KINDS))[steps.kind]
    first = np.flatnonzero(steps.place == 0)
    so_far = np.cumsum(one_hot, axis=0)
    so_far -= (so_far[first] - one_hot[first])[steps.visit]
    cart = np.where(steps.kind == KINDS.index("cart"), np.arange(n), -1)
    last_cart = np.maximum.accumulate(cart)
    since_cart = np.where(last_cart >= first[steps.visit], np.arange(n) - last_cart, np.nan)
    most = _running_max(steps.seen, steps.visit) + 1
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_gap = np.where(place > 0, steps.since / place, np.nan)
    return np.column_stack([place, so_far, one_hot, since_cart, steps.since / 60, np.where(place > 0, steps.gap, np.nan), mean_gap, steps.products,
                            steps.seen, steps.same_category, most, steps.bought_before, steps.hour, steps.price])


def _running_max(values: Floats, visit: npt.NDArray[np.int64]) -> Floats:
    """(n,) largest value of the visit so far; values are whole and below a million."""
    return np.asarray(np.maximum.accumulate(values + 1e6 * visit) - 1e6 * visit)


def sequence_columns(steps: Steps) -> Floats:
    """(n, numbers) one step each; what came before is the network's to remember."""
    hour = 2 * np.pi * steps.hour / 24
    return np.column_stack([np.eye(len(KINDS))[steps.kind], np.log1p(steps.gap) / 4, np.log1p(steps.since) / 6, np.minimum(steps.seen, 5) / 2,
                            steps.same_category, np.log1p(steps.products), np.log1p(steps.bought_before), np.sin(hour), np.cos(hour), steps.price])


def _judged(told: dict[str, Floats], steps: Steps) -> dict[str, Score]:
    """Scores of each way; none where no visit is left to judge or none of them ends in a purchase."""
    y = steps.follows
    if not 0 < y.sum() < len(y):
        return {}
    chance = {name: Calibration().probability(z) for name, z in told.items()}
    return {name: Score(float(log_loss_rows(y, p).mean()), average_precision(y, p), auc(y, p), expected_calibration_error(y, p))
            for name, p in chance.items()}


def _limits(steps: Steps, parts: list[Steps]) -> tuple[str, ...]:
    if steps.follows.sum() < _LEAST or any(not 0 < part.follows.sum() < len(part) for part in parts):
        return (_("Too few visits end in a purchase: only the share after each kind of step is told."),)
    return ()


def _joined(one: Steps, other: Steps) -> Steps:
    """The visits of both."""
    visits = len(one.customer)
    taken = {field.name: np.concatenate([getattr(one, field.name), getattr(other, field.name)]) for field in fields(Steps)
             if field.name not in ("visit",)}
    return Steps(visit=np.concatenate([one.visit, other.visit + visits]), **taken)


def _card(steps: Steps, as_of: datetime, chosen: str, judged: int, scores: dict[str, Score], limits: tuple[str, ...]) -> SessionCard:
    return SessionCard(f"{as_of:%Y-%m-%d %H:%M}", _moment(steps.at.min()), _moment(steps.at.max()), len(steps.customer), len(steps),
                       float(steps.follows.mean()), chosen, judged, scores, limits)


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"
