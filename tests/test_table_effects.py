"""Effects of treatments in a company's own table: learned, judged on rows held back, explained, and refused where there is nothing to learn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from brandloom import cli
from brandloom.errors import ConfigError, DataError, NotFittedError
from brandloom.predict.tables import Asked, Frame, LearnedEffects, explain_effects, learn_effects, load_effects, read_frame
from brandloom.predict.tables.effects import effect_sentences
from table_world import NOW, write_table

ASKED = Asked("成交", "发了什么")


def mailing(rows: int, seed: int, *, differs: bool = True, money: bool = False) -> tuple[dict[str, list[object]], np.ndarray]:
    """Columns of a mailing as a shop writes them, and what the coupon adds for each row: .3 in one channel alone, or .1 everywhere."""
    rng = np.random.default_rng(seed)
    channel, age = rng.choice(["微信", "抖音", "门店"], rows), rng.normal(40, 10, rows)
    given = rng.choice(["无", "优惠券", "电话"], rows)
    effect = np.where(channel == "微信", 0.3, 0.0) if differs else np.full(rows, 0.1)
    bought = rng.random(rows) < 0.2 + np.where(given == "优惠券", effect, 0.0) + 0.1 * (age > 45)
    paid = np.where(bought, rng.exponential(80, rows), 0.0)
    target: list[object] = [f"{value:.2f}" for value in paid] if money else ["是" if one else "否" for one in bought]
    columns: dict[str, list[object]] = {"渠道": channel.tolist(), "年龄": [f"{value:.1f}" for value in age], "发了什么": given.tolist(),
                                        "券码": ["有" if one == "优惠券" else "无" for one in given], "成交": target}
    return columns, effect


def table(folder: Path, columns: dict[str, list[object]]) -> Frame:
    return read_frame(write_table(folder / "mailing.csv", columns))


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[LearnedEffects, Frame, np.ndarray]:
    columns, effect = mailing(6_000, 3)
    frame = table(tmp_path_factory.mktemp("mailing"), columns)
    return learn_effects(frame, ASKED, now=NOW), frame, effect


def test_whom_a_treatment_changes_is_found_on_rows_held_back(learned: tuple[LearnedEffects, Frame, np.ndarray]) -> None:
    made, frame, truth = learned
    model = made.model
    assert model.card.control == "无" and set(model.uplift.cards) == {"优惠券", "电话"}
    held = np.array(made.part) == "held_back"
    found = model.effects(frame)["优惠券"][held]
    assert 0.15 < held.mean() < 0.25
    assert np.mean(np.abs(found - truth[held])) < 0.35 * np.mean(np.abs(truth.mean() - truth[held]))
    judged = model.card.judged["优惠券"]
    assert judged.top.effect.low > 0.1 and judged.average.low < truth.mean() < judged.average.high
    assert model.uplift.cards["优惠券"].verdict == "clear" and model.uplift.cards["电话"].verdict == "unclear"
    assert next(iter(model.card.importances["优惠券"])) == "渠道" and model.card.importances["优惠券"]["渠道"] > 0.7
    assert judged.fifths[0].predicted > judged.fifths[-1].predicted and judged.fifths[0].found.low > judged.fifths[-1].found.value


def test_what_came_with_one_of_several_treatments_is_left_out_and_named(learned: tuple[LearnedEffects, Frame, np.ndarray]) -> None:
    card = learned[0].model.card
    assert card.columns == ("渠道", "年龄")
    assert [(one.kind, one.column) for one in card.findings if one.left_out] == [("treatment", "发了什么"), ("tells_treatment", "券码")]


def test_a_column_that_tells_the_treatment_is_left_out_unless_kept(tmp_path: Path) -> None:
    columns, _effect = mailing(1_500, 2)
    columns["发了什么"] = ["无" if one == "电话" else one for one in columns["发了什么"]]
    frame = table(tmp_path, columns)
    card = learn_effects(frame, ASKED, now=NOW).model.card
    assert "券码" not in card.columns and any(one.kind == "tells_treatment" and one.column == "券码" for one in card.findings)
    with pytest.raises(DataError, match="the columns decide who got '优惠券'"):
        learn_effects(frame, Asked("成交", "发了什么", keep=("券码",)), now=NOW)


def test_a_treatment_given_by_age_is_no_experiment_and_one_given_by_two_columns_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    columns, _effect = mailing(2_000, 9)
    del columns["券码"]
    age = np.array([float(str(value)) for value in columns["年龄"]])
    columns["发了什么"] = np.where(rng.random(2_000) < np.where(age > 40, 0.7, 0.3), "优惠券", "无").tolist()
    card = learn_effects(table(tmp_path, columns), ASKED, now=NOW).model.card
    assert "run an experiment" in card.limits[0]
    spent = rng.normal(0, 10, 2_000)
    columns["消费"] = [f"{value:.2f}" for value in spent]
    columns["发了什么"] = np.where(age - 40 + spent > 0, "优惠券", "无").tolist()
    with pytest.raises(DataError, match="Bring an experiment"):
        learn_effects(table(tmp_path, columns), ASKED, now=NOW)


def test_parts_add_up_and_the_reasons_are_told_in_both_languages(learned: tuple[LearnedEffects, Frame, np.ndarray]) -> None:
    made, frame, _truth = learned
    every = made.model.effects(frame)
    for row in (1, 17, 400):
        why = explain_effects(made.model, frame, row)
        for arm, (effect, base, parts) in why.items():
            assert effect == pytest.approx(every[arm][row - 1], abs=1e-6) and base + sum(one.part for one in parts) == pytest.approx(effect, abs=1e-6)
    wechat = next(row for row in range(1, 100) if frame.columns["渠道"].text(row - 1) == "微信")
    why = explain_effects(made.model, frame, wechat)
    assert "Less" not in effect_sentences(made.model, {"优惠券": why["优惠券"]}, "en")[1] and "微信" in effect_sentences(made.model, why, "zh")[1]
    assert "值得" in " ".join(made.model.sentences("zh")) and "choosing pays" in " ".join(made.model.sentences("en"))


def test_the_same_seed_gives_the_same_numbers_and_a_model_is_kept(learned: tuple[LearnedEffects, Frame, np.ndarray], tmp_path: Path) -> None:
    made, frame, _truth = learned
    made.model.save(tmp_path)
    kept = load_effects(tmp_path)
    assert kept.card == made.model.card
    assert all(np.array_equal(kept.effects(frame)[arm], one) for arm, one in made.model.effects(frame).items())
    (tmp_path / "effects.json").write_text("{}", encoding="utf-8")
    with pytest.raises(NotFittedError, match="Learn it again"):
        load_effects(tmp_path)


def test_rows_alike_stay_on_one_side_whatever_they_got(tmp_path: Path) -> None:
    """Held back by all they hold, they would leave the other treatments of their kind behind, from which the treatment could be told."""
    for seed in range(3):
        columns, _effect = mailing(1_500, 20 + seed)
        learned = learn_effects(table(tmp_path, columns), ASKED, now=NOW)
        assert learned.model.uplift.cards["优惠券"].balance.low < 0.52
        sides: dict[tuple[object, object], set[str]] = {}
        for channel, age, part in zip(columns["渠道"], columns["年龄"], learned.part, strict=True):
            sides.setdefault((channel, age), set()).add(part)
        assert np.mean([len(one) > 1 for one in sides.values()]) < 0.05


def test_money_and_an_effect_that_is_the_same_for_all(tmp_path: Path) -> None:
    columns, _effect = mailing(5_000, 4, differs=False, money=True)
    model = learn_effects(table(tmp_path, columns), ASKED, now=NOW).model
    card = model.uplift.cards["优惠券"]
    assert card.verdict == "unclear" and card.average.low < 8 < card.average.high  # .1 more buyers of 80 each
    assert model.card.positive is None and "next to nothing" in model.sentences("en")[0]


@pytest.mark.parametrize(("what", "asked", "says"), [
    ("plain", Asked("成交", "没有"), "has no column '没有'"), ("plain", Asked("成交", "成交"), "as the target and as the treatment"),
    ("plain", Asked("成交", "发了什么", control="邮件"), "never is '邮件'"), ("one", ASKED, "has 1 kinds"), ("names", ASKED, "no treatment"),
    ("few", ASKED, "at least 100 rows"), ("same", ASKED, "one value only"), ("dates", ASKED, "holds dates")])
def test_what_cannot_be_learned_is_said_in_one_line(what: str, asked: Asked, says: str, tmp_path: Path) -> None:
    columns, _effect = mailing(200 if what == "few" else 900, 5)
    given = columns["发了什么"]
    changed = {"one": ["无"] * len(given), "names": ["甲" if one == "无" else one for one in given],
               "dates": [f"2026-01-{1 + n % 28:02d}" for n in range(len(given))]}
    columns["发了什么"] = changed.get(what, given)
    columns["成交"] = ["是"] * len(given) if what == "same" else columns["成交"]
    with pytest.raises((DataError, ConfigError), match=says):
        learn_effects(table(tmp_path, columns), asked, now=NOW)


def test_the_command_from_mailing_to_scores_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns, _effect = mailing(1_500, 6)
    path, out = write_table(tmp_path / "mailing.csv", columns), tmp_path / "out"
    assert cli.run(["predict-table", str(path), "--target", "成交", "--treatment", "发了什么", "--out", str(out), "--row", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {file.name for file in out.iterdir()} == {"effects.json", "card.json", "report.html", "scores.csv"}
    one = told["explanation"]["优惠券"]
    assert one["base"] + sum(part["part"] for part in one["parts"]) == pytest.approx(one["effect"], abs=1e-6)
    assert set(told["card"]["verdicts"]) == {"优惠券", "电话"}
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page and "挑选对象值得吗" in page and "Does it pay to choose" in page
    assert (out / "scores.csv").read_text(encoding="utf-8").splitlines()[0] == '"row","effect_优惠券","effect_电话","best","part"'
    scores = tmp_path / "s.parquet"
    assert cli.run(["predict-table", str(path), "--model", str(out), "--scores", str(scores), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 1_500 and parquet.read_table(scores).num_rows == 1_500


@pytest.mark.parametrize(("words", "says"), [
    (["--control", "无"], "--control belongs to --treatment"), (["--treatment", "发了什么", "--trials", "3"], "--trials does not go with --treatment"),
    (["--treatment", "发了什么", "--group", "渠道"], "--group does not go with --treatment")])
def test_options_at_odds_are_refused(words: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                     capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    path = write_table(tmp_path / "mailing.csv", mailing(60, 7)[0])
    assert cli.run(["predict-table", str(path), "--target", "成交", *words]) == 1
    assert says in capsys.readouterr().err


def test_hillstroms_mailing_is_read_as_it_comes(shared_data: Path) -> None:
    """What came after the mail is left out by itself, and no mail is known by its name."""
    frame = read_frame(shared_data / "hillstrom_email" / "hillstrom.parquet")
    few = frame.take(np.arange(0, frame.rows, 12))
    card = learn_effects(few, Asked("visit", "segment"), now=NOW).model.card
    assert card.control == "No E-Mail" and not {"conversion", "spend"} & set(card.columns)
    assert {"recency", "history", "mens", "womens"} <= set(card.columns)
