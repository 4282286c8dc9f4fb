"""Do learning waves bring more clicks than an even split of the same size, and what do they cost where there is nothing to learn?

    python -m benchmarks.waves [--data PATH] [--out PATH]

Real headline tests (upworthy_headlines, CC BY 4.0): each test of 2 to 6 headlines under one picture is a cell with as many texts.
Campaigns of 500 to 20,000 people are sent in four waves by the product's own rule; clicks are drawn from two sets of true rates: the
click rates as observed, and the same drawn together to what sampling noise leaves of their differences (gamma prior within a test,
spread of the development half), which is the cautious figure. Scores come from the twin of the shipped scorer, made of the
development half alone, with the caution it has for other shops; the floor was chosen there too (`development`); everything else is judged on
the other half. Three more worlds: texts that are truly equal, a scorer that is always wrong (scores turned round), and one that says nothing.

`pooling` (development half): eight tests are the cells of one campaign, and what clicks say of a form of text (a question, a number, ...) in one
cell is carried to texts of that form in the others, by a normal prior for the form's effect.

Off-policy estimates are judged twice: on Open Bandit (CC BY 4.0), where the log of one policy values the other, whose own log tells the
truth; and on simulated waves with known rates, where the share of intervals that hold the truth is counted.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.headlines import DATA, Cached, halves_of, read_tests
from benchmarks.make_scorer import CARRIES, half_of, out_of_fold, twin
from brandloom.content.response import Arms, MiniLM, pull_encoder, read_arms
from brandloom.decide import FLOOR, Arm, share_out
from brandloom.decide.bandit import believe, deal
from brandloom.measure import Estimate, always, bootstrap, policy_value, wilson

Floats = npt.NDArray[np.float64]
PEOPLE = (500, 2000, 5000, 20000)
WAVES, REPEATS, SEED, MOST_ARMS = 4, 20, 7, 6
FLOORS = (0.0, 0.02, 0.05, 0.1, 0.2)
SPREAD = 0.29  # deviation of log rates between rivals of one test over the development half, see `content.response`
PARTS = ("headlines", "pooling", "bandit", "coverage")
LEVEL = 0.015  # what the product assumes before it has seen a click
UNKNOWN = 0.3  # deviation that the product gives a text no scorer knows
POOLED_CELLS, FORMS, FORM_SPREADS = 8, 6, (0.0, 0.05, 0.1, 0.2)


@dataclass(frozen=True)
class Test:
    """One test as a cell: true rates of its texts, their scores, and the group whose tests share a headline."""

    rates: Floats
    scores: Floats
    deviation: Floats
    group: int


def cells(arms: Arms, rates: Floats, scores: Floats, deviation: Floats, rows: npt.NDArray[np.bool_]) -> list[Test]:
    """The tests among `rows` with 2 to 6 arms."""
    found = []
    for test in np.unique(arms.test[rows]):
        own = np.flatnonzero(arms.test == test)
        if 2 <= len(own) <= MOST_ARMS:
            found.append(Test(rates[own], scores[own], deviation[own], int(arms.group[own[0]])))
    return found


def shrunk(arms: Arms) -> Floats:
    """Rates with the sampling noise taken out on average: the posterior mean under a gamma prior around the test's own rate."""
    shape = 1 / np.expm1(SPREAD**2)
    clicks, shown = (np.bincount(arms.test, weights=np.asarray(column, dtype=np.float64)) for column in (arms.clicks, arms.impressions))
    usual = (clicks / shown)[arms.test]
    rates: Floats = (shape + arms.clicks) / (shape / usual + arms.impressions)
    return rates


