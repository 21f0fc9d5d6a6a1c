"""The local web server: one page, and what it asks for."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool

from auheat import __version__
from auheat.drawing.panel import colour_scale, face_colour
from auheat.errors import AuheatError
from auheat.facs import TABLE
from auheat.inference.calibration import BASELINE_WINDOW_S, MAX_BASELINE, from_frame
from auheat.web import uploads
from auheat.web.guard import Guard
from auheat.web.heat import FRAMES_PER_PIECE
from auheat.web.session_files import calibrated_table
from auheat.web.sessions import MissingError, Session, SessionStore

STATIC = Path(str(files("auheat.web"))) / "static"
# One picture of the webcam, in bytes.
_MAX_LIVE_BYTES = 8_000_000
_FILES = {
    "shown": {"video": "shown.mp4", "live": "shown.mp4", "photo": "shown.jpg"},
    "overlay": {"video": "overlay.mp4", "live": "overlay.mp4", "photo": "overlay.jpg"},
}


def application(store: SessionStore, host: str, max_bytes: int) -> FastAPI:
    """The server's routes over a store. max_bytes: of an upload."""
    app = FastAPI(title="auheat", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Guard, host=host)
    app.add_exception_handler(AuheatError, _refused)
    app.add_exception_handler(MissingError, _gone)
    _add_sessions(app, store, max_bytes)
    _add_results(app, store)
    _add_live(app, store)

    @app.get("/api/about")
    def about() -> dict[str, Any]:
        return _about(store, max_bytes)

    app.mount("/", StaticFiles(directory=STATIC, html=True))
    return app


def _add_sessions(app: FastAPI, store: SessionStore, max_bytes: int) -> None:
    @app.post("/api/sessions")
    async def start(request: Request) -> dict[str, Any]:
        """Refusals are answers like others: browsers log an error status as the page's fault."""
        if int(request.headers.get("content-length") or 0) > max_bytes:
            return {"error": str(uploads.too_large(max_bytes))}
        folder = store.new_folder()
        try:
            await uploads.save(request.stream(), folder / "upload", max_bytes)
            session = await run_in_threadpool(store.start, folder, _name(request))
        except AuheatError as error:
            store.discard(folder)
            return {"error": str(error)}
        return _status(session, 0)

    @app.get("/api/sessions/{session_id}")
    def status(session_id: str, since: int = 0) -> Response:
        return JSONResponse(_status(store.get(session_id), max(since, 0)))

    @app.post("/api/sessions/{session_id}/stop")
    def stop(session_id: str) -> Response:
        session = store.get(session_id)
        session.stopping.set()
        if session.kind == "live":
            store.finish_live(session)
        return Response(status_code=204)

    @app.delete("/api/sessions/{session_id}")
    def remove(session_id: str) -> Response:
        store.remove(session_id)
        return Response(status_code=204)


def _add_results(app: FastAPI, store: SessionStore) -> None:
    @app.get("/api/sessions/{session_id}/heat/{index}")
    def heat(session_id: str, index: int) -> Response:
        try:
            piece = store.get(session_id).files.heat.piece(index)
        except IndexError:
            raise MissingError(index) from None
        headers = {"Content-Encoding": "gzip"}
        return Response(piece, media_type="application/octet-stream", headers=headers)

    @app.get("/api/sessions/{session_id}/latest")
    def latest(session_id: str) -> Response:
        return Response(store.latest(session_id), media_type="image/jpeg")

    @app.get("/api/sessions/{session_id}/shown")
    def shown(session_id: str) -> Response:
        session = _done(store, session_id)
        return FileResponse(session.folder / _FILES["shown"][session.kind])

    @app.get("/api/sessions/{session_id}/overlay")
    def overlay(session_id: str) -> Response:
        session = _done(store, session_id)
        path = session.folder / _FILES["overlay"][session.kind]
        return FileResponse(path, headers=_attached(session, f".overlay{path.suffix}"))

    @app.get("/api/sessions/{session_id}/table")
    def table(session_id: str, neutral: int | None = None) -> Response:
        session = _done(store, session_id)
        text = (session.folder / "table.csv").read_text("utf-8")
        if neutral is not None:
            recorder = _video(session).files.recorder
            text = calibrated_table(text, recorder, from_frame(neutral, recorder, session.name))
        end = ".csv" if neutral is None else f".neutral-{neutral}.csv"
        return Response(text, media_type="text/csv", headers=_attached(session, end))

    @app.get("/api/sessions/{session_id}/neutral/{frame}")
    def neutral(session_id: str, frame: int) -> Response:
        session = _video(_done(store, session_id))
        path = session.folder / "neutral.json"
        from_frame(frame, session.files.recorder, session.name).write(path)
        return FileResponse(path, headers=_attached(session, ".neutral.json"))

    @app.get("/api/sessions/{session_id}/report")
    def report(session_id: str) -> Response:
        session = _done(store, session_id)
        return HTMLResponse(store.report(session), headers=_attached(session, ".html"))


def _add_live(app: FastAPI, store: SessionStore) -> None:
    @app.post("/api/live")
    def start_live() -> dict[str, Any]:
        return _status(store.start_live(), 0)

    @app.post("/api/live/{session_id}")
    async def add_live(request: Request, session_id: str, t: float) -> Response:
        session = store.get(session_id)
        picture = session.folder / "live.jpg"
        await uploads.save(request.stream(), picture, _MAX_LIVE_BYTES)
        frame, maps = await run_in_threadpool(store.add_live, session, picture, t)
        head = json.dumps(
            {
                "frame": json.loads(frame),
                "mapSize": session.files.map_size,
                "size": session.files.size,
            }
        ).encode()
        body = len(head).to_bytes(4, "little") + head + maps
        return Response(body, media_type="application/octet-stream")


def _about(store: SessionStore, max_bytes: int) -> dict[str, Any]:
    units = [
        {"name": au, "title": TABLE[au].title, "muscle": TABLE[au].muscle}
        for au in store.predictor.aus
    ]
    return {
        "version": __version__,
        "aus": units,
        "maxBytes": max_bytes,
        "together": FRAMES_PER_PIECE,
        "neutral": {"around": BASELINE_WINDOW_S, "most": MAX_BASELINE},
        "people": [face_colour(face_id) for face_id in range(6)],
        "colours": colour_scale().tobytes().hex(),
    }


def _status(session: Session, since: int) -> dict[str, Any]:
    status = session.status(since)
    return status | {"frames": [json.loads(text) for text in status["frames"]]}


def _done(store: SessionStore, session_id: str) -> Session:
    session = store.get(session_id)
    if session.state != "done":
        raise MissingError(session_id)
    return session


def _video(session: Session) -> Session:
    if session.kind == "photo":
        raise AuheatError("a photo has no other frame that could be neutral")
    return session


def _name(request: Request) -> str:
    """What the file is called, for people: never a path, never on disk."""
    name = unquote(request.headers.get("x-file-name", "")).replace("\\", "/").split("/")[-1]
    return "".join(sign for sign in name if sign.isprintable())[:120] or "upload"


def _attached(session: Session, end: str) -> dict[str, str]:
    name = quote(Path(session.name).stem + end)
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}


async def _refused(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 422)


async def _gone(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "this is not here any more: open the file again"}, 404)
