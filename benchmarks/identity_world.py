"""Invented people as a shop's files hold them: some under several ids, with typos, moves, new phones, swapped fields, pinyin, gaps.

Nobody in it is real. Households share a family name, an address and sometimes a phone or mailbox; some numbers are placeholders.
"""

from __future__ import annotations

import random
import string
from dataclasses import dataclass, field

from brandloom.govern.names import GIVEN_NAMES, SURNAMES
from brandloom.govern.vault import Person

PINYIN = {"王": "wang", "李": "li", "张": "zhang", "刘": "liu", "陈": "chen", "杨": "yang", "黄": "huang", "赵": "zhao", "吴": "wu",
          "周": "zhou", "徐": "xu", "孙": "sun", "马": "ma", "朱": "zhu", "胡": "hu", "郭": "guo", "何": "he", "林": "lin", "高": "gao", "罗": "luo"}
HAN = {"伟": "wei", "芳": "fang", "娜": "na", "敏": "min", "静": "jing", "丽": "li", "强": "qiang", "磊": "lei", "军": "jun", "洋": "yang",
       "勇": "yong", "艳": "yan", "杰": "jie", "涛": "tao", "明": "ming", "超": "chao",
       "秀": "xiu", "霞": "xia", "平": "ping", "刚": "gang", "文": "wen", "辉": "hui",
       "玲": "ling",
       "红": "hong", "晓": "xiao", "小": "xiao", "宇": "yu", "浩": "hao", "欣": "xin", "雨": "yu"}
PARTS = ("ash", "black", "clay", "dun", "east", "fair", "green", "har", "kel", "lang", "mar", "nor", "old", "pem", "rock", "stan", "thorn",
         "wal", "whit", "york")
ENDS = ("by", "field", "ford", "ham", "land", "ley", "man", "son", "ton", "well", "wick", "wood", "worth")
MAIL_EN, MAIL_ZH = ("gmail.com", "outlook.com", "yahoo.com", "shopper.example"), ("qq.com", "163.com", "126.com", "gmail.com")


@dataclass(frozen=True)
class Trouble:
    """Shares of second records in which a field is other than in the first."""

    new_email: float = 0.45
    no_email: float = 0.2
    new_phone: float = 0.35
    no_phone: float = 0.25
    typo: float = 0.12
    initial: float = 0.08
    swapped: float = 0.05
    pinyin: float = 0.15
    new_family: float = 0.03
    moved: float = 0.15
    written_otherwise: float = 0.35
    no_address: float = 0.3
    no_birth: float = 0.7
    household: float = 0.2
    shared_phone: float = 0.25
    shared_email: float = 0.1


@dataclass
class World:
    people: list[Person] = field(default_factory=list)
    truth: dict[str, int] = field(default_factory=dict)
    """Id -> the person it is of."""


def make_world(persons: int, seed: int, trouble: Trouble, *, chinese: float = 0.4, doubles: float = 0.2) -> World:
    """Records of so many persons; a share `doubles` of them have 2 to 4."""
    rng = random.Random(seed)
    families = sorted({a + b for a in PARTS for b in ENDS}) + [name.title() for name in ("smith", "jones", "brown", "taylor", "wilson")] * 8
    world, before, taken = World(), None, set[str]()
    for number in range(persons):
        one = _person(rng, families, chinese, before if rng.random() < trouble.household else None, trouble)
        while one["email"] in taken and not (before and one["email"] == before["email"]):
            one["email"] = f"{_digits(rng, 1)}{one['email']}"  # a mailbox is one person's or one household's
        taken.add(one["email"])
        before = one
        copies = 1 if rng.random() >= doubles else rng.choice((2, 2, 2, 3, 4))
        for copy in range(copies):
            customer = f"c_{rng.getrandbits(96):024x}"
            world.people.append(_record(rng, customer, one, trouble, first=copy == 0))
            world.truth[customer] = number
    rng.shuffle(world.people)
    return world


def _person(rng: random.Random, families: list[str], chinese: float, relative: dict[str, str] | None, trouble: Trouble) -> dict[str, str]:
    zh = relative["zh"] == "1" if relative else rng.random() < chinese
    if zh:
        family = relative["family"] if relative else rng.choice(list(PINYIN) * 4 + sorted(SURNAMES))
        given = "".join(rng.choices(list(HAN), k=rng.choice((1, 2, 2))))
        latin = "".join(HAN[letter] for letter in given) + PINYIN.get(family, rng.choice(("q", "z", "x")))
    else:
        family = relative["family"] if relative else rng.choice(families)
        given = rng.choice(sorted(GIVEN_NAMES))
        latin = f"{given}.{family}".lower()
    phone = "1" + rng.choice("3578") + _digits(rng, 9) if zh else "07" + _digits(rng, 9)
    email = f"{latin}{rng.choice(('', '', _digits(rng, 2), _digits(rng, 3)))}@{rng.choice(MAIL_ZH if zh else MAIL_EN)}"
    if zh and rng.random() < 0.6:
        email = f"{rng.randint(10**8, 10**10)}@qq.com"
    if relative and rng.random() < trouble.shared_phone:
        phone = relative["phone"]
    if relative and rng.random() < trouble.shared_email:
        email = relative["email"]
    return {"zh": "1" if zh else "", "family": family, "given": given, "phone": phone, "email": email,
            "address": relative["address"] if relative else _address(rng, zh),
            "birth": f"{rng.randint(1945, 2004)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"}


