"""Whether records bear a figure out: stated in any unit, bounded fairly, or made from stated ones."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache

from brandloom.content.checks.figures import Figure, read_figures, value_of
from brandloom.content.checks.ground import Ground, Stated, stem
from brandloom.content.checks.roles import clause, roles_of_key

_AT_LEAST = re.compile(r"(?:\bover|\bmore than|\babove|\bat least|超过|超|逾|至少|不少于|高于)\s*[£$€¥]?\s*$", re.IGNORECASE)
_AT_MOST = re.compile(r"(?:\bchange (?:out of|from)(?: an?)?|\bunder|\bless than|\bbelow|\bfewer than|\bno more than|\bwithin|不到|不足|低于|少于"
                      r"|不超过)\s*[£$€¥]?\s*$",
                      re.IGNORECASE)
_ABOVE = re.compile(r"\b(?:above|over|beyond)\s*[£$€¥]?\s*$", re.IGNORECASE)
_AND_MORE = re.compile("多|余|来|\\+| plus| and change|[- ]odd\\b")
_LITTLE = re.compile(r"(?:\blittle|\bjust|\bbarely|\bslightly|\bonly|\ba (?:little|touch|shade|bit|whisker|fraction)) (?:more than|over|above"
                     r"|under|less than|below)\s*[£$€¥]?\s*$", re.IGNORECASE)
"""A bound that says it is a close one."""
_ABOUT = re.compile("出头|开外|往上|左右|上下")
_ROUGHLY = re.compile(r"(?:\babout|\baround|\broughly|\bapproximately|\bsome|\bbarely|\bscarcely|\bhardly|\ba good|大约|大概|大致|差不多|约莫?"
                      r"|将将|也就)\s*[£$€¥]?\s*$",
                      re.IGNORECASE)
_OR_SO = re.compile(r"\s*(?:or so\b|or thereabouts|-?ish\b|give or take)", re.IGNORECASE)
_CHANGE = re.compile("(?:还)?有找")
_SHORT_OF = re.compile("(?:都|还)?(?:不到|不足|没到)")
_NEARLY = re.compile(r"(?:\bnearly|\balmost|\bclose to|将近|接近|近)\s*[£$€¥]?\s*$", re.IGNORECASE)


def bears(figure: Figure, roles: frozenset[str], text: str, known: Ground) -> bool:
    """True when the records state the figure, in any unit, about the same thing."""
    if roles == {"price"} and _ABOVE.search(text[max(0, figure.start - 8):figure.start]) and re.search(r"\bfree\b|免|包", text, re.IGNORECASE):
        roles = frozenset(("threshold",))
    if "price" in roles and re.search(r"deliver|shipp|postage|运|邮|配送", text[slice(*clause(text, figure.start, figure.end))], re.IGNORECASE):
        roles = roles | {"fee"}
    if figure.kind == "count" and roles & _PRICES and not _counted(figure, text, known) and bears(
            replace(figure, kind="money", unit=""), roles, text, known):
        return True
    alike = [item for item in known.stated if _alike(item.figure, figure)]
    same = [item for item in alike if same_matter(roles, item.roles)]
    if roles & _STRICT and any(item.roles & roles for item in alike):
        # A field of the same role speaks for itself: an age of 14 is not borne out by a group of 8.
        same = [item for item in same if item.roles]
    if figure.kind == "count" and not roles:
        # A number of nothing told is no number of things in stock, nor of days.
        same = [item for item in same if not item.roles & _ELSEWHERE]
    if figure.kind == "percent" and ("saving" in roles or _OFF.search(figure.text)):
        same = [item for item in same if "saving" in item.roles or _OFF.search(item.said)]
    if figure.kind == "duration" and not roles:
        same = [item for item in same if not item.roles & _PROMISES or _speaks_of(item.roles, text)]
    if figure.kind == "count":
        counted = _counted(figure, text, known)
        if counted:
            numbers = [item.figure.number for item in counted]
            before = text[max(0, figure.start - 20):figure.start]
            return _left_over(figure, text, known) or any(
                number == figure.number or fits_bound(figure, number, before, text) for number in (*numbers, sum(numbers, Decimal(0))))
    if figure.kind == "duration" and roles & {"delivery", "dispatch"} and _too_soon(figure, text, same):
        return False
    equal = [item for item in same if _equal(item.figure, figure)]
    if equal and _of_another(figure, text, equal, same):
        return False
    if equal:
        return True
    if figure.kind == "count" and 1 < figure.number <= 10 and _TOTAL.search(text) and any(_APIECE.search(item.said) for item in known.stated):
        return True
    if figure.kind == "count" and not roles and _bare_price(figure, text, known):
        return True
    if figure.kind == "temperature" and any(item.figure.kind == "count" and item.figure.number == figure.number
                                            and _WARMTH.search(item.said) for item in known.stated):
        return True
    if figure.kind == "date" and len(figure.day) == 4 and any(
            item.figure.kind == "count" and str(item.figure.number) == figure.day and same_matter(roles, item.roles) for item in known.stated):
        return True
    if figure.kind == "count":
        if 1000 <= figure.number <= 2200 and any(f"{item.figure.day}-".startswith(f"{figure.value}-") for item in known.stated):
            return True
        if not roles and any(figure.number == (item.figure.number if item.figure.kind == "count" else _written(item.figure)) for item in known.stated
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
    if figure.kind == "money" and any(item.figure.kind == "count" and not item.roles and item.figure.number == figure.number
                                      and _named(item, text) for item in known.stated):
        return True
    return _bounded(figure, text, same, roles) or _derived(figure, roles, text, known)


_COUNTING = frozenset(stem(word) for word in ("number", "count", "total", "quantity", "amount"))
_NOUN_AFTER = re.compile(r"\s*(?:来|多|余)?(?:个|条|只|把|块|片|张|层|支|份|件|粒|枚|颗|口|根|页|格|道|种|档|款)?((?:[a-z]+[ -])?[a-z]{3,}"
                         r"|[\u4e00-\u9fff]{1,4})", re.IGNORECASE)


def _counted(figure: Figure, text: str, known: Ground) -> list[Stated]:
    """Figures of the fields named like what is counted: of 'pockets: 2' where the text says 'four pockets'."""
    match = _NOUN_AFTER.match(text, figure.end)
    if match is None:
        return []
    words = {stem(word) for word in re.findall("[a-z]{3,}", match[1].lower())}
    found = []
    for item in known.stated:
        name = item.said.split(":")[0].strip().lower()
        listed = name.startswith("count of ")
        name = name.removeprefix("count of ")
        if item.figure.kind != "count" or not name or item.roles - {"pieces", "sizes", "colours"}:
            continue
        if name.isascii():
            named = {stem(word) for word in re.findall("[a-z]{3,}", name)} - _COUNTING
            fits = bool(named) and named <= words
        else:
            noun = re.sub("(?:数量?|个数)$", "", name)
            fits = len(noun) > 1 and match[1].startswith(noun)
        if fits and re.search("[a-z]{3}|[\u4e00-\u9fff]{2}", name):
            found.append((listed, item))
    # Of a list the number of its entries counts, not the numbers in them.
    return [item for listed, item in found if listed or not any(other for other, _item in found)]


def _of_another(figure: Figure, text: str, equal: list[Stated], same: list[Stated]) -> bool:
    """True where the clause names what another figure belongs to, and nothing of what this one does: the frame's years said of the motor."""
    if figure.kind != "count" and (figure.kind, figure.unit) != ("duration", "mo"):
        return False
    if figure.kind == "count" and any(item.roles - _LOOSE for item in equal):
        return False
    said = text[slice(*clause(text, figure.start, figure.end))]
    words = {stem(word) for word in re.findall("[a-z]{3,}", said.lower())}

    def named(item: Stated, beside: frozenset[str]) -> bool:
        own = item.owners - beside
        return bool(own & words) or any(not word.isascii() and word in said for word in own)
    others = [item for item in same if item.figure.unit == figure.unit and not _equal(item.figure, figure)]
    for one in equal:
        rivals = [item for item in others if named(item, one.owners)]
        if not one.owners or not rivals or named(one, frozenset[str]().union(*(item.owners for item in rivals))):
            return False
    return True


