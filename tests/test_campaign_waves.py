"""Campaigns in waves: shared out by what came before, never sent twice, judged from their own log."""

from __future__ import annotations

import json
import multiprocessing
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pyarrow as pa
import pytest
from sqlalchemy import delete, select

from brandloom.campaigns import Launch, Plan, Shop, create, open_shop, report_lines
from brandloom.campaigns.feedback import keep_results
from brandloom.campaigns.keep import keep_plan
from brandloom.campaigns.planning import text_scores
from brandloom.campaigns.plans import plan_digest, read_plan
from brandloom.campaigns.sending import launch
from brandloom.content import Brief, ProductGroup, Request, text_key
from brandloom.content.desk import read_pairs, read_pieces, read_results
from brandloom.content.response import fit_response
from brandloom.decide import FLOOR, texts_worth_writing
from brandloom.deliver import ClickLinks, OutboxChannel, Visit, follow, status, waves_of
from brandloom.engine import scalar
from brandloom.errors import ConfigError, StateError
from brandloom.ledger import schema
from brandloom.llm import Message, ScriptedTextModel
from brandloom.measure import from_json, to_json, words
from deliver_world import run_sink
from shop_world import AS_OF, EN, NOW, PEOPLE, SENDER, good_model, write_shop
from wave_world import launch_once

CLICKS = "https://shop.example.com/c"
PERSON = Visit("GET", {"User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Firefox/130.0"})
BRIEF = {"name": "Evening lights", "languages": ["en"], "holdout": 0.1, "audience": {"personas": ["regulars"]},
         "learn": {"waves": 3, "every": "24h"}}
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["brandloom.campaigns", "pytest"])


@pytest.fixture
def shop(learned: Path, tmp_path: Path) -> Iterator[Shop]:
    """The small shop, whose regulars are one cell, with its clicks counted."""
    with open_shop(counting(learned, tmp_path), model=good_model()) as opened:
        opened.clock = lambda: NOW
        yield opened


def counting(learned: Path, folder: Path) -> Path:
    """A copy of the shop in which links lead through the redirect."""
    path = Path(shutil.copytree(learned, folder / "shop"))
    file = path / "brandloom.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('click_url = ""', f'click_url = "{CLICKS}"'), encoding="utf-8")
    return path


def planned(shop: Shop, *, texts: int = 3, scores: dict[int, float] | None = None, **brief: object) -> Plan:
    """An approved plan whose one cell has several texts."""
    plan = shop.plan(Brief.model_validate(BRIEF | brief))
    [first] = plan.variants
    several = tuple(replace(first, key=text_key(first.key, n), slots={**first.slots, "subject": f"Subject {'ABC'[n - 1]}"}) for n in range(1, texts + 1))
    known = {text_key(first.key, n): (score, 0.1) for n, score in (scores or {}).items()}
    plan = replace(plan, variants=several, extra={"scores": known})
    plan = replace(plan, digest=plan_digest(shop.engine, plan))
    with shop.ledger.begin() as connection:
        for table in (schema.piece_versions, schema.pieces):
            connection.execute(delete(table))
        connection.execute(delete(schema.plans).where(schema.plans.c.id == plan.id))
    reader, group = next(one for one in plan.personas if one.key == first.persona), ProductGroup(first.product_group, plan.groups[0].label_en, ())
    keep_plan(shop, plan, [Request(reader, group, first.channel, first.language, n) for n in range(1, texts + 1)], voice=None)
    shop.approve(plan.id, by="Ana")
    return plan


def go(shop: Shop, plan: Plan, channel: OutboxChannel, days: float) -> Launch:
    """Launch so many days after the first."""
    shop.clock = lambda: NOW + timedelta(days=days)
    return shop.launch(plan.id, channel=channel)


