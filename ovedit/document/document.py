"""The document: what is in the picture, and the only way to change it.

All changes happen in a transaction, which is one undo step, or none at all if it is rolled back:

    with document.transaction("Invert mask") as tx:
        tx.write(coverage_of(mask.id), rect, inverted)

Layers and masks are frozen values in a `Structure`; their pixels are `Surface`s found by
`SurfaceRef`. The two together are a `DocumentState`, which is cheap to take as a snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ovedit.document.events import (
    CurrentChanged,
    Event,
    HistoryChanged,
    HistoryFilling,
    HistoryPruned,
    MaskChanged,
    PixelsChanged,
    SelectionChanged,
    StructureChanged,
)
from ovedit.document.history import History, Step, SurfaceDelta
from ovedit.document.layers import Layer, RasterLayer
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
from ovedit.errors import DocumentError
from ovedit.geometry import Rect, Size

Array = NDArray[np.uint8]

_FILLING = 0.85
"""Share of the history's budget from which observers are told that it fills up."""


class Document:
    """A picture being edited.

    revision: grows with every change that reaches the picture, a mask or the structure.
    modified: whether there is something that has not been saved.
    Observers get every `Event` at once, also in the middle of a transaction.
    """

    def __init__(
        self,
        size: Size,
        structure: Structure | None = None,
        surfaces: Mapping[SurfaceRef, Surface] | None = None,
        *,
        history_bytes: int = 1 << 30,
    ) -> None:
        self._state = DocumentState(size, structure or Structure(), dict(surfaces or {}))
        self.history = History(history_bytes)
        self.revision = 0
        self._saved_at: object = None
        self._observers: list[Callable[[Event], None]] = []
        self._transaction: Transaction | None = None
        self.current_layer_id = self._state.layers[-1].id if self._state.layers else ""
        self.current_mask_ids: tuple[str, ...] = ()

    @staticmethod
    def from_pixels(pixels: Array, name: str, *, history_bytes: int = 1 << 30) -> Document:
        """A document of one raster layer over (H, W, 4) uint8, which it takes over."""
        layer = RasterLayer(name)
        surface = Surface.from_array(pixels)
        structure = Structure((layer,))
        surfaces = {pixels_of(layer.id): surface}
        return Document(surface.size, structure, surfaces, history_bytes=history_bytes)

    # -- reading ---------------------------------------------------------------------------------

    @property
    def state(self) -> DocumentState:
        """The document as it is now. Use `snapshot` for one that outlives the next change."""
        return self._state

    def snapshot(self) -> DocumentState:
        """A state that no later change touches. Costs next to nothing: tiles are shared."""
        surfaces = {ref: surface.copy() for ref, surface in self._state.surfaces.items()}
        return DocumentState(self._state.size, self._state.structure, surfaces)

    @property
    def size(self) -> Size:
        """Width and height of the picture."""
        return self._state.size

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Layers, bottom first."""
        return self._state.layers

    @property
    def masks(self) -> tuple[ClassMask, ...]:
        """Class masks in the order of the panel."""
        return self._state.masks

    @property
    def current_layer(self) -> Layer | None:
        """The layer being worked on."""
        return next((x for x in self.layers if x.id == self.current_layer_id), None)

    @property
    def current_masks(self) -> tuple[ClassMask, ...]:
        """The masks being worked on, in the order of the panel."""
        return tuple(mask for mask in self.masks if mask.id in self.current_mask_ids)

    # -- observing -------------------------------------------------------------------------------

    def subscribe(self, observer: Callable[[Event], None]) -> Callable[[], None]:
        """Call `observer` with every event from now on; returns a function that ends it."""
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    def set_current(
        self, *, layer: str | None = None, masks: tuple[str, ...] | None = None
    ) -> None:
        """Choose what is worked on. Not an undo step."""
        before = (self.current_layer_id, self.current_mask_ids)
        if layer is not None:
            self.current_layer_id = layer
        if masks is not None:
            self.current_mask_ids = masks
        if before != (self.current_layer_id, self.current_mask_ids):
            self._tell(CurrentChanged())

    # -- changing --------------------------------------------------------------------------------

    def begin(self, name: str) -> Transaction:
        """Open a transaction for a gesture that spans several events. End it with commit/rollback.

        Raises `DocumentError` if one is open: gestures do not nest.
        """
        if self._transaction is not None:
            raise DocumentError(
                f"“{name}” cannot start while “{self._transaction.name}” is going on.",
                "Finish it first.",
            )
        self._transaction = Transaction(self, name)
        return self._transaction

    @property
    def busy(self) -> bool:
        """Whether a transaction is open."""
        return self._transaction is not None

    @contextmanager
    def transaction(self, name: str) -> Iterator[Transaction]:
        """A transaction for one block: committed at its end, rolled back if it raises."""
        tx = self.begin(name)
        try:
            yield tx
        except BaseException:
            tx.rollback()
            raise
        tx.commit()

    # -- history ---------------------------------------------------------------------------------

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return self.history.position > 0 and not self.busy

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to redo."""
        return self.history.position < len(self.history.steps) and not self.busy

    def undo(self) -> None:
        """Take back the last step. Raises `DocumentError` if there is none."""
        if not self.can_undo:
            raise DocumentError("There is nothing to undo.")
        self.jump(self.history.position - 1)

    def redo(self) -> None:
        """Do the last undone step again. Raises `DocumentError` if there is none."""
        if not self.can_redo:
            raise DocumentError("There is nothing to redo.")
        self.jump(self.history.position + 1)

    def jump(self, position: int) -> None:
        """Go to the state after `position` steps. Raises `DocumentError` if there is no such."""
        if self.busy or not 0 <= position <= len(self.history.steps):
            raise DocumentError(f"There is no step {position} in the history.")
        while self.history.position > position:
            self.history.position -= 1
            self._apply(self.history.steps[self.history.position], forward=False)
        while self.history.position < position:
            self._apply(self.history.steps[self.history.position], forward=True)
            self.history.position += 1
        self._tell(HistoryChanged())

    def set_history_budget(self, nbytes: int) -> None:
        """Bound the history to `nbytes`, dropping the oldest steps at once if needed."""
        dropped = self.history.set_budget(nbytes)
        if dropped:
            self._tell(HistoryPruned(dropped))
            self._tell(HistoryChanged())

    @property
    def marker(self) -> object:
        """Stands for the document as it is now: the same again after an undo and a redo."""
        return self.history.marker

    @property
    def modified(self) -> bool:
        """Whether the document differs from what was last saved."""
        return self._saved_at is not self.marker

    def mark_saved(self, marker: object = None) -> None:
        """Remember that what `marker` stands for is on disk, or the document as it is now."""
        self._saved_at = self.marker if marker is None else marker
        self._tell(HistoryChanged())

    # -- inside ----------------------------------------------------------------------------------

    def _tell(self, event: Event) -> None:
        for observer in tuple(self._observers):
            observer(event)

    def _replace_state(self, structure: Structure, surfaces: Mapping[SurfaceRef, Surface]) -> None:
        self._state = DocumentState(self._state.size, structure, surfaces)
        self.revision += 1

    def _apply(self, step: Step, *, forward: bool) -> None:
        before = self._state.structure
        surfaces = dict(self._state.surfaces)
        for ref, delta in step.deltas.items():
            surface = delta.apply(surfaces.get(ref), forward=forward)
            if surface is None:
                surfaces.pop(ref, None)
            else:
                surfaces[ref] = surface
        self._replace_state(step.after if forward else step.before, surfaces)
        self._announce(before, {ref: delta.rect() for ref, delta in step.deltas.items()})
        # Masks that come back are what the person wants to go on with.
        known = {mask.id for mask in before.masks}
        back = tuple(mask.id for mask in self.masks if mask.id not in known)
        if back:
            self.set_current(masks=back)

    def _announce(self, before: Structure, touched: Mapping[SurfaceRef, Rect]) -> None:
        """Tell observers what a whole step, a commit or a roll back changed."""
        after = self._state.structure
        if before != after:
            self._keep_current_valid()
            self._tell(StructureChanged())
            if _looks(before) != _looks(after):
                self._tell(PixelsChanged(self.size.rect))
        for ref, rect in touched.items():
            self._tell_touched(ref, rect)

    def _tell_touched(self, ref: SurfaceRef, rect: Rect) -> None:
        if ref.kind is SurfaceKind.SELECTION:
            self._tell(SelectionChanged(rect))
        elif ref.kind is SurfaceKind.MASK:
            self._tell(MaskChanged(ref.id, rect))
        else:
            layer = next((x for x in self.layers if x.id == ref.id), None)
            if layer is not None:
                self._tell(PixelsChanged(rect.translated(*layer.offset)))

    def _keep_current_valid(self) -> None:
        layer_ids = [layer.id for layer in self.layers]
        mask_ids = {mask.id for mask in self.masks}
        layer = self.current_layer_id
        if layer not in layer_ids:
            layer = layer_ids[-1] if layer_ids else ""
        self.set_current(
            layer=layer, masks=tuple(x for x in self.current_mask_ids if x in mask_ids)
        )


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


