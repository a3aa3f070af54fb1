"""What the actions do. Each method is one action; the table in `actions` names them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QMimeData, Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QFileDialog, QInputDialog, QMessageBox

from ovedit import __version__
from ovedit.document import Document, EditLayer, Layer, Surface
from ovedit.engine.requests import EditKind
from ovedit.errors import DocumentError, OVEditError
from ovedit.resources import resource_path
from ovedit.ui.messages import Message
from ovedit.ui.qimage import to_array, to_qimage
from ovedit.workflows import layers, mask_ops, segment

if TYPE_CHECKING:
    from ovedit.io import images
    from ovedit.ui.canvas.canvas import Canvas
    from ovedit.ui.dialogs.export import ExportOptions as ExportChoice
    from ovedit.ui.main_window import MainWindow

OPEN_FILTER = (
    "Pictures and projects (*.ora *.png *.jpg *.jpeg *.webp *.tif *.tiff *.bmp *.gif);;All (*)"
)
PROJECT_SUFFIXES = (".ora",)
SUFFIXES = {
    "png": (".png",),
    "jpeg": (".jpg", ".jpeg"),
    "webp": (".webp",),
    "tiff": (".tif", ".tiff"),
}
_BACKGROUNDS = {"white": (255,) * 4, "black": (0, 0, 0, 255), "transparent": (0,) * 4}
SAMPLE = ("samples", "park-bench.jpg")
_SAVE, _DISCARD, _KEEP = (
    QMessageBox.StandardButton.Save,
    QMessageBox.StandardButton.Discard,
    QMessageBox.StandardButton.Cancel,
)


class Commands:
    """The actions of a main window, on whatever document is open in it.

    An `OVEditError` raised by one is shown in the prompt card by `run`.
    """

    def __init__(self, window: MainWindow) -> None:
        self._window = window

    def run(self, do: Callable[[Commands], object]) -> None:
        """Do an action; an error becomes a message, and the document is as it was."""
        try:
            do(self)
        except OVEditError as error:
            self._window.say(error)

    # -- what the actions can see ----------------------------------------------------------------

    @property
    def document(self) -> Document | None:
        """The document that is open."""
        return self._window.session.document

    @property
    def canvas(self) -> Canvas:
        """The canvas."""
        return self._window.canvas

    @property
    def mask_ids(self) -> tuple[str, ...]:
        """The class masks in hand, in the order of the panel."""
        document = self.document
        return () if document is None else tuple(mask.id for mask in document.current_masks)

    @property
    def has_masks(self) -> bool:
        """Whether there is any class mask."""
        return self.document is not None and bool(self.document.masks)

    @property
    def can_edit(self) -> bool:
        """Whether there is something to remove, replace or restyle: a mask or a selection."""
        return self.has_masks or self._has_selection

    @property
    def _has_selection(self) -> bool:
        return self.document is not None and self.document.state.selection is not None

    @property
    def has_candidates(self) -> bool:
        """Whether the mask in hand has others to choose from."""
        document = self.document
        return document is not None and any(
            len(mask.candidates) > 1 for mask in document.current_masks
        )

    @property
    def layer(self) -> Layer | None:
        """The layer in hand."""
        return None if self.document is None else self.document.current_layer

    @property
    def edit_layer_id(self) -> str:
        """The edit layer in hand, or ""."""
        return self.layer.id if isinstance(self.layer, EditLayer) else ""

    @property
    def can_merge_down(self) -> bool:
        """Whether there is a layer below the one in hand."""
        return self.layer is not None and self._open.layers.index(self.layer) > 0

    @property
    def can_undo(self) -> bool:
        """Whether there is something to undo."""
        return self.document is not None and self.document.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether there is something to redo."""
        return self.document is not None and self.document.can_redo

    @property
    def _open(self) -> Document:
        document = self.document
        if document is None:
            raise DocumentError("No picture is open.", "Open one first.")
        return document

    @property
    def _layer(self) -> Layer:
        layer = self._open.current_layer
        if layer is None:
            raise DocumentError("There is no layer.", "Add one first.")
        return layer

    # -- files -----------------------------------------------------------------------------------

    def new(self) -> None:
        """Ask for a size and open an empty picture."""
        from ovedit.ui.dialogs.new import NewDialog

        session = self._window.session
        dialog = NewDialog(max_pixels=session.settings.max_pixels, parent=self._window)
        if dialog.exec():
            wanted = dialog.document
            pixels = np.zeros((wanted.size.height, wanted.size.width, 4), np.uint8)
            pixels[:] = _BACKGROUNDS[wanted.background]
            self._after_saving(lambda: session.show_pixels(pixels, "Untitled", "New picture"))

    def open(self) -> None:
        """Ask for a file and open it."""
        path, _ = QFileDialog.getOpenFileName(self._window, "Open", self._folder(), OPEN_FILTER)
        if path:
            self.open_path(Path(path))

    def open_path(self, path: Path) -> None:
        """Open a file; when it has been read, ask about changes that are not saved."""
        self._window.session.open(path, self.may_close)

    def open_paths(self, paths: Sequence[Path]) -> None:
        """Open the first of several files, and say what becomes of the others."""
        first, *others = paths

        def tell() -> None:
            if others:
                names = ", ".join(path.name for path in others)
                text = f"One document is open at a time: {names} was not opened."
                self._window.tell(Message(text, "warning"))

        self._window.session.open(first, self.may_close, tell)

    def open_sample(self) -> None:
        """Open the sample picture."""
        self.open_path(resource_path(*SAMPLE))

    def save(self) -> None:
        """Save the project where it is, or ask where."""
        path = self._window.session.path
        if path is None:
            self.save_as()
        else:
            self._window.session.save_project(path)

    def save_as(self) -> None:
        """Ask where to save the project."""
        suggested = Path(self._folder()) / f"{Path(self._window.session.name).stem}.ora"
        path = self._ask_where("Save as", suggested, "OpenRaster (*.ora)", PROJECT_SUFFIXES)
        if path is not None:
            self._window.session.save_project(path)

    def export(self) -> None:
        """Ask how and where to write the picture."""
        document = self._open
        from ovedit.ui.dialogs.export import ExportDialog, ExportOptions

        session = self._window.session
        pixels = document.state.flattened()

        def size_of(choice: ExportOptions) -> int:
            from ovedit.io import images

            return len(images.encode_image(pixels, _export_options(choice)))

        choice = ExportOptions("jpeg", session.settings.jpeg_quality)
        dialog = ExportDialog(
            choice, has_exif=session.has_exif, estimate=size_of, parent=self._window
        )
        if not dialog.exec():
            return
        options = _export_options(dialog.options)
        suffixes = SUFFIXES[dialog.options.format]
        suggested = Path(self._folder()) / f"{Path(session.name).stem}{suffixes[0]}"
        pattern = " ".join(f"*{suffix}" for suffix in suffixes)
        path = self._ask_where("Export", suggested, f"{options.format} ({pattern})", suffixes)
        if path is not None:
            session.export(path, options)

    def export_masks(self) -> None:
        """Ask for a folder and write every mask into it."""
        folder = QFileDialog.getExistingDirectory(self._window, "Export masks to", self._folder())
        if folder:
            from ovedit.io import masks as mask_files

            written = mask_files.export_masks(Path(folder), self._open.snapshot())
            masks = "1 mask" if len(written) == 1 else f"{len(written)} masks"
            self._window.tell(Message(f"Exported {masks} to {folder}."))

    def import_mask(self) -> None:
        """Ask for a picture and take it as a class mask."""
        document = self._open
        path, _ = QFileDialog.getOpenFileName(
            self._window, "Import mask", self._folder(), OPEN_FILTER
        )
        if path:
            from ovedit.io import masks as mask_files

            coverage = mask_files.read_mask(Path(path), document.size)
            mask_ops.add_mask(document, coverage, label=Path(path).stem, name="Import mask")

    def close(self) -> None:
        """Close the document, after asking about changes that are not saved."""
        self._after_saving(self._window.session.close)

    def quit(self) -> None:
        """Close the window."""
        self._window.close()

    def may_close(self) -> bool:
        """Ask about changes that are not saved; False if the person wants to stay."""
        session = self._window.session
        if not session.background.finish():
            # Something that was being read or written failed: the person should see that first.
            return False
        if not session.modified:
            return True
        box = QMessageBox(self._window)
        box.setIcon(QMessageBox.Icon.Question)
        box.setText(f"Save the changes to {session.title}?")
        box.setInformativeText("Otherwise they are lost.")
        box.setStandardButtons(_SAVE | _DISCARD | _KEEP)
        box.setDefaultButton(_SAVE)
        answer = box.exec()
        if answer == _SAVE:
            self.save()
            session.background.finish()
            return not session.modified
        return answer == _DISCARD

    def offer_recovery(self) -> None:
        """After a crash, ask which of the autosaved documents to open again."""
        found = self._window.session.recoverable()
        if not found:
            return
        from ovedit.ui.dialogs.recover import Recoverable, RecoverDialog

        rows = [
            Recoverable(
                str(index),
                each.name,
                each.saved_at.strftime("%d %B, %H:%M"),
                QImage.fromData(each.thumbnail),
            )
            for index, each in enumerate(found)
        ]
        dialog = RecoverDialog(rows, parent=self._window)
        accepted = dialog.exec()
        if dialog.discarded:
            from ovedit.io import autosave

            for each in found:
                autosave.discard(each)
        elif accepted and dialog.chosen:
            note = "One document is open at a time: the others are offered at the next start."
            several = len(dialog.chosen) > 1
            self._window.session.recover(found[int(dialog.chosen[0])], note if several else "")

    def _after_saving(self, then: Callable[[], object]) -> None:
        if self.may_close():
            then()

    def _ask_where(
        self, title: str, suggested: Path, pattern: str, suffixes: Sequence[str]
    ) -> Path | None:
        """A path to write to, ending as it should; None where the person thought better of it."""
        text, _ = QFileDialog.getSaveFileName(self._window, title, str(suggested), pattern)
        if not text:
            return None
        path = Path(text)
        if path.suffix.lower() in suffixes:
            return path
        # What is added is not what the dialog asked about.
        path = path.with_name(path.name + suffixes[0])
        return path if not path.exists() or self._may_overwrite(path) else None

    def _may_overwrite(self, path: Path) -> bool:
        box = QMessageBox(self._window)
        box.setIcon(QMessageBox.Icon.Question)
        box.setText(f"{path.name} exists already. Replace it?")
        box.setStandardButtons(_SAVE | _KEEP)
        box.button(_SAVE).setText("Replace")
        box.setDefaultButton(_KEEP)
        return box.exec() == _SAVE

    def _folder(self) -> str:
        recent = self._window.session.settings.recent_files
        # The sample lies among the program's own files: nothing should be saved beside it.
        own = resource_path(SAMPLE[0])
        folders = [Path(path).parent for path in recent if not Path(path).is_relative_to(own)]
        return str(folders[0]) if folders else str(Path.home())

    # -- edit ------------------------------------------------------------------------------------

    def undo(self) -> None:
        """Take back the last step."""
        self._open.undo()

    def redo(self) -> None:
        """Do the last undone step again."""
        self._open.redo()

    def copy(self) -> None:
        """Put the picture, cut to the selection, on the clipboard."""
        state = self._open.state
        area = state.selection.bounds() if state.selection is not None else state.size.rect
        pixels = state.flattened(area)
        selected = state.selection.read(area) if state.selection is not None else None
        if selected is not None:
            pixels[..., 3] = (pixels[..., 3].astype("uint16") * selected + 127) // 255
        QGuiApplication.clipboard().setImage(to_qimage(pixels))

    def paste(self) -> None:
        """Add what is on the clipboard as a layer, or open it where no document is open."""
        mime: QMimeData = QGuiApplication.clipboard().mimeData()
        files = [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
        if files and self.document is None:
            self.open_path(files[0])
            return
        if files:
            from ovedit.io import images

            pixels, name = images.read_image(files[0]).pixels, files[0].name
        elif mime.hasImage():
            pixels, name = to_array(QGuiApplication.clipboard().image()), "Pasted"
        else:
            raise DocumentError("There is no picture on the clipboard.", "Copy one first.")
        if self.document is None:
            self._window.session.show_pixels(pixels, name)
        else:
            layers.paste_pixels(self.document, pixels, name=name)

    def focus_prompt(self) -> None:
        """Go to the phrase field."""
        self._window.prompt.focus_phrase()

    def prepare_edit(self, kind: str) -> None:
        """Choose what to do in the prompt card, and go there."""
        self._window.prompt.set_edit(kind)
        self._go_to_edit()

    def _go_to_edit(self) -> None:
        """To the words for the edit, or to Apply where it needs none."""
        prompt = self._window.prompt
        if not prompt.kind.isVisible():
            # A running job has their place.
            return
        if prompt.kind.current == "remove":
            prompt.apply_button.setFocus(Qt.FocusReason.ShortcutFocusReason)
        else:
            prompt.focus_words()

    def edit(self, kind: str, words: str, variations: int) -> None:
        """Remove, replace or restyle the masks in hand; without one, what is selected; without a
        selection, all masks that are accepted and shown.
        """
        ids = self.mask_ids
        if not ids and not self._has_selection:
            masks = self._open.masks
            ids = tuple(x.id for x in masks if x.accepted and x.visible)
            if not ids and len(masks) == 1:
                ids = (masks[0].id,)
        self._window.assistant.edit(EditKind(kind), words, ids, variations)

    def escape(self) -> None:
        """Stop the running job; without one, put the masks out of hand; else deselect."""
        if self._window.jobs.list.rows():
            self._window.assistant.cancel()
        elif self.mask_ids:
            self._open.set_current(masks=())
        elif self._has_selection:
            self.deselect()

    def swap_colours(self) -> None:
        """Swap the brush's colour with the other one."""
        options = self._window.options
        options.colour, options.background = options.background, options.colour
        self._window.options_changed()

    def resize_brush(self, direction: int) -> None:
        """A larger (1) or smaller (-1) brush, in steps that grow with it."""
        options = self._window.options
        size = options.size + max(1.0, round(options.size * 0.15)) * direction
        options.size = min(2000.0, max(1.0, size))
        self._window.options_changed()

    def use_tool(self, name: str) -> None:
        """Put a tool in the hand."""
        self._window.use_tool(name)

    def preferences(self) -> None:
        """Change the settings."""
        from ovedit.ui.dialogs.preferences import Preferences, PreferencesDialog

        session, now = self._window.session, self._window.session.settings
        shown = {field.name for field in fields(Preferences)} & {x.name for x in fields(now)}
        before = Preferences(
            **{name: getattr(now, name) for name in shown},
            history_mb=round(now.history_bytes / 1_000_000),
        )
        engines = [(info.name, info.title) for info in self._window.assistant.engines]
        dialog = PreferencesDialog(before, engines, parent=self._window)
        dialog.theme_previewed.connect(self._window.use_theme)
        if dialog.exec():
            chosen = dialog.preferences
            values = {name: getattr(chosen, name) for name in shown}
            budget = chosen.history_mb * 1_000_000
            session.change_settings(now.changed(**values, history_bytes=budget))

    # -- image and layers ------------------------------------------------------------------------

    def crop(self) -> None:
        """Open what is selected as a document of its own."""
        state = self._open.state
        if state.selection is None:
            raise DocumentError("Nothing is selected.", "Draw a selection first.")
        pixels = state.flattened(state.selection.bounds())
        name = f"{Path(self._window.session.name).stem} crop"
        self._after_saving(lambda: self._window.session.show_pixels(pixels, name))

    def flatten(self) -> None:
        """Make one layer of all."""
        layers.flatten(self._open)

    def new_layer(self) -> None:
        """Add an empty layer and work on it."""
        layers.new_layer(self._open)
        self._open.set_current(masks=())

    def clear_outside(self) -> None:
        """Clear of the layer what is not selected."""
        layers.crop_to_selection(self._open, self._layer.id)

    def duplicate_layer(self) -> None:
        """Copy the layer."""
        layers.duplicate(self._open, self._layer.id)

    def delete_layer(self) -> None:
        """Remove the layer."""
        layers.remove(self._open, self._layer.id)

    def merge_down(self) -> None:
        """Merge the layer into the one below."""
        layers.merge_down(self._open, self._layer.id)

    def raise_layer(self, steps: int) -> None:
        """Move the layer up or down the stack."""
        document, layer = self._open, self._layer
        index = document.layers.index(layer) + steps
        if 0 <= index < len(document.layers):
            with document.transaction("Reorder layers") as tx:
                tx.move_layer(layer.id, index)

    def toggle_lock(self) -> None:
        """Lock or unlock the layer."""
        document, layer = self._open, self._layer
        with document.transaction("Unlock layer" if layer.locked else "Lock layer") as tx:
            tx.update_layer(layer.id, locked=not layer.locked)

    def add_alpha_mask(self) -> None:
        """Show the layer only where the masks in hand are."""
        layers.add_alpha_mask(self._open, self._layer.id, self.mask_ids)

    def remove_alpha_mask(self) -> None:
        """Show all of the layer again."""
        layers.remove_alpha_mask(self._open, self._layer.id)

    def run_again(self, *, vary: bool = False, with_masks: bool = False) -> None:
        """Run the edit in hand again: as it was, varied, or inside the masks in hand."""
        masks = self.mask_ids if with_masks else ()
        self._window.assistant.run_again(self.edit_layer_id, vary=vary, mask_ids=masks)

    def edit_mask(self) -> None:
        """Make a class mask of what the edit in hand was run on, to correct it and run it again."""
        document, layer = self._open, self._layer
        recipe = layer.recipe if isinstance(layer, EditLayer) else None
        if recipe is None:
            raise DocumentError(f"“{layer.name}” is not an edit.", "Choose an edit layer.")
        mask_id = mask_ops.add_mask(
            document, recipe.mask.array(), label=recipe.phrase or layer.name, name="Mask of edit"
        )
        document.set_current(masks=(mask_id,))
        self._window.use_tool("brush")

    @property
    def has_undecided(self) -> bool:
        """Whether a mask in hand is not accepted yet."""
        document = self.document
        return document is not None and any(not mask.accepted for mask in document.current_masks)

    # -- selection -------------------------------------------------------------------------------

    def select_all(self) -> None:
        """Select everything."""
        self._set_selection("Select all", _full(self._open))

    def deselect(self) -> None:
        """Select nothing in particular."""
        self._set_selection("Deselect", None)

    def invert_selection(self) -> None:
        """Select what is not."""
        selection = self._open.state.selection
        inverted = None if selection is None else Surface.from_array(255 - selection.array())
        self._set_selection("Invert selection", inverted)

    def _set_selection(self, name: str, selection: Surface | None) -> None:
        with self._open.transaction(name) as tx:
            tx.set_selection(selection)

    def toggle_quick_mask(self) -> None:
        """Show the selection in red, or as a moving outline."""
        self.canvas.overlays.show(quick_mask=not self.canvas.overlays.quick_mask)

    def mask_to_selection(self) -> None:
        """Select what the masks in hand cover."""
        mask_ops.mask_to_selection(self._open, self.mask_ids)

    def selection_to_mask(self) -> None:
        """Make a mask of what is selected, and work on it."""
        self._open.set_current(masks=(mask_ops.new_mask_from_selection(self._open),))

    # -- masks -----------------------------------------------------------------------------------

    def accept(self) -> None:
        """Accept the masks in hand and go on to what to do with them."""
        self.accept_masks(self.mask_ids)

    def accept_masks(self, ids: Sequence[str]) -> None:
        """Accept these masks and go on to what to do with them."""
        segment.accept(self._open, ids)
        self._go_to_edit()

    def accept_all(self) -> None:
        """Accept all masks and go on to what to do with them."""
        segment.accept_all(self._open)
        self._go_to_edit()

    def reject(self) -> None:
        """Throw the masks in hand away; without one, clear the selection."""
        segment.reject(self._open, self.mask_ids)

    def step_candidate(self, steps: int) -> None:
        """Show another of the engine's candidates."""
        for mask in self._open.current_masks:
            if len(mask.candidates) > 1:
                segment.choose_candidate(self._open, mask.id, mask.chosen + steps)

    def new_mask(self) -> None:
        """Add an empty mask and take the brush."""
        document = self._open
        empty = np.zeros((document.size.height, document.size.width), np.uint8)
        document.set_current(masks=(mask_ops.add_mask(document, empty),))
        self._window.use_tool("brush")

    def duplicate_mask(self) -> None:
        """Copy the masks in hand."""
        self._open.set_current(masks=mask_ops.duplicate(self._open, self.mask_ids))

    def toggle_solo(self) -> None:
        """Show only the mask in hand, or all again."""
        overlays = self.canvas.overlays
        overlays.show(solo="" if overlays.solo else self.mask_ids[0])

    def toggle_mask(self) -> None:
        """Hide the masks in hand, or show them."""
        shown = any(mask.visible for mask in self._open.current_masks)
        mask_ops.show(self._open, self.mask_ids, visible=not shown)

    def grow(self) -> None:
        """Ask by how much to grow the masks in hand."""
        self._by_pixels("Grow by", lambda px: mask_ops.grow(self._open, self.mask_ids, pixels=px))

    def shrink(self) -> None:
        """Ask by how much to shrink the masks in hand."""
        self._by_pixels(
            "Shrink by", lambda px: mask_ops.shrink(self._open, self.mask_ids, pixels=px)
        )

    def feather(self) -> None:
        """Ask how much to soften the edge of the masks in hand."""
        self._by_pixels(
            "Feather by", lambda px: mask_ops.feather(self._open, self.mask_ids, pixels=px)
        )

    def _by_pixels(self, title: str, change: Callable[[int], object]) -> None:
        pixels, chosen = QInputDialog.getInt(self._window, title, "Pixels", 5, 1, 1000)
        if chosen:
            change(pixels)

    def change_masks(self, how: str) -> None:
        """Change the masks in hand with a function of `workflows.mask_ops` that needs no more."""
        changes: dict[str, Callable[[Document, Sequence[str]], object]] = {
            "fill_holes": mask_ops.fill_holes,
            "remove_specks": mask_ops.remove_specks,
            "snap_to_edges": mask_ops.snap_to_edges,
            "invert": mask_ops.invert,
            "union": mask_ops.union,
            "intersect": mask_ops.intersect,
            "subtract": mask_ops.subtract,
        }
        changes[how](self._open, self.mask_ids)

    # -- view and help ---------------------------------------------------------------------------

    def toggle_overlays(self) -> None:
        """Show or hide the masks on the canvas."""
        self.canvas.overlays.show(shown=not self.canvas.overlays.shown)

    def toggle_heat_map(self) -> None:
        """Show or hide the scores of the mask in hand."""
        self.canvas.overlays.show(heat_map=not self.canvas.overlays.heat_map)

    def toggle_full_screen(self) -> None:
        """Fill the screen, or not."""
        window = self._window
        window.showNormal() if window.isFullScreen() else window.showFullScreen()

    def toggle_prompt_pin(self) -> None:
        """Pin the prompt card below the canvas, or let it float."""
        self._window.pin_prompt(not self.prompt_pinned)

    @property
    def prompt_pinned(self) -> bool:
        """Whether the prompt card is pinned."""
        return self._window.prompt_pinned

    def tour(self) -> None:
        """Open the sample and lead through it."""
        window = self._window
        window.session.open(
            resource_path(*SAMPLE), self.may_close, lambda: window.tour.start(self._open)
        )

    def show_shortcuts(self) -> None:
        """List all shortcuts."""
        from ovedit.ui.actions import ACTIONS
        from ovedit.ui.dialogs.shortcuts import Shortcut, ShortcutsDialog

        rows = [
            Shortcut(
                spec.menu.replace("&", "") or "Tools",
                re.sub("[&…]", "", spec.text),
                spec.shortcut.replace(" | ", " or "),
            )
            for spec in ACTIONS
            if spec.shortcut
        ]
        ShortcutsDialog(rows, parent=self._window).exec()

    def about(self) -> None:
        """Say what this is."""
        from ovedit.ui.dialogs.about import AboutDialog

        AboutDialog(__version__, parent=self._window).exec()


def _export_options(choice: ExportChoice) -> images.ExportOptions:
    from ovedit.io import images

    return images.ExportOptions(choice.format, choice.quality, choice.keep_exif)


def _full(document: Document) -> Surface:
    return Surface.from_array(np.full((document.size.height, document.size.width), 255, np.uint8))