def click(shop: Shop, channel: OutboxChannel, subject: str, *, hours: float = 1.0, people: float = 1.0) -> int:
    """Readers of a text follow its first link; returns how many did."""
    links = ClickLinks(shop.workspace.derive_key("clicks"), CLICKS)
    mails = [mail for data in channel if (mail := message_from_bytes(data, policy=policy.default))["Subject"] == subject]
    done = 0
    for mail in mails[:round(people * len(mails))]:
        page = str(mail.get_body(("html",)).get_content())  # type: ignore[union-attr]
        token = parse_qs(urlsplit(re.findall(r'href="(https://shop.example.com/c[^"]+)"', page)[0]).query)["t"][0]
        done += follow(shop.ledger, links, token, PERSON, now=shop.clock() + timedelta(hours=hours)).counted
    return done


def decisions(shop: Shop, plan: Plan) -> list[dict[str, object]]:
    return shop.engine.query("SELECT * FROM decisions WHERE plan = $plan ORDER BY customer", plan=plan.id).to_pylist()


def test_waves_move_to_the_text_that_is_clicked(shop: Shop) -> None:
    plan, channel = planned(shop), OutboxChannel()
    first = go(shop, plan, channel, 0)
    assert (first.wave, first.waves) == (1, 3)
    assert first.waiting > 0 and first.sent + first.waiting == first.audience
    assert first.next_at == NOW + timedelta(days=1)
    assert click(shop, channel, "Subject B") > 5
    go(shop, plan, channel, 1)
    last = go(shop, plan, channel, 2)
    assert (last.wave, last.waiting, last.sent) == (3, 0, last.audience)
    waves = waves_of(shop.ledger, plan.id)
    shares = [{one.text[-2:]: one.share for one in wave.texts} for wave in waves]
    assert set(shares[0].values()) == {1 / 3}
    assert shares[1]["#2"] > 0.8 and shares[2]["#2"] > 0.8
    second = next(one for one in waves[1].texts if one.text.endswith("#2"))
    assert second.known == second.successes > 5
    subjects = Counter(str(message_from_bytes(data, policy=policy.default)["Subject"]) for data in channel)
    assert subjects["Subject B"] > subjects["Subject A"] + subjects["Subject C"]


def test_what_readers_clicked_teaches_the_desk(shop: Shop) -> None:
    """Each wave is a test of its own; only messages that had their time count, and the same counts are written once."""
    plan, channel = planned(shop), OutboxChannel()
    go(shop, plan, channel, 0)
    click(shop, channel, "Subject B")
    click(shop, channel, "Subject A", hours=30)  # after the pause: too late to count
    with shop.ledger.read() as connection:
        assert not any(read_results(connection, one) for one in read_pieces(connection, plan=plan.id))
    for day in (1, 2):
        go(shop, plan, channel, day)
        click(shop, channel, "Subject B")
    shop.clock = lambda: NOW + timedelta(days=3)
    shop.report(plan.id)
    with shop.ledger.read() as connection:
        found = {one.name: read_results(connection, one) for one in read_pieces(connection, plan=plan.id)}
    first = {name.partition("#")[2] or "1": next(one for one in results if one.source.endswith(" 1")) for name, results in found.items()}
    assert first["2"].clicks == first["2"].shown > 5 and first["1"].clicks == first["3"].clicks == 0
    sent = shop.engine.query("SELECT COUNT(*) AS n FROM messages WHERE plan = $plan AND state = 'sent'", plan=plan.id).to_pylist()[0]["n"]
    assert sum(one.shown for results in found.values() for one in results) == sent
    assert {one.source for results in found.values() for one in results} == {f"{plan.id} {wave}" for wave in (1, 2, 3)}
    pairs = [one for one in read_pairs(shop.ledger) if one.source == "clicks"]
    assert {(one.chosen["subject"], one.rejected["subject"]) for one in pairs} == {("Subject B", "Subject A"), ("Subject B", "Subject C")}
    assert all(0.9 < one.strength <= 1 for one in pairs)
    assert keep_results(shop, read_plan(shop.ledger, plan.id)) == 0


