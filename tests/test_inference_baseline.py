"""The face at rest: from a frame, an image, a file or a whole video. Frames are grey."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from auheat.errors import AuheatError
from auheat.geometry import Points
from auheat.inference.baselines import (
    BASELINE_WINDOW_S,
    at_frame,
    from_video,
    quietest,
    resolve_baseline,
)
from auheat.inference.calibration import Baseline, PersonBaseline, read_baseline
from auheat.inference.inputs import gather
from auheat.inference.jobs import PredictionJob
from auheat.inference.postprocess import PostProcessing
from auheat.inference.video import VideoPrediction
from auheat.inference.writers import Outputs
from auheat.results import Face
from auheat.tables.series import SeriesRecorder
from grey_video import REST, Greys, grey_predictor, intensities_of
from stand_ins import face_from


@pytest.fixture
def people(face: Points) -> list[Face]:
    return [face_from(face, 0), face_from(face * 0.6 + 80, 1)]


def test_a_baseline_frame_is_the_median_about_it(people: list[Face]) -> None:
    """A quarter of a second at 25 frames is six frames before and six after."""
    greys = [200] * 10 + [50, 52, 51, 53, 55, 54, 50, 57, 58, 59, 60, 61, 62] + [200] * 20
    source = Greys(greys)
    found = at_frame(17, source, predictor=grey_predictor([people[:1]]))
    assert list(found.faces) == [0]
    assert found.faces[0].frames == tuple(range(11, 24))
    middle = float(np.median(greys[10:23]))
    assert list(found.faces[0].intensities.values()) == pytest.approx(
        intensities_of(middle), abs=1e-5
    )
    assert found.source == "clip"
    first = at_frame(1, source, predictor=grey_predictor([people[:1]]))
    assert first.faces[0].frames == tuple(range(1, 8))


def test_a_frame_a_quarter_of_a_second_later_counts_whatever_its_rounding(
    people: list[Face],
) -> None:
    """At 24 frames a second the sixth lies just there, but in floats 28 / 24 > 22 / 24 + 0.25."""
    assert 22 / 24 + BASELINE_WINDOW_S < 28 / 24
    source = Greys([50] * 17 + [90] * 6 + [60] * 6 + [200] * 5, rate=24)
    found = at_frame(23, source, predictor=grey_predictor([people[:1]]))
    assert found.faces[0].frames == tuple(range(17, 30))


def test_a_baseline_frame_knows_only_who_is_in_it(people: list[Face]) -> None:
    script = [people[:1], people[:1], people, people]
    source = Greys([50, 50, 100, 100])
    assert list(at_frame(2, source, predictor=grey_predictor(script)).faces) == [0]
    assert sorted(at_frame(3, source, predictor=grey_predictor(script)).faces) == [0, 1]
    video = VideoPrediction(source, grey_predictor(script), processing=PostProcessing(baseline=2))
    table = video.to_pandas()
    assert table.loc[table.face_id == 0, "AU09_r"].tolist() == [0.0] * 4
    assert table.loc[table.face_id == 1, "AU09_r"].tolist() == pytest.approx([1.0] * 2)


def test_baseline_frames_that_are_not_there(people: list[Face]) -> None:
    source = Greys([50] * 4)
    with pytest.raises(AuheatError, match="clip has 4 frames: there is no baseline frame 5"):
        at_frame(5, source, predictor=grey_predictor([people]))
    with pytest.raises(AuheatError, match="frame 2 of clip shows no face"):
        at_frame(2, source, predictor=grey_predictor([people, []]))


def test_the_quietest_frames() -> None:
    """Of 100 frames 15 are at rest; the second AU reads high then and falls in any expression."""
    random = np.random.default_rng(0)
    quiet = random.normal([1.0, 2.8, *[0.2] * 10], 0.02, (15, 12))
    active = random.uniform([2, 0, *[1] * 10], [4, 0.2, *[4] * 10], (85, 12))
    order = random.permutation(100)
    levels = np.concatenate([quiet, active])[order]
    found = quietest(levels)
    assert found.tolist() == sorted(found)
    assert len(found) == 10
    assert (order[found] < 15).all()
    assert quietest(levels[:12]).size == 5


def test_auto_leaves_out_who_is_hardly_seen(people: list[Face]) -> None:
    recorder = SeriesRecorder(("AU04",))
    for frame in range(1, 31):
        recorder.add_row(0, [frame, frame / 25, 0.9 if frame > 10 else 0.5, float(frame > 10)])
        if frame < 10:
            recorder.add_row(1, [frame, frame / 25, 0.9, 2.0])
        # Ten frames that a table prints as 0.70, and as 0.69.
        if frame <= 10:
            recorder.add_row(2, [frame, frame / 25, 0.6951, 3.0])
            recorder.add_row(3, [frame, frame / 25, 0.6949, 3.0])
    found = from_video(recorder, "clip.mp4")
    assert list(found.faces) == [0, 2]
    assert len(found.faces[2].frames) == 5
    assert found.faces[0].intensities == {"AU04": 1.0}  # not the unsure frames' 0
    assert min(found.faces[0].frames) > 10
    with pytest.raises(AuheatError, match=r"nobody is seen well enough in clip\.mp4"):
        from_video(SeriesRecorder(("AU04",)), "clip.mp4")


def test_what_the_user_may_name_as_baseline(tmp_path: Path, people: list[Face]) -> None:
    predictor = grey_predictor([people[:1]])
    Pillow.new("RGB", (320, 240), (50, 50, 50)).save(tmp_path / "rest.png")
    assert resolve_baseline(None, predictor) is None
    assert resolve_baseline("none", predictor) is None
    assert resolve_baseline("auto", predictor) == "auto"
    assert resolve_baseline("12", predictor) == resolve_baseline(12, predictor) == 12
    image = resolve_baseline(tmp_path / "rest.png", predictor)
    assert isinstance(image, Baseline)
    assert image.shared
    assert list(image.of(7).intensities.values()) == pytest.approx(intensities_of(50))  # type: ignore[union-attr]
    image.write(str(tmp_path / "a.json"))
    saved = resolve_baseline(str(tmp_path / "a.json"), predictor)
    assert isinstance(saved, Baseline)
    assert saved.of(3) == image.of(0)


def test_wrong_names_for_a_baseline_are_one_line(tmp_path: Path, people: list[Face]) -> None:
    one, two, nobody = (grey_predictor([known]) for known in (people[:1], people, []))
    Pillow.new("RGB", (320, 240)).save(tmp_path / "photo.png")
    (tmp_path / "other.json").write_text('{"auheat_baseline": 2}')
    (tmp_path / "text.json").write_text("not json")
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "new.json").write_text('{"auheat_baseline": 3}')
    Baseline({0: PersonBaseline({"AU01": 1.0})}, "image", source="b.png").write(
        tmp_path / "aus.json"
    )
    Baseline({0: PersonBaseline(REST), 1: PersonBaseline(REST)}, "auto", source="b.mp4").write(
        tmp_path / "two.json"
    )
    text = (tmp_path / "two.json").read_text().replace('"1": ', '"x": ')
    (tmp_path / "who.json").write_text(text)
    (tmp_path / "range.json").write_text(text.replace("2.5", "7.5"))
    frames = (tmp_path / "aus.json").read_text().replace('"frames": []', '"frames": [Infinity]')
    assert "Infinity" in frames
    (tmp_path / "frames.json").write_text(frames)
    for named, predictor, reason in (
        (0, one, "frames count from 1"),
        ("-3", one, "frames count from 1"),
        (tmp_path / "none.png", one, "no file at"),
        (tmp_path / "none.json", one, "no file at"),
        (tmp_path / "photo.png", two, "shows 2 faces"),
        (tmp_path / "photo.png", nobody, "shows no face"),
        (tmp_path / "other.json", one, "holds no baseline"),
        (tmp_path / "text.json", one, "holds no baseline"),
        (tmp_path / "list.json", one, "holds no baseline"),
        (tmp_path / "who.json", one, "holds no baseline"),
        (tmp_path / "range.json", one, "holds no baseline"),
        (tmp_path / "frames.json", one, "holds no baseline"),
        (tmp_path / "new.json", one, "has format 3"),
        (tmp_path / "aus.json", one, "lacks AU04, AU09, AU12"),
        (tmp_path / "two.json", one, "2 people"),
    ):
        with pytest.raises(AuheatError, match=reason) as refused:
            resolve_baseline(named, predictor)
        assert "\n" not in str(refused.value)


def test_a_baseline_file_in_full(tmp_path: Path) -> None:
    Baseline(
        {2: PersonBaseline({"AU04": 1.06, "AU12": 0.12345}, (1, 2, 3))},
        "frame 2",
        source="clip.mp4",
    ).write(tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text()) == {
        "auheat_baseline": 2,
        "method": "frame 2",
        "source": "clip.mp4",
        "aus": ["AU04", "AU12"],
        "faces": {"2": {"frames": [1, 2, 3], "intensities": {"AU04": 1.06, "AU12": 0.1235}}},
    }
    found = read_baseline(tmp_path / "a.json")
    assert found.only(["AU12"]).of(0) == PersonBaseline({"AU12": 0.1235}, (1, 2, 3))


def test_a_baseline_higher_than_what_is_taken_off_is_said_and_kept(
    tmp_path: Path, people: list[Face]
) -> None:
    """Of a rest of 3.94, 3.5 is taken off: the file had called 3.94 subtracted, and nobody knew."""
    rest = {"AU04": 3.94, "AU09": 0.0, "AU12": 2.5}
    Baseline({0: PersonBaseline(rest)}, "image", source="rest.png").write(tmp_path / "a.json")
    (person,) = json.loads((tmp_path / "a.json").read_text())["faces"].values()
    assert person["intensities"] == {"AU04": 3.5, "AU09": 0.0, "AU12": 2.5}
    assert person["at_rest"] == {"AU04": 3.94}
    found = read_baseline(tmp_path / "a.json")
    assert found.of(7) == PersonBaseline(rest)
    # By hand: 0.44 + 3.5 * 0.44^2 / 1.5^2.
    assert found.notes == (
        "a baseline takes off at most 3.5: AU04 reads 3.94 at rest and keeps 0.74",
    )
    assert Baseline({0: PersonBaseline(REST)}, "image", source="rest.png").notes == ()
    several = Baseline({n: PersonBaseline(rest) for n in (0, 3)}, "auto", source="a.mp4").notes
    assert "AU04 of person 0 reads 3.94 at rest and keeps 0.74, AU04 of person 3" in several[0]
    (tmp_path / "a.json").write_text((tmp_path / "a.json").read_text().replace("3.94", '"x"'))
    with pytest.raises(AuheatError, match="holds no baseline"):
        read_baseline(tmp_path / "a.json")


def test_such_a_baseline_is_noted_when_it_is_used(tmp_path: Path, people: list[Face]) -> None:
    predictor = grey_predictor([people[:1]])
    video = VideoPrediction(Greys([200] * 3), predictor, processing=PostProcessing(baseline=1))
    with pytest.warns(UserWarning, match=r"clip: .* AU04 of person 0 reads 4\.00 at rest"):
        video.to_pandas()
    Pillow.new("RGB", (320, 240), (200,) * 3).save(tmp_path / "a.png")
    baseline = resolve_baseline(tmp_path / "a.png", predictor)
    job = PredictionJob(predictor, Outputs(tmp_path), PostProcessing(baseline=baseline))
    (outcome,) = job.run(gather([tmp_path / "a.png"], tmp_path, sequence=False))
    assert outcome.problem is None
    assert "at most 3.5: AU04 reads 4.00 at rest and keeps 0.89" in str(outcome.note)
