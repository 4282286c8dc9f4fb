"""An adapter as a GGUF file, which the embedded runtime loads beside the weights."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

from brandloom.llm.adapters.tuned import Tuned


def write_adapter(tuned: Tuned, path: Path) -> Path:
    """Write the additions of a model. The file appears whole or not at all.

    The layout is llama.cpp's: per layer `NAME.lora_a` (rank, inputs) and `NAME.lora_b` (outputs, rank), multiplied by alpha / rank.
    """
    fresh = path.with_suffix(".new")
    writer = gguf.GGUFWriter(fresh, tuned.family)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", tuned.lora.alpha)
    for name, pair in tuned.lora.tensors.items():
        for suffix, matrix in zip(("lora_a", "lora_b"), pair, strict=True):
            writer.add_tensor(f"{name}.{suffix}", np.ascontiguousarray(matrix.detach().float().cpu().numpy()))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return fresh.replace(path)
