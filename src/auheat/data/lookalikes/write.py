"""Writing look-alikes of datasets: worker processes, one subject at a time.

The same plan gives the same files, whatever the number of workers. Everything is made in a hidden
folder and moved to its place at the end, after `SYNTHETIC.txt`, so that half a look-alike never
looks like one, or like the real dataset. A run that was stopped continues with the subjects that
are still missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

from auheat.data import parts
from auheat.data.lookalikes import authors_json, bp4d, disfa, disfa_plus, fera2017, unbc
from auheat.data.lookalikes.filming import LookalikePlan
from auheat.files import atomic_write
from auheat.synthesis.assets import load_pack
from auheat.synthesis.studio import Studio

MARK = "SYNTHETIC.txt"
_Worker = tuple[Studio, Path, LookalikePlan]
_WRITERS: dict[str, ModuleType] = {
    "disfa": disfa,
    "disfa-plus": disfa_plus,
    "bp4d": bp4d,
    "fera2015": bp4d,
    "fera2017": fera2017,
    "bp4d-plus": bp4d,
    "unbc": unbc,
    "authors-json": authors_json,
    "authors-json-bp4d": authors_json,
}


def write_lookalike(
    assets: Path,
    out: Path,
    plan: LookalikePlan,
    workers: int,
    progress: Callable[[int], object] = lambda images: None,
) -> None:
    """Writes synthetic faces into the folder `out` exactly as a dataset lies on disk.

    progress: called with the number of images of each finished subject. Raises AuheatError if
    `out` holds something else or the assets cannot be read.
    """
    load_pack(assets)  # so that a bad pack is reported once, before any worker starts
    parts.start(out, asdict(plan), MARK)
    _made(out).mkdir(exist_ok=True)
    missing = [name for name in plan.names if not parts.part(out, name).is_file()]
    each = len(plan.cast.sequences)
    progress(sum(plan.frames_of(name) * each for name in plan.names if name not in missing))
    settings = (assets, out, plan)
    for images in parts.in_processes(_make_subject, missing, workers, _open, settings):
        progress(images)
    if plan.layout.startswith("authors-json"):
        authors_json.join(plan, _made(out))
    _publish(out, plan)


def _made(out: Path) -> Path:
    return parts.part(out, "made").with_suffix("")


def _publish(out: Path, plan: LookalikePlan) -> None:
    """Says what this is, then moves everything to its place. May be repeated."""
    with atomic_write(out / MARK) as temporary:
        temporary.write_text(
            f"These are rendered faces of people who do not exist, laid out like {plan.layout}; "
            f"they are not that dataset.\n"
        )
    for path in sorted(_made(out).iterdir()):
        if not path.name.startswith("."):
            path.rename(out / path.name)
    parts.finish(out)


def _open(assets: Path, out: Path, plan: LookalikePlan) -> _Worker:
    return Studio(load_pack(assets)), out, plan


def _make_subject(worker: _Worker, subject: str) -> int:
    studio, out, plan = worker
    images: int = sum(_WRITERS[plan.layout].write_subject(studio, plan, subject, _made(out)))
    with atomic_write(parts.part(out, subject)) as temporary:
        temporary.touch()
    return images
