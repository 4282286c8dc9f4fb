"""What is compared between two ids, from full agreement down to none; for `splink`, and readable without it.

Conditions are DuckDB SQL on the columns `x_l` and `x_r` of both sides, tried in order; a comparison in which either side is unknown
says nothing. The shares of pairs at each level are used where there are too few ids to estimate them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Comparison:
    """One thing compared. The last level, none of the conditions, is understood."""

    name: str
    unknown: str
    levels: tuple[str, ...]
    true: tuple[float, ...]
    """Share of true pairs at each level and at none; sums to 1."""
    chance: tuple[float, ...]
    """The same of pairs drawn at random."""


def _unknown(column: str) -> str:
    return f"{column}_l IS NULL OR {column}_r IS NULL"


COMPARISONS = (
    Comparison("name", f"{_unknown('name')} OR han_l <> han_r", (
        "name_l = name_r",
        "(NOT han_l AND jaro_winkler_similarity(name_l, name_r) >= 0.92) "
        "OR (han_l AND length(name_l) > 2 AND levenshtein(name_l, name_r) = 1) "
        "OR (family_l = family_r AND (starts_with(given_l, given_r) OR starts_with(given_r, given_l)))",
        "family_l = family_r OR given_l = given_r OR given_l = family_r OR family_l = given_r"),
               (0.65, 0.2, 0.1, 0.05), (0.0005, 0.0005, 0.03, 0.969)),
    Comparison("email", _unknown("email"), (
        "email_l = email_r", "mailbox_l = mailbox_r", "mailbox_l IS NOT NULL AND damerau_levenshtein(email_l, email_r) = 1"),
               (0.5, 0.1, 0.05, 0.35), (0.00002, 0.00002, 0.0001, 0.99986)),
    Comparison("phone", _unknown("phone"), (
        "phone_l = phone_r", "right(phone_l, 8) = right(phone_r, 8) OR damerau_levenshtein(phone_l, phone_r) = 1"),
               (0.6, 0.1, 0.3), (0.00002, 0.00004, 0.99994)),
    Comparison("address", _unknown("address"), (
        "address_l = address_r", "jaro_winkler_similarity(address_l, address_r) >= 0.92 OR (postcode_l = postcode_r AND house_l = house_r)",
        "postcode_l = postcode_r"),
               (0.45, 0.2, 0.05, 0.3), (0.0002, 0.0005, 0.001, 0.9983)),
    Comparison("birth", _unknown("birth"), ("birth_l = birth_r", "damerau_levenshtein(birth_l, birth_r) = 1"),
               (0.85, 0.1, 0.05), (0.00005, 0.002, 0.99795)),
)
BLOCKS = ("email", "mailbox", "phone", "phone_end", "name", "address", "birth", "family_postcode", "given_postcode", "family_given")
"""Columns of which two ids must share one to be compared at all."""
MOST_IN_A_BLOCK = 50
"""Ids with the same value, above which it tells nothing and would cost its square."""
