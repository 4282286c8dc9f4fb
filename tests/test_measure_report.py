"""The report: one page, both languages, nothing live in it, nothing fetched by it."""

from __future__ import annotations

import ast
import re
import shutil
import socket
import subprocess
import threading
from dataclasses import replace
from datetime import timedelta
from html import escape
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from brandloom import i18n
from brandloom.engine import DuckEngine, ensure_tables, tables
from brandloom.errors import DataError
from brandloom.measure import (
    Estimate,
    Report,
    capture,
    from_json,
    hit_rate,
    holdout_readout,
    report,
    simulate_response,
    text,
    to_json,
    words,
)
from brandloom.measure.html import render_report
from brandloom.measure.reader import Reader
from conftest import require
from measure_sample import sample
from test_measure import AS_OF, _plan, _put, _recommend

ROOM = Path(i18n.__file__).parent / "measure"
ATTACKS = Path(__file__).parent.parent.parent / "shared" / "data" / "attacks"


@pytest.fixture(scope="module")
def filled() -> Report:
    engine = DuckEngine(threads=1)
    ensure_tables(engine)
    _plan(engine, people=400)
    events = [{"customer": f"c{n:05}", "kind": "purchase", "product": f"p{n % 7}", "amount": 12.0,
               "occurred_at": AS_OF + timedelta(days=days)} for n in range(0, 400, 3) for days in (-9, 4)]
    _put(engine, "events", tables.EVENTS, events)
    _recommend(engine, {f"c{n:05}": ["p1", "p2", "p3"] for n in range(400)})
    truth = simulate_response(engine, "a", true_lift=0.2, horizon_days=30, seed=3)
    return sample(capture(engine, as_of=AS_OF, horizon_days=30, plan="a", draws=100),
                  hit_rate(engine, as_of=AS_OF, horizon_days=30, draws=100),
                  holdout_readout(engine, "a", simulated=True), truth)


@pytest.fixture(scope="module")
def drawn(filled: Report) -> str:
    return render_report(filled)


class _Page(HTMLParser):
    """What a browser would act on."""

    VOID = frozenset({"br", "hr", "img", "input", "meta", "link"})

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID and not self.get_starttag_text().endswith("/>"):  # type: ignore[union-attr]
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)


def test_report_survives_its_json(filled: Report) -> None:
    assert from_json(to_json(filled)) == filled
    assert from_json(to_json(Report(filled.shop))) == Report(filled.shop)


@pytest.mark.parametrize(("broken", "message"), [
    ('{"shop": 3}', "report.json: 'shop' cannot be read"),
    ('{"shop": {"name": "a", "currency": "GBP", "as_of": "", "made_at": "", "horizon_days": 3}, "colour": 1}', "'colour'"),
    ('{"shop": {"name": "a", "currency": "GBP", "as_of": "", "made_at": "", "horizon_days": 3}, "schema": 9}', "has schema 9"),
    ("not json", "cannot be read")])
