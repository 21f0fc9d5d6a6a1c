"""What the server answers where something is wrong, and what its schema says of answers."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from auheat.errors import AuheatError
from auheat.web.sessions import BusyError, MissingError, UnfinishedError
from auheat.web.uploads import StalledError

# What the schema says of a body that is a file.
FILE_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_ERRORS = {
    401: "The token is missing",
    403: "The request is of another website",
    404: "It is not there, or not any more",
    409: "It is still being read",
    408: "The client stopped sending",
    422: "The request cannot be fulfilled as it is",
    503: "There is no room now; Retry-After says when to try again",
}


def error_answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What the schema says of answers that are a line about an error."""
    schema = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
    content = {"application/json": {"schema": schema}}
    every = {status: _ERRORS[status] for status in (401, 403, *statuses)}
    return {status: {"description": text, "content": content} for status, text in every.items()}


def file_answer(*types: str) -> dict[str, Any]:
    """What the schema says of a route that answers with a file."""
    found = {"description": "The file", "content": {name: {} for name in types}}
    part = {"description": "A part of it", "content": {name: {} for name in types}}
    return {
        "response_class": Response,
        "responses": {200: found, 206: part, **error_answers(404, 409, 422)},
    }


def add_error_answers(app: FastAPI, *, retry_s: int) -> None:
    """Every error becomes one line `error` with the status that fits it.

    Args:
        app: The server's routes.
        retry_s: After how many seconds a client that found no room may come again.
    """
    app.add_exception_handler(AuheatError, _refused)
    app.add_exception_handler(HTTPException, _no_such)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(StalledError, _stalled)
    app.add_exception_handler(ClientDisconnect, _stalled)
    app.add_exception_handler(MissingError, _gone)
    app.add_exception_handler(FileNotFoundError, _gone)
    app.add_exception_handler(UnfinishedError, _unfinished)
    app.add_exception_handler(BusyError, partial(_busy, retry_s=retry_s))


async def _refused(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 422)


async def _no_such(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    lines = [f"{part['loc'][-1]}: {part['msg']}" for part in error.errors()]
    return JSONResponse({"error": "; ".join(lines)}, 422)


async def _stalled(request: Request, error: Exception) -> Response:
    headers = {"Connection": "close"}
    return JSONResponse({"error": "the upload broke off"}, 408, headers)


async def _gone(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "this is not here any more: open the file again"}, 404)


async def _unfinished(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "this is still being read: ask again when that is done"}, 409)


async def _busy(request: Request, error: Exception, *, retry_s: int) -> Response:
    headers = {"Retry-After": str(retry_s), "Connection": "close"}
    return JSONResponse({"error": str(error)}, 503, headers)