class Sheet:
    """Campaigns as rows of arrays (campaigns, 6); arms that do not exist have rate 0 and score -inf."""

    def __init__(self, tests: Sequence[Test], repeats: int = 1) -> None:
        size = len(tests), MOST_ARMS
        self.rates, self.scores, self.deviation = np.zeros(size), np.full(size, -np.inf), np.full(size, UNKNOWN)
        for row, test in enumerate(tests):
            own = slice(len(test.rates))
            self.rates[row, own], self.scores[row, own], self.deviation[row, own] = test.rates, test.scores, test.deviation
        self.rates, self.scores, self.deviation = (np.repeat(part, repeats, axis=0) for part in (self.rates, self.scores, self.deviation))
        self.real = np.isfinite(self.scores)
        self.shown, self.clicks = np.zeros(self.rates.shape), np.zeros(self.rates.shape)
        self.cold = np.where(self.real, 0.0, -np.inf)

    def send(self, wave: int, people: int, rng: np.random.Generator, *, floor: float, scores: Floats, deviation: Floats) -> None:
        """One wave of every campaign: `share_out` on all rows at once (`agrees` compares them), people dealt as `Allocation.draw` does."""
        size, left = people * (wave + 1) // WAVES - people * wave // WAVES, people - people * wave // WAVES
        share = shares_of(self.clicks, self.shown, scores, deviation, size=size, left=left, floor=floor)
        places = np.floor(np.cumsum(share, axis=1) * size + 1e-9 + rng.random((len(share), 1)) * (1 - 2e-9))
        dealt = np.diff(np.minimum(places, size), axis=1, prepend=0)
        dealt[np.arange(len(dealt)), self.real.sum(axis=1) - 1] += size - dealt.sum(axis=1)
        self.shown += dealt
        self.clicks += rng.binomial(dealt.astype(np.int64), self.rates)


def shares_of(clicks: Floats, shown: Floats, scores: Floats, deviation: Floats, *, size: int, left: int, floor: float) -> Floats:
    """(campaigns, arms) the shares of `share_out`."""
    real = np.isfinite(scores)
    even = real / real.sum(axis=1, keepdims=True)
    dealt = deal(believe(clicks, shown, scores, deviation, level=LEVEL), wave=size, remaining=left)
    nothing = (np.where(real, scores, scores[:, :1]) == scores[:, :1]).all(axis=1) & (shown.sum(axis=1) == 0)
    share: Floats = np.where(nothing[:, None], even, (1 - floor) * dealt + floor * even)
    return share


def agrees(tests: Sequence[Test], rng: np.random.Generator) -> float:
    """Largest difference between `shares_of` and the product's `share_out` on these tests after some clicks; the run stops above 1e-9."""
    sheet, worst = Sheet(tests), 0.0
    for wave in (0, 1):
        share = shares_of(sheet.clicks, sheet.shown, sheet.scores, sheet.deviation, size=500, left=1500, floor=FLOOR)
        for row, test in enumerate(tests):
            arms = [Arm(str(k), int(sheet.shown[row, k]), int(sheet.clicks[row, k]), score=float(test.scores[k]), deviation=float(test.deviation[k]))
                    for k in range(len(test.rates))]
            own = list(share_out(arms, wave=500, remaining=1500, level=LEVEL).share.values())
            worst = max(worst, float(np.abs(share[row, :len(own)] - own).max()))
        sheet.send(wave, 2000, rng, floor=FLOOR, scores=sheet.scores, deviation=sheet.deviation)
    if worst > 1e-9:
        raise SystemExit(f"the shares differ from those of share_out by {worst}")
    return worst


def run(tests: Sequence[Test], people: int, *, floor: float = FLOOR, scored: bool = True, repeats: int = REPEATS) -> Floats:
    """(tests, 3) mean expected clicks, of an even split, and clicks drawn."""
    rng, sheet = np.random.default_rng(SEED), Sheet(tests, repeats)
    scores = sheet.scores if scored else sheet.cold
    deviation = sheet.deviation if scored else np.full(sheet.rates.shape, UNKNOWN)
    for wave in range(WAVES):
        sheet.send(wave, people, rng, floor=floor, scores=scores, deviation=deviation)
    expected, drawn = ((part.sum(axis=1).reshape(-1, repeats).mean(axis=1)) for part in (sheet.shown * sheet.rates, sheet.clicks))
    return np.column_stack([expected, [people * test.rates.mean() for test in tests], drawn])


