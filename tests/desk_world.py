"""A desk with texts on it, in Chinese and English."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from brandloom.content import desk, studio
from brandloom.content.desk import Desk, Piece
from brandloom.govern import Audit
from brandloom.ledger import Ledger
from brandloom.llm import ScriptedTextModel
from brandloom.workspace import ApprovalConfig

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
KEY = b"k" * 32
CUP = {"名称": "云杉保温杯", "材质": "316不锈钢", "容量": "500毫升", "颜色": "墨绿色", "价格": "129元"}
KETTLE = {"name": "Aurora Kettle", "capacity": "1.2 l", "material": "steel", "colour": "matte black", "price": "49 GBP"}
ZH = "出门前灌满一杯热水，放进包里。云杉保温杯用316不锈钢做成，容量500毫升，墨绿色，129元。"
OTHER_ZH = "下雨的早上，车站的长椅上，打开杯盖喝一口。墨绿色的云杉保温杯，500毫升，316不锈钢，129元。"
EN = "Fill it, put it on, and sit down for a minute. The Aurora Kettle in matte black holds 1.2 l. It is made of steel. 49 GBP."
WORDS = {"云杉保温杯": "Spruce Flask", "316不锈钢": "316 stainless steel", "墨绿色": "dark green"}
SAID = {"出门前灌满一杯热水，放进包里。": "Before you go out, fill it with hot water and put it in your bag.",
        "[1]用[2]做成，容量[3]，[4]，[5]。": "The [1] is made of [2], holds [3], comes in [4] and costs [5]."}


def asked(**changes: Any) -> studio.Asked:
    brief = {"lang": "zh", "format": "product_description", "products": [CUP]} | changes
    return studio.read_asked(json.dumps(brief, ensure_ascii=False), source="brief.json")


def written(*texts: str, **changes: Any) -> desk.Kept:
    replies = [json.dumps({"text": text}, ensure_ascii=False) for text in texts]
    return desk.from_written(studio.write_copy(ScriptedTextModel(replies), asked(**changes), variants=len(texts)))


def opened(ledger: Ledger, **limits: Any) -> Desk:
    return Desk(ledger, Audit(ledger, KEY), approval=ApprovalConfig(**limits), machines=["qwen2.5"])


def kept(at: Desk, *texts: str, brand: str = "Spruce", **changes: Any) -> Piece:
    return at.keep(written(*(texts or (ZH,)), **changes), brand=brand, by="Ana", now=NOW)[0]


def versions(ledger: Ledger, piece: str) -> list[desk.Version]:
    with ledger.read() as connection:
        return desk.read_versions(connection, desk.find_piece(connection, piece))


def found(ledger: Ledger, piece: str) -> Piece:
    with ledger.read() as connection:
        return desk.find_piece(connection, piece)
