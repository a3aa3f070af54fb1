from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QMessageBox
from pytest import MonkeyPatch
from pytestqt.qtbot import QtBot

from ovedit import settings
from ovedit.document import Document, Surface, pixels_of
from ovedit.geometry import Rect
from ovedit.io import autosave
from ovedit.ui.commands import edit, export, file, image, layer, mask, selection, tool
from ovedit.ui.dialogs.export import ExportDialog, ExportOptions
from ovedit.ui.dialogs.preferences import PreferencesDialog
from ovedit.ui.dialogs.recover import RecoverDialog
from ovedit.ui.main_window import MainWindow
from ovedit.ui.prompt.wish import EditWish
from ovedit.ui.qimage import to_array, to_qimage
from tests.fakes import FakeProvider, WaitFor
from tests.ui.conftest import SIZE, MakeWindow, picture


class Dialogs:
    """What a person answers in the dialogs that follow, and what they were asked."""

    def __init__(self, monkeypatch: MonkeyPatch) -> None:
        self.patch = monkeypatch
        self.asked: list[str] = []
        self.answer = QMessageBox.StandardButton.Cancel
        self.patch.setattr(QMessageBox, "exec", lambda box: self._box(box))

    def _box(self, box: QMessageBox) -> QMessageBox.StandardButton:
        self.asked.append(box.text())
        return self.answer

    def path(self, kind: str, path: Path | str) -> None:
        """Choose this path in the next file dialogs of a kind."""

        def choose(*arguments: object, **_: object) -> tuple[str, str]:
            self.asked.append(str(arguments[1]))
            return str(path), ""

        self.patch.setattr(QFileDialog, kind, choose)


@pytest.fixture
def dialogs(monkeypatch: MonkeyPatch) -> Dialogs:
    return Dialogs(monkeypatch)


@pytest.fixture
def idle(window: MainWindow, qtbot: QtBot):
    return lambda: qtbot.waitUntil(
        lambda: not (window.session.background.busy or window.errands.busy)
    )


def select_left_half(document: Document) -> None:
    half = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    half[:, : SIZE[0] // 2] = 255
    with document.transaction("Select") as tx:
        tx.set_selection(Surface.from_array(half))


# -- files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "written"),
    [("work", "work.ora"), ("work.ora", "work.ora"), ("work.2", "work.2.ora"), ("W.ORA", "W.ORA")],
)
def test_a_project_gets_its_ending_and_keeps_its_name(
    window: MainWindow,
    document: Document,
    dialogs: Dialogs,
    idle,
    tmp_path: Path,
    typed: str,
    written: str,
):
    dialogs.path("getSaveFileName", tmp_path / typed)
    file.save(window.context)
    idle()
    assert [path.name for path in tmp_path.iterdir()] == [written]
    assert window.windowTitle() == f"{written}[*] — OVEdit"
    assert not window.isWindowModified()


@pytest.mark.parametrize("replaces", [False, True])
def test_a_file_that_the_dialog_did_not_ask_about_is_asked_about(
    window: MainWindow, document: Document, dialogs: Dialogs, idle, tmp_path: Path, replaces: bool
):
    taken = tmp_path / "work.ora"
    taken.write_text("of somebody else")
    dialogs.path("getSaveFileName", tmp_path / "work")
    if replaces:
        dialogs.answer = QMessageBox.StandardButton.Save
    file.save_as(window.context)
    idle()
    assert "work.ora exists already" in dialogs.asked[-1]
    assert (taken.read_bytes() == b"of somebody else") is not replaces


def test_saving_again_asks_nothing(
    window: MainWindow, document: Document, dialogs: Dialogs, idle, tmp_path: Path
):
    dialogs.path("getSaveFileName", tmp_path / "work.ora")
    file.save(window.context)
    idle()
    layer.new(window.context)
    file.save(window.context)
    idle()
    assert dialogs.asked == ["Save as"]
    assert not window.session.modified


