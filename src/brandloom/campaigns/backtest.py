"""Backtest: learn as of an earlier day, then compare with what happened after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from brandloom.campaigns.learning import Learned, learn_tables, require_events_until
from brandloom.engine import Engine
from brandloom.i18n import _, say
from brandloom.measure import Capture, Estimate, HitRates, capture, hit_rate

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Backtest:
    """How good the models would have been."""

    learned: Learned
    capture: Capture
    hits: HitRates

    def to_dict(self) -> dict[str, Any]:
        return {"learned": self.learned.to_dict(), "capture": asdict(self.capture), "hits": asdict(self.hits)}

    def lines(self) -> list[tuple[str, str]]:
        """Name and value of each figure, in the current language."""
        held = self.capture
        rows = [(say(_("As of")), held.as_of),
                (say(_("Chosen")), say(_("{chosen} of {pool} customers"), chosen=f"{held.chosen:,}", pool=f"{held.pool:,}")),
                (say(_("Later buyers among them")), percent(held.model.buyers)),
                (say(_("... in a random choice")), percent(held.random.buyers)),
                (say(_("... among the most recent buyers")), percent(held.recent.buyers)),
                (say(_("Later revenue among them")), percent(held.model.revenue))]
        for row in self.hits.rows:
            if row.measure == "hit":
                name = {"all": _("Recommended and bought, any"), "new": _("Recommended and bought, new to the person"),
                        "repeat": _("Recommended and bought again")}[row.kind]
                rows.append((say(name), say(_("{ours}; most popular {popular}"), ours=percent(row.model), popular=percent(row.popular))))
        return rows


def percent(share: Estimate) -> str:
    """'31.2 % [29.8, 32.5]'"""
    low, high = ("?" if end is None else f"{100 * end:.1f}" for end in (share.low, share.high))
    return f"{100 * share.value:.1f} % [{low}, {high}]"


class _Undo(Exception):
    """Ends the transaction of a backtest without keeping anything."""


def backtest(engine: Engine, *, cutoff: datetime, horizon_days: int, chosen_share: float = 0.2, k: int = 10, seed: int = 0,
             progress: Progress | None = None) -> Backtest:
    """Learn from what happened before `cutoff` and judge on the `horizon_days` after it. The shop's tables stay as they are.

    Args:
        chosen_share: share of the customers that is "chosen" by each way of choosing.
        k: length of the recommendation lists that are judged.
    Raises:
        DataError: the data do not cover the horizon.
    """
    require_events_until(engine, cutoff, horizon_days)
    result: Backtest | None = None
    try:
        with engine.transaction():
            learned = learn_tables(engine, cutoff, horizon_days, seed=seed, progress=progress)
            size = max(1, round(chosen_share * learned.customers))
            result = Backtest(learned, capture(engine, as_of=cutoff, horizon_days=horizon_days, size=size, seed=seed),
                              hit_rate(engine, as_of=cutoff, horizon_days=horizon_days, k=k, popular_days=30, seed=seed))
            raise _Undo
    except _Undo:
        pass
    assert result is not None
    return result
