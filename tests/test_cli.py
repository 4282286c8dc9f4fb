"""The command line as its user meets it: real processes, a model endpoint and a mail server on loopback."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from brandloom.deliver import LoopbackSmtp
from brandloom.engine import DuckEngine
from shop_world import EN, LAST_DAY, ZH, write_shop
from test_sources_parsing import BAD, zip_bomb

CACHE = tempfile.TemporaryDirectory(prefix="brandloom-cache-")
"""What these tests spend and keep is no part of this machine's own book and answers."""


class GoodEndpoint(BaseHTTPRequestHandler):
    """An OpenAI-compatible endpoint that always writes the same lawful copy."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        reply = {"id": "1", "object": "chat.completion", "created": 1, "model": asked["model"],
                 "choices": [{"index": 0, "finish_reason": "stop",
                              "message": {"role": "assistant", "content": self.write(asked)}}],
                 "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}
        body = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def write(self, asked: dict[str, Any]) -> str:
        chinese = any("\u4e00" <= letter <= "\u9fff" for letter in asked["messages"][0]["content"])
        return json.dumps(ZH if chinese else EN, ensure_ascii=False)

    def log_message(self, format: str, *args: object) -> None:
        return None


@contextmanager
def listening(handler: type[GoodEndpoint]) -> Iterator[str]:
    """Its address, while a server on loopback answers with `handler`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with listening(GoodEndpoint) as url:
        yield url


def run(*words: object, language: str = "en", **environment: str) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("BRANDLOOM_")}
    return subprocess.run([sys.executable, "-m", "brandloom.cli", *map(str, words)], capture_output=True, text=True, timeout=240,
                          env={**plain, "BRANDLOOM_CACHE": CACHE.name, "BRANDLOOM_LANGUAGE": language, "COLUMNS": "200", **environment})


