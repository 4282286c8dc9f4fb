"""Recommending: what each person is likely to want next, why, and which products can share a text."""

from brandloom.recommend.evaluate import evaluate
from brandloom.recommend.fit import fit
from brandloom.recommend.groups import GENERAL, GENERAL_LABEL, ProductGroup, group_products
from brandloom.recommend.model import REASONS, Recommender, Weights
from brandloom.recommend.names import goods_in, has_chinese, theme_of
from brandloom.recommend.score import recommend

__all__ = ["GENERAL", "GENERAL_LABEL", "REASONS", "ProductGroup", "Recommender", "Weights", "evaluate", "fit", "goods_in", "group_products",
           "has_chinese", "recommend", "theme_of"]
