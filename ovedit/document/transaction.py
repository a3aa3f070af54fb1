"""A transaction: changes to a document that become one undo step, or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ovedit.document.events import PixelsChanged, SelectionChanged
from ovedit.document.history import Step, SurfaceDelta
from ovedit.document.layers import Layer
from ovedit.document.live import LiveState
from ovedit.document.masks import ClassMask
from ovedit.document.state import (
    SELECTION,
    DocumentState,
    Structure,
    SurfaceKind,
    SurfaceRef,
    alpha_mask_of,
    coverage_of,
    pixels_of,
)
from ovedit.document.tiles import Surface
from ovedit.errors import DocumentError, LockedError
from ovedit.geometry import Rect

Array = NDArray[np.uint8]


class Transaction:
    """Changes that become one undo step, or none.

    Observers see every change at once. After `commit` or `rollback` it is closed, and all of its
    methods raise `DocumentError`; so do those that change a locked layer, or what is not there.
    is_open: whether it takes changes.
    """

    def __init__(self, live: LiveState, name: str, ended: Callable[[Step | None], None]) -> None:
        """Begin to change `live`. ended: called with the step to remember, or None for no step."""
        self.name = name
        self.is_open = True
        self._live = live
        self._before = live.snapshot()
        self._ended = ended
        self._writing: dict[SurfaceRef, Surface] = {}

    # -- layers ----------------------------------------------------------------------------------

    def add_layer(
        self,
        layer: Layer,
        pixels: Surface,
        *,
        index: int | None = None,
        alpha_mask: Surface | None = None,
    ) -> None:
        """Put a layer at `index` (0 is the bottom, None the top) and make it the current one."""
        layers = list(self._state.layers)
        layers.insert(len(layers) if index is None else index, layer)
        surfaces = {pixels_of(layer.id): pixels}
        if alpha_mask is not None:
            surfaces[alpha_mask_of(layer.id)] = alpha_mask
        self._set(layers=tuple(layers), surfaces=surfaces)
        self._live.set_current(layer=layer.id)

    def remove_layer(self, layer_id: str) -> None:
        """Remove a layer and its pixels."""
        layer = self._unlocked(layer_id)
        self._set(
            layers=tuple(x for x in self._state.layers if x is not layer),
            drop=(pixels_of(layer_id), alpha_mask_of(layer_id)),
        )

    def update_layer(self, layer_id: str, **changes: Any) -> None:
        """Change properties of a layer (name, visible, opacity, locked, blend, offset, …)."""
        layer = self._state.layer(layer_id)
        if layer.locked and changes.keys() - {"locked", "visible", "name"}:
            self._unlocked(layer_id)
        changed = replace(layer, **changes)
        self._set(layers=tuple(changed if x is layer else x for x in self._state.layers))

    def move_layer(self, layer_id: str, index: int) -> None:
        """Put a layer at another place in the stack (0 is the bottom)."""
        layer = self._state.layer(layer_id)
        layers = [x for x in self._state.layers if x is not layer]
        layers.insert(index, layer)
        self._set(layers=tuple(layers))

    def set_alpha_mask(self, layer_id: str, alpha_mask: Surface | None) -> None:
        """Give a layer an alpha mask, or take it away."""
        layer = self._unlocked(layer_id)
        changed = replace(layer, has_alpha_mask=alpha_mask is not None)
        ref = alpha_mask_of(layer_id)
        self._set(
            layers=tuple(changed if x is layer else x for x in self._state.layers),
            surfaces={ref: alpha_mask} if alpha_mask is not None else {},
            drop=() if alpha_mask is not None else (ref,),
        )
        self._live.tell(PixelsChanged(self._state.size.rect))

    # -- masks -----------------------------------------------------------------------------------

    def add_mask(self, mask: ClassMask, coverage: Surface, *, index: int | None = None) -> None:
        """Add a class mask, at the end of the panel unless `index` says otherwise."""
        masks = list(self._state.masks)
        masks.insert(len(masks) if index is None else index, mask)
        self._set(masks=tuple(masks), surfaces={coverage_of(mask.id): coverage})

    def remove_mask(self, mask_id: str) -> None:
        """Remove a class mask."""
        mask = self._state.mask(mask_id)
        self._set(
            masks=tuple(x for x in self._state.masks if x is not mask),
            drop=(coverage_of(mask_id),),
        )

    def update_mask(self, mask_id: str, **changes: Any) -> None:
        """Change properties of a class mask (label, visible, accepted, threshold, …)."""
        mask = self._state.mask(mask_id)
        changed = replace(mask, **changes)
        self._set(masks=tuple(changed if x is mask else x for x in self._state.masks))

    # -- pixels ----------------------------------------------------------------------------------

    def write(self, ref: SurfaceRef, rect: Rect, pixels: Array) -> None:
        """Replace the pixels of `rect`, which is in the surface's own pixels.

        Raises `DocumentError` for a locked layer.
        """
        self._check_open()
        self._writable(ref).write(rect, pixels)
        self._live.revision += 1
        self._live.tell_touched(ref, rect)

    def replace_surface(self, ref: SurfaceRef, surface: Surface) -> None:
        """Put a whole surface in place of the one named by `ref`."""
        self._check_unlocked(ref)
        self._set(surfaces={ref: surface})
        self._live.tell_touched(ref, surface.size.rect)

    def set_selection(self, selection: Surface | None) -> None:
        """Select the soft area, or everything with None."""
        if selection is None:
            self._set(drop=(SELECTION,))
        else:
            self._set(surfaces={SELECTION: selection})
        self._live.tell(SelectionChanged(self._state.size.rect))

    # -- ending ----------------------------------------------------------------------------------

    def commit(self) -> None:
        """Close the transaction and make it one undo step; nothing is added if nothing changed."""
        self._check_open()
        step = _step_between(self.name, self._before, self._state)
        self.is_open = False
        self._ended(step)

    def rollback(self) -> None:
        """Close the transaction and put everything back as it was."""
        self._check_open()
        self.is_open = False
        now = self._state
        touched: dict[SurfaceRef, Rect] = {}
        for ref in self._before.surfaces.keys() | now.surfaces.keys():
            rect = _difference(now.surfaces.get(ref), self._before.surfaces.get(ref))
            if rect:
                touched[ref] = rect
        self._live.replace(self._before.structure, self._before.surfaces)
        self._ended(None)
        self._live.announce(now.structure, touched)

    # -- inside ----------------------------------------------------------------------------------

    @property
    def _state(self) -> DocumentState:
        return self._live.state

    def _check_open(self) -> None:
        if not self.is_open:
            raise DocumentError(f"“{self.name}” is already finished.", "Begin it again.")

    def _unlocked(self, layer_id: str) -> Layer:
        layer = self._state.layer(layer_id)
        if layer.locked:
            raise LockedError(f"The layer “{layer.name}” is locked.", "Unlock it first.")
        return layer

    def _check_unlocked(self, ref: SurfaceRef) -> None:
        if ref.kind in (SurfaceKind.PIXELS, SurfaceKind.ALPHA_MASK):
            self._unlocked(ref.id)

    def _writable(self, ref: SurfaceRef) -> Surface:
        self._check_unlocked(ref)
        surface = self._writing.get(ref)
        if surface is None or self._state.surfaces.get(ref) is not surface:
            surface = self._state.surface(ref).copy()
            self._writing[ref] = surface
            self._set(surfaces={ref: surface}, announce=False)
        return surface

    def _set(
        self,
        *,
        layers: tuple[Layer, ...] | None = None,
        masks: tuple[ClassMask, ...] | None = None,
        surfaces: Mapping[SurfaceRef, Surface] | None = None,
        drop: tuple[SurfaceRef, ...] = (),
        announce: bool = True,
    ) -> None:
        self._check_open()
        before = self._state.structure
        after = Structure(
            before.layers if layers is None else layers, before.masks if masks is None else masks
        )
        merged = {k: v for k, v in self._state.surfaces.items() if k not in drop}
        merged.update(surfaces or {})
        self._live.replace(after, merged)
        if announce:
            self._live.announce(before, {})


def _step_between(name: str, before: DocumentState, after: DocumentState) -> Step | None:
    """What turns one state into the other, or None where they are the same."""
    deltas: dict[SurfaceRef, SurfaceDelta] = {}
    for ref in before.surfaces.keys() | after.surfaces.keys():
        delta = SurfaceDelta.between(before.surfaces.get(ref), after.surfaces.get(ref))
        if delta is not None:
            deltas[ref] = delta
    if not deltas and before.structure == after.structure:
        return None
    return Step(name, before.structure, after.structure, deltas)


def _difference(one: Surface | None, other: Surface | None) -> Rect:
    """The tiles in which two surfaces may differ; all of both where they share no grid."""
    if one is None or other is None or one.size != other.size:
        found = [surface.size.rect for surface in (one, other) if surface is not None]
    else:
        found = [one.tile_rect(key) for key in one.changed_tiles(other)]
    area = Rect(0, 0, 0, 0)
    for rect in found:
        area = area.union(rect)
    return area
