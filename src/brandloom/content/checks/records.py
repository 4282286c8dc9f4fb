"""Claims of a text against records: every figure and every claim that the records do not bear out, with its place and the reason."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from brandloom.content.checks.bearing import bears, fits_bound, same_matter
from brandloom.content.checks.borne import second_opinion
from brandloom.content.checks.claims import CLASSES, Mention, all_mentions, is_idiom
from brandloom.content.checks.figures import Figure, read_figures
from brandloom.content.checks.finding import Finding, Severity, finding
from brandloom.content.checks.ground import Ground, ground, negated, stem
from brandloom.content.checks.implied import denied_fields, harmless, implied
from brandloom.content.checks.normalise import Folded, fold_places
from brandloom.content.checks.offers import offers
from brandloom.content.checks.products import parts_of
from brandloom.content.checks.relative import Told, told_dates
from brandloom.content.checks.roles import clause, role_at
from brandloom.content.checks.sentences import Phrase, phrases, stretches
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


def check_against(text: str, records: object, *, language: str = "", today: date | None = None, opinion: bool = False) -> list[Finding]:
    """Check every claim of a text against any JSON record or list of records.

    Args:
        text: copy in English or Chinese, of any length.
        records: what is true: numbers, strings, lists, mappings, nested; keys in either language. An empty one bears out nothing.
            Of several products with names, a sentence that names one is judged by that one, and any other by all of them.
        language: language of the text; figures and claims of both are looked for whatever it is.
        today: the day from which 'last year' or 下周一 counts; without it only dates written out are borne out.
        opinion: whether the second opinion (`entailment`) is heard: findings give way in a sentence that surely follows from the
            records, and a sentence of which the rules say nothing is stopped where it surely does not.
    Returns:
        One finding per claim that the records do not bear out, in order of place; its `rule` is the class of the claim, or 'unborne'
        for the second opinion's, and its `span` gives its place in the text.
    """
    known = ground(records)
    found = [_found(claim, known) for claim in unborne(text, known, today) if claim.scope != "copy" and claim.severity != "caution"]
    return second_opinion(text, known, found) if opinion and known.fields else found


def _found(claim: Claim, known: Ground) -> Finding:
    """A claim as a finding, with what the records state instead."""
    said = claim.said or known.tells(claim.kind)
    advice = _("Write what is stated instead ({said}), or leave it out.") if said else _("Leave it out, or add a record that states it.")
    return replace(finding(claim.kind, claim.severity, "text", claim.excerpt, claim.template, said=said, span=(claim.start, claim.end)),
                   suggestion=advice)


def unborne(text: str, known: Ground, today: date | None = None) -> list[Claim]:
    """All claims of a text that `known` does not bear out, in order of place; overlapping ones of one class once."""
    folded = fold_places(text)
    plain = folded.text
    found = _distinct(_read(plain, 0, len(plain), known, today))
    for part in parts_of(plain, known.products) if known.products else ():
        if part.products:
            own = ground([product.record for product in part.products] if len(part.products) > 1 else part.products[0].record)
            # What the product does not bear out another record may still name, but no figure of another one.
            found += _read(plain, part.start, part.end, own, today)
    return [_claim(hit, text, folded) for hit in (_distinct(found) if known.products else found)]


def _read(plain: str, start: int, end: int, known: Ground, today: date | None) -> list[_Hit]:
    """The hits of a part of a folded text, read stretch by stretch."""
    return [replace(hit, start=hit.start + low, end=hit.end + low) if low else hit
            for low, high in stretches(plain, start, end) for hit in _hits(plain[low:high], known, today)]


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
        hit = None if _within(figure.start, figure.end, quoted) or (
            today and (_since(figure, plain, known, today) or _until(figure, plain, known, today))) else _judge(figure, plain, known)
        if hit is None:
            borne.append(figure)
        else:
            found.append(hit)
    for offer in offers(plain):
        if offer.same in known.offers:
            quoted.append((offer.start, offer.end))
        else:
            found.append(_Hit("discount", "ban", "both", offer.start, offer.end, CLASSES["discount"]))
    denied, contradicted = denied_fields(plain, known)
    quoted += [*free, *denied, *implied(plain, known)]
    found += [_Hit("feature", "evidence", "both", start, end, CLASSES["feature"]) for start, end in contradicted]
    found += _not_to_be_had(plain, known)
    listed = [item for item in all_mentions(plain) if not _within(item.start, item.end, quoted)]
    hidden = [*quoted, *((item.start, item.end) for item in borne),
              *((item.start, item.end) for item in listed if is_idiom(item) or known.holds(item))]
    found += _listed([item for item in listed if not is_idiom(item)], plain, known, borne)
    found += [_Hit(item.kind, "evidence", "both", item.start, item.end, CLASSES[item.kind]) for item in phrases(plain, known, hidden)
              if not _introduces(item, plain, known, borne) and not _tallied(item.kind, item.start, item.end, plain, borne)
              and (item.kind != "date" or not _on_a_stated_weekday(plain[item.start:item.end], known))]
    return found


_GONE = re.compile(r"\b(?:sold out|gone|none left|unavailable|out of stock|no longer|back (?:soon|in)|wait\w*|not)\b|n['’]t\b|售罄|卖完"
                   r"|卖光|没货|缺货|断货|没有|补货|不", re.IGNORECASE)
_TO_BE_HAD = re.compile(r"\b(?:buy|order|post|send|ship|grab|fancy|pick|choose|available|in stock|still|ready|yours|get|take|want)\b|现货|有货|下单"
                        r"|拍下|入手|带走|发货|马上发|可选|任选|还有|挑", re.IGNORECASE)


def _not_to_be_had(text: str, known: Ground) -> Iterator[_Hit]:
    """Kinds of which none is left, where the text offers them."""
    words = {word: match.span() for match in re.finditer("[a-z]+|[\u4e00-\u9fff]+", text, re.IGNORECASE) for word in [match.group().lower()]}
    for name in sorted(known.sold_out):
        if name.isascii():
            parts = name.split()
            place = words.get(max(parts, key=len)) if all(part in words or len(part) < 2 for part in parts) else None
        else:
            at = text.find(name)
            place = (at, at + len(name)) if at >= 0 else None
        if place and _TO_BE_HAD.search(text) and not _GONE.search(text):
            yield _Hit("stock", "ban", "both", *place, CLASSES["stock"])


def _introduces(item: Phrase, text: str, known: Ground, borne: list[Figure]) -> bool:
    """True for 'cheaper by' before a figure that the records bear out, for 'change from' one, and for 'until' a stated feast."""
    if item.kind == "superlative" and text[item.start] == "最" and any(item.start < one.start <= item.end + 1 for one in borne):
        return True
    inside = {one.kind for one in borne if item.start <= one.start < item.end}
    if item.kind == "delivery" and "dispatched next day" in known.affirmed and _SENDS.search(text[item.start:item.end]):
        return True
    if item.kind in ("date", "price") and {"date": "date", "price": "money"}[item.kind] in inside:
        return True
    return item.kind in ("comparison", "discount") and any(
        item.start <= one.start <= item.end + 2 and (one.kind in ("money", "percent") or one.text[:1] in "贵省少") for one in borne)


_COUNTS = re.compile(r"\b(?:gave|given|give|rated?|scored?|reviewed|reviews?|ratings?|said their piece|had their say|weighed in|left|bought|own"
                     r"|stars?|"
                     r"average|home)\b|打出|打了|给出|给了|评|买|带走|入手|下单|拍下|好评率|评分|分", re.IGNORECASE)
_PRAISES = re.compile(r"\b(?:lov\w+|swear|ador\w+|favou?rites?|best|recommend\w*|rav\w+|happy|delighted|satisfied|perfect|thrilled|trust\w*|again"
                      r"|all|every\w*|"
                      r"most|half)\b|说|夸|爱|推荐|好用|满意|喜欢|回购|复购|首选|满分|点赞|信赖|一致|都|公认|追捧", re.IGNORECASE)


def _tallied(kind: str, start: int, end: int, text: str, borne: list[Figure]) -> bool:
    """True for people who are only counted, by a figure that the records bear out, and not made to praise: 两百多位买家打出4.7分."""
    if kind != "testimonial":
        return False
    low, high = clause(text, start, end)
    said = text[low:high]
    return bool(_COUNTS.search(said)) and not _PRAISES.search(said) and any(
        item.kind in ("count", "percent") and low <= item.start < high for item in borne)


_SENDS = re.compile(r"\bleaves?\b|\bsen[dt]\b|\bdispatch\w*|\bpost(?:ed)?\b|\bout the door\b|寄|发货|发出|出库|发走", re.IGNORECASE)
_FREE = re.compile(r"\bfree\b|\bincluded\b|\bcomplimentary\b|免费|赠|附送|不另收", re.IGNORECASE)


def _given(mention: Mention, text: str, known: Ground) -> bool:
    """True for what a field of the same words says is free: 'engraved at no charge' of 'engraving: free'."""
    said = text[slice(*clause(text, mention.start, mention.end))]
    if re.search(r"deliver|shipp|postage|\bpost\b|运费|邮费|快递|配送", said, re.IGNORECASE):
        return "free shipping" in known.affirmed and not any("threshold" in item.roles for item in known.stated)
    words = {stem(word) for word in re.findall("[A-Za-z]{4,}", said)} | set(re.findall("(?=([\u4e00-\u9fff]{2}))", said))
    return any(_FREE.search(f"{key} {value}") and words & (
        {stem(word) for word in re.findall("[A-Za-z]{4,}", f"{key} {value}")} | set(re.findall("(?=([\u4e00-\u9fff]{2}))", f"{key} {value}")))
        for key, value in known.fields if value.strip().lower() not in ("no", "false", "否", "无"))


def _until(figure: Figure, text: str, known: Ground, today: date) -> bool:
    """True for so many days to a stated last day: 三天后结束."""
    days = figure.number / 24
    if figure.kind != "duration" or figure.unit != "h" or days != int(days) or days > 366 or not _TO_GO.search(text):
        return False
    day = (today + timedelta(days=int(days))).isoformat()
    return any(item.figure.kind == "date" and _with_year(item.figure, today) == day for item in known.stated)


_TO_GO = re.compile(r"\bin \w+ days\b|\bdays (?:left|to go|from now)\b|[天日](?:以?后|之后)|[还只]剩|还有", re.IGNORECASE)


def _since(figure: Figure, text: str, known: Ground, today: date) -> bool:
    """True for so many years since a stated date: 'nearly twenty years old' of 'released: 2007-10-10'."""
    if figure.kind != "duration" or figure.unit != "mo" or figure.number < 12 or not _AGO.search(text):
        return False
    days = [_with_year(item.figure, today) for item in known.stated if not item.roles & {"end", "delivery", "shelf", "warranty", "returns", "age"}
            and (item.figure.kind == "date" or item.roles & {"founded", "start", "made"})]
    spans = [Decimal(12 * (today.year - int(day[:4])) + (today.month - int(day[5:7]) if len(day) > 6 else 0)) for day in days
             if re.match(r"\d{4}", day)]
    return any(abs(span - figure.number) < 12 or fits_bound(figure, span, text[max(0, figure.start - 20):figure.start], text) for span in spans)


_AGO = re.compile(r"\b(?:old|ago|since|going|running|on|anniversary|years of)\b|多?年前|以来|历史|问世|上市|年了", re.IGNORECASE)


def _told(text: str, known: Ground, today: date) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Places with dates told from today that a stated date fits, and those of a year and a month that none fits."""
    right, wrong = list[tuple[int, int]](), list[tuple[int, int]]()
    for item in told_dates(text, today):
        roles = role_at(text, item.start, item.end, "date")
        days = [_with_year(one.figure, today) for one in known.stated
                if same_matter(roles, one.roles) and (one.roles or "delivery" not in roles)]
        if any(day and item.fits(day) for day in days) or _still_on(item, text, known, today):
            right.append((item.start, item.end))
        elif item.names_month:
            wrong.append((item.start, item.end))
    return right, wrong


