"""What can be had as a table: of pandas, polars or Arrow, with the columns of the files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from auheat.tables.buffer import TableBuffer
from auheat.tables.names import TableFormat
from auheat.tables.schema import Layout

if TYPE_CHECKING:
    import pandas as pd
    import polars
    import pyarrow as pa


class Tabular(ABC):
    """Something whose frames have a row for each face."""

    @abstractmethod
    def _rows(self, layout: Layout, std: bool) -> TableBuffer:
        """All rows; std: with standard deviations."""

    def to_pandas(
        self,
        *,
        format: TableFormat = "openface",
        pose: bool = False,
        landmarks: bool = False,
        std: bool = False,
    ) -> pd.DataFrame:
        """A row for each face, with the columns of the CSV file; see `docs/outputs.md`.

        Args:
            format: "openface", "fex" (py-feat), or "tidy" (a row for each AU).
            pose: With the columns of the head's pose.
            landmarks: With the columns of the 68 landmarks.
            std: With standard deviations; a Fex table has no place for them.

        Returns:
            Numbers that are not rounded, but for confidences. A frame or image without a face keeps
            its place, with NaN for intensities. Where they are calibrated or smoothed, raw columns
            hold them as they were (not in a Fex table).

        Raises:
            AuheatError: For an unknown format, or a video that cannot be read.
        """
        return self._rows(Layout(format, pose, landmarks), std).pandas()

    def to_polars(
        self,
        *,
        format: TableFormat = "openface",
        pose: bool = False,
        landmarks: bool = False,
        std: bool = False,
    ) -> polars.DataFrame:
        """What `to_pandas` gives, as a polars table, with null for NaN.

        Raises AuheatError, besides, if polars is not installed.
        """
        return self._rows(Layout(format, pose, landmarks), std).polars()

    def to_arrow(
        self,
        *,
        format: TableFormat = "openface",
        pose: bool = False,
        landmarks: bool = False,
        std: bool = False,
    ) -> pa.Table:
        """What `to_pandas` gives, as an Arrow table, with null for NaN."""
        return self._rows(Layout(format, pose, landmarks), std).arrow()
