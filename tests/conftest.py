"""What several test files share: one schematic face, face packs, reproducible property tests."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Workers of pytest-xdist share the processors; libraries read these names when they are loaded.
if os.environ.get("PYTEST_XDIST_WORKER"):
    workers = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    for library in ("OMP", "MKL", "OPENBLAS", "NUMBA"):
        name = f"{library}_NUM_THREADS"
        os.environ.setdefault(name, str(max(1, (os.cpu_count() or 1) // workers)))

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

from auheat.errors import AuheatError
from auheat.optional import EXTRAS

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from auheat.geometry import Points
    from auheat.synthesis.assets import FacePack
    from auheat.synthesis.face import FaceModel
    from auheat.synthesis.identity import Person
    from auheat.synthesis.render import Renderer
    from auheat.synthesis.studio import Studio
    from auheat.web.sessions import SessionStore
    from face_casts import Cast

# `make test-core`: what needs a package that the core does without is skipped, and nothing else.
CORE_ALONE = bool(os.environ.get("AUHEAT_CORE_ALONE"))
_ONLY_IN_TESTS = {
    *("httpx", "httpx2", "nbclient", "nbformat", "pingouin", "psutil", "schemathesis"),
    *("sklearn", "torch_geometric", "websockets", "yaml"),
}


def _needs_more(error: BaseException | None) -> bool:
    """Whether an error, or what lies below it, is that of a package that the core lacks."""
    while error is not None:
        package = (getattr(error, "name", None) or "").partition(".")[0]
        if isinstance(error, ImportError) and package in {*EXTRAS, *_ONLY_IN_TESTS}:
            return True
        if isinstance(error, AuheatError) and "is not installed: pip install" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    if CORE_ALONE and report.failed and call.excinfo and _needs_more(call.excinfo.value):
        report.outcome = "skipped"
        report.longrepr = (str(item.path), 0, "Skipped: needs an extra")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Any:
    report = yield
    error = report.call.excinfo if CORE_ALONE and report.failed else None
    if error and _needs_more(error.value):
        report.outcome = "skipped"
        report.longrepr = (str(collector.path), 0, "Skipped: needs an extra")
    return report


settings.register_profile("auheat", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("auheat")

# Half of a face that is symmetrical about x = 100, in an image 201 pixels wide:
# landmark, its partner on the other side, x, y of the landmark on the left of the image.
_PAIRS = (
    *((0, 16, 20, 80), (1, 15, 21, 100), (2, 14, 24, 120), (3, 13, 30, 140)),
    *((4, 12, 40, 158), (5, 11, 54, 174), (6, 10, 70, 186), (7, 9, 86, 194)),
    *((17, 26, 32, 62), (18, 25, 42, 54), (19, 24, 55, 52), (20, 23, 68, 55), (21, 22, 82, 60)),
    *((31, 35, 86, 126), (32, 34, 93, 129)),
    *((36, 45, 40, 80), (37, 44, 48, 74), (38, 43, 60, 74)),
    *((39, 42, 70, 80), (40, 47, 60, 84), (41, 46, 48, 84)),
    *(
        (48, 54, 68, 156),
        (49, 53, 78, 148),
        (50, 52, 90, 144),
        (59, 55, 78, 166),
        (58, 56, 90, 171),
    ),
    *((60, 64, 73, 156), (61, 63, 88, 152), (67, 65, 88, 161)),
)
_MIDDLE = {8: 196, 27: 76, 28: 90, 29: 104, 30: 116, 33: 131, 51: 146, 57: 172, 62: 153, 66: 162}


@pytest.fixture(scope="session")
def face() -> NDArray[np.float64]:
    """68 landmarks of an upright, symmetrical face; the image is 201 x 240. Read-only."""
    points = np.full((68, 2), np.nan)
    for left, right, x, y in _PAIRS:
        points[left], points[right] = (x, y), (200 - x, y)
    for index, y in _MIDDLE.items():
        points[index] = (100, y)
    assert np.isfinite(points).all()
    points.flags.writeable = False
    return points


@pytest.fixture
def marks(face: NDArray[np.float64]) -> NDArray[np.float64]:
    """The schematic face fitted into a crop of 144 pixels."""
    return face * 0.6 + (12, 0)


def find_assets(environment: Mapping[str, str]) -> Path:
    """The folder of the real face assets: AUHEAT_ASSETS, or the one beside the repository.

    Where there is none the test is skipped, or fails if AUHEAT_REQUIRE_ASSETS is 1.
    """
    beside = Path(__file__).resolve().parents[2] / "shared" / "face-assets"
    folder = Path(environment.get("AUHEAT_ASSETS") or beside)
    if (folder / "ict_facekit.npz").is_file():
        return folder
    message = "the real face assets are not there: set AUHEAT_ASSETS to their folder"
    if environment.get("AUHEAT_REQUIRE_ASSETS") == "1":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def assets() -> Path:
    """The folder of the real face assets; see `find_assets`."""
    return find_assets(os.environ)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever needs the real face assets carries the marker `assets`."""
    for item in items:
        if "assets" in getattr(item, "fixturenames", ()):
            item.add_marker("assets")


