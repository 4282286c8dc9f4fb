"""The documentation is true: commands exist, the README's Python runs, links lead somewhere, generated parts are current."""

from __future__ import annotations

import ast
import csv
import doctest
import importlib
import importlib.util
import inspect
import json
import os
import pkgutil
import re
import shlex
import subprocess
import sys
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

import brandloom
from brandloom.content import Brief
from brandloom.engine import DuckEngine, ensure_tables, tables
from brandloom.llm import ScriptedTextModel, default_name
from brandloom.llm.weights import registry
from brandloom.measure import capture, hit_rate, holdout_readout, simulate_response, to_json
from measure_sample import sample
from test_measure import AS_OF, _plan, _put, _recommend

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
READMES = (ROOT / "README.md", ROOT / "README.zh.md")
PAGES = sorted([*READMES, ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", ROOT / "benchmarks" / "RESULTS.md", *DOCS.rglob("*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.S | re.M)


def module_at(path: Path) -> ModuleType:
    """A module of the repository that belongs to no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def command_line(language: str = "en") -> dict[str, dict[str, Any]]:
    """Every command by its name, as the command line describes it."""
    done = subprocess.run([sys.executable, DOCS / "make_reference.py", "--commands"], check=True, capture_output=True, text=True,
                          env={**os.environ, "BRANDLOOM_LANGUAGE": language})
    return {one["name"]: one for one in json.loads(done.stdout)}


def commands_in(text: str) -> list[str]:
    """Every `brandloom ...` of a page, in code blocks and in running text."""
    blocks = [line.split("  #")[0].strip() for kind, body in FENCE.findall(text) if kind == "sh" for line in body.splitlines()]
    spans = re.findall(r"`([^`\n]+)`", FENCE.sub("", text))
    return [one for one in (*blocks, *spans) if one.startswith("brandloom ")]


def headings(text: str) -> list[str]:
    return re.findall(r"^#+ .*$", FENCE.sub("", text), flags=re.M)


def test_there_are_commands_to_check() -> None:
    assert sum(len(commands_in(page.read_text(encoding="utf-8"))) for page in PAGES) > 50


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_exists_with_its_options(page: Path) -> None:
    known = command_line()
    for line in commands_in(page.read_text(encoding="utf-8")):
        words = shlex.split(line)[1:]
        if words in (["--help"], ["models"]):
            continue
        name = next((name for name in (" ".join(words[:2]), words[0]) if name in known), None)
        assert name is not None, line
        options = {one["name"] for one in known[name]["parameters"]} | {"--help"}
        assert {word.split("=")[0] for word in words if word.startswith("--")} <= options, line


def test_every_command_has_a_line_in_both_readmes() -> None:
    for readme in READMES:
        named = {line.split()[1] for line in commands_in(readme.read_text(encoding="utf-8"))}
        assert {name.split()[0] for name in command_line()} <= named


def test_readmes_say_how_large_the_default_model_is() -> None:
    """Its download as the registry has it; memory is measured with the demo."""
    size = registry()[default_name()].bytes / 1e9
    for readme in READMES:
        assert [float(found) for found in re.findall(r"(\d\.\d) GB", readme.read_text(encoding="utf-8"))] == [round(size, 1)]


def test_readmes_say_the_same() -> None:
    english, chinese = (path.read_text(encoding="utf-8") for path in READMES)
    assert [line.count("#") for line in headings(english)] == [line.count("#") for line in headings(chinese)]
    assert commands_in(english) == commands_in(chinese)
    strip = re.compile(r" *#.*$", re.M)
    assert [strip.sub("", body) for _, body in FENCE.findall(english)] == [strip.sub("", body) for _, body in FENCE.findall(chinese)]
    assert english.count("\n- ") == chinese.count("\n- ")


def test_pages_are_there_in_both_languages() -> None:
    english = {path.name for path in DOCS.glob("*.md")} - {"plan.md"}
    assert english == {path.name for path in (DOCS / "zh").glob("*.md")}
    for name in english:
        pair = [(folder / name).read_text(encoding="utf-8") for folder in (DOCS, DOCS / "zh")]
        assert len(headings(pair[0])) == len(headings(pair[1])), name
        assert pair[0].count("\n- ") == pair[1].count("\n- "), name


def test_chinese_pages_use_full_width_punctuation() -> None:
    for page in [READMES[1], *(DOCS / "zh").glob("*.md")]:
        prose = re.sub(r"`[^`\n]+`|\]\([^)]*\)", "", FENCE.sub("", page.read_text(encoding="utf-8")))
        assert not re.findall(r"[\u4e00-\u9fff）”》][,;:!?].{0,20}", prose), page.name


def test_the_site_lists_every_page() -> None:
    listed = re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("nav:")[2])
    assert sorted(listed) == sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md") if path.name != "plan.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text(encoding="utf-8"))):
        if not re.match(r"https?://", target):
            assert (page.parent / target.partition("#")[0]).exists(), target


def test_generated_parts_are_what_the_code_says() -> None:
    reference = module_at(DOCS / "make_reference.py")
    pages = reference.pages()
    assert len(pages) == 8
    for page in pages:
        assert reference.renewed(page) == page.read_text(encoding="utf-8"), f"{page.name}: run python docs/make_reference.py"


def test_a_key_without_a_meaning_is_refused(tmp_path: Path) -> None:
    reference = module_at(DOCS / "make_reference.py")
    meanings = yaml.safe_load((DOCS / "meanings.yaml").read_text(encoding="utf-8"))
    del meanings["brief"]["holdout"]
    (tmp_path / "meanings.yaml").write_text(yaml.safe_dump(meanings), encoding="utf-8")
    reference.DOCS = tmp_path
    with pytest.raises(SystemExit, match=r"brief: missing \{'holdout'\}"):
        reference.keys("brief", "en")


def test_results_page_is_made_from_the_results() -> None:
    page = module_at(ROOT / "benchmarks" / "page.py")
    written = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
    assert page.page(ROOT / "benchmarks" / "results") == written, "run python -m benchmarks.run --render"


def test_results_page_says_what_was_not_run(tmp_path: Path) -> None:
    page = module_at(ROOT / "benchmarks" / "page.py")
    assert page.page(tmp_path).count("Not run.") == len(page.NAMES) > 0


def written_report() -> dict[str, Any]:
    """A report as the demo would write it."""
    engine = DuckEngine(threads=1)
    ensure_tables(engine)
    _plan(engine, people=400)
    _put(engine, "events", tables.EVENTS, [
        {"customer": f"c{n:05}", "kind": "purchase", "product": f"p{n % 7}", "amount": 12.0,
         "occurred_at": AS_OF + timedelta(days=days)} for n in range(0, 400, 3) for days in (-9, 4)])
    _recommend(engine, {f"c{n:05}": ["p1", "p2", "p3"] for n in range(400)})
    truth = simulate_response(engine, "a", true_lift=0.2, horizon_days=30, seed=3)
    made = sample(capture(engine, as_of=AS_OF, horizon_days=30, plan="a", draws=100),
                  hit_rate(engine, as_of=AS_OF, horizon_days=30, k=3, popular_days=30), holdout_readout(engine, "a", simulated=True), truth)
    engine.close()
    return dict(json.loads(to_json(made)))


def test_results_page_shows_the_demo_and_the_loop(tmp_path: Path) -> None:
    """The demo's figures come from a report as it is written; a stage that one size lacks is a dash."""
    demo = module_at(ROOT / "benchmarks" / "demo.py").figures(written_report())
    stages = [{"stage": "load", "seconds": 4.25, "peak_mb": 512}]
    (tmp_path / "demo.json").write_text(json.dumps({"seconds": 99.5, "peak_mb": 2048, "stages": stages, **demo}), encoding="utf-8")
    loop = {"growth": {"load": [1.02]}, "results": [{"counts": {"customers": 4104}, "stages": stages},
                                                    {"counts": {"customers": 41040}, "stages": [{**stages[0], "stage": "repeat"}]}]}
    (tmp_path / "loop.json").write_text(json.dumps(loop), encoding="utf-8")
    made = module_at(ROOT / "benchmarks" / "page.py").page(tmp_path)
    assert "| load | 4.25 s, 512 MB | – | 1.02 |" in made
    assert "| Whole process, seconds (without fetching the language model) | 99.5 |" in made
    model = demo["later_buyers"]["model"]
    assert f"chosen by the model | {model['value']:.3f} [{model['low']:.3f}, {model['high']:.3f}] |" in made
    assert "?" not in made.partition("## The demo")[2].partition("| stage")[2].partition("## ")[0]


def test_the_picture_is_well_formed() -> None:
    root = ElementTree.parse(DOCS / "images" / "loop.svg").getroot()
    texts = "".join(root.itertext())
    for verb in ("load", "learn", "plan", "approve", "launch", "report", "导入", "学习", "计划", "批准", "发送", "报告"):
        assert verb in texts


def test_briefs_of_the_documentation_can_be_used() -> None:
    blocks = [body for page in (DOCS / "briefs.md", DOCS / "zh" / "briefs.md")
              for kind, body in FENCE.findall(page.read_text(encoding="utf-8")) if kind == "yaml"]
    assert len(blocks) == 2
    for body in blocks:
        assert Brief.model_validate(yaml.safe_load(body)).offer.code == "SPRING10"


def small_shop(folder: Path) -> None:
    """Export files of a shop with 120 customers who buy candles and lanterns for five months."""
    rng = Random(5)
    products = [(f"P{n}", f"{colour} {thing}") for n, (colour, thing) in enumerate(
        (colour, thing) for colour in ("Red", "Blue", "Green", "White") for thing in ("Candle", "Lantern", "Tealight Holder"))]
    with (folder / "orders.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["Order ID", "Customer ID", "Order Date", "SKU", "Product Name", "Quantity", "Unit Price"])
        for number in range(700):
            moment = datetime(2024, 1, 1) + timedelta(minutes=rng.randrange(150 * 24 * 60))
            for product, name in rng.sample(products, 2):
                rows.writerow([f"O{number}", f"K{min(rng.randrange(120), rng.randrange(120))}", f"{moment:%Y-%m-%d %H:%M:%S}", product, name,
                               rng.randint(1, 4), "12.50"])
    with (folder / "customers.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["Customer ID", "First Name", "Email", "Language", "Email Consent"])
        rows.writerows([f"K{n}", "Ann", f"k{n}@example.com", "en", "yes"] for n in range(120))
    (folder / "brief.yaml").write_text("name: Evening lights\naudience:\n  max_size: 40\n", encoding="utf-8")


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)
def test_the_python_of_the_readme_runs(readme: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                       capsys: pytest.CaptureFixture[str]) -> None:
    """As it stands, but for the model: one that writes nothing, so that every text is the template's."""
    small_shop(tmp_path)
    monkeypatch.chdir(tmp_path)
    (example,) = [body for kind, body in FENCE.findall(readme.read_text(encoding="utf-8")) if kind == "python"]
    assert 'create("my-shop", ' in example
    script = example.replace('create("my-shop", ', 'create("my-shop", model=model, ')
    exec(compile(script, readme.name, "exec"), {"model": ScriptedTextModel(lambda _messages, _schema: "")})
    shown = capsys.readouterr().out
    assert "Subject: " in shown and "Why:" in shown
    mails = list((tmp_path / "my-shop" / "dry-run").rglob("*.eml"))
    assert 20 <= len(mails) <= 40
    assert "<html" in (tmp_path / "report.html").read_text(encoding="utf-8")
    with brandloom.open("my-shop") as again:
        assert again.workspace.config.name == "My shop"


def modules() -> list[str]:
    return [one.name for one in pkgutil.walk_packages(brandloom.__path__, "brandloom.") if "migrations" not in one.name]


def test_the_python_of_the_pages_calls_what_is_there() -> None:
    for page in PAGES:
        for kind, body in FENCE.findall(page.read_text(encoding="utf-8")):
            if kind == "python":
                require_callable(ast.parse(body), page.name)


def require_callable(tree: ast.Module, page: str) -> None:
    """Every name imported from the package exists, and every call of one fits its signature."""
    names = {alias.asname or alias.name: getattr(importlib.import_module(node.module or ""), alias.name) for node in ast.walk(tree)
             if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("brandloom") for alias in node.names}
    calls = [(names[node.func.id], node) for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
             and node.func.id in names]
    calls += [(getattr(names[node.func.value.id], node.func.attr), node) for node in ast.walk(tree) if isinstance(node, ast.Call)
              and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) and node.func.value.id in names]
    for called, node in calls:
        try:
            inspect.signature(called).bind(*node.args, **{one.arg: one.value for one in node.keywords if one.arg})
        except TypeError as error:
            raise AssertionError(f"{page}: {ast.unparse(node)}: {error}") from error


def test_examples_of_docstrings_run() -> None:
    finder, tried = doctest.DocTestFinder(exclude_empty=True), 0
    without_torch = importlib.util.find_spec("torch") is None  # what trains adapters is an extra
    for name in ["brandloom", *modules()]:
        if without_torch and name.startswith("brandloom.llm.adapters."):
            continue
        for example in finder.find(importlib.import_module(name)):
            runner = doctest.DocTestRunner(verbose=False)
            said: list[str] = []
            runner.run(example, out=said.append)
            assert runner.failures == 0, "".join(said)
            tried += len(example.examples)
    assert tried > 10
