"""`brandloom write` and `copy-tests learn` as their user meets them, with a model endpoint on loopback that behaves badly."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest

from brandloom import cli
from brandloom.content.studio import read_export
from brandloom.govern import Audit, is_genuine
from brandloom.govern.rows import reading, writing
from brandloom.ledger.database import open_ledger_at
from brandloom.ledger.schema import audit as audit_table
from brandloom.llm import Message, estimate
from brandloom.workspace import create_workspace
from brandloom.write_cli import readable
from llm_world import Endpoint, failed, said, serving, streamed

CUP = {"名称": "云杉保温杯", "材质": "316不锈钢", "容量": "500毫升", "颜色": "墨绿色", "价格": "129元"}
GOOD = "出门前灌满一杯热水，放进包里。云杉保温杯用316不锈钢做成，容量500毫升，墨绿色，129元。"
OTHER = "下雨的早上，车站的长椅上，打开杯盖喝一口。墨绿色的云杉保温杯，500毫升，316不锈钢，129元。"
FALSE = "全网最好的保温杯，央视推荐，限时五折，三天见效，人人都说好，快来买。"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving() as state:
        yield state


def reply(text: str, **values: Any) -> Any:
    return said(json.dumps({"text": text}, ensure_ascii=False), **values)


def brief(folder: Path, **changes: Any) -> Path:
    file = folder / "brief.json"
    file.write_text(json.dumps({"lang": "zh", "format": "product_description", "products": [CUP]} | changes, ensure_ascii=False), encoding="utf-8")
    return file


def environment(folder: Path, endpoint: Endpoint | None, **more: str) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("BRANDLOOM_") or name == "BRANDLOOM_OPENMP"}
    model = {} if endpoint is None else {"BRANDLOOM_MODEL_URL": endpoint.url, "BRANDLOOM_MODEL_NAME": "m1", "BRANDLOOM_MODEL_KEY": "k"}
    return {**plain, "BRANDLOOM_CACHE": str(folder / "cache"), "BRANDLOOM_LANGUAGE": "en", "COLUMNS": "200", **model, **more}


def run(folder: Path, endpoint: Endpoint | None, *words: object, **more: str) -> subprocess.CompletedProcess[str]:
    """A command in this process, with its own environment and folder."""
    output, errors = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as process, redirect_stdout(output), redirect_stderr(errors):
        process.chdir(folder)
        wanted = environment(folder, endpoint, **more)
        for name in set(os.environ) - set(wanted):
            process.delenv(name)
        for name, value in wanted.items():
            process.setenv(name, value)
        code = cli.run([str(word) for word in words])
    return subprocess.CompletedProcess("brandloom", code, output.getvalue(), errors.getvalue())


def written(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def line(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that says what is wrong."""
    assert done.returncode == 1, (done.stdout, done.stderr)
    (said_line,) = [one for one in done.stderr.strip().splitlines() if ": done in " not in one]
    return said_line


