"""Copy from a file, checked line by line: advertising law where it will be read, and every claim against the line's own records."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain, islice
from typing import Any

from brandloom.content.checks import JURISDICTIONS, Finding, check_against, review, sectors, verdict_of
from brandloom.content.checks.batch import Batch, batches
from brandloom.content.checks.conduct import Conduct, check_conduct
from brandloom.content.checks.ground import Ground, ground
from brandloom.content.checks.links import stated_links
from brandloom.content.checks.packs import sector_of
from brandloom.content.checks.review import language_of
from brandloom.errors import DataError
from brandloom.i18n import _, translate

BATCH = 250
"""Lines a process takes at a time; a file of more than two batches is shared among processes."""


@dataclass(frozen=True)
class CopyLine:
    """One line of the file and how it is to be read."""

    id: object
    text: str
    facts: object
    language: str | None
    sector: str | None
    jurisdiction: str | None
    reasons_in: str | None
    today: date | None
    conduct: Conduct


def check_copy(lines: Iterable[str], *, language: str | None = None, sector: str | None = None, jurisdiction: str | None = None,
               reasons_in: str | None = None, today: date | None = None, workers: int | None = None) -> Iterator[dict[str, Any]]:
    """Check JSON lines; yields `{id, verdict, findings}` in their order, as they are done.

    A line is `{id, text, facts?, sector?, lang?, jurisdiction?, today?, competitors?, links?, readability?}`.

    Args:
        language, sector, jurisdiction: for lines that name none of their own.
        reasons_in: language of the reasons, zh or en; that of each text when absent.
        today: the day from which 'last year' or 下周一 counts in lines that name none of their own.
        workers: processes for a long file; as many as there are cores when absent.
    Raises:
        DataError: an unknown language, sector or jurisdiction; a line that cannot be read, after the results of all before it.
    """
    review("", language=language, sector=sector, jurisdiction=jurisdiction, reasons_in=reasons_in)
    defaults = {"lang": language, "sector": sector, "jurisdiction": jurisdiction}
    numbered, reader = iter(enumerate(lines, 1)), _Reader(defaults, reasons_in, today)
    first = list(islice(numbered, 2 * BATCH))
    if len(first) < 2 * BATCH or workers == 1:
        more = chain(first, numbered)
        while batch := list(islice(more, BATCH)):
            yield from _results(_check_all(reader, batch), reader)
    else:
        yield from _spread(first, numbered, reader, workers or os.cpu_count() or 1)


_Lines = list[tuple[int, str]]
"""Lines of the file with their numbers."""


def _spread(first: _Lines, more: Iterator[tuple[int, str]], reader: _Reader, workers: int) -> Iterator[dict[str, Any]]:
    """The same in several processes, which read the lines too; never more than a few batches are under way, so memory stays flat."""
    with ProcessPoolExecutor(workers) as pool:
        running = [pool.submit(_check_all, reader, batch) for batch in (first[:BATCH], first[BATCH:])]
        while running:
            while len(running) < 2 * workers and (batch := list(islice(more, BATCH))):
                running.append(pool.submit(_check_all, reader, batch))
            yield from _results(running.pop(0).result(), reader)


def _results(checked: tuple[list[dict[str, Any]], _Lines], reader: _Reader) -> Iterator[dict[str, Any]]:
    done, rest = checked
    yield from done
    for number, line in rest[:1]:
        # Read again here, for its error.
        reader.parse(number, line)


def _check_all(reader: _Reader, batch: _Lines) -> tuple[list[dict[str, Any]], _Lines]:
    """What was found in each line, and the lines from the first bad one on."""
    rest: _Lines = []
    lines: list[CopyLine] = []
    for place, (number, line) in enumerate(batch):
        if line.strip():
            try:
                lines.append(reader.parse(number, line))
            except DataError:
                rest = batch[place:]
                break
    alike: dict[tuple[str | None, ...], list[int]] = defaultdict(list)
    for place, one in enumerate(lines):
        alike[language_of(one.text, one.language), one.sector, one.jurisdiction].append(place)
    done: dict[int, dict[str, Any]] = {}
    for places in alike.values():
        for among, texts in batches([lines[place].text for place in places]):
            done |= {place: _check(lines[place], among) for place in places[texts]}
    return [done[place] for place in range(len(lines))], rest


def _check(line: CopyLine, among: Batch) -> dict[str, Any]:
    known = None if line.facts is None else ground(line.facts)
    found = review(line.text, language=line.language, sector=line.sector, jurisdiction=line.jurisdiction, facts=known, reasons_in=line.reasons_in,
                   among=among)
    findings, levels = [item.to_dict() for item in found.findings], [item.severity for item in found.findings]
    claims = check_against(line.text, known, language=found.language, today=line.today, opinion=True) if known else []
    more = [(f"facts.{item.rule}", item) for item in claims]
    conduct = line.conduct if known is None else _with_stated(line.conduct, known)
    more += [(f"conduct.{item.rule}", item) for item in check_conduct(line.text, found.language, conduct, among=among)]
    for rule, item in more:
        levels.append(item.severity)
        findings.append(_row(rule, item, line.text, line.reasons_in or found.language))
    return {"id": line.id, "verdict": verdict_of(levels), "findings": findings}


def _with_stated(conduct: Conduct, known: Ground) -> Conduct:
    """With the contacts and links that the records state, which are the shop's own."""
    stated = stated_links(value for _key, value in known.fields)
    return replace(conduct, known=known.text, links=None if conduct.links is None else (*conduct.links, *stated))


