"""The send queue: who gets a message, who does not, and why; what stays true whatever happens in between."""

from __future__ import annotations

import signal
import threading
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete

from brandloom.deliver import Caps, Message, OutboxChannel, Receipt, SendRules, Subscription, enqueue, resolve_uncertain, status, unsubscribe
from brandloom.deliver.send import MOST_ATTEMPTS
from brandloom.errors import DataError, ProviderError, StateError
from brandloom.govern import Consent, Person, record, refusals, suppress, withdraw
from brandloom.govern.identity import Match, undo
from brandloom.govern.identity import record as record_merges
from brandloom.ledger import Ledger
from brandloom.ledger.schema import consents, people
from deliver_world import FREE, NOON, Answering, World, address, make_world

DAY = timedelta(days=1)


@pytest.fixture
def world(ledger: Ledger, tmp_path: Path) -> World:
    return make_world(tmp_path, ledger)


def test_everybody_gets_one_message_and_sending_again_sends_nothing(world: World) -> None:
    plan = world.queue("spring", world.people(45))
    steps: list[int] = []
    channel = OutboxChannel()
    report = world.send(channel, plan, progress=steps.append)
    assert (report.sent, report.handled, sum(steps), len(channel)) == (45, 45, 45, 45)
    assert status(world.ledger, plan).finished
    assert world.send(channel, plan).handled == 0


def test_enqueue_twice_adds_nothing_and_a_shared_address_counts_once(world: World) -> None:
    people = world.people(3)
    items = world.items(people)
    twin = type(items[0])(people[1], items[0].address, "a/b/email/en", "en")
    plan = world.plan("spring")
    first = enqueue(world.ledger, plan, [items[0], twin, items[2]], NOON, domain="lantern.example")
    assert (first.queued, first.known, first.shared_address) == (2, 0, (people[1],))
    again = enqueue(world.ledger, plan, [items[0], twin, items[2]], NOON, domain="lantern.example")
    assert (again.queued, again.known, again.shared_address) == (0, 2, (people[1],))


def test_enqueue_is_all_or_nothing(world: World) -> None:
    items = world.items(world.people(300))

    def breaking():  # type: ignore[no-untyped-def]
        yield from items
        raise DataError("the source broke")

    with pytest.raises(DataError):
        enqueue(world.ledger, world.plan("spring"), breaking(), NOON, domain="lantern.example")
    assert status(world.ledger, "spring").audience == 0
    assert not status(world.ledger, "spring").finished


def test_those_who_may_not_be_written_to_are_not(world: World) -> None:
    agreed, silent, withdrawn, blocked, moved, erased = world.people(6)
    with world.ledger.begin() as connection:
        connection.execute(delete(consents).where(consents.c.customer == silent))
        connection.execute(delete(people).where(people.c.customer == erased))
    plan = world.queue("spring", [agreed, silent, withdrawn, blocked, moved, erased])
    withdraw(world.ledger, withdrawn, "email", "marketing", source="console", now=NOON)
    suppress(world.ledger, "email", world.vault.digest("email", address(3)), reason="bounced", now=NOON)
    world.vault.seal([Person(moved, email="new@example.com")], now=NOON)
    channel = OutboxChannel()
    report = world.send(channel, plan)
    assert (report.sent, report.suppressed, len(channel)) == (1, 5, 1)
    assert report.reasons == {"no_consent": 2, "bounced": 1, "address_changed": 1, "no_address": 1}
    assert status(world.ledger, plan).reasons == report.reasons
    refused = refusals(world.ledger, {i.customer: i.address for i in world.items(world.customers[:4])}, "email", "marketing")
    assert set(refused) == {silent, withdrawn, blocked}  # the queue's own prepared statement agrees with govern


def test_a_person_with_two_ids_gets_one_message_and_one_refusal_counts_for_both(world: World) -> None:
    one, two, three, four = world.people(4)
    merges = [record_merges(world.ledger, world.audit, [Match(*pair, "manual")], by="Ana", now=NOON)[0] for pair in ((one, two), (three, four))]
    plan = world.queue("spring", [one, two, three, four])
    withdraw(world.ledger, four, "email", "marketing", source="console", now=NOON)
    channel = OutboxChannel()
    report = world.send(channel, plan, rules=SendRules(FREE, UTC))
    assert (report.sent, report.reasons) == (1, {"same_person": 1, "no_consent": 2})
    undo(world.ledger, world.audit, merges[0].id, by="Ana", now=NOON)
    assert world.send(channel, world.queue("summer", [one, two]), rules=SendRules(FREE, UTC)).sent == 2


def test_a_cap_counts_all_ids_of_a_person(world: World) -> None:
    one, two = world.people(2)
    channel, rules = OutboxChannel(), SendRules(Caps(per_day=1, per_week=3), UTC)
    assert world.send(channel, world.queue("spring", [one]), rules=rules).sent == 1
    record_merges(world.ledger, world.audit, [Match(one, two, "manual")], by="Ana", now=NOON)
    report = world.send(channel, world.queue("summer", [two]), rules=rules)
    assert (report.sent, report.held) == (0, 1)


