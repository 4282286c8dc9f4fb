"""What records state: figures with what they are about, concepts that hold or are denied, and every word they use."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache

from brandloom.content.checks.claims import TOKEN, Mention, broader, mentions, same_word
from brandloom.content.checks.figures import Figure, plain, read_figures
from brandloom.content.checks.normalise import fold
from brandloom.content.checks.offers import stated_offers
from brandloom.content.checks.products import Product, products_of
from brandloom.content.checks.roles import role_at, roles_of_key
from brandloom.content.checks.tables import read_table
from brandloom.content.checks.units import MONEY_SIGNS, UNITS

_SHORT_UNITS = "glwvhm克升米天年"
"""Units of one letter that the name of a field may end in."""
_NONE_LEFT = re.compile(r"\bsold out\b|\bunavailable\b|\bout of stock\b|售罄|缺货|断货|已卖完", re.IGNORECASE)
_BUNDLE = re.compile("(?:[0-9]+|[一二三四五六七八九十两]+)[块瓶支件盒袋包条只个罐]装$")
"""Names of fields with the price of so many together."""
_PARTS = re.compile("[,;，；。、]| and ")
MOST_FIELDS, MOST_DEPTH, LONGEST = 5000, 12, 20_000
"""Bounds on what is read of a record: fields, nesting, characters of one value."""
_NO = frozenset(("", "no", "none", "false", "n/a", "na", "null", "nil", "-", "not", "0", "否", "无", "没有", "不", "不支持", "不含", "暂无",
                 "不可", "不需要", "不能"))
_ENDS = frozenset(("min", "max", "low", "mid", "high"))
"""Names of the ends of a span, which are no minutes."""
_SAYS_NO = frozenset(("no", "none", "false", "not", "否", "无", "没有", "不", "不支持", "不含", "不可", "不需要", "不能"))
_YES = frozenset(("yes", "true", "y", "ok", "included", "是", "有", "支持", "可", "可以", "含", "需要", "能", "✓", "√"))
_NEGATION_EN = re.compile(r"\b(?:nothing to|keep\w* (?:it|them) (?:away from|out of)|no|not|without|never|non|zero|neither|nor|cannot"
                          r"|nobody (?:has|had)|free (?:of|from)|(?:wo|do|does|is|are|need|ca)n?['’]t)\b"
                          r"(?! (?:only|just|merely|if|when|unless|once)\b)[\s-]*(?:[\w-]+[\s-]+){0,3}$", re.IGNORECASE)
_NEGATION_ZH = re.compile("(?:不(?!仅|但|只|光|断|锈)[带]?|无(?!线)|没有?|非|免|未|零)[需用要含有易会必须添加任何支持提供接受享]{0,4}$|(?:别|勿"
                          "|不(?:要|能|可|宜|得))[^，。！？]{0,3}$")


@dataclass(frozen=True)
class Stated:
    """A figure of a record and what it is about."""

    figure: Figure
    roles: frozenset[str]
    said: str
    """Field and value in the record's words."""
    owners: frozenset[str] = frozenset()
    """Words of the field's name and of the part of its value that the figure stands in: whose figure it is."""


