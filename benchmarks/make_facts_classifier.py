"""Makes the second opinion on facts that ships: which sentences say more than the records bear out.

    python -m benchmarks.make_facts_classifier [--check] [--meet round12]

Sentences are ours, in `facts_cases`. The first step reads them without the rules, so all hands teach it; true ones of another product join
them as false ones of less weight, so that it looks at the record and not at the manner of writing. The second step joins it with what
the rules found; of a hand that the rules were mended on since, that is what they found when they first met it (`first_findings.json`,
written by `--meet`). One hand after another is left out of both steps, and what the rest then says about it chooses the probabilities at which
findings give way and sentences are stopped. `JUDGE` is never read here. `--check` measures and writes no weights.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from benchmarks.facts import CASES, ROOT, ROUNDS, WRITTEN, cases, hand_cases
from brandloom.content.checks import check_against
from brandloom.content.checks.borne import is_out_of_the_air
from brandloom.content.checks.classifier import BITS
from brandloom.content.checks.entailment import FARTHEST, MEASURES, RULED, Entailment, Floats, Reading, read_sentence, slots, told
from brandloom.content.checks.ground import ground
from brandloom.content.checks.normalise import fold
from brandloom.measure import wilson

JUDGE = "round13"
"""By a hand that neither the rules nor this model have met; see `benchmarks/facts_opinion.py`."""
UNREAD = (JUDGE, "round14", "round15", "round16")
"""Hands that teach nothing: judges, old and new. Teaching 14 and 16 too was tried: no more found on 13 and 15, and more true ones stopped."""
SHIPPED = Path(__file__).parent.parent / "src" / "brandloom" / "content" / "data" / "facts" / "entailment.npz"
RESULT = Path(__file__).parent / "results" / "facts_classifier.json"
MET = CASES / "first_findings.json"
HANDS = ("hand", "late", "learned", *(name for name in ROUNDS if name not in UNREAD))
STRENGTH, STACKED = 10.0, 0.3
"""Inverse of the penalty of the first and of the second step."""
EVERY = {"false": 4, "true": 1}
"""Of the sentences of families, which come in thousands, so many are read once."""
MEASURED, SWAPPED = 0.2, 0.1
"""Weight of measures against runs of characters, and of true sentences beside another product's record."""


@dataclass(frozen=True)
class Hand:
    """The sentences of one hand, as the model takes them in."""

    name: str
    readings: list[Reading]
    false: Floats
    """(sentences,) 1 where it says more than its record."""
    swapped: list[Reading]
    """Its true sentences beside another record."""
    found: list[list[str]] | None
    """Classes of what the rules found when they first met each sentence."""
    firm: npt.NDArray[np.bool_] | None
    """(sentences,) whether one of those cannot give way."""


@dataclass(frozen=True)
class First:
    """The first step, learned."""

    line: LogisticRegression
    middle: Floats
    spread: Floats

    def log_odds(self, readings: Sequence[Reading]) -> Floats:
        odds: Floats = self.line.decision_function(matrix(readings, self.middle, self.spread))
        return odds


def read_families(shared: Path) -> Hand:
    """Every few sentences of the families' development half: plain ones, which no hand writes."""
    rows = [row for verdict in ("false", "true") for row in [one for one in cases(shared, "development") if one[1] == verdict][::EVERY[verdict]]]
    return Hand("families", [read_sentence(fold(sentence), ground(record)) for *_rest, record, sentence in rows],
                np.array([float(verdict == "false") for _language, verdict, *_rest in rows]), [], None, None)


def read_hand(name: str, met: dict[str, list[list[list[Any]]]]) -> Hand:
    rows, rng = list(hand_cases(name)), Random(3)
    swapped = []
    for language, verdict, _kind, record, sentence in rows:
        others = [other for spoken, _verdict, _kind2, other, _sentence in rows if spoken == language and other is not record]
        if verdict == "true" and others:
            swapped.append(read_sentence(fold(sentence), ground(rng.choice(others))))
    found = met.get(name)
    return Hand(name, [read_sentence(fold(sentence), ground(record)) for *_rest, record, sentence in rows],
                np.array([float(verdict == "false") for _language, verdict, *_rest in rows]), swapped,
                found and [[rule for rule, _is_firm in row] for row in found],
                found and np.array([any(is_firm for _rule, is_firm in row) for row in found]))


def matrix(readings: Sequence[Reading], middle: Floats, spread: Floats) -> sp.csr_matrix:
    """(readings, measures + 2 ** BITS)"""
    measures = np.clip((np.array([one.measures for one in readings], dtype=np.float64) - middle) / spread, -FARTHEST, FARTHEST) * MEASURED
    found = [slots(one.rest) for one in readings]
    ends = np.cumsum([0, *(len(one) for one in found)])
    values = np.concatenate([np.full(len(one), 1 / max(1, len(one)) ** 0.5) for one in found])
    return sp.hstack([sp.csr_matrix(measures), sp.csr_matrix((values, np.concatenate(found), ends), shape=(len(readings), 1 << BITS))]).tocsr()


def learn_first(hands: Sequence[Hand]) -> First:
    own, beside = [one for hand in hands for one in hand.readings], [one for hand in hands for one in hand.swapped]
    seen = np.array([one.measures for one in own], dtype=np.float64)
    middle, spread = seen.mean(0), seen.std(0) + 1e-9
    truth = np.concatenate([*(hand.false for hand in hands), np.ones(len(beside))])
    weight = np.concatenate([np.ones(len(own)), np.full(len(beside), SWAPPED)])
    return First(LogisticRegression(C=STRENGTH, max_iter=5000).fit(matrix(own + beside, middle, spread), truth, sample_weight=weight), middle, spread)


