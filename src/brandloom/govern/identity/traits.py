"""What people are recognised by, in one spelling: e-mail, phone, name, address, postcode, birthday, numbers of accounts.

Personal data: kept in memory while matching and written nowhere.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

from brandloom.govern import normal
from brandloom.govern.names import DOUBLE_SURNAMES
from brandloom.govern.vault import Person

_DOTS_MEAN_NOTHING = {"gmail.com": "gmail.com", "googlemail.com": "gmail.com"}
_PLUS_IS_A_TAG = frozenset({"gmail.com", "outlook.com", "hotmail.com", "live.com", "icloud.com", "me.com", "fastmail.com", "proton.me",
                            "protonmail.com"})
"""Providers that say so themselves; elsewhere a.b@ and ab@, or a+b@ and a@, may be two people."""
_ROLES = frozenset((
    "info", "office", "sales", "support", "service", "contact", "hello", "hi", "mail", "admin", "accounts", "accounting", "billing", "orders",
    "order", "shop", "store", "team", "enquiries", "help", "marketing", "hr", "noreply", "no-reply", "postmaster", "webmaster", "kefu", "caigou",
    "xiaoshou", "bangong", "test", "none", "na", "null"))
_TITLES = re.compile(r"^(?:mrs?|ms|miss|mx|dr|prof|sir)\.? |(?:先生|女士|小姐|太太|老师)$")
_POSTCODE = re.compile(r"\b([a-z]{1,2}[0-9][0-9a-z]? ?[0-9][a-z]{2}|[0-9]{5,6}(?:-[0-9]{4})?)\b")
_BIRTH = re.compile("birth|dob|生日|出生", re.IGNORECASE)
_ACCOUNT = re.compile(r"union.?id|open.?id|wechat|weixin|微信|member|loyalty|会员|(?:customer|client|user|account).?(?:id|no|number)", re.IGNORECASE)
_YMD = re.compile(r"(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?(?:[ T].*)?")
_HAN = re.compile("[\u3400-\u9fff]")
_ALIKE = 0.8  # share of letters in common from which two given names may be one misspelt


@dataclass(frozen=True, repr=False)
class Traits:
    """One id's; an empty string is not known."""

    customer: str
    email: str = ""
    phone: str = ""
    given: str = ""
    family: str = ""
    name: str = ""
    """All words of the name in alphabetical order, so that swapped fields are alike; a Chinese name as it is."""
    address: str = ""
    postcode: str = ""
    birth: str = ""
    """Eight digits, year first."""
    id_number: str = ""
    accounts: tuple[str, ...] = ()
    """Numbers of the shop's other systems, such as WeChat's union id, each with its heading."""

    @property
    def han(self) -> bool:
        return bool(_HAN.search(self.name))


def traits(person: Person, *, calling_code: str = "") -> Traits:
    """What this person can be recognised by.

    Args:
        calling_code: of the shop's country, such as '44', for phones written with a leading 0; unknown leaves them as they are.
    """
    given, family, name = _name(person)
    address = _plain(person.address or "")
    found = _POSTCODE.findall(address)
    postcode = found[-1].replace(" ", "") if found else ""
    birth = next((day for heading, value in sorted(person.other.items()) if _BIRTH.search(heading) and (day := _day(value))), "")
    accounts = tuple(f"{normal.clean(heading).lower()}:{number}" for heading, value in sorted(person.other.items())
                     if _ACCOUNT.search(heading) and (number := normal.source_id(value)))
    return Traits(person.customer, email_key(person.email or ""), phone_key(person.phone or "", calling_code), given, family, name, address,
                  postcode, birth, normal.id_number(person.id_number or ""), accounts)


def email_key(text: str) -> str:
    """An address as its provider reads it: case never counts, dots and +tags only where the provider is known to ignore them."""
    plain = normal.email(text)
    name, _, domain = plain.partition("@")
    domain = _DOTS_MEAN_NOTHING.get(domain, domain)
    if domain in _PLUS_IS_A_TAG:
        name = name.partition("+")[0] or name
    if domain in _DOTS_MEAN_NOTHING:
        name = name.replace(".", "")
    return f"{name}@{domain}" if plain else ""


