"""Product groups: a handful of kinds of products that a copywriter can write about."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from brandloom.engine import Engine, read_sql
from brandloom.errors import NotFittedError
from brandloom.i18n import _
from brandloom.recommend.names import has_chinese, slug, terms, theme_of, themes

GENERAL = "general"  # what fits no group, and the text that fits everyone
GENERAL_LABEL = ("Picked for you", "为你精选")
_LABELS = {GENERAL: GENERAL_LABEL}
_ENOUGH = 0.5  # share of order lines that categories or themes must cover before they are used
_SHOWN = 12


@dataclass(frozen=True)
class ProductGroup:
    """Products that can share a text. `products`: the best sellers among them, first one first; `size`: how many in all."""

    key: str
    label_en: str
    label_zh: str
    products: tuple[str, ...]
    size: int


@dataclass(frozen=True)
class _Named:
    """One product with what its group is judged by."""

    product: str
    name: str
    category: str
    lines: int


def group_products(engine: Engine, as_of: datetime, *, n_groups: int = 8) -> list[ProductGroup]:
    """Put every product into one of at most `n_groups` groups, best-selling group first, and write `product_groups`.

    By the shop's categories where they cover half of what is sold; else by themes named in product names (`themes.tsv`, both
    languages); else by clusters of names, labelled with their most telling words. What fits none is the group 'general',
    which is always there and last: its best sellers are those of the whole shop, so that a text about it suits everyone.

    Raises:
        NotFittedError: there is no product.
    """
    rows = engine.query(read_sql("recommend", "names"), as_of=as_of).to_pylist()
    if not rows:
        raise NotFittedError(_("There are no products. Load orders or a catalogue first: "
                               "`brandloom load DIR products.csv --as products`."))
    known = [_Named(r["product"], r["name"] or "", (r["category"] or "").strip(), r["lines"]) for r in rows]
    keys, labels = _by_category(known) or _by_theme(known) or _by_cluster(known, n_groups - 1)
    keys = _keep_largest(known, keys, n_groups - 1)
    groups = _describe(known, keys, {**labels, **_LABELS})
    engine.put("product_groups", pa.table({
        "product": pa.array([n.product for n in known], pa.string()), "product_group": pa.array(keys, pa.string()),
        "label_en": pa.array([{**labels, **_LABELS}[key][0] for key in keys], pa.string()),
        "label_zh": pa.array([{**labels, **_LABELS}[key][1] for key in keys], pa.string())}))
    return groups


Labels = dict[str, tuple[str, str]]


def _weight(named: _Named) -> int:
    return named.lines + 1


def _covers(known: list[_Named], keys: list[str]) -> bool:
    covered = sum(_weight(n) for n, key in zip(known, keys, strict=True) if key != GENERAL)
    return covered >= _ENOUGH * sum(_weight(n) for n in known)


def _by_category(known: list[_Named]) -> tuple[list[str], Labels] | None:
    """The shop's own categories; of a path ('Toys > Puzzles') the first level that tells products apart."""
    paths = [[part.strip() for part in re.split(r"[>/|]", n.category) if part.strip()] for n in known]
    for level in range(3):
        names = [path[min(level, len(path) - 1)] if path else "" for path in paths]
        keys = [slug(name) if name else GENERAL for name in names]
        largest = Counter(key for key in keys if key != GENERAL).most_common(1)
        if _covers(known, keys) and largest[0][1] <= 0.8 * len(known):
            return keys, _told_apart({key: _both_languages(name) for key, name in zip(keys, names, strict=True) if name})
    return None


def _by_theme(known: list[_Named]) -> tuple[list[str], Labels] | None:
    found = [theme_of(n.name) for n in known]
    keys = [theme.key if theme else GENERAL for theme in found]
    if not _covers(known, keys):
        return None
    return keys, {theme.key: (theme.label_en, theme.label_zh) for theme in themes()}