_SOONEST = re.compile(r"\b(?:as little as|from|earliest|soonest|as soon as|at best)\b|最快|快则|最早|快的话|起", re.IGNORECASE)


def _too_soon(figure: Figure, text: str, same: list[Stated]) -> bool:
    """True for two days where the record says two to three and the text does not name the three."""
    told = [item for item in read_figures(text) if item.kind == "duration"]
    spans = [item for item in same if item.figure.kind == "duration"]
    for first in spans:
        # The two figures of a range stand side by side.
        hours = [_hours(item.figure) for item in spans if item.said == first.said and abs(item.figure.start - first.figure.start) <= 6]
        if min(hours) <= _hours(figure) < max(hours):
            return not any(_hours(item) == max(hours) for item in told) and not _SOONEST.search(text)
    return False


_SELLS = re.compile(r"(?:现在|现|卖|只要|仅|才|到手|付|一次|每次|\bnow|\bjust|\bonly|\bat|\bfor)\s*$", re.IGNORECASE)
_MONEY_WORD = re.compile(r"原价|定价|售价|市场价|[元块£$€¥]|\bprice|\bwas\b", re.IGNORECASE)


def _bare_price(figure: Figure, text: str, known: Ground) -> bool:
    """True for a number without a unit where prices are spoken of: 定价39.8，这里卖27.9."""
    if not re.match(r"[\u4e00-\u9fffA-Za-z%]", text[figure.end:figure.end + 1]) and figure.number > 10 and any(
            item.figure.kind == "money" and item.roles & _PRICES and item.figure.number == figure.number for item in known.stated):
        return True
    if re.match("(?:就能|就可|便能|就)?(?:拿下|带走|带回|到手|入手|搬回|买到)", text[figure.end:]):
        return bears(replace(figure, kind="money", unit=""), frozenset(("price",)), text, known)
    if re.match(r"[\u4e00-\u9fffA-Za-z%]", text[figure.end:figure.end + 1]) or not _SELLS.search(text[max(0, figure.start - 6):figure.start]):
        return False
    if not _MONEY_WORD.search(text):
        return False
    money = [item.figure.number for item in known.stated if item.figure.kind == "money"]
    counts = [item.figure.number for item in known.stated if item.figure.kind == "count" and item.figure.number > 1]
    return figure.number in money or any(price / count == figure.number for price in money for count in counts)


