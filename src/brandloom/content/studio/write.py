"""Writing: each variant takes an angle of its own, passes the gate or is written again, and the plain facts stand in."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle, islice
from typing import Any, Literal

from brandloom.content.checks import Finding
from brandloom.content.checks.judge import MOST_SENTENCES, Judge
from brandloom.content.facts import plain_text
from brandloom.content.response import ResponseModel
from brandloom.content.studio.asked import Asked
from brandloom.content.studio.attempt import TRIES, Attempt, Passed
from brandloom.content.studio.formats import Form
from brandloom.content.studio.gate import Copy, Gate
from brandloom.content.studio.plain import PlainCopy, plain_copy
from brandloom.content.studio.prompts import angles, conversation
from brandloom.content.studio.variety import mean_similarity
from brandloom.errors import ProviderError
from brandloom.govern import visible_label
from brandloom.llm import Ask, BudgetError, Completion, TextModel

MOST_TOKENS = 900
_FORBIDDEN = ("8" * 30,) * 8
"""Stands for the most that earlier tries may add to a prompt: so many words, so long, in so many tokens."""
_LONG_SENTENCE = 200
"""Characters that a sentence has at most, for what the judge may cost."""

Source = Literal["model", "repaired", "plain"]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Draft:
    """A variant that passed the gate, and how it came about."""

    angle: str
    copy: Copy
    source: Source
    """'model' at the first try; 'repaired' later, or with sentences at fault taken out; 'plain' where the facts themselves stand in."""
    cautions: tuple[Finding, ...]
    rejected: tuple[Finding, ...]
    """What kept earlier drafts of this variant from being used."""
    coverage: float | None
    """Share of the values that the model was shown which the copy names; None without products."""
    model: str | None = None
    """The model that wrote it."""
    judged: float | None = None
    """Log-odds of Yes from the judge for its weakest sentence; None where no judge spoke."""
    predicted: tuple[float, float] | None = None
    """Log-odds of a click against an average text of the shop's tests, and their deviation; None where the scorer knows nothing."""
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0

    def to_dict(self, form: Form, language: str) -> dict[str, Any]:
        found = [*self.cautions, *self.rejected]
        return {"angle": self.angle, "parts": {name: list(value) if not isinstance(value, str) else value for name, value in self.copy.items()},
                "text": published(self.copy, form, language, labelled=self.source != "plain"), "source": self.source, "coverage": self.coverage,
                "judged": None if self.judged is None else round(self.judged, 3),
                "predicted": None if self.predicted is None else {"mean": round(self.predicted[0], 3), "deviation": round(self.predicted[1], 3)},
                "checks": [{"rule": item.rule, "severity": item.severity, "place": item.place, "excerpt": item.excerpt, "source": item.article,
                            "span": item.span, "reason": item.text(language), "suggestion": item.advice(language),
                            "draft": "used" if item in self.cautions else "rejected"} for item in found],
                "calls": self.calls, "prompt_tokens": self.prompt_tokens, "completion_tokens": self.completion_tokens,
                "seconds": round(self.seconds, 2)}


@dataclass(frozen=True)
class Written:
    """All variants of one brief, best first."""

    asked: Asked
    form: Form
    drafts: tuple[Draft, ...]
    model: str | None
    stopped: str | None = None
    """Why writing ended early, where the model failed; what was written until then is kept."""
    similarity: float | None = None
    """Mean similarity of the variants to each other, 0 to 1."""
    unscored: str | None = None
    """Why the scorer says nothing of these variants: a key of `content.response.REASONS`."""
    scorer: str | None = None
    """The scorer asked: 'own' for one learned from the shop's tests, or the name of the one that comes with Brandloom."""
    judge: Judge | None = None
    """Who judged the copy besides the rules, if anybody."""
    interrupted: bool = False
    """Whether a person stopped the writing; what had passed until then is here."""

    def to_dict(self) -> dict[str, Any]:
        drafts = [draft.to_dict(self.form, self.asked.lang) for draft in self.drafts]
        return {"lang": self.asked.lang, "format": self.form.name, "model": self.model, "variants": drafts, "similarity": self.similarity,
                "scorer": self.scorer, "unscored": self.unscored, "brief": self.asked.model_dump(mode="json"),
                "calls": sum(draft.calls for draft in self.drafts), "prompt_tokens": sum(draft.prompt_tokens for draft in self.drafts),
                "completion_tokens": sum(draft.completion_tokens for draft in self.drafts),
                "seconds": round(sum(draft.seconds for draft in self.drafts), 2), "stopped": self.stopped,
                "judge": None if self.judge is None else self.judge.to_dict()}


