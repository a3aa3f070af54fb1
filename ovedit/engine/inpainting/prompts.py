"""What a model is told: the person's words in the templates of the settings."""

from __future__ import annotations

import string

from ovedit.engine.inpainting.settings import NONE, WordSettings
from ovedit.engine.inpainting.values import Words
from ovedit.engine.requests import EditKind, EditRequest

UNNAMED = "marked area"
"""What a mask is called that was not selected by words."""


def words_for(request: EditRequest, settings: WordSettings, *, instruction: bool) -> Words:
    """The prompt and the negative prompt of an edit.

    instruction: the model wants to be told what to do rather than what is there. What is removed is
    named among what shall not appear.
    """
    scene = "" if settings.scene == NONE else settings.scene
    values = {"edit": request.prompt, "phrase": request.phrase or UNNAMED, "scene": scene}
    if instruction:
        templates = {
            EditKind.REMOVE: settings.remove_instruction,
            EditKind.REPLACE: settings.instruction,
            EditKind.RESTYLE: settings.restyle_instruction,
        }
        template = templates[request.kind]
    else:
        template = settings.background if request.kind is EditKind.REMOVE else settings.template
    removed = request.phrase if request.kind is EditKind.REMOVE else ""
    usual = "" if settings.negative == NONE else settings.negative
    unwanted = (request.negative_prompt, removed, usual)
    return Words(filled(template, values), ", ".join(filter(None, unwanted)))


def filled(template: str, values: dict[str, str]) -> str:
    """The template with the values in; a part between commas whose value is empty is left out."""
    parts = []
    for part in template.split(","):
        names = [name for _, name, _, _ in string.Formatter().parse(part) if name is not None]
        if all(values[name] for name in names):
            parts.append(part.format(**values).strip())
    return ", ".join(filter(None, parts))
