"""The rules of conftest really fail a test that breaks them."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = Path(__file__).with_name("conftest.py")


def outcome_of(pytester: pytest.Pytester, test: str) -> pytest.RunResult:
    pytester.makeconftest(CONFTEST.read_text())
    pytester.makeini("[pytest]\nqt_api = pyside6\nqt_log_level_fail = WARNING\n")
    pytester.makepyfile(test)
    return pytester.runpytest_subprocess("-p", "no:cacheprovider")


def test_breaking_a_rule_fails_the_test_that_did_it(pytester: pytest.Pytester) -> None:
    result = outcome_of(
        pytester,
        """
        import threading, os
        import pytest
        from pathlib import Path
        from PySide6.QtCore import QThread, qWarning
        from PySide6.QtWidgets import QLabel

        kept = []
        stop = threading.Event()

        def test_thread():
            thread = threading.Thread(target=stop.wait, name="forgotten")
            thread.start()

        def test_between_is_clean():
            stop.set()

        def test_qthread(qapp):
            thread = QThread()
            thread.setObjectName("endless")
            thread.start()
            kept.append(thread)

        def test_widget(qapp):
            kept.append(QLabel("left"))

        def test_qt_warning(qapp):
            qWarning("something is off")

        def test_tidy(qtbot):
            label = QLabel("closed")
            qtbot.addWidget(label)
            thread = QThread()
            thread.start()
            thread.quit()
            assert thread.wait(2000)
            assert Path(os.environ["OVEDIT_HOME"]).is_dir()
        """,
    )
    result.assert_outcomes(passed=5, failed=1, errors=3)
    result.stdout.fnmatch_lines_random(
        [
            "*left behind: thread forgotten.",
            "*left behind: QThread endless.",
            "*left behind: widget QLabel.",
            "*something is off*",
        ]
    )
