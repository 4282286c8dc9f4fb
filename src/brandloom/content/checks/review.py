"""Is a text lawful where it will be read? One verdict, and for every objection its rule, place, reason and way out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from brandloom import i18n
from brandloom.content.checks.batch import Batch
from brandloom.content.checks.bearing import bears
from brandloom.content.checks.classifier import Weighed
from brandloom.content.checks.figures import read_figures
from brandloom.content.checks.finding import Finding, Severity
from brandloom.content.checks.ground import Ground, ground
from brandloom.content.checks.normalise import read
from brandloom.content.checks.opinion import LANGUAGE_OF, reads_lawful, suspects
from brandloom.content.checks.packs import Pack, open_pack, sector_of
from brandloom.content.checks.roles import role_at
from brandloom.content.checks.rules import Rule, Scene
from brandloom.errors import DataError
from brandloom.i18n import _

Verdict = Literal["pass", "needs_proof", "block"]
LANGUAGES = ("zh", "en")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
_NAMES = re.compile("name|brand|model|trademark|series|title|品名|名称|品牌|型号|商标|系列|书名", re.IGNORECASE)
_QUOTES = "[“”\"'「」『』《》 ]?"
"""A name may be quoted in part: “极品”蚝油."""
_SENTENCES = re.compile(r"[。！？!?\n]|\.(?=\s|$)")
_ORDER: dict[Severity, int] = {"ban": 0, "evidence": 1, "caution": 2}
_EXEMPT = _("'{excerpt}' is an absolute term that article {article} of the SAMR guide of 2023 allows here: {situation}")
_PROVEN = _("'{excerpt}' is borne out by the record given; keep it as the proof.")
_LAWFUL = _("But the sentence as a whole reads like lawful copy.")
_LOOK = _("A person should look; nothing needs to change if the sentence says no such thing.")
_LISTED = ".list."
_KEEP = _("Keep the proof at hand; nothing needs to change.")


@dataclass(frozen=True)
class Objection:
    """One finding of a review; `span` counts characters of the text as it was given."""

    rule: str
    severity: Severity
    source: str
    span: tuple[int, int]
    excerpt: str
    reason: str
    suggestion: str

    def to_dict(self) -> dict[str, Any]:
        return {"rule": self.rule, "severity": self.severity, "source": self.source, "span": list(self.span), "excerpt": self.excerpt,
                "reason": self.reason, "suggestion": self.suggestion}


@dataclass(frozen=True)
class Review:
    """What a review found, in order of place."""

    verdict: Verdict
    findings: tuple[Objection, ...]
    language: str
    jurisdictions: tuple[str, ...]
    sector: str

    def to_dict(self) -> dict[str, Any]:
        return {"verdict": self.verdict, "findings": [item.to_dict() for item in self.findings]}


class _Found(NamedTuple):
    start: int
    end: int
    rule: Rule
    severity: Severity
    exemption: str | None = None


def review(text: str, *, language: str | None = None, sector: str | None = None, jurisdiction: str | None = None,
           facts: object = None, reasons_in: str | None = None, opinion: bool = True, among: Batch | None = None) -> Review:
    """Review one text under the law of advertising.

    Args:
        language: of the text, zh or en; seen from the text when absent.
        sector: what is advertised, in English or Chinese (`sectors()`); `general` when absent.
        jurisdiction: cn, eu, uk or us; when absent cn for Chinese, and for English all of eu, uk and us.
        facts: a JSON record, a list of them or their `Ground`, that the text may rest on: names of products excuse absolute terms inside them, and a
            claim that a record states needs no other proof.
        reasons_in: language of the reasons; that of the text when absent.
        opinion: whether sentences that no rule speaks about are judged by their likeness to labelled ones, and rules may give way to it.
        among: texts read side by side, this one among them.
    Returns:
        `block` when something is forbidden, `needs_proof` when something has to be proven, `pass` otherwise, cautions included.
    Raises:
        DataError: an unknown language, sector or jurisdiction.
    """
    language, reasons_in = language_of(text, language), reasons_in and language_of(text, reasons_in)
    where = (jurisdiction,) if jurisdiction else ("cn",) if language == "zh" else ("eu", "uk", "us")
    kind = sector_of(sector)
    known = None if facts is None else ground(facts)
    strings = known.fields if known is not None and known is facts else list(strings_of(facts))
    found, among = [], among or Batch([text])
    for name in where:
        hits = _hits(text, among, open_pack(name), (kind,), strings, known, opinion=opinion)
        found += [_objection(text, item, reasons_in or language) for item in [*hits, *_missing(text, open_pack(name), kind, hits)]]
    chosen = _strongest(found) if len(where) > 1 else found
    return Review(verdict_of(item.severity for item in chosen), tuple(chosen), language, where, kind)


def verdict_of(severities: Iterable[Severity]) -> Verdict:
    """`block` for a ban, `needs_proof` for missing evidence, else `pass`."""
    levels = set(severities)
    return "block" if "ban" in levels else "needs_proof" if "evidence" in levels else "pass"


def check_law(text: str, place: str, *, names: Sequence[str] = (), sectors: Sequence[str] = ("general",), jurisdiction: str = "cn",
              rule: str = "ad-law", among: Batch | None = None) -> list[Finding]:
    """Findings for one place of a draft; a term inside a product's own name is a caution.

    Args:
        among: texts read side by side, this one among them.
    """
    pack = open_pack(jurisdiction)
    made = []
    for item in _hits(text, among or Batch([text]), pack, tuple(sectors), [("name", name) for name in names if name]):
        spoken = {language: _objection(text, item, language) for language in LANGUAGES}
        one = spoken["zh"]
        made.append(Finding(rule, item.severity, place, one.excerpt[:80], one.reason, (), one.source, one.span, one.suggestion,
                            tuple((language, said.reason) for language, said in spoken.items()),
                            tuple((language, said.suggestion) for language, said in spoken.items()),
                            tuple((language, said.source) for language, said in spoken.items())))
    return made


def _hits(text: str, among: Batch, pack: Pack, sectors: tuple[str, ...], strings: Sequence[tuple[str, str]], known: Ground | None = None, *,
          opinion: bool = True) -> list[_Found]:
    """What a pack finds in a text after exemptions and records: places are those of the text, none overlap."""
    scene = among.scene(text, pack, sectors)
    hits: dict[tuple[int, int, str], _Found] = {}
    for _place, _names, rule, line in scene.lines:
        for start, end in scene.spans(rule, line):
            hits.setdefault((start, end, rule.group), _Found(start, end, rule, rule.severity))
    language = LANGUAGE_OF.get(pack.jurisdiction) if opinion else None
    weighed = among.weighed(text, language) if language else []
    taken = [(start, end) for start, end, _group in hits]
    for start, end, rule in suspects(scene.text, weighed, pack.jurisdiction, sectors, taken) if language else ():
        hits[start, end, rule.group] = _Found(start, end, rule, rule.severity)
    if not hits:
        return []
    named = [match.span() for key, value in strings if _NAMES.search(key) and value.strip()
             for match in re.finditer(_QUOTES.join(map(re.escape, read(value).text)), scene.text)]
    proofs = [read(value).text for _key, value in strings]
    judged = [_judge(item, scene, pack, named, proofs) for item in hits.values()]
    # A disguise is no slip: rules that see through one do not give way.
    yielding = language is not None and not scene.reading.changed
    kept = _outer([item._replace(severity="caution", exemption="proven") if known and _bears_out(item, scene.text, known)
                   else item._replace(severity="caution", exemption="lawful")
                   if yielding and _reads_lawful(item, scene.text, weighed, pack, sectors) else item for item in judged])
    return [_Found(*scene.reading.source_span(item.start, item.end), item.rule, item.severity, item.exemption) for item in kept]


def _missing(text: str, pack: Pack, sector: str, hits: Sequence[_Found]) -> list[_Found]:
    """Notices that a whole advertisement of the sector must carry and does not; each stands at a place that nothing else takes."""
    plain = text.rstrip()
    missing = [notice for notice in pack.notices if notice.rule.applies_to(sector) and len(plain) > notice.over
               and not notice.pattern.search(read(text).text)]
    if not missing:
        return []
    free = [place for place in range(len(plain)) if not any(item.start <= place < item.end for item in hits)]
    return [_Found(place, place + 1, notice.rule, notice.rule.severity) for notice, place in zip(missing, reversed(free), strict=False)]


def _judge(item: _Found, scene: Scene, pack: Pack, named: Sequence[tuple[int, int]], proofs: Sequence[str]) -> _Found:
    """The hit with the level it has after exemptions and the records given."""
    words = scene.text[item.start:item.end]
    if any(start <= item.start and item.end <= end for start, end in named):
        return _Found(item.start, item.end, item.rule, "caution", "6-4" if item.rule.group == "rank" else None)
    if item.rule.group == "rank":
        excuse = scene.first_of(pack.exemptions, item.start, item.end)
        if excuse is not None:
            return _Found(item.start, item.end, item.rule, "caution", pack.exemptions[excuse])
    if item.rule.severity == "evidence" and any(words in proof for proof in proofs):
        return _Found(item.start, item.end, item.rule, "caution", "proven")
    return item


def _bears_out(item: _Found, text: str, known: Ground) -> bool:
    """Whether the figures of the hit's sentence are all stated, one of them about what the rule asks a proof of."""
    if not item.rule.proven_by or item.severity == "ban":
        return False
    low = max((match.end() for match in _SENTENCES.finditer(text, 0, item.start)), default=0)
    after = _SENTENCES.search(text, item.end)
    sentence = text[low:after.start() if after else len(text)]
    told = [(figure, role_at(sentence, figure.start, figure.end, figure.kind)) for figure in read_figures(sentence)
            if figure.kind in ("money", "percent")]
    return (any(stated.roles & item.rule.proven_by for stated in known.stated) and bool(told)
            and all(bears(figure, roles, sentence, known) for figure, roles in told))


