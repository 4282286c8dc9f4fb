"""A fitted scorer as plain arrays: nothing in them is ever executed."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from brandloom.content.response.domain import Domain
from brandloom.content.response.features import Before, Features, Floats, Space
from brandloom.content.response.process import Posterior, Variances, root_of

_WHOLE = ("mark_indices", "mark_indptr")


def pack(space: Space, posterior: Posterior, domain: Domain | None) -> dict[str, Any]:
    """Arrays for `np.savez_compressed`; the n-grams and the residue are kept by the caller."""
    marks = posterior.landmarks
    narrow = {"idf": space.idf, "mark_statistics": marks.statistics, "mark_hidden": marks.hidden, "mark_doubt": marks.before.doubt,
              "mark_data": marks.grams.data, "precision": posterior.precision[np.tril_indices(len(posterior.mean))]}
    arrays: dict[str, Any] = {name: values.astype(np.float32) for name, values in narrow.items()}
    arrays |= {"center": space.center, "scale": space.scale, "hidden_center": space.hidden_center, "hidden_scale": space.hidden_scale,
               "mark_indices": marks.grams.indices.astype(np.uint32), "mark_indptr": marks.grams.indptr.astype(np.uint32),
               "kinds": np.array(posterior.variances.kinds), "mean": posterior.mean, "centre_of_scores": np.array(posterior.center)}
    if domain is not None:
        arrays |= {"domain_center": domain.center, "domain_root": domain.root.astype(np.float32), "domain_limits": domain.limits}
    return arrays


def unpack(arrays: Any, grams: list[str], *, encoder: str | None, residue: float) -> tuple[Space, Posterior, Domain | None]:
    """What `pack` was given.

    Raises:
        KeyError, ValueError: the arrays are not those of `pack`.
    """
    wide = {name: np.asarray(arrays[name], dtype=np.float64) for name in arrays if name not in _WHOLE}
    space = Space({gram: at for at, gram in enumerate(grams)}, wide["idf"], wide["center"], wide["scale"], encoder,
                  wide["hidden_center"], wide["hidden_scale"])
    size = len(wide["mean"])
    parts = (wide["mark_data"], *(arrays[name].astype(np.int32) for name in _WHOLE))
    marks = Features(wide["mark_statistics"], wide["mark_hidden"], sparse.csr_matrix(parts, shape=(size, len(grams))),
                     Before(np.zeros(size), wide["mark_doubt"]))
    kinds = wide["kinds"].tolist()
    variances = Variances((kinds[0], kinds[1], kinds[2]), residue)
    posterior = Posterior(marks, variances, root_of(marks, variances), wide["mean"], _lower(wide["precision"], size),
                          float(wide["centre_of_scores"]))
    if "domain_center" not in wide:
        return space, posterior, None
    return space, posterior, Domain(wide["domain_center"], wide["domain_root"], wide["domain_limits"])


def _lower(packed: Floats, size: int) -> Floats:
    full = np.zeros((size, size))
    full[np.tril_indices(size)] = packed
    return full
