"""BP4D+: 140 people, whose tasks 1, 6, 7 and 8 are coded; it lies on disk as BP4D does.

Zhang et al., CVPR 2016. See `auheat.data.datasets.bp4d`, which reads and writes it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from auheat.data.corpora import People, numbered_people
from auheat.data.datasets import bp4d
from auheat.data.recording import ReadOptions, Source

SUBJECTS = numbered_people(range(1, 83), range(1, 59))
PEOPLE = People("bp4d-plus", 3000)
SPEC = replace(
    bp4d.SPEC,
    name="bp4d-plus",
    title="BP4D+",
    source="Zhang et al., CVPR 2016",
    split="none",
    protocols=(),
    k=7,
    database="",
)


def read(root: Path, options: ReadOptions) -> Source:
    """BP4D+, which has no official split: everybody is in "train".

    Raises:
        AuheatError: Labels or images are not where they should be.
    """
    return bp4d.read_split(root, options, split=lambda subject, problems: "train")


CORPUS = replace(
    bp4d.CORPUS,
    layout=SPEC.name,
    people=PEOPLE,
    subjects=SUBJECTS,
    sequences=("T1", "T6", "T7", "T8"),
    count=12,
)
DATASET = bp4d.dataset(SPEC, CORPUS, read=read, codes=bp4d.INTENSITY_CODES, paddings=(0,))
