"""The term list of Chinese advertising law as rules: packs of words and patterns, with the exceptions of each."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import cast

from brandloom import i18n
from brandloom.content.checks.finding import Severity
from brandloom.content.checks.rules import Line, Rule, Step, parse_condition
from brandloom.content.checks.tables import read_table
from brandloom.i18n import _

ALWAYS_ON = ("absolute", "guarantee", "invest", "authority", "medical")
"""Packs for every shop; 'medical' because only licensed medical advertisers may use its words (art. 17)."""
_LEVELS = {
    "ban": _("'{excerpt}' must not stand in an advertisement."),
    "evidence": _("'{excerpt}' needs a proof: source, date and scope."),
    "caution": _("'{excerpt}' is lawful only in some cases; a person should decide."),
}
_ADVICE = {
    "ban": _("Leave it out, or say a fact that can be verified."),
    "evidence": _("Name source, date and scope, and keep the proof."),
    "caution": _("Let a person decide; prefer a fact."),
}
# Pack -> sectors it is for ('-' before one that it is not for, none for all) and its articles in English.
_PACKS: dict[str, tuple[tuple[str, ...], str]] = {
    "absolute": ((), "Advertising Law of China, art. 9(3)"),
    "authority": ((), "Advertising Law of China, art. 9(2), 11, 12; Trademark Law art. 14"),
    "guarantee": ((), "Advertising Law of China, art. 16, 17, 18, 28"),
    "invest": (("-realestate",), "Advertising Law of China, art. 25"),
    "superstition": ((), "Advertising Law of China, art. 9(8)"),
    "medical": (("-medical",), "Advertising Law of China, art. 17"),
    "food": (("food", "alcohol", "infant_formula"), "Food Safety Law of China, art. 73"),
    "cosmetics": (("cosmetics",), "Cosmetics Regulations of China, art. 43"),
    "education": (("education",), "Advertising Law of China, art. 24"),
    "realestate": (("realestate",), "Advertising Law of China, art. 26"),
}


def listed_rules() -> list[Rule]:
    """The list as rules, one per name and level; absolute terms may be exempt."""
    rules = []
    for key, row in _rows().items():
        sectors, english = _PACKS[row["pack"]]
        excuses = ["apple=", "deny<3", "service_style=", "warn~~", "first_event= & time_limited~",
                   *([f"{key}!="] if f"{key}!" in listed_words() else []),
                   *(["fortune_ok="] if row["pack"] == "superstition" else [])]
        level = cast(Severity, row["level"])
        rules.append(Rule(f"cn.list.{row['rule']}", level, "rank" if row["pack"] == "absolute" else "",
                          {"en": english, "zh": row["basis"]}, _both(_LEVELS[level]), _both(_ADVICE[level]), (Line((Step(key, 0),)),),
                          tuple(map(parse_condition, excuses)), (), frozenset(name for name in sectors if not name.startswith("-")),
                          frozenset(name[1:] for name in sectors if name.startswith("-"))))
    return rules


@cache
def listed_words() -> dict[str, tuple[list[str], list[str]]]:
    """Concept -> terms and patterns; the exceptions of a rule are a concept of their own, with '!' at its end."""
    found: dict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for row in read_table("ad_terms.zh.tsv"):
        key = f"{row['rule']}:{row['level']}" + ("!" if row["kind"].startswith("except") else "")
        found[key][row["kind"].endswith("regex")].append(row["value"] if row["kind"].endswith("regex") else row["value"].lower())
    return dict(found)


def _both(template: str) -> dict[str, str]:
    return {"en": template, "zh": i18n.translate(template, "zh")}


@cache
def _rows() -> dict[str, dict[str, str]]:
    """Rule and level -> one of its rows."""
    return {f"{row['rule']}:{row['level']}": row for row in read_table("ad_terms.zh.tsv") if not row["kind"].startswith("except")}