def _row(rule: str, item: Finding, text: str, language: str) -> dict[str, Any]:
    start = text.lower().find(item.excerpt.lower()) if item.span is None else item.span[0]
    span = item.span or ((start, start + len(item.excerpt)) if start >= 0 else (0, len(text)))
    source = _("the records given") if rule.startswith("facts.") else _("the rules of conduct of the checks")
    return {"rule": rule, "severity": item.severity, "source": dict(item.sources).get(language) or translate(source, language), "span": list(span),
            "excerpt": text[span[0]:span[1]], "reason": item.text(language),
            "suggestion": item.advice(language) or translate(_("Add the record that states it, or leave it out."), language)}


@dataclass(frozen=True)
class _Reader:
    """Reads a line of the file as it is to be checked."""

    defaults: Mapping[str, str | None]
    reasons_in: str | None
    today: date | None

    def parse(self, number: int, line: str) -> CopyLine:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(_("Line {number} is not JSON. Write one object per line, such as {example}."), number=number, example=_EXAMPLE) from error
        if not isinstance(row, dict) or "id" not in row or not isinstance(row.get("text"), str):
            raise DataError(_("Line {number} needs an 'id' and a 'text', such as {example}."), number=number, example=_EXAMPLE)
        asked = {name: row.get(name) or value for name, value in self.defaults.items()}
        for name, allowed in (("lang", ("zh", "en")), ("jurisdiction", JURISDICTIONS)):
            if asked[name] is not None and asked[name] not in allowed:
                raise _not_allowed(number, name, asked[name], allowed)
        try:
            sector_of(asked["sector"])
        except DataError as error:
            raise _not_allowed(number, "sector", asked["sector"], sectors()) from error
        return CopyLine(row["id"], row["text"], row.get("facts"), asked["lang"], asked["sector"], asked["jurisdiction"], self.reasons_in,
                        self._day(number, row.get("today")), _conduct(number, row))

    def _day(self, number: int, given: object) -> date | None:
        try:
            return self.today if given is None else date.fromisoformat(str(given))
        except ValueError as error:
            raise _not_allowed(number, "today", given, ["2026-11-22"]) from error


def _conduct(number: int, row: Mapping[str, Any]) -> Conduct:
    """What else the line is measured against: competitors' texts, the shop's links, a limit of readability."""
    lists: dict[str, tuple[str, ...] | None] = {}
    for name in ("competitors", "links"):
        given = row.get(name)
        texts = [given] if isinstance(given, str) else given
        if texts is not None and not (isinstance(texts, list) and all(isinstance(text, str) for text in texts)):
            raise _not_allowed(number, name, given, [_EXAMPLES[name]])
        lists[name] = None if texts is None else tuple(texts)
    limit = row.get("readability")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, (int, float)) or not 0 < limit <= 200):
        raise _not_allowed(number, "readability", limit, [_EXAMPLES["readability"]])
    return Conduct(lists["competitors"] or (), lists["links"], limit)


_EXAMPLES = {"competitors": '["..."]', "links": '["shop.example"]', "readability": "0 < 60 <= 200"}


def _not_allowed(number: int, name: str, given: object, allowed: Iterable[str]) -> DataError:
    return DataError(_("Line {number}: '{name}' is '{given}'. Allowed: {allowed}."), number=number, name=name, given=given,
                     allowed=", ".join(allowed))


_EXAMPLE = '{"id": "1", "text": "..."}'
