from __future__ import annotations

import dataclasses
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovedit import settings as settings_module
from ovedit.errors import SettingsError
from ovedit.settings import (
    MAX_RECENT_FILES,
    Settings,
    cache_folder,
    config_folder,
    data_folder,
    load,
    save,
    settings_path,
)

texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=20)
any_settings = st.builds(
    Settings,
    theme=st.sampled_from(["system", "dark", "light"]),
    reduced_motion=st.booleans(),
    history_bytes=st.integers(16_000_000, 2**40),
    max_pixels=st.integers(1_000_000, 2**31 - 1),
    select_engine=texts,
    edit_engine=texts,
    preset=st.sampled_from(["fast", "balanced", "quality"]),
    autosave_seconds=st.integers(0, 86_400),
    jpeg_quality=st.integers(1, 100),
    webp_quality=st.integers(1, 100),
    overlay_opacity=st.floats(0, 1),
    recent_files=st.lists(texts, max_size=5).map(tuple),
    recent_prompts=st.lists(texts, max_size=5).map(tuple),
    engine_options=st.dictionaries(texts, st.dictionaries(texts, texts, max_size=3), max_size=3),
)


@given(any_settings)
def test_what_is_saved_is_loaded(
    tmp_path_factory: pytest.TempPathFactory, values: Settings
) -> None:
    path = tmp_path_factory.mktemp("s") / "settings.toml"
    save(values, path)
    assert load(path) == values


def test_without_a_file_the_defaults_hold() -> None:
    values = load()
    assert values == Settings()
    assert values.theme == "system"
    assert values.history_bytes == 1_000_000_000
    assert (values.select_engine, values.edit_engine) == ("basic", "basic")


@pytest.mark.parametrize(
    ("text", "engines"),
    [
        ('engine = "sam3"', ("sam3", "sam3")),
        ('engine = "sam3"\nedit_engine = "diffusers"', ("sam3", "diffusers")),
        ('select_engine = "sam3"', ("sam3", "basic")),
    ],
)
def test_the_one_engine_of_older_files_has_both_roles(
    tmp_path: Path, text: str, engines: tuple[str, str]
) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    values = load(path)
    assert (values.select_engine, values.edit_engine) == engines
    save(values, path)
    assert "\nengine" not in f"\n{path.read_text()}"
    assert load(path) == values


def test_the_environment_moves_every_folder(_own_folders: Path) -> None:
    for folder in (config_folder(), data_folder(), cache_folder()):
        assert folder.is_relative_to(_own_folders)
    save(Settings(autosave_seconds=9))
    assert settings_path().is_relative_to(_own_folders)
    assert load().autosave_seconds == 9