def _reads_lawful(item: _Found, text: str, weighed: Sequence[Weighed], pack: Pack, sectors: tuple[str, ...]) -> bool:
    """Whether a rule on turns of phrase stands alone against what the sentence says as a whole; listed terms are never excused so."""
    return (item.severity == "ban" and item.rule.group != "rank" and _LISTED not in item.rule.id
            and reads_lawful(text, weighed, item.start, pack.jurisdiction, sectors))


def _outer(found: Sequence[_Found]) -> list[_Found]:
    """Of hits that overlap the gravest, of equal ones the longest."""
    kept: list[_Found] = []
    for item in sorted(found, key=lambda one: (_ORDER[one.severity], one.start - one.end, one.start)):
        if not any(item.start < other.end and other.start < item.end for other in kept):
            kept.append(item)
    return sorted(kept, key=lambda one: one.start)


def _objection(text: str, item: _Found, language: str) -> Objection:
    span = item.start, item.end
    excerpt = text[item.start:item.end]
    reason, suggestion = item.rule.reason[language], item.rule.suggestion[language]
    if item.exemption == "lawful":
        reason = f"{reason.replace('{excerpt}', excerpt)} {i18n.translate(_LAWFUL, language)}"
        suggestion = i18n.translate(_LOOK, language)
    elif item.exemption == "proven":
        reason, suggestion = i18n.translate(_PROVEN, language), i18n.translate(_KEEP, language)
    elif item.exemption:
        reason = i18n.translate(_EXEMPT, language).replace("{article}", item.exemption).replace("{situation}", situation(item.exemption, language))
        suggestion = i18n.translate(_KEEP, language)
    reason = reason.replace("{excerpt}", excerpt)
    return Objection(item.rule.id, item.severity, item.rule.source[language], span, excerpt, reason, suggestion)


