"""What the user names, and which inputs of a corpus that is."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from auheat.corpus.addresses import Source, fetched, find_sources, stamp_of
from auheat.errors import AuheatError

fsspec = pytest.importorskip("fsspec")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Files of which only the names matter."""
    for name in (
        *("v10.mp4", "v9.mp4", "b/deep/x.MKV", "b/y.avi", "b/.hidden.mp4", ".cache/z.mp4"),
        *("v9.overlay.mp4", "notes.txt", "photo.png", "b/table.csv"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def found(root: Path, *names: str | Path) -> list[str]:
    return [
        os.path.relpath(source.address, root) for source in find_sources([str(n) for n in names])
    ]


def test_a_folder_stands_for_all_videos_below_it(tree: Path) -> None:
    assert found(tree, tree) == ["v9.mp4", "v10.mp4", "b/y.avi", "b/deep/x.MKV"]


def test_patterns_files_and_each_input_once(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    assert found(tree, "v*.mp4") == ["v9.mp4", "v9.overlay.mp4", "v10.mp4"]
    assert found(tree, "**/*.avi", "b", "b/../b/y.avi") == ["b/y.avi", "b/deep/x.MKV"]
    assert found(tree, "photo.png", f"file://{tree}/photo.png") == ["photo.png"]


def test_a_file_may_be_called_like_a_pattern(tree: Path) -> None:
    (tree / "take [1].mp4").touch()
    assert found(tree, tree / "take [1].mp4") == ["take [1].mp4"]


def test_lists_name_what_could_be_given_itself(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    (tree / "list.txt").write_text("\ufeffv10.mp4\r\n\n  b  \nb/*.avi\n", "utf-8")
    assert found(tree, "list.txt") == ["v10.mp4", "b/y.avi", "b/deep/x.MKV"]
    for column in ("input", "path"):
        pq.write_table(pa.table({"n": [1, 2], column: ["v9.mp4", None]}), tree / "list.parquet")
        assert found(tree, "list.parquet") == ["v9.mp4"]
    fsspec.filesystem("memory").pipe("/lists/a.txt", b"v9.mp4\n")
    assert found(tree, "memory://lists/a.txt") == ["v9.mp4"]


def test_lists_that_are_none(tree: Path) -> None:
    pq.write_table(pa.table({"n": [1]}), tree / "other.parquet")
    (tree / "damaged.parquet").write_text("no table")
    for name, line in (
        ("other.parquet", "lists no inputs: it needs a column called input"),
        ("damaged.parquet", "cannot read list"),
        ("gone.txt", "no file at"),
    ):
        with pytest.raises(AuheatError, match=line):
            find_sources([str(tree / name)])


def test_what_is_not_there_is_an_input_that_fails(tree: Path) -> None:
    (missing,) = find_sources([str(tree / "gone.mp4")])
    assert missing == Source(str(tree / "gone.mp4"), "", f"no file at {tree / 'gone.mp4'}")
    (remote,) = find_sources(["memory://nowhere/a.mp4"])
    assert remote.problem == "no file at memory://nowhere/a.mp4"
    (unknown,) = find_sources(["nosuch://a/b.mp4"])
    assert unknown.problem is not None
    assert unknown.problem.startswith("cannot reach nosuch://a/b.mp4: ")


def test_nothing_to_read_at_all(tree: Path) -> None:
    with pytest.raises(AuheatError, match=f"^no videos in {tree}/.cache2, {tree}/q\\*$"):
        (tree / ".cache2").mkdir()
        find_sources([f"{tree}/.cache2", f"{tree}/q*"])


def test_a_stamp_tells_size_and_time(tree: Path) -> None:
    path = tree / "v9.mp4"
    os.utime(path, ns=(5, 7))
    assert stamp_of(str(path)) == "6-7"
    assert find_sources([str(path)])[0].size == 6
    assert stamp_of(str(tree / "gone")) == ""
    memory = fsspec.filesystem("memory")
    memory.pipe("/stamps/a.mp4", b"12345")
    (source,) = find_sources(["memory://stamps"])
    assert (source.address, source.size) == ("memory:///stamps/a.mp4", 5)
    assert source.stamp == stamp_of(source.address)
    memory.pipe("/stamps/a.mp4", b"54321")
    assert source.stamp != stamp_of(source.address)


def test_what_is_fetched_is_removed(tmp_path: Path) -> None:
    fsspec.filesystem("memory").pipe("/fetch/a.mp4", b"content")
    with fetched("memory://fetch/a.mp4") as path:
        assert (path.name, path.read_bytes()) == ("a.mp4", b"content")
    assert not path.parent.exists()
    with fetched(str(tmp_path / "b.mp4")) as path:
        assert path == tmp_path / "b.mp4"
    gone = pytest.raises(AuheatError, match=r"^no file at memory://fetch/gone\.mp4$")
    with gone, fetched("memory://fetch/gone.mp4"):
        pass
