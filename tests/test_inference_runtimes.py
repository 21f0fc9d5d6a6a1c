"""Exported networks in ONNX Runtime and OpenVINO, which draw the maps of torch."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from auheat.config import ModelConfig
from auheat.errors import AuheatError
from auheat.export.exporting import write_graph
from auheat.face_shape import SIZE
from auheat.heatmap import layout_of
from auheat.inference.predictor import Predictor, load
from auheat.models.checkpoint import Checkpoint, save_checkpoint
from auheat.models.runtimes.exported import ExportedSettings
from auheat.models.runtimes.opening import open_runtime
from auheat.models.runtimes.runtime import read_intensities
from auheat.models.runtimes.torch_runtime import TorchRuntime
from lively_nets import HOURGLASS, WITH_SCC, as_tensor, crops, lively
from stand_ins import KnownFaces, save_small


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[ModelConfig, str], Path]:
    """Writes `lively` networks as ONNX files, each once."""
    pytest.importorskip("onnx")
    folder, made = tmp_path_factory.mktemp("exported"), dict[tuple[ModelConfig, str], Path]()

    def write(config: ModelConfig, precision: str = "fp32") -> Path:
        path = made.setdefault((config, precision), folder / f"{len(made)}.onnx")
        if not path.exists():
            settings = ExportedSettings(config, {"by": "a test"}, precision)  # type: ignore[arg-type]
            write_graph(lively(config), settings, path)
        return path

    return write


RUNTIMES = [("onnx", "onnxruntime"), ("openvino", "openvino")]


@pytest.mark.parametrize(("name", "package"), [*RUNTIMES, ("torch", "torch")])
def test_runtimes_take_in_the_shape_of_the_mesh(
    exported: Callable[..., Path], tmp_path: Path, name: str, package: str
) -> None:
    """Where it is known, and where not; it moves readings by far more than runtimes differ."""
    pytest.importorskip(package)
    config = replace(WITH_SCC, geometry="channels")
    net, path = lively(config), tmp_path / "net.safetensors"
    save_checkpoint(path, net, config)
    path = path if name == "torch" else exported(config)
    runtime = open_runtime(path, runtime=name, precision="fp32")  # type: ignore[arg-type]
    images, geometry = crops(3), np.random.default_rng(0).normal(0, 0.05, (3, SIZE))
    geometry[:, -1] = (1, 1, 0)
    shapes = geometry.astype(np.float32)
    with torch.no_grad():
        expected = net(as_tensor(images), torch.from_numpy(shapes)).intensity.numpy()
        without = net(as_tensor(images)).intensity.numpy()
    bound = 2e-5 * max(1.0, float(np.abs(expected).max()))
    assert np.abs(expected[:2] - without[:2]).max((1, 2, 3)).min() > 100 * bound
    found = runtime.heatmaps(images, shapes).intensity
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound)
    np.testing.assert_allclose(runtime.heatmaps(images).intensity, without, rtol=0, atol=bound)
    one_by_one = read_intensities(runtime, images, shapes, batch_size=2)
    np.testing.assert_allclose(one_by_one, layout_of(config).read(expected), atol=1e-3)


@pytest.mark.parametrize(("name", "package"), RUNTIMES)
@pytest.mark.parametrize(
    "config", [WITH_SCC, replace(WITH_SCC, scc_norm=True, location_maps=False), HOURGLASS]
)
def test_runtimes_draw_the_same_maps(
    exported: Callable[..., Path], name: str, package: str, config: ModelConfig
) -> None:
    """For batches of any size, one after the other; earlier results stay as they are."""
    pytest.importorskip(package)
    runtime = open_runtime(exported(config), runtime=name)  # type: ignore[arg-type]
    net = lively(config)
    assert (runtime.name, runtime.precision, runtime.config) == (name, "fp32", config)
    kept = []
    for count in (1, 3, 2):
        images = crops(count, seed=count)
        with torch.no_grad():
            kept.append((runtime.heatmaps(images), net(as_tensor(images))))
    for found, expected in kept:
        assert found.intensity.dtype == np.float32
        bound = 2e-5 * max(1.0, expected.intensity.abs().max().item())
        np.testing.assert_allclose(found.intensity, expected.intensity, rtol=0, atol=bound)
        assert (found.location is None) == (expected.location is None)
        if expected.location is not None and found.location is not None:
            np.testing.assert_allclose(found.location, expected.location, rtol=0, atol=2e-5)


@pytest.mark.parametrize(("name", "package"), RUNTIMES)
def test_the_predictor_reads_the_same_in_every_runtime(
    exported: Callable[..., Path], name: str, package: str, face: NDArray[np.float64]
) -> None:
    pytest.importorskip(package)
    from stand_ins import face_from, texture

    frame, detector = texture(0, 270, 480), KnownFaces([[face_from(face)]])
    runtime = open_runtime(exported(WITH_SCC), runtime=name, threads=1)  # type: ignore[arg-type]
    torch_one = TorchRuntime(
        Checkpoint(lively(WITH_SCC), WITH_SCC, {}), device="cpu", precision="fp32"
    )
    (expected,), (found,) = (Predictor(r, detector).predict(frame) for r in (torch_one, runtime))
    assert found.intensities == pytest.approx(expected.intensities, abs=1e-3)
    assert found.confidence == pytest.approx(expected.confidence, abs=1e-4)
    assert Predictor(runtime, detector).device == "cpu"


def test_what_does_not_go_together_is_refused(
    exported: Callable[..., Path], tmp_path: Path
) -> None:
    stored, path = save_small(tmp_path / "a.safetensors"), exported(WITH_SCC)
    refusals: list[tuple[Callable[[], object], str]] = [
        (lambda: open_runtime(stored, runtime="onnx"), "auheat export"),
        (lambda: open_runtime(stored, runtime="openvino"), "auheat export"),
        (lambda: open_runtime(path, runtime="torch"), "reads .safetensors"),
        (lambda: open_runtime(path, device="cuda"), "on the CPU, not on cuda"),
        (lambda: open_runtime(tmp_path / "none.onnx"), "no exported network at"),
    ]
    for wrong, message in refusals:
        with pytest.raises(AuheatError, match=message):
            wrong()


@pytest.mark.parametrize(("name", "package"), RUNTIMES)
def test_bf16_is_refused_where_it_was_not_checked(
    exported: Callable[..., Path], name: str, package: str
) -> None:
    pytest.importorskip(package)
    with pytest.raises(AuheatError, match="fp32"):
        open_runtime(exported(WITH_SCC), runtime=name, precision="bf16")  # type: ignore[arg-type]


def test_a_signal_after_two_openvino_runtimes_is_survived(exported: Callable[..., Path]) -> None:
    """Two plugins that go in the order in which they came leave a stack for signals that is gone.

    In a process of its own, which else would die: with the end of a child, as Ctrl-C would do it.
    """
    pytest.importorskip("openvino")
    code = (
        "import signal, subprocess, sys\n"
        "from pathlib import Path\n"
        "from auheat.models.runtimes.openvino_runtime import OpenVinoRuntime\n"
        "signal.signal(signal.SIGCHLD, lambda *_: None)\n"
        "first, second = (OpenVinoRuntime(Path(sys.argv[1])) for _ in range(2))\n"
        "del first, second\n"
        "subprocess.run([sys.executable, '-c', 'pass'])\n"
        "print('alive')"
    )
    command = [sys.executable, "-X", "faulthandler", "-c", code, str(exported(WITH_SCC))]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "alive\n"), result.stderr


@pytest.mark.parametrize("content", [b"hello\n", b"", b"\x08\x0a\x12\x03abc"])
def test_openvino_says_nothing_of_a_file_that_is_none(tmp_path: Path, content: bytes) -> None:
    """TensorFlow's reader, which it asks too if it may, wrote two lines about a text."""
    pytest.importorskip("openvino")
    path = tmp_path / "text.onnx"
    path.write_bytes(content)
    code = (
        "import sys\n"
        "from auheat.errors import AuheatError\n"
        "from auheat.models.runtimes.openvino_runtime import OpenVinoRuntime\n"
        "try: OpenVinoRuntime(sys.argv[1])\n"
        "except AuheatError as error: print(error)"
    )
    command = [sys.executable, "-c", code, str(path)]
    quiet = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=quiet)
    assert done.stderr == ""  # but for what coverage has to say, which is left out
    assert done.stdout.count("\n") == 1 and done.stdout.startswith(str(path))


