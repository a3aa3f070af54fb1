"""Every setting of the inpainting engine, and the presets made of them. No torch here.

Where a number is 0 or a word is "auto", it is the model's own: see `families.py`.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ovedit.engine.knobs import check, knob
from ovedit.engine.presets import Changes, Presets
from ovedit.engine.protocols import SettingLine
from ovedit.engine.requests import Preset
from ovedit.errors import UsageError

AUTO, NONE = "auto", "none"

PLACEHOLDERS = frozenset({"edit", "phrase", "scene"})
"""What may stand in braces in a template."""


@dataclass(frozen=True)
class WordSettings:
    """What a model is told, beside the person's own words."""

    template: str = knob(
        "a photo of {edit}, {scene}, matching light",
        "what a model is told that wants a description; {edit}: the words, {phrase}: the mask's",
        "a bare noun gives drawings and cut-outs",
    )
    instruction: str = knob(
        "replace the {phrase} with {edit}, matching light and perspective",
        "what a model is told to replace something that wants an instruction",
        "it keeps what it is not told to change",
    )
    restyle_instruction: str = knob(
        "turn the {phrase} into {edit}, keep its shape and the light",
        "what such a model is told to restyle something",
        "it would else change the outline too",
    )
    remove_instruction: str = knob(
        "remove the {phrase}, show the background behind it",
        "what such a model is told to remove something",
        "it would else leave a blur",
    )
    background: str = knob(
        "empty background, {scene}, nothing there",
        "what a model that paints removals is told",
        "words for a thing would paint a thing",
    )
    scene: str = knob(NONE, "words for the whole picture: street at night; or none", "yours to add")
    negative: str = knob(
        "blurry, distorted, low quality, text, watermark",
        "words for what shall never appear, beside those of the edit; or none",
        "what such models paint too often",
    )

    def __post_init__(self) -> None:
        check(self)
        for name in ("template", "instruction", "restyle_instruction"):
            _check_template(name, getattr(self, name), needs_edit=True)
        for name in ("remove_instruction", "background"):
            _check_template(name, getattr(self, name), needs_edit=False)


