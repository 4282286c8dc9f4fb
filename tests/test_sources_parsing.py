"""How single values and bad files are read: dates, amounts, headings, archives, and the real data sets."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brandloom import i18n
from brandloom.engine import scalar
from brandloom.errors import DataError
from brandloom.sources.adjustments import is_adjustment
from brandloom.sources.amounts import DecimalMark, amount_reader
from brandloom.sources.columns import match_columns
from brandloom.sources.consents import consent_channel, consent_given
from brandloom.sources.dates import DayMonthOrder, date_reader
from brandloom.sources.texts import clean
from sources_world import HEAD, LINES, Shop, balanced, open_shop

UTC_ZONE = ZoneInfo("UTC")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize(("written", "order", "meant"), [
    ("2024-01-05", None, datetime(2024, 1, 5)), ("2024/1/5", None, datetime(2024, 1, 5)), ("2024.01.05", None, datetime(2024, 1, 5)),
    ("5 Jan 2024", None, datetime(2024, 1, 5)), ("05-Jan-24", None, datetime(2024, 1, 5)), ("Jan 5, 2024", None, datetime(2024, 1, 5)),
    ("January 5th, 2024 3:04 PM", None, datetime(2024, 1, 5, 15, 4)), ("Fri, 5 Jan 2024 10:00:00 +0100", None, datetime(2024, 1, 5, 9)),
    ("05-01-24", "dmy", datetime(2024, 1, 5)), ("05-01-24", "mdy", datetime(2024, 5, 1)), ("05-01-24", "ymd", datetime(2005, 1, 24)),
    ("05/01/2024 8:30", "dmy", datetime(2024, 1, 5, 8, 30)), ("5.1.2024", "dmy", datetime(2024, 1, 5)), ("05-01-24", None, None),
    ("2024年1月5日 14:30", None, datetime(2024, 1, 5, 14, 30)), ("2024年1月5日 下午2点30分", None, datetime(2024, 1, 5, 14, 30)),
    ("２０２４年１月５日", None, datetime(2024, 1, 5)), ("20240105", None, datetime(2024, 1, 5)), ("20240105T143000", None, datetime(2024, 1, 5, 14, 30)),
    ("1704466200", None, datetime(2024, 1, 5, 14, 50)), ("1704466200000", None, datetime(2024, 1, 5, 14, 50)), ("45296", None, datetime(2024, 1, 5)),
    ("45296.5", None, datetime(2024, 1, 5, 12)), ("2024-01-05T08:00:00Z", None, datetime(2024, 1, 5, 8)),
    ("2024-01-05T08:00:00.250+08:00", None, datetime(2024, 1, 5, 0, 0, 0, 250_000)), ("2024-02-30", None, None), ("soon", None, None), ("12", None, None),
    ("31/12/2024", "mdy", None), ("2024-01-05 25:00", None, None)])
def test_dates_as_shops_write_them(written: str, order: str | None, meant: datetime | None) -> None:
    assert date_reader(order, UTC_ZONE)(written) == meant


@given(st.datetimes(datetime(1971, 1, 1), datetime(2099, 1, 1)).map(lambda d: d.replace(microsecond=0)),
       st.sampled_from(["%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%d %b %Y %H:%M:%S", "%b %d, %Y %I:%M:%S %p", "%Y年%m月%d日 %H:%M:%S"]))
def test_a_written_moment_reads_as_itself(moment: datetime, form: str) -> None:
    assert date_reader("dmy", UTC_ZONE)(moment.strftime(form)) == moment


def test_times_without_a_zone_are_in_the_shops(shop: Shop) -> None:
    assert date_reader(None, ZoneInfo("Asia/Shanghai"))("2024年1月5日 06:00") == datetime(2024, 1, 4, 22)
    assert date_reader(None, ZoneInfo("Europe/London"))("5 Jul 2024 06:00") == datetime(2024, 7, 5, 5)


def test_one_day_above_twelve_settles_the_order_of_a_column(shop: Shop) -> None:
    order = DayMonthOrder()
    order.see("05/01/2024")
    assert (order.settled, order.ambiguous) == (None, 1)
    order.see("31/01/2024")
    assert order.settled == "dmy"
    path = shop.write("d.csv", HEAD, "1,7,05/01/2024,A1,Tea,1,2", "2,7,31/01/2024,A1,Tea,1,2")
    shop.load(path)
    assert scalar(shop.engine, "SELECT min(occurred_at) FROM events") == datetime(2024, 1, 5)


def test_a_doubtful_column_is_asked_about(shop: Shop) -> None:
    path = shop.write("d.csv", HEAD, "1,7,05/01/2024,A1,Tea,1,2")
    with pytest.raises(DataError, match=r"'Order Date' has dates such as 05/01/2024.*--date-order dmy"):
        shop.load(path)
    shop.load(path, date_order="mdy")
    assert scalar(shop.engine, "SELECT occurred_at FROM events") == datetime(2024, 5, 1)


@pytest.mark.parametrize(("written", "mark", "meant"), [
    ("￥1,299.00", ".", "1299"), ("1.299,00", ".", "1299"), ("£2.50", ".", "2.50"), ("(12.00)", ".", "-12"), ("1 299,00", ".", "1299"),
    ("1,299", ".", "1299"), ("1,299", ",", "1.299"), ("1.299", ",", "1299"), ("1.299", ".", "1.299"), ("12元", ".", "12"), ("１２．５", ".", "12.5"),
    ("-€3,20", ".", "-3.2"), ("3,20 €", ".", "3.2"), ("1'299.50", ".", "1299.5"), ("1.299.000", ".", "1299000"), ("12.00-", ".", "-12"),
    ("US$ 5", ".", "5"), ("−4", ".", "-4"), ("free", ".", None), ("", ".", None), ("1,2,3.4.5", ".", None), ("12 apples", ".", None), ("1e3", ".", None)])
def test_amounts_as_shops_write_them(written: str, mark: str, meant: str | None) -> None:
    assert amount_reader(mark)(written) == (None if meant is None else Decimal(meant))


def test_the_decimal_mark_is_decided_by_the_whole_column(shop: Shop) -> None:
    mark = DecimalMark()
    mark.see("1.299")
    assert mark.settled == "."
    mark.see("12,5")
    assert mark.settled == ","
    shop.load(shop.write("eu.csv", HEAD.replace(",", ";"), "1;7;2024-01-05;A1;Tea;1;1.299", "2;7;2024-01-05;A1;Tea;1;12,50"))
    assert float(str(scalar(shop.engine, "SELECT max(amount) FROM events"))) == 1299.0


@given(st.decimals(0, 10**7, places=2))
def test_an_amount_reads_as_itself_in_both_manners(amount: Decimal) -> None:
    english = f"{amount:,.2f}"
    german = english.translate(str.maketrans(",.", ".,"))
    assert amount_reader(".")(english) == amount_reader(",")(german) == amount
    assert amount_reader(",")(english) == amount or amount < 1000


def test_headings_are_recognised_in_many_spellings() -> None:
    for heads in ("InvoiceNo,CustomerID,InvoiceDate,StockCode,UnitPrice", "order_id,Household ID,transaction timestamp,Product-ID,SALES_VALUE",
                  "订单号,会员号,付款时间,商品编码,实付金额", "Order Number,customer no.,Ordered At,sku,Total"):
        found = match_columns("orders", tuple(heads.split(",")), None, file="f")
        assert [found[name] for name in ("order_id", "customer", "occurred_at", "product")] == [0, 1, 2, 3]


def test_mapping_goes_before_recognition_and_unknown_names_are_refused() -> None:
    columns = ("id", "who", "Order Date", "sku", "total")
    assert match_columns("orders", columns, {"customer": "WHO"}, file="f")["customer"] == 1
    with pytest.raises(DataError, match=r"f: no column for customer .*Its columns: id, who.*--map customer=COLUMN"):
        match_columns("orders", columns, None, file="f")
    with pytest.raises(DataError, match="'buyer' is not a column we know"):
        match_columns("orders", columns, {"buyer": "who"}, file="f")
    with pytest.raises(DataError, match="has no single column 'nobody'"):
        match_columns("orders", columns, {"customer": "nobody"}, file="f")
    with pytest.raises(DataError, match="'Customer ID' and 'customer_id' could both be customer"):
        match_columns("orders", ("Customer ID", "customer_id", "date", "sku", "total"), None, file="f")


@pytest.mark.parametrize(("code", "name", "adjusts"), [
    ("POST", "POSTAGE", True), ("DOT", "DOTCOM POSTAGE", True), ("M", "Manual", True), ("C2", "CARRIAGE", True), ("D", "Discount", True),
    ("S", "SAMPLES", True), ("BANK CHARGES", "Bank Charges", True), ("AMAZONFEE", "AMAZON FEE", True), ("CRUK", "CRUK Commission", True),
    ("B", "Adjust bad debt", True), ("YF1", "运费", True), ("999", "补运费链接", True), ("85123A", "WHITE HANGING HEART", False),
    ("PADS", "PADS TO MATCH ALL CUSHIONS", False), ("22423", "POSTAGE STAMP MUG", False), ("A1", "样品收纳盒", False), ("gift_0001_20", "Gift Voucher £20", False)])
def test_lines_that_are_no_products(code: str, name: str, adjusts: bool) -> None:
    assert is_adjustment(code, name) is adjusts


def test_consent_headings_and_values() -> None:
    heads = ["accepts marketing", "email_opt_in", "sms consent", "同意邮件营销", "短信订阅", "tier", "email"]
    assert [consent_channel(head) for head in heads] == ["email", "email", "sms", "email", "sms", None, None]
    assert [consent_given("opt in", value) for value in ("Yes", "0", "maybe", None)] == [True, False, None, None]
    assert consent_given("email opt-out", "yes") is False


def test_hidden_characters_go_and_emoji_stay() -> None:
    assert clean("te\u200ba\U000e0041\u2060 \u202epot") == "tea pot"
    assert clean("👩\u200d🍳 ❤\ufe0f 茶") == "👩\u200d🍳 ❤\ufe0f 茶"


def zip_bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/worksheets/sheet1.xml", "w") as sheet:
        for _ in range(60):
            sheet.write(bytes(1_000_000))


BAD = {
    "empty.csv": (b"", "empty.csv is empty"), "head.csv": (HEAD.encode() + b"\n", "has a heading and no rows"),
    "rubbish.csv": (bytes(range(256)) * 20, "is not text in UTF-8"), "broken.csv": (b"a,b\n\x81\x8d,2\n", "is not text in UTF-8"),
    "keys.csv": (b"colour,size\nred,1\n", "no column for customer, occurred_at, product, amount"),
    "wide.csv": (b",".join(b"c%d" % i for i in range(2000)) + b"\n1\n", "has 2,000 columns; at most 500"),
    "notes.docx": (b"x", "this kind of file is not known"), "fake.parquet": (b"PAR0", "is not a Parquet file"),
    "cut.csv.gz": (gzip.compress((HEAD + LINES[0] * 50).encode())[:60], "is not a gzip file, or a damaged one"),
    "fake.csv.gz": (HEAD.encode(), "is not a gzip file, or a damaged one"), "fake.xlsx": (b"PK", "is not an Excel workbook"), "fake.jsonl": (b"[]\n", "holds no JSON objects"), "blank.csv": (b"\n\n", "has no column names"),
}


@pytest.mark.parametrize("name", [*BAD, "bomb.xlsx", "absent.csv", "."])
def test_each_bad_file_gets_one_clear_line_and_nothing_is_loaded(shop: Shop, name: str) -> None:
    path = shop.files / name
    if name in BAD:
        path.write_bytes(BAD[name][0])
    if name == "bomb.xlsx":
        zip_bomb(path)
    expected = {"bomb.xlsx": "looks like a zip bomb", "absent.csv": "is not there", ".": "is a folder"}.get(name) or BAD[name][1]
    shop.load(shop.write("earlier.csv", HEAD + ",Email", LINES[0] + ",ann@example.com"))
    before = everything(shop)
    with pytest.raises(DataError) as caught:
        shop.load(shop.write("good.csv", HEAD + ",Email", *(line.replace(",7,", ",8,") + ",bo@example.com" for line in LINES)), path)
    assert expected in str(caught.value) and "\n" not in str(caught.value)
    assert (path.name or str(path)) in str(caught.value)
    assert caught.value.text("zh") != caught.value.text("en")
    assert everything(shop) == before


def everything(shop: Shop) -> dict[str, object]:
    """Every row of warehouse and ledger, and the workspace's files."""
    names = [row["table_name"] for row in shop.rows("SELECT table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'")]
    found: dict[str, object] = {name: sorted(map(str, shop.rows(f'SELECT * FROM "{name}"'))) for name in names}
    with shop.ledger.read() as connection:
        for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").all():
            found[f"ledger: {name}"] = sorted(map(str, connection.exec_driver_sql(f'SELECT * FROM "{name}"').all()))
    return found | {"files": sorted(str(path) for path in shop.workspace.path.rglob("*"))}


