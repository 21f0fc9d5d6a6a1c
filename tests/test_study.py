"""The study behind the presets: its points are settings, and its table says what was measured."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import study
from auheat.evaluation.predictions import Predictions
from auheat.training.ablations import Sweep
from small_runs import write_dataset


def test_every_point_is_another_training(tmp_path: Path) -> None:
    """Differences of the points as the documents tell them; none stands twice."""
    sweep = Sweep(write_dataset(tmp_path), "tiny", tmp_path, workers=0)
    found = {}
    for name, (variant, changes) in study.POINTS.items():
        point = Sweep(sweep.manifest, "tiny", tmp_path, changes=changes).experiment(variant, 1, 1)
        found[name] = (point.model, point.optim, point.loss, point.data)
    assert len({str(point) for point in found.values()}) == len(found)
    for name in study.PLANE:
        model, optim, loss, _ = found[name]
        assert optim.optimiser == "adam"
        assert (optim.head_rate == 5.0) == ("last layer x5" in name)
        assert (loss.foreground == 15.0) == ("foreground 15" in name)
        assert (optim.backbone_weights == "") == ("from nothing" in name)
        assert (model.map_units == "amplitude") == ("Eq. 1" in name)
        assert (loss.form == "sum") == ("sum" in name) and model.scc == ("no SCC" not in name)
        assert not model.scc or f"SCC {model.scc_init}" in name
    assert len({study.folder_of(name, 300) for name in found}) == len(found)
    assert study.folder_of("Eq. 1, sum; no SCC", 600) == "Eq._1__sum__no_SCC-600"


def test_the_table_has_seeds_side_by_side_and_differences(tmp_path: Path) -> None:
    """The base is right everywhere (ICC 1); the other says 0 for half of each person's frames."""
    rows = [(person, frame) for person in range(6) for frame in range(8)]
    labels = [(person + frame) % 5 for person, frame in rows]
    halved = [level * (frame % 2) for level, (_, frame) in zip(labels, rows, strict=True)]
    names = (study.BASE[0], "levels, mean; no SCC")
    for name, values in zip(names, (labels, halved), strict=True):
        table = pd.DataFrame(
            {
                "image": [f"{n}.jpg" for n in range(len(rows))],
                "subject": [f"S{person}" for person, _ in rows],
                "sequence": "",
                "frame": [frame for _, frame in rows],
                "fold": "",
                "AU12": [float(value) for value in values],
                "AU12_label": [float(level) for level in labels],
            }
        )
        folder = tmp_path / f"{study.folder_of(name, 300)}-seed1"
        Predictions(table, {"name": name}).write(folder / "val.parquet")
    results = [
        {"point": name, "steps": 300, "seed": seed, "icc": icc, "mae": 0.25,
         "intervals": {"icc": [0.1, 0.456]}}
        for name, seed, icc in ((names[0], 1, 0.4), (names[0], 2, 0.412), (names[1], 1, 0.3))
    ]  # fmt: skip
    lines = study.table(results, tmp_path).splitlines()
    cells = {line.split(" | ")[0].strip("| "): line.strip("| ").split(" | ") for line in lines}
    assert cells[names[1]][1:5] == ["300", "0.300", "[0.10, 0.46]", "0.250"]
    low, high = (float(end) for end in cells[names[1]][5].strip("[]").split(","))
    assert -1 < low < high < -0.1
    assert "0.400, 0.412" in next(line for line in lines if names[0] in line)


def test_a_dataset_that_is_not_there_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["study.py", str(tmp_path), "--runs", str(tmp_path / "runs")])
    with pytest.raises(SystemExit) as ended:
        study.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
