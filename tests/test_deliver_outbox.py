"""The send queue: who gets a message, who does not, and why; what stays true whatever happens in between."""

from __future__ import annotations

import contextlib
import shutil
import signal
import tempfile
import threading
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import delete

from brandloom.deliver import Caps, Message, OutboxChannel, Receipt, Subscription, enqueue, resolve_uncertain, status, unsubscribe
from brandloom.deliver.rules import cap_end, is_quiet, quiet_end, window_start
from brandloom.deliver.send import MOST_ATTEMPTS
from brandloom.errors import DataError, ProviderError, StateError
from brandloom.govern import Consent, Person, record, refusals, suppress, withdraw
from brandloom.ledger import Ledger
from brandloom.ledger.database import open_ledger_at
from brandloom.ledger.schema import consents, people
from deliver_world import NOON, World, address, make_world

DAY = timedelta(days=1)


@pytest.fixture
def world(ledger: Ledger, tmp_path: Path) -> World:
    return make_world(tmp_path, ledger)


class Answering:
    """A carrier that answers from a list, then accepts; shipped OutboxChannel keeps what was accepted."""

    name, accepts_idempotency_key = "email", False

    def __init__(self, *answers: Receipt | BaseException) -> None:
        self.answers, self.kept, self.open_, self.tried = list(answers), OutboxChannel(), 0, 0

    def open(self) -> None:
        self.open_ += 1

    def send(self, message: Message) -> Receipt:
        self.tried += 1
        answer = self.answers.pop(0) if self.answers else Receipt("accepted")
        if isinstance(answer, BaseException):
            raise answer
        return self.kept.send(message) if answer.outcome == "accepted" else answer

    def lookup(self, message_id: str) -> bool | None:
        return None

    def close(self) -> None:
        self.open_ -= 1


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
    caps = Caps(per_day=1, per_week=2, quiet_from=time(0), quiet_until=time(0))
    first, second, third = (world.queue(name, people) for name in ("one", "two", "three"))
    world.send(Answering(Receipt("unknown", "no_final_answer")), first, caps=caps)
    held = world.send(OutboxChannel(), second, caps=caps)
    assert (held.held, held.reasons, held.next_at) == (2, {"cap": 2}, NOON + DAY)
    assert world.send(OutboxChannel(), second, caps=caps, now=NOON + DAY).sent == 2
    held = world.send(OutboxChannel(), third, caps=caps, now=NOON + 2 * DAY)
    assert (held.held, held.next_at) == (2, NOON + 7 * DAY)
    dropped = world.send(OutboxChannel(), third, caps=caps, now=NOON + 7 * DAY, expires_at=NOON + 7 * DAY)
    assert dropped.reasons == {"expired": 2}
    nobody = world.queue("four", people)
    assert world.send(OutboxChannel(), nobody, caps=Caps(per_day=0)).reasons == {"cap": 2}
    assert status(world.ledger, nobody).suppressed == 2