def test_unknown_kind_order_and_no_file(shop: Shop) -> None:
    path = shop.write("good.csv", HEAD, *LINES)
    with pytest.raises(DataError, match="Unknown kind 'sales'"):
        shop.load(path, kind="sales")
    with pytest.raises(DataError, match="Unknown date order 'md'"):
        shop.load(path, date_order="md")
    with pytest.raises(DataError, match="No file was named"):
        shop.load()


def test_reasons_are_told_in_chinese(shop: Shop) -> None:
    with i18n.using("zh"):
        report = shop.load(shop.write("o.csv", HEAD, LINES[0], LINES[0]))
        assert shop.rejects(report)[0]["reason"] == "与前面某一行完全相同"


def test_online_retail_as_published(shop: Shop, shared_data: Path) -> None:
    report = shop.load(shared_data / "online_retail" / "online_retail.parquet")
    assert report.rows_read == 541_909 and balanced(report)
    assert report.reasons == {"duplicate": 5_268, "stock_adjustment": 1_336, "zero_price": 1_174, "same_line": 2}
    assert report.notes == {"purchases": 522_569, "rows_without_customer": 132_567, "returns": 8_668, "adjustments": 2_892}
    assert scalar(shop.engine, "SELECT count(*) FROM customers") == 4_371
    assert scalar(shop.engine, "SELECT name FROM products WHERE product = '85123A'") == "WHITE HANGING HEART T-LIGHT HOLDER"
    assert scalar(shop.engine, "SELECT count(*) FROM products WHERE product IN ('POST', 'M', 'BANK CHARGES')") == 0
    lines = [int(row["line"]) for row in shop.rejects(report)]
    assert len(lines) == 7_780 and lines == sorted(lines) and lines[-1] <= 541_909


