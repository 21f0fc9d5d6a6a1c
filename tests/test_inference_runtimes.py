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
from click.testing import CliRunner
from numpy.typing import NDArray
from torch import Tensor

from auheat.cli import main
from auheat.config import ModelConfig
from auheat.doctor import self_test
from auheat.errors import AuheatError
from auheat.export.exporting import parity, write_graph
from auheat.export.faces import sheet
from auheat.face_shape import SIZE
from auheat.heatmap import layout_of
from auheat.inference.predictor import Predictor, load
from auheat.models import fused
from auheat.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from auheat.models.fused import fuse, in_bfloat16
from auheat.models.runtimes import torch_runtime
from auheat.models.runtimes.exported import ExportedSettings
from auheat.models.runtimes.opening import open_runtime
from auheat.models.runtimes.runtime import HeatmapArrays, read_intensities
from auheat.models.runtimes.torch_runtime import TorchRuntime
from auheat.models.weights import default_network, default_weights
from lively_nets import HOURGLASS, WITH_SCC, as_tensor, crops, lively
from stand_ins import SMALL, KnownFaces, save_small, small_checkpoint


def test_torch_runtime_takes_crops_as_they_come() -> None:
    net, images = lively(WITH_SCC), crops(3)
    runtime = TorchRuntime(Checkpoint(net, WITH_SCC, {}), device="cpu", precision="fp32")
    found = runtime.heatmaps(images)
    with torch.no_grad():
        expected = net(as_tensor(images))
    assert (runtime.name, runtime.precision, runtime.device) == ("torch", "fp32", "cpu")
    np.testing.assert_allclose(found.intensity, expected.intensity, rtol=0, atol=2e-5)
    assert found.location is not None
    np.testing.assert_allclose(found.location, expected.location, rtol=0, atol=2e-5)
    np.testing.assert_array_equal(runtime.heatmaps(images).intensity, found.intensity)
    assert torch.is_grad_enabled()


def test_precision_follows_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    net = lively(WITH_SCC)
    for able, expected in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr(torch_runtime, "has_bfloat16", lambda _, able=able: able)
        runtime = TorchRuntime(Checkpoint(net, WITH_SCC, {}), device="cpu")
        assert runtime.precision == expected
        assert runtime.heatmaps(crops(1)).intensity.dtype == np.float32
        weight = runtime.net.head.weight
        assert weight.dtype == (torch.bfloat16 if able else torch.float32)
    assert (
        TorchRuntime(Checkpoint(net, WITH_SCC, {}), device="cpu", precision="bf16").precision
        == "bf16"
    )


def test_bfloat16_normalises_in_float32() -> None:
    """Pixels above 128 would lose their lowest bit; a faint image in bright light shows it."""
    net = in_bfloat16(fuse(lively(WITH_SCC)))
    faint = torch.full((1, 3, 64, 64), 200.0)
    faint[..., ::2] += 1
    seen = net.normalise(faint)
    assert seen.dtype == torch.bfloat16
    expected = 0.5 / np.sqrt(0.25 + 1.0)  # deviation 0.5, and the 1 that is added to the variance
    torch.testing.assert_close(
        seen.float().abs(), torch.full_like(faint, expected), rtol=0.01, atol=0
    )


def test_threads_are_set_by_asking_alone() -> None:
    before = torch.get_num_threads()
    try:
        TorchRuntime(Checkpoint(lively(SMALL), SMALL, {}), device="cpu")
        assert torch.get_num_threads() == before
        TorchRuntime(Checkpoint(lively(SMALL), SMALL, {}), device="cpu", threads=before + 1)
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


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


def test_batch_bounds_what_goes_through_together(face: NDArray[np.float64]) -> None:
    from stand_ins import face_from, texture

    checkpoint, seen = small_checkpoint(), list[int]()
    runtime = TorchRuntime(checkpoint, device="cpu")
    draw = runtime.heatmaps

    def counted(
        images: NDArray[np.uint8], geometry: NDArray[np.float32] | None = None
    ) -> HeatmapArrays:
        seen.append(len(images))
        return draw(images, geometry)

    runtime.heatmaps = counted  # type: ignore[method-assign, assignment]
    predictor = Predictor(runtime, KnownFaces([[]]), batch=3)
    predictor.predict_faces(texture(0, 270, 480), [face_from(face)] * 7)
    assert seen == [3, 3, 1]


@pytest.fixture(scope="module")
def default() -> Checkpoint:
    return load_checkpoint(default_weights())


@pytest.mark.parametrize(("precision", "most"), [("fp32", 1e-4), ("bf16", 0.06)])
def test_default_weights_in_torch(default: Checkpoint, precision: str, most: float) -> None:
    """Folded against plain over the faces of the examples; bf16 was 0.038 over 250 of them."""
    runtime = TorchRuntime(default, device="cpu", precision=precision)  # type: ignore[arg-type]
    faces = sheet(default.config.input_size)[::2]
    found = parity(TorchRuntime(default, device="cpu", fused=False), runtime, faces)
    assert found.largest < most
    assert found.icc > 0.995
    levels = layout_of(default.config).read(runtime.heatmaps(faces).intensity)
    assert levels.max() > 3.0  # the faces smile: there is something to compare


