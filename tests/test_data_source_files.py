"""Which frame a file is of, and which of several files counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from auheat.data.source_files import frame_number, numbered, one_each


@pytest.mark.parametrize(
    ("stem", "frame"),
    [("F001_T1_0012_lm", 12), ("099 (1)", 99), ("0322(12)", 322), ("7 (1) (2)", 7), ("x", None),
     ("img (12)", 12), ("000", 0)],
)  # fmt: skip
def test_the_frame_in_a_name(stem: str, frame: int | None) -> None:
    assert frame_number(stem) == frame


def read(folder: Path, names: list[str], stem: str = r"(\d+)") -> tuple[dict[int, str], list[str]]:
    for name in names:
        (folder / name).write_bytes(b"")
    problems: list[str] = []
    found = numbered(folder, {".jpg", ".png"}, problems, stem=stem)
    assert list(found) == sorted(found)
    lines = [line.replace(f"{folder}: ", "") for line in problems]
    return {frame: path.name for frame, path in found.items()}, lines


def test_copies_of_file_managers_are_no_frames(tmp_path: Path) -> None:
    copies = ["099 (1).jpg", "099 - Copy.jpg", "100 copy 2.jpg", "100 2.jpg"]
    found, problems = read(tmp_path, ["099.jpg", "100.JPG", "101.jpg", "102.jpg", *copies])
    assert found == {99: "099.jpg", 100: "100.JPG", 101: "101.jpg", 102: "102.jpg"}
    assert problems == [
        "not read, as the layout has other names: 099 (1).jpg, 099 - Copy.jpg, 100 2.jpg, "
        "and 1 more"
    ]


@pytest.mark.parametrize(
    ("names", "kept", "aside"),
    [
        (["0322.jpg", "000322.jpg", "0321.jpg"], ["0321.jpg", "0322.jpg"], "000322.jpg"),
        (["0322.jpg", "000322.jpg", "000321.jpg"], ["000321.jpg", "000322.jpg"], "0322.jpg"),
        # of numbers without zeros most may have three digits
        (["5.jpg", "005.jpg", "9.jpg", "100.jpg", "101.jpg", "102.jpg"],
         ["5.jpg", "9.jpg", "100.jpg", "101.jpg", "102.jpg"], "005.jpg"),
        (["1.jpg", "2.png", "2.jpg", "3.jpg"], ["1.jpg", "2.jpg", "3.jpg"], "2.png"),
    ],
)  # fmt: skip
def test_of_two_files_of_a_frame_the_usual_name_counts(
    tmp_path: Path, names: list[str], kept: list[str], aside: str
) -> None:
    found, problems = read(tmp_path, names)
    assert list(found.values()) == kept
    assert problems == [f"not read, as there are others of the same frames: {aside}"]


def test_names_of_another_form_are_read_by_their_last_number(tmp_path: Path) -> None:
    names = ["F001_T1_09.jpg", "F001_T1_10.jpg", "F001_T1_10 (1).jpg", "cover.jpg", "3.txt"]
    found, problems = read(tmp_path, names)
    assert found == {9: "F001_T1_09.jpg", 10: "F001_T1_10.jpg"}
    assert problems == ["not read, as there are others of the same frames: F001_T1_10 (1).jpg"]


def test_a_layout_s_own_form(tmp_path: Path) -> None:
    names = ["ab1_001.png", "AB1_002.png", "ab1_002 (3).png"]
    found, problems = read(tmp_path, names, r"ab1_(\d+)")
    assert found == {1: "ab1_001.png", 2: "AB1_002.png"}
    assert problems == ["not read, as the layout has other names: ab1_002 (3).png"]


def test_an_empty_folder(tmp_path: Path) -> None:
    assert read(tmp_path, []) == ({}, [])


def test_one_of_several_files() -> None:
    found = [("a", "x/a_old.avi"), ("a", "A.avi"), ("b", "y/b (1).txt"), ("b", "y/b1.txt"),
             ("c", "c.avi"), ("a", "a2.avi")]  # fmt: skip
    problems: list[str] = []
    pairs = ((key, Path(path)) for key, path in found)
    chosen = one_each(pairs, problems, called=lambda key: f"{key}.avi")
    assert {key: str(path) for key, path in chosen.items()} == {
        "a": "A.avi", "b": "y/b1.txt", "c": "c.avi"
    }  # fmt: skip
    assert problems == [
        "x/a_old.avi, a2.avi: not read, as there is A.avi",
        "y/b (1).txt: not read, as there is y/b1.txt",
    ]
