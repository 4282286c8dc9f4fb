"""Vault and pseudonyms: stable ids, nothing readable at rest, nothing openable when moved or changed."""

from __future__ import annotations

import base64
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from brandloom.errors import DataError
from brandloom.govern import Person, Vault
from brandloom.ledger import Ledger
from brandloom.ledger.database import open_ledger_at
from brandloom.ledger.schema import lookups, people
from brandloom.workspace import Workspace, create_workspace

NOW = datetime(2024, 5, 1, 12, 30, tzinfo=UTC)


@pytest.fixture
def vault(ledger: Ledger, workspace: Workspace) -> Vault:
    return Vault(ledger, workspace)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    """A vault whose ledger is never used: for properties of pseudonyms and digests."""
    shop = create_workspace(tmp_path_factory.mktemp("bare") / "shop")
    return Vault(open_ledger_at(shop.ledger_url), shop)


@pytest.mark.parametrize("same", ["17850.0", " 17850\t", "17850.00", "１７８５０", "\ufeff17850", "17850\u200b", "\u00a017850"])
def test_one_id_however_a_file_writes_it(bare: Vault, same: str) -> None:
    assert bare.pseudonym(same) == bare.pseudonym("17850")


@pytest.mark.parametrize("other", ["017850", "17850.5", "17850.01", "1785", "17850a", "-17850", "178500"])
def test_other_ids_stay_apart(bare: Vault, other: str) -> None:
    assert bare.pseudonym(other) != bare.pseudonym("17850")


@given(st.text(min_size=1).filter(lambda text: text.strip() and text.isprintable()))
def test_a_pseudonym_is_stable_and_safe_to_show(bare: Vault, text: str) -> None:
    if not unicodedata.normalize("NFKC", text).strip():
        return
    made = bare.pseudonym(text)
    assert len(made) == 26
    assert made.startswith("c_")
    assert set(made[2:]) <= set("0123456789abcdef")
    assert bare.pseudonym(f" {unicodedata.normalize('NFKC', text)} ") == made


@given(st.integers(min_value=-10**17, max_value=10**17))
def test_spreadsheet_floats_are_their_integer(bare: Vault, number: int) -> None:
    assert bare.pseudonym(f"{number}.0") == bare.pseudonym(str(number))


def test_200_000_ids_give_200_000_pseudonyms_in_order(bare: Vault) -> None:
    made = bare.pseudonyms([str(number) for number in range(200_000)])
    assert len(set(made)) == 200_000
    assert made[77] == bare.pseudonym("77")


def test_another_workspace_has_other_pseudonyms_and_digests(bare: Vault, ledger: Ledger, workspace: Workspace) -> None:
    elsewhere = Vault(ledger, workspace)
    assert elsewhere.pseudonym("1") != bare.pseudonym("1")
    assert elsewhere.digest("email", "a@b.de") != bare.digest("email", "a@b.de")


def test_an_empty_id_is_named_by_its_place(bare: Vault) -> None:
    with pytest.raises(DataError) as error:
        bare.pseudonyms(["1", "  ", "3"])
    assert "number 2 is empty" in error.value.text("en")
    assert "第 2 个" in error.value.text("zh")


@pytest.mark.parametrize(("kind", "one", "two"), [
    ("email", " Li.Lei@Example.COM ", "li.lei@example.com"), ("email", "ｌｉ@example.com", "li@example.com"),
    ("phone", "138 1234 5678", "+86-138-1234-5678"), ("phone", "13812345678.0", "008613812345678"),
    ("phone", "+44 (0)20 7946 0958", "0044 20 7946 0958"), ("phone", "020-7946 0958", "(020) 7946 0958"),
    ("phone", "+1 555 123 4567 ext. 12", "+1 (555) 123-4567"),
    ("id_number", "11010519491231002x", "110105 19491231 002X"), ("external", "17850.0", " 17850"),
])
def test_a_digest_finds_every_spelling(bare: Vault, kind: str, one: str, two: str) -> None:
    assert bare.digest(kind, one) == bare.digest(kind, two)  # type: ignore[arg-type]
    assert len(bare.digest(kind, one)) == 64  # type: ignore[arg-type]


