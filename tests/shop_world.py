"""A small shop with known customers, as the files it would export, and a model whose copy passes every check."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from brandloom.campaigns import create
from brandloom.llm import Message, ScriptedTextModel

FIRST_DAY, LAST_DAY = datetime(2024, 1, 1), datetime(2024, 7, 1)
AS_OF = datetime(2024, 6, 1)
NOW = datetime(2024, 6, 1, 10, tzinfo=UTC)
"""The morning of `AS_OF`, at which the shop's clock stands."""
PEOPLE = 160
SENDER = {"name": "Candle Shop", "email": "hi@candle.example", "postal_address": "1 Wick Lane"}
EN = {"body": "What would you put on the table tonight? We have put a few things aside for you to look through.",
      "headline": "For the evenings at home", "subject": "A thought for your evenings", "preheader": "Chosen with you in mind", "cta": "Have a look"}
ZH = {"body": "今晚的桌上，你想放点什么？我们为你留了几样，慢慢挑。", "headline": "晚上在家的时光",
      "subject": "想起你家的夜晚", "preheader": "照着你的心意挑的", "cta": "去看看"}


def write_shop(folder: Path, *, seed: int = 5, people: int = PEOPLE) -> Path:
    """orders.csv, customers.csv and brief.yaml of a shop for candles; every fifth customer gave no consent."""
    rng = Random(seed)
    products = [(f"P{n}", f"{colour} {thing}") for n, (colour, thing) in enumerate(
        (colour, thing) for colour in ("Red", "Blue", "Green", "White") for thing in ("Candle", "Lantern", "Tealight Holder"))]
    with (folder / "orders.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["Order ID", "Customer ID", "Order Date", "SKU", "Product Name", "Quantity", "Unit Price"])
        for number in range(1100 * people // PEOPLE):
            moment = FIRST_DAY + timedelta(minutes=rng.randrange(int((LAST_DAY - FIRST_DAY).total_seconds() // 60)))
            customer = min(rng.randrange(people), rng.randrange(people))
            for product, name in rng.sample(products, 2):
                rows.writerow([f"O{number}", f"K{customer}", f"{moment:%Y-%m-%d %H:%M:%S}", product, name, rng.randint(1, 4), "12.50"])
    with (folder / "customers.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["Customer ID", "First Name", "Email", "Language", "Email Consent"])
        rows.writerows([f"K{n}", f"Zebedee{'' if n % 2 else 'a'}", f"k{n}@customers.example", "zh" if n % 4 == 0 else "en",
                        "no" if n % 5 == 0 else "yes"] for n in range(people))
    (folder / "brief.yaml").write_text("name: Evening lights\naudience:\n  max_size: 60\nholdout: 0.2\n", encoding="utf-8")
    return folder


def good_model() -> ScriptedTextModel:
    """Writes the same lawful copy whatever it is asked."""
    def reply(messages: list[Message], schema: object) -> str:
        chinese = any("\u4e00" <= letter <= "\u9fff" for letter in messages[0].content)
        return json.dumps(ZH if chinese else EN, ensure_ascii=False)
    return ScriptedTextModel(reply)


def learned_shop(path: Path, files: Path) -> Path:
    """A workspace that has loaded `files` and learned."""
    with create(path, name="Candle Shop", model=good_model(), sender=SENDER) as shop:
        shop.load(files / "orders.csv", kind="orders")
        shop.load(files / "customers.csv", kind="customers")
        shop.clock = lambda: NOW
        shop.learn(AS_OF)
    return path
