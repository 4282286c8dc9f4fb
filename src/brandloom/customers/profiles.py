"""One row per customer: what they bought, how often, how recently, and their habits, as of a moment.

Words follow Fader and Hardie, as in `lifetimes`: `frequency` is the number of repeat purchase days (purchase days minus one),
`recency_days` runs from first to last purchase, `T_days` from first purchase to `as_of`, and `monetary_value` is the mean
amount of a purchase day before returns. `days_since_last` is how long ago the last purchase was. For somebody who never bought,
counts and sums are 0 and everything that needs a purchase is null. Windows such as `spend_90d` count calendar days in UTC, and
`active_months` the calendar months in UTC with a purchase day, so that no month turns into another one as time passes.
"""

from __future__ import annotations

from datetime import datetime

from brandloom.engine import Engine, Value, read_sql

EVERYBODY = "g"  # above every hexadecimal digit
_HABITS = ", ".join(f"r.{name} AS {name}" for name in ("country", "language", "favourite_category", "favourite_product", "favourite_weekday",
                                                        "favourite_hour", "favourite_category_share", "discount_share", "price_level"))


def profile_query(as_of: datetime, *, events: str = "events", customers: str = "customers", among: str = "TRUE") -> tuple[str, dict[str, Value]]:
    """The SELECT of whole profiles and its values.

    Args:
        as_of: naive UTC; nothing that happened at or after it is looked at.
        events: the table to read, where a caller has put aside the events of the customers it needs.
        customers: the table that says who is known, and since when, besides the events; put aside likewise.
        among: SQL over `events` that holds for sales of all products of the categories that those customers bought of, to read no more of them.
    """
    prices, since = prices_query(as_of)
    prices = prices.replace("WHERE kind", f"WHERE {among} AND kind")
    select, values = rows_query(as_of, events=events, customers=customers, prices=f"({prices}) profile_prices")
    return seen_from("SELECT $as_of AS as_of", f"({select})"), values | since


def rows_query(as_of: datetime, *, events: str = "events", customers: str = "customers",
               prices: str = "profile_prices") -> tuple[str, dict[str, Value]]:
    """The SELECT behind profiles that does not age: states and habits, which share one pass over the order lines, and its values.

    Args:
        prices: a table as `prices_query` makes it, as of the same moment.
    """
    states = _states(events).replace("FROM customers\n", f"FROM {customers}\n").rstrip()
    habits = read_sql("customers", "profile_habits").format(references=references(prices))
    return f"WITH {states},\n{habits}", {"as_of": as_of, "whole": True, **sample_values(1.0, 0)}


def prices_query(as_of: datetime, since: datetime = datetime(1, 1, 1)) -> tuple[str, dict[str, Value]]:
    """The SELECT of what each product was sold for in each month, and its values; `since` is the beginning of a month."""
    return read_sql("customers", "profile_prices"), {"as_of": as_of, "since": since}


def references(prices: str) -> str:
    """The SELECT of what each month's purchase lines of a product are measured by."""
    return read_sql("customers", "profile_references").replace("FROM profile_prices", f"FROM {prices}").rstrip()


def seen_from(moment: str, rows: str) -> str:
    """The SELECT of the profiles that these rows are at a moment.

    Args:
        moment: a SELECT of one row with `as_of`.
        rows: the rows of `rows_query` as of that moment, or as of an earlier one if nothing has happened to them since.
    """
    return f"SELECT {read_sql('customers', 'profile_numbers').rstrip()},\n{_HABITS} FROM {rows} r CROSS JOIN ({moment}) moment"


def profile_features(engine: Engine, as_of: datetime, table: str, *, share: float = 1.0, seed: int = 0) -> int:
    """Write only the numeric part of the profiles, at any cutoff, to `table`: the features models learn from and score.

    Args:
        share: part of the customers to keep, in (0, 1]; the same people at every cutoff with the same seed.
    """
    select, values = feature_query(as_of, share=share, seed=seed)
    return engine.replace(table, select, **values)


def feature_query(as_of: datetime, *, share: float = 1.0, seed: int = 0, events: str = "events") -> tuple[str, dict[str, Value]]:
    """The SELECT behind `profile_features` and its values, for callers that score without keeping a table.

    Args:
        events: the table to read, where a caller has put aside the events of the customers it needs.
    """
    numbers = read_sql("customers", "profile_numbers").rstrip()
    select = f"WITH {_states(events)}SELECT {numbers}\nFROM states r CROSS JOIN (SELECT $as_of AS as_of) moment"
    return select, {"as_of": as_of, "whole": share >= 1 or events != "events", **sample_values(share, seed)}


def _states(events: str) -> str:
    return read_sql("customers", "profile_features").replace("FROM events\n", f"FROM {events}\n")


def sample_values(share: float, seed: int) -> dict[str, Value]:
    """`$below` and `$salt` of the condition `md5(concat(customer, $salt)) < $below` that keeps a share of the customers."""
    return {"below": EVERYBODY if share >= 1 else f"{int(share * 16**8):08x}", "salt": str(seed)}