def _named(item: Stated, text: str) -> bool:
    """True when the text uses the name of the field."""
    name = item.said.split(":")[0].lower()
    return len(name) > 1 and name in text.lower()


_WARMTH = re.compile("wash|temp|heat|water|oven|bake|_c:|洗|温|°", re.IGNORECASE)
_STRICT = frozenset(("age", "group", "players", "warranty", "returns", "delivery", "dispatch"))
_PROMISES = frozenset(("returns", "warranty", "delivery", "dispatch", "shelf"))
_ELSEWHERE = frozenset(("stock", "delivery", "dispatch"))
_LASTING = frozenset(("returns", "warranty", "shelf", "battery"))
_LOOSE = frozenset(("pieces", "sizes", "colours", "players"))
"""What a figure may be about where the text does not say."""
_PRICES = frozenset(("price", "was", "saving", "fee", "threshold"))


def _years(figure: Figure) -> Decimal:
    return figure.number / 12 if figure.unit == "mo" else figure.number


def same_matter(ours: frozenset[str], theirs: frozenset[str]) -> bool:
    """True unless both say what they are about and it differs; sales and reviews, ratings and reviews stand for each other."""
    # What is delivered has been dispatched by then, and not the other way.
    return (not ours or not theirs or bool(ours & theirs) or ("dispatch" in ours and "delivery" in theirs)
            or any(ours & pair and theirs & pair for pair in _PAIRS))


