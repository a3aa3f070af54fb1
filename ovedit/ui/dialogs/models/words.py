"""Models in words: purposes, sizes, states. No widgets here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ovedit.engine.library import Model, ModelState, Presence, Task
from ovedit.engine.protocols import EngineInfo
from ovedit.service.downloads import Errand, Transfer
from ovedit.ui.widgets.basics import seconds_left
from ovedit.units import size_text

PURPOSES: dict[Task, str] = {
    Task.TEXT_IMAGE: "Understand words",
    Task.FEATURES: "Tell parts apart",
    Task.MASKS: "Draw masks",
    Task.CONCEPTS: "Select by words and draw masks",
    Task.INPAINT: "Paint what a text says",
    Task.ERASE: "Remove things",
    Task.PREVIEW: "Show the picture while it is painted",
    Task.ADAPTER: "Paint in fewer steps",
}
"""What a kind of model does, as the heading of its group."""

_DTYPES = {"float32": "full precision", "float16": "half precision", "bfloat16": "half precision"}


def state_text(state: ModelState, transfer: Transfer | None, size: int) -> str:
    """Where a model stands, in a word or two, for its row; `size` is that of the download."""
    if transfer is not None:
        progress = transfer.progress
        if transfer.stopping:
            return "stopping"
        if progress is None:
            return "waiting"
        share = f"{percent(progress.done, progress.total)} %"
        return share if transfer.errand is Errand.GET else f"checking {share}"
    if state.presence is Presence.READY:
        return "here"
    if state.presence is Presence.PARTIAL:
        return f"paused at {percent(state.on_disk, size)} %"
    return size_text(size)


def percent(done: int, total: int) -> int:
    """Whole percent done, 100 only when all of it is."""
    return 100 if done >= total > 0 else min(99, done * 100 // total if total else 0)


def transfer_text(transfer: Transfer) -> str:
    """How far a transfer is: "120 MB of 344 MB · 12 MB/s · 0:18 left"."""
    progress = transfer.progress
    if transfer.stopping:
        return "Stopping"
    if progress is None:
        return "Waiting for its turn"
    parts = [f"{size_text(progress.done)} of {size_text(progress.total)}"]
    if progress.bytes_per_second > 0:
        parts.append(f"{size_text(round(progress.bytes_per_second))}/s")
    if left := seconds_left(progress.seconds_left):
        parts.append(left)
    return " · ".join(parts)


def download_text(model: Model, parts: Sequence[Model]) -> str:
    """What is downloaded of it, and of the models with its parts."""
    count = len(model.files)
    texts = [f"{size_text(model.download_size)} in {count} file{'s' if count != 1 else ''}"]
    texts += [f"{size_text(part.download_size)} for {part.title}" for part in parts]
    return ", and ".join(texts)


def memory_text(model: Model) -> str:
    """What its weights take in memory, per precision, the largest last."""
    smallest_first = sorted(model.memory.items(), key=lambda item: item[1])
    seen: dict[str, int] = {}
    for dtype, size in smallest_first:
        seen.setdefault(_DTYPES.get(dtype, dtype), size)
    return ", ".join(f"{size_text(size)} ({name})" for name, size in seen.items())


def licence_text(model: Model) -> str:
    """What the licence allows, in words after its name."""
    words = "pictures may be sold" if model.licence.commercial else "not for commercial use"
    return f"{words}; to be accepted on its page" if model.licence.gated else words


def use_text(model: Model, engines: Sequence[EngineInfo]) -> str:
    """Which engines work with it."""
    titles = [
        engine.title
        for engine in engines
        if model.id in engine.models or model.task in engine.works_with
    ]
    return ", ".join(titles) or "No engine of this version uses it yet"


def place_text(state: ModelState) -> str:
    """Where it is, or where it was looked for."""
    if state.folder is not None:
        return home_relative(state.folder)
    looked = ", ".join(home_relative(folder) for folder in state.looked_in)
    if not looked:
        return "Nowhere yet"
    return f"{'In part' if state.presence is Presence.PARTIAL else 'Not found'} in {looked}"


def home_relative(path: Path) -> str:
    """A path for reading, with ~ for the person's home."""
    home = Path.home()
    return str(Path("~") / path.relative_to(home)) if path.is_relative_to(home) else str(path)


def room_error(model: Model, state: ModelState, free: int) -> str:
    """Why it does not fit on the disk, or empty where it does."""
    need = model.download_size - state.on_disk
    if state.presence is Presence.READY or need <= free:
        return ""
    return (
        f"This needs {size_text(need)}; {size_text(free)} are free on that disk. "
        "Remove another model, or free some space."
    )
