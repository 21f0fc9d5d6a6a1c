"""Errors by level: what is counted, and that the documents say what was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from auheat.facs import ALL_AUS
from auheat.inference.uncertainty import Uncertainty
from measure_errors import always_zero, by_reading, by_truth, main, percent, tables
from small_runs import AUS, write_dataset
from stand_ins import SMALL, save_small

DOCS = Path(__file__).resolve().parents[1] / "docs"
LEVELS = np.array([[0.0, 0.0], [1.5, 4.5], [1.0, 5.0], [0.02, 3.9]])
LABELS = np.array([[0.0, 2.0], [1.0, 4.0], [2.0, np.nan], [0.0, 4.0]])
SDS = np.full((4, 2), 0.5)


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DOCS / "errors.json").read_text())
    return found


def test_coverage_is_by_the_truth() -> None:
    """By hand: 1.96 * 0.5 is 0.98, so errors of 2 and 1 lie outside, of 0.5 and 0.1 inside."""
    assert by_truth(LEVELS, LABELS, SDS) == {
        "0": {"values": 2, "coverage": 1.0},
        "1": {"values": 1, "coverage": 1.0},
        "2": {"values": 2, "coverage": 0.0},
        "4": {"values": 2, "coverage": 1.0},
    }


def test_bias_is_by_the_reading() -> None:
    found = by_reading(LEVELS, LABELS, SDS)
    assert list(found) == ["0 to 0.05", "1 to 2", "3 to 4", "4 to 5"]
    assert found["1 to 2"] == {  # errors 0.5 and -1
        **{"values": 2, "coverage": 0.5, "bias": -0.25},
        **{"rmse": round(float(np.sqrt(0.625)), 3), "sd": 0.5},
    }
    assert found["0 to 0.05"]["bias"] == pytest.approx((0 - 2 + 0.02) / 3, abs=5e-4)
    assert (found["4 to 5"]["values"], found["4 to 5"]["bias"]) == (1, 0.5)  # one is not coded


def test_always_zero_errs_by_the_mean_label() -> None:
    found = always_zero(LABELS, ("AU01", "AU02"))
    assert found == {"AU01": 0.75, "AU02": 3.333333, "mean": 2.041667}


def test_a_dataset_becomes_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_dataset(tmp_path / "data")
    weights, out = save_small(tmp_path / "w.safetensors"), tmp_path / "errors.json"
    arguments = ["measure_errors.py", str(data.folder), "--weights", str(weights), "-o", str(out)]
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "has no uncertainty beside it" in capsys.readouterr().err
    many = len(SMALL.aus)
    knots = np.array([0.0, 5.0])
    made = Uncertainty(SMALL.aus, knots, np.full((many, 2), 9.0), np.zeros(many), 0.0, 1.0)
    made.write(tmp_path / "w.uncertainty.json")
    main()
    report = json.loads(out.read_text())
    assert (report["people"], report["images"], report["coverage"]) == (3, 6, 1.0)
    coded = [au for au in SMALL.aus if au in AUS]  # nobody coded the others
    means = data.split("test").labels(tuple(coded)).mean(0)
    assert 0 < len(coded) < many
    assert list(report["always zero"]) == [*coded, "mean"]
    assert list(report["always zero"].values()) == pytest.approx([*means, means.mean()], abs=1e-5)
    printed = capsys.readouterr().out
    assert all(table in printed for table in tables(report))


def test_the_page_of_uncertainty_has_the_tables(measured: dict[str, Any]) -> None:
    text = (DOCS / "uncertainty.md").read_text("utf-8")
    assert all(table in text for table in tables(measured))
    lowest = min(one["coverage"] for one in measured["by reading"].values())
    assert f"{100 * lowest:.0f}% to 100%" in text
    assert f"{percent(measured['coverage'])} of all readings have the truth within" in text


def test_the_page_of_intensities_has_the_bias(measured: dict[str, Any]) -> None:
    text = " ".join((DOCS / "intensity.md").read_text("utf-8").split())
    by, truth = measured["by reading"], measured["by truth"]
    assert (
        f"by {by['2 to 3']['bias']:.1f} levels between 2 and 3, by {by['3 to 4']['bias']:.1f} "
        f"between 3 and 4, by {by['4 to 5']['bias']:.1f} from 4 on"
    ) in text
    assert f"at level 2 only {percent(truth['2']['coverage'])} lie within" in text


def test_mean_errors_stand_beside_those_of_always_zero(measured: dict[str, Any]) -> None:
    zero = measured["always zero"]
    result = json.loads((DOCS / "results" / "faces-z" / "default.json").read_text())
    assert result["controls"]["all zero"]["mae"] == pytest.approx(zero["mean"], abs=1e-5)
    card = (DOCS / "model-card.md").read_text("utf-8").splitlines()
    rows = [line.strip("| ").split(" | ") for line in card if line.startswith("| ")]
    head = next(row for row in rows if row[:2] == ["AU", "ICC before"])
    ours, always = head.index("MAE"), head.index("MAE of always 0")
    shown = {row[0]: row for row in rows if len(row) == len(head)}
    for au in (*ALL_AUS, "all 20"):
        name = "mean" if au == "all 20" else au
        assert float(shown[au][always]) == pytest.approx(zero[name], abs=6e-4), au
        assert float(shown[au][ours]) == pytest.approx(result["metrics"][name]["mae"], abs=6e-4)
    closer = [au for au in ALL_AUS if zero[au] < result["metrics"][au]["mae"]]
    means = (result["metrics"]["mean"]["mae"], zero["mean"])
    for page in (DOCS / "limits.md", DOCS / "model-card.md", DOCS.parent / "README.md"):
        text = page.read_text("utf-8")
        assert all(f"{mae:.3f}" in text for mae in means), page
        named = text.replace("\n", " ").split("lways saying 0")[1].split(". ")[0]
        assert [au for au in ALL_AUS if au in named] == closer, page
