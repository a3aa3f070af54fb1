"""The Batch dialog puts form, photos and runner together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ovedit.batch.ledger import HELD, Record, State, count
from ovedit.batch.photos import Photo
from ovedit.batch.recipe_file import load_recipe, save_recipe
from ovedit.batch.run import Outcome, Status
from ovedit.errors import OVEditError
from ovedit.ui.batch_runner import BatchRunner
from ovedit.ui.dialogs.batch.form import BatchForm, Engines
from ovedit.ui.dialogs.batch.photos import PhotoList
from ovedit.ui.widgets.basics import ThinBar, label, rule, seconds_left, set_role

_FORM_WIDTH = 400
_FILTER = "Recipes (*.toml)"


class BatchDialog(QDialog):
    """Asks for folders and recipe, and shows how far it is; stays open beside the window.

    Closing it stops nothing. Signals: start_requested(Recipe, photos: Path, results: Path);
    file_requested(Path) to be opened in the window; report_requested(Path).
    """

    start_requested = Signal(object, object, object)
    file_requested = Signal(object)
    report_requested = Signal(object)

    def __init__(
        self, runner: BatchRunner, engines: Engines, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Batch")
        self.setModal(False)
        self._runner = runner
        self._out = Path()
        self._report: Path | None = None
        self.form = BatchForm(engines)
        self.form.setFixedWidth(_FORM_WIDTH)
        self.list = PhotoList()
        self._count = label("", "heading")
        self._empty = label("Choose a folder to see its photos here.", "dim")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._message = label("", "message")
        self._message.setWordWrap(True)
        self.bar = ThinBar("Progress of the batch")
        self._left = label("", "dim")
        self.open_button = QPushButton("Review")
        self.report_button = QPushButton("Open report")
        self.close_button = QPushButton("Close")
        self.stop_button = QPushButton("Cancel batch")
        self.start_button = QPushButton("Start")
        self._lay_out()
        self._connect()
        self._show()

    def sizeHint(self) -> QSize:
        """Form and list side by side."""
        return QSize(_FORM_WIDTH + 520, 640)

    def minimumSizeHint(self) -> QSize:
        """Fits a small laptop's screen."""
        return QSize(_FORM_WIDTH + 320, 580)

    def _lay_out(self) -> None:
        line = QFrame()
        line.setFixedWidth(1)
        line.setProperty("role", "column")
        head = QHBoxLayout()
        head.setContentsMargins(14, 0, 12, 0)
        head.addWidget(self._count)
        head.addStretch(1)
        head.addWidget(self.open_button)
        set_role(self.open_button, small=True)
        self.open_button.setMinimumWidth(112)
        keeps_room = self.open_button.sizePolicy()
        keeps_room.setRetainSizeWhenHidden(True)
        self.open_button.setSizePolicy(keeps_room)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._empty)
        self._pages.addWidget(self.list)
        progress = QHBoxLayout()
        progress.setContentsMargins(14, 0, 14, 0)
        progress.setSpacing(12)
        progress.addWidget(self.bar, 1)
        progress.addWidget(self._left)
        self._progress = QWidget()
        self._progress.setLayout(progress)
        self._progress.setFixedHeight(30)
        self._said = QWidget()
        said = QVBoxLayout(self._said)
        said.setContentsMargins(14, 0, 14, 6)
        said.addWidget(self._message)
        self._said.hide()
        right = QVBoxLayout()
        right.setContentsMargins(0, 12, 0, 6)
        right.setSpacing(8)
        right.addLayout(head)
        right.addWidget(self._pages, 1)
        right.addWidget(self._said)
        right.addWidget(self._progress)
        middle = QHBoxLayout()
        middle.setContentsMargins(0, 0, 0, 0)
        middle.setSpacing(0)
        middle.addWidget(self.form)
        middle.addWidget(line)
        middle.addLayout(right, 1)
        foot = QHBoxLayout()
        foot.setContentsMargins(20, 12, 20, 14)
        foot.setSpacing(8)
        buttons = (self.report_button, self.close_button, self.stop_button, self.start_button)
        for button in (*buttons, self.open_button):
            button.setAutoDefault(False)
        set_role(self.start_button, primary=True)
        foot.addWidget(self.report_button)
        foot.addStretch(1)
        for button in buttons[1:]:
            foot.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(middle, 1)
        column.addWidget(rule())
        column.addLayout(foot)

    def _connect(self) -> None:
        runner, form = self._runner, self.form
        runner.listed.connect(self._listed)
        runner.progressed.connect(self._progressed)
        runner.recorded.connect(self._recorded)
        runner.ended.connect(self._ended)
        runner.failed.connect(self._failed)
        form.folders_changed.connect(self._look)
        form.open_requested.connect(self._open_recipe)
        form.save_requested.connect(self._save_recipe)
        self.start_button.clicked.connect(self.start)
        self.stop_button.clicked.connect(self._stop)
        self.close_button.clicked.connect(self.close)
        self.open_button.clicked.connect(self._open_selected)
        self.report_button.clicked.connect(self._open_report)
        self.list.activated.connect(lambda _index: self._open_selected())
        self.list.selectionModel().selectionChanged.connect(lambda *_: self._show())

    # -- what the person does --------------------------------------------------------------------

    def start(self) -> None:
        """Begin, or say what is missing."""
        try:
            recipe = self.form.recipe()
            photos, results = self.form.folders()
        except OVEditError as error:
            self.say(error)
            return
        self._said.hide()
        self._report = None
        self.start_requested.emit(recipe, photos, results)
        self._show()

    def show_recipe(self, path: Path) -> None:
        """Open a recipe, or say why that cannot be done."""
        try:
            self.form.show_recipe(load_recipe(path))
        except OVEditError as error:
            self.say(error)
        else:
            self._said.hide()

    def keep_recipe(self, path: Path) -> None:
        """Write the recipe of the fields, or say why that cannot be done."""
        try:
            recipe = self.form.recipe()
            save_recipe(path, recipe)
        except OVEditError as error:
            self.say(error)
        else:
            self._say(f"Saved {path.name}. The command line takes it too: ovedit batch.")

    def _open_recipe(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open a recipe", self._start, _FILTER)
        if path:
            self.show_recipe(Path(path))

    def _save_recipe(self) -> None:
        suggested = str(Path(self._start) / "recipe.toml")
        path, _ = QFileDialog.getSaveFileName(self, "Save the recipe", suggested, _FILTER)
        if path:
            self.keep_recipe(Path(path))

    @property
    def _start(self) -> str:
        return str(self.form.photos.path or Path.home())

    def _stop(self) -> None:
        self._runner.stop()
        self._show()

    def _open_selected(self) -> None:
        record = self.list.selected
        if record is not None and record.made is not None and record.state is not State.FAILED:
            self.file_requested.emit(self._out / record.made.path)

    def _open_report(self) -> None:
        if self._report is not None:
            self.report_requested.emit(self._report)

    def _look(self) -> None:
        photos = self.form.photos.path
        self._said.hide()
        if photos is not None:
            self._runner.look(
                photos,
                subfolders=self.form.subfolders.isChecked(),
                besides=self.form.results.path,
            )

    # -- what the runner says --------------------------------------------------------------------

    def _listed(self, photos: Sequence[Photo], settled: Sequence[Record]) -> None:
        self._out = self.form.results.path or Path()
        self.list.photos.show_photos(photos, settled, self._out)
        self._pages.setCurrentWidget(self.list if photos else self._empty)
        self._empty.setText("There is no photo in this folder.")
        self._show()

    def _progressed(self, status: Status) -> None:
        photos = self.list.photos
        before = photos.active
        photos.show_status(status)
        if photos.active != before and not self.list.underMouse():
            self.list.scrollTo(photos.active)
        self.bar.set_fraction((status.done + status.fraction) / status.total)
        place = f"{status.done + 1} of {status.total}"
        self._left.setText(" · ".join(filter(None, (place, seconds_left(status.seconds_left)))))

    def _recorded(self, record: Record) -> None:
        self.list.photos.put(record)
        self._show()

    def _ended(self, outcome: Outcome) -> None:
        self.list.photos.show_status(None)
        self._report = outcome.report
        if outcome.stopped is not None:
            self.say(outcome.stopped)
        else:
            self._say(ended_text(outcome))
        self._show()

    def _failed(self, error: OVEditError) -> None:
        self.list.photos.show_status(None)
        self.say(error)
        self._show()

    # -- showing ---------------------------------------------------------------------------------

    def say(self, error: OVEditError) -> None:
        """Show an error."""
        self._say(str(error), "error")

    def _say(self, text: str, kind: str = "info") -> None:
        self._message.setText(text)
        set_role(self._message, kind=kind)
        self._said.show()

    def _show(self) -> None:
        running, photos = self._runner.running, self.list.photos
        self._count.setText(_counts(photos.rowCount(), photos.records))
        self.form.setEnabled(not running)
        self._progress.setVisible(running)
        self.start_button.setVisible(not running)
        self.stop_button.setVisible(running)
        self.close_button.setToolTip("The batch goes on" if running else "")
        self.stop_button.setEnabled(not self._runner.cancelling)
        self.report_button.setEnabled(self._report is not None)
        record = self.list.selected
        openable = record is not None and record.made is not None
        openable = openable and record is not None and record.state is not State.FAILED
        self.open_button.setVisible(openable)
        held = record is not None and record.state in HELD
        self.open_button.setText("Review" if held else "Open result")


def ended_text(outcome: Outcome) -> str:
    """How a batch ended, in one sentence."""
    records = outcome.records
    parts = [f"{count(records, State.DONE)} of {outcome.total} done"]
    held, failed = count(records, *HELD), count(records, State.FAILED)
    if held:
        parts.append(f"{held} to review")
    if failed:
        parts.append(f"{failed} failed")
    if outcome.cancelled:
        return f"Stopped: {', '.join(parts)}. Start goes on from here."
    return f"The batch is through: {', '.join(parts)}."


def _counts(total: int, records: Sequence[Record]) -> str:
    if not total:
        return ""
    parts = ["1 photo" if total == 1 else f"{total} photos"]
    for words, states in (
        ("done", (State.DONE,)),
        ("to review", HELD),
        ("failed", (State.FAILED,)),
    ):
        number = count(records, *states)
        if number:
            parts.append(f"{number} {words}")
    return " · ".join(parts)
