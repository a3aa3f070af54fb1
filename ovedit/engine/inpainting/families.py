"""What the catalogue does not say of a diffusion model, by the class of its pipeline.

Steps, guidance and strength are those of the publishers' examples, fewer steps where DPM++ takes
the place of an older sampler. Sizes: multiples of the latent cell times the network's patches. No
torch here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import ceil
from types import MappingProxyType

from ovedit.engine.inpainting.area import ModelShape
from ovedit.engine.inpainting.settings import AUTO, InpaintingSettings
from ovedit.engine.library import Model

FEW_STEPS = "few-steps"
INSTRUCTION = "instruction"
TEXT = "text"
REMOVE = "remove"

Factors = tuple[tuple[float, float, float], ...]


@dataclass(frozen=True)
class LatentColours:
    """A linear map from latents to colours: r, g, b of each channel, and what is added.

    The result is in [-1, 1]. The numbers are those that ComfyUI publishes in its latent formats,
    fitted by least squares on pictures and their latents.
    """

    factors: Factors
    bias: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Family:
    """How the models of one class of pipeline are used.

    side: the native one where the catalogue has none; multiple, cell: see `ModelShape`. most_side:
    side of the square with the most pixels for refining, where what is there guides the painting.
    steps, guidance, strength: the model's own, the last one the most that it can take. scheduler:
    as the setting, "own" where there is no choice. tokens: how much of the prompt is read.
    tokenizer: the part that counts them. guided_by: the name under which guidance is given.
    negative: takes words for what shall not appear. sized: is told width and height.
    decoder_channels: see `activations`. rounds_up: runs a last part of a step as a whole one, where
    strength makes steps fewer. colours: for previews, None where none are published.
    """

    side: int
    multiple: int
    cell: int
    most_side: int
    steps: int
    guidance: float
    strength: float = 1.0
    scheduler: str = "own"
    tokens: int = 77
    tokenizer: str = "tokenizer"
    guided_by: str = "guidance_scale"
    negative: bool = False
    sized: bool = True
    decoder_channels: int = 1024
    rounds_up: bool = True
    colours: LatentColours | None = None


_SD_COLOURS = LatentColours(
    (
        (0.3512, 0.2297, 0.3227),
        (0.3250, 0.4974, 0.2350),
        (-0.2829, 0.1762, 0.2721),
        (-0.2120, -0.2616, -0.7177),
    )
)
_SDXL_COLOURS = LatentColours(
    (
        (0.3651, 0.4232, 0.4341),
        (-0.2533, -0.0042, 0.1068),
        (0.1076, 0.1111, -0.0362),
        (-0.3165, -0.2492, -0.2188),
    ),
    (0.1084, -0.0175, -0.0011),
)
_FLUX_COLOURS = LatentColours(
    (
        (-0.0346, 0.0244, 0.0681),
        (0.0034, 0.0210, 0.0687),
        (0.0275, -0.0668, -0.0433),
        (-0.0174, 0.0160, 0.0617),
        (0.0859, 0.0721, 0.0329),
        (0.0004, 0.0383, 0.0115),
        (0.0405, 0.0861, 0.0915),
        (-0.0236, -0.0185, -0.0259),
        (-0.0245, 0.0250, 0.1180),
        (0.1008, 0.0755, -0.0421),
        (-0.0515, 0.0201, 0.0011),
        (0.0428, -0.0012, -0.0036),
        (0.0817, 0.0765, 0.0749),
        (-0.1264, -0.0522, -0.1103),
        (-0.0280, -0.0881, -0.0499),
        (-0.1262, -0.0982, -0.0778),
    ),
    (-0.0329, -0.0718, -0.0851),
)
# Of its latents as the network has them: normalised, and taken out of their patches.
_FLUX2_COLOURS = LatentColours(
    (
        (0.0058, 0.0113, 0.0073),
        (0.0495, 0.0443, 0.0836),
        (-0.0099, 0.0096, 0.0644),
        (0.2144, 0.3009, 0.3652),
        (0.0166, -0.0039, -0.0054),
        (0.0157, 0.0103, -0.0160),
        (-0.0398, 0.0902, -0.0235),
        (-0.0052, 0.0095, 0.0109),
        (-0.3527, -0.2712, -0.1666),
        (-0.0301, -0.0356, -0.0180),
        (-0.0107, 0.0078, 0.0013),
        (0.0746, 0.0090, -0.0941),
        (0.0156, 0.0169, 0.0070),
        (-0.0034, -0.0040, -0.0114),
        (0.0032, 0.0181, 0.0080),
        (-0.0939, -0.0008, 0.0186),
        (0.0018, 0.0043, 0.0104),
        (0.0284, 0.0056, -0.0127),
        (-0.0024, -0.0022, -0.0030),
        (0.1207, -0.0026, 0.0065),
        (0.0128, 0.0101, 0.0142),
        (0.0137, -0.0072, -0.0007),
        (0.0095, 0.0092, -0.0059),
        (0.0000, -0.0077, -0.0049),
        (-0.0465, -0.0204, -0.0312),
        (0.0095, 0.0012, -0.0066),
        (0.0290, -0.0034, 0.0025),
        (0.0220, 0.0169, -0.0048),
        (-0.0332, -0.0457, -0.0468),
        (-0.0085, 0.0389, 0.0609),
        (-0.0076, 0.0003, -0.0043),
        (-0.0111, -0.0460, -0.0614),
    ),
    (-0.0329, -0.0718, -0.0851),
)
# Its autoencoder has the latents of Wan 2.1.
_QWEN_COLOURS = LatentColours(
    (
        (-0.1299, -0.1692, 0.2932),
        (0.0671, 0.0406, 0.0442),
        (0.3568, 0.2548, 0.1747),
        (0.0372, 0.2344, 0.1420),
        (0.0313, 0.0189, -0.0328),
        (0.0296, -0.0956, -0.0665),
        (-0.3477, -0.4059, -0.2925),
        (0.0166, 0.1902, 0.1975),
        (-0.0412, 0.0267, -0.1364),
        (-0.1293, 0.0740, 0.1636),
        (0.0680, 0.3019, 0.1128),
        (0.0032, 0.0581, 0.0639),
        (-0.1251, 0.0927, 0.1699),
        (0.0060, -0.0633, 0.0005),
        (0.3477, 0.2275, 0.2950),
        (0.1984, 0.0913, 0.1861),
    ),
    (-0.1835, -0.0868, -0.3360),
)

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "StableDiffusionInpaintPipeline": Family(
            side=512,
            multiple=64,
            cell=8,
            most_side=1024,
            steps=25,
            guidance=7.5,
            scheduler="dpm++",
            negative=True,
            rounds_up=False,
            colours=_SD_COLOURS,
        ),
        "StableDiffusionXLInpaintPipeline": Family(
            side=1024,
            multiple=64,
            cell=8,
            most_side=1536,
            steps=25,
            guidance=7.5,
            # At 1 it paints noise into flat areas, as its publisher says.
            strength=0.99,
            scheduler="dpm++",
            negative=True,
            rounds_up=False,
            colours=_SDXL_COLOURS,
        ),
        "FluxFillPipeline": Family(
            side=1024,
            multiple=16,
            cell=16,
            most_side=1536,
            steps=30,
            guidance=30.0,
            tokens=512,
            tokenizer="tokenizer_2",
            colours=_FLUX_COLOURS,
        ),
        "Flux2KleinInpaintPipeline": Family(
            side=1024,
            multiple=16,
            cell=16,
            # The pipeline itself shrinks what is larger.
            most_side=1024,
            steps=4,
            guidance=1.0,
            # Of 512 it needs some for the marks of a conversation that it puts around the words.
            tokens=496,
            colours=_FLUX2_COLOURS,
        ),
        "QwenImageEditInpaintPipeline": Family(
            side=1024,
            multiple=32,
            cell=16,
            most_side=1024,
            steps=40,
            guidance=4.0,
            tokens=512,
            guided_by="true_cfg_scale",
            negative=True,
            # It scales every picture to about that many pixels by itself.
            sized=False,
            decoder_channels=2048,
            colours=_QWEN_COLOURS,
        ),
    }
)
"""By the name of the class."""

_LEAST_STEPS = 4
"""Fewer than these leave noise, however weak the strength."""


@dataclass(frozen=True)
class Distilled:
    """How an adapter for few steps wants its model to be used."""

    steps: int
    guidance: float
    scheduler: str


LCM = Distilled(6, 1.0, "lcm")
HYPER = Distilled(8, 5.0, "trailing")
"""Hyper-SD's variants that keep guidance."""


