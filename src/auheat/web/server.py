"""The local web server: one page, and what it asks for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, unquote

from fastapi import FastAPI, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool

from auheat import __version__
from auheat.drawing.overlay import heat_colours
from auheat.errors import AuheatError
from auheat.inference.baselines import from_frame
from auheat.inference.calibration import Baseline
from auheat.web import uploads
from auheat.web.answers import FILE_BODY, add_error_answers, error_answers, file_answer
from auheat.web.components import STATIC, au_descriptions, colours_css, shared_constants
from auheat.web.guard import Guard
from auheat.web.heat import FRAMES_PER_PIECE
from auheat.web.session import PENDING, Session
from auheat.web.session_files import calibrated_table
from auheat.web.sessions import BusyError, MissingError, SessionStore, UnfinishedError

_FILES = {
    "shown": {"video": "shown.mp4", "live": "shown.mp4", "image": "shown.jpg"},
    "overlay": {"video": "overlay.mp4", "live": "overlay.mp4", "image": "overlay.jpg"},
}
_DAY_S = 86_400.0

Seconds = Annotated[float, Query(ge=0, le=_DAY_S, allow_inf_nan=False)]
FrameNumber = Annotated[int, Query(ge=1, le=2**31)]


def application(
    store: SessionStore, *, host: str = "127.0.0.1", token: str | None = None
) -> FastAPI:
    """The server's routes.

    Args:
        store: Its sessions.
        host: The name or address that it is bound to.
        token: What clients must know, if anything.
    """
    app = FastAPI(
        title="auheat", version=__version__, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.add_middleware(Guard, host=host, token=token)
    add_error_answers(app, retry_s=store.limits.retry_s)
    _add_sessions(app, store)
    _add_results(app, store)
    _add_live(app, store)

    @app.get("/api/about")
    def about() -> dict[str, Any]:
        return _about(store)

    @app.get("/colours.css", include_in_schema=False)
    def colours() -> Response:
        return Response(colours_css(), media_type="text/css")

    app.mount("/", StaticFiles(directory=STATIC, html=True))
    return app


def _add_sessions(app: FastAPI, store: SessionStore) -> None:
    max_bytes, idle_s = store.limits.upload_bytes, store.limits.upload_idle_s

    @app.post("/api/sessions", responses=error_answers(408, 503), openapi_extra=FILE_BODY)
    async def start(request: Request) -> Response:
        """Takes a file.

        What is no image or video is refused with status 200 and a line `error`: browsers log any
        other status as a fault of the page.
        """
        if int(request.headers.get("content-length") or 0) > max_bytes:
            return JSONResponse({"error": str(uploads.too_large(max_bytes))})
        body, session = request.stream(), None
        try:
            folder = await run_in_threadpool(store.reserve)
        except BusyError:  # a browser sees the answer only when all is sent
            await uploads.drain(body, idle_s=idle_s)
            raise
        try:
            await uploads.save(body, folder / "upload", max_bytes=max_bytes, idle_s=idle_s)
            session = await run_in_threadpool(store.start, folder, _name(request))
        except AuheatError as error:
            return JSONResponse({"error": str(error)})
        finally:
            if session is None:
                store.discard(folder)
        return _status(session, 0)

    @app.get("/api/sessions/{session_id}", responses=error_answers(404, 422))
    def status(session_id: str, since: int = 0) -> Response:
        return _status(store.get(session_id), max(since, 0))

    @app.post("/api/sessions/{session_id}/stop", status_code=204, responses=error_answers(404))
    def stop(session_id: str) -> Response:
        session = store.get(session_id)
        session.stopping.set()
        if session.kind == "live":
            session.finish()
        return Response(status_code=204)

    @app.delete("/api/sessions/{session_id}", status_code=204, responses=error_answers(404))
    def remove(session_id: str) -> Response:
        store.remove(session_id)
        return Response(status_code=204)


def _add_results(app: FastAPI, store: SessionStore) -> None:
    @app.get("/api/sessions/{session_id}/heat/{index}", **file_answer("application/octet-stream"))
    def heat(session_id: str, index: int) -> Response:
        try:
            piece = store.get(session_id).files.heat.piece(index)
        except IndexError:
            raise MissingError(index) from None
        headers = {"Content-Encoding": "gzip"}
        return Response(piece, media_type="application/octet-stream", headers=headers)

    @app.get("/api/sessions/{session_id}/latest", **file_answer("image/jpeg"))
    def latest(session_id: str) -> Response:
        return Response(store.latest(store.get(session_id)), media_type="image/jpeg")

    @app.get("/api/sessions/{session_id}/shown", **file_answer("video/mp4", "image/jpeg"))
    def shown(session_id: str) -> Response:
        return _file(_done(store, session_id), "shown")

    @app.get("/api/sessions/{session_id}/overlay", **file_answer("video/mp4", "image/jpeg"))
    def overlay(session_id: str) -> Response:
        return _file(_done(store, session_id), "overlay", attach=True)

    @app.get("/api/sessions/{session_id}/table", **file_answer("text/csv"))
    def table(session_id: str, baseline: FrameNumber | None = None) -> Response:
        session = _done(store, session_id)
        text = (session.folder / "table.csv").read_text("utf-8")
        if baseline is not None:
            recorder = _video(session).files.recorder
            text = calibrated_table(text, recorder, from_frame(baseline, recorder, session.name))
        end = ".csv" if baseline is None else f".baseline-{baseline}.csv"
        return Response(text, media_type="text/csv", headers=_attached(session, end))

    @app.get("/api/sessions/{session_id}/baseline/{frame}", **file_answer("application/json"))
    def baseline(session_id: str, frame: int) -> Response:
        session = _video(_done(store, session_id))
        path = session.folder / f"baseline-{frame}.json"
        from_frame(frame, session.files.recorder, session.name).write(path)
        return FileResponse(path, headers=_attached(session, ".baseline.json"))

    @app.get("/api/sessions/{session_id}/content", responses=error_answers(404, 409, 422))
    def content(session_id: str, baseline: FrameNumber | None = None) -> dict[str, Any]:
        """What a report shows: statistics, peaks and, of a baseline, the calibrated intensities."""
        session = _done(store, session_id)
        return session.files.content(_baseline(session, baseline))

    @app.get("/api/sessions/{session_id}/report", **file_answer("text/html"))
    def report(session_id: str, baseline: FrameNumber | None = None) -> Response:
        session = _done(store, session_id)
        text = session.files.report(_baseline(session, baseline), session.name, store.weights)
        return HTMLResponse(text, headers=_attached(session, ".html"))


def _add_live(app: FastAPI, store: SessionStore) -> None:
    limits = store.limits

    @app.post("/api/live", responses=error_answers(503))
    def start_live() -> Response:
        return _status(store.start_live(), 0)

    @app.post(
        "/api/live/{session_id}",
        openapi_extra=FILE_BODY,
        responses=error_answers(404, 408, 422)
        | file_answer("application/octet-stream")["responses"],
    )
    async def add_live(request: Request, session_id: str, t: Seconds) -> Response:
        session = store.get(session_id)
        file = store.workspace.new_file(".jpg")
        try:
            await uploads.save(
                request.stream(),
                file,
                max_bytes=limits.live_bytes,
                idle_s=limits.upload_idle_s,
            )
            frame, maps = await run_in_threadpool(store.add_live, session, file, t)
        finally:
            file.unlink(missing_ok=True)
        files = session.files
        head = _with_frames({"mapSize": files.map_size, "size": files.size}, [frame]).encode()
        body = len(head).to_bytes(4, "little") + head + maps
        return Response(body, media_type="application/octet-stream")


def _about(store: SessionStore) -> dict[str, Any]:
    return {
        "version": __version__,
        "aus": au_descriptions(store.predictor.aus),
        "maxBytes": store.limits.upload_bytes,
        "framesPerPiece": FRAMES_PER_PIECE,
        "heat": heat_colours().tobytes().hex(),
        **shared_constants(),
    }


def _baseline(session: Session, frame: int | None) -> Baseline | None:
    if frame is None:
        return None
    return from_frame(frame, _video(session).files.recorder, session.name)


def _status(session: Session, since: int) -> Response:
    text = _with_frames(session.status(), session.files.frames.since(since))
    return Response(text, media_type="application/json")


def _with_frames(head: dict[str, Any], frames: list[str]) -> str:
    """JSON of an object and its frames, which are JSON already: each is dumped once, ever."""
    return f'{json.dumps(head)[:-1]},"frames":[{",".join(frames)}]}}'


def _done(store: SessionStore, session_id: str) -> Session:
    session = store.get(session_id)
    if session.state in PENDING:
        raise UnfinishedError(session_id)
    if session.state != "done":
        raise MissingError(session_id)
    return session


def _video(session: Session) -> Session:
    if session.kind == "image":
        raise AuheatError("an image has no other frame that could be its baseline")
    return session


def _file(session: Session, what: str, *, attach: bool = False) -> Response:
    path = session.folder / _FILES[what][session.kind]
    headers = _attached(session, f".{what}{path.suffix}") if attach else None
    try:
        return FileResponse(path, headers=headers, stat_result=path.stat())
    except FileNotFoundError:  # an overlay that could not be drawn
        raise MissingError(session.id) from None


def _name(request: Request) -> str:
    """What the file is called, for people: never a path, never on disk."""
    name = unquote(request.headers.get("x-file-name", "")).replace("\\", "/").split("/")[-1]
    return "".join(sign for sign in name if sign.isprintable())[:120] or "upload"


def _attached(session: Session, end: str) -> dict[str, str]:
    name = quote(Path(session.name).stem + end)
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