_LAST = re.compile(r"\b(?:ends?|ending|until|till|only|last|final|expires?|over|before|by|gone|launch\w*|new)\b|截止|结束|最后|仅|限|止|前|新"
                   r"|上市|推出", re.IGNORECASE)


def _still_on(item: Told, text: str, known: Ground, today: date) -> bool:
    """True for 'this week' of a price or an offer whose stated last day is not over by then, where the text names no end."""
    if _LAST.search(text) or not any(low <= today <= high for low, high in item.periods):
        return False
    money = any(figure.kind in ("money", "percent") for figure in read_figures(text))
    ends = [_with_year(one.figure, today) for one in known.stated if one.figure.kind == "date" and "end" in one.roles]
    return money and any(day >= today.isoformat() for day in ends if len(day) == 10)


def _with_year(figure: Figure, today: date) -> str:
    """A stated date with the year of today where it gives none; a bare year too."""
    if figure.kind == "count" and figure.number == int(figure.number) and 1900 <= figure.number <= 2200:
        return str(int(figure.number))
    return figure.day if figure.kind != "date" or re.match(r"\d{4}", figure.day) else f"{today.year}-{figure.day}"


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
    kept, hits = list[_Hit](), list(found)
    taken = bytearray(max((hit.end for hit in hits), default=0))
    for hit in sorted(hits, key=lambda item: (item.scope == "copy", item.severity == "caution", item.start - item.end)):
        if hit.end > hit.start and taken.find(1, hit.start, hit.end) < 0:
            taken[hit.start:hit.end] = b"\1" * (hit.end - hit.start)
            kept.append(hit)
    return sorted(kept, key=lambda item: item.start)


