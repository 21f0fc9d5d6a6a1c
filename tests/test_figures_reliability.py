from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from auheat.errors import AuheatError
from auheat.figures.reliability import Bins, read_bins, reliability

REPORT = Path(__file__).resolve().parents[1] / "docs" / "uncertainty.json"


def bins(*pairs: tuple[float, float, float]) -> list[dict[str, float]]:
    return [{"stated": a, "observed": b, "mae": c, "faces": 10} for a, b, c in pairs]


def test_what_is_drawn() -> None:
    now, before = bins((0.5, 0.4, 0.8), (0.9, 0.95, 0.3)), bins((0.8, 0.4, 0.8), (0.96, 0.95, 0.3))
    figure = reliability({"now": now, "before": before}, 0.75)
    fractions, errors = figure.axes
    drawn = {
        line.get_label(): np.asarray(line.get_xydata()).tolist() for line in fractions.lines[1:]
    }
    assert drawn == {
        "confidence": [[0.5, 0.4], [0.9, 0.95]],
        "height of the location peaks": [[0.8, 0.4], [0.96, 0.95]],
    }
    assert np.asarray(fractions.lines[0].get_xydata()).tolist() == [[0, 0], [1, 1]]
    assert [np.asarray(line.get_ydata()).tolist() for line in errors.lines] == [
        [0.8, 0.3],
        [0.8, 0.3],
    ]
    assert "0.75 levels" in fractions.get_ylabel()
    assert any("synthetic" in text.get_text() for text in figure.texts)


@pytest.mark.parametrize("source", ["made up", "shipped"])
def test_points_fill_the_panels_and_none_is_cut(source: str) -> None:
    """From 0 to 1 most of the points lay on each other, and the highest errors on the frame."""
    made_up = bins((0.7, 0.66, 0.63), (0.94, 0.93, 0.35), (0.95, 0.97, 0.29))
    found = {"now": made_up, "before": made_up} if source == "made up" else read_bins(REPORT)[0]
    figure = reliability(found, 0.75)
    drawn = [axes.lines[skip:] for axes, skip in zip(figure.axes, (1, 0), strict=True)]
    for axes, lines in zip(figure.axes, drawn, strict=True):
        points = np.concatenate([np.asarray(line.get_xydata()) for line in lines])
        for values, (low, high) in zip(points.T, (axes.get_xlim(), axes.get_ylim()), strict=True):
            assert low + 0.04 * (high - low) < values.min()
            assert values.max() < high - 0.04 * (high - low)
            assert np.ptp(values) > 0.6 * (high - low)
    assert figure.axes[0].get_xlim() == figure.axes[0].get_ylim()


def test_the_shipped_figures_keep_their_word() -> None:
    """Of the shipped report: in every tenth of the faces the observed fraction is one that the
    stated one explains (2.6 standard errors, so one of ten by chance in a tenth of all
    reports), while the heights of peaks, uncalibrated, are further off.
    """
    found, limit = read_bins(REPORT)
    assert limit == 0.75
    assert len(found["now"]) == 10

    def errors(bins: Bins) -> list[float]:
        faces = json.loads(REPORT.read_text())["views"]["test"] / len(bins)
        spreads = [(one["stated"] * (1 - one["stated"]) / faces) ** 0.5 for one in bins]
        return [
            abs(one["stated"] - one["observed"]) / spread
            for one, spread in zip(bins, spreads, strict=True)
        ]

    assert max(errors(found["now"])) < 2.6 < max(errors(found["before"]))
    assert sum(abs(one["stated"] - one["observed"]) for one in found["now"]) / 10 < 0.04
    report = json.loads(REPORT.read_text())
    for views in ("as they are", "corrupted"):
        assert 0.93 < report["deviations"][f"reading seen / {views}"]["coverage"] < 0.97


def test_what_to_expect_of_a_reading_is_what_was_measured() -> None:
    found = json.loads(REPORT.read_text())["expected"]
    said = {
        "uncertainty.md": "a reading of 0 is off by about {zero:.1f}, one of 4 by about "
        "{four:.1f}, and one between 1 and 3 by about {between:.1f}",
        "intensity.md": "such a reading is off by about {between:.1f} levels (root mean square), "
        "one of 0 by about {zero:.1f}, one of 4 by about {four:.1f}",
    }
    for page, sentence in said.items():
        text = " ".join((REPORT.parent / page).read_text("utf-8").split())
        assert sentence.format(zero=found["0"], between=found["1 to 3"], four=found["4"]) in text


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"confidence": 1}')
    for name in ("a.json", "none.json"):
        with pytest.raises(AuheatError, match=name):
            read_bins(tmp_path / name)
