"""What several test files share: one schematic face, face packs, reproducible property tests."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import own_process

own_process.prepare()

import pytest
from hypothesis import settings

from missing_extras import needs_more

if TYPE_CHECKING:
    import numpy as np
    from fastapi.testclient import TestClient
    from numpy.typing import NDArray

    from auheat.geometry import Points
    from auheat.synthesis.assets import FacePack
    from auheat.synthesis.face import FaceModel
    from auheat.synthesis.identity import Person
    from auheat.synthesis.render import Renderer
    from auheat.synthesis.studio import Studio
    from auheat.web.sessions import SessionStore
    from face_casts import Cast
    from web_sessions import MakeStore

# `make test-core`: what needs a package that the core does without is skipped, and nothing else.
CORE_ALONE = bool(os.environ.get("AUHEAT_CORE_ALONE"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    if CORE_ALONE and report.failed and call.excinfo and needs_more(call.excinfo.value):
        report.outcome = "skipped"
        report.longrepr = (str(item.path), 0, "Skipped: needs an extra")
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Any:
    report = yield
    error = report.call.excinfo if CORE_ALONE and report.failed else None
    if error and needs_more(error.value):
        report.outcome = "skipped"
        report.longrepr = (str(collector.path), 0, "Skipped: needs an extra")
    return report


settings.register_profile("auheat", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("auheat")


@pytest.fixture(scope="session")
def face() -> NDArray[np.float64]:
    """68 landmarks of an upright, symmetrical face; the image is 201 x 240. Read-only."""
    from schematic_face import landmarks

    return landmarks()


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
def make_store(face: Points, tmp_path: Path) -> Iterator[MakeStore]:
    """Opens stores with changed limits; their predictors go on at the end of the test."""
    from web_sessions import stores

    with stores(face, tmp_path / "workspace") as make:
        yield make


@pytest.fixture
def image(tmp_path: Path) -> Path:
    from web_sessions import write_image

    return write_image(tmp_path / "a.png")


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


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A quick network's."""
    from stand_ins import save_small

    return save_small(tmp_path / "small.safetensors")


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """A folder for what is read."""
    (tmp_path / "media").mkdir()
    return tmp_path / "media"


@pytest.fixture
def known_face(monkeypatch: pytest.MonkeyPatch, face: Points, tmp_path: Path) -> None:
    """Every image shows the schematic face; logs go to a folder of the test."""
    from auheat.inference import predictor
    from stand_ins import KnownFaces, face_from

    known = KnownFaces([[face_from(face)]])
    monkeypatch.setattr(predictor, "default_detector", lambda *_, **__: known)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    """Three clips of a smile in the folder `media`."""
    from corpus_clips import write_clips

    return write_clips(tmp_path / "media", 3)


@pytest.fixture
def loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of a corpus share one default network."""
    from auheat.corpus.read_settings import ReadSettings
    from corpus_clips import loaded

    monkeypatch.setattr(ReadSettings, "load", loaded)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny dataset."""
    from small_runs import write_dataset

    return write_dataset(tmp_path_factory.mktemp("data")).folder
