"""What models have cost, per day, model and task, and the budget that stops them.

Before a request the most it may cost is written down, in the transaction that looks whether the budget still has room for it;
afterwards that reservation gives way to what the request has cost. A process that dies in between leaves its reservation
behind, and it counts: no crash and no second process can spend the same money twice.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Self, cast

from brandloom.errors import ConfigError
from brandloom.i18n import _
from brandloom.llm.database import Database
from brandloom.llm.prices import Estimate, Price, to_money

FILE = "spend.sqlite"
_TABLES = """
CREATE TABLE IF NOT EXISTS costs (
    day TEXT, model TEXT, task TEXT, currency TEXT, calls INTEGER, cached INTEGER, prompt_tokens INTEGER, completion_tokens INTEGER,
    micros INTEGER, PRIMARY KEY (day, model, task, currency));
CREATE TABLE IF NOT EXISTS reservations (
    id INTEGER PRIMARY KEY AUTOINCREMENT, day TEXT, model TEXT, task TEXT, currency TEXT, prompt_tokens INTEGER,
    completion_tokens INTEGER, micros INTEGER);
"""
_LINES = """
SELECT day, model, task, currency, sum(calls), sum(cached), sum(prompt_tokens), sum(completion_tokens), sum(micros), sum(pending) FROM (
    SELECT day, model, task, currency, calls, cached, prompt_tokens, completion_tokens, micros, 0 AS pending FROM costs
    UNION ALL SELECT day, model, task, currency, 1, 0, prompt_tokens, completion_tokens, micros, 1 FROM reservations)
WHERE day >= ? GROUP BY day, model, task, currency ORDER BY day DESC, model, task, currency
"""
_TODAY = """
SELECT coalesce(sum(prompt_tokens + completion_tokens), 0), coalesce(sum(CASE WHEN currency = ? THEN micros ELSE 0 END), 0) FROM (
    SELECT day, currency, prompt_tokens, completion_tokens, micros FROM costs
    UNION ALL SELECT day, currency, prompt_tokens, completion_tokens, micros FROM reservations)
WHERE day = ?
"""
_ADD = """
INSERT INTO costs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, cached = cached + excluded.cached,
    prompt_tokens = prompt_tokens + excluded.prompt_tokens, completion_tokens = completion_tokens + excluded.completion_tokens,
    micros = micros + excluded.micros
"""
_Key = tuple[str, str, str, str]
_Counts = tuple[int, int, int, int, int]


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
    """What one model has cost on one day for one task."""

    day: str
    model: str
    task: str
    calls: int
    """Requests that may have to be paid; answers from the cache are none."""
    cached: int
    """Requests that were answered from the cache, at no cost."""
    prompt_tokens: int
    completion_tokens: int
    money: Decimal | None
    """None where the model's price was not known."""
    currency: str | None
    pending: int
    """How many of the calls run just now, or died before they told their cost: these count with the most they may cost."""


@dataclass(frozen=True)
class Spent:
    """What requests have cost together."""

    calls: int
    cached: int
    prompt_tokens: int
    completion_tokens: int
    money: Decimal | None
    """None where a price was not known, or the currencies differ."""
    currency: str | None

    @classmethod
    def of(cls, lines: Iterable[SpendLine]) -> Self:
        """The sum of several lines."""
        lines = list(lines)
        paid = {line.currency for line in lines if line.calls} or {line.currency for line in lines}
        currency = paid.pop() if len(paid) == 1 else None
        money = sum((line.money for line in lines if line.money is not None), Decimal(0)) if currency else None
        return cls(sum(line.calls for line in lines), sum(line.cached for line in lines), sum(line.prompt_tokens for line in lines),
                   sum(line.completion_tokens for line in lines), money, currency)

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def since(self, before: Spent | None) -> Spent:
        """What was added to an earlier sum."""
        if before is None:
            return self
        known = self.money is not None and before.money is not None and before.currency in (None, self.currency)
        return Spent(self.calls - before.calls, self.cached - before.cached, self.prompt_tokens - before.prompt_tokens,
                     self.completion_tokens - before.completion_tokens,
                     self.money - before.money if known and self.money is not None and before.money is not None else None,
                     self.currency if known else None)

    def to_dict(self) -> dict[str, Any]:
        return {"calls": self.calls, "cached": self.cached, "prompt_tokens": self.prompt_tokens, "completion_tokens": self.completion_tokens,
                "money": None if self.money is None else str(self.money), "currency": self.currency}


