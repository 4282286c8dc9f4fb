"""Predicted response: a scorer learned from tests of copy ranks it before it is sent and says how sure it is.

One learned from English headlines is shipped; a shop's own tests begin from it.
"""

from brandloom.content.response.encoder import Encoder, MiniLM, pull_encoder
from brandloom.content.response.fit import Arms, OutOfFold, fit_response, out_of_fold, picked, read_arms
from brandloom.content.response.model import OWN, REASONS, Accuracy, Comparison, ResponseCard, ResponseModel, Scores
from brandloom.content.response.shipped import learn_from, open_scorer, shipped_scorer, shipped_words
from brandloom.content.response.table import read_tests
from brandloom.content.response.words import WordTable

__all__ = ["OWN", "REASONS", "Accuracy", "Arms", "Comparison", "Encoder", "MiniLM", "OutOfFold", "ResponseCard", "ResponseModel", "Scores",
           "WordTable",
           "fit_response", "learn_from", "open_scorer", "out_of_fold", "picked", "pull_encoder", "read_arms", "read_tests", "shipped_scorer",
           "shipped_words"]