@pytest.fixture(scope="session")
def real_pack(assets: Path) -> FacePack:
    from auheat.synthesis.assets import load_pack

    return load_pack(assets)


@pytest.fixture(scope="session")
def real_model(real_pack: FacePack) -> FaceModel:
    from auheat.synthesis.face import FaceModel

    return FaceModel(real_pack)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the schematic face of `tiny_pack.py` and six painted skins."""
    from tiny_pack import write_tiny_pack

    return write_tiny_pack(tmp_path_factory.mktemp("tiny"), skins=6)


@pytest.fixture(scope="session")
def tiny_pack(tiny_folder: Path) -> FacePack:
    from auheat.synthesis.assets import load_pack

    return load_pack(tiny_folder)


@pytest.fixture(scope="session")
def tiny_model(tiny_pack: FacePack) -> FaceModel:
    from auheat.synthesis.face import FaceModel

    return FaceModel(tiny_pack)


@pytest.fixture(scope="session")
def tiny_studio(tiny_pack: FacePack) -> Studio:
    from auheat.synthesis.studio import Studio

    return Studio(tiny_pack)


@pytest.fixture(params=["tiny_model", pytest.param("real_model", marks=pytest.mark.assets)])
def model(request: pytest.FixtureRequest) -> FaceModel:
    """The schematic face, then the real one."""
    found: FaceModel = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def cast(model: FaceModel) -> Cast:
    from face_casts import cast_of

    return cast_of(model)


@pytest.fixture
def real_cast(real_model: FaceModel) -> Cast:
    from face_casts import cast_of

    return cast_of(real_model)


@pytest.fixture(scope="session")
def renderer(tiny_model: FaceModel) -> Renderer:
    from auheat.synthesis.render import Renderer

    return Renderer(tiny_model)


@pytest.fixture(scope="session")
def person(tiny_model: FaceModel) -> Person:
    from rendered_faces import plain_person

    return plain_person(tiny_model)


@pytest.fixture(scope="session")
def bare(person: Person) -> Person:
    from rendered_faces import bared

    return bared(person)


@pytest.fixture
def store(face: Points) -> Iterator[SessionStore]:
    """The page's sessions over two people who are always there."""
    from web_sessions import new_store

    with new_store(face) as store:
        yield store


@pytest.fixture
def client(store: SessionStore) -> TestClient:
    from web_sessions import client_of

    return client_of(store)


@pytest.fixture
def serial(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The work of worker processes is done in this one."""
    import cv2

    from auheat.data import resumable
    from serial_pool import Serial

    threads = cv2.getNumThreads()
    monkeypatch.setattr(resumable, "ProcessPoolExecutor", Serial)
    monkeypatch.setattr(resumable, "_kept", None)
    yield
    cv2.setNumThreads(threads)


@pytest.fixture
def tiny_serial(serial: None, monkeypatch: pytest.MonkeyPatch, tiny_studio: Studio) -> None:
    """The same for work in a studio, which is the schematic face's."""
    from auheat.data import lookalike, synthetic

    for room in (synthetic, lookalike):
        monkeypatch.setattr(room, "Studio", lambda pack: tiny_studio)
