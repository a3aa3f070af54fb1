from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication, QMenu, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from ovedit.engine.library import MemoryState, Resident
from ovedit.engine.protocols import EngineInfo
from ovedit.errors import EngineMissingError, ModelError
from ovedit.service.downloads import DownloadService
from ovedit.service.model_service import ModelService
from ovedit.settings import Settings
from ovedit.ui.dialogs.models.dialog import ModelsDialog
from ovedit.ui.main_window import MainWindow
from ovedit.ui.model_desk import memory_text
from ovedit.ui.session import Session
from ovedit.ui.theme import Theme
from tests.fake_library import CHUNKS, ScriptedLibrary
from tests.fakes import Fail, FakeProvider
from tests.ui.conftest import MakeWindow, picture

LEFT = Qt.MouseButton.LeftButton
TINY = Resident("tiny", "Tiny", "CPU", "float32", 156_000_000)
LARGE = Resident("large", "Large", "CPU", "float32", 898_000_000, pinned=True, in_use=True)


class ScriptedMemory:
    """What is in memory, as a test says."""

    def __init__(self, *residents: Resident, budget: int = 6_000_000_000) -> None:
        self.state = MemoryState(residents, budget, "CPU")
        self.asked: list[tuple[object, ...]] = []
        self.listeners: list[Callable[[MemoryState], None]] = []

    def memory(self) -> MemoryState:
        return self.state

    def subscribe(self, listener: Callable[[MemoryState], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def unload(self, id: str | None = None) -> int:
        self.asked.append(("unload", id))
        return 0

    def pin(self, id: str, pinned: bool = True) -> None:
        self.asked.append(("pin", id, pinned))


def entries(menu: QMenu) -> list[str]:
    return [action.text() for action in menu.actions() if not action.isSeparator()]


def dialog_of(window: MainWindow) -> ModelsDialog:
    return next(iter(window.findChildren(ModelsDialog)))


def test_better_engines_are_one_click_away(window: MainWindow, qtbot: QtBot) -> None:
    window.session.show_pixels(picture(), "picture")
    qtbot.mouseClick(window.prompt.better_button, LEFT)
    dialog = dialog_of(window)
    qtbot.waitUntil(lambda: dialog.isVisible() and bool(dialog.list.rows()))
    assert not dialog.isModal(), "the picture can be worked on meanwhile"
    qtbot.mouseClick(dialog.close_button, LEFT)
    window.menus.actions["models"].trigger()
    assert window.findChildren(ModelsDialog) == [dialog]
    assert dialog.isVisible()


def test_an_engine_whose_model_is_not_here_leads_to_it(
    make_window: MakeWindow, qtbot: QtBot
) -> None:
    masker = EngineInfo(
        "masker", "Masker", True, available=False, needs="Tiny (20 bytes)", models=("large",)
    )
    window = make_window(FakeProvider(others=(masker,)))
    menu = window.options_bar.engine.menu()
    action = next(a for a in menu.actions() if a.text().startswith("Masker"))
    assert action.text() == "Masker (get Tiny (20 bytes))"
    before = window.session.settings
    action.trigger()
    qtbot.waitUntil(lambda: dialog_of(window).detail.model_id == "large")
    assert window.session.settings == before, "nothing that cannot answer is chosen"


def test_a_missing_engine_is_told_and_the_built_in_one_only_offered(
    make_window: MakeWindow, qtbot: QtBot
) -> None:
    error = EngineMissingError('The engine "fake" needs Tiny.', "Get it.")
    window = make_window(FakeProvider({"bench": [Fail(error)]}))
    window.session.show_pixels(picture(), "picture")
    window.assistant.select("bench")
    qtbot.waitUntil(lambda: window.prompt.message == 'The engine "fake" needs Tiny. Get it.')
    buttons = {b.text(): b for b in window.prompt.message_bar.findChildren(QPushButton)}
    assert list(buttons) == ["Models…", "Use the built-in engine"]
    assert window.session.document is not None and not window.session.document.masks
    qtbot.mouseClick(buttons["Models…"], LEFT)
    assert dialog_of(window).isVisible()


def test_a_download_that_ends_unwatched_is_told(make_window: MakeWindow, qtbot: QtBot) -> None:
    library = ScriptedLibrary("tiny")
    window = make_window(library=library)
    window.session.show_pixels(picture(), "picture")
    window.model_desk.downloads.refresh()
    qtbot.waitUntil(lambda: bool(window.model_desk._titles))
    window.model_desk.downloads.get("tiny")
    qtbot.waitUntil(lambda: window.prompt.message == "Tiny is ready.")
    library.bytes_of["tiny"] = 0
    library.error = ModelError("There is no network.", "Connect.")
    window.model_desk.downloads.get("tiny")
    qtbot.waitUntil(lambda: window.prompt.message == "There is no network. Connect.")


def test_why_engines_cannot_be_listed_is_told(make_window: MakeWindow, qtbot: QtBot) -> None:
    provider = FakeProvider()
    window = make_window(provider)
    window.session.show_pixels(picture(), "picture")
    provider.listing_error = ModelError("The list of models is not valid TOML.", "Correct it.")
    window.service.refresh_engines()
    told = "The list of models is not valid TOML. Correct it."
    qtbot.waitUntil(lambda: window.prompt.message == told)


def test_engines_are_looked_up_anew_when_a_model_came(
    make_window: MakeWindow, qtbot: QtBot
) -> None:
    window = make_window()
    with qtbot.waitSignal(window.service.engines_changed):
        window.model_desk.downloads.get("tiny")


def test_closing_the_window_stops_downloads_and_keeps_what_came(
    make_window: MakeWindow, qtbot: QtBot
) -> None:
    library = ScriptedLibrary("tiny")
    window = make_window(library=library)
    library.gate.clear()
    window.model_desk.downloads.get("tiny")
    qtbot.waitUntil(lambda: bool(library.asked))
    library.bytes_of["tiny"] = 7
    assert window.close()
    assert window.engines_stopped
    assert library.bytes_of["tiny"] == 7 < CHUNKS


@pytest.fixture
def memory() -> ScriptedMemory:
    return ScriptedMemory(TINY, LARGE)


def window_on(memory: ScriptedMemory, qtbot: QtBot) -> MainWindow:
    downloads = DownloadService(ScriptedLibrary("tiny", "large"))
    session = Session(Settings(select_engine="fake", edit_engine="fake"))
    window = MainWindow(session, ModelService(FakeProvider()), downloads, memory)
    qtbot.addWidget(window, before_close_func=lambda w: w.session.close())
    window.resize(1200, 800)
    with qtbot.waitExposed(window):
        window.show()
    return window


def test_what_is_in_memory_shows_as_it_comes_and_goes(
    memory: ScriptedMemory, qtbot: QtBot, dark: Theme
) -> None:
    window = window_on(memory, qtbot)
    shown = window.status._engine
    (listener,) = memory.listeners
    thread = threading.Thread(target=listener, args=(MemoryState((TINY,), 6_000_000_000, "CPU"),))
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: shown.text() == "Tiny · 156 MB of 6.0 GB")
    listener(MemoryState((), 6_000_000_000, "CPU"))
    qtbot.waitUntil(lambda: shown.text() == window.assistant.engine.title)
    window.close()
    assert memory.listeners == []


def test_models_are_kept_and_unloaded_from_the_status_row(
    memory: ScriptedMemory, qtbot: QtBot, dark: Theme
) -> None:
    window = window_on(memory, qtbot)
    menu = window.status.memory_menu
    menu.aboutToShow.emit()
    assert entries(menu) == [
        "Tiny · 156 MB",
        "Large · 898 MB",
        "Unload all that are not kept",
        "Models…",
    ]
    tiny, large = (menu.actions()[i].menu() for i in (0, 1))
    assert entries(tiny) == ["Keep in memory", "Unload"]
    assert entries(large) == ["Keep in memory", "Unload after this job"]
    assert [m.actions()[0].isChecked() for m in (tiny, large)] == [False, True]
    tiny.actions()[0].trigger()
    large.actions()[1].trigger()
    menu.actions()[3].trigger()
    assert memory.asked == [("pin", "tiny", True), ("unload", "large"), ("unload", None)]


def test_a_model_leaves_the_memory_before_its_files_go(
    memory: ScriptedMemory, qtbot: QtBot, dark: Theme
) -> None:
    window = window_on(memory, qtbot)
    library = window.model_desk.downloads._worker._library
    assert isinstance(library, ScriptedLibrary)
    library.bytes_of["tiny"] = CHUNKS
    window.model_desk.show("tiny")
    dialog = dialog_of(window)
    qtbot.waitUntil(lambda: dialog.detail.remove.isVisible())

    def agree() -> None:
        box = QApplication.activeModalWidget()
        if not isinstance(box, QMessageBox):
            QTimer.singleShot(10, agree)
            return
        qtbot.mouseClick(next(b for b in box.buttons() if b.text() == "Remove"), LEFT)

    QTimer.singleShot(0, agree)
    qtbot.mouseClick(dialog.detail.remove, LEFT)
    qtbot.waitUntil(lambda: library.asked == ["remove tiny"])
    assert memory.asked == [("unload", "tiny")]


def test_memory_in_words() -> None:
    assert memory_text(MemoryState()) == ""
    assert memory_text(MemoryState((TINY,), 0)) == "Tiny · 156 MB"
    assert memory_text(MemoryState((TINY, LARGE), 6 * 10**9)) == "2 models · 1.1 GB of 6.0 GB"
