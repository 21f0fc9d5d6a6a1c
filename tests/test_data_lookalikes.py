"""Look-alikes of datasets: the files against the truth that `film` gives, read by plain means.

Everything is drawn with the tiny face pack, in this process but for one test with real workers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from scipy.io import loadmat

from auheat import geometry
from auheat.cli import main
from auheat.data.lookalikes import (
    CASTS,
    MARK,
    LookalikePlan,
    Take,
    film,
    filming,
    write,
    write_lookalike,
)
from auheat.data.lookalikes.cast import person_number
from auheat.data.lookalikes.filming import STEP, level, perform
from auheat.data.lookalikes.repertoire import BP4D_SHARES, DISFA_SHARES
from auheat.errors import AuheatError
from auheat.facs import BP4D_AUS, DISFA_AUS, PAPER_AUS
from auheat.media.frames import VideoFile
from auheat.synthesis.studio import Studio
from serial_pool import Serial


@pytest.fixture
def serial(monkeypatch: pytest.MonkeyPatch, tiny_studio: Studio) -> Iterator[None]:
    threads = cv2.getNumThreads()
    monkeypatch.setattr(write.parts, "ProcessPoolExecutor", Serial)
    monkeypatch.setattr(write, "Studio", lambda pack: tiny_studio)
    monkeypatch.setattr(write, "_worker", None)
    yield
    cv2.setNumThreads(threads)


@pytest.fixture
def fewer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets the subjects of a layout appear in these sequences only."""

    def change(layout: str, *sequences: str) -> None:
        changed = replace(CASTS[layout], sequences=sequences)
        monkeypatch.setattr(filming, "CASTS", {**CASTS, layout: changed})

    return change


def tiny(layout: str, subjects: int, frames: int, size: int = 32, seed: int = 3) -> LookalikePlan:
    return LookalikePlan(layout, seed, subjects, frames, size)


