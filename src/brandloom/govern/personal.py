"""Which columns of a file hold personal data, by what they are called and by what is in them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from itertools import groupby
from typing import Literal, get_args

from brandloom.govern.names import is_full_name, is_given_name
from brandloom.govern.normal import clean, push, source_id
from brandloom.govern.patterns import find_personal

Kind = Literal["first_name", "last_name", "full_name", "email", "phone", "address", "id_number", "push", "other"]

SAMPLE = 300  # cells of a column that are looked at
_COVERS = 0.8  # share of a cell's letters that a pattern must take for the cell to be that kind
_MOST = 0.5  # share of cells that makes the column that kind
_SOME = 0.02  # share of cells with an e-mail or id number that makes a column of anything else 'other'
_NAMES = 0.6  # share of cells that look like a person's name; lists of names are never complete
_DISTINCT_NAMES = 5

def _read_words() -> list[tuple[str, re.Pattern[str]]]:
    """The rules of `column_words.tsv` in its order: 'word' lines match whole words, 'part' lines anywhere."""
    lines = files("brandloom.govern").joinpath("column_words.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    return [(rule, re.compile("|".join(rf"\b(?:{text})\b" if how == "word" else text for _, how, text in group)))
            for rule, group in groupby(rows, key=lambda row: row[0])]


_RULES = _read_words()
_WORDS = dict(_RULES)
_KINDS = [(kind, pattern) for rule, pattern in _RULES for kind in get_args(Kind) if rule == kind]
_UK_POSTCODE = re.compile(r"[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?[0-9]+(?:[.,][0-9]+)*")
_HASH = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")
_YES_NO = frozenset({"0", "1", "y", "n", "yes", "no", "true", "false", "t", "f", "是", "否", "有", "无", "0.0", "1.0"})
_OF_FOUND: dict[str, Kind] = {"email": "email", "phone": "phone", "id_number": "id_number", "address": "address"}


def find_personal_columns(columns: Mapping[str, Sequence[object]]) -> dict[str, Kind]:
    """Name the columns that hold personal data, and of which kind.

    A name is believed unless the cells speak against it ('email' full of yes and no); cells are believed whatever the name.
    City, region and country are coarse and stay; a postcode counts as an address. 'other' is personal, but nothing a message
    would use: accounts, cards, birthdays, IP addresses, names of staff, notes and messages (names in them follow no pattern).
    Other free text with a phone in some cell is not a personal column: `scrub` it.

    Args:
        columns: some cells by column name, a few hundred; empty ones do not count. Without cells the name decides.
    """
    cells = {name: _sample(values) for name, values in columns.items()}
    kinds: dict[str, Kind] = {}
    for name, sample in cells.items():
        kind = _decide(spoken(name), sample)
        if kind is not None:
            kinds[name] = kind
    for name, sample in cells.items():
        if name not in kinds and _is("could_be_name", spoken(name)) and _is_persons_name(name, sample, kinds, columns):
            kinds[name] = "full_name"
    return {name: kinds[name] for name in columns if name in kinds}


def spoken(name: str) -> str:
    """A column name as words in lower case: 'shipToName', 'ship_to_name' and 'Ship-To Name' are all 'ship to name'."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", clean(name))
    return " ".join(re.sub(r"[^\w']+|_", " ", name).lower().split())


def _is(rule: str, name: str) -> bool:
    return bool(_WORDS[rule].search(name))


def _decide(name: str, sample: list[str]) -> Kind | None:
    if sample and sum(map(bool, map(push, sample))) > _MOST * len(sample):
        return "push"
    named, held = _by_name(name), _by_content(name, sample)
    if held in {"email", "phone", "id_number"} or (held is not None and named is None):
        return held
    if named is not None and not _denied(name, named, sample):
        return "other" if sample and sum(map(bool, map(_HASH.fullmatch, sample))) > _MOST * len(sample) else named
    return held


