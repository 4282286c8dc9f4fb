"""Which columns of a file hold personal data, by what they are called and by what is in them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal

from brandloom.govern.names import is_full_name, is_given_name
from brandloom.govern.normal import clean, source_id
from brandloom.govern.patterns import find_personal

Kind = Literal["first_name", "last_name", "full_name", "email", "phone", "address", "id_number", "other"]

SAMPLE = 300  # cells of a column that are looked at
_COVERS = 0.8  # share of a cell's letters that a pattern must take for the cell to be that kind
_MOST = 0.5  # share of cells that makes the column that kind
_SOME = 0.02  # share of cells with an e-mail or id number that makes a column of anything else 'other'
_NAMES = 0.6  # share of cells that look like a person's name; lists of names are never complete
_DISTINCT_NAMES = 5

# Words that turn a column about an address or phone into one about something else: consent, counts, kinds, events.
_ABOUT = re.compile(
    r"\b(?:opt|opted|opt ?ins?|consent|subscri\w*|accepts?|allow\w*|permission|sent|opens?|opened|click\w*|rate|counts?|verified|valid\w*|"
    r"status|types?|brand|model|cases?|covers?|chargers?|campaign|template|subject|flag|is|has|preferences?|preferred|segment|domain|provider|"
    r"scores?|bounce\w*|version|os|accessor\w*|category|cost|price|amount|total|date|time|at|delivered|length|days?|channel|spend|"
    r"impressions|tickets?|visits?|calls|duration|marketing|newsletter)\b"
    r"|是否|状态|次数|数量|类型|型号|品牌|价格|金额|时间|日期|率$|同意|订阅|授权|验证|渠道|分类|类目|手机壳|费用")
_BIRTH = re.compile(r"\bbirth ?(?:day|date|year)?\b|\bdate of birth\b|\bdob\b|出生|生日")
_NO_PERSONS = re.compile(
    r"\b(?:web|url|wallet|store|shop|warehouse|suppliers?|vendors?|company|branch|office|sellers?|merchants?|sender|brand|manufacturer|"
    r"products?|items?|goods)\b|店|仓库|发货地|网址|网站|公司|供应商|商家|卖家|商品|产品|货品|品名|厂家|厂商|企业")
_COARSE = re.compile(r"\b(?:city|town|state|province|region|country|county|continent|district)\b"
                     r"|省份?$|城市$|市$|地区$|区域$|国家$|区县$|区$|所在地$")
_BY_NAME: list[tuple[Kind, re.Pattern[str]]] = [
    ("id_number", re.compile(r"\b(?:id ?card|identity ?(?:card|no|number)|national ?id|passport|ssn|social ?security|tax ?id|citizen ?id|"
                             r"driver'?s? ?licen[cs]e|cpf|dni|nif|id ?(?:no|num|number))\b|身份证|身份号|证件号|护照|社保号|驾照|驾驶证")),
    ("email", re.compile(r"e ?mail(?:s|id| ?addr(?:ess)?)?\b|\bmail ?(?:id|addr(?:ess)?)\b|邮箱|电子邮件|电邮|邮件地址|correo|courriel")),
    ("other", re.compile(r"\bip(?: ?addr(?:ess)?)?\b|ip ?地址|登录ip")),
    ("phone", re.compile(r"phones?(?: ?(?:no|num|number))?\b|\btel(?:ephone|efon|efono|éfono)?\b|\bmobile?(?: ?(?:no|num|number|nummer))?\b|"
                         r"\bcell ?(?:no|num|number)\b|\bmsisdn\b|\bwhats ?app\b|\bfax\b|\bcontact ?(?:no|num|number)\b|\bhandy(?:nummer)?\b"
                         r"|手机|电话|联系方式|座机|传真|手機|電話")),
    ("address", re.compile(r"\bzip(?: ?code)?\b|\bpost(?:al)? ?code\b|\bpostal\b|\bplz\b|\bcep\b|邮编|邮政编码|郵遞區號|邮政区号")),
    ("other", re.compile(r"\bmac ?addr(?:ess)?\b")),
    ("address", re.compile(r"\baddr\b|address(?:es)?\b|\baddress ?(?:line)? ?[0-9]\b|\bstreet\b|\bhouse ?(?:no|num|number|name)\b|\bapartment\b|"
                           r"\bapt\b|\bsuite\b|\badresse\b|\bdirecci[oó]n\b|\bstra(?:ss|ß)e\b|地址|住址|街道|门牌|详细地|收货地点")),
    ("other", re.compile(
        r"\buser ?name\b|\blogin(?: ?name)?\b|\bscreen ?name\b|\bnick ?names?\b|\b(?:wechat|weixin|qq|alipay|instagram|twitter|facebook|telegram|"
        r"line|skype) ?(?:id|no|number|handle|account|name|user)\b|\bopen ?id\b|\bunion ?id\b|\bimei\b|\bidfa\b|\bdevice ?id\b|\bcookie ?id\b|"
        r"\biban\b|\bbank ?account\b|\baccount ?(?:no|num|number)\b|\b(?:credit|debit|bank) ?card(?: ?(?:no|num|number))?\b|\bcard ?(?:no|num|number)\b|"
        r"\b(?:licen[cs]e|number) ?plate\b|\bplate ?(?:no|num|number)\b|\bmiddle ?name\b|\bmaiden ?name\b|"
        r"\b(?:sales ?(?:person|rep|man)|cashier|(?:regional |account |store |sales )?manager|(?:employee|staff|agent|operator|driver|courier) ?name)\b"
        r"|昵称|用户名|登录名|登录账号|微信号|微信id|qq号|支付宝|会员名$|银行卡|信用卡|开户|车牌|网名|旺旺|设备号|业务员|销售员|导购|收银员|店长|客服姓名|快递员")),
    ("first_name", re.compile(r"\b(?:first|given|fore) ?name\b|\bfname\b|\bvorname\b|\bpr[eé]nom\b|^名$")),
    ("last_name", re.compile(r"\b(?:last|family) ?name\b|\bsur ?name\b|\blname\b|\bnachname\b|\bapellidos?\b|^姓$|姓氏")),
    ("full_name", re.compile(
        r"\b(?:customers?|clients?|buyers?|users?|members?|recipients?|receivers?|consignees?|contact|persons?|guest|patient|shopper|subscriber|"
        r"card ?holder|account ?holder|bill(?:ing)?(?: ?to)?|ship(?:ping)?(?: ?to)?|deliver(?:y)?(?: ?to)?|purchaser|payer|payee|owner|full|real|"
        r"legal|reviewer)(?: ?person)?(?:'?s)? ?(?:full ?)?names?\b|\bcontact ?person\b|^(?:consignee|recipient|receiver|addressee|card ?holder|attn)$"
        r"|姓名|收货人|收件人|联系人|客户名|顾客名|买家名|买家姓|会员姓|付款人|持卡人|购买人|下单人|订货人|签收人|收貨人|收件者|聯絡人")),
]
_ID_LIKE = re.compile(r"\b(?:id|ids|code|key|hash)$|编号$|编码$|代码$|(?i:ID)$")
_COULD_BE_NAME = re.compile(r"^(?:names?|nom|nombre|名字)$")
_COULD_BE_PERSON = re.compile(r"^(?:customers?|clients?|buyers?|users?|members?|reviewers?|客户|顾客|买家|会员|用户)$")
_NUMBERS = re.compile(r"\b(?:orders?|invoice|products?|items?|sku|eans?|upc|gtin|barcode|isbn|asin|price|amount|cost|quantity|qty|time|timestamp|date|"
                      r"tracking|parcel|transaction|batch|serial|total|revenue|sales|stock)\b"
                      r"|订单|单号|商品|货号|条码|条形码|价格|金额|数量|时间|日期|运单|流水|编号|库存|销量|销售额")
_PRODUCTS = re.compile(r"\b(?:products?|sku|price|category|brand|stock|asin|isbn|ean|manufacturer)\b|商品|货号|价格|分类|类目|品牌|库存")
_UK_POSTCODE = re.compile(r"[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?[0-9]+(?:[.,][0-9]+)*")
_HASH = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")
_YES_NO = frozenset({"0", "1", "y", "n", "yes", "no", "true", "false", "t", "f", "是", "否", "有", "无", "0.0", "1.0"})
_OF_FOUND: dict[str, Kind] = {"email": "email", "phone": "phone", "id_number": "id_number", "address": "address"}


def find_personal_columns(columns: Mapping[str, Sequence[object]]) -> dict[str, Kind]:
    """Name the columns that hold personal data, and of which kind.

    A name is believed unless the cells speak against it ('email' full of yes and no); cells are believed whatever the name.
    City, region and country are coarse and stay; a postcode counts as an address. 'other' is personal, but nothing a message
    would use: accounts, cards, birthdays, IP addresses, names of staff. Free text with a phone in some cell is not a personal
    column: `scrub` it.

    Args:
        columns: some cells by column name, a few hundred; empty ones do not count. Without cells the name decides.
    """
    cells = {name: _sample(values) for name, values in columns.items()}
    kinds: dict[str, Kind] = {}
    for name, sample in cells.items():
        kind = _decide(spoken(name), sample)
        if kind is not None:
            kinds[name] = kind
    for name, sample in cells.items():
        if name not in kinds and _COULD_BE_NAME.search(spoken(name)) and _is_persons_name(name, sample, kinds, columns):
            kinds[name] = "full_name"
    return {name: kinds[name] for name in columns if name in kinds}


def spoken(name: str) -> str:
    """A column name as words in lower case: 'shipToName', 'ship_to_name' and 'Ship-To Name' are all 'ship to name'."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", clean(name))
    return " ".join(re.sub(r"[^\w']+|_", " ", name).lower().split())


