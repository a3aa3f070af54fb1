"""SAM 2's mask decoder for one prompt, in the order of operations that suits a CPU.

The same arithmetic as `sam2.modeling.sam.mask_decoder.MaskDecoder`, with its weights. A prompt is a
handful of tokens, a picture thousands: so a projection of all the picture's tokens that is only
multiplied with the few is folded into those, ((X Wᵀ) q = X (Wᵀ q)), which halves the products; and
the picture stays in rows of features from the first layer to the masks, so that nothing has to be
turned around or repeated. Results differ from the publisher's by rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional


@dataclass(frozen=True, eq=False)
class Rows:
    """What the decoder needs of a picture, n × n cells, ready to be multiplied.

    cells: (n², c), without a mask prompt. position: (n², c). located: their sum. middle: (n², c)
    and finest: (4n², c/2), the fine features of the pixels in each cell, with the upscaling's bias.
    """

    cells: torch.Tensor
    position: torch.Tensor
    located: torch.Tensor
    middle: torch.Tensor
    finest: torch.Tensor

    @property
    def size_bytes(self) -> int:
        """What it takes in memory."""
        parts = (self.cells, self.position, self.located, self.middle, self.finest)
        return sum(part.nbytes for part in parts)


def rows_of(
    model: Any, coarse: torch.Tensor, fine: tuple[torch.Tensor, ...], position: torch.Tensor
) -> Rows:
    """The rows of an embedding: coarse and position (1, c, n, n), fine as in `sam.Embedding`."""
    side = coarse.shape[-1]
    plain = model.sam_prompt_encoder.no_mask_embed.weight
    cells = _flat(coarse) + plain
    places = _flat(position)
    first, _, _, second, _ = model.sam_mask_decoder.output_upscaling
    finest, middle = (level[0] for level in fine)
    halves = middle.reshape(-1, side, 2, side, 2).permute(1, 3, 2, 4, 0)
    quarters = finest.reshape(-1, side, 2, 2, side, 2, 2).permute(1, 4, 2, 5, 3, 6, 0)
    return Rows(
        cells,
        places,
        cells + places,
        (halves + first.bias).reshape(side * side, -1),
        (quarters + second.bias).reshape(4 * side * side, -1),
    )


def decode(
    decoder: Any,
    rows: Rows,
    prompt: torch.Tensor,
    drawn: torch.Tensor | None,
    *,
    several: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (1, m, 4n, 4n) and IoUs (1, m) for the tokens of a prompt (t, c).

    rows: cells of the picture; drawn: (n², c) of the picture with a mask prompt in it instead.
    """
    heads = [decoder.iou_token.weight, decoder.mask_tokens.weight]
    if decoder.pred_obj_scores:
        heads.insert(0, decoder.obj_score_token.weight)
    tokens = torch.cat([*heads, prompt])
    answers, cells = _attend(decoder.transformer, rows, tokens, drawn)
    first = int(decoder.pred_obj_scores)
    masks = answers[first + 1 : first + 1 + decoder.num_mask_tokens]
    iou = decoder.iou_prediction_head(answers[first : first + 1])
    logits = _drawn(decoder, rows, cells, masks)[None]
    if several:
        return logits[:, 1:], iou[:, 1:]
    if decoder.dynamic_multimask_via_stability:
        return decoder._dynamic_multimask_via_stability(logits, iou)
    return logits[:, :1], iou[:, :1]