def _by_cluster(known: list[_Named], n_groups: int) -> tuple[list[str], Labels]:
    """Names with common words fall together: TF-IDF, then k-means with a fixed seed."""
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.feature_extraction.text import TfidfVectorizer
    names = [n.name for n in known]
    if len({term for name in names for term in terms(name)}) < 2 or n_groups < 2:
        return [GENERAL] * len(known), {}
    rarest = 2 if len(known) >= 50 else 1
    vectorizer = TfidfVectorizer(analyzer=terms, min_df=rarest, max_features=5000)
    try:
        matrix = vectorizer.fit_transform(names)
    except ValueError:  # no word stands in two names
        return [GENERAL] * len(known), {}
    clusters = min(n_groups, len(known))
    assigned = MiniBatchKMeans(clusters, random_state=0, n_init=3, batch_size=4096).fit_predict(matrix)
    assigned = np.where(np.diff(matrix.indptr) > 0, assigned, -1)
    vocabulary = vectorizer.get_feature_names_out()
    overall = np.asarray(matrix.mean(axis=0)).ravel()
    labels = {}
    for cluster in range(clusters):
        if (assigned == cluster).any():
            lift = np.asarray(matrix[assigned == cluster].mean(axis=0)).ravel() - overall
            labels[cluster] = _telling(vocabulary, lift)
    keys = [slug(labels[c]) if c >= 0 else GENERAL for c in assigned.tolist()]
    return keys, _told_apart({slug(label): _both_languages(label) for label in labels.values()})


def _telling(vocabulary: np.ndarray, lift: np.ndarray) -> str:
    """Up to two words that set a cluster apart; of overlapping pieces of Chinese the longest."""
    best = {str(vocabulary[i]): float(lift[i]) for i in np.argsort(-np.round(lift, 12), kind="stable")[:12] if lift[i] > 0}
    words: list[str] = []
    for word, weight in best.items():
        around = [w for w, other in best.items() if word in w and has_chinese(w) and other > 0.7 * weight]
        whole = max(around, key=len, default=word)
        if not any(whole in w or (has_chinese(w) and set(w) & set(whole)) for w in words):
            words.append(whole)
    return (" · " if any(map(has_chinese, words)) else " and ").join(words[:2]).capitalize() or "Group"


def _both_languages(label: str) -> tuple[str, str]:
    """A label in English and Chinese: by the words of the themes where they say it, else as the shop wrote it."""
    theme = theme_of(label)
    if theme is None or (len(terms(label)) > 2 and not has_chinese(label)):
        return label, label
    return (theme.label_en, label) if has_chinese(label) else (label, theme.label_zh)


def _told_apart(labels: Labels) -> Labels:
    """Where two groups would bear the same label, both keep the shop's own word."""
    english, chinese = (Counter(label[i] for label in labels.values()) for i in (0, 1))
    return {key: (zh if english[en] > 1 else en, en if chinese[zh] > 1 else zh) for key, (en, zh) in labels.items()}


def _keep_largest(known: list[_Named], keys: list[str], most: int) -> list[str]:
    """Groups beyond the `most` best-selling ones become part of 'general'."""
    sold: Counter[str] = Counter()
    for named, key in zip(known, keys, strict=True):
        sold[key] += _weight(named)
    ranked = sorted((key for key in sold if key != GENERAL), key=lambda key: (-sold[key], key))
    kept = set(ranked[:most])
    return [key if key in kept else GENERAL for key in keys]


def _describe(known: list[_Named], keys: list[str], labels: Labels) -> list[ProductGroup]:
    order = sorted(range(len(known)), key=lambda i: (-known[i].lines, known[i].product))
    members: dict[str, list[int]] = {}
    for i in order:
        members.setdefault(keys[i], []).append(i)
    sold = {key: sum(_weight(known[i]) for i in rows) for key, rows in members.items()}
    ranked = sorted((key for key in members if key != GENERAL), key=lambda key: (-sold[key], key))
    shown = {key: members[key] for key in ranked} | {GENERAL: order}
    return [ProductGroup(key, *labels[key], tuple(known[i].product for i in shown[key][:_SHOWN]), len(members.get(key, [])))
            for key in [*ranked, GENERAL]]