def over_groups(tests: Sequence[Test], columns: Floats) -> Floats:
    """Sums per group of tests that share a headline: the unit that is drawn again."""
    names, at = np.unique([test.group for test in tests], return_inverse=True)
    return np.column_stack([np.bincount(at, weights=column, minlength=len(names)) for column in columns.T])


def gain(tests: Sequence[Test], found: Floats) -> dict[str, float | None]:
    """More clicks than an even split, as a share of its clicks."""
    return as_dict(bootstrap(over_groups(tests, found[:, :2]), lambda means: means[:, 0] / means[:, 1] - 1, seed=SEED))


def as_dict(estimate: Estimate) -> dict[str, float | None]:
    return {"value": round(estimate.value, 4), "low": None if estimate.low is None else round(estimate.low, 4),
            "high": None if estimate.high is None else round(estimate.high, 4)}


def best_only(tests: Sequence[Test], people: int) -> dict[str, float | None]:
    """Everybody gets the text that the scorer puts first."""
    clicks = np.array([people * test.rates[int(test.scores.argmax())] for test in tests])
    even = np.array([people * test.rates.mean() for test in tests])
    return gain(tests, np.column_stack([clicks, even]))


def oracle(tests: Sequence[Test], people: int) -> dict[str, float | None]:
    clicks = np.array([people * test.rates.max() for test in tests])
    return gain(tests, np.column_stack([clicks, np.array([people * test.rates.mean() for test in tests])]))


def equal(tests: Sequence[Test], people: int) -> dict[str, Any]:
    """Texts that are truly equal: what waves bring in expectation, and one campaign in twenty loses more than `unlucky` by luck alone.

    The same luck befalls an even split; `unlucky_even` is its own.
    """
    same = [Test(np.full(len(test.rates), test.rates.mean()), test.scores, test.deviation, test.group) for test in tests]
    rng, even = np.random.default_rng(SEED + 1), np.array([people * test.rates.mean() for test in same])
    got = run(same, people, repeats=1)
    lucky = rng.binomial(people, even / people) / even - 1
    return {"expected": gain(same, got), "unlucky": round(float(np.quantile(got[:, 2] / even - 1, 0.05)), 3),
            "unlucky_even": round(float(np.quantile(lucky, 0.05)), 3)}


def judge(worlds: dict[str, list[Test]], people: int) -> dict[str, Any]:
    """All rules at one size of campaign."""
    row: dict[str, Any] = {"people": people}
    for name, tests in worlds.items():
        turned = [Test(test.rates, -test.scores, test.deviation, test.group) for test in tests]
        row[name] = {"even_clicks": round(float(np.mean([people * test.rates.mean() for test in tests])), 2),
                     "waves": gain(tests, run(tests, people)), "waves_no_scorer": gain(tests, run(tests, people, scored=False)),
                     "waves_scorer_wrong": gain(turned, run(turned, people)), "best_predicted_only": best_only(tests, people),
                     "best_predicted_wrong": best_only(turned, people), "oracle": oracle(tests, people)}
    row["equal_texts"] = equal(worlds["observed"], people)
    print(people, {name: row[name]["waves"] for name in worlds}, row["equal_texts"], flush=True)
    return row


def choose_floor(tests: Sequence[Test]) -> list[dict[str, Any]]:
    """Gains on the development half by floor, and the weight of a text that waves have turned away from."""
    rows: list[dict[str, Any]] = []
    for floor in FLOORS:
        gains = [gain(tests, run(tests, people, floor=floor, repeats=2))["value"] for people in (500, 2000, 5000)]
        rows.append({"floor": floor, "gains": gains, "largest_weight_of_three": None if floor == 0 else round(3 / floor)})
        print(rows[-1], flush=True)
    return rows


