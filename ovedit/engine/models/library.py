"""The models known and on this computer, and the way to get the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ovedit.engine.library import (
    Model,
    ModelState,
    Presence,
    TransferListener,
    unheard,
)
from ovedit.engine.models import store
from ovedit.engine.models.catalogue import Catalogue, load_catalogue, own_path, save_own
from ovedit.errors import ModelError

# What only some of the methods need is imported there: listing models has to be quick.
if TYPE_CHECKING:
    from ovedit.engine.models.verify import Checked
    from ovedit.engine.protocols import CancelToken


class LocalLibrary:
    """A `ModelLibrary` over catalogues, the hub's cache and folders that the person added.

    own: the person's file of entries and folders, the one beside the settings unless given.
    cache: the hub's cache, the one that huggingface_hub uses unless given.
    offline: no downloads, whatever the environment says.
    """

    def __init__(
        self,
        *,
        own: Path | None = None,
        cache: Path | None = None,
        offline: bool = False,
        load: Callable[[Path], Catalogue] = load_catalogue,
    ) -> None:
        self._own = own
        self._cache = cache
        self._offline = offline
        self._load = load
        # Entries are added and taken out by reading the file, changing it and writing it.
        self._changing = threading.Lock()

    def models(self) -> Sequence[Model]:
        """The catalogue, our entries first. Raises `ModelError` where the person's are wrong."""
        return self._catalogue().models

    def model(self, id: str) -> Model:
        """One entry. Raises `ModelError` for an id not known, naming those that are near."""
        return self._catalogue().model(id)

    def state(self, id: str) -> ModelState:
        """Where it is on this computer; looks at names and sizes only."""
        return self._state(self._catalogue(), id)

    def states(self) -> list[tuple[Model, ModelState]]:
        """Every entry with where it is; reads the catalogue once."""
        catalogue = self._catalogue()
        return [(model, self._state(catalogue, model.id)) for model in catalogue.models]

    def get(
        self, id: str, listener: TransferListener = unheard, cancel: CancelToken | None = None
    ) -> Path:
        """Download what is missing, of the models with its parts too, and return the folder.

        Asks no network for what is here.

        Raises `Cancelled`, `DamagedModelError` and `ModelError`, see `download`.
        """
        catalogue = self._catalogue()
        model = catalogue.model(id)
        for part in model.parts:
            self._get(catalogue, catalogue.model(part), listener, cancel)
        return self._get(catalogue, model, listener, cancel)

    def _get(
        self,
        catalogue: Catalogue,
        model: Model,
        listener: TransferListener,
        cancel: CancelToken | None,
    ) -> Path:
        state = self._state(catalogue, model.id)
        if state.folder is not None:
            return state.folder
        if not model.repository:
            looked = ", ".join(str(folder) for folder in state.looked_in) or "no folder"
            raise ModelError(
                f"{model.title} is not there any more; looked in: {looked}.",
                "Connect its disk, or add the folder where it is now with `ovedit models add`.",
            )
        self._check_online(model)
        from ovedit.engine.models.download import download

        return download(model, self.download_folder(), listener, cancel)

    def remove(self, id: str) -> int:
        """Delete its files, those of an interrupted download included; the bytes freed.

        Files that another model of the same repository needs stay, and so does a folder that the
        person added: only its entry goes.
        """
        catalogue = self._catalogue()
        model = catalogue.model(id)
        freed = 0
        if model.repository:
            from ovedit.engine.models.removal import remove

            freed = remove(model, catalogue.models, self.download_folder())
        if not model.repository:
            with self._changing:
                save_own(self._own_path(), forget=[id])
        elif id in catalogue.folders:
            with self._changing:
                save_own(self._own_path(), folders={id: ()})
        return freed

    def verify(
        self, id: str, listener: TransferListener = unheard, cancel: CancelToken | None = None
    ) -> None:
        """Read every file and compare size and hash. Raises `DamagedModelError` naming files."""
        self.check(id, listener, cancel)

    def check(
        self, id: str, listener: TransferListener = unheard, cancel: CancelToken | None = None
    ) -> tuple[Checked, ...]:
        """Do `verify`, and say of each file what it was compared with."""
        from ovedit.engine.models.verify import check_files

        model = self.model(id)
        state = self.state(id)
        if state.folder is None:
            raise not_here(model, state)
        return check_files(model, state.folder, listener, cancel)

    def add(self, folder: Path, id: str = "") -> Model:
        """Use the model in this folder or file, where it lies, and remember it.

        id: the catalogue's entry that it is, or empty to find out. The folder may be a snapshot or
        a local folder of the hub's client, or its whole cache. A folder of no model that we know
        but of a kind that we load becomes an entry of its own, and so does a checkpoint in one
        file. Raises `ModelError` where the folder holds no model, several, or not all files of the
        one named, and for a file that cannot be loaded.
        """
        return self._add(folder, id)[0]

    def _add(self, folder: Path, id: str = "") -> tuple[Model, bool]:
        """Do `add`, and say whether the folder was not remembered before."""
        from ovedit.engine.models import recognise

        folder = folder.expanduser().absolute()
        if folder.is_file():
            return self._add_file(folder, id)
        places = recognise.places_in(folder)
        with self._changing:
            catalogue = self._catalogue()
            if id:
                model, place = self._named(catalogue.model(id), places, folder)
            else:
                model, place = self._found(catalogue, places, folder)
            known = catalogue.folders.get(model.id, ())
            if place not in known:
                new = [] if model in catalogue.models else [model]
                folders = {model.id: [place, *known]}
                save_own(self._own_path(), models=new, folders=folders)
        return self.model(model.id), place not in known

    def _add_file(self, path: Path, id: str) -> tuple[Model, bool]:
        """Do `_add` for a checkpoint; one of the person's whose file was moved is found again."""
        from ovedit.engine.models import recognise

        if id:
            raise ModelError(
                f"{path} is one file; the models of the catalogue are folders.",
                "Add it without --as.",
            )
        with self._changing:
            catalogue = self._catalogue()
            entry = recognise.checkpoint_entry(path, catalogue.models)
            alike = [
                model
                for model in self._sought(catalogue, [path.parent])
                if model.own and model.files == entry.files and model.loader == entry.loader
            ]
            model = alike[0] if alike else entry
            known = catalogue.folders.get(model.id, ())
            if path.parent not in known:
                folders = {model.id: [path.parent, *known]}
                save_own(self._own_path(), models=[] if alike else [entry], folders=folders)
        return self.model(model.id), path.parent not in known

    def resolve(self, name: str) -> tuple[Model, bool]:
        """The model that a person names, and whether it was added for that.

        name: an id, or else a folder or file of theirs, added as by `add` unless it was before.
        Raises `ModelError` where it is neither.
        """
        place = Path(name).expanduser()
        known = any(model.id == name for model in self.models())
        if not known and (place.name != name or place.exists()):
            return self._add(place)
        return self.model(name), False

    def download_folder(self) -> Path:
        """Where downloads go: the hub's cache."""
        return self._cache if self._cache is not None else store.hub_cache()

    def free_bytes(self) -> int:
        """Room left on the disk of that folder."""
        return store.free_bytes(self.download_folder())

    def _catalogue(self) -> Catalogue:
        return self._load(self._own_path())

    def _own_path(self) -> Path:
        return self._own if self._own is not None else own_path()

    def _state(self, catalogue: Catalogue, id: str) -> ModelState:
        model = catalogue.model(id)
        return store.look(model, catalogue.folders.get(id, ()), self.download_folder())

    def _check_online(self, model: Model) -> None:
        from huggingface_hub import constants

        from ovedit.engine.models.hub_errors import check_endpoint, offline_error

        if self._offline:
            raise offline_error(model, "the settings say so")
        if constants.is_offline_mode():
            raise offline_error(model, "HF_HUB_OFFLINE is set")
        check_endpoint(constants.ENDPOINT)

    def _named(self, model: Model, places: Sequence[Path], folder: Path) -> tuple[Model, Path]:
        from ovedit.engine.models import recognise

        reasons = {place: recognise.lacking(place, model) for place in places}
        best = min(places, key=lambda place: len(reasons[place]))
        if wrong := reasons[best]:
            more = f", and {len(wrong) - 3} more" if len(wrong) > 3 else ""
            raise ModelError(
                f"{folder} does not hold {model.title}: {'; '.join(wrong[:3])}{more}.",
                _FOLLOW
                if "leads nowhere" in wrong[0]
                else f"`ovedit models info {model.id}` names the files that belong to it.",
            )
        return model, best

    def _found(
        self, catalogue: Catalogue, places: Sequence[Path], folder: Path
    ) -> tuple[Model, Path]:
        from ovedit.engine.models import recognise

        found = recognise.matching(places, self._sought(catalogue, places))
        if len({model.id for model, _ in found}) > 1:
            ids = ", ".join(dict.fromkeys(model.id for model, _ in found))
            raise ModelError(
                f"{folder} matches several models: {ids}.", "Name the one you mean with --as."
            )
        if found:
            return found[0]
        for place in places:
            if (entry := recognise.own_entry(place, catalogue.models)) is not None:
                return entry, place
        if any(path.is_symlink() and not path.exists() for path in _some(folder)):
            raise ModelError(f"{folder} holds links that lead nowhere.", _FOLLOW)
        raise ModelError(
            f"{folder} holds no model that OVEdit knows or can load.",
            "Name the folder with the model's own files in it, under the names that its publisher "
            "gave them; with --as ID you are told what is missing.",
        )

    def _sought(self, catalogue: Catalogue, places: Sequence[Path]) -> list[Model]:
        """The entries that a folder may be.

        Two models trained from the same one have the same names and sizes: an entry for a folder
        of the person's own is only what has the same bytes, as long as they are there to compare.
        """
        from ovedit.engine.models import recognise

        def may_be(model: Model) -> bool:
            kept = None if model.repository else self._state(catalogue, model.id).folder
            if kept is None:
                return True
            return any(recognise.same_bytes(model, kept, place) for place in places)

        return [model for model in catalogue.models if may_be(model)]


_FOLLOW = "Copy the folder again with its links followed, as `cp -rL` does."


def not_here(model: Model, state: ModelState) -> ModelError:
    """A model is needed that is not, or not all, on this computer; says where it was sought."""
    looked = ", ".join(str(folder) for folder in state.looked_in)
    how = "is not complete" if state.presence is Presence.PARTIAL else "is not on this computer"
    what = f"Get it with `ovedit models get {model.id}`" if model.repository else "Connect its disk"
    return ModelError(
        f"{model.title} {how}; looked in: {looked or 'no folder'}.",
        f"{what}, or add a folder that has it with `ovedit models add`.",
    )


def _some(folder: Path) -> list[Path]:
    return [path for path, _ in zip(folder.rglob("*"), range(1000), strict=False)]
