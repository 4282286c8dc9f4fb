"""The other edges: addresses that a server leads to, cells of exported tables, characters nobody sees, and what models may cost."""

from __future__ import annotations

import csv
import io
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.attack.markup import mail
from benchmarks.attack.pages import harmless_written
from benchmarks.attack.server import recording, well_behaved
from brandloom.campaigns import create
from brandloom.content import Rendered
from brandloom.content.brand.logo import clean_svg
from brandloom.content.facts import plain_text
from brandloom.content.studio import Maker, export, pieces, read_export
from brandloom.errors import BrandloomError, ConfigError
from brandloom.govern import scrub
from brandloom.llm import BudgetError, EndpointModel, Message, fetch, open_model, spent_by
from brandloom.llm.addresses import is_public
from brandloom.settings import Settings
from brandloom.sources.cells import plain_cell
from brandloom.sources.texts import clean

LOOPBACK = ("127.0.0.1", "127.1", "127.0.1", "127.255.255.254", "2130706433", "0x7f000001", "0x7f.1", "0x7f.0.0.1", "0177.1", "017700000001",
            "0177.0.0.01", "00000177.0.0.1", "0x7F.0x0.0x0.0x1", "127.0.0.1.", "localhost", "LOCALHOST", "localhost.", "0.0.0.0", "0",
            "0x0", "[::1]", "[::]",
            "[0:0:0:0:0:0:0:1]", "[0000::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::127.0.0.1]",
            "１２７.０.０.１",
            "①②⑦.⓪.⓪.①", "127。0。0。1", "127.0.0.1%00.evil.example", "user@127.0.0.1", "evil.example@127.0.0.1", "127.0.0.1\\@evil.example",
            "127.0.0.1#@evil.example", "127.0.0.1%2f@evil.example", "[::1%25lo]", "%31%32%37.0.0.1", "127.0.0.1%20")
"""Ways to write this machine; a port is put behind each."""
INSIDE = ("10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.100.100.200", "100.64.0.1", "192.0.0.192", "198.18.0.1", "240.0.0.1",
          "255.255.255.255", "224.0.0.1", "[fc00::1]", "[fe80::1]", "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[2002:7f00:1::]", "[2001::1]",
          "[fd00:ec2::254]", "[ff02::1]", "[::ffff:169.254.169.254]")
PREFIXES = ("=", "+", "-", "@", "\t=", "\r=", "\n=", "\x00=", " =", "  +", "\u00a0=", "\u3000=", "\u200b=", "\ufeff=", "\u2060@", "＝", "＋", "－",
            "＠", "−", "﹦", "﹢", "|", "%", "'=", "''=", "' =", "\"=", "\"\"=", "\x0b=", "\x0c=", "\x1f-", "\u2028=", "\u2029+", "\u202e=",
            "\t", "\r", "\n",
            "\x7f=", "=\t")
_SHEET = re.compile("[\\s\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3000\ufe00-\ufe0f\ufeff\"]*"
                    "[=+@|%＝＋－＠−﹦﹢-]|[\t\r\n\x00]")
PLAIN_NUMBER = re.compile(r"[+-]?[0-9][0-9.,]*")
EMOJI = ("😀", "❤️", "👍🏽", "👨‍👩‍👧‍👦", "👩🏽‍🚀", "🏳️‍🌈", "1️⃣", "#️⃣", "©️", "™️", "🇨🇳", "☕", "✈️", "👁️‍🗨️", "🧑‍🤝‍🧑", "‼️", "ℹ️", "㊗️",
         "🐻‍❄️", "❤️‍🔥", "🙋‍♀️")
WORDS = ("candle", "Evening", "£12.50", "don't", "50%", "café", "naïve", "蜡烛", "今晚", "保温杯", "１２９元",
         "「新品」", "龍井", "500毫升", "，", "。", "-", "A/B")
HIDDEN = (*(chr(code) for code in range(0xE0000, 0xE0080)), *(chr(code) for code in range(0xFE00, 0xFE10)), "\u200b", "\u200c", "\u200d", "\u2060")


@contextmanager
def leading_to(where: Callable[[], str], status: int) -> Iterator[tuple[int, list[str]]]:
    """A server on loopback that answers every request with a redirect; gives its port and what it was asked."""
    log: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            log.append(self.path)
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", where().encode("utf-8", "replace").decode("latin-1"))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_port, log
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def listening() -> Iterator[tuple[int, list[str]]]:
    """A port that counts connections on every address of this machine, IPv4 and IPv6."""
    taken: list[str] = []
    plug = socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True) if socket.has_dualstack_ipv6() else socket.create_server(("",
        0))
    plug.settimeout(0.05)
    over = threading.Event()

    def take() -> None:
        while not over.is_set():
            try:
                wire, address = plug.accept()
            except OSError:
                continue
            taken.append(str(address[0]))
            wire.close()

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    try:
        yield plug.getsockname()[1], taken
    finally:
        over.set()
        thread.join()
        plug.close()