def _decide(name: str, sample: list[str]) -> Kind | None:
    named, held = _by_name(name), _by_content(name, sample)
    if held in {"email", "phone", "id_number"} or (held is not None and named is None):
        return held
    if named is not None and not _denied(named, sample):
        return "other" if sample and sum(map(bool, map(_HASH.fullmatch, sample))) > _MOST * len(sample) else named
    return held


def _by_name(name: str) -> Kind | None:
    if _BIRTH.search(name):
        return "other"
    if _ABOUT.search(name) or _COARSE.search(name):
        return None
    for kind, pattern in _BY_NAME:
        if pattern.search(name):
            if kind in {"address", "full_name"} and (_NO_PERSONS.search(name) or (_ID_LIKE.search(name) and "code" not in name)):
                return None
            return kind
    return None


def _by_content(name: str, sample: list[str]) -> Kind | None:
    if not sample:
        return None
    counts = Counter(kind for kind in (_cell_kind(cell) for cell in sample) if kind is not None)
    if _NUMBERS.search(name):
        counts = Counter({kind: counts[kind] for kind in ("email", "id_number") if counts[kind]})
    if counts:
        kind, most = counts.most_common(1)[0]
        if most >= _MOST * len(sample):
            return kind
        if counts["email"] + counts["id_number"] >= _SOME * len(sample) or counts.total() >= _MOST * len(sample):
            return "other"
    if _NO_PERSONS.search(name) or _COARSE.search(name) or _NUMBERS.search(name) or _PRODUCTS.search(name):
        return None
    return _name_kind(sample)


