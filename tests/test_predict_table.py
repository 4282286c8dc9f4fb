"""A company's own table: read whatever it looks like, checked for leaks, learned, judged, explained."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from brandloom import cli
from brandloom.errors import ConfigError, DataError, NotFittedError
from brandloom.predict.metrics import expected_calibration_error
from brandloom.predict.tables import Learned, Wanted, changed, explain, learn_table, load_model, read_frame
from brandloom.predict.tables.calibrate import choose_calibration, log_loss_rows
from brandloom.predict.tables.checks import check_columns, check_price
from brandloom.predict.tables.frame import Column, Frame, parse_column, row_hashes
from brandloom.predict.tables.judge import Told, judge_groups
from brandloom.predict.tables.target import read_target
from conftest import require
from table_world import NOW, START, lead_columns, lead_frame, leads, write_table

WANTED = Wanted("成交")


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Learned, Frame, np.ndarray]:
    frame, p = lead_frame(tmp_path_factory.mktemp("leads"), 3000)
    return learn_table(frame, WANTED, now=NOW), frame, p


# --- reading ---

@pytest.mark.parametrize(("cells", "kind", "first"), [
    (["1,299.50", "12", "n/a"], "number", 1299.5), (["¥30", "￥1,000", ""], "number", 30.0), (["1.299,50", "3,5"], "number", 1299.5),
    (["12%", "3.5%"], "number", 0.12), (["1e-05", "2"], "number", 1e-5), (["-3", "(4)"], "number", -3.0),
    (["2025-01-02", "2025-01-31"], "date", 20090.0), (["2025年1月2日", "2025年1月3日"], "date", 20090.0), (["31/12/2024", "02/01/2025"], "date", 20088.0),
    (["20250102", "20250131"], "date", 20090.0), (["00731", "10001"], "category", 0.0), (["true", "false"], "category", 1.0), (["是", "否"], "category", 1.0),
    (["", "NULL", "缺失"], "empty", np.nan),
])
def test_cells_are_what_they_mean(cells: list[str], kind: str, first: float) -> None:
    column = parse_column("x", pa.array(cells, pa.string()))
    assert column.kind == kind
    value = column.codes[0] if kind == "category" else column.numbers[0]
    assert value == pytest.approx(first, nan_ok=True)


def test_a_stray_word_among_numbers_is_missing_and_counted() -> None:
    column = parse_column("x", pa.array([*map(str, range(99)), "viele"], pa.string()))
    assert (column.kind, column.unread, bool(column.missing[-1])) == ("number", 1, True)


def test_parquet_and_csv_of_one_table_are_the_same(tmp_path: Path) -> None:
    columns = {"数": [1.5, 2.0, 0.1 + 0.2], "词": ["a", "b", "a"]}
    parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    write_table(tmp_path / "t.csv", columns)
    one, other = read_frame(tmp_path / "t.parquet"), read_frame(tmp_path / "t.csv")
    assert np.array_equal(row_hashes(one, seed=0), row_hashes(other, seed=0))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.one_of(st.none(), st.floats(-1e6, 1e6)), st.sampled_from(["a", "b", "丙", None])), min_size=2, max_size=30), st.randoms())
def test_hashes_depend_on_content_alone(rows: list[tuple[float | None, str | None]], random: object) -> None:
    order = list(range(len(rows)))
    random.shuffle(order)  # type: ignore[attr-defined]

    def hashes(rows: list[tuple[float | None, str | None]], turned: bool) -> np.ndarray:
        columns = [parse_column("x", pa.array([r[0] for r in rows], pa.float64()), "number"), parse_column("y", pa.array([r[1] for r in rows], pa.string()), "category")]
        return row_hashes(Frame("", {c.name: c for c in (reversed(columns) if turned else columns)}, len(rows)), seed=3)
    plain = hashes(rows, False)
    assert np.array_equal(hashes([rows[i] for i in order], True), plain[order])


# --- learning ---

def test_it_finds_the_truth_and_its_numbers_are_right(learned: tuple[Learned, Frame, np.ndarray]) -> None:
    made, frame, p = learned
    held = np.array([part == "held_back" for part in made.part])
    y = np.array([frame.columns["成交"].text(row) == "是" for row in range(frame.rows)], dtype=float)
    said, truth = made.scores.value, p
    assert made.model.card.positive == "是" and held.sum() == pytest.approx(600, abs=2)
    assert np.mean(np.abs(said - truth)[held]) < 0.06, "close to the chance that made the rows"
    assert log_loss_rows(y, said)[held].mean() < log_loss_rows(y, truth)[held].mean() + 0.02
    learned_rows = np.array([part == "learned" for part in made.part])
    assert expected_calibration_error(y[learned_rows], said[learned_rows]) < 0.04, "scores of rows learned from come from models that had not seen them"
    assert "线索编号" not in made.model.card.columns and next(iter(made.model.card.importances)) == "访问次数"
    assert made.model.card.metrics["log_loss_saved"].low > 0


def test_the_order_of_rows_does_not_matter_and_a_seed_repeats(tmp_path: Path) -> None:
    columns, _p = lead_columns(500)
    order = np.random.default_rng(1).permutation(500)
    turned = {name: [cells[i] for i in order] for name, cells in columns.items()}
    plain = learn_table(read_frame(write_table(tmp_path / "a.csv", columns)), WANTED, now=NOW)
    other = learn_table(read_frame(write_table(tmp_path / "b.csv", turned)), WANTED, now=NOW)
    assert np.array_equal(other.scores.value, plain.scores.value[order]) and other.model.blend == plain.model.blend
    again = learn_table(read_frame(tmp_path / "a.csv"), replace(WANTED, seed=5), now=NOW)
    assert not np.array_equal(again.scores.value, plain.scores.value), "another seed splits anew"


def test_a_table_of_noise_says_next_to_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    columns: dict[str, list[object]] = {f"x{n}": rng.normal(size=300).tolist() for n in range(12)}
    columns["y"] = rng.integers(0, 2, 300).tolist()
    made = learn_table(read_frame(write_table(tmp_path / "noise.csv", columns)), Wanted("y"), now=NOW)
    fresh = {name: parse_column(name, pa.array(rng.normal(size=4000))) for name in columns if name != "y"}
    said = made.model.score(Frame("fresh", fresh, 4000)).value
    assert log_loss_rows(rng.integers(0, 2, 4000).astype(float), said).mean() < np.log(2) + 0.02
    assert any("base rate" in limit for limit in made.model.card.limits) and any("Few rows" in limit for limit in made.model.card.limits)


def test_time_splits_by_time(tmp_path: Path) -> None:
    frame, _p = lead_frame(tmp_path, 1500)
    made = learn_table(frame, replace(WANTED, time="创建日期"), now=NOW)
    days = frame.columns["创建日期"].numbers
    part = np.array(made.part)
    assert days[part == "learned"].max() < days[part == "held_back"].min()
    card = made.model.card
    assert card.split == "time" and "创建日期" not in card.columns and card.data_to is not None and card.held_from is not None
    assert card.data_from == str(START.date()) and card.data_to <= card.held_from
    assert np.isnan(made.scores.value[part == "learned"]).any(), "the earliest rows were never judged by a model that had not seen them"


def test_a_number_is_predicted_with_intervals_that_cover(tmp_path: Path) -> None:
    columns, _p = lead_columns(3000)
    rng = np.random.default_rng(4)
    visits = np.array([float(str(v)) for v in columns["访问次数"]])
    columns["花费"] = (100 + 20 * visits + (5 + 10 * visits) * rng.normal(size=3000)).round(2).tolist()
    made = learn_table(read_frame(write_table(tmp_path / "n.csv", columns)), Wanted("花费", drop=("成交",)), now=NOW)
    found = made.model.card.metrics
    assert 0.75 <= found["coverage_80"].value <= 0.85 and abs(found["bias"].value) < 4
    assert found["mae"].high < found["mae_of_mean"].low and found["error_saved"].low > 0.3
    held = np.array(made.part) == "held_back"
    wide = (made.scores.high - made.scores.low)[held]
    assert wide[visits[held] >= 6].mean() > 1.8 * wide[visits[held] <= 1].mean(), "wider where the number is less sure"
    why = explain(made.model, read_frame(tmp_path / "n.csv"), 1)
    assert why.score == pytest.approx(why.base + sum(one.part for one in why.parts), abs=1e-6) and "80" in why.sentences(made.model, "zh")[0]


# --- why ---

def test_parts_add_up_to_the_score(learned: tuple[Learned, Frame, np.ndarray]) -> None:
    made, frame, _p = learned
    some = frame.take(np.arange(200))
    parts, base = made.model.blend.contributions(some)
    raw = made.model.blend.raw(made.model.blend.encoder.encode(some))
    assert np.max(np.abs(base + parts.sum(axis=1) - raw)) < 1e-6
    assert np.allclose(made.model.blend.calibration.probability(raw), made.model.score(some).value, atol=1e-12)


def test_one_row_is_explained_in_both_languages_and_may_be_changed(learned: tuple[Learned, Frame, np.ndarray]) -> None:
    made, frame, _p = learned
    row = 1 + int(np.argmin(frame.columns["访问次数"].numbers))
    why = explain(made.model, frame, row)
    assert any("lowered" in said and "'访问次数' being 0" in said for said in why.sentences(made.model, "en"))
    assert any("“访问次数”为 0" in said for said in why.sentences(made.model, "zh"))
    more = explain(made.model, changed(made.model, frame, row, {"访问次数": "9"}), 1)
    assert more.score > why.score + 0.1
    emptied = explain(made.model, changed(made.model, frame, row, {"渠道": ""}), 1)
    assert {one.column: one.value for one in emptied.parts}["渠道"] is None
    for values, says in (({"渠道": "火星"}, "It has seen"), ({"访问次数": "viele"}, "cannot be read"), ({"线索编号": "1"}, "does not use")):
        with pytest.raises(DataError, match=says):
            changed(made.model, frame, row, values)
    with pytest.raises(DataError, match="has no row 9999"):
        explain(made.model, frame, 9999)


def test_a_model_is_kept_and_scores_other_files(learned: tuple[Learned, Frame, np.ndarray], tmp_path: Path) -> None:
    made, frame, _p = learned
    made.model.save(tmp_path / "m")
    again = load_model(tmp_path / "m")
    assert again == made.model and np.array_equal(again.score(frame).value, made.model.score(frame).value)
    columns, _truth = lead_columns(5, seed=9)
    columns["渠道"][0] = "火星"
    del columns["成交"], columns["线索编号"]
    scores = again.score(again.read(write_table(tmp_path / "new.csv", columns)))
    assert scores.unseen == {"渠道": 1} and np.all((scores.value > 0) & (scores.value < 1))
    del columns["金额"]
    with pytest.raises(DataError, match="has no column '金额', which the model reads"):
        again.score(again.read(write_table(tmp_path / "less.csv", columns)))
    (tmp_path / "m" / "model.json").write_text("{}", encoding="utf-8")
    with pytest.raises(NotFittedError, match="damaged"):
        load_model(tmp_path / "m")
    with pytest.raises(NotFittedError, match="No model in"):
        load_model(tmp_path / "nowhere")


# --- leaks ---

def found(made: Learned) -> dict[str | None, str]:
    return {one.column: one.kind for one in made.model.card.findings}


def test_columns_that_know_the_answer_are_left_out_and_named(tmp_path: Path) -> None:
    columns, _p = lead_columns(800)
    yes = np.array([cell == "是" for cell in columns["成交"]])
    rng = np.random.default_rng(3)
    days = [START + timedelta(days=int(n)) for n in rng.integers(0, 300, 800)]
    columns |= {
        "答案": (yes * 5 + rng.random(800)).round(3).tolist(),
        "流失原因": [None if bought else "价格" for bought in yes],
        "订单金额": np.where(yes & (rng.random(800) < 0.3), 99, 0).tolist(),
        "签约日期": [str((day + timedelta(days=9)).date()) for day in days],
        "创建日期": [str(day.date()) for day in days],
        "流水": [day.toordinal() for day in days],
        "备注": [f"客户来电咨询第{n}次，询问了产品的价格、保修、配送时间和安装方式，并说明年内会再联系我们一次，同时希望我们先寄来一份纸质目录" for n in range(800)],
        "空列": [None] * 800, "常数": ["x"] * 800,
        "结果评分": (yes + rng.normal(0, 0.8, 800)).round(3).tolist(),
    }
    made = learn_table(read_frame(write_table(tmp_path / "leaks.csv", columns)), replace(WANTED, time="创建日期"), now=NOW)
    kinds = found(made)
    assert {name: kinds[name] for name in ("答案", "流失原因", "订单金额", "签约日期", "流水", "备注", "空列", "常数", "线索编号", "创建日期")} == {
        "答案": "tells_all", "流失原因": "missing_tells", "订单金额": "implies", "签约日期": "after_time", "流水": "clock", "备注": "free_text",
        "空列": "empty", "常数": "constant", "线索编号": "id", "创建日期": "time"}
    assert set(made.model.card.columns) == {"访问次数", "金额", "渠道", "年龄", "城市", "结果评分"}
    assert kinds["结果评分"] in ("hindsight_name", "tells_much")
    for one in made.model.card.findings:
        assert one.column is None or one.column in one.text("zh")
    kept = learn_table(read_frame(tmp_path / "leaks.csv"), replace(WANTED, time="创建日期", keep=("答案",)), now=NOW)
    assert "答案" in kept.model.card.columns and kept.model.card.metrics["auc"].value > 0.99
    assert "--keep says so" in next(one for one in kept.model.card.findings if one.column == "答案").text("en")


@pytest.mark.parametrize(("file", "target", "hindsight"), [
    ("online_shoppers/online_shoppers_intention.parquet", "Revenue", {"PageValues": False}), ("bank_marketing/bank_additional_full.parquet", "y", {"duration": False}),
    ("hillstrom_email/hillstrom.parquet", "visit", {"conversion": True, "spend": True}),
])
def test_hindsight_in_public_tables_is_pointed_at(file: str, target: str, hindsight: dict[str, bool], shared_data: Path) -> None:
    """What the publishers say is known only afterwards; True where it is sure enough to be left out."""
    require((shared_data / file).is_file(), f"{file} is not there")
    frame = read_frame(shared_data / file)
    used, said = check_columns(frame, read_target(frame, target), time=None, group=None, keep=(), drop=(), now=NOW)
    assert {one.column: one.column not in used for one in said if one.column in hindsight} == hindsight


def test_twins_rows_without_a_target_and_unused_dates_are_said(tmp_path: Path) -> None:
    columns, _p = lead_columns(400)
    del columns["线索编号"]
    twice: dict[str, list[object]] = {name: [*cells, *cells[:50]] for name, cells in columns.items()}
    twice["成交"] = [*columns["成交"], *([None] * 10), *columns["成交"][10:50]]
    made = learn_table(read_frame(write_table(tmp_path / "twins.csv", twice)), WANTED, now=NOW)
    said = {one.kind: one for one in made.model.card.findings}
    assert said["target_missing"].values == {"count": 10} and said["split_time"].column == "创建日期"
    assert said["twins"].values["count"] == 40 and int(said["twins"].values["straddling"]) <= 2, "twins stay on one side of the split"
    assert made.part.count("no_target") == 10 and np.isfinite(made.scores.value[400:410]).all()


# --- bad input: one line each ---

def spoil(columns: dict[str, list[object]], what: str) -> dict[str, list[object]]:
    changes: dict[str, dict[str, list[object]]] = {
        "one class": {"成交": ["是"] * 100}, "empty target": {"成交": [None] * 100}, "three classes": {"成交": ["a", "b", "c", "a"] * 25},
        "dates as target": {"成交": columns["创建日期"]}, "rare class": {"成交": ["是"] * 3 + ["否"] * 97},
        "future": {"创建日期": ["2031-01-01", *columns["创建日期"][1:]]}, "no time": {"创建日期": [None, *columns["创建日期"][1:]]},
        "words as time": {"创建日期": ["昨天", "今天"] * 50},
        "one kind early": {"成交": ["否"] * 60 + ["是"] * 40},
    }
    return {**columns, **changes.get(what, {})}


@pytest.mark.parametrize(("what", "wanted", "says"), [
    ("one class", WANTED, "has one value only, 是"), ("empty target", WANTED, "is empty in every row"),
    ("three classes", WANTED, r"has 3 kinds \(a, b, c\). Name the one to predict with --positive"),
    ("three classes", replace(WANTED, positive="d"), "never is 'd'. It is: a, b, c"), ("dates as target", WANTED, "holds dates"),
    ("rare class", WANTED, "at least 8 rows of each kind of '成交'; there are 3"),
    ("", Wanted("转化"), "has no column '转化'. It has: 线索编号, 访问次数"),
    ("future", replace(WANTED, time="创建日期"), "is after today in 1 rows, first in row 1"),
    ("no time", replace(WANTED, time="创建日期"), "is empty in 1 rows, first in row 1"),
    ("words as time", replace(WANTED, time="创建日期"), "holds no dates that can be read"),
    ("one kind early", replace(WANTED, time="创建日期"), "in time order, the rows to learn from or to judge hold one kind"),
    ("", replace(WANTED, time="nix"), "has no column 'nix'"),
])
def test_a_table_that_cannot_be_learned_says_why(what: str, wanted: Wanted, says: str, tmp_path: Path) -> None:
    columns, _p = lead_columns(100)
    frame = read_frame(write_table(tmp_path / "bad.csv", spoil(columns, what)))
    with pytest.raises(DataError, match=says) as raised:
        learn_table(frame, wanted, now=NOW)
    assert "\n" not in str(raised.value) and raised.value.text("zh") != raised.value.text("en")


@pytest.mark.parametrize(("text", "says"), [
    ("a,y\n1,1\n2,0\n3,1\n4,0\n5,1\n", "at least 40 rows whose 'y' is known; there are 5"), ("a,b,a,y\n1,2,3,1\n", "the column name 'a' stands more than once"),
    ("a,y\n", "has column names but no rows"), ("", "is empty"), ("PAR1\0\0\0", "is not text"),
])
def test_a_file_that_cannot_be_read_says_why(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=says):
        learn_table(read_frame(tmp_path / "t.csv"), Wanted("y"), now=NOW)
    (tmp_path / "t.parquet").write_text("no", encoding="utf-8")
    with pytest.raises(DataError, match="not a Parquet file"):
        read_frame(tmp_path / "t.parquet")


def test_nothing_to_learn_from_and_options_at_odds(tmp_path: Path) -> None:
    columns: dict[str, list[object]] = {"same": ["x"] * 100, "none": [None] * 100, "y": [0, 1] * 50}
    frame = read_frame(write_table(tmp_path / "t.csv", columns))
    with pytest.raises(DataError, match="no column is left to learn from"):
        learn_table(frame, Wanted("y"), now=NOW)
    with pytest.raises(ConfigError, match="--group names the target 'y' itself"):
        learn_table(frame, Wanted("y", group="y"), now=NOW)
    with pytest.raises(ConfigError, match="'same' stands in --keep and in --drop"):
        learn_table(frame, Wanted("y", keep=("same",), drop=("same",)), now=NOW)


def test_three_classes_with_one_named(tmp_path: Path) -> None:
    columns, _p = lead_columns(400)
    columns["成交"] = ["退货" if cell == "否" and n % 3 == 0 else cell for n, cell in enumerate(columns["成交"])]
    made = learn_table(read_frame(write_table(tmp_path / "t.csv", columns)), replace(WANTED, positive="是"), now=NOW)
    assert made.model.card.positive == "是" and made.model.card.level == pytest.approx(np.mean([c == "是" for c in columns["成交"]]), abs=0.01)


# --- calibration and groups ---

def test_a_curve_is_used_only_where_it_helps() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(0, 1.5, 6000)
    part = np.arange(6000) % 5
    right = (rng.random(6000) < 1 / (1 + np.exp(-z))).astype(float)
    assert choose_calibration(z, right, part).kind == "none"
    loud = choose_calibration(3 * z + 1, right, part)
    assert loud.kind != "none" and np.mean(np.abs(loud.probability(3 * z + 1) - 1 / (1 + np.exp(-z)))) < 0.03
    bent = (rng.random(6000) < 0.05 + 0.6 * (z > 0.3)).astype(float)
    curve = choose_calibration(z, bent, part)
    assert expected_calibration_error(bent, curve.probability(z)) < 0.02
    assert np.all(np.diff(curve.probability(np.linspace(-40, 40, 999))) >= 0), "a higher score is never a lower probability"


def test_groups_are_compared_with_intervals() -> None:
    rng = np.random.default_rng(1)
    groups = ["甲"] * 2000 + ["乙"] * 2000 + ["丙"] * 2000 + ["丁"] * 10 + [None] * 40
    chance = np.concatenate([np.full(2000, 0.5), np.full(2000, 0.25), np.full(2000, 0.47), np.full(50, 0.5)])
    p = (rng.random(6050) < chance).astype(float)
    y = (rng.random(6050) < 0.4).astype(float)
    rows = {one.group: one for one in judge_groups(groups, Told(y, p, y, y, y), 0.5, missing="?")}
    assert {name: row.verdict for name, row in rows.items() if name != "?"} == {"甲": "highest", "乙": "fails", "丙": "passes", "丁": "too_few"}
    half = rows["乙"].ratio
    assert half is not None and half.low < 0.5 < half.high and rows["丁"].selected is None and rows["?"].rows == 40
    true_positive = rows["甲"].true_positive
    assert true_positive is not None and true_positive.low < 0.5 < true_positive.high
    odds = rows["乙"].odds
    assert odds is not None and odds.low < -0.25 < odds.high and odds.high < 0 and rows["甲"].odds is None


@pytest.mark.parametrize(("chosen", "of", "verdict"), [(0, 30, "open"), (0, 400, "fails"), (2, 30, "open"), (12, 400, "fails"), (139, 1400, "open")])
def test_none_of_a_small_group_is_no_certainty(chosen: int, of: int, verdict: str) -> None:
    """Beside a group of which 28 of 280 are chosen, none of thirty comes about by chance too often to call it a breach."""
    p = np.repeat([1.0, 0.0, 1.0, 0.0], [28, 252, chosen, of - chosen])
    y = np.tile([0.0, 1.0], len(p))[:len(p)]
    rows = {one.group: one for one in judge_groups(["A"] * 280 + ["B"] * of, Told(y, p, y, y, y), 0.5, missing="?")}
    found = rows["B"]
    assert found.ratio is not None and found.ratio.low <= found.ratio.value <= found.ratio.high and found.ratio.low < found.ratio.high
    assert found.verdict == verdict


def test_the_group_is_judged_by_but_not_learned_from(tmp_path: Path) -> None:
    frame, _p = lead_frame(tmp_path, 1200)
    card = learn_table(frame, replace(WANTED, group="渠道"), now=NOW).model.card
    assert "渠道" not in card.columns and {row.group for row in card.groups} == {"微信", "抖音", "搜索", "门店"}
    assert card.threshold is not None and sum(row.verdict == "highest" for row in card.groups) == 1


@pytest.mark.parametrize(("name", "warned"), [("报价", True), ("offered_price", True), ("discount", True), ("priceless", False), ("成交", False)])
def test_a_price_for_each_person_is_warned_of(name: str, warned: bool) -> None:
    found = check_price(name)
    assert bool(found) == warned and all("personal decision" in one.text("en") and name in one.text("zh") for one in found)


def test_the_warning_stands_on_the_card(tmp_path: Path) -> None:
    columns, _p = lead_columns(400)
    columns["报价"] = columns.pop("金额")
    path = write_table(tmp_path / "quotes.csv", columns)
    card = learn_table(read_frame(path), Wanted("报价", drop=("成交",)), now=NOW).model.card
    assert any(one.kind == "price_target" for one in card.findings)


# --- searching ---

def test_a_search_goes_on_where_it_stopped(tmp_path: Path) -> None:
    try:
        import optuna  # noqa: F401
    except ImportError:
        require(False, "optuna is not installed: pip install 'brandloom[search]'")
    frame, _p = lead_frame(tmp_path, 300)
    whole = learn_table(frame, replace(WANTED, trials=4), now=NOW, store=tmp_path / "whole.journal")
    learn_table(frame, replace(WANTED, trials=2), now=NOW, store=tmp_path / "parts.journal")
    rest = learn_table(frame, replace(WANTED, trials=4), now=NOW, store=tmp_path / "parts.journal")
    assert rest.model.blend == whole.model.blend and rest.model.card.trials == 4
    assert "trees_searched" in whole.model.card.out_of_fold


# --- the command ---

def test_the_command_from_table_to_scores_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, _p = leads(tmp_path, 400)
    out = tmp_path / "out"
    code = cli.run(["predict-table", str(path), "--target", "成交", "--group", "渠道", "--out", str(out), "--row", "2", "--set", "访问次数=9", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert code == 0 and {file.name for file in out.iterdir()} == {"model.json", "card.json", "card.md", "report.html", "scores.csv"}
    assert told["card"]["target"] == "成交" and told["what_if"]["score"] > told["explanation"]["score"]
    assert sum(one["part"] for one in told["explanation"]["parts"]) + told["explanation"]["base"] == pytest.approx(told["explanation"]["raw"], abs=1e-6)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page and "http://" not in page.replace("http://www.w3.org", "") and "四分之五" not in page and "五分之四规则" in page
    assert (out / "scores.csv").read_text(encoding="utf-8").splitlines()[0] == '"row","probability","part"'
    assert cli.run(["predict-table", str(path), "--model", str(out), "--scores", str(tmp_path / "s.parquet"), "--row", "1"]) == 0
    shown = capsys.readouterr().out
    assert "400" in shown and parquet.read_table(tmp_path / "s.parquet").column_names == ["row", "probability"]


@pytest.mark.parametrize(("words", "says"), [
    ([], "one of the two"), (["--target", "成交", "--model", "m"], "one of the two"), (["--model", "m", "--trials", "3"], "--trials is for learning"),
    (["--target", "成交", "--set", "a=1"], "say which with --row"), (["--target", "成交", "--row", "1", "--set", "a"], "is not COL=VALUE"),
    (["--target", "成交", "--scores", "x.doc"], "not as x.doc"), (["--target", "成交", "--scores", "nowhere/x.csv"], "There is no folder"),
    (["--model", "nowhere"], "No model in"),
])
def test_options_at_odds_are_refused_in_one_line(words: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                 capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    path, _p = leads(tmp_path, 60)
    assert cli.run(["predict-table", str(path), *words]) == 1
    lines = [line for line in capsys.readouterr().err.strip().splitlines() if ": done in " not in line]
    assert len(lines) == 1 and says in lines[0]


def test_a_column_of_numbers_can_be_a_category_where_the_model_says_so() -> None:
    column: Column = parse_column("x", pa.array([1.0, 2.0]), "category")
    assert column.kind == "category" and column.levels == ("1", "2")
