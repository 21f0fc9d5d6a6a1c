"""Exported networks that take their numbers from the checkpoint beside them."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auheat.config import ModelConfig
from auheat.errors import AuheatError
from auheat.export import exporting
from auheat.export.exporting import export
from auheat.face_shape import SIZE
from auheat.faces.model_files import MODELS
from auheat.models.checkpoint import load_checkpoint, save_checkpoint
from auheat.models.runtimes.opening import installed, open_runtime
from auheat.models.runtimes.torch_runtime import TorchRuntime
from auheat.onnx_outside import outside
from lively_nets import WITH_SCC, crops, lively

onnx = pytest.importorskip("onnx")
if not installed():
    pytest.skip("neither OpenVINO nor ONNX Runtime is installed", allow_module_level=True)

# Wide enough for matrices that are worth sharing: SCC's of 16 and 64 pixels with their norms.
CONFIG = replace(WITH_SCC, input_size=64, deconv_widths=(32, 24))
PLAIN = replace(CONFIG, scc_norm=False, geometry="channels")


Pair = tuple[Path, Path]


def made(folder: Path, config: ModelConfig, *, half: bool = True) -> Pair:
    weights, network = folder / "a.safetensors", folder / "a.onnx"
    save_checkpoint(weights, lively(config), config, half=half)
    with pytest.MonkeyPatch.context() as patch:  # one is enough here, and all come below
        patch.setattr(exporting, "installed", lambda: installed()[:1])
        export(weights, network, share=True)
    return weights, network


@pytest.fixture(scope="module", params=[CONFIG, PLAIN], ids=["norms", "geometry"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """A checkpoint and its network that shares it."""
    return made(tmp_path_factory.mktemp("pair"), request.param)


@pytest.fixture
def copied(pair: Pair, tmp_path: Path) -> Pair:
    weights, network = (Path(shutil.copy(path, tmp_path)) for path in pair)
    return weights, network


def arrays(network: Path) -> dict[str, Any]:
    graph = onnx.load(str(network), load_external_data=False).graph
    return {array.name: array for array in graph.initializer}


def test_it_reads_as_the_checkpoint_does(pair: Pair) -> None:
    """In every runtime; a factor on the wrong axis or a wrong place in the file moves readings."""
    weights, network = pair
    onnx.checker.check_model(str(network))
    expected = TorchRuntime(load_checkpoint(weights), device="cpu", precision="fp32", fused=False)
    faces = crops(3)
    shapes = np.random.default_rng(0).normal(0, 0.05, (3, SIZE)).astype(np.float32)
    shapes[:, -1] = 1
    right = expected.heatmaps(faces, shapes).intensity
    for name in installed():
        found = open_runtime(network, runtime=name).heatmaps(faces, shapes).intensity
        np.testing.assert_allclose(found, right, atol=1e-4 * np.abs(right).max())


@pytest.mark.parametrize("pair", [PLAIN], indirect=True)
def test_nothing_large_is_written_twice(pair: Pair) -> None:
    weights, network = pair
    kept = sum(len(array.raw_data) for array in arrays(network).values())
    assert kept < 30_000 < weights.stat().st_size // 10
    outside = [array for array in arrays(network).values() if array.external_data]
    assert {array.name for array in outside} > {
        "backbone.layer4.1.conv2.weight",
        "deconvs.1.deconv.weight",
        "correspondence.1.phi",
        "correspondence.1.omega",
        "geometry.draw.weight",
    }
    assert {entry.value for array in outside for entry in array.external_data[:1]} == {weights.name}


@pytest.mark.parametrize("pair", [PLAIN], indirect=True)
def test_another_or_a_damaged_checkpoint_is_refused(copied: Pair) -> None:
    weights, network = copied
    content = bytearray(weights.read_bytes())
    content[-100] ^= 1
    for name in installed():
        weights.write_bytes(content)
        with pytest.raises(AuheatError, match=r"a\.safetensors beside it, which is damaged"):
            open_runtime(network, runtime=name)
        line = (
            rf"^{re.escape(str(network))} takes its weights from a\.safetensors beside it, which "
            "is missing or damaged: give another copy of both files, or install auheat again$"
        )
        weights.write_bytes(content[:-5000])
        with pytest.raises(AuheatError, match=line):
            open_runtime(network, runtime=name)
        weights.unlink()
        with pytest.raises(AuheatError, match=line):
            open_runtime(network, runtime=name)
        whole = network.read_bytes()
        network.write_bytes(b"")
        with pytest.raises(AuheatError, match=r"a\.onnx is empty: give another copy of the"):
            open_runtime(network, runtime=name)
        network.write_bytes(whole)


@pytest.mark.parametrize("pair", [PLAIN], indirect=True)
def test_both_can_be_moved_together(pair: Pair, copied: Pair) -> None:
    before, after = (open_runtime(path).heatmaps(crops(1)).intensity for _, path in (pair, copied))
    assert np.array_equal(before, after)


def test_what_lies_outside_is_what_the_package_onnx_finds(pair: Pair) -> None:
    _, network = pair
    found, whole = outside(network), onnx.load(str(network))
    expected = {
        array.name: onnx.numpy_helper.to_array(array)
        for array in whole.graph.initializer
        if array.name in arrays(network) and arrays(network)[array.name].external_data
    }
    assert set(found) == set(expected) and len(found) > 10
    for name, values in expected.items():
        assert found[name].dtype == np.float16
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize("pair", [PLAIN], indirect=True)
def test_nothing_lies_outside_of_other_files(pair: Pair, tmp_path: Path) -> None:
    assert outside(pair[0]) == {}
    assert outside(MODELS / "face_mesh.onnx.gz") == {}
    assert outside(tmp_path / "none.onnx") == {}
    (tmp_path / "empty.onnx").touch()
    assert outside(tmp_path / "empty.onnx") == {}


@pytest.mark.parametrize("pair", [PLAIN], indirect=True)
def test_a_damaged_graph_is_read_or_refused(pair: Pair, tmp_path: Path) -> None:
    """Two hundred times some bytes are others or the end is missing: no other error, no loop."""
    random, content = np.random.default_rng(0), pair[1].read_bytes()
    damaged = tmp_path / "a.onnx"
    shutil.copy(pair[0], tmp_path)
    for turn in range(200):
        changed = bytearray(content)
        for place in random.integers(0, len(content), 20):
            changed[place] = random.integers(256)
        damaged.write_bytes(changed[: random.integers(1, len(content)) if turn % 2 else None])
        with suppress(AuheatError):
            outside(damaged)


@pytest.mark.parametrize("pair", [PLAIN], indirect=True)
def test_an_entry_that_lacks_its_key_is_damage(pair: Pair, tmp_path: Path) -> None:
    """One byte, the tag of the key of an entry about the other file: it becomes another field."""
    content, damaged = bytearray(pair[1].read_bytes()), tmp_path / "a.onnx"
    shutil.copy(pair[0], tmp_path)
    tag = content.index(b"\x0a\x08location")
    content[tag] = 0x1A
    damaged.write_bytes(content)
    assert outside(damaged) == {}
    with pytest.raises(AuheatError, match=r"a\.onnx"):
        open_runtime(damaged, runtime="onnx")


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="there are no links")
@pytest.mark.parametrize("pair", [PLAIN], indirect=True)
def test_links_to_files_that_lie_apart_are_followed(pair: Pair, tmp_path: Path) -> None:
    """Some installers and build tools lay packages out so; ONNX Runtime itself refuses them."""
    for path in pair:
        folder = tmp_path / path.suffix[1:]
        folder.mkdir()
        shutil.copy(path, folder / f"kept-{path.name}")
        (tmp_path / path.name).symlink_to(folder / f"kept-{path.name}")
    found = open_runtime(tmp_path / "a.onnx", runtime="onnx").heatmaps(crops(1)).intensity
    assert np.array_equal(found, open_runtime(pair[1], runtime="onnx").heatmaps(crops(1)).intensity)


def test_float32_filters_are_not_shared(tmp_path: Path) -> None:
    with pytest.raises(AuheatError, match=r"shares no weights with .*a\.safetensors"):
        made(tmp_path, CONFIG, half=False)
    assert not (tmp_path / "a.onnx").exists()


def test_files_that_lie_apart_are_refused(tmp_path: Path) -> None:
    weights = tmp_path / "a.safetensors"
    save_checkpoint(weights, lively(CONFIG), CONFIG, half=True)
    (tmp_path / "out").mkdir()
    with pytest.raises(AuheatError, match="have to lie in one folder"):
        export(weights, tmp_path / "out" / "a.onnx", share=True)
