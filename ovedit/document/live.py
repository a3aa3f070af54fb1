"""The document as it is now, what is worked on in it, and who is told when that changes.

Shared by a `Document` and its transactions; nobody else changes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from ovedit.document.events import (
    CurrentChanged,
    Event,
    MaskChanged,
    PixelsChanged,
    SelectionChanged,
    StructureChanged,
)
from ovedit.document.layers import Layer
from ovedit.document.state import DocumentState, Structure, SurfaceKind, SurfaceRef
from ovedit.document.tiles import Surface
from ovedit.geometry import Rect


class LiveState:
    """A document state that is replaced with every change, and its observers.

    revision: grows with every change. current_layer, current_masks: ids of what is worked on.
    """

    def __init__(self, state: DocumentState) -> None:
        self.state = state
        self.revision = 0
        self.current_layer = state.layers[-1].id if state.layers else ""
        self.current_masks: tuple[str, ...] = ()
        self._observers: list[Callable[[Event], None]] = []

    def snapshot(self) -> DocumentState:
        """A state that no later change touches. Costs next to nothing: tiles are shared."""
        surfaces = {ref: surface.copy() for ref, surface in self.state.surfaces.items()}
        return DocumentState(self.state.size, self.state.structure, surfaces)

    def replace(self, structure: Structure, surfaces: Mapping[SurfaceRef, Surface]) -> None:
        """Put another state in place of this one; observers are not told yet."""
        self.state = DocumentState(self.state.size, structure, surfaces)
        self.revision += 1

    def subscribe(self, observer: Callable[[Event], None]) -> Callable[[], None]:
        """Call `observer` with every event from now on; returns a function that ends it."""
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    def set_current(
        self, *, layer: str | None = None, masks: tuple[str, ...] | None = None
    ) -> None:
        """Choose what is worked on; None leaves it as it is."""
        before = (self.current_layer, self.current_masks)
        if layer is not None:
            self.current_layer = layer
        if masks is not None:
            self.current_masks = masks
        if before != (self.current_layer, self.current_masks):
            self.tell(CurrentChanged())

    def tell(self, event: Event) -> None:
        """Hand an event to every observer."""
        for observer in tuple(self._observers):
            observer(event)

    def tell_touched(self, ref: SurfaceRef, rect: Rect) -> None:
        """Tell that a surface changed inside `rect`, which is in its own pixels."""
        if ref.kind is SurfaceKind.SELECTION:
            self.tell(SelectionChanged(rect))
        elif ref.kind is SurfaceKind.MASK:
            self.tell(MaskChanged(ref.id, rect))
        else:
            layer = next((x for x in self.state.layers if x.id == ref.id), None)
            if layer is not None:
                self.tell(PixelsChanged(rect.translated(*layer.offset)))

    def announce(self, before: Structure, touched: Mapping[SurfaceRef, Rect]) -> None:
        """Tell how the structure differs from `before`, and which surfaces were touched where."""
        after = self.state.structure
        if before != after:
            self.keep_current_valid()
            self.tell(StructureChanged())
            if _looks(before) != _looks(after):
                self.tell(PixelsChanged(self.state.size.rect))
        for ref, rect in touched.items():
            self.tell_touched(ref, rect)

    def keep_current_valid(self) -> None:
        """Let go of what is gone; the top layer takes the place of a layer that is."""
        layers = [layer.id for layer in self.state.layers]
        masks = {mask.id for mask in self.state.masks}
        layer = self.current_layer
        if layer not in layers:
            layer = layers[-1] if layers else ""
        self.set_current(layer=layer, masks=tuple(x for x in self.current_masks if x in masks))


def _looks(structure: Structure) -> tuple[Layer, ...]:
    """What of a structure decides how the picture looks: names and locks do not."""
    return tuple(replace(layer, name="", locked=False) for layer in structure.layers)
