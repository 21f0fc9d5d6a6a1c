"""`auheat evaluate`: measures weights, or anyone's predictions, on a dataset's labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

from auheat.models.runtimes.names import PrecisionChoice, RuntimeChoice


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), help="Dataset with a manifest."
)
@click.option(
    "--split",
    type=click.Choice(["test", "val", "train", "all"]),
    default="test",
    show_default=True,
)
@click.option(
    "--protocol",
    default="",
    help="disfa-jaa, disfa-ntinou, bp4d, k-fold or none.  [default: as RUN was trained, else none]",
)
@click.option("--fold", type=click.IntRange(min=1), help="Fold to test, from 1.")
@click.option("--folds", type=click.IntRange(min=2), help="Number of folds of k-fold.")
@click.option(
    "--format",
    "kind",
    default="auto",
    show_default=True,
    help="Who wrote the tables: auheat, openface, py-feat, libreface.",
)
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="Result file.  [default: beside TARGET]"
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, ...")
@click.option(
    "--runtime",
    type=click.Choice(get_args(RuntimeChoice)),
    default="auto",
    show_default=True,
    help="What the network runs on, as `auheat predict` has it.",
)
@click.option(
    "--precision",
    type=click.Choice(get_args(PrecisionChoice)),
    default="auto",
    show_default=True,
    help="What the network computes in.",
)
@click.option("--workers", type=click.IntRange(min=0), default=1, show_default=True)
def command(target: Path, data: Path, out: Path | None, **options: Any) -> None:
    """Measure TARGET on a dataset: ICC(3,1), MAE, MSE and PCC by AU.

    TARGET is a run's folder, a .safetensors file, an .onnx file of `auheat export`, or a table of
    anyone's predictions (CSV, Parquet, or a folder of them), such as OpenFace, py-feat or LibreFace
    write. A network runs as `auheat predict` runs it.
    """
    from auheat.evaluation.controls import controls
    from auheat.evaluation.foreign import holds_tables
    from auheat.evaluation.report import Report, notes
    from auheat.figures.tables import metrics_table

    is_run = not holds_tables(target)
    measured = _run if is_run else _tables
    predictions, train, place = measured(target, data, options)
    report = Report.of_predictions(predictions, controls(predictions, train))
    result = out or place
    report.write(result)
    click.echo(metrics_table(report))
    click.echo("\n" + "\n".join(notes(report, predictions)))
    click.echo(f"\nresult file: {result}")
    if is_run:
        table = result.with_name(result.name.replace("result", "predictions"))
        predictions.write(table.with_suffix(".parquet"))
        click.echo(f"predictions: {table.with_suffix('.parquet')}")


def _run(target: Path, data: Path, options: dict[str, Any]) -> tuple[Any, Any, Path]:
    """Predictions of weights, the training rows, and where the result goes."""
    from tqdm import tqdm

    from auheat.evaluation.evaluate import measure
    from auheat.models.runtimes.opening import open_runtime
    from auheat.training.fit import BEST

    weights = target / BEST if target.is_dir() else target
    names = ("runtime", "device", "precision")
    runtime = open_runtime(weights, **{name: options[name] for name in names})
    selection = _selection(data, options, runtime.card.get("experiment", {}))
    predictions = measure(
        runtime,
        weights,
        selection,
        workers=options["workers"],
        wrap=lambda batches: tqdm(batches, "evaluate", disable=None),
    )
    return predictions, selection.train, weights.parent / f"result-{options['split']}.json"


def _tables(target: Path, data: Path, options: dict[str, Any]) -> tuple[Any, Any, Path]:
    """Predictions of tables, the training rows, and where the result goes."""
    from auheat.evaluation.foreign import read_foreign
    from auheat.evaluation.join import join_to_labels

    table = read_foreign(target, options["kind"])
    for note in table.notes:
        click.echo(f"auheat: note: {note}", err=True)
    selection = _selection(data, options, {})
    about = {"name": f"{target.stem} ({table.kind})", "weights": target.name, **selection.about}
    predictions = join_to_labels(table, selection.whole, selection.part, about)
    return predictions, selection.train, target.parent / f"{target.stem}-{options['split']}.json"


def _selection(data: Path, options: dict[str, Any], experiment: dict[str, Any]) -> Any:
    from auheat.data.manifest import read_manifest
    from auheat.evaluation.selection import select

    names = ("split", "protocol", "fold", "folds")
    split, protocol, fold, folds = (options[name] for name in names)
    return select(
        read_manifest(data), split, protocol=protocol, fold=fold, k=folds, experiment=experiment
    )
