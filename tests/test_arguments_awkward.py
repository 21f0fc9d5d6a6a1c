"""Values that compare like arrays, print on many lines or exhaust the file system's names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import auheat
from auheat.cli import main
from auheat.errors import MAX_SHOWN, AuheatError, shown
from grey_video import grey_predictor

IMAGE = np.zeros((16, 16, 3), np.uint8)
# Neither the truth of these nor their being equal to a word is True or False.
AWKWARD = [
    np.zeros((2, 2)),
    IMAGE,
    pd.DataFrame({"a": [1, 2]}),
    ["x" * 500],
    [np.zeros((9, 9))],
    object(),
]
RESULT = auheat.FrameResult(0, 0.0, faces=())


def _of(call: Callable[..., Any], *given: Any, **named: str) -> Callable[[Any], Any]:
    """The call with one argument left open, whose name is `argument`."""
    return lambda value: call(*given, **{named["argument"]: value})


def _video(**arguments: Any) -> Any:
    return grey_predictor([[]]).predict_video([IMAGE], **arguments)


def _save(tmp_path: Path = Path("a.csv"), **arguments: Any) -> Any:
    return _video().save(arguments.pop("path", tmp_path), **arguments)


CALLS: dict[str, Callable[[Any], Any]] = {
    **{f"load {n}": _of(auheat.load, argument=n)
       for n in ("weights", "device", "runtime", "precision", "max_faces", "threads", "batch")},
    **{f"evaluate {n}": _of(auheat.evaluate, "no.csv", "no", argument=n)
       for n in ("split", "device", "protocol", "format", "fold", "folds", "workers")},
    **{f"find_events {n}": _of(auheat.find_events, "no.csv", argument=n)
       for n in ("enter", "leave", "shortest")},
    **{f"predict_video {n}": _of(_video, argument=n)
       for n in ("baseline", "smooth", "fps", "overlay", "progress")},
    **{f"save {n}": _of(_save, argument=n) for n in ("path", "format", "pose", "landmarks")},
    **{f"to_pandas {n}": _of(RESULT.to_pandas, argument=n)
       for n in ("format", "pose", "landmarks", "std")},
    "read_table format": _of(auheat.read_table, "no.csv", argument="format"),
    "tracker": lambda value: grey_predictor([[]]).tracker(baseline=value),
    "update": lambda value: grey_predictor([[]]).tracker().update(IMAGE, timestamp=value),
    "draw": lambda value: auheat.draw(IMAGE, RESULT, panel=value),
    "predict_faces": lambda value: grey_predictor([[]]).predict_faces(IMAGE, value),
}  # fmt: skip


@pytest.mark.parametrize(
    "value", AWKWARD, ids=["array", "image", "table", "long", "nested", "object"]
)
@pytest.mark.parametrize("call", CALLS)
def test_an_awkward_value_is_one_short_line(
    call: str, value: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`if value == "auto"` of an array raised ValueError, and its text ran over many lines."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AuheatError) as caught:
        CALLS[call](value)
    assert shown(value) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 220
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("faces", [None, 3, "faces", [None], [IMAGE], [1, 2]])
def test_given_faces_are_faces(faces: Any) -> None:
    with pytest.raises(AuheatError, match=r"^faces are a list of `auheat\.Face`, not "):
        grey_predictor([[]]).predict_faces(IMAGE, faces)
    assert grey_predictor([[]]).predict_faces(IMAGE, ()) == []


def test_values_are_quoted_on_one_line_and_cut() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise ValueError("no text")

    assert shown("AU12") == "'AU12'"
    assert shown(np.eye(2)) == "array([[1., 0.], [0., 1.]])"
    assert shown("x" * 500) == f"'{'x' * (MAX_SHOWN - 4)}..."
    assert shown(Broken()) == "of type Broken"


def test_an_error_is_one_line_whatever_is_put_into_it() -> None:
    """A worker's error holds its traceback around the line."""
    assert str(AuheatError("no file at a\nb.mp4")) == r"no file at a\nb.mp4"
    wrapped = "Caught AuheatError in worker 0.\nTraceback:\n  x\nauheat.errors.AuheatError: no x\n"
    assert str(AuheatError(wrapped)) == "no x"


LONG = "x" * 300


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", f"{LONG}.mp4"],
        ["predict", "a.mp4", "--weights", LONG],
        ["predict", "a.mp4", "--baseline", f"{LONG}.json"],
        ["predict", "a.mp4", "-o", LONG],
        ["evaluate", LONG, "--data", "x"],
        ["evaluate", "default", "--data", LONG],
        ["report", f"{LONG}.csv"],
        ["events", f"{LONG}.csv"],
        ["verify", LONG],
        ["table", LONG],
        ["export", LONG],
        ["train", LONG],
        ["prepare", "disfa", LONG, "-o", "made"],
        ["corpus", "read", LONG, "-o", "dataset"],
        ["corpus", "status", LONG],
        ["serve", "--weights", LONG],
        ["synth", "--assets", LONG, "-o", "made"],
        ["reproduce", "table1", "--data", LONG],
    ],
    ids=lambda arguments: " ".join(arguments).replace(LONG, "LONG"),
)
def test_a_name_that_is_too_long_is_no_surprise(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it is there raises, of such a name: many commands said "unexpected OSError"."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2, result.output
    line = result.stderr.splitlines()[-1]
    assert line.startswith("auheat: ")
    assert "unexpected" not in result.stderr