def files(folder: Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def numbers(path: Path, separator: str = ",") -> list[list[int]]:
    return [[int(v) for v in line.split(separator)] for line in path.read_text().splitlines()]


def without_corners(landmarks: np.ndarray, first: int = 0) -> np.ndarray:
    return np.concatenate([landmarks[first:60], landmarks[61:64], landmarks[65:]])


def difference(image: np.ndarray, other: np.ndarray) -> float:
    assert image.shape == other.shape
    return float(np.abs(image.astype(int) - other).mean())


def picture(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def shares(layout: str, seeds: range) -> dict[str, np.ndarray]:
    """By AU, the shares of frames at levels 0 to 5."""
    counts: dict[str, np.ndarray] = {au: np.zeros(6) for au in CASTS[layout].aus}
    for seed in seeds:
        plan = LookalikePlan(layout, seed)
        for subject in plan.names:
            for sequence in plan.cast.sequences:
                performance = perform(plan, subject, sequence)
                for index in range(0, plan.frames, 3):
                    for au in counts:
                        events = [e for e in performance.events if e.au == au]
                        most = max((e.at(STEP * index) for e in events), default=0.0)
                        counts[au][level(most)] += 1
    return {au: count / count.sum() for au, count in counts.items()}


@pytest.mark.parametrize(("layout", "published"), [("disfa", DISFA_SHARES), ("bp4d", BP4D_SHARES)])
def test_levels_are_as_frequent_as_in_the_dataset(layout: str, published: dict[str, float]) -> None:
    found = shares(layout, range(2))
    assert set(found) == set(published)
    for au, share in published.items():
        factor = 2.0 if au in ("AU05", "AU20") else 1.5
        assert share / factor < 1 - found[au][0] < share * factor, au
    low_to_high = np.sum(list(found.values()), 0)[1:]
    assert (np.diff(low_to_high)[1:] < 0).all()
    assert low_to_high[0] + low_to_high[1] > 2 * (low_to_high[3] + low_to_high[4])


def test_published_shares() -> None:
    """Mavadati et al. 2013: AU25 in 46,052 and AU5 in 2,728 of 130,814 frames."""
    assert DISFA_SHARES["AU25"] == pytest.approx(0.35204, abs=1e-5)
    assert DISFA_SHARES["AU05"] == pytest.approx(0.02085, abs=1e-5)
    assert tuple(DISFA_SHARES) == DISFA_AUS


def test_aus_come_together_as_in_spontaneous_faces() -> None:
    """P(b | a) against P(b), from which chance would not differ."""
    plan, rows = LookalikePlan("disfa", 1), []
    for subject in plan.names:
        performance = perform(plan, subject, "video")
        for index in range(0, plan.frames, 3):
            levels = performance.expression(STEP * index).intensities
            rows.append([levels[au] >= 0.5 for au in DISFA_AUS])
    seen = np.array(rows)
    for a, b in ((6, 12), (2, 1), (9, 4), (15, 17), (26, 25), (5, 2)):
        given, then = (seen[:, DISFA_AUS.index(f"AU{n:02d}")] for n in (a, b))
        assert then[given].mean() > 1.5 * then.mean(), (a, b)


def test_people_differ_in_how_expressive_they_are() -> None:
    """More than one person's sessions do."""
    plan = LookalikePlan("disfa", 1)
    counts = [
        [len(perform(plan, name, str(session)).events) for session in range(8)]
        for name in plan.names
    ]
    between, within = np.mean(counts, 1).var(), np.var(counts, 1).mean() / 8
    assert between > 2.5 * within


def test_takes_tell_the_truth(tiny_studio: Studio) -> None:
    plan = tiny("disfa", 1, 12)
    takes = list(film(tiny_studio, plan, "SN001", "video"))
    assert [take.frame for take in takes] == list(range(1, 13))
    performance = perform(plan, "SN001", "video")
    for index, take in enumerate(takes):
        assert take.image.shape == (32, 40, 3)
        assert take.landmarks.shape == (68, 2)
        assert (take.landmarks > 0).all()
        assert (take.landmarks < (40, 32)).all()
        assert take.intensities == performance.expression(STEP * index).intensities
        assert tuple(take.levels) == DISFA_AUS
        for au, coded in take.levels.items():
            assert type(coded) is int
            assert abs(coded - take.intensities[au]) <= 0.5
    assert max(max(take.levels.values()) for take in takes) > 0


def test_takes_are_decided_by_seed_subject_and_sequence(tiny_studio: Studio) -> None:
    def first(layout: str, seed: int, subject: str, sequence: str) -> Take:
        plan = LookalikePlan(layout, seed, frames=2, size=32)
        return next(film(tiny_studio, plan, subject, sequence))

    same = [first("bp4d", 1, "F001", "T2"), first("bp4d", 1, "F001", "T2")]
    same.append(first("fera2015", 1, "F001", "T2"))  # FERA 2015 shows BP4D
    assert len({take.image.tobytes() for take in same}) == 1
    others = [
        first("bp4d", 2, "F001", "T2"), first("bp4d", 1, "F002", "T2"),
        first("bp4d", 1, "F001", "T3"), first("bp4d-plus", 1, "F001", "T1"),
    ]  # fmt: skip
    assert len({take.image.tobytes() for take in [*same, *others]}) == 5


def test_who_plays_whom() -> None:
    names = [("disfa", "SN001"), ("bp4d", "F001"), ("bp4d", "M001"), ("bp4d-plus", "F001"),
             ("bp4d-plus", "M001"), ("unbc", "042-ll042"), ("fera2017", "VA_F004")]  # fmt: skip
    assert len({person_number(*name) for name in names}) == len(names)
    assert person_number("disfa-plus", "SN001") == person_number("disfa", "SN001")
    assert person_number("fera2017", "TR_M001") == person_number("bp4d", "M001")
    for layout, cast in CASTS.items():
        assert len({person_number(layout, name) for name in cast.subjects}) == len(cast.subjects)
    counts = {layout: len(cast.subjects) for layout, cast in CASTS.items()}
    expected = {"disfa": 27, "disfa-plus": 9, "bp4d": 41, "fera2015": 41, "unbc": 25}
    assert counts | expected == counts
    assert CASTS["bp4d-plus"].sequences == ("T1", "T6", "T7", "T8")


def test_disfa(serial: None, tiny_folder: Path, tiny_studio: Studio, tmp_path: Path) -> None:
    plan, done = tiny("disfa", 27, 3), []
    write_lookalike(tiny_folder, tmp_path, plan, 1, done.append)
    assert sum(done) == plan.images == 27 * 3 - 1
    assert {path.name for path in tmp_path.iterdir()} == {
        MARK, "ActionUnit_Labels", "Landmark_Points", "Videos_LeftCamera"
    }  # fmt: skip
    assert "not that dataset" in (tmp_path / MARK).read_text()
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
        takes = list(film(tiny_studio, plan, subject, "video"))
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


@pytest.mark.parametrize("layout", ["bp4d", "fera2015", "bp4d-plus"])
def test_bp4d(
    serial: None,
    fewer: Callable[..., None],
    tiny_folder: Path,
    tiny_studio: Studio,
    tmp_path: Path,
    layout: str,
) -> None:
    fewer(layout, "T1", "T6")
    plan, seen = tiny(layout, 2, 12, seed=8), {"hidden": 0, "lost": 0}
    write_lookalike(tiny_folder, tmp_path, plan, 1)
    codes = tmp_path / ("AU Intensity Codes3.0" if layout == "fera2015" else "AUCoding/AU_INT")
    widths = set()
    for subject in plan.names:
        for task in plan.cast.sequences:
            takes = list(film(tiny_studio, plan, subject, task))
            stored = {int(path.stem): path for path in (tmp_path / subject / task).iterdir()}
            widths |= {len(path.stem) for path in stored.values()}
            assert sorted(stored) == [take.frame for take in takes]
            assert min(stored) > 1
            assert difference(picture(stored[takes[-1].frame]), takes[-1].image) < 8
            name = f"{subject}_{task}"
            for au in BP4D_AUS:
                rows = numbers(codes / au / f"{name}_{au}.csv")
                assert rows == [[take.frame, take.levels.get(au, 9)] for take in takes]
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
                expected = without_corners(take.landmarks, 17) if take.tracked else []
                np.testing.assert_array_equal(fit["pred"], expected)
                seen["lost"] += not take.tracked
    assert len(widths) > 1
    assert seen["hidden"] > 0
    assert seen["lost"] > 0


def test_disfa_plus(
    serial: None,
    fewer: Callable[..., None],
    tiny_folder: Path,
    tiny_studio: Studio,
    tmp_path: Path,
) -> None:
    trial = "A3_AU1_2_TrailNo_2"
    assert trial in CASTS["disfa-plus"].sequences
    fewer("disfa-plus", trial)
    plan = tiny("disfa-plus", 2, 12, 96)
    write_lookalike(tiny_folder, tmp_path, plan, 1)
    for subject, labels in (("SN001", "Labels/SN001"), ("SN003", "Labels/SN003/SN003")):
        takes = list(film(tiny_studio, plan, subject, trial))
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
    serial: None,
    fewer: Callable[..., None],
    tiny_folder: Path,
    tiny_studio: Studio,
    tmp_path: Path,
) -> None:
    fewer("fera2017", "T1", "T7")
    plan = tiny("fera2017", 3, 4)
    write_lookalike(tiny_folder, tmp_path, plan, 1)
    assert {name[:2] for name in plan.names} == {"TR", "VA"}
    assert len(list((tmp_path / "Videos").iterdir())) == 3 * 2
    assert len(list((tmp_path / "Intensity").iterdir())) == 3 * 2 * 7
    for subject in plan.names:
        takes = list(film(tiny_studio, plan, subject, "T7"))
        frames = list(VideoFile(tmp_path / "Videos" / f"FERA17_{subject}_T7_6.mp4"))
        assert all(difference(f.image, t.image) < 12 for f, t in zip(frames, takes, strict=True))
        for au in ("AU01", "AU17"):
            rows = numbers(tmp_path / "Intensity" / f"FERA17_{subject}_T7_{au}_Int.csv")
            assert rows == [[take.frame, take.levels[au]] for take in takes]


def test_unbc(
    serial: None,
    fewer: Callable[..., None],
    tiny_folder: Path,
    tiny_studio: Studio,
    tmp_path: Path,
) -> None:
    fewer("unbc", "t1aaaff")
    plan, shut, empty = tiny("unbc", 2, 20, seed=20), 0, 0
    write_lookalike(tiny_folder, tmp_path, plan, 1)
    for subject in plan.names:
        for part in plan.cast.sequences:
            sequence = subject[4:] + part
            for take in film(tiny_studio, plan, subject, part):
                place = f"{subject}/{sequence}/{sequence}{take.frame:03d}"
                image = picture(tmp_path / "Images" / f"{place}.png")
                np.testing.assert_array_equal(image, take.image)
                text = (tmp_path / "Frame_Labels" / "FACS" / f"{place}_facs.txt").read_text()
                rows = [[float(v) for v in line.split()] for line in text.splitlines()]
                assert "e+0" in text or not text
                found = {int(row[0]): int(row[1]) for row in rows if row[0] != 43}
                assert found == {int(au[2:]): v for au, v in take.levels.items() if v}
                assert (43 in [row[0] for row in rows]) == take.shut
                assert all(onset <= take.frame <= offset for *_, onset, offset in rows)
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
    serial: None,
    fewer: Callable[..., None],
    tiny_folder: Path,
    tiny_studio: Studio,
    tmp_path: Path,
    layout: str,
    points: int,
    subject: str,
    aus: tuple[str, ...],
) -> None:
    fewer(layout, CASTS[layout].sequences[-1])
    plan = tiny(layout, 3, 2, 160)
    write_lookalike(tiny_folder, tmp_path, plan, 1)
    assert {p.name for p in tmp_path.iterdir()} == {MARK, "images", "train.json", "test.json"}
    train, test = (
        json.loads((tmp_path / f"{name}.json").read_text()) for name in ("train", "test")
    )
    assert len(train) == 2 * len(test) == plan.images * 2 // 3
    for row in (*train, *test):
        assert len(row["AUs"]) == 3 * points
        assert Image.open(tmp_path / row["imgpath"]).size == (256, 256)
    last = plan.cast.sequences[-1]
    take = list(film(tiny_studio, plan, subject, last))[-1]
    (row,) = (r for r in train if f"{subject}_{last}_{take.frame:04d}" in r["imgpath"])
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


