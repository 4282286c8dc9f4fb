"""Make the scorer that ships with Brandloom from Upworthy's headline tests (Upworthy Research Archive, exploratory set, half a, CC BY 4.0).

    python -m benchmarks.make_scorer [--data PATH] [--half development] [--cache FOLDER] [--out FOLDER]

1. A table of word vectors: each word piece alone through the hidden layers of MiniLM-L6 (Apache-2.0), 64 main directions, 8 bits each.
2. A teacher with the whole encoder learns from the tests; it is not shipped.
3. The student sees n-grams, statistics and the table. Its variances and its doubt come from the clicks, its mean from the teacher's scores of
   the same texts, which hold less chance than the clicks do (distillation; Hinton et al. 2015).
4. The domain: how far a text may be from these headlines before the student says that it does not know.

Without `--half` all tests are learned from: this is the file in the package, which no benchmark judges. The benchmarks judge its twin, made
of the development half alone. The card's accuracy is out of fold (teacher and student anew in each fold).
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from scipy.linalg import cho_factor, cho_solve

from benchmarks.headlines import DATA, Cached, Floats, halves_of, read_tests
from brandloom.content.response import (
    Arms,
    Encoder,
    MiniLM,
    OutOfFold,
    ResponseCard,
    ResponseModel,
    Scores,
    WordTable,
    picked,
    pull_encoder,
    read_arms,
)
from brandloom.content.response.belief import believe
from brandloom.content.response.domain import fit_domain
from brandloom.content.response.features import Features, Space, fit_space, read_texts, transform
from brandloom.content.response.fit import pairs_of, z_scores
from brandloom.content.response.process import KINDS, Posterior, fit_posterior, fit_variances
from brandloom.content.response.shipped import WORDS, load_with_words, write_sums
from brandloom.content.response.words import make_table

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "brandloom" / "content" / "response" / "shipped"
LANDMARKS = 600  # keeps the files under 3 MB and loaded in a tenth of a second
TEACHER_NOISE = 0.01  # variance of a teacher's score as the student takes it; 0.03 made no difference on the development half
CARRIES = (0.7, 0.35)
"""What is taken to hold of these headlines' differences in a shop's mail. One site's tests cannot measure it: an assumption, with a doubt so wide
that a shop's own tests decide soon, and that a scorer which is wrong there costs little (`benchmarks/waves.py`)."""
SEED, FOLDS = 0, 5


def teach(arms: Arms, rows: Floats, words: Encoder, teacher: Encoder, seed: object) -> tuple[Space, Posterior, Features]:
    """Student fitted on these rows: its space, its posterior with the teacher's mean, and the features it learned from."""
    own = arms.trials.take(rows)
    texts = [arms.text[row] for row in rows]
    rng = np.random.default_rng(seed)
    wise_raw = read_texts(texts, teacher)
    wise = transform(wise_raw, fit_space(wise_raw, teacher.name))
    taught = fit_posterior(wise, own, fit_variances(wise, own, rng), rng)
    scores = taught.predict(taught.project(wise))[0]
    raw = read_texts(texts, words)
    space = fit_space(raw, words.name)
    features = transform(raw, space)
    found = fit_posterior(features, own, fit_variances(features, own, rng), rng, most=LANDMARKS)
    return space, distilled(found, features, scores), features


def distilled(posterior: Posterior, features: Features, scores: Floats) -> Posterior:
    """The posterior with a mean that follows a teacher's scores of the texts."""
    x = posterior.project(features)
    mean = cho_solve(cho_factor(x.T @ x / TEACHER_NOISE + np.eye(x.shape[1])), x.T @ (scores - scores.mean()) / TEACHER_NOISE)
    return replace(posterior, mean=mean, center=float((x @ mean).mean()))


