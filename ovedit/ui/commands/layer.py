"""Layer menu: the stack, and running the edit of a layer again."""

from __future__ import annotations

from ovedit.document import EditLayer
from ovedit.errors import DocumentError
from ovedit.ui.commands.context import Context
from ovedit.workflows import layers, mask_ops


def new(c: Context) -> None:
    """Add an empty layer and work on it."""
    layers.new_layer(c.document)
    c.document.set_current(masks=())


def clear_outside(c: Context) -> None:
    """Clear of the layer what is not selected."""
    layers.crop_to_selection(c.document, c.layer.id)


def duplicate(c: Context) -> None:
    """Copy the layer."""
    layers.duplicate(c.document, c.layer.id)


def delete(c: Context) -> None:
    """Remove the layer."""
    layers.remove(c.document, c.layer.id)


def merge_down(c: Context) -> None:
    """Merge the layer into the one below."""
    layer_id = c.layer.id
    c.change("Merge down", lambda document: layers.merge_down(document, layer_id))


def raise_by(c: Context, steps: int) -> None:
    """Move the layer up or down the stack."""
    document, layer = c.document, c.layer
    index = document.layers.index(layer) + steps
    if 0 <= index < len(document.layers):
        with document.transaction("Reorder layers") as tx:
            tx.move_layer(layer.id, index)


def toggle_lock(c: Context) -> None:
    """Lock or unlock the layer."""
    document, layer = c.document, c.layer
    with document.transaction("Unlock layer" if layer.locked else "Lock layer") as tx:
        tx.update_layer(layer.id, locked=not layer.locked)


def add_alpha_mask(c: Context) -> None:
    """Show the layer only where the masks in hand are."""
    layers.add_alpha_mask(c.document, c.layer.id, c.mask_ids)


def remove_alpha_mask(c: Context) -> None:
    """Show all of the layer again."""
    layers.remove_alpha_mask(c.document, c.layer.id)


def run_again(c: Context, *, vary: bool = False, with_masks: bool = False) -> None:
    """Run the edit in hand again: as it was, varied, or inside the masks in hand."""
    masks = c.mask_ids if with_masks else ()
    c.window.assistant.run_again(c.edit_layer_id, vary=vary, mask_ids=masks)


def edit_mask(c: Context) -> None:
    """Make a class mask of what the edit in hand was run on, to correct it and run it again."""
    document, layer = c.document, c.layer
    recipe = layer.recipe if isinstance(layer, EditLayer) else None
    if recipe is None:
        raise DocumentError(f"“{layer.name}” is not an edit.", "Choose an edit layer.")
    mask_id = mask_ops.add_mask(
        document, recipe.mask.array(), label=recipe.phrase or layer.name, name="Mask of edit"
    )
    document.set_current(masks=(mask_id,))
    c.window.use_tool("brush")
