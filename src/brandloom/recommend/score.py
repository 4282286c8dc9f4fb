"""Recommending: the table `recommendations` for every customer."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from brandloom.engine import Engine, read_sql
from brandloom.recommend.fit import coded, popularity
from brandloom.recommend.history import history_select, read_items
from brandloom.recommend.model import SCORES, Recommender, score_batch


def recommend(engine: Engine, model: Recommender, as_of: datetime, *, k: int = 10) -> int:
    """Write the best `k` products of every customer who bought before `as_of` to `recommendations`; returns the rows.

    Only products that are sold at `as_of` are written: bought by someone in the last 90 days or listed by the catalogue, and
    not out of stock. Someone whose products are all unknown to the model gets the popular ones.
    """
    model = at(engine, model, as_of)
    products = pa.chunked_array([pa.array(model.products, pa.string())])
    with coded(engine, products):
        engine.map_batches("recommend_scores", history_select(), partial(score_batch, model=model, k=k), SCORES,
                           as_of=as_of, bar="~")
        rows = engine.replace("recommendations", read_sql("recommend", "named"))
    engine.drop("recommend_scores")
    return rows


def at(engine: Engine, model: Recommender, as_of: datetime) -> Recommender:
    """The same model with what is sold and popular at another date; what goes together stays as it was learned."""
    if as_of == model.as_of:
        return model
    items = read_items(engine, as_of)
    products = pa.chunked_array([pa.array(model.products, pa.string())])
    sold = items.filter(items["sold"])["product"].combine_chunks()
    popular, steady = popularity(engine, products, as_of)
    return replace(model, as_of=as_of, sold=np.asarray(pc.is_in(products.combine_chunks(), value_set=sold)), popular=popular, steady=steady)