def test_what_is_no_report_is_refused(broken: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        from_json(broken)


def test_page_is_well_formed_with_headings_in_order_and_unique_names(drawn: str) -> None:
    page = _Page(drawn)
    assert page.open == []
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 2
    assert all(after <= before + 2 for before, after in pairwise(levels))
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = [attrs["href"] for tag, attrs in page.tags if tag == "a" and str(attrs.get("href")).startswith("#")]
    assert len(targets) == 24
    assert {str(target)[1:] for target in targets} <= set(ids)
    assert all(attrs.get("aria-label") for tag, attrs in page.tags if tag == "svg")
    assert all(attrs.get("title") for tag, attrs in page.tags if tag == "iframe")
    assert sum(tag == "svg" for tag, _ in page.tags) == 20


def test_page_asks_nobody_for_anything(drawn: str) -> None:
    page = _Page(drawn)
    for tag, attrs in page.tags:
        assert tag not in {"script", "link", "object", "embed", "base", "form", "img", "audio", "video", "source"}
        assert not {"src", "srcset", "data", "poster", "action", "background", "xlink:href"} & set(attrs), (tag, attrs)
        if "href" in attrs:
            assert tag == "a"
            assert str(attrs["href"]).startswith(("#", "https://"))
        if tag == "iframe":
            assert attrs["sandbox"] == ""
    policy = next(attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv"))
    assert str(policy).startswith("default-src 'none'")
    style = re.search(r"<style>(.*?)</style>", drawn, re.S)
    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def _payloads() -> list[str]:
    require(ATTACKS.is_dir(), "attack strings are not here; put them at ../shared/data/attacks")
    lines = [line for name in ("xss_intruders.txt", "xss_payloadbox.txt")
             for line in (ATTACKS / name).read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    assert len(lines) > 6000
    return lines


def test_attacks_in_names_and_copy_stay_text(filled: Report, drawn: str) -> None:
    """All payloads in one report: as product names, copy, labels, file names, values of texts, addresses of sources."""
    clean = _Page(drawn)
    bad = _payloads()
    assert filled.content is not None
    assert filled.load is not None
    assert filled.customers is not None
    variant, product, file = filled.content.variants[0], filled.products[0], filled.load.files[0]
    attacked = replace(
        filled, products=tuple(replace(product, name=line, group=line, product=line) for line in bad),
        content=replace(filled.content, variants=tuple(replace(variant, subject=line, body=line, button=line, origin=line)
                                                       for line in bad)),
        load=report.Load((replace(file, name=bad[0], notes=tuple(text("{what}", what=line) for line in bad)),)),
        customers=replace(filled.customers, segments=tuple(replace(filled.customers.segments[0], label=line)
                                                           for line in bad[::400])),
        provenance=replace(filled.provenance, sources=tuple(report.Source(line, line, line, line) for line in bad)))
    page = _Page(render_report(attacked, languages=("en",)))
    assert page.open == []
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in clean.tags}
    for tag, attrs in page.tags:
        assert not [name for name in attrs if name.startswith("on")], (tag, attrs)
        if "href" in attrs:
            assert str(attrs["href"]).startswith(("#", "http://", "https://")), attrs
    shown = "".join(page.text)
    assert all(line in shown for line in bad[:200])


@pytest.mark.parametrize("label", ["half of a smile \ud83d", "a \x00 in it", "\x1b[31mred", "C:\\users\\u12", "\ufffe"])
def test_a_label_that_no_page_can_hold_is_drawn_without_what_is_wrong(filled: Report, label: str, tmp_path: Path) -> None:
    """Half a `\\u` escape in report.json makes half a character; a control character would end the renderer's process."""
    assert filled.customers is not None
    broken = replace(filled, customers=replace(filled.customers, segments=(replace(filled.customers.segments[0], label=label),)),
                     shop=replace(filled.shop, name=label))
    page = render_report(broken, languages=("en",))
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    assert escape(re.sub("[\ud83d\x00\x1b\ufffe]", "\ufffd", label)) in page
    assert page.count("<svg") == render_report(filled, languages=("en",)).count("<svg")


def test_message_cannot_leave_its_frame(filled: Report) -> None:
    hostile = '"></iframe><script>alert(1)</script><img src="https://example.org/x.png">'
    page = _Page(render_report(replace(filled, messages=(replace(filled.messages[0], html=hostile),)), languages=("en",)))
    frames = [attrs for tag, attrs in page.tags if tag == "iframe"]
    assert [frame["srcdoc"] for frame in frames] == [hostile]
    assert not [tag for tag, _ in page.tags if tag in {"script", "img"}]


def test_every_text_is_in_the_chinese_catalogue() -> None:
    marked = [node.args[0].value for file in ROOM.glob("*.py") for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
              if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "say")
              and node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)]
    assert len(marked) > 200
    known = i18n._catalogue("zh")
    assert [item for item in marked if item not in known] == []
    fields = re.compile(r"{[^}]*}")
    assert [item for item in marked if sorted(fields.findall(item)) != sorted(fields.findall(known[item]))] == []


def test_chinese_page_says_our_texts_in_chinese(filled: Report) -> None:
    page = "".join(_Page(render_report(filled, "zh", languages=("zh",))).text)
    assert "他们之后买了什么" in page
    assert "What they bought afterwards" not in page
    assert "The numbers as a table" not in page
    both = render_report(filled, "zh")
    assert '<html lang="zh-Hans">' in both
    assert "What they bought afterwards" in both
    assert re.search(r'id="language-zh"[^>]* checked', both)


