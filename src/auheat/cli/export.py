"""`auheat export`: weights as a file for ONNX Runtime and OpenVINO."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from auheat.cli import console, options
from auheat.models.runtimes.names import Precision
from auheat.models.weights import DEFAULT


@click.command()
@click.argument("weights", default=DEFAULT)
@options.out_path("auheat.onnx", help="The file to write.")
@options.choice("--precision", Precision, "fp32", "The lowest to be read in; bf16 is for OpenVINO.")
@click.option(
    "--examples",
    multiple=True,
    type=options.PATH,
    help="An image or video with faces to compare on, too. May be given again.",
)
def command(weights: str, out: Path, precision: Any, examples: tuple[Path, ...]) -> None:
    """Export WEIGHTS, a .safetensors file or the default weights.

    The file is kept only if every installed runtime reads the same intensities with it as PyTorch
    does. `auheat predict --weights` then reads it.
    """
    from auheat.export.exporting import export
    from auheat.files import refuse_input
    from auheat.models.weights import checkpoint_path

    path = checkpoint_path(weights)
    refuse_input(out, [path, *examples])
    for check in export(path, out, precision=precision, examples=examples):
        found = check.parity
        console.echo(
            f"{check.runtime} {check.precision}: largest difference {found.largest:.1e}, mean ICC "
            f"{found.icc:.5f} over {found.faces} faces"
        )
    console.echo(f"exported: {out}")