_PAIRS = (frozenset(("reviews", "sold")), frozenset(("rating", "reviews")), frozenset(("pieces", "sizes")), frozenset(("start", "founded")))


def _alike(ours: Figure, theirs: Figure) -> bool:
    """Same kind and comparable units; a currency nobody named fits any."""
    if ours.kind != theirs.kind:
        return False
    if ours.kind == "duration" and {ours.unit, theirs.unit} == {"h", "mo"}:
        return True
    return ours.unit == theirs.unit or (ours.kind == "money" and (not ours.unit or not theirs.unit))


def _equal(stated: Figure, said: Figure) -> bool:
    if said.kind == "date" and len(said.day) == 2 and re.fullmatch(r"\d{4}-\d\d", stated.day):
        return stated.day[-2:] == said.day
    if said.kind == "date":
        # '3 May' fits 2026-05-03, 'May 2026' and 'May' too; '3 May 2026' does not fit '3 May'.
        return f"-{stated.day}-".find(f"-{said.day}-") >= 0 and (len(said.day) > 2 or stated.day[-5:-3] in ("", said.day) or stated.day == said.day)
    if stated.kind == "duration" and stated.unit == said.unit == "h" and said.number % 168 == 0 and _WORKING.search(stated.text):
        # Five working days are a week.
        return stated.number * 7 == said.number * 5 or stated.number == said.number
    if stated.kind == "duration" and stated.unit != said.unit:
        return abs(_hours(stated) - _hours(said)) <= _hours(stated) * Decimal("0.015")
    if abs(stated.number - said.number) <= abs(stated.number) * Decimal("1e-12"):
        return True
    # Inches, pounds and pints have no round number of millimetres, grams and millilitres.
    imperial = _IMPERIAL.search(f"{stated.text} {said.text}")
    return bool(imperial and stated.number and abs(stated.number - said.number) <= abs(stated.number) * Decimal("0.005"))


_WORKING = re.compile(r"working|business|工作日", re.IGNORECASE)


def _hours(figure: Figure) -> Decimal:
    return figure.number * 730 if figure.unit == "mo" else figure.number


_IMPERIAL = re.compile(r"inch|foot|feet|ft|\"|寸|oz|ounce|lb|pound|pint|mile|yard|gallon|盎司|磅", re.IGNORECASE)


def _written(figure: Figure) -> Decimal | None:
    """The number as the record writes it, before its unit is applied."""
    match = re.search(r"\d[\d,]*(?:\.\d+)?", figure.text)
    return Decimal(match.group().replace(",", "")) if match else None


def _bounded(figure: Figure, text: str, same: list[Stated], roles: frozenset[str]) -> bool:
    """'over 100' of 120 and 'under £13' of £12.50 are true; a bound far from the figure is not a fair one."""
    numbers = [_hours(item.figure) / (730 if figure.unit == "mo" else 1) if figure.kind == "duration" else item.figure.number for item in same]
    before = text[max(0, figure.start - 20):figure.start]
    if roles & _LASTING and _AT_MOST.search(before) and not _CHARGING.search(text):
        # 'Within 60 days' promises more than 30 days to return it.
        return False
    if figure.kind == "count" and not roles:
        numbers = [item.figure.number for item in same if item.roles & {"sold", "reviews"}]
    return any(fits_bound(figure, number, before, text) for number in numbers)


_CHARGING = re.compile(r"\bcharg\w*|\bfull again|\btop\w* up|充", re.IGNORECASE)


