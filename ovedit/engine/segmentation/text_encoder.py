"""Reading sentences with CLIP, quickly: short ones are not padded to the model's full length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import open_clip
import torch
from open_clip.tokenizer import SimpleTokenizer
from open_clip.transformer import text_global_pool
from torch.nn import functional

from ovedit.engine.models.runtime.loaders.clip import ClipModel
from ovedit.engine.protocols import CancelToken, Progress
from ovedit.errors import EngineError

_TOKENS_AT_ONCE = {"cpu": 2048}
_TOKENS_ON_A_CARD = 32768


@torch.no_grad()
def encode(
    clip: ClipModel, sentences: Sequence[str], progress: Progress, cancel: CancelToken
) -> tuple[torch.Tensor, list[bool]]:
    """Embeddings (n, c), float32 on the CPU, L2-normalised; and which sentences were cut off.

    Raises `EngineError` where the model gives no numbers, and `Cancelled`.
    """
    tokens = clip.tokenizer(list(sentences))
    lengths = _lengths(clip.model, tokens)
    order = torch.argsort(lengths)
    device = clip.model.logit_scale.device
    at_once = _TOKENS_AT_ONCE.get(device.type, _TOKENS_ON_A_CARD)
    found: list[torch.Tensor] = []
    start = 0
    while start < len(order):
        cancel.check()
        progress(start / len(order), "Reading the words")
        # Ascending: the last of a batch is its longest.
        count = max(1, at_once // int(lengths[order[start]]))
        batch = order[start : start + count]
        length = int(lengths[batch[-1]])
        found.append(_embed(clip.model, tokens[batch, :length].to(device)).float().cpu())
        start += len(batch)
    values = torch.cat(found)[torch.argsort(order)]
    if not bool(torch.isfinite(values).all()):
        raise EngineError(
            "The model for words gives no numbers (NaN).",
            "Check its files with `ovedit models verify`, or run it on the CPU.",
        )
    return functional.normalize(values, dim=-1), [_is_cut(clip, text) for text in sentences]


def _is_cut(clip: ClipModel, sentence: str) -> bool:
    """Whether the model did not get to read all of it."""
    tokenizer = clip.tokenizer
    context = tokenizer.context_length or 0
    # A token is a byte or more.
    if len(sentence.encode()) + 2 <= context:
        return False
    if isinstance(tokenizer, SimpleTokenizer):
        return len(tokenizer.encode(sentence)) + 2 > context
    return len(tokenizer.tokenizer(tokenizer.clean_fn(sentence)).input_ids) > context


def _lengths(
    model: open_clip.CLIP | open_clip.CustomTextCLIP, tokens: torch.Tensor
) -> torch.Tensor:
    """(n,) how many tokens of each row matter.

    With causal attention none after the one that is pooled does.
    """
    tower = _tower(model)
    if tower is None:
        return torch.full((len(tokens),), tokens.shape[1])
    pool, end = _pooling(tower)
    marks = tokens if pool == "argmax" else (tokens == end).int()
    return marks.argmax(dim=1) + 1


def _embed(model: open_clip.CLIP | open_clip.CustomTextCLIP, tokens: torch.Tensor) -> torch.Tensor:
    tower = _tower(model)
    if tower is None:
        return model.encode_text(tokens)
    length = tokens.shape[1]
    dtype = tower.transformer.get_cast_dtype()
    x = tower.token_embedding(tokens).to(dtype) + tower.positional_embedding[:length].to(dtype)
    x = tower.ln_final(tower.transformer(x, attn_mask=tower.attn_mask[:length, :length]))
    pool, end = _pooling(tower)
    x = text_global_pool(x, tokens, pool, eos_token_id=end)
    projection = tower.text_projection
    if projection is None:
        return x
    return projection(x) if isinstance(projection, torch.nn.Linear) else x @ projection


def _tower(model: open_clip.CLIP | open_clip.CustomTextCLIP) -> Any:
    """What holds the text transformer, if sentences may be cut where they end; else None."""
    # Older layouts have its parts in the model itself.
    tower: Any = model if isinstance(model, open_clip.CLIP) else model.text
    causal = getattr(tower, "attn_mask", None) is not None
    plain = getattr(tower, "cls_emb", None) is None and _pooling(tower)[0] in ("argmax", "eos")
    return tower if causal and plain else None


def _pooling(tower: Any) -> tuple[str, int | None]:
    """Which token stands for the sentence, and the id of the one that ends it."""
    if isinstance(tower, open_clip.CLIP):
        return str(tower.text_pool_type), _number(tower.text_eos_id)
    return getattr(tower, "pool_type", ""), _number(getattr(tower, "eos_id", None))


def _number(value: Any) -> int | None:
    return None if value is None else int(value)
