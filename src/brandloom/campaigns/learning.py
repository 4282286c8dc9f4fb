"""Learning: profiles, segments, predictions, recommendations and product groups, all as of one day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from brandloom import customers, predict, recommend
from brandloom.customers import SegmentSummary
from brandloom.engine import Engine, scalar
from brandloom.errors import DataError, NotFittedError
from brandloom.i18n import _, say
from brandloom.workspace import Workspace

Progress = Callable[[str, float], None]
RECOMMENDED = 10
"""Products kept per customer."""


@dataclass(frozen=True)
class Learned:
    """What learning found; the tables hold the details."""

    as_of: datetime
    horizon_days: int
    customers: int
    segments: tuple[SegmentSummary, ...]
    expected_buyers: float
    recommendations: int
    product_groups: int
    card: predict.ModelCard
    """The purchase model's card."""

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "as_of": self.as_of.isoformat()}

    def lines(self) -> list[tuple[str, str]]:
        """Name and value of each figure, in the current language."""
        biggest = sorted(self.segments, key=lambda one: -one.size)
        return [(say(_("As of")), f"{self.as_of:%Y-%m-%d}"),
                (say(_("Customers")), f"{self.customers:,}"),
                (say(_("Segments")), say(_(", ")).join(f"{say(customers.SEGMENT_LABELS[one.segment])} {one.size:,}" for one in biggest)),
                (say(_("Likely buyers")), say(_("{count} in the next {days} days"), count=f"{self.expected_buyers:,.0f}",
                                               days=self.horizon_days)),
                (say(_("Product groups")), str(self.product_groups)),
                (say(_("Recommendations")), f"{self.recommendations:,}")]


def learn(engine: Engine, workspace: Workspace, *, as_of: datetime | None = None, horizon_days: int = 30, seed: int = 0,
          threads: int = 1, progress: Progress | None = None) -> Learned:
    """Build every learned table from what happened before `as_of`, all or none.

    Args:
        as_of: naive UTC; the day after the last event when None.
        threads: for the purchase model; results do not depend on it.
    Raises:
        NotFittedError: no orders are loaded, or none before `as_of`.
    """
    moment = as_of or day_after_last_event(engine)
    with engine.transaction():
        learned, model = _learn(engine, moment, horizon_days, seed, threads, progress or (lambda stage, done: None))
    model.save(workspace.models / "purchase")
    return learned


def learn_tables(engine: Engine, as_of: datetime, horizon_days: int, *, seed: int = 0, progress: Progress | None = None) -> Learned:
    """The same without a transaction of its own and without saving the model, for a backtest."""
    return _learn(engine, as_of, horizon_days, seed, 1, progress or (lambda stage, done: None))[0]


def _learn(engine: Engine, as_of: datetime, horizon_days: int, seed: int, threads: int,
           progress: Progress) -> tuple[Learned, predict.PurchaseModel]:
    profiles = _("Profiles and segments")
    progress(profiles, 0.0)
    known = customers.update_profiles(engine, as_of).customers
    progress(profiles, 0.7)
    customers.build_segments(engine, as_of)
    progress(profiles, 1.0)
    training = _("Purchase model")
    progress(training, 0.0)
    model = predict.fit(engine, as_of, horizon_days=horizon_days, seed=seed, threads=threads,
                        progress=lambda _stage, done: progress(training, 0.8 * done))
    predict.predict(engine, model, as_of, threads=threads, profiles="profiles")
    progress(training, 1.0)
    recommending = _("Recommendations")
    progress(recommending, 0.0)
    recommender = recommend.fit(engine, as_of, progress=lambda done: progress(recommending, 0.5 * done))
    rows = recommend.recommend(engine, recommender, as_of, k=RECOMMENDED)
    progress(recommending, 0.8)
    groups = recommend.group_products(engine, as_of)
    progress(recommending, 1.0)
    expected = float(engine.query("SELECT COALESCE(SUM(p_purchase), 0.0) AS total FROM predictions")["total"][0].as_py())
    learned = Learned(as_of=as_of, horizon_days=horizon_days, customers=known, segments=tuple(customers.segment_summary(engine)),
                      expected_buyers=expected, recommendations=rows,
                      product_groups=len(groups), card=model.card)
    return learned, model


def day_after_last_event(engine: Engine) -> datetime:
    """Midnight after the last purchase: the first moment from which everything loaded lies in the past."""
    last = scalar(engine, "SELECT MAX(occurred_at) FROM events WHERE kind = 'purchase'")
    if not isinstance(last, datetime):
        raise NotFittedError(_("No orders are loaded. Load some with `brandloom load DIR orders.csv --as orders`."))
    return last.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def learned_as_of(engine: Engine) -> tuple[datetime, int] | None:
    """As of when, and how many days ahead, the learned tables look; None before the first `learn`."""
    if not (engine.exists("predictions") and engine.exists("recommendations")):
        return None
    row = engine.query("SELECT MAX(as_of) AS as_of, MAX(horizon_days) AS horizon FROM predictions").to_pylist()[0]
    return None if row["as_of"] is None else (row["as_of"], int(row["horizon"]))


def require_events_until(engine: Engine, cutoff: datetime, horizon_days: int) -> None:
    """Refuse a backtest whose horizon the data do not cover.

    Raises:
        DataError: names the last day that can be used.
    """
    end = day_after_last_event(engine)
    if cutoff + timedelta(days=horizon_days) > end:
        raise DataError(_("{days} days after {cutoff} is later than the last order. Use a cutoff of {latest} or earlier."),
                        days=horizon_days, cutoff=cutoff.date(), latest=(end - timedelta(days=horizon_days)).date())
