"""Writing look-alikes of datasets: worker processes, one subject at a time.

The same plan gives the same files, whatever the number of workers. Everything is made in a hidden
folder and moved to its place at the end, after `SYNTHETIC.txt`, so that half a look-alike never
looks like one, or like the real dataset. A run that was stopped continues with the subjects that
are still missing.
"""

from __future__ import annotations

from pathlib import Path

from auheat.data import resumable
from auheat.data.datasets import lookalikes
from auheat.data.datasets.spec import SYNTHETIC_MARK
from auheat.data.sequences import LookalikePlan, RenderedSubject
from auheat.errors import unknown_name
from auheat.files import atomic_write
from auheat.progress import Progress, silent
from auheat.synthesis.assets import load_pack
from auheat.synthesis.studio import Studio

_Worker = tuple[Studio, Path, LookalikePlan]


def plan_of(
    layout: str, *, seed: int = 1, subjects: int = 0, frames: int = 0, size: int = 0
) -> LookalikePlan:
    """The plan of a look-alike in a layout with this name, see `LookalikePlan`.

    Raises:
        AuheatError: There is no such layout, or it cannot be made as is asked for.
    """
    known = lookalikes()
    if layout not in known:
        raise unknown_name("layout", layout, known)
    return LookalikePlan(known[layout].corpus, seed, subjects, frames, size)


def write_lookalike(
    assets: Path,
    out: Path,
    plan: LookalikePlan,
    *,
    workers: int = 1,
    progress: Progress = silent,
) -> None:
    """Writes synthetic faces into the folder `out` exactly as a dataset lies on disk.

    Args:
        assets: Folder of the face assets.
        out: Folder to make.
        plan: What to make.
        workers: Processes that render.
        progress: Shows how many of the images are done.

    Raises:
        AuheatError: `out` holds something else, or the assets cannot be read.
    """
    load_pack(assets)  # so that a bad pack is reported once, before any worker starts
    resumable.begin(out, plan.noted(), SYNTHETIC_MARK)
    made = _made(out)
    made.mkdir(exist_ok=True)
    missing = [name for name in plan.names if not resumable.shard_path(out, name).is_file()]
    each = len(plan.corpus.sequences)
    settings = (assets, out, plan)
    with progress("look-alike", plan.images, "images") as advance:
        advance(sum(plan.frames_of(name) * each for name in plan.names if name not in missing))
        for images in resumable.in_processes(
            _make_subject, missing, workers=workers, opening=_open, settings=settings
        ):
            advance(images)
    if finish := lookalikes()[plan.corpus.layout].finish:
        finish(made, plan.names)
    _publish(out, plan)


def _made(out: Path) -> Path:
    return resumable.shard_path(out, "made").with_suffix("")


def _publish(out: Path, plan: LookalikePlan) -> None:
    """Says what this is, then moves everything to its place. May be repeated."""
    with atomic_write(out / SYNTHETIC_MARK) as temporary:
        temporary.write_text(
            f"These are rendered faces of people who do not exist, laid out like "
            f"{plan.corpus.layout}; they are not that dataset.\n"
        )
    for path in sorted(_made(out).iterdir()):
        if not path.name.startswith("."):
            path.rename(out / path.name)
    resumable.commit(out)


def _open(assets: Path, out: Path, plan: LookalikePlan) -> _Worker:
    return Studio(load_pack(assets)), out, plan


def _make_subject(worker: _Worker, subject: str) -> int:
    studio, out, plan = worker
    write = lookalikes()[plan.corpus.layout].write
    images = sum(write(RenderedSubject(studio, plan, subject), _made(out)))
    with atomic_write(resumable.shard_path(out, subject)) as temporary:
        temporary.touch()
    return images
