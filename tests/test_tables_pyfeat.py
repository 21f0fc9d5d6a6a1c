"""The real py-feat reads what we write.

py-feat's own dependencies are not installed: of them, only what draws and detects needs those that
are missing, and torchvision has no build for every machine. Where they are imported, empty modules
stand in for them, in a process of their own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from auheat.facs import ALL_AUS
from auheat.pose import HeadPose
from auheat.results import Face, FacePrediction, FrameResult
from auheat.tables.schema import Layout, TableSchema
from auheat.tables.writing import CsvSink

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("feat") is None, reason="py-feat 2.1 needs Python 3.11"),
]

Read = dict[str, Any]
AUS = ALL_AUS
LEVELS = dict.fromkeys(AUS, 0.0) | {"AU01": 0.5, "AU12": 3.25, "AU28": 1.5, "AU43": 4.5}
# Those of OpenFace 2.2: AU28 has no intensity there.
OPENFACE = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)

_READ = """
import importlib.abc, importlib.machinery, json, sys, types
import pandas, scipy.signal, seaborn, sklearn.linear_model, torch.utils.data

ABSENT = set(sys.argv[2].split(","))


class Empty(types.ModuleType):
    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {"__setstate__": lambda self, state: None})


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        return Empty(spec.name)

    def exec_module(self, module):
        pass


sys.meta_path.insert(0, StandIns())
import feat
from feat.utils.io import get_test_data_path, read_feat, read_openface

folder = sys.argv[1]
fex, openface = read_feat(folder + "/fex.csv"), read_openface(folder + "/openface.csv")
theirs = read_feat(get_test_data_path() + "/Feat_Test.csv")
real = read_openface(get_test_data_path() + "/OpenFace_Test.csv")
mean = fex.aus.mean()
json.dump({
    "types": [type(fex).__name__, type(openface).__name__],
    "columns": list(fex.columns), "their_columns": list(theirs.columns),
    "au_columns": fex.au_columns,
    "aus": fex.aus.to_numpy().tolist(), "poses": fex.poses.to_numpy().tolist(),
    "boxes": fex.faceboxes.to_numpy().tolist(), "landmarks": fex.landmarks.to_numpy().tolist(),
    "frames": fex.time.to_numpy().ravel().tolist(), "inputs": fex.inputs.tolist(),
    "mean": mean.to_dict(),
    "openface_poses": openface.poses.to_numpy().tolist(),
    "openface_landmarks": openface.landmarks.to_numpy().tolist(),
    "openface_levels": openface[["AU01_r", "AU12_r", "AU25_r"]].to_numpy().tolist(),
    "openface_aus": openface.aus.iloc[0].to_dict(),
    "openface_times": openface.time.to_numpy().tolist(),
    "real_poses": real.poses.to_numpy().tolist(),
    "real_landmarks": real.landmarks.to_numpy().tolist(),
}, sys.stdout)
"""
_NOT_NEEDED = (
    *("torchvision", "torchcodec", "timm", "h5py", "numexpr", "xgboost", "skimage", "skops"),
    *("easing_functions", "celluloid", "huggingface_hub", "plotly"),
)


def frames(face: NDArray[np.float64]) -> list[FrameResult]:
    pose = HeadPose((1.5, -2.5, 600.25), (np.pi / 18, -np.pi / 9, np.pi / 6))
    seen = Face(np.array([20.0, 50, 180, 200]), face, score=0.875, face_id=1, pose=pose)
    prediction = FacePrediction(
        seen, LEVELS, heatmaps={}, heatmap_to_frame=np.eye(2, 3), confidence=0.75
    )
    return [FrameResult(1, 0.0, faces=(prediction,)), FrameResult(2, 0.04, faces=())]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory, face: NDArray[np.float64]) -> Read:
    """What py-feat makes of our two files, and of two of its own."""
    folder = tmp_path_factory.mktemp("tables")
    for layout in (Layout("fex"), Layout("openface", pose=True, landmarks=True)):
        schema = TableSchema("video", AUS, layout=layout, input="clip.mp4")
        with CsvSink(folder / f"{layout.format}.csv", schema) as sink:
            for result in frames(face):
                sink.write(result)
    command = [sys.executable, "-W", "ignore", "-c", _READ, str(folder), ",".join(_NOT_NEEDED)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return dict(json.loads(ran.stdout))


def test_py_feat_reads_our_fex(read: Read, face: NDArray[np.float64]) -> None:
    assert read["types"] == ["Fex", "Fex"]
    assert read["au_columns"] == list(AUS)  # and no other column counts as an AU
    assert read["aus"][0] == list(LEVELS.values())
    assert np.isnan(read["aus"][1]).all()
    assert read["mean"] == LEVELS  # the frame without a face does not count
    assert read["poses"][0] == [10, 30, -20, 1.5, -2.5, 600.25]  # Pitch, Roll, Yaw, X, Y, Z
    assert read["boxes"][0] == [20, 50, 160, 150, 0.875]
    assert read["landmarks"][0] == [*face[:, 0], *face[:, 1]]
    assert (read["frames"], read["inputs"]) == ([0, 1], ["clip.mp4"] * 2)


def test_all_names_but_few_are_py_feats(read: Read) -> None:
    """X, Y and Z come with py-feat 2, Identity and approx_time with its detectors, which have no
    AU18."""
    ours = set(read["columns"]) - set(read["their_columns"]) - {"AU18"}
    assert ours == {"X", "Y", "Z", "Identity", "approx_time", "timestamp", "confidence"}


def test_py_feat_reads_our_openface_table(
    read: Read,
    face: NDArray[np.float64],
) -> None:
    assert read["openface_poses"][0] == [1.5, -2.5, 600.2, 0.175, -0.349, 0.524]
    assert read["openface_landmarks"][0] == [*face[:, 0], *face[:, 1]]
    assert read["openface_levels"][0] == [0.5, 3.25, 0.0]
    assert np.isnan(read["openface_levels"][1]).all()
    levels = {f"AU{n:02d}_r": LEVELS["AU43" if n == 45 else f"AU{n:02d}"] for n in OPENFACE}
    present = {f"{name[:4]}_c": int(level >= 1) for name, level in levels.items()} | {"AU28_c": 1}
    assert read["openface_aus"] == levels | present
    assert read["openface_times"] == [[1, 0.0], [2, 0.04]]


def test_our_pose_of_openfaces_landmarks_is_openfaces_pose(read: Read) -> None:
    """100 frames of 640 x 360 that OpenFace read, in py-feat's tests: signs, axes and units."""
    from auheat.pose import head_pose

    points = np.array(read["real_landmarks"]).reshape(-1, 2, 68).transpose(0, 2, 1)
    theirs = np.array(read["real_poses"])
    poses = [head_pose(one, (360, 640)) for one in points]
    turned = np.array([pose.rotation for pose in poses if pose])
    placed = np.array([pose.translation for pose in poses if pose])
    assert len(turned) == len(theirs) == 100
    apart = np.degrees(turned - theirs[:, 3:])
    assert np.abs(apart[:, 1:]).max() < 1.5  # yaw and roll
    assert np.abs(apart[:, 0]).max() < 7  # which way is straight ahead differs a little
    assert apart.std(0).max() < 0.5
    assert placed == pytest.approx(theirs[:, :3], rel=0.05, abs=10)
