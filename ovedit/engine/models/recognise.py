"""Which model a folder or file holds, by names, sizes and the headers of its files."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ovedit.engine.library import Licence, Model, ModelFile, Task
from ovedit.engine.models import checkpoints, store
from ovedit.engine.models.graphs import side_of_eraser
from ovedit.engine.models.loader_names import is_loader
from ovedit.engine.models.verify import tensors_of, well_formed
from ovedit.errors import ModelError

_TASKS = {
    "open_clip": Task.TEXT_IMAGE,
    "transformers.ViTModel": Task.FEATURES,
    "transformers.Sam3Model": Task.CONCEPTS,
    "diffusers.AutoencoderTiny": Task.PREVIEW,
}
_DTYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
_WEIGHTS, _GRAPH = ".safetensors", ".onnx"
_KINDS = (_WEIGHTS, ".json", ".txt", ".model")
_LIKE = 0.02
"""How far the count of numbers may be from the catalogue's for the same model."""
_SAMPLE, _SAMPLES = 1 << 16, 32
"""Bytes and number of the samples that are compared: trained weights differ nearly everywhere."""
_SCALE = 8
"""Pixels a side of one latent cell of the diffusion models that we load."""


def places_in(folder: Path) -> list[Path]:
    """Where in a folder models may lie: in it, or in the snapshots of a copied hub cache.

    The copy may be of one repository, of the whole cache, or of the folder HF_HOME around it.
    Raises `ModelError` where it is no folder that can be read.
    """
    try:
        inside = [path for path in folder.iterdir() if path.is_dir()]
        if folder / "hub" in inside:
            inside += [path for path in (folder / "hub").iterdir() if path.is_dir()]
    except OSError as e:
        raise ModelError(
            f"{folder} cannot be read: {e.strerror or e}.", "Name a folder that holds a model."
        ) from e
    places = [folder]
    for repository in (folder, *(path for path in inside if path.name.startswith("models--"))):
        snapshots = repository / "snapshots"
        if snapshots.is_dir():
            places += sorted(path for path in snapshots.iterdir() if path.is_dir())
    return places


def matching(places: Iterable[Path], models: Sequence[Model]) -> list[tuple[Model, Path]]:
    """The entries whose files all lie in one of the places, those that account for most first.

    An entry that is a part of another one that is here too is left out.
    """
    found = [(model, place) for place in places for model in models if _is_model(place, model)]
    found.sort(key=lambda match: match[0].download_size, reverse=True)

    def part_of_another(model: Model, place: Path) -> bool:
        names = {file.path for file in model.files}
        return any(
            place == other_place and names < {file.path for file in other.files}
            for other, other_place in found
        )

    return [match for match in found if not part_of_another(*match)]


def lacking(place: Path, model: Model) -> list[str]:
    """What speaks against a folder being the model, file by file; empty if nothing does."""
    reasons = []
    for file in model.files:
        path = store.inside(place, file.path)
        size = store.size_of(path)
        if size is None:
            reasons.append(
                f"{file.path} is a link that leads nowhere"
                if path.is_symlink()
                else f"{file.path} is not in it"
            )
        elif not store.complete(size, file):
            reasons.append(f"{file.path} has {size:,} bytes instead of {file.size:,}")
        elif not file.exact and well_formed(path) is False:
            # Half of it would pass for the whole: its size is only estimated.
            reasons.append(f"{file.path} is not whole")
    return reasons


