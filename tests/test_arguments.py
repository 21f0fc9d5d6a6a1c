"""Arguments that make no sense: one line each, that says what is wrong and what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import auheat
from auheat.errors import AuheatError, check_count
from auheat.inference.calibration import resolve_baseline
from auheat.inference.video import VideoPrediction, open_source
from grey_video import Greys, grey_predictor

_COUNT, _FROM_1 = "give a whole number from 1 up", "give a whole number from 1 up, or None"


def _loading(name: str, value: Any) -> Callable[[], Any]:
    return lambda: auheat.load(**{name: value})


def _evaluating(name: str, value: Any) -> Callable[[], Any]:
    return lambda: auheat.evaluate("no.csv", "no folder", **{name: value})


def _finding(name: str, value: Any) -> Callable[[], Any]:
    return lambda: auheat.find_events("no.csv", **{name: value})


def _reading(name: str, value: Any) -> Callable[[], Any]:
    return lambda: auheat.read_table("no.csv", **{name: value})


def _wrong(
    of: Callable[[str, Any], Callable[[], Any]], name: str, values: list[Any], allowed: str
) -> list[Any]:
    return [
        pytest.param(of(name, value), f"{name} is {value!r}: {allowed}", id=f"{name}={value!r}")
        for value in values
    ]


def _unknown(of: Callable[[str, Any], Callable[[], Any]], name: str, known: str) -> Any:
    line = f"unknown {name} 'xyz': known are {known}"
    return pytest.param(of(name, "xyz"), line, id=f"{name}='xyz' of {of.__name__}")


_PROGRAMS = "auto, auheat, openface, py-feat, libreface"
_RUNTIMES, _PRECISIONS = "auto, torch, onnx, openvino", "auto, fp32, bf16"
_AUS = "Action Units are a list of names, like ['AU06', 'AU12'], not "


@pytest.mark.parametrize(
    ("call", "line"),
    [
        _unknown(_loading, "runtime", _RUNTIMES),
        _unknown(_loading, "precision", _PRECISIONS),
        *_wrong(_loading, "runtime", [None, 3], f"give one of {_RUNTIMES}"),
        *_wrong(_loading, "max_faces", [0, -1, "5", 1.5, None, True], _COUNT),
        *_wrong(_loading, "threads", [0, -3, "a"], _FROM_1),
        *_wrong(_loading, "batch", [0, -1, 2.0], _FROM_1),
        pytest.param(_loading("aus", "AU12"), _AUS + "'AU12'", id="aus='AU12'"),
        pytest.param(_loading("aus", 12), _AUS + "12", id="aus=12"),
        *_wrong(_loading, "weights", [3, None], "give the path of a file or folder"),
        *_wrong(_finding, "enter", ["a", None], "give a number"),
        *_wrong(_finding, "shortest", [True], "give a number"),
        *_wrong(_reading, "format", [3, []], f"give one of {_PROGRAMS}"),
        _unknown(_evaluating, "runtime", _RUNTIMES),
        _unknown(_evaluating, "precision", _PRECISIONS),
        _unknown(_evaluating, "split", "test, val, train, all"),
        _unknown(_evaluating, "format", _PROGRAMS),
        *_wrong(_evaluating, "fold", [0, -1, "1"], _FROM_1),
        *_wrong(_evaluating, "folds", [0, 1], "give a whole number from 2 up, or None"),
        *_wrong(_evaluating, "workers", [-1, None], "give a whole number from 0 up"),
    ],
)
def test_an_argument_that_makes_no_sense_is_one_line(call: Callable[[], Any], line: str) -> None:
    with pytest.raises(AuheatError) as caught:
        call()
    assert str(caught.value) == line


@pytest.mark.parametrize("source", [3, None, 1.5])
def test_what_is_no_video(source: Any) -> None:
    with pytest.raises(AuheatError, match=f"or a list of frames, not {source!r}$"):
        open_source(source, 30.0)


@pytest.mark.parametrize("path", [3, None])
def test_a_file_to_write_is_a_path(path: Any) -> None:
    video = VideoPrediction(Greys([50]), grey_predictor([[]]))
    for write in (video.save, video.save_overlay):
        with pytest.raises(AuheatError, match=f"^the file to write is {path}: give the path"):
            write(path)


@pytest.mark.parametrize("baseline", [1.5, True, []])
def test_what_is_no_baseline(baseline: Any) -> None:
    with pytest.raises(AuheatError, match=r"the baseline is .*: give a frame's number, 'auto'"):
        resolve_baseline(baseline, grey_predictor([[]]))


@pytest.mark.parametrize("fps", ["30", None, True])
def test_frames_per_second_are_a_number(fps: Any) -> None:
    with pytest.raises(AuheatError, match=f"^fps is {fps!r}: give a number$"):
        open_source([np.zeros((4, 4, 3), np.uint8)], fps)


@pytest.mark.parametrize("ratings", [[1, 2, 3], 1.0, [[[1.0]]], [["a", "b"]], [[1, 2], [3]]])
def test_ratings_are_a_table(ratings: Any) -> None:
    with pytest.raises(AuheatError, match=r"a row for each target$"):
        auheat.metrics.icc31(ratings)


def test_counts_of_numpy_are_counts() -> None:
    check_count("batch", np.int64(3))
    check_count("batch", None, optional=True)
