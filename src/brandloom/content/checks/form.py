"""Form of a text: its slots, their length, its language, and what never belongs in a message."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from opencc import OpenCC

from brandloom.content.checks.finding import Finding, finding
from brandloom.content.checks.links import check_links
from brandloom.content.checks.normalise import fold, strip_invisible
from brandloom.content.checks.personal import is_contact
from brandloom.i18n import _

PARTS = {"email": ("body", "headline", "subject", "preheader", "cta"), "sms": ("text",), "push": ("text", "title")}
"""Parts of a text per channel, all required, in the order of writing: a small model finds the subject once the body is there."""
LENGTHS: Mapping[str, Mapping[str, Mapping[str, tuple[int, int]]]] = {"email": {
    "subject": {"en": (8, 70), "zh": (4, 32)},
    "preheader": {"en": (8, 110), "zh": (4, 50)},
    "headline": {"en": (6, 70), "zh": (3, 30)},
    "body": {"en": (40, 480), "zh": (18, 180)},
    "cta": {"en": (3, 28), "zh": (2, 12)},
}, "sms": {
    "text": {"en": (20, 300), "zh": (10, 130)},
}, "push": {
    "text": {"en": (15, 240), "zh": (8, 110)},
    "title": {"en": (8, 50), "zh": (4, 24)},
}}
"""Fewest and most characters, a slot counted as eight; how long a filled message to a phone is, its press counts."""

SLOT = re.compile(r"\{\{\s*([a-z_]+(?:\.[a-z_]+)?)\s*\}\}")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
_FORBIDDEN = (
    ("placeholder", re.compile(r"\[[^\]\n]{1,60}\]|【[^】]{0,20}(?:名称|姓名|链接|填写|插入)[^】]{0,20}】|<[A-Za-z_ ]{2,30}>"
                               r"|_{3,}|\bX{3,}\b|lorem ipsum|\bTBD\b|insert \w+ here|\bTODO\b", re.I),
     _("'{excerpt}' is a placeholder that was never filled.")),
    ("link", re.compile(r"https?:|www\.|\b(?:javascript|data|vbscript)\s*:"
                        r"|\b[\w-]+\.(?:com|net|org|cn|io|shop|co\.uk|top|xyz)\b", re.I),
     _("'{excerpt}' is a link; links are put in by the layout.")),
    ("email", re.compile(r"[\w.+-]+@[\w-]+\.\w+"), _("'{excerpt}' is an e-mail address.")),
    ("phone", re.compile(r"(?<!\d)(?:\+?\d[\s().-]?){7,15}(?!\d)"), _("'{excerpt}' looks like a phone or card number.")),
    ("phone", re.compile(r"(?:加|联系|咨询|找|add )(?:我们?|us |me )?的?(?:微信|wechat|weixin|vx|v信|qq)号?\s?[:：]?\s?[a-z0-9][\w-]{4,}"
                         r"|(?:微信|wechat|weixin|\bvx|v信|\bqq)(?:号| ?id)?\s?[:：]?\s?(?=[a-z_-]*[0-9])[a-z0-9][a-z0-9_-]{4,}", re.I),
     _("'{excerpt}' is an account to write to; the shop's own is in the layout.")),
    ("boilerplate", re.compile(r"\bas an? (?:AI|language model)\b|\bI(?:'m| am) (?:an? AI|sorry)\b|\bI can(?:not|'t)\b"
                               r"|作为(?:一个|一名)?(?:AI|人工智能|语言模型)|我(?:是|无法)(?:一个)?(?:AI|人工智能)|抱歉|对不起"
                               r"|\bhere(?:'s| is) (?:the|your) (?:email|copy|json)\b|以下是", re.I),
     _("'{excerpt}' is talk of the model, not of the shop.")),
    ("markup", re.compile(r"</?[A-Za-z][^>]*>|```|\*\*|^#+ |&#?\w+;|<!--", re.M),
     _("'{excerpt}' is markup; copy is plain text.")),
    ("opt-out", re.compile(r"unsubscribe|opt[- ]out|退订|回复?T", re.I),
     _("'{excerpt}' speaks of unsubscribing, which the layout does.")),
)
_CODE = re.compile(r"(?i:(?:(?:\b(?:use|enter|with|apply|quote|type|by|promo|discount|coupon|voucher|offer|gift)(?: (?:the|our|this))? ?)"
                   r"|(?:^|[.!?:;,(。！，：] ?))codes?(?: is|:|=)? {0,2}|(?:优惠|折扣|兑换|口令|邀请|券)码(?:是|为|：|:|=)?\s?)"
                   r"[\"'“‘「]?(?P<code>[A-Z0-9][A-Z0-9_-]{2,31}|(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{3,32})(?![A-Za-z0-9])")
_VOCATIVE = re.compile(r"\b(?:you|back|hello|hi|hey|dear|welcome|friend|thanks|have a look|see you),? "
                       r"\{\{ ?product\.name ?\}\}(?=[.!,?]|$)", re.I)
_MISUSED = re.compile(r"(?:价格|售价|价钱|现价|原价|只要|仅需|只需)[为是：:]?\s*\{\{\s*offer\.value\s*\}\}"
                      r"|\b(?:priced? at|price:?|only|just|costs?|worth) \{\{\s*offer\.value\s*\}\}(?! off)", re.I)
_UNIT_BESIDE = re.compile(r"[£$€¥￥]\s*\{\{\s*(?:product\.price|offer\.value)\s*\}\}"
                          r"|\{\{\s*(?:product\.price|offer\.value)\s*\}\}\s*(?:%|折|元|块|英镑|美元|percent|pounds?|dollars?|euros?)")


def check_parts(slots: object, channel: str) -> tuple[dict[str, str], list[Finding]]:
    """The text parts of a model's reply, and findings for those that are missing, empty, unknown or no text."""
    wanted = PARTS[channel]
    if not isinstance(slots, Mapping):
        return {}, [finding("schema", "ban", "text", str(slots), _("The reply is not an object with the parts {parts}."),
                            parts=", ".join(wanted))]
    texts, found = {}, []
    for name in wanted:
        value = slots.get(name)
        if isinstance(value, str) and value.strip():
            texts[name] = value
        else:
            found.append(finding("schema", "ban", name, "", _("The part '{place}' is missing or empty.")))
    found += [finding("schema", "ban", "text", str(name), _("'{excerpt}' is no part of this channel; parts are {parts}."),
                      parts=", ".join(wanted)) for name in slots if name not in wanted]
    return texts, found