def write_copy(model: TextModel | None, asked: Asked, *, variants: int = 3, most_calls: int | None = None,
               scorer: ResponseModel | None = None, judge: Judge | None = None, progress: Progress | None = None) -> Written:
    """Write several variants of one piece of copy; every one returned has passed the gate.

    Args:
        model: any text model; None puts the facts in order without one.
        variants: how many, each from another angle.
        most_calls: stop asking the model after so many calls; the plain copy stands in for the rest.
        scorer: the shop's own or the shipped one; where it knows all variants they are ranked by their predicted response.
        judge: asked about each sentence that has passed the rules, besides `most_calls`; see `chosen_judge`. None asks nobody.
        progress: called with (done, all) after each variant.
    Raises:
        DataError: not even the bare facts pass the gate.
        ProviderError, ConfigError: the model failed before it wrote anything.
        KeyboardInterrupt: a person stopped it before anything had passed; later, what has passed is returned.
    """
    gate, drafts, lost, stopped, interrupted = Gate(asked), list[Draft](), list[Attempt](), None, False
    for number, angle in enumerate(islice(cycle(angles(asked.lang)), variants), start=1):
        calls = sum(draft.calls for draft in drafts) + sum(attempt.calls for attempt in lost)
        tries = 0 if model is None or stopped else TRIES if most_calls is None else min(TRIES, most_calls - calls)
        earlier = [draft.copy for draft in drafts]
        attempt = Attempt(gate, partial(_ask, model, gate, angle, earlier), partial(PlainCopy, gate), earlier, tries, judge=judge)
        try:
            passed = attempt.write()
        except (ProviderError, BudgetError) as error:
            if not calls + attempt.calls:
                raise
            stopped, passed = str(error), None
        except KeyboardInterrupt:
            if not drafts:
                raise
            stopped, interrupted = "Stopped by a person.", True
            break
        if passed is None:
            lost.append(attempt)
        else:
            drafts.append(_draft(angle, passed, attempt, asked, judge))
        if progress is not None:
            progress(number, variants)
    if lost:
        drafts.append(_plain_draft(gate, lost))
    ranked, unscored = _ranked(drafts, asked, scorer)
    answered = next((attempt.model for attempt in lost if attempt.model), None) or next((draft.model for draft in drafts if draft.model), None)
    return Written(asked, gate.form, tuple(ranked), answered or (model.name if model else None), stopped,
                   mean_similarity([draft.copy for draft in ranked if draft.source != "plain"], ignore=asked.names), unscored,
                   scorer.card.name if scorer else None, judge=judge, interrupted=interrupted)


def most_asked(asked: Asked, *, variants: int = 3, most_calls: int | None = None, judge: Judge | None = None) -> list[Ask]:
    """The requests that `write_copy` makes at most, for `llm.most_cost`; fewer where a variant passes at once."""
    gate, left = Gate(asked), TRIES * variants if most_calls is None else most_calls
    found = []
    for angle in islice(cycle(angles(asked.lang)), variants):
        for forbidden, calls in ((_FORBIDDEN, TRIES - 1), ((), 1)):
            found.append(replace(_request(gate, angle, forbidden), calls=min(calls, left)))
            left -= found[-1].calls
    tried = sum(ask.calls for ask in found)
    if judge is not None and tried:
        found.append(Ask(judge.messages("x" * _LONG_SENTENCE), 1, calls=tried * MOST_SENTENCES))
    return [ask for ask in found if ask.calls]


def _ask(model: TextModel | None, gate: Gate, angle: str, earlier: Sequence[Copy], number: int, forbidden: Sequence[str]) -> Completion:
    """Ask for one variant; greedy only the very first time, since few facts leave it one thing to say."""
    assert model is not None, "no try is made without one"
    ask = _request(gate, angle, forbidden)
    return model.complete(ask.messages, schema=ask.schema, max_tokens=ask.max_tokens, temperature=0.7 if number or earlier else 0.0,
                          seed=len(earlier) * TRIES + number)


