"""The study behind the presets: what decides how well a short training goes (docs/training.md).

    python scripts/study.py DATASET --runs RUNS [--seeds 1,2,3] [--steps 600] [--only "NAME|NAME"]

Every point is a training with the preset `tiny` and some changes, on the train split of DATASET; it
is measured once, at its end, on the val split. Test people choose nothing. A dataset of `auheat
prepare` has people to train alone: every third of them is moved to val first. What is finished is
not done again, and what was stopped goes on. Results are lines of RUNS/results.jsonl, with
intervals over people, and a table at the end. Further words change settings of all points, like
data.cache=FOLDER.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from auheat.data.manifest import Manifest, read_manifest
from auheat.errors import AuheatError
from auheat.evaluation.evaluate import predict_part
from auheat.evaluation.intervals import difference
from auheat.evaluation.predictions import Predictions, read_predictions
from auheat.evaluation.scoring import score
from auheat.models.runtimes.opening import open_runtime
from auheat.tables.markdown import markdown_table
from auheat.training import ablations
from auheat.training.ablations import Sweep, Variant
from auheat.training.fit import fit

STEPS = 300
# The paper's optimiser and loss, shortened; the preset's backbone, sizes and images.
PAPER = (
    "optim.optimiser=adam", "optim.learning_rate=5e-4", "optim.weight_decay=1e-5",
    "optim.schedule=step", "optim.clip_gradients=0.0", "optim.head_rate=1.0", "loss.foreground=0.0",
)  # fmt: skip
RANDOM, SUM = "model.scc_init=random", "loss.form=sum"


def rate(value: float, head: float = 1.0) -> tuple[str, ...]:
    return (f"optim.learning_rate={value}", f"optim.head_rate={head}")


def units(amplitude: float | str) -> tuple[str, ...]:
    """The network counts in levels times an amplitude."""
    return ("model.map_units=amplitude", f"model.amplitude={amplitude}")


EQ_1 = units("paper")
FLIPS = tuple(
    f"data.augment.{way}=0" for way in ("rotation", "scale", "translation", "photometric")
)
Point = tuple[Variant, tuple[str, ...]]
# The plane of scale and start of SCC under the paper's optimiser, the most telling points first.
PLANE: dict[str, Point] = {
    "levels, mean; SCC random": (ablations.SCC, (*PAPER, RANDOM)),
    "levels, mean; no SCC": (ablations.PLAIN, PAPER),
    "Eq. 1, sum; SCC random (literal)": (ablations.SCC, (*PAPER, *EQ_1, SUM, RANDOM)),
    "levels, mean; SCC identity": (ablations.SCC, PAPER),
    "levels, mean; SCC zero": (ablations.SCC, (*PAPER, "model.scc_init=zero")),
    "levels, mean; SCC orthogonal": (ablations.SCC, (*PAPER, "model.scc_init=orthogonal")),
    "levels, mean; SCC identity, k = 1": (ablations.at_k(1), PAPER),
    "Eq. 1, mean; SCC random": (ablations.SCC, (*PAPER, *EQ_1, RANDOM)),
    "Eq. 1, mean; SCC identity": (ablations.SCC, (*PAPER, *EQ_1)),
    "Eq. 1, sum; SCC identity": (ablations.SCC, (*PAPER, *EQ_1, SUM)),
    "Eq. 1, mean; no SCC": (ablations.PLAIN, (*PAPER, *EQ_1)),
    "Eq. 1, sum; no SCC": (ablations.PLAIN, (*PAPER, *EQ_1, SUM)),
    "levels, sum; SCC identity": (ablations.SCC, (*PAPER, SUM)),
    "levels, mean; SCC identity, rate 2e-3": (ablations.SCC, (*PAPER, rate(2e-3)[0])),
    "Eq. 1, sum; SCC random, rate 2e-3": (ablations.SCC, (*PAPER, *EQ_1, SUM, RANDOM,
                                                          rate(2e-3)[0])),
    "levels, mean; no SCC, rate 2e-3": (ablations.PLAIN, (*PAPER, rate(2e-3)[0])),
    "Eq. 1, mean; SCC identity, rate 2e-3": (ablations.SCC, (*PAPER, *EQ_1, rate(2e-3)[0])),
    "Eq. 1, sum; SCC identity, rate 2e-3": (ablations.SCC, (*PAPER, *EQ_1, SUM, rate(2e-3)[0])),
    "levels, mean; SCC identity, last layer x5": (ablations.SCC, (*PAPER, "optim.head_rate=5.0")),
    "levels, mean; SCC identity, epsilon 1e-4": (ablations.SCC, (*PAPER, "optim.epsilon=1e-4")),
    "levels, mean; SCC identity, foreground 15": (
        ablations.SCC, (*PAPER, "loss.foreground=15.0"),
    ),
    "levels, mean; SCC identity, trunk from nothing": (
        ablations.SCC, (*PAPER, "optim.backbone_weights="),
    ),
    "levels, mean; SCC identity, decay 0": (ablations.SCC, (*PAPER, "optim.weight_decay=0.0")),
}  # fmt: skip
# What the preset `tiny` is chosen from.
TINY: dict[str, Point] = {
    "tiny": (ablations.SCC, ()),
    "tiny; balance .5, average .98": (
        ablations.SCC, ("data.balance=0.5", "optim.average=0.98"),
    ),
    "tiny; no SCC": (ablations.PLAIN, ()),
    "tiny; k = 1": (ablations.at_k(1), ()),
    "tiny; SCC random": (ablations.SCC, (RANDOM,)),
    "tiny; plain loss": (ablations.SCC, ("loss.foreground=0.0",)),
    "tiny; rate 1e-3, last layer x1": (ablations.SCC, rate(1e-3)),
    "tiny; rate 2e-3, last layer x1": (ablations.SCC, rate(2e-3)),
    "tiny; rate 4e-3, last layer x1": (ablations.SCC, rate(4e-3)),
    "tiny; rate 5e-4, last layer x1": (ablations.SCC, rate(5e-4)),
    "tiny; rate 1e-3, last layer x1, .2 a level": (ablations.SCC, (*rate(1e-3), *units(0.2))),
    "tiny; rate 4e-3, last layer x1, .2 a level": (ablations.SCC, (*rate(4e-3), *units(0.2))),
    "tiny; no limit of gradients": (ablations.SCC, ("optim.clip_gradients=0.0",)),
    "tiny; average .98": (ablations.SCC, ("optim.average=0.98",)),
    "tiny; batches of 16": (ablations.SCC, ("data.batch_size=16",)),
    "tiny; batches of 16, average .99": (
        ablations.SCC, ("data.batch_size=16", "optim.average=0.99"),
    ),
    "tiny; last layer x20": (ablations.SCC, ("optim.head_rate=20.0",)),
    "tiny; foreground 60": (ablations.SCC, ("loss.foreground=60.0",)),
    "tiny; foreground 5": (ablations.SCC, ("loss.foreground=5.0",)),
    "tiny; flips alone": (ablations.SCC, FLIPS),
    "tiny; SCC's matrices x5": (ablations.SCC, ("optim.scc_rate=5.0",)),
}  # fmt: skip
POINTS = {**PLANE, **TINY}
BASE = ("levels, mean; SCC identity", "tiny")
COLUMNS = (
    "point", "steps", "ICC", "95 % over people", "MAE", "ICC minus that of the base, 95 %",
)  # fmt: skip


@dataclass(frozen=True)
class Study:
    """How points are trained. changes: of all points."""

    manifest: Manifest
    runs: Path
    steps: int = STEPS
    changes: tuple[str, ...] = ()

    def train(self, name: str, seed: int) -> dict[str, Any]:
        """Trains a point with a seed, or goes on with it, and says what it reached."""
        variant, changes = POINTS[name]
        length = ("data.protocol=", "optim.epochs=1", f"data.epoch_images={32 * self.steps}")
        words = (*length, *changes, *self.changes)
        sweep = Sweep(self.manifest, "tiny", self.runs, changes=words, workers=0)
        experiment = replace(sweep.experiment(variant, seed, 1), name=folder_of(name, self.steps))
        folder = self.runs / experiment.folder_name
        best = fit(
            experiment,
            folder,
            notify=lambda line: print(f"{name}, seed {seed}: {line}", flush=True),
        )
        runtime = open_runtime(best, runtime="torch", device="cpu", precision="fp32")
        part = self.manifest.split("val")
        values = predict_part(runtime, part, workers=0)
        predictions = Predictions.of(part, runtime.config.aus, values, {"split": "val"})
        predictions.write(folder / "val.parquet")
        report = score(predictions)
        return {
            "point": name,
            "steps": self.steps,
            "seed": seed,
            **{metric: report.metrics["mean"][metric] for metric in ("icc", "mae")},
            "intervals": report.intervals["mean"],
            "aus": {au: row["icc"] for au, row in report.metrics.items() if au != "mean"},
        }


def with_val(manifest: Manifest) -> Manifest:
    """The dataset with people who validate: if it has none, every third one does from now on."""
    if not len(manifest.split("val").table):
        chosen = sorted(manifest.split("train").table["subject"].unique())[::3]
        manifest.table.loc[manifest.table["subject"].isin(chosen), "split"] = "val"
        manifest.write()
    return manifest


def table(results: Sequence[dict[str, Any]], runs: Path) -> str:
    """Points in the order of the grid, seeds side by side.

    The last column is the first seed's difference to that of `BASE` on the same people.
    """
    rows = []
    for steps in sorted({one["steps"] for one in results}):
        for name in POINTS:
            found = [one for one in results if (one["point"], one["steps"]) == (name, steps)]
            if found:
                iccs, maes = (", ".join(f"{one[m]:.3f}" for one in found) for m in ("icc", "mae"))
                base = BASE[0] if name in PLANE else BASE[1]
                gain = (
                    ""
                    if name == base
                    else _gain(folder_of(name, steps), folder_of(base, steps), runs)
                )
                rows.append(
                    (name, str(steps), iccs, _bounds(found[0]["intervals"]["icc"]), maes, gain)
                )
    return markdown_table(COLUMNS, rows)


def _gain(name: str, base: str, runs: Path) -> str:
    try:
        one, other = (read_predictions(runs / f"{n}-seed1" / "val.parquet") for n in (name, base))
    except AuheatError:
        return ""
    return _bounds(difference(one, other)["icc"])


def _bounds(interval: Sequence[float]) -> str:
    return f"[{interval[0]:.2f}, {interval[1]:.2f}]"


def folder_of(name: str, steps: int) -> str:
    """How the folder of a point begins."""
    length = "" if steps == STEPS else f"-{steps}"
    return "".join(c if c.isalnum() or c in ".-" else "_" for c in name) + length


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="prepared dataset with train and val splits")
    parser.add_argument("changes", nargs="*", help="settings of all points, like data.cache=FOLDER")
    parser.add_argument("--runs", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--seeds", default="1", help="like 1,2,3; all points with the first first")
    parser.add_argument("--steps", type=int, default=STEPS, help="32 images count as one")
    parser.add_argument("--only", default="", help="names of points, separated by |")
    options = parser.parse_args()
    options.runs.mkdir(parents=True, exist_ok=True)
    path = options.runs / "results.jsonl"
    results = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    wanted = [name.strip() for name in options.only.split("|") if name.strip()] or list(POINTS)
    done = {(one["point"], one["steps"], one["seed"]) for one in results}
    try:
        manifest = with_val(read_manifest(options.data))
        study = Study(manifest, options.runs, options.steps, tuple(options.changes))
        for seed in map(int, options.seeds.split(",")):
            for name in wanted:
                if (name, options.steps, seed) not in done:
                    results.append(study.train(name, seed))
                    with path.open("a") as stream:
                        stream.write(json.dumps(results[-1]) + "\n")
                    print(results[-1], flush=True)
    except AuheatError as error:
        print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        sys.exit(2)
    print(table(results, options.runs))


if __name__ == "__main__":
    main()
