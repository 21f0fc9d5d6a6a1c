"""What the user names, and which inputs of a corpus that is."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from auheat.corpus.addresses import Source, address_of, fetched, find_sources, stamp_of
from auheat.errors import AuheatError
from auheat.tables.columns import writable

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


def sources(*names: str | Path) -> list[Source]:
    return find_sources([str(name) for name in names]).sources


def found(root: Path, *names: str | Path) -> list[str]:
    return [os.path.relpath(source.address, root) for source in sources(*names)]


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
    text = "\ufeffv10.mp4\r\n\n# of Monday\n  'b'  \n\"b/*.avi\"\n"
    for coding in ("utf-8", "utf-16-le", "utf-16-be"):  # PowerShell's is UTF-16
        (tree / "list.txt").write_bytes(text.encode(coding))
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
    os.mkfifo(tree / "pipe.txt")
    bad = [str(tree / name) for name in ("gone.txt", "damaged.parquet", "pipe.txt")]
    with pytest.raises(AuheatError, match=r"gone\.txt; cannot read .*; .*pipe\.txt is a pipe"):
        find_sources(bad)
    among = find_sources([bad[0], str(tree / "v9.mp4"), *bad[1:], f"{tree}/q*"])
    assert [source.address for source in among.sources] == [str(tree / "v9.mp4")]
    assert [line.partition(str(tree))[0] for line in among.problems] == [
        *("no file at ", "cannot read list ", ""),
    ]


def test_names_that_no_list_should_hold(tree: Path) -> None:
    """Each is an input that fails in one line of its own."""
    pq.write_table(pa.table({"input": ["a\0b.mp4", str(tree / "v9.mp4")]}), tree / "l.parquet")
    odd, good = sources(tree / "l.parquet")
    assert odd.problem == "a\0b.mp4: a name of a file holds no null character"
    assert (good.problem, stamp_of(odd.address)) == (None, "")


def test_a_folder_may_be_called_like_a_list(tree: Path) -> None:
    (tree / "x.txt").mkdir()
    (tree / "x.txt" / "a.mp4").touch()
    (tree / "y.parquet").mkdir()
    (tree / "y.parquet" / "b.mp4").touch()
    assert found(tree, tree / "x.txt", tree / "y.parquet") == ["x.txt/a.mp4", "y.parquet/b.mp4"]
    (tree / "z.parquet").mkdir()
    pq.write_table(pa.table({"input": [str(tree / "v9.mp4")]}), tree / "z.parquet" / "0.parquet")
    assert found(tree, tree / "z.parquet") == ["v9.mp4"]


def test_what_a_folder_leaves_out_is_said(tree: Path) -> None:
    (tree / "b" / "raw.h264").touch()
    note = f"{tree}: left out are files that end in .h264, .png"
    assert find_sources([str(tree)]).left_out == [note]
    assert find_sources([str(tree / "v9.mp4")]).left_out == []
    fsspec.filesystem("memory").pipe({"/out/a.mp4": b"a", "/out/deep/b.png": b"b"})
    assert find_sources(["memory://out"]).left_out == [
        "memory://out: left out are files that end in .png"
    ]
    (tree / "images").mkdir()
    (tree / "images" / "a.png").touch()
    with pytest.raises(AuheatError, match=r"^no videos in .*; .*left out are files that end in"):
        find_sources([str(tree / "images")])


def test_a_name_that_is_not_utf_8_is_found_by_its_name_in_a_dataset(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"a\xff.mp4")
    path.touch()
    assert address_of(writable(str(path))) == str(path)
    (tmp_path / r"b\udcff.mp4").touch()  # which looks like one
    for name in (str(tmp_path / r"b\udcff.mp4"), "memory://a", str(tmp_path / r"gone\udcff")):
        assert address_of(name) == name


def test_what_is_not_there_is_an_input_that_fails(tree: Path) -> None:
    (missing,) = sources(str(tree / "gone.mp4"))
    assert missing == Source(str(tree / "gone.mp4"), "", f"no file at {tree / 'gone.mp4'}")
    (remote,) = sources("memory://nowhere/a.mp4")
    assert remote.problem == "no file at memory://nowhere/a.mp4"
    (unknown,) = sources("nosuch://a/b.mp4")
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
    assert sources(path)[0].size == 6
    assert stamp_of(str(tree / "gone")) == ""
    memory = fsspec.filesystem("memory")
    memory.pipe("/stamps/a.mp4", b"12345")
    (source,) = sources("memory://stamps")
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
