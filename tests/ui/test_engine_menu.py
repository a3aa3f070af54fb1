from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ovedit.engine.protocols import EngineInfo, SettingLine
from ovedit.engine.requests import EditKind, SegmentRequest
from ovedit.errors import EngineMissingError
from ovedit.ui.dialogs.engine_settings import EngineSettingsDialog
from ovedit.ui.engine_menu import EngineMenu
from ovedit.ui.main_window import MainWindow
from tests.fakes import Fail, FakeProvider
from tests.ui.conftest import MakeWindow, picture

LEFT = Qt.MouseButton.LeftButton
OTHER = EngineInfo("other", "Other", selects=True, models=("tiny",), needs="Tiny", available=False)
PICKER = EngineInfo("picker", "Picker", selects=True)
PAINTER = EngineInfo("painter", "Painter", selects=False, edits=frozenset(EditKind))


def entry(menu: EngineMenu, text: str) -> QAction:
    return next(action for action in menu.actions() if action.text().startswith(text))


def marked(menu: EngineMenu) -> list[str]:
    return [action.text() for action in menu.actions() if action.isChecked()]


def test_engine_and_preset_in_use_are_marked_and_chosen(make_window: MakeWindow) -> None:
    window = make_window(FakeProvider(others=(PICKER,)))
    menu = window.options_bar.engine_menu
    assert window.prompt.engine_button.menu() is menu, "the same beside the phrase"
    assert marked(menu) == ["Fake", "Fake", "Balanced"]
    entry(menu, "Quality").trigger()
    assert window.session.settings.preset == "quality"
    entry(menu, "Picker").trigger()
    assert window.assistant.engine == PICKER
    assert marked(menu) == ["Picker", "Fake", "Quality"]
    assert window.options_bar.engine.text() == "Engines: Picker, Fake · quality"


def test_who_edits_is_chosen_apart_from_who_selects(make_window: MakeWindow) -> None:
    window = make_window(FakeProvider(others=(PAINTER,)))
    menu = window.options_bar.engine_menu
    entry(menu, "Painter").trigger()
    assert window.assistant.editor(EditKind.REPLACE) == PAINTER
    assert window.assistant.selector.name == "fake"
    assert marked(menu) == ["Fake", "Painter", "Balanced"]
    assert entry(menu, "Settings of Painter…").isEnabled()


def test_what_is_not_here_leads_to_its_model(qtbot: QtBot) -> None:
    menu = EngineMenu()
    qtbot.addWidget(menu)
    menu.show_engines((OTHER,), OTHER, OTHER, "fast")
    with qtbot.waitSignal(menu.models_requested) as asked:
        entry(menu, "Other (get Tiny)").trigger()
    assert asked.args == ["tiny"]


def test_the_settings_of_the_engine_reach_its_requests(
    make_window: MakeWindow, qtbot: QtBot
) -> None:
    knob = SettingLine("mood", "calm", "how it looks", "the usual", ("calm", "keen"))
    provider = FakeProvider(knobs=(knob,))
    window = make_window(provider)
    window.session.show_pixels(picture(), "picture")

    def fill() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, EngineSettingsDialog)
        dialog.rows["mood"].field.setFocus()
        qtbot.keyClick(dialog.rows["mood"].field, Qt.Key.Key_Down)
        dialog.accept()

    QTimer.singleShot(100, fill)
    entry(window.options_bar.engine_menu, "Settings of Fake…").trigger()
    assert window.session.settings.engine_options == {"fake": {"mood": "keen"}}
    window.assistant.select("bench")
    qtbot.waitUntil(lambda: not window.errands.busy)
    request = provider.calls[0].request
    assert isinstance(request, SegmentRequest)
    assert request.options == {"mood": "keen"}


def missing(window: MainWindow, qtbot: QtBot) -> list[str]:
    window.session.show_pixels(picture(), "picture")
    window.assistant.select("bench")
    qtbot.waitUntil(lambda: bool(window.prompt.message))
    bar = window.prompt.message_bar
    return [button.text() for button in bar.findChildren(type(window.prompt.apply_button))]


def test_a_preset_that_lacks_models_offers_them_and_the_smallest_preset(
    make_window: MakeWindow, qtbot: QtBot
) -> None:
    error = EngineMissingError("Fake needs Large.", "Not found in /models. Get it.", ("large",))
    window = make_window(FakeProvider({"*": [Fail(error)]}))
    assert missing(window, qtbot) == ["Models…", "Use the preset Fast"]
    assert window.prompt.message == "Fake needs Large."
    window.prompt.message_action.emit("use-fast")
    assert window.session.settings.preset == "fast"
    assert window.prompt.phrase.hasFocus()


def test_an_edit_that_lacks_models_offers_them_and_the_built_in_engine_for_edits(
    make_window: MakeWindow, qtbot: QtBot
) -> None:
    error = EngineMissingError("No model is here.", "Get it.", ("large",))
    window = make_window(FakeProvider({"metal": [Fail(error)]}, others=(PAINTER,)))
    window.session.show_pixels(picture(), "picture")
    window.assistant.select("bench")
    qtbot.waitUntil(lambda: not window.errands.busy)
    document = window.session.document
    assert document is not None
    window.assistant.edit(EditKind.REPLACE, "metal", [document.masks[0].id])
    qtbot.waitUntil(lambda: bool(window.prompt.message))
    buttons = window.prompt.message_bar.findChildren(type(window.prompt.apply_button))
    assert [button.text() for button in buttons] == ["Models…", "Use the built-in engine"]
    window.session.change_settings(
        window.session.settings.changed(select_engine="painter", edit_engine="painter")
    )
    buttons[1].click()
    assert window.session.settings.edit_engine == "fake"
    assert window.session.settings.select_engine == "painter"


def test_an_edit_goes_to_an_engine_that_does_it(make_window: MakeWindow) -> None:
    window = make_window(FakeProvider(others=(PICKER,)))
    assert window.assistant.selector.name == "fake"
    entry(window.options_bar.engine_menu, "Picker").trigger()
    assert window.assistant.selector == PICKER
    assert window.assistant.editor(EditKind.REMOVE).name == "fake"


def test_the_candidates_of_the_mask_in_hand_are_shown_with_the_reason(
    make_window: MakeWindow, qtbot: QtBot
) -> None:
    from ovedit.engine.registry import default_registry

    window = make_window(default_registry())  # type: ignore[arg-type]
    entry(window.options_bar.engine_menu, "Basic").trigger()
    window.session.show_pixels(picture(), "picture")
    document = window.session.document
    assert document is not None
    window.assistant.select("red")
    qtbot.waitUntil(lambda: not window.errands.busy, timeout=20_000)
    if not document.masks:
        window.assistant.use_guess()
    mask = document.masks[0]
    details = window.masks.details
    qtbot.waitUntil(details.isVisible)
    assert mask.candidate is not None
    assert details.reason.text() == mask.candidate.reason
    assert len(details.buttons) == (len(mask.candidates) if len(mask.candidates) > 1 else 0)
    document.set_current(masks=())
    qtbot.waitUntil(lambda: not details.isVisible())
