"""What a treatment adds to a person's outcome: effects per person for one or several treatments, with a verdict whether they differ."""

from brandloom.predict.uplift.model import Between, Targeting, UpliftCard, UpliftModel, fit_uplift

__all__ = ["Between", "Targeting", "UpliftCard", "UpliftModel", "fit_uplift"]
