"""From a dataset to the paper's tables and figures, with networks of a fraction of a second."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from matplotlib.figure import Figure
from PIL import Image

from auheat.cli import main
from auheat.data.datasets.bp4d import SPEC as BP4D_SPEC
from auheat.data.datasets.disfa import SPEC
from auheat.data.manifest import read_manifest
from auheat.evaluation.predictions import read_predictions
from auheat.facs import BP4D_AUS, DISFA_AUS
from auheat.figures import style
from auheat.figures.reproduce import side_by_side
from auheat.metrics import icc31
from auheat.training.ablations import Sweep
from small_runs import noise_dataset, write_dataset

AUS_OF = {"BP4D": BP4D_AUS, "DISFA": DISFA_AUS}
TINY = (
    "model.input_size=32",
    "model.width=0.125",
    "optim.epochs=1",
    "optim.backbone_weights=",
    "optim.precision=32-true",
    "data.epoch_images=16",
    "data.batch_size=8",
)


@pytest.fixture(scope="module")
def disfa(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise in the shape of a prepared DISFA: 27 subjects, 4 frames each, levels 0 to 5."""
    return noise_dataset(tmp_path_factory.mktemp("disfa"), "disfa", SPEC, DISFA_AUS)


@pytest.fixture(scope="module")
def bp4d(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise in the shape of a prepared BP4D: 41 subjects, 2 frames each, levels 0 to 3."""
    folder = tmp_path_factory.mktemp("bp4d")
    return noise_dataset(folder, "bp4d", BP4D_SPEC, BP4D_AUS, frames=2, most=3)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


def reproduce(disfa: Path, runs: Path, out: Path, target: str, *options: object) -> Result:
    arguments = ["reproduce", target, *TINY, "--data", disfa, "--preset", "tiny", "--runs", runs]
    arguments += ["-o", out, "--workers", 0, "--device", "cpu", *options]
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.mark.slow
def test_a_table_from_nothing(disfa: Path, runs: Path, tmp_path: Path) -> None:
    first = reproduce(disfa, runs, tmp_path / "a", "table2", "--rows", "a,b")
    assert first.exit_code == 0, first.output
    assert first.output.count("run ") == 6  # two networks, three folds
    again = reproduce(disfa, runs, tmp_path / "b", "table2", "--rows", "a,b")
    assert "run " not in again.output  # nothing is trained twice
    for suffix in ("md", "csv", "tex"):
        one, two = (tmp_path / where / f"table2.{suffix}" for where in ("a", "b"))
        assert one.read_bytes() == two.read_bytes()
    text = (tmp_path / "a" / "table2.md").read_text()
    assert "synthetic faces, a look-alike of DISFA" in text and "3 folds by subject" in text
    assert "108 test images of 27 subjects" in text
    assert "preset tiny with model.input\\_size=32" in text or "with model.input_size=32" in text
    table = pd.read_csv(tmp_path / "a" / "table2.csv")
    ours = table[table["group"] == "ours (synthetic, DISFA look-alike)"]
    assert ours["Setting"].to_list() == ["a", "b"]
    assert ours["SCC"].to_list() == ["yes", "no"]
    printed = table[table["group"] == "printed (DISFA)"]
    assert printed["ICC"].astype(float).to_list() == [0.47, 0.40, 0.44, 0.38]
    assert set(table["Setting"]) >= {"all zero", "train mean"}
    one, other = (
        json.loads((tmp_path / "a" / "results" / f"{name}-seed1.json").read_text())
        for name in ("resnet-deconv", "scc-heatmap")
    )
    gain = one["metrics"]["mean"]["icc"] - other["metrics"]["mean"]["icc"]
    said = (tmp_path / "a" / "table2.notes.txt").read_text()
    assert f"b: ICC {gain:+.3f} [" in said and "against a, 95 % over the same subjects" in said


def test_figures_are_those_of_the_predictions(disfa: Path, runs: Path, tmp_path: Path) -> None:
    """The ICC of the result file, from the stored predictions by an independent route."""
    assert not reproduce(disfa, runs, tmp_path, "table2", "--rows", "b").exit_code
    report = json.loads((tmp_path / "results" / "resnet-deconv-seed1.json").read_text())
    parts = [
        read_predictions(runs / f"resnet-deconv-seed1-fold{fold}" / "test.parquet")
        for fold in (1, 2, 3)
    ]
    for fold, part in zip(SPEC.protocols[0].lists, parts, strict=True):
        assert set(part.subjects) == set(fold)
    pooled = pd.concat([part.table for part in parts])
    assert len(pooled) == report["images"] == 108
    expected = icc31(pooled[["AU12", "AU12_label"]].to_numpy())
    assert report["metrics"]["AU12"]["icc"] == pytest.approx(expected, abs=1e-9)
    mean = np.mean([icc31(part.table[["AU12", "AU12_label"]].to_numpy()) for part in parts])
    assert report["fold_means"]["AU12"]["icc"] == pytest.approx(mean, abs=1e-9)
    assert report["controls"]["all zero"]["mae"] == pytest.approx(
        np.mean([pooled[f"{au}_label"].mean() for au in DISFA_AUS])
    )
    assert report["synthetic"] is True


@pytest.mark.slow
@pytest.mark.parametrize("target", ["figure4", "figure5", "figure6", "figure7", "figure8"])
def test_every_figure(disfa: Path, runs: Path, tmp_path: Path, target: str) -> None:
    result = reproduce(disfa, runs, tmp_path, target, "--k", "3,7")
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / f"{target}.png") as image:
        assert image.width >= 600
    assert (tmp_path / f"{target}.svg").read_text().startswith("<?xml")


def test_table_1_of_both_has_each_figure_below_its_dataset(
    disfa: Path, bp4d: Path, runs: Path, tmp_path: Path
) -> None:
    """Figures from the stored predictions; DISFA was named first, the paper prints BP4D first."""
    # The folder of each --data, in the order of --data: DISFA's runs are those of one dataset.
    where = ("--data", bp4d, "--runs", runs / "of-bp4d", "--rows", "1")
    result = reproduce(disfa, runs, tmp_path, "table1", *where)
    assert result.exit_code == 0, result.output
    assert f"{bp4d}, resnet-deconv, seed 1, fold 1" in result.output
    table = pd.read_csv(tmp_path / "table1.csv", dtype=str, keep_default_na=False)
    heads = [f"{name} {au}" for name, aus in AUS_OF.items() for au in (*aus, "Avg.")]
    assert [head for head in table.columns if "95 %" not in head] == [
        *("group", "Method"),
        *heads,
        "bold",
    ]
    for folder, name, folds in ((runs / "of-bp4d", "BP4D", 1), (runs, "DISFA", 3)):
        pooled = pd.concat(
            read_predictions(folder / f"resnet-deconv-seed1-fold{fold}" / "test.parquet").table
            for fold in range(1, folds + 1)
        )
        assert len(pooled) == {"BP4D": 40, "DISFA": 108}[name]
        ours = table[table["group"].str.startswith("MAE, ours (")].iloc[0]
        for au in AUS_OF[name]:
            expected = (pooled[au] - pooled[f"{au}_label"]).abs().mean()
            assert float(ours[f"{name} {au}"]) == pytest.approx(expected, abs=0.0051), (name, au)
        report = tmp_path / "results" / name.lower() / "resnet-deconv-seed1.json"
        assert json.loads(report.read_text())["images"] == len(pooled)
    printed = table[table["group"] == "ICC, printed (BP4D; DISFA)"].set_index("Method")
    scc = printed.loc["SCC-Heatmap"]
    assert [scc[head] for head in ("BP4D AU12", "BP4D Avg.", "DISFA AU12", "DISFA Avg.")] == [
        *(".86", ".72"),
        *(".71", ".47"),
    ]
    said = (tmp_path / "table1.notes.txt").read_text()
    assert "BP4D: the official training and development sets, 40 test images of 20 subj" in said
    assert "; on synthetic faces, a look-alike of DISFA: 3 folds by subject" in said
    tex = (tmp_path / "table1.tex").read_text()
    assert r"\multicolumn{7}{c}{BP4D} & \multicolumn{14}{c}{DISFA} \\" in tex
    assert r"\cmidrule(lr){2-8}\cmidrule(lr){9-22}" in tex


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are saved."""
    figures: list[Figure] = []
    save = style.save

    def keeping(figure: Figure, stem: Path) -> tuple[Path, Path]:
        figures.append(figure)
        return save(figure, stem)

    monkeypatch.setattr(style, "save", keeping)
    return figures


def test_figure_4_of_both_counts_each_dataset_in_its_panel(
    disfa: Path, bp4d: Path, tmp_path: Path, drawn: list[Figure]
) -> None:
    result = reproduce(disfa, tmp_path, tmp_path, "figure4", "--data", bp4d)
    assert result.exit_code == 0, result.output
    left, right = drawn[0].axes
    assert left.get_title() == "BP4D look-alike (82 images)"
    assert right.get_title() == "DISFA look-alike (108 images)"
    for axes, folder, aus in ((left, bp4d, BP4D_AUS), (right, disfa, DISFA_AUS)):
        assert [tick.get_text() for tick in axes.get_xticklabels()] == list(aus)
        labels = read_manifest(folder).labels(aus)
        bars = [[bar.get_height() for bar in level] for level in axes.containers]
        assert bars == [[(labels[:, a] == n).sum() for a in range(len(aus))] for n in range(6)]
    assert left.get_ylim() == right.get_ylim()


@pytest.mark.slow
def test_figure_5_of_both_has_faces_of_bp4d_above_curves_of_disfa(
    disfa: Path, bp4d: Path, tmp_path: Path, drawn: list[Figure]
) -> None:
    result = reproduce(disfa, tmp_path / "runs", tmp_path, "figure5", "--data", bp4d)
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "runs" / "bp4d").iterdir())) == 1
    assert len(list((tmp_path / "runs" / "disfa").iterdir())) == 3
    titles = [axes.get_title() or axes.get_title("left") for axes in drawn[0].axes]
    shown = [title.split("\n")[0] for title in titles if "pred " in title]
    assert shown == [*BP4D_AUS, *BP4D_AUS]
    curves = [title for title in titles if "ICC" in title]
    assert [title[:6] for title in curves] == ["AU01, ", "AU02, "]
    tested = set(SPEC.protocols[0].lists[0])
    assert {title.split(", ")[1].split(":")[0] for title in curves} <= tested
    frames = drawn[0].axes[-1].get_xticks()
    assert [frame for frame in frames if frame != round(frame)] == []
    caption = " ".join(drawn[0].texts[1].get_text().split())
    assert caption.startswith("heatmaps: synthetic faces made like BP4D; ")
    assert "BP4D; curves: synthetic faces made like DISFA; test subjects of fold 1, pre" in caption