def kept(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Where each variant came from; nothing unchecked is among them."""
    result = written(done)
    assert not any(word in json.dumps([variant["parts"] for variant in result["variants"]], ensure_ascii=False)
                   for word in ("最好", "央视", "五折", "见效"))
    return [variant["source"] for variant in result["variants"]]


# --- bad input ---

@pytest.mark.parametrize(("changes", "says"), [
    ({"must_say": ["只要99元"]}, "brief.json: must_say '只要99元' is at odds with the facts"),
    ({"must_say": ["便宜好用"], "must_not_say": ["便宜"]}, "must_say '便宜好用' holds '便宜', which must not be said. Take one of them out."),
    ({"lang": "fr"}, "brief.json: lang must be one of en, zh; the checks know no other language."),
    ({"products": []}, "brief.json: nothing to write about. Give products, facts or both."),
    ({"formt": "sms"}, "brief.json: unknown key 'formt'. 'format'?"),
    ({"limits": {"text": [90, 20]}}, "limits: text cannot be between 90 and 20 long."),
])
def test_a_brief_that_cannot_be_met_asks_no_model(changes: dict[str, Any], says: str, tmp_path: Path, endpoint: Endpoint) -> None:
    endpoint.script = [reply(GOOD)]
    done = run(tmp_path, endpoint, "write", brief(tmp_path, **changes))
    assert says in line(done) and not done.stdout and not endpoint.asked


def test_a_product_with_a_name_only(tmp_path: Path, endpoint: Endpoint) -> None:
    """There is nothing to say of it, so nothing is invented: plain copy, or one line."""
    endpoint.script = [reply(FALSE)]
    done = run(tmp_path, endpoint, "write", brief(tmp_path, products=[{"名称": "云杉保温杯"}]), "-n", 2)
    if done.returncode:
        assert not done.stdout and line(done)
    else:
        assert kept(done) == ["plain"]


def test_a_record_of_two_hundred_fields(tmp_path: Path, endpoint: Endpoint) -> None:
    endpoint.script = [reply(GOOD)]
    record = {**CUP, **{f"字段{n}": f"内部数值{n}" for n in range(200)}}
    done = run(tmp_path, endpoint, "write", brief(tmp_path, products=[record]), "-n", 1)
    assert done.returncode == 0 and kept(done) == ["model"]
    prompt = json.dumps(endpoint.asked[0]["messages"], ensure_ascii=False)
    assert "316不锈钢" in prompt and prompt.count("内部数值") < 14, "the model is shown what copy speaks of"


def test_a_brief_from_a_pipe_and_one_that_is_not_there(tmp_path: Path) -> None:
    text = brief(tmp_path).read_text(encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "brandloom.cli", "write", "-", "--model", "none"], input=text, capture_output=True, text=True,
                          timeout=120, env=environment(tmp_path, None))
    assert kept(done) == ["plain"]
    assert "no.json is not there" in line(run(tmp_path, None, "write", "no.json", "--model", "none"))


# --- bad replies ---

@pytest.mark.parametrize("content", ["", "   ", "null", "[]", '{"text": ""}', '{"text": ', "我不能帮助您。", '{"text": "' + "好" * 5000 + '"}',
                                     '{"text": {"text": 3}}', json.dumps({"text": FALSE}, ensure_ascii=False)])
def test_no_reply_slips_out_unchecked(content: str, tmp_path: Path, endpoint: Endpoint) -> None:
    endpoint.script = [said(content)]
    done = run(tmp_path, endpoint, "write", brief(tmp_path), "-n", 1)
    if done.returncode:
        assert not done.stdout and "answered without any text" in line(done)
    else:
        assert kept(done) == ["plain"]


def test_an_endless_reply_is_left(tmp_path: Path, endpoint: Endpoint) -> None:
    """A body that never ends, though nobody asked for a stream."""
    endpoint.script = [(200, {"Content-Type": "application/json"}, repeat(b'{"choices": [' + b" " * 65536))]
    done = run(tmp_path, endpoint, "write", brief(tmp_path), "-n", 1)
    assert "broke off in the middle of its answer: more than" in line(done) and not done.stdout


def test_an_endpoint_that_dies_between_variants_keeps_what_was_written(tmp_path: Path, endpoint: Endpoint) -> None:
    endpoint.script = [reply(GOOD), failed(401, "key revoked")]
    done = run(tmp_path, endpoint, "write", brief(tmp_path), "-n", 3)
    if done.stdout:
        assert kept(done) == ["model", "plain"]
    assert "refused the API key" in line(done)


def test_an_endpoint_that_is_not_there(tmp_path: Path) -> None:
    done = run(tmp_path, None, "write", brief(tmp_path), BRANDLOOM_MODEL_URL="http://127.0.0.1:1/v1", BRANDLOOM_MODEL_NAME="m1")
    assert "127.0.0.1:1/v1 cannot be reached" in line(done) and not done.stdout


def test_a_spent_budget_keeps_what_was_written(tmp_path: Path, endpoint: Endpoint) -> None:
    body = {"choices": [{"message": {"content": json.dumps({"text": GOOD}, ensure_ascii=False)}}],
            "usage": {"prompt_tokens": 4900, "completion_tokens": 50}}
    endpoint.script = [(200, {}, json.dumps(body).encode())]
    done = run(tmp_path, endpoint, "write", brief(tmp_path), "-n", 3, BRANDLOOM_MODEL_BUDGET_TOKENS="5000")
    assert "Today's budget for models has no room for this request: 4,950 of 5,000 tokens are spent" in line(done)
    assert kept(done) == ["model", "plain"] and len(endpoint.asked) == 1
    again = run(tmp_path, endpoint, "write", brief(tmp_path, persona="x"), BRANDLOOM_MODEL_BUDGET_TOKENS="5000")
    assert "Today's budget" in line(again) and not again.stdout


def test_paid_work_is_not_lost_where_it_cannot_be_written(tmp_path: Path, endpoint: Endpoint) -> None:
    endpoint.script = [reply(GOOD)]
    assert "There is no folder nowhere for --out" in line(run(tmp_path, endpoint, "write", brief(tmp_path), "--out", "nowhere/copy.json"))
    assert "copy.docx: copy is written and read as .json" in line(run(tmp_path, endpoint, "write", brief(tmp_path), "--out", "copy.docx"))
    assert not endpoint.asked, "what is wrong with the target is said before anything is paid"
    done = run(tmp_path, endpoint, "write", brief(tmp_path), "-n", 1, "--format", "json", "--out", "/dev/full")
    assert "The result is on standard output instead" in line(done) and kept(done) == ["model"]


# --- a person stops it, and watches it ---

def at_terminal(folder: Path, endpoint: Endpoint, *words: object, stop: int = 0) -> tuple[int, str, str]:
    """Exit code, standard output, and what stood on the terminal; with `stop` Ctrl-C comes after so many requests."""
    outside, inside = pty.openpty()
    with subprocess.Popen([sys.executable, "-m", "brandloom.cli", *map(str, words)], stdout=subprocess.PIPE, stderr=inside, cwd=folder,
                          env={**environment(folder, endpoint), "TERM": "xterm"}) as process:
        os.close(inside)
        seen, deadline = b"", time.monotonic() + 120
        while time.monotonic() < deadline:
            if select.select([outside], [], [], 0.05)[0]:
                try:
                    seen += os.read(outside, 65536)
                except OSError:
                    break
            if stop and len(endpoint.asked) >= stop and process.poll() is None:
                process.send_signal(signal.SIGINT)
                stop = 0
        assert process.stdout is not None
        output = process.stdout.read().decode()
        code = process.wait(30)
    os.close(outside)
    return code, output, seen.decode(errors="replace")


def test_ctrl_c_keeps_what_was_written(tmp_path: Path, endpoint: Endpoint) -> None:
    endpoint.script = [streamed([json.dumps({"text": GOOD}, ensure_ascii=False)]), None]
    code, output, seen = at_terminal(tmp_path, endpoint, "write", brief(tmp_path), "-n", 3, stop=2)
    assert code == 130 and "What was finished is kept" in seen
    result = json.loads(output)
    assert [variant["source"] for variant in result["variants"]] == ["model"] and result["stopped"]
    assert result["cost"]["spent"]["calls"] == 2, "the one that was stopped may have to be paid"


def test_ctrl_c_before_anything_passed_writes_nothing(tmp_path: Path, endpoint: Endpoint) -> None:
    endpoint.script = [None]
    code, output, _seen = at_terminal(tmp_path, endpoint, "write", brief(tmp_path), stop=1)
    assert (code, output) == (130, "")


def test_a_person_sees_the_draft_come_and_what_it_costs(tmp_path: Path, endpoint: Endpoint) -> None:
    pieces = ['{"te', 'xt": "', GOOD[:14], "\x1b]0;owned\x07\x1b[31m", GOOD[14:], '"}']
    endpoint.script = [streamed([*pieces[:3], *pieces[4:]])]
    code, output, seen = at_terminal(tmp_path, endpoint, "write", brief(tmp_path), "-n", 1)
    assert code == 0 and endpoint.asked[0]["stream"] is True
    assert "At most 3 requests and" in seen and "1 requests made, 0 answered from the cache: 10 tokens" in seen
    assert json.loads(output)["variants"][0]["source"] == "model"


def test_a_stream_that_dies_keeps_what_was_written(tmp_path: Path, endpoint: Endpoint) -> None:
    endpoint.script = [streamed([json.dumps({"text": GOOD}, ensure_ascii=False)]), streamed(['{"text": "最好的'], end=())]
    code, output, seen = at_terminal(tmp_path, endpoint, "write", brief(tmp_path), "-n", 3)
    assert code == 1 and "broke off in the middle of its answer" in seen.replace("\r\n", " ")
    result = json.loads(output)
    assert [variant["source"] for variant in result["variants"]] == ["model", "plain"] and "最好" not in json.dumps(result["variants"][0]["parts"])


def test_the_tail_of_a_draft_holds_nothing_a_terminal_obeys() -> None:
    assert readable('{"text": "hot\\n tea\x1b[31m\x07\x00').split() == ["text", ":", "hot", "tea", "31m"]
    assert readable("热茶\u202e\u200b") == "热茶"


# --- files with their marks, records, scorers ---

@pytest.mark.parametrize("name", ["copy.json", "copy.md", "copy.html", "copy.csv", "copy.txt"])
def test_files_carry_the_marks_of_the_workspace_and_the_chain_knows_them(name: str, tmp_path: Path, endpoint: Endpoint) -> None:
    shop = create_workspace(tmp_path / "shop")
    endpoint.script = [reply(GOOD), reply(OTHER)]
    done = run(tmp_path, endpoint, "write", brief(tmp_path), "-n", 2, "--workspace", "shop", "--by", "Ana", "--out", name)
    assert done.returncode == 0 and not done.stdout, done.stderr
    found = read_export((tmp_path / name).read_text(encoding="utf-8"), name.split(".")[1])  # type: ignore[arg-type]
    assert len(found) == 2
    ledger = open_ledger_at(shop.ledger_url)
    assert Audit(ledger, shop.derive_key("audit")).verify() is None
    with reading(ledger) as connection:
        rows = [row for row in connection.execute(audit_table.select()) if row.action == "copy.generated"]
    ledger.close()
    for piece in found:
        assert piece.mark is not None and piece.mark.visible == "AI生成"
        assert is_genuine(piece.mark.label, piece.text, key=shop.derive_key("label"))
    assert {row.subject for row in rows} == {piece.mark.label.produce_id for piece in found if piece.mark}
    assert {row.actor for row in rows} == {"Ana"} and json.loads(rows[0].detail)["model"] == "m1-2026"


def wording_tests(file: Path, *, count: int = 60) -> Path:
    """Tests in which the text with a number in it is clicked twice as often."""
    rows = ["test,text,impressions,clicks"]
    for number in range(count):
        thing = ["cups", "lamps", "chairs", "books", "plants", "shoes"][number % 6]
        rows += [f"{number},{3 + number % 9} ways to love your {thing} {number},4000,160", f"{number},Why people love their {thing} {number},4000,80"]
    file.write_text("\n".join(rows), encoding="utf-8")
    return file


def test_a_scorer_is_learned_says_how_good_it_is_and_ranks(tmp_path: Path) -> None:
    wording_tests(tmp_path / "tests.csv")
    done = run(tmp_path, None, "copy-tests", "learn", "tests.csv", "--out", "scorer")
    assert done.returncode == 0, done.stderr
    assert "Winners picked in tests not learned from" in done.stdout and "a coin picks 50 %" in done.stdout and "It knows nothing" not in done.stdout
    kettle = {"name": "Aurora Kettle", "capacity": "1.2 l", "material": "steel", "colour": "matte black", "price": "49 GBP"}
    english = written(run(tmp_path, None, "write", brief(tmp_path, lang="en", products=[kettle]), "--model", "none", "--scorer", "scorer"))
    assert english["unscored"] or english["variants"][0]["predicted"]["deviation"] > 0
    chinese = run(tmp_path, None, "write", brief(tmp_path), "--model", "none", "--scorer", "scorer")
    assert written(chinese)["unscored"] == "unknown_language" and "did not rank them: No test had copy in this language." in chinese.stderr


def headline_tests(file: Path) -> None:
    """Five tests of texts of the kind that the shipped scorer knows."""
    rows = [f'{number},"{lead} the people left {thing} after the war, and what they should know",4000,{clicks}'
            for number, thing in enumerate(("the town", "a small school", "the old bridge", "her garden", "that river"))
            for lead, clicks in (("Why", 160), ("How", 80))]
    file.write_text("\n".join(["test,text,impressions,clicks", *rows]), encoding="utf-8")


def test_a_few_tests_begin_from_the_shipped_scorer_or_know_nothing(tmp_path: Path) -> None:
    headline_tests(tmp_path / "few.csv")
    begun = run(tmp_path, None, "copy-tests", "learn", "few.csv", "--out", "begun")
    assert begun.returncode == 0 and "Began from" in begun.stdout and "It knows nothing" not in begun.stdout, begun.stderr
    done = run(tmp_path, None, "copy-tests", "learn", "few.csv", "--alone", "--out", "scorer")
    assert done.returncode == 0 and "It knows nothing" in done.stdout and "too few tests" in done.stdout and "Began from" not in done.stdout
    card = json.loads(run(tmp_path, None, "copy-tests", "learn", "few.csv", "--alone", "--out", "scorer", "--json").stdout)
    assert (card["tests"], card["reason"], card["accuracy"], card["before"]) == (5, "too_few_tests", None, None)
    used = run(tmp_path, None, "write", brief(tmp_path), "--model", "none", "--scorer", "scorer")
    assert written(used)["unscored"] == "too_few_tests" and "did not rank them" in used.stderr


def test_without_a_scorer_of_its_own_a_workspace_writes_with_the_shipped_one(tmp_path: Path) -> None:
    shop = create_workspace(tmp_path / "shop")
    done = run(tmp_path, None, "write", brief(tmp_path), "--model", "none", "--workspace", "shop")
    assert written(done)["scorer"] == "headlines 1" and written(done)["unscored"] == "unknown_language" and "did not rank" not in done.stderr
    headline_tests(tmp_path / "few.csv")
    run(tmp_path, None, "copy-tests", "learn", "few.csv", "--out", str(shop.models / "copy-tests"))
    assert written(run(tmp_path, None, "write", brief(tmp_path), "--model", "none", "--workspace", "shop"))["scorer"] == "own"


@pytest.mark.parametrize(("content", "words", "says"), [
    ("id,text,impressions,clicks\n1,a,1,1\n", [], "t.csv: no column says the test of each text. Name it with --map test=COLUMN; there are id"),
    ("test,text,impressions,clicks\n1,a,10,2\n1,b,10,20\n", [], "Row 2 of the tests cannot be used"),
    ("test,text,impressions,clicks\n1,a,10,few\n", [], "Row 1 of the tests cannot be used"),
    ("test,text,impressions,clicks\n1,a,10,2,5\n", [], "t.csv, line 2: the record does not fit the columns"),
    ("test,text,impressions,clicks\n1,a,10,2\n", ["--map", "text=Titel"], "t.csv has no column 'Titel' for text"),
    ("test,text,impressions,clicks\n1,a,10,2\n", ["--map", "titel=text"], "tests have no 'titel'"),
    ("test,text,impressions,clicks\n1,a,10,2\n", ["--map", "text"], "--map text is not NAME=COLUMN"),
    ("", [], "t.csv is empty"),
])
def test_tests_that_cannot_be_read_are_one_line(content: str, words: list[str], says: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(content, encoding="utf-8")
    assert says in line(run(tmp_path, None, "copy-tests", "learn", "t.csv", "--out", "scorer", *words))


def test_a_scorer_that_is_not_there(tmp_path: Path) -> None:
    assert "No response scorer in scorer" in line(run(tmp_path, None, "write", brief(tmp_path), "--model", "none", "--scorer", "scorer"))


# --- what it costs ---

def test_what_models_have_cost_is_shown_per_day_model_and_task(tmp_path: Path, endpoint: Endpoint) -> None:
    assert "No model was asked in these days." in run(tmp_path, None, "models", "spend").stdout
    endpoint.script = [reply(GOOD)]
    price = {"BRANDLOOM_MODEL_PRICE_IN": "2", "BRANDLOOM_MODEL_PRICE_OUT": "10", "BRANDLOOM_MODEL_CURRENCY": "CNY"}
    first, second = (written(run(tmp_path, endpoint, "write", brief(tmp_path), "-n", 1, **price))["cost"] for _time in range(2))
    assert first["spent"] == {"calls": 1, "cached": 0, "prompt_tokens": 7, "completion_tokens": 3, "money": "0.000044", "currency": "CNY"}
    assert float(first["most"]["money"]) > 0.01 and first["most"]["completion_tokens"] == 3 * endpoint.asked[0]["max_tokens"]
    assert second["spent"]["calls"] == 0 and second["spent"]["cached"] == 1, "the same brief again is answered from the cache"
    (told,) = json.loads(run(tmp_path, None, "models", "spend", "--json").stdout)
    assert {name: told[name] for name in ("model", "task", "calls", "cached", "money", "currency", "pending")} == {
        "model": "m1", "task": "draft", "calls": 1, "cached": 1, "money": "0.000044", "currency": "CNY", "pending": 0}
    assert "0.0000 CNY" in run(tmp_path, None, "models", "spend", "--days", 1).stdout


def test_the_estimate_is_never_below_what_is_spent(tmp_path: Path, endpoint: Endpoint) -> None:
    """Every try fails, so every request is made, and each prompt is as long as it gets."""
    endpoint.script = [said(json.dumps({"text": FALSE}, ensure_ascii=False))]
    done = run(tmp_path, endpoint, "write", brief(tmp_path, persona="上班族" * 40), "-n", 3)
    cost = written(done)["cost"]
    assert len(endpoint.asked) == 9 == cost["spent"]["calls"]
    real = sum(estimate([Message(one["role"], one["content"]) for one in asked["messages"]], asked["max_tokens"],
                        schema=asked["response_format"]["json_schema"]["schema"]).prompt_tokens for asked in endpoint.asked)
    assert real <= cost["most"]["prompt_tokens"]
    assert cost["most"]["completion_tokens"] == sum(asked["max_tokens"] for asked in endpoint.asked)
    few = written(run(tmp_path, endpoint, "write", brief(tmp_path), "-n", 3, "--max-calls", 2, BRANDLOOM_MODEL_CACHE_MB="0"))["cost"]
    assert few["spent"]["calls"] == 2 and few["most"]["completion_tokens"] == 2 * endpoint.asked[-1]["max_tokens"]


# --- reading the marks back ---

def sealed(folder: Path, endpoint: Endpoint, name: str) -> Path:
    create_workspace(folder / "shop")
    endpoint.script = [reply(GOOD)]
    done = run(folder, endpoint, "write", brief(folder), "-n", 1, "--workspace", "shop", "--out", name)
    assert done.returncode == 0, done.stderr
    return folder / name


@pytest.mark.parametrize("name", ["copy.json", "copy.md", "copy.html", "copy.csv", "copy.txt"])
def test_the_marks_of_a_file_are_proven_or_not(name: str, tmp_path: Path, endpoint: Endpoint) -> None:
    file = sealed(tmp_path, endpoint, name)
    (whole,) = json.loads(run(tmp_path, None, "check-label", name, "--workspace", "shop", "--json").stdout)
    assert (whole["seal"], whole["recorded"], whole["visible"], whole["producer"]) == ("genuine", True, "AI生成", "My shop")
    (alone,) = json.loads(run(tmp_path, None, "check-label", name, "--json").stdout)
    assert (alone["seal"], alone["recorded"]) == ("unknown", None)
    file.write_text(file.read_text(encoding="utf-8").replace("129元", "99元"), encoding="utf-8", newline="")
    done = run(tmp_path, None, "check-label", name, "--workspace", "shop", "--json")
    (changed,) = json.loads(done.stdout)
    assert (changed["seal"], changed["recorded"]) == ("changed", False) and "was changed" in line(done)


def test_another_workspace_and_a_broken_chain_prove_nothing(tmp_path: Path, endpoint: Endpoint) -> None:
    sealed(tmp_path, endpoint, "copy.md")
    create_workspace(tmp_path / "other")
    done = run(tmp_path, None, "check-label", "copy.md", "--workspace", "other")
    assert "another workspace made it" in line(done) and "changed, or sealed by another" in done.stdout
    ledger = open_ledger_at(f"sqlite:///{tmp_path / 'shop' / 'ledger.sqlite'}")
    with writing(ledger) as connection:
        connection.execute(audit_table.update().where(audit_table.c.seq == 1).values(actor="Eve"))
    ledger.close()
    assert "is broken at record 1" in line(run(tmp_path, None, "check-label", "copy.md", "--workspace", "shop"))


def test_copy_without_a_workspace_or_a_model(tmp_path: Path, endpoint: Endpoint) -> None:
    endpoint.script = [reply(GOOD), reply(FALSE)]
    run(tmp_path, endpoint, "write", brief(tmp_path), "-n", 2, "--out", "copy.csv")
    rows = json.loads(run(tmp_path, None, "check-label", "copy.csv", "--json").stdout)
    assert [(row["seal"], row["producer"]) for row in rows] == [("unchanged", "brandloom"), ("none", "")]
    (tmp_path / "notes.md").write_text("# Notes", encoding="utf-8")
    assert "This is no file of copy as `brandloom write` makes it (md)" in line(run(tmp_path, None, "check-label", "notes.md"))
