"""About OVEdit: version, licence, marks of AI, and the licences of what it is built on."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from ovedit.settings import Settings
from ovedit.ui.dialogs.form import FormDialog
from ovedit.ui.icons import app_icon
from ovedit.ui.widgets.basics import label, rule

LICENCES: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("Qt and PySide6", "LGPL-3.0", "https://www.qt.io/licensing", ("PySide6-Essentials",)),
    ("NumPy", "BSD-3-Clause", "https://numpy.org", ("numpy",)),
    ("OpenCV", "Apache-2.0", "https://opencv.org", ("opencv-contrib-python-headless",)),
    ("Pillow", "MIT-CMU", "https://python-pillow.github.io", ("pillow",)),
    ("Numba", "BSD-2-Clause", "https://numba.pydata.org", ("numba",)),
    ("LZ4", "BSD-3-Clause", "https://github.com/python-lz4/python-lz4", ("lz4",)),
    ("xxHash", "BSD-2-Clause", "https://github.com/ifduyue/python-xxhash", ("xxhash",)),
    (
        "platformdirs, filelock",
        "MIT",
        "https://github.com/tox-dev",
        ("platformdirs", "filelock"),
    ),
    ("Tomli-W", "MIT", "https://github.com/hukkin/tomli-w", ("tomli-w",)),
    ("psutil", "BSD-3-Clause", "https://github.com/giampaolo/psutil", ("psutil",)),
    (
        "PyTorch and torchvision",
        "BSD-3-Clause",
        "https://pytorch.org",
        ("torch", "torchvision"),
    ),
    ("OpenCLIP", "MIT", "https://github.com/mlfoundations/open_clip", ("open_clip_torch",)),
    ("SAM 2", "Apache-2.0", "https://github.com/facebookresearch/sam2", ("sam2",)),
    (
        "Diffusers, Transformers, PEFT",
        "Apache-2.0",
        "https://huggingface.co/docs",
        ("diffusers", "transformers", "peft"),
    ),
    (
        "Accelerate, Safetensors, Hub client",
        "Apache-2.0",
        "https://github.com/huggingface",
        ("accelerate", "safetensors", "huggingface_hub"),
    ),
    ("HTTPX2", "BSD-3-Clause", "https://github.com/pydantic/httpx2", ("httpx2",)),
    ("ONNX Runtime", "MIT", "https://onnxruntime.ai", ("onnxruntime",)),
    ("Hydra", "MIT", "https://hydra.cc", ("hydra-core",)),
    ("OmegaConf", "BSD-3-Clause", "https://github.com/omry/omegaconf", ("omegaconf",)),
    ("XKCD colour names", "CC0-1.0", "https://xkcd.com/color/rgb", ()),
)
"""Name, licence and address of what OVEdit is built on, and the distributions that it comes as."""

_LIST_HEIGHT, _SCROLL_BAR = 280, 18
_QT_NOTE = (
    "Qt and PySide6 are used unchanged, as shared libraries, under the GNU Lesser General Public "
    "License 3: you may replace them with your own builds. Their source code is at "
    '<a href="https://code.qt.io">code.qt.io</a>.'
)


class AboutDialog(FormDialog):
    """Says what this is, which version, what marks AI leaves, and under which licences."""

    def __init__(
        self, version: str, settings: Settings | None = None, parent: QWidget | None = None
    ) -> None:
        settings = settings or Settings()
        super().__init__("About OVEdit", parent)
        mark = QLabel()
        mark.setPixmap(app_icon().pixmap(64, 64))
        mark.setFixedSize(64, 64)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(label("OVEdit", "title"))
        words.addWidget(label(f"Version {version}", "dim"))
        top = QHBoxLayout()
        top.setSpacing(16)
        top.addWidget(mark)
        top.addLayout(words, 1)
        self.column.addLayout(top)
        self.column.addWidget(
            label("Type what you see, get an editable mask; type what you want, get a new layer.")
        )
        self.column.addWidget(label("Apache License 2.0", "dim"))
        self.column.addWidget(rule())
        self.column.addWidget(label("What generative AI paints", "heading"))
        for what, on in (
            ("Said in exported files (XMP)", settings.provenance),
            ("Marked invisibly in exported files", settings.watermark),
            ("Checked by a model's safety checker, if it brings one", settings.safety_checker),
        ):
            self.column.addWidget(label(f"{what}: {'on' if on else 'off'}"))
        self.column.addWidget(rule())
        self.column.addWidget(label("Built on", "heading"))
        libraries = QWidget()
        form = self.form()
        form.setVerticalSpacing(6)
        form.setContentsMargins(0, 0, _SCROLL_BAR, 0)
        libraries.setLayout(form)
        for name, licence, address, _ in LICENCES:
            link = self._rich(
                f'{licence} · <a href="{address}">{address.removeprefix("https://")}</a>'
            )
            link.setAccessibleName(f"{name}, {licence}")
            # As tall as each other, or the two would not share a line.
            words = label(name)
            words.setMinimumHeight(link.sizeHint().height())
            form.addRow(words, link)
        # So that the dialog fits on a small screen.
        scrolled = QScrollArea()
        scrolled.setAccessibleName("Built on")
        scrolled.setFrameShape(QScrollArea.Shape.NoFrame)
        scrolled.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scrolled.setWidgetResizable(True)
        scrolled.setWidget(libraries)
        scrolled.setMinimumWidth(libraries.sizeHint().width())
        scrolled.setFixedHeight(_LIST_HEIGHT)
        self.column.addWidget(scrolled)
        note = self._rich(_QT_NOTE)
        note.setWordWrap(True)
        note.setMinimumWidth(scrolled.minimumWidth())
        # A full column would be squeezed otherwise.
        note.setMinimumHeight(note.heightForWidth(note.minimumWidth()))
        self.column.addWidget(note)
        self.add_button("Close", QDialogButtonBox.ButtonRole.AcceptRole, default=True)
        self.finish()

    def _rich(self, html: str) -> QLabel:
        result = QLabel(html)
        result.setTextFormat(Qt.TextFormat.RichText)
        result.setOpenExternalLinks(True)
        result.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        return result
