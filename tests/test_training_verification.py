"""`auheat verify` of the folder of a run: whole, damaged, at odds with itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from click.testing import CliRunner, Result

from auheat.cli import main
from auheat.evaluation.predictions import read_predictions
from auheat.models.devices import has_bfloat16
from auheat.training.checkpointing import readable_checkpoint
from auheat.training.fit import fit
from auheat.training.run_folder import BEST, HISTORY, LAST, PREVIOUS, SETTINGS
from small_runs import experiment, write_dataset

PREDICTIONS, RESULT = "predictions-test.parquet", "result-test.json"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset and the folder of a run that was measured on it."""
    folder = tmp_path_factory.mktemp("whole")
    write_dataset(folder / "data")
    fit(experiment(folder / "data", epochs=2), folder / "run")
    arguments = ["evaluate", str(folder / "run"), "--data", str(folder / "data")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole / "run", tmp_path / "run"))


def verify(folder: Path) -> Result:
    return CliRunner().invoke(main, ["verify", str(folder)])


def verdicts(folder: Path, code: int) -> dict[str, str]:
    """What is said of each file of a run."""
    result = verify(folder)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    lines = (result.stdout + result.stderr).replace("auheat: ", "").splitlines()
    split = (line.partition(": ") for line in lines if line.startswith(str(folder)))
    return {Path(name).name: said for name, _, said in split}


def test_a_whole_run_is_the_same(run: Path) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    names = [BEST, LAST, PREVIOUS, HISTORY, PREDICTIONS, RESULT]
    assert verdicts(run, 0) == dict.fromkeys(names, "the same")
    assert verify(run).stdout.splitlines()[-1] == "6 of 6 are the same, 0 differ, 0 not verified"
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", [BEST, LAST])
def test_a_flipped_bit_in_what_was_trained(run: Path, name: str) -> None:
    """torch itself takes it: the values are another few, and nothing says so."""
    content = bytearray((run / name).read_bytes())
    content[len(content) // 2] ^= 64
    (run / name).write_bytes(content)
    said = verdicts(run, 2)[name]
    assert said.startswith("cannot be verified: ") and "is damaged" in said
    if name == LAST:
        found = readable_checkpoint(run)
        assert found is not None and found[0] == run / PREVIOUS


def test_predictions_that_the_weights_do_not_give(run: Path) -> None:
    stored = pq.read_table(run / PREDICTIONS)
    values = stored.to_pandas()
    values.loc[2, "AU12"] += np.float32(0.25)
    changed = stored.from_pandas(values, preserve_index=False)
    pq.write_table(changed.replace_schema_metadata(stored.schema.metadata), run / PREDICTIONS)
    said = verdicts(run, 1)
    assert said[PREDICTIONS] == "differs: 1 of 6 rows (row 3), by up to 0.25 in AU12"
    assert said[RESULT] == "differs: metrics, intervals: not what predictions-test.parquet gives"


def test_a_result_that_was_edited(run: Path) -> None:
    content = json.loads((run / RESULT).read_text())
    content["metrics"]["mean"]["icc"] = 0.9
    (run / RESULT).write_text(json.dumps(content))
    assert verdicts(run, 1)[RESULT] == "differs: metrics: not what predictions-test.parquet gives"
    (run / PREDICTIONS).unlink()
    assert verdicts(run, 2)[RESULT].startswith("cannot be verified: no predictions at")


def test_files_that_disagree(run: Path) -> None:
    settings = json.loads((run / SETTINGS).read_text())
    settings["optim"]["learning_rate"] = 0.5
    (run / SETTINGS).write_text(json.dumps(settings))
    said = verdicts(run, 1)[BEST]
    assert said.startswith(f"differs: {SETTINGS} has other settings: optim.learning_rate")
    (run / HISTORY).write_text((run / HISTORY).read_text() + '{"epoch": 3, "val/icc": 2.0}\n')
    assert verdicts(run, 1)[HISTORY] == "differs: history.csv was made of other lines"


def test_a_better_epoch_than_the_one_that_was_kept(run: Path) -> None:
    lines = [json.loads(line) for line in (run / HISTORY).read_text().splitlines()]
    (run / HISTORY).write_text("".join(json.dumps(line) + "\n" for line in lines[:1]) * 2)
    assert verdicts(run, 1)[HISTORY] == "differs: it is no line for each epoch from the first on"
    lines[0]["val/icc"] = lines[1]["val/icc"] = 2.0
    (run / HISTORY).write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert verdicts(run, 1)[BEST].startswith("differs: history.jsonl has another ICC than")


def test_what_was_measured_names_its_origin(whole: Path, run: Path) -> None:
    origin = read_predictions(run / PREDICTIONS).about["origin"]
    assert origin["runtime"] == "torch"
    assert origin["precision"] == ("bf16" if has_bfloat16(torch.device("cpu")) else "fp32")
    assert origin["folder"] == str((whole / "data").resolve())
    assert len(origin["weights"]["sha256"]) == 64


def test_a_dataset_that_changed_is_named(tmp_path: Path) -> None:
    """A label, and then an image that is gone."""
    manifest = write_dataset(tmp_path / "data")
    fit(experiment(tmp_path / "data", epochs=1), tmp_path / "run")
    arguments = ["evaluate", str(tmp_path / "run"), "--data", str(tmp_path / "data")]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    row = manifest.table.index[manifest.table["split"] == "test"][0]
    manifest.table["AU04"] = np.where(
        manifest.table.index == row, 5 - manifest.table["AU04"], manifest.table["AU04"]
    ).astype(np.float32)
    manifest.write()
    said = verdicts(tmp_path / "run", 1)
    assert said[BEST].endswith(f"the same (the dataset {tmp_path / 'data'} has changed since)")
    assert "1 of 6 rows (row 1), by up to" in said[PREDICTIONS]
    assert said[PREDICTIONS].endswith("in AU04_label")
    (tmp_path / "data" / "manifest.parquet").unlink()
    said = verdicts(tmp_path / "run", 2)
    assert said[BEST].endswith("is not there any more)")
    assert said[PREDICTIONS].startswith("cannot be verified: ")


def test_predictions_of_an_older_version(run: Path) -> None:
    stored = pq.read_table(run / PREDICTIONS)
    about = json.loads(stored.schema.metadata[b"auheat"])
    del about["origin"]
    pq.write_table(
        stored.replace_schema_metadata({b"auheat": json.dumps(about).encode()}), run / PREDICTIONS
    )
    assert "does not say where it comes from" in verdicts(run, 2)[PREDICTIONS]
    assert len(pd.read_parquet(run / PREDICTIONS)) == 6