def open_bandit(folder: Path) -> list[dict[str, Any]]:
    """Each policy valued from the log of the other: by IPS, SNIPS and DR, beside what its own log says."""
    logs = {name: pq.read_table(folder / f"{name}_all_log.parquet", columns=["item_id", "position", "click", "propensity_score"])
            for name in ("random", "bts")}
    rows = []
    for log_name, name in (("random", "bts"), ("bts", "random")):
        item, place, click, propensity = (logs[log_name][column].to_numpy() for column in ("item_id", "position", "click", "propensity_score"))
        share, own = _shares(logs[name], uniform=name == "random"), logs[name]["click"].to_numpy()
        half = np.arange(len(item)) % 2
        rates = np.stack([_item_rates(item[half != number], click[half != number]) for number in (0, 1)])[half]
        value = policy_value(click.astype(np.float64), propensity, share[item, place], rates[np.arange(len(item)), item],
                             np.einsum("ni,in->n", rates, share[:, place]), seed=SEED)
        truth = wilson(int(own.sum()), len(own))
        found = {key: {**_precise(one), "relative_error": round(abs(one.value / truth.value - 1), 3)}
                 for key, one in (("ips", value.ips), ("snips", value.snips), ("dr", value.dr))}
        rows.append({"policy": name, "log": log_name, "truth": _precise(truth), "effective": round(value.effective), **found})
    return rows


def _shares(log: pa.Table, *, uniform: bool) -> Floats:
    """(80, 4) how often a policy shows each item at each position."""
    share = np.full((80, 4), 1 / 80)
    if not uniform:
        share = np.zeros((80, 4))
        np.add.at(share, (log["item_id"].to_numpy(), log["position"].to_numpy()), 1)
        share /= np.maximum(share.sum(axis=0), 1)
    return share


def _item_rates(item: Any, click: Any) -> Floats:
    """Click rate per item, drawn to the usual one as by a hundred impressions."""
    shown, hits = np.bincount(item, minlength=80), np.bincount(item, weights=click, minlength=80)
    rates: Floats = (hits + 100 * click.mean()) / (shown + 100)
    return rates


def _precise(estimate: Estimate) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 5) for name, value in
            (("value", estimate.value), ("low", estimate.low), ("high", estimate.high))}


def coverage(people: int, campaigns: int = 60) -> dict[str, Any]:
    """Share of 95 % intervals of 'always this text' that hold the true rate, over all texts of campaigns in four waves, and their widths."""
    rng = np.random.default_rng(SEED)
    held: dict[str, list[bool]] = {}
    width: dict[str, list[float]] = {}
    error: dict[str, list[float]] = {}
    for _number in range(campaigns):
        rates = LEVEL * np.exp(rng.normal(0, SPREAD, 3))
        texts, reward, propensity = _log(rates, people, rng)
        for k in range(3):
            value = always(str(k), texts, reward, propensity)
            for name, one in (("ips", value.ips), ("snips", value.snips), ("dr", value.dr), ("steady", value.steady)):
                if one is not None and one.low is not None and one.high is not None:
                    held.setdefault(name, []).append(one.low <= rates[k] <= one.high)
                    width.setdefault(name, []).append(one.high - one.low)
                    error.setdefault(name, []).append((one.value / rates[k] - 1)**2)
    return {"people": people, "campaigns": campaigns, "estimates": {name: {
        "coverage": round(float(np.mean(held[name])), 3), "width": round(float(np.median(width[name])), 5),
        "relative_rmse": round(float(np.sqrt(np.mean(error[name]))), 3)} for name in held}}


