"""What an edit will take, found out before it runs whenever something about it changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from ovedit.document import coverage_of, masks
from ovedit.document.events import Event, PixelsChanged, StructureChanged
from ovedit.document.state import SELECTION, SurfaceRef
from ovedit.engine.protocols import EngineInfo, Forecast, SettingLine
from ovedit.engine.requests import EditKind
from ovedit.errors import OVEditError, UsageError
from ovedit.geometry import Rect
from ovedit.ui.background import Background
from ovedit.ui.canvas.crop_frame import CropFrame
from ovedit.ui.commands.edit import masks_to_edit
from ovedit.ui.prompt.edit_menu import STRENGTH
from ovedit.workflows import edit

if TYPE_CHECKING:
    from ovedit.ui.main_window import MainWindow

_DELAY_MS = 150
"""Words are typed and sliders moved faster than a large mask is feathered."""
_ANY_WORDS = "…"
"""A forecast does not depend on the words, but an edit without any is none."""


@dataclass(frozen=True, eq=False)
class _Known:
    """What was found out: the forecast or why there is none, and the bounds of what will change."""

    plan: edit.EditPlan
    hole: Rect
    forecast: Forecast | None = None
    problem: OVEditError | None = None
    settings: Sequence[SettingLine] = ()

    def setting(self, name: str) -> str:
        """The value of a setting, empty where the engine has none of this name."""
        return next((line.value for line in self.settings if line.key == name), "")


class Outlook(QObject):
    """Keeps the last line of the prompt card, the crop on the canvas and the menu's usual values.

    crop: where the engine is to look, None for its own choice.
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._line = window.prompt.outlook
        self._menu = window.prompt.edit_line.menu
        self._asking = Background(self)
        self._quiet: set[str] = set()
        self._asked: object = None
        self._planned: tuple[object, edit.EditPlan] | None = None
        self._edge_of: object = None
        self._ids: tuple[str, ...] = ()
        self.crop: Rect | None = None
        self.frame = CropFrame(window.canvas)
        self._due = QTimer(self, singleShot=True, interval=_DELAY_MS)
        self._due.timeout.connect(self._ask)
        session, prompt = window.session, window.prompt
        session.document_changed.connect(self._follow)
        session.settings_changed.connect(self._ask_all)
        window.service.engines_changed.connect(self._ask_all)
        # An engine learns from each run how long the next one takes.
        window.service.finished.connect(self._ask_anew)
        window.menus.refreshed.connect(self._due.start)
        window.errands.jobs_changed.connect(lambda _views: self._show_frame())
        window.assistant.gallery.changed.connect(self._show_frame)
        prompt.edit_line.changed.connect(self._due.start)
        prompt.words.textChanged.connect(self._due.start)
        self.frame.chosen.connect(self.choose_crop)
        self.frame.reset_requested.connect(self.reset_crop)
        self._line.reset_requested.connect(self.reset_crop)
        self._known: _Known | None = None

    @property
    def busy(self) -> bool:
        """Whether something is being found out, or is about to be."""
        return self._asking.busy or self._due.isActive()

    def crop_for(self, mask_ids: tuple[str, ...]) -> Rect | None:
        """Where the engine is to look for an edit of these masks."""
        return self.crop if mask_ids == self._ids else None

    def choose_crop(self, crop: Rect) -> None:
        """Let the engine look here."""
        self.crop = crop
        self._ask()

    def reset_crop(self) -> None:
        """Let the engine choose where it looks."""
        self.crop = None
        self._ask()

    # -- asking ----------------------------------------------------------------------------------

    def _follow(self) -> None:
        document = self._window.session.document
        self.crop = None
        self._menu.forget()
        self._edge_of = None
        if document is not None:
            document.subscribe(self._on_event)
        self._ask_anew()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, StructureChanged | PixelsChanged):
            self._due.start()

    def _ask_all(self, _what: object = None) -> None:
        self._quiet.clear()
        self._ask_anew()

    def _ask_anew(self, _what: object = None) -> None:
        self._asked = None
        self._due.start()

    def _ask(self) -> None:
        context, document = self._window.context, self._window.session.document
        if document is not None and document.busy:
            self._due.start()
            return
        line, settings = self._window.prompt.edit_line, self._window.session.settings
        kind = EditKind(line.kind.current)
        engine = self._window.assistant.editor(kind)
        try:
            ids = masks_to_edit(context) if document is not None and context.can_edit else None
        except UsageError:
            ids = None
        if document is None or ids is None:
            self._forget()
            return
        if ids != self._ids:
            # The crop was chosen for another thing.
            self._ids, self.crop = ids, None
        self._show_usual_edge(kind, engine)
        if engine.name in self._quiet:
            self._forget()
            return
        wish, state = line.wish, document.state
        shape = (
            document,
            *(state.surfaces.get(ref) for ref in _refs(ids)),
            *(state.mask(id) for id in ids),
            *(kind, engine.name, wish.grow, wish.feather),
        )
        asked = (shape, wish.words, wish.options, settings.preset, self.crop)
        if asked == self._asked:
            return
        self._asked = asked
        usual = settings.engine_options.get(engine.name, {})
        snapshot, service, crop = document.snapshot(), self._window.service, self.crop
        # Feathering a large mask takes longer than the next word that is typed.
        kept = self._planned[1] if self._planned is not None and self._planned[0] == shape else None

        def find_out() -> _Known:
            plan = kept or edit.plan_edit(
                snapshot,
                ids,
                kind,
                engine,
                prompt=_ANY_WORDS,
                grow=wish.grow,
                feather=wish.feather,
                blank=True,
            )
            request = replace(
                plan.request,
                prompt=wish.words or _ANY_WORDS,
                preset=settings.preset,
                crop=crop,
                options={**usual, **wish.options},
            )
            hole = masks.bounds(plan.request.alpha)
            lines = service.settings(engine.name, settings.preset, usual)
            try:
                return _Known(plan, hole, service.forecast(engine.name, request), settings=lines)
            except OVEditError as error:
                return _Known(plan, hole, problem=error, settings=lines)

        def found_out(known: _Known) -> None:
            self._planned = shape, known.plan
            self._found_out(known, engine, kind)

        self._asking.abandon()
        # What is wrong with the mask is said when the edit is asked for.
        self._asking.run(find_out, found_out, lambda _error: self._forget(), disposable=True)

    def _found_out(self, known: _Known, engine: EngineInfo, kind: EditKind) -> None:
        forecast = known.forecast
        if self.crop is not None and not self.crop.contains(known.hole):
            # The mask has grown out of what was chosen for it.
            self.reset_crop()
            return
        strength = known.setting(STRENGTH) if kind is EditKind.RESTYLE else ""
        self._menu.set_strength(float(strength) if strength else None)
        if forecast is None and known.problem is None:
            self._quiet.add(engine.name)
            self._forget()
            return
        self._known = known
        if known.problem is not None:
            self._line.show_problem(known.problem)
        elif forecast is not None:
            self._menu.set_template(forecast.template, known.setting(forecast.template))
            self._line.show_forecast(forecast, crop_chosen=self.crop is not None)
        self._show_frame()

    # -- showing ---------------------------------------------------------------------------------

    def _forget(self) -> None:
        self._known = self._asked = self._planned = None
        self._asking.abandon()
        self._line.clear()
        self._menu.set_template("", "")
        self._show_frame()

    def _show_frame(self) -> None:
        known = self._known
        # While something runs or is chosen, it is that which is looked at.
        window = self._window
        idle = not (window.errands.busy or window.assistant.gallery.slots)
        if known is None or known.forecast is None or not idle:
            self.frame.show_crops((), Rect(0, 0, 0, 0), "")
        else:
            size = known.forecast.size
            self.frame.show_crops(known.forecast.crops, known.hole, f"{size.width} × {size.height}")

    def _show_usual_edge(self, kind: EditKind, engine: EngineInfo) -> None:
        document = self._window.session.document
        assert document is not None
        what = document, kind, engine.name
        anew, self._edge_of = what != self._edge_of, what
        usual = edit.default_edges(kind, engine, document.size)
        self._menu.set_usual_edge(*usual, anew=anew)


def _refs(ids: Sequence[str]) -> list[SurfaceRef]:
    """The surfaces that an edit of these masks, or of the selection, looks at."""
    return [coverage_of(id) for id in ids] or [SELECTION]
