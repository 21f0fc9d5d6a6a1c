from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from auheat import sums
from auheat.errors import AuheatError
from auheat.faces.model_files import MODELS
from auheat.models.weights import default_network
from auheat.onnx import open_session
from auheat.sums import SUMS, check_sum, sha256, write_sums


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 4
    path.write_bytes(content)


def test_sums_are_those_of_sha256sum(tmp_path: Path) -> None:
    """FIPS 180-2, B.1: the digest of "abc"."""
    (tmp_path / "b.onnx").write_bytes(b"abc")
    (tmp_path / "a.onnx").write_bytes(b"x" * 3_000_000)
    write_sums([tmp_path / "b.onnx", tmp_path / "a.onnx"])
    first, second = (tmp_path / SUMS).read_text().splitlines()
    assert first == f"{hashlib.sha256(b'x' * 3_000_000).hexdigest()}  a.onnx"
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert second == f"{digest}  b.onnx"
    assert sha256(tmp_path / "b.onnx") == digest
    check_sum(tmp_path / "a.onnx")
    flip(tmp_path / "a.onnx", 2_999_999)
    with pytest.raises(AuheatError, match=r"a\.onnx is damaged: its SHA-256 is not the one"):
        check_sum(tmp_path / "a.onnx")
    check_sum(tmp_path / "c.onnx")  # nobody knows what it was


@pytest.mark.parametrize("folder", [MODELS, default_network().parent])
def test_everything_shipped_is_what_it_was(folder: Path) -> None:
    networks = {
        path.name
        for path in folder.iterdir()
        if path.name.endswith((".onnx", ".onnx.gz", ".safetensors"))
    }
    assert {line.split()[1] for line in (folder / SUMS).read_text().splitlines()} == networks
    for name in networks:
        check_sum(folder / name)


def test_a_flipped_bit_in_a_network_is_noticed(tmp_path: Path) -> None:
    """Of 200 flips none was; each moved some reading."""
    name = "face_detection_short_range.onnx.gz"
    for file in (name, SUMS):
        shutil.copy(MODELS / file, tmp_path / file)
    open_session(tmp_path / name)
    flip(tmp_path / name, 150_000)
    with pytest.raises(AuheatError, match="is damaged"):
        open_session(tmp_path / name)


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of face models in what stands for the installed package."""
    folder = tmp_path / "auheat" / "faces" / "models"
    shutil.copytree(MODELS, folder)
    monkeypatch.setattr(sums, "_PACKAGE", tmp_path / "auheat")
    return folder


MESHES = "face_mesh.onnx.gz", "face_mesh_attention.onnx.gz"


@pytest.mark.parametrize("lost", ["missing", "no text", "another name", "a folder"])
def test_what_is_shipped_needs_its_sum(shipped: Path, tmp_path: Path, lost: str) -> None:
    check_sum(shipped / MESHES[0])
    listed = shipped / SUMS
    text = listed.read_text()
    listed.unlink()
    if lost == "a folder":
        listed.mkdir()
    elif lost != "missing":
        damaged = b"\xff\xfe" if lost == "no text" else text.replace("mesh", "mash").encode()
        listed.write_bytes(damaged)
    line = r"SHA256SUMS is missing or damaged, so .* face_mesh\.onnx\.gz .*: install auheat again$"
    with pytest.raises(AuheatError, match=line):
        open_session(shipped / MESHES[0])
    own = tmp_path / "own.onnx.gz"
    shutil.copy(shipped / MESHES[0], own)
    open_session(own)  # of a user, who need not have sums


def test_two_models_in_each_others_place_are_noticed(shipped: Path) -> None:
    first, second = (shipped / name for name in MESHES)
    other = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(other)
    for path in (first, second):
        with pytest.raises(AuheatError, match="is damaged"):
            open_session(path)


_FORKED = """
import multiprocessing, sys
import numpy as np
import auheat
image = np.full((120, 160, 3), 90, np.uint8)
mine = auheat.load(runtime=sys.argv[1], threads=2)
mine.predict(image)

def work(how):
    global mine
    if how == "own":
        mine = auheat.load(runtime=sys.argv[1], threads=2)  # the former one ends here
    return len(list(mine.predict_video([image] * 3))) + len(mine.predict(image))

with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map_async(work, ["own", "parent's", "own", "parent's"]).get(100))
"""


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["onnx", "torch"])
def test_forked_workers_read_once_their_parent_has_loaded(runtime: str) -> None:
    """Fork is what Linux takes by itself up to Python 3.13. They hung for good."""
    ended = subprocess.run(
        [sys.executable, "-c", _FORKED, runtime],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ended.stdout == "[3, 3, 3, 3]\n", ended.stderr
