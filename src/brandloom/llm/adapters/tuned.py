"""A model of a GGUF file in torch, with additions to train, and how likely it finds a given answer."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from brandloom.errors import ConfigError
from brandloom.i18n import _
from brandloom.llm.adapters.lora import Lora
from brandloom.llm.base import Message
from brandloom.llm.weights import check_gguf

FAMILIES = ("qwen2",)
"""Model families whose linear layers are the same in GGUF and in torch; others order the rows of some anew."""


@dataclass(frozen=True)
class Turn:
    """A request in tokens and one answer to it."""

    shared: tuple[int, ...]
    """What stands before the last message; many requests begin alike."""
    request: tuple[int, ...]
    answer: tuple[int, ...]


class Tuned:
    """A base model with additions.

    The base is read once and held in the precision this machine computes fastest; the additions are in full precision.

    Args:
        weights: a GGUF file of one of `FAMILIES`, with its tokenizer and chat template.
    Raises:
        ConfigError: no such file, or a model of another family.
    """

    def __init__(self, weights: Path, *, rank: int, alpha: float, seed: int) -> None:
        path = check_gguf(weights)
        dense = GgufConfig(dequantize=True)
        where = {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name, "local_files_only": True}
        try:
            with redirect_stderr(StringIO()):  # its own progress bars
                self.model: Any = AutoModelForCausalLM.from_pretrained(**where, dtype=_precision(), quantization_config=dense).eval()
                self.tokenizer: Any = AutoTokenizer.from_pretrained(**where)
        except (ValueError, KeyError) as error:
            raise ConfigError(_("{path} cannot be read for training: {reason}. Adapters are trained on models of the families {known}."), path=path,
                              reason=str(error).splitlines()[0][:200], known=", ".join(FAMILIES)) from error
        self.family: str = self.model.config.model_type
        if self.family not in FAMILIES or not self.tokenizer.chat_template:
            raise ConfigError(_("{path} is of the family '{family}'. Adapters are trained on models of the families {known} with a chat template."),
                              path=path, family=self.family, known=", ".join(FAMILIES))
        self.model.to("cuda" if torch.cuda.is_available() else "cpu")
        self.lora = Lora(self.model, rank=rank, alpha=alpha, seed=seed)

    def turn(self, prompt: Sequence[Message], answer: str) -> Turn:
        """The tokens of a request and an answer, as a server with this file's chat template makes them."""
        before, whole = self._text(prompt[:-1]), self._text(prompt, ask=True)
        if not whole.startswith(before):
            before = ""
        return Turn(self._tokens(before), self._tokens(whole[len(before):]), (*self._tokens(answer), self.tokenizer.eos_token_id))

    def log_likelihood(self, turns: Sequence[Turn]) -> Any:
        """Natural log of the probability of each answer, per token: (n,).

        All turns must share their beginning. It is read once and without a gradient, which halves the work of a step; the gradient
        comes from the requests and answers.
        """
        cache = None
        if turns[0].shared:
            with torch.no_grad():
                cache = self.model.model(self._tensor([turns[0].shared]), use_cache=True).past_key_values
            cache.batch_repeat_interleave(len(turns))
        rows = [(*turn.request, *turn.answer) for turn in turns]
        longest = max(map(len, rows))
        tokens = self._tensor([(*row, *(0,) * (longest - len(row))) for row in rows])
        seen = self._tensor([(1,) * (len(turns[0].shared) + len(row)) + (0,) * (longest - len(row)) for row in rows])
        hidden = self.model.model(tokens, attention_mask=seen, past_key_values=cache, use_cache=cache is not None).last_hidden_state
        return torch.stack([self._mean(hidden[at], turn) for at, turn in enumerate(turns)])

    def _mean(self, hidden: Any, turn: Turn) -> Any:
        """The state before each token of the answer says how likely that token was."""
        start = len(turn.request) - 1
        logits = self.model.lm_head(hidden[start:start + len(turn.answer)]).float()
        return -torch.nn.functional.cross_entropy(logits, self._tensor(turn.answer))

    def _text(self, messages: Sequence[Message], *, ask: bool = False) -> str:
        turns = [{"role": message.role, "content": message.content} for message in messages]
        return str(self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=ask)) if turns else ""

    def _tokens(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _tensor(self, values: object) -> Any:
        return torch.tensor(values, device=self.model.device)


def _precision() -> Any:
    """Half precision where the processor multiplies it in hardware; elsewhere it is slower than full precision."""
    fast = torch.cuda.is_available() or torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if fast else torch.float32
