"""Arguments that make no sense: one line each, that says what is wrong and what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import auheat
from auheat.errors import AuheatError, check_count
from auheat.inference.baselines import resolve_baseline
from auheat.inference.sources import open_source
from grey_video import grey_predictor

_COUNT, _FROM_1 = "give a whole number from 1 up", "give a whole number from 1 up, or None"
_TO_1024 = "give a whole number from 1 to 1024, or None"


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
        *_wrong(_loading, "threads", [0, -3, "a", 1025, 10**30], _TO_1024),
        *_wrong(_loading, "batch", [0, -1, 2.0, 1025], _TO_1024),
        *_wrong(_loading, "device", [None, 0], "give a word"),
        pytest.param(_loading("aus", np.array(1)), _AUS + "array(1)", id="aus=array(1)"),
        *_wrong(_evaluating, "device", [None], "give a word"),
        *_wrong(_evaluating, "protocol", [None, 2], "give a word"),
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
        *_wrong(_evaluating, "workers", [-1, None], "give a whole number from 0 to 512"),
    ],
)
def test_an_argument_that_makes_no_sense_is_one_line(call: Callable[[], Any], line: str) -> None:
    with pytest.raises(AuheatError) as caught:
        call()
    assert str(caught.value) == line


@pytest.mark.parametrize("source", [3, None, 1.5, np.array(1)])
def test_what_is_no_video(source: Any) -> None:
    with pytest.raises(AuheatError, match=f"or a list of frames, not {re.escape(repr(source))}$"):
        open_source(source, 30.0)


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


IMAGE = np.zeros((16, 16, 3), np.uint8)


def _predicting(name: str, value: Any) -> Callable[[], Any]:
    """`predict_video` and what it gives, with one argument."""
    return lambda: grey_predictor([[]]).predict_video([IMAGE], **{name: value}).to_pandas()


def _tabling(name: str, value: Any) -> Callable[[], Any]:
    return lambda: auheat.FrameResult(0, 0.0, faces=()).to_pandas(**{name: value})


def _drawing(name: str, value: Any) -> Callable[[], Any]:
    return lambda: auheat.draw(IMAGE, auheat.FrameResult(0, 0.0, faces=()), **{name: value})


@pytest.mark.parametrize(
    ("call", "line"),
    [
        *_wrong(_predicting, "smooth", ["no", None, 1], "give True or False"),
        *_wrong(_predicting, "progress", [None, 3], "give a function, or leave it out"),
        *_wrong(_loading, "exact_landmarks", ["no", None], "give True or False"),
        *_wrong(_tabling, "pose", ["no"], "give True or False"),
        *_wrong(_tabling, "landmarks", [0], "give True or False"),
        *_wrong(_tabling, "std", [None], "give True or False"),
        *_wrong(_drawing, "panel", ["no", None], "give True or False"),
        *_wrong(_loading, "weights", ["", "a\0b"], "give the path of a file or folder"),
    ],
)
def test_a_choice_is_made_with_true_or_false(call: Callable[[], Any], line: str) -> None:
    with pytest.raises(AuheatError) as caught:
        call()
    assert str(caught.value) == line


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf"), 1e-300, 1e300])
def test_no_video_has_such_a_rate(fps: float) -> None:
    with pytest.raises(AuheatError, match=r"cannot have .* frames per second: give more than 0"):
        open_source([IMAGE], fps)


def test_numbers_of_numpy_are_numbers(tmp_path: Path) -> None:
    assert open_source([IMAGE], np.float32(12.5)).rate == Fraction(25, 2)  # type: ignore[arg-type]
    assert resolve_baseline(np.int64(3), grey_predictor([[]])) == 3  # type: ignore[arg-type]


def test_a_video_has_frames() -> None:
    with pytest.raises(AuheatError, match=r"^there are no frames: give at least one$"):
        grey_predictor([[]]).predict_video([]).to_pandas()


@pytest.mark.parametrize("result", [None, [], "x", np.zeros(3)])
def test_what_is_drawn_is_a_result(result: Any) -> None:
    with pytest.raises(AuheatError, match=r"^the result is of type .*: give a FrameResult"):
        auheat.draw(IMAGE, result)


@pytest.mark.parametrize(
    "image",
    [None, "a.jpg", Path("a.jpg"), [[1, 2], [3]], b"abc", 5, IMAGE.astype(float), IMAGE[..., 0]],
)
def test_what_is_no_image(image: Any) -> None:
    with pytest.raises(AuheatError, match=r"give an RGB array of shape .* and type uint8$"):
        auheat.draw(image, auheat.FrameResult(0, 0.0, faces=()))


@pytest.mark.parametrize(
    ("predictions", "line"),
    [
        ("a", "tables of numbers"),
        ([["a"]], "tables of numbers"),
        ([[1], [2, 3]], "tables of numbers"),
        ([[np.inf]], "infinite"),
        ([1.0], "share a shape"),
    ],
)
def test_what_cannot_be_measured(predictions: Any, line: str) -> None:
    for pair in ((predictions, [[1.0]]), ([[1.0]], predictions)):
        with pytest.raises(AuheatError, match=line):
            auheat.metrics.Agreement.of(*pair)


def test_a_summary_names_every_au() -> None:
    agreement = auheat.metrics.Agreement.of(np.eye(3, 2), np.eye(3, 2))
    assert set(auheat.metrics.summary(agreement, ["AU01", "AU02"])) == {"AU01", "AU02", "mean"}
    for aus in (["AU01"], ["AU01", "AU02", "AU04"], "AU"):
        with pytest.raises(AuheatError, match=r"^the agreement is of 2 AUs: name each"):
            auheat.metrics.summary(agreement, aus)


def test_a_result_is_drawn_on_its_own_image_alone() -> None:
    face = auheat.Face(np.zeros(4), np.zeros((68, 2)), score=1.0)
    prediction = auheat.FacePrediction(
        face, {}, heatmaps={}, heatmap_to_frame=np.eye(2, 3), confidence=1.0, image_size=(90, 160)
    )
    result = auheat.FrameResult(0, 0.0, faces=(prediction,))
    with pytest.raises(AuheatError, match=r"an image of 160x90 pixels, not of \d+x\d+$"):
        auheat.draw(IMAGE, result)
    assert auheat.draw(np.zeros((90, 160, 3), np.uint8), result).shape[2] == 3


def test_a_table_has_each_column_once() -> None:
    table = pd.DataFrame({"frame": [1], "AU04_r": [1.0]})
    with pytest.raises(AuheatError, match=r"^the table has two columns AU04_r: leave one out$"):
        auheat.read_table(pd.concat([table, table["AU04_r"]], axis=1))


def test_action_units_may_be_counted_out_once() -> None:
    """A generator was empty once it had been checked."""
    assert auheat.load(aus=(au for au in ("AU12", "AU04"))).aus == ("AU04", "AU12")  # type: ignore[arg-type]
