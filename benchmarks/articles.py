"""Keywords out of a shop's own language: do they tell a category's unseen texts from others, and are the Chinese ones words?

    python -m benchmarks.articles [--half judge] [--shared ../shared/data]

Per category the texts are cut in two by a seed. Keywords come from the first part (against the first parts of the other categories);
the second part judges them. Measures, written down before anything was run:
- `gap`: share of the category's unseen texts that hold at least one of 20 keywords, less that share of unseen texts of other
  categories (Youden's J): keywords that are said here and not everywhere.
- `single`: the same for one keyword at a time, mean over the 20.
- `words` (Chinese): of the keywords that occur in a corpus cut into words by others (customer service dialogues), the share of
  occurrences that begin and end where its words do; keywords that never occur there are left out of it.
The peers are counts and TF-IDF of scikit-learn (mean over the texts, and over categories as documents), with stop words in English and
with characters in twos to fours in Chinese; `tfidf_categories_our_terms` ranks our terms that way. Settings were chosen on the `dev`
categories; `judge` are the others.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import re
import resource
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

from brandloom.content.articles import Texts, find_keywords
from brandloom.content.articles.terms import find_terms, terms_in

SEED, KEYWORDS, MOST_TEXTS, LEAST_TEXTS, DRAWS = 20261122, 20, 2000, 80, 2000
Corpus = dict[str, list[str]]
Method = Callable[[Corpus, str, str], list[str]]


def reviews(shared: Path) -> Corpus:
    """Chinese reviews by category, the delivery service's among them."""
    rows = duckdb.sql(f"SELECT cat, review FROM '{shared / 'online_shopping_10_cats/online_shopping_10_cats.parquet'}' WHERE review <> ''"
                      f" UNION ALL SELECT '外卖', review FROM '{shared / 'waimai_10k/waimai_10k.parquet'}' WHERE review <> ''").fetchall()
    return _grouped(rows)


def titles(shared: Path) -> Corpus:
    """English product names by the first two steps of their category."""
    rows = duckdb.sql("SELECT array_to_string(list_slice(string_split(amazon_category_and_sub_category, ' > '), 1, 2), ' > ') AS kind, product_name"
                      f" FROM '{shared / 'amazon_toys_catalog/amazon_toys.parquet'}' WHERE amazon_category_and_sub_category <> ''").fetchall()
    return _grouped(rows)


def _grouped(rows: Sequence[tuple[str, str]]) -> Corpus:
    groups: Corpus = {}
    for kind, text in sorted(set(rows)):
        groups.setdefault(kind, []).append(text)
    made = {}
    for kind, texts in sorted(groups.items()):
        if len(texts) >= LEAST_TEXTS:
            random.Random(f"{SEED}{kind}").shuffle(texts)
            made[kind] = texts[:MOST_TEXTS]
    return made


def ours(corpus: Corpus, kind: str, language: str) -> list[str]:
    rest = tuple(text for other, texts in corpus.items() if other != kind for text in texts)
    found = find_keywords([Texts("reviews", tuple(corpus[kind])), Texts("rest", rest)], language, most=KEYWORDS)
    return [item.text for item in found]


def frequency(corpus: Corpus, kind: str, language: str) -> list[str]:
    counter = _counter(language)
    counts = np.asarray((counter.fit_transform(corpus[kind]) > 0).sum(axis=0)).ravel()
    return _top(counter.get_feature_names_out(), counts)


def tfidf_texts(corpus: Corpus, kind: str, language: str) -> list[str]:
    """Mean TF-IDF over the category's texts, document frequencies from all texts."""
    counter = _counter(language)
    every = counter.fit_transform([text for texts in corpus.values() for text in texts])
    weights = TfidfTransformer().fit(every)
    own = weights.transform(counter.transform(corpus[kind]))
    return _top(counter.get_feature_names_out(), np.asarray(own.mean(axis=0)).ravel())


def tfidf_categories(corpus: Corpus, kind: str, language: str) -> list[str]:
    """TF-IDF with each category as one document."""
    counter = _counter(language)
    counter.fit([text for texts in corpus.values() for text in texts])
    joined = np.vstack([np.asarray(counter.transform(texts).sum(axis=0)) for texts in corpus.values()])
    return _top(counter.get_feature_names_out(), _by_class(joined, list(corpus).index(kind)))


def tfidf_our_terms(corpus: Corpus, kind: str, language: str) -> list[str]:
    terms = sorted(find_terms(corpus[kind], language))
    place, known = {term: at for at, term in enumerate(terms)}, set(terms)
    joined = np.zeros((len(corpus), len(terms)))
    for row, texts in enumerate(corpus.values()):
        for text in texts:
            for term in terms_in(text, known, language):
                joined[row, place[term]] += 1
    return _top(terms, _by_class(joined, list(corpus).index(kind)))


def _by_class(counts: Any, row: int) -> Any:
    """Class-based TF-IDF: share of the class times the log of how rare the term is over all."""
    share = counts[row] / max(1.0, counts[row].sum())
    return share * np.log1p(counts.sum(axis=1).mean() / np.maximum(counts.sum(axis=0), 1))


def _counter(language: str) -> CountVectorizer:
    if language == "zh":
        return CountVectorizer(analyzer=_character_grams, min_df=3)
    return CountVectorizer(stop_words="english", ngram_range=(1, 3), min_df=3)


def _character_grams(text: str) -> list[str]:
    return [run[at:at + size] for run in re.findall("[\u4e00-\u9fff]+", text) for size in (2, 3, 4) for at in range(len(run) - size + 1)]


