"""Asks the engines on the person's behalf: one method for each thing that can be asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Signal

from ovedit.document import Document, DocumentState
from ovedit.engine.protocols import EngineInfo
from ovedit.engine.requests import EditKind, EditResult, Point, PointResult, SegmentResult
from ovedit.geometry import Rect
from ovedit.service.jobs import Where
from ovedit.service.model_service import ModelService
from ovedit.ui.errands import Errands, Question
from ovedit.ui.messages import Message
from ovedit.ui.session import Session
from ovedit.workflows import edit, points, segment
from ovedit.workflows.coverage import shown_thing, union_of

USE_GUESS = "use-guess"


class Assistant(QObject):
    """Makes the questions; `Errands` carries them.

    Signals: said(Message); points_applied() after a click was answered; selected(ids) and
    edited(layer id) after an answer was applied.
    """

    said = Signal(object)
    selected = Signal(object)
    points_applied = Signal()
    edited = Signal(str)

    def __init__(
        self, session: Session, service: ModelService, errands: Errands, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._session, self._service, self._errands = session, service, errands
        self._guess: segment.PhraseOutcome | None = None
        self._clicked: tuple[tuple[Point, ...], str] = ((), "")
        session.document_changed.connect(self._forget)

    # -- engines ---------------------------------------------------------------------------------

    @property
    def engines(self) -> Sequence[EngineInfo]:
        """Every engine known."""
        return self._service.engines()

    @property
    def engine(self) -> EngineInfo:
        """The engine chosen to select. Little more than its name is known until all are listed."""
        return self._info(self._session.settings.select_engine)

    @property
    def selector(self) -> EngineInfo:
        """The engine that answers phrases and clicks: the one chosen for it, if it can."""
        return self._able(self.engine, lambda info: info.selects)

    def editor(self, kind: EditKind) -> EngineInfo:
        """The engine that does a kind of edit: the one chosen for edits, if it can."""
        chosen = self._info(self._session.settings.edit_engine)
        return self._able(chosen, lambda info: kind in info.edits)

    def _info(self, name: str) -> EngineInfo:
        unknown = EngineInfo(name, name, selects=True)
        return next((info for info in self.engines if info.name == name), unknown)

    def _able(self, chosen: EngineInfo, can: Callable[[EngineInfo], bool]) -> EngineInfo:
        """The engine chosen, or the first one here that can do what it cannot, if there is one."""
        here = [info for info in self.engines if info.available]
        return next(filter(can, (chosen, *here)), chosen)

    # -- asking ----------------------------------------------------------------------------------

    def select(self, phrases: str) -> None:
        """Find what the comma-separated phrases name; one mask for each appears."""
        document, settings = self._session.document, self._session.settings
        if document is None:
            return

        def ask() -> None:
            wanted = segment.parse_phrases(phrases)
            preset, options = settings.preset, settings.engine_options.get(self.selector.name)

            title = f"Select {', '.join(wanted)}"

            def prepare(state: DocumentState) -> list[Question]:
                request = segment.segment_request(state, wanted, preset=preset, options=options)
                return [Question(request, apply)]

            def apply(result: object) -> None:
                assert isinstance(result, SegmentResult)
                # A large picture takes a while to get its masks.
                self._errands.change(
                    title, lambda copy: segment.apply_segmentation(copy, result), self._selected
                )

            self._submit(document, [title], prepare)

        self._errands.attempt(ask)

    def segment_points(
        self, clicks: Sequence[Point], box: Rect | None, mask_id: str | None
    ) -> None:
        """Find what is at the clicks or in the box, as a new mask or a correction of one."""
        document, settings = self._session.document, self._session.settings
        if document is None:
            return
        preset, options = settings.preset, settings.engine_options.get(self.selector.name)

        def prepare(state: DocumentState) -> list[Question]:
            request = points.point_request(
                state, clicks, box=box, mask_id=mask_id, preset=preset, options=options
            )
            return [Question(request, apply)]

        def apply(result: object) -> None:
            assert isinstance(result, PointResult)

            def work(copy: Document) -> str:
                # Asked here, for the answer to the click before may still be on its way.
                target = mask_id if mask_id is not None else self._mask_of(clicks)
                if target not in {mask.id for mask in copy.masks}:
                    target = None
                return points.apply_points(copy, result, mask_id=target)

            self._errands.change(title, work, applied)

        def applied(target: str) -> None:
            self._clicked = tuple(clicks), target
            self.points_applied.emit()

        title = "Find what was clicked" if box is None else "Find what is in the box"
        if box is not None:
            self._submit(document, [title], prepare)
        else:
            # A later click on the same thing knows more than the one that is being answered.
            tag = f"click {clicks[0]}" if clicks else "click"
            self._submit(document, [title], prepare, where="replace", tag=tag)

    def edit(
        self,
        kind: EditKind,
        words: str,
        mask_ids: Sequence[str],
        variations: int = 1,
        seed: int = 0,
        negative_prompt: str = "",
    ) -> None:
        """Remove, replace or restyle what the masks cover, or the selection where there is none.

        One edit layer appears for each variation, with its number in its name. The first one shows;
        the others wait hidden above it, so that they can be looked at one by one.
        """
        document, settings = self._session.document, self._session.settings
        if document is None:
            return

        def ask() -> None:
            waiting = [i for i in mask_ids if not document.state.mask(i).accepted]
            if waiting:
                # To act on a mask is to agree with it.
                segment.accept(document, waiting)
            engine, preset = self.editor(kind), settings.preset
            options = settings.engine_options.get(engine.name)
            landed: list[str] = []

            def prepare(state: DocumentState) -> list[Question]:
                plan = edit.plan_edit(
                    state,
                    mask_ids,
                    kind,
                    engine,
                    prompt=words,
                    negative_prompt=negative_prompt,
                    seed=seed,
                    preset=preset,
                    options=options,
                )
                if variations == 1:
                    return [self._new_layer(document, plan, landed)]
                plans = (plan, *edit.plan_variations(plan, variations - 1))
                return [
                    self._new_layer(document, each, landed, f"{edit.layer_name(each.request)} {n}")
                    for n, each in enumerate(plans, 1)
                ]

            shown = [shown_thing(document.state.mask(i)) for i in mask_ids]
            title = _title(kind, words, ", ".join(dict.fromkeys(filter(None, shown))))
            numbered = [f"{title} ({n} of {variations})" for n in range(1, variations + 1)]
            self._submit(document, numbered if variations > 1 else [title], prepare)

        self._errands.attempt(ask)

    def run_again(self, layer_id: str, *, vary: bool = False, mask_ids: Sequence[str] = ()) -> None:
        """Make an edit layer anew: as it was, with another seed, or inside other masks."""
        document = self._session.document
        if document is None:
            return

        def prepare(state: DocumentState) -> list[Question]:
            mask = union_of(state, mask_ids) if mask_ids else None
            plan = edit.plan_rerun(state, layer_id, mask=mask)
            if vary:
                plan = edit.plan_variations(plan, 1)[0]

            def apply(result: object) -> None:
                assert isinstance(result, EditResult)
                edit.replace_edit(document, layer_id, plan, result)
                self._edited(layer_id, result)

            return [Question(plan.request, apply, plan.engine)]

        def ask() -> None:
            name = document.state.layer(layer_id).name
            self._submit(document, [f"{'Vary' if vary else 'Run again'}: {name}"], prepare)

        self._errands.attempt(ask)

    def use_guess(self) -> None:
        """Take the engine's best guess for the phrase that was not found."""
        document, guess = self._session.document, self._guess
        if document is not None and guess is not None:
            self._guess = None
            self._errands.attempt(lambda: segment.apply_guess(document, guess))
            self.selected.emit(document.current_mask_ids)

    # -- inside ----------------------------------------------------------------------------------

    def _submit(
        self,
        document: Document,
        titles: Sequence[str],
        prepare: Callable[[DocumentState], list[Question]],
        where: Where = "back",
        tag: str = "",
    ) -> None:
        self._errands.submit(document, self.selector.name, titles, prepare, where=where, tag=tag)

    def _forget(self) -> None:
        self._guess, self._clicked = None, ((), "")

    def _new_layer(
        self, document: Document, plan: edit.EditPlan, landed: list[str], name: str = ""
    ) -> Question:
        """The question for one variation; `landed` holds the layers that the others became."""

        def apply(result: object) -> None:
            assert isinstance(result, EditResult)
            before = document.current_layer_id
            layer_id = edit.apply_edit(document, plan, result, visible=not landed, name=name)
            # The masks used are hidden now: a brush must not go on working on them unseen.
            document.set_current(masks=())
            if landed:
                document.set_current(layer=before)
            landed.append(layer_id)
            self._edited(layer_id, result)

        return Question(plan.request, apply, plan.engine)

    def _edited(self, layer_id: str, result: EditResult) -> None:
        if result.notes:
            self.said.emit(Message(" ".join(result.notes)))
        self.edited.emit(layer_id)

    def _mask_of(self, clicks: Sequence[Point]) -> str | None:
        """The mask that the first of these clicks have become meanwhile."""
        answered, mask_id = self._clicked
        return mask_id if answered and answered == tuple(clicks[: len(answered)]) else None

    def _selected(self, outcome: segment.SegmentOutcome) -> None:
        missing = next((phrase for phrase in outcome.phrases if not phrase.found), None)
        self._guess = missing if missing is not None and missing.guesses else None
        if missing is not None:
            buttons = (("Show best guess", USE_GUESS),) if self._guess is not None else ()
            self.said.emit(Message(missing.message, "warning", buttons))
        elif outcome.messages:
            self.said.emit(Message(outcome.messages[0]))
        self.selected.emit(outcome.mask_ids)


def _title(kind: EditKind, words: str, shown: str) -> str:
    """What the job list calls an edit: "Replace → metal bench", "Remove wooden bench"."""
    words = " ".join(words.split())
    arrow = f" → {words}" if words and kind is not EditKind.REMOVE else ""
    return f"{str(kind).capitalize()}{arrow or f' {shown}'.rstrip()}"