def _record(rng: random.Random, customer: str, one: dict[str, str], t: Trouble, *, first: bool) -> Person:
    zh, hit = one["zh"] == "1", lambda share: rng.random() < share * (0.3 if first else 1.0)
    given, family = one["given"], one["family"]
    if zh and hit(t.pinyin):
        given, family = "".join(HAN[letter] for letter in given).title(), PINYIN.get(family, "Ou").title()
    if hit(t.typo):
        given, family = (_typo(rng, given), family) if rng.random() < 0.5 else (given, _typo(rng, family))
    if not zh and hit(t.initial):
        given = given[0]
    if not zh and not first and hit(t.new_family):
        family = rng.choice(PARTS) + rng.choice(ENDS)
    if hit(t.swapped):
        given, family = family, given
    email = "" if hit(t.no_email) else _new_email(rng, one) if hit(t.new_email) and not first else one["email"]
    fresh = ("1" + rng.choice("3578") if zh else "07") + _digits(rng, 9)
    phone = "" if hit(t.no_phone) else fresh if hit(t.new_phone) and not first else one["phone"]
    if phone and rng.random() < 0.01:
        phone = rng.choice(("123456789", "00000000", "13800138000"))
    if phone and rng.random() < 0.3:
        phone = f"+86 {phone[:3]} {phone[3:7]} {phone[7:]}" if zh else f"+44 {phone[1:5]} {phone[5:]}"
    address = "" if hit(t.no_address) else _address(rng, zh) if hit(t.moved) and not first else one["address"]
    if address and hit(t.written_otherwise):
        address = _otherwise(rng, address)
    birth = one["birth"] if rng.random() > 0.03 else _typo(rng, one["birth"])
    other = {} if rng.random() < t.no_birth else {"birthday": birth}
    name = {"full_name": family + given if zh and given and not given.isascii() else f"{given} {family}"} if rng.random() < 0.5 else {
        "first_name": given, "last_name": family}
    return Person(customer, email=email.upper() if email and rng.random() < 0.1 else email or None, phone=phone or None, address=address or None,
                  other=other, **({} if hit(0.05) else name))


def _new_email(rng: random.Random, one: dict[str, str]) -> str:
    name, _, domain = one["email"].partition("@")
    if rng.random() < 0.3:
        return f"{name}@{rng.choice(MAIL_EN + MAIL_ZH)}"
    other = f"{''.join(rng.choices(string.ascii_lowercase, k=8))}{_digits(rng, 2)}@{rng.choice(MAIL_EN)}"
    return f"{name}+shop@{domain}" if rng.random() < 0.2 else other


def _address(rng: random.Random, zh: bool) -> str:
    if zh:
        road = "".join(rng.choices("中山人民解放建设文化和平长江黄河", k=2))
        district = rng.choice(("浦东新区", "徐汇区", "静安区", "闵行区"))
        return f"上海市{district}{road}路{rng.randint(1, 900)}号{rng.randint(1, 30)}室 {rng.randint(200000, 202200)}"
    code = f"{rng.choice('BLMNS')}{rng.randint(1, 40)} {rng.randint(1, 9)}{''.join(rng.choices('ABDEFGHJLNP', k=2))}"
    road = f"{rng.choice(PARTS).title()}{rng.choice(ENDS)} {rng.choice(('Road', 'Street', 'Lane', 'Avenue'))}"
    return f"{rng.randint(1, 220)} {road}, {code}"


def _otherwise(rng: random.Random, address: str) -> str:
    for long, short in (("Road", "Rd"), ("Street", "St."), ("Lane", "Ln"), ("Avenue", "Ave"), ("上海市", ""), ("号", "弄")):
        address = address.replace(long, short)
    return _typo(rng, address) if rng.random() < 0.3 else address


def _typo(rng: random.Random, text: str) -> str:
    if len(text) < 2:
        return text
    at = rng.randrange(len(text) - 1)
    match rng.randrange(3):
        case 0:
            return text[:at] + text[at + 1] + text[at] + text[at + 2:]
        case 1:
            return text[:at] + text[at + 1:]
        case _:
            letters = list(HAN) if not text.isascii() else "0123456789" if text[at].isdigit() else string.ascii_lowercase
            swap = rng.choice(letters)
            return text[:at] + swap + text[at + 1:]


def _digits(rng: random.Random, n: int) -> str:
    return "".join(rng.choices("0123456789", k=n))
