"""One customer shown: what is known, what is not, nothing later than asked for, and nobody's personal data."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from brandloom import cli
from brandloom.campaigns import Shop, create, open_shop
from brandloom.campaigns.person import find_customer, lines_of, show_customer
from brandloom.campaigns.segments import update_segments
from brandloom.customers import build_profiles, portray, rules
from brandloom.errors import DataError
from brandloom.govern import lay_persons
from brandloom.govern.identity import Match, record
from brandloom.i18n import using
from shop_world import AS_OF, write_shop

NOW = datetime(2024, 6, 1, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files, path = write_shop(tmp_path_factory.mktemp("files")), tmp_path_factory.mktemp("learned") / "shop"
    with create(path, name="Candle Shop") as shop:
        shop.load(files / "orders.csv", kind="orders")
        shop.load(files / "customers.csv", kind="customers")
        shop.clock = lambda: NOW
        shop.learn(AS_OF)
    return path


@pytest.fixture
def shop(learned: Path, tmp_path: Path) -> Iterator[Shop]:
    with open_shop(Path(shutil.copytree(learned, tmp_path / "shop"))) as opened:
        opened.clock = lambda: NOW
        yield opened


def somebody(shop: Shop) -> str:
    """A customer with several orders who has not bought everything: ids are pseudonyms, so their order differs from run to run."""
    return str(shop.engine.query("SELECT p.customer FROM profiles p JOIN events e ON e.customer = p.customer WHERE p.orders >= 3 "
                                 "GROUP BY p.customer ORDER BY count(DISTINCT e.product), p.customer LIMIT 1")["customer"][0])


def test_the_portrait_is_the_profile_of_everybody_for_one(shop: Shop) -> None:
    build_profiles(shop.engine, AS_OF)
    for row in shop.engine.query("SELECT * FROM profiles ORDER BY customer LIMIT 20").to_pylist():
        assert dict(portray(shop.engine, row["customer"], AS_OF).profile) == row
    assert not shop.engine.exists("portrait_events")


def test_nothing_later_than_asked_for_is_shown(shop: Shop) -> None:
    customer = somebody(shop)
    first = shop.engine.query("SELECT min(occurred_at) AS first_at FROM events WHERE customer = $customer", customer=customer)["first_at"][0].as_py()
    early = show_customer(shop, customer, first + timedelta(seconds=1)).portrait
    late = show_customer(shop, customer).portrait
    assert {row["occurred_at"] for row in early.latest} == {first} and early.profile["orders"] == 1
    assert late.profile["orders"] >= 3 and late.latest[0]["occurred_at"] > first
    assert [row["occurred_at"] for row in late.latest] == sorted((row["occurred_at"] for row in late.latest), reverse=True)


def test_what_was_learned_later_is_not_shown_earlier(shop: Shop) -> None:
    customer = somebody(shop)
    rules.save_rule(shop.workspace.path / "segments", "buyers", rules.parse("orders >= 1"))
    update_segments(shop, AS_OF)
    early, late = show_customer(shop, customer, AS_OF - timedelta(days=1)), show_customer(shop, customer, AS_OF)
    assert (early.segment, early.persona, early.saved, early.prediction, early.products) == (None, None, (), None, ())
    assert late.segment and late.saved == ("buyers",) and late.prediction is not None and late.products


def test_a_shops_own_id_may_look_like_a_pseudonym(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text("order_id,customer_id,date,product,quantity,price\n9001,c_1001,2024-04-01,Taper,2,3.50\n", encoding="utf-8")
    shop.load(file, kind="orders")
    assert find_customer(shop, "c_1001") == shop.vault.pseudonym("c_1001") and find_customer(shop, somebody(shop)) == somebody(shop)


def test_what_is_not_known_is_said_and_never_shown_as_nothing(shop: Shop) -> None:
    said = {name: value for _title, rows in lines_of(show_customer(shop, somebody(shop)), "EUR", "en") for name, value in rows}
    assert said["Channels"] == "not known" and said["Interested in, not bought"] == "not known"
    assert said["Orders"] != "not known" and "EUR" in said["Average order"] and said["Buys within 30 days"].endswith("%]")
    shop.engine.drop("predictions")
    shop.engine.drop("segments")
    fresh = {name: value for _title, rows in lines_of(show_customer(shop, somebody(shop)), "EUR", "en") for name, value in rows}
    assert "brandloom learn" in fresh["Predictions"] and fresh["Lifecycle"] == "not known"


def test_interests_channels_and_segments_by_rule(shop: Shop) -> None:
    customer = somebody(shop)
    products = shop.engine.query("SELECT product FROM products ORDER BY product")["product"].to_pylist()
    bought = set(shop.engine.query("SELECT product FROM events WHERE customer = $customer", customer=customer)["product"].to_pylist())
    wanted = next(one for one in products if one not in bought)
    shop.engine.replace("products", "SELECT product, name, CASE WHEN product = $wanted THEN 'Lanterns' ELSE 'Candles' END AS category, price, description, "
                        "stock, image, attributes, origin FROM products", wanted=wanted)
    moments = [AS_OF - timedelta(days=day) for day in (3, 2)]
    shop.engine.add("events", pa.table({"event": [10**15, 10**15 + 1], "customer": [customer] * 2, "occurred_at": pa.array(moments, pa.timestamp("us")),
                                        "kind": ["view", "cart"], "product": [wanted] * 2, "channel": ["app", "app"]}))
    rules.save_rule(shop.workspace.path / "segments", "buyers", rules.parse("orders >= 3"))
    rules.save_rule(shop.workspace.path / "segments", "strangers", rules.parse("orders < 1"))
    update_segments(shop, AS_OF)
    shown = show_customer(shop, customer)
    assert [one.value for one in shown.portrait.interests] == ["Lanterns"] and [(one.value, one.times) for one in shown.portrait.channels] == [("app", 2)]
    assert shown.saved == ("buyers",) and shown.portrait.categories[0].value == "Candles"
    assert {"view", "cart", "purchase"} <= {one.value for one in shown.portrait.events}


def test_what_was_searched_for_and_which_categories_it_names(shop: Shop) -> None:
    customer = somebody(shop)
    shop.engine.replace("products", "SELECT product, name, CASE WHEN product = (SELECT min(product) FROM products) THEN 'Lanterns' ELSE 'Candles' END AS category, "
                        "price, description, stock, image, attributes, origin FROM products")
    said = ['{"Search term": "Red  LANTERNS"}', '{"query": "red lanterns"}', '{"关键词": "蜡烛"}', '{"page": 2}', None, '{"query": "too late"}']
    moments = [AS_OF - timedelta(days=day) for day in (9, 8, 7, 6, 5, 0)]
    shop.engine.add("events", pa.table({"event": [10**15 + n for n in range(6)], "customer": [customer] * 6, "kind": ["search"] * 6,
                                        "occurred_at": pa.array(moments, pa.timestamp("us")), "properties": said}))
    portrait = portray(shop.engine, customer, AS_OF)
    assert [(one.value, one.times) for one in portrait.searches] == [("red lanterns", 2), ("蜡烛", 1)]
    bought = {one.value for one in portrait.categories}
    assert [(one.value, one.times, one.last_at) for one in portrait.interests] == [("Lanterns", 2, moments[1])] * ("Lanterns" not in bought)
    assert sum(one.share for one in portrait.categories) == pytest.approx(1)
    early = portray(shop.engine, customer, moments[1])
    assert [(one.value, one.times) for one in early.searches] == [("red lanterns", 1)]


def test_the_profile_tells_cheap_from_dear_by_what_was_sold_before(shop: Shop) -> None:
    """A portrait reads prices of the categories concerned only, and comes to what the build of everybody does."""
    shop.engine.replace("products", "SELECT product, name, 'Candles' AS category, price, description, stock, image, attributes, origin FROM products")
    build_profiles(shop.engine, AS_OF)
    rows = shop.engine.query("SELECT * FROM profiles WHERE price_level IS NOT NULL AND discount_share IS NOT NULL ORDER BY customer LIMIT 5").to_pylist()
    assert rows and all(0 <= row["price_level"] <= 1 and 0 <= row["discount_share"] <= 1 and row["favourite_category_share"] == 1 for row in rows)
    for row in rows:
        assert dict(portray(shop.engine, row["customer"], AS_OF).profile) == row
    said = {name: value for _title, lines in lines_of(show_customer(shop, rows[0]["customer"]), "EUR", "en") for name, value in lines}
    assert said["Bought below the usual price"].endswith("of order lines") and "cheapest" in said["Place in the price range of the category"]
    assert said["Categories bought"].endswith("100%)") and said["Searched for"] == "not known"


def test_ids_of_one_person_are_shown_as_one(shop: Shop) -> None:
    one, other = shop.engine.query("SELECT customer FROM profiles WHERE orders >= 1 ORDER BY customer LIMIT 2")["customer"].to_pylist()
    alone = show_customer(shop, one).portrait.profile["orders"] + show_customer(shop, other).portrait.profile["orders"]
    record(shop.ledger, shop.audit, [Match(one, other, "manual")], by="Ana", now=NOW)
    lay_persons(shop.engine, shop.ledger)
    both = show_customer(shop, other)
    assert both.ids == (one, other) and both.portrait.profile["orders"] == alone


def test_somebody_nobody_knows_is_refused(shop: Shop) -> None:
    with pytest.raises(DataError, match="No customer 'nobody'"):
        show_customer(shop, "nobody")


def test_the_command_tells_it_in_both_languages_and_to_programs(learned: Path, capsys: pytest.CaptureFixture[str],
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with open_shop(learned) as shop:
        customer = somebody(shop)
        emails = [one.email for one in shop.vault.reveal([customer]).values() if one.email]
    assert cli.run(["customers", "show", str(learned), customer]) == 0
    shown = capsys.readouterr().out
    assert customer in shown and "Last purchase" in shown and "e-mail address" in shown
    assert emails and all(email not in shown for email in emails)
    assert cli.run(["customers", "show", str(learned), customer, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["portrait"]["profile"]["orders"] >= 3 and told["prediction"]["p_low"] <= told["prediction"]["p_purchase"]
    assert all(email not in json.dumps(told) for email in emails)
    with using("zh"):
        assert cli.run(["customers", "show", str(learned), customer]) == 0
    assert "最近一次购买" in capsys.readouterr().out
    assert cli.run(["customers", "show", str(learned), "nobody"]) == 1
    assert "No customer 'nobody'" in capsys.readouterr().err
