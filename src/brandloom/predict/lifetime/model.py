"""The fitted lifetime model, its card, and how both are kept: one JSON file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from brandloom.errors import DataError, NotFittedError
from brandloom.i18n import _
from brandloom.predict.lifetime.money import Money
from brandloom.predict.lifetime.process import Fitted
from brandloom.predict.metrics import Estimate

FORMAT = 1
FILE = "lifetime.json"


@dataclass(frozen=True)
class Check:
    """The model fitted on older data, against what happened after: customers known at `cutoff`, over the `days` that followed.

    `forecast` and `actual` count purchase days of all of them, `low` and `high` bound 80 % of what was expected for that sum;
    `mae` is per customer; `coverage` is the share of customers inside their 80 % interval, by randomised probability
    integral transform, because counts are discrete.
    """

    cutoff: datetime
    days: int
    customers: int
    forecast: float
    low: float
    high: float
    actual: float
    mae: float
    coverage: float


@dataclass(frozen=True)
class LifetimeCard:
    """What the model learned from, its parameters, and how it did on its own past."""

    as_of: datetime
    horizon_days: int
    seed: int
    data_from: datetime
    data_to: datetime
    customers: int  # who bought before as_of
    fitted_customers: int  # of them, used to fit
    repeaters: int  # of those, with at least two purchase days
    parameters: dict[str, Estimate]  # with 95 % intervals; see `fitting.describe`
    shapes: dict[str, float]  # evidence of each shape of leaving, adding up to 1
    level_sd: float  # of the log of what all rates may be off by in the time to come
    check: Check | None  # None where history is too short to look back
    limits: tuple[str, ...]  # English templates, translated where shown


@dataclass(frozen=True, repr=False)
class LifetimeModel:
    """Who still buys, how often and how much: posterior of the purchase process and of money per purchase day."""

    process: tuple[Fitted, ...]
    money: Money
    card: LifetimeCard

    def __repr__(self) -> str:
        return f"LifetimeModel({self.card.customers} customers, {self.card.horizon_days} days, as of {self.card.as_of:%Y-%m-%d})"

    def save(self, folder: Path) -> None:
        """Write `lifetime.json` into a folder, made if missing."""
        folder.mkdir(parents=True, exist_ok=True)
        body = {"format": FORMAT, **asdict(self)}
        (folder / FILE).write_text(json.dumps(body, ensure_ascii=False, indent=1, default=datetime.isoformat) + "\n", encoding="utf-8")

    @staticmethod
    def load(folder: Path) -> LifetimeModel:
        """Read what `save` wrote.

        Raises:
            NotFittedError: no model in the folder.
            DataError: it was written by another version, or is damaged.
        """
        file = folder / FILE
        if not file.is_file():
            raise NotFittedError(_("No lifetime model in {path}. Run `brandloom predict DIR --what value` first."), path=folder)
        try:
            body = json.loads(file.read_text(encoding="utf-8"))
            if body["format"] != FORMAT:
                raise DataError(_("{path} was written by another version. Run `brandloom predict DIR --what value` again."), path=file)
            process = tuple(Fitted(one["shape"], tuple(one["mode"]), tuple(tuple(row) for row in one["covariance"]), one["weight"])
                            for one in body["process"])
            return LifetimeModel(process, Money(**body["money"]), _card(body["card"]))
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise DataError(_("{path} is damaged ({reason}). Run `brandloom predict DIR --what value` again."),
                            path=file, reason=error) from error


def _card(packed: dict[str, Any]) -> LifetimeCard:
    times = {name: datetime.fromisoformat(packed[name]) for name in ("as_of", "data_from", "data_to")}
    check = packed["check"]
    if check is not None:
        check = Check(**{**check, "cutoff": datetime.fromisoformat(check["cutoff"])})
    return LifetimeCard(**{**packed, **times, "check": check, "limits": tuple(packed["limits"]),
                           "parameters": {name: Estimate(**value) for name, value in packed["parameters"].items()}})