def test_figures_of_the_page_are_those_of_the_report(filled: Report, drawn: str) -> None:
    page = " ".join("".join(_Page(drawn).text).split())
    assert filled.replay is not None
    assert filled.experiment is not None
    found = filled.replay.capture
    assert f"The {found.chosen} chosen people hold {found.model.buyers.value:.1%} of these buyers" in page
    assert f"[{found.model.buyers.low:.1%}, {found.model.buyers.high:.1%}]" in page
    assert "simulator" in page
    assert "True effect of the simulation" in page
    assert f"{100 * filled.experiment.truth.effect:+.1f} pt" in page  # type: ignore[union-attr]


def test_quality_without_a_rival_has_no_column_for_one(filled: Report, drawn: str) -> None:
    alone = replace(filled.model, metrics=tuple(replace(one, baseline=None, baseline_name="") for one in filled.model.metrics))
    assert "Compared with" in drawn and "Compared with" not in render_report(replace(filled, model=alone), languages=("en",))


def test_a_report_before_sending_has_fewer_chapters(filled: Report) -> None:
    page = _Page(render_report(replace(filled, delivery=None, replay=None, experiment=None, messages=()), languages=("en",)))
    headings = [tag for tag, _ in page.tags if tag == "h2"]
    assert len(headings) == 8
    assert _Page(render_report(Report(filled.shop))).open == []


@pytest.mark.parametrize(("language", "expected"), [
    ("en", ["£1,234,568", "£3.50", "−£4,000", "38.2% [35.7%, 40.9%]", "+6.8 [+4.3, +9.2] pt", "5.0 s", "November 9, 2011"]),
    ("zh", ["£1,234,568", "£3.50", "−£4,000", "38.2% [35.7%, 40.9%]", "+6.8 [+4.3, +9.2] 个百分点", "5.0 秒", "2011年11月9日"])])
def test_numbers_carry_units_and_intervals(language: str, expected: list[str]) -> None:
    reader = Reader(language, "GBP")
    written = [reader.money(1234567.8), reader.money(3.5), reader.money(-4000.0), reader.share(Estimate(0.382, 0.357, 0.409)),
               reader.share_gap(Estimate(0.068, 0.043, 0.092)), reader.seconds(5.0), reader.date("2011-11-09")]
    assert ["".join(_Page(item).text) for item in written] == expected
    assert "80%" in reader.share(Estimate(0.5, 0.4, 0.6, 80))
    assert reader.percent(None) == "–"


def test_words_are_looked_up_and_filled() -> None:
    assert words(text("{n} people", n=3), "zh") == "3 人"
    assert words("REGENCY {CAKESTAND}", "zh") == "REGENCY {CAKESTAND}"
    assert words(text("{label}: {n:,}", label="Customers", n=1200), "zh") == "顾客数: 1,200"


def test_browser_shows_it_without_a_single_request(filled: Report, tmp_path: Path) -> None:
    """A message full of remote parts is shown in Chromium while a server on loopback waits for anyone to call."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    require(browser, "no browser; install one with: apt-get install -y chromium")
    assert browser
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        calls: list[str] = []
        done = threading.Event()
        thread = threading.Thread(target=_listen, args=(server, calls, done))
        thread.start()
        host = f"http://127.0.0.1:{server.getsockname()[1]}"
        remote = (f'<link rel="stylesheet" href="{host}/a.css"><img src="{host}/b.png"><script src="{host}/c.js"></script>'
                  f'<meta http-equiv="refresh" content="0;url={host}/d"><div style="background:url({host}/e)">x</div>')
        attacked = replace(filled, messages=(replace(filled.messages[0], html=remote),), provenance=report.Provenance())
        (tmp_path / "report.html").write_text(render_report(attacked), encoding="utf-8")
        shot = tmp_path / "page.png"
        subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
                        f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1440,9000", "--virtual-time-budget=3000",
                        f"--screenshot={shot}", (tmp_path / "report.html").as_uri()], check=True, capture_output=True, timeout=90)
        done.set()
        thread.join()
    assert shot.stat().st_size > 50_000
    assert calls == []


def _listen(server: socket.socket, calls: list[str], done: threading.Event) -> None:
    while not done.is_set():
        try:
            connection, _address = server.accept()
        except TimeoutError:
            continue
        with connection:
            calls.append(connection.recv(200).decode("latin-1"))
