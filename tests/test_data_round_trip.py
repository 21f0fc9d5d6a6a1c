"""Look-alikes written to disk and prepared again: labels and landmarks come back as they were.

A dataset's reader and writer share its file's words; that the words are right, tests of readers and
of writers say, each with its own hand-written layout.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auheat import geometry
from auheat.data import convert as converting
from auheat.data import resumable
from auheat.data.convert import ConversionPlan, convert
from auheat.data.datasets import lookalikes
from auheat.data.lookalike import plan_of, write_lookalike
from auheat.data.manifest import Manifest, read_manifest
from auheat.data.sequences import LabelledFrame, LookalikePlan, render_sequence
from auheat.faces.crop import CropSpec
from auheat.facs import PointLayout
from auheat.results import Face
from auheat.synthesis.studio import Studio
from serial_pool import Serial

CROP = CropSpec(48, 4)
ALL = list(range(68))
NO_INNER_CORNERS = [i for i in ALL if i not in (60, 64)]
NO_JAW = [i for i in NO_INNER_CORNERS if i > 16]
# Which landmarks a layout stores, and to how many crop pixels they come back.
STORED = {
    "disfa": (NO_INNER_CORNERS, 1e-3),
    "disfa-plus": (NO_JAW, 0.02),
    "bp4d": (NO_JAW, 1e-3),
    "fera2015": (NO_JAW, 1e-3),
    "bp4d-plus": (NO_JAW, 1e-3),
    "unbc": (NO_INNER_CORNERS, 0.02),
}


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resumable, "ProcessPoolExecutor", Serial)


def prepared(layout: str, plan: LookalikePlan, assets: Path, folder: Path) -> Manifest:
    write_lookalike(assets, folder / "source", plan)
    kind = layout.removesuffix("-bp4d")
    convert(folder / "source", folder / "out", ConversionPlan(kind, crop=CROP))
    return read_manifest(folder / "out")


def takes(studio: Studio, plan: LookalikePlan, subject: str) -> list[LabelledFrame]:
    """The frames of a subject that can be used: coded in full, with landmarks."""
    found = [
        take
        for sequence in plan.corpus.sequences
        for take in render_sequence(studio, plan, subject=subject, sequence=sequence)
    ]
    return [t for t in found if t.tracked and set(t.levels) == set(plan.corpus.aus)]


# These have many sequences.
SLOW = ("disfa-plus", "fera2015", "bp4d-plus")


@pytest.mark.parametrize(
    "layout",
    [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in STORED],
)
def test_labels_and_landmarks_come_back(
    layout: str,
    in_this_process: None,
    tiny_folder: Path,
    tiny_studio: Studio,
    tmp_path: Path,
) -> None:
    frames = 2 if len(lookalikes()[layout].corpus.sequences) > 2 else 4
    plan = plan_of(layout, seed=5, subjects=2, frames=frames, size=96)
    manifest = prepared(layout, plan, tiny_folder, tmp_path)
    assert manifest.source["synthetic"] is True and manifest.source["kind"] == layout
    stored, tolerance = STORED[layout]
    aus = manifest.aus
    names = sorted(set(manifest.table["subject"]))
    assert len(names) == 2
    for name, subject in zip(names, sorted(plan.names), strict=True):
        rows = manifest.table[manifest.table["subject"] == name].index
        truth = takes(tiny_studio, plan, subject)
        assert len(rows) == len(truth)
        levels = np.array([[take.levels[au] for au in aus] for take in truth], np.float32)
        places = np.stack([aligned(take, stored) for take in truth])
        found, read = manifest.labels(aus)[rows], manifest.landmarks()[rows][:, stored]
        # Sequences may be read in another order than they were filmed in: match by landmarks.
        order = [int(np.abs(read - place).mean((1, 2)).argmin()) for place in places]
        assert sorted(order) == list(range(len(truth)))
        np.testing.assert_array_equal(found[order], levels)
        np.testing.assert_allclose(read[order], places, atol=tolerance)


def aligned(take: LabelledFrame, stored: list[int]) -> geometry.Points:
    """The landmarks where the crop has them."""
    return geometry.apply(CROP.transform(take.landmarks), take.landmarks)[stored]


@pytest.mark.parametrize(("layout", "count"), [("authors-json", 24), ("authors-json-bp4d", 10)])
def test_points_of_the_authors_json_come_back(
    layout: str,
    count: int,
    in_this_process: None,
    tiny_folder: Path,
    tiny_studio: Studio,
    tmp_path: Path,
) -> None:
    plan = plan_of(layout, seed=5, subjects=2, frames=4, size=96)
    manifest = prepared(layout, plan, tiny_folder, tmp_path)
    points = PointLayout.of(plan.corpus.aus)
    assert points.count == count
    assert manifest.aus == plan.corpus.aus


class OnePlace:
    """Finds a face at the same place of every frame, where videos come without landmarks."""

    def __init__(self, landmarks: geometry.Points) -> None:
        box = geometry.bounding_box(landmarks)
        self._face = Face(box, landmarks, score=1.0)

    def tracker(self) -> OnePlace:
        return self

    def update(self, image: object, timestamp: float | None = None) -> tuple[Face, ...]:
        return (self._face,)


def test_videos_without_landmarks_come_back_with_their_labels(
    in_this_process: None,
    tiny_folder: Path,
    tiny_studio: Studio,
    tmp_path: Path,
    face: geometry.Points,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """FERA 2017: the levels of every frame, and the frame that they belong to."""
    monkeypatch.setattr(converting, "default_detector", lambda: OnePlace(face * 0.45))
    plan = plan_of("fera2017", seed=5, subjects=2, frames=3, size=96)
    manifest = prepared("fera2017", plan, tiny_folder, tmp_path)
    assert manifest.source["landmarks"] == "mediapipe"
    rows = {
        (row["subject"], row["sequence"], row["frame"]): [row[au] for au in manifest.aus]
        for _, row in manifest.table.iterrows()
    }
    assert len(rows) == plan.images
    for subject in plan.names:
        for sequence in plan.corpus.sequences:
            for take in render_sequence(tiny_studio, plan, subject=subject, sequence=sequence):
                matching = [
                    levels
                    for (_, where, frame), levels in rows.items()
                    if where == f"{subject}_{sequence}_6" and frame == take.number
                ]
                assert matching == [[take.levels[au] for au in manifest.aus]]