def _cell_kind(cell: str) -> Kind | None:
    found = find_personal(cell)
    if found and max(one.end - one.start for one in found) >= _COVERS * len(cell):
        longest = max(found, key=lambda one: one.end - one.start)
        return _OF_FOUND.get(longest.kind, "other")
    if found and found[0].kind == "address" and found[0].start < 0.3 * len(cell) < 30:
        return "address"
    return "address" if _UK_POSTCODE.fullmatch(cell) and " " in cell else None


def _name_kind(sample: list[str]) -> Kind | None:
    for kind, test in (("full_name", is_full_name), ("first_name", is_given_name)):
        alike = [cell for cell in sample if test(cell)]
        if len(alike) >= _NAMES * len(sample) and len(set(alike)) >= _DISTINCT_NAMES:
            return "full_name" if kind == "full_name" else "first_name"
    return None


def _denied(kind: Kind, sample: list[str]) -> bool:
    """Whether the cells cannot be what the name says."""
    if not sample:
        return False

    def share(test: object) -> float:
        return sum(1 for cell in sample if callable(test) and test(cell)) / len(sample)

    if share(lambda cell: cell.lower() in _YES_NO) > _MOST:
        return True
    match kind:
        case "email":
            return share(lambda cell: "@" in cell or _HASH.fullmatch(cell)) < 0.1
        case "phone":
            return share(lambda cell: sum(letter.isdigit() for letter in cell) >= 6 or _HASH.fullmatch(cell)) < 0.3
        case "id_number":
            return share(lambda cell: sum(letter.isalnum() or letter == "*" for letter in cell) >= 8) < _MOST
        case "full_name" | "first_name" | "last_name":
            return share(_NUMBER.fullmatch) > _MOST
        case "address":
            return share(lambda cell: _NUMBER.fullmatch(cell) and len(cell) < 3) > _MOST
        case _:
            return False


def _is_persons_name(name: str, sample: list[str], kinds: Mapping[str, Kind], columns: Mapping[str, object]) -> bool:
    """A column called just 'name': a person's beside an e-mail or phone, a product's beside a price; else the cells decide."""
    others = [spoken(other) for other in columns if other != name]
    beside_products = any(_PRODUCTS.search(other) for other in others)
    if kinds and not beside_products:
        return not _denied("full_name", sample)
    return _name_kind(sample) is not None


def _sample(values: Sequence[object]) -> list[str]:
    """Up to 300 non-empty cells as text, spread over what was given."""
    step = max(1, len(values) // SAMPLE)
    cells = (source_id(str(value)) for value in values[::step] if value is not None)
    return [cell for cell in cells if cell and cell.lower() not in {"nan", "null", "none", "n/a", "-"}][:SAMPLE]
