"""The fitted model, its card, and how both are kept: JSON and LightGBM's own text, never pickle."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from brandloom.errors import DataError, NotFittedError
from brandloom.i18n import _
from brandloom.predict.features import FEATURES
from brandloom.predict.learners import Linear, Trees
from brandloom.predict.metrics import Estimate
from brandloom.predict.scorers import Blend, Cells, Pair, Scorer
from brandloom.predict.season import Level

FORMAT = 1
FILE = "purchase.json"


@dataclass(frozen=True)
class ModelCard:
    """What the model learned from and how it did. Metrics are out of time: fitted on older cutoffs, judged on the latest."""

    kind: str  # 'blend', or 'cells' where there was little data
    as_of: datetime
    horizon_days: int
    seed: int
    data_from: datetime
    data_to: datetime
    cutoffs: tuple[datetime, ...]
    customers: int  # known at as_of
    training_rows: int
    base_rate: float  # share who bought in a window, over the training rows
    features: tuple[str, ...]
    tree_weight: float  # of the trees in the blend
    level_shift: float  # log-odds added for the season
    level_source: str  # 'year_ago', 'latest' or 'none'
    metrics: dict[str, Estimate]
    limits: tuple[str, ...]  # English templates, translated where shown


@dataclass(frozen=True, repr=False)
class PurchaseModel:
    """P(purchase within the horizon) and expected spend, with intervals and exact contributions."""

    scorer: Scorer
    card: ModelCard

    def __repr__(self) -> str:
        return f"PurchaseModel({self.card.kind}, {self.card.horizon_days} days, as of {self.card.as_of:%Y-%m-%d})"

    def save(self, folder: Path) -> None:
        """Write the model into a folder (made if missing): `purchase.json` and one text file per LightGBM model."""
        folder.mkdir(parents=True, exist_ok=True)
        boosters: dict[str, str] = {}
        scorer = _pack(asdict(self.scorer), boosters)  # type: ignore[call-overload]
        for name, text in boosters.items():
            (folder / name).write_text(text, encoding="utf-8")
        body = {"format": FORMAT, "card": _jsonable(asdict(self.card)), "scorer": scorer}
        (folder / FILE).write_text(json.dumps(body, ensure_ascii=False, indent=1), encoding="utf-8")

    @staticmethod
    def load(folder: Path) -> PurchaseModel:
        """Read what `save` wrote.

        Raises:
            NotFittedError: no model in the folder.
            DataError: it was written by another version of the format, or a file is missing or damaged.
        """
        file = folder / FILE
        if not file.is_file():
            raise NotFittedError(_("No purchase model in {path}. Run `brandloom learn` first."), path=folder)
        try:
            body = json.loads(file.read_text(encoding="utf-8"))
            if body["format"] != FORMAT or tuple(body["card"]["features"]) != FEATURES:
                raise DataError(_("{path} was written by another version. Run `brandloom learn` again."), path=file)
            scorer = _unpack(body["scorer"], folder)
            return PurchaseModel(_scorer(scorer), _card(body["card"]))
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise DataError(_("{path} is damaged ({reason}). Run `brandloom learn` again."), path=file, reason=error) from error


def _pack(value: Any, boosters: dict[str, str]) -> Any:
    """Move each booster's text to a file of its own and leave the file's name."""
    if isinstance(value, dict) and set(value) == {"text"}:
        name = f"trees_{len(boosters)}.txt"
        boosters[name] = value["text"]
        return {"file": name}
    if isinstance(value, dict):
        return {key: _pack(item, boosters) for key, item in value.items()}
    return [_pack(item, boosters) for item in value] if isinstance(value, list | tuple) else value


def _unpack(value: Any, folder: Path) -> Any:
    if isinstance(value, dict) and set(value) == {"file"}:
        return {"text": (folder / Path(value["file"]).name).read_text(encoding="utf-8")}
    if isinstance(value, dict):
        return {key: _unpack(item, folder) for key, item in value.items()}
    return tuple(_unpack(item, folder) for item in value) if isinstance(value, list) else value


def _scorer(packed: dict[str, Any]) -> Scorer:
    if packed["kind"] == "cells":
        return Cells(**packed)
    members, baskets = packed.pop("members"), packed.pop("basket_members")
    return Blend(purchase=_pair(packed.pop("purchase")), basket=_pair(packed.pop("basket")), level=Level(**packed.pop("level")),
                 members=tuple(map(_pair, members)), basket_members=tuple(map(_pair, baskets)), **packed)


def _pair(packed: dict[str, Any]) -> Pair:
    return Pair(Linear(**packed["linear"]), Trees(**packed["trees"]))


def _card(packed: dict[str, Any]) -> ModelCard:
    times = {name: datetime.fromisoformat(packed[name]) for name in ("as_of", "data_from", "data_to")}
    metrics = {name: Estimate(**value) for name, value in packed["metrics"].items()}
    return ModelCard(**{**packed, **times, "cutoffs": tuple(map(datetime.fromisoformat, packed["cutoffs"])), "metrics": metrics,
                        "features": tuple(packed["features"]), "limits": tuple(packed["limits"])})


def _jsonable(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _jsonable(item) for key, item in value.items()}
    return [_jsonable(item) for item in value] if isinstance(value, list | tuple) else value
