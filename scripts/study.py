"""The study behind the presets: what decides how well a short training goes (docs/training.md).

    python scripts/study.py DATASET --runs RUNS [--only NAME,NAME]

Every point is a training of 300 steps with the preset `tiny` and some changes, on the train split
of DATASET; it is measured once, at its end, on the val split. Test people choose nothing. What is
finished is not done again, and what was stopped goes on. Results are lines of RUNS/results.jsonl,
and a table at the end.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from auheat.data.manifest import read_manifest
from auheat.errors import AuheatError
from auheat.tables.markdown import markdown_table
from auheat.training import ablations
from auheat.training.ablations import Sweep, Variant
from auheat.training.fit import fit
from auheat.training.run_folder import read_history

# One validation, at the end: there is no choice among checkpoints.
LENGTH = ("data.protocol=", "optim.epochs=1", "data.epoch_images=9600")
# The paper's optimiser and loss, shortened.
PAPER = (
    "optim.optimiser=adam", "optim.learning_rate=5e-4", "optim.weight_decay=1e-5",
    "optim.schedule=step", "optim.clip_gradients=0.0", "loss.foreground=0.0",
)  # fmt: skip
RANDOM = "model.scc_init=random"


def rate(value: float) -> str:
    return f"optim.learning_rate={value}"


def units(amplitude: float | str) -> tuple[str, ...]:
    """The network counts in levels times an amplitude."""
    return ("model.map_units=amplitude", f"model.amplitude={amplitude}")


# The most telling first. Levels are the default.
POINTS: dict[str, tuple[Variant, tuple[str, ...]]] = {
    "tiny, rate 1e-3, last layer x5": (ablations.SCC, (rate(1e-3), "optim.head_rate=5.0")),
    "paper's optimiser, SCC identity": (ablations.SCC, PAPER),
    "paper's optimiser, SCC random": (ablations.SCC, (*PAPER, RANDOM)),
    "paper's optimiser, literal": (
        ablations.SCC, (*PAPER, RANDOM, *units("paper"), "loss.form=sum"),
    ),
    "paper's optimiser, Eq. 1, mean": (ablations.SCC, (*PAPER, RANDOM, *units("paper"))),
    "tiny, rate 1e-3": (ablations.SCC, (rate(1e-3),)),
    "tiny, rate 2e-3": (ablations.SCC, (rate(2e-3),)),
    "tiny, rate 4e-3": (ablations.SCC, (rate(4e-3),)),
    "tiny, rate 5e-4": (ablations.SCC, (rate(5e-4),)),
    "tiny, rate 1e-3, amplitude .2": (ablations.SCC, (rate(1e-3), *units(0.2))),
    "tiny, rate 4e-3, amplitude .2": (ablations.SCC, (rate(4e-3), *units(0.2))),
    "tiny, rate 1e-3, no limit of gradients": (
        ablations.SCC, (rate(1e-3), "optim.clip_gradients=0.0"),
    ),
    "tiny, rate 1e-3, no SCC": (ablations.PLAIN, (rate(1e-3),)),
    "tiny, rate 1e-3, k = 1": (ablations.at_k(1), (rate(1e-3),)),
    "tiny, rate 1e-3, SCC random": (ablations.SCC, (rate(1e-3), RANDOM)),
    "tiny, rate 1e-3, plain loss": (ablations.SCC, (rate(1e-3), "loss.foreground=0.0")),
}  # fmt: skip


def train(name: str, seed: int, data: Path, runs: Path) -> dict[str, Any]:
    """Trains a point with a seed, or goes on with it, and says what it reached."""
    variant, changes = POINTS[name]
    sweep = Sweep(read_manifest(data), "tiny", runs, changes=(*LENGTH, *changes), workers=0)
    experiment = replace(sweep.experiment(variant, seed, 1), name=_folder(name))
    folder = runs / experiment.folder_name
    fit(experiment, folder, notify=lambda line: print(f"{name}, seed {seed}: {line}", flush=True))
    last = read_history(folder)[-1]
    return {"point": name, "seed": seed, "icc": last["val/icc"], "mae": last["val/mae"]}


def _folder(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in ".-" else "_" for letter in name)


def table(results: list[dict[str, Any]]) -> str:
    """Points in the order of the grid, seeds side by side."""
    rows = []
    for name in POINTS:
        found = [one for one in results if one["point"] == name]
        if found:
            iccs, maes = (", ".join(f"{one[m]:.3f}" for one in found) for m in ("icc", "mae"))
            rows.append((name, iccs, maes))
    return markdown_table(("point", "val ICC", "val MAE"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path, help="prepared dataset with train and val splits")
    parser.add_argument("--runs", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--seeds", default="1", help="like 1,2,3; all points with the first first")
    parser.add_argument("--only", default="", help="names of points, separated by semicolons")
    options = parser.parse_args()
    options.runs.mkdir(parents=True, exist_ok=True)
    path = options.runs / "results.jsonl"
    results = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    wanted = [name.strip() for name in options.only.split(";") if name.strip()] or list(POINTS)
    done = {(one["point"], one["seed"]) for one in results}
    try:
        for seed in map(int, options.seeds.split(",")):
            for name in wanted:
                if (name, seed) not in done:
                    results.append(train(name, seed, options.data, options.runs))
                    with path.open("a") as stream:
                        stream.write(json.dumps(results[-1]) + "\n")
                    print(results[-1], flush=True)
    except AuheatError as error:
        print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        sys.exit(2)
    print(table(results))


if __name__ == "__main__":
    main()
