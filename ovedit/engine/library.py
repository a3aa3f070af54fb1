"""What may be asked about models: which there are, what each costs, where it is.

Values are frozen and picklable. Sizes are bytes. Nothing here reads a disk or a network.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    # Brings numpy, which listing models has no use for.
    from ovedit.engine.protocols import CancelToken


class Task(enum.StrEnum):
    """What a model is for."""

    TEXT_IMAGE = "text-image"
    """Compares pictures with words (CLIP)."""
    FEATURES = "features"
    """Describes every patch of a picture (DINO)."""
    MASKS = "masks"
    """Draws the mask at points and boxes (SAM 2)."""
    CONCEPTS = "concepts"
    """Draws the masks that a noun phrase names (SAM 3)."""
    INPAINT = "inpaint"
    """Paints into a mask what a text says."""
    ERASE = "erase"
    """Fills a mask with background; takes no text."""
    PREVIEW = "preview"
    """Decodes the picture so far, small and fast (tiny autoencoder)."""
    ADAPTER = "adapter"
    """Changes another model, its `base`, to need fewer steps."""


@dataclass(frozen=True)
class Licence:
    """Under which terms a model is given away.

    name: as its publisher writes it; url: the full text.
    gated: the publisher wants the terms accepted on the model's page before a download.
    commercial: whether pictures made with it may be sold.
    """

    name: str
    url: str
    gated: bool = False
    commercial: bool = True


@dataclass(frozen=True)
class ModelFile:
    """One file of a model.

    path: inside the repository, with "/"; size: bytes, an estimate unless `exact`.
    sha256: lower-case hexadecimal, or empty where none is published.
    """

    path: str
    size: int
    sha256: str = ""
    exact: bool = True


@dataclass(frozen=True)
class Model:
    """An entry of the catalogue.

    id: what the command line and the settings call it; title: what the window shows.
    loader: the name of the class or function that loads it, see `engine.models.runtime`.
    repository: hub repository "owner/name", or empty for a folder of the person's own.
    revision: commit, tag or branch of it.
    parameters: how many numbers the weights hold.
    memory: bytes that the loaded weights take, by dtype ("float32", "float16", "bfloat16").
    native_sizes: sides in pixels that the model was trained at, best first; empty for any.
    capabilities: flags that engines ask for ("text", "negative-prompt", "mask-prompt", ...).
    good_at, bad_at: one honest sentence each.
    base: for an adapter or a preview decoder, the ids of the models that it works with; for any
        other, of those whose files hold parts that this one lacks.
    own: an entry that the person made, not one of ours.
    """

    id: str
    title: str
    task: Task
    loader: str
    repository: str
    revision: str
    files: tuple[ModelFile, ...]
    licence: Licence
    parameters: int
    memory: Mapping[str, int]
    native_sizes: tuple[int, ...] = ()
    capabilities: frozenset[str] = field(default_factory=frozenset)
    good_at: str = ""
    bad_at: str = ""
    base: tuple[str, ...] = ()
    own: bool = False

    @property
    def download_size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)

    @property
    def parts(self) -> tuple[str, ...]:
        """Ids of the models that have to be here too, for the parts that this one lacks."""
        return () if self.task in (Task.ADAPTER, Task.PREVIEW) else self.base

    @property
    def page(self) -> str:
        """Address of the model's page, for a person to read; empty for a folder of their own."""
        return f"https://huggingface.co/{self.repository}" if self.repository else ""


class Presence(enum.StrEnum):
    """How much of a model is on this computer."""

    MISSING = "missing"
    PARTIAL = "partial"
    READY = "ready"


@dataclass(frozen=True)
class ModelState:
    """Where a model is.

    folder: with all files in it under their own names, or None unless `presence` is ready.
    on_disk: bytes here, those of a download that was interrupted included.
    missing: paths of the files that are not complete.
    looked_in: every folder that was searched, for the sentence that says so.
    """

    id: str
    presence: Presence
    folder: Path | None
    on_disk: int
    missing: tuple[str, ...]
    looked_in: tuple[Path, ...]


@dataclass(frozen=True)
class TransferProgress:
    """How far a download or a check is; `seconds_left` is None while that is not known."""

    done: int
    total: int
    bytes_per_second: float = 0.0
    seconds_left: float | None = None
    file: str = ""


TransferListener = Callable[[TransferProgress], None]


def unheard(progress: TransferProgress) -> None:
    """A `TransferListener` for callers that do not listen."""


class ModelLibrary(Protocol):
    """The models known, those on this computer, and the way to get the others.

    Every method may be called from any thread. All but `get` work without a network.
    """

    def models(self) -> Sequence[Model]:
        """The catalogue, our entries first. Raises `ModelError` where the person's are wrong."""
        ...

    def model(self, id: str) -> Model:
        """One entry. Raises `ModelError` for an id not known, naming those that are near."""
        ...

    def state(self, id: str) -> ModelState:
        """Where it is on this computer; looks at names and sizes only."""
        ...

    def get(
        self, id: str, listener: TransferListener = unheard, cancel: CancelToken | None = None
    ) -> Path:
        """Download what is missing, of the models with its parts too, and return the folder.

        Goes on where an interrupted download stopped. Raises `Cancelled` (what came so far stays)
        and `ModelError` saying why and what to do: no network, offline, no access, not found, too
        many requests, a wrong hash (that file is thrown away), a full disk.
        """
        ...

    def remove(self, id: str) -> int:
        """Delete its files, those of an interrupted download included; the bytes freed.

        Files that another model of the same repository needs stay, and so does a folder that the
        person added: only its entry goes.
        """
        ...

    def verify(
        self, id: str, listener: TransferListener = unheard, cancel: CancelToken | None = None
    ) -> None:
        """Read every file and compare size and hash. Raises `DamagedModelError` naming files."""
        ...

    def add(self, folder: Path, id: str = "") -> Model:
        """Use the model in this folder, where it lies, and remember it.

        id: the catalogue's entry that it is, or empty to find out. Raises `ModelError` where the
        folder holds no model, or not all files of the one named.
        """
        ...

    def download_folder(self) -> Path:
        """Where downloads go."""
        ...

    def free_bytes(self) -> int:
        """Room left on the disk of that folder."""
        ...


@dataclass(frozen=True)
class Resident:
    """A model in memory. `pinned` ones stay until told otherwise, those `in_use` until done."""

    id: str
    title: str
    device: str
    dtype: str
    size: int
    pinned: bool = False
    in_use: bool = False


@dataclass(frozen=True)
class MemoryState:
    """The models in memory, least recently used first, and the room they may take together.

    device: for a person, "NVIDIA RTX 3060" or "CPU"; empty before the first model was loaded.
    """

    residents: tuple[Resident, ...] = ()
    budget: int = 0
    device: str = ""

    @property
    def used(self) -> int:
        """Bytes of all models in memory."""
        return sum(resident.size for resident in self.residents)


MemoryListener = Callable[[MemoryState], None]


class ModelMemory(Protocol):
    """What is in memory, and the way out of it. From any thread; nothing here waits for a load."""

    def memory(self) -> MemoryState:
        """The models in memory, and their budget."""
        ...

    def subscribe(self, listener: MemoryListener) -> Callable[[], None]:
        """Call `listener` after every change, on the thread that made it; returns the way out."""
        ...

    def unload(self, id: str | None = None) -> int:
        """Free a model now, though it be pinned, or all that are not; the bytes freed.

        One in use goes as soon as it is not.
        """
        ...

    def pin(self, id: str, pinned: bool = True) -> None:
        """Keep a model in memory once it is there, or let it go again when room is needed."""
        ...