def addresses(folder: Path) -> dict[str, Any]:
    """Every spelling as the place where an endpoint or a server of weights leads, and inside a logo; connections that were made."""
    where, errors = [""], list[str]()
    with listening() as (port, taken):
        spelled = [*(f"http://{host}:{port}/v1" for host in LOOPBACK), *(f"http://{host}/v1" for host in INSIDE), f"file:///etc/passwd?{port}",
                   f"ftp://127.0.0.1:{port}/x", f"gopher://127.0.0.1:{port}/x", f"//127.0.0.1:{port}/x"]
        for status in (301, 302, 303, 307, 308):
            with leading_to(lambda: where[0], status) as (first, asked):
                for where[0] in spelled:
                    asked.clear()
                    for call in (lambda url: EndpointModel(url, key="secret", model="m", retries=0).complete([Message("user", "x")], max_tokens=9),
                                 lambda url: EndpointModel(url, key="secret", retries=0), lambda url: fetch(f"{url}/model.gguf", folder)):
                        try:
                            call(f"http://127.0.0.1:{first}/v1")
                            errors.append(f"{where[0]}: no error")
                        except BrandloomError:
                            pass
                    if len(asked) != 3:
                        errors.append(f"{where[0]}: asked {len(asked)} times")
        for url in spelled:
            for wrap in ('<image href="{}"/>', '<use href="{}"/>', '<path fill="url({})" d="M0 0h9"/>', '<path style="fill:url(\'{}\')" d="M0 0h9"/>',
                         '<style>@import "{}";</style>'):
                shape = wrap.replace("{}", url.replace("&", "&amp;"))
                try:
                    made = clean_svg(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">{shape}</svg>'.encode(), "l.svg")
                except ConfigError:
                    continue
                if "127" in made or "passwd" in made or "http:" in made.replace("http://www.w3.org/", ""):
                    errors.append(f"logo: {made[:80]}")
        connections = list(taken)
    public = [host for host in (*LOOPBACK[:28], *INSIDE) if is_public(host.strip("[]"), 80) and resolves(host.strip("[]"))]
    return {"spellings": len(spelled), "statuses": 5, "places": ["model endpoint, asked to write", "model endpoint, asked for its models",
        "models use URL",
                                                                  "logo"],
            "tried": len(spelled) * (5 * 3 + 5), "connections": len(connections), "taken_for_public": public, "errors": errors[:6],
            "wrong": len(errors)}


def resolves(host: str) -> bool:
    """Whether this machine knows an address for the name."""
    try:
        return bool(socket.getaddrinfo(host, 80))
    except (OSError, UnicodeError):
        return False


def cells(folder: Path) -> dict[str, Any]:
    """Every prefix in every column of every table the product writes: the studio's CSV and the file of refused rows."""
    written, count = harmless_written(), 0
    live: list[str] = []
    changed: list[str] = []
    for prefix in PREFIXES:
        for rest in ('HYPERLINK("http://evil.example")', "1+1", "86 138 0013 8000", "5.20", "cmd|' /C calc'!A0"):
            value = prefix + rest
            draft = replace(written.drafts[0], copy={"text": value}, angle=value, model=value)
            made = replace(written, drafts=(draft,))
            text = export(made, "csv", maker=Maker(value))
            rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
            count += sum(map(len, rows))
            live += [f"copy {value!r}: {cell[:40]!r}" for row in rows for cell in row if alive(cell)]
            if read_export(text, "csv") != pieces(made, Maker(value)):
                changed.append(f"copy {value!r}")
            changed += [f"cell {value!r}"] if value not in (plain_cell(cell) for cell in rows[1]) else []
    refused, bad, lost = _refused_rows(folder)
    return {"prefixes": len(PREFIXES), "values": len(PREFIXES) * 5, "cells": count + refused, "live": len(live) + len(bad),
        "changed": len(changed) + len(lost),
            "examples": [*live, *bad, *changed, *lost][:6]}


def _refused_rows(folder: Path) -> tuple[int, list[str], list[str]]:
    """Rows with a prefix as date, quantity, price and product are refused; the cells of the file that says so."""
    shop_file, values = folder / "orders.csv", [prefix + rest for prefix in PREFIXES for rest in ('HYPERLINK("x")', "SUM(1)", "5.20")]
    values = [value.replace("\x00", "") for value in values]  # no text file holds a NUL: the loader refuses it whole
    heads = ("=Date", "+Quantity", "@Price", "\tName")
    with shop_file.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["Order ID", "Customer ID", *heads, "SKU"])
        out.writerow(["1", "c1", "2024-01-05", "1", "2", "Tea", "A1"])
        for number, value in enumerate(values):
            for at in range(3):
                row = ["2024-01-05", "1", "2", value, "A1"]
                row[at] = value
                out.writerow([f"o{number}x{at}", "c1", *row])
    with create(folder / "cells", name="Lantern Hall") as shop:
        mapping = dict(zip(("occurred_at", "quantity", "unit_price", "name"), (head.strip() for head in heads), strict=True))
        report = shop.load(shop_file, kind="orders", mapping=mapping | {"order_id": "Order ID", "customer": "Customer ID", "product": "SKU"})
        rejects = sorted(shop.workspace.rejects.iterdir())
    assert report.rows_refused > len(values), "rows with such values are no orders"
    rows = [row for path in rejects for row in csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline=""))]
    known = {scrub(clean(value))[:200] for value in values}
    return (sum(map(len, rows)), [f"rejects: {cell!r}" for row in rows for cell in row if alive(cell)],
            [f"rejects: {row[2]!r}" for row in rows[1:] if row[2] and plain_cell(row[2]) not in known and not PLAIN_NUMBER.fullmatch(row[2])])


