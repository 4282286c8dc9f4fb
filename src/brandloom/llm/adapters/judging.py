"""Whether an adapter is better than its base on examples it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from brandloom.errors import DataError
from brandloom.i18n import _
from brandloom.llm.adapters.examples import Example
from brandloom.llm.adapters.ranges import Range, mean_range
from brandloom.llm.adapters.tuned import Tuned


@dataclass(frozen=True)
class Judged:
    """Base and adapter on the same pairs of a preferred and a rejected answer."""

    pairs: int
    groups: int
    base: Range
    """Share of pairs where the base finds the preferred answer likelier, per token."""
    adapted: Range
    """The same with the adapter."""
    gain: Range
    """Share with the adapter less share without."""
    moved: Range
    """Share of pairs where the adapter raises the preferred answer by more than the rejected one, per token; without a preference, one half.
    A model finds its own drafts the likeliest, which is why this tells where the shares above are near zero."""
    base_chosen: float
    """Mean log-likelihood per token of the preferred answers, in nats."""
    adapted_chosen: float
    base_rejected: float
    """The same of the rejected answers."""
    adapted_rejected: float

    @property
    def better(self) -> bool:
        """Whether it surely moves towards what is preferred: the whole interval of `moved` lies above one half."""
        return self.moved.low > 0.5

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def judge(tuned: Tuned, examples: Sequence[Example], *, seed: int = 0, progress: Callable[[float], None] | None = None) -> Judged:
    """Compare a model with and without its additions on later examples; those without a rejected answer say nothing here.

    Raises:
        DataError: no example has a rejected answer.
    Source:
        Rafailov et al. 2023 (direct preference optimisation): `moved` is the accuracy of the reward that an adapted model stands for.
    """
    pairs = [one for one in examples if one.rejected is not None]
    if not pairs:
        raise DataError(_("There is no pair to judge by: no later example has a rejected answer."))
    found = []
    for at, one in enumerate(pairs, start=1):
        turns = [tuned.turn(one.prompt, answer) for answer in (one.chosen, one.rejected) if answer is not None]
        with torch.no_grad():
            adapted = tuned.log_likelihood(turns).tolist()
            with tuned.lora.off():
                base = tuned.log_likelihood(turns).tolist()
        found.append((*base, *adapted))
        if progress is not None:
            progress(at / len(pairs))
    likely = np.array(found)
    right = np.stack([likely[:, 0] > likely[:, 1], likely[:, 2] > likely[:, 3]], axis=1).astype(float)
    groups = [one.group for one in pairs]
    moved = (likely[:, 2] - likely[:, 0] > likely[:, 3] - likely[:, 1]).astype(float)
    base_right, adapted_right, gain, toward = (mean_range(column, groups, seed=seed)
                                               for column in (right[:, 0], right[:, 1], right[:, 1] - right[:, 0], moved))
    base_chosen, base_rejected, adapted_chosen, adapted_rejected = (float(mean) for mean in likely.mean(axis=0))
    return Judged(len(pairs), len(set(groups)), base_right, adapted_right, gain, toward, base_chosen, adapted_chosen, base_rejected,
                  adapted_rejected)