def learn_second(hands: Sequence[Hand], odds: Sequence[Floats]) -> LogisticRegression:
    return LogisticRegression(C=STACKED, max_iter=5000).fit(np.concatenate([stacked(hand, one) for hand, one in zip(hands, odds, strict=True)]),
                                                            np.concatenate([hand.false for hand in hands]))


def stacked(hand: Hand, odds: Floats) -> Floats:
    """(sentences, 1 + RULED)"""
    return np.column_stack([odds, [told(kinds) for kinds in hand.found or ()]])


def out_of_hand(hands: Sequence[Hand]) -> list[tuple[Hand, Floats, Floats]]:
    """Hands that the rules were met by, each with both steps' answers of a model that learned from the others only."""
    met, made = [hand for hand in hands if hand.found is not None], []
    for left in met:
        others = [hand for hand in met if hand is not left]
        odds = [learn_first([one for one in hands if one is not left and one is not hand]).log_odds(hand.readings) for hand in others]
        first = learn_first([one for one in hands if one is not left]).log_odds(left.readings)
        made.append((left, first, learn_second(others, odds).predict_proba(stacked(left, first))[:, 1]))
    return made


def thresholds(said: Sequence[tuple[Hand, Floats, Floats]], released: float, alarms: float) -> tuple[float, float]:
    """The probability below which findings give way: of the false sentences that rules stop so, at most `released` pass then; and the one from
    which sentences without findings are stopped: of the true ones among them, at most `alarms` are."""
    chance = np.concatenate([one for _hand, _first, one in said])
    false = np.concatenate([hand.false for hand, *_rest in said]) > 0
    ruled = np.array([bool(kinds) for hand, *_rest in said for kinds in hand.found or ()])
    loose = ruled & ~np.concatenate([hand.firm for hand, *_rest in said])
    return float(np.quantile(chance[false & loose], released)), float(np.quantile(chance[~false & ~ruled], 1 - alarms))


def measured(said: Sequence[tuple[Hand, Floats, Floats]], lets: float, stops: float) -> dict[str, Any]:
    """What the rules stop alone and with the opinion, by hand."""
    found = {}
    for hand, first, chance in said:
        ruled = np.array([bool(kinds) for kinds in hand.found or ()])
        both = np.where(ruled, (chance >= lets) | hand.firm, chance >= stops)
        false = hand.false > 0
        found[hand.name] = {"sentences": len(false), "auc first step": round(float(roc_auc_score(false, first)), 4),
                            "auc": round(float(roc_auc_score(false, chance)), 4),
                            "rules found": share(ruled[false]), "both found": share(both[false]),
                            "rules false alarms": share(ruled[~false]), "both false alarms": share(both[~false])}
    return found


def share(hits: Any) -> dict[str, float | int]:
    found = wilson(int(np.sum(hits)), len(hits))
    return {"hits": int(np.sum(hits)), "of": len(hits), "value": round(found.value, 4), "low": round(found.low, 4), "high": round(found.high, 4)}


def meet(name: str) -> None:
    """Keep what the rules find in the sentences of a hand that they meet for the first time."""
    met = json.loads(MET.read_text("utf-8")) if MET.exists() else {}
    met[name] = [[[one.rule, is_out_of_the_air(one, sentence, ground(record))]
                  for one in check_against(sentence, record, language=language, today=WRITTEN)]
                 for language, _verdict, _kind, record, sentence in hand_cases(name)]
    MET.write_text("{\n" + ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in sorted(met.items())) + "\n}\n", encoding="utf-8")


def assemble(first: First, second: LogisticRegression, lets: float, stops: float) -> Entailment:
    line = first.line.coef_[0]
    return Entailment(line[len(MEASURES):], line[:len(MEASURES)] * MEASURED, first.middle, first.spread, float(first.line.intercept_[0]),
                      second.coef_[0], float(second.intercept_[0]), lets, stops)


def save(path: Path, made: Entailment) -> None:
    """Plain arrays of the slots that were seen."""
    kept = np.flatnonzero(made.weights)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, slots=kept.astype(np.uint32), weights=made.weights[kept].astype(np.float16),
                        **{name: getattr(made, name).astype(np.float32) for name in ("measured", "middle", "spread", "ruled")},
                        **{name: np.float32(getattr(made, name)) for name in ("intercept", "ruled_intercept", "lets", "stops")})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--meet", choices=ROUNDS, help="keep what the rules find in a hand that they have not met")
    parser.add_argument("--released", type=float, default=0.01)
    parser.add_argument("--alarms", type=float, default=0.01)
    options = parser.parse_args()
    if options.meet:
        meet(options.meet)
        return
    met = json.loads(MET.read_text("utf-8"))
    hands = [*(read_hand(name, met) for name in HANDS), read_families(options.shared)]
    said = out_of_hand(hands)
    lets, stops = thresholds(said, options.released, options.alarms)
    made = {"sentences": sum(len(hand.false) for hand in hands), "hands": len(hands), "lets": round(lets, 4), "stops": round(stops, 4),
            "by_hand": measured(said, lets, stops)}
    print(json.dumps(made, indent=1))
    if options.check:
        return
    met_hands = [hand for hand in hands if hand.found is not None]
    odds = [learn_first([one for one in hands if one is not hand]).log_odds(hand.readings) for hand in met_hands]
    second = learn_second(met_hands, odds)
    print(dict(zip(("first step", *RULED), second.coef_[0].round(2), strict=True)))
    save(SHIPPED, assemble(learn_first(hands), second, lets, stops))
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    RESULT.write_text(json.dumps({"commit": commit, "at": datetime.now(UTC).isoformat(timespec="seconds"),
                                  "data": "our sentences in benchmarks/facts_cases", **made}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