def alive(cell: str) -> bool:
    """Whether a spreadsheet might run it: a plain number is none, whatever its sign."""
    return bool(_SHEET.match(cell)) and not PLAIN_NUMBER.fullmatch(cell)


def hidden(count: int, seed: int = 3) -> dict[str, Any]:
    """Strings of English, Chinese and emoji with hidden characters strewn in, through what reads and what prints; what is left or lost."""
    rng, left, lost = Random(seed), list[str](), list[str]()
    for number in range(count):
        visible, strewn = _strewn(rng)
        shown = {"load": clean(strewn), "text of a record": plain_text(strewn)}
        if number % 20 == 0:
            made = mail({"body": strewn, "headline": strewn, "subject": strewn, "product 1 name": strewn, "sender name": strewn})[0]
            said = mail({"body": visible, "headline": visible, "subject": visible, "product 1 name": visible, "sender name": visible})[0]
            lost += [f"mail {number}"] if _printed(made) != _printed(said) else []
            left += [f"mail {number}"] if _left(made.subject + made.text, said.subject + said.text) else []
        for place, text in shown.items():
            lost += [f"{place}: {visible!r} became {text!r}"] if text != visible else []
            left += [f"{place}: {text!r}"] if _left(text, visible) else []
    return {"strings": count, "mails": -(-count // 20), "left": len(left), "lost": len(lost), "examples": [*left, *lost][:5]}


def _printed(made: Rendered) -> tuple[str, ...]:
    """What is printed of a message, without the seal over the text as it was checked."""
    return made.subject, made.preheader, made.text, re.sub(r'<meta name="AIGC"[^>]*>', "", made.html)


def _strewn(rng: Random) -> tuple[str, str]:
    """A text, and the same with hidden characters inside and around its words; emoji keep theirs."""
    parts, dirty = list[str](), list[str]()
    for _number in range(rng.randrange(3, 9)):
        if rng.random() < 0.3:
            parts.append(rng.choice(EMOJI))
            dirty.append(parts[-1])
        else:
            parts.append(rng.choice(WORDS))
            dirty.append("".join(letter + "".join(rng.choices(HIDDEN,
                k=rng.randrange(3))) if not letter.isdigit() else letter for letter in parts[-1]))
    return " ".join(parts), " ".join(dirty)


def _left(text: str, visible: str) -> bool:
    return any(text.count(sign) > visible.count(sign) for sign in HIDDEN)


def spending(folder: Path, *, repeats: int, asked: int = 3_000, budget: int = 20_000, threads: int = 8) -> dict[str, Any]:
    """A day's budget asked by many threads until it is spent, and one request many times over."""
    with recording(well_behaved) as recorder:
        settings = Settings(cache=folder / "budget", model_url=recorder.url, model_name="m", model_budget_tokens=budget, model_cache_mb=10)
        with open_model(settings) as model:
            def ask(number: int) -> bool:
                try:
                    model.complete([Message("user", f"Write about candle {number}")], max_tokens=400)
                except BudgetError:
                    return False
                return True
            with ThreadPoolExecutor(threads) as pool:
                answered = sum(pool.map(ask, range(asked)))
            calls = len(recorder.bodies)
            book = spent_by(model)
            spent = book.tokens if book is not None else 0
    with recording(well_behaved) as recorder, open_model(Settings(
            cache=folder / "cache", model_url=recorder.url, model_name="m", model_cache_mb=10)) as model:
        started = time.monotonic()
        texts = {model.complete([Message("user", "Write about the red candle")], max_tokens=400).text for _turn in range(repeats)}
        paid = len(recorder.bodies)
    return {"budget_tokens": budget, "asked": asked, "calls": calls, "answered": answered, "spent_tokens": spent, "over": max(0, spent - budget),
            "repeats": repeats, "repeat_calls": paid, "same_answer": len(texts) == 1, "seconds": round(time.monotonic() - started, 1)}


def run(folder: Path, *, strings: int, repeats: int) -> dict[str, Any]:
    """All four; figures for the results file."""
    found = {"addresses": addresses(folder), "cells": cells(folder), "hidden": hidden(strings), "spending": spending(folder, repeats=repeats)}
    return found