def test_foreign_precision_in_metadata_is_refused(tmp_path: Path) -> None:
    settings = ExportedSettings(SMALL, {}, "fp32")
    assert ExportedSettings.read(settings.text(), tmp_path) == settings
    for broken, message in (
        (settings.text().replace("fp32", "fp4"), "does not read"),
        (settings.text().replace('"format": 1', '"format": 2'), "format 2"),
        (settings.text()[:-9], "damaged"),
        ("[]", "damaged"),
        (None, "not one of auheat"),
    ):
        with pytest.raises(AuheatError, match=message):
            ExportedSettings.read(broken, tmp_path)


def swap_near_ties(nodes: Tensor, count: int, tolerance: float) -> tuple[Tensor, int]:
    """The neighbours of `_other_channels`, but the last one is the next instead wherever the two
    are nearly as far away; and how often that was."""
    batch, channels = nodes.shape[:2]
    nodes = nodes - nodes.mean(1, keepdim=True)
    norms = nodes.square().sum(2)
    closeness = 2 * (nodes @ nodes.transpose(1, 2)) - norms[:, None, :]
    values, found = (closeness - torch.eye(channels) * 1e30).topk(count + 1, dim=2)
    near = values[..., count - 1] - values[..., count] < tolerance * norms
    last = torch.where(near, found[..., count], found[..., count - 1])
    found = torch.cat([found[..., : count - 1], last[..., None]], 2)
    start = torch.arange(batch)[:, None, None] * channels
    return (found + start).view(batch * channels, count), int(near.sum())


def test_ties_of_neighbours_move_no_intensity_by_more_than_a_twentyfifth(
    default: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runtimes sum distances in another order, and so may see near ties the other way round.

    Rounding is some 1e-6 of a distance. With all ties of a hundred times that decided otherwise at
    once, in every layer, the largest change was 0.028 over 58 faces (0.011 with earlier weights).
    """
    runtime = TorchRuntime(default, device="cpu", precision="fp32")
    faces = sheet(default.config.input_size)[::2]
    expected, swapped = read_intensities(runtime, faces), list[int]()

    def other(nodes: Tensor, count: int) -> Tensor:
        rows, number = swap_near_ties(nodes, count, 1e-4)
        swapped.append(number)
        return rows

    monkeypatch.setattr(fused, "_other_channels", other)
    moved = np.abs(read_intensities(runtime, faces) - expected).max()
    assert sum(swapped) > 3
    assert 0 < moved < 0.04


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


def test_reading_runs_without_the_extras() -> None:
    """In a process that refuses their packages: a face is found and read."""
    code = (
        "import sys\n"
        "from auheat.optional import EXTRAS\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in set(EXTRAS) - {'matplotlib'}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "import auheat\n"
        "from auheat.doctor import self_test\n"
        "(face,) = auheat.load().predict(self_test.folder() / self_test.FACE)\n"
        "print(round(face.intensities['AU12'], 1))\n"
        "try:\n"
        "    auheat.load(runtime='torch')\n"
        "except auheat.AuheatError as error:\n"
        "    print(error)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    expected = self_test.expectation().intensities["AU12"]
    assert result.stdout == (
        f'{expected:.1f}\ntorch is not installed: pip install "auheat[torch]"\n'
    ), result.stderr
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ("--device cuda:9", "no device 'cuda:9' here"),
        ("--device gpu", "'gpu' is no device: give one of auto, cpu, cuda, cuda:N, mps"),
        ("--device CUDA --runtime onnx", "'CUDA' is no device: give one of"),
        ("--runtime onnx --precision bf16", "on a CPU: for bf16 give --runtime torch, or "),
        ("--runtime openvino --precision bf16", "in fp32: for bf16 give --runtime torch, or "),
        (
            "--runtime openvino --precision bf16",
            "`auheat export WEIGHTS -o FILE.onnx --precision bf16`",
        ),
        ("--runtime onnx --device cuda", "default.onnx does: give --runtime torch\n"),
        ("--weights own.onnx --device mps", "own.onnx does: give --runtime torch and the .safe"),
        ("--weights own.onnx --precision bf16", "give --runtime torch and .safetensors weights"),
        ("--weights none.onnx", "no exported network at none.onnx"),
        ("--weights damaged.onnx", "install auheat again"),
        (
            "--weights damaged.onnx --runtime openvino",
            "damaged.onnx is not a readable .onnx network",
        ),
    ],
)
def test_what_cannot_run_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
    options: str, line: str,
) -> None:  # fmt: skip
    """Native libraries, too, write nothing."""
    clip = Path(__file__).resolve().parents[1] / "examples" / "smiles.mp4"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "damaged.onnx").write_bytes(default_network().read_bytes()[:5000])
    (tmp_path / "own.onnx").touch()
    result = CliRunner().invoke(main, ["predict", str(clip), "-o", "out", *options.split()])
    assert result.exit_code == 2
    assert line in result.stderr
    assert result.stderr.count("\n") == 1
    assert capfd.readouterr() == ("", "")
    assert not (tmp_path / "out").exists()
