"""Sending in waves: who belongs to which wave, and how a wave is shared out among the texts of a cell.

A cell is a persona, product group, channel and language; its people differ by chance alone, so what its texts bring can be compared.
Everybody's wave is drawn when the plan is made and can be told from the plan, the seed and the person's id alone; the text is drawn when
the wave is opened, with shares that the outcomes of the waves before it have moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from brandloom.decide.bandit import Allocation, Arm, allocate
from brandloom.decide.policy import uniform_draw
from brandloom.errors import ConfigError
from brandloom.i18n import _

Ints = npt.NDArray[np.int64]

WAVE_POLICY = "waves 1"  # name and version; raise the version when a wave could come out differently
FLOOR = 0.05
"""Share of a wave that is dealt evenly whatever is known, so that every text keeps a probability and other rules can be judged later."""
LEAST_CLICKS = 3
"""Clicks to be expected per text, over all waves; with fewer, more texts than one only cost calls to the model."""


def wave_numbers(plan: str, seed: int, customers: Sequence[str], cells: Sequence[str], waves: int) -> Ints:
    """The wave of each person, 1 to `waves`, drawn within each cell so that its waves are of one size, give or take one person.

    A cell of fewer people than waves has nothing to learn from: it goes out with the first.

    Args:
        customers, cells: one entry per person, in any order; a person's wave does not depend on the order.
    """
    draw = uniform_draw(plan, seed, customers, purpose="wave")
    order = np.lexsort((np.asarray(customers, dtype=object).astype(str), draw, np.asarray(cells, dtype=object).astype(str)))
    _names, start, size = np.unique(np.asarray(cells, dtype=object).astype(str)[order], return_index=True, return_counts=True)
    place = np.arange(len(order)) - np.repeat(start, size)
    numbers = np.empty(len(order), dtype=np.int64)
    numbers[order] = np.where(np.repeat(size, size) < waves, 1, 1 + place * waves // np.repeat(size, size))
    return numbers


def share_out(arms: Sequence[Arm], *, wave: int, remaining: int, level: float, floor: float = FLOOR) -> Allocation:
    """How the next wave of a cell is shared out: evenly while nothing tells the texts apart, else by `allocate`.

    Args:
        arms: the cell's texts with their outcomes so far and, where a scorer knows them, their scores.
        wave: people of the cell in this wave.
        remaining: people of the cell in this wave and those after it.
        level: usual share of successes.
        floor: see `FLOOR`; every share is at least `floor / len(arms)`.
    Raises:
        ConfigError: no arms, a key that stands twice, or numbers that `allocate` refuses.
    """
    if len({arm.key for arm in arms}) != len(arms):
        raise ConfigError(_("A text stands twice among the texts of one cell. Each needs a key of its own."))
    found = allocate(arms, wave=wave, remaining=remaining, level=level, floor=floor)
    if len({arm.score for arm in arms}) == 1 and not any(arm.impressions for arm in arms):
        return Allocation(dict.fromkeys(found.share, 1 / len(arms)), found.expected_rate, found.deviation)
    return found


def draw_texts(allocation: Allocation, customers: Sequence[str], *, plan: str, wave: int, cell: str, seed: int = 0) -> list[str]:
    """A text for each person of a cell's wave; the same for the same people in any order."""
    key = blake2b("\x1f".join((plan, str(seed), str(wave), cell)).encode(), digest_size=8).digest()
    order = np.argsort(np.asarray(customers, dtype=object).astype(str))
    drawn, _propensity = allocation.draw(len(customers), np.random.default_rng(int.from_bytes(key)))
    texts = dict(zip(order.tolist(), drawn, strict=True))
    return [texts[number] for number in range(len(customers))]


def texts_worth_writing(people: int, most: int, *, level: float = 0.015) -> int:
    """How many texts a cell of `people` can tell apart: 1 to `most`, each with at least `LEAST_CLICKS` clicks to be expected."""
    return max(1, min(most, int(people * level / LEAST_CLICKS)))