def test_what_is_refused_of_two_datasets(disfa: Path, bp4d: Path, tmp_path: Path) -> None:
    both = ("--data", bp4d)
    for target, options, said in (
        ("table1", ("--data", disfa), f"{disfa} and {disfa} are both DISFA: give one of each"),
        ("table2", both, "table2 is of one dataset: give --data once; of two are table1, figure4"),
        ("figure7", both, "figure7 is of one dataset: give --data once"),
        ("table1", (*both, "--runs", tmp_path), "every --data needs a folder of its own"),
        ("figure4", ("--runs", tmp_path / "b"), "--runs: give one folder, or one for each --data"),
        ("table1", (*both, "--protocol", "k-folds"), "unknown protocol 'k-folds'"),
    ):
        result = reproduce(disfa, tmp_path, tmp_path, target, *options)
        assert result.exit_code == 2, result.output
        assert said in result.stderr
        assert result.stderr.count("\n") == 1 and not result.stdout


def test_a_published_protocol_is_that_of_its_dataset_alone(disfa: Path, bp4d: Path) -> None:
    for protocol, found in (
        ("disfa-ntinou", ["bp4d", "disfa-ntinou"]),
        ("bp4d", ["bp4d", "disfa-jaa"]),
        ("k-fold", ["k-fold", "k-fold"]),
        ("", ["bp4d", "disfa-jaa"]),
    ):
        sweeps = [
            Sweep(read_manifest(folder), "tiny", Path("x"), protocol=protocol)
            for folder in (disfa, bp4d)
        ]
        together = side_by_side(sweeps, (Path("runs"),))
        assert [sweep.design.protocol for sweep in together] == found
        assert [sweep.runs for sweep in together] == [Path("runs/bp4d"), Path("runs/disfa")]


