"""The errors a person may see. Each says in one sentence what happened and what to do next.

They are raised once, at the boundary where the cause is known (`raise … from cause`), and shown as
they are: by the window in the prompt card or a dialog, by the command line in one line on stderr.
"""

from __future__ import annotations

from typing import Any


class OVEditError(Exception):
    """Base of all errors meant for a person.

    `str(error)` is what happened, with the value at fault; `hint` is the next step, or empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def __reduce__(self) -> tuple[type[OVEditError], tuple[Any, ...]]:
        return type(self), (self.message, self.hint)


class UsageError(OVEditError):
    """A command or call was given values that make no sense together (exit code 2)."""


class SettingsError(OVEditError):
    """The settings file cannot be used."""


class WindowError(OVEditError):
    """The window cannot be opened on this machine; the command line can do its work."""


class FileError(OVEditError):
    """A file could not be read or written."""


class UnsupportedFileError(FileError):
    """The file is of a kind that OVEdit does not read or write."""


class DamagedFileError(FileError):
    """The file is cut off, or is not what its name says."""


class TooLargeError(FileError):
    """The picture is larger than the limit set against decompression bombs."""


class DocumentError(OVEditError):
    """The document cannot do that: a locked layer, a layer that is gone, nothing to undo."""


class LockedError(DocumentError):
    """The layer that this would change is locked."""


class EngineError(OVEditError):
    """An engine failed or refused."""


class NothingFoundError(EngineError):
    """Nothing in the picture matches the phrase (exit code 1)."""


class CannotDoError(EngineError):
    """The engine is honest about its limits: it names what would be able to do this."""


class EngineMissingError(EngineError):
    """The engine asked for is not known, not installed, or lacks models.

    `models` are the ids of those that have to be downloaded, or empty.
    """

    def __init__(self, message: str, hint: str = "", models: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint)
        self.models = models

    def __reduce__(self) -> tuple[type[OVEditError], tuple[Any, ...]]:
        return type(self), (self.message, self.hint, self.models)


class ModelError(OVEditError):
    """A model cannot be had: not known, not here, not reachable, not allowed."""


class DamagedModelError(ModelError):
    """A model's file is not what its publisher says it is."""


class OutOfMemoryError(EngineError):
    """A model did not fit, whatever was tried to make room."""


class Cancelled(OVEditError):
    """The work was cancelled through its token. Not a failure."""

    def __init__(self, message: str = "Cancelled.", hint: str = "") -> None:
        super().__init__(message, hint)
