"""FERA 2015: BP4D as it was released for that challenge, with codes in another folder.

Valstar et al., IEEE FG 2015. See `auheat.data.datasets.bp4d`, which reads and writes it.
"""

from __future__ import annotations

from dataclasses import replace

from auheat.data.datasets import bp4d

SPEC = replace(
    bp4d.SPEC, name="fera2015", title="FERA 2015", split="official",
    files="the same images, `AU Intensity Codes3.0`",
)  # fmt: skip
CORPUS = replace(bp4d.CORPUS, layout=SPEC.name)
DATASET = bp4d.dataset(SPEC, CORPUS, read=bp4d.read, codes=bp4d.FERA_CODES, paddings=bp4d.PADDINGS)
