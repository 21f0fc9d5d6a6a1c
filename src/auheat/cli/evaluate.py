"""`auheat evaluate`: measures weights on a dataset's held-out subjects."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), help="Dataset with a manifest."
)
@click.option(
    "--split", type=click.Choice(["test", "val", "train"]), default="test", show_default=True
)
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="Result file.  [default: in the run]"
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, ...")
@click.option("--workers", type=click.IntRange(min=0), default=1, show_default=True)
def command(run: Path, data: Path, split: str, out: Path | None, device: str, workers: int) -> None:
    """Measure RUN (a run's folder or a .safetensors file): ICC(3,1), MAE, MSE and PCC by AU."""
    from tqdm import tqdm

    from auheat.data.manifest import read_manifest
    from auheat.evaluation.evaluate import predict_part
    from auheat.evaluation.report import Report
    from auheat.figures.tables import metrics_table
    from auheat.inference.predictor import find_device
    from auheat.models.checkpoint import load_checkpoint
    from auheat.training.fit import BEST

    weights = run / BEST if run.is_dir() else run
    checkpoint = load_checkpoint(weights)
    part = read_manifest(data).part(split)
    predictions = predict_part(
        checkpoint, part, find_device(device), workers, lambda b: tqdm(b, "evaluate", disable=None)
    )
    report = Report.of(checkpoint, weights, part, split, predictions)
    target = out or weights.parent / f"result-{split}.json"
    report.write(target)
    click.echo(metrics_table(report))
    click.echo(f"\nresult file: {target}")
