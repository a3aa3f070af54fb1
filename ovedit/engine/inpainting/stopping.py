"""Stopping networks while they compute, where nothing else would ask for as long as steps take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import nn

from ovedit.engine.protocols import CancelToken


@contextmanager
def stoppable(networks: Iterable[nn.Module], cancel: CancelToken) -> Iterator[None]:
    """Let the networks raise `Cancelled` before each of their blocks, while the `with` lasts.

    A pipeline calls back after a step only: not while it reads the words, nor while it encodes and
    decodes the picture. A block is one of a list of modules that has parts of its own: there are
    about a hundred of them in a network, so that asking costs nothing.
    """

    def check(*_: object) -> None:
        cancel.check()

    hooks = [block.register_forward_pre_hook(check) for block in _blocks(networks)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _blocks(networks: Iterable[nn.Module]) -> Iterator[nn.Module]:
    for network in networks:
        for part in network.modules():
            if isinstance(part, nn.ModuleList):
                yield from (block for block in part if any(block.children()))
