"""A language model of a few thousand random weights in a GGUF file that both torch and the embedded runtime read."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEMPLATE = ("{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
            "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")


def byte_names() -> list[str]:
    """The 256 bytes as byte-level tokenizers write them: printable ones as themselves, the rest moved past 255."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    moved = iter(range(256, 512))
    return [chr(byte) if byte in kept else chr(next(moved)) for byte in range(256)]


def write_tiny_model(path: Path, *, family: str = "qwen2", seed: int = 0, width: int = 64, blocks: int = 2, inner: int = 128) -> Path:
    """Two blocks, one token per byte and one for 'ab'; random and the same for the same seed."""
    writer, draws = gguf.GGUFWriter(path, family), np.random.default_rng(seed)
    tokens = [*byte_names(), "ab", *SPECIAL]
    writer.add_name("tiny")
    writer.add_context_length(8192)
    writer.add_embedding_length(width)
    writer.add_block_count(blocks)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL] * 257 + [gguf.TokenType.CONTROL] * len(SPECIAL))
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_pad_token_id(tokens.index("<|endoftext|>"))
    writer.add_chat_template(TEMPLATE)
    for name, shape in _shapes(width, blocks, inner, len(tokens)).items():
        values = np.ones(shape) if "norm" in name else draws.normal(0, 0.3 if name.startswith("token") else 0.15, shape)
        writer.add_tensor(name, values.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _shapes(width: int, blocks: int, inner: int, tokens: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"token_embd.weight": (tokens, width), "output.weight": (tokens, width), "output_norm.weight": (width,)}
    for block in range(blocks):
        sizes = {"attn_q": (width, width), "attn_k": (width // 2, width), "attn_v": (width // 2, width), "attn_output": (width, width),
                 "ffn_gate": (inner, width), "ffn_up": (inner, width), "ffn_down": (width, inner)}
        shapes |= {f"blk.{block}.{name}.weight": size for name, size in sizes.items()}
        shapes |= {f"blk.{block}.{name}.bias": (sizes[name][0],) for name in ("attn_q", "attn_k", "attn_v")}
        shapes |= {f"blk.{block}.{name}.weight": (width,) for name in ("attn_norm", "ffn_norm")}
    return shapes
