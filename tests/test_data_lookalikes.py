"""Look-alikes of datasets: the files against the truth of the renderer, read by plain means.

Everything is drawn with the tiny face pack, in this process.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.io import loadmat

from auheat import geometry
from auheat.data.datasets import DATASETS, lookalikes
from auheat.data.datasets.spec import SYNTHETIC_MARK
from auheat.data.lookalike import write_lookalike
from auheat.data.sequences import render_sequence
from auheat.facs import BP4D_AUS, DISFA_AUS, PAPER_AUS
from auheat.media.frames import VideoFile
from auheat.synthesis.studio import Studio
from progress_steps import Steps
from small_lookalikes import tiny

pytestmark = pytest.mark.usefixtures("tiny_serial")


@pytest.fixture
def fewer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets the subjects of a layout appear in these sequences only."""

    def change(layout: str, *sequences: str) -> None:
        dataset = next(d for d in DATASETS.values() if layout in d.lookalikes)
        corpus = replace(dataset.lookalikes[layout].corpus, sequences=sequences)
        changed = replace(dataset.lookalikes[layout], corpus=corpus)
        layouts = {**dataset.lookalikes, layout: changed}
        monkeypatch.setitem(DATASETS, dataset.spec.name, replace(dataset, lookalikes=layouts))

    return change


def numbers(path: Path, separator: str = ",") -> list[list[int]]:
    return [[int(v) for v in line.split(separator)] for line in path.read_text().splitlines()]


def without_corners(landmarks: NDArray[Any], first: int = 0) -> NDArray[Any]:
    return np.concatenate([landmarks[first:60], landmarks[61:64], landmarks[65:]])


def difference(image: NDArray[Any], other: NDArray[Any]) -> float:
    assert image.shape == other.shape
    return float(np.abs(image.astype(int) - other).mean())


def stored_image(path: Path) -> NDArray[Any]:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.slow
def test_disfa(tiny_folder: Path, tiny_studio: Studio, tmp_path: Path) -> None:
    plan, progress = tiny("disfa", 27, 3), Steps()
    write_lookalike(tiny_folder, tmp_path, plan, progress=progress)
    assert sum(progress.steps) == progress.total == 27 * 3 - 1
    assert {path.name for path in tmp_path.iterdir()} == {
        SYNTHETIC_MARK, "ActionUnit_Labels", "Landmark_Points", "Videos_LeftCamera"
    }  # fmt: skip
    assert "not that dataset" in (tmp_path / SYNTHETIC_MARK).read_text()
    marks, mats = tmp_path / "Landmark_Points", {}
    for subject in plan.names:
        labels = tmp_path / "ActionUnit_Labels" / subject
        assert len(list(labels.iterdir())) == 12
        count = 2 if subject == "SN010" else 3
        for au in DISFA_AUS:
            rows = numbers(labels / f"{subject}_au{int(au[2:])}.txt")
            assert [frame for frame, _ in rows] == list(range(1, count + 1))
        mats[subject] = sorted(path.name for path in (marks / subject).rglob("*.mat"))
        more = {"SN031": -1, "SN004": 1}.get(subject, 0)
        assert len(mats[subject]) == count + more
    videos = {path.name.lower() for path in (tmp_path / "Videos_LeftCamera").iterdir()}
    assert videos == {f"leftvideo{subject.lower()}_comp.avi" for subject in plan.names}
    assert mats["SN001"] == [f"SN001_000{i}_lm.mat" for i in range(3)]
    assert mats["SN002"] == [f"l0000{i}_lm.mat" for i in range(1, 4)]
    for subject, first in (("SN010", "SN010_0000_lm.mat"), ("SN002", "l00001_lm.mat")):
        takes = list(render_sequence(tiny_studio, plan, subject=subject, sequence="video"))
        video = VideoFile(tmp_path / "Videos_LeftCamera" / f"LeftVideo{subject}_comp.avi")
        frames = list(video)
        assert (len(frames), float(video.rate)) == (len(takes), 20.0)
        for frame, take in zip(frames, takes, strict=True):
            assert difference(frame.image, take.image) < 8
        (path,) = (marks / subject).rglob(first)
        expected = without_corners(takes[0].landmarks)
        np.testing.assert_array_equal(loadmat(path)["pts"], expected)
        rows = numbers(tmp_path / "ActionUnit_Labels" / subject / f"{subject}_au4.txt")
        assert [coded for _, coded in rows] == [take.levels["AU04"] for take in takes]


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["bp4d", "fera2015", "bp4d-plus"])
def test_bp4d(
    fewer: Callable[..., None],
    tiny_folder: Path,
    tiny_studio: Studio,
    tmp_path: Path,
    layout: str,
) -> None:
    fewer(layout, "T1", "T6")
    plan, seen = tiny(layout, 2, 12, seed=8), {"hidden": 0, "lost": 0}
    write_lookalike(tiny_folder, tmp_path, plan)
    codes = tmp_path / ("AU Intensity Codes3.0" if layout == "fera2015" else "AUCoding/AU_INT")
    widths = set()
    for subject in plan.names:
        for task in plan.corpus.sequences:
            takes = list(render_sequence(tiny_studio, plan, subject=subject, sequence=task))
            stored = {int(path.stem): path for path in (tmp_path / subject / task).iterdir()}
            widths |= {len(path.stem) for path in stored.values()}
            assert sorted(stored) == [take.number for take in takes]
            assert min(stored) > 1
            assert difference(stored_image(stored[takes[-1].number]), takes[-1].image) < 8
            name = f"{subject}_{task}"
            for au in BP4D_AUS:
                rows = numbers(codes / au / f"{name}_{au}.csv")
                assert rows == [[take.number, take.levels.get(au, 9)] for take in takes]
                seen["hidden"] += sum(coded == 9 for _, coded in rows)
            header, *rows = numbers(tmp_path / "AUCoding" / "AU_OCC" / f"{name}.csv")
            assert header[1:] == [int(au[2:]) for au in PAPER_AUS]
            for row, take in zip(rows, takes, strict=True):
                present = dict(zip(PAPER_AUS, row[1:], strict=True))
                for au in BP4D_AUS:
                    assert present[au] == (take.levels[au] >= 1 if au in take.levels else 9)
            fits = loadmat(tmp_path / "2DFeatures" / f"{name}.mat", simplify_cells=True)["fit"]
            assert len(fits) == len(takes)
            for fit, take in zip(fits, takes, strict=True):
                assert fit["isTracked"] == take.tracked
                expected: Any = without_corners(take.landmarks, 17) if take.tracked else []
                np.testing.assert_array_equal(fit["pred"], expected)
                seen["lost"] += not take.tracked
    assert len(widths) > 1
    assert seen["hidden"] > 0
    assert seen["lost"] > 0


