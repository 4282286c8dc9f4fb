"""Loading judges a CSV file's encoding by its first megabyte and reads the rest on trust until all of it has been seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brandloom.errors import DataError
from brandloom.sources.encodings import FIRST_PIECE, examine
from sources_world import HEAD, open_shop

PLAIN = [f"{number},{number % 50},2024-01-05 10:00:00,A{number % 9},Green tea,1,3.50" for number in range(30_000)]


@pytest.mark.parametrize(("encoding", "name"), [("gb18030", "龙井茶叶礼盒"), ("cp1252", "Café crème à Évry"), ("utf-8", "龙井茶叶礼盒")])
def test_a_late_character_decides_the_encoding_of_all(tmp_path: Path, encoding: str, name: str) -> None:
    with open_shop(tmp_path) as shop:
        file = shop.write("orders.csv", HEAD, *PLAIN, f"x,7,2024-01-05 10:00:00,Z1,{name},1,2", encoding=encoding)
        assert file.read_bytes()[:FIRST_PIECE].isascii() and file.stat().st_size > FIRST_PIECE
        report = shop.load(file)
        assert (report.files[0].encoding, report.rows_read, report.rows_new) == (encoding, 30_001, 30_001)
        assert shop.rows("SELECT name FROM products WHERE product = 'Z1'") == [{"name": name}]


def test_a_late_character_decides_for_lists_too(tmp_path: Path) -> None:
    with open_shop(tmp_path) as shop:
        rows = [f"P{number},Green tea number {number} from the mountains,3.5" for number in range(30_000)]
        report = shop.load(shop.write("products.csv", "product,name,price", *rows, "Z1,Café crème à Évry,3.5", encoding="cp1252"), kind="products")
        assert (report.files[0].encoding, report.rows_new) == ("cp1252", 30_001)
        assert shop.rows("SELECT name FROM products WHERE product = 'Z1'") == [{"name": "Café crème à Évry"}]


def test_a_late_nul_refuses_the_file_and_leaves_nothing(tmp_path: Path) -> None:
    with open_shop(tmp_path) as shop:
        file = shop.write("orders.csv", HEAD, *PLAIN, "x,7,2024-01-05 10:00:00,Z\0,Tea,1,2")
        with pytest.raises(DataError, match=r"orders\.csv is not text"):
            shop.load(file)
        assert shop.rows("SELECT count(*) AS rows FROM events") == [{"rows": 0}]


@given(content=st.binary(max_size=40), filler=st.sampled_from([0, (1 << 17) - 2, (1 << 17) - 1, 1 << 17]))
def test_examined_in_pieces_as_in_one(tmp_path_factory: pytest.TempPathFactory, content: bytes, filler: int) -> None:
    file = tmp_path_factory.mktemp("examined") / "any.csv"
    file.write_bytes(b"a" * filler + content)
    try:
        expected = "\0" not in content.decode("utf-8")
    except UnicodeDecodeError:
        expected = False
    assert examine(file).utf8 is expected