def fits_bound(figure: Figure, number: Decimal, before: str, text: str) -> bool:
    """True when a stated number is what a bounded or rounded figure says."""
    close = Decimal("1.1") if _LITTLE.search(before) else Decimal(2)
    if _AT_MOST.search(before) or _CHANGE.match(text, figure.end) or _SHORT_OF.match(text, figure.end):
        return figure.number / close <= number <= figure.number
    if re.search("[多来余]", figure.text) or _AND_MORE.match(text, figure.end):
        # 七十多 lies between seventy and eighty, 一百多 between one and two hundred; 来 may fall a little short too.
        step = _place(figure)
        return figure.number - (step / 10 if "来" in f"{figure.text}{text[figure.end:figure.end + 1]}" else 0) <= number < figure.number + step
    if _AT_LEAST.search(before):
        return figure.number <= number <= close * figure.number
    if figure.kind == "count" and figure.number >= 1000 and re.search("thousand|million|[千万]", figure.text, re.IGNORECASE) \
            and 0 <= number - figure.number <= number / 20:
        return True
    if (_ROUGHLY.search(before) and not _ABOUT.match(text, figure.end)) or _OR_SO.match(text, figure.end):
        return abs(number - figure.number) <= number * Decimal("0.06")
    about = _ABOUT.match(text, figure.end)
    if about:
        high = Decimal("1.15") if about.group() in ("出头", "开外", "往上") else Decimal("1.08")
        return figure.number * (2 - high if high < Decimal("1.1") else 1) <= number <= figure.number * high
    return bool(_NEARLY.search(before)) and figure.number * Decimal("0.9") <= number <= figure.number


def _place(figure: Figure) -> Decimal:
    """One of the last place that the figure names, in its unit: ten of 七十, a thousand of 三千, and all of it for 一米 or ½ kg."""
    said = _spelled(figure.text)
    if said is None or not said:
        return figure.number if figure.number < 2 or figure.kind != "money" or figure.number >= 20 else Decimal(1)
    size = Decimal(1)
    while said % (size * 10) == 0:
        size *= 10
    return figure.number * size / said


def _spelled(text: str) -> Decimal | None:
    match = re.match(r"[\d,]+(?:\.\d+)?(?:\s?[万亿千百])?|[零〇一二两三四五六七八九十百千万亿]+", text)
    number = value_of(match.group()) if match else None
    return number if number is not None and number == int(number) else None


_EACH = re.compile(r"\bper\b|\beach\b|\bapiece\b|\ba (?:bag|cup|piece|sheet)\b|每|平均", re.IGNORECASE)


_TOTAL = re.compile(r"\b(?:between them|combined|together|a pair|the two of them|both of them|in total|altogether|in all|extends?|overall)\b|总共"
                    r"|一共|共计?|加起来|合计|总计", re.IGNORECASE)
_WITH = re.compile(r"\b(?:with|includ\w*|incl|plus|adding|delivered|all in|comes? to|altogether|in total)\b|连|含|加上|算上|一共|总共|合计",
                   re.IGNORECASE)
_GAP = re.compile(r"\b(?:off|short|below|keep|more|extra|cheaper|less|dearer|saves?|save)\b|贵|便宜|差|多花|省|少", re.IGNORECASE)


_APIECE = re.compile(r"单[只个件片包]|每[只个件片包]|\beach\b|\bper\b", re.IGNORECASE)


def _combined(figure: Figure, said: str, prices: list[Decimal], known: Ground, known_text: str) -> bool:
    """What two stated figures make together: a sum or so many times so much, a gap between two prices, what a bundle saves."""
    alike = [item.figure.number for item in known.stated if item.figure.kind == figure.kind and item.figure.unit == figure.unit][:30]
    if figure.kind not in ("count", "money") and _TOTAL.search(said):
        counts = [item.figure.number for item in known.stated if item.figure.kind == "count" and item.figure.number > 1][:30]
        apiece = [item.figure.number for item in known.stated if item.figure.kind == figure.kind and _APIECE.search(item.said)]
        said_counts = [item.number for item in read_figures(said) if item.kind == "count" and 1 < item.number < 100]
        before = known_text[max(0, figure.start - 20):figure.start]
        if any(one * count == figure.number or fits_bound(figure, one * count, before, known_text) for one in apiece for count in said_counts):
            return True
        if any(one + other == figure.number for at, one in enumerate(alike) for other in alike[:at]) or any(
                abs(one * count - figure.number) < Decimal("0.001") or fits_bound(figure, one * count, before, known_text)
                for one in alike for count in counts):
            return True
    if figure.kind == "money" and _WITH.search(known_text) and _with_more(figure, known_text, prices, known):
        return True
    if figure.kind != "money" or not _GAP.search(said):
        return False
    prices = prices + [item.figure.number for item in known.stated if item.figure.kind == "money" and (not item.roles or "was" in item.roles)]
    times = {Decimal(2), Decimal(3), Decimal(4), Decimal(5)}
    times |= {item.number for item in read_figures(said) if item.kind == "count" and item.number < 100}
    bundles = [count * one - other for count in times for one in prices for other in prices if other > one]
    return figure.number in bundles or any(one - other == figure.number for one in prices for other in prices)


