"""`brandloom predict`: each question as a table, as JSON and as a file, and its refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from brandloom.campaigns import create
from brandloom.cli import run
from shop_world import write_shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = write_shop(tmp_path_factory.mktemp("files"))
    path = tmp_path_factory.mktemp("made") / "shop"
    with create(path) as made:
        made.load(files / "orders.csv", kind="orders")
    return path


@pytest.mark.parametrize(("what", "column"), [("purchase", "p_purchase"), ("churn", "p_active"), ("value", "value"), ("next", "next_days"),
                                              ("repeat", "p_repeat")])
def test_each_question_is_answered(shop: Path, what: str, column: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "all.parquet"
    assert run(["predict", str(shop), "--what", what, "--horizon", "30d", "--as-of", "2024-06-01", "--limit", "2", "--json", "--out", str(file)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["what"] == what and told["horizon_days"] == 30 and told["as_of"].startswith("2024-06-01") and told["card"]["limits"]
    everybody = pq.read_table(file).to_pylist()
    assert 0 < len(told["rows"]) <= 2 and told["rows"] == everybody[:len(told["rows"])] and column in everybody[0]
    if what == "purchase":
        assert 0 < told["rows"][0]["p_low"] <= told["rows"][0]["p_purchase"] <= told["rows"][0]["p_high"] < 1
    else:
        assert told["purchases"]["low"] < told["purchases"]["value"] < told["purchases"]["high"]
        assert (shop / "models" / "lifetime" / "lifetime.json").is_file()
    if what == "repeat":
        assert [one["days"] for one in told["returning"]] == [30, 60, 90, 180, 365]
    else:
        assert len(everybody) > 100


def test_the_table_shows_intervals_and_limits(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", str(shop), "--what", "churn", "--limit", "1"]) == 0
    shown = capsys.readouterr().out
    assert all(words in shown for words in ("Looking back", "Chance still", "Repeat", "inference", "%)"))


@pytest.mark.parametrize(("words", "line"), [
    (["--what", "weather"], "Choose purchase, churn, value, next, repeat, uplift or session"),
    (["--horizon", "900d"], "Write days from 1d to 730d"),
    (["--what", "purchase", "--horizon", "500d"], "Choose 1 to 365"),
    (["--as-of", "2020-01-01"], "there are none"),
    (["--as-of", "soon"], "is not a date"),
    (["--out", "all.pdf"], "neither .csv nor .parquet"),
])
def test_refusals_are_one_line(shop: Path, words: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", str(shop), *words]) == 1
    told = [one for one in capsys.readouterr().err.splitlines() if not one.startswith("Predicting")]
    assert len(told) == 1 and line in told[0]
