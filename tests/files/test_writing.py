"""Files and folders appear whole or not at all, over nothing but regular files that are not being read."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from rsp_lab.files import UNFINISHED, FileError, remove_unfinished, whole_folder, write_atomic

ROOT = Path(__file__).parents[2]


def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def unfinished_writer(folder: Path, body: str) -> subprocess.Popen[str]:
    """A process that is in the midst of ``body``, which must end in ``wait()``; it has printed a line by then."""
    # A package of that name without its public names, which take seconds to import.
    head = "import sys, types\npackage = sys.modules['rsp_lab'] = types.ModuleType('rsp_lab')\n"
    head += f"package.__path__ = [{str(ROOT / 'rsp_lab')!r}]\nfrom rsp_lab.files import *\n"
    head += "def wait():\n    print('writing', flush=True)\n    sys.stdin.readline()\n"
    process = subprocess.Popen(
        [sys.executable, "-c", head + textwrap.dedent(body)],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


# write_atomic


def test_bytes_and_text_are_written_with_their_folders(tmp_path: Path) -> None:
    assert write_atomic(tmp_path / "a" / "b" / "bytes.bin", b"\x00\xff") == tmp_path / "a" / "b" / "bytes.bin"
    write_atomic(str(tmp_path / "text.txt"), "naïve\n")

    assert (tmp_path / "a" / "b" / "bytes.bin").read_bytes() == b"\x00\xff"
    assert (tmp_path / "text.txt").read_bytes() == b"na\xc3\xafve\n"
    assert names(tmp_path) == ["a", "b", "bytes.bin", "text.txt"]


def test_a_file_that_is_there_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("before")

    write_atomic(tmp_path / "x", "after")

    assert (tmp_path / "x").read_text() == "after"


def test_half_a_character_of_a_file_name_is_spelled_out(tmp_path: Path) -> None:
    write_atomic(tmp_path / "x", "image \udcff.png")

    assert (tmp_path / "x").read_text() == "image \\udcff.png"


def test_permissions_are_the_default_ones(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_atomic(tmp_path / "x", "")

    assert (tmp_path / "x").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("kind", ["folder", "fifo", "link", "dangling link", "device"])
def test_only_regular_files_are_written_over(tmp_path: Path, kind: str) -> None:
    target, other = tmp_path / "target", tmp_path / "other"
    other.write_text("kept")
    if kind == "folder":
        target.mkdir()
    elif kind == "fifo":
        os.mkfifo(target)
    elif kind == "device":
        target = Path("/dev/null")
    else:
        target.symlink_to(other if kind == "link" else tmp_path / "nothing")
    before = target.lstat()

    with pytest.raises(FileError, match=f"{target} is .*Name a file") as error:
        write_atomic(target, "new")

    words = {"folder": "a folder", "fifo": "a pipe", "device": "a device"}.get(kind, "a symbolic link")
    assert words in str(error.value)
    assert (target.lstat().st_mode, target.lstat().st_ino) == (before.st_mode, before.st_ino)
    assert other.read_text() == "kept"


@pytest.mark.parametrize("spelling", ["same", "relative", "through a linked folder", "hard link"])
def test_what_is_being_read_is_not_replaced(tmp_path: Path, spelling: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "folder" / "photo.png"
    source.parent.mkdir()
    source.write_text("photo")
    (tmp_path / "linked").symlink_to(tmp_path / "folder")
    os.link(source, tmp_path / "twin.png")
    monkeypatch.chdir(source.parent)
    targets = {"same": source, "relative": Path("photo.png"), "hard link": tmp_path / "twin.png"}
    target = targets.get(spelling, tmp_path / "linked" / "photo.png")

    with pytest.raises(FileError, match="is what is being read"):
        write_atomic(target, "new", protect=[tmp_path / "not there", source])

    assert source.read_text() == "photo"


def test_a_full_disk_names_the_file_and_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").write_text("before")
    full_disk(monkeypatch)

    with pytest.raises(FileError, match=rf"{tmp_path / 'x'}: cannot be written \(No space left .*Free some space"):
        write_atomic(tmp_path / "x", "after")
    with pytest.raises(FileError, match=r"x: cannot be written"):
        write_atomic(tmp_path / "new" / "folder" / "x", "after")

    assert (tmp_path / "x").read_text() == "before"
    assert names(tmp_path) == ["x"]


def test_a_file_in_the_way_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(FileError, match=rf"{tmp_path / 'file'} is not a folder"):
        write_atomic(tmp_path / "file" / "deeper" / "x", "")


# whole_folder


def test_a_new_folder_appears_when_all_is_written(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "a" / "out") as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "x").write_text("x")
        assert not (tmp_path / "a" / "out").exists()

    assert (tmp_path / "a" / "out" / "sub" / "x").read_text() == "x"
    assert names(tmp_path) == ["a", "out", "sub", "x"]
    (tmp_path / "plain").mkdir()
    assert stat.S_IMODE((tmp_path / "a" / "out").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_a_folder_that_is_there_keeps_its_other_files(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("kept", "replaced", "sub/kept too"):
        (tmp_path / name).write_text("before")

    with whole_folder(tmp_path) as folder:
        (folder / "sub").mkdir()
        for name in ("replaced", "sub/new"):
            (folder / name).write_text("after")

    contents = {
        path.relative_to(tmp_path).as_posix(): path.read_text() for path in tmp_path.rglob("*") if path.is_file()
    }
    assert contents == {"kept": "before", "replaced": "after", "sub/kept too": "before", "sub/new": "after"}


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_nothing_is_left_of_a_block_that_fails(tmp_path: Path, error: type[BaseException]) -> None:
    def fail(out: Path) -> None:
        with whole_folder(out) as folder:
            (folder / "x").write_text("x")
            raise error

    (tmp_path / "there").mkdir()
    for out in (tmp_path / "new" / "deeper", tmp_path / "there"):
        with pytest.raises(error):
            fail(out)

    assert names(tmp_path) == ["there"]


def write_two(out: Path, protect: tuple[Path, ...] = ()) -> None:
    with whole_folder(out, protect=protect) as folder:
        (folder / "a").write_text("after")
        (folder / "b").write_text("after")


def test_none_is_replaced_where_one_may_not_be(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text("before")

    with pytest.raises(FileError, match=rf"{tmp_path / 'b'} is what is being read"):
        write_two(tmp_path, protect=(tmp_path / "b",))

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "before", "b": "before"}


def test_a_pipe_in_the_way_of_a_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "b")

    with pytest.raises(FileError, match="a pipe"):
        write_two(tmp_path)

    assert names(tmp_path) == ["b"]


@pytest.mark.parametrize("kind", ["file", "fifo", "dangling link"])
def test_a_folder_is_not_made_over_something_else(tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    {"file": out.touch, "fifo": lambda: os.mkfifo(out), "dangling link": lambda: out.symlink_to("nothing")}[kind]()

    with pytest.raises(FileError, match=rf"{out} is .*not a folder"), whole_folder(out):
        pytest.fail("the block is not entered")


def test_a_full_disk_in_a_block_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileError, match=rf"{tmp_path / 'out'}: cannot be written"), whole_folder(tmp_path / "out"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    full_disk(monkeypatch)
    with (
        pytest.raises(FileError, match=rf"^{tmp_path / 'out' / 'x'}: cannot"),
        whole_folder(tmp_path / "out") as folder,
    ):
        write_atomic(folder / "x", "")
    assert names(tmp_path) == []


def test_an_error_of_reading_in_a_block_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing"), whole_folder(tmp_path / "out"):
        (tmp_path / "nothing").read_text()


# What a killed process leaves


def test_what_a_killed_writer_left_is_removed_by_the_next_write(tmp_path: Path) -> None:
    kill(unfinished_writer(tmp_path, "with whole_folder('out') as folder:\n    (folder / 'x').touch()\n    wait()"))
    assert any(name.startswith(UNFINISHED) for name in names(tmp_path))

    with whole_folder(tmp_path / "out") as folder:
        (folder / "y").touch()

    assert names(tmp_path) == ["out", "y"]


def test_what_a_killed_writer_left_in_its_folder_is_removed_by_a_single_file(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    kill(unfinished_writer(tmp_path, "with whole_folder('out') as folder:\n    (folder / 'x').touch()\n    wait()"))
    assert any(name.startswith(UNFINISHED) for name in names(tmp_path / "out"))

    write_atomic(tmp_path / "out" / "y", "")

    assert names(tmp_path) == ["out", "y"]


def test_a_writer_killed_before_the_rename_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("before")
    body = "import os\nos.replace = lambda *_: wait()\nwrite_atomic('x', 'after')"
    process = unfinished_writer(tmp_path, body)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert (tmp_path / "x").read_text() == "before"
    assert len(names(tmp_path)) > 1

    remove_unfinished(tmp_path)

    assert names(tmp_path) == ["x"]


def test_what_a_living_writer_writes_stays(tmp_path: Path) -> None:
    process = unfinished_writer(
        tmp_path, "with whole_folder('out') as folder:\n    (folder / 'x').write_text('x')\n    wait()"
    )

    remove_unfinished(tmp_path)
    write_atomic(tmp_path / "y", "")
    process.communicate("\n")

    assert process.returncode == 0
    assert names(tmp_path) == ["out", "x", "y"]


def test_only_what_is_ours_is_removed(tmp_path: Path) -> None:
    (tmp_path / f"{UNFINISHED}notes").mkdir()
    (tmp_path / f"{UNFINISHED}notes" / "x").touch()
    (tmp_path / f"{UNFINISHED}novel.lock").touch()
    (tmp_path / f"{UNFINISHED}{'0' * 16}").mkdir()
    before = names(tmp_path)

    remove_unfinished(tmp_path)
    remove_unfinished(tmp_path / "nothing")

    assert names(tmp_path) == before


def test_a_lock_that_is_a_link_leads_nowhere(tmp_path: Path) -> None:
    """Someone else's file behind a link of that name is neither locked nor removed."""
    (tmp_path / "theirs").write_text("kept")
    (tmp_path / f"{UNFINISHED}{'0' * 16}.lock").symlink_to(tmp_path / "theirs")

    remove_unfinished(tmp_path)

    assert (tmp_path / "theirs").read_text() == "kept"
