from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from auheat.cli import main
from auheat.errors import AuheatError
from auheat.facs import is_present
from auheat.inference.events import (
    DEFAULTS,
    Event,
    Thresholds,
    events_of_au,
    find_events,
    write_events,
)
from auheat.synthesis.motion import Event as Movement
from auheat.tables.programs import NOTES
from auheat.tables.reading import read_table
from auheat.tables.series import people_in


def events_of(
    levels: Sequence[float], times: Sequence[float] | None = None, **thresholds: float
) -> list[Event]:
    """Events of one curve, at 10 frames a second if no times are given."""
    stamps = np.arange(len(levels)) / 10 if times is None else np.array(times)
    frames = np.arange(1, len(levels) + 1)
    chosen = Thresholds(**({"shortest": 0.0} | thresholds))
    return events_of_au(
        3,
        "AU12",
        frames=frames,
        times=stamps,
        intensities=np.array(levels, float),
        thresholds=chosen,
    )


def spans(events: list[Event]) -> list[tuple[int, int, int]]:
    return [(event.onset_frame, event.apex_frame, event.offset_frame) for event in events]


def test_an_event_in_full() -> None:
    (event,) = events_of([0, 0.4, 0.5, 1.0, 3.0, 3.0, 2.0, 0.49, 0])
    # Trapezia: 0.75, 2, 3, 2.5 tenths of level seconds, in 0.4 s.
    assert astuple(event)[:2] == (3, "AU12")
    assert event.onset == pytest.approx(0.2)
    assert event.apex == pytest.approx(0.4)
    assert event.offset == pytest.approx(0.6)
    assert event.duration == pytest.approx(0.4)
    assert event.peak == 3.0
    assert event.mean == pytest.approx((0.75 + 2 + 3 + 2.5) / 4)
    assert (event.onset_frame, event.apex_frame, event.offset_frame) == (3, 5, 7)
    assert event.complete == 1


def test_eyes_that_close_shortly_blink() -> None:
    """Up to half a second; one whose beginning or end was not seen may have been longer."""
    closed = [0, 3, 5, 5, 5, 4, 2, 0, 0, 5, 5, 5, 5, 5, 5, 5, 0, 0, 4, 5]
    stamps, frames = np.arange(len(closed)) / 10, np.arange(1, len(closed) + 1)
    found = events_of_au(
        0, "AU43", frames=frames, times=stamps, intensities=np.array(closed, float)
    )
    assert [(event.au, event.onset_frame, event.offset_frame) for event in found] == [
        ("AU45", 2, 7),
        ("AU43", 10, 16),
        ("AU43", 19, 20),
    ]
    flickers = [0, 2.5, 0, 3, 0]  # single readings: from 3 on it is a blink
    found = events_of_au(
        0, "AU43", frames=frames[:5], times=stamps[:5], intensities=np.array(flickers, float)
    )
    assert [(event.au, event.onset_frame) for event in found] == [("AU45", 4)]
    others = events_of_au(
        0, "AU07", frames=frames, times=stamps, intensities=np.array(closed, float)
    )
    assert {event.au for event in others} == {"AU07"}


@pytest.mark.parametrize("au", ["AU43", "AU45"])
def test_either_column_of_closed_eyes_has_blinks_and_closures(tmp_path: Path, au: str) -> None:
    """Two frames shut for 0.08 s, then 26 for 1 s: a table of ours and one of OpenFace alike."""
    shut = np.zeros(80)
    shut[10:13] = shut[30:56] = 4.0
    rows = [f"{i + 1},0,{i / 25:.3f},0.98,1,0.0,{level}" for i, level in enumerate(shut)]
    head = f"frame,face_id,timestamp,confidence,success,AU12_r,{au}_r"
    (tmp_path / "a.csv").write_text("\n".join([head, *rows, ""]))
    found = find_events(tmp_path / "a.csv")
    assert found["au"].tolist() == ["AU45", "AU43"]
    assert found["onset_frame"].tolist() == [11, 31]
    assert found["duration"].tolist() == pytest.approx([0.08, 1.0])