def test_everybody_has_a_logged_probability_and_shares_sum_to_one(shop: Shop) -> None:
    plan, channel = planned(shop), OutboxChannel()
    for day in (0, 1, 2):
        go(shop, plan, channel, day)
        click(shop, channel, "Subject C", people=0.5)
    sent = [row for row in decisions(shop, plan) if row["action"] == "send"]
    for wave in waves_of(shop.ledger, plan.id):
        assert sum(one.share for one in wave.texts) == pytest.approx(1)
        share = {one.text: one.share for one in wave.texts}
        own = [row for row in sent if row["wave"] == wave.number]
        assert len(own) == sum(1 for _ in own) == wave.texts[0].people
        assert all(row["text_propensity"] == share[str(row["text"])] >= FLOOR / 3 for row in own)
        for text, part in share.items():
            assert abs(sum(row["text"] == text for row in own) - part * len(own)) <= 1
    assert {row["wave"] for row in sent} == {1, 2, 3}
    assert {row["text"] for row in decisions(shop, plan) if row["action"] != "send"} == {None}
    messages = shop.engine.query("SELECT customer, variant, wave FROM messages WHERE plan = $plan ORDER BY customer", plan=plan.id).to_pylist()
    assert messages == [{"customer": row["customer"], "variant": row["text"], "wave": row["wave"]} for row in sent]


def test_a_scorer_leads_the_first_wave(shop: Shop) -> None:
    plan = planned(shop, scores={1: -0.5, 2: -0.5, 3: 0.8})
    go(shop, plan, OutboxChannel(), 0)
    [wave] = waves_of(shop.ledger, plan.id)
    assert {one.text[-2:]: one.share for one in wave.texts}["#3"] > 0.9


def test_nobody_is_written_to_twice_held_out_or_added(shop: Shop) -> None:
    plan, channel = planned(shop), OutboxChannel()
    for day in (0, 0, 0.5, 1, 1, 2, 3):
        found = go(shop, plan, channel, day)
    chosen = {row["customer"] for row in decisions(shop, plan) if row["action"] == "send"}
    people = shop.vault.reveal(sorted(map(str, chosen)))
    assert sorted(str(message_from_bytes(data)["To"]) for data in channel) == sorted(f"<{one.email}>" for one in people.values())
    assert found.sent == len(chosen) == plan.decision["actions"]["send"]
    assert shop.launch(plan.id, channel=channel).sent == len(channel) == len(chosen)


def test_a_wave_waits_for_its_time(shop: Shop) -> None:
    plan, channel = planned(shop), OutboxChannel()
    go(shop, plan, channel, 0)
    before = len(channel)
    assert go(shop, plan, channel, 0.99).wave == 1
    assert len(channel) == before
    assert go(shop, plan, channel, 1).wave == 2


def test_a_wave_held_by_quiet_hours_is_not_out(shop: Shop) -> None:
    plan, channel = planned(shop), OutboxChannel()
    held = go(shop, plan, channel, 0.5)  # 22:00
    assert (held.sent, held.wave, held.next_at) == (0, 1, NOW.replace(hour=8) + timedelta(days=1))
    assert go(shop, plan, channel, 1).sent > 0
    assert go(shop, plan, channel, 1.9).wave == 1
    assert go(shop, plan, channel, 2).wave == 2


def test_late_clicks_count_for_the_text_that_was_sent_but_not_for_the_next_wave(shop: Shop) -> None:
    plan, channel = planned(shop), OutboxChannel()
    go(shop, plan, channel, 0)
    go(shop, plan, channel, 1)
    late = click(shop, channel, "Subject A", hours=30)
    go(shop, plan, channel, 2)
    last = waves_of(shop.ledger, plan.id)[-1]
    assert late > 0
    assert sum(one.successes for one in last.texts) < late  # those of the first wave came a day too late
    rows = shop.engine.query("SELECT m.variant, COUNT(*) AS n FROM clicks c JOIN messages m ON m.plan = c.plan AND m.customer = c.customer "
                             "GROUP BY m.variant").to_pylist()
    assert rows == [{"variant": plan.variants[0].key, "n": late}]


