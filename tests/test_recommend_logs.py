"""Recommending from any log: what is never broken, whatever the log; and that it finds what a made shop makes people take next."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pv
import pyarrow.parquet as pq
import pytest

from brandloom import cli
from brandloom.errors import DataError, NotFittedError
from brandloom.i18n import using
from brandloom.recommend.logs import LogRecommender, describe, fit_log, load, log_of, read_file, read_log, save
from brandloom.recommend.logs.candidates import find
from brandloom.recommend.logs.links import find_links
from brandloom.recommend.logs.log import MOST_LINES

SERIES, PARTS = 60, 6  # product s07p3 is the fourth part of series 7


def people(n: int = 900, *, seed: int = 0) -> pa.Table:
    """Everybody goes through two series side by side, a step now and then left out, with some noise; shuffled rows."""
    rng = np.random.default_rng(seed)
    rows = []
    for person in range(n):
        one, other = rng.permutation(SERIES)[:2]
        path = [f"s{one:02d}p{part}" for part in range(PARTS)], [f"s{other:02d}p{part}" for part in range(PARTS)]
        taken = [path[(step + person) % 2][step // 2] for step in range(int(rng.integers(4, 2 * PARTS))) if rng.random() > 0.1]
        taken += [f"s{rng.integers(SERIES):02d}p0"] * int(rng.random() < 0.2)
        rows += [(f"person {person:04d}", item, place) for place, item in enumerate(dict.fromkeys(taken))]
    order = rng.permutation(len(rows))
    return pa.table({"who": [rows[at][0] for at in order], "what": [rows[at][1] for at in order], "place": [rows[at][2] for at in order]})


def catalogue() -> pa.Table:
    words = ["lantern", "teapot", "scarf", "puzzle", "notebook", "candle", "kite", "mug", "blanket", "clock"]
    return pa.table({"what": [f"s{series:02d}p{part}" for series in range(SERIES) for part in range(PARTS)],
                     "name": [f"{words[series % 10]} series{chr(97 + series // 26)}{chr(97 + series % 26)} volume" for series in range(SERIES) for _ in range(PARTS)]})


@pytest.fixture(scope="module")
def model() -> LogRecommender:
    log = read_log(people(), person="who", product="what", order="place")
    return fit_log(log, described=describe(catalogue(), product="what", columns=["name"], products=log.products))


def lists(model: LogRecommender, table: pa.Table, k: int = 5, **options: object) -> dict[str, list[str]]:
    log = read_log(table, person="who", product="what", order="place", only=model.products)
    person, _rank, code, _score = model.best(log, k, **options)  # type: ignore[arg-type]
    found: dict[str, list[str]] = {one: [] for one in log.people.to_pylist()}
    for who, what in zip(person, code, strict=True):
        found[log.people[int(who)].as_py()].append(model.products[int(what)].as_py())
    return found


def test_the_next_part_is_found_and_the_trees_were_worth_it(model: LogRecommender) -> None:
    table = people(200, seed=9)
    log = read_log(table, person="who", product="what", order="place", only=model.products)
    before, after = log.where(log.steps > 0), log.where(log.steps == 0)
    person, _rank, code, _score = model.best(before, 10)
    hits = float((code == after.codes[person]).sum()) / len(log.people)
    assert hits > 0.75
    assert model.card.ranked and model.card.ndcg["trees"] > model.card.ndcg["sieve"] > 0
    assert model.card.ndcg["trees"] >= max(value for name, value in model.card.ndcg.items() if name != "trees")


def test_nobody_is_shown_what_they_have_where_nothing_is_taken_twice(model: LogRecommender) -> None:
    table = people(100, seed=3)
    had: dict[str, set[str]] = {}
    for who, what in zip(table["who"].to_pylist(), table["what"].to_pylist(), strict=True):
        had.setdefault(who, set()).add(what)
    found = lists(model, table)
    assert not model.card.again and all(len(items) == 5 for items in found.values())
    assert not any(had[who] & set(items) for who, items in found.items())


def test_what_is_not_allowed_is_never_shown(model: LogRecommender) -> None:
    allowed = np.arange(len(model.products)) % 2 == 0
    codes = {name: at for at, name in enumerate(model.products.to_pylist())}
    found = lists(model, people(50, seed=4), allowed=allowed)
    assert all(allowed[codes[item]] for items in found.values() for item in items) and all(found.values())


def test_all_at_once_is_the_same_as_one_by_one_and_in_any_order(model: LogRecommender) -> None:
    table = people(40, seed=5)
    together = lists(model, table)
    shuffled = lists(model, table.take(pa.array(np.random.default_rng(1).permutation(table.num_rows))))
    alone = {}
    for who in sorted(together):
        alone |= lists(model, table.filter(pa.compute.equal(table["who"], who)))
    assert together == shuffled == alone


def test_learning_does_not_depend_on_the_order_of_rows() -> None:
    table = people(300)
    turned = table.take(pa.array(np.arange(table.num_rows)[::-1]))
    one, other = (fit_log(read_log(each, person="who", product="what", order="place")) for each in (table, turned))
    assert one.card == other.card and lists(one, table) == lists(other, table)


def test_what_is_kept_answers_the_same(model: LogRecommender, tmp_path: Path) -> None:
    save(model, tmp_path / "kept")
    again = load(tmp_path / "kept")
    table = people(40, seed=6)
    assert lists(again, table) == lists(model, table) and again.card == model.card
    with pytest.raises(NotFittedError, match="No recommender in"):
        load(tmp_path / "nothing")
    (tmp_path / "kept" / "evidence.npz").write_bytes(b"no arrays")
    with pytest.raises(DataError, match="damaged"):
        load(tmp_path / "kept")


def test_a_session_of_clicks_is_enough_and_unknown_ids_are_named(model: LogRecommender) -> None:
    session, unknown = log_of(model.products, [["s07p0", "nowhere", "s07p1"], []])
    person, _rank, code, _score = model.best(session, 3)
    first = [model.products[int(what)].as_py() for what in code[person == 0]]
    assert unknown == ("nowhere",) and first[0] == "s07p2"
    counts = model.evidence.popular[0]
    assert set(code[person == 1].tolist()) <= set(np.argsort(-counts, kind="stable")[:40].tolist()) and (person == 1).sum() == 3


def test_a_reason_adds_up_and_names_what_was_taken(model: LogRecommender) -> None:
    session, _unknown = log_of(model.products, [["s07p0", "s20p0", "s07p1"]])
    why = model.explain(session, "s07p2")
    assert why is not None and why.kind in ("follows", "alike", "told") and why.because in ("s07p0", "s07p1")
    assert abs(why.base + sum(why.parts.values()) - why.score) < 1e-6
    assert model.explain(session, "s07p0") is None
    with pytest.raises(DataError, match="No product 'nowhere'"):
        model.explain(session, "nowhere")


def test_what_nobody_took_is_found_by_its_description() -> None:
    table = people(400)
    hidden = "s07p5"
    table = table.filter(pa.compute.not_equal(table["what"], hidden))
    log = read_log(table, person="who", product="what", order="place", products=catalogue()["what"].combine_chunks())
    described = describe(catalogue(), product="what", columns=["name"], products=log.products)
    found = fit_log(log, described=described)
    session, _unknown = log_of(log.products, [["s07p0", "s07p1", "s07p2", "s07p3", "s07p4"]])
    code = find(found.evidence, found.sieve, session).code
    assert found.code_of(hidden) in code
    assert hidden in [product for product, _near in found.similar("s07p4", 10)]
    blind = fit_log(log)
    assert found.code_of(hidden) not in find(blind.evidence, blind.sieve, session).code


def test_similar_complementary_arranged_and_who_wants_it(model: LogRecommender) -> None:
    assert all(product.startswith("s07") for product, _near in model.similar("s07p2", 3))
    follows = [product for product, _near in model.complements("s07p2", 5)]
    assert follows and not any(product.startswith("s07") for product in follows)  # the same series is the same thing by its name
    session, _unknown = log_of(model.products, [["s07p0", "s07p1"]])
    assert model.arrange(session, ["s55p3", "s07p2", "s30p1"])[0] == "s07p2"
    sessions, _unknown = log_of(model.products, [["s30p0"], ["s07p0", "s07p1"], ["s11p4"]])
    assert model.who_wants(sessions, "s07p2", 1)[0][0] == "1"


def test_machines_do_not_outvote_people() -> None:
    table = people(300)
    rng = np.random.default_rng(2)
    robot = pa.table({"who": ["robot"] * 200_000, "what": [f"s{a:02d}p{b}" for a, b in zip(rng.integers(0, SERIES, 200_000), rng.integers(0, PARTS, 200_000), strict=True)],
                      "place": np.arange(200_000)})
    log = read_log(pa.concat_tables([table, robot]), person="who", product="what", order="place")
    assert log.crowded == ("robot",) and int(np.diff(log.starts).max()) == MOST_LINES
    with_robot, without = fit_log(log), fit_log(read_log(table, person="who", product="what", order="place"))
    assert with_robot.card.crowded == ("robot",)
    test = people(100, seed=8)
    tell = lambda model: np.mean([len(set(items) & set(lists(without, test)[who])) for who, items in lists(model, test).items()])  # noqa: E731
    assert tell(with_robot) > 3  # of five


def test_habits_are_learned_where_things_are_taken_again() -> None:
    rng = np.random.default_rng(0)
    start, rows = datetime(2024, 1, 1), []
    for person in range(500):
        staple, every = f"staple {rng.integers(20):02d}", int(rng.integers(20, 40))
        for visit in range(0, 240, every):
            day = start + timedelta(days=visit)
            rows += [(f"p{person:03d}", staple, day), (f"p{person:03d}", f"other {rng.integers(200):03d}", day)]
    table = pa.table({"who": [row[0] for row in rows], "what": [row[1] for row in rows], "place": [row[2] for row in rows]})
    model = fit_log(read_log(table, person="who", product="what", order="place"), horizon=30.0)
    assert model.card.again
    log = read_log(table, person="who", product="what", order="place")
    person, rank, code, _score = model.best(log, 3)
    first = {int(who): model.products[int(what)].as_py() for who, place, what in zip(person, rank, code, strict=True) if place == 1}
    assert np.mean([name.startswith("staple") for name in first.values()]) > 0.95
    why = model.explain(log, first[0])
    assert why is not None and why.kind == "again" and why.because == first[0]


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_tiny_logs_answer_or_say_why(rows: int) -> None:
    table = pa.table({"who": ["a", "a", "b"][:rows], "what": ["x", "y", "x"][:rows], "place": [1, 2, 1][:rows]})
    log = read_log(table, person="who", product="what", order="place")
    if rows == 1:
        with pytest.raises(NotFittedError, match="fewer than two lines"):
            fit_log(log)
        return
    model = fit_log(log)
    assert not model.card.ranked
    person, _rank, code, _score = model.best(log, 5)
    shown = [(log.people[int(who)].as_py(), model.products[int(what)].as_py()) for who, what in zip(person, code, strict=True)]
    assert shown == ([] if rows == 2 else [("b", "y")])


def test_one_product_and_duplicates() -> None:
    table = pa.table({"who": ["a", "a", "b", "b"], "what": ["x"] * 4, "place": [1, 1, 1, 2]})
    log = read_log(table, person="who", product="what", order="place")
    assert len(log.codes) == 3
    assert len(fit_log(log, again=False).best(log, 5)[0]) == 0


def test_bad_tables_are_refused_in_one_line() -> None:
    table = pa.table({"who": ["a"], "what": ["x"], "place": ["first"]})
    with pytest.raises(DataError, match="No column 'when'"):
        read_log(table, person="who", product="what", order="when")
    with pytest.raises(DataError, match="is text"):
        read_log(table, person="who", product="what", order="place")
    with pytest.raises(DataError, match="No row has all of"):
        read_log(pa.table({"who": pa.array([None], pa.string()), "what": ["x"]}), person="who", product="what")
    with pytest.raises(DataError, match="No column 'title'"):
        describe(table, product="what", columns=["title"], products=pa.array(["x"]))


def test_links_of_visits_count_what_follows_and_not_what_lies_beside() -> None:
    table = pa.table({"who": ["a"] * 3, "what": ["x", "y", "z"], "place": [1, 1, 2]})
    log = read_log(table, person="who", product="what", order="place")
    follows = find_links(log)["follows"].toarray()
    assert follows[0, 1] == follows[1, 0] == 0 and follows[0, 2] == follows[1, 2] > 0 and follows[2].sum() == 0
    assert find_links(log)["alike"].toarray()[0, 1] > 0


def run(*arguments: str) -> dict[str, Any]:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = cli.run([*arguments, "--json"])
    assert code == 0, said.getvalue()
    found: dict[str, Any] = json.loads(said.getvalue())
    return found


def test_the_command_learns_writes_and_answers_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, kept = people(250), tmp_path / "kept"
    pv.write_csv(table, tmp_path / "log.csv")
    pv.write_csv(catalogue(), tmp_path / "items.csv")
    log = [str(tmp_path / "log.csv"), "--user", "who", "--item", "what", "--order", "place"]
    found = run("recommend-table", *log, "--items", str(tmp_path / "items.csv"), "--describe", "name", "--out", str(kept), "-k", "3",
                "--session", "s07p0,nowhere,s07p1")
    assert found["recommended"][0]["product"] == "s07p2" and found["unknown"] == ["nowhere"]
    with (kept / "recommendations.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 750 and {row["person"] for row in rows} == set(table["who"].to_pylist())
    again = run("recommend-table", *log, "--model", str(kept), "--session", "s07p0,s07p1", "-k", "3", "--exclude", "s07p2")
    assert "s07p2" not in [row["product"] for row in again["recommended"]]
    one = run("recommend-table", *log, "--model", str(kept), "--person", "person 0003", "-k", "3")
    assert [row["product"] for row in one["recommended"]] == [row["product"] for row in rows if row["person"] == "person 0003"]
    capsys.readouterr()
    with using("zh"):
        assert cli.run(["recommend-table", *log, "--model", str(kept), "--session", "s07p0,s07p1"]) == 0
    assert "此人选过的某件商品" in capsys.readouterr().out


@pytest.mark.parametrize(("extra", "said"), [
    (["--order", "when"], "has no column 'when'"), (["--order", "what"], "neither a number nor a time"),
    (["--session", "a", "--person", "b"], "not both"), (["--describe", "name"], "--items"), (["--days", "3"], "--order"),
    (["--order", "place", "--days", "3"], "dates or times"), (["--model", "nothing", "--days", "3", "--order", "place"], "with --model"),
    (["--model", "nothing"], "No recommender in"), (["--exclude", "nowhere"], "No product 'nowhere'"), (["--person", "nobody"], "--session"),
])
def test_the_command_says_in_one_line_what_is_wrong(extra: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    pv.write_csv(people(12), tmp_path / "log.csv")
    assert cli.run(["recommend-table", str(tmp_path / "log.csv"), "--user", "who", "--item", "what", *extra]) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert said in error


def test_times_and_lists_are_read_from_files(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("who,what,when\n007,x,2024-01-02 10:00\n007,y,2024-01-03\n,z,2024-01-03\n", encoding="utf-8")
    log = read_log(read_file(tmp_path / "log.csv", ["who", "what"], order="when"), person="who", product="what", order="when")
    assert log.people.to_pylist() == ["007"] and log.clock and len(log.codes) == 2
    pq.write_table(pa.table({"what": ["x", "y", "z"], "kinds": [[1, 2], [1, 2], [3]]}), tmp_path / "items.parquet")
    described = describe(read_file(tmp_path / "items.parquet", ["what", "kinds"]), product="what", columns=["kinds"], products=pa.array(["x", "y", "z"]))
    assert (described @ described.T).toarray().round(3).tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