def check_repeats(texts: Mapping[str, str]) -> list[Finding]:
    """Short parts that say the same words."""
    seen: dict[str, str] = {}
    found = []
    for place in ("headline", "subject", "preheader"):
        words = re.sub(r"\W+", "", texts.get(place, "")).casefold()
        if words and words in seen:
            found.append(finding("repeat", "ban", place, texts[place], _("The {place} says the same as the {other}."),
                                 other=seen[words]))
        seen.setdefault(words, place)
    return found


def check_slots(text: str, place: str, allowed: Iterable[str]) -> list[Finding]:
    """Unknown or malformed `{{ slots }}`, template syntax, and units written beside a slot that has one."""
    allowed = sorted(allowed)
    found = []
    for name in (match[1] for match in SLOT.finditer(text) if match[1] not in allowed):
        close = difflib.get_close_matches(name, allowed, n=1)
        found.append(finding("slot", "ban", place, "{{ " + name + " }}", _("{excerpt} has no value here; slots are {slots}."),
                             slots=", ".join(close or allowed)))
    rest = SLOT.sub("", text)
    broken = re.search(r"\{[{%#]?[^{}]{0,40}[}%#]?\}?|[}]", rest)
    if broken:
        found.append(finding("slot", "ban", place, broken.group(), _("'{excerpt}' is not a slot; write it as in the facts.")))
    beside = _UNIT_BESIDE.search(text)
    if beside:
        found.append(finding("slot", "ban", place, beside.group(), _("'{excerpt}' repeats a sign that the slot brings itself.")))
    misused = _MISUSED.search(text)
    if misused:
        found.append(finding("slot", "ban", place, misused.group(),
                             _("'{excerpt}' calls the offer a price; it is what comes off.")))
    called = _VOCATIVE.search(text)
    if called:
        found.append(finding("slot", "ban", place, called.group(), _("'{excerpt}' speaks to the product as if it were the reader.")))
    if text.count("product.name") > 2:
        found.append(finding("slot", "ban", place, "{{ product.name }}",
                             _("{excerpt} stands more than twice; it names one product.")))
    return found


