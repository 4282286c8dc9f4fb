"""The studio's plain copy: the facts themselves, put in order. It is used where no model's draft passes the gate."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from brandloom.content.checks import Finding
from brandloom.content.facts import humanise, plain_text
from brandloom.content.studio.formats import Form, Part, length
from brandloom.content.studio.gate import Copy, Gate
from brandloom.errors import DataError
from brandloom.i18n import _

_SHORT = ("title", "headline", "subject")
_WORDS: dict[str, dict[str, Any]] = {
    "en": {"join": ": ", "stop": ".", "space": " ", "cta": "Have a look", "meet": "Meet {name}", "about": "About {name}", "more": "More on {name}",
           "pads": ("Have a look and see whether it suits you.", "Take your time.", "Questions are welcome.", "We are glad to help you choose.",
                    "You will find it on our pages."),
           "reply": "Thank you for telling us. We have read your message and will look into it.", "tags": ("shop", "today", "ideas")},
    "zh": {"join": "：", "stop": "。", "space": "", "cta": "去看看", "meet": "认识{name}", "about": "关于{name}", "more": "{name}详情",
           "pads": ("来看看是否适合你。", "慢慢挑，不着急。", "有问题欢迎来问。", "我们很乐意帮你挑选。", "更多内容见商品页面。"),
           "reply": "谢谢你告诉我们，你写的内容我们都看到了，会认真查看。", "tags": ("逛逛", "日常", "生活")},
}


def plain_copy(gate: Gate) -> tuple[dict[str, str | list[str]], list[Finding]]:
    """Copy made of the facts alone, and cautions on it.

    Raises:
        DataError: even that fails the checks, because the facts themselves may not be said or leave too little room.
    """
    builder = PlainCopy(gate)
    copy = builder.with_must_say({part.name: builder.part(part) for part in gate.form.parts})
    found = gate.check(copy)
    blocking = next((item for item in found if item.blocks), None)
    if blocking is not None:
        raise DataError(_("Nothing can be written for {form}: even the bare facts fail a check at {place}: {reason} "
                          "Change the facts, the limits or the words."), form=gate.form.name, place=blocking.place, reason=blocking.text())
    return copy, found


class PlainCopy:
    """Parts made of the facts, none of them the same as another."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.form: Form = gate.form
        self.words = _WORDS[gate.asked.lang]
        self.name = self._name()
        self.used: list[str] = []

    @cached_property
    def sentences(self) -> list[str]:
        """One per fact that passes the gate by itself; made when first asked for, since each costs a check."""
        return list(self._sentences())

    def part(self, part: Part) -> str | list[str]:
        """The copy of one part, other than that of the parts before it."""
        made = self._part(part)
        for item in [made] if isinstance(made, str) else made:
            self.mark(item)
        return made

    def text(self, part: Part) -> str:
        """The copy of a part that is one text."""
        made = self._part(part)
        return made if isinstance(made, str) else made[0]

    def items(self, part: Part, count: int) -> list[str]:
        """So many items of a part that is a list."""
        made = self._part(part)
        return [item for item in ([made] if isinstance(made, str) else made) if not self.says(item)][:count]

    def mark(self, text: str) -> None:
        """Remember a text, so that no part repeats it."""
        self.used.append(_bare(text))

    def says(self, text: str) -> bool:
        """Whether a part says just this already."""
        return _bare(text) in self.used

    def _part(self, part: Part) -> str | list[str]:
        high = self.gate.room(part)
        if part.name == "cta":
            return str(self.words["cta"])
        if part.name == "hashtags":
            return self._tags(part)
        if self.form.family == "reply":
            return self._fill([self.words["reply"]], part, high)
        if part.many:
            return self._list(part, high)
        if part.name in _SHORT or (self.form.family == "line"):
            return self._short(part, high)
        for leave_out in range(len(self.sentences) + 1):
            text = self._fill(self.sentences[:len(self.sentences) - leave_out], part, high)
            if _bare(text) not in self.used:
                return text
        return self._fill([*self.words["pads"][1:]], part, high)

    def with_must_say(self, copy: dict[str, str | list[str]]) -> dict[str, str | list[str]]:
        """The same with what must be said put at the end of the longest part that has room."""
        last = max((part for part in self.form.parts if not part.many), key=lambda part: part.high, default=None)
        whole = " ".join(value if isinstance(value, str) else " ".join(value) for value in copy.values())
        missing = [said for said in self.gate.asked.must_say if said not in whole]
        if last is None or not missing:
            return copy
        ending = self.words["space"].join(said if said[-1:] in ".!?。！？" else said + self.words["stop"] for said in missing)
        room = self.gate.room(last) - len(ending) - 1
        body = self._fill(self.sentences, last, max(room, 0)) if room > 0 else ""
        return copy | {last.name: (body + self.words["space"] + ending).strip()}

    def _name(self) -> str:
        named = next(iter(self.gate.asked.names), "")
        values = [str(value) for product in self.gate.asked.products for value in product.values() if isinstance(value, str)]
        return humanise(named) if named else next(iter([*values, *self.gate.asked.facts]), "")

    def _sentences(self) -> Iterator[str]:
        for product in self.gate.asked.products:
            for key, value in product.items():
                label = plain_text(str(key)).replace("_", " ")
                text = f"{label[:1].upper()}{label[1:]}{self.words['join']}{self._value(value)}{self.words['stop']}"
                told = value not in (None, "", [], {}) and not isinstance(value, dict) and str(value) not in self.gate.asked.names
                if told and ">" not in str(value) and self._passes(text):  # a path of categories is no copy
                    yield text
        for fact in self.gate.asked.facts:
            text = fact if fact[-1:] in ".!?。！？" else fact + self.words["stop"]
            if self._passes(text):
                yield text

    def _value(self, value: object) -> str:
        items = value if isinstance(value, (list, tuple)) else [value]
        return ("、" if self.gate.asked.lang == "zh" else ", ").join(plain_text(str(item)) for item in items)

    def _passes(self, text: str) -> bool:
        found = self.gate.check_part(self.form.parts[-1].name, text)
        return not any(item.blocks and item.rule not in ("length", "form") for item in found)

    def _fill(self, sentences: list[str], part: Part, high: int) -> str:
        """The name and as many sentences as fit; neutral ones where the facts are too few."""
        lead = self.name + self.words["stop"] if self.name and self.form.family != "reply" else ""
        text = lead if (len(lead) if part.unit == "sms" else length(lead, part.unit)) <= high else ""
        for sentence in [*sentences, *self.words["pads"]]:
            padding = sentence in self.words["pads"]
            longer = (text + self.words["space"] + sentence).strip()
            size = len(longer) if part.unit == "sms" else length(longer, part.unit)
            if size <= min(high, 400) and not (padding and length(text, "chars") >= part.low):
                text = longer
        return text or self._cut(self.name, part, high)

    def _short(self, part: Part, high: int) -> str:
        """The name; where it is too short or stands elsewhere already, with a word before it."""
        forms = {"subject": ("more", "about"), "headline": ("meet", "about"), "text": ("meet", "about")}.get(part.name, ())
        framed = [str(self.words[key]).format(name=self.name) for key in (*forms, "about", "more", "meet")]
        candidates = [*framed, self.name] if forms else [self.name, *framed]
        fitting = [text for text in candidates if part.low <= length(text, part.unit) <= high and _bare(text) not in self.used]
        return fitting[0] if fitting else self._cut(self.name, part, high)

    def _list(self, part: Part, high: int) -> list[str]:
        candidates = [sentence.rstrip(".。") for sentence in self.sentences]
        candidates = [self.name, *candidates] if part.name == "headlines" else candidates
        names = (self.name, *(str(self.words[key]).format(name=self.name) for key in ("meet", "about", "more")))
        candidates += [*names, *(pad.rstrip(".。") for pad in self.words["pads"])]
        fitting = [text for text in dict.fromkeys(candidates) if part.low <= length(text, part.unit) <= high]
        fitting += [cut for text in candidates if text not in fitting and part.low <= length(cut := self._cut(text, part, high), part.unit)]
        fitting = [text for text in fitting if _bare(text) not in self.used]
        return list(dict.fromkeys(fitting))[:max(part.least, min(part.most, 4))]

    def _tags(self, part: Part) -> list[str]:
        pattern = r"[\u4e00-\u9fff]{2,8}" if self.gate.asked.lang == "zh" else r"[A-Za-z]{4,15}"
        found = [tag for tag in dict.fromkeys(re.findall(pattern, self.name)) if self._passes(tag)]
        return [*found, *self.words["tags"]][:max(part.least, 3)]

    def _cut(self, text: str, part: Part, high: int) -> str:
        """The text without its last words until it fits."""
        while text and length(text, part.unit) > high:
            shorter = text.rpartition(" ")[0] if " " in text else text[:-1]
            text = shorter.rstrip(" ,，-/(（") or text[:-1]
        return text


def _bare(text: str) -> str:
    return re.sub(r"\W+", "", text).casefold()


__all__ = ["Copy", "plain_copy"]
