"""What a rule may ask about a customer: the shop's own columns, and what `learn` wrote about them.

Names are those of the columns; each has a Chinese name that the text form reads and prints as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from brandloom.errors import DataError
from brandloom.i18n import _

Kind = Literal["number", "text", "date", "any"]
ATTRIBUTE = "attribute."
"""A field of this prefix is a key of `customers.attributes`; what it is compared with says how its value is read."""


@dataclass(frozen=True)
class Field:
    """One column: where it is, what it holds, and its Chinese name."""

    name: str
    table: str
    kind: Kind
    zh: str


def _fields(table: str, kind: Kind, names: dict[str, str]) -> dict[str, Field]:
    return {name: Field(name, table, kind, zh) for name, zh in names.items()}


FIELDS: dict[str, Field] = {
    **_fields("customers", "text", {"country": "国家", "language": "语言"}),
    **_fields("customers", "date", {"first_seen": "首次出现"}),
    **_fields("profiles", "date", {"first_purchase_at": "首次购买日", "last_purchase_at": "最近购买日"}),
    **_fields("profiles", "number", {
        "orders": "订单数", "items": "件数", "n_products": "商品种数", "net_revenue": "净消费额", "monetary_value": "购买日均额",
        "avg_basket": "平均客单价", "last_basket": "上次客单价", "max_basket": "最高客单价", "products_per_order": "每单商品数",
        "returns_share": "退货占比", "returns_90d": "九十天退货数", "frequency": "复购次数", "purchase_days": "购买天数",
        "known_days": "认识天数", "days_since_last": "距上次购买天数", "recency_days": "购买跨度天数", "T_days": "距首次购买天数",
        "mean_gap_days": "平均间隔天数", "last_gap_days": "上次间隔天数", "max_gap_days": "最长间隔天数", "overdue_ratio": "逾期倍数",
        "active_months": "活跃月数", "days_since_visit": "距上次访问天数", "favourite_weekday": "常买星期", "favourite_hour": "常买时刻",
        "favourite_category_share": "偏好品类占比", "discount_share": "低价购买占比", "price_level": "价格档位"}),
    **_fields("profiles", "text", {"favourite_category": "偏好品类", "favourite_product": "偏好商品"}),
    **_fields("segments", "text", {"segment": "生命周期", "persona": "人群画像"}),
    **_fields("segments", "number", {"r_score": "近度分", "f_score": "频度分", "m_score": "额度分"}),
    **_fields("predictions", "number", {"p_purchase": "购买概率", "expected_spend": "预期消费额"}),
}
BY_CHINESE = {field.zh: name for name, field in FIELDS.items()}
LEARNED = ("profiles", "segments", "predictions")
"""Tables that hold one moment's knowledge; their `as_of` must not be later than the moment a rule is evaluated at."""


def field_of(name: str) -> Field:
    """The field of this name, in English or Chinese.

    Raises:
        DataError: there is none; names some that there are.
    """
    if name.startswith(ATTRIBUTE):
        if not re.fullmatch(r"\w{1,60}", name.removeprefix(ATTRIBUTE)):
            raise DataError(_("'{name}' is not an attribute. Its key has letters, digits and _ only, such as attribute.tier."), name=name)
        return Field(name, "customers", "any", name)
    found = FIELDS.get(BY_CHINESE.get(name, name))
    if found is None:
        raise DataError(_("Unknown field '{name}'. Known: {known}, and attribute.KEY for what else a customers file holds."),
                        name=name, known=", ".join(FIELDS))
    return found