def _top(names: Sequence[str], scores: Any) -> list[str]:
    order = np.lexsort((np.asarray(names, dtype=str), -np.asarray(scores)))
    return [str(names[at]) for at in order[:KEYWORDS]]


METHODS: dict[str, Method] = {"ours": ours, "frequency": frequency, "tfidf_texts": tfidf_texts, "tfidf_categories": tfidf_categories,
                              "tfidf_categories_our_terms": tfidf_our_terms}


def holds(texts: Sequence[str], keywords: Sequence[str], language: str) -> Any:
    """(texts, keywords): whether the text holds the keyword, as whole words in English."""
    if language == "zh":
        return np.array([[keyword in text for keyword in keywords] for text in texts])
    plain = [" " + " ".join(re.findall(r"[a-z0-9]+", text.lower())) + " " for text in texts]
    return np.array([[f" {' '.join(re.findall('[a-z0-9]+', keyword))} " in text for keyword in keywords] for text in plain])


def cut_right(keywords: Sequence[str], dialogues: Sequence[Sequence[str]]) -> tuple[int, int]:
    """Occurrences of the keywords in texts cut into words: those whose ends are ends of words, and all."""
    right = every = 0
    for words in dialogues:
        text, ends = "".join(words), set(np.cumsum([0, *map(len, words)]).tolist())
        for keyword in keywords:
            at = text.find(keyword)
            while at >= 0:
                every += 1
                right += at in ends and at + len(keyword) in ends
                at = text.find(keyword, at + 1)
    return right, every


def judge(corpus: Corpus, kinds: Sequence[str], language: str, dialogues: Sequence[Sequence[str]]) -> dict[str, Any]:
    learn = {kind: texts[:len(texts) // 2] for kind, texts in corpus.items()}
    unseen = {kind: texts[len(texts) // 2:] for kind, texts in corpus.items()}
    found: dict[str, dict[str, Any]] = {name: {"gap": [], "single": [], "words": [], "seconds": 0.0, "keywords": {}} for name in METHODS}
    for kind in kinds:
        others = random.Random(SEED).sample([text for other, texts in unseen.items() if other != kind for text in texts], 2000)
        for name, method in METHODS.items():
            began = time.perf_counter()
            keywords = method(learn, kind, language)
            one = found[name]
            one["seconds"] += time.perf_counter() - began
            here, there = holds(unseen[kind], keywords, language), holds(others, keywords, language)
            one["gap"].append(float(here.any(axis=1).mean() - there.any(axis=1).mean()))
            one["single"].append(float((here.mean(axis=0) - there.mean(axis=0)).mean()))
            one["keywords"][kind] = keywords
            if language == "zh":
                right, every = cut_right(keywords, dialogues)
                one["words"].append(right / every if every else float("nan"))
    return {name: _summary(one, found["ours"], name) for name, one in found.items()}


def _summary(one: dict[str, Any], ours: dict[str, Any], name: str) -> dict[str, Any]:
    made: dict[str, Any] = {"seconds": round(one["seconds"], 1), "keywords": one["keywords"]}
    for measure in ("gap", "single", "words"):
        if one[measure]:
            made[measure] = interval(one[measure])
            if name != "ours":
                made[f"ours_minus_{measure}"] = interval([a - b for a, b in zip(ours[measure], one[measure], strict=True)])
    return made


def interval(values: Sequence[float]) -> dict[str, float]:
    """Mean over categories, with a bootstrap over categories."""
    kept = np.array([value for value in values if value == value])
    rng = np.random.default_rng(SEED)
    draws = kept[rng.integers(0, len(kept), (DRAWS, len(kept)))].mean(axis=1)
    return {"value": round(float(kept.mean()), 4), "low": round(float(np.quantile(draws, 0.025)), 4),
            "high": round(float(np.quantile(draws, 0.975)), 4)}


def halves(corpus: Corpus, half: str) -> list[str]:
    """Every second category of the alphabet is `dev`."""
    return sorted(corpus)[0 if half == "dev" else 1::2]


def dialogues_of(shared: Path) -> list[list[str]]:
    rows = duckdb.sql(f"SELECT context, response FROM '{shared / 'taobao_service_dialogue_ecd/ecd_sample_test_a.parquet'}'").fetchall()
    turns = {turn for context, response in rows for turn in [*(context if isinstance(context, list) else [context]), response]}
    return [turn.split() for turn in sorted(turns)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=("dev", "judge"), default="judge")
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "articles.json")
    options = parser.parse_args()
    load = round(os.getloadavg()[0], 1)
    results = []
    for name, language, corpus in (("reviews", "zh", reviews(options.shared)), ("product names", "en", titles(options.shared))):
        kinds = halves(corpus, options.half)
        results.append({"set": name, "language": language, "categories": len(kinds), "texts": sum(len(corpus[kind]) for kind in kinds),
                        "methods": judge(corpus, kinds, language, dialogues_of(options.shared) if language == "zh" else [])})
    made = {"commit": _commit(), "at": datetime.now(UTC).isoformat(timespec="seconds"), "half": options.half, "seed": SEED,
            "data": "online_shopping_10_cats and waimai_10k reviews, amazon_toys_catalog names, words cut by taobao_service_dialogue_ecd",
            "machine": {"cores": os.cpu_count(), "platform": platform.machine(), "python": platform.python_version(), "load_average": load},
            "keywords": KEYWORDS, "results": results, "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}
    for one in results:
        for method, figures in one["methods"].items():
            print(one["set"], method, {key: figures[key] for key in ("gap", "single", "words") if key in figures})
    options.out.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _commit() -> str:
    return subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    main()
