"""What a conversion found, kept and dropped, for people and for programs.

`report.json` holds `source` (as in the manifest), `aus`, `not_in_table`, `total`, `subjects`,
`sequences` (frames found, kept, and dropped by reason), `levels` (for each AU the number of kept
frames at levels 0 to 5, then of those not coded) and `problems`. `report.md` shows the same.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from auheat.data.cropping import Tally
from auheat.files import atomic_write
from auheat.tables.markdown import markdown_table

JSON, MARKDOWN = "report.json", "report.md"


@dataclass(frozen=True, eq=False)
class ConversionReport:
    """The outcome of a conversion.

    Attributes:
        source: As in the manifest.
        aus: What was read.
        not_in_table: AUs coded there, but unknown to auheat.
        tallies: One for each recording.
        problems: One line each.
        table: The manifest's rows.
    """

    source: dict[str, Any]
    aus: tuple[str, ...]
    _: KW_ONLY
    not_in_table: tuple[str, ...]
    tallies: Sequence[Tally]
    problems: Sequence[str]
    table: pd.DataFrame

    def content(self) -> dict[str, Any]:
        """What `report.json` holds."""
        subjects = dict.fromkeys(tally.subject for tally in self.tallies)
        return {
            "source": self.source,
            "aus": list(self.aus),
            "not_in_table": list(self.not_in_table),
            "total": _sums(self.tallies),
            "subjects": {
                subject: _sums(tally for tally in self.tallies if tally.subject == subject)
                for subject in subjects
            },
            "sequences": {tally.sequence: _sums([tally]) for tally in self.tallies},
            "levels": {au: self.levels(au) for au in self.aus},
            "problems": list(self.problems),
        }

    def levels(self, au: str) -> list[int]:
        """Numbers of kept frames at levels 0 to 5 of an AU, and of those that are not coded."""
        if au not in self.table:
            return [0] * 7
        values = self.table[au].to_numpy(np.float64)
        coded = np.rint(values[~np.isnan(values)]).astype(int)
        return [*np.bincount(coded, minlength=6).tolist(), int(np.isnan(values).sum())]

    def summary(self) -> list[str]:
        """A few lines for the end of a run."""
        total = _sums(self.tallies)
        lines = [f"kept {total['kept']} of {total['found']} labelled frames"]
        lines += [f"dropped {count}: {reason}" for reason, count in total["dropped"].items()]
        lines.append(f"landmarks: {self.source['landmarks']}")
        if self.not_in_table:
            lines.append(f"not read, auheat has no points for them: {', '.join(self.not_in_table)}")
        if self.problems:
            lines.append(f"problems in the source: {len(self.problems)}")
        return lines

    def markdown(self) -> str:
        """What `report.md` shows."""
        content = self.content()
        faces = "synthetic faces in its layout" if self.source["synthetic"] else "real recordings"
        options = {k: v for k, v in self.source["options"].items() if v not in (None, False)}
        return "\n".join(
            [
                f"# Conversion of {self.source['kind']}: {faces}",
                "",
                *(f"- {line}" for line in self.summary()),
                f"- options: {json.dumps(options)}",
                "",
                "## Frames by subject",
                "",
                _frames_table(content["subjects"], content["total"]),
                "",
                "## Kept frames by level",
                "",
                markdown_table(
                    ["AU", *"012345", "not coded"],
                    [[au, *counts] for au, counts in content["levels"].items()],
                ),
                "",
                "## Problems in the source",
                "",
                *([f"- {line}" for line in self.problems] or ["None."]),
                "",
            ]
        )


def write_report(report: ConversionReport, out: Path) -> None:
    """Writes `report.json` and `report.md` into the folder `out`."""
    with atomic_write(out / JSON) as temporary:
        temporary.write_text(json.dumps(report.content(), indent=1) + "\n", "utf-8")
    with atomic_write(out / MARKDOWN) as temporary:
        temporary.write_text(report.markdown(), "utf-8")


def _sums(tallies: Iterable[Tally]) -> dict[str, Any]:
    found, kept, dropped = 0, 0, Counter[str]()
    for tally in tallies:
        found, kept = found + tally.found, kept + tally.kept
        dropped.update(tally.dropped)
    return {"found": found, "kept": kept, "dropped": dict(sorted(dropped.items()))}


def _frames_table(subjects: dict[str, Any], total: dict[str, Any]) -> str:
    reasons = list(total["dropped"])
    rows = [
        [name, sums["found"], sums["kept"], *(sums["dropped"].get(r, 0) for r in reasons)]
        for name, sums in [*subjects.items(), ("all", total)]
    ]
    return markdown_table(["subject", "found", "kept", *reasons], rows)
