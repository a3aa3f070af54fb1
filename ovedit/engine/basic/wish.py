"""What a prompt for a restyle asks: a finish, a dye, adjustments; and which words it left over."""

from __future__ import annotations

from dataclasses import dataclass

from ovedit.engine.basic.finishes import Finish, finish_of, finish_of_stuff, without_surface
from ovedit.engine.language import grammar, vocabulary
from ovedit.engine.language.vocabulary import NamedColour
from ovedit.engine.language.wording import listed, quoted
from ovedit.errors import CannotDoError

NEEDS_DIFFUSION = "It needs a diffusion model, for example Stable Diffusion inpainting."

_ADJUSTMENTS: dict[str, dict[str, float]] = {
    "light": {"brightness": 1.0},
    "dark": {"brightness": -1.0},
    "vivid": {"saturation": 1.0},
    "dull": {"saturation": -1.0},
    "warm": {"warmth": 1.0},
    "cool": {"warmth": -1.0},
    "contrast": {"contrast": 1.0},
    "flat": {"contrast": -1.0},
    "greyscale": {"saturation": -4.0},
}
_ADJUSTMENT_WORDS = {
    "light": ("brighter", "bright", "lighter", "lighten", "brighten", "brightness"),
    "dark": ("darker", "darken", "dimmer", "dim"),
    "vivid": ("saturated", "saturation", "vivid", "vibrant", "colourful", "colorful", "stronger"),
    "dull": ("desaturated", "desaturate", "muted", "faded", "dull", "duller"),
    "warm": ("warm", "warmer", "warmth"),
    "cool": ("cool", "cooler", "cold", "colder"),
    "contrast": ("contrast", "contrasty", "crisper", "punchier"),
    "flat": ("flat", "flatter", "softer"),
    "greyscale": ("greyscale", "grayscale", "monochrome", "monochromatic", "colourless",
                  "colorless"),
}  # fmt: skip
_MEANING = {word: meaning for meaning, group in _ADJUSTMENT_WORDS.items() for word in group}
_AMOUNTS = {"slightly": 0.5, "bit": 0.5, "little": 0.5, "somewhat": 0.6, "much": 1.7, "very": 1.6,
            "lot": 1.7, "way": 1.7, "far": 1.7, "less": -1.0, "not": -1.0}  # fmt: skip
_NO_SURFACE = ("sky", "cloud", "water", "fire", "foliage", "tree", "grass")
_INSTRUCTIONS = frozenset((
    "make", "makes", "turn", "turned", "into", "it", "be", "become", "paint", "painted",
    "dye", "dyed", "recolour", "recolor", "change", "changed", "convert", "to", "look",
    "looks", "like", "as", "if", "was", "were", "more", "and", "in", "with", "please",
    "colour", "style", "material", "texture", "shade", "tone", "a", "an", "the", "of", "so",
    "too",
))  # fmt: skip


@dataclass(frozen=True, eq=False)
class Wish:
    """What was understood.

    finish: the surface to paint, or None. colour: the dye, or None (with a finish: its colour).
    brightness, saturation, warmth, contrast: signed amounts, 1 being plainly visible.
    noun: head noun of the prompt in the singular, or empty. left_over: words not understood.
    """

    finish: Finish | None = None
    colour: NamedColour | None = None
    brightness: float = 0.0
    saturation: float = 0.0
    warmth: float = 0.0
    contrast: float = 0.0
    noun: str = ""
    left_over: tuple[str, ...] = ()

    @property
    def adjusts(self) -> bool:
        """Whether any adjustment was asked for."""
        return bool(self.brightness or self.saturation or self.warmth or self.contrast)

    def __bool__(self) -> bool:
        """Whether anything was understood."""
        return self.finish is not None or self.colour is not None or self.adjusts