def test_a_closure_between_few_frames_is_no_blink() -> None:
    """One frame a second cannot tell; three can."""
    for rate, au in ((1, "AU43"), (3, "AU45")):
        (event,) = events_of_au(
            0,
            "AU43",
            frames=np.arange(1, 6),
            times=np.arange(5) / rate,
            intensities=np.array([0, 0, 4.0, 0, 0]),
        )
        assert event.au == au


def test_single_readings_count_where_frames_are_far_apart() -> None:
    """Below 10 frames a second every event of one reading was lost, whatever its intensity."""
    curve = [0, 5.0, 0, 0, 2, 2, 0]
    for rate, expected in ((25, []), (10, [5]), (9, [2, 5]), (1, [2, 5])):
        times = list(np.arange(7) / rate)
        found = events_of(curve, times, shortest=0.1)
        assert [event.onset_frame for event in found] == expected, rate
        assert [event.duration for event in found][:1] != [0.0] or rate < 10
    assert len(events_of(curve, list(np.arange(7) / 9), shortest=0.2)) == 0
    assert len(events_of(curve, list(np.arange(7) / 4), shortest=0.2)) == 2


def test_few_frames_a_second_are_noted(tmp_path: Path) -> None:
    head = "frame,face_id,timestamp,confidence,success,AU12_r\n"
    line = (
        "frames lie 1 s apart, and the shortest event is 0.1 s: a single reading counts as an "
        "event, and what happens between two is not seen"
    )
    for step, notes in ((1.0, [line]), (0.1, []), (0.04, [])):
        rows = [f"{i + 1},0,{i * step:.3f},0.98,1,{level}" for i, level in enumerate((0, 3, 0))]
        (tmp_path / "a.csv").write_text(head + "\n".join([*rows, ""]))
        found = find_events(tmp_path / "a.csv")
        assert (found.attrs[NOTES], len(found)) == (notes, len(notes))
        shown = call(tmp_path / "a.csv").stderr
        assert shown == "".join(f"auheat: note: {note}\n" for note in notes)
    assert find_events(tmp_path / "a.csv", shortest=0).attrs[NOTES] == []


def test_a_table_in_memory_has_the_events_of_its_file(tmp_path: Path) -> None:
    """Readings at the edge of two decimals, times of 29.97 frames a second."""
    random = np.random.default_rng(5)
    times = np.arange(600) * 1001 / 30000
    levels = random.choice([0, 0.4949, 0.4951, 0.9949, 0.9951, 2.0], 600)
    levels[100:116] = levels[300:316] = 2.0  # 15 steps: 0.5005 s
    table = pd.DataFrame(
        {"frame": np.arange(1, 601), "face_id": 0, "timestamp": times, "confidence": 1.0,
         "success": 1, "AU12_r": levels, "AU43_r": levels}
    )  # fmt: skip
    printed = table.assign(timestamp=table["timestamp"].map("{:.3f}".format))
    for au in ("AU12", "AU43"):
        printed[f"{au}_r"] = printed[f"{au}_r"].map("{:.2f}".format)
    printed.to_csv(tmp_path / "a.csv", index=False)
    one, other = find_events(table), find_events(tmp_path / "a.csv")
    same = ["au", "onset_frame", "apex_frame", "offset_frame", "peak", "complete"]
    assert len(one) > 20
    pd.testing.assert_frame_equal(one[same], other[same])
    for event in one.itertuples():
        assert is_present(levels[event.apex_frame - 1])


def test_hysteresis() -> None:
    jitter = [0, 0.9, 1.1, 0.9, 1.1, 0.6, 1.1, 0.3, 0.99, 0]
    assert spans(events_of(jitter)) == [(2, 3, 7)]
    assert spans(events_of(jitter, leave=1.0)) == [(3, 3, 3), (5, 5, 5), (7, 7, 7)]
    assert spans(events_of(jitter, enter=0.95)) == [(2, 3, 7), (9, 9, 9)]
    assert events_of([0, 0.99, 0.99, 0]) == []


