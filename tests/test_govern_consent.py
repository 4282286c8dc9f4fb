"""Consent and suppression: the last statement counts, an old export never overrules a withdrawal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from brandloom.errors import DataError
from brandloom.govern import Consent, granted, record, refusals, suppress, suppressed, withdraw
from brandloom.ledger import Ledger
from brandloom.ledger.database import open_ledger_at
from brandloom.ledger.schema import consents, suppressions

NOW = datetime(2024, 5, 1, 12, 30, tzinfo=UTC)
DIGESTS = [f"{number:064x}" for number in range(5)]


def said(customer: str, yes: bool = True, *, channel: str = "email", purpose: str = "marketing", source: str = "shop export",
         wording: str = "Send me offers", at: datetime | None = None) -> Consent:
    return Consent(customer, channel, purpose, yes, wording, source, at)


def agreed(ledger: Ledger, *customers: str) -> set[str]:
    return granted(ledger, customers, "email", "marketing")


def test_nothing_recorded_is_no_consent(ledger: Ledger) -> None:
    assert agreed(ledger, "c_1") == set()
    record(ledger, [said("c_1", channel="sms"), said("c_1", purpose="training"), said("c_2", False)], now=NOW)
    assert agreed(ledger, "c_1", "c_2") == set()


def test_the_last_statement_is_in_force(ledger: Ledger) -> None:
    record(ledger, [said("c_1"), said("c_2")], now=NOW)
    assert agreed(ledger, "c_1", "c_2", "c_3") == {"c_1", "c_2"}
    withdraw(ledger, "c_1", "email", "marketing", source="unsubscribe link", now=NOW + timedelta(seconds=1))
    assert agreed(ledger, "c_1", "c_2") == {"c_2"}
    record(ledger, [said("c_1", source="preference page")], now=NOW + timedelta(days=1))
    assert agreed(ledger, "c_1", "c_2") == {"c_1", "c_2"}


def test_loading_the_same_export_again_never_undoes_a_withdrawal(ledger: Ledger) -> None:
    assert record(ledger, [said("c_1"), said("c_2")], now=NOW) == 2
    withdraw(ledger, "c_1", "email", "marketing", source="unsubscribe link", now=NOW + timedelta(days=1))
    assert record(ledger, [said("c_1"), said("c_2")], now=NOW + timedelta(days=2)) == 0
    assert record(ledger, [said("c_1", wording="Other words", at=NOW + timedelta(hours=1))], now=NOW + timedelta(days=2)) == 0
    assert agreed(ledger, "c_1", "c_2") == {"c_2"}


def test_a_statement_twice_in_one_load_is_kept_once(ledger: Ledger) -> None:
    assert record(ledger, [said("c_1"), said("c_1"), said("c_1", False), said("c_1", False)], now=NOW) == 2
    assert agreed(ledger, "c_1") == set()


def test_the_words_agreed_to_are_kept_with_their_hash(ledger: Ledger) -> None:
    record(ledger, [said("c_1", at=NOW - timedelta(days=9))], now=NOW)
    with ledger.read() as connection:
        row = connection.execute(select(consents)).one()
    assert row.wording == "Send me offers"
    assert row.wording_hash == sha256(b"Send me offers").hexdigest()
    assert (row.at, row.source) == (NOW - timedelta(days=9), "shop export")


def test_a_consent_from_the_future_or_with_an_address_in_its_source_is_refused_as_a_whole(ledger: Ledger) -> None:
    with pytest.raises(DataError, match=r"c_2 is dated 2024-05-01T12:30:01\+00:00, in the future"):
        record(ledger, [said("c_1"), said("c_2", at=NOW + timedelta(seconds=1))], now=NOW)
    with pytest.raises(DataError) as error:
        record(ledger, [said("c_1", source="mail of anna@mail.example")], now=NOW)
    assert "anna" not in str(error.value)
    assert "来源" in error.value.text("zh")
    assert agreed(ledger, "c_1") == set()


def test_consent_of_thousands_at_once(ledger: Ledger) -> None:
    everybody = [f"c_{number}" for number in range(12_000)]
    record(ledger, [said(customer, number % 3 == 0) for number, customer in enumerate(everybody)], now=NOW)
    assert agreed(ledger, *everybody) == set(everybody[::3])


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["email", "sms"]), st.sampled_from(["s1", "s2"]), st.booleans(),
                          st.integers(0, 5)), max_size=25))
def test_in_force_is_what_a_plain_reading_of_the_list_says(tmp_path_factory: pytest.TempPathFactory,
                                                           steps: list[tuple[str, str, str, bool, int]]) -> None:
    opened = open_ledger_at(f"sqlite:///{tmp_path_factory.mktemp('c') / 'l.sqlite'}")
    state: dict[tuple[str, str], tuple[int, bool]] = {}
    heard: dict[tuple[str, str, str], bool] = {}
    for who, channel, source, yes, day in steps:
        record(opened, [said(who, yes, channel=channel, source=source, at=NOW + timedelta(days=day))], now=NOW + timedelta(days=9))
        if heard.get((who, channel, source)) != yes and day >= state.get((who, channel), (0, False))[0]:
            state[who, channel] = (day, yes)
            heard[who, channel, source] = yes
    for channel in ("email", "sms"):
        assert granted(opened, "ab", channel, "marketing") == {
            who for (who, where), (_, yes) in state.items() if where == channel and yes}
    opened.close()


def test_suppressed_addresses_stay_so_with_their_first_reason(ledger: Ledger) -> None:
    suppress(ledger, "email", DIGESTS[0], reason="unsubscribed", now=NOW)
    suppress(ledger, "email", DIGESTS[:2], reason="bounced", now=NOW + timedelta(days=1))
    assert suppressed(ledger, "email", DIGESTS) == set(DIGESTS[:2])
    assert suppressed(ledger, "sms", DIGESTS) == set()
    with ledger.read() as connection:
        reasons = dict(connection.execute(select(suppressions.c.digest, suppressions.c.reason)).all())
    assert reasons == {DIGESTS[0]: "unsubscribed", DIGESTS[1]: "bounced"}


def test_an_address_cannot_be_written_where_its_digest_belongs(ledger: Ledger) -> None:
    with pytest.raises(DataError, match="Only digests") as error:
        suppress(ledger, "email", ["anna@mail.example"], reason="manual", now=NOW)
    assert "anna" not in str(error.value)
    with pytest.raises(DataError, match=r"Unknown reason 'bored'\. Known: unsubscribed, bounced"):
        suppress(ledger, "email", DIGESTS[0], reason="bored", now=NOW)  # type: ignore[arg-type]


def test_the_sender_asks_inside_its_own_transaction(ledger: Ledger) -> None:
    record(ledger, [said("c_1"), said("c_2"), said("c_4")], now=NOW)
    addresses = {f"c_{number}": DIGESTS[number] for number in range(1, 5)}
    with ledger.begin() as connection:
        suppress(connection, "email", DIGESTS[2], reason="complained", now=NOW)
        withdraw(connection, "c_4", "email", "marketing", source="unsubscribe link", now=NOW)
        assert refusals(connection, addresses, "email", "marketing") == {"c_2": "suppressed", "c_3": "no_consent", "c_4": "no_consent"}
        connection.rollback()
    assert refusals(ledger, addresses, "email", "marketing") == {"c_3": "no_consent"}


def test_withdrawals_add_and_never_change_a_row(ledger: Ledger) -> None:
    record(ledger, [said("c_1")], now=NOW)
    with ledger.read() as connection:
        before = connection.execute(select(consents)).all()
    withdraw(ledger, "c_1", "email", "marketing", source="unsubscribe link", now=NOW)
    with ledger.read() as connection:
        after = connection.execute(select(consents).order_by(consents.c.id)).all()
        assert connection.execute(select(func.count()).select_from(consents)).scalar() == 2
    assert after[:1] == before