def ok(*words: object, **environment: str) -> str:
    done = run(*words, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(*words: object, **environment: str) -> str:
    """Exit code 1, nothing on standard output, one line on standard error after what was finished."""
    done = run(*words, **environment)
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert not done.stdout
    said = [line for line in done.stderr.strip().splitlines() if ": done in " not in line]
    assert len(said) == 1, done.stderr
    return said[0]


def test_the_whole_loop_in_eight_commands(tmp_path: Path, endpoint: str) -> None:
    files, shop = write_shop(tmp_path), tmp_path / "shop"
    model = {"BRANDLOOM_MODEL_URL": endpoint, "BRANDLOOM_MODEL_NAME": "local", "BRANDLOOM_MODEL_KEY": "k"}
    assert json.loads(ok("init", shop, "--name", "Candle Shop", "--currency", "GBP", "--json")) == {"workspace": str(shop)}
    config = shop / "brandloom.toml"
    config.write_text(config.read_text(encoding="utf-8").replace('postal_address = ""', 'postal_address = "1 Wick Lane"').replace(
        'quiet_from = "21:00"', 'quiet_from = "00:00"').replace('quiet_until = "08:00"', 'quiet_until = "00:00"'), encoding="utf-8")
    tried = json.loads(ok("load", shop, files / "orders.csv", "--as", "orders", "--dry-run", "--json"))
    loaded = json.loads(ok("load", shop, files / "orders.csv", "--as", "orders", "--json"))
    assert (tried["rows_new"], tried["dry_run"]) == (loaded["rows_new"], True)
    assert json.loads(ok("load", shop, files / "orders.csv", "--as", "orders", "--json"))["rows_new"] == 0
    ok("load", shop, files / "customers.csv", "--as", "customers", "--map", "customer=Customer ID")
    assert json.loads(ok("learn", shop, "--as-of", "2024-06-01", "--json"))["as_of"] == "2024-06-01T00:00:00"
    tested = json.loads(ok("backtest", shop, "--cutoff", "2024-05-01", "--horizon", "30d", "--json", "-"))
    assert 0 < tested["capture"]["model"]["buyers"]["value"] <= 1
    plan = json.loads(ok("plan", shop, "--brief", files / "brief.yaml", "--json", **model))
    assert {one["source"] for one in plan["variants"]} == {"model"}
    shown = ok("preview", shop, plan["plan"])
    assert "Subject: " in shown
    assert "Why:" in shown
    assert json.loads(ok("preview", shop, plan["plan"], "--json"))["subject"] in shown
    assert "is not approved" in refused("launch", shop, plan["plan"], BRANDLOOM_SMTP_URL="smtp://127.0.0.1:9")
    ok("launch", shop, plan["plan"], "--dry-run")
    assert json.loads(ok("approve", shop, plan["plan"], "--by", "Ana", "--json"))["approved_by"] == "Ana"
    assert "BRANDLOOM_SMTP_URL" in refused("launch", shop, plan["plan"])
    with LoopbackSmtp() as server:
        sent = json.loads(ok("launch", shop, plan["plan"], "--json", BRANDLOOM_SMTP_URL=server.url))
        assert sent["sent"] == len(list(server.read_back())) > 20
    report = json.loads(ok("report", shop, plan["plan"], "--json"))
    assert report["delivery"]["sent"] == sent["sent"]
    ok("report", shop, plan["plan"], "--html", tmp_path / "report.html")
    assert "<html" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_examples_of_the_help_run_in_their_order(tmp_path: Path, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the help prints them, but for the plan's id, in a folder with the files they name."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(str(Path(place).resolve()) for place in sys.path if place))
    monkeypatch.chdir(tmp_path)
    write_shop(tmp_path)
    sheet = Workbook(write_only=True)
    rows = sheet.create_sheet()
    with (tmp_path / "orders.csv").open(encoding="utf-8", newline="") as file:
        head, *lines = csv.reader(file)
    place = head.index("Order Date")
    rows.append([{"Customer ID": "CustomerID"}.get(name, name) for name in head])
    for line in lines:  # the days that the examples speak of
        moment = datetime.fromisoformat(line[place]) - (LAST_DAY - datetime(2011, 12, 9))
        rows.append([*line[:place], moment, *line[place + 1:]])
    sheet.save(tmp_path / "orders.xlsx")
    model, plan = {"BRANDLOOM_MODEL_URL": endpoint, "BRANDLOOM_MODEL_NAME": "local"}, "3f2a9c"
    for verb in ("init", "load", "learn", "backtest", "plan", "preview", "approve", "launch", "report"):
        shown = " ".join(run(verb, "--help").stdout.replace("│", " ").split())
        found = re.search(rf"Example: (brandloom {verb} .*?) ╭", shown)
        assert found, shown
        said = ok(*(plan if word == "3f2a9c" else word for word in shlex.split(found[1])[1:]), **model)
        if verb == "init":
            config = tmp_path / "my-shop" / "brandloom.toml"
            config.write_text(config.read_text(encoding="utf-8").replace('postal_address = ""', 'postal_address = "1 Wick Lane"'), encoding="utf-8")
        elif verb == "load":
            ok("load", "my-shop", "customers.csv", "--as", "customers")
        elif verb == "plan":
            plan = said.partition("Plan ")[2].split()[0]
    assert list((tmp_path / "my-shop" / "dry-run").rglob("*.eml")) and (tmp_path / "report.html").exists()


def test_help_has_an_example_in_both_languages() -> None:
    from brandloom.cli import app, models_app
    for group, prefix in ((app, []), (models_app, ["models"])):
        for command in group.registered_commands:
            assert command.name
            for language, word in (("en", "Example"), ("zh", "示例")):
                assert word in run(*prefix, command.name, "--help", language=language).stdout


@pytest.mark.parametrize(("words", "says"), [
    (["lod"], "No such command 'lod'. Did you mean 'load'?"),
    (["init"], "Missing argument"),
    (["learn", "nowhere"], "is not a workspace"),
    (["learn", "nowhere", "--as-of", "9th of November"], "is not a workspace"),
    (["plan", "nowhere", "--brief", "x.yaml"], "is not a workspace"),
    (["models", "use", "gpt-9"], "Unknown model 'gpt-9'. Known models: qwen2.5-coder-1.5b"),
])
def test_a_mistake_is_one_clear_line(words: list[str], says: str, tmp_path: Path) -> None:
    assert says in refused(*words, BRANDLOOM_CACHE=str(tmp_path))


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loaded")
    write_shop(folder)
    for name in ("empty.csv", "broken.csv", "keys.csv", "wide.csv"):
        (folder / name).write_bytes(BAD[name][0])
    zip_bomb(folder / "bomb.xlsx")
    ok("init", folder / "shop")
    ok("load", folder / "shop", folder / "orders.csv", "--as", "orders")
    ok("load", folder / "shop", folder / "customers.csv", "--as", "customers")
    return folder


@pytest.mark.parametrize(("words", "says"), [
    (["load", "shop", "orders.csv", "--as", "invoices"], "Unknown kind 'invoices'. Known: "),
    (["load", "shop", "no.csv", "--as", "orders"], "no.csv"),
    (["load", "shop", "empty.csv", "--as", "orders"], "empty.csv is empty"),
    (["load", "shop", "broken.csv", "--as", "orders"], "Save it as CSV in UTF-8"),
    (["load", "shop", "keys.csv", "--as", "orders"], "--map customer=COLUMN"),
    (["load", "shop", "wide.csv", "--as", "orders"], "2,000 columns; at most 500"),
    (["load", "shop", "bomb.xlsx", "--as", "orders"], "zip bomb"),
    (["load", "shop", "orders.csv", "--as", "orders", "--map", "customer"], "--map customer is not NAME=COLUMN"),
    (["load", "shop", "orders.csv", "--as", "orders", "--map", "customer=Kunde"], "Kunde"),
    (["load", "shop", "orders.csv", "--as", "orders", "--date-order", "dym"], "dym"),
    (["learn", "shop", "--as-of", "9th of November"], "'9th of November' is not a date. Write it like 2011-11-09."),
    (["learn", "shop", "--horizon", "a month"], "'a month' is not a horizon"),
    (["backtest", "shop", "--cutoff", "2024-06-30"], "Use a cutoff of 2024-06-01 or earlier"),
    (["preview", "shop", "abc"], "There is no plan 'abc'"),
    (["plan", "shop", "--brief", "bad.yaml"], "unknown key 'ofer'; did you mean 'offer'?"),
    (["plan", "shop", "--brief", "brief.yaml", "--as-of", "2024-06-01"], "127.0.0.1:1"),
])
def test_bad_input_changes_nothing_and_says_what_to_do(loaded: Path, words: list[str], says: str) -> None:
    (loaded / "bad.yaml").write_text("name: x\nofer: {}\n", encoding="utf-8")
    paths = [loaded / word if word == "shop" or word.endswith((".csv", ".xlsx", ".yaml")) else word for word in words]
    before = kept(loaded / "shop")
    assert says in refused(*paths, BRANDLOOM_MODEL_URL="http://127.0.0.1:1/v1", BRANDLOOM_MODEL_NAME="none")
    assert kept(loaded / "shop") == before
    counts = json.loads(ok("load", loaded / "shop", loaded / "orders.csv", "--as", "orders", "--dry-run", "--json"))
    assert (counts["rows_new"], counts["rows_known"]) == (0, counts["rows_read"] - counts["rows_refused"])


def kept(shop: Path) -> dict[str, list[str]]:
    """Every row of the ledger, what the warehouse holds of loads and plans, and the reject files."""
    found = {"rejects": sorted(path.name for path in (shop / "rejects").glob("*"))}
    with closing(sqlite3.connect(shop / "ledger.sqlite")) as ledger:
        for (table,) in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            found[table] = sorted(map(str, ledger.execute(f'SELECT * FROM "{table}"')))
    warehouse = DuckEngine(shop / "warehouse.duckdb")
    for table in ("events", "customers", "products", "decisions", "messages"):
        found[f"warehouse: {table}"] = sorted(map(str, warehouse.query(f"SELECT * FROM {table}").to_pylist()))
    warehouse.close()
    return found


def test_errors_are_chinese_for_a_chinese_reader(loaded: Path) -> None:
    assert "不是日期" in refused("learn", loaded / "shop", "--as-of", "昨天", language="zh")
