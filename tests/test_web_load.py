"""The server under load, against its own schema, killed, and over many videos. Slow."""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import httpx2 as httpx
import numpy as np
import psutil
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from PIL import Image as Pillow
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from auheat.geometry import Points
from auheat.web.limits import DEFAULT_LIMITS
from auheat.web.server import application
from auheat.web.sessions import SessionStore
from auheat.web.workspace import Workspace
from stand_ins import texture, write_video
from web_sessions import LIMITS, client_of, eventually, new_store, read, running, write_clip

pytestmark = pytest.mark.slow

# `AUHEAT_LOAD_SECONDS=120 pytest tests/test_web_load.py -k clients -s` is the long run.
SECONDS = float(os.environ.get("AUHEAT_LOAD_SECONDS", "8"))
CLIENTS = 32


@pytest.fixture
def store(face: Points, tmp_path: Path) -> Iterator[SessionStore]:
    with new_store(face, limits=replace(LIMITS, pending=8), parent=tmp_path) as store:
        yield store


def png(width: int) -> bytes:
    stream = io.BytesIO()
    Pillow.fromarray(texture(width % 9, 270, 480)).resize((width, 270)).save(stream, "PNG")
    return stream.getvalue()


class Client:
    """Uploads images and videos, each of a width of its own, and asks for all that they give."""

    def __init__(self, address: str, number: int, clip: bytes, end: float) -> None:
        self._http = httpx.Client(base_url=address, timeout=120, verify=False)
        self._number, self._clip, self._end = number, clip, end
        self.seen: Counter[str] = Counter()

    def run(self) -> Counter[str]:
        generator = random.Random(self._number)
        while time.monotonic() < self._end:
            kind = generator.choices(("image", "video", "broken"), (8, 1, 1))[0]
            if kind == "broken":
                self._upload(b"\x00" * generator.randrange(1, 2000), "refused")
            elif kind == "video":
                self._whole(self._clip, 480)
            else:
                width = 300 + 2 * (self._number + CLIENTS * generator.randrange(3))
                self._whole(png(width), width)
        self._http.close()
        return self.seen

    def _upload(self, content: bytes, name: str) -> dict[str, Any]:
        while True:
            answer = self._http.post("/api/sessions", content=content)
            if answer.status_code != 503:
                assert answer.status_code == 200, answer.text
                self.seen["refused" if "error" in answer.json() else "accepted"] += 1
                told: dict[str, Any] = answer.json()
                return told
            assert int(answer.headers["retry-after"]) > 0
            self.seen["503"] += 1
            time.sleep(0.2)

    def _whole(self, content: bytes, width: int) -> None:
        session = f"/api/sessions/{self._upload(content, 'whole')['id']}"
        status = eventually(lambda: self._over(session), 300)
        assert (status["state"], status["size"][0]) == ("done", width)
        for what in ("table", "shown", "overlay", "content"):
            answer = self._http.get(f"{session}/{what}")
            assert answer.status_code == 200, answer.text
        assert self._http.delete(session).status_code == 204
        self.seen["answered"] += 1

    def _over(self, session: str) -> dict[str, Any] | None:
        answer = self._http.get(session)
        assert answer.status_code == 200, "an accepted upload is lost"
        status: dict[str, Any] = answer.json()
        return status if status["state"] in ("done", "failed") else None


