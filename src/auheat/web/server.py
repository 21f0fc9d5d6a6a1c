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
from auheat.errors import AuheatError
from auheat.facs import TABLE
from auheat.inference.calibration import AROUND, MOST, from_frame
from auheat.inference.panel import colour_scale, face_colour
from auheat.web import uploads
from auheat.web.desk import Desk, MissingError, Reading
from auheat.web.guard import Guard
from auheat.web.heat import TOGETHER
from auheat.web.neutral import calibrated_table

STATIC = Path(str(files("auheat.web"))) / "static"
# One picture of the webcam, in bytes.
_MOST_LIVE = 8_000_000
_FILES = {
    "shown": {"video": "shown.mp4", "live": "shown.mp4", "photo": "shown.jpg"},
    "overlay": {"video": "overlay.mp4", "live": "overlay.mp4", "photo": "overlay.jpg"},
}


def application(desk: Desk, host: str, most_bytes: int) -> FastAPI:
    """The server's routes over a desk. most_bytes: of an upload."""
    app = FastAPI(title="auheat", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Guard, host=host)
    app.add_exception_handler(AuheatError, _refused)
    app.add_exception_handler(MissingError, _gone)
    _add_readings(app, desk, most_bytes)
    _add_results(app, desk)
    _add_live(app, desk)

    @app.get("/api/about")
    def about() -> dict[str, Any]:
        return _about(desk, most_bytes)

    app.mount("/", StaticFiles(directory=STATIC, html=True))
    return app


def _add_readings(app: FastAPI, desk: Desk, most_bytes: int) -> None:
    @app.post("/api/readings")
    async def start(request: Request) -> dict[str, Any]:
        """Refusals are answers like others: browsers log an error status as the page's fault."""
        if int(request.headers.get("content-length") or 0) > most_bytes:
            return {"error": str(uploads.too_large(most_bytes))}
        folder = desk.new_folder()
        try:
            await uploads.save(request.stream(), folder / "upload", most_bytes)
            reading = await run_in_threadpool(desk.start, folder, _name(request))
        except AuheatError as error:
            desk.discard(folder)
            return {"error": str(error)}
        return _status(reading, 0)

    @app.get("/api/readings/{reading_id}")
    def status(reading_id: str, since: int = 0) -> Response:
        return JSONResponse(_status(desk.get(reading_id), max(since, 0)))

    @app.post("/api/readings/{reading_id}/stop")
    def stop(reading_id: str) -> Response:
        reading = desk.get(reading_id)
        reading.stopping.set()
        if reading.kind == "live":
            desk.finish_live(reading)
        return Response(status_code=204)

    @app.delete("/api/readings/{reading_id}")
    def remove(reading_id: str) -> Response:
        desk.remove(reading_id)
        return Response(status_code=204)


def _add_results(app: FastAPI, desk: Desk) -> None:
    @app.get("/api/readings/{reading_id}/heat/{index}")
    def heat(reading_id: str, index: int) -> Response:
        try:
            piece = desk.get(reading_id).record.heat.piece(index)
        except IndexError:
            raise MissingError(index) from None
        headers = {"Content-Encoding": "gzip"}
        return Response(piece, media_type="application/octet-stream", headers=headers)

    @app.get("/api/readings/{reading_id}/latest")
    def latest(reading_id: str) -> Response:
        return Response(desk.latest(reading_id), media_type="image/jpeg")

    @app.get("/api/readings/{reading_id}/shown")
    def shown(reading_id: str) -> Response:
        reading = _done(desk, reading_id)
        return FileResponse(reading.folder / _FILES["shown"][reading.kind])

    @app.get("/api/readings/{reading_id}/overlay")
    def overlay(reading_id: str) -> Response:
        reading = _done(desk, reading_id)
        path = reading.folder / _FILES["overlay"][reading.kind]
        return FileResponse(path, headers=_attached(reading, f".overlay{path.suffix}"))

    @app.get("/api/readings/{reading_id}/table")
    def table(reading_id: str, neutral: int | None = None) -> Response:
        reading = _done(desk, reading_id)
        text = (reading.folder / "table.csv").read_text("utf-8")
        if neutral is not None:
            recorder = _video(reading).record.recorder
            text = calibrated_table(text, recorder, from_frame(neutral, recorder, reading.name))
        end = ".csv" if neutral is None else f".neutral-{neutral}.csv"
        return Response(text, media_type="text/csv", headers=_attached(reading, end))

    @app.get("/api/readings/{reading_id}/neutral/{frame}")
    def neutral(reading_id: str, frame: int) -> Response:
        reading = _video(_done(desk, reading_id))
        path = reading.folder / "neutral.json"
        from_frame(frame, reading.record.recorder, reading.name).write(path)
        return FileResponse(path, headers=_attached(reading, ".neutral.json"))

    @app.get("/api/readings/{reading_id}/report")
    def report(reading_id: str) -> Response:
        reading = _done(desk, reading_id)
        return HTMLResponse(desk.report(reading), headers=_attached(reading, ".html"))


def _add_live(app: FastAPI, desk: Desk) -> None:
    @app.post("/api/live")
    def start_live() -> dict[str, Any]:
        return _status(desk.start_live(), 0)

    @app.post("/api/live/{reading_id}")
    async def add_live(request: Request, reading_id: str, t: float) -> Response:
        reading = desk.get(reading_id)
        picture = reading.folder / "live.jpg"
        await uploads.save(request.stream(), picture, _MOST_LIVE)
        frame, maps = await run_in_threadpool(desk.add_live, reading, picture, t)
        head = json.dumps(
            {
                "frame": json.loads(frame),
                "mapSize": reading.record.map_size,
                "size": reading.record.size,
            }
        ).encode()
        body = len(head).to_bytes(4, "little") + head + maps
        return Response(body, media_type="application/octet-stream")


def _about(desk: Desk, most_bytes: int) -> dict[str, Any]:
    units = [
        {"name": au, "title": TABLE[au].title, "muscle": TABLE[au].muscle}
        for au in desk.predictor.aus
    ]
    return {
        "version": __version__,
        "aus": units,
        "mostBytes": most_bytes,
        "together": TOGETHER,
        "neutral": {"around": AROUND, "most": MOST},
        "people": [face_colour(face_id) for face_id in range(6)],
        "colours": colour_scale().tobytes().hex(),
    }


def _status(reading: Reading, since: int) -> dict[str, Any]:
    status = reading.status(since)
    return status | {"frames": [json.loads(text) for text in status["frames"]]}


def _done(desk: Desk, reading_id: str) -> Reading:
    reading = desk.get(reading_id)
    if reading.state != "done":
        raise MissingError(reading_id)
    return reading


def _video(reading: Reading) -> Reading:
    if reading.kind == "photo":
        raise AuheatError("a photo has no other frame that could be neutral")
    return reading


def _name(request: Request) -> str:
    """What the file is called, for people: never a path, never on disk."""
    name = unquote(request.headers.get("x-file-name", "")).replace("\\", "/").split("/")[-1]
    return "".join(sign for sign in name if sign.isprintable())[:120] or "upload"


def _attached(reading: Reading, end: str) -> dict[str, str]:
    name = quote(Path(reading.name).stem + end)
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}


async def _refused(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 422)


async def _gone(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "this is not here any more: open the file again"}, 404)
