"""The loop through the shop's own verbs: load, learn, plan, preview, approve, launch, report."""

from __future__ import annotations

import csv
import re
import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from brandloom.campaigns import Shop, create, open_shop
from brandloom.campaigns.plans import insert_plan, read_plan
from brandloom.content import Brief, read_brief
from brandloom.content.brief import Fact
from brandloom.deliver import LoopbackSmtp, OutboxChannel, SmtpChannel, status
from brandloom.engine import scalar
from brandloom.errors import ConfigError, DataError, NotFittedError, StateError
from brandloom.ledger import Ledger
from brandloom.llm import ScriptedTextModel
from brandloom.measure import Report, from_json, to_json, words
from shop_world import AS_OF, NOW, PEOPLE, good_model


def test_the_loop_sends_each_chosen_person_one_message_that_arrives(shop: Shop, shop_files: Path) -> None:
    plan = shop.plan(shop_files / "brief.yaml")
    shop.approve(plan, by="Ana")
    with LoopbackSmtp() as server:
        sent = shop.launch(plan.id, channel=SmtpChannel(server.url))
        received = list(server.read_back())
    chosen = shop.engine.query("SELECT customer FROM decisions WHERE plan = $plan AND action = 'send'", plan=plan.id)["customer"].to_pylist()
    addresses = {person.email for person in shop.vault.reveal(chosen).values()}
    assert sent.sent == sent.audience == len(chosen) > 20
    assert sorted(message.recipient for message in received) == sorted(address for address in addresses if address)
    assert scalar(shop.engine, "SELECT COUNT(*) FROM messages WHERE plan = $plan AND state = 'sent'", plan=plan.id) == len(chosen)
    assert all(b"Zebedee" in message.data or b"base64" in message.data for message in received)


def test_nobody_without_consent_and_nobody_of_the_holdout_is_written_to(shop: Shop, shop_files: Path) -> None:
    plan = shop.plan(shop_files / "brief.yaml")
    refusing = set(shop.vault.pseudonyms([f"K{n}" for n in range(0, PEOPLE, 5)]))
    rows = shop.engine.query("SELECT customer, action, reason, propensity FROM decisions WHERE plan = $plan", plan=plan.id).to_pylist()
    assert not refusing & {row["customer"] for row in rows if row["action"] != "skip"}
    assert {row["reason"] for row in rows if row["customer"] in refusing} <= {"no_consent", "no_products"}
    held = [row for row in rows if row["action"] == "holdout"]
    assert held
    assert {row["propensity"] for row in held} == {0.2}


def test_launching_again_sends_nothing_twice(shop: Shop, shop_files: Path) -> None:
    plan = shop.plan(shop_files / "brief.yaml")
    shop.approve(plan, by="Ana")
    channel = OutboxChannel()
    first = shop.launch(plan, channel=channel)
    again = shop.launch(plan.id, channel=channel)
    assert (first.sent, again.sent) == (first.audience, first.audience)
    assert len(channel) == first.audience


def test_a_plan_that_nobody_approved_is_not_sent(shop: Shop, shop_files: Path) -> None:
    plan = shop.plan(shop_files / "brief.yaml")
    with pytest.raises(StateError, match="is not approved"):
        shop.launch(plan, channel=OutboxChannel())
    assert status(shop.ledger, plan.id).audience == 0


@pytest.mark.parametrize("change", [
    "SELECT * FROM decisions WHERE plan <> $plan",
    "SELECT * REPLACE (CASE WHEN action = 'holdout' THEN 'send' ELSE action END AS action) FROM decisions WHERE $plan = $plan",
])
def test_an_approval_is_for_the_plan_as_it_stood(shop: Shop, shop_files: Path, change: str) -> None:
    plan = shop.plan(shop_files / "brief.yaml")
    shop.approve(plan, by="Ana")
    shop.engine.replace("decisions", change, plan=plan.id)
    with pytest.raises(StateError, match="is not what it was"):
        shop.launch(plan, channel=OutboxChannel())


def test_an_approval_needs_a_name_and_is_in_the_audit_chain(shop: Shop, shop_files: Path) -> None:
    plan = shop.plan(shop_files / "brief.yaml")
    with pytest.raises(ConfigError, match="needs a name"):
        shop.approve(plan, by="  ")
    shop.approve(plan, by="Ana")
    assert shop.audit.verify() is None
    with shop.ledger.read() as connection:
        actions = connection.exec_driver_sql("SELECT actor, action FROM audit WHERE seq > 0 ORDER BY seq").all()
    assert ("Ana", "plan.approved") in [tuple(row) for row in actions]