def test_what_is_refused(disfa: Path, runs: Path, tmp_path: Path) -> None:
    for options, said in (
        (("table9",), "unknown target 'table9': did you mean 'table"),
        (("table2", "--rows", "a,x"), "unknown row 'x' in table2: known are a, b, c, d"),
        (("table2", "--preset", "huge"), "unknown preset 'huge'"),
        (("figure6", "--k", "1,64"), "scc_k = 64: expected 1 to the smallest of deconv_widths"),
        (("table2", "optim.epochs=-1"), "epochs = -1: expected a number of at least 1"),
        (("table2", "optim.start=none.safetensors"), "no file at none.safetensors"),
        (("table2", "--protocol", "bp4d"), "not in the protocol 'bp4d'"),
        (("table2", "--seeds", "1,a"), "is not a list of numbers"),
        (("table2", "--workers", "513"), "513 is not in the range 0<=x<=512"),
        (("table2", "--device", "gpu"), "'gpu' is no device"),
        (("table2", "--out", disfa / "manifest.parquet"), "a file is in the way"),
        (("table2", "data.fold=2"), "data.fold is another for every run: leave it out\n"),
        (("table2", "seed=7"), "seed is another for every run: leave it out, and give --seeds"),
        (("figure8", "model.scc=true"), "scc-heatmap and resnet-deconv are one and the same"),
        (("table2", "--rows", "eq2", "loss.foreground=2"), "loss.foreground is what plain-loss"),
        (("figure6", "--k", "1-3", "model.scc_k=2"), "model.scc_k is what figure6 is about"),
        (("figure6", "--k", "7", "model.scc_k=2"), "model.scc_k is what figure6 is about"),
    ):
        result = reproduce(disfa, tmp_path, tmp_path / "out", options[0], *options[1:])
        assert result.exit_code == 2, result.output
        assert said in result.stderr
        assert "Traceback" not in result.stderr
        assert not list(tmp_path.glob("*-fold1"))  # before anything is trained
    write_dataset(tmp_path / "other")
    for target in ("table1", "figure5", "figure6"):  # before anything is trained
        result = reproduce(tmp_path / "other", tmp_path / "none", tmp_path, target)
        assert result.exit_code == 2
        assert "of the kind 'synthetic': the paper's tables are of DISFA and BP4D" in result.stderr
    assert not (tmp_path / "none").exists()
