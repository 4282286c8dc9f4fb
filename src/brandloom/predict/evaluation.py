"""Out-of-time evaluation: a model of one moment against what happened in the horizon after it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from brandloom.engine import Engine, scalar
from brandloom.errors import DataError
from brandloom.i18n import _
from brandloom.predict.features import examples
from brandloom.predict.metrics import Estimate, Judged, judge
from brandloom.predict.model import PurchaseModel
from brandloom.predict.training import MAX_TRAINING_CUSTOMERS


@dataclass(frozen=True)
class Evaluation:
    """Metrics of one cutoff, by name (see `metrics.METRICS`), each with a 95 % bootstrap interval over customers."""

    cutoff: datetime
    horizon_days: int
    customers: int
    metrics: dict[str, Estimate]


def evaluate(engine: Engine, model: PurchaseModel, cutoff: datetime, *, seed: int = 0, draws: int = 200,
             threads: int = 1) -> Evaluation:
    """Score everybody known before `cutoff` and compare with the purchases of the horizon that followed.

    A model fitted with `as_of` after `cutoff` has seen the answers; fit it as of the cutoff.

    Raises:
        DataError: the data end before the horizon does, or the model learned from what it is to be judged on.
    """
    end = cutoff + timedelta(days=model.card.horizon_days)
    if model.card.as_of > cutoff:
        raise DataError(_("The model has seen data up to {seen}; judging it at {cutoff} would flatter it. "
                          "Fit it as of the cutoff."), seen=model.card.as_of.date(), cutoff=cutoff.date())
    last = scalar(engine, "SELECT max(occurred_at) AS last FROM events")
    # the last day on file may be unfinished by hours; a whole missing day would count buyers as lost
    if not isinstance(last, datetime) or last < end - timedelta(days=1):
        raise DataError(_("Judging {days} days from {cutoff} needs data up to {end}; they end on {last}. "
                          "Choose an earlier cutoff or a shorter horizon."),
                        days=model.card.horizon_days, cutoff=cutoff.date(), end=end.date(),
                        last=last.date() if isinstance(last, datetime) else "-")
    known = scalar(engine, "SELECT count(DISTINCT customer) AS n FROM events WHERE occurred_at < $cutoff", cutoff=cutoff)
    share = min(1.0, MAX_TRAINING_CUSTOMERS / max(1, int(str(known))))
    rows = examples(engine, [cutoff], model.card.horizon_days, share=share, seed=seed)
    judged = Judged.of(model.scorer.score(rows.x, threads), rows.bought, rows.spend)
    return Evaluation(cutoff, model.card.horizon_days, len(rows), judge(judged, seed=seed, draws=draws))