def check_length(text: str, place: str, channel: str, language: str) -> list[Finding]:
    """Too short or too long for its place."""
    low, high = LENGTHS[channel][place][language]
    length = len(SLOT.sub("x" * 8, text))
    if low <= length <= high:
        return []
    return [finding("length", "ban", place, text, _("The {place} has {length} characters; {low} to {high} fit."),
                    length=length, low=low, high=high)]


def check_language(text: str, place: str, language: str, evidence: Iterable[str]) -> list[Finding]:
    """Words of another language, apart from names and wording the facts give; traditional characters in Chinese."""
    plain = mask(text, evidence)
    han, latin = len(_HAN.findall(plain)), len(re.findall("[A-Za-z]", plain))
    other = re.search("[\u3040-\u30ff\uac00-\ud7af\u0400-\u04ff\u0600-\u06ff\u0e00-\u0e7f\ufffd]", plain)
    if other:
        return [finding("language", "ban", place, other.group(), _("'{excerpt}' is of another script."))]
    if language == "en":
        return [finding("language", "ban", place, text, _("Chinese characters in an English text."))] if han else []
    if latin > max(0, han // 5):
        return [finding("language", "ban", place, text, _("Too little of the text is Chinese."))]
    if plain != _simple().convert(plain):
        return [finding("language", "ban", place, text, _("Traditional characters in a simplified Chinese text."))]
    return []


def check_forbidden(text: str, place: str, stated: Sequence[str] = ()) -> list[Finding]:
    """Placeholders, links, addresses, numbers of people, talk of the model, markup, invisible characters.

    Args:
        stated: values of the records; a number or mailbox that is one of them as a whole is the shop's own and may stand.
    """
    bare = SLOT.sub(" ", text)
    found = [finding(rule, "ban", place, said, template) for rule, pattern, template in _FORBIDDEN
             if (said := _barred(pattern, bare, stated if rule in ("phone", "email") else ()))]
    if not any(item.rule == "link" for item in found):
        found += check_links(bare, (), place=place)[:1]  # those in disguise, and of domains the pattern does not name
    if strip_invisible(text) != text or re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text):
        found.append(finding("invisible", "ban", place, repr(text), _("The text holds invisible or control characters.")))
    if place != "body" and "\n" in text:
        found.append(finding("invisible", "ban", place, text, _("The {place} has more than one line.")))
    return found


def _barred(pattern: re.Pattern[str], text: str, stated: Sequence[str]) -> str | None:
    """The first match of a pattern, as written or folded, that none of the values states."""
    said = (match.group() for spelling in (text, fold(text)) for match in pattern.finditer(spelling))
    return next((one for one in said if not any(is_contact(one, value) for value in stated)), None)


def check_codes(text: str, place: str, given: Iterable[str]) -> list[Finding]:
    """Discount codes that `given`, the brief's own words, do not name: what a product's fields say is no offer of the shop."""
    known = fold(" ".join(given)).casefold()
    return [finding("code", "ban", place, match["code"], _("'{excerpt}' is a code that the brief does not give."))
            for match in _CODE.finditer(fold(text)) if not re.search(rf"(?<![a-z0-9]){re.escape(match['code'].casefold())}(?![a-z0-9])", known)]


def mask(text: str, evidence: Iterable[str]) -> str:
    """The text without its slots and without names and wording that the facts give."""
    text = SLOT.sub(" ", text)
    for name in sorted({item for item in evidence if len(item) > 1}, key=len, reverse=True):
        whole = rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])" if name.isascii() else re.escape(name)
        text = re.sub(whole, " ", text, flags=re.IGNORECASE)
    return text


@cache
def _simple() -> OpenCC:
    return OpenCC("t2s")