def _strongest(found: Sequence[Objection]) -> list[Objection]:
    """Across jurisdictions: the gravest of those that overlap."""
    kept: list[Objection] = []
    for item in sorted(found, key=lambda one: (_ORDER[one.severity], one.span[0] - one.span[1], one.span[0])):
        if not any(item.span[0] < other.span[1] and other.span[0] < item.span[1] for other in kept):
            kept.append(item)
    return sorted(kept, key=lambda one: one.span)


def language_of(text: str, given: str | None) -> str:
    """The language given, or that of the text: Chinese where it has a Chinese character.

    Raises:
        DataError: an unknown language.
    """
    if given is not None:
        if given not in LANGUAGES:
            raise DataError(_("Unknown language '{name}'. Languages: zh, en."), name=given)
        return given
    return "zh" if _HAN.search(text) else "en"


def strings_of(facts: object, key: str = "") -> Iterator[tuple[str, str]]:
    """Every value of a record or of a list of records, with the key it stands under."""
    if isinstance(facts, dict):
        for name, value in facts.items():
            yield from strings_of(value, str(name))
    elif isinstance(facts, (list, tuple)):
        for value in facts:
            yield from strings_of(value, key)
    elif facts is not None and str(facts).strip():
        yield key, str(facts)


def situation(article: str, language: str) -> str:
    """What one of the nine exemptions of the SAMR guide is for."""
    return i18n.translate(_SITUATIONS[article], language)


_SITUATIONS = {
    "5-1": _("it speaks only of the seller's attitude, principles or wishes"),
    "5-2": _("it speaks only of what the seller strives for"),
    "5-3": _("it does not speak of the goods offered and misleads nobody"),
    "6-1": _("it compares only goods of the same brand or company"),
    "6-2": _("it tells how or when to use or keep the goods"),
    "6-3": _("it is a grade of a standard that is named"),
    "6-4": _("it is part of a name, model, registered trademark or patent"),
    "6-5": _("it is part of an award or title given under state rules"),
    "6-6": _("it states an order in time or place, or sales facts, within limits of time and area"),
}