@pytest.fixture
def now_only(shop: Shop) -> Shop:
    """The shop without what it sold later than its clock."""
    shop.engine.replace("events", "SELECT * FROM events WHERE occurred_at < TIMESTAMP '2024-06-01'")
    return shop


ORDERS = {"waves": 2, "every": "24h", "metric": "orders"}


def test_orders_loaded_meanwhile_move_the_next_wave(now_only: Shop, tmp_path: Path) -> None:
    shop, channel = now_only, OutboxChannel()
    plan = planned(shop, learn=ORDERS)
    go(shop, plan, channel, 0)
    ids = {shop.vault.pseudonym(f"K{n}"): f"K{n}" for n in range(PEOPLE)}
    to = [ids[str(row["customer"])] for row in decisions(shop, plan) if str(row["text"]).endswith("#3")]
    lines = [f"N{n},{who},2024-06-01 15:00:00,P1,Red Candle,1,12.50" for n, who in enumerate(to)]
    (tmp_path / "later.csv").write_text("\n".join(["Order ID,Customer ID,Order Date,SKU,Product Name,Quantity,Unit Price", *lines,
                                                   "NX,K0,2024-06-02 12:00:00,P1,Red Candle,1,12.50"]) + "\n", encoding="utf-8")
    shop.clock = lambda: NOW + timedelta(days=1.1)  # what lies ahead of the clock is refused
    shop.load(tmp_path / "later.csv", kind="orders")
    go(shop, plan, channel, 1.1)
    second = {one.text[-2:]: one for one in waves_of(shop.ledger, plan.id)[1].texts}
    assert second["#3"].successes == second["#3"].known == len(to) > 3
    assert second["#2"].known > 3 and second["#2"].successes == 0
    assert second["#3"].share > 0.9


def test_orders_that_are_not_loaded_teach_nothing(now_only: Shop) -> None:
    shop, channel = now_only, OutboxChannel()
    plan = planned(shop, learn=ORDERS)
    go(shop, plan, channel, 0)
    go(shop, plan, channel, 1.1)
    blind = waves_of(shop.ledger, plan.id)[1].texts
    assert {one.known for one in blind} == {0}
    assert sum(one.pending for one in blind) == len(channel) - blind[0].people
    assert {one.share for one in blind} == {1 / 3}


def test_one_text_per_cell_goes_out_at_once(shop: Shop) -> None:
    plan, channel = planned(shop, texts=1), OutboxChannel()
    done = go(shop, plan, channel, 0)
    assert (done.waves, done.waiting, done.sent) == (1, 0, done.audience)
    assert {row["text_propensity"] for row in decisions(shop, plan) if row["action"] == "send"} == {1.0}
    assert {row["text"] for row in decisions(shop, plan) if row["action"] == "send"} == {plan.variants[0].key}


def test_several_texts_without_learning_go_out_evenly_at_once(shop: Shop) -> None:
    plan, channel = planned(shop, texts=2, learn=None), OutboxChannel()
    done = go(shop, plan, channel, 0)
    assert done.sent == done.audience
    subjects = Counter(str(message_from_bytes(data)["Subject"]) for data in channel)
    assert max(subjects.values()) - min(subjects.values()) <= 1 and len(subjects) == 2


