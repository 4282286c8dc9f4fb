"""What people preferred on the desk, made into an adapter of the embedded model, and judged on what they preferred later."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from statistics import mean
from typing import Any

from brandloom.content.desk.book import Piece, Version, pick, plain_parts, read_pieces, read_versions
from brandloom.content.desk.pairs import Pair, prompt_of, read_pairs
from brandloom.content.studio import Asked, Gate, coverage
from brandloom.content.studio.gate import Copy
from brandloom.content.studio.reply import read_reply
from brandloom.content.studio.write import most_asked
from brandloom.errors import DataError
from brandloom.i18n import _
from brandloom.ledger import Ledger
from brandloom.llm import EmbeddedModel, Message, TextModel, adapters
from brandloom.llm.adapters import Card, Example, Range, mean_range
from brandloom.llm.weights import sha256_of

LEAST_LEARNED, LEAST_JUDGED = 40, 20
"""Examples to learn from and later pairs to judge by, below which a result would mean nothing."""
JUDGED = 0.3
"""Share of the pairs, the latest, that judge."""
_WRITTEN = ("model", "repaired", "edit")
"""Origins of texts that show how the shop writes; plain facts and translations do not."""

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Base:
    """The embedded model that an adapter is trained on."""

    name: str
    """A pinned name, or the path of its file."""
    path: Path


@dataclass(frozen=True)
class Preferences:
    """What people of the desk preferred: earlier for learning, later for judging."""

    examples: Sequence[Example]
    """All of them, as the desk gives them."""
    learned: Sequence[Example]
    pairs: Sequence[Example]
    """Later than any that is learned from."""
    requests: Mapping[str, Asked]
    """The latest requests of those that judge, for both to write anew; empty leaves that test out."""


@dataclass(frozen=True)
class Writing:
    """First replies to later requests, greedy, of base and adapter."""

    requests: int
    base_passed: float
    """Share that passes the gate."""
    adapted_passed: float
    passed_gain: Range
    base_carried: float
    """Mean share of the products' values that a reply names."""
    adapted_carried: float
    carried_gain: Range

    @property
    def worse(self) -> bool:
        """Whether surely fewer replies pass the gate, or surely fewer values are named: what is likelier need not be written better."""
        return self.passed_gain.high < 0 or self.carried_gain.high < 0


def read_examples(ledger: Ledger, *, brand: str | None = None) -> list[Example]:
    """The desk's preference pairs, and approved texts that no pair speaks of, as examples for training."""
    pairs = read_pairs(ledger, brand=brand)
    spoken = {pair.piece for pair in pairs}
    with ledger.read() as connection:
        approved = [(one, pick(read_versions(connection, one), one, None))
                    for one in read_pieces(connection, brand=brand, state="approved") if one.id not in spoken and one.campaign is None]
    return [*map(_of_pair, pairs), *(_of_text(one, version) for one, version in approved if version.origin in _WRITTEN)]


def read_preferences(ledger: Ledger, *, brand: str | None = None, requests: int = 12) -> Preferences:
    """What the desk gives to train on and to judge by.

    Args:
        requests: how many of the latest requests both write anew, as a test of writing; 0 leaves that out.

    Raises:
        DataError: too few preferences.
    """
    examples = read_examples(ledger, brand=brand)
    learned, later = adapters.split(examples, judged=JUDGED)
    pairs = [one for one in later if one.rejected is not None]
    if len(learned) < LEAST_LEARNED or len(pairs) < LEAST_JUDGED:
        raise DataError(_("The desk gives {learned} examples to learn from and {judged} later pairs to judge by; an adapter needs "
                          "{least_learned} and {least_judged}. Go on editing and rejecting; `brandloom copy pairs` counts them."),
                        learned=len(learned), judged=len(pairs), least_learned=LEAST_LEARNED, least_judged=LEAST_JUDGED)
    return Preferences(examples, learned, pairs, _requests(ledger, pairs, brand, requests))