@dataclass
class Ground:
    """All that a set of records bears out."""

    stated: list[Stated] = field(default_factory=list)
    affirmed: set[str] = field(default_factory=set)
    denied: set[str] = field(default_factory=set)
    entries: dict[str, set[str]] = field(default_factory=dict)
    """Bag of entries -> those the records use."""
    words: set[str] = field(default_factory=set)
    text: str = ""
    """Every value and key, folded, in lower case."""
    fields: list[tuple[str, str]] = field(default_factory=list)
    absent: set[str] = field(default_factory=set)
    """Names of fields that say no, in lower case."""
    sold_out: set[str] = field(default_factory=set)
    """Names of kinds of which none is left, in lower case: 'ochre' of 'stock: {slate: 4, ochre: 0}', 'l rust' of 'sold_out: [L rust]'."""
    offers: frozenset[tuple[Decimal, Decimal]] = frozenset()
    """So many pieces for so many prices."""
    products: list[Product] = field(default_factory=list)
    """The products of a list of records; none where there is one product."""
    translated: str = ""
    """The commonest nouns of the records in the other language, one a line."""
    holding: str = ""
    """Every field that does not say no, as 'key value' in lower case, one a line; those that do follow as 'key no'."""

    @property
    def speaks_chinese(self) -> bool:
        return re.search("[\u4e00-\u9fff]", self.text) is not None

    @property
    def speaks_english(self) -> bool:
        return re.search("[a-z]{3,} ?[a-z]{2,}", "\n".join(value for _key, value in self.fields), re.IGNORECASE) is not None

    def quoted(self, text: str) -> list[tuple[int, int]]:
        """Places where a text repeats a value of the records letter for letter, a name above all."""
        low, found = text.lower(), []
        for _key, value in self.fields:
            value = value.strip().lower()
            if len(value) >= (2 if not value.isascii() else 4) and value in low and _is_wording(value):
                whole = rf"(?<![a-z0-9]){re.escape(value)}(?![a-z0-9])" if value.isascii() else re.escape(value)
                found += [match.span() for match in re.finditer(whole, low)]
        return found

    def says(self, kind: str, roles: Iterable[str] = ()) -> str:
        """Up to three stated values of a kind, those of the same role first; empty without one."""
        wanted = set(roles)
        same = [item for item in self.stated if item.figure.kind == kind]
        near = [item for item in same if item.roles & wanted] or same
        return "; ".join(dict.fromkeys(item.said for item in near[:3]))

    def tells(self, kind: str) -> str:
        """Up to two fields on what a class of claims is about, as 'field: value'; empty without one."""
        pattern = _TOLD_BY.get(kind)
        rows = [f"{key}: {value}"[:80] for key, value in self.fields if pattern is not None and pattern.search(key) and value.strip()]
        return "; ".join(dict.fromkeys(rows[:2]))

    def holds(self, mention: Mention) -> bool:
        """True when a concept of the mention holds by the records."""
        for concept in mention.concepts:
            if concept.is_bag:
                used = self.entries.get(concept.name, set())
                if mention.entry.isascii() and " " not in mention.entry and stem(mention.entry) in {stem(entry) for entry in used if entry.isascii()}:
                    return True
                other_script = bool(used) and all(entry.isascii() != mention.entry.isascii() for entry in used)
                if mention.entry in used or (other_script and not (self.speaks_english if mention.entry.isascii() else self.speaks_chinese)):
                    return True
            elif concept.name in self.affirmed:
                return True
        return False

    def denies(self, mention: Mention) -> bool:
        return any(concept.name in self.denied or f"{concept.name}:{mention.entry}" in self.denied for concept in mention.concepts)


def ground(records: object, *, currency: str = "") -> Ground:
    """Read what records state; any JSON value will do, and what cannot be read states nothing. A `Ground` is returned as it is."""
    if isinstance(records, Ground):
        return records
    out = Ground(products=products_of(records))
    for path, value, scope in _fields(records, (), {}, 0):
        if len(out.fields) >= MOST_FIELDS:
            break
        key = _spaced(path[-1]) if path else ""
        text = fold(_text(value))[:LONGEST]
        out.fields.append((" ".join(map(_spaced, path)), text))
        if text.strip().lower() in _SAYS_NO and 1 < len(key) < 40:
            out.absent |= {key.lower(), key.lower().replace(" ", "")}
        _read_words(out, key, text)
        if len(path) > 1 and "stock" in roles_of_key(_spaced(path[-2])) and text.strip() == "0" and len(key) > 1 and not roles_of_key(key):
            out.sold_out.add(key.lower())
        if _NONE_LEFT.search(key) and text.strip().lower() not in _NO | _YES and len(text) < 40:
            out.sold_out.add(text.strip().lower())
            out.affirmed.add("sold out")
        _read_concepts(out, key, text, value)
        out.stated += _read_figures(path, text, value, scope or currency)
    out.text = "\n".join(f"{key} {text}" for key, text in out.fields).lower()
    out.holding = "\n".join(f"{key} {'no' if text.strip().lower() in _NO else text}" for key, text in out.fields).lower()
    out.offers = stated_offers(out.fields)
    _translate(out)
    _derive(out)
    return out


