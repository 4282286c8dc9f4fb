"""The shop of `shop_world` with phone numbers: some agreed to mail, some to text messages, some to both."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from brandloom.llm import Message, ScriptedTextModel
from shop_world import EN, PEOPLE, ZH, write_shop

LINES = {"en": "What would you put on the table tonight?", "zh": "今晚的桌上，你想放点什么？"}
TITLES = {"en": "For the evenings at home", "zh": "晚上在家的时光"}
BRIEF = """\
name: Evening lights
channels: [email, sms]
offer: {kind: percent_off, value: 5, code: EVENING5, until: 2030-06-30}
holdout: 0.2
"""


def write_phone_shop(folder: Path) -> Path:
    """K<n> has the number +44 7700 900<n>; n % 3 == 0 agreed to mail alone, 1 to text messages alone, 2 to both; Chinese for n % 4 == 0."""
    write_shop(folder)
    with (folder / "customers.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["Customer ID", "First Name", "Email", "Phone", "Language", "Email Consent", "SMS Consent"])
        rows.writerows([f"K{n}", "Zebedee", f"k{n}@customers.example", number(n), "zh" if n % 4 == 0 else "en",
                        "yes" if n % 3 != 1 else "no", "yes" if n % 3 else "no"] for n in range(PEOPLE))
    (folder / "brief.yaml").write_text(BRIEF, encoding="utf-8")
    return folder


def number(n: int) -> str:
    return f"+447700{900000 + n}"


def channel_model() -> ScriptedTextModel:
    """Writes lawful copy for the parts it is asked for."""
    def reply(messages: Sequence[Message], schema: Mapping[str, Any] | None) -> str:
        language = "zh" if any("\u4e00" <= letter <= "\u9fff" for letter in messages[0].content) else "en"
        known = (ZH if language == "zh" else EN) | {"text": LINES[language], "title": TITLES[language]}
        assert schema is not None
        return json.dumps({part: known[part] for part in schema["properties"]}, ensure_ascii=False)
    return ScriptedTextModel(reply)
