from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auheat.errors import AuheatError
from auheat.facs import PAPER_AUS
from auheat.geometry import Points
from auheat.inference import predictor as predictor_module
from auheat.inference.predictor import Predictor, load
from auheat.inference.uncertainty import (
    Uncertainty,
    load_uncertainty,
    read_uncertainty,
    visibility,
)
from auheat.models.weights import default_weights
from auheat.results import FrameResult
from auheat.tables.schema import TableSchema
from stand_ins import SMALL, KnownFaces, face_from, save_small, small_checkpoint, texture


def figures(aus: tuple[str, ...] = ("AU04", "AU09", "AU12")) -> Uncertainty:
    curves = np.log(np.array([[0.2, 1.0, 0.5], [0.1, 0.1, 0.1], [0.4, 2.0, 0.8]]))
    slopes = np.array([0.0, 2.0, 0.0])
    return Uncertainty(aus, np.array([0.0, 1.0, 5.0]), curves, slopes, -2.0, 1.5, "nobody", "ab")


def test_std_against_a_plain_loop() -> None:
    random = np.random.default_rng(0)
    levels, seen = random.uniform(0, 5, (20, 3)).astype(np.float32), random.uniform(0, 1, 20)
    found = figures().std(levels, seen)
    chosen = figures()
    for n in range(20):
        for a in range(3):
            level = float(levels[n, a])
            low, high = (0, 1) if level < 1 else (1, 2)
            fraction = (level - chosen.knots[low]) / (chosen.knots[high] - chosen.knots[low])
            log = (1 - fraction) * chosen.curves[a, low] + fraction * chosen.curves[a, high]
            log += chosen.slopes[a] * (1 - seen[n])
            assert found[n, a] == pytest.approx(np.exp(log))


def test_std_at_the_knots() -> None:
    found = figures().std(np.array([[0.0, 3.0, 1.0], [5.0, 3.0, 0.0]]), np.array([1.0, 0.5]))
    np.testing.assert_allclose(found, [[0.2, 0.1, 2.0], [0.5, 0.1 * np.e, 0.4]])


def test_confidence() -> None:
    """Nobody is certain, however clearly a face is seen."""
    found = figures().confidence(np.array([0.0, 0.5, 0.9, 0.99, 1.0]))
    odds = np.exp(-2 + 1.5 * np.array([0.0, 0.6931, 2.3026, 4.6052, 4.6052]) ** 3)
    np.testing.assert_allclose(found, odds / (1 + odds), rtol=1e-3)


def test_confidence_has_a_ceiling_and_a_power(tmp_path: Path) -> None:
    """Which a file keeps; one from before has none."""
    lower = replace(figures(), ceiling=0.9)
    odds = np.exp(-2 + 1.5 * np.log(2) ** 5)
    steeper = replace(figures(), power=5.0)
    np.testing.assert_allclose(steeper.confidence(np.array([0.5])), odds / (1 + odds), rtol=1e-6)
    seen = np.array([0.0, 0.5, 0.9, 0.99])
    np.testing.assert_allclose(lower.confidence(seen), 0.9 * figures().confidence(seen))
    path = tmp_path / "a.uncertainty.json"
    lower.write(path)
    assert read_uncertainty(path, figures().aus).ceiling == 0.9
    stored = json.loads(path.read_text())
    del stored["confidence"]["ceiling"], stored["confidence"]["power"]
    path.write_text(json.dumps(stored))
    before = read_uncertainty(path, figures().aus)
    assert (before.ceiling, before.power) == (1, 3)


def test_visibility() -> None:
    maps = np.zeros((2, 3, 4, 4), np.float32)
    maps[0, 0, 1, 1], maps[0, 1, 2, 2], maps[0, 2, 0, 0] = 0.5, 1.4, 0.3
    maps[1] = -0.2
    np.testing.assert_allclose(visibility(maps, 2), [0.6, 0.0], rtol=1e-6)
    assert visibility(None, 3).tolist() == [1.0, 1.0, 1.0]


