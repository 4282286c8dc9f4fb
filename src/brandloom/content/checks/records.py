"""Claims of a text against records: every figure and every claim that the records do not bear out, with its place and the reason."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from brandloom.content.checks.claims import CLASSES, Mention, all_mentions, is_idiom
from brandloom.content.checks.figures import Figure, read_figures
from brandloom.content.checks.finding import Finding, Severity, finding
from brandloom.content.checks.ground import Ground, Stated, ground, negated
from brandloom.content.checks.implied import denied_fields, harmless, implied
from brandloom.content.checks.normalise import Folded
from brandloom.content.checks.places import fold_places
from brandloom.content.checks.products import parts_of
from brandloom.content.checks.relative import told_dates
from brandloom.content.checks.roles import clause, role_at
from brandloom.content.checks.sentences import Phrase, phrases
from brandloom.i18n import _


@dataclass(frozen=True)
class Claim:
    """A claim that nothing bears out; `start` and `end` are places in the text as given."""

    kind: str
    severity: Severity
    scope: str
    start: int
    end: int
    excerpt: str
    template: str
    said: str = ""
    """What the records state instead, where they state anything."""
    is_figure: bool = False


def check_against(text: str, records: object, *, language: str = "", today: date | None = None) -> list[Finding]:
    """Check every claim of a text against any JSON record or list of records.

    Args:
        text: copy in English or Chinese, of any length.
        records: what is true: numbers, strings, lists, mappings, nested; keys in either language. An empty one bears out nothing.
            Of several products with names, a sentence that names one is judged by that one, and any other by all of them.
        language: language of the text; figures and claims of both are looked for whatever it is.
        today: the day from which 'last year' or 下周一 counts; without it only dates written out are borne out.
    Returns:
        One finding per claim that the records do not bear out, in order of place; its `rule` is the class of the claim and its
        `span` gives its place in the text.
    """
    return [replace(finding(claim.kind, claim.severity, "text", claim.excerpt, claim.template, said=claim.said), span=(claim.start, claim.end))
            for claim in unborne(text, ground(records), today) if claim.scope != "copy" and claim.severity != "caution"]


def unborne(text: str, known: Ground, today: date | None = None) -> list[Claim]:
    """All claims of a text that `known` does not bear out, in order of place; overlapping ones of one class once."""
    folded = fold_places(text)
    plain = folded.text
    if not known.products:
        return [_claim(hit, text, folded) for hit in _distinct(_hits(plain, known, today))]
    found = _distinct(_hits(plain, known, today))
    for part in parts_of(plain, known.products):
        if part.products:
            own = ground([product.record for product in part.products] if len(part.products) > 1 else part.products[0].record)
            inside = _hits(plain[part.start:part.end], own, today)
            # What the product does not bear out another record may still name, but no figure of another one.
            found += [replace(hit, start=hit.start + part.start, end=hit.end + part.start) for hit in inside]
    return [_claim(hit, text, folded) for hit in _distinct(found)]


def _hits(plain: str, known: Ground, today: date | None) -> list[_Hit]:
    """What a folded text claims and `known` does not bear out."""
    found, borne = list[_Hit](), list[Figure]()
    quoted, free = known.quoted(plain), harmless(plain)
    if today:
        right, wrong = _told(plain, known, today)
        borne = [Figure("date", Decimal(0), "", plain[low:high], low, high) for low, high in right]
        quoted, found = quoted + right, [_Hit("date", "ban", "both", *place, CLASSES["date"]) for place in wrong]
    for figure in read_figures(plain):
        if _touches(figure.start, figure.end, free):
            continue
        hit = None if _within(figure.start, figure.end, quoted) else _judge(figure, plain, known)
        if hit is None:
            borne.append(figure)
        else:
            found.append(hit)
    denied, contradicted = denied_fields(plain, known)
    quoted += [*free, *denied, *implied(plain, known)]
    found += [_Hit("feature", "evidence", "both", start, end, CLASSES["feature"]) for start, end in contradicted]
    listed = [item for item in all_mentions(plain) if not _within(item.start, item.end, quoted)]
    hidden = [*quoted, *((item.start, item.end) for item in borne),
              *((item.start, item.end) for item in listed if is_idiom(item) or known.holds(item))]
    found += _listed([item for item in listed if not is_idiom(item)], plain, known, borne)
    found += [_Hit(item.kind, "evidence", "both", item.start, item.end, CLASSES[item.kind]) for item in phrases(plain, known, hidden)
              if not _introduces(item, borne) and (item.kind != "date" or not _on_a_stated_weekday(plain[item.start:item.end], known))]
    return found


def _introduces(item: Phrase, borne: list[Figure]) -> bool:
    """True for 'cheaper by' before a figure that the records bear out."""
    return item.kind in ("comparison", "discount") and any(item.start <= one.start <= item.end + 2 and one.kind in ("money", "percent") for one in borne)


def _told(text: str, known: Ground, today: date) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Places with dates told from today that a stated date fits, and those of a year and a month that none fits."""
    right, wrong = list[tuple[int, int]](), list[tuple[int, int]]()
    for item in told_dates(text, today):
        roles = role_at(text, item.start, item.end, "date")
        days = [_with_year(one.figure, today) for one in known.stated if _same_matter(roles, one.roles) and not ("delivery" in roles and not one.roles)]
        if any(day and item.fits(day) for day in days):
            right.append((item.start, item.end))
        elif item.names_month:
            wrong.append((item.start, item.end))
    return right, wrong


