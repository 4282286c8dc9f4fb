"""Who is chosen: audience, permission, worth, budget; then the holdout, drawn among exactly those who would be written to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Strings = npt.NDArray[np.object_]

SEND, HOLDOUT, SKIP = "send", "holdout", "skip"


@dataclass(frozen=True)
class Permission:
    """Whether each person may be written to on one channel, and if not, why not."""

    allowed: Bools
    reason: Strings


def permission(eligibility: pa.Table, customers: pa.Array, channel: str) -> Permission:
    """Read `eligibility` (customer, channel, eligible, reason) for one channel; someone not listed has not consented."""
    rows = eligibility.filter(pc.equal(eligibility["channel"], channel))
    person = pc.index_in(rows["customer"], value_set=customers).fill_null(-1).to_numpy()
    eligible = rows["eligible"].fill_null(False).to_numpy()
    reasons = np.array(rows["reason"].fill_null("no_consent").to_pylist(), dtype=object)
    allowed = np.zeros(len(customers), dtype=bool)
    reason = np.full(len(customers), "no_consent", dtype=object)
    allowed[person[(person >= 0) & eligible]] = True
    barred = (person >= 0) & ~eligible  # a single bar counts, whatever other rows say
    allowed[person[barred]] = False
    reason[person[barred]] = reasons[barred]
    return Permission(allowed, reason)


def best_channel(permissions: Sequence[Permission], values: Sequence[Floats], costs: Sequence[float], *,
                 budget: Decimal | float | None) -> npt.NDArray[np.int64]:
    """Number of the channel on which a message to each person brings most, the first of equals; -1 where none is allowed.

    Without a budget that is the largest value less cost. Where the money does not reach, a cost counts for more than itself: by the
    least price of money at which everybody worth writing to can be paid for (the multiple-choice knapsack by its Lagrangian, Sinha and
    Zoltners 1979). So a dear channel is kept for those to whom it adds most.
    """
    allowed, worth, cost = np.stack([p.allowed for p in permissions]), np.stack(values), np.array(costs, dtype=np.float64)[:, None]

    def choice(price: float) -> tuple[npt.NDArray[np.int64], float]:
        gain = np.where(allowed, worth - price * cost, -np.inf)
        best = gain.argmax(axis=0)
        return best, float(cost[best, 0][gain.max(axis=0) > 0].sum())

    best, spent = choice(1.0)
    if budget is not None and spent > float(budget) and len(permissions) > 1:
        low, high = 1.0, max(2.0, float(np.max(worth / np.maximum(cost, 1e-9), initial=2.0)))
        for _halving in range(50):
            middle = (low * high) ** 0.5
            low, high = (low, middle) if choice(middle)[1] <= float(budget) else (middle, high)
        best = choice(high)[0]
    return np.where(allowed.any(axis=0), best, -1).astype(np.int64)


def within_limits(wanted: Bools, value: Floats, cost: Floats, customers: Strings, *, budget: Decimal | float | None,
                  max_size: int | None) -> tuple[Bools, Bools]:
    """Of those `wanted`, who fits the number of people and the budget: the most gainful people, and of these highest value per cost first.

    The list is cut where the budget ends, counting everyone on it as if they were written to. Holdout people cost nothing
    in the end, but counting them keeps the choice free of chance, and so the logged probabilities exact.

    Returns:
        Masks of (within both, beyond the budget); the remainder of `wanted` is beyond `max_size`.
    """
    rows = np.flatnonzero(wanted)
    if max_size is not None:
        rows = rows[np.lexsort((customers[rows].astype(str), cost[rows] - value[rows]))][:max_size]
    ratio = np.divide(value[rows], cost[rows], out=np.full(len(rows), np.inf), where=cost[rows] > 0)
    rows = rows[np.lexsort((customers[rows].astype(str), -value[rows], -ratio))]
    within, beyond = np.zeros(len(wanted), dtype=bool), np.zeros(len(wanted), dtype=bool)
    affordable = len(rows)
    if budget is not None:
        spent = np.cumsum(np.ceil(np.round(cost[rows] * 1e6, 3)).astype(np.int64))  # whole millionths: no drift in long sums
        limit = int((Decimal(str(budget)) * 1_000_000).to_integral_value(ROUND_FLOOR))
        affordable = int(np.searchsorted(spent, limit, side="right"))
    within[rows[:affordable]] = True
    beyond[rows[affordable:]] = True
    return within, beyond


def holdout_draw(plan: str, seed: int, customers: Sequence[str]) -> Floats:
    """The draw that holds people out, see `uniform_draw`."""
    return uniform_draw(plan, seed, customers, purpose="holdout")


def uniform_draw(plan: str, seed: int, customers: Sequence[str], *, purpose: str) -> Floats:
    """A number in [0, 1) for each person from plan, seed, purpose and id alone: the same in any order, on any machine."""
    key = blake2b(f"{plan}\x1f{seed}".encode(), digest_size=32).digest()
    mark = purpose.encode()
    raw = b"".join(blake2b(customer.encode(), digest_size=8, key=key, person=mark).digest() for customer in customers)
    uniform: Floats = (np.frombuffer(raw, dtype=">u8") >> np.uint64(11)) / 2.0**53
    return uniform