@pytest.mark.parametrize("rounding", [-4e-16, 0.0, 4e-16])
def test_rounding_moves_no_event(rounding: float) -> None:
    """A plateau at the threshold, as smoothing computes it on one processor and on another."""
    plateau = [0, 1 + rounding, 1, 1 - rounding, 0.5 - rounding, 0.5 + rounding, 0]
    assert spans(events_of(plateau)) == [(2, 2, 6)]
    assert spans(events_of([0, 0.9951, 0.9952, 0])) == [(2, 2, 3)]  # printed, both are 1.00
    assert events_of([0, 0.994, 0.994, 0]) == []


def test_a_single_reading_is_its_own_mean() -> None:
    (event,) = events_of([0, 2.5, 0])
    assert (event.duration, event.mean, event.peak) == (0.0, 2.5, 2.5)


def test_short_events_are_left_out() -> None:
    curve = [0, 2, 2, 0, 2, 2, 2, 0]
    assert spans(events_of(curve, shortest=0.1)) == [(2, 2, 3), (5, 5, 7)]
    assert spans(events_of(curve, shortest=0.2)) == [(5, 5, 7)]
    assert events_of(curve, shortest=0.3) == []


def test_events_cut_off_are_marked() -> None:
    first, middle, last = events_of([2, 2, 0, 2, 0, 2, 2])
    assert [event.complete for event in (first, middle, last)] == [0, 1, 0]


def test_gaps() -> None:
    """A face lost for up to a quarter of a second does not end an event; longer does."""
    curve = [0, 2, 2, 2, 2, 0]
    short = [0, 0.04, 0.08, 0.33, 0.37, 0.41]
    long = [0, 0.04, 0.08, 0.36, 0.40, 0.44]
    assert [(e.onset_frame, e.offset_frame) for e in events_of(curve, short)] == [(2, 5)]
    apart = events_of(curve, long)
    assert [(e.onset_frame, e.offset_frame, e.complete) for e in apart] == [(2, 3, 0), (4, 5, 0)]


def test_known_movements_are_found_where_they_are() -> None:
    """Curves of the clips that we render, 30 frames a second."""
    movements = [
        Movement("AU12", 0.5, 0.8, 1.5, 1.9, 4.0),
        Movement("AU12", 2.5, 2.9, 2.9, 3.2, 2.0),
        Movement("AU12", 4.0, 4.3, 4.5, 4.8, 0.9),  # too faint
    ]
    times = np.arange(180) / 30
    levels = np.array([max(movement.at(t) for movement in movements) for t in times])
    found = events_of_au(0, "AU12", frames=np.arange(1, 181), times=times, intensities=levels)
    assert len(found) == 2
    for event, movement in zip(found, movements, strict=False):
        rise = movement.apex - movement.onset
        assert movement.onset < event.onset < movement.onset + rise / 2
        assert movement.apex - 1 / 30 <= event.apex <= movement.release + 1 / 30
        assert movement.offset - 0.2 < event.offset < movement.offset
        assert event.peak == pytest.approx(movement.peak, rel=0.01)
        assert event.complete == 1


@given(st.lists(st.floats(0, 5), min_size=1, max_size=60))
def test_events_keep_their_definition(levels: list[float]) -> None:
    """Against a walk over the readings as they are printed, one by one."""
    levels = [float(f"{level:.2f}") for level in levels]
    expected, run = [], []
    for index, level in enumerate([*levels, 0.0]):
        if level >= 0.5:
            run.append(index)
        elif run:
            if max(levels[i] for i in run) >= 1:
                expected.append((run[0] + 1, run[-1] + 1))
            run = []
    found = events_of(levels)
    assert [(event.onset_frame, event.offset_frame) for event in found] == expected
    for event in found:
        part = levels[event.onset_frame - 1 : event.offset_frame]
        assert event.peak == max(part) == levels[event.apex_frame - 1]
        assert min(part) - 1e-9 <= event.mean <= max(part) + 1e-9