def test_a_preview_is_the_message_that_is_sent(shop: Shop, shop_files: Path) -> None:
    plan = shop.plan(shop_files / "brief.yaml")
    seen = shop.preview(plan)
    shop.approve(plan, by="Ana")
    channel = OutboxChannel()
    shop.launch(plan, channel=channel)
    person = shop.vault.reveal([seen.customer])[seen.customer]
    [sent] = [mail for mail in (message_from_bytes(data, policy=policy.default) for data in channel) if mail["To"] == f"<{person.email}>"
              or mail["To"] == person.email]
    assert sent["Subject"] == seen.subject
    assert str(sent.get_body(("plain",)).get_content()).split() == seen.text.split()  # type: ignore[union-attr]
    assert len(seen.why) >= 2
    assert all(words(reason, "zh") != words(reason, "en") for reason in seen.why)


def test_a_preview_says_why_somebody_gets_nothing(shop: Shop, shop_files: Path) -> None:
    plan = shop.plan(shop_files / "brief.yaml")
    with pytest.raises(DataError, match="No consent"):
        shop.preview(plan, customer="K0")
    with pytest.raises(DataError, match="not known"):
        shop.preview(plan, customer="nobody")


def test_a_dry_run_writes_messages_and_sends_none(shop: Shop, shop_files: Path) -> None:
    plan = shop.plan(shop_files / "brief.yaml")
    tried = shop.launch(plan, dry_run=True)
    assert len(list(Path(str(tried.folder)).glob("*.eml"))) == tried.audience > 0
    assert status(shop.ledger, plan.id).audience == 0


def test_another_tools_mails_count_against_the_cap(shop: Shop, shop_files: Path, tmp_path: Path) -> None:
    log = tmp_path / "mails.csv"
    log.write_text("Customer ID,Time,Event,Channel\n" + "".join(f"K{n},2024-06-01 08:00:00,sent,email\n" for n in range(1, 50)), encoding="utf-8")
    shop.load(log, kind="events")
    plan = shop.plan(shop_files / "brief.yaml")
    capped = set(shop.vault.pseudonyms([f"K{n}" for n in range(1, 50)]))
    rows = shop.engine.query("SELECT customer, reason FROM decisions WHERE plan = $plan", plan=plan.id).to_pylist()
    assert {row["reason"] for row in rows if row["customer"] in capped} <= {"frequency_cap", "no_consent", "no_products"}
    assert not capped & {row["customer"] for row in rows if row["reason"] == "worth_it"}


def test_no_personal_datum_reaches_the_model_or_the_warehouse(shop: Shop, shop_files: Path) -> None:
    plan = shop.plan(shop_files / "brief.yaml")
    shop.approve(plan, by="Ana")
    shop.launch(plan, channel=OutboxChannel())
    shop.report(plan, html=shop.workspace.path / "report.html")
    model = shop.model
    assert isinstance(model, ScriptedTextModel)
    prompts = "\n".join(message.content for call in model.calls for message in call.messages)
    assert "Zebedee" not in prompts
    assert "customers.example" not in prompts
    where = [path for path in shop.workspace.path.rglob("*") if path.is_file()]
    shop.close()
    for path in where:
        content = path.read_bytes() if path.exists() else b""
        assert b"k1@customers.example" not in content, path
        assert b"Zebedee" not in content, path


PRIVATE = {
    "First Name": ("Quentinella", "欣妍"), "Last Name": ("Featherstonehaugh", "欧阳"), "Email": ("quentinella@private.example", "ouyang@private.example"),
    "Phone": ("+44 7700 912345", "13812349876"), "Street": ("17 Larkspur Mews", "紫荆花园九号楼"), "身份证号": ("", "11010519491231002X"),
    "Note": ("call 07700 912345 at dusk", "放在传达室，电话 13812349876"),
}


