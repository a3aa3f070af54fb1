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
    template = getattr(settings, template_name(request.kind, instruction=instruction))
    removed = request.phrase if request.kind is EditKind.REMOVE else ""
    usual = "" if settings.negative == NONE else settings.negative
    unwanted = (request.negative_prompt, removed, usual)
    return Words(filled(template, values), ", ".join(filter(None, unwanted)))


def template_name(kind: EditKind, *, instruction: bool) -> str:
    """The setting among `WordSettings` that holds the template of an edit."""
    if not instruction:
        return "background" if kind is EditKind.REMOVE else "template"
    names = {
        EditKind.REMOVE: "remove_instruction",
        EditKind.REPLACE: "instruction",
        EditKind.RESTYLE: "restyle_instruction",
    }
    return names[kind]


def filled(template: str, values: dict[str, str]) -> str:
    """The template with the values in; a part between commas whose value is empty is left out."""
    parts = []
    for part in template.split(","):
        names = [name for _, name, _, _ in string.Formatter().parse(part) if name is not None]
        if all(values[name] for name in names):
            parts.append(part.format(**values).strip())
    return ", ".join(filter(None, parts))
