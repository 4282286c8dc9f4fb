"""Facts of an article: the fields of its products and the sentences beside them, each with what it is about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from brandloom.content.articles.order import Order
from brandloom.content.articles.topics import topic_of_key, topic_of_sentence, topics
from brandloom.content.facts import humanise, plain_text

_NAMES = re.compile(r"^(?:name|title|product_?name|product|brand|manufacturer|名称|商品名称|标题|品名|品牌|店铺|shop)$", re.IGNORECASE)
_UNSAID = re.compile(r"^(?:(?:.*_)?(?:id|sku|url|link|image|picture|img)|.*stock.*|.*reviews?|.*ratings?|number_of_.*|category"
                     r"|类目|分类|编号|图片|库存|链接|评论数|评分)$", re.IGNORECASE)


@dataclass(frozen=True)
class FactItem:
    """One field of one product, or one sentence that is true."""

    product: int | None
    key: str
    value: str
    topics: frozenset[str]

    def text(self, language: str) -> str:
        """As the model is shown it."""
        return f"{self.key}{'：' if language == 'zh' else ': '}{self.value}" if self.key else self.value


def facts_of(order: Order) -> list[FactItem]:
    """Every field worth telling and every fact, in the order of the topics."""
    found = []
    for number, product in enumerate(order.products):
        for key, value in product.items():
            said = value_text(value, order.lang)
            if said and not _NAMES.match(str(key)) and not _UNSAID.match(str(key)) and ">" not in said:
                name = plain_text(str(key)).replace("_", " ")
                found.append(FactItem(number, name, said, frozenset((topic_of_key(name),))))
    rank = list(topics())
    found.sort(key=lambda item: min(rank.index(topic) for topic in item.topics))
    told = [plain_text(fact) for fact in order.facts]
    return [*found, *(FactItem(None, "", fact, frozenset((topic_of_sentence(fact),))) for fact in told if fact)]


def name_of(product: Mapping[str, Any]) -> str:
    """What a product is called on the page."""
    named = next((str(value) for key, value in product.items() if _NAMES.match(str(key)) and value), "")
    return humanise(plain_text(named))


def value_text(value: object, language: str) -> str:
    """A field's value in words, lists joined; '' for nested records, yes and no."""
    if value is None or isinstance(value, (Mapping, bool)):
        return ""
    items = value if isinstance(value, (list, tuple)) else [value]
    return ("、" if language == "zh" else ", ").join(text for item in items if (text := plain_text(str(item))[:400]))


def tokens(text: str) -> set[str]:
    """English words of three letters and more, and pairs of Chinese characters."""
    runs = re.findall("[\u4e00-\u9fff]+", text)
    return {run[at:at + 2] for run in runs for at in range(len(run) - 1)} | set(re.findall(r"[a-z]{3,}", text.lower()))
