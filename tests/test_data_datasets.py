"""One registry of datasets: a dataset that is new to it is known everywhere, from one file."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from auheat.cli import main
from auheat.data import datasets
from auheat.data.datasets import DATASETS, lookalikes, protocols, registry
from auheat.data.manifest import Manifest, read_manifest
from auheat.data.sequences import render_sequence
from auheat.errors import AuheatError
from auheat.evaluation.protocols import protocol_names, title_of
from auheat.facs import MAX_INTENSITY
from auheat.figures.rows import database_of
from auheat.metrics import icc31
from auheat.synthesis.studio import Studio
from auheat.training.ablations import SCC, Sweep
from small_lookalikes import tiny


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file beside the others, and the line that names it."""
    monkeypatch.setattr(datasets, "__path__", [*datasets.__path__, str(Path(__file__).parent)])
    for name, dataset in registry(["toy_dataset"]).items():
        monkeypatch.setitem(DATASETS, name, dataset)


def run(*arguments: object) -> str:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done.output


def predictions_of(manifest: Manifest, folder: Path) -> NDArray[np.float64]:
    """Writes a table for each sequence; returns intensities (rows, A) of the manifest's rows."""
    folder.mkdir()
    values = np.random.default_rng(0).uniform(0, 5, (len(manifest.table), len(manifest.aus)))
    values = values.round(3)
    for name, rows in manifest.table.groupby("sequence").indices.items():
        lines = [",".join(["frame", *(f"{au}_r" for au in manifest.aus)])]
        for row in rows:
            lines.append(",".join(map(str, [manifest.table["frame"][row], *values[row]])))
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return values


def test_a_new_dataset_is_one_file_and_one_line(
    toy: None, tiny_serial: None, tiny_folder: Path, tiny_studio: Studio, tmp_path: Path
) -> None:
    """From the rendered look-alike over prepare and evaluate to what a sweep trains with."""
    source, data = tmp_path / "source", tmp_path / "data"
    assert "|toy]" in run("prepare", "--help").replace("\n", "").replace(" ", "")
    run("synth", "--layout", "toy", "--assets", tiny_folder, "-o", source, "--seed", 3)
    run("prepare", "toy", source, "-o", data, "--size", 32, "--pad", 4, "--workers", 1)
    manifest = read_manifest(data)
    assert (manifest.source["kind"], manifest.source["synthetic"]) == ("toy", True)
    assert sorted(set(manifest.table["subject"])) == ["p1", "p2", "p3", "p4", "p5", "p6"]
    plan = tiny("toy", 6, 4, 64)
    for subject in plan.names:
        truth = list(render_sequence(tiny_studio, plan, subject=subject, sequence="only"))
        rows = manifest.table[manifest.table["subject"] == subject]
        assert rows["frame"].to_list() == [1, 3, 4]  # nobody could see frame 2
        for au in ("AU06", "AU12"):  # percent became levels
            assert rows[au].to_list() == [f.levels[au] for f in truth if f.number != 2]
    assert manifest.table["AU12"].max() > 1

    values = predictions_of(manifest, tmp_path / "tables")
    result = tmp_path / "result.json"
    options = ("--data", data, "--protocol", "toy-pairs", "--fold", 2, "-o", result)
    assert "protocol toy-pairs, fold 2 of 3" in run("evaluate", tmp_path / "tables", *options)
    tested = manifest.table["subject"].isin(["p3", "p4"]).to_numpy()
    found = json.loads(result.read_text())
    assert (found["images"], found["subjects"], found["protocol"]) == (6, 2, "toy-pairs")
    for a, au in enumerate(("AU06", "AU12")):
        labels = manifest.table[au].to_numpy()[tested]
        expected = icc31(np.stack([values[tested, a], labels], 1))
        assert found["metrics"][au]["icc"] == pytest.approx(expected, abs=1e-6)

    sweep = Sweep(manifest, "tiny", tmp_path / "runs")
    jobs = sweep.jobs([SCC])
    assert [fold for _, _, fold in jobs] == [1, 2, 3]
    settings = sweep.experiment(*jobs[1])
    assert (settings.data.protocol, settings.data.fold) == ("toy-pairs", 2)
    assert (settings.model.scc_k, settings.model.aus) == (2, ("AU06", "AU12"))
    assert title_of(sweep.design.protocol) == "3 folds of two people"
    with pytest.raises(AuheatError, match="is of the kind 'toy': the paper's tables are of DISFA"):
        database_of(sweep)


def test_what_is_not_in_the_registry_is_not_known(tmp_path: Path) -> None:
    for arguments in (("prepare", "toy", tmp_path), ("synth", "--layout", "toy", "--assets", "x")):
        refused = CliRunner().invoke(main, [*map(str, arguments), "-o", str(tmp_path / "out")])
        assert refused.exit_code == 2
        assert refused.stderr.startswith("auheat: unknown layout 'toy': ")
        assert refused.stderr.count("\n") == 1


def test_facts_of_the_datasets() -> None:
    """Names are single, numbers of people overlap only where corpora share them, AUs are coded."""
    assert list(DATASETS) == [dataset.spec.name for dataset in DATASETS.values()]
    assert len(protocols()) == sum(len(d.spec.protocols) for d in DATASETS.values()) - 1  # bp4d's
    assert protocol_names() == ("disfa-jaa", "disfa-ntinou", "bp4d", "k-fold")
    assert {name: d.spec.k for name, d in DATASETS.items() if d.spec.database} == {
        "disfa": 7, "bp4d": 5, "fera2015": 5
    }  # fmt: skip
    corpora = [lookalike.corpus for lookalike in lookalikes().values()]
    for dataset in DATASETS.values():
        for layout in dataset.lookalikes.values():
            assert set(layout.corpus.aus) <= set(dataset.spec.aus)
        for code, level in ((0, 0), (dataset.spec.scale.max, MAX_INTENSITY)):
            assert dataset.spec.scale.levels(np.array([float(code)])) == [level]
    shared = {("disfa", "disfa-plus")}
    for one, other in combinations(corpora, 2):
        names = {one.people.name, other.people.name}
        people = [
            {corpus.person_number(name) for name in corpus.subjects if "_" not in name}
            for corpus in (one, other)
        ]
        if len(names) == 2 and tuple(sorted(names)) not in shared:
            assert not people[0] & people[1], names


def test_the_documents_say_what_the_registry_says() -> None:
    rows = (Path(__file__).parents[1] / "docs" / "datasets.md").read_text().splitlines()
    for dataset in DATASETS.values():
        spec = dataset.spec
        assert f"| `{spec.name}` | {spec.files} | {spec.split} |" in rows