def _listed(listed: list[Mention], text: str, known: Ground, borne: list[Figure]) -> Iterator[_Hit]:
    for mention in listed:
        concept = mention.concepts[0]
        denied = negated(text, mention.start, mention.end)
        if denied and concept.kind in _NO_CLAIM_WHEN_DENIED:
            continue
        if denied and concept.name in _CARE and known.affirmed & _CARE and not known.holds(mention):
            continue
        if known.denies(mention) if denied else known.holds(mention) and not _half_said(mention, text, known, borne):
            continue
        if concept.kind in ("shop", "date", "guarantee") and any(item.start < mention.end and mention.start < item.end for item in borne):
            continue
        if _backed(mention, text, known, borne) or _tallied(concept.kind, mention.start, mention.end, text, borne):
            continue
        if concept.kind == "ingredient" and _served(mention, text, known):
            continue
        if concept.kind == "stock" and _GONE.search(mention.entry) and any(name in text.lower() for name in known.sold_out):
            continue
        if concept.kind == "comparison" and _NOT_FIT.search(text[slice(*_sentence(text, mention.start))]):
            continue
        if concept.kind == "health" and _WARNS.search(text[slice(*_sentence(text, mention.start))]):
            continue
        scope = "both" if any(item.scope == "both" for item in mention.concepts) else "copy"
        yield _Hit(concept.kind, concept.severity, scope, mention.start, mention.end, CLASSES[concept.kind])


