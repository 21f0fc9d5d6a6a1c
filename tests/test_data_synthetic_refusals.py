"""What cannot be made: folders that hold something else, assets and plans that will not do."""

from __future__ import annotations

from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auheat.data import resumable, synthetic
from auheat.data.cropping import save_crop
from auheat.data.synthetic import SynthesisPlan, synthesise
from auheat.errors import AuheatError
from auheat.faces.crop import CropSpec
from folder_contents import files

PLAN = SynthesisPlan(subjects=5, images=8, seed=3, crop=CropSpec(32, 2), val=0.2, test=0.2)


@pytest.fixture
def serial(tiny_serial: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """In chunks of two subjects."""
    monkeypatch.setattr(synthetic, "_CHUNK_SUBJECTS", 2)


def test_a_finished_folder_is_refused(serial: None, tiny_folder: Path, tmp_path: Path) -> None:
    synthesise(tiny_folder, tmp_path, PLAN, 1)
    before = files(tmp_path)
    with pytest.raises(AuheatError, match=f"^{tmp_path} already holds a dataset"):
        synthesise(tiny_folder, tmp_path, PLAN, 1)
    assert files(tmp_path) == before


def first_only(function: Any, items: Any, workers: int, opening: Any, settings: Any) -> Any:
    return iter([function(opening(*settings), items[0])])


def started(tiny_folder: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that stopped after its first chunk."""
    with monkeypatch.context() as patch:
        patch.setattr(resumable, "in_processes", first_only)
        with pytest.raises(AuheatError, match="no table at"):
            synthesise(tiny_folder, out, PLAN, 1)


@pytest.mark.parametrize(
    "changes", [{"seed": 4}, {"subjects": 6}, {"crop": CropSpec(32, 3)}, {"pairs": True}]
)
def test_a_started_folder_of_other_settings_is_refused(
    serial: None,
    monkeypatch: pytest.MonkeyPatch,
    tiny_folder: Path,
    tmp_path: Path,
    changes: dict[str, Any],
) -> None:
    started(tiny_folder, tmp_path, monkeypatch)
    with pytest.raises(AuheatError, match=f"^{tmp_path} holds a started dataset"):
        synthesise(tiny_folder, tmp_path, replace(PLAN, **changes), 1)
    assert len(synthesise(tiny_folder, tmp_path, PLAN, 1).table) == 8


def test_a_damaged_note_of_the_plan_is_refused(
    serial: None, monkeypatch: pytest.MonkeyPatch, tiny_folder: Path, tmp_path: Path
) -> None:
    started(tiny_folder, tmp_path, monkeypatch)
    (tmp_path / ".parts" / "plan.json").write_text("{")
    with pytest.raises(AuheatError, match="holds a started dataset"):
        synthesise(tiny_folder, tmp_path, PLAN, 1)


def test_a_folder_with_other_files_is_refused(
    serial: None, tiny_folder: Path, tmp_path: Path
) -> None:
    """Images must not be strewn among somebody's own."""
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(AuheatError, match=f"^{tmp_path} holds other files"):
        synthesise(tiny_folder, tmp_path, PLAN, 1)
    assert files(tmp_path) == {"holiday.jpg": b""}
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / ".DS_Store").touch()  # which a file manager may leave anywhere
    assert len(synthesise(tiny_folder, empty, PLAN, 1).table) == 8


def test_places_that_cannot_be_written_are_refused(
    serial: None, tiny_folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.touch()
    for out in (file, file / "below"):
        with pytest.raises(AuheatError, match=rf"^cannot write into {out}: [^\n]+$"):
            synthesise(tiny_folder, out, PLAN, 1)


def test_missing_assets_are_refused_before_anything_is_made(
    serial: None, tiny_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(AuheatError, match=f"^no face assets in {tmp_path / 'nowhere'}"):
        synthesise(tmp_path / "nowhere", tmp_path / "out", PLAN, 1)
    assert not (tmp_path / "out").exists()


def test_a_worker_that_dies_is_reported_in_one_line(
    serial: None, monkeypatch: pytest.MonkeyPatch, tiny_folder: Path, tmp_path: Path
) -> None:
    def killed(worker: Any, first: int) -> int:
        raise BrokenProcessPool("A process in the process pool was terminated abruptly")

    monkeypatch.setattr(synthetic, "_make_chunk", killed)
    with pytest.raises(AuheatError, match=r"^a worker process died[^\n]+fewer workers$"):
        synthesise(tiny_folder, tmp_path, PLAN, 1)


def test_images_that_cannot_be_saved_are_named(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "a.jpg"
    with pytest.raises(AuheatError, match=f"^cannot write {path}"):
        save_crop(path, np.zeros((4, 4, 3), np.uint8))


@pytest.mark.parametrize(("subjects", "images"), [(0, 5), (-1, 5), (5, 4), (1, 0)])
def test_plans_without_images_for_everybody_are_refused(subjects: int, images: int) -> None:
    with pytest.raises(AuheatError, match="at least one image a subject"):
        SynthesisPlan(subjects, images)
