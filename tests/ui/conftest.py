"""The theme, and how a test moves the mouse."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication

from ovedit.ui import theme as themes
from ovedit.ui.theme import Theme


@pytest.fixture
def dark(qapp: QApplication) -> Iterator[Theme]:
    """The dark theme, whatever the machine's own is."""
    yield themes.apply(qapp, "dark")
    themes.apply(qapp, "dark")
