"""Attacks in small: personal data stays in, instructions stay out, markup stays dead. The whole of it is `benchmarks.attacks`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from benchmarks.attack import edges, injection, leading, markup, pairs, templates
from benchmarks.attack import pages as others
from benchmarks.attack.browser import Harmless, Page, judge, parse_judge
from benchmarks.attack.canaries import FILES, many_requests
from benchmarks.attack.detector import FORMS, Canaries, planted
from benchmarks.attack.report_sample import sample_report
from benchmarks.attack.server import Recorder, recording, well_behaved
from benchmarks.attack.shop import write_shop
from benchmarks.attack.texts import attacks
from hypothesis import given
from hypothesis import strategies as st

from brandloom.campaigns import create
from brandloom.content import Layout
from brandloom.content.checks.form import check_codes, check_forbidden
from brandloom.content.facts import plain_text
from brandloom.errors import BrandloomError, ConfigError
from brandloom.govern import scrub
from brandloom.llm import EndpointModel, Message, fetch
from brandloom.llm.addresses import is_public
from brandloom.sources.cells import plain_cell, safe_cell
from brandloom.sources.people import tell_people_apart
from conftest import require

PAYLOADS = ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "'><svg/onload=alert(1)>", "javascript:alert(1)", "</title><script>1</script>",
            "<iframe srcdoc='<script>1</script>'>", "&lt;script&gt;alert(1)&lt;/script&gt;", "<!--<img src=\"--><img src=x onerror=alert(1)//\">",
            "<a href=\"jav&#x09;ascript:alert(1)\">x</a>", "<style>@import 'http://evil.example/x'</style>", "\u2028<body onload=alert(1)>",
            "＜script＞alert(1)＜/script＞", "<x onclick=alert(1)>", "<form action=http://evil.example><button>", "<meta http-equiv=refresh content=0>",
            "{{ 7*7 }}{% raw %}<b onmouseover=1>", "]]></textarea><script>1</script>", "\x00<scr\x00ipt>1</scr\x00ipt>", "<math><mtext><style><img onerror=1 src>",
            "%3Cscript%3E1%3C/script%3E", "<base href=//evil.example>", "\\u003cscript\\u003e", "<details open ontoggle=alert(1)>", "a\r\nBcc: all@evil.example"]


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording(well_behaved) as state:
        yield state


def test_the_search_finds_a_leak_in_every_form() -> None:
    canaries = Canaries(4)
    values = [made() for made in (canaries.word, canaries.mobile, canaries.chinese_name) for _number in range(20)]
    assert planted(canaries, values, 4 * len(FORMS), Random(1)) == (4 * len(FORMS), 4 * len(FORMS), [])
    assert canaries.found_in(Random(2).randbytes(200_000)) == set()


def test_nothing_personal_is_in_the_warehouse_or_leaves_for_the_model(tmp_path: Path, recorder: Recorder) -> None:
    canaries = Canaries(8)
    write_shop(tmp_path, canaries, people=44)
    with create(tmp_path / "shop", name="Lantern Hall", sender={"postal_address": "1 Quay"}) as shop:
        for file, kind in FILES:
            assert shop.load(tmp_path / file, kind=kind).files[0].rows_new > 0
        tables = {table: json.dumps(shop.engine.query(f"SELECT * FROM {table}").to_pylist(), default=str, ensure_ascii=False)
                  for table in ("customers", "products", "events", "documents")}
    assert many_requests(tmp_path / "shop", recorder, 30) >= 30
    places = {**{name: text.encode() for name, text in tables.items()}, "requests": b"\n".join(recorder.pieces()),
              **{path.name: path.read_bytes() for path in (tmp_path / "shop").rglob("*") if path.is_file() and path.name != "workspace.key"}}
    assert {name: found for name, data in places.items() if (found := canaries.found_in(data) - canaries.elsewhere)} == {}


def test_columns_that_tell_people_apart_are_those_with_something_else_for_nearly_everybody() -> None:
    people = [f"c{n}" for n in range(60)]
    columns = {1: [f"note about {n}" for n in range(60)], 2: ["red", "blue"] * 30, 3: [f"{n * 7}" for n in range(60)],
               4: [f"2024-01-{n % 28 + 1:02}" for n in range(60)], 5: [f"88001234{n:04}" for n in range(60)], 6: ["only", "three", "cells"],
               7: [f"{{'user': {n // 3}}}" for n in range(180)]}
    assert tell_people_apart(columns, [*people, *people, *people]) == {1, 5, 7}
    assert tell_people_apart({1: columns[1]}, None) == {1}


@pytest.mark.parametrize(("text", "masked"), [
    ("go to https://shop.example/?m=li.lei%40example.com&x=1", "go to https://shop.example/?m=[email]&x=1"),
    ("token bGkubGVpQGV4YW1wbGUuY29t", "token [encoded]"), ("hash 6c692e6c6569406578616d706c652e636f6d", "hash [encoded]"),
    ("请加微信 lilei_88 联系", "请加微信 [account] 联系"), ("支持微信 Payment", "支持微信 Payment"), ("QUJDREVGR0hJSktMTU5PUFFS", "QUJDREVGR0hJSktMTU5PUFFS")])
def test_addresses_in_disguise_are_masked_in_running_text(text: str, masked: str) -> None:
    assert scrub(text) == masked


@pytest.mark.parametrize("place", injection.PLACES)
def test_a_model_that_obeys_whatever_it_reads_changes_nothing_but_words(place: str, recorder: Recorder) -> None:
    # The theme and the readers of a campaign count as words of the brief, so a code in them may be said.
    texts = [one for one in attacks(None) if one.kind != "code" or place not in ("category", "persona and voice")]
    found = injection.drive(recorder, texts[::len(texts) // 14], place)
    assert found.drafts > 0 and found.shown > 0
    assert [effect for effect in found.effects if effect[1] != "words"] == []


def test_a_code_has_to_be_the_briefs() -> None:
    assert [item.excerpt for item in check_codes("Use code HACK90 or code summer10. 优惠码 EVIL8。", "body", ["with SUMMER10"])] == ["HACK90", "EVIL8"]
    assert check_codes("A dress code for SUMMER, colour codes RED and a code of honour.", "body", []) == []


@pytest.mark.parametrize("text", ["Visit evil.example now", "see e\u200bvil.com", "看 evil。cn 吧", "go to evil[.]shop"])
def test_no_copy_names_a_link_however_it_is_written(text: str) -> None:
    assert {"link", "placeholder"} & {item.rule for item in check_forbidden(text, "body")}


def test_markup_is_dead_on_every_path_to_html(tmp_path: Path) -> None:
    paths = markup.Paths()
    markup.mails(paths, PAYLOADS)
    markup.reports(paths, PAYLOADS, sample_report(), rotations=1)
    others.looks(paths, PAYLOADS, tmp_path, every=3)
    assert others.articles(paths, PAYLOADS, rotations=1) == 0, "structured data says something else than what was put in"
    others.exports(paths, PAYLOADS)
    others.marks(paths, PAYLOADS)
    others.logos(paths, PAYLOADS)
    others.link_pages(paths, PAYLOADS, tmp_path)
    assert paths.forged == [] and parse_judge(paths.pages, paths.kinds) == {}
    assert {"mail", "plain text", "report", "brand", "article faq", "markdown faq", "export html", "export md", "mark", "logo", "link server"} <= set(
        others.kinds_of(paths.pages))
    assert paths.uses["product 1 name"] == len(PAYLOADS) and paths.refused["website"] == len(PAYLOADS)
    assert paths.refused["brand: colours.primary"] == len(PAYLOADS) // 3


def test_the_parser_sees_what_lives() -> None:
    harmless = {"raw": Harmless.of(["<p>x</p>"], ["shop.example.com"])}
    live = [payload for payload in PAYLOADS if "<" in payload]
    assert len(parse_judge([Page(f"p{n}", "raw", f"<p>{payload}</p>") for n, payload in enumerate(live)], harmless)) >= len(live) - 2
    assert parse_judge([Page("p", "raw", "<p>1 < 2 &lt;script&gt;</p>")], harmless) == {}


@pytest.mark.browser
def test_a_browser_agrees() -> None:
    require(shutil.which("chromium") or shutil.which("google-chrome"), "no browser; install one with: apt-get install -y chromium")
    paths = markup.Paths()
    markup.mails(paths, PAYLOADS)
    raw = [Page(f"raw{n}", "raw", f"<!doctype html><html><body><p>{payload}</p></body></html>") for n, payload in enumerate([PAYLOADS[0], PAYLOADS[2], PAYLOADS[12]])]
    kinds = {**paths.kinds, "raw": Harmless.of(["<!doctype html><html><head></head><body><p>x</p></body></html>"], ())}
    mails = [page for page in paths.pages if page.kind == "mail"]
    seen = judge([*markup.together(mails, {"mail": 8}), *raw], kinds)
    assert seen.alive == {page.id for page in raw}, (seen.reports, seen.objections, seen.left)
    assert seen.judged == 6 and not seen.requests


@pytest.mark.browser
def test_verdicts_are_kept_and_a_second_run_takes_them_over(tmp_path: Path) -> None:
    require(shutil.which("chromium") or shutil.which("google-chrome"), "no browser; install one with: apt-get install -y chromium")
    kinds = {"raw": Harmless.of(["<!doctype html><html><head></head><body><p>x</p></body></html>"], ())}
    pages = [Page(f"p{n}", "raw", f"<!doctype html><html><body><p>{n}{payload}</p></body></html>") for n, payload in enumerate(("", PAYLOADS[0]))]
    first = judge(pages, kinds, keep=tmp_path / "verdicts.jsonl")
    again = judge(pages, kinds, keep=tmp_path / "verdicts.jsonl")
    assert (first.kept, again.kept, again.judged) == (0, 2, 2)
    assert first.alive == again.alive == {"p1"} and not first.unloaded


def test_customers_who_differ_in_personal_data_alone_lead_to_the_same_prompts(tmp_path: Path) -> None:
    found = pairs.run(tmp_path, pairs=16, groups=1)
    assert found["prompts"] > 0
    assert (found["different"], found["decisions_different"], found["canaries_in_prompts"]) == (0, 0, 0)


def test_no_link_leads_elsewhere_and_no_answer_has_another_header(tmp_path: Path) -> None:
    found = leading.redirects(leading.OWN_REDIRECTS[::3], tmp_path)
    assert found["redirects"] > 0 and found["targets refused"] > 0
    assert found["away"] == 0, found["examples"]


def test_no_text_ends_a_header_of_a_mail() -> None:
    found = leading.mail_headers(leading.BREAKS[::2])
    assert found["mails"] > found["refused"] and found["forged"] == 0, found["examples"]


def test_texts_that_want_to_be_templates_stay_texts(tmp_path: Path) -> None:
    found = templates.literal(templates.TEXTS[::6], tmp_path)
    assert found["changed"] == 0, found["examples"]


@pytest.mark.parametrize("name", [name for name in templates.LAYOUTS if name.startswith(("a range", "texts that", "lists that", "filters", "loops", "many", "deep"))])
def test_a_layout_that_wants_to_run_for_ever_is_refused(name: str) -> None:
    mjml, text = templates.bundled()
    with pytest.raises(ConfigError, match="Layout 'x'"):
        templates.message(Layout("x", mjml, text + templates.LAYOUTS[name]))


@pytest.mark.parametrize("name", ["deep elements", "deep raw elements", "many elements", "a long attribute", "an include", "a script"])
def test_a_layout_that_would_end_the_compiler_is_refused(name: str) -> None:
    mjml, text = templates.bundled()
    with pytest.raises(ConfigError, match="Layout 'x'"):
        templates.message(Layout("x", mjml.replace("</mj-body>", f"{templates.PAGES[name]}</mj-body>"), text))


@pytest.mark.parametrize("host", [*edges.LOOPBACK[:10], *edges.INSIDE])
def test_an_inner_address_is_none_of_the_public_net_however_it_is_spelled(host: str) -> None:
    assert not edges.resolves(host.strip("[]")) or not is_public(host.strip("[]"), 80)
    assert is_public("93.184.216.34", 443)


@pytest.mark.parametrize("host", ["127.0.0.1", "%31%32%37.0.0.1", "[::127.0.0.1]", "user@127.0.0.1", "169.254.169.254"])
def test_no_server_leads_to_an_address_inside(host: str, tmp_path: Path) -> None:
    with edges.listening() as (port, taken), edges.leading_to(lambda: f"http://{host}:{port}/v1", 307) as (first, asked):
        url = f"http://127.0.0.1:{first}/v1"
        with pytest.raises(BrandloomError):
            fetch(f"{url}/model.gguf", tmp_path)
        with pytest.raises(ConfigError, match="leads on to another address"):
            EndpointModel(url, key="k", model="m", retries=0).complete([Message("user", "x")], max_tokens=9)
        assert len(asked) == 2 and taken == []


def test_no_cell_of_a_table_is_a_formula_and_each_reads_back(tmp_path: Path) -> None:
    found = edges.cells(tmp_path)
    assert found["cells"] > 1000
    assert (found["live"], found["changed"]) == (0, 0), found["examples"]


@given(st.text(st.sampled_from("'=+-@|%\t\r\n\x00 \u3000\u200b＝\"a1"), max_size=8))
def test_a_safe_cell_reads_back_whatever_it_held(value: str) -> None:
    assert plain_cell(safe_cell(value)) == value
    assert not edges.alive(safe_cell(value)) or edges.PLAIN_NUMBER.fullmatch(value)


def test_hidden_characters_go_and_nothing_else_does() -> None:
    found = edges.hidden(400)
    assert (found["left"], found["lost"]) == (0, 0), found["examples"]
    assert [plain_text(one) for one in edges.EMOJI] == list(edges.EMOJI)


def test_a_budget_stops_and_a_question_is_paid_once(tmp_path: Path) -> None:
    found = edges.spending(tmp_path, repeats=50, asked=400, budget=4_000)
    assert 0 < found["calls"] < 400 and found["over"] == 0
    assert found["repeat_calls"] == 1 and found["same_answer"]
