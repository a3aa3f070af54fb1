"""`ovedit info`: what is installed and where things are. Loads no model and no torch."""

from __future__ import annotations

import json
import platform
import sys
from importlib import metadata
from typing import TYPE_CHECKING, Any

from ovedit import __version__, settings
from ovedit.cli.parser import PRESETS
from ovedit.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from ovedit.engine.protocols import EngineProvider

_PACKAGES = (
    "PySide6-Essentials",
    "numpy",
    "opencv-contrib-python-headless",
    "pillow",
    "torch",
    "torchvision",
    "diffusers",
    "transformers",
    "open_clip_torch",
    "sam2",
)


def run_info(arguments: argparse.Namespace, provider: EngineProvider | None) -> int:
    """Print the facts, all settings of a preset, or what a picture tells, as text or JSON."""
    if arguments.image:
        from ovedit.cli.info_image import run_info_image

        return run_info_image(arguments)
    if arguments.preset:
        return _print_preset(arguments, provider)
    if arguments.engine:
        raise UsageError("--engine tells whose preset to print.", "Add --preset fast.")
    facts = gather(provider)
    if arguments.json:
        print(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        print("\n".join(_lines(facts)))
    return 0


def _print_preset(arguments: argparse.Namespace, provider: EngineProvider | None) -> int:
    from ovedit.engine.registry import default_registry
    from ovedit.workflows.ask import engine_named

    provider = provider or default_registry()
    engine = engine_named(provider, arguments.engine or "clip-sam2")
    lines = provider.settings(engine.name, arguments.preset, {})
    if not lines:
        raise UsageError(f'The engine "{engine.name}" is the same in every preset.')
    if arguments.json:
        print(json.dumps({line.key: line.value for line in lines}, indent=2, ensure_ascii=False))
        return 0
    width = max(len(line.key) for line in lines)
    for line in lines:
        print(f"{line.key:<{width}} = {line.value}\n{'':<{width}}   {line.meaning}; {line.why}")
    return 0


def gather(provider: EngineProvider | None) -> dict[str, Any]:
    """All facts as plain values."""
    from ovedit.engine.models.store import hub_cache
    from ovedit.engine.registry import default_registry

    provider = provider or default_registry()
    return {
        "version": __version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "engines": [
            {
                "name": engine.name,
                "title": engine.title,
                "available": engine.available,
                "needs": engine.needs,
                "selects": engine.selects,
                "edits": sorted(kind.value for kind in engine.edits),
                "good_at": engine.good_at,
                "bad_at": engine.bad_at,
            }
            for engine in provider.engines()
        ],
        "presets": list(PRESETS),
        "folders": {
            "settings": str(settings.settings_path()),
            "data": str(settings.data_folder()),
            "models": str(hub_cache()),
            "cache": str(settings.cache_folder()),
        },
        "packages": {name: _version(name) for name in _PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _lines(facts: dict[str, Any]) -> list[str]:
    lines = [
        f"OVEdit {facts['version']}",
        f"Python {facts['python']} ({facts['executable']})",
        facts["platform"],
        "",
        "Engines",
    ]
    for engine in facts["engines"]:
        does = [*(["select"] if engine["selects"] else []), *engine["edits"]]
        state = "" if engine["available"] else f"; not installed, needs {engine['needs']}"
        lines.append(f"  {engine['name']}: {engine['title']}; {', '.join(does)}{state}")
        lines += [
            f"    {label}: {engine[key]}"
            for label, key in (("good at", "good_at"), ("bad at", "bad_at"))
            if engine[key]
        ]
    lines += ["", f"Presets: {', '.join(facts['presets'])}", "", "Where things are"]
    lines += [f"  {name}: {place}" for name, place in facts["folders"].items()]
    packages: dict[str, str | None] = facts["packages"]
    lines += ["", "Packages"]
    lines += [f"  {name} {version or '(not installed)'}" for name, version in packages.items()]
    return lines