def _log(rates: Floats, people: int, rng: np.random.Generator) -> tuple[Any, Floats, Floats]:
    """One campaign's log: texts, rewards, propensities."""
    shown, clicks = np.zeros(len(rates), dtype=np.int64), np.zeros(len(rates), dtype=np.int64)
    parts = []
    for wave in range(WAVES):
        size = people // WAVES
        arms = [Arm(str(k), int(shown[k]), int(clicks[k])) for k in range(len(rates))]
        drawn, propensity = share_out(arms, wave=size, remaining=people - size * wave, level=LEVEL).draw(size, rng)
        at = np.array(drawn, dtype=np.int64)
        reward = (rng.random(size) < rates[at]).astype(np.float64)
        shown += np.bincount(at, minlength=len(rates))
        clicks += np.bincount(at, weights=reward, minlength=len(rates)).astype(np.int64)
        parts.append((np.array(drawn, dtype=object), reward, propensity))
    texts, reward, propensity = (np.concatenate(part) for part in zip(*parts, strict=True))
    return texts, reward, propensity


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "brandloom", help="folder for the encoder and its vectors")
    parser.add_argument("--bandit", type=Path, default=DATA.parents[1] / "open_bandit", help="folder of the Open Bandit logs")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "waves.json")
    parser.add_argument("--part", choices=PARTS, action="append", help="measure this alone and keep the rest of the results file")
    options = parser.parse_args()
    there = json.loads(options.out.read_text(encoding="utf-8")) if options.part and options.out.is_file() else {}
    parts = options.part or PARTS
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    there |= {"commit": commit, "at": datetime.now(UTC).isoformat(timespec="seconds"), "data": options.data.name, "seed": SEED,
              "machine": platform.machine(), "python": platform.python_version(), "waves": WAVES, "floor": FLOOR}
    if "bandit" in parts:
        there["open_bandit"] = open_bandit(options.bandit)
    if "coverage" in parts:
        there["coverage"] = [coverage(people) for people in (500, 2000)]
    if "headlines" in parts:
        there |= headlines(options.data, options.cache)
    if "pooling" in parts:
        there["pooling"] = pooling(options.data)
    there["commits"] = {**there.get("commits", {}), **dict.fromkeys(parts, commit)}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(there, indent=1) + "\n", encoding="utf-8")


def headlines(data: Path, cache: Path) -> dict[str, Any]:
    """The scorer on one half, the floor chosen there, everything else judged on the other."""
    raw = pq.read_table(data)
    tests = read_tests(raw)
    arms = read_arms(tests)
    half = halves_of(arms, raw)
    encoder = MiniLM.load(pull_encoder(cache))
    hidden = Cached(encoder, cache / "headlines.hidden.npz")
    scorer = twin(tests, raw, encoder, hidden)
    assert scorer.encoder is not None
    first = read_arms(half_of(tests, raw, 0))
    if first.text != tuple(np.array(arms.text, dtype=object)[half == 0].tolist()):
        raise SystemExit("the rows of the development half are not in the order of the whole")
    inside = out_of_fold(first, scorer.encoder, hidden, carries=CARRIES).scores
    told = scorer.score(arms.text)
    silent = np.isin(arms.test, arms.test[[reason is not None for reason in told.reason]]) & (half == 1)
    scores, deviation = np.where(silent, 0.0, told.mean), np.where(silent, UNKNOWN, told.deviation)
    scores[half == 0], deviation[half == 0] = inside.mean, inside.deviation
    observed, cautious = np.asarray(arms.clicks / arms.impressions), shrunk(arms)
    development = choose_floor(cells(arms, cautious, scores, deviation, half == 0))
    worlds = {"observed": cells(arms, observed, scores, deviation, half == 1), "cautious": cells(arms, cautious, scores, deviation, half == 1)}
    agrees(worlds["observed"][:200], np.random.default_rng(SEED))
    return {"repeats": REPEATS, "tests": len(worlds["observed"]), "development": development, "carries": list(CARRIES),
            "tests_not_scored": round(float(np.mean([not test.scores.any() for test in worlds["observed"]])), 3),
            "results": [judge(worlds, people) for people in PEOPLE]}


