from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QFont, QFontMetrics
from PySide6.QtWidgets import QDialog, QLabel, QPushButton, QTreeWidgetItem
from pytestqt.qtbot import QtBot

from ovedit.errors import FileError, OVEditError
from ovedit.geometry import Size
from ovedit.settings import Settings
from ovedit.ui.dialogs.about import LICENCES, AboutDialog
from ovedit.ui.dialogs.export import EXPORT_FORMATS, ExportDialog, ExportOptions
from ovedit.ui.dialogs.new import NewDialog, NewDocument
from ovedit.ui.dialogs.pixels import PixelsDialog
from ovedit.ui.dialogs.preferences import Preferences, PreferencesDialog
from ovedit.ui.dialogs.recover import Recoverable, RecoverDialog
from ovedit.ui.dialogs.shortcuts import Shortcut, ShortcutsDialog
from ovedit.ui.theme import Theme
from ovedit.ui.widgets.buttons import IconButton
from ovedit.ui.widgets.slider import NumberField

LEFT = Qt.MouseButton.LeftButton
ROOT = Path(__file__).parents[3]


@pytest.fixture
def show(qtbot: QtBot, dark: Theme) -> Callable[[QDialog], None]:
    def shown(dialog: QDialog) -> None:
        qtbot.addWidget(dialog)
        with qtbot.waitExposed(dialog):
            dialog.show()
        dialog.activateWindow()

    return shown


def _button(dialog: QDialog, text: str) -> QPushButton:
    return next(b for b in dialog.findChildren(QPushButton) if b.text() == text)


# ── Pixels ──────────────────────────────────────────────────────────────────────────────────────


def test_a_number_of_pixels_is_typed_at_once_and_kept_within_its_limits(show, qtbot: QtBot) -> None:
    dialog = PixelsDialog("Grow", 5)
    show(dialog)
    assert dialog.pixels == 5
    qtbot.keyClicks(dialog.field, "12")
    qtbot.keyClick(dialog.field, Qt.Key.Key_Up)
    assert dialog.pixels == 13
    qtbot.mouseClick(_button(dialog, "Grow"), LEFT)
    assert dialog.result() == QDialog.DialogCode.Accepted


def test_what_is_being_typed_counts_when_the_dialog_is_accepted(show, qtbot: QtBot) -> None:
    dialog = PixelsDialog("Grow", 5)
    show(dialog)
    qtbot.keyClicks(dialog.field, "40")
    assert dialog.pixels == 5
    dialog.accept()
    assert dialog.pixels == 40


def test_the_default_button_has_room_for_its_semibold_words(show) -> None:
    dialog = PixelsDialog("Feather")
    show(dialog)
    button = _button(dialog, "Feather")
    bold = button.font()
    bold.setWeight(QFont.Weight.DemiBold)
    assert button.width() >= QFontMetrics(bold).horizontalAdvance("Feather") + 2 * (12 + 2)


# ── Export ──────────────────────────────────────────────────────────────────────────────────────


