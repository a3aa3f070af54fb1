"""The registry: lazy building, dispatch by request, honest refusals."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from ovedit.engine.library import MemoryState, Model
from ovedit.engine.protocols import (
    CancelToken,
    EngineInfo,
    EngineProvider,
    Progress,
    SettingLine,
    silent,
)
from ovedit.engine.registry import EngineRegistry, LazyRuntime, Manual, default_registry
from ovedit.engine.requests import (
    EditKind,
    EditRequest,
    EditResult,
    Point,
    PointRequest,
    Preset,
    Request,
    SegmentRequest,
    SegmentResult,
)
from ovedit.errors import Cancelled, CannotDoError, EngineMissingError, ModelError, UsageError
from tests.fake_library import CHUNKS, ScriptedLibrary

IMAGE = np.zeros((4, 5, 4), np.uint8)
MASK = np.full((4, 5), 255, np.uint8)


class Finder:
    """Selects, does not edit."""

    built = 0

    def __init__(self) -> None:
        type(self).built += 1

    def segment(
        self, request: SegmentRequest, progress: Progress, cancel: CancelToken
    ) -> SegmentResult:
        return SegmentResult((), "finder", 0.0)


class Painter:
    """Edits, does not select."""

    def edit(self, request: EditRequest, progress: Progress, cancel: CancelToken) -> EditResult:
        from ovedit.geometry import Rect

        return EditResult(request.image, Rect(0, 0, 5, 4), "painter", request.seed, 0.0)


FINDER = EngineInfo("finder", "Finder", selects=True)
PAINTER = EngineInfo("painter", "Painter", selects=False, edits=frozenset({EditKind.REMOVE}))
CLICKER = EngineInfo("clicker", "Clicker", selects=False, clicks=True)
ABSENT = EngineInfo("absent", "Absent", selects=True, needs="3.4 GB of weights", available=False)


@pytest.fixture
def registry() -> EngineRegistry:
    Finder.built = 0
    return EngineRegistry({FINDER: Finder, PAINTER: Painter, ABSENT: Finder})


def segment() -> SegmentRequest:
    return SegmentRequest(IMAGE, ("bench",))


def edit(kind: EditKind) -> EditRequest:
    return EditRequest(kind, IMAGE, MASK, MASK)


def test_engines_are_listed_in_order_and_none_is_built(registry: EngineRegistry) -> None:
    provider: EngineProvider = registry
    assert [info.name for info in provider.engines()] == ["finder", "painter", "absent"]
    assert Finder.built == 0


def test_an_engine_is_built_once(registry: EngineRegistry) -> None:
    threads = [
        threading.Thread(target=registry.answer, args=("finder", segment(), silent, CancelToken()))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Finder.built == 1


def test_requests_go_to_the_method_made_for_them(registry: EngineRegistry) -> None:
    assert isinstance(registry.answer("finder", segment(), silent, CancelToken()), SegmentResult)
    answer = registry.answer("painter", edit(EditKind.REMOVE), silent, CancelToken())
    assert isinstance(answer, EditResult)


def test_unknown_names_are_answered_with_the_known_ones(registry: EngineRegistry) -> None:
    with pytest.raises(EngineMissingError, match=r'"sam9".*finder, painter'):
        registry.answer("sam9", segment(), silent, CancelToken())


def test_an_engine_not_installed_says_what_it_needs(registry: EngineRegistry) -> None:
    with pytest.raises(EngineMissingError, match=r"3\.4 GB"):
        registry.answer("absent", segment(), silent, CancelToken())
    assert Finder.built == 0


def test_what_an_engine_cannot_do_names_one_that_can(registry: EngineRegistry) -> None:
    with pytest.raises(CannotDoError, match=r'"painter" cannot select by text.*finder'):
        registry.answer("painter", segment(), silent, CancelToken())
    with pytest.raises(CannotDoError, match=r'"finder" cannot remove.*painter'):
        registry.answer("finder", edit(EditKind.REMOVE), silent, CancelToken())
    with pytest.raises(CannotDoError, match=r'"painter" cannot replace'):
        registry.answer("painter", edit(EditKind.REPLACE), silent, CancelToken())
    with pytest.raises(CannotDoError, match=r'"finder" cannot select by clicks.*clicker'):
        points = PointRequest(IMAGE, (Point(1, 1),))
        EngineRegistry({FINDER: Finder, CLICKER: Painter}).answer(
            "finder", points, silent, CancelToken()
        )


def test_a_setting_that_an_engine_does_not_have_is_told() -> None:
    finder = EngineInfo("finder", "Finder", selects=True, settings=("depth",))
    registry = EngineRegistry({finder: Finder, PAINTER: Painter})
    request = SegmentRequest(IMAGE, ("bench",), options={"depth": "2"})
    assert registry.answer("finder", request, silent, CancelToken())
    request = SegmentRequest(IMAGE, ("bench",), options={"method": "sclip"})
    with pytest.raises(UsageError, match=r'no setting "method". Its settings are: depth\.'):
        registry.answer("finder", request, silent, CancelToken())
    edited = EditRequest(EditKind.REMOVE, IMAGE, MASK, MASK, options={"anything": "1"})
    assert registry.answer("painter", edited, silent, CancelToken()), "it says so itself"


def test_a_cancelled_job_builds_nothing(registry: EngineRegistry) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        registry.answer("finder", segment(), silent, cancel)
    assert Finder.built == 0


MASKER = EngineInfo("masker", "Masker", selects=True, models=("tiny", "large"))


def test_an_engine_is_available_while_its_models_are_here() -> None:
    library = ScriptedLibrary("tiny", "large")
    library.bytes_of |= {"tiny": CHUNKS, "large": 5}
    registry = EngineRegistry({MASKER: Finder}, LazyRuntime(library))
    Finder.built = 0
    (info,) = registry.engines()
    assert (info.available, info.needs) == (False, "Large (15 bytes)")
    with pytest.raises(EngineMissingError) as caught:
        registry.answer("masker", segment(), silent, CancelToken())
    assert caught.value.message == "The engine Masker needs Large (15 bytes)."
    assert "Not found in /models." in caught.value.hint
    assert "`ovedit models get large`" in caught.value.hint
    assert Finder.built == 0
    assert caught.value.models == ("large",)
    assert pickle.loads(pickle.dumps(caught.value)).models == ("large",), "crosses threads whole"
    library.bytes_of["large"] = CHUNKS
    (info,) = registry.engines()
    assert (info.available, info.needs) == (True, "")
    assert isinstance(registry.answer("masker", segment(), silent, CancelToken()), SegmentResult)


def test_an_engine_with_a_manual_needs_what_a_request_takes_and_tells_its_settings() -> None:
    library = ScriptedLibrary("tiny", "large", "huge")
    library.bytes_of |= {"tiny": CHUNKS, "large": 5, "huge": 5}

    def settings(preset: Preset, options: Mapping[str, str]) -> Sequence[SettingLine]:
        mood = SettingLine("mood", "calm", "how it looks", "the usual", ("calm", "keen"))
        return (SettingLine("sam", options.get("sam", "large"), "draws", "the finest"), mood)

    def models(request: Request) -> Sequence[str]:
        return (request.options.get("sam", "large"), "huge")[: 2 - ("sam" in request.options)]

    manuals = {"masker": Manual(settings, models)}
    registry = EngineRegistry({FINDER: Finder, MASKER: Finder}, LazyRuntime(library), None, manuals)
    with pytest.raises(EngineMissingError) as caught:
        registry.answer("masker", segment(), silent, CancelToken())
    assert caught.value.models == ("large", "huge"), "all of them at once"
    assert "Get them with `ovedit models get large huge`" in caught.value.hint
    other = SegmentRequest(IMAGE, ("bench",), options={"sam": "tiny"})
    assert registry.answer("masker", other, silent, CancelToken()), "asked to use what is here"
    sam, mood = registry.settings("masker", "fast", {"sam": "tiny"})
    assert (sam.value, set(sam.choices)) == ("tiny", {"tiny", "large", "huge"})
    assert mood.choices == ("calm", "keen")
    assert registry.settings("finder", "fast", {}) == ()


def test_a_catalogue_that_is_wrong_takes_no_other_engine_away() -> None:
    library = ScriptedLibrary()

    def wrong(id: str) -> Model:
        raise ModelError("models.toml is wrong.", "Mend it.")

    library.model = wrong
    registry = EngineRegistry({FINDER: Finder, MASKER: Finder}, LazyRuntime(library))
    finder, masker = registry.engines()
    assert finder.available and not masker.available
    assert "models.toml is wrong. Mend it." in masker.needs
    assert registry.answer("finder", segment(), silent, CancelToken())
    with pytest.raises(ModelError, match=r"models\.toml is wrong"):
        registry.answer("masker", segment(), silent, CancelToken())


def test_no_model_is_in_memory_before_an_engine_asks_for_one() -> None:
    runtime = LazyRuntime(ScriptedLibrary("tiny"))
    heard: list[MemoryState] = []
    leave = runtime.subscribe(heard.append)
    assert runtime.memory() == MemoryState()
    assert runtime.unload() == 0
    runtime.pin("tiny")
    runtime.pin("tiny", False)
    leave()
    assert heard == []


def test_two_engines_of_one_name_are_refused() -> None:
    other = EngineInfo("finder", "Another", selects=False)
    with pytest.raises(ValueError, match="finder"):
        EngineRegistry({FINDER: Finder, other: Painter})


def test_the_basic_engine_is_always_there() -> None:
    first = default_registry().engines()[0]
    assert (first.name, first.available, first.needs) == ("basic", True, "")
