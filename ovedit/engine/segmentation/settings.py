"""Every setting of the segmentation engines, and the presets made of them. No torch here.

What the methods are, with their papers: `attention.py`, `proxies.py`, `refine`. Blocks of a
transformer are counted from 1. Lengths are pixels of the picture as it is resized for the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ovedit.engine.knobs import NOTHING, check, knob, write
from ovedit.engine.presets import Changes, Presets, plain_key
from ovedit.engine.protocols import SettingLine
from ovedit.engine.requests import Preset
from ovedit.engine.segmentation.setting_groups import (
    MethodSettings,
    ProposalSettings,
    RefineSettings,
)
from ovedit.errors import UsageError


@dataclass(frozen=True)
class SegmentationSettings:
    """All settings of one run. Raises `UsageError` for a value that is not allowed.

    `replace` of `dataclasses` makes a copy with others; `from_options` reads them from text.
    """

    clip: str = knob(
        "clip-vit-b16-openai", "model for words and pictures", "most published with it"
    )
    sam: str = knob("sam2-base-plus", "model that draws masks", "fits a card of 6 GB")
    dino: str = knob("dino-vit-b8", "model that sees what belongs together", "its finest grid")
    strategy: Literal["auto", "dense", "proposals", "both"] = knob(
        "auto", "dense map, proposals, or both", "things and stuff want different roads"
    )
    mode: Literal["semantic", "independent"] = knob(
        "semantic",
        "semantic: a pixel belongs to one phrase; independent: phrases may overlap",
        "classes rarely overlap",
    )
    method: Literal[
        "vanilla",
        "maskclip",
        "sclip",
        "clearclip",
        "naclip",
        "itaclip",
        "proxyclip",
        "surgery",
        "trident",
        "corrclip",
    ] = knob("sclip", "what the last block of CLIP is replaced with", "needs no more")
    layers: tuple[int, ...] = knob(
        (),
        "blocks that are brought together, the last among them; none: the method's own",
        "ITACLIP's are 7, 8, 10 and the last",
        1,
        48,
    )
    layer_weights: tuple[float, ...] = knob(
        (), "weight of each of them; none: the method's own", "the method knows", 0, 100
    )
    proxy: Literal["dino", "sam", "diffusion"] = knob(
        "dino", "whose features ProxyCLIP attends by", "the best in its paper"
    )
    windows: Literal["sliding", "whole"] = knob(
        "sliding",
        "look through windows, or at the whole picture at once",
        "windows see small things",
    )
    short_side: int = knob(336, "short side of the picture for CLIP", "most references", 32, 4096)
    crop: int = knob(224, "side of a window", "what CLIP was trained at", 16, 4096)
    stride: int = knob(112, "step from window to window", "half a window", 1, 4096)
    batch: int = knob(8, "windows at once on a graphics card", "fits 6 GB", 1, 256)
    templates: Literal["1", "4", "7", "80"] = knob(
        "80", "sentences that each word is put into", "best in the references"
    )
    synonyms: tuple[tuple[str, ...], ...] = knob(
        (), "words that mean the same: groups, each phrase of one stands for all", "yours to add"
    )
    synonym_mode: Literal["average", "sum", "max"] = knob(
        "average",
        "average their embeddings, sum their probabilities, or take the largest",
        "the largest of several shares is too small",
    )
    negatives: tuple[str, ...] = knob(
        (
            "background",
            "sky",
            "ground",
            "floor",
            "wall",
            "ceiling",
            "grass",
            "tree",
            "leaves",
            "water",
            "road",
            "building",
            "mountain",
            "shadow",
        ),
        "words for all that is not meant",
        "what fills most backgrounds",
    )
    auto_negatives: int = knob(
        24,
        "further negatives: the everyday nouns that fit the picture best",
        "tells look-alikes apart",
        0,
        500,
    )
    near: float = knob(
        0.9,
        "negatives as close as this to a phrase (cosine) are left out",
        "synonyms lie above",
        0,
        1,
    )
    logit_scale: float = knob(
        40.0, "factor on similarities before the softmax", "most references", 1, 200
    )
    temperature: float = knob(
        1.0, "divides that factor: above 1 is less decided", "neutral", 0.05, 20
    )
    presence_threshold: float = knob(
        0.5, "presence under which a phrase is not found", "as likely there as not", 0, 1
    )
    presence_rank: float = knob(
        0.75,
        "a phrase nearer to the whole picture than this share of everyday nouns may be in it",
        "small things rank among the first quarter",
        0,
        1,
    )
    threshold: float = knob(
        0.2, "probability at which a mask is cut", "the references: .1 to .4", 0, 1
    )
    denoise: bool = knob(
        True, "drop classes whose best probability is under the median of all", "the thesis's"
    )
    denoise_least: float = knob(0.12, "that median counts as at least this", "the thesis's", 0, 1)
    pamr_steps: int = knob(
        0, "steps of PAMR, which draws edges from the picture", "SAM 2 does it better", 0, 100
    )
    pamr_dilations: tuple[int, ...] = knob(
        (8, 16), "PAMR: distances of its neighbours", "usual", 1, 256
    )
    refine: Literal["none", "sam2-vote", "sam2-pseudo", "sam2-trident"] = knob(
        "sam2-trident", "how SAM 2 is asked for edges", "box, point and mask together"
    )
    variant: MethodSettings = field(default_factory=MethodSettings)
    refinement: RefineSettings = field(default_factory=RefineSettings)
    proposals: ProposalSettings = field(default_factory=ProposalSettings)

    def __post_init__(self) -> None:
        for part in (self, self.variant, self.refinement, self.proposals):
            check(part)
        _same_length("layer_weights", self.layer_weights, "layers", self.layers)
        crops = self.proposals
        _same_length(
            "crop_weights", crops.crop_weights, "crop_sizes", crops.crop_sizes, empty=False
        )
        if not crops.crop_sizes:
            raise UsageError("The setting crop_sizes names no size.", "Name one: 224.")
        if tuple(sorted(set(self.layers))) != self.layers:
            raise UsageError(
                f'The setting layers is "{write(self.layers)}".', "Name each block once, in order."
            )
        if self.stride > self.crop:
            raise UsageError(
                f"The setting stride is {self.stride}, larger than crop, which is {self.crop}.",
                "Windows would leave gaps: make it at most as large.",
            )
        knots = [share for share, _ in crops.size_penalty]
        if knots != sorted(set(knots)):
            raise UsageError(
                f'The setting size_penalty is "{write(crops.size_penalty)}".',
                "The shares have to grow from pair to pair.",
            )


_CHANGES: Changes = {
    "fast": {
        "sam": ("sam2-tiny", "the quickest, and small enough for any computer"),
        "method": ("naclip", "the best that takes one pass of one model"),
        "windows": ("whole", "one pass instead of six or more"),
        "templates": ("7", "a new phrase costs a tenth of 80"),
        "auto_negatives": (12, "enough to tell the main things of a picture apart"),
        "points_per_side": (16, "a quarter of the points"),
        "small_grid": (0, "small things are left to the other presets"),
        "refine": ("sam2-trident", "one question to SAM 2 for each part of the mask"),
        "strategy": ("dense", "automatic masks take longer than all the rest"),
    },
    "balanced": {
        "method": ("proxyclip", "outlines by what DINO sees, for one more small model"),
        "templates": ("7", "a tenth of the time of 80; the thesis found few to be enough"),
        "crop": (336, "the reference's"),
        "stride": (224, "a quarter of the windows that the reference's 112 takes"),
    },
    "quality": {
        "clip": (
            "clip-vit-b16-openai",
            "may be used in paid work; CorrCLIP's figures are with clip-vit-b16-metaclip",
        ),
        "sam": ("sam2-large", "the finest outlines"),
        "method": ("corrclip", "the best published without training"),
        "short_side": (448, "sees smaller things"),
        "crop": (336, "regions need room around them"),
        "stride": (112, "three windows over every place in each direction"),
        "auto_negatives": (48, "more look-alikes told apart"),
        "strategy": ("both", "proposals find what the dense map misses"),
    },
}


_PRESETS: Presets[SegmentationSettings] = Presets(SegmentationSettings, _CHANGES)


def preset(name: Preset) -> SegmentationSettings:
    """The settings of a preset. Raises `UsageError` for a name that is none."""
    return _PRESETS.preset(name)


def from_options(name: Preset, options: Mapping[str, str]) -> SegmentationSettings:
    """A preset with settings given as text; see `Presets.from_options`, also for what it raises."""
    # Other layers have no use for the weights of those that they replace.
    if "layers" in map(plain_key, options):
        options = {"layer_weights": NOTHING, **options}
    return _PRESETS.from_options(name, options)


def describe(name: Preset, options: Mapping[str, str] | None = None) -> tuple[SettingLine, ...]:
    """All settings of a preset, in full; see `Presets.describe`."""
    return _PRESETS.describe(name, options)


def _same_length(
    name: str, values: tuple[Any, ...], other: str, others: tuple[Any, ...], *, empty: bool = True
) -> None:
    if len(values) == len(others) or (empty and not values):
        return
    raise UsageError(
        f'The setting {name} is "{write(values)}": {len(values)} for {len(others)} {other}.',
        f"Give one for each of {write(others)}.",
    )
