"""The library as the window and the command line use it."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants, hf_hub_download, scan_cache_dir
from safetensors.numpy import save

from ovedit.engine.library import Licence, ModelLibrary, Presence, Task
from ovedit.engine.models import store
from ovedit.engine.models.catalogue import Catalogue, load_catalogue, own_path, save_own
from ovedit.engine.models.library import LocalLibrary
from ovedit.errors import DamagedModelError, ModelError
from tests.hub import model_of

WEIGHTS = save({"w": np.arange(3000, dtype=np.float32)})
FILES = {"config.json": b'{"x": 1}', "unet/model.safetensors": WEIGHTS}
OTHER = {"config.json": b'{"x": 1}', "vae/model.safetensors": WEIGHTS[:-1] + b"\1"}


@pytest.fixture
def library(hub, cache) -> LocalLibrary:
    """Ours, and two entries of one repository on the hub."""
    commit = hub.add("owner/name", FILES | OTHER)
    add_entries(
        hub.model("owner/name", commit, FILES, id="one", title="One"),
        hub.model("owner/name", commit, OTHER, id="other", title="Other"),
    )
    return LocalLibrary()


def add_entries(*models) -> None:
    save_own(own_path(), models=[replace(model, loader="sam2", own=True) for model in models])


def write(folder: Path, files=FILES) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def files_in(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if os.path.lexists(path) and not path.is_dir() and ".locks" not in path.parts
    }


def test_it_is_what_the_window_expects(library) -> None:
    checked: ModelLibrary = library
    assert [model.id for model in checked.models()][-2:] == ["one", "other"]
    assert checked.download_folder() == Path(constants.HF_HUB_CACHE)
    assert checked.free_bytes() > 0
    with pytest.raises(ModelError, match="Did you mean"):
        checked.state("onne")


def test_get_and_then_it_is_here(library, hub) -> None:
    assert library.state("one").presence is Presence.MISSING
    folder = library.get("one")
    assert library.state("one").folder == folder
    assert library.state("other").presence is Presence.PARTIAL  # It shares a file.
    asked = len(hub.asked)
    assert library.get("one") == folder
    library.verify("one")
    assert len(hub.asked) == asked


def test_a_hub_folder_that_another_program_filled_is_found(library) -> None:
    model = library.model("one")
    for file in model.files:
        hf_hub_download("owner/name", file.path, revision=model.revision)
    assert library.state("one").presence is Presence.READY


def test_offline_says_so_at_once_and_all_else_works(library, hub, monkeypatch) -> None:
    folder = library.get("one")
    asked = len(hub.asked)
    with pytest.raises(ModelError, match="settings say so"):
        LocalLibrary(offline=True).get("other")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE is set"):
        library.get("other")
    assert library.get("one") == folder
    library.verify("one")
    library.remove("one")
    assert len(hub.asked) == asked


def test_verify_finds_damage_and_remove_helps(library) -> None:
    folder = library.get("one")
    blob = (folder / "unet/model.safetensors").resolve()
    blob.write_bytes(WEIGHTS[:-1] + b"x")
    assert library.state("one").presence is Presence.READY  # By its size.
    with pytest.raises(DamagedModelError, match=r"unet/model\.safetensors"):
        library.verify("one")
    library.remove("one")
    library.get("one")
    library.verify("one")
    with pytest.raises(ModelError, match="not on this computer; looked in"):
        library.verify("clip-vit-b16-openai")


# -- remove ----------------------------------------------------------------------------------------


def test_remove_leaves_nothing(library, cache) -> None:
    library.get("one")
    assert library.remove("one") == library.model("one").download_size
    assert not files_in(cache)
    assert not (cache / "models--owner--name").exists()
    assert library.state("one").presence is Presence.MISSING
    assert library.remove("one") == 0


def test_remove_keeps_what_another_model_needs(library, cache) -> None:
    library.get("one")
    library.get("other")
    assert library.remove("one") == len(WEIGHTS)
    assert library.state("other").presence is Presence.READY
    library.verify("other")
    assert not scan_cache_dir(cache).warnings
    library.remove("other")
    assert not files_in(cache)


def test_remove_does_not_keep_files_for_a_model_that_nobody_got(library, cache) -> None:
    library.get("one")
    assert library.state("other").presence is Presence.PARTIAL
    library.remove("one")
    assert not files_in(cache)


def test_remove_keeps_blobs_that_another_revision_shows(library, hub, cache) -> None:
    library.get("one")
    later = {**FILES, "config.json": b"{}"}
    commit = hub.add("owner/name", later)
    for name in later:
        hf_hub_download("owner/name", name, revision=commit)
    assert library.remove("one") == len(FILES["config.json"])
    (revision,) = next(iter(scan_cache_dir(cache).repos)).revisions
    assert revision.commit_hash == commit and revision.nb_files == 2


def test_remove_takes_what_was_begun(library, hub, cache) -> None:
    hub.large_statuses.extend([(404, {})])
    with pytest.raises(ModelError):
        library.get("one")
    blobs = cache / "models--owner--name" / "blobs"
    part = store.partial_path(blobs, "unet/model.safetensors", "0" * 64)
    part.write_bytes(b"w" * 100)
    theirs = store.partial_path(blobs, "vae/model.safetensors", "1" * 64)
    theirs.write_bytes(b"w")
    assert library.remove("one") == 100
    # The other one was begun: the file that both need stays for it.
    assert theirs.exists() and library.state("other").missing == ("vae/model.safetensors",)


def test_remove_of_a_branch_leaves_no_corrupt_repository(library, hub, cache) -> None:
    add_entries(hub.model("owner/name", "main", FILES, id="moving"))
    library.get("moving")
    other = hub.add("owner/name", {"x": b"x"}, "other")
    hf_hub_download("owner/name", "x", revision="other")
    library.remove("moving")
    info = scan_cache_dir(cache)
    assert not info.warnings
    assert [rev.commit_hash for repo in info.repos for rev in repo.revisions] == [other]


def test_remove_waits_for_nobody(library, cache) -> None:
    from huggingface_hub.utils import WeakFileLock

    blobs = cache / "models--owner--name" / "blobs"
    blobs.mkdir(parents=True)
    part = store.partial_path(blobs, "unet/model.safetensors", "0" * 64)
    part.write_bytes(b"w")
    locks = cache / ".locks" / "models--owner--name"
    locks.mkdir(parents=True)
    with (
        WeakFileLock(locks / f"{'0' * 64}.lock"),
        pytest.raises(ModelError, match="being downloaded by another program"),
    ):
        library.remove("one")
    assert part.exists()


def test_remove_without_links(library, cache, monkeypatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_SYMLINKS", True)
    library.get("one")
    library.get("other")
    assert library.remove("one") == len(WEIGHTS)
    library.verify("other")
    library.remove("other")
    assert not files_in(cache)


# -- add -------------------------------------------------------------------------------------------


def copied_by_hand(library: LocalLibrary, tmp_path: Path) -> Path:
    return write(tmp_path / "ein ordner")


def copied_snapshot(library: LocalLibrary, tmp_path: Path) -> Path:
    shutil.copytree(library.get("one"), tmp_path / "snapshot")  # Links followed.
    library.remove("one")
    return tmp_path / "snapshot"


def local_dir(library: LocalLibrary, tmp_path: Path) -> Path:
    model = library.model("one")
    folder = tmp_path / "local"
    for file in model.files:
        hf_hub_download("owner/name", file.path, revision=model.revision, local_dir=folder)
    return folder


def copied_repository(library: LocalLibrary, tmp_path: Path) -> Path:
    library.get("one")
    source = library.download_folder() / "models--owner--name"
    shutil.copytree(source, tmp_path / "usb" / source.name, symlinks=True)
    library.remove("one")
    return tmp_path / "usb" / source.name


def copied_cache(library: LocalLibrary, tmp_path: Path) -> Path:
    return copied_repository(library, tmp_path).parent


def copied_home(library: LocalLibrary, tmp_path: Path) -> Path:
    copied_cache(library, tmp_path).rename(tmp_path / "hub")
    return tmp_path


@pytest.mark.parametrize(
    "make",
    [copied_by_hand, copied_snapshot, local_dir, copied_repository, copied_cache, copied_home],
)
def test_a_copied_model_is_found_and_used_where_it_lies(library, tmp_path, make) -> None:
    folder = make(library, tmp_path)
    before = files_in(folder)
    assert library.state("one").presence is not Presence.READY
    assert library.add(folder).id == "one"
    state = library.state("one")
    assert state.folder is not None and state.folder.is_relative_to(folder)
    library.verify("one")
    assert LocalLibrary().state("one").folder == state.folder  # Remembered.
    library.add(folder)
    assert load_catalogue().folders["one"] == (state.folder,)
    # Removing forgets the folder and deletes nothing in it.
    library.remove("one")
    assert files_in(folder) == before
    assert library.state("one").presence is Presence.MISSING
    assert library.model("one").id == "one"


def test_links_that_lead_nowhere_are_explained(library, tmp_path) -> None:
    shutil.copytree(library.get("one"), tmp_path / "links", symlinks=True)
    for id in ("one", ""):
        with pytest.raises(ModelError, match=r"lead.? nowhere.*cp -rL"):
            library.add(tmp_path / "links", id)


def test_a_folder_with_several_models_wants_a_name(library, tmp_path) -> None:
    folder = write(tmp_path / "both", FILES | OTHER)
    with pytest.raises(ModelError, match=r"several models: .*one.*--as"):
        library.add(folder)
    assert library.add(folder, "other").id == "other"


def test_a_model_that_is_part_of_another_does_not_count(library, tmp_path, hub) -> None:
    add_entries(hub.model("owner/name", "main", FILES | OTHER, id="whole"))
    assert library.add(write(tmp_path / "both", FILES | OTHER)).id == "whole"


def test_what_is_missing_is_named(library, tmp_path) -> None:
    folder = write(tmp_path / "half", {"config.json": b"{...}"})
    with pytest.raises(ModelError) as caught:
        library.add(folder, "one")
    assert "config.json has 5 bytes instead of 8" in str(caught.value)
    assert "unet/model.safetensors is not in it" in str(caught.value)


def test_half_a_file_is_no_model_though_its_size_is_a_guess(library, tmp_path, hub) -> None:
    model = hub.model("owner/guess", "main", FILES, id="guess")
    files = tuple(replace(file, exact=False, sha256="") for file in model.files)
    add_entries(replace(model, files=files))
    for name, half in (("unet/model.safetensors", WEIGHTS[:5000]), ("config.json", b'{"x')):
        folder = write(tmp_path / "half", FILES | {name: half})
        with pytest.raises(ModelError, match=f"{name} is not whole"):
            library.add(folder, "guess")
    assert library.add(write(tmp_path / "half"), "guess").id == "guess"


@pytest.mark.parametrize("name", ["empty", "missing", "file"])
def test_a_folder_of_no_model_is_refused(library, tmp_path, name) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("hello")
    with pytest.raises(ModelError):
        library.add(tmp_path / name)
    assert load_catalogue().folders == {}


def test_a_guessed_size_needs_the_count_of_numbers(library, tmp_path, hub) -> None:
    for parameters, found in ((3000, True), (3500, False)):
        model = hub.model("owner/guess", "main", FILES, id="guess", parameters=parameters)
        files = tuple(replace(file, exact=False, sha256="") for file in model.files)
        save_own(own_path(), forget=["one", "other", "guess"])
        add_entries(replace(model, files=files))
        folder = write(tmp_path / str(parameters))
        if found:
            assert library.add(folder).id == "guess"
        else:
            with pytest.raises(ModelError, match="holds no model"):
                library.add(folder)


UNKNOWN = {
    "model_index.json": json.dumps({"_class_name": "StableDiffusionInpaintPipeline"}).encode(),
    "unet/config.json": json.dumps({"sample_size": 64}).encode(),
    "unet/model.safetensors": save({"w": np.zeros(700, np.float16)}),
    "README.md": b"hello",
    ".git/config": b"[core]",
}


def test_a_kind_that_is_known_becomes_an_entry_of_its_own(library, tmp_path) -> None:
    folder = write(tmp_path / "My Fine Tune", UNKNOWN)
    model = library.add(folder)
    assert (model.id, model.title, model.own) == ("my-fine-tune", "My Fine Tune", True)
    assert (model.task, model.loader) == (Task.INPAINT, "diffusers.StableDiffusionInpaintPipeline")
    assert (model.parameters, model.native_sizes) == (700, (512,))
    assert model.memory == {"float16": 1400, "float32": 2800}
    assert {file.path for file in model.files} == set(UNKNOWN) - {"README.md", ".git/config"}
    assert "text" in model.capabilities
    assert library.state(model.id).folder == folder and library.get(model.id) == folder
    again = library.add(write(tmp_path / "copy" / "My Fine Tune", UNKNOWN))
    assert again.id == "my-fine-tune"  # The same model in another place.
    shutil.rmtree(folder)
    assert library.state(model.id).folder == tmp_path / "copy" / "My Fine Tune"
    shutil.rmtree(tmp_path / "copy")
    with pytest.raises(ModelError, match="not there any more; looked in"):
        library.get(model.id)
    assert library.remove(model.id) == 0
    with pytest.raises(ModelError, match="no model"):
        library.model(model.id)


def test_a_model_trained_from_another_is_not_taken_for_it(library, tmp_path) -> None:
    one = library.add(write(tmp_path / "one" / "mine", UNKNOWN))
    trained = UNKNOWN | {"unet/model.safetensors": save({"w": np.ones(700, np.float16)})}
    folder = write(tmp_path / "other" / "mine", trained)
    other, added = library.resolve(str(folder))
    assert (other.id, added) == ("mine-2", True) and one.id == "mine"
    assert library.state(other.id).folder == folder
    assert library.resolve(str(folder)) == (other, False), "nothing is added twice"
    assert library.resolve("mine-2") == (other, False)
    with pytest.raises(ModelError, match="no model 'min'"):
        library.resolve("min")


@pytest.mark.parametrize(
    ("files", "task"),
    [
        ({"open_clip_config.json": b"{}", "m.safetensors": WEIGHTS}, Task.TEXT_IMAGE),
        (
            {"config.json": b'{"architectures": ["ViTModel"]}', "m.safetensors": WEIGHTS},
            Task.FEATURES,
        ),
        (
            {"config.json": b'{"_class_name": "AutoencoderTiny"}', "m.safetensors": WEIGHTS},
            Task.PREVIEW,
        ),
    ],
)
def test_other_kinds_that_we_load(library, tmp_path, files, task) -> None:
    assert library.add(write(tmp_path / "thing", files)).task is task


def test_a_known_kind_with_damaged_weights_is_refused(library, tmp_path) -> None:
    broken = {**UNKNOWN, "unet/model.safetensors": WEIGHTS[:-5]}
    with pytest.raises(ModelError, match="not a whole safetensors file"):
        library.add(write(tmp_path / "broken", broken))


def test_a_known_kind_without_safetensors_is_refused(library, tmp_path) -> None:
    pickled = {"model_index.json": UNKNOWN["model_index.json"], "unet/model.bin": b"\x80\x04."}
    with pytest.raises(ModelError, match="no weights as safetensors"):
        library.add(write(tmp_path / "pickled", pickled))


@pytest.mark.parametrize("said", [b"[]", b"{", b'{"_class_name": "EvilPipeline"}', b"\xff"])
def test_what_a_folder_says_of_itself_is_not_trusted(library, tmp_path, said) -> None:
    files = {"model_index.json": said, "config.json": b'{"architectures": 3}', "m.bin": b"x"}
    with pytest.raises(ModelError, match="holds no model"):
        library.add(write(tmp_path / "x", files))


def test_a_library_over_a_catalogue_given(tmp_path) -> None:
    model = model_of(FILES, licence=Licence("X", "https://x.org"))
    folder = write(tmp_path / "there")
    library = LocalLibrary(
        cache=tmp_path / "hub", load=lambda own: Catalogue((model,), {"m": (folder,)})
    )
    assert library.states() == [(model, library.state("m"))]
    assert library.get("m") == folder
