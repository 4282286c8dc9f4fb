"""The term list of Chinese advertising law: packs of words and patterns, exceptions per rule, the longest hit wins."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import cast

from brandloom import i18n
from brandloom.content.checks.concepts import Lexicon, Token
from brandloom.content.checks.finding import Severity
from brandloom.content.checks.normalise import read
from brandloom.content.checks.rules import Line, Rule, Step, parse_condition
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


@dataclass(frozen=True)
class Hit:
    """One listed term in a text, in its normalised spelling; `start` and `end` are places in the text as given."""

    term: str
    start: int
    end: int
    pack: str
    rule: str
    level: Severity
    basis: str
    disguised: bool = False


def find_terms(text: str, packs: Sequence[str] = ALWAYS_ON) -> list[Hit]:
    """All listed terms of a text, in order of place; of overlapping ones the longest, and one as written before a disguised one.

    Args:
        packs: names of the packs to apply: absolute, authority, cosmetics, education, food, guarantee, invest, medical,
            realestate, superstition.
    """
    reading = read(text)
    tokens = _lexicon().find(reading)
    excused: dict[str, list[Token]] = defaultdict(list)
    for token in tokens:
        if token.name.endswith("!"):
            excused[token.name[:-1]].append(token)
    wanted = [token for token in tokens if token.name in _rows() and _rows()[token.name]["pack"] in packs
              and not any(other.start <= token.start and token.end <= other.end for other in excused[token.name])]
    plain = _longest([], (token for token in wanted if not token.disguised))
    return [_hit(text, reading.source_span(token.start, token.end), token)
            for token in sorted(_longest(plain, (token for token in wanted if token.disguised)), key=lambda token: token.start)]


def exemptions() -> dict[str, str]:
    """The nine situations in which an absolute term is no breach: article of the SAMR guide -> its text."""
    return {row["article"]: row["text"] for row in _table("ad_exemptions.zh.tsv")}


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
    for row in _table("ad_terms.zh.tsv"):
        key = f"{row['rule']}:{row['level']}" + ("!" if row["kind"].startswith("except") else "")
        found[key][row["kind"].endswith("regex")].append(row["value"] if row["kind"].endswith("regex") else row["value"].lower())
    return dict(found)


def _both(template: str) -> dict[str, str]:
    return {"en": template, "zh": i18n.translate(template, "zh")}


def _hit(text: str, span: tuple[int, int], token: Token) -> Hit:
    row = _rows()[token.name]
    start, end = span
    return Hit(token.word if token.disguised else text[start:end], start, end, row["pack"], row["rule"], cast(Severity, row["level"]),
               row["basis"], token.disguised)


def _longest(chosen: list[Token], tokens: Iterable[Token]) -> list[Token]:
    kept = list(chosen)
    for token in sorted(tokens, key=lambda item: (item.start - item.end, item.start)):
        if not any(token.start < other.end and other.start < token.end for other in kept):
            kept.append(token)
    return kept


@cache
def _lexicon() -> Lexicon:
    words = listed_words()
    return Lexicon({name: terms for name, (terms, _bodies) in words.items()}, {name: bodies for name, (_terms, bodies) in words.items()})


@cache
def _rows() -> dict[str, dict[str, str]]:
    """Rule and level -> one of its rows."""
    return {f"{row['rule']}:{row['level']}": row for row in _table("ad_terms.zh.tsv") if not row["kind"].startswith("except")}


def _table(name: str) -> list[dict[str, str]]:
    lines = files("brandloom.content").joinpath("data", name).read_text("utf-8").splitlines()
    return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