def _by_name(name: str) -> Kind | None:
    if _is("birth", name):
        return "other"
    if _is("about", name) or _is("coarse", name):
        return None
    kind = next((kind for kind, pattern in _KINDS if pattern.search(name)), None)
    if kind in {"address", "full_name"} and (_is("not_a_person", name) or (_is("id_like", name) and not _is("postal", name))):
        return None
    return kind


def _by_content(name: str, sample: list[str]) -> Kind | None:
    if not sample:
        return None
    counts = Counter(kind for kind in (_cell_kind(cell) for cell in sample) if kind is not None)
    if _is("numbers", name):
        counts = Counter({kind: counts[kind] for kind in ("email", "id_number") if counts[kind]})
    if counts:
        kind, most = counts.most_common(1)[0]
        if most >= _MOST * len(sample):
            return kind
        if counts["email"] + counts["id_number"] >= _SOME * len(sample) or counts.total() >= _MOST * len(sample):
            return "other"
    if _is("not_a_person", name) or _is("coarse", name) or _is("numbers", name) or _is("products", name):
        return None
    return _name_kind(sample)


def _cell_kind(cell: str) -> Kind | None:
    found = find_personal(cell)
    if found and max(one.end - one.start for one in found) >= _COVERS * len(cell):
        longest = max(found, key=lambda one: one.end - one.start)
        return _OF_FOUND.get(longest.kind, "other")
    if found and found[0].kind == "address" and found[0].start < 0.3 * len(cell) < 30:
        return "address"
    return "address" if _UK_POSTCODE.fullmatch(cell) and " " in cell else None


def _name_kind(sample: list[str]) -> Kind | None:
    for kind, test in (("full_name", is_full_name), ("first_name", is_given_name)):
        alike = [cell for cell in sample if test(cell)]
        if len(alike) >= _NAMES * len(sample) and len(set(alike)) >= _DISTINCT_NAMES:
            return "full_name" if kind == "full_name" else "first_name"
    return None


def _denied(name: str, kind: Kind, sample: list[str]) -> bool:
    """Whether the cells cannot be what the name says."""
    if not sample:
        return False

    def share(test: Callable[[str], object]) -> float:
        return sum(1 for cell in sample if test(cell)) / len(sample)

    if share(lambda cell: cell.lower() in _YES_NO) > _MOST:
        return True
    match kind:
        case "email":
            return share(lambda cell: "@" in cell or _HASH.fullmatch(cell)) < 0.1
        case "phone":
            return share(lambda cell: sum(letter.isdigit() for letter in cell) >= 6 or _HASH.fullmatch(cell)) < 0.3
        case "id_number":
            return share(lambda cell: sum(letter.isalnum() or letter == "*" for letter in cell) >= 8) < _MOST
        case "full_name" | "first_name" | "last_name":
            return share(_NUMBER.fullmatch) > _MOST
        case "address" if _is("postal", name):
            return share(lambda cell: any(letter.isdigit() for letter in cell)) < _MOST  # 'zip_code' of urban, rural
        case "address":
            return share(lambda cell: _NUMBER.fullmatch(cell) and len(cell) < 3) > _MOST
        case _:
            return False


def _is_persons_name(name: str, sample: list[str], kinds: Mapping[str, Kind], columns: Mapping[str, object]) -> bool:
    """A column called just 'name': a person's beside an e-mail or phone, a product's beside a price; else the cells decide."""
    others = [spoken(other) for other in columns if other != name]
    beside_products = any(_is("products", other) for other in others)
    if kinds and not beside_products:
        return not _denied(name, "full_name", sample)
    return _name_kind(sample) is not None


def _sample(values: Sequence[object]) -> list[str]:
    """Up to 300 non-empty cells as text, spread over what was given."""
    step = max(1, len(values) // SAMPLE)
    cells = (source_id(str(value)) for value in values[::step] if value is not None)
    return [cell for cell in cells if cell and cell.lower() not in {"nan", "null", "none", "n/a", "-"}][:SAMPLE]