def test_unsubscribing_during_a_send_is_in_force_at_once(world: World) -> None:
    people = world.people(30)
    plan = world.queue("spring", people)
    gone: list[str] = []

    class Leaving(OutboxChannel):
        def send(self, message: Message) -> Receipt:
            if len(self) == 5:  # inside the batch that holds customers 5 to 19
                for customer in people[6:16]:
                    token = world.links.token(Subscription(customer, plan, "email"))
                    assert unsubscribe(world.ledger, world.links, token, audit=world.audit, now=NOON)
                    gone.append(customer)
            return super().send(message)

    channel = Leaving()
    report = world.send(channel, plan)
    assert (report.sent, len(channel), len(gone)) == (20, 20, 10)
    assert not any(f"p{n}@".encode() in data for data in channel for n in range(6, 16))
    assert status(world.ledger, plan).reasons == {"unsubscribed": 10}
    assert world.audit.verify() is None


def test_answers_of_a_carrier(world: World) -> None:
    plan = world.queue("spring", world.people(4))
    channel = Answering(Receipt("later", "smtp 451 4.7.1"), Receipt("refused", "smtp 554 5.7.1"), Receipt("unknown", "no_final_answer"))
    report = world.send(channel, plan)
    assert (report.again, report.failed, report.uncertain, report.sent) == (1, 1, 1, 1)
    assert report.next_at == NOON + timedelta(minutes=1)
    assert world.send(channel, plan).handled == 0  # not before the minute is over
    assert world.send(channel, plan, now=NOON + timedelta(minutes=1)).sent == 1
    assert status(world.ledger, plan).finished
    assert channel.tried == 5
    assert channel.open_ == 0


def test_a_carrier_that_keeps_saying_later_ends_in_failed(world: World) -> None:
    plan = world.queue("spring", world.people(1))
    channel = Answering(*[Receipt("later", "smtp 451")] * 50)
    now = NOON
    while (state := status(world.ledger, plan)).next_at:
        now = state.next_at
        world.send(channel, plan, now=now)
    assert channel.tried == MOST_ATTEMPTS
    assert status(world.ledger, plan).reasons == {"smtp 451": 1}
    assert status(world.ledger, plan).failed == 1
    assert now < NOON + timedelta(hours=1)


def test_a_carrier_that_turns_everybody_away_stops_the_send(world: World) -> None:
    plan = world.queue("spring", world.people(50))
    with pytest.raises(ProviderError, match="turned away 10 messages in a row, last with 'smtp 421'"):
        world.send(Answering(*[Receipt("later", "smtp 421")] * 50), plan)
    assert status(world.ledger, plan).queued == 50
    assert world.send(OutboxChannel(), plan, now=NOON + timedelta(hours=1)).sent == 50


def test_a_carrier_that_goes_away_leaves_everything_unsent_in_the_queue(world: World) -> None:
    plan = world.queue("spring", world.people(10))
    channel = Answering(*[Receipt("accepted")] * 3, ProviderError("gone"))
    with pytest.raises(ProviderError):
        world.send(channel, plan)
    assert (status(world.ledger, plan).sent, status(world.ledger, plan).queued) == (3, 7)
    assert world.send(channel, plan).sent == 7


def test_a_second_ctrl_c_leaves_the_message_in_hand_uncertain(world: World) -> None:
    plan = world.queue("spring", world.people(10))
    with pytest.raises(KeyboardInterrupt):
        world.send(Answering(*[Receipt("accepted")] * 3, KeyboardInterrupt()), plan)
    after = status(world.ledger, plan)
    assert (after.sent, after.uncertain, after.queued) == (3, 1, 6)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_after_the_message_in_hand(world: World, number: signal.Signals) -> None:
    plan = world.queue("spring", world.people(10))

    class Raising(OutboxChannel):
        def send(self, message: Message) -> Receipt:
            if len(self) == 4:
                signal.raise_signal(number)
            return super().send(message)

    before = signal.getsignal(number)
    report = world.send(Raising(), plan)
    assert (report.sent, report.stopped) == (5, True)
    assert signal.getsignal(number) is before
    assert (status(world.ledger, plan).queued, status(world.ledger, plan).sending) == (5, 0)
    assert world.send(OutboxChannel(), plan).sent == 5


def test_a_message_that_cannot_be_written_fails_alone(world: World) -> None:
    world.people(3)
    bad = world.vault.pseudonym("bad")
    world.vault.seal([Person(bad, email="a b,c@example.com".replace(" ", ";"))], now=NOON)
    record(world.ledger, [Consent(bad, "email", "marketing", True, "yes", "shop export", NOON)], now=NOON)
    items = [*world.items(world.customers), type(world.items(world.customers)[0])(
        bad, world.vault.digest("email", "a;b,c@example.com"), "v", "en")]
    enqueue(world.ledger, world.plan("spring"), items, NOON, domain="lantern.example")
    report = world.send(OutboxChannel(), "spring")
    assert (report.sent, report.failed, report.reasons) == (3, 1, {"not_rendered": 1})