_POSTED = re.compile(r"ship|deliver|postage|\bpost\b|运费|邮费|快递", re.IGNORECASE)


def _with_more(figure: Figure, text: str, prices: list[Decimal], known: Ground) -> bool:
    """A price and what comes on top of it: postage, or something sold beside it that the text names."""
    words = {stem(word) for word in re.findall("[a-z]{3,}", text.lower())}
    posted = _POSTED.search(text)
    tops = [item.figure.number for item in known.stated if item.figure.kind == "money" and "price" not in item.roles and (
        (posted and item.roles & {"fee", "delivery", "dispatch"}) or (posted and _POSTED.search(" ".join((item.said, *item.owners))))
        or item.owners & words or any(not word.isascii() and word in text for word in item.owners))]
    return any(price + top == figure.number for price in prices for top in tops)


_ALSO = {"warranty": re.compile(r"\bgoes? wrong|\bfails?\b|\bgives? out|\bput (?:it|that|this) right|[裂脱掉补换赔修]|\bbreaks?\b"
                                r"|\bfaults?\b|有问题|坏了|故障|\bcovered|\bbacked|\bprotected|保障", re.IGNORECASE),
         "shelf": re.compile(r"\bkeeps?\b|\bstores?\b|\blasts?\b|[存放]|喝|吃", re.IGNORECASE)}
_ALSO["delivery"] = _ALSO["dispatch"] = re.compile(r"\btakes?\b|\ballow\b|\bmail\b|\bwait|\bready\b|就?到|需要?|等", re.IGNORECASE)


@lru_cache(maxsize=512)
def _speaks_of(roles: frozenset[str], text: str) -> bool:
    """True when the whole text has a word for one of the roles."""
    return bool(roles & roles_of_key(text)) or any(_ALSO[role].search(text) for role in roles if role in _ALSO)


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
    reduced = [item.figure.number for item in known.stated if item.figure.kind == "money" and "price" in item.roles and _REDUCED.search(item.said)]
    pairs = [(old, new) for old in before for new in prices if old > new > 0] + [(old, new) for old in prices for new in reduced if old > new > 0]
    said = text[slice(*clause(text, figure.start, figure.end))]
    if _combined(figure, said, prices, known, text):
        return True
    if figure.kind == "money" and (_spread(figure, said, prices, text) or _per_measure(figure, text, prices, known)):
        return True
    if figure.kind == "money" and any(get - pay == Decimal("0.5") and price / 2 == figure.number for get, pay in known.offers for price in prices):
        return bool(re.search(r"第[二2]|\bsecond\b|\bnext\b|\banother\b", said, re.IGNORECASE))
    if figure.kind == "money" and "saving" in roles and any(12 * month - year == figure.number for month in prices for year in prices):
        return True
    # '2.5kg×4' is ten kilos.
    packs = [(one.figure, other.figure.number) for one in known.stated if re.search("[×x*]", one.said) for other in known.stated
             if other.said == one.said and other.figure.kind == "count"]
    if any(figure.kind == one.kind and figure.number == one.number * count for one, count in packs):
        return True
    if figure.kind == "money" and roles & {"saving", "was"}:
        lead = text[max(0, figure.start - 20):figure.start]
        return any(old - new == figure.number or fits_bound(figure, old - new, lead, text) for old, new in pairs)
    if figure.kind == "money" and _lowered(figure, text, prices, known):
        return True
    if figure.kind == "percent":
        lead = text[max(0, figure.start - 20):figure.start]
        return any(-Decimal("0.5") <= 100 * (old - new) / old - figure.number < 1 or fits_bound(figure, 100 * (old - new) / old, lead, text)
                   for old, new in pairs)
    if figure.kind == "count" and _left_over(figure, text, known):
        return True
    if figure.kind == "money" and _per_noun(figure, text, known):
        return True
    if figure.kind != "duration" and _EACH.search(said):
        wholes = [item.figure.number for item in known.stated if _alike(item.figure, figure)]
        counts = [item.figure.number for item in known.stated if item.figure.kind == "count" and item.figure.number > 1
                  and item.roles <= _LOOSE and not item.said.startswith("count of")]
        more, under = _AND_MORE.match(text, figure.end), _AT_MOST.search(text[max(0, figure.start - 20):figure.start])
        low = figure.number / 2 if under else figure.number - Decimal("0.006")
        high = figure.number * Decimal("1.25") if more else figure.number + Decimal("0.006")
        return any(low <= whole / count <= high for whole in wholes[:50] for count in counts[:50])
    return False