def test_nothing_is_written_where_the_dialog_is_closed(
    window: MainWindow, document: Document, dialogs: Dialogs
):
    dialogs.path("getSaveFileName", "")
    file.save(window.context)
    assert not window.session.background.busy
    assert window.session.modified


@pytest.mark.parametrize(
    ("kind", "typed", "written"),
    [
        ("png", "out", "out.png"),
        ("jpeg", "out.jpeg", "out.jpeg"),
        ("jpeg", "out.v2", "out.v2.jpg"),
        ("tiff", "out.TIFF", "out.TIFF"),
        ("webp", "out", "out.webp"),
    ],
)
def test_an_export_gets_the_ending_of_its_format(
    window: MainWindow,
    document: Document,
    dialogs: Dialogs,
    idle,
    tmp_path: Path,
    monkeypatch: MonkeyPatch,
    kind: str,
    typed: str,
    written: str,
):
    monkeypatch.setattr(ExportDialog, "exec", lambda _self: 1)
    monkeypatch.setattr(ExportDialog, "options", ExportOptions(kind, 90))  # type: ignore[arg-type]
    dialogs.path("getSaveFileName", tmp_path / typed)
    export.export_picture(window.context)
    idle()
    assert [path.name for path in tmp_path.iterdir()] == [written]
    with Image.open(tmp_path / written) as image:
        assert (image.format or "").lower() == kind
        assert image.size == SIZE
    assert window.prompt.message == f"Exported {written}."


def test_masks_are_exported_and_imported(
    window: MainWindow,
    document: Document,
    dialogs: Dialogs,
    idle,
    tmp_path: Path,
    monkeypatch: MonkeyPatch,
):
    window.assistant.select("bench")
    idle()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    export.export_masks(window.context)
    idle()
    assert "Exported 1 mask to" in window.prompt.message
    (path,) = tmp_path.iterdir()
    dialogs.path("getOpenFileName", path)
    export.import_mask(window.context)
    idle()
    first, second = document.masks
    assert second.label == path.stem
    assert np.array_equal(document.state.coverage(first.id), document.state.coverage(second.id))


@pytest.mark.parametrize("stays", [False, True])
def test_opening_over_changes_asks_when_the_file_is_read(
    window: MainWindow, document: Document, dialogs: Dialogs, idle, tmp_path: Path, stays: bool
):
    other = tmp_path / "other.png"
    Image.new("RGB", (8, 8)).save(other)
    if not stays:
        dialogs.answer = QMessageBox.StandardButton.Discard
    file.open_path(window.context, other)
    idle()
    assert dialogs.asked == ["Save the changes to picture?"]
    assert (window.session.document is document) is stays


def test_a_broken_file_asks_nothing(
    window: MainWindow, document: Document, dialogs: Dialogs, idle, tmp_path: Path
):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    file.open_path(window.context, broken)
    idle()
    assert not dialogs.asked
    assert window.session.document is document
    assert "broken.png" in window.prompt.message


def test_a_window_with_a_save_that_failed_stays_open_and_says_so(
    window: MainWindow, document: Document, dialogs: Dialogs, tmp_path: Path
):
    window.session.save_project(tmp_path / "no such folder" / "work.ora")
    window.close()
    assert window.isVisible()
    assert not dialogs.asked
    assert window.prompt.message
    dialogs.answer = QMessageBox.StandardButton.Discard
    window.close()
    assert not window.isVisible()


def test_a_window_stays_open_where_the_save_it_asked_for_is_not_done(
    window: MainWindow, document: Document, dialogs: Dialogs
):
    dialogs.answer = QMessageBox.StandardButton.Save
    dialogs.path("getSaveFileName", "")
    window.close()
    assert window.isVisible()
    assert window.session.document is document


def test_closing_a_document_leads_to_the_start_page(
    window: MainWindow, document: Document, dialogs: Dialogs
):
    dialogs.answer = QMessageBox.StandardButton.Discard
    file.close(window.context)
    assert window.session.document is None
    assert window.start.isVisible()
    assert window.windowTitle() == "OVEdit"