_TOLD_BY = {kind: re.compile(words, re.IGNORECASE) for kind, words in {
    "material": "material|fabric|frame|shell|材质|面料|材料", "colour": "colou?r|颜色|配色", "origin": "origin|made in|产地|原产",
    "ingredient": "ingredient|配料|成分|原料", "brand": "brand|maker|manufacturer|品牌|厂家", "award": "award|certif|standard|奖|认证|标准",
    "delivery": "deliver|dispatch|shipping|发货|配送|送达|到货", "guarantee": "warranty|guarantee|returns|质保|保修|退", "stock": "stock|库存",
    "discount": "offer|discount|was|saving|优惠|原价|活动|满减", "price": "price|价格?$|售价", "gift": "gift|free|included|赠|附",
    "testimonial": "review|rating|sold|评价|评分|已售|销量", "date": "until|date|start|end|截止|日期|时间", "audience": "age|for|适合|适用",
    "process": "process|method|finish|工艺"}.items()}
"""Class of claims -> names of the fields that state such things."""


@lru_cache(maxsize=50_000)
def negated(text: str, start: int, end: int) -> bool:
    """True when the words at a place are denied: 'no ...', '...-free', 不..."""
    before = re.split(r"[,.;!?，。；！？]", text[max(0, start - 40):start])[-1]
    return bool(_NEGATION_EN.search(before) or _NEGATION_ZH.search(before) or re.match(r"[\s-]free\b", text[end:], re.IGNORECASE))


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """The word without common endings, to compare words of a text with those of a record."""
    word = same_word(word)
    for ending in ("ation", "ingly", "ing", "edly", "ed", "ly", "able", "ers", "er", "y", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending)
    return word


def _is_wording(value: str) -> bool:
    """False for a value that is a figure and nothing else, which only its own field bears out."""
    rest = list(value)
    for figure in read_figures(value):
        rest[figure.start:figure.end] = " " * (figure.end - figure.start)
    return bool(re.search("[a-z]{3}|[\u4e00-\u9fff]{2}", "".join(rest)))


def _fields(value: object, path: tuple[str, ...], around: dict[str, str], depth: int) -> Iterator[tuple[tuple[str, ...], object, str]]:
    """Path, scalar and currency of every field."""
    if depth > MOST_DEPTH:
        return
    if isinstance(value, dict):
        sign = next((_currency(item) for key, item in value.items()
                     if isinstance(item, str) and re.search("currency|币种|货币", str(key), re.IGNORECASE)), "")
        around = {"currency": sign or around.get("currency", "")}
        for key, item in value.items():
            yield from _fields(item, (*path, str(key)), around, depth + 1)
        if path and len(value) > 1 and all(isinstance(item, int) and not isinstance(item, bool) for item in value.values()) and not (
                _unit_of(_spaced(path[-1])) or roles_of_key(_spaced(path[-1])) - {"pieces"} or value.keys() & _ENDS):
            yield (*path, "count of " + path[-1]), sum(value.values()), ""
    elif isinstance(value, (list, tuple, set, frozenset)):
        items = list(value)
        if not items and path:
            yield path, "", around.get("currency", "")
        if len(items) > 1 and path:
            yield (*path, "count of " + path[-1]), len(items), ""
        for item in items:
            yield from _fields(item, path, around, depth + 1)
    else:
        yield path, value, around.get("currency", "")
        words = re.split("[、/]", value) if isinstance(value, str) and path else []
        if 1 < len(words) <= 12 and all(re.fullmatch("[\u4e00-\u9fff]{1,6}", word.strip()) for word in words):
            yield (*path, "count of " + path[-1]), len(words), ""


