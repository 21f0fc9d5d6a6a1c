"""Writing look-alikes: the same bytes whatever the workers and interruptions, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from auheat.cli import main
from auheat.data import lookalike
from auheat.data.lookalike import plan_of, write_lookalike
from auheat.errors import AuheatError
from auheat.media.frames import VideoFile
from folder_contents import files
from progress_steps import Steps
from small_lookalikes import tiny


def test_workers_do_not_matter(
    request: pytest.FixtureRequest, tiny_folder: Path, tmp_path: Path
) -> None:
    """Two real processes against this one, to the byte."""
    plan = tiny("disfa", 2, 2)
    write_lookalike(tiny_folder, tmp_path / "two", plan, workers=2)
    request.getfixturevalue("tiny_serial")
    write_lookalike(tiny_folder, tmp_path / "none", plan)
    two, none = (files(tmp_path / name) for name in ("two", "none"))
    assert two == none
    assert len(two) == 1 + 2 * (1 + 12 + 2)


def test_a_stopped_run_shows_nothing_and_is_continued(
    tiny_serial: None, monkeypatch: pytest.MonkeyPatch, tiny_folder: Path, tmp_path: Path
) -> None:
    plan, made = tiny("disfa", 3, 2), list[str]()
    write_lookalike(tiny_folder, tmp_path / "whole", plan)
    original = lookalike._make_subject

    def stopping(worker: Any, subject: str) -> int:
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(subject)
        return original(worker, subject)

    out = tmp_path / "stopped"
    monkeypatch.setattr(lookalike, "_make_subject", stopping)
    with pytest.raises(KeyboardInterrupt):
        write_lookalike(tiny_folder, out, plan)
    assert all(path.name.startswith(".") for path in out.iterdir())
    with pytest.raises(AuheatError, match="other settings"):
        write_lookalike(tiny_folder, out, tiny("disfa", 2, 2))

    def noting(worker: Any, subject: str) -> int:
        made.append(subject)
        return original(worker, subject)

    monkeypatch.setattr(lookalike, "_make_subject", noting)
    progress = Steps()
    write_lookalike(tiny_folder, out, plan, progress=progress)
    assert made == ["SN001", "SN002", "SN003"]
    assert progress.steps == [4, 2]
    assert files(out) == files(tmp_path / "whole")


def test_what_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(AuheatError, match="holds other files"):
        write_lookalike(tiny_folder, tmp_path, tiny("disfa", 1, 2))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    refusals: list[tuple[dict[str, Any], str]] = [
        ({"layout": "disfo"}, "did you mean 'disfa'"),
        ({"subjects": 28}, "27 subjects"),
        ({"frames": 1}, "at least 2"),
        ({"size": 33}, "even number"),
    ]
    for arguments, reason in refusals:
        with pytest.raises(AuheatError, match=reason):
            plan_of(**{"layout": "disfa", **arguments})


def test_the_command_line(tiny_serial: None, tiny_folder: Path, tmp_path: Path) -> None:
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