def _with_year(figure: Figure, today: date) -> str:
    """A stated date with the year of today where it gives none; a bare year too."""
    if figure.kind == "count" and figure.number == int(figure.number) and 1900 <= figure.number <= 2200:
        return str(int(figure.number))
    return figure.day if figure.kind != "date" or figure.day[:4].isdigit() and len(figure.day) > 3 and figure.day[2:3] != "-" else f"{today.year}-{figure.day}"


def _touches(start: int, end: int, places: list[tuple[int, int]]) -> bool:
    return any(low < end and start < high for low, high in places)


def _within(start: int, end: int, places: list[tuple[int, int]]) -> bool:
    return any(low <= start and end <= high for low, high in places)


@dataclass(frozen=True)
class _Hit:
    kind: str
    severity: Severity
    scope: str
    start: int
    end: int
    template: str
    said: str = ""
    is_figure: bool = False


def _claim(hit: _Hit, text: str, folded: Folded) -> Claim:
    start, end = folded.source_span(hit.start, hit.end)
    return Claim(hit.kind, hit.severity, hit.scope, start, end, text[start:end], hit.template, hit.said, hit.is_figure)


def _distinct(found: Iterable[_Hit]) -> list[_Hit]:
    kept: list[_Hit] = []
    for hit in sorted(found, key=lambda item: (item.scope == "copy", item.severity == "caution", item.start - item.end)):
        if hit.end > hit.start and not any(hit.start < other.end and other.start < hit.end for other in kept):
            kept.append(hit)
    return sorted(kept, key=lambda item: item.start)


def _listed(listed: list[Mention], text: str, known: Ground, borne: list[Figure]) -> Iterator[_Hit]:
    for mention in listed:
        concept = mention.concepts[0]
        denied = negated(text, mention.start, mention.end)
        if denied and concept.kind in _NO_CLAIM_WHEN_DENIED:
            continue
        if known.denies(mention) if denied else known.holds(mention) and not _half_said(mention, text, known, borne):
            continue
        if concept.kind in ("shop", "date", "guarantee") and any(item.start < mention.end and mention.start < item.end for item in borne):
            continue
        if _backed(mention, text, known, borne) or (concept.kind == "ingredient" and _served(mention, text)):
            continue
        scope = "both" if any(item.scope == "both" for item in mention.concepts) else "copy"
        yield _Hit(concept.kind, concept.severity, scope, mention.start, mention.end, CLASSES[concept.kind])