def _currency(text: str) -> str:
    return MONEY_SIGNS.get(text.strip().lower(), text.strip().upper() if re.fullmatch("[A-Za-z]{3}", text.strip()) else "")


def _text(value: object) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (float, Decimal)):
        return plain(Decimal(str(value))) if abs(Decimal(str(value))) < 10**15 else ""
    if isinstance(value, int):
        return str(value) if abs(value) < 10**15 else ""
    return str(value)


@lru_cache(maxsize=20_000)
def _mentions(text: str) -> tuple[Mention, ...]:
    """Names and values of fields come back with every record of a shop."""
    return tuple(mentions(text))


@lru_cache(maxsize=20_000)
def _figures(text: str) -> tuple[Figure, ...]:
    return tuple(read_figures(text))


@lru_cache(maxsize=20_000)
def _spaced(key: str) -> str:
    key = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", fold(key[:200]))
    return " ".join(re.sub(r"[_\-./()\[\]（）:：]+", " ", key).split())


def _read_words(out: Ground, key: str, text: str) -> None:
    for part in (key, text):
        out.words.update(stem(match.group()) for match in TOKEN.finditer(part))


def _read_concepts(out: Ground, key: str, text: str, value: object) -> None:
    bare = text.strip().lower()
    absent = bare in _NO
    out.absent |= {f"含{match}" for match in re.findall("([\u4e00-\u9fff]{1,4})(?:需?另购|需?另配|需?自备|不含)", text)}
    if "fee" in roles_of_key(key) and re.search("到付|自付|自理|买家(?:付|承担)", text):
        out.denied.add("free shipping")
    if re.search(r"\bnot included\b|\bsold separately\b", text, re.IGNORECASE) and 2 < len(key) < 40:
        out.absent.add(f"{key.lower()} included")
    for mention in _mentions(key):
        if any(concept.kind == "discount" for concept in mention.concepts) and roles_of_key(key) & {"price", "was"}:
            continue
        fee = roles_of_key(key) & {"fee"} or mention.entry.startswith(("运费", "邮费"))
        if absent and not (bare == "0" and fee):
            _deny(out, mention)
        elif not (fee and bare not in _YES):
            _affirm(out, mention, negated(key, mention.start, mention.end))
    if absent or bare in _YES:
        return
    for mention in _mentions(text):
        _affirm(out, mention, negated(text, mention.start, mention.end))
    if re.search(r"\bsale|\boffer|\bpromo|\bdiscount|促销|优惠|活动|特价", key, re.IGNORECASE) and any(
            item.kind == "date" for item in _figures(text)):
        out.affirmed.update(("discount", "sale"))
    if "delivery" in roles_of_key(key) and re.search(r"\bfree\b|包邮|免", text, re.IGNORECASE):
        out.affirmed.add("free shipping")
    if re.search("颜色|配色|色", key) and not text.isascii():
        for part in re.findall("[\u4e00-\u9fff]+", text):
            for mention in mentions(f"{part}色"):
                _affirm(out, mention, denied=False)
    # 'delivery: free' says as much as 'free delivery'.
    if len(text) < 40:
        for mention in mentions(f"{text} {key}" if text.isascii() else f"{text}{key}"):
            if mention.start < len(text) < mention.end:
                _affirm(out, mention, denied=False)


def _affirm(out: Ground, mention: Mention, denied: bool) -> None:
    if denied:
        _deny(out, mention)
        return
    for concept in mention.concepts:
        out.affirmed |= broader(concept.name)
        out.entries.setdefault(concept.name, set()).add(mention.entry)


