"""Probabilities that happen as often as they say: a curve over log-odds, chosen by evidence on rows no member had learned from."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from brandloom.predict.tables.frame import Floats, Ints

LEAST_FOR_A_CURVE = 200
"""Rows of the rarer class under which any curve follows noise: it made tables of 300 rows worse."""
LEAST_FOR_ISOTONIC = 500
"""The same for the steps of an isotonic curve."""
CLEARLY = 2.0
"""Standard errors by which a curve has to be better than none."""
_MOST = 30.0


@dataclass(frozen=True)
class Calibration:
    """p = curve(log-odds), never falling.

    `kind`: 'none'; 'platt': shift + slope * z; 'beta': shift + slope * log p - slope_no * log(1 - p); 'isotonic': lines between knots.
    """

    kind: str = "none"
    shift: float = 0.0
    slope: float = 1.0
    slope_no: float = 1.0
    knots: tuple[tuple[float, float], ...] = ()
    """Log-odds before and after, of 'isotonic'."""

    def log_odds(self, z: Floats) -> Floats:
        """(n,) calibrated log-odds."""
        z = np.clip(z, -_MOST, _MOST)
        if self.kind == "platt":
            return np.asarray(self.shift + self.slope * z)
        if self.kind == "beta":
            return np.asarray(self.shift - self.slope * np.logaddexp(0.0, -z) + self.slope_no * np.logaddexp(0.0, z))
        if self.kind == "isotonic":
            before, after = np.array(self.knots).T
            return np.asarray(np.interp(z, before, after) + np.minimum(z - before[0], 0.0) + np.maximum(z - before[-1], 0.0))
        return z

    def probability(self, z: Floats) -> Floats:
        return np.asarray(1.0 / (1.0 + np.exp(-self.log_odds(z))))


def log_loss_rows(y: Floats, p: Floats) -> Floats:
    """(n,) minus the logarithm of the probability given to what happened."""
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return np.asarray(-(y * np.log(p) + (1 - y) * np.log1p(-p)))


def choose_calibration(z: Floats, y: Floats, part: Ints) -> Calibration:
    """The curve that tells held-out parts best; none unless one is clearly better.

    Args:
        z: (n,) log-odds of rows that the model had not learned from.
        part: (n,) which part each row belongs to; each is judged by a curve fitted on the others.
    """
    rarer = min(y.sum(), (1 - y).sum())
    kinds = (["platt", "beta"] if rarer >= LEAST_FOR_A_CURVE else []) + (["isotonic"] if rarer >= LEAST_FOR_ISOTONIC else [])
    plain = log_loss_rows(y, Calibration().probability(z))
    best, best_gain = "none", 0.0
    for kind in kinds:
        losses = np.array(plain)
        for k in np.unique(part):
            own, rest = part == k, part != k
            if 0 < y[rest].sum() < rest.sum():
                losses[own] = log_loss_rows(y[own], _fit(kind, z[rest], y[rest]).probability(z[own]))
        gain = plain - losses
        if gain.mean() > max(best_gain, CLEARLY * gain.std() / np.sqrt(len(gain))):
            best, best_gain = kind, float(gain.mean())
    return _fit(best, z, y)


def _fit(kind: str, z: Floats, y: Floats) -> Calibration:
    z = np.clip(z, -_MOST, _MOST)
    if kind == "platt":
        shift, slope = _regress(np.column_stack([z]), y)
        return Calibration(kind, shift, max(slope, 0.05))
    if kind == "beta":
        shift, yes, no = _regress(np.column_stack([-np.logaddexp(0.0, -z), np.logaddexp(0.0, z)]), y)
        return Calibration(kind, shift, yes, no) if min(yes, no) > 0 else _fit("platt", z, y)
    if kind == "isotonic":
        return _isotonic(z, y)
    return Calibration()


def _regress(x: Floats, y: Floats) -> list[float]:
    """Logistic regression with a weak pull towards slopes of 1 (as of five rows), by Newton's steps."""
    design = np.column_stack([np.ones(len(x)), x])
    b = np.array([0.0, *np.ones(x.shape[1])])
    pull = np.array([1e-9, *np.full(x.shape[1], 5.0 * 0.25)])
    prior = np.array([0.0, *np.ones(x.shape[1])])
    for _step in range(50):
        p = 1.0 / (1.0 + np.exp(-np.clip(design @ b, -_MOST, _MOST)))
        gradient = design.T @ (p - y) + pull * (b - prior)
        hessian = design.T @ (design * np.maximum(p * (1 - p), 1e-9)[:, None]) + np.diag(pull + 1e-9)
        step = np.linalg.solve(hessian, gradient)
        b = b - np.clip(step, -2.0, 2.0)
        if np.max(np.abs(step)) < 1e-10:
            break
    return [float(value) for value in b]


def _isotonic(z: Floats, y: Floats) -> Calibration:
    """Steps of pooled neighbours, joined at their centres by lines so that no two different scores become one."""
    from sklearn.isotonic import IsotonicRegression
    order = np.argsort(z, kind="stable")
    fitted = IsotonicRegression(out_of_bounds="clip").fit_transform(z[order], y[order])
    starts = np.r_[0, np.flatnonzero(np.diff(fitted) > 0) + 1, len(fitted)]
    knots = []
    for low, high in pairwise(starts.tolist()):
        share = (y[order][low:high].sum() + 0.5 * fitted.mean()) / (high - low + 0.5)
        share = float(np.clip(share, 1e-6, 1 - 1e-6))
        knots.append((float(z[order][low:high].mean()), float(np.log(share / (1 - share)))))
    rising = [knots[0]]
    for before, after in knots[1:]:
        if before > rising[-1][0] and after >= rising[-1][1]:
            rising.append((before, after))
    return Calibration("isotonic", knots=tuple(rising)) if len(rising) > 1 else _fit("platt", z, y)
