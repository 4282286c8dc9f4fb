"""Low-rank additions to a model's linear layers; the model itself stays as it is.

Source: Hu et al. 2021 (LoRA). The additions are hooks on the layers, so that no layer is replaced and switching them off gives the
base model to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch

LAYERS = {"q_proj": "attn_q", "k_proj": "attn_k", "v_proj": "attn_v", "o_proj": "attn_output", "gate_proj": "ffn_gate", "up_proj": "ffn_up",
          "down_proj": "ffn_down"}
"""Linear layers of a block, and what GGUF calls them."""


class Lora:
    """The additions to one model: per layer two matrices, (rank, inputs) and (outputs, rank), the second all zero at first.

    Args:
        rank: how many directions each layer may move in.
        alpha: the additions are multiplied by alpha / rank.
        seed: draws the first matrices.
    """

    def __init__(self, model: Any, *, rank: int, alpha: float, seed: int) -> None:
        self.rank, self.alpha, self.on = rank, alpha, True
        self.tensors: dict[str, tuple[Any, Any]] = {}
        draws = torch.Generator().manual_seed(seed)
        model.requires_grad_(False)
        for name, layer in model.named_modules():
            block, kind = _place(name)
            if kind not in LAYERS:
                continue
            bound = 1 / math.sqrt(layer.in_features)
            first = (torch.rand(rank, layer.in_features, generator=draws) * 2 - 1) * bound
            second, device = torch.zeros(layer.out_features, rank), layer.weight.device
            pair = (first.to(device).requires_grad_(), second.to(device).requires_grad_())
            self.tensors[f"blk.{block}.{LAYERS[kind]}.weight"] = pair
            layer.register_forward_hook(partial(self._add, *pair))

    def parameters(self) -> list[Any]:
        """All matrices, for an optimiser."""
        return [matrix for pair in self.tensors.values() for matrix in pair]

    def load(self, tensors: dict[str, tuple[Any, Any]]) -> None:
        """Take over matrices of the same shapes."""
        with torch.no_grad():
            for name, pair in self.tensors.items():
                for own, given in zip(pair, tensors[name], strict=True):
                    own.copy_(given)

    @contextmanager
    def off(self) -> Iterator[None]:
        """The base model alone, within the block."""
        self.on = False
        try:
            yield
        finally:
            self.on = True

    def _add(self, first: Any, second: Any, _layer: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        if not self.on:
            return None
        given = inputs[0]
        return output + (given @ first.T.to(given.dtype)) @ second.T.to(given.dtype) * (self.alpha / self.rank)


def _place(name: str) -> tuple[str, str]:
    """Block and kind of a layer called like `model.layers.3.self_attn.q_proj`."""
    parts = name.split(".")
    return (parts[2], parts[-1]) if name.startswith("model.layers.") and len(parts) > 3 else ("", "")
