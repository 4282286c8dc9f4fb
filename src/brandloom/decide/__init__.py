"""Deciding: who gets what, in which language and on which channel, within a budget, with a holdout and logged probabilities."""

from brandloom.decide.bandit import Allocation, Arm, allocate
from brandloom.decide.decisions import MAX_VARIANTS, POLICY, REASONS, Audience, DecisionSummary, Products, Terms, decide
from brandloom.decide.economics import Economics, incremental_value
from brandloom.decide.variants import Variant
from brandloom.decide.waves import FLOOR, WAVE_POLICY, draw_texts, share_out, texts_worth_writing, wave_numbers

__all__ = ["FLOOR", "MAX_VARIANTS", "POLICY", "REASONS", "WAVE_POLICY", "Allocation", "Arm", "Audience", "DecisionSummary", "Economics",
           "Products", "Terms", "Variant", "allocate", "decide", "draw_texts", "incremental_value", "share_out", "texts_worth_writing",
           "wave_numbers"]