def test_export_starts_from_what_it_is_given_and_returns_what_is_chosen(show, qtbot: QtBot) -> None:
    dialog = ExportDialog(ExportOptions("webp", 80, keep_exif=False))
    show(dialog)
    assert dialog.options == ExportOptions("webp", 80, keep_exif=False)
    qtbot.mouseClick(dialog.exif, LEFT, pos=QPoint(8, dialog.exif.height() // 2))
    qtbot.keyClick(dialog.quality.slider, Qt.Key.Key_Right)
    qtbot.mouseClick(_button(dialog, "Export…"), LEFT)
    assert dialog.result() == QDialog.DialogCode.Accepted
    assert dialog.options == ExportOptions("webp", 81, keep_exif=True)


@pytest.mark.parametrize("kind", EXPORT_FORMATS)
def test_only_lossy_formats_have_a_quality(show, kind) -> None:
    dialog = ExportDialog(ExportOptions(kind))
    show(dialog)
    assert dialog.quality.isEnabled() is (kind in ("jpeg", "webp"))


class Estimates:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[ExportOptions] = []
        self._waiting: list[tuple[Callable[[int], None], Callable[[OVEditError], None]]] = []

    def __call__(
        self,
        options: ExportOptions,
        done: Callable[[int], None],
        failed: Callable[[OVEditError], None],
    ) -> None:
        self.asked.append(options)
        self._waiting.append((done, failed))

    def answer(self) -> None:
        self._waiting.pop()[0](self.asked[-1].quality * 40_000)

    def fail(self, error: OVEditError) -> None:
        self._waiting.pop()[1](error)


def test_the_size_is_estimated_for_what_is_chosen(show, qtbot: QtBot) -> None:
    estimates = Estimates()
    dialog = ExportDialog(ExportOptions("jpeg", 50), estimate=estimates)
    show(dialog)
    assert dialog.size_label.text() == "Measuring…"
    qtbot.waitUntil(lambda: len(estimates.asked) == 1)
    estimates.answer()
    assert dialog.size_label.text() == "About 2.0 MB"
    qtbot.keyClick(dialog.quality.slider, Qt.Key.Key_PageUp)
    assert dialog.size_label.text() == "Measuring…"
    qtbot.waitUntil(lambda: len(estimates.asked) == 2)
    estimates.answer()
    assert dialog.size_label.text() == "About 2.4 MB"
    assert [options.quality for options in estimates.asked] == [50, 60]


def test_an_estimate_that_comes_too_late_is_not_shown_and_the_newest_choice_is_asked(
    show, qtbot: QtBot
) -> None:
    estimates = Estimates()
    dialog = ExportDialog(ExportOptions("jpeg", 50), estimate=estimates)
    show(dialog)
    qtbot.waitUntil(lambda: len(estimates.asked) == 1)
    for _ in range(2):
        qtbot.keyClick(dialog.quality.slider, Qt.Key.Key_PageUp)
        qtbot.wait(200)
    assert len(estimates.asked) == 1, "one at a time"
    estimates.answer()
    assert dialog.size_label.text() == "Measuring…"
    assert [options.quality for options in estimates.asked] == [50, 70]
    estimates.answer()
    assert dialog.size_label.text() == "About 2.8 MB"


def test_an_estimate_that_fails_says_why(show, qtbot: QtBot) -> None:
    estimates = Estimates()
    dialog = ExportDialog(ExportOptions("webp"), estimate=estimates)
    show(dialog)
    qtbot.waitUntil(lambda: bool(estimates.asked))
    estimates.fail(FileError("The picture is too wide for WebP.", "Choose PNG."))
    assert dialog.size_label.text().endswith("Choose PNG.")


def test_a_closed_dialog_estimates_no_more(show, qtbot: QtBot) -> None:
    estimates = Estimates()
    dialog = ExportDialog(ExportOptions(), estimate=estimates)
    show(dialog)
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    qtbot.wait(250)
    assert estimates.asked == []


def test_an_estimate_for_a_closed_dialog_is_dropped(show, qtbot: QtBot) -> None:
    estimates = Estimates()
    dialog = ExportDialog(ExportOptions(), estimate=estimates)
    show(dialog)
    qtbot.waitUntil(lambda: bool(estimates.asked))
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    estimates.answer()
    assert dialog.size_label.text() == "Measuring…"


def test_without_camera_data_there_is_none_to_keep(show) -> None:
    dialog = ExportDialog(ExportOptions(keep_exif=True), has_exif=False)
    show(dialog)
    assert not dialog.exif.isEnabled()
    assert dialog.options.keep_exif is False


# ── Preferences ─────────────────────────────────────────────────────────────────────────────────


def test_preferences_come_back_as_they_went_in(show) -> None:
    given = Preferences(
        *("light", True, 0.5, 2000, 300, "clip", "paint", "quality", "xpu", 6_000_000_000, True),
        *(False, True, False),
    )
    selectors = [("basic", "Basic"), ("clip", "CLIP + SAM 2")]
    editors = [("basic", "Basic"), ("paint", "Diffusion")]
    dialog = PreferencesDialog(given, selectors, editors)
    show(dialog)
    assert dialog.preferences == given


def test_values_between_the_usual_ones_are_kept(show) -> None:
    given = Preferences(history_mb=777, autosave_seconds=45, model_memory=5_500_000_000)
    dialog = PreferencesDialog(given)
    assert dialog.model_memory.currentText() == "5.5 GB"
    show(dialog)
    assert dialog.preferences == given


def test_a_theme_shows_at_once_and_goes_back_on_cancel(show, qtbot: QtBot) -> None:
    dialog = PreferencesDialog(Preferences("dark"))
    show(dialog)
    seen: list[str] = []
    dialog.theme_previewed.connect(seen.append)
    dialog.theme.setFocus()
    qtbot.keyClick(dialog.theme, Qt.Key.Key_Down)
    qtbot.mouseClick(_button(dialog, "Cancel"), LEFT)
    assert seen == ["light", "dark"]
    assert dialog.result() == QDialog.DialogCode.Rejected


def test_where_models_run_is_chosen(show, qtbot: QtBot) -> None:
    dialog = PreferencesDialog(Preferences())
    show(dialog)
    qtbot.keyClick(dialog.device, Qt.Key.Key_End)
    for _ in range(2):
        qtbot.keyClick(dialog.model_memory, Qt.Key.Key_Down)
    qtbot.keyClick(dialog.offline, Qt.Key.Key_Space)
    qtbot.mouseClick(_button(dialog, "Save"), LEFT)
    assert dialog.preferences == Preferences(device="cpu", model_memory=4_000_000_000, offline=True)


def test_a_saved_theme_stays(show, qtbot: QtBot) -> None:
    dialog = PreferencesDialog(Preferences("dark"))
    show(dialog)
    seen: list[str] = []
    dialog.theme_previewed.connect(seen.append)
    qtbot.keyClick(dialog.theme, Qt.Key.Key_Down)
    qtbot.mouseClick(_button(dialog, "Save"), LEFT)
    assert seen == ["light"]
    assert dialog.preferences.theme == "light"


# ── Shortcuts ───────────────────────────────────────────────────────────────────────────────────

SHORTCUTS = [
    Shortcut("File", "Open", "Ctrl+O"),
    Shortcut("File", "Save", "Ctrl+S"),
    Shortcut("Tools", "Mask brush", "B"),
]


def _visible(dialog: ShortcutsDialog) -> list[str]:
    found: list[str] = []
    for place in range(dialog.tree.topLevelItemCount()):
        group = dialog.tree.topLevelItem(place)
        assert isinstance(group, QTreeWidgetItem)
        rows = [group.child(n) for n in range(group.childCount())]
        shown = [row.text(0) for row in rows if row is not None and not row.isHidden()]
        assert group.isHidden() is (not shown)
        found += shown
    return found


@pytest.mark.parametrize(
    ("typed", "left"),
    [
        ("", ["Open", "Save", "Mask brush"]),
        ("brush", ["Mask brush"]),
        ("CTRL+", ["Open", "Save"]),
        ("zebra", []),
    ],
)
def test_shortcuts_are_found_by_words_and_by_keys(
    show, qtbot: QtBot, typed: str, left: list[str]
) -> None:
    dialog = ShortcutsDialog(SHORTCUTS)
    show(dialog)
    qtbot.keyClicks(dialog.search, typed)
    assert _visible(dialog) == left


# ── Recovery ────────────────────────────────────────────────────────────────────────────────────

FOUND = [Recoverable("a", "bench.ora", "2 minutes ago"), Recoverable("b", "Untitled")]


def test_recovery_opens_what_is_ticked(show, qtbot: QtBot) -> None:
    dialog = RecoverDialog(FOUND)
    show(dialog)
    assert dialog.chosen == ("a", "b")
    box = dialog._boxes["b"]
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_Space)
    qtbot.mouseClick(dialog.open_button, LEFT)
    assert (dialog.result(), dialog.chosen) == (QDialog.DialogCode.Accepted, ("a",))
    assert not dialog.discarded


def test_with_nothing_ticked_there_is_nothing_to_open(show, qtbot: QtBot) -> None:
    dialog = RecoverDialog(FOUND[:1])
    show(dialog)
    qtbot.keyClick(dialog._boxes["a"], Qt.Key.Key_Space)
    assert not dialog.open_button.isEnabled()


@pytest.mark.parametrize(("text", "discarded"), [("Discard", True), ("Later", False)])
def test_autosaves_are_only_thrown_away_when_asked(
    show, qtbot: QtBot, text: str, discarded: bool
) -> None:
    dialog = RecoverDialog(FOUND)
    show(dialog)
    qtbot.mouseClick(_button(dialog, text), LEFT)
    assert dialog.result() == QDialog.DialogCode.Rejected
    assert dialog.discarded is discarded


# ── About ───────────────────────────────────────────────────────────────────────────────────────


def test_about_names_version_and_licences(show, qtbot: QtBot) -> None:
    dialog = AboutDialog("1.2.3")
    show(dialog)
    words = " ".join(label.text() for label in dialog.findChildren(QLabel))
    assert "1.2.3" in words and "Apache License 2.0" in words
    assert "LGPL-3.0" in words and "replace them with your own builds" in words
    assert all(name in words for name, *_ in LICENCES)
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


@pytest.mark.parametrize("on", [True, False])
def test_about_says_which_marks_of_ai_are_on(on: bool, show) -> None:
    settings = Settings(provenance=on, watermark=not on).with_safety_checker(on)
    dialog = AboutDialog("1.2.3", settings)
    show(dialog)
    words = [label.text() for label in dialog.findChildren(QLabel)]
    said, other = ("on", "off") if on else ("off", "on")
    assert f"Said in exported files (XMP): {said}" in words
    assert f"Marked invisibly in exported files: {other}" in words
    assert f"Checked by a model's safety checker, if it brings one: {said}" in words


def test_about_names_everything_that_ovedit_depends_on() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.match(r"[\w.-]+", line)[0] for line in project["dependencies"]}  # type: ignore[index]
    assert {each for *_, distributions in LICENCES for each in distributions} == wanted