def test_workers_do_not_matter(
    request: pytest.FixtureRequest, tiny_folder: Path, tmp_path: Path
) -> None:
    """Two real processes against this one, to the byte."""
    plan = tiny("disfa", 2, 2)
    write_lookalike(tiny_folder, tmp_path / "two", plan, 2)
    request.getfixturevalue("serial")
    write_lookalike(tiny_folder, tmp_path / "none", plan, 1)
    two, none = (files(tmp_path / name) for name in ("two", "none"))
    assert two == none
    assert len(two) == 1 + 2 * (1 + 12 + 2)


def test_a_stopped_run_shows_nothing_and_is_continued(
    serial: None, monkeypatch: pytest.MonkeyPatch, tiny_folder: Path, tmp_path: Path
) -> None:
    plan, made = tiny("disfa", 3, 2), []
    write_lookalike(tiny_folder, tmp_path / "whole", plan, 1)
    original = write._make_subject

    def stopping(subject: str) -> int:
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(subject)
        return original(subject)

    out = tmp_path / "stopped"
    monkeypatch.setattr(write, "_make_subject", stopping)
    with pytest.raises(KeyboardInterrupt):
        write_lookalike(tiny_folder, out, plan, 1)
    assert all(path.name.startswith(".") for path in out.iterdir())
    with pytest.raises(AuheatError, match="other settings"):
        write_lookalike(tiny_folder, out, tiny("disfa", 2, 2), 1)
    monkeypatch.setattr(write, "_make_subject", lambda s: (made.append(s), original(s))[1])
    counts: list[int] = []
    write_lookalike(tiny_folder, out, plan, 1, counts.append)
    assert made == ["SN001", "SN002", "SN003"]
    assert counts == [4, 2]
    assert files(out) == files(tmp_path / "whole")


def test_what_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(AuheatError, match="holds other files"):
        write_lookalike(tiny_folder, tmp_path, tiny("disfa", 1, 2), 1)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    for arguments, reason in (
        (("disfo",), "did you mean 'disfa'"),
        (("disfa", 1, 28), "27 subjects"),
        (("disfa", 1, 1, 1), "at least 2"),
        (("disfa", 1, 1, 2, 33), "even number"),
    ):
        with pytest.raises(AuheatError, match=reason):
            LookalikePlan(*arguments)


def test_the_command_line(serial: None, tiny_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "look"
    arguments = ["synth", "--layout", "disfa", "--assets", tiny_folder, "-o", out, "--frames", 2]
    arguments += ["--subjects", 1, "--size", 48, "--workers", 1, "--seed", 5]
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    assert f"look-alike of disfa: {out}" in result.stdout
    (video,) = (out / "Videos_LeftCamera").iterdir()
    assert [frame.image.shape for frame in VideoFile(video)] == [(48, 60, 3)] * 2
    refused = CliRunner().invoke(main, [*map(str, arguments[:2]), "x", *map(str, arguments[3:])])
    assert refused.exit_code == 2
    assert "unknown layout 'x'" in refused.stderr
