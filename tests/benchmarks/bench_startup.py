"""From `python main.py` to a painted window, against a bare window and against labelme.

    python tests/benchmarks/bench_startup.py [--runs N] [--labelme PYTHON] [FILE…]

PYTHON is the interpreter of an environment with labelme in it. Every start is a process of its
own; the clock starts before the process and stops when its first top-level window has painted
with nothing left to do. One start of each kind is thrown away, then the kinds take turns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUDGET_SECONDS = 0.6

# Runs in the process that is measured. Stands in for QApplication.exec, so that the program itself
# stays as it is; imports nothing that the program would not.
PROBE = """
import os, runpy, sys, time
binding, start, *sys.argv = sys.argv[1:]
QtCore = __import__(binding + ".QtCore", fromlist=["_"])
QtWidgets = __import__(binding + ".QtWidgets", fromlist=["_"])

class FirstPaint(QtCore.QObject):
    def eventFilter(self, watched, event):
        if event.type() == QtCore.QEvent.Type.Paint and watched.isWidgetType() \
                and watched.window().isVisible():
            QtCore.QTimer.singleShot(0, self.report)
        return False

    def report(self):
        heavy = sorted({"torch", "numba", "scipy"} & set(sys.modules))
        print("seconds", time.monotonic() - float(start), *heavy, flush=True)
        os._exit(0)

run = getattr(QtWidgets.QApplication, "exec", None) or QtWidgets.QApplication.exec_
def measured_exec(*_):
    app = QtWidgets.QApplication.instance()
    watcher = FirstPaint(app)
    app.installEventFilter(watcher)
    for widget in app.topLevelWidgets():
        widget.update()
    return run()
QtWidgets.QApplication.exec = QtWidgets.QApplication.exec_ = measured_exec
if sys.argv[0] == "-m":
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
else:
    sys.path.insert(0, os.path.dirname(os.path.abspath(sys.argv[0])))
    runpy.run_path(sys.argv[0], run_name="__main__")
"""

BARE = """
import sys
import cv2, numpy
from PySide6.QtWidgets import QApplication, QMainWindow
app = QApplication(sys.argv)
window = QMainWindow()
window.resize(1600, 1000)
window.show()
sys.exit(app.exec())
"""


def start_once(python: str, binding: str, arguments: list[str], home: Path) -> tuple[float, str]:
    """Seconds to the first painted window, and which heavy libraries were loaded by then."""
    environment = os.environ | {
        "OVEDIT_HOME": str(home / "ovedit"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "HOME": str(home),
    }
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        environment["QT_QPA_PLATFORM"] = "offscreen"
    # A person's Python keeps compiled modules; the discarded first run fills this.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPYCACHEPREFIX"] = str(home / "pycache")
    start = time.monotonic()
    done = subprocess.run(
        [python, "-c", PROBE, binding, str(start), *arguments],
        capture_output=True,
        text=True,
        env=environment,
        cwd=home,
        timeout=60,
        check=False,
    )
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith("seconds ")]
    if not lines:
        sys.exit(f"{arguments[0]} showed no window:\n{done.stderr.strip()}")
    return float(lines[0][1]), " ".join(lines[0][2:])


def main() -> int:
    """Measure, print, and say with the exit code whether the budget is kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--labelme", metavar="PYTHON", help="a Python that has labelme")
    parser.add_argument("files", nargs="*", type=Path)
    options = parser.parse_args()
    files = [str(path.absolute()) for path in options.files]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        bare = home / "bare.py"
        bare.write_text(BARE)
        kinds = {
            "bare window": (sys.executable, "PySide6", [str(bare)]),
            "ovedit": (sys.executable, "PySide6", [str(ROOT / "main.py"), *files]),
        }
        if options.labelme:
            kinds["labelme"] = (options.labelme, "PyQt5", ["-m", "labelme", *files])
        seconds: dict[str, list[float]] = {name: [] for name in kinds}
        loaded: dict[str, str] = {}
        for run in range(options.runs + 1):
            for name, kind in kinds.items():
                taken, loaded[name] = start_once(*kind, home)
                if run:
                    seconds[name].append(taken)
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    print(f"{'start to painted window':24} {'median':>8} {'min':>8} {'max':>8} {'ratio':>8}")
    for name, taken in seconds.items():
        ratio = medians["ovedit"] / medians[name]
        print(
            f"{name:24} {medians[name]:7.3f}s {min(taken):7.3f}s {max(taken):7.3f}s {ratio:7.2f}x"
            + (f"  loaded: {loaded[name]}" if loaded[name] else "")
        )
    print("ratio: ovedit's median to this one's")
    kept = medians["ovedit"] <= BUDGET_SECONDS and not loaded["ovedit"]
    kept = kept and medians["ovedit"] < medians.get("labelme", float("inf"))
    verdict = "kept" if kept else "MISSED"
    print(f"budget {BUDGET_SECONDS} s, ahead of labelme, nothing heavy loaded: {verdict}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