_SERVED = re.compile(r"\b(?:good|great|lovely|better|nice|delicious|best|serve\w*|goes|pair\w*|stir\w*|splash|top|pour\w*|enjoy|try|mix|dip|spread|drizzle|eat)\b"
                     r"(?! (?:source|for))[^.;!?]*\b(?:with|over|into|on|onto|to|of|alongside|in)\b[^.;!?]*$|(?:配|搭配|蘸|拌|兑|泡|加点|淋)[^。！？]{0,6}$",
                     re.IGNORECASE)
_INSIDE = re.compile(r"contain|made|added|infus|enrich|blend|rich in|含|添加|加入|萃", re.IGNORECASE)


def _served(mention: Mention, text: str) -> bool:
    """True for what the reader may eat or drink it with, which is no ingredient of it."""
    before = re.split("[.;!?。！？]", text[max(0, mention.start - 80):mention.start])[-1]
    return bool(_SERVED.search(before)) and not _INSIDE.search(before)


def _half_said(mention: Mention, text: str, known: Ground, borne: list[Figure]) -> bool:
    """True for free delivery without the smallest order that the records ask for."""
    if not any(concept.name == "free shipping" for concept in mention.concepts):
        return False
    asked = any(item.figure.kind == "money" and "threshold" in item.roles for item in known.stated)
    low, high = clause(text, mention.start, mention.end)
    return asked and not any(item.kind == "money" and low <= item.start < high for item in borne)


_NO_CLAIM_WHEN_DENIED = frozenset(("superlative", "discount", "gift", "stock", "date", "award", "testimonial", "comparison", "novelty",
                                   "colour", "origin", "occasion", "customer", "shop", "trade", "process", "quality", "brand", "delivery"))


def _backed(mention: Mention, text: str, known: Ground, borne: list[Figure]) -> bool:
    """A word of time, saving or rank that only introduces a figure which the records bear out."""
    kinds = {"date": ("date", "duration", "count"), "discount": ("percent", "money"), "guarantee": ("duration",)}
    wanted = next((kinds[concept.kind] for concept in mention.concepts if concept.kind in kinds), ())
    low, high = clause(text, mention.start, mention.end)
    near = [item for item in borne if item.kind in wanted and low <= item.start < high]
    if any(concept.kind == "discount" for concept in mention.concepts):
        return "discount" in known.affirmed and bool(near)
    if any(concept.name == "weekday+" for concept in mention.concepts):
        return _on_a_stated_weekday(mention.entry, known)
    return bool(near)


_WEEKDAYS = {"monday": "一", "tuesday": "二", "wednesday": "三", "thursday": "四", "friday": "五", "saturday": "六", "sunday": "日"}


def _on_a_stated_weekday(words: str, known: Ground) -> bool:
    days = {_weekday(item.figure.day) for item in known.stated if item.figure.kind == "date"}
    return any(day in words.lower() or re.search(f"(?:周|星期|礼拜){_WEEKDAYS[day]}", words) for day in days if day)


def _weekday(day: str) -> str:
    """The English name of a date's weekday; empty for a day without a year."""
    try:
        return tuple(_WEEKDAYS)[date.fromisoformat(day).weekday()] if len(day) == 10 else ""
    except ValueError:
        return ""


_OF_TEN = re.compile(r"(?:out of |/ ?|满分)$", re.IGNORECASE)
_AT_LEAST = re.compile(r"(?:\bover|\bmore than|\babove|\bat least|超过|超|逾|至少|不少于|高于)\s*[£$€¥]?\s*$", re.IGNORECASE)
_AT_MOST = re.compile(r"(?:\bunder|\bless than|\bbelow|\bfewer than|\bup to|\bno more than|\bwithin|不到|不足|低于|少于|不超过|最多)\s*[£$€¥]?\s*$",
                      re.IGNORECASE)
