"""One text on its way from a model through the gate: asked for, mended, asked for again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from brandloom.content.checks import Finding
from brandloom.content.checks.judge import Judge
from brandloom.content.studio.gate import Copy, Gate
from brandloom.content.studio.mend import StandIn, mend
from brandloom.content.studio.reply import read_reply
from brandloom.errors import ProviderError
from brandloom.llm import Completion, SpentError

TRIES = 3
"""Times a model may try one text."""
_FORM = ("length", "schema", "must-say", "repeat", "alike", "language", "form", "invisible", "slot", "markup")
"""Rules whose objection is not mended by leaving the excerpt out."""

Ask = Callable[[int, Sequence[str]], Completion]
"""Number of the try, from 0, and words that earlier tries used and no fact bears out -> the reply."""


class Passed(NamedTuple):
    """A text that passed the gate."""

    copy: Copy
    source: Literal["model", "repaired"]
    """'model' at the first try; 'repaired' later, or with sentences at fault taken out."""
    cautions: tuple[Finding, ...]


@dataclass
class Attempt:
    """Tries at one text, and what they cost so far, also where an error ends them.

    Args:
        ask: asks the model.
        stand_in: makes what fills parts that have to be taken out.
        earlier: variants the text must differ from.
        judge: asks a model about what has passed all other checks; None asks nobody.
    """

    gate: Gate
    ask: Ask
    stand_in: Callable[[], StandIn]
    earlier: Sequence[Copy] = ()
    tries: int = TRIES
    rejected: list[Finding] = field(default_factory=list)
    """What kept drafts from being used."""
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    model: str | None = None
    """The model that answered last."""
    judge: Judge | None = None

    def write(self) -> Passed | None:
        """Ask, mend what can be mended without the model, else ask afresh with the words at fault forbidden.

        A small model that is shown its own draft repeats it, so no try sees the one before.

        Returns:
            None where no try passes.
        Raises:
            ProviderError, ConfigError: the model failed; a reply that got lost and cost nothing is asked for once more.
        """
        forbidden: list[str] = []
        for number in range(self.tries):
            draft = read_reply(self._reply(number, forbidden).text, self.gate.asked.lang)
            found = self._check(draft)
            blocking = [item for item in found if item.blocks]
            if not blocking and isinstance(draft, dict):
                return Passed(draft, "repaired" if number else "model", tuple(found))
            self.rejected += blocking
            mended = mend(self.gate, draft, self.stand_in())
            if mended is not None:
                found = self._check(mended)
                if not any(item.blocks for item in found):
                    return Passed(mended, "repaired", tuple(found))
            forbidden += [item.excerpt for item in blocking if item.rule not in _FORM and 1 < len(item.excerpt) <= 30]
        return None

    def _check(self, draft: object) -> list[Finding]:
        """What the gate says and, where it lets a draft pass, the judge, whose objections the gate keeps from then on."""
        found = self.gate.check(draft, earlier=self.earlier)
        if self.judge is None or not isinstance(draft, Mapping) or any(item.blocks for item in found):
            return found
        before, doubts = len(self.judge.asked), dict[str, Finding]()
        for name, value in draft.items():
            for text in [value] if isinstance(value, str) else value:
                doubts |= {text[slice(*item.span)]: item for item in self.judge.check(text, name) if item.span}
        self._count(self.judge.asked[before:])
        if not doubts:
            return found
        self.gate.barred |= doubts
        return self.gate.check(draft, earlier=self.earlier)

    def _reply(self, number: int, forbidden: Sequence[str]) -> Completion:
        said = tuple(dict.fromkeys(forbidden))
        try:
            reply = self.ask(number, said)
        except ProviderError as error:
            if not error.retryable or isinstance(error, SpentError):
                raise
            # A server may lose one reply again and again; another way of writing it is another reply.
            reply = self.ask(number + self.tries, said)
        self.calls += 1
        self._count([reply])
        self.model = reply.model
        return reply

    def _count(self, replies: Sequence[Completion]) -> None:
        self.prompt_tokens += sum(reply.prompt_tokens for reply in replies)
        self.completion_tokens += sum(reply.completion_tokens for reply in replies)
        self.seconds += sum(reply.seconds for reply in replies)
