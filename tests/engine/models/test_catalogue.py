"""The catalogue: ours is complete and consistent, the person's file changes it and is checked."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from ovedit.engine.library import Licence, Model, ModelFile, Task
from ovedit.engine.models.catalogue import load_catalogue, own_path, save_own
from ovedit.engine.models.entries import CAPABILITIES, DTYPE_BYTES, Fault, model_of, table_of
from ovedit.engine.models.loader_names import LOADER_NAMES, is_loader
from ovedit.errors import ModelError

NOWHERE = Path("/nowhere/models.toml")
OURS = load_catalogue(NOWHERE).models
BY_ID = {model.id: model for model in OURS}
WEIGHTS = (".safetensors", ".pt", ".onnx")
PICKLES = re.compile(r"\.(pt|pth|ckpt|bin|pkl|pickle|h5|msgpack)$")

each = pytest.mark.parametrize("model", OURS, ids=[model.id for model in OURS])

ENTRY: dict[str, Any] = {
    "task": "erase",
    "loader": "onnx",
    "files": [{"path": "fill.onnx", "size": 12}],
}
LAMA = "lama"


def write(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(tomli_w.dumps(content), encoding="utf-8")
    return path


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "models.toml"


# Ours.


def test_every_kind_of_model_is_there() -> None:
    found = {task: sum(model.task is task for model in OURS) for task in Task}
    assert found == {
        Task.TEXT_IMAGE: 4,
        Task.FEATURES: 2,
        Task.MASKS: 4,
        Task.CONCEPTS: 1,
        Task.INPAINT: 9,
        Task.ERASE: 2,
        Task.PREVIEW: 3,
        Task.ADAPTER: 4,
    }


@each
def test_an_entry_says_everything_that_a_person_needs(model: Model) -> None:
    assert model.title
    for sentence in (model.good_at, model.bad_at):
        assert sentence.endswith(".") and sentence.count(". ") == 0 and len(sentence) > 15
    assert model.repository and model.revision and not model.own
    assert model.licence.name and model.licence.url.startswith("https://")
    assert model.capabilities <= CAPABILITIES
    assert model.capabilities or model.task is Task.PREVIEW


@each
def test_a_commit_is_pinned_or_the_branch_is_named_honestly(model: Model) -> None:
    assert re.fullmatch(r"[0-9a-f]{40}|main", model.revision)


@each
def test_the_loader_exists_and_fits_the_task(model: Model) -> None:
    assert is_loader(model.loader)
    loaders = {
        Task.TEXT_IMAGE: r"open_clip",
        Task.FEATURES: r"transformers\.\w+Model",
        Task.MASKS: r"sam2",
        Task.CONCEPTS: r"transformers\.\w+Model",
        Task.INPAINT: r"diffusers\.\w+Pipeline",
        Task.ERASE: r"onnx",
        Task.PREVIEW: r"diffusers\.AutoencoderTiny",
        Task.ADAPTER: r"diffusers\.lora",
    }
    assert re.fullmatch(loaders[model.task], model.loader)


def test_every_loader_name_is_used() -> None:
    assert {model.loader for model in OURS} == LOADER_NAMES


@each
def test_files_are_listed_once_and_add_up(model: Model) -> None:
    paths = [file.path for file in model.files]
    assert len(set(paths)) == len(paths)
    assert model.download_size == sum(file.size for file in model.files)
    assert any(path.endswith(WEIGHTS) for path in paths)
    for file in model.files:
        assert re.fullmatch(r"|[0-9a-f]{64}", file.sha256)


@each
def test_no_pickle_where_there_are_safetensors(model: Model) -> None:
    pickles = [file.path for file in model.files if PICKLES.search(file.path)]
    # Only the publisher's own class of SAM 2 has none in its layout.
    assert not pickles or model.loader == "sam2"


@each
def test_the_weights_are_as_large_as_their_parameters(model: Model) -> None:
    weights = sum(file.size for file in model.files if file.path.endswith(WEIGHTS))
    of_each = weights / model.parameters
    if model.capabilities & {"quantised"}:
        assert 0.5 < of_each < 1
    elif model.capabilities & {"part"}:
        assert 2 < of_each < 4  # a text encoder in 2 bytes, an autoencoder in 4
    else:
        # A file may hold a little more than is loaded: SAM 3 has its video tracker in it.
        assert any(0.999 * size <= of_each < 1.03 * size for size in (2, 4))


@each
def test_memory_is_parameters_times_bytes(model: Model) -> None:
    assert model.memory
    for dtype, size in model.memory.items():
        expected = model.parameters * DTYPE_BYTES[dtype]
        assert size < expected if "quantised" in model.capabilities else size == expected


@each
def test_bases_are_there_and_fit(model: Model) -> None:
    bases = [BY_ID[id] for id in model.base]
    if model.task in (Task.PREVIEW, Task.ADAPTER):
        assert bases
        assert all(base.task is Task.INPAINT for base in bases)
        assert not any("part" in base.capabilities for base in bases)
    elif bases:
        assert all("part" in base.capabilities for base in bases)
        assert {base.loader for base in bases} == {model.loader}


def test_parts_are_somebodys_base() -> None:
    parts = {model.id for model in OURS if "part" in model.capabilities}
    assert parts == {base for model in OURS if model.task is Task.INPAINT for base in model.base}


@each
def test_a_pipeline_lists_configuration_and_weights_of_every_part(model: Model) -> None:
    if not model.loader.endswith("Pipeline"):
        return
    paths = [file.path for file in model.files]
    parts = {path.split("/")[0] for path in paths if "/" in path}
    for part in parts:
        inside = [path for path in paths if path.startswith(f"{part}/")]
        if part.startswith("tokenizer"):
            assert f"{part}/tokenizer_config.json" in inside
        elif part not in ("scheduler", "processor"):
            assert f"{part}/config.json" in inside
            assert any(path.endswith(".safetensors") for path in inside)
    if "quantised" not in model.capabilities:
        assert {"model_index.json", "scheduler/scheduler_config.json"} <= set(paths)
    assert "safety_checker" not in parts


@each
def test_shards_are_complete_and_come_with_their_index(model: Model) -> None:
    paths = {file.path for file in model.files}
    for path in paths:
        if found := re.fullmatch(r"(.+)-\d{5}-of-(\d{5})\.safetensors", path):
            stem, count = found[1], int(found[2])
            assert f"{stem}.safetensors.index.json" in paths
            for number in range(1, count + 1):
                assert f"{stem}-{number:05}-of-{count:05}.safetensors" in paths


def test_entries_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(OURS)) == OURS


@each
def test_an_entry_survives_the_way_to_its_table_and_back(model: Model) -> None:
    table = json.loads(json.dumps(table_of(model)))
    assert model_of(model.id, table, strict=True) == model


@pytest.mark.parametrize("place", [(), ("licence",), ("files", 0)], ids=str)
def test_a_misspelt_key_in_ours_is_a_fault_and_in_the_persons_is_left_alone(place: tuple) -> None:
    table = table_of(BY_ID[LAMA])
    at: Any = table
    for step in place:
        at = at[step]
    at["sizee"] = 1
    with pytest.raises(Fault, match="sizee"):
        model_of(LAMA, table, strict=True)
    assert model_of(LAMA, table) == BY_ID[LAMA]


def test_reading_needs_neither_torch_nor_the_hub() -> None:
    code = (
        "import sys, pathlib\n"
        "from ovedit.engine.models.catalogue import load_catalogue\n"
        "load_catalogue(pathlib.Path('/nowhere/models.toml'))\n"
        "print([name for name in ('torch', 'huggingface_hub', 'tomli_w') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Looking one up.


def test_an_unknown_id_names_those_that_are_near() -> None:
    catalogue = load_catalogue(NOWHERE)
    assert catalogue.model("sam2-tiny").title == "SAM 2.1 tiny"
    with pytest.raises(ModelError) as caught:
        catalogue.model("sam2-tinny")
    assert "'sam2-tinny'" in caught.value.message
    assert "sam2-tiny" in caught.value.hint
    with pytest.raises(ModelError) as caught:
        catalogue.model("§")
    assert "ovedit models list" in caught.value.hint


# The person's file.


def test_the_own_file_lies_beside_the_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OVEDIT_HOME", str(tmp_path))
    assert own_path() == tmp_path / "models.toml"
    save_own(own_path(), models=[model_of("my-eraser", ENTRY, own=True)])
    assert load_catalogue().model("my-eraser").own


def test_own_entries_come_after_ours(own: Path) -> None:
    write(own, {"models": {"my-eraser": ENTRY}})
    models = load_catalogue(own).models
    assert models[:-1] == OURS
    mine = models[-1]
    assert mine == Model(
        id="my-eraser",
        title="my-eraser",
        task=Task.ERASE,
        loader="onnx",
        repository="",
        revision="",
        files=(ModelFile("fill.onnx", 12),),
        licence=Licence("not stated", ""),
        parameters=0,
        memory={},
        own=True,
    )


def test_an_entry_of_ours_is_not_shadowed_silently(own: Path) -> None:
    write(own, {"models": {LAMA: ENTRY}})
    with pytest.raises(ModelError, match="override = true"):
        load_catalogue(own)
    write(own, {"models": {"lamma": ENTRY | {"override": True}}})
    with pytest.raises(ModelError, match="none of OVEdit's models"):
        load_catalogue(own)


def test_an_override_changes_only_what_it_gives(own: Path) -> None:
    write(own, {"models": {LAMA: {"override": True, "title": "My LaMa"}}})
    catalogue = load_catalogue(own)
    assert catalogue.model(LAMA) == replace(BY_ID[LAMA], title="My LaMa", own=True)
    assert [model.id for model in catalogue.models] == [model.id for model in OURS]


@pytest.mark.parametrize("change", [{"revision": "main"}, {"repository": "me/lama"}])
def test_other_bytes_have_no_hash_of_ours(own: Path, change: dict[str, str]) -> None:
    write(own, {"models": {LAMA: {"override": True, **change}}})
    (file,) = load_catalogue(own).model(LAMA).files
    (ours,) = BY_ID[LAMA].files
    assert file == ModelFile(ours.path, ours.size, sha256="", exact=False)


def test_an_override_may_give_memory_in_place_of_dtypes(own: Path) -> None:
    write(own, {"models": {LAMA: {"override": True, "memory": {"float16": 5}}}})
    assert load_catalogue(own).model(LAMA).memory == {"float16": 5}
    write(own, {"models": {"flux-fill-nf4": {"override": True, "dtypes": ["float16"]}}})
    model = load_catalogue(own).model("flux-fill-nf4")
    assert model.memory == {"float16": 2 * model.parameters}


def test_folders_are_read(own: Path, tmp_path: Path) -> None:
    write(own, {"folders": {LAMA: [str(tmp_path / "a"), str(tmp_path / "b")]}})
    assert load_catalogue(own).folders == {LAMA: (tmp_path / "a", tmp_path / "b")}


def test_what_is_saved_is_read_again(own: Path, tmp_path: Path) -> None:
    mine = replace(
        model_of("my-eraser", ENTRY, own=True),
        title="Mine",
        repository="me/mine",
        revision="v1",
        parameters=5,
        memory={"float32": 20},
        licence=Licence("MIT", "https://example.org", gated=True, commercial=False),
        native_sizes=(512, 64),
        capabilities=frozenset({"remove"}),
        files=(ModelFile("a/b.onnx", 7, "0" * 64), ModelFile("c.json", 1, exact=False)),
    )
    changed = replace(BY_ID[LAMA], title="Other", own=True)
    save_own(own, models=[mine, changed], folders={"my-eraser": [tmp_path]})
    catalogue = load_catalogue(own)
    assert catalogue.model("my-eraser") == mine
    assert catalogue.model(LAMA) == changed
    assert catalogue.folders == {"my-eraser": (tmp_path,)}


def test_saving_keeps_what_it_does_not_know(own: Path, tmp_path: Path) -> None:
    known = {"later": 1, "models": {"my-eraser": ENTRY | {"colour": "blue"}}, "x": {"y": [1]}}
    write(own, known)
    save_own(own, folders={LAMA: [tmp_path]})
    save_own(own, models=[replace(load_catalogue(own).model("my-eraser"), title="New")])
    save_own(own, folders={LAMA: []})
    import tomllib

    content = tomllib.loads(own.read_text(encoding="utf-8"))
    assert content["later"] == 1 and content["x"] == {"y": [1]}
    assert content["models"]["my-eraser"]["colour"] == "blue"
    assert content["models"]["my-eraser"]["title"] == "New"
    assert "folders" not in content


def test_forgetting_takes_entry_and_folders(own: Path, tmp_path: Path) -> None:
    save_own(
        own, models=[model_of("my-eraser", ENTRY, own=True)], folders={"my-eraser": [tmp_path]}
    )
    save_own(own, forget=["my-eraser", "never-there"])
    catalogue = load_catalogue(own)
    assert catalogue.models == OURS and catalogue.folders == {}


def test_a_change_that_would_be_wrong_leaves_the_file_as_it_was(own: Path, tmp_path: Path) -> None:
    save_own(own, models=[model_of("my-eraser", ENTRY, own=True)])
    before = own.read_bytes()
    with pytest.raises(ModelError, match="no known model"):
        save_own(own, folders={"unheard-of": [tmp_path]})
    with pytest.raises(ModelError, match="Bad Id"):
        save_own(own, models=[replace(BY_ID[LAMA], id="Bad Id")])
    assert own.read_bytes() == before
    assert list(tmp_path.iterdir()) == [own]


def test_a_broken_file_is_not_written_over(own: Path) -> None:
    own.write_text("models = [", encoding="utf-8")
    with pytest.raises(ModelError, match="not valid TOML") as caught:
        save_own(own, forget=["anything"])
    assert str(own) in caught.value.message and "models.toml" in caught.value.hint
    assert own.read_text(encoding="utf-8") == "models = ["


def test_a_folder_in_place_of_the_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "models.toml").mkdir()
    with pytest.raises(ModelError, match="is a folder"):
        load_catalogue(tmp_path / "models.toml")


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match=re.escape(str(tmp_path / "file"))):
        save_own(tmp_path / "file" / "models.toml", models=[model_of("mine", ENTRY, own=True)])


WRONG = [
    ("task", "paint", "one of adapter"),
    ("loader", "pickle.load", "one of diffusers.AutoencoderTiny"),
    ("loader", 3, "a text in quotes"),
    ("repository", "no-owner", "owner/name"),
    ("repository", "../../etc", "owner/name"),
    ("revision", "a b", "commit"),
    ("revision", "../main", "commit"),
    ("parameters", -1, "whole number"),
    ("parameters", True, "whole number"),
    ("parameters", 1.5, "whole number"),
    ("dtypes", ["float8"], "any of"),
    ("dtypes", ["float32"], "together with parameters"),
    ("memory", {"float32": 0}, "whole number"),
    ("memory", 7, "a table"),
    ("native_sizes", [512, 0], "whole numbers over 0"),
    ("native_sizes", 512, "whole numbers over 0"),
    ("capabilities", ["telepathy"], "any of"),
    ("capabilities", ["text", "text"], "each once"),
    ("base", ["unheard-of"], "no known model"),
    ("base", ["my-eraser"], "itself"),
    ("licence", "MIT", "a table"),
    ("licence", {"name": "MIT"}, "url is missing"),
    ("licence", {"name": "MIT", "url": "http://example.org"}, "https://"),
    ("licence", {"name": " ", "url": "https://example.org"}, "name of a licence"),
    ("licence", {"name": "MIT", "url": "https://example.org", "gated": 1}, "true or false"),
    ("files", [], "at least one file"),
    ("files", "fill.onnx", "list of tables"),
    ("files", [{"path": "a"}], "size is missing"),
    ("files", [{"path": "a", "size": 0}], "1 or more"),
    ("files", [{"path": "a", "size": "7"}], "1 or more"),
    ("files", [{"path": "a", "size": 1, "sha256": "F" * 64}], "64 hexadecimal"),
    ("files", [{"path": "a", "size": 1, "sha256": "0" * 63}], "64 hexadecimal"),
    ("files", [{"path": "a", "size": 1, "exact": "no"}], "true or false"),
    ("files", [{"path": "a", "size": 1}, {"path": "A", "size": 1}], "once only"),
    ("override", "yes", "true or false"),
]


@pytest.mark.parametrize(("key", "value", "wanted"), WRONG)
def test_a_wrong_value_is_named_with_file_entry_and_key(
    own: Path, key: str, value: object, wanted: str
) -> None:
    write(own, {"models": {"my-eraser": ENTRY | {key: value}}})
    with pytest.raises(ModelError) as caught:
        load_catalogue(own)
    message = caught.value.message
    assert str(own) in message and "my-eraser" in message and wanted in message
    assert key in message
    assert caught.value.hint


@pytest.mark.parametrize("key", ["task", "loader", "files"])
def test_a_missing_key_is_named(own: Path, key: str) -> None:
    write(own, {"models": {"my-eraser": {k: v for k, v in ENTRY.items() if k != key}}})
    with pytest.raises(ModelError, match=f"my-eraser: {key} is missing"):
        load_catalogue(own)


@pytest.mark.parametrize("id", ["My-Model", "a--b", "-a", "a b", "../a", ""])
def test_a_wrong_id_is_named(own: Path, id: str) -> None:
    write(own, {"models": {id: ENTRY}})
    with pytest.raises(ModelError, match="the id"):
        load_catalogue(own)


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ({"models": 3}, "models is 3"),
        ({"models": {"mine": 3}}, "mine is 3"),
        ({"folders": []}, "folders is"),
        ({"folders": {"lama": "/x"}}, "list of folders"),
        ({"folders": {"lama": ["x"]}}, "from the root"),
        ({"folders": {"lamma": ["/x"]}}, "near is lama"),
    ],
)
def test_a_wrong_table_is_named(own: Path, content: dict[str, Any], wanted: str) -> None:
    write(own, content)
    with pytest.raises(ModelError) as caught:
        load_catalogue(own)
    assert str(own) in caught.value.message and wanted in caught.value.message


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["erase", "onnx", "main", "a/b", "float32", "text", "https://a", "0" * 64])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = sorted(table_of(BY_ID["sam3"]) | {"memory": 0})


@given(key=st.sampled_from(KEYS), value=VALUES)
def test_any_value_is_taken_whole_or_refused(key: str, value: object) -> None:
    try:
        model = model_of("mine", ENTRY | {key: value}, own=True)
    except Fault as fault:
        assert str(fault).startswith("mine: ")
    else:
        assert model_of("mine", table_of(model), own=True) == model
        assert all(file.size > 0 for file in model.files)
        assert all(size > 0 for size in (*model.native_sizes, *model.memory.values()))


@given(path=st.text(alphabet="ab./\\:\0\n ", max_size=8))
def test_a_file_is_always_inside(path: str) -> None:
    try:
        model = model_of("mine", ENTRY | {"files": [{"path": path, "size": 1}]}, own=True)
    except Fault:
        return
    base = Path("/base/folder")
    (file,) = model.files
    assert base in (base / file.path).resolve().parents


@given(
    size=st.integers(1, 2**62),
    parameters=st.integers(1, 2**40),
    dtypes=st.sets(st.sampled_from(sorted(DTYPE_BYTES))),
)
def test_memory_follows_parameters(size: int, parameters: int, dtypes: set[str]) -> None:
    entry = ENTRY | {
        "files": [{"path": "a", "size": size}],
        "parameters": parameters,
        "dtypes": sorted(dtypes),
    }
    model = model_of("mine", entry, own=True)
    assert model.memory == {dtype: parameters * DTYPE_BYTES[dtype] for dtype in dtypes}
    assert model.download_size == size
