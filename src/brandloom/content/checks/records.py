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
from brandloom.content.checks.normalise import Folded
from brandloom.content.checks.places import fold_places
from brandloom.content.checks.roles import clause, role_at
from brandloom.content.checks.sentences import phrases
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


def check_against(text: str, records: object, *, language: str = "") -> list[Finding]:
    """Check every claim of a text against any JSON record or list of records.

    Args:
        text: copy in English or Chinese, of any length.
        records: what is true: numbers, strings, lists, mappings, nested; keys in either language. An empty one bears out nothing.
        language: language of the text; figures and claims of both are looked for whatever it is.
    Returns:
        One finding per claim that the records do not bear out, in order of place; its `rule` is the class of the claim and its
        `span` gives its place in the text.
    """
    return [replace(finding(claim.kind, claim.severity, "text", claim.excerpt, claim.template, said=claim.said), span=(claim.start, claim.end))
            for claim in unborne(text, ground(records)) if claim.scope != "copy" and claim.severity != "caution"]


def unborne(text: str, known: Ground) -> list[Claim]:
    """All claims of a text that `known` does not bear out, in order of place; overlapping ones of one class once."""
    folded = fold_places(text)
    plain, found, borne = folded.text, list[_Hit](), list[Figure]()
    quoted = known.quoted(plain)
    for figure in read_figures(plain):
        hit = None if _within(figure.start, figure.end, quoted) else _judge(figure, plain, known)
        if hit is None:
            borne.append(figure)
        else:
            found.append(hit)
    listed = [item for item in all_mentions(plain) if not _within(item.start, item.end, quoted)]
    hidden = [*quoted, *((item.start, item.end) for item in borne), *((item.start,
                                                                       item.end) for item in listed if is_idiom(item) or known.holds(item))]
    found += _listed([item for item in listed if not is_idiom(item)], plain, known, borne)
    found += [_Hit(item.kind, "evidence", "both", item.start, item.end, CLASSES[item.kind]) for item in phrases(plain, known, hidden)
              if item.kind != "date" or not _on_a_stated_weekday(plain[item.start:item.end], known)]
    return [_claim(hit, text, folded) for hit in _distinct(found)]


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
        if _backed(mention, text, known, borne):
            continue
        scope = "both" if any(item.scope == "both" for item in mention.concepts) else "copy"
        yield _Hit(concept.kind, concept.severity, scope, mention.start, mention.end, CLASSES[concept.kind])


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
_NEARLY = re.compile(r"(?:\bnearly|\balmost|\bclose to|将近|接近|近)\s*[£$€¥]?\s*$", re.IGNORECASE)
_CLASS_OF = {"money": "price", "percent": "percent", "date": "date", "duration": "duration", "count": "quantity"}
_CLASS_OF_ROLE = {"delivery": "delivery", "dispatch": "delivery", "rating": "testimonial", "reviews": "testimonial", "sold": "testimonial",
                  "stock": "stock",
                  "saving": "discount", "was": "discount", "warranty": "guarantee", "returns": "guarantee", "founded": "date", "fee": "delivery"}


def _judge(figure: Figure, text: str, known: Ground) -> _Hit | None:
    """None when the records bear the figure out, else the finding it makes."""
    roles = role_at(text, figure.start, figure.end, figure.kind)
    if figure.kind == "money" and not roles:
        roles = frozenset(("price",))
    if figure.casual and not (roles & {"delivery", "dispatch", "warranty", "returns", "battery", "shelf"} or figure.kind in ("mass", "volume")):
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


def bears(figure: Figure, roles: frozenset[str], text: str, known: Ground) -> bool:
    """True when the records state the figure, in any unit, about the same thing."""
    before = text[max(0, figure.start - 20):figure.start]
    if "price" in roles and re.search(r"deliver|shipp|postage|运|邮|配送", text[slice(*clause(text, figure.start, figure.end))], re.IGNORECASE):
        roles = roles | {"fee"}
    same = [item for item in known.stated if _alike(item.figure, figure) and _same_matter(roles, item.roles)]
    if any(_equal(item.figure, figure) for item in same):
        return True
    if figure.kind == "count":
        if any(item.figure.day.startswith(f"{figure.value}-") for item in known.stated) and 1000 <= figure.number <= 2200:
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
    return _bounded(figure, before, same, roles) or _derived(figure, roles, text, known)


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


def _bounded(figure: Figure, before: str, same: list[Stated], roles: frozenset[str]) -> bool:
    """'over 100' of 120 and 'under £13' of £12.50 are true; a bound far from the figure is not a fair one."""
    numbers = [item.figure.number for item in same if not roles or item.roles & roles]
    if figure.kind == "count" and not roles:
        return False
    if _AT_MOST.search(before):
        return any(figure.number / 2 <= number <= figure.number for number in numbers)
    if _AT_LEAST.search(before):
        return any(figure.number <= number <= 2 * figure.number for number in numbers)
    return bool(_NEARLY.search(before)) and any(figure.number * Decimal("0.9") <= number <= figure.number for number in numbers)


_EACH = re.compile(r"\bper\b|\beach\b|\bapiece\b|\ba (?:bag|cup|piece|sheet)\b|每|平均", re.IGNORECASE)


def _derived(figure: Figure, roles: frozenset[str], text: str, known: Ground) -> bool:
    """What follows from stated figures: the saving between two prices, and so much per piece."""
    prices = [item.figure.number for item in known.stated if item.figure.kind == "money" and "price" in item.roles]
    before = [item.figure.number for item in known.stated if item.figure.kind == "money" and "was" in item.roles]
    pairs = [(old, new) for old in before for new in prices if old > new > 0]
    if figure.kind == "money" and roles & {"saving", "was"}:
        return any(old - new == figure.number for old, new in pairs)
    if figure.kind == "percent":
        return any(-Decimal("0.5") <= 100 * (old - new) / old - figure.number < 1 for old, new in pairs)
    if _EACH.search(text[slice(*clause(text, figure.start, figure.end))]):
        wholes = [item.figure.number for item in known.stated if _alike(item.figure, figure)]
        counts = [item.figure.number for item in known.stated if item.figure.kind == "count" and item.figure.number > 1]
        return any(whole / count == figure.number for whole in wholes[:50] for count in counts[:50])
    return False