def test_digests_of_kinds_and_people_differ(bare: Vault) -> None:
    assert bare.digest("phone", "13812345678") != bare.digest("external", "13812345678")
    assert bare.digest("phone", "02079460958") != bare.digest("phone", "+442079460958")


@pytest.mark.parametrize(("kind", "value"), [("email", "no address"), ("phone", "n/a"), ("phone", "1234"), ("id_number", " ")])
def test_an_unusable_value_has_no_digest_and_is_not_shown(bare: Vault, kind: str, value: str) -> None:
    with pytest.raises(DataError) as error:
        bare.digest(kind, value)  # type: ignore[arg-type]
    assert "not usable as " + kind in str(error.value)
    assert value.strip() == "" or value not in str(error.value)


def _person(vault: Vault, number: int) -> Person:
    return Person(vault.pseudonym(str(number)), first_name=f"Vorname{number}", last_name=f"Nachname{number}",
                  email=f"person{number}@mail.example", phone=f"139{number:08d}", address=f"{number} 长安街{number}号",
                  id_number=f"ID{number:010d}", other={"nickname": f"Spitzname{number}"})


def test_what_is_sealed_comes_back(vault: Vault) -> None:
    persons = [_person(vault, number) for number in range(300)]
    assert vault.seal(persons, now=NOW) == 300
    assert vault.reveal([person.customer for person in persons]) == {person.customer: person for person in persons}
    assert vault.reveal(["c_nobody"]) == {}
    assert vault.reveal([]) == {}
    assert vault.find("email", " PERSON7@mail.example") == [persons[7].customer]
    assert vault.find("phone", "+86 13900000007") == [persons[7].customer]
    assert vault.find("id_number", "id0000000007") == [persons[7].customer]
    assert vault.find("email", "nobody@mail.example") == []


@given(first=st.text(), other=st.dictionaries(st.text(), st.text(min_size=1), max_size=3), address=st.text())
def test_any_text_survives_the_vault(bare: Vault, first: str, other: dict[str, str], address: str) -> None:
    person = Person("c_1", first_name=first or None, address=address or None, other=other)
    assert bare._decrypt("c_1", 1, bare._encrypt(person)) == person


def test_sealing_again_joins_and_looks_up_the_present_address(vault: Vault) -> None:
    who = vault.pseudonym("1")
    vault.seal([Person(who, first_name="Anna", email="old@mail.example", other={"birthday": "1990-01-01"})], now=NOW)
    vault.seal([Person(who, first_name="", email="new@mail.example", phone="13812345678", other={"nick": "A", "birthday": ""})], now=NOW)
    assert vault.reveal([who])[who] == Person(who, first_name="Anna", email="new@mail.example", phone="13812345678",
                                              other={"birthday": "1990-01-01", "nick": "A"})
    assert vault.find("email", "new@mail.example") == [who]
    assert vault.find("email", "old@mail.example") == []


def test_the_same_person_twice_in_one_load_is_joined(vault: Vault) -> None:
    assert vault.seal([Person("c_1", first_name="Anna", email="a@mail.example"), Person("c_1", email="b@mail.example")], now=NOW) == 1
    assert vault.reveal(["c_1"])["c_1"] == Person("c_1", first_name="Anna", email="b@mail.example")
    assert vault.find("email", "a@mail.example") == []


def test_two_people_may_share_an_address(vault: Vault) -> None:
    vault.seal([Person("c_2", email="family@mail.example"), Person("c_1", email="family@mail.example")], now=NOW)
    assert vault.find("email", "family@mail.example") == ["c_1", "c_2"]


