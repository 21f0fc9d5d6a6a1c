from __future__ import annotations

from pathlib import Path

import pytest

from auheat.errors import AuheatError
from auheat.folders import files_in, natural_key
from auheat.inference.inputs import Input, gather, images_in


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def named(found: list[Input]) -> list[tuple[str, str, str]]:
    return [(item.path.name, item.kind, item.name) for item in found]


def test_natural_order() -> None:
    names = ["f10.png", "f2.png", "F1.png", "f02.png", "a.png", "f2b.png", "10.png", "9.png"]
    assert sorted(names, key=natural_key) == [
        "9.png",
        "10.png",
        "a.png",
        "F1.png",
        "f02.png",
        "f2.png",
        "f2b.png",
        "f10.png",
    ]


def test_a_name_per_input(tmp_path: Path) -> None:
    """The stem, then the whole name, then numbered."""
    paths = [
        tmp_path / p for p in ("a/clip.mp4", "a/clip.jpg", "b/clip.jpg", "c/clip.jpg", "b/clip.mp4")
    ]
    touch(*paths)
    names = [item.name for item in gather(paths, tmp_path / "out", sequence=False)]
    assert names == ["clip", "clip.jpg", "clip.jpg-2", "clip.jpg-3", "clip.mp4"]


def test_names_differ_also_where_case_does_not_count(tmp_path: Path) -> None:
    paths = [tmp_path / "a/Clip.mp4", tmp_path / "b/clip.mp4"]
    touch(*paths)
    assert [item.name for item in gather(paths, tmp_path / "o", sequence=False)] == [
        "Clip",
        "clip.mp4",
    ]
    turned = gather(paths[::-1], tmp_path / "o", sequence=False)
    assert [item.name for item in turned] == ["clip", "Clip.mp4"]


def test_folder_and_file_of_one_name(tmp_path: Path) -> None:
    touch(tmp_path / "walk/1.jpg", tmp_path / "walk.mp4")
    paths = [tmp_path / "walk", tmp_path / "walk.mp4"]
    assert named(gather(paths, tmp_path / "out", sequence=False)) == [
        ("walk", "folder", "walk"),
        ("walk.mp4", "file", "walk.mp4"),
    ]
    assert [item.name for item in gather(paths[::-1], tmp_path / "out", sequence=False)] == [
        "walk",
        "walk-2",
    ]


def test_no_result_replaces_an_input(tmp_path: Path) -> None:
    """`a.mp4` would be drawn into `a.overlay.mp4`, which is an input of the same call."""
    paths = [tmp_path / "a.mp4", tmp_path / "a.overlay.mp4"]
    touch(*paths)
    assert [item.name for item in gather(paths, tmp_path, sequence=False)] == ["a.mp4", "a.overlay"]
    assert [item.name for item in gather(paths, tmp_path / "out", sequence=False)] == [
        "a",
        "a.overlay",
    ]


def test_what_is_named_twice_is_read_once(tmp_path: Path) -> None:
    touch(tmp_path / "a.mp4", tmp_path / "sub/x.jpg")
    twice = [tmp_path / "a.mp4", tmp_path / "sub" / ".." / "a.mp4", tmp_path]
    assert named(gather(twice, tmp_path / "out", sequence=False)) == [("a.mp4", "file", "a")]


def test_a_folder_stands_for_its_images_and_videos(tmp_path: Path) -> None:
    folder = tmp_path / "shoot"
    touch(
        *(folder / name for name in ("2.jpg", "b.MP4", "a.mov", "notes.txt", ".x.jpg", "in/3.jpg"))
    )
    assert named(gather([folder], tmp_path / "out", sequence=False)) == [
        ("shoot", "folder", "shoot"),
        ("a.mov", "file", "a"),
        ("b.MP4", "file", "b"),
    ]
    (folder / "2.jpg").unlink()
    assert [item.kind for item in gather([folder], tmp_path / "out", sequence=False)] == [
        "file",
        "file",
    ]


def test_a_sequence_is_one_input(tmp_path: Path) -> None:
    folder = tmp_path / "shoot"
    touch(folder / "1.jpg", folder / "a.mov", tmp_path / "b.mov")
    found = gather([folder, tmp_path / "b.mov"], tmp_path / "out", sequence=True)
    assert named(found) == [("shoot", "sequence", "shoot"), ("b.mov", "file", "b")]


def test_missing_and_empty_inputs_are_left_to_their_reading(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    found = gather([tmp_path / "none.mp4", tmp_path / "empty"], tmp_path / "out", sequence=False)
    assert named(found) == [("none.mp4", "file", "none"), ("empty", "folder", "empty")]


def test_the_working_folder_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "day1" / "1.jpg")
    monkeypatch.chdir(tmp_path / "day1")
    assert [item.name for item in gather([Path()], tmp_path / "out", sequence=False)] == ["day1"]


def test_images_in_a_folder(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("10.JPG", "9.png", "8.txt", ".7.png", "b.tiff")))
    (tmp_path / "5.png").mkdir()
    assert [path.name for path in images_in(tmp_path)] == ["9.png", "10.JPG", "b.tiff"]
    with pytest.raises(AuheatError, match="no images in folder"):
        images_in(tmp_path / "5.png")
    with pytest.raises(AuheatError, match="cannot read folder"):
        files_in(tmp_path / "none", frozenset({".png"}))


def test_names_of_many_inputs_take_time_for_each_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder for results was resolved for every pair of inputs: 17 s for a thousand."""
    for number in range(50):
        (tmp_path / f"{number}.mp4").touch()
    real, calls = Path.resolve, list[Path]()

    def resolve(path: Path, strict: bool = False) -> Path:
        calls.append(path)
        return real(path, strict)

    monkeypatch.setattr(Path, "resolve", resolve)
    assert len(gather([tmp_path], tmp_path / "out", sequence=False)) == 50
    assert len(calls) <= 3 * 50 + 10