def understand(prompt: str, phrase: str = "") -> Wish:
    """Read a prompt for something selected by `phrase`; an empty wish where nothing was understood.

    Instructions ("make it …") and the words of the phrase's own noun say nothing new and are
    neither used nor left over.
    """
    known = set(vocabulary.tokens(grammar.parse(phrase).noun))
    sequence = [
        word for word in vocabulary.tokens(prompt) if vocabulary.singular(word) not in known
    ]
    text = " ".join(sequence)
    amounts: dict[str, float] = {
        name: 0.0 for name in ("brightness", "saturation", "warmth", "contrast")
    }
    for monochrome in ("black and white", "black white"):
        if monochrome in text:
            text = text.replace(monochrome, " ")
            amounts["saturation"] -= 4.0
    rest: list[str] = []
    pending: list[str] = []
    words = text.split()
    for index, word in enumerate(words):
        meaning = _MEANING.get(word)
        describes_next = meaning in ("light", "dark", "dull", "vivid") and _names_colour(
            words[index : index + 3]
        )
        if meaning is not None and not describes_next:
            amount = 1.0
            for modifier in pending:
                amount *= _AMOUNTS[modifier]
            for name, sign in _ADJUSTMENTS[meaning].items():
                amounts[name] += sign * amount
            pending = []
        elif word in _AMOUNTS:
            pending.append(word)
        elif word not in _INSTRUCTIONS:
            rest += [*pending, word]
            pending = []
    query = grammar.parse(" ".join(rest))
    finish: Finish | None = None
    if query.materials:
        finish = finish_of(query.materials[0])
        if finish.ramp and any(s.name in _NO_SURFACE for s in grammar.parse(phrase).stuff):
            finish = without_surface(finish)
    stuff_words: set[str] = set()
    if finish is None and query.stuff:
        finish = finish_of_stuff(query.stuff[0])
    if finish is None or not query.stuff or query.materials:
        stuff_words = {stuff.word for stuff in query.stuff}
    extra_colours = {colour.name for colour in query.colours[1:]}
    # Rust is a state of the metal named beside it.
    rusty = bool(query.materials) and query.materials[0].name == "rust"
    extra_materials = {material.word for material in query.materials[1:] if not rusty}
    dropped = stuff_words | extra_colours | extra_materials
    painted = set(query.used_words) - dropped
    left_over = tuple(
        word for word in _rest_words(query, rest) if word not in painted or word in dropped
    )
    if query.tones and not query.colours and finish is None:
        for tone in query.tones:
            for name, sign in _ADJUSTMENTS[tone].items():
                amounts[name] += sign
    return Wish(
        finish=finish,
        colour=query.colours[0] if query.colours else None,
        noun=_noun(prompt),
        left_over=left_over,
        **amounts,
    )


def _rest_words(query: grammar.Query, rest: list[str]) -> tuple[str, ...]:
    """The entries of a parsed rest of a prompt, in the order in which they were written."""
    joined = " ".join(rest)
    return tuple(sorted({*query.used_words, *query.unused_words}, key=joined.find))


def _noun(prompt: str) -> str:
    said = [
        word
        for word in vocabulary.tokens(prompt)
        if word not in _INSTRUCTIONS and word not in _AMOUNTS and word not in _MEANING
    ]
    return grammar.parse(" ".join(said)).noun


def _names_colour(words: list[str]) -> bool:
    return any(
        vocabulary.colour_at(words, 0, length) is not None for length in range(2, len(words) + 1)
    )


def require(prompt: str, phrase: str = "") -> Wish:
    """Like `understand`. Raises `CannotDoError` where nothing in the prompt was understood."""
    wish = understand(prompt, phrase)
    if wish:
        return wish
    if not prompt.strip():
        raise CannotDoError(
            "There is nothing to restyle to: the prompt is empty.",
            "Type a colour or a material, for example “red” or “metal”.",
        )
    named = listed(wish.left_over) if wish.left_over else quoted(prompt)
    raise CannotDoError(f"The basic engine cannot paint {named}.", NEEDS_DIFFUSION)


def notes(wish: Wish) -> tuple[str, ...]:
    """A sentence naming the words that were left out, if there are any."""
    if not wish.left_over:
        return ()
    named = listed(wish.left_over)
    return (f"Left out, because the basic engine cannot paint it: {named}. {NEEDS_DIFFUSION}",)
