"""What models have cost, per day and model, and the budget that stops them.

Before a request the most it may cost is written down, in the transaction that looks whether the budget still has room for it;
afterwards that reservation gives way to what the request has cost. A process that dies in between leaves its reservation
behind, and it counts: no crash and no second process can spend the same money twice.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import cast

from brandloom.errors import ConfigError
from brandloom.i18n import _
from brandloom.llm.database import Database
from brandloom.llm.prices import Estimate, Price, to_money

FILE = "spend.sqlite"
_TABLES = """
CREATE TABLE IF NOT EXISTS spent (
    day TEXT, model TEXT, currency TEXT, calls INTEGER, prompt_tokens INTEGER, completion_tokens INTEGER, micros INTEGER,
    PRIMARY KEY (day, model, currency));
CREATE TABLE IF NOT EXISTS reserved (
    id INTEGER PRIMARY KEY AUTOINCREMENT, day TEXT, model TEXT, currency TEXT, prompt_tokens INTEGER, completion_tokens INTEGER,
    micros INTEGER);
"""
_LINES = """
SELECT day, model, currency, sum(calls), sum(prompt_tokens), sum(completion_tokens), sum(micros), sum(pending) FROM (
    SELECT day, model, currency, calls, prompt_tokens, completion_tokens, micros, 0 AS pending FROM spent
    UNION ALL SELECT day, model, currency, 1, prompt_tokens, completion_tokens, micros, 1 FROM reserved)
WHERE day >= ? GROUP BY day, model, currency ORDER BY day DESC, model, currency
"""
_TODAY = """
SELECT coalesce(sum(prompt_tokens + completion_tokens), 0), coalesce(sum(CASE WHEN currency = ? THEN micros ELSE 0 END), 0) FROM (
    SELECT day, currency, prompt_tokens, completion_tokens, micros FROM spent
    UNION ALL SELECT day, currency, prompt_tokens, completion_tokens, micros FROM reserved)
WHERE day = ?
"""


class BudgetError(ConfigError):
    """The day's budget has no room for the request, which was not made."""

    code = "budget"


@dataclass(frozen=True)
class Budget:
    """The most that all models together may use per day (UTC); None leaves a side without a limit."""

    tokens: int | None = None
    money: Decimal | None = None
    currency: str = "USD"


@dataclass(frozen=True)
class SpendLine:
    """What one model has cost on one day."""

    day: str
    model: str
    calls: int
    """Requests that may have to be paid; answers from the cache are none."""
    prompt_tokens: int
    completion_tokens: int
    money: Decimal | None
    """None where the model's price was not known."""
    currency: str | None
    pending: int
    """How many of the calls run just now, or died before they told their cost: these count with the most they may cost."""


@dataclass(frozen=True)
class Reservation:
    """The right to make one request."""

    id: int
    day: str
    model: str
    price: Price | None