_AND_MORE = re.compile("多|余|\\+| plus")
_ABOUT = re.compile("出头|开外|往上|左右|上下")
_NEARLY = re.compile(r"(?:\bnearly|\balmost|\bclose to|将近|接近|近)\s*[£$€¥]?\s*$", re.IGNORECASE)
_CLASS_OF = {"clock": "date", "money": "price", "percent": "percent", "date": "date", "duration": "duration", "count": "quantity"}
_CLASS_OF_ROLE = {"delivery": "delivery", "dispatch": "delivery", "rating": "testimonial", "reviews": "testimonial", "sold": "testimonial",
                  "stock": "stock",
                  "saving": "discount", "was": "discount", "warranty": "guarantee", "returns": "guarantee", "founded": "date", "fee": "delivery"}


def _judge(figure: Figure, text: str, known: Ground) -> _Hit | None:
    """None when the records bear the figure out, else the finding it makes."""
    roles = role_at(text, figure.start, figure.end, figure.kind)
    if figure.kind == "money" and not roles:
        roles = frozenset(("price",))
    before = text[max(0, figure.start - 12):figure.start]
    if figure.casual and _PER.search(before) and figure.kind != "money":
        return None
    if figure.casual and not _firm(figure, known) and not (roles & {"delivery", "dispatch", "warranty", "returns", "battery", "shelf"} or figure.kind in ("mass", "volume")):
        return None
    if figure.kind == "count" and "rated" in known.affirmed and _OF_TEN.search(text[max(0, figure.start - 8):figure.start]):
        return None
    if bears(figure, roles, text, known):
        return None
    kind = next((_CLASS_OF_ROLE[role] for role in roles if role in _CLASS_OF_ROLE), "")
    kind = "discount" if "折" in figure.text else kind or _CLASS_OF.get(figure.kind, "quantity")
    said = known.says(figure.kind, roles)
    template = _("'{excerpt}' is a figure that no fact gives; what is stated: {said}.") if said else _("'{excerpt}' is a figure that no fact gives.")
    return _Hit(kind, "ban", "both", figure.start, figure.end, template, said, is_figure=True)


_PER = re.compile(r"(?:[£$€¥]\s?[\d.]+|\d\s?(?:元|块|p|euros?|dollars?|pounds?)|[元块])\s*(?:/|per|every|each|每)?\s*$", re.IGNORECASE)


def _firm(figure: Figure, known: Ground) -> bool:
    """True for an indefinite figure that says much all the same: a coin, or a second where the records count seconds."""
    if figure.kind == "money":
        return figure.text.endswith(("毛", "毛钱", "分钱", "元", "块钱")) or figure.text.isascii()
    return figure.kind == "duration" and figure.number < Decimal("0.016") and any(
        item.figure.kind == "duration" and item.figure.number < Decimal("0.016") for item in known.stated)


def bears(figure: Figure, roles: frozenset[str], text: str, known: Ground) -> bool:
    """True when the records state the figure, in any unit, about the same thing."""
    if "price" in roles and re.search(r"deliver|shipp|postage|运|邮|配送", text[slice(*clause(text, figure.start, figure.end))], re.IGNORECASE):
        roles = roles | {"fee"}
    if figure.kind == "count" and roles & _PRICES and bears(replace(figure, kind="money", unit=""), roles, text, known):
        return True
    same = [item for item in known.stated if _alike(item.figure, figure) and _same_matter(roles, item.roles)]
    if any(_equal(item.figure, figure) for item in same):
        return True
    if figure.kind == "temperature" and any(item.figure.kind == "count" and item.figure.number == figure.number and _WARMTH.search(item.said)
                                            for item in known.stated):
        return True
    if figure.kind == "date" and len(figure.day) == 4 and any(item.figure.kind == "count" and str(item.figure.number) == figure.day for item in known.stated
                                                               if _same_matter(roles, item.roles)):
        return True
    if figure.kind == "count":
        if any(item.figure.day.startswith(f"{figure.value}-") or item.figure.day == figure.value for item in known.stated) and 1000 <= figure.number <= 2200:
            return True
        if not roles and any(figure.number in (item.figure.number, _written(item.figure)) for item in known.stated
                             if item.figure.kind != "date" and item.roles <= _LOOSE):
            return True
        if roles & _PRICES and any(item.figure.kind == "money" and item.roles & roles and item.figure.number == figure.number
                                   for item in known.stated):
            return True
    if "age" in roles and any("age" in item.roles and _years(item.figure) == _years(figure) for item in known.stated):
        return True
    if figure.kind == "money" and figure.text.endswith("块") and any(
            item.figure.kind == "count" and item.figure.number == figure.number and "pieces" in item.roles for item in known.stated):
        return True
    return _bounded(figure, text, same, roles) or _derived(figure, roles, text, known)


