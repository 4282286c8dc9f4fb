"""The scorer that comes with Brandloom, learned from English headlines, for shops that have no tests of their own yet.

`benchmarks/make_scorer.py` makes its files; what they were made from stands in `shipped/response.json` and in NOTICE.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

import pyarrow as pa

from brandloom.content.response.domain import is_english
from brandloom.content.response.encoder import Encoder, MiniLM, pull_encoder
from brandloom.content.response.fit import fit_response
from brandloom.content.response.model import ARRAYS, CARD, ResponseModel, read_card
from brandloom.content.response.words import WordTable
from brandloom.errors import DataError
from brandloom.i18n import _

WORDS, SUMS = "words.npz", "sha256.json"
FOLDER = "shipped"


@cache
def shipped_words() -> WordTable:
    """Word vectors in place of an encoder, for tests in English.

    Raises:
        DataError: see `shipped_scorer`.
    """
    with as_file(files("brandloom.content.response").joinpath(FOLDER)) as folder:
        return WordTable.load(_checked(folder, WORDS))


@cache
def shipped_scorer() -> ResponseModel:
    """The scorer that comes with Brandloom.

    Raises:
        DataError: a file is damaged or is another than the one it was shipped with.
    """
    with as_file(files("brandloom.content.response").joinpath(FOLDER)) as folder:
        return load_with_words(folder)


def load_with_words(folder: Path) -> ResponseModel:
    """A scorer with its word vectors and the hashes of all files beside it, as `benchmarks/make_scorer.py` writes them."""
    for name in (CARD, ARRAYS):
        _checked(folder, name)
    return ResponseModel.load(folder, WordTable.load(_checked(folder, WORDS)))


def open_scorer(folder: Path | None, cache: Path) -> ResponseModel:
    """The scorer in a folder with the encoder it was fitted with; without a folder, the one that comes with Brandloom.

    Args:
        cache: where an encoder is fetched to if it is missing.
    Raises:
        NotFittedError, DataError: as `ResponseModel.load` does.
        ProviderError: the encoder could not be fetched.
    """
    if folder is None:
        return shipped_scorer()
    card, _body = read_card(folder)
    known: Encoder | None = None
    if card.encoder is not None and card.reason is None:
        known = shipped_words() if card.encoder == shipped_words().name else MiniLM.load(pull_encoder(cache))
    return ResponseModel.load(folder, known, shipped_scorer() if card.before else None)


def learn_from(tests: pa.Table, cache: Path, *, encoder: bool = False, alone: bool = False) -> ResponseModel:
    """Learn from a shop's own tests, beginning from the scorer that comes with Brandloom where the texts are of its kind.

    Args:
        tests: as `fit_response` takes them.
        cache: where the encoder is fetched to if it is missing.
        encoder: read the texts with the whole encoder instead of the shipped word vectors, which only texts in English get.
        alone: begin from nothing.
    Raises:
        DataError: as `fit_response` does.
        ProviderError: the encoder could not be fetched.
    """
    texts = [text for text in tests["text"].to_pylist() if text] if "text" in tests.column_names else []
    english = sum(map(is_english, texts)) > len(texts) / 2
    known: Encoder | None = MiniLM.load(pull_encoder(cache)) if encoder else shipped_words() if english else None
    return fit_response(tests, encoder=known, before=None if alone else shipped_scorer())


def write_sums(folder: Path) -> None:
    """The hashes that `load_with_words` compares."""
    sums = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (CARD, ARRAYS, WORDS)}
    (folder / SUMS).write_text(json.dumps(sums, indent=1) + "\n", encoding="utf-8")


def _checked(folder: Path, name: str) -> bytes:
    try:
        raw = (folder / name).read_bytes()
        good = hashlib.sha256(raw).hexdigest() == json.loads((folder / SUMS).read_text(encoding="utf-8"))[name]
    except (OSError, KeyError, ValueError) as error:
        raise DataError(_("{file} of the scorer in {path} cannot be read ({reason}). Install Brandloom again."), file=name, path=folder,
                        reason=error) from error
    if not good:
        raise DataError(_("{file} of the scorer in {path} is not the one it was made with: its hash is wrong. Install Brandloom again."),
                        file=name, path=folder)
    return raw
