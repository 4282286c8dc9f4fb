"""Predicted response: a scorer learned from a shop's own tests ranks copy before it is sent and says how sure it is."""

from brandloom.content.response.encoder import Encoder, MiniLM, pull_encoder
from brandloom.content.response.fit import Arms, OutOfFold, fit_response, out_of_fold, picked, read_arms
from brandloom.content.response.model import REASONS, Accuracy, Comparison, ResponseCard, ResponseModel, Scores
from brandloom.content.response.table import read_tests

__all__ = ["REASONS", "Accuracy", "Arms", "Comparison", "Encoder", "MiniLM", "OutOfFold", "ResponseCard", "ResponseModel", "Scores",
           "fit_response", "out_of_fold", "picked", "pull_encoder", "read_arms", "read_tests"]