_WARMTH = re.compile("wash|temp|heat|water|洗|温|°", re.IGNORECASE)
_LOOSE = frozenset(("pieces", "sizes", "colours", "players"))
"""What a figure may be about where the text does not say."""
_PRICES = frozenset(("price", "was", "saving", "fee", "threshold"))


def _years(figure: Figure) -> Decimal:
    return figure.number / 12 if figure.unit == "mo" else figure.number


def _same_matter(ours: frozenset[str], theirs: frozenset[str]) -> bool:
    """True unless both say what they are about and it differs; sales and reviews, ratings and reviews stand for each other."""
    # What is delivered has been dispatched by then, and not the other way.
    return (not ours or not theirs or bool(ours & theirs) or ("dispatch" in ours and "delivery" in theirs)
            or any(ours & pair and theirs & pair for pair in _PAIRS))


_PAIRS = (frozenset(("reviews", "sold")), frozenset(("rating", "reviews")), frozenset(("pieces", "sizes")), frozenset(("start", "founded")))


def _alike(ours: Figure, theirs: Figure) -> bool:
    """Same kind and comparable units; a currency nobody named fits any."""
    if ours.kind != theirs.kind:
        return False
    return ours.unit == theirs.unit or (ours.kind == "money" and (not ours.unit or not theirs.unit))


def _equal(stated: Figure, said: Figure) -> bool:
    if said.kind == "date":
        # '3 May' fits 2026-05-03, 'May 2026' and 'May' too; '3 May 2026' does not fit '3 May'.
        return f"-{stated.day}-".find(f"-{said.day}-") >= 0 and (len(said.day) > 2 or stated.day[-5:-3] in ("", said.day) or stated.day == said.day)
    if stated.number == said.number:
        return True
    # Inches, pounds and pints have no round number of millimetres, grams and millilitres.
    imperial = _IMPERIAL.search(f"{stated.text} {said.text}")
    return bool(imperial and stated.number and abs(stated.number - said.number) <= abs(stated.number) * Decimal("0.005"))


_IMPERIAL = re.compile(r"inch|foot|feet|ft|\"|寸|oz|ounce|lb|pound|pint|mile|yard|gallon|盎司|磅", re.IGNORECASE)


def _written(figure: Figure) -> Decimal | None:
    """The number as the record writes it, before its unit is applied."""
    match = re.search(r"\d[\d,]*(?:\.\d+)?", figure.text)
    return Decimal(match.group().replace(",", "")) if match else None


def _bounded(figure: Figure, text: str, same: list[Stated], roles: frozenset[str]) -> bool:
    """'over 100' of 120 and 'under £13' of £12.50 are true; a bound far from the figure is not a fair one."""
    numbers, before = [item.figure.number for item in same ], text[max(0, figure.start - 20):figure.start]
    if figure.kind == "count" and not roles:
        return False
    if _AT_MOST.search(before):
        return any(figure.number / 2 <= number <= figure.number for number in numbers)
    if _AT_LEAST.search(before) or _AND_MORE.match(text, figure.end):
        return any(figure.number <= number <= 2 * figure.number for number in numbers)
    about = _ABOUT.match(text, figure.end)
    if about:
        high = Decimal("1.15") if about.group() in ("出头", "开外", "往上") else Decimal("1.08")
        return any(figure.number * (2 - high if high < Decimal("1.1") else 1) <= number <= figure.number * high for number in numbers)
    return bool(_NEARLY.search(before)) and any(figure.number * Decimal("0.9") <= number <= figure.number for number in numbers)