@dataclass(frozen=True)
class FinishSettings:
    """How what was painted is fitted into the photograph; see `paste.py`."""

    colour_match: bool = knob(
        True, "undo the change of colours that is seen around the mask", "models shift colours"
    )
    poisson: bool = knob(
        True, "let what is left of it at the seam fade inwards", "of smooth parts only: no smears"
    )
    sharpness_match: bool = knob(
        True, "raise detail as far as the model has blurred it around the mask", "most models blur"
    )
    grain: bool = knob(True, "add the grain of the surroundings", "models paint none")
    refine: bool = knob(
        True, "paint again at a larger size what would come back enlarged", "it would lack detail"
    )
    refine_above: float = knob(
        1.5, "how much it has to be enlarged for that", "less is not seen", 1, 16
    )
    refine_strength: float = knob(
        0.35, "how far that may go from the first painting", ".3 to .4 keep it", 0.1, 0.9
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class InpaintingSettings:
    """All settings of one run. Raises `UsageError` for a value that is not allowed.

    `replace` of `dataclasses` makes a copy with others; `from_options` reads them from text.
    """

    model: str = knob(AUTO, "model that paints; auto: the best one here", "yours may be another")
    eraser: str = knob(
        AUTO,
        "what fills masks with background: a model, fill (built in), none, or auto: the best here",
        "LaMa, then MI-GAN, then what is built in",
    )
    removal: Literal["eraser", "model"] = knob(
        "eraser",
        "what removes, where both are here: an eraser, or a diffusion model made for it",
        "an eraser takes a second, and paints nothing new",
    )
    adapter: str = knob(
        NONE, "adapter for few steps; auto: one for the model, if it is here", "costs detail"
    )
    steps: int = knob(0, "denoising steps; 0: the model's own times effort", "they differ", 0, 1000)
    effort: float = knob(1.0, "factor on the model's own steps", "as published", 0.1, 10)
    guidance: float = knob(
        0.0, "how closely the words are followed; 0: the model's own, 1: off", "they differ", 0, 100
    )
    strength: float = knob(
        0.6, "restyle: how far it may go from the picture; .35 to .8", "keeps the shape", 0.05, 1
    )
    removal_strength: float = knob(
        0.7,
        "removal by a model for words: how far it may go from what was filled in before",
        "more grows new things",
        0.05,
        1,
    )
    scheduler: Literal[
        "auto", "own", "ddim", "trailing", "euler", "euler-a", "dpm++", "unipc", "lcm"
    ] = knob(AUTO, "sampler; own: as its publisher set it", "DPM++ needs half the steps of DDIM")
    side: int = knob(
        0,
        "side of the square with as many pixels as are painted at once; 0: the model's own",
        "other sizes double things",
        0,
        4096,
    )
    padding: float = knob(
        0.5, "surroundings that the model sees, in mean sides of the mask", "light needs some", 0, 8
    )
    prefill: str = knob(
        AUTO,
        "what fills the mask before a model for words paints a removal: as for eraser",
        "without, new things grow",
    )
    tries: int = knob(
        2,
        "removals: seeds to try while the thing comes back, as CLIP sees it; 0: do not look",
        "each costs a whole run",
        0,
        10,
    )
    safety: bool = knob(True, "use the model's safety checker, where it brings one", "as published")
    preview: Literal["none", "linear", "tiny"] = knob(
        "linear",
        "look at the steps: a linear map, or the tiny autoencoder where it is here",
        "costs next to nothing",
    )
    words: WordSettings = field(default_factory=WordSettings)
    finish: FinishSettings = field(default_factory=FinishSettings)

    def __post_init__(self) -> None:
        check(self)
        if 0 < self.side < 64:
            raise UsageError(f"The setting side is {self.side}.", "It must be 0, or 64 or more.")


_CHANGES: Changes = {
    "fast": {
        "adapter": (AUTO, "4 to 8 steps instead of 25"),
        "effort": (0.6, "without an adapter: the outline of things is there by then"),
        "refine": (False, "twice the time"),
        "tries": (1, "no second run"),
    },
    "balanced": {},
    "quality": {
        "removal": ("model", "takes shadows along, and invents what an eraser smears"),
        "effort": (1.6, "finer detail; beyond that nothing is gained"),
        "preview": ("tiny", "sharper, and still under a twentieth of the time"),
        "tries": (3, "patience is what this preset is for"),
    },
}

PRESETS: Presets[InpaintingSettings] = Presets(InpaintingSettings, _CHANGES)


def preset(name: Preset) -> InpaintingSettings:
    """The settings of a preset. Raises `UsageError` for a name that is none."""
    return PRESETS.preset(name)


def from_options(name: Preset, options: Mapping[str, str]) -> InpaintingSettings:
    """A preset with settings given as text; see `Presets.from_options`, also for what it raises."""
    return PRESETS.from_options(name, options)


def describe(name: Preset, options: Mapping[str, str] | None = None) -> tuple[SettingLine, ...]:
    """All settings of a preset, in full; see `Presets.describe`."""
    return PRESETS.describe(name, options)


def _check_template(name: str, text: str, *, needs_edit: bool) -> None:
    try:
        names = {key for _, key, _, _ in string.Formatter().parse(text) if key is not None}
    except ValueError as e:
        raise UsageError(f'The setting {name} is "{text}": {e}.', "Close every brace.") from e
    if unknown := sorted(names - PLACEHOLDERS):
        raise UsageError(
            f'The setting {name} is "{text}": there is no {{{unknown[0]}}}.',
            f"Known are: {', '.join(f'{{{key}}}' for key in sorted(PLACEHOLDERS))}.",
        )
    if needs_edit and "edit" not in names:
        raise UsageError(
            f'The setting {name} is "{text}".', "It must hold {edit}, where the edit's words go."
        )