@dataclass(frozen=True)
class Recipe:
    """With which numbers a model paints, all of them settled."""

    family: Family
    steps: int
    guidance: float
    scheduler: str
    safety: bool = True

    @property
    def passes(self) -> int:
        """How often the network runs for a step."""
        return 2 if self.guidance > 1 and self.family.negative else 1

    def strength(self, wanted: float) -> float:
        """The strength that the model can take."""
        return min(wanted, self.family.strength)

    def scheduled(self, strength: float) -> int:
        """How many steps to ask a pipeline for, which runs that many times the strength.

        At the model's full strength all of `steps` run; a weaker one is for a part of them.
        """
        full = strength >= self.family.strength
        least = self.steps if full else min(self.steps, _LEAST_STEPS)
        return max(self.steps, ceil(least / strength))

    def runs(self, strength: float) -> int:
        """How many steps it then runs."""
        asked = self.scheduled(strength)
        if self.family.rounds_up:
            return asked - int(asked - asked * strength)
        return max(1, int(asked * strength))


def family_of(model: Model) -> Family:
    """The family of a model of the task `INPAINT`. Raises `KeyError` for a class not listed."""
    return FAMILIES[model.loader.partition(".")[2]]


def takes_words(model: Model) -> bool:
    """Whether it paints what a text says: not so the models that are made for removals alone.

    A person's own model may be without any capability, and is of the usual kind then.
    """
    return TEXT in model.capabilities or REMOVE not in model.capabilities


