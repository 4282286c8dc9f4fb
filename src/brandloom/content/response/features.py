"""What the scorer sees of a text: countable statistics, its character n-grams and, where an encoder is there, its hidden layers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer

from brandloom.content.response.encoder import Encoder

Floats = npt.NDArray[np.float64]

_WORDS = {  # word classes of English, then signs of the same classes in Chinese
    "first_person": ("i me my mine we us our ours", "我咱"),
    "second_person": ("you your yours yourself", "你您"),
    "third_person": ("he him his she her hers they them their", "他她"),
    "pointing": ("this that these those here", "这那此"),
    "asking": ("how why what who when where which", "何谁哪吗呢怎"),
    "negation": ("not no never nothing don't won't can't isn't doesn't didn't nobody none without aren't wasn't", "不没无别"),
    "superlative": ("most best worst every all only ever always biggest first last greatest perfect amazing incredible", "最每都全总"),
    "modal": ("should could would might may must can will", "应该能会必"),
    "women": ("she her woman women girl girls mom mother daughter wife", "她女妈"),
    "men": ("he his him man men boy boys dad father son husband guy guys dude", "男爸"),
    "turn": ("because but so until then when after before while", "但却因而"),
}
_CLASSES = {name: (frozenset(words.split()), frozenset(signs)) for name, (words, signs) in _WORDS.items()}
_SMALL_WORDS = "a an the and or but of to in on at for with from by as is are was were be been it its if so than then"
_MANY = 300  # texts
_SMALL = frozenset(_SMALL_WORDS.split())
_SIGNS = (".。", "?？", "!！", ",，、", ":：", '"“「', "'’", "…", "-—–", "(（", "$¥￥€£", "%％")
STATISTICS = (
    "characters", "words", "mean_word", "longest_word", "sentences", "first_sentence", "last_sentence", *(f"sign_{s[0]}" for s in _SIGNS),
    "digits", "numbers", "shouted", "capitalised", *_CLASSES, "small_words", "distinct_words", "long_words", "ends_open", "ends_asking",
    "starts_asking", "starts_pointing", "starts_number", "starts_article", "ing", "past", "adverbs")


@dataclass(frozen=True)
class Space:
    """How raw features are scaled, learned from texts alone; clicks play no part."""

    grams: dict[str, int]
    idf: Floats
    center: Floats  # (n_statistics,)
    scale: Floats
    encoder: str | None
    hidden_center: Floats  # (width,); empty without an encoder
    hidden_scale: Floats


@dataclass(frozen=True)
class Before:
    """What an earlier scorer says of n texts: a mean and the covariance of its doubt, which is the product of the rows of `doubt`."""

    mean: Floats  # (n,) log-odds
    doubt: Floats  # (n, directions)

    @staticmethod
    def nothing(count: int) -> Before:
        """No earlier scorer."""
        return Before(np.zeros(count), np.zeros((count, 0)))

    def take(self, rows: npt.NDArray[np.intp]) -> Before:
        """The rows of these texts, in this order."""
        return Before(self.mean[rows], self.doubt[rows])


@dataclass(frozen=True)
class Features:
    """Features of n texts, each kind scaled to an expected squared length of about 1, and what was known of them before."""

    statistics: Floats  # (n, len(STATISTICS))
    hidden: Floats  # (n, width), width 0 without an encoder
    grams: Any  # sparse (n, n_grams)
    before: Before

    def __len__(self) -> int:
        return len(self.statistics)

    def take(self, rows: npt.NDArray[np.intp]) -> Features:
        """The features of these rows, in this order."""
        return Features(self.statistics[rows], self.hidden[rows], self.grams[rows], self.before.take(rows))


@dataclass(frozen=True)
class Raw:
    """Unscaled features of distinct texts; made once, however many models are fitted on parts of them."""

    texts: tuple[str, ...]
    statistics: Floats
    hidden: Floats
    before: Before

    def take(self, rows: npt.NDArray[np.intp]) -> Raw:
        """The raw features of these rows, in this order."""
        return Raw(tuple(self.texts[row] for row in rows), self.statistics[rows], self.hidden[rows], self.before.take(rows))


def read_texts(texts: Sequence[str], encoder: Encoder | None, before: Before | None = None) -> Raw:
    """Raw features; the encoder's part takes nearly all of the time."""
    statistics = np.array([text_statistics(text) for text in texts], dtype=np.float64).reshape(len(texts), len(STATISTICS))
    hidden = encoder.encode(texts) if encoder and texts else np.zeros((len(texts), 0))
    return Raw(tuple(texts), statistics, hidden, before or Before.nothing(len(texts)))


