"""A shop whose every personal field is a canary, as the files it would export in English and Chinese."""

from __future__ import annotations

import base64
import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from urllib.parse import quote

from benchmarks.attack.detector import Canaries

FIRST_DAY, LAST_DAY = datetime(2024, 1, 1), datetime(2024, 7, 1)
AS_OF = "2024-06-01"
THINGS = [f"{colour} {thing}" for colour in ("Red", "Blue", "Green", "White") for thing in ("Candle", "Lantern", "Tealight Holder")]
CHINESE_THINGS = ("陶瓷马克杯", "帆布双肩包", "不锈钢保温杯", "纯棉四件套")


@dataclass(frozen=True)
class Known:
    """One customer as the shop knows them."""

    id: str
    first: str
    last: str
    email: str
    phone: str
    street: str
    identity: str
    chinese: str
    nick: str
    wechat: str
    device: str

    @property
    def odd(self) -> Sequence[Callable[[], str]]:
        """The same values as files and systems spell them."""
        wide = lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)  # noqa: E731
        return (lambda: self.email, lambda: self.email.upper(), lambda: wide(self.email), lambda: f" {self.email} ",
                lambda: f"{self.email[:4]}\u200b{self.email[4:]}")


def customers(canaries: Canaries, count: int) -> list[Known]:
    """People whose every value is a canary."""
    return [Known(canaries.word(), canaries.word().title(), canaries.word().title(), f"{canaries.word()}@{canaries.word()}.example",
                  canaries.mobile(), f"{n + 1} {canaries.word().title()} Street", canaries.id_number(), canaries.chinese_name(),
                  canaries.word(), canaries.word(), canaries.word()) for n in range(count)]


def write_shop(folder: Path, canaries: Canaries, *, people: int, seed: int = 5) -> list[Known]:
    """orders.csv, orders_zh.csv, customers.csv, customers_zh.csv, events.jsonl, products.csv, reviews.csv, reviews_zh.csv, brief.yaml."""
    known = customers(canaries, people)
    write_tables(folder, known, canaries, Random(seed))
    (folder / "brief.yaml").write_text("name: Evening lights\naudience:\n  max_size: 60\nholdout: 0.2\n", encoding="utf-8")
    return known


def write_tables(folder: Path, known: Sequence[Known], canaries: Canaries, rng: Random) -> None:
    """All tables of a shop with these customers; who buys what follows from their place in the list and `rng` alone."""
    _customers(folder, known)
    _orders(folder, known, rng)
    _events(folder, known, rng)
    _products(folder, canaries)
    _reviews(folder, known, canaries)


def _table(file: Path, head: Sequence[str], rows: Sequence[Sequence[object]], encoding: str = "utf-8") -> None:
    with file.open("w", newline="", encoding=encoding) as handle:
        csv.writer(handle).writerows([head, *rows])


def _note(who: Known, number: int) -> str:
    """What staff and customers type: names, numbers and addresses in running text, some of them encoded."""
    return (f"Ring {who.first} {who.last} before noon, {who.phone}", f"Leave it with {who.nick} at {who.street}",
            f"请送到{who.chinese}家，电话{who.phone[:3]} {who.phone[3:7]} {who.phone[7:]}", f"微信 {who.wechat}，收件人{who.chinese}",
            f"mail to {quote(who.email, safe='')} please", f"ref {base64.b64encode(who.email.encode()).decode()}",
            f"id {who.identity} shown, {who.email.replace('@', ' [at] ')}", f"token {who.email.encode().hex()}")[number % 8]


def _customers(folder: Path, known: Sequence[Known]) -> None:
    english, chinese = known[::2], known[1::2]
    _table(folder / "customers.csv", ["Customer ID", "First Name", "Last Name", "Email", "Mobile Phone", "Street Address", "Nickname", "Device ID",
                                      "Notes", "Referred by", "Profile link", "Language", "Email Consent", "Favourite colour"],
           [[who.id, who.first, who.last, who.odd[n % 5](), who.phone, who.street, who.nick, who.device, _note(who, n), known[n - 1].first,
             f"https://social.example/u/{who.nick}", "zh" if n % 4 == 0 else "en", "no" if n % 5 == 0 else "yes", ("red", "blue")[n % 2]]
            for n, who in enumerate(english)])
    _table(folder / "customers_zh.csv", ["会员号", "姓名", "手机号", "邮箱", "收货地址", "身份证号", "昵称", "微信号", "设备号", "备注",
                                         "推荐人", "语言", "邮件订阅"],
           [[who.id, who.chinese, who.phone, who.email, f"上海市浦东新区{who.chinese[1:]}路{n + 1}号{n % 30 + 1}室", who.identity, who.nick,
             who.wechat, who.device, _note(who, n + 2), known[n].chinese, "中文", "否" if n % 5 == 0 else "是"] for n, who in enumerate(chinese)],
           encoding="gb18030" if all(map(_fits, (who.chinese for who in known))) else "utf-8")


