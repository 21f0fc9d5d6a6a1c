"""What auheat has to know of a dataset. Each is described in one file of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from auheat.data.corpora import Corpus
from auheat.data.labels import FACS_SCALE, IntensityScale
from auheat.data.names import Camera
from auheat.data.recording import ReadOptions, Source
from auheat.folders import locate

if TYPE_CHECKING:
    from auheat.data.sequences import RenderedSubject

SYNTHETIC_MARK = "SYNTHETIC.txt"  # lies at the root of a look-alike


@dataclass(frozen=True)
class Protocol:
    """A published way to divide the people of a dataset.

    Attributes:
        name: As `--protocol` has it.
        title: As the caption of a table has it.
        lists: Every fold tests on the subjects of one list and trains on those of all others.
        official: The first list trains and the second is tested: a single fold.
    """

    name: str
    title: str
    lists: tuple[tuple[str, ...], ...]
    official: bool = False

    @property
    def folds(self) -> int:
        """How many folds there are."""
        return 1 if self.official else len(self.lists)


@dataclass(frozen=True)
class DatasetSpec:
    """The facts of a dataset.

    Attributes:
        name: As `auheat prepare` and a manifest's source have it.
        title: As people write it.
        source: Who published it, and where.
        aus: The AUs that are coded, those among them that auheat does not know, too.
        files: Where images, labels and landmarks lie, in a few words.
        split: Who trains and who is tested, in a few words.
        protocols: The published ones; the first is the paper's.
        k: The paper's number of neighbours in SCC.
        database: The dataset that the paper's tables print, if this is it.
        scale: What the codes of intensities stand for.
        cameras: What `--camera` may be, where there are several.
    """

    name: str
    title: str
    source: str
    aus: tuple[str, ...]
    files: str
    split: str = "none"
    protocols: tuple[Protocol, ...] = ()
    k: int = 7
    database: str = ""
    scale: IntensityScale = FACS_SCALE
    cameras: tuple[Camera, ...] = ()


@dataclass(frozen=True)
class Lookalike:
    """How rendered faces are laid out as a dataset lies on disk.

    Attributes:
        corpus: Who is shown, in which sequences.
        write: Writes one subject into a folder; yields 1 for each image.
        finish: Called with that folder and all subjects once everybody is written, if it is given.
    """

    corpus: Corpus
    write: Callable[[RenderedSubject, Path], Iterator[int]]
    finish: Callable[[Path, Sequence[str]], None] | None = None


@dataclass(frozen=True)
class Dataset:
    """A dataset: its facts, its reader, and the writers of look-alikes in its layout.

    Attributes:
        spec: The facts.
        read: The recordings of a copy.
        lookalikes: By name of the layout, mostly one with the dataset's own name.
        landmark_folders: What the folder of landmarks may be called; none for a dataset without.
        corpus_name: The name in a look-alike of a subject of a split; the subject's own by default.
        landmark_camera: The camera in whose pixels they are, where there are several.
    """

    spec: DatasetSpec
    read: Callable[[Path, ReadOptions], Source]
    lookalikes: Mapping[str, Lookalike] = field(default_factory=dict)
    landmark_folders: tuple[str, ...] = ()
    corpus_name: Callable[[str, str], str] | None = None
    landmark_camera: Camera | None = None

    def person_number(self, subject: str, split: str) -> int | None:
        """The number of a subject, equal wherever datasets show the same person; None for others.

        Args:
            subject: As a manifest has the name.
            split: In which the reader puts the subject.
        """
        name = self.corpus_name(subject, split) if self.corpus_name else subject
        corpora = [layout.corpus for layout in self.lookalikes.values()]
        chosen = next((corpus for corpus in corpora if name in corpus.subjects), None)
        if chosen is None and len(corpora) != 1:
            return None  # no telling whose name this is
        try:
            return (chosen or corpora[0]).person_number(name)
        except ValueError:  # no name of the layout
            return None

    def has_landmarks(self, root: Path, camera: Camera) -> bool:
        """Whether a copy comes with landmarks of the images that a camera took."""
        if not self.landmark_folders or self.landmark_camera not in (None, camera):
            return False
        return locate(root, *self.landmark_folders) is not None
