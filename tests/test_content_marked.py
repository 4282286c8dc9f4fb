"""AI marks are found and proven in every file that the program hands on: articles, mails, exports of the desk, copy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from article_world import TODAY, brief, chinese, order, teller
from brandloom import cli
from brandloom.campaigns import Shop
from brandloom.content import articles, studio
from brandloom.content.studio import Maker, pieces, read_asked, write_copy
from brandloom.llm import ScriptedTextModel
from brandloom.workspace import Workspace
from shop_world import NOW

KETTLE = {"name": "Aurora Kettle", "capacity": "1.2 l", "material": "steel", "colour": "matte black", "price": "49 GBP"}
COPY = "Fill it, put it on, and sit down for a minute. The Aurora Kettle in matte black holds 1.2 l. It is made of steel. 49 GBP."


def checked(file: Path, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, list[dict[str, Any]], str]:
    """Exit code, rows and the line on standard error."""
    capsys.readouterr()
    code = cli.run(["check-label", str(file), "--json", *more])
    said = capsys.readouterr()
    return code, json.loads(said.out) if said.out else [], said.err


@pytest.fixture
def written(shop: Shop) -> articles.Article:
    made = articles.write_article(teller(), articles.plan_article(order(brief())), today=TODAY, maker=Maker.of(shop.workspace))
    articles.keep_record(made, shop.audit, actor="Ana", now=NOW)
    return made


@pytest.mark.parametrize("ending", ["html", "json", "md"])
def test_an_articles_mark_is_read_and_proven(shop: Shop, written: articles.Article, ending: str, tmp_path: Path,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    file, at = tmp_path / f"guide.{ending}", str(shop.workspace.path)
    text = {"html": written.html, "md": written.markdown, "json": json.dumps(written.to_dict())}[ending]
    file.write_text(text, encoding="utf-8")
    shop.close()
    code, [row], _said = checked(file, capsys, "--workspace", at)
    assert (code, row["what"], row["producer"], row["recorded"]) == (0, "article", "Harbour Shop", True)
    assert row["seal"] == ("unproven" if ending == "md" else "genuine")
    assert written.mark is not None and row["visible"] == ("" if ending == "md" else written.mark.visible)
    assert checked(file, capsys)[1][0]["seal"] == ("unproven" if ending == "md" else "unknown")
    file.write_text(text.replace("1.2 l", "1.4 l"), encoding="utf-8")
    code, rows, said = checked(file, capsys, "--workspace", at)
    assert [(row["seal"], row["recorded"]) for row in rows] == [("unproven", True) if ending == "md" else ("changed", False)]
    assert (code, "was changed" in said) == ((0, False) if ending == "md" else (1, True))


def test_chinese_pages_and_pages_without_a_model_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for model, seal in ((teller(), "unchanged"), (None, "none")):
        (tmp_path / "page.html").write_text(articles.write_article(model, articles.plan_article(order(chinese())), today=TODAY).html, encoding="utf-8")
        assert [(row["what"], row["seal"]) for row in checked(tmp_path / "page.html", capsys)[1]] == [("article", seal)]


def test_a_mails_mark_is_proven_by_the_text_on_the_desk(shop: Shop, shop_files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = shop.plan(shop_files / "brief.yaml")
    folder, at = Path(str(shop.launch(plan, dry_run=True).folder)), str(shop.workspace.path)
    shop.close()
    mails = sorted(folder.glob("*.eml"))
    for mail in mails[:4]:
        assert [(row["what"], row["seal"]) for row in checked(mail, capsys, "--workspace", at)[1]] == [("mail", "genuine")]
    [row] = checked(mails[0], capsys)[1]
    assert row["seal"] == "unproven" and row["produce_id"].startswith(f"{plan.id}:") and row["visible"]
    english = next(mail for mail in mails if b"put on the table" in mail.read_bytes())
    changed = tmp_path / "changed.eml"
    changed.write_bytes(english.read_bytes().replace(b"put on the table", b"put on the stove"))
    code, rows, said = checked(changed, capsys, "--workspace", at)
    assert (code, [row["seal"] for row in rows]) == (1, ["changed"]) and "was changed" in said
    (tmp_path / "no.eml").write_text("hello\n", encoding="utf-8")
    assert checked(tmp_path / "no.eml", capsys)[0] == 1


def test_what_the_desk_exports_has_no_mark_and_says_so(shop: Shop, shop_files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = shop.plan(shop_files / "brief.yaml")
    with shop.ledger.read() as connection:
        from brandloom.content.desk import read_pieces
        piece = read_pieces(connection, plan=plan.id)[0]
    at = str(shop.workspace.path)
    shop.close()
    capsys.readouterr()
    assert cli.run(["copy", "show", at, piece.id, "--json"]) == 0
    (tmp_path / "text.json").write_text(capsys.readouterr().out, encoding="utf-8")
    pair = {"prompt": [], "chosen": [{"role": "assistant", "content": "better"}], "rejected": [{"role": "assistant", "content": "worse"}]}
    (tmp_path / "pairs.jsonl").write_text(json.dumps(pair) + "\n", encoding="utf-8")
    for name in ("text.json", "pairs.jsonl"):
        assert [(row["what"], row["seal"]) for row in checked(tmp_path / name, capsys)[1]] == [("desk", "none")]
    (tmp_path / "pairs.jsonl").write_text('{"a": 1}\n', encoding="utf-8")
    code, _rows, said = checked(tmp_path / "pairs.jsonl", capsys)
    assert code == 1 and "holds no preference pairs" in said
    assert cli.run(["check-label", str(tmp_path / "text.json")]) == 0
    assert "export of the desk" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(("form", "own", "visible"), [
    ("product_description", None, "AI-generated AI生成"), ("product_description", "uk", "AI-generated"), ("sms", None, "AI-generated")])
def test_marks_follow_the_workspace_where_the_brief_names_no_jurisdiction(workspace: Workspace, form: str, own: str | None, visible: str) -> None:
    text = json.dumps({"lang": "en", "format": form, "products": [KETTLE], **({"jurisdiction": own} if own else {})})
    asked = read_asked(text, source="b")
    made = write_copy(ScriptedTextModel([json.dumps({"text": COPY if form != "sms" else "Aurora Kettle, steel, 1.2 l, matte black: 49 GBP."})]), asked,
                      variants=1)
    assert workspace.config.jurisdictions == ("cn", "eu")
    [piece] = pieces(made, Maker.of(workspace))
    assert piece.mark is not None and piece.mark.visible == visible
    assert pieces(made, studio.NOBODY)[0].mark.visible == "AI-generated"  # type: ignore[union-attr]
    article = articles.write_article(teller(), articles.plan_article(order(brief(**({"jurisdiction": own} if own else {})))), today=TODAY, maker=Maker.of(workspace))
    assert article.mark is not None and article.mark.visible == ("AI-generated" if own else "AI-generated AI生成")