def _fits(text: str) -> bool:
    try:
        return bool(text.encode("gb18030"))
    except UnicodeEncodeError:
        return False


def _orders(folder: Path, known: Sequence[Known], rng: Random) -> None:
    rows: dict[bool, list[list[object]]] = {False: [], True: []}
    for number in range(7 * len(known)):
        moment = FIRST_DAY + timedelta(minutes=rng.randrange(int((LAST_DAY - FIRST_DAY).total_seconds() // 60)))
        place = min(rng.randrange(len(known)), rng.randrange(len(known)))
        who = known[place]
        for at in rng.sample(range(len(THINGS)), 2):
            rows[place % 2 == 1].append([f"O{number}", who.id, f"{moment:%Y-%m-%d %H:%M:%S}", f"P{at}", THINGS[at], rng.randint(1, 4),
                                         "12.50", who.chinese if place % 2 else f"{who.first} {who.last}", who.street, who.phone,
                                         who.email, _note(who, number), who.nick, f"203.0.113.{place % 250}"])
    tail = ["Ship Name", "Shipping Address", "Phone", "Contact Email", "Delivery instructions", "Gift message", "IP Address"]
    head = ["Order ID", "Customer ID", "Order Date", "SKU", "Product Name", "Quantity", "Unit Price"]
    _table(folder / "orders.csv", [*head, *tail], rows[False])
    _table(folder / "orders_zh.csv", ["订单编号", "会员号", "下单时间", "商品编码", "商品名称", "数量", "单价", "收货人",
                                      "收货地址", "联系电话", "邮箱", "买家留言", "买家昵称", "登录IP"], rows[True])


def _events(folder: Path, known: Sequence[Known], rng: Random) -> None:
    with (folder / "events.jsonl").open("w", encoding="utf-8") as file:
        for number in range(3 * len(known)):
            who = known[number % len(known)]
            moment = FIRST_DAY + timedelta(minutes=rng.randrange(200_000))
            row = {"user_id": who.id, "event_time": f"{moment:%Y-%m-%d %H:%M:%S}", "event": "view", "product_id": f"P{number % len(THINGS)}",
                   "session_id": f"s{number:06}", "device_id": who.device, "ip": f"198.51.100.{number % 250}", "page": "/lights",
                   "url": f"https://shop.example/?email={quote(who.email, safe='')}&name={who.first}", "search": _note(who, number),
                   "user": {"name": f"{who.first} {who.last}", "mail": who.email}}
            file.write(json.dumps(row, ensure_ascii=number % 2 == 0) + "\n")


def _products(folder: Path, canaries: Canaries) -> None:
    rows = [[f"P{n}", name, ("Candles", "Lanterns", "Holders")[n % 3] if n else "", "12.50",
             f"Made by hand. Questions: {canaries.word()}@{canaries.word()}.example or {canaries.mobile()}"] for n, name in enumerate(THINGS)]
    rows += [[f"Z{n}", name, "家居", "39", f"手工制作，咨询请加微信 {canaries.word()} 或致电{canaries.mobile()}"]
             for n, name in enumerate(CHINESE_THINGS)]
    _table(folder / "products.csv", ["SKU", "Product Name", "Category", "Price", "Details"], rows)


def _typed(who: Known, number: int) -> str:
    """What reviewers type about themselves."""
    return (f"Ask me: {who.email}", f"call {who.phone}", f"I live at {who.street}, come and see", f"加微信{who.wechat}", f"身份证{who.identity}",
            f"link https://shop.example/r?m={quote(who.email, safe='')}", f"key {base64.b64encode(who.email.encode()).decode()}",
            f"hash {who.email.encode().hex()}", f"{who.email.replace('@', ' [at] ')}", f"{who.odd[2]()}", f"微信号：{who.wechat}")[number % 11]


def _reviews(folder: Path, known: Sequence[Known], canaries: Canaries) -> None:
    """Every tenth review names another customer, which no pattern and no column tells."""
    english, chinese = known[::2], known[1::2]
    other = known[-1]
    canaries.elsewhere |= {other.first.lower(), other.last.lower(), other.chinese[1:]}
    _table(folder / "reviews.csv", ["Review ID", "Product ID", "Reviewer", "Author email", "Rating", "Title", "Review", "Date"],
           [[f"R{n}", f"P{n % len(THINGS)}", f"{who.first} {who.last}", who.email, 1 + n % 5, f"From {who.first}",
             f"Lovely light. {_typed(who, n)}. {who.first} {who.last}{f', like {other.first} {other.last} said' if n % 10 == 9 else ''}",
             "2024-03-01"]
            for n, who in enumerate(english)])
    _table(folder / "reviews_zh.csv", ["评论编号", "商品编号", "评价人", "评分", "评价内容"],
           [[f"C{n}", f"P{n % len(THINGS)}", who.chinese, 1 + n % 5, f"很好看，{_typed(who, n)}。{who.chinese}留"
             f"{f'，{other.chinese}推荐的' if n % 10 == 9 else ''}"] for n, who in enumerate(chinese)])
