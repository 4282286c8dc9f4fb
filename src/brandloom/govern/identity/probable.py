"""Matching by probability: Fellegi and Sunter's model as `splink` estimates it, without any labelled pair (decision 0014).

A pair of ids is compared field by field. Each level of agreement counts by how much more frequent it is among true pairs (m) than
among chance pairs (u); u comes from pairs drawn at random, m from the pairs themselves. Agreement on a frequent name counts less than
on a rare one. Fields are taken as independent, which they are not in a household: `matching` therefore asks for more than a high number.

Source: Fellegi and Sunter 1969; splink 5.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from brandloom.errors import ConfigError
from brandloom.govern.identity.levels import BLOCKS, COMPARISONS, MOST_IN_A_BLOCK, Comparison
from brandloom.govern.identity.traits import Traits, is_placeholder, is_role
from brandloom.i18n import _

if TYPE_CHECKING:
    from splink import Linker

MERGE, REVIEW = 0.9, 0.3
"""Probabilities from which a pair is merged, and from which it is shown to a person; chosen on the development half of
`benchmarks/identity.py`."""
CHANCE_PAIRS = 500_000
ENOUGH_IDS = 300
"""From which the shares of pairs are estimated; with fewer, those of `levels` stand."""
_SESSIONS = ("k_name", "k_email", "k_phone")


_PEOPLE = (
    "SELECT *, CASE WHEN regexp_matches(split_part(email, '@', 1), '.{4}[0-9]|[0-9].{4}') THEN split_part(email, '@', 1) END AS mailbox, "
    "right(phone, 8) AS phone_end, family || '|' || postcode AS family_postcode, given || '|' || postcode AS given_postcode, "
    "CASE WHEN NOT han THEN left(family, 4) || '|' || left(given, 2) END AS family_given, regexp_extract(address, '[0-9]+') AS house FROM arriving")
"""A mailbox without a digit is the name once more, which is compared already."""
KEYED = (f"SELECT *, {', '.join(f'CASE WHEN count(*) OVER (PARTITION BY {key}) <= {MOST_IN_A_BLOCK} THEN {key} END AS k_{key}' for key in BLOCKS)} "
         f"FROM ({_PEOPLE})")
"""SELECT of `people_table` with what is compared and, as k_..., what pairs are found by."""


def score_pairs(people: Sequence[Traits], *, seed: int = 0) -> list[tuple[str, str, float]]:
    """Pairs of ids that may be one person, each with the probability that they are, from `REVIEW` up.

    Raises:
        ConfigError: splink is not installed.
    """
    if len(people) < 2:
        return []
    with duckdb.connect(":memory:", config={"temp_directory": "", "threads": 1}) as connection:  # personal data never reaches a disk
        connection.register("arriving", people_table(people))
        connection.execute(f"CREATE TABLE keyed AS {KEYED}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on levels that no pair reached, which keep the values they start from
            enough = len(people) >= ENOUGH_IDS
            linker = _linker(connection, estimate=enough)
            if enough:
                _train(linker, seed)
            found: pa.Table = linker.inference.predict(threshold_match_probability=REVIEW).as_pyarrow_table()  # type: ignore[no-untyped-call]
    ids = [one.customer for one in people]
    rows = zip(*(found.column(name).to_pylist() for name in ("id_l", "id_r", "match_probability")), strict=True)
    return [(*sorted((ids[left], ids[right])), float(probability)) for left, right, probability in rows]


def _linker(connection: duckdb.DuckDBPyConnection, *, estimate: bool) -> Linker:
    try:
        from splink import Linker, SettingsCreator, block_on
        from splink.backends.duckdb import DuckDBAPI
        from splink.comparison_library import CustomComparison
    except ImportError as error:
        raise ConfigError(_("Matching by probability needs splink. Run `pip install 'brandloom[identity]'`, or leave out --probable.")) from error
    logging.getLogger("splink").setLevel(logging.ERROR)
    settings = SettingsCreator(
        link_type="dedupe_only", unique_id_column_name="id", retain_matching_columns=False,
        comparisons=[CustomComparison(output_column_name=one.name, comparison_levels=_levels(one, estimate)) for one in COMPARISONS],
        blocking_rules_to_generate_predictions=[block_on(f"k_{key}") for key in BLOCKS])
    return Linker(DuckDBAPI(connection).register(connection.sql("SELECT * FROM keyed").to_arrow_table()), settings, log_level="ERROR")


def _levels(comparison: Comparison, estimate: bool) -> list[Any]:
    levels: list[dict[str, Any]] = [{"sql_condition": comparison.unknown, "label_for_charts": "unknown", "is_null_level": True}]
    for at, condition in enumerate((*comparison.levels, "ELSE")):
        known = {} if estimate else {"m_probability": comparison.true[at], "u_probability": comparison.chance[at]}
        levels.append({"sql_condition": condition, "label_for_charts": str(at), **known})
    if comparison.name == "name":
        levels[1] |= {"tf_adjustment_column": "name"}
    return levels


def _train(linker: Linker, seed: int) -> None:
    """Chance agreement from pairs drawn at random, the rest by expectation maximisation in sessions blocked on different fields."""
    from splink import block_on
    from splink.internals.exceptions import EMTrainingException, SplinkException
    training = linker.training
    training.estimate_probability_two_random_records_match(
        [block_on("email"), block_on("phone", "family"), block_on("name", "address")], recall=0.7)
    training.estimate_u_using_random_sampling(max_pairs=CHANCE_PAIRS, seed=seed)
    for key in _SESSIONS:
        try:
            training.estimate_parameters_using_expectation_maximisation(block_on(key))
        except (EMTrainingException, SplinkException):
            continue  # no pair shares this key: the other sessions, or the starting values, have to do


def people_table(people: Sequence[Traits]) -> pa.Table:
    """Traits as columns with one row per id, `id` from 0 in their order; what is not known, or nobody's own, is null."""
    columns: dict[str, list[object]] = {"id": list(range(len(people))), "customer": [one.customer for one in people],
                                        "han": [one.han for one in people]}
    for name in ("given", "family", "name", "address", "postcode", "birth"):
        columns[name] = [getattr(one, name) or None for one in people]
    columns["email"] = [one.email if one.email and not is_role(one.email) else None for one in people]
    columns["phone"] = [one.phone if one.phone and not is_placeholder(one.phone) else None for one in people]
    text = pa.string()
    types = {"id": pa.int64(), "han": pa.bool_()}
    return pa.table({name: pa.array(values, types.get(name, text)) for name, values in columns.items()})
