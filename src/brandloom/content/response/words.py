"""A table of word vectors in place of an encoder: what each word piece means to the encoder alone, in 64 small numbers.

A text is the mean of its pieces, so the order of words is lost, but half of what the encoder adds to counted n-grams stays, in 1 MB and
a thousandth of the time (`benchmarks/response.py`). The idea of passing single words through an encoder and keeping the main directions
is that of Model2Vec (Tulkens and van Dongen 2024).
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from brandloom.content.response.encoder import Floats, MiniLM, word_pieces
from brandloom.errors import DataError
from brandloom.i18n import _

WIDTH = 64
PIECES = 16_000  # the most frequent of the encoder's; rarer words are spelled with them
_MARKS = ("[UNK]", "[CLS]", "[SEP]")
_BATCH = 512


@dataclass(frozen=True, repr=False)
class WordTable:
    """An `Encoder` of a table: (pieces, width) whole numbers -127..127 times `step`."""

    vocabulary: dict[str, int]
    table: npt.NDArray[np.int8]
    step: float
    name: str

    def __repr__(self) -> str:
        return f"WordTable({self.name}, {len(self.vocabulary):,} pieces)"

    def encode(self, texts: Sequence[str]) -> Floats:
        """(n, width) mean over a text's known pieces; 0 without one."""
        found = np.zeros((len(texts), self.table.shape[1]))
        for row, text in enumerate(texts):
            pieces = self.pieces(text)
            if pieces:
                found[row] = self.table[pieces].mean(axis=0, dtype=np.float64) * self.step
        return found

    def pieces(self, text: str) -> list[int]:
        """Numbers of the known word pieces of a text."""
        return [piece for piece in word_pieces(text, self.vocabulary)[1:-1] if piece >= len(_MARKS)]

    def save(self, file: Path) -> None:
        """Write plain arrays."""
        pieces = np.frombuffer("\n".join(self.vocabulary).encode(), np.uint8)
        np.savez_compressed(file, table=self.table, step=np.array(self.step), pieces=pieces, name=np.array(self.name))

    @staticmethod
    def load(raw: bytes) -> WordTable:
        """Read what `save` wrote.

        Raises:
            DataError: it is damaged.
        """
        try:
            with np.load(io.BytesIO(raw), allow_pickle=False) as arrays:
                pieces = arrays["pieces"].tobytes().decode().split("\n")
                return WordTable({piece: at for at, piece in enumerate(pieces)}, arrays["table"], float(arrays["step"]), str(arrays["name"]))
        except (KeyError, ValueError, OSError) as error:
            raise DataError(_("The table of word vectors is damaged ({reason}). Install Brandloom again."), reason=error) from error


def make_table(encoder: MiniLM, texts: Sequence[str], name: str, *, width: int = WIDTH, seed: int = 0) -> WordTable:
    """Word vectors from an encoder: each piece alone, then the main directions of the texts' means, turned so that all weigh alike.

    Args:
        texts: whose means tell the directions; a few thousand of the kind to be scored.
    """
    pieces = [*_MARKS, *(piece for piece in encoder.vocabulary if _is_western(piece))][:PIECES]
    alone = _alone(encoder, np.array([encoder.vocabulary[piece] for piece in pieces]))
    vocabulary = {piece: at for at, piece in enumerate(pieces)}
    whole = WordTable(vocabulary, np.zeros((1, 1), np.int8), 1.0, name)
    means = np.array([alone[held].mean(axis=0) for held in (whole.pieces(text) for text in texts) if held])
    center, scale = means.mean(axis=0), means.std(axis=0)
    axes = np.linalg.svd((means - center) / scale, full_matrices=False)[2][:width]
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(width, width)))[0]
    vectors = ((alone - center) / scale) @ axes.T @ turn
    step = float(np.quantile(np.abs(vectors), 0.9995)) / 127
    return WordTable(vocabulary, np.clip(np.round(vectors / step), -127, 127).astype(np.int8), step, name)


def _alone(encoder: MiniLM, ids: npt.NDArray[np.int64]) -> Floats:
    start, end = encoder.vocabulary["[CLS]"], encoder.vocabulary["[SEP]"]
    parts = [np.array([[start, one, end] for one in ids[at:at + _BATCH]]) for at in range(0, len(ids), _BATCH)]
    found: Floats = np.concatenate([encoder.hidden(part) for part in parts])
    return found


def _is_western(piece: str) -> bool:
    """No mark of the encoder's own, and no letter outside the Latin script, which the scorer would not read anyway."""
    bare = piece.removeprefix("##")
    return bool(bare) and not (piece.startswith("[") and piece.endswith("]") and len(piece) > 1) and all(
        not char.isalpha() or unicodedata.name(char, "").startswith("LATIN") for char in bare)
