"""Errors as HTTP answers: RFC 9457 problem details, the same from every role.

``install(app)`` gives a FastAPI app the handlers and the request ids. A body looks like::

    {"type": "urn:livetranslate:problem:unsupported_language", "title": "Unsupported language",
     "status": 422, "detail": "…", "code": "unsupported_language", "retryable": false,
     "field": "target_language", "available": ["en-es"], "request_id": "…"}

``retry_after_s`` (also as ``Retry-After``), ``field``, ``available``, ``expected_seq`` and
``errors`` are present where they apply.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from livetranslate.domain.errors import (
    InternalError,
    Invalid,
    InvalidInput,
    LiveTranslateError,
    SequenceGap,
    UnsupportedLanguage,
)
from livetranslate.services.request_ids import (
    REQUEST_ID_HEADER,
    RequestIdMiddleware,
    request_id_of,
)

PROBLEM_TYPE = "application/problem+json"
_log = structlog.get_logger(__name__)


def install(app: FastAPI) -> None:
    """Make every error of ``app`` a problem document, and give every request an id."""
    app.add_middleware(RequestIdMiddleware)
    app.add_exception_handler(LiveTranslateError, _handle_ours)
    app.add_exception_handler(RequestValidationError, _handle_validation)
    app.add_exception_handler(HTTPException, _handle_http)
    app.add_exception_handler(Exception, _handle_unexpected)


def problem_details(error: LiveTranslateError) -> dict[str, Any]:
    """Return the members of the problem document of an error of ours."""
    details: dict[str, Any] = _members(error.code, error.status, error.message)
    details["retryable"] = error.retryable
    if error.field is not None:
        details["field"] = error.field
    if error.retry_after_s is not None:
        details["retry_after_s"] = error.retry_after_s
    if isinstance(error, UnsupportedLanguage):
        details["available"] = list(error.available)
    if isinstance(error, Invalid):
        details["errors"] = [{"field": one.field, "message": one.reason} for one in error.problems]
    if isinstance(error, SequenceGap):
        details["expected_seq"] = error.expected_seq
    return details


def problem_response(request: Request, error: LiveTranslateError) -> JSONResponse:
    """Return the whole HTTP answer to an error of ours."""
    headers: dict[str, str] = {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    return _respond(request, problem_details(error), headers)


async def _handle_ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, LiveTranslateError)  # noqa: S101 - registered for this type only
    if error.status >= 500:
        _log.warning("request_failed", path=request.url.path, code=error.code)
    return problem_response(request, error)


async def _handle_validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type only
    errors = [_field_error(item) for item in error.errors()]
    first = errors[0] if errors else {"field": None, "message": "the request is not valid"}
    detail = f"{first['field']}: {first['message']}" if first["field"] else str(first["message"])
    details = _members(InvalidInput.code, HTTPStatus.UNPROCESSABLE_ENTITY, detail)
    details["retryable"] = False
    if first["field"]:
        details["field"] = first["field"]
    details["errors"] = errors
    return _respond(request, details, {})


async def _handle_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type only
    code = _phrase(error.status_code).lower().replace(" ", "_").replace("-", "_")
    details = _members(code, error.status_code, str(error.detail))
    details["retryable"] = error.status_code in (429, 502, 503, 504)
    return _respond(request, details, error.headers or {})


async def _handle_unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error("request_crashed", path=request.url.path, exc_info=error)
    request_id = request_id_of(request)
    return problem_response(
        request, InternalError(f"something went wrong here; the log has it under {request_id}")
    )


def _members(code: str, status: int, detail: str) -> dict[str, Any]:
    return {
        "type": f"urn:livetranslate:problem:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": int(status),
        "detail": detail,
        "code": code,
    }


def _respond(request: Request, details: dict[str, Any], headers: Mapping[str, str]) -> JSONResponse:
    request_id = request_id_of(request)
    sent = dict(headers)
    if request_id is not None:
        details["request_id"] = request_id
        sent[REQUEST_ID_HEADER] = request_id
    return JSONResponse(
        details, status_code=details["status"], headers=sent, media_type=PROBLEM_TYPE
    )


def _field_error(item: Mapping[str, Any]) -> dict[str, str | None]:
    if item["type"] == "json_invalid":
        reason = item.get("ctx", {}).get("error", item["msg"])
        return {"field": None, "message": f"the body is not JSON: {reason}"}
    return {"field": _field_name(item["loc"]), "message": str(item["msg"])}


def _field_name(location: Sequence[str | int]) -> str | None:
    inner = location[1:] if location and location[0] in _SOURCES else location
    return ".".join(str(part) for part in inner) or None


_SOURCES = ("body", "query", "path", "header", "cookie")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "HTTP error"
