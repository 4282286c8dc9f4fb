"""kill -9 in the middle of a send: nobody gets a message twice, nobody is lost without a word."""

from __future__ import annotations

import multiprocessing
import random
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from brandloom.deliver import LoopbackChannel, LoopbackSmtp, OutboxChannel, SmtpChannel, status
from brandloom.deliver.owners import BOOT, owning
from brandloom.ledger import Ledger
from brandloom.ledger.database import open_ledger_at
from deliver_world import NOON, World, make_world, run_sender, run_sink

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["brandloom.deliver", "brandloom.ledger.database", "pytest"])  # each start: a fork, no imports


def send_with_kills(world: World, url: str, folder: Path, plan: str, *, kills: int, messages: int, askable: bool,
                    ) -> dict[str, int]:
    """Send with senders that are killed while a message is in hand; returns arrivals by Message-ID."""
    rng = random.Random(7)
    ticks = sorted(rng.sample(range(1, messages), kills))
    pipe, far = CONTEXT.Pipe()
    sink = CONTEXT.Process(target=run_sink, args=(far, str(folder / "spool"), ticks))
    sink.start()
    sink_url: str = pipe.recv()
    arguments = (str(world.workspace.path), url, sink_url, plan, askable)
    for tick in [*ticks, None]:
        sender = CONTEXT.Process(target=run_sender, args=arguments)
        sender.start()
        if tick is not None:
            wait_for_tick(pipe, rng)
            sender.kill()
        sender.join()
        assert (sender.exitcode == 0) == (tick is None)
        sender.close()
    pipe.send("stop")
    arrivals: dict[str, int] = pipe.recv()
    sink.join()
    return arrivals


def wait_for_tick(pipe: Connection, rng: random.Random) -> None:
    """Wait until the sink is in a message, then a moment more, so that kills fall before, in and after the answer."""
    pipe.recv()
    pipe.poll(rng.choice([0, 0, 0.0005, 0.001, 0.003]))


def judge(world: World, plan: str, arrivals: dict[str, int]) -> tuple[int, int, int]:
    """Messages accepted twice, lost in silence (said to be sent, or never tried, and not there), and uncertain."""
    states = world.states(plan)
    assert set(arrivals) <= set(states)
    twice = sum(count > 1 for count in arrivals.values())
    lost = sum(state != "uncertain" and name not in arrivals for name, state in states.items())
    return twice, lost, sum(state == "uncertain" for state in states.values())


@pytest.mark.slow
def test_twenty_kills_in_ten_thousand_messages_over_plain_smtp(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    ledger = open_ledger_at(url)
    world = make_world(tmp_path, ledger)
    plan = world.queue("spring", world.people(10_000))
    arrivals = send_with_kills(world, url, tmp_path, plan, kills=20, messages=10_000, askable=False)
    twice, lost, uncertain = judge(world, plan, arrivals)
    assert (twice, lost) == (0, 0)
    assert 0 < uncertain <= 20
    assert status(ledger, plan).finished
    ledger.close()


def test_nothing_stays_uncertain_with_a_carrier_that_can_be_asked(ledger: Ledger, tmp_path: Path) -> None:
    world = make_world(tmp_path, ledger)
    plan = world.queue("spring", world.people(1_000))
    url = ledger.database.url.render_as_string(hide_password=False)
    arrivals = send_with_kills(world, url, tmp_path, plan, kills=8, messages=1_000, askable=True)
    assert judge(world, plan, arrivals) == (0, 0, 0)
    assert len(arrivals) == status(ledger, plan).sent == 1_000


def test_rows_of_a_live_sender_are_left_alone(ledger: Ledger, tmp_path: Path) -> None:
    """Another sender, in the middle of a message, on this machine: its row is neither sent nor called uncertain."""
    world = make_world(tmp_path, ledger)
    plan = world.queue("spring", world.people(30))
    seen: list[str] = []

    def second_sender(_recipient: str) -> None:
        if not seen:
            seen.append("x")
            report = world.send(SmtpChannel(sink.url), plan)
            assert (report.sent, report.recovered) == (10, 0)  # the first holds a batch of 20

    with LoopbackSmtp(on_data=second_sender) as sink:
        report = world.send(SmtpChannel(sink.url), plan)
        assert report.sent == 20
        assert sorted(sink.arrivals.values()) == [1] * 30
    assert status(ledger, plan).sent == 30


DEAD = "elsewhere:{boot}:1:00000000"


@pytest.mark.parametrize("channel", ["asked", "keyed", "plain"])
def test_a_row_left_sending_on_another_machine(ledger: Ledger, tmp_path: Path, channel: str) -> None:
    """Not touched during its lease. After it: asked for, never sent again on a bare 'not here', since it may be on its way."""
    world = make_world(tmp_path, ledger)
    plan = world.queue("spring", world.people(1))
    world.set_rows(plan, state="sending", owner=DEAD.format(boot="x"), lease_until=NOON + timedelta(minutes=5), attempts=1)
    with LoopbackSmtp() as sink:
        carrier = {"asked": LoopbackChannel(sink.url), "keyed": OutboxChannel(), "plain": SmtpChannel(sink.url)}[channel]
        world.send(carrier, plan)
        assert status(ledger, plan).sending == 1
        world.send(carrier, plan, now=NOON + timedelta(minutes=6))
        later = status(ledger, plan)
        assert (later.sent, later.uncertain) == ((1, 0) if channel == "keyed" else (0, 1))
        assert len(sink) == 0


def test_claims_of_before_a_loss_of_power_are_in_doubt_on_sqlite(ledger: Ledger, tmp_path: Path) -> None:
    """SQLite's quick commits may be missing after a power loss: whatever was claimed may have been sent. PostgreSQL's are not."""
    world = make_world(tmp_path, ledger)
    plan = world.queue("spring", world.people(3))
    with owning() as name:
        world.set_rows(plan, owner=name.replace(f":{BOOT}:", ":another:"), lease_until=NOON)
    with LoopbackSmtp() as sink:
        channel = SmtpChannel(sink.url)
        report = world.send(channel, plan)
    assert (report.sent, report.recovered) == ((0, 3) if ledger.dialect == "sqlite" else (3, 0))
    assert status(ledger, plan).finished
