"""Keeps the docks showing the document: events in, rows out, once per turn of the event loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QColor, QImage

from ovedit.document import (
    Candidate,
    ClassMask,
    Document,
    EditLayer,
    Layer,
    Surface,
    pixels_of,
)
from ovedit.document.events import (
    CurrentChanged,
    Event,
    HistoryChanged,
    HistoryFilling,
    HistoryPruned,
    PixelsChanged,
    StructureChanged,
)
from ovedit.engine.protocols import EngineInfo
from ovedit.ui.background import Background
from ovedit.ui.how_made import tip
from ovedit.ui.panels.history import HistoryPanel
from ovedit.ui.panels.layers import LayerRow, LayersPanel
from ovedit.ui.panels.masks import InstanceRow, MaskRow, MasksPanel
from ovedit.ui.panels.pictures import candidate_pictures
from ovedit.ui.qimage import to_qimage

_THUMBNAIL = 128
_THUMBNAIL_DELAY_MS = 250


class Bindings(QObject):
    """Mirrors one document in the masks, layers and history docks.

    opened_as: what the history calls the state before its first step.
    """

    def __init__(
        self,
        masks: MasksPanel,
        layers: LayersPanel,
        history: HistoryPanel,
        engines: Callable[[], Sequence[EngineInfo]],
        parent: QObject,
    ) -> None:
        """engines: tells those known, for what is said of a layer that one of them made."""
        super().__init__(parent)
        self._engines = engines
        self._masks, self._layers, self._history = masks, layers, history
        self._document: Document | None = None
        self._opened_as = "Open"
        self._unsubscribe: Callable[[], None] = lambda: None
        self._thumbnails: dict[str, tuple[Surface, QImage]] = {}
        self._pictured: tuple[Candidate, ...] = ()
        self._pictures: tuple[QImage, ...] = ()
        self._shrinking = Background(self)
        self._rows_due = _once(self, 0, self._show_rows)
        self._history_due = _once(self, 0, self._show_history)
        self._new_layers_due = _once(self, 0, self._renew_thumbnails)
        self._thumbnails_due = _once(self, _THUMBNAIL_DELAY_MS, self._renew_thumbnails)

    def show(self, document: Document | None, opened_as: str = "Open") -> None:
        """Mirror another document, or none."""
        self._unsubscribe()
        self._shrinking.abandon()
        self._document, self._opened_as = document, opened_as
        self._thumbnails.clear()
        self._pictured = self._pictures = ()
        self._unsubscribe = (
            document.subscribe(self._on_event) if document is not None else lambda: None
        )
        self._history.set_notice("")
        self._renew_thumbnails()
        self._show_history()

    def mask_ids(self, row_ids: tuple[str, ...]) -> tuple[str, ...]:
        """The masks behind rows of the masks dock: a group's row stands for all its masks."""
        if self._document is None:
            return ()
        return tuple(
            mask.id for mask in self._document.masks if mask.id in row_ids or mask.group in row_ids
        )

    def _on_event(self, event: Event) -> None:
        if isinstance(event, StructureChanged | CurrentChanged):
            self._rows_due.start()
            layers = () if self._document is None else self._document.layers
            if any(layer.id not in self._thumbnails for layer in layers):
                self._new_layers_due.start()
        elif isinstance(event, PixelsChanged):
            self._thumbnails_due.start()
        elif isinstance(event, HistoryChanged):
            self._history_due.start()
        elif isinstance(event, HistoryFilling):
            used, budget = event.used >> 20, event.budget >> 20
            self._history.set_notice(
                f"The history holds {used} of {budget} MB: the oldest steps will be dropped soon."
            )
        elif isinstance(event, HistoryPruned):
            count = len(event.names)
            steps = "the oldest step was" if count == 1 else f"the {count} oldest steps were"
            self._history.set_notice(f"The history is full: {steps} dropped.")

    # -- rows ------------------------------------------------------------------------------------

    def _show_rows(self) -> None:
        document = self._document
        if document is None:
            self._masks.set_rows(())
            self._layers.set_rows(())
            return
        current = document.current_mask_ids
        masks = _mask_rows(document.masks)
        if len(current) == 1:
            masks = [self._with_pictures(document, m) if m.id in current else m for m in masks]
        self._masks.set_rows(masks, current)
        rows = [self._layer_row(document, layer) for layer in reversed(document.layers)]
        self._layers.set_rows(rows, (document.current_layer_id,))

    def _with_pictures(self, document: Document, row: MaskRow) -> MaskRow:
        """The row with small pictures of its candidates, where it has several to choose from."""
        candidates = document.state.mask(row.id).candidates
        if len(candidates) < 2:
            return row
        if self._pictured != candidates:
            self._pictured = candidates
            self._pictures = candidate_pictures(document.state, candidates)
        return replace(row, pictures=self._pictures)

    def _layer_row(self, document: Document, layer: Layer) -> LayerRow:
        recipe = layer.recipe if isinstance(layer, EditLayer) else None
        known = self._thumbnails.get(layer.id)
        return LayerRow(
            layer.id,
            layer.name,
            detail=f"seed {recipe.seed}" if recipe is not None else "",
            visible=layer.visible,
            locked=layer.locked,
            opacity=layer.opacity,
            blend_mode=str(layer.blend),
            rerunnable=recipe is not None,
            tip=tip(recipe, self._engines()) if recipe is not None else "",
            thumbnail=known[1] if known is not None else QImage(),
        )

    def _renew_thumbnails(self) -> None:
        """Make the small pictures that are missing or out of date, on another thread."""
        document = self._document
        if document is None or document.busy or self._shrinking.busy:
            if document is not None:
                self._thumbnails_due.start()
            self._show_rows()
            return
        surfaces = {x.id: document.state.surface(pixels_of(x.id)) for x in document.layers}
        # The old ones are shown until the new ones are there.
        self._thumbnails = {k: v for k, v in self._thumbnails.items() if k in surfaces}
        shown = {key: surface for key, (surface, _) in self._thumbnails.items()}
        stale = {k: surface for k, surface in surfaces.items() if shown.get(k) is not surface}
        copies = {key: surface.copy() for key, surface in stale.items()}

        def shrink() -> dict[str, QImage]:
            return {key: _thumbnail(copy) for key, copy in copies.items()}

        def made(images: dict[str, QImage]) -> None:
            if document is self._document:
                for key, image in images.items():
                    self._thumbnails[key] = (stale[key], image)
                self._show_rows()

        if copies:
            # What goes wrong is logged; the layer shows no picture then.
            self._shrinking.run(shrink, made, lambda _error: None, disposable=True)
        self._show_rows()

    # -- history ---------------------------------------------------------------------------------

    def _show_history(self) -> None:
        document = self._document
        if document is None:
            self._history.set_steps((), -1)
            return
        names = [self._opened_as, *(step.name for step in document.history.steps)]
        self._history.set_steps(names, document.history.position)