def _deny(out: Ground, mention: Mention) -> None:
    out.denied |= {f"{concept.name}:{mention.entry}" if concept.is_bag else concept.name for concept in mention.concepts}


def _read_figures(path: tuple[str, ...], text: str, value: object, currency: str) -> list[Stated]:
    key = _spaced(path[-1]) if path else ""
    said = f"{path[-1] if path else ''}: {text}"[:80].strip(": ")
    above = _spaced(path[-2]) if len(path) > 1 else ""
    # 'price: {now: 12}' and 'size_cm: {width: 40}' say with the outer name what the inner number is.
    named = f"{key} {above}" if above and (key.lower() in _ENDS or not (roles_of_key(key) or _unit_of(key))) else key
    out = [Stated(item, frozenset(), said) for item in _figures(key)
           if item.kind not in ("count", "money") or (_BUNDLE.match(key) if item.kind == "money" else not re.search(r"\d", item.text))]
    for item in _figures(text):
        for one in _typed(item, named, currency):
            own = roles_of_key(key, one.kind) or (roles_of_key(above, one.kind) if above else frozenset())
            if "rating" in own and re.search(r"\bcount|number|total|人数|数量|条数", key, re.IGNORECASE):
                own = frozenset(("reviews",))
            if "fee" in own and "threshold" in role_at(text, item.start, item.end, one.kind):
                own = frozenset(("threshold",))
            out.append(Stated(one, own or role_at(text, item.start, item.end, one.kind), said, _owners(f"{key} {above}", text, item)))
    return out


def _owners(key: str, text: str, figure: Figure) -> frozenset[str]:
    """Stems of the English words of a name and of the part of a value around a figure, and a Chinese name without its unit."""
    low = max((match.end() for match in _PARTS.finditer(text, 0, figure.start)), default=0)
    after = _PARTS.search(text, figure.end)
    part = text[low:figure.start] + " " + text[figure.end:after.start() if after else len(text)] if low or after else ""
    words = {stem(word) for word in re.findall("[a-z]{3,}", f"{key} {part}".lower()) if word not in UNITS and word not in _ENDS}
    name = re.sub("(?:数量?|个数)$", "", (key.split() or [""])[0])
    return frozenset(words | ({name} if re.fullmatch("[\u4e00-\u9fff]{2,6}", name) else set()))


def _typed(item: Figure, key: str, currency: str) -> list[Figure]:
    """A bare number in the unit of its field: price -> money, weight_g -> mass, discount -> per cent."""
    roles = roles_of_key(key)
    if item.kind == "money":
        # 100块 is a hundred blocks where the field counts pieces.
        blocks = "pieces" in roles and item.text.endswith("块")
        return [replace(item, kind="count", unit="") if blocks else replace(item, unit=item.unit or currency)]
    if item.kind != "count":
        return [item]
    if _BUNDLE.match(key):
        return [replace(item, kind="money", unit=currency)]
    tokens = key.lower().split()
    sign = next((MONEY_SIGNS[token] for token in tokens if token in MONEY_SIGNS), "")
    if "saving" in roles:
        percent = item.number * 100 if 0 < item.number < 1 else item.number
        if re.search(r"percent|pct|%|百分", key, re.IGNORECASE):
            return [replace(item, kind="percent", number=percent)]
        return [replace(item, kind="percent", number=percent), replace(item, kind="money", unit=sign or currency)]
    if roles & {"price", "was", "fee", "threshold"} or sign:
        return [replace(item, kind="money", unit=sign or currency)]
    if tokens and (tokens[-1] in ("percent", "pct", "%", "rate") or key.endswith(("率", "比例", "百分比", "占比"))):
        return [replace(item, kind="percent"), item]
    unit = _unit_of(key)
    if unit:
        kind, base, size = UNITS[unit]
        return [replace(item, kind=kind, number=item.number * size, unit=base, text=f"{item.text} {unit}")]
    return [item]