def out_of_fold(arms: Arms, words: Encoder, teacher: Encoder, *, carries: tuple[float, float] = (1.0, 0.0)) -> OutOfFold:
    """Every arm scored by a student whose tests and whose teacher's were of other groups; the domain plays no part."""
    fold = np.random.default_rng(SEED).permutation(int(arms.group.max()) + 1)[arms.group] % FOLDS
    mean, deviation = np.zeros(len(fold)), np.zeros(len(fold))
    first, second = pairs_of(arms.test)
    probability = np.zeros(len(first))
    for number in range(FOLDS):
        own = np.flatnonzero(fold == number)
        space, posterior, _features = teach(arms, np.flatnonzero(fold != number), words, teacher, (SEED, number))
        held = transform(read_texts([arms.text[row] for row in own], words), space)
        belief = believe(posterior, held, weight=np.ones(len(own)), carries=carries)
        mean[own], deviation[own] = belief.mean, belief.deviation
        mine = np.flatnonzero(fold[first] == number)
        probability[mine] = belief.wins(np.searchsorted(own, first[mine]), np.searchsorted(own, second[mine]))
    return OutOfFold(Scores(mean, deviation, (None,) * len(fold)), first, second, probability, z_scores(arms, first, second))


def make(tests: pa.Table, encoder: MiniLM, hidden: Encoder, name: str, *, judged: bool) -> tuple[ResponseModel, WordTable]:
    """The scorer and its word vectors.

    Args:
        encoder: makes the table; `hidden` may remember the same encoder's vectors of whole texts.
        judged: whether the card gets its accuracy out of fold.
    """
    arms = read_arms(tests)
    words = make_table(encoder, sorted(set(arms.text)), f"words of {name}", seed=SEED)
    found = out_of_fold(arms, words, hidden) if judged else None
    space, posterior, features = teach(arms, np.arange(len(arms.text)), words, hidden, SEED)
    kinds = posterior.variances.kinds
    weeks = pc.min_max(tests["period"].cast(pa.string())).as_py()
    card = ResponseCard(
        tests=int(arms.test.max()) + 1, texts=len(set(arms.text)), impressions=int(arms.impressions.sum()), clicks=int(arms.clicks.sum()),
        data_from=weeks["min"], data_to=weeks["max"], languages=("en",), scripts=("latin",), encoder=words.name,
        evidence={kind: value / sum(kinds) for kind, value in zip(KINDS, kinds, strict=True)}, residue=posterior.variances.residue,
        accuracy=None if found is None else picked(arms, found, SEED), seed=SEED, reason=None, name=name, carries=CARRIES)
    return ResponseModel(card, space, posterior, words, fit_domain(features, np.random.default_rng(SEED))), words


def twin(tests: pa.Table, raw: pa.Table, encoder: MiniLM, hidden: Encoder) -> ResponseModel:
    """The same from the development half alone, for benchmarks to judge on the other."""
    return make(half_of(tests, raw, 0), encoder, hidden, "headlines of the development half", judged=False)[0]


def half_of(tests: pa.Table, raw: pa.Table, number: int) -> pa.Table:
    """The tests of one half: 0 development, 1 judging."""
    arms = read_arms(tests)
    kept = {test for test, half in zip(arms.table["test"].to_pylist(), halves_of(arms, raw).tolist(), strict=True) if half == number}
    return tests.filter(pa.array([test in kept for test in tests["test"].to_pylist()]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--half", choices=["development"], help="learn from this half alone")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "brandloom", help="folder for the encoder and its vectors")
    parser.add_argument("--out", type=Path, default=PACKAGE)
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    encoder = MiniLM.load(pull_encoder(options.cache))
    raw = pq.read_table(options.data)
    tests = read_tests(raw)
    if options.half:
        tests = half_of(tests, raw, 0)
    name = "headlines of the development half" if options.half else "headlines 1"
    model, words = make(tests, encoder, Cached(encoder, options.cache / "headlines.hidden.npz"), name, judged=True)
    model.save(options.out)
    words.save(options.out / WORDS)
    write_sums(options.out)
    print(load_with_words(options.out), model.card.accuracy, {file.name: file.stat().st_size for file in sorted(options.out.iterdir())})


if __name__ == "__main__":
    main()
