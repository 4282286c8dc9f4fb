"""Predictions for a table that a company brings: checked for leaks, learned, calibrated, judged on rows held back, and explained."""

from brandloom.predict.tables.explain import Explanation, changed, explain
from brandloom.predict.tables.frame import Frame, read_frame
from brandloom.predict.tables.learn import Learned, Wanted, learn_table
from brandloom.predict.tables.model import Scores, TableCard, TableModel, load_model

__all__ = ["Explanation", "Frame", "Learned", "Scores", "TableCard", "TableModel", "Wanted", "changed", "explain", "learn_table", "load_model",
           "read_frame"]
