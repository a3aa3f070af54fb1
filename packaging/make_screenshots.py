"""Makes the pictures in `packaging/screenshots`: the real window, driven through the sample.

Run it from a checkout: `python packaging/make_screenshots.py [--scale 2] [--out FOLDER]`. It needs
no display and uses settings of its own.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Drive the window in both themes and save what it looks like."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="device pixels per pixel")
    parser.add_argument("--out", type=Path, default=ROOT / "packaging" / "screenshots")
    options = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ["QT_SCALE_FACTOR"] = str(options.scale)
    sys.path.insert(0, str(ROOT))
    options.out.mkdir(parents=True, exist_ok=True)
    suffix = "" if options.scale == 1 else f"@{options.scale:g}x"
    with tempfile.TemporaryDirectory() as home:
        os.environ["OVEDIT_HOME"] = home
        # Shown in the Models dialog, as ~/.cache/huggingface: not what whoever runs this has there.
        os.environ["HOME"] = home
        os.environ["HF_HOME"] = str(Path(home) / ".cache" / "huggingface")
        for theme in ("dark", "light"):
            _tour(theme, options.out, suffix)
    return 0


def _tour(theme_name: str, out: Path, suffix: str) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QApplication, QWidget

    from ovedit import settings
    from ovedit.app import build_window
    from ovedit.ui import theme
    from ovedit.ui.dialogs.models.dialog import ModelsDialog

    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    theme.apply(app)
    settings.save(settings.Settings(theme=theme_name))  # type: ignore[arg-type]
    window = build_window()
    window.resize(1600, 1000)
    window.show()

    def wait(done: Callable[[], object], seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                raise TimeoutError("The window did not get there in time.")
            app.processEvents()
            time.sleep(0.005)

    def settle(seconds: float = 1.5) -> None:
        until = time.monotonic() + seconds
        wait(lambda: time.monotonic() > until)

    def shoot(name: str, of: QWidget) -> None:
        settle()
        of.grab().save(str(out / f"{name}-{theme_name}{suffix}.jpg"), quality=93)

    QTest.mouseClick(window.start.sample_button, Qt.MouseButton.LeftButton)
    wait(lambda: window.session.document is not None)
    QTest.mouseClick(window.prompt.better_button, Qt.MouseButton.LeftButton)
    models = window.findChild(ModelsDialog)
    assert models is not None
    shoot("models", models)
    QTest.mouseClick(models.close_button, Qt.MouseButton.LeftButton)
    QTest.keyClicks(window, "/")
    QTest.keyClicks(window.prompt.phrase, "wooden bench, trees")
    QTest.keyClick(window.prompt.phrase, Qt.Key.Key_Return)
    document = window.session.document
    assert document is not None
    wait(lambda: len(document.masks) == 2)
    document.set_current(masks=(document.masks[0].id,))
    window.prompt.clear_message()
    QTest.keyClicks(window.prompt.words, "metal bench")
    QTest.mouseMove(window.canvas, window.canvas.widget_point(1250, 900).toPoint())
    shoot("select", window)
    QTest.keyClick(window.prompt.words, Qt.Key.Key_Return)
    wait(lambda: len(document.layers) == 2)
    shoot("replace", window)
    document.mark_saved()
    window.close()
    window.deleteLater()
    settle(0.1)


if __name__ == "__main__":
    sys.exit(main())