# ── New ─────────────────────────────────────────────────────────────────────────────────────────


def _enter(qtbot: QtBot, field: NumberField, typed: str) -> None:
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, typed)
    qtbot.keyClick(field, Qt.Key.Key_Tab)


def test_a_new_documents_size_is_typed(show, qtbot: QtBot) -> None:
    dialog = NewDialog(NewDocument(Size(1920, 1080), "black"))
    show(dialog)
    assert dialog.preset.currentText().startswith("Full HD")
    _enter(qtbot, dialog.width_field, "640")
    assert dialog.preset.currentText() == "Own size"
    qtbot.mouseClick(dialog.create_button, LEFT)
    assert dialog.result() == QDialog.DialogCode.Accepted
    assert dialog.document == NewDocument(Size(640, 1080), "black")


def test_a_preset_fills_in_the_size_which_can_be_turned(show, qtbot: QtBot) -> None:
    dialog = NewDialog()
    show(dialog)
    dialog.preset.setFocus()
    qtbot.keyClick(dialog.preset, Qt.Key.Key_End)
    assert dialog.document.size == Size(2480, 3508)
    swap = next(b for b in dialog.findChildren(IconButton) if "Swap" in b.accessibleName())
    qtbot.mouseClick(swap, LEFT)
    assert dialog.document.size == Size(3508, 2480)


def test_a_document_over_the_limit_cannot_be_made(show, qtbot: QtBot) -> None:
    dialog = NewDialog(max_pixels=4_000_000)
    show(dialog)
    _enter(qtbot, dialog.height_field, "3000")
    assert not dialog.create_button.isEnabled()
    assert "the limit is 4" in dialog.note.text()
    _enter(qtbot, dialog.height_field, "2000")
    assert dialog.create_button.isEnabled()