class SpendBook:
    """The book of what was spent, one file that all processes of this machine share.

    Raises:
        ConfigError: the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _TABLES)
        self._run: dict[tuple[str, str, str], tuple[int, int, int, int]] = {}
        self._lock = threading.Lock()

    def reserve(self, model: str, most: Estimate, price: Price | None, budget: Budget, now: datetime) -> Reservation:
        """Write down the most a request may cost.

        Args:
            now: aware; its day in UTC is the one that pays.
        Raises:
            BudgetError: that is more than the day's budget has left.
            ConfigError: the budget is in money and the model has no price in that currency.
        """
        if budget.money is not None and (price is None or price.currency != budget.currency):
            raise ConfigError(_("Model '{model}' has no price in {currency}, so the day's budget in money cannot be kept. Set "
                                "BRANDLOOM_MODEL_PRICE_IN and BRANDLOOM_MODEL_PRICE_OUT, or a budget in tokens."),
                              model=model, currency=budget.currency)
        day = f"{now.astimezone(UTC):%Y-%m-%d}"
        micros = price.micros(most.prompt_tokens, most.completion_tokens) if price else 0
        with self._database.writing() as connection:
            tokens_spent, micros_spent = connection.execute(_TODAY, (budget.currency, day)).fetchone()
            if budget.tokens is not None and tokens_spent + most.tokens > budget.tokens:
                raise _over_tokens(tokens_spent, most.tokens, budget, now)
            if budget.money is not None and to_money(micros_spent + micros) > budget.money:
                raise _over_money(to_money(micros_spent), to_money(micros), budget, now)
            number = connection.execute(
                "INSERT INTO reserved (day, model, currency, prompt_tokens, completion_tokens, micros) VALUES (?, ?, ?, ?, ?, ?)",
                (day, model, price.currency if price else "", most.prompt_tokens, most.completion_tokens, micros)).lastrowid
        assert number is not None
        return Reservation(number, day, model, price)

    def settle(self, reservation: Reservation, prompt_tokens: int, completion_tokens: int) -> None:
        """Put what the request has cost in place of its reservation."""
        price = reservation.price
        key = (reservation.day, reservation.model, price.currency if price else "")
        cost = (1, prompt_tokens, completion_tokens, price.micros(prompt_tokens, completion_tokens) if price else 0)
        with self._database.writing() as connection:
            connection.execute("DELETE FROM reserved WHERE id = ?", (reservation.id,))
            connection.execute(
                "INSERT INTO spent VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, "
                "prompt_tokens = prompt_tokens + excluded.prompt_tokens, micros = micros + excluded.micros, "
                "completion_tokens = completion_tokens + excluded.completion_tokens", (*key, *cost))
        with self._lock:
            before = self._run.get(key, (0, 0, 0, 0))
            self._run[key] = (before[0] + cost[0], before[1] + cost[1], before[2] + cost[2], before[3] + cost[3])

    def release(self, reservation: Reservation) -> None:
        """Take back the reservation of a request that costs nothing."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM reserved WHERE id = ?", (reservation.id,))

    def lines(self, since: datetime) -> list[SpendLine]:
        """What was spent from the day of `since` (aware, UTC) on, the latest day first."""
        rows = cast(list[tuple[str, str, str, int, int, int, int, int]], self._database.rows(_LINES, f"{since.astimezone(UTC):%Y-%m-%d}"))
        return [_line(*row) for row in rows]

    def run(self) -> list[SpendLine]:
        """What was spent through this object alone: the cost of one run."""
        with self._lock:
            return [_line(*key, *cost, 0) for key, cost in self._run.items()]

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()


def _line(day: str, model: str, currency: str, calls: int, prompt_tokens: int, completion_tokens: int, micros: int,
          pending: int) -> SpendLine:
    return SpendLine(day, model, calls, prompt_tokens, completion_tokens, to_money(micros) if currency else None, currency or None, pending)


def _over_tokens(spent: int, wanted: int, budget: Budget, now: datetime) -> BudgetError:
    return BudgetError(_("Today's budget for models has no room for this request: {spent:,} of {limit:,} tokens are spent, and it may "
                         "take {wanted:,}. It starts anew at {reset}; raise BRANDLOOM_MODEL_BUDGET_TOKENS to go on now."),
                       spent=spent, limit=budget.tokens, wanted=wanted, reset=_reset(now))


def _over_money(spent: Decimal, wanted: Decimal, budget: Budget, now: datetime) -> BudgetError:
    return BudgetError(_("Today's budget for models has no room for this request: {spent:.4f} of {limit:f} {currency} are spent, and it "
                         "may cost {wanted:.4f}. It starts anew at {reset}; raise BRANDLOOM_MODEL_BUDGET_MONEY to go on now."),
                       spent=spent, limit=budget.money, wanted=wanted, currency=budget.currency, reset=_reset(now))


def _reset(now: datetime) -> str:
    return f"{now.astimezone(UTC) + timedelta(days=1):%Y-%m-%d} 00:00 UTC"
