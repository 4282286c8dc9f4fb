"""The send queue in any order of events: four truths hold."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from brandloom.deliver import Caps, Message, Receipt, SendRules, status
from brandloom.deliver.rules import is_quiet
from brandloom.errors import ProviderError
from brandloom.govern import Consent, record, withdraw
from brandloom.ledger.database import open_ledger_at
from deliver_world import NOON, Answering, address, make_world

DAY = timedelta(days=1)


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
                self.world.send(_Scripted(self, outcomes), plan, now=self.now, rules=SendRules(self.caps, UTC))

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
