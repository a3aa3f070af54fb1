"""What all commands on a picture share: settings, the open document, the engines, the files."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ovedit import settings as settings_file
from ovedit.document import Document
from ovedit.engine.protocols import EngineProvider
from ovedit.engine.requests import Preset
from ovedit.errors import FileError, UnsupportedFileError, UsageError
from ovedit.io import documents, images
from ovedit.io.openraster import PROJECT_SUFFIX
from ovedit.settings import Settings


@dataclass(frozen=True, eq=False)
class Session:
    """A picture that was opened for a command, and who may work on it.

    exif, xmp: the camera data and XMP of the file, to be written again.
    """

    document: Document
    exif: bytes
    xmp: bytes
    settings: Settings
    provider: EngineProvider
    preset: Preset
    quiet: bool

    def note(self, sentences: Iterable[str]) -> None:
        """Tell the person something on stderr, a line each."""
        if not self.quiet:
            for sentence in sentences:
                print(f"ovedit: {' '.join(sentence.split())}", file=sys.stderr)

    def save(self, path: Path) -> None:
        """Write the document: a project with all layers for .ora, the flattened picture else."""
        documents.save_document(
            path, self.document.state, self.settings, exif=self.exif, xmp=self.xmp
        )


def open_session(arguments: Namespace, provider: EngineProvider | None) -> Session:
    """Open the picture named, with the engines there are.

    Raises `FileError` where the picture cannot be read, `SettingsError` where the settings cannot.
    """
    settings = settings_file.load()
    if getattr(arguments, "no_provenance", False):
        settings = settings.changed(provenance=False)
    if getattr(arguments, "watermark", False):
        settings = settings.changed(watermark=True)
    if provider is None:
        from ovedit.engine.registry import default_registry, default_runtime

        provider = default_registry(default_runtime(settings))
    opened = documents.open_document(
        Path(arguments.image),
        max_pixels=settings.max_pixels,
        history_bytes=settings.history_bytes,
    )
    session = Session(
        opened.document,
        opened.exif,
        opened.xmp,
        settings,
        provider,
        arguments.preset or settings.preset,
        arguments.quiet,
    )
    session.note(opened.notes)
    return session


def target(name: str, *, suffixes: Sequence[str] = ()) -> Path:
    """The file to write, checked before any work is done.

    suffixes: the endings allowed, or none for every picture that can be written. Raises
    `UsageError` for another ending, `FileError` where the folder is missing.
    """
    path = Path(name)
    if suffixes and path.suffix.lower() not in suffixes:
        raise UsageError(f"{path.name} does not end with {' or '.join(suffixes)}.", "Name it so.")
    if not suffixes and path.suffix.lower() != PROJECT_SUFFIX:
        try:
            images.export_format(path)
        except UnsupportedFileError as e:
            raise UsageError(e.message, e.hint) from e
    if not path.absolute().parent.is_dir():
        raise FileError(f"There is no folder {path.parent} for {path.name}.", "Make it first.")
    return path
