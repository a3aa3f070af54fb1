"""One model in full: what it is for, what it costs, and the buttons to get or remove it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from PySide6.QtCore import QSize, Qt, QUrl, Signal, SignalInstance
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from ovedit.engine.library import Model, ModelState, Presence
from ovedit.engine.protocols import EngineInfo
from ovedit.service.downloads import Errand, Transfer
from ovedit.ui.dialogs.models.words import (
    PURPOSES,
    download_text,
    licence_text,
    memory_text,
    percent,
    place_text,
    room_error,
    transfer_text,
    use_text,
)
from ovedit.ui.widgets.basics import ThinBar, label, rule, set_role
from ovedit.ui.widgets.buttons import CheckBox
from ovedit.units import size_text

_NAME_WIDTH = 84


class ModelDetail(QWidget):
    """Shows one model and lets the person act on it.

    Signals, each with the model's id: get_wanted, stop_wanted, discard_wanted (stop, and delete
    what came), verify_wanted, remove_wanted. bundle_wanted() for the button of `show_bundle`.
    """

    get_wanted = Signal(str)
    stop_wanted = Signal(str)
    discard_wanted = Signal(str)
    verify_wanted = Signal(str)
    remove_wanted = Signal(str)
    bundle_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model: Model | None = None
        self._state: ModelState | None = None
        self._transfer: Transfer | None = None
        self._free = 0
        self._said: dict[str, tuple[str, str]] = {}
        self._title = label("", "title")
        self._title.setWordWrap(True)
        self._purpose = label("", "dim")
        self._good, self._bad = _words(), _words()
        self._facts = {
            name: _words()
            for name in ("Download", "Memory", "Licence", "Used by", "Place", "Publisher", "Name")
        }
        for name in ("Licence", "Publisher"):
            self._facts[name].setTextFormat(Qt.TextFormat.RichText)
            self._facts[name].setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
            self._facts[name].setOpenExternalLinks(True)
        for name in ("Place", "Name"):
            self._facts[name].setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._message = _words()
        self._bar = ThinBar("Progress of this model")
        self._how_far = label("", "dim")
        self.accept_terms = CheckBox("I have read the licence and accept it")
        self.get = QPushButton("Download")
        set_role(self.get, primary=True)
        self.bundle = QPushButton()
        self.bundle.hide()
        self.stop = QPushButton("Pause")
        self.discard = QPushButton("Delete what came")
        self.verify = QPushButton("Check files")
        self.open_folder = QPushButton("Open folder")
        self.remove = QPushButton("Remove")
        self._lay_out()
        # Nothing is there to read or do before a model is shown.
        self._body.hide()
        self._foot.hide()
        self.get.clicked.connect(lambda: self._ask(self.get_wanted))
        self.stop.clicked.connect(lambda: self._ask(self.stop_wanted))
        self.discard.clicked.connect(lambda: self._ask(self.discard_wanted))
        self.bundle.clicked.connect(self.bundle_wanted)
        self.verify.clicked.connect(lambda: self._ask(self.verify_wanted))
        self.remove.clicked.connect(lambda: self._ask(self.remove_wanted))
        self.open_folder.clicked.connect(self._open_folder)
        self.accept_terms.toggled.connect(self._show_actions)

    def _lay_out(self) -> None:
        facts = QFormLayout()
        facts.setHorizontalSpacing(16)
        facts.setVerticalSpacing(8)
        facts.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        for name, field in self._facts.items():
            words = label(name, "dim")
            words.setMinimumWidth(_NAME_WIDTH)
            words.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
            field.setAccessibleName(name)
            facts.addRow(words, field)
        self._body = QWidget()
        self._body.setObjectName("rows")
        column = QVBoxLayout(self._body)
        column.setContentsMargins(24, 18, 24, 12)
        column.setSpacing(4)
        column.addWidget(self._title)
        column.addWidget(self._purpose)
        column.addSpacing(8)
        column.addWidget(self._good)
        column.addWidget(self._bad)
        column.addSpacing(12)
        column.addLayout(facts)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setObjectName("rows")
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(self._body)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button in (
            self.get,
            self.bundle,
            self.stop,
            self.discard,
            self.verify,
            self.open_folder,
        ):
            button.setAutoDefault(False)
            buttons.addWidget(button)
        buttons.addStretch(1)
        self.remove.setAutoDefault(False)
        buttons.addWidget(self.remove)
        self._foot = QWidget()
        foot = QVBoxLayout(self._foot)
        foot.setContentsMargins(24, 12, 24, 14)
        foot.setSpacing(10)
        set_role(self._message, role="message")
        for widget in (self._message, self._how_far, self._bar, self.accept_terms):
            foot.addWidget(widget)
        foot.addLayout(buttons)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(scroll, 1)
        whole.addWidget(rule())
        whole.addWidget(self._foot)

    def sizeHint(self) -> QSize:
        """Room for the facts without a scroll bar."""
        return QSize(540, 520)

    @property
    def model_id(self) -> str:
        """The model shown, or empty."""
        return "" if self._model is None else self._model.id

    def show_model(
        self, model: Model, engines: Sequence[EngineInfo], parts: Sequence[Model] = ()
    ) -> None:
        """Show another model; `parts` are those that come along with it."""
        self._model = model
        self._body.show()
        self.accept_terms.setChecked(False)
        self._title.setText(model.title)
        self._purpose.setText(PURPOSES[model.task])
        self._good.setText(model.good_at)
        self._bad.setText(model.bad_at)
        texts = {
            "Download": download_text(model, parts),
            "Memory": memory_text(model),
            "Licence": f"{_link(model.licence.url, model.licence.name)}: {licence_text(model)}",
            "Used by": use_text(model, engines),
            "Publisher": _link(model.page, model.repository) if model.page else "Yourself",
            "Name": model.id,
        }
        for name, text in texts.items():
            self._facts[name].setText(text)

    def show_state(self, state: ModelState, transfer: Transfer | None, free: int) -> None:
        """Show where it stands; `free` is the room on the disk that downloads go to."""
        self._state, self._transfer, self._free = state, transfer, free
        self._facts["Place"].setText(place_text(state))
        self._show_actions()

    def show_bundle(self, text: str) -> None:
        """Offer to get all that an engine lacks at once; "" takes the offer away."""
        self.bundle.setText(text)
        self.bundle.setVisible(bool(text))

    def say(self, model_id: str, text: str, kind: str = "info") -> None:
        """Keep a sentence for a model until something else happens to it; "" takes it away."""
        self._said[model_id] = (text, kind)
        self._show_actions()

    def show_problem(self, text: str) -> None:
        """Show why there is no model to show."""
        self._model = self._state = None
        self._body.hide()
        for widget in self._foot.findChildren(QWidget):
            widget.hide()
        self._message.setText(text)
        set_role(self._message, kind="error")
        self._message.show()
        self._foot.show()

    def _show_actions(self) -> None:
        model, state, transfer = self._model, self._state, self._transfer
        if model is None or state is None:
            return
        self._foot.show()
        own_folder = state.presence is Presence.READY and model.own
        idle, getting = transfer is None, transfer is not None and transfer.errand is Errand.GET
        ready = state.presence is Presence.READY
        problem = "" if transfer else room_error(model, state, self._free)
        said, kind = self._said.get(model.id, ("", "info"))
        self._message.setText(said or problem)
        self._message.setVisible(bool(said or problem))
        set_role(self._message, kind=kind if said else "error")
        progress = transfer.progress if transfer else None
        self._bar.setVisible(transfer is not None)
        self._how_far.setVisible(transfer is not None)
        if transfer is not None:
            self._how_far.setText(transfer_text(transfer))
            self._bar.set_fraction(
                percent(progress.done, progress.total) / 100 if progress else 0.0
            )
        terms = idle and not ready and (model.licence.gated or not model.licence.commercial)
        self.accept_terms.setVisible(terms)
        self.get.setVisible(idle and not ready and bool(model.repository))
        left = size_text(max(0, model.download_size - state.on_disk))
        partial = state.presence is Presence.PARTIAL
        self.get.setText(f"Continue, {left} left" if partial else f"Download {left}")
        self.get.setEnabled(not problem and (not terms or self.accept_terms.isChecked()))
        self.stop.setVisible(not idle)
        self.stop.setText("Pause" if getting else "Stop")
        self.stop.setEnabled(transfer is not None and not transfer.stopping)
        self.discard.setVisible(getting or (idle and partial))
        self.discard.setText("Cancel" if getting else "Delete what came")
        self.verify.setVisible(idle and ready)
        self.open_folder.setVisible(idle and ready)
        self.remove.setVisible(idle and ready)
        self.remove.setText("Forget" if own_folder else "Remove")

    def _ask(self, signal: SignalInstance) -> None:
        if self._model is not None:
            self._said.pop(self._model.id, None)
            signal.emit(self._model.id)
            self._show_actions()

    def _open_folder(self) -> None:
        if self._state is not None and self._state.folder is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._state.folder)))


def _words() -> QLabel:
    result = label()
    result.setWordWrap(True)
    return result


def _link(address: str, words: str) -> str:
    return f'<a href="{escape(address)}">{escape(words)}</a>' if address else escape(words)