_LEFT = re.compile(r"\bleft\b|\bstill\b|\bremain\w*|\bto go\b|\bgoing\b|还剩|还有|剩下|仅剩|空位|空着", re.IGNORECASE)
_TAKEN = re.compile(r"^\W*(?:book|reserv|taken|sold|filled|sign|enrol)\w*|^(?:已|报名|预订|占)", re.IGNORECASE)
_PER_NOUN = re.compile(r"\s*(?:an?|per|each|every)\s+([a-z]{3,})", re.IGNORECASE)


def _left_over(figure: Figure, text: str, known: Ground) -> bool:
    """What is left of so many when those taken are gone: three of twelve places of which nine are booked."""
    return bool(_LEFT.search(text)) and any(
        one.figure.number - other.figure.number == figure.number for other in known.stated if _TAKEN.search(other.said)
        for one in known.stated if one.figure.kind == other.figure.kind == "count")


def _per_noun(figure: Figure, text: str, known: Ground) -> bool:
    """A price over how many there are of what the text names: £28 an evening of £168 for six evenings."""
    match = _PER_NOUN.match(text, figure.end)
    if match is None:
        return False
    counts = [item.figure.number for item in known.stated if item.figure.kind == "count" and item.figure.number > 1
              and stem(match[1].lower()) in item.owners]
    whole = [item.figure.number for item in known.stated if item.figure.kind == "money" and item.roles & {"price", "fee"}]
    return any(abs(one / count - figure.number) < Decimal("0.006") for one in whole for count in counts)


_REDUCED = re.compile(r"^(?:sale|offer|members?|deal|now|promo)|^(?:券后|会员|活动|促销|优惠|到手|现)", re.IGNORECASE)
"""Names of fields with a price that is lower than the usual one."""
_OFF = re.compile(r"[折减抵]|(?<![a-z])off(?![a-z])|discount|saving|优惠", re.IGNORECASE)


def _lowered(figure: Figure, text: str, prices: list[Decimal], known: Ground) -> bool:
    """A price less a stated reduction: 1,000 of 1,080 with a coupon of 80, 295.20 of 328 at 10 % off."""
    offs = [item.figure for item in known.stated if _OFF.search(item.said) and item.figure.kind in ("money", "percent")
            and "threshold" not in item.roles]
    values = [price * (100 - off.number) / 100 if off.kind == "percent" else price - off.number for price in prices for off in offs]
    before = text[max(0, figure.start - 20):figure.start]
    return any(value > 0 and (abs(value - figure.number) < Decimal("0.006") or fits_bound(figure, value, before, text)) for value in values)


_UNIT_AFTER = re.compile(r"\s*(?:/|a|per|each|every|每|一)\s*(?:kilo\w*|kg|litre|liter|l|100 ?g|100 ?ml|公斤|千克|斤|升)(?![a-z])",
                         re.IGNORECASE)
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
