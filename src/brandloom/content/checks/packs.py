"""Rule packs by jurisdiction: read from data, each with its version and the day of its last review."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from operator import itemgetter
from typing import Any, cast

import yaml

from brandloom.content.checks.adlaw import listed_rules, listed_words
from brandloom.content.checks.finding import Severity
from brandloom.content.checks.rules import Group, Rule, Tried, parse_condition, parse_match
from brandloom.content.checks.scan import Scanner
from brandloom.errors import DataError
from brandloom.i18n import _

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
JURISDICTIONS = ("cn", "eu", "uk", "us")
RESPECT = "respect"
"""The pack of insults, threats and stereotypes, which holds everywhere."""


@dataclass(frozen=True)
class Notice:
    """Words that an advertisement of some sectors must carry: the rule that says so, what counts as them, from how many characters on."""

    rule: Rule
    pattern: re.Pattern[str]
    over: int


@dataclass(frozen=True, eq=False)
class Pack:
    """The rules of one jurisdiction.

    `exemptions` are the situations in which an absolute term is lawful: conditions, any of which is enough -> article.
    """

    jurisdiction: str
    version: str
    reviewed: date
    rules: tuple[Rule, ...]
    exemptions: Mapping[Group, str]
    notices: tuple[Notice, ...]
    words: Mapping[str, Sequence[str]]
    patterns: Mapping[str, Sequence[str]]

    def lexicons(self, sectors: tuple[str, ...]) -> tuple[Scanner, Scanner]:
        """What the rules for these sectors look for, and what else their conditions ask about once something is found."""
        return _lexicons(self, sectors)

    def candidates(self, sectors: tuple[str, ...], concepts: Set[str]) -> list[Tried]:
        """The lines that a text of these concepts may match, the gravest first."""
        by_rarest = _index(self, sectors)
        return sorted((item for name in concepts for item in by_rarest.get(name, ()) if item[1] <= concepts), key=itemgetter(0))


def sector_of(name: str | None) -> str:
    """The sector a name stands for, in English or Chinese; `general` when absent.

    Raises:
        DataError: nobody knows the name.
    """
    if name is None or not str(name).strip():
        return "general"
    wanted = re.sub(r"[\s_\-]+", " ", str(name)).strip().lower()
    known = _sectors()
    if wanted not in known:
        raise DataError(_("Unknown sector '{name}'. Sectors: {sectors}, or their Chinese names."), name=name,
                        sectors=", ".join(sectors()))
    return known[wanted]


def sectors() -> list[str]:
    """Names of all sectors."""
    return sorted(set(_sectors().values()))


@cache
def open_pack(jurisdiction: str) -> Pack:
    """The pack of a jurisdiction.

    Raises:
        DataError: there is none of that name.
    """
    if jurisdiction not in (*JURISDICTIONS, RESPECT):
        raise DataError(_("Unknown jurisdiction '{name}'. Jurisdictions: {known}."), name=jurisdiction, known=", ".join(JURISDICTIONS))
    data = _read(f"{jurisdiction}.yaml")
    words: dict[str, list[str]] = {}
    patterns: dict[str, list[str]] = {}
    for file in data["words"]:
        part = _read(file)
        for name, line in (part.get("words") or {}).items():
            words.setdefault(name, []).extend(_split(str(line)))
        for name, line in (part.get("patterns") or {}).items():
            patterns.setdefault(name, []).append(str(line))
    rules = [_rule(row, data["laws"]) for row in data["rules"]]
    notices = [Notice(_rule({"level": "caution", "match": (), **row}, data["laws"]), re.compile(row["notice"]), row["over"])
               for row in data.get("notices", ())]
    exemptions: dict[Group, str] = {}
    for article, lines in (data.get("exempt") or {}).items():
        for line in lines:
            exemptions.setdefault(parse_condition(line), article)
    if data.get("listed"):
        rules += listed_rules()
        for name, (terms, bodies) in listed_words().items():
            words[name], patterns[name] = [*terms], [*bodies]
    needed = {name for rule in rules for name in _names(rule)} | _asked(exemptions)
    for name in needed - words.keys() - patterns.keys():
        # A Chinese word may stand in a rule as itself.
        if name.isascii():
            raise ValueError(f"{jurisdiction}: no words for {name}")
        words[name] = [name]
    return Pack(jurisdiction, str(data["version"]), data["reviewed"], tuple(rules), exemptions, tuple(notices), words, patterns)


@cache
def _lexicons(pack: Pack, sectors: tuple[str, ...]) -> tuple[Scanner, Scanner]:
    rules = [rule for rule in pack.rules if any(rule.applies_to(sector) for sector in sectors)]
    sought = {name for rule in rules for line in rule.match for name in line.names}
    asked = _asked(group for rule in rules for group in rule.unless + rule.only) | _asked(pack.exemptions)
    return _lexicon(pack, sought), _lexicon(pack, asked - sought)


def _lexicon(pack: Pack, names: Set[str]) -> Scanner:
    return Scanner(*({name: group[name] for name in group if name in names} for group in (pack.words, pack.patterns)))


@cache
def _index(pack: Pack, sectors: tuple[str, ...]) -> dict[str, list[Tried]]:
    """Lines of the rules that apply, by the rarest of their concepts."""
    rules = sorted((rule for rule in pack.rules if any(rule.applies_to(sector) for sector in sectors)),
                   key=lambda rule: ("ban", "evidence", "caution").index(rule.severity))
    found: dict[str, list[Tried]] = {}
    for place, (rule, line) in enumerate((one, line) for one in rules for line in one.match):
        found.setdefault(min(sorted(line.names), key=_lexicons(pack, sectors)[0].weight), []).append((place, line.names, rule, line))
    return found


def _rule(row: Mapping[str, Any], laws: Mapping[str, Mapping[str, str]]) -> Rule:
    named = [str(name) for name in row.get("sectors", ())]
    return Rule(row["id"], cast(Severity, row["level"]), row.get("group", ""), _source(laws[row["law"]], str(row["article"])), row["reason"],
                row["suggest"], tuple(parse_match(line) for line in row["match"]), _conditions(row.get("unless", ())),
                _conditions(row.get("only", ())), frozenset(name for name in named if not name.startswith("-")),
                frozenset(name[1:] for name in named if name.startswith("-")), frozenset(row.get("proven_by", ())))


def _source(law: Mapping[str, str], article: str) -> dict[str, str]:
    """'9(3)' is 第9条第(3)项; an article that begins with a letter is named as it is."""
    if not article[:1].isdigit():
        return {"en": f"{law['en']}, {article}".rstrip(", "), "zh": f"{law['zh']} {article}".rstrip()}
    zh = "、".join("第" + re.sub(r"\((\d+)\)", r"条第\1项", part) + ("" if "(" in part else "条") for part in article.split(", "))
    return {"en": f"{law['en']}, art. {article}", "zh": f"{law['zh']}{zh}"}


def _conditions(lines: Iterable[str]) -> tuple[Group, ...]:
    return tuple(parse_condition(line) for line in lines)


def _names(rule: Rule) -> set[str]:
    return {name for line in rule.match for name in line.names} | _asked(rule.unless + rule.only)


def _asked(groups: Iterable[Group]) -> set[str]:
    return {condition.name for group in groups for condition in group.conditions}


def _split(line: str) -> list[str]:
    words = line.split("|") if "|" in line else line.split()
    return [word.strip() for word in words if word.strip()]


@cache
def _sectors() -> dict[str, str]:
    return {alias.strip().lower(): name for name, line in _read("sectors.yaml").items() for alias in [name.replace("_", " "), *str(line).split("|")]}


def _read(name: str) -> dict[str, Any]:
    text = files("brandloom.content").joinpath("data", "law", name).read_text("utf-8")
    return cast("dict[str, Any]", yaml.load(text, Loader=_LOADER))  # noqa: S506

