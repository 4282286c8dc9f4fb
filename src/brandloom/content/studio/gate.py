"""What a draft of the studio has to pass: form, words, truth, law. The same gate for a model's draft and a person's edit."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from brandloom.content.checks import Finding
from brandloom.content.checks.batch import Batch
from brandloom.content.checks.conduct import Conduct, check_conduct
from brandloom.content.checks.finding import finding, located
from brandloom.content.checks.form import check_codes, check_forbidden, check_language, check_slots
from brandloom.content.checks.goods import check_goods
from brandloom.content.checks.ground import Ground, ground
from brandloom.content.checks.normalise import fold
from brandloom.content.checks.packs import sector_of
from brandloom.content.checks.records import check_against
from brandloom.content.checks.review import check_law
from brandloom.content.checks.words import check_words
from brandloom.content.studio.asked import Asked
from brandloom.content.studio.formats import Form, Part, is_gsm, length, segments, to_gsm
from brandloom.content.studio.prompts import example_marks
from brandloom.content.studio.variety import similarity
from brandloom.govern import visible_label
from brandloom.i18n import _

Copy = Mapping[str, str | Sequence[str]]
"""Part -> its text, or its texts where the form has several."""

TOO_ALIKE = 0.7
"""Similarity from which a variant says the same as an earlier one."""
_LABELLED = ("text", "caption")


class Gate:
    """All checks of one brief.

    Args:
        asked: the brief; its records are what claims may rest on.
        marks: words that are true only of the worked examples a model was shown; None takes those of the studio's.
        shown: names of what comes with the text, where it may offer nothing else; None where the records tell.
    """

    def __init__(self, asked: Asked, *, marks: Sequence[str] | None = None, shown: str | None = None) -> None:
        self.asked = asked
        self._shown = shown
        self._marks = example_marks(asked.lang) if marks is None else marks
        self.barred: dict[str, Finding] = {}
        """Sentences that a judge has objected to, with what it said; they are objected to wherever they stand."""
        self.form: Form = asked.form
        self.sectors = ("general",) if sector_of(asked.sector) == "general" else ("general", sector_of(asked.sector))
        self.jurisdictions = (asked.jurisdiction,) if asked.jurisdiction else ("cn",) if asked.lang == "zh" else ("eu", "uk", "us")

    def check(self, copy: object, *, earlier: Sequence[Copy] = ()) -> list[Finding]:
        """Everything wrong with a draft, in order of place; `earlier` are variants it must differ from."""
        texts, shape = self._parts(copy)
        among = Batch(text for place, text in texts if len(text) <= self.longest(self.form.part(place)))
        inside = [item for place, text in texts for item in self.check_part(place, text, among=among)]
        whole = self._together(texts) + self.asked.voice_cautions("\n".join(text for _place, text in texts), self.form.parts[0].name)
        if earlier and texts and isinstance(copy, Mapping):
            whole += self._alike(copy, earlier)
        shown = dict(reversed(texts))
        return [*(located(item, shown.get(item.place, "")) for item in shape), *inside,
                *(located(item, shown.get(item.place, "")) for item in whole)]

    def room(self, part: Part) -> int:
        """The most characters the model may write in a part: what the channel takes less the label and what comes with a message."""
        if part.unit == "sms":
            alone = 160 if self.asked.lang == "en" else 70
            return alone + (part.high - 1) * (153 if self.asked.lang == "en" else 67) - self._reserved(part)
        return part.high - self._reserved(part)

    @staticmethod
    def longest(part: Part) -> int:
        """The most characters of a part that are read: what a model wrote beyond them is thrown away whatever it says."""
        return max(2000, 3 * part.high)

    def _reserved(self, part: Part) -> int:
        if self.form.label != "mark" or part.name not in _LABELLED:
            return 0
        # A workspace in China adds the Chinese words, but not to text messages; see `marks`.
        where = self.jurisdictions if part.unit == "sms" else (*self.jurisdictions, "cn")
        mark = visible_label(self.asked.lang, producer="", jurisdictions=where).mark
        return length(f" {mark}", "chars" if part.unit == "sms" else part.unit)

    def _parts(self, copy: object) -> tuple[list[tuple[str, str]], list[Finding]]:
        """Places with their texts, and what is missing, unknown or of the wrong kind."""
        wanted = ", ".join(part.name for part in self.form.parts)
        if not isinstance(copy, Mapping):
            return [], [finding("schema", "ban", "text", str(copy), _("The reply is not an object with the parts {parts}."), parts=wanted)]
        texts: list[tuple[str, str]] = []
        found = [finding("schema", "ban", "text", str(name), _("'{excerpt}' is no part of this channel; parts are {parts}."), parts=wanted)
                 for name in copy if name not in {part.name for part in self.form.parts}]
        for part in self.form.parts:
            value = copy.get(part.name)
            items = list(value) if isinstance(value, (list, tuple)) and part.many else [value]
            if not items or not all(isinstance(item, str) and item.strip() for item in items):
                found.append(finding("schema", "ban", part.name, "", _("The part '{place}' is missing or empty.")))
                continue
            if not part.least <= len(items) <= part.most:
                found.append(finding("schema", "ban", part.name, "", _("The part '{place}' has {count} items; {low} to {high} fit."),
                                     count=len(items), low=part.least, high=part.most))
            texts += [(part.name, str(item)) for item in items]
        return texts, found

    def check_part(self, place: str, text: str, *, among: Batch | None = None) -> list[Finding]:
        """What is wrong with one text by itself; one without end is not read at all.

        Args:
            among: texts read side by side, this one among them.
        """
        part, lang = self.form.part(place), self.asked.lang
        if len(text) > self.longest(part):
            return [located(finding("endless", "ban", place, text, _("The {place} has {length} characters, far more than fit; it was not read."),
                                    length=len(text)), text)]
        among = among or Batch([text])
        found = self._length(part, text) + self._form(part, text, among) + check_slots(text, place, ())
        found += check_codes(text, place, (*self.asked.facts, *self.asked.must_say))
        found += check_language(text, place, lang, self._wording)
        found += [finding("repeat", "ban", place, said, _("'{excerpt}' stands twice.")) for said in said_twice(text)]
        if part.calm and re.search("[!！]", text):
            found.append(finding("form", "ban", place, "!", _("The {place} may hold no exclamation mark: the ad network refuses it.")))
            found[-1] = replace(found[-1], suggestion=_("End it with a full stop, or with none."))
        if place == "hashtags" and re.search(r"[#\s]", text):
            found.append(finding("form", "ban", place, text, _("'{excerpt}' is no tag: one word without '#'.")))
            found[-1] = replace(found[-1], suggestion=_("Write one word without a space and without '#'."))
        found += check_words(text, avoid=(*self.asked.must_not_say, *self.asked.voice.avoid))
        plain = fold(text).casefold()
        for mark in self._foreign_marks:
            if re.search(rf"\b{re.escape(mark)}\b" if mark.isascii() else re.escape(mark), plain):
                found.append(finding("copied", "ban", place, mark, _("'{excerpt}' comes from the worked example, not from the facts.")))
        if not self.asked.voice.emoji and re.search("[\u2600-\u27bf\U0001f300-\U0001faff]", text):
            found.append(replace(finding("brand", "ban", place, text, _("The brand uses no emoji.")), suggestion=_("Leave the emoji out.")))
        found += check_against(text, self.ground, language=lang)
        found += [replace(item, span=(at, at + len(said))) for said, item in self.barred.items() if (at := text.find(said)) >= 0]
        if self._shown is not None:
            found += check_goods(text, place, lang, self._shown)
        for jurisdiction in self.jurisdictions:
            found += check_law(text, place, names=self.asked.names, sectors=self.sectors, jurisdiction=jurisdiction, among=among)
        return [located(replace(item, place=place), text) for item in found]

    def _form(self, part: Part, text: str, among: Batch) -> list[Finding]:
        """What never belongs in copy, and what it must not do to others; a link is judged by the brief's list where there is one."""
        stated = [value for _key, value in self.ground.fields]
        barred = [item for item in check_forbidden(text, "body" if part.high > 100 else part.name, stated)
                  if item.rule != "link" or not self.asked.links]
        named = any(item.rule in ("email", "phone") for item in barred)
        conduct = check_conduct(text, self.asked.lang, self._conduct, place=part.name, among=among)
        return barred + [item for item in conduct if not (named and item.rule == "personal")]

    def _length(self, part: Part, text: str) -> list[Finding]:
        size, high = length(text, part.unit), part.high
        if part.unit == "sms":
            return self._segments(part, text)
        if part.hard or part.name in _LABELLED:
            high = self.room(part)
        if part.low <= size <= high:
            return []
        return [finding("length", "ban", part.name, text, _("The {place} has {length} characters; {low} to {high} fit."),
                        length=size, low=part.low, high=high)]

    def _segments(self, part: Part, text: str) -> list[Finding]:
        """Whether a text message and its AI mark fit their segments, which one letter outside GSM-7 makes less than half as long."""
        mark = visible_label(self.asked.lang, producer="", jurisdictions=self.jurisdictions).mark if self.form.label == "mark" else ""
        taken = segments(f"{text} {mark}" if mark else text)
        if text.strip() and taken <= part.high:
            return []
        costly = [] if self.asked.lang == "zh" else list(dict.fromkeys(letter for letter in text if not is_gsm(letter)))
        found = finding("length", "ban", part.name, text, _("The {place} takes {count} segments of a text message with its mark; {high} fit."),
                        count=taken, high=part.high, letters=" ".join(costly[:5]))
        if costly and segments(f"{to_gsm(text)} {mark}") <= part.high:
            found = replace(found, suggestion=_("Write it with plain letters: {letters} make every segment less than half as long."))
        return [found]

    def _together(self, texts: Sequence[tuple[str, str]]) -> list[Finding]:
        """What the text as a whole lacks or says twice."""
        whole = "\n".join(text for _place, text in texts)
        found = check_words(whole, must_say=self.asked.must_say, place=self.form.parts[0].name) if texts else []
        seen: dict[str, str] = {}
        for place, text in texts:
            words = "" if place == "hashtags" else re.sub(r"\W+", "", text).casefold()
            if words and words in seen:
                found.append(finding("repeat", "ban", place, text, _("The {place} says the same as the {other}."), other=seen[words]))
            seen.setdefault(words, place)
        return found

    def _alike(self, copy: Copy, earlier: Sequence[Copy]) -> list[Finding]:
        nearest = max(similarity(copy, other, ignore=self.asked.names) for other in earlier)
        if nearest < TOO_ALIKE:
            return []
        return [finding("alike", "ban", self.form.parts[0].name, "", _("The text is {share} % the same as an earlier variant."),
                        share=round(100 * nearest))]

    @cached_property
    def _conduct(self) -> Conduct:
        return Conduct(self.asked.competitors, self.asked.links or None, self.asked.readability, self.ground.text)

    @cached_property
    def ground(self) -> Ground:
        """What the brief bears out, read once for all drafts."""
        return ground(self.asked.records)

    @cached_property
    def _wording(self) -> list[str]:
        """Words of the records, which may stand in a text of another language."""
        words = [str(value) for record in self.asked.records for value in _leaves(record)]
        parts = [word for text in words for word in re.findall(r"[A-Za-z][A-Za-z0-9&.+-]*", text)]
        return [*words, *parts, *self.asked.must_say, *self.asked.voice.use]

    @cached_property
    def _foreign_marks(self) -> list[str]:
        """Words of the worked example that the facts do not hold."""
        known = fold(" ".join(self._wording)).casefold()
        return [mark for mark in self._marks if mark.casefold() not in known]


def said_twice(text: str) -> list[str]:
    """Sentences, or halves between full stops, that a text repeats word for word."""
    seen, twice = set[str](), list[str]()
    for sentence in re.split(r"(?<=[。！？!?])|(?<=\.)(?=\s)|\n", text):
        bare = re.sub(r"\W+", "", sentence).casefold()
        if len(bare) >= 6 and bare in seen:
            twice.append(sentence.strip())
        seen.add(bare)
    return twice


def _leaves(value: object) -> list[object]:
    if isinstance(value, Mapping):
        return [leaf for item in value.values() for leaf in _leaves(item)]
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in _leaves(item)]
    return [] if value is None else [value]
