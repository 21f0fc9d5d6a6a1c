"""Names of tables' formats and kinds, and of what is measured; light enough for `--help`."""

from __future__ import annotations

from typing import Literal

TableFormat = Literal["openface", "fex", "tidy"]
TableKind = Literal["video", "image", "folder"]
# Parts of a dataset that can be measured.
Split = Literal["test", "val", "train", "all"]
# See `auheat.metrics`.
Metric = Literal["icc", "mae", "mse", "pcc"]
# Whose tables can be read.
TableProgram = Literal["auheat", "openface", "py-feat", "libreface"]
ProgramChoice = Literal["auto", "auheat", "openface", "py-feat", "libreface"]

# A blink is a short closure of the eyes (FACS). OpenFace has columns of AU45 for both.
BLINK, CLOSURE = "AU45", "AU43"
