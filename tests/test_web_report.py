"""What a report tells: summaries, peaks, gaps, what goes together; by hand and against pandas."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from auheat.geometry import Points
from auheat.inference.calibration import Baseline, PersonBaseline
from auheat.results import FrameResult
from auheat.web.report.collector import Collector
from auheat.web.report.content import MAX_EVENTS, content
from auheat.web.report.peaks import MAX_PEOPLE, PeakKeeper
from auheat.web.report.readings import Readings
from auheat.web.report.statistics import (
    correlation,
    ever_present,
    joint_presence,
    peaks,
    present,
    summaries,
)
from report_content import VIDEO_HEAD, readings_of, unpacked
from stand_ins import face_from, texture
from web_sessions import two_people

AUS = ("AU04", "AU09", "AU12")
# frame, person, time, success, then the intensities
ROWS: list[tuple[float, ...]] = [
    (1, 0, 0.0, 1, 0.0, 1.0, 0.0),
    (1, 1, 0.0, 1, 2.0, 3.5, 0.0),
    (2, 0, 0.1, 1, 0.5, 0.99, 0.0),
    (2, 1, 0.1, 1, 3.0, 1.0, 0.0),
    (3, 0, 0.2, 0),
    (4, 0, 0.3, 0),
    (5, 0, 0.4, 1, 4.0, 3.0, 0.0),
    (6, 0, 0.5, 1, 1.0, 0.0, 0.0),
    (7, 0, 0.6, 0),
]


def video_of(path: Path, rows: list[tuple[float, ...]] = ROWS) -> Readings:
    lines = []
    for frame, person, time, success, *intensities in rows:
        cells = [f"{x:.2f}" for x in intensities] if success else [""] * 3
        head = [str(frame), str(person), f"{time:.3f}", "0.90", str(success)]
        lines.append(",".join([*head, *cells]))
    return readings_of(path / "a.csv", lines, f"{VIDEO_HEAD},AU04_r,AU09_r,AU12_r")


def test_a_table_tells_people_and_gaps(tmp_path: Path) -> None:
    readings = video_of(tmp_path)
    assert (readings.kind, readings.aus) == ("video", AUS)
    assert (len(readings.frames), readings.with_face.sum()) == (7, 4)
    assert [person.face_id for person in readings.series] == [0, 1]
    assert readings.series[0].frames.tolist() == [1, 2, 5, 6]
    assert readings.duration == pytest.approx(0.7)
    assert [(gap.first, gap.last) for gap in readings.gaps] == [(3, 4), (7, 7)]
    assert [x for gap in readings.gaps for x in gap[2:]] == pytest.approx([0.2, 0.4, 0.6, 0.7])


def test_what_counts_as_present() -> None:
    """As the table prints it: 0.995 is 0.99 there, and the next number above it 1.00."""
    above = np.nextafter(0.995, 1)
    assert present(np.array([[0.99, 0.995], [above, 1.0]])).tolist() == [[False] * 2, [True] * 2]
    assert present(np.array([0.49, 0.5]), 0.5).tolist() == [False, True]


def test_summary_and_peaks(tmp_path: Path) -> None:
    readings = video_of(tmp_path)
    brow, nose, _ = summaries(readings.series[0].intensities, AUS)
    assert (brow.au, brow.max, brow.row, brow.present) == ("AU04", 4.0, 2, 0.5)
    assert brow.mean == pytest.approx(5.5 / 4)
    assert nose.present == 0.5  # 0.99 is not present, 1.00 is
    assert [tuple(peak) for peak in peaks(readings)] == [("AU04", 5, 0, 4.0), ("AU09", 1, 1, 3.5)]
    assert ever_present(readings) == [0, 1]


def test_going_together_against_pandas(tmp_path: Path) -> None:
    """Person 1 has too few frames for a mean of their own, so r is that of person 0 alone."""
    readings = video_of(tmp_path)
    frame = pd.DataFrame(readings.series[0].intensities)
    related, joint = correlation(readings), joint_presence(readings)
    assert related is not None
    assert joint is not None
    assert related[:2, :2] == pytest.approx(frame.corr().to_numpy()[:2, :2])
    assert np.isnan(related[2]).all()
    assert joint[0, 1] == pytest.approx(3 / 6)
    assert (joint[0, 0], joint[1, 1], joint[2, 2]) == pytest.approx((4 / 6, 4 / 6, 0))


def test_people_who_differ_do_not_make_aus_related(tmp_path: Path) -> None:
    """Two people, each with unrelated AUs about means that differ in both: r is 0."""
    square = [(0, 0), (0, 1), (1, 0), (1, 1)]
    rows = [
        (i + 1, person, i / 10, 1, x + 3 * person, y + 3 * person, 0)
        for i, (x, y) in enumerate(square)
        for person in (0, 1)
    ]
    related = correlation(video_of(tmp_path, [tuple(map(float, row)) for row in rows]))
    assert related is not None
    assert related[0, 1] == pytest.approx(0, abs=1e-12)
    assert related[0, 0] == pytest.approx(1)


def test_content_holds_every_frame(tmp_path: Path) -> None:
    shown = content(video_of(tmp_path))
    frames, intensities = unpacked(shown["people"][0], 3)
    assert frames.tolist() == [0, 1, 4, 5]
    assert intensities[:, 0].tolist() == [0, 0.5, 4, 1]
    assert [list(gap)[:2] for gap in shown["gaps"]] == [[3, 4], [7, 7]]
    assert shown["summary"][0]["rows"][0]["at"] == "0.40 s"
    assert shown["peaks"][1]["where"] == "frame 1, 0.00 s, person 1"
    assert shown["together"]["never"] == ["AU12"]
    assert len(shown["events"]) < MAX_EVENTS


def test_events_are_those_of_the_room_of_events(tmp_path: Path) -> None:
    """AU04 of person 0, 25 frames a second: above 0.5 from 0.4 s to 1.2 s."""
    rows = [(i + 1, 0, i / 25, 1, 3.0 if 10 <= i <= 30 else 0.1, 0.0, 0.0) for i in range(50)]
    shown = content(video_of(tmp_path, [tuple(map(float, row)) for row in rows]))
    assert shown["events"] == [[0, "AU04", 0.4, 0.4, 1.2, 3.0, 1]]
    assert "reaches 1 and stays at 0.5 or more for 0.1 s or longer" in shown["eventsNote"]
    assert "blink" not in shown["eventsNote"]


def test_events_that_are_cut_off_and_short_blinks_are_told(tmp_path: Path) -> None:
    """30 frames a second: a smile from before the first frame to 0.33 s, eyes shut for 0.067 s.

    The note said that nothing shorter than 0.1 s was listed, and a smile that the start of the
    video cuts looked like a whole one.
    """
    lines = [
        f"{i + 1},0,{i / 30:.4f},0.90,1,{4 if 26 <= i <= 28 else 0}.00,{3 if i <= 10 else 0}.00"
        for i in range(40)
    ]
    shown = content(readings_of(tmp_path / "a.csv", lines, f"{VIDEO_HEAD},AU43_r,AU12_r"))
    assert shown["events"] == [
        [0, "AU12", 0.0, 0.0, 0.33, 3.0, 0],
        [0, "AU45", 0.87, 0.87, 0.93, 4.0, 1],
    ]
    note = shown["eventsNote"]
    assert "A blink (AU45, a short AU43) that reaches 3 may be shorter." in note
    assert "Cut off: it was there already" in note


def test_events_of_few_frames_a_second_are_told(tmp_path: Path) -> None:
    """Two frames a second: a single reading is an event, and the note no longer denies it."""
    rows = [(i + 1, 0, i / 2, 1, 3.0 if i == 4 else 0.1, 0.0, 0.0) for i in range(10)]
    shown = content(video_of(tmp_path, [tuple(map(float, row)) for row in rows]))
    assert shown["events"] == [[0, "AU04", 2.0, 2.0, 2.0, 3.0, 1]]
    told = "Here frames lie 0.5 s apart, and the shortest event is 0.1 s: a single reading counts"
    assert told in shown["eventsNote"]


def test_a_baseline_is_taken_off_everywhere(tmp_path: Path) -> None:
    """Person 0 with b = 1 in AU04: a reading of 4 is 3 + 9 / 16; person 1 stays as read."""
    one = PersonBaseline({"AU04": 1.0, "AU09": 0.0, "AU12": 0.0})
    readings = video_of(tmp_path).calibrated(Baseline({0: one}, "by hand", source="a"))
    assert readings.series[0].intensities[:, 0] == pytest.approx([0, 0, 3 + 9 / 16, 0])
    assert readings.series[1].intensities[:, 0].tolist() == [2, 3]
    assert [peak.intensity for peak in peaks(readings)] == pytest.approx([3 + 9 / 16, 3.5])


def predictions(face: Points, intensities: list[list[dict[str, float]]]) -> list[FrameResult]:
    """A frame for each item, with a face for each of its dictionaries."""
    from dataclasses import replace

    from auheat.inference.predictor import Predictor
    from stand_ins import small_checkpoint

    predictor = Predictor(small_checkpoint(), two_people(face), device="cpu")
    image = texture(0, 270, 480)
    results = []
    for number, people in enumerate(intensities, 1):
        faces = [face_from(face + np.array([100 * who, 0]), who) for who in range(len(people))]
        found = predictor.predict_faces(image, faces)
        told = [replace(one, intensities=given) for one, given in zip(found, people, strict=True)]
        results.append(FrameResult(number, number / 25, faces=tuple(told)))
    return results


def test_the_collector_keeps_the_strongest_faces(face: Points) -> None:
    """The image of a peak is that of its frame; nothing is read again."""
    low, high = dict.fromkeys(AUS, 0.5), dict.fromkeys(AUS, 0.5) | {"AU12": 4.0}
    collector = Collector("video", AUS)
    for result in predictions(face, [[low, low], [low, high], [high, low], []]):
        collector.add(np.full((270, 480, 3), 40 * result.frame, np.uint8), result)
    readings = collector.readings()
    assert [tuple(peak) for peak in peaks(readings)] == [("AU12", 2, 1, 4.0)]
    assert [tuple(gap)[:2] for gap in collector.gaps()] == [(4, 4)]
    assert readings.gaps == tuple(collector.gaps())
    collector.peaks.pack()
    image = collector.peaks.image("AU12", 2, 1)
    assert image is not None
    assert image[0, 0].tolist() == pytest.approx([80, 80, 80], abs=2)
    assert collector.peaks.image("AU12", 1, 1) is None


def test_what_is_kept_is_bounded(face: Points) -> None:
    """Of twenty people who are ever stronger, the strongest stay, as small crops."""
    keeper = PeakKeeper(("AU12",), by_person=True)
    from dataclasses import replace

    one = predictions(face, [[{"AU04": 0.0, "AU09": 0.0, "AU12": 1.0}]])[0].faces[0]
    for person in range(20):
        who = replace(one.face, face_id=person)
        told = {"AU04": 0.0, "AU09": 0.0, "AU12": person / 5}
        prediction = replace(one, face=who, intensities=told)
        keeper.add(texture(0, 2700, 4800), FrameResult(person + 1, 0.0, faces=(prediction,)))
    kept = [person for person in range(20) if keeper.image("AU12", person + 1, person) is not None]
    assert kept == list(range(20 - MAX_PEOPLE, 20))
    image = keeper.image("AU12", 20, 19)
    assert image is not None
    assert max(image.shape) <= 360


def test_calibration_finds_the_kept_image_of_another_person(face: Points) -> None:
    """As read person 1 is strongest; with that person's baseline taken off, person 0 is."""
    base = {"AU04": 0.0, "AU09": 0.0}
    collector = Collector("video", AUS)
    for result in predictions(face, [[base | {"AU12": 3.0}, base | {"AU12": 4.0}]]):
        collector.add(texture(0, 270, 480), result)
    one = PersonBaseline(base | {"AU12": 3.0})
    readings = collector.readings().calibrated(Baseline({1: one}, "by hand", source="a"))
    found = next(peak for peak in peaks(readings) if peak.au == "AU12")
    assert (found.face_id, found.intensity) == (0, 3.0)
    assert collector.peaks.image("AU12", 1, 0) is not None


def test_gaps_may_be_asked_for_while_frames_are_added() -> None:
    """From another thread: NumPy locks what it copies, and adding then failed now and then."""
    collector, stop = Collector("video", AUS), threading.Event()
    image = np.zeros((2, 2, 3), np.uint8)
    found: list[int] = []

    def ask() -> None:
        while not stop.is_set():
            found.append(len(collector.gaps()))

    asker = threading.Thread(target=ask)
    asker.start()
    try:
        for number in range(1, 20_001):
            collector.add(image, FrameResult(number, number / 25, faces=()))
    finally:
        stop.set()
        asker.join()
    assert set(found) <= {0, 1}
    assert [tuple(gap)[:2] for gap in collector.gaps()] == [(1, 20_000)]
