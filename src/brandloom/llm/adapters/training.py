"""Training of an adapter on preferred answers, with checkpoints, a time limit and the same result after an interruption."""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from brandloom.errors import DataError
from brandloom.i18n import _
from brandloom.llm.adapters.examples import Example, digest
from brandloom.llm.adapters.tuned import Tuned, Turn

CHECKPOINT = "checkpoint.pt"
_SAVE_EVERY_S = 60.0
_WARM_UP = 0.05


@dataclass(frozen=True)
class Training:
    """How an adapter is trained."""

    rank: int = 8
    alpha: float = 16.0
    rate: float = 5e-4
    """Highest learning rate; it rises over the first twentieth of the run and falls in a straight line to zero."""
    batch: int = 4
    epochs: int = 3
    preference: float = 0.1
    """Weight of the odds between preferred and rejected answers, beside the likelihood of the preferred ones."""
    longest: int = 4096
    """Tokens of a request with one answer; longer ones are left out."""
    limit_s: float = 3600.0
    seed: int = 0


@dataclass(frozen=True)
class Trained:
    """A run that came to its end."""

    tuned: Tuned
    steps: int
    steps_planned: int
    """More than `steps` where the time limit ended the run."""
    seconds: float
    losses: tuple[float, ...]
    """Of each step."""
    left_out: int
    """Examples longer than allowed."""


@dataclass
class _Run:
    """Where a run stands: all that a checkpoint holds."""

    step: int = 0
    seconds: float = 0.0
    losses: tuple[float, ...] = ()


def train(weights: Path, examples: Sequence[Example], folder: Path, how: Training | None = None, *,
          progress: Callable[[float], None] | None = None, clock: Callable[[], float] = time.monotonic) -> Trained:
    """Train an adapter.

    The loss of an example is minus the mean log-likelihood per token of the preferred answer, and where there is a rejected one,
    `preference` times minus the log of the chance that the odds of the preferred one are the higher: one stage, no second model.
    An interrupted run goes on from its last checkpoint when called again with the same weights, examples and settings; as long as the
    time limit ends neither, both give the same adapter.

    Args:
        folder: keeps the checkpoint; made when missing.
        progress: told the share done after each step.
        clock: seconds from any beginning.
    Raises:
        ConfigError: the weights cannot be trained on.
        DataError: no example is short enough.
    Source:
        Hong et al. 2024 (ORPO) for the loss.
    """
    how = how or Training()
    tuned = Tuned(weights, rank=how.rank, alpha=how.alpha, seed=how.seed)
    turns = [(one, _turns(tuned, one)) for one in examples]
    fitting = [(one, pair) for one, pair in turns if max(len(t.shared) + len(t.request) + len(t.answer) for t in pair) <= how.longest]
    if not fitting:
        raise DataError(_("None of {count} examples is short enough to learn from: {longest} tokens at most."), count=len(examples),
                        longest=how.longest)
    plan = [batch for epoch in range(how.epochs) for batch in _batches(fitting, how.batch, random.Random(f"{how.seed} {epoch}"))]  # noqa: S311
    optimiser = torch.optim.AdamW(tuned.lora.parameters(), lr=how.rate, weight_decay=0.0)
    folder.mkdir(parents=True, exist_ok=True)
    file, key = folder / CHECKPOINT, _key(weights, examples, how)
    run = _resume(file, key, tuned, optimiser)
    began = saved = clock() - run.seconds
    try:
        while run.step < len(plan) and run.seconds < how.limit_s:
            for group in optimiser.param_groups:
                group["lr"] = how.rate * _rate(max(run.step / len(plan), run.seconds / how.limit_s))
            loss = _step(tuned, plan[run.step], how.preference, optimiser)
            run = _Run(run.step + 1, clock() - began, (*run.losses, loss))
            if progress is not None:
                progress(max(run.step / len(plan), min(run.seconds / how.limit_s, 1.0)))
            if clock() - saved > _SAVE_EVERY_S:
                _save(file, key, tuned, optimiser, run)
                saved = clock()
    finally:
        _save(file, key, tuned, optimiser, run)
    return Trained(tuned, run.step, len(plan), run.seconds, run.losses, len(turns) - len(fitting))


_Fitting = tuple[Example, list[Turn]]


def _turns(tuned: Tuned, one: Example) -> list[Turn]:
    return [tuned.turn(one.prompt, answer) for answer in (one.chosen, one.rejected) if answer is not None]


def _batches(examples: Sequence[_Fitting], size: int, rng: random.Random) -> list[list[_Fitting]]:
    """Batches of examples that begin alike, in random order."""
    alike: dict[tuple[int, ...], list[_Fitting]] = defaultdict(list)
    for one in rng.sample(examples, len(examples)):
        alike[one[1][0].shared].append(one)
    batches = [group[at:at + size] for group in alike.values() for at in range(0, len(group), size)]
    rng.shuffle(batches)
    return batches


def _step(tuned: Tuned, batch: Sequence[_Fitting], preference: float, optimiser: Any) -> float:
    chosen = [turns[0] for _one, turns in batch]
    against = [(at, turns[1]) for at, (_one, turns) in enumerate(batch) if len(turns) > 1]
    likely = tuned.log_likelihood([*chosen, *(turn for _at, turn in against)])
    weights = torch.tensor([one.weight for one, _turns in batch], device=likely.device)
    loss = -(weights * likely[:len(chosen)]).sum()
    if against:
        rows = torch.tensor([at for at, _turn in against], device=likely.device)
        margin = _odds(likely[rows]) - _odds(likely[len(chosen):])
        loss = loss - preference * (weights[rows] * torch.nn.functional.logsigmoid(margin)).sum()
    loss = loss / weights.sum()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(tuned.lora.parameters(), 1.0)
    optimiser.step()
    optimiser.zero_grad()
    return float(loss.detach())


def _odds(likely: Any) -> Any:
    """Log odds of a mean token probability given as its log; just under 1 a probability has no finite odds."""
    likely = likely.clamp(max=-1e-4)
    return likely - torch.log1p(-torch.exp(likely))


def _rate(share: float) -> float:
    return min((share + 1e-3) / _WARM_UP, (1 - share) / (1 - _WARM_UP))


def _key(weights: Path, examples: Sequence[Example], how: Training) -> str:
    """What a checkpoint belongs to. The limit is no part of it: more time may be given to a run that was stopped."""
    options = {name: value for name, value in asdict(how).items() if name != "limit_s"}
    return hashlib.sha256(json.dumps([weights.name, weights.stat().st_size, digest(examples), options]).encode()).hexdigest()


def _save(file: Path, key: str, tuned: Tuned, optimiser: Any, run: _Run) -> None:
    fresh = file.with_suffix(".new")
    torch.save({"key": key, "lora": tuned.lora.tensors, "optimiser": optimiser.state_dict(), **asdict(run)}, fresh)
    fresh.replace(file)


def _resume(file: Path, key: str, tuned: Tuned, optimiser: Any) -> _Run:
    """The state of an interrupted run with the same key, else a fresh one."""
    if not file.is_file():
        return _Run()
    kept = torch.load(file, map_location=tuned.model.device, weights_only=True)
    if kept["key"] != key:
        return _Run()
    tuned.lora.load(kept["lora"])
    optimiser.load_state_dict(kept["optimiser"])
    return _Run(kept["step"], kept["seconds"], tuple(kept["losses"]))
