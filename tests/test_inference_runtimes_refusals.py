"""Networks, devices and packages that a runtime lacks: reading without them, or one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from auheat.cli import main
from auheat.doctor import self_test
from auheat.errors import AuheatError
from auheat.models.runtimes.exported import ExportedSettings
from auheat.models.weights import default_network
from stand_ins import SMALL


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
