"""From a source to a dataset: the same bytes whatever the workers and interruptions, the report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from auheat import geometry
from auheat.cli import main
from auheat.data import convert as module
from auheat.data import resumable
from auheat.data.convert import ConversionPlan, convert
from auheat.data.cropping import crop_recording
from auheat.data.manifest import FILE, read_manifest
from auheat.data.names import LandmarkSource
from auheat.data.recording import Recording
from auheat.errors import AuheatError
from auheat.faces.crop import CropSpec
from auheat.geometry import Points
from folder_contents import files
from odd_sources import disfa_subject, small, text
from progress_steps import Steps
from serial_pool import Serial
from stand_ins import KnownFaces, face_from

PLAN = ConversionPlan("disfa", crop=CropSpec(32, 4))
LEVELS = {4: [0, 1, 2, 9, 4], 12: [5, 0, 0, 1, 2]}


@pytest.fixture
def source(face: Points, tmp_path: Path) -> Path:
    """Three people of DISFA; the third lacks labels of AU04 on its last frames."""
    root = tmp_path / "source"
    for name in ("SN001", "SN002", "SN003"):
        landmarks = {
            f"{name}/frame_lm/l{n:05d}_lm.mat": small(face, n)
            for n in range(1, 6)
            if (name, n) != ("SN002", 3)
        }
        levels = LEVELS if name != "SN003" else LEVELS | {4: [0, 0]}
        video = f"Videos_LeftCamera/LeftVideo{name}_comp.avi"
        disfa_subject(root, name, levels, video, landmarks)
    return root


def test_a_dataset_is_complete(serial: None, source: Path, tmp_path: Path) -> None:
    out, warnings, progress = tmp_path / "deep" / "out", list[str](), Steps()
    convert(source, out, PLAN, progress=progress, warn=warnings.append)
    manifest = read_manifest(out)
    table = manifest.table
    assert (manifest.crop, manifest.aus) == (PLAN.crop, ("AU04", "AU12"))
    assert manifest.source == {
        "kind": "disfa",
        "landmarks": "own",
        "synthetic": False,
        "options": {
            "aus": ["AU04", "AU12"],
            "every": 1,
            "camera": "left",
            "skip_tracking_failures": False,
            "dlib_model": None,
        },
    }
    expected = [("SN001", f) for f in (1, 2, 3, 5)] + [("SN002", f) for f in (1, 2, 5)]
    expected += [("SN003", f) for f in (1, 2, 3, 4, 5)]
    assert list(zip(table["subject"], table["frame"], strict=True)) == expected
    assert table["sequence"].equals(table["subject"])
    assert set(table["split"]) == {"train"}
    assert table["AU12"].to_list() == [5, 0, 0, 2, 5, 0, 2, 5, 0, 0, 1, 2]
    np.testing.assert_array_equal(table["AU04"].tail(5), [0, 0, np.nan, np.nan, np.nan])
    names = {*table["image"], FILE, "report.json", "report.md"}
    assert set(files(out)) == names
    assert all(cv2.imread(str(out / name)).shape == (40, 40, 3) for name in table["image"])
    assert (progress.total, progress.steps) == (15, [5, 5, 5])
    assert warnings == json.loads((out / "report.json").read_text())["problems"]
    assert [line.split(": ")[-1] for line in warnings] == ["3", "3-5"]


def test_the_report(serial: None, source: Path, tmp_path: Path) -> None:
    report = convert(source, tmp_path / "out", PLAN)
    content = json.loads((tmp_path / "out" / "report.json").read_text())
    dropped = {"no landmarks": 1, "not codable": 2}
    assert content["total"] == {"found": 15, "kept": 12, "dropped": dropped}
    assert content["subjects"]["SN002"] == {
        "found": 5,
        "kept": 3,
        "dropped": {"no landmarks": 1, "not codable": 1},
    }
    assert content["subjects"]["SN003"] == {"found": 5, "kept": 5, "dropped": {}}
    assert content["levels"]["AU04"] == [4, 2, 1, 0, 2, 0, 3]  # levels 0 to 5, then not coded
    assert content["levels"]["AU12"] == [5, 1, 3, 0, 0, 3, 0]
    shown = (tmp_path / "out" / "report.md").read_text().splitlines()
    assert shown[0] == "# Conversion of disfa: real recordings"
    assert "| subject | found | kept | no landmarks | not codable |" in shown
    assert "| SN002 | 5 | 3 | 1 | 1 |" in shown
    assert "| all | 15 | 12 | 1 | 2 |" in shown
    assert "| AU04 | 4 | 2 | 1 | 0 | 2 | 0 | 3 |" in shown
    assert report.summary()[:3] == [
        "kept 12 of 15 labelled frames",
        "dropped 1: no landmarks",
        "dropped 2: not codable",
    ]


def test_look_alikes_are_marked(serial: None, source: Path, tmp_path: Path) -> None:
    text(source / "SYNTHETIC.txt", "made of synthetic faces")
    convert(source, tmp_path / "out", PLAN)
    assert read_manifest(tmp_path / "out").source["synthetic"] is True
    first = (tmp_path / "out" / "report.md").read_text().splitlines()[0]
    assert first == "# Conversion of disfa: synthetic faces in its layout"


@pytest.mark.parametrize("asked", [None, "mediapipe"])
def test_the_right_camera_has_faces_found(
    serial: None, monkeypatch: pytest.MonkeyPatch, source: Path, tmp_path: Path, face: Points,
    asked: LandmarkSource | None,
) -> None:  # fmt: skip
    """Though there are landmarks: they are those of the left camera."""
    known = KnownFaces([[face_from(small(face, 9))]])
    monkeypatch.setattr(module, "default_detector", lambda: known)
    (source / "Videos_LeftCamera").rename(source / "Video_RightCamera")
    for path in (source / "Video_RightCamera").iterdir():
        path.rename(path.with_name(path.name.replace("Left", "Right")))
    convert(source, tmp_path / "out", replace(PLAN, camera="right", landmarks=asked))
    manifest = read_manifest(tmp_path / "out")
    assert (manifest.source["landmarks"], len(manifest.table)) == ("mediapipe", 13)
    points = small(face, 9)
    expected = geometry.apply(PLAN.crop.transform(points), points)
    np.testing.assert_allclose(manifest.landmarks()[0], expected, atol=1e-3)


def test_every_second_usable_frame(serial: None, source: Path, tmp_path: Path) -> None:
    """Counted over the frames that can be used, so that no stretch is left out twice."""
    plan = ConversionPlan("disfa", crop=CropSpec(32), every=2)
    report = convert(source, tmp_path / "out", plan)
    table = read_manifest(tmp_path / "out").table
    taken = {s: rows["frame"].to_list() for s, rows in table.groupby("subject")}
    assert taken == {"SN001": [1, 3], "SN002": [1, 5], "SN003": [1, 3, 5]}
    assert "dropped 5: not taken (--every)" in report.summary()


def test_a_stopped_run_is_taken_up(
    serial: None, monkeypatch: pytest.MonkeyPatch, source: Path, tmp_path: Path
) -> None:
    convert(source, tmp_path / "whole", PLAN)
    original, made = crop_recording, list[str]()

    def failing(recording: Recording, *rest: Any, **options: Any) -> Any:
        made.append(recording.sequence)
        if made == ["SN001", "SN002"]:
            original(
                recording, *rest, **options
            )  # images without a part file, as a kill leaves them
            raise AuheatError("the disk is full")
        return original(recording, *rest, **options)

    monkeypatch.setattr(module, "crop_recording", failing)
    out = tmp_path / "stopped"
    with pytest.raises(AuheatError, match="the disk is full"):
        convert(source, out, PLAN)
    assert not (out / FILE).exists()
    with pytest.raises(AuheatError, match=f"^{out} holds a started dataset with other settings"):
        convert(source, out, ConversionPlan("disfa", crop=CropSpec(32, 5)))
    made[:] = ["", "", ""]
    convert(source, out, PLAN)
    assert "SN001" not in made
    assert files(out) == files(tmp_path / "whole")
    with pytest.raises(AuheatError, match=f"^{out} already holds a dataset"):
        convert(source, out, PLAN)


def test_a_run_killed_while_cleaning_up_is_taken_up(
    serial: None, monkeypatch: pytest.MonkeyPatch, source: Path, tmp_path: Path
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(resumable, "commit", lambda out: None)
        convert(source, tmp_path / "out", PLAN)
    convert(source, tmp_path / "out", PLAN)
    convert(source, tmp_path / "whole", PLAN)
    assert files(tmp_path / "out") == files(tmp_path / "whole")


@pytest.mark.slow
def test_worker_processes_write_the_same(
    monkeypatch: pytest.MonkeyPatch, source: Path, tmp_path: Path
) -> None:
    convert(source, tmp_path / "two", PLAN, workers=2)
    with monkeypatch.context() as patch:
        patch.setattr(resumable, "ProcessPoolExecutor", Serial)
        threads = cv2.getNumThreads()
        convert(source, tmp_path / "one", PLAN)
        cv2.setNumThreads(threads)
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_strict_stops_at_the_first_problem(serial: None, source: Path, tmp_path: Path) -> None:
    expected = "^Landmark_Points/SN002: no landmarks, 1 of 5 frames: 3$"
    with pytest.raises(AuheatError, match=expected):
        convert(source, tmp_path / "out", PLAN, strict=True)
    assert not (tmp_path / "out").exists()


def test_strict_stops_at_a_problem_within_a_recording(
    serial: None, source: Path, tmp_path: Path, face: Points
) -> None:
    for path in (source / "ActionUnit_Labels").glob("SN00[23]"):
        path.rename(source / path.name)
    for path in (source / "Videos_LeftCamera").glob("*SN00[23]*"):
        path.unlink()
    damaged = "Landmark_Points/SN001/frame_lm/l00002_lm.mat"
    (source / damaged).write_bytes(b"")
    with pytest.raises(AuheatError, match=f"^{damaged} is not a readable .mat file$"):
        convert(source, tmp_path / "out", PLAN, strict=True)
    report = convert(source, tmp_path / "out", PLAN)
    assert report.problems == [f"{damaged} is not a readable .mat file"]


def test_a_source_without_a_usable_frame(serial: None, source: Path, tmp_path: Path) -> None:
    for path in source.rglob("*.mat"):
        path.write_bytes(b"nothing")
    out = tmp_path / "out"
    with pytest.raises(AuheatError, match=f"^no frame of {source} can be used: {out}/report.md"):
        convert(source, out, PLAN)
    assert "unreadable landmarks" in (out / "report.md").read_text()
    for path in source.rglob("*.avi"):
        path.unlink()
    with pytest.raises(AuheatError, match=rf"^nothing in {source} can be used: SN001: no video"):
        convert(source, tmp_path / "other", PLAN)


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["prepare", *(str(argument) for argument in arguments)])


def test_the_command(serial: None, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = call("disfa", source, "-o", out, "--size", 32, "--pad", 4, "--aus", "AU12,AU04")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "kept 12 of 15 labelled frames",
        "dropped 1: no landmarks",
        "dropped 2: not codable",
        "landmarks: own",
        "problems in the source: 2",
        f"dataset: {out}",
    ]
    assert "auheat: Landmark_Points/SN002: no landmarks, 1 of 5 frames: 3\n" in done.stderr
    assert read_manifest(out).crop == CropSpec(32, 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("disfa", "nowhere"), "no folder at nowhere"),
        (("bp4d", "{source}"), "no intensity labels in {source}: expected AUCoding/AU_INT"),
        (("fera2017", "{source}"), "no FERA 2017 in {source}"),
        (("unbc", "{source}"), "no UNBC-McMaster in {source}"),
        (("disfa-plus", "{source}"), "no DISFA+ in {source}"),
        (("authors-json", "{source}"), "no lists in {source}"),
        (("disfa", "{source}", "--aus", "AU08"), "unknown Action Unit 'AU08'"),
        (("disfa", "{source}", "--aus", "AU07"), "{source} has no labels of AU07"),
        (("disfa", "{source}", "--landmarks", "dlib"), "--dlib-model FILE"),
        (("disfa", "{source}", "--strict"), "Landmark_Points/SN002: no landmarks"),
        (("disfa", "{source}", "--camera", "right", "--landmarks", "own"), "the right camera's"),
    ],
)
def test_refusals_are_one_line(
    source: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    given = [argument.format(source=source) for argument in arguments]
    refused = call(*given, "-o", tmp_path / "out")
    assert refused.exit_code == 2
    assert message.format(source=source) in refused.stderr
    assert refused.stderr.count("\n") == 1, refused.stderr
    assert not (tmp_path / "out").exists()


def test_a_subject_on_both_sides_is_refused(tmp_path: Path) -> None:
    for name in ("train", "test"):
        rows = [{"imgpath": "F001/T1/1.jpg", "AUs": [1, 1, 0] * 10}]
        (tmp_path / f"{name}.json").write_text(json.dumps(rows))
    with pytest.raises(AuheatError, match=r"^subject 'F001' of .* is both in 'train'"):
        convert(tmp_path, tmp_path / "out", ConversionPlan("authors-json"))
