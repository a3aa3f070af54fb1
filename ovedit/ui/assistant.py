"""Asks the engines on the person's behalf: one method for each thing that can be asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from PySide6.QtCore import QObject, Signal

from ovedit.document import Document, DocumentState
from ovedit.engine.protocols import EngineInfo
from ovedit.engine.requests import EditKind, EditResult, Point, PointResult, SegmentResult
from ovedit.geometry import Rect
from ovedit.service.jobs import Where
from ovedit.service.model_service import ModelService
from ovedit.ui.errands import Errands, Question
from ovedit.ui.gallery.gallery import Gallery, Slot
from ovedit.ui.messages import Message
from ovedit.ui.session import Session
from ovedit.workflows import edit, points, segment
from ovedit.workflows.coverage import shown_thing, union_of
from ovedit.workflows.variations import keep, more_like

USE_GUESS = "use-guess"


class Assistant(QObject):
    """Makes the questions; `Errands` carries them. gallery: variations to choose from.

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
        self.gallery = Gallery(self)
        self.gallery.said.connect(self.said)
        errands.abandoned.connect(self.gallery.give_up)
        errands.jobs_changed.connect(self.gallery.show_progress)
        session.document_changed.connect(self._forget)

    # -- engines ---------------------------------------------------------------------------------

    @property
    def engines(self) -> Sequence[EngineInfo]:
        """Every engine known."""
        return self._service.engines()

    @property
    def engine(self) -> EngineInfo:
        """The engine chosen to select. Little more than its name is known until all are listed."""
        return self.named(self._session.settings.select_engine)

    @property
    def selector(self) -> EngineInfo:
        """The engine that answers phrases: the one chosen for it, if it can."""
        return self._able(self.engine, lambda info: info.selects)

    @property
    def clicker(self) -> EngineInfo:
        """The engine that answers clicks and boxes: the one chosen to select, if it can."""
        return self._able(self.engine, lambda info: info.clicks)

    @property
    def chosen_editor(self) -> EngineInfo:
        """The engine chosen to edit."""
        return self.named(self._session.settings.edit_engine)

    def editor(self, kind: EditKind) -> EngineInfo:
        """The engine that does a kind of edit: the one chosen for edits, if it can."""
        return self._able(self.chosen_editor, lambda info: kind in info.edits)

    def named(self, name: str) -> EngineInfo:
        """An engine by its name; of one that is not listed little more is known."""
        unknown = EngineInfo(name, name, selects=True)
        return next((info for info in self.engines if info.name == name), unknown)

    def has_setting(self, name: str, setting: str) -> bool:
        """Whether an engine has a setting of this name."""
        own = self.named(name).settings
        if own is not None:
            return setting in own
        lines = self._service.settings(name, self._session.settings.preset, {})
        return any(line.key == setting for line in lines)

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
        engine = self.clicker.name
        preset, options = settings.preset, settings.engine_options.get(engine)

        def prepare(state: DocumentState) -> list[Question]:
            request = points.point_request(
                state, clicks, box=box, mask_id=mask_id, preset=preset, options=options
            )
            return [Question(request, apply, engine)]

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
        *,
        grow: int | None = None,
        feather: int | None = None,
        crop: Rect | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        """Remove, replace or restyle what the masks cover, or the selection where there is none.

        One edit layer appears; several variations come into the gallery instead, to choose from.
        grow, feather, crop: see `edit.plan_edit`. options: of this run, beside those of settings.
        """
        document, settings = self._session.document, self._session.settings
        if document is None:
            return

        def ask() -> None:
            waiting = [i for i in mask_ids if not document.state.mask(i).accepted]
            if waiting:
                # To act on a mask is to agree with it.
                segment.accept(document, waiting)
            engine = self.editor(kind)
            own = {**settings.engine_options.get(engine.name, {}), **(options or {})}

            def plan(state: DocumentState) -> edit.EditPlan:
                return edit.plan_edit(
                    state,
                    mask_ids,
                    kind,
                    engine,
                    prompt=words,
                    negative_prompt=negative_prompt,
                    seed=seed,
                    preset=settings.preset,
                    grow=grow,
                    feather=feather,
                    crop=crop,
                    options=own,
                )

            shown = [shown_thing(document.state.mask(i)) for i in mask_ids]
            title = _title(kind, words, ", ".join(dict.fromkeys(filter(None, shown))))
            if variations > 1:
                self._offer(document, title, variations, lambda s: _seeds(plan(s), variations))
            else:
                self._submit(document, [title], lambda s: [self._new_layer(document, plan(s))])

        self._errands.attempt(ask)

    def run_again(
        self,
        layer_id: str,
        *,
        vary: bool = False,
        variations: int = 1,
        mask_ids: Sequence[str] = (),
        words: str | None = None,
        negative_prompt: str | None = None,
        seed: int | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        """Make an edit layer anew: as it was, with another seed, inside other masks, or otherwise.

        vary: with seeds that differ from the layer's; several variations come into the gallery.
        words, negative_prompt, seed, options: in place of what the layer remembers.
        """
        document = self._session.document
        if document is None:
            return

        def plans(state: DocumentState) -> Sequence[edit.EditPlan]:
            mask = union_of(state, mask_ids) if mask_ids else None
            plan = edit.plan_rerun(
                state,
                layer_id,
                mask=mask,
                prompt=words,
                negative_prompt=negative_prompt,
                seed=seed,
                options=options,
            )
            return edit.plan_variations(plan, variations) if vary else [plan]

        def ask() -> None:
            title = f"{'Vary' if vary else 'Run again'}: {document.state.layer(layer_id).name}"
            if vary and variations > 1:
                self._offer(document, title, variations, plans)
            else:
                self._submit(document, [title], lambda s: [self._new_pixels(plans(s)[0])])

        self._errands.attempt(ask)

    def more_like(self, slot: Slot, count: int) -> None:
        """Ask for more variations of the edit that one in the gallery is of."""
        document, chosen = self._session.document, slot.variation
        if document is not None and chosen is not None:
            seeds = self.gallery.seeds_of(slot.words)
            self._offer(
                document,
                slot.words,
                count,
                lambda state: more_like(state, chosen, count, seeds),
            )

    def keep(self, slot: Slot) -> None:
        """Make one of the gallery a layer, in one step; what is still to come is cancelled."""
        document, chosen = self._session.document, slot.variation
        if document is None or chosen is None:
            return

        def land() -> None:
            layer_id = keep(document, chosen)
            for job in self.gallery.waiting:
                self._errands.cancel(str(job))
            self.gallery.kept()
            document.set_current(masks=())
            self._edited(layer_id, chosen.result)

        self._errands.attempt(land)

    def drop_variations(self) -> None:
        """Empty the gallery; what is still to come is cancelled."""
        waiting = self.gallery.waiting
        self.gallery.clear()
        for job in waiting:
            self._errands.cancel(str(job))

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
    ) -> tuple[int, ...]:
        name = self.selector.name
        return self._errands.submit(document, name, titles, prepare, where=where, tag=tag)

    def _forget(self) -> None:
        self._guess, self._clicked = None, ((), "")
        self.gallery.clear()

    def _offer(
        self,
        document: Document,
        title: str,
        count: int,
        plans: Callable[[DocumentState], Sequence[edit.EditPlan]],
    ) -> None:
        """Ask for variations; each comes into the gallery when it is here."""
        slots = self.gallery.expect(document, title, count)

        def fill(slot: Slot, plan: edit.EditPlan, result: object) -> None:
            assert isinstance(result, EditResult)
            self.gallery.fill(slot, plan, result)

        def prepare(state: DocumentState) -> list[Question]:
            return [
                Question(plan.request, partial(fill, slot, plan), plan.engine, lands=False)
                for slot, plan in zip(slots, plans(state), strict=True)
            ]

        titles = [f"{title} ({n} of {count})" for n in range(1, count + 1)]
        for slot, job in zip(slots, self._submit(document, titles, prepare), strict=True):
            slot.job = job

    def _new_layer(self, document: Document, plan: edit.EditPlan) -> Question:
        def landed(layer_id: str, result: EditResult) -> None:
            # The masks used are hidden now: a brush must not go on working on them unseen.
            document.set_current(masks=())
            self._edited(layer_id, result)

        return self._question(
            plan, lambda copy, result: edit.apply_edit(copy, plan, result), landed
        )

    def _new_pixels(self, plan: edit.EditPlan) -> Question:
        def work(copy: Document, result: EditResult) -> str:
            edit.replace_edit(copy, plan.layer_id, plan, result)
            return plan.layer_id

        return self._question(plan, work, self._edited)

    def _question(
        self,
        plan: edit.EditPlan,
        work: Callable[[Document, EditResult], str],
        landed: Callable[[str, EditResult], None],
    ) -> Question:
        """Ask for an edit. A large one takes a while to become a layer: `work` has a copy."""

        def apply(result: object) -> None:
            assert isinstance(result, EditResult)
            self._errands.change(
                edit.step_name(plan.request),
                lambda copy: work(copy, result),
                lambda layer_id: landed(layer_id, result),
            )

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


def _seeds(plan: edit.EditPlan, count: int) -> tuple[edit.EditPlan, ...]:
    """The plan, and the same with other seeds, `count` together."""
    return (plan, *edit.plan_variations(plan, count - 1))
