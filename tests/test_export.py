from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from auheat.config import ModelConfig
from auheat.errors import AuheatError
from auheat.export import exporting
from auheat.export.exporting import export
from auheat.export.faces import sheet
from auheat.geometry import Points
from auheat.inference import predictor
from auheat.inference.uncertainty import Uncertainty, load_uncertainty
from auheat.models.checkpoint import load_checkpoint, save_checkpoint
from auheat.models.runtimes.opening import installed, open_runtime
from auheat.models.runtimes.runtime import read_intensities
from auheat.models.weights import default_weights
from cli_calls import call
from stand_ins import SMALL, KnownFaces, face_from, small_checkpoint, texture, write_video

onnx = pytest.importorskip("onnx")
if not installed():
    pytest.skip("neither OpenVINO nor ONNX Runtime is installed", allow_module_level=True)

WITH_SCC = replace(SMALL, scc=True, scc_k=5)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return saved(tmp_path / "small.safetensors")


def saved(path: Path, config: ModelConfig = WITH_SCC) -> Path:
    save_checkpoint(path, small_checkpoint(config).net, config, card={"by": "a test"})
    return path


def test_the_file_alone_holds_the_network_and_its_settings(tmp_path: Path, weights: Path) -> None:
    out = tmp_path / "small.onnx"
    checks = export(weights, out)
    assert [check.runtime for check in checks] == installed()
    assert all(check.parity.largest < 1e-4 and check.parity.faces == 32 for check in checks)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.onnx", "small.safetensors"]
    for name in installed():
        runtime = open_runtime(str(out), runtime=name)
        assert (runtime.name, runtime.config, runtime.card) == (name, WITH_SCC, {"by": "a test"})
    model = onnx.load(str(out))
    onnx.checker.check_model(model)
    (crops,) = model.graph.input
    sides = [side.dim_param or side.dim_value for side in crops.type.tensor_type.shape.dim]
    assert sides == ["batch", 64, 64, 3]
    assert crops.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert not {"Loop", "If", "Scan"} & {node.op_type for node in model.graph.node}


