"""The main window: puts the parts together and carries words between them, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QCoreApplication, Qt, QTimer
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from ovedit.document.events import Event, HistoryChanged
from ovedit.engine.library import ModelMemory
from ovedit.engine.protocols import Preview
from ovedit.errors import OVEditError
from ovedit.service.downloads import DownloadService
from ovedit.service.model_service import ModelService
from ovedit.ui import closing, theme
from ovedit.ui.assistant import USE_GUESS, Assistant
from ovedit.ui.bindings import Bindings
from ovedit.ui.canvas.canvas import Canvas
from ovedit.ui.commands import edit, file, mask
from ovedit.ui.commands.context import Context
from ovedit.ui.dock_edits import DockEdits
from ovedit.ui.docks import Docks
from ovedit.ui.edge_preview import EdgePreview
from ovedit.ui.engine_desk import EngineDesk
from ovedit.ui.errands import ADD_HELD, Errands
from ovedit.ui.gallery.desk import GalleryDesk
from ovedit.ui.icons import app_icon
from ovedit.ui.in_place import InPlace
from ovedit.ui.menus import Menus
from ovedit.ui.messages import MODELS, USE_BUILT_IN, USE_FAST, Message
from ovedit.ui.model_desk import ModelDesk, memory_text
from ovedit.ui.options_bar import OptionsBar
from ovedit.ui.outlook import Outlook
from ovedit.ui.panels.jobs import JobView
from ovedit.ui.prompt.card import PromptCard
from ovedit.ui.prompt.wish import EditWish
from ovedit.ui.recent import RecentFiles
from ovedit.ui.session import Session
from ovedit.ui.shadow_offer import ShadowOffer
from ovedit.ui.start_page import StartPage
from ovedit.ui.status_row import StatusRow, grouped
from ovedit.ui.tool_column import ToolColumn
from ovedit.ui.tool_host import WindowToolHost
from ovedit.ui.tools import TOOLS, ClickTool, Tool, ToolOptions
from ovedit.ui.tools.base import paint_target
from ovedit.ui.tour import END_TOUR, Tour
from ovedit.ui.widgets.basics import label
from ovedit.ui.window_state import WindowState

_SIZE = (1600, 1000)
"""At the first start, less on a smaller screen."""


class MainWindow(QMainWindow):
    """The window. `context` is what its commands act on."""

    def __init__(
        self,
        session: Session,
        service: ModelService,
        downloads: DownloadService,
        memory: ModelMemory,
    ) -> None:
        super().__init__()
        self.setObjectName("main-window")
        self.engines_stopped = True
        self._lasting = False
        self.setWindowIcon(app_icon())
        self.session = session
        self.service = service
        self.errands = Errands(session, service, self)
        self.model_desk = ModelDesk(downloads, memory, self)
        self.assistant = Assistant(session, service, self.errands, self)
        self.context = Context(self)
        self.options = ToolOptions()
        self._build_centre()
        self._build_bars()
        self._build_docks()
        self._build_menus()
        self.tool_host = WindowToolHost(self.canvas, self.options_bar, self.assistant, self.tell)
        self._tools: dict[str, Tool] = {
            tool.name: tool(self.tool_host) for group in TOOLS for tool in group
        }
        self.in_place = InPlace(self.canvas)
        self.engine_desk = EngineDesk(self)
        self.gallery_desk = GalleryDesk(self)
        self.outlook = Outlook(self)
        self.edge_preview = EdgePreview(self)
        self.shadow_offer = ShadowOffer(self)
        engines = self.service.engines
        self.bindings = Bindings(self.masks, self.layers, self.history, engines, self)
        self.dock_edits = DockEdits(self)
        self.tour = Tour(self)
        # Once for all events of one turn of the event loop.
        self._refresh_timer = QTimer(self, singleShot=True, interval=0)
        self._refresh_timer.timeout.connect(self._refresh)
        self._connect()
        kept = session.settings
        self.prompt.set_history(kept.recent_prompts[::-1], kept.recent_words[::-1])
        self.use_tool("brush")
        self.use_settings()
        self._show_document()
        room = self.screen().availableSize()
        self.resize(min(_SIZE[0], room.width() - 40), min(_SIZE[1], room.height() - 60))
        self.state = WindowState(self)
        self.state.restore()

    # -- building --------------------------------------------------------------------------------

    def _build_centre(self) -> None:
        self.canvas_area = QWidget()
        self.canvas_area.setObjectName("central")
        layout = QVBoxLayout(self.canvas_area)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self.canvas = Canvas()
        layout.addWidget(self.canvas)
        self.prompt = PromptCard(self.canvas)
        self.canvas.set_lower_margin(self.prompt.resting_height)
        self.start = StartPage()
        self.recent = RecentFiles(self)
        self.recent.found.connect(self.start.set_recent)
        self._pages = QStackedWidget()
        self._pages.addWidget(self.start)
        self._pages.addWidget(self.canvas_area)
        self.setCentralWidget(self._pages)

    def _build_bars(self) -> None:
        self.options_bar = OptionsBar(self.options)
        self.addToolBar(Qt.ToolBarArea.TopToolBarArea, self.options_bar)
        self.tool_column = ToolColumn()
        self.addToolBar(Qt.ToolBarArea.LeftToolBarArea, self.tool_column)
        self.status = StatusRow()
        self.setStatusBar(self.status)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)

    def _build_docks(self) -> None:
        self.docks = docks = Docks(self)
        self.masks, self.layers = docks.masks, docks.layers
        self.history, self.jobs = docks.history, docks.jobs

    def _build_menus(self) -> None:
        self.menus = Menus(self, self.canvas, self.context)
        self._caption = label("", "caption")
        self.menuBar().setCornerWidget(self._caption)
        self.menus["&View"].addSeparator()
        for dock in self.docks.all:
            self.menus["&View"].addAction(dock.toggleViewAction())
        self.masks.set_menu(self.menus["&Mask"])
        self.layers.set_menu(self.menus["&Layer"])

    def _connect(self) -> None:
        session, assistant, prompt = self.session, self.assistant, self.prompt
        errands, run = self.errands, self.context.run
        self.menus.refreshed.connect(self._show_usable)
        self.menus.recent_chosen.connect(lambda path: self._open_files([path]))
        session.document_changed.connect(self._show_document)
        session.title_changed.connect(self._show_title)
        session.said.connect(self.tell)
        session.settings_changed.connect(lambda _settings: self.use_settings())
        session.background.busy_changed.connect(self._show_busy)
        errands.said.connect(self.tell)
        errands.jobs_changed.connect(self._show_jobs)
        errands.previewed.connect(self._show_preview)
        assistant.said.connect(self.tell)
        assistant.points_applied.connect(self._points_applied)
        assistant.selected.connect(lambda _ids: self.menus.refresh())
        self.service.engines_failed.connect(self.say)
        desk = self.model_desk
        desk.said.connect(self.tell)
        desk.engines_changed.connect(self.service.refresh_engines)
        desk.memory_changed.connect(lambda state: self.status.show_memory(memory_text(state)))
        self.status.memory_menu.aboutToShow.connect(
            lambda: desk.fill_memory_menu(self.status.memory_menu)
        )
        prompt.engines_requested.connect(desk.show)
        prompt.select_requested.connect(self._select)
        prompt.edit_requested.connect(self._edit)
        prompt.cancel_requested.connect(errands.cancel)
        prompt.message_action.connect(self._message_action)
        prompt.escape.connect(self.canvas.setFocus)
        prompt.history_changed.connect(self._keep_prompts)
        self.canvas.hovered.connect(self._show_position)
        self.canvas.view_changed.connect(self._show_zoom)
        self.canvas.mask_hovered.connect(self.masks.highlight)
        self.canvas.tool_failed.connect(self.tool_host.say)
        self.canvas.escaped.connect(partial(run, edit.escape))
        self.canvas.files_dropped.connect(self._open_files)
        self.start.open_requested.connect(partial(run, file.ask_and_open))
        self.start.sample_requested.connect(partial(run, file.open_sample))
        self.start.recent_requested.connect(lambda path: self._open_files([path]))
        self.start.files_dropped.connect(self._open_files)
        self.tool_column.chosen.connect(self.use_tool)
        self.options_bar.changed.connect(self.canvas.update)
        self.options_bar.snap_requested.connect(partial(run, mask.snap_to_edges))
        self.status.cancel_requested.connect(errands.cancel)
        self.jobs.cancel_requested.connect(errands.cancel)
        self.jobs.cancel_all_requested.connect(errands.cancel_all)

    # -- being spoken to -------------------------------------------------------------------------

    def say(self, error: OVEditError) -> None:
        """Show an error in the prompt card, or on the start page."""
        self.tell(Message.of(error))

    def tell(self, message: Message) -> None:
        """Show a message in the prompt card, or on the start page."""
        if self.session.document is None:
            self.start.show_message(message.text)
        else:
            self.prompt.show_message(message.text, message.buttons, message.kind)
        self._lasting = message.lasts

    def use_tool(self, name: str) -> None:
        """Put a tool in the hand."""
        tool = self._tools[name]
        self.canvas.set_tool(tool)
        self.tool_column.show_tool(name)
        self._show_tool()

    def pin_prompt(self, pinned: bool) -> None:
        """Give the prompt card a place of its own below the canvas, or let it float again."""
        if pinned:
            self.docks.prompt.setWidget(self.prompt)
        else:
            self.prompt.setParent(self.canvas)
        self.prompt.set_floating(not pinned)
        self.docks.prompt.setVisible(pinned)
        self.prompt.show()
        self.make_room()

    def make_room(self) -> None:
        """Keep what floats over the canvas off a picture that is shown as a whole."""
        card = 0 if self.prompt_pinned else self.prompt.resting_height
        self.canvas.set_lower_margin(max(card, self.gallery_desk.strip.room))

    @property
    def prompt_pinned(self) -> bool:
        """Whether the prompt card has a place of its own."""
        return self.prompt.parentWidget() is not self.canvas

    # -- showing ---------------------------------------------------------------------------------

    def use_settings(self) -> None:
        """Follow the settings."""
        settings = self.session.settings
        self.use_theme(settings.theme)
        self.canvas.set_animated(not settings.reduced_motion)
        self.canvas.set_overlay_opacity(settings.overlay_opacity)
        self.recent.show(settings.recent_files)
        self.menus.show_recent(settings.recent_files)
        self.engine_desk.show()

    def use_theme(self, choice: theme.ThemeChoice) -> None:
        """Dark, light, or as the system says."""
        running = theme.theme_of(QCoreApplication.instance())
        if running is not None:
            running.set_choice(choice)

    def _show_document(self) -> None:
        document = self.session.document
        if document is not None:
            self.canvas.set_document(document)
            self.in_place.clear()
            document.subscribe(self._on_event)
            self.prompt.phrase.clear()
            self.prompt.words.clear()
            self.tool_host.suit_brush(document.size)
        self.bindings.show(document, self.session.opened_as)
        self._pages.setCurrentWidget(self.start if document is None else self.canvas_area)
        self.prompt.clear_message()
        self.start.show_message("")
        self.prompt.set_can_select(document is not None)
        self.options_bar.setEnabled(document is not None)
        self.tool_column.setEnabled(document is not None)
        self.status.show_picture(None if document is None else document.size)
        self._show_zoom()
        self._show_tool()
        self.menus.refresh()
        if document is not None:
            self.canvas.setFocus()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, HistoryChanged) and not (self.tour.running or self._lasting):
            # What was said was about the step before.
            self.prompt.clear_message()
        self._refresh_timer.start()

    def _refresh(self) -> None:
        self.menus.refresh()
        self._show_title()
        self._show_tool()

    def _show_title(self) -> None:
        session = self.session
        if session.document is None:
            self.setWindowTitle("OVEdit")
            self._caption.setText("")
        else:
            self.setWindowTitle(f"{session.title}[*] — OVEdit")
            size = session.document.size
            dot = " ●" if session.modified else ""
            measures = f"{grouped(size.width)} × {grouped(size.height)}"
            self._caption.setText(f"{session.title}{dot}    {measures}")
        # The corner keeps the width it was given first, unless it is told of a longer name.
        self._caption.adjustSize()
        self.menuBar().setCornerWidget(self._caption)
        self.setWindowModified(session.modified)

    def _show_usable(self) -> None:
        self.prompt.set_can_edit(self.context.can_edit)
        self.masks.set_heat_map(self.canvas.overlays.heat_map)

    def _show_busy(self, busy: bool) -> None:
        if busy:
            self.canvas_area.setCursor(Qt.CursorShape.BusyCursor)
        else:
            self.canvas_area.unsetCursor()

    def _show_tool(self) -> None:
        tool = self.canvas.tool
        if tool is not None:
            target = paint_target(self.canvas.document, quick_mask=self.canvas.overlays.quick_mask)
            self.options_bar.show_tool(tool, on_mask=target is not None and target.is_mask)
            self.status.show_hint(tool.hint if self.session.document is not None else "")

    def _show_jobs(self, views: tuple[JobView, ...]) -> None:
        self.jobs.set_jobs(views)
        running = next((view for view in views if not view.queued), None)
        self.prompt.set_job(running)
        self.status.show_job(running)

    def _show_preview(self, preview: Preview | None) -> None:
        pixels, rect = (None, None) if preview is None else (preview.pixels, preview.rect)
        self.in_place.show("step", pixels, rect)

    def _show_position(self, x: float, y: float) -> None:
        self.status.show_position(x, y, self.canvas.document.size)

    def _show_zoom(self) -> None:
        if self.session.document is not None:
            self.status.show_zoom(self.canvas.view.zoom)

    # -- what the person does --------------------------------------------------------------------

    def _select(self, phrases: str) -> None:
        self.assistant.select(phrases)
        self.canvas.setFocus()

    def _edit(self, wish: EditWish) -> None:
        self.context.run(lambda c: edit.apply_edit(c, wish))
        # So that Ctrl+Z takes back the edit, and not the words.
        self.canvas.setFocus()

    def _points_applied(self) -> None:
        tool = self.canvas.tool
        if isinstance(tool, ClickTool):
            tool.answered()

    def _message_action(self, key: str) -> None:
        if key == END_TOUR:
            self.tour.end()
        elif key == USE_GUESS:
            self.assistant.use_guess()
        elif key == ADD_HELD:
            self.errands.add_held()
        elif key.partition(":")[0] == MODELS:
            self.model_desk.show(key.partition(":")[2])
        elif key.partition(":")[0] == USE_BUILT_IN:
            self.engine_desk.use_built_in(to_edit=key.endswith(":edit"))
        elif key == USE_FAST:
            self.engine_desk.use(preset="fast")
            # What was asked for is still there: Enter asks for it again.
            self.prompt.focus_phrase()
        else:
            self.menus.actions[key].trigger()

    def _keep_prompts(self, phrases: tuple[str, ...], words: tuple[str, ...]) -> None:
        self.session.change_settings(
            self.session.settings.changed(
                recent_prompts=tuple(reversed(phrases)), recent_words=tuple(reversed(words))
            )
        )

    def _open_files(self, paths: Sequence[str]) -> None:
        if paths:
            self.context.run(lambda c: file.open_paths(c, [Path(path) for path in paths]))

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask about changes, keep the window's layout, stop everything."""
        # Nobody who leaves wants to see what was about to be opened.
        self.session.background.abandon()
        if not file.may_close(self.context):
            event.ignore()
            return
        self.state.keep()
        self.engines_stopped = closing.stop(self)
        event.accept()
