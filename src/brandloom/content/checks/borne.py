"""The second opinion on facts as findings: some of the rules' give way, and sentences that no rule speaks about are stopped."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from brandloom.content.checks.entailment import lacking, open_entailment, read_sentence, words
from brandloom.content.checks.figures import read_figures
from brandloom.content.checks.finding import Finding, finding
from brandloom.content.checks.ground import Ground
from brandloom.content.checks.normalise import fold
from brandloom.i18n import _

_SENTENCE = re.compile(r"[^。！？!?\n]+?(?:[。！？!?\n]+|\.(?=\s|$)|$)", re.DOTALL)
_FEWEST = 5
"""Words, or pairs of Chinese characters, below which a sentence says too little to be weighed."""
_SHOWN = 4
_TEMPLATE = _("This sentence says more than the records, so it seems (likelihood {percent} %; the records know nothing of: {words}).")


def second_opinion(text: str, known: Ground, found: Sequence[Finding]) -> list[Finding]:
    """The findings in order of place, without those that give way and with those of sentences that rules let pass.

    Where records are of several products, nothing gives way: a figure that is stated may be another product's.

    Args:
        found: what the rules say, each with its span.
    """
    model, kept = open_entailment(), list(found)
    for start, end in sentences(text):
        folded = fold(text[start:end])
        if len(words(folded.lower())) < _FEWEST:
            continue
        inside = [one for one in kept if one.span is not None and one.span[0] < end and start < one.span[1]]
        chance = model.probability(read_sentence(folded, known), [one.rule for one in inside])
        if inside:
            if chance < model.lets and not known.products and not any(is_out_of_the_air(one, text, known) for one in inside):
                kept = [one for one in kept if one not in inside]
        elif not inside and chance >= model.stops:
            kept.append(_unborne(text, (start, end), chance, known))
    return sorted(kept, key=lambda one: one.span or (0, 0))


def is_out_of_the_air(one: Finding, text: str, known: Ground) -> bool:
    """Whether a finding is about a figure whose number stands nowhere in the records: there the rules know best."""
    start, end = one.span or (0, 0)
    stated = {item.figure.day or item.figure.number for item in known.stated}
    return any((figure.day or figure.number) not in stated for figure in read_figures(fold(text[start:end])))


def _unborne(text: str, span: tuple[int, int], chance: float, known: Ground) -> Finding:
    unknown = lacking(fold(text[slice(*span)]).lower(), known)[:_SHOWN]
    made = finding("unborne", "evidence", "text", text[slice(*span)], _TEMPLATE, span=span, percent=f"{100 * chance:.0f}",
                   words=" · ".join(unknown) or "-")
    return replace(made, suggestion=_("Say only what the records state, or add a record that states it."))


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Places of the sentences that have words, without the space around them."""
    for match in _SENTENCE.finditer(text):
        said = match.group()
        if re.search(r"\w", said):
            yield match.start() + len(said) - len(said.lstrip()), match.start() + len(said.rstrip())
