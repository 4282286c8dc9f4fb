"""Whom messages make buy, learned from plans with a holdout: the truth of a made-up effect is found, and too little is said to be so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from brandloom import cli
from brandloom.campaigns import Shop, create
from brandloom.campaigns.effects import SENT, experiments, learn_effects_of_messages
from brandloom.customers import feature_query
from brandloom.engine import tables
from brandloom.errors import DataError
from brandloom.govern import lay_persons
from brandloom.govern.identity import Match, record, undo
from brandloom.predict.features import feature_matrix

DECIDED, NOW = datetime(2024, 5, 1), datetime(2024, 7, 1)
PEOPLE = 3_000


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Half of the people have bought before; a message brings .25 more buyers among them and none among the others."""
    rng = np.random.default_rng(7)
    names = [f"c_{number:05d}" for number in range(PEOPLE)]
    loyal, sent = rng.random(PEOPLE) < 0.5, rng.random(PEOPLE) < 0.7
    bought = rng.random(PEOPLE) < 0.15 + np.where(sent & loyal, 0.25, 0.0)
    rows = [(name, DECIDED - timedelta(days=int(day))) for name, old in zip(names, loyal, strict=True) if old for day in (200, 90, 20)]
    rows += [(name, DECIDED - timedelta(days=300)) for name, old in zip(names, loyal, strict=True) if not old]
    rows += [(name, DECIDED + timedelta(days=5)) for name, one in zip(names, bought, strict=True) if one]
    with create(tmp_path_factory.mktemp("effects") / "shop", name="Candle Shop") as opened:
        opened.engine.add("events", pa.table({
            "event": range(len(rows)), "customer": [name for name, _at in rows], "occurred_at": pa.array([at for _name, at in rows], pa.timestamp("us")),
            "kind": ["purchase"] * len(rows), "product": ["A1"] * len(rows), "quantity": [1.0] * len(rows),
            "amount": pa.array([Decimal(10)] * len(rows), tables.MONEY), "order_id": [f"o{number}" for number in range(len(rows))]}))
        opened.engine.add("decisions", filled(tables.DECISIONS, {
            "plan": ["p1"] * PEOPLE, "customer": names, "action": ["send" if one else "holdout" for one in sent],
            "propensity": [0.7 if one else 0.3 for one in sent], "decided_at": [DECIDED] * PEOPLE}))
        opened.engine.add("messages", filled(tables.MESSAGES, {
            "plan": ["p1"] * int(sent.sum()), "customer": [name for name, one in zip(names, sent, strict=True) if one],
            "state": ["sent"] * int(sent.sum())}))
        yield opened


def filled(schema: pa.Schema, columns: dict[str, list[object]]) -> pa.Table:
    rows = len(next(iter(columns.values())))
    return pa.table({field.name: pa.array(columns[field.name], field.type) if field.name in columns else pa.nulls(rows, field.type) for field in schema})


def test_those_whom_messages_make_buy_come_first(shop: Shop) -> None:
    made = learn_effects_of_messages(shop, NOW, window_days=30)
    card = made.model.cards[SENT]
    assert card.verdict == "clear" and card.average.low < 0.125 < card.average.high and made.plans == ("p1",)
    rows = made.customers.to_pylist()
    assert len(rows) == PEOPLE and [row["effect"] for row in rows] == sorted((row["effect"] for row in rows), reverse=True)
    select, values = feature_query(DECIDED)
    before = shop.engine.query(f"SELECT * FROM ({select}) features ORDER BY customer", **values)
    effect = made.model.predict(feature_matrix(before))[SENT]
    loyal = np.array(before["orders"].to_pylist()) >= 3
    assert 0.15 < effect[loyal].mean() < 0.35 and abs(effect[~loyal].mean()) < 0.07


def test_only_what_was_known_before_the_message_is_learned_from(shop: Shop) -> None:
    """Purchases after the decision are what is to be told: with a window of which nothing has passed there is nothing to learn."""
    early = learn_effects_of_messages(shop, DECIDED + timedelta(days=31), window_days=30)
    late = learn_effects_of_messages(shop, NOW, window_days=30)
    assert early.model.cards == late.model.cards
    with pytest.raises(DataError, match=r"So far there are 0 and 0.*shorter --horizon"):
        learn_effects_of_messages(shop, DECIDED + timedelta(days=20), window_days=30)


def test_a_plan_that_was_never_sent_teaches_nothing(shop: Shop) -> None:
    people = [f"c_{number:05d}" for number in range(400)]
    shop.engine.add("decisions", filled(tables.DECISIONS, {
        "plan": ["p2"] * 400, "customer": people, "action": ["send", "holdout"] * 200, "propensity": [0.5] * 400, "decided_at": [DECIDED] * 400}))
    assert learn_effects_of_messages(shop, NOW, window_days=30).plans == ("p1",)


def test_a_person_with_several_ids_counts_once_with_the_arm_and_the_chance_of_the_first(shop: Shop) -> None:
    """Of the ids the second alone was decided on, then both: neither time is the person lost or read with another's chance."""
    first, second = "c_00000", "c_00001"
    rows = shop.engine.query("SELECT customer, action, propensity FROM decisions WHERE plan = 'p1' AND customer IN ($a, $b) ORDER BY customer",
                             a=first, b=second).to_pylist()
    before = learn_effects_of_messages(shop, NOW, window_days=30).model.cards[SENT]
    record(shop.ledger, shop.audit, [Match(first, second, "manual")], by="Ana", now=datetime(2024, 7, 1, tzinfo=UTC))
    lay_persons(shop.engine, shop.ledger)
    x, arm, _bought, chance, _plans = experiments(shop, NOW, 30)
    assert len(arm) == PEOPLE - 1 == len(x) and rows[0]["customer"] == first
    assert arm[0] == ("sent" if rows[0]["action"] == "send" else "holdout")
    assert chance[0] == pytest.approx(rows[0]["propensity"] if rows[0]["action"] == "send" else 1 - rows[0]["propensity"])
    undo(shop.ledger, shop.audit, 1, by="Ana", now=datetime(2024, 7, 1, tzinfo=UTC))
    lay_persons(shop.engine, shop.ledger)
    assert learn_effects_of_messages(shop, NOW, window_days=30).model.cards[SENT] == before


def test_the_command_tells_the_verdict(shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    path = shop.workspace.path
    shop.engine.close()
    assert cli.run(["predict", str(path), "--what", "uplift", "--horizon", "30d", "--as-of", "2024-07-01", "--out", str(tmp_path / "e.csv"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["card"]["verdict"] == "clear" and told["plans"] == ["p1"] and len(told["rows"]) == 20
    assert len((tmp_path / "e.csv").read_text(encoding="utf-8").splitlines()) == PEOPLE + 1
    assert cli.run(["predict", str(path), "--what", "uplift", "--horizon", "30d", "--as-of", "2024-07-01"]) == 0
    assert "It pays to choose" in capsys.readouterr().out
    assert cli.run(["predict", str(path), "--what", "uplift", "--as-of", "2024-07-01"]) == 1
    assert "shorter --horizon" in capsys.readouterr().err