def test_a_shop_nobody_prepared_for(shop: Shop, shared_data: Path) -> None:
    store = shop.load(shared_data / "superstore" / "superstore.parquet")
    assert (store.rows_read, store.rows_new) == (9_994, 9_994)
    assert store.files[0].personal == {"Customer Name": "full_name", "Postal Code": "address"}
    assert scalar(shop.engine, "SELECT count(*) FROM events WHERE occurred_at > TIMESTAMP '2020-12-30'") == 0
    assert round(float(str(scalar(shop.engine, "SELECT sum(amount) FROM events")))) == 2_297_201
    baskets = shop.load(shared_data / "complete_journey" / "transactions_sample.parquet")
    assert (baskets.rows_read, baskets.reasons) == (75_000, {"zero_quantity": 416, "zero_price": 113})
    people = shop.load(shared_data / "complete_journey" / "demographics.parquet", kind="customers")
    assert people.rows_new == 801
    goods = shop.load(shared_data / "complete_journey" / "products.parquet", kind="products", mapping={"name": "product_type"})
    assert (goods.rows_read, goods.reasons) == (92_331, {"no_name": 528})


def test_broken_lines_do_not_shift_the_numbers_of_others(shop: Shop) -> None:
    start = datetime(2024, 1, 1)
    good = [f"{i},7,{start + timedelta(hours=i)},A1,Tea,1,2" for i in range(3000)]
    good[10], good[20], good[2500], good[2900] = "x,y", "1,2,soon,A1,Tea,1,2", '"5,7', "2,2,soon,A1,Tea,1,2"
    report = shop.load(shop.write("o.csv", HEAD, *good[:2500], *good[2501:]), now=datetime(2025, 1, 1, tzinfo=UTC))
    assert [(int(row["line"]), row["code"]) for row in shop.rejects(report)] == [(12, "malformed"), (22, "bad_date"), (2901, "bad_date")]


