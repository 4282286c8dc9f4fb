"""A recommender kept in a folder: plain arrays, JSON and LightGBM's text, so that reading it never runs code."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import sparse

from brandloom.errors import DataError, NotFittedError
from brandloom.i18n import _
from brandloom.recommend.logs.candidates import names_of
from brandloom.recommend.logs.evidence import Evidence
from brandloom.recommend.logs.model import Card, LogRecommender
from brandloom.recommend.logs.sieve import Sieve, voices

FORMAT = 2
_ABOUT, _ARRAYS, _PRODUCTS = "recommender.json", "evidence.npz", "products.parquet"
_SIEVE = "sieve"


def save(model: LogRecommender, folder: Path) -> None:
    """Write the model into a folder, made if missing; the file that says what it is comes last."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _ABOUT).unlink(missing_ok=True)
    evidence = model.evidence
    arrays: dict[str, Any] = {"popular": evidence.popular, "repeats": evidence.repeats, "standing": model.sieve.standing}
    for name, links in {**evidence.links, _SIEVE: model.sieve.links}.items():
        arrays |= {f"{name}.data": links.data, f"{name}.indices": links.indices, f"{name}.indptr": links.indptr}
    np.savez(folder / _ARRAYS, **arrays)
    pq.write_table(pa.table({"product": model.products}), folder / _PRODUCTS)
    for old in folder.glob("order-*.txt"):
        old.unlink()
    for number, text in enumerate(model.boosters):
        (folder / f"order-{number}.txt").write_text(text, encoding="utf-8")
    body = {"format": FORMAT, "links": list(evidence.links), "again": evidence.again, "clock": evidence.clock, "now": evidence.now,
            "features": names_of(evidence), "voices": model.sieve.weights, "boosters": len(model.boosters), "card": asdict(model.card)}
    (folder / _ABOUT).write_text(json.dumps(body, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def load(folder: Path) -> LogRecommender:
    """Read what `save` wrote.

    Raises:
        NotFittedError: no recommender in the folder.
        DataError: it is of another version, or damaged.
    """
    file = folder / _ABOUT
    if not file.is_file():
        raise NotFittedError(_("No recommender in {path}. `brandloom recommend-table` makes one with --out."), path=folder)
    try:
        body = json.loads(file.read_text(encoding="utf-8"))
        if body["format"] != FORMAT:
            raise DataError(_("{path} was written by another version. Learn it again."), path=file)
        products = pq.read_table(folder / _PRODUCTS)["product"].combine_chunks()
        n = len(products)
        with np.load(folder / _ARRAYS, allow_pickle=False) as arrays:
            laid = {name: sparse.csr_matrix((arrays[f"{name}.data"], arrays[f"{name}.indices"], arrays[f"{name}.indptr"]),
                                            shape=(2 * n if name == _SIEVE else n, n)) for name in (*body["links"], _SIEVE)}
            sieve = Sieve(body["voices"], laid.pop(_SIEVE), arrays["standing"], body["again"])
            evidence = Evidence(laid, arrays["popular"], arrays["repeats"], body["again"], body["clock"], body["now"])
        boosters = tuple((folder / f"order-{number}.txt").read_text(encoding="utf-8") for number in range(body["boosters"]))
        card = Card(**{**body["card"], "crowded": tuple(body["card"]["crowded"])})
        if tuple(body["features"]) != names_of(evidence) or tuple(body["voices"]) != voices(evidence):
            raise DataError(_("{path} was written by another version. Learn it again."), path=file)
    except (KeyError, ValueError, OSError, TypeError, EOFError) as error:
        raise DataError(_("{path} is damaged: {why}. Learn it again."), path=file, why=str(error)) from error
    return LogRecommender(products, evidence, sieve, boosters, card)
