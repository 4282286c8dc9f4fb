"""A gated recurrent unit (Cho et al. 2014) over the steps of a visit, learned and read with numpy alone.

A visit has a few steps and a step a dozen numbers, so that a network of this size learns in seconds on one core and needs no library of
hundreds of megabytes. Equations and gate order are PyTorch's, against which the benchmark compares it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from brandloom.predict.features import Floats

Ints = npt.NDArray[np.int64]
_FARTHEST = 30.0


@dataclass(frozen=True)
class Gru:
    """Weights: gates in the order reset, update, new.

    Args:
        inputs: (3 * hidden, numbers of a step); `hidden`: (3 * hidden, hidden).
        input_bias, hidden_bias: (3 * hidden,).
        out: (hidden,); out_bias: (1,).
    """

    inputs: Floats
    hidden: Floats
    input_bias: Floats
    hidden_bias: Floats
    out: Floats
    out_bias: Floats

    def log_odds(self, x: Floats, ends: Ints) -> Floats:
        """(n,) after each step.

        Args:
            x: (n, numbers) steps of visits one after another.
            ends: (visits,) place of each visit's last step in `x`.
        """
        made = np.empty(len(x))
        for rows in _batches(ends, 2048):
            padded, real, places = _padded(x, ends, rows)
            made[places[real]] = _forward(self, padded)[0][real]
        return made


@dataclass(frozen=True)
class Training:
    """How it was learned: `losses` are mean log losses of the visits kept aside, after each pass."""

    passes: int
    losses: tuple[float, ...]


def train_gru(x: Floats, y: Floats, ends: Ints, aside: npt.NDArray[np.bool_] | None, *, size: int = 24, passes: int = 30, rate: float = 0.01,
              patience: int = 4, seed: int = 0, progress: Callable[[float], None] = lambda _done: None) -> tuple[Gru, Training]:
    """Learn by Adam on batches of visits of about one length; the pass that is best on the visits kept `aside` is taken.

    Args:
        x: (n, numbers); y: (n,) 0 or 1, what is to be told after each step; ends: (visits,) last step of each.
        aside: (visits,) those that are not learned from; None learns from all for so many `passes`.
    """
    rng = np.random.default_rng(seed)
    one = _begin(x.shape[1], size, float(y.mean()), rng)
    first, second = ({field.name: np.zeros_like(getattr(one, field.name)) for field in fields(Gru)} for _moment in range(2))
    learned = np.arange(len(ends)) if aside is None else np.flatnonzero(~aside)
    kept, best, losses, turn = one, np.inf, list[float](), 0
    for number in range(passes):
        for rows in _shuffled(ends, learned, rng):
            turn += 1
            slopes = gradient(one, *_padded(x, ends, rows), y)
            moved = {}
            for field in fields(Gru):
                name, slope = field.name, slopes[field.name]
                first[name] += 0.1 * (slope - first[name])
                second[name] += 0.001 * (slope**2 - second[name])
                moved[name] = getattr(one, name) - rate * (first[name] / (1 - 0.9**turn)) / (np.sqrt(second[name] / (1 - 0.999**turn)) + 1e-8)
            one = Gru(**moved)
        progress((number + 1) / passes)
        if aside is None:
            kept = one
            continue
        told = np.isin(np.searchsorted(ends, np.arange(len(x))), np.flatnonzero(aside))
        losses.append(float(np.mean(_loss(one.log_odds(x, ends)[told], y[told]))))
        if losses[-1] < best:
            kept, best = one, losses[-1]
        elif len(losses) - int(np.argmin(losses)) > patience:
            break
    return kept, Training(int(np.argmin(losses)) + 1 if losses else passes, tuple(losses))


def gradient(one: Gru, padded: Floats, real: npt.NDArray[np.bool_], places: Ints, y: Floats) -> dict[str, Floats]:
    """Slopes of the mean log loss of a batch, by going back through its steps."""
    odds, states, gates = _forward(one, padded)
    size, steps = len(one.out), padded.shape[1]
    wanted = np.where(real, y[places], 0.0)
    error = np.where(real, _sigmoid(odds) - wanted, 0.0) / max(1, int(real.sum()))
    slopes = {field.name: np.zeros_like(getattr(one, field.name)) for field in fields(Gru)}
    slopes["out"] = np.einsum("bt,bth->h", error, states[:, 1:])
    slopes["out_bias"] = np.array([error.sum()])
    back = np.zeros((len(padded), size))
    for t in reversed(range(steps)):
        reset, update, new, inner = gates[t]
        before = states[:, t]
        back = back + error[:, t, None] * one.out
        d_new = back * (1 - update) * (1 - new**2)
        d_update = back * (before - new) * update * (1 - update)
        d_reset = d_new * inner * reset * (1 - reset)
        d_in = np.concatenate([d_reset, d_update, d_new], axis=1)
        d_hidden = np.concatenate([d_reset, d_update, d_new * reset], axis=1)
        slopes["inputs"] += d_in.T @ padded[:, t]
        slopes["hidden"] += d_hidden.T @ before
        slopes["input_bias"] += d_in.sum(0)
        slopes["hidden_bias"] += d_hidden.sum(0)
        back = back * update + d_hidden @ one.hidden
    return slopes


def _forward(one: Gru, padded: Floats) -> tuple[Floats, Floats, list[tuple[Floats, Floats, Floats, Floats]]]:
    """(b, t) log-odds, (b, t + 1, hidden) states, and what the gates were at each step."""
    size = len(one.out)
    states, gates = np.zeros((padded.shape[0], padded.shape[1] + 1, size)), []
    given = padded @ one.inputs.T + one.input_bias
    for t in range(padded.shape[1]):
        held = states[:, t] @ one.hidden.T + one.hidden_bias
        reset = _sigmoid(given[:, t, :size] + held[:, :size])
        update = _sigmoid(given[:, t, size:2 * size] + held[:, size:2 * size])
        inner = held[:, 2 * size:]
        new = np.tanh(given[:, t, 2 * size:] + reset * inner)
        states[:, t + 1] = (1 - update) * new + update * states[:, t]
        gates.append((reset, update, new, inner))
    return states[:, 1:] @ one.out + one.out_bias[0], states, gates


def _begin(numbers: int, size: int, share: float, rng: np.random.Generator) -> Gru:
    """Small random weights; the bias begins at the share of steps that are followed by a purchase."""
    wide = 1 / np.sqrt(size)
    inputs, hidden = rng.uniform(-wide, wide, (3 * size, numbers)), rng.uniform(-wide, wide, (3 * size, size))
    biases, out = rng.uniform(-wide, wide, (2, 3 * size)), rng.uniform(-wide, wide, size)
    share = min(max(share, 1e-4), 1 - 1e-4)
    return Gru(inputs, hidden, biases[0], biases[1], 0.1 * out, np.array([np.log(share / (1 - share))]))


def _padded(x: Floats, ends: Ints, rows: Ints) -> tuple[Floats, npt.NDArray[np.bool_], Ints]:
    """(b, t, numbers) steps of some visits, (b, t) which of them are real, and (b, t) their places in `x`."""
    starts = np.r_[0, ends[:-1] + 1][rows]
    lengths = ends[rows] - starts + 1
    places = starts[:, None] + np.arange(lengths.max())[None, :]
    real = np.arange(lengths.max())[None, :] < lengths[:, None]
    places = np.where(real, places, 0)
    return x[places] * real[:, :, None], real, places


def _batches(ends: Ints, most: int) -> Iterator[Ints]:
    """Visits of about one length together, so many steps at a time."""
    lengths = np.diff(np.r_[-1, ends])
    order = np.argsort(lengths, kind="stable")
    begin = 0
    while begin < len(order):
        width = 1
        while begin + width < len(order) and (width + 1) * lengths[order[begin + width]] <= max(most, lengths[order[begin]]):
            width += 1
        yield order[begin:begin + width]
        begin += width


def _shuffled(ends: Ints, learned: Ints, rng: np.random.Generator) -> list[Ints]:
    """Batches of the visits to learn from, in random order."""
    lengths = np.diff(np.r_[-1, ends])[learned]
    order = learned[np.lexsort((rng.random(len(learned)), lengths))]
    cut = np.array_split(order, max(1, len(order) // 256))
    return [cut[place] for place in rng.permutation(len(cut))]


def _sigmoid(z: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -_FARTHEST, _FARTHEST))))


def _loss(z: Floats, y: Floats) -> Floats:
    return np.asarray(np.logaddexp(0.0, z) - y * z)