@pytest.mark.parametrize(
    "values", [(0.5, 1.0, 0.1), (1, 0, 0.1), (5.1, 1, 0.1), (1, 0.5, -1), (float("nan"), 0.5, 0)]
)
def test_thresholds_that_make_no_sense(values: tuple[float, float, float]) -> None:
    with pytest.raises(AuheatError, match="an event cannot"):
        Thresholds(*values)


TABLE = """frame,face_id,timestamp,confidence,success,AU04_r,AU12_r,AU04_c,AU12_c
1,0,0.000,0.90,1,0.00,0.00,0,0
1,1,0.000,0.90,1,2.00,0.00,1,0
2,0,0.040,0.90,1,0.00,2.00,0,1
2,1,0.040,0.90,1,2.00,0.00,1,0
3,0,0.080,0.00,0,,,,
4,0,0.120,0.90,1,0.00,3.00,0,1
5,0,0.160,0.90,1,0.00,0.10,0,0
"""


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["events", *map(str, arguments)])


def test_the_verb_in_full(tmp_path: Path) -> None:
    (tmp_path / "clip.csv").write_text(TABLE)
    result = call(tmp_path / "clip.csv", "--shortest", 0.05)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"1 event -> {tmp_path / 'clip.events.csv'}\n"
    assert (tmp_path / "clip.events.csv").read_text() == (
        "face_id,au,onset,apex,offset,duration,peak,mean,onset_frame,apex_frame,offset_frame,complete\n"
        "0,AU12,0.040,0.120,0.120,0.080,3.00,2.50,2,4,4,1\n"
    )
    call(tmp_path / "clip.csv", "-o", tmp_path / "e.csv", "--shortest", 0, "--enter", 1.5)
    assert len((tmp_path / "e.csv").read_text().splitlines()) == 3
    assert (tmp_path / "clip.csv").read_text() == TABLE


def test_tables_of_openface_are_read(tmp_path: Path) -> None:
    """Its FeatureExtraction puts a space after every comma; ids and confidence may be missing."""
    names, *lines = [r for line in TABLE.splitlines() if (r := line.split(","))[1] != "1"]
    kept = [i for i, name in enumerate(names) if name not in ("face_id", "confidence")]
    table = "\n".join(", ".join(row[i] for i in kept) for row in [names, *lines])
    (tmp_path / "of.csv").write_text(table)
    table = read_table(tmp_path / "of.csv")
    assert list(table)[6:] == ["AU04", "AU12"]
    (person,) = people_in(table)
    assert person.intensities[:, 1].tolist() == [0.0, 2.0, 3.0, 0.1]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        ("face,confidence,success,AU12_r\n0,0.9,1,1.0\n", "no column frame"),
        ("frame,timestamp,success\n1,0,1\n", "unknown kind"),
        ("frame,timestamp,success,AU12_r\n1,0,1,much\n", "line 2"),
        ("frame,timestamp,success,AU12_r\n1,0,1,1\n2,0.1\n", "line 3"),
    ],
)
def test_other_tables_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    result = call(tmp_path / "a.csv")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert reason in result.stderr
    assert str(tmp_path / "a.csv") in result.stderr


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "binary.csv").write_bytes(b"\x80\x81\x82")
    reasons = {"none.csv": "no table at", "binary.csv": "readable", ".": "is a folder"}
    for path, reason in ((tmp_path / name, reason) for name, reason in reasons.items()):
        with pytest.raises(AuheatError, match=reason):
            read_table(path)


def test_no_events_is_a_table_without_rows(tmp_path: Path) -> None:
    write_events(tmp_path / "a.csv", [])
    assert (tmp_path / "a.csv").read_text().count("\n") == 1


def test_the_help_shows_the_thresholds_that_the_library_has() -> None:
    lines = [line for line in call("--help").stdout.splitlines() if "FLOAT" in line]
    shown = [float(line.rpartition("[default: ")[2].rstrip("]")) for line in lines]
    assert shown == [DEFAULTS.enter, DEFAULTS.leave, DEFAULTS.shortest] == [1.0, 0.5, 0.1]
