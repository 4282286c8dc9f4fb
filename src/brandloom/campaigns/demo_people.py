"""What the demo has to invent: the public data set has orders, but no names, addresses, consents or languages.

Every invented value follows from the customer's number and a fixed seed; every address lies under example.com, which belongs
to nobody. The report says so.
"""

from __future__ import annotations

import csv
import hashlib
from datetime import datetime, timedelta
from pathlib import Path

from brandloom.i18n import _

FIRST_EN = ("Alice", "Ben", "Carla", "David", "Emma", "Frank", "Grace", "Henry", "Isla", "Jack", "Kate", "Liam", "Maya",
            "Noah", "Olivia", "Peter", "Rosa", "Sam", "Tess", "Victor")
LAST_EN = ("Adams", "Brown", "Clarke", "Dixon", "Evans", "Foster", "Green", "Hughes", "Irving", "Jones", "King", "Lewis",
           "Moore", "Norris", "Owen", "Parker", "Reed", "Shaw", "Turner", "Ward")
FIRST_ZH = ("芳", "伟", "娜", "敏", "静", "强", "磊", "洋", "艳", "杰", "婷", "丽")
LAST_ZH = ("王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴")
CONSENT_SHARE, CHINESE_SHARE, MINOR_SHARE = 0.82, 0.12, 0.005
INVENTED = (_("names"), _("e-mail addresses under example.com"), _("consents"), _("languages"), _("ages"),
            _("mails sent earlier that week"))


def write_customers(path: Path, numbers: list[int], *, seed: int = 7) -> int:
    """Write an invented customer list as CSV; returns the number of rows."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["CustomerID", "First Name", "Last Name", "Email", "Language", "Email Consent", "Birth Date"])
        for number in numbers:
            writer.writerow(_person(number, seed))
    return len(numbers)


def write_earlier_mails(path: Path, numbers: list[int], *, now: datetime, share: float = 0.05, seed: int = 7) -> int:
    """Write an invented log of another tool's mails of this morning, so that the frequency cap has something to hold back."""
    chosen = [number for number in numbers if _uniform(number, "earlier", seed) < share]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["CustomerID", "Time", "Event", "Channel"])
        for number in chosen:
            moment = now - timedelta(minutes=30 + int(60 * _uniform(number, "minute", seed)))
            writer.writerow([number, moment.strftime("%Y-%m-%d %H:%M:%S"), "sent", "email"])
    return len(chosen)


def _person(number: int, seed: int) -> list[object]:
    chinese = _uniform(number, "language", seed) < CHINESE_SHARE
    first = _pick(FIRST_ZH if chinese else FIRST_EN, number, "first", seed)
    last = _pick(LAST_ZH if chinese else LAST_EN, number, "last", seed)
    birth_year = 1995 if _uniform(number, "minor", seed) < MINOR_SHARE else 1950 + int(40 * _uniform(number, "year", seed))
    return [number, first, last, f"customer{number}@example.com", "zh" if chinese else "en",
            "yes" if _uniform(number, "consent", seed) < CONSENT_SHARE else "no", f"{birth_year}-06-15"]


def _pick(names: tuple[str, ...], number: int, what: str, seed: int) -> str:
    return names[int(len(names) * _uniform(number, what, seed))]


def _uniform(number: int, what: str, seed: int) -> float:
    """A number in [0, 1) that depends on nothing but its arguments."""
    digest = hashlib.blake2b(f"{seed}:{what}:{number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