def _attend(
    transformer: Any, rows: Rows, tokens: torch.Tensor, drawn: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens and cells after they have looked at each other in every layer."""
    cells = rows.cells if drawn is None else drawn
    located = rows.located if drawn is None else drawn + rows.position
    answers = tokens
    for layer in transformer.layers:
        if layer.skip_first_layer_pe:
            answers = _self_attention(layer.self_attn, answers, answers)
        else:
            answers = answers + _self_attention(layer.self_attn, answers + tokens, answers)
        answers = layer.norm1(answers)
        seen = _look(layer.cross_attn_token_to_image, answers + tokens, located, cells)
        answers = layer.norm2(answers + seen)
        answers = layer.norm3(answers + layer.mlp(answers))
        cells = _hear(layer.cross_attn_image_to_token, located, answers + tokens, answers, cells)
        cells = layer.norm4(cells)
        located = cells + rows.position
    seen = _look(transformer.final_attn_token_to_image, answers + tokens, located, cells)
    return transformer.norm_final_attn(answers + seen), cells


def _self_attention(attention: Any, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    return attention(q=keys[None], k=keys[None], v=values[None])[0]


def _look(
    attention: Any, asking: torch.Tensor, located: torch.Tensor, cells: torch.Tensor
) -> torch.Tensor:
    """Tokens (t, c) attend to cells (n², c). A key's bias is the same for all and drops out."""
    heads, count = attention.num_heads, len(asking)
    queries = attention.q_proj(asking).unflatten(1, (heads, -1))
    depth = queries.shape[-1]
    to_keys = attention.k_proj.weight.unflatten(0, (heads, depth))
    folded = torch.einsum("thd,hdc->htc", queries, to_keys).flatten(0, 1) * depth**-0.5
    weights = torch.softmax(folded @ located.T, dim=-1)
    seen = (weights @ cells).unflatten(0, (heads, count))
    to_values = attention.v_proj.weight.unflatten(0, (heads, depth))
    values = torch.einsum("htc,hdc->thd", seen, to_values).flatten(1)
    return attention.out_proj(values + attention.v_proj.bias)


def _hear(
    attention: Any,
    located: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    cells: torch.Tensor,
) -> torch.Tensor:
    """Cells (n², c) with what they attend to of the tokens (t, c) added."""
    heads, count = attention.num_heads, len(keys)
    known = attention.k_proj(keys).unflatten(1, (heads, -1))
    depth = known.shape[-1]
    to_queries = attention.q_proj.weight.unflatten(0, (heads, depth))
    folded = torch.einsum("thd,hdc->htc", known, to_queries).flatten(0, 1) * depth**-0.5
    bias = torch.einsum("thd,hd->ht", known, attention.q_proj.bias.unflatten(0, (heads, depth)))
    fits = torch.addmm(bias.flatten()[:, None] * depth**-0.5, folded, located.T)
    # Tokens down, cells across: a softmax over eight neighbouring numbers is several times slower.
    weights = torch.softmax(fits.unflatten(0, (heads, count)), dim=1).flatten(0, 1)
    told = attention.v_proj(values).unflatten(1, (heads, depth))
    out = attention.out_proj.weight.unflatten(1, (heads, depth))
    # The weights of each head sum to 1, so each brings its share of the bias.
    spoken = torch.einsum("thd,chd->htc", told, out) + attention.out_proj.bias / heads
    return torch.addmm(cells, weights.T, spoken.flatten(0, 1))


def _drawn(decoder: Any, rows: Rows, cells: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Logits (m, 4n, 4n) of the mask tokens (m, c), cells upscaled to pixels cell by cell."""
    first, norm, bend, second, bend_again = decoder.output_upscaling
    side = round(len(cells) ** 0.5)
    pixels = torch.addmm(rows.middle, cells, _unrolled(first.weight))
    pixels = pixels.view(4 * len(cells), -1)
    pixels = functional.layer_norm(pixels, norm.weight.shape, norm.weight, norm.bias, norm.eps)
    pixels = torch.addmm(rows.finest, bend(pixels), _unrolled(second.weight))
    pixels = bend_again(pixels.view(16 * len(cells), -1))
    hyper = [mlp(mask) for mlp, mask in zip(decoder.output_hypernetworks_mlps, masks, strict=True)]
    logits = torch.stack(hyper) @ pixels.T
    nested = logits.view(-1, side, side, 2, 2, 2, 2).permute(0, 1, 3, 5, 2, 4, 6)
    return nested.reshape(len(masks), 4 * side, 4 * side)


def _unrolled(weight: torch.Tensor) -> torch.Tensor:
    """A transposed convolution's weight (c, d, 2, 2), stride 2, as a matrix (c, 4d)."""
    return weight.permute(0, 2, 3, 1).flatten(1)


def _flat(grid: torch.Tensor) -> torch.Tensor:
    """(1, c, n, n) as rows (n², c)."""
    return grid[0].flatten(1).T.contiguous()


def with_mask(coarse: torch.Tensor, dense: torch.Tensor) -> torch.Tensor:
    """Cells (n², c) of a picture (1, c, n, n) with a mask prompt's embedding in it."""
    return _flat(coarse + dense)