@pytest.mark.parametrize(("line", "code"), [("9000,7,soon,A1,Tea,1,2", "bad_date"), ("9000,7,1066-01-05 10:00:00,A1,Tea,1,2", None),
                                            ("9000,7,2024-01-05 10:00:00,A1,Tea,1,nan", "bad_price"), ("9000,7,5 Jan 2024,A1,Tea,1,2", None),
                                            ('9000,7,2024-01-05 10:00:00,A1,Tea,1,"2,50"', None), ("9000,7", "malformed")])
def test_one_odd_value_after_thousands_of_plain_ones_is_read_as_ever(shop: Shop, line: str, code: str | None) -> None:
    start = datetime(2023, 1, 1)
    good = [f"{i},7,{start + timedelta(minutes=i)},A1,Tea,1,2" for i in range(2_500)]
    report = shop.load(shop.write("o.csv", HEAD, *good, line, "9001,7,2024-01-06 10:00:00,A1,Tea,1,2"))
    assert report.rows_read == 2_502 and report.reasons == ({code: 1} if code else {})
    assert not code or [int(row["line"]) for row in shop.rejects(report)] == [2_502]
    assert scalar(shop.engine, "SELECT count(*) FROM events WHERE occurred_at = TIMESTAMP '2024-01-06 10:00:00'") == 1