def _looks(structure: Structure) -> tuple[Layer, ...]:
    """What of a structure decides how the picture looks: names and locks do not."""
    return tuple(replace(layer, name="", locked=False) for layer in structure.layers)


class Transaction:
    """Changes that become one undo step, or none.

    Observers see every change at once. After `commit` or `rollback` it is closed.
    """

    def __init__(self, document: Document, name: str) -> None:
        self.name = name
        self._document = document
        self._before = document.snapshot()
        self._writing: dict[SurfaceRef, Surface] = {}
        self._open = True

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
        self._document.set_current(layer=layer.id)

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
        self._document._tell(PixelsChanged(self._state.size.rect))

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
        self._writable(ref).write(rect, pixels)
        self._document.revision += 1
        self._document._tell_touched(ref, rect)

    def replace_surface(self, ref: SurfaceRef, surface: Surface) -> None:
        """Put a whole surface in place of the one named by `ref`."""
        self._check_unlocked(ref)
        self._writing.pop(ref, None)
        self._set(surfaces={ref: surface})
        self._document._tell_touched(ref, surface.size.rect)

    def set_selection(self, selection: Surface | None) -> None:
        """Select the soft area, or everything with None."""
        if selection is None:
            self._set(drop=(SELECTION,))
        else:
            self._writing.pop(SELECTION, None)
            self._set(surfaces={SELECTION: selection})
        self._document._tell(SelectionChanged(self._state.size.rect))

    # -- ending ----------------------------------------------------------------------------------

    def commit(self) -> None:
        """Close the transaction and make it one undo step; nothing is added if nothing changed."""
        self._close()
        document, before, after = self._document, self._before, self._state
        deltas: dict[SurfaceRef, SurfaceDelta] = {}
        for ref in before.surfaces.keys() | after.surfaces.keys():
            delta = SurfaceDelta.between(before.surfaces.get(ref), after.surfaces.get(ref))
            if delta is not None:
                deltas[ref] = delta
        if not deltas and before.structure == after.structure:
            return
        step = Step(self.name, before.structure, after.structure, deltas)
        dropped = document.history.push(step)
        document._keep_current_valid()
        if dropped:
            document._tell(HistoryPruned(dropped))
        elif document.history.nbytes > _FILLING * document.history.budget:
            document._tell(HistoryFilling(document.history.nbytes, document.history.budget))
        document._tell(HistoryChanged())

    def rollback(self) -> None:
        """Close the transaction and put everything back as it was."""
        self._close()
        document, now = self._document, self._state
        touched: dict[SurfaceRef, Rect] = {}
        for ref in self._before.surfaces.keys() | now.surfaces.keys():
            rect = _difference(now.surfaces.get(ref), self._before.surfaces.get(ref))
            if rect:
                touched[ref] = rect
        document._replace_state(self._before.structure, self._before.surfaces)
        document._announce(now.structure, touched)

    def _close(self) -> None:
        if not self._open:
            raise DocumentError(f"“{self.name}” is already finished.")
        self._open = False
        self._document._transaction = None

    # -- inside ----------------------------------------------------------------------------------

    @property
    def _state(self) -> DocumentState:
        return self._document.state

    def _unlocked(self, layer_id: str) -> Layer:
        layer = self._state.layer(layer_id)
        if layer.locked:
            raise DocumentError(f"The layer “{layer.name}” is locked.", "Unlock it first.")
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
        if not self._open:
            raise DocumentError(f"“{self.name}” is already finished.")
        before = self._state.structure
        after = Structure(
            before.layers if layers is None else layers, before.masks if masks is None else masks
        )
        merged = {k: v for k, v in self._state.surfaces.items() if k not in drop}
        merged.update(surfaces or {})
        self._document._replace_state(after, merged)
        if announce:
            self._document._announce(before, {})