_WARNS = re.compile(r"请?(?:绕开|绕行|避开|慎[用食]|勿[用食]|别[买用吃碰])|不适合|不宜|不建议|先(?:试|在)|\bavoid\b|\bnot (?:suitable|for)\b|\bsteer"
                    r" clear|\bpatch test|\bgive (?:it|this) a miss|\bunsuitable\b|\bask your (?:doctor|gp)", re.IGNORECASE)
"""What warns of a product promises no health."""
_NOT_FIT = re.compile(r"\b(?:won|do|does|can)['’]?(?:n?['’]t|not) (?:fit|work|go)\b|不(?:兼容|通用|适配)|[用装]不(?:了|上)", re.IGNORECASE)
"""Who says what a thing does not fit compares nothing."""
_FULL_STOP = re.compile(r"[.;!?。；！？\n]")


def _sentence(text: str, place: int) -> tuple[int, int]:
    after = _FULL_STOP.search(text, place)
    return max((match.end() for match in _FULL_STOP.finditer(text, 0, place)), default=0), after.start() if after else len(text)


_CARE = frozenset(("machine washable", "tumble dry", "dry clean", "washable"))
"""Ways of cleaning; where the records name one, another may be warned of."""
_SERVED = re.compile(r"\b(?:good|great|lovely|better|nice|delicious|best|serve\w*|goes|pair\w*|stir\w*|splash|top|pour\w*|enjoy|try|mix|dip|"
                     r"spread|drizzle|eat)\b(?! (?:source|for))[^.;!?]*\b(?:with|over|into|on|onto|to|of|alongside|in)\b[^.;!?]*$|"
                     r"(?:配|搭配|蘸|拌|兑|泡|加点|淋)[^。！？]{0,6}$",
                     re.IGNORECASE)
_FOOD = re.compile(r"ingredient|flavou?r|配料|成分|口味|原料|香味|scent|soap|cream|serum|tea\b|茶|糖|food|粮", re.IGNORECASE)
_AS_PART = re.compile(r"\b(?:with|contain\w*|of|from|infus\w*|rich|added|and|our)\b|含|加|添|萃|采用|富|[味香]|"
                      r"\s*(?:infus|enrich|scent|flavou?r|extract|oil)|精华|提取",
                      re.IGNORECASE)
_INSIDE = re.compile(r"contain|made|added|infus|enrich|blend|rich in|含|添加|加入|萃", re.IGNORECASE)


def _served(mention: Mention, text: str, known: Ground) -> bool:
    """True for what the reader may eat or drink it with, which is no ingredient of it."""
    before = re.split("[.;!?。！？]", text[max(0, mention.start - 80):mention.start])[-1]
    if not _FOOD.search(known.text) and not _AS_PART.search(before) and not _AS_PART.match(text, mention.end):
        return True
    return bool(_SERVED.search(before)) and not _INSIDE.search(before)


