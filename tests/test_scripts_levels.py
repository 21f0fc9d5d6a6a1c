"""Gains and offsets of AUs: how they are chosen, and what weights read that have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auheat.metrics import FALSE_ALARM, icc31
from auheat.models.runtimes.opening import open_runtime
from auheat.models.runtimes.runtime import read_intensities
from fit_levels import Part, best_pair, main, order, scaled, write
from small_runs import write_dataset
from stand_ins import SMALL, save_small

NONE = Part(np.zeros((40, 1)), np.zeros((40, 1)))


def shrunk(factor: float, rest: float, noise: float) -> Part:
    """What a network reads that stays too close to `rest`."""
    rng = np.random.default_rng(1)
    labels = rng.choice([0.0, 1, 2, 3, 4, 5], (3000, 1), p=[0.7, 0.06, 0.06, 0.06, 0.06, 0.06])
    values = rest + (factor - rest / 5) * labels + rng.normal(0, noise, labels.shape)
    return Part(np.clip(values, 0, 5), labels)


def test_the_spread_of_the_labels_comes_back() -> None:
    """Three quarters of a level for each, and nearly no error: 4 / 3 is right."""
    part = shrunk(0.75, 0.0, 0.05)
    gain, offset = best_pair([part], NONE, 0)
    assert abs(gain - 4 / 3) < 0.05
    assert offset < 0.1
    raised = scaled(part.values[:, 0], 1.32, 0.0)
    before, after = (
        icc31(np.stack([values, part.labels[:, 0]], 1)) for values in (part.values[:, 0], raised)
    )
    assert after > 0.99 > 0.97 > before


def test_a_floor_is_taken_off_but_1_is_never_lowered() -> None:
    gain, offset = best_pair([shrunk(0.8, 0.6, 0.1)], NONE, 0)
    assert offset > 0.15
    assert gain - offset >= FALSE_ALARM - 1e-9


def test_faces_at_rest_stay_at_rest() -> None:
    """Readings of .9 at rest are no alarms; what would make them some is not taken."""
    part, rest = shrunk(0.75, 0.0, 0.05), Part(np.full((40, 1), 0.9), np.zeros((40, 1)))
    gain, offset = best_pair([part], rest, 0)
    assert gain * 0.9 - offset <= FALSE_ALARM
    assert best_pair([part], NONE, 0)[0] * 0.9 > FALSE_ALARM


def test_weights_read_what_their_pairs_say(tmp_path: Path) -> None:
    weights, out = save_small(tmp_path / "a.safetensors"), tmp_path / "b.safetensors"
    pairs = {au: (1.0 + 0.1 * n, 0.05 * n) for n, au in enumerate(SMALL.aus)}
    write(weights, pairs, out)
    size = SMALL.input_size
    crops = np.random.default_rng(0).integers(0, 256, (6, size, size, 3), np.uint8)
    before, after = (
        read_intensities(open_runtime(path, runtime="torch", device="cpu", precision="fp32"), crops)
        for path in (weights, out)
    )
    gains, offsets = np.array(list(pairs.values())).T
    assert np.ptp(before) > 1
    np.testing.assert_allclose(after, scaled(before.astype(float), gains, offsets), atol=1e-4)


def test_faint_readings_keep_their_order() -> None:
    """An offset alone would read all of them as 0, and an AUC of a half."""
    labels = np.repeat([0.0, 2.0], 50)[:, None]
    values = np.r_[np.linspace(0.0, 0.19, 50), np.linspace(0.2, 0.39, 50)][:, None]
    part = Part(values, labels)
    assert scaled(values[:, 0], 1.4, 0.4)[49] == pytest.approx(0.1 * 0.19)
    assert order(part, 0, 1.4, 0.4) == pytest.approx(order(part, 0), abs=0.03) == 1.0


def test_curves_are_not_fitted_on_curves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    weights, out = save_small(tmp_path / "a.safetensors"), tmp_path / "b.safetensors"
    write(weights, dict.fromkeys(SMALL.aus, (1.2, 0.1)), out)
    monkeypatch.setattr("sys.argv", ["fit_levels.py", str(out), "x", "y", "-o", str(weights)])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "has curves already" in capsys.readouterr().err


def test_a_set_without_families_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    weights, out = save_small(tmp_path / "a.safetensors"), tmp_path / "b.safetensors"
    data = write_dataset(tmp_path / "data").folder
    arguments = ["fit_levels.py", str(weights), str(data), str(data), "-o", str(out)]
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit, match="2"):
        main()
    assert f"{data} has no families: make them with" in capsys.readouterr().err
    assert not out.exists()
