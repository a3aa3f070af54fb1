"""Every action of the window in one table: menu, words, shortcut, icon, tool tip, what it does.

The menus, the shortcut list and the context menus of the docks are all made from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ovedit.ui.commands import (
    batch,
    edit,
    export,
    file,
    help,
    image,
    layer,
    mask,
    selection,
    tool,
    view,
)
from ovedit.ui.commands.context import Context
from ovedit.ui.tools import TOOLS, Tool

When = Callable[[Context], bool]


@dataclass(frozen=True)
class Action:
    """One action.

    id: stable name. do: the command. shortcut: in Qt's portable words, several parted by " | ".
    when: whether it can be used now. checked: makes it a toggle. canvas_only: the shortcut works
    only while the canvas or the masks dock has the focus, because a text field needs the key.
    menu: the menu it is in. separator: a line above it.
    """

    id: str
    text: str
    do: Callable[[Context], object]
    shortcut: str = ""
    icon: str = ""
    tip: str = ""
    when: When | None = None
    checked: When | None = None
    canvas_only: bool = False
    menu: str = ""
    separator: bool = False


LINE: Action | None = None
"""A line between the entries of a menu."""


def _menu(title: str, *entries: Action | None) -> tuple[Action, ...]:
    rows: list[Action] = []
    above: Action | None = None
    for entry in entries:
        if entry is not None:
            rows.append(replace(entry, menu=title, separator=above is None and bool(rows)))
        above = entry
    return tuple(rows)


def _open(c: Context) -> bool:
    return c.document_or_none is not None


def _mask(c: Context) -> bool:
    return bool(c.mask_ids)


def _masks(c: Context) -> bool:
    return len(c.mask_ids) > 1


def _any_mask(c: Context) -> bool:
    return c.has_masks


def _selection(c: Context) -> bool:
    return c.has_selection


def _can_edit(c: Context) -> bool:
    return c.can_edit


def _layer(c: Context) -> bool:
    return c.layer_or_none is not None


def _edit_layer(c: Context) -> bool:
    return c.edit_layer_id != ""


def _tool(kind: type[Tool]) -> Action:
    return Action(
        f"tool-{kind.name}",
        kind.title,
        lambda c: tool.use(c, kind.name),
        kind.shortcut,
        kind.icon,
        kind.hint,
        checked=lambda c: c.canvas.tool is not None and c.canvas.tool.name == kind.name,
    )


FILE = _menu(
    "&File",
    Action("new", "&New…", file.new_picture, "Ctrl+N", "plus", "An empty picture"),
    Action("open", "&Open…", file.ask_and_open, "Ctrl+O", "open", "Open a picture"),
    Action("open-sample", "Open sa&mple", file.open_sample, icon="image"),
    LINE,
    Action(
        "save",
        "&Save",
        file.save,
        "Ctrl+S",
        "save",
        "Save all layers and masks as OpenRaster",
        _open,
    ),
    Action("save-as", "Save &as…", file.save_as, "Ctrl+Shift+S", when=_open),
    Action(
        "export",
        "&Export…",
        export.export_picture,
        "Ctrl+Shift+E",
        "export",
        "Write the picture as PNG, JPEG, WebP or TIFF",
        _open,
    ),
    Action(
        "export-masks",
        "Export mas&ks…",
        export.export_masks,
        tip="Write every class mask as a grey PNG",
        when=_any_mask,
    ),
    Action("import-mask", "&Import mask…", export.import_mask, when=_open),
    LINE,
    Action("batch", "&Batch…", batch.show, tip="Do the same to all photos of a folder"),
    LINE,
    Action("close", "&Close", file.close, "Ctrl+W", when=_open),
    Action("quit", "&Quit", file.quit_program, "Ctrl+Q"),
)

EDIT = _menu(
    "&Edit",
    Action(
        "undo",
        "&Undo",
        edit.undo,
        "Ctrl+Z",
        "undo",
        "Take back the last step",
        lambda c: c.can_undo,
    ),
    Action(
        "redo",
        "&Redo",
        edit.redo,
        "Ctrl+Shift+Z | Ctrl+Y",
        "redo",
        "Do the undone step again",
        lambda c: c.can_redo,
    ),
    LINE,
    Action(
        "copy",
        "&Copy",
        edit.copy,
        "Ctrl+C",
        tip="Copy the picture, or what is selected of it",
        when=_open,
    ),
    Action(
        "paste",
        "&Paste as layer",
        edit.paste,
        "Ctrl+V",
        tip="Paste a picture as a new layer, or as a new document where none is open",
    ),
    LINE,
    Action("prompt", "&Type a phrase", edit.focus_prompt, "/", "search", "Go to the prompt", _open),
    Action("remove", "Re&move…", lambda c: edit.prepare_edit(c, "remove"), when=_can_edit),
    Action(
        "replace",
        "Rep&lace with…",
        lambda c: edit.prepare_edit(c, "replace"),
        icon="replace",
        when=_can_edit,
    ),
    Action(
        "restyle",
        "Re&style as…",
        lambda c: edit.prepare_edit(c, "restyle"),
        icon="restyle",
        when=_can_edit,
    ),
    LINE,
    Action("models", "Mo&dels…", edit.models, "", "download"),
    Action("preferences", "Pre&ferences…", edit.preferences, "Ctrl+,", "settings"),
)

IMAGE = _menu(
    "&Image",
    Action(
        "crop",
        "Selection as &new picture",
        image.crop,
        icon="crop",
        tip="Open what is selected as a document of its own",
        when=_selection,
    ),
    Action("flatten", "&Flatten", image.flatten, tip="Make one layer of all", when=_open),
)

LAYER = _menu(
    "&Layer",
    Action("new-layer", "&New layer", layer.new, "Ctrl+Shift+N", "plus", when=_open),
    Action("duplicate-layer", "&Duplicate", layer.duplicate, "Ctrl+J", "duplicate", when=_layer),
    Action("delete-layer", "D&elete", layer.delete, icon="trash", when=_layer),
    Action(
        "merge-down",
        "&Merge down",
        layer.merge_down,
        "Ctrl+M",
        "merge-down",
        when=lambda c: c.can_merge_down,
    ),
    LINE,
    Action(
        "layer-up", "Move &up", lambda c: layer.raise_by(c, 1), "Ctrl+]", "chevron-up", when=_layer
    ),
    Action(
        "layer-down",
        "Move d&own",
        lambda c: layer.raise_by(c, -1),
        "Ctrl+[",
        "chevron-down",
        when=_layer,
    ),
    Action(
        "lock-layer",
        "&Lock",
        layer.toggle_lock,
        icon="lock",
        when=_layer,
        checked=lambda c: c.layer_or_none is not None and c.layer.locked,
    ),
    Action(
        "clear-outside",
        "&Clear outside selection",
        layer.clear_outside,
        when=lambda c: _layer(c) and _selection(c),
    ),
    LINE,
    Action(
        "alpha-mask",
        "Alpha mask from class mask",
        layer.add_alpha_mask,
        tip="Show the layer only where the current mask is",
        when=lambda c: _layer(c) and _mask(c),
    ),
    Action(
        "no-alpha-mask",
        "Remove alpha mask",
        layer.remove_alpha_mask,
        when=lambda c: _layer(c) and c.layer.has_alpha_mask,
    ),
    LINE,
    Action("run-again", "&Run edit again", layer.run_again, "Ctrl+R", "rerun", when=_edit_layer),
    Action(
        "vary",
        "&Vary",
        lambda c: layer.run_again(c, vary=True),
        "Ctrl+Shift+R",
        "vary",
        "Run the edit again with another seed",
        _edit_layer,
    ),
    Action(
        "change-words",
        "Chan&ge words…",
        layer.change_words,
        icon="pencil",
        tip="Run the edit again with other words, seed or strength; shows how it was made",
        when=_edit_layer,
    ),
    Action(
        "edit-mask",
        "Ed&it mask and run again…",
        layer.edit_mask,
        tip="Make a class mask of what the edit was run on, to correct it",
        when=_edit_layer,
    ),
    Action(
        "run-with-mask",
        "Run again with class mas&k",
        lambda c: layer.run_again(c, with_masks=True),
        tip="Run the edit again inside the masks in hand",
        when=lambda c: _edit_layer(c) and _mask(c),
    ),
)

SELECT = _menu(
    "&Select",
    Action("select-all", "&All", selection.select_all, "Ctrl+A", when=_open),
    Action("deselect", "&None", selection.deselect, "Ctrl+D", when=_selection),
    Action(
        "invert-selection", "&Invert", selection.invert, "Ctrl+Shift+I", "invert", when=_selection
    ),
    Action(
        "quick-mask",
        "&Quick mask",
        selection.toggle_quick_mask,
        "Q",
        "quick-mask",
        "Show the selection in red",
        _open,
        lambda c: c.canvas.overlays.quick_mask,
    ),
    LINE,
    Action("mask-to-selection", "From class &mask", selection.from_masks, when=_mask),
    Action("selection-to-mask", "To new class mas&k", selection.to_mask, when=_selection),
)

MASK = _menu(
    "&Mask",
    Action(
        "accept",
        "&Accept",
        mask.accept,
        "Return | Enter",
        "check",
        "This is what is meant",
        lambda c: c.has_undecided,
        canvas_only=True,
    ),
    Action(
        "accept-all",
        "Accept a&ll",
        mask.accept_all,
        "Shift+Return",
        when=_any_mask,
        canvas_only=True,
    ),
    Action(
        "reject",
        "&Reject",
        mask.reject,
        "Del | Backspace",
        "backspace",
        "Throw the mask away",
        _mask,
        canvas_only=True,
    ),
    Action(
        "next-candidate",
        "Ne&xt candidate",
        lambda c: mask.step_candidate(c, 1),
        "N",
        tip="Show what else the engine thought of",
        when=lambda c: c.has_candidates,
    ),
    LINE,
    Action("new-mask", "&New empty mask", mask.new, icon="plus", when=_open),
    Action("duplicate-mask", "&Duplicate", mask.duplicate, icon="duplicate", when=_mask),
    Action(
        "solo",
        "S&olo",
        mask.toggle_solo,
        icon="solo",
        tip="Show only this mask",
        when=_mask,
        checked=lambda c: bool(c.canvas.overlays.solo),
    ),
    Action("hide-mask", "&Hide or show", mask.toggle_shown, icon="eye", when=_mask),
    LINE,
    Action("grow", "&Grow…", mask.grow, icon="grow", when=_mask),
    Action("shrink", "&Shrink…", mask.shrink, icon="shrink", when=_mask),
    Action("feather", "&Feather…", mask.feather, icon="feather", when=_mask),
    Action("fill-holes", "F&ill holes", mask.fill_holes, icon="fill-holes", when=_mask),
    Action("remove-specks", "Remove s&pecks", mask.remove_specks, icon="specks", when=_mask),
    Action(
        "snap",
        "Snap to &edges",
        mask.snap_to_edges,
        "Ctrl+Shift+G",
        "snap",
        "Move the mask's edge onto the picture's",
        _mask,
    ),
    Action("invert-mask", "In&vert", mask.invert, "Ctrl+I", "invert", when=_mask),
    LINE,
    Action(
        "union",
        "&Unite",
        mask.union,
        icon="union",
        tip="Make one mask of those chosen",
        when=_masks,
    ),
    Action("intersect", "In&tersect", mask.intersect, icon="intersect", when=_masks),
    Action(
        "subtract",
        "Su&btract",
        mask.subtract,
        icon="subtract",
        tip="Take the others away from the first",
        when=_masks,
    ),
)

TOOL = _menu(
    "&Tools",
    *(entry for group in TOOLS for entry in (*(_tool(kind) for kind in group), LINE)),
    Action("swap-colours", "S&wap brush colours", tool.swap_colours, "X"),
    Action("brush-smaller", "&Smaller brush", lambda c: tool.resize_brush(c, -1), "["),
    Action("brush-larger", "&Larger brush", lambda c: tool.resize_brush(c, 1), "]"),
)

VIEW = _menu(
    "&View",
    Action(
        "zoom-in",
        "Zoom &in",
        lambda c: c.canvas.zoom_step(1),
        "Ctrl++ | Ctrl+=",
        "zoom-in",
        when=_open,
    ),
    Action(
        "zoom-out", "Zoom &out", lambda c: c.canvas.zoom_step(-1), "Ctrl+-", "zoom-out", when=_open
    ),
    Action("fit", "&Fit", lambda c: c.canvas.fit(), "Ctrl+0", "fit", when=_open),
    Action("full-size", "&100 %", lambda c: c.canvas.zoom_to(1.0), "Ctrl+1", when=_open),
    LINE,
    Action(
        "overlays",
        "Mask o&verlays",
        view.toggle_overlays,
        "Ctrl+H",
        "eye",
        when=_open,
        checked=lambda c: c.canvas.overlays.shown,
    ),
    Action(
        "heat-map",
        "&Heat map",
        view.toggle_heat_map,
        icon="heat-map",
        tip="Show how well each place fits the phrase",
        when=_mask,
        checked=lambda c: c.canvas.overlays.heat_map,
    ),
    LINE,
    Action("full-screen", "F&ull screen", view.toggle_full_screen, "F11"),
    Action(
        "pin-prompt",
        "&Pin the prompt",
        view.toggle_prompt_pin,
        icon="pin",
        tip="Give the prompt a place of its own below the picture",
        checked=lambda c: c.window.prompt_pinned,
    ),
)

HELP = _menu(
    "&Help",
    Action(
        "tour", "&Guided tour", help.start_tour, icon="info", tip="Five steps on the sample picture"
    ),
    Action("shortcuts", "&Keyboard shortcuts", help.show_shortcuts, "F1", "keyboard"),
    Action("about", "&About OVEdit", help.about, icon="info"),
)

ACTIONS = (*FILE, *EDIT, *IMAGE, *LAYER, *SELECT, *MASK, *TOOL, *VIEW, *HELP)
MENUS = tuple(dict.fromkeys(action.menu for action in ACTIONS))
