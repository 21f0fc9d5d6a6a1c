from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from auheat.faces.detection import Region
from auheat.faces.detector import TwoStageDetector, default_detector
from auheat.faces.mediapipe_detector import MediaPipeLandmarker
from auheat.landmarks import COUNT, FLIP, MESH_OF_LANDMARK

# Vertices of the mesh that mirror each other, from its published topology.
MIRRORED = {
    **{127: 356, 234: 454, 93: 323, 132: 361, 58: 288, 172: 397, 150: 379, 176: 400, 152: 152},
    **{70: 300, 63: 293, 105: 334, 66: 296, 107: 336, 168: 168, 197: 197, 5: 5, 4: 4},
    **{98: 327, 97: 326, 2: 2, 33: 263, 160: 387, 158: 385, 133: 362, 153: 380, 144: 373},
    **{61: 291, 40: 270, 37: 267, 0: 0, 321: 91, 314: 84, 17: 17},
    **{78: 308, 81: 311, 13: 13, 402: 178, 14: 14},
}


@pytest.fixture(scope="module")
def detector() -> TwoStageDetector:
    return default_detector()


def test_the_table_names_68_vertices_of_the_mesh() -> None:
    assert len(MESH_OF_LANDMARK) == COUNT
    assert len(set(MESH_OF_LANDMARK)) == COUNT
    assert 0 <= min(MESH_OF_LANDMARK) <= max(MESH_OF_LANDMARK) < 468  # 468 on are the irises


def test_the_table_is_symmetrical() -> None:
    partner = MIRRORED | {right: left for left, right in MIRRORED.items()}
    for landmark, vertex in enumerate(MESH_OF_LANDMARK):
        assert partner[vertex] == MESH_OF_LANDMARK[FLIP[landmark]]


@pytest.mark.parametrize("shape", [(1, 1, 3), (40, 300, 3), (720, 1280, 3)])
def test_pictures_without_a_face(detector: TwoStageDetector, shape: tuple[int, ...]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    assert detector.detect(noise) == ()
    assert detector.detect(np.full(shape, 127, np.uint8)) == ()


def test_the_mesh_keeps_silent_about_nothing() -> None:
    grey = np.full((200, 200, 3), 127, np.uint8)
    assert MediaPipeLandmarker().locate(grey, Region((100.0, 100.0), 150.0)) is None


def test_views_of_larger_arrays_are_read(detector: TwoStageDetector) -> None:
    """Slices and mirrored arrays are not contiguous in memory."""
    wide: NDArray[np.uint8] = np.zeros((100, 400, 3), np.uint8)
    assert detector.detect(wide[::-1, ::2]) == ()


def test_nothing_is_written_to_standard_error() -> None:
    code = (
        "import numpy as np; from auheat.faces.detector import default_detector; "
        "f = default_detector(); f.detect(np.zeros((90, 160, 3), np.uint8)); "
        "f.tracker().update(np.zeros((90, 160, 3), np.uint8))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert result.stderr == b""
    assert result.stdout == b""


def test_importing_the_rooms_loads_no_model_library() -> None:
    code = (
        "import sys; import auheat.faces.detector, auheat.faces.mediapipe_detector; "
        "print({'mediapipe', 'torch', 'av', 'pandas'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert result.stdout.strip() == b"set()"
