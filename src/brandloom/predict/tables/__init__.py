"""Predictions for a table that a company brings: checked for leaks, learned, calibrated, judged on rows held back, and explained."""

from brandloom.predict.tables.effects import Asked, EffectCard, EffectModel, LearnedEffects, explain_effects, learn_effects, load_effects
from brandloom.predict.tables.explain import Explanation, changed, explain
from brandloom.predict.tables.frame import Frame, read_frame
from brandloom.predict.tables.learn import Learned, Wanted, learn_table
from brandloom.predict.tables.model import Scores, TableCard, TableModel, load_model

__all__ = ["Asked", "EffectCard", "EffectModel", "Explanation", "Frame", "Learned", "LearnedEffects", "Scores", "TableCard", "TableModel", "Wanted",
           "changed", "explain", "explain_effects", "learn_effects", "learn_table", "load_effects", "load_model", "read_frame"]