def _request(gate: Gate, angle: str, forbidden: Sequence[str]) -> Ask:
    form = gate.form
    room = {part.name: gate.room(part) for part in form.parts}
    messages = conversation(gate.asked, form, angle, room, forbidden=forbidden)
    size = sum(min(room[part.name], 400) * min(part.most, part.least + 2) for part in form.parts)
    return Ask(messages, min(MOST_TOKENS, 60 + (size if gate.asked.lang == "zh" else size // 3)), _schema(form))


def _draft(angle: str, passed: Passed, attempt: Attempt, asked: Asked, judge: Judge | None) -> Draft:
    judged = None if judge is None else judge.weakest(passed.copy)
    return Draft(angle, dict(passed.copy), passed.source, passed.cautions, tuple(attempt.rejected), coverage(passed.copy, asked), model=attempt.model,
                 judged=judged, calls=attempt.calls, prompt_tokens=attempt.prompt_tokens, completion_tokens=attempt.completion_tokens,
                 seconds=attempt.seconds)


def _plain_draft(gate: Gate, lost: Sequence[Attempt]) -> Draft:
    """The facts themselves, once for all variants that no try of the model brought through; what those cost is told with it."""
    copy, found = plain_copy(gate)
    cautions = tuple(item for item in found if not item.blocks)
    return Draft("facts", copy, "plain", cautions, tuple(item for attempt in lost for item in attempt.rejected), coverage(copy, gate.asked),
                 calls=sum(attempt.calls for attempt in lost), prompt_tokens=sum(attempt.prompt_tokens for attempt in lost),
                 completion_tokens=sum(attempt.completion_tokens for attempt in lost), seconds=sum(attempt.seconds for attempt in lost))


def _ranked(drafts: Sequence[Draft], asked: Asked, scorer: ResponseModel | None) -> tuple[list[Draft], str | None]:
    """Best first: by predicted response where a scorer knows all texts, else fewer cautions and more of the facts; plain copy last."""
    unscored = None
    if scorer is not None:
        scores = scorer.score([_lead(draft.copy) for draft in drafts], language=asked.lang)
        unscored = next((reason for reason in scores.reason if reason), None)
        if unscored is None:
            drafts = [replace(draft, predicted=(float(mean), float(deviation)))
                      for draft, mean, deviation in zip(drafts, scores.mean, scores.deviation, strict=True)]
    return sorted(drafts, key=lambda draft: (draft.source == "plain", -draft.predicted[0] if draft.predicted else 0.0, len(draft.cautions),
                                             -(draft.judged or 0.0),
                                             -(draft.coverage or 0.0))), unscored


def _lead(copy: Copy) -> str:
    """What a reader sees first, which is what tests of headlines and subjects are about."""
    value = next((copy[name] for name in ("subject", "headline", "title", "headlines", "text") if name in copy), next(iter(copy.values())))
    return value if isinstance(value, str) else value[0]


def published(copy: Copy, form: Form, language: str, *, labelled: bool = True, jurisdictions: Collection[str] = ()) -> str:
    """The copy as one text the way it is handed to a channel, with the AI label its form carries where a model wrote it."""
    lines = []
    for part in form.parts:
        value = copy[part.name]
        lines.append(value if isinstance(value, str) else " ".join(f"#{tag}" for tag in value) if part.name == "hashtags" else "\n".join(value))
    ending = visible_label(language, producer="", jurisdictions=jurisdictions).mark if labelled and form.label != "none" else ""
    return "\n".join([*lines, *([ending] if ending else [])])


def coverage(copy: Copy, asked: Asked) -> float | None:
    """Share of the products' values, as far as a model is shown them, that the copy holds word for word."""
    text = re.sub(r"\s+", "", " ".join(value if isinstance(value, str) else " ".join(value) for value in copy.values())).casefold()
    values = [plain_text(str(item)) for product in asked.products[:1] for value in product.values()
              for item in (value if isinstance(value, (list, tuple)) else [value]) if item not in (None, "", {}) and not isinstance(item, dict)]
    values = [value for value in values if len(value) <= 60]
    return round(sum(re.sub(r"\s+", "", value).casefold() in text for value in values) / len(values), 3) if values else None


def _schema(form: Form) -> dict[str, Any]:
    text = {"type": "string", "pattern": "^[^{}<>]+$"}
    properties = {part.name: text if not part.many else
                  {"type": "array", "items": text, "minItems": part.least, "maxItems": min(part.most, part.least + 2)} for part in form.parts}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


__all__ = ["Draft", "Written", "coverage", "most_asked", "published", "write_copy"]
