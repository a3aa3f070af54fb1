"""A hub with one model on it, and the cache that downloads go to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants

from ovedit.engine.library import Model
from ovedit.engine.models import store
from ovedit.engine.models.download import Patience, download
from ovedit.errors import ModelError
from tests.hub import Hub, running_hub

GIVING_UP = 10
"""Seconds after which a silent server is left in any case."""
QUICK = Patience(first_wait=0.01)


def noise(size: int, seed: int = 1) -> bytes:
    return np.random.default_rng(seed).bytes(size)


SMALL = b'{"_class_name": "Nothing"}'
LARGE = noise(300_000)
FILES = {"config.json": SMALL, "unet/größe 1.safetensors": LARGE}


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as hub:
        yield hub


@pytest.fixture
def cache(hub, monkeypatch, tmp_path) -> Path:
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", GIVING_UP)
    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", GIVING_UP)
    return hub.use(monkeypatch, tmp_path / "höme")


@pytest.fixture
def model(hub) -> Model:
    return hub.model("owner/name", hub.add("owner/name", FILES), FILES)


def large_bytes_sent(hub: Hub) -> int:
    return sum(asked.sent for asked in hub.served(path="/large/"))


def assert_whole(folder: Path, files=FILES) -> None:
    for path, data in files.items():
        assert (folder / path).read_bytes() == data
    assert not list(folder.parents[1].rglob(f"*{store.PARTIAL}"))
    assert not list(folder.rglob(".*"))


def refusal(model: Model, cache: Path) -> str:
    """What is said when a download is refused."""
    with pytest.raises(ModelError) as caught:
        download(model, cache, patience=QUICK)
    return str(caught.value)