def test_an_approval_covers_the_rules_of_the_waves(shop: Shop) -> None:
    plan = planned(shop)
    other = replace(plan, brief=plan.brief.model_copy(update={"learn": plan.brief.learn and plan.brief.learn.model_copy(update={"waves": 2})}))
    with pytest.raises(StateError, match="is not what it was"):
        launch(shop, other, channel=OutboxChannel())
    warmer = replace(plan, extra={"scores": {plan.variants[0].key: [0.4, 0.1]}})
    with pytest.raises(StateError, match="is not what it was"):
        launch(shop, warmer, channel=OutboxChannel())


def test_an_approval_still_holds_between_waves(shop: Shop) -> None:
    plan, channel = planned(shop), OutboxChannel()
    go(shop, plan, channel, 0)
    shop.engine.replace("decisions", "SELECT * REPLACE ('send' AS action) FROM decisions")
    with pytest.raises(StateError, match="is not what it was"):
        go(shop, plan, channel, 1)


def test_clicks_that_nothing_counts_teach_nothing(learned: Path, tmp_path: Path) -> None:
    with open_shop(Path(shutil.copytree(learned, tmp_path / "shop")), model=good_model()) as uncounted:
        uncounted.clock = lambda: NOW
        plan = planned(uncounted)
        with pytest.raises(ConfigError, match="nothing counts them") as caught:
            uncounted.launch(plan.id, channel=OutboxChannel())
        assert "click_url" in caught.value.text("zh")
        assert status(uncounted.ledger, plan.id).audience == 0


def test_waves_after_the_end_of_the_offer_are_refused(shop: Shop) -> None:
    brief = BRIEF | {"offer": {"kind": "free_shipping", "until": "2024-06-02"}}
    with pytest.raises(ConfigError, match="3 waves, one every 24h, end on 2024-06-03"):
        shop.plan(Brief.model_validate(brief))


def test_kills_inside_and_between_waves_send_nothing_twice(shop: Shop, tmp_path: Path) -> None:
    """Killed while messages are in hand, in each wave; what is in doubt stays in doubt, everybody else gets one message."""
    plan = planned(shop)
    path, audience = str(shop.workspace.path), plan.decision["actions"]["send"]
    shop.close()
    ticks = [3, audience // 3 + 5, 2 * audience // 3 + 5]
    pipe, far = CONTEXT.Pipe()
    sink = CONTEXT.Process(target=run_sink, args=(far, str(tmp_path / "spool"), ticks), daemon=True)
    sink.start()
    url: str = pipe.recv()
    for day in range(3):
        moment = NOW + timedelta(days=day, hours=day)
        killed = CONTEXT.Process(target=launch_once, args=(path, url, plan.id, moment), daemon=True)
        killed.start()
        assert pipe.poll(250)
        pipe.recv()
        killed.kill()
        killed.join()
        again = CONTEXT.Process(target=launch_once, args=(path, url, plan.id, moment), daemon=True)
        again.start()
        again.join()
        assert again.exitcode == 0
    pipe.send("stop")
    arrivals: dict[str, int] = pipe.recv()
    sink.join()
    with open_shop(Path(path), model=good_model()) as after:
        with after.ledger.read() as connection:
            states = {row[0]: row[1] for row in connection.execute(select(schema.outbox.c.message_id, schema.outbox.c.state))}
        assert len(waves_of(after.ledger, plan.id)) == 3
        assert len(states) == audience
        assert set(arrivals.values()) == {1}
        uncertain = [name for name, state in states.items() if state == "uncertain"]
        assert len(uncertain) <= 3
        assert set(arrivals) | set(uncertain) == set(states)
        assert scalar(after.engine, "SELECT COUNT(*) FROM decisions WHERE plan = $plan AND text IS NOT NULL", plan=plan.id) == audience
        assert json.loads(json.dumps(after.launch(plan.id, channel=OutboxChannel()).to_dict()))["waiting"] == 0


def test_the_report_shows_what_moved_and_why_in_both_languages(shop: Shop, tmp_path: Path) -> None:
    plan, channel = planned(shop), OutboxChannel()
    assert shop.report(plan.id).waves is None
    go(shop, plan, channel, 0)
    done = click(shop, channel, "Subject B")
    go(shop, plan, channel, 1)
    links = ClickLinks(shop.workspace.derive_key("clicks"), CLICKS)
    page = re.findall(r'https://shop.example.com/c\?t=([\w-]+)', str(message_from_bytes(next(iter(channel)), policy=policy.default)
                                                                   .get_body(("plain",)).get_content()))[0]  # type: ignore[union-attr]
    follow(shop.ledger, links, page, Visit("HEAD", {}), now=shop.clock() + timedelta(hours=1))
    shop.clock = lambda: NOW + timedelta(days=1, hours=3)
    report = shop.report(plan.id, html=tmp_path / "report.html")
    assert from_json(to_json(report)) == report
    assert report.waves is not None
    [cell] = report.waves.cells
    assert (report.waves.opened, report.waves.waves, report.waves.machines[0].count) == (2, 3, 1)
    assert sum(row.sent for row in cell.rows) == len(channel)
    texts = {one.name: one for one in cell.texts}
    assert texts["B"].successes == done and texts["A"].successes == 0
    assert texts["B"].always is not None and texts["A"].always is not None
    assert texts["B"].always.value > texts["A"].always.value
    assert len(cell.moved) == 2
    assert "B from 33% to" in words(cell.moved[1], "en") and "B 由 33% 变为" in words(cell.moved[1], "zh")
    content = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Which text is better" in content and "哪篇文案更好" in content and content.count("How the waves were shared out") >= 1
    assert any("A 0.0" in value or "A 0" in value for _name, value in report_lines(report))


def test_a_preview_and_a_dry_run_are_not_counted(shop: Shop) -> None:
    plan = planned(shop)
    assert "/c?t=" not in shop.preview(plan.id).html
    tried = shop.launch(plan.id, dry_run=True)
    mails = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in Path(str(tried.folder)).glob("*.eml")]
    assert mails and all("/c?t=" not in str(mail.get_body(("html",)).get_content()) for mail in mails)  # type: ignore[union-attr]