# -- edit ------------------------------------------------------------------------------------------


def test_copying_takes_what_is_selected(window: MainWindow, document: Document, idle):
    select_left_half(document)
    edit.copy(window.context)
    idle()
    copied = to_array(QGuiApplication.clipboard().image())
    assert np.array_equal(copied, picture()[:, : SIZE[0] // 2])


@pytest.fixture
def slow_copy(monkeypatch: MonkeyPatch) -> Iterator[threading.Event]:
    """Copying, which must be off the window's thread, waits until the test opens the gate."""
    gate = threading.Event()

    def slow(pixels: np.ndarray) -> QImage:
        assert threading.current_thread() is not threading.main_thread()
        assert gate.wait(5)
        return to_qimage(pixels)

    monkeypatch.setattr(edit, "to_qimage", slow)
    yield gate
    gate.set()


def test_a_picture_is_copied_off_the_windows_thread_as_it_was_when_asked(
    window: MainWindow, document: Document, slow_copy: threading.Event, idle
):
    QGuiApplication.clipboard().clear()
    QTest.keyClick(window, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert window.errands.busy
    with document.transaction("Paint") as tx:
        tx.write(pixels_of(document.layers[0].id), Rect(0, 0, *SIZE), picture()[::-1])
    slow_copy.set()
    idle()
    assert np.array_equal(to_array(QGuiApplication.clipboard().image()), picture())


def test_what_is_pasted_right_after_copying_is_what_was_copied(
    window: MainWindow, document: Document, slow_copy: threading.Event, idle
):
    QGuiApplication.clipboard().setImage(to_qimage(picture(8, 8)))
    for key in (Qt.Key.Key_C, Qt.Key.Key_V):
        QTest.keyClick(window, key, Qt.KeyboardModifier.ControlModifier)
    slow_copy.set()
    idle()
    pixels, _ = document.state.layer_surfaces(document.layers[-1])
    assert [layer.name for layer in document.layers] == ["picture", "Pasted"]
    assert np.array_equal(pixels.array(), picture())


def test_what_was_copied_outlives_the_document_and_undone_steps(
    window: MainWindow, document: Document, slow_copy: threading.Event, idle
):
    QGuiApplication.clipboard().clear()
    layer.new(window.context)
    edit.copy(window.context)
    document.undo()
    window.session.close()
    slow_copy.set()
    idle()
    assert np.array_equal(to_array(QGuiApplication.clipboard().image()), picture())


def test_a_picture_is_pasted_above_the_layer_in_hand(window: MainWindow, document: Document, idle):
    layer.new(window.context)
    document.set_current(layer=document.layers[0].id)
    QGuiApplication.clipboard().setImage(to_qimage(picture(8, 8)))
    edit.paste(window.context)
    idle()
    assert [each.name for each in document.layers] == ["picture", "Pasted", "Layer 1"]
    assert document.current_layer_id == document.layers[1].id


def test_pasting_what_is_no_picture_is_said(window: MainWindow, document: Document, idle):
    QGuiApplication.clipboard().setText("words")
    window.context.run(edit.paste)
    idle()
    assert "no picture on the clipboard" in window.prompt.message
    assert len(document.layers) == 1


def test_a_file_on_the_clipboard_is_pasted(
    window: MainWindow, document: Document, tmp_path: Path, idle
):
    path = tmp_path / "red.png"
    Image.new("RGB", (20, 10), "red").save(path)
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    QGuiApplication.clipboard().setMimeData(mime)
    edit.paste(window.context)
    idle()
    assert [layer.name for layer in document.layers] == ["picture", "red.png"]
    window.session.close()
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    QGuiApplication.clipboard().setMimeData(mime)
    edit.paste(window.context)
    idle()
    assert window.session.title == "red.png"


def test_an_edit_takes_the_masks_in_hand_or_those_accepted_and_shown(
    make_window: MakeWindow, qtbot: QtBot
):
    provider = FakeProvider()
    window = make_window(provider)
    window.session.show_pixels(picture(), "picture")
    document = window.session.document
    assert document is not None

    def idle() -> None:
        qtbot.waitUntil(lambda: not window.errands.busy)

    window.assistant.select("bench, tree, sky")
    idle()
    bench, tree, _sky = (mask.id for mask in document.masks)
    mask.accept_these(window.context, (bench, tree))
    with document.transaction("Hide") as tx:
        tx.update_mask(tree, visible=False)
    document.set_current(masks=())
    edit.apply_edit(window.context, EditWish("restyle", "red"))
    idle()
    assert provider.calls[-1].request.phrase == "bench"  # type: ignore[union-attr]
    document.set_current(masks=(tree,))
    edit.apply_edit(window.context, EditWish("restyle", "red"))
    idle()
    assert provider.calls[-1].request.phrase == "tree"  # type: ignore[union-attr]
    asked = len(provider.calls)
    window.prompt.edit_requested.emit(EditWish("restyle", "red"))
    assert window.prompt.message == "No mask is chosen. Click one in the class masks."
    assert len(provider.calls) == asked


def test_enter_on_the_canvas_does_not_leave_it_while_a_job_runs(
    make_window: MakeWindow, qtbot: QtBot
):
    gate = threading.Event()
    window = make_window(FakeProvider({"slow": [WaitFor(gate)]}))
    window.session.show_pixels(picture(), "picture")
    mask.new(window.context)
    window.canvas.setFocus()
    window.assistant.select("slow")
    qtbot.waitUntil(lambda: window.prompt.cancel_button.isVisible())
    QTest.keyClick(window.canvas, Qt.Key.Key_Return)
    document = window.session.document
    assert document is not None
    assert document.masks[0].accepted
    assert QApplication.focusWidget() is window.canvas
    gate.set()
    qtbot.waitUntil(lambda: not window.jobs.list.rows())


def test_brush_sizes_stay_in_their_range(window: MainWindow):
    options = window.options
    for direction, end in ((1, 2000), (-1, 1)):
        for _ in range(100):
            tool.resize_brush(window.context, direction)
        assert options.size == end
    tool.resize_brush(window.context, 1)
    assert options.size == 2


def test_brush_colours_swap(window: MainWindow):
    options = window.options
    first, second = options.colour, options.background
    tool.swap_colours(window.context)
    assert (options.colour, options.background) == (second, first)


def test_preferences_change_the_settings(window: MainWindow, monkeypatch: MonkeyPatch):
    def choose(dialog: PreferencesDialog) -> int:
        dialog.motion.setChecked(True)
        dialog.offline.setChecked(True)
        dialog.device.setCurrentIndex(dialog.device.findData("cpu"))
        dialog.watermark.setChecked(True)
        dialog.safety.setChecked(False)
        return 1

    monkeypatch.setattr(PreferencesDialog, "exec", choose)
    edit.preferences(window.context)
    kept = settings.load()
    assert kept == window.session.settings
    assert (kept.reduced_motion, kept.offline, kept.device) == (True, True, "cpu")
    assert (kept.select_engine, kept.edit_engine) == ("fake", "fake")
    assert (kept.provenance, kept.watermark, kept.safety_checker) == (True, True, False)
    assert kept.engine_options == {"diffusers": {"safety": "no"}}, "as the engine takes it"


# -- image, selection, masks -----------------------------------------------------------------------


def test_a_crop_is_a_document_of_its_own(window: MainWindow, document: Document, dialogs: Dialogs):
    select_left_half(document)
    dialogs.answer = QMessageBox.StandardButton.Discard
    image.crop(window.context)
    cropped = window.session.document
    assert cropped is not None
    assert np.array_equal(cropped.state.flattened(), picture()[:, : SIZE[0] // 2])
    assert window.session.title == "picture crop"


def test_selections_and_masks_turn_into_each_other(window: MainWindow, document: Document):
    select_left_half(document)
    context = window.context
    selection.invert(context)
    selection.to_mask(context)
    coverage = document.state.coverage(document.current_mask_ids[0])
    assert coverage[0, 0] == 0
    assert coverage[0, -1] == 255
    selection.select_all(context)
    assert document.state.selection is not None
    assert document.state.selection.array().min() == 255
    selection.from_masks(context)
    assert np.array_equal(document.state.selection.array(), coverage)
    selection.deselect(context)
    assert document.state.selection is None


def test_a_layer_moves_no_further_than_the_stack(window: MainWindow, document: Document):
    layer.new(window.context)
    steps = document.history.position
    layer.raise_by(window.context, 1)
    assert document.history.position == steps
    layer.raise_by(window.context, -1)
    layer.raise_by(window.context, -1)
    assert [layer.name for layer in document.layers] == ["Layer 1", "picture"]
    assert document.history.position == steps + 1


# -- recovery --------------------------------------------------------------------------------------


@pytest.fixture
def found(window: MainWindow, monkeypatch: MonkeyPatch, tmp_path: Path) -> Iterator[list[Path]]:
    """Two autosaves that another program left."""
    paths = []
    for name in ("one", "two"):
        document = Document.from_pixels(picture(), name)
        folder = tmp_path / name
        autosave.save(folder, document.snapshot(), name=name)
        (path,) = folder.glob("*.ora")
        paths.append(path)
    offers = tuple(
        autosave.Recoverable(path, path.parent.name, None, datetime(2026, 1, 1)) for path in paths
    )
    monkeypatch.setattr(window.session, "recoverable", lambda: offers)
    yield paths
    for path in paths:
        autosave.discard_own(path.parent)


@pytest.mark.parametrize("answer", ["open", "discard", "later"])
def test_recovery_opens_discards_or_keeps(
    window: MainWindow, found: list[Path], idle, monkeypatch: MonkeyPatch, answer: str
):
    def choose(dialog: RecoverDialog) -> int:
        dialog.discarded = answer == "discard"
        return int(answer == "open")

    monkeypatch.setattr(RecoverDialog, "exec", choose)
    file.offer_recovery(window.context)
    idle()
    assert [path.exists() for path in found] == {
        "open": [False, True],
        "discard": [False, False],
        "later": [True, True],
    }[answer]
    assert window.session.title == ("one" if answer == "open" else "OVEdit")
    if answer == "open":
        assert "next start" in window.prompt.message


def test_nothing_is_asked_where_there_is_nothing_to_recover(
    window: MainWindow, monkeypatch: MonkeyPatch
):
    def never(_dialog: object) -> int:
        raise AssertionError("a dialog came up")

    monkeypatch.setattr(RecoverDialog, "exec", never)
    file.offer_recovery(window.context)


def test_the_picture_on_the_clipboard_is_the_one_that_is_pasted(
    window: MainWindow, document: Document, idle
):
    QGuiApplication.clipboard().setImage(to_qimage(picture()))
    edit.paste(window.context)
    idle()
    pixels, _ = document.state.layer_surfaces(document.layers[-1])
    assert np.array_equal(pixels.array(), picture())
    assert isinstance(QGuiApplication.clipboard().image(), QImage)


def test_what_is_painted_while_a_file_is_read_is_asked_about(
    window: MainWindow, document: Document, dialogs: Dialogs, idle, tmp_path: Path
):
    dialogs.path("getSaveFileName", tmp_path / "work.ora")
    file.save(window.context)
    idle()
    other = tmp_path / "other.png"
    Image.new("RGB", (8, 8)).save(other)
    file.open_path(window.context, other)
    layer.new(window.context)
    idle()
    assert dialogs.asked[-1] == "Save the changes to work.ora?"
    assert window.session.document is document


def test_a_selection_is_removed_without_a_mask(window: MainWindow, document: Document, idle):
    select_left_half(document)
    edit.apply_edit(window.context, EditWish("remove"))
    idle()
    assert len(document.layers) == 2
    assert np.array_equal(document.state.flattened()[:, -1], picture()[:, -1])
