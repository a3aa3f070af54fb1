"""Settings of single methods, of the refinement and of the proposals; see `settings.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ovedit.engine.knobs import knob


@dataclass(frozen=True)
class MethodSettings:
    """The constants of the single methods, as their papers have them."""

    neighbour_sigma: float = knob(
        5.0, "NACLIP: reach of a patch's attention, in patches", "the paper's", 0.1, 100
    )
    proxy_beta: float = knob(
        1.2, "ProxyCLIP: similarities under this many means are cut off", "the paper's", 0, 10
    )
    proxy_gamma: float = knob(3.0, "ProxyCLIP: sharpness of what is left", "the paper's", 0.01, 100)
    surgery_blocks: int = knob(
        6, "CLIP Surgery: last blocks that get the second path", "the paper's", 1, 48
    )
    view_weight: float = knob(
        0.75, "ITACLIP: weight of the views that are not flipped", "the reference's", 0, 1
    )
    definition_weight: float = knob(
        0.1, "ITACLIP: weight of a word's definition beside the word", "midway of .05 to .2", 0, 1
    )
    affinity_beta: float = knob(
        1.2, "Trident: SAM similarities under this many means are cut off", "the paper's", 0, 10
    )
    affinity_cap: float = knob(0.9, "Trident: the cut is never above this", "the reference's", 0, 1)
    region_sharpness: float = knob(
        4.0,
        "CorrCLIP: factor before the softmax over DINO's similarities",
        "the paper's",
        0.01,
        100,
    )
    region_points: int = knob(
        32, "CorrCLIP: points a side for the regions", "the paper's; 8 is its fast variant", 1, 128
    )
    region_iou: float = knob(0.4, "CorrCLIP: least predicted IoU of a region", "the paper's", 0, 1)
    region_stability: float = knob(
        0.4, "CorrCLIP: least stability of a region", "the paper's", 0, 1
    )
    region_merge: float = knob(
        0.2, "CorrCLIP: reach of DBSCAN, which merges alike regions", "the paper's", 0, 2
    )
    spatial_weight: float = knob(
        1.0, "CorrCLIP: weight of the features that keep places apart", "the paper's", 0, 10
    )
    semantic_weight: float = knob(
        0.5, "CorrCLIP: weight of the features that regions share", "the paper's", 0, 10
    )
    region_vote: bool = knob(
        True, "CorrCLIP: a region takes its most frequent label", "the paper's"
    )


@dataclass(frozen=True)
class RefineSettings:
    """How SAM 2 is asked to sharpen a dense mask."""

    vote_spacing: int = knob(
        20, "sam2-vote: least distance of two points", "the thesis's", 0, 10_000
    )
    vote_masks: int = knob(3, "sam2-vote: masks asked for at a point", "the thesis's", 1, 3)
    vote_share: float = knob(
        0.6, "sam2-vote: share of a mask that has to be the phrase's", "the thesis's", 0, 1
    )
    pseudo_regions: int = knob(
        5, "sam2-pseudo: regions that k-means splits the mask into", "few enough for a CPU", 1, 64
    )
    weak_mask: float = knob(
        0.005, "sam2-trident: strength of the mask prompt", "the reference's", 0, 32
    )
    component_iou: float = knob(
        0.8,
        "sam2-trident: SAM 2 has to trust its mask this much, else the component stays",
        "its reference's",
        0,
        1,
    )
    component_area: int = knob(
        225,
        "sam2-trident: smaller components are dropped, px at half size",
        "its paper's",
        0,
        10**8,
    )
    agreement: float = knob(
        0.5,
        "under this IoU with SAM's answer, the dense mask is kept and its edges are snapped",
        "sky and grass have no outline that SAM knows",
        0,
        1,
    )


@dataclass(frozen=True)
class ProposalSettings:
    """Masks made without words, and how they are named afterwards."""

    points_per_side: int = knob(32, "points a side of SAM 2's grid", "the thesis's", 1, 128)
    pred_iou: float = knob(0.88, "least predicted IoU of a mask", "the thesis's", 0, 1)
    stability: float = knob(0.95, "least stability of a mask", "the thesis's", 0, 1)
    small_grid: int = knob(
        16,
        "points a side of a second grid on detailed regions; 0: none",
        "things under 32 px",
        0,
        128,
    )
    scorer: Literal["pooled", "crops"] = knob(
        "pooled",
        "what names a mask: features inside it, or crops around it",
        "one pass of the encoder for all masks",
    )
    crop_sizes: tuple[int, ...] = knob(
        (224, 336, 512), "crops: sides at which CLIP sees a crop", "the thesis's", 16, 4096
    )
    crop_weights: tuple[float, ...] = knob(
        (0.2, 0.5, 0.3), "crops: weight of each size", "the thesis's", 0, 100
    )
    background_words: tuple[str, ...] = knob(
        ("background", "nothing", "empty space"), "words for what is no thing", "the thesis's"
    )
    background_weight: float = knob(
        0.3, "how much of the background words' score is taken off", "the thesis's", 0, 10
    )
    size_penalty: tuple[tuple[float, float], ...] = knob(
        ((0.15, 1.0), (0.5, 0.15)),
        "factor of a mask's score by its share of the picture: pairs, straight lines between",
        "the thesis's",
        0,
        1,
    )
    top_k: int = knob(
        2,
        "most masks for a phrase, but for those that fit about as well as the best",
        "the thesis's",
        1,
        1000,
    )
    nms: float = knob(0.7, "of masks with more IoU than this only the best stays", "usual", 0, 1)
    min_area: float = knob(
        0.001, "share of the picture under which a mask is dropped", "the thesis's", 0, 1
    )
    large_share: float = knob(
        0.01, "share of the picture from which a mask is large", "a tenth of the sides", 0, 1
    )
    large_threshold: float = knob(0.15, "least score of a large mask", "the thesis's", 0, 1)
    small_threshold: float = knob(0.2, "least score of a small mask", "the thesis's", 0, 1)
    ensemble: float = knob(
        0.2,
        "weight of the proposals' map beside the dense one",
        "FrozenSeg's for unseen classes",
        0,
        1,
    )
    ensemble_least: float = knob(
        0.5, "least probability of a mask that joins that map", "FrozenSeg's", 0, 1
    )