_EACH = re.compile(r"\bper\b|\beach\b|\bapiece\b|\ba (?:bag|cup|piece|sheet)\b|每|平均", re.IGNORECASE)


_A_DAY = re.compile(r"\ba day\b|\bper day\b|\bdaily\b|一天|每天|每日", re.IGNORECASE)
_A_MONTH = re.compile(r"\ba month\b|\bper month\b|一个月|每个?月|月均", re.IGNORECASE)


def _spread(figure: Figure, said: str, prices: list[Decimal], text: str) -> bool:
    """So much a day or a month of a price for a month or a year."""
    parts = [*((30, 31, 365) if _A_DAY.search(said) else ()), *((12,) if _A_MONTH.search(said) else ())]
    values = [price / part for price in prices for part in parts]
    under = _AT_MOST.search(text[max(0, figure.start - 20):figure.start])
    return any(value <= figure.number <= 2 * value if under else abs(value - figure.number) < Decimal("0.006") for value in values)


def _derived(figure: Figure, roles: frozenset[str], text: str, known: Ground) -> bool:
    """What follows from stated figures: the saving between two prices, and so much per piece."""
    prices = [item.figure.number for item in known.stated if item.figure.kind == "money" and "price" in item.roles]
    before = [item.figure.number for item in known.stated if item.figure.kind == "money" and "was" in item.roles]
    pairs = [(old, new) for old in before for new in prices if old > new > 0]
    said = text[slice(*clause(text, figure.start, figure.end))]
    if figure.kind == "money" and (_spread(figure, said, prices, text) or _per_measure(figure, text, prices, known)):
        return True
    if figure.kind == "money" and "saving" in roles and any(12 * month - year == figure.number for month in prices for year in prices):
        return True
    if any(figure.kind == one.figure.kind and figure.number == one.figure.number * other.figure.number for one in known.stated
           if "×" in one.said or "x" in one.said or "*" in one.said for other in known.stated if other.said == one.said and other.figure.kind == "count"):
        return True
    if figure.kind == "money" and roles & {"saving", "was"}:
        return any(old - new == figure.number for old, new in pairs)
    if figure.kind == "percent":
        return any(-Decimal("0.5") <= 100 * (old - new) / old - figure.number < 1 for old, new in pairs)
    if _EACH.search(said):
        wholes = [item.figure.number for item in known.stated if _alike(item.figure, figure)]
        counts = [item.figure.number for item in known.stated if item.figure.kind == "count" and item.figure.number > 1]
        return any(whole / count == figure.number for whole in wholes[:50] for count in counts[:50])
    return False


_UNIT_AFTER = re.compile(r"\s*(?:/|a|per|each|every|每|一)\s*(?:kilo\w*|kg|litre|liter|l|100 ?g|100 ?ml|公斤|千克|斤|升|克|百克)(?![a-z])|", re.IGNORECASE)
_SIZES = {"kilo": ("mass", 1000), "kg": ("mass", 1000), "litre": ("volume", 1000), "liter": ("volume", 1000), "公斤": ("mass", 1000),
          "千克": ("mass", 1000), "斤": ("mass", 500), "升": ("volume", 1000), "100 g": ("mass", 100), "100g": ("mass", 100)}


def _per_measure(figure: Figure, text: str, prices: list[Decimal], known: Ground) -> bool:
    """The price of a kilo or a litre, to the penny."""
    after = text[figure.end:figure.end + 14].lower()
    if not _UNIT_AFTER.match(after):
        return False
    kind, size = next((value for name, value in _SIZES.items() if name in after), ("", 0))
    wholes = [item.figure.number for item in known.stated if item.figure.kind == kind and item.figure.number > 0]
    return any(abs(price * size / whole - figure.number) < Decimal("0.006") for price in prices for whole in wholes)
