"""What is done in the docks, on the document: each signal of a panel becomes one step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QFocusEvent

from ovedit.document import BlendMode, Document, Transaction
from ovedit.errors import OVEditError
from ovedit.ui.commands import layer, mask
from ovedit.workflows import layers, mask_ops, segment, threshold

if TYPE_CHECKING:
    from ovedit.ui.main_window import MainWindow


class DockEdits(QObject):
    """Connects the masks, layers and history docks of a main window to its document."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._threshold: threshold.ThresholdPreview | None = None
        self._threshold_of: tuple[str, int] = ("", 0)
        self._opacity: Transaction | None = None
        self._connect_masks()
        self._connect_layers()
        window.session.document_changed.connect(self._drop_gesture)
        window.history.jump_requested.connect(lambda index: self._do(lambda d: d.jump(index)))

    def _connect_masks(self) -> None:
        panel, window = self._window.masks, self._window
        panel.selection_changed.connect(self._select_masks)
        panel.row_hovered.connect(self._highlight)
        panel.visibility_changed.connect(
            lambda id_, on: self._do(lambda d: mask_ops.show(d, self._ids(id_), visible=on))
        )
        panel.instance_ticked.connect(
            lambda id_, on: self._do(lambda d: mask_ops.show(d, (id_,), visible=on))
        )
        panel.renamed.connect(self._rename_mask)
        panel.candidate_requested.connect(
            lambda id_, index: self._do(lambda d: segment.choose_candidate(d, id_, index))
        )
        panel.threshold_moved.connect(self._preview_threshold)
        panel.threshold_committed.connect(self._set_threshold)
        panel.accept_requested.connect(
            lambda ids: window.context.run(lambda c: mask.accept_these(c, self._ids(*ids)))
        )
        panel.reject_requested.connect(
            lambda ids: self._do(lambda d: segment.reject(d, self._ids(*ids)))
        )
        panel.heat_map_toggled.connect(lambda on: window.canvas.overlays.show(heat_map=on))
        panel.add_requested.connect(lambda: window.context.run(mask.new))
        panel.menu_requested.connect(lambda _id, at: self._window.menus.popup("&Mask", at))

    def _connect_layers(self) -> None:
        panel, window = self._window.layers, self._window
        panel.selection_changed.connect(self._select_layer)
        panel.list.installEventFilter(self)
        panel.visibility_changed.connect(
            lambda id_, on: self._update(id_, "Show layer" if on else "Hide layer", visible=on)
        )
        panel.lock_changed.connect(
            lambda id_, on: self._update(id_, "Lock layer" if on else "Unlock layer", locked=on)
        )
        panel.renamed.connect(
            lambda id_, name: self._do(lambda d: layers.rename(d, id_, name=name))
        )
        panel.blend_mode_changed.connect(
            lambda id_, key: self._update(id_, "Blend mode", blend=BlendMode(key))
        )
        panel.opacity_moved.connect(self._move_opacity)
        panel.opacity_committed.connect(self._set_opacity)
        panel.moved.connect(self._move_layer)
        panel.rerun_requested.connect(lambda id_: window.assistant.run_again(id_))
        panel.add_requested.connect(lambda: window.context.run(layer.new))
        panel.duplicate_requested.connect(
            lambda ids: self._do(lambda d: [layers.duplicate(d, id_) for id_ in ids])
        )
        panel.delete_requested.connect(
            lambda ids: self._do(lambda d: [layers.remove(d, id_) for id_ in ids])
        )
        panel.menu_requested.connect(lambda _id, at: self._window.menus.popup("&Layer", at))

    # -- masks -----------------------------------------------------------------------------------

    def _ids(self, *row_ids: str) -> tuple[str, ...]:
        return self._window.bindings.mask_ids(row_ids)

    def _select_masks(self, row_ids: tuple[str, ...]) -> None:
        document = self._window.session.document
        if document is not None:
            document.set_current(masks=self._ids(*row_ids))

    def _highlight(self, row_id: str) -> None:
        ids = self._ids(row_id) if row_id else ()
        self._window.canvas.overlays.show(hovered=ids[0] if ids else "")

    def _rename_mask(self, row_id: str, name: str) -> None:
        ids = self._ids(row_id)
        if ids:
            self._do(lambda d: mask_ops.rename(d, ids[0], label=name))

    def _preview_threshold(self, row_id: str, value: float) -> None:
        document, canvas = self._window.session.document, self._window.canvas
        if document is None:
            return
        for mask_id in self._ids(row_id):
            key = (mask_id, canvas.preview_level)
            if self._threshold is None or self._threshold_of != key:
                self._threshold = threshold.ThresholdPreview(document.state, *key)
                self._threshold_of = key
            canvas.overlays.preview(mask_id, (key[1], self._threshold.at(value)))

    def _set_threshold(self, row_id: str, value: float) -> None:
        for mask_id in self._ids(row_id):
            self._do(lambda d, id_=mask_id: threshold.set_threshold(d, id_, value))
            self._window.canvas.overlays.preview(mask_id, None)
        self._threshold = None

    # -- layers ----------------------------------------------------------------------------------

    def _select_layer(self, ids: tuple[str, ...]) -> None:
        document = self._window.session.document
        if document is not None and ids:
            document.set_current(layer=ids[0], masks=())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """A click into the layers puts the layer in hand: brushes work on it, not on a mask."""
        document = self._window.session.document
        clicked = (
            isinstance(event, QFocusEvent)
            and event.type() is QEvent.Type.FocusIn
            and event.reason() is Qt.FocusReason.MouseFocusReason
        )
        if clicked and document is not None:
            document.set_current(masks=())
        return False

    def _update(self, layer_id: str, name: str, **changes: object) -> None:
        def change(document: Document) -> None:
            with document.transaction(name) as tx:
                tx.update_layer(layer_id, **changes)

        self._do(change)

    def _move_opacity(self, layer_id: str, value: float) -> None:
        def change(document: Document) -> None:
            if self._opacity is None:
                self._opacity = document.begin("Opacity")
            self._opacity.update_layer(layer_id, opacity=value)

        self._do(change)

    def _set_opacity(self, layer_id: str, value: float) -> None:
        self._move_opacity(layer_id, value)
        transaction, self._opacity = self._opacity, None
        if transaction is not None:
            transaction.commit()

    def _move_layer(self, layer_id: str, place: int) -> None:
        def change(document: Document) -> None:
            with document.transaction("Reorder layers") as tx:
                # The panel counts from the top, the document from the bottom.
                tx.move_layer(layer_id, len(document.layers) - 1 - place)

        self._do(change)

    # -- inside ----------------------------------------------------------------------------------

    def _drop_gesture(self) -> None:
        """Give up what is being dragged: its document was closed, or refuses."""
        transaction, self._opacity = self._opacity, None
        self._threshold = None
        if transaction is not None:
            transaction.rollback()

    def _do(self, change: Callable[[Document], object]) -> None:
        document = self._window.session.document
        if document is None:
            return
        try:
            change(document)
        except OVEditError as error:
            self._drop_gesture()
            self._window.say(error)