@dataclass(frozen=True)
class Reservation:
    """The right to make one request."""

    id: int
    key: _Key
    price: Price | None


class SpendBook:
    """The book of what was spent, one file that all processes of this machine share.

    Raises:
        ConfigError: the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _TABLES)
        self._run: dict[_Key, _Counts] = {}
        self._lock = threading.Lock()

    def reserve(self, model: str, most: Estimate, price: Price | None, budget: Budget, now: datetime, *, task: str = "draft") -> Reservation:
        """Write down the most a request may cost.

        Args:
            now: aware; its day in UTC is the one that pays.
            task: what the request is for; see `routes.Task`.
        Raises:
            BudgetError: that is more than the day's budget has left.
            ConfigError: the budget is in money and the model has no price in that currency.
        """
        if budget.money is not None and (price is None or price.currency != budget.currency):
            raise ConfigError(_("Model '{model}' has no price in {currency}, so the day's budget in money cannot be kept. Set "
                                "BRANDLOOM_MODEL_PRICE_IN and BRANDLOOM_MODEL_PRICE_OUT, or a budget in tokens."),
                              model=model, currency=budget.currency)
        key = _key(now, model, task, price)
        micros = price.micros(most.prompt_tokens, most.completion_tokens) if price else 0
        with self._database.writing() as connection:
            tokens_spent, micros_spent = connection.execute(_TODAY, (budget.currency, key[0])).fetchone()
            if budget.tokens is not None and tokens_spent + most.tokens > budget.tokens:
                raise _over_tokens(tokens_spent, most.tokens, budget, now)
            if budget.money is not None and to_money(micros_spent + micros) > budget.money:
                raise _over_money(to_money(micros_spent), to_money(micros), budget, now)
            number = connection.execute(
                "INSERT INTO reservations (day, model, task, currency, prompt_tokens, completion_tokens, micros) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*key, most.prompt_tokens, most.completion_tokens, micros)).lastrowid
        assert number is not None
        return Reservation(number, key, price)

    def settle(self, reservation: Reservation, prompt_tokens: int, completion_tokens: int) -> None:
        """Put what the request has cost in place of its reservation."""
        price = reservation.price
        micros = price.micros(prompt_tokens, completion_tokens) if price else 0
        self._add(reservation.key, (1, 0, prompt_tokens, completion_tokens, micros), settled=reservation.id)

    def note_cached(self, model: str, price: Price | None, now: datetime, *, task: str = "draft") -> None:
        """Count a request that was answered from the cache."""
        self._add(_key(now, model, task, price), (0, 1, 0, 0, 0))

    def release(self, reservation: Reservation) -> None:
        """Take back the reservation of a request that costs nothing."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM reservations WHERE id = ?", (reservation.id,))

    def lines(self, since: datetime) -> list[SpendLine]:
        """What was spent from the day of `since` (aware, UTC) on, the latest day first."""
        rows = cast(list[tuple[str, str, str, str, int, int, int, int, int, int]], self._database.rows(_LINES, f"{since.astimezone(UTC):%Y-%m-%d}"))
        return [_line(row[:4], row[4:9], row[9]) for row in rows]

    def run(self) -> list[SpendLine]:
        """What was spent through this object alone: the cost of one run."""
        with self._lock:
            return [_line(key, counts, 0) for key, counts in self._run.items()]

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def _add(self, key: _Key, counts: _Counts, *, settled: int | None = None) -> None:
        with self._database.writing() as connection:
            if settled is not None:
                connection.execute("DELETE FROM reservations WHERE id = ?", (settled,))
            connection.execute(_ADD, (*key, *counts))
        with self._lock:
            before = self._run.get(key, (0,) * len(counts))
            self._run[key] = cast(_Counts, tuple(old + new for old, new in zip(before, counts, strict=True)))


def _key(now: datetime, model: str, task: str, price: Price | None) -> _Key:
    return f"{now.astimezone(UTC):%Y-%m-%d}", model, task, price.currency if price else ""


def _line(key: _Key, counts: _Counts, pending: int) -> SpendLine:
    (day, model, task, currency), (calls, cached, prompt_tokens, completion_tokens, micros) = key, counts
    return SpendLine(day, model, task, calls, cached, prompt_tokens, completion_tokens, to_money(micros) if currency else None,
                     currency or None, pending)


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