def test_every_link_to_the_shop_is_counted_and_the_one_that_unsubscribes_is_not(shop: Shop) -> None:
    plan, channel = planned(shop), OutboxChannel()
    go(shop, plan, channel, 0)
    for data in channel:
        mail = message_from_bytes(data, policy=policy.default)
        page = str(mail.get_body(("html",)).get_content())  # type: ignore[union-attr]
        away = [one for one in re.findall(r'href="(https?://[^"]+)"', page) if "/c?t=" not in one]
        assert away and all("/unsubscribe?t=" in one for one in away)
        assert "https://shop.example.com/?" not in str(mail.get_body(("plain",)).get_content())  # type: ignore[union-attr]


def replace_subject(variant: SimpleNamespace, subject: str) -> SimpleNamespace:
    return SimpleNamespace(**{**vars(variant), "slots": {"subject": subject}})


def test_scores_are_kept_for_cells_with_several_texts() -> None:
    subjects = [_subject_tests()["text"][at].as_py() for at in (5, 4, 7)]
    assert [subject.split()[0] for subject in subjects] == ["Perhaps", "Now", "Perhaps"]
    variants = [SimpleNamespace(key=f"k{n}", persona="p", product_group="g", channel="email", language="en", slots={"subject": subject})
                for n, subject in enumerate(subjects)]
    scorer = fit_response(_subject_tests())
    found = text_scores(variants, scorer)  # type: ignore[arg-type]
    assert set(found) == {"k0", "k1", "k2"}
    assert np.exp([score for score, _deviation in found.values()]).mean() == pytest.approx(1)
    assert found["k1"][0] < min(found["k0"][0], found["k2"][0])
    assert text_scores(variants, None) == text_scores(variants[:1], scorer) == {}  # type: ignore[arg-type]
    assert text_scores([*variants[:2], replace_subject(variants[2], "")], scorer) == {}  # type: ignore[list-item,arg-type]


