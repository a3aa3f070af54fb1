"""All engines behind one door, each built when it is first asked something."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from ovedit.engine.protocols import (
    CancelToken,
    EngineInfo,
    Inpainter,
    PointSegmenter,
    Progress,
    Segmenter,
)
from ovedit.engine.requests import (
    EditRequest,
    PointRequest,
    Request,
    Result,
    SegmentRequest,
)
from ovedit.errors import CannotDoError, EngineMissingError

Engine = Segmenter | PointSegmenter | Inpainter
Factory = Callable[[], Engine]


class EngineRegistry:
    """An `EngineProvider` over factories; keeps one instance of each engine it has built."""

    def __init__(self, factories: Mapping[EngineInfo, Factory]) -> None:
        """Take the engines in this order. Raises `ValueError` for two of the same name."""
        self._known = {info.name: (info, factory) for info, factory in factories.items()}
        if len(self._known) != len(factories):
            names = [info.name for info in factories]
            raise ValueError(f"engine names must differ: {', '.join(names)}")
        self._built: dict[str, Engine] = {}
        self._lock = threading.Lock()

    def engines(self) -> Sequence[EngineInfo]:
        """What every engine is and can do, in the order given; builds none."""
        return tuple(info for info, _ in self._known.values())

    def answer(
        self, engine: str, request: Request, progress: Progress, cancel: CancelToken
    ) -> Result:
        """Let the named engine answer.

        Raises `EngineMissingError` for a name not known or an engine not installed,
        `CannotDoError` for a request that it is not made for, and what the engine raises.
        """
        info = self._info(engine)
        cancel.check()
        match request:
            case SegmentRequest():
                made = self._engine(engine) if info.selects else None
                if isinstance(made, Segmenter):
                    return made.segment(request, progress, cancel)
                raise self._cannot(info, "select by text", lambda other: other.selects)
            case PointRequest():
                made = self._engine(engine)
                if isinstance(made, PointSegmenter):
                    return made.segment_points(request, progress, cancel)
                raise self._cannot(info, "select by clicks", lambda other: False)
            case EditRequest():
                made = self._engine(engine) if request.kind in info.edits else None
                if isinstance(made, Inpainter):
                    return made.edit(request, progress, cancel)
                raise self._cannot(
                    info, request.kind.value, lambda other: request.kind in other.edits
                )

    def _info(self, name: str) -> EngineInfo:
        if name not in self._known:
            raise EngineMissingError(
                f'There is no engine "{name}".', f"Known are: {', '.join(self._known)}."
            )
        info, _ = self._known[name]
        if not info.available:
            raise EngineMissingError(
                f'The engine "{name}" is not installed.',
                f"It needs {info.needs}." if info.needs else "",
            )
        return info

    def _engine(self, name: str) -> Engine:
        # Models are stateful and slow to load: two jobs at once must not build the same one twice.
        with self._lock:
            if name not in self._built:
                _, factory = self._known[name]
                self._built[name] = factory()
            return self._built[name]

    def _cannot(
        self, info: EngineInfo, what: str, able: Callable[[EngineInfo], bool]
    ) -> CannotDoError:
        others = [other.name for other in self.engines() if able(other) and other is not info]
        hint = f"Use one of these engines: {', '.join(others)}." if others else ""
        return CannotDoError(f'The engine "{info.name}" cannot {what}.', hint)


def default_registry() -> EngineRegistry:
    """The engines that come with OVEdit: the basic one, which is always there."""
    from ovedit.engine.basic.engine import BasicEngine

    return EngineRegistry({BasicEngine.INFO: BasicEngine})
