"""What a treatment adds to a person's outcome: effects per person for one or several treatments, with a verdict whether they differ."""

from brandloom.predict.uplift.model import LEAST_ROWS, Between, Fifth, Judged, Targeting, UpliftCard, UpliftModel, fit_uplift, judge_effects

__all__ = ["LEAST_ROWS", "Between", "Fifth", "Judged", "Targeting", "UpliftCard", "UpliftModel", "fit_uplift", "judge_effects"]
