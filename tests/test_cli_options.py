"""Options, weights and numbers that make no sense: one line that says what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from auheat.cli import main
from auheat.errors import AuheatError
from auheat.inference.sources import FrameImages
from auheat.media import limits
from cli_calls import call, lines, predict
from small_media import clip, image

pytestmark = pytest.mark.usefixtures("known_face")


def test_weights_that_may_not_be_read(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were called missing."""
    real = Path.open

    def opened(path: Path, *arguments: Any, **options: Any) -> Any:
        if path == weights:
            raise PermissionError(13, "Permission denied")
        return real(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", opened)
    (line,) = lines(predict(weights, image(tmp_path / "a.png"), "-o", tmp_path / "out"), 1)
    assert line.endswith(f"cannot read {weights}: Permission denied")


def test_more_pixels_are_a_flag(tmp_path: Path, weights: Path, monkeypatch: Any) -> None:
    """One limit for images and frames; the line that names it says what to give."""
    monkeypatch.setattr(limits, "MAX_PIXELS", 117 * 160 - 1)
    monkeypatch.setenv(limits.MEGAPIXELS, "")
    inputs = [image(tmp_path / "a.png"), clip(tmp_path / "b.mp4")]
    found = lines(predict(weights, *inputs, "-o", tmp_path / "out"), 3)
    for line in found[:2]:
        assert line.endswith("or allow more with `auheat --max-megapixels 1`")
    words = ["--max-megapixels", "1", "predict", "--weights", weights, *inputs]
    words += ["-o", tmp_path / "out"]
    assert CliRunner().invoke(main, [str(word) for word in words]).exit_code == 0
    refused = CliRunner().invoke(main, ["--max-megapixels", "0", "predict", "a.mp4"])
    assert refused.exit_code == 2 and refused.stderr.endswith("see `auheat --help`\n")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--baseline=--5"], "no file at --5"),
        (["--baseline", "99999999999999999999"], "no file at"),
        (["--baseline", "1", "--save-baseline", ""], "is empty"),
        (["--baseline", "1", "--save-baseline", "none/a.json"], "there is no folder none"),
        (["--baseline", "1", "--save-baseline", "/dev/null"], "it is a device"),
        (["--device", "hpu"], "'hpu' is no device"),
    ],
)
def test_options_that_ended_in_tracebacks(
    tmp_path: Path, weights: Path, options: list[str], reason: str
) -> None:
    video = clip(tmp_path / "a.mp4")
    (line,) = lines(predict(weights, video, "-o", tmp_path / "out", *options), 1)
    assert reason in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options",
    [
        ["--threads", "2147483648"],
        ["--threads", "2147483647"],
        ["--batch", "99999999"],
        ["--fps", "nan"],
        ["--fps", "inf"],
    ],
)
def test_numbers_out_of_reach_name_the_help(tmp_path: Path, options: list[str]) -> None:
    result = predict(tmp_path / "w", tmp_path / "a.mp4", *options)
    assert result.exit_code == 2
    assert result.stderr.endswith("; see `auheat predict --help`\n")


def test_frames_per_second_of_python_users() -> None:
    for fps in (float("nan"), float("inf"), 0.0, -1.0):
        with pytest.raises(AuheatError, match="frames per second"):
            FrameImages([], fps=fps)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["reproduce", "table9", "--data", "none"], "unknown target 'table9'"),
        (["reproduce", "table2", "--data", "none", "--preset", "tin"], "unknown preset 'tin'"),
        (["train", "--preset", "tin"], "unknown preset 'tin'"),
        (["reproduce", "table2", "--data", "none"], "no dataset in none"),
        (["train", "--preset", "tiny"], "names no dataset"),
    ],
)
def test_a_misspelt_name_is_told_before_the_dataset_is_missed(
    arguments: list[str], line: str
) -> None:
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert line in result.stderr


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["evaluate", "x", "--data", "y", "--suite", "ood", "--groups", "z"],
            "--suite and --groups are two reports: "
            "ask for one of them; see `auheat evaluate --help`",
        ),
        (["completion"], "missing argument '{bash|zsh|fish}': choose from bash, zsh, fish; see"),
        (["evaluate", "default", "--data"], "option '--data' requires an argument; see `auheat ev"),
        (["table", "x", "--pooled", "y"], "no such option '--pooled': did you mean '--pool'?; see"),
    ],
)
def test_what_click_says_is_one_sentence(arguments: list[str], line: str) -> None:
    said = call(*arguments).stderr
    assert said.startswith(f"auheat: {line}")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [["predict"], ["predict", "a.mp4", "--faces", "0"], ["predict", "a", "--fps", "0"], ["predct"]],
)
def test_misuse_is_one_line_that_names_the_help(arguments: list[str]) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    command = "auheat predict" if arguments[0] == "predict" else "auheat"
    assert result.stderr.startswith("auheat: ")
    assert result.stderr.endswith(f"; see `{command} --help`\n")
    assert result.stderr.count("\n") == 1