def test_without_it_the_system_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OVEDIT_HOME")
    assert config_folder().name == "ovedit"
    assert len({config_folder(), data_folder(), cache_folder()}) > 1


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ('theme = "blue"', "theme", "'blue'"),
        ('autosave_seconds = "4"', "autosave_seconds", "'4'"),
        ("autosave_seconds = 4.5", "autosave_seconds", "4.5"),
        ("autosave_seconds = true", "autosave_seconds", "True"),
        ("overlay_opacity = nan", "overlay_opacity", "nan"),
        ("jpeg_quality = 101", "jpeg_quality", "101"),
        ("history_bytes = -1", "history_bytes", "-1"),
        ("reduced_motion = 1", "reduced_motion", "1"),
        ("engine = 3", "engine", "3"),
        ("select_engine = 3", "select_engine", "3"),
        ("edit_engine = true", "edit_engine", "True"),
        ("recent_files = [1]", "recent_files", "[1]"),
        ('recent_files = "a.png"', "recent_files", "'a.png'"),
        ("engine_options = 3", "engine_options", "3"),
        ("[engine_options]\nbasic = 1", "engine_options", "1"),
        ("[engine_options.basic]\nspeed = 12:30:00", "engine_options", "12, 30"),
        ("[engine_options.basic]\nspeed = { a = 1 }", "engine_options", "{'a': 1}"),
        ("[engine_options.basic]\nspeed = [{ a = 1 }]", "engine_options", "{'a': 1}"),
    ],
)
def test_a_wrong_value_is_named_with_key_and_file(
    tmp_path: Path, line: str, key: str, value: str
) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(line)
    with pytest.raises(SettingsError) as caught:
        load(path)
    for part in (key, value, str(path)):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_options_of_engines_are_read_as_the_command_line_takes_them(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(
        """
        [engine_options.clip-sam2]
        method = "sclip"
        layers = [7, 8, 10, 12]
        layer_weights = [1, 1, 1, 0.5]
        negatives = []
        synonyms = [["sofa", "couch"], ["car"]]
        threshold = 0.25
        denoise = false
        [engine_options."sam 3"]
        """
    )
    values = load(path)
    assert values.engine_options == {
        "clip-sam2": {
            "method": "sclip",
            "layers": "7, 8, 10, 12",
            "layer_weights": "1, 1, 1, 0.5",
            "negatives": "",
            "synonyms": "sofa, couch; car",
            "threshold": "0.25",
            "denoise": "no",
        },
        "sam 3": {},
    }
    save(values, path)
    assert load(path) == values


def test_values_are_checked_in_the_program_too() -> None:
    with pytest.raises(SettingsError, match="jpeg_quality is 0"):
        Settings().changed(jpeg_quality=0)
    with pytest.raises(SettingsError, match="no setting 'jpg'"):
        Settings().changed(jpg=3)
    assert Settings().changed(overlay_opacity=1).overlay_opacity == 1.0


@pytest.mark.parametrize("content", [b"theme = ", b"\xff\xfe\x00", b"a = 1\na = 2"])
def test_a_file_that_is_not_toml_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"settings\.toml is not valid TOML") as caught:
        load(path)
    assert caught.value.__cause__ is not None


def test_a_folder_in_place_of_the_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path)


def test_keys_of_a_newer_version_survive(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('brush = "soft"\n[panels]\nleft = ["a"]\n')
    values = load(path)
    assert values.unknown == {"brush": "soft", "panels": {"left": ["a"]}}
    save(values.changed(autosave_seconds=7), path)
    again = load(path)
    assert again.unknown == values.unknown
    assert again.autosave_seconds == 7


def test_a_failed_save_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "settings.toml"
    save(Settings(autosave_seconds=1), path)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SettingsError, match="disk is full"):
        save(Settings(autosave_seconds=2), path)
    assert load(path).autosave_seconds == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["settings.toml"]


def test_the_file_is_the_persons_own(tmp_path: Path) -> None:
    path = tmp_path / "new" / "settings.toml"
    save(Settings(), path)
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_recent_files_are_newest_first_and_few() -> None:
    values = Settings()
    for number in range(MAX_RECENT_FILES + 3):
        values = values.with_recent_file(Path(f"/photos/{number}.jpg"))
    values = values.with_recent_file("/photos/10.jpg")
    assert values.recent_files[0] == str(Path("/photos/10.jpg").absolute())
    assert len(values.recent_files) == len(set(values.recent_files)) == MAX_RECENT_FILES


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().autosave_seconds = 3  # pyright: ignore[reportAttributeAccessIssue]


def test_every_number_has_limits() -> None:
    defaults = Settings()
    for item in dataclasses.fields(defaults):
        if type(getattr(defaults, item.name)) in (int, float):
            assert isinstance(item.metadata["limit"], settings_module.Limit), item.name


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(b'\xef\xbb\xbftheme = "dark"\n')
    assert load(path).theme == "dark"


def test_a_folder_that_cannot_be_made_is_told_with_a_next_step(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot be written") as caught:
        save(Settings(), tmp_path / "file" / "folder" / "settings.toml")
    assert caught.value.hint