def same_bytes(model: Model, one: Path, other: Path) -> bool:
    """Whether the largest file of a model is the same in two folders, as far as samples tell."""
    if one == other:
        return True
    name = max(model.files, key=lambda file: file.size).path
    paths = store.inside(one, name), store.inside(other, name)
    try:
        sizes = {path.stat().st_size for path in paths}
        if len(sizes) > 1:
            return False
        step = max(_SAMPLE, sizes.pop() // _SAMPLES)
        with paths[0].open("rb") as first, paths[1].open("rb") as second:
            for start in range(0, step * _SAMPLES, step):
                first.seek(start)
                second.seek(start)
                if first.read(_SAMPLE) != second.read(_SAMPLE):
                    return False
    except OSError:
        return False
    return True


def _is_model(place: Path, model: Model) -> bool:
    if lacking(place, model):
        return False
    if max(model.files, key=lambda file: file.size).exact:
        # Names and sizes to the byte: if not this model, then one trained from it.
        return True
    loader = _loader_of(place)
    if loader and loader != model.loader:
        return False
    weights = [
        store.inside(place, file.path) for file in model.files if file.path.endswith(_WEIGHTS)
    ]
    try:
        count = sum(math.prod(shape) for path in weights for _, shape in tensors_of(path))
    except (OSError, ValueError):
        return False
    return abs(count - model.parameters) <= _LIKE * model.parameters


def own_entry(place: Path, models: Sequence[Model]) -> Model | None:
    """An entry for a folder of a kind that we load but of no model that we know; else None.

    What it can do is what all known models of its kind can. Raises `ModelError` for weights that
    are damaged, or none.
    """
    loader = _loader_of(place)
    if not loader:
        return _eraser(place, models)
    files = tuple(_files(place))
    weights = [place / file.path for file in files if file.path.endswith(_WEIGHTS)]
    if not weights:
        raise ModelError(
            f"{place} has no weights as safetensors, the only format that OVEdit loads from "
            "publishers it does not know.",
            "Look for a version of the model with *.safetensors files.",
        )
    name = _name_of(place)
    parameters, memory = _counted(weights)
    alike = [model.capabilities for model in models if model.loader == loader]
    return Model(
        id=_free_id(name, {model.id for model in models}),
        title=name or str(place),
        task=_TASKS.get(loader, Task.INPAINT),
        loader=loader,
        repository="",
        revision="",
        files=files,
        licence=Licence("not stated", ""),
        parameters=parameters,
        memory=memory,
        native_sizes=_native_sizes(place),
        capabilities=frozenset.intersection(*alike) if alike else frozenset(),
        own=True,
    )


def checkpoint_entry(path: Path, models: Sequence[Model]) -> Model:
    """An entry for a checkpoint in one file; raises `ModelError`, see `checkpoints.examine`."""
    checkpoint = checkpoints.examine(path)
    parameters, memory = _needed(checkpoint.tensors.values())
    return Model(
        id=_free_id(path.stem, {model.id for model in models}),
        title=path.stem,
        task=Task.INPAINT,
        loader=f"diffusers.{checkpoint.pipeline}",
        repository="",
        revision="",
        files=(ModelFile(path.name, path.stat().st_size),),
        licence=Licence("not stated", ""),
        parameters=parameters,
        memory=memory,
        native_sizes=(checkpoint.side,),
        capabilities=frozenset({"text", "negative-prompt", "replace"}),
        own=True,
    )


def _eraser(place: Path, models: Sequence[Model]) -> Model | None:
    """An entry for a folder with one ONNX graph in it, which is an eraser or refused."""
    graphs = sorted(place.glob(f"*{_GRAPH}"))
    if len(graphs) != 1:
        return None
    side = side_of_eraser(graphs[0])
    files = tuple(_files(place, (_GRAPH, ".data")))
    size = sum(file.size for file in files)
    name = _name_of(place)
    return Model(
        id=_free_id(name, {model.id for model in models}),
        title=name or str(place),
        task=Task.ERASE,
        loader="onnx",
        repository="",
        revision="",
        files=files,
        licence=Licence("not stated", ""),
        parameters=size // _BYTES["float32"],
        memory={"float32": size},
        native_sizes=() if side is None else (side,),
        capabilities=frozenset({"remove", "any-size" if side is None else "fixed-size"}),
        own=True,
    )


def _name_of(place: Path) -> str:
    """What a folder's model goes by: in the hub's cache, its repository."""
    in_a_cache = place.parent.name == "snapshots"
    return place.parents[1].name.rpartition("--")[2] if in_a_cache else place.name


def _loader_of(place: Path) -> str:
    """The loader for what a folder says of itself; empty where it says nothing that we load."""
    if (place / "open_clip_config.json").is_file():
        return "open_clip"
    names = [f"diffusers.{_said(place / 'model_index.json').get('_class_name')}"]
    config = _said(place / "config.json")
    names.append(f"diffusers.{config.get('_class_name')}")
    architectures = config.get("architectures")
    if isinstance(architectures, list):
        names += [f"transformers.{name}" for name in architectures]
    return next((name for name in names if is_loader(name)), "")


def _said(path: Path) -> dict[str, Any]:
    """What a JSON file holds; nothing where there is none that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _files(place: Path, kinds: Sequence[str] = _KINDS) -> Iterator[ModelFile]:
    for path in sorted(place.rglob("*")):
        name = path.relative_to(place)
        size = store.size_of(path)
        if not size or any(part.startswith(".") for part in name.parts):
            continue
        if path.suffix in kinds:
            yield ModelFile(name.as_posix(), size)


def _counted(weights: Iterable[Path]) -> tuple[int, dict[str, int]]:
    """As `_needed`, of files."""
    try:
        tensors = [tensor for path in weights for tensor in tensors_of(path)]
    except OSError as e:
        raise ModelError(f"The weights cannot be read: {e}.", "Check their permissions.") from e
    except ValueError as e:
        raise ModelError(str(e), "Copy the folder again from where it came.") from e
    return _needed(tensors)


def _needed(tensors: Collection[tuple[str, tuple[int, ...]]]) -> tuple[int, dict[str, int]]:
    """How many numbers the weights hold, and the bytes that they take by dtype."""
    count = sum(math.prod(shape) for _, shape in tensors)
    kept = {_DTYPES[kind] for kind, _ in tensors if kind in _DTYPES} or {"float32"}
    return count, {dtype: count * _BYTES[dtype] for dtype in sorted({*kept, "float32"})}


def _native_sizes(place: Path) -> tuple[int, ...]:
    cells = _said(place / "unet" / "config.json").get("sample_size")
    return (cells * _SCALE,) if isinstance(cells, int) and cells > 0 else ()


def _free_id(name: str, taken: set[str]) -> str:
    base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "model"
    number = 1
    while (id := base if number == 1 else f"{base}-{number}") in taken:
        number += 1
    return id
