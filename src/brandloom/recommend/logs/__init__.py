"""Recommending from any log of who took what when: a shop's sales, clicks, plays."""

from brandloom.recommend.logs.files import read_file
from brandloom.recommend.logs.likeness import describe
from brandloom.recommend.logs.log import Log, log_of, read_log
from brandloom.recommend.logs.model import Card, LogRecommender, fit_log
from brandloom.recommend.logs.reasons import REASONS, Reason
from brandloom.recommend.logs.store import load, save

__all__ = ["REASONS", "Card", "Log", "LogRecommender", "Reason", "describe", "fit_log", "load", "log_of", "read_file", "read_log", "save"]
