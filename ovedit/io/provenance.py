"""How a picture came to be, in the words of IPTC: said in the files that are exported.

The sources are the NewsCodes of http://cv.iptc.org/newscodes/digitalsourcetype/, as of 2024:

- `compositeWithTrainedAlgorithmicMedia`, "Edited using Generative AI: modification or correction of
  media using a Generative AI model, such as with inpainting or outpainting": where a trained model
  painted something that shows. Erasers count, for what they fill in was never photographed.
- `humanEdits`, "augmentation, correction or enhancement by one or more humans using non-generative
  tools": where all edits were made without a model, as those of the built-in engine, which moves
  and recolours what the photograph holds.
"""

from __future__ import annotations

from dataclasses import dataclass

from ovedit import __version__
from ovedit.document import DocumentState, EditLayer, models_of

_CODES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
WITH_GENERATIVE_AI = f"{_CODES}compositeWithTrainedAlgorithmicMedia"
BY_GENERATIVE_AI = f"{_CODES}trainedAlgorithmicMedia"
BY_HAND = f"{_CODES}humanEdits"
_CAPTURED = ("digitalCapture", "computationalCapture", "negativeFilm", "positiveFilm", "print")
_UNTOUCHED = frozenset({"", *(_CODES + code for code in _CAPTURED)})
"""What edits by hand make something else of; what a picture is besides, it remains."""


@dataclass(frozen=True)
class Provenance:
    """What is said of a picture.

    source_type: one of the addresses above. models: ids, with revisions, of those that painted what
    shows, in the order of their layers. edits: what was done, in words that a person reads.
    """

    source_type: str
    models: tuple[str, ...]
    edits: str

    @property
    def software(self) -> str:
        """The program and its version."""
        return f"OVEdit {__version__}"

    @property
    def system(self) -> str:
        """Program and models, as IPTC's "AI System Used"; empty where none painted."""
        return f"{self.software}: {', '.join(self.models)}" if self.models else ""


def provenance_of(state: DocumentState, before: str = "") -> Provenance | None:
    """What is to be said of the flattened picture, or None where nothing that shows was edited.

    before: what the photograph's own file says; see `xmp.source_type`.
    """
    shown = [layer for layer in state.layers if layer.visible and layer.opacity > 0]
    models = tuple(dict.fromkeys(model for layer in shown for model in models_of(layer)))
    kinds = tuple(
        dict.fromkeys(
            layer.recipe.kind for layer in shown if isinstance(layer, EditLayer) and layer.recipe
        )
    )
    if not models and not kinds:
        return None
    kind = WITH_GENERATIVE_AI if models else BY_HAND
    if before == BY_GENERATIVE_AI or (kind == BY_HAND and before not in _UNTOUCHED):
        kind = before
    how = f" by generative AI ({', '.join(models)})" if models else ""
    return Provenance(kind, models, f"{', '.join(kinds) or 'edit'}{how}")
