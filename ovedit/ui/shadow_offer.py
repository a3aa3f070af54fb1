"""Looks for the shadow of what is to be removed, and offers to remove it too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from ovedit.document import coverage_of
from ovedit.document.shadows import Attached
from ovedit.errors import OVEditError, UsageError
from ovedit.ui.background import Background
from ovedit.ui.commands.edit import masks_to_edit
from ovedit.workflows import shadow
from ovedit.workflows.variations import picture_marks, same_picture

if TYPE_CHECKING:
    from ovedit.ui.main_window import MainWindow

_DELAY_MS = 400
"""It takes up to a second of a core: not after every stroke of a brush."""


class ShadowOffer(QObject):
    """Sets the tick beside Remove; `with_shadow` makes a mask of what was found."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._line = window.prompt.edit_line
        self._looking = Background(self)
        self._asked: tuple[object, ...] = ()
        self._found: dict[str, Attached] = {}
        self._due = QTimer(self, singleShot=True, interval=_DELAY_MS)
        self._due.timeout.connect(self._look)
        window.menus.refreshed.connect(self._due.start)
        self._line.changed.connect(self._due.start)
        window.session.document_changed.connect(self._forget)

    @property
    def busy(self) -> bool:
        """Whether one is being looked for, or is about to be."""
        return self._looking.busy or self._due.isActive()

    def with_shadow(self, mask_ids: tuple[str, ...]) -> tuple[str, ...]:
        """The masks with the one of the shadow that was found for them, a new mask."""
        document = self._window.session.document
        found = [(i, self._found[i]) for i in mask_ids if i in self._found]
        if document is None or not found:
            return mask_ids
        return (*mask_ids, *(shadow.add(document, i, attached) for i, attached in found))

    def _forget(self) -> None:
        self._looking.abandon()
        self._asked = ()
        self._found.clear()
        self._line.offer_shadow("")

    def _look(self) -> None:
        document = self._window.session.document
        if self._line.kind.current != "remove" or document is None:
            return
        if document.busy:
            self._due.start()
            return
        try:
            ids = masks_to_edit(self._window.context)
        except UsageError:
            ids = ()
        if len(ids) != 1:
            self._forget()
            return
        (mask_id,) = ids
        surface = document.state.surfaces.get(coverage_of(mask_id))
        asked = (surface, *picture_marks(document.state))
        if same_picture(asked, self._asked):
            return
        self._forget()
        self._asked = asked
        state = document.snapshot()

        def found(attached: Attached | None) -> None:
            if attached is not None:
                self._found = {mask_id: attached}
                self._line.offer_shadow(attached.kind)

        def failed(_error: OVEditError) -> None:
            self._forget()

        self._looking.run(lambda: shadow.find(state, mask_id), found, failed, disposable=True)
