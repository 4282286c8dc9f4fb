"""The demo as its user runs it, with an endpoint in place of the embedded model: what it leaves behind and what that says."""

from __future__ import annotations

import json
import mailbox
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from brandloom.measure import from_json
from test_cli import GoodEndpoint, listening, ok, refused

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
TEMPLATES_FOR, ITS_PROMPT = "Best customers", "most faithful readers"
LIE = "Only 3 left at £1.99, the best price in the world."


class MixedEndpoint(GoodEndpoint):
    """Never passes for one persona in English; in Chinese it passes at the second try."""

    def write(self, asked: dict[str, Any]) -> str:
        good = json.loads(super().write(asked))
        prompt = "\n".join(message["content"] for message in asked["messages"])
        chinese = any("\u4e00" <= letter <= "\u9fff" for letter in good["body"])
        at_fault = not asked.get("temperature") if chinese else ITS_PROMPT in prompt
        return json.dumps({**good, "body": LIE} if at_fault else good, ensure_ascii=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("demo") / "demo"
    with listening(MixedEndpoint) as url:
        said = json.loads(ok("demo", made, "--json", BRANDLOOM_MODEL_URL=url, BRANDLOOM_MODEL_NAME="local", BRANDLOOM_MODEL_KEY="k"))
    assert (said["report_html"], said["report_json"]) == (str(made / "report.html"), str(made / "report.json"))
    return made


@pytest.fixture(scope="module")
def report(folder: Path) -> dict[str, Any]:
    text = (folder / "report.json").read_text(encoding="utf-8")
    from_json(text)
    found: dict[str, Any] = json.loads(text)
    return found


def within(estimate: dict[str, float]) -> bool:
    """A real interval around the value."""
    return estimate["low"] < estimate["value"] < estimate["high"]


def test_rows_customers_and_segments(report: dict[str, Any]) -> None:
    orders = report["load"]["files"][0]
    assert orders["rows"] == 541_909 == orders["new"] + orders["refused"]
    assert sum(reason["count"] for reason in orders["reasons"]) == orders["refused"] > 0
    assert report["customers"]["known"] == sum(one["customers"] for one in report["customers"]["segments"]) > 4_000
    assert within(report["likely"]["expected_buyers"])


def test_everybody_is_chosen_or_left_out_for_a_named_reason(report: dict[str, Any]) -> None:
    audience = report["audience"]
    assert audience["chosen"] == audience["sent"] + audience["holdout"] and audience["holdout"] > 0
    reasons = {one["label"]: one["count"] for one in audience["left_out"]}
    assert audience["funnel"][0]["customers"] == audience["chosen"] + sum(reasons.values())
    for word in ("consent", "too often", "not above the cost", "budget"):
        assert [count > 0 for label, count in reasons.items() if word in label] == [True], word
    assert report["products"] and all(one["reasons"] for one in report["products"])


def test_how_often_a_text_was_repaired_or_replaced_is_what_happened(report: dict[str, Any]) -> None:
    content = report["content"]
    origins = [one["origin"] for one in content["variants"]]
    assert (content["as_written"], content["repaired"], content["templates"]) == tuple(
        origins.count(origin) for origin in ("model", "repaired", "template"))
    for one in content["variants"]:
        expected = "repaired" if one["language"] == "zh" else "template" if one["persona"] == TEMPLATES_FOR else "model"
        assert (one["key"], one["origin"]) == (one["key"], expected)
        assert bool(one["rejected"]) == (expected != "model"), "why a draft was refused is kept"
        assert "1.99" not in one["body"]
    assert set(origins) == {"model", "repaired", "template"}
    assert {one["language"] for one in report["messages"]} == {"en", "zh"}


def test_every_message_arrived_labelled_and_can_be_unsubscribed_with_one_click(folder: Path, report: dict[str, Any]) -> None:
    delivery = report["delivery"]
    assert delivery["sent"] == delivery["read_back"] == delivery["queued"] == report["audience"]["sent"]
    assert not delivery["failed"] and not delivery["uncertain"]
    recipients, labelled = set(), 0
    with closing(mailbox.mbox(folder / "mailbox.mbox", create=False)) as box:
        assert len(box) == delivery["sent"]
        for message in box:
            assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
            assert str(message["List-Unsubscribe"]).strip().startswith("<http")
            assert b"1.99" not in message.as_bytes()
            recipients.add(str(message["To"]))
            labelled += "X-AIGC" in message
    assert len(recipients) == delivery["sent"]
    assert labelled == sum(one["people"] for one in report["content"]["variants"] if one["origin"] != "template") > 0
    assert all(address.strip("<>").endswith("@example.com") for address in recipients)
    assert any("unsubscribe" in note and "200" in note for note in map(str, delivery["notes"]))


def test_the_replay_compares_with_chance_and_with_the_plain_rules(report: dict[str, Any]) -> None:
    capture = report["replay"]["capture"]
    for rival in ("model", "random", "recent", "model_minus_random", "model_minus_recent"):
        assert within(capture[rival]["buyers"]), rival
    assert capture["model_minus_random"]["buyers"]["low"] > 0
    assert all(within(row[rival]) for row in report["replay"]["hits"]["rows"] for rival in ("model", "popular", "difference")
               if 0 < row[rival]["value"] < 1)


def test_the_effect_is_simulated_says_so_and_stands_beside_the_truth(folder: Path, report: dict[str, Any]) -> None:
    readout, truth = report["experiment"]["readout"], report["experiment"]["truth"]
    assert readout["simulated"] and truth["true_lift"] == 0.2
    assert readout["effect_anytime"]["low"] <= truth["effect"] <= readout["effect_anytime"]["high"]
    assert readout["sent"]["people"] == report["audience"]["sent"] and readout["holdout"]["people"] == report["audience"]["holdout"]
    assert any("addresses" in one for one in report["provenance"]["invented"]) and any("simulation" in one for one in report["provenance"]["invented"])
    assert report["provenance"]["sources"][0]["licence"] == "CC BY 4.0"
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<svg" in page and "cannot" in page


def test_each_stage_has_its_seconds_and_memory(report: dict[str, Any]) -> None:
    assert [one["name"] for one in report["stages"]] == ["load", "learn", "plan and write", "send", "measure"]
    assert all(one["seconds"] > 0 and one["peak_mb"] > 0 for one in report["stages"])


@pytest.mark.parametrize("held", [["thesis.txt"], ["brandloom.toml", "report.json", "workspace.key"]])
def test_a_folder_that_is_no_demo_is_left_alone(tmp_path: Path, held: list[str]) -> None:
    """Before anything is fetched; a shop's own workspace may hold a report too."""
    for name in held:
        (tmp_path / name).write_text("years of work", encoding="utf-8")
    for place in (tmp_path, tmp_path / held[0]):
        assert "is not an earlier demo" in refused("demo", place, BRANDLOOM_CACHE=str(tmp_path / "cache"))
    assert sorted(path.name for path in tmp_path.iterdir()) == held
