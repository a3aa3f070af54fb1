from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ovedit.atomic import atomic_write
from ovedit.errors import FileError


def write(path: Path, data: bytes) -> None:
    with atomic_write(path) as stream:
        stream.write(data)


def test_a_new_file_and_one_replaced(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write(path, b"first")
    write(path, b"second, longer")
    assert path.read_bytes() == b"second, longer"
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_is_whole_until_the_end(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with atomic_write(path) as stream:
        stream.write(b"new")
        stream.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("error", [RuntimeError("stop"), KeyboardInterrupt()])
def test_an_error_changes_nothing_and_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(type(error)), atomic_write(path) as stream:
        stream.write(b"half")
        raise error
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_said_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with pytest.raises(FileError, match="disk is full") as caught, atomic_write(path):
        raise OSError(28, "No space left on device")
    assert "Free some space" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_devices_are_left_alone() -> None:
    with pytest.raises(FileError, match="regular file"):
        write(Path("/dev/full"), b"x")


def test_a_missing_folder_and_a_folder_in_the_way(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no such"):
        write(tmp_path / "gone" / "file", b"x")
    with pytest.raises(FileError, match="folder"):
        write(tmp_path, b"x")
    with pytest.raises(FileError, match="too long"):
        write(tmp_path / ("x" * 300), b"x")
    with pytest.raises(FileError, match="not a path"):
        write(tmp_path / "a\0b", b"x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="modes and links as POSIX has them")
def test_mode_and_link_are_kept(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to("target")
    write(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


@pytest.mark.skipif(os.name == "nt", reason="modes as POSIX has them")
def test_a_new_file_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write(tmp_path / "file", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_write_protection_is_respected(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o444)
    with pytest.raises(FileError, match="write-protected"):
        write(path, b"new")
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(FileError, match="permission"):
            write(tmp_path / "other", b"new")
    finally:
        tmp_path.chmod(0o755)
    assert path.read_bytes() == b"old"
