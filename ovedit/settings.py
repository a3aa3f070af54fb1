"""The person's settings: frozen values, kept as TOML in the place the system has for them.

`OVEDIT_HOME` in the environment puts settings, data and cache into that one folder instead.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import platformdirs

from ovedit.atomic import atomic_write
from ovedit.errors import FileError, SettingsError
from ovedit.files import file_error

MAX_RECENT_FILES = 12
_SAFETY = ("diffusers", "safety")


@dataclass(frozen=True)
class Limit:
    """The least and the most a number may be, both allowed."""

    least: float
    most: float


def _within(default: Any, least: float, most: float) -> Any:
    return field(default=default, metadata={"limit": Limit(least, most)})


@dataclass(frozen=True)
class Settings:
    """All that a person may set. Use `changed` for a copy with other values.

    theme: "system" follows the desktop.
    reduced_motion: no animation.
    history_bytes: memory for undo; the oldest steps go when it is full.
    max_pixels: pictures with more are refused (decompression bombs).
    select_engine, edit_engine: names of the engines asked first, to find what phrases and clicks
        mean and to change what was found. A file of older versions has one `engine` for both.
    preset: speed against quality.
    autosave_seconds: time between autosaves, 0 for none.
    jpeg_quality, webp_quality: 1 to 100, offered when exporting.
    overlay_opacity: fill of a class mask on the canvas, 0 to 1.
    provenance: say in exported files that generative AI made parts of a picture, and which.
    watermark: mark invisibly, in exported files, what generative AI painted.
    offline: never use the network, not even when asked for a download.
    device: what models run on; "auto" takes the fastest that is here.
    model_memory: bytes that models may take in memory together, 0 for a share of the device's.
    recent_files: newest first.
    recent_prompts, recent_words: phrases and words for edits, newest first.
    engine_options: per engine, options by name as `--set` takes them, handed to it with every
        request. In the file they may also be numbers, true or false, and lists.
    unknown: top-level keys of the file that this version does not know; saved again untouched.
    """

    theme: Literal["system", "dark", "light"] = "system"
    reduced_motion: bool = False
    history_bytes: int = _within(1_000_000_000, 16_000_000, 2**40)
    max_pixels: int = _within(256_000_000, 1_000_000, 2**31 - 1)
    select_engine: str = "basic"
    edit_engine: str = "basic"
    preset: Literal["fast", "balanced", "quality"] = "balanced"
    autosave_seconds: int = _within(60, 0, 86_400)
    jpeg_quality: int = _within(92, 1, 100)
    webp_quality: int = _within(90, 1, 100)
    overlay_opacity: float = _within(0.35, 0.0, 1.0)
    provenance: bool = True
    watermark: bool = False
    offline: bool = False
    device: Literal["auto", "cuda", "mps", "xpu", "cpu"] = "auto"
    model_memory: int = _within(0, 0, 2**50)
    recent_files: tuple[str, ...] = ()
    recent_prompts: tuple[str, ...] = ()
    recent_words: tuple[str, ...] = ()
    engine_options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unknown: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, hint in _types().items():
            _check(name, getattr(self, name), hint, source="")

    def changed(self, **values: Any) -> Settings:
        """A copy with other values. Raises `SettingsError` for a value that does not fit."""
        for name in values:
            if name not in _types():
                raise SettingsError(f"There is no setting {name!r}.", _known_names())
        return replace(self, **values)

    @property
    def safety_checker(self) -> bool:
        """Whether a model that brings a safety checker uses it: an option of the engine."""
        engine, option = _SAFETY
        text = self.engine_options.get(engine, {}).get(option, "yes")
        return text.lower() not in ("no", "false", "off", "0")

    def with_safety_checker(self, on: bool) -> Settings:
        """A copy in which they do, or do not."""
        if on == self.safety_checker:
            return self
        engine, option = _SAFETY
        own = {**self.engine_options.get(engine, {}), option: "yes" if on else "no"}
        return replace(self, engine_options={**self.engine_options, engine: own})

    def with_recent_file(self, path: Path | str) -> Settings:
        """A copy with the file first among the recent ones."""
        kept = str(Path(path).absolute())
        rest = tuple(other for other in self.recent_files if other != kept)
        return replace(self, recent_files=(kept, *rest)[:MAX_RECENT_FILES])


def config_folder() -> Path:
    """Where the settings file is."""
    return _folder(platformdirs.user_config_path, "")


def data_folder() -> Path:
    """Where autosaves are."""
    return _folder(platformdirs.user_data_path, "data")


def cache_folder() -> Path:
    """Where things are that can be made again: thumbnails, compiled code."""
    return _folder(platformdirs.user_cache_path, "cache")


def settings_path() -> Path:
    """The settings file."""
    return config_folder() / "settings.toml"


def load(path: Path | None = None) -> Settings:
    """The saved settings, or the defaults where there is no file.

    Raises `SettingsError` naming file, key and value where the file cannot be read, is not TOML, or
    holds a value of the wrong type or out of range.
    """
    path = settings_path() if path is None else path
    try:
        # Some editors begin a file with a byte order mark, which TOML does not know.
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise SettingsError(
            f"The settings file {path} cannot be read: {error.strerror}.", "Check its permissions."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"The settings file {path} is not valid TOML: {error}.", _correct(path)
        ) from error
    hints = _types()
    values = _with_roles(values, source=str(path))
    known = {
        name: _check(name, _read(name, value), hints[name], source=str(path))
        for name, value in values.items()
        if name in hints
    }
    unknown = {name: value for name, value in values.items() if name not in hints}
    return Settings(**known, unknown=unknown)


def save(settings: Settings, path: Path | None = None) -> None:
    """Write the settings; the old file stays whole until the new one is.

    Raises `SettingsError` where the folder cannot be written.
    """
    import tomli_w

    path = settings_path() if path is None else path
    values = dict(settings.unknown)
    values |= {name: _plain(getattr(settings, name)) for name in _types()}
    # TOML reads plain keys after a table as part of it.
    ordered = dict(sorted(values.items(), key=lambda item: isinstance(item[1], dict)))
    try:
        _write(path, tomli_w.dumps(ordered).encode())
    except FileError as error:
        raise SettingsError(error.message, error.hint) from error


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise file_error(path, "written", error) from error
    with atomic_write(path, mode=0o600) as stream:
        stream.write(data)


def _folder(standard: Callable[..., Path], part: str) -> Path:
    home = os.environ.get("OVEDIT_HOME")
    if home:
        return Path(home).expanduser().absolute() / part
    return standard("ovedit", appauthor=False)


@cache
def _types() -> dict[str, Any]:
    hints = get_type_hints(Settings)
    return {item.name: hints[item.name] for item in fields(Settings) if item.name != "unknown"}


def _with_roles(values: dict[str, Any], *, source: str) -> dict[str, Any]:
    """The values with the one engine of older files, if there is one, in both its roles."""
    if "engine" not in values:
        return values
    rest = {name: value for name, value in values.items() if name != "engine"}
    engine = _check("engine", values["engine"], str, source=source)
    return {"select_engine": engine, "edit_engine": engine} | rest


def _read(name: str, value: Any) -> Any:
    """A value of the file, with options of engines as texts; what is wrong stays as it is."""
    if name != "engine_options" or not isinstance(value, dict):
        return value
    return {
        engine: {key: _text(option) for key, option in options.items()}
        if isinstance(options, dict)
        else options
        for engine, options in value.items()
    }


def _text(option: Any) -> Any:
    """An option as `--set` takes it: parts of a list have commas between, lists of a list ";"."""
    if isinstance(option, bool):
        return "yes" if option else "no"
    if isinstance(option, (int, float)):
        return str(option)
    if not isinstance(option, list):
        return option
    parts = [_text(part) for part in option]
    if not all(isinstance(part, str) for part in parts):
        return option
    return ("; " if any(isinstance(part, list) for part in option) else ", ").join(parts)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _check(name: str, value: Any, hint: Any, *, source: str) -> Any:
    """The value as the type `hint` wants it, or `SettingsError`."""

    def wrong(wanted: str) -> SettingsError:
        where, advice = (f" in {source}", _correct(Path(source))) if source else ("", "")
        return SettingsError(
            f"The setting {name}{where} is {value!r}; it must be {wanted}.", advice
        )

    origin = get_origin(hint)
    if origin is Literal:
        if value not in get_args(hint):
            raise wrong(f"one of {', '.join(map(repr, get_args(hint)))}")
    elif hint is bool:
        if not isinstance(value, bool):
            raise wrong("true or false")
    elif hint in (int, float):
        if isinstance(value, bool) or not isinstance(value, int if hint is int else (int, float)):
            raise wrong("a whole number" if hint is int else "a number")
        limit = _limits()[name]
        if not limit.least <= value <= limit.most:
            raise wrong(f"between {limit.least:,} and {limit.most:,}")
        return hint(value)
    elif hint is str:
        if not isinstance(value, str):
            raise wrong("a text in quotes")
    elif origin is tuple:
        if not isinstance(value, (list, tuple)) or not all(isinstance(v, str) for v in value):
            raise wrong("a list of texts")
        return tuple(value)
    else:
        return _check_options(value, wrong)
    return value


def _check_options(value: Any, wrong: Callable[[str], SettingsError]) -> Any:
    if not isinstance(value, Mapping):
        raise wrong("a table of tables, as in [engine_options.clip-sam2]")
    for options in value.values():
        if not isinstance(options, Mapping) or not all(
            isinstance(option, str) for option in options.values()
        ):
            raise wrong(
                "a table per engine with texts, numbers, true, false or lists, "
                'as in [engine_options.clip-sam2] method = "sclip"'
            )
    return value


@cache
def _limits() -> dict[str, Limit]:
    return {item.name: item.metadata["limit"] for item in fields(Settings) if item.metadata}


def _known_names() -> str:
    return f"Known are: {', '.join(sorted(_types()))}."


def _correct(path: Path) -> str:
    return f"Correct it, or delete {path.name} to start from the defaults."