def adapt(preferences: Preferences, base: Base, name: str, cache: Path, *, now: datetime, how: adapters.Training | None = None,
          progress: Progress | None = None) -> Card:
    """Train an adapter on earlier preferences, judge it on later ones, and keep it with its card.

    It counts as better only if it surely moves towards what is preferred (`Judged.better`) and its replies neither surely pass the gate less often
    nor surely name fewer of the products' values. Called again after an interruption with the same preferences, it goes on where it stopped.

    Args:
        base: what to train on.
        name: the adapter's begins with it and ends with a mark of the examples and the base, so that a later one replaces none in use.
        cache: the machine's folder of models.
        progress: told the stage and the share of it that is done.
    Raises:
        ConfigError: the libraries of the `train` extra are missing, or the base cannot be trained on.
    """
    adapters.require_training()
    base_sha256, data_sha256 = sha256_of(base.path), adapters.digest(preferences.examples)
    whole = adapters.require_name(f"{name}-{sha256(f'{base_sha256} {data_sha256}'.encode()).hexdigest()[:8]}")
    folder = adapters.adapters_folder(cache) / whole
    run, judged = _train(base, preferences, folder, how or adapters.Training(), progress)
    file = folder / adapters.FILE
    writing = compare_writing(base.path, file, preferences.requests, progress=_stage(progress, _("Writing")))
    card = Card(name=whole, base=base.name, base_sha256=base_sha256, sha256=sha256_of(file), data_sha256=data_sha256,
                learned=len(preferences.learned), made_at=now.isoformat(timespec="seconds"),
                better=judged.better and not (writing is not None and writing.worse), training=run,
                figures={"pairs": judged.to_dict(), "writing": None if writing is None else asdict(writing)})
    adapters.put_card(card, cache)
    return card


def _train(base: Base, preferences: Preferences, folder: Path, how: adapters.Training,
           progress: Progress | None) -> tuple[dict[str, Any], adapters.Judged]:
    """Train, judge and write the file. What torch holds is let go before the runtime loads the weights too."""
    trained = adapters.train(base.path, preferences.learned, folder, how, progress=_stage(progress, _("Training")))
    judged = adapters.judge(trained.tuned, preferences.pairs, progress=_stage(progress, _("Judging")))
    adapters.write_adapter(trained.tuned, folder / adapters.FILE)
    return {**asdict(how), "steps": trained.steps, "steps_planned": trained.steps_planned, "seconds": round(trained.seconds, 1),
            "left_out": trained.left_out, "loss_last": round(mean(trained.losses[-10:]), 4)}, judged


def compare_writing(weights: Path, adapter: Path, requests: Mapping[str, Asked], *,
                    progress: Callable[[float], None] | None = None) -> Writing | None:
    """Let base and adapter answer the same requests as the studio asks them first, greedily; None without any.

    Args:
        requests: briefs by a key of their own.
    """
    if not requests:
        return None
    passed, carried, done = list[list[float]](), list[list[float]](), 0
    for lora in (None, adapter):
        with EmbeddedModel(weights, adapter=lora, slots=1) as model:
            passed.append([])
            carried.append([])
            for asked in requests.values():
                reply = _reply(model, asked)
                passed[-1].append(float(not any(item.blocks for item in Gate(asked).check(reply))))
                carried[-1].append((coverage(reply, asked) or 0.0) if isinstance(reply, dict) else 0.0)
                done += 1
                if progress is not None:
                    progress(done / 2 / len(requests))
    keys = list(requests)
    gains = [mean_range([adapted - base for base, adapted in zip(*values, strict=True)], keys) for values in (passed, carried)]
    return Writing(len(keys), mean(passed[0]), mean(passed[1]), gains[0], mean(carried[0]), mean(carried[1]), gains[1])


def _requests(ledger: Ledger, pairs: Sequence[Example], brand: str | None, most: int) -> dict[str, Asked]:
    """The latest requests that judge; a plan's texts are assembled by code and left out."""
    wanted = {one.group for one in pairs}
    with ledger.read() as connection:
        pieces = [one for one in read_pieces(connection, brand=brand) if one.request in wanted and one.campaign is None]
    latest = {one.request: one.asked for one in sorted(pieces, key=lambda one: (one.created_at, one.id))}
    return dict(list(latest.items())[-most:] if most else [])


def _reply(model: TextModel, asked: Asked) -> object:
    """The first reply to the studio's first request, which is the last of those that one variant may need."""
    ask = most_asked(asked, variants=1)[-1]
    return read_reply(model.complete(ask.messages, schema=ask.schema, max_tokens=ask.max_tokens).text, asked.lang)


def _of_pair(pair: Pair) -> Example:
    return Example(_messages(pair.prompt), _answer(pair.chosen), _answer(pair.rejected), pair.request, pair.at, pair.strength)


def _of_text(piece: Piece, version: Version) -> Example:
    return Example(_messages(prompt_of(piece)), _answer(version.parts), None, piece.request, version.at)


def _messages(prompt: Sequence[Mapping[str, str]]) -> tuple[Message, ...]:
    return tuple(Message(one["role"], one["content"]) for one in prompt)  # type: ignore[arg-type]


def _answer(parts: Copy) -> str:
    """As the model would have answered."""
    return json.dumps(plain_parts(parts), ensure_ascii=False)


def _stage(progress: Progress | None, stage: str) -> Callable[[float], None] | None:
    return None if progress is None else lambda done: progress(stage, done)