def _half_said(mention: Mention, text: str, known: Ground, borne: list[Figure]) -> bool:
    """True for free delivery without the smallest order that the records ask for."""
    if not any(concept.name == "free shipping" for concept in mention.concepts):
        return False
    asked = [item.figure.number for item in known.stated if item.figure.kind == "money" and "threshold" in item.roles]
    low, high = clause(text, mention.start, mention.end)
    prices = [item.figure.number for item in known.stated if item.figure.kind == "money" and "price" in item.roles]
    if prices and asked and min(prices) >= max(asked) and not _ALWAYS.search(text):
        return False
    return bool(asked) and not any(item.kind == "money" and low <= item.start < high for item in borne)


_ALWAYS = re.compile(r"\balways\b|\bwhatever\b|\bhowever\b|\b(?:any|every|all|each) orders?\b|\beverything\b|不管|无论|任何|一律"
                     r"|全部|全场", re.IGNORECASE)
_NO_CLAIM_WHEN_DENIED = frozenset(("superlative", "discount", "gift", "stock", "date", "award", "testimonial", "comparison", "novelty",
                                   "colour", "origin", "occasion", "customer", "shop", "trade", "process", "quality", "brand", "delivery"))


_GAPS = frozenset(("便宜", "省", "cheaper"))


def _backed(mention: Mention, text: str, known: Ground, borne: list[Figure]) -> bool:
    """A word of time, saving or rank that only introduces a figure which the records bear out."""
    if any(concept.kind == "gift" for concept in mention.concepts) and (
            _given(mention, text, known) or ("warranty" in known.affirmed and _REPAIRS.search(text))):
        return True
    kinds = {"date": ("date", "duration", "count"), "discount": ("percent", "money"), "guarantee": ("duration",)}
    wanted = next((kinds[concept.kind] for concept in mention.concepts if concept.kind in kinds), ())
    low, high = clause(text, mention.start, mention.end)
    near = [item for item in borne if item.kind in wanted and low <= item.start < high]
    if mention.entry in known.text and any(0 <= mention.start - item.end <= 2 or 0 <= item.start - mention.end <= 2 for item in borne):
        return True
    if mention.entry in _GAPS and any(item.kind == "money" and 0 <= item.start - mention.end <= 2 for item in borne):
        return True
    if "券" in mention.entry and "券" in known.text:
        return True
    if any(concept.kind == "discount" for concept in mention.concepts):
        return bool(near) and ("discount" in known.affirmed or any(item.kind == "money" and 0 <= item.start - mention.end <= 3 for item in near))
    if any(concept.name == "next day" for concept in mention.concepts) and "dispatched next day" in known.affirmed:
        return bool(_SENDS.search(text[low:high])) and not re.search(r"arriv|deliver|到货|送到|送达|收到", text[low:high], re.IGNORECASE)
    if any(concept.name == "weekday+" for concept in mention.concepts):
        return _on_a_stated_weekday(mention.entry, known)
    return bool(near)


_REPAIRS = re.compile(r"\b(?:fail|faults?|break|broken|give|gives|goes|gone|wears?)\b(?: out| wrong)?[^.;!?]*\b(?:on us|put it right"
                      r"|replace|mend|fix)", re.IGNORECASE)
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


_IN_STOCK = re.compile(r"\b(?:left|remaining|remain|in stock)\b|库存|仅剩|只剩|现货", re.IGNORECASE)
_OF_TEN = re.compile(r"(?:out of |/ ?|满分)$", re.IGNORECASE)
_CLASS_OF = {"clock": "date", "money": "price", "percent": "percent", "date": "date", "duration": "duration", "count": "quantity"}
_CLASS_OF_ROLE = {"delivery": "delivery", "dispatch": "delivery", "rating": "testimonial", "reviews": "testimonial", "sold": "testimonial",
                  "stock": "stock",
                  "saving": "discount", "was": "discount", "warranty": "guarantee", "returns": "guarantee", "founded": "date", "fee": "delivery"}


def _judge(figure: Figure, text: str, known: Ground) -> _Hit | None:
    """None when the records bear the figure out, else the finding it makes."""
    roles = role_at(text, figure.start, figure.end, figure.kind)
    if "pieces" in roles and _IN_STOCK.search(text[slice(*clause(text, figure.start, figure.end))]):
        roles = frozenset(("stock",))
    if figure.kind == "money" and not roles:
        roles = frozenset(("price",))
    before = text[max(0, figure.start - 12):figure.start]
    if figure.casual and _PER.search(before) and figure.kind != "money":
        return None
    promised = roles & {"delivery", "dispatch", "warranty", "returns", "battery", "shelf"} or figure.kind in ("mass", "volume")
    if figure.casual and not _firm(figure, known) and not promised:
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
