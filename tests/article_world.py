"""Briefs of articles, and a model that tells their facts."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from brandloom.content import articles
from brandloom.content.articles import plan_article, read_order, write_article
from brandloom.llm import Message, ScriptedTextModel

TODAY = date(2026, 11, 22)
KETTLES = [
    {"name": "Aurora Kettle", "material": "steel", "capacity": "1.2 l", "colour": "matte black", "power": "2200 W", "price": "49 GBP", "stock": 12},
    {"name": "Borealis Kettle", "material": "glass", "capacity": "1.7 l", "colour": "clear", "power": "2400 W", "price": "59 GBP", "stock": 0},
]
CUP = {"名称": "云杉保温杯", "材质": "316不锈钢", "容量": "500毫升", "颜色": ["墨绿色", "米白色"], "重量": "320克", "价格": "129元", "库存": 30}
PAGES = [{"url": "/kettles/glass", "title": "Glass kettles", "keywords": ["glass"]}, {"url": "https://shop.example/returns", "title": "Returns"}]


def brief(**changes: Any) -> dict[str, Any]:
    return {"lang": "en", "format": "guide", "topic": "kettle", "products": KETTLES, "facts": ["You can return any kettle within 30 days."],
            "shop": {"name": "Harbour Shop", "url": "https://shop.example"}, "pages": PAGES} | changes


def chinese(**changes: Any) -> dict[str, Any]:
    return {"lang": "zh", "format": "seo", "topic": "保温杯", "products": [CUP], "facts": ["下单后48小时内发货。"],
            "shop": {"name": "木桥生活", "url": "https://muqiao.example"}} | changes


def order(content: dict[str, Any]) -> articles.Order:
    return read_order(json.dumps(content, ensure_ascii=False), source="brief.json")


def plain(content: dict[str, Any]) -> articles.Article:
    return write_article(None, plan_article(order(content)), today=TODAY)


def teller(*, lie: str = "") -> ScriptedTextModel:
    """A model that tells the facts of each section in a sentence of its own, followed by a lie where one is given."""
    openings = {"en": ("Here is what we know", "Have a look at this", "A few facts to begin with", "In short", "Take your time and compare"),
                "zh": ("先看看这些", "出门前可以了解一下", "简单说说", "对照着看一看", "放进购物车之前")}

    def reply(messages: Sequence[Message], _schema: object) -> str:
        request = messages[-1].content
        language = "zh" if "事实\n" in request else "en"
        facts = re.split("事实\n|Facts\n", request)[1].splitlines()[0].rstrip("。.")
        opening = openings[language][sum(map(ord, facts)) % 5]
        text = f"{opening}：{facts}。看看是否适合你。" if language == "zh" else f"{opening}: {facts}. Think of the cup of tea you would make."
        return json.dumps({"text": text + lie}, ensure_ascii=False)
    return ScriptedTextModel(reply)