def recipe(settings: InpaintingSettings, model: Model, adapter: Model | None) -> Recipe:
    """The numbers to paint with: the settings', else the adapter's, else the model's own."""
    family = family_of(model)
    own = Distilled(family.steps, family.guidance, family.scheduler)
    if FEW_STEPS not in model.capabilities:
        own = replace(own, steps=max(1, round(family.steps * settings.effort)))
    if adapter is not None and FEW_STEPS in adapter.capabilities:
        own = HYPER if "negative-prompt" in adapter.capabilities else LCM
    # A model that takes no words has nothing to be guided by.
    guidance = own.guidance if takes_words(model) else 1.0
    fixed = family.scheduler == "own"
    return Recipe(
        family,
        steps=settings.steps or own.steps,
        guidance=settings.guidance or guidance,
        scheduler=own.scheduler if fixed or settings.scheduler == AUTO else settings.scheduler,
        safety=settings.safety,
    )


def shape_of(model: Model, settings: InpaintingSettings) -> ModelShape:
    """The sizes that a model paints at, the best first."""
    family = family_of(model)
    sides = (settings.side,) if settings.side else model.native_sizes or (family.side,)
    return ModelShape(
        sides=sides, multiple=family.multiple, most_pixels=family.most_side**2, cell=family.cell
    )


def activations(model: Model, pixels: int, dtype: str, *, tiled: bool = False) -> int:
    """Bytes that a run takes beside the weights, roughly.

    The tallest point is the decoder at full size: four layers' results of 128 to 256 channels,
    together `decoder_channels` numbers for each pixel. In tiles of 512 pixels it is that of a tile.
    """
    number = 4 if dtype == "float32" else 2
    decoded = min(pixels, 512 * 512) if tiled else pixels
    return decoded * family_of(model).decoder_channels * number