def test_an_unchanged_person_is_not_written_again(vault: Vault, ledger: Ledger) -> None:
    vault.seal([_person(vault, 1)], now=NOW)
    assert vault.seal([_person(vault, 1)], now=NOW + timedelta(days=1)) == 0
    with ledger.read() as connection:
        assert connection.execute(select(people.c.updated_at)).scalars().all() == [NOW]


def test_a_load_that_fails_seals_nobody(vault: Vault, ledger: Ledger) -> None:
    with pytest.raises(KeyError), ledger.begin() as connection:  # noqa: PT012
        vault.seal([_person(vault, 1)], now=NOW, connection=connection)
        assert vault.reveal([vault.pseudonym("1")], connection=connection)
        raise KeyError
    with ledger.read() as connection:
        assert connection.execute(select(func.count()).select_from(people)).scalar() == 0
        assert connection.execute(select(func.count()).select_from(lookups)).scalar() == 0


def test_a_record_moved_or_changed_does_not_open(vault: Vault, ledger: Ledger) -> None:
    one, two, three = (_person(vault, number) for number in range(3))
    vault.seal([one, two, three], now=NOW)
    with ledger.begin() as connection:
        sealed = connection.execute(select(people.c.sealed).where(people.c.customer == one.customer)).scalar_one()
        connection.execute(update(people).where(people.c.customer == two.customer).values(sealed=sealed))
        changed = bytes([*sealed[:-1], sealed[-1] ^ 1])
        connection.execute(update(people).where(people.c.customer == one.customer).values(sealed=changed))
        connection.execute(update(people).where(people.c.customer == three.customer).values(key_id=2))
    for person in (one, two, three):
        with pytest.raises(DataError) as error:
            vault.reveal([person.customer])
        assert person.customer in error.value.text("en")
        assert "cannot be opened" in error.value.text("en")
        assert "无法打开" in error.value.text("zh")


@pytest.mark.parametrize("place", [0, 5, 12, 20])
def test_any_byte_changed_or_cut_is_noticed(bare: Vault, place: int) -> None:
    sealed = bytearray(bare._encrypt(Person("c_1", first_name="Anna")))
    for broken in (bytes(sealed[:place]), bytes([*sealed[:place], sealed[place] ^ 0x40, *sealed[place + 1:]])):
        with pytest.raises(DataError):
            bare._decrypt("c_1", 1, broken)


def test_the_files_of_the_ledger_hold_no_plain_personal_data(tmp_path: Path, workspace: Workspace) -> None:
    """1,000 people; each value is looked for raw, in both UTF-16 orders, hex and base64 (at each of its three offsets)."""
    place = tmp_path / "files"
    place.mkdir()
    opened = open_ledger_at(f"sqlite:///{place / 'ledger.sqlite'}")
    vault = Vault(opened, workspace)
    persons = [_person(vault, number) for number in range(1000, 2000)]
    vault.seal(persons, now=NOW)
    stored = b"".join(file.read_bytes() for file in place.iterdir())
    opened.close()
    assert persons[0].customer.encode() in stored  # the search reaches what was written
    values = [value for person in persons[::50] for value in (
        person.first_name, person.last_name, person.email, person.phone, person.address, person.id_number, person.other["nickname"])]
    for value in values:
        assert value
        for form in _forms(value):
            assert form not in stored


def _forms(value: str) -> list[bytes]:
    raw = value.encode()
    base = [base64.b64encode(b"\0" * shift + raw)[4 if shift else 0:-4] for shift in range(3)]
    return [raw, value.encode("utf-16-le"), value.encode("utf-16-be"), raw.hex().encode(), raw.hex().upper().encode(), *base]


def test_nothing_personal_in_a_repr(vault: Vault) -> None:
    person = _person(vault, 1)
    for text in (repr(person), str(person), f"{person}", repr([person]), repr(vault), repr(vars(vault))):
        for secret in ("Vorname", "Nachname", "@", "139000", "长安街", "ID00", "Spitzname"):
            assert secret not in text
    assert "holds: first_name, last_name" in repr(person)
