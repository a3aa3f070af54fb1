"""Which engines a command works with, and what they are told."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass

from ovedit.cli.session import Session
from ovedit.engine.library import Model
from ovedit.engine.protocols import EngineInfo
from ovedit.engine.requests import EditKind
from ovedit.workflows.ask import engine_to_edit, engine_to_select


@dataclass(frozen=True)
class Chosen:
    """An engine, and the options that it is handed with every request."""

    info: EngineInfo
    options: Mapping[str, str]

    @property
    def name(self) -> str:
        """What `ask` calls it."""
        return self.info.name


def to_select(session: Session, arguments: Namespace) -> Chosen:
    """Who answers the phrases of `ovedit select`: as told, else as the settings say."""
    settings = session.settings
    engines = session.provider.engines()
    info = engine_to_select(engines, settings.select_engine, named=arguments.engine or "")
    return _with_options(session, info, dict(arguments.options))


def to_edit(session: Session, arguments: Namespace) -> Chosen:
    """Who edits: the engine named, else the settings', else one that can use the model named.

    A model in a folder of the person's own is added to their catalogue, with a note. Raises
    `ModelError` where there is no such model, `CannotDoError` for an engine that cannot.
    """
    kind = EditKind(arguments.command)
    engines, preferred = session.provider.engines(), session.settings.edit_engine
    named, options = arguments.engine or "", dict(arguments.options)
    if not arguments.model:
        info = engine_to_edit(engines, preferred, kind, named=named)
        return _with_options(session, info, options)
    model = _model(session, arguments.model)
    info = engine_to_edit(engines, preferred, kind, task=model.task, named=named)
    return _with_options(session, info, options | {"model": model.id})


def to_select_for(session: Session, arguments: Namespace, editor: Chosen) -> Chosen:
    """Who answers the phrases of an edit: as told, else who edits if named and able, else theirs.

    It gets the options of its own role, and those of the other where it has both.
    """
    named = arguments.select_engine or ""
    if not named and arguments.engine and editor.info.selects:
        named = arguments.engine
    preferred = session.settings.select_engine
    info = engine_to_select(session.provider.engines(), preferred, named=named)
    shared = dict(arguments.options) if info.name == editor.name else {}
    return _with_options(session, info, shared | dict(arguments.select_options))


def _with_options(session: Session, info: EngineInfo, given: Mapping[str, str]) -> Chosen:
    return Chosen(info, {**session.settings.engine_options.get(info.name, {}), **given})


def _model(session: Session, name: str) -> Model:
    from ovedit.engine.models.library import LocalLibrary

    model, added = LocalLibrary(offline=session.settings.offline).resolve(name)
    if added:
        session.note([f"{model.title} is in your catalogue now, as {model.id}."])
    return model
