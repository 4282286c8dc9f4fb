"""Identity: ids that are one person, merges that can be taken back, and what follows from them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brandloom.errors import DataError, StateError
from brandloom.govern import Audit
from brandloom.govern.identity.merges import Match, list_merges, record, undo
from brandloom.govern.persons import components, ids_of, persons_of
from brandloom.ledger import Ledger
from brandloom.ledger.database import open_ledger_at

NOW = datetime(2024, 5, 1, 12, 30, tzinfo=UTC)
KEY = b"k" * 32


def merge(ledger: Ledger, one: str, other: str) -> int:
    return record(ledger, Audit(ledger, KEY), [Match(one, other, "manual")], by="Ana", now=NOW)[0].id


def test_a_merge_joins_and_undoing_it_restores_every_id(ledger: Ledger) -> None:
    audit = Audit(ledger, KEY)
    first, second = merge(ledger, "c_b", "c_c"), merge(ledger, "c_a", "c_b")
    assert persons_of(ledger) == {"c_a": "c_a", "c_b": "c_a", "c_c": "c_a"}
    assert ids_of(ledger, ["c_c", "c_x"]) == {"c_c": ("c_a", "c_b", "c_c")}
    assert undo(ledger, audit, second, by="Ben", now=NOW).still_joined == ()
    assert persons_of(ledger) == {"c_b": "c_b", "c_c": "c_b"}
    undo(ledger, audit, first, by="Ben", now=NOW)
    assert persons_of(ledger) == {} and [(one.id, one.by, one.undone_by) for one in list_merges(ledger)] == [(first, "Ana", "Ben"), (second, "Ana", "Ben")]
    assert list_merges(ledger, undone=False) == [] and audit.verify() is None


def test_ids_joined_twice_stay_one_person_when_one_way_is_undone(ledger: Ledger) -> None:
    first, second, third = merge(ledger, "c_a", "c_b"), merge(ledger, "c_b", "c_c"), merge(ledger, "c_a", "c_c")
    done = undo(ledger, Audit(ledger, KEY), first, by="Ben", now=NOW)
    assert done.still_joined == (second, third) and len(persons_of(ledger)) == 3


def test_what_cannot_be_merged_or_undone_says_why(ledger: Ledger) -> None:
    audit = Audit(ledger, KEY)
    with pytest.raises(DataError, match="c_a cannot be merged with itself"):
        merge(ledger, "c_a", "c_a")
    number = merge(ledger, "c_a", "c_b")
    with pytest.raises(StateError, match=f"one person already, by merge {number}"):
        merge(ledger, "c_b", "c_a")
    with pytest.raises(DataError, match="There is no merge 999"):
        undo(ledger, audit, 999, by="Ben", now=NOW)
    undo(ledger, audit, number, by="Ben", now=NOW)
    with pytest.raises(StateError, match=f"Merge {number} was undone by Ben already"):
        undo(ledger, audit, number, by="Ben", now=NOW)
    assert persons_of(ledger) == {}


IDS = [f"c_{letter}" for letter in "abcdefg"]
STEPS = st.lists(st.one_of(st.tuples(st.sampled_from(IDS), st.sampled_from(IDS)), st.integers(0, 30)), max_size=25)


@given(steps=STEPS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_merges_and_undos_equal_the_remaining_merges_alone(steps: list[tuple[str, str] | int], tmp_path_factory: pytest.TempPathFactory) -> None:
    ledger = open_ledger_at(f"sqlite:///{tmp_path_factory.mktemp('ledger') / 'l.sqlite'}")
    audit, remaining = Audit(ledger, KEY), dict[int, tuple[str, str]]()
    for minute, step in enumerate(steps):
        moment = NOW + timedelta(minutes=minute)
        if isinstance(step, int):
            if remaining:
                number = sorted(remaining)[step % len(remaining)]
                undo(ledger, audit, number, by="Ben", now=moment)
                del remaining[number]
        elif step[0] != step[1] and set(step) not in map(set, remaining.values()):
            remaining[merge(ledger, *step)] = step
    assert persons_of(ledger) == components(remaining.values())
    fresh = open_ledger_at(f"sqlite:///{tmp_path_factory.mktemp('ledger') / 'l.sqlite'}")
    if remaining:
        record(fresh, Audit(fresh, KEY), [Match(*pair, "manual") for pair in reversed(remaining.values())], by="Ana", now=NOW)
    assert persons_of(fresh) == persons_of(ledger)
    ledger.close()
    fresh.close()
