"""Files that are no checkpoints, or of settings that make no sense: one line, nothing is run."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from auheat.models.checkpoint import load_checkpoint
from refusals import refusal


def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "none.safetensors"
    assert "no checkpoint at" in refusal(lambda: load_checkpoint(path), path)
    assert "no checkpoint at" in refusal(lambda: load_checkpoint(tmp_path), tmp_path)


def test_a_pickle_is_never_run(tmp_path: Path) -> None:
    flag = tmp_path / "ran"

    class Trap:
        def __reduce__(self) -> Any:
            return (Path.touch, (flag,))

    path = tmp_path / "model.pt"
    for content in (pickle.dumps(Trap()), None):
        if content is None:
            torch.save({"weights": torch.zeros(3)}, path)
        else:
            path.write_bytes(content)
        assert "only .safetensors" in refusal(lambda: load_checkpoint(path), path)
    assert not flag.exists()


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_a_foreign_safetensors_file(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    path = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(3)}, path, metadata=metadata)
    assert "no auheat settings" in refusal(lambda: load_checkpoint(path), path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("not json", "damaged"),
        ("[1]", "damaged"),
        ("{}", "damaged"),
        ('{"format": 1}', "damaged"),
        ('{"format": 1, "model": [2]}', "damaged"),
        ('{"format": 1, "model": {}, "card": 3}', "damaged"),
        ('{"format": 2, "network": {}}', "has format 2, this auheat reads 1: update auheat"),
        ('{"format": 1, "model": {"scc_kk": 3}}', "did you mean 'scc_k'?"),
        ('{"format": 1, "model": {"aus": ["AU99"]}}', "unknown Action Unit 'AU99'"),
        ('{"format": 1, "model": {"input_size": 100}}', "input_size = 100"),
        ('{"format": 1, "model": {"input_size": 32000000}}', "input_size = 32000000"),
        ('{"format": 1, "model": {"input_size": 1e30}}', "input_size = 1e+30"),
        ('{"format": 1, "model": {"width": 1e30}}', "width = 1e+30: expected 1/64 to 16"),
        ('{"format": 1, "model": {"width": NaN}}', "width = nan"),
        ('{"format": 1, "model": {"deconv_widths": [1000000]}}', "channel counts up to 4096"),
        ('{"format": 1, "model": {"deconv_widths": [%s8]}}' % (39 * "8, "), "expected 1 to 7"),
        ('{"format": 1, "card": %s}' % (100_000 * "["), "damaged"),
        ('{"format": 1, "model": {"input_size": %s}}' % (10_000 * "9"), "damaged"),
        ('{"format": 1, "model": {"input_size": 4096}}', "does not fit the network"),
    ],
)
def test_damaged_or_newer_settings(tmp_path: Path, settings: str, message: str) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"weight": torch.zeros(3)}, path, metadata={"auheat": settings})
    assert message in refusal(lambda: load_checkpoint(path), path)