def test_what_was_loaded_of_a_person_is_in_no_file_and_no_table(learned: Path, tmp_path: Path) -> None:
    """In no file as it lies on the disk, and in no cell of warehouse or ledger, which a file may hold compressed."""
    customers, orders = tmp_path / "k.csv", tmp_path / "o.csv"
    known = {**PRIVATE, "Customer ID": ("K1", "K4"), "Language": ("en", "zh"), "Email Consent": ("yes", "yes")}
    write_rows(customers, list(known), [[known[head][n] for head in known] for n in (0, 1)])
    write_rows(orders, ["Order ID", "Customer ID", "Order Date", "SKU", "Quantity", "Unit Price", "Recipient", "Shipping Address"],
               [["X1", "K1", "2024-05-30", "P1", "1", "12.50", "Quentinella Featherstonehaugh", "17 Larkspur Mews"],
                ["X2", "K4", "for quentinella@private.example", "P1", "1", "12.50", "欧阳欣妍", "紫荆花园九号楼"]])
    with open_shop(Path(shutil.copytree(learned, tmp_path / "shop")), model=good_model()) as shop:
        shop.clock = lambda: NOW
        shop.load(customers, kind="customers")
        assert shop.load(orders, kind="orders").rows_refused == 1
        assert shop.vault.reveal(shop.vault.pseudonyms(["K4"]))[shop.vault.pseudonym("K4")].phone == "13812349876"
        shop.learn(AS_OF)
        plan = shop.plan(Brief(name="x"))
        shop.approve(plan, by="Ana")
        shop.launch(plan, channel=OutboxChannel())
        shop.report(plan, html=shop.workspace.path / "report.html")
        names = [row["table_name"] for row in shop.engine.query("SELECT table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'").to_pylist()]
        cells = {name: str(shop.engine.query(f'SELECT * FROM "{name}"').to_pylist()) for name in names}
        with shop.ledger.read() as connection:
            kept = [row[0] for row in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")]
            cells |= {name: str(connection.exec_driver_sql(f'SELECT * FROM "{name}"').all()) for name in kept}
    assert {"events", "customers", "predictions", "loads", "people", "outbox", "audit"} <= set(cells)
    secrets = {part for values in PRIVATE.values() for value in values for part in (value, value.removeprefix("+44 ").replace(" ", "")) if part}
    assert [(name, secret) for name, text in cells.items() for secret in secrets if secret.casefold() in text.casefold()] == []
    files = [path for path in (tmp_path / "shop").rglob("*") if path.is_file()]
    assert {"warehouse.duckdb", "ledger.sqlite", "report.html"} < {path.name for path in files} and any(path.parent.name == "rejects" for path in files)
    for path in files:
        content = path.read_bytes().lower()
        found = [secret for secret in secrets for code in ("utf-8", "utf-16-le", "gb18030") if secret.lower().encode(code) in content]
        assert (path.name, found) == (path.name, [])


def write_rows(path: Path, head: list[str], rows: list[list[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])


def test_learning_twice_gives_the_same_and_a_later_event_changes_nothing(shop: Shop, shop_files: Path) -> None:
    before = shop.engine.query("SELECT * FROM predictions ORDER BY customer").to_pylist()
    first = shop.engine.query("SELECT * FROM recommendations ORDER BY customer, rank").to_pylist()
    shop.engine.append("events", "SELECT * REPLACE (occurred_at + INTERVAL 200 DAY AS occurred_at) FROM events WHERE kind = 'purchase'")
    shop.learn(AS_OF)
    assert shop.engine.query("SELECT * FROM predictions ORDER BY customer").to_pylist() == before
    assert shop.engine.query("SELECT * FROM recommendations ORDER BY customer, rank").to_pylist() == first


def test_a_backtest_leaves_the_shop_as_it_was(shop: Shop) -> None:
    before = shop.engine.query("SELECT * FROM predictions ORDER BY customer").to_pylist()
    result = shop.backtest(datetime(2024, 5, 1))
    assert result.capture.buyers > 0
    assert shop.engine.query("SELECT * FROM predictions ORDER BY customer").to_pylist() == before


def test_a_backtest_beyond_the_data_names_the_last_possible_day(shop: Shop) -> None:
    with pytest.raises(DataError, match="2024-06-01 or earlier"):
        shop.backtest(datetime(2024, 6, 20))


def test_the_report_is_whole_and_hides_people(shop: Shop, shop_files: Path, tmp_path: Path) -> None:
    plan = shop.plan(shop_files / "brief.yaml")
    shop.approve(plan, by="Ana")
    shop.launch(plan, channel=OutboxChannel())
    report = shop.report(plan.id, html=tmp_path / "r.html")
    assert from_json(to_json(report)) == report
    assert report.audience is not None
    assert report.audience.funnel[-1].customers == report.audience.sent
    counts = [step.customers for step in report.audience.funnel]
    assert counts == sorted(counts, reverse=True)
    assert report.audience.funnel[-2].customers == report.audience.chosen
    assert report.delivery is not None
    assert report.delivery.sent == report.audience.sent
    assert report.replay is not None  # the data reach a month beyond `AS_OF`
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Zebedee" not in page
    assert "customers.example" not in page


def test_real_outcomes_are_read_once_the_window_has_passed(shop: Shop, shop_files: Path) -> None:
    plan = shop.plan(shop_files / "brief.yaml")
    shop.approve(plan, by="Ana")
    shop.launch(plan, channel=OutboxChannel())
    assert shop.report(plan.id).experiment is None
    shop.clock = lambda: NOW + timedelta(days=31)
    found: Report = shop.report(plan.id)
    assert found.experiment is not None
    assert not found.experiment.readout.simulated
    assert found.experiment.readout.holdout.people > 1


def test_planning_before_loading_says_what_to_do(tmp_path: Path, shop_files: Path) -> None:
    with create(tmp_path / "empty", model=good_model()) as empty, pytest.raises(NotFittedError, match="No orders are loaded"):
        empty.plan(shop_files / "brief.yaml")


def test_a_discount_dearer_than_its_lift_is_explained(shop: Shop) -> None:
    brief = Brief.model_validate({"name": "Too generous", "offer": {"kind": "percent_off", "value": 50, "code": "HALF"}})
    with pytest.raises(DataError, match="a discount of 50% costs more than a lift of 10%"):
        shop.plan(brief)


def test_an_offer_that_is_over_is_refused(shop: Shop, shop_files: Path) -> None:
    brief = read_brief(shop_files / "brief.yaml").model_copy(update={"offer": Brief.model_validate(
        {"name": "x", "offer": {"kind": "free_shipping", "until": "2024-05-31"}}).offer})
    with pytest.raises(ConfigError, match="ended on 2024-05-31"):
        shop.plan(brief)


@pytest.mark.parametrize(("fact", "named"), [("The Brass Lamp costs 25 GBP.", "price: 39"), ("The Brass Lamp is in stock.", "stock: 0"),
                                             ("Free delivery until 1 January 2020.", "2020-01-01")])
def test_a_fact_that_the_catalogue_contradicts_is_refused(shop: Shop, shop_files: Path, fact: str, named: str) -> None:
    shop.learn(AS_OF)
    shop.engine.replace("products", "SELECT product, CASE WHEN product = (SELECT min(product) FROM products) THEN 'Brass Lamp' ELSE name END AS name, "
                        "category, CAST(39 AS DECIMAL(18, 4)) AS price, description, CAST(0 AS DOUBLE) AS stock, image, attributes, "
                        "'catalogue' AS origin FROM products")
    brief = read_brief(shop_files / "brief.yaml")
    with pytest.raises(ConfigError, match=re.escape(fact[:-1])) as refused:
        shop.plan(brief.model_copy(update={"facts": (Fact(text=fact),)}))
    assert named in str(refused.value)
    assert isinstance(shop.model, ScriptedTextModel) and not shop.model.calls


def test_a_finished_plan_cannot_be_approved_again(shop: Shop, shop_files: Path) -> None:
    plan = shop.plan(shop_files / "brief.yaml")
    shop.approve(plan, by="Ana")
    shop.launch(plan, channel=OutboxChannel())
    with pytest.raises(StateError, match="only a draft can be approved"):
        shop.approve(plan.id, by="Bo")
    with pytest.raises(ConfigError, match="There is no plan"):
        shop.approve("ffff", by="Bo")


def test_a_plan_comes_back_from_the_ledger_as_it_was(shop: Shop, shop_files: Path, ledger: Ledger) -> None:
    plan = shop.plan(shop_files / "brief.yaml")
    with ledger.begin() as connection:
        insert_plan(connection, plan)
    back = read_plan(ledger, plan.id[:6])
    assert replace(back, variants=()) == replace(plan, variants=())
    assert [(one.key, dict(one.slots), one.findings) for one in back.variants] == [(one.key, dict(one.slots), one.findings) for one in plan.variants]