def fit_space(raw: Raw, encoder: str | None, *, like: Space | None = None) -> Space:
    """Learn the n-grams in use, their rarity, and the mean and spread of the dense features.

    Args:
        like: gives mean and spread instead where the texts are too few for their own.
    """
    few = len(raw.texts) <= _MANY
    grams = _vectoriser(min_df=1 if few else 3).fit(raw.texts)
    center, scale = raw.statistics.mean(axis=0), _spread(raw.statistics)
    hidden_center, hidden_scale = raw.hidden.mean(axis=0), _spread(raw.hidden)
    if few and like is not None:
        center, scale = like.center, like.scale
        if like.hidden_center.shape == hidden_center.shape:
            hidden_center, hidden_scale = like.hidden_center, like.hidden_scale
    return Space({str(gram): int(at) for gram, at in grams.vocabulary_.items()}, np.asarray(grams.idf_), center, scale, encoder, hidden_center,
                 hidden_scale)


def transform(raw: Raw, space: Space) -> Features:
    """Scale raw features as `space` was learned."""
    vectoriser = _vectoriser(vocabulary=space.grams)
    vectoriser.idf_ = space.idf
    grams = vectoriser.transform(raw.texts)
    statistics = (raw.statistics - space.center) / space.scale / np.sqrt(max(1, len(space.center)))
    hidden = (raw.hidden - space.hidden_center) / space.hidden_scale / np.sqrt(max(1, len(space.hidden_center)))
    return Features(statistics, hidden, grams, raw.before)


def text_statistics(text: str) -> list[float]:
    """Values of `STATISTICS`; every one is defined for the empty text and for any script."""
    words = re.findall(r"[\w$%'’]+", text)
    low = [word.lower().replace("’", "'") for word in words]
    sentences = re.split(r"(?<=[.!?…])\s+|(?<=[。！？])", text.strip()) or [""]
    count = max(1, len(words))
    lengths = [len(word) for word in words] or [0]
    first, last = (low[0] if low else ""), text.rstrip()[-1:]
    classes = [sum(word in known for word in low) + sum(char in signs for char in text) for known, signs in _CLASSES.values()]
    return [
        len(text), len(words), sum(lengths) / count, max(lengths), len(sentences), len(sentences[0].split()), len(sentences[-1].split()),
        *(sum(text.count(sign) for sign in signs) for signs in _SIGNS),
        sum(char.isdigit() for char in text), sum(word[0].isdigit() for word in words),
        sum(word.isupper() and len(word) > 1 for word in words), sum(word[0].isupper() for word in words) / count, *classes,
        sum(word in _SMALL for word in low) / count, len(set(low)) / count, sum(length >= 7 for length in lengths) / count,
        last.isalnum(), last in "?？" if last else False, first in _CLASSES["asking"][0], first in _CLASSES["pointing"][0],
        first[:1].isdigit(), first in ("a", "an", "the"), sum(word.endswith("ing") for word in low) / count,
        sum(word.endswith("ed") for word in low) / count, sum(word.endswith("ly") for word in low)]


def script_of(text: str) -> str:
    """The script that says most, as Unicode names it in lower case ('latin', 'cjk', 'cyrillic'); 'none' without letters.

    A Chinese character counts as three letters: it is about half a word, and Chinese copy is full of Latin brand names.
    """
    names = [unicodedata.name(char, "none").split()[0].lower() for char in text if char.isalpha()]
    counts = {name: names.count(name) * (3 if name == "cjk" else 1) for name in set(names)}
    return max(counts, key=lambda name: (counts[name], name)) if counts else "none"


def _vectoriser(**options: Any) -> TfidfVectorizer:
    return TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, **options)


def _spread(values: Floats) -> Floats:
    spread: Floats = values.std(axis=0)
    return np.where(spread > 0, spread, 1.0)
