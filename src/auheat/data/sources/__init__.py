"""Readers of the real datasets as they lie on disk, one file per dataset or family.

A reader finds its way through a folder, reads the labels, and gives plain recordings (see
`recording`) that `auheat.data.convert` turns into crops with a manifest. Layouts are those of the
datasets' own releases; folder and file names are matched without regard to case, frames by their
number.
"""

KINDS = (
    "disfa",
    "disfa-plus",
    "bp4d",
    "fera2015",
    "fera2017",
    "bp4d-plus",
    "unbc",
    "authors-json",
)