def test_uncertain_messages_wait_for_a_persons_word(world: World) -> None:
    plan = world.queue("spring", world.people(2))
    channel = Answering(Receipt("unknown", "no_final_answer"), Receipt("unknown", "no_final_answer"))
    world.send(channel, plan)
    assert world.send(channel, plan).handled == 0
    assert resolve_uncertain(world.ledger, plan, "resend", by="Mei", audit=world.audit, now=NOON) == 2
    assert world.send(channel, plan).sent == 2
    with pytest.raises(StateError, match="no message of uncertain delivery"):
        resolve_uncertain(world.ledger, plan, "sent", by="Mei", audit=world.audit, now=NOON)
    assert world.audit.verify() is None
    assert world.audit.head() is not None


def test_caps_count_every_plan_and_everything_that_may_have_arrived(world: World) -> None:
    people = world.people(2)
    rules = SendRules(Caps(per_day=1, per_week=2, quiet_from=time(0), quiet_until=time(0)), UTC)
    first, second, third = (world.queue(name, people) for name in ("one", "two", "three"))
    world.send(Answering(Receipt("unknown", "no_final_answer")), first, rules=rules)
    held = world.send(OutboxChannel(), second, rules=rules)
    assert (held.held, held.reasons, held.next_at) == (2, {"cap": 2}, NOON + DAY)
    assert world.send(OutboxChannel(), second, rules=rules, now=NOON + DAY).sent == 2
    held = world.send(OutboxChannel(), third, rules=rules, now=NOON + 2 * DAY)
    assert (held.held, held.next_at) == (2, NOON + 7 * DAY)
    dropped = world.send(OutboxChannel(), third, rules=replace(rules, expires_at=NOON + 7 * DAY), now=NOON + 7 * DAY)
    assert dropped.reasons == {"expired": 2}
    nobody = world.queue("four", people)
    assert world.send(OutboxChannel(), nobody, rules=SendRules(Caps(per_day=0), UTC)).reasons == {"cap": 2}
    assert status(world.ledger, nobody).suppressed == 2


def test_quiet_hours_are_those_of_the_recipient(world: World) -> None:
    awake, asleep, _unknown = world.people(3)
    plan = world.queue("spring", world.customers)
    zones = {awake: ZoneInfo("Europe/London"), asleep: ZoneInfo("Asia/Shanghai")}
    rules = SendRules(Caps(), UTC, zone_of=zones.get)
    evening = datetime(2024, 5, 1, 14, 0, tzinfo=UTC)  # 15:00 in London, 22:00 in Shanghai
    report = world.send(OutboxChannel(), plan, now=evening, rules=rules)
    assert (report.sent, report.held, report.reasons) == (2, 1, {"quiet_hours": 1})
    assert report.next_at == datetime(2024, 5, 2, 0, 0, tzinfo=UTC)  # 08:00 in Shanghai
    report = world.send(OutboxChannel(), plan, now=datetime(2024, 5, 2, 0, 0, tzinfo=UTC), rules=rules)
    assert report.sent == 1


def test_two_senders_at_once_send_everything_once(world: World) -> None:
    plan = world.queue("spring", world.people(150))
    channels = [OutboxChannel(), OutboxChannel()]
    reports: list[int] = []
    threads = [threading.Thread(target=lambda c=channel: reports.append(world.send(c, plan).sent)) for channel in channels]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = [message for channel in channels for message in channel._kept]
    assert sum(reports) == len(ids) == len(set(ids)) == 150
    assert status(world.ledger, plan).sent == 150


def test_two_plans_at_once_keep_the_cap(world: World) -> None:
    people = world.people(60)
    rules = SendRules(Caps(per_day=1, per_week=1, quiet_from=time(0), quiet_until=time(0)), UTC)
    plans = [world.queue(name, people) for name in ("one", "two")]
    channels = [OutboxChannel(), OutboxChannel()]
    threads = [threading.Thread(target=world.send, args=(channel, plan), kwargs={"rules": rules})
               for channel, plan in zip(channels, plans, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recipients = [data.split(b"To: ")[1].split(b"\r\n")[0] for channel in channels for data in channel]
    assert len(recipients) == len(set(recipients)) == 60


def test_a_dry_run_writes_one_file_per_message(world: World, tmp_path: Path) -> None:
    plan = world.queue("spring", world.people(3))
    channel = OutboxChannel(tmp_path / "mails")
    assert world.send(channel, plan).sent == len(channel) == len(list(channel)) == 3
    assert {channel.lookup(name) for name in world.states(plan)} == {True}
    assert channel.lookup("<other@lantern.example>") is False
    assert all(file.suffix == ".eml" for file in (tmp_path / "mails").iterdir())


def test_the_pace_is_kept(world: World) -> None:
    """No clock is read here: with a limit, the wait between messages is on record as a stop that was honoured in it."""
    plan = world.queue("spring", world.people(5))
    stop = threading.Event()

    class Stopping(OutboxChannel):
        def send(self, message: Message) -> Receipt:
            stop.set()
            return super().send(message)

    report = world.send(Stopping(), plan, rules=SendRules(FREE, UTC, limit_per_s=0.001), stop=stop)  # a wait of 1,000 s ends at once
    assert (report.sent, report.stopped) == (1, True)
