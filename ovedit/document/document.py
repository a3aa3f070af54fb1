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

import numpy as np
from numpy.typing import NDArray

from ovedit.document.events import Event, HistoryChanged, HistoryFilling, HistoryPruned
from ovedit.document.history import History, Step
from ovedit.document.layers import Layer, RasterLayer
from ovedit.document.live import LiveState
from ovedit.document.masks import ClassMask
from ovedit.document.state import DocumentState, Structure, SurfaceRef, pixels_of
from ovedit.document.tiles import Surface
from ovedit.document.transaction import Transaction
from ovedit.errors import DocumentError
from ovedit.geometry import Rect, Size

Array = NDArray[np.uint8]

_FILLING = 0.85
"""Share of the history's budget from which observers are told that it fills up."""


class Document:
    """A picture being edited. Observers get every `Event` at once, also inside a transaction."""

    def __init__(
        self,
        size: Size,
        structure: Structure | None = None,
        surfaces: Mapping[SurfaceRef, Surface] | None = None,
        *,
        history_bytes: int = 1 << 30,
    ) -> None:
        state = DocumentState(size, structure or Structure(), dict(surfaces or {}))
        self.history = History(history_bytes)
        self._live = LiveState(state)
        self._saved_at: object = None
        self._transaction: Transaction | None = None

    @staticmethod
    def from_pixels(
        pixels: Array, name: str, *, locked: bool = False, history_bytes: int = 1 << 30
    ) -> Document:
        """A document of one raster layer over (H, W, 4) uint8, which it takes over."""
        layer = RasterLayer(name, locked=locked)
        surface = Surface.from_array(pixels)
        structure = Structure((layer,))
        surfaces = {pixels_of(layer.id): surface}
        return Document(surface.size, structure, surfaces, history_bytes=history_bytes)

    # -- reading ---------------------------------------------------------------------------------

    @property
    def state(self) -> DocumentState:
        """The document as it is now. Use `snapshot` for one that outlives the next change."""
        return self._live.state

    def snapshot(self) -> DocumentState:
        """A state that no later change touches. Costs next to nothing: tiles are shared."""
        return self._live.snapshot()

    @property
    def revision(self) -> int:
        """Grows with every change that reaches the picture, a mask or the structure."""
        return self._live.revision

    @property
    def size(self) -> Size:
        """Width and height of the picture."""
        return self.state.size

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Layers, bottom first."""
        return self.state.layers

    @property
    def masks(self) -> tuple[ClassMask, ...]:
        """Class masks in the order of the panel."""
        return self.state.masks

    @property
    def current_layer_id(self) -> str:
        """Id of the layer being worked on, empty where there is no layer."""
        return self._live.current_layer

    @property
    def current_mask_ids(self) -> tuple[str, ...]:
        """Ids of the masks being worked on."""
        return self._live.current_masks

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
        return self._live.subscribe(observer)

    def set_current(
        self, *, layer: str | None = None, masks: tuple[str, ...] | None = None
    ) -> None:
        """Choose what is worked on; None leaves it as it is. Not an undo step."""
        self._live.set_current(layer=layer, masks=masks)

    # -- changing --------------------------------------------------------------------------------

    def begin(self, name: str) -> Transaction:
        """Open a transaction for a gesture that spans several events. End it with commit/rollback.

        Raises `DocumentError` if one is open: gestures do not nest.
        """
        self._check_idle(f"“{name}” cannot start")
        self._transaction = Transaction(self._live, name, self._ended)
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
            tx.commit()
        except BaseException:
            if tx.is_open:
                tx.rollback()
            raise

    def perform(self, step: Step) -> None:
        """Do a step that was worked out on a copy, and remember it.

        The document must be as the copy was before that step. Raises `DocumentError` while a
        transaction is open.
        """
        self._check_idle(f"“{step.name}” cannot be done")
        self._apply(step, forward=True)
        self._ended(step)

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
        """Take back the last step. Raises `DocumentError` if there is none, or one is going on."""
        self._check_idle("Nothing can be undone")
        if not self.can_undo:
            raise DocumentError("There is nothing to undo.")
        self.jump(self.history.position - 1)

    def redo(self) -> None:
        """Do the last undone step again. Raises like `undo`."""
        self._check_idle("Nothing can be redone")
        if not self.can_redo:
            raise DocumentError("There is nothing to redo.")
        self.jump(self.history.position + 1)

    def jump(self, position: int) -> None:
        """Go to the state after `position` steps. Raises like `undo`, and if there is no such."""
        self._check_idle(f"Step {position} cannot be reached")
        if not 0 <= position <= len(self.history.steps):
            raise DocumentError(
                f"There is no step {position} in the history.",
                f"Choose one from 0 to {len(self.history.steps)}.",
            )
        while self.history.position > position:
            self.history.position -= 1
            self._apply(self.history.steps[self.history.position], forward=False)
        while self.history.position < position:
            self._apply(self.history.steps[self.history.position], forward=True)
            self.history.position += 1
        self._live.tell(HistoryChanged())

    def set_history_budget(self, nbytes: int) -> None:
        """Bound the history to `nbytes`, dropping the oldest steps at once if needed."""
        dropped = self.history.set_budget(nbytes)
        if dropped:
            self._live.tell(HistoryPruned(dropped))
            self._live.tell(HistoryChanged())

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
        self._live.tell(HistoryChanged())

    # -- inside ----------------------------------------------------------------------------------

    def _check_idle(self, what: str) -> None:
        if self._transaction is not None:
            raise DocumentError(
                f"{what} while “{self._transaction.name}” is going on.", "Finish it first."
            )

    def _ended(self, step: Step | None) -> None:
        """Remember the step of the transaction that has just closed."""
        self._transaction = None
        if step is None:
            return
        dropped = self.history.push(step)
        self._live.keep_current_valid()
        if dropped:
            self._live.tell(HistoryPruned(dropped))
        elif self.history.nbytes > _FILLING * self.history.budget:
            self._live.tell(HistoryFilling(self.history.nbytes, self.history.budget))
        self._live.tell(HistoryChanged())

    def _apply(self, step: Step, *, forward: bool) -> None:
        live, before = self._live, self.state.structure
        surfaces = dict(self.state.surfaces)
        touched: dict[SurfaceRef, Rect] = {}
        for ref, delta in step.deltas.items():
            touched[ref] = delta.rect()
            surface = delta.apply(surfaces.get(ref), forward=forward)
            if surface is None:
                surfaces.pop(ref, None)
            else:
                surfaces[ref] = surface
        live.replace(step.after if forward else step.before, surfaces)
        live.announce(before, touched)
        # Masks that come back are what the person wants to go on with.
        known = {mask.id for mask in before.masks}
        back = tuple(mask.id for mask in self.masks if mask.id not in known)
        if back:
            live.set_current(masks=back)
