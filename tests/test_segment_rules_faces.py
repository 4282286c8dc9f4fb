"""Segments at the command line, and as the audience of a brief."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from brandloom.campaigns import Shop
from brandloom.campaigns.segments import update_segments
from brandloom.cli import run
from brandloom.content import Brief
from brandloom.customers.rules import evaluate, members, parse, save_rule
from brandloom.errors import DataError
from shop_world import AS_OF


def told(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    assert run(["segments", *words]) == code
    printed = capsys.readouterr()
    if code:
        assert printed.err.count("\n") == 1
        return printed.err
    return json.loads(printed.out)


def test_a_rule_from_trying_to_deleting(shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = str(shop.workspace.path)
    shop.close()
    rule = tmp_path / "rule.json"
    rule.write_text(json.dumps({"event": ":order", "op": "exactly", "value": 0, "window": {"last_days": 60}}), encoding="utf-8")
    tried = told(capsys, "eval", where, str(rule), "--as-of", AS_OF.date().isoformat(), "--json")
    assert tried["text"] == "never ordered in the last 60 days" and 0 < tried["size"] < tried["known"] and len(tried["customers"]) == tried["size"]
    guessed = told(capsys, "size", where, "最近 60 天从未下单", "--as-of", AS_OF.date().isoformat(), "--json")
    assert guessed["low"] == guessed["size"] == guessed["high"] == tried["size"]
    told(capsys, "save", where, "quiet", str(rule), "--json")
    done = told(capsys, "update", where, "--as-of", AS_OF.date().isoformat(), "--json")
    assert done["full"] and done["sizes"] == {"quiet": tried["size"]}
    assert told(capsys, "list", where, "--json")[0]["size"] == tried["size"]
    assert told(capsys, "changes", where, "--since", "2000-01-01", "--json") == []
    assert told(capsys, "delete", where, "quiet", "--json") == {"deleted": "quiet"}
    assert "No segment is saved" in told(capsys, "update", where, code=1)
    assert "There is no segment 'quiet'" in told(capsys, "eval", where, 'in segment "quiet"', code=1)
    assert "Unknown field 'colour'" in told(capsys, "eval", where, 'colour is "red"', code=1)
    assert "none.json cannot be read" in told(capsys, "eval", where, "none.json", code=1)
    assert "is in the future" in told(capsys, "eval", where, "bought", "--as-of", "2999-01-01", code=1)


def test_a_loaded_customers_file_evaluates_everybody(shop: Shop, shop_files: Path) -> None:
    save_rule(shop.workspace.path / "segments", "french", parse('country is "FR"'))
    now = datetime(2040, 1, 1)
    assert update_segments(shop, now)[0].full and not update_segments(shop, now)[0].full
    shop.load(shop_files / "customers.csv", kind="customers")
    assert update_segments(shop, AS_OF, everybody=True)[0].full  # loaded after the shop's own moment, so it may change anybody
    assert update_segments(shop, AS_OF)[0].full
    assert members(shop.engine, "french") == list(evaluate(shop.engine, parse('country is "FR"'), AS_OF).customers)


def test_a_saved_segment_is_the_audience_of_a_brief(shop: Shop) -> None:
    save_rule(shop.workspace.path / "segments", "often", parse("ordered at least 3 times"))
    plan = shop.plan(Brief(name="spring", audience={"segments": ["often"]}))
    often = set(evaluate(shop.engine, parse("ordered at least 3 times"), AS_OF).customers)
    rows = shop.engine.query("SELECT customer, reason FROM decisions WHERE plan = $plan", plan=plan.id).to_pylist()
    outside = {row["customer"] for row in rows if row["reason"] == "not_in_audience"}
    everybody = {row["customer"] for row in rows}
    assert everybody - often <= outside and outside.isdisjoint(often) and often & everybody
    with pytest.raises(DataError, match="There is no segment 'vip'"):
        shop.plan(Brief(name="x", audience={"segments": ["vip"]}))
    save_rule(shop.workspace.path / "segments", "nobody", parse("ordered at least 3000 times"))
    with pytest.raises(DataError, match="Nobody is in nobody as of"):
        shop.plan(Brief(name="x", audience={"segments": ["nobody"]}))
