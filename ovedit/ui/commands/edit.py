"""Edit menu: undo, the clipboard, and remove, replace and restyle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from PySide6.QtCore import QMimeData
from PySide6.QtGui import QGuiApplication, QImage

from ovedit.document import Document, masks
from ovedit.engine.protocols import SettingLine
from ovedit.engine.requests import EditKind, Pixels
from ovedit.errors import DocumentError, UsageError
from ovedit.ui.commands.context import Context
from ovedit.ui.commands.file import open_path
from ovedit.ui.commands.selection import deselect
from ovedit.ui.prompt.wish import EditWish
from ovedit.ui.qimage import to_array, to_qimage
from ovedit.workflows import layers


def undo(c: Context) -> None:
    """Take back the last step."""
    c.document.undo()


def redo(c: Context) -> None:
    """Do the last undone step again."""
    c.document.redo()


def copy(c: Context) -> None:
    """Put the picture, cut to the selection, on the clipboard."""
    state = c.document.snapshot()

    def cut() -> QImage:
        area = state.selection.bounds() if state.selection is not None else state.size.rect
        pixels = state.flattened(area)
        selected = state.selection.read(area) if state.selection is not None else None
        if selected is not None:
            pixels[..., 3] = masks.product(pixels[..., 3], selected)
        return to_qimage(pixels)

    c.window.errands.work("Copy", cut, QGuiApplication.clipboard().setImage, changes=False)


def paste(c: Context) -> None:
    """Add what is on the clipboard as a layer, or open it where no document is open."""
    # What was copied just before may still be on its way to the clipboard.
    c.window.errands.work("Paste", lambda: None, lambda _: _paste(c))


def _paste(c: Context) -> None:
    mime: QMimeData = QGuiApplication.clipboard().mimeData()
    files = [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
    document = c.document_or_none
    if files and document is None:
        open_path(c, files[0])
        return
    if not files and not mime.hasImage():
        raise DocumentError("There is no picture on the clipboard.", "Copy one first.")
    name = files[0].name if files else "Pasted"
    # The clipboard itself may only be asked on this thread.
    image = QImage() if files else QGuiApplication.clipboard().image()

    def read() -> Pixels:
        from ovedit.io import images

        return images.read_image(files[0]).pixels if files else to_array(image)

    if document is None:
        show = c.window.session.show_pixels
        c.window.errands.work("Paste", read, lambda pixels: show(pixels, name))
        return
    above = document.current_layer_id

    def add(copy: Document) -> None:
        if any(layer.id == above for layer in copy.layers):
            copy.set_current(layer=above)
        layers.paste_pixels(copy, read(), name=name)

    c.change("Paste", add)


def focus_prompt(c: Context) -> None:
    """Go to the phrase field."""
    c.window.prompt.focus_phrase()


def prepare_edit(c: Context, kind: str) -> None:
    """Choose what to do in the prompt card, and go there."""
    c.window.prompt.edit_line.set_edit(kind, "")
    go_to_edit(c)


def go_to_edit(c: Context) -> None:
    """To the words for the edit, or to Apply where it needs none."""
    line = c.window.prompt.edit_line
    # A running job may have its place.
    if line.isVisible():
        line.focus()


def masks_to_edit(c: Context) -> tuple[str, ...]:
    """The masks in hand; without one, none where something is selected; else all that are accepted
    and shown. Raises `UsageError` where it is not clear which is meant.
    """
    ids = c.mask_ids
    if not ids and not c.has_selection:
        present = c.document.masks
        ids = tuple(x.id for x in present if x.accepted and x.visible)
        if not ids and len(present) == 1:
            ids = (present[0].id,)
        if not ids and present:
            raise UsageError("No mask is chosen.", "Click one in the class masks.")
    return ids


def apply_edit(c: Context, wish: EditWish) -> None:
    """Remove, replace or restyle what `masks_to_edit` names."""
    ids = masks_to_edit(c)
    crop = c.window.outlook.crop_for(ids)
    if wish.with_shadow:
        ids = c.window.shadow_offer.with_shadow(ids)
    c.window.assistant.edit(
        EditKind(wish.kind),
        wish.words,
        ids,
        wish.variations,
        wish.seed,
        wish.negative_prompt,
        grow=wish.grow,
        feather=wish.feather,
        crop=crop,
        options=wish.options,
    )


def escape(c: Context) -> None:
    """Stop the running job; without one, drop the variations, else the crop that was chosen, else
    put the masks out of hand, else deselect.
    """
    if c.window.jobs.list.rows():
        c.window.errands.cancel()
    elif c.window.assistant.gallery.slots:
        c.window.gallery_desk.drop()
    elif c.window.outlook.crop is not None:
        c.window.outlook.reset_crop()
    elif c.mask_ids:
        c.document.set_current(masks=())
    elif c.has_selection:
        deselect(c)


def models(c: Context) -> None:
    """Show what there is to download, and what is here."""
    c.window.model_desk.show()


def engine_settings(c: Context, name: str) -> None:
    """Change the settings of an engine in use."""
    from ovedit.ui.dialogs.engine_settings import EngineSettingsDialog

    assistant, session = c.window.assistant, c.window.session
    engine = next(x for x in (assistant.engine, assistant.chosen_editor) if x.name == name)
    settings = session.settings

    def describe(options: Mapping[str, str]) -> Sequence[SettingLine]:
        return c.window.service.settings(engine.name, settings.preset, options)

    if not describe({}):
        raise UsageError(f"{engine.title} has no settings of its own.", "Choose a preset.")
    own = settings.engine_options.get(engine.name, {})
    dialog = EngineSettingsDialog(engine.title, settings.preset, describe, own, parent=c.window)
    if dialog.exec():
        others = {k: v for k, v in settings.engine_options.items() if k != engine.name}
        chosen = {engine.name: dialog.options} if dialog.options else {}
        session.change_settings(settings.changed(engine_options=others | chosen))


def preferences(c: Context) -> None:
    """Change the settings."""
    from ovedit.ui.dialogs.preferences import Preferences, PreferencesDialog

    session, now = c.window.session, c.window.session.settings
    shown = {field.name for field in fields(Preferences)} & {x.name for x in fields(now)}
    before = Preferences(
        **{name: getattr(now, name) for name in shown},
        history_mb=round(now.history_bytes / 1_000_000),
        safety_checker=now.safety_checker,
    )
    engines = c.window.assistant.engines
    selectors = [(info.name, info.title) for info in engines if info.selects]
    editors = [(info.name, info.title) for info in engines if info.edits]
    dialog = PreferencesDialog(before, selectors, editors, parent=c.window)
    dialog.theme_previewed.connect(c.window.use_theme)
    if dialog.exec():
        chosen = dialog.preferences
        values = {name: getattr(chosen, name) for name in shown}
        budget = chosen.history_mb * 1_000_000
        wanted = now.changed(**values, history_bytes=budget)
        session.change_settings(wanted.with_safety_checker(chosen.safety_checker))
