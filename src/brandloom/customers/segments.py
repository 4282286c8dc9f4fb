"""Lifecycle segments from the shop's own rhythm, RFM scores, and the persona each customer's copy is written for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from brandloom.customers.profile_table import build_profiles
from brandloom.engine import Engine, read_sql, scalar
from brandloom.errors import NotFittedError
from brandloom.i18n import _

SEGMENTS = ("new", "active", "loyal", "big_spender", "at_risk", "lapsed", "one_time", "prospect")
SEGMENT_LABELS = {
    "new": _("New"), "active": _("Active"), "loyal": _("Loyal"), "big_spender": _("Big spenders"), "at_risk": _("At risk"),
    "lapsed": _("Lapsed"), "one_time": _("Bought once"), "prospect": _("Not bought yet"),
}
PERSONA_OF = {"new": "newcomers", "active": "regulars", "loyal": "regulars", "big_spender": "big_spenders",
              "at_risk": "drifting", "lapsed": "lapsed", "one_time": "one_time", "prospect": "prospects"}
# who joins whom when a persona has too few people, tried from the top until all are large enough
MERGE_INTO = (("one_time", "lapsed"), ("prospects", "newcomers"), ("drifting", "lapsed"), ("big_spenders", "regulars"),
              ("lapsed", "regulars"), ("newcomers", "regulars"), ("regulars", "newcomers"))
MIN_PERSONA_SIZE = 20
MAX_PERSONAS = 6


@dataclass(frozen=True)
class SegmentSummary:
    """One segment for the report. Shares are of all customers and of all net revenue; medians are null for prospects."""

    segment: str
    size: int
    share: float
    revenue_share: float
    median_days_since_last: float | None
    median_orders: float


def build_segments(engine: Engine, as_of: datetime) -> int:
    """Write table `segments` (customer, as_of, segment, r_score, f_score, m_score, persona); returns the number of rows.

    A buyer counts as active for as long as three in four repeat purchases take in this shop, and as lapsed after the
    time in which nineteen in twenty came. Profiles are built first where they are missing or of another moment.
    """
    if not engine.exists("profiles") or scalar(engine, "SELECT max(as_of) AS as_of FROM profiles") != as_of:
        build_profiles(engine, as_of)
    active_days, lapsed_days = rhythm(engine)
    select = read_sql("customers", "segments")
    values = {"active_days": active_days, "lapsed_days": lapsed_days}
    counted = engine.query(f"SELECT segment, count(*) AS n FROM ({select}) s GROUP BY segment", **values)
    persona = assign_personas(dict(zip(counted["segment"].to_pylist(), counted["n"].to_pylist(), strict=True)))
    cases = " ".join(f"WHEN '{segment}' THEN '{persona[segment]}'" for segment in SEGMENTS)
    return engine.replace("segments", f"SELECT s.*, CASE segment {cases} END AS persona FROM ({select}) s", **values)


def rhythm(engine: Engine) -> tuple[int, int]:
    """Days after which a buyer is no longer active, and lapsed, from the gaps between purchases in `profiles`."""
    gaps = engine.query("SELECT last_gap_days AS value, count(*) AS n FROM profiles WHERE last_gap_days > 0 "
                        "GROUP BY last_gap_days ORDER BY value")
    if gaps.num_rows == 0:
        return 90, 365  # nobody came back yet: a season, a year
    active = max(14, round(weighted_quantile(gaps, 0.75)))
    return active, max(2 * active, round(weighted_quantile(gaps, 0.95)))


def assign_personas(sizes: dict[str, int]) -> dict[str, str]:
    """Persona key per segment: at most six, each with at least 20 people; a very small shop has the one persona 'everyone'."""
    persona = dict(PERSONA_OF)
    totals = {key: sum(sizes.get(s, 0) for s in SEGMENTS if persona[s] == key) for key in set(persona.values())}
    for small, host in MERGE_INTO:
        crowded = sum(total > 0 for total in totals.values()) > MAX_PERSONAS
        if 0 < totals[small] < MIN_PERSONA_SIZE or crowded:
            totals[host], totals[small] = totals[host] + totals[small], 0
            persona = {segment: host if key == small else key for segment, key in persona.items()}
    if any(0 < total < MIN_PERSONA_SIZE for total in totals.values()):
        return dict.fromkeys(SEGMENTS, "everyone")
    return persona


def segment_summary(engine: Engine) -> list[SegmentSummary]:
    """Every segment that has people, largest first.

    Raises:
        NotFittedError: `segments` has not been built.
    """
    require_segments(engine)
    grouped = engine.query("SELECT s.segment AS segment, count(*) AS n, "
                           "sum(CAST(p.net_revenue AS DECIMAL(18, 4))) AS revenue "
                           "FROM segments s JOIN profiles p ON p.customer = s.customer "
                           "GROUP BY s.segment ORDER BY n DESC, segment")
    recency = medians(engine, "segment", "days_since_last")
    orders = medians(engine, "segment", "orders")
    people = sum(grouped["n"].to_pylist())
    revenue = float(sum(grouped["revenue"].to_pylist()))
    return [SegmentSummary(row["segment"], row["n"], row["n"] / people, float(row["revenue"]) / revenue if revenue else 0.0,
                           recency.get(row["segment"]), orders[row["segment"]])
            for row in grouped.to_pylist()]


def require_segments(engine: Engine) -> None:
    """Raise NotFittedError unless `segments` is there."""
    if not engine.exists("segments") or not engine.exists("profiles"):
        raise NotFittedError(_("Segments have not been built. Run `brandloom learn` first."))


def medians(engine: Engine, by: str, column: str) -> dict[str, float]:
    """Median of a profile column per segment or persona; groups where it is always null are left out."""
    counts = engine.query(f"SELECT s.{by} AS key, p.{column} AS value, count(*) AS n FROM segments s "
                          f"JOIN profiles p ON p.customer = s.customer WHERE p.{column} IS NOT NULL "
                          f"GROUP BY s.{by}, p.{column} ORDER BY key, value")
    keys = np.array(counts["key"].to_pylist(), dtype=object)
    return {key: weighted_quantile(counts.filter(pa.array(keys == key)), 0.5) for key in sorted(set(keys.tolist()))}


def weighted_quantile(counts: pa.Table, q: float) -> float:
    """Smallest `value` with at least the share `q` of `n` at or below it; rows sorted by value."""
    total = np.cumsum(counts["n"].to_numpy())
    return float(counts["value"][int(np.searchsorted(total, q * total[-1]))].as_py())