def test_quiet_hours_are_those_of_the_recipient(world: World) -> None:
    awake, asleep, _unknown = world.people(3)
    plan = world.queue("spring", world.customers)
    zones = {awake: ZoneInfo("Europe/London"), asleep: ZoneInfo("Asia/Shanghai")}
    evening = datetime(2024, 5, 1, 14, 0, tzinfo=UTC)  # 15:00 in London, 22:00 in Shanghai
    report = world.send(OutboxChannel(), plan, now=evening, caps=Caps(), zone_of=zones.get)
    assert (report.sent, report.held, report.reasons) == (2, 1, {"quiet_hours": 1})
    assert report.next_at == datetime(2024, 5, 2, 0, 0, tzinfo=UTC)  # 08:00 in Shanghai
    report = world.send(OutboxChannel(), plan, now=datetime(2024, 5, 2, 0, 0, tzinfo=UTC), caps=Caps(), zone_of=zones.get)
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
    caps = Caps(per_day=1, per_week=1, quiet_from=time(0), quiet_until=time(0))
    plans = [world.queue(name, people) for name in ("one", "two")]
    channels = [OutboxChannel(), OutboxChannel()]
    threads = [threading.Thread(target=world.send, args=(channel, plan), kwargs={"caps": caps})
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

    report = world.send(Stopping(), plan, limit_per_s=0.001, stop=stop)  # a wait of 1,000 s ends at once
    assert (report.sent, report.stopped) == (1, True)


# --- rules, over zones and moments -----------------------------------------------------------------------------------------

ZONES = st.sampled_from(["UTC", "Europe/London", "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu",
                         "America/St_Johns", "Pacific/Apia", "Africa/Casablanca", "Pacific/Chatham", "America/Sao_Paulo"]).map(ZoneInfo)
NEAR_CHANGES = st.sampled_from([datetime(2024, 3, 31, 1), datetime(2024, 10, 27, 1), datetime(2024, 3, 10, 7), datetime(2024, 11, 3, 6),
                                datetime(2011, 12, 30, 10), datetime(2024, 4, 6, 15), datetime(2024, 10, 5, 15)])
MOMENTS = st.one_of(
    st.datetimes(datetime(2010, 1, 1), datetime(2030, 1, 1)),
    st.builds(lambda base, minutes: base + timedelta(minutes=minutes), NEAR_CHANGES, st.integers(-2_000, 2_000)),
).map(lambda moment: moment.replace(tzinfo=UTC))
CLOCK = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))


@settings(max_examples=700, deadline=None)
@given(MOMENTS, ZONES, CLOCK, CLOCK)
def test_quiet_hours_end_when_the_wall_clock_says_so(moment: datetime, zone: ZoneInfo, begin: time, end: time) -> None:
    caps = Caps(quiet_from=begin, quiet_until=end)
    until = quiet_end(moment, zone, caps)
    wall = moment.astimezone(zone).time()
    inside = begin <= wall < end if begin <= end else not end <= wall < begin
    assert (until is not None) == inside == is_quiet(moment, zone, caps)
    if until is not None:
        assert moment < until <= moment + timedelta(hours=49)
        assert not is_quiet(until, zone, caps)


@settings(max_examples=700, deadline=None)
@given(MOMENTS, ZONES, st.lists(st.integers(0, 12 * 24 * 60), max_size=12), st.integers(1, 3), st.integers(1, 5))
def test_no_calendar_day_and_no_24_hours_hold_more_than_the_cap(
        start: datetime, zone: ZoneInfo, minutes: list[int], per_day: int, per_week: int) -> None:
    caps, sent = Caps(per_day=per_day, per_week=per_week), []
    for wanted in sorted(start + timedelta(minutes=m) for m in minutes):
        free = cap_end(sent, wanted, zone, caps)
        if free is None:
            sent.append(wanted)
        else:
            assert free > wanted
            assert cap_end(sent, free, zone, caps) is None  # the moment promised is one at which it may go
    for at in sent:
        assert sum(at - DAY < other <= at for other in sent) <= per_day
        assert sum(at - 7 * DAY < other <= at for other in sent) <= per_week
        assert sum(other.astimezone(zone).date() == at.astimezone(zone).date() for other in sent) <= per_day


def test_a_day_of_25_hours_is_one_day() -> None:
    london = ZoneInfo("Europe/London")
    just_after_midnight = datetime(2024, 10, 26, 23, 10, tzinfo=UTC)  # 00:10 on the 27th, clocks go back at 02:00
    late = datetime(2024, 10, 27, 23, 30, tzinfo=UTC)  # 23:30 the same day, 24 h 20 min later
    assert cap_end([just_after_midnight], late, london, Caps()) is not None
    assert window_start(late, london, 1) < just_after_midnight


# --- anything in any order -------------------------------------------------------------------------------------------------