# ---- pooling ------------------------------------------------------------------------------------------------------------------


def form_of(text: str) -> int:
    """A form of headline: question, number first, 'this', 'you', first person, or none of these."""
    words = re.findall(r"[a-z']+|[0-9]+", text.lower())
    marks = ("?" in text, bool(words) and words[0].isdigit(), bool({"this", "these"} & set(words)), bool({"you", "your"} & set(words)),
             bool({"i", "my", "we", "our"} & set(words)))
    return marks.index(True) if True in marks else len(marks)


def pooling(data: Path) -> list[dict[str, Any]]:
    """Gains on the development half by the deviation that the prior gives a form's effect; 0 carries nothing over."""
    raw = pq.read_table(data)
    arms = read_arms(half_of(read_tests(raw), raw, 0))
    nothing = np.zeros(len(arms.text))
    tests = cells(arms, shrunk(arms), nothing, nothing + UNKNOWN, nothing == 0)
    at = [np.flatnonzero(arms.test == number) for number in np.unique(arms.test)]
    forms = [np.array([form_of(arms.text[row]) for row in rows]) for rows in at if 2 <= len(rows) <= MOST_ARMS]
    rows = []
    for people in (500, 2000):
        base: Floats | None = None
        for spread in FORM_SPREADS:
            found = pooled(tests, forms, people, spread)
            base = found if base is None else base
            more = bootstrap(over_groups(tests, np.column_stack([found[:, 0] - base[:, 0], base[:, 1]])), lambda means: means[:, 0] / means[:, 1],
                             seed=SEED)
            rows.append({"people": people, "form_deviation": spread, "gain": gain(tests, found), "more_than_without": as_dict(more)})
            print(rows[-1], flush=True)
    return rows


def pooled(tests: Sequence[Test], forms: Sequence[Any], people: int, spread: float) -> Floats:
    """(tests, 2) expected clicks, and those of an even split; campaigns are eight tests drawn at random."""
    got = np.zeros(len(tests))
    form = np.full((len(tests), MOST_ARMS), FORMS)
    for row, own in enumerate(forms):
        form[row, :len(own)] = own
    for repeat in range(REPEATS):
        rng, sheet = np.random.default_rng((SEED, repeat)), Sheet(tests)
        campaign = rng.permutation(len(tests)) // POOLED_CELLS
        for wave in range(WAVES):
            scores = sheet.cold + (form_effects(sheet, form, campaign, spread) if spread else 0.0)
            sheet.send(wave, people, rng, floor=FLOOR, scores=scores, deviation=sheet.deviation)
        got += (sheet.shown * sheet.rates).sum(axis=1) / REPEATS
    return np.column_stack([got, [people * test.rates.mean() for test in tests]])


def form_effects(sheet: Sheet, form: Any, campaign: Any, spread: float) -> Floats:
    """(tests, arms) posterior mean of a form's effect on the log rate from the campaign's other cells; its own clicks a cell has itself."""
    shown, clicks = sheet.shown.sum(axis=1, keepdims=True), sheet.clicks.sum(axis=1, keepdims=True)
    expected = sheet.shown * (clicks + 1) / (shown + 1 / LEVEL)
    gap, weight = np.log((sheet.clicks + 1) / (expected + 1)), (sheet.shown > 0) / (1 / (expected + 1) + UNKNOWN**2)
    effect = np.zeros(form.shape)
    for number in range(FORMS):
        mine = form == number
        pull, sure = (weight * gap * mine).sum(axis=1), (weight * mine).sum(axis=1)
        others = [np.bincount(campaign, part)[campaign] - part for part in (pull, sure)]
        effect += mine * (others[0] / (others[1] + 1 / spread**2))[:, None]
    return effect


if __name__ == "__main__":
    main()