def test_disfa_plus(
    fewer: Callable[..., None],
    tiny_folder: Path,
    tiny_studio: Studio,
    tmp_path: Path,
) -> None:
    trial = "A3_AU1_2_TrailNo_2"
    assert trial in lookalikes()["disfa-plus"].corpus.sequences
    fewer("disfa-plus", trial)
    plan = tiny("disfa-plus", 2, 12, 96)
    write_lookalike(tiny_folder, tmp_path, plan)
    for subject, labels in (("SN001", "Labels/SN001"), ("SN003", "Labels/SN003/SN003")):
        takes = list(render_sequence(tiny_studio, plan, subject=subject, sequence=trial))
        images = sorted((tmp_path / "Images" / subject / trial).iterdir())
        assert [path.name for path in images] == [f"{i:03d}.jpg" for i in range(12)]
        for au in DISFA_AUS:
            lines = (tmp_path / labels / trial / f"AU{int(au[2:])}.txt").read_text().splitlines()
            rows = [line.split() for line in lines[2:]]
            assert rows == [[f"{i:03d}.jpg", str(t.levels[au])] for i, t in enumerate(takes)]
        shown = {au for take in takes for au, coded in take.levels.items() if coded >= 2}
        assert shown == {"AU01", "AU02"}
        assert not any(takes[0].levels.values())
        path = tmp_path / "FaceLandmarks" / subject / f"{trial}_FaceCropped.mat"
        cuts = loadmat(path, simplify_cells=True)["FaceImg_CropResize"]
        assert [cut["imgID"] for cut in cuts] == [path.name for path in images]
        for cut, take in zip(cuts, takes, strict=True):
            own = without_corners(take.landmarks, 17)
            assert cut["ImgCropped"].shape == (48, 48, 3)
            assert ((cut["LndPntCropped"] > 0) & (cut["LndPntCropped"] < 47)).all()
            # The part of the frame that the points say was cut out looks like the cut.
            back = geometry.fit_similarity(own, cut["LndPntCropped"])
            np.testing.assert_allclose(back[0, 1], 0, atol=1e-9)
            again = cv2.warpAffine(take.image, back, (48, 48), borderMode=cv2.BORDER_REPLICATE)
            off = np.roll(again, 3, axis=1)
            assert difference(cut["ImgCropped"], again) < 0.4 * difference(again, off)