class AnyOrder(RuleBasedStateMachine):
    """Plans queued, carriers failing, senders dying, people leaving and coming back, clocks moving: four truths hold."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.ledger = open_ledger_at(f"sqlite:///{self.folder / 'ledger.sqlite'}")
        self.world = make_world(self.folder, self.ledger)
        self.people = self.world.people(4)
        self.now = NOON
        self.caps = Caps(per_day=2, per_week=4, quiet_from=time(21), quiet_until=time(8))
        self.accepted: list[tuple[datetime, str, str]] = []  # when, to whom, Message-ID
        self.left: set[str] = set()
        self.plans: dict[str, int] = {}

    @rule(who=st.sets(st.integers(0, 3), min_size=1))
    def queue(self, who: set[int]) -> None:
        name = f"plan{len(self.plans)}"
        self.plans[self.world.queue(name, [self.people[n] for n in sorted(who)], now=self.now)] = len(who)

    @rule(outcomes=st.lists(st.sampled_from(["accepted", "later", "refused", "unknown", "lost", "dies", "dies_arrived"]), max_size=4),
          pick=st.integers(0, 50))
    def send(self, outcomes: list[str], pick: int) -> None:
        if self.plans:
            plan = sorted(self.plans)[pick % len(self.plans)]
            with contextlib.suppress(ProviderError, _Died):
                self.world.send(_Scripted(self, outcomes), plan, now=self.now, caps=self.caps)

    @rule(hours=st.integers(1, 40))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule(who=st.integers(0, 3))
    def leave(self, who: int) -> None:
        withdraw(self.ledger, self.people[who], "email", "marketing", source="console", now=self.now)
        self.left.add(address(who))

    @rule(who=st.integers(0, 3))
    def come_back(self, who: int) -> None:
        record(self.ledger, [Consent(self.people[who], "email", "marketing", True, f"again {self.now}", "form", self.now)], now=self.now)
        self.left.discard(address(who))

    @invariant()
    def nobody_twice(self) -> None:
        ids = [message_id for _, _, message_id in self.accepted]
        assert len(ids) == len(set(ids))

    @invariant()
    def nothing_lost(self) -> None:
        arrived = {message_id for _, _, message_id in self.accepted}
        for plan, audience in self.plans.items():
            states = self.world.states(plan)
            assert len(states) == audience == status(self.ledger, plan).audience
            for message_id, state in states.items():
                assert state in ("queued", "suppressed", "failed", "sent", "uncertain", "sending")
                if state == "sent":
                    assert message_id in arrived
                if message_id in arrived:
                    assert state in ("sent", "uncertain", "sending")

    @invariant()
    def caps_and_quiet_hours_kept(self) -> None:
        for at, to, _ in self.accepted:
            assert not is_quiet(at, UTC, self.caps)
            mine = [other for other, whom, _ in self.accepted if whom == to]
            assert sum(at - DAY < other <= at for other in mine) <= 2
            assert sum(at - 7 * DAY < other <= at for other in mine) <= 4

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self.ledger.close()
            shutil.rmtree(self.folder)


class _Died(BaseException):
    """Stands for the end of the process: nothing more is written by that sender."""


class _Scripted(Answering):
    def __init__(self, machine: AnyOrder, outcomes: list[str]) -> None:
        super().__init__()
        self.machine, self.outcomes = machine, list(outcomes)

    def send(self, message: Message) -> Receipt:
        outcome = self.outcomes.pop(0) if self.outcomes else "accepted"
        assert message.recipient not in self.machine.left
        if outcome in ("accepted", "dies_arrived"):
            self.machine.accepted.append((self.machine.now, message.recipient, message.message_id))
        if outcome == "lost":
            raise ProviderError("gone")
        if outcome.startswith("dies"):
            raise _Died
        return Receipt(outcome, outcome)  # type: ignore[arg-type]


AnyOrder.TestCase.settings = settings(max_examples=12, stateful_step_count=20, deadline=None,
                                      suppress_health_check=list(HealthCheck))
TestAnyOrder = AnyOrder.TestCase