def test_openvino_reads_a_bf16_file_in_bf16_where_the_processor_has_it(
    exported: Callable[..., Path],
) -> None:
    openvino = pytest.importorskip("openvino")
    if "ONEDNN_MAX_CPU_ISA" in os.environ:
        pytest.skip("oneDNN is kept from what OpenVINO sees of the processor")
    path, net = exported(WITH_SCC, "bf16"), lively(WITH_SCC)
    able = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    runtime = open_runtime(path, runtime="openvino")
    assert runtime.precision == ("bf16" if able else "fp32")
    exact = open_runtime(path, runtime="openvino", precision="fp32")
    assert exact.precision == "fp32"
    images = crops(4)
    with torch.no_grad():
        expected = net(as_tensor(images)).intensity.numpy()
    off = [np.abs(r.heatmaps(images).intensity - expected).max() for r in (runtime, exact)]
    assert off[1] < 5e-5
    if able:
        assert off[0] > 10 * off[1]  # it did compute in another precision


def test_auto_runs_exported_networks_in_onnx_runtime(exported: Callable[..., Path]) -> None:
    assert open_runtime(exported(WITH_SCC)).name == "onnx"
    assert open_runtime(str(exported(WITH_SCC))).card == {"by": "a test"}


@pytest.mark.parametrize(("name", "package"), RUNTIMES)
def test_a_missing_package_is_named(
    exported: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, name: str, package: str
) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(AuheatError, match=f"pip install .*{package}"):
        open_runtime(exported(WITH_SCC), runtime=name)  # type: ignore[arg-type]


def test_load_hands_its_wishes_on(
    exported: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    from auheat.inference import predictor as module

    monkeypatch.setattr(module, "default_detector", lambda _: KnownFaces([[]]))
    found = load(exported(WITH_SCC), runtime="onnx", batch=3, aus=["AU12"])
    assert (found.runtime.name, found.batch, found.aus) == ("onnx", 3, ("AU12",))
    assert load(runtime="openvino").runtime.name == "openvino"


def test_channels_that_are_equal_are_read_the_same_in_every_runtime(
    exported: Callable[..., Path],
) -> None:
    """A blank crop leaves many channels equal or empty: exact ties, which ONNX gives the lowest."""
    blank = np.full((2, 64, 64, 3), 128, np.uint8)
    blank[1] = 0
    plain = TorchRuntime(Checkpoint(lively(WITH_SCC), WITH_SCC, {}), device="cpu", fused=False)
    expected = read_intensities(plain, blank)
    for name in ("onnx", "openvino"):
        runtime = open_runtime(exported(WITH_SCC), runtime=name)
        np.testing.assert_allclose(read_intensities(runtime, blank), expected, atol=1e-3)