def _unit_of(key: str) -> str | None:
    """The unit in which the name of a field says its number is."""
    key = re.sub(r"(?<=[\u4e00-\u9fff])([\u4e00-\u9fff]{2})$", lambda match: f" {match[1]}" if match[1] in UNITS else match[1], key)
    key = re.sub("(?<=[\u4e00-\u9fff]{2})([克升米天月年])$|(天|月|年|小时|分钟)[数限]$",
                 lambda match: " " + (match[1] or match[2]).replace("月", "个月"), key)
    tokens = ["inch" if word == "in" else word for word in key.lower().split()[-1:]] if key.lower().endswith(" in") else key.lower().split()
    # 'min age' is no age in minutes, and 'L' is a size.
    if re.match("(?:[SML]|X+[SL])(?: |$)", key) or (key.lower().endswith(" min") and roles_of_key(key) & {"age", "players", "threshold", "price"}):
        return None
    return next((word for word in reversed(tokens) if word in UNITS and (len(word) > 1 or word in _SHORT_UNITS) and (word not in ("min", "sec")
                                                                                                               or word == tokens[-1])), None)


def _translate(out: Ground) -> None:
    """The words of the commonest product nouns in the other language, so that 'hood' bears 连帽 out."""
    found: list[str] = []
    for english, chinese, stems in _nouns():
        if any(parts <= out.words for parts in stems) or any(word in out.text for word in chinese):
            found += [*english, *chinese]
            out.words.update(*stems)
    out.translated = "\n".join(found)


@cache
def _nouns() -> tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[frozenset[str], ...]], ...]:
    """English names, Chinese names of two characters or more, and the stems of the English ones, by noun."""
    rows = ((row["en"].split(";"), row["zh"].split(";")) for row in read_table("nouns.tsv"))
    return tuple((tuple(english), tuple(word for word in chinese if len(word) > 1),
                  tuple(frozenset(stem(match.group()) for match in TOKEN.finditer(name)) for name in english)) for english, chinese in rows)


def _derive(out: Ground) -> None:
    """Concepts that figures bear out: a lower price than before is a discount, no fee is free delivery."""
    money = [item for item in out.stated if item.figure.kind == "money"]
    prices = [item.figure.number for item in money if "price" in item.roles]
    before = [item.figure.number for item in money if "was" in item.roles]
    if prices and before:
        (out.affirmed if max(before) > min(prices) else out.denied).update(("discount", "sale"))
    if any("saving" in item.roles and item.figure.number for item in out.stated):
        out.affirmed.update(("discount", "sale"))
    if any("fee" in item.roles and item.figure.number == 0 for item in money):
        out.affirmed.add("free shipping")
    several = len({item.figure.number > 0 for item in out.stated if "stock" in item.roles and item.figure.kind == "count"}) > 1
    for item in out.stated:
        number, roles = item.figure.number, item.roles
        if "rating" in roles and number > 0:
            out.affirmed.add("rated")
        if "reviews" in roles and number > 0:
            out.affirmed.add("reviews")
        if "sold" in roles and number > 0:
            out.entries.setdefault("popular+", set()).update(("卖出", "售出", "已售", "销量", "月销", "累计销售"))
        if "stock" in roles and item.figure.kind == "count":
            out.affirmed.add("in stock" if number > 0 else "sold out")
            if not several:
                out.denied.add("sold out" if number > 0 else "in stock")
            if 0 < number <= 10:
                out.affirmed.add("few left")
        if "delivery" in roles and item.figure.kind == "duration":
            out.affirmed |= {"next day", "fast delivery"} if number == 24 else {"same day", "fast delivery"} if number < 24 else set()
        if "dispatch" in roles and item.figure.kind == "duration" and number <= 24:
            out.affirmed.add("dispatched next day")
        if "warranty" in roles and number > 0:
            out.affirmed.add("warranty")
        if "returns" in roles and number > 0:
            out.affirmed.add("returns")
    out.affirmed -= out.denied