def test_what_reads_otherwise_is_not_kept(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A graph with another weight in it; the older file stays."""
    out = tmp_path / "small.onnx"
    out.write_bytes(b"older")
    write = exporting.write_graph

    def damaged(net: Any, *rest: Any) -> None:
        with torch.no_grad():
            kept = net.head.bias.clone()
            net.head.bias += 0.002  # 0.01 intensity levels
            write(net, *rest)
            net.head.bias.copy_(kept)

    monkeypatch.setattr(exporting, "write_graph", damaged)
    result = call("export", weights, "-o", out)
    assert result.exit_code == 2
    assert "small.onnx is not written: in " in result.stderr
    assert "off, more than 0.001 (over 32 faces)" in result.stderr
    assert result.stderr.count("\n") == 1
    assert out.read_bytes() == b"older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.onnx", "small.safetensors"]


def test_bf16_without_a_runtime_for_it_is_refused(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(exporting, "installed", lambda: ["onnx"])
    with pytest.raises(AuheatError, match="nothing here computes in bf16"):
        export(weights, tmp_path / "a.onnx", precision="bf16")
    assert not (tmp_path / "a.onnx").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda monkeypatch: monkeypatch.setitem(__import__("sys").modules, "onnx", None), "onnx"),
    ],
)
def test_missing_packages_are_named(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, change: Any, message: str
) -> None:
    change(monkeypatch)
    with pytest.raises(AuheatError, match=message):
        export(weights, tmp_path / "a.onnx")
    assert not list(tmp_path.glob("*.onnx"))


def test_wrong_names_are_refused(tmp_path: Path, weights: Path) -> None:
    with pytest.raises(AuheatError, match=r"ends in \.onnx"):
        export(weights, tmp_path / "a.pt")
    with pytest.raises(AuheatError, match="no checkpoint"):
        export(tmp_path / "none.safetensors", tmp_path / "a.onnx")
    # Before anything is read: the weights are not even looked for.
    with pytest.raises(AuheatError, match=r"cannot write .*: there is no folder"):
        export(tmp_path / "none.safetensors", tmp_path / "no" / "folder" / "a.onnx")


def test_predict_reads_an_exported_file_alone(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, face: Points
) -> None:
    monkeypatch.setattr(predictor, "default_detector", lambda _: KnownFaces([[face_from(face)]]))
    video = write_video(tmp_path / "a.mp4", [texture(i, 270, 480) for i in range(3)])
    assert call("export", weights, "-o", tmp_path / "small.onnx").exit_code == 0
    runs: dict[str, list[Any]] = {
        "torch": ["--weights", weights, "--precision", "fp32", "--threads", "1"],
        **{n: ["--weights", tmp_path / "small.onnx", "--runtime", n] for n in installed()},
    }
    tables = {}
    for name, options in runs.items():
        before = torch.get_num_threads()
        result = call("predict", video, "-o", tmp_path / name, "--batch", "2", *options)
        torch.set_num_threads(before)
        assert result.exit_code == 0, result.output
        rows = (tmp_path / name / "a.csv").read_text().splitlines()
        tables[name] = np.array([row.split(",") for row in rows[1:]], float)
    assert len(tables) == 1 + len(installed())
    for table in tables.values():
        assert table.shape[0] == 3
        np.testing.assert_allclose(table, tables["torch"], atol=2e-3)


def test_figures_of_uncertainty_go_with_the_file(tmp_path: Path, weights: Path) -> None:
    """Those of an older file of the same name would be wrong."""
    out = tmp_path / "out" / "net.onnx"
    out.parent.mkdir()
    figures = Uncertainty(
        WITH_SCC.aus, np.array([0.0, 5.0]), np.full((3, 2), [0.1, 0.2]), np.full(3, 0.3), 1, 2
    )
    figures.write(tmp_path / "small.uncertainty.json")
    export(weights, out)
    found = load_uncertainty(out, WITH_SCC.aus)
    assert found is not None
    np.testing.assert_array_equal(found.curves, figures.curves)
    export(saved(tmp_path / "without.safetensors"), out)
    assert load_uncertainty(out, WITH_SCC.aus) is None


def foreign(path: Path, kind: str) -> None:
    """A file with the name of an exported network that is none of auheat's."""
    if kind == "another network":
        helper = onnx.helper
        values = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1]) for n in "xy"]
        node = helper.make_node("Identity", ["x"], ["y"])
        graph = helper.make_graph([node], "g", values[:1], values[1:])
        onnx.save(helper.make_model(graph), str(path))
    elif kind == "text":
        path.write_text("not a network at all")
    elif kind == "empty":
        path.touch()
    else:
        whole = path.with_name("whole.onnx")
        export(saved(path.with_name("s.safetensors"), SMALL), whole)
        path.write_bytes(whole.read_bytes()[: 1000 if kind == "head" else -5])


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("another network", "not one of auheat"),
        ("text", "cannot run"),
        ("empty", "is empty"),
        ("head", "cannot run"),
        ("tail", "cannot run"),
    ],
)
def test_a_foreign_file_is_one_line(tmp_path: Path, kind: str, message: str) -> None:
    foreign(tmp_path / "a.onnx", kind)
    result = call("predict", "x.mp4", "--weights", tmp_path / "a.onnx", "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.slow
def test_default_weights_pass(tmp_path: Path) -> None:
    """Over the faces of the examples the largest difference was 2e-6 in both runtimes."""
    out = tmp_path / "default.onnx"
    result = call("export", "-o", out)
    assert result.exit_code == 0, result.output
    assert result.stdout.count("over 32 faces") == len(installed())
    config = load_checkpoint(default_weights()).config
    runtime = open_runtime(out)
    assert runtime.config == config
    levels = read_intensities(runtime, sheet(128))
    au12 = levels[:, config.aus.index("AU12")]
    assert (
        au12[8:18:2].min() > 2
    )  # the fair one smiles in the second row and the start of the third
    assert au12[:8].max() < 1
    assert runtime.card["licence"] == "Apache-2.0"
