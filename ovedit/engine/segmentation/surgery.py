"""CLIP Surgery's second path (Li et al., Pattern Recognition 2025): values seen by values alone.

Its step with the words, which takes away what all labels have in common, is part of the scores.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from ovedit.engine.segmentation.backbone import BlockTokens


def second_path(tokens: Mapping[int, BlockTokens]) -> Tensor:
    """What the second path leaves (b, h, w, c), without the class token.

    It sets out with the tokens x entering the first of the given blocks, and at each of them
    x += O(softmax(s·v·vᵀ)·v), with v of the original path and no FFN. The paper takes the last 6.
    """
    blocks = [tokens[number] for number in sorted(tokens)]
    path = blocks[0].x
    for block in blocks:
        v = block.v
        seen = block.joined(scaled_dot_product_attention(v, v, v))
        path = path + block.block.ls_1(seen)
    return blocks[0].patches(path)