def test_clients_who_all_come_at_once_get_their_own_answers(
    store: SessionStore, tmp_path: Path
) -> None:
    """None is lost, none is mixed up, and nothing is left on disk."""
    clip = write_clip(tmp_path).read_bytes()
    process, before = psutil.Process(), time.monotonic()
    with running(store) as address, ThreadPoolExecutor(CLIENTS) as pool:
        end = time.monotonic() + SECONDS
        clients = [Client(address, number, clip, end) for number in range(CLIENTS)]
        seen: Counter[str] = sum(pool.map(Client.run, clients), Counter())
        eventually(lambda: not [p for p in store.workspace.folder.iterdir() if p.is_dir()])
    seconds, memory = time.monotonic() - before, process.memory_info().rss / 1e6
    print(f"{CLIENTS} clients, {seconds:.0f} s: {dict(seen)}, {memory:.0f} MB")
    assert seen["answered"] == seen["accepted"] >= CLIENTS
    assert seen["503"] > 0


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_the_server_keeps_to_its_own_schema(
    store: SessionStore, tmp_path: Path, mode: GenerationMode
) -> None:
    """Whatever is asked: no error of the server's own, no answer that the schema does not name."""
    schema: Any = schemathesis.openapi.from_dict(application(store).openapi())
    checks = [not_a_server_error, status_code_conformance, content_type_conformance]
    client, tried = client_of(store), Counter[str]()
    with running(store) as address:
        for found in schema.get_all_operations():
            operation = found.ok()
            known = [
                read(client, write_clip(tmp_path))["id"],
                client.post("/api/live").json()["id"],
            ]

            @settings(max_examples=15, database=None, suppress_health_check=list(HealthCheck))
            @given(case=operation.as_strategy(mode), who=st.sampled_from([*known, None]))
            def keeps_to_it(case: Any, who: str | None) -> None:
                if who is not None and "session_id" in (case.path_parameters or {}):
                    case.path_parameters["session_id"] = who
                case.validate_response(case.call(base_url=address.rstrip("/")), checks=checks)
                tried[case.operation.label] += 1

            try:
                keeps_to_it()
            except Unsatisfiable:  # nothing can be wrong with what takes nothing
                assert mode is GenerationMode.NEGATIVE
            for session_id in known:
                client.delete(f"/api/sessions/{session_id}")
    assert len(tried) >= (13 if mode is GenerationMode.POSITIVE else 7), tried


def test_a_server_that_was_killed_leaves_its_faces_only_until_the_next(tmp_path: Path) -> None:
    """kill -9 in the middle of a reading; the next start removes what it left."""
    code = (
        "import sys, time; sys.path[:0] = sys.argv[2:]\n"
        "from pathlib import Path\n"
        "from auheat.web.workspace import Workspace\n"
        "with Workspace(parent=Path(sys.argv[1])) as workspace:\n"
        "    (workspace.new_folder() / 'upload').write_bytes(b'a face')\n"
        "    print('ready', flush=True); time.sleep(600)\n"
    )
    arguments = [sys.executable, "-c", code, str(tmp_path), *sys.path]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        with Workspace(parent=tmp_path):
            assert len(list(tmp_path.glob("*/*/upload"))) == 1  # it lives
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    assert len(list(tmp_path.glob("*/*/upload"))) == 1
    with Workspace(parent=tmp_path):
        assert list(tmp_path.glob("*/*/upload")) == []
    assert list(tmp_path.iterdir()) == []


def sizes_over_videos(face: Points, video: Path, count: int) -> list[float]:
    """Resident memory of this process in MB after each of `count` videos that a store has read."""
    process, sizes = psutil.Process(), []
    with new_store(face, limits=DEFAULT_LIMITS) as store:
        client = client_of(store)
        for _ in range(count):
            session_id = read(client, video)["id"]
            assert client.get(f"/api/sessions/{session_id}/content").status_code == 200
            client.delete(f"/api/sessions/{session_id}")
            sizes.append(process.memory_info().rss / 1e6)
    return sizes


def test_memory_is_given_back(face: Points, tmp_path: Path) -> None:
    """A video left 38 MB, then 10: frames waited for the collector of cycles, and their threads."""
    video = write_video(tmp_path / "a.mp4", [texture(i, 720, 1280) for i in range(40)])
    # In a process of its own: what other tests left in this one would count, too.
    with ProcessPoolExecutor(1, get_context("spawn")) as alone:
        sizes = alone.submit(sizes_over_videos, np.array(face), video, 40).result(900)
    # What waits for a busy processor raises some values by up to 50 MB and goes again; what is not
    # given back is in the lowest, too: 10 MB a video would be 250.
    first, last = np.median(sizes[5:15]), min(sizes[-10:])
    print(f"{first:.0f} MB over the first videos, at least {last:.0f} MB over the last")
    assert last - first < 10, sizes
