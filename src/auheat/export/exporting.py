"""From a checkpoint to an exported file that was proved to read faces as the checkpoint does."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auheat.errors import AuheatError
from auheat.export.faces import faces_in, sheet
from auheat.export.graph import write_graph
from auheat.export.parity import Parity, parity
from auheat.files import atomic_write
from auheat.models.checkpoint import figures_of, load_checkpoint
from auheat.models.runtimes.exported import SUFFIX, ExportedSettings
from auheat.models.runtimes.opening import installed, open_exported
from auheat.models.runtimes.runtime import Precision, RuntimeName


@dataclass(frozen=True)
class Check:
    """How the exported file does in one runtime."""

    runtime: RuntimeName
    precision: Precision
    parity: Parity


def export(
    weights: Path, out: Path, precision: Precision = "fp32", examples: Iterable[Path] = ()
) -> list[Check]:
    """Writes an exported file, if every runtime that is installed reads faces with it as it should.

    weights: a checkpoint. out: the .onnx file to write; it replaces an older one.
    precision: the lowest that the file may be read in. bf16 is for OpenVINO; the file can still be
        read in fp32.
    examples: pictures and videos whose faces are compared besides those that come with auheat.
    Figures of uncertainty beside the weights come to lie beside the file too, instead of those of
    an older one. Returns a check for each runtime. Raises AuheatError, and leaves no file, if a
    difference is beyond `parity.LIMITS`, if no runtime is installed, or if none computes in bf16
    where that is asked for.
    """
    if out.suffix.lower() != SUFFIX:
        raise AuheatError(f"cannot export to {out}: give a name that ends in {SUFFIX}")
    if not installed():
        raise AuheatError("to check an export, pip install openvino, or onnxruntime")
    checkpoint = load_checkpoint(weights)
    size = checkpoint.config.input_size
    crops = np.concatenate([sheet(size), faces_in(examples, size)])
    settings = ExportedSettings(checkpoint.config, checkpoint.card, precision)
    with atomic_write(out) as temporary:
        write_graph(checkpoint.net, settings, temporary)
        checks = []
        for name in installed():
            runtime = open_exported(temporary, name)
            checks.append(Check(name, runtime.precision, parity(checkpoint.net, runtime, crops)))
        _refuse(checks, precision, out)
    _hand_on_figures(weights, out)
    return checks


def _hand_on_figures(weights: Path, out: Path) -> None:
    if figures_of(weights).is_file():
        with atomic_write(figures_of(out)) as temporary:
            shutil.copyfile(figures_of(weights), temporary)
    else:
        figures_of(out).unlink(missing_ok=True)


def _refuse(checks: list[Check], precision: Precision, out: Path) -> None:
    """Raises AuheatError for what must not be kept."""
    for check in checks:
        problem = check.parity.problem(check.precision)
        if problem:
            raise AuheatError(
                f"{out} is not written: in {check.runtime}, {check.precision}, {problem} (over "
                f"{check.parity.faces} faces)"
            )
    if precision not in {check.precision for check in checks}:
        raise AuheatError(
            f"{out} is not written: nothing here computes in {precision}; that takes OpenVINO and "
            "a processor with it"
        )
