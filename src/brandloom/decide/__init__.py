"""Deciding: who gets what, in which language and on which channel, within a budget, with a holdout and logged probabilities."""

from brandloom.decide.bandit import Allocation, Arm, allocate
from brandloom.decide.decisions import MAX_VARIANTS, POLICY, REASONS, Audience, DecisionSummary, Products, decide
from brandloom.decide.economics import Economics, incremental_value
from brandloom.decide.variants import Variant

__all__ = ["MAX_VARIANTS", "POLICY", "REASONS", "Allocation", "Arm", "Audience", "DecisionSummary", "Economics", "Products", "Variant",
           "allocate", "decide", "incremental_value"]
