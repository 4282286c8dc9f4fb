"""Loading: what goes in comes out, nothing twice, nothing lost, nobody's data where it does not belong."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from sqlalchemy import text

from brandloom.engine import DuckEngine, ensure_tables, scalar
from brandloom.sources import load
from brandloom.workspace import ShopConfig
from sources_world import HEAD, LINES, NOW, Shop, balanced, open_shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path) as opened:
        yield opened


def test_order_lines_become_events_products_and_customers(shop: Shop) -> None:
    report = shop.load(shop.write("orders.csv", HEAD, *LINES))
    assert (report.rows_read, report.rows_new, report.rows_refused) == (4, 4, 0)
    assert report.notes == {"purchases": 3, "returns": 1, "rows_without_customer": 1}
    events = shop.rows("SELECT kind, product, quantity, amount, order_id FROM events ORDER BY order_id, product")
    assert [(e["kind"], e["product"], e["quantity"], float(e["amount"])) for e in events] == [
        ("purchase", "A1", 2.0, 7.0), ("purchase", "B2", 1.0, 20.0), ("purchase", "A1", 1.0, 3.5), ("return", "A1", -1.0, -3.5)]
    assert shop.rows("SELECT customer, first_seen FROM customers") == [
        {"customer": shop.vault.pseudonym("7"), "first_seen": datetime(2024, 1, 5, 10)}]
    products = shop.rows("SELECT product, name, price, origin FROM products ORDER BY product")
    assert [(p["product"], p["name"], float(p["price"]), p["origin"]) for p in products] == [
        ("A1", "Green tea", 3.5, "orders"), ("B2", "Tea pot", 20.0, "orders")]


def test_the_same_file_twice_changes_nothing_and_a_grown_file_adds_its_new_rows(shop: Shop) -> None:
    shop.load(shop.write("january.csv", HEAD, *LINES[:2]))
    again = shop.load(shop.write("renamed.csv", HEAD, *LINES[:2]))
    assert (again.rows_new, again.rows_known) == (0, 2)
    grown = shop.load(shop.write("january.csv", HEAD, *LINES))
    assert (grown.rows_new, grown.rows_known) == (2, 2)
    assert scalar(shop.engine, "SELECT count(DISTINCT event) FROM events") == 4
    assert scalar(shop.engine, "SELECT lines FROM product_names WHERE product = 'A1'") == 3


def test_every_format_gives_the_same_events(shop: Shop) -> None:
    heads = HEAD.split(",")
    cells = [line.split(",") for line in LINES]
    csv_file = shop.write("a.csv", HEAD, *LINES)
    others = [shop.write("b.tsv", *(line.replace(",", "\t") for line in [HEAD, *LINES])),
              shop.write("c.csv", *(line.replace(",", ";") for line in [HEAD, *LINES])),
              shop.write("d.jsonl", *(json.dumps(dict(zip(heads, row, strict=True))) for row in cells)),
              shop.write("bom.csv", "\ufeff" + HEAD, *LINES),
              shop.write("wide.csv", HEAD, *LINES, encoding="utf-16"),
              shop.write("crlf.csv", *(line + "\r" for line in [HEAD, *LINES])),
              shop.write("turned.csv", ",".join(reversed(heads)), *(",".join(reversed(row)) for row in cells))]
    with gzip.open(shop.files / "e.csv.gz", "wt") as file:
        file.write("\n".join([HEAD, *LINES]))
    typed = {"InvoiceNo": [row[0] for row in cells], "CustomerID": [7.0, 7.0, None, 7.0],
             "InvoiceDate": [datetime.fromisoformat(row[2]) for row in cells], "StockCode": [row[3] for row in cells],
             "Description": [row[4] for row in cells], "Quantity": [int(row[5]) for row in cells], "UnitPrice": [float(row[6]) for row in cells]}
    pq.write_table(pa.table(typed), shop.files / "f.parquet")
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(list(typed))
    for position in range(4):
        sheet.append([column[position] for column in typed.values()])
    book.save(shop.files / "g.xlsx")
    assert shop.load(csv_file).rows_new == 4
    for path in [*others, shop.files / "e.csv.gz", shop.files / "f.parquet", shop.files / "g.xlsx"]:
        report = shop.load(path)
        assert (path.name, report.rows_new, report.rows_known) == (path.name, 0, 4)


CHINESE = ["订单编号,会员号,下单时间,商品编码,商品名称,数量,实付金额,国家", "D1,张1,2024年1月5日 14:30,S1,龙井茶叶礼盒,2,\"￥1,299.00\",中国",
           "D2,张2,2024/1/6 8:05,S2,运费,1,12元,中国", "D3,张1,2024-01-07T08:00:00+08:00,S1,龙井茶叶礼盒,１,￥649.5,中国"]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "gbk"])
def test_chinese_headings_dates_and_amounts(tmp_path: Path, encoding: str) -> None:
    with open_shop(tmp_path, ShopConfig(timezone="Asia/Shanghai")) as shop:
        report = shop.load(shop.write("订单.csv", *CHINESE, encoding=encoding))
        assert report.files[0].encoding == ("utf-8" if encoding == "utf-8" else "gb18030")
        assert report.rows_new == 3 and report.notes["adjustments"] == 1
        rows = shop.rows("SELECT occurred_at, kind, quantity, amount FROM events ORDER BY occurred_at")
        assert [(r["occurred_at"], r["kind"], r["quantity"], float(r["amount"])) for r in rows] == [
            (datetime(2024, 1, 5, 6, 30), "purchase", 2.0, 1299.0), (datetime(2024, 1, 6, 0, 5), "adjustment", 1.0, 12.0),
            (datetime(2024, 1, 7, 0, 0), "purchase", 1.0, 649.5)]
        assert shop.rows("SELECT name FROM products") == [{"name": "龙井茶叶礼盒"}]


def test_western_accents_are_not_taken_for_chinese(shop: Shop) -> None:
    report = shop.load(shop.write("café.csv", HEAD, "1,7,2024-01-05,A1,Café crème à Évry £,1,2"
                                  , "2,8,2024-01-05,A2,Gisèle naïve Übergröße,1,2", encoding="cp1252"))
    assert report.files[0].encoding == "cp1252"
    assert shop.rows("SELECT name FROM products ORDER BY product") == [{"name": "Café crème à Évry £"}, {"name": "Gisèle naïve Übergröße"}]


REFUSED = {
    "no_date": "1,7,,A1,Tea,1,2", "bad_date": "2,7,soon,A1,Tea,1,2", "future_date": "3,7,2024-06-02,A1,Tea,1,2",
    "no_product": "4,7,2024-01-05,,,1,2", "no_quantity": "5,7,2024-01-05,A1,Tea,,2", "bad_quantity": "6,7,2024-01-05,A1,Tea,few,2",
    "zero_quantity": "7,7,2024-01-05,A1,Tea,0,2", "stock_adjustment": "8,7,2024-01-05,A1,damaged,-5,0", "no_price": "9,7,2024-01-05,A1,Tea,1,",
    "bad_price": "10,7,2024-01-05,A1,Tea,1,free", "zero_price": "11,7,2024-01-05,A1,Tea,1,0", "negative_price": "12,7,2024-01-05,A1,Tea,1,-2",
    "too_large": "13,7,2024-01-05,A1,Tea,1,99999999999999999", "malformed": "14,7,2024-01-05,A1", "duplicate": LINES[0],
    "same_line": LINES[0].replace("Green tea", "Green  tea, best").replace("Green  tea, best", '"Green tea, best"'),
}


def test_each_refused_row_is_reported_with_its_line_column_value_and_reason(shop: Shop) -> None:
    report = shop.load(shop.write("orders.csv", HEAD, LINES[0], *REFUSED.values()))
    assert balanced(report) and report.rows_new == 1
    assert report.reasons == dict.fromkeys(sorted(REFUSED), 1)
    rejects = {row["code"]: row for row in shop.rejects(report)}
    assert {code: int(row["line"]) for code, row in rejects.items()} == {code: line for line, code in enumerate(REFUSED, start=3)}
    assert (rejects["bad_date"]["column"], rejects["bad_date"]["value"]) == ("Order Date", "soon")
    assert (rejects["negative_price"]["column"], rejects["negative_price"]["value"]) == ("Unit Price", "-2.0")
    assert all(row["reason"] for row in rejects.values())


def test_reject_files_are_no_formulas(shop: Shop) -> None:
    shop_file = shop.write("orders.csv", HEAD, LINES[0], '1,7,"=HYPERLINK(""http://x"")",A1,Tea,1,2', "2,7,@SUM(1),A1,Tea,1,2")
    values = [row["value"] for row in shop.rejects(shop.load(shop_file))]
    assert values == ["'=HYPERLINK(\"http://x\")", "'@SUM(1)"]


def test_a_dry_run_counts_the_same_and_leaves_nothing(shop: Shop) -> None:
    path = shop.write("orders.csv", HEAD, *LINES, "9,9,soon,A1,Tea,1,2")
    dry = shop.load(path, dry_run=True)
    assert scalar(shop.engine, "SELECT count(*) FROM events") == 0 and dry.files[0].rejects is None
    assert not list(shop.workspace.rejects.iterdir()) and not list((shop.workspace.path / "tmp").iterdir())
    with shop.ledger.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM loads")).scalar() == 0
    real = shop.load(path)
    assert (dry.rows_read, dry.rows_new, dry.reasons) == (real.rows_read, real.rows_new, real.reasons)


def test_all_files_or_none(shop: Shop) -> None:
    good = shop.write("good.csv", HEAD, *LINES)
    bad = shop.write("bad.csv", "a,b", "1,2")
    with pytest.raises(Exception, match=r"bad\.csv: no column for customer"):
        shop.load(good, bad)
    assert scalar(shop.engine, "SELECT count(*) FROM events") == 0
    assert not shop.engine.exists("product_names") and not list(shop.workspace.rejects.iterdir())


def test_a_ledger_that_was_lost_after_the_warehouse_is_mended_by_loading_again(shop: Shop) -> None:
    path = shop.write("orders.csv", HEAD + ",Email", LINES[0] + ",ann@example.com")
    shop.load(path)
    with shop.ledger.begin() as connection:  # as if the process had died between the two commits
        for table in ("people", "lookups", "loads"):
            connection.execute(text(f"DELETE FROM {table}"))
    assert shop.load(path).rows_known == 1
    assert shop.vault.find("email", "ann@example.com") == [shop.vault.pseudonym("7")]


PEOPLE = ["Order ID,Customer ID,Order Date,SKU,Product Name,Quantity,Sales,Customer Name,Email,Phone,Note",
          "1,c-1,2024-01-05,A1,Tea,1,3,Zebulon Quagmire,zebulon.quagmire@example.com,13812345678,call 13812345678 please",
          "2,c-2,2024-01-06,A1,Tea,1,3,Philomena Zwart,philomena@example.com,13987654321,none",
          "3,c-2,bad date philomena@example.com,A1,Tea,1,3,Philomena Zwart,philomena@example.com,13987654321,none"]
SECRETS = ["zebulon", "quagmire", "philomena", "zwart", "13812345678", "13987654321"]


def test_personal_data_is_only_in_the_vault(shop: Shop) -> None:
    report = shop.load(shop.write("orders.csv", *PEOPLE))
    assert report.files[0].personal == {"Customer Name": "full_name", "Email": "email", "Phone": "phone", "Note": "other"}
    person = shop.vault.reveal([shop.vault.pseudonym("c-1")])[shop.vault.pseudonym("c-1")]
    assert (person.full_name, person.email, person.phone) == ("Zebulon Quagmire", "zebulon.quagmire@example.com", "13812345678")
    assert person.other == {"Note": "call 13812345678 please"}
    shop.engine.close()
    places = [*shop.workspace.path.rglob("*"), *shop.files.glob("shop-ledger*")]
    assert any(path.suffix == ".duckdb" for path in places) and any(path.suffix == ".csv" for path in places)
    for path in places:
        if path.is_file():
            content = path.read_bytes().lower()
            found = [secret for secret in SECRETS if secret.encode() in content or secret.encode("utf-16-le") in content]
            assert (path.name, found) == (path.name, [])
    shop.engine = DuckEngine()


def test_an_address_can_be_the_key_of_a_customer(shop: Shop) -> None:
    shop.load(shop.write("orders.csv", "order no,email,date,sku,qty,total", "1,Ann@Example.com,2024-01-05,A1,1,3",
                         "2, ann@example.com,2024-01-06,A1,1,3"))
    assert scalar(shop.engine, "SELECT count(DISTINCT customer) FROM events") == 1
    assert shop.vault.find("email", "ann@example.com") == [r["customer"] for r in shop.rows("SELECT customer FROM customers")]


def test_customers_bring_consents_age_bands_and_attributes(shop: Shop) -> None:
    head = "customer_id,country,language,email,date of birth,accepts marketing,sms_opt_in,tier"
    report = shop.load(shop.write("c.csv", head, "1,DE,en-GB,a@example.com,1990-05-01,yes,no,gold", "2,DE,中文,b@example.com,2010-05-01,no,,silver",
                                  "2,DE,中文,c@example.com,2010-05-01,no,,silver", ",DE,en,d@example.com,1990-05-01,yes,no,gold"), kind="customers")
    assert report.reasons == {"no_customer": 1, "same_id": 1}
    rows = shop.rows("SELECT language, attributes FROM customers ORDER BY language")
    assert [(r["language"], json.loads(r["attributes"])) for r in rows] == [
        ("en", {"tier": "gold", "age_band": "25-34", "minor": False}), ("zh", {"tier": "silver", "age_band": "0-17", "minor": True})]
    with shop.ledger.read() as connection:
        said = connection.execute(text("SELECT customer, channel, granted FROM consents ORDER BY channel, granted")).fetchall()
    assert [(who == shop.vault.pseudonym("1"), channel, bool(yes)) for who, channel, yes in said] == [
        (False, "email", False), (True, "email", True), (True, "sms", False)]
    again = shop.load(shop.files / "c.csv", kind="customers")
    assert (again.rows_new, again.rows_known) == (0, 2)


def test_a_catalogue_goes_before_what_order_lines_say(shop: Shop) -> None:
    shop.load(shop.write("orders.csv", HEAD, *LINES))
    listed = shop.write("products.csv", "product id,title,price,category", "A1,Green\u200b tea 100 g,€4.20,Tea", "Z9,Sencha,5,Tea")
    assert shop.load(listed, kind="products").rows_new == 2
    shop.load(shop.write("more.csv", HEAD, "1009,7,2024-03-05,A1,Grn tea,2,3.00"))
    rows = shop.rows("SELECT product, name, price, origin FROM products ORDER BY product")
    assert [(r["product"], r["name"], float(r["price"]), r["origin"]) for r in rows] == [
        ("A1", "Green tea 100 g", 4.2, "catalogue"), ("B2", "Tea pot", 20.0, "orders"), ("Z9", "Sencha", 5.0, "catalogue")]
    shop.write("products.csv", "product id,title,price", "A1,Green tea 100 g,4.50", "Z9,Sencha,5")
    changed = shop.load(shop.files / "products.csv", kind="products")
    assert (changed.rows_new, changed.rows_known) == (1, 1)
    assert scalar(shop.engine, "SELECT category FROM products WHERE product = 'A1'") == "Tea"


def test_documents_lose_addresses_and_keep_their_words(shop: Shop) -> None:
    path = shop.write("faq.jsonl", '{"question": "Returns?", "answer": "Write to ann@example.com in 30 days"}', '{"question": "怎么退货？", "answer": "七天无理由"}', "oops")
    report = shop.load(path, kind="documents")
    assert balanced(report) and report.reasons == {"malformed": 1}
    rows = shop.rows("SELECT kind, language, text FROM documents ORDER BY language")
    assert [(r["kind"], r["language"]) for r in rows] == [("faq", "en"), ("faq", "zh")]
    assert "ann@" not in rows[0]["text"] and rows[0]["text"].endswith("in 30 days")


def test_rows_with_an_id_of_their_own_are_told_apart_by_it(shop: Shop) -> None:
    head = HEAD + ",row id"
    shop.load(shop.write("page1.csv", head, LINES[0] + ",r1", LINES[0] + ",r2"))
    report = shop.load(shop.write("page2.csv", head, LINES[0] + ",r2", LINES[0] + ",r3"))
    assert (report.rows_new, report.rows_known) == (1, 1)
    assert [row["row_id"] for row in shop.rows("SELECT row_id FROM events ORDER BY row_id")] == ["r1", "r2", "r3"]


def test_events_are_numbered_by_load_and_line(shop: Shop) -> None:
    shop.load(shop.write("a.csv", HEAD, *LINES[:2]), shop.write("b.csv", HEAD, *LINES[2:]))
    assert [row["event"] for row in shop.rows("SELECT event FROM events ORDER BY event")] == [
        1_000_000_000_000, 1_000_000_000_001, 2_000_000_000_000, 2_000_000_000_001]


def test_refunded_orders_come_back_as_returns(shop: Shop) -> None:
    shop.load(shop.write("o.csv", HEAD + ",Status", LINES[0] + ",paid"))
    report = shop.load(shop.write("o.csv", HEAD + ",Status", LINES[0] + ",Refunded"))
    assert report.notes["returns"] == 1
    assert [(r["kind"], float(r["amount"])) for r in shop.rows("SELECT kind, amount FROM events ORDER BY kind")] == [
        ("purchase", 7.0), ("return", -7.0)]


CELL = st.sampled_from(["", "x", "1", "-2", "0", "2.50", "1.299,00", "2024-01-05", "05/01/2024", "31/01/2024", "2030-01-01", "a@example.com", "=1+1", "é", "茶"])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(CELL, min_size=6, max_size=8), min_size=1, max_size=12))
def test_no_row_is_ever_lost(shop: Shop, rows: list[list[str]]) -> None:
    lines = [",".join(row) for row in rows]
    report = shop.load(shop.write("any.csv", HEAD, *lines), date_order="dmy")
    assert balanced(report)
    assert report.rows_read == len(rows)
    assert scalar(shop.engine, "SELECT count(*) FROM events") == scalar(shop.engine, "SELECT count(DISTINCT event) FROM events")
    again = shop.load(shop.files / "any.csv", date_order="dmy")
    assert (again.rows_new, again.reasons) == (0, report.reasons)
    assert again.rows_known == report.rows_new + report.rows_known


def test_progress_is_told(shop: Shop) -> None:
    told: list[tuple[str, float]] = []
    tell: Callable[[str, float], None] = lambda stage, done: told.append((stage, done))  # noqa: E731
    shop.load(shop.write("orders.csv", HEAD, *LINES), progress=tell)
    assert [done for _, done in told] == sorted(done for _, done in told) and told[-1][1] == 1.0


def test_events_of_other_kinds(shop: Shop) -> None:
    report = shop.load(shop.write("clicks.csv", "user_id,event_type,product_id,timestamp,session_id", "1,pv,A1,1714500000,s1",
                                  "1,加购,A1,1714500060,s1", "1,search,,1714500060000,s1", "1,buy,,1714500061,s1"), kind="events")
    assert report.reasons == {"no_product": 1}
    assert [r["kind"] for r in shop.rows("SELECT kind FROM events ORDER BY kind")] == ["cart", "search", "view"]


def test_ensure_tables_is_enough(tmp_path: Path, shop: Shop) -> None:
    memory = DuckEngine()
    ensure_tables(memory)
    report = load(memory, shop.ledger, shop.vault, shop.workspace, [shop.write("orders.csv", HEAD, *LINES)], kind="orders", now=NOW)
    assert report.rows_new == 4
    assert report.to_dict()["files"][0]["rows_new"] == 4 and json.dumps(report.to_dict())
