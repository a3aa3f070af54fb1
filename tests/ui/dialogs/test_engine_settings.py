from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QLabel, QLineEdit
from pytestqt.qtbot import QtBot

from ovedit.engine.protocols import SettingLine
from ovedit.errors import UsageError
from ovedit.ui.dialogs.engine_settings import EngineSettingsDialog
from ovedit.ui.theme import Theme
from ovedit.ui.widgets.buttons import ComboBox

LEFT = Qt.MouseButton.LeftButton
LINES = (
    SettingLine("method", "sclip", "what it is", "needs no more", ("sclip", "naclip")),
    SettingLine("short_side", "336", "short side of the picture", "most references"),
)


def describe(options: Mapping[str, str]) -> Sequence[SettingLine]:
    if options.get("short_side") == "12":
        raise UsageError('The setting short_side is "12".', "It must be 32 or more.")
    return LINES


@pytest.fixture
def dialog(qtbot: QtBot, dark: Theme) -> Iterator[EngineSettingsDialog]:
    dialog = EngineSettingsDialog("CLIP", "fast", describe, {"method": "naclip", "gone": "1"})
    qtbot.addWidget(dialog)
    with qtbot.waitExposed(dialog):
        dialog.show()
    dialog.activateWindow()
    yield dialog


def retype(qtbot: QtBot, dialog: EngineSettingsDialog, key: str, text: str) -> None:
    field = dialog.rows[key].field
    assert isinstance(field, QLineEdit)
    field.selectAll()
    qtbot.keyClicks(field, text)


def test_only_what_differs_from_the_preset_is_kept(
    dialog: EngineSettingsDialog, qtbot: QtBot
) -> None:
    assert dialog.options == {"method": "naclip"}
    retype(qtbot, dialog, "short_side", "448")
    assert dialog.options == {"method": "naclip", "short_side": "448"}
    assert dialog.rows["short_side"].reset_button.isVisible()
    qtbot.mouseClick(dialog.rows["short_side"].reset_button, LEFT)
    assert dialog.options == {"method": "naclip"}
    qtbot.mouseClick(dialog.reset_all, LEFT)
    assert dialog.options == {}
    assert not dialog.reset_all.isEnabled()


def test_a_wrong_value_is_told_and_the_dialog_stays(
    dialog: EngineSettingsDialog, qtbot: QtBot
) -> None:
    retype(qtbot, dialog, "short_side", "12")
    dialog.accept()
    assert dialog.isVisible()
    said = [label.text() for label in dialog.findChildren(QLabel) if label.isVisible()]
    assert 'The setting short_side is "12". It must be 32 or more.' in said
    retype(qtbot, dialog, "short_side", "64")
    dialog.accept()
    assert dialog.result() == QDialog.DialogCode.Accepted
    assert dialog.options["short_side"] == "64"


def test_a_setting_is_found_by_its_name_or_what_it_does(
    dialog: EngineSettingsDialog, qtbot: QtBot
) -> None:
    for words, found in (("METHOD", "method"), ("picture", "short_side")):
        dialog.search.clear()
        qtbot.keyClicks(dialog.search, words)
        assert [key for key, row in dialog.rows.items() if row.isVisible()] == [found]


def test_what_can_be_chosen_is_offered(dialog: EngineSettingsDialog) -> None:
    field = dialog.rows["method"].field
    assert isinstance(field, ComboBox)
    assert [field.itemText(n) for n in range(field.count())] == ["sclip", "naclip"]
    assert field.currentText() == "naclip"
