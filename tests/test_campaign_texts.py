"""A plan's texts on the desk: edited with their slots, approved by another person, and looked at again before anything is sent."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from brandloom import cli
from brandloom.campaigns import Plan, Shop, open_shop
from brandloom.campaigns.plans import read_plan
from brandloom.content import desk
from brandloom.content.desk import Piece, find_piece, read_pieces, read_versions
from brandloom.deliver import OutboxChannel, status
from brandloom.errors import ConfigError, StateError
from brandloom.ledger import schema
from brandloom.llm import ScriptedTextModel
from shop_world import AS_OF, EN, NOW, good_model

MINE = "Which corner of the room is dark in the evening? We have kept a few lights for it. "


@pytest.fixture
def plan(shop: Shop, shop_files: Path) -> Plan:
    return shop.plan(shop_files / "brief.yaml", by="Pia Planner")


def texts(shop: Shop, plan: Plan) -> list[Piece]:
    with shop.ledger.read() as connection:
        return read_pieces(connection, plan=plan.id)


def english(shop: Shop, plan: Plan) -> Piece:
    return next(one for one in texts(shop, plan) if one.asked.lang == "en")


def body(plan: Plan, piece: Piece) -> str:
    """The text's body with another opening; the shop's own sentences, which hold the slots, stay."""
    return str(plan.variant(piece.name).slots["body"]).replace(EN["body"] + " ", MINE)


def edit(shop: Shop, plan: Plan, *, by: str = "Ed Itor", **parts: str) -> desk.Version:
    piece = english(shop, plan)
    return shop.desk.edit(piece.id, parts or {"body": body(plan, piece)}, base=1, by=by, now=NOW)


def sized(shop: Shop, **limits: float) -> None:
    """Approval by another person from this size on."""
    file = shop.workspace.path / "brandloom.toml"
    content = file.read_text(encoding="utf-8")
    for name, value in {"people": 1000, "budget": 500.0}.items():
        content = content.replace(f"\n{name} = {value}", f"\n{name} = {limits.get(name, value)}")
    file.write_text(content, encoding="utf-8")


def test_every_text_of_a_plan_lies_on_the_desk(shop: Shop, plan: Plan) -> None:
    found = texts(shop, plan)
    assert sorted(one.name for one in found) == sorted(one.key for one in plan.variants)
    assert {(one.state, one.version) for one in found} == {("draft", 1)}
    assert sum(one.people or 0 for one in found) == plan.decision["actions"]["send"]
    assert sum(one.budget or 0 for one in found) == pytest.approx(plan.decision["cost"])
    with shop.ledger.read() as connection:
        for one in found:
            [version] = read_versions(connection, one)
            assert dict(version.parts) == dict(plan.variant(one.name).slots) and (version.by, version.origin) == ("Pia Planner", "model")
            assert find_piece(connection, one.id) == one


def test_an_edit_is_what_is_sent_and_ends_the_approval(shop: Shop, plan: Plan) -> None:
    shop.approve(plan, by="Ana")
    assert {one.state for one in texts(shop, plan)} == {"approved"}
    made = edit(shop, plan)
    assert not made.refused
    after = read_plan(shop.ledger, plan.id)
    assert after.digest != plan.digest and after.status == "draft"
    assert MINE in after.variant(english(shop, plan).name).slots["body"] and after.extra["edited"] == [english(shop, plan).name]
    with pytest.raises(StateError, match=r"Ed Itor edited text t\w+ of plan \w+, and nobody has approved it since"):
        shop.launch(plan.id, channel=OutboxChannel())
    assert status(shop.ledger, plan.id).audience == 0
    with pytest.raises(StateError, match="does not lie on the desk as the plan has it"):
        shop.launch(plan, channel=OutboxChannel())  # the plan as it was before
    shop.approve(plan.id, by="Ana")
    channel = OutboxChannel()
    shop.launch(plan.id, channel=channel)
    assert sum(b"Which corner of the room is dark" in data.replace(b"=\n", b"") for data in channel) == english(shop, plan).people
    assert shop.audit.verify() is None


@pytest.mark.parametrize(("part", "text", "rule"), [
    ("body", "What a day. Have a look at {{ product.colour }} for it, we kept it for you.", "slot"),
    ("body", "Use {{ offer.code }} for what we have kept for your table tonight.", "slot"),
    ("body", "Have a look at {{ product.name }}, now at 9.99 for your table tonight.", "figure"),
    ("body", "{{ product.name }} cures a bad back in three days, so have a look tonight.", "claim"),
    ("subject", "Hi", "length"), ("subject", "想起你家的夜晚和餐桌上的光", "language"), ("headline", "Even an idiot can light these", "respect"),
    ("body", "Write to me at ana@example.com and I will keep {{ product.name }} for you.", "email"), ("cta", "", "schema")])
def test_every_check_of_the_campaign_runs_after_an_edit(shop: Shop, plan: Plan, part: str, text: str, rule: str) -> None:
    made = edit(shop, plan, **{part: text})
    assert made.refused and rule in {item.rule for item in made.blocking}
    assert read_plan(shop.ledger, plan.id).digest == plan.digest
    assert english(shop, plan).version == 1


def test_words_the_brand_avoids_are_refused_in_an_edit_too(shop: Shop, shop_files: Path) -> None:
    (shop.workspace.brands / "candle.yaml").write_text("name: candle\nvoice:\n  en:\n    avoid: [dark]\n", encoding="utf-8")
    plan = shop.plan(shop_files / "brief.yaml")
    made = edit(shop, plan)
    assert made.refused and [item.rule for item in made.blocking] == ["brand-word"]


def test_an_edit_with_a_slot_that_some_message_cannot_fill_is_refused(shop: Shop, plan: Plan) -> None:
    cell = english(shop, plan).name
    shop.engine.replace("decisions", "SELECT * REPLACE (CASE WHEN variant = $cell AND action = 'send' THEN products[:0] ELSE products END AS products) "
                        "FROM decisions", cell=cell)
    with pytest.raises(StateError, match="is not what it was"):
        shop.approve(plan, by="Ana")
    made = edit(shop, plan)
    assert [item.rule for item in made.blocking] == ["message"]
    assert "product.name" in made.blocking[0].text("en")


def test_nobody_approves_a_large_plan_that_they_planned_or_edited(shop: Shop, plan: Plan) -> None:
    sized(shop, people=2)
    with open_shop(shop.workspace.path, model=good_model()) as large:
        large.clock = lambda: NOW
        with pytest.raises(StateError, match=r"pia planner planned or edited what plan \w+ sends; for \d+ persons or a budget of 0, another"):
            large.approve(plan.id, by="pia  planner")
        edit(large, plan)
        with pytest.raises(StateError, match="Ed Itor planned or edited"):
            large.approve(plan.id, by="Ed Itor")
        piece = english(large, plan)
        large.desk.submit(piece.id, by="Ed Itor", now=NOW)
        with pytest.raises(StateError, match="Pia Planner planned what text"):
            large.desk.approve(piece.id, by="Pia Planner", now=NOW)
        with pytest.raises(StateError, match="Ed Itor edited version 2"):
            large.desk.approve(piece.id, by="Ed Itor", now=NOW)
        assert large.desk.approve(piece.id, by="Li Lei", now=NOW).state == "approved"
        assert large.approve(plan.id, by="Li Lei").by == "Li Lei"
    small = shop
    small.approve(plan.id, by="Pia Planner")  # under the usual size


def test_the_size_of_a_plans_text_is_the_plans(shop: Shop, plan: Plan) -> None:
    with pytest.raises(ConfigError, match="Leave --people and --budget out"):
        shop.desk.submit(english(shop, plan).id, by="Ed Itor", people=1, now=NOW)
    assert shop.desk.submit(english(shop, plan).id, by="Ed Itor", now=NOW).people == english(shop, plan).people != 1


def test_a_text_that_was_sent_back_stops_plan_and_launch(shop: Shop, plan: Plan) -> None:
    shop.approve(plan, by="Ana")
    piece = english(shop, plan)
    shop.desk.reject(piece.id, "Too gloomy.", by="Li Lei", now=NOW)
    for act in (lambda: shop.launch(plan.id, channel=OutboxChannel()), lambda: shop.approve(plan.id, by="Ana")):
        with pytest.raises(StateError, match=rf"Li Lei sent text {piece.id} \(.*\) back: Too gloomy\."):
            act()
    shop.desk.submit(piece.id, by="Ed Itor", now=NOW)
    with pytest.raises(StateError, match="Li Lei sent text"):
        shop.launch(plan.id, channel=OutboxChannel())
    shop.desk.approve(piece.id, by="Li Lei", now=NOW)
    assert shop.launch(plan.id, channel=OutboxChannel()).sent > 0


def test_a_text_that_fails_its_checks_now_or_is_retired_stops_the_launch(shop: Shop, plan: Plan) -> None:
    shop.approve(plan, by="Ana")
    (shop.workspace.brands / "Candle Shop.yaml").unlink(missing_ok=True)
    piece = english(shop, plan)
    with shop.ledger.begin() as connection:  # as if the rules had become stricter since
        brief = json.loads(connection.scalar(select(schema.pieces.c.brief).where(schema.pieces.c.id == piece.id)) or "")
        brief["asked"]["must_not_say"] = ["table"]
        content = json.dumps(brief, ensure_ascii=False, sort_keys=True)
        [version] = read_versions(connection, piece)
        digest = desk.book.seal(content, version.parts)
        connection.execute(update(schema.pieces).where(schema.pieces.c.id == piece.id).values(brief=content))
        connection.execute(update(schema.piece_versions).where(schema.piece_versions.c.piece == piece.id).values(digest=digest))
    with pytest.raises(StateError, match=r"Version 1 of t\w+ passes the checks no longer, at body: 'table'"):
        shop.launch(plan.id, channel=OutboxChannel())
    shop.desk.retire(piece.id, by="Ana", now=NOW)
    with pytest.raises(StateError, match=r"is retired, and its plan needs it"):
        shop.launch(plan.id, channel=OutboxChannel())


def test_a_plan_that_is_being_sent_keeps_its_texts(shop: Shop, plan: Plan) -> None:
    shop.approve(plan, by="Ana")
    shop.launch(plan, channel=OutboxChannel())
    with pytest.raises(StateError, match=r"Plan \w+ is finished, so its texts stay as they are"):
        edit(shop, plan)


def test_two_edits_at_once_do_not_undo_each_other(shop: Shop, plan: Plan) -> None:
    first, other = english(shop, plan), next(one for one in texts(shop, plan) if one.asked.lang == "zh")
    assert first.campaign is not None
    slots = dict(plan.variant(first.name).slots) | {"body": body(plan, first)}
    revision = shop.desk.plans.revise(first.campaign, slots)  # type: ignore[union-attr]
    shop.desk.edit(other.id, {"subject": "今晚餐桌上的光"}, base=1, by="Li Lei", now=NOW)
    with pytest.raises(StateError, match="Somebody changed plan"), shop.ledger.begin() as connection:
        revision.keep(connection, by="Ed Itor", now=NOW)
    assert read_plan(shop.ledger, plan.id).variant(other.name).slots["subject"] == "今晚餐桌上的光"


def test_an_edit_becomes_a_preference_pair_of_openings_and_an_example(shop: Shop, plan: Plan) -> None:
    edit(shop, plan)
    edit_of_frame = str(read_plan(shop.ledger, plan.id).variant(english(shop, plan).name).slots["body"]).replace("{{ product.name }}", "{{product.name}}")
    shop.desk.edit(english(shop, plan).id, {"body": edit_of_frame}, base=2, by="Ed Itor", now=NOW + timedelta(hours=1))
    [pair] = desk.read_pairs(shop.ledger)
    assert (pair.chosen["body"], pair.rejected["body"], pair.source) == (MINE.strip(), EN["body"], "edit")
    assert "{{" not in json.dumps([pair.to_dict()["chosen"], pair.to_dict()["rejected"]])
    assert any(EN["body"] not in one["content"] and plan.name not in one["content"] for one in pair.prompt[-1:])
    [example] = desk.examples(shop.ledger, brand="Candle Shop", language="en", form="email")
    assert MINE.strip() in example and "{{" not in example


def test_what_people_changed_reaches_the_next_campaigns_prompts(shop: Shop, shop_files: Path, plan: Plan) -> None:
    edit(shop, plan)
    shop.desk.judge_word("moonlit", brand="Candle Shop", language="en", avoid=True, by="Ed Itor", now=NOW)
    model = shop.model
    assert isinstance(model, ScriptedTextModel)
    before = len(model.calls)
    later = shop.plan(shop_files / "brief.yaml", by="Pia Planner", as_of=AS_OF - timedelta(days=1))
    asked = [call.messages[-1].content for call in model.calls[before:]]
    english_ones = [one for one in asked if one.isascii()]
    assert english_ones and all(MINE.strip() in one for one in english_ones)
    assert not any(MINE.strip() in one for one in asked if not one.isascii())
    made = edit(shop, later, body=body(later, english(shop, later)).replace("dark", "moonlit"))
    assert [item.rule for item in made.blocking] == ["brand-word"]


def test_the_commands_of_the_desk_know_a_plans_texts(shop: Shop, plan: Plan, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path, piece = str(shop.workspace.path), english(shop, plan)
    shop.close()
    assert cli.run(["copy", "list", path, "--plan", plan.id[:6], "--json"]) == 0
    assert {one["plan"] for one in json.loads(capsys.readouterr().out)} == {plan.id}
    (tmp_path / "edited.json").write_text(json.dumps({"body": body(plan, piece)}), encoding="utf-8")
    assert cli.run(["copy", "edit", path, piece.id, str(tmp_path / "edited.json"), "--by", "Ed Itor", "--base", "1"]) == 0
    assert cli.run(["copy", "comment", path, piece.id, "Good.", "--by", "Li Lei", "--part", "body"]) == 0
    assert cli.run(["copy", "show", path, piece.id, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out.partition("Kept.")[2])
    assert (shown["plan"], shown["version"], shown["state"]) == (plan.id, 2, "draft")
    assert cli.run(["copy", "translate", path, piece.id, "--to", "zh", "--by", "Ana"]) == 1
    assert "texts of its own in each language" in capsys.readouterr().err
    assert cli.run(["approve", path, plan.id, "--by", "Ana"]) == 0
    assert cli.run(["copy", "list", path, "--plan", plan.id, "--state", "draft", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.partition("\n")[2]) == []


def test_a_text_of_a_plan_cannot_be_edited_without_the_plans(shop: Shop, plan: Plan) -> None:
    bare = desk.Desk(shop.ledger, shop.audit)
    piece = english(shop, plan)
    with pytest.raises(StateError, match="no plan can be changed from here"):
        bare.edit(piece.id, {"body": body(plan, piece)}, base=1, by="Ed Itor", now=NOW)
