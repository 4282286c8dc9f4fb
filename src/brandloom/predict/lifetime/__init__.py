"""Customers over their lifetime: who still buys, how often and how much they will, when next, and who comes back after a first order."""

from brandloom.predict.lifetime.fitting import fit
from brandloom.predict.lifetime.forecast import Forecast, Total, forecast
from brandloom.predict.lifetime.model import Check, LifetimeCard, LifetimeModel
from brandloom.predict.lifetime.returning import Returning, returning
from brandloom.predict.lifetime.summary import Histories, summarise

__all__ = ["Check", "Forecast", "Histories", "LifetimeCard", "LifetimeModel", "Returning", "Total", "fit", "forecast", "returning",
           "summarise"]
