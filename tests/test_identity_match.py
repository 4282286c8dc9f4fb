"""Matching: exact keys with their guards, probability, consents and caps of a person, and the commands."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from benchmarks.identity_world import Trouble, make_world

from brandloom.campaigns import Shop
from brandloom.campaigns.eligibility import eligibility
from brandloom.cli import run
from brandloom.customers import build_profiles
from brandloom.engine import DuckEngine, Engine, ensure_tables, tables
from brandloom.errors import ConfigError
from brandloom.govern import Audit, Consent, Person, Vault, granted, lay_persons, refusals, suppress, unwanted
from brandloom.govern import record as consent
from brandloom.govern.identity import Match, find_matches, record, undo
from brandloom.govern.identity.traits import email_key, is_placeholder, names_differ, phone_key, traits
from brandloom.govern.persons import persons_of
from brandloom.ledger import Ledger
from brandloom.measure import experiment
from brandloom.workspace import CapConfig, Workspace
from conftest import require

NOW = datetime(2024, 5, 1, 12, 30, tzinfo=UTC)
KEY = b"k" * 32


@pytest.fixture
def vault(ledger: Ledger, workspace: Workspace) -> Vault:
    return Vault(ledger, workspace)


def found(ledger: Ledger, vault: Vault, *people: Person, **options: Any) -> Any:
    vault.seal(people, now=NOW)
    return find_matches(ledger, vault, **options)


def pairs(result: Any) -> list[tuple[str, str, str]]:
    return [(one.customer, one.other, one.rule) for one in result.matches]


@pytest.mark.parametrize(("one", "other", "same"), [
    ("Anna.Smith@GMAIL.com", "annasmith+shop@googlemail.com", True),
    ("a.b@outlook.com", "ab@outlook.com", False),
    ("a+news@outlook.com", "a@outlook.com", True),
    ("a+b@company.example", "a@company.example", False),
    ("ＬＩ@qq.com", "li@qq.com", True),
])
def test_mailboxes_are_read_as_their_provider_reads_them(one: str, other: str, same: bool) -> None:
    assert (email_key(one) == email_key(other)) is same


def test_phones_are_one_spelling() -> None:
    assert {phone_key(text, "44") for text in ("+44 7700 900123", "07700 900123", "0044 7700 900123")} == {"+447700900123"}
    assert {phone_key(text) for text in ("138 1234 5678", "+86-13812345678", "008613812345678")} == {"+8613812345678"}
    assert phone_key("07700 900123") == "07700900123"
    assert all(map(is_placeholder, ("123456789", "0000000000", "987654321", "12345"))) and not is_placeholder("+8613812345678")


@pytest.mark.parametrize(("one", "other", "differ"), [
    ("John Smith", "J. Smith", False), ("John Smith", "Smith, John", False), ("John Smith", "Jon Smith", False),
    ("John Smith", "Mary Smith", True), ("Anna Smith", "Anna Jones", False), ("张伟", "张娜", True), ("王女士", "王小明", False),
    ("张伟", "Zhang Wei", False), ("", "Mary", False)])
def test_whose_names_differ(one: str, other: str, differ: bool) -> None:
    assert names_differ(traits(Person("c_a", full_name=one or None)), traits(Person("c_b", full_name=other))) is differ


def test_exact_keys_join_through_each_other_and_say_by_what(ledger: Ledger, vault: Vault) -> None:
    result = found(ledger, vault, Person("c_a", email="Li.Lei@Gmail.com", phone="13812345678"), Person("c_b", email="lilei@gmail.com"),
                   Person("c_c", phone="+86 138 1234 5678"), Person("c_d", email="someone@else.example"))
    assert pairs(result) == [("c_a", "c_b", "email"), ("c_a", "c_c", "phone")] and result.ids == 4 and result.review == ()
    record(ledger, Audit(ledger, KEY), result.matches, by="Ana", now=NOW)
    assert persons_of(ledger) == {"c_a": "c_a", "c_b": "c_a", "c_c": "c_a"}
    assert find_matches(ledger, vault).matches == ()


def test_a_key_of_many_joins_nobody_and_is_reported(ledger: Ledger, vault: Vault) -> None:
    crowd = [Person(f"c_{number:02d}", phone="020 7946 0000", email="info@office.example") for number in range(12)]
    typed = [Person("c_x", phone="123456789"), Person("c_y", phone="123456789")]
    result = found(ledger, vault, *crowd, *typed)
    assert result.matches == ()
    assert {(one.kind, one.ids, one.why) for one in result.set_aside} == {("phone", 12, "many"), ("email", 12, "role"), ("phone", 2, "placeholder")}


def test_a_household_phone_does_not_glue_relatives_even_through_a_nameless_id(ledger: Ledger, vault: Vault) -> None:
    result = found(ledger, vault, Person("c_a", full_name="John Smith", phone="0207 946 0001"), Person("c_b", phone="0207 946 0001"),
                   Person("c_c", full_name="Mary Smith", phone="0207 946 0001"))
    assert pairs(result) == [("c_a", "c_b", "phone")]
    assert {(one.customer, one.other, one.why) for one in result.review} == {("c_a", "c_c", "names_differ"), ("c_b", "c_c", "names_differ")}


def test_what_was_unmerged_is_not_proposed_again(ledger: Ledger, vault: Vault) -> None:
    result = found(ledger, vault, Person("c_a", email="x@y.example"), Person("c_b", email="x@y.example"))
    audit = Audit(ledger, KEY)
    undo(ledger, audit, record(ledger, audit, result.matches, by="Ana", now=NOW)[0].id, by="Ben", now=NOW)
    again = find_matches(ledger, vault)
    assert again.matches == () and [one.why for one in again.review] == ["undone"]


def test_accounts_of_other_systems_join(ledger: Ledger, vault: Vault) -> None:
    result = found(ledger, vault, Person("c_a", other={"unionid": "oX7"}), Person("c_b", other={"unionid": "oX7"}), Person("c_c", other={"note": "oX7"}))
    assert pairs(result) == [("c_a", "c_b", "account")]


@pytest.fixture(scope="module")
def splink() -> None:
    try:
        import splink as _  # noqa: F401
    except ImportError:
        require(False, "splink is not installed: pip install 'brandloom[identity]'")


@pytest.mark.usefixtures("splink")
@pytest.mark.parametrize("persons", [2, 40, 900])
def test_probable_matches_find_more_and_are_right(persons: int, tmp_path: Path, workspace: Workspace) -> None:
    from brandloom.ledger.database import open_ledger_at
    ledger = open_ledger_at(f"sqlite:///{tmp_path / 'l.sqlite'}")
    vault, world = Vault(ledger, workspace), make_world(persons, 11, Trouble())
    exact = found(ledger, vault, *world.people, calling_code="44")
    both = find_matches(ledger, vault, probable=True, calling_code="44")
    assert [one for one in both.matches if one.rule != "probable"] == list(exact.matches)
    probable = [one for one in both.matches if one.rule == "probable"]
    assert both == find_matches(ledger, vault, probable=True, calling_code="44")  # same seed, same answer
    if persons > 100:
        assert len(probable) > 30
        assert sum(world.truth[one.customer] != world.truth[one.other] for one in probable) <= 0.1 * len(probable)
    ledger.close()


def test_without_splink_says_how_to_get_it(ledger: Ledger, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "splink", None)
    with pytest.raises(ConfigError, match=r"needs splink. Run `pip install 'brandloom\[identity\]'`"):
        found(ledger, vault, Person("c_a", full_name="A B"), Person("c_b", full_name="A B"), probable=True)


def joined(ledger: Ledger, *customers: str) -> int:
    return [record(ledger, Audit(ledger, KEY), [Match(customers[0], other, "manual")], by="Ana", now=NOW)[0].id for other in customers[1:]][-1]


def test_the_strictest_consent_of_a_person_wins_and_comes_apart_again(ledger: Ledger, vault: Vault) -> None:
    vault.seal([Person("c_a", email="a@x.example"), Person("c_b", email="b@x.example"), Person("c_c", phone="13812345678")], now=NOW)
    consent(ledger, [Consent("c_a", "email", "marketing", True, "yes", "form"), Consent("c_b", "email", "marketing", False, "no", "form")], now=NOW)
    assert granted(ledger, ["c_a", "c_b", "c_c"], "email", "marketing") == {"c_a"}
    joined(ledger, "c_a", "c_c")
    assert granted(ledger, ["c_a", "c_c"], "email", "marketing") == {"c_a", "c_c"}
    number = joined(ledger, "c_a", "c_b")
    assert granted(ledger, ["c_a", "c_b", "c_c"], "email", "marketing") == set()
    undo(ledger, Audit(ledger, KEY), number, by="Ben", now=NOW)
    assert granted(ledger, ["c_a", "c_b", "c_c"], "email", "marketing") == {"c_a", "c_c"}


def test_a_refused_address_of_a_person_is_refused_for_all_a_bounced_one_is_not(ledger: Ledger, vault: Vault) -> None:
    vault.seal([Person("c_a", email="a@x.example"), Person("c_b", email="b@x.example")], now=NOW)
    consent(ledger, [Consent(who, "email", "marketing", True, "yes", "form") for who in ("c_a", "c_b")], now=NOW)
    joined(ledger, "c_a", "c_b")
    own = vault.addresses(["c_a"], "email")
    suppress(ledger, "email", vault.digest("email", "b@x.example"), reason="bounced", now=NOW)
    assert refusals(ledger, own, "email", "marketing") == {} and unwanted(ledger, ["c_a"], "email") == set()
    suppress(ledger, "email", vault.digest("email", "B@x.example "), reason="unsubscribed", now=NOW)  # the first reason stays
    assert refusals(ledger, own, "email", "marketing") == {}
    vault.seal([Person("c_b", email="b2@x.example")], now=NOW)
    suppress(ledger, "email", vault.digest("email", "b2@x.example"), reason="complained", now=NOW)
    assert refusals(ledger, own, "email", "marketing") == {"c_a": "suppressed"}


def test_a_person_is_reached_by_what_any_id_knows(ledger: Ledger, vault: Vault) -> None:
    vault.seal([Person("c_a", first_name="Ana"), Person("c_b", email="b@x.example", first_name="Anna")], now=NOW)
    joined(ledger, "c_a", "c_b")
    shown = vault.reveal(["c_a", "c_b"])
    assert shown["c_a"] == Person("c_a", first_name="Ana", email="b@x.example") and shown["c_b"].first_name == "Anna"
    assert vault.addresses(["c_a"], "email") == {"c_a": vault.digest("email", "b@x.example")}
    assert vault.records(["c_a"])["c_a"].email is None


@pytest.fixture
def world_engine() -> Iterator[Engine]:
    engine = DuckEngine()
    ensure_tables(engine)
    engine.put("customers", pa.Table.from_pylist([{"customer": who, "first_seen": datetime(2024, 1, day)} for who, day in (("c_a", 5), ("c_b", 2), ("c_c", 9))],
                                                 schema=tables.CUSTOMERS))
    engine.put("events", pa.Table.from_pylist([
        {"event": number, "customer": who, "occurred_at": datetime(2024, 2, number), "kind": "purchase", "product": "p", "quantity": 1.0, "amount": 10,
         "order_id": str(number)} for number, who in ((1, "c_a"), (2, "c_b"), (3, "c_c"), (4, "c_b"))], schema=tables.EVENTS))
    yield engine
    engine.close()


def profile(engine: Engine) -> dict[str, int]:
    build_profiles(engine, datetime(2024, 3, 1))
    return {row["customer"]: row["orders"] for row in engine.query("SELECT customer, orders FROM profiles ORDER BY customer").to_pylist()}


def test_profiles_see_one_person_and_an_undo_is_exact(ledger: Ledger, world_engine: Engine) -> None:
    before = profile(world_engine)
    assert before == {"c_a": 1, "c_b": 2, "c_c": 1} and lay_persons(world_engine, ledger) is False
    number = joined(ledger, "c_a", "c_b")
    assert lay_persons(world_engine, ledger) is True and lay_persons(world_engine, ledger) is False
    assert profile(world_engine) == {"c_a": 3, "c_c": 1}
    assert world_engine.query("SELECT first_seen FROM customers WHERE customer = 'c_a'")["first_seen"].to_pylist() == [datetime(2024, 1, 2)]
    undo(ledger, Audit(ledger, KEY), number, by="Ben", now=NOW)
    assert lay_persons(world_engine, ledger) is True and profile(world_engine) == before


def test_an_experiment_counts_a_person_once_in_the_arm_of_the_first_id(ledger: Ledger, world_engine: Engine) -> None:
    decided = datetime(2024, 1, 20)
    world_engine.add("decisions", pa.table({"plan": ["p"] * 3, "customer": ["c_a", "c_b", "c_c"], "action": ["holdout", "send", "send"],
                                            "decided_at": pa.array([decided] * 3, pa.timestamp("us"))}))
    joined(ledger, "c_a", "c_b")
    lay_persons(world_engine, ledger)
    experiment.observe_outcomes(world_engine, "p", window_days=30, now=datetime(2024, 4, 1))
    rows = world_engine.query("SELECT customer, arm, spend FROM outcomes ORDER BY customer").to_pylist()
    assert rows == [{"customer": "c_a", "arm": "holdout", "spend": 30.0}, {"customer": "c_c", "arm": "sent", "spend": 10.0}]


def told(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    assert run(["customers", *words]) == code
    printed = capsys.readouterr()
    if code:
        assert printed.err.count("\n") == 1
        return printed.err
    return json.loads(printed.out)


def test_the_commands_from_matching_to_unmerging(shop: Shop, shop_files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = str(shop.workspace.path)
    known = shop.engine.query("SELECT customer FROM customers ORDER BY customer")["customer"].to_pylist()
    one, other = known[:2]
    shop.close()
    made = told(capsys, "merge", where, other, one, "--by", "Ana", "--json")
    assert (made["rule"], made["by"]) == ("manual", "Ana")
    with Shop(shop.workspace, shop.settings) as again:
        seen = again.engine.query("SELECT customer FROM customers")["customer"].to_pylist()
        assert len(seen) == len(known) - 1 and other not in seen
        allowed = eligibility(again.engine, again.ledger, channels=["email"], caps=CapConfig(), now=NOW)
        assert allowed.num_rows == len(known) - 1
        again.load(shop_files / "orders.csv", kind="orders")  # a file loaded again is known, though its ids were merged
        assert again.engine.query("SELECT count(*) AS n FROM events")["n"][0].as_py() == shop_events(again)
    assert [row["id"] for row in told(capsys, "merges", where, "--json")] == [made["id"]]
    assert "one person already" in told(capsys, "merge", where, one, other, code=1)
    assert "cannot be merged with itself" in told(capsys, "merge", where, one, one, code=1)
    assert "No customer 'nobody' is loaded" in told(capsys, "merge", where, one, "nobody", code=1)
    assert "There is no merge 77" in told(capsys, "unmerge", where, "77", code=1)
    assert told(capsys, "unmerge", where, str(made["id"]), "--by", "Ben", "--json")["still_joined"] == []
    assert "was undone by Ben already" in told(capsys, "unmerge", where, str(made["id"]), code=1)
    dry = told(capsys, "match", where, "--dry-run", "--json")
    assert dry["dry_run"] and dry["ids"] > 0
    done = told(capsys, "match", where, "--json")
    assert done["matches"] == dry["matches"] and len(told(capsys, "merges", where, "--json")) == 1 + len(done["matches"])


def shop_events(shop: Shop) -> int:
    with shop.engine.as_loaded():
        return int(shop.engine.query("SELECT count(DISTINCT event) AS n FROM events")["n"][0].as_py())
