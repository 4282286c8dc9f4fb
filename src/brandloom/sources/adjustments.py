"""Lines of an order that are no products: postage, fees, discounts, corrections."""

from __future__ import annotations

import re

CODES = frozenset({"POST", "POSTAGE", "DOT", "BANK CHARGES", "AMAZONFEE", "CRUK", "SHIPPING", "DELIVERY", "DISCOUNT", "FEE", "MANUAL",
                   "ADJUST", "ADJUSTMENT", "SURCHARGE", "TAX", "TIP", "DEPOSIT", "ROUNDING", "运费", "邮费", "YUNFEI"})
_WORDS = re.compile(
    r"(?:\w+[\s-]){0,2}(?:postage|carriage|shipping|delivery|freight|handling|surcharge|(?:bank|service|delivery|amazon|paypal|handling|payment)?\s*"
    r"(?:fees?|charges?)|commission|discounts?|coupon|rebate|manual|adjust(?:ment)?s?|samples?|rounding|deposit|tips?|bad debt|sales tax|vat)"
    r"(?:\s+(?:fees?|charges?|costs?|bad debt|by \w+|on .*|adjustment|entry|- .*))?", re.IGNORECASE)
_CHINESE = re.compile(r"(?:.{0,6})(?:运费|邮费|快递费|配送费|手续费|服务费|包装费|差价|补差|补邮|优惠券?|满减|折扣|红包抵扣|积分抵扣|抹零|押金|定金|税费|调整|样品)"
                      r"(?:补拍|专拍|链接|专用链接|减免|抵扣)?")
_SHORT = re.compile(r"^[A-Z]{1,2}\d?$|^[A-Z ]+$")


def is_adjustment(product: str, name: str | None) -> bool:
    """Whether a product code, or the name it mostly goes by, stands for money that is no sale of goods.

    A code decides alone only if it can mean nothing else. A name must be one of the known phrases from end to end, so that
    'Postage stamp mug' stays a product; English phrases also need a code without a product number, as 'DISCOUNT' or 'M'.
    """
    code = " ".join(product.upper().split())
    if code in CODES:
        return True
    text = " ".join((name or "").split())
    return bool(_CHINESE.fullmatch(text)) or (bool(_WORDS.fullmatch(text)) and (bool(_SHORT.match(code)) or code == text.upper()))
