"""Sweeps: settings of variants, resuming, and what the runs leave behind."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from auheat.data.manifest import Manifest, read_manifest
from auheat.errors import AuheatError
from auheat.evaluation.predictions import pool
from auheat.facs import BP4D_AUS, DISFA_AUS
from auheat.settings import to_dict
from auheat.training import ablations as paper
from auheat.training.ablations import Sweep
from auheat.training.experiment import read_experiment, read_settings
from small_runs import AUS, write_dataset

# Networks of a fraction of a second.
TINY = (
    "model.input_size=32",
    "model.width=0.125",
    "model.deconv_widths=[8, 8]",
    "model.scc_k=3",
    "optim.epochs=2",
    "optim.backbone_weights=",
    "optim.precision=32-true",
    "data.epoch_images=16",
    "data.batch_size=8",
)


def sweep(folder: Path, **changes: object) -> Sweep:
    manifest = write_dataset(folder / "data")
    made = Sweep(manifest, "tiny", folder / "runs", changes=TINY, workers=0, device="cpu")
    return replace(made, **changes)  # type: ignore[arg-type]


def kind_of(manifest: Manifest, kind: str, aus: tuple[str, ...]) -> Manifest:
    table = manifest.table.drop(columns=list(AUS)).assign(**dict.fromkeys(aus, np.float32(0)))
    return Manifest(table, manifest.folder, manifest.crop, {"kind": kind})


@pytest.mark.parametrize("path", sorted(paper.recipes().glob("paper/*.toml")), ids=lambda p: p.stem)
def test_every_recipe_stands_alone(path: Path) -> None:
    """It reads as it is, is named after its file, and keeps what the paper states."""
    made = read_experiment(path, ["data.folder=x"])
    assert made.name == path.stem
    assert made.data.batch_size == 32 and made.optim.learning_rate == 5e-4  # Implementation Details
    assert made.model.input_size == 256 and made.model.amplitude == "paper"
    assert made.loss.foreground == 0 and made.model.location_maps is False  # Eq. 2, plain
    assert made.model.scc_k == (5 if "bp4d" in path.stem else 7)


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        (paper.SCC, {"scc": True, "deconv_widths": (256, 128, 64)}),
        (paper.PLAIN, {"scc": False, "deconv_widths": (256, 128, 64)}),
        (paper.WIDE, {"scc": False, "deconv_widths": (256, 256, 256)}),
        (paper.HOURGLASS, {"scc": False, "kind": "hourglass", "maps": "au"}),
        (paper.TWO, {"scc": True, "deconv_widths": (256, 128)}),
        (paper.TWO_PLAIN, {"scc": False, "deconv_widths": (256, 128)}),
        (paper.EDGES_F, {"scc": True, "scc_edges": "centre_neighbour"}),
        (paper.EDGES_G, {"scc": True, "scc_edges": "difference"}),
        (paper.at_k(12), {"scc": True, "scc_k": 12}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_arms_differ_as_the_paper_says(
    tmp_path: Path, variant: paper.Variant, expected: dict[str, object]
) -> None:
    manifest = kind_of(write_dataset(tmp_path), "disfa", DISFA_AUS)
    made = Sweep(manifest, "paper", tmp_path).experiment(variant, 1, 1)
    base = Sweep(manifest, "paper", tmp_path).experiment(paper.SCC, 1, 1)
    fields = {"kind", "maps", "scc", "scc_k", "scc_edges", "deconv_widths"}
    own, common = to_dict(made.model), to_dict(base.model)
    assert {k for k in own if own[k] != common[k]} <= fields
    assert {k: getattr(made.model, k) for k in expected} == expected
    assert (made.data, made.optim, made.loss) == (base.data, base.optim, base.loss)


def test_the_dataset_decides_aus_k_and_protocol(tmp_path: Path) -> None:
    manifest = write_dataset(tmp_path)
    for kind, aus, k, protocol, folds in (
        ("disfa", DISFA_AUS, 7, "disfa-jaa", 3),
        ("bp4d", BP4D_AUS, 5, "bp4d", 1),
        ("fera2015", BP4D_AUS, 5, "bp4d", 1),
    ):
        made = Sweep(kind_of(manifest, kind, aus), "paper", tmp_path)
        settings = made.experiment(paper.SCC, 2, 1)
        assert (settings.model.aus, settings.model.scc_k) == (aus, k)
        assert (settings.data.protocol, settings.seed) == (protocol, 2)
        assert len(made.jobs([paper.SCC])) == folds
    other = Sweep(manifest, "paper", tmp_path).experiment(paper.SCC, 1, 3)
    assert (other.model.aus, other.data.protocol, other.data.fold) == (AUS, "k-fold", 3)
    with pytest.raises(AuheatError, match="does not code AU10, AU14: prepare it"):
        Sweep(kind_of(manifest, "bp4d", (*DISFA_AUS, "AU17")), "paper", tmp_path).jobs([paper.SCC])


def test_presets(tmp_path: Path) -> None:
    manifest = kind_of(write_dataset(tmp_path), "disfa", DISFA_AUS)
    paper_size = Sweep(manifest, "paper", tmp_path).experiment(paper.SCC, 1, 1)
    stored = read_experiment(
        paper.recipes() / "paper" / "scc-heatmap.toml", [f"data.folder={manifest.folder}"]
    )
    assert paper_size == stored
    literal = Sweep(manifest, "literal", tmp_path).experiment(paper.SCC, 1, 1)
    assert (literal.model.map_units, literal.model.amplitude) == ("amplitude", "paper")
    assert (literal.loss.form, literal.model.scc_init) == ("sum", "random")
    assert (paper_size.model.map_units, paper_size.loss.form) == ("intensity", "mean")
    tiny = Sweep(manifest, "tiny", tmp_path)
    assert tiny.experiment(paper.TWO, 1, 1).model.deconv_widths == (64, 32)
    assert tiny.experiment(paper.SCC, 1, 1).loss.foreground == 15
    plain = tiny.experiment(paper.PLAIN_LOSS, 1, 1)
    assert plain.loss.foreground == 0 and not plain.model.location_maps
    with pytest.raises(AuheatError, match=r"unknown preset 'tony': did you mean 'tiny'\?"):
        Sweep(manifest, "tony", tmp_path).experiment(paper.SCC, 1, 1)


def test_bases_of_settings(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('name = "a"\n[model]\nscc = true\nscc_k = 5\n')
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.toml").write_text('base = "../a.toml"\n[model]\nscc_k = 3\n')
    settings = read_settings(tmp_path / "sub" / "b.toml")
    assert settings == {"name": "a", "model": {"scc": True, "scc_k": 3}}
    (tmp_path / "c.toml").write_text('base = "c.toml"\n')
    with pytest.raises(AuheatError, match=r"c\.toml is its own base"):
        read_settings(tmp_path / "c.toml")


@pytest.mark.slow
def test_a_study_from_nothing_to_predictions(tmp_path: Path) -> None:
    made = sweep(tmp_path)
    assert len(made.missing([paper.PLAIN])) == 3
    for job in made.missing([paper.PLAIN]):
        made.run(*job)
    assert made.missing([paper.PLAIN]) == []
    pooled = pool(made.predictions(paper.PLAIN, 1))
    manifest = read_manifest(tmp_path / "data")
    assert sorted(pooled.table["image"]) == sorted(manifest.table["image"])  # everybody once
    tested = pd.Series([part.table["subject"].nunique() for part in pooled.by_fold()])
    assert tested.sum() == 19 and tested.max() - tested.min() <= 1
    card = json.loads((made.folder(paper.PLAIN, 1, 2) / "experiment.json").read_text())
    assert card["data"]["fold"] == 2 and card["model"]["scc"] is False


@pytest.mark.slow
def test_an_interrupted_study_gives_the_same_figures(tmp_path: Path) -> None:
    """A run whose training stopped after a checkpoint, before it predicted."""
    whole, broken = sweep(tmp_path / "a"), sweep(tmp_path / "b")
    job = (paper.SCC, 1, 1)
    whole.run(*job)
    broken.run(*job)
    (broken.folder(*job) / "test.parquet").unlink()
    assert broken.missing([paper.SCC])[0] == job
    broken.run(*job)
    one, two = (pd.read_parquet(made.folder(*job) / "test.parquet") for made in (whole, broken))
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_runs_of_other_settings_are_not_mixed(tmp_path: Path) -> None:
    made = sweep(tmp_path)
    made.run(paper.PLAIN, 1, 1)
    with pytest.raises(AuheatError, match=r"other settings \(optim\.epochs 2, not 3\): give"):
        replace(made, changes=(*TINY, "optim.epochs=3")).missing([paper.PLAIN])
