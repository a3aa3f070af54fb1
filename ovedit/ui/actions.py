"""Every action of the window in one table: menu, words, shortcut, icon, tool tip, what it does.

The menus, the shortcut list and the context menus of the docks are all made from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ovedit.ui.commands import Commands
from ovedit.ui.tools import TOOLS

Do = Callable[[Commands], object]
When = Callable[[Commands], bool]


@dataclass(frozen=True)
class ActionSpec:
    """One action.

    id: stable name. menu: the menu it is in, "" for a shortcut without a menu entry. shortcut: in
    Qt's portable words, several parted by " | ". canvas_only: the shortcut works only while the
    canvas or the masks dock has the focus, because a text field needs the key. when: whether it can
    be used now. checked: makes it a toggle. separator: a line above it.
    """

    id: str
    menu: str
    text: str
    do: Do
    shortcut: str = ""
    icon: str = ""
    tip: str = ""
    when: When | None = None
    checked: When | None = None
    separator: bool = False
    canvas_only: bool = False


def _open(c: Commands) -> bool:
    return c.document is not None


def _mask(c: Commands) -> bool:
    return bool(c.mask_ids)


def _masks(c: Commands) -> bool:
    return len(c.mask_ids) > 1


def _layer(c: Commands) -> bool:
    return c.layer is not None


def _selection(c: Commands) -> bool:
    return c.document is not None and c.document.state.selection is not None


MENUS = ("&File", "&Edit", "&Image", "&Layer", "&Select", "&Mask", "&View", "&Help")

ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec("new", "&File", "&New…", Commands.new, "Ctrl+N", "plus", "An empty picture"),
    ActionSpec("open", "&File", "&Open…", Commands.open, "Ctrl+O", "open", "Open a picture"),
    ActionSpec("open-sample", "&File", "Open sa&mple", Commands.open_sample, icon="image"),
    ActionSpec(
        "save",
        "&File",
        "&Save",
        Commands.save,
        "Ctrl+S",
        "save",
        "Save all layers and masks as OpenRaster",
        _open,
        separator=True,
    ),
    ActionSpec("save-as", "&File", "Save &as…", Commands.save_as, "Ctrl+Shift+S", when=_open),
    ActionSpec(
        "export",
        "&File",
        "&Export…",
        Commands.export,
        "Ctrl+Shift+E",
        "export",
        "Write the picture as PNG, JPEG, WebP or TIFF",
        _open,
    ),
    ActionSpec(
        "export-masks",
        "&File",
        "Export mas&ks…",
        Commands.export_masks,
        tip="Write every class mask as a grey PNG",
        when=lambda c: c.has_masks,
    ),
    ActionSpec("import-mask", "&File", "&Import mask…", Commands.import_mask, when=_open),
    ActionSpec("close", "&File", "&Close", Commands.close, "Ctrl+W", when=_open, separator=True),
    ActionSpec("quit", "&File", "&Quit", Commands.quit, "Ctrl+Q"),
    ActionSpec(
        "undo",
        "&Edit",
        "&Undo",
        Commands.undo,
        "Ctrl+Z",
        "undo",
        "Take back the last step",
        lambda c: c.can_undo,
    ),
    ActionSpec(
        "redo",
        "&Edit",
        "&Redo",
        Commands.redo,
        "Ctrl+Shift+Z | Ctrl+Y",
        "redo",
        "Do the undone step again",
        lambda c: c.can_redo,
    ),
    ActionSpec(
        "copy",
        "&Edit",
        "&Copy",
        Commands.copy,
        "Ctrl+C",
        tip="Copy the picture, or what is selected of it",
        when=_open,
        separator=True,
    ),
    ActionSpec(
        "paste",
        "&Edit",
        "&Paste as layer",
        Commands.paste,
        "Ctrl+V",
        tip="Paste a picture as a new layer, or as a new document where none is open",
    ),
    ActionSpec(
        "prompt",
        "&Edit",
        "&Type a phrase",
        Commands.focus_prompt,
        "/",
        "search",
        "Go to the prompt",
        _open,
        separator=True,
    ),
    ActionSpec(
        "remove", "&Edit", "Re&move…", lambda c: c.prepare_edit("remove"), when=lambda c: c.can_edit
    ),
    ActionSpec(
        "replace",
        "&Edit",
        "Rep&lace with…",
        lambda c: c.prepare_edit("replace"),
        when=lambda c: c.can_edit,
        icon="replace",
    ),
    ActionSpec(
        "restyle",
        "&Edit",
        "Re&style as…",
        lambda c: c.prepare_edit("restyle"),
        when=lambda c: c.can_edit,
        icon="restyle",
    ),
    ActionSpec(
        "swap-colours", "&Edit", "S&wap brush colours", Commands.swap_colours, "X", separator=True
    ),
    ActionSpec("brush-smaller", "&Edit", "Smaller brush", lambda c: c.resize_brush(-1), "["),
    ActionSpec("brush-larger", "&Edit", "Larger brush", lambda c: c.resize_brush(1), "]"),
    ActionSpec(
        "preferences",
        "&Edit",
        "Pre&ferences…",
        Commands.preferences,
        "Ctrl+,",
        "settings",
        separator=True,
    ),
    ActionSpec(
        "crop",
        "&Image",
        "Selection as &new picture",
        Commands.crop,
        icon="crop",
        tip="Open what is selected as a document of its own",
        when=_selection,
    ),
    ActionSpec(
        "flatten", "&Image", "&Flatten", Commands.flatten, tip="Make one layer of all", when=_open
    ),
    ActionSpec(
        "new-layer", "&Layer", "&New layer", Commands.new_layer, "Ctrl+Shift+N", "plus", when=_open
    ),
    ActionSpec(
        "duplicate-layer",
        "&Layer",
        "&Duplicate",
        Commands.duplicate_layer,
        "Ctrl+J",
        "duplicate",
        when=_layer,
    ),
    ActionSpec(
        "delete-layer", "&Layer", "D&elete", Commands.delete_layer, "", "trash", when=_layer
    ),
    ActionSpec(
        "merge-down",
        "&Layer",
        "&Merge down",
        Commands.merge_down,
        "Ctrl+M",
        "merge-down",
        when=lambda c: c.can_merge_down,
    ),
    ActionSpec(
        "layer-up",
        "&Layer",
        "Move &up",
        lambda c: c.raise_layer(1),
        "Ctrl+]",
        "chevron-up",
        when=_layer,
        separator=True,
    ),
    ActionSpec(
        "layer-down",
        "&Layer",
        "Move d&own",
        lambda c: c.raise_layer(-1),
        "Ctrl+[",
        "chevron-down",
        when=_layer,
    ),
    ActionSpec(
        "lock-layer",
        "&Layer",
        "&Lock",
        Commands.toggle_lock,
        icon="lock",
        when=_layer,
        checked=lambda c: c.layer is not None and c.layer.locked,
    ),
    ActionSpec(
        "clear-outside",
        "&Layer",
        "&Clear outside selection",
        Commands.clear_outside,
        when=lambda c: c.layer is not None and _selection(c),
    ),
    ActionSpec(
        "alpha-mask",
        "&Layer",
        "Alpha mask from class mask",
        Commands.add_alpha_mask,
        tip="Show the layer only where the current mask is",
        when=lambda c: c.layer is not None and bool(c.mask_ids),
        separator=True,
    ),
    ActionSpec(
        "no-alpha-mask",
        "&Layer",
        "Remove alpha mask",
        Commands.remove_alpha_mask,
        when=lambda c: c.layer is not None and c.layer.has_alpha_mask,
    ),
    ActionSpec(
        "run-again",
        "&Layer",
        "&Run edit again",
        lambda c: c.run_again(),
        "Ctrl+R",
        "rerun",
        when=lambda c: c.edit_layer_id != "",
        separator=True,
    ),
    ActionSpec(
        "vary",
        "&Layer",
        "&Vary",
        lambda c: c.run_again(vary=True),
        "Ctrl+Shift+R",
        "vary",
        "Run the edit again with another seed",
        lambda c: c.edit_layer_id != "",
    ),
    ActionSpec(
        "edit-mask",
        "&Layer",
        "Mask of ed&it",
        Commands.edit_mask,
        tip="Make a class mask of what the edit was run on, to correct it",
        when=lambda c: c.edit_layer_id != "",
    ),
    ActionSpec(
        "run-with-mask",
        "&Layer",
        "Run again with class mas&k",
        lambda c: c.run_again(with_masks=True),
        tip="Run the edit again inside the masks in hand",
        when=lambda c: c.edit_layer_id != "" and bool(c.mask_ids),
    ),
    ActionSpec("select-all", "&Select", "&All", Commands.select_all, "Ctrl+A", when=_open),
    ActionSpec("deselect", "&Select", "&None", Commands.deselect, "Ctrl+D", when=_selection),
    ActionSpec(
        "invert-selection",
        "&Select",
        "&Invert",
        Commands.invert_selection,
        "Ctrl+Shift+I",
        "invert",
        when=_selection,
    ),
    ActionSpec(
        "quick-mask",
        "&Select",
        "&Quick mask",
        Commands.toggle_quick_mask,
        "Q",
        "quick-mask",
        "Show the selection in red",
        _open,
        checked=lambda c: c.canvas.overlays.quick_mask,
    ),
    ActionSpec(
        "mask-to-selection",
        "&Select",
        "From class &mask",
        Commands.mask_to_selection,
        when=_mask,
        separator=True,
    ),
    ActionSpec(
        "selection-to-mask",
        "&Select",
        "To new class mas&k",
        Commands.selection_to_mask,
        when=_selection,
    ),
    ActionSpec(
        "accept",
        "&Mask",
        "&Accept",
        Commands.accept,
        "Return | Enter",
        "check",
        "This is what is meant",
        lambda c: c.has_undecided,
        canvas_only=True,
    ),
    ActionSpec(
        "accept-all",
        "&Mask",
        "Accept a&ll",
        Commands.accept_all,
        "Shift+Return",
        when=lambda c: c.has_masks,
        canvas_only=True,
    ),
    ActionSpec(
        "reject",
        "&Mask",
        "&Reject",
        Commands.reject,
        "Del | Backspace",
        "backspace",
        "Throw the mask away",
        _mask,
        canvas_only=True,
    ),
    ActionSpec(
        "next-candidate",
        "&Mask",
        "Ne&xt candidate",
        lambda c: c.step_candidate(1),
        "N",
        tip="Show what else the engine thought of",
        when=lambda c: c.has_candidates,
    ),
    ActionSpec(
        "new-mask",
        "&Mask",
        "&New empty mask",
        Commands.new_mask,
        icon="plus",
        when=_open,
        separator=True,
    ),
    ActionSpec(
        "duplicate-mask",
        "&Mask",
        "&Duplicate",
        Commands.duplicate_mask,
        icon="duplicate",
        when=_mask,
    ),
    ActionSpec(
        "solo",
        "&Mask",
        "S&olo",
        Commands.toggle_solo,
        icon="solo",
        tip="Show only this mask",
        when=_mask,
        checked=lambda c: bool(c.canvas.overlays.solo),
    ),
    ActionSpec("hide-mask", "&Mask", "&Hide or show", Commands.toggle_mask, icon="eye", when=_mask),
    ActionSpec("grow", "&Mask", "&Grow…", Commands.grow, icon="grow", when=_mask, separator=True),
    ActionSpec("shrink", "&Mask", "&Shrink…", Commands.shrink, icon="shrink", when=_mask),
    ActionSpec("feather", "&Mask", "&Feather…", Commands.feather, icon="feather", when=_mask),
    ActionSpec(
        "fill-holes",
        "&Mask",
        "F&ill holes",
        lambda c: c.change_masks("fill_holes"),
        icon="fill-holes",
        when=_mask,
    ),
    ActionSpec(
        "remove-specks",
        "&Mask",
        "Remove s&pecks",
        lambda c: c.change_masks("remove_specks"),
        icon="specks",
        when=_mask,
    ),
    ActionSpec(
        "snap",
        "&Mask",
        "Snap to &edges",
        lambda c: c.change_masks("snap_to_edges"),
        "Ctrl+Shift+G",
        "snap",
        "Move the mask's edge onto the picture's",
        _mask,
    ),
    ActionSpec(
        "invert-mask",
        "&Mask",
        "In&vert",
        lambda c: c.change_masks("invert"),
        "Ctrl+I",
        "invert",
        when=_mask,
    ),
    ActionSpec(
        "union",
        "&Mask",
        "&Unite",
        lambda c: c.change_masks("union"),
        icon="union",
        tip="Make one mask of those chosen",
        when=_masks,
        separator=True,
    ),
    ActionSpec(
        "intersect",
        "&Mask",
        "In&tersect",
        lambda c: c.change_masks("intersect"),
        icon="intersect",
        when=_masks,
    ),
    ActionSpec(
        "subtract",
        "&Mask",
        "Su&btract",
        lambda c: c.change_masks("subtract"),
        icon="subtract",
        tip="Take the others away from the first",
        when=_masks,
    ),
    ActionSpec(
        "zoom-in",
        "&View",
        "Zoom &in",
        lambda c: c.canvas.zoom_step(1),
        "Ctrl++ | Ctrl+=",
        "zoom-in",
        when=_open,
    ),
    ActionSpec(
        "zoom-out",
        "&View",
        "Zoom &out",
        lambda c: c.canvas.zoom_step(-1),
        "Ctrl+-",
        "zoom-out",
        when=_open,
    ),
    ActionSpec("fit", "&View", "&Fit", lambda c: c.canvas.fit(), "Ctrl+0", "fit", when=_open),
    ActionSpec(
        "full-size", "&View", "&100 %", lambda c: c.canvas.zoom_to(1.0), "Ctrl+1", when=_open
    ),
    ActionSpec(
        "overlays",
        "&View",
        "Mask o&verlays",
        Commands.toggle_overlays,
        "Ctrl+H",
        "eye",
        when=_open,
        checked=lambda c: c.canvas.overlays.shown,
        separator=True,
    ),
    ActionSpec(
        "heat-map",
        "&View",
        "&Heat map",
        Commands.toggle_heat_map,
        icon="heat-map",
        tip="Show how well each place fits the phrase",
        when=_mask,
        checked=lambda c: c.canvas.overlays.heat_map,
    ),
    ActionSpec(
        "full-screen", "&View", "F&ull screen", Commands.toggle_full_screen, "F11", separator=True
    ),
    ActionSpec(
        "pin-prompt",
        "&View",
        "&Pin the prompt",
        Commands.toggle_prompt_pin,
        icon="pin",
        tip="Give the prompt a place of its own below the picture",
        checked=lambda c: c.prompt_pinned,
    ),
    ActionSpec(
        "tour",
        "&Help",
        "&Guided tour",
        Commands.tour,
        icon="info",
        tip="Five steps on the sample picture",
    ),
    ActionSpec(
        "shortcuts", "&Help", "&Keyboard shortcuts", Commands.show_shortcuts, "F1", "keyboard"
    ),
    ActionSpec("about", "&Help", "&About OVEdit", Commands.about, icon="info"),
    *(
        ActionSpec(
            f"tool-{tool.name}",
            "",
            tool.title,
            lambda c, name=tool.name: c.use_tool(name),
            tool.shortcut,
            tool.icon,
            tool.hint,
        )
        for group in TOOLS
        for tool in group
    ),
)