def phone_key(text: str, calling_code: str = "") -> str:
    """Digits with '+' and country where that is known; '0...' becomes '+44...' where the shop's calling code is given."""
    plain = normal.phone(text)
    return f"+{calling_code}{plain[1:]}" if calling_code and plain.startswith("0") else plain


def is_role(email: str) -> bool:
    """A mailbox of a post, not of a person: info@, sales@, kefu@."""
    return email.partition("@")[0] in _ROLES


def is_placeholder(phone: str) -> bool:
    """A number somebody typed to get past a form: too short, one digit over and over, or digits in a row."""
    digits = phone.lstrip("+")[-9:]
    steps = {(int(after) - int(before)) % 10 for before, after in pairwise(digits)}
    return len(digits) < 7 or len(set(digits[-7:])) <= 2 or steps in ({1}, {9})


def names_differ(one: Traits, other: Traits) -> bool:
    """Whether the names are those of two people. An initial, a misspelling, swapped fields or a new family name do not make them so.

    Names in different scripts (张伟, Zhang Wei) say nothing, nor does a name that is missing.
    """
    if not one.name or not other.name or one.han != other.han or one.name == other.name:
        return False
    if one.han:
        return min(len(one.name), len(other.name)) > 1 or one.name[0] != other.name[0]
    if one.given and other.given:
        return not (_alike(one.given, other.given) or (_alike(one.given, other.family) and _alike(one.family, other.given)))
    return not set(one.name.split()) & set(other.name.split())


def known_alike(one: Traits, other: Traits) -> bool:
    """Whether something that relatives do not share speaks for one person: the name in one script, or the birthday; and no birthday against it."""
    if one.birth and other.birth and sum(left != right for left, right in zip(one.birth, other.birth, strict=True)) > 2:
        return False
    if one.name and other.name and one.han == other.han:
        return not names_differ(one, other)
    reached = any(mine and mine == theirs for mine, theirs in ((one.email, other.email), (one.phone, other.phone), (one.address, other.address)))
    return bool(one.birth) and one.birth == other.birth and reached


def _alike(one: str, other: str) -> bool:
    if not one or not other:
        return False
    short, long = sorted((one, other), key=len)
    return (len(short) == 1 and long.startswith(short)) or SequenceMatcher(None, one, other, autojunk=False).ratio() >= _ALIKE


def _name(person: Person) -> tuple[str, str, str]:
    given, family = _words(person.first_name or ""), _words(person.last_name or "")
    if not given and not family and person.full_name:
        last, comma, first = person.full_name.partition(",")
        words = _words(f"{first} {last}" if comma else person.full_name)
        if _HAN.search(words):
            words = words.replace(" ", "")
            at = 2 if words.startswith(DOUBLE_SURNAMES) else 1
            given, family = words[at:], words[:at]
        else:
            given, _, family = words.partition(" ")
            family = family.split(" ")[-1] if family else ""
            return given, family, " ".join(sorted(words.split()))
    if _HAN.search(given + family):
        return given, family, (family + given).replace(" ", "")
    return given, family, " ".join(sorted(f"{given} {family}".split()))


def _words(text: str) -> str:
    return _TITLES.sub("", _plain(text)).strip()


def _plain(text: str) -> str:
    """Lower case, no accents, words apart by one space."""
    text = unicodedata.normalize("NFKD", normal.clean(text)).casefold()
    return " ".join(re.sub(r"[^\w]+|_", " ", "".join(letter for letter in text if not unicodedata.combining(letter))).split())


def _day(text: str) -> str:
    found = _YMD.fullmatch(normal.clean(text))
    return f"{found[1]}{int(found[2]):02d}{int(found[3]):02d}" if found else ""