def test_a_file_gives_what_was_written(tmp_path: Path) -> None:
    figures().write(tmp_path / "a.uncertainty.json")
    # another order, and fewer
    found = load_uncertainty(tmp_path / "a.safetensors", ("AU12", "AU04"))
    assert found is not None
    levels, seen = np.array([[1.7, 0.4]]), np.array([0.8])
    expected = figures().std(np.array([[0.4, 0.0, 1.7]]), seen)[:, [2, 0]]
    np.testing.assert_allclose(found.std(levels, seen), expected, rtol=1e-4)
    np.testing.assert_allclose(found.confidence(seen), figures().confidence(seen))
    assert (found.fitted, found.weights) == ("nobody", "ab")
    assert load_uncertainty(tmp_path / "b.safetensors", ("AU12",)) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda stored: stored.pop("auheat_uncertainty"),
        lambda stored: stored.update(auheat_uncertainty=2),
        lambda stored: stored["log_sd"].pop("AU09"),
        lambda stored: stored["log_sd"]["AU04"]["curve"].pop(),
        lambda stored: stored.update(knots="many"),
        lambda stored: stored["confidence"].clear(),
        lambda stored: stored["knots"].reverse(),
        lambda stored: stored["knots"].__setitem__(1, stored["knots"][0]),
        lambda stored: stored["knots"].__setitem__(0, math.nan),
        lambda stored: stored["log_sd"]["AU04"]["curve"].__setitem__(0, math.inf),
        lambda stored: stored["log_sd"]["AU04"].update(slope=math.nan),
        lambda stored: stored["confidence"].update(offset=-math.inf),
        lambda stored: stored["confidence"].update(ceiling=1.5),
        lambda stored: stored["confidence"].update(ceiling=0.0),
        lambda stored: stored["confidence"].update(power=0),
        lambda stored: (
            [stored.update(knots=[])] + [one.update(curve=[]) for one in stored["log_sd"].values()]
        ),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, change: Any) -> None:
    path = tmp_path / "a.uncertainty.json"
    figures().write(path)
    stored = json.loads(path.read_text())
    change(stored)
    path.write_text(json.dumps(stored))
    with pytest.raises(AuheatError, match=r"a\.uncertainty\.json") as refused:
        read_uncertainty(path, SMALL.aus)
    assert "\n" not in str(refused.value)


def test_predictions_carry_them(face: Points, tmp_path: Path) -> None:
    image, faces = texture(0, 270, 480), [face_from(face, score=0.8)]
    plain = Predictor(small_checkpoint(), KnownFaces([faces]), device="cpu")
    informed = Predictor(
        small_checkpoint(), KnownFaces([faces]), aus=["AU12", "AU04"], uncertainty=figures()
    )
    (before,), (after,) = plain.predict(image), informed.predict(image)
    assert before.std is None
    assert not plain.has_std
    assert informed.has_std
    seen = np.array([before.confidence / 0.8])
    levels = np.array([list(before.intensities.values())])
    assert after.confidence == pytest.approx(0.8 * figures().confidence(seen)[0])
    expected = figures().std(levels, seen)[0]
    assert after.std == pytest.approx({"AU04": expected[0], "AU12": expected[2]})


def test_columns_of_std(face: Points) -> None:
    predictor = Predictor(
        small_checkpoint(), KnownFaces([[face_from(face)]]), uncertainty=figures()
    )
    result = FrameResult(1, 0.0, faces=tuple(predictor.predict(texture(0, 270, 480))))
    schema = TableSchema("video", predictor.aus, extras=("sd",))
    assert schema.columns[-3:] == ("AU04_sd", "AU09_sd", "AU12_sd")
    (row,) = schema.rows(result)
    assert tuple(row) == schema.columns
    assert row["AU09_sd"] == result.faces[0].std["AU09"]  # type: ignore[index]
    (empty,) = schema.rows(FrameResult(2, 0.04, faces=()))
    assert empty["AU09_sd"] is None
    assert tuple(empty) == schema.columns


def test_loading_takes_the_file_beside_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictor_module, "default_detector", lambda _: KnownFaces([[]]))
    weights = save_small(tmp_path / "small.safetensors")
    assert not load(weights, "cpu").has_std
    figures().write(tmp_path / "small.uncertainty.json")
    assert load(weights, "cpu").has_std
    (tmp_path / "small.uncertainty.json").write_text("{}")
    with pytest.raises(AuheatError, match="remove it"):
        load(weights, "cpu")


def test_the_default_weights_have_their_own() -> None:
    """Of these very weights: whoever ships others runs scripts/fit_uncertainty.py again."""
    figures = load_uncertainty(default_weights(), PAPER_AUS)
    assert figures is not None
    assert figures.weights == hashlib.sha256(default_weights().read_bytes()).hexdigest()
    levels = np.repeat(np.linspace(0, 5, 51)[:, None], len(PAPER_AUS), 1)
    found = figures.std(levels, np.full(51, 0.95))
    assert found.min() > 0.02
    assert found.max() < 3
    assert (found[0] < found[10]).all()  # a reading of 0 is surer than one of 1
    rising = np.diff(figures.confidence(np.linspace(0, 0.98, 50)))
    assert (rising >= 0).all()
    assert (rising[20:45] > 0).all()  # it is level where nothing is seen, and at its ceiling