def _once(parent: QObject, delay: int, work: Callable[[], None]) -> QTimer:
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(delay)
    timer.timeout.connect(work)
    return timer


def _thumbnail(surface: Surface) -> QImage:
    level = 0
    while max(surface.size.width, surface.size.height) >> level > _THUMBNAIL:
        level += 1
    pixels = surface.read(surface.level_size(level).rect, level)
    return QImage() if pixels is None else to_qimage(pixels)


def _mask_rows(masks: tuple[ClassMask, ...]) -> list[MaskRow]:
    """A row for each mask, and one for each group of instances, where its first one stands."""
    rows: list[MaskRow] = []
    done: set[str] = set()
    for mask in masks:
        group = [other for other in masks if mask.group and other.group == mask.group]
        if len(group) < 2:
            rows.append(_mask_row(mask))
        elif mask.group not in done:
            done.add(mask.group)
            rows.append(_group_row(group))
    return rows


def _mask_row(mask: ClassMask) -> MaskRow:
    return MaskRow(
        mask.id,
        mask.label,
        QColor(*mask.colour).name(),
        score=mask.score,
        visible=mask.visible,
        accepted=mask.accepted,
        threshold=mask.threshold if mask.candidates else None,
        candidates=len(mask.candidates),
        candidate=mask.chosen,
        reason=mask.candidate.reason if mask.candidate is not None else "",
    )


def _group_row(group: list[ClassMask]) -> MaskRow:
    first = group[0]
    scores = [mask.score for mask in group if mask.score is not None]
    return MaskRow(
        first.group,
        first.phrase or first.label,
        QColor(*first.colour).name(),
        score=max(scores, default=None),
        visible=any(mask.visible for mask in group),
        accepted=all(mask.accepted for mask in group),
        instances=tuple(
            InstanceRow(
                mask.id,
                mask.label,
                mask.score,
                ticked=mask.visible,
                threshold=mask.threshold if mask.candidates else None,
                reason=mask.candidate.reason if mask.candidate is not None else "",
            )
            for mask in group
        ),
    )
