"""The last word on the order of a person's candidates: trees that learned from what people bought next.

The blend of evidence finds the candidates; which of them comes first depends on more than a weighted sum can say: how regularly this
person buys the product, whether they skipped it on their last visit, whether it is coming into or going out of fashion.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from brandloom.recommend.history import Floats, Histories, Ints
from brandloom.recommend.measures import Gains, Judged, Top, gains

if TYPE_CHECKING:
    from lightgbm import Booster

    from brandloom.recommend.model import Recommender

CANDIDATES = 60  # per person, by the blend
FRESH = 20  # further ones by the blend without what the person bought before, which else crowds out everything new
FEATURES = ("times", "share_of_visits", "age", "visits_skipped_days", "interval", "interval_left", "together", "popular", "trend", "repeats",
            "products", "visits", "since")
FOLDS = 5
FEWEST_JUDGED = 200  # with fewer people a learned order is luck
# These numbers: on online_retail at dates before those of any benchmark, more of each brought nothing and cost time.
PARAMS = {"objective": "lambdarank", "lambdarank_truncation_level": 20, "learning_rate": 0.12, "num_leaves": 8, "min_data_in_leaf": 200,
          "feature_fraction": 0.6, "bagging_fraction": 0.8, "bagging_freq": 1, "lambda_l2": 5.0, "verbosity": -1, "deterministic": True,
          "force_row_wise": True, "num_threads": 1, "seed": 0}
TREES = 60
_JUDGED_AT = 10
_DIGITS = 6  # of features: sums that differ only by the order of adding give the same trees on every engine


@dataclass(frozen=True)
class Ranking:
    """A LightGBM ranker kept as its text, so that it can be pickled to workers and compared."""

    text: str

    def order(self, x: Floats, person: Ints, code: Ints, k: int) -> Top:
        """Each person's best `k` candidates; scores are in 0..1 and compare only within a person."""
        raw = np.asarray(_booster(self.text).predict(x), dtype=np.float64) if len(x) else np.empty(0)
        return strongest(person, code, np.maximum(1 / (1 + np.exp(-raw)), 1e-6), k)


def candidates(blended: Floats, fresh: Floats, k: int) -> tuple[Ints, Ints]:
    """Person and product of what is ranked, in order: the best of the blend and the best of that without own purchases."""
    from brandloom.recommend.model import top
    found = [top(blended, max(k, CANDIDATES))[::2], top(fresh, FRESH)[::2]]
    keys = np.unique(np.concatenate([person * blended.shape[1] + code for person, code in found]))
    person, code = np.divmod(keys, blended.shape[1])
    return person, code


def features(model: Recommender, histories: Histories, together: Floats, person: Ints, code: Ints) -> Floats:
    """(n, len(FEATURES)) what the trees see of each candidate; NaN where the person never bought it, or only once."""
    n_products = len(model.products)
    rows = histories.rows
    keys = np.append(rows * n_products + histories.codes, -1)  # the last one is nobody's, so that there always is one
    order = np.argsort(keys)
    wanted = person * n_products + code
    at = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
    owned = keys[at] == wanted
    times, age, first = (np.where(owned, np.append(values, 0)[at].astype(float), np.nan)
                         for values in (histories.times, histories.age, histories.first))
    since = np.full(len(histories.visits), np.inf)
    np.minimum.at(since, rows, histories.age)
    visits, since = np.maximum(histories.visits, 1)[person].astype(float), since[person]
    interval = np.where(times > 1, (first - age) / np.maximum(times - 1, 1), np.nan)
    columns = (np.nan_to_num(times), np.nan_to_num(times) / visits, age, age - since, interval, age / np.maximum(interval, 1.0),
               together[person, code], model.popular[code], model.popular[code] - model.steady[code], model.repeats[code],
               np.diff(histories.starts)[person].astype(float), visits, np.where(np.isfinite(since), since, np.nan))
    return np.round(np.stack(columns, axis=1), _DIGITS)


def fit_ranking(model: Recommender, judged: Judged, blended: Gains, histories: Histories) -> Ranking | None:
    """Learn the order from what the judged people bought after `model`'s date; None where it would not be better than the blend.

    Each fifth of the people is ranked by what the others taught; the ranking is kept if its NDCG at 10 is ahead of the blend's by a
    standard error of the paired difference.

    Args:
        blended: how the blend did on the same people.
        histories: what they had bought, as the model uses it.
    """
    again, together = model.evidence(histories)
    person, code = candidates(*model.blends(again, together), _JUDGED_AT)
    x = features(model, histories, together, person, code)
    y = np.asarray(judged.relevant[person, code]).ravel()
    fold = np.arange(len(judged.bought)) % FOLDS
    if len(judged.bought) < FEWEST_JUDGED or any(y[fold[person] == part].sum() == 0 for part in range(FOLDS)):
        return None
    ndcg = np.zeros(len(fold))
    for part in range(FOLDS):
        own = fold[person] == part
        best = _fit(x[~own], y[~own], person[~own]).order(x[own], person[own], code[own], _JUDGED_AT)
        ndcg[fold == part] = gains(judged, best, _JUDGED_AT).ndcg[fold == part]
    difference = ndcg - blended.ndcg
    if difference.mean() <= difference.std() / np.sqrt(len(difference)):
        return None
    return _fit(x, y, person)


def strongest(person: Ints, code: Ints, scores: Floats, k: int) -> Top:
    """Person, rank from 1, product and score of each person's best `k`; equal scores go by product id; 0 never counts.

    Scores are compared as whole millionths: sums that differ only by the order of adding are equal on every engine.
    """
    whole = np.rint(scores * 1e6).astype(np.int64)
    order = np.lexsort((code, -whole, person))
    person, code, whole = person[order], code[order], whole[order]
    place = np.arange(len(person)) - np.searchsorted(person, person)
    best = (place < k) & (whole > 0)
    return person[best], place[best] + 1, code[best], whole[best] / 1e6


def _fit(x: Floats, y: npt.NDArray[Any], person: Ints) -> Ranking:
    import lightgbm as lgb
    sizes = np.unique(person, return_counts=True)[1]
    data = lgb.Dataset(x, y, group=sizes, feature_name=list(FEATURES), params={"verbosity": -1})
    return Ranking(lgb.train(PARAMS, data, TREES).model_to_string())


@lru_cache(maxsize=16)
def _booster(text: str) -> Booster:
    import lightgbm as lgb
    return lgb.Booster(model_str=text)
