"""Layer menu: the stack, and running the edit of a layer again."""

from __future__ import annotations

from ovedit.document import EditLayer, EditRecipe
from ovedit.errors import DocumentError
from ovedit.ui.commands.context import Context
from ovedit.ui.how_made import how_made
from ovedit.ui.messages import Message
from ovedit.ui.prompt.edit_menu import STRENGTH
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
    """Run the edit in hand again: as it was, varied, or inside the masks in hand.

    Several variations, where the prompt card asks for them, come into the gallery.
    """
    masks = c.mask_ids if with_masks else ()
    count = c.window.prompt.edit_line.variations if vary else 1
    c.window.assistant.run_again(c.edit_layer_id, vary=vary, variations=count, mask_ids=masks)


def edit_mask(c: Context) -> None:
    """Make a class mask of what the edit in hand was run on, to correct it and run it again."""
    document, layer, recipe = c.document, c.layer, _recipe(c)
    mask_id = mask_ops.add_mask(
        document, recipe.mask.array(), label=recipe.phrase or layer.name, name="Mask of edit"
    )
    document.set_current(masks=(mask_id,))
    c.window.use_tool("brush")
    text = "Correct the mask, then run the edit again inside it."
    c.window.tell(Message(text, buttons=(("Run again", "run-with-mask"),), lasts=True))


def change_words(c: Context) -> None:
    """Ask for other words, seed and strength, and run the edit in hand again with them."""
    from ovedit.ui.dialogs.change_words import ChangeWordsDialog

    assistant, layer, recipe = c.window.assistant, c.layer, _recipe(c)
    engine = assistant.named(recipe.engine)
    dialog = ChangeWordsDialog(
        layer.name,
        recipe,
        how_made(recipe, assistant.engines),
        uses_negative=engine.uses_negative,
        uses_strength=assistant.has_setting(recipe.engine, STRENGTH),
        parent=c.window,
    )
    if dialog.exec():
        wish = dialog.wish
        assistant.run_again(
            layer.id,
            words=wish.words,
            negative_prompt=wish.negative_prompt,
            seed=wish.seed,
            options=wish.options,
        )


def _recipe(c: Context) -> EditRecipe:
    layer = c.layer
    if not isinstance(layer, EditLayer) or layer.recipe is None:
        raise DocumentError(f"“{layer.name}” is not an edit.", "Choose an edit layer.")
    return layer.recipe