def test_fera2017(
    fewer: Callable[..., None],
    tiny_folder: Path,
    tiny_studio: Studio,
    tmp_path: Path,
) -> None:
    fewer("fera2017", "T1", "T7")
    plan = tiny("fera2017", 3, 4)
    write_lookalike(tiny_folder, tmp_path, plan)
    assert {name[:2] for name in plan.names} == {"TR", "VA"}
    assert len(list((tmp_path / "Videos").iterdir())) == 3 * 2
    assert len(list((tmp_path / "Intensity").iterdir())) == 3 * 2 * 7
    for subject in plan.names:
        takes = list(render_sequence(tiny_studio, plan, subject=subject, sequence="T7"))
        frames = list(VideoFile(tmp_path / "Videos" / f"FERA17_{subject}_T7_6.mp4"))
        assert all(difference(f.image, t.image) < 12 for f, t in zip(frames, takes, strict=True))
        for au in ("AU01", "AU17"):
            rows = numbers(tmp_path / "Intensity" / f"FERA17_{subject}_T7_{au}_Int.csv")
            assert rows == [[take.number, take.levels[au]] for take in takes]


def test_unbc(
    fewer: Callable[..., None],
    tiny_folder: Path,
    tiny_studio: Studio,
    tmp_path: Path,
) -> None:
    fewer("unbc", "t1aaaff")
    plan, shut, empty = tiny("unbc", 2, 20, seed=22), 0, 0
    write_lookalike(tiny_folder, tmp_path, plan)
    for subject in plan.names:
        for part in plan.corpus.sequences:
            sequence = subject[4:] + part
            for take in render_sequence(tiny_studio, plan, subject=subject, sequence=part):
                place = f"{subject}/{sequence}/{sequence}{take.number:03d}"
                image = stored_image(tmp_path / "Images" / f"{place}.png")
                np.testing.assert_array_equal(image, take.image)
                text = (tmp_path / "Frame_Labels" / "FACS" / f"{place}_facs.txt").read_text()
                rows = [[float(v) for v in line.split()] for line in text.splitlines()]
                assert "e+0" in text or not text
                found = {int(row[0]): int(row[1]) for row in rows if row[0] != 43}
                assert found == {int(au[2:]): v for au, v in take.levels.items() if v}
                assert (43 in [row[0] for row in rows]) == take.shut
                assert all(onset <= take.number <= offset for *_, onset, offset in rows)
                marks = np.loadtxt(tmp_path / "AAM_landmarks" / f"{place}_aam.txt")
                np.testing.assert_allclose(marks, without_corners(take.landmarks), atol=1e-5)
                shut, empty = shut + take.shut, empty + (not text)
    assert shut > 0
    assert empty > 0


@pytest.mark.parametrize(
    ("layout", "points", "subject", "aus"),
    [("authors-json", 24, "SN002", DISFA_AUS), ("authors-json-bp4d", 10, "F002", BP4D_AUS)],
)
def test_the_authors_json(
    fewer: Callable[..., None],
    tiny_folder: Path,
    tiny_studio: Studio,
    tmp_path: Path,
    layout: str,
    points: int,
    subject: str,
    aus: tuple[str, ...],
) -> None:
    fewer(layout, lookalikes()[layout].corpus.sequences[-1])
    plan = tiny(layout, 3, 2, 160)
    write_lookalike(tiny_folder, tmp_path, plan)
    assert {p.name for p in tmp_path.iterdir()} == {
        SYNTHETIC_MARK,
        "images",
        "train.json",
        "test.json",
    }
    train, test = (
        json.loads((tmp_path / f"{name}.json").read_text()) for name in ("train", "test")
    )
    assert len(train) == 2 * len(test) == plan.images * 2 // 3
    for row in (*train, *test):
        assert len(row["AUs"]) == 3 * points
        with Image.open(tmp_path / row["imgpath"]) as image:
            assert image.size == (256, 256)
    last = plan.corpus.sequences[-1]
    take = list(render_sequence(tiny_studio, plan, subject=subject, sequence=last))[-1]
    (row,) = (r for r in train if f"{subject}_{last}_{take.number:04d}" in r["imgpath"])
    triples = np.array(row["AUs"]).reshape(-1, 3)
    assert tuple(take.levels) == aus
    each = {"AU04": 1, "AU09": 3}
    flat = [take.levels[au] for au in aus for _ in range(each.get(au, 2))]
    assert triples[:, 2].tolist() == flat
    # Points of AU12 are the corners of the mouth, below the eyes and apart, right one first.
    pair = {"authors-json": slice(12, 14), "authors-json-bp4d": slice(4, 6)}[layout]
    (x0, y0, i0), (x1, y1, i1) = triples[pair]
    assert i0 == i1 == take.levels["AU12"]
    corners = take.landmarks[[48, 54]]
    eyes = [take.landmarks[[36, 39]].mean(0), take.landmarks[[42, 45]].mean(0)]
    scale = 0.32 * 256 / float(np.linalg.norm(eyes[1] - eyes[0]))
    width = float(np.linalg.norm(corners[1] - corners[0]))
    assert np.hypot(x1 - x0, y1 - y0) == pytest.approx(scale * width, rel=0.1)
    assert x0 < 128 < x1
    assert min(y0, y1) > 0.6 * 256
