"""Translation: sentence by sentence, facts carried by code, the rest by a model, and nothing passed on that a check objects to."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from brandloom.content.checks import Finding
from brandloom.content.checks.claims import mentions
from brandloom.content.checks.finding import finding
from brandloom.content.checks.form import check_forbidden
from brandloom.content.checks.ground import negated
from brandloom.content.checks.normalise import fold
from brandloom.content.desk.carry import Masked, mask, same_figures, swapped, unmask
from brandloom.content.desk.kept import Kept, Wording, title
from brandloom.content.desk.languages import checked_languages, language_name, prompts, require_language
from brandloom.content.studio import Asked, Gate, read_asked, similarity
from brandloom.content.studio.gate import Copy
from brandloom.content.studio.reply import read_reply
from brandloom.errors import ConfigError
from brandloom.i18n import _
from brandloom.llm import Message, TextModel

TRIES = 2
LEAST_ALIKE = 0.2
"""Similarity to the source below which a text translated back says something else. It finds another matter, not a clumsy word."""
_SENTENCE = re.compile(r"(?<=[。！？!?])|(?<=\.)(?=\s)|(?<=\n)")
_WHOLE = ("length", "form")
"""Rules that a sentence alone cannot meet; the whole text is checked for them."""
_SCHEMA = {"type": "object", "properties": {"text": {"type": "string", "pattern": "^[^{}<>]+$"}}, "required": ["text"],
           "additionalProperties": False}

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Sentence:
    """One sentence of the source and what became of it."""

    place: str
    source: str
    target: str | None
    """None where it was left out."""
    reason: Finding | None = None
    """Why it was left out."""


@dataclass(frozen=True)
class Translation:
    """A text in another language."""

    language: str
    parts: dict[str, str | list[str]]
    sentences: tuple[Sentence, ...]
    kept: Kept | None
    """What may go to the desk; None for a language whose claims and law nobody checks here."""
    calls: int
    prompt_tokens: int
    completion_tokens: int

    @property
    def left_out(self) -> tuple[Sentence, ...]:
        return tuple(one for one in self.sentences if one.target is None)


def translate(model: TextModel, asked: Asked, parts: Copy, to: str, *, glossary: Mapping[str, str] | None = None,
              jurisdiction: str | None = None, progress: Progress | None = None) -> Translation:
    """Translate a text and keep only what survives every check.

    A sentence goes to the model without its names, figures, dates, money, units, codes and slots, which code writes in the target's
    way and puts back, each exactly once. It is then held against the source's figures and claims, the studio's gate with the law of
    the target, and its own translation back into the source. What fails twice is left out, with the reason.

    Args:
        asked: the brief that the text was written for.
        to: language of the target, one of `languages.yaml`.
        glossary: names and brand words of the source and what they are called in the target.
        jurisdiction: law to check against; that of the target's language when absent.
    Raises:
        ConfigError: an unknown language, the same one, or words that must be said and are not in the glossary.
        ProviderError: the model failed.
    """
    if require_language(to) == asked.lang:
        raise ConfigError(_("The text is in '{code}' already. Choose another language."), code=to)
    words = dict(glossary or {})
    target = localised(asked, to, words, jurisdiction) if to in checked_languages() else None
    worker = _Worker(model, asked, to, words, None if target is None else Gate(target))
    sentences = [(name, number, sentence) for name, value in parts.items()
                 for number, text in enumerate([value] if isinstance(value, str) else value) for sentence in _sentences(text)]
    done = list[tuple[str, int, Sentence]]()
    for place, number, sentence in sentences:
        done.append((place, number, worker.carry(place, sentence)))
        if progress is not None:
            progress(len(done), len(sentences))
    made = _together(parts, done, to)
    told = tuple(one.reason for _place, _number, one in done if one.reason is not None)
    kept = None if target is None else Kept(target, title(target), (Wording(made, "translation", "", model.name, told),))
    return Translation(to, made, tuple(one for _place, _number, one in done), kept, worker.calls, worker.prompt_tokens, worker.completion_tokens)


def localised(asked: Asked, to: str, glossary: Mapping[str, str], jurisdiction: str | None) -> Asked:
    """The brief as the target's checks need it: values in the target's words where code knows them, voice and limits left behind.

    Raises:
        ConfigError: words that must be said have no entry in the glossary.
    """
    missing = [said for said in asked.must_say if said not in glossary]
    if missing:
        raise ConfigError(_("must_say '{said}' has no translation. Add it to the glossary."), said=missing[0])
    products = [{key: _in_target(value, to, glossary) for key, value in product.items()} for product in asked.products]
    brief = asked.model_dump(mode="json") | {
        "lang": to, "products": products, "voice": {"emoji": asked.voice.emoji}, "limits": {}, "jurisdiction": jurisdiction,
        "must_say": [glossary[said] for said in asked.must_say], "must_not_say": [glossary.get(word, word) for word in asked.must_not_say]}
    # Claims of the source's own wording may rest on these; the words that the glossary gives are names of the shop.
    brief["facts"] = [*asked.facts, *(text for text in glossary.values() if text.strip())]
    return read_asked(json.dumps(brief, ensure_ascii=False), source=asked.format, brands=lambda _name: None)


def _in_target(value: object, to: str, glossary: Mapping[str, str]) -> object:
    """A value in the target's words; as it is where some of it stays in the source's script."""
    if isinstance(value, (list, tuple)):
        return [_in_target(item, to, glossary) for item in value]
    if not isinstance(value, str):
        return value
    masked = mask(value, names=(), glossary=glossary, language=to)
    put = unmask(masked.text, masked, to)
    foreign = "[\u4e00-\u9fff]" if to == "en" else "[A-Za-z]{2,}"
    return value if put is None or re.search(foreign, put) else put


@dataclass
class _Worker:
    """Carries sentences over, one at a time."""

    model: TextModel
    asked: Asked
    to: str
    glossary: Mapping[str, str]
    gate: Gate | None
    calls: int = field(default=0, init=False)
    prompt_tokens: int = field(default=0, init=False)
    completion_tokens: int = field(default=0, init=False)

    def carry(self, place: str, source: str) -> Sentence:
        masked = mask(source, names=self.asked.names, glossary=self.glossary, language=self.to)
        if not re.search(r"[^\W\d_]", re.sub(r"\[\d+\]", "", masked.text)):
            return Sentence(place, source, unmask(masked.text, masked, self.to))
        reason, avoid = None, list[str]()
        for attempt in range(TRIES):
            reply = self._ask(masked.text, self.asked.lang, self.to, attempt, avoid)
            target = unmask(reply, masked, self.to)
            reason = self._marks(place, source) if not target else self._objection(place, masked, reply, source, target)
            if reason is None:
                return Sentence(place, source, target)
            avoid += [reason.excerpt] if 1 < len(reason.excerpt) <= 30 and target is not None and reason.excerpt in target else []
        assert reason is not None
        return Sentence(place, source, None, finding("translation", "caution", place, source, _("'{excerpt}' was left out of the translation: {why}"),
                                                     why=reason.text()))

    def _objection(self, place: str, masked: Masked, reply: str, source: str, target: str) -> Finding | None:
        """What is wrong with a translated sentence: beside its source, by itself, and translated back."""
        if not same_figures(source, target):
            return finding("figures", "ban", place, target, _("its figures are not those of the source."))
        claimed = None if self.gate is None else _differing_claim(masked.text, reply)
        if claimed is not None:
            return finding("meaning", "ban", place, claimed, _("'{excerpt}' says more than the source, or the opposite."))
        found = check_forbidden(target, place) if self.gate is None else self.gate.check_part(place, target)
        # A sentence of few characters may hold a word such as BPA; the whole text is held to the gate's own measure.
        mostly = self.to == "zh" and len(re.findall("[\u4e00-\u9fff]", target)) > len(re.findall("[A-Za-z]", target))
        excused = (*_WHOLE, "language") if mostly else _WHOLE
        wrong = next((item for item in found if item.blocks and item.rule not in excused), None)
        return wrong or self._back(place, masked, reply)

    def _back(self, place: str, masked: Masked, reply: str) -> Finding | None:
        """The second look: translated back, it must hold the same marks and claims and be about the same thing."""
        back = self._ask(reply, self.to, self.asked.lang, 0, ())
        plain = replace(masked, values=("0",) * len(masked.values))
        if unmask(back, plain, self.asked.lang) is None:
            return self._marks(place, back)
        if swapped(masked.text, back):
            return finding("marks", "ban", place, back, _("two names or figures changed places."))
        alike = similarity({"text": masked.text}, {"text": back})
        if alike < LEAST_ALIKE or _differing_claim(masked.text, back) is not None:
            return finding("back", "ban", place, back, _("translated back it reads '{excerpt}'."))
        return None

    def _marks(self, place: str, text: str) -> Finding:
        return finding("marks", "ban", place, text, _("a name or figure was lost, doubled or added."))

    def _ask(self, text: str, from_: str, to: str, attempt: int, avoid: Sequence[str]) -> str:
        told, name = prompts(), language_name(to, "en")
        request = str(told["request"]).replace("{language}", name)
        example = told["examples"][to] if from_ in checked_languages() and to in told["examples"] else None
        extra = "\n" + str(told["avoid"]).replace("{words}", ", ".join(dict.fromkeys(avoid))) if avoid else ""
        messages = [Message("system", str(told["system"]).replace("{language}", name).strip())]
        if example is not None:
            answer = json.dumps({"text": example[1]}, ensure_ascii=False)
            messages += [Message("user", request.replace("{text}", example[0])), Message("assistant", answer)]
        messages.append(Message("user", request.replace("{text}", text) + extra))
        reply = self.model.complete(messages, schema=_SCHEMA, max_tokens=60 + 2 * len(text), temperature=0.7 if attempt else 0.0, seed=attempt)
        self.calls, self.prompt_tokens = self.calls + 1, self.prompt_tokens + reply.prompt_tokens
        self.completion_tokens += reply.completion_tokens
        parts = read_reply(reply.text, to)
        said = parts.get("text") if isinstance(parts, Mapping) else parts
        return said.strip() if isinstance(said, str) else ""


def _differing_claim(source: str, target: str) -> str | None:
    """Words of the target that claim what the source does not, or the opposite of what it claims."""
    one, other = fold(source), fold(target)
    said = [(concept, negated(one, item.start, item.end)) for item in mentions(one) for concept in item.concepts]
    for item in mentions(other):
        words, says_no = other[item.start:item.end], negated(other, item.start, item.end)
        # Entries of a bag are told apart by their words, which differ between languages: their class has to do.
        same = [no for concept, no in said if any(concept.name == mine.name or (concept.kind == mine.kind and (concept.is_bag or mine.is_bag))
                                                  for mine in item.concepts)]
        if says_no not in same:
            return words
    return None


def _sentences(text: str) -> list[str]:
    return [sentence.strip() for sentence in _SENTENCE.split(text) if sentence.strip()]


def _together(parts: Copy, done: Sequence[tuple[str, int, Sentence]], to: str) -> dict[str, str | list[str]]:
    """The parts of what was carried over; a part of which nothing is left is missing, so that the gate says so."""
    made: dict[str, str | list[str]] = {}
    for name, value in parts.items():
        count = 1 if isinstance(value, str) else len(value)
        items = [("" if to in ("zh", "ja") else " ").join(one.target for place, number, one in done if place == name and number == at and one.target)
                 for at in range(count)]
        filled = [item for item in items if item]
        if filled:
            made[name] = filled[0] if isinstance(value, str) else filled
    return made
