"""Numbers about the future: who is likely to buy within a horizon, how much they may spend, how sure that is, and why."""

from brandloom.predict.evaluation import Evaluation, evaluate
from brandloom.predict.features import actual_purchases
from brandloom.predict.metrics import Estimate
from brandloom.predict.model import ModelCard, PurchaseModel
from brandloom.predict.reasons import reason_text
from brandloom.predict.scoring import predict, scores
from brandloom.predict.training import fit

__all__ = ["Estimate", "Evaluation", "ModelCard", "PurchaseModel", "actual_purchases", "evaluate", "fit", "predict",
           "reason_text", "scores"]
