"""Writing files: whole or not at all, never over what is read, never by two at once."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from auheat.errors import AuheatError
from auheat.files import atomic_write, check_place, folder_for_results, refuse_input


def write(path: Path, text: str) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text(text)


def test_a_file_takes_its_name_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write(path, "one")
    with pytest.raises(ZeroDivisionError), atomic_write(path) as temporary:
        temporary.write_text("two")
        assert temporary.suffix == ".csv"
        assert path.read_text() == "one"
        raise ZeroDivisionError
    assert path.read_text() == "one"
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_the_second_run_that_wants_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "session.csv"
    with atomic_write(path) as temporary:
        temporary.write_text("first")
        with (
            pytest.raises(AuheatError, match=r"session\.csv: another run is writing it"),
            atomic_write(path),
        ):
            pass
        write(tmp_path / "session.parquet", "another file")
        write(tmp_path / "session.a.csv", "another file")
    assert path.read_text() == "first"
    write(path, "later")
    assert path.read_text() == "later"


def test_of_many_runs_at_once_one_writes(tmp_path: Path) -> None:
    path, barrier = tmp_path / "a.csv", threading.Barrier(8)
    outcomes: list[str] = []

    def run(number: int) -> None:
        barrier.wait()
        try:
            with atomic_write(path) as temporary:
                temporary.write_text(str(number))
                wait.wait(5)
            outcomes.append(f"wrote {number}")
        except AuheatError:
            outcomes.append("refused")

    wait = threading.Event()
    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 30
    while len(outcomes) < 7 and time.monotonic() < deadline:
        time.sleep(0.01)
    wait.set()
    for thread in threads:
        thread.join()
    (wrote,) = [outcome for outcome in outcomes if outcome != "refused"]
    assert wrote == f"wrote {path.read_text()}"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    code = (
        "import os, pathlib; from auheat.files import atomic_write\n"
        f"with atomic_write(pathlib.Path({str(tmp_path / 'a.csv')!r})) as temporary:\n"
        "    temporary.write_text('half'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    write(tmp_path / "a.csv", "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_links_stay_and_are_written_through(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to("real.csv")
    write(tmp_path / "link.csv", "new")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text() == "new"


def test_a_link_at_the_former_temporary_name_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("precious")
    (tmp_path / ".a.part.csv").symlink_to("victim")
    write(tmp_path / "a.csv", "new")
    assert (tmp_path / "victim").read_text() == "precious"


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    fifo, folder, link = tmp_path / "fifo", tmp_path / "folder", tmp_path / "null"
    os.mkfifo(fifo)
    folder.mkdir()
    link.symlink_to("/dev/null")
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(tmp_path)  # names of sockets are short
        listener.bind("socket")
        for path, what in (
            (fifo, "a device, pipe or socket"),
            (tmp_path / "socket", "a device, pipe or socket"),
            (Path("/dev/null"), "a device, pipe or socket"),
            (link, "a device, pipe or socket"),
            (folder, "a folder"),
        ):
            with pytest.raises(AuheatError, match=f"it is {what}"):
                write(path, "x")
    assert fifo.is_fifo()
    assert Path("/dev/null").is_char_device()
    assert link.is_symlink()


def test_no_output_is_an_input_by_whatever_name(tmp_path: Path) -> None:
    one = tmp_path / "a.csv"
    one.write_text("x")
    (tmp_path / "hard.csv").hardlink_to(one)
    (tmp_path / "soft.csv").symlink_to(one)
    for name in ("a.csv", "hard.csv", "soft.csv", "../" + tmp_path.name + "/a.csv"):
        with pytest.raises(AuheatError, match="is read, and cannot be written as well"):
            refuse_input(tmp_path / name, [one])
    refuse_input(tmp_path / "b.csv", [one, tmp_path / "none.csv"])


def test_places_are_checked_before_the_work(tmp_path: Path) -> None:
    check_place(tmp_path / "a.json")
    for path, reason in (
        (Path(), "is empty"),
        (tmp_path / "none" / "a.json", "no folder"),
        (tmp_path, "it is a folder"),
    ):
        with pytest.raises(AuheatError, match=reason):
            check_place(path)


def test_long_names(tmp_path: Path) -> None:
    path = tmp_path / (251 * "a" + ".csv")
    write(path, "x")
    assert path.read_text() == "x"


def test_folders_that_stay_empty_are_removed_again(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    with folder_for_results(kept):
        pass
    with pytest.raises(KeyboardInterrupt), folder_for_results(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]  # it was there before
    with pytest.raises(AuheatError), folder_for_results(tmp_path / "e" / ("n" * 300)):
        raise AssertionError
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    with folder_for_results(tmp_path / "f" / ".." / "g"):
        assert (tmp_path / "g").is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    with folder_for_results(tmp_path / "c" / "d"):
        (tmp_path / "c" / "x").touch()
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["x"]


def test_an_error_that_names_another_folder_is_not_of_the_file(tmp_path: Path) -> None:
    path, other = tmp_path / "a.csv", tmp_path / "none" / "b.csv"
    full = errno.ENOSPC, "No space left on device"
    with pytest.raises(AuheatError) as of_other, atomic_write(path):
        other.open()
    with pytest.raises(AuheatError) as of_file, atomic_write(path) as temporary:
        raise OSError(*full, str(temporary))
    with pytest.raises(AuheatError) as of_nothing, atomic_write(path):
        raise OSError(*full)
    assert str(of_other.value) == f"cannot use {other}: No such file or directory"
    assert str(of_file.value) == str(of_nothing.value) == f"cannot write {path}: {full[1]}"
    assert not list(tmp_path.iterdir())