def test_a_plan_writes_as_many_texts_as_a_cell_can_tell_apart(tmp_path: Path) -> None:
    """Each begins differently; one the model could not write is not sent as a second copy of the plain text."""
    files, asked, missing = write_shop(tmp_path, people=1600), list[str](), list[str]()

    def reply(messages: list[Message], schema: object) -> str:
        asked.append(messages[-1].content)
        [angle] = [angle for angle, told in ANGLES.items() if told + "\n" in messages[-1].content + "\n"]
        if angle in missing:
            return "no text at all"
        thing = THINGS[angle]
        return json.dumps(EN | {"body": f"Shall we look at {thing}, {thing} and once more {thing}? A few things are waiting for you.",
                                "subject": f"Perhaps {thing} or a lamp for the evening", "headline": f"Now {thing}"})
    with create(tmp_path / "shop", name="Candle Shop", model=ScriptedTextModel(reply),
                sender=SENDER | {"click_url": CLICKS}) as shop:
        shop.load(files / "orders.csv", kind="orders")
        shop.load(files / "customers.csv", kind="customers")
        shop.clock = lambda: NOW
        fit_response(_subject_tests()).save(shop.workspace.models / "copy-tests")
        plan = shop.plan(Brief.model_validate(BRIEF | {"learn": {"waves": 3, "texts": 8}}), as_of=AS_OF)
        expected = text_scores(plan.variants, shop.scorer)
        missing.append(plan.variants[1].angle)
        poorer = shop.plan(Brief.model_validate(BRIEF | {"name": "Poorer", "learn": {"waves": 3, "texts": 8}}), as_of=AS_OF)
        alone = shop.plan(Brief.model_validate(BRIEF | {"name": "One wave", "learn": None}), as_of=AS_OF)
    people = plan.decision["actions"]["send"]
    [(cell, keys)] = plan.cells.items()
    assert keys[0] == cell
    assert 2 <= len(keys) <= texts_worth_writing(people, 8)
    assert len({one.slots["subject"] for one in plan.variants}) == len(keys)
    assert "template" not in {one.source for one in plan.variants}
    assert sum(one.source == "template" for one in poorer.variants) <= 1
    assert len(poorer.variants) < len(plan.variants) or poorer.variants[0].source == "template"
    assert [one.key for one in alone.variants] == [cell]
    assert plan.extra["scores"] == expected
    assert set(plan.extra["scores"]) == set(keys)
    assert "scores" not in alone.extra


ANGLES = {"scene": "a moment of everyday life to picture", "question": "a moment of everyday life and what would go with it",
          "detail": "a moment of everyday life that calls for something small", "moment": "a moment of everyday life that we thought of"}
"""What a model is told to begin with."""
THINGS = {"scene": "candles in the window", "question": "a lamp by the door", "detail": "a little shelf", "moment": "the hall at night"}
"""What it writes of then."""


def _subject_tests() -> pa.Table:
    """Tests of a shop in which subjects that begin with 'Perhaps' always win."""
    words = (*THINGS.values(), "a lamp for the evening", "a small shelf", "flowers for a friend", "a quiet scene", "which lantern would you use",
             "use it in the hall")
    pairs = [(f"{test}", f"{first} {words[test % 10]} {'and' if test // 10 % 2 else 'or'} {words[(test + test // 10) % 10]}", clicks)
             for test in range(80) for first, clicks in (("Now", 40), ("Perhaps", 120))]
    pairs += [(angle, f"{first} {thing} or a lamp for the evening", clicks) for angle, thing in THINGS.items()
              for first, clicks in (("Now", 40), ("Perhaps", 120))]
    tests, texts, clicks = (list(column) for column in zip(*pairs, strict=True))
    return pa.table({"test": tests, "text": texts, "impressions": [4000] * len(texts), "clicks": clicks})
