"""Reading sentences with CLIP, quickly: what sentences begin with in common is read once.

A token of CLIP's text transformer sees only those before it. So nothing after the one that stands
for the sentence is needed, and sentences that begin alike share what they begin with: they are
laid out as a tree, in which every token sees its ancestors alone. The result is that of
`encode_text`, at a fraction of the tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import open_clip
import torch
from open_clip.tokenizer import SimpleTokenizer
from torch.nn import functional

from ovedit.engine.models.runtime.loaders.clip import ClipModel
from ovedit.engine.protocols import CancelToken, Progress
from ovedit.errors import EngineError

_TOKENS_AT_ONCE = 512
_TOKENS_ON_A_CARD = 4096


@torch.no_grad()
def encode(
    clip: ClipModel, sentences: Sequence[str], progress: Progress, cancel: CancelToken
) -> tuple[torch.Tensor, list[bool]]:
    """Embeddings (n, c), float32 on the CPU, L2-normalised; and which sentences were cut off.

    Raises `EngineError` where the model gives no numbers, and `Cancelled`.
    """
    model, tokens = clip.model, clip.tokenizer(list(sentences))
    tower = _causal_tower(model)
    device = model.logit_scale.device
    at_once = _TOKENS_AT_ONCE if device.type == "cpu" else _TOKENS_ON_A_CARD
    order: list[int] = []
    found: list[torch.Tensor] = []
    batches = _whole(tokens, at_once) if tower is None else _trees(tower, tokens, at_once)
    for rows, tree in batches:
        cancel.check()
        progress(len(order) / len(tokens), "Reading the words")
        order += rows
        values = (
            model.encode_text(tokens[rows].to(device))
            if tree is None
            else _read(tower, tree, device)
        )
        found.append(values.float().cpu())
    values = torch.cat(found)[torch.argsort(torch.tensor(order))]
    if not bool(torch.isfinite(values).all()):
        raise EngineError(
            "The model for words gives no numbers (NaN).",
            "Check its files with `ovedit models verify`, or run it on the CPU.",
        )
    return functional.normalize(values, dim=-1), [_is_cut(clip, text) for text in sentences]


@dataclass
class _Tree:
    """Tokens with the place of the one before each, -1 for the first; where sentences end."""

    tokens: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    children: dict[tuple[int, int], int] = field(default_factory=dict)

    def add(self, sentence: Sequence[int]) -> None:
        """Lay out a sentence along the branch that it begins like."""
        node = -1
        for depth, token in enumerate(sentence):
            after = self.children.get((node, token))
            if after is None:
                after = len(self.tokens)
                self.children[node, token] = after
                self.tokens.append(token)
                self.parents.append(node)
                self.depths.append(depth)
            node = after
        self.ends.append(node)

    def mask(self) -> torch.Tensor:
        """(n, n) what is added to attention: 0 for a token and those before it, else -inf."""
        seen = torch.zeros(len(self.tokens), len(self.tokens), dtype=torch.bool)
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                seen[node] = seen[parent]
            seen[node, node] = True
        return torch.zeros(seen.shape).masked_fill_(~seen, float("-inf"))


def _trees(
    tower: Any, tokens: torch.Tensor, at_once: int
) -> Iterator[tuple[list[int], _Tree | None]]:
    """Sentences by number, and the tree of them, of about so many tokens each."""
    pool, end = _pooling(tower)
    marks = tokens if pool == "argmax" else (tokens == end).int()
    lengths = (marks.argmax(dim=1) + 1).tolist()
    sentences = [row[:length] for row, length in zip(tokens.tolist(), lengths, strict=True)]
    rows, tree = [], _Tree()
    # Those that begin alike come one after the other.
    for row in sorted(range(len(sentences)), key=sentences.__getitem__):
        if len(tree.tokens) + len(sentences[row]) > at_once and rows:
            yield rows, tree
            rows, tree = [], _Tree()
        tree.add(sentences[row])
        rows.append(row)
    yield rows, tree


def _whole(tokens: torch.Tensor, at_once: int) -> Iterator[tuple[list[int], _Tree | None]]:
    """Sentences by number, a few at once."""
    count = max(1, at_once // tokens.shape[1])
    for start in range(0, len(tokens), count):
        yield list(range(start, min(start + count, len(tokens)))), None


def _read(tower: Any, tree: _Tree, device: torch.device) -> torch.Tensor:
    dtype = tower.transformer.get_cast_dtype()
    places = tower.positional_embedding[torch.tensor(tree.depths, device=device)]
    x = tower.token_embedding(torch.tensor(tree.tokens, device=device)).to(dtype)
    x = (x + places.to(dtype))[None]
    x = tower.transformer(x, attn_mask=tree.mask().to(device, dtype))[0]
    x = tower.ln_final(x[torch.tensor(tree.ends, device=device)])
    projection = tower.text_projection
    if projection is None:
        return x
    return projection(x) if isinstance(projection, torch.nn.Linear) else x @ projection


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


def _causal_tower(model: open_clip.CLIP | open_clip.CustomTextCLIP) -> Any:
    """What holds the text transformer, if its tokens see only those before them; else None."""
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
